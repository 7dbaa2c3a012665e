"""`tokkit export` as a user meets it: every format, several at once, and what is said of each."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tokkit.formats import any as formats
from tokkit.formats import tiktoken

ALL = ["tiktoken", "huggingface", "tiktoken-plugin", "sentencepiece", "gguf"]


@pytest.fixture
def source(tiny_padded, tmp_path):
    path = tmp_path / "tiny_padded.tiktoken"
    tiktoken.save(tiny_padded, path)
    return path


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "en-web.jsonl"
    path.write_text('{"text": "the thing"}\n{"text": "，x，"}\n', "utf-8")
    return path


def test_several_formats_go_into_one_folder(run, source, sample, tmp_path, tiny_padded):
    out = tmp_path / "out"
    to = [word for each in ALL for word in ("--to", each)]
    code, stdout, err = run("export", source, *to, "--on", sample, "-o", out)
    assert (code, stdout) == (0, "")
    assert err.splitlines() == [
        f"wrote 265 entries to {out}/tiny_padded.tiktoken",
        f"wrote 265 entries to {out}/huggingface",
        f"wrote 265 entries to {out}/tiktoken-plugin",
        f"pip install {out}/tiktoken-plugin, and tiktoken.get_encoding('tiny_padded') finds it",
        f"wrote 265 entries to {out}/tiny_padded.model",
        "every id is kept; the split pattern is not: SentencePiece has none",
        "not expressible: 1 token of partial characters; text becomes single bytes there",
        "appended 127 pieces that the format demands: 392 entries in all",
        "segmented in the sample: 1 of 2 texts alike (50.0%), 77.78% of 9 tokens; +22.22% tokens",
        f"wrote 265 entries to {out}/tiny_padded.gguf",
        "llama.cpp's pre-tokenizer: glm4, which splits alike",
        (
            "no special token is named as the end of a text: llama.cpp takes id 11 for it; tokkit rename can name a spare "
            "<|endoftext|>"
        ),
        "to convert a model with llama.cpp, add to get_vocab_base_pre of its conversion/base.py:",
        '        if chkhsh == "c96a16b1a24e16b203a354301864d946a608ebfbe424c958d814ec8fb36871a6":',
        '            res = "glm4"',
    ]
    for each in ("tiny_padded.tiktoken", "huggingface", "tiny_padded.gguf"):
        assert formats.read(out / each).sha256 == tiny_padded.sha256, each
    assert formats.read(out / "tiny_padded.model").n_vocab == 392


def test_the_json_has_what_the_lines_say(run, source, sample, tmp_path):
    code, out, err = run(
        "export", source, "--to", "sentencepiece", "--on", sample, "-o", tmp_path / "m.model", "--json"
    )
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["output"] == str(tmp_path / "m.model")
    assert found["sentencepiece"] == {
        "entries": 392,
        "appended": 127,
        "partial_characters": [261],
        "not_expressible": [],
        "not_reached": [],
        "sample": {"texts": 2, "same_texts": 1, "tokens": 9, "same_tokens": 7, "sentencepiece_tokens": 11},
    }


def test_the_shipped_sample_is_the_default(run, source, tmp_path):
    code, out, _ = run("export", source, "--to", "sentencepiece", "-o", tmp_path / "m.model", "--json")
    assert code == 0
    assert json.loads(out)["sentencepiece"]["sample"]["texts"] == 198


def test_a_split_that_llama_cpp_lacks_is_told(run, tmp_path, tiny_padded):
    own = replace(tiny_padded, name="own", pattern=r"\w+|\W+", special_tokens={"<|endoftext|>": 262}, segments=())
    tiktoken.save(own, tmp_path / "own.tiktoken")
    code, _, err = run("export", tmp_path / "own.tiktoken", "--to", "gguf", "-o", tmp_path / "own.gguf")
    assert code == 0
    assert err.splitlines()[1:3] == [
        "llama.cpp has no pre-tokenizer with this split pattern",
        r"it refuses the file until its src/llama-vocab.cpp knows 'own' with this pattern: \w+|\W+",
    ]
    assert err.splitlines()[-1] == '            res = "own"'


@pytest.mark.parametrize(
    ("to", "name", "message", "hint"),
    [
        (["gguf"], "x.bin", "its name does not end in .gguf", "-o x.bin.gguf"),
        (["sentencepiece"], "x", "its name does not end in .model", "-o x.model"),
        (["tiktoken-plugin"], "file", "tiktoken-plugin is written into a folder, and it is a file", "name a folder"),
        (["gguf", "tiktoken"], "file", "several formats are written into a folder, and it is a file", "name a folder"),
    ],
)
def test_outputs_that_do_not_fit(run, source, tmp_path, monkeypatch, to, name, message, hint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    words = [word for each in to for word in ("--to", each)]
    assert run("export", source, *words, "-o", name) == (
        2,
        "",
        f"error: cannot write {name}: {message}\nhint: {hint}\n",
    )
    assert (tmp_path / "file").read_text() == "mine"


def test_a_format_that_is_none(run, source, tmp_path):
    code, _, err = run("export", source, "--to", "onnx", "-o", tmp_path / "x")
    assert code == 2
    assert "'onnx' is not one of 'tiktoken', 'huggingface', 'tiktoken-plugin', 'sentencepiece', 'gguf'" in err
