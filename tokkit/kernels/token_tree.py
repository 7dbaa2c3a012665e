"""Learned tokens as a tree of base ids: where they stand in base-encoded text, and where text can be cut between them.

The tree is that of `tokkit.kernels.trie`, with base ids in place of characters: `edges` and `ends`. `pairs`, of the same form and
found by `find_edge` too, holds the number of the learned token that two ids side by side make, whichever two: the order of the
tokens decides which of them ever meet. Numbers of learned tokens begin at 0; as ids they stand behind the base, at `first_id`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.trie import find_edge, put_edge

if TYPE_CHECKING:
    from numpy.typing import NDArray


@inlined
def node_below(edges: NDArray[np.uint64], node: int, base_id: int) -> int:
    """Return the node below a node, or -1."""
    slot = find_edge(edges, node, np.uint64(base_id))
    return np.int64(edges[slot, 1]) if edges[slot, 0] != 0 else np.int64(-1)


@kernel
def plant_tokens(
    ids: NDArray[np.int32], starts: NDArray[np.int64], edges: NDArray[np.uint64], ends: NDArray[np.int32]
) -> None:
    """Put learned tokens, as base ids, into a tree without edges: zeros, two slots an id at least; `ends` is -1."""
    n_nodes = np.int64(1)
    for token in range(starts.size - 1):
        node = np.int64(0)
        for i in range(starts[token], starts[token + 1]):
            slot = find_edge(edges, node, np.uint64(ids[i]))
            if edges[slot, 0] == 0:
                put_edge(edges, slot, node, np.uint64(ids[i]), n_nodes)
                n_nodes += 1
            node = np.int64(edges[slot, 1])
        ends[node] = token


@inlined
def id_of(
    ids: NDArray[np.int32], first: int, stop: int, first_id: int, edges: NDArray[np.uint64], ends: NDArray[np.int32]
) -> int:
    """Return the id of the token that base ids in a row make, or -1."""
    if stop - first == 1:
        return np.int64(ids[first])
    node = np.int64(0)
    for i in range(first, stop):
        node = node_below(edges, node, ids[i])
        if node < 0:
            return np.int64(-1)
    return first_id + np.int64(ends[node]) if ends[node] >= 0 else np.int64(-1)


@kernel
def place_splits(
    ids: NDArray[np.int32],
    starts: NDArray[np.int64],
    first_id: int,
    edges: NDArray[np.uint64],
    ends: NDArray[np.int32],
    pairs: NDArray[np.uint64],
) -> None:
    """Write to `pairs`, zeros with two slots a base id at least, the two sides of every learned token where both are tokens."""
    for token in range(starts.size - 1):
        first, stop = starts[token], starts[token + 1]
        for border in range(first + 1, stop):
            left = id_of(ids, first, border, first_id, edges, ends)
            right = id_of(ids, border, stop, first_id, edges, ends)
            if left >= 0 and right >= 0:
                slot = find_edge(pairs, left, np.uint64(right))
                put_edge(pairs, slot, left, np.uint64(right), token)


@kernel
def cut_rows(
    ids: NDArray[np.int32],
    starts: NDArray[np.int64],
    weights: NDArray[np.int64],
    edges: NDArray[np.uint64],
    ends: NDArray[np.int32],
    longest: int,
    pieces: NDArray[np.int32],
    piece_starts: NDArray[np.int64],
    piece_weights: NDArray[np.int64],
) -> int:
    """Cut rows where no learned token reaches over, and write the pieces of 2 to `longest` ids; return how many.

    What merging makes of a piece does not depend on what stands beside it, in any order of the tokens.

    Args:
        ids: of all rows, one after the other.
        starts: where each row begins.
        weights: what each counts.
        edges: the tree.
        ends: the same.
        longest: the most ids of a piece.
        pieces: int32[ids.size], the ids of the pieces.
        piece_starts: int64[ids.size + 1], where each begins.
        piece_weights: int64[ids.size], what its row counts.
    """
    n_pieces = np.int64(0)
    used = np.int64(0)
    piece_starts[0] = 0
    for row in range(starts.size - 1):
        begin = reach = starts[row]
        for first in range(starts[row], starts[row + 1]):
            node = np.int64(0)
            for i in range(first, starts[row + 1]):
                node = node_below(edges, node, ids[i])
                if node < 0:
                    break
                if ends[node] >= 0:
                    reach = max(reach, i)
            if reach > first:
                continue
            if 1 < first + 1 - begin <= longest:
                for i in range(begin, first + 1):
                    pieces[used] = ids[i]
                    used += 1
                piece_weights[n_pieces] = weights[row]
                n_pieces += 1
                piece_starts[n_pieces] = used
            begin = reach = first + 1
    return n_pieces


@kernel
def list_holders(
    ids: NDArray[np.int32],
    starts: NDArray[np.int64],
    edges: NDArray[np.uint64],
    ends: NDArray[np.int32],
    last_row: NDArray[np.int32],
    places: NDArray[np.int64],
    holders: NDArray[np.int32],
) -> None:
    """Count the rows in which each learned token stands, or list them where `holders` has room.

    Args:
        ids: of all rows, one after the other.
        starts: where each row begins.
        edges: the tree.
        ends: the same.
        last_row: int32[n_learned], -1 on entry.
        places: int64[n_learned]: becomes one more for each row of a token; to list them, it is where each one's list begins.
        holders: empty, or the lists, one after the other.
    """
    for row in range(starts.size - 1):
        for first in range(starts[row], starts[row + 1]):
            node = np.int64(0)
            for i in range(first, starts[row + 1]):
                node = node_below(edges, node, ids[i])
                if node < 0:
                    break
                token = ends[node]
                if token >= 0 and last_row[token] != row:
                    last_row[token] = row
                    if holders.size:
                        holders[places[token]] = row
                    places[token] += 1
