"""Split UTF-8 text into pretokens by the published patterns, one function a pattern, written out by hand.

Each `end_of_*` returns where the pretoken that begins at `position` ends; `tokkit.kernels.runs` has their parts, and says what
`classes` are. The order of the alternatives is the pattern's own; what follows from possessive quantifiers and from backtracking
is said where it matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.memory import load_word
from tokkit.kernels.runs import (
    BEFORE_END,
    LETTER,
    LOWER,
    MARK,
    NEWLINE,
    NOWHERE,
    NUMBER,
    NUMBER_OR_NEWLINE,
    SPACE,
    UPPER,
    bytes_between,
    char_length,
    class_at,
    end_of_ascii_symbols,
    end_of_ascii_word,
    end_of_contraction,
    end_of_letters,
    end_of_numbers,
    end_of_space,
    end_of_symbols,
    n_leading,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


@inlined
def end_of_cl100k(data: NDArray[np.uint8], position: int, stop: int, newlines: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the cl100k pretoken at `position`; `newlines` as in `end_of_space`.

    `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`
    """
    end = end_of_contraction(data, position, stop, True)
    if end > position:
        return end
    if position + 16 <= stop:
        # Most pretokens are ASCII: words with or without one character before them, a few symbols with or without a space
        # before them, or spaces; so few branches for each, foreseen more often.
        first = data[position]
        if first < 0x80 and not classes[first] & NUMBER_OR_NEWLINE:
            end = end_of_ascii_word(data, position, stop, classes)
            if end > position:
                return end
            end = end_of_ascii_symbols(data, position, stop)
            if end > position:
                return end
    bits = class_at(data, position, classes)
    after = position + char_length(data[position])
    if bits & LETTER:
        return end_of_letters(data, after, stop, classes)
    if bits & NUMBER:
        return end_of_numbers(data, after, stop, 2, classes)
    if not bits & NEWLINE and after < stop and class_at(data, after, classes) & LETTER:
        return end_of_letters(data, after, stop, classes)
    end = end_of_symbols(data, after if data[position] == 0x20 else position, stop, classes)
    if end > after or (end == after and data[position] != 0x20):
        while end < stop and (data[end] == 0x0A or data[end] == 0x0D):
            end += 1
        return end
    return end_of_space(data, position, stop, newlines, classes)


