"""Plan a vocabulary: at a fixed size, how many tokens of a base, and how many learned ones.

Every slot goes to the base or to learning, and each further slot on a side saves less than the one before. So the sum has a best
split, where the last slot saves the same on both sides.

What a split comes to is known exactly where it was learned: tokens are learned on a few prefixes of the base, and the curve of
each result (`tokkit.curves`) has every number of learned tokens at once. Between those prefixes, pretokens that no learned token
can touch have the base's own curve, which is exact; those that one can, which are few or none of English and code for a script
such as Han, are drawn as a straight line between two neighbours with as many learned tokens. The best split found in that way is
learned in its turn, until the best is near one that was learned; so the figures of the best split and of the seed are exact.

A straight line lies above a curve that flattens. So splits between learned ones are a little better than drawn, the margins and
the costs of being wrong are rather too high than too low, and the best split found leans to prefixes that were learned.

Measured on the text it was learned from, learning looks better than it is: give held-out counts to measure on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.curves import LEAST_CUT, curve, require_pattern
from tokkit.errors import InputError, SizeError
from tokkit.kernels.scripts import count_members
from tokkit.kernels.sort import gather_strings
from tokkit.learn import learn
from tokkit.select import select
from tokkit.unicode import script_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.vocabulary import Vocabulary

SEED = 60_004
LADDER = (64_000, 96_000, 128_000, 160_000)
PREFIXES = 5
WRONG_BY = 5_000
_WINDOW = 1_000  # slots over which a margin is averaged
_NEAR = 500  # a best split this near to one that was learned is as good
_REFINEMENTS = 3


@dataclass(frozen=True)
class Split:
    """So many tokens of the base and so many learned: what they come to.

    Attributes:
        prefix: tokens of the base.
        learned: learned tokens.
        bytes_per_token: of the mixture.
        by_language: the same for the bytes of each language, as they are in the counts.
        exact: whether it was learned; else drawn between two that were.
    """

    prefix: int
    learned: int
    bytes_per_token: float
    by_language: Mapping[str, float]
    exact: bool


@dataclass(frozen=True)
class Margin:
    """What the last slots save at a split, in tokens per gigabyte of the mixture: on the base's side, on learning's."""

    base: float
    learned: float


@dataclass(frozen=True)
class Plan:
    """The best split of a size, and what stands around it.

    Attributes:
        base: the base's name.
        asked: the size that was asked for.
        n_vocab: the largest multiple that fits in it.
        multiple: what divides it.
        spares: ids that are neither of the base nor learned.
        script: the script of the learned tokens; None for any.
        min_count: the least count of a learned token.
        best: the best split.
        seed: the split with the seed's prefix; None where it has no place in the size.
        best_margin: what the last slots save at the best split.
        seed_margin: the same at the seed's.
        wrong: the splits with 5,000 slots fewer for the base, and 5,000 more, where there are such.
        frontier: splits of the size, by prefix.
        ladder: size -> its best split.
        same_text: whether it was measured on the counts it learned from, which flatters learning.
    """

    base: str
    asked: int
    n_vocab: int
    multiple: int
    spares: int
    script: str | None
    min_count: int
    best: Split
    seed: Split | None
    best_margin: Margin
    seed_margin: Margin | None
    wrong: tuple[Split, ...]
    frontier: tuple[Split, ...]
    ladder: Mapping[int, Split]
    same_text: bool


def plan(
    base: Vocabulary,
    table: CountsTable,
    size: int,
    *,
    learn_from: CountsTable | None = None,
    weights: Mapping[tuple[str, str], float] | None = None,
    script: str | None = "Han",
    min_count: int = 2,
    multiple: int = 1,
    spares: int = 0,
    seed: int = SEED,
    ladder: Sequence[int] = LADDER,
    progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Find the best split of a size between the tokens of a base and learned ones.

    Args:
        base: the base; its special tokens are left behind.
        table: the counts to measure on.
        size: how many ids there may be at most.
        learn_from: the counts to learn from; those to measure on when omitted.
        weights: each slice's share of the bytes of a mixture (`tokkit.counts.slice_weights`); as they are when omitted.
        script: the script of the learned tokens, as in `tokkit.learn.learn`.
        min_count: the least count of a learned token.
        multiple: the size becomes the largest multiple of this in it.
        spares: how many ids are left over.
        seed: the prefix whose split stands beside the best.
        ladder: further sizes to answer the same question for.
        progress: called with the prefixes learned on so far, and how many there are at most.

    Raises:
        SizeError: a size without room for the single bytes.
        MismatchError: counts that were cut by another pattern than the base's.
        InputError: empty counts, or weights that leave nothing of them.
        TokkitError: as `tokkit.learn.learn`.
    """
    source = table if learn_from is None else learn_from
    for each in (table, source):
        require_pattern(base, each)
    n_vocab = size - size % multiple
    room = n_vocab - spares
    if room < LEAST_CUT:
        raise SizeError(
            f"size {size:,} has no room: {n_vocab:,} - {spares:,} spares = {room:,}, and 256 are single bytes",
            "ask for more, or for fewer spares",
        )
    ranks = select(base, base.n_ranks, fill=True).vocabulary
    rooms = {each: each - each % multiple - spares for each in ladder}
    rooms = {each: at for each, at in rooms.items() if at >= LEAST_CUT}
    ground = _Ground.of(ranks, table, source, weights, script, min_count, max(room, *rooms.values(), 0))
    most = min(len(ranks.tokens), room)
    cuts = _first_cuts(min(len(ranks.tokens), ground.top), seed)
    for done, cut in enumerate(cuts):
        if progress:
            progress(done, len(cuts) + _REFINEMENTS)
        ground.learn_on(cut)
    for done in range(_REFINEMENTS):
        if progress:
            progress(len(cuts) + done, len(cuts) + _REFINEMENTS)
        found = ground.best(room)
        if min(abs(found - cut) for cut in ground.learned_rates) <= _NEAR:
            break
        ground.learn_on(found)
    best = min(ground.learned_rates, key=lambda cut: (ground.rate(cut, room), cut) if cut <= room else (np.inf, cut))
    seeded = seed in ground.learned_rates and seed <= room
    steps = sorted({*ground.learned_rates, *range(10_000, most, 10_000)})
    return Plan(
        base.name,
        size,
        n_vocab,
        multiple,
        n_vocab - best - ground.split(best, room).learned,
        script,
        min_count,
        ground.split(best, room),
        ground.split(seed, room) if seeded else None,
        ground.margin(best, room),
        ground.margin(seed, room) if seeded else None,
        tuple(
            ground.split(best + by, room)
            for by in (-WRONG_BY, WRONG_BY)
            if ground.least <= best + by <= min(most, ground.most)
        ),
        tuple(ground.split(cut, room) for cut in steps if ground.least <= cut <= most),
        {each: ground.split(ground.best(at), at) for each, at in rooms.items()},
        learn_from is None,
    )


