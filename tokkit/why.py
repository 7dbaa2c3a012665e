"""Explain one token: where it comes from, how its bytes merge, what is made of it, and what takes its bytes in text."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit.encode import encode_pieces, merge_parts
from tokkit.errors import InputError
from tokkit.pretokenize import split
from tokkit.unicode import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokkit.counts_table import CountsTable
    from tokkit.vocabulary import Vocabulary

_MOST_TAKERS = 10
_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Node:
    """A token with the two that it is merged from; none where it is a single byte, or dead."""

    token_id: int
    token: bytes
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Merge:
    """One merge: the bytes `start` to `middle` and `middle` to `stop` of the text became token `token_id`."""

    token_id: int
    start: int
    middle: int
    stop: int


@dataclass(frozen=True)
class Crossing:
    """A pair of tokens that would make the token, and the first merge that crosses one of its borders; None: not tried.

    Attributes:
        left: id of the left one.
        right: id of the right one.
        merge: the merge with a lower rank that took bytes from both.
    """

    left: int
    right: int
    merge: Merge | None


@dataclass(frozen=True)
class Use:
    """What becomes of a token's bytes in counted text.

    Attributes:
        occurrences: how often the bytes stand in pretokens.
        pretokens: in how many distinct ones.
        used: how often the id comes out for them.
        used_pretokens: of how many distinct pretokens.
        instead: tokens that cover the bytes where the id does not come out -> how often, the most frequent first.
    """

    occurrences: int
    pretokens: int
    used: int
    used_pretokens: int
    instead: dict[tuple[int, ...], int]


@dataclass(frozen=True)
class Explanation:
    """Why a token is one, or why a text is not.

    Attributes:
        vocabulary: the vocabulary's name.
        token: the bytes; of a special token its name.
        token_id: its id; None where the bytes are no token.
        special: whether it is a special token or spare, which text never gives.
        dead: whether merging its bytes does not give it.
        segment: the segment of its id; empty without an id.
        step: the step of the provenance that made the segment; None where none is recorded.
        pretokens: how the pattern cuts the text, one piece where it does not, or where the bytes are no text.
        ids: what its bytes come to by merging alone, pretoken after pretoken.
        merges: every merge on the way, in order.
        tree: the merge path; None where it is no token that merging gives.
        crossings: for a dead token, what keeps each pair that would make it from merging.
        parents: ids of tokens that are merged from it, ascending.
        use: what becomes of it in counted text; None without counts.
        learned: its count and its distinct pretokens when it was learned; None where that is not known.
    """

    vocabulary: str
    token: bytes
    token_id: int | None
    special: bool
    dead: bool
    segment: str
    step: Mapping[str, Any] | None
    pretokens: tuple[bytes, ...]
    ids: tuple[int, ...]
    merges: tuple[Merge, ...]
    tree: Node | None
    crossings: tuple[Crossing, ...]
    parents: tuple[int, ...]
    use: Use | None
    learned: tuple[int, int] | None


def token_of(vocabulary: Vocabulary, argument: str) -> tuple[bytes, int | None]:
    """Return the bytes that an argument names, and their id where there is one: a text, `id:NUMBER` or `base64:BYTES`.

    The name of a special token is that token.

    Raises:
        InputError: no such id, not base64, or nothing at all.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> tiny = Vocabulary("tiny", "", (b"a", b"b", b"ab"), {"<s>": 3})
        >>> [token_of(tiny, argument) for argument in ("ab", "id:2", "base64:YWI=", "ba", "<s>")]
        [(b'ab', 2), (b'ab', 2), (b'ab', 2), (b'ba', None), (b'<s>', 3)]
    """
    kind, _, rest = argument.partition(":")
    if kind == "id" and rest.isdecimal():
        token_id = int(rest)
        token = vocabulary.tokens[token_id] if token_id < len(vocabulary.tokens) else b""
        if not token and token_id not in vocabulary.special_ids:
            raise InputError(
                f"{vocabulary.name} has no token with id {token_id}", f"ids are 0 to {vocabulary.n_vocab - 1:,}"
            )
        return token or vocabulary.special_ids[token_id].encode(), token_id
    if kind == "base64":
        try:
            token = base64.b64decode(rest, validate=True)
        except (binascii.Error, ValueError):
            raise InputError(f"not base64: {rest}", "as in a rank file, such as base64:5Lit") from None
    else:
        token = argument.encode("utf-8", "surrogateescape")  # bytes of the command line that are no UTF-8
    if not token:
        raise InputError("an empty token", "give a text, id:NUMBER or base64:BYTES")
    found = vocabulary.ranks.get(token)
    if found is None and kind != "base64":
        found = vocabulary.special_tokens.get(argument)
    return token, found


def explain(
    vocabulary: Vocabulary,
    token: bytes,
    token_id: int | None = None,
    *,
    table: CountsTable | None = None,
    learned: Mapping[bytes, tuple[int, int]] | None = None,
) -> Explanation:
    r"""Explain a token, or why bytes are none.

    Args:
        vocabulary: the vocabulary.
        token: the bytes.
        token_id: their id, where `token_of` named one; that of the ranks when omitted.
        table: counts to look the bytes up in, cut by the vocabulary's pattern or another.
        learned: token -> its count and distinct pretokens when it was learned.

    Raises:
        LawError: a single byte has no token.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> tokens = (*(bytes([byte]) for byte in range(256)), b"bc", b"ab", b"abc")
        >>> tiny = Vocabulary("tiny", r"\S+|\s+", tokens)
        >>> why = explain(tiny, b"abc")
        >>> why.token_id, why.tree.parts[1].token, [merge.token_id for merge in why.merges]
        (258, b'bc', [256, 258])
        >>> why = explain(tiny, b"cab ab")
        >>> why.token_id, why.pretokens, why.ids
        (None, (b'cab', b' ', b'ab'), (99, 257, 32, 257))
    """
    token_id = vocabulary.ranks.get(token) if token_id is None else token_id
    special = token_id in vocabulary.special_ids and vocabulary.ranks.get(token) != token_id
    pretokens = _pretokens(vocabulary, token)
    merges, ids = _trace_all(vocabulary, pretokens)
    comes_out = _trace(vocabulary, token, 0)[1] == (token_id,)
    dead = token_id is not None and not special and not comes_out
    segment = vocabulary.segment_of(token_id) if token_id is not None else ""
    parts = merge_parts(vocabulary)
    is_token = token_id is not None and not special
    parents = np.flatnonzero(np.any(parts == token_id, axis=1)).tolist() if is_token else []
    return Explanation(
        vocabulary=vocabulary.name,
        token=token,
        token_id=token_id,
        special=special,
        dead=dead,
        segment=segment,
        step=_step_of(vocabulary, segment),
        pretokens=pretokens,
        ids=ids,
        merges=merges,
        tree=_tree(vocabulary, token_id) if token_id is not None and is_token and not dead else None,
        crossings=_crossings(vocabulary, token) if dead else (),
        parents=tuple(parents),
        use=_use(vocabulary, token, token_id, table) if table is not None and not special else None,
        learned=learned.get(token) if learned is not None else None,
    )


def _pretokens(vocabulary: Vocabulary, token: bytes) -> tuple[bytes, ...]:
    if text_of(token) is None:
        return (token,)
    starts = split(np.frombuffer(token, np.uint8), vocabulary.pattern).tolist()
    return tuple(token[start:stop] for start, stop in pairwise(starts))


def _trace_all(vocabulary: Vocabulary, pretokens: tuple[bytes, ...]) -> tuple[tuple[Merge, ...], tuple[int, ...]]:
    merges: list[Merge] = []
    ids: list[int] = []
    at = 0
    for pretoken in pretokens:
        more_merges, more_ids = _trace(vocabulary, pretoken, at)
        merges += more_merges
        ids += more_ids
        at += len(pretoken)
    return tuple(merges), tuple(ids)


def _trace(vocabulary: Vocabulary, pretoken: bytes, at: int) -> tuple[tuple[Merge, ...], tuple[int, ...]]:
    """Return every merge of a pretoken that starts at byte `at` of a text, and the ids that it comes to."""
    borders = list(range(len(pretoken) + 1))
    merges = []
    while True:
        ranked = [
            (vocabulary.ranks[pair], place)
            for place in range(len(borders) - 2)
            if (pair := pretoken[borders[place] : borders[place + 2]]) in vocabulary.ranks
        ]
        if not ranked:
            break
        rank, place = min(ranked)
        merges.append(Merge(rank, at + borders[place], at + borders[place + 1], at + borders[place + 2]))
        del borders[place + 1]
    return tuple(merges), tuple(vocabulary.ranks[pretoken[start:stop]] for start, stop in pairwise(borders))


def _tree(vocabulary: Vocabulary, token_id: int) -> Node:
    left, right = merge_parts(vocabulary)[token_id].tolist()
    parts = () if left < 0 else (_tree(vocabulary, left), _tree(vocabulary, right))
    return Node(token_id, vocabulary.tokens[token_id], parts)


def _crossings(vocabulary: Vocabulary, token: bytes) -> tuple[Crossing, ...]:
    merges, _ = _trace(vocabulary, token, 0)
    found = []
    for middle in range(1, len(token)):
        left, right = vocabulary.ranks.get(token[:middle]), vocabulary.ranks.get(token[middle:])
        if left is not None and right is not None:
            crossing = next((merge for merge in merges if merge.start < middle < merge.stop), None)
            found.append(Crossing(left, right, crossing))
    return tuple(found)


def _step_of(vocabulary: Vocabulary, segment: str) -> Mapping[str, Any] | None:
    """Return the last step of the provenance that makes segments of that name."""
    makers = {
        "prefix": ("select", "base", "file"),
        "learned": ("merge",),
        "bridge": ("merge",),
        "special": ("pad", "base"),
        "spare": ("pad",),
    }.get(segment.partition(":")[0], ())
    return next((step for step in reversed(vocabulary.provenance) if step.get("step") in makers), None)


def _use(vocabulary: Vocabulary, token: bytes, token_id: int | None, table: CountsTable) -> Use:
    counted: Counter[str] = Counter()
    instead: Counter[tuple[int, ...]] = Counter()
    seen: set[bytes] = set()
    used_in: set[bytes] = set()
    for rows in _rows_with(table, token):
        pretokens = [table.pretoken(row) for row in rows]
        for row, pretoken, ids in zip(
            rows, pretokens, encode_pieces(vocabulary, pretokens, shortcut=True), strict=True
        ):
            count = int(table.counts[row])
            seen.add(pretoken)
            for covering in _covering(vocabulary, pretoken, ids, token):
                counted["occurrences"] += count
                if covering == (token_id,):
                    counted["used"] += count
                    used_in.add(pretoken)
                else:
                    instead[covering] += count
    most = sorted(instead.items(), key=lambda item: (-item[1], item[0]))[:_MOST_TAKERS]
    return Use(counted["occurrences"], len(seen), counted["used"], len(used_in), dict(most))


def _rows_with(table: CountsTable, token: bytes) -> Iterator[list[int]]:
    """Yield the rows whose pretoken has the bytes, some at a time."""
    data = table.data.tobytes()
    rows: list[int] = []
    at = data.find(token)
    while at >= 0:
        row = int(np.searchsorted(table.starts, at, side="right")) - 1
        stop = int(table.starts[row + 1])
        inside = at + len(token) <= stop
        if inside:
            rows.append(row)
        if len(rows) == _ROWS_AT_ONCE:
            yield rows
            rows = []
        at = data.find(token, stop if inside else at + 1)
    if rows:
        yield rows


def _covering(vocabulary: Vocabulary, pretoken: bytes, ids: list[int], token: bytes) -> Iterator[tuple[int, ...]]:
    """Yield the tokens that cover each place where the bytes stand; places do not overlap."""
    ends = np.cumsum([len(vocabulary.tokens[each]) for each in ids])
    at = pretoken.find(token)
    while at >= 0:
        stop = at + len(token)
        first = int(np.searchsorted(ends, at, side="right"))
        last = int(np.searchsorted(ends, stop, side="left")) + 1
        yield tuple(ids[first:last])
        at = pretoken.find(token, stop)
