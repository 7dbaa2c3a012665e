"""Plan a vocabulary: at a fixed size, how many tokens of a base, and how many learned ones.

Every slot goes to the base or to learning, and each further slot on a side saves less than the one before. So the sum has a best
split, where the last slot saves the same on both sides.

What a split comes to is known exactly where it was learned, and every split of a plan was: the best, the seed's, the frontier
every 5,000 slots (fewer for a small size), those beside the best, those that the margins take slots from, the best of each size
of the ladder. What lies between is guessed (`tokkit.plan_ground`), to know where to learn next: a few splits are learned, evenly
spread; then where the guess is lowest, until that is within 500 slots of a learned one, or better by less than a hundred-
thousandth; so for each size of the ladder. Then all the rest that is shown is learned; where one of those turns out better, all
is looked at again. Where any script may be learned, the guess lies above the truth, so that more is learned: until a worse split
is known within 1,000 slots on either side of the best, or until the text cannot tell the neighbours apart.

Measured on the text it was learned from, learning looks better than it is: give held-out counts to measure on. The best is
chosen on the text that it is measured on; so are its neighbours, and none of them by more than the intervals say.

Where the counts keep folds of documents apart, each figure has its interval: 95 in 100 draws of as many folds, with
replacement, lie in it. It says how much other documents of the same sources would change a figure, and nothing of other sources.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts import slice_weights
from tokkit.counts_folds import Interval, interval_of, unfolded
from tokkit.curves import LEAST_CUT, is_closed, require_pattern
from tokkit.errors import InputError, SizeError
from tokkit.plan_ground import Ground
from tokkit.plan_search import MOST_LEARNINGS, WINDOW, beside, best_learned, neighbours, rounds, window_below
from tokkit.select import select
from tokkit.usage import order_by_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.usage import Usage
    from tokkit.vocabulary import Vocabulary

SEED = 60_004
LADDER = (64_000, 96_000, 128_000, 160_000)
_AROUND = 10_000  # slots on either side of the best whose learned splits say where the best of a draw is
_ENOUGH_FOR_FOUR = 6


@dataclass(frozen=True)
class Split:
    """So many tokens of the base and so many learned: what they come to.

    Attributes:
        prefix: tokens of the base.
        learned: learned tokens.
        bytes_per_token: of the mixture.
        by_language: the same for the bytes of each language, as they are in the counts.
        interval: that of the bytes per token; None without folds.
        change: tokens against the best split: 0.01 for one in a hundred more.
        change_interval: that of the change; both splits are measured on the same draws.
        language_intervals: those of `by_language`.
    """

    prefix: int
    learned: int
    bytes_per_token: float
    by_language: Mapping[str, float]
    interval: Interval | None = None
    change: float = 0.0
    change_interval: Interval | None = None
    language_intervals: Mapping[str, Interval] | None = None


@dataclass(frozen=True)
class Margin:
    """What the last slots save at a split, in tokens per gigabyte of the mixture: on the base's side, on learning's."""

    base: float
    learned: float
    base_interval: Interval | None = None
    learned_interval: Interval | None = None


@dataclass(frozen=True)
class Plan:
    """The best split of a size, and what stands around it.

    Attributes:
        base: the base's name.
        by: `rank` for a prefix of the base, `usage` for the tokens of it that are needed most.
        asked: the size that was asked for.
        n_vocab: the largest multiple that fits in it.
        multiple: what divides it.
        spares: ids that are neither of the base nor learned.
        script: the script of the learned tokens; None for any.
        min_count: the least count of a learned token.
        best: the best split.
        best_interval: where the best split is for 95 in 100 draws, in tokens of the base; None without folds.
        bracket: the nearest learned splits on either side of the best, which are worse; the best itself at an end.
        seed: the split with the seed's prefix; None where it has no place in the size.
        best_margin: what the last slots save at the best split.
        seed_margin: the same at the seed's.
        wrong: the splits with 5,000 slots fewer for the base, and 5,000 more, where there are such.
        frontier: all learned splits of the size, by prefix, some 5,000 apart or nearer; the last has no learned tokens.
        ladder: size -> its best split.
        learned_on: the numbers of the base's tokens that were learned on.
        folds: how many folds the intervals come from; 0 for none.
        same_text: whether it was measured on the counts it learned from, which flatters learning.
    """

    base: str
    by: str
    asked: int
    n_vocab: int
    multiple: int
    spares: int
    script: str | None
    min_count: int
    best: Split
    best_interval: tuple[int, int] | None
    bracket: tuple[int, int]
    seed: Split | None
    best_margin: Margin
    seed_margin: Margin | None
    wrong: tuple[Split, ...]
    frontier: tuple[Split, ...]
    ladder: Mapping[int, Split]
    learned_on: tuple[int, ...]
    folds: int
    same_text: bool


def plan(
    base: Vocabulary,
    table: CountsTable,
    size: int,
    *,
    learn_from: CountsTable | None = None,
    weights: Mapping[str, float] | None = None,
    by_usage: bool = False,
    script: str | None = "Han",
    min_count: int = 2,
    multiple: int = 1,
    spares: int = 0,
    seed: int = SEED,
    ladder: Sequence[int] = LADDER,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Find the best split of a size between the tokens of a base and learned ones.

    Args:
        base: the base; its special tokens are left behind.
        table: the counts to measure on; with folds (`tokkit.counts.load(path, folds=True)`) figures have intervals.
        size: how many ids there may be at most.
        learn_from: the counts to learn from; those to measure on when omitted.
        weights: the mixture: slice name to share of the bytes (`tokkit.counts.slice_weights`); as they are when omitted.
        by_usage: keep the tokens of the base that `learn_from` needs most, in place of a prefix; it must have text of
            every language that is measured.
        script: the script of the learned tokens, as in `tokkit.learn.learn`.
        min_count: the least count of a learned token.
        multiple: the size becomes the largest multiple of this in it.
        spares: how many ids are left over.
        seed: the prefix whose split stands beside the best.
        ladder: further sizes to answer the same question for.
        jobs: threads to learn with, each with memory of its own; 0 is every core. The plan is the same for any number.
        progress: called with the prefixes learned on so far, and how many there are at most.

    Raises:
        SizeError: a size without room for the single bytes.
        MismatchError: counts that were cut by another pattern than the base's.
        InputError: empty counts, weights that leave nothing of them, or uses counted without a language that is measured.
        TokkitError: as `tokkit.learn.learn`.
    """
    source = unfolded(table if learn_from is None else learn_from)
    for each in (table, source):
        require_pattern(base, each)
    n_vocab = size - size % multiple
    room = n_vocab - spares
    if room < LEAST_CUT:
        raise SizeError(
            f"size {size:,} has no room: {n_vocab:,} - {spares:,} spares = {room:,}, and 256 are single bytes",
            "ask for more, or for fewer spares",
        )
    ranks = replace(base, special_tokens={}, segments=())
    if b"" in base.tokens or not is_closed(ranks):
        ranks = select(base, base.n_ranks, fill=True).vocabulary
    rooms = {each: each - each % multiple - spares for each in ladder}
    rooms = {each: at for each, at in rooms.items() if at >= LEAST_CUT}
    shares = slice_weights(table.totals, weights) if weights else None
    usage = _usage(ranks, table, source, weights, shares) if by_usage else None
    jobs = jobs or os.cpu_count() or 1
    ground = Ground.of(ranks, table, source, shares, usage, script, min_count, jobs)
    most = min(len(ranks.tokens), room)
    done = 0
    for asked in rounds(ground, most, room, list(rooms.values()), seed):
        found = []
        if ground.pieces is not None:
            ground.pieces.most = max(each.wanted for each in asked)
        with ThreadPoolExecutor(jobs) as threads:
            for learned in threads.map(lambda each: ground.learn_on(each.cut, each.wanted), asked):
                found.append(learned)
                done += 1
                if progress:
                    progress(min(done, MOST_LEARNINGS), MOST_LEARNINGS)
        ground.add(found)
    best = best_learned(ground, room)
    below, above = neighbours(ground, room)
    seeded = seed in ground.learned_for(room)
    look = _Look(ground, room, best)
    return Plan(
        base.name,
        "usage" if by_usage else "rank",
        size,
        n_vocab,
        multiple,
        n_vocab - best - look.split(best).learned,
        script,
        min_count,
        look.split(best),
        _best_interval(ground, room),
        (best if below is None else below, best if above is None else above),
        look.split(seed) if seeded else None,
        _margin(ground, best, room),
        _margin(ground, seed, room) if seeded else None,
        tuple(look.split(cut) for cut in beside(ground, best, most)),
        tuple(look.split(cut) for cut in ground.learned_for(room)),
        {each: _best_of(ground, at) for each, at in rooms.items()},
        tuple(ground.known),
        table.folds,
        learn_from is None,
    )


