"""How much memory learning and reordering take, told from the table before they start.

Two moments of learning are the highest: when all pretokens are encoded and the table is still there, and at the end, when the
records stand beside the lists of where each pair stands. So are two of `tokkit.reorder`, which has the table beside it: while
some pretokens are cut, and when the pieces of all are sorted. A sample of the pretokens is encoded to tell the symbols of all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_table import gathered
from tokkit.encode import encode_arrays
from tokkit.errors import SizeError
from tokkit.kernels.records import HEADER
from tokkit.reorder import PRETOKENS_AT_ONCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.vocabulary import Vocabulary

PROCESS_BYTES = (
    300_000_000  # the interpreter, its libraries and kernels, the merge table of a base, small tables of pairs
)
_SAMPLED = 1 << 17  # pretokens or up to twice as many
_ROW_BYTES = 28  # of a row of the table beside its pretoken: slice, start, count, documents
_MERGED_BYTES = 24  # the same where slices are added up
_ENTRY_BYTES = 4.8  # of an entry in a pair's list, with its share of the pair
# Of a symbol that is cut: 12 (encoded, cut, sorted) and its share of its piece's 48; measured, a piece has 3.1 to 4.2 symbols.
_CUT_BYTES = 30
# The share of the symbols that is in pieces that differ; measured, 0.13 of 6.6 million pretokens to 0.28 of half a million.
_LEFT = 0.2
# Of such a symbol: 16 (as it was left, put together, sorted, added up) and its share of its piece's 96, which has 5 to 8.
_LEFT_BYTES = 35
_WAITING_BYTES = 7  # the same while others are cut
_LEARNED_BYTES = 350  # of a learned token, where reordering looks it up


def memory_of(
    table: CountsTable, base: Vocabulary, size: int, kept: NDArray[np.floating] | None = None, *, reorder: bool = False
) -> int:
    """Return about how many bytes of memory `learn`, and `reorder` after it, take at their peak, to a fifth more or less.

    Args:
        table: what to learn from.
        base: the vocabulary to start from.
        size: how many tokens to learn.
        kept: for each row of `sampled_rows`, how likely it is to be in the table; all are when omitted.
        reorder: whether the tokens are put into another order then.
    """
    rows = sampled_rows(table)
    if not rows.size:
        return PROCESS_BYTES
    shares = np.ones(rows.size) if kept is None else kept
    sample = gathered(table.data, table.starts, table.counts, table.documents, rows)
    lengths = np.diff(sample.starts)
    _, id_starts = encode_arrays(base, sample.data, sample.starts, shortcut=True)
    symbols = np.diff(id_starts)
    scale = len(table) / rows.size
    several: NDArray[np.floating] = shares * (symbols > 1)
    held = scale * float((shares * (lengths + _ROW_BYTES)).sum())
    added_up = scale * float((shares * (lengths + _MERGED_BYTES)).sum()) if len(table.slices) > 1 else 0.0
    records = 4 * scale * float((several * (symbols + HEADER)).sum())
    pairs = scale * float((several * (symbols - 1)).sum())
    # Each pair that stands somewhere is listed, and each merge lists two more at most. Of single bytes most are merged:
    # measured, 2.1 to 2.4 entries come of each pair; of the tokens of a large base, two bytes and more, 1.5 to 1.8.
    bytes_a_symbol = float((several * lengths).sum()) / max(float((several * symbols).sum()), 1.0)
    lists: float = _ENTRY_BYTES * pairs * max(1.5, 2.45 - 0.75 * (bytes_a_symbol - 1))
    tokens = (len(base.tokens) + size) * 90
    peak = max(held + added_up + records, records + lists)
    if reorder:
        to_cut = scale * float((several * symbols).sum())
        at_once = to_cut * min(1.0, PRETOKENS_AT_ONCE / max(scale * float(shares.sum()), 1.0))
        left = _LEFT * to_cut
        pieces = max(_CUT_BYTES * at_once + _WAITING_BYTES * left, _LEFT_BYTES * left)
        peak = max(peak, held + _LEARNED_BYTES * size + pieces)
    return round(PROCESS_BYTES + tokens + peak)


def sampled_rows(table: CountsTable) -> NDArray[np.int64]:
    """Return rows at equal distances."""
    return np.arange(0, len(table), max(1, len(table) // _SAMPLED))


def require_memory(table: CountsTable, base: Vocabulary, size: int, memory: int, *, reorder: bool = False) -> None:
    """Refuse to learn where the estimate is above `memory`; name the share of the documents that would fit.

    Args:
        table: what to learn from.
        base: the vocabulary to start from.
        size: how many tokens to learn.
        memory: the most bytes to take.
        reorder: whether the tokens are put into another order then.

    Raises:
        SizeError: the estimate and the share.
    """
    needed = memory_of(table, base, size, reorder=reorder)
    if needed <= memory:
        return
    documents = table.documents[sampled_rows(table)]
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        # A pretoken of d documents stays in a sample unless all of them go.
        if memory_of(table, base, size, 1 - (1 - middle) ** documents, reorder=reorder) <= memory:
            low = middle
        else:
            high = middle
    share = math.floor(100 * low) / 100
    hint = (
        f"tokkit count --sample {share:g} makes a table that fits"
        if share
        else f"no sample of the table fits: --memory {math.ceil(needed / 1e6)}MB"
    )
    if reorder and (alone := memory_of(table, base, size)) <= memory:
        hint += f", or leave --reorder out: learning alone takes about {alone / 1e6:,.0f} MB"
    what = "learning and reordering take" if reorder else "learning takes"
    raise SizeError(
        f"{what} about {needed / 1e6:,.0f} MB of memory, and {memory / 1e6:,.0f} MB are allowed",
        hint,
    )
