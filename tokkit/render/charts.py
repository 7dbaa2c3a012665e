"""Draw the charts of a report with Altair and vl-convert: SVG for the page, SVG and PNG files for slides.

Everything drawn has one of the colours below, so that the page can give them others in the dark. Charts are as wide as a
phone, and the page puts several in a row. Nothing in them depends on time, place or chance.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tokkit.display import show
from tokkit.page import LENGTHS, leading_scripts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokkit.page import Page, Split

WIDTH = 358  # pixels: a phone's 390 less its margins
INK, MUTED, GRID, PAPER = "#1f2328", "#59636e", "#d9dee4", "#fdfdfe"
SERIES = ("#8c959f", "#0b6bcb", "#c2570c", "#1a7f4b", "#8250df", "#b3206b", "#6b5900", "#00738a")
"""Colours of the vocabularies: the first baseline is grey."""
MARK = "#d1242f"
DASHES = ([1, 0], [7, 3], [2, 2])
"""How lines are broken by turns: with seven colours, twenty-one lines are told apart, and neighbours by both."""
_PLAIN_ZERO = "datum.value ? datum.label : '0'"  # which Vega writes as 0k or +0, by the labels beside it
_ROUND = (20_000, 40_000, 60_000, 80_000, 100_000, 120_000, 140_000, 160_000, 180_000, 200_000)
PNG_SCALE = 2.0
EXTRA = "pip install 'tokkit[report]'"
MOST_LANGUAGES = 24
LONGEST_LABEL = 28
MOST_CHANGE = 0.03  # what the chart of the frontier shows: three in a hundred more tokens than the best
Rows = list[dict[str, Any]]


@cache
def drawable() -> bool:
    """Return whether Altair and vl-convert are installed: the extra `report`."""
    return all(find_spec(name) is not None for name in ("altair", "vl_convert"))


def versions() -> dict[str, str]:
    """Return the versions of what draws; empty where it is not installed."""
    return {name: version(name) for name in ("altair", "vl-convert-python")} if drawable() else {}


def charts(page: Page) -> dict[str, str]:
    """Return the SVG text of every chart that a page has data for, by name; none without the extra `report`."""
    if not drawable():
        return {}
    drawn: dict[str, Any] = {"compression": _compression(page)}
    if page.report.baseline is not None:
        drawn["change"] = _change(page)
    drawn["lengths"] = _lengths(page)
    drawn["scripts"] = _scripts(page)
    if page.curves:
        drawn["curves"] = _curves(page)
    if page.frontier:
        drawn["frontier"] = _frontier(page)
    return {name: _svg(name, chart) for name, chart in drawn.items() if chart is not None}


def png(svg: str) -> bytes:
    """Return a chart as a PNG image."""
    import vl_convert  # noqa: PLC0415 - of the extra `report`, so loaded where a chart is drawn

    image: bytes = vl_convert.svg_to_png(svg, scale=PNG_SCALE)
    return image


def files(page: Page) -> dict[str, bytes]:
    """Return every chart as SVG and PNG files by name; none without the extra `report`."""
    drawn = charts(page)
    return {f"{name}.svg": svg.encode() for name, svg in drawn.items()} | {
        f"{name}.png": png(svg) for name, svg in drawn.items()
    }


def label(name: str) -> str:
    r"""Return a name for a chart or table: escaped as tokens are, its end kept where it is too long.

    Example:
        >>> label("zh" + chr(0x202E)), label("a/" * 20 + "b.tiktoken")
        ('zh\\u202e', '…/a/a/a/a/a/a/a/a/b.tiktoken')
    """
    text = show(name.encode("utf-8", "surrogatepass"))
    return text if len(text) <= LONGEST_LABEL else f"…{text[1 - LONGEST_LABEL :]}"


def series(page: Page) -> dict[str, str]:
    """Return the colour of each vocabulary by its label; a ninth one has the second's colour again."""
    names = [label(name) for name, _, _ in page.report.vocabularies]
    return {name: SERIES[number if number < len(SERIES) else 1 + number % 7] for number, name in enumerate(names)}


