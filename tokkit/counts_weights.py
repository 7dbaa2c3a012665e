"""Weigh the slices of a counts table, so that it stands for a mixture."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_folds import unfolded
from tokkit.counts_table import CountsTable, gathered
from tokkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokkit.counts_table import Slice


def reweight(table: CountsTable, weights: Mapping[str, float]) -> CountsTable:
    """Return a table in which each slice has the share of the bytes that `weights` gives it.

    Each slice's counts, documents and totals are multiplied by one whole number, so that the table stays exact and linear:
    the slice with the smallest factor by 100, the others in proportion, which holds the shares to half a per cent. A slice
    with weight 0 is left out. Folds are added up.

    Args:
        table: the table.
        weights: slice name (`language-domain`), or a name with `*`, to a share; they need not add up to one. What a name
            with `*` stands for shares its weight by bytes.

    Raises:
        InputError: a slice without a weight, a name that fits no slice, a negative weight, or nothing left.
    """
    table = unfolded(table)
    shares = slice_weights(table.slices, weights)
    ratios = {part.key: shares[part.key] / part.bytes for part in table.slices if shares[part.key] > 0 and part.bytes}
    if not ratios:
        raise InputError("the weights leave nothing of the counts table")
    least = min(ratios.values())
    factors = [round(100 * ratios[part.key] / least) if part.key in ratios else 0 for part in table.slices]
    row_factors = np.array(factors, np.int64)[table.slice_ids]
    kept = np.flatnonzero(row_factors)
    new_ids = np.cumsum([factor > 0 for factor in factors]) - 1
    rows = gathered(table.data, table.starts, table.counts, table.documents, kept)
    return CountsTable(
        table.pattern,
        tuple(
            replace(
                part, documents=part.documents * factor, characters=part.characters * factor, bytes=part.bytes * factor
            )
            for part, factor in zip(table.slices, factors, strict=True)
            if factor
        ),
        new_ids[table.slice_ids[kept]].astype(np.int32),
        rows.data,
        rows.starts,
        rows.counts * row_factors[kept],
        rows.documents * row_factors[kept],
        {"step": "reweight", "weights": dict(sorted(weights.items())), "table": dict(table.provenance)},
    )


def slice_weights(slices: Sequence[Slice], weights: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """Return each slice's share of a mixture (they add up to one); see `reweight`.

    Raises:
        InputError: a slice without a weight, a name that fits no slice, or a negative weight.

    Example:
        >>> from tokkit.counts_table import Slice
        >>> slices = [Slice("en", "web", 1, 100, 100), Slice("zh", "law", 1, 40, 100), Slice("zh", "web", 1, 100, 300)]
        >>> slice_weights(slices, {"en-web": 2, "zh-*": 2})
        {('en', 'web'): 0.5, ('zh', 'law'): 0.125, ('zh', 'web'): 0.375}
    """
    named = {part.name: part for part in slices}
    shares: dict[tuple[str, str], float] = {}
    patterns = sorted(weights, key=lambda name: ("*" in name, -len(name), name))  # exact names first, then the longest
    for name in patterns:
        if weights[name] < 0:
            raise InputError(f"weight of {name} is negative: {weights[name]}")
        fitting = [part for known, part in named.items() if part.key not in shares and fnmatchcase(known, name)]
        if not fitting and "*" not in name:
            raise InputError(f"weights name a slice that the counts do not have: {name}", f"slices: {', '.join(named)}")
        total = sum(part.bytes for part in fitting)
        for part in fitting:
            shares[part.key] = weights[name] * (part.bytes / total if total else 1 / len(fitting))
    missing = [name for name, part in named.items() if part.key not in shares]
    if missing:
        raise InputError(f"no weight for slice {', '.join(missing)}", 'give it one, or everything else none: "*" = 0')
    whole = sum(shares.values())
    if whole <= 0:
        raise InputError("the weights are all zero")
    return {part.key: shares[part.key] / whole for part in slices}
