"""What an audit counts: the uses of every token, the pretokens around it, and where a token's text stands in other tokens.

The rows of a counts table are strings, `data` with `starts`, as in `tokkit.kernels.strings`; a pretoken of several slices
counts at its first row. The ids of row i are `ids[id_starts[i]:id_starts[i + 1]]`. `top: int64[n_tokens, K]` holds the rows of
the pretokens that a token stands in most often, the most frequent first, -1 where there are fewer; ties stay in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.strings import find_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel
def find_first_rows(
    data: NDArray[np.uint8], starts: NDArray[np.int64], slots: NDArray[np.int32], first: NDArray[np.int64]
) -> None:
    """Write to `first[row]` the row where an equal string comes first; `slots` indexes the strings."""
    for row in range(starts.size - 1):
        first[row] = find_bytes(data, starts[row], starts[row + 1], data, starts, slots)


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
    seen: NDArray[np.int64],
    occurrences: NDArray[np.int64],
    pretokens: NDArray[np.int64],
    fewest: NDArray[np.int64],
    most: NDArray[np.int64],
    top: NDArray[np.int64],
) -> None:
    """Count a token that stands in the pretoken of a row; `seen[token]` is the last row that it stood in."""
    occurrences[token] += counts[row]
    if seen[token] != row:
        seen[token] = row
        pretokens[token] += 1
        fewest[token] = max(fewest[token], documents[row])
        most[token] += documents[row]
        _insert(top[token], row, counts)


@kernel
def tally_pretokens(
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    first: NDArray[np.int64],
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
    seen: NDArray[np.int64],
    occurrences: NDArray[np.int64],
    pretokens: NDArray[np.int64],
    fewest: NDArray[np.int64],
    most: NDArray[np.int64],
    top: NDArray[np.int64],
) -> None:
    """Count the distinct pretokens whose encoding has each token, and bound the documents that they stand in.

    `counts` and `documents` are totals over the slices, at the first row of a pretoken. `fewest` becomes the documents of
    the pretoken that has most, `most` their sum over all pretokens. `seen` is work space, all -1.
    """
    for row in range(id_starts.size - 1):
        if first[row] != row:
            continue
        for i in range(id_starts[row], id_starts[row + 1]):
            _tally(ids[i], row, counts, documents, seen, occurrences, pretokens, fewest, most, top)


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


@kernel
def tally_contained(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    first: NDArray[np.int64],
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
    token_slots: NDArray[np.int32],
    lengths: NDArray[np.int64],
    heads: NDArray[np.uint8],
    seen: NDArray[np.int64],
    occurrences: NDArray[np.int64],
    pretokens: NDArray[np.int64],
    fewest: NDArray[np.int64],
    most: NDArray[np.int64],
    top: NDArray[np.int64],
) -> None:
    """Count where each token's text stands in pretokens, whatever encoding makes of it; results as `tally_pretokens`.

    `lengths` are the lengths of the tokens, ascending, none below 3; `heads[h]` is 1 where a token's first three bytes hash
    to h (see `head_of`), which spares most look-ups.
    """
    for row in range(starts.size - 1):
        if first[row] != row:
            continue
        stop = starts[row + 1]
        for position in range(starts[row], stop - 2):
            if data[position] & 0xC0 == 0x80 or heads[head_of(data, position)] == 0:
                continue
            for length in lengths:
                if position + length > stop:
                    break
                token = find_bytes(data, position, position + length, token_data, token_starts, token_slots)
                if token < 0:
                    continue
                _tally(token, row, counts, documents, seen, occurrences, pretokens, fewest, most, top)


@kernel
def head_of(data: NDArray[np.uint8], position: int) -> int:
    """Return a hash below 2**18 of three bytes, which tells all three-byte characters apart."""
    first = np.int64(data[position] & 0x3F)
    return (first << 12 | np.int64(data[position + 1] & 0x3F) << 6 | np.int64(data[position + 2] & 0x3F)) & 0x3FFFF


@kernel
def mark_heads(token_data: NDArray[np.uint8], token_starts: NDArray[np.int64], heads: NDArray[np.uint8]) -> None:
    """Set `heads[h]` (uint8[2**18]) for the first three bytes of every token."""
    for token in range(token_starts.size - 1):
        heads[head_of(token_data, token_starts[token])] = 1
