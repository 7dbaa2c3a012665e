"""The reference itself, held to published cases and to tiktoken: everything else is held to it."""

from __future__ import annotations

import random

import pytest

from tests.hostile import HOSTILE
from tokkit import reference
from tokkit.pretokenize import PATTERNS

SEED = 2_016
SINGLE = [bytes([byte]) for byte in range(256)]


def test_splitting_as_tiktoken_documents_it() -> None:
    """White space before a word goes with it, a run of digits is cut in threes, a contraction stands alone."""
    pretokens = reference.split("I'll  be 12345\n\n x", PATTERNS["cl100k_base"])
    assert pretokens == [b"I", b"'ll", b" ", b" be", b" ", b"123", b"45", b"\n\n", b" x"]


@pytest.mark.parametrize("name", ["cl100k_base", "r50k_base", "o200k_base"])
def test_splitting_loses_nothing(name) -> None:
    for label, text in HOSTILE.items():
        assert b"".join(reference.split(text, PATTERNS[name])) == text.encode(), label


def test_encoding_as_wikipedia_does() -> None:
    """aaabdaaabac with Z = aa, Y = ab, X = ZY is XdXac."""
    ranks = {b"aa": 256, b"ab": 257, b"aaab": 258}
    assert reference.encode_pretoken(b"aaabdaaabac", ranks) == [b"aaab", b"d", b"aaab", b"a", b"c"]
    assert reference.encode_pretoken(b"aaabdaaabac", ranks, 258) == [b"aa", b"ab", b"d", b"aa", b"ab", b"a", b"c"]
    assert reference.encode_pretoken(b"aaabdaaabac", ranks, 257)[:3] == [b"aa", b"a", b"b"]


def test_encoding_is_tiktokens(tiny) -> None:
    """Hostile texts (of characters that the installed regex knows as tiktoken does), by a vocabulary of 262 tokens."""
    theirs = tiny.to_tiktoken()
    for name in ("contractions", "long s contractions", "digits and letters", "Thai", "line ends", "code", "controls"):
        assert reference.encode(HOSTILE[name], tiny.ranks, tiny.pattern) == theirs.encode_ordinary(HOSTILE[name]), name


def test_encoding_with_random_ranks_is_tiktokens() -> None:
    import tiktoken

    rng = random.Random(SEED)
    for number in range(50):
        tokens = sorted({"".join(rng.choices("ab", k=rng.randint(2, 5))) for _ in range(8)})
        rng.shuffle(tokens)
        ranks = {token: rank for rank, token in enumerate([*SINGLE, *(token.encode() for token in tokens)])}
        theirs = tiktoken.Encoding("x", pat_str=r"[\s\S]+", mergeable_ranks=ranks, special_tokens={})
        for _ in range(50):
            text = "".join(rng.choices("ab", k=rng.randint(1, 40)))
            ours = reference.encode(text, ranks, r"(?s).+")
            assert ours == theirs.encode_ordinary(text), f"seed {SEED}, vocabulary {number} {tokens}, {text!r}"


def test_counting() -> None:
    counts = reference.count(["to be or not to be", "be"], PATTERNS["cl100k_base"])
    assert counts == {
        b"to": (1, 1), b" be": (2, 1), b" or": (1, 1), b" not": (1, 1), b" to": (1, 1), b"be": (1, 1),
    }  # fmt: skip
    assert reference.count([], PATTERNS["cl100k_base"]) == {}


def test_learning_as_wikipedia_does() -> None:
    assert reference.learn({b"aaabdaaabac": 1}, SINGLE, 3) == [(b"aa", 4, 1), (b"ab", 2, 1), (b"aaab", 2, 1)]


def test_learning_as_sennrich_and_others_do() -> None:
    """low 5, lower 2, newest 6, widest 3: es, est, lo, low come first; the derivation is in tests/test_learn.py."""
    words = {b"low": 5, b"lower": 2, b"newest": 6, b"widest": 3}
    assert reference.learn(words, SINGLE, 4) == [(b"es", 9, 2), (b"est", 9, 2), (b"lo", 7, 2), (b"low", 7, 2)]


def test_ties_go_to_the_lower_left_id_then_to_the_lower_right_id() -> None:
    assert reference.learn({b"cd": 2, b"bz": 2, b"ba": 2}, SINGLE, 3) == [(b"ba", 2, 1), (b"bz", 2, 1), (b"cd", 2, 1)]


def test_constraints_pass_a_token_over_and_go_on() -> None:
    words = {b"abc": 5, b"abd": 4, b"xy": 8}
    assert reference.learn(words, SINGLE, 9, min_count=5) == [(b"ab", 9, 2), (b"xy", 8, 1), (b"abc", 5, 1)]
    assert reference.learn(words, SINGLE, 9, min_pretokens=2) == [(b"ab", 9, 2)]
    allowed = reference.learn(words, SINGLE, 2, allowed=lambda token: token != b"ab")
    assert allowed == [(b"xy", 8, 1), (b"bc", 5, 1)]


def test_learning_on_a_base_starts_from_its_encoding() -> None:
    assert reference.learn({b"abab": 3}, [*SINGLE, b"ba"], 2) == [(b"aba", 3, 1), (b"abab", 3, 1)]


def test_joining_goes_from_left_to_right() -> None:
    assert reference.join([1, 1, 1, 1, 1], (1, 1), 2) == [2, 2, 1]
    assert reference.join([1, 2, 1], (1, 2), 3) == [3, 1]
    assert reference.join([], (1, 2), 3) == []
