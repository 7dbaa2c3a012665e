"""Counts tables: pretokens with their counts per slice. The corpus is read once; everything after works on the table."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.corpus_files import stored_bytes
from tokkit.corpus_processes import Worker, workers_on
from tokkit.counts_counter import Counter, slices_of
from tokkit.counts_file import Contents, is_counts_table, load, save, write
from tokkit.counts_folds import require_folds, unfolded
from tokkit.counts_processes import Job, count_up_to
from tokkit.counts_provenance import naming, provenance_of
from tokkit.counts_spill import Spill, jobs_within, merged, room_of, scratch_folder, write_merged
from tokkit.counts_table import (
    CountsTable,
    Slice,
    added_rows,
    added_up,
    parts_of,
    table_of,
)
from tokkit.counts_weights import reweight, slice_weights
from tokkit.dedup import Signer, find_duplicates
from tokkit.errors import InputError, MismatchError
from tokkit.pretokenize import pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tokkit.corpus import CorpusFile, Labels, OnError
    from tokkit.counts_processes import Part
    from tokkit.counts_spill import Key
    from tokkit.dedup import Duplicates
    from tokkit.errors import CorpusError

__all__ = [
    "Counted",
    "CountedFile",
    "CountsTable",
    "Slice",
    "combine",
    "count",
    "count_texts",
    "count_to_file",
    "is_counts_table",
    "load",
    "reweight",
    "save",
    "slice_weights",
]

_BATCH_BYTES = 4_000_000
_BYTES_A_PROCESS = 16_000_000  # stored bytes that take about as long to count as a process takes to start
_BYTES_A_THREAD = 2_000_000  # stored bytes of a block or so: fewer are not shared, and a thread starts at once


@dataclass(frozen=True)
class Counted:
    """A counts table, and what happened to documents on the way.

    Attributes:
        table: the counts table.
        skipped: why documents could not be read (`on_error="skip"`).
        duplicates: the near-duplicates that were left out; None where they were not looked for.
        labelled: documents and bytes of each language that was told of documents without one, `und` included; None where
            languages were not looked for.
    """

    table: CountsTable
    skipped: tuple[CorpusError, ...]
    duplicates: Duplicates | None = None
    labelled: Mapping[str, tuple[int, int]] | None = None


@dataclass(frozen=True)
class CountedFile:
    """A counts table that was written to a file, and what happened to documents on the way: as `Counted`."""

    table: Contents
    skipped: tuple[CorpusError, ...]
    duplicates: Duplicates | None = None
    labelled: Mapping[str, tuple[int, int]] | None = None


def count_texts(
    texts: Sequence[str], pattern: str = "cl100k_base", *, language: str = "und", domain: str = "all"
) -> CountsTable:
    """Count texts that are in memory, each a document of one slice.

    Raises:
        InputError: unknown pattern, one text that is in no list, or a text with a lone surrogate.

    Example:
        >>> table = count_texts(["to be or not to be"], language="en", domain="plays")
        >>> {table.pretoken(row): int(table.counts[row]) for row in range(len(table))}
        {b' be': 2, b' not': 1, b' or': 1, b' to': 1, b'to': 1}
    """
    if isinstance(texts, str):
        raise InputError("a text where a list of texts is wanted", "put it into brackets: count_texts([text])")
    pattern = pattern_of(pattern)
    return table_of(slices_of({(language, domain): counter_of(texts, pattern)}), pattern, {"step": "count"})


def counter_of(texts: Sequence[str], pattern: str) -> Counter:
    """Count texts, each a document, and leave the pretokens as they were found, unsorted.

    Raises:
        InputError: a text with a lone surrogate.
    """
    counter = Counter(characters=sum(map(len, texts)))
    for batch in _batches(texts):
        bounds = np.zeros(len(batch) + 1, np.int64)
        np.cumsum([len(text) for text in batch], out=bounds[1:])
        counter.count(np.frombuffer(b"".join(batch), np.uint8), bounds, pattern, continues=False)
    return counter


def _batches(texts: Sequence[str]) -> Iterator[list[bytes]]:
    """Yield the texts in UTF-8, some at a time, so that no copy of all of them is made."""
    batch: list[bytes] = []
    size = 0
    for text in texts:
        try:
            batch.append(text.encode())
        except UnicodeEncodeError as error:
            raise InputError(f"a text holds a lone surrogate at character {error.start}") from None
        size += len(batch[-1])
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def combine(tables: Sequence[CountsTable]) -> CountsTable:
    """Return one table with the counts and totals of several added up; folds stay apart where all have as many.

    Raises:
        InputError: no table.
        MismatchError: the tables were cut by different patterns.

    Example:
        >>> one = count_texts(["a b"], "r50k_base", language="en", domain="x")
        >>> both = combine([one, one])
        >>> [(both.pretoken(row), int(both.counts[row])) for row in range(len(both))]
        [(b' b', 2), (b'a', 2)]
    """
    if not tables:
        raise InputError("no counts table to combine")
    if len(tables) == 1:
        return tables[0]
    for table in tables[1:]:
        if table.pattern != tables[0].pattern:
            raise MismatchError(
                f"counts tables were cut by different patterns: {tables[0].pattern} and {table.pattern}",
                "count the corpus again with one --pattern",
            )
    folds = tables[0].folds if all(table.folds == tables[0].folds for table in tables) else 0
    parts = [part for table in tables for part in parts_of(table if folds else unfolded(table))]
    provenance = {"step": "combine", "tables": [dict(table.provenance) for table in tables]}
    return table_of(added_up(parts), tables[0].pattern, provenance, folds)


def count(
    files: Sequence[CorpusFile],
    labels: Labels | None = None,
    *,
    pattern: str = "cl100k_base",
    jobs: int = 1,
    on_error: OnError = "stop",
    sample: float = 1.0,
    max_bytes: int | None = None,
    folds: int = 0,
    dedup: bool = False,
    detect_language: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Counted:
    """Count the pretokens of a corpus; the table is the same for any number of jobs and any order of files.

    Args:
        files: from `tokkit.corpus.find`.
        labels: those that `find` had.
        pattern: a split pattern, or the name of a base that has it.
        jobs: workers to count with; 0 is one a core, or fewer where the files are too small to pay for them. They are threads;
            processes with `dedup`, `detect_language` or a pattern that no base has, whose work holds the interpreter's lock.
            Then call from under `if __name__ == "__main__":`, because processes import the calling script.
        on_error: as for `tokkit.corpus.parse`.
        sample: as for `tokkit.corpus.parse`.
        max_bytes: as for `tokkit.corpus.batches`; one process counts then, because the end depends on the order.
        folds: keep this many folds of documents apart, for intervals (`tokkit.counts_folds`); 0 for none.
        dedup: leave near-duplicates out (`tokkit.dedup`), which reads the corpus twice.
        detect_language: label documents whose language is `und` (`tokkit.language`).
        progress: called with the stored bytes read so far and in all (0 where not known).

    Raises:
        InputError: unknown pattern, an option out of range, a package that is not installed, or stdin with `dedup`.
        CorpusError: a document that cannot be read (`stop`), or a broken file.
    """
    job = Job(labels, pattern_of(pattern), on_error, sample, folds, detect_language)
    with naming(files, meanwhile=jobs != 1 and max_bytes is None) as named:
        parts, duplicates = _parts(files, job, jobs, dedup=dedup, max_bytes=max_bytes, progress=progress)
        provenance = provenance_of(files, job, parts, max_bytes, duplicates, named)
    table = table_of(added_up([each for part in parts for each in part.slices]), job.pattern, provenance, folds)
    return Counted(table, _skipped(parts), duplicates, _labelled(parts) if detect_language else None)


def count_to_file(
    path: str | Path,
    files: Sequence[CorpusFile],
    labels: Labels | None = None,
    *,
    memory: int | None = None,
    pattern: str = "cl100k_base",
    jobs: int = 1,
    on_error: OnError = "stop",
    sample: float = 1.0,
    max_bytes: int | None = None,
    folds: int = 0,
    dedup: bool = False,
    detect_language: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> CountedFile:
    """Count the pretokens of a corpus into a file; the bytes are those of `count` and `save`, for any memory and jobs.

    With `memory`, what has no room is written to a folder in $TMPDIR, or else beside `path`, about 50 bytes a row of each
    run, and merged.

    Args:
        path: the file to write.
        files: as for `count`, like all others but these two.
        labels: as for `count`.
        memory: None, or bytes that all workers may take together: each its own (`tokkit.counts_spill`), and their
            counters what is left. On top come documents larger than a block, and what `dedup` holds.
        pattern: as for `count`.
        jobs: as for `count`; with 0, no more than the memory has room for.
        on_error: as for `count`.
        sample: as for `count`.
        max_bytes: as for `count`.
        folds: as for `count`.
        dedup: as for `count`.
        detect_language: as for `count`.
        progress: as for `count`.

    Raises:
        InputError: as `count`; too little memory for the jobs; or no room on the disk.
        CorpusError: as `count`.
    """
    job = Job(labels, pattern_of(pattern), on_error, sample, folds, detect_language, rows_later=True)
    in_threads = job.in_threads and not dedup
    number = 1 if max_bytes is not None else jobs or _jobs_for(files, job, dedup=dedup)
    if memory is None:
        return _count_and_write(path, files, job, number, dedup=dedup, max_bytes=max_bytes, progress=progress)
    number = jobs_within(memory, number, fewer=jobs == 0, in_threads=in_threads)
    with scratch_folder(path) as folder, naming(files, meanwhile=number > 1) as named:
        job = replace(job, rows_later=False, spill=Spill(folder, room_of(memory, number, in_threads=in_threads)))
        parts, duplicates = _parts(files, job, number, dedup=dedup, max_bytes=max_bytes, progress=progress)
        totals, keys = _totals_of(parts)
        of_slices = [write_merged([run for part in parts for run in part.runs.get(key, ())], folder) for key in keys]
        provenance = provenance_of(files, job, parts, max_bytes, duplicates, named)
        contents = Contents(job.pattern, totals, tuple(n_rows for _, n_rows in of_slices), provenance, folds)
        write(contents, ((number, rows) for number, (run, _) in enumerate(of_slices) for rows in merged([run])), path)
    return CountedFile(contents, _skipped(parts), duplicates, _labelled(parts) if detect_language else None)


def _count_and_write(
    path: str | Path,
    files: Sequence[CorpusFile],
    job: Job,
    jobs: int,
    *,
    dedup: bool,
    max_bytes: int | None,
    progress: Callable[[int, int], None] | None,
) -> CountedFile:
    """Count into a file whose first slices are written while workers still sort the last ones."""
    with (
        naming(files, meanwhile=jobs > 1) as named,
        _workers(files, job, jobs, dedup=dedup, max_bytes=max_bytes, progress=progress) as (workers, duplicates),
    ):
        parts: list[Part] = [worker.result for worker in workers]
        totals, keys = _totals_of(parts)
        owners = {key: [number for number, part in enumerate(parts) if key in part.n_rows] for key in keys}
        # What several workers have comes first: how many rows it makes together stands at the beginning of the file.
        shared = [key for key in keys if len(owners[key]) > 1]
        rows = [
            worker.ask(
                [key for key in [*shared, *(each for each in keys if each not in shared)] if number in owners[key]]
            )
            for number, worker in enumerate(workers)
        ]
        joined = {key: added_rows([next(rows[number]) for number in owners[key]]) for key in shared}
        n_rows = [joined[key].counts.size if key in joined else parts[owners[key][0]].n_rows[key] for key in keys]
        provenance = provenance_of(files, job, parts, max_bytes, duplicates, named)
        contents = Contents(job.pattern, totals, tuple(n_rows), provenance, job.folds)
        pieces = (joined.pop(key) if key in joined else next(rows[owners[key][0]]) for key in keys)
        write(contents, enumerate(pieces), path)
    return CountedFile(contents, _skipped(parts), duplicates, _labelled(parts) if job.detect_language else None)


def _totals_of(parts: Sequence[Part]) -> tuple[tuple[Slice, ...], list[Key]]:
    """Return the totals of every slice that workers counted, and its key, in the order of the file."""
    totals = tuple(part.totals for part in added_up([each for part in parts for each in part.slices]))
    return totals, [(part.fold or 0, *part.key) for part in totals]


def _parts(
    files: Sequence[CorpusFile],
    job: Job,
    jobs: int,
    *,
    dedup: bool,
    max_bytes: int | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[Part], Duplicates | None]:
    """Return what each worker counted, and the near-duplicates where they are looked for."""
    with _workers(files, job, jobs, dedup=dedup, max_bytes=max_bytes, progress=progress) as (workers, duplicates):
        return [worker.result for worker in workers], duplicates


@contextmanager
def _workers(
    files: Sequence[CorpusFile],
    job: Job,
    jobs: int,
    *,
    dedup: bool,
    max_bytes: int | None,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[list[Worker], Duplicates | None]]:
    """Yield the workers that have counted, and the near-duplicates where they are looked for."""
    require_folds(job.folds)
    total = stored_bytes(files)
    jobs = jobs or _jobs_for(files, job, dedup=dedup)
    passes = 2 if dedup else 1  # of equal weight in what progress says, though the first takes longer
    advance = None if progress is None else lambda done: progress(done, passes * total)
    duplicates = None
    if dedup:
        signer = Signer(job.labels, job.on_error, job.sample, job.detect_language)
        duplicates = find_duplicates(files, signer, jobs=jobs, max_bytes=max_bytes, advance=advance)
        job = replace(job, duplicates=duplicates)
    if max_bytes is not None:
        state = count_up_to(files, job, max_bytes)
        yield [Worker(job.finish(state), lambda keys: job.answer(keys, state))], duplicates
        return
    second = None if progress is None else lambda done: progress((passes - 1) * total + done, passes * total)
    with workers_on(files, job, jobs, second) as workers:
        yield workers, duplicates


def _jobs_for(files: Sequence[CorpusFile], job: Job, *, dedup: bool) -> int:
    """Return how many workers the files pay for."""
    cores = os.cpu_count() or 1
    total = stored_bytes(files)
    worth = _BYTES_A_THREAD if job.in_threads else _BYTES_A_PROCESS
    if dedup:
        worth = _BYTES_A_PROCESS // 5  # which takes five times as long
    return min(cores, 1 + total // worth) if total else cores


def _skipped(parts: Sequence[Part]) -> tuple[CorpusError, ...]:
    skipped = [error for part in parts for error in part.skipped]
    return tuple(sorted(skipped, key=lambda error: (error.path, error.line or 0, error.byte_offset or 0)))


def _labelled(parts: Sequence[Part]) -> dict[str, tuple[int, int]]:
    """Add up the documents and bytes of each language, and sort them by language."""
    tallies = [part.labelled for part in parts]
    languages = sorted({language for tally in tallies for language in tally})
    none = (0, 0)
    return {
        language: (
            sum(tally.get(language, none)[0] for tally in tallies),
            sum(tally.get(language, none)[1] for tally in tallies),
        )
        for language in languages
    }
