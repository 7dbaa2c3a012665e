"""Split UTF-8 text into pretokens by the published patterns, one function a pattern, written out by hand.

Each `end_of_*` returns where the pretoken that begins at `position` ends. Text is valid UTF-8 (Python has checked).
`classes` is `tokkit.unicode.class_table()`: bits of every code point. The order of the alternatives is the pattern's own;
what follows from possessive quantifiers and from backtracking is said where it matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.memory import load_word, swap_bytes, trailing_zeros

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The bits of tokkit.unicode, repeated here because a kernel knows nothing of the package; a test holds them equal.
LETTER = np.uint8(1)
NUMBER = np.uint8(2)
SPACE = np.uint8(4)
NEWLINE = np.uint8(8)
UPPER = np.uint8(16)
LOWER = np.uint8(32)
MARK = np.uint8(64)
WORD_OR_SPACE = np.uint8(1 | 2 | 4)
NUMBER_OR_NEWLINE = np.uint8(2 | 8)

NOWHERE = 0
AFTER_END = 1
BEFORE_END = 2


@inlined
def char_length(lead: int) -> int:
    """Return how many bytes the character with this lead byte has."""
    if lead < 0x80:
        return 1
    if lead < 0xE0:
        return 2
    if lead < 0xF0:
        return 3
    return 4


@inlined
def class_at(data: NDArray[np.uint8], position: int, classes: NDArray[np.uint8]) -> np.uint8:
    """Return the class bits of the character that begins at `position`."""
    lead = np.uint32(data[position])
    if lead < 0x80:
        return classes[lead]
    if lead < 0xE0:
        return classes[((lead & np.uint32(0x1F)) << np.uint32(6)) | (data[position + 1] & np.uint32(0x3F))]
    if lead < 0xF0:
        return classes[
            ((lead & np.uint32(0x0F)) << np.uint32(12))
            | ((data[position + 1] & np.uint32(0x3F)) << np.uint32(6))
            | (data[position + 2] & np.uint32(0x3F))
        ]
    return classes[
        ((lead & np.uint32(0x07)) << np.uint32(18))
        | ((data[position + 1] & np.uint32(0x3F)) << np.uint32(12))
        | ((data[position + 2] & np.uint32(0x3F)) << np.uint32(6))
        | (data[position + 3] & np.uint32(0x3F))
    ]


@inlined
def leading_letters(word: np.uint64) -> int:
    """Return how many of eight bytes, from the lowest on, are ASCII letters before the first that is not.

    Each byte without its high bit, in lower case, has `a` or more, and not more than `z`, added to the border of its high
    bit; no sum carries into the next byte.
    """
    folded = (word & np.uint64(0x7F7F7F7F7F7F7F7F)) | np.uint64(0x2020202020202020)
    from_a = folded + np.uint64(0x1F1F1F1F1F1F1F1F)
    above_z = folded + np.uint64(0x0505050505050505)
    letters = from_a & ~above_z & ~word & np.uint64(0x8080808080808080)
    return trailing_zeros(letters ^ np.uint64(0x8080808080808080)) >> 3


@inlined
def leading_symbols(word: np.uint64) -> int:
    """Return how many of eight bytes, from the lowest on, are printable ASCII, no space, letter or digit; see above."""
    high = np.uint64(0x8080808080808080)
    low = word & ~high
    folded = low | np.uint64(0x2020202020202020)
    letters = (folded + np.uint64(0x1F1F1F1F1F1F1F1F)) & ~(folded + np.uint64(0x0505050505050505))
    digits = (low + np.uint64(0x5050505050505050)) & ~(low + np.uint64(0x4646464646464646))
    visible = low + np.uint64(0x5F5F5F5F5F5F5F5F)
    symbols = visible & ~letters & ~digits & ~word & high
    return trailing_zeros(symbols ^ high) >> 3


@inlined
def end_of_blanks(data: NDArray[np.uint8], position: int, stop: int) -> int:
    """Return the end of the run of spaces (U+0020)."""
    while position + 8 <= stop:
        n_blanks = trailing_zeros(load_word(data, position) ^ np.uint64(0x2020202020202020)) >> 3
        position += n_blanks
        if n_blanks < 8:
            return position
    while position < stop and data[position] == 0x20:
        position += 1
    return position


@inlined
def leading_ideographs(word: np.uint64) -> int:
    """Return how many of the two characters that eight bytes begin with are unified ideographs, up to the first that is not.

    U+4E00 to U+9FFF, E4 B8 80 to E9 BF BF in UTF-8: all letters, and most of Chinese.
    """
    reversed_word = swap_bytes(word)
    first = (reversed_word >> np.uint64(48)) - np.uint64(0xE4B8) <= np.uint64(0xE9BF - 0xE4B8)
    second = ((reversed_word >> np.uint64(24)) & np.uint64(0xFFFF)) - np.uint64(0xE4B8) <= np.uint64(0xE9BF - 0xE4B8)
    return np.int64(first) + (np.int64(first) & np.int64(second))


@inlined
def _end_of_letters(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    while position < stop:
        lead = data[position]
        if lead < 0x80:
            if position + 8 <= stop:
                n_letters = leading_letters(load_word(data, position))
                position += n_letters
                if n_letters < 8 and data[position] < 0x80:
                    break
            elif classes[lead] & LETTER:
                position += 1
            else:
                break
        elif position + 8 <= stop and 0xE4 <= lead <= 0xE9:
            n_ideographs = leading_ideographs(load_word(data, position))
            position += 3 * n_ideographs
            if n_ideographs == 0:
                if not class_at(data, position, classes) & LETTER:
                    break
                position += 3
        elif class_at(data, position, classes) & LETTER:
            position += char_length(lead)
        else:
            break
    return position


@inlined
def _end_of_symbols(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the run of `[^\s\p{L}\p{N}]`."""
    while position < stop and not class_at(data, position, classes) & WORD_OR_SPACE:
        position += char_length(data[position])
    return position


