"""The algorithms of tokkit in plain Python, to be read rather than run: the tests hold the kernels to them.

Text is split into pretokens by a pattern; a pretoken is encoded by merging, again and again, the leftmost adjacent pair
whose concatenation has the lowest rank; continued BPE learns by joining, again and again, the most frequent adjacent pair.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping


def split(text: str, pattern: str) -> list[bytes]:
    r"""Return the pretokens of a text.

    Example:
        >>> split("I'm here", r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s")
        [b'I', b"'m", b' here']
    """
    return [match.group().encode() for match in regex.finditer(pattern, text)]


def encode_pretoken(pretoken: bytes, ranks: Mapping[bytes, int], limit: float = float("inf")) -> list[bytes]:
    """Return the tokens that merging makes of a pretoken, using ranks below `limit` only.

    Example:
        >>> encode_pretoken(b"abcab", {b"bc": 256, b"ab": 257, b"abc": 258})
        [b'abc', b'ab']
    """
    parts = [bytes([byte]) for byte in pretoken]
    while True:
        candidates = [
            (rank, i)
            for i in range(len(parts) - 1)
            if (rank := ranks.get(parts[i] + parts[i + 1])) is not None and rank < limit
        ]
        if not candidates:
            return parts
        _, i = min(candidates)  # of the lowest rank, the leftmost
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def encode(text: str, ranks: Mapping[bytes, int], pattern: str, *, shortcut: bool = True) -> list[int]:
    """Return the ids of a text; with the shortcut, as in tiktoken, a pretoken that is a token is taken whole."""
    ids = []
    for pretoken in split(text, pattern):
        parts = [pretoken] if shortcut and pretoken in ranks else encode_pretoken(pretoken, ranks)
        ids += [ranks[part] for part in parts]
    return ids


def count(documents: Iterable[str], pattern: str) -> dict[bytes, tuple[int, int]]:
    r"""Return pretoken -> (count, number of documents that have it).

    Example:
        >>> count(["a b b", "b"], r"\S+|\s+")
        {b'a': (1, 1), b' ': (2, 1), b'b': (3, 2)}
    """
    counts: Counter[bytes] = Counter()
    in_documents: Counter[bytes] = Counter()
    for document in documents:
        pretokens = split(document, pattern)
        counts.update(pretokens)
        in_documents.update(set(pretokens))
    return {pretoken: (counts[pretoken], in_documents[pretoken]) for pretoken in counts}


def learn(
    weights: Mapping[bytes, int],
    base: list[bytes],
    size: int,
    *,
    min_count: int = 1,
    min_pretokens: int = 1,
    allowed: Callable[[bytes], bool] = lambda token: True,  # noqa: ARG005
) -> list[tuple[bytes, int, int]]:
    """Continue BPE on pretokens that the base has encoded; return (token, count, distinct pretokens), by rank.

    The next token joins the most frequent adjacent pair; of equally frequent ones that with the lower left id, then with the
    lower right id. A token that is not allowed, or whose pair stands in too few distinct pretokens, is passed over, so that
    its slot goes to the next best. Adjacent pairs are counted also where they overlap (three in `aaaa`).

    Args:
        weights: pretoken -> how much it counts.
        base: the base's tokens by id.
        size: how many tokens to learn at the most.
        min_count: a pair below it is not joined.
        min_pretokens: nor one that fewer distinct pretokens have.
        allowed: whether a token may be learned.

    Example:
        >>> learn({b"abab": 3, b"ab": 2, b"abc": 4}, [bytes([byte]) for byte in range(256)], 2)
        [(b'ab', 12, 3), (b'abc', 4, 1)]
    """
    ranks = {token: rank for rank, token in enumerate(base)}
    tokens = list(base)
    words = [
        ([ranks[part] for part in encode_pretoken(pretoken, ranks)], weight) for pretoken, weight in weights.items()
    ]
    learned: list[tuple[bytes, int, int]] = []
    while len(learned) < size:
        counts: Counter[tuple[int, int]] = Counter()
        pretokens: Counter[tuple[int, int]] = Counter()
        for ids, weight in words:
            pairs = list(itertools.pairwise(ids))
            for pair in pairs:
                counts[pair] += weight
            pretokens.update(set(pairs))
        ordered = sorted((-pair_count, pair) for pair, pair_count in counts.items() if pair_count >= min_count)
        best = next(
            (
                pair
                for _, pair in ordered
                if pretokens[pair] >= min_pretokens and allowed(tokens[pair[0]] + tokens[pair[1]])
            ),
            None,
        )
        if best is None:
            break
        token = tokens[best[0]] + tokens[best[1]]
        learned.append((token, counts[best], pretokens[best]))
        words = [(join(ids, best, len(tokens)), weight) for ids, weight in words]
        tokens.append(token)
    return learned


def reorder(weights: Mapping[bytes, int], base: list[bytes], learned: list[bytes], rounds: int = 3) -> list[bytes]:
    """Return learned tokens in an order in which merging takes fewer tokens for the pretokens.

    Where a token of merging crosses one of the division into the fewest, they share a part and neither holds the other. Crossings
    are tried by weight, then by the places that the two had at first: the one moves right behind the other, or the other right
    before the one, whichever takes fewer tokens, if that is fewer than before and every token is still made of two lower ones.

    Args:
        weights: pretoken -> how much it counts.
        base: the base's tokens by id.
        learned: the learned tokens, in order.
        rounds: how often to look for crossings.

    Example:
        >>> reorder({b"abcd": 2, b"bc": 1}, [bytes([byte]) for byte in range(256)], [b"bc", b"ab", b"cd"])
        [b'ab', b'bc', b'cd']
    """
    base_ranks = {token: rank for rank, token in enumerate(base)}
    encoded = [(encode_pretoken(pretoken, base_ranks), weight) for pretoken, weight in weights.items()]
    places = {token: place for place, token in enumerate(learned)}
    order = list(learned)
    for _ in range(rounds):
        ranks = _ranked(base, order)
        crossings: Counter[tuple[bytes, bytes]] = Counter()
        for parts, weight in encoded:
            ours = encode_pretoken(b"".join(parts), ranks)
            fewest = fewest_tokens(parts, places)
            if len(fewest) < len(ours):
                for token, other in _crossing(ours, fewest):
                    crossings[token, other] += weight if ranks[token] < ranks[other] else 0
        for token, other in sorted(crossings, key=lambda pair: (-crossings[pair], places[pair[0]], places[pair[1]])):
            here, there = order.index(token), order.index(other)
            if here < there:
                behind = [*order[:here], *order[here + 1 : there + 1], token, *order[there + 1 :]]
                before = [*order[:here], other, *order[here:there], *order[there + 1 :]]
                order = min(
                    [order, *(each for each in (behind, before) if _closed(_ranked(base, each), learned))],
                    key=lambda each: sum(
                        weight * len(encode_pretoken(b"".join(parts), _ranked(base, each))) for parts, weight in encoded
                    ),
                )
    return order


def fewest_tokens(parts: list[bytes], learned: Container[bytes]) -> list[bytes]:
    """Divide what a base has encoded into the fewest tokens; of several ways that with the longest last token, then last but one.

    Example:
        >>> fewest_tokens([b"a", b"b", b"c"], {b"ab", b"bc"})
        [b'a', b'bc']
    """
    best: list[list[bytes]] = [[]]
    for stop in range(1, len(parts) + 1):
        ways = [
            [*best[start], b"".join(parts[start:stop])]
            for start in range(stop)
            if stop - start == 1 or b"".join(parts[start:stop]) in learned
        ]
        best.append(min(ways, key=len))  # the first of the shortest, whose last token is the longest
    return best[-1]


def _crossing(ours: list[bytes], fewest: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the tokens of two divisions of the same bytes of which each begins inside, or ends inside, the other."""
    ours_at, fewest_at = (list(itertools.accumulate(map(len, division), initial=0)) for division in (ours, fewest))
    return [
        (token, other)
        for token, (start, stop) in zip(ours, itertools.pairwise(ours_at), strict=True)
        for other, (other_start, other_stop) in zip(fewest, itertools.pairwise(fewest_at), strict=True)
        if start < other_start < stop < other_stop or other_start < start < other_stop < stop
    ]


def _ranked(base: list[bytes], learned: list[bytes]) -> dict[bytes, int]:
    return {token: rank for rank, token in enumerate([*base, *learned])}


def _closed(ranks: Mapping[bytes, int], tokens: Iterable[bytes]) -> bool:
    return all(len(encode_pretoken(token, ranks, ranks[token])) == 2 for token in tokens)


def join(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    """Return ids with every occurrence of a pair joined, from left to right.

    Example:
        >>> join([1, 1, 1, 2], (1, 1), 9)
        [9, 1, 2]
    """
    joined = []
    i = 0
    while i < len(ids):
        if ids[i : i + 2] == list(pair):
            joined.append(new_id)
            i += 2
        else:
            joined.append(ids[i])
            i += 1
    return joined
