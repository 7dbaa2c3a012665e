"""Look inside a vocabulary: what its entries are, where they come from, which are dead, and how its size divides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tokkit.anatomy_base import BasePart, base_part, count_kinds, lengths_of
from tokkit.anatomy_kinds import (
    BYTE,
    CJK_MARKS,
    DUPLICATE,
    HOLE,
    ONE_HAN,
    SEVERAL_HAN,
    SPARE,
    SPECIAL,
    USER_DEFINED,
    classes_of,
    is_cjk,
    kinds_of,
)
from tokkit.errors import LawError
from tokkit.laws_witness import self_encoding
from tokkit.unicode import text_of
from tokkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokkit.foreign import ForeignVocabulary

RANK_MERGES = "rank merges: the leftmost pair whose concatenation has the lowest rank"
MULTIPLES = (64, 128, 256)
WIDTHS = (2, 4, 8, 16)
N_LONGEST = 10
_MOST_RANGES = 24
_NO_TEXT = frozenset({SPECIAL, SPARE, HOLE, DUPLICATE, BYTE, USER_DEFINED})


@dataclass(frozen=True)
class Divisibility:
    """How a size divides.

    Attributes:
        by: what it is divided by: a multiple, or the number of tensor-parallel ranks.
        quotient: size // by, rounded up: for ranks, the rows that each has.
        padding: entries missing to the next multiple; 0 where it divides.
    """

    by: int
    quotient: int
    padding: int


@dataclass(frozen=True)
class Range:
    """Ids `start <= id < stop` of one origin or kind."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class Anatomy:
    """What is inside a vocabulary.

    Attributes:
        name: its name.
        sha256: of its rank file, or of the foreign file.
        semantics: the rule by which it encodes.
        n_vocab: rows that an embedding needs.
        kinds: kind -> how many ids; every id is of one kind, so they add up to `n_vocab`.
        features: feature -> how many tokens have it; a token may have several. Byte fallbacks have none.
        ranges: id ranges, ascending: segments where they are known, else runs of one origin or kind.
        lengths: characters -> how many tokens have so many; tokens of partial UTF-8 are left out.
        han_lengths: the same for tokens of Han characters alone.
        longest: ids of the longest tokens, the longest (in bytes) first.
        longest_han: ids of the longest tokens of Han characters alone, the longest first.
        longest_varied: id of the longest token in which no character comes more often than half its length; -1 without one.
        private_use: ids of tokens with private-use characters.
        gb2312: how many of the 3,755 level 1 and of the 3,008 level 2 characters of GB 2312 are tokens of their own.
        gb2312_missing: the missing ones of level 1.
        unreachable: ids of tokens that their own bytes do not come to without the shortcut of whole pretokens; for a foreign
            tokenizer, by its own rule.
        unchecked: how many tokens could not be asked for that, as partial UTF-8 is no text.
        unreachable_reason: why it was not looked for; empty where it was.
        multiples: how the size divides by `MULTIPLES`.
        widths: how it divides over tensor-parallel ranks, `WIDTHS`.
        base: what it has of a base; None without one to compare with.
        breaks: laws of rank merges that a foreign tokenizer breaks, a line each.
        tokens: bytes of each id in `longest`, `longest_han`, `longest_varied`, `private_use` and `unreachable`.
    """

    name: str
    sha256: str
    semantics: str
    n_vocab: int
    kinds: dict[str, int]
    features: dict[str, int]
    ranges: tuple[Range, ...]
    lengths: dict[int, int]
    han_lengths: dict[int, int]
    longest: tuple[int, ...]
    longest_han: tuple[int, ...]
    longest_varied: int
    private_use: tuple[int, ...]
    gb2312: tuple[int, int]
    gb2312_missing: str
    unreachable: tuple[int, ...]
    unchecked: int
    unreachable_reason: str
    multiples: tuple[Divisibility, ...]
    widths: tuple[Divisibility, ...]
    base: BasePart | None
    breaks: tuple[str, ...]
    tokens: dict[int, bytes]