@inlined
def _end_of_numbers(data: NDArray[np.uint8], position: int, stop: int, most: int, classes: NDArray[np.uint8]) -> int:
    while most > 0 and position < stop and class_at(data, position, classes) & NUMBER:
        position += char_length(data[position])
        most -= 1
    return position


@inlined
def _end_of_contraction(data: NDArray[np.uint8], position: int, stop: int, any_case: bool) -> int:  # noqa: FBT001
    """Return the end of `'s 't 'd 'm 'll 've 're` at `position`, or `position` where there is none.

    In any case, the long s (U+017F) folds to s: `'ſ` is a contraction.
    """
    if data[position] != 0x27 or position + 1 >= stop:
        return position
    fold = np.uint8(0x20) if any_case else np.uint8(0)
    first = data[position + 1] | fold
    if first in (0x73, 0x64, 0x6D, 0x74):
        return position + 2
    if position + 2 < stop:
        second = data[position + 2] | fold
        if (first == 0x6C and second == 0x6C) or (first in (0x76, 0x72) and second == 0x65):
            return position + 3
        if any_case and data[position + 1] == 0xC5 and data[position + 2] == 0xBF:
            return position + 3
    return position


@inlined
def _end_of_space(data: NDArray[np.uint8], position: int, stop: int, newlines: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of a whitespace pretoken: `\s++$|\s*[\r\n]|\s+(?!\S)|\s`.

    The run is taken whole at the end of the text; else up to its last newline; else without its last character, which
    belongs to what follows; a run of one character is taken as it is. `newlines` says where the second alternative stands:
    AFTER_END as here, BEFORE_END where `\s*[\r\n]+` comes first (it parts "\n" from trailing spaces), NOWHERE in GPT-2's.
    """
    first = position
    last = position
    after_newline = position
    while position < stop:
        bits = class_at(data, position, classes)
        if not bits & SPACE:
            break
        last = position
        position += char_length(data[position])
        if bits & NEWLINE:
            after_newline = position
    if newlines == BEFORE_END and after_newline > first:
        return after_newline
    if position == stop:
        return position
    if newlines == AFTER_END and after_newline > first:
        return after_newline
    return last if last > first else position


@inlined
def end_of_cl100k(data: NDArray[np.uint8], position: int, stop: int, newlines: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the cl100k pretoken at `position`; `newlines` as in `_end_of_space`.

    `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`
    """
    end = _end_of_contraction(data, position, stop, True)
    if end > position:
        return end
    if position + 8 <= stop:
        # Most pretokens are ASCII: words with or without one character before them, a few symbols with or without a space
        # before them, or spaces; so few branches for each, foreseen more often.
        word = load_word(data, position)
        first = word & np.uint64(0xFF)
        if first < 0x80 and not classes[first] & NUMBER_OR_NEWLINE:
            skipped = np.uint64(1) - np.uint64(classes[first] & LETTER)
            n_letters = leading_letters(word >> (skipped << np.uint64(3)))
            if n_letters > 0:
                end = position + n_letters + np.int64(skipped)
                if end < position + 8 and data[end] < 0x80:
                    return end
                return _end_of_letters(data, end, stop, classes)
            skipped = np.uint64(first == 0x20)
            n_symbols = leading_symbols(word >> (skipped << np.uint64(3)))
            end = position + n_symbols + np.int64(skipped)
            if n_symbols > 0:
                if end < position + 8 and 0x20 <= data[end] < 0x80:
                    return end
            elif skipped and data[end] == 0x20:
                end = end_of_blanks(data, end, stop)
                if end < stop and 0x20 < data[end] < 0x80:
                    return end - 1  # the last space belongs to what follows
    bits = class_at(data, position, classes)
    after = position + char_length(data[position])
    if bits & LETTER:
        return _end_of_letters(data, after, stop, classes)
    if bits & NUMBER:
        return _end_of_numbers(data, after, stop, 2, classes)
    if not bits & NEWLINE and after < stop and class_at(data, after, classes) & LETTER:
        return _end_of_letters(data, after, stop, classes)
    end = _end_of_symbols(data, after if data[position] == 0x20 else position, stop, classes)
    if end > after or (end == after and data[position] != 0x20):
        while end < stop and (data[end] == 0x0A or data[end] == 0x0D):
            end += 1
        return end
    return _end_of_space(data, position, stop, newlines, classes)


@kernel
def end_of_gpt2(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the GPT-2 pretoken at `position` (r50k_base and p50k_base).

    `'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s`
    """
    end = _end_of_contraction(data, position, stop, False)
    if end > position:
        return end
    first = position + 1 if data[position] == 0x20 else position
    if first < stop:
        bits = class_at(data, first, classes)
        if bits & LETTER:
            return _end_of_letters(data, first, stop, classes)
        if bits & NUMBER:
            return _end_of_numbers(data, first, stop, stop, classes)
        if not bits & SPACE:
            return _end_of_symbols(data, first, stop, classes)
    return _end_of_space(data, position, stop, NOWHERE, classes)


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


@kernel
def end_of_o200k(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the o200k pretoken at `position`: words by case, with an optional leading symbol and contraction.

    Both word alternatives try the leading `[^\r\n\p{L}\p{N}]` first; the first alternative gives it back before the second
    is tried, which matters only where the leading character is a mark that can begin a word itself.
    """
    bits = class_at(data, position, classes)
    after = position + char_length(data[position])
    end = position
    if not bits & (LETTER | NUMBER | NEWLINE):
        end = _end_of_o200k_led(data, position, after, stop, classes)
    if end == position:
        end = _end_of_o200k_word(data, position, stop, classes)
    if end > position:
        return _end_of_contraction(data, end, stop, True) if end < stop else end
    if bits & NUMBER:
        return _end_of_numbers(data, after, stop, 2, classes)
    end = _end_of_symbols(data, after if data[position] == 0x20 else position, stop, classes)
    if end > after or (end == after and data[position] != 0x20):
        while end < stop and (data[end] == 0x0A or data[end] == 0x0D or data[end] == 0x2F):
            end += 1
        return end
    return _end_of_space(data, position, stop, BEFORE_END, classes)


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
