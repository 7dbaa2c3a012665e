"""The compression part of the report page: the figures at the top, and the table of every language and domain."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from tokkit.render.charts import SERIES, label
from tokkit.render.page_parts import bar, escaped, key, scrolling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.measure import Row
    from tokkit.page import Page

Place = tuple["Row", ...]


def tiles(page: Page) -> str:
    """Return the few figures that matter first: all text, and what gains and loses most against the first baseline."""
    report = page.report
    number = next(place for place, (name, _, _) in enumerate(report.vocabularies) if name == page.name)
    everything = report.by_place()[-1][number]
    cells = [("bytes per token", _ratio(everything.bytes_per_token), f"all text, {everything.bytes:,} bytes")]
    if report.baseline is not None and page.name != report.baseline:
        languages = [rows for name, rows in _by_language(report.by_place()) if name != "all"]
        totals = sorted((place[0][number] for place in languages), key=lambda row: row.change or 0.0)
        cells[0] = (*cells[0][:2], f"{_percent(everything.change)} tokens against {label(report.baseline)}")
        cells += [
            (
                f"{row.language or 'text'}: {word}",
                _change(row.change),
                f"in tokens; {_ratio(row.bytes_per_token)} bytes each",
            )
            for word, row in (("most gained", totals[0]), ("most lost", totals[-1]))
            if len(totals) > 1
        ]
    cells.append(("entries", f"{page.n_vocab:,}", _dividing(page.n_vocab)))
    shown = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{value}<small>{escaped(more)}</small></dd></div>"
        for name, value, more in cells
    )
    return f'<dl class="tiles">{shown}</dl>'


def compression(page: Page) -> str:
    """Return the table of languages and domains: bytes per token with bars, and the change against every baseline."""
    report = page.report
    names = [name for name, _, _ in report.vocabularies]
    pairs = [(name, against) for name in names if name not in report.baselines for against in report.baselines]
    greatest = max((row.bytes_per_token or 0.0 for row in report.rows), default=0.0)
    body = "".join(
        f"<tbody>{''.join(_row(place, pairs, greatest, first=not number) for number, place in enumerate(places))}</tbody>"
        for _, places in _by_language(report.by_place())
    )
    caption = f"The change in the number of tokens, and bytes per token. Measured on {page.on}."
    many, more = "", ""
    if _is_wide(names, pairs):
        many = f' class="many{" folded" if _is_folded(pairs) else ""}"'
        where = " Bytes per token are to the right."
        if _is_folded(pairs):
            where = f" In grey bytes per token: under a text those of {label(pairs[0][0])}, under a change the other's."
        more = f'<span class="narrow">{escaped(where)}</span>'
    return scrolling(
        "Compression by language and domain",
        f"<table{many}><caption><span>{escaped(caption)} Fewer tokens are better, more bytes per token are better."
        f"{more}</span></caption>{_head(names, pairs)}{body}</table>",
    )


def _head(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> str:
    """Return two lines of headings; the changes come first, so that a narrow screen has them, then what they are made of."""
    tops, seconds = [], []
    several = len({name for name, _ in pairs}) > 1
    for name, of_name in groupby(pairs, key=lambda pair: pair[0]):
        against = [baseline for _, baseline in of_name]
        words = f"tokens of {label(name)} against" if several else "tokens against"
        unit = '<span class="narrow">, %</span>' if _is_wide(names, pairs) else ""
        tops.append(f'<th scope="colgroup" colspan="{len(against)}" class="first">{escaped(words)}{unit}</th>')
        seconds += [
            f'<th scope="col" class="n{_border(place)}">{_name(each)}</th>' for place, each in enumerate(against)
        ]
    tops.append(f'<th scope="colgroup" colspan="{len(names)}" class="measures first">bytes per token</th>')
    seconds += [
        f'<th scope="col" class="measure{_border(place)}">{key(_colour(place))}{_name(name)}</th>'
        for place, name in enumerate(names)
    ]
    return (
        '<thead><tr><th scope="col" rowspan="2">text</th><th scope="col" rowspan="2" class="n wide">bytes</th>'
        f"{''.join(tops)}</tr><tr>{''.join(seconds)}</tr></thead>"
    )


def _is_wide(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> bool:
    """Tell whether the table has so many columns that a phone shows changes without their signs of per cent."""
    return len(names) + len(pairs) > 5


def _is_folded(pairs: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a phone can show the bytes per token under the changes: those of one vocabulary against each other one."""
    return len({name for name, _ in pairs}) == 1


def _row(place: Place, pairs: Sequence[tuple[str, str]], greatest: float, *, first: bool) -> str:
    row = place[0]
    if first:
        domain = "" if row.domain is None else f" {row.domain}"
        heading = "all text" if row.language is None else f"{row.language or '(no language)'}{domain}"
    else:
        heading = row.domain or "(no domain)"
    folded = {}
    if _is_wide([each.vocabulary for each in place], pairs) and _is_folded(pairs):
        folded = {each.vocabulary: f'<span class="narrow fold">{_ratio(each.bytes_per_token)}</span>' for each in place}
    own = folded.get(pairs[0][0], "") if pairs else ""
    cells = [f'<th scope="row">{escaped(heading)}{own}</th><td class="n wide">{row.bytes:,}</td>']
    tokens = {each.vocabulary: each.tokens for each in place}
    start = None
    for name, against in pairs:
        value = tokens[name] / tokens[against] - 1 if tokens[against] else None
        cells.append(f'<td class="n{"" if name == start else " first"}">{_change(value)}{folded.get(against, "")}</td>')
        start = name
    cells += [
        f'<td class="measure{_border(number)}">{_ratio(each.bytes_per_token)}'
        f"{bar((each.bytes_per_token or 0.0) / greatest if greatest else 0.0, _colour(number))}</td>"
        for number, each in enumerate(place)
    ]
    return f'<tr class="{"sum" if first else "sub"}">{"".join(cells)}</tr>'


def _by_language(places: Sequence[Place]) -> list[tuple[str, list[Place]]]:
    """Return the places of each language, its total first (or its only slice), and last those of everything."""
    grouped: dict[str, list[Place]] = {}
    for place in places:
        name = "all" if place[0].language is None else f"={place[0].language}"
        grouped.setdefault(name, []).insert(0 if place[0].domain is None else len(grouped.get(name, ())), place)
    return list(grouped.items())


def _name(name: str) -> str:
    """Return a vocabulary's name as HTML that may go on in a new line after a mark."""
    return re.sub(r"(?<=[-_./])(?=\w)", "<wbr>", escaped(label(name)))


def _colour(place: int) -> int:
    return place if place < len(SERIES) else 1 + place % (len(SERIES) - 1)


def _border(place: int) -> str:
    return "" if place else " first"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f} %".replace("-", "−")


def _change(value: float | None) -> str:
    """Return a change as HTML: a sign tells gain from loss where colour does not."""
    if value is None:
        return "-"
    shown, sign = _percent(value)[:-2], '<span class="pct"> %</span>'
    if shown[1:] == "0.0":
        return f'<span class="small">{shown[1:]}{sign}</span>'
    return f'<span class="{"gain" if value < 0 else "loss"}">{shown}{sign}</span>'


def _dividing(size: int) -> str:
    factor = next((factor for factor in (256, 128, 64) if size % factor == 0), None)
    return f"{size // factor:,} x {factor}" if factor else "not a multiple of 64"
