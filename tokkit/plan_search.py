"""Where a plan learns: evenly spread at first, then around the best until it is bracketed, then beside it and the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.curves import LEAST_CUT
from tokkit.plan_ground import QUANTILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokkit.plan_ground import Ground

PREFIXES = 5
WRONG_BY = 5_000
MOST_LEARNINGS = PREFIXES + 8 + 3
WINDOW = 1_000  # slots over which a margin is averaged, and between which the best is bracketed
_NEAR = 250  # a split this near to one that was learned is not learned again
_REFINEMENTS = 8


def cuts(ground: Ground, most: int, room: int, seed: int) -> Iterator[int]:
    """Yield what to learn on, each when all before it are known: evenly spread, around the best, beside it and the seed."""
    yield from _first_cuts(min(len(ground.base.tokens), ground.top), seed)
    for _ in range(_REFINEMENTS):
        cut = _next_cut(ground, most, room)
        if cut is None:
            break
        yield cut
    best = best_learned(ground, room)
    wanted = [*beside(ground, best, most), *([seed - WINDOW] if seed in ground.known else [])]
    for cut in wanted:
        if LEAST_CUT <= cut <= most and cut not in ground.known:
            yield cut


def _first_cuts(most: int, seed: int) -> list[int]:
    """Return the prefixes to learn on at first: evenly spread, the seed in place of its neighbour."""
    cuts = [max(LEAST_CUT, most * (number + 1) // PREFIXES) for number in range(PREFIXES)]
    if LEAST_CUT <= seed <= most:
        nearest = min(range(PREFIXES - 1), key=lambda number: abs(cuts[number] - seed))
        cuts[nearest] = seed
    return sorted(set(cuts))


def best_learned(ground: Ground, room: int) -> int:
    """Return the best of the splits that were learned; of equals the smallest."""
    return min(ground.known, key=lambda cut: (ground.rate(cut, room), cut) if cut <= room else (np.inf, cut))


def neighbours(ground: Ground, room: int) -> tuple[int | None, int | None]:
    """Return the nearest learned on either side of the best."""
    best = best_learned(ground, room)
    below = max((cut for cut in ground.known if cut < best), default=None)
    above = min((cut for cut in ground.known if best < cut <= room), default=None)
    return below, above


def _next_cut(ground: Ground, most: int, room: int) -> int | None:
    """Return what to learn on next to find the best; None where it is bracketed, or its neighbours cannot be told apart."""
    best = best_learned(ground, room)
    below, above = neighbours(ground, room)
    if below is None:
        return max(LEAST_CUT, best // 2) if best - LEAST_CUT > WINDOW else None
    if above is None and most - best > _NEAR:
        return most
    if above is not None:
        if _alike(ground, room, best, (below, above)):
            return None
        vertex = _vertex(*((cut, ground.rate(cut, room)) for cut in (below, best, above)))
        if all(abs(vertex - cut) > max(_NEAR, WINDOW // 2) for cut in ground.known):
            return vertex
    # Two draw nearer by turns: the wider side first, halfway or as near as the bracket is to be.
    sides = [(best - below, max(best - WINDOW, below + 1)), ((above or best) - best, min(best + WINDOW, most))]
    gap, cut = max(sides, key=lambda side: side[0])
    return cut if gap > WINDOW + _NEAR else None


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
