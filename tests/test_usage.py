"""Selection by usage: closed, in the order of ranks, better than the prefix, checked again by verify."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tokkit import origin, reference
from tokkit.cli.app import main
from tokkit.counts import combine, count_texts, save, slice_weights
from tokkit.curves import curve
from tokkit.encode import merge_parts
from tokkit.errors import FormatError, InputError, LawError, MismatchError, SizeError
from tokkit.formats import tiktoken
from tokkit.laws import check
from tokkit.recipe import parse
from tokkit.recipe_build import build, prepare
from tokkit.recipe_sources import sources_of_usage
from tokkit.select import Filter
from tokkit.unicode import has_script, text_of
from tokkit.usage import _promised, first_foreign, select_by_usage
from tokkit.veto import parse_veto
from tokkit.vocabulary import Vocabulary

PATTERN = r"\S+|\s+"
LETTERS = tuple(bytes([byte]) for byte in range(256))
ENGLISH = "The merge of two tokens is a token; where their ranks are lowest, they merge first. " * 3
RUSSIAN = "Слияние двух токенов есть токен; где их ранги ниже, там они и сливаются первыми. " * 3


PROSE = Path(__file__).parents[1] / "docs" / "formats.md"


@pytest.fixture(scope="module")
def prose():
    """English with words of its field, and some Russian: 1,500 tokens of cl100k_base take one another's parts away."""
    text = count_texts([PROSE.read_text("utf-8")], language="en")
    return combine([text, count_texts([RUSSIAN], language="ru")])


@pytest.fixture(scope="module")
def table():
    """Two slices: English, and some Russian."""
    return combine([count_texts([ENGLISH * 4], language="en"), count_texts([RUSSIAN], language="ru")])


def check_by_hand(base: Vocabulary, chosen: Vocabulary) -> None:
    """Every kept token has both parts kept, and ranks ascend."""
    kept = set(chosen.tokens)
    ranks = [base.ranks[token] for token in chosen.tokens]
    assert ranks == sorted(set(ranks))
    for rank in ranks:
        for part in merge_parts(base)[rank].tolist():
            assert part < 0 or base.tokens[part] in kept, base.tokens[rank]


def test_what_is_kept_is_closed_lawful_and_beats_the_prefix(cl100k, table):
    chosen = select_by_usage(cl100k, 600, table)
    vocabulary = chosen.selection.vocabulary
    assert (chosen.selection.kept, len(vocabulary.tokens)) == (600, 600)
    check_by_hand(cl100k, vocabulary)
    for gain in chosen.gains:
        assert gain.base_tokens <= gain.tokens < gain.prefix_tokens, gain
    assert [gain.tokens for gain in chosen.gains] == curve(vocabulary, table).tokens[:, -1].tolist()
    assert [gain.prefix_tokens for gain in chosen.gains] == curve(cl100k, table).tokens[:, 600].tolist()
    broken = [finding for finding in check(vocabulary, origin.base_of(vocabulary)) if finding.holds is not True]
    assert broken == []


def test_a_removed_leaf_gives_its_uses_to_its_parts():
    tokens = (*LETTERS, b"ab", b"abc", b"xy", b"xyz")
    base = Vocabulary("tiny", PATTERN, tokens)
    # abc 3 times, xyz twice, ab once: without xyz its 2 uses are those of xy, so that ab (1 + 3 behind abc) stays.
    table = count_texts(["abc abc abc xyz xyz ab"], PATTERN)
    sizes = {
        size: select_by_usage(base, size, table).selection.vocabulary.tokens[256:] for size in (259, 258, 257, 256)
    }
    assert sizes == {259: (b"ab", b"abc", b"xy"), 258: (b"ab", b"abc"), 257: (b"ab",), 256: ()}


def test_unused_tokens_go_by_rank_and_a_token_of_twice_the_same_part_counts_twice():
    base = Vocabulary("tiny", PATTERN, (*LETTERS, b"ab", b"cd", b"abab", b"ef"))
    table = count_texts(["abab abab cd cd cd"], PATTERN)
    assert select_by_usage(base, 259, table).selection.vocabulary.tokens[256:] == (b"ab", b"cd", b"abab")
    assert select_by_usage(base, 257, table).selection.vocabulary.tokens[256:] == (b"ab",)  # 2 x 2 uses fell to it


