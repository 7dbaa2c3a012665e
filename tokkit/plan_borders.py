"""Which borders between characters a token of a base may reach over, whatever other tokens are taken away.

Where tokens of a base are taken away by usage, their parts may merge with what stands beside them. So a border that encoding with
the whole base leaves alone may be merged over with fewer tokens; but only by a token that holds what is on both sides of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels import pieces as kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_CODE_POINTS = 0x110000


@dataclass(frozen=True)
class Crossed:
    """Pairs of characters between which a token may reach.

    Attributes:
        pairs: int64[2**k, 2], as neighbours are counted (`tokkit.kernels.pieces`), of whole characters in a token.
        sides: uint8[0x110000]; 1 for a character that a token may hold with the end of any before it, 2 with the beginning of any
            after it, 3 for both.
    """

    pairs: NDArray[np.int64]
    sides: NDArray[np.uint8]

    @staticmethod
    def of(tokens: Sequence[bytes]) -> Crossed:
        r"""Return what some tokens may reach over.

        Example:
            >>> crossed = Crossed.of([b"a", b"ab", b"\xbdb", b"c\xe4"])
            >>> int((crossed.pairs[:, 0] > 0).sum()), [int(crossed.sides[ord(each)]) for each in "abc"]
            (1, [0, 1, 2])
        """
        pairs: set[tuple[int, int]] = set()
        sides = np.zeros(_CODE_POINTS, np.uint8)
        for token in tokens:
            if len(token) < 2:
                continue
            for left, right in pairwise(_characters(token)):
                before, after = _code_point(left), _code_point(right)
                if before is not None and after is not None:
                    pairs.add((before, after))
                elif before is not None:
                    sides[before] |= 2
                elif after is not None:
                    sides[after] |= 1
                else:
                    sides[_beginning_with(right)] |= 1
        table = np.zeros((1 << (2 * len(pairs) + 1).bit_length(), 2), np.int64)
        kernels.place_crossed(np.array(sorted(pairs), np.int64).reshape(-1, 2), table)
        return Crossed(table, sides)


def _characters(token: bytes) -> list[bytes]:
    """Cut a token before each byte that begins a character."""
    starts = [0, *(at for at in range(1, len(token)) if token[at] & 0xC0 != 0x80)]
    return [token[first:last] for first, last in pairwise([*starts, len(token)])]


def _code_point(character: bytes) -> int | None:
    """Return a whole character's code point; None of what is none."""
    try:
        return ord(character.decode())
    except (UnicodeDecodeError, TypeError):
        return None


def _beginning_with(lead: bytes) -> slice:
    r"""Return the code points whose bytes may begin with some, all of them where that is not UTF-8.

    Example:
        >>> [f"{_beginning_with(lead).start:x}-{_beginning_with(lead).stop:x}" for lead in (b"\xed", b"\xe1\x9e", b"\xbd")]
        ['d000-e000', '1780-17c0', '0-110000']
    """
    length = 1 + (lead[0] >= 0xC0) + (lead[0] >= 0xE0) + (lead[0] >= 0xF0)
    if 0x80 <= lead[0] < 0xC0 or len(lead) >= length:
        return slice(0, _CODE_POINTS)
    bits = lead[0] & (0x7F >> length)
    for byte in lead[1:]:
        bits = bits << 6 | byte & 0x3F
    missing = 6 * (length - len(lead))
    return slice(bits << missing, (bits + 1) << missing)
