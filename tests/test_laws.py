"""Every law, broken on purpose and named; and a witness text for every token that has one."""

from __future__ import annotations

import itertools
import json
import random
import time
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tokkit import reference
from tokkit.laws import LAWS, NEEDS_BYTES, Finding, check
from tokkit.laws_neighbours import borders, unfinished
from tokkit.laws_witness import beginning_with, ending_with, witness_lines, witnesses
from tokkit.pad import pad
from tokkit.pretokenize import PATTERNS
from tokkit.unicode import text_of
from tokkit.vocabulary import Segment, Vocabulary, default_segments

ALPHABET = tuple(bytes([byte]) for byte in range(256))
CHINESE = Path(__file__).parent / "data" / "chinese.txt"
CL100K = PATTERNS["cl100k_base"]
PROPER = "操作"


def broken(vocabulary: Vocabulary, base: Vocabulary | None = None) -> dict[str, tuple[str, ...]]:
    """Law -> offenders, of the laws that do not hold."""
    findings = check(vocabulary, base)
    assert tuple(finding.law for finding in findings) == LAWS
    assert all(bool(finding.offenders) == (finding.holds is False) for finding in findings)
    return {finding.law: finding.offenders for finding in findings if finding.holds is False}


def finding_of(law: str, vocabulary: Vocabulary, base: Vocabulary | None = None) -> Finding:
    return next(finding for finding in check(vocabulary, base) if finding.law == law)


def vocabulary_of(*tokens: bytes, pattern: str = CL100K) -> Vocabulary:
    return Vocabulary("test", pattern, (*ALPHABET, *tokens))


def assert_witnessed(vocabulary: Vocabulary, rank: int, text: str) -> None:
    ids = reference.encode(text, vocabulary.ranks, vocabulary.pattern, shortcut=False)
    assert rank in ids, f"{rank} {vocabulary.tokens[rank]!r}: {text!r} gives {ids}"


# What is right passes


def test_the_prefix_of_cl100k_keeps_every_law(prefix):
    findings = check(prefix, prefix)
    assert {finding.law: finding.holds for finding in findings} == dict.fromkeys(LAWS, True)
    details = {finding.law: finding.detail for finding in findings}
    assert details["closure"] == "59,748 tokens of two bytes or more, made of two lower-ranked ones: all"
    assert details["reachable"].startswith("59,991 of 60,004 tokens have a witness text; 13 single bytes occur in no ")
    assert prefix.sha256 in details["dense ids"]


def test_a_learned_and_padded_vocabulary_keeps_every_law(chinese, prefix):
    findings = check(chinese, prefix)
    assert {finding.law: finding.holds for finding in findings} == dict.fromkeys(LAWS, True)
    details = {finding.law: finding.detail for finding in findings}
    assert details["segments"] == "60,004 prefix + 400 learned:zh + 1 special + 11 spare"
    assert details["base preserved"].startswith(
        "the 60,004 ranks of cl100k_base-60004 come first, 400 added ranks lie "
    )


def test_cl100k_itself_has_holes_and_no_other_fault(cl100k):
    assert broken(cl100k) == {"dense ids": ("100256 has no token", "100261-100275 have no token")}
    detail = finding_of("dense ids", cl100k).detail
    assert detail.startswith("100,256 ranks + 5 specials and spares = 100,261 ids, embedding rows 100,277; ")
    assert finding_of("base preserved", cl100k).holds is True, "the provenance has the sha256 of its own ranks"


# Each law broken


def test_a_missing_byte_is_named_and_nothing_that_merges_is_checked():
    tokens = list(ALPHABET)
    tokens[0x61] = b"zz"
    findings = {finding.law: finding for finding in check(Vocabulary("test", CL100K, tuple(tokens)))}
    assert findings["bytes"].holds is False
    assert findings["bytes"].detail == "255 of the 256 single bytes are tokens"
    assert findings["bytes"].offenders == ("byte 0x61",)
    for law in ("closure", "self-encoding", "reachable", "specials"):
        assert (findings[law].holds, findings[law].detail) == (None, NEEDS_BYTES)


