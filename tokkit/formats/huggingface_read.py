"""Read a tokenizer.json: a vocabulary where its merges are rank merges, else a foreign one that says what it breaks.

The proof is the one of `docs/formats.md`: in the semantics of ranks a token is only ever made of one pair, the last that merging
its own bytes comes to. So a list of merges means the same as the ranks where it holds that pair for every token that merging
comes to, and makes tokens in the order of their ids; further pairs are never met. What stands around the merges is asked too:
the shortcut, the split, the normalizer, the added tokens, the flags of the model.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokkit.display import show
from tokkit.errors import FormatError, MismatchError
from tokkit.files import read_json, sha256_of
from tokkit.foreign import ForeignVocabulary
from tokkit.formats.huggingface import CONFIG, TOKENIZER, byte_characters, final_pairs
from tokkit.formats.huggingface_split import flat_parts, split_pattern
from tokkit.formats.portable import portable_pattern
from tokkit.formats.tiktoken import check_sidecar, recorded
from tokkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LARGEST_ID = 1 << 24
_READ = "read are byte-level BPE files, those of GPT-2, Llama 3, Qwen and DeepSeek among them"


@dataclass(frozen=True)
class _File:
    """A tokenizer.json whose fields have the kinds that they must have."""

    fields: Mapping[str, Any]
    model: Mapping[str, Any]
    vocab: Mapping[str, int]  # the model's, added tokens among them
    merges: Sequence[tuple[str, str]]
    added: Mapping[str, Mapping[str, Any]]  # by name, in the order of ids
    tokens: tuple[bytes, ...]  # by id, holes for added tokens and for what is not in the byte-level alphabet

    @property
    def special_tokens(self) -> dict[str, int]:
        return {name: entry["id"] for name, entry in self.added.items()}


def load(path: str | Path) -> Vocabulary | ForeignVocabulary:
    """Read a tokenizer.json, or the one in a folder.

    What tokkit wrote comes back whole, with what tokenizer_config.json records of it.

    Raises:
        FormatError: not a tokenizer.json, or one of another model than byte-level BPE; names the place.
        MismatchError: the folder's tokenizer_config.json names another rank file than the tokens make.
        OSError: a file cannot be read.
    """
    path = Path(path)
    file = path / TOKENIZER if path.is_dir() else path
    parsed = _parse(read_json(file), file)
    pattern, breaks = split_pattern(parsed.fields.get("pre_tokenizer"))
    record = _record(file.parent / CONFIG, parsed.special_tokens)
    if record is not None and pattern is not None and portable_pattern(record["pattern"]) == pattern:
        breaks = []  # the record has the pattern as it was, whatever constructs that needs
    breaks += [*_normalizer_breaks(parsed), *_model_breaks(parsed), *_added_breaks(parsed)]
    name = (path.name if path.is_dir() else file.parent.name) or "tokenizer"
    digest = sha256_of(file)
    step = {"step": "file", "name": name, "file_sha256": digest}  # `sha256` is that of a rank file
    vocabulary = Vocabulary(name, pattern or "", parsed.tokens, parsed.special_tokens, provenance=(step,))
    breaks += _merge_breaks(parsed, vocabulary)
    if not breaks and pattern is not None:
        return vocabulary if record is None else _recorded(vocabulary, record, file)
    if record is not None:
        raise FormatError(f"{file}: {breaks[0]}; {CONFIG} says that tokkit wrote it", "export it again")
    return ForeignVocabulary(
        name=name,
        semantics=_semantics(parsed),
        tokens=parsed.tokens,
        special_tokens=parsed.special_tokens,
        sha256=digest,
        breaks=tuple(breaks),
        encode_texts=None if parsed.model.get("dropout") else _encoder(file),
        pattern=pattern,
    )


def _parse(fields: Any, file: Path) -> _File:
    """Check the kind of every field that is read."""
    model = fields.get("model") if isinstance(fields, dict) else None
    if not isinstance(model, dict):
        raise FormatError(f"{file}: not a tokenizer.json: it has no object `model`", _READ)
    if model.get("type", "BPE") != "BPE" or "merges" not in model:
        raise FormatError(f"{file}: its model is {model.get('type')!r}, not byte-level BPE", _READ)
    steps = flat_parts(fields.get("pre_tokenizer"))
    if not any(step.get("type") == "ByteLevel" for step in (*steps, *flat_parts(fields.get("normalizer")))):
        kinds = ", ".join(str(step.get("type")) for step in steps) or "none"
        raise FormatError(
            f"{file}: BPE, but not byte-level: its pre-tokenizer is {kinds}",
            f"{_READ}; of SentencePiece models the .model file is read",
        )
    vocab = _vocab(model.get("vocab"), file)
    added = _added(fields.get("added_tokens") or [], file)
    for name, entry in added.items():
        if vocab.get(name, entry["id"]) != entry["id"]:
            raise FormatError(f"{file}: added token {name!r} has id {entry['id']}, and {vocab[name]} in the vocabulary")
    return _File(fields, model, vocab, _merges(model["merges"], vocab, file), added, _tokens(vocab, added, file))


def _vocab(vocab: Any, file: Path) -> dict[str, int]:
    if not isinstance(vocab, dict) or not vocab:
        raise FormatError(f"{file}: not a BPE tokenizer.json: `model.vocab` is no object with tokens", _READ)
    names: dict[int, str] = {}
    for key, token_id in vocab.items():
        _check_id(token_id, f"token {key!r}", file)
        if token_id in names:
            raise FormatError(f"{file}: id {token_id} has two tokens: {names[token_id]!r} and {key!r}")
        names[token_id] = key
    return vocab


def _added(entries: Any, file: Path) -> dict[str, Mapping[str, Any]]:
    if not isinstance(entries, list):
        raise FormatError(f"{file}: `added_tokens` is no list")
    added: dict[str, Mapping[str, Any]] = {}
    ids: dict[int, str] = {}
    for number, entry in enumerate(entries, 1):
        name = entry.get("content") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise FormatError(f"{file}: added token {number} has no `content`: {str(entry)[:60]}")
        _check_id(entry.get("id"), f"added token {name!r}", file)
        if name in added:
            raise FormatError(f"{file}: added token {name!r} comes twice")
        if entry["id"] in ids:
            raise FormatError(f"{file}: added tokens {ids[entry['id']]!r} and {name!r} both have id {entry['id']}")
        ids[entry["id"]] = name
        added[name] = entry
    return dict(sorted(added.items(), key=lambda item: int(item[1]["id"])))


def _check_id(token_id: Any, whose: str, file: Path) -> None:
    if type(token_id) is not int or not 0 <= token_id <= LARGEST_ID:
        raise FormatError(f"{file}: {whose} has id {token_id!r:.40}, expected a number from 0 to {LARGEST_ID:,}")


def _merges(merges: Any, vocab: Mapping[str, int], file: Path) -> list[tuple[str, str]]:
    if not isinstance(merges, list):
        raise FormatError(f"{file}: `model.merges` is no list")
    pairs = []
    for number, merge in enumerate(merges, 1):
        match merge.split(" ") if isinstance(merge, str) else merge:
            case [str(left), str(right)] if left in vocab and right in vocab and left + right in vocab:
                pairs.append((left, right))
            case [str(left), str(right)]:
                named = next(each for each in (left, right, left + right) if each not in vocab)
                raise FormatError(f"{file}: merge {number} names no token of the vocabulary: {named!r:.60}")
            case _:
                raise FormatError(f"{file}: merge {number} is not a pair: {str(merge)[:60]!r}")
    return pairs


def _tokens(vocab: Mapping[str, int], added: Mapping[str, Any], file: Path) -> tuple[bytes, ...]:
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    plain = {key: token_id for key, token_id in vocab.items() if key not in added}
    tokens = [b""] * (1 + max(plain.values(), default=-1))
    for key, token_id in plain.items():
        if not key or not byte_of.keys() >= set(key):
            raise FormatError(f"{file}: token {token_id} is not in the byte-level alphabet: {key!r}", _READ)
        tokens[token_id] = bytes(map(byte_of.__getitem__, key))
    for name, entry in added.items():
        if entry["id"] < len(tokens) and tokens[entry["id"]]:
            raise FormatError(f"{file}: added token {name!r} has id {entry['id']}, which is that of a token")
    return tuple(tokens)


def _normalizer_breaks(parsed: _File) -> list[str]:
    breaks = []
    for step in flat_parts(parsed.fields.get("normalizer")):
        kind = str(step.get("type"))
        if kind in ("NFC", "NFD", "NFKC", "NFKD"):
            first = _first_changed(kind)
            breaks.append(f"normalizer {kind} changes text before it is split, U+{ord(first):04X} first")
        else:
            breaks.append(f"normalizer {kind} changes text before it is split: {json.dumps(step)[:80]}")
    return breaks


@cache
def _first_changed(form: Any) -> str:
    return next(chr(code) for code in range(sys.maxunicode) if unicodedata.normalize(form, chr(code)) != chr(code))


def _model_breaks(parsed: _File) -> list[str]:
    breaks = [
        f"model has {key} {parsed.model[key]!r}"
        for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")
        if parsed.model.get(key)
    ]
    present = set(parsed.tokens)
    missing = next((byte for byte in range(256) if bytes([byte]) not in present), None)
    if missing is not None:
        unknown = parsed.model.get("unk_token")
        breaks.append(
            f"no token for byte {missing:#04x}: it becomes {unknown!r}"
            if unknown
            else f"no token for byte {missing:#04x}: it is dropped from text"
        )
    return breaks


def _added_breaks(parsed: _File) -> list[str]:
    breaks = []
    taken = [name for name, entry in parsed.added.items() if not entry.get("special")]
    if taken:
        first = taken[0]
        breaks.append(
            f"{len(taken)} added tokens are not special, so that text gives them: `{show(first.encode())}` "
            f"({parsed.added[first]['id']}) first"
        )
    # tokenizers numbers added tokens on from the vocabulary's size, unless the vocabulary has their names.
    given = len(parsed.vocab)
    for name, entry in parsed.added.items():
        if name in parsed.vocab:
            continue
        if entry["id"] != given:
            breaks.append(f"added token {name!r} states id {entry['id']}, and tokenizers gives it {given}")
            break
        given += 1
    return breaks


def _merge_breaks(parsed: _File, vocabulary: Vocabulary) -> list[str]:
    characters = byte_characters()
    made_of = {
        ("".join(map(characters.__getitem__, left)), "".join(map(characters.__getitem__, right))): (left, right)
        for left, right in final_pairs(vocabulary.ranks)
    }
    present = set(parsed.merges)
    breaks = _order_breaks(parsed, [pair for pair in made_of if pair in present])
    absent = next((made_of[pair] for pair in made_of if pair not in present), None)
    if absent is not None:
        left, right = map(show, absent)
        breaks.append(f"no merge makes `{show(b''.join(absent))}` of `{left}` and `{right}`, which ranks would merge")
    reached = {left + right for left, right in made_of.values()}
    dead = next((token for token in vocabulary.tokens if len(token) > 1 and token not in reached), None)
    if dead is not None and not parsed.model.get("ignore_merges"):
        breaks.append(f"ranks do not come to `{show(dead)}` ({vocabulary.ranks[dead]}), and ignore_merges is off")
    if parsed.model.get("ignore_merges") and not breaks:
        named = [name for name in parsed.added if name in parsed.vocab]
        whole = next((name for name in named if _is_one_pretoken(name, parsed.fields)), None)
        if whole is not None:
            breaks.append(f"ignore_merges gives added token {whole!r} for its name in a text")
    return breaks


def _order_breaks(parsed: _File, made_of: list[tuple[str, str]]) -> list[str]:
    """Return the first merge that comes before one of a lower id.

    `made_of` has the pair that ranks make each token of, in the order of ids. A further pair of a token is never met where no
    lower id can be made, so that it does no harm behind those of lower ids: trainers write it on coming upon a token again.
    """
    ids = [parsed.vocab[left + right] for left, right in made_of]
    numbers = {
        pair: number for number, pair in enumerate(parsed.merges, 1)
    }  # of a pair that comes twice, the last counts
    place = {pair: index for index, pair in enumerate(made_of)}
    expected = 0  # the place in `ids` of the next
    for (left, right), number in sorted(numbers.items(), key=lambda item: item[1]):
        if left in parsed.added or right in parsed.added or left + right in parsed.added:
            return [f"merge {number} makes an added token or is made of one: {left!r} and {right!r}"]
        made = parsed.vocab[left + right]
        too_late = (left, right) in place and place[left, right] < expected
        too_early = expected < len(ids) and made > ids[expected]
        if too_late or too_early:
            first, second = (ids[expected - 1], made) if too_late else (made, ids[expected])
            return [f"merge {number} makes token {made}: token {first} before {second}, not in the order of ids"]
        if (left, right) in place:
            expected = place[left, right] + 1
    return []


def _is_one_pretoken(name: str, fields: Mapping[str, Any]) -> bool:
    """Tell whether some text is a pretoken that the model looks up under an added token's name."""
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    if not byte_of.keys() >= set(name):
        return False
    try:
        text = bytes(map(byte_of.__getitem__, name)).decode()
    except UnicodeDecodeError:
        return False
    from tokenizers import Tokenizer  # noqa: PLC0415 - few files have such names

    empty = {"type": "BPE", "vocab": {}, "merges": []}
    bare = {"version": "1.0", "added_tokens": [], "model": empty, "pre_tokenizer": fields["pre_tokenizer"]}
    bare |= dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder"))
    pieces = Tokenizer.from_str(json.dumps(bare)).pre_tokenizer.pre_tokenize_str(text)
    return [piece for piece, _ in pieces] == [name]