def _compression(page: Page) -> Any:
    """Bytes per token of every language, a bar a vocabulary."""
    rows = [
        {"language": label(name), "vocabulary": label(row.vocabulary), "value": row.bytes_per_token}
        for name, place in _languages(page)
        for row in place
    ]
    return _bars(rows, "language", "bytes per token", series(page), title="Bytes per token")


def _change(page: Page) -> Any:
    """Change in tokens against the first baseline, of every other vocabulary."""
    first = page.report.baseline
    rows = [
        {"language": label(name), "vocabulary": label(row.vocabulary), "value": 100 * row.change}
        for name, place in _languages(page)
        for row in place
        if row.change is not None and row.vocabulary != first
    ]
    if not rows:
        return None
    colours = {name: colour for name, colour in series(page).items() if name != label(first or "")}
    title = f"Change in tokens against {label(first or '')}"
    return _bars(rows, "language", "per cent; fewer is better", colours, title=title, axis="+d", number="+.1f")


def _languages(page: Page) -> list[tuple[str, Sequence[Any]]]:
    """Return the rows of each language, its total where it has several slices, and last those of everything."""
    places: dict[str, Sequence[Any]] = {}
    for place in page.report.by_place():
        language, domain = place[0].language, place[0].domain
        if domain is None or language not in places:
            places["all" if language is None else language or "(none)"] = place
    everything = places.pop("all")
    return [*list(places.items())[:MOST_LANGUAGES], ("all", everything)]


def _lengths(page: Page) -> Any:
    names = [f"{first}-{last - 1}" if last - first > 1 else str(first) for first, last in LENGTHS]
    names[-1] = f"{LENGTHS[-1][0]}+"
    rows = [
        {"length": name, "vocabulary": label(each.vocabulary), "value": number}
        for each in page.profiles
        for name, number in zip(names, each.lengths, strict=True)
    ]
    return _columns(rows, "length", names, "bytes in the token", series(page), title="Tokens by length")


def _scripts(page: Page) -> Any:
    leading = leading_scripts(page.profiles)
    rows = [
        {"script": name, "vocabulary": label(each.vocabulary), "value": each.scripts.get(name, 0)}
        for name in leading
        for each in page.profiles
    ]
    return _bars(rows, "script", "tokens", series(page), title="Tokens by script", axis="~s", number=",d")


def _curves(page: Page) -> Any:
    """A line a language, with its name at its end: neighbours differ in colour and in how they are broken."""
    import altair as alt  # noqa: PLC0415

    ends = {label(curve.name): curve.points[-1][1] for curve in page.curves}
    names = sorted(ends, key=lambda name: (ends[name], name))
    height = max(260, 13 * len(names) + 60)
    values = [value for curve in page.curves for _, value in curve.points]
    low, high = min(values), max(values)
    last = max(size for curve in page.curves for size, _ in curve.points)
    places = spread([ends[name] for name in names], 12.5 * (high - low) / (height - 70), low, high)
    x = alt.X("size:Q", title="tokens kept of the base", scale=alt.Scale(domain=[0, 1.2 * last], nice=False))
    x = x.axis(format="~s", values=[each for each in _ROUND if each <= last])
    y = alt.Y("value:Q", title="bytes per token", scale=alt.Scale(zero=False))
    layers = []
    for number, (name, place) in enumerate(zip(names, places, strict=True)):
        colour, dash = SERIES[1 + number % 7], DASHES[number % len(DASHES)]
        points = next(curve.points for curve in page.curves if label(curve.name) == name)
        rows = _chart([{"size": size, "value": value} for size, value in points])
        layers.append(rows.mark_line(strokeWidth=1.6, color=colour, strokeDash=dash).encode(x=x, y=y))
        leader = _chart([{"size": last, "value": ends[name]}, {"size": 1.035 * last, "value": place}])
        layers.append(leader.mark_line(strokeWidth=1, color=colour, strokeDash=dash).encode(x=x, y=y))
        text = _chart([{"size": 1.04 * last, "value": place, "name": name}])
        layers.append(text.mark_text(color=colour, align="left", baseline="middle").encode(x=x, y=y, text="name:N"))
    if page.cut is not None:
        rule = _chart([{"size": page.cut, "text": f"{page.cut:,}"}])
        layers.append(rule.mark_rule(color=MARK, strokeDash=[4, 3]).encode(x=x))
        layers.append(rule.mark_text(color=MARK, align="left", dx=4, y=8).encode(x=x, text="text:N"))
    return alt.layer(*layers).properties(**_size(height), title="Bytes per token at every prefix size")