def _best_of(ground: Ground, room: int) -> Split:
    """Return the best split of a size of the ladder."""
    best = best_learned(ground, room)
    return _Look(ground, room, best).split(best)


def _usage(
    ranks: Vocabulary,
    table: CountsTable,
    source: CountsTable,
    weights: Mapping[str, float] | None,
    shares: Mapping[tuple[str, str], float] | None,
) -> Usage:
    """Return the order of the base by its usage in the counts to learn from, weighed as those to measure on are."""
    measured = {part.language for part in table.totals if shares is None or shares[part.key]}
    missing = sorted(measured - {part.language for part in source.slices if part.bytes})
    if missing:
        raise InputError(
            f"what is learned from has no text in {', '.join(missing)}, so that its usage of the base says nothing of it",
            "give --learn-from counts of every language that is measured",
        )
    return order_by_usage(ranks, LEAST_CUT, source, weights=slice_weights(source.slices, weights) if weights else None)


def _best_interval(ground: Ground, room: int) -> tuple[int, int] | None:
    """Return where the best split is for 95 in 100 draws; the best that was learned is always in it.

    For each draw it is the lowest place of the smooth curve that fits the learned splits around the best: of the fourth degree
    where there are more than enough of them, else a parabola.
    """
    if ground.folds is None:
        return None
    best = best_learned(ground, room)
    near = np.array(ground.learned_for(room), np.int64)
    near = near[np.abs(near - best) <= _AROUND]
    rates = ground.draws(near, room)[0]
    away = (near - best) / _AROUND
    degree = min(4 if near.size > _ENOUGH_FOR_FOUR else 2, near.size - 1)
    fitted = np.linalg.lstsq(np.vander(away, degree + 1), (rates - rates[:, :1]).T, rcond=None)[0]
    finer = np.arange(near[0], near[-1] + 1, 16)
    found = finer[np.argmin(np.vander((finer - best) / _AROUND, degree + 1) @ fitted, axis=0)]
    low, high = interval_of(found)
    return min(int(low), best), max(int(high), best)


