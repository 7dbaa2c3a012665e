"""Print the difference between two vocabularies: a line a fact, examples in words; or all of it as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokkit.display import show as shown
from tokkit.render import data, table, talk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokkit.compare import Difference, Example, TextDifference
    from tokkit.foreign import ForeignVocabulary
    from tokkit.vocabulary import Vocabulary

FEW = 8  # examples that eyes get; JSON has all
FEW_NAMES = 5  # of special tokens
LABEL = 11


def show(
    difference: Difference,
    before: Vocabulary | ForeignVocabulary,
    after: Vocabulary | ForeignVocabulary,
    shifts: Mapping[int, int],
    text: TextDifference | None,
) -> None:
    """Write what is different between `before` and `after`, from vocabularies of these names to what changes in text.

    Args:
        difference: what was found.
        before: the first vocabulary, for the bytes of its ids.
        after: the second.
        shifts: by how much ids moved -> how many did.
        text: what it comes to in text; None where none was measured.
    """
    if difference.is_empty:
        lines = [f"{'same':<{LABEL}}{talk.counted(difference.same, 'token')}, special tokens and pattern"]
    else:
        lines = _lines(difference, before, after, shifts)
    data.text("".join(talk.one_line(line.rstrip()) + "\n" for line in lines))
    if text is not None:
        _show_text(text, before, after)


def _lines(
    difference: Difference,
    before: Vocabulary | ForeignVocabulary,
    after: Vocabulary | ForeignVocabulary,
    shifts: Mapping[int, int],
) -> list[str]:
    change = difference.after_n_vocab - difference.before_n_vocab
    lines = [
        f"{'entries':<{LABEL}}{difference.before_n_vocab:,} -> {difference.after_n_vocab:,} ({change:+,})",
        f"{'same':<{LABEL}}{talk.counted(difference.same, 'token')} of the same id",
    ]
    for label, vocabulary, ids, segments in (
        ("added", after, difference.added, difference.added_segments),
        ("removed", before, difference.removed, difference.removed_segments),
        ("moved", after, [new for _, new in difference.moved], difference.moved_segments),
    ):
        if ids:
            lines += _labelled(label, [_counted(len(ids), segments), _tokens(vocabulary, ids)])
    by = [f"{number:,} by {shift:+,}" for shift, number in shifts.items() if 20 * number >= len(difference.moved)]
    lines += _labelled("", [", ".join(by)])
    lines += _specials(difference)
    if difference.patterns[0] != difference.patterns[1]:
        old, new = (each or "none of one regular expression" for each in difference.patterns)
        lines += _labelled("pattern", [old, f"-> {new}"])
    if difference.semantics_differ:
        lines += _labelled("rule", [getattr(each, "semantics", "rank merges") for each in (before, after)])
    return lines


def _specials(difference: Difference) -> list[str]:
    words = [f"{name} ({token_id})" for name, token_id in difference.specials_added.items()]
    gone = [f"{name} ({token_id})" for name, token_id in difference.specials_removed.items()]
    moved = [f"{name} ({old} -> {new})" for name, (old, new) in difference.specials_moved.items()]
    renamed = [f"{token_id} {old} -> {new}" for token_id, (old, new) in difference.specials_renamed.items()]
    lines: list[str] = []
    for what, found in (("new", words), ("gone", gone), ("moved", moved), ("renamed", renamed)):
        if found:
            more = [f"and {len(found) - FEW_NAMES:,} more"] if len(found) > FEW_NAMES else []
            lines += _labelled("special", [f"{len(found):,} {what}: {', '.join(found[:FEW_NAMES] + more)}"])
    return lines


def _show_text(
    text: TextDifference, before: Vocabulary | ForeignVocabulary, after: Vocabulary | ForeignVocabulary
) -> None:
    change = f" ({100 * (text.tokens_after / text.tokens_before - 1):+.2f} %)" if text.tokens_before else ""
    plural = "stretches" if text.unit == "stretch" else f"{text.unit}s"
    cut = f"{_share(text.occurrences_changed, text.occurrences)} {plural} are cut differently"
    if text.distinct:
        cut += f", {_share(text.distinct_changed, text.distinct)} distinct ones"
    lines = [
        f"{'tokens':<{LABEL}}{text.tokens_before:,} -> {text.tokens_after:,}{change}",
        f"{'text':<{LABEL}}{cut}",
    ]
    data.text("".join(talk.one_line(line) + "\n" for line in lines))
    if text.examples:
        rows = [
            [f"`{shown(each.text)}`", _cut(each.before, before), _cut(each.after, after), f"{each.count:,}"]
            for each in text.examples[:FEW]
        ]
        data.text("\n")
        table.show(("cut differently", "before", "after", "count"), rows, left=3)


def show_json(
    difference: Difference,
    before: Vocabulary | ForeignVocabulary,
    after: Vocabulary | ForeignVocabulary,
    text: TextDifference | None,
) -> None:
    """Write the whole difference as one JSON document."""
    plain = ("same", "added_segments", "removed_segments", "moved_segments", "specials_added", "specials_removed")
    data.document(
        {
            "before": _vocabulary(difference.before, difference.before_sha256, difference.before_n_vocab),
            "after": _vocabulary(difference.after, difference.after_sha256, difference.after_n_vocab),
            "equal": difference.is_empty,
            **{name: getattr(difference, name) for name in plain},
            "specials_moved": [
                {"name": name, "before": old, "after": new} for name, (old, new) in difference.specials_moved.items()
            ],
            "specials_renamed": [
                {"id": token_id, "before": old, "after": new}
                for token_id, (old, new) in difference.specials_renamed.items()
            ],
            "added": [{"id": token_id, **data.token(after.tokens[token_id])} for token_id in difference.added],
            "removed": [{"id": token_id, **data.token(before.tokens[token_id])} for token_id in difference.removed],
            "moved": [{"before": old, "after": new, **data.token(after.tokens[new])} for old, new in difference.moved],
            "patterns": list(difference.patterns),
            "semantics": [getattr(each, "semantics", "rank merges") for each in (before, after)],
            "text": None if text is None else _text(text),
        }
    )


def _vocabulary(name: str, sha256: str, n_vocab: int) -> dict[str, Any]:
    return {"name": name, "sha256": sha256, "n_vocab": n_vocab}


def _text(text: TextDifference) -> dict[str, Any]:
    def example(each: Example) -> dict[str, Any]:
        return {**data.token(each.text), "count": each.count, "before": list(each.before), "after": list(each.after)}

    return vars(text) | {"examples": [example(each) for each in text.examples]}


def _labelled(label: str, lines: Sequence[str]) -> list[str]:
    return [f"{'' if number else label:<{LABEL}}{line}" for number, line in enumerate(lines) if line]


def _counted(number: int, segments: Mapping[str, int]) -> str:
    parts = [f"{count:,} {name}" for name, count in segments.items() if name != "-"]
    return f"{talk.counted(number, 'token')}{': ' if parts else ''}{' + '.join(parts)}"


def _tokens(vocabulary: Vocabulary | ForeignVocabulary, ids: Sequence[int]) -> str:
    words = [f"`{shown(vocabulary.tokens[token_id])}` ({token_id})" for token_id in ids[:FEW]]
    return " ".join(words) + (" ..." if len(ids) > FEW else "")


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}" + (f" ({100 * part / whole:.2f} %)" if whole else "")


def _cut(ids: Sequence[int], vocabulary: Vocabulary | ForeignVocabulary) -> str:
    return "|".join(shown(vocabulary.tokens[token_id]) for token_id in ids).replace(" ", "␣")
