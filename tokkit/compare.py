"""Compare two vocabularies: what was added, removed and moved, and what that changes in text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokkit.anatomy_kinds import BYTE, DUPLICATE, HOLE, SPARE, SPECIAL, USER_DEFINED, kinds_of
from tokkit.counts_table import merged_rows
from tokkit.encode import encode_arrays, encode_pieces
from tokkit.errors import InputError, MismatchError
from tokkit.segmentation import segment, stretches
from tokkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.foreign import ForeignVocabulary

N_EXAMPLES = 10
_PRETOKENS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Difference:
    """What is different between two vocabularies, `before` and `after`.

    Attributes:
        before: the name of the first.
        after: the name of the second.
        before_sha256: sha256 of the first's rank file, or of its foreign file.
        after_sha256: the second's.
        before_n_vocab: entries of the first.
        after_n_vocab: entries of the second.
        same: how many tokens have the same bytes and the same id.
        added: ids (of the second) of tokens that the first does not have, ascending.
        removed: ids (of the first) of tokens that the second does not have, ascending.
        moved: (id in the first, id in the second) of the others, ascending by the first.
        added_segments: segment of the second -> how many were added there.
        removed_segments: segment of the first -> how many were removed there.
        moved_segments: segment of the second -> how many were moved there.
        specials_added: name -> id of special tokens that are new.
        specials_removed: name -> id of those that are gone.
        specials_moved: name -> (id before, id after) of those that stayed.
        specials_renamed: id -> (name before, name after); these are neither in added nor in removed.
        patterns: the split patterns; None for a tokenizer that has none.
        semantics_differ: whether the two encode by different rules.
    """

    before: str
    after: str
    before_sha256: str
    after_sha256: str
    before_n_vocab: int
    after_n_vocab: int
    same: int
    added: tuple[int, ...]
    removed: tuple[int, ...]
    moved: tuple[tuple[int, int], ...]
    added_segments: dict[str, int]
    removed_segments: dict[str, int]
    moved_segments: dict[str, int]
    specials_added: dict[str, int]
    specials_removed: dict[str, int]
    specials_moved: dict[str, tuple[int, int]]
    specials_renamed: dict[int, tuple[str, str]]
    patterns: tuple[str | None, str | None]
    semantics_differ: bool

    @property
    def is_empty(self) -> bool:
        """Whether the two give the same ids for every text and mean the same by every id."""
        changed = (self.added, self.removed, self.moved, self.specials_added, self.specials_removed)
        more = (self.specials_moved, self.specials_renamed, self.semantics_differ)
        return not any(map(bool, (*changed, *more))) and self.patterns[0] == self.patterns[1]


@dataclass(frozen=True)
class Example:
    """A piece of text that the two cut differently.

    Attributes:
        text: its bytes.
        count: how often it stands in the text measured on.
        before: its ids in the first vocabulary.
        after: its ids in the second.
    """

    text: bytes
    count: int
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True)
class TextDifference:
    """What the difference comes to in text.

    Attributes:
        unit: what was compared: `pretoken`, or `stretch` where the two split differently.
        distinct: how many distinct ones; of stretches only those that are cut differently are told apart: 0.
        distinct_changed: how many distinct ones are cut at other bytes.
        occurrences: how many there are in all.
        occurrences_changed: how many of them are cut at other bytes.
        tokens_before: tokens of the text by the first.
        tokens_after: tokens of the text by the second.
        examples: those that are cut differently, with the most occurrences first.
    """

    unit: str
    distinct: int
    distinct_changed: int
    occurrences: int
    occurrences_changed: int
    tokens_before: int
    tokens_after: int
    examples: tuple[Example, ...]


def diff(before: Vocabulary | ForeignVocabulary, after: Vocabulary | ForeignVocabulary) -> Difference:
    r"""Compare two vocabularies.

    Example:
        >>> one = Vocabulary("one", r"\S+", (b"a", b"b", b"ab"), {"<s>": 3})
        >>> two = Vocabulary("two", r"\S+", (b"a", b"ab", b"ba"), {"</s>": 3, "<s>": 4})
        >>> found = diff(one, two)
        >>> found.same, found.added, found.removed, found.moved
        (1, (2,), (1,), ((2, 1),))
        >>> found.specials_added, found.specials_moved, found.is_empty
        ({'</s>': 3}, {'<s>': (3, 4)}, False)
    """
    old, new = entries(before), entries(after)
    shared = [(token_id, new[key]) for key, token_id in old.items() if key in new]
    moved = tuple(sorted(pair for pair in shared if pair[0] != pair[1]))
    added = tuple(sorted(token_id for key, token_id in new.items() if key not in old))
    removed = tuple(sorted(token_id for key, token_id in old.items() if key not in new))
    gone, come, went, renamed = _specials(special_names(before), special_names(after))
    return Difference(
        before=before.name,
        after=after.name,
        before_sha256=before.sha256,
        after_sha256=after.sha256,
        before_n_vocab=before.n_vocab,
        after_n_vocab=after.n_vocab,
        same=len(shared) - len(moved),
        added=added,
        removed=removed,
        moved=moved,
        added_segments=_by_segment(after, added),
        removed_segments=_by_segment(before, removed),
        moved_segments=_by_segment(after, [new_id for _, new_id in moved]),
        specials_added=come,
        specials_removed=gone,
        specials_moved=went,
        specials_renamed=renamed,
        patterns=(before.pattern, after.pattern),
        semantics_differ=getattr(before, "semantics", "") != getattr(after, "semantics", ""),
    )


def entries(vocabulary: Vocabulary | ForeignVocabulary) -> dict[bytes | int, int]:
    """Return the bytes of each token -> its id; a byte fallback beside a token of the same byte goes by its number.

    Example:
        >>> entries(Vocabulary("tiny", "", (b"a", b"", b"ab"), {"<s>": 1}))
        {b'a': 0, b'ab': 2}
    """
    found: dict[bytes | int, int] = {}
    if isinstance(vocabulary, Vocabulary):
        found.update(vocabulary.ranks.items())
        return found
    kinds = kinds_of(vocabulary)
    for token_id, kind in enumerate(kinds):
        if kind not in (SPECIAL, SPARE, HOLE, DUPLICATE, BYTE):
            found[vocabulary.tokens[token_id] or vocabulary.special_ids[token_id].encode()] = token_id
    for token_id, kind in enumerate(kinds):
        if kind == BYTE:
            token = vocabulary.tokens[token_id]
            found[token[0] if token in found else token] = token_id
    return found


def special_names(vocabulary: Vocabulary | ForeignVocabulary) -> dict[str, int]:
    """Return name -> id of the special tokens that no text gives: user-defined ones are tokens with a text."""
    if isinstance(vocabulary, Vocabulary):
        return dict(vocabulary.special_tokens)
    kinds = kinds_of(vocabulary)
    return {name: token_id for name, token_id in vocabulary.special_tokens.items() if kinds[token_id] != USER_DEFINED}


def _specials(
    old: Mapping[str, int], new: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int], dict[str, tuple[int, int]], dict[int, tuple[str, str]]]:
    """Return the special tokens that are gone, new, moved and renamed."""
    gone = {name: token_id for name, token_id in old.items() if name not in new}
    come = {name: token_id for name, token_id in new.items() if name not in old}
    by_id = {token_id: name for name, token_id in come.items()}
    renamed = {token_id: (name, by_id[token_id]) for name, token_id in gone.items() if token_id in by_id}
    went = {name: (old[name], new[name]) for name in old if name in new and old[name] != new[name]}
    gone = {name: token_id for name, token_id in gone.items() if token_id not in renamed}
    come = {name: token_id for name, token_id in come.items() if token_id not in renamed}
    return gone, come, went, dict(sorted(renamed.items()))


def _by_segment(vocabulary: Vocabulary | ForeignVocabulary, ids: Sequence[int]) -> dict[str, int]:
    """Return segment -> how many of the ids lie in it, in the order of ids."""
    if not isinstance(vocabulary, Vocabulary):
        return {"-": len(ids)} if ids else {}
    found: dict[str, int] = {}
    ordered = np.array(sorted(ids), np.int64)
    for part in vocabulary.segments:
        inside = int(np.searchsorted(ordered, part.stop) - np.searchsorted(ordered, part.start))
        if inside:
            found[part.name] = found.get(part.name, 0) + inside
    return found


def diff_on_counts(before: Vocabulary, after: Vocabulary, table: CountsTable) -> TextDifference:
    r"""Compare how two vocabularies of one pattern cut counted pretokens.

    Raises:
        MismatchError: the patterns of the three are not one.
        LawError: a vocabulary lacks a single byte.

    Example:
        >>> from tokkit.counts import count_texts
        >>> letters = tuple(bytes([byte]) for byte in range(256))
        >>> one, two = (Vocabulary("v", r"\S+|\s+", (*letters, token)) for token in (b"ab", b"bc"))
        >>> found = diff_on_counts(one, two, count_texts(["abc abc ab x"], r"\S+|\s+"))
        >>> found.distinct, found.distinct_changed, found.occurrences, found.occurrences_changed
        (4, 2, 7, 3)
        >>> found.tokens_before, found.tokens_after, [(each.text, each.count) for each in found.examples]
        (9, 10, [(b'abc', 2), (b'ab', 1)])
    """
    if not before.pattern == after.pattern == table.pattern:
        raise MismatchError(
            f"{before.name}, {after.name} and the counts are not cut by one pattern",
            "give the text itself, and whole stretches of it are compared",
        )
    rows = merged_rows(table)
    data, starts, counts = rows.data, rows.starts, rows.counts
    totals = [0, 0]
    changed_rows: list[NDArray[np.int64]] = []
    for first in range(0, counts.size, _PRETOKENS_AT_ONCE):
        last = min(first + _PRETOKENS_AT_ONCE, counts.size)
        ends = [_ends(vocabulary, data, starts[first : last + 1]) for vocabulary in (before, after)]
        for at, (_, id_starts) in enumerate(ends):
            totals[at] += int(np.diff(id_starts) @ counts[first:last])
        changed_rows.append(first + _cut_differently(*ends))
    changed = np.concatenate([np.empty(0, np.int64), *changed_rows])
    order = sorted(changed.tolist(), key=lambda row: (-int(counts[row]), data[starts[row] : starts[row + 1]].tobytes()))
    texts = [data[starts[row] : starts[row + 1]].tobytes() for row in order[:N_EXAMPLES]]
    ids = [encode_pieces(vocabulary, texts, shortcut=True) for vocabulary in (before, after)]
    return TextDifference(
        unit="pretoken",
        distinct=counts.size,
        distinct_changed=changed.size,
        occurrences=int(counts.sum()),
        occurrences_changed=int(counts[changed].sum()),
        tokens_before=totals[0],
        tokens_after=totals[1],
        examples=tuple(
            Example(text, int(counts[row]), tuple(old), tuple(new))
            for row, text, old, new in zip(order, texts, *ids, strict=False)
        ),
    )


_Ends = tuple["NDArray[np.int64]", "NDArray[np.int64]"]  # where tokens end, and where each pretoken's begin among them


def _ends(vocabulary: Vocabulary, data: NDArray[np.uint8], starts: NDArray[np.int64]) -> _Ends:
    ids, id_starts = encode_arrays(vocabulary, data, starts, shortcut=True)
    lengths = np.fromiter(map(len, vocabulary.tokens), np.int64, len(vocabulary.tokens))
    return np.cumsum(lengths[ids]), id_starts


def _cut_differently(before: _Ends, after: _Ends) -> NDArray[np.int64]:
    """Return the pretokens whose tokens do not end at the same bytes."""
    (old_ends, old_starts), (new_ends, new_starts) = before, after
    old_counts, new_counts = np.diff(old_starts), np.diff(new_starts)
    changed = old_counts != new_counts
    # Of equally many tokens, those whose ends differ anywhere.
    equal = np.flatnonzero(~changed)
    number = old_counts[equal]
    within = np.arange(int(number.sum())) - np.repeat(np.cumsum(number) - number, number)
    differ = (
        old_ends[np.repeat(old_starts[equal], number) + within]
        != new_ends[np.repeat(new_starts[equal], number) + within]
    )
    changed[np.repeat(equal, number)[differ]] = True
    return np.flatnonzero(changed)


def diff_on_texts(
    before: Vocabulary | ForeignVocabulary, after: Vocabulary | ForeignVocabulary, texts: Iterable[str]
) -> TextDifference:
    r"""Compare how two tokenizers of any kind cut texts: stretches between borders that both have.

    Raises:
        InputError: a tokenizer refuses to encode, or changes a text.

    Example:
        >>> letters = tuple(bytes([byte]) for byte in range(256))
        >>> one, two = Vocabulary("one", r"\S+|\s+", (*letters, b"ab")), Vocabulary("two", r"\s*\S+", (*letters, b" a"))
        >>> found = diff_on_texts(one, two, ["ab ab"])
        >>> found.occurrences, found.occurrences_changed, found.tokens_before, found.tokens_after
        (2, 2, 3, 4)
        >>> [(each.text, each.before, each.after) for each in found.examples]
        [(b' ab', (32, 256), (256, 98)), (b'ab', (256,), (97, 98))]
    """
    totals: Counter[str] = Counter()
    changed: Counter[tuple[bytes, tuple[int, ...], tuple[int, ...]]] = Counter()
    for text in texts:
        cuts = [segment(before, text), segment(after, text)]
        for cut in cuts:
            if cut.ids and not cut.ends:
                raise InputError(f"{cut.vocabulary} changes texts: its tokens are not `{text[:20]}`", "see tokkit show")
        totals["before"] += len(cuts[0].ids)
        totals["after"] += len(cuts[1].ids)
        for stretch in stretches(cuts):
            totals["stretches"] += 1
            (old_first, old_last), (new_first, new_last) = stretch.tokens
            if (old_last - old_first, new_last - new_first) != (1, 1):
                ids = cuts[0].ids[old_first:old_last], cuts[1].ids[new_first:new_last]
                changed[cuts[0].text[stretch.start : stretch.stop], *ids] += 1
    most = sorted(changed.items(), key=lambda item: (-item[1], item[0]))[:N_EXAMPLES]
    return TextDifference(
        unit="stretch",
        distinct=0,
        distinct_changed=len(changed),
        occurrences=totals["stretches"],
        occurrences_changed=sum(changed.values()),
        tokens_before=totals["before"],
        tokens_after=totals["after"],
        examples=tuple(Example(text, count, old, new) for (text, old, new), count in most),
    )


def shifts(moved: Sequence[tuple[int, int]]) -> Mapping[int, int]:
    """Return by how much ids moved -> how many moved so, the most frequent first.

    Example:
        >>> shifts([(3, 5), (4, 6), (9, 8)])
        {2: 2, -1: 1}
    """
    counted = Counter(after - before for before, after in moved)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
