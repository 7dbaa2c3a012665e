"""The split kernels cut every text as `regex` and tiktoken do: each code point in context, hostile, random and real text."""

from __future__ import annotations

import itertools
import random
import time
from functools import cache
from itertools import pairwise

import msgspec
import numpy as np
import pyarrow as pa
import pytest
import regex
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import HOSTILE
from tokkit import unicode
from tokkit.errors import InputError
from tokkit.kernels import runs
from tokkit.pretokenize import _KERNELS, PATTERNS, check_utf8, pattern_of, split, split_bytes, split_documents
from tokkit.unicode import LETTER, LOWER, MARK, N_CODE_POINTS, NUMBER, SPACE, UPPER, class_table, code_point_ranges
from tokkit.unicode_tables import CATEGORIES

SEED = 100_256
SPELLINGS = dict(zip(("cl100k", "cl100k as in papers", "o200k", "r50k", "GPT-2"), _KERNELS, strict=True))
EVERY_SPELLING = pytest.mark.parametrize("pattern", SPELLINGS.values(), ids=SPELLINGS)
CODE_POINTS = [point for point in range(N_CODE_POINTS) if not 0xD800 <= point < 0xE000]
# A character before and after each code point, so that every alternative meets it at its start, inside and at its end.
CONTEXTS = (
    "{0}",
    "x{0}y",
    " {0} ",
    "'{0}",
    "1{0}2",
    "\n{0}\n",
    ".{0}!",
    "{0}{0}",
    "A{0}b",
    " {0}s",
    "\u0301{0}",
    "{0}'s",
)
# Between two contexts: no alternative reaches over a control, and the letter ends whatever ran on.
JOINT = "\x01z\x01"
ALPHABET = (
    "aZſéßªʰǅ我が𠀀1٣Ⅳ½①𝟘 \u00a0\u3000\t\r\n\x0b\x0c\x85\x1c\u2028'’.。-_/!…\u0301\u0903\u20dd\u200b\u200d😀\u0378\ue000"
    "sStTlLvVrReEmMdD\u212a"
)


def assert_same_split(ours: list[bytes], theirs: list[bytes], who: str, what: str) -> None:
    for index, (our, their) in enumerate(itertools.zip_longest(ours, theirs)):
        assert our == their, f"{what}: pretoken {index} is {our!r} by tokkit and {their!r} by {who}"


def by_regex(text: str, pattern: str) -> list[bytes]:
    return [piece.encode() for piece in regex.findall(pattern, text)]


