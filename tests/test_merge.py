"""`merge`: every added token is reached by merging alone, with as few bridges as can be, and base ranks stay."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokkit.bridges import atoms_of, plan
from tokkit.encode import encode_pieces, merge_parts
from tokkit.errors import FormatError, InputError, LawError, MismatchError, SizeError
from tokkit.matching import maximum_matching, minimum_cover, two_colours
from tokkit.merge import TokenSource, allowed, merge, vocabulary_source, word_list_source
from tokkit.merge_path import merged, single_bytes_of
from tokkit.veto import parse_veto
from tokkit.vocabulary import SINGLE_BYTES, Segment, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKENIZERS = Path(__file__).resolve().parents[2] / "shared" / "tokenizers"
BYTES = Vocabulary("bytes", r"\S+|\s+", SINGLE_BYTES)


def source(label: str, *tokens: str | bytes, base_sha256: str | None = None) -> TokenSource:
    as_bytes = tuple(token.encode() if isinstance(token, str) else token for token in tokens)
    return TokenSource(label, as_bytes, None, "0" * 64, base_sha256)


def grown(base: Vocabulary, *tokens: str) -> Vocabulary:
    return Vocabulary("grown", base.pattern, (*base.tokens, *(token.encode() for token in tokens)))


def not_self_encoding(vocabulary: Vocabulary) -> list[bytes]:
    encoded = encode_pieces(vocabulary, vocabulary.tokens, shortcut=False)
    return [vocabulary.tokens[rank] for rank, ids in enumerate(encoded) if ids != [rank]]


@pytest.fixture(scope="module")
def chinese(prefix: Vocabulary) -> list[bytes]:
    """The Chinese tokens of InternLM2 that cl100k's prefix lacks, in id order: CJK unified ideographs alone."""
    path = TOKENIZERS / "internlm2.model"
    if not path.is_file():
        pytest.skip("no ../shared/tokenizers/internlm2.model beside the checkout")
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    pieces = [processor.id_to_piece(piece) for piece in range(60_353, 92_397)]
    words = [piece.encode() for piece in pieces if all("\u4e00" <= character <= "\u9fff" for character in piece)]
    return [word for word in words if word not in prefix.ranks]


@pytest.mark.corpus
def test_164_bridges_revive_all_6927_dead_tokens_of_the_naive_append(prefix, chinese):
    assert len(chinese) == 30_762
    single = [token for token in chinese if len(token.decode()) == 1]
    naive = Vocabulary("naive", prefix.pattern, (*prefix.tokens, *chinese))
    dead = not_self_encoding(naive)
    assert len(dead) == 6_927
    assert (len(single), len(set(single) & set(dead))) == (6_726, 2_736)
    assert np.flatnonzero(merge_parts(naive)[60_004:, 0] < 0).size == 6_927

    result = merge(prefix, [TokenSource("zh", tuple(chinese), None, "0" * 64, None)])

    assert len(result.bridges) == 164
    assert result.fewest_bridges == 164  # 164 dead characters of which no two share a pair: fewer cannot do
    assert {len(bridge) for bridge in result.bridges} == {2}
    assert all(bridge[0] >= 0xE4 for bridge in result.bridges)  # from the start of a character, each one
    vocabulary = result.vocabulary
    assert not_self_encoding(vocabulary) == []
    assert vocabulary.tokens == (*prefix.tokens, *result.bridges, *chinese)
    assert vocabulary.segments == (
        Segment("prefix", 0, 60_004),
        Segment("bridge", 60_004, 60_168),
        Segment("learned:zh", 60_168, 90_930),
    )
    assert (dict(result.added), result.duplicates, result.left_out) == ({"zh": 30_762}, 0, 0)
    assert result.split_by_pattern == ()


@pytest.mark.corpus
def test_size_charges_bridges_and_leaves_out_the_last_tokens(prefix, chinese):
    wanted = TokenSource("zh", tuple(chinese), None, "0" * 64, None)
    full = merge(prefix, [wanted], size=60_004 + 164 + 30_762)
    assert (full.left_out, len(full.bridges)) == (0, 164)
    with pytest.raises(SizeError, match=r"60,004 cl100k_base-60004 . 30,762 wanted . 164 bridges = 90,930, 1 short"):
        merge(prefix, [wanted], size=90_931)

    cut = merge(prefix, [wanted], size=80_000)
    assert len(cut.vocabulary.tokens) == 80_000
    assert cut.left_out == 30_762 - cut.added["zh"]
    assert cut.added["zh"] + len(cut.bridges) == 80_000 - 60_004
    assert cut.vocabulary.tokens[60_004 + len(cut.bridges) :] == tuple(chinese[: cut.added["zh"]])
    assert not_self_encoding(cut.vocabulary) == []


