"""Count pretokens in an open-addressing table, and sort byte strings.

The table: `slots: uint64[2**k]` holds `tag << 32 | entry + 1` (0 is empty; the tag is the upper half of the hash, so that
most misses are seen without touching the bytes), at most half full. `entries: int64[capacity, 4]` is one record an entry,
half a cache line: where its bytes start in `arena`, how many they are << 32 | the last document seen, its count, and the
number of documents. `state: int64[2]` is the number of entries and the bytes used in the arena.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import kernel
from tokkit.kernels.memory import load_word, prefetch, store_word, swap_bytes
from tokkit.kernels.strings import equal_bytes, hash_bytes, tail_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = 0
LENGTH_AND_DOCUMENT = 1
COUNT = 2
DOCUMENTS = 3

LARGE = 1 << 18  # slots, which is 2 MB: what a core's own cache holds
AHEAD = 24  # pretokens between asking for a slot and looking it up

LOW_HALF = np.uint64(0xFFFFFFFF)


@kernel
def insert_entry(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    value: np.uint64,
    slots: NDArray[np.uint64],
    entries: NDArray[np.int64],
    arena: NDArray[np.uint8],
    state: NDArray[np.int64],
) -> int:
    """Make an entry with zero counts for bytes that have none; return it, or -1 where there is no room."""
    entry = state[0]
    arena_start = state[1]
    length = stop - start
    if 2 * (entry + 1) > slots.size or entry >= entries.shape[0] or arena_start + length > arena.size:
        return -1
    for offset in range(length):
        arena[arena_start + offset] = data[start + offset]
    entries[entry, START] = arena_start
    entries[entry, LENGTH_AND_DOCUMENT] = (length << 32) | np.int64(LOW_HALF)
    entries[entry, COUNT] = 0
    entries[entry, DOCUMENTS] = 0
    mask = np.uint64(slots.size - 1)
    slot = value & mask
    while slots[slot] != 0:
        slot = (slot + np.uint64(1)) & mask
    slots[slot] = ((value >> np.uint64(32)) << np.uint64(32)) | np.uint64(entry + 1)
    state[0] = entry + 1
    state[1] = arena_start + length
    return int(entry)


@kernel
def count_pretokens(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    first: int,
    bounds: NDArray[np.int64],
    document: int,
    document_base: int,
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    slots: NDArray[np.uint64],
    entries: NDArray[np.int64],
    arena: NDArray[np.uint8],
    state: NDArray[np.int64],
) -> int:
    """Count the pretokens `first`, `first + 1`, ... of `starts`; return the first for which there was no room.

    Pretokens of text count one each: `bounds` are the documents' borders, `document` the one that pretoken `first` lies in
    or after; documents are numbered from `document_base` (below 2**32 - 1), and a pretoken counts a document once, when its
    last document is another. Pretokens that were counted elsewhere bring `counts` and `documents`, empty for text.

    The look-up is written out here: as a function it doubles the time, because arrays are passed as ten words each. In a
    large table a look-up misses the cache three times, at the slot, the entry and the bytes; so each is asked for some
    pretokens ahead, with the hashes kept in `hashes: uint64[AHEAD]`, a ring. In a small one that would only cost.
    """
    mask = np.uint64(slots.size - 1)
    n_pretokens = starts.size - 1
    large = slots.size > LARGE
    if large:
        for pretoken in range(first, min(first + AHEAD, n_pretokens)):
            hashes[pretoken % AHEAD] = hash_bytes(data, starts[pretoken], starts[pretoken + 1])
    for pretoken in range(first, n_pretokens):
        start = starts[pretoken]
        stop = starts[pretoken + 1]
        length = stop - start
        value = hashes[pretoken % AHEAD] if large else hash_bytes(data, start, stop)
        if large and pretoken + AHEAD < n_pretokens:
            ahead = hash_bytes(data, starts[pretoken + AHEAD], starts[pretoken + AHEAD + 1])
            hashes[pretoken % AHEAD] = ahead
            prefetch(slots, ahead & mask)
            found = slots[hashes[(pretoken + 2 * AHEAD // 3) % AHEAD] & mask]
            if found != 0:
                prefetch(entries, 4 * (np.int64(found & LOW_HALF) - 1))
            found = slots[hashes[(pretoken + AHEAD // 3) % AHEAD] & mask]
            if found != 0:
                prefetch(arena, entries[np.int64(found & LOW_HALF) - 1, START])
        slot = value & mask
        found = slots[slot]
        entry = -1
        while found != 0:
            if found >> np.uint64(32) == value >> np.uint64(32):
                entry = np.int64(found & LOW_HALF) - 1
                if entries[entry, LENGTH_AND_DOCUMENT] >> 32 == length and equal_bytes(
                    data, start, arena, entries[entry, START], length
                ):
                    break
            slot = (slot + np.uint64(1)) & mask
            found = slots[slot]
        if found == 0:
            entry = insert_entry(data, start, stop, value, slots, entries, arena, state)
            if entry < 0:
                return pretoken
        if counts.size > 0:
            entries[entry, COUNT] += counts[pretoken]
            entries[entry, DOCUMENTS] += documents[pretoken]
            continue
        while start >= bounds[document + 1]:
            document += 1
        entries[entry, COUNT] += 1
        # Without a branch: whether a document is new to a pretoken is a coin toss that the processor cannot foresee.
        seen = (length << 32) | np.int64(document_base + document)
        entries[entry, DOCUMENTS] += entries[entry, LENGTH_AND_DOCUMENT] != seen
        entries[entry, LENGTH_AND_DOCUMENT] = seen
    return n_pretokens


@kernel
def rehash(entries: NDArray[np.int64], n_entries: int, arena: NDArray[np.uint8], slots: NDArray[np.uint64]) -> None:
    """Fill empty `slots` with the entries, which are distinct."""
    mask = np.uint64(slots.size - 1)
    for entry in range(n_entries):
        start = entries[entry, START]
        value = hash_bytes(arena, start, start + (entries[entry, LENGTH_AND_DOCUMENT] >> 32))
        slot = value & mask
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = ((value >> np.uint64(32)) << np.uint64(32)) | np.uint64(entry + 1)


@kernel
def _read_keys(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    rows: NDArray[np.int64],
    ranges: NDArray[np.int64],
    n_ranges: int,
    depth: int,
    keys: NDArray[np.uint64],
) -> None:
    """Write the eight bytes from `depth` on of each string in the ranges to `keys`, big-endian, zero-padded.

    The rows are anywhere in memory, so what is ahead is asked for, whether it is in a range or not.
    """
    for each in range(n_ranges):
        for i in range(ranges[each, 0], ranges[each, 1]):
            if i + 16 < rows.size:
                prefetch(starts, rows[i + 16])
                prefetch(data, starts[rows[i + 8]] + depth)
            start = starts[rows[i]] + depth
            stop = starts[rows[i] + 1]
            if start + 8 <= stop:
                keys[i] = swap_bytes(load_word(data, start))
            else:
                keys[i] = swap_bytes(tail_word(data, start, stop))


@kernel
def _sort_range(keys: NDArray[np.uint64], rows: NDArray[np.int64], first: int, last: int) -> None:
    """Sort `rows[first:last]` by `keys`, both moved alike, by quicksort."""
    stack = np.empty(128, np.int64)
    top = 0
    stack[0] = first
    stack[1] = last
    top = 2
    while top > 0:
        top -= 2
        low = stack[top]
        high = stack[top + 1]
        while high - low > 24:
            a, b, c = keys[low], keys[(low + high) >> 1], keys[high - 1]
            pivot = max(min(a, b), min(max(a, b), c))
            left = low
            right = high - 1
            while left <= right:
                while keys[left] < pivot:
                    left += 1
                while keys[right] > pivot:
                    right -= 1
                if left <= right:
                    keys[left], keys[right] = keys[right], keys[left]
                    rows[left], rows[right] = rows[right], rows[left]
                    left += 1
                    right -= 1
            # The smaller side waits on the stack, so that the stack holds no more than log2(n) pairs.
            if right + 1 - low < high - left:
                stack[top] = left
                stack[top + 1] = high
                top += 2
                high = right + 1
            else:
                stack[top] = low
                stack[top + 1] = right + 1
                top += 2
                low = left
        for i in range(low + 1, high):
            key = keys[i]
            row = rows[i]
            j = i - 1
            while j >= low and keys[j] > key:
                keys[j + 1] = keys[j]
                rows[j + 1] = rows[j]
                j -= 1
            keys[j + 1] = key
            rows[j + 1] = row


@kernel
def sort_strings(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    rows: NDArray[np.int64],
    keys: NDArray[np.uint64],
    ranges: NDArray[np.int64],
    next_ranges: NDArray[np.int64],
) -> None:
    """Sort `rows` by their strings' bytes, a prefix before what it begins.

    `keys` (n), `ranges` and `next_ranges` (n // 2 + 2, 2) are work space. Eight bytes at a time: sort each range by its keys
    at one depth, then each run of equal keys at the next. In such a run, zero padding makes a string that has ended equal to
    one that goes on with NUL bytes: those that have ended come first, the shorter the earlier, and only the others go deeper.
    """
    ranges[0, 0] = 0
    ranges[0, 1] = rows.size
    n_ranges = 1
    depth = 0
    while n_ranges > 0:
        _read_keys(data, starts, rows, ranges, n_ranges, depth, keys)
        n_next = 0
        for each in range(n_ranges):
            last = ranges[each, 1]
            _sort_range(keys, rows, ranges[each, 0], last)
            run = ranges[each, 0]
            while run < last:
                end = run + 1
                while end < last and keys[end] == keys[run]:
                    end += 1
                if end - run > 1:
                    ended = _ended_first(starts, rows, run, end, depth + 8)
                    if end - ended > 1:
                        next_ranges[n_next, 0] = ended
                        next_ranges[n_next, 1] = end
                        n_next += 1
                run = end
        ranges, next_ranges = next_ranges, ranges
        n_ranges = n_next
        depth += 8


@kernel
def _ended_first(starts: NDArray[np.int64], rows: NDArray[np.int64], first: int, last: int, depth: int) -> int:
    """Put the strings of a run that are no longer than `depth` first, by length; return where the others begin."""
    ended = first
    for i in range(first, last):
        row = rows[i]
        length = starts[row + 1] - starts[row]
        if length <= depth:
            rows[i] = rows[ended]
            j = ended - 1
            while j >= first and starts[rows[j] + 1] - starts[rows[j]] > length:
                rows[j + 1] = rows[j]
                j -= 1
            rows[j + 1] = row
            ended += 1
    return ended


@kernel
def gather_strings(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    rows: NDArray[np.int64],
    out: NDArray[np.uint8],
    out_starts: NDArray[np.int64],
) -> None:
    """Write the strings `rows` one after the other to `out`, and where they start to `out_starts`."""
    used = 0
    for i in range(rows.size):
        if i + 16 < rows.size:
            prefetch(starts, rows[i + 16])
            prefetch(data, starts[rows[i + 8]])
        out_starts[i] = used
        position = starts[rows[i]]
        stop = starts[rows[i] + 1]
        while position + 8 <= stop:
            store_word(out, used, load_word(data, position))
            position += 8
            used += 8
        while position < stop:
            out[used] = data[position]
            position += 1
            used += 1
    out_starts[rows.size] = used
