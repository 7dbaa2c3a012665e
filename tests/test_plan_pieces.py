"""What is learned from pieces is what is learned from all of the text, whatever was guessed; so is what is measured with it."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tokkit.counts import combine, count_texts
from tokkit.encode import encode_arrays, flatten, tokens_per_pretoken
from tokkit.kernels import pieces as kernels
from tokkit.learn import learn
from tokkit.plan_borders import Crossed
from tokkit.plan_learn import Encoded
from tokkit.plan_pieces import Pieces, _gathered, _neighbours
from tokkit.plan_rows import added_up, holds, kin_of, leads
from tokkit.select import select
from tokkit.unicode import scripts_table
from tokkit.usage import order_by_usage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokkit.counts import CountsTable
    from tokkit.vocabulary import Vocabulary

CHARACTERS = "合并标记排名相邻最低时候总是分句中文空格没有常常很长越早词表语言模型训练文本压缩"
STEP = 16


@pytest.fixture(scope="module")
def base(cl100k):
    """The first 40,000 ranks of cl100k_base: with whole words of Chinese, and parts of two characters."""
    return select(cl100k, 40_000).vocabulary


@pytest.fixture(scope="module")
def tables():
    """What is learned from, and two folds to measure on: words in random order, marks, ASCII, a long run."""
    generator = random.Random(60_004)
    words = [CHARACTERS[i : i + 2] for i in range(0, len(CHARACTERS), 2)] + [
        "数据",
        "，",
        "用户",
        " 输入",
        "a",
        "\n",
        "𠀀𠀁",
    ]

    def texts(n: int) -> list[str]:
        return ["".join(generator.choices(words, weights=range(1, len(words) + 1), k=14)) for _ in range(n)]

    source = added_up(count_texts([*texts(300), "哈" * 300, "哈哈", "。。\n、「」" * 9], language="zh"))
    folds = [
        combine([count_texts([*texts(n), "哈" * 150], language="zh"), count_texts(texts(20), language="en")])
        for n in (40, 60)
    ]
    return source, folds


def pieces_of(
    base: Vocabulary, tables: tuple[CountsTable, list[CountsTable]], script: str | None = "Han", min_count: int = 2
) -> Pieces:
    """The pieces of the fixtures."""
    kin = set(base.tokens if script is None else kin_of(base.tokens, script))
    alone = np.array([token not in kin for token in base.tokens])
    alone &= ~holds(*flatten(base.tokens), np.ones(1 << 16, np.bool_) if script is None else leads(script))
    source, folds = tables
    return Pieces.of(base, source, folds, alone, script, min_count, STEP)


@pytest.mark.parametrize(("script", "guess"), [("Han", None), ("Han", 10_000), (None, None)])
def test_what_is_learned_from_pieces_is_what_learning_learns(base, tables, script, guess):
    source, folds = tables
    pieces = pieces_of(base, tables, script)
    if guess is not None:
        pieces.counts = np.full(10_000, guess)  # a line far too high is found out, and another is taken
    for cut, wanted in ((300, 150), (21_000, 60), (40_000, 2_000)):
        start = select(base, cut).vocabulary
        tokens = learn(source, start, wanted, script=script, exact=False).tokens
        whole = replace(start, tokens=start.tokens + tokens, segments=())
        merges = pieces.learn(cut, start, wanted)
        assert merges.of_slices.shape == (2, len(tokens)), cut
        for n_learned in {0, len(tokens) // 2, len(tokens) - 1}:
            fewer, more = (
                np.sum(
                    [np.bincount(each.slice_ids, tokens_per(whole, cut + n, each) * each.counts, 2) for each in folds],
                    0,
                )
                for n in (n_learned, n_learned + 1)
            )
            assert merges.of_slices[:, n_learned].tolist() == (fewer - more).tolist(), (cut, n_learned)
        by_fold = merges.of_groups.reshape(2, 2, -1).sum(axis=(0, 2))
        assert by_fold.tolist() == merges.of_slices.sum(axis=1).tolist()


def tokens_per(vocabulary: Vocabulary, n_tokens: int, table: CountsTable) -> NDArray[np.int64]:
    """The tokens of each pretoken with the first so many of a vocabulary."""
    prefix = replace(vocabulary, tokens=vocabulary.tokens[:n_tokens], segments=())
    return tokens_per_pretoken(prefix, table.data, table.starts).astype(np.int64)


def test_merges_are_added_up_by_fold_and_step(base, tables):
    source, folds = tables
    start = select(base, 300).vocabulary
    tokens = learn(source, start, 3 * STEP, script="Han").tokens
    merges = pieces_of(base, tables).learn(300, start, 3 * STEP).of_groups
    assert merges.shape == (4, 3)
    whole = replace(start, tokens=start.tokens + tokens, segments=())
    for fold, table in enumerate(folds):
        sums = [
            np.bincount(table.slice_ids, tokens_per(whole, 300 + n, table) * table.counts, 2)
            for n in range(0, 3 * STEP + 1, STEP)
        ]
        for step, (fewer, more) in enumerate(pairwise(sums)):
            assert merges[2 * fold : 2 * fold + 2, step].tolist() == (fewer - more).tolist(), (fold, step)


def test_pieces_are_fewer_and_hold_no_weak_border(base, tables):
    source, _ = tables
    pieces = pieces_of(base, tables)
    level = pieces._level(40, 100)
    whole = pieces.whole[0]
    assert level.source.ids.size < whole.ids.size / 4
    counts: dict[str, int] = {}
    for row in range(len(source)):
        text = source.pretoken(row).decode()
        for left, right in pairwise(text):
            counts[left + right] = counts.get(left + right, 0) + int(source.counts[row])
    total = 0
    for first, last in pairwise(level.source.starts.tolist()):
        ids = level.source.ids[first:last].tolist()
        text = b"".join(base.tokens[each] for each in ids).decode()
        for left, right in pairwise(ids):
            border = base.tokens[left].decode("utf-8", "replace")[-1] + base.tokens[right].decode("utf-8", "replace")[0]
            if "\ufffd" not in border:
                assert counts[border] >= 40, text
        total += len(text)
    assert total > 0


def test_pieces_are_found_again_when_there_are_many():
    """More than fit into the slots that a search begins with, so that these grow."""
    rng = random.Random(32_768)
    pretokens = [[rng.randrange(60) for _ in range(rng.randint(1, 6))] for _ in range(120_000)]
    strengths = [[*(rng.randrange(2) for _ in ids[1:]), -1] for ids in pretokens]
    counts = [rng.randrange(1, 9) for _ in pretokens]
    alone = np.arange(60) % 2 == 0
    encoded = Encoded(
        np.array([each for ids in pretokens for each in ids], np.int32),
        np.cumsum([0, *map(len, pretokens)]),
        np.array(counts),
    )
    marks = np.array([each for row in strengths for each in row], np.int32)
    found, _, noted = _gathered(encoded, marks, 1, alone, note=True)

    totals: dict[tuple[int, ...], int] = {}
    numbers: dict[tuple[int, ...], int] = {}
    ends = []
    for ids, row, count in zip(pretokens, strengths, counts, strict=True):
        piece: tuple[int, ...] = ()
        for each, strength in zip(ids, row, strict=True):
            piece += (each,)
            ends.append(0)
            if strength < 1:
                if len(piece) > 1 or not alone[each]:
                    totals[piece] = totals.get(piece, 0) + count
                    ends[-1] = numbers.setdefault(piece, len(numbers) + 1)
                piece = ()
    assert len(totals) > 32_768
    assert [tuple(found.ids[a:b].tolist()) for a, b in pairwise(found.starts.tolist())] == list(totals)
    assert found.counts.tolist() == list(totals.values())
    assert noted.tolist() == ends


def test_pairs_of_characters_are_counted():
    table = added_up(count_texts(["我们的，我们a们我们", "我们"], language="zh"))
    found = _neighbours(table, scripts_table(["Han"]))
    pairs = {chr((int(key) - 1) >> 21) + chr((int(key) - 1) & 0x1FFFFF): int(count) for key, count in found if key}
    assert pairs == {"我们": 4, "们的": 1, "们我": 1}


def test_borders_inside_characters_never_give_way(base):
    """Strengths by hand: of `的一` in parts, of a mark, of the end."""
    table = added_up(count_texts(["的一，的一"], language="zh"))
    members = np.zeros(0x110000, np.uint8)
    members[[ord("的"), ord("一")]] = 1
    found = _neighbours(table, members)
    data, starts = table.data, table.starts
    vocabulary = select(base, 256).vocabulary
    ids, id_starts = encode_arrays(vocabulary, data, starts, shortcut=True)
    strengths = np.empty(ids.size, np.int32)
    kernels.mark_strengths(data, starts, members, found, ids, id_starts, np.ones(256, np.int64), strengths)
    by_pretoken = {
        table.pretoken(row).decode(): strengths[id_starts[row] : id_starts[row + 1]].tolist()
        for row in range(len(table))
    }
    never = int(kernels.NEVER)
    assert by_pretoken["的一"] == [never, never, 2, never, never, -1]
    assert by_pretoken["，的一"] == [never, never, 0, never, never, 2, never, never, -1]


def test_what_is_learned_from_pieces_by_usage_is_what_learning_learns(base, tables):
    """With tokens of the base taken away, also in the middle, others merge over borders that it leaves alone."""
    source, folds = tables
    usage = order_by_usage(base, 256, source)
    alone = np.zeros(len(base.tokens), np.bool_)
    pieces = Pieces.of(base, source, folds, alone, "Han", 2, STEP, selected=True)
    for cut, wanted in ((300, 150), (9_000, 120), (39_000, 2_000)):
        start = usage.vocabulary(cut)
        tokens = learn(source, start, wanted, script="Han", exact=False).tokens
        whole = replace(start, tokens=start.tokens + tokens, segments=())
        merges = pieces.learn(cut, start, wanted)
        assert merges.of_slices.shape == (2, len(tokens)), cut
        for n_learned in {0, len(tokens) // 2, len(tokens) - 1}:
            fewer, more = (
                np.sum(
                    [np.bincount(each.slice_ids, tokens_per(whole, cut + n, each) * each.counts, 2) for each in folds],
                    0,
                )
                for n in (n_learned, n_learned + 1)
            )
            assert merges.of_slices[:, n_learned].tolist() == (fewer - more).tolist(), (cut, n_learned)


def test_a_border_that_a_token_may_reach_over_never_gives_way(base):
    """Where a token has both characters, the end of any before the second, or the beginning of any after the first."""
    crossed = Crossed.of([*base.tokens[:256], "一二".encode(), b"\xbd" + "三".encode(), "四".encode() + b"\xe4"])
    table = added_up(count_texts(["一二一三四五五"], language="zh"))
    vocabulary = select(base, 256).vocabulary
    ids, id_starts = encode_arrays(vocabulary, table.data, table.starts, shortcut=True)
    strengths = np.zeros(ids.size, np.int32)
    kernels.mark_crossed(
        table.data, table.starts, np.ones(0x110000, np.uint8), crossed.pairs, crossed.sides,
        ids, id_starts, np.ones(256, np.int64), strengths,
    )  # fmt: skip
    never = int(kernels.NEVER)
    assert strengths[2::3].tolist() == [never, 0, never, 0, never, 0, 0]


def test_by_usage_a_weak_border_that_a_token_reaches_over_is_not_cut(base):
    """`一丁` is taken away; now `丁七` is merged in `一丁七`, over a border that the whole base leaves and that is weak."""
    tokens = (*base.tokens[:256], *(each.encode() for each in ("一丁", "丁七")))
    parts = (b"\xe4\xb8", *(each.encode() for each in "一丁七"))
    small = replace(base, tokens=(*tokens[:256], *parts, *tokens[256:]), segments=())
    usage = order_by_usage(small, 256, added_up(count_texts(["丁七"] * 9)))
    start = usage.vocabulary(261)
    assert start.tokens[-1] == "丁七".encode()
    source = added_up(count_texts(["一丁"] * 100 + ["一丁七"]))
    measured = count_texts(["一丁七"] * 5 + ["一丁"] * 3)
    pieces = Pieces.of(small, source, [measured], np.zeros(262, np.bool_), "Han", 2, STEP, selected=True)
    pieces.counts = np.full(10, 100)
    assert pieces.learn(261, start, 1).of_slices.tolist() == [[3]]
    assert min(pieces.levels) == 90
