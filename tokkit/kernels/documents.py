"""In how many documents each token stands: for every pretoken of a document, the tokens that the row of a table holds.

Rows of the table are strings with an index as in `tokkit.kernels.strings`; row i holds `held[held_starts[i]:held_starts[i + 1]]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import kernel
from tokkit.kernels.memory import prefetch
from tokkit.kernels.strings import equal_bytes, hash_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

AHEAD = 16  # pretokens between asking for a slot and looking it up


@kernel
def mark_documents(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    bounds: NDArray[np.int64],
    document: int,
    document_base: int,
    hashes: NDArray[np.uint64],
    table_data: NDArray[np.uint8],
    table_starts: NDArray[np.int64],
    slots: NDArray[np.int32],
    held_starts: NDArray[np.int64],
    held: NDArray[np.int32],
    row_seen: NDArray[np.int32],
    token_seen: NDArray[np.int32],
    documents: NDArray[np.int64],
) -> int:
    """Add to `documents[token]` the documents that hold it; return the first pretoken that the table lacks, or their number.

    `starts` are those of the pretokens, `bounds` the documents' borders, `document` the one that the first pretoken lies in or
    after. Documents are numbered from `document_base`; `row_seen` and `token_seen` hold the last one of each, -1 at first.
    A large table misses the cache at the slot, at the row and at its bytes, so all are asked for some pretokens ahead, with the
    hashes kept in `hashes: uint64[AHEAD]`, a ring.
    """
    n_pretokens = starts.size - 1
    mask = np.uint64(slots.size - 1)
    for pretoken in range(min(AHEAD, n_pretokens)):
        hashes[pretoken] = hash_bytes(data, starts[pretoken], starts[pretoken + 1])
    for pretoken in range(n_pretokens):
        start = starts[pretoken]
        slot = hashes[pretoken % AHEAD] & mask
        if pretoken + AHEAD < n_pretokens:
            value = hash_bytes(data, starts[pretoken + AHEAD], starts[pretoken + AHEAD + 1])
            hashes[pretoken % AHEAD] = value
            prefetch(slots, np.int64(value & mask))
            near = slots[np.int64(hashes[(pretoken + AHEAD // 2) % AHEAD] & mask)]
            if near >= 0:
                prefetch(table_starts, np.int64(near))
                prefetch(row_seen, np.int64(near))
                prefetch(held_starts, np.int64(near))
            near = slots[np.int64(hashes[(pretoken + AHEAD // 4) % AHEAD] & mask)]
            if near >= 0:
                prefetch(table_data, table_starts[near])
                prefetch(held, held_starts[near])
        length = starts[pretoken + 1] - start
        row = slots[slot]
        while row >= 0 and not (
            table_starts[row + 1] - table_starts[row] == length
            and equal_bytes(data, start, table_data, table_starts[row], length)
        ):
            slot = (slot + np.uint64(1)) & mask
            row = slots[slot]
        if row < 0:
            return pretoken
        while start >= bounds[document + 1]:
            document += 1
        seen = np.int32(document_base + document)
        if row_seen[row] == seen:
            continue
        row_seen[row] = seen
        for i in range(held_starts[row], held_starts[row + 1]):
            token = held[i]
            if token_seen[token] != seen:
                token_seen[token] = seen
                documents[token] += 1
    return n_pretokens