def _semantics(parsed: _File) -> str:
    if parsed.model.get("dropout"):
        return f"refused: dropout {parsed.model['dropout']} makes the ids of a text random"
    kinds = [str(step.get("type")) for step in flat_parts(parsed.fields.get("normalizer"))]
    after = f" after {', '.join(kinds)}" if kinds else ""
    names = f"; the names of its {len(parsed.added)} added tokens in a text become those tokens" if parsed.added else ""
    return f"tokenizers: byte-level BPE by its list of merges{after}{names}"


def _encoder(file: Path) -> Callable[[Sequence[str]], list[list[int]]]:
    @cache
    def tokenizer() -> Any:
        from tokenizers import Tokenizer  # noqa: PLC0415 - reading needs no runtime

        try:
            loaded = Tokenizer.from_file(str(file))
        except Exception as error:  # noqa: BLE001 - tokenizers raises nothing narrower
            raise FormatError(f"{file}: tokenizers cannot load it: {error}") from None
        loaded.no_truncation()  # a text's ids are all of them, and no others
        loaded.no_padding()
        return loaded

    def encode_texts(texts: Sequence[str]) -> list[list[int]]:
        return [each.ids for each in tokenizer().encode_batch(list(texts), add_special_tokens=False)]

    return encode_texts


def _record(config: Path, special_tokens: Mapping[str, int]) -> Mapping[str, Any] | None:
    """Return what tokkit recorded in tokenizer_config.json: a sidecar but for its special tokens; None where it did not."""
    if not config.exists():
        return None
    fields = read_json(config)
    if not isinstance(fields, dict):
        raise FormatError(f"{config}: not an object")
    if "tokkit" not in fields:
        return None
    record = fields["tokkit"]
    check_sidecar(record | {"special_tokens": special_tokens} if isinstance(record, dict) else record, config)
    return dict(record)


def _recorded(vocabulary: Vocabulary, record: Mapping[str, Any], file: Path) -> Vocabulary:
    """Return the vocabulary with the name, pattern, segments and provenance that tokkit recorded."""
    if record["rank_file"]["sha256"] != vocabulary.sha256:
        raise MismatchError(
            f"{file}: its tokens make a rank file of sha256 {vocabulary.sha256}, but {CONFIG} names "
            f"{record['rank_file']['sha256']}",
            "the two files are of different vocabularies: export again",
        )
    if portable_pattern(record["pattern"]) != vocabulary.pattern:
        raise MismatchError(
            f"{file}: its split is not the pattern that {CONFIG} names: {vocabulary.pattern}", "export again"
        )
    if record["n_vocab"] != vocabulary.n_vocab:
        raise MismatchError(f"{file}: it has {vocabulary.n_vocab} ids, but {CONFIG} names {record['n_vocab']}")
    return recorded(record, vocabulary.tokens, vocabulary.special_tokens)
