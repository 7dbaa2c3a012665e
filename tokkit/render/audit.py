"""Print what `audit` found: for each kind its tokens, the worst first, each with the pretokens that it came from; or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, chop_cells

from tokkit.display import show as show_token
from tokkit.render import data, table, talk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokkit.audit import Audit, Finding, TokenUse
    from tokkit.counts import Slice

COLUMNS = ("score", "id", "uses", "token", "slice", "why", "stands in")
NUMBERS = 3
TOKEN_CELLS = 24
EVIDENCE_CELLS = 40
RARE_SHOWN = 10


def show(audit: Audit, kinds: Mapping[str, str], *, first: int, as_json: bool, quiet: bool) -> None:
    """Write an audit to stdout, as tables or as one JSON document, and the verdict to stderr.

    Args:
        audit: the audit.
        kinds: kind of finding -> what its score measures.
        first: how many findings of each kind a table shows; 0 for all.
        as_json: whether to write JSON.
        quiet: whether to leave out the verdict.
    """
    if as_json:
        data.document(_document(audit))
        return
    data.text("\n".join(talk.one_line(line) for line in _summary(audit)) + "\n")
    for kind, score in kinds.items():
        found = [each for each in audit.findings if each.kind == kind]
        if found:
            shown = found[: first or len(found)]
            data.text(f"\n{kind}: {talk.counted(len(found), 'token')}; score: {score}\n")
            table.show(*_aligned([_cells(each) for each in shown]), left=len(COLUMNS))
            if len(found) > len(shown):
                data.text(f"and {len(found) - len(shown):,} more\n")
    talk.note(f"{audit.vocabulary}: {_verdict(audit, kinds)}", quiet=quiet)


def _verdict(audit: Audit, kinds: Mapping[str, str]) -> str:
    if not audit.findings:
        return "nothing found"
    counts = {kind: sum(each.kind == kind for each in audit.findings) for kind in kinds}
    told = ", ".join(f"{number:,} {kind}" for kind, number in counts.items() if number)
    return f"{talk.counted(len(audit.findings), 'finding')}: {told}"


def _summary(audit: Audit) -> list[str]:
    where = " + ".join(audit.segments) or audit.vocabulary
    size = talk.size(sum(part.bytes for part in audit.slices))
    slices = talk.counted(len(audit.slices), "slice")
    unused = sum(not use.uses for use in audit.tokens)
    scaffold = sum(use.is_scaffold for use in audit.tokens)
    used = f"{len(audit.tokens) - unused:,} used, {unused:,} never"
    serving = f"{scaffold:,} serve other tokens and are hardly used themselves"
    lines = [f"{talk.counted(len(audit.tokens), 'token')} of {where} on {size} in {slices}: {used}; {serving}"]
    if audit.semantics is not None:
        lines.append(f"each pretoken was encoded as a text of its own by {audit.semantics}")
    if not audit.documents_counted:
        lines.append("documents are bounds: counts do not say which they are; with text after --on they are counted")
    if audit.training_tokens is not None:
        shown = [f"{token_id} {show_token(_by_id(audit)[token_id].token)}" for token_id in audit.rare[:RARE_SHOWN]]
        more = f" and {len(audit.rare) - len(shown):,} more" if len(audit.rare) > len(shown) else ""
        lines.append(
            f"{talk.counted(len(audit.rare), 'id')} expected less than {audit.min_expected:,} times in "
            f"{audit.training_tokens:,} training tokens" + (f": {', '.join(shown)}{more}" if shown else "")
        )
        unseen = 3 * (audit.per_use or 0)  # none in n draws: with 95 % certainty rarer than 3 in n
        if unseen > audit.min_expected:
            lines.append(
                f"one use here stands for {audit.per_use or 0:,.0f} there: of an id that this text never uses it says only "
                f"that it comes less than {unseen:,.0f} times"
            )
    return lines


def _by_id(audit: Audit) -> dict[int, TokenUse]:
    return {use.id: use for use in audit.tokens}


def _cells(finding: Finding) -> list[str]:
    use = finding.use
    top = next(iter(use.slices), "-")
    share = f" {use.slices[top] / use.uses:.0%}" if use.uses else ""
    evidence = [f"{count:,} × {show_token(pretoken)}" for pretoken, count in finding.evidence]
    return [
        f"{finding.score:.1f}",
        f"{use.id}",
        f"{use.uses:,}",
        _cut(show_token(use.token), TOKEN_CELLS),
        top + share,
        finding.why,
        _cut(", ".join(evidence) or "-", EVIDENCE_CELLS),
    ]


def _aligned(rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows with their first columns, which are numbers, aligned to the right."""
    widths = [max(len(row[column]) for row in (COLUMNS, *rows)) for column in range(NUMBERS)]
    header, *cells = (
        [*(cell.rjust(width) for cell, width in zip(row[:NUMBERS], widths, strict=True)), *row[NUMBERS:]]
        for row in ([*COLUMNS], *rows)
    )
    return header, cells


def _cut(text: str, cells: int) -> str:
    """Return text that is at most so many terminal cells wide, with an ellipsis where something is left out."""
    return text if cell_len(text) <= cells else chop_cells(text, cells - 1)[0] + "…"


def _document(audit: Audit) -> dict[str, Any]:
    return {
        "vocabulary": audit.vocabulary,
        "semantics": audit.semantics,
        "segments": list(audit.segments),
        "slices": [_slice(part, audit.slice_tokens[part.name]) for part in audit.slices],
        "training_tokens": audit.training_tokens,
        "min_expected": audit.min_expected,
        "rare": list(audit.rare),
        "findings": [_finding(each) for each in audit.findings],
        "tokens": [_use(each, audit) for each in audit.tokens],
    }


def _slice(part: Slice, tokens: int) -> dict[str, Any]:
    return {
        "language": part.language,
        "domain": part.domain,
        "documents": part.documents,
        "bytes": part.bytes,
        "tokens": tokens,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.use.id,
        "token": data.token(finding.use.token),
        "kind": finding.kind,
        "also": list(finding.also),
        "score": finding.score,
        "why": finding.why,
        "pretokens": [{**data.token(pretoken), "count": count} for pretoken, count in finding.evidence],
    }


def _use(use: TokenUse, audit: Audit) -> dict[str, Any]:
    return {
        "id": use.id,
        "token": data.token(use.token),
        "segment": use.segment,
        "uses": use.uses,
        "formed": use.formed,
        "scaffold": use.is_scaffold,
        "occurrences": use.occurrences,
        "pretokens": use.pretokens,
        "documents": use.documents[0] if audit.documents_counted else None,
        "documents_at_least": use.documents[0],
        "documents_at_most": use.documents[1],
        "slices": {name: _shares(uses, use.uses, audit.slice_tokens[name]) for name, uses in use.slices.items()},
        "languages": {
            language: _shares(uses, use.uses, _language_tokens(audit, language))
            for language, uses in use.languages.items()
        },
        "promised": use.promised,
        "expected": use.expected,
    }


def _shares(uses: int, all_uses: int, tokens: int) -> dict[str, float | int]:
    return {"uses": uses, "of_its_uses": uses / all_uses, "of_tokens": uses / tokens}


def _language_tokens(audit: Audit, language: str) -> int:
    return sum(audit.slice_tokens[part.name] for part in audit.slices if part.language == language)
