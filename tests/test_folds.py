"""Folds: added up they are the table, a document's text alone decides on its fold, files keep them apart."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from tokkit.cli.app import main
from tokkit.corpus import Labels, find
from tokkit.corpus_blocks import BLOCK_BYTES, sample_key
from tokkit.counts import combine, count, count_texts, load, reweight, save
from tokkit.counts_folds import fold_of, folds_apart, unfolded
from tokkit.counts_table import CountsTable, parts_of
from tokkit.errors import InputError

FIELDS = Labels(language_field="lang", domain_field="domain")
ARRAYS = ("slice_ids", "data", "starts", "counts", "documents")


def assert_same(one: CountsTable, two: CountsTable) -> None:
    assert (one.slices, one.folds, one.pattern) == (two.slices, two.folds, two.pattern)
    for name in ARRAYS:
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """JSON Lines of three slices, and a text file of several blocks."""
    path = tmp_path_factory.mktemp("folds")
    generator = random.Random(20)
    for name in ("b", "a"):
        lines = []
        for _ in range(120):
            text = " ".join(generator.choices(["the", "merge", "of", "排名", "最低", "x1"], k=generator.randint(0, 9)))
            lines.append({"text": text, "lang": generator.choice(["en", "zh"]), "domain": "web"})
        (path / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    (path / "long.txt").write_text("a line that comes again and again\n" * (1 + 2 * BLOCK_BYTES // 34), "utf-8")
    return path


@pytest.fixture(scope="module")
def table(folder):
    """The folder in seven folds."""
    return count(find(folder, FIELDS), FIELDS, folds=7).table


def test_folds_added_up_are_the_table_counted_without(folder, table):
    whole = count(find(folder, FIELDS), FIELDS).table
    assert whole.folds == 0
    assert table.folds == 7
    assert_same(unfolded(table), whole)
    assert table.totals == whole.slices
    apart = folds_apart(table)
    assert len(apart) == 7
    assert all([part.key for part in fold.slices] == [part.key for part in whole.slices] for fold in apart)
    assert_same(combine(apart), whole)


def test_the_text_alone_decides_on_the_fold(folder, table):
    lines = "".join((folder / f"{name}.jsonl").read_text("utf-8") for name in "ab").splitlines()
    documents = [json.loads(line) for line in lines]
    for part in table.slices:
        if part.language == "und":
            continue
        texts = [each["text"] for each in documents if each["lang"] == part.language]
        own = [text for text in texts if fold_of(sample_key(text.encode()), 7) == part.fold]
        assert part.documents == len(own) > 0, part
        rows = next(each.rows for each in parts_of(table) if each.totals == part)
        expected = count_texts(own)
        assert rows.counts.tolist() == expected.counts.tolist(), part
        assert rows.data.tobytes() == expected.data.tobytes(), part


def test_a_text_file_of_several_blocks_is_one_document_of_one_fold(table):
    (part,) = [part for part in table.slices if part.language == "und"]
    assert (part.documents, part.bytes) == (1, 34 * (1 + 2 * BLOCK_BYTES // 34))


def test_folds_are_the_same_for_any_jobs_order_and_limit(folder, table):
    files = find(folder, FIELDS)
    assert_same(count(files, FIELDS, folds=7, jobs=2).table, table)
    assert_same(count(files[::-1], FIELDS, folds=7).table, table)
    assert_same(count(files, FIELDS, folds=7, max_bytes=1 << 40).table, table)


def test_a_sample_has_documents_in_every_fold(folder):
    sampled = count(find(folder, FIELDS), FIELDS, folds=4, sample=0.5).table
    assert {part.fold for part in sampled.slices if part.language == "zh"} == {0, 1, 2, 3}


def test_files_keep_folds_and_everybody_else_sees_whole_slices(table, tmp_path):
    save(table, tmp_path / "folds.parquet")
    assert_same(load(tmp_path / "folds.parquet", folds=True), table)
    assert_same(load(tmp_path / "folds.parquet"), unfolded(table))
    save(unfolded(table), tmp_path / "whole.parquet")
    assert_same(load(tmp_path / "whole.parquet", folds=True), unfolded(table))


def test_tables_of_as_many_folds_combine_fold_by_fold(table):
    both = combine([table, table])
    assert both.folds == 7
    assert both.counts.tolist() == (2 * table.counts).tolist()
    mixed = combine([table, unfolded(table)])
    assert mixed.folds == 0
    assert mixed.counts.tolist() == (2 * unfolded(table).counts).tolist()
    weights = {"en-web": 1.0, "*": 2.0}
    assert_same(reweight(table, weights), reweight(unfolded(table), weights))


def test_a_table_without_documents_has_no_folds_either(tmp_path):
    empty = replace(count_texts([]), folds=3)
    save(empty, tmp_path / "empty.parquet")
    assert [len(fold) for fold in folds_apart(load(tmp_path / "empty.parquet", folds=True))] == [0, 0, 0]


@pytest.mark.parametrize("folds", [-1, 1, 101])
def test_what_is_no_number_of_folds_is_refused(folds, folder):
    with pytest.raises(InputError, match=f"{folds} folds"):
        count(find(folder, FIELDS), FIELDS, folds=folds)


def test_the_verb_counts_folds_and_adds_tables_of_as_many(folder, table, tmp_path, capsys):
    made = tmp_path / "made.parquet"
    words = ["count", str(folder), "--language-field", "lang", "--domain-field", "domain", "--folds", "7"]
    assert main([*words, "-o", str(made), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["folds"], len(document["slices"])) == (7, len(table.totals))
    assert_same(load(made, folds=True), table)
    again = tmp_path / "again.parquet"
    again.write_bytes(made.read_bytes())
    assert main(["count", str(made), str(again), "--folds", "7", "-o", str(tmp_path / "twice.parquet"), "-q"]) == 0
    assert np.array_equal(load(tmp_path / "twice.parquet", folds=True).counts, 2 * table.counts)
    assert main(["count", str(made), "--folds", "5", "-o", str(tmp_path / "x.parquet")]) == 2
    assert "does not have 5 folds" in capsys.readouterr().err
    assert main(["count", str(made), "--folds", "7", "--weights", "internlm2", "-o", str(tmp_path / "x.parquet")]) == 2
    assert "--weights together with --folds" in capsys.readouterr().err
