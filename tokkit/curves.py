"""Exact curves: the tokens of each slice for every prefix of a vocabulary at once, from one pass over the counts.

Merge a pretoken with the whole vocabulary, and note after each merge the highest rank merged so far, the running maximum.
Merging with the ranks below a cut N alone does exactly the merges whose running maximum is below N:

  While every merge so far has a rank below N, both runs stand at the same symbols. The next merge of the whole vocabulary is
  the leftmost of the lowest candidates. If its rank is below N, it is so among the candidates below N too, and both runs do
  it. If it is N or more, no candidate below N is there: the run with the cut stops, and the running maximum is N or more
  from here on.

So a pretoken has at cut N its bytes less the merges whose running maximum is below N, and a histogram of the running maxima,
weighted by the counts and summed up, is the curve: exact at every cut, and no estimate. As in `tokkit.select`, the single
bytes stay whatever the cut.

Where every token is made of two lower-ranked ones (closure), a pretoken's merges come in the order of their ranks, and the
running maximum is the rank itself:

  Say rank r is merged after a higher rank s. Both parts of r are single bytes or were merged at ranks below r, and they
  cannot both have been there when s was merged, for r was lower. So a rank below r was merged after s too, and by the same
  words one below that, down to a pair of single bytes, which was there from the beginning: it would have come before s.

Then each token in the encoding stands for the merges of its own tree, and it is enough to count tokens and to pass the counts
down to the parts, which costs a plain encoding. The whole-pretoken shortcut changes nothing for such vocabularies. For others
the merges are run one by one, and a pretoken that is a token of rank r is that token at every cut above r, as in tiktoken.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_table import slice_rows
from tokkit.encode import encode_arrays, merge_table
from tokkit.errors import MismatchError
from tokkit.kernels import curves as kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable, Slice
    from tokkit.vocabulary import Vocabulary

LEAST_CUT = 256
_PRETOKENS_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class Curve:
    """The tokens of each slice at every prefix of a vocabulary.

    Attributes:
        vocabulary: its name.
        slices: the slices measured.
        n_bytes: int64[n_slices], the bytes of their pretokens.
        merges: int64[n_slices, n_ids]; `merges[s, r]` is how many tokens of slice s the id r saves: those of the cut r less
            those of the cut r + 1.
        sizes: int64[n_ids + 1], how many tokens have an id below each cut: the cut itself where there are no holes.
    """

    vocabulary: str
    slices: tuple[Slice, ...]
    n_bytes: NDArray[np.int64]
    merges: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def n_cuts(self) -> int:
        """The highest cut, which is the whole vocabulary."""
        return int(self.merges.shape[1])

    @cached_property
    def tokens(self) -> NDArray[np.int64]:
        """int64[n_slices, n_ids + 1]: the tokens of each slice with the ids below each cut."""
        tokens = np.empty((self.merges.shape[0], self.n_cuts + 1), np.int64)
        tokens[:, 0] = self.n_bytes
        np.subtract(self.n_bytes[:, None], np.cumsum(self.merges, axis=1), out=tokens[:, 1:])
        return tokens

    @cached_property
    def changes(self) -> NDArray[np.int64]:
        """The cuts, ascending, at which some slice has other tokens than one cut below; the first is that of bytes alone."""
        changed = np.flatnonzero(self.merges.any(axis=0)) + 1
        first = min(LEAST_CUT, self.n_cuts)
        return np.concatenate([[first], changed[changed > first]]).astype(np.int64)

    def summed(self, members: Sequence[int]) -> NDArray[np.int64]:
        """Return int64[n_ids + 1]: the tokens of some slices together at each cut."""
        tokens: NDArray[np.int64] = self.tokens[list(members)].sum(axis=0)
        return tokens


def curve(vocabulary: Vocabulary, table: CountsTable) -> Curve:
    r"""Return the tokens of each slice for every prefix of a vocabulary.

    Args:
        vocabulary: any vocabulary with all single bytes, with holes or without.
        table: the counts to measure on.

    Raises:
        MismatchError: the table was cut by another pattern than the vocabulary's.
        LawError: a single byte has no token.

    Example:
        >>> from tokkit.counts import count_texts
        >>> from tokkit.vocabulary import Vocabulary
        >>> tokens = (*(bytes([byte]) for byte in range(256)), b"ab", b"abc")
        >>> vocabulary = Vocabulary("tiny", r"\S+|\s+", tokens)
        >>> curve(vocabulary, count_texts(["abcab abc"], vocabulary.pattern)).tokens[0, 256:].tolist()
        [9, 6, 4]
    """
    require_pattern(vocabulary, table)
    if is_closed(vocabulary):
        merges = made(vocabulary, final_uses(vocabulary, table))
        merges[:, np.diff(merge_table(vocabulary).token_starts) < 2] = 0  # a byte is there without a merge
    else:
        merges = _running_maxima(vocabulary, table)
    weighted = np.diff(table.starts) * table.counts
    n_bytes = [int(weighted[first:last].sum()) for first, last in slice_rows(table)]
    sizes = np.zeros(len(vocabulary.tokens) + 1, np.int64)
    np.cumsum(np.diff(merge_table(vocabulary).token_starts) > 0, out=sizes[1:])
    return Curve(vocabulary.name, table.slices, np.array(n_bytes, np.int64), merges, sizes)


def require_pattern(vocabulary: Vocabulary, table: CountsTable) -> None:
    """Refuse counts that were cut by another pattern.

    Raises:
        MismatchError: says which.
    """
    if table.pattern != vocabulary.pattern:
        raise MismatchError(
            f"the counts were cut by another pattern than {vocabulary.name}'s: {table.pattern}",
            f"count the corpus again with --pattern {vocabulary.pattern!r}",
        )


def is_closed(vocabulary: Vocabulary) -> bool:
    """Tell whether every token of two bytes or more is made of two lower-ranked ones by merging."""
    return merge_table(vocabulary).characters.size > 0  # which are encoded beforehand for closed vocabularies alone


def final_uses(vocabulary: Vocabulary, table: CountsTable) -> NDArray[np.int64]:
    """Return int64[n_slices, n_ids]: how often each token stands in the encoding of each slice."""
    uses = np.zeros((len(table.slices), len(vocabulary.tokens)), np.int64)
    for number, (first, last) in enumerate(slice_rows(table)):
        for start in range(first, last, _PRETOKENS_AT_ONCE):
            stop = min(start + _PRETOKENS_AT_ONCE, last)
            ids, id_starts = encode_arrays(vocabulary, table.data, table.starts[start : stop + 1], shortcut=True)
            kernels.add_uses(ids, id_starts, table.counts[start:stop], uses[number])
    return uses


def made(vocabulary: Vocabulary, uses: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64[n_slices, n_ids]: how often merging makes each token of a closed vocabulary, on the way or to stay."""
    passed = uses.copy()
    for row in passed:
        kernels.pass_down(row, merge_table(vocabulary).parts)
    return passed


def _running_maxima(vocabulary: Vocabulary, table: CountsTable) -> NDArray[np.int64]:
    """Return the histogram of running maxima of each slice, by running every merge."""
    index = merge_table(vocabulary)
    merges = np.zeros((len(table.slices), len(vocabulary.tokens)), np.int64)
    longest = int(np.diff(table.starts).max(initial=1))
    symbols, ranks, after, before = np.empty((4, longest), np.int32)
    heap = np.empty(3 * longest, np.uint64)
    for number, (first, last) in enumerate(slice_rows(table)):
        kernels.add_running_maxima(
            table.data, table.starts[first : last + 1], table.counts[first:last], index.byte_ids,
            index.token_data, index.token_starts, index.token_slots, index.pairs, index.partners,
            symbols, ranks, after, before, heap, merges[number],
        )  # fmt: skip
    return merges
