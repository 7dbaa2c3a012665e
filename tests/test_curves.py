"""Exact curves: against encoding with the cut vocabulary, against a plain reference, on lawful and unlawful vocabularies."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tokkit import curves
from tokkit.cli.app import main
from tokkit.counts import CountsTable, combine, count_texts, save
from tokkit.counts_table import slice_rows
from tokkit.encode import tokens_per_pretoken
from tokkit.errors import LawError, MismatchError
from tokkit.render.curve import round_cuts
from tokkit.vocabulary import Vocabulary

PATTERN = r"\S+|\s+"
LETTERS = tuple(bytes([byte]) for byte in range(256))
CODE = "def merge(pairs):\n    for left, right in pairs:\n        yield left + right  # 合并相邻的标记\n"
ENGLISH = "The merge of two tokens is a token; where their ranks are lowest, they merge first. Naïve café — “quoted”.\n"
CHINESE = "在合并的时候，总是先合并排名最低的相邻标记；排名越低，越早合并。中文的分句很长，常常没有空格。\n"


@pytest.fixture(scope="module")
def mixed():
    """Three slices in cl100k's pattern, one with a pretoken too long to scan."""
    texts = [(CODE * 3, "code", "python"), (ENGLISH * 2 + "ab" * 3000, "en", "web"), (CHINESE * 2, "zh", "web")]
    return combine([count_texts([text], language=language, domain=domain) for text, language, domain in texts])


def encoded_tokens(vocabulary: Vocabulary, table: CountsTable) -> list[int]:
    """The tokens of each slice, by encoding."""
    lengths = tokens_per_pretoken(vocabulary, table.data, table.starts).astype(np.int64)
    return [int(lengths[first:last] @ table.counts[first:last]) for first, last in slice_rows(table)]


def plain_curve(vocabulary: Vocabulary, pretokens: list[tuple[bytes, int]]) -> list[int]:
    """The tokens at every cut, by merging with the cut vocabulary in plain Python, whole pretokens looked up first."""
    tokens = []
    for cut in range(len(vocabulary.tokens) + 1):
        ranks = {token: rank for token, rank in vocabulary.ranks.items() if rank < cut or len(token) == 1}
        total = 0
        for pretoken, count in pretokens:
            pieces = [pretoken[i : i + 1] for i in range(len(pretoken))]
            while pretoken not in ranks:
                found = [(ranks[a + b], i) for i, (a, b) in enumerate(pairwise(pieces)) if a + b in ranks]
                if not found:
                    break
                at = min(found)[1]
                pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
            total += count * (1 if pretoken in ranks else len(pieces))
        tokens.append(total)
    return tokens


def test_the_curve_is_what_encoding_with_the_cut_vocabulary_gives_at_50_cuts(cl100k, mixed):
    curve = curves.curve(cl100k, mixed)
    generator = random.Random(60004)
    cuts = [256, 257, 60_004, 100_256, *(int(2 ** generator.uniform(8, 16.6)) for _ in range(46))]
    for cut in cuts:
        expected = encoded_tokens(replace(cl100k, tokens=cl100k.tokens[:cut], special_tokens={}, segments=()), mixed)
        assert curve.tokens[:, cut].tolist() == expected, f"cut {cut}"
    assert len(cuts) == 50
    assert curve.tokens[:, 256].tolist() == curve.n_bytes.tolist() == [part.bytes for part in mixed.slices]


def test_running_every_merge_gives_the_same_curve_where_ranks_come_in_order(cl100k, mixed):
    assert curves.is_closed(cl100k)
    by_uses = curves.curve(cl100k, mixed).merges
    by_merges = curves._running_maxima(cl100k, mixed)
    different = np.argwhere(by_uses != by_merges)
    assert different.tolist() == []


