"""Continued BPE is the reference's, merge for merge, under every constraint, and tokenizers' and rustbpe's without one."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tokkit import learn as learn_module
from tokkit import reference
from tokkit.counts import CountsTable, combine, count_texts
from tokkit.counts_table import Slice, SliceCounts, merged_rows, summed, table_of
from tokkit.encode import encode_pieces, flatten, merge_parts
from tokkit.errors import FormatError, InputError, LawError, MismatchError, NotEnoughDataError
from tokkit.kernels import allowed as allowed_kernels
from tokkit.kernels import train as kernels
from tokkit.learn import learn
from tokkit.unicode import has_script, script_table
from tokkit.veto import Veto, parse_veto
from tokkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

SEED = 32_397
SINGLE = tuple(bytes([byte]) for byte in range(256))
BYTES = Vocabulary("bytes", r"(?s).+", SINGLE)
CHINESE = Path(__file__).parent / "data" / "chinese.txt"

Learned = list[tuple[bytes, int, int]]


def table_of_weights(weights: Mapping[bytes, int], pattern: str = BYTES.pattern) -> CountsTable:
    """Return a table of one slice in which each pretoken stands in one document."""
    counts = np.array(list(weights.values()), np.int64)
    rows = summed(*flatten(list(weights)), counts, np.ones(len(weights), np.int64))
    return table_of([SliceCounts(Slice("x", "y", 1, 0, 1), rows)], pattern, {})


def as_rows(learned: learn_module.LearnedTokens) -> Learned:
    return list(zip(learned.tokens, learned.counts, learned.pretokens, strict=True))


def assert_same_merges(ours: Sequence[Any], theirs: Sequence[Any], who: str, what: object) -> None:
    for index, (our, their) in enumerate(itertools.zip_longest(ours, theirs)):
        assert our == their, f"{what}: merge {index} is {our} by tokkit and {their} by {who}, after {ours[:index]}"


def learned_as_far_as_possible(
    weights: Mapping[bytes, int], base: Vocabulary, size: int, *, window: int = 0, **options: Any
) -> Learned:
    """Learn with a chosen number of hot pairs, so that small corpora are indexed anew too; fewer than asked for are fine."""
    veto: Veto | None = options.get("veto")
    rows = merged_rows(table_of_weights(weights, base.pattern))
    trainer = learn_module._Trainer.of(learn_module._records_of(rows, base, "count"), base, size)
    trainer.window = window
    trainer.script_before = learn_module._script_before(options.get("script"))
    trainer.state[kernels.MAX_CHARS] = options.get("max_chars") or learn_module._NO_LIMIT
    trainer.state[kernels.MIN_PRETOKENS] = options.get("min_pretokens", 1)
    trainer.run(options.get("min_count", 2), veto, None)
    starts, first = trainer.token_starts, len(base.tokens)
    return [
        (trainer.token_data[starts[first + i] : starts[first + i + 1]].tobytes(), count, pretokens)
        for i, (_, _, count, pretokens) in enumerate(trainer.learned[: trainer.state[kernels.N_LEARNED]].tolist())
    ]


def prefixes_of_script(script: str) -> frozenset[bytes]:
    """Return the proper prefixes of the UTF-8 of every character of a script."""
    points = np.flatnonzero(script_table(script)).tolist()
    encoded = [chr(point).encode() for point in points]
    return frozenset(each[:stop] for each in encoded for stop in range(1, len(each)))


def fits_script(token: bytes, script: str, prefixes: frozenset[bytes]) -> bool:
    """Say the rule anew: whole characters of the script, or the leading bytes of a single one."""
    try:
        return all(script_table(script)[ord(character)] for character in token.decode())
    except UnicodeDecodeError:
        return token in prefixes


@pytest.fixture(scope="module")
def han_prefixes() -> frozenset[bytes]:
    return prefixes_of_script("Han")


@pytest.fixture(scope="module")
def chinese_table(prefix: Vocabulary) -> CountsTable:
    return count_texts(CHINESE.read_text(encoding="utf-8").splitlines(), prefix.pattern, language="zh", domain="x")


def test_the_worked_case_of_wikipedia() -> None:
    """aaabdaaabac: aa stands four times where overlaps count, and goes first; Z a b d Z a b a c.

    Then Za and ab stand twice each: a has the lower id, so ab; Z Y d Z Y a c. Then ZY, twice.
    """
    learned = learn(table_of_weights({b"aaabdaaabac": 1}), BYTES, 3)
    assert as_rows(learned) == [(b"aa", 4, 1), (b"ab", 2, 1), (b"aaab", 2, 1)]


def test_the_worked_case_of_sennrich_and_others() -> None:
    """low 5, lower 2, newest 6, widest 3 (arXiv 1508.07909), without the mark at the end of words.

    - 9: e s and s t tie, e is lower: es. Then es t: est.
    - 7: l o and o w tie, l is lower: lo. Then lo w: low. Left are low, low e r, n e w est, w i d est.
    - 6: e w (101), n e (110), w est (119) tie: ew. Then n ew (110) before ew est (260): new. Then new est: newest.
    - 3: d est (100), i d (105), w i (119) tie: dest. Then i dest: idest. Then w idest: widest.
    - 2: e r (101) before low e (259): er. Then low er: lower. Nothing is left to join.
    """
    table = table_of_weights({b"low": 5, b"lower": 2, b"newest": 6, b"widest": 3})
    expected = [
        (b"es", 9, 2), (b"est", 9, 2), (b"lo", 7, 2), (b"low", 7, 2), (b"ew", 6, 1), (b"new", 6, 1), (b"newest", 6, 1),
        (b"dest", 3, 1), (b"idest", 3, 1), (b"widest", 3, 1), (b"er", 2, 1), (b"lower", 2, 1),
    ]  # fmt: skip
    learned = learn(table, BYTES, 12)
    assert as_rows(learned) == expected
    assert (learned.base_sha256, learned.pattern) == (BYTES.sha256, BYTES.pattern)
    assert learned.options == {"size": 12, "min_count": 2, "min_pretokens": 1, "weigh_by": "count"}
    with pytest.raises(NotEnoughDataError) as caught:
        learn(table, BYTES, 1_300)
    assert caught.value.message == "the counts support 12 tokens, 1,300 were asked for"
    assert caught.value.hint == "ask for --size 12, add data, or lower --min-count 2 or --min-pretokens 1"


def test_a_base_counts_with_its_own_tokens() -> None:
    """On a base that has es and low, what is joined are low er, n e w es t: the pairs that the base leaves."""
    base = Vocabulary("base", BYTES.pattern, (*SINGLE, b"es", b"lo", b"low"))
    table = table_of_weights({b"low": 5, b"lower": 2, b"newest": 6, b"widest": 3})
    assert as_rows(learn(table, base, 2)) == [(b"est", 9, 2), (b"ew", 6, 1)]


ALPHABETS = ("ab", "abcd", "我们你好的中a，𠀀々", "我我我们的𠀀。")


@pytest.mark.parametrize("seed", range(8))
def test_random_corpora_as_the_reference_learns(seed, han_prefixes) -> None:
    """100 a seed: weights, bases, sizes, windows and every constraint by chance; counts and pretokens are compared too."""
    for number in range(100):
        rng = random.Random(SEED + 1000 * seed + number)
        alphabet = ALPHABETS[number % 4]
        weights = {
            "".join(rng.choices(alphabet, k=rng.randint(1, 14))).encode(): rng.choice([1, 1, 2, 3, 7])
            for _ in range(rng.randint(1, 30))
        }
        base = BYTES
        if rng.random() < 0.4:
            earlier = reference.learn(weights, list(SINGLE), rng.randint(1, 6))
            base = replace(BYTES, tokens=SINGLE + tuple(token for token, _, _ in earlier), segments=())
        vetoed = ["我们", "们我", "ab", "ba"] if rng.random() < 0.3 else []
        options: dict[str, Any] = {
            "script": "Han" if number % 4 >= 2 and rng.random() < 0.6 else None,
            "max_chars": rng.choice([None, None, 2, 3]),
            "min_count": rng.choice([1, 2, 5]),
            "min_pretokens": rng.choice([1, 1, 2, 3]),
            "veto": Veto(frozenset(vetoed)) if vetoed else None,
        }

        def allowed(token: bytes, options: dict[str, Any] = options, vetoed: list[str] = vetoed) -> bool:
            begun = sum(byte & 0xC0 != 0x80 for byte in token)
            return (
                (options["script"] is None or fits_script(token, options["script"], han_prefixes))
                and begun <= (options["max_chars"] or 100)
                and token not in [text.encode() for text in vetoed]
            )

        size, window = rng.randint(1, 40), rng.choice([0, 1, 3])
        limits = {name: options[name] for name in ("min_count", "min_pretokens")}
        theirs = reference.learn(weights, list(base.tokens), size, allowed=allowed, **limits)
        ours = learned_as_far_as_possible(weights, base, size, window=window, **options)
        what = f"seed {SEED + 1000 * seed + number}, window {window}, {options}, {weights}"
        assert_same_merges(ours, theirs, "the reference", what)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.dictionaries(st.binary(min_size=1, max_size=12), st.integers(1, 1 << 45), min_size=1, max_size=12),
    st.integers(0, 4),
)
@example({b"\0\0": (1 << 31) - 1}, 0)  # a weight is no length: this one asked for 200 GB
def test_any_bytes_and_weights_as_the_reference_learns(weights, window) -> None:
    """Weights far above 32 bits: counts are int64 everywhere."""
    theirs = reference.learn(weights, list(SINGLE), 20, min_count=2)
    assert_same_merges(
        learned_as_far_as_possible(weights, BYTES, 20, window=window), theirs, "the reference", (weights, window)
    )


def test_counts_above_2_to_the_40() -> None:
    weights = {b"ab": (1 << 41) + 1, b"bc": 1 << 41, b"abc": 1 << 40}
    assert as_rows(learn(table_of_weights(weights), BYTES, 3)) == [
        (b"ab", 3 * (1 << 40) + 1, 2), (b"bc", 1 << 41, 1), (b"abc", 1 << 40, 1),
    ]  # fmt: skip


def test_every_array_grows_and_pairs_are_indexed_anew(monkeypatch) -> None:
    """Starting with no room to spare; the merges are those that were learned with room."""
    rng = random.Random(SEED)
    weights = {"".join(rng.choices("abcdefg", k=rng.randint(30, 90))).encode(): rng.randint(1, 9) for _ in range(60)}
    weights |= {b"xy" * 2**9: 50, b"z" * 700: 3}
    roomy = learned_as_far_as_possible(weights, BYTES, 300)
    statuses: set[int] = set()
    n_indexed = 0
    make_room, index = learn_module._Trainer.make_room, learn_module._Trainer.index

    def noted_room(trainer: learn_module._Trainer, status: int) -> None:
        statuses.add(status)
        make_room(trainer, status)

    def tight_index(trainer: learn_module._Trainer, min_count: int) -> bool:
        nonlocal n_indexed
        n_indexed += 1
        found = index(trainer, min_count)
        n_pairs, used = int(trainer.state[kernels.N_PAIRS]), int(trainer.state[kernels.LISTS_USED])
        trainer.pairs, trainer.heap = trainer.pairs[:n_pairs].copy(), trainer.heap[: n_pairs + 1].copy()
        trainer.lists = trainer.lists[:used].copy()
        n_tokens = int(trainer.state[kernels.N_BASE] + trainer.state[kernels.N_LEARNED])
        trainer.token_data = trainer.token_data[: trainer.token_starts[n_tokens]].copy()
        if found:
            trainer.place()
        return found

    monkeypatch.setattr(learn_module._Trainer, "make_room", noted_room)
    monkeypatch.setattr(learn_module._Trainer, "index", tight_index)
    tight = learned_as_far_as_possible(weights, BYTES, 300, window=5)
    assert_same_merges(tight, roomy, "a trainer with room", f"seed {SEED}")
    assert len(tight) == 300
    assert statuses >= {kernels.NEED_PAIRS, kernels.NEED_LISTS, kernels.NEED_BYTES}
    assert n_indexed > 3
    assert_same_merges(
        tight[:40], reference.learn(weights, list(SINGLE), 40, min_count=2), "the reference", f"seed {SEED}"
    )


def test_the_order_of_slices_changes_nothing(chinese_table, prefix) -> None:
    """The same pretokens in one slice, or in three, in any order."""
    lines = CHINESE.read_text(encoding="utf-8").splitlines()
    names = ["zh", "en", "ja"]
    parts = [count_texts(lines[n::3], prefix.pattern, language=names[n], domain="x") for n in range(3)]
    whole = as_rows(learn(chinese_table, prefix, 130))
    for order in ([0, 1, 2], [2, 0, 1]):
        assert_same_merges(as_rows(learn(combine([parts[n] for n in order]), prefix, 130)), whole, "one slice", order)


def test_weighing_by_documents() -> None:
    """xy stands ten times in one document, ab once in each of three."""
    table = count_texts(["xy " * 10, "ab", "ab", "ab"], r"\S+|\s+")
    base = replace(BYTES, pattern=r"\S+|\s+")
    assert as_rows(learn(table, base, 2)) == [(b"xy", 10, 1), (b"ab", 3, 1)]
    by_documents = learn(table, base, 1, weigh_by="documents")
    assert as_rows(by_documents) == [(b"ab", 3, 1)]
    assert by_documents.options["weigh_by"] == "documents"


def test_a_vetoed_token_leaves_its_slot_to_the_next_best(han_prefixes) -> None:
    """Exactly as many tokens as without: the veto acts in the loop, and nothing is filtered afterwards."""
    weights = {"我们的": 9, "他们": 5, "你们": 4}
    table = table_of_weights({text.encode(): number for text, number in weights.items()})
    free = learn(table, BYTES, 9, script="Han")
    veto = parse_veto("们的\n/^我们$/\n".encode(), "veto.txt")
    vetoed = learn(table, BYTES, 9, veto=veto, script="Han")
    assert len(vetoed.tokens) == len(free.tokens) == 9
    assert "们的".encode() in free.tokens
    assert {"我们".encode(), "们的".encode()}.isdisjoint(vetoed.tokens)
    assert vetoed.options["veto"] == ["们的", "/^我们$/"]
    theirs = reference.learn(
        {text.encode(): number for text, number in weights.items()},
        list(SINGLE),
        9,
        min_count=2,
        allowed=lambda token: fits_script(token, "Han", han_prefixes) and not veto.forbids(token),
    )
    assert_same_merges(as_rows(vetoed), theirs, "the reference", "a veto")


def test_a_veto_file_that_is_wrong_names_the_line() -> None:
    with pytest.raises(FormatError, match=r"veto\.txt: line 2: expression does not compile: .*: /\(/"):
        parse_veto(b"a\n/(/\n", "veto.txt")
    with pytest.raises(FormatError, match=r"veto\.txt: not UTF-8 at byte 1"):
        parse_veto(b"a\xff", "veto.txt")
    assert parse_veto("酒店\tseen in boilerplate\n#x\n\n//\n".encode(), "x") == Veto(frozenset({"酒店", "//"}))


def test_the_least_number_of_distinct_pretokens_guards_against_boilerplate() -> None:
    """A footer repeated a thousand times is one pretoken."""
    table = table_of_weights({b"qqzz": 1000, b"abx": 3, b"aby": 3, b"abz": 3})
    assert as_rows(learn(table, BYTES, 1)) == [(b"qq", 1000, 1)]
    assert as_rows(learn(table, BYTES, 1, min_pretokens=3)) == [(b"ab", 9, 3)]
    with pytest.raises(NotEnoughDataError, match="the counts support 1 tokens, 2 were asked for"):
        learn(table, BYTES, 2, min_pretokens=3)


def test_max_chars_bounds_characters_not_bytes() -> None:
    table = table_of_weights({"人民代表".encode(): 50, "人民".encode(): 60, b"abcd": 9})
    tokens = learn(table, BYTES, 10, max_chars=2, script="Han").tokens
    assert "人民".encode() in tokens
    assert max(sum(byte & 0xC0 != 0x80 for byte in token) for token in tokens) == 2


@cache
def script_before(script: str | None) -> NDArray[np.int32]:
    return learn_module._script_before(script)


def is_allowed(token: bytes, script: str | None, max_chars: int = 1 << 40) -> bool:
    """Ask the kernel, wherever the token is cut in two; all cuts must agree."""
    before = script_before(script)
    data = np.frombuffer(token, np.uint8)
    verdicts = {
        bool(allowed_kernels.is_allowed(0, 1, max_chars, data, np.array([0, cut, len(token)], np.int64), before))
        for cut in range(1, len(token))
    }
    assert len(verdicts) == 1, token
    return verdicts.pop()


@pytest.mark.parametrize(
    ("token", "verdict"),
    [
        ("我们".encode(), True),
        ("𠀀𪛖".encode(), True),
        ("\U0002f800\ufa30".encode(), True),  # compatibility ideographs
        ("々〇".encode(), True),
        ("我".encode()[:2], True),
        ("𠀀".encode()[:2], True),
        ("𠀀".encode()[:3], True),
        ("我a".encode(), False),
        ("我，".encode(), False),
        (" 我".encode(), False),
        ("我が".encode(), False),
        ("我".encode() + "们".encode()[:2], False),  # ends inside a character that follows a whole one
        ("我".encode()[1:], False),  # begins inside one
        ("我".encode()[2:] + "们".encode(), False),
        ("，".encode()[:2], False),  # EF BC: fullwidth forms, no Han
        ("。".encode()[:2], True),  # E3 80 begins 。 and also 々 and 〇
        ("é".encode(), False),
        (b"\xe0\x80", False),  # overlong
        (b"\xf0\x80", False),
        (b"\xc0\x80", False),
        (b"\xe0\x80\x80", False),
        (b"\xed\xa0", False),  # surrogates
        (b"\xf4\x90", False),  # beyond Unicode
        (b"\xf5\x80", False),
        (b"\xff\xff", False),
        (b"\xe6\xe6", False),
        (b"\x80\x80", False),
    ],
)
def test_what_a_token_of_a_script_is(token, verdict) -> None:
    assert is_allowed(token, "Han") == verdict
    assert is_allowed(token, None)


def test_leading_bytes_are_those_of_the_script_and_no_others(han_prefixes) -> None:
    """Every two and three bytes that could begin a character, against every character of the script."""
    leads = [*range(0xC0, 0x100), 0x41, 0x80]
    continuations = [0x00, 0x7F, *range(0x80, 0xC0), 0xC0]
    for lead in leads:
        for second in continuations:
            token = bytes([lead, second])
            assert is_allowed(token, "Han") == fits_script(token, "Han", han_prefixes), token
            if lead >= 0xF0:
                for third in continuations[::4]:
                    longer = bytes([lead, second, third])
                    assert is_allowed(longer, "Han") == fits_script(longer, "Han", han_prefixes), longer


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text("我𠀀々a，\ufa30", max_size=4).map(str.encode), st.integers(0, 3), st.integers(0, 3), st.integers(1, 4))
def test_any_stretch_of_text_by_the_rule(han_prefixes, text, cut_left, cut_right, max_chars) -> None:
    token = text[cut_left : len(text) - cut_right]
    if len(token) > 1:
        expected = fits_script(token, "Han", han_prefixes) and sum(byte & 0xC0 != 0x80 for byte in token) <= max_chars
        assert is_allowed(token, "Han", max_chars) == expected


def test_several_scripts_at_once() -> None:
    table = table_of_weights({"我がか".encode(): 5, "사람".encode(): 9, b"abab": 9})
    tokens = learn(table, BYTES, 7, script="Han, Hiragana").tokens
    assert "我が".encode() in tokens or "がか".encode() in tokens
    assert not any(has_script(token, "Hangul") or token.isascii() for token in tokens)
    with pytest.raises(InputError, match="unknown script: Klingon"):
        learn(table, BYTES, 5, script="Han,Klingon")


def test_learned_tokens_are_reachable_and_never_make_base_text_finer(chinese_table, prefix) -> None:
    """The theorem of continued BPE, on the worked example's base: closure, self-encoding without the shortcut, coarsening."""
    learned = learn(chinese_table, prefix, 130, script="Han")
    assert len(set(learned.tokens) | set(prefix.tokens)) == len(prefix.tokens) + 130
    extended = replace(prefix, name="extended", tokens=prefix.tokens + learned.tokens, segments=())
    ids = range(len(prefix.tokens), len(extended.tokens))
    parts = merge_parts(extended)
    for token_id, token, found in zip(
        ids, learned.tokens, encode_pieces(extended, learned.tokens, shortcut=False), strict=True
    ):
        assert found == [token_id], f"{token!r} does not encode to itself"
        left, right = parts[token_id].tolist()
        assert 0 <= left < token_id > right >= 0
        assert extended.tokens[left] + extended.tokens[right] == token
    pieces = [chinese_table.pretoken(row) for row in range(len(chinese_table))]
    rng = random.Random(SEED)
    pieces += [bytes(rng.choices(b"".join(learned.tokens), k=rng.randint(1, 40))) for _ in range(2_000)]
    for piece, before, after in zip(
        pieces,
        encode_pieces(prefix, pieces, shortcut=False),
        encode_pieces(extended, pieces, shortcut=False),
        strict=True,
    ):
        borders = {*itertools.accumulate(len(prefix.tokens[each]) for each in before)}
        coarser = {*itertools.accumulate(len(extended.tokens[each]) for each in after)}
        assert coarser <= borders, f"{piece!r} is cut where the base does not cut it"


