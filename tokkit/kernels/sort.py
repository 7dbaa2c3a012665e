"""Sort byte strings, merge sorted ones, and gather them in a new order.

A set of strings is `data: uint8[...]` with `starts: int64[n + 1]`; string i is `data[starts[i]:starts[i + 1]]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.memory import load_word, prefetch, store_word, swap_bytes
from tokkit.kernels.strings import equal_bytes, tail_word

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
def _sort_range(
    keys: NDArray[np.uint64], rows: NDArray[np.int64], first: int, last: int, stack: NDArray[np.int64]
) -> None:
    """Sort `rows[first:last]` by `keys`, both moved alike, by quicksort; `stack` (128) is work space.

    Parting is without a branch: everything changes places with the first of the greater ones, and the border moves or does
    not. Which one the processor cannot foresee, and a wrong guess costs more than a move.
    """
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
            border = low
            for i in range(low, high):
                key, row = keys[i], rows[i]
                keys[i], rows[i] = keys[border], rows[border]
                keys[border], rows[border] = key, row
                border += np.int64(key < pivot)
            if border == low:
                # None is less, so those that are equal come first, and are done.
                for i in range(low, high):
                    key, row = keys[i], rows[i]
                    keys[i], rows[i] = keys[border], rows[border]
                    keys[border], rows[border] = key, row
                    border += np.int64(key == pivot)
                low = border
            # The larger side waits: what is gone on with halves each time, so that no more than log2(n) ranges wait.
            elif border - low < high - border:
                stack[top] = border
                stack[top + 1] = high
                top += 2
                high = border
            else:
                stack[top] = low
                stack[top + 1] = border
                top += 2
                low = border
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
    stack: NDArray[np.int64],
) -> None:
    """Sort `rows` by their strings' bytes, a prefix before what it begins.

    `keys` (n), `ranges` and `next_ranges` (n // 2 + 2, 2), `stack` (128) are work space. Eight bytes at a time:
    sort each range by its keys at one depth, then each run of equal keys at the next. In such a run, zero padding makes a
    string that has ended equal to one that goes on with NUL bytes: those that have ended come first, the shorter the earlier,
    and only the others go deeper.
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
            _sort_range(keys, rows, ranges[each, 0], last, stack)
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
def gather_rows(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
    rows: NDArray[np.int64],
    out: NDArray[np.uint8],
    out_starts: NDArray[np.int64],
    out_counts: NDArray[np.int64],
    out_documents: NDArray[np.int64],
) -> None:
    """Write the strings `rows` one after the other to `out`, and to the others where they start and what is counted of each.

    The rows are anywhere in memory, so all that is ahead is asked for. `out` needs eight bytes of room at the end: a string is
    copied by words, what comes behind it too, until the next one is written over that.
    """
    used = 0
    for i in range(rows.size):
        if i + 16 < rows.size:
            ahead = rows[i + 16]
            prefetch(starts, ahead)
            prefetch(counts, ahead)
            prefetch(documents, ahead)
            prefetch(data, starts[rows[i + 8]])
        row = rows[i]
        out_starts[i] = used
        out_counts[i] = counts[row]
        out_documents[i] = documents[row]
        position = starts[row]
        stop = starts[row + 1]
        while position < stop and position + 8 <= data.size:
            store_word(out, used, load_word(data, position))
            position += 8
            used += 8
        while position < stop:
            out[used] = data[position]
            position += 1
            used += 1
        used += stop - position
    out_starts[rows.size] = used


@inlined
def first_key(data: NDArray[np.uint8], start: int, stop: int) -> np.uint64:
    """Return a string's first eight bytes as a number that compares as they do, zero-padded."""
    if start + 8 <= stop:
        return swap_bytes(load_word(data, start))
    return swap_bytes(tail_word(data, start, stop))


@kernel
def compare_strings(data: NDArray[np.uint8], a: int, a_stop: int, b: int, b_stop: int) -> int:
    """Return -1, 0 or 1 as the string `data[a:a_stop]` comes before `data[b:b_stop]`, is the same, or comes after."""
    while a < a_stop and b < b_stop:
        a_key = first_key(data, a, a_stop)
        b_key = first_key(data, b, b_stop)
        if a_key != b_key:
            return -1 if a_key < b_key else 1
        a += 8
        b += 8
    return (a_stop - a > b_stop - b) - (a_stop - a < b_stop - b)


@kernel
def merge_sorted(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
    firsts: NDArray[np.int64],
    lasts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    tree: NDArray[np.int64],
    out: NDArray[np.uint8],
    out_starts: NDArray[np.int64],
    out_counts: NDArray[np.int64],
    out_documents: NDArray[np.int64],
) -> int:
    """Merge sorted parts into one, those of equal bytes added up; return how many rows it has.

    Part p has the rows `firsts[p] <= row < lasts[p]`; `firsts` is advanced. `keys: uint64[n_parts]` and
    `tree: int64[2 * n_leaves]` are work space, n_leaves the power of two from n_parts on. The tree is a tournament: node i
    holds the part that wins among nodes 2i and 2i + 1, -1 where nobody is left; part p's leaf is n_leaves + p. A part's key
    is that of its next row, so that most matches need no bytes. `out` needs eight bytes of room at the end.
    """
    n_leaves = tree.size // 2
    for leaf in range(n_leaves):
        tree[n_leaves + leaf] = -1
        if leaf < firsts.size and firsts[leaf] < lasts[leaf]:
            tree[n_leaves + leaf] = leaf
            keys[leaf] = first_key(data, starts[firsts[leaf]], starts[firsts[leaf] + 1])
    for node in range(n_leaves - 1, 0, -1):
        tree[node] = _winner(data, starts, firsts, keys, tree[2 * node], tree[2 * node + 1])
    n_out = 0
    used = 0
    last = 0  # the row that was written last
    while tree[1] >= 0:
        part = tree[1]
        row = firsts[part]
        start = starts[row]
        stop = starts[row + 1]
        length = stop - start
        if (
            n_out > 0
            and starts[last + 1] - starts[last] == length
            and equal_bytes(data, start, data, starts[last], length)
        ):
            out_counts[n_out - 1] += counts[row]
            out_documents[n_out - 1] += documents[row]
        else:
            out_starts[n_out] = used
            out_counts[n_out] = counts[row]
            out_documents[n_out] = documents[row]
            position = start
            while position + 8 <= stop:
                store_word(out, used, load_word(data, position))
                position += 8
                used += 8
            store_word(out, used, tail_word(data, position, stop))
            used += stop - position
            n_out += 1
            last = row
        firsts[part] = row + 1
        if row + 1 < lasts[part]:
            keys[part] = first_key(data, stop, starts[row + 2])
        else:
            tree[n_leaves + part] = -1
        node = (n_leaves + part) >> 1
        while node > 0:
            left = tree[2 * node]
            right = tree[2 * node + 1]
            if left < 0 or right < 0:
                tree[node] = max(left, right)
            elif keys[left] != keys[right]:
                tree[node] = left if keys[left] < keys[right] else right
            else:
                tree[node] = _winner(data, starts, firsts, keys, left, right)
            node >>= 1
    out_starts[n_out] = used
    return n_out


@kernel
def _winner(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    firsts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    left: int,
    right: int,
) -> int:
    """Return the part, -1 for none, whose next string is the lesser one; of equal strings, the left one's."""
    if left < 0 or right < 0:
        return max(left, right)
    if keys[left] != keys[right]:
        return left if keys[left] < keys[right] else right
    a, b = firsts[left], firsts[right]
    return left if compare_strings(data, starts[a], starts[a + 1], starts[b], starts[b + 1]) <= 0 else right
