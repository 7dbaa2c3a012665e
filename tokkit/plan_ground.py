"""What a plan stands on: tokens for every number of tokens of the base, and of learned ones on some of those.

Tokens are learned on a few prefixes of the base, and the curve of each result (`tokkit.curves`) has every number of learned
tokens at once. The rest is filled in. The tokens at N of the base and k learned ones are the bytes less three kinds of merges:

  Those by tokens of the base that have nothing of the script. All of the base ranks below what is learned, so that the curve of
  the whole base has them for every N, exactly, whatever is learned.
  Those by other tokens of the base, which are kin of learned ones: whole characters of the script, or broken ones; and those by
  learned tokens. Both depend on the kin below N alone: where two numbers have no kin between them, the same tokens are learned on
  both, in the same order, and these merges are the same. One in 70 tokens of cl100k_base is kin for Han. So between two prefixes
  that were learned on, these merges are drawn straight over the number of kin, for as many learned tokens.

That is a guess, and says where to learn next: nothing of it leaves the plan. Where any script may be learned, all tokens are
kin; then what is drawn lies above a curve that flattens.

By usage the base has no such curve: what its most needed tokens come to is measured where it is learned on them, and drawn
between over the uses that the tokens have in what is measured when they are taken away (`tokkit.plan_usage`).

Where the counts keep folds of documents apart, all of that is known of each fold too, every `FOLD_STEP` tokens: draw as many
folds again with replacement, add up, and see how much the figures differ (`intervals` of `tokkit.plan`). Nothing is encoded
again for a draw.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_folds import DRAWS, folds_apart, times_drawn, unfolded
from tokkit.curves import LEAST_CUT, curve
from tokkit.encode import flatten, merge_table
from tokkit.errors import InputError
from tokkit.learn import learn
from tokkit.plan_lines import Line, Measures
from tokkit.plan_pieces import Pieces
from tokkit.plan_rows import added_up, holds, kin_of, leads, of_rows, touched_by
from tokkit.plan_usage import kin_before, measured_depths
from tokkit.select import select

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.usage import Usage
    from tokkit.vocabulary import Vocabulary

FOLD_STEP = 128


@dataclass(frozen=True)
class Learned:
    """What learning on a number of the base's tokens came to.

    Attributes:
        cut: the number of the base's tokens.
        lines: the rates, and the tokens of each fold, by how many learned tokens.
        alone: by usage the same for what learned tokens do not change; None by rank, where that is known beforehand.
        ended: whether the counts supported no more learned tokens.
    """

    cut: int
    lines: tuple[Line, Line]
    alone: tuple[Line, Line] | None
    ended: bool


@dataclass
class Ground:
    """What is known.

    Attributes:
        base: the base's ranks.
        usage: the order by usage; None where the base is cut by rank.
        source: the counts to learn from that matter.
        script: the script of the learned tokens.
        min_count: the least count of a learned token.
        groups: the languages.
        shares: float64[1 + n_groups, n_slices]: makes tokens a byte of the mixture, and of each language, out of tokens.
        kin: the tokens of the base that learned ones depend on.
        touched: the rows that learned tokens may touch: one table, or one a fold.
        others: the other rows, likewise.
        rates: tokens a byte of the mixture and of each language.
        folds: tokens of each slice of each fold, slice by slice; None without folds.
        fold_bytes: float64[n_folds, n_slices].
        pieces: what is learned from and measured, where the base is closed and begins with the bytes, or is cut by usage.
        kin_bytes: int64[n_folds, n_slices], the bytes of the touched rows, there.
        kin_ranks: int64[n_kin], the ranks of the kin, there.
        kin_merges: int64[n_folds, n_slices, n_kin + 1], the merges by those below each, there.
    """

    base: Vocabulary
    usage: Usage | None
    source: CountsTable
    script: str | None
    min_count: int
    groups: tuple[str, ...]
    shares: NDArray[np.float64]
    kin: frozenset[bytes]
    touched: Sequence[CountsTable]
    others: Sequence[CountsTable]
    rates: Measures
    folds: Measures | None
    fold_bytes: NDArray[np.float64]
    pieces: Pieces | None = None
    kin_bytes: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64))
    kin_ranks: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    kin_merges: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0, 0), np.int64))

    @staticmethod
    def of(
        base: Vocabulary,
        table: CountsTable,
        source: CountsTable,
        weights: Mapping[tuple[str, str], float] | None,
        usage: Usage | None,
        script: str | None,
        min_count: int,
        jobs: int = 1,
    ) -> Ground:
        """Measure what learned tokens do not change, with every prefix of the base."""
        groups, shares = _shares(table, weights)
        tables = folds_apart(table) if table.folds else [unfolded(table)]
        beginnings = np.ones(1 << 16, np.bool_) if script is None else leads(script)
        touched = [touched_by(each, beginnings) for each in tables]
        kin = frozenset(base.tokens if script is None else kin_of(base.tokens, script))
        of_kin = [of_rows(each, wanted) for each, wanted in zip(tables, touched, strict=True)]
        others = [of_rows(each, ~wanted) for each, wanted in zip(tables, touched, strict=True)]
        depths = np.arange(len(base.tokens) + 1)
        related = np.array([token in kin for token in base.tokens])
        if usage is not None:
            depths = measured_depths(base, usage, related, of_kin, others, shares[0])
        scale = depths, kin_before(related, usage)
        ground = Ground(
            base,
            usage,
            added_up(of_rows(source, touched_by(source, beginnings))),
            script,
            min_count,
            groups,
            shares,
            kin,
            of_kin,
            others,
            Measures(*scale),
            Measures(*scale) if table.folds else None,
            np.array([[part.bytes for part in each.slices] for each in tables], np.float64),
        )
        if usage is not None:
            alone = ~related & ~holds(*flatten(base.tokens), beginnings)
            ground.pieces = Pieces.of(base, ground.source, of_kin, alone, script, min_count, FOLD_STEP, selected=True)
        elif all(len(token) == 1 for token in base.tokens[:LEAST_CUT]):
            alone = ~related & ~holds(*flatten(base.tokens), beginnings)
            merge_table(base)  # made once, before several threads want it
            with ThreadPoolExecutor(jobs) as threads:
                measuring = threads.submit(ground._measure_prefixes, related)
                pieces = threads.submit(Pieces.of, base, ground.source, of_kin, alone, script, min_count, FOLD_STEP)
            measuring.result()
            ground.pieces = pieces.result()
        else:
            measured = _measured(base, ~related, of_kin, others)
            ground._add_alone(_lines(measured, 0, np.arange(related.size + 1), shares))
        return ground

    def _measure_prefixes(self, related: NDArray[np.bool_]) -> None:
        """Measure every prefix of a closed base, of whose tokens some are kin."""
        curves = [curve(self.base, each) for each in self.touched]
        self.kin_bytes = np.stack([each.n_bytes for each in curves])
        self.kin_ranks = np.flatnonzero(related)
        before = np.zeros((*self.kin_bytes.shape, 1), np.int64)
        of_kin = np.stack([each.merges[:, self.kin_ranks] for each in curves])
        self.kin_merges = np.concatenate([before, np.cumsum(of_kin, axis=2)], axis=2)
        for each in curves:
            each.merges[:, related] = 0
        others = (curve(self.base, each) for each in self.others)
        measured = ((other.n_bytes, other.merges + each.merges) for each, other in zip(curves, others, strict=True))
        self._add_alone(_lines(measured, 0, np.arange(related.size + 1), self.shares))

    @property
    def known(self) -> list[int]:
        """The numbers of the base's tokens that were learned on, ascending."""
        return sorted(self.rates.learned)

    def learned_for(self, room: int) -> list[int]:
        """Return the numbers learned on that have a place in a room, with as many learned tokens as it has room for."""
        known = np.array([cut for cut in self.known if cut <= room], np.int64)
        low, _ = self.rates.sides(known, room)
        learned: list[int] = known[low == known].tolist()
        return learned

    def most_learned(self, prefix: int) -> int:
        """Return how many tokens the counts support, as far as that is known: as on the nearest that was learned on."""
        near = min(self.known, key=lambda cut: (abs(cut - prefix), cut))
        return self.rates.learned[near].last if near in self.rates.ended else int(np.iinfo(np.int64).max)

    def start(self, cut: int) -> Vocabulary:
        """Return so many tokens of the base as a vocabulary."""
        if self.usage is not None:
            return self.usage.vocabulary(cut)
        if self.pieces is not None:  # the base is closed: so is its prefix
            return replace(self.base, name=f"{self.base.name}-{cut}", tokens=self.base.tokens[:cut], segments=())
        return select(self.base, cut).vocabulary

    def learn_on(self, cut: int, wanted: int) -> Learned:
        """Learn so many tokens, or as many as the counts support, on a number of the base's; measure them all.

        What is known stays as it is until `add`, so that several threads may learn at a time.
        """
        start = whole = self.start(cut)
        if self.usage is not None and self.pieces is not None:
            bytes_left, alone = self._measured_apart(start)
            learned = self._learn_in_pieces(self.pieces, start, max(wanted, 0), bytes_left)
            return replace(learned, alone=alone)
        if self.pieces is not None:
            bytes_left = self.kin_bytes - self.kin_merges[:, :, np.searchsorted(self.kin_ranks, cut)]
            return self._learn_in_pieces(self.pieces, start, max(wanted, 0), bytes_left)
        if wanted > 0:
            tokens = learn(self.source, start, wanted, script=self.script, min_count=self.min_count, exact=False).tokens
            whole = replace(start, tokens=start.tokens + tokens, segments=())
        related = np.array([token in self.kin for token in start.tokens] + [True] * (len(whole.tokens) - cut))
        measured = _measured(whole, related, self.touched)
        lines = _lines(measured, cut, np.arange(len(whole.tokens) - cut + 1), self.shares)
        return Learned(cut, lines, None, len(whole.tokens) - cut < wanted)

    def _measured_apart(self, start: Vocabulary) -> tuple[NDArray[np.int64], tuple[Line, Line]]:
        """Measure tokens of the base by usage: what kin leave of each touched slice of each fold, and what the others do alone.

        Learned tokens lie above the base's, whose merges they leave as they are.
        """
        related = np.array([token in self.kin for token in start.tokens])
        left, rest = [], []
        for table, other in zip(self.touched, self.others, strict=True):
            made, apart = curve(start, table), curve(start, other)
            left.append(made.n_bytes - made.merges[:, related].sum(axis=1))
            merged = apart.merges.sum(axis=1) + made.merges[:, ~related].sum(axis=1)
            rest.append((apart.n_bytes, merged[:, None]))
        return np.stack(left), _lines(rest, 1, self.rates.depths[[related.size]], self.shares)

    def _learn_in_pieces(
        self, pieces: Pieces, start: Vocabulary, wanted: int, bytes_left: NDArray[np.int64]
    ) -> Learned:
        cut = len(start.tokens)
        made = pieces.learn(cut, start, wanted)
        n_learned = made.of_slices.shape[1]
        whole = _less(bytes_left.sum(axis=0), made.of_slices)
        apart = _less(bytes_left.ravel(), made.of_groups)
        steps = np.append(np.arange(apart.shape[1] - 1) * FOLD_STEP, n_learned)
        lines = (
            Line(np.arange(n_learned + 1), self.shares @ whole),
            Line(steps, apart.astype(np.float64)),
        )
        return Learned(cut, lines, None, n_learned < wanted)

    def add(self, found: Sequence[Learned]) -> None:
        """Add what was learned."""
        for each in found:
            if each.alone is not None:
                self._add_alone(each.alone)
            for measures, line in zip((self.rates, self.folds), each.lines, strict=True):
                if measures is not None:
                    measures.learned[each.cut] = line
                    measures.ended |= {each.cut} if each.ended else set()

    def _add_alone(self, lines: tuple[Line, Line]) -> None:
        for measures, line in zip((self.rates, self.folds), lines, strict=True):
            if measures is not None:
                measures.measure_alone(line)

    def read(self, prefixes: Sequence[int] | NDArray[np.int64], room: int) -> NDArray[np.float64]:
        """Return float64[1 + n_groups, n]: tokens a byte, with so many of the base and learned tokens in the rest of the room."""
        return self.rates.read(np.asarray(prefixes, np.int64), room)

    def rate(self, prefix: int, room: int) -> float:
        """Return tokens a byte of the mixture."""
        return float(self.read([prefix], room)[0, 0])

    def best(self, room: int) -> int:
        """Return the prefix of the best split, filled in between those that were learned; of equals the smallest."""
        prefixes = self.prefixes(room)
        return int(prefixes[np.argmin(self.read(prefixes, room)[0])])

    def prefixes(self, room: int) -> NDArray[np.int64]:
        """Return the numbers of the base's tokens, ascending, between two learned on with as many tokens as the room has."""
        numbers = np.arange(self.known[0], max(min(self.known[-1], room), self.known[0]) + 1)
        low, high = self.rates.sides(numbers, room)
        between = numbers[(low >= 0) & (high >= 0)]
        return between if between.size else numbers[:1]

    def draws(self, prefixes: Sequence[int] | NDArray[np.int64], rooms: int | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return float64[1 + n_groups, n_draws, n]: what `read` would be, had each draw of folds been all the text.

        The mixture stays as it is; a slice of which a draw has nothing keeps the tokens a byte that it has in all. What
        folds are known by coarser steps is made up for: all folds once would be what `read` is.
        """
        if self.folds is None:
            return np.empty((self.shares.shape[0], 0, len(prefixes)))
        n_folds, n_slices = self.fold_bytes.shape
        times = times_drawn(n_folds).astype(np.float64)
        tokens = self.folds.read(np.asarray(prefixes, np.int64), rooms).reshape(n_folds, n_slices, -1)
        out = np.zeros((self.shares.shape[0], DRAWS, len(prefixes)))
        whole = self.fold_bytes.sum(axis=0)
        exact = self.rates.read(np.asarray(prefixes, np.int64), rooms)
        out += (exact - self.shares @ tokens.sum(axis=0))[:, None, :]
        for number in np.flatnonzero(whole):
            n_bytes = times @ self.fold_bytes[:, number]
            ratio = (times @ tokens[:, number]) / np.maximum(n_bytes, 1)[:, None]
            ratio[n_bytes == 0] = tokens[:, number].sum(axis=0) / whole[number]
            for row in np.flatnonzero(self.shares[:, number]):
                out[row] += self.shares[row, number] * whole[number] * ratio
        return out


def _shares(
    table: CountsTable, weights: Mapping[tuple[str, str], float] | None
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the languages, and what makes tokens a byte of the mixture and of each language out of the slices' tokens."""
    slices = table.totals
    n_bytes = np.array([part.bytes for part in slices], np.float64)
    if not n_bytes.sum():
        raise InputError("the counts are empty: there is nothing to plan on", "count a corpus first")
    groups = tuple(dict.fromkeys(part.language for part in slices))
    shares = np.zeros((1 + len(groups), len(slices)))
    for number, part in enumerate(slices):
        if n_bytes[number]:
            share = weights[part.key] if weights else n_bytes[number] / n_bytes.sum()
            shares[0, number] = share / n_bytes[number]
        group = [n_bytes[other] for other, each in enumerate(slices) if each.language == part.language]
        shares[1 + groups.index(part.language), number] = 1 / max(sum(group), 1)
    if not shares[0].any():
        raise InputError("the weights leave nothing of the counts table")
    return groups, shares


def _measured(
    vocabulary: Vocabulary,
    counted: NDArray[np.bool_],
    tables: Sequence[CountsTable],
    whole: Sequence[CountsTable] = (),
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield for each fold the bytes of each slice, and what each id merges there.

    Of `tables`, it is what the counted ids merge. Where there are `whole` ones, all ids merge there, the bytes are theirs alone,
    and what is merged in both is added up.
    """
    for number, table in enumerate(tables):
        made = curve(vocabulary, table)
        n_bytes, merges = made.n_bytes, made.merges
        merges[:, ~counted] = 0
        if whole:
            other = curve(vocabulary, whole[number])
            n_bytes = other.n_bytes
            merges += other.merges
        yield n_bytes, merges


def _lines(
    measured: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]],
    first: int,
    at: NDArray[np.int64],
    shares: NDArray[np.float64],
) -> tuple[Line, Line]:
    """Return the rates at the cuts from `first` on, and the tokens of each fold at some of them.

    Args:
        measured: for each fold int64[n_slices], the tokens with nothing merged, and int64[n_slices, n], what each id merges.
        first: the lowest cut.
        at: int64[n - first + 1], what the cuts are called on the lines.
        shares: see `Ground`.
    """
    some = np.unique(np.append(np.arange(0, at.size, FOLD_STEP), at.size - 1))
    apart = []
    all_bytes = np.zeros(shares.shape[1], np.int64)
    all_merges = np.zeros((shares.shape[1], first + at.size - 1), np.int64)
    for n_bytes, merges in measured:
        all_bytes += n_bytes
        all_merges += merges
        apart.append(_tokens_at(n_bytes, merges, first, some))
    whole = _tokens_at(all_bytes, all_merges, first, np.arange(at.size))
    return Line(at, shares @ whole), Line(at[some], np.concatenate(apart).astype(np.float64))


def _less(n_bytes: NDArray[np.int64], merges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64[n_rows, n + 1]: bytes less the first none, one, two ... of n columns of merges."""
    return n_bytes[:, None] - np.cumsum(np.pad(merges, ((0, 0), (1, 0))), axis=1)


def _tokens_at(
    n_bytes: NDArray[np.int64], merges: NDArray[np.int64], first: int, steps: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return int64[n_slices, n]: the tokens at the cuts that lie so many above the first."""
    tokens = np.empty((n_bytes.size, steps.size), np.int64)
    tokens[:, 0] = n_bytes - merges[:, :first].sum(axis=1)
    if steps.size > 1:
        np.cumsum(np.add.reduceat(merges[:, first:], steps[:-1], axis=1), axis=1, out=tokens[:, 1:])
        np.subtract(tokens[:, :1], tokens[:, 1:], out=tokens[:, 1:])
    return tokens
