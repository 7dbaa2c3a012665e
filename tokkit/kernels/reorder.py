"""Merge base-encoded rows by learned tokens in any order, count what an order takes, and list what crosses.

`edges`, `ends`, `pairs` and `first_id` are those of `tokkit.kernels.token_tree`. `keys: int64[n_learned]` is the order: the token
with the lower key merges first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.token_tree import id_of, node_below
from tokkit.kernels.trie import find_edge

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NO_KEY = np.int64(0x7FFFFFFFFFFFFFFF)


@kernel
def _key_of(left: int, right: int, limit: int, pairs: NDArray[np.uint64], keys: NDArray[np.int64]) -> int:
    """Return the key of the token that two ids make, or _NO_KEY where they make none below the limit."""
    slot = find_edge(pairs, left, np.uint64(right))
    if pairs[slot, 0] == 0:
        return _NO_KEY
    key = keys[np.int64(pairs[slot, 1])]
    return key if key < limit else _NO_KEY


@kernel
def join_neighbours(
    ids: NDArray[np.int32], starts: NDArray[np.int64], pairs: NDArray[np.uint64], joined: NDArray[np.int32]
) -> None:
    """Write for each id of each row the learned token that it makes with the next one, or -1."""
    for row in range(starts.size - 1):
        last = starts[row + 1] - 1
        for i in range(starts[row], last):
            slot = find_edge(pairs, ids[i], np.uint64(ids[i + 1]))
            joined[i] = np.int32(pairs[slot, 1]) if pairs[slot, 0] != 0 else np.int32(-1)
        if last >= starts[row]:
            joined[last] = -1


@kernel
def _merge(
    n_symbols: int,
    symbols: NDArray[np.int32],
    found: NDArray[np.int64],
    limit: int,
    first_id: int,
    pairs: NDArray[np.uint64],
    keys: NDArray[np.int64],
) -> int:
    """Merge `symbols[:n_symbols]` in place by tokens with keys below the limit, return how many are left.

    `found[i]` is the key of the pair that begins at i, on entry and after each merge. Of equal keys, which are the same token,
    the leftmost merges first.
    """
    while True:
        best, at = _NO_KEY, 0
        for i in range(n_symbols - 1):
            if found[i] < best:
                best, at = found[i], i
        if best == _NO_KEY:
            return n_symbols
        slot = find_edge(pairs, symbols[at], np.uint64(symbols[at + 1]))
        symbols[at] = np.int32(first_id + np.int64(pairs[slot, 1]))
        n_symbols -= 1
        for i in range(at + 1, n_symbols):
            symbols[i] = symbols[i + 1]
            found[i - 1] = found[i]
        if at > 0:
            found[at - 1] = _key_of(symbols[at - 1], symbols[at], limit, pairs, keys)
        if at < n_symbols - 1:
            found[at] = _key_of(symbols[at], symbols[at + 1], limit, pairs, keys)


@inlined
def _merged_row(
    row: int,
    ids: NDArray[np.int32],
    joined: NDArray[np.int32],
    starts: NDArray[np.int64],
    first_id: int,
    pairs: NDArray[np.uint64],
    keys: NDArray[np.int64],
    symbols: NDArray[np.int32],
    found: NDArray[np.int64],
    limit: int,
) -> int:
    """Write what merging makes of a row to `symbols`, return how many tokens that is; see `join_neighbours`."""
    start = starts[row]
    n_symbols = np.int64(starts[row + 1] - start)
    for i in range(n_symbols):
        symbols[i] = ids[start + i]
        found[i] = _NO_KEY
        if joined[start + i] >= 0 and keys[joined[start + i]] < limit:
            found[i] = keys[joined[start + i]]
    return _merge(n_symbols, symbols, found, limit, first_id, pairs, keys)


@kernel
def note_excess(
    rows: NDArray[np.int32],
    ids: NDArray[np.int32],
    joined: NDArray[np.int32],
    starts: NDArray[np.int64],
    first_id: int,
    pairs: NDArray[np.uint64],
    keys: NDArray[np.int64],
    symbols: NDArray[np.int32],
    found: NDArray[np.int64],
    fewest: NDArray[np.uint16],
    excess: NDArray[np.uint16],
) -> None:
    """Write to `excess` how many tokens more than `fewest` each of some rows takes in the order of the keys."""
    for j in range(rows.size):
        row = np.int64(rows[j])
        length = _merged_row(row, ids, joined, starts, first_id, pairs, keys, symbols, found, _NO_KEY)
        excess[row] = length - np.int64(fewest[row])


@kernel
def count_more(
    rows: NDArray[np.int32],
    ids: NDArray[np.int32],
    joined: NDArray[np.int32],
    starts: NDArray[np.int64],
    weights: NDArray[np.int64],
    first_id: int,
    pairs: NDArray[np.uint64],
    keys: NDArray[np.int64],
    symbols: NDArray[np.int32],
    found: NDArray[np.int64],
    fewest: NDArray[np.uint16],
    excess: NDArray[np.uint16],
) -> int:
    """Return how many tokens more than was noted some rows take, by weight, where it is fewer; else some number of 0 or more.

    Rows that take the fewest already can only take more: they come second, and many moves have failed before them.
    """
    more = np.int64(0)
    for second in range(2):
        for j in range(rows.size):
            row = np.int64(rows[j])
            if (excess[row] == 0) != (second == 1):
                continue
            length = _merged_row(row, ids, joined, starts, first_id, pairs, keys, symbols, found, _NO_KEY)
            more += (length - np.int64(fewest[row]) - np.int64(excess[row])) * weights[row]
            if second == 1 and more >= 0:
                return more
        if more >= 0:
            return more
    return more


@kernel
def first_unreached(
    tokens: NDArray[np.int32],
    ids: NDArray[np.int32],
    joined: NDArray[np.int32],
    starts: NDArray[np.int64],
    first_id: int,
    pairs: NDArray[np.uint64],
    keys: NDArray[np.int64],
    symbols: NDArray[np.int32],
    found: NDArray[np.int64],
) -> int:
    """Return the first of these learned tokens that merging does not make of two tokens with lower keys, or -1."""
    for j in range(tokens.size):
        token = np.int64(tokens[j])
        if _merged_row(token, ids, joined, starts, first_id, pairs, keys, symbols, found, keys[token]) != 2:
            return token
        slot = find_edge(pairs, symbols[0], np.uint64(symbols[1]))
        if pairs[slot, 0] == 0 or np.int64(pairs[slot, 1]) != token:
            return token
    return np.int64(-1)


@kernel
def _divide(
    ids: NDArray[np.int32],
    first: int,
    stop: int,
    edges: NDArray[np.uint64],
    ends: NDArray[np.int32],
    best: NDArray[np.int32],
    begins: NDArray[np.int32],
) -> int:
    """Divide a row into the fewest tokens, return how many.

    `best[j]` tokens reach the j-th border, and the last of them begins at border `begins[j]`: of several the longest.
    """
    n_symbols = stop - first
    for j in range(1, n_symbols + 1):
        best[j] = n_symbols + 1
    best[0] = 0
    for begin in range(n_symbols):
        one_more = best[begin] + np.int32(1)
        if one_more < best[begin + 1]:
            best[begin + 1] = one_more
            begins[begin + 1] = begin
        node = np.int64(0)
        for j in range(begin, n_symbols):
            node = node_below(edges, node, ids[first + j])
            if node < 0:
                break
            if ends[node] >= 0 and one_more < best[j + 1]:
                best[j + 1] = one_more
                begins[j + 1] = begin
    return np.int64(best[n_symbols])


@kernel
def count_fewest(
    ids: NDArray[np.int32],
    starts: NDArray[np.int64],
    edges: NDArray[np.uint64],
    ends: NDArray[np.int32],
    best: NDArray[np.int32],
    begins: NDArray[np.int32],
    fewest: NDArray[np.uint16],
) -> None:
    """Write how many tokens each row takes at the least; `best` and `begins` have room for the longest row and one more."""
    for row in range(starts.size - 1):
        fewest[row] = _divide(ids, starts[row], starts[row + 1], edges, ends, best, begins)


@kernel
def list_crossings(
    ids: NDArray[np.int32],
    joined: NDArray[np.int32],
    starts: NDArray[np.int64],
    weights: NDArray[np.int64],
    token_starts: NDArray[np.int64],
    first_id: int,
    edges: NDArray[np.uint64],
    ends: NDArray[np.int32],
    pairs: NDArray[np.uint64],
    keys: NDArray[np.int64],
    symbols: NDArray[np.int32],
    found: NDArray[np.int64],
    best: NDArray[np.int32],
    begins: NDArray[np.int32],
    excess: NDArray[np.uint16],
    crossings: NDArray[np.int64],
) -> int:
    """List where a row that could take fewer tokens is divided otherwise; return how many are listed.

    A token of merging and one of the division into the fewest cross where they share a part and neither holds the other: the
    first, which has the lower key, may not merge before the second.

    Args:
        ids: of all rows.
        joined: see `join_neighbours`.
        starts: where each row begins.
        weights: what each counts.
        token_starts: where each learned token's base ids begin.
        first_id: the id of the first learned token.
        edges: the tree.
        ends: the same.
        pairs: see the top of the file.
        keys: the order.
        symbols: room for the longest row, and so for the next three, with one more.
        found: the same.
        best: the same.
        begins: the same.
        excess: how many tokens more than the fewest each row takes.
        crossings: int64[2 * ids.size, 2]: the number of merging's token << 32 | that of the other, and the weight.
    """
    listed = np.int64(0)
    for row in range(starts.size - 1):
        if excess[row] == 0:
            continue
        length = _merged_row(row, ids, joined, starts, first_id, pairs, keys, symbols, found, _NO_KEY)
        _divide(ids, starts[row], starts[row + 1], edges, ends, best, begins)
        # Both divisions from the end to the beginning: what begins last is left first.
        at = length - 1
        stop = other_stop = np.int64(starts[row + 1] - starts[row])
        while at >= 0 and other_stop > 0:
            one = np.int64(symbols[at]) - first_id
            begin = stop - (token_starts[one + 1] - token_starts[one] if one >= 0 else 1)
            other_begin = np.int64(begins[other_stop])
            if (other_begin < begin < other_stop < stop) or (begin < other_begin < stop < other_stop):
                first = starts[row] + other_begin
                other = np.int64(id_of(ids, first, starts[row] + other_stop, first_id, edges, ends)) - first_id
                if keys[one] < keys[other]:
                    crossings[listed, 0] = one << 32 | other
                    crossings[listed, 1] = weights[row]
                    listed += 1
            if begin >= other_begin:
                at -= 1
                stop = begin
            if other_begin >= begin:
                other_stop = other_begin
    return listed
