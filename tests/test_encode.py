"""The encode kernels merge as the reference does and as tiktoken does, by scan, rounds and heap, lawful vocabulary or not."""

from __future__ import annotations

import itertools
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import HOSTILE
from tokkit import encode as encode_module
from tokkit import reference
from tokkit.encode import (
    decode,
    decode_bytes,
    encode,
    encode_arrays,
    encode_bytes,
    encode_pieces,
    flatten,
    merge_parts,
    merge_table,
)
from tokkit.errors import InputError, LawError, SizeError
from tokkit.kernels.merging import SCAN_LIMIT
from tokkit.kernels.pair_index import MOST_IDS
from tokkit.pretokenize import PATTERNS, split_bytes
from tokkit.vocabulary import Vocabulary

SEED = 60_004
SINGLE = tuple(bytes([byte]) for byte in range(256))


def vocabulary_of(*tokens: bytes, pattern: str = r"[\s\S]+") -> Vocabulary:
    return Vocabulary("handmade", pattern, SINGLE + tokens)


def by_reference(vocabulary: Vocabulary, piece: bytes, limit: float = float("inf")) -> list[int]:
    return [vocabulary.ranks[part] for part in reference.encode_pretoken(piece, vocabulary.ranks, limit)]


def assert_same_ids(ours: list[int], theirs: list[int], what: object) -> None:
    for index, (our, their) in enumerate(itertools.zip_longest(ours, theirs)):
        assert our == their, f"{what}: id {index} is {our} by the kernel and {their} by the reference"


def test_the_worked_case_of_the_literature() -> None:
    """`aaabdaaabac`, from the article on byte-pair encoding in Wikipedia: aa becomes Z, ab Y, ZY X, and the text XdXac."""
    vocabulary = vocabulary_of(b"aa", b"ab", b"aaab")
    x, d, a, c = vocabulary.ranks[b"aaab"], ord("d"), ord("a"), ord("c")
    assert encode_bytes(vocabulary, b"aaabdaaabac", shortcut=False) == [x, d, x, a, c]
    assert encode(vocabulary, "aaabdaaabac") == [x, d, x, a, c]


def test_the_lowest_rank_goes_first_and_of_equals_the_leftmost() -> None:
    assert encode_pieces(vocabulary_of(b"bc", b"ab"), [b"abc"], shortcut=False) == [[97, 256]], "not ab, which is first"
    assert encode_pieces(vocabulary_of(b"aa"), [b"aaa", b"aaaaa"], shortcut=False) == [[256, 97], [256, 256, 97]]


def test_the_shortcut_takes_a_pretoken_whole_that_merging_cannot_reach() -> None:
    vocabulary = vocabulary_of(b"bc", b"abcd")
    assert encode_bytes(vocabulary, b"abcd", shortcut=True) == [257]
    assert encode_bytes(vocabulary, b"abcd", shortcut=False) == [97, 256, 100]
    assert encode_bytes(vocabulary, b"abcde", shortcut=True) == [97, 256, 100, 101]


def test_of_duplicate_tokens_the_first_counts() -> None:
    vocabulary = vocabulary_of(b"ab", b"cd", b"ab")
    assert encode_bytes(vocabulary, b"abcd", shortcut=False) == [256, 257]
    assert encode_bytes(vocabulary, b"ab", shortcut=True) == [256]


def test_holes_are_never_made() -> None:
    vocabulary = Vocabulary("with a hole", "", (*SINGLE, b"", b"ab", b"", b"abc"))
    assert encode_pieces(vocabulary, [b"abc", b"", b"xab"], shortcut=True) == [[259], [], [120, 257]]


def test_no_pretokens_and_empty_ones() -> None:
    vocabulary = vocabulary_of(b"ab")
    assert encode_pieces(vocabulary, [], shortcut=False) == []
    assert encode_pieces(vocabulary, [b"", b"ab", b""], shortcut=False) == [[], [256], []]
    assert encode(vocabulary, "") == []