def assert_tiktoken_cuts(text: str, pattern: str, pretokens: list[bytes], what: str) -> None:
    """Prove that tiktoken cuts a text into these pretokens, though it shows ids only, and no borders.

    Give it a vocabulary of the single bytes, the pretokens, and the concatenation of every two neighbours. If it takes two or
    more pretokens for one, its merging cannot stop before the first two are joined, because what they make is a token; if
    it cuts one in two, no single id comes of it. So the ids are those of the pretokens where, and only where, the split is.
    """
    tokens = dict.fromkeys(bytes([byte]) for byte in range(256))
    tokens |= dict.fromkeys(pretokens)
    tokens |= dict.fromkeys(left + right for left, right in pairwise(pretokens))
    ranks = {token: rank for rank, token in enumerate(tokens)}
    encoding = tiktoken.Encoding("borders", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    ids = encoding.encode_ordinary(text)
    if ids != [ranks[pretoken] for pretoken in pretokens]:
        assert_same_split(pretokens, [encoding.decode_single_token_bytes(each) for each in ids], "tiktoken", what)
        pytest.fail(f"{what}: tiktoken cuts otherwise")  # the same bytes by other ids cannot be


@cache
def points_that_regex_knows_otherwise() -> frozenset[int]:
    """Return the code points whose class in the installed `regex` is not that of Unicode 16, which tiktoken follows."""
    text = "".join(map(chr, CODE_POINTS))
    table = class_table()
    differing: set[int] = set()
    for expression, bits in {
        r"\p{L}": LETTER,
        r"[\p{Lu}\p{Lt}]": UPPER,
        r"\p{Ll}": LOWER,
        r"\p{M}": MARK,
        r"\p{N}": NUMBER,
        r"\s": SPACE,
    }.items():
        differing |= set(map(ord, regex.findall(expression, text))) ^ set(np.flatnonzero(table & bits).tolist())
    return frozenset(differing)


def test_the_kernels_know_the_bits_of_the_class_table() -> None:
    for name in ("LETTER", "NUMBER", "SPACE", "NEWLINE", "UPPER", "LOWER", "MARK"):
        assert getattr(runs, name) == getattr(unicode, name), name
    assert runs.WORD_OR_SPACE == unicode.LETTER | unicode.NUMBER | unicode.SPACE


@pytest.mark.parametrize(
    "wrong", [["a", " b", " c1"], ["a", " b", " ", "c", "1"], ["a", " b c", "1"], ["a b c1"], ["a ", "b ", "c", "1"]]
)
def test_the_proof_by_tiktokens_ids_sees_every_wrong_border(wrong) -> None:
    right = [b"a", b" b", b" c", b"1"]
    assert_tiktoken_cuts("a b c1", PATTERNS["cl100k_base"], right, "the right borders")
    with pytest.raises(AssertionError, match="by tiktoken"):
        assert_tiktoken_cuts("a b c1", PATTERNS["cl100k_base"], [piece.encode() for piece in wrong], "wrong borders")


def test_what_the_installed_regex_knows_otherwise_is_new_or_recategorised() -> None:
    """The exclusion below is no blanket: it is nothing that Unicode 16 has, but for letters that changed their case."""
    table = class_table()
    changed = sorted(point for point in points_that_regex_knows_otherwise() if table[point])
    assert all(table[point] & LETTER for point in changed), [f"U+{point:04X}" for point in changed]
    assert len(changed) <= 10, [f"U+{point:04X}" for point in changed]


def contexts_of(points: list[int], context: str) -> str:
    return JOINT.join(context.format(chr(point)) for point in points)


@EVERY_SPELLING
def test_code_points_at_the_borders_of_classes(pattern) -> None:
    """In every context; tiktoken for all of them, `regex` for those whose class it shares."""
    edges = {edge for ranges in CATEGORIES.values() for borders in code_point_ranges(ranges) for edge in borders}
    points = sorted({edge + step for edge in edges for step in (-1, 0)} - set(range(0xD800, 0xE000)) - {-1, 0x110000})
    shared = [point for point in points if point not in points_that_regex_knows_otherwise()]
    for context in CONTEXTS:
        text = contexts_of(points, context)
        assert_tiktoken_cuts(text, pattern, split_bytes(text.encode(), pattern), f"context {context!r}")
        text = contexts_of(shared, context)
        assert_same_split(split_bytes(text.encode(), pattern), by_regex(text, pattern), "regex", f"context {context!r}")


@EVERY_SPELLING
def test_every_code_point_against_regex(pattern) -> None:
    points = sorted(set(CODE_POINTS) - points_that_regex_knows_otherwise())
    text = "".join(f"{chr(point)}a" for point in points)
    assert_same_split(split_bytes(text.encode(), pattern), by_regex(text, pattern), "regex", "every code point")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "r50k_base"])
def test_every_code_point_against_tiktoken(name) -> None:
    for first in range(0, len(CODE_POINTS), 1 << 16):
        text = "".join(f"{chr(point)}a" for point in CODE_POINTS[first : first + (1 << 16)])
        what = f"code points from U+{CODE_POINTS[first]:04X}"
        assert_tiktoken_cuts(text, PATTERNS[name], split_bytes(text.encode(), PATTERNS[name]), what)


