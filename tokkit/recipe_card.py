"""The README.md of a release: what it is, how to load it, what it is made of, and how it compresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tokkit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokkit.measure import Report, Row
    from tokkit.recipe_build import Build


def card(build: Build) -> str:
    """Return the card as Markdown."""
    return "\n".join(_lines(build)) + "\n"


def _lines(build: Build) -> Iterator[str]:
    name, vocabulary = build.recipe.name, build.vocabulary
    yield f"# {name}"
    yield ""
    yield f"A vocabulary of {vocabulary.n_vocab:,} entries, built with {tokkit.TOOL}: {build.arithmetic}."
    for note in build.notes:
        yield ""
        yield f"{note[:1].upper()}{note[1:]}."
    yield ""
    yield "## Use"
    yield ""
    yield "```python"
    yield "from tokkit import Vocabulary"
    yield f'encoding = Vocabulary.load("{name}.tiktoken").to_tiktoken()  # a tiktoken.Encoding'
    yield ""
    yield "from tokenizers import Tokenizer"
    yield 'tokenizer = Tokenizer.from_file("tokenizer.json")'
    yield "tokenizer.encode_special_tokens = True  # else the name of a special token in a text becomes the token"
    yield ""
    yield "from transformers import AutoTokenizer"
    yield 'tokenizer = AutoTokenizer.from_pretrained(".")'
    yield "```"
    yield ""
    yield "All three give the same ids, and the name of a special token in a text is text (tiktoken: `encode_ordinary`)."
    yield ""
    yield "## Ids"
    yield ""
    rows = [(part.name, f"{part.start:,}", f"{part.stop - 1:,}", f"{len(part):,}") for part in vocabulary.segments]
    yield from _table(("segment", "first id", "last id", "ids"), rows)
    yield ""
    yield "## Laws"
    yield ""
    found = [
        (each.law, {True: "holds", False: "broken", None: "not checked"}[each.holds], each.detail)
        for each in build.findings
    ]
    yield from _table(("law", "finding", "detail"), found, left=3)
    if build.report is not None:
        yield from _compression(build, build.report)


def _compression(build: Build, report: Report) -> Iterator[str]:
    yield ""
    yield "## Compression"
    yield ""
    if not build.recipe.report.on:
        yield "Measured on the small sample that tokkit carries: a smoke test, not a benchmark."
    else:
        yield "Measured on the text that `manifest.json` names under `report`."
    yield "Bytes per token; the change is in tokens, against the baseline."
    yield ""
    n_vocabularies = len(report.vocabularies)
    n_places = len(report.rows) // n_vocabularies
    places = [report.rows[place::n_places] for place in range(n_places)]
    names = [name for name, _, _ in report.vocabularies]
    rows = [
        (
            row[0].language or "all",
            row[0].domain or "all",
            f"{row[0].bytes:,}",
            *(_ratio(each) for each in row),
            _change(row[-1]),
        )
        for row in places
    ]
    yield from _table(("language", "domain", "bytes", *names, "change"), rows, left=2)
    yield ""
    yield "[report.html](report.html) shows the same with its charts, and how the same sentences are cut."
    for image in sorted(name for name in build.pages if name.endswith(".png")):
        yield ""
        yield f"![{image.removeprefix('report-').removesuffix('.png')}]({image})"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---' if place < left else '--:' for place in range(len(columns)))} |"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _ratio(row: Row) -> str:
    return "-" if row.bytes_per_token is None else f"{row.bytes_per_token:.3f}"


def _change(row: Row) -> str:
    return "-" if row.change is None else f"{100 * row.change:+.1f} %"
