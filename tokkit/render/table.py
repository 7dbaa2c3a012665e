"""Draw tables for eyes: aligned text, the same in a pipe and in a terminal, where colour, rules and bars are added."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tokkit.render import data, talk
from tokkit.render.bars import bar

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "
WIDTH = 80  # of a terminal: what tables of our own columns fit, and bars fill
LEAST_BAR = 6
MOST_BAR = 20
GAIN, LOSS = "\x1b[32m", "\x1b[31m"


def lines(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    r"""Return the aligned lines of a table, the header first; the first `left` columns align left, the others right.

    Widths are terminal cells: a Chinese character takes two.

    Example:
        >>> print(*lines(["language", "tokens"], [["zh", "1,234"], ["中文", "7"]]), sep="\n")
        language  tokens
        zh         1,234
        中文           7
    """
    return [GAP.join(line).rstrip() for line in _aligned(columns, rows, left)]


def show(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: int = 1,
    totals: int = 0,
    bars: Sequence[float] = (),
    gains: Sequence[float] = (),
) -> None:
    """Write a table to stdout; on a terminal with rules, and the header and the last `totals` rows in bold.

    Args:
        columns: the header.
        rows: the cells.
        left: how many columns align left.
        totals: how many of the last rows are sums.
        bars: a number for each row, drawn behind it as a bar on a terminal where there is room for bars.
        gains: a number for each row: above 0 its last cell and bar are green, below 0 red, on a terminal with colour.
    """
    aligned = _aligned(columns, rows, left)
    if not sys.stdout.isatty():
        data.text("\n".join(GAP.join(line).rstrip() for line in aligned) + "\n")
        return
    colour = talk.colour_wanted(terminal=True)
    tails = ["", *_bars(bars, WIDTH - cell_len(GAP.join((*aligned[0], ""))))] if bars else [""] * len(aligned)
    tints = ["", *(GAIN if gain > 0 else LOSS if gain < 0 else "" for gain in gains)] if colour and gains else None
    rule = "─" * (cell_len(GAP.join(aligned[0])) + max(cell_len(GAP + tail) if tail else 0 for tail in tails))
    drawn = [
        _line(cells, tail, tints[number] if tints else "", bold=colour and (number == 0 or number > len(rows) - totals))
        for number, (cells, tail) in enumerate(zip(aligned, tails, strict=True))
    ]
    n_body = 1 + len(rows) - totals
    framed = [drawn[0], rule, *drawn[1:n_body], *([rule] if totals else []), *drawn[n_body:]]
    data.text("\n".join(framed) + "\n")


def width(text: str) -> int:
    """Return how many cells of a terminal a text takes; a Chinese character takes two.

    Example:
        >>> width("zh 中文")
        7
    """
    return cell_len(text)


def _bars(values: Sequence[float], room: int) -> list[str]:
    """Return a bar for each value, the greatest filling the room that is left, up to `MOST_BAR` cells."""
    width = min(room, MOST_BAR)
    greatest = max(values, default=0.0)
    if width < LEAST_BAR or greatest <= 0 or not _draws_blocks():
        return [""] * len(values)
    return [bar(value / greatest, width) for value in values]


def _draws_blocks() -> bool:
    """Return whether stdout takes block characters."""
    try:
        "█▏".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") != "dumb"


def _line(cells: Sequence[str], tail: str, tint: str, *, bold: bool) -> str:
    *head, last = cells
    end = GAP.join((last, tail)).rstrip()
    weight = "\x1b[1m" if bold else ""
    line = f"{weight}{GAP.join((*head, ''))}{tint}{end}".rstrip()
    return f"{line}\x1b[0m" if weight or tint else line


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> list[list[str]]:
    table = [[talk.one_line(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(cell_len(row[column]) for row in table) for column in range(len(columns))]
    return [[_pad(cell, widths[column], right=column >= left) for column, cell in enumerate(row)] for row in table]


def _pad(cell: str, width: int, *, right: bool) -> str:
    blank = " " * (width - cell_len(cell))
    return blank + cell if right else cell + blank
