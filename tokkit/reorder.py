r"""Put tokens into an order in which merging comes nearer to the fewest tokens: learned ones, or those selected by usage.

Merging takes the token of the lowest rank first, and continued BPE ranks tokens as it found them: by how often their pair stood
when its turn came. Where two tokens share a part, the lower one wins, and what is left of the other may fall into pieces. So the
text is divided twice, by merging and into the fewest tokens; where the two divisions cross, the token of merging moves right
behind the other, or that one right before it, if the text then takes fewer tokens. Which tokens there are does not change, nor
any rank of what they stand on, and every token is still made of two lower ones.

How far from the fewest tokens BPE is, and what it costs, was asked by Bostrom and Durrett (2020, arXiv 2004.03720) and Zouhar et
al. (2023, arXiv 2306.16837); they change the encoder or the tokens, and here the encoder stays that of every runtime.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_table import summed
from tokkit.curves import require_pattern
from tokkit.encode import encode_arrays, flatten, slots_for
from tokkit.errors import InputError, MismatchError
from tokkit.kernels import reorder as kernels
from tokkit.kernels import token_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.learn import LearnedTokens
    from tokkit.vocabulary import Vocabulary

ROUNDS = 3  # the fourth saves a two-hundredth of what the first does
LONGEST = 256  # base tokens in a row; merging here takes quadratic time, and no word is so long
PRETOKENS_AT_ONCE = 1 << 18
_GAP = 1 << 32  # between two keys at first: room for 31 moves to one place before all are dealt anew


def reorder(
    learned: LearnedTokens,
    base: Vocabulary,
    table: CountsTable,
    *,
    weigh_by: str = "count",
    indexing: Callable[[int, int], None] | None = None,
    progress: Callable[[int, int, bytes], None] | None = None,
) -> LearnedTokens:
    r"""Return learned tokens in an order in which merging takes fewer of them for the text of a counts table.

    A round looks for all crossings and tries each once: the heaviest first, equal ones by the order before the first round. A
    move stays if it saves a token or more, and the tokens that hold the moved one are still made of two lower ones.

    Args:
        learned: tokens that were learned on the base.
        base: the base.
        table: what they were learned from; slices are added up.
        weigh_by: `count`, or `documents` to weigh a pretoken by the documents that have it.
        indexing: called with the bytes of pretokens indexed so far and in all, now and then, before all rounds; with 0 at first.
        progress: called with the crossings tried in a round so far, how many it has, and the token of merging's, now and then;
            with 0 of them and no token when a round begins.

    Raises:
        MismatchError: the tokens belong to another base, or the table was cut by another pattern than the base's.
        InputError: an unknown way to weigh.

    Example:
        >>> from tokkit.counts import count_texts
        >>> from tokkit.learn import LearnedTokens
        >>> from tokkit.vocabulary import Vocabulary
        >>> base = Vocabulary("bytes", r"\S+|\s+", tuple(bytes([byte]) for byte in range(256)))
        >>> tokens = LearnedTokens((b"bc", b"ab", b"cd"), (9, 5, 5), (1, 1, 1), base.sha256, base.pattern)
        >>> reorder(tokens, base, count_texts(["abcd abcd", "bc"], base.pattern)).tokens
        (b'ab', b'bc', b'cd')
    """
    if weigh_by not in ("count", "documents"):
        raise InputError(f"weigh by {weigh_by}: it must be count or documents")
    if learned.base_sha256 != base.sha256:
        raise MismatchError(
            f"the tokens were learned on a base with sha256 {learned.base_sha256}; that of {base.name} is {base.sha256}",
            "reorder learned tokens on the very base that they were learned on",
        )
    weights = table.counts if weigh_by == "count" else table.documents
    places = better_order(learned.tokens, base, table, weights, indexing=indexing, progress=progress)
    return replace(
        learned,
        tokens=tuple(learned.tokens[place] for place in places),
        counts=tuple(learned.counts[place] for place in places),
        pretokens=tuple(learned.pretokens[place] for place in places),
        options={**learned.options, "reorder": True},
    )


def better_order(
    tokens: tuple[bytes, ...],
    base: Vocabulary,
    table: CountsTable,
    weights: NDArray[np.int64],
    *,
    indexing: Callable[[int, int], None] | None = None,
    progress: Callable[[int, int, bytes], None] | None = None,
) -> list[int]:
    r"""Return the places of tokens, the first to merge first, in an order in which merging takes fewer of them.

    Args:
        tokens: tokens that rank behind the base's in this order, each made by merging of two lower ones.
        base: what they stand on; its ranks stay.
        table: the pretokens.
        weights: int64[len(table)], how much each counts.
        indexing: as in `reorder`.
        progress: as in `reorder`.

    Raises:
        MismatchError: the table was cut by another pattern than the base's.

    Example:
        >>> from tokkit.counts import count_texts
        >>> from tokkit.vocabulary import Vocabulary
        >>> base = Vocabulary("bytes", r"\S+|\s+", tuple(bytes([byte]) for byte in range(256)))
        >>> table = count_texts(["abcd abcd", "bc"], base.pattern)
        >>> better_order((b"bc", b"ab", b"cd"), base, table, table.counts)
        [1, 0, 2]
    """
    require_pattern(base, table)
    order = _Order.of(tokens, base, table, weights, indexing)
    for _ in range(ROUNDS):
        for done, total, token in order.move_across():
            if progress:
                progress(done, total, b"" if token is None else tokens[token])
    places: list[int] = np.argsort(order.keys).tolist()
    return places


@dataclass(frozen=True)
class _Tokens:
    """Learned tokens as the kernels read them; see `tokkit.kernels.token_tree`.

    Attributes:
        ids: int32, what each is for the base, one after the other.
        joined: int32, what each id makes with the next.
        starts: int64[n + 1], where each begins.
        first_id: the id of the first.
        edges: the tree of all.
        ends: the same.
        pairs: what two ids side by side make.
    """

    ids: NDArray[np.int32]
    joined: NDArray[np.int32]
    starts: NDArray[np.int64]
    first_id: int
    edges: NDArray[np.uint64]
    ends: NDArray[np.int32]
    pairs: NDArray[np.uint64]

    @staticmethod
    def of(tokens: tuple[bytes, ...], base: Vocabulary) -> _Tokens:
        """Plant the tree, and look at every border inside a token for two that meet there."""
        ids, starts = encode_arrays(base, *flatten(tokens), shortcut=False)
        edges, pairs = np.zeros((2, slots_for(ids.size), 2), np.uint64)
        ends = np.full(ids.size + 1, -1, np.int32)
        token_tree.plant_tokens(ids, starts, edges, ends)
        token_tree.place_splits(ids, starts, len(base.tokens), edges, ends, pairs)
        joined = np.empty(ids.size, np.int32)
        kernels.join_neighbours(ids, starts, pairs, joined)
        return _Tokens(ids, joined, starts, len(base.tokens), edges, ends, pairs)


@dataclass(frozen=True)
class _Pieces:
    """Pretokens, cut where no learned token reaches over, each piece once.

    Attributes:
        ids: int32, of all pieces in a row.
        starts: int64[n + 1], where each begins.
        weights: int64[n], how much each counts.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    weights: NDArray[np.int64]

    @staticmethod
    def of(
        tokens: _Tokens,
        base: Vocabulary,
        table: CountsTable,
        weights: NDArray[np.int64],
        progress: Callable[[int, int], None] | None,
    ) -> _Pieces:
        """Encode and cut some pretokens at a time: a tenth of the symbols is left of all."""
        if progress:
            progress(0, int(table.starts[-1]))
        parts = [_Pieces(np.empty(0, np.int32), np.zeros(1, np.int64), np.empty(0, np.int64))]
        for first in range(0, len(table), PRETOKENS_AT_ONCE):
            last = min(first + PRETOKENS_AT_ONCE, len(table))
            ids, starts = encode_arrays(base, table.data, table.starts[first : last + 1], shortcut=True)
            # As many as there may be: what is not written to takes no memory.
            cut, (cut_starts, cut_weights) = np.empty(ids.size, np.int32), np.empty((2, ids.size + 1), np.int64)
            n_pieces = token_tree.cut_rows(
                ids, starts, weights[first:last], tokens.edges, tokens.ends, LONGEST, cut, cut_starts, cut_weights
            )
            parts.append(_Pieces.once(cut, cut_starts[: n_pieces + 1], cut_weights[:n_pieces]))
            if progress:
                progress(int(table.starts[last]), int(table.starts[-1]))
        starts = np.append(0, np.cumsum(np.concatenate([np.diff(part.starts) for part in parts])))
        ids, weights = (np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "weights"))
        return _Pieces.once(ids, starts, weights)

    @staticmethod
    def once(ids: NDArray[np.int32], starts: NDArray[np.int64], weights: NDArray[np.int64]) -> _Pieces:
        """Return each piece once, the weights of equal ones added up, sorted as bytes."""
        rows = summed(ids[: int(starts[-1])].view(np.uint8), 4 * starts, weights, weights)
        # Copied: what `summed` returns keeps its room for as many as there were, a tenth of which is used.
        return _Pieces(rows.data.view(np.int32).copy(), rows.starts // 4, rows.counts.copy())


@dataclass(frozen=True)
class _Lists:
    """The rows that hold each learned token: those of the i-th are `rows[starts[i]:starts[i + 1]]`."""

    starts: NDArray[np.int64]
    rows: NDArray[np.int32]

    @staticmethod
    def of(ids: NDArray[np.int32], starts: NDArray[np.int64], tokens: _Tokens) -> _Lists:
        """Count them first, then list them."""
        n_tokens = tokens.starts.size - 1
        counts = np.zeros(n_tokens, np.int64)
        none = np.empty(0, np.int32)
        token_tree.list_holders(ids, starts, tokens.edges, tokens.ends, np.full(n_tokens, -1, np.int32), counts, none)
        list_starts = np.append(0, np.cumsum(counts))
        rows = np.empty(int(list_starts[-1]), np.int32)
        token_tree.list_holders(
            ids, starts, tokens.edges, tokens.ends, np.full(n_tokens, -1, np.int32), list_starts[:-1].copy(), rows
        )
        return _Lists(list_starts, rows)

    def of_token(self, token: int) -> NDArray[np.int32]:
        """Return the rows of one."""
        return self.rows[self.starts[token] : self.starts[token + 1]]


@dataclass
class _Order:
    """An order under way.

    Attributes:
        tokens: what is put into an order.
        pieces: the text.
        holders: the pieces that hold each token.
        users: the tokens that hold it, itself included.
        keys: int64[n], the order: the lower one merges first; any two are 2 apart at least, room to try a third between.
        joined: int32, what each id of the pieces makes with the next.
        fewest: uint16, how many tokens each piece takes at the least.
        excess: uint16, how many more it takes in this order; 2 bytes each, for all of them are asked again and again.
        symbols: room for the longest piece or token; and so the next.
        found: the same.
    """

    tokens: _Tokens
    pieces: _Pieces
    holders: _Lists
    users: _Lists
    keys: NDArray[np.int64]
    joined: NDArray[np.int32]
    fewest: NDArray[np.uint16]
    excess: NDArray[np.uint16]
    symbols: NDArray[np.int32]
    found: NDArray[np.int64]

    @staticmethod
    def of(
        learned: tuple[bytes, ...],
        base: Vocabulary,
        table: CountsTable,
        weights: NDArray[np.int64],
        progress: Callable[[int, int], None] | None,
    ) -> _Order:
        """Return the order in which the tokens are given."""
        tokens = _Tokens.of(learned, base)
        pieces = _Pieces.of(tokens, base, table, weights, progress)
        longest = max(LONGEST, int(np.diff(tokens.starts).max(initial=0))) + 1
        order = _Order(
            tokens,
            pieces,
            _Lists.of(pieces.ids, pieces.starts, tokens),
            _Lists.of(tokens.ids, tokens.starts, tokens),
            np.arange(1, len(learned) + 1) * _GAP,
            np.empty(pieces.ids.size, np.int32),
            np.zeros(pieces.weights.size, np.uint16),
            np.zeros(pieces.weights.size, np.uint16),
            np.empty(longest, np.int32),
            np.empty(longest, np.int64),
        )
        kernels.join_neighbours(pieces.ids, pieces.starts, tokens.pairs, order.joined)
        best, begins = np.empty((2, longest), np.int32)
        kernels.count_fewest(pieces.ids, pieces.starts, tokens.edges, tokens.ends, best, begins, order.fewest)
        order.note(np.arange(pieces.weights.size, dtype=np.int32))
        return order

    def note(self, rows: NDArray[np.int32]) -> None:
        """Note how many tokens some pieces take."""
        tokens, pieces = self.tokens, self.pieces
        kernels.note_excess(
            rows, pieces.ids, self.joined, pieces.starts, tokens.first_id, tokens.pairs, self.keys,
            self.symbols, self.found, self.fewest, self.excess,
        )  # fmt: skip

    def saves(self, rows: NDArray[np.int32]) -> int:
        """Return how many tokens fewer some pieces take than was noted, or 0 where it is none."""
        tokens, pieces = self.tokens, self.pieces
        more = kernels.count_more(
            rows, pieces.ids, self.joined, pieces.starts, pieces.weights, tokens.first_id, tokens.pairs, self.keys,
            self.symbols, self.found, self.fewest, self.excess,
        )  # fmt: skip
        return max(0, -int(more))

    def reached(self, numbers: NDArray[np.int32]) -> bool:
        """Return whether merging makes each of these tokens of two lower ones."""
        tokens = self.tokens
        unreached = kernels.first_unreached(
            numbers,
            tokens.ids,
            tokens.joined,
            tokens.starts,
            tokens.first_id,
            tokens.pairs,
            self.keys,
            self.symbols,
            self.found,
        )
        return bool(unreached < 0)

    def crossings(self) -> list[tuple[int, int]]:
        """Return which tokens of merging cross which of the division into the fewest: the heaviest first, then by number."""
        tokens, pieces = self.tokens, self.pieces
        best, begins = np.empty((2, self.symbols.size), np.int32)
        # As many as there may be: what is not written to takes no memory.
        listed = np.empty((2 * pieces.ids.size, 2), np.int64)
        n_listed = kernels.list_crossings(
            pieces.ids, self.joined, pieces.starts, pieces.weights, tokens.starts, tokens.first_id, tokens.edges, tokens.ends,
            tokens.pairs, self.keys, self.symbols, self.found, best, begins, self.excess, listed,
        )  # fmt: skip
        if n_listed == 0:
            return []
        by_pair = listed[:n_listed][np.argsort(listed[:n_listed, 0], kind="stable")]
        pairs, firsts = np.unique(by_pair[:, 0], return_index=True)
        weights = np.add.reduceat(by_pair[:, 1], firsts)
        return [divmod(pair, 1 << 32) for pair in pairs[np.lexsort((pairs, -weights))].tolist()]

    def move_across(self) -> Iterator[tuple[int, int, int | None]]:
        """Try each crossing once; yield its number, how many there are, and merging's token: 0 and none before the first."""
        crossings = self.crossings()
        yield 0, len(crossings), None
        for number, (token, other) in enumerate(crossings, 1):
            if self.keys[token] < self.keys[other]:  # as long as no other move has ended it
                self.move(token, other)
            yield number, len(crossings), token

    def move(self, token: int, other: int) -> None:
        """Move a token right behind another, or that one right before it, whichever saves more."""
        moves = []
        for moved, key in ((token, int(self.keys[other]) + 1), (other, int(self.keys[token]) - 1)):
            kept, self.keys[moved] = int(self.keys[moved]), key
            if self.reached(self.users.of_token(moved)) and (saved := self.saves(self.holders.of_token(moved))):
                moves.append((saved, moved, key))
            self.keys[moved] = kept
        if moves:
            _, moved, key = max(moves, key=lambda each: each[0])
            self.keys[moved] = key
            self.make_room(key)
            self.note(self.holders.of_token(moved))

    def make_room(self, key: int) -> None:
        """Move a key into the middle between its neighbours, so that there is room again on both sides of each."""
        before = int(self.keys[self.keys < key].max(initial=key - _GAP))
        behind = int(self.keys[self.keys > key].min(initial=key + _GAP))
        if behind - before < 4:
            self.keys[np.argsort(self.keys)] = np.arange(1, self.keys.size + 1) * _GAP
        else:
            self.keys[self.keys == key] = (before + behind) // 2