@pytest.mark.corpus
def test_a_bridge_that_only_left_out_tokens_need_is_left_out_too(prefix, chinese):
    result = merge(prefix, [TokenSource("zh", tuple(chinese), None, "0" * 64, None)], size=60_150)
    assert len(result.vocabulary.tokens) == 60_150
    assert 0 < len(result.bridges) == result.fewest_bridges < 40
    for bridge in result.bridges:
        without = tuple(token for token in result.vocabulary.tokens if token != bridge)
        assert not_self_encoding(Vocabulary("without", prefix.pattern, without)) != [], bridge


def test_bridges_from_the_start_of_a_character_are_preferred_at_equal_number():
    # 你 e4 bd a0, 佟 e4 bd 9f: one leading pair serves both, no trailing pair does.
    assert merge(BYTES, [source("zh", "你", "佟")]).bridges == (b"\xe4\xbd",)
    # One character alone: either pair would do.
    assert merge(BYTES, [source("zh", "你")]).bridges == (b"\xe4\xbd",)
    # 你 e4 bd a0, 彠 e5 bd a0, 潠 e6 bd a0: the trailing pair serves all three.
    shared_end = merge(BYTES, [source("zh", *(bytes([lead, 0xBD, 0xA0]) for lead in (0xE4, 0xE5, 0xE6)))])
    assert shared_end.bridges == (b"\xbd\xa0",)
    assert shared_end.fewest_bridges == 1


def test_wanted_words_need_no_bridge_of_their_own():
    result = merge(grown(BYTES, "ab", "cd"), [source("words", "abcd", "abcde", "e!")])
    assert result.bridges == ()
    assert result.vocabulary.tokens[258:] == (b"abcd", b"abcde", b"e!")


def test_a_token_waits_for_its_parts_and_others_keep_their_order():
    result = merge(BYTES, [source("words", "abc", "xy", "ab", "zz")])
    assert result.bridges == ()
    assert result.vocabulary.tokens[256:] == (b"xy", b"ab", b"zz", b"abc")
    assert not_self_encoding(result.vocabulary) == []


def test_bridges_of_added_tokens_follow_them():
    # 你好吗 is three added characters: what joins two of them cannot come before they do.
    base = grown(BYTES, "a")
    words = source("zh", "你", "好", "吗", "你好吗")
    base = Vocabulary("halves", base.pattern, (*SINGLE_BYTES, *(word[:2] for word in words.tokens[:3])))
    result = merge(base, [words])
    assert result.bridges == ("你好".encode(),)
    assert result.vocabulary.tokens[259:] == (*words.tokens[:3], "你好".encode(), words.tokens[3])
    assert [(segment.name, segment.start, segment.stop) for segment in result.vocabulary.segments] == [
        ("prefix", 0, 259),
        ("learned:zh", 259, 262),
        ("bridge", 262, 263),
        ("learned:zh", 263, 264),
    ]
    assert not_self_encoding(result.vocabulary) == []


def test_no_bridge_runs_from_inside_a_character_into_the_next():
    result = merge(BYTES, [source("zh", "你好", "你们好", "𠀤", " 中")])
    assert not_self_encoding(result.vocabulary) == []
    for bridge in result.bridges:
        text = bridge.decode("utf-8", "ignore").encode()
        inside_one = all(byte & 0xC0 == 0x80 for byte in bridge[1:])
        assert bridge == text or inside_one, bridge