def test_rare_uses_are_no_evidence_and_the_protected_prefix_stays(cl100k):
    table = count_texts([RUSSIAN], language="ru")
    chosen = select_by_usage(cl100k, 1000, table, min_uses=10**6).selection.vocabulary
    assert chosen.tokens == cl100k.tokens[:1000]
    guarded = select_by_usage(cl100k, 1000, table, protect_prefix=900).selection.vocabulary
    assert guarded.tokens[:900] == cl100k.tokens[:900]


def test_ranks_promise_uses_that_a_sample_does_not_have():
    between = (bytes([128 + i // 50, 128 + i % 50]) for i in range(2000))
    base = Vocabulary("tiny", PATTERN, (*LETTERS, b"ab", *between, b"cd", b"ef"))
    table = count_texts(["cd cd " + "ef " * 400], PATTERN)  # 804 tokens
    kept = {}
    for share in (0.0, 0.1, 10.0):
        made = select_by_usage(base, 258, table, min_uses=0, rank_share=share).selection.vocabulary
        kept[share] = made.tokens[256:]
        assert made.provenance[-1].get("rank_share", 0.0) == share
    assert kept == {0.0: (b"cd", b"ef"), 0.1: (b"cd", b"ef"), 10.0: (b"ab", b"ef")}
    assert _promised(base, 804, 10.0)[[256, -2, -1]].tolist() == [5, 2, 2]  # `cd` is used twice besides: 4
    with pytest.raises(InputError, match=r"rank share -0\.1"):
        select_by_usage(base, 258, table, rank_share=-0.1)


def test_weights_decide_between_slices(cl100k, table):
    keys = [part.key for part in table.slices]
    sides = {}
    for name, shares in (("en", (0.999, 0.001)), ("ru", (0.001, 0.999))):
        made = select_by_usage(cl100k, 320, table, weights=dict(zip(keys, shares, strict=True)), min_uses=0)
        sides[name] = [gain.tokens for gain in made.gains]
    assert sides["en"][0] < sides["ru"][0]
    assert sides["ru"][1] < sides["en"][1]


def test_the_same_counts_give_the_same_selection(cl100k, table):
    first, second = (select_by_usage(cl100k, 700, table).selection.vocabulary for _ in range(2))
    assert (first.sha256, first.provenance) == (second.sha256, second.provenance)


def test_what_cannot_be_is_refused(cl100k, table):
    with pytest.raises(SizeError, match="no room for the 256 single bytes"):
        select_by_usage(cl100k, 255, table)
    with pytest.raises(SizeError, match=r"256 single bytes \+ 744 protected tokens = 1,000"):
        select_by_usage(cl100k, 999, table, protect_prefix=1000)
    with pytest.raises(SizeError, match="has 100,256"):
        select_by_usage(cl100k, 100_257, table)
    with pytest.raises(InputError, match="min uses -1"):
        select_by_usage(cl100k, 300, table, min_uses=-1)
    with pytest.raises(InputError, match="counts are empty"):
        select_by_usage(cl100k, 300, count_texts([""]))
    with pytest.raises(InputError, match="weights leave nothing"):
        select_by_usage(cl100k, 300, table, weights=dict.fromkeys([part.key for part in table.slices], 0.0))
    with pytest.raises(LawError, match="not made of two lower-ranked"):
        select_by_usage(Vocabulary("dead", PATTERN, (*LETTERS, b"abc")), 256, count_texts(["abc"], PATTERN))


def test_verify_notices_a_selection_whose_rank_file_was_edited(cl100k, table):
    vocabulary = select_by_usage(cl100k, 600, table).selection.vocabulary
    foreign = replace(vocabulary, tokens=(*vocabulary.tokens[:-1], b"no token of the base"))
    with pytest.raises(MismatchError, match="id 599 is no token of cl100k_base"):
        origin.base_of(foreign)
    swapped = replace(vocabulary, tokens=(*vocabulary.tokens[:-2], vocabulary.tokens[-1], vocabulary.tokens[-2]))
    with pytest.raises(MismatchError, match="id 599 is no token of cl100k_base in the order of its ranks"):
        origin.base_of(swapped)


# Another order


def n_tokens(chosen) -> int:
    return sum(gain.tokens for gain in chosen.gains)


def test_reordering_takes_fewer_tokens_of_the_same_ones(cl100k, prose):
    plain, reordered = (select_by_usage(cl100k, 1500, prose, reorder=reorder) for reorder in (False, True))
    before, after = plain.selection.vocabulary, reordered.selection.vocabulary
    assert after.tokens != before.tokens
    assert sorted(after.tokens) == sorted(before.tokens)
    assert after.tokens[:256] == cl100k.tokens[:256]
    assert n_tokens(reordered) < n_tokens(plain)
    assert (reordered.selection.last_rank, reordered.selection.dropped) == (
        plain.selection.last_rank,
        plain.selection.dropped,
    )
    steps = [vocabulary.provenance[-1] for vocabulary in (before, after)]
    assert steps[1] == {**steps[0], "reorder": True, "sha256": steps[1]["sha256"]}
    assert [finding for finding in check(after, origin.base_of(after)) if finding.holds is not True] == []


def test_the_order_is_that_of_the_reference(cl100k):
    text = count_texts([PROSE.read_text("utf-8")[:9000]], language="en")
    prose = combine([text, count_texts([RUSSIAN], language="ru")])
    weights = slice_weights(prose.slices, {"en-*": 1, "ru-*": 3})
    plain, reordered = (
        select_by_usage(cl100k, 500, prose, weights=weights, reorder=reorder).selection.vocabulary
        for reorder in (False, True)
    )
    factors = plain.provenance[-1]["factors"]
    weighed: dict[bytes, int] = {}
    for row in range(len(prose)):
        pretoken, part = prose.pretoken(row), prose.slices[prose.slice_ids[row]]
        weighed[pretoken] = weighed.get(pretoken, 0) + int(prose.counts[row]) * factors[part.name]
    expected = reference.reorder(weighed, list(plain.tokens[:256]), list(plain.tokens[256:]))
    assert expected != list(plain.tokens[256:])
    for place, (ours, theirs) in enumerate(zip(reordered.tokens[256:], expected, strict=True)):
        assert ours == theirs, f"id {256 + place} is {ours!r} by tokkit, {theirs!r} by the reference"


def test_a_protected_prefix_stays_where_it_is(cl100k, prose):
    chosen = select_by_usage(cl100k, 1500, prose, protect_prefix=900, reorder=True).selection.vocabulary
    assert chosen.tokens[:900] == cl100k.tokens[:900]
    ranks = [cl100k.ranks[token] for token in chosen.tokens]
    assert ranks != sorted(ranks)
    assert [finding for finding in check(chosen, origin.base_of(chosen)) if finding.holds is not True] == []
    edited = replace(
        chosen, tokens=(*chosen.tokens[:898], chosen.tokens[899], chosen.tokens[898], *chosen.tokens[900:])
    )
    with pytest.raises(MismatchError, match="id 899 is no token of cl100k_base that a reordering moves there"):
        origin.base_of(edited)
    sidecar = ({**chosen.provenance[-1], "protect_prefix": "900"},)
    with pytest.raises(FormatError, match="a select step whose protect_prefix is '900'"):
        origin.base_of(replace(chosen, provenance=(*chosen.provenance[:-1], *sidecar)))


@pytest.mark.parametrize(
    ("tokens", "at"),
    [
        ((b"a", b"b", b"ba", b"ab"), None),
        ((b"a", b"b", b"ba"), 3),
        ((b"a", b"b", b"ba", b"ba"), 3),
        ((b"a", b"b", b"ba", b"c"), 3),
        ((b"b", b"a", b"ba", b"ab"), 1),
        ((b"a", b"ba", b"b", b"ab"), 2),
    ],
)
def test_what_is_no_selection_in_another_order_is_found(tokens, at):
    base = Vocabulary("tiny", "", (b"a", b"b", b"ab", b"ba"))
    assert first_foreign(Vocabulary("x", "", tokens), base, 4, protected=0) == at


def test_a_foreign_token_is_the_one_that_is_named_though_others_moved():
    base = Vocabulary("tiny", "", (b"a", b"b", b"ab", b"ba"))
    assert first_foreign(Vocabulary("x", "", (b"a", b"b", b"ba", b"ab", b"c")), base, 5, protected=0) == 4


def test_the_verb_reorders_as_the_function_does_and_verify_holds(cl100k, prose, tmp_path, capsys):
    save(prose, tmp_path / "counts.parquet")
    output = tmp_path / "chosen.tiktoken"
    words = ["select", "cl100k_base", "--size", "1500", "--by", "usage", "--on", str(tmp_path / "counts.parquet")]
    assert main([*words, "--reorder", "-o", str(output)]) == 0
    told = capsys.readouterr().err
    chosen = select_by_usage(cl100k, 1500, prose, reorder=True)
    assert tiktoken.load(output).tokens == chosen.selection.vocabulary.tokens
    assert f"{sum(gain.bytes for gain in chosen.gains) / n_tokens(chosen):.3f}" in told
    assert main(["verify", str(output), "-q"]) == 0


def test_the_verb_writes_a_lawful_vocabulary_and_tells_what_each_slice_gains(table, tmp_path, capsys):
    save(table, tmp_path / "counts.parquet")
    output = tmp_path / "chosen.tiktoken"
    words = ["select", "cl100k_base", "--size", "600", "--by", "usage", "--on", str(tmp_path / "counts.parquet")]
    assert main([*words, "-o", str(output)]) == 0
    assert "(all)     (all)" in capsys.readouterr().err
    assert main([*words, "-o", str(output), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["dropped"] == {"usage": 99_656}
    assert [row["language"] for row in document["slices"]] == ["en", "ru"]
    assert tiktoken.load(output).provenance[-1]["by"] == "usage"
    assert main(["verify", str(output), "-q"]) == 0
    capsys.readouterr()


def test_the_verb_selects_by_a_corpus_as_by_its_counts(tmp_path, capsys):
    text, counted = tmp_path / "text.txt", tmp_path / "text.parquet"
    text.write_text("the cat sat on the mat. " * 20, "utf-8")
    assert main(["count", str(text), "--jobs", "1", "-q", "-o", str(counted)]) == 0
    words = ["select", "cl100k_base", "--size", "300", "--by", "usage", "-o", str(tmp_path / "chosen.tiktoken")]
    told = [(main([*words, "--on", str(on)]), capsys.readouterr()) for on in (text, counted)]
    assert told[0] == told[1]
    assert told[0][0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--by", "usage"], "--by usage needs counts"),
        (["--by", "usage", "--on", "x", "--fill"], "--by usage with --fill"),
        (["--on", "x"], "add --by usage"),
        (["--reorder"], "add --by usage"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words, message, tmp_path, capsys):
    assert main(["select", "cl100k_base", "--size", "600", *words, "-o", str(tmp_path / "x.tiktoken")]) == 2
    assert message in capsys.readouterr().err


# Filters


def test_a_filter_takes_tokens_away_before_usage_chooses(cl100k, table):
    free = select_by_usage(cl100k, 600, table).selection.vocabulary
    unwanted = Filter.of(drop_scripts=["cyrillic"], veto=parse_veto(b" token\n/^ mer/\n", "veto.txt"))
    assert b" token" in free.tokens
    chosen = select_by_usage(cl100k, 600, table, unwanted=unwanted).selection
    vocabulary = chosen.vocabulary
    assert len(vocabulary.tokens) == chosen.kept == 600
    check_by_hand(cl100k, vocabulary)
    longer = [token for token in vocabulary.tokens if len(token) > 1]
    assert [token for token in longer if unwanted.reason(token)] == []
    gone = {token for token in free.tokens if token == b" token" or token.startswith(b" mer")}
    assert len(gone) == 3
    assert gone.isdisjoint(vocabulary.tokens)
    cyrillic = [token for token in cl100k.tokens if text_of(token) is not None and has_script(token, "Cyrillic")]
    assert chosen.dropped["script:Cyrillic"] == len(cyrillic)
    assert list(chosen.dropped) == ["veto", "script:Cyrillic", "script:Cyrillic partial UTF-8", "closure", "usage"]
    assert sum(chosen.dropped.values()) == cl100k.n_ranks - 600
    step = vocabulary.provenance[-1]
    assert (step["drop_scripts"], step["veto"]) == (["Cyrillic"], [" token", "/^ mer/"])
    found = origin.base_of(vocabulary)
    assert found is not None
    assert found.tokens == vocabulary.tokens
    assert all(finding.holds is not False for finding in check(vocabulary, found))


def test_a_filter_of_nothing_there_is_changes_nothing(cl100k, table):
    nothing = Filter.of(veto=parse_veto("没有这样的词元\n".encode(), "veto.txt"))
    many: dict[str, Any] = {"rank_share": 0.1, "protect_prefix": 300, "reorder": True}
    for options in ({}, many):
        free = select_by_usage(cl100k, 600, table, **options)
        chosen = select_by_usage(cl100k, 600, table, unwanted=nothing, **options)
        assert chosen.selection.vocabulary.tokens == free.selection.vocabulary.tokens
        assert (chosen.selection.dropped, chosen.gains) == (free.selection.dropped, free.gains)


def test_a_filter_overrules_protection_and_ranks_stay_those_of_the_base(cl100k, table):
    unwanted = Filter.of(veto=parse_veto(b" the\n", "veto.txt"))
    assert cl100k.ranks[b" the"] < 300
    chosen = select_by_usage(cl100k, 600, table, protect_prefix=300, unwanted=unwanted, reorder=True).selection
    protected = [token for token in cl100k.tokens[:300] if token not in (b" the", b" th")]
    assert [token for token in chosen.vocabulary.tokens if token in set(protected)] == protected
    assert b" the" not in chosen.vocabulary.tokens


def test_a_size_that_the_filter_leaves_too_few_for_is_refused(cl100k, table):
    with pytest.raises(SizeError, match="96,000 tokens were asked for, and 95,350 pass the filter"):
        select_by_usage(cl100k, 96_000, table, unwanted=Filter.of(only="ascii"))


def test_the_verb_takes_several_vetoes_as_the_function_does(cl100k, table, tmp_path, capsys):
    save(table, tmp_path / "counts.parquet")
    (tmp_path / "a.txt").write_text(" token\twhat an audit found\n", "utf-8")
    (tmp_path / "b.txt").write_text("/^ mer/\n", "utf-8")
    output = tmp_path / "chosen.tiktoken"
    words = ["select", "cl100k_base", "--size", "600", "--by", "usage", "--on", str(tmp_path / "counts.parquet")]
    vetoes = ["--veto", str(tmp_path / "a.txt"), "--veto", str(tmp_path / "b.txt")]
    assert main([*words, *vetoes, "-o", str(output)]) == 0
    told = capsys.readouterr().err
    unwanted = Filter.of(veto=parse_veto(b" token\n/^ mer/\n", "veto.txt"))
    chosen = select_by_usage(cl100k, 600, table, unwanted=unwanted).selection
    assert tiktoken.load(output).tokens == chosen.vocabulary.tokens
    assert f"dropped {chosen.dropped['veto']} tokens: veto\n" in told
    assert main(["verify", str(output), "-q"]) == 0
    capsys.readouterr()
    assert main([*words, "--veto", str(tmp_path / "none.txt"), "-o", str(tmp_path / "x.tiktoken")]) == 2
    assert "none.txt" in capsys.readouterr().err


# Recipes

RECIPE = """
name = "needed"
[base]
name = "cl100k_base"
size = 600
by = "usage"
on = "counts.parquet"
weights = { "en-*" = 1, "*" = 2 }
rank_share = 0.1
[pad]
multiple = 64
"""


def test_a_recipe_selects_by_usage_as_the_verb_does_and_keeps_where_from(cl100k, table, tmp_path):
    save(table, tmp_path / "counts.parquet")
    recipe = parse(RECIPE.encode(), "needed.toml")
    planned = prepare(recipe, tmp_path)
    weights = slice_weights(table.slices, {"en-*": 1, "*": 2})
    chosen = select_by_usage(cl100k, 600, table, weights=weights, rank_share=0.1).selection
    expected = f"600 tokens of cl100k_base by usage in counts.parquet, the last of rank {chosen.last_rank:,}"
    assert planned.steps[0] == ("select", expected)
    first = build(recipe, tmp_path)
    assert first.vocabulary.tokens == chosen.vocabulary.tokens
    selected = next(step for step in first.vocabulary.provenance if step["step"] == "select")
    assert selected["factors"] == chosen.vocabulary.provenance[-1]["factors"]
    assert [(each.role, each.name) for each in first.inputs if each.role == "select"] == [("select", "counts.parquet")]
    again = parse(RECIPE.replace("rank_share = 0.1", "rank_share = 0.1\nreorder = true").encode(), "needed.toml")
    reordered = select_by_usage(cl100k, 600, table, weights=weights, rank_share=0.1, reorder=True).selection
    assert build(again, tmp_path).vocabulary.tokens[:600] == reordered.vocabulary.tokens
    assert prepare(again, tmp_path) == planned
    keys = [source.key for source in sources_of_usage(recipe.base, tmp_path)]
    save(combine([table, table]), tmp_path / "counts.parquet")
    assert [source.key for source in sources_of_usage(recipe.base, tmp_path)] != keys


def test_a_recipe_selects_by_usage_less_a_veto_and_names_its_file(cl100k, table, tmp_path):
    save(table, tmp_path / "counts.parquet")
    (tmp_path / "veto.txt").write_text(" token\n", "utf-8")
    recipe = parse(RECIPE.replace("rank_share = 0.1", 'veto = "veto.txt"').encode(), "needed.toml")
    weights = slice_weights(table.slices, {"en-*": 1, "*": 2})
    unwanted = Filter.of(veto=parse_veto(b" token\n", "veto.txt"))
    chosen = select_by_usage(cl100k, 600, table, weights=weights, unwanted=unwanted).selection
    made = build(recipe, tmp_path, cache=tmp_path / "cache")
    assert made.vocabulary.tokens == chosen.vocabulary.tokens
    assert [(each.role, each.name) for each in made.inputs if each.role == "select:veto"] == [
        ("select:veto", "veto.txt")
    ]
    assert made.vocabulary.provenance[-1]["recipe"]["base"]["veto"] == "veto.txt"
    expected = "600 tokens of cl100k_base (without veto.txt) by usage in counts.parquet, the last of rank "
    assert prepare(recipe, tmp_path).steps[0][1].startswith(expected)
    (tmp_path / "veto.txt").write_text(" tokens\n", "utf-8")
    again = build(recipe, tmp_path, cache=tmp_path / "cache")  # not from the cache: the file is another one
    assert b" token" in again.vocabulary.tokens
    (tmp_path / "veto.txt").unlink()
    with pytest.raises(InputError, match=r"veto\.txt: no such file"):
        build(recipe, tmp_path)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ('by = "usage"', "has no counts"),
        ('by = "usage"\non = "x"\nfill = true', "with base.fill"),
        ('on = "x"', "base.on is for a base by usage"),
        ("reorder = true", "base.reorder is for a base by usage"),
        ('by = "need"', "base.by: invalid enum value 'need'"),
        ('by = "usage"\non = "x"\nweights = { en = -1 }', "expected `float` >= 0"),
    ],
)
def test_a_base_by_usage_is_checked_strictly(base, message):
    with pytest.raises(FormatError, match=re.escape(message)):
        parse(f'name = "x"\n[base]\nname = "cl100k_base"\nsize = 600\n{base}\n'.encode(), "x.toml")
