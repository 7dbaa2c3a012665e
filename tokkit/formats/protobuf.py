"""Protocol buffers on the wire, as little of them as a SentencePiece model needs: fields out of bytes, and into them.

Read here, not by a library, so that a file from anywhere meets a check at every length, and an error names its place.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tokkit.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}


def fields(data: bytes, start: int, stop: int, source: str) -> Iterator[tuple[int, int, int, int]]:
    r"""Yield each field of the message that lies in `data[start:stop]`.

    Yields:
        number, wire type, and where its value lies: for BYTES, FIXED32 and FIXED64 from `first` to `last`; for a VARINT
        the value itself, and 0.

    Raises:
        FormatError: a tag, a length or a value that does not fit; names `source` and the byte.

    Example:
        >>> list(fields(b"\x08\x96\x01\x12\x02hi", 0, 7, "a message"))
        [(1, 0, 150, 0), (2, 2, 5, 7)]
    """
    at = start
    while at < stop:
        tag_at = at
        tag, at = _varint(data, at, stop, source)
        number, wire = tag >> 3, tag & 7
        if number == 0 or wire not in (VARINT, BYTES, *_WIDTHS):
            raise FormatError(f"{source}: byte {tag_at}: not a protocol buffer: field {number} of wire type {wire}")
        if wire == VARINT:
            value, at = _varint(data, at, stop, source)
            yield number, wire, value, 0
            continue
        length, at = (_WIDTHS[wire], at) if wire in _WIDTHS else _varint(data, at, stop, source)
        if length > stop - at:
            raise FormatError(
                f"{source}: byte {tag_at}: field {number} is {length:,} bytes long where {stop - at:,} are left",
                "the file is cut, or is something else",
            )
        yield number, wire, at, at + length
        at += length


def _varint(data: bytes, at: int, stop: int, source: str) -> tuple[int, int]:
    """Return the number that starts at a byte, and the byte after it."""
    value = 0
    for index in range(10):
        if at + index >= stop:
            raise FormatError(f"{source}: byte {at}: a number is cut off", "the file is cut, or is something else")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise FormatError(f"{source}: byte {at}: a number of more than ten bytes", "the file is something else")


def number(value: int) -> bytes:
    r"""Return a number on the wire; a negative one as the 64 bits of its two's complement.

    Example:
        >>> number(150), number(-1) == b"\xff" * 9 + b"\x01"
        (b'\x96\x01', True)
    """
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def field(index: int, value: bytes | str | float) -> bytes:
    r"""Return a field on the wire: text and bytes with their length, whole numbers and truths as varints, floats in 32 bits.

    Example:
        >>> field(2, "hi"), field(1, 150), field(3, False), field(2, -1.0)
        (b'\x12\x02hi', b'\x08\x96\x01', b'\x18\x00', b'\x15\x00\x00\x80\xbf')
    """
    if isinstance(value, (bytes, str)):
        data = value.encode() if isinstance(value, str) else value
        return number(index << 3 | BYTES) + number(len(data)) + data
    if isinstance(value, int):
        return number(index << 3 | VARINT) + number(value)
    return number(index << 3 | FIXED32) + struct.pack("<f", value)
