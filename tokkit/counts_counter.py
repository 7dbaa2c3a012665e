"""Count the pretokens of texts in a table that grows, one a slice; `tokkit.kernels.table` has its arrays."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_table import Rows, Slice, SliceCounts, gathered, grown, sorted_order
from tokkit.kernels import table as kernels
from tokkit.pretokenize import split_documents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokkit.corpus import Documents

_LARGE = 1 << 23  # bytes: slots or an arena of fewer are copied to four times the room when they grow
# Times as much room for more: it takes no memory before it is written to, and in it they grow without a copy.
_RESERVED = 16
_ASIDE = 1 << 10  # slots, in none of which does a look-up pass more than some hundreds


def next_slots(n_slots: int) -> int:
    """Return the number of slots that a table of `n_slots` grows to."""
    return (4 if 32 * n_slots < _LARGE else 2) * n_slots


@dataclass
class Counter:
    """A growing table of one slice."""

    slots: NDArray[np.uint64] = field(default_factory=lambda: np.zeros((1 << 12, 4), np.uint64))
    arena: NDArray[np.uint8] = field(default_factory=lambda: np.empty(1 << 17, np.uint8))
    state: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    documents: int = 0
    characters: int = 0
    bytes: int = 0
    begun: bool = False  # the last document is the one that a batch which continues goes on with
    reserved: NDArray[np.uint64] | None = None  # the slots, and empty ones for them to grow into

    def make_room(self, length: int) -> None:
        """Grow what is too small for one more pretoken of `length` bytes."""
        used = int(self.state[1])
        if used + 8 + length > self.arena.size:
            self.arena = self._grown_arena(used + 8 + length)
            return
        n_slots = next_slots(self.slots.shape[0])
        old = [self.slots]
        if self.reserved is not None and n_slots <= self.reserved.shape[0]:
            old = [self.reserved[:n_slots], np.zeros((_ASIDE, 4), np.uint64)]
            if kernels.spread_slots(old[0], self.slots.shape[0], old[1]):
                self.slots = old[0]
                return
        self.reserved = self._empty_slots(n_slots)
        self.slots = self.reserved[:n_slots]
        for slots in old:
            kernels.move_slots(slots, self.slots)

    @staticmethod
    def _empty_slots(n_slots: int) -> NDArray[np.uint64]:
        """Return empty slots, and more of them to grow into where there are many."""
        if 32 * n_slots >= _LARGE:
            with suppress(MemoryError):
                return np.zeros((_RESERVED * n_slots, 4), np.uint64)
        return np.zeros((n_slots, 4), np.uint64)

    def _grown_arena(self, least: int) -> NDArray[np.uint8]:
        """Return the arena with more room, `least` bytes in all or more."""
        size = self.arena.size
        with suppress(MemoryError):
            return grown(self.arena, max((4 if size < _LARGE else _RESERVED) * size, least))
        return grown(self.arena, max(2 * size, least))

    def count(self, data: NDArray[np.uint8], bounds: NDArray[np.int64], pattern: str, *, continues: bool) -> None:
        """Count the pretokens of documents; `continues`: the first goes on with the last one of the call before."""
        base = self.documents - continues
        ahead = np.empty((kernels.AHEAD, 3), np.uint64)
        for starts, document in split_documents(data, bounds, pattern):
            done = 0
            while True:
                done = kernels.count_pretokens(
                    data, starts, done, bounds, document, base, ahead, self.slots, self.arena, self.state
                )
                if done == starts.size - 1:
                    break
                self.make_room(int(starts[done + 1] - starts[done]))
        self.documents = base + bounds.size - 1
        self.bytes += int(bounds[-1] - bounds[0])

    def unsorted(self) -> Rows:
        """Return what was counted, in the order of the slots."""
        n_entries = int(self.state[0])
        data = np.empty(kernels.bytes_held(self.slots, int(self.state[1])) + 8, np.uint8)
        starts, counts, documents = np.empty(n_entries + 1, np.int64), *np.empty((2, n_entries), np.int64)
        kernels.read_slots(self.slots, self.arena, data, starts, counts, documents)
        return Rows(data, starts, counts, documents)

    def rows(self) -> Rows:
        """Return what was counted, sorted by the pretokens' bytes."""
        rows = self.unsorted()
        order = sorted_order(rows.data, rows.starts)
        return gathered(rows.data, rows.starts, rows.counts, rows.documents, order)

    def totals(self, key: tuple[str, str], fold: int | None = None) -> Slice:
        """Return the totals of the slice."""
        return Slice(*key, self.documents, self.characters, self.bytes, fold)

    def empty(self) -> None:
        """Forget the pretokens, and nothing else."""
        fresh = Counter()
        self.slots, self.arena, self.state, self.reserved = fresh.slots, fresh.arena, fresh.state, None


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
        key = batch.slices[batch.slice_ids[first]]
        if key not in counters:
            counters[key] = Counter()
        counter = counters[key]
        continues = batch.continues and first == 0 and counter.begun
        counter.count(data, batch.starts[first : last + 1], pattern, continues=continues)
        counter.begun = True
        counter.characters += int(batch.characters[first:last].sum())


def slices_of(counters: Counters, fold: int | None = None) -> list[SliceCounts]:
    """Return what was counted, sorted by slice."""
    return [SliceCounts(counter.totals(key, fold), counter.rows()) for key, counter in sorted(counters.items())]
