"""The tokenizer in a GGUF file, llama.cpp's format: read from any model, written as a file with a vocabulary alone.

A GGUF file says the tokens, their types and the merges, and names a pre-tokenizer that llama.cpp has in its source
(`tokkit.formats.llama_cpp`). `gpt2` tokenizers whose merges are those of the ranks become vocabularies; others, and the
SentencePiece kind `llama`, become foreign ones.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokkit.display import show
from tokkit.errors import FormatError, MismatchError
from tokkit.foreign import ForeignVocabulary
from tokkit.formats import gguf_file, sentencepiece
from tokkit.formats.gguf_file import BOOL, INT32, STRING, UINT32
from tokkit.formats.huggingface import byte_characters, final_pairs
from tokkit.formats.llama_cpp import IGNORES_MERGES, PreTokenizer, pattern_named, pre_tokenizer
from tokkit.formats.sentencepiece_model import BPE, SPACE, Kind, Model, Piece, Settings, serialize
from tokkit.formats.sentinels import beginning_of_text, end_of_text
from tokkit.formats.tiktoken import check_sidecar, recorded, sidecar
from tokkit.vocabulary import Vocabulary, rank_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PREFIX = "tokenizer.ggml."
_RECORD = "tokkit.vocabulary"
_UNREAD = {"bert": "WordPiece", "t5": "Unigram", "rwkv": "RWKV's greedy", "plamo2": "PLaMo's", "no_vocab": "no"}


@dataclass(frozen=True)
class _Tokenizer:
    """The tokenizer's values in a file, with the kinds that they must have."""

    source: str
    name: str
    model: str
    pre: str
    tokens: Sequence[str]
    kinds: Sequence[int]
    merges: Sequence[str]
    scores: Sequence[float]
    values: Mapping[str, Any]
    digest: str  # of the file's metadata: a model's tensors are no part of its tokenizer


def load(path: str | Path) -> Vocabulary | ForeignVocabulary:
    """Read the tokenizer of a GGUF file; its tensors are not touched.

    Padding, tokens of type unused or named `[PAD151646]` after their own id, is no token; after the last one it is not counted.

    Raises:
        FormatError: not GGUF, cut, without a tokenizer, or with one of a kind that tokkit does not read; names the place.
        MismatchError: tokkit wrote it, and what it recorded is not what the tokens are.
        OSError: the file cannot be read.
    """
    parsed = _parse(Path(path))
    if parsed.model == "llama":
        return _sentencepiece(parsed)
    if parsed.model != "gpt2":
        kind = _UNREAD.get(parsed.model, "an unknown")
        raise FormatError(
            f"{path}: its tokenizer is {parsed.model!r}, {kind} tokenizer, which tokkit does not read",
            "read are `gpt2`, byte-level BPE, and `llama`, SentencePiece BPE",
        )
    tokens, special_tokens, breaks = _byte_level(parsed)
    pattern = pattern_named(parsed.pre)
    record = _record(parsed, special_tokens)
    if record is not None:
        return _recorded(Vocabulary(parsed.name, record["pattern"], tokens, special_tokens), record, parsed.source)
    if pattern is None:
        breaks.append(f"its split is llama.cpp's pre-tokenizer {parsed.pre!r}, which is no one pattern known here")
    vocabulary = Vocabulary(parsed.name, pattern or "", tokens, special_tokens)
    breaks += _merge_breaks(parsed, vocabulary)
    if not breaks:
        return vocabulary
    encodes = pattern is not None and not any(line.startswith("token ") for line in breaks)
    rule = "byte-level BPE by its list of merges, through tokenizers" if encodes else f"refused: {breaks[0]}"
    return ForeignVocabulary(
        name=parsed.name,
        semantics=f"llama.cpp gpt2: {rule}",
        tokens=tokens,
        special_tokens=special_tokens,
        sha256=parsed.digest,
        breaks=tuple(breaks),
        encode_texts=_encoder(parsed, pattern) if encodes and pattern is not None else None,
        pattern=pattern,
    )


def _wanted(key: str) -> bool:
    return key.startswith((_PREFIX, "general.name", "tokkit.")) and not key.endswith("chat_template")