def _first_cuts(most: int, seed: int) -> list[int]:
    """Return the prefixes to learn on at first: evenly spread, the seed in place of its neighbour."""
    cuts = [max(LEAST_CUT, most * (number + 1) // PREFIXES) for number in range(PREFIXES)]
    if LEAST_CUT <= seed <= most:
        nearest = min(range(PREFIXES - 1), key=lambda number: abs(cuts[number] - seed))
        cuts[nearest] = seed
    return sorted(set(cuts))


@dataclass
class _Ground:
    """What is known: tokens a byte of the mixture and of each language, for every prefix, and what learning on some gains.

    Attributes:
        base: the base's ranks.
        touched: the rows to measure on that learned tokens may touch.
        source: the rows of the counts to learn from that matter.
        script: the script of the learned tokens.
        min_count: the least count of a learned token.
        top: the largest number of ranks that is asked about.
        groups: the languages.
        shares: float64[1 + n_groups, n_slices]: makes tokens a byte of the mixture, and of each language, out of tokens.
        prefix_rates: float64[1 + n_groups, n_base + 1], tokens of the other rows a byte, with each prefix.
        learned_rates: prefix -> float64[1 + n_groups, n_learned + 1], tokens of the touched rows a byte, with so many learned.
    """

    base: Vocabulary
    touched: CountsTable
    source: CountsTable
    script: str | None
    min_count: int
    top: int
    groups: tuple[str, ...]
    shares: NDArray[np.float64]
    prefix_rates: NDArray[np.float64]
    learned_rates: dict[int, NDArray[np.float64]]

    @staticmethod
    def of(
        base: Vocabulary,
        table: CountsTable,
        source: CountsTable,
        weights: Mapping[tuple[str, str], float] | None,
        script: str | None,
        min_count: int,
        top: int,
    ) -> _Ground:
        """Measure every prefix of the base."""
        n_bytes = np.array([part.bytes for part in table.slices], np.float64)
        if not n_bytes.sum():
            raise InputError("the counts are empty: there is nothing to plan on", "count a corpus first")
        groups = tuple(dict.fromkeys(part.language for part in table.slices))
        shares = np.zeros((1 + len(groups), len(table.slices)))
        for number, part in enumerate(table.slices):
            if n_bytes[number]:
                share = weights[part.key] if weights else n_bytes[number] / n_bytes.sum()
                shares[0, number] = share / n_bytes[number]
            group = [n_bytes[other] for other, each in enumerate(table.slices) if each.language == part.language]
            shares[1 + groups.index(part.language), number] = 1 / max(sum(group), 1)
        if not shares[0].any():
            raise InputError("the weights leave nothing of the counts table")
        touched = np.ones(len(table), np.bool_) if script is None else _touched(table, script)
        others = curve(base, _rows(table, ~touched)).tokens
        taught = source if script is None else _rows(source, _with_script(source, script))
        return _Ground(base, _rows(table, touched), taught, script, min_count, top, groups, shares, shares @ others, {})

    @property
    def least(self) -> int:
        """The lowest prefix that was learned on."""
        return min(self.learned_rates)

    @property
    def most(self) -> int:
        """The highest prefix that was learned on."""
        return max(self.learned_rates)

    def learn_on(self, cut: int) -> None:
        """Learn as many tokens on a prefix as may be asked about or as the counts support, and measure them all."""
        whole = prefix = select(self.base, cut).vocabulary
        wanted = self.top - cut
        if wanted > 0:
            learned = learn(self.source, prefix, wanted, script=self.script, min_count=self.min_count, exact=False)
            whole = replace(prefix, tokens=prefix.tokens + learned.tokens, segments=())
        self.learned_rates[cut] = self.shares @ curve(whole, self.touched).tokens[:, cut:]

    def rates(self, prefixes: NDArray[np.int64], room: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """Return float64[1 + n_groups, n]: tokens a byte for prefixes and as many learned tokens as there is room for."""
        learned = np.maximum(room - prefixes, 0)
        cuts = sorted(self.learned_rates)
        above = np.clip(np.searchsorted(cuts, prefixes), 1, len(cuts) - 1) if len(cuts) > 1 else np.zeros_like(prefixes)
        low = np.array(cuts)[np.maximum(above - 1, 0)]
        high = np.array(cuts)[above]
        share = np.clip((prefixes - low) / np.maximum(high - low, 1), 0, 1)
        drawn = np.zeros((self.shares.shape[0], prefixes.size))
        for cut in cuts:
            of_cut = self.learned_rates[cut][:, np.minimum(learned, self.learned_rates[cut].shape[1] - 1)]
            weight = np.where(high == cut, share, 0.0) + np.where(low == cut, 1 - share, 0.0)
            drawn += of_cut * (weight if len(cuts) > 1 else 1.0)
        return self.prefix_rates[:, prefixes] + drawn

    def rate(self, prefix: int, room: int) -> float:
        """Return tokens a byte of the mixture."""
        return float(self.rates(np.array([prefix]), room)[0, 0])

    def best(self, room: int) -> int:
        """Return the prefix of the best split, drawn between those that were learned; of equals the smallest."""
        prefixes = np.arange(self.least, max(min(self.most, room), self.least) + 1)
        return int(prefixes[np.argmin(self.rates(prefixes, room)[0])])

    def split(self, prefix: int, room: int) -> Split:
        """Return what a split comes to."""
        rates = self.rates(np.array([prefix]), room)[:, 0].tolist()
        near = min(self.learned_rates, key=lambda cut: (abs(cut - prefix), cut))
        learned = min(max(room - prefix, 0), self.learned_rates[near].shape[1] - 1)
        by_language = {group: 1 / rate for group, rate in zip(self.groups, rates[1:], strict=True) if rate}
        return Split(prefix, learned, 1 / rates[0], by_language, prefix in self.learned_rates)

    def margin(self, prefix: int, room: int) -> Margin:
        """Return what the last slots on each side save: the split, less with a window of slots fewer on that side."""
        back = min(_WINDOW, max(prefix - self.least, 1))
        fewer = min(_WINDOW, max(room - prefix, 1))
        here = self.rate(prefix, room)
        base = self.rate(prefix - back, room - back) - here if prefix > self.least else 0.0
        return Margin(1e9 * base / back, 1e9 * (self.rate(prefix, room - fewer) - here) / fewer)


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
