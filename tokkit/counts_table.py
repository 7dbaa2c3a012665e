"""A counts table as a value, and the growing table of one slice that it is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit.kernels import table as kernels
from tokkit.pretokenize import split_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.corpus import Documents

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class Slice:
    """One (language, domain) of a corpus with its totals; `bytes` are those of the text in UTF-8."""

    language: str
    domain: str
    documents: int
    characters: int
    bytes: int

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
        slices: the slices, sorted by language and domain.
        slice_ids: int32[n], the slice of each row.
        data: uint8, the bytes of all pretokens.
        starts: int64[n + 1], where each pretoken starts in `data`.
        counts: int64[n], how often the pretoken occurs in its slice.
        documents: int64[n], in how many documents of its slice it occurs.
        provenance: JSON object: how the table was made.
    """

    pattern: str
    slices: tuple[Slice, ...]
    slice_ids: NDArray[np.int32]
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    documents: NDArray[np.int64]
    provenance: Mapping[str, Any] = field(default_factory=dict)

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


@dataclass
class Counter:
    """A growing table of one slice; see `tokkit.kernels.table` for the arrays."""

    slots: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(1 << 14, np.uint64))
    entries: NDArray[np.int64] = field(default_factory=lambda: np.empty((1 << 13, 4), np.int64))
    arena: NDArray[np.uint8] = field(default_factory=lambda: np.empty(1 << 17, np.uint8))
    state: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    documents: int = 0
    characters: int = 0
    bytes: int = 0
    begun: bool = False  # the last document is the one that a batch which continues goes on with

    def make_room(self, length: int) -> None:
        """Grow whatever is too small for one more pretoken of `length` bytes.

        Room that nobody has written to yet takes no memory, so what is filled in order grows fourfold, to be copied rarely.
        """
        n_entries, used = self.state.tolist()
        if used + length > self.arena.size:
            self.arena = grown(self.arena, max(4 * self.arena.size, used + length))
        if n_entries >= self.entries.shape[0]:
            self.entries = grown(self.entries, 4 * n_entries)
        if 2 * (n_entries + 1) > self.slots.size:
            self.slots = np.zeros((4 if self.slots.size < kernels.LARGE else 2) * self.slots.size, np.uint64)
            kernels.rehash(self.entries, n_entries, self.arena, self.slots)

    def count(self, data: NDArray[np.uint8], bounds: NDArray[np.int64], pattern: str, *, continues: bool) -> None:
        """Count the pretokens of documents; `continues`: the first goes on with the last one of the call before."""
        base = self.documents - continues
        for starts, document in split_documents(data, bounds, pattern):
            self._count(data, starts, bounds, document, base, _NONE, _NONE)
        self.documents = base + bounds.size - 1
        self.bytes += int(bounds[-1] - bounds[0])

    def add(
        self,
        data: NDArray[np.uint8],
        starts: NDArray[np.int64],
        counts: NDArray[np.int64],
        documents: NDArray[np.int64],
    ) -> None:
        """Add pretokens that have been counted elsewhere."""
        if counts.size:
            self._count(data, starts, _NONE, 0, 0, counts, documents)

    def _count(
        self,
        data: NDArray[np.uint8],
        starts: NDArray[np.int64],
        bounds: NDArray[np.int64],
        document: int,
        base: int,
        counts: NDArray[np.int64],
        documents: NDArray[np.int64],
    ) -> None:
        done = 0
        hashes = np.empty(kernels.AHEAD, np.uint64)
        while True:
            done = kernels.count_pretokens(
                data, starts, done, bounds, document, base, counts, documents, hashes,
                self.slots, self.entries, self.arena, self.state,
            )  # fmt: skip
            if done == starts.size - 1:
                return
            self.make_room(int(starts[done + 1] - starts[done]))

    def rows(
        self, *, in_order: bool = True
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return data, starts, counts and documents, sorted by the pretokens' bytes, or as they first came."""
        n_entries, used = self.state.tolist()
        entries = self.entries[:n_entries]
        starts = np.append(entries[:, kernels.START], used)  # the arena is filled in the order of the entries
        if not in_order:
            return self.arena[:used], starts, entries[:, kernels.COUNT].copy(), entries[:, kernels.DOCUMENTS].copy()
        order = np.arange(n_entries, dtype=np.int64)
        ranges, next_ranges = np.empty((2, n_entries // 2 + 2, 2), np.int64)
        kernels.sort_strings(self.arena, starts, order, np.empty(n_entries, np.uint64), ranges, next_ranges)
        data = np.empty(used, np.uint8)
        sorted_starts = np.empty(n_entries + 1, np.int64)
        kernels.gather_strings(self.arena, starts, order, data, sorted_starts)
        return data, sorted_starts, entries[order, kernels.COUNT], entries[order, kernels.DOCUMENTS]


def grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """Return a copy with room for `size` rows."""
    out = np.empty((size, *array.shape[1:]), array.dtype)
    out[: array.shape[0]] = array
    return out


Counters = dict[tuple[str, str], Counter]


def count_batch(counters: Counters, batch: Documents, pattern: str) -> None:
    """Count a batch of documents into the counters of their slices, which are made where they are missing."""
    if not batch.ids and not batch.continues:  # a text file's first block was skipped: what follows begins a document
        for key in counters.keys() & set(batch.slices):
            counters[key].begun = False
    data = np.frombuffer(batch.text, np.uint8)
    changes = np.flatnonzero(np.diff(batch.slice_ids)) + 1
    runs = [0, *changes.tolist(), batch.slice_ids.size]
    for first, last in pairwise(runs):
        if first == last:
            continue
        counter = counters.setdefault(batch.slices[batch.slice_ids[first]], Counter())
        continues = batch.continues and first == 0 and counter.begun
        counter.count(data, batch.starts[first : last + 1], pattern, continues=continues)
        counter.begun = True
        counter.characters += int(batch.characters[first:last].sum())


@dataclass(frozen=True)
class SliceCounts:
    """The rows of one slice, sorted by the pretokens' bytes, with its totals; the arrays as in `CountsTable`."""

    totals: Slice
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    documents: NDArray[np.int64]


def slices_of(counters: Counters) -> list[SliceCounts]:
    """Return what was counted, sorted by slice."""
    return [
        SliceCounts(Slice(*key, counter.documents, counter.characters, counter.bytes), *counter.rows())
        for key, counter in sorted(counters.items())
    ]


def table_of(parts: Sequence[SliceCounts], pattern: str, provenance: Mapping[str, Any]) -> CountsTable:
    """Return the table of slices that are sorted by language and domain."""
    return CountsTable(
        pattern,
        tuple(part.totals for part in parts),
        np.repeat(np.arange(len(parts), dtype=np.int32), [part.counts.size for part in parts]),
        np.concatenate([part.data for part in parts]) if parts else np.empty(0, np.uint8),
        joined_starts([part.starts for part in parts]),
        np.concatenate([part.counts for part in parts]) if parts else np.empty(0, np.int64),
        np.concatenate([part.documents for part in parts]) if parts else np.empty(0, np.int64),
        provenance,
    )


def joined_starts(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
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


def merged_rows(
    table: CountsTable,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return data, starts, counts and documents of the distinct pretokens, slices added up, in order of first appearance."""
    if len(table.slices) <= 1:
        return table.data, table.starts, table.counts, table.documents
    counter = Counter()
    counter.add(table.data, table.starts, table.counts, table.documents)
    return counter.rows(in_order=False)
