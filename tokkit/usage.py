"""Select the tokens of a base that the data need, instead of a prefix: take away leaves of the merge tree, least used first.

A leaf is a token that no kept token is made of. Without it each of its uses becomes its two parts, one token more; so it costs
its uses, and they fall to the parts, which may become leaves themselves. What stays is closed: each kept token has both of its
parts, and merging its bytes goes the way it went in the base, where every merge on that way was the lowest of more candidates.
Ranks are renumbered densely in the order of the base, so the order of merges stays.

The costs are estimates: where a token is gone, its parts may merge with their neighbours instead, which only the encoding
knows. Taking the tokens away in 4, 8 or 16 rounds, with the uses counted anew before each, was tried and given up: on 176 MB of
English and code the best 60,004 of cl100k_base had the same 3.9011 bytes per token after any number of rounds.

Counts of a sample say little about rare tokens, and nothing about slices that it lacks. Three things guard those: tokens below
`min_uses` are taken for equally useless and go by rank, the highest first, as in a prefix; `protect_prefix` keeps the first
ranks whatever their uses; and `rank_share` adds to the uses what the ranks alone promise. The base was learned from far more
text than a sample has, and how common a token was there falls about as 1 / rank (Zipf's law; `_FLAT_RANKS` for the first ones).

A filter (`tokkit.select.Filter`) takes its tokens and those made of them out of the base first, as if they had no use; ranks
stay those of the base.

What was selected can be put into another order (`reorder`), in which merging comes nearer to the fewest tokens of the text:
`tokkit.reorder`. The tokens are the same, text is then cut otherwise than the base cuts it, and a protected prefix stays.
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit import TOOL
from tokkit.curves import curve, final_uses, is_closed, require_pattern
from tokkit.encode import merge_parts
from tokkit.errors import InputError, LawError, SizeError
from tokkit.reorder import better_order
from tokkit.select import Filter, Selection, too_few, without
from tokkit.vocabulary import SINGLE_BYTES, Segment, Vocabulary, rank_lines, require_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable, Slice

_FLAT_RANKS = (
    1000  # a rank promises 1 / (rank + this): the first thousands are bytes and their pairs, which words use up
)
_MOST_RANK_SHARE = 100
_FULL_FACTOR = 1 << 16  # the factor of the slice that weighs most a byte; shares hold to a part in 65,536 of it


@dataclass(frozen=True)
class SliceGain:
    """What a slice gains or loses: its tokens with the selection, with the prefix of the same size and with the whole base."""

    language: str
    domain: str
    bytes: int
    tokens: int
    prefix_tokens: int
    base_tokens: int

    @property
    def change(self) -> float | None:
        """Change in tokens against the prefix, -0.01 for one in a hundred fewer; None where there are none."""
        return self.tokens / self.prefix_tokens - 1 if self.prefix_tokens else None


@dataclass(frozen=True)
class UsageSelection:
    """What `select_by_usage` made: the selection, and a row for each slice of the counts."""

    selection: Selection
    gains: tuple[SliceGain, ...]


def select_by_usage(
    base: Vocabulary,
    size: int,
    table: CountsTable,
    *,
    weights: Mapping[tuple[str, str], float] | None = None,
    protect_prefix: int = 0,
    min_uses: int = 2,
    rank_share: float = 0.0,
    unwanted: Filter | None = None,
    reorder: bool = False,
    name: str | None = None,
    indexing: Callable[[int, int], None] | None = None,
    progress: Callable[[int, int, bytes], None] | None = None,
) -> UsageSelection:
    r"""Select the tokens of a base that counts need most, closed under merging.

    Ties go to the lower rank; the same counts give the same selection.

    Args:
        base: the vocabulary to start from; its special tokens are left behind.
        size: how many tokens to keep, the 256 single bytes among them.
        table: the counts that say what is needed.
        weights: each slice's share of the bytes of a mixture (`tokkit.counts.slice_weights`); as they are when omitted.
        protect_prefix: the ranks below this one stay, whatever their uses.
        min_uses: tokens used less often (weighed) are taken for equally useless.
        rank_share: uses that the ranks promise, as a share of those that were counted: 0.1 adds a tenth.
        unwanted: tokens that must not stay, protected or not; the single bytes do.
        reorder: put the tokens behind the single bytes and the protected prefix into an order in which merging takes fewer.
        name: the new vocabulary's name; the base's name, `usage` and the number of tokens when omitted.
        indexing: as in `tokkit.reorder.reorder`.
        progress: the same.

    Raises:
        SizeError: fewer tokens than the single bytes and the protected prefix, or more than the base has.
        LawError: the base lacks a single byte, or has a token that is not made of two lower-ranked ones.
        MismatchError: the table was cut by another pattern than the base's.
        InputError: an option out of range, or an empty table.

    Example:
        >>> from tokkit.counts import count_texts
        >>> tokens = (*(bytes([byte]) for byte in range(256)), b"ab", b"cd", b"abc", b"cde")
        >>> base = Vocabulary("tiny", r"\S+|\s+", tokens)
        >>> table = count_texts(["cde cde cde ab abc"], base.pattern)
        >>> chosen = select_by_usage(base, 259, table, min_uses=1)
        >>> chosen.selection.vocabulary.tokens[256:], chosen.gains[0].tokens, chosen.gains[0].prefix_tokens
        ((b'ab', b'cd', b'cde'), 10, 12)
    """
    require_bytes(base)
    unwanted = unwanted or Filter()
    wanted, dropped = without(base, unwanted) if unwanted.options else (base, {})
    if wanted.n_ranks < size <= base.n_ranks:
        raise too_few(base, size, wanted.n_ranks)
    usage = order_by_usage(
        wanted, size, table, weights=weights, protect_prefix=protect_prefix, min_uses=min_uses, rank_share=rank_share
    )
    ranks = usage.ranks(size)
    if reorder:
        ranks = _reordered(base, ranks, protect_prefix, table, weights, indexing, progress)
    options = {**usage.options, **unwanted.options, **({"reorder": True} if reorder else {})}
    vocabulary = _vocabulary(base, size, ranks, options, name)
    unused = {"usage": wanted.n_ranks - len(ranks), "hole": len(base.tokens) - base.n_ranks}
    selection = Selection(vocabulary, len(ranks), unwanted.ordered(dropped | unused), 0, max(ranks))
    return UsageSelection(selection, _gains(base, vocabulary, table))


@dataclass(frozen=True, eq=False)
class Usage:
    """The tokens of a base in the order in which they are taken away; a selection of fewer tokens is part of one of more.

    Attributes:
        base: the base.
        taken: int64[n], ranks, the first taken away first.
        costs: int64[n], the uses of each when it was taken away, which fell to its parts; promised ones among them.
        options: how the uses were weighed, for the provenance.
    """

    base: Vocabulary
    taken: NDArray[np.int64]
    costs: NDArray[np.int64]
    options: Mapping[str, Any]

    def ranks(self, size: int) -> list[int]:
        """Return the ranks of the `size` tokens that stay, ascending."""
        kept = np.array([len(token) > 0 for token in self.base.tokens])
        kept[self.taken[: int(kept.sum()) - size]] = False
        ranks: list[int] = np.flatnonzero(kept).tolist()
        return ranks

    def vocabulary(self, size: int) -> Vocabulary:
        """Return the vocabulary of `size` tokens."""
        return _vocabulary(self.base, size, self.ranks(size), self.options, None)


def order_by_usage(
    base: Vocabulary,
    least: int,
    table: CountsTable,
    *,
    weights: Mapping[tuple[str, str], float] | None = None,
    protect_prefix: int = 0,
    min_uses: int = 2,
    rank_share: float = 0.0,
) -> Usage:
    r"""Return the order in which tokens are taken away, until `least` of them are left; see `select_by_usage`.

    Example:
        >>> from tokkit.counts import count_texts
        >>> tokens = (*(bytes([byte]) for byte in range(256)), b"ab", b"cd", b"abc", b"cde")
        >>> base = Vocabulary("tiny", r"\S+|\s+", tokens)
        >>> usage = order_by_usage(base, 256, count_texts(["cde cde cde ab abc"], base.pattern), min_uses=1)
        >>> [tokens[rank] for rank in usage.taken], usage.vocabulary(258).tokens[256:]
        ([b'abc', b'ab', b'cde', b'cd'], (b'cd', b'cde'))
    """
    _check(base, least, table, protect_prefix, min_uses)
    if not 0 <= rank_share <= _MOST_RANK_SHARE:
        raise InputError(f"rank share {rank_share}: it must be 0 to {_MOST_RANK_SHARE}", "0.1 is a good number")
    factors = _factors(table.slices, weights)
    fixed = np.array([len(token) <= 1 for token in base.tokens])
    fixed[:protect_prefix] = True
    uses = sum(factor * row for factor, row in zip(factors, final_uses(base, table), strict=True))
    uses += _promised(base, int(uses.sum()), rank_share)
    taken, costs = _take_leaves(base, fixed, uses, least, min_uses * max(factors))
    options = {
        "counts": _fingerprint(table),
        "factors": {part.name: factor for part, factor in zip(table.slices, factors, strict=True)} if weights else None,
        "protect_prefix": protect_prefix,
        "min_uses": min_uses,
        "rank_share": rank_share,
    }
    return Usage(base, taken, costs, {option: value for option, value in options.items() if value})


def first_foreign(vocabulary: Vocabulary, base: Vocabulary, size: int, protected: int | None = None) -> int | None:
    """Return the first id whose token was not selected from a base: another token, one for the second time, one out of order.

    Args:
        vocabulary: the vocabulary whose first `size` tokens are looked at.
        base: what they were selected from.
        size: how many there should be.
        protected: None where all stand in the order of ranks; after a reordering, the ranks below this one do, up to the last
            single byte at least, and those of all others are above them.

    Returns:
        None where all is as it should be, the vocabulary's length where it is too short.

    Example:
        >>> base = Vocabulary("tiny", "", (b"a", b"b", b"ab", b"ba"))
        >>> for tokens in ((b"a", b"b", b"ba"), (b"a", b"b", b"ba", b"ab"), (b"a", b"ab", b"b"), (b"a", b"b", b"c")):
        ...     made = Vocabulary("x", "", tokens)
        ...     print(first_foreign(made, base, len(tokens)), first_foreign(made, base, len(tokens), protected=0))
        None None
        3 None
        2 2
        2 2
    """
    ranks = [base.ranks.get(token, -1) for token in vocabulary.tokens[:size]]
    n_ordered = len(ranks) if protected is None else _n_fixed(base, sorted({*ranks} - {-1}), protected)
    last = -1
    seen = set()
    for id_, rank in enumerate(ranks):
        if rank < 0 or rank in seen or rank <= last:
            return id_
        seen.add(rank)
        last = rank if id_ < n_ordered else last
    return None if len(ranks) == size else len(ranks)


def _n_fixed(base: Vocabulary, ranks: Sequence[int], protect_prefix: int) -> int:
    """Return how many of ascending ranks no reordering moves: the protected ones, and all up to the last single byte."""
    return 1 + max(
        (i for i, rank in enumerate(ranks) if rank < protect_prefix or len(base.tokens[rank]) == 1), default=-1
    )


def _check(base: Vocabulary, size: int, table: CountsTable, protect_prefix: int, min_uses: int) -> None:
    require_bytes(base)
    require_pattern(base, table)
    if not len(table):
        raise InputError("the counts are empty: there is nothing to select by", "count a corpus first")
    for option, value in (("protect prefix", protect_prefix), ("min uses", min_uses)):
        if value < 0:
            raise InputError(f"{option} {value}: it must be 0 or more")
    if not is_closed(base):
        raise LawError(
            f"{base.name}: a token is not made of two lower-ranked ones, so leaves cannot be told from inner tokens",
            f"tokkit verify {base.name} names it; a selection without --by drops such tokens",
        )
    protected = sum(len(token) > 1 for token in base.tokens[:protect_prefix])
    least = len(SINGLE_BYTES) + protected
    if size < least:
        of = f"256 single bytes + {protected:,} protected tokens = {least:,}" if protected else "the 256 single bytes"
        raise SizeError(f"size {size:,} has no room for {of}", f"ask for {least:,} or more, or protect less")
    if size > base.n_ranks:
        raise SizeError(
            f"{base.name}: {size:,} were asked for, and it has {base.n_ranks:,}", f"ask for {base.n_ranks:,} or fewer"
        )


def _factors(slices: Sequence[Slice], weights: Mapping[tuple[str, str], float] | None) -> list[int]:
    """Return the whole number that each slice's uses are multiplied by, so that costs stay whole and ties exact."""
    if weights is None:
        return [1] * len(slices)
    ratios = [weights[part.key] / part.bytes if part.bytes else 0.0 for part in slices]
    most = max(ratios)
    if most <= 0:
        raise InputError("the weights leave nothing of the counts table")
    return [round(_FULL_FACTOR * ratio / most) for ratio in ratios]


