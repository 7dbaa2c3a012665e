"""Encode pretokens by merging: always the leftmost adjacent pair whose concatenation has the lowest rank.

The pair index maps (left id, right id) to the rank of the concatenation, for every split of every token, so that a lookup
needs no bytes. Its keys are `left << 32 | right` in `uint64[2**k]`, NO_PAIR where empty, at most half full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import kernel
from tokkit.kernels.strings import HASH_FACTOR, find_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_PAIR = np.uint64(0xFFFFFFFFFFFFFFFF)
NO_RANK = np.int32(0x7FFFFFFF)
# Up to this many bytes a scan of all pairs for each merge is faster than a heap; above it the heap keeps the time linear.
SCAN_LIMIT = 96


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
    pair_keys: NDArray[np.uint64],
    pair_ranks: NDArray[np.int32],
) -> None:
    """Fill the pair index (keys all NO_PAIR on entry) with every split of every token into two tokens."""
    mask = np.uint64(pair_keys.size - 1)
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
            key = (np.uint64(left) << np.uint64(32)) | np.uint64(right)
            slot = _pair_slot(key, mask)
            while pair_keys[slot] != NO_PAIR:
                slot = (slot + np.uint64(1)) & mask
            pair_keys[slot] = key
            pair_ranks[slot] = row


@kernel
def _pair_slot(key: np.uint64, mask: np.uint64) -> np.uint64:
    value = key * HASH_FACTOR
    return (value ^ (value >> np.uint64(32))) & mask


@kernel
def pair_rank(
    left: int, right: int, limit: int, pair_keys: NDArray[np.uint64], pair_ranks: NDArray[np.int32]
) -> np.int32:
    """Return the rank of the concatenation of two ids, or NO_RANK where there is none below `limit`."""
    mask = np.uint64(pair_keys.size - 1)
    key = (np.uint64(left) << np.uint64(32)) | np.uint64(right)
    slot = _pair_slot(key, mask)
    while True:
        found = pair_keys[slot]
        if found == key:
            rank = pair_ranks[slot]
            return rank if rank < limit else NO_RANK
        if found == NO_PAIR:
            return NO_RANK
        slot = (slot + np.uint64(1)) & mask


@kernel
def merge_by_scan(
    n_symbols: int,
    symbols: NDArray[np.int32],
    ranks: NDArray[np.int32],
    limit: int,
    pair_keys: NDArray[np.uint64],
    pair_ranks: NDArray[np.int32],
) -> int:
    """Merge `symbols[:n_symbols]` in place, return how many are left.

    Invariant: `ranks[i]` is the rank of the pair (i, i + 1). The scan takes the first of the lowest: leftmost wins.
    """
    for i in range(n_symbols - 1):
        ranks[i] = pair_rank(symbols[i], symbols[i + 1], limit, pair_keys, pair_ranks)
    while n_symbols > 1:
        best = NO_RANK
        at = -1
        for i in range(n_symbols - 1):
            if ranks[i] < best:
                best = ranks[i]
                at = i
        if at < 0:
            break
        symbols[at] = best
        n_symbols -= 1
        for i in range(at + 1, n_symbols):
            symbols[i] = symbols[i + 1]
        for i in range(at + 1, n_symbols - 1):
            ranks[i] = ranks[i + 1]
        if at + 1 < n_symbols:
            ranks[at] = pair_rank(best, symbols[at + 1], limit, pair_keys, pair_ranks)
        if at > 0:
            ranks[at - 1] = pair_rank(symbols[at - 1], best, limit, pair_keys, pair_ranks)
    return n_symbols


@kernel
def _push(heap: NDArray[np.uint64], size: int, value: np.uint64) -> int:
    child = size
    while child > 0:
        parent = (child - 1) >> 1
        if heap[parent] <= value:
            break
        heap[child] = heap[parent]
        child = parent
    heap[child] = value
    return size + 1


@kernel
def _pop(heap: NDArray[np.uint64], size: int) -> int:
    """Take the root off (the caller has read it), return the new size."""
    size -= 1
    value = heap[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[parent] = heap[child]
        parent = child
    heap[parent] = value
    return size


@kernel
def merge_by_heap(
    n_symbols: int,
    symbols: NDArray[np.int32],
    ranks: NDArray[np.int32],
    after: NDArray[np.int32],
    before: NDArray[np.int32],
    heap: NDArray[np.uint64],
    limit: int,
    pair_keys: NDArray[np.uint64],
    pair_ranks: NDArray[np.int32],
) -> int:
    """Merge `symbols[:n_symbols]` in place in n log n time, return how many are left.

    Symbols form a linked list by position; the heap holds `rank << 32 | position`, so that its root is the leftmost of the
    lowest. An entry is stale when the pair at its position no longer has that rank: every change of a pair writes
    `ranks[position]`, and a merged-away position gets NO_RANK. The heap takes at most 3 n entries: n at first, two a merge.
    """
    size = 0
    for i in range(n_symbols):
        after[i] = i + 1
        before[i] = i - 1
        ranks[i] = NO_RANK
        if i + 1 < n_symbols:
            ranks[i] = pair_rank(symbols[i], symbols[i + 1], limit, pair_keys, pair_ranks)
            if ranks[i] != NO_RANK:
                size = _push(heap, size, (np.uint64(ranks[i]) << np.uint64(32)) | np.uint64(i))
    while size > 0:
        rank = np.int32(heap[0] >> np.uint64(32))
        at = np.int64(heap[0] & np.uint64(0xFFFFFFFF))
        size = _pop(heap, size)
        if ranks[at] != rank:
            continue
        gone = after[at]
        following = after[gone]
        symbols[at] = rank
        ranks[gone] = NO_RANK
        after[at] = following
        ranks[at] = NO_RANK
        if following < n_symbols:
            before[following] = at
            ranks[at] = pair_rank(rank, symbols[following], limit, pair_keys, pair_ranks)
            if ranks[at] != NO_RANK:
                size = _push(heap, size, (np.uint64(ranks[at]) << np.uint64(32)) | np.uint64(at))
        previous = before[at]
        if previous >= 0:
            ranks[previous] = pair_rank(symbols[previous], rank, limit, pair_keys, pair_ranks)
            if ranks[previous] != NO_RANK:
                size = _push(heap, size, (np.uint64(ranks[previous]) << np.uint64(32)) | np.uint64(previous))
    kept = 0
    at = 0
    while at < n_symbols:
        symbols[kept] = symbols[at]
        kept += 1
        at = after[at]
    return kept


@kernel
def encode_pretokens(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    limits: NDArray[np.int32],
    byte_ids: NDArray[np.int32],
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
    token_slots: NDArray[np.int32],
    shortcut: bool,  # noqa: FBT001 - a kernel's flag
    pair_keys: NDArray[np.uint64],
    pair_ranks: NDArray[np.int32],
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    ranks: NDArray[np.int32],
    after: NDArray[np.int32],
    before: NDArray[np.int32],
    heap: NDArray[np.uint64],
) -> None:
    """Write the ids of every pretoken to `ids` (as long as `data`) and where they start to `id_starts` (n + 1).

    `limits[i]`: pretoken i merges to ranks below it only (one limit serves all when `limits` has length 1).
    `shortcut`: a pretoken that is a token is that token, without merging, as tiktoken has it.
    `ranks`, `after`, `before` hold the longest pretoken, `heap` three times as much.
    """
    used = 0
    id_starts[0] = 0
    for row in range(starts.size - 1):
        start = starts[row]
        stop = starts[row + 1]
        limit = limits[row] if limits.size > 1 else limits[0]
        whole = -1
        if shortcut:
            whole = find_bytes(data, start, stop, token_data, token_starts, token_slots)
        if whole >= 0:
            ids[used] = whole
            used += 1
        else:
            n_symbols = stop - start
            symbols = ids[used : used + n_symbols]
            for i in range(n_symbols):
                symbols[i] = byte_ids[data[start + i]]
            if n_symbols <= SCAN_LIMIT:
                n_symbols = merge_by_scan(n_symbols, symbols, ranks, limit, pair_keys, pair_ranks)
            else:
                n_symbols = merge_by_heap(n_symbols, symbols, ranks, after, before, heap, limit, pair_keys, pair_ranks)
            used += n_symbols
        id_starts[row + 1] = used
