"""Lines through what a plan has measured, and what is filled in between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    """Tokens of some text in two parts, which add up to all of them.

    Attributes:
        depths: int64[n + 1], for each number of the base's tokens where it stands on the line `alone`.
        n_kin: int64[n + 1], how many of so many tokens of the base are kin of learned ones.
        alone: what depends on the base alone; None before it is measured.
        learned: the rest, by how many learned tokens, for each number of the base's that was learned on.
        ended: the numbers on which the counts supported no more learned tokens.
    """

    depths: NDArray[np.int64]
    n_kin: NDArray[np.int64]
    alone: Line | None = None
    learned: dict[int, Line] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def measure_alone(self, line: Line) -> None:
        """Add what depends on the base alone."""
        self.alone = line if self.alone is None else self.alone.joined(line)

    def sides(
        self, prefixes: NDArray[np.int64], room: int | NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the nearest that were learned on, with as many tokens as there is room for, on either side; -1 for none."""
        n_learned = np.maximum(room - prefixes, 0)
        low, high = np.full((2, prefixes.size), -1, np.int64)
        for cut in sorted(self.learned):
            enough = (n_learned <= self.learned[cut].last) | (cut in self.ended)
            low[enough & (cut <= prefixes)] = cut
            high[enough & (cut >= prefixes) & (high < 0)] = cut
        return low, high

    def read(self, prefixes: NDArray[np.int64], room: int | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return float64[n_rows, n]: with so many of the base, and as many learned tokens as there is room for.

        Between two that were learned on, straight over the number of kin; where there are not two, as on the nearest.
        """
        n_learned = np.maximum(room - prefixes, 0)
        low, high = self.sides(prefixes, room)
        cuts = np.array(sorted(self.learned), np.int64)
        nearest = cuts[np.argmin(np.abs(prefixes[:, None] - cuts), axis=1)]
        nearest = np.where(low >= 0, low, np.where(high >= 0, high, nearest))
        low, high = np.where(low < 0, nearest, low), np.where(high < 0, nearest, high)
        share = np.clip(
            (self.n_kin[prefixes] - self.n_kin[low]) / np.maximum(self.n_kin[high] - self.n_kin[low], 1), 0, 1
        )
        values = self.read_alone(prefixes)
        for cut, line in self.learned.items():
            weight = np.where(high == cut, share, 0.0) + np.where(low == cut, 1 - share, 0.0)
            used = np.flatnonzero(weight)
            values[:, used] += line.read(n_learned[used]) * weight[used]
        return values

    def read_alone(self, prefixes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return float64[n_rows, n]: what depends on the base alone."""
        if self.alone is None:
            raise ValueError("nothing is measured yet")
        return self.alone.read(self.depths[prefixes])
