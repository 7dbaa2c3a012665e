"""Count with one worker or several: each counts its blocks, and the sorted slices of all are added up.

Block ─ parse ─▶ Documents ─ without near-duplicates ─ labelled ─ dealt into folds ─▶ Counters ─▶ SliceCounts
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokkit import corpus
from tokkit.corpus_blocks import sample_key
from tokkit.counts_counter import Counters, count_batch, slices_of
from tokkit.counts_folds import dealt
from tokkit.counts_spill import Spiller
from tokkit.counts_table import Rows, SliceCounts
from tokkit.dedup import numbered, place_of, without
from tokkit.language import Labeller
from tokkit.pretokenize import has_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokkit.corpus import Block, CorpusFile, Documents, Labels, OnError
    from tokkit.counts_spill import Key, Run, Spill
    from tokkit.dedup import Duplicates, Place
    from tokkit.errors import CorpusError


@dataclass
class Tally:
    """What a worker has counted so far: counters for each fold, why documents were left out, what was labelled."""

    counters: list[Counters]
    skipped: list[CorpusError] = field(default_factory=list)
    labeller: Labeller | None = None
    spiller: Spiller | None = None


@dataclass(frozen=True)
class Part:
    """The result of a worker; with runs, or where rows are asked for later, the slices have no rows."""

    slices: list[SliceCounts]
    skipped: list[CorpusError]
    labelled: dict[str, list[int]]
    runs: dict[Key, list[Run]] = field(default_factory=dict)
    n_rows: dict[Key, int] = field(default_factory=dict)  # of the slices whose rows are asked for later


@dataclass(frozen=True)
class Job:
    """What every worker needs to know to count a block; see `tokkit.corpus_processes.Answering`.

    With `rows_later`, a worker tells how many rows it has of each slice, and sends them when it is asked for slices.
    """

    labels: Labels | None
    pattern: str
    on_error: OnError
    sample: float
    folds: int = 0
    detect_language: bool = False
    duplicates: Duplicates | None = None
    spill: Spill | None = None
    rows_later: bool = False

    @property
    def in_threads(self) -> bool:
        """Whether kernels do nearly all of the work: they split by the known patterns only, and tell no language."""
        return has_kernel(self.pattern) and not self.detect_language

    def begin(self) -> Tally:
        """Return an empty tally."""
        labeller = Labeller() if self.detect_language else None
        counters: list[Counters] = [{} for _ in range(max(self.folds, 1))]
        return Tally(counters, labeller=labeller, spiller=Spiller(self.spill, counters) if self.spill else None)

    def take(self, block: Block, state: Tally) -> None:
        """Parse a block and count it."""
        batch = corpus.parse(block, self.labels, on_error=self.on_error, sample=self.sample)
        one = self.folds and block.file.kind == "text"
        self.add(batch, place_of(block), state, (block.sample_key or sample_key(block.data)) if one else None)

    def add(self, batch: Documents, place: Place, state: Tally, key: bytes | None) -> None:
        """Count the documents of a batch that stay into the counters of their folds.

        Args:
            batch: the documents.
            place: what the batch was called when near-duplicates were looked for.
            state: what was counted so far.
            key: decides on the fold of all documents; None where each has its own.
        """
        state.skipped += batch.skipped
        batch = without(batch, self.duplicates, place)
        if state.labeller:
            batch = state.labeller.label(batch)
        for fold, part in dealt(batch, self.folds, key):
            if state.spiller:
                state.spiller.make_room(fold, part)
            count_batch(state.counters[fold], part, self.pattern)

    def finish(self, state: Tally) -> Part:
        """Return what was counted, sorted by slice within each fold."""
        runs = state.spiller.finish() if state.spiller else {}
        folds = [(fold if self.folds else None, each) for fold, each in enumerate(state.counters)]
        labelled = state.labeller.tally if state.labeller else {}
        if not self.rows_later:
            slices = [part for fold, each in folds for part in slices_of(each, fold)]
            return Part(slices, state.skipped, labelled, runs)
        slices = [SliceCounts(each[key].totals(key, fold), Rows.none()) for fold, each in folds for key in sorted(each)]
        n_rows = {(fold or 0, *key): int(counter.state[0]) for fold, each in folds for key, counter in each.items()}
        return Part(slices, state.skipped, labelled, n_rows=n_rows)

    def answer(self, request: Sequence[Key], state: Tally) -> Iterator[Rows]:
        """Yield the rows of slices, and forget each when it was yielded."""
        for fold, *key in request:
            counter = state.counters[fold].pop((key[0], key[1]))
            rows = counter.rows()
            counter.empty()
            yield rows


def count_up_to(files: Sequence[CorpusFile], job: Job, max_bytes: int) -> Tally:
    """Count the files one after the other until the texts reach that many bytes."""
    state = job.begin()
    key: bytes | None = None
    batches = corpus.batches(files, job.labels, on_error=job.on_error, sample=job.sample, max_bytes=max_bytes)
    for number, batch in enumerate(batches):
        key = key if batch.continues else None
        job.add(batch, numbered(number), state, key)
        if job.folds and not batch.continues:  # what follows, if it continues, is of the same document and fold
            key = sample_key(batch.text) if len(batch) == 1 else None
    return state
