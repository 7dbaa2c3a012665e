"""What an audit counts: for every token its uses, the distinct pretokens and documents around it, and what its rank promises."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_table import grown
from tokkit.encode import encode_arrays, flatten, merge_parts
from tokkit.errors import MismatchError
from tokkit.foreign import ForeignVocabulary
from tokkit.kernels import audit as kernels
from tokkit.kernels.curves import pass_down
from tokkit.kernels.scripts import count_members
from tokkit.kernels.trie import plant
from tokkit.pretokenize import pattern_shown
from tokkit.unicode import scripts_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.vocabulary import Vocabulary

# Scripts that are written without spaces: a pretoken is a clause there, and a token stands in many of them.
UNSPACED = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar")
EVIDENCE = 3
NEIGHBOURS = 501
_ROWS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Tallies:
    """The counts of every id, int64 arrays whose first axis is the id.

    Attributes:
        uses: [n, n_slices], how often encoding emits it in each slice.
        formed: [n], its uses and those of every token that it is a part of: how often merging forms it on the way; None where
            the vocabulary has no merges.
        unspaced: bool[n], whether it holds two or more characters of scripts without spaces.
        occurrences: [n], how often its text stands in pretokens, where `unspaced`; its uses elsewhere.
        pretokens: [n], in how many distinct pretokens that is.
        fewest_documents: [n], the documents that it surely stands in: those of one pretoken.
        most_documents: [n], the documents that it stands in at most: the sum over its pretokens.
        top: [n, EVIDENCE], rows of the table: the pretokens that have it most often, -1 where there are fewer.
        counts: [rows], counts of the distinct pretokens over all slices, at the first row of each.
        holders: which pretokens hold which tokens; None where that was not asked for.
    """

    uses: NDArray[np.int64]
    formed: NDArray[np.int64] | None
    unspaced: NDArray[np.bool_]
    occurrences: NDArray[np.int64]
    pretokens: NDArray[np.int64]
    fewest_documents: NDArray[np.int64]
    most_documents: NDArray[np.int64]
    top: NDArray[np.int64]
    counts: NDArray[np.int64]
    holders: Holders | None = None


@dataclass(frozen=True)
class Holders:
    """Which of some tokens each pretoken of a table holds, as `occurrences` counts them.

    Attributes:
        slots: an index of the distinct pretokens, as in `tokkit.kernels.strings`.
        starts: int64[rows + 1], where the tokens of each row start; a pretoken of several slices has them at its first row.
        tokens: int32, ids, each once in a row.
    """

    slots: NDArray[np.int32]
    starts: NDArray[np.int64]
    tokens: NDArray[np.int32]


def tally(
    vocabulary: Vocabulary | ForeignVocabulary,
    table: CountsTable,
    progress: Callable[[int, int], None] | None = None,
    held: Sequence[int] = (),
) -> Tallies:
    """Encode the pretokens of a table and count what becomes of every token.

    Args:
        vocabulary: the vocabulary; a foreign one encodes each pretoken as a text of its own, by its own rule.
        table: the counts.
        progress: called with the rows encoded so far and in all.
        held: ids for which to tell the pretokens that hold them.

    Raises:
        MismatchError: the table was cut by another pattern than the vocabulary's.
        InputError: a foreign vocabulary refuses to encode.
    """
    if not isinstance(vocabulary, ForeignVocabulary) and vocabulary.pattern != table.pattern:
        raise MismatchError(
            f"{vocabulary.name} splits by another pattern than the counts: by {pattern_shown(vocabulary.pattern)}, "
            f"not {pattern_shown(table.pattern)}",
            f"count the corpus again with --pattern {vocabulary.pattern!r}",
        )
    ids, id_starts = _encode(vocabulary, table, progress)
    n = len(vocabulary.tokens)
    uses = np.zeros((n, len(table.slices)), np.int64)
    kernels.tally_uses(ids, id_starts, table.slice_ids, table.counts, uses)
    slots, first, counts, documents = _distinct(table)
    tallied = np.zeros((n, kernels.N_TALLIED), np.int64)
    top = np.full((n, EVIDENCE), -1, np.int64)
    unspaced = unspaced_characters(vocabulary.tokens) >= 2
    wanted = np.zeros(n, np.bool_)
    wanted[list(held)] = True
    starts = np.zeros(len(table) + 1, np.int64)
    tokens = np.empty(n + 2 * len(table) if held else 0, np.int32)
    edges, ends = _tree(vocabulary.tokens, unspaced)
    done = 0
    while True:
        done = kernels.tally_pretokens(
            table.data, table.starts, ids, id_starts, first, counts, documents, unspaced, edges, ends,
            tallied, top, done, wanted, starts, tokens,
        )  # fmt: skip
        if done == len(table):
            break
        tokens = grown(tokens, 2 * tokens.size)
    holders = Holders(slots, starts, tokens[: starts[-1]]) if held else None
    formed = None
    if not isinstance(vocabulary, ForeignVocabulary):
        formed = uses.sum(axis=1)
        pass_down(formed, merge_parts(vocabulary))
    return Tallies(
        uses,
        formed,
        unspaced,
        tallied[:, kernels.OCCURRENCES].copy(),
        tallied[:, kernels.PRETOKENS].copy(),
        tallied[:, kernels.FEWEST].copy(),
        tallied[:, kernels.MOST].copy(),
        top,
        counts,
        holders,
    )


def _encode(
    vocabulary: Vocabulary | ForeignVocabulary,
    table: CountsTable,
    progress: Callable[[int, int], None] | None,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the ids of every row and where they start; some rows are encoded at a time, to hold few bytes of work."""
    pieces = []
    lengths = []
    for start in range(0, len(table), _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, len(table))
        if isinstance(vocabulary, ForeignVocabulary):
            texts = [table.pretoken(row).decode("utf-8", "replace") for row in range(start, stop)]
            encoded = vocabulary.encode_all(texts)
            lengths.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))
            pieces.append(np.fromiter((each for row in encoded for each in row), np.int32))
        else:
            ids, starts = encode_arrays(vocabulary, table.data, table.starts[start : stop + 1], shortcut=True)
            lengths.append(np.diff(starts))
            pieces.append(ids.copy())  # a view would keep an id for every byte
        if progress:
            progress(stop, len(table))
    id_starts = np.zeros(len(table) + 1, np.int64)
    np.cumsum(np.concatenate([np.empty(0, np.int64), *lengths]), out=id_starts[1:])
    return np.concatenate([np.empty(0, np.int32), *pieces]), id_starts


