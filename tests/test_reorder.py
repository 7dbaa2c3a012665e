"""The order of learned tokens is the reference's, token for token; it takes no more tokens, and every token is still made."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_cli import on_a_terminal
from tests.test_learn import BYTES, table_of_weights
from tokkit import reference
from tokkit import reorder as reorder_module
from tokkit.counts import combine, count_texts, save
from tokkit.encode import merge_parts, tokens_per_pretoken
from tokkit.errors import InputError, MismatchError
from tokkit.formats import tiktoken, tokens
from tokkit.learn import LearnedTokens, learn
from tokkit.merge import TokenSource, merge
from tokkit.recipe import parse
from tokkit.recipe_build import build
from tokkit.render import progress
from tokkit.reorder import reorder
from tokkit.vocabulary import Segment, Vocabulary

SEED = 4_720
WORDS = Vocabulary("words", r"\S+|\s+", BYTES.tokens)


def tangled_texts() -> list[str]:
    """Clauses of 600 words that share 60 characters, common words and rare ones: tokens take each other's characters away."""
    rng = random.Random(SEED)
    characters = [chr(0x4E00 + 97 * n) for n in range(60)]
    words = ["".join(rng.choices(characters, k=rng.choice((1, 2, 2, 2, 3, 4)))) for _ in range(600)]
    shares = [1 / (1 + place) for place in range(len(words))]
    return ["，".join("".join(rng.choices(words, shares, k=rng.randint(2, 6))) for _ in range(8)) for _ in range(600)]


@pytest.fixture(scope="module")
def tangled(prefix):
    """The counts of these texts by cl100k's pattern."""
    return count_texts(tangled_texts(), prefix.pattern, language="zh", domain="made")


@pytest.fixture(scope="module")
def small(prefix):
    """The first 2,000 ranks of cl100k_base, which has few of these characters: what is exported and verified is small."""
    return replace(
        prefix, name="small", tokens=prefix.tokens[:2000], segments=(Segment("prefix", 0, 2000),), provenance=()
    )


def tokens_in_order(*given, base=BYTES) -> LearnedTokens:
    """Tokens as if they were learned in this order, each with a count and a number of pretokens of its own."""
    pretokens = tuple(range(1, len(given) + 1))
    return LearnedTokens(given, tuple(1000 - each for each in pretokens), pretokens, base.sha256, base.pattern)


def vocabulary_of(base, learned) -> Vocabulary:
    return Vocabulary("learned", base.pattern, (*base.tokens, *learned))


def n_tokens(vocabulary, table) -> int:
    return int((tokens_per_pretoken(vocabulary, table.data, table.starts) * table.counts).sum())


def assert_same_order(ours, theirs, what) -> None:
    for place, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        assert our == their, f"{what}: place {place} is {our} by tokkit, {their} by the reference, after {ours[:place]}"


# What a user types


def test_the_same_tokens_rank_so_that_merging_takes_fewer(run, tmp_path, small, tangled) -> None:
    save(tangled, tmp_path / "zh.parquet")
    tiktoken.save(small, tmp_path / "base.tiktoken")
    sizes = {}
    for name, options in (("plain", []), ("ordered", ["--reorder"])):
        words = ["--base", tmp_path / "base.tiktoken", "--size", 1000, "-o", tmp_path / f"{name}.tokens", *options]
        code, out, err = run("learn", tmp_path / "zh.parquet", *words)
        assert (code, out) == (0, ""), err
        assert "learned 1,000 tokens" in err
        merged = tmp_path / f"{name}.tiktoken"
        assert run("merge", tmp_path / "base.tiktoken", tmp_path / f"{name}.tokens", "-o", merged)[0] == 0
        assert run("verify", merged)[0] == 0
        sizes[name] = n_tokens(tiktoken.load(merged), tangled)
    plain, ordered = tokens.load(tmp_path / "plain.tokens"), tokens.load(tmp_path / "ordered.tokens")
    # Counts stay with their tokens, and `merge` keeps the order to the last token.
    assert sorted(zip(plain.tokens, plain.counts, plain.pretokens, strict=True)) == sorted(
        zip(ordered.tokens, ordered.counts, ordered.pretokens, strict=True)
    )
    assert plain.tokens != ordered.tokens == tiktoken.load(tmp_path / "ordered.tiktoken").tokens[2000:]
    assert ordered.options == {**plain.options, "reorder": True}
    assert sizes["ordered"] < sizes["plain"]


