"""Malformed tokenizers through the command line: exit 2 within seconds, one line that names the place, bounded memory."""

from __future__ import annotations

import base64
import json
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tokkit
from tokkit import pretokenize
from tokkit.cli.app import main
from tokkit.formats import huggingface
from tokkit.formats.tiktoken import save

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 30  # on a machine that others share; alone each takes less than one
MEGABYTES = 400
NAMES = {"tiktoken": "bad.tiktoken", "huggingface": "tokenizer.json", "tekken": "tekken.json"}


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, bytes]:
    """A whole file of each format, by format."""
    from tokkit.bases import load_base
    from tokkit.vocabulary import Vocabulary

    tokens = (*(bytes([byte]) for byte in range(256)), b"th", b"the", b" the")
    tiny = Vocabulary("tiny", load_base("cl100k_base").pattern, tokens, {"<|end|>": 259})
    folder = tmp_path_factory.mktemp("good")
    save(tiny, folder / "tiny.tiktoken")
    vocab = [
        {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
        for rank, token in enumerate(tokens)
    ]
    config = {"pattern": r"\w+|\W", "num_vocab_tokens": 259, "default_vocab_size": 269}
    tekken = {"config": config | {"default_num_special_tokens": 10, "version": "v11"}, "vocab": vocab}
    tekken["special_tokens"] = [{"rank": 0, "token_str": "<unk>", "is_control": True}]
    return {
        "tiktoken": (folder / "tiny.tiktoken").read_bytes(),
        "huggingface": huggingface.files(tiny)["tokenizer.json"],
        "tekken": json.dumps(tekken).encode(),
    }


@pytest.fixture
def refused(tmp_path, capsys) -> Callable[..., str]:
    """Have `tokkit export` read a file, and return its one line of error and the hint."""

    def read(name: str, data: bytes | None, *options: str) -> str:
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        code = main(["export", str(path), "--to", "tiktoken", "-o", str(tmp_path / "out.tiktoken"), *options])
        taken, grown = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        out, err = map(str, capsys.readouterr())
        assert (code, out) == (2, ""), err
        assert err.startswith("error: "), err
        assert "Traceback" not in err
        assert "defect" not in err
        assert len(err) < 1500, "a message is not the file"
        assert not (tmp_path / "out.tiktoken").exists()
        assert taken < SECONDS, f"{taken:.1f} s"
        assert grown < MEGABYTES << 10, f"{grown >> 10} MB"
        return err

    return read


@pytest.fixture
def short_patience(monkeypatch) -> float:
    """Let a pattern that backtracks go on for less than a user would."""
    monkeypatch.setattr(pretokenize, "_SECONDS", 0.3)
    return pretokenize._SECONDS


def edited(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    fields = json.loads(data)
    change(fields)
    return json.dumps(fields).encode()


@pytest.mark.parametrize("format_", NAMES)
def test_a_good_file_is_read(good, tmp_path, capsys, format_) -> None:
    (tmp_path / NAMES[format_]).write_bytes(good[format_])
    words = ["export", str(tmp_path / NAMES[format_]), "--to", "tiktoken", "-o", str(tmp_path / "out.tiktoken")]
    code = main([*words, *(["--pattern", "cl100k_base"] if format_ == "tiktoken" else [])])
    assert code == 0, capsys.readouterr().err
    assert b"dGhl " in (tmp_path / "out.tiktoken").read_bytes()


@pytest.mark.parametrize("format_", NAMES)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_truncated(good, refused, format_, share) -> None:
    data = good[format_]
    err = refused(NAMES[format_], data[: int(len(data) * share)], *(["--pattern", "a|b"] * (format_ == "tiktoken")))
    assert NAMES[format_] in err
    assert "line" in err


@pytest.mark.parametrize("format_", NAMES)
def test_empty(refused, format_) -> None:
    assert "an empty file" in refused(NAMES[format_], b"")


@pytest.mark.parametrize("format_", NAMES)
def test_not_utf8(good, refused, format_) -> None:
    data = good[format_]
    place = len(data) // 2
    err = refused(
        NAMES[format_], data[:place] + b"\xff\xfe" + data[place:], *(["--pattern", "a|b"] * (format_ == "tiktoken"))
    )
    assert ("at offset" in err and str(place) in err) or "line 1" in err, err


@pytest.mark.parametrize("name", ["folder", "tokenizer.json", "a.tiktoken", "tekken.json", "m.gguf", "m.model"])
def test_a_folder(refused, tmp_path, name) -> None:
    (tmp_path / name).mkdir()
    assert "a folder without a tokenizer.json or tekken.json" in refused(name, None)


@pytest.mark.parametrize("format_", ["huggingface", "tekken"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "JSON nested too deeply"),
        (b"[" * 1_000_000, "JSON nested too deeply"),
        (b'{"model": {"type": "BPE"}, "config": {}, "model": 1}', "key 'model' comes twice in one object"),
        (b'{"version": ' + b"9" * 5000 + b"}", "not JSON that can be read: Exceeds the limit"),
        (b"[1, 2]", "not a "),
        (b"null", "not a "),
        (b'"text"', "not a "),
        (b"{}", "not a "),
        (b'{"model": {"vocab": NaN, "merges": []}}', "tokenizer.json"),
    ],
)
def test_json_that_is_no_tokenizer(refused, format_, data, message) -> None:
    if format_ == "huggingface" or b"NaN" not in data:
        assert message in refused(NAMES[format_], data)


RANKS: dict[str, tuple[bytes, bytes, str]] = {
    "wrong base64": (b"dGg= 256", b"dGg 256", "line 257 is not `base64 rank`: 'dGg 256'"),
    "a rank twice": (b"dGg= 256", b"dGg= 257", "line 258: rank 257 comes twice"),
    "a token twice": (b"dGhl 257", b"dGg= 257", "line 258: token b'th' has rank 256 already"),
    "a rank of 10^12": (b"dGg= 256", b"dGg= 1000000000000", "line 257: rank 1000000000000"),
    "a rank of 6,000 digits": (b"dGg= 256", b"dGg= " + b"9" * 6000, "line 257 is not `base64 rank`"),
    "a negative rank": (b"dGg= 256", b"dGg= -1", "line 257: rank -1"),
    "an empty token": (b"dGg= 256", b"= 256", "line 257 is not `base64 rank`"),
    "three columns": (b"dGg= 256", b"dGg= 256 1", "line 257 is not `base64 rank`"),
    "a long line": (b"dGg= 256", b"x" * 3_000_000, "line 257 is not `base64 rank`: 'xxx"),
}


@pytest.mark.parametrize("kind", RANKS)
def test_rank_files(good, refused, kind) -> None:
    old, new, message = RANKS[kind]
    assert message in refused("bad.tiktoken", good["tiktoken"].replace(old, new), "--pattern", "cl100k_base")


MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "WordPiece": ({"type": "WordPiece", "vocab": {"a": 0}}, "its model is 'WordPiece', not byte-level BPE"),
    "Unigram": ({"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 0}, "its model is 'Unigram', not byte-level BPE"),
    "an id of 10^12": (
        {"vocab": {"a": 10**12}},
        "token 'a' has id 1000000000000, expected a number from 0 to 16,777,216",
    ),
    "a negative id": ({"vocab": {"a": -1}}, "token 'a' has id -1"),
    "an id in quotes": ({"vocab": {"a": "0"}}, "token 'a' has id '0'"),
    "a true id": ({"vocab": {"a": True}}, "token 'a' has id True"),
    "an id twice": ({"vocab": {"a": 0, "b": 0}}, "id 0 has two tokens: 'a' and 'b'"),
    "no vocabulary": ({"vocab": {}}, "`model.vocab` is no object with tokens"),
    "not the alphabet": ({"vocab": {"a b": 0}, "merges": []}, "token 0 is not in the byte-level alphabet: 'a b'"),
    "merges that are no list": ({"merges": {"a": 1}}, "`model.merges` is no list"),
    "a merge of three": ({"merges": [["t", "h", "e"]]}, "merge 1 is not a pair"),
    "a merge of numbers": ({"merges": [[1, 2]]}, "merge 1 is not a pair"),
    "a merge of one": ({"merges": ["th"]}, "merge 1 is not a pair: 'th'"),
    "a merge of no token": ({"merges": [["t", "h"], ["th", "x"]]}, "merge 2 names no token of the vocabulary: 'thx'"),
}


@pytest.mark.parametrize("kind", MODELS)
def test_models(good, refused, kind) -> None:
    changes, message = MODELS[kind]
    data = edited(good["huggingface"], lambda fields: fields["model"].update(changes))
    assert message in refused("tokenizer.json", data)


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "Metaspace": ({"pre_tokenizer": {"type": "Metaspace"}}, "BPE, but not byte-level: its pre-tokenizer is Metaspace"),
    "no pre-tokenizer": ({"pre_tokenizer": None}, "BPE, but not byte-level: its pre-tokenizer is none"),
    "pre-tokenizers of any kind": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": 7}}, "not byte-level"),
    "added tokens that are no list": ({"added_tokens": {"a": 1}}, "`added_tokens` is no list"),
    "an added token without a name": ({"added_tokens": [{"id": 259}]}, "added token 1 has no `content`"),
    "an added token without an id": ({"added_tokens": [{"content": "x"}]}, "added token 'x' has id None"),
    "an added id of 10^12": (
        {"added_tokens": [{"content": "x", "id": 10**12}]},
        "added token 'x' has id 1000000000000",
    ),
    "an added id of a token": (
        {"added_tokens": [{"content": "xy", "id": 3}]},
        "'xy' has id 3, which is that of a token",
    ),
    "NFC": ({"normalizer": {"type": "NFC"}}, "is no vocabulary of ranks: normalizer NFC changes text"),
}


@pytest.mark.parametrize("kind", FIELDS)
def test_fields(good, refused, kind) -> None:
    changes, message = FIELDS[kind]
    assert message in refused("tokenizer.json", edited(good["huggingface"], lambda fields: fields.update(changes)))


TEKKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "wrong base64": (lambda fields: fields["vocab"][256].update(token_bytes="dGg"), "rank 256: not base64: 'dGg'"),
    "a token twice": (
        lambda fields: fields["vocab"][257].update(token_bytes="dGg="),
        "rank 257: token b'th' has rank 256 already",
    ),
    "ranks out of order": (
        lambda fields: fields["vocab"][256].update(rank=300),
        "entry 256 of `vocab` is not rank 256",
    ),
    "too few ranks": (lambda fields: fields["vocab"].pop(), "leave 259 ranks, and `vocab` has 258"),
    "a size of 10^12": (
        lambda fields: fields["config"].update(default_vocab_size=10**12),
        "`config.default_vocab_size` is 1000000000000",
    ),
    "more specials than ids": (
        lambda fields: fields["config"].update(default_num_special_tokens=300),
        "leave -31 ranks",
    ),
    "no pattern": (lambda fields: fields["config"].pop("pattern"), "`config.pattern` is None"),
    "bytes not in order": (
        lambda fields: fields["vocab"][0].update(token_bytes="AQ=="),
        "rank 0 is b'\\x01'; the first 256 are the bytes",
    ),
    "no special tokens": (lambda fields: fields.pop("special_tokens"), "version 'v11' with special tokens None"),
    "a special token of text": (
        lambda fields: fields.update(special_tokens=["<s>"]),
        "special token 0 has no rank and name",
    ),
    "a special token twice": (
        lambda fields: fields["special_tokens"].append({"rank": 1, "token_str": "<unk>"}),
        "special token '<unk>' comes twice",
    ),
}


