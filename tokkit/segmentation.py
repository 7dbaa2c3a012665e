"""Segment a text with several vocabularies, and find the places where all of them have a border."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from tokkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.foreign import ForeignVocabulary
    from tokkit.vocabulary import Vocabulary


@dataclass(frozen=True)
class Segmentation:
    """A text as one vocabulary cuts it.

    Attributes:
        vocabulary: its name.
        sha256: that of its file.
        text: the text in UTF-8.
        ids: the ids.
        tokens: the bytes of each id; of a special token its name.
        ends: where each token ends in `text`; empty where the tokens are not the text (a tokenizer that changes it).
    """

    vocabulary: str
    sha256: str
    text: bytes
    ids: tuple[int, ...]
    tokens: tuple[bytes, ...]
    ends: tuple[int, ...]

    @property
    def bytes_per_token(self) -> float | None:
        """Bytes of the text per token; None where there are no tokens."""
        return len(self.text) / len(self.ids) if self.ids else None


def segment(vocabulary: Vocabulary | ForeignVocabulary, text: str) -> Segmentation:
    r"""Segment a text, names of special tokens as text.

    Raises:
        InputError: the text holds a lone surrogate, or the tokenizer refuses to encode.
        LawError: a single byte has no token.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> tokens = (*(bytes([byte]) for byte in range(256)), b"ab")
        >>> cut = segment(Vocabulary("tiny", r"\S+|\s+", tokens), "abc")
        >>> cut.ids, cut.tokens, cut.ends
        ((256, 99), (b'ab', b'c'), (2, 3))
    """
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the text holds a lone surrogate at character {error.start}") from None
    ids = vocabulary.encode(text)
    tokens = tuple(_bytes_of(vocabulary, token_id) for token_id in ids)
    return Segmentation(vocabulary.name, vocabulary.sha256, data, tuple(ids), tokens, _ends(tokens, data))


def _bytes_of(vocabulary: Vocabulary | ForeignVocabulary, token_id: int) -> bytes:
    token = vocabulary.tokens[token_id] if token_id < len(vocabulary.tokens) else b""
    return token or vocabulary.special_ids.get(token_id, "").encode()


def _ends(tokens: Sequence[bytes], text: bytes) -> tuple[int, ...]:
    """Return where tokens end in a text, also where a space was put before it; nothing where they are another text."""
    whole = b"".join(tokens)
    if whole == text:
        return tuple(accumulate(map(len, tokens)))
    if whole == b" " + text:
        return tuple(end - 1 for end in accumulate(map(len, tokens)))
    return ()


@dataclass(frozen=True)
class Stretch:
    """Bytes `start <= at < stop` of a text between two borders that all segmentations have.

    Attributes:
        start: where it starts.
        stop: where it stops.
        tokens: for each segmentation, the places `first <= at < last` of its tokens that lie there.
    """

    start: int
    stop: int
    tokens: tuple[tuple[int, int], ...]


def stretches(segmentations: Sequence[Segmentation]) -> list[Stretch]:
    r"""Return the shortest stretches of a text that no token of any segmentation leaves; one of all where one is not known.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> letters = tuple(bytes([byte]) for byte in range(256))
        >>> both = [Vocabulary("one", r"\S+", (*letters, b"ab")), Vocabulary("two", r"\S+", (*letters, b"bc"))]
        >>> [(each.start, each.stop, each.tokens) for each in stretches([segment(one, "abcd") for one in both])]
        [(0, 3, ((0, 2), (0, 2))), (3, 4, ((2, 3), (2, 3)))]
    """
    size = len(segmentations[0].text)
    if not all(each.ends or not each.ids for each in segmentations):
        return [Stretch(0, size, tuple((0, len(each.ids)) for each in segmentations))]
    common = set.intersection(*(set(each.ends) for each in segmentations)) - {0}
    found: list[Stretch] = []
    for stop in sorted(common):
        start = found[-1].stop if found else 0
        firsts = [last for _, last in found[-1].tokens] if found else [0] * len(segmentations)
        tokens = []
        for each, first in zip(segmentations, firsts, strict=True):
            last = first
            while last < len(each.ends) and each.ends[last] <= stop:
                last += 1
            tokens.append((first, last))
        found.append(Stretch(start, stop, tuple(tokens)))
    return found
