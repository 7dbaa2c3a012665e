"""The standard streams at the start and the end of a run: UTF-8 out, closed pipes noticed, nothing left unwritten."""

from __future__ import annotations

import io
import os
import select
import sys
from pathlib import Path


def prepare() -> None:
    """Make stdout UTF-8 whatever the locale says, and give a stream that the caller closed a place to write to.

    Data for a file must not fail under LANG=C; what has no UTF-8 (a file name of broken bytes) is escaped, not an error.
    A closed stream would also lend its number to the next file that is opened.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open to the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def flush() -> None:
    """Write out what stdout still holds.

    Raises:
        OSError: it does not take it; BrokenPipeError where its reader has gone.
    """
    sys.stdout.flush()


def stdout_is_closed() -> bool:
    """Return whether the reader of stdout has gone, and not that of some pipe to a worker process."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLERR)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):  # no poll on this system, or no real stdout
        return True


def discard_unwritten() -> None:
    """Drop what stdout refuses, else the interpreter tries again as it ends, prints a trace and exits with 120."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
