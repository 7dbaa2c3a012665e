"""Merge byte pieces by rank in plain Python, for steps whose vocabulary grows while they look at it.

`tokkit.encode` is for a finished vocabulary. `select` and `merge` ask how a token comes about under the tokens placed
so far, one token at a time, and then place it: a dictionary that grows answers that, and no table is ever rebuilt.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from tokkit.errors import LawError
from tokkit.vocabulary import SINGLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokkit.vocabulary import Vocabulary


def single_bytes_of(token: bytes) -> list[bytes]:
    """Return the single bytes of a token, where every merge path starts.

    Example:
        >>> single_bytes_of(b"ab")
        [b'a', b'b']
    """
    return [SINGLE_BYTES[byte] for byte in token]


def merged(
    pieces: Sequence[bytes], ranks: Mapping[bytes, int], below: int = sys.maxsize, formed: list[bytes] | None = None
) -> list[bytes]:
    """Return the pieces after every merge that the ranks allow: leftmost pair of the lowest-ranked concatenation first.

    Pieces that were merged under some ranks may be merged on under the same ranks and higher ones: merging takes the
    lowest rank first, so what the lower ranks made of the bytes is a stage on the way.

    Args:
        pieces: adjacent pieces of one pretoken.
        ranks: token bytes -> rank.
        below: only merges to tokens of lower rank than this.
        formed: takes what each merge makes, in order.

    Example:
        >>> merged([b"a", b"b", b"a", b"b", b"c"], {b"ab": 256, b"abc": 257})
        [b'ab', b'abc']
    """
    pieces = list(pieces)
    pair_ranks = [ranks.get(left + right) for left, right in pairwise(pieces)]
    while True:
        lowest, at = below, -1
        for place, rank in enumerate(pair_ranks):
            if rank is not None and rank < lowest:
                lowest, at = rank, place
        if at < 0:
            return pieces
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        del pair_ranks[at]
        if at > 0:
            pair_ranks[at - 1] = ranks.get(pieces[at - 1] + pieces[at])
        if at < len(pair_ranks):
            pair_ranks[at] = ranks.get(pieces[at] + pieces[at + 1])
        if formed is not None:
            formed.append(pieces[at])


def require_plain_ranks(vocabulary: Vocabulary, step: str) -> None:
    """Refuse a vocabulary that a step cannot append ids to: special tokens sit above its ranks, or ids have no token.

    Raises:
        LawError: names the special tokens or the first hole.
    """
    if vocabulary.special_tokens:
        names = ", ".join(list(vocabulary.special_tokens)[:3])
        more = len(vocabulary.special_tokens) - 3
        raise LawError(
            f"{vocabulary.name}: has {len(vocabulary.special_tokens):,} special tokens already: {names}"
            + (f" and {more:,} more" if more > 0 else ""),
            f"{step} appends to plain ranks: take the vocabulary from before `pad`, or drop them with `select`",
        )
    if b"" in vocabulary.tokens:
        raise LawError(
            f"{vocabulary.name}: id {vocabulary.tokens.index(b'')} has no token",
            "ids must be dense: `select` renumbers them",
        )
