"""What split patterns are made of: runs of letters, numbers, symbols and white space in UTF-8 text, and where each ends.

ASCII is looked at eight bytes at a time. Text is valid UTF-8 (Python has checked); `classes` is `tokkit.unicode.class_table()`:
bits of every code point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined
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

EACH_BYTE = np.uint64(0x0101010101010101)
HIGH_BITS = np.uint64(0x8080808080808080)

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
def bytes_between(word: np.uint64, first: int, last: int) -> np.uint64:
    """Return the high bits of those of eight bytes that are `first` to `last`, both ASCII.

    Each byte without its high bit has `first` or more, and not more than `last`, added to the border of its high bit; no sum
    carries into the next byte.
    """
    low = word & ~HIGH_BITS
    from_first = low + np.uint64(0x80 - first) * EACH_BYTE
    above_last = low + np.uint64(0x7F - last) * EACH_BYTE
    return from_first & ~above_last & ~word & HIGH_BITS


@inlined
def n_leading(high_bits: np.uint64) -> int:
    """Return how many of eight bytes, from the lowest on, have their high bit set before the first that has not."""
    return trailing_zeros(high_bits ^ HIGH_BITS) >> 3


@inlined
def ascii_letters(word: np.uint64) -> np.uint64:
    """Return the high bits of those of eight bytes that are ASCII letters; as `bytes_between`, with small letters as capitals."""
    capitals = word & np.uint64(0x5F) * EACH_BYTE
    from_a = capitals + np.uint64(0x80 - 0x41) * EACH_BYTE
    above_z = capitals + np.uint64(0x7F - 0x5A) * EACH_BYTE
    return from_a & ~above_z & ~word & HIGH_BITS


@inlined
def leading_letters(word: np.uint64) -> int:
    """Return how many of eight bytes, from the lowest on, are ASCII letters before the first that is not."""
    return n_leading(ascii_letters(word))


@inlined
def leading_symbols(word: np.uint64) -> int:
    """Return how many of eight bytes, from the lowest on, are ASCII above the space, no letter or digit."""
    return n_leading(bytes_between(word, 0x21, 0x7F) & ~ascii_letters(word) & ~bytes_between(word, 0x30, 0x39))


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
def end_of_ascii_symbols(data: NDArray[np.uint8], position: int, stop: int) -> int:
    """Return the end of a pretoken of ASCII symbols behind a space or none, or of spaces, where ASCII follows; else `position`.

    Eight bytes must be readable. Of spaces the last belongs to what follows.
    """
    word = load_word(data, position)
    skipped = np.uint64(word & np.uint64(0xFF) == 0x20)
    n_symbols = leading_symbols(word >> (skipped << np.uint64(3)))
    end = position + n_symbols + np.int64(skipped)
    if n_symbols > 0:
        return end if end < position + 8 and 0x20 <= data[end] < 0x80 else position
    if skipped and data[end] == 0x20:
        end = end_of_blanks(data, end, stop)
        if end < stop and 0x20 < data[end] < 0x80:
            return end - 1
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
def end_of_letters(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the run of `\p{L}`."""
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
def end_of_ascii_word(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the run of `\p{L}` behind an ASCII byte, a letter or what may stand before some; else `position`.

    Sixteen bytes must be readable. The first is taken for a letter, so that where the word ends does not wait for what it is; and
    both halves are looked at, so that nobody has to foresee which of them the end is in.
    """
    others = (ascii_letters(load_word(data, position)) | np.uint64(0x80)) ^ HIGH_BITS
    others_behind = ascii_letters(load_word(data, position + 8)) ^ HIGH_BITS
    half = position
    if others == 0:
        others = others_behind
        half = position + 8
    end = half + (trailing_zeros(others) >> 3)
    if end == position + 1 and not classes[data[position]] & LETTER:
        return position
    return end if end < position + 16 and data[end] < 0x80 else end_of_letters(data, end, stop, classes)


@inlined
def end_of_symbols(data: NDArray[np.uint8], position: int, stop: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the run of `[^\s\p{L}\p{N}]`."""
    while position < stop and not class_at(data, position, classes) & WORD_OR_SPACE:
        position += char_length(data[position])
    return position


@inlined
def end_of_numbers(data: NDArray[np.uint8], position: int, stop: int, most: int, classes: NDArray[np.uint8]) -> int:
    r"""Return the end of the run of `\p{N}`, of `most` characters at most."""
    while most > 0 and position < stop and class_at(data, position, classes) & NUMBER:
        position += char_length(data[position])
        most -= 1
    return position


@inlined
def end_of_contraction(data: NDArray[np.uint8], position: int, stop: int, any_case: bool) -> int:  # noqa: FBT001
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
def end_of_space(data: NDArray[np.uint8], position: int, stop: int, newlines: int, classes: NDArray[np.uint8]) -> int:
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
