"""Tell what a step did: a few lines on stderr for the person, or one JSON document on stdout for a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokkit.display import show
from tokkit.render import clean, data, talk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokkit.counts import Counted, CountedFile, CountsTable
    from tokkit.learn import LearnedTokens
    from tokkit.merge import Merge
    from tokkit.pad import Padding
    from tokkit.select import Selection
    from tokkit.vocabulary import Vocabulary

FIRST = 10  # so many of a long list are shown to eyes; JSON has them all


@dataclass(frozen=True)
class Summary:
    """What a step did: `lines` for eyes, `document` for programs."""

    lines: tuple[str, ...]
    document: Mapping[str, Any]


def tell(summary: Summary, *, as_json: bool, quiet: bool) -> None:
    """Print the document on stdout when `as_json`, else the lines on stderr unless `quiet`."""
    if as_json:
        data.document(summary.document)
        return
    for line in summary.lines:
        talk.note(line, quiet=quiet)


def of_vocabulary(vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the JSON object that names a vocabulary: sizes, segments and the sha256 of its rank file."""
    return {
        "name": vocabulary.name,
        "n_ranks": vocabulary.n_ranks,
        "n_vocab": vocabulary.n_vocab,
        "segments": [{"name": part.name, "start": part.start, "stop": part.stop} for part in vocabulary.segments],
        "sha256": vocabulary.sha256,
    }


def of_selection(selection: Selection) -> Summary:
    """Return what `select` did: how many tokens it kept up to which rank, and why it dropped the others."""
    dropped = {reason: number for reason, number in selection.dropped.items() if number}
    lines = [f"kept {talk.counted(selection.kept, 'token')}, the last of rank {selection.last_rank:,}"]
    lines += [f"dropped {talk.counted(number, 'token')}: {reason}" for reason, number in dropped.items()]
    if selection.spared_bytes:
        lines.append(f"kept {talk.counted(selection.spared_bytes, 'single byte')} that would have gone")
    document = {
        "vocabulary": of_vocabulary(selection.vocabulary),
        "kept": selection.kept,
        "dropped": dict(selection.dropped),
        "spared_bytes": selection.spared_bytes,
        "last_rank": selection.last_rank,
    }
    return Summary(tuple(lines), document)


def of_merge(merge: Merge) -> Summary:
    """Return what `merge` did: tokens added from each source, duplicates, bridges, and what found no room."""
    lines = [f"added {talk.counted(number, 'token')} from {label}" for label, number in merge.added.items()]
    if merge.duplicates:
        lines.append(f"passed over {talk.counted(merge.duplicates, 'duplicate')}")
    if merge.bridges:
        proof = (
            "the fewest" if len(merge.bridges) == merge.fewest_bridges else f"at least {merge.fewest_bridges:,} needed"
        )
        lines.append(f"added {talk.counted(len(merge.bridges), 'bridge')} ({proof}): {first_of(merge.bridges)}")
    if merge.split_by_pattern:
        number = talk.counted(len(merge.split_by_pattern), "token")
        lines.append(f"skipped {number} that the pattern splits: {first_of(merge.split_by_pattern)}")
    if merge.vetoed:
        lines.append(f"left out {talk.counted(merge.vetoed, 'token')} that --veto forbids")
    if merge.left_out:
        lines.append(f"left out {talk.counted(merge.left_out, 'token')} for which --size has no room")
    lines.append(f"{talk.counted(merge.vocabulary.n_ranks, 'mergeable token')} in all")
    document = {
        "vocabulary": of_vocabulary(merge.vocabulary),
        "added": dict(merge.added),
        "duplicates": merge.duplicates,
        "bridges": [data.token(bridge) for bridge in merge.bridges],
        "fewest_bridges": merge.fewest_bridges,
        "left_out": merge.left_out,
        "vetoed": merge.vetoed,
        "split_by_pattern": [data.token(token) for token in merge.split_by_pattern],
    }
    return Summary(tuple(lines), document)


def of_padding(padding: Padding) -> Summary:
    """Return what `pad` did: the arithmetic, in words and as numbers."""
    document = {
        "vocabulary": of_vocabulary(padding.vocabulary),
        "specials": padding.specials,
        "spares": padding.spares,
        "arithmetic": padding.arithmetic,
    }
    return Summary((padding.arithmetic,), document)


