"""How far another encoder agrees with a vocabulary whose ids it shares: texts alike, and tokens alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokkit.vocabulary import Vocabulary


@dataclass(frozen=True)
class Agreement:
    """What two encoders made of the same texts.

    Attributes:
        texts: how many texts there were.
        same_texts: how many of them have the same ids from both.
        tokens: how many ids the vocabulary gives.
        other_tokens: how many ids the other encoder gives.
        same_tokens: how many tokens of the vocabulary the other has too: the same id for the same bytes of the text.
    """

    texts: int
    same_texts: int
    tokens: int
    other_tokens: int
    same_tokens: int


def agreement(
    vocabulary: Vocabulary, encode_texts: Callable[[Sequence[str]], list[list[int]]], texts: Sequence[str]
) -> Agreement:
    """Compare another encoder's ids with a vocabulary's, text by text.

    Example:
        >>> from tokkit import Vocabulary
        >>> tokens = (*(bytes([byte]) for byte in range(256)), b"ab", b"abc")
        >>> by_hand = lambda texts: [[256, 99, 120]]  # ab|c|x, where the vocabulary has abc|x
        >>> agreement(Vocabulary("tiny", ".+", tokens), by_hand, ["abcx"])
        Agreement(texts=1, same_texts=0, tokens=2, other_tokens=3, same_tokens=1)
    """
    lengths = [len(token) for token in vocabulary.tokens]
    same_texts = n_tokens = n_others = same_tokens = 0
    for text, other in zip(texts, encode_texts(texts), strict=True):
        ids = vocabulary.encode(text)
        n_tokens += len(ids)
        n_others += len(other)
        if ids == other:
            same_texts += 1
            same_tokens += len(ids)
        else:
            same_tokens += len(_placed(ids, lengths) & _placed(other, lengths))
    return Agreement(len(texts), same_texts, n_tokens, n_others, same_tokens)


def _placed(ids: Sequence[int], lengths: Sequence[int]) -> set[tuple[int, int]]:
    """Return each id with the byte that it starts at; an id that is no token, another encoder's own, counts one byte."""
    widths = (lengths[token_id] if token_id < len(lengths) and lengths[token_id] else 1 for token_id in ids)
    return set(zip(accumulate(widths, initial=0), ids, strict=False))