def test_sources_come_one_after_the_other_and_duplicates_are_counted():
    base = grown(BYTES, "ab")
    result = merge(base, [source("one", "ab", "cd", "cd", "ef"), source("two", "ef", "cdef", "gh", "a")])
    assert result.vocabulary.tokens[257:] == (b"cd", b"ef", b"cdef", b"gh")
    assert dict(result.added) == {"one": 2, "two": 2}
    assert result.duplicates == 4
    assert result.vocabulary.segments[1:] == (Segment("learned:one", 257, 259), Segment("learned:two", 259, 261))
    assert result.vocabulary.name == "grown+one+two"
    assert result.vocabulary.provenance == (
        {
            "step": "merge",
            "tool": "tokkit 0.1.0",
            "sources": [
                {"label": "one", "sha256": "0" * 64, "tokens": 4, "added": 2},
                {"label": "two", "sha256": "0" * 64, "tokens": 4, "added": 2},
            ],
            "bridges": 0,
        },
    )


def test_room_that_a_costly_token_leaves_goes_to_the_next_free_one():
    wanted = source("words", "ab", "cde", "fg", "hi")  # cde needs a bridge: two ids for one token
    by_size = {size: merge(BYTES, [wanted], size=size) for size in (256, 257, 258, 259, 260, 261)}
    assert {size: result.vocabulary.tokens[256:] for size, result in by_size.items()} == {
        256: (),
        257: (b"ab",),
        258: (b"ab", b"fg"),
        259: (b"cd", b"ab", b"cde"),
        260: (b"cd", b"ab", b"cde", b"fg"),
        261: (b"cd", b"ab", b"cde", b"fg", b"hi"),
    }
    assert {size: result.left_out for size, result in by_size.items()} == {
        256: 4,
        257: 3,
        258: 2,
        259: 2,
        260: 1,
        261: 0,
    }
    assert by_size[258].bridges == ()
    assert by_size[260].vocabulary.provenance[-1]["size"] == 260


def test_tokens_that_the_pattern_splits_are_skipped_and_named(tiny):
    result = merge(tiny, [source("words", "two words", "1234", "hello!", "th\n", "hi", b"\xe4\xbd")])
    assert result.split_by_pattern == (b"two words", b"1234", b"hello!", b"th\n")
    assert dict(result.added) == {"words": 2}
    assert result.left_out == 0
    assert result.vocabulary.ranks.keys() >= {b"hi", b"\xe4\xbd"}


def test_a_veto_takes_tokens_of_sources_and_may_leave_one_as_a_bridge():
    veto = parse_veto("abc\n/^你/\n".encode(), "veto.txt")
    words = allowed(word_list_source("one", "abc\t5\n你\t4\nabcdef\t3\nxy\t2\n".encode()), veto)
    assert (words.tokens, words.counts, words.vetoed) == ((b"abcdef", b"xy"), (3, 2), 2)
    assert allowed(words, None) is words
    base = grown(BYTES, "ab", "de", "def")
    result = merge(base, [words])  # ab, c and def make abcdef: a bridge is needed, and abc the one that is taken
    assert (result.vetoed, result.bridges, dict(result.added)) == (2, (b"abc",), {"one": 2})
    assert result.vocabulary.provenance[-1]["sources"] == [
        {"label": "one", "sha256": words.sha256, "tokens": 2, "vetoed": 2, "added": 2}
    ]
    assert b"\xe4\xbd\xa0" not in result.vocabulary.tokens


def test_learned_tokens_must_belong_to_the_base(tiny):
    merge(tiny, [source("zh", "the!", base_sha256=tiny.sha256)])
    with pytest.raises(MismatchError, match=f"zh: learned on top of a base with sha256 {'1' * 64}; that of tiny is "):
        merge(tiny, [source("zh", "the!", base_sha256="1" * 64)])


def test_refusals(tiny, tiny_padded):
    with pytest.raises(LawError, match="tiny_padded: has 3 special tokens already") as caught:
        merge(tiny_padded, [source("zh", "ab")])
    assert "before `pad`" in (caught.value.hint or "")
    with pytest.raises(InputError, match="nothing to merge into it"):
        merge(tiny, [])
    with pytest.raises(InputError, match="used twice: 'zh'"):
        merge(tiny, [source("zh", "ab"), source("zh", "cd")])
    with pytest.raises(InputError, match="empty: ''"):
        merge(tiny, [source("", "ab")])
    with pytest.raises(InputError, match="zh: token 2 is empty"):
        merge(tiny, [source("zh", "ab", b"")])
    with pytest.raises(SizeError, match="size 261 is below the 262 tokens of tiny"):
        merge(tiny, [source("zh", "ab")], size=261)
    with pytest.raises(LawError, match="id 256 has no token"):
        merge(Vocabulary("holes", "", (*SINGLE_BYTES, b"")), [source("zh", "ab")])
    with pytest.raises(LawError, match="no token for byte 0xff"):
        merge(Vocabulary("short", "", SINGLE_BYTES[:255]), [source("zh", "ab")])
    with pytest.raises(LawError, match="dead: merging does not reach 1 tokens; the first is id 256: b'abc'"):
        merge(Vocabulary("dead", r"\S+", (*SINGLE_BYTES, b"abc")), [source("zh", "xy")])