def of_renaming(names: Mapping[str, str], vocabulary: Vocabulary) -> Summary:
    """Return what `rename` did: each id with its old and its new name."""
    ids = {old: vocabulary.special_tokens[new] for old, new in names.items()}
    lines = tuple(f"id {ids[old]}: {old} is now {new}" for old, new in names.items())
    renamed = [{"id": ids[old], "old": old, "new": new} for old, new in names.items()]
    return Summary(lines, {"vocabulary": of_vocabulary(vocabulary), "renamed": renamed})


def of_counts(counted: Counted | CountedFile, weighed: CountsTable | None = None) -> Summary:
    """Return what `count` counted, in all and for each slice, what it left out or labelled, and by how much it weighed."""
    table, skipped = counted.table, counted.skipped
    documents = sum(part.documents for part in table.totals)
    size = f"{talk.counted(documents, 'document')}, {talk.size(table.n_bytes)}"
    lines = [f"counted {size}, in {talk.counted(len(table.totals), 'slice')}: {talk.counted(len(table), 'row')}"]
    if table.folds:
        lines[0] += f", in {table.folds} folds"
    if skipped:
        lines.append(f"skipped {talk.counted(len(skipped), 'document')}:")
        lines += [f"  {error}" for error in skipped[:FIRST]] + ["  ..."] * (len(skipped) > FIRST)
    if counted.duplicates is not None:
        lines += clean.lines_of_duplicates(counted.duplicates)
    if counted.labelled is not None:
        lines += clean.lines_of_languages(counted.labelled)
    if weighed is not None:
        totals = {part.key: part for part in weighed.slices}
        factors = [
            (part.name, totals[part.key].bytes // part.bytes if part.key in totals and part.bytes else 0)
            for part in table.totals
        ]
        lines.append(f"counts multiplied: {', '.join(f'{name} by {factor:,}' for name, factor in factors)}")
    document = {
        "pattern": table.pattern,
        "rows": len(table),
        "folds": table.folds,
        "slices": [
            {
                "language": part.language,
                "domain": part.domain,
                "documents": part.documents,
                "characters": part.characters,
                "bytes": part.bytes,
            }
            for part in table.totals
        ],
        "factors": None if weighed is None else dict(factors),
        "skipped": [{"file": error.path, "line": error.line, "byte": error.byte_offset} for error in skipped],
        "dropped": clean.document_of_duplicates(counted.duplicates),
        "labelled": clean.document_of_languages(counted.labelled),
    }
    return Summary(tuple(lines), document)


def of_learned(learned: LearnedTokens) -> Summary:
    """Return what `learn` learned: how many tokens, the first, and the last or, where they were reordered, the rarest."""
    rows = list(zip(learned.tokens, learned.counts, learned.pretokens, strict=True))
    lines = [f"learned {talk.counted(len(rows), 'token')}"]
    # Of equal ones the last, which is the last of all unless they were reordered.
    rarest = min(reversed(rows), key=lambda row: row[1])
    end = ("rarest", rarest) if learned.options.get("reorder") else ("last", rows[-1])
    for place, (token, count, pretokens) in (("first", rows[0]), end):
        where = f"{talk.counted(count, 'time')} in {talk.counted(pretokens, 'pretoken')}"
        lines.append(f"the {place} is {show(token)}, which stood {where}")
    shown = {"first": rows[0], "last": rows[-1], "rarest": rarest}
    document = {
        "tokens": len(rows),
        **{
            place: {**data.token(token), "count": count, "pretokens": pretokens}
            for place, (token, count, pretokens) in shown.items()
        },
        "base_sha256": learned.base_sha256,
        "pattern": learned.pattern,
        "options": dict(learned.options),
    }
    return Summary(tuple(lines), document)


def first_of(tokens: tuple[bytes, ...]) -> str:
    """Return the first of some tokens for eyes, with dots where there are more."""
    shown = " ".join(show(token) for token in tokens[:FIRST])
    return shown + (" ..." if len(tokens) > FIRST else "")