def test_a_hole_is_named():
    assert broken(vocabulary_of(b"ab", b"", b"", b"abc")) == {"dense ids": ("257-258 have no token",)}


def test_a_duplicate_is_named():
    found = broken(vocabulary_of(b"ab", b"ab"))
    assert found["dense ids"] == ("257 ab has id 256 already",)
    assert "closure" not in found
    assert found["self-encoding"] == ("257 ab = ab",)
    assert set(found) == {"dense ids", "self-encoding", "reachable"}


def test_two_special_tokens_with_one_id_are_named():
    found = broken(replace(vocabulary_of(), special_tokens={"<|a|>": 256, "<|b|>": 256}, segments=()))
    assert found["dense ids"][:2] == (
        "256 <|a|>: 2 special tokens have this id",
        "256 <|b|>: 2 special tokens have this id",
    )


def test_spares_before_special_tokens_are_named():
    segments = (Segment("prefix", 0, 256), Segment("spare", 256, 257), Segment("special", 257, 258))
    vocabulary = replace(vocabulary_of(), special_tokens={"<|a|>": 256, "<|b|>": 257}, segments=segments)
    assert broken(vocabulary) == {"dense ids": ("256-256: spares before the special tokens end at 257",)}


def test_a_special_token_in_a_hole_of_the_ranks_is_named():
    """As 50256 in p50k_base."""
    tokens = (*ALPHABET, b"", b"ab")
    segments = (Segment("prefix", 0, 256), Segment("special", 256, 257), Segment("prefix", 257, 258))
    vocabulary = Vocabulary("test", CL100K, tokens, {"<|end|>": 256}, segments)
    assert broken(vocabulary) == {"dense ids": ("256 <|end|>: a special token among the 258 ranks",)}


def test_a_token_before_its_part_breaks_closure_alone():
    vocabulary = vocabulary_of(b"abc", b"ab")
    assert broken(vocabulary) == {"closure": ("256 abc = a | b | c",)}
    assert finding_of("closure", vocabulary).detail == (
        "1 of 2 tokens of two bytes or more are not made of two lower-ranked"
    )


def test_a_dead_token_breaks_three_laws():
    vocabulary = vocabulary_of(b"bc", b"ab", b"abc", b"abcd")
    assert reference.encode_pretoken(b"abcd", vocabulary.ranks) == [b"abcd"]
    vocabulary = vocabulary_of(b"xyz", b"ab")
    assert broken(vocabulary) == {
        "closure": ("256 xyz = x | y | z",),
        "self-encoding": ("256 xyz = x | y | z",),
        "reachable": ("256 xyz: merging its bytes gives x | y | z",),
    }
    assert finding_of("self-encoding", vocabulary).detail == (
        "1 of 258 tokens are dead: merging their own bytes does not give them"
    )


@pytest.mark.parametrize("token", [b"a b", b"1234", b"x.y", b"'sx", b"\n\na", b"a\n"])
def test_a_token_that_the_pattern_cuts_is_unreachable_and_nothing_else(token):
    inner = [token[:end] for end in range(2, len(token) + 1)]
    found = broken(vocabulary_of(*inner))
    assert set(found) == {"reachable"}
    assert any(
        offender.endswith("the pattern cuts it, alone and beside 15 kinds of neighbour")
        for offender in found["reachable"]
    )
    assert found["reachable"][-1].startswith(f"{255 + len(inner)} ")


def test_a_pattern_that_leaves_text_out_is_named():
    vocabulary = vocabulary_of(pattern=r"\p{L}+")
    finding = finding_of("reachable", vocabulary)
    assert finding.holds is False
    assert finding.detail.startswith("the pattern leaves text uncovered at character 0: ")
    assert finding.offenders == (r"\p{L}+",)


def test_a_leading_byte_that_always_merges_on_is_no_offender():
    vocabulary = vocabulary_of(*(bytes([0xC3, byte]) for byte in range(0x80, 0xC0)))
    assert broken(vocabulary) == {}
    finding = finding_of("reachable", vocabulary)
    assert finding.detail.startswith("306 of 320 tokens have a witness text; 13 single bytes occur in no UTF-8 text ")
    assert finding.detail.endswith(r"in UTF-8 text \xC3 always merges on, and is kept for arbitrary bytes")


