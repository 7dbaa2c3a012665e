"""Show how far long work is: what, how far, how fast, time left; on stderr, only where that is a terminal.

A line that is written over, without rich: to load it takes as long as counting 20 MB, and a bar that draws itself in a thread
takes time from the work.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tokkit.display import show
from tokkit.render import talk
from tokkit.render.bars import bar

_WIDEST_LAST = 20  # characters
_BAR_CELLS = 30
_SECONDS_A_DRAWING = 0.5  # also before the first one: what is done by then needs no bar
_SPEED_OF = 60  # drawings that the speed is the mean of

Advance = Callable[..., None]
"""Called with how much is done, how much there is in all (0: not known), and perhaps with what was done last, as bytes.

Where work begins late, or anew, it is called with 0 then, and speed and time left are told from that moment on.
"""


@contextmanager
def progress(what: str, unit: str = "bytes", *, quiet: bool = False) -> Iterator[Advance | None]:
    """Yield a function `(done, total, last=b"")` that moves a bar, or None where nobody looks: no terminal, or `quiet`.

    Args:
        what: the work, for example `counting`.
        unit: what is counted: `bytes` (shown as MB and MB/s), or a noun such as `tokens`.
        quiet: say nothing.
    """
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    begun = time.monotonic()
    seen = deque([(begun, 0.0)], _SPEED_OF)

    def advance(done: int, total: int, last: bytes = b"") -> None:
        now = time.monotonic()
        if not done:
            seen.clear()
            seen.append((now, 0.0))
            return
        if now < seen[-1][0] + _SECONDS_A_DRAWING:
            return
        a_second = (done - seen[0][1]) / (now - seen[0][0])
        seen.append((now, done))
        talk.draw(line(what, unit, done, total or None, a_second, shown_last(last)))

    try:
        yield advance
    finally:
        talk.wipe()


def line(what: str, unit: str, done: float, total: float | None, a_second: float, last: str = "") -> str:
    """Return a bar: what, how far, how fast, time left, what was done last.

    Example:
        >>> line("counting", "bytes", 5e6, 10e6, 2e6)
        'counting ███████████████                5.0 of 10.0 MB 2.0 MB/s 0:00:03'
        >>> line("learning", "tokens", 40, None, 10, "我们")
        'learning 40 tokens 10 tokens/s 我们'
    """
    drawn = "" if not total else f"{bar(done / total, _BAR_CELLS):<{_BAR_CELLS}}"
    left = "" if not total or a_second <= 0 else _clock((total - done) / a_second)
    return " ".join(filter(None, [what, drawn, amount(done, total, unit), speed(a_second, unit), left, last]))


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(max(0, math.ceil(seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def shown_last(last: bytes) -> str:
    r"""Return what was done last for a narrow place at the end of the line.

    Example:
        >>> shown_last("我们\n".encode()), shown_last(b"-" * 80)
        ('我们\\n', '-------------------…')
    """
    text = show(last)
    return text if len(text) <= _WIDEST_LAST else text[: _WIDEST_LAST - 1] + "…"


def amount(done: float, total: float | None, unit: str) -> str:
    """Return how far work is.

    Example:
        >>> amount(1_234_567_890, 2e9, "bytes"), amount(1200, 32397, "tokens"), amount(5e6, None, "bytes")
        ('1,234.6 of 2,000.0 MB', '1,200 of 32,397 tokens', '5.0 MB')
    """
    if unit == "bytes":
        return f"{done / 1e6:,.1f} MB" if total is None else f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB"
    return f"{int(done):,} {unit}" if total is None else f"{int(done):,} of {int(total):,} {unit}"


def speed(a_second: float | None, unit: str) -> str:
    """Return how fast work goes, empty while that is not known.

    Example:
        >>> speed(180e6, "bytes"), speed(1300, "tokens"), speed(None, "bytes")
        ('180.0 MB/s', '1,300 tokens/s', '')
    """
    if not a_second:
        return ""
    return f"{a_second / 1e6:,.1f} MB/s" if unit == "bytes" else f"{a_second:,.0f} {unit}/s"
