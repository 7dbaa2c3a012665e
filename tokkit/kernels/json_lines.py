"""Lines of JSON objects: where the values of some of their fields stand, the grammar of JSON checked on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.json_strings import (
    BACKSLASH,
    HIGH_BITS,
    ONES,
    QUOTE,
    UNESCAPED,
    escaped_character,
    utf8_length,
    word_at,
)
from tokkit.kernels.memory import trailing_zeros
from tokkit.kernels.strings import equal_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEWLINE = 0x0A
COMMA = 0x2C
COLON = 0x3A
BRACKET = 0x5B
BRACE = 0x7B
CLOSING = 2  # from an opening bracket or brace to its closing one
MOST_DEPTH = 60  # of containers, whose kinds are bits of one word
TRUE, FALSE, NULL = (np.uint64(int.from_bytes(word, "little")) for word in (b"true", b"alse", b"null"))


@inlined
def byte_at(data: NDArray[np.uint8], position: int) -> int:
    """Return a byte, or a newline at the end of the data."""
    return np.int64(data[position]) if position < data.size else NEWLINE


@inlined
def behind_spaces(data: NDArray[np.uint8], position: int) -> int:
    """Return where the white space of a line ends."""
    while byte_at(data, position) in (0x20, 0x09, 0x0D):
        position += 1
    return position


@inlined
def text_end(data: NDArray[np.uint8], position: int) -> int:
    """Return the end of the string that begins at `position`, which nobody has looked into yet; -1 for none."""
    position += 1
    while position < data.size:
        word = word_at(data, position)
        quotes, backslashes = word ^ ONES * np.uint64(QUOTE), word ^ ONES * np.uint64(BACKSLASH)
        # The high bit of the first zero byte of each, and of no byte below it.
        found = ((quotes - ONES) & ~quotes | (backslashes - ONES) & ~backslashes) & HIGH_BITS
        if found == 0:
            position += 8
            continue
        position += trailing_zeros(found) >> 3
        if data[position] == QUOTE:
            return position + 1
        position += 2
    return -1


@kernel
def string_end(data: NDArray[np.uint8], position: int, plain: bool) -> int:  # noqa: FBT001 - a kernel
    """Return the end of the valid string at `position`; -1 for none, or for one with a backslash where it is to be plain."""
    position += 1
    while position < data.size:
        lead = data[position]
        if lead == QUOTE:
            return position + 1
        if lead == BACKSLASH:
            length = 0 if plain else escape_length(data, position)
        elif lead < 0x80:
            length = 0 if lead < 0x20 else 1
        else:
            length = utf8_length(word_at(data, position))
        if length == 0:
            return -1
        position += length
    return -1


@kernel
def escape_length(data: NDArray[np.uint8], position: int) -> int:
    """Return the length of the escape at `position`, of a surrogate pair that of both; 0 for none."""
    if UNESCAPED[byte_at(data, position + 1)] > 0:
        return 2
    value = escaped_character(data, position + 1, data.size)
    if value < 0:
        return 0
    return 12 if value >= 0x10000 else 6


@inlined
def behind_digits(data: NDArray[np.uint8], position: int) -> int:
    """Return where one digit or more end; the end of the data and one where there is none, from where nothing goes on."""
    if not 0x30 <= byte_at(data, position) <= 0x39:
        return data.size + 1
    while 0x30 <= byte_at(data, position) <= 0x39:
        position += 1
    return position


@kernel
def scalar_end(data: NDArray[np.uint8], position: int) -> int:
    """Return the end of the number, `true`, `false` or `null` at `position`; -1 where there is none."""
    word = word_at(data, position) & np.uint64(0xFFFFFFFF)
    if word in (TRUE, NULL):
        return position + 4
    if word_at(data, position + 1) & np.uint64(0xFFFFFFFF) == FALSE and data[position] == 0x66:
        return position + 5
    position += byte_at(data, position) == 0x2D
    position = position + 1 if byte_at(data, position) == 0x30 else behind_digits(data, position)
    if byte_at(data, position) == 0x2E:
        position = behind_digits(data, position + 1)
    if byte_at(data, position) | 0x20 == 0x65:
        sign = byte_at(data, position + 1)
        position = behind_digits(data, position + 1 + (sign in (0x2B, 0x2D)))
    return position if position <= data.size else -1


@inlined
def field_of(
    data: NDArray[np.uint8], start: int, stop: int, names: NDArray[np.uint8], bounds: NDArray[np.int64]
) -> int:
    """Return which name stands at `data[start:stop]`, -1 for none of them."""
    for field in range(bounds.size - 1):
        length = bounds[field + 1] - bounds[field]
        if length == stop - start and equal_bytes(data, start, names, bounds[field], length):
            return field
    return -1


@kernel
def object_end(
    data: NDArray[np.uint8],
    position: int,
    names: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    values: NDArray[np.int64],
    row: int,
) -> int:
    """Write where the values of an object's fields begin and end; return its end, -1 where `find_values` cannot tell."""
    depth, kinds = 0, np.uint64(0)  # bit 0: the innermost container is an object
    field = -1
    while True:  # a value begins at `position`, that of a wanted field or not
        start, lead = position, byte_at(data, position)
        if lead in (BRACE, BRACKET):
            if field >= 0 or depth == MOST_DEPTH:
                return -1
            depth += 1
            kinds = kinds << np.uint64(1) | np.uint64(lead == BRACE)
            position = behind_spaces(data, position + 1)
            opened = byte_at(data, position) != lead + CLOSING
        else:
            if lead != QUOTE:
                position = scalar_end(data, position)
            elif field == 0:
                position = text_end(data, position)
            else:
                position = string_end(data, position, False)
            if position < 0:
                return -1
            if field >= 0:
                values[row, field, 0], values[row, field, 1] = start, position
            opened = False
        while not opened:  # a value has ended, and with it perhaps the containers around it
            position = behind_spaces(data, position)
            lead = byte_at(data, position)
            position += 1
            if lead == COMMA:
                position = behind_spaces(data, position)
                opened = True
            elif lead == (BRACE if kinds & np.uint64(1) else BRACKET) + CLOSING:
                depth -= 1
                kinds >>= np.uint64(1)
                if depth == 0:
                    return position
            else:
                return -1
        field = -1
        if kinds & np.uint64(1):
            start = position
            position = string_end(data, start, True) if byte_at(data, start) == QUOTE else -1
            if position < 0:
                return -1
            if depth == 1:
                field = field_of(data, start + 1, position - 1, names, bounds)
                if field >= 0 and values[row, field, 1] > 0:
                    return -1
            position = behind_spaces(data, position)
            if byte_at(data, position) != COLON:
                return -1
            position = behind_spaces(data, position + 1)


