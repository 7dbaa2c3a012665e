"""Tell what a selection by usage kept, and what each slice gains or loses against the prefix of the same size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokkit.render import data, summary, table, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.usage import SliceGain, UsageSelection

COLUMNS = ("language", "domain", "bytes", "by usage", "prefix", "whole base", "change")


def tell(chosen: UsageSelection, *, as_json: bool, quiet: bool) -> None:
    """Print one JSON document on stdout when `as_json`; else what was kept and a row for each slice on stderr, unless `quiet`."""
    kept = summary.of_selection(chosen.selection)
    if as_json:
        data.document({**kept.document, "slices": [_document(gain) for gain in chosen.gains]})
        return
    for line in kept.lines:
        talk.note(line, quiet=quiet)
    talk.note("bytes per token, and the change in tokens against the prefix of the same size:", quiet=quiet)
    for line in table.lines(COLUMNS, [_cells(gain) for gain in (*chosen.gains, *_total(chosen.gains))], left=2):
        talk.note(line, quiet=quiet)


def _total(gains: Sequence[SliceGain]) -> list[SliceGain]:
    """Return the sum of several slices as a row of its own."""
    if len(gains) < 2:
        return []
    sums = (
        sum(getattr(gain, field) for gain in gains) for field in ("bytes", "tokens", "prefix_tokens", "base_tokens")
    )
    return [type(gains[0])("(all)", "(all)", *sums)]


def _cells(gain: SliceGain) -> list[str]:
    return [
        gain.language,
        gain.domain,
        f"{gain.bytes:,}",
        *(_ratio(gain.bytes, tokens) for tokens in (gain.tokens, gain.prefix_tokens, gain.base_tokens)),
        "-" if gain.change is None else f"{100 * gain.change:+.1f} %",
    ]


def _ratio(n_bytes: int, tokens: int) -> str:
    return f"{n_bytes / tokens:.3f}" if tokens else "-"


def _document(gain: SliceGain) -> dict[str, str | int | float | None]:
    return {
        "language": gain.language,
        "domain": gain.domain,
        "bytes": gain.bytes,
        "tokens": gain.tokens,
        "prefix_tokens": gain.prefix_tokens,
        "base_tokens": gain.base_tokens,
        "change": gain.change,
    }
