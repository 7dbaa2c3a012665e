"""Byte strings in one flat array: hashing, equality, and an open-addressing index from bytes to row.

A set of strings is `data: uint8[...]` with `starts: int64[n + 1]`; string i is `data[starts[i]:starts[i + 1]]`.
An index is `slots: int32[2**k]` that holds rows, or -1; it is kept at most half full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.memory import load_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@inlined
def tail_word(data: NDArray[np.uint8], position: int, stop: int) -> np.uint64:
    """Return `data[position:stop]`, less than eight bytes, as a little-endian word padded with zeros."""
    if position + 8 <= data.size:  # read what follows too, and mask it off
        return load_word(data, position) & ((np.uint64(1) << np.uint64(8 * (stop - position))) - np.uint64(1))
    word = np.uint64(0)
    shift = np.uint64(0)
    while position < stop:
        word |= np.uint64(data[position]) << shift
        shift += np.uint64(8)
        position += 1
    return word


@inlined
def hash_bytes(data: NDArray[np.uint8], start: int, stop: int) -> np.uint64:
    """Return a 64-bit hash of `data[start:stop]`, eight bytes at a step."""
    value = np.uint64(stop - start) * HASH_FACTOR
    position = start
    while position + 8 <= stop:
        value = (value ^ load_word(data, position)) * HASH_FACTOR
        value ^= value >> np.uint64(29)
        position += 8
    value = (value ^ tail_word(data, position, stop)) * HASH_FACTOR
    return value ^ (value >> np.uint64(32))


@inlined
def equal_bytes(
    left: NDArray[np.uint8], left_start: int, right: NDArray[np.uint8], right_start: int, length: int
) -> bool:
    """Tell whether two stretches of `length` bytes are the same."""
    offset = 0
    while offset + 8 <= length:
        if load_word(left, left_start + offset) != load_word(right, right_start + offset):
            return False
        offset += 8
    return tail_word(left, left_start + offset, left_start + length) == tail_word(
        right, right_start + offset, right_start + length
    )


@kernel
def find_bytes(
    query: NDArray[np.uint8],
    start: int,
    stop: int,
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    slots: NDArray[np.int32],
) -> int:
    """Return the row whose string equals `query[start:stop]`, or -1."""
    mask = np.uint64(slots.size - 1)
    slot = hash_bytes(query, start, stop) & mask
    length = stop - start
    while True:
        row = slots[slot]
        if row < 0:
            return -1
        if starts[row + 1] - starts[row] == length and equal_bytes(query, start, data, starts[row], length):
            return int(row)
        slot = (slot + np.uint64(1)) & mask


@kernel
def index_strings(data: NDArray[np.uint8], starts: NDArray[np.int64], slots: NDArray[np.int32]) -> None:
    """Fill `slots` (all -1 on entry) with the row of every non-empty string; of equal strings the first row stays."""
    mask = np.uint64(slots.size - 1)
    for row in range(starts.size - 1):
        start = starts[row]
        stop = starts[row + 1]
        if start == stop:
            continue
        if find_bytes(data, start, stop, data, starts, slots) >= 0:
            continue
        slot = hash_bytes(data, start, stop) & mask
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = row
