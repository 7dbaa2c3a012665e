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

import base64
import json
import re
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from tokkit.display import show
from tokkit.encode import encode_arrays, encode_pieces, flatten
from tokkit.laws_neighbours import beginning_inside, borders, ending_inside, lefts, rights, unfinished
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
MOST_CONTEXTS = 256  # of the contexts that keep a token, so many are tried with the pattern

_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")


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


def witness_lines(vocabulary: Vocabulary) -> bytes:
    r"""Return a witness file in JSON Lines: a line a token with its id, its bytes, and its witness or why it has none.

    Fields: `id`, `token` in base64, `display` for eyes, `text` (null where there is none), and then `reason`.

    Raises:
        LawError: a single byte has no token.
        InputError: the pattern leaves a part of a text uncovered.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> tiny = Vocabulary("tiny", r"\S+|\s+", tuple(bytes([byte]) for byte in range(256)))
        >>> print(witness_lines(tiny).decode().splitlines()[97])
        {"id": 97, "token": "YQ==", "display": "a", "text": "a"}
    """
    found = witnesses(vocabulary)
    reasons = dict.fromkeys(found.textless_bytes, "no UTF-8 text holds this byte") | found.reasons
    lines = []
    for rank, (token, text) in enumerate(zip(vocabulary.tokens, found.texts, strict=True)):
        if token:
            fields = {"id": rank, "token": base64.b64encode(token).decode(), "display": show(token), "text": text}
            line = json.dumps(fields if text is not None else fields | {"reason": reasons[rank]}, ensure_ascii=False)
            # What some readers take for the end of a line, or a terminal acts upon.
            lines.append(_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line) + "\n")
    return "".join(lines).encode()


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
    data = np.frombuffer(bytearray(text.encode()), np.uint8)  # as `flatten`
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
    if unfinished(token[head:]) is None or head > 3:
        return None, "no UTF-8 text holds its bytes"
    candidates = _completed(vocabulary, rank) if max(head, tail) < len(token) else []
    candidates = candidates or _among_neighbours(vocabulary, rank)
    if not candidates:
        return None, "in every text its neighbours take bytes away from it"
    found = _first_holding(vocabulary, rank, candidates)
    found = found or _beside_neighbours(vocabulary, rank, _one_a_class(candidates))
    return found, f"the pattern cuts each of {len(candidates):,} texts that complete it, alone and beside neighbours"


def _completed(vocabulary: Vocabulary, rank: int) -> list[str]:
    """Return the token with a character on each side that completes it and takes no byte away, where there are such."""
    token = vocabulary.tokens[rank]
    head, tail = borders(token)
    before = _completions(vocabulary, rank, ending_with(token[:head]), left=True) if head else [""]
    after = _completions(vocabulary, rank, beginning_with(token[len(token) - tail :]), left=False) if tail else [""]
    if head and tail:
        before, after = _one_a_class(before), _one_a_class(after)
    middle = token[head : len(token) - tail].decode()
    return [left + middle + right for left, right in product(before, after)]


def _among_neighbours(vocabulary: Vocabulary, rank: int) -> list[str]:
    """Return texts that hold the token between longer neighbours; none only where no text has it by merging."""
    token = vocabulary.tokens[rank]
    followers, leaders = beginning_inside(vocabulary.tokens), ending_inside(vocabulary.tokens)
    after_opened: dict[bytes, list[bytes]] = {}
    texts: list[str] = []
    for before, begun in lefts(vocabulary, rank, leaders):
        opened = unfinished(begun + token if begun else token[borders(token)[0] :])
        if opened is None:
            continue
        if opened not in after_opened:
            after_opened[opened] = list(islice(rights(vocabulary, rank, opened, followers), MOST_CONTEXTS))
        texts += [(before + token + after).decode() for after in after_opened[opened]]
        if len(texts) >= MOST_CONTEXTS:
            break
    return texts


def ending_with(last: bytes) -> list[int]:
    r"""Return the code points of all characters whose last bytes, and not all of them, are these; ascending.

    Example:
        >>> [hex(code) for code in ending_with(b"\x80\x80\x80")]
        ['0x40000', '0x80000', '0xc0000', '0x100000']
    """
    code = 0
    for byte in last:
        code = code << 6 | byte & 0x3F
    longer_than = (0x80, 0x800, 0x10000, N_CODE_POINTS)[min(len(last), 4) - 1]
    candidates = range(code, N_CODE_POINTS, 1 << 6 * len(last))
    return [code for code in candidates if code >= longer_than and code not in SURROGATES]


def beginning_with(first: bytes) -> list[int]:
    r"""Return the code points of all characters whose first bytes, and not all of them, are these; ascending.

    Example:
        >>> hex(beginning_with(b"\xe0")[0]), len(beginning_with(b"\xe4\xbd")), len(beginning_with(b"\xf4"))
        ('0x800', 64, 65536)
    """
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
    return _first_holding(vocabulary, rank, [before + text + after for before, after in sides for text in texts])


def _first_holding(vocabulary: Vocabulary, rank: int, texts: Sequence[str]) -> str | None:
    hits = holds_target(vocabulary, [text.encode() for text in texts], [rank] * len(texts))
    return texts[int(hits.argmax())] if hits.any() else None
