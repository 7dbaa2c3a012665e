"""Plans: the split against learning and encoding every one, the ladder, the recipe that build takes."""

from __future__ import annotations

import json
import random
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tokkit import plan_search
from tokkit.cli.app import main
from tokkit.corpus import Labels, find
from tokkit.counts import combine, count, count_texts, reweight, save
from tokkit.counts_folds import DRAWS, folds_apart, unfolded
from tokkit.encode import tokens_per_pretoken
from tokkit.errors import InputError, MismatchError, SizeError
from tokkit.formats import tiktoken
from tokkit.learn import learn
from tokkit.plan import plan
from tokkit.plan_ground import FOLD_STEP, Ground
from tokkit.plan_learn import Encoded, learn_below
from tokkit.plan_recipe import recipe_of
from tokkit.plan_rows import added_up
from tokkit.plan_search import _vertex
from tokkit.plan_usage import measured_depths
from tokkit.recipe import parse
from tokkit.select import select
from tokkit.usage import order_by_usage, select_by_usage

if TYPE_CHECKING:
    from tokkit.counts import CountsTable
    from tokkit.vocabulary import Vocabulary

CHARACTERS = "合并标记排名相邻最低时候总是分句中文空格没有常常很长越早词表语言模型训练文本压缩"
WORDS = [CHARACTERS[i : i + 2] for i in range(0, len(CHARACTERS), 2)]
ENGLISH = "the merge of two tokens is a token where their ranks are lowest they merge first and then the others do "


@pytest.fixture(scope="module")
def base(cl100k):
    """The first 1,500 ranks of cl100k_base."""
    return select(cl100k, 1_500).vocabulary


@pytest.fixture(scope="module")
def table():
    """English and Chinese, the Chinese made of words in random order."""
    generator = random.Random(92544)
    chinese = ["".join(generator.choices(WORDS, weights=range(1, 21), k=12)) for _ in range(200)]
    return combine([count_texts([ENGLISH * 200], language="en"), count_texts(chinese, language="zh")])


@pytest.fixture(scope="module")
def found(base, table):
    """A plan at a size of 1,000."""
    return plan(base, table, 1_000, multiple=16, spares=4, seed=600, ladder=(700, 1_500))


def bytes_per_token(base: Vocabulary, table: CountsTable, prefix: int, learned: int) -> float:
    """What a split comes to, by learning it and encoding with it."""
    start = select(base, prefix).vocabulary
    if learned:
        tokens = learn(table, start, learned, script="Han", exact=False).tokens
        start = replace(start, tokens=start.tokens + tokens, segments=())
    lengths = tokens_per_pretoken(start, table.data, table.starts).astype(np.int64)
    return table.n_bytes / int(lengths @ table.counts)


def test_every_figure_of_a_plan_is_that_of_learning_and_encoding(base, table, found):
    splits = {(each.prefix, each.learned): each for each in (found.best, found.seed, *found.wrong, *found.frontier)}
    assert len(splits) >= 4
    assert {*splits} == {(each.prefix, each.learned) for each in found.frontier}
    for split in (*splits.values(), *found.ladder.values()):
        expected = bytes_per_token(base, table, split.prefix, split.learned)
        assert split.bytes_per_token == pytest.approx(expected, rel=1e-12), split


def test_the_best_split_is_the_best_of_all_that_were_learned(found):
    assert found.best.bytes_per_token == max(split.bytes_per_token for split in found.frontier)
    assert found.seed is not None
    assert found.seed.prefix == 600


def test_the_best_split_is_bracketed_by_worse_ones_that_were_learned(found):
    below, above = found.bracket
    rates = {split.prefix: split.bytes_per_token for split in found.frontier}
    assert below <= found.best.prefix <= above
    for neighbour in (below, above):
        assert rates[neighbour] <= found.best.bytes_per_token
        assert abs(neighbour - found.best.prefix) <= 1_250
    assert set(found.learned_on) >= set(rates)


