"""Count how often each token is made, and when merging first goes above each rank.

`uses: int64[n_tokens]` are counts of tokens; `parts: int32[n_tokens, 2]` are the two tokens that each token is made of, (-1, -1)
where it is a single byte or a hole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import kernel
from tokkit.kernels.merging import pop, push
from tokkit.kernels.pair_index import NO_RANK, pair_rank
from tokkit.kernels.strings import find_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel
def add_uses(
    ids: NDArray[np.int32], id_starts: NDArray[np.int64], counts: NDArray[np.int64], uses: NDArray[np.int64]
) -> None:
    """Add the count of each pretoken to the uses of the tokens that it is encoded to."""
    for row in range(id_starts.size - 1):
        count = counts[row]
        for i in range(id_starts[row], id_starts[row + 1]):
            uses[ids[i]] += count


@kernel
def pass_down(uses: NDArray[np.int64], parts: NDArray[np.int32]) -> None:
    """Turn uses in the final encoding into how often merging makes each token: whoever makes a token has made its parts."""
    for token in range(uses.size - 1, -1, -1):
        if parts[token, 0] >= 0 and uses[token]:
            uses[parts[token, 0]] += uses[token]
            uses[parts[token, 1]] += uses[token]


@kernel
def add_running_maxima(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    byte_ids: NDArray[np.int32],
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
    token_slots: NDArray[np.int32],
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
    symbols: NDArray[np.int32],
    ranks: NDArray[np.int32],
    after: NDArray[np.int32],
    before: NDArray[np.int32],
    heap: NDArray[np.uint64],
    merges: NDArray[np.int64],
) -> None:
    """Merge each pretoken and add its count to `merges[m]` for each merge, m the highest rank merged so far.

    A pretoken that is a token of rank r is that token for every cut above r, merged or not: what is left of it then counts
    as merged at r. `symbols`, `ranks`, `after`, `before` hold the longest pretoken, `heap` three times as much.
    """
    for row in range(starts.size - 1):
        start = starts[row]
        n_symbols = starts[row + 1] - start
        for i in range(n_symbols):
            symbols[i] = byte_ids[data[start + i]]
            after[i] = i + 1
            before[i] = i - 1
        size = 0
        for i in range(n_symbols - 1):
            ranks[i] = pair_rank(symbols[i], symbols[i + 1], pairs, partners)
            if ranks[i] != NO_RANK:
                size = push(heap, size, (np.uint64(ranks[i]) << np.uint64(32)) | np.uint64(i))
        if n_symbols:
            ranks[n_symbols - 1] = NO_RANK
        whole = find_bytes(data, start, starts[row + 1], token_data, token_starts, token_slots)
        highest = np.int32(-1)
        left = n_symbols
        while size > 0:
            rank = np.int32(heap[0] >> np.uint64(32))
            at = np.int64(heap[0] & np.uint64(0xFFFFFFFF))
            size = pop(heap, size)
            if ranks[at] != rank:
                continue
            highest = max(highest, rank)
            if 0 <= whole <= highest:
                break
            merges[highest] += counts[row]
            left -= 1
            gone = after[at]
            following = after[gone]
            symbols[at] = rank
            ranks[gone] = NO_RANK
            after[at] = following
            ranks[at] = NO_RANK
            if following < n_symbols:
                before[following] = at
                ranks[at] = pair_rank(rank, symbols[following], pairs, partners)
                if ranks[at] != NO_RANK:
                    size = push(heap, size, (np.uint64(ranks[at]) << np.uint64(32)) | np.uint64(at))
            previous = before[at]
            if previous >= 0:
                ranks[previous] = pair_rank(symbols[previous], rank, pairs, partners)
                if ranks[previous] != NO_RANK:
                    size = push(heap, size, (np.uint64(ranks[previous]) << np.uint64(32)) | np.uint64(previous))
        if whole >= 0:
            merges[whole] += counts[row] * (left - 1)
