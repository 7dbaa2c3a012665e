"""What a plan stands on: tokens for every number of tokens of the base, and of learned ones on some of those.

Tokens are learned on a few prefixes of the base, and the curve of each result (`tokkit.curves`) has every number of learned
tokens at once. Between those prefixes, pretokens that no learned token can touch, which are most of English and code for a script
such as Han, have the base's own curve, which is exact; those that one can are drawn as a straight line between two neighbours
with as many learned tokens. A straight line lies above a curve that flattens.

By usage there is no such curve of the base: what its most needed tokens come to is measured every few thousand, and drawn
between.

Where the counts keep folds of documents apart, all of that is known of each fold too, every `FOLD_STEP` tokens: draw as many
folds again with replacement, add up, and see how much the figures differ (`intervals` of `tokkit.plan`). Nothing is encoded
again for a draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_folds import folds_apart, unfolded
from tokkit.curves import LEAST_CUT, curve
from tokkit.errors import InputError
from tokkit.kernels.scripts import count_members
from tokkit.kernels.sort import gather_strings
from tokkit.learn import learn
from tokkit.select import select
from tokkit.unicode import script_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.usage import Usage
    from tokkit.vocabulary import Vocabulary

DRAWS = 1_000
QUANTILES = (0.025, 0.975)
FOLD_STEP = 128
_USAGE_STEP = 5_000
_RANDOM = 92_544  # where the draws begin


@dataclass(frozen=True, eq=False)
class Line:
    """Values at some whole numbers, and straight between them.

    Attributes:
        at: int64[m], ascending.
        values: float64[n_rows, m].
    """

    at: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def last(self) -> int:
        """The highest number with a value; beyond it the value stays."""
        return int(self.at[-1])

    def read(self, points: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return float64[n_rows, n]: the values at points."""
        above = np.clip(np.searchsorted(self.at, points), 1, self.at.size - 1) if self.at.size > 1 else 0 * points
        low = self.at[np.maximum(above - 1, 0)]
        share = np.clip((points - low) / np.maximum(self.at[above] - low, 1), 0, 1)
        drawn: NDArray[np.float64] = self.values[:, np.maximum(above - 1, 0)] * (1 - share)
        drawn += self.values[:, above] * share
        return drawn

    def joined(self, other: Line) -> Line:
        """Return a line through the values of both; those of the other where both have one."""
        mine = ~np.isin(self.at, other.at)
        at = np.concatenate([self.at[mine], other.at])
        order = np.argsort(at)
        return Line(at[order], np.concatenate([self.values[:, mine], other.values], axis=1)[:, order])


