"""The written split pattern cuts every text as the vocabulary's pattern does: tokenizers' engine against our splitter."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from tests.hostile import HOSTILE
from tokkit.bases import BASES
from tokkit.errors import FormatError
from tokkit.formats.portable import EQUAL_ALTERNATIVES, portable_pattern
from tokkit.pretokenize import split_bytes
from tokkit.unicode import code_point_ranges
from tokkit.unicode_tables import CATEGORIES

# A character before and after each code point, so that every alternative meets it at its start, inside and at its end.
CONTEXTS = ("x{}y", " {} ", "'{}", "1{}2", "\n{}\n", ".{}!", "{}{}")


def cut(text: str, splitter: Split) -> list[bytes]:
    return [piece.encode() for piece, _ in splitter.pre_tokenize_str(text)]


def splitter_for(pattern: str) -> Split:
    return Split(Regex(portable_pattern(pattern)), "isolated", invert=False)


def assert_same_split(text: str, pattern: str, splitter: Split, name: str) -> None:
    ours = split_bytes(text.encode(), pattern) if text else []
    theirs = cut(text, splitter)
    for index, (our, their) in enumerate(itertools.zip_longest(ours, theirs)):
        assert our == their, f"{name}: pretoken {index} is {our!r} by tokkit and {their!r} by tokenizers"


def test_the_published_patterns_are_written_so() -> None:
    assert portable_pattern(BASES["cl100k_base"].pattern) == (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s+(?![\s\S])|\s*[\r\n]+|\s+(?!\S)|\s"
    )
    assert portable_pattern(BASES["r50k_base"].pattern) == (
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?![\s\S])|\s+(?!\S)|\s"
    )
    assert portable_pattern(BASES["o200k_base"].pattern) == BASES["o200k_base"].pattern


def test_the_page_on_formats_shows_both_patterns() -> None:
    page = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    pattern = BASES["cl100k_base"].pattern
    assert f"```\n{pattern}\n```" in page
    assert f"```\n{portable_pattern(pattern)}\n```" in page


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "r50k_base"])
def test_hostile_texts_are_cut_alike(name) -> None:
    pattern = BASES[name].pattern
    splitter = splitter_for(pattern)
    for label, text in HOSTILE.items():
        assert_same_split(text, pattern, splitter, label)


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "r50k_base"])
def test_random_texts_of_class_members_are_cut_alike(name) -> None:
    pattern = BASES[name].pattern
    splitter = splitter_for(pattern)
    members = "aZſéßªʰ我が1٣Ⅳ½ \u00a0\u3000\t\r\n\u2028'’.。-_\u0301\u200d😀sStTlLvVrReEmMdD"
    seed = 20_240
    rng = random.Random(seed)
    for number in range(5_000):
        text = "".join(rng.choices(members, k=rng.randint(1, 14)))
        assert_same_split(text, pattern, splitter, f"seed {seed}, text {number} {text!r}")


def assert_code_points_are_cut_alike(name: str, points: list[int], contexts: tuple[str, ...]) -> None:
    """Put each code point into each context, many to a text; the joint is a control that no alternative reaches over."""
    pattern = BASES[name].pattern
    splitter = splitter_for(pattern)
    for context in contexts:
        for first in range(0, len(points), 1024):
            text = "\x01z\x01".join(context.replace("{}", chr(point)) for point in points[first : first + 1024])
            assert_same_split(text, pattern, splitter, f"{name}, {context!r}, code points from U+{points[first]:04X}")


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "r50k_base"])
def test_code_points_at_the_borders_of_classes_are_cut_alike(name) -> None:
    edges = {edge for ranges in CATEGORIES.values() for borders in code_point_ranges(ranges) for edge in borders}
    points = sorted({edge + step for edge in edges for step in (-1, 0)} - set(range(0xD800, 0xE000)) - {-1, 0x110000})
    assert_code_points_are_cut_alike(name, points, CONTEXTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "r50k_base"])
def test_every_code_point_of_the_planes_in_use_is_cut_alike(name) -> None:
    """Of planes 4 to 13 and of private use, where nothing but plane 14's beginning has a class, one in 64."""
    in_use = [range(0xD800), range(0xE000, 0x40000), range(0xE0000, 0xE1000)]
    points = sorted({*itertools.chain(*in_use), *range(0x40000, 0x110000, 64)})
    assert_code_points_are_cut_alike(name, points, ("x{}y",))


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (r"\S{2}+a|.", r"(?>\S{2})a|."),
        (r"(?:ab|[x\]]{2}+)?c$|^a", r"(?:ab|(?>[x\]]{2}))?c(?![\s\S])|(?<![\s\S])a"),
        (r"(a|b){2,}+(c)", r"(?>(a|b){2,})(c)"),
        (r"[[:alpha:]&&[^\p{Han}]]++|a{b|\$\^|x{3}", r"[[:alpha:]&&[^\p{Han}]]++|a{b|\$\^|x{3}"),
        (r"\x{4e00}{2}+z", r"(?>\x{4e00}{2})z"),
        ("", ""),
    ],
)
def test_other_patterns_are_rewritten_where_engines_differ(pattern, written) -> None:
    assert portable_pattern(pattern) == written


def test_counted_possessive_quantifiers_keep_their_meaning() -> None:
    splitter = splitter_for(r"\d{2}+0|\d|\D")
    assert cut("1230100", splitter) == [b"1", b"230", b"100"]
    assert cut("12345678", Split(Regex(r"\p{N}{1,3}+"), "isolated", invert=False)) == [b"12345678"], (
        "the reason for the rewriting: tokenizers repeats the group"
    )


def test_anchors_mean_the_text_not_the_line() -> None:
    assert cut("a\na", splitter_for(r"a$|\n|a")) == [b"a", b"\n", b"a"]
    assert cut("ab\nab", splitter_for(r"^ab|\n|.")) == [b"ab", b"\n", b"a", b"b"]


@pytest.mark.parametrize("pattern", [r"(?i)a|b", r"(?m:^a)", r"(?P<x>a)", r"(a)\1", r"\Ka", "[ab"])
def test_what_cannot_be_carried_over_is_refused(pattern) -> None:
    with pytest.raises(FormatError, match="the pattern has"):
        portable_pattern(pattern)


def test_the_equal_alternatives_have_no_possessive_quantifier() -> None:
    for written in EQUAL_ALTERNATIVES.values():
        assert not any(possessive in written for possessive in ("?+", "++", "*+", "3}+", "$"))
        assert portable_pattern(written) == written
