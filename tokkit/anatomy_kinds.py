"""Sort the entries of a vocabulary into kinds: each id has exactly one, so that the kinds add up to its size."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from tokkit.unicode import LETTER, MARK, SPACE, class_table, script_table, text_of
from tokkit.unicode_tables import SCRIPTS
from tokkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from tokkit.foreign import ForeignVocabulary

# Kinds of entries that are no text, then of text; scripts stand between the two lists of text.
SPECIAL, SPARE, USER_DEFINED, HOLE, DUPLICATE = "special", "spare", "user-defined", "hole", "duplicate"
BYTE, PARTIAL = "byte", "partial UTF-8"
DIGITS, WHITESPACE, ASCII_WORD, ASCII_OTHER = "digits", "whitespace", "ASCII word", "other ASCII"
ONE_HAN, SEVERAL_HAN, MIXED_HAN = "Han, one character", "Han, several characters", "Han and others"
KANA, CJK_MARKS, SEVERAL_SCRIPTS = "Hiragana and Katakana", "CJK punctuation and fullwidth", "several scripts"
OTHER_SCRIPT, MARKS, PRIVATE_USE, SYMBOLS = "another script", "combining marks", "private use", "symbols"
KINDS = (
    SPECIAL, SPARE, USER_DEFINED, HOLE, DUPLICATE, BYTE, PARTIAL, DIGITS, WHITESPACE, ASCII_WORD, ASCII_OTHER,
    ONE_HAN, SEVERAL_HAN, MIXED_HAN, "Hiragana", "Katakana", KANA, "Hangul", "Bopomofo", CJK_MARKS,
    *(script for script in SCRIPTS if script not in ("Han", "Hiragana", "Katakana", "Hangul", "Bopomofo")),
    SEVERAL_SCRIPTS, OTHER_SCRIPT, MARKS, PRIVATE_USE, SYMBOLS,
)  # fmt: skip

# Classes of characters: the scripts by their names, and these.
_SPACE, _DIGIT, _LETTER, _ASCII = "space", "digit", "ASCII letter", "ASCII"
_CJK = frozenset({"Han", "Hiragana", "Katakana", "Hangul", "Bopomofo", CJK_MARKS})
_NO_SCRIPT = frozenset({_SPACE, _DIGIT, _LETTER, _ASCII, CJK_MARKS, OTHER_SCRIPT, MARKS, PRIVATE_USE, SYMBOLS})
_CJK_BLOCKS = ((0x3000, 0x303F), (0xFE30, 0xFE4F), (0xFF00, 0xFFEF))
_PRIVATE_BLOCKS = ((0xE000, 0xF8FF), (0xF0000, 0x10FFFF))

# The numbers that SentencePiece gives to kinds of pieces, and GGUF after it.
_USER_DEFINED_PIECE, _BYTE_PIECE = 4, 6

# A name that keeps an id for later: a word for that, and a number.
_SPARE_NAME = re.compile(
    r"(unused|spare|reserved?|extra|place\W?holder|dummy|special|control|added)\D*\d+", re.IGNORECASE
)


def kinds_of(vocabulary: Vocabulary | ForeignVocabulary) -> list[str]:
    r"""Return the kind of each id, one of `KINDS`.

    Example:
        >>> tokens = (b"a", b"\xe4", b"7", "中".encode(), "中文".encode(), b"", b"ab", b"ab")
        >>> kinds_of(Vocabulary("tiny", "", tokens, {"<|end|>": 8, "<|spare_0|>": 9}))  # doctest: +NORMALIZE_WHITESPACE
        ['byte', 'byte', 'byte', 'Han, one character', 'Han, several characters', 'hole', 'ASCII word', 'duplicate',
         'special', 'spare']
    """
    spares = spare_ids(vocabulary)
    pieces = () if isinstance(vocabulary, Vocabulary) else vocabulary.kinds
    has_byte_pieces = _BYTE_PIECE in pieces
    seen: set[bytes] = set()
    kinds = []
    for token_id in range(vocabulary.n_vocab):
        token = vocabulary.tokens[token_id] if token_id < len(vocabulary.tokens) else b""
        if pieces and token_id < len(pieces) and pieces[token_id] == _BYTE_PIECE:
            kinds.append(BYTE)  # a fallback: a piece of the same bytes beside it is no duplicate
        elif token_id in vocabulary.special_ids and not (token and isinstance(vocabulary, Vocabulary)):
            defined = pieces and token_id < len(pieces) and pieces[token_id] == _USER_DEFINED_PIECE
            kinds.append(SPARE if token_id in spares else USER_DEFINED if defined else SPECIAL)
        elif not token:
            kinds.append(HOLE)
        elif token in seen:
            kinds.append(DUPLICATE)
        else:
            seen.add(token)
            kinds.append(BYTE if len(token) == 1 and not has_byte_pieces else kind_of(token))
    return kinds


def kind_of(token: bytes) -> str:
    """Return the kind of a token by its bytes alone.

    Example:
        >>> [kind_of(token.encode()) for token in (" the", "123", "。", "Привет", "’s", "café", "（中", "カタ")]
        ... # doctest: +NORMALIZE_WHITESPACE
        ['ASCII word', 'digits', 'CJK punctuation and fullwidth', 'Cyrillic', 'symbols', 'Latin', 'Han and others',
         'Katakana']
    """
    text = text_of(token)
    if text is None:
        return PARTIAL
    classes = frozenset(map(_CLASSES.__getitem__, text))
    if classes <= {_SPACE}:
        return WHITESPACE
    if classes <= {_DIGIT}:
        return DIGITS
    if text.isascii():
        return ASCII_WORD if text.lstrip(" ").isalpha() else ASCII_OTHER
    if "Han" in classes:
        return MIXED_HAN if classes != {"Han"} else ONE_HAN if len(text) == 1 else SEVERAL_HAN
    return _kind_by_script(classes)


def _kind_by_script(classes: AbstractSet[str]) -> str:
    scripts = classes - _NO_SCRIPT
    if scripts == {"Hiragana", "Katakana"}:
        return KANA
    if len(scripts) > 1 or (scripts and _LETTER in classes and scripts != {"Latin"}):
        return SEVERAL_SCRIPTS
    if scripts:
        return next(iter(scripts))
    return next((kind for kind in (CJK_MARKS, OTHER_SCRIPT, PRIVATE_USE, MARKS) if kind in classes), SYMBOLS)


def classes_of(text: str) -> frozenset[str]:
    """Return the classes of a text's characters: scripts by their names, and classes of those that have no script.

    Example:
        >>> sorted(classes_of(" 中a1。"))
        ['ASCII letter', 'CJK punctuation and fullwidth', 'Han', 'digit', 'space']
    """
    return frozenset(map(_CLASSES.__getitem__, text))


def is_cjk(classes: AbstractSet[str]) -> bool:
    """Return whether there is a character of Chinese, Japanese or Korean writing among the classes, marks included."""
    return not classes.isdisjoint(_CJK)


def spare_ids(vocabulary: Vocabulary | ForeignVocabulary) -> frozenset[int]:
    """Return the special ids that are kept for later: those of spare segments, and those whose name says so.

    Example:
        >>> sorted(spare_ids(Vocabulary("tiny", "", (b"a",), {"[UNUSED_TOKEN_7]": 1, "<|fim_1|>": 2})))
        [1]
    """
    named = {token_id for name, token_id in vocabulary.special_tokens.items() if _SPARE_NAME.search(name)}
    if isinstance(vocabulary, Vocabulary):
        for part in vocabulary.segments:
            if part.name == "spare":
                named |= vocabulary.special_ids.keys() & range(part.start, part.stop)
    return frozenset(named)


class _Classes(dict[str, str]):
    """Character -> class, found when it is first asked for."""

    def __missing__(self, character: str) -> str:
        found = self[character] = _class_of(character)
        return found


_CLASSES = _Classes()


def _class_of(character: str) -> str:
    code = ord(character)
    bits = int(class_table()[code])
    script = ("", *SCRIPTS)[int(_script_indices()[code])]
    if character.isascii():
        found = _DIGIT if character.isdigit() else _LETTER if character.isalpha() else _ASCII
        return _SPACE if bits & SPACE else found
    if script in _CJK:
        return script
    if bits & SPACE:
        return _SPACE
    if _inside(code, _CJK_BLOCKS):
        return CJK_MARKS
    if _inside(code, _PRIVATE_BLOCKS):
        return PRIVATE_USE
    return script or (MARKS if bits & MARK else OTHER_SCRIPT if bits & LETTER else SYMBOLS)


def _inside(code: int, blocks: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in blocks)


@cache
def _script_indices() -> NDArray[np.uint8]:
    indices = np.zeros(0x110000, np.uint8)
    for index, script in enumerate(SCRIPTS, 1):
        indices[script_table(script) == 1] = index
    return indices