def _parse(path: Path) -> _Tokenizer:
    values, length = gguf_file.read(path, _wanted)
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(length)).hexdigest()

    def get(key: str, default: Any) -> Any:
        if key not in values:
            return default
        value = values[key]
        kind = bytes if isinstance(default, str) else type(default)
        if not isinstance(value, kind):
            raise FormatError(f"{path}: {key} is {type(value).__name__}, not {type(default).__name__}")
        return _text(value, f"{path}: {key}") if isinstance(value, bytes) else value

    model = get(_PREFIX + "model", "")
    if not model:
        raise FormatError(
            f"{path}: no tokenizer in it: it has no key {_PREFIX}model", "is it an adapter or a projector?"
        )
    lists = {key: get(_PREFIX + key, []) for key in ("tokens", "merges", "token_type", "scores")}
    texts = {
        key: [_text(entry, f"{path}: {_PREFIX}{key} {index}") for index, entry in enumerate(lists[key])]
        for key in ("tokens", "merges")
    }
    tokens = texts["tokens"]
    for key in ("token_type", "scores"):
        if lists[key] and (len(lists[key]) != len(tokens) or isinstance(lists[key][0], bytes)):
            raise FormatError(f"{path}: {_PREFIX}{key} has {len(lists[key]):,} entries for {len(tokens):,} tokens")
    if not tokens:
        raise FormatError(f"{path}: {_PREFIX}tokens is not there, or empty", "a tokenizer has tokens")
    return _Tokenizer(
        source=str(path),
        name=path.stem,
        model=model,
        pre=get(_PREFIX + "pre", "default"),
        tokens=tokens,
        kinds=lists["token_type"] or [Kind.NORMAL] * len(tokens),
        merges=texts["merges"],
        scores=lists["scores"] or [0.0] * len(tokens),
        values=values,
        digest=digest,
    )


def _text(data: Any, place: str) -> str:
    if not isinstance(data, bytes):
        raise FormatError(f"{place}: {type(data).__name__}, not a string")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"{place}: not UTF-8: {data[:40]!r}: {error.reason}") from None


def _byte_level(parsed: _Tokenizer) -> tuple[tuple[bytes, ...], dict[str, int], list[str]]:
    """Return token bytes by id, special tokens, and what keeps them from being a vocabulary's."""
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    tokens = [b""] * len(parsed.tokens)
    special_tokens: dict[str, int] = {}
    breaks: list[str] = []
    seen: dict[str, int] = {}
    for index, (text, kind) in enumerate(zip(parsed.tokens, parsed.kinds, strict=True)):
        if seen.setdefault(text, index) != index and kind != Kind.UNUSED:
            raise FormatError(f"{parsed.source}: tokens {seen[text]} and {index} are both {text!r}")
        if (
            kind == Kind.UNUSED or text == f"[PAD{index}]"
        ):  # converters of 2024 gave padding the type of user-defined tokens
            continue
        if kind in (Kind.CONTROL, Kind.UNKNOWN, Kind.USER_DEFINED):
            special_tokens[text] = index
        elif text and byte_of.keys() >= set(text):
            tokens[index] = bytes(map(byte_of.__getitem__, text))
        elif not any(line.startswith("token ") for line in breaks):
            breaks.append(f"token {index} is not in the byte-level alphabet: {text!r:.60}")
    typed = [text for text, index in special_tokens.items() if parsed.kinds[index] == Kind.USER_DEFINED]
    if typed:
        breaks.append(
            f"{len(typed)} tokens are user-defined, so that text gives them: `{show(typed[0].encode())}` "
            f"({special_tokens[typed[0]]}) first"
        )
    while tokens and not tokens[-1]:
        tokens.pop()
    return tuple(tokens), special_tokens, breaks


