"""The building blocks of the report page: escaped text, tables with headings that a screen reader can follow, bars."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from tokkit.render.talk import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LONGEST_TOKEN = 48  # characters of a token that a list shows
SHORTEST_RUN = 8  # characters of a token that is one character over and over


def escaped(text: str) -> str:
    r"""Return text that HTML shows as it is, with what would not show, or reorders the line, escaped.

    Example:
        >>> print(escaped('<script>"' + chr(0x202E) + chr(0)))
        &lt;script&gt;&quot;\u202e\x00
    """
    return html.escape(one_line(text))


def section(anchor: str, title: str, body: str) -> str:
    """Return a section with its heading."""
    return (
        f'<section id="{anchor}" aria-labelledby="{anchor}-title"><h2 id="{anchor}-title">{title}</h2>{body}</section>'
    )


def figures(drawn: Mapping[str, str], names: Iterable[str]) -> str:
    """Return charts side by side; those that were not drawn are left out."""
    there = [drawn[name] for name in names if name in drawn]
    return f'<div class="charts">{"".join(f"<figure>{svg}</figure>" for svg in there)}</div>' if there else ""


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    stack: bool = False,
) -> str:
    """Return a table; cells are HTML, the first of a row is its heading.

    Args:
        caption: what it says, as text.
        columns: headings, as text.
        rows: cells, as HTML.
        numbers: which columns align right.
        stack: on a phone, put the cells of a row under each other.
    """

    def classes(place: int) -> str:
        return ' class="n"' if place in numbers else ""

    head = "".join(f'<th scope="col"{classes(place)}>{escaped(name)}</th>' for place, name in enumerate(columns))
    body = "".join(
        f'<tr><th scope="row"{classes(0)}>{first}</th>'
        + "".join(
            f'<td{classes(place)} data-label="{escaped(columns[place])}">{cell}</td>'
            for place, cell in enumerate(rest, 1)
        )
        + "</tr>"
        for first, *rest in rows
    )
    return scrolling(
        caption,
        f"<table{' class=stack' if stack else ''}><caption><span>{escaped(caption)}</span></caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
    )


def scrolling(name: str, inner: str) -> str:
    """Return what may be wider than the page in a box that scrolls, by keyboard too."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escaped(name)}">{inner}</div>'


def bar(share: float, colour: int) -> str:
    """Return a bar of a share of the full length, which is the same in every column, in the colour of a vocabulary."""
    return (
        '<svg class="bar" viewBox="0 0 100 5" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="c{colour}" width="{100 * max(0.0, min(share, 1.0)):.1f}" height="5"/></svg>'
    )


def key(colour: int) -> str:
    """Return the patch of colour that stands before a vocabulary's name."""
    return f'<svg class="key" viewBox="0 0 10 10" aria-hidden="true"><rect class="c{colour}" width="10" height="10"/></svg>'


def token_list(tokens: Sequence[str]) -> str:
    """Return tokens, already shown as `tokkit.display.show` does, each in a box of its own; long ones by their beginning."""
    if not tokens:
        return ""
    boxes = (f"<bdi>{escaped(_beginning(token))}</bdi>" for token in tokens)
    return f'<span class="tokens listed">{" ".join(boxes)}</span>'


def _beginning(token: str) -> str:
    if len(token) > SHORTEST_RUN and token == token[0] * len(token):
        return f"{'␣' if token[0] == ' ' else token[0]} × {len(token):,}"
    return token if len(token) <= LONGEST_TOKEN else f"{token[:LONGEST_TOKEN]}… ({len(token):,} characters)"
