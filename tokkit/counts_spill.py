"""Count within a memory that the user sets: what has no room is written to sorted runs, which are merged at the end.

Counters ─ full ─▶ runs, one a slice and fold ─ merged ─▶ rows in order ─ counts_file.write ─▶ the same bytes as without a limit

A run is a sequence of frames of sorted rows, so that merging holds one frame of each run. Counts add up wherever a slice is
cut. A document that goes on after its counter was written does not: a pretoken may be on both sides, and counts it once. So
such a document's pretokens are kept apart, in runs of their own, of which each adds one document however often it has one.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_counter import Counter, next_slots
from tokkit.counts_table import Rows, added_rows, cut_rows, gathered, sorted_order
from tokkit.errors import InputError
from tokkit.kernels.table import DOCUMENTS, REST, most_pretokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BufferedReader
    from typing import IO, Any

    from numpy.typing import NDArray

    from tokkit.corpus import Documents
    from tokkit.counts_counter import Counters

# What a process takes beside its counters: the interpreter, its libraries and kernels, and the blocks it works on.
PROCESS_BYTES = 300_000_000
THREAD_BYTES = 80_000_000  # the blocks that one more thread works on
LEAST_ROOM = 80_000_000  # the pretokens of a block, so that one block can be counted at all
_FRAME_BYTES = 1 << 18
_ROW_BYTES = 24  # of a row in a frame beside its pretoken
_TEXT_A_ROW = (
    8  # bytes of text a pretoken that the counter has not: one in four of English, one in two of Chinese clauses
)

Key = tuple[int, str, str]
"""Fold, language and domain."""


@dataclass(frozen=True)
class Run:
    """Sorted rows of one slice in a file.

    Attributes:
        path: the file.
        offset: where its first frame begins.
        n_frames: how many frames follow each other.
        document: names the document that has all these rows, and others in other runs; None where they are whole.
    """

    path: str
    offset: int
    n_frames: int
    document: str | None = None


@dataclass(frozen=True)
class Spill:
    """Where a process may write runs, and the bytes of memory that its counters may take."""

    folder: str
    room: int


@dataclass
class Spiller:
    """Write the counters of one process to runs whenever they have no room for what comes next."""

    spill: Spill
    counters: Sequence[Counters]
    runs: dict[Key, list[Run]] = field(default_factory=dict)
    unfinished: dict[Key, str] = field(default_factory=dict)  # the document that a counter had not seen the end of

    def make_room(self, fold: int, batch: Documents) -> None:
        """Write what must be before a batch is counted in a fold."""
        lengths = np.diff(batch.starts)
        sizes = np.bincount(batch.slice_ids, lengths, minlength=len(batch.slices))
        present = set(batch.slice_ids.tolist())
        goes_on: Key | None = None
        if batch.continues and present:
            first = batch.slices[batch.slice_ids[0]]
            known = self.counters[fold].get(first)
            goes_on = (fold, *first) if known and known.begun else None
        for slice_id in sorted(present):
            key = (fold, *batch.slices[slice_id])
            if key in self.unfinished and key != goes_on:
                self.write([key], None)
                del self.unfinished[key]
        coming = {(fold, *batch.slices[slice_id]): int(sizes[slice_id]) for slice_id in present}
        if demand(self.counters, coming) > self.spill.room:
            self.write(self.keys(), goes_on)

    def keys(self) -> list[Key]:
        """Return the folds and slices that have counters, sorted."""
        return sorted((fold, *key) for fold, counters in enumerate(self.counters) for key in counters)

    def finish(self) -> dict[Key, list[Run]]:
        """Write what is left, and return the runs of each slice."""
        self.write(self.keys(), None)
        return self.runs

    def write(self, keys: Sequence[Key], goes_on: Key | None) -> None:
        """Write counters to one file and empty them; the last document of the one that `goes_on` is not at its end."""
        try:
            with tempfile.NamedTemporaryFile(dir=self.spill.folder, delete=False) as file:
                for key in keys:
                    counter = self.counters[key[0]][key[1:]]
                    if key == goes_on:
                        self.unfinished.setdefault(key, f"{file.name} {key}")
                    if counter.state[0]:
                        document = self.unfinished.get(key)
                        self.runs.setdefault(key, []).extend(_write_counter(file, file.name, counter, document))
        except OSError as error:
            raise InputError(
                f"cannot write counts to {self.spill.folder}: {error.strerror or error}",
                "set TMPDIR to a folder with room, or give more --memory",
            ) from None


def demand(counters: Sequence[Counters], coming: dict[Key, int]) -> int:
    """Return the most memory that counters take while text is counted that is coming, bytes of each slice, or are written."""
    held = most = 0
    for fold, each in enumerate(counters):
        for slice_key, counter in each.items():
            n_bytes = coming.get((fold, *slice_key), 0)
            n_entries = int(counter.state[0]) + n_bytes // _TEXT_A_ROW
            n_slots = counter.slots.shape[0]
            while n_entries > most_pretokens(n_slots):
                n_slots = next_slots(n_slots)
            arena = int(counter.state[1]) + n_bytes // 2
            held += 32 * n_slots + arena
            # Growing holds the old slots besides; writing, a copy of the pretokens with three numbers each.
            growing = counter.slots.nbytes if n_slots > counter.slots.shape[0] else 0
            most = max(most, growing, 36 * n_entries + arena)
    return held + most


def _write_counter(file: IO[bytes], path: str, counter: Counter, document: str | None) -> list[Run]:
    """Write a counter's rows and empty it; those of its last document apart, where that is not at its end."""
    rows = counter.unsorted()
    last = np.empty(0, np.bool_)
    if document is not None:
        taken = counter.slots[:, REST] != 0
        last = counter.slots[taken, DOCUMENTS] >> np.uint64(32) == np.uint64(counter.documents - 1)
        rows.documents[last] -= 1
    counter.empty()
    order = sorted_order(rows.data, rows.starts)
    runs = [_write_run(file, path, rows, order)]
    if document is not None:
        ones = Rows(rows.data, rows.starts, np.zeros_like(rows.counts), np.ones_like(rows.documents))
        runs.append(_write_run(file, path, ones, order[last[order]], document))
    return runs


