"""SentencePiece models: read whole, refused where they are something else, and written with every id kept."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from tests.hostile import HOSTILE
from tokkit.agreement import agreement
from tokkit.errors import FormatError
from tokkit.formats import protobuf
from tokkit.formats import sentencepiece as models
from tokkit.formats.sentencepiece_model import Kind, Model, Piece, Settings, parse, serialize
from tokkit.vocabulary import Vocabulary

TOKENIZERS = Path(__file__).resolve().parents[2] / "shared" / "tokenizers"
LINES = ["the cat sat on the mat", "the dog sat on the log", "我们在这里 the end", "  two  spaces ", "12345 6789"] * 20


def trained(**options: Any) -> bytes:
    """A tiny model of the package's own trainer."""
    out = io.BytesIO()
    defaults: dict[str, Any] = {
        "vocab_size": 330,
        "model_type": "bpe",
        "byte_fallback": True,
        "minloglevel": 9,
        "character_coverage": 1.0,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=out, **defaults | options, hard_vocab_limit=False
    )
    return out.getvalue()


@pytest.fixture(scope="module")
def llama_kind(tmp_path_factory) -> Path:
    """As Llama 2's: byte fallback, a dummy prefix, extra spaces kept, no normalization."""
    path: Path = tmp_path_factory.mktemp("sp") / "llama.model"
    path.write_bytes(trained(remove_extra_whitespaces=False, normalization_rule_name="identity", split_digits=True))
    return path


@pytest.fixture(scope="module")
def written(tiny_padded, tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("sp") / "tiny.model"
    models.save(tiny_padded, path)
    return path


def test_a_trained_model_reads_as_the_package_reads_it(llama_kind):
    foreign = models.load(llama_kind)
    package = sentencepiece.SentencePieceProcessor(model_file=str(llama_kind))
    size = package.get_piece_size()
    assert foreign.n_vocab == size
    assert foreign.pieces == tuple(package.id_to_piece(index) for index in range(size))
    assert foreign.scores == tuple(package.get_score(index) for index in range(size))
    assert [index for index, kind in enumerate(foreign.kinds) if kind == Kind.BYTE] == [
        index for index in range(size) if package.is_byte(index)
    ]
    assert foreign.special_tokens == {"<unk>": 0, "<s>": 1, "</s>": 2}
    assert foreign.tokens[3 + 0x41] == b"A"
    assert foreign.tokens[foreign.pieces.index("▁the")] == b" the"
    assert foreign.encode_all(LINES[:5]) == [package.encode(line) for line in LINES[:5]]
    assert "a space put before each text" in foreign.semantics
    assert "byte fallback" in foreign.semantics


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"normalization_rule_name": "nmt_nfkc"}, "normalized by nmt_nfkc"),
        ({"add_dummy_prefix": False}, "repeated spaces removed"),
        ({"byte_fallback": False, "vocab_size": 60}, "no byte fallback"),
        ({"user_defined_symbols": ["<x>"]}, "byte fallback"),
    ],
)
def test_the_semantics_name_what_the_model_does(options, said, tmp_path):
    path = tmp_path / "m.model"
    path.write_bytes(trained(**options))
    foreign = models.load(path)
    assert said in foreign.semantics
    assert any("'<x>'" in line for line in foreign.breaks) == ("user_defined_symbols" in options)


def test_unigram_models_are_refused_by_name(tmp_path):
    path = tmp_path / "u.model"
    path.write_bytes(trained(model_type="unigram", vocab_size=320))
    with pytest.raises(FormatError, match=r"u\.model: a SentencePiece Unigram model, which tokkit does not read"):
        models.load(path)


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "size", "spares"), [("internlm1", 103_168, 141), ("internlm2", 92_544, 192)])
def test_the_released_models(name, size, spares):
    path = TOKENIZERS / f"{name}.model"
    if not path.exists():
        pytest.skip(f"no {path}")
    foreign = models.load(path)
    assert foreign.n_vocab == size
    assert sum(kind == Kind.USER_DEFINED for kind in foreign.kinds) == spares
    if name == "internlm2":
        assert (foreign.pieces[353], foreign.scores[353], foreign.tokens[354]) == ("^", -61.0, b"\0")
        assert foreign.tokens[60_352] == b"ConverterFactory"
        assert foreign.special_tokens["[UNUSED_TOKEN_145]"] == 92_542
        assert foreign.encode("12345678[UNUSED_TOKEN_145]\0") == [4575, 10877, 2590, 92_542, 3]