def test_progress_is_told_and_ends_at_the_whole(chinese_table, prefix) -> None:
    seen: list[tuple[int, int, bytes]] = []
    quiet = learn(chinese_table, prefix, 400, min_count=1)
    told = learn(chinese_table, prefix, 400, min_count=1, progress=lambda *each: seen.append(each))
    assert as_rows(quiet) == as_rows(told)
    assert seen == [(done, 400, told.tokens[done - 1]) for done in range(2, 401, 2)]


def test_what_does_not_belong_together_is_refused(prefix) -> None:
    table = table_of_weights({b"abab": 3})
    with pytest.raises(
        MismatchError, match="the counts were cut by another pattern than cl100k_base-60004's"
    ) as caught:
        learn(table, prefix, 1)
    assert caught.value.hint == f"count the corpus again with --pattern {prefix.pattern!r}"
    with pytest.raises(LawError, match="bytes has special tokens or holes"):
        learn(table, replace(BYTES, special_tokens={"<|end|>": 256}, segments=()), 1)
    with pytest.raises(LawError, match="bytes has special tokens or holes"):
        learn(table, replace(BYTES, tokens=(*SINGLE, b"", b"ab"), segments=()), 1)
    with pytest.raises(LawError, match=r"bytes: 1 tokens have no merge path, the first is id 256: b'abc'"):
        learn(table, replace(BYTES, tokens=(*SINGLE, b"abc"), segments=()), 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size 0: it must be 1 or more"),
        ({"min_count": 0}, "min count 0: it must be 1 or more"),
        ({"min_pretokens": -1}, "min pretokens -1: it must be 1 or more"),
        ({"weigh_by": "bytes"}, "weigh by bytes: it must be count or documents"),
    ],
)
def test_options_out_of_range_are_refused(options, message) -> None:
    with pytest.raises(InputError, match=message):
        learn(table_of_weights({b"abab": 3}), BYTES, **({"size": 1} | options))