def spread(values: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Return places for labels near ascending values: at least so far apart, and between two ends as far as there is room.

    Example:
        >>> spread([1.0, 1.1, 5.0], 1.0, 0.0, 5.5)
        [1.0, 2.0, 5.0]
        >>> spread([4.0, 5.0, 5.0], 1.0, 0.0, 5.0)
        [3.0, 4.0, 5.0]
    """
    places = list(values)
    for number in range(1, len(places)):
        places[number] = max(places[number], places[number - 1] + apart)
    top = high
    for number in range(len(places) - 1, -1, -1):
        places[number] = max(min(places[number], top), low + number * apart)
        top = places[number] - apart
    return places


def _frontier(page: Page) -> Any:
    import altair as alt  # noqa: PLC0415

    rows: Rows = []
    for split in near_the_best(page.frontier):
        low, high = split.change_interval or (split.change, split.change)
        label = f"{split.label} {split.prefix:,}" if split.label else ""
        ends = {"value": 100 * split.change, "low": 100 * low, "high": 100 * high}
        rows.append({"prefix": split.prefix, **ends, "label": label})
    x = alt.X("prefix:Q", title="tokens of the base; the rest is learned", axis=alt.Axis(format="~s", tickCount=6))
    x = x.scale(zero=False, padding=8)  # for the marks at both ends
    y = alt.Y("value:Q", title="% more tokens than the best split", axis=alt.Axis(tickCount=6))
    y = y.scale(domainMin=-0.12 * max(row["high"] for row in rows) or -1, nice=False)  # room below for a name
    base = _chart(rows)
    layers = [base.mark_line(color=SERIES[1], strokeWidth=1.5).encode(x=x, y=y)]
    if any(split.change_interval for split in page.frontier):
        layers.append(base.mark_area(color=SERIES[1], opacity=0.25).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
        layers.append(base.mark_rule(color=SERIES[1], strokeWidth=3, opacity=0.5).encode(x=x, y="low:Q", y2="high:Q"))
    layers.append(base.mark_point(color=SERIES[1], filled=True, size=26, opacity=1).encode(x=x, y=y))
    named = _chart([row for row in rows if row["label"]])
    layers.append(named.mark_point(color=MARK, filled=True, size=50, opacity=1).encode(x=x, y=y))
    for label, dy in (("best", 13), ("seed", -16)):
        text = _chart([row for row in rows if str(row["label"]).startswith(label)])
        layers.append(
            text.mark_text(color=MARK, align="left" if dy < 0 else "center", dy=dy).encode(x=x, y=y, text="label:N")
        )
    return alt.layer(*layers).properties(**_size(240), title="The frontier: what other splits of the size cost")


def near_the_best(frontier: Sequence[Split]) -> Sequence[Split]:
    """Leave out splits so bad that the others would look alike beside them."""
    near = [split for split in frontier if split.change <= MOST_CHANGE or split.label]
    return near if len(near) > 2 else frontier


def _bars(
    rows: Rows,
    by: str,
    title_x: str,
    colours: Mapping[str, str],
    *,
    title: str,
    axis: str = ".1~f",
    number: str = ".2f",
) -> Any:
    """Horizontal bars in the order of the rows, a bar a vocabulary, with the numbers behind them where they can be read."""
    import altair as alt  # noqa: PLC0415

    names, places = list(colours), list(dict.fromkeys(row[by] for row in rows))
    thickness = {1: 13, 2: 11}.get(len(names), 10)
    numbers = [row["value"] for row in rows if row["value"] is not None]
    room = 0.16 * (max([0, *numbers]) - min([0, *numbers]))  # for the numbers
    domain = [min([0, *numbers]) - room * (min(numbers) < 0), max([0, *numbers]) + room]
    encoded = {
        "y": alt.Y(f"{by}:N", sort=places, title=None, scale=alt.Scale(paddingInner=0.25, paddingOuter=0.1)),
        "yOffset": alt.YOffset("vocabulary:N", sort=names),
        "x": alt.X(
            "value:Q",
            title=title_x,
            axis=alt.Axis(format=axis, tickCount=6, labelExpr=_PLAIN_ZERO),
            scale=alt.Scale(domain=domain, nice=False),
        ),
    }
    colour = alt.Color("vocabulary:N", scale=_scale(colours), legend=_legend(names))
    layers = [_chart(rows).mark_bar().encode(**encoded, color=colour)]
    for sign, align in ((1, "left"), (-1, "right")):
        signed = [row for row in rows if row["value"] is not None and (row["value"] >= 0) == (sign > 0)]
        text = _chart(signed).mark_text(align=align, dx=3 * sign, fontSize=min(9, thickness), color=MUTED)
        layers += [text.encode(**encoded, text=alt.Text("value:Q", format=number))] if signed else []
    height = len(places) * (len(names) * thickness + 6) + 60 + _legend_height(names)
    return alt.layer(*layers).properties(width=WIDTH, height=height, title=title)


def _columns(
    rows: Rows, by: str, places: Sequence[str], title_x: str, colours: Mapping[str, str], *, title: str
) -> Any:
    """Vertical bars, a bar a vocabulary."""
    import altair as alt  # noqa: PLC0415

    names = list(colours)
    return _chart(rows).mark_bar().encode(
        x=alt.X(f"{by}:N", sort=list(places), title=title_x, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        xOffset=alt.XOffset("vocabulary:N", sort=names),
        y=alt.Y("value:Q", title="tokens", axis=alt.Axis(format="~s", tickCount=6, labelExpr=_PLAIN_ZERO)),
        color=alt.Color("vocabulary:N", scale=_scale(colours), legend=_legend(names)),
    ).properties(**_size(220 + _legend_height(names)), title=title)  # fmt: skip


def _chart(rows: Rows) -> Any:
    import altair as alt  # noqa: PLC0415

    return alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]


def _scale(colours: Mapping[str, str]) -> Any:
    import altair as alt  # noqa: PLC0415

    return alt.Scale(domain=list(colours), range=list(colours.values()))


def _legend(names: Sequence[str], symbol: str = "square") -> Any:
    """A legend above the chart, with as many names in a line as fit."""
    import altair as alt  # noqa: PLC0415

    return alt.Legend(
        orient="top", title=None, columns=_legend_columns(names), symbolType=symbol, labelLimit=WIDTH - 40, offset=4
    )


def _legend_columns(names: Sequence[str]) -> int:
    longest = max(map(len, names), default=1)
    return max(1, min(len(names), WIDTH // (7 * longest + 24)))


def _legend_height(names: Sequence[str]) -> int:
    return 15 * -(-len(names) // _legend_columns(names))


def _size(height: int) -> dict[str, int]:
    return {"width": WIDTH, "height": height}


def _svg(name: str, chart: Any) -> str:
    """Return a chart as SVG: all of it inside its width, in the colours above, with ids that no other chart has."""
    import vl_convert  # noqa: PLC0415

    axis = {
        "labelColor": INK, "titleColor": MUTED, "gridColor": GRID, "domainColor": MUTED, "tickColor": MUTED,
        "titleFontWeight": "normal", "labelFontSize": 11, "titleFontSize": 11,
    }  # fmt: skip
    styled = (
        chart.properties(autosize={"type": "fit", "contains": "padding"}, padding=4)
        .configure(background=PAPER, font="Liberation Sans, Arial, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(**axis)
        .configure_legend(labelColor=INK, labelFontSize=11)
        .configure_title(color=INK, fontSize=13, anchor="start", offset=6)
        .configure_text(fontSize=11)
    )
    svg: str = vl_convert.vegalite_to_svg(styled.to_dict())
    return re.sub(r'(?<=id=")(?=\w)|(?<=url\(#)', f"{name}-", svg)
