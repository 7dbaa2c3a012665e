"""`tokkit verify` as a user meets it: each broken law is named, and the exit code says so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tokkit.cli.app import main
from tokkit.files import sha256_of
from tokkit.formats import tiktoken
from tokkit.pad import pad
from tokkit.vocabulary import Segment, rank_lines


@pytest.fixture
def verify(capsys, tmp_path):
    """Save a vocabulary and verify it: vocabulary, words -> (exit code, stdout, stderr)."""

    def run(vocabulary, *words) -> tuple[int, str, str]:
        path = tmp_path / "checked.tiktoken"
        tiktoken.save(vocabulary, path)
        code = main(["verify", str(path), *map(str, words)])
        return code, *capsys.readouterr()

    return run


def test_a_lawful_vocabulary_exits_with_0(verify, chinese):
    code, out, err = verify(chinese)
    assert (code, err) == (0, "chinese: every law holds\n")
    assert [line.split("  ")[0] for line in out.splitlines()] == ["holds"] * 8


def test_a_closure_that_is_broken(verify, tiny):
    code, out, err = verify(replace(tiny, tokens=(*tiny.tokens, b"xyz", b"xy"), segments=()))
    assert (code, err) == (1, "tiny: broken: closure\n")
    assert "\nBROKEN   closure         1 of 8 tokens of two bytes or more are not " in out
    assert "\n         262 xyz = x | y | z\nholds    self-encoding" in out


def test_ids_that_are_not_dense(verify, tiny_padded):
    names = {"<|end|>": 262, "<|spare_0|>": 263, "<|spare_1|>": 265}
    code, out, err = verify(replace(tiny_padded, special_tokens=names, segments=()))
    assert (code, err) == (1, "tiny_padded: broken: dense ids\n")
    assert "\n         264 has no token\n" in out


def test_a_token_beyond_the_pattern(verify, tiny):
    code, out, err = verify(replace(tiny, tokens=(*tiny.tokens, b"e1"), segments=()))
    assert (code, err) == (1, "tiny: broken: reachable\n")
    assert "\n         262 e1: the pattern cuts it, alone and beside 15 kinds of neighbour\n" in out


def test_a_base_that_moved(verify, tiny, tmp_path):
    tiktoken.save(tiny, tmp_path / "base.tiktoken")
    tokens = (*tiny.tokens[:260], b"an", *tiny.tokens[260:])
    moved = replace(tiny, tokens=tokens, segments=())
    code, out, err = verify(moved, "--base", tmp_path / "base.tiktoken")
    assert (code, err) == (1, "tiny: broken: base preserved\n")
    assert (
        "BROKEN   base preserved  2 of the 262 ranks of tiny are not what they were, the first is 260; base sha" in out
    )
    assert "\n         260 an, in the base ing\n         261 ing, in the base \\xEF\\xBC\n" in out


def test_a_rank_file_alone_is_not_compared_with_itself(verify, tiny, tmp_path, capsys):
    bare = tmp_path / "bare.tiktoken"
    bare.write_bytes(rank_lines(tiny.tokens))
    assert main(["verify", str(bare), "--pattern", tiny.pattern]) == 0
    out, err = capsys.readouterr()
    assert err == "bare: every law that was checked holds; not checked: base preserved\n"
    assert "\nunknown  base preserved  not checked: the provenance names no base, only bare itself\n" in out
    assert main(["verify", str(bare), "--pattern", tiny.pattern, "--base", "cl100k_base"]) == 1
    assert "\nBROKEN   base preserved  " in capsys.readouterr().out
    # What starts from it can be compared with it.
    padded = pad(tiktoken.load(bare, tiny.pattern), spares=2, multiple=1).vocabulary
    assert "\nholds    base preserved  the 262 ranks of the prefix have sha256 " in verify(padded)[1]
    moved = (*tiny.tokens[:260], tiny.tokens[261], tiny.tokens[260])
    code, out, _ = verify(replace(padded, tokens=moved))
    assert (code, "\nBROKEN   base preserved  the 262 ranks of the prefix have sha256 " in out) == (1, True)


def test_a_rank_file_in_another_order_is_compared_by_its_ranks(verify, tiny, tmp_path):
    """The lines of a rank file may stand in any order, and end as in Windows: the ranks are what they are."""
    lines = rank_lines(tiny.tokens).splitlines()
    shuffled = tmp_path / "shuffled.tiktoken"
    shuffled.write_bytes(b"\r\n".join([*reversed(lines), b""]))
    loaded = tiktoken.load(shuffled, tiny.pattern)
    digests = {"sha256": tiny.sha256, "file_sha256": sha256_of(shuffled)}
    assert loaded.provenance == ({"step": "file", "name": "shuffled", **digests},)
    padded = pad(loaded, spares=2, multiple=1).vocabulary
    code, out, _ = verify(padded)
    assert (code, f"\nholds    base preserved  the 262 ranks of the prefix have sha256 {tiny.sha256}, " in out) == (
        0,
        True,
    )
    code, out, _ = verify(replace(padded, tokens=(*tiny.tokens[:260], tiny.tokens[261], tiny.tokens[260])))
    assert (code, f"the provenance has sha256 {tiny.sha256} for shuffled" in out) == (1, True)


def test_a_special_token_that_text_produces(verify, tiny_padded):
    names = {"the": 262, "<|spare_0|>": 263, "<|spare_1|>": 264}
    code, out, err = verify(replace(tiny_padded, special_tokens=names))
    assert (code, err) == (1, "tiny_padded: broken: specials\n")
    assert "\n         262 the: is mergeable token 257\n" in out


def test_segments_with_a_gap(verify, tiny):
    code, out, err = verify(replace(tiny, segments=(Segment("prefix", 0, 260),)))
    assert (code, err) == (1, "tiny: broken: segments\n")
    assert out.endswith("BROKEN   segments        260 prefix\n         260-261 in no segment\n")


def test_a_missing_byte_is_told_and_then_no_witness_can_be(verify, tiny, tmp_path):
    tokens = (*tiny.tokens[:255], b"hin", *tiny.tokens[256:])
    vocabulary = replace(tiny, tokens=tokens)
    code, out, err = verify(vocabulary, "--json")
    findings = json.loads(out)["findings"]
    assert (code, err) == (1, "")
    assert findings[0] == {
        "law": "bytes",
        "holds": False,
        "detail": "255 of the 256 single bytes are tokens",
        "offenders": ["byte 0xff"],
    }
    assert [each["holds"] for each in findings[2:5]] == [None] * 3
    witness = tmp_path / "witness.jsonl"
    code, out, err = verify(vocabulary, "--witness", witness)
    assert (code, out.splitlines()[1]) == (2, "         byte 0xff")
    assert err.splitlines()[-2:] == [
        "error: tiny: no token for byte 0xff (1 of 256 bytes are missing)",
        "hint: a vocabulary needs all 256 single bytes, or some text cannot be encoded",
    ]
    assert not witness.exists()


def test_a_sidecar_of_another_rank_file_exits_with_2(verify, tiny, tmp_path, capsys):
    assert verify(tiny, "-q")[0] == 0
    other = tmp_path / "checked.json"
    other.write_text(other.read_text("utf-8").replace(tiny.sha256, "0" * 64), "utf-8")
    assert main(["verify", str(tmp_path / "checked.tiktoken")]) == 2
    assert f"has sha256 {tiny.sha256}, the sidecar names 000" in capsys.readouterr().err


def test_a_folder_for_the_witnesses_that_is_not_there(verify, tiny, tmp_path):
    code, out, err = verify(tiny, "--witness", tmp_path / "none" / "w.jsonl")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: cannot write {tmp_path}/none/w.jsonl: no folder ")
