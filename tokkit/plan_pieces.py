"""What learning on many prefixes of a base can join, and no more: text cut where no learned token reaches over.

A learned token of a script is whole characters of it, or the leading bytes of one. So one that reaches over the border between
two characters holds both, and is counted no more often than they stand side by side. Where that is less often than the last
token that is learned was counted, none reaches over: cut there, and what is joined, in what order, and how often, stays as it is.
What is left are short pieces, many of them alike: each is kept once, with its count.

How often the last token will be counted is guessed from what was learned before. Where it turns out lower than the line that
was cut at, it is learned again with a lower line: so what is learned never depends on the guess.

The same holds for what is measured: a border that is weak where it was learned is weak in any text.

Where tokens of the base are taken away by usage, no cut is made where one of the base's tokens may reach over either
(`tokkit.plan_borders`); then no token does, and each piece is encoded as it would be in its place.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_table import joined_starts, slice_rows
from tokkit.kernels import pieces as kernels
from tokkit.kernels.merging import SCAN_LIMIT
from tokkit.kernels.pair_index import NO_PAIR
from tokkit.kernels.records import move_pairs
from tokkit.plan_borders import Crossed
from tokkit.plan_learn import Encoded, expanded_below, learn_below
from tokkit.unicode import scripts_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.vocabulary import Vocabulary

_MORE_PAIRS = 1.8  # that many pairs of characters were as frequent as the last of so many learned tokens
_DECAY = 1.5  # the count of the n-th learned token falls no faster than n to the power of this
_SAFE = 0.9
_NEAR_ENOUGH = 0.34  # a level is taken for a higher line than its own down to this share of it
_FEW = 10_000  # as many tokens as take less time to learn than a new level to cut
_SLIGHTLY_ABOVE = (
    1.1  # and for a lower one, where it is no more: with what is safe, no more than the last token was counted
)


@dataclass(frozen=True)
class Level:
    """Text cut at borders of less strength than a line.

    Attributes:
        least: the line; 0 for text that is not cut.
        source: the pieces to learn from.
        strengths: int32, beside their ids (`tokkit.kernels.pieces`).
        measured: the pieces of what is measured.
        use_starts: int64[n + 1], where the uses of each of those begin.
        use_groups: int32, in which group.
        use_counts: int64, and how often.
    """

    least: int
    source: Encoded
    strengths: NDArray[np.int32]
    measured: Encoded
    use_starts: NDArray[np.int64]
    use_groups: NDArray[np.int32]
    use_counts: NDArray[np.int64]


@dataclass(frozen=True)
class Merges:
    """How often merging makes learned tokens.

    Attributes:
        of_slices: int64[n_slices, n_learned].
        of_groups: int64[n_groups, n_steps], of some tokens together: the slices of the first fold, those of the next.
    """

    of_slices: NDArray[np.int64]
    of_groups: NDArray[np.int64]


@dataclass
class Pieces:
    """A source to learn from and text to measure on, as a closed base encodes them, at several levels.

    Attributes:
        base: the base.
        script: the script of the learned tokens; None for any, where nothing is cut.
        min_count: the least count of a learned token.
        n_slices: how many slices what is measured has.
        n_groups: how many slices of folds.
        step: how many learned tokens are counted together in those.
        alone: bool[n_tokens], the tokens that learned ones do not depend on.
        pair_counts: int64, how often pairs of characters stand side by side in the source, descending.
        measured: what is measured, not cut, its strengths, and the group of each pretoken.
        whole: the source, not cut, and its strengths.
        crossed: where tokens of the base are taken away by usage, which borders those that stay may reach over; else None.
        levels: by their lines.
        most: the most tokens that are to be learned, as far as that is known.
        counts: how often the n-th token was counted, where most were learned so far.
    """

    base: Vocabulary
    script: str | None
    min_count: int
    n_slices: int
    n_groups: int
    step: int
    alone: NDArray[np.bool_]
    pair_counts: NDArray[np.int64]
    measured: tuple[Encoded, NDArray[np.int32], NDArray[np.int32]]
    whole: tuple[Encoded, NDArray[np.int32]]
    crossed: Crossed | None = None
    levels: dict[int, Level] = field(default_factory=dict)
    most: int = 0
    counts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def of(
        base: Vocabulary,
        source: CountsTable,
        tables: Sequence[CountsTable],
        alone: NDArray[np.bool_],
        script: str | None,
        min_count: int,
        step: int,
        *,
        selected: bool = False,
    ) -> Pieces:
        """Encode a source of one slice, and the tables to measure on, whose slices are the same; `selected`: see `crossed`."""
        crossed = Crossed.of(base.tokens) if selected else None
        members = np.zeros(1, np.uint8) if script is None else scripts_table(script.split(","))
        table = _neighbours(source, members)
        encoded = Encoded.of(base, source)
        strengths = _strengths(base, encoded, source, members, table, crossed)
        apart, marked = [], []
        for each in tables:
            apart.append(Encoded.of(base, each))
            marked.append(_strengths(base, apart[-1], each, members, table, crossed))
        groups = [
            np.repeat(np.arange(len(each.slices)) + number * len(each.slices), [b - a for a, b in slice_rows(each)])
            for number, each in enumerate(tables)
        ]
        return Pieces(
            base,
            script,
            min_count,
            len(tables[0].slices),
            sum(len(each.slices) for each in tables),
            step,
            alone,
            -np.sort(-table[table[:, 0] > 0, 1]),
            (_joined(apart), np.concatenate(marked), np.concatenate(groups).astype(np.int32)),
            (encoded, strengths),
            crossed,
        )

    def learn(self, cut: int, start: Vocabulary, wanted: int) -> Merges:
        """Learn on so many tokens of the base, and return how often merging makes each in what is measured.

        Args:
            cut: how many.
            start: those.
            wanted: how many tokens to learn, or as many as the counts support.
        """
        base = start if self.crossed else self.base
        if not wanted:
            return Merges(np.empty((self.n_slices, 0), np.int64), np.empty((self.n_groups, 0), np.int64))
        line = 0 if self.script is None else self._guessed(wanted)
        while True:
            level = self._level(line, wanted)
            source = level.source.again(self.base, start) if self.crossed else level.source
            tokens, learned = learn_below(base, source, cut, start, wanted, self.script, self.min_count)
            if level.least <= self.min_count or (len(tokens) == wanted and learned[-1, 2] >= level.least):
                break
            line = max(level.least // 2, self.min_count)
        with self.lock:
            if len(tokens) > self.counts.size:
                self.counts = learned[:, 2].copy()
        measured = level.measured.again(self.base, start) if self.crossed else level.measured
        return self._merges(base, measured, level, cut, learned)

    def _guessed(self, wanted: int) -> int:
        """Return a line that so many learned tokens should be counted more often than."""
        if not self.pair_counts.size:
            return 0
        counts = self.counts
        if counts.size:
            last = int(counts[min(wanted, counts.size) - 1])
            return int(_SAFE * last * min(1.0, counts.size / wanted) ** _DECAY)
        n_pairs = int(_MORE_PAIRS * max(wanted, self.most))
        return int(self.pair_counts[min(n_pairs, self.pair_counts.size - 1)])

    def _level(self, line: int, wanted: int) -> Level:
        """Return the highest level for a line, a new one where none is near and many tokens are wanted."""
        with self.lock:
            below = max((each for each in self.levels if each <= line * _SLIGHTLY_ABOVE), default=-1)
            if below < 0 or (below < line * _NEAR_ENOUGH and wanted > _FEW):
                whole = self.whole if below < 0 else (self.levels[below].source, self.levels[below].strengths)
                source, strengths, _ = _gathered(*whole, line, self.alone, note=False)
                self.levels[line] = Level(line, source, strengths, *self._measured(line))
                below = line
            return self.levels[below]

    def _measured(self, line: int) -> tuple[Encoded, NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """Return what is measured in pieces, and their uses by group."""
        encoded, strengths, groups = self.measured
        pieces, _, noted = _gathered(encoded, strengths, line, self.alone, note=True)
        at = np.flatnonzero(noted)
        rows = np.repeat(np.arange(groups.size), np.diff(encoded.starts))[at]
        keys = (noted[at].astype(np.int64) - 1) * self.n_groups + groups[rows]
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        sums = np.add.reduceat(encoded.counts[rows[order]], firsts) if firsts.size else np.empty(0, np.int64)
        owners, in_groups = np.divmod(keys[firsts], self.n_groups)
        starts = np.searchsorted(owners, np.arange(pieces.counts.size + 1))
        return pieces, starts.astype(np.int64), in_groups.astype(np.int32), sums

    def _merges(
        self, base: Vocabulary, measured: Encoded, level: Level, cut: int, learned: NDArray[np.int64]
    ) -> Merges:
        """Count how often merging makes each learned token in what is measured, as a base encodes it."""
        n_learned = learned.shape[0]
        of_slices = np.zeros((self.n_slices, n_learned), np.int64)
        of_groups = np.zeros((self.n_groups, -(-n_learned // self.step)), np.int64)
        if n_learned:
            starts, expanded = expanded_below(base, cut)
            pairs = np.full(1 << (2 * n_learned).bit_length(), NO_PAIR, np.uint64)
            partners = np.zeros(cut + n_learned, np.uint64)
            kernels.index_learned(learned, cut, pairs, partners)
            sizes = np.zeros(measured.ids.size + 1, np.int64)
            np.cumsum(np.diff(starts)[measured.ids], out=sizes[1:])
            longest = int(np.diff(sizes[measured.starts]).max(initial=1))
            kernels.add_merges(
                measured.ids, measured.starts, starts, expanded, learned, cut, pairs, partners,
                level.use_starts, level.use_groups, level.use_counts, np.empty((4, longest), np.int32),
                np.empty(3 * longest if longest > SCAN_LIMIT else 0, np.uint64), self.step, of_slices, of_groups,
            )  # fmt: skip
        return Merges(of_slices, of_groups)


def _neighbours(table: CountsTable, members: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the pairs of characters that stand side by side: see `tokkit.kernels.pieces`."""
    found = np.zeros((1 << 16, 2), np.int64)
    row = n_pairs = 0
    while True:
        row, n_pairs = kernels.count_neighbours(table.data, table.starts, table.counts, members, row, found, n_pairs)
        if row == len(table):
            return found
        larger = np.zeros((2 * found.shape[0], 2), np.int64)
        move_pairs(found, larger)
        found = larger


