"""Count with several processes: one reads and deals blocks out, the others parse, split and count them.

blocks of files ─ _Dealer ─▶ pipes ─ _work ─▶ sorted slices ─▶ those of the same slice added up
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from tokkit import corpus
from tokkit.corpus_blocks import sample_key
from tokkit.counts_folds import dealt
from tokkit.counts_table import Counters, SliceCounts, added_up, count_batch, slices_of
from tokkit.errors import TokkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    from tokkit.corpus import Block, CorpusFile, Labels, OnError
    from tokkit.errors import CorpusError


@dataclass(frozen=True)
class Job:
    """What every process needs to know to count a block."""

    labels: Labels | None
    pattern: str
    on_error: OnError
    sample: float
    folds: int = 0

    def counters(self) -> list[Counters]:
        """Return empty counters, for each fold its own."""
        return [{} for _ in range(max(self.folds, 1))]

    def count(self, block: Block, counters: list[Counters]) -> list[CorpusError]:
        """Parse a block, count it into the counters of its folds, and return why documents of it were left out."""
        batch = corpus.parse(block, self.labels, on_error=self.on_error, sample=self.sample)
        one = self.folds and block.file.kind == "text"
        key = (block.sample_key or sample_key(block.data)) if one else None
        for fold, part in dealt(batch, self.folds, key):
            count_batch(counters[fold], part, self.pattern)
        return list(batch.skipped)

    def slices(self, counters: list[Counters]) -> list[SliceCounts]:
        """Return what was counted, sorted by slice within each fold."""
        if not self.folds:
            return slices_of(counters[0])
        return [part for fold, each in enumerate(counters) for part in slices_of(each, fold)]


@dataclass
class _Stream:
    """The blocks of a file that is being read, and how many stored bytes of it were."""

    file: CorpusFile
    blocks: Iterator[Block]
    position: int = 0


@dataclass
class _Dealer:
    """Deal blocks out so that a file is counted by one process as far as that keeps all of them at work.

    Files are mostly a slice each, so that the processes' tables have few pretokens in common, and adding them up is little
    work. Large files come first. When none is left to begin, a process that asks gets a block of the file that has most
    left; but not of a text file, whose blocks are one document and must be counted together.
    """

    waiting: deque[CorpusFile]
    streams: dict[Connection, _Stream] = field(default_factory=dict)
    done: int = 0

    def next_block(self, pipe: Connection) -> Block | None:
        """Return the next block for a process, None where nothing is left for it."""
        while True:
            stream = self.streams.get(pipe)
            if stream is None and self.waiting:
                file = self.waiting.popleft()
                stream = self.streams[pipe] = _Stream(file, corpus.blocks(file))
            if stream is None:
                shared = [each for each in self.streams.values() if each.file.kind != "text"]
                stream = max(shared, key=lambda each: (each.file.size or 0) - each.position, default=None)
            if stream is None:
                return None
            block = next(stream.blocks, None)
            if block is not None:
                stream.position = block.position
                return block
            self.done += stream.file.size or 0
            self.streams = {owner: each for owner, each in self.streams.items() if each is not stream}

    @property
    def position(self) -> int:
        """The stored bytes that were read of all files."""
        return self.done + sum(stream.position for stream in self.streams.values())


def count_in_processes(
    files: Sequence[CorpusFile], job: Job, jobs: int, advance: Callable[[int], None] | None
) -> tuple[list[SliceCounts], list[CorpusError]]:
    """Count files with `jobs` processes; return the slices, and why documents were left out.

    Raises:
        TokkitError: what a process met, or that one was killed; none is left running.
    """
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes = []
    for _ in range(jobs):
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, job), daemon=True)
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    dealer = _Dealer(deque(sorted(files, key=lambda file: -(file.size or 1 << 62))))
    try:
        asking = list(pipes)
        while asking:
            ready = wait(asking)
            pipe = next(each for each in asking if each in ready)
            _receive(pipe)
            block = dealer.next_block(pipe)
            _send(pipe, block)
            if block is None:
                asking.remove(pipe)
            if advance:
                advance(dealer.position)
        results = [_receive(pipe) for pipe in pipes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
    skipped = [error for _, errors in results for error in errors]
    return added_up([part for parts, _ in results for part in parts]), skipped


def _receive(pipe: Connection) -> Any:
    """Receive what a process has to say; an error of its is raised here."""
    try:
        message = pipe.recv()
    except (EOFError, OSError):  # OSError where it died before it read what had been sent
        raise _killed() from None
    if isinstance(message, BaseException):
        raise message
    return message


def _send(pipe: Connection, message: Any) -> None:
    try:
        pipe.send(message)
    except OSError:
        raise _killed() from None


def _killed() -> TokkitError:
    return TokkitError(
        "a counting process was killed, most likely for want of memory", "use fewer --jobs or a smaller --sample"
    )


def _work(pipe: Connection, job: Job) -> None:
    """Count blocks until None comes, then send the tables: the other side of `count_in_processes`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    counters = job.counters()
    skipped: list[CorpusError] = []
    try:
        pipe.send("ready")
        while (block := pipe.recv()) is not None:
            skipped += job.count(block, counters)
            pipe.send("ready")
        pipe.send((job.slices(counters), skipped))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is to raise it
        pipe.send(error)