@dataclass(frozen=True)
class _Look:
    """A room with its best split, which others are compared with."""

    ground: Ground
    room: int
    best: int

    def split(self, prefix: int) -> Split:
        """Return what a split comes to."""
        ground, room = self.ground, self.room
        rates = ground.read([prefix, self.best], room)
        learned = min(max(room - prefix, 0), ground.most_learned(prefix))
        drawn = ground.draws([prefix, self.best], room)
        intervals = [_interval(1 / row[:, 0]) if row[:, 0].all() else None for row in drawn]
        named = list(zip(ground.groups, rates[1:, 0].tolist(), intervals[1:], strict=True))
        change = drawn[0, :, 0] / drawn[0, :, 1] - 1
        return Split(
            prefix,
            learned,
            1 / float(rates[0, 0]),
            {group: 1 / rate for group, rate, _ in named if rate},
            intervals[0],
            float(rates[0, 0] / rates[0, 1]) - 1,
            _interval(change),
            {group: interval for group, _, interval in named if interval} or None,
        )


def _margin(ground: Ground, prefix: int, room: int) -> Margin:
    """Return what the last slots on each side save: the split, less with a window of slots fewer on that side."""
    back = window_below(ground, prefix)
    fewer = min(WINDOW, max(room - prefix, 1))
    here, without = [prefix], [prefix - back]
    base = learned = 0.0
    base_draws = learned_draws = np.empty(0)
    if back:
        base = 1e9 * float(ground.rate(without[0], room - back) - ground.rate(prefix, room)) / back
        base_draws = 1e9 * (ground.draws(without, room - back) - ground.draws(here, room))[0, :, 0] / back
    learned = 1e9 * (ground.rate(prefix, room - fewer) - ground.rate(prefix, room)) / fewer
    learned_draws = 1e9 * (ground.draws(here, room - fewer) - ground.draws(here, room))[0, :, 0] / fewer
    return Margin(base, learned, _interval(base_draws), _interval(learned_draws))


def _interval(draws: NDArray[np.float64]) -> Interval | None:
    """Return what 95 in 100 draws lie between; None of no draws."""
    return interval_of(draws) if draws.size else None
