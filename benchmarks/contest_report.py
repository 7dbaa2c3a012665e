"""Measure ten vocabularies on a counts table, against one pass of tiktoken with one vocabulary over the text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks import data
from benchmarks.child import Job, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokkit.measure import Report

CUTS = (100_256, 90_000, 80_000, 70_000, 60_004, 50_000, 40_000, 30_000, 20_000, 10_000)


def tokkit(job: Job) -> Ready:
    from tokkit import corpus
    from tokkit.bases import load_base
    from tokkit.counts import count, count_texts
    from tokkit.measure import report
    from tokkit.select import select

    base = load_base("cl100k_base")
    vocabularies = [replace(select(base, cut).vocabulary, name=f"first {cut}") for cut in CUTS]
    report(vocabularies[:1], count_texts(["warm up"], base.pattern))
    table = count(corpus.find([job.data]), pattern=base.pattern).table
    return Ready(lambda: report(vocabularies, table), _first_line)


def tiktoken(job: Job) -> Ready:
    from benchmarks.contest_encode import WARM_UP, _tiktoken

    texts = data.read(job.data)
    encoding = _tiktoken(job)
    encoding.encode_ordinary(WARM_UP)
    return Ready(
        lambda: sum(len(encoding.encode_ordinary(text)) for text in texts), lambda tokens: [str(tokens).encode()]
    )


def _first_line(report: Report) -> Iterable[bytes]:
    """Return how many tokens the whole of cl100k_base makes of the texts: the one figure that tiktoken has too."""
    total = next(row for row in report.rows if row.vocabulary == f"first {CUTS[0]}" and row.language is None)
    return [str(total.tokens).encode()]