def test_nothing_to_learn_from() -> None:
    for weights in ({}, {b"a": 9}, {b"ab": 1}, {b"ab": 0, b"abab": -3}):
        with pytest.raises(NotEnoughDataError, match="the counts support 0 tokens, 1 were asked for"):
            learn(table_of_weights(weights), BYTES, 1)


def byte_level_alphabet() -> dict[str, int]:
    """Return the character that stands for each byte in tokenizers (and GPT-2): printable ones for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


def by_tokenizers(weights: Mapping[bytes, int], size: int) -> list[bytes]:
    """Return what BpeTrainer learns on pretokens, each fed to it as a text of its own as often as it counts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + size,
        min_frequency=2,
        show_progress=False,
        special_tokens=[],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator((key.decode() for key, weight in weights.items() for _ in range(weight)), trainer)
    alphabet = byte_level_alphabet()
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [bytes(alphabet[character] for character in token) for token, _ in by_id]


def text_weights(number: int, seed: int) -> dict[bytes, int]:
    rng = random.Random(seed)
    alphabet = rng.choice(["ab", "abc", "abcdefgh ", "我们你好的中，", "aé我𠀀😀\n"])
    return {"".join(rng.choices(alphabet, k=rng.randint(1, 16))).encode(): rng.randint(1, 6) for _ in range(number)}


