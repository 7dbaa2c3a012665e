"""A counts table as a value, and the growing table of one slice that it is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit.kernels import sort as sorting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Slice:
    """One (language, domain) of a corpus with its totals; `bytes` are those of the text in UTF-8.

    `fold` is the number of the fold in a table whose folds are kept apart, else None.
    """

    language: str
    domain: str
    documents: int
    characters: int
    bytes: int
    fold: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The language and the domain: what slices are sorted and combined by."""
        return self.language, self.domain

    @property
    def name(self) -> str:
        """The slice as it is written in weights files and talk: `language-domain`."""
        return f"{self.language}-{self.domain}"


@dataclass(frozen=True)
class CountsTable:
    """Pretokens with their counts, per slice; rows are sorted by slice, then by the pretoken's bytes.

    Attributes:
        pattern: the split pattern that cut the pretokens.
        slices: the slices, sorted by language and domain (and fold, where folds are kept apart).
        slice_ids: int32[n], the slice of each row.
        data: uint8, the bytes of all pretokens.
        starts: int64[n + 1], where each pretoken starts in `data`.
        counts: int64[n], how often the pretoken occurs in its slice.
        documents: int64[n], in how many documents of its slice it occurs.
        provenance: JSON object: how the table was made.
        folds: how many folds are kept apart (`tokkit.counts_folds`); 0 where each language and domain is one slice.
    """

    pattern: str
    slices: tuple[Slice, ...]
    slice_ids: NDArray[np.int32]
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    documents: NDArray[np.int64]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    folds: int = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.counts.size

    def pretoken(self, row: int) -> bytes:
        """Return the bytes of a row's pretoken."""
        return self.data[self.starts[row] : self.starts[row + 1]].tobytes()

    @property
    def n_bytes(self) -> int:
        """The bytes of text that were counted."""
        return sum(part.bytes for part in self.slices)

    @property
    def totals(self) -> tuple[Slice, ...]:
        """The totals of each language and domain: those of the slices, folds added up."""
        return totals_of(self.slices)


def totals_of(slices: Sequence[Slice]) -> tuple[Slice, ...]:
    """Return the totals of each language and domain, those of folds added up."""
    by_key: dict[tuple[str, str], list[Slice]] = {}
    for part in slices:
        by_key.setdefault(part.key, []).append(part)
    return tuple(_total(parts) for parts in by_key.values())


def _total(slices: Sequence[Slice], fold: int | None = None) -> Slice:
    """Return the totals of slices of one language and domain, added up."""
    return Slice(
        *slices[0].key,
        sum(part.documents for part in slices),
        sum(part.characters for part in slices),
        sum(part.bytes for part in slices),
        fold,
    )


