"""Print a text as vocabularies cut it: tokens with their ids under them, vocabularies under each other, borders aligned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from tokkit.display import show as shown
from tokkit.render import data, table, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.segmentation import Segmentation, Stretch

WIDTH = 100  # terminal cells of a line, whatever the terminal: what is piped looks the same
LONGEST_NAME = 24
LONGEST_TOKEN = 60  # cells; of a longer token the beginning is shown
COLOURS = ("\x1b[30;46m", "\x1b[30;43m", "\x1b[30;45m", "\x1b[30;42m")  # of tokens, in turn
RESET, DIM = "\x1b[0m", "\x1b[2m"
_Cells = list[tuple[str, str]]  # the tokens of a stretch for eyes, each with its id


def show(segmentations: Sequence[Segmentation], stretches: Sequence[Stretch]) -> None:
    """Write the tokens and ids of each vocabulary, and then bytes, tokens and bytes per token of each.

    A token's spaces are drawn as `␣`; `|` stands between tokens, and vocabularies are aligned where all have a border.
    On a terminal tokens are coloured in turn.
    """
    colours = COLOURS if talk.colour_wanted(terminal=sys.stdout.isatty()) else ()
    names = [_name(each.vocabulary) for each in segmentations]
    label = 2 + max(map(cell_len, names))
    counts = [0] * len(segmentations)  # tokens drawn so far, for the colours
    for row in _rows(segmentations, stretches, WIDTH - label):
        for at, name in enumerate(names):
            tokens, ids = _lines(row, at, counts[at], colours)
            data.text(f"{name}{' ' * (label - cell_len(name))}{tokens}\n{' ' * label}{ids}\n")
            counts[at] += sum(len(cells[at]) for cells, _ in row)
        data.text("\n")
    rows = [
        [name, f"{len(each.text):,}", f"{len(each.ids):,}", _ratio(each.bytes_per_token)]
        for name, each in zip(names, segmentations, strict=True)
    ]
    table.show(("vocabulary", "bytes", "tokens", "bytes/token"), rows)
    for each in segmentations:
        if each.ids and not each.ends:
            talk.note(f"{each.vocabulary} changes the text before it encodes it")


def show_json(segmentations: Sequence[Segmentation]) -> None:
    """Write ids, bytes and places of all tokens as one JSON document."""
    data.document({"vocabularies": [_document(each) for each in segmentations]})


def _document(segmentation: Segmentation) -> dict[str, object]:
    ends = segmentation.ends or [None] * len(segmentation.ids)
    return {
        "name": segmentation.vocabulary,
        "sha256": segmentation.sha256,
        "bytes": len(segmentation.text),
        "tokens": len(segmentation.ids),
        "bytes_per_token": segmentation.bytes_per_token,
        "segmentation": [
            {"id": token_id, **data.token(token), "end": end}
            for token_id, token, end in zip(segmentation.ids, segmentation.tokens, ends, strict=True)
        ],
    }


def _rows(
    segmentations: Sequence[Segmentation], stretches: Sequence[Stretch], width: int
) -> list[list[tuple[list[_Cells], int]]]:
    """Return the stretches that go on each line, with their width in cells; a line break in the text ends a line."""
    rows: list[list[tuple[list[_Cells], int]]] = [[]]
    used = 0
    for part in _broken_up(segmentations, stretches, width):
        size = max(sum(_width(cell) + 1 for cell in cells) for cells in part)
        if rows[-1] and used + size > width:
            rows.append([])
            used = 0
        rows[-1].append((part, size))
        used += size
        if all(cells and cells[-1][0].endswith("\\n") for cells in part):
            rows.append([])
            used = 0
    return [row for row in rows if row]


def _broken_up(segmentations: Sequence[Segmentation], stretches: Sequence[Stretch], width: int) -> list[list[_Cells]]:
    """Return for each stretch the cells of each vocabulary; one that is too long for a line goes on as another."""
    found: list[list[_Cells]] = []
    for stretch in stretches:
        left = [
            [(_token(each.tokens[at]), str(each.ids[at])) for at in range(first, last)]
            for each, (first, last) in zip(segmentations, stretch.tokens, strict=True)
        ]
        while any(left):
            taken = [_taken(cells, width) for cells in left]
            found.append([cells[:number] for cells, number in zip(left, taken, strict=True)])
            left = [cells[number:] for cells, number in zip(left, taken, strict=True)]
    return found


def _taken(cells: _Cells, width: int) -> int:
    """Return how many cells fit on a line, one at least."""
    used = 0
    for number, cell in enumerate(cells):
        used += _width(cell) + 1
        if used > width and number:
            return number
    return len(cells)


def _lines(row: Sequence[tuple[list[_Cells], int]], at: int, drawn: int, colours: Sequence[str]) -> tuple[str, str]:
    """Return the line of tokens and the line of ids of one vocabulary, every stretch as wide as its widest."""
    tokens, ids = "", ""
    for part, size in row:
        used = 0
        for token, token_id in part[at]:
            room = _width((token, token_id))
            colour = colours[drawn % len(colours)] if colours else ""
            tokens += f"{colour}{token}{RESET if colour else ''}{' ' * (room - cell_len(token))}|"
            ids += f"{DIM if colour else ''}{token_id:<{room}}{RESET if colour else ''} "
            used += room + 1
            drawn += 1
        tokens += " " * (size - used)
        ids += " " * (size - used)
    return tokens.rstrip(), ids.rstrip()


def _token(token: bytes) -> str:
    drawn = talk.one_line(shown(token)).replace(" ", "␣") or "-"
    return drawn if cell_len(drawn) <= LONGEST_TOKEN else set_cell_size(drawn, LONGEST_TOKEN - 3) + "..."


def _width(cell: tuple[str, str]) -> int:
    return max(map(cell_len, cell))


def _name(name: str) -> str:
    shown_name = talk.one_line(name)
    return shown_name if len(shown_name) <= LONGEST_NAME else "..." + shown_name[3 - LONGEST_NAME :]


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
