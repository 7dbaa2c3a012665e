"""How sure a report is: its figures had other documents of the same sources been measured, from folds of the documents.

As many folds are drawn as there are, with replacement, 1,000 times, and each figure is computed anew; 95 in 100 lie in its
interval. The bytes of each slice stay as they are, so that a total says nothing of other mixtures; nor of other sources. Both
vocabularies of a change are measured on the same draws.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_folds import interval_of, times_drawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import Slice
    from tokkit.measure import Row

    Key = tuple[str | None, str | None]
    Drawn = Mapping[Key, NDArray[np.float64]]


def drawn_tokens(parts: Sequence[Slice], tokens: Sequence[int], folds: int) -> dict[Key, NDArray[np.float64]]:
    """Return what a vocabulary needs for each slice in each draw.

    Args:
        parts: the slices of a table in folds.
        tokens: how many tokens each of them takes.
        folds: how many folds there are.

    Returns:
        Language and domain -> float64[1000]: tokens for the bytes of the whole slice at the rate of the drawn folds. A
        slice of which a draw has nothing keeps the tokens that it has.
    """
    times = times_drawn(folds)
    drawn: dict[Key, NDArray[np.float64]] = {}
    for key in dict.fromkeys(part.key for part in parts):
        of_folds = np.zeros((2, folds), np.int64)
        for part, n_tokens in zip(parts, tokens, strict=True):
            if part.key == key:
                of_folds[:, part.fold or 0] = part.bytes, n_tokens
        n_bytes, n_tokens = times @ of_folds[0], times @ of_folds[1]
        whole = of_folds.sum(axis=1)
        rate = np.where(n_bytes > 0, n_tokens / np.maximum(n_bytes, 1), whole[1] / max(whole[0], 1))
        drawn[key] = rate * whole[0]
    return drawn


def with_intervals(rows: Sequence[Row], drawn: Drawn, of_baseline: Drawn | None) -> list[Row]:
    """Return a vocabulary's rows with the intervals of their bytes per token, and of their change where there is a baseline."""
    out = []
    for row in rows:
        tokens = _of_place(row, drawn)
        known = bool(tokens.all())
        change = None if of_baseline is None or not known else interval_of(tokens / _of_place(row, of_baseline) - 1)
        out.append(replace(row, interval=interval_of(row.bytes / tokens) if known else None, change_interval=change))
    return out


def _of_place(row: Row, drawn: Drawn) -> NDArray[np.float64]:
    """Return the tokens of a row's slices together, of each draw."""
    wanted = [
        tokens
        for (language, domain), tokens in drawn.items()
        if row.language in (None, language) and row.domain in (None, domain)
    ]
    total: NDArray[np.float64] = np.sum(wanted, axis=0)
    return total