def inspect(vocabulary: Vocabulary | ForeignVocabulary, base: Vocabulary | None = None) -> Anatomy:
    r"""Look inside a vocabulary.

    Args:
        vocabulary: a vocabulary, or a foreign tokenizer.
        base: what it may have been made from; the base itself is not compared with itself.

    Raises:
        SizeError: more tokens than tokkit can encode with.

    Example:
        >>> alphabet = tuple(bytes([byte]) for byte in range(256))
        >>> anatomy = inspect(Vocabulary("tiny", r"\S+|\s+", (*alphabet, b"ab", "中".encode(), b"xyz"), {"<|end|>": 259}))
        >>> anatomy.kinds
        {'special': 1, 'byte': 256, 'ASCII word': 2, 'Han, one character': 1}
        >>> anatomy.unreachable, [divided.padding for divided in anatomy.multiples]
        ((257, 258), [60, 124, 252])
    """
    kinds = kinds_of(vocabulary)
    texts = _texts(vocabulary, kinds)
    features, private_use = _features(texts)
    han = [(token_id, token) for token_id, token in texts if kinds[token_id] in (ONE_HAN, SEVERAL_HAN)]
    with_text = [(token_id, token) for token_id, token in texts if text_of(token) is not None]
    longest = _longest([(token_id, len(token)) for token_id, token in texts])
    longest_han = _longest([(token_id, len(token)) for token_id, token in han if kinds[token_id] == SEVERAL_HAN])
    varied = _longest([(token_id, len(token)) for token_id, token in with_text if _is_varied(token.decode())])
    unreachable, unchecked, reason = _unreachable(vocabulary, kinds)
    levels, missing = _gb2312({token.decode() for token_id, token in han if kinds[token_id] == ONE_HAN})
    compared = base is not None and base.sha256 != vocabulary.sha256
    part = base_part(vocabulary, base) if base is not None and compared else None
    by_id = dict(texts)
    shown = {*longest, *longest_han, *varied[:1], *private_use, *unreachable}
    return Anatomy(
        name=vocabulary.name,
        sha256=vocabulary.sha256,
        semantics=RANK_MERGES if isinstance(vocabulary, Vocabulary) else vocabulary.semantics,
        n_vocab=vocabulary.n_vocab,
        kinds=count_kinds(kinds),
        features=features,
        ranges=_ranges(vocabulary, kinds, base if compared else None, part),
        lengths=lengths_of(token for _, token in with_text),
        han_lengths=lengths_of(token for _, token in han),
        longest=longest,
        longest_han=longest_han,
        longest_varied=varied[0] if varied else -1,
        private_use=private_use,
        gb2312=levels,
        gb2312_missing=missing,
        unreachable=unreachable,
        unchecked=unchecked,
        unreachable_reason=reason,
        multiples=tuple(_divided(vocabulary.n_vocab, by) for by in MULTIPLES),
        widths=tuple(_divided(vocabulary.n_vocab, by) for by in WIDTHS),
        base=part,
        breaks=() if isinstance(vocabulary, Vocabulary) else vocabulary.breaks,
        tokens={token_id: by_id.get(token_id) or vocabulary.tokens[token_id] for token_id in sorted(shown)},
    )


