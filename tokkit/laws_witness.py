"""Find for each token a witness: a text whose encoding, by the pattern and by merging alone, holds the token's id.

Three facts keep the search small and its negative answers exact:

1. Merging looks at one pair at a time, so inside the span of a token that comes out it went as it goes for the token's
   bytes alone. A token that does not come out of its own bytes comes out of no text.
2. The pattern never cuts a character. So a token that is a part of one character is looked for in every character of
   Unicode, all at once.
3. Whether a neighbour takes bytes away is decided on each side by itself. So a token that begins or ends inside a
   character is completed to the left and to the right independently, with every character that has those bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from tokkit.display import show
from tokkit.encode import encode_arrays, encode_pieces, flatten
from tokkit.pretokenize import split_documents
from tokkit.unicode import class_table, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tokkit.vocabulary import Vocabulary

SURROGATES = range(0xD800, 0xE000)
N_CODE_POINTS = 0x110000
# A character for each class that a published pattern tells apart, to put beside a token that the pattern cuts alone.
NEIGHBOURS = ("", " ", "a", "A", "中", "!", "\n", "\r", "1", "'", "/", "s", "\t", "\u01c5", "\u02b0", "\u0301")


@dataclass(frozen=True)
class Witnesses:
    """What the search found.

    Attributes:
        texts: one a rank; None where there is no witness, and for holes.
        textless_bytes: ranks of single bytes that no UTF-8 text holds (0xC0, 0xC1, 0xF5 to 0xFF). They are kept for
            arbitrary bytes and are no offenders.
        reasons: rank -> why there is no witness, for every other token without one, ascending.
    """

    texts: tuple[str | None, ...]
    textless_bytes: tuple[int, ...]
    reasons: dict[int, str]


_FOUND: WeakKeyDictionary[Vocabulary, Witnesses] = WeakKeyDictionary()


def witnesses(vocabulary: Vocabulary) -> Witnesses:
    r"""Return a witness text for every token that has one; the search is made once for a vocabulary.

    Raises:
        LawError: a single byte has no token.
        InputError: the pattern leaves a part of a text uncovered.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> tokens = (*(bytes([byte]) for byte in range(256)), b"ab", "é".encode() + b"\xc3")
        >>> found = witnesses(Vocabulary("tiny", r"\S+|\s+", tokens))
        >>> found.texts[97], found.texts[0xE4], found.texts[256], len(found.textless_bytes)
        ('a', '䀀', 'ab', 13)
    """
    found = _FOUND.get(vocabulary)
    if found is None:
        found = _FOUND[vocabulary] = _search(vocabulary)
    return found


def _search(vocabulary: Vocabulary) -> Witnesses:
    tokens = vocabulary.tokens
    own_texts = [text_of(token) for token in tokens]
    comes_out = self_encoding(vocabulary)
    texts: list[str | None] = [None] * len(tokens)
    reasons: dict[int, str] = {}
    whole = [rank for rank, text in enumerate(own_texts) if text and comes_out[rank]]
    hits = holds_target(vocabulary, [tokens[rank] for rank in whole], whole)
    for rank, hit in zip(whole, hits.tolist(), strict=True):
        if hit:
            texts[rank] = own_texts[rank]
    in_characters = _from_every_character(vocabulary)
    for rank in [rank for rank, token in enumerate(tokens) if token and texts[rank] is None]:
        token = tokens[rank]
        if not comes_out[rank]:
            parts = encode_pieces(vocabulary, [token], shortcut=False)[0]
            reasons[rank] = f"merging its bytes gives {' | '.join(show(tokens[part]) for part in parts)}"
        elif (own := own_texts[rank]) is not None:
            texts[rank] = _beside_neighbours(vocabulary, rank, [own])
            if texts[rank] is None:
                reasons[rank] = f"the pattern cuts it, alone and beside {len(NEIGHBOURS) - 1} kinds of neighbour"
        else:
            texts[rank], reason = _of_partial(vocabulary, rank, in_characters)
            if texts[rank] is None:
                reasons[rank] = reason
    textless = tuple(
        rank for byte in (0xC0, 0xC1, *range(0xF5, 0x100)) if (rank := vocabulary.ranks[bytes([byte])]) in reasons
    )
    for rank in textless:
        del reasons[rank]
    return Witnesses(tuple(texts), textless, reasons)


def self_encoding(vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Return bool[n_tokens]: merging the token's own bytes, without the shortcut, gives its id. Holes do not."""
    ids, starts = encode_arrays(vocabulary, *flatten(vocabulary.tokens), shortcut=False)
    alone = np.flatnonzero(np.diff(starts) == 1)
    comes_out = np.zeros(len(vocabulary.tokens), np.bool_)
    comes_out[alone] = ids[starts[alone]] == alone
    return comes_out


