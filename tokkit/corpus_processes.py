"""Read a corpus once for a task, in one process or several: one reads and deals blocks out, the others work on them.

blocks of files ─ _Dealer ─▶ pipes ─ _work: Task.take ... Task.finish ─▶ one result a process
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Protocol

from tokkit import corpus
from tokkit.errors import TokkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    from tokkit.corpus import Block, CorpusFile


class Task(Protocol):
    """What to do with the blocks of a corpus; the task is sent to every process, and what `finish` returns comes back."""

    def begin(self) -> Any:
        """Return the state that a process starts with."""

    def take(self, block: Block, state: Any) -> None:
        """Work on a block; the blocks of one text file come one right after the other."""

    def finish(self, state: Any) -> Any:
        """Return the result of a process."""


def work_on(
    files: Sequence[CorpusFile], task: Task, jobs: int, advance: Callable[[int], None] | None = None
) -> list[Any]:
    """Read files once for a task; return the result of each process, in no order that anything may depend on.

    Args:
        files: from `tokkit.corpus.find`.
        task: what to do.
        jobs: how many processes; 1 works in this one.
        advance: called with the stored bytes read so far.

    Raises:
        TokkitError: what a process met, or that one was killed; none is left running.
    """
    if jobs > 1:
        return _in_processes(files, task, jobs, advance)
    state = task.begin()
    done = 0
    for file in files:
        for block in corpus.blocks(file):
            task.take(block, state)
            if advance:
                advance(done + block.position)
        done += file.size or 0
    return [task.finish(state)]


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


def _in_processes(
    files: Sequence[CorpusFile], task: Task, jobs: int, advance: Callable[[int], None] | None
) -> list[Any]:
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes = []
    for _ in range(jobs):
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, task), daemon=True)
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
        return [_receive(pipe) for pipe in pipes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


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


def _work(pipe: Connection, task: Task) -> None:
    """Work on blocks until None comes, then send the result: the other side of `_in_processes`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    try:
        state = task.begin()
        pipe.send("ready")
        while (block := pipe.recv()) is not None:
            task.take(block, state)
            pipe.send("ready")
        pipe.send(task.finish(state))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is to raise it
        pipe.send(error)
