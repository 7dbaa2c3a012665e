"""Read a corpus once for a task, here or in several workers.

blocks of files ─ _Dealer ─▶ _work: Task.take ... Task.finish ─▶ one result a worker
a request ─ pipe ─ Answering.answer ─▶ answers, which wait in a queue until they are looked at

Workers are threads that read for themselves where the task's work goes on without the interpreter's lock (`Task.in_threads`),
else processes, to which this one reads the blocks and sends them.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
import threading
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Protocol

from tokkit import corpus, corpus_threads
from tokkit.corpus_heap import keep_freed
from tokkit.errors import TokkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    from tokkit.corpus import Block, CorpusFile
    from tokkit.corpus_threads import ThreadPipe

    Pipe = Connection | ThreadPipe

_READ = object()  # what a thread sends when it has read a block


class Task(Protocol):
    """What to do with the blocks of a corpus; the task is sent to every worker, and what `finish` returns comes back."""

    @property
    def in_threads(self) -> bool:
        """Whether most of the work goes on without the interpreter's lock, so that workers may be threads."""

    def begin(self) -> Any:
        """Return the state that a worker starts with."""

    def take(self, block: Block, state: Any) -> None:
        """Work on a block; the blocks of one text file come one right after the other."""

    def finish(self, state: Any) -> Any:
        """Return the result of a worker."""


class Answering(Task, Protocol):
    """A task whose workers, when all have finished, tell more piece by piece."""

    def answer(self, request: Any, state: Any) -> Iterator[Any]:
        """Yield what a worker has to say to a request."""


@dataclass(frozen=True)
class Worker:
    """A worker that has finished: its result, and `ask`, which sends a request, once, and returns the answers.

    It works on the next answers while one is looked at, as far ahead as it gets.
    """

    result: Any
    ask: Callable[[Any], Iterator[Any]]


def work_on(
    files: Sequence[CorpusFile], task: Task, jobs: int, advance: Callable[[int], None] | None = None
) -> list[Any]:
    """Read files once for a task; return the result of each worker, in no order that anything may depend on.

    Args:
        files: from `tokkit.corpus.find`.
        task: what to do.
        jobs: how many workers; 1 works in this thread.
        advance: called with the stored bytes read so far.

    Raises:
        TokkitError: what a worker met, or that a process was killed; none is left running.
    """
    with workers_on(files, task, jobs, advance) as workers:
        return [worker.result for worker in workers]


@contextmanager
def workers_on(
    files: Sequence[CorpusFile], task: Task | Answering, jobs: int, advance: Callable[[int], None] | None = None
) -> Iterator[list[Worker]]:
    """Read files once for a task, and yield the workers that did, which end with the context; else as `work_on`."""
    keep_freed()
    if jobs > 1 and task.in_threads:
        dealer = _Dealer(deque(large_first(files)))
        with corpus_threads.threads(lambda pipe: _work(pipe, task, _read_here(dealer, pipe)), jobs) as threads:
            yield _followed(dealer, threads, advance)
        return
    if jobs > 1:
        with _processes(task, jobs) as processes:
            yield _dealt(_Dealer(deque(large_first(files))), processes, advance)
        return
    state = task.begin()
    done = 0
    for file in files:
        for block in corpus.blocks(file):
            task.take(block, state)
            if advance:
                advance(done + block.position)
        done += file.size or 0
    yield [Worker(task.finish(state), lambda request: task.answer(request, state))]  # type: ignore[union-attr]


@dataclass
class _Stream:
    """The blocks of a file that is being read, and how many stored bytes of it were."""

    file: CorpusFile
    blocks: Iterator[Block]
    position: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class _Dealer:
    """Deal blocks out so that a file is counted by one worker as far as that keeps all of them at work.

    Files are mostly a slice each, so that the workers' tables have few pretokens in common, and adding them up is little
    work. Large files come first. When none is left to begin, a worker that asks gets a block of the file that has most
    left; but not of a text file, whose blocks are one document and must be counted together.
    """

    waiting: deque[CorpusFile]
    streams: dict[Any, _Stream] = field(default_factory=dict)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_block(self, pipe: Any) -> Block | None:
        """Return the next block for a worker, known by its pipe, None where nothing is left for it.

        Threads may call it at the same time: they wait for each other only where they share a file.
        """
        while (stream := self._stream_of(pipe)) is not None:
            with stream.lock:
                block = next(stream.blocks, None)
            with self.lock:
                if block is not None:
                    stream.position = max(stream.position, block.position)
                    return block
                if stream in self.streams.values():
                    self.done += stream.file.size or 0
                    self.streams = {owner: each for owner, each in self.streams.items() if each is not stream}
        return None

    def _stream_of(self, pipe: Any) -> _Stream | None:
        with self.lock:
            stream = self.streams.get(pipe)
            if stream is None and self.waiting:
                file = self.waiting.popleft()
                stream = self.streams[pipe] = _Stream(file, corpus.blocks(file))
            if stream is None:
                shared = [each for each in self.streams.values() if each.file.kind != "text"]
                stream = max(shared, key=lambda each: (each.file.size or 0) - each.position, default=None)
            return stream

    @property
    def position(self) -> int:
        """The stored bytes that were read of all files."""
        with self.lock:
            return self.done + sum(stream.position for stream in self.streams.values())


