"""Learn on many prefixes of one base: what is learned from is encoded once, and taken apart for each.

A closed base merges in the order of its ranks (`tokkit.curves` has the proof). So merging with the ranks below a cut stops at a
state that merging with all of them passes through, and each token of the whole encoding stands there for what its merge tree
has below the cut. To take tokens apart costs a tenth of encoding again, and the prefix needs no merge table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokkit.encode import encode_arrays, flatten, merge_parts
from tokkit.kernels.pieces import join_tokens
from tokkit.kernels.records import HEADER, expand_tokens, fill_expanded
from tokkit.learn import learn_from_records, require_fitting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.vocabulary import Vocabulary

_PRETOKENS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Encoded:
    """Pretokens as a base encodes them.

    Attributes:
        ids: int32, of all pretokens in a row.
        starts: int64[n + 1], where each pretoken's ids start.
        counts: int64[n], how often each occurs.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @staticmethod
    def of(base: Vocabulary, table: CountsTable) -> Encoded:
        """Encode a table of one slice."""
        return Encoded.of_strings(base, table.data, table.starts, table.counts)

    @staticmethod
    def of_strings(
        base: Vocabulary, data: NDArray[np.uint8], string_starts: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> Encoded:
        """Encode strings, some at a time: all ids at once would need their bytes fourfold."""
        pieces, lengths = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
        for first in range(0, counts.size, _PRETOKENS_AT_ONCE):
            last = min(first + _PRETOKENS_AT_ONCE, counts.size)
            ids, starts = encode_arrays(base, data, string_starts[first : last + 1], shortcut=True)
            pieces.append(ids.copy())  # a view would keep an id for every byte
            lengths.append(np.diff(starts))
        all_starts = np.zeros(counts.size + 1, np.int64)
        np.cumsum(np.concatenate(lengths), out=all_starts[1:])
        return Encoded(np.concatenate(pieces), all_starts, counts)

    def again(self, base: Vocabulary, other: Vocabulary) -> Encoded:
        """Return the same strings, which a base has encoded, as another vocabulary encodes them."""
        token_data, token_starts = flatten(base.tokens)
        starts = np.zeros(self.ids.size + 1, np.int64)
        np.cumsum(np.diff(token_starts)[self.ids], out=starts[1:])
        data = np.empty(int(starts[-1]), np.uint8)
        join_tokens(self.ids, token_data, token_starts, data)
        return Encoded.of_strings(other, data, starts[self.starts], self.counts)


def learn_below(
    base: Vocabulary, encoded: Encoded, cut: int, start: Vocabulary, size: int, script: str | None, min_count: int
) -> tuple[tuple[bytes, ...], NDArray[np.int64]]:
    """Return what `tokkit.learn.learn` learns on the ranks of a closed base below a cut, or as many as the counts support.

    With the tokens comes int64[n, 4]: the two ids that each was made of, its count, and in how many pretokens.

    Args:
        base: the base, all of it.
        encoded: what to learn from, as it encodes that.
        cut: how many of its ranks to learn on.
        start: those ranks.
        size: how many tokens to learn.
        script: as for `learn`.
        min_count: as for `learn`.
    """
    return learn_from_records(_records(base, encoded, cut), start, size, script=script, min_count=min_count)


def _records(base: Vocabulary, encoded: Encoded, cut: int) -> NDArray[np.int32]:
    """Return the pretokens as records (`tokkit.kernels.records`) of tokens below a cut."""
    starts, expanded = expanded_below(base, cut)
    n_symbols = int(np.bincount(encoded.ids, minlength=len(base.tokens)) @ np.diff(starts))
    # As many records as there may be: what is not written to takes no memory.
    records = np.empty(n_symbols + HEADER * encoded.counts.size, np.int32)
    used = fill_expanded(encoded.ids, encoded.starts, encoded.counts, starts, expanded, records)
    return require_fitting(records[:used])


def expanded_below(base: Vocabulary, cut: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return what each token is made of below a cut, all in a row, and where each begins (`expand_tokens`)."""
    starts = np.empty(len(base.tokens) + 1, np.int64)
    expanded = np.empty(sum(map(len, base.tokens)), np.int32)
    expand_tokens(merge_parts(base), cut, starts, expanded)
    return starts, expanded
