"""The report in a terminal: bars and colour where they can be shown, the same plain table everywhere else, 80 columns."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest
from rich.cells import cell_len

from tokkit.corpus import Document
from tokkit.counts import count_texts
from tokkit.errors import InputError, MismatchError
from tokkit.foreign import ForeignVocabulary
from tokkit.measure import Report, report
from tokkit.measure_foreign import count_tokens
from tokkit.render import report as rendering
from tokkit.render.bars import bar

TEXT = "the thing 中文在这里"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def measured(tiny):
    more = replace(tiny, name="more", tokens=(*tiny.tokens, "在".encode()[:2], "在".encode()), segments=())
    less = replace(tiny, name="词表", tokens=tiny.tokens[:256], segments=())
    table = count_texts([TEXT], pattern=tiny.pattern, language="zh", domain="web")
    return report([more, less], table, baseline=tiny)


def shown(measured: Report, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(sys, "stdout", stream)
    rendering.show(measured)
    return stream.getvalue().splitlines()


PLAIN = [
    "language  domain  vocabulary  bytes  tokens  bytes/token   change",
    "zh        web     tiny           25      20        1.250   +0.0 %",
    "zh        web     more           25      18        1.389  -10.0 %",
    "zh        web     词表           25      25        1.000  +25.0 %",
    "(all)     (all)   tiny           25      20        1.250   +0.0 %",
    "(all)     (all)   more           25      18        1.389  -10.0 %",
    "(all)     (all)   词表           25      25        1.000  +25.0 %",
]


def test_a_pipe_gets_the_plain_table_with_wide_names_aligned(measured, monkeypatch):
    lines = shown(measured, io.StringIO(), monkeypatch)
    assert lines == PLAIN
    assert {cell_len(line) for line in lines} == {65}


def test_a_terminal_gets_bars_and_colour_by_gain_or_loss(measured, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = shown(measured, Terminal(), monkeypatch)
    assert lines[1] == lines[5] == "─" * 80
    assert lines[2] == PLAIN[1] + "  " + bar(18 / 20, 13)
    assert lines[3] == PLAIN[2][:-7] + "\x1b[32m-10.0 %  █████████████\x1b[0m"
    assert lines[4] == PLAIN[3][:-7] + "\x1b[31m+25.0 %  " + bar(18 / 25, 13) + "\x1b[0m"
    assert lines[7] == "\x1b[1m" + PLAIN[5][:-7] + "\x1b[32m-10.0 %  █████████████\x1b[0m"


def test_no_color_keeps_the_bars_and_a_dumb_terminal_loses_both(measured, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    lines = shown(measured, Terminal(), monkeypatch)
    assert lines[3] == PLAIN[2] + "  █████████████"
    assert max(map(cell_len, lines)) == 80
    monkeypatch.setenv("TERM", "dumb")
    lines = shown(measured, Terminal(), monkeypatch)
    assert [line for line in lines if "─" not in line] == PLAIN


def test_a_terminal_without_block_characters_gets_none(measured, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    monkeypatch.setattr(Terminal, "encoding", "ascii")
    assert "█" not in "".join(shown(measured, stream, monkeypatch))


@pytest.mark.parametrize(("name", "spared"), [("m" * 18, {"bytes"}), ("some/long/folder/" * 3, {"bytes", "tokens"})])
def test_what_does_not_fit_80_columns_is_left_out(measured, monkeypatch, name, spared):
    rows = [
        replace(row, vocabulary=name, language="zh-Hant", domain=row.domain and "codecomments") for row in measured.rows
    ]
    wide = replace(measured, rows=tuple(rows))
    lines = shown(wide, io.StringIO(), monkeypatch)
    assert set(PLAIN[0].split()) - set(lines[0].split()) == spared
    assert max(map(cell_len, lines)) <= 80


def far(name="far", encode=None) -> ForeignVocabulary:
    return ForeignVocabulary(name, "a character a token", (b"",), {}, "0" * 64, ("no ranks",), encode)


def test_a_foreign_vocabulary_is_measured_on_text_by_its_own_rule(tiny):
    documents = [Document(TEXT.encode(), "zh", "web", "1"), Document(b"thing", "en", "web", "2")]
    foreign = far(encode=lambda texts: [[0] * len(text) for text in texts])
    tables = count_texts([TEXT], pattern=tiny.pattern, language="zh", domain="web")
    found = report([foreign], tables, baseline=tiny, documents=documents[:1])
    assert [(row.vocabulary, row.tokens, row.han_tokens, row.han_characters) for row in found.rows[2:]] == [
        ("far", 15, None, 5),
        ("far", 15, None, 5),
    ]
    assert found.rows[2].tokens_per_han_character is None
    assert found.document()["vocabularies"][1]["semantics"] == "a character a token"
    assert count_tokens([foreign], documents) == {"far": {("zh", "web", 0): 15, ("en", "web", 0): 5}}
    with pytest.raises(MismatchError, match="do not have the same slices: en-web"):
        report([foreign], tables, baseline=tiny, documents=documents)
    with pytest.raises(InputError, match="far is measured on text, not on counts"):
        report([foreign], tables, baseline=tiny)
    with pytest.raises(InputError, match="far cannot be encoded with here"):
        report([far()], tables, baseline=tiny, documents=documents[:1])


def test_every_baseline_is_in_the_document_and_the_first_counts(tiny):
    bytes_only = replace(tiny, name="bytes", tokens=tiny.tokens[:256], segments=())
    more = replace(tiny, name="more", tokens=(*tiny.tokens, b"thi", b"thing"), segments=())
    table = count_texts([TEXT], pattern=tiny.pattern, language="zh", domain="web")
    document = report([more, tiny], table, baseline=[bytes_only, tiny]).document()
    assert (document["baseline"], document["baselines"]) == ("bytes", ["bytes", "tiny"])
    assert [each["name"] for each in document["vocabularies"]] == ["bytes", "tiny", "more"]
    tokens = {row["vocabulary"]: row["tokens"] for row in document["rows"]}
    row = document["rows"][-1]
    assert row["change"] == row["changes"]["bytes"] == tokens["more"] / tokens["bytes"] - 1
    assert row["changes"]["tiny"] == tokens["more"] / tokens["tiny"] - 1
