"""What llama.cpp knows of pre-tokenizers: names for splits, and a hash that its converter tells vocabularies apart by.

llama.cpp takes no regular expression from a file. A GGUF file names a pre-tokenizer, which llama.cpp has in its source, and
the converter of Hugging Face models finds that name by the ids of one text: their hash must stand in the converter's
source. Both are given here as they are in llama.cpp of September 2026 (`src/llama-vocab.cpp`, `conversion/base.py`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokkit.display import show
from tokkit.formats.huggingface import final_pairs
from tokkit.formats.portable import END_OF_TEXT, alternatives, portable_pattern

if TYPE_CHECKING:
    from tokkit.foreign import ForeignVocabulary
    from tokkit.vocabulary import Vocabulary

# `chktxt` of github.com/ggml-org/llama.cpp: conversion/base.py, and CHK_TXT of convert_hf_to_gguf_update.py.
CHECK_TEXT = (
    "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n🚀 (normal) "
    "😶\u200d🌫️ (multiple emojis concatenated) ✅ 🦙🦙 "
    "3 33 333 3333 33333 333333 3333333 33333333 3.3 3..3 3...3 "
    "កាន់តែពិសេសអាច😁 "
    "?我想在apple工作1314151天～ ------======= "
    "нещо на Български "
    "''''''```````\"\"\"\"......!!!!!!?????? I've been 'told he's there, 'RE you sure? 'M "
    "not sure I'll make it, 'D you like some tea? We'Ve a'lL"
)
# Hashes of that converter: those of vocabularies that tokkit meets.
PUBLISHED = {
    "a8594e3edff7c29c003940395316294b2c623e09894deebbc65f33f1515df79e": "dbrx",
    "0ef9807a4087ebef797fc749390439009c3b9eda9ad1a097abbe738f486c01e5": "llama-bpe",
    "e636dc30a262dcc0d8c323492e32ae2b70728f4df7dfe9737d9f920a282b8aea": "qwen2",
    "3ce83efda5659b07b1ad37ca97ca5797ea4285d9b9ab0dc679e4a720c9da7454": "gpt-2",
    "ccc2ef013c104be7bae2965776d611e1d7a8a2a9c547dd93a682c9a9fc80352e": "gpt-4o",
    "877081d19cf6996e2c4ff0e1236341e9b7bde288f5311a56a937f0afbbb3aeb5": "deepseek-v3",
}

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SYMBOLS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
_SPACES = (r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+")
_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_CL100K = "|".join((_CONTRACTIONS, _LETTERS, r"\p{N}{1,3}", _SYMBOLS, *_SPACES))
_QWEN2 = "|".join((_CONTRACTIONS, _LETTERS, r"\p{N}", _SYMBOLS, *_SPACES))
_QWEN35 = "|".join(
    (_CONTRACTIONS, r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+", r"\p{N}", r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*", *_SPACES)
)
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_O200K = "|".join(
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTIONS}?",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTIONS}?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        *_SPACES,
    )
)
# Of the names for one split the first is written. It begins no text by itself, and for cl100k's it finds whole pretokens
# without merging, as tiktoken does.
_NAMES = {
    _CL100K: ("glm4", "glm5", "dbrx", "smaug-bpe", "chatglm-bpe", "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1",
              "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"),
    _QWEN2: ("qwen2", "stablelm2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "hunyuan", "solar-open", "grok-2"),
    _QWEN35: ("qwen35",),
    _GPT2: ("gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "gigachat", "a.x-4.0", "mellum",
            "modern-bert", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de"),
    _O200K: ("gpt-4o", "llama4", "kanana2"),
}  # fmt: skip
# Names with which llama.cpp takes a whole pretoken that is a token without merging.
IGNORES_MERGES = frozenset(
    ("glm4", "glm5", "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2")
) | {"jina-v5-nano", "gpt-4o", "llama4", "kanana2"}
_SPELLINGS = {r"\s": r"\s+", r"'(?:[sdmt]|ll|ve|re)": r"'s|'t|'re|'ve|'m|'ll|'d"}
_CROSSES_LINE_BREAK = re.compile(rb"[\r\n][ \t\x0b\x0c]+\Z")


@dataclass(frozen=True)
class PreTokenizer:
    """llama.cpp's name for a vocabulary's split, None where it has none, and where it would cut or merge otherwise."""

    name: str | None
    differences: tuple[str, ...]


def pattern_named(name: str) -> str | None:
    """Return the split pattern that a name of llama.cpp stands for; None for one that is not a single pattern known here.

    Example:
        >>> pattern_named("qwen2") == pattern_named("stablelm2"), pattern_named("deepseek-v3")
        (True, None)
    """
    return next((pattern for pattern, names in _NAMES.items() if name in names), None)


def pre_tokenizer(vocabulary: Vocabulary) -> PreTokenizer:
    """Return llama.cpp's name for a vocabulary's split pattern, and what it does otherwise with this vocabulary."""
    parts = [_SPELLINGS.get(part, part) for part in alternatives(portable_pattern(vocabulary.pattern))]
    at_end = rf"\s+{END_OF_TEXT}"
    spelled = "|".join(part for part in parts if part != at_end)
    if spelled not in _NAMES:
        return PreTokenizer(None, ("llama.cpp has no pre-tokenizer with this split pattern",))
    name = _NAMES[spelled][0]
    differences = []
    if spelled == _O200K:
        differences.append(
            "llama.cpp tells case by a-z and A-Z alone in this split: other letters with case, and marks, are cut otherwise"
        )
    if at_end in parts and r"\s*[\r\n]+" in parts:
        crossing = next((token for token in vocabulary.ranks if _CROSSES_LINE_BREAK.search(token)), None)
        if crossing is not None:
            differences.append(
                f"llama.cpp cuts white space that ends a text after its last line break: it never comes to `{show(crossing)}`"
            )
    if name not in IGNORES_MERGES:
        reached = {left + right for left, right in final_pairs(vocabulary.ranks)}
        dead = next((token for token in vocabulary.ranks if len(token) > 1 and token not in reached), None)
        if dead is not None:
            differences.append(
                f"llama.cpp merges whole pretokens too, with this name: it never comes to `{show(dead)}`"
            )
    return PreTokenizer(name, tuple(differences))


def converter_hash(vocabulary: Vocabulary | ForeignVocabulary) -> str:
    r"""Return the hash by which llama.cpp's converter knows a vocabulary: sha256 of its ids of a text, as Python prints them.

    Example:
        >>> from tokkit import Vocabulary
        >>> single = Vocabulary("bytes", r"\S+|\s+", tuple(bytes([byte]) for byte in range(256)))
        >>> converter_hash(single)[:8]
        '89a1c8ed'
    """
    return hashlib.sha256(str(vocabulary.encode(CHECK_TEXT)).encode()).hexdigest()


def converter_lines(name: str, digest: str) -> tuple[str, ...]:
    r"""Return the lines to add to `get_vocab_base_pre` of llama.cpp's conversion/base.py.

    Example:
        >>> print(*converter_lines("glm4", "08d1"), sep="\n")
                if chkhsh == "08d1":
                    res = "glm4"
    """
    return f'        if chkhsh == "{digest}":', f'            res = "{name}"'