def test_equal_to_tokenizers_when_bytes_are_numbered_as_there() -> None:
    """Ties are all that differs from BpeTrainer: it breaks them by ids as we do, but numbers the bytes otherwise.

    It has the bytes in the order of the characters that stand for them (`!` is 0, and the space comes after `ÿ`). On a base
    that has them in this order too, every merge is the same, ties and all.
    """
    order = [byte for _, byte in sorted(byte_level_alphabet().items())]
    base = replace(BYTES, tokens=tuple(bytes([byte]) for byte in order), segments=())
    for number in range(60):
        weights = text_weights(40, SEED + number)
        theirs = by_tokenizers(weights, 60)
        assert theirs[:256] == list(base.tokens)
        ours = [token for token, _, _ in learned_as_far_as_possible(weights, base, 60)]
        assert_same_merges(ours, theirs[256:], "tokenizers", f"seed {SEED + number}, {weights}")


def test_a_tie_where_tokenizers_goes_the_other_way() -> None:
    r"""(`\n`, `a`) and (`b`, `c`): a newline is byte 10, but stands as `Ċ` (266) in tokenizers, above b."""
    weights = {b"\na": 2, b"bc": 2}
    assert [token for token, _, _ in learned_as_far_as_possible(weights, BYTES, 2)] == [b"\na", b"bc"]
    assert by_tokenizers(weights, 2)[256:] == [b"bc", b"\na"]


