"""Print why a token is one: its origin, merge path as a tree, what is made of it, and what takes its bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tokkit.display import show as shown
from tokkit.render import data, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.vocabulary import Vocabulary
    from tokkit.why import Explanation, Merge, Node, Use

LABEL = 12
FEW = 8  # of a long list that eyes get; JSON has all


def show(why: Explanation, vocabulary: Vocabulary) -> None:
    """Write an explanation to stdout; ids stand in parentheses."""
    lines = [f"{_quoted(why.token)}: {_headline(why)}"]
    if why.step is not None:
        lines += _labelled("origin", [_origin(why.step)])
    if why.tree is not None and why.tree.parts:
        lines += _labelled("made of", _branches(why.tree))
    if why.special or why.tree is None or len(why.pretokens) > 1:
        lines += _cut(why, vocabulary)
    if why.crossings:
        lines += _labelled("outranked", [_crossing(each, why, vocabulary) for each in why.crossings])
    if why.parents:
        lines += _labelled("part of", [f"{talk.counted(len(why.parents), 'token')}: {_few(why.parents, vocabulary)}"])
    if why.learned is not None:
        count, pretokens = why.learned
        lines += _labelled(
            "learned", [f"it stood {talk.counted(count, 'time')} in {talk.counted(pretokens, 'pretoken')}"]
        )
    if why.use is not None:
        lines += _use(why.use, why, vocabulary)
    data.text("".join(talk.one_line(line.rstrip()) + "\n" for line in lines))


def show_json(why: Explanation, vocabulary: Vocabulary) -> None:
    """Write an explanation as one JSON document."""

    def tokens(ids: Sequence[int]) -> list[dict[str, Any]]:
        return [{"id": token_id, **data.token(vocabulary.tokens[token_id])} for token_id in ids]

    def merge(each: Merge) -> dict[str, Any]:
        return {**tokens([each.token_id])[0], "start": each.start, "middle": each.middle, "stop": each.stop}

    data.document(
        {
            "vocabulary": why.vocabulary,
            "token": data.token(why.token),
            "id": why.token_id,
            "special": why.special,
            "dead": why.dead,
            "segment": why.segment or None,
            "origin": None if why.step is None else dict(why.step),
            "pretokens": [data.token(pretoken) for pretoken in why.pretokens],
            "segmentation": tokens(why.ids),
            "merges": [merge(each) for each in why.merges],
            "tree": None if why.tree is None else _tree(why.tree),
            "outranked": [
                {
                    "left": tokens([each.left])[0],
                    "right": tokens([each.right])[0],
                    "by": None if each.merge is None else merge(each.merge),
                }
                for each in why.crossings
            ],
            "part_of": tokens(why.parents),
            "learned": None if why.learned is None else {"count": why.learned[0], "pretokens": why.learned[1]},
            "use": None
            if why.use is None
            else {
                "occurrences": why.use.occurrences,
                "pretokens": why.use.pretokens,
                "used": why.use.used,
                "used_pretokens": why.use.used_pretokens,
                "instead": [{"tokens": tokens(ids), "count": count} for ids, count in why.use.instead.items()],
            },
        }
    )


def _headline(why: Explanation) -> str:
    if why.token_id is None:
        return f"no token of {why.vocabulary}, its bytes come to {talk.counted(len(why.ids), 'token')}"
    segment = f", segment {why.segment}" if why.segment not in ("", "-") else ""
    if why.special:
        return f"id {why.token_id} of {why.vocabulary}, a special token, which no text gives{segment}"
    size = talk.counted(len(why.token), "byte")
    dead = ", dead: merging its bytes does not give it" if why.dead else ""
    return f"id {why.token_id} of {why.vocabulary}, {size}{segment}{dead}"


def _origin(step: Any) -> str:
    match step:
        case {"step": "select", "base": {"name": name}, "kept": kept, "last_rank": last}:
            return f"select: {kept:,} tokens of {name}, up to rank {last:,}"
        case {"step": "merge", "sources": sources}:
            parts = [f"{each.get('added', 0):,} tokens of {each.get('label')}" for each in sources]
            return f"merge: {', '.join(parts)}"
        case {"step": "pad", "multiple": multiple, "n_vocab": n_vocab}:
            return f"pad: {n_vocab:,} entries, a multiple of {multiple:,}"
        case {"step": name, "name": of}:
            return f"{name}: {of}"
    return str(step.get("step"))


def _cut(why: Explanation, vocabulary: Vocabulary) -> list[str]:
    lines = []
    if len(why.pretokens) > 1:
        lines += _labelled("pretokens", [" | ".join(_quoted(pretoken) for pretoken in why.pretokens)])
    lines += _labelled("cut into", [_row(why.ids, vocabulary)])
    merges = [
        f"{_named(each.token_id, vocabulary)} of {_quoted(why.token[each.start : each.middle])}"
        f" and {_quoted(why.token[each.middle : each.stop])}"
        for each in why.merges
    ]
    lines += _labelled("merged", merges[: 2 * FEW] + [f"and {len(merges) - 2 * FEW:,} more"] * (len(merges) > 2 * FEW))
    if why.token_id is None and len(why.pretokens) == 1:
        tokens = [vocabulary.tokens[token_id] for token_id in why.ids]
        pairs = [_quoted(left + right) for left, right in pairwise(tokens)]
        more = [f"and {len(pairs) - FEW:,} more"] if len(pairs) > FEW else []
        lines += _labelled("no token", [", ".join(pairs[:FEW] + more)] if pairs else [])
    return lines


def _crossing(each: Any, why: Explanation, vocabulary: Vocabulary) -> str:
    pair = f"{_named(each.left, vocabulary)} and {_named(each.right, vocabulary)} would make it"
    if each.merge is None:
        return f"{pair}, and nothing lower takes their bytes"
    middle = _quoted(why.token[each.merge.start : each.merge.stop])
    return f"{pair}, but {middle} ({each.merge.token_id}) takes bytes of both before"


def _use(use: Use, why: Explanation, vocabulary: Vocabulary) -> list[str]:
    stood = f"its bytes stand {talk.counted(use.occurrences, 'time')} in {talk.counted(use.pretokens, 'pretoken')}"
    lines = _labelled("counts", [stood])
    if why.token_id is not None:
        used = f"it comes out {talk.counted(use.used, 'time')} in {talk.counted(use.used_pretokens, 'pretoken')}"
        lines += _labelled("", [used])
    rows = [f"{count:,} x {_row(ids, vocabulary)}" for ids, count in use.instead.items()]
    return lines + _labelled("instead", rows[:FEW])


def _labelled(label: str, lines: Sequence[str]) -> list[str]:
    return [f"  {'' if number else label:<{LABEL}}{line}" for number, line in enumerate(lines)]


def _branches(node: Node) -> list[str]:
    """Draw a merge path: under each token the two that it is merged from."""
    lines = [f"{_quoted(node.token)} ({node.token_id})"]
    for number, part in enumerate(node.parts):
        last = number == len(node.parts) - 1
        first, *rest = _branches(part)
        lines.append(("└─ " if last else "├─ ") + first)
        lines += [("   " if last else "│  ") + line for line in rest]
    return lines


def _tree(node: Node) -> dict[str, Any]:
    return {"id": node.token_id, **data.token(node.token), "parts": [_tree(part) for part in node.parts]}


def _few(ids: Sequence[int], vocabulary: Vocabulary) -> str:
    words = [_named(token_id, vocabulary) for token_id in ids[:FEW]]
    return " ".join(words) + (" ..." if len(ids) > FEW else "")


def _row(ids: Sequence[int], vocabulary: Vocabulary) -> str:
    return " | ".join(_named(token_id, vocabulary) for token_id in ids)


def _named(token_id: int, vocabulary: Vocabulary) -> str:
    return f"{_quoted(vocabulary.tokens[token_id])} ({token_id})"


def _quoted(token: bytes) -> str:
    return f"`{shown(token)}`"
