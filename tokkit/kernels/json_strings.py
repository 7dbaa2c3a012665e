"""JSON strings out of their quotes: escapes replaced, UTF-8 and the rules of JSON checked on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.memory import load_word, store_word
from tokkit.kernels.strings import tail_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUOTE = 0x22
BACKSLASH = 0x5C
ONES = np.uint64(0x0101010101010101)
HIGH_BITS = np.uint64(0x8080808080808080)
# What stands after a backslash, besides `u`, to what it stands for; 0 for everything else.
UNESCAPED = np.zeros(256, np.uint8)
UNESCAPED[np.frombuffer(b'"\\/bfnrt', np.uint8)] = np.frombuffer(b'"\\/\b\f\n\r\t', np.uint8)


@inlined
def word_at(data: NDArray[np.uint8], position: int) -> np.uint64:
    """Return eight bytes as a little-endian word, with zeros for those beyond the end."""
    return load_word(data, position) if position + 8 <= data.size else tail_word(data, position, data.size)


@inlined
def is_plain(word: np.uint64) -> bool:
    """Tell whether eight bytes are printable ASCII without a backslash, so that they stand for themselves."""
    backslashes = word ^ ONES * np.uint64(BACKSLASH)
    found = (backslashes - ONES) & ~backslashes  # the high bit of the first zero byte, and of no byte below it
    controls = (word - ONES * np.uint64(0x20)) & ~word
    return ((found | controls | word) & HIGH_BITS) == 0


@inlined
def utf8_length(word: np.uint64) -> int:
    """Return the length of the valid UTF-8 character of two to four bytes that a word begins with, else 0."""
    lead = word & np.uint64(0xFF)
    second = (word >> np.uint64(8)) & np.uint64(0xFF)
    if word & np.uint64(0xC0C0F0) == 0x8080E0:
        return 0 if (lead == 0xE0 and second < 0xA0) or (lead == 0xED and second >= 0xA0) else 3
    if word & np.uint64(0xC0E0) == 0x80C0:
        return 2 if lead >= 0xC2 else 0
    if word & np.uint64(0xC0C0C0F8) == 0x808080F0:
        return 0 if lead > 0xF4 or (lead == 0xF0 and second < 0x90) or (lead == 0xF4 and second >= 0x90) else 4
    return 0


@kernel
def hexadecimal(data: NDArray[np.uint8], position: int, stop: int) -> int:
    """Return the number that `uXXXX` at `position` stands for, -1 where it does not stand there."""
    if position + 5 > stop or data[position] != 0x75:
        return -1
    value = 0
    for offset in range(1, 5):
        digit = np.int64(data[position + offset])
        if 0x30 <= digit <= 0x39:
            digit -= 0x30
        elif 0x61 <= digit | 0x20 <= 0x66:
            digit = (digit | 0x20) - 0x57
        else:
            return -1
        value = value << 4 | digit
    return value


@kernel
def escaped_character(data: NDArray[np.uint8], position: int, stop: int) -> int:
    """Return the character that `uXXXX`, or a surrogate pair of two, at `position` stands for; -1 for none, or half a pair."""
    value = hexadecimal(data, position, stop)
    if 0xD800 <= value < 0xDC00 and position + 5 < stop and data[position + 5] == BACKSLASH:
        low = hexadecimal(data, position + 6, stop)
        return 0x10000 + ((value - 0xD800) << 10 | (low - 0xDC00)) if 0xDC00 <= low < 0xE000 else -1
    return -1 if 0xD800 <= value < 0xE000 else value


@kernel
def unquote(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    out: NDArray[np.uint8],
    out_starts: NDArray[np.int64],
    characters: NDArray[np.int64],
) -> int:
    """Write the texts of JSON strings one after the other to `out`; return how many there are up to the first bad one.

    String i is `data[starts[i]:stops[i]]`, its quotes included. Writes where each text starts, and the end, and how many
    characters it has. A bad one is no string, or not one by the rules of JSON, or not UTF-8, or has half a surrogate pair; the
    caller finds out which. `out` needs as much room as the strings have, and eight bytes at the end.
    """
    used = 0
    for i in range(starts.size):
        out_starts[i] = used
        position = starts[i] + 1
        stop = stops[i] - 1
        if stop < position or data[position - 1] != QUOTE or data[stop] != QUOTE:
            return i
        n_characters = 0
        while position < stop:
            word = word_at(data, position)
            lead = data[position]
            if lead >= 0x80:
                length = utf8_length(word)
                if length == 0 or position + length > stop:
                    return i
                store_word(out, used, word)
                position += length
                used += length
            elif is_plain(word) and position + 8 <= stop:
                store_word(out, used, word)
                position += 8
                used += 8
                n_characters += 7
            elif lead != BACKSLASH:
                if lead < 0x20 or lead == QUOTE:
                    return i
                out[used] = lead
                position += 1
                used += 1
            elif position + 1 < stop and UNESCAPED[data[position + 1]] > 0:
                out[used] = UNESCAPED[data[position + 1]]
                position += 2
                used += 1
            else:
                length = unescape(data, position + 1, stop, out, used)
                if length == 0:
                    return i
                position += 12 if length == 4 else 6
                used += length
            n_characters += 1
        characters[i] = n_characters
    out_starts[starts.size] = used
    return int(starts.size)


@kernel
def unescape(data: NDArray[np.uint8], position: int, stop: int, out: NDArray[np.uint8], used: int) -> int:
    """Write the character of `uXXXX`, or of a surrogate pair of two; return how many bytes it has, 0 where it is none."""
    value = escaped_character(data, position, stop)
    if value < 0:
        return 0
    if value >= 0x10000:
        out[used] = 0xF0 | value >> 18
        out[used + 1] = 0x80 | value >> 12 & 0x3F
        out[used + 2] = 0x80 | value >> 6 & 0x3F
        out[used + 3] = 0x80 | value & 0x3F
        return 4
    if value < 0x80:
        out[used] = value
        return 1
    if value < 0x800:
        out[used] = 0xC0 | value >> 6
        out[used + 1] = 0x80 | value & 0x3F
        return 2
    out[used] = 0xE0 | value >> 12
    out[used + 1] = 0x80 | value >> 6 & 0x3F
    out[used + 2] = 0x80 | value & 0x3F
    return 3