def test_word_lists_are_ordered_by_count_or_kept_as_they_are():
    plain = word_list_source("zh", "模型\n\n训练\r\n 空格\n".encode())
    assert plain.tokens == ("模型".encode(), "训练".encode(), " 空格".encode())
    assert plain.counts is None
    counted = word_list_source("zh", "\ufeff模型\t7\n训练\t12\n数据\t7\n".encode(), "f" * 64)
    assert counted.tokens == ("训练".encode(), "模型".encode(), "数据".encode())
    assert (counted.counts, counted.sha256, counted.base_sha256) == ((12, 7, 7), "f" * 64, None)
    assert word_list_source("x", b"ab\n").sha256 == "a63d8014dba891345b30174df2b2a57efbb65b4f9f09b98f245d1b3192277ece"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "list: no words in it"),
        (b"\n\r\n", "list: no words in it"),
        (b"ab\n\xe4\xbd\n", "list: line 2 is not valid UTF-8"),
        (b"ab\tmany\n", "list: line 1: the count is not a whole number: 'many'"),
        (b"ab\t1\t2\n", "list: line 1: the count is not a whole number"),
        (b"ab\t-1\n", "list: line 1: the count is not a whole number: '-1'"),
        (b"ab\t1\n\t1\n", "list: line 2: a word of 0 bytes"),
        (b"a" * 1025, "list: line 1: a word of 1,025 bytes"),
        (b"ab\t1\ncd\n", "list: line 2 has no count"),
        (b"ab\n\ncd\t1\n", "list: line 3 has a count"),
    ],
)
def test_word_lists_that_break_their_format_name_the_line(data, message):
    with pytest.raises(FormatError) as caught:
        word_list_source("list", data)
    assert message in caught.value.message
    assert caught.value.hint


def test_another_vocabulary_gives_its_whole_characters_of_a_script(cl100k):
    han = vocabulary_source(cl100k, "han")
    assert len(han.tokens) == 754  # 549 single and 205 longer
    assert (han.label, han.sha256, han.base_sha256) == ("cl100k_base", cl100k.sha256, None)
    every = vocabulary_source(cl100k, label="all")
    assert (every.label, len(every.tokens)) == ("all", 100_256 - 773 - 128)
    with pytest.raises(InputError, match="unknown script"):
        vocabulary_source(cl100k, "Klingon")


# Properties


def reaches_all(tokens: Sequence[bytes]) -> bool:
    ranks: dict[bytes, int] = {}
    for token in tokens:
        if len(token) > 1 and len(merged(single_bytes_of(token), ranks)) != 2:
            return False
        ranks[token] = len(ranks)
    return True


def minimum_by_trial(edges: list[tuple[bytes, bytes]]) -> int:
    vertices = sorted({vertex for edge in edges for vertex in edge})
    for size in range(len(vertices) + 1):
        for chosen in combinations(vertices, size):
            if all(one in chosen or other in chosen for one, other in edges):
                return size
    raise AssertionError


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("vwxyz")), max_size=14))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_covers_are_as_small_as_trial_finds_and_as_large_as_the_matching(letters):
    edges = sorted({(one.encode(), other.encode()) for one, other in letters})
    cover, matched = set(), 0
    for left, component in two_colours(edges):
        part = minimum_cover(left, component)
        matching = maximum_matching(left, component)
        assert all(edge[0] in part or edge[1] in part for edge in component)
        assert len(set(matching.values())) == len(matching) == len(part)
        cover |= part
        matched += len(matching)
    assert len(cover) == matched == minimum_by_trial(edges)


