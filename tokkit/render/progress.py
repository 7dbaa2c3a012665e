"""Show how far long work is: what, how far, how fast, time left; on stderr, only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokkit.display import show
from tokkit.render import talk

if TYPE_CHECKING:
    from rich.progress import Progress, Task

_WIDEST_LAST = 20  # characters

Advance = Callable[..., None]
"""Called with how much is done, how much there is in all (0: not known), and perhaps with what was done last, as bytes."""


@contextmanager
def progress(what: str, unit: str = "bytes", *, quiet: bool = False) -> Iterator[Advance | None]:
    """Yield a function `(done, total, last=b"")` that moves a bar, or None where nobody looks: no terminal, or `quiet`.

    Args:
        what: the work, for example `counting`.
        unit: what is counted: `bytes` (shown as MB and MB/s), or a noun such as `tokens`.
        quiet: say nothing.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar = _bar(unit)
    task = bar.add_task(what, total=None)

    def advance(done: int, total: int, last: bytes = b"") -> None:
        bar.update(task, completed=done, total=total or None, last=shown_last(last))

    with bar:
        yield advance


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


def _bar(unit: str) -> Progress:
    from rich.console import Console  # noqa: PLC0415 - drawn for a terminal only, so loaded for one only
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Column(ProgressColumn):
        def __init__(self, of: Callable[[Task], str]) -> None:
            super().__init__()
            self.of = of

        def render(self, task: Task) -> Text:
            return Text(self.of(task))

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        Column(lambda task: amount(task.completed, task.total, unit)),
        Column(lambda task: speed(task.speed, unit)),
        TimeRemainingColumn(),
        Column(lambda task: str(task.fields.get("last", ""))),
        console=Console(file=sys.stderr, no_color=not talk.colour_wanted(terminal=True)),
        transient=True,
        refresh_per_second=2,  # at ten, which is rich's own, a bar takes one part in ten of a short count
    )
