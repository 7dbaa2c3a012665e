"""Print a compression report: a table for eyes, or JSON or CSV with raw numbers and unrounded ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokkit.render import data, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.measure import Mixture, Report, Row

COLUMNS = (
    "language", "domain", "vocabulary", "documents", "bytes", "characters", "tokens",
    "bytes/token", "chars/token", "tokens/Han", "change",
)  # fmt: skip
ALL = "(all)"
RAW_COLUMNS = (
    "row", "vocabulary", "language", "domain", "documents", "bytes", "characters", "tokens", "han_characters",
    "han_tokens", "baseline_tokens", "bytes_per_token", "characters_per_token", "tokens_per_han_character", "change",
)  # fmt: skip


def show(report: Report) -> None:
    """Write the report to stdout as a table: the vocabularies under each other for every slice, totals last."""
    n_slices = len({(row.language, row.domain) for row in report.rows if row.domain is not None})
    by_place = _by_place(report.rows)
    n_totals = (len(by_place) // len(report.vocabularies) - n_slices) * len(report.vocabularies)
    table.show(COLUMNS, [_cells(row) for row in by_place], left=3, totals=n_totals)
    if report.mixtures:
        data.text("\n")
        cells = [[each.vocabulary, _ratio(each.bytes_per_token), _change(each.change)] for each in report.mixtures]
        table.show(("weighted mixture", "bytes/token", "change"), cells)


def show_json(report: Report) -> None:
    """Write the report to stdout as one JSON document."""
    document: dict[str, Any] = {
        "vocabularies": [
            {"name": name, "n_vocab": n_vocab, "sha256": sha256} for name, n_vocab, sha256 in report.vocabularies
        ],
        "baseline": report.baseline,
        "rows": [dict(zip(RAW_COLUMNS, _raw(row), strict=True)) for row in report.rows],
    }
    if report.weights is not None:
        document["weights"] = [
            {"language": language, "domain": domain, "share": share}
            for (language, domain), share in report.weights.items()
        ]
        document["mixtures"] = [
            {"vocabulary": each.vocabulary, "bytes_per_token": each.bytes_per_token, "change": each.change}
            for each in report.mixtures
        ]
    data.document(document)


def show_csv(report: Report) -> None:
    """Write the report to stdout as CSV; the first column says what a row sums up: slice, language, all or mixture."""
    rows = [_raw(row) for row in report.rows] + [_raw_mixture(mixture) for mixture in report.mixtures]
    data.comma_separated(RAW_COLUMNS, rows)


def _by_place(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a slice or total together, in the order of the first vocabulary."""
    places = {place: number for number, place in enumerate(dict.fromkeys((row.language, row.domain) for row in rows))}
    return sorted(rows, key=lambda row: places[row.language, row.domain])


def _cells(row: Row) -> list[str]:
    numbers = (row.documents, row.bytes, row.characters, row.tokens)
    return [
        row.language or ALL,
        row.domain or ALL,
        row.vocabulary,
        *(f"{number:,}" for number in numbers),
        _ratio(row.bytes_per_token),
        _ratio(row.characters_per_token),
        _ratio(row.tokens_per_han_character),
        _change(row.change),
    ]


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