def test_odd_cycles_are_not_two_coloured():
    edges = [(b"a", b"b"), (b"b", b"c"), (b"c", b"a"), (b"x", b"y")]
    assert [(left, part) for left, part in two_colours(edges)] == [({b"x"}, [(b"x", b"y")])]


def test_an_odd_cycle_of_pairs_is_covered_by_two():
    # abc, bca, cab: three pairs ab, bc, ca, each in two of the words; any two of them serve all three.
    result = merge(BYTES, [source("words", "abc", "bca", "cab")])
    assert len(result.bridges) == 2
    assert not_self_encoding(result.vocabulary) == []


WORDS = st.lists(st.text("ab中国好é", min_size=1, max_size=5).map(str.encode), min_size=1, max_size=12)
PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=25)


def base_of(pairs: list[tuple[int, int]]) -> Vocabulary:
    usable = [bytes([byte]) for byte in "ab中国好é".encode()]
    ranks = {byte: rank for rank, byte in enumerate(SINGLE_BYTES)}
    for left, right in pairs:
        token = usable[left % len(usable)] + usable[right % len(usable)]
        if token not in ranks and len(merged(single_bytes_of(token), ranks)) == 2:
            ranks[token] = len(ranks)
            usable.append(token)
    return Vocabulary("base", r"\S+|\s+", tuple(ranks))


@given(PAIRS, WORDS, WORDS, st.integers(0, 20))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_any_merge_encodes_to_itself_and_segments_the_base_only_coarser(pairs, first, second, room):
    base = base_of(pairs)
    sources = [source("one", *first), source("two", *second)]
    result = merge(base, sources)
    vocabulary = result.vocabulary
    assert not_self_encoding(vocabulary) == []
    assert vocabulary.tokens[: len(base.tokens)] == base.tokens
    assert set(first) | set(second) <= set(vocabulary.tokens)
    assert len(set(vocabulary.tokens)) == len(vocabulary.tokens)
    assert result.fewest_bridges <= len(result.bridges)
    assert len(vocabulary.tokens) == len(base.tokens) + sum(result.added.values()) + len(result.bridges)
    assert sum(result.added.values()) + result.duplicates == len(first) + len(second)
    assert all(one.stop == other.start for one, other in pairwise(vocabulary.segments))
    text = b"".join(first + second)
    before, after = encode_pieces(base, [text], shortcut=False)[0], encode_pieces(vocabulary, [text], shortcut=False)[0]
    assert borders(vocabulary, after) <= borders(base, before)

    size = len(base.tokens) + min(room, sum(result.added.values()))
    cut = merge(base, sources, size=size)
    assert len(cut.vocabulary.tokens) <= size
    assert not_self_encoding(cut.vocabulary) == []
    assert sum(cut.added.values()) + cut.left_out == sum(result.added.values())


def borders(vocabulary: Vocabulary, ids: list[int]) -> set[int]:
    return set(np.cumsum([len(vocabulary.tokens[token_id]) for token_id in ids]).tolist())


@given(PAIRS, st.lists(st.text("abc", min_size=2, max_size=6).map(str.encode), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_bridge_can_be_left_out(pairs, words):
    vocabulary = merge(base_of(pairs), [source("words", *words)]).vocabulary
    assert reaches_all(vocabulary.tokens)
    for segment in vocabulary.segments:
        if segment.name == "bridge":
            for rank in range(segment.start, segment.stop):
                without = (*vocabulary.tokens[:rank], *vocabulary.tokens[rank + 1 :])
                assert not reaches_all(without), vocabulary.tokens[rank]


CHARACTERS = st.lists(
    st.tuples(st.sampled_from([0xE4, 0xE5]), st.sampled_from([0x80, 0x81, 0x82]), st.sampled_from([0x90, 0x91])).map(
        bytes
    ),
    unique=True,
    min_size=1,
    max_size=8,
)


@given(CHARACTERS)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_bridges_of_characters_are_as_few_as_trial_finds(characters):
    ranks = {byte: rank for rank, byte in enumerate(SINGLE_BYTES)}
    result = plan(ranks, atoms_of(characters, ranks), [characters])
    fewest = minimum_by_trial([(character[:2], character[1:]) for character in characters])
    assert len(result.bridges) == result.fewest == fewest