def test_a_moved_base_rank_is_named(tiny):
    tokens = list(tiny.tokens)
    tokens[0x61], tokens[0x62] = tokens[0x62], tokens[0x61]
    moved = replace(tiny, tokens=tuple(tokens))
    finding = finding_of("base preserved", moved, tiny)
    assert finding.offenders == ("97 b, in the base a", "98 a, in the base b")
    assert finding.detail.startswith("2 of the 262 ranks of tiny are not what they were, the first is 97; base sha256 ")
    shorter = replace(tiny, tokens=tiny.tokens[:-1], segments=())
    assert broken(shorter, tiny) == {"base preserved": ("261 has no token, in the base \\xEF\\xBC",)}
    assert broken(tiny, shorter) == {}


def test_another_pattern_than_the_bases_is_named(tiny):
    other = replace(tiny, pattern=PATTERNS["r50k_base"])
    assert broken(other, tiny) == {"base preserved": (f"the pattern is not that of tiny: {other.pattern}",)}


def test_the_prefix_is_compared_with_the_sha256_of_the_provenance(tiny):
    step = {"step": "base", "name": "tiny", "sha256": tiny.sha256}
    extended = replace(
        tiny,
        tokens=(*tiny.tokens, b"ab"),
        segments=(*tiny.segments, Segment("learned:x", 262, 263)),
        provenance=(step,),
    )
    assert broken(extended) == {}
    assert finding_of("base preserved", extended).holds is True
    swapped = replace(extended, tokens=(*tiny.tokens[:260], tiny.tokens[261], tiny.tokens[260], b"ab"))
    assert set(broken(swapped)) == {"base preserved"}
    unknown = replace(extended, provenance=())
    assert finding_of("base preserved", unknown).holds is None
    selected = replace(extended, provenance=(step, {"step": "select"}))
    assert finding_of("base preserved", selected).detail.startswith("not checked: tiny, which its ranks were selected ")


def test_a_special_token_that_is_mergeable_is_named(tiny_padded):
    names = {"the": 262, "<|spare_0|>": 263, "<|spare_1|>": 264}
    assert broken(replace(tiny_padded, special_tokens=names)) == {"specials": ("262 the: is mergeable token 257",)}


def test_a_special_id_that_typing_produces_is_named(tiny):
    segments = default_segments(tiny.tokens, {})
    vocabulary = replace(tiny, special_tokens={"the end": 257}, segments=segments)
    found = broken(vocabulary)
    assert found["specials"] == ("257 the end: typing the name gives special id 257",)
    assert found["dense ids"] == ("257 the end: a special token among the 262 ranks",)


def test_names_that_are_no_text_are_named(tiny):
    vocabulary = replace(tiny, special_tokens={"\ud800": 262, "": 263}, segments=())
    assert broken(vocabulary) == {
        "specials": (
            "262 \ud800: the text holds a lone surrogate at character 0: U+D800",
            "263 : the name is empty",
        )
    }


@pytest.mark.parametrize(
    ("segments", "offender"),
    [
        ([("prefix", 0, 260), ("special", 262, 263), ("spare", 263, 265)], "260-261 in no segment"),
        ([("prefix", 0, 262), ("special", 262, 263)], "263-264 in no segment"),
        (
            [("prefix", 0, 262), ("learned:x", 261, 262), ("special", 262, 263), ("spare", 263, 265)],
            "learned:x 261-261 after one that ends at 261",
        ),
        (
            [("prefix", 0, 262), ("special", 262, 263), ("spare", 263, 300)],
            "the last ends at 299, embedding rows are 265",
        ),
        (
            [("prefix", 0, 263), ("special", 263, 264), ("spare", 264, 265)],
            "special tokens 262-262 in segment prefix",
        ),
        (
            [("prefix", 0, 261), ("special", 261, 263), ("spare", 263, 265)],
            "mergeable tokens 261-261 in segment special",
        ),
    ],
)
def test_segments_that_do_not_cover_are_named(tiny_padded, segments, offender):
    wrong = replace(tiny_padded, segments=tuple(Segment(*each) for each in segments))
    assert broken(wrong) == {"segments": (offender,)}


