"""The characters of byte strings: their code points, and how many are of a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@inlined
def code_point_at(data: NDArray[np.uint8], position: int, length: int) -> int:
    """Return the code point of the character of so many bytes at a position."""
    code_point = np.int64(data[position])
    if length > 1:
        code_point &= 0xFF >> (length + 1)
    for i in range(1, length):
        code_point = (code_point << 6) | np.int64(data[position + i] & np.uint8(0x3F))
    return code_point


@kernel
def count_members(
    data: NDArray[np.uint8], starts: NDArray[np.int64], members: NDArray[np.uint8], counts: NDArray[np.int32]
) -> None:
    """Write how many characters of each string are members: `members: uint8[0x110000]`, 0 or 1 a code point.

    Strings are valid UTF-8, but for pretokens that a byte-wise pattern cut: a character that the string's end cuts off is
    not counted.
    """
    for row in range(starts.size - 1):
        position = starts[row]
        stop = starts[row + 1]
        found = 0
        while position < stop:
            lead = np.int64(data[position])
            length = 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
            if position + length > stop:
                break
            code_point = code_point_at(data, position, length)
            found += members[code_point] if code_point < members.size else 0
            position += length
        counts[row] = found
