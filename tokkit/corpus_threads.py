"""Workers that are threads: a pipe to each, as to a process.

Nothing is copied on the way, and a thread starts at once; but threads share the interpreter's lock, so that only work that
mostly goes on without it gets faster.
"""

from __future__ import annotations

import queue
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SWITCH_SECONDS = 0.0005  # how long a thread that comes out of a kernel waits for one that parses lines; else 5 ms


class ThreadPipe:
    """One end of a pipe between two threads; as `multiprocessing.connection.Connection`, but what is sent is not copied."""

    def __init__(
        self,
        incoming: queue.SimpleQueue[Any],
        outgoing: queue.SimpleQueue[Any],
        news: queue.SimpleQueue[ThreadPipe],
        is_over: threading.Event,
    ) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self.news = news
        self.is_over = is_over
        self.other: ThreadPipe | None = None

    def recv(self) -> Any:
        """Return the next message, when there is one."""
        message = self.incoming.get()
        if self.is_over.is_set():
            raise EOFError
        return message

    def send(self, message: Any) -> None:
        """Send a message, and let `wait` know."""
        if self.is_over.is_set():
            raise EOFError
        self.outgoing.put(message)
        if self.other is not None:
            self.news.put(self.other)


def wait(pipes: Sequence[ThreadPipe]) -> list[ThreadPipe]:
    """Return a pipe that has a message, when there is one; as `multiprocessing.connection.wait`."""
    while (pipe := pipes[0].news.get()) not in pipes:
        pass
    return [pipe]


@contextmanager
def threads(work: Callable[[Any], None], jobs: int) -> Iterator[list[ThreadPipe]]:
    """Start threads that `work` at the other end of the pipes that are yielded; none is left running, however it ends."""
    news: queue.SimpleQueue[ThreadPipe] = queue.SimpleQueue()
    is_over = threading.Event()
    ours = []
    started = []
    for _ in range(jobs):
        there: queue.SimpleQueue[Any] = queue.SimpleQueue()
        back: queue.SimpleQueue[Any] = queue.SimpleQueue()
        pipe, theirs = ThreadPipe(back, there, news, is_over), ThreadPipe(there, back, news, is_over)
        theirs.other = pipe
        ours.append(pipe)
        started.append(threading.Thread(target=work, args=(theirs,), daemon=True))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        for thread in started:
            thread.start()
        yield ours
    finally:
        is_over.set()
        for pipe in ours:
            pipe.outgoing.put(None)  # for who waits for a message
        for thread in started:
            if thread.is_alive():  # an interrupt may come before the last ones begin; whoever begins later ends at once
                thread.join()
        sys.setswitchinterval(interval)