def test_a_segments_name_may_repeat(tiny_padded):
    parts = [("prefix", 0, 260), ("bridge", 260, 261), ("prefix", 261, 262), ("special", 262, 263), ("spare", 263, 265)]
    assert broken(replace(tiny_padded, segments=tuple(Segment(*part) for part in parts))) == {}


def test_findings_are_values(tiny):
    finding = check(tiny)[0]
    with pytest.raises(FrozenInstanceError):
        finding.holds = False  # type: ignore[misc]


# Naive appends, against the reference


def test_a_naive_chinese_append_is_dead_where_the_reference_says_so(prefix):
    text = CHINESE.read_text("utf-8")
    words = sorted({run[i : i + 2] for run in regex.findall(r"\p{Han}+", text) for i in range(len(run) - 1)})
    added = [word.encode() for word in words if word.encode() not in prefix.ranks]
    naive = replace(prefix, tokens=(*prefix.tokens, *added), segments=())
    ranks = naive.ranks
    dead = [ranks[word] for word in added if reference.encode_pretoken(word, ranks) != [word]]
    assert (len(added), len(dead)) == (364, 231)
    found = broken(naive, prefix)
    assert set(found) == {"closure", "self-encoding", "reachable"}
    for law in ("closure", "self-encoding"):
        assert [int(offender.split(" ")[0]) for offender in found[law]] == dead, law
    assert len(found["reachable"]) == len(dead)
    parts = reference.encode_pretoken(naive.tokens[dead[0]], ranks)
    assert found["self-encoding"][0].count(" | ") == len(parts) - 1


# Witnesses


def test_every_token_of_cl100k_has_a_witness_but_13_bytes(cl100k):
    found = witnesses(cl100k)
    assert found.reasons == {}
    textless = sorted(cl100k.tokens[rank][0] for rank in found.textless_bytes)
    assert textless == [0xC0, 0xC1, *range(0xF5, 0x100)]
    partial = [rank for rank, token in enumerate(cl100k.tokens) if text_of(token) is None]
    assert len(partial) == 773
    assert sum(found.texts[rank] is not None for rank in partial) == 760
    others = random.Random(7).sample(sorted(set(range(100_256)) - set(partial)), 300)
    for rank in sorted({*partial, *others} - set(found.textless_bytes)):
        text = found.texts[rank]
        assert text is not None
        assert_witnessed(cl100k, rank, text)


def test_a_whole_text_is_its_own_witness(prefix):
    found = witnesses(prefix)
    own = [rank for rank, token in enumerate(prefix.tokens) if text_of(token) is not None]
    assert len(own) == 60_004 - 581
    assert [rank for rank in own if found.texts[rank] != text_of(prefix.tokens[rank])] == []


def test_a_neighbour_heals_a_cut():
    """o200k's pattern parts a line end from a slash, but not after a symbol."""
    vocabulary = vocabulary_of(b"\n/", pattern=PATTERNS["o200k_base"])
    assert reference.split("\n/", vocabulary.pattern) == [b"\n", b"/"]
    assert witnesses(vocabulary).texts[256] == "!\n/"
    assert_witnessed(vocabulary, 256, "!\n/")
    assert broken(vocabulary) == {}


def test_a_character_that_others_take_apart_needs_a_longer_neighbour():
    """All 64 characters that begin with E5 8F are tokens; only a token that begins with the last byte saves E5 8F."""
    han = "数".encode()
    characters = [b"\xe5\x8f" + bytes([last]) for last in range(0x80, 0xC0)]
    vocabulary = vocabulary_of(b"\xe5\x8f", han[:2], han, "参".encode()[2:] + han, *characters)
    assert broken(vocabulary) == {}
    assert witnesses(vocabulary).texts[256] == "参数"
    assert_witnessed(vocabulary, 256, "参数")
    without = vocabulary_of(b"\xe5\x8f", *characters)
    assert broken(without) == {
        "reachable": ("256 \\xE5\\x8F: in every text its neighbours take bytes away from it",),
    }