@dataclass(frozen=True)
class Rows:
    """Distinct pretokens sorted by their bytes, with counts and documents; the arrays as in `CountsTable`."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    documents: NDArray[np.int64]

    @staticmethod
    def none() -> Rows:
        """Return no rows."""
        return Rows(np.empty(0, np.uint8), np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))


def sorted_order(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of byte strings in the order of their bytes."""
    n = starts.size - 1
    order = np.arange(n, dtype=np.int64)
    ranges, next_ranges = np.empty((2, n // 2 + 2, 2), np.int64)
    sorting.sort_strings(data, starts, order, np.empty(n, np.uint64), ranges, next_ranges, np.empty(128, np.int64))
    return order


def gathered(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> Rows:
    """Return some rows in the order of their numbers `rows`, none of which comes twice."""
    # As many bytes as there may be: what is not written to takes no memory.
    out = np.empty(int(starts[-1] - starts[0]) + 8, np.uint8)
    out_starts, out_counts, out_documents = np.empty(rows.size + 1, np.int64), *np.empty((2, rows.size), np.int64)
    sorting.gather_rows(data, starts, counts, documents, rows, out, out_starts, out_counts, out_documents)
    return Rows(out[: out_starts[-1]], out_starts, out_counts, out_documents)


def summed(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
    parts: Sequence[tuple[int, int]] = (),
) -> Rows:
    """Return the rows sorted, and those of equal bytes added up.

    Args:
        data: uint8, the bytes of all pretokens.
        starts: int64[n + 1], where each starts.
        counts: int64[n].
        documents: int64[n].
        parts: rows `(first, last + 1)` that are sorted already, in order and without a gap; else all are sorted anew.
    """
    if not parts:
        rows = gathered(data, starts, counts, documents, sorted_order(data, starts))
        data, starts, counts, documents = rows.data, rows.starts, rows.counts, rows.documents
        parts = [(0, counts.size)]
    firsts, lasts = np.array(parts, np.int64).T.copy()
    tree = np.empty(2 << (len(parts) - 1).bit_length(), np.int64)
    # As many rows and bytes as there may be: what is not written to takes no memory.
    out = np.empty(int(starts[-1] - starts[0]) + 8, np.uint8)
    out_starts, out_counts, out_documents = np.empty(counts.size + 1, np.int64), *np.empty((2, counts.size), np.int64)
    n_rows = sorting.merge_sorted(
        data, starts, counts, documents, firsts, lasts, np.empty(len(parts), np.uint64), tree,
        out, out_starts, out_counts, out_documents,
    )  # fmt: skip
    return Rows(out[: out_starts[n_rows]], out_starts[: n_rows + 1], out_counts[:n_rows], out_documents[:n_rows])


def grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """Return a copy with room for `size` rows."""
    out = np.empty((size, *array.shape[1:]), array.dtype)
    out[: array.shape[0]] = array
    return out


@dataclass(frozen=True)
class SliceCounts:
    """The rows of one slice with its totals."""

    totals: Slice
    rows: Rows


def table_of(parts: Sequence[SliceCounts], pattern: str, provenance: Mapping[str, Any], folds: int = 0) -> CountsTable:
    """Return the table of slices that are sorted by language and domain (and fold)."""
    rows = _one_after_the_other([part.rows for part in parts])
    return CountsTable(
        pattern,
        tuple(part.totals for part in parts),
        np.repeat(np.arange(len(parts), dtype=np.int32), [part.rows.counts.size for part in parts]),
        rows.data,
        rows.starts,
        rows.counts,
        rows.documents,
        provenance,
        folds,
    )


def _one_after_the_other(parts: Sequence[Rows]) -> Rows:
    if not parts:
        return Rows.none()
    if len(parts) == 1:
        return parts[0]
    return Rows(
        np.concatenate([part.data for part in parts]),
        joined_starts([part.starts for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.documents for part in parts]),
    )


def joined_starts(parts: Sequence[NDArray[np.integer]]) -> NDArray[np.int64]:
    """Return the starts of byte strings whose data are put one after the other."""
    lengths = [np.diff(starts) for starts in parts]
    out = np.zeros(1 + sum(part.size for part in lengths), np.int64)
    if lengths:
        np.cumsum(np.concatenate(lengths), out=out[1:])
    return out


def slice_rows(table: CountsTable) -> Iterator[tuple[int, int]]:
    """Yield the rows `(first, last + 1)` of each slice."""
    bounds = np.searchsorted(table.slice_ids, np.arange(len(table.slices) + 1)).tolist()
    yield from pairwise(bounds)


def cut_rows(rows: Rows, first: int, last: int) -> Rows:
    """Return the rows `first` to `last - 1`."""
    return Rows(
        rows.data[rows.starts[first] : rows.starts[last]],
        rows.starts[first : last + 1] - rows.starts[first],
        rows.counts[first:last],
        rows.documents[first:last],
    )


def parts_of(table: CountsTable) -> list[SliceCounts]:
    """Return the slices of a table, each with its rows."""
    return [
        SliceCounts(
            part,
            cut_rows(Rows(table.data, table.starts, table.counts, table.documents), first, last),
        )
        for part, (first, last) in zip(table.slices, slice_rows(table), strict=True)
    ]


def merged_rows(table: CountsTable) -> Rows:
    """Return the distinct pretokens of all slices, their counts and documents added up."""
    if len(table.slices) <= 1:
        return Rows(table.data, table.starts, table.counts, table.documents)
    return summed(table.data, table.starts, table.counts, table.documents, list(slice_rows(table)))


def added_up(parts: Sequence[SliceCounts]) -> list[SliceCounts]:
    """Return one part a slice (and fold), sorted by language and domain; rows and totals of the same one are added up."""
    by_key: dict[tuple[str, str, int], list[SliceCounts]] = {}
    for part in parts:
        by_key.setdefault((*part.totals.key, part.totals.fold or 0), []).append(part)
    return [_added_up(by_key[key]) for key in sorted(by_key)]


def _added_up(parts: Sequence[SliceCounts]) -> SliceCounts:
    if len(parts) == 1:
        return parts[0]
    totals = _total([part.totals for part in parts], parts[0].totals.fold)
    return SliceCounts(totals, added_rows([part.rows for part in parts]))


def added_rows(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several, at least one, those of equal bytes added up."""
    if len(parts) == 1:
        return parts[0]
    rows = _one_after_the_other(parts)
    ends = np.cumsum([part.counts.size for part in parts]).tolist()
    return summed(rows.data, rows.starts, rows.counts, rows.documents, list(pairwise([0, *ends])))
