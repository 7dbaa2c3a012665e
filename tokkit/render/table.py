"""Draw tables for eyes: aligned text, the same in a pipe and in a terminal, where colour and rules are added."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tokkit.render import data, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "


def lines(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    r"""Return the aligned lines of a table, the header first; the first `left` columns align left, the others right.

    Widths are terminal cells: a Chinese character takes two.

    Example:
        >>> print(*lines(["language", "tokens"], [["zh", "1,234"], ["中文", "7"]]), sep="\n")
        language  tokens
        zh         1,234
        中文           7
    """
    table = [[talk.one_line(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(cell_len(row[column]) for row in table) for column in range(len(columns))]
    return [
        GAP.join(_pad(cell, widths[column], right=column >= left) for column, cell in enumerate(row)).rstrip()
        for row in table
    ]


def show(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, totals: int = 0) -> None:
    """Write a table to stdout; on a terminal with rules, and the header and the last `totals` rows in bold."""
    drawn = lines(columns, rows, left=left)
    if sys.stdout.isatty():
        drawn = _framed(drawn, totals, bold=talk.colour_wanted(terminal=True))
    data.text("\n".join(drawn) + "\n")


def _framed(drawn: list[str], totals: int, *, bold: bool) -> list[str]:
    rule = "─" * max(cell_len(line) for line in drawn)
    head, body, sums = drawn[0], drawn[1 : len(drawn) - totals], drawn[len(drawn) - totals :]
    if bold:
        head, sums = _bold(head), [_bold(line) for line in sums]
    return [head, rule, *body, *([rule] if sums else []), *sums]


def _pad(cell: str, width: int, *, right: bool) -> str:
    blank = " " * (width - cell_len(cell))
    return blank + cell if right else cell + blank


def _bold(line: str) -> str:
    return f"\x1b[1m{line}\x1b[0m"
