"""Merge the symbols of one pretoken: always the leftmost adjacent pair whose concatenation has the lowest rank.

Three ways to the same ids: a scan of all pairs for each merge where they are few, a heap where they are many, and, before
the heap, rounds that merge all pairs of one rank at once where a long pretoken repeats itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.pair_index import NO_RANK, pair_rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Up to this many bytes a scan of all pairs for each merge is faster than a heap; above it the heap keeps the time linear.
SCAN_LIMIT = 96
# A merge takes a heap some fifty times as long as a pass takes for a symbol; the share of the symbols that a pass is to merge.
FEWEST = 16


@kernel
def merge_by_scan(
    n_symbols: int,
    symbols: NDArray[np.int32],
    keys: NDArray[np.int32],
    after: NDArray[np.int32],
    before: NDArray[np.int32],
    limit: int,
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
) -> int:
    """Merge `symbols[:n_symbols]`, at most SCAN_LIMIT, in place, return how many are left.

    Symbols stay where they begin and form a linked list. `keys[i]` is `rank << 7 | i` of the pair that begins at i, which must
    hold on entry, or NO_RANK. So the minimum of all keys, which the processor finds many at a time, is the leftmost of the
    lowest; nothing is moved until the end.
    """
    most = limit << 7 if limit < NO_RANK >> 7 else np.int64(NO_RANK)
    best = NO_RANK
    for i in range(n_symbols):
        best = min(best, keys[i])
    if best >= most:
        return n_symbols
    for i in range(n_symbols):
        after[i] = i + 1
        before[i] = i - 1
    merged = 0
    while best < most:
        at = np.int64(best & np.int32(127))
        rank = np.int32(best >> np.int32(7))
        gone = np.int64(after[at])
        following = np.int64(after[gone])
        symbols[at] = rank
        keys[gone] = NO_RANK
        keys[at] = NO_RANK
        after[at] = following
        merged += 1
        if following < n_symbols:
            before[following] = at
            joined = pair_rank(rank, symbols[following], pairs, partners)
            if joined != NO_RANK:
                keys[at] = (joined << np.int32(7)) | np.int32(at)
        previous = np.int64(before[at])
        if previous >= 0:
            joined = pair_rank(symbols[previous], rank, pairs, partners)
            keys[previous] = (joined << np.int32(7)) | np.int32(previous) if joined != NO_RANK else NO_RANK
        best = NO_RANK
        for i in range(n_symbols):
            best = min(best, keys[i])
    at = 0
    for kept in range(n_symbols - merged):
        symbols[kept] = symbols[at]
        at = np.int64(after[at])
    return n_symbols - merged


@kernel
def push(heap: NDArray[np.uint64], size: int, value: np.uint64) -> int:
    """Put a value on a heap of `size` values with the lowest at its root, return the new size."""
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
def pop(heap: NDArray[np.uint64], size: int) -> int:
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
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
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
        if i + 1 < n_symbols and ranks[i] < limit:
            size = push(heap, size, (np.uint64(ranks[i]) << np.uint64(32)) | np.uint64(i))
    while size > 0:
        rank = np.int32(heap[0] >> np.uint64(32))
        at = np.int64(heap[0] & np.uint64(0xFFFFFFFF))
        size = pop(heap, size)
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
            ranks[at] = pair_rank(rank, symbols[following], pairs, partners)
            if ranks[at] < limit:
                size = push(heap, size, (np.uint64(ranks[at]) << np.uint64(32)) | np.uint64(at))
        previous = before[at]
        if previous >= 0:
            ranks[previous] = pair_rank(symbols[previous], rank, pairs, partners)
            if ranks[previous] < limit:
                size = push(heap, size, (np.uint64(ranks[previous]) << np.uint64(32)) | np.uint64(previous))
    kept = 0
    at = 0
    while at < n_symbols:
        symbols[kept] = symbols[at]
        kept += 1
        at = after[at]
    return kept


@kernel
def merge_by_rounds(
    n_symbols: int,
    symbols: NDArray[np.int32],
    ranks: NDArray[np.int32],
    limit: int,
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
) -> int:
    """Merge `symbols[:n_symbols]` in place while the lowest rank is that of many pairs, return how many are left.

    `ranks[i]` is that of the pair that begins at i, on entry and after it. A round goes once from left to right and merges all
    pairs of one rank: a run of one character halves. Each round takes a part of the symbols away, so that all take linear
    time. A pair that comes about with a lower rank yet goes first: there the round ends, and only what is left is moved up.
    """
    while n_symbols > SCAN_LIMIT:
        best = NO_RANK
        for i in range(n_symbols):
            best = min(best, ranks[i])
        n_best = 0
        for i in range(n_symbols):
            n_best += ranks[i] == best
        if best >= limit or n_best * FEWEST < n_symbols:
            break
        rank = best
        kept = 0
        at = 0
        while at < n_symbols:
            symbols[kept] = symbols[at]
            ranks[kept] = ranks[at]
            at += 1
            if ranks[kept] == rank:
                symbols[kept] = best
                at += 1
                ranks[kept] = pair_rank(best, symbols[at], pairs, partners) if at < n_symbols else NO_RANK
                lowest = ranks[kept]
                if kept > 0:
                    ranks[kept - 1] = pair_rank(symbols[kept - 1], best, pairs, partners)
                    lowest = min(lowest, ranks[kept - 1])
                if lowest < best:
                    rank = np.int32(-1)
            kept += 1
        n_symbols = kept
    return n_symbols


@inlined
def merge_symbols(
    n_symbols: int,
    symbols: NDArray[np.int32],
    ranks: NDArray[np.int32],
    after: NDArray[np.int32],
    before: NDArray[np.int32],
    heap: NDArray[np.uint64],
    limit: int,
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
) -> int:
    """Merge `symbols[:n_symbols]` in place by the way that is fastest for so many, return how many are left.

    `ranks[i]` is that of the pair that begins at i, NO_RANK of the last. `after` and `before` are as long as the symbols, and
    the heap three times as long where they are more than SCAN_LIMIT.
    """
    if n_symbols <= SCAN_LIMIT:
        for i in range(n_symbols):
            ranks[i] = (ranks[i] << np.int32(7)) | np.int32(i) if ranks[i] != NO_RANK else NO_RANK
        return merge_by_scan(n_symbols, symbols, ranks, after, before, limit, pairs, partners)
    n_symbols = merge_by_rounds(n_symbols, symbols, ranks, limit, pairs, partners)
    return merge_by_heap(n_symbols, symbols, ranks, after, before, heap, limit, pairs, partners)