def holds_target(vocabulary: Vocabulary, texts: Sequence[bytes], targets: Sequence[int]) -> NDArray[np.bool_]:
    """Return bool[n_texts]: the text, split and merged without the shortcut, has its target id.

    Raises:
        InputError: the pattern leaves a part of a text uncovered.
    """
    held = np.zeros(len(texts), np.bool_)
    data, bounds = flatten(texts)
    if not data.size:
        return held
    parts = [starts[:-1].copy() for starts, _ in split_documents(data, bounds, vocabulary.pattern)]
    starts = np.concatenate([*parts, bounds[-1:]])
    ids, id_starts = encode_arrays(vocabulary, data, starts, shortcut=False)
    text_of_pretoken = np.searchsorted(bounds, starts[:-1], side="right") - 1
    text_of_id = np.repeat(text_of_pretoken, np.diff(id_starts))
    held[text_of_id[ids == np.asarray(targets, np.int32)[text_of_id]]] = True
    return held


@cache
def _every_character() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return all characters of Unicode in UTF-8, one after the other, and where each starts."""
    text = "".join(chr(code) for code in range(N_CODE_POINTS) if code not in SURROGATES)
    data = np.frombuffer(text.encode(), np.uint8)
    return data, np.append(np.flatnonzero((data & 0xC0) != 0x80), data.size)


def _from_every_character(vocabulary: Vocabulary) -> dict[int, str]:
    """Return id -> the lowest character whose encoding has it. One character is one pretoken under any pattern."""
    data, starts = _every_character()
    ids, id_starts = encode_arrays(vocabulary, data, starts, shortcut=False)
    found, first = np.unique(ids, return_index=True)
    codes = np.searchsorted(id_starts, first, side="right") - 1
    codes += (codes >= SURROGATES.start) * len(SURROGATES)
    return {token_id: chr(code) for token_id, code in zip(found.tolist(), codes.tolist(), strict=True)}


def _of_partial(vocabulary: Vocabulary, rank: int, in_characters: dict[int, str]) -> tuple[str | None, str]:
    """Return a witness of a token that is not whole characters, or None and why there is none."""
    if rank in in_characters:
        return in_characters[rank], ""
    token = vocabulary.tokens[rank]
    head, tail = borders(token)
    if head == len(token) or tail == len(token):
        return None, "no character of Unicode has it in its encoding"
    if text_of(token[head : len(token) - tail]) is None:
        return None, "no UTF-8 text holds its bytes"
    lefts = _completions(vocabulary, rank, ending_with(token[:head]), left=True) if head else [""]
    rights = _completions(vocabulary, rank, beginning_with(token[len(token) - tail :]), left=False) if tail else [""]
    middle = token[head : len(token) - tail].decode()
    pairs = product(_one_a_class(lefts), _one_a_class(rights)) if head and tail else product(lefts, rights)
    candidates = [left + middle + right for left, right in pairs]
    if not candidates:
        side = "before" if not lefts else "after"
        return None, f"every character that completes it {side} takes bytes away from it"
    hits = holds_target(vocabulary, [text.encode() for text in candidates], [rank] * len(candidates))
    if hits.any():
        return candidates[int(hits.argmax())], ""
    found = _beside_neighbours(vocabulary, rank, _one_a_class(candidates))
    return found, f"the pattern cuts each of the {len(candidates):,} texts that complete it"


def borders(token: bytes) -> tuple[int, int]:
    r"""Return how many bytes of a token end a character begun before it, and how many begin one that ends after it.

    Example:
        >>> borders("操作".encode()[1:5]), borders("操作".encode()), borders(b"\x93\x8d")
        ((2, 2), (0, 0), (2, 0))
    """
    head = next((place for place, byte in enumerate(token) if byte & 0xC0 != 0x80), len(token))
    for tail in range(1, min(3, len(token)) + 1):
        lead = token[-tail]
        if lead & 0xC0 != 0x80:
            length = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return head, tail if tail < length else 0
    return head, 0


def ending_with(last: bytes) -> list[int]:
    """Return the code points of all characters whose last bytes, and not all of them, are these; ascending."""
    code = 0
    for byte in last:
        code = code << 6 | byte & 0x3F
    longer_than = (0x80, 0x800, 0x10000, N_CODE_POINTS)[min(len(last), 4) - 1]
    candidates = range(code, N_CODE_POINTS, 1 << 6 * len(last))
    return [code for code in candidates if code >= longer_than and code not in SURROGATES]


def beginning_with(first: bytes) -> list[int]:
    """Return the code points of all characters whose first bytes, and not all of them, are these; ascending."""
    lead = first[0]
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    code = lead & (0x7F >> length)
    for byte in first[1:]:
        code = code << 6 | byte & 0x3F
    missing = 6 * (length - len(first))
    least, most = ((0x80, 0x800), (0x800, 0x10000), (0x10000, N_CODE_POINTS))[length - 2]
    candidates = range(max(code << missing, least), min((code + 1) << missing, most))
    return [code for code in candidates if code not in SURROGATES]


def _completions(vocabulary: Vocabulary, rank: int, codes: Sequence[int], *, left: bool) -> list[str]:
    """Return the characters that complete a token on one side without taking bytes away from it, ascending.

    Characters beyond the Basic Multilingual Plane are only looked at where it has none.
    """
    token = vocabulary.tokens[rank]
    head, tail = borders(token)
    for plane in ([code for code in codes if code < 0x10000], [code for code in codes if code >= 0x10000]):
        characters = [chr(code) for code in plane]
        if left:
            pieces = [character.encode() + token[head:] for character in characters]
        else:
            pieces = [token[: len(token) - tail] + character.encode() for character in characters]
        ids, starts = encode_arrays(vocabulary, *flatten(pieces), shortcut=False)
        places = starts[1:] - 1 if left else starts[:-1]
        kept = np.flatnonzero(ids[places] == rank)
        if kept.size:
            return [characters[place] for place in kept.tolist()]
    return []


def _one_a_class(texts: Iterable[str]) -> list[str]:
    """Return the first of the texts that begin and end with characters of the same classes."""
    classes = class_table()
    first: dict[tuple[int, int], str] = {}
    for text in texts:
        first.setdefault((int(classes[ord(text[0])]), int(classes[ord(text[-1])])), text)
    return list(first.values())


def _beside_neighbours(vocabulary: Vocabulary, rank: int, texts: Sequence[str]) -> str | None:
    """Return the shortest text with a neighbour on one side or on both that is a witness."""
    sides = sorted(product(NEIGHBOURS, NEIGHBOURS), key=lambda pair: len(pair[0]) + len(pair[1]))
    candidates = [before + text + after for before, after in sides for text in texts]
    hits = holds_target(vocabulary, [text.encode() for text in candidates], [rank] * len(candidates))
    return candidates[int(hits.argmax())] if hits.any() else None