@EVERY_SPELLING
def test_hostile_texts(pattern) -> None:
    known_otherwise = points_that_regex_knows_otherwise()
    for name, text in HOSTILE.items():
        ours = split_bytes(text.encode(), pattern)
        assert_tiktoken_cuts(text, pattern, ours, name)
        if not known_otherwise.intersection(map(ord, text)):
            assert_same_split(ours, by_regex(text, pattern), "regex", name)


@EVERY_SPELLING
def test_random_texts(pattern) -> None:
    """20,000 short texts: whatever follows whatever, and whatever ends a text."""
    rng = random.Random(SEED)
    assert not points_that_regex_knows_otherwise().intersection(map(ord, ALPHABET))
    runs = ("'sStTlLvVeErRdDmMſ\u212a ", " \t\n\r\x0b\x85\u3000", "aZǅʰ我\u0301\u0903/", ALPHABET)
    for number in range(20_000):
        text = "".join(rng.choices(runs[number % 4], k=rng.randint(1, 12)))
        ours = split_bytes(text.encode(), pattern)
        assert_same_split(ours, by_regex(text, pattern), "regex", f"seed {SEED}, text {number} {text!r}")


@EVERY_SPELLING
def test_runs_of_one_kind(pattern) -> None:
    """Runs of up to 18 characters, since eight bytes are looked at together: ASCII of every kind, and what may end it."""
    rng = random.Random(SEED)
    kinds = ("abz", "AMZ", "!/@[`{~\x7f", " ", "059", "\n\r", "\t\x01", "é", "Ж", "我", "\u0301", "'")
    for number in range(8_000):
        chosen = rng.choices(kinds, weights=(6, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1), k=rng.randint(1, 5))
        text = "".join("".join(rng.choices(kind, k=rng.choice((1, 2, 7, 8, 9, rng.randint(1, 18))))) for kind in chosen)
        ours = split_bytes(text.encode(), pattern)
        assert_same_split(ours, by_regex(text, pattern), "regex", f"seed {SEED}, text {number} {text!r}")


@EVERY_SPELLING
@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.data())
def test_any_text(pattern, data) -> None:
    text = data.draw(
        st.text(st.one_of(st.sampled_from(ALPHABET), st.characters(exclude_categories=["Cs"])), max_size=40)
    )
    ours = split_bytes(text.encode(), pattern)
    assert b"".join(ours) == text.encode()
    assert_tiktoken_cuts(text, pattern, ours, repr(text))
    if not points_that_regex_knows_otherwise().intersection(map(ord, text)):
        assert_same_split(ours, by_regex(text, pattern), "regex", repr(text))


def test_the_two_spellings_of_cl100k_differ_where_a_text_ends() -> None:
    """Papers and Hugging Face files carry a pattern that is not the published one."""
    assert split_bytes(b"x\n ", SPELLINGS["cl100k"]) == [b"x", b"\n "]
    assert split_bytes(b"x\n ", SPELLINGS["cl100k as in papers"]) == [b"x", b"\n", b" "]


@EVERY_SPELLING
def test_empty_texts_have_no_pretokens(pattern) -> None:
    assert split(np.empty(0, np.uint8), pattern).tolist() == [0]
    assert split_bytes(b"", pattern) == []


@pytest.mark.parametrize("pattern", [*SPELLINGS.values(), r"\S+|\s"], ids=[*SPELLINGS, "of one's own"])
def test_pretokens_never_cross_the_border_of_documents(pattern) -> None:
    """Any number at once: the kernel goes on in the midst of a document as if it had never stopped."""
    texts = ["don't", "", "", " 12345 \n", "\n", "我们", " ", "", "x \r\n!\n"]
    data = "".join(texts).encode()
    bounds = np.cumsum([0, *(len(text.encode()) for text in texts)], dtype=np.int64)
    expected = [(number, pretoken) for number, text in enumerate(texts) for pretoken in by_regex(text, pattern)]
    for at_once in (1, 2, 3, 7, 100):
        found = []
        for starts, first in split_documents(np.frombuffer(data, np.uint8), bounds, pattern, at_once):
            for start, stop in pairwise(starts.tolist()):
                document = int(np.searchsorted(bounds, start, side="right")) - 1
                found.append((document, data[start:stop]))
            assert first <= found[-1][0] if found else True, at_once
        assert found == expected, f"{at_once} at once"