def _write_run(file: IO[bytes], path: str, rows: Rows, order: NDArray[np.int64], document: str | None = None) -> Run:
    """Write the rows `order` as frames: numbers of rows and of bytes, starts, counts, documents, bytes."""
    offset = file.tell()
    ends = np.cumsum(rows.starts[order + 1] - rows.starts[order] + _ROW_BYTES)
    first = n_frames = 0
    while first < order.size:
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + _FRAME_BYTES)))
        chosen = order[first:last]
        frame = gathered(rows.data, rows.starts, rows.counts, rows.documents, chosen)
        sizes = np.array([chosen.size, frame.data.size], np.int64)
        file.writelines(array.data for array in (sizes, frame.starts, frame.counts, frame.documents, frame.data))
        first = last
        n_frames += 1
    return Run(path, offset, n_frames, document)


@dataclass
class _Reader:
    """A run that is read frame by frame."""

    file: BufferedReader
    frames_left: int
    document: str | None
    rows: Rows = field(default_factory=Rows.none)

    def fill(self) -> bool:
        """Read the next frame where all of the one before was taken; tell whether there are rows."""
        if self.rows.counts.size or not self.frames_left:
            return self.rows.counts.size > 0
        self.frames_left -= 1
        n_rows, n_bytes = self._read(np.int64, 2).tolist()
        starts, counts, documents = (self._read(np.int64, size) for size in (n_rows + 1, n_rows, n_rows))
        self.rows = Rows(self._read(np.uint8, n_bytes), starts, counts, documents)
        return True

    def _read(self, kind: type[Any], size: int) -> NDArray[Any]:
        array = np.empty(size, kind)  # to be written to, as other rows: else kernels are compiled once more
        if self.file.readinto(array.data) < array.nbytes:
            raise InputError(f"{self.file.name}: cut short while it was merged", "count again, with TMPDIR elsewhere")
        return array

    def pretoken(self, row: int) -> bytes:
        return self.rows.data[self.rows.starts[row] : self.rows.starts[row + 1]].tobytes()

    def take(self, limit: bytes | None) -> Rows:
        """Return the rows of the frame up to a pretoken, and keep the others; all of it for None."""
        low, high = 0, self.rows.counts.size
        while limit is not None and low < high:
            middle = (low + high) // 2
            if self.pretoken(middle) <= limit:
                low = middle + 1
            else:
                high = middle
        taken, self.rows = cut_rows(self.rows, 0, high), cut_rows(self.rows, high, self.rows.counts.size)
        return taken