tokens_of_letters = st.lists(
    st.text("ab", min_size=2, max_size=6).map(str.encode), min_size=1, max_size=14, unique=True
)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(tokens_of_letters, st.lists(st.text("abc", max_size=130).map(str.encode), min_size=1, max_size=4), st.booleans())
def test_any_vocabulary_on_any_bytes(tokens, pieces, shortcut) -> None:
    """Random tokens in random order: dead ones, inverted ones, repeats that overlap; as they stand, and below a limit."""
    vocabulary = vocabulary_of(*tokens)
    for piece, ids in zip(pieces, encode_pieces(vocabulary, pieces, shortcut=shortcut), strict=True):
        whole = shortcut and piece in vocabulary.ranks
        assert_same_ids(ids, [vocabulary.ranks[piece]] if whole else by_reference(vocabulary, piece), (tokens, piece))
    limits = np.array([256 + len(tokens) * number // len(pieces) for number in range(len(pieces))], np.int32)
    flat, starts = encode_arrays(vocabulary, *flatten(pieces), shortcut=False, limits=limits)
    for number, (piece, limit) in enumerate(zip(pieces, limits.tolist(), strict=True)):
        ids = flat[starts[number] : starts[number + 1]].tolist()
        assert_same_ids(ids, by_reference(vocabulary, piece, limit), (tokens, piece, limit))


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=40), st.binary(max_size=200))
def test_any_lawful_vocabulary_on_any_bytes(pairs, piece) -> None:
    """Each token joins two earlier ones; all bytes, not only letters."""
    tokens = list(SINGLE)
    for left, right in pairs:
        token = tokens[left % len(tokens)] + tokens[right % len(tokens)]
        if token not in tokens and len(token) < 60:
            tokens.append(token)
    vocabulary = Vocabulary("lawful", "", tuple(tokens))
    for part in (piece, b"".join(tokens[256:]), b"".join(tokens[:255:-1]) * 2):
        ids = encode_bytes(vocabulary, part, shortcut=False)
        assert_same_ids(ids, by_reference(vocabulary, part), (pairs, part))
        assert decode_bytes(vocabulary, ids) == part


@settings(derandomize=True, deadline=None, max_examples=150)
@given(tokens_of_letters, st.lists(st.text("abc", min_size=1, max_size=12).map(str.encode), min_size=1, max_size=4))
def test_any_vocabulary_on_long_runs(tokens, units) -> None:
    """Longer than what is scanned: each unit again and again, so that whole rounds are merged."""
    vocabulary = vocabulary_of(*tokens)
    piece = b"".join((unit * 100)[:100] for unit in units)
    assert_same_ids(encode_bytes(vocabulary, piece, shortcut=False), by_reference(vocabulary, piece), (tokens, piece))


def test_a_lower_rank_that_comes_about_within_a_round_goes_first() -> None:
    """Lawless: `cab` and `caba` rank below `ab`, and take a letter from the `ab` that follows."""
    vocabulary = vocabulary_of(b"cab", b"caba", b"ab")
    piece = b"ab" * 60 + b"c" + b"ab" * 60
    ids = encode_bytes(vocabulary, piece, shortcut=False)
    assert ids == [258] * 60 + [257, ord("b")] + [258] * 58
    assert_same_ids(ids, by_reference(vocabulary, piece), piece)


def texts_of_length(length: int) -> list[bytes]:
    rng = random.Random(SEED + length)
    repeats = [b"a", b"ab", b"aab", "的".encode(), "哈呵".encode(), b"  a", b"\n"]
    texts = [(part * length)[:length] for part in repeats]
    return [*texts, bytes(rng.choices(b"aabbc ", k=length)), bytes(rng.choices(range(256), k=length))]


@pytest.mark.parametrize("length", [2, 3, 7, 8, 95, 96, 97, 128, 200])
def test_scan_and_heap_agree_with_the_reference_on_both_sides_of_the_limit(length, prefix) -> None:
    assert SCAN_LIMIT == 96, "the lengths above are chosen around it"
    small = vocabulary_of(b"aa", b"ab", b"aaa", b"abab", b"ba", b"aab", b"aaaa", b"abaab")
    for vocabulary in (small, prefix):
        for text in texts_of_length(length):
            ids = encode_bytes(vocabulary, text, shortcut=False)
            assert_same_ids(ids, by_reference(vocabulary, text), (vocabulary.name, text))