def test_equal_to_tokenizers_on_chinese_text(chinese_table) -> None:
    """All merges that real text supports, on the bytes alone."""
    order = [byte for _, byte in sorted(byte_level_alphabet().items())]
    base = replace(BYTES, pattern=chinese_table.pattern, tokens=tuple(bytes([byte]) for byte in order), segments=())
    weights = {chinese_table.pretoken(row): int(chinese_table.counts[row]) for row in range(len(chinese_table))}
    theirs = by_tokenizers(weights, 1_500)[256:]
    assert_same_merges(learn(chinese_table, base, len(theirs)).tokens, theirs, "tokenizers", "chinese.txt")
    assert len(theirs) > 250


def by_rustbpe(weights: Mapping[bytes, int], size: int) -> list[bytes]:
    rustbpe = pytest.importorskip("rustbpe", reason="rustbpe is not installed")
    tokenizer = rustbpe.Tokenizer()
    texts = (key.decode() for key, weight in weights.items() for _ in range(weight))
    tokenizer.train_from_iterator(texts, 256 + size, pattern=r"[\s\S]+")
    return [bytes(token) for token, _ in tokenizer.get_mergeable_ranks()][256:]


def test_equal_to_rustbpe() -> None:
    """It numbers bytes as we do and breaks ties by the pair too; it goes on to pairs that stand once."""
    for number in range(60):
        weights = text_weights(40, SEED + number)
        theirs = by_rustbpe(weights, 60)
        ours = [token for token, _, _ in learned_as_far_as_possible(weights, BYTES, 60, min_count=1)]
        assert_same_merges(ours, theirs, "rustbpe", f"seed {SEED + number}, {weights}")


@pytest.mark.corpus
@pytest.mark.slow
def test_equal_to_tokenizers_on_the_corpus(corpus) -> None:
    """4,000 merges on half a megabyte each of Chinese, Hindi and code, JSON and all."""
    order = [byte for _, byte in sorted(byte_level_alphabet().items())]
    texts = []
    for name in ("zh-wiki", "hi-wiki", "code-python"):
        with pa.CompressedInputStream(pa.OSFile(str(corpus / f"{name}.jsonl.zst")), "zstd") as stream:
            texts.append(stream.read(1 << 19).decode("utf-8", "ignore"))
    table = count_texts(texts)
    base = replace(BYTES, pattern=table.pattern, tokens=tuple(bytes([byte]) for byte in order), segments=())
    weights = {table.pretoken(row): int(table.counts[row]) for row in range(len(table))}
    theirs = by_tokenizers(weights, 4_000)[256:]
    assert_same_merges(learn(table, base, 4_000).tokens, theirs, "tokenizers", "the corpus")