def test_a_single_byte_that_always_merges_on_is_told_and_breaks_nothing():
    """The 256 bytes must stay, also E5 when all 64 bytes that may follow it are learned with it."""
    vocabulary = vocabulary_of(*(b"\xe5" + bytes([second]) for second in range(0x80, 0xC0)))
    assert broken(vocabulary) == {}
    detail = finding_of("reachable", vocabulary).detail
    assert detail.startswith("306 of 320 tokens have a witness text; 13 single bytes occur in no UTF-8 text and ")
    assert detail.endswith("; in UTF-8 text \\xE5 always merges on, and is kept for arbitrary bytes")
    assert witnesses(vocabulary).reasons == {0xE5: "in every text its neighbours take bytes away from it"}


def test_a_neighbour_on_the_left_saves_a_token_too():
    """Every byte that may stand before B8 80 takes the B8, unless an `a` has taken E4 first."""
    before = [*range(0x80, 0xC0), 0xC2, *range(0xE0, 0xED), 0xEE, 0xEF, *range(0xF0, 0xF4)]
    takers = [bytes([byte, 0xB8]) for byte in before]
    vocabulary = vocabulary_of(b"a\xe4", *takers, b"\xb8\x80", pattern=r"[\s\S]+")
    assert broken(vocabulary) == {}
    found = witnesses(vocabulary)
    assert found.texts[vocabulary.ranks[b"\xb8\x80"]] == "a一"
    for rank in range(256, 256 + len(takers) + 2):
        text = found.texts[rank]
        assert text is not None
        assert_witnessed(vocabulary, rank, text)
    without = vocabulary_of(*takers, b"\xb8\x80", pattern=r"[\s\S]+")
    assert broken(without) == {
        "reachable": (f"{256 + len(takers)} \\xB8\\x80: in every text its neighbours take bytes away from it",)
    }


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (b"\xff\xfe", "no UTF-8 text holds its bytes"),
        (b"a\x80", "no UTF-8 text holds its bytes"),
        (b"\xe0\x80", "no UTF-8 text holds its bytes"),
        (b"\xed\xa0", "no UTF-8 text holds its bytes"),
        (b"\xc3a", "no UTF-8 text holds its bytes"),
        (b"1\xe4", "the pattern cuts each of 4,096 texts that complete it, alone and beside neighbours"),
    ],
)
def test_partial_tokens_without_a_witness_say_why(token, reason):
    vocabulary = vocabulary_of(token)
    assert witnesses(vocabulary).reasons == {256: reason}


@pytest.mark.parametrize("token", [b"!\xe4", b"\xbd\xe4", b"\x93\x8d\xe4", b"\x9f\xa5", b"\xf0\x9f", b" \xe2", b"\xa4"])
def test_partial_tokens_have_witnesses(token):
    chain = [token[:end] for end in range(2, len(token) + 1)]
    vocabulary = vocabulary_of(*chain)
    text = witnesses(vocabulary).texts[vocabulary.ranks[token]]
    assert text is not None
    assert_witnessed(vocabulary, vocabulary.ranks[token], text)


def test_a_witness_file_says_all(tiny_padded):
    lines = [json.loads(line) for line in witness_lines(tiny_padded).decode().splitlines()]
    assert [line["id"] for line in lines] == list(range(262))
    assert lines[259] == {"id": 259, "token": "aW4=", "display": "in", "text": "in"}
    assert lines[0xFF]["reason"] == "no UTF-8 text holds this byte"
    assert "\x7f" not in witness_lines(tiny_padded).decode()
    assert lines[0x7F]["text"] == "\x7f"
    assert_witnessed(tiny_padded, 261, lines[261]["text"])