def test_long_pretokens_have_the_ids_of_tiktoken(cl100k) -> None:
    """5,000 bytes and more go by rounds and the heap; tiktoken has a heap of its own for them."""
    texts = [
        text.decode("utf-8", "ignore") for length in (97, 499, 500, 5_000, 20_001) for text in texts_of_length(length)
    ]
    whole = replace(cl100k, pattern=r"[\s\S]+", special_tokens={}).to_tiktoken()
    for text in texts:
        ours = encode_bytes(cl100k, text.encode(), shortcut=True)
        assert_same_ids(ours, whole.encode_ordinary(text), text[:40])


@pytest.mark.parametrize("part", ["a", " ", "中", "=", "ab", "\u0301"])
def test_a_megabyte_of_one_character_takes_linear_time(part, cl100k) -> None:
    """Quadratic merging would take an hour; the bound is ten times what one slow core needs."""
    text = part * (1_000_000 // len(part.encode()))
    encode(cl100k, part * 100)  # compiled before the clock starts
    before = time.process_time()
    ids = encode(cl100k, text)
    assert time.process_time() - before < 5
    assert decode_bytes(cl100k, ids) == text.encode()


def test_merge_parts_are_the_two_tokens_that_merging_joins_last() -> None:
    vocabulary = vocabulary_of(b"ab", b"abc", b"bc", b"abcd", b"xyz", b"")
    parts = merge_parts(vocabulary)
    assert parts.dtype == np.int32
    assert parts[:256].tolist() == [[-1, -1]] * 256
    assert parts[256:].tolist() == [[97, 98], [256, 99], [98, 99], [257, 100], [-1, -1], [-1, -1]]


def test_every_token_of_a_prefix_has_parts_that_make_it(prefix) -> None:
    parts = merge_parts(prefix)
    lengths = np.array([len(token) for token in prefix.tokens])
    assert int((parts[:, 0] < 0).sum()) == 256 == int((lengths == 1).sum())
    for rank in np.flatnonzero(lengths > 1).tolist():
        left, right = parts[rank].tolist()
        assert prefix.tokens[left] + prefix.tokens[right] == prefix.tokens[rank]
        assert max(left, right) < rank


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_as_the_reference_has_them(name, tiny) -> None:
    text = HOSTILE[name][:400]
    if text.isprintable() or text.isascii():  # what the installed regex may know otherwise than Unicode 16 is neither
        assert_same_ids(encode(tiny, text), reference.encode(text, tiny.ranks, tiny.pattern), name)
    assert decode(tiny, encode(tiny, text)) == text


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    texts=st.lists(st.lists(st.text("ab \u00e9中", min_size=1, max_size=18), max_size=12).map(" ".join), max_size=6),
    rows=st.sampled_from([1, 2, 64]),
)
def test_what_is_kept_of_pretokens_changes_no_id(texts, rows) -> None:
    """One row, which each pretoken takes from the one before it, and rows enough; of one id to four, and of more."""
    vocabulary = vocabulary_of(b" a", b"aa", b"ab", b"aab", " 中".encode(), pattern=PATTERNS["cl100k_base"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode_module, "_MEMO_ROWS", rows)
        for text in texts + texts:
            pieces = split_bytes(text.encode(), vocabulary.pattern)
            wholes = ([vocabulary.ranks[piece]] if piece in vocabulary.ranks else None for piece in pieces)
            ids = [whole or by_reference(vocabulary, piece) for whole, piece in zip(wholes, pieces, strict=True)]
            expected = [*itertools.chain(*ids)]
            assert_same_ids(encode(vocabulary, text), expected, text)


def test_a_pretoken_that_comes_again_is_not_merged_again() -> None:
    vocabulary = vocabulary_of(b" a", b"ab", pattern=PATTERNS["cl100k_base"])
    assert encode(vocabulary, "abba abab cccccccccccccccc abcab") == [
        257,
        98,
        97,
        256,
        98,
        257,
        32,
        *[99] * 16,
        256,
        98,
        99,
        257,
    ]
    memo = encode_module._memo(vocabulary)
    kept = {bytes(row[:2].tobytes()[: int(row[1] >> np.uint64(56))]): row[2:].view(np.int32) for row in memo if row[1]}
    assert {pretoken: ids.tolist() for pretoken, ids in kept.items()} == {
        b"abba": [257, 98, 97, -1],
        b" abab": [256, 98, 257, -1],
        b" abcab": [256, 98, 99, 257],
    }
    kept[b" abab"][:] = [32, 97, -1, -1]
    assert encode(vocabulary, "abba abab") == [257, 98, 97, 32, 97]


def test_threads_keep_pretokens_apart(cl100k) -> None:
    """One thread encodes with a vocabulary that another one encodes with, each into rows of its own."""
    text = "".join(HOSTILE.values())[:20_000]
    expected = encode(cl100k, text)
    with ThreadPoolExecutor(4) as threads:
        for ids in threads.map(lambda _: encode(cl100k, text), range(16)):
            assert_same_ids(ids, expected, "a thread")


def test_special_names_become_ids_when_asked_only(tiny_padded) -> None:
    end, spare = tiny_padded.special_tokens["<|end|>"], tiny_padded.special_tokens["<|spare_1|>"]
    assert encode(tiny_padded, "a<|end|><|spare_1|>b<|end|", specials=True) == [
        97, end, spare, 98, *encode(tiny_padded, "<|end|"),
    ]  # fmt: skip
    assert encode(tiny_padded, "<|end|>", specials=True) == [end]
    assert encode(tiny_padded, "", specials=True) == []
    as_text = encode(tiny_padded, "a<|end|>")
    assert end not in as_text
    assert decode(tiny_padded, as_text) == "a<|end|>"


def test_of_special_names_that_begin_alike_the_longest_is_meant() -> None:
    vocabulary = replace(vocabulary_of(), special_tokens={"<a": 256, "<a>b": 257, "a.c": 258}, segments=())
    assert encode(vocabulary, "<a>b<a><aabc a.c", specials=True) == [
        257, 256, 62, 256, 97, 98, 99, 32, 258,
    ]  # fmt: skip


def test_text_beside_a_special_token_is_split_by_itself(cl100k) -> None:
    """White space before a special name ends its part of the text, as in tiktoken."""
    text = "x  <|endoftext|>  y\n \n<|endoftext|>"
    assert encode(cl100k, text, specials=True) == cl100k.to_tiktoken().encode(text, allowed_special="all")


def test_decoding(tiny_padded) -> None:
    assert decode_bytes(tiny_padded, [104, 258, tiny_padded.special_tokens["<|end|>"]]) == b"h the<|end|>"
    assert decode(tiny_padded, [0xE6, 0x88]) == "\ufffd"
    assert decode_bytes(tiny_padded, [0xE6, 0x88]) == b"\xe6\x88"
    assert decode_bytes(tiny_padded, []) == b""
    with pytest.raises(InputError, match="tiny_padded has no id 265") as caught:
        decode(tiny_padded, [97, 265])
    assert caught.value.hint == "ids are 0 to 264"
    with pytest.raises(InputError, match="no id -1"):
        decode(tiny_padded, [-1])
    with pytest.raises(InputError, match="no id 256"):
        decode(Vocabulary("with a hole", "", (*SINGLE, b"", b"ab")), [256])


def test_a_lone_surrogate_is_refused_with_its_place(tiny) -> None:
    with pytest.raises(InputError, match=r"lone surrogate at character 2: U\+D83D"):
        encode(tiny, "ab\ud83d")


def test_a_vocabulary_without_all_bytes_is_refused() -> None:
    with pytest.raises(LawError, match=r"gap: no token for byte 0x61 \(2 of 256 bytes are missing\)"):
        encode_bytes(Vocabulary("gap", "", tuple(byte for byte in SINGLE if byte not in b"az")), b"x", shortcut=False)


def test_more_tokens_than_a_key_has_bits_for_are_refused() -> None:
    many = Vocabulary("many", "", SINGLE + (b"",) * (MOST_IDS + 1 - 256))
    with pytest.raises(SizeError, match=r"many: 2,097,152 tokens, 2,097,151 is the most"):
        merge_table(many)


def test_the_last_id_that_fits_is_encoded() -> None:
    """Its pair with itself is the highest key there can be: it must not look like an empty slot."""
    vocabulary = Vocabulary("full", "", SINGLE + (b"",) * (MOST_IDS - 256 - 2) + (b"ab", b"abab"))
    last = MOST_IDS - 1
    assert encode_pieces(vocabulary, [b"abab", b"ab" * 40, b"ab" * 100], shortcut=False) == [
        [last], [last] * 20, [last] * 50,
    ]  # fmt: skip