def test_a_word_list_is_read_once(run, tmp_path, monkeypatch) -> None:
    """Counts are read again for the order, to be free while tokens are learned; a list may be a pipe, and is kept."""
    tiktoken.save(BYTES, tmp_path / "base.tiktoken")
    words = tmp_path / "words.txt"
    words.write_text("abcd\t20\nbc\t30\n")
    reads = []
    original = Path.read_bytes

    def noted(path: Path) -> bytes:
        reads.append(path)
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    given = ["--words", words, "--base", tmp_path / "base.tiktoken", "--size", 2]
    code, _, err = run("learn", *given, "--reorder", "-o", tmp_path / "zh.tokens")
    assert code == 0, err
    assert reads.count(words) == 1


def test_a_recipe_does_what_the_command_does(tmp_path, small, tangled) -> None:
    save(tangled, tmp_path / "zh.parquet")
    text = b'name = "x"\n[base]\nname = "cl100k_base"\nsize = 2_000\n'
    text += b'[[learn]]\nlabel = "zh"\nsize = 900\ncounts = "zh.parquet"\nreorder = true\n'
    built = build(parse(text, "x.toml"), tmp_path)
    plain = learn(tangled, small, 900)
    assert built.vocabulary.tokens[2000:] == reorder(plain, small, tangled).tokens != plain.tokens
    assert not built.broken
    assert built.vocabulary.provenance[-1]["recipe"]["learn"][0]["reorder"] is True


# Worked cases


def test_the_token_that_takes_two_apart_moves() -> None:
    """bc takes both ab and cd apart; behind them it is still there for bc alone."""
    table = table_of_weights({b"abcd": 2, b"bc": 5})
    ordered = reorder(tokens_in_order(b"bc", b"ab", b"cd"), BYTES, table)
    assert ordered.tokens == (b"ab", b"bc", b"cd")
    assert (ordered.counts, ordered.pretokens) == ((998, 999, 997), (2, 1, 3))
    assert n_tokens(vocabulary_of(BYTES, [b"bc", b"ab", b"cd"]), table) == 2 * 3 + 5
    assert n_tokens(vocabulary_of(BYTES, ordered.tokens), table) == 2 * 2 + 5


TANGLED = (b"bc", b"bcx", b"ybc", b"ab", b"cd")
"""Where abcd is to be two tokens, either ab goes before bc, and abcx is one more, or cd does, and ybcd is."""


@pytest.mark.parametrize(("weight", "order"), [(3, TANGLED), (4, (b"ab", b"bc", b"bcx", b"ybc", b"cd"))])
def test_no_move_that_costs_as_much_as_it_saves(weight, order) -> None:
    table = table_of_weights({b"abcd": weight, b"abcx": 3, b"ybcd": 3})
    assert n_tokens(vocabulary_of(BYTES, TANGLED), table) == 3 * weight + 2 * 3 + 2 * 3
    assert reorder(tokens_in_order(*TANGLED), BYTES, table).tokens == order
    assert n_tokens(vocabulary_of(BYTES, order), table) == (21 if weight == 3 else 2 * 4 + 3 * 3 + 2 * 3)


def test_no_move_that_leaves_a_token_unmade() -> None:
    """qab and cde would serve qabcde better than bc does, but each stands behind a part of its own, and bcz needs bc."""
    bound = (b"bc", b"bcz", b"de", b"cde", b"qa", b"qab")
    table = table_of_weights({b"qabcde": 9})
    assert n_tokens(vocabulary_of(BYTES, bound), table) == 9 * 3
    assert reorder(tokens_in_order(*bound), BYTES, table).tokens == bound
    without = tuple(token for token in bound if token != b"bcz")
    assert reorder(tokens_in_order(*without), BYTES, table).tokens == (b"de", b"cde", b"bc", b"qa", b"qab")
    # Merging does not reach bcz in the order that saves most: what the check is for.
    wrong = vocabulary_of(BYTES, (b"bcz", b"de", b"cde", b"bc", b"qa", b"qab"))
    assert n_tokens(wrong, table) == 9 * 2
    assert merge_parts(wrong)[256].tolist() == [-1, -1]


def test_weighing_by_documents() -> None:
    """abcd stands ten times in one document, what would suffer once in each of three."""
    table = count_texts(["abcd " * 10, "abcx ybcd", "abcx ybcd", "abcx ybcd"], WORDS.pattern)
    learned = tokens_in_order(*TANGLED, base=WORDS)
    assert reorder(learned, WORDS, table).tokens == (b"ab", b"bc", b"bcx", b"ybc", b"cd")
    assert reorder(learned, WORDS, table, weigh_by="documents").tokens == TANGLED


# The reference