def _divided(size: int, by: int) -> Divisibility:
    return Divisibility(by, -(-size // by), -size % by)


def _texts(vocabulary: Vocabulary | ForeignVocabulary, kinds: Sequence[str]) -> list[tuple[int, bytes]]:
    """Return id and bytes of every entry that text consists of: byte fallbacks and names of special tokens are none."""
    byte_pieces = not isinstance(vocabulary, Vocabulary)
    none = (SPECIAL, SPARE, HOLE, DUPLICATE)
    found = []
    for token_id, kind in enumerate(kinds):
        if kind in none or (byte_pieces and kind == BYTE):
            continue
        token = vocabulary.tokens[token_id] if token_id < len(vocabulary.tokens) else b""
        found.append((token_id, token or vocabulary.special_ids[token_id].encode()))
    return found


def _features(texts: Sequence[tuple[int, bytes]]) -> tuple[dict[str, int], tuple[int, ...]]:
    """Return how many tokens have each feature, and the ids of those with private-use characters."""
    counted: Counter[str] = Counter()
    private_use = []
    for token_id, token in texts:
        counted["ASCII"] += token.isascii()
        counted["not valid UTF-8"] += text_of(token) is None
        counted["a space in front"] += token[:1] == b" " and len(token) > 1
        if token.isascii():
            continue
        classes = classes_of(token.decode("utf-8", "ignore"))
        if text_of(token) is not None:
            counted["any Han"] += "Han" in classes
            counted["Han alone"] += classes == {"Han"}
            counted["any kana"] += bool(classes & {"Hiragana", "Katakana"})
            counted["any Hangul"] += "Hangul" in classes
            counted["any CJK punctuation or fullwidth"] += CJK_MARKS in classes or "\u3000" in token.decode()
            counted["any CJK"] += is_cjk(classes) or "\u3000" in token.decode()
        if "private use" in classes:
            private_use.append(token_id)
    return dict(counted), tuple(private_use)


def _longest(sizes: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    ordered = sorted(sizes, key=lambda pair: (-pair[1], pair[0]))
    return tuple(token_id for token_id, _ in ordered[:N_LONGEST])


def _is_varied(text: str) -> bool:
    return len(text) < 3 or 2 * Counter(text).most_common(1)[0][1] <= len(text)


def _gb2312(characters: set[str]) -> tuple[tuple[int, int], str]:
    """Return how many characters of levels 1 and 2 are there, and the missing ones of level 1."""
    levels = []
    for first, last in ((0xB0, 0xD7), (0xD8, 0xF7)):
        rows = (bytes([row, cell]) for row in range(first, last + 1) for cell in range(0xA1, 0xFF))
        levels.append({character for pair in rows if (character := pair.decode("gb2312", "ignore"))})
    missing = "".join(sorted(levels[0] - characters))
    return (len(levels[0] & characters), len(levels[1] & characters)), missing


def _ranges(
    vocabulary: Vocabulary | ForeignVocabulary, kinds: Sequence[str], base: Vocabulary | None, part: BasePart | None
) -> tuple[Range, ...]:
    """Return the segments where an origin is recorded, else runs of ids of one kind, as fine as they are few."""
    if isinstance(vocabulary, Vocabulary) and any(
        step.get("step") not in ("base", "file") for step in vocabulary.provenance
    ):
        return tuple(Range(each.name, each.start, each.stop) for each in vocabulary.segments)
    fine = [_origin(vocabulary, token_id, kind, base, part) for token_id, kind in enumerate(kinds)]
    coarse = ["text" if name in ("one character", "several characters") else name for name in fine]
    coarsest = [kind if kind in _NO_TEXT - {BYTE, DUPLICATE} else "text" for kind in kinds]
    for names in (fine, coarse, coarsest):
        runs = _runs(names)
        if len(runs) <= _MOST_RANGES:
            return runs
    return _runs(["text" if name in ("text", HOLE) else "special and spare" for name in coarsest])


def _origin(
    vocabulary: Vocabulary | ForeignVocabulary,
    token_id: int,
    kind: str,
    base: Vocabulary | None,
    part: BasePart | None,
) -> str:
    if kind in _NO_TEXT and not (kind == BYTE and isinstance(vocabulary, Vocabulary)):
        return kind
    if base is not None and part is not None and part.stop and token_id < part.stop:
        in_base = vocabulary.tokens[token_id] in base.ranks
        return (
            f"{base.name}, by rank" if token_id >= part.start else f"of {base.name}" if in_base else "not of the base"
        )
    if kind == BYTE:
        return kind
    text = text_of(vocabulary.tokens[token_id])
    return "one character" if text is not None and len(text) == 1 else "several characters"


def _runs(names: Sequence[str]) -> tuple[Range, ...]:
    changes = [at for at in range(1, len(names)) if names[at] != names[at - 1]]
    borders = [0, *changes, len(names)] if names else []
    return tuple(Range(names[start], start, stop) for start, stop in pairwise(borders))


def _unreachable(vocabulary: Vocabulary | ForeignVocabulary, kinds: Sequence[str]) -> tuple[tuple[int, ...], int, str]:
    """Return the ids that no text of their own bytes gives, how many could not be asked, and why none was."""
    if isinstance(vocabulary, Vocabulary):
        try:
            comes_out = self_encoding(vocabulary)
        except LawError as error:
            return (), 0, error.message
        present = np.array([len(token) > 0 for token in vocabulary.tokens], np.bool_)
        return tuple(np.flatnonzero(present & ~comes_out).tolist()), 0, ""
    if vocabulary.encode_texts is None:
        return (), 0, f"encoding is refused: {vocabulary.semantics}"
    asked: list[tuple[int, str]] = []
    unchecked = 0
    for token_id, kind in enumerate(kinds):
        if kind not in _NO_TEXT:
            text = text_of(vocabulary.tokens[token_id])
            unchecked += text is None
            asked += [(token_id, text)] if text is not None else []
    return _not_encoding_to_themselves(vocabulary.encode_all, asked), unchecked, ""


def _not_encoding_to_themselves(
    encode: Callable[[Sequence[str]], list[list[int]]], asked: Sequence[tuple[int, str]]
) -> tuple[int, ...]:
    """Return the ids that neither their text, nor it without the space that some add, nor it after a line break gives."""
    left = [pair for pair, ids in zip(asked, encode([text for _, text in asked]), strict=True) if ids != [pair[0]]]
    bare = encode([text.removeprefix(" ") for _, text in left])
    left = [pair for pair, ids in zip(left, bare, strict=True) if ids != [pair[0]]]
    before = encode(["\n"])[0]
    after = encode(["\n" + text for _, text in left])
    return tuple(pair[0] for pair, ids in zip(left, after, strict=True) if ids != [*before, pair[0]])
