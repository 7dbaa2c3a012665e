"""The texts that the conformance kit compares runtimes on, in groups, all made here but the corpus.

- `hostile`: texts that have broken tokenizers (`tokkit.conformance_hostile`).
- `breaks`: Unicode's GraphemeBreakTest and WordBreakTest pair one character of every break class with every other, alone
  and with U+0308 between them, and add sequences that take more than two; so does this, with their sample characters.
- `classes`: the first and the last code point of every range of letters, numbers, marks and white space of Unicode 16, and
  their neighbours outside: where a runtime of another Unicode version, or another engine, splits otherwise.
- `tokens`: every token of the vocabulary twice in a row, so that merging must come to it and no look-up of a whole pretoken
  finds it; eight to a text, a line each. What is not whole characters is left out.
- `merges`: texts made of the vocabulary's own tokens that merging may join, at random, of a fixed seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tokkit
from tokkit.conformance_hostile import HOSTILE
from tokkit.unicode import code_point_ranges, text_of
from tokkit.unicode_tables import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tokkit.corpus import Labels
    from tokkit.vocabulary import Vocabulary

SEED = 92_672
N_MERGE_TEXTS = 20_000

# A character of each value of Grapheme_Cluster_Break, Indic_Conjunct_Break and Extended_Pictographic, as in
# GraphemeBreakTest of Unicode 16.
GRAPHEME_CLASSES: Mapping[str, str] = {
    "Other": " ",
    "CR": "\r",
    "LF": "\n",
    "Control": "\x01",
    "Extend": "\u0300",
    "ZWNJ": "\u200c",
    "Regional_Indicator": "\U0001f1e6",
    "Prepend": "\u0600",
    "SpacingMark": "\u0a03",
    "L": "\u1100",
    "V": "\u1160",
    "T": "\u11a8",
    "LV": "\uac00",
    "LVT": "\uac01",
    "SpacingMark of a conjunct": "\u0903",
    "Consonant": "\u0915",
    "Consonant without conjuncts": "\u0904",
    "Prepended letter": "\u0d4e",
    "Extended_Pictographic": "\u231a",
    "Extend of a conjunct": "\u0900",
    "Linker": "\u094d",
    "ZWJ": "\u200d",
    "unassigned": "\u0378",
}
# The same for Word_Break, as in WordBreakTest; those above stand for their classes here too.
WORD_CLASSES: Mapping[str, str] = {
    "Newline": "\v",
    "Katakana": "\u3031",
    "ALetter": "A",
    "MidLetter": ":",
    "MidNum": ",",
    "MidNumLet": ".",
    "Numeric": "0",
    "ExtendNumLet": "_",
    "Hebrew_Letter": "\u05d0",
    "Double_Quote": '"',
    "Single_Quote": "'",
    "Format": "\u00ad",
    "WSegSpace": "\u3000",
    "Ideographic": "\u6211",
}
# What takes more than two characters: the sequences at the end of both files, and their like.
SEQUENCES = (
    "\r\na\n\u0308",
    "a\u0308",
    " \u200d\u0646",
    "\u0646\u200d ",
    "\u1100\u1100",
    "\u1100\u1160\u11a8\u11a8",
    "\uac00\u11a8\u1100",
    "\uac01\u11a8\u1100\u1161\u11a8",
    "\U0001f1e6\U0001f1e7\U0001f1e8b",
    "a\U0001f1e6\U0001f1e7\u200d\U0001f1e8b",
    "a\U0001f1e6\u200d\U0001f1e7\U0001f1e8b",
    "a\U0001f1e6\U0001f1e7\U0001f1e8\U0001f1e9b",
    "a\u200d",
    "a\u0308b",
    "a\u0903b",
    "a\u0600b",
    "\U0001f476\U0001f3ff\U0001f476",
    "a\U0001f3ff\U0001f476\u200d\U0001f6d1",
    "\U0001f6d1\u200d\U0001f6d1\u2701\u200d\u2701a\u200d\u2701",
    "\U0001f468\u200d\u2764\ufe0f\u200d\U0001f48b\u200d\U0001f468\U0001f3fd",
    "\u0915\u0924 \u0915\u094d\u0924 \u0915\u094d\u094d\u0924",
    "\u0915\u094d\u200d\u0924 \u0915\u093c\u200d\u094d\u0924",
    "\u0915\u093c\u094d\u200d\u0924 \u0915\u094d\u0924\u094d\u092f \u0915\u094da",
    "a\u094d\u0924 ?\u094d\u0924 \u0915\u094d\u094d\u0924",
    "can't 3.2 3a 1_a A.b a:b a,b 1,2 1.a a1 \u05d0'\u05d0\"\u05d0",
    "a.. a.,a a::1 1__a 1_'1 \"a\" 'a' ab\u00adby",
    "\u261d\u200b\u200d a  b a   b A\u3031_\u3031",
)


@dataclass(frozen=True)
class Text:
    """A text with the group it belongs to and its name there."""

    group: str
    name: str
    text: str


def made_texts(vocabulary: Vocabulary, seed: int = SEED, n_merges: int = N_MERGE_TEXTS) -> Iterator[Text]:
    """Yield the texts of every group that is made here, in the order of the groups above."""
    for name, text in HOSTILE.items():
        yield Text("hostile", name, text)
    for text in break_texts():
        yield Text("breaks", "+".join(f"U+{ord(character):04X}" for character in text), text)
    for text in class_texts():
        yield Text("classes", f"U+{ord(text[1]):04X}", text)
    for number, text in enumerate(token_texts(vocabulary)):
        yield Text("tokens", f"{number}", text)
    for number, text in enumerate(merge_graph_texts(vocabulary, n_merges, seed)):
        yield Text("merges", f"{number}", text)


def corpus_texts(paths: Sequence[str], labels: Labels | None = None, max_bytes: int | None = None) -> Iterator[Text]:
    """Yield the documents of a corpus, each a text; see `tokkit.corpus.read`."""
    from tokkit.corpus import read  # noqa: PLC0415 - loads pyarrow, which the other texts do not need

    for document in read(list(paths), labels, max_bytes=max_bytes):
        yield Text("corpus", document.id, document.text.decode())


def sample_texts() -> Iterator[Text]:
    """Yield the documents of the sample that tokkit carries: 17 slices in 10 languages, and code."""
    folder = Path(tokkit.__file__).parent / "data" / "sample"
    for text in corpus_texts([str(folder / "*.jsonl")]):
        yield Text("sample", text.name, text.text)


def break_texts() -> list[str]:
    r"""Return every pair of break classes' characters, with and without U+0308 between them, and the longer sequences.

    Example:
        >>> len(break_texts()), "\u1100\u0308\uac00" in break_texts()
        (2764, True)
    """
    characters = [*GRAPHEME_CLASSES.values(), *WORD_CLASSES.values()]
    pairs = [first + middle + second for first in characters for second in characters for middle in ("", "\u0308")]
    return list(dict.fromkeys([*pairs, *SEQUENCES]))


def class_texts() -> list[str]:
    """Return a text for each code point at an edge of a class: between letters, digits, spaces and beside itself."""
    edges: set[int] = set()
    for ranges in CATEGORIES.values():
        for start, stop in code_point_ranges(ranges):
            edges.update((start - 1, start, stop - 1, stop))
    usable = sorted(edge for edge in edges if 0 <= edge < 0x110000 and not 0xD800 <= edge < 0xE000)
    return [f"a{chr(edge)}b1{chr(edge)}2 {chr(edge) * 2}'s {chr(edge)}\n" for edge in usable]


def token_texts(vocabulary: Vocabulary) -> list[str]:
    r"""Return every token that is whole characters, twice in a row, eight to a text.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> token_texts(Vocabulary("tiny", r"\S+|\s+", (b"a", b"ab", b"\xe4", b"abc")))
        ['aa\nabab\nabcabc\n']
    """
    whole = [text for token in vocabulary.tokens if token and (text := text_of(token)) is not None]
    return ["".join(f"{text * 2}\n" for text in whole[at : at + 8]) for at in range(0, len(whole), 8)]


def merge_graph_texts(vocabulary: Vocabulary, number: int, seed: int) -> list[str]:
    r"""Return texts made of tokens that merging may join: random ones, the added ones, and parts and neighbours of each.

    Most break at a token's inside (a tail of one, then a head of another), where a wrong order of merges would show. Added
    tokens are those of the segments after the first, or all of two bytes and more; half of the tokens are drawn from them.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> tiny = Vocabulary("tiny", r"\S+|\s+", (*(bytes([byte]) for byte in range(256)), b"ab", b"abc"))
        >>> merge_graph_texts(tiny, 3, seed=1) == merge_graph_texts(tiny, 3, seed=1)
        True
    """
    rng = random.Random(seed)  # noqa: S311 - texts to compare on, no secrets
    tokens = [token for token in vocabulary.tokens if token]
    first = vocabulary.segments[0].stop if vocabulary.segments else 0
    added = [token for token in vocabulary.tokens[first:] if token]
    added = added or [token for token in tokens if len(token) > 1] or tokens
    by_first: dict[int, list[bytes]] = {}
    for token in rng.sample(tokens, min(20_000, len(tokens))) + added:
        by_first.setdefault(token[0], []).append(token)
    texts: dict[str, None] = {}  # each once, in order
    for _ in range(20 * number):  # a vocabulary of few tokens may not have so many texts
        if len(texts) == number:
            break
        parts: list[bytes] = []
        for _ in range(rng.randint(1, 6)):
            parts.append(_part(rng, rng.choice(added if rng.random() < 0.5 else tokens), parts, by_first))
        # Bytes outside whole characters go: these are texts to encode, and what is left is joined anew.
        texts[b"".join(parts).decode("utf-8", "ignore")] = None
    return list(texts)


def _part(rng: random.Random, token: bytes, parts: list[bytes], by_first: Mapping[int, list[bytes]]) -> bytes:
    """Return a tail, a head or a repeat of a token, or a token that begins with the byte that the last part ends with."""
    kind = rng.random()
    if kind < 0.3:
        return token[rng.randrange(len(token)) :]
    if kind < 0.6:
        return token[: rng.randint(1, len(token))]
    if kind < 0.7:
        return token * rng.randint(2, 5)
    return rng.choice(by_first.get(parts[-1][-1], [token])) if parts else token
