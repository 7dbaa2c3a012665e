"""Base-encoded pretokens as records, and their adjacent pairs counted.

Records stand one after the other in `records: int32`: how many symbols one has now, how many it had at first, the two halves
of its weight, then the symbols: one or two cache lines, which is all that a merge touches of a pretoken. A record is named by
where it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.strings import HASH_FACTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER = 4  # int32s before the symbols of a record


@kernel
def weight_of(records: NDArray[np.int32], record: int) -> int:
    """Return the weight of a record, put together from its halves."""
    return (np.int64(records[record + 3]) << 32) | (np.int64(records[record + 2]) & np.int64(0xFFFFFFFF))


@inlined
def write_header(records: NDArray[np.int32], record: int, n_symbols: int, weight: int) -> None:
    """Write what stands before the symbols of a record."""
    records[record] = n_symbols
    records[record + 1] = n_symbols
    records[record + 2] = np.int32(weight & np.int64(0xFFFFFFFF))
    records[record + 3] = np.int32(weight >> 32)


@kernel
def fill_records(
    ids: NDArray[np.int32], id_starts: NDArray[np.int64], weights: NDArray[np.int64], records: NDArray[np.int32]
) -> int:
    """Write the pretokens of two symbols or more that weigh anything as records; return how much of `records` they take."""
    used = 0
    for row in range(weights.size):
        n_symbols = id_starts[row + 1] - id_starts[row]
        if n_symbols < 2 or weights[row] <= 0:
            continue
        write_header(records, used, n_symbols, weights[row])
        for i in range(n_symbols):
            records[used + HEADER + i] = ids[id_starts[row] + i]
        used += HEADER + n_symbols
    return used


@kernel
def expand_tokens(parts: NDArray[np.int32], cut: int, starts: NDArray[np.int64], out: NDArray[np.int32]) -> None:
    """Write what each token is made of below a cut: itself, or one after the other what its two parts are made of.

    Args:
        parts: int32[n, 2], the two lower tokens that each is made of, (-1, -1) where it has none.
        cut: the first id that is to be taken apart.
        starts: int64[n + 1], becomes where each begins in `out`.
        out: int32, room for the bytes of all tokens.
    """
    used = 0
    for token in range(parts.shape[0]):
        starts[token] = used
        if token < cut or parts[token, 0] < 0:
            out[used] = token
            used += 1
        else:
            for side in range(2):
                part = parts[token, side]
                for i in range(starts[part], starts[part + 1]):
                    out[used] = out[i]
                    used += 1
        starts[token + 1] = used


@kernel
def fill_expanded(
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    weights: NDArray[np.int64],
    starts: NDArray[np.int64],
    expanded: NDArray[np.int32],
    records: NDArray[np.int32],
) -> int:
    """Write records as `fill_records`, with each token in place of what it is made of; see `expand_tokens`."""
    used = 0
    for row in range(weights.size):
        if weights[row] <= 0:
            continue
        n_symbols = 0
        for i in range(id_starts[row], id_starts[row + 1]):
            for j in range(starts[ids[i]], starts[ids[i] + 1]):
                records[used + HEADER + n_symbols] = expanded[j]
                n_symbols += 1
        if n_symbols < 2:
            continue
        write_header(records, used, n_symbols, weights[row])
        used += HEADER + n_symbols
    return used


@kernel
def pair_slot(key: int, n_slots: int) -> np.uint64:
    """Return where to look for the key of a pair, as `left << 32 | right`, first, in a table of 2**k slots."""
    value = np.uint64(key) * HASH_FACTOR
    return (value ^ (value >> np.uint64(32))) & np.uint64(n_slots - 1)


@kernel
def count_pairs(
    records: NDArray[np.int32], record: int, symbol: int, table: NDArray[np.int64], n_pairs: int
) -> tuple[int, int, int]:
    """Count adjacent pairs from a record and a place in it on; return where a pair found no room, and the pairs so far.

    `table: int64[2**k, 3]` holds key + 1 (0 is empty), weight, and number of occurrences; at most half full.
    """
    mask = np.uint64(table.shape[0] - 1)
    while record < records.size:
        weight = weight_of(records, record)
        for i in range(record + HEADER + symbol, record + HEADER + records[record] - 1):
            key = (np.int64(records[i]) << 32) | np.int64(records[i + 1])
            slot = pair_slot(key, table.shape[0])
            while table[slot, 0] != key + 1:
                if table[slot, 0] == 0:
                    if 2 * n_pairs >= table.shape[0]:
                        return record, i - record - HEADER, n_pairs
                    table[slot, 0] = key + 1
                    n_pairs += 1
                    break
                slot = (slot + np.uint64(1)) & mask
            table[slot, 1] += weight
            table[slot, 2] += 1
        symbol = 0
        record += HEADER + records[record + 1]
    return record, symbol, n_pairs


@kernel
def move_pairs(table: NDArray[np.int64], larger: NDArray[np.int64]) -> None:
    """Move a table of counted pairs, whose first column is key + 1, into a larger, empty one."""
    mask = np.uint64(larger.shape[0] - 1)
    for i in range(table.shape[0]):
        if table[i, 0]:
            slot = pair_slot(table[i, 0] - 1, larger.shape[0])
            while larger[slot, 0]:
                slot = (slot + np.uint64(1)) & mask
            for column in range(table.shape[1]):
                larger[slot, column] = table[i, column]