def _merge_breaks(parsed: _Tokenizer, vocabulary: Vocabulary) -> list[str]:
    """Return where merging by the file's list differs from merging by ranks; the proof is in docs/formats.md."""
    characters = byte_characters()
    keys = {text: index for index, text in enumerate(parsed.tokens)}
    breaks: list[str] = []
    previous = -1
    for number, merge in enumerate(parsed.merges):
        left, _, right = merge.partition(" ")
        made = keys.get(left + right, -1)
        if not right or made < 0 or left not in keys or right not in keys:
            raise FormatError(f"{parsed.source}: {_PREFIX}merges {number} makes no token of two: {merge!r:.60}")
        if made < previous:
            breaks.append(f"merge {number} makes token {made} after token {previous}: not in the order of ids")
            break
        previous = made
    missing = next((byte for byte in range(256) if bytes([byte]) not in vocabulary.ranks), None)
    if missing is not None:
        return [*breaks, f"no token for byte {missing:#04x}"]
    pairs = set(parsed.merges)
    reached = {bytes([byte]) for byte in range(256)}
    absent = ""
    for first, second in final_pairs(vocabulary.ranks):
        reached.add(first + second)
        spelled = " ".join("".join(characters[byte] for byte in part) for part in (first, second))
        absent = absent or ("" if spelled in pairs else spelled)
    if absent:
        breaks.append(f"no merge `{absent}`, which ranks would merge")
    dead = next((token for token in vocabulary.tokens if token and token not in reached), None)
    if dead is not None and parsed.pre not in IGNORES_MERGES:
        breaks.append(
            f"ranks do not come to `{show(dead)}` ({vocabulary.ranks[dead]}), and {parsed.pre!r} merges whole pretokens"
        )
    return breaks


def _encoder(parsed: _Tokenizer, pattern: str) -> Callable[[Sequence[str]], list[list[int]]]:
    @cache
    def tokenizer() -> Any:
        from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers  # noqa: PLC0415 - few files want it

        merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in parsed.merges)]
        vocab = {text: index for index, text in enumerate(parsed.tokens)}
        built = Tokenizer(models.BPE(vocab, merges, ignore_merges=parsed.pre in IGNORES_MERGES))
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        built.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
        typed = [text for text, kind in zip(parsed.tokens, parsed.kinds, strict=True) if kind == Kind.USER_DEFINED]
        built.add_tokens([AddedToken(text, normalized=False) for text in typed])
        return built

    def encode_texts(texts: Sequence[str]) -> list[list[int]]:
        return [each.ids for each in tokenizer().encode_batch(list(texts), add_special_tokens=False)]

    return encode_texts


def _sentencepiece(parsed: _Tokenizer) -> ForeignVocabulary:
    """Return a `llama` tokenizer as the SentencePiece model that it was converted from."""
    kinds = list(parsed.kinds)
    unknown = parsed.values.get(_PREFIX + "unknown_token_id", 0)
    if Kind.UNKNOWN not in kinds and isinstance(unknown, int) and unknown < len(kinds):
        kinds[unknown] = Kind.UNKNOWN
    wrong = next((index for index, kind in enumerate(kinds) if kind not in Kind.__members__.values()), None)
    if wrong is not None:
        raise FormatError(f"{parsed.source}: token {wrong} is of type {kinds[wrong]}, which GGUF does not know")
    pieces = tuple(
        Piece(text.replace(" ", SPACE) if kind == Kind.USER_DEFINED else text, float(score), kind)
        for text, score, kind in zip(parsed.tokens, parsed.scores, kinds, strict=True)
    )
    settings = Settings(
        model_type=BPE,
        byte_fallback=Kind.BYTE in kinds,
        dummy_prefix=bool(parsed.values.get(_PREFIX + "add_space_prefix", True)),
        remove_extra_spaces=bool(parsed.values.get(_PREFIX + "remove_extra_whitespaces", False)),
    )
    model = Model(pieces, settings)
    return sentencepiece.foreign(model, serialize(model), parsed.name)


