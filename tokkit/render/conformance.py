"""Print what the conformance kit found: a row a runtime, the first difference of each that has one, or one JSON document."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from tokkit.display import show as show_token
from tokkit.render import data, summary, table, talk

if TYPE_CHECKING:
    from tokkit.conformance import Conformance, Difference, Outcome
    from tokkit.vocabulary import Vocabulary

COLUMNS = ("runtime", "version", "texts", "tokens", "equal", "decoded", "ids", "specials")
LONGEST = 60  # characters of a difference's text, which has been shrunk, and of its ids


def show(vocabulary: Vocabulary, found: Conformance, *, as_json: bool, quiet: bool) -> None:
    """Write the table or the document to stdout, and the verdict to stderr."""
    if as_json:
        data.document(_document(vocabulary, found))
        return
    table.show(COLUMNS, [_row(outcome) for outcome in found.outcomes], left=2)
    for outcome in found.outcomes:
        data.text("".join(f"{talk.one_line(line)}\n" for line in _details(outcome, found, vocabulary)))
    groups = ", ".join(f"{n_texts:,} {group}" for group, (n_texts, _) in found.groups.items())
    talk.note(f"texts: {groups}; seed {found.seed}", quiet=quiet)
    talk.note(f"{vocabulary.name}: {_verdict(found)}", quiet=quiet)


def _row(outcome: Outcome) -> list[str]:
    if not outcome.installed:
        return [outcome.name, "not installed", *["-"] * 6]
    version = str(outcome.version)
    if outcome.error is not None and not outcome.texts:
        return [outcome.name, version, *["-"] * 2, "FAILED", *["-"] * 3]
    equal = (
        "all" if outcome.equal == outcome.texts else f"{outcome.equal / outcome.texts:.2%}" if outcome.texts else "-"
    )
    # A share that rounds to all is not all.
    equal = "99.99%" if equal == "100.00%" else equal
    return [
        outcome.name,
        version,
        f"{outcome.texts:,}",
        f"{outcome.tokens:,}",
        equal,
        _all_or(outcome.undecoded),
        _all_or(None if outcome.wrong_ids is None else len(outcome.wrong_ids)),
        "-" if not outcome.rules else "as said" if all(held for _, held in outcome.rules) else "OTHERWISE",
    ]


def _all_or(wrong: int | None) -> str:
    return "-" if wrong is None else "all" if not wrong else f"{wrong:,} WRONG"


def _details(outcome: Outcome, found: Conformance, vocabulary: Vocabulary) -> list[str]:
    lines = []
    if outcome.error is not None:
        lines.append(f"{outcome.name}: {outcome.error}")
    if outcome.difference is not None:
        lines += _difference(outcome, outcome.difference, found, vocabulary)
    if outcome.wrong_ids:
        ids = ", ".join(map(str, outcome.wrong_ids[: summary.FIRST]))
        lines.append(f"{outcome.name}: other tokens than in the vocabulary at ids {ids}")
    lines += [f"{outcome.name}: not so: {rule}" for rule, held in outcome.rules if not held]
    return lines


def _difference(outcome: Outcome, difference: Difference, found: Conformance, vocabulary: Vocabulary) -> list[str]:
    number = f"{outcome.texts - outcome.equal:,} of {talk.counted(outcome.texts, 'text')}"
    reason = f": {outcome.note}" if outcome.note else ""
    expected = "" if outcome.exact else f", as is to be expected{reason}"
    lines = [f"{outcome.name} differs on {number}{expected}"]
    if not outcome.exact:
        shares = [f"{outcome.equal_in[group] / texts:.1%} of {group}" for group, (texts, _) in found.groups.items()]
        lines.append(f"  {'equal':<{max(len(outcome.name), 8)}}  {', '.join(shares)}")
    width = max(len(outcome.name), 8)
    place = f"from {difference.group} {difference.name}"
    return [
        *lines,
        f"  {'shortest':<{width}}  {_shortened(show_token(difference.text.encode()))}   ({place})",
        f"  {'tokkit':<{width}}  {_segmented(difference.ours, vocabulary)}",
        f"  {outcome.name:<{width}}  {_segmented(difference.theirs, vocabulary)}",
    ]


def _segmented(ids: tuple[int, ...], vocabulary: Vocabulary) -> str:
    def token(token_id: int) -> str:
        known = vocabulary.tokens[token_id] if 0 <= token_id < len(vocabulary.tokens) else b""
        return show_token(known) if known else vocabulary.special_ids.get(token_id, "?")

    return f"{_shortened(' '.join(map(str, ids)))}   {_shortened(' | '.join(map(token, ids)))}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _verdict(found: Conformance) -> str:
    wrong = [outcome.name for outcome in found.outcomes if outcome.conforms is False]
    right = [outcome.name for outcome in found.outcomes if outcome.conforms]
    absent = [outcome.name for outcome in found.outcomes if not outcome.installed]
    parts = [f"not equal: {', '.join(wrong)}"] if wrong else []
    parts += [f"equal ids in {', '.join(right)}"] if right else []
    parts += [f"not installed: {', '.join(absent)}"] if absent else []
    return "; ".join(parts)


def _document(vocabulary: Vocabulary, found: Conformance) -> dict[str, Any]:
    return {
        "vocabulary": summary.of_vocabulary(vocabulary),
        "holds": found.holds,
        "python": platform.python_version(),
        "seed": found.seed,
        "groups": {group: {"texts": texts, "bytes": n_bytes} for group, (texts, n_bytes) in found.groups.items()},
        "runtimes": [_outcome(outcome) for outcome in found.outcomes],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    difference = outcome.difference
    return {
        "runtime": outcome.name,
        "package": outcome.package,
        "version": outcome.version,
        "exact": outcome.exact,
        "conforms": outcome.conforms,
        "error": outcome.error,
        "note": outcome.note,
        "texts": outcome.texts,
        "equal_texts": outcome.equal,
        "equal_texts_in": dict(outcome.equal_in),
        "tokens": outcome.tokens,
        "tokens_of_runtime": outcome.theirs,
        "undecoded_texts": outcome.undecoded,
        "wrong_ids": None if outcome.wrong_ids is None else list(outcome.wrong_ids),
        "specials": [{"rule": rule, "holds": held} for rule, held in outcome.rules],
        "difference": None
        if difference is None
        else {
            "text": data.token(difference.text.encode()),
            "tokkit": list(difference.ours),
            "runtime": list(difference.theirs),
            "group": difference.group,
            "name": difference.name,
        },
    }