def test_a_pattern_of_ones_own_goes_through_regex() -> None:
    assert split_bytes("a,b我 們".encode(), r"\p{Han}|\w|\W") == [b"a", b",", b"b", "我".encode(), b" ", "們".encode()]


@pytest.mark.parametrize(
    ("pattern", "text", "place", "rest"),
    [
        (r"\w+", "ab cd", 2, "' cd'"),
        (r"\d*", "12x", 2, "'x'"),
        (r"\S+\s", "one two", 4, "'two'"),
        (r"我+", "我我們", 2, "'們'"),
        (r"x", "我", 0, "'我'"),
    ],
)
def test_a_pattern_that_leaves_text_uncovered_is_refused(pattern, text, place, rest) -> None:
    with pytest.raises(InputError) as caught:
        split_bytes(text.encode(), pattern)
    assert caught.value.message == f"the pattern leaves text uncovered at character {place}: {rest}"
    assert "alternatives that take any character" in str(caught.value.hint)


def test_names_and_patterns() -> None:
    assert pattern_of("p50k_base") == PATTERNS["r50k_base"]
    assert pattern_of(r"\w+|\W") == r"\w+|\W"
    with pytest.raises(InputError, match=r"pattern does not compile: .*: \(\[a") as caught:
        pattern_of("([a")
    assert caught.value.hint == "known patterns by name: cl100k_base, o200k_base, r50k_base, p50k_base"


@pytest.mark.parametrize(
    ("data", "place"), [(b"ab\xff", 2), (b"\xe6\x88", 0), (b"x\xc0\x80", 1), ("我".encode() + b"\xed\xa0\x80", 3)]
)
def test_text_that_is_not_utf8_is_refused_with_its_place(data, place) -> None:
    with pytest.raises(InputError, match=f"the text is not valid UTF-8 at byte {place}: "):
        check_utf8(data)
    with pytest.raises(InputError, match=f"at byte {place}: "):
        split_bytes(data, PATTERNS["cl100k_base"])


@EVERY_SPELLING
@pytest.mark.parametrize("character", ["a", "A", " ", "\n", "1", "'", "。", "我", "\u0301", "\u3000"])
def test_a_megabyte_of_one_character_takes_no_time(pattern, character) -> None:
    """Quadratic time would be hours: `regex` itself needs a second for some of these, the kernels some milliseconds."""
    text = (character * (1_000_000 // len(character.encode()))).encode()
    split(np.frombuffer(character.encode(), np.uint8), pattern)  # compiled before the clock starts
    before = time.process_time()
    starts = split(np.frombuffer(text, np.uint8), pattern)
    assert time.process_time() - before < 0.5
    assert starts[-1] == len(text)
    assert np.all(np.diff(starts) > 0)


@pytest.mark.corpus
@EVERY_SPELLING
def test_half_a_megabyte_of_the_corpus(pattern, corpus) -> None:
    """The first documents of each file, against both engines."""
    files = sorted(corpus.glob("*.jsonl.zst"))
    known_otherwise = points_that_regex_knows_otherwise()
    n_bytes = 0
    for file in files:
        with pa.CompressedInputStream(pa.OSFile(str(file)), "zstd") as stream:
            lines = stream.read(1 << 16).splitlines()
        for number, line in enumerate(lines[:-1][:3] or []):
            text = msgspec.json.decode(line)["text"][:4_000]
            ours = split_bytes(text.encode(), pattern)
            assert_tiktoken_cuts(text, pattern, ours, f"{file.name}, document {number}")
            if not known_otherwise.intersection(map(ord, text)):
                assert_same_split(ours, by_regex(text, pattern), "regex", f"{file.name}, document {number}")
            n_bytes += len(text.encode())
    assert n_bytes > 500_000