@pytest.mark.parametrize("seed", range(30))
def test_any_vocabulary_has_the_curve_of_the_plain_reference(seed):
    generator = random.Random(seed)
    words = {"".join(generator.choices("abc", k=generator.randint(2, 5))).encode() for _ in range(14)}
    tokens = [*LETTERS, *generator.sample(sorted(words), len(words))]
    if seed % 3 == 0:
        generator.shuffle(tokens)  # single bytes anywhere among the ranks
    if seed % 2:
        tokens[generator.randrange(256, 262)] = b"" if seed % 3 else tokens[generator.randrange(256, 262)]
    if len(set(tokens) & set(LETTERS)) < 256:
        tokens += sorted(set(LETTERS) - set(tokens))
    vocabulary = Vocabulary(f"random {seed}", PATTERN, tuple(tokens))
    texts = [" ".join("".join(generator.choices("abc", k=generator.randint(1, 9))) for _ in range(12))]
    table = count_texts(texts, PATTERN)
    pretokens = [(table.pretoken(row), int(table.counts[row])) for row in range(len(table))]
    curve = curves.curve(vocabulary, table)
    expected = plain_curve(vocabulary, pretokens)
    found = curve.tokens[0].tolist()
    assert (
        next(((cut, *both) for cut, both in enumerate(zip(found, expected, strict=True)) if len(set(both)) > 1), None)
        is None
    )


def test_a_hole_is_a_cut_at_which_nothing_changes(cl100k, mixed):
    holed = replace(cl100k, tokens=(*cl100k.tokens[:500], b"", *cl100k.tokens[500:600]), special_tokens={}, segments=())
    curve = curves.curve(holed, mixed)
    assert curve.sizes[[500, 501, 502]].tolist() == [500, 500, 501]
    assert curve.tokens[:, 501].tolist() == curve.tokens[:, 500].tolist()
    assert curve.tokens[:, -1].tolist() == curves.curve(cl100k, mixed).tokens[:, 600].tolist()
    assert 501 not in curve.changes


def test_changes_are_the_cuts_where_some_slice_changes(cl100k, mixed):
    curve = curves.curve(cl100k, mixed)
    moved = np.flatnonzero((np.diff(curve.tokens[:, 256:], axis=1) != 0).any(axis=0)) + 257
    assert curve.changes.tolist() == [256, *moved.tolist()]


def test_counts_of_another_pattern_and_missing_bytes_are_refused(cl100k):
    table = count_texts(["a"], PATTERN)
    with pytest.raises(MismatchError, match="another pattern than cl100k_base's"):
        curves.curve(cl100k, table)
    with pytest.raises(LawError, match="no token for byte 0x00"):
        curves.curve(Vocabulary("x", PATTERN, LETTERS[1:]), table)


def test_an_empty_table_has_a_flat_curve(cl100k):
    table = count_texts([""], language="en")
    assert curves.curve(cl100k, table).tokens.tolist() == [[0] * 100_257]


def test_round_cuts_end_with_the_whole_vocabulary():
    assert round_cuts(300) == [256, 300]
    assert round_cuts(200_000)[-3:] == [170_000, 190_000, 200_000]


def test_report_prints_curves(mixed, tmp_path, capsys):
    save(mixed, tmp_path / "mixed.parquet")
    words = ["report", "cl100k_base", "--on", str(tmp_path / "mixed.parquet"), "--curve"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cl100k_base: bytes per token with the ids below each cut"
    assert lines[1].split() == ["cut", "code", "en", "zh", "(all)"]
    assert lines[2].split() == ["256", "1.000", "1.000", "1.000", "1.000"]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["curves"][0]
    assert main([*words, "--csv"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == ["vocabulary", "cut", "size", "code-python", "en-web", "zh-web"]
    assert [int(row[1]) for row in rows[1:]] == document["cuts"]
    assert [int(row[3]) for row in rows[1:]] == document["slices"][0]["tokens"]
    assert document["slices"][0]["tokens"][0] == document["slices"][0]["bytes"]
