"""Folds: the documents of a corpus dealt into a few parts by a hash of their text, and counted apart.

How much a figure depends on which documents happened to be in the sample is seen from how much it differs between the folds.
A document's fold depends on its text alone, so the table is the same for any number of processes and any order of files, and
documents of the same text are in the same fold. Everything but the intervals works on the folds added up.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tokkit.corpus_blocks import sample_key
from tokkit.counts_table import Rows, Slice, SliceCounts, added_up, parts_of, table_of
from tokkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tokkit.corpus import Documents
    from tokkit.counts_table import CountsTable

MOST_FOLDS = 100  # a fold's number is an int8 in the file

Interval = tuple[float, float]
"""What lies between: 95 in 100 draws."""

DRAWS = 1_000
QUANTILES = (0.025, 0.975)
_RANDOM = 92_544  # where the draws begin


def require_folds(folds: int) -> None:
    """Refuse a number of folds that cannot be: 0 for none, or 2 to 100.

    Raises:
        InputError: any other.
    """
    if folds and not 2 <= folds <= MOST_FOLDS:
        raise InputError(f"{folds} folds: it must be 0 for none, or 2 to {MOST_FOLDS}", "20 is a good number")


def fold_of(key: bytes, folds: int) -> int:
    """Return the fold of a document with this `sample_key`.

    `--sample` goes by the size of the key and this by its remainder, so that a sample has documents in every fold.

    Example:
        >>> fold_of(sample_key(b"to be or not to be"), 20)
        4
    """
    return int.from_bytes(key) % folds


def fold_of_text(text: bytes, folds: int) -> int:
    """Return the fold of a document; of a text file that is read in several blocks the first decides, and not the whole."""
    return fold_of(sample_key(text), folds)


def dealt(batch: Documents, folds: int, key: bytes | None = None) -> Iterator[tuple[int, Documents]]:
    """Yield the documents of each fold that has any, as a batch of their own, in their order.

    Args:
        batch: the documents.
        folds: how many folds there are; 0 for none, where the batch is left as it is.
        key: what decides on all of the batch, where it is a part of one document; else each document's text decides.
    """
    if not folds:
        yield 0, batch
        return
    if key is not None:
        yield fold_of(key, folds), batch
        return
    if not batch.ids:  # nobody knows of which document the first part was left out: none goes on
        yield from ((fold, batch) for fold in range(folds))
        return
    starts = batch.starts.tolist()
    texts = [batch.text[first:last] for first, last in pairwise(starts)]
    numbers = np.array([fold_of(sample_key(text), folds) for text in texts], np.int64)
    for fold in np.unique(numbers).tolist():
        rows = np.flatnonzero(numbers == fold)
        chosen = [texts[row] for row in rows.tolist()]
        yield (
            fold,
            replace(
                batch,
                text=b"".join(chosen),
                starts=np.concatenate([[0], np.cumsum([len(text) for text in chosen])]).astype(np.int64),
                slice_ids=batch.slice_ids[rows],
                ids=tuple(batch.ids[row] for row in rows.tolist()),
                characters=batch.characters[rows],
            ),
        )


def unfolded(table: CountsTable) -> CountsTable:
    """Return a table with its folds added up: one slice for each language and domain."""
    if not table.folds:
        return table
    parts = [SliceCounts(replace(part.totals, fold=None), part.rows) for part in parts_of(table)]
    return table_of(added_up(parts), table.pattern, table.provenance)


def folds_apart(table: CountsTable) -> list[CountsTable]:
    """Return each fold as a table, with every slice of the whole table, empty where the fold has nothing of it."""
    empty = {part.key: SliceCounts(Slice(*part.key, 0, 0, 0), Rows.none()) for part in table.totals}
    folds = [dict(empty) for _ in range(table.folds)]
    for part in parts_of(table):
        folds[part.totals.fold or 0][part.totals.key] = SliceCounts(replace(part.totals, fold=None), part.rows)
    return [table_of(list(fold.values()), table.pattern, table.provenance) for fold in folds]


def times_drawn(folds: int) -> NDArray[np.int64]:
    """Return int64[1000, folds]: how often each fold is in each draw of as many folds as there are, with replacement.

    The draws are the same each time, so that what is compared is compared on the same ones.
    """
    drawn = np.random.default_rng(_RANDOM).integers(0, folds, (DRAWS, folds))
    return np.stack([np.bincount(each, minlength=folds) for each in drawn]).astype(np.int64)


def interval_of(draws: NDArray[np.float64]) -> Interval:
    """Return what 95 in 100 draws lie between."""
    low, high = np.quantile(draws, QUANTILES).tolist()
    return low, high