def large_first(files: Sequence[CorpusFile]) -> list[CorpusFile]:
    """Return files in the order in which workers begin them: of unknown size first, then large ones."""
    return sorted(files, key=lambda file: -(file.size or 1 << 62))


@contextmanager
def _processes(task: Task, jobs: int) -> Iterator[list[Connection]]:
    """Start processes for a task and yield the pipe to each; none is left running, however the context ends."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes = []
    for _ in range(jobs):
        ours, theirs = context.Pipe()
        process = context.Process(target=_work_in_process, args=(theirs, task), daemon=True)
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        yield pipes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _dealt(dealer: _Dealer, pipes: Sequence[Connection], advance: Callable[[int], None] | None) -> list[Worker]:
    """Send blocks to the processes that ask for them; return the workers when they have finished."""
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
    return [Worker(_receive(pipe), partial(_ask, pipe)) for pipe in pipes]


def _followed(dealer: _Dealer, pipes: Sequence[ThreadPipe], advance: Callable[[int], None] | None) -> list[Worker]:
    """Follow threads that read blocks for themselves; return the workers when they have finished."""
    results: dict[ThreadPipe, Any] = {}
    while len(results) < len(pipes):
        [pipe] = corpus_threads.wait([pipe for pipe in pipes if pipe not in results])
        message = _receive(pipe)
        if message is not _READ:
            results[pipe] = message
        if advance:
            advance(dealer.position)
    return [Worker(results[pipe], partial(_ask, pipe)) for pipe in pipes]


def _ask(pipe: Pipe, request: Any) -> Iterator[Any]:
    """Send a request now, and return an iterator over the answers, which a thread receives as they come."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def receive() -> None:
        try:
            while (answer := _receive(pipe)) is not None:
                answers.put(answer)
            answers.put(None)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the one who looks at the answers is to raise it
            answers.put(error)

    _send(pipe, request)
    threading.Thread(target=receive, daemon=True).start()
    return _raising(iter(answers.get, None))


def _raising(answers: Iterator[Any]) -> Iterator[Any]:
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        yield answer


def _receive(pipe: Pipe) -> Any:
    """Receive what a worker has to say; an error of its is raised here."""
    try:
        message = pipe.recv()
    except (EOFError, OSError):  # OSError where it died before it read what had been sent
        raise _killed() from None
    if isinstance(message, BaseException):
        raise message
    return message


def _send(pipe: Pipe, message: Any) -> None:
    try:
        pipe.send(message)
    except OSError:
        raise _killed() from None


def _killed() -> TokkitError:
    return TokkitError(
        "a counting process was killed, most likely for want of memory", "use fewer --jobs or a smaller --sample"
    )


def _work_in_process(pipe: Connection, task: Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    keep_freed()
    _work(pipe, task, _asked_for(pipe))


def _asked_for(pipe: Connection) -> Iterator[Block]:
    """Yield the blocks that `_dealt` sends."""
    pipe.send("ready")
    while (block := pipe.recv()) is not None:
        yield block
        pipe.send("ready")


def _read_here(dealer: _Dealer, pipe: ThreadPipe) -> Iterator[Block]:
    """Yield the blocks that a thread reads for itself, and let `_followed` know."""
    while (block := dealer.next_block(pipe)) is not None:
        pipe.send(_READ)
        yield block


def _work(pipe: Pipe, task: Task, blocks: Iterator[Block]) -> None:
    """Work on blocks, send the result, then answers to a request."""
    try:
        state = task.begin()
        for block in blocks:
            task.take(block, state)
        pipe.send(task.finish(state))
        for answer in task.answer(pipe.recv(), state):  # type: ignore[attr-defined]
            pipe.send(answer)
        pipe.send(None)
    except EOFError:  # nobody listens any more
        pass
    except Exception as error:  # noqa: BLE001 - whatever it is, the one who deals out is to raise it
        with suppress(EOFError):
            pipe.send(error)
