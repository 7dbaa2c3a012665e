"""Intervals of a report: what they rest on, that they change no figure, and how they are shown."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tokkit.cli.app import main
from tokkit.corpus import Document, find
from tokkit.counts import count, save
from tokkit.counts_folds import fold_of_text, unfolded
from tokkit.counts_table import Slice
from tokkit.errors import MismatchError
from tokkit.foreign import ForeignVocabulary
from tokkit.formats import tiktoken
from tokkit.measure import report
from tokkit.measure_folds import drawn_tokens
from tokkit.recipe_sources import SAMPLE, SAMPLE_LABELS

FOLDS = 20


@pytest.fixture(scope="module")
def table(cl100k):
    return count(find(SAMPLE, SAMPLE_LABELS), SAMPLE_LABELS, pattern=cl100k.pattern, folds=FOLDS).table


@pytest.fixture(scope="module")
def short(cl100k):
    return replace(cl100k, name="short", tokens=cl100k.tokens[:5000], special_tokens={}, segments=())


def holds(interval: tuple[float, float] | None, value: float | None) -> bool:
    return interval is not None and value is not None and interval[0] <= value <= interval[1]


def width(interval: tuple[float, float] | None) -> float:
    return interval[1] - interval[0] if interval else 0.0


def test_two_folds_are_drawn_in_every_way():
    parts = [Slice("en", "web", 1, 100, 100, 0), Slice("en", "web", 1, 300, 300, 1), Slice("zh", "web", 1, 30, 90, 1)]
    drawn = drawn_tokens(parts, [50, 90, 30], 2)
    assert sorted(set(drawn["en", "web"].tolist())) == [120.0, 140.0, 200.0]  # 400 bytes at 90/300, 140/400 and 50/100
    assert set(drawn["zh", "web"].tolist()) == {30.0}  # with no fold, or twice the same: it has one rate


def test_threads_change_no_figure_and_progress_ends_at_the_whole(cl100k, short, table, monkeypatch):
    monkeypatch.setattr("tokkit.encode._PRETOKENS_AT_ONCE", 500)
    said: list[tuple[int, int]] = []
    whole = report([short], table, baseline=cl100k, jobs=3, progress=lambda *each: said.append(each))
    assert whole.rows == report([short], table, baseline=cl100k).rows
    assert said == sorted(said)
    assert len(said) == 2 * -(-len(table) // 500)
    assert said[-1] == (2 * table.data.size, 2 * table.data.size)


def test_folds_change_no_figure_and_every_interval_holds_its_own(cl100k, short, table):
    plain = report([short], unfolded(table), baseline=cl100k)
    folded = report([short], table, baseline=cl100k)
    assert (plain.folds, folded.folds) == (0, FOLDS)
    assert tuple(replace(row, interval=None, change_interval=None) for row in folded.rows) == plain.rows
    assert {row.change_interval for row in folded.rows if row.vocabulary == cl100k.name} == {(0.0, 0.0)}
    for row in folded.rows:
        assert holds(row.interval, row.bytes_per_token), row
        assert holds(row.change_interval, row.change), row
    assert folded.rows == report([short], table, baseline=cl100k).rows
    widths = {row.domain: width(row.change_interval) for row in folded.rows if row.language == "zh"}
    assert 0 < widths[None] < max(widths.values())  # two slices together are surer than one
    assert "interval" not in plain.document()["rows"][0]


def test_a_foreign_vocabulary_has_the_folds_of_its_texts(cl100k, table):
    texts = []
    for path in sorted(SAMPLE.glob("*.jsonl")):
        language, domain = path.stem.rsplit("-", 1)
        lines = path.read_text("utf-8").splitlines()
        texts += [Document(json.loads(line)["text"].encode(), language, domain, "") for line in lines]
    encoding = cl100k.to_tiktoken()
    foreign = ForeignVocabulary(
        "far",
        "its own",
        cl100k.tokens,
        {},
        "f" * 64,
        (),
        encode_texts=encoding.encode_ordinary_batch,
    )
    rows = report([foreign], table, baseline=cl100k, documents=texts).rows
    ours, theirs = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    assert [(row.tokens, row.interval) for row in theirs] == [(row.tokens, row.interval) for row in ours]
    assert {row.change_interval for row in theirs} == {(0.0, 0.0)}
    moved = [*texts[:-1], replace(texts[-1], text=texts[-1].text + b"!")]
    assert fold_of_text(moved[-1].text, FOLDS) != fold_of_text(texts[-1].text, FOLDS)
    with pytest.raises(MismatchError, match="the same documents in each fold: zh-udhr"):
        report([foreign], table, baseline=cl100k, documents=moved)


def test_the_table_of_the_command_has_a_column_for_intervals(table, short, tmp_path, capsys):
    tiktoken.save(short, tmp_path / "short.tiktoken")
    save(table, tmp_path / "table.parquet")
    vocabulary, on = str(tmp_path / "short.tiktoken"), str(tmp_path / "table.parquet")
    assert main(["report", vocabulary, "--on", on]) == 0
    shown = capsys.readouterr().out
    header, *lines = shown.splitlines()
    assert header.split() == ["language", "domain", "vocabulary", "bytes/token", "change", "95", "in", "100"]
    assert lines[-2].split()[-5:] == ["+0.0", "%", "+0.0", "to", "+0.0"]
    assert max(map(len, lines)) <= 80
    corpus = ["--on", str(SAMPLE), "--path-pattern", "{language}-{domain}.jsonl"]
    assert main(["report", vocabulary, *corpus, "--folds", str(FOLDS), "-q"]) == 0
    assert capsys.readouterr().out == shown
    assert main(["report", vocabulary, "--on", on, "--folds", "7"]) == 2
    assert "a counts table does not have 7 folds" in capsys.readouterr().err
    assert main(["report", vocabulary, "--on", on, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["folds"], len(document["rows"][-1]["change_interval"])) == (FOLDS, 2)
    assert main(["report", vocabulary, "--on", on, "--csv"]) == 0
    columns, *rows = (line.split(",") for line in capsys.readouterr().out.splitlines())
    assert columns[-4:] == ["bytes_per_token_low", "bytes_per_token_high", "change_low", "change_high"]
    assert [float(each) for each in rows[-1][-4:]] == [
        *document["rows"][-1]["interval"], *document["rows"][-1]["change_interval"]
    ]  # fmt: skip
    assert main(["report", vocabulary, "--on", on, "--curve"]) == 0
    assert "interval" not in capsys.readouterr().out