# Files that are something else


def test_every_cut_of_a_model_is_an_error_or_a_model(llama_kind):
    data = llama_kind.read_bytes()
    whole = parse(data, "whole").pieces
    refused = 0
    for length in [*range(200), *range(len(data) - 120, len(data))]:
        try:
            model = parse(data[:length], "cut")
        except FormatError:
            refused += 1
        else:  # cut between two fields
            assert model.pieces == whole[: len(model.pieces)]
    assert refused > 200


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "m.model: not a SentencePiece model: no pieces in it"),
        (b"\x0a\xff\xff\xff\xff\x07abc", "m.model: byte 0: field 1 is 2,147,483,647 bytes long where 3 are left"),
        (b"\x0a" + b"\xff" * 11, "m.model: byte 1: a number of more than ten bytes"),
        (b"\x0b\x00", "m.model: byte 0: not a protocol buffer: field 1 of wire type 3"),
        (b"\x08\x01", "m.model: not a SentencePiece model: field 1 is no message"),
        (b"\x0a\x02\x0a\x00", "m.model: piece 0 has no text"),
        (b"\x0a\x03\x0a\x01\xff", "m.model: piece 0: not UTF-8: b'\\xff': invalid start byte"),
        (b"\x0a\x05\x0a\x01a\x18\x09", "m.model: piece 0: 'a' is of kind 9, which SentencePiece does not know"),
        (b"\x0a\x02\x08\x01", "m.model: piece 0 is none of SentencePiece: field 1 has wire type 0"),
        (b"\x0a\x03\x0a\x01a\x12\x02\x18\x02", None),
    ],
)
def test_what_is_no_model(data, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("m.model").write_bytes(data)
    if message is None:
        assert models.load("m.model").pieces == ("a",)
        return
    with pytest.raises(FormatError) as caught:
        models.load("m.model")
    assert caught.value.message == message


def test_a_model_that_the_package_cannot_load_says_so(tmp_path):
    path = tmp_path / "two.model"
    path.write_bytes(serialize(Model((Piece("a"), Piece("a")), Settings(model_type=2))))
    with pytest.raises(FormatError, match="sentencepiece cannot load two"):
        models.load(path).encode("a")


def test_numbers_on_the_wire():
    for value in (0, 1, 127, 128, 300, 2**31, 2**63 - 1):
        data = protobuf.field(4, value)
        assert list(protobuf.fields(data, 0, len(data), "x")) == [(4, protobuf.VARINT, value, 0)]


# Writing


def test_the_file_says_what_the_vocabulary_is(written, tiny_padded):
    package = sentencepiece.SentencePieceProcessor(model_file=str(written))
    model = parse(written.read_bytes(), "written")
    assert model.settings == Settings(
        model_type=2, byte_fallback=True, normalizer="identity", dummy_prefix=False, remove_extra_spaces=False
    )
    assert (package.get_piece_size(), tiny_padded.n_vocab) == (265 + 127, 265)
    assert package.id_to_piece(258) == "▁the"
    assert package.get_score(258) == -258.0
    assert [package.id_to_piece(index) for index in (0, 1, 32, 65, 127, 128, 255)] == [
        "<0x00>", "\x01", "▁", "A", "\x7f", "<0x80>", "<0xFF>",
    ]  # fmt: skip
    assert [package.id_to_piece(index) for index in (262, 263, 264)] == ["<|end|>", "<|spare_0|>", "<|spare_1|>"]
    assert all(package.is_control(index) for index in (262, 263, 264))


def test_ids_without_a_piece_take_those_that_the_format_demands(tiny_padded):
    """The one token of partial characters, and ids after the last: 127 fallback bytes and the unknown piece."""
    written = models.model_of(tiny_padded)
    assert written.partial == (261,)
    assert written.model.pieces[261] == Piece("<0x01>", kind=Kind.BYTE)
    assert (written.appended, written.marked) == (127, ())
    assert written.model.pieces[-1] == Piece("<unk>", kind=Kind.UNKNOWN)


def test_every_id_of_cl100k_is_kept(cl100k, tmp_path):
    written = models.save(cl100k, tmp_path / "c.model")
    assert (len(written.partial), written.marked, written.appended) == (645, (), 0)
    assert len(written.model.pieces) == cl100k.n_vocab
    foreign = models.load(tmp_path / "c.model")
    partial = set(written.partial)
    moved = [rank for rank, token in enumerate(cl100k.tokens) if rank not in partial and foreign.tokens[rank] != token]
    assert moved == []
    assert foreign.special_tokens == {**cl100k.special_tokens, "<unk>": foreign.special_tokens["<unk>"]}
    package = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "c.model"))
    assert (package.eos_id(), package.bos_id(), package.pad_id()) == (100_257, -1, -1)
    for text in (
        "Hello, world! 12 cats",
        "def f(x): return x\n\n",
        "  \t a\x01b",
        "<|endoftext|>",
        "<unk>",
        "<0x41>",
        "\0\0",
    ):
        assert foreign.encode(text) == cl100k.encode(text), text
    # Without the pattern nothing keeps the last space of an indentation for the word after it.
    assert [cl100k.tokens[each] for each in foreign.encode("\n    return")] == [b"\n", b"    ", b"return"]
    assert [cl100k.tokens[each] for each in cl100k.encode("\n    return")] == [b"\n", b"   ", b" return"]
    hostile = [text for text in HOSTILE if "▁" not in text]
    for text, ids in zip(hostile, foreign.encode_all(hostile), strict=True):
        assert package.decode(ids) == text