@inlined
def end_of_gpt2(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the GPT-2 pretoken at `position` (r50k_base and p50k_base).

    `'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s`
    """
    end = end_of_contraction(data, position, stop, False)
    if end > position:
        return end
    if position + 16 <= stop and data[position] < 0x80:  # as for cl100k, but only a space may stand before a word
        if data[position] == 0x20 or classes[data[position]] & LETTER:
            end = end_of_ascii_word(data, position, stop, classes)
            if end > position:
                return end
        end = end_of_ascii_symbols(data, position, stop)
        if end > position:
            return end
    first = position + 1 if data[position] == 0x20 else position
    if first < stop:
        bits = class_at(data, first, classes)
        if bits & LETTER:
            return end_of_letters(data, first, stop, classes)
        if bits & NUMBER:
            return end_of_numbers(data, first, stop, stop, classes)
        if not bits & SPACE:
            return end_of_symbols(data, first, stop, classes)
    return end_of_space(data, position, stop, NOWHERE, classes)


@inlined
def _is_upper(bits: np.uint8) -> bool:
    r"""Tell whether `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`: a letter that is not lower case, or a mark."""
    return bool(bits & MARK) or (bool(bits & LETTER) and not bits & LOWER)


@inlined
def _is_lower(bits: np.uint8) -> bool:
    r"""Tell whether `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`: a letter that is not upper or title case, or a mark."""
    return bool(bits & MARK) or (bool(bits & LETTER) and not bits & UPPER)


@inlined
def _end_of_o200k_word(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    """Return the end of `upper* lower+` at `position`, else of `upper+ lower*`, else `position`.

    `upper*` is greedy and gives back one character at a time until a lower one follows: so either a lower-case letter ends
    the run of upper ones, or the match ends after the last character of the run that is in both classes.
    """
    end = position
    after_both = position
    while end < stop:
        bits = class_at(data, end, classes)
        if not _is_upper(bits):
            break
        end += char_length(data[end])
        if _is_lower(bits):
            after_both = end
    upper_end = end
    while end < stop and _is_lower(class_at(data, end, classes)):
        end += char_length(data[end])
    if end > upper_end:
        return end
    return after_both if after_both > position else upper_end


@inlined
def end_of_o200k(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the o200k pretoken at `position`: words by case, with an optional leading symbol and contraction.

    Both word alternatives try the leading `[^\r\n\p{L}\p{N}]` first; the first alternative gives it back before the second
    is tried, which matters only where the leading character is a mark that can begin a word itself.
    """
    end = _end_of_ascii_o200k(data, position, stop, classes)
    if end > position:
        return end
    bits = class_at(data, position, classes)
    after = position + char_length(data[position])
    if not bits & (LETTER | NUMBER | NEWLINE):
        end = _end_of_o200k_led(data, position, after, stop, classes)
    if end == position:
        end = _end_of_o200k_word(data, position, stop, classes)
    if end > position:
        return end_of_contraction(data, end, stop, True) if end < stop else end
    if bits & NUMBER:
        return end_of_numbers(data, after, stop, 2, classes)
    end = end_of_symbols(data, after if data[position] == 0x20 else position, stop, classes)
    if end > after or (end == after and data[position] != 0x20):
        while end < stop and (data[end] == 0x0A or data[end] == 0x0D or data[end] == 0x2F):
            end += 1
        return end
    return end_of_space(data, position, stop, BEFORE_END, classes)


@inlined
def _end_of_ascii_o200k(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    """Return the end of an o200k pretoken that is a word, symbols or spaces, all ASCII as what follows; else `position`.

    In ASCII no letter is of both cases, so that a word is capitals and then small letters.
    """
    if position + 8 > stop:
        return position
    word = load_word(data, position)
    first = word & np.uint64(0xFF)
    if first >= 0x80 or classes[first] & NUMBER_OR_NEWLINE:
        return position
    skipped = np.uint64(1) - np.uint64(classes[first] & LETTER)
    word_start = position + np.int64(skipped)
    word >>= skipped << np.uint64(3)
    n_capitals = n_leading(bytes_between(word, 0x41, 0x5A))
    end = word_start + n_capitals
    if n_capitals < 8:
        end += n_leading(bytes_between(word >> np.uint64(8 * n_capitals), 0x61, 0x7A))
    if end > word_start:
        if end == position + 8 and data[end - 1] >= 0x61:
            while end + 8 <= stop:
                n_letters = n_leading(bytes_between(load_word(data, end), 0x61, 0x7A))
                end += n_letters
                if n_letters < 8:
                    break
        elif end == position + 8:
            return position  # eight capitals; how they go on is not looked at here
        if end + 8 > stop or data[end] >= 0x80 or 0x61 <= data[end] <= 0x7A:
            return position
        return end_of_contraction(data, end, stop, True)
    return end_of_ascii_symbols(data, position, stop)


@inlined
def _end_of_o200k_led(data: NDArray[np.uint8], position: int, after: int, stop: int, classes: NDArray[np.uint8]) -> int:
    """Return the end of a word after the leading character, or `position` where the rest is no word for it.

    `upper* lower+` with the leading character wins; then, for a leading mark, `upper* lower+` that begins with the mark
    itself; only then `upper+` after the leading character.
    """
    end = _end_of_o200k_word(data, after, stop, classes)
    if end == after:
        return position
    if class_at(data, position, classes) & MARK and not _has_lower(data, after, end, classes):
        return _end_of_o200k_word(data, position, stop, classes)
    return end


@inlined
def _has_lower(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> bool:
    while position < stop:
        if _is_lower(class_at(data, position, classes)):
            return True
        position += char_length(data[position])
    return False


# One kernel a pattern: written with the pattern as an argument, all of them would be compiled for any of them.


@kernel
def split_cl100k(
    data: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    document: int,
    position: int,
    newlines: int,
    classes: NDArray[np.uint8],
    starts: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Split documents by the cl100k pattern until `starts` is full or they end.

    Document i is `data[bounds[i]:bounds[i + 1]]`; work begins in `document` at `position`. Writes where each pretoken starts
    and, one entry further, where the last one ends. Returns the number of pretokens, and the document and position to go
    on from: a pretoken never crosses the border of a document.
    """
    n_pretokens = 0
    while document < bounds.size - 1 and n_pretokens < starts.size - 1:
        stop = bounds[document + 1]
        while position < stop and n_pretokens < starts.size - 1:
            starts[n_pretokens] = position
            n_pretokens += 1
            position = end_of_cl100k(data, position, stop, newlines, classes)
        if position >= stop:
            document += 1
    starts[n_pretokens] = position
    return n_pretokens, document, position


@kernel
def split_gpt2(
    data: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    document: int,
    position: int,
    newlines: int,  # noqa: ARG001 - one signature for all split kernels
    classes: NDArray[np.uint8],
    starts: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Split documents by the GPT-2 pattern; see `split_cl100k`."""
    n_pretokens = 0
    while document < bounds.size - 1 and n_pretokens < starts.size - 1:
        stop = bounds[document + 1]
        while position < stop and n_pretokens < starts.size - 1:
            starts[n_pretokens] = position
            n_pretokens += 1
            position = end_of_gpt2(data, position, stop, classes)
        if position >= stop:
            document += 1
    starts[n_pretokens] = position
    return n_pretokens, document, position


@kernel
def split_o200k(
    data: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    document: int,
    position: int,
    newlines: int,  # noqa: ARG001 - one signature for all split kernels
    classes: NDArray[np.uint8],
    starts: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Split documents by the o200k pattern; see `split_cl100k`."""
    n_pretokens = 0
    while document < bounds.size - 1 and n_pretokens < starts.size - 1:
        stop = bounds[document + 1]
        while position < stop and n_pretokens < starts.size - 1:
            starts[n_pretokens] = position
            n_pretokens += 1
            position = end_of_o200k(data, position, stop, classes)
        if position >= stop:
            document += 1
    starts[n_pretokens] = position
    return n_pretokens, document, position
