"""Say things to the person at the terminal: errors and notes, on stderr, one line each."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from contextlib import suppress

_drawn: list[str] = []  # the line that stands on the terminal now, which `page` takes away before it prints


def error(message: str, hint: str | None = None) -> None:
    """Print `error: MESSAGE`, and `hint: HINT` under it where there is one, each on one line of stderr."""
    _say(f"error: {message}")
    if hint:
        _say(f"hint: {hint}")


def note(message: str, *, quiet: bool = False) -> None:
    """Print one line of talk on stderr; nothing when `quiet`."""
    if not quiet:
        _say(message)


class _Notes(logging.Handler):
    """Say what the library logs."""

    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage())


def follow_log(*, quiet: bool) -> None:
    """Say what the library logs from now on, such as that kernels are compiled; nothing when `quiet`."""
    logger = logging.getLogger("tokkit")
    logger.handlers = [_Notes()]
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False


def page(text: str) -> None:
    """Print several lines of our own making on stderr, such as the help of a command that was called without words."""
    wipe()
    _write(text if text.endswith("\n") else text + "\n")


def draw(text: str) -> None:
    """Write a line that the next one is written over, cut to the width of the terminal."""
    from rich.cells import set_cell_size  # noqa: PLC0415 - for a terminal only

    _drawn[:] = [text]
    width = shutil.get_terminal_size().columns - 1  # in the last column some terminals begin a new line
    _write(f"\r{set_cell_size(one_line(text), width).rstrip()}\x1b[K")


def wipe() -> None:
    """Take away the line that is drawn, if there is one."""
    if _drawn:
        _drawn.clear()
        _write("\r\x1b[K")


def one_line(text: str) -> str:
    r"""Return text with everything a terminal acts upon escaped: controls, line breaks, bidirectional overrides.

    Example:
        >>> print(one_line("a\x1b[31m\nb\u202e 中文"))
        a\x1b[31m\nb\u202e 中文
    """
    return "".join(
        character if character == " " or character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with thousands separators and its noun.

    Example:
        >>> counted(1, "token"), counted(60004, "token"), counted(2, "entry", "entries")
        ('1 token', '60,004 tokens', '2 entries')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size(number: int) -> str:
    """Return a number of bytes for eyes.

    Example:
        >>> size(1), size(9999), size(123_456), size(235_300_000), size(3_210_000_000_000)
        ('1 byte', '9,999 bytes', '123.5 kB', '235.3 MB', '3,210.0 GB')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= max(factor, 10_000):
            return f"{number / factor:,.1f} {unit}"
    return counted(number, "byte")


def colour_wanted(*, terminal: bool) -> bool:
    """Return whether to colour a stream that is (or is not) a terminal: NO_COLOR and a dumb terminal say no."""
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _write(text: str) -> None:
    # Whoever closed stderr does not want to hear it; the work goes on.
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _say(text: str) -> None:
    page(one_line(text))
