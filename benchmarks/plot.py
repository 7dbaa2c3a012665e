"""Draw the growth curves as SVG, with Altair and vl-convert of the extra `report`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLOURS = ["#0b6bcb", "#c2570c", "#1a7f4b", "#8250df", "#b3206b", "#6b5900"]


def drawable() -> bool:
    return find_spec("altair") is not None and find_spec("vl_convert") is not None


def growth_svg(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return two charts a task, seconds and GB over MB of text, both axes logarithmic: proportional growth is a diagonal."""
    import altair as alt
    import vl_convert

    values = [{**row, "gigabytes": max(row["peak"] - row["before"], 1e6) / 1e9} for row in rows]
    panels = []
    for task in dict.fromkeys(row["task"] for row in rows):
        base = _lines(alt, [row for row in values if row["task"] == task])
        panels.append([base.encode(**_channels(alt, task, column)) for column in ("cpu", "gigabytes")])
    chart = alt.vconcat(*(alt.hconcat(*panel) for panel in panels)).configure(background="#fdfdfe")
    svg: str = vl_convert.vegalite_to_svg(chart.to_json())
    return svg


def _lines(alt: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
    return alt.Chart(alt.Data(values=rows)).mark_line(point=True)


def _channels(alt: Any, task: str, column: str) -> dict[str, Any]:
    title = {"cpu": f"{task}: CPU seconds", "gigabytes": f"{task}: GB of new memory"}[column]
    return {
        "x": alt.X("megabytes:Q", scale=alt.Scale(type="log"), title="MB of text"),
        "y": alt.Y(f"{column}:Q", scale=alt.Scale(type="log"), title=title),
        "color": alt.Color("texts:N", scale=alt.Scale(range=COLOURS), title=None),
    }
