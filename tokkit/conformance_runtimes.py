"""The runtimes that a vocabulary is written for, each loaded by its real library from the file that tokkit writes for it.

A runtime is opened in two steps, write and load, so that what is loaded is what lies in the folder and not what is in
memory. What is asked of each afterwards is the same: ids of texts, bytes of ids, the token of every id, and what names of
special tokens become when they are typed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tokkit.formats import tiktoken as rank_file
from tokkit.formats.huggingface import byte_characters, save
from tokkit.formats.portable import portable_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tokkit.vocabulary import Vocabulary


PLUGIN = "conformance"  # a name that no encoding of tiktoken has


@dataclass(frozen=True)
class SpecialRule:
    """What a runtime's documented behaviour makes of special tokens' names in a text.

    Attributes:
        rule: the behaviour in words.
        encode: ids of a text that way; it may raise ValueError where that is the rule.
        expected: `text` (tokkit's ids of it), `no special` (ids of text, its own), `tokens` or `error`.
    """

    rule: str
    encode: Callable[[str], list[int]]
    expected: str


@dataclass(frozen=True)
class Opened:
    """A loaded runtime.

    Attributes:
        encode_texts: ids of texts, names of special tokens being text.
        decode_texts: bytes of ids; None where the library has no way back to the exact text.
        tokens: the bytes of every id, special tokens by name, None for an id that it does not have; None: not asked.
        rules: what typed names of special tokens become.
        note: what to know about this run, in words.
        exact: whether ids must equal tokkit's; None: as its `Runtime` says.
    """

    encode_texts: Callable[[Sequence[str]], list[list[int]]]
    decode_texts: Callable[[Sequence[list[int]]], list[bytes]] | None = None
    tokens: Callable[[int], list[bytes | None]] | None = None
    rules: tuple[SpecialRule, ...] = ()
    note: str = ""
    exact: bool | None = None


@dataclass(frozen=True)
class Runtime:
    """A runtime: the package that is it, and how it is opened.

    Attributes:
        name: for tables.
        package: the distribution whose version is named.
        exact: whether its ids must equal tokkit's.
        write: writes the runtime's files of a vocabulary into a folder.
        load: opens what lies in the folder.
    """

    name: str
    package: str
    exact: bool
    write: Callable[[Vocabulary, Path], None]
    load: Callable[[Vocabulary, Path], Opened]

    @property
    def version(self) -> str | None:
        """The installed version, None where it is not installed."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


def _write_ranks(vocabulary: Vocabulary, folder: Path) -> None:
    rank_file.save(vocabulary, folder / "vocabulary.tiktoken")


def _load_tiktoken(vocabulary: Vocabulary, folder: Path) -> Opened:  # noqa: ARG001 - one signature for all
    from tiktoken import Encoding  # noqa: PLC0415 - every runtime is loaded where it is asked
    from tiktoken.load import load_tiktoken_bpe  # noqa: PLC0415

    read = rank_file.load(folder / "vocabulary.tiktoken")  # the sidecar: pattern and special tokens
    # tiktoken keeps copies of what it loads by path, which a later run would take for this one's file; "" turns that off.
    kept = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = ""
    try:
        ranks = load_tiktoken_bpe(str(folder / "vocabulary.tiktoken"))
    finally:
        if kept is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = kept
    encoding = Encoding(
        read.name, pat_str=read.pattern, mergeable_ranks=ranks, special_tokens=dict(read.special_tokens)
    )
    return opened_tiktoken(encoding)


def opened_tiktoken(encoding: Any) -> Opened:
    """Return an Encoding of tiktoken as an opened runtime."""

    def token(token_id: int) -> bytes | None:
        try:
            return bytes(encoding.decode_single_token_bytes(token_id))
        except KeyError:
            return None

    return Opened(
        # Not encode_ordinary_batch: its pool, even of one thread, takes three times as long as short texts do.
        encode_texts=lambda texts: [encoding.encode_ordinary(text) for text in texts],
        decode_texts=lambda batch: [encoding.decode_bytes(ids) for ids in batch],
        tokens=lambda n_vocab: [token(token_id) for token_id in range(n_vocab)],
        rules=(
            SpecialRule("encode_ordinary gives text", encoding.encode_ordinary, "text"),
            SpecialRule("encode refuses them", encoding.encode, "error"),
            SpecialRule(
                'encode(allowed_special="all") gives the tokens',
                lambda text: encoding.encode(text, allowed_special="all"),
                "tokens",
            ),
        ),
    )


def _write_plugin(vocabulary: Vocabulary, folder: Path) -> None:
    from tokkit.formats import plugin  # noqa: PLC0415

    plugin.save(replace(vocabulary, name=PLUGIN), folder / "plugin")


def _load_plugin(vocabulary: Vocabulary, folder: Path) -> Opened:  # noqa: ARG001
    """Load the package's module from the folder, as tiktoken's registry does once it is installed."""
    from tiktoken import Encoding  # noqa: PLC0415

    name = f"tokkit_{PLUGIN}"
    spec = importlib.util.spec_from_file_location(name, folder / "plugin" / "tiktoken_ext" / f"{PLUGIN}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # tokkit wrote it a moment ago
    return opened_tiktoken(Encoding(**module.ENCODING_CONSTRUCTORS[PLUGIN]()))


def _write_folder(vocabulary: Vocabulary, folder: Path) -> None:
    if not (folder / "huggingface").exists():  # tokenizers and transformers read the same folder
        save(vocabulary, folder / "huggingface")


def _load_tokenizers(vocabulary: Vocabulary, folder: Path) -> Opened:
    from tokenizers import Tokenizer  # noqa: PLC0415

    file = str(folder / "huggingface" / "tokenizer.json")
    typed, plain = Tokenizer.from_file(file), Tokenizer.from_file(file)
    plain.encode_special_tokens = True  # special tokens' names in text are text
    return Opened(
        encode_texts=lambda texts: [
            each.ids for each in plain.encode_batch_fast(list(texts), add_special_tokens=False)
        ],
        decode_texts=lambda batch: [
            text.encode() for text in plain.decode_batch([list(ids) for ids in batch], skip_special_tokens=False)
        ],
        tokens=_spelled(vocabulary, lambda ids: [plain.id_to_token(token_id) for token_id in ids]),
        rules=(
            SpecialRule("encode gives the tokens", lambda text: list(typed.encode(text).ids), "tokens"),
            SpecialRule("encode_special_tokens = True gives text", lambda text: list(plain.encode(text).ids), "text"),
        ),
    )


def _load_transformers(vocabulary: Vocabulary, folder: Path) -> Opened:
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # else it says what of no matter here is not installed
    from transformers import AutoTokenizer  # noqa: PLC0415

    auto = AutoTokenizer.from_pretrained(folder / "huggingface", local_files_only=True)

    def decode(ids: list[int]) -> bytes:
        text: str = auto.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text.encode()

    return Opened(
        encode_texts=lambda texts: [list(ids) for ids in auto(list(texts), add_special_tokens=False)["input_ids"]],
        decode_texts=lambda batch: [decode(list(ids)) for ids in batch],
        tokens=_spelled(vocabulary, auto.convert_ids_to_tokens),
        rules=(
            SpecialRule("the tokenizer gives text", lambda text: list(auto(text)["input_ids"]), "text"),
            SpecialRule(
                "split_special_tokens=False gives the tokens",
                lambda text: list(auto(text, split_special_tokens=False)["input_ids"]),
                "tokens",
            ),
        ),
    )


def _spelled(
    vocabulary: Vocabulary, spell: Callable[[list[int]], Sequence[str | None]]
) -> Callable[[int], list[bytes | None]]:
    """Return the bytes of every id from its spelling in GPT-2's characters; special tokens are spelled as they are."""
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}

    def token(token_id: int, spelling: str | None) -> bytes | None:
        if spelling is None:
            return None
        if token_id in vocabulary.special_ids or not set(spelling) <= byte_of.keys():
            return spelling.encode()
        return bytes(byte_of[character] for character in spelling)

    def tokens(n_vocab: int) -> list[bytes | None]:
        return [token(token_id, spelling) for token_id, spelling in enumerate(spell(list(range(n_vocab))))]

    return tokens


def _write_sentencepiece(vocabulary: Vocabulary, folder: Path) -> None:
    from tokkit.formats import sentencepiece  # noqa: PLC0415

    sentencepiece.save(vocabulary, folder / "vocabulary.model")


def _load_sentencepiece(vocabulary: Vocabulary, folder: Path) -> Opened:  # noqa: ARG001
    from sentencepiece import SentencePieceProcessor  # noqa: PLC0415

    processor = SentencePieceProcessor(model_file=str(folder / "vocabulary.model"))
    return Opened(
        encode_texts=lambda texts: processor.encode(list(texts)),
        rules=(SpecialRule("encode gives text", lambda text: list(processor.encode(text)), "no special"),),
        note="another rule: no split pattern, and bytes do not merge",
    )


def _write_gguf(vocabulary: Vocabulary, folder: Path) -> None:
    from tokkit.formats import gguf  # noqa: PLC0415

    gguf.save(vocabulary, folder / "vocabulary.gguf")


def _load_gguf(vocabulary: Vocabulary, folder: Path) -> Opened:
    """Read the file with the package gguf; it runs nothing, so tokenizers merges by the merges that the file has."""
    from gguf import GGUFReader  # noqa: PLC0415
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers  # noqa: PLC0415

    fields = GGUFReader(folder / "vocabulary.gguf").fields
    spellings: list[str] = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(pair.split(" ")) for pair in fields["tokenizer.ggml.merges"].contents()]
    pre: str = fields["tokenizer.ggml.pre"].contents()
    entries = {spelling: token_id for token_id, spelling in enumerate(spellings)}
    tokenizer = Tokenizer(models.BPE(entries, merges, ignore_merges=True))
    split = pre_tokenizers.Split(Regex(portable_pattern(vocabulary.pattern)), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    return Opened(
        encode_texts=lambda texts: [each.ids for each in tokenizer.encode_batch_fast(list(texts))],
        tokens=_spelled(vocabulary, lambda ids: [spellings[i] if i < len(spellings) else None for i in ids]),
        note=f"the file's tokens and merges, run by tokenizers; its pre-tokenizer is {pre!r}",
    )


def _load_llama_cpp(vocabulary: Vocabulary, folder: Path) -> Opened:
    from llama_cpp import Llama  # noqa: PLC0415

    from tokkit.formats.llama_cpp import pre_tokenizer  # noqa: PLC0415

    llama = Llama(model_path=str(folder / "vocabulary.gguf"), vocab_only=True, verbose=False)
    pre = pre_tokenizer(vocabulary)

    def encode(text: str, *, special: bool) -> list[int]:
        return list(llama.tokenize(text.encode(), add_bos=False, special=special)) if text else []

    return Opened(
        encode_texts=lambda texts: [encode(text, special=False) for text in texts],
        decode_texts=lambda batch: [llama.detokenize(list(ids), special=True) for ids in batch],
        rules=(
            SpecialRule("special=False gives text", lambda text: encode(text, special=False), "text"),
            SpecialRule("special=True gives the tokens", lambda text: encode(text, special=True), "tokens"),
        ),
        note="; ".join(pre.differences),
        exact=not pre.differences,
    )


RUNTIMES = (
    Runtime("tiktoken", "tiktoken", True, _write_ranks, _load_tiktoken),
    Runtime("tiktoken plugin", "tiktoken", True, _write_plugin, _load_plugin),
    Runtime("tokenizers", "tokenizers", True, _write_folder, _load_tokenizers),
    Runtime("transformers", "transformers", True, _write_folder, _load_transformers),
    Runtime("gguf", "gguf", True, _write_gguf, _load_gguf),
    Runtime("llama.cpp", "llama-cpp-python", True, _write_gguf, _load_llama_cpp),
    Runtime("sentencepiece", "sentencepiece", False, _write_sentencepiece, _load_sentencepiece),
)