def _record(parsed: _Tokenizer, special_tokens: Mapping[str, int]) -> Mapping[str, Any] | None:
    """Return what `save` recorded: a sidecar but for its special tokens; None where another program wrote the file."""
    if _RECORD not in parsed.values:
        return None
    place = Path(f"{parsed.source}: {_RECORD}")
    try:
        record = json.loads(_text(parsed.values[_RECORD], str(place)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"{place}: not JSON: {error}") from None
    check_sidecar(record | {"special_tokens": special_tokens} if isinstance(record, dict) else record, place)
    return dict(record)


def _recorded(vocabulary: Vocabulary, record: Mapping[str, Any], source: str) -> Vocabulary:
    expected = (record["rank_file"]["sha256"], record["n_vocab"])
    if (vocabulary.sha256, vocabulary.n_vocab) != expected:
        raise MismatchError(
            f"{source}: its {vocabulary.n_vocab} ids make a rank file of sha256 {vocabulary.sha256}, but {_RECORD} names "
            f"{expected[1]} and {expected[0]}",
            "the file was changed since tokkit wrote it: export again",
        )
    return recorded(record, vocabulary.tokens, vocabulary.special_tokens)


def save(vocabulary: Vocabulary, path: str | Path) -> PreTokenizer:
    """Write a vocabulary as a GGUF file without tensors, and return what llama.cpp makes of its split.

    A split that llama.cpp has no name for is written under the vocabulary's name: llama.cpp then refuses the file, where
    any other name would make it another tokenizer in silence.

    Raises:
        FormatError: a byte has no token, or a special token is spelled as a token is.
        OSError: the folder cannot be written, or the disk is full.
    """
    found = pre_tokenizer(vocabulary)
    gguf_file.write(path, _values(vocabulary, found.name or vocabulary.name))
    return found


def _values(vocabulary: Vocabulary, pre: str) -> dict[str, tuple[int, Any]]:
    tokens, kinds = _tokens_and_kinds(vocabulary)
    characters = byte_characters()
    merges = [
        " ".join("".join(characters[byte] for byte in part) for part in pair) for pair in final_pairs(vocabulary.ranks)
    ]
    record = sidecar(vocabulary, rank_lines(vocabulary.tokens))
    del record["special_tokens"]  # the tokens hold them: one place each
    values: dict[str, tuple[int, Any]] = {
        "general.architecture": (STRING, "llama"),
        "general.name": (STRING, vocabulary.name),
        "llama.vocab_size": (UINT32, vocabulary.n_vocab),
        _PREFIX + "model": (STRING, "gpt2"),
        _PREFIX + "pre": (STRING, pre),
        _PREFIX + "tokens": (STRING, tokens),
        _PREFIX + "token_type": (INT32, kinds),
        _PREFIX + "merges": (STRING, merges),
    }
    for key, name in (
        ("bos", beginning_of_text(vocabulary.special_tokens)),
        ("eos", end_of_text(vocabulary.special_tokens)),
    ):
        if name is not None:
            values[f"{_PREFIX}{key}_token_id"] = (UINT32, vocabulary.special_tokens[name])
    # Said, not left to the pre-tokenizer's name: some of them begin every text with a token.
    values |= {_PREFIX + key: (BOOL, False) for key in ("add_bos_token", "add_eos_token", "add_space_prefix")}
    values[_RECORD] = (STRING, json.dumps(record, ensure_ascii=False))
    return values


def _tokens_and_kinds(vocabulary: Vocabulary) -> tuple[list[str], list[int]]:
    """Return the text and the type of every id: tokens in GPT-2's characters, special tokens and spares by name, holes."""
    missing = next((byte for byte in range(256) if bytes([byte]) not in vocabulary.ranks), None)
    if missing is not None:
        raise FormatError(
            f"{vocabulary.name} has no token for byte {missing:#04x}; llama.cpp could not encode it",
            "a vocabulary needs all 256 single bytes",
        )
    characters = byte_characters()
    texts: dict[int, str] = {
        rank: "".join(characters[byte] for byte in token) for token, rank in vocabulary.ranks.items()
    }
    taken = set(texts.values())
    kinds = dict.fromkeys(texts, int(Kind.NORMAL))
    for name, token_id in vocabulary.special_tokens.items():
        if name in taken:
            raise FormatError(f"special token {name!r} has the name of a token in a GGUF file", "tokkit rename")
        texts[token_id], kinds[token_id] = name, int(Kind.CONTROL)
    for token_id in range(vocabulary.n_vocab):
        if token_id not in texts:
            spelled = f"[PAD{token_id}]"  # as llama.cpp's converter spells an id without a token
            texts[token_id] = spelled if spelled not in taken else f"<|hole_{token_id}|>"
            kinds[token_id] = int(Kind.UNUSED)
    order = range(vocabulary.n_vocab)
    return [texts[token_id] for token_id in order], [kinds[token_id] for token_id in order]