def test_what_is_filled_in_is_exact_where_no_kin_of_the_script_lies_between(base, table):
    ground = Ground.of(base, table, table, None, None, "Han", 2)
    ground.add([ground.learn_on(cut, 100) for cut in (400, 1_500)])
    alike = np.flatnonzero(ground.rates.n_kin == ground.rates.n_kin[400]).tolist()
    assert alike[0] < 400 < alike[-1]
    last = min(alike[-1], 470)
    for n_learned in (0, 7, 100):
        filled_in = 1 / ground.rate(last, last + n_learned)
        assert filled_in == pytest.approx(bytes_per_token(base, table, last, n_learned), rel=1e-12), n_learned
    assert ground.learned_for(1_000) == []  # none of them has as many tokens as there is room for
    assert ground.learned_for(500) == [400]


@pytest.mark.parametrize("by_usage", [False, True])
def test_the_frontier_has_a_learned_split_at_every_step(cl100k, table, monkeypatch, by_usage):
    """Steps of 1,000 here: at each, or within 500 of it, and at the end of the base, without learned tokens."""
    base = select(cl100k, 8_000).vocabulary
    monkeypatch.setattr(plan_search, "FRONTIER_STEPS", (1_000,))
    found = plan(base, table, 7_000, seed=5_100, ladder=(), by_usage=by_usage, jobs=2)
    prefixes = [split.prefix for split in found.frontier]
    assert (prefixes[-1], found.frontier[-1].learned) == (7_000, 0)
    for step in range(prefixes[0] // 1_000 + 1, 7):
        assert min(abs(1_000 * step - prefix) for prefix in prefixes) <= 500, (step, prefixes)
    for split in found.frontier:
        start = (
            select_by_usage(base, split.prefix, table).selection if by_usage else select(base, split.prefix)
        ).vocabulary
        tokens = learn(table, start, 7_000 - split.prefix, script="Han", exact=False).tokens if split.learned else ()
        assert len(tokens) == split.learned
        whole = replace(start, tokens=start.tokens + tokens, segments=())
        lengths = tokens_per_pretoken(whole, table.data, table.starts).astype(np.int64)
        assert split.bytes_per_token == pytest.approx(table.n_bytes / int(lengths @ table.counts), rel=1e-12), split


@pytest.mark.parametrize(
    ("points", "lowest"),
    [
        ([(0, 9.0), (2, 1.0), (6, 9.0)], 3),  # (x - 3) ** 2
        ([(0, 3.0), (1, 2.0), (2, 1.0)], 1),  # a line has none
        ([(0, 1.0), (5, 1.0), (9, 1.0)], 5),
    ],
)
def test_the_vertex_is_where_the_parabola_is_lowest(points, lowest):
    assert _vertex(*points) == lowest


def test_sizes_add_up(found):
    assert (found.asked, found.n_vocab) == (1_000, 992)
    for split in (found.best, found.seed, *found.frontier, *found.wrong):
        assert split.prefix + split.learned <= 992 - 4
    assert found.best.prefix + found.best.learned + found.spares == 992
    assert list(found.ladder) == [700, 1_500]
    assert found.ladder[700].prefix + found.ladder[700].learned <= 696 - 4
    assert found.ladder[1_500].bytes_per_token >= found.best.bytes_per_token >= found.ladder[700].bytes_per_token


def test_margins_are_what_a_split_with_fewer_slots_loses(base, table, found):
    split = found.seed
    fewer = min(1_000, 988 - split.prefix)
    without = bytes_per_token(base, table, split.prefix, max(split.learned - fewer, 0))
    expected = 1e9 * (1 / without - 1 / split.bytes_per_token) / fewer
    assert found.seed_margin.learned == pytest.approx(expected, rel=1e-9)
    back = min(1_000, split.prefix - min(found.learned_on))
    without = bytes_per_token(base, table, split.prefix - back, split.learned)
    expected = 1e9 * (1 / without - 1 / split.bytes_per_token) / back
    assert found.seed_margin.base == pytest.approx(expected, rel=1e-9)


def test_the_best_splits_of_the_ladder_are_learned_and_better_than_their_neighbours(base, table, found):
    assert set(found.ladder) == {700, 1_500}
    for size, split in found.ladder.items():
        room = size - size % 16 - 4
        assert split.prefix + split.learned <= room
        assert split.bytes_per_token == pytest.approx(
            bytes_per_token(base, table, split.prefix, split.learned), rel=1e-12
        )
        for prefix in (split.prefix - 150, split.prefix + 150):
            if 256 <= prefix < min(room, 1_500):
                assert bytes_per_token(base, table, prefix, room - prefix) <= split.bytes_per_token * (1 + 1e-4), size


def test_what_is_learned_below_a_cut_is_what_learning_on_the_prefix_learns(cl100k, table):
    base = select(cl100k, 5_000).vocabulary
    rows = added_up(table)
    encoded = Encoded.of(base, rows)
    for cut in (256, 300, 1_400, 4_999, 5_000):
        start = select(base, cut).vocabulary
        expected = learn(rows, start, 60, script="Han", exact=False).tokens
        assert learn_below(base, encoded, cut, start, 60, "Han", 2)[0] == expected, cut


def test_a_plan_is_the_same_for_any_number_of_jobs(base, table, found):
    assert plan(base, table, 1_000, multiple=16, spares=4, seed=600, ladder=(700, 1_500), jobs=2) == found


def test_a_mixture_moves_the_split(base, table):
    english, chinese = (
        plan(base, table, 800, weights={"en-all": share, "zh-all": 1 - share}, seed=600, ladder=())
        for share in (0.99, 0.01)
    )
    assert english.best.prefix > chinese.best.prefix


def test_whole_factors_and_weights_say_the_same(base, table):
    mixture = {"en-all": 3.0, "zh-all": 1.0}
    by_weights = plan(base, table, 700, weights=mixture, seed=600, ladder=())
    by_counts = plan(base, reweight(table, mixture), 700, learn_from=table, seed=600, ladder=())
    assert by_weights.best.bytes_per_token == pytest.approx(by_counts.best.bytes_per_token, rel=5e-3)
    assert (by_weights.same_text, by_counts.same_text) == (True, False)


def test_a_plan_is_made_the_same_twice(base, table, found):
    again = plan(base, table, 1_000, multiple=16, spares=4, seed=600, ladder=(700, 1_500))
    assert again == found


@pytest.mark.parametrize("size", [256, 300, 450])
def test_a_size_far_below_the_ladder_has_its_plan(base, table, size):
    """All prefixes that are spread over the ladder are too large for it, the seed as well."""
    small = plan(base, table, size, ladder=(1_500,))
    assert small.best.prefix + small.best.learned == size
    rate = bytes_per_token(base, table, small.best.prefix, small.best.learned)
    assert small.best.bytes_per_token == pytest.approx(rate, rel=1e-12)


def test_what_cannot_be_is_refused(base, table):
    with pytest.raises(SizeError, match=r"300 - 100 spares = 200, and 256 are single bytes"):
        plan(base, table, 300, spares=100)
    with pytest.raises(MismatchError, match="another pattern"):
        plan(base, count_texts(["a"], r"\S+|\s+"), 1_000)
    with pytest.raises(InputError, match="counts are empty"):
        plan(base, count_texts([""]), 1_000)
    with pytest.raises(InputError, match="weights are all zero"):
        plan(base, table, 1_000, weights={"*": 0.0})
    with pytest.raises(InputError, match="no text in en, so that its usage of the base"):
        plan(base, table, 1_000, learn_from=count_texts(["我们"], language="zh"), by_usage=True)


def test_the_recipe_is_one(found):
    recipe = parse(recipe_of(found, "planned", "cl100k_base", ["zh.parquet"]), "plan.toml")
    assert (recipe.base.size, recipe.pad.spares, recipe.pad.multiple) == (found.best.prefix, found.spares, 16)
    assert [(section.label, section.size) for section in recipe.learn] == [("han", found.best.learned)]


def test_the_verb_writes_a_recipe_that_build_takes(base, table, tmp_path, capsys):
    (tmp_path / "counts").mkdir()
    tiktoken.save(base, tmp_path / "base.tiktoken")
    save(table, tmp_path / "counts" / "all.parquet")
    output = tmp_path / "plan.toml"
    words = ["plan", "--on", str(tmp_path / "counts" / "all.parquet"), "--size", "1000", "--multiple", "16"]
    words += [str(tmp_path / "base.tiktoken")]
    assert main([*words, "--seed", "600", "-q", "-o", str(output)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("1,000 is 8 over 62 x 16\n")
    assert "which flatters learning" in shown
    assert "the best split of other sizes" in shown
    assert 'counts = ["counts/all.parquet"]' in output.read_text("utf-8")
    assert 'name = "base.tiktoken"' in output.read_text("utf-8")
    assert main(["build", str(output), "--dry-run"]) == 0
    assert "= 992" in capsys.readouterr().out
    assert main([*words, "--seed", "600", "-q", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["best"]["prefix"] + document["best"]["learned"] + document["spares"] == 992


def test_the_verb_writes_no_recipe_that_learns_from_an_uncounted_corpus(tmp_path, capsys):
    text, output = tmp_path / "text.txt", tmp_path / "plan.toml"
    text.write_text("我们训练模型。" * 20, "utf-8")
    assert main(["plan", "--on", str(text), "--size", "600", "-q", "-o", str(output)]) == 2
    assert "to learn from a counts table, and --on is a corpus" in capsys.readouterr().err
    assert not output.exists()


# Intervals


@pytest.fixture(scope="module")
def folded(tmp_path_factory):
    """The text of `table` in many documents, counted in ten folds."""
    folder = tmp_path_factory.mktemp("folded")
    generator = random.Random(92544)
    lines = [{"text": "".join(generator.choices(WORDS, weights=range(1, 21), k=12)), "lang": "zh"} for _ in range(200)]
    words = ENGLISH.split()
    lines += [{"text": " ".join(generator.choices(words, k=30)), "lang": "en"} for _ in range(200)]
    (folder / "all.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    labels = Labels(language_field="lang")
    return count(find(folder, labels), labels, folds=10).table


@pytest.fixture(scope="module")
def sure(base, folded):
    """A plan with intervals."""
    return plan(base, folded, 1_000, seed=600, ladder=(700,))


def test_folds_change_no_figure(base, folded, sure):
    whole = plan(base, unfolded(folded), 1_000, seed=600, ladder=(700,))
    assert (sure.folds, whole.folds, whole.best.interval, whole.best_interval) == (10, 0, None, None)
    exact = {split.prefix: split.bytes_per_token for split in whole.frontier}
    both = [split for split in sure.frontier if split.prefix in exact]
    assert len(both) >= 4
    for split in both:
        assert split.bytes_per_token == pytest.approx(exact[split.prefix], rel=1e-12)


def test_intervals_lie_around_their_figures(sure):
    assert sure.best_interval[0] <= sure.best.prefix <= sure.best_interval[1]
    assert sure.best.change_interval == (0.0, 0.0)
    for split in (sure.best, sure.seed, *sure.frontier, *sure.ladder.values()):
        low, high = split.interval
        assert low < split.bytes_per_token < high, split
        assert list(split.language_intervals) == ["en", "zh"]
    for margin in (sure.best_margin, sure.seed_margin):
        assert margin.learned_interval[0] <= margin.learned <= margin.learned_interval[1]
    low, high = sure.seed.change_interval
    assert 0 < low < sure.seed.change < high


def test_an_interval_is_that_of_folds_drawn_and_added_up(base, folded):
    prefix, n_learned = 5 * FOLD_STEP, FOLD_STEP  # where the folds are known exactly
    ground = Ground.of(base, folded, unfolded(folded), None, None, "Han", 2)
    ground.add([ground.learn_on(prefix, n_learned)])
    drawn = ground.draws([prefix], prefix + n_learned)[0, :, 0]
    vocabulary = select(base, prefix).vocabulary
    learned = learn(unfolded(folded), vocabulary, n_learned, script="Han", exact=False).tokens
    vocabulary = replace(vocabulary, tokens=vocabulary.tokens + learned, segments=())
    tokens, sizes = np.zeros((2, 10, 2))
    for number, fold in enumerate(folds_apart(folded)):
        lengths = tokens_per_pretoken(vocabulary, fold.data, fold.starts).astype(np.int64)
        np.add.at(tokens[number], fold.slice_ids, lengths * fold.counts)
        sizes[number] = [part.bytes for part in fold.slices]
    shares = sizes.sum(axis=0) / sizes.sum()
    times = np.random.default_rng(92_544).integers(0, 10, (DRAWS, 10))
    expected = [float(shares @ (tokens[each].sum(axis=0) / sizes[each].sum(axis=0))) for each in times]
    assert drawn == pytest.approx(expected, rel=1e-9)


# By usage


def test_by_usage_the_figures_are_those_of_encoding_with_the_selection(base, table):
    made = plan(base, table, 1_000, seed=600, by_usage=True, ladder=())
    assert made.by == "usage"
    assert made.seed is not None
    for split in (made.best, made.seed):
        start = select_by_usage(base, split.prefix, table).selection.vocabulary
        if split.learned:
            tokens = learn(table, start, split.learned, script="Han").tokens
            start = replace(start, tokens=start.tokens + tokens, segments=())
        lengths = tokens_per_pretoken(start, table.data, table.starts).astype(np.int64)
        expected = table.n_bytes / int(lengths @ table.counts)
        assert split.bytes_per_token == pytest.approx(expected, rel=1e-12), split
    by_rank = plan(base, table, 1_000, seed=600, ladder=())
    assert made.best.bytes_per_token >= by_rank.best.bytes_per_token


def test_by_usage_depths_are_the_uses_in_what_is_measured(base, table):
    """Taking a token away costs its uses, as encoding says where no part of it merges on."""
    usage = order_by_usage(base, 256, table)
    weights = np.array([1.0, 0.0])
    depths = measured_depths(base, usage, np.zeros(len(base.tokens), np.bool_), [], [table], weights)
    assert np.all(np.diff(depths) > 0)
    english = [part.language for part in table.slices].index("en")
    tokens = []
    for cut in (len(base.tokens), 1_200, 900, 600, 300, 256):
        vocabulary = usage.vocabulary(cut)
        lengths = tokens_per_pretoken(vocabulary, table.data, table.starts).astype(np.int64)
        tokens.append(int((lengths * table.counts)[table.slice_ids == english].sum()))
    shares = (depths[-1] - depths[[len(base.tokens), 1_200, 900, 600, 300, 256]]) / (depths[-1] - depths[256])
    expected = (np.array(tokens) - tokens[0]) / (tokens[-1] - tokens[0])
    assert shares == pytest.approx(expected, abs=0.02)


def test_by_usage_depths_ascend_where_nothing_measured_uses_what_is_taken(base, table):
    usage = order_by_usage(base, 256, table)
    nothing = np.zeros(len(table.slices))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        depths = measured_depths(base, usage, np.zeros(len(base.tokens), np.bool_), [], [table], nothing)
    assert np.all(np.diff(depths) > 0)


def test_the_verb_plans_by_usage_and_build_follows(base, folded, tmp_path, capsys):
    tiktoken.save(base, tmp_path / "base.tiktoken")
    save(folded, tmp_path / "all.parquet")
    (tmp_path / "mixture.toml").write_text('"en-*" = 3\n"zh-*" = 1\n', "utf-8")
    words = ["plan", str(tmp_path / "base.tiktoken"), "--on", str(tmp_path / "all.parquet"), "--size", "700", "-q"]
    words += ["--by", "usage", "--seed", "600", "--weights", str(tmp_path / "mixture.toml")]
    assert main([*words, "-o", str(tmp_path / "plan.toml")]) == 0
    shown = capsys.readouterr().out
    assert "by usage +" in shown
    assert "in 95 of 100 draws of 10 folds" in shown
    recipe = parse((tmp_path / "plan.toml").read_bytes(), "plan.toml")
    assert (recipe.base.by, recipe.base.on, recipe.base.weights) == ("usage", ("all.parquet",), {"en-*": 3, "zh-*": 1})
    assert main(["build", str(tmp_path / "plan.toml"), "--dry-run"]) == 0
    assert "by usage in all.parquet" in capsys.readouterr().out