@kernel
def find_values(
    data: NDArray[np.uint8],
    names: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    lines: NDArray[np.int64],
    values: NDArray[np.int64],
) -> int:
    """Find the values of fields in lines of JSON objects; return how many there are, -1 where it cannot tell.

    Field i is called `names[bounds[i]:bounds[i + 1]]`. Of object j, `lines[j]` is the line, from 0, and `values[j, i]` where the
    value of field i begins and ends, a string's quotes included; 0 and 0 where there is none. Blank lines are passed over.
    The strings of field 0 are left to `unquote`: until it has found them good, nothing here is certain. All else is checked.

    It cannot tell, and the caller asks another, where a line is no object by the rules of JSON, or has white space before it, a
    name with an escape in it, a field twice, one whose value is no scalar, or containers of more than MOST_DEPTH levels; and
    where there are more objects than `lines` has room for.
    """
    position, line, n_objects = 0, 0, 0
    while position < data.size:
        if data[position] != NEWLINE:
            if data[position] != BRACE or n_objects == lines.size:
                return -1
            for field in range(values.shape[1]):
                values[n_objects, field, 0] = values[n_objects, field, 1] = 0
            position = object_end(data, position, names, bounds, values, n_objects)
            if position < 0:
                return -1
            position = behind_spaces(data, position)
            if byte_at(data, position) != NEWLINE:
                return -1
            lines[n_objects] = line
            n_objects += 1
        position += 1
        line += 1
    return n_objects