def test_a_second_reading_writes_the_same_bytes(written):
    data = written.read_bytes()
    assert serialize(parse(data, "written")) == data


def test_tokens_that_cannot_be_spelled_are_named(tiny):
    vocabulary = replace(tiny, tokens=(*tiny.tokens, "▁▁".encode(), b"<unk>", b"<0x41>"), segments=())
    written = models.model_of(vocabulary)
    assert written.marked == (262, 263, 264)
    text = "▁ is not a space"
    encode = models.encoder(serialize(written.model), "marked")
    assert encode([text])[0][0] == 32, "SentencePiece takes it for one"


def test_a_vocabulary_with_its_own_unknown_token(tiny):
    vocabulary = replace(tiny, special_tokens={"<s>": 262, "<unk>": 263, "</s>": 264}, segments=())
    written = models.model_of(vocabulary)
    assert written.model.pieces[263] == Piece("<unk>", kind=Kind.UNKNOWN)
    assert written.model.settings.end == "</s>"
    package = sentencepiece.SentencePieceProcessor(model_proto=serialize(written.model))
    assert (package.bos_id(), package.unk_id(), package.eos_id()) == (262, 263, 264)


def test_holes_are_unused_pieces(tiny):
    gaps = tuple(b"" if index >= 262 else token for index, token in enumerate((*tiny.tokens, *[b""] * 200)))
    vocabulary = replace(tiny, tokens=(*gaps, b"zz"), segments=())
    written = models.model_of(vocabulary)
    assert written.appended == 0
    unused = [index for index, piece in enumerate(written.model.pieces) if piece.kind == Kind.UNUSED]
    assert unused == list(range(262 + 127, 462))
    assert written.model.pieces[400].text == "<|hole_400|>"


def test_a_special_token_named_as_a_byte_is_refused(tiny):
    with pytest.raises(FormatError, match="special token '<0x41>' has the name of a SentencePiece byte"):
        models.model_of(replace(tiny, special_tokens={"<0x41>": 262}, segments=()))


def test_agreement_counts_texts_and_placed_tokens(tiny):
    vocabulary = Vocabulary("tiny", tiny.pattern, tiny.tokens)
    encode = models.encoder(serialize(models.model_of(vocabulary).model), "tiny")
    found = agreement(vocabulary, encode, ["the thing", "，x，", ""])
    # ，is E7 BC 8C: E7BC is token 261, and three bytes to SentencePiece; the last byte is alike.
    assert (found.texts, found.same_texts, found.tokens, found.other_tokens) == (3, 2, 3 + 1 + 5, 3 + 1 + 7)
    assert found.same_tokens == 4 + 3