def _promised(base: Vocabulary, n_uses: int, rank_share: float) -> NDArray[np.int64]:
    """Return the uses that the ranks promise, in all `rank_share` of `n_uses`, rounded down; in whole numbers, so exact.

    Example:
        >>> _promised(Vocabulary("tiny", "", (b"a", b"b", b"", b"ab")), 3000, 0.1)
        array([100, 100,   0,  99])
    """
    parts = [(1 << 40) // (rank + _FLAT_RANKS) if token else 0 for rank, token in enumerate(base.tokens)]
    share, whole = round(rank_share * 1_000_000), 1_000_000 * sum(parts)
    return np.array([n_uses * share * part // whole for part in parts], np.int64)


def _take_leaves(
    base: Vocabulary, fixed: NDArray[np.bool_], uses: NDArray[np.int64], left: int, floor: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Take away the cheapest leaf until `left` tokens are kept; return them with their uses, which fall to their parts."""
    parts = merge_parts(base)
    kept = np.array([len(token) > 0 for token in base.tokens])
    wholes = np.zeros(kept.size, np.int64)  # of how many kept tokens each is a part
    composed = np.flatnonzero(kept & (parts[:, 0] >= 0))
    np.add.at(wholes, parts[composed].ravel(), 1)
    cost = uses.tolist()
    above = wholes.tolist()
    pair = parts.tolist()
    leaves = [(max(cost[rank], floor), -rank) for rank in np.flatnonzero(kept & ~fixed & (wholes == 0)).tolist()]
    heapq.heapify(leaves)
    n_taken = int(kept.sum()) - left
    taken: list[int] = []
    while len(taken) < n_taken:
        entered, negative = heapq.heappop(leaves)
        rank = -negative
        now = max(cost[rank], floor)
        if now != entered:  # uses fell to it since
            heapq.heappush(leaves, (now, negative))
            continue
        taken.append(rank)
        for part in pair[rank]:
            cost[part] += cost[rank]
            above[part] -= 1
            if above[part] == 0 and not fixed[part]:
                heapq.heappush(leaves, (max(cost[part], floor), -part))
    return np.array(taken, np.int64), np.array([cost[rank] for rank in taken], np.int64)


def _reordered(
    base: Vocabulary,
    ranks: list[int],
    protect_prefix: int,
    table: CountsTable,
    weights: Mapping[tuple[str, str], float] | None,
    indexing: Callable[[int, int], None] | None,
    progress: Callable[[int, int, bytes], None] | None,
) -> list[int]:
    """Return ranks in an order in which merging takes fewer tokens; the first ones stay, as far as `_n_fixed` says."""
    tokens = tuple(base.tokens[rank] for rank in ranks)
    n_fixed = _n_fixed(base, ranks, protect_prefix)
    fixed = replace(base, tokens=tokens[:n_fixed], special_tokens={}, segments=())
    weighed = table.counts * np.array(_factors(table.slices, weights), np.int64)[table.slice_ids]
    places = better_order(tokens[n_fixed:], fixed, table, weighed, indexing=indexing, progress=progress)
    return ranks[:n_fixed] + [ranks[n_fixed + place] for place in places]


def _vocabulary(
    base: Vocabulary, size: int, ranks: Sequence[int], options: Mapping[str, Any], name: str | None
) -> Vocabulary:
    tokens = tuple(base.tokens[rank] for rank in ranks)
    step = {
        "step": "select",
        "tool": TOOL,
        "base": {"name": base.name, "sha256": base.sha256},
        "size": size,
        "by": "usage",
        **options,
        "kept": len(tokens),
        "last_rank": max(ranks),
        "sha256": hashlib.sha256(rank_lines(tokens)).hexdigest(),
    }
    return replace(
        base,
        name=name or f"{base.name}-usage-{len(tokens)}",
        tokens=tokens,
        special_tokens={},
        segments=(Segment("prefix", 0, len(tokens)),),
        provenance=(*base.provenance, step),
    )


def _gains(base: Vocabulary, chosen: Vocabulary, table: CountsTable) -> tuple[SliceGain, ...]:
    """Return a row for each slice; all three vocabularies are measured exactly."""
    whole = curve(base, table)
    cut = int(np.searchsorted(whole.sizes, chosen.n_ranks))  # the prefix of as many tokens, holes not counted
    ours = curve(chosen, table).tokens[:, -1]
    return tuple(
        SliceGain(part.language, part.domain, part.bytes, int(tokens), int(of_prefix), int(of_base))
        for part, tokens, of_prefix, of_base in zip(
            table.slices, ours, whole.tokens[:, cut], whole.tokens[:, -1], strict=True
        )
    )


def _fingerprint(table: CountsTable) -> str:
    """Return the sha256 of what a counts table counts."""
    digest = hashlib.sha256(repr((table.pattern, table.slices)).encode())
    for array in (table.data, table.starts, table.counts):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