@pytest.mark.parametrize("seed", range(12))
def test_random_corpora_as_the_reference_orders_them(seed) -> None:
    rng = random.Random(SEED + seed)
    letters = "abcd我们的"[: rng.randint(2, 7)]
    weights = {
        "".join(rng.choices(letters, k=rng.randint(1, 9))).encode(): rng.randint(1, 20)
        for _ in range(rng.randint(5, 60))
    }
    base = (
        BYTES
        if seed % 2
        else Vocabulary("more", BYTES.pattern, (*BYTES.tokens, "我".encode()[:2], "我".encode(), b"ba"))
    )
    table = table_of_weights(weights, base.pattern)
    learned = learn(table, base, 25, exact=False, min_count=1)
    order = list(learned.tokens)
    if seed % 3 == 0:  # an order that nobody learned, and that reaches every token
        rng.shuffle(order)
        order = [token for token in order if len(token) == 2] + [token for token in learned.tokens if len(token) != 2]
        order = (
            order
            if (merge_parts(vocabulary_of(base, order))[len(base.tokens) :, 0] >= 0).all()
            else list(learned.tokens)
        )
    ordered = reorder(tokens_in_order(*order, base=base), base, table)
    assert_same_order(ordered.tokens, reference.reorder(weights, list(base.tokens), order), f"seed {SEED + seed}")


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=10).map(str.encode), st.integers(1, 50), min_size=1, max_size=12
    ),
    st.integers(1, 12),
)
def test_any_pretokens_as_the_reference_orders_them(weights, size) -> None:
    table = table_of_weights(weights)
    learned = learn(table, BYTES, size, exact=False, min_count=1)
    ordered = reorder(learned, BYTES, table)
    assert_same_order(ordered.tokens, reference.reorder(weights, list(BYTES.tokens), list(learned.tokens)), weights)
    vocabulary = vocabulary_of(BYTES, ordered.tokens)
    assert (merge_parts(vocabulary)[256:] >= 0).all()
    assert n_tokens(vocabulary, table) <= n_tokens(vocabulary_of(BYTES, learned.tokens), table)


def test_the_fewest_tokens_are_the_fewest_of_all_divisions() -> None:
    rng = random.Random(SEED)
    for _ in range(100):
        parts = [b"%c" % rng.choice(b"ab") for _ in range(rng.randint(1, 7))]
        learned = {bytes(rng.choices(b"ab", k=rng.randint(2, 4))) for _ in range(4)}
        ways = [[parts[0]]]
        for part in parts[1:]:
            ways = [[*way, part] for way in ways] + [[*way[:-1], way[-1] + part] for way in ways]
        allowed = [way for way in ways if all(len(token) == 1 or token in learned for token in way)]
        fewest = reference.fewest_tokens(parts, learned)
        assert fewest in allowed
        assert len(fewest) == min(map(len, allowed)), (parts, learned)


# What the order may not depend on, and what it must keep


def test_slices_and_their_order_change_nothing(prefix, tangled) -> None:
    texts = tangled_texts()
    parts = [count_texts(texts[n::3], prefix.pattern, language=name) for n, name in enumerate(("zh", "en", "ja"))]
    learned = learn(tangled, prefix, 1000)
    expected = reorder(learned, prefix, tangled).tokens
    assert expected != learned.tokens
    for order in ([0, 1, 2], [2, 0, 1]):
        assert reorder(learned, prefix, combine([parts[n] for n in order])).tokens == expected


def test_few_at_a_time_and_keys_dealt_anew_change_nothing(monkeypatch, prefix, tangled) -> None:
    """Room for no move between two keys: they are dealt again before nearly each one."""
    learned = learn(tangled, prefix, 1000)
    expected = reorder(learned, prefix, tangled).tokens
    assert expected != learned.tokens
    monkeypatch.setattr(reorder_module, "_GAP", 2)
    monkeypatch.setattr(reorder_module, "PRETOKENS_AT_ONCE", 100)
    assert reorder(learned, prefix, tangled).tokens == expected


def test_a_second_time_finds_next_to_nothing(prefix, tangled) -> None:
    learned = learn(tangled, prefix, 1000)
    once = reorder(learned, prefix, tangled)
    before, after, again = (
        n_tokens(vocabulary_of(prefix, each.tokens), tangled)
        for each in (learned, once, reorder(once, prefix, tangled))
    )
    assert before - after > 20 * (after - again) >= 0


def test_long_pretokens_are_left_out_and_long_tokens_are_not() -> None:
    """A run of 5,000 characters is no word; a token of 2,048 is checked like any other."""
    runs = [b"a" * 2**power for power in range(1, 12)]
    table = table_of_weights({b"a" * 5000: 3, b"bc" * 400 + b"x": 2, b"xyzx": 4})
    learned = tokens_in_order(*runs, b"yz", b"xy", b"zx")
    assert reorder(learned, BYTES, table).tokens == (*runs, b"xy", b"yz", b"zx")


