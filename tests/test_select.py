"""`select`: cuts and filters of a base stay closed under merging, and every number that it reports is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tokkit.encode import encode_pieces, merge_parts
from tokkit.errors import InputError, LawError, SizeError
from tokkit.merge_path import merged, single_bytes_of
from tokkit.origin import base_of
from tokkit.select import select
from tokkit.unicode import text_of
from tokkit.veto import Veto, parse_veto
from tokkit.vocabulary import SINGLE_BYTES, Segment, Vocabulary


def self_encoding_failures(vocabulary: Vocabulary) -> list[tuple[int, list[int]]]:
    """Ids whose bytes merge to something else without the whole-pretoken shortcut, with what they merge to."""
    encoded = encode_pieces(vocabulary, vocabulary.tokens, shortcut=False)
    return [(rank, ids) for rank, ids in enumerate(encoded) if ids != [rank]]


def grown_base(pairs: list[tuple[int, int]], alphabet: bytes, name: str = "grown") -> Vocabulary:
    """A base that BPE could have made: each pair of indices joins two tokens, and stays if merging would join them."""
    tokens = list(SINGLE_BYTES)
    ranks = {token: rank for rank, token in enumerate(tokens)}
    usable = [bytes([byte]) for byte in alphabet]
    for left, right in pairs:
        token = usable[left % len(usable)] + usable[right % len(usable)]
        if token not in ranks and len(merged(single_bytes_of(token), ranks)) == 2:
            ranks[token] = len(tokens)
            tokens.append(token)
            usable.append(token)
    return Vocabulary(name, r"\S+|\s+", tuple(tokens))


INDEX_PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=60)


@pytest.mark.parametrize("cut", [256, 257, 1000, 30_000, 60_004, 100_256])
def test_prefixes_of_cl100k_are_the_ranks_themselves_and_encode_to_themselves(cl100k, cut):
    selection = select(cl100k, cut)
    assert selection.vocabulary.tokens == cl100k.tokens[:cut]
    assert (selection.kept, dict(selection.dropped), selection.spared_bytes) == (cut, {}, 0)
    assert selection.last_rank == cut - 1
    assert selection.vocabulary.special_tokens == {}
    assert selection.vocabulary.segments == (Segment("prefix", 0, cut),)
    assert selection.vocabulary.name == f"cl100k_base-{cut}"
    assert self_encoding_failures(selection.vocabulary) == []


def test_every_prefix_of_cl100k_is_closed(cl100k):
    # merge_parts merges each token with the ranks below its own alone: a cut above the token changes nothing of that,
    # so parts for every token prove every prefix.
    parts = merge_parts(cl100k)
    ranks = np.arange(len(cl100k.tokens))
    longer = np.array([len(token) > 1 for token in cl100k.tokens])
    assert longer.sum() == 100_000
    assert np.flatnonzero(longer & (parts.min(axis=1) < 0)).tolist() == []
    assert np.flatnonzero(longer & (parts.max(axis=1) >= ranks)).tolist() == []


def test_counts_han_and_partial_utf8_in_the_worked_prefix(cl100k):
    han = select(cl100k, 60_004, drop_scripts=["han"])
    assert han.dropped["script:Han"] == 407
    assert han.dropped["script:Han partial UTF-8"] == 17
    assert han.kept + sum(han.dropped.values()) == 60_004
    assert self_encoding_failures(han.vocabulary) == []

    partial = select(cl100k, 60_004, drop_partial_utf8=True)
    assert partial.dropped["partial UTF-8"] == 453
    assert partial.spared_bytes == 128
    assert partial.dropped["partial UTF-8"] + partial.spared_bytes == 581
    assert self_encoding_failures(partial.vocabulary) == []

    both = select(cl100k, 60_004, drop_scripts=["Han"], drop_partial_utf8=True)
    assert both.dropped["script:Han"] == 407
    assert both.dropped["script:Han partial UTF-8"] + both.dropped["partial UTF-8"] + both.spared_bytes == 581


def test_tokens_that_lost_their_parts_go_too(cl100k):
    selection = select(cl100k, 60_004, drop_partial_utf8=True)
    assert selection.dropped["closure"] > 0
    kept = set(selection.vocabulary.tokens)
    # 的 is e7 9a + 84 in cl100k, and e7 9a is not a character.
    assert "的".encode() in cl100k.tokens[:60_004]
    assert "的".encode() not in kept


def test_released_layout_is_the_ascii_tokens_to_rank_62847(cl100k):
    by_cut = select(cl100k, 62_848, only="ascii")
    # 62,848 ranks looked at: 60,094 are ASCII; of the other 2,754, the 128 single bytes stay.
    assert sum(token.isascii() for token in by_cut.vocabulary.tokens) == 60_094
    assert by_cut.spared_bytes == 128
    assert by_cut.kept == 60_094 + 128 == 60_222
    assert dict(by_cut.dropped) == {"non-ASCII": 2_754 - 128}
    assert by_cut.vocabulary.tokens[-1] == b"ConverterFactory"

    filled = select(cl100k, 60_222, only="ascii", fill=True)
    assert filled.vocabulary.tokens == by_cut.vocabulary.tokens
    assert dict(filled.dropped) == dict(by_cut.dropped)
    assert (filled.kept, filled.last_rank, by_cut.last_rank) == (60_222, 62_847, 62_847)
    assert self_encoding_failures(filled.vocabulary) == []


def test_fill_to_the_reported_size_has_exactly_that_many(cl100k):
    selection = select(cl100k, 60_004, only="ascii", fill=True)
    assert len(selection.vocabulary.tokens) == selection.kept == 60_004
    assert selection.last_rank < 62_847


def test_fill_that_runs_out_says_how_many_there_are(cl100k):
    with pytest.raises(SizeError, match="100,000 tokens were asked for, and 95,350 pass the filter"):
        select(cl100k, 100_000, only="ascii", fill=True)
    # FACTS: 95,222 ASCII tokens; 128 single bytes besides.
    assert select(cl100k, 95_350, only="ascii", fill=True).kept == 95_222 + 128


def test_bytes_above_the_cut_stay_and_keep_their_order():
    high = (b"\xfe", b"\xff")
    tokens = (*(byte for byte in SINGLE_BYTES if byte not in high), b"ab", b"\xffa", b"abab", *high, b"aba")
    base = Vocabulary("late", "", tokens)
    cut = select(base, 256)
    assert cut.vocabulary.tokens[254:] == (b"ab", *high)  # b"\xffa" would rank below its own byte
    assert (cut.kept, cut.spared_bytes, cut.last_rank, dict(cut.dropped)) == (257, 2, 258, {"closure": 1})
    filled = select(base, 257, fill=True)
    assert filled.vocabulary.tokens == cut.vocabulary.tokens


def test_holes_are_counted_and_closed():
    base = Vocabulary("holes", "", (*SINGLE_BYTES, b"ab", b"", b"abc"), {"<|end|>": 259})
    selection = select(base, 259)
    assert selection.vocabulary.tokens[256:] == (b"ab", b"abc")
    assert dict(selection.dropped) == {"hole": 1}


def test_base_tokens_that_merging_does_not_reach_are_dropped():
    base = Vocabulary("dead", "", (*SINGLE_BYTES, b"abc", b"bc", b"abcd"))
    selection = select(base, 259)
    assert selection.vocabulary.tokens[256:] == (b"bc",)
    assert dict(selection.dropped) == {"closure": 2}


def test_a_veto_takes_its_tokens_and_those_made_of_them(cl100k):
    veto = parse_veto("/[\ufeff\u200b]/\n they\n".encode(), "veto.txt")
    selection = select(cl100k, 60_004, veto=veto)
    tokens = set(selection.vocabulary.tokens)
    first = [(token, text_of(token)) for token in cl100k.tokens[:60_004]]
    hidden = [token for token, text in first if text is not None and {"\ufeff", "\u200b"} & set(text)]
    assert b"\xef\xbb\xbfusing" in hidden
    assert tokens.isdisjoint([*hidden, b" they"])
    assert tokens == set(cl100k.tokens[:60_004]) - {*hidden, b" they"}
    assert dict(selection.dropped) == {"veto": len(hidden) + 1}
    assert selection.vocabulary.provenance[-1]["veto"] == [" they", "/[\ufeff\u200b]/"]
    assert self_encoding_failures(selection.vocabulary) == []
    # "/[^a]/" forbids every character but one; the single bytes stay, and what is made of bytes that are no text
    strict = select(cl100k, 1000, veto=parse_veto(b"/[^a]/\n", "veto.txt"))
    assert strict.kept == 256 + sum(text_of(token) is None for token in strict.vocabulary.tokens[256:])


def test_a_selection_with_a_veto_is_made_anew_from_its_provenance(cl100k):
    texts = {" they", "#1", "/a/", "\n\n"}
    selection = select(cl100k, 2000, veto=Veto(frozenset(texts), (regex.compile("^ the$"),)))
    assert {text.encode() for text in texts}.isdisjoint(selection.vocabulary.tokens)
    assert selection.dropped["veto"] == len({*texts, " the"} & {text_of(token) for token in cl100k.tokens[:2000]})
    found = base_of(selection.vocabulary)
    assert found is not None
    assert found.tokens == selection.vocabulary.tokens


def test_provenance_names_base_size_and_the_options_given(cl100k):
    selection = select(cl100k, 1000, only="ascii", drop_scripts=["han", "Han"], name="short")
    assert selection.vocabulary.name == "short"
    assert selection.vocabulary.provenance[-1] == {
        "step": "select",
        "tool": "tokkit 0.1.0",
        "base": {"name": "cl100k_base", "sha256": cl100k.sha256},
        "size": 1000,
        "only": "ascii",
        "drop_scripts": ["Han"],
        "kept": selection.kept,
        "last_rank": selection.last_rank,
    }
    assert set(select(cl100k, 300).vocabulary.provenance[-1]) == {"step", "tool", "base", "size", "kept", "last_rank"}


def test_refusals(cl100k):
    with pytest.raises(InputError, match="unknown filter: latin"):
        select(cl100k, 1000, only="latin")
    with pytest.raises(InputError, match="unknown script: Klingon"):
        select(cl100k, 1000, drop_scripts=["Klingon"])
    with pytest.raises(SizeError, match="size 255 has no room for the 256 single bytes"):
        select(cl100k, 255)
    with pytest.raises(SizeError, match="100,257 were asked for, and it has 100,256 ranks"):
        select(cl100k, 100_257)
    with pytest.raises(LawError, match="no token for byte 0xff"):
        select(Vocabulary("short", "", (*SINGLE_BYTES[:255], b"ab")), 256)


@given(INDEX_PAIRS, st.sampled_from(["ascii", "partial", "latin", "none"]), st.integers(0, 80), st.booleans())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_selection_encodes_to_itself(pairs, which, extra, fill):
    base = grown_base(pairs, "aé中".encode())
    options: dict[str, Any] = {
        "ascii": {"only": "ascii"},
        "partial": {"drop_partial_utf8": True},
        "latin": {"drop_scripts": ["Latin"]},
        "none": {},
    }
    size = min(256 + extra, len(base.tokens))
    try:
        selection = select(base, size, fill=fill, **options[which])
    except SizeError as error:
        assert fill
        assert "pass the filter" in error.message  # noqa: PT017 - the other outcome has checks of its own
        return
    vocabulary = selection.vocabulary
    assert self_encoding_failures(vocabulary) == []
    assert [base.ranks[token] for token in vocabulary.tokens] == sorted(
        base.ranks[token] for token in vocabulary.tokens
    )
    assert set(SINGLE_BYTES) <= set(vocabulary.tokens)
    assert selection.last_rank == base.ranks[vocabulary.tokens[-1]]
    assert len(vocabulary.tokens) == selection.kept
    if fill:
        assert selection.kept == size
    else:
        assert selection.kept + sum(selection.dropped.values()) == size
