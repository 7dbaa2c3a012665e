"""`tokkit inspect` finds by itself what is known of the released tokenizers, to the token."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tokkit.anatomy import inspect
from tokkit.anatomy_base import base_part, find_rule
from tokkit.anatomy_kinds import KINDS, kind_of, kinds_of
from tokkit.cli.app import main
from tokkit.foreign import ForeignVocabulary
from tokkit.select import select
from tokkit.vocabulary import Segment, Vocabulary

TOKENIZERS = Path(__file__).resolve().parents[2] / "shared" / "tokenizers"
BYTES = tuple(bytes([byte]) for byte in range(256))


def released(name: str) -> Vocabulary | ForeignVocabulary:
    path = TOKENIZERS / name
    if not path.exists():
        pytest.skip(f"no {path}")
    pytest.importorskip("sentencepiece")
    from tokkit.formats.any import read

    return read(path)


@pytest.fixture(scope="module")
def internlm2(cl100k):
    return inspect(released("internlm2.model"), cl100k)


@pytest.fixture(scope="module")
def of_cl100k(cl100k):
    return inspect(cl100k, cl100k)


# The released InternLM2: published figures


@pytest.mark.corpus
def test_every_id_is_of_one_kind(internlm2, of_cl100k):
    assert sum(internlm2.kinds.values()) == internlm2.n_vocab == 92_544
    assert sum(of_cl100k.kinds.values()) == of_cl100k.n_vocab == 100_277
    assert set(internlm2.kinds) <= set(KINDS)


@pytest.mark.corpus
def test_its_layout(internlm2):
    assert [(each.name, each.start, each.stop) for each in internlm2.ranges] == [
        ("special", 0, 3),
        ("byte", 3, 259),
        ("of cl100k_base", 259, 353),
        ("cl100k_base, by rank", 353, 60_353),
        ("one character", 60_353, 68_251),
        ("several characters", 68_251, 92_352),
        ("user-defined", 92_352, 92_397),
        ("spare", 92_397, 92_544),
    ]
    assert internlm2.kinds["spare"] == 147
    assert internlm2.sha256.startswith("f868398f")


@pytest.mark.corpus
def test_its_part_of_cl100k_is_what_is_ascii(internlm2):
    part = internlm2.base
    assert part.rule_text == "kept if and only if ASCII, up to rank 62,847"
    assert (part.rule, part.kept, part.last_rank, len(part.absent)) == (("ASCII",), 60_094, 62_847, 2_754)
    assert internlm2.features["ASCII"] == 60_094
    assert internlm2.kinds["digits"] - 10 == 1_100


@pytest.mark.corpus
def test_what_it_left_out_by_class(internlm2):
    kinds = dict(internlm2.base.absent_kinds)
    assert sum(kinds.values()) == 2_754
    assert kinds.pop("byte") == 128
    assert kinds.pop("partial UTF-8") == 462
    assert sum(kinds.pop(name) for name in ("Han, one character", "Han, several characters", "Han and others")) == 433
    known = ("Cyrillic", "Hangul", "Arabic", "Hiragana", "Thai", "Katakana", "Greek", "Devanagari", "Hebrew")
    assert [kinds.pop(name) for name in known] == [413, 129, 54, 48, 36, 27, 26, 9, 8]
    assert kinds.pop("CJK punctuation and fullwidth") == 68  # and two runs of U+3000, which are whitespace
    assert kinds == {
        "whitespace": 10, "Bengali": 4, "Latin": 645, "Tamil": 1, "another script": 2, "combining marks": 5,
        "symbols": 246,
    }  # fmt: skip


@pytest.mark.corpus
def test_what_it_added(internlm2):
    part = internlm2.base
    assert part.added == 32_044
    assert part.added_lengths == {
        1: 7_941, 2: 15_936, 3: 5_563, 4: 2_000, 5: 349, 6: 118, 7: 60, 8: 23, 9: 17, 10: 12, 11: 9, 12: 6, 13: 5,
        14: 4, 15: 1,
    }  # fmt: skip
    assert (part.added_in_base, part.added_below, part.shared) == (1_222, 795, 61_316)


@pytest.mark.corpus
def test_its_chinese(internlm2):
    assert internlm2.kinds["Han, several characters"] == 24_101
    assert internlm2.kinds["Han, one character"] == 7_051
    assert internlm2.features["any Han"] == internlm2.features["Han alone"] == 31_152
    assert [internlm2.han_lengths[size] for size in (2, 3, 4, 5, 15)] == [15_934, 5_563, 2_000, 349, 1]
    assert internlm2.tokens[internlm2.longest_han[0]].decode() == "酒店还会提供一项住宿的免费政策"
    assert internlm2.gb2312 == (3_742, 1_749)
    assert set(internlm2.gb2312_missing) == set("毖恫讣硷岿谰氖耪泅锨铱铡诌")
    private = [internlm2.tokens[token_id].decode() for token_id in internlm2.private_use]
    assert sorted(private) == ["\ue003", "\ue004", "\ue007", "\ue010", "\uf06c"]
    assert [internlm2.kinds[name] for name in ("Hangul", "Greek", "Arabic", "Thai", "Hebrew", "Bopomofo")] == [
        85, 37, 29, 32, 11, 4,
    ]  # fmt: skip


@pytest.mark.corpus
def test_its_one_dead_piece(internlm2):
    assert internlm2.unreachable == (354,)
    assert internlm2.tokens[354] == b"\x00"
    assert (internlm2.unchecked, internlm2.unreachable_reason) == (0, "")


@pytest.mark.corpus
def test_its_size_is_a_multiple_of_128_and_not_of_256(internlm2):
    assert [(each.by, each.quotient, each.padding) for each in internlm2.multiples] == [
        (64, 1_446, 0),
        (128, 723, 0),
        (256, 362, 128),
    ]
    assert [(each.by, each.quotient, each.padding) for each in internlm2.widths] == [
        (2, 46_272, 0),
        (4, 23_136, 0),
        (8, 11_568, 0),
        (16, 5_784, 0),
    ]


@pytest.mark.corpus
def test_the_first_internlm_has_the_same_part_of_cl100k(cl100k, internlm2):
    vocabulary = released("internlm1.model")
    part = base_part(vocabulary, cl100k)
    assert (part.rule, part.last_rank, part.absent) == (("ASCII",), 62_847, internlm2.base.absent)
    assert vocabulary.n_vocab == 103_168 == 403 * 256
    kinds = kinds_of(vocabulary)
    assert kinds.count("Han, one character") + kinds.count("Han, several characters") == 32_051
    assert kinds.count("Han, several characters") == 24_953


def test_cl100k(of_cl100k):
    assert of_cl100k.features == {
        "ASCII": 95_222, "not valid UTF-8": 773, "a space in front": 44_609, "any Han": 840, "Han alone": 754,
        "any kana": 157, "any Hangul": 281, "any CJK punctuation or fullwidth": 123, "any CJK": 1_393,
    }  # fmt: skip
    assert of_cl100k.kinds["byte"] + of_cl100k.kinds["partial UTF-8"] == 128 + 773
    assert of_cl100k.han_lengths == {1: 549, 2: 186, 3: 15, 4: 4}
    assert of_cl100k.kinds["Han and others"] == 86
    assert of_cl100k.longest[0] == 58_040
    assert of_cl100k.tokens[58_040] == b" " * 128
    assert of_cl100k.longest_varied == 63_570
    assert of_cl100k.unreachable == ()
    assert (of_cl100k.kinds["special"], of_cl100k.kinds["hole"]) == (5, 16)
    assert of_cl100k.base is None, "a base is not compared with itself"
    assert of_cl100k.tokens[of_cl100k.longest_han[0]].decode() == "监听页面"


# Rules


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, "every token up to rank 19,999 is kept"),
        ({"only": "ascii"}, "kept if and only if ASCII (or a single byte), up to rank 19,999"),
        ({"drop_scripts": ["Han"]}, "kept if and only if without Han, up to rank 19,999"),
        (
            {"drop_partial_utf8": True},
            "kept if and only if valid UTF-8 and made of two kept tokens (or a single byte), up to rank 19,999",
        ),
        (
            {"drop_scripts": ["Han", "Cyrillic"]},
            "kept if and only if without Han and without Cyrillic, up to rank 19,999",
        ),
    ],
)
def test_the_rule_of_a_selection_is_found(cl100k, options, rule):
    assert base_part(select(cl100k, 20_000, **options).vocabulary, cl100k).rule_text == rule


def test_added_tokens_that_go_on_in_the_bases_order_by_chance_are_no_part_of_it(cl100k):
    kept = cl100k.tokens[:5_000]
    added = (cl100k.tokens[5_300], cl100k.tokens[9_000], cl100k.tokens[70_000], cl100k.tokens[6_000])
    part = base_part(Vocabulary("longer", cl100k.pattern, (*kept, *added)), cl100k)
    assert part.rule_text == "every token up to rank 4,999 is kept"
    assert (part.stop, part.kept, part.added, part.added_in_base, part.added_below) == (5_000, 5_000, 4, 4, 0)


def test_a_rule_is_exact_or_none(cl100k):
    """One token less, or one more, than a rule says: no rule is named, and what stays unexplained is."""
    kept = np.array([token.isascii() for token in cl100k.tokens[:8_000]])
    assert find_rule(cl100k, kept) == (("ASCII",), ())
    kept[5_000] = False
    assert cl100k.tokens[5_000].isascii()
    assert find_rule(cl100k, kept) == (None, (5_000,))
    kept[5_000] = True
    foreign_one = int(np.flatnonzero(~kept)[-1])
    kept[foreign_one] = True
    rule, unexplained = find_rule(cl100k, kept)
    assert rule is None
    assert unexplained


def test_a_vocabulary_of_another_origin_has_no_part_of_the_base(cl100k):
    backwards = Vocabulary("backwards", cl100k.pattern, (*BYTES, *reversed(cl100k.tokens[256:5_000])))
    part = base_part(backwards, cl100k)
    assert (part.kept, part.last_rank, part.shared, part.absent) == (0, -1, 5_000, ())
    assert part.rule_text == "no part of it is in the base's order"


# Kinds


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (b"\xe4\xbd", "partial UTF-8"),
        ("我\n".encode()[:-2], "partial UTF-8"),
        (b"2024", "digits"),
        (b" 2024", "other ASCII"),
        ("\u3000\u3000".encode(), "whitespace"),
        (b" \t\n", "whitespace"),
        (b"\x00\x01", "other ASCII"),
        ("〇".encode(), "Han, one character"),
        ("々々".encode(), "Han, several characters"),
        ("Ａ".encode(), "CJK punctuation and fullwidth"),
        ("ひカ".encode(), "Hiragana and Katakana"),
        ("aж".encode(), "several scripts"),
        ("ⴰ".encode(), "another script"),
        ("\u0301".encode(), "combining marks"),
        ("\ue000".encode(), "private use"),
        ("😀".encode(), "symbols"),
        ("½".encode(), "symbols"),
    ],
)
def test_kinds(token, kind):
    assert kind_of(token) == kind


def test_segments_and_spares_of_our_own(tiny_padded):
    anatomy = inspect(tiny_padded)
    assert [(each.name, each.start, each.stop) for each in anatomy.ranges] == [
        ("prefix", 0, 262),
        ("special", 262, 263),
        ("spare", 263, 265),
    ]
    assert (anatomy.kinds["special"], anatomy.kinds["spare"], anatomy.kinds["byte"]) == (1, 2, 256)


def test_dead_tokens_and_duplicates(tiny):
    broken = replace(tiny, tokens=(*tiny.tokens, b"the", b"qux"), segments=(Segment("prefix", 0, 264),))
    anatomy = inspect(broken)
    assert anatomy.unreachable == (262, 263)
    assert anatomy.kinds["duplicate"] == 1


def test_a_vocabulary_without_all_bytes_says_why_nothing_was_merged():
    anatomy = inspect(Vocabulary("few", "", (b"a", b"b", b"ab")))
    assert anatomy.unreachable == ()
    assert "no token for byte 0x00" in anatomy.unreachable_reason


def test_a_foreign_tokenizer_that_refuses_to_encode_says_so():
    foreign = ForeignVocabulary(
        "odd", "word pieces, which nothing here reads", (b"a", b"bc"), {"[PAD]": 2}, "00", ("x",)
    )
    anatomy = inspect(foreign)
    assert anatomy.unreachable_reason == "encoding is refused: word pieces, which nothing here reads"
    assert anatomy.kinds == {"special": 1, "byte": 1, "ASCII word": 1}


def test_a_space_that_is_put_before_each_text_does_not_kill_tokens():
    pieces = {"\n": 0, " a": 1, "b": 2, "dead": 3}

    def encode(texts):
        return [[pieces[part] for part in split(" " + text)] for text in texts]

    def split(text: str) -> list[str]:
        text = text.replace("dead", "bb")
        out: list[str] = []
        while text:
            piece = next((each for each in (" a", "\n", "b") if text.startswith(each)), None)
            if piece:
                out.append(piece)
            text = text[len(piece or "x") :]
        return out

    foreign = ForeignVocabulary("spaced", "a space first", (b"\n", b" a", b"b", b"dead"), {}, "00", (), encode)
    assert inspect(foreign).unreachable == (3,)


# The command


def test_the_table_and_the_document(capsys, tiny_padded, tmp_path):
    from tokkit.formats.tiktoken import save

    path = tmp_path / "tiny.tiktoken"
    save(tiny_padded, path)
    assert main(["inspect", str(path), "cl100k_base"]) == 0
    out = capsys.readouterr().out
    rows = {line[:34].rstrip(): line[34:].split("  ") for line in out.splitlines()}
    assert [cell.strip() for cell in rows["entries"] if cell] == ["265", "100,277"]
    assert [cell.strip() for cell in rows["size / 256"] if cell] == ["247 missing", "75 missing"]
    assert "  base         262 tokens of cl100k_base: no part of it is in the base's order\n" in out
    assert main(["inspect", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["vocabularies"][0]
    assert document["n_vocab"] == 265
    assert document["kinds"]["spare"] == 2
    assert (document["base"]["rule"], document["base"]["last_rank"], document["base"]["shared"]) == (None, -1, 262)
    assert document["unreachable"] == []
    assert document["multiples"][2] == {"by": 256, "quotient": 2, "padding": 247}
