"""Print a compression report: a table for eyes, or JSON or CSV with raw numbers and unrounded ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokkit.render import data, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.measure import Mixture, Report, Row

COLUMNS = ("language", "domain", "vocabulary", "bytes", "tokens", "bytes/token", "change")
INTERVAL = "95 in 100"
SPARED = ((), ("bytes",), ("bytes", "tokens"))  # what is left out, in this order, of a table that is too wide
WIDTH = table.WIDTH - table.LEAST_BAR - len(table.GAP)
LONGEST_NAME = 24
ALL = "(all)"
RAW_COLUMNS = (
    "row", "vocabulary", "language", "domain", "documents", "bytes", "characters", "tokens", "han_characters",
    "han_tokens", "baseline_tokens", "bytes_per_token", "characters_per_token", "tokens_per_han_character", "change",
)  # fmt: skip
RAW_BOUNDS = ("bytes_per_token_low", "bytes_per_token_high", "change_low", "change_high")


def show(report: Report) -> None:
    """Write the report to stdout as a table: the vocabularies under each other for every slice, totals last.

    It is made to fit 80 columns: the numbers of bytes and tokens are left out where there is no room for them.
    """
    places = report.by_place()
    rows = [row for place in places for row in place]
    n_totals = sum(place[0].domain is None for place in places) * len(report.vocabularies)
    wanted = (*COLUMNS, INTERVAL) if report.folds and report.baseline else COLUMNS
    columns, cells = _fitting(wanted, [_cells(row)[: len(wanted)] for row in rows])
    bars = [row.bytes_per_token or 0.0 for row in rows]
    gains = [-(row.change or 0.0) for row in rows]
    table.show(columns, cells, left=3, totals=n_totals, bars=bars, gains=gains)
    if report.mixtures:
        data.text("\n")
        cells = [[each.vocabulary, _ratio(each.bytes_per_token), _change(each.change)] for each in report.mixtures]
        table.show(("weighted mixture", "bytes/token", "change"), cells)


def show_json(report: Report) -> None:
    """Write the report to stdout as one JSON document."""
    data.document(report.document())


def show_csv(report: Report) -> None:
    """Write the report to stdout as CSV; the first column says what a row sums up: slice, language, all or mixture."""
    rows = [_raw(row) for row in report.rows] + [_raw_mixture(mixture) for mixture in report.mixtures]
    if not report.folds:
        data.comma_separated(RAW_COLUMNS, rows)
        return
    none = (None, None)
    bounds = [[*(row.interval or none), *(row.change_interval or none)] for row in report.rows]
    bounds += [[*none, *none] for _ in report.mixtures]
    data.comma_separated(RAW_COLUMNS + RAW_BOUNDS, [[*row, *more] for row, more in zip(rows, bounds, strict=True)])


def _cells(row: Row) -> list[str]:
    return [
        row.language or ALL,
        row.domain or ALL,
        _short(row.vocabulary),
        f"{row.bytes:,}",
        f"{row.tokens:,}",
        _ratio(row.bytes_per_token),
        _change(row.change),
        "" if row.change_interval is None else " to ".join(f"{100 * each:+.1f}" for each in row.change_interval),
    ]


def _fitting(wanted: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Return the columns of a table that fit beside bars in 80 columns, and their cells."""
    for spared in SPARED:
        kept = [place for place, column in enumerate(wanted) if column not in spared]
        columns, cells = [wanted[place] for place in kept], [[row[place] for place in kept] for row in rows]
        if max(map(table.width, table.lines(columns, cells, left=3))) <= WIDTH:
            break
    return columns, cells


def _short(name: str) -> str:
    """Return a name that is not too long for a column: a path keeps its end."""
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _raw(row: Row) -> list[Any]:
    kind = "slice" if row.domain is not None else "language" if row.language is not None else "all"
    return [
        kind, row.vocabulary, row.language, row.domain, row.documents, row.bytes, row.characters, row.tokens,
        row.han_characters, row.han_tokens, row.baseline_tokens, row.bytes_per_token, row.characters_per_token,
        row.tokens_per_han_character, row.change,
    ]  # fmt: skip


def _raw_mixture(mixture: Mixture) -> list[Any]:
    known = {
        "row": "mixture",
        "vocabulary": mixture.vocabulary,
        "bytes_per_token": mixture.bytes_per_token,
        "change": mixture.change,
    }
    return [known.get(column) for column in RAW_COLUMNS]


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _change(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f} %"
