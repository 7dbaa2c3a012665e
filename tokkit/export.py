"""Write a vocabulary for other runtimes, and say of each what it cannot hold and how far its ids agree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokkit.agreement import Agreement, agreement
from tokkit.errors import FormatError, InputError
from tokkit.formats.sentinels import end_of_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokkit.formats.llama_cpp import PreTokenizer
    from tokkit.formats.sentencepiece import Written
    from tokkit.vocabulary import Vocabulary

Format = Literal["tiktoken", "huggingface", "tiktoken-plugin", "sentencepiece", "gguf"]
# format -> what its output is called in a folder with others; a name without a suffix is a folder
OUTPUTS: dict[Format, str] = {
    "tiktoken": "{}.tiktoken",
    "huggingface": "huggingface",
    "tiktoken-plugin": "tiktoken-plugin",
    "sentencepiece": "{}.model",
    "gguf": "{}.gguf",
}


@dataclass(frozen=True)
class Converter:
    """What llama.cpp's converter of Hugging Face models needs to know of a vocabulary.

    Attributes:
        digest: the hash that it asks for.
        known_as: the name that it has for this hash already; None where the lines are to be added.
        lines: to add to `get_vocab_base_pre` in its conversion/base.py.
    """

    digest: str
    known_as: str | None
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Export:
    """One output: where it is, and what is to be known of it.

    Attributes:
        format: the format.
        path: the file or folder that was written.
        sentencepiece: what the model could not hold.
        agreement: how far sentencepiece gives the same ids on the sample; None where the package is not installed.
        unreached: ids of pieces that sentencepiece does not come to from their own text: the way there leads through bytes.
        pre_tokenizer: llama.cpp's name for the split, and where it differs.
        converter: what llama.cpp's converter needs.
        end_is_named: whether a special token's name says that it ends a text; llama.cpp guesses otherwise.
    """

    format: Format
    path: Path
    sentencepiece: Written | None = None
    agreement: Agreement | None = None
    unreached: tuple[int, ...] = ()
    pre_tokenizer: PreTokenizer | None = None
    converter: Converter | None = None
    end_is_named: bool = True


def export(
    vocabulary: Vocabulary, formats: Sequence[Format], path: str | Path, sample: Callable[[], Sequence[str]]
) -> list[Export]:
    """Write a vocabulary in other formats, in the order given.

    Args:
        vocabulary: the vocabulary.
        formats: one, which is written to `path`; or several, each under its own name into the folder `path`, as one is
            that makes a file where `path` is a folder already.
        path: the file or folder.
        sample: gives the texts to compare segmentations on; called where a format does not keep them.

    Raises:
        FormatError: a format cannot hold the vocabulary; says why.
        OSError: the folder cannot be made or written.
    """
    path = Path(path)
    outputs = paths(vocabulary.name, formats, path)
    if path not in outputs.values():
        path.mkdir(parents=True, exist_ok=True)
    return [_WRITERS[each](vocabulary, outputs[each], sample) for each in dict.fromkeys(formats)]


def paths(name: str, formats: Sequence[Format], path: Path) -> dict[Format, Path]:
    """Return where each format goes.

    Example:
        >>> {each: str(path) for each, path in paths("zh", ["gguf", "huggingface"], Path("out")).items()}
        {'gguf': 'out/zh.gguf', 'huggingface': 'out/huggingface'}
        >>> str(paths("zh", ["gguf"], Path("tokenizer.gguf"))["gguf"])
        'tokenizer.gguf'
    """
    if len(set(formats)) == 1 and not (path.is_dir() and "." in OUTPUTS[formats[0]]):
        return {formats[0]: path}
    plain = re.sub(r"[^\w.+-]", "_", name)  # a name may hold what is no part of a file's name
    return {each: path / OUTPUTS[each].format(plain) for each in formats}


def _tiktoken(vocabulary: Vocabulary, path: Path, _: Callable[[], Sequence[str]]) -> Export:
    from tokkit.formats import tiktoken  # noqa: PLC0415 - each format is loaded for its own sake

    tiktoken.save(vocabulary, path)
    return Export("tiktoken", path)


def _huggingface(vocabulary: Vocabulary, path: Path, _: Callable[[], Sequence[str]]) -> Export:
    from tokkit.formats import huggingface  # noqa: PLC0415

    huggingface.save(vocabulary, path)
    return Export("huggingface", path)


def _plugin(vocabulary: Vocabulary, path: Path, _: Callable[[], Sequence[str]]) -> Export:
    from tokkit.formats import plugin  # noqa: PLC0415

    plugin.save(vocabulary, path)
    return Export("tiktoken-plugin", path)


def _sentencepiece(vocabulary: Vocabulary, path: Path, sample: Callable[[], Sequence[str]]) -> Export:
    from tokkit.formats import sentencepiece  # noqa: PLC0415

    written = sentencepiece.save(vocabulary, path)
    encode_texts = sentencepiece.encoder(path.read_bytes(), vocabulary.name)
    try:
        encode_texts([])
    except FormatError:
        raise
    except InputError:  # the package is not installed: the file is right, but nothing here can try it
        return Export("sentencepiece", path, sentencepiece=written)
    return Export(
        "sentencepiece",
        path,
        sentencepiece=written,
        agreement=agreement(vocabulary, encode_texts, sample()),
        unreached=_unreached(vocabulary, written, encode_texts),
    )


def _unreached(
    vocabulary: Vocabulary, written: Written, encode_texts: Callable[[Sequence[str]], list[list[int]]]
) -> tuple[int, ...]:
    inexpressible = {*written.partial, *written.marked}
    whole = [
        rank
        for token, rank in vocabulary.ranks.items()
        if rank not in inexpressible and (len(token) > 1 or token < b"\x80")
    ]
    found = encode_texts([vocabulary.tokens[rank].decode() for rank in whole])
    return tuple(rank for rank, ids in zip(whole, found, strict=True) if ids != [rank])


def _gguf(vocabulary: Vocabulary, path: Path, _: Callable[[], Sequence[str]]) -> Export:
    from tokkit.formats import gguf, llama_cpp  # noqa: PLC0415

    found = gguf.save(vocabulary, path)
    digest = llama_cpp.converter_hash(vocabulary)
    lines = llama_cpp.converter_lines(found.name or vocabulary.name, digest)
    return Export(
        "gguf",
        path,
        pre_tokenizer=found,
        converter=Converter(digest, llama_cpp.PUBLISHED.get(digest), lines),
        end_is_named=end_of_text(vocabulary.special_tokens) is not None,
    )


_WRITERS: dict[Format, Callable[[Vocabulary, Path, Callable[[], Sequence[str]]], Export]] = {
    "tiktoken": _tiktoken,
    "huggingface": _huggingface,
    "tiktoken-plugin": _plugin,
    "sentencepiece": _sentencepiece,
    "gguf": _gguf,
}