def test_code_points_by_their_bytes():
    every = [chr(code).encode() for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for part in (b"\xe4", b"\xe0", b"\xed", b"\xf0\x9f", b"\xf4", b"\xc2", b"\xf4\x8f\xbf", b"\xe4\xbd"):
        expected = [ord(each.decode()) for each in every if each.startswith(part) and each != part]
        assert beginning_with(part) == expected, part
    for part in (b"\x80", b"\xbf\xbf", b"\x9f\xa5\x82", b"\xa0\x80"):
        expected = [ord(each.decode()) for each in every if each.endswith(part) and each != part]
        assert ending_with(part) == expected, part


@settings(derandomize=True)
@given(st.text(max_size=4), st.data())
def test_borders_and_unfinished_agree_with_the_decoder(text, data):
    encoded = text.encode()
    start = data.draw(st.integers(0, len(encoded)))
    stop = data.draw(st.integers(start, len(encoded)))
    left = unfinished(encoded[:stop])
    assert left is not None
    assert text_of(encoded[: stop - len(left)]) is not None
    token = encoded[start:stop]
    head, tail = borders(token)
    if head < len(token):
        assert text_of(token[head : len(token) - tail]) is not None
        assert unfinished(token[head:]) == token[len(token) - tail :] * (tail > 0)


# Properties


LETTERS = "ab参数操作"


@st.composite
def lawful(draw):
    """A vocabulary that the reference learned on a few words, with parts of characters among its tokens."""
    words = draw(st.lists(st.text(LETTERS, min_size=1, max_size=5), min_size=1, max_size=6))
    weights = {word.encode(): weight for weight, word in enumerate(words, 1)}
    size = draw(st.integers(1, 25))
    learned = [token for token, _, _ in reference.learn(weights, list(ALPHABET), size)]
    return vocabulary_of(*learned, pattern=r"[\s\S]+")


@settings(deadline=None, max_examples=15, derandomize=True)
@given(lawful())
def test_what_the_reference_learns_keeps_every_law(vocabulary):
    assert broken(pad(vocabulary, multiple=64).vocabulary, vocabulary) == {}


@settings(deadline=None, max_examples=15, derandomize=True)
@given(lawful(), st.data())
def test_a_dropped_inner_token_breaks_closure(vocabulary, data):
    inner = {
        part
        for rank, token in enumerate(vocabulary.tokens[256:], 256)
        for part in reference.encode_pretoken(token, vocabulary.ranks, rank)
        if len(part) > 1
    }
    if not inner:
        return
    gone = data.draw(st.sampled_from(sorted(inner)))
    kept = tuple(token for token in vocabulary.tokens if token != gone)
    without = replace(vocabulary, tokens=kept, segments=())
    expected = [
        rank
        for rank, token in enumerate(kept)
        if len(token) > 1 and len(reference.encode_pretoken(token, without.ranks, rank)) != 2
    ]
    offenders = broken(without).get("closure", ())
    assert [int(offender.split(" ")[0]) for offender in offenders] == expected


@settings(deadline=None, max_examples=15, derandomize=True)
@given(
    st.lists(
        st.sampled_from(sorted({(PROPER * 2).encode()[i:j] for i in range(12) for j in range(i + 2, 13)})),
        unique=True,
        max_size=20,
    )
)
def test_no_witness_is_missed(tokens):
    """Any tokens over two characters, lawful or not: what comes out of some short text has a witness, and a right one."""
    vocabulary = vocabulary_of(*tokens, pattern=r"[\s\S]+")
    found = witnesses(vocabulary)
    for rank in range(256, 256 + len(tokens)):
        text = found.texts[rank]
        if text is not None:
            assert_witnessed(vocabulary, rank, text)
    for length in range(1, 6):
        for characters in itertools.product(PROPER, repeat=length):
            text = "".join(characters)
            for token in reference.encode_pretoken(text.encode(), vocabulary.ranks):
                assert found.texts[vocabulary.ranks[token]] is not None, f"{token!r} comes out of {text}"


@pytest.mark.slow
def test_a_hundred_thousand_ids_are_checked_in_time(cl100k):
    fresh = replace(cl100k)
    check(vocabulary_of(b"ab"))  # kernels compile, and the table of all characters is made
    start = time.process_time()
    check(fresh)
    took = time.process_time() - start
    assert took < 10, f"{took:.1f} s; 2 s on an idle machine"
