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
from tokkit.kernels.strings import equal_bytes, hash_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = 0
LENGTH_AND_DOCUMENT = 1
COUNT = 2
DOCUMENTS = 3

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
    slots: NDArray[np.uint64],
    entries: NDArray[np.int64],
    arena: NDArray[np.uint8],
    state: NDArray[np.int64],
) -> int:
    """Count the pretokens `first`, `first + 1`, ... of `starts`; return the first for which there was no room.

    Pretokens of text count one each: `bounds` are the documents' borders, `document` the one that pretoken `first` lies in
    or after; documents are numbered from `document_base` (below 2**32 - 1), and a pretoken counts a document once, when its
    last document is another. Pretokens that were counted elsewhere bring `counts` and `documents`, empty for text.

    The look-up is written out here: as a function it doubles the time, because arrays are passed as ten words each.
    """
    mask = np.uint64(slots.size - 1)
    for pretoken in range(first, starts.size - 1):
        start = starts[pretoken]
        stop = starts[pretoken + 1]
        length = stop - start
        value = hash_bytes(data, start, stop)
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
    return starts.size - 1


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
def sort_keys(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    rows: NDArray[np.int64],
    first: int,
    last: int,
    depth: int,
    keys: NDArray[np.uint64],
) -> None:
    """Write the eight bytes from `depth` on of the strings `rows[first:last]` to `keys`, big-endian, zero-padded."""
    for i in range(first, last):
        start = starts[rows[i]] + depth
        stop = min(starts[rows[i] + 1], start + 8)
        key = np.uint64(0)
        shift = np.uint64(56)
        for position in range(start, stop):
            key |= np.uint64(data[position]) << shift
            shift -= np.uint64(8)
        keys[i] = key


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
    todo: NDArray[np.int64],
) -> None:
    """Sort `rows` by their strings' bytes, a prefix before what it begins.

    `keys` (n) and `todo` (n // 2 + 2, 3) are work space.

    Eight bytes at a time: sort a range by its keys at one depth, then each run of equal keys at the next. In such a run,
    zero padding makes a string that has ended equal to one that goes on with NUL bytes: those that have ended come first,
    the shorter the earlier, and only the others go deeper.
    """
    n_todo = 1
    todo[0, 0] = 0
    todo[0, 1] = rows.size
    todo[0, 2] = 0
    while n_todo > 0:
        n_todo -= 1
        first = todo[n_todo, 0]
        last = todo[n_todo, 1]
        depth = todo[n_todo, 2]
        sort_keys(data, starts, rows, first, last, depth, keys)
        _sort_range(keys, rows, first, last)
        run = first
        while run < last:
            end = run + 1
            while end < last and keys[end] == keys[run]:
                end += 1
            if end - run > 1:
                ended = run
                for i in range(run, end):
                    if starts[rows[i] + 1] - starts[rows[i]] <= depth + 8:
                        row = rows[i]
                        rows[i] = rows[ended]
                        j = ended - 1
                        length = starts[row + 1] - starts[row]
                        while j >= run and starts[rows[j] + 1] - starts[rows[j]] > length:
                            rows[j + 1] = rows[j]
                            j -= 1
                        rows[j + 1] = row
                        ended += 1
                if end - ended > 1:
                    todo[n_todo, 0] = ended
                    todo[n_todo, 1] = end
                    todo[n_todo, 2] = depth + 8
                    n_todo += 1
            run = end


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
        out_starts[i] = used
        for position in range(starts[rows[i]], starts[rows[i] + 1]):
            out[used] = data[position]
            used += 1
    out_starts[rows.size] = used