@dataclass
class Measures:
    """Tokens of the rows that learned tokens cannot touch, and of the others, as lines.

    Attributes:
        others: by how many tokens of the base.
        learned: of the touched rows, by how many learned tokens, for each number of the base's that was learned on.
    """

    others: Line
    learned: dict[int, Line] = field(default_factory=dict)

    def read(self, prefixes: NDArray[np.int64], room: int | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return float64[n_rows, n]: with so many of the base, and as many learned tokens as there is room for."""
        n_learned = np.maximum(room - prefixes, 0)
        cuts = np.array(sorted(self.learned), np.int64)
        above = np.clip(np.searchsorted(cuts, prefixes), 1, cuts.size - 1) if cuts.size > 1 else 0 * prefixes
        low, high = cuts[np.maximum(above - 1, 0)], cuts[above]
        share = np.clip((prefixes - low) / np.maximum(high - low, 1), 0, 1)
        values = self.others.read(prefixes)
        for cut, line in self.learned.items():
            weight = np.where(high == cut, share, 0.0) + np.where((low == cut) & (low < high), 1 - share, 0.0)
            weight = weight if cuts.size > 1 else np.ones(prefixes.size)
            used = np.flatnonzero(weight)
            values[:, used] += line.read(n_learned[used]) * weight[used]
        return values


@dataclass
class Ground:
    """What is known.

    Attributes:
        base: the base's ranks.
        usage: the order by usage; None where the base is cut by rank.
        source: the counts to learn from that matter.
        script: the script of the learned tokens.
        min_count: the least count of a learned token.
        top: the largest number of ranks that is asked about.
        groups: the languages.
        shares: float64[1 + n_groups, n_slices]: makes tokens a byte of the mixture, and of each language, out of tokens.
        touched: the rows that learned tokens may touch: one table, or one a fold.
        others: the other rows, likewise.
        rates: tokens a byte of the mixture and of each language.
        folds: tokens of each slice of each fold, slice by slice; None without folds.
        fold_bytes: float64[n_folds, n_slices].
    """

    base: Vocabulary
    usage: Usage | None
    source: CountsTable
    script: str | None
    min_count: int
    top: int
    groups: tuple[str, ...]
    shares: NDArray[np.float64]
    touched: Sequence[CountsTable]
    others: Sequence[CountsTable]
    rates: Measures
    folds: Measures | None
    fold_bytes: NDArray[np.float64]

    @staticmethod
    def of(
        base: Vocabulary,
        table: CountsTable,
        source: CountsTable,
        weights: Mapping[tuple[str, str], float] | None,
        usage: Usage | None,
        script: str | None,
        min_count: int,
        top: int,
    ) -> Ground:
        """Measure the rows that learned tokens cannot touch, with every prefix of the base."""
        groups, shares = _shares(table, weights)
        tables = folds_apart(table) if table.folds else [unfolded(table)]
        touched = [np.ones(len(each), np.bool_) if script is None else _touched(each, script) for each in tables]
        none = Line(np.zeros(1, np.int64), np.zeros((0, 1)))
        ground = Ground(
            base,
            usage,
            source if script is None else _rows(source, _with_script(source, script)),
            script,
            min_count,
            top,
            groups,
            shares,
            [_rows(each, wanted) for each, wanted in zip(tables, touched, strict=True)],
            [_rows(each, ~wanted) for each, wanted in zip(tables, touched, strict=True)],
            Measures(none),
            Measures(none) if table.folds else None,
            np.array([[part.bytes for part in each.slices] for each in tables], np.float64),
        )
        if usage is None:
            ground._measure_others(base, np.arange(len(base.tokens) + 1))
        else:
            cuts = sorted({*range(LEAST_CUT, base.n_ranks, _USAGE_STEP), base.n_ranks})
            for number, cut in enumerate(cuts):
                ground._measure_others(usage.vocabulary(cut), np.array([cut]), anew=number == 0)
        return ground

    @property
    def known(self) -> list[int]:
        """The numbers of the base's tokens that were learned on, ascending."""
        return sorted(self.rates.learned)

    def learn_on(self, cut: int) -> None:
        """Learn as many tokens on a number of the base's as may be asked about or as the counts support; measure them all."""
        start = select(self.base, cut).vocabulary if self.usage is None else self.usage.vocabulary(cut)
        if self.usage is not None:
            self._measure_others(start, np.array([cut]), anew=False)
        whole, wanted = start, self.top - cut
        if wanted > 0:
            learned = learn(self.source, start, wanted, script=self.script, min_count=self.min_count, exact=False)
            whole = replace(start, tokens=start.tokens + learned.tokens, segments=())
        at = np.arange(len(whole.tokens) - cut + 1)
        rates, folds = self._lines(whole, self.touched, at, cut)
        self.rates.learned[cut] = rates
        if self.folds is not None:
            self.folds.learned[cut] = folds

    def _measure_others(self, vocabulary: Vocabulary, at: NDArray[np.int64], *, anew: bool = True) -> None:
        """Measure the rows that learned tokens cannot touch with a vocabulary: its whole, or all its prefixes."""
        rates, folds = self._lines(vocabulary, self.others, at, 0 if at.size > 1 else len(vocabulary.tokens))
        self.rates.others = rates if anew else self.rates.others.joined(rates)
        if self.folds is not None:
            self.folds.others = folds if anew else self.folds.others.joined(folds)

    def _lines(
        self, vocabulary: Vocabulary, tables: Sequence[CountsTable], at: NDArray[np.int64], first: int
    ) -> tuple[Line, Line]:
        """Return the rates of some rows at the cuts from `first` on, called `at`, and the tokens of each fold at some."""
        coarse = np.unique(np.append(np.arange(0, at.size, FOLD_STEP), at.size - 1))
        total = np.zeros((self.shares.shape[1], at.size), np.int64)
        apart = []
        for table in tables:
            tokens = curve(vocabulary, table).tokens[:, first:]
            total += tokens
            apart.append(tokens[:, coarse])
        return Line(at, self.shares @ total), Line(at[coarse], np.concatenate(apart).astype(np.float64))

    def read(self, prefixes: Sequence[int] | NDArray[np.int64], room: int) -> NDArray[np.float64]:
        """Return float64[1 + n_groups, n]: tokens a byte, with so many of the base and learned tokens in the rest of the room."""
        return self.rates.read(np.asarray(prefixes, np.int64), room)

    def rate(self, prefix: int, room: int) -> float:
        """Return tokens a byte of the mixture."""
        return float(self.read([prefix], room)[0, 0])

    def best(self, room: int) -> int:
        """Return the prefix of the best split, drawn between those that were learned; of equals the smallest."""
        prefixes = self.prefixes(room)
        return int(prefixes[np.argmin(self.read(prefixes, room)[0])])

    def prefixes(self, room: int) -> NDArray[np.int64]:
        """Return the numbers of the base's tokens from the lowest to the highest learned on that have a place in a room."""
        lowest, highest = self.known[0], min(self.known[-1], room)
        return np.arange(lowest, max(highest, lowest) + 1)

    def draws(self, prefixes: Sequence[int] | NDArray[np.int64], rooms: int | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return float64[1 + n_groups, n_draws, n]: what `read` would be, had each draw of folds been all the text.

        The mixture stays as it is; a slice of which a draw has nothing keeps the tokens a byte that it has in all. What
        folds are known by coarser steps is made up for: all folds once would be what `read` is.
        """
        if self.folds is None:
            return np.empty((self.shares.shape[0], 0, len(prefixes)))
        n_folds, n_slices = self.fold_bytes.shape
        drawn = np.random.default_rng(_RANDOM).integers(0, n_folds, (DRAWS, n_folds))
        times = np.stack([np.bincount(each, minlength=n_folds) for each in drawn]).astype(np.float64)
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


def _touched(table: CountsTable, script: str) -> NDArray[np.bool_]:
    """Tell for each row whether tokens of a script may be in it: whole characters, or their leading bytes, two or more."""
    leads = np.zeros(1 << 16, np.bool_)
    for code_point in np.flatnonzero(_members(script)).tolist():
        if 0xD800 <= code_point < 0xE000:
            continue
        data = chr(code_point).encode()
        if len(data) == 1:
            leads[data[0] << 8 : (data[0] + 1) << 8] = True  # whatever follows
        else:
            leads[data[0] << 8 | data[1]] = True
    pairs = table.data.astype(np.uint16) << 8
    pairs[:-1] |= table.data[1:]
    found = np.zeros(pairs.size + 1, np.int64)
    np.cumsum(leads[pairs], out=found[1:])
    return found[table.starts[1:]] > found[table.starts[:-1]]


def _with_script(table: CountsTable, script: str) -> NDArray[np.bool_]:
    """Tell for each row whether it holds a character of a script: the others teach nothing, and cost time."""
    found = np.empty(len(table), np.int32)
    count_members(table.data, table.starts, _members(script), found)
    return found > 0


def _members(script: str) -> NDArray[np.uint8]:
    members: NDArray[np.uint8] = np.maximum.reduce([script_table(each.strip()) for each in script.split(",")])
    return members


def _rows(table: CountsTable, wanted: NDArray[np.bool_]) -> CountsTable:
    """Return some rows of a table; its slices and their totals stay."""
    kept = np.flatnonzero(wanted)
    starts = np.empty(kept.size + 1, np.int64)
    data = np.empty(int(np.diff(table.starts)[kept].sum()), np.uint8)
    gather_strings(table.data, table.starts, kept, data, starts)
    return replace(
        table,
        slice_ids=table.slice_ids[kept],
        data=data,
        starts=starts,
        counts=table.counts[kept],
        documents=table.documents[kept],
    )
