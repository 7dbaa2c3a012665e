"""What an audit counts: the uses of every token, the pretokens around it, and where a token's text stands in other tokens.

The rows of a counts table are strings, `data` with `starts`, as in `tokkit.kernels.strings`; a pretoken of several slices
counts at its first row. The ids of row i are `ids[id_starts[i]:id_starts[i + 1]]`. `top: int64[n_tokens, K]` holds the rows of
the pretokens that a token stands in most often, the most frequent first, -1 where there are fewer; ties stay in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.strings import equal_bytes, hash_bytes
from tokkit.kernels.trie import character_at, find_edge

if TYPE_CHECKING:
    from numpy.typing import NDArray


# Columns of `tallied: int64[n_tokens, 8]`, a cache line a token.
SEEN = 0  # the last row that held it, plus one
OCCURRENCES = 1
PRETOKENS = 2
FEWEST = 3
MOST = 4
LEAST = 5  # the count of the last of the rows in `top`, 0 while there are fewer
N_TALLIED = 8


@kernel
def index_rows(
    data: NDArray[np.uint8], starts: NDArray[np.int64], slots: NDArray[np.int32], first: NDArray[np.int64]
) -> None:
    """Fill `slots`, all -1, as an index of the rows, and write to `first[row]` where an equal string comes first."""
    mask = np.uint64(slots.size - 1)
    for row in range(starts.size - 1):
        start = starts[row]
        length = starts[row + 1] - start
        slot = hash_bytes(data, start, starts[row + 1]) & mask
        first[row] = row
        while slots[slot] >= 0:
            other = np.int64(slots[slot])
            if starts[other + 1] - starts[other] == length and equal_bytes(data, start, data, starts[other], length):
                first[row] = other
                break
            slot = (slot + np.uint64(1)) & mask
        if first[row] == row:
            slots[slot] = row


@kernel
def tally_uses(
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    slice_ids: NDArray[np.int32],
    counts: NDArray[np.int64],
    uses: NDArray[np.int64],
) -> None:
    """Add to `uses[token, slice]` how often encoding the rows of a counts table emits each token."""
    for row in range(id_starts.size - 1):
        for i in range(id_starts[row], id_starts[row + 1]):
            uses[ids[i], slice_ids[row]] += counts[row]


@inlined
def _tally(
    token: int,
    row: int,
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
    tallied: NDArray[np.int64],
    top: NDArray[np.int64],
) -> bool:
    """Count a token that stands in the pretoken of a row, and tell whether for the first time."""
    tallied[token, OCCURRENCES] += counts[row]
    if tallied[token, SEEN] == row + 1:
        return False
    tallied[token, SEEN] = row + 1
    tallied[token, PRETOKENS] += 1
    tallied[token, FEWEST] = max(tallied[token, FEWEST], documents[row])
    tallied[token, MOST] += documents[row]
    if counts[row] > tallied[token, LEAST]:
        _insert(top[token], row, counts)
        last = top[token, top.shape[1] - 1]
        tallied[token, LEAST] = counts[last] if last >= 0 else 0
    return True


@kernel
def tally_pretokens(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    first: NDArray[np.int64],
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
    by_text: NDArray[np.bool_],
    edges: NDArray[np.uint64],
    ends: NDArray[np.int32],
    tallied: NDArray[np.int64],
    top: NDArray[np.int64],
    done: int,
    wanted: NDArray[np.bool_],
    held_starts: NDArray[np.int64],
    held: NDArray[np.int32],
) -> int:
    """Count the distinct pretokens that hold each token, and bound the documents; return the first row without room.

    A token stands where encoding emits it; one that is `by_text`, wherever its text stands, whatever encoding makes of it:
    `edges` and `ends` are a tree of those (`tokkit.kernels.trie`).

    `counts` and `documents` are totals over the slices, at the first row of a pretoken. In `tallied`, FEWEST becomes the
    documents of the pretoken that has most, MOST their sum over all pretokens. From row `done` on, the
    `wanted` tokens that a row holds are written to `held`, from `held_starts[row]` on; where they may not fit, it ends.
    """
    used = held_starts[done]
    for row in range(done, starts.size - 1):
        if first[row] != row:
            held_starts[row + 1] = used
            continue
        if held.size > 0 and used + wanted.size > held.size:
            return row
        for i in range(id_starts[row], id_starts[row + 1]):
            token = ids[i]
            if by_text[token]:
                continue
            is_new = _tally(token, row, counts, documents, tallied, top)
            if is_new and wanted[token]:
                held[used] = token
                used += 1
        stop = starts[row + 1] if edges.size > 0 else starts[row]
        for position in range(starts[row], stop):
            if data[position] & 0xC0 == 0x80:
                continue
            node = 0
            after = position
            while after < stop:
                character, length = character_at(data, after, stop)
                if length == 0:
                    break
                slot = find_edge(edges, node, character)
                if edges[slot, 0] == 0:
                    break
                node = np.int64(edges[slot, 1])
                after += length
                token = ends[node]
                if token < 0:
                    continue
                is_new = _tally(token, row, counts, documents, tallied, top)
                if is_new and wanted[token]:
                    held[used] = token
                    used += 1
        held_starts[row + 1] = used
    return starts.size - 1


@kernel
def _insert(top: NDArray[np.int64], row: int, counts: NDArray[np.int64]) -> None:
    """Keep the rows with the highest counts, the highest first."""
    at = top.size
    while at > 0 and (top[at - 1] < 0 or counts[top[at - 1]] < counts[row]):
        at -= 1
    for i in range(top.size - 1, at, -1):
        top[i] = top[i - 1]
    if at < top.size:
        top[at] = row