def _strengths(
    base: Vocabulary,
    encoded: Encoded,
    table: CountsTable,
    members: NDArray[np.uint8],
    neighbours: NDArray[np.int64],
    crossed: Crossed | None,
) -> NDArray[np.int32]:
    """Return the strength of the border behind each id."""
    strengths = np.empty(encoded.ids.size, np.int32)
    lengths = np.fromiter(map(len, base.tokens), np.int64, len(base.tokens))
    kernels.mark_strengths(
        table.data, table.starts, members, neighbours, encoded.ids, encoded.starts, lengths, strengths
    )
    if crossed is not None:
        kernels.mark_crossed(
            table.data, table.starts, np.ones_like(crossed.sides), crossed.pairs, crossed.sides,
            encoded.ids, encoded.starts, lengths, strengths,
        )  # fmt: skip
    return strengths


def _joined(parts: Sequence[Encoded]) -> Encoded:
    """Return pretokens one after the other."""
    return Encoded(
        np.concatenate([each.ids for each in parts]),
        joined_starts([each.starts for each in parts]),
        np.concatenate([each.counts for each in parts]),
    )


def _gathered(
    encoded: Encoded, strengths: NDArray[np.int32], line: int, alone: NDArray[np.bool_], *, note: bool
) -> tuple[Encoded, NDArray[np.int32], NDArray[np.int32]]:
    """Cut pretokens at a line, and return the distinct pieces, their strengths, and which ends with each id, if noted."""
    ids, marks = np.empty((2, encoded.ids.size), np.int32)
    starts = np.empty(encoded.ids.size + 1, np.int64)
    starts[0] = 0
    counts = np.empty(encoded.ids.size, np.int64)
    noted = np.empty(encoded.ids.size if note else 0, np.int32)
    slots = np.zeros(1 << 16, np.int32)
    row = n_pieces = 0
    while True:
        row, n_pieces = kernels.gather_pieces(
            encoded.ids, encoded.starts, encoded.counts, strengths, line, alone, row,
            slots, n_pieces, ids, marks, starts, counts, noted,
        )  # fmt: skip
        if row == encoded.counts.size:
            break
        slots = np.zeros(4 * slots.size, np.int32)
        kernels.place_pieces(ids, starts, n_pieces, slots)
    used = int(starts[n_pieces])
    pieces = Encoded(ids[:used].copy(), starts[: n_pieces + 1].copy(), counts[:n_pieces].copy())
    return pieces, marks[:used].copy(), noted
