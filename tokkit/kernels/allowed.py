"""Which tokens may be learned: by script, and by length in characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel
def is_allowed(
    left: int,
    right: int,
    max_chars: int,
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
    script_before: NDArray[np.int32],
) -> bool:
    """Tell whether the concatenation of two ids may be a learned token.

    `script_before[p]` is the number of the script's code points below p (0x110001 entries; empty: any script). Then a token
    is whole characters of the script, or the leading bytes of a single one. `max_chars` bounds the characters begun.
    """
    left_length = token_starts[left + 1] - token_starts[left]
    length = left_length + token_starts[right + 1] - token_starts[right]
    characters = 0
    position = 0
    while position < length:
        lead = np.int64(_byte_of(left, right, left_length, position, token_data, token_starts))
        characters += lead & 0xC0 != 0x80
        if script_before.size == 0:
            position += 1
            continue
        if lead < 0x80:
            n_bytes, code_point, least = 1, lead, 0
        elif 0xC2 <= lead < 0xE0:
            n_bytes, code_point, least = 2, lead & 0x1F, 0x80
        elif 0xE0 <= lead < 0xF0:
            n_bytes, code_point, least = 3, lead & 0x0F, 0x800
        elif 0xF0 <= lead < 0xF5:
            n_bytes, code_point, least = 4, lead & 0x07, 0x10000
        else:
            return False
        if position and position + n_bytes > length:
            return False  # whole characters and then a part of one
        present = min(n_bytes, length - position)
        for i in range(1, present):
            byte = np.int64(_byte_of(left, right, left_length, position + i, token_data, token_starts))
            if byte & 0xC0 != 0x80:
                return False
            code_point = (code_point << 6) | (byte & 0x3F)
        missing = 6 * (n_bytes - present)
        first = max(code_point << missing, least)
        last = min((code_point + 1) << missing, 0x110000)
        if first >= last or script_before[last] == script_before[first]:
            return False
        position += present
    return characters <= max_chars


@kernel
def _byte_of(
    left: int,
    right: int,
    left_length: int,
    position: int,
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
) -> np.uint8:
    if position < left_length:
        return token_data[token_starts[left] + position]
    return token_data[token_starts[right] + position - left_length]


@kernel
def mark_allowed(
    table: NDArray[np.int64],
    max_chars: int,
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
    script_before: NDArray[np.int32],
) -> None:
    """Set the weight of every counted pair that may not be learned to 0."""
    for i in range(table.shape[0]):
        if table[i, 0]:
            key = table[i, 0] - 1
            if not is_allowed(
                key >> 32, key & np.int64(0xFFFFFFFF), max_chars, token_data, token_starts, script_before
            ):
                table[i, 1] = 0