def _distinct(
    table: CountsTable,
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return an index of the pretokens, each row's first row with the same one, and counts and documents summed up there."""
    slots = np.full(1 << max(4, (2 * len(table)).bit_length()), -1, np.int32)
    first = np.empty(len(table), np.int64)
    kernels.index_rows(table.data, table.starts, slots, first)
    counts, documents = np.zeros((2, len(table)), np.int64)
    np.add.at(counts, first, table.counts)
    np.add.at(documents, first, table.documents)
    return slots, first, counts, documents


def _tree(tokens: Sequence[bytes], of: NDArray[np.bool_]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return some of the tokens as a tree; see `tokkit.kernels.trie`. Without any, it has no edges."""
    numbers = np.flatnonzero(of).astype(np.int32)
    if not numbers.size:
        return np.zeros((0, 2), np.uint64), np.full(1, -1, np.int32)
    data, starts = flatten([tokens[number] for number in numbers.tolist()])
    n_most = int(np.count_nonzero(data & 0xC0 != 0x80))
    ends = np.full(n_most + 1, -1, np.int32)
    n_nodes = plant(data, starts, numbers, np.zeros((1 << (2 * n_most).bit_length(), 2), np.uint64), ends)
    # Once more where it is as small as it can be: it is looked up for every character, and fits in a nearer cache.
    edges = np.zeros((1 << (2 * n_nodes).bit_length(), 2), np.uint64)
    ends = np.full(n_nodes, -1, np.int32)
    plant(data, starts, numbers, edges, ends)
    return edges, ends


@cache
def _members(scripts: tuple[str, ...]) -> NDArray[np.uint8]:
    return scripts_table(scripts)


def unspaced_characters(tokens: Sequence[bytes], scripts: tuple[str, ...] = UNSPACED) -> NDArray[np.int32]:
    r"""Return int32[n]: how many characters of scripts without spaces each token holds; 0 where it is not whole text.

    Example:
        >>> unspaced_characters(["我们 we".encode(), "ひらがな".encode(), b"\xe6\x88", b""]).tolist()
        [2, 4, 0, 0]
    """
    whole = [token if _is_text(token) else b"" for token in tokens]
    counts = np.empty(len(tokens), np.int32)
    count_members(*flatten(whole), _members(scripts), counts)
    return counts


def _is_text(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


def promised(tallies: Tallies, order: Sequence[int], tokens: Sequence[bytes]) -> NDArray[np.float64]:
    """Return float64[n]: how often the text has what stands beside each token by rank, the median of some 500 neighbours.

    A rank says how common a token was in the text that its vocabulary was learned from. So neighbours, which were equally
    common there, say what to expect here. Tokens are compared with tokens of the same script, so that one which the text does
    not cover promises nothing; 0 for tokens that are not `unspaced`.

    Args:
        tallies: the counts.
        order: ids of one origin, the most common first.
        tokens: token bytes by id.
    """
    out = np.zeros(len(tokens), np.float64)
    ordered = np.array([token for token in order if tallies.unspaced[token]], np.int64)
    han = unspaced_characters([tokens[i] for i in ordered], ("Han",)) == unspaced_characters(
        [tokens[i] for i in ordered]
    )
    for group in (ordered[han], ordered[~han]):
        if not group.size:
            continue
        here = tallies.occurrences[group]
        half = min(NEIGHBOURS, group.size) // 2
        places = np.unique(np.append(np.arange(0, group.size, max(half // 10, 1)), group.size - 1))
        medians = [np.median(here[max(0, place - half) : place + half + 1]) for place in places]
        out[group] = np.interp(np.arange(group.size), places, medians)
    return out
