"""The pair index: (left id, right id) to the rank of the concatenation, for every split of every token, without any bytes.

`pairs: uint64[2**k]` holds `left << 43 | right << 22 | rank`, one word and so one cache miss a pair, NO_PAIR where empty, at
most half full; ids are below 2**21 - 1, because the key of that id with itself would look like NO_PAIR.
Pairs of single bytes, which every pretoken begins with, are in a square of their own: `byte_pairs: int32[256, 256]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import kernel
from tokkit.kernels.strings import HASH_FACTOR, find_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_PAIR = np.uint64(0xFFFFFFFFFFFFFFFF)
MOST_IDS = (1 << 21) - 1
NO_RANK = np.int32(0x7FFFFFFF)


@kernel
def count_splits(data: NDArray[np.uint8], starts: NDArray[np.int64], slots: NDArray[np.int32]) -> int:
    """Return how many (token, split point) have both sides in the vocabulary."""
    total = 0
    for row in range(starts.size - 1):
        start = starts[row]
        stop = starts[row + 1]
        for middle in range(start + 1, stop):
            if (
                find_bytes(data, start, middle, data, starts, slots) >= 0
                and find_bytes(data, middle, stop, data, starts, slots) >= 0
            ):
                total += 1
    return total


@kernel
def index_pairs(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    slots: NDArray[np.int32],
    byte_ids: NDArray[np.int32],
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
    byte_pairs: NDArray[np.int32],
) -> None:
    """Fill the pair index (all NO_PAIR on entry) with every split of every token into two tokens, and `partners` (all 0)."""
    for row in range(starts.size - 1):
        start = starts[row]
        stop = starts[row + 1]
        for middle in range(start + 1, stop):
            left = find_bytes(data, start, middle, data, starts, slots)
            if left < 0:
                continue
            right = find_bytes(data, middle, stop, data, starts, slots)
            if right < 0:
                continue
            place_pair(left, right, row, pairs, partners)
    for first in range(256):
        for second in range(256):
            byte_pairs[first, second] = pair_rank(byte_ids[first], byte_ids[second], pairs, partners)


@kernel
def place_pair(left: int, right: int, rank: int, pairs: NDArray[np.uint64], partners: NDArray[np.uint64]) -> None:
    """Put a pair of ids that it lacks into the pair index; see `pair_rank`."""
    mask = np.uint64(pairs.size - 1)
    key = (np.uint64(left) << np.uint64(21)) | np.uint64(right)
    slot = _pair_slot(key, mask)
    while pairs[slot] != NO_PAIR:
        slot = (slot + np.uint64(1)) & mask
    pairs[slot] = (key << np.uint64(22)) | np.uint64(rank)
    partners[left] |= np.uint64(1) << np.uint64(right & 63)


@kernel
def _pair_slot(key: np.uint64, mask: np.uint64) -> np.uint64:
    value = key * HASH_FACTOR
    return (value ^ (value >> np.uint64(32))) & mask


@kernel
def pair_rank(left: int, right: int, pairs: NDArray[np.uint64], partners: NDArray[np.uint64]) -> np.int32:
    """Return the rank of the concatenation of two ids, or NO_RANK where it is no token.

    `partners[left]` has bit `right % 64` where a token begins with `left` and goes on with such an id: most pairs make no token,
    and most of those are told apart without the pair index.
    """
    if not (partners[left] >> np.uint64(right & 63)) & np.uint64(1):
        return NO_RANK
    mask = np.uint64(pairs.size - 1)
    key = (np.uint64(left) << np.uint64(21)) | np.uint64(right)
    slot = _pair_slot(key, mask)
    while True:
        found = pairs[slot]
        if found >> np.uint64(22) == key:
            return np.int32(found & np.uint64(0x3FFFFF))
        if found == NO_PAIR:
            return NO_RANK
        slot = (slot + np.uint64(1)) & mask
