"""How far down a base each number of its tokens goes, where they are taken away by usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.curves import final_uses
from tokkit.encode import merge_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.usage import Usage
    from tokkit.vocabulary import Vocabulary

_WHOLE = 1 << 50


def measured_depths(
    base: Vocabulary,
    usage: Usage,
    kin: NDArray[np.bool_],
    touched: Sequence[CountsTable],
    others: Sequence[CountsTable],
    weights: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return int64[n + 1]: for each number of the base's tokens, ascending depths, over the uses in what is measured.

    A token taken away costs the uses that it has by then, which fall to its parts. That is not quite what encoding would say,
    for the parts may merge with others; but between two numbers that were encoded it says how the tokens lie, better than the
    counts to learn from do, which are of other text.

    Args:
        base: the base.
        usage: the order in which its tokens are taken.
        kin: bool[n], the tokens whose merges in `touched` are known otherwise.
        touched: the rows that learned tokens may touch.
        others: the other rows.
        weights: float64[n_slices], what a token of each slice is worth.
    """
    uses = np.zeros(len(base.tokens))
    for table in others:
        uses += weights @ final_uses(base, table)
    for table in touched:
        uses += np.where(kin, 0, weights @ final_uses(base, table))
    left = uses.tolist()
    parts = merge_parts(base).tolist()
    costs = []
    for rank in usage.taken.tolist():
        costs.append(left[rank])
        for part in parts[rank]:
            left[part] += left[rank]
    whole = np.rint(np.array(costs) * (_WHOLE / (sum(costs) or 1.0))).astype(np.int64) + 1
    depths = np.arange(len(base.tokens) + 1)
    lowest = len(base.tokens) - usage.taken.size
    depths[:lowest] -= whole.sum()
    depths[lowest:-1] -= np.cumsum(whole)[::-1]
    return depths


def kin_before(kin: NDArray[np.bool_], usage: Usage | None) -> NDArray[np.int64]:
    """Return how many of each number of the base's tokens are of `kin`, int64[n + 1]."""
    before = np.zeros(kin.size + 1, np.int64)
    if usage is None:
        np.cumsum(kin, out=before[1:])
    else:
        before[:] = kin.sum()
        before[kin.size - usage.taken.size : -1] -= np.cumsum(kin[usage.taken])[::-1]
    return before
