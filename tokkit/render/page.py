"""Write the report page: one HTML file without a script, which loads nothing and shows the same everywhere.

What comes from a vocabulary or a file passes through `escaped`, or through `tokkit.display.show` before it.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from tokkit.display import show
from tokkit.render import charts
from tokkit.render.page_compression import compression, tiles
from tokkit.render.page_parts import escaped, figures, section, table, token_list
from tokkit.render.page_style import STYLE, policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokkit.page import Cut, Page, Sentence

RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")
MOST_SUSPECTS = 100
SHORT = 12  # characters of a token that is shown in one line
N_SENTENCES = 6  # those after are folded away
LONG = 240  # characters of an option of the provenance that are shown


def page_html(page: Page, drawn: Mapping[str, str] | None = None) -> bytes:
    """Return the page as UTF-8; without the extra `report` it has no charts and says so.

    Args:
        page: what it shows.
        drawn: the charts, where they have been drawn already.
    """
    drawn = charts.charts(page) if drawn is None else drawn
    parts = [
        _head(page),
        _header(page, drawn),
        "<main>",
        *(part for part in _sections(page, drawn) if part),
        f"</main><footer>Written by {escaped(page.tool)}. It loads nothing and runs no script.</footer></body></html>\n",
    ]
    return "\n".join(parts).encode()


def files(page: Page) -> dict[str, bytes]:
    """Return the page as `report.html`, and every chart as `report-NAME.png`; no charts without the extra `report`."""
    drawn = charts.charts(page)
    images = {f"report-{name}.png": charts.png(svg) for name, svg in drawn.items()}
    return {"report.html": page_html(page, drawn), **images}


def _head(page: Page) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy())}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">\n'
        f"<title>{escaped(page.name)}: {page.n_vocab:,} entries</title>\n<style>{STYLE}</style></head><body>"
    )


def _header(page: Page, drawn: Mapping[str, str]) -> str:
    broken = [finding.law for finding in page.laws if finding.holds is False]
    n_held = sum(finding.holds is True for finding in page.laws)
    verdict = ""
    if broken:
        verdict = f'<span class="verdict broken">broken: {escaped(", ".join(broken))}</span>'
    elif page.laws:
        held = f"all {n_held} laws hold" if n_held == len(page.laws) else f"{n_held} of {len(page.laws)} laws hold"
        verdict = (
            f'<span class="verdict">{held}{"" if n_held == len(page.laws) else ", the others were not checked"}</span>'
        )
    links = [
        ("compression", "Compression", True),
        ("plan", "Size and split", bool(page.curves or page.frontier)),
        ("tokens", "Tokens", True),
        ("audit", "Audit", page.suspects is not None),
        ("sampler", "Sampler", bool(page.sentences)),
        ("laws", "Laws", bool(page.laws)),
        ("provenance", "Provenance", True),
    ]
    items = "".join(f'<li><a href="#{anchor}">{name}</a></li>' for anchor, name, there in links if there)
    left_out = "" if drawn else f'<p class="small">Charts were left out: {escaped(charts.EXTRA)} draws them.</p>'
    return (
        f"<header><h1>{escaped(page.name)}</h1>"
        f'<p class="lead"><b>{page.n_vocab:,} entries</b>: {escaped(page.arithmetic)}</p><p>{verdict}</p>'
        f'{tiles(page)}<nav aria-label="Sections"><ul>{items}</ul></nav>{left_out}</header>'
    )


def _sections(page: Page, drawn: Mapping[str, str]) -> Iterator[str]:
    yield section("compression", "Compression", compression(page) + figures(drawn, ("compression", "change")))
    if page.curves or page.frontier:
        said = _plan(page) + figures(drawn, ("curves", "frontier")) + _frontier(page)
        yield section("plan", "Size and split", said)
    yield section("tokens", "Tokens", _segments(page) + figures(drawn, ("lengths", "scripts")))
    if page.suspects is not None:
        yield section("audit", "Audit", _audit(page))
    if page.sentences:
        yield section("sampler", "The same sentences, cut", _sampler(page))
    if page.laws:
        yield section("laws", "Laws", _laws(page))
    yield section("provenance", "Provenance", _provenance(page))


def _plan(page: Page) -> str:
    said = []
    if page.curves:
        said.append("Each curve is exact at every size: the same text, cut with the first N tokens of the base alone.")
        if page.cut is None:
            said.append("This vocabulary is no such cut: it keeps other tokens of the base than the first.")
        else:
            said.append(f"This vocabulary keeps {page.cut:,}.")
    if page.frontier:
        best = max(page.frontier, key=lambda split: split.bytes_per_token)
        said.append(
            f"Of the splits of {best.prefix + best.learned:,} tokens, {best.prefix:,} of the base and "
            f"{best.learned:,} learned give the most bytes per token: {best.bytes_per_token:.3f}. "
            "Each point of the frontier was learned and measured; the lines between are drawn."
        )
        if len(charts.near_the_best(page.frontier)) < len(page.frontier):
            said.append(f"Those of more than {100 * charts.MOST_CHANGE:.0f} % are among the figures alone.")
    return f"<p>{' '.join(said)}</p>"


def _frontier(page: Page) -> str:
    if not page.frontier:
        return ""
    sure = any(split.interval for split in page.frontier)
    columns = ["base", "learned", "bytes/token", "tokens"]
    columns = ["base", "learned", "bytes/token", "95 in 100", "tokens", "95 in 100"] if sure else columns
    rows = []
    for split in page.frontier:
        name = f"<b>{split.prefix:,}</b> {escaped(split.label)}" if split.label else f"{split.prefix:,}"
        row = [name, f"{split.learned:,}", f"{split.bytes_per_token:.4f}"]
        row += [_span(split.interval, ".4f")] if sure else []
        row.append(f"{100 * split.change:+.2f} %")
        percent = split.change_interval and (100 * split.change_interval[0], 100 * split.change_interval[1])
        rows.append([*row, *([_span(percent, "+.2f")] if sure else [])])
    drawn = "the same draws of the documents for both splits" if sure else "no intervals: the counts have no folds"
    caption = f"The frontier: tokens against the best split ({drawn})."
    listed = table(caption, columns, rows, numbers=range(len(columns)))
    return f"<details><summary>The {len(rows)} splits in figures</summary><div>{listed}</div></details>"


def _span(ends: tuple[float, float] | None, form: str) -> str:
    return "-" if ends is None else f"{ends[0]:{form}} to {ends[1]:{form}}"


def _segments(page: Page) -> str:
    rows = [
        [
            escaped(part.name),
            f"{part.start:,}",
            f"{part.stop - 1:,}",
            f"{part.stop - part.start:,}",
            token_list(part.first),
            token_list(part.longest),
        ]
        for part in page.segments
    ]
    if not rows:
        return ""
    columns = ("segment", "first id", "last id", "ids", "its first tokens", "its longest")
    return table("The named id ranges, each with one origin.", columns, rows, numbers=(1, 2, 3), stack=True)


def _audit(page: Page) -> str:
    suspects = page.suspects or ()
    if not suspects:
        return "<p>Nothing was found.</p>"
    rows = [
        [
            f"{each.token_id:,}",
            _whole(token_list((token,)), token),
            _whole(escaped(each.finding)),
            escaped(each.evidence),
        ]
        for each in suspects[:MOST_SUSPECTS]
        for token in [show(each.token)]
    ]
    shown = f"the first {len(rows)} of {len(suspects):,}" if len(suspects) > len(rows) else f"{len(suspects):,}"
    caption = f"Tokens to look at, worst first: {shown}."
    return table(caption, ("id", "token", "finding", "evidence"), rows, numbers=(0,), stack=True)


def _whole(shown: str, text: str = "") -> str:
    """Return HTML that stays in one line, where its text is short."""
    return f'<span class="whole">{shown}</span>' if len(text) <= SHORT else shown


def _sampler(page: Page) -> str:
    shown = [_sentence(each) for each in page.sentences]
    more = shown[N_SENTENCES:]
    said = "<p>A token a box. A byte that is no whole character by itself stands as \\xE4.</p>"
    listed = f"<details><summary>{len(more):,} more</summary><div>{''.join(more)}</div></details>" if more else ""
    return f"{said}{''.join(shown[:N_SENTENCES])}{listed}"


def _sentence(sentence: Sentence) -> str:
    cuts = "".join(_cut(sentence, cut) for cut in sentence.cuts)
    name = f"{sentence.language} {sentence.domain}"
    return f"<h3>{escaped(name)} <span class=small>{sentence.n_bytes:,} bytes</span></h3><dl>{cuts}</dl>"


def _cut(sentence: Sentence, cut: Cut) -> str:
    if cut.refusal is not None:
        counted, tokens = "-", f'<span class="small">{escaped(cut.refusal)}</span>'
    else:
        per_token = sentence.n_bytes / len(cut.tokens) if cut.tokens else 0.0
        counted = f"<b>{len(cut.tokens):,} tokens</b>{per_token:.2f} bytes each"
        direction = "rtl" if sentence.language in RIGHT_TO_LEFT else "ltr"
        lines = "".join(
            f"<bdi>{escaped(token)}</bdi>{chr(10) if token.endswith(chr(92) + 'n') else '<wbr>'}"
            for token in cut.tokens
        )
        tokens = f'<div class="tokens" dir="{direction}" lang="{escaped(sentence.language)}">{lines}</div>'
    return f'<div class="cut"><dt>{escaped(charts.label(cut.vocabulary))} {counted}</dt><dd>{tokens}</dd></div>'


def _laws(page: Page) -> str:
    words = {True: "holds", False: "BROKEN", None: "not checked"}
    rows = []
    for finding in page.laws:
        state = "gain" if finding.holds else "loss" if finding.holds is False else "small"
        offenders = "".join(f"<br><code>{escaped(each)}</code>" for each in finding.offenders[:10])
        rows.append(
            [
                escaped(finding.law),
                f'<span class="{state}">{words[finding.holds]}</span>',
                escaped(finding.detail) + offenders,
            ]
        )
    return table("What was checked, and what was found.", ("law", "finding", "detail"), rows, stack=True)


def _provenance(page: Page) -> str:
    vocabularies = [
        [
            escaped(name),
            f"{n_vocab:,}",
            escaped(page.report.semantics.get(name, "ranks")),
            f"<code>{escaped(sha256)}</code>",
        ]
        for name, n_vocab, sha256 in page.report.vocabularies
    ]
    columns = ("vocabulary", "entries", "semantics", "sha256")
    parts = [table("The vocabularies measured.", columns, vocabularies, numbers=(1,), stack=True)]
    parts += [f"<p>{escaped(note[:1].upper() + note[1:])}.</p>" for note in page.notes]
    if page.steps:
        steps = [[escaped(name), f"<code>{escaped(_shortened(options))}</code>"] for name, options in page.steps]
        parts.append(table("How it was made, step by step.", ("step", "options"), steps, stack=True))
    if page.inputs:
        inputs = [
            [escaped(role), escaped(name), f"<code>{escaped(sha256)}</code>"] for role, name, sha256 in page.inputs
        ]
        listed = table("What was read.", ("for", "name", "sha256"), inputs, stack=True)
        parts.append(
            f"<details><summary>{len(inputs):,} files and lists were read</summary><div>{listed}</div></details>"
        )
    return "".join(parts)


def _shortened(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}…"