def merged(runs: Sequence[Run]) -> Iterator[Rows]:
    """Yield the rows of runs of one slice added up, in order, some at a time.

    Every reader holds the next rows of its run, so that all rows up to the least of their last ones are at hand.
    """
    with ExitStack() as stack:
        readers = []
        for run in runs:
            file = stack.enter_context(Path(run.path).open("rb"))
            file.seek(run.offset)
            readers.append(_Reader(file, run.n_frames, run.document))
        while True:
            readers = [reader for reader in readers if reader.fill()]
            if not readers:
                return
            more = [reader.pretoken(reader.rows.counts.size - 1) for reader in readers if reader.frames_left]
            yield _taken(readers, min(more, default=None))


def _taken(readers: Sequence[_Reader], limit: bytes | None) -> Rows:
    """Return the rows of readers up to a pretoken, added up; those of a document's parts count it once."""
    whole: list[Rows] = []
    of_documents: dict[str, list[Rows]] = {}
    for reader in readers:
        rows = reader.take(limit)
        if rows.counts.size:
            (whole if reader.document is None else of_documents.setdefault(reader.document, [])).append(rows)
    for parts in of_documents.values():
        once = added_rows(parts)
        whole.append(Rows(once.data, once.starts, once.counts, np.minimum(once.documents, 1)))
    return added_rows(whole)


def write_merged(runs: Sequence[Run], folder: str) -> tuple[Run, int]:
    """Merge the runs of a slice into one, and return it with the number of its rows."""
    n_rows = n_frames = 0
    try:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            for rows in merged(runs):
                written = _write_run(file, file.name, rows, np.arange(rows.counts.size))
                n_frames += written.n_frames
                n_rows += rows.counts.size
    except OSError as error:
        raise InputError(
            f"cannot write counts to {folder}: {error.strerror or error}", "set TMPDIR to a folder with room"
        ) from None
    return Run(file.name, 0, n_frames), n_rows


@contextmanager
def scratch_folder(path: str | Path) -> Iterator[str]:
    """Yield a folder for runs, in $TMPDIR or else beside `path`, and remove it however the work ends.

    Not in /tmp by itself: that is often made of the very memory that is to be spared.
    """
    beside = Path(os.path.realpath(path)).parent
    parent = os.environ.get("TMPDIR") or (beside if os.access(beside, os.W_OK) else None)
    with tempfile.TemporaryDirectory(prefix=".tokkit-counts-", dir=parent) as folder:
        yield folder


def room_of(memory: int, jobs: int, *, in_threads: bool = False) -> int:
    """Return the bytes that the counters of each worker may take; not even a block's pretokens fit below LEAST_ROOM."""
    return (memory - _fixed_bytes(jobs, in_threads=in_threads)) // jobs


def _fixed_bytes(jobs: int, *, in_threads: bool) -> int:
    """Return what is taken beside the counters; with processes, by one more, which deals out and merges when they end."""
    if in_threads:
        return PROCESS_BYTES + (jobs - 1) * THREAD_BYTES
    return PROCESS_BYTES * (1 if jobs == 1 else jobs + 1)


def jobs_within(memory: int, jobs: int, *, fewer: bool, in_threads: bool = False) -> int:
    """Return how many workers to count with, at most `jobs`; `fewer` if need be.

    Raises:
        InputError: the memory is too small for them; says how much would do.

    Example:
        >>> jobs_within(10**9, 8, fewer=True), jobs_within(10**9, 8, fewer=True, in_threads=True)
        (1, 4)
    """
    while fewer and jobs > 1 and room_of(memory, jobs, in_threads=in_threads) < LEAST_ROOM:
        jobs -= 1
    if room_of(memory, jobs, in_threads=in_threads) < LEAST_ROOM:
        least = _fixed_bytes(jobs, in_threads=in_threads) + jobs * LEAST_ROOM
        amount = f"{memory / 1e6:,.0f} MB" if memory >= 10**6 else f"{memory:,} bytes"
        raise InputError(
            f"{amount} of memory are too little to count with {jobs} {'job' if jobs == 1 else 'jobs'}",
            f"--memory {-(-least // 1_000_000)}MB" + (" or fewer --jobs" if jobs > 1 else ""),
        )
    return jobs
