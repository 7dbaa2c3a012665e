"""Where a plan learns: evenly spread at first, then where the guess is lowest, until that is known; then all that is shown."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_folds import QUANTILES
from tokkit.curves import LEAST_CUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokkit.plan_ground import Ground

PREFIXES = 5
WRONG_BY = 5_000
FRONTIER_STEPS = (5_000, 2_000, 1_000, 500, 200, 100)
_FEWEST_STEPS = 12  # of a frontier, which are the longest that leave so many
WINDOW = (
    1_000  # slots over which a margin is averaged, and between which the best is bracketed where any script is learned
)
_NEAR = 500  # a split this near to one that was learned is not learned again
_ENOUGH = 1e-5  # a share of tokens that is not worth another learning
_REFINEMENTS = 8
_RUNG_REFINEMENTS = 3
MOST_LEARNINGS = PREFIXES + _REFINEMENTS + 12
_REACH = 5_000  # so far below a cut what is filled in is known at first
_LEAST_PART = 2  # of a size of the ladder, the base is one part of so many at least, unless that turns out to be best


@dataclass(frozen=True)
class Learning:
    """What to learn on, how many tokens, and for which room."""

    cut: int
    wanted: int
    room: int


def rounds(ground: Ground, most: int, room: int, ladder: Sequence[int], seed: int) -> Iterator[list[Learning]]:
    """Yield what to learn, a few at a time, each time when all before is known.

    Evenly spread first; then around the best split, and for each size of the ladder where what is filled in is lowest; lower,
    where a size is best at the lowest that has as many learned tokens as it asks for. At last what is shown beside the best.
    """
    n_base = len(ground.base.tokens)
    first = _first_cuts(min(n_base, max(room, *ladder, 0)), seed)
    if first[0] > room:  # all are the ladder's
        first = sorted({*_first_cuts(min(n_base, room), seed), *first})
    spread = []
    for below, cut in zip([first[0], *first[:-1]], first, strict=True):
        wanted = [max(0, room - max(below, cut - _REACH))]
        for each in ladder:
            lowest = min((other for other in first if other * _LEAST_PART >= each), default=first[-1])
            wanted.append(each - max(below, lowest) if cut >= lowest else 0)
        spread.append(Learning(cut, max(wanted), room))
    yield spread
    for number in itertools.count():
        wanted_cut = _next_cut(ground, most, room) if number < _REFINEMENTS else None
        found = [] if wanted_cut is None else [Learning(wanted_cut, _asked(ground, wanted_cut, room), room)]
        rungs = (_next_rung(ground, each, last=number >= _RUNG_REFINEMENTS) for each in ladder)
        found += [each for each in rungs if each is not None]
        found = found or _shown(ground, most, room, ladder, seed)
        if not found:
            return
        yield sorted(
            _without_neighbours(found), key=lambda each: -each.wanted
        )  # the longest first: threads end together


def _shown(ground: Ground, most: int, room: int, ladder: Sequence[int], seed: int) -> list[Learning]:
    """Return what is still to be learned of all that is shown: what being wrong costs, the margins, the frontier, the ladder."""
    best = best_learned(ground, room)
    wrong = beside(ground, best, most)
    wanted = [Learning(cut, room - cut, room) for cut in (*wrong, *_frontier(ground, most, room, wrong))]
    backs = [(split, window_below(ground, split)) for split in {best, seed} & {*ground.learned_for(room)}]
    wanted += [Learning(split - back, room - split, room - back) for split, back in backs if back]
    wanted += [Learning(cut, each - cut, each) for each in ladder for cut in [min(ground.best(each), each)]
               if not ground.learned_for(each)]  # fmt: skip
    return [each for each in wanted if each.cut not in ground.learned_for(each.room)]


def _frontier(ground: Ground, most: int, room: int, wrong: Sequence[int]) -> list[int]:
    """Return where else the frontier is learned: every so many slots from the lowest learned on, save near others; at its end."""
    there = [*ground.learned_for(room), *wrong, most]
    step = frontier_step(room)
    steps = range(-(-there[0] // step) * step, most, step)
    return [*(cut for cut in steps if all(abs(cut - other) > min(_NEAR, step // 10) for other in there)), most]


def frontier_step(room: int) -> int:
    """Return how many slots apart the frontier of so many is learned: the longest step that leaves enough of them.

    Example:
        >>> frontier_step(92_397), frontier_step(32_000), frontier_step(4_096), frontier_step(300)
        (5000, 2000, 200, 100)
    """
    return next((step for step in FRONTIER_STEPS if step * _FEWEST_STEPS <= room), FRONTIER_STEPS[-1])


def window_below(ground: Ground, split: int) -> int:
    """Return by how many tokens of the base fewer the margin at a split is taken on that side; 0 where there are none."""
    return min(WINDOW, split - ground.known[0])


def _next_rung(ground: Ground, room: int, *, last: bool) -> Learning | None:
    """Return what to learn next for a size of the ladder; None where it is known, or would take too long."""
    lowest = ground.best(room)
    if lowest == int(ground.prefixes(room)[0]) > LEAST_CUT:
        below = max((cut for cut in ground.known if cut < lowest), default=max(LEAST_CUT, lowest // 2))
        if below not in ground.learned_for(room):
            return Learning(below, _asked(ground, below, room), room)
    if last or ground.script is None or not (learned := ground.learned_for(room)):
        return None
    gain = 1 - ground.rate(lowest, room) / ground.rate(best_learned(ground, room), room)
    if gain <= _ENOUGH or any(abs(lowest - cut) <= min(_NEAR, room >> 7) for cut in learned):
        return None
    return Learning(lowest, room - lowest, room)


def _without_neighbours(found: Sequence[Learning]) -> list[Learning]:
    """Return the learnings, of those on one cut the one with most tokens."""
    most: dict[int, Learning] = {}
    for each in found:
        if each.cut not in most or most[each.cut].wanted < each.wanted:
            most[each.cut] = each
    return list(most.values())


def _asked(ground: Ground, cut: int, room: int) -> int:
    """Return how many tokens to learn on a cut, so that all is known from the next lower one with as many on."""
    return room - max((other for other in ground.learned_for(room) if other < cut), default=cut)


def _first_cuts(most: int, seed: int) -> list[int]:
    """Return the prefixes to learn on at first: evenly spread from two fifths on, the seed in place of its neighbour."""
    cuts = [max(LEAST_CUT, most * (number + 1) // PREFIXES) for number in range(1, PREFIXES)]
    if LEAST_CUT <= seed <= most:
        nearest = min(range(len(cuts) - 1), key=lambda number: abs(cuts[number] - seed))
        cuts[nearest] = seed
    return sorted(set(cuts))


def best_learned(ground: Ground, room: int) -> int:
    """Return the best of the splits that were learned; of equals the smallest."""
    return min(ground.learned_for(room), key=lambda cut: (ground.rate(cut, room), cut))


def neighbours(ground: Ground, room: int) -> tuple[int | None, int | None]:
    """Return the nearest learned on either side of the best."""
    best = best_learned(ground, room)
    below = max((cut for cut in ground.learned_for(room) if cut < best), default=None)
    above = min((cut for cut in ground.learned_for(room) if cut > best), default=None)
    return below, above


def _next_cut(ground: Ground, most: int, room: int) -> int | None:
    """Return what to learn on next to find the best; None where it is found, or its neighbours cannot be told apart."""
    best = best_learned(ground, room)
    below, above = neighbours(ground, room)
    if below is None:
        return max(LEAST_CUT, best // 2) if best - LEAST_CUT > WINDOW else None
    if above is None and most - best > _NEAR and ground.prefixes(room)[-1] <= best:
        return most
    lowest = ground.best(room)
    gain = 1 - ground.rate(lowest, room) / ground.rate(best, room)
    if gain > _ENOUGH and all(abs(lowest - cut) > _NEAR for cut in ground.known):
        return lowest
    return None if ground.script is not None else _between(ground, most, room)


def _between(ground: Ground, most: int, room: int) -> int | None:
    """Return what to learn on next where what is filled in lies too high to say: it is lowest at what was learned."""
    best = best_learned(ground, room)
    below, above = neighbours(ground, room)
    if below is None:
        return None
    if above is not None:
        if _alike(ground, room, best, (below, above)):
            return None
        vertex = _vertex(*((cut, ground.rate(cut, room)) for cut in (below, best, above)))
        if all(abs(vertex - cut) > _NEAR for cut in ground.known):
            return vertex
    # Two draw nearer by turns: the wider side first, halfway or as near as the bracket is to be.
    sides = [(best - below, max(best - WINDOW, below + 1)), ((above or best) - best, min(best + WINDOW, most))]
    gap, cut = max(sides, key=lambda side: side[0])
    return cut if gap > WINDOW + _NEAR // 2 else None


def _vertex(*points: tuple[int, float]) -> int:
    """Return where the parabola through three points is lowest; the middle one where it has no such place.

    Example:
        >>> _vertex((0, 9.0), (2, 1.0), (6, 9.0))
        3
    """
    (a, fa), (b, fb), (c, fc) = points
    left, right = (b - a) * (fb - fc), (b - c) * (fb - fa)
    if left == right:
        return b
    return int(min(max(b - ((b - a) * left - (b - c) * right) / (2 * (left - right)), a), c))


def _alike(ground: Ground, room: int, best: int, others: Sequence[int]) -> bool:
    """Tell whether the text cannot say that the best is better than any of some others."""
    if ground.folds is None:
        return False
    rates = ground.draws([best, *others], room)[0]
    return all(np.quantile(rates[:, number + 1] - rates[:, 0], QUANTILES[0]) <= 0 for number in range(len(others)))


def beside(ground: Ground, best: int, most: int) -> list[int]:
    """Return the prefixes that are 5,000 slots beside the best."""
    cuts = (best - WRONG_BY, best + WRONG_BY)
    return [cut for cut in cuts if ground.known[0] <= cut <= min(most, ground.known[-1])]