def test_nothing_to_order() -> None:
    table = table_of_weights({b"abab": 3, b"c": 1})
    for learned in (tokens_in_order(), tokens_in_order(b"ab")):
        assert reorder(learned, BYTES, table).tokens == learned.tokens
    empty = count_texts([], BYTES.pattern)
    assert reorder(tokens_in_order(b"bc", b"ab"), BYTES, empty).tokens == (b"bc", b"ab")


def test_what_does_not_belong_together_is_refused(prefix) -> None:
    table = table_of_weights({b"abab": 3})
    with pytest.raises(MismatchError, match="the tokens were learned on a base with sha256"):
        reorder(tokens_in_order(b"ab", base=prefix), BYTES, table)
    with pytest.raises(MismatchError, match="the counts were cut by another pattern than words's"):
        reorder(tokens_in_order(b"ab", base=WORDS), WORDS, table)
    with pytest.raises(InputError, match="weigh by length: it must be count or documents"):
        reorder(tokens_in_order(b"ab"), BYTES, table, weigh_by="length")


def test_progress_ends_at_the_whole_of_a_round() -> None:
    told = []
    table = table_of_weights({b"abcd": 2, b"bc": 5})
    reorder(tokens_in_order(b"bc", b"ab", b"cd"), BYTES, table, progress=lambda *words: told.append(words))
    # Nothing crosses any more in the second round, nor in the third.
    assert told == [(0, 2, b""), (1, 2, b"bc"), (2, 2, b"bc"), (0, 0, b""), (0, 0, b"")]


def test_indexing_is_told_before_the_first_round_and_ends_at_the_whole(monkeypatch, prefix, tangled) -> None:
    monkeypatch.setattr(reorder_module, "PRETOKENS_AT_ONCE", 100)
    steps: list[tuple[int, int]] = []
    before_rounds: list[int] = []
    reorder(
        learn(tangled, prefix, 200),
        prefix,
        tangled,
        indexing=lambda *each: steps.append(each),
        progress=lambda *_: before_rounds.append(len(steps)),
    )
    assert set(before_rounds) == {len(steps)}
    assert steps == [(int(tangled.starts[row]), tangled.data.size) for row in (*range(0, len(tangled), 100), -1)]
    assert len(steps) > 10


def test_a_terminal_shows_indexing_and_then_the_crossings(run, tmp_path, monkeypatch, small, tangled) -> None:
    on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SECONDS_A_DRAWING", 0)
    save(tangled, tmp_path / "zh.parquet")
    tiktoken.save(small, tmp_path / "base.tiktoken")
    words = [tmp_path / "zh.parquet", "--base", tmp_path / "base.tiktoken", "--size", 500, "--reorder"]
    code, _, err = run("learn", *words, "-o", tmp_path / "zh.tokens")
    assert code == 0, err
    lines = err.split("\r")
    indexing, crossings = (
        [place for place, line in enumerate(lines) if line.startswith(what)] for what in ("indexing", "reordering")
    )
    assert max(indexing) < min(crossings)
    assert f"of {tangled.data.size / 1e6:,.1f} MB" in lines[indexing[-1]]
    assert " crossings" in lines[crossings[0]]


@pytest.mark.parametrize("options", [[], ["--reorder"]])
def test_what_is_said_of_the_rarest_is_true(run, tmp_path, small, tangled, options) -> None:
    """In the order of learning the last one is the rarest; after that it stands anywhere."""
    save(tangled, tmp_path / "zh.parquet")
    tiktoken.save(small, tmp_path / "base.tiktoken")
    words = [tmp_path / "zh.parquet", "--base", tmp_path / "base.tiktoken", "--size", 500, *options]
    code, _, err = run("learn", *words, "-o", tmp_path / "zh.tokens")
    assert code == 0, err
    learned = tokens.load(tmp_path / "zh.tokens")
    place, least = ("rarest", min(learned.counts)) if options else ("last", learned.counts[-1])
    assert err.splitlines()[-1].startswith(f"the {place} is ")
    assert f"which stood {least} times" in err
    assert ("the last is" in err) == (not options)
    document = json.loads(run("learn", *words, "-o", tmp_path / "zh.tokens", "--json")[1])
    assert document["rarest"]["count"] == min(learned.counts)
    assert document["last"]["count"] == learned.counts[-1]
    assert (document["last"] == document["rarest"]) == (not options)


def test_merging_takes_the_order_as_it_is(prefix, tangled) -> None:
    ordered = reorder(learn(tangled, prefix, 1000), prefix, tangled)
    source = TokenSource("zh", ordered.tokens, ordered.counts, "0" * 64, ordered.base_sha256)
    assert merge(prefix, [source]).vocabulary.tokens[len(prefix.tokens) :] == ordered.tokens
