"""`tokkit show`: tokens and ids as a reader sees them, aligned over vocabularies."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.hostile import HOSTILE
from tokkit.errors import InputError
from tokkit.foreign import ForeignVocabulary
from tokkit.formats import tiktoken
from tokkit.render import segmentation as rendering
from tokkit.segmentation import Segmentation, segment, stretches

TOKENIZERS = Path(__file__).resolve().parents[2] / "shared" / "tokenizers"


@pytest.fixture
def run(run):
    return partial(run, "show")


def test_two_vocabularies_are_aligned_where_both_have_a_border(run, tiny_file):
    picture = (
        "cl100k_base  the |␣thing|    : |␣\\xE6\\x88|   \\x91|们   |\n"
        "             1820 3245       25 50534        239  80578\n"
        "tiny         the| ␣ |th |ing|: |␣ |\\xE6|\\x88|\\x91|\\xE4|\\xBB|\\xAC|\n"
        "             257  32 256 260 58 32 230  136  145  228  187  172\n"
        "\n"
        "vocabulary   bytes  tokens  bytes/token\n"
        "cl100k_base     17       6        2.833\n"
        "tiny            17      12        1.417\n"
    )
    assert run("cl100k_base", tiny_file, "the thing: 我们") == (0, picture, "")


def test_one_vocabulary_word_for_word(run):
    picture = (
        "cl100k_base  我们 |\\xE8\\xAE|\\xAD|\\xE7\\xBB|\\x83|␣a |模   |型   |\\n |\n"
        "             98739 10414    255  12774    225  264 54872 25287 198\n"
        "\n"
        "cl100k_base  the |␣end|\n"
        "             1820 842\n"
        "\n"
        "vocabulary   bytes  tokens  bytes/token\n"
        "cl100k_base     28      11        2.545\n"
    )
    assert run("cl100k_base", "我们训练 a模型\nthe end") == (0, picture, "")


def test_no_line_is_wider_than_the_page_and_nothing_is_lost(run, tiny_file):
    text = "\n".join(HOSTILE.values())
    _, out, _ = run("cl100k_base", tiny_file, text)
    from rich.cells import cell_len

    assert max(map(cell_len, out.splitlines())) <= rendering.WIDTH
    _, document, _ = run("cl100k_base", tiny_file, "--json", text)
    ids = [token["id"] for token in json.loads(document)["vocabularies"][0]["segmentation"]]
    lines = [line for line in out.splitlines()[:-4] if line]
    shown = [int(word) for line in lines[1::4] for word in line.split()]
    assert shown == ids


def test_the_document_has_bytes_ids_and_places(run):
    code, out, _ = run("cl100k_base", "--json", "我训")
    assert code == 0
    assert json.loads(out)["vocabularies"] == [
        {
            "name": "cl100k_base",
            "sha256": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
            "bytes": 6,
            "tokens": 3,
            "bytes_per_token": 2.0,
            "segmentation": [
                {"id": 37046, "base64": "5oiR", "display": "我", "end": 3},
                {"id": 10414, "base64": "6K4=", "display": "\\xE8\\xAE", "end": 5},
                {"id": 255, "base64": "rQ==", "display": "\\xAD", "end": 6},
            ],
        }
    ]


def test_text_from_stdin_and_from_a_file(run, tmp_path, monkeypatch):
    expected = run("cl100k_base", "a text\n")
    path = tmp_path / "text"
    path.write_text("a text\n", "utf-8")
    assert run("cl100k_base", "--file", path) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a text\n")))
    assert run("cl100k_base", "-") == expected
    path.write_bytes(b"ab\xff")
    assert run("cl100k_base", "--file", path) == (
        2,
        "",
        f"error: {path}: byte 2 is not UTF-8: 0xff\nhint: convert it to UTF-8\n",
    )


def test_a_forgotten_text_is_noticed(run, tiny_file):
    assert run("cl100k_base", tiny_file)[2] == (
        f"error: no text: {tiny_file} is a vocabulary\nhint: give the text last, or --file FILE\n"
    )
    assert run("cl100k_base")[0] == 2


def test_names_of_special_tokens_and_controls_stay_text(run):
    _, out, _ = run("cl100k_base", "<|endoftext|>\x1b[31m")
    assert "\x1b" not in out
    assert "100257" not in out
    assert "\\x1b" in out


def test_no_text_at_all(run):
    assert run("cl100k_base", "") == (
        0,
        "vocabulary   bytes  tokens  bytes/token\ncl100k_base      0       0            -\n",
        "",
    )


def test_colour_only_colours(capsys, cl100k, monkeypatch):
    cut = segment(cl100k, "a text, and 我们")
    rendering.show([cut], stretches([cut]))
    plain = capsys.readouterr().out
    monkeypatch.setattr("tokkit.render.talk.colour_wanted", lambda **_: True)
    rendering.show([cut], stretches([cut]))
    coloured = capsys.readouterr().out
    assert rendering.COLOURS[0] in coloured
    for code in (*rendering.COLOURS, rendering.RESET, rendering.DIM):
        coloured = coloured.replace(code, "")
    assert [line.rstrip() for line in coloured.splitlines()] == plain.splitlines()


def test_stretches_cover_the_text_and_every_token_once(cl100k, tiny):
    for text in HOSTILE.values():
        cut = [segment(vocabulary, text) for vocabulary in (cl100k, tiny)]
        found = stretches(cut)
        assert [each.stop for each in found] == [each.start for each in found][1:] + (
            [len(text.encode())] if found else []
        )
        for at, each in enumerate(cut):
            assert sum(stretch.tokens[at][1] - stretch.tokens[at][0] for stretch in found) == len(each.ids)
            for stretch in found:
                first, last = stretch.tokens[at]
                assert b"".join(each.tokens[first:last]) == each.text[stretch.start : stretch.stop]


def test_a_space_put_before_the_text_is_no_part_of_it():
    foreign = ForeignVocabulary(
        "spaced", "a space first", (b" a", b"b"), {}, "00", (), lambda texts: [[0, 1] for _ in texts]
    )
    assert segment(foreign, "ab").ends == (1, 2)
    assert segment(foreign, "xy").ends == ()


def test_a_text_that_a_tokenizer_changes_is_one_stretch(cl100k):
    changed = Segmentation("changing", "00", b"xy", (0, 1), (b" a", b"b"), ())
    found = stretches([changed, segment(cl100k, "xy")])
    assert [(each.start, each.stop, each.tokens) for each in found] == [(0, 2, ((0, 2), (0, 1)))]


def test_a_lone_surrogate_is_refused(cl100k):
    with pytest.raises(InputError, match="lone surrogate at character 1"):
        segment(cl100k, "a\ud800")


def test_vocabularies_of_one_name_are_told_apart_by_their_paths(run, tiny, tiny_file, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    tiktoken.save(replace(tiny, tokens=tiny.tokens[:-1], segments=()), other / "tiny.tiktoken")
    _, out, _ = run("--json", tiny_file, other / "tiny.tiktoken", "a")
    assert [each["name"] for each in json.loads(out)["vocabularies"]] == [str(tiny_file), str(other / "tiny.tiktoken")]


@pytest.mark.corpus
def test_a_sentencepiece_model_beside_a_rank_file(run):
    path = TOKENIZERS / "internlm2.model"
    if not path.exists():
        pytest.skip(f"no {path}")
    pytest.importorskip("sentencepiece")
    code, out, _ = run("cl100k_base", path, "我们训练")
    assert code == 0
    assert out.splitlines()[2].split() == ["internlm2", "我们", "|训练", "|"]