@pytest.mark.parametrize("kind", TEKKEN)
def test_tekken(good, refused, kind) -> None:
    change, message = TEKKEN[kind]
    assert message in refused("tekken.json", edited(good["tekken"], change))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?:a|aa)+$|\s+|\S", "the pattern takes too long at character 0"),
        (r"(?:a|a)*$|\s|\S", "the pattern takes too long at character "),
        ("(" * 5000 + ")" * 5000, "pattern does not compile: "),
        ("[" * 5000, "pattern does not compile: unterminated character set"),
        ("(a", "pattern does not compile: missing )"),
        ("[b]", "the pattern leaves text uncovered at character 0"),
    ],
)
def test_patterns(tmp_path, capsys, short_patience, pattern, message) -> None:
    (tmp_path / "text.txt").write_text("a" * 60 + "c", "utf-8")
    assert short_patience < SECONDS
    started = time.monotonic()
    words = [
        "count",
        str(tmp_path / "text.txt"),
        "--language",
        "en",
        "--pattern",
        pattern,
        "-o",
        str(tmp_path / "c.parquet"),
    ]
    assert main(words) == 2
    assert time.monotonic() - started < SECONDS
    assert message in capsys.readouterr().err


def test_a_pattern_that_backtracks_in_a_tokenizer(good, tmp_path, capsys, short_patience) -> None:
    data = edited(good["tekken"], lambda fields: fields["config"].update(pattern=r"(?:a|aa)+$|\s|\S"))
    (tmp_path / "tekken.json").write_bytes(data)
    (tmp_path / "text.txt").write_text("a" * 60 + "c", "utf-8")
    assert short_patience < SECONDS
    started = time.monotonic()
    assert main(["report", str(tmp_path / "tekken.json"), "--on", str(tmp_path / "text.txt"), "--language", "en"]) == 2
    assert time.monotonic() - started < SECONDS
    assert "the pattern takes too long" in capsys.readouterr().err


def test_a_large_file_is_not_loaded_to_be_refused(refused, tmp_path) -> None:
    with (tmp_path / "tokenizer.json").open("wb") as file:
        file.write(b"{")
        file.truncate(1 << 40)  # sparse: a terabyte of zeros
    assert "1,099,511,627,776 bytes, more than" in refused("tokenizer.json", None)


def test_nothing_is_unpickled_or_executed() -> None:
    readers = [*Path(tokkit.__file__).parent.glob("formats/*.py"), Path(tokkit.__file__).with_name("foreign.py")]
    sources = {path.name: path.read_text("utf-8") for path in readers}
    words = ("pickle", "eval(", "exec(", "yaml", "marshal", "allow_pickle=True", "shell=True")
    assert [(name, word) for name, source in sources.items() for word in words if word in source] == []
