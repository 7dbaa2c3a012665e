"""Compile every kernel now and keep the machine code: `python -m tokkit.precompile`, for an image or before a long run.

A kernel is compiled for the types that it is first called with, so what verbs do is done here once, on next to nothing, in a
process for each core as far as there are tasks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokkit.audit import audit
from tokkit.audit_documents import Text
from tokkit.corpus import Labels, find
from tokkit.counts import CountsTable, combine, count, count_texts, count_to_file, load
from tokkit.counts_table import Slice
from tokkit.curves import curve
from tokkit.encode import encode, flatten
from tokkit.kernels import jit
from tokkit.kernels.pieces import place_pieces
from tokkit.kernels.records import move_pairs
from tokkit.kernels.table import most_pretokens, move_slots, spread_slots
from tokkit.laws import check
from tokkit.learn import learn
from tokkit.measure import report
from tokkit.plan import plan
from tokkit.pretokenize import PATTERNS
from tokkit.render import talk
from tokkit.reorder import reorder
from tokkit.usage import select_by_usage
from tokkit.vocabulary import Segment, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokkit.corpus import CorpusFile

# 们的 is learned before 我们 and 的词, and takes 我们的词 apart: a crossing, which reordering tries.
CLAUSES = {"你们的": 300, "他们的": 300, "我们的词": 100, "我们": 400, "的词": 400, " the model": 90, " the tokens": 80}


def main() -> int:
    """Compile in several processes, say how long it took and where the machine code is, and return the exit code."""
    folder = jit.folder_of(move_slots)
    if folder is None:
        talk.error("no folder can keep machine code", "NUMBA_CACHE_DIR can name one")
        return 2
    began = time.monotonic()
    jobs = min(os.cpu_count() or 1, len(TASKS))
    words = [[sys.executable, "-c", f"from tokkit.precompile import work; work({job}, {jobs})"] for job in range(jobs)]
    workers: list[subprocess.Popen[bytes]] = []
    try:
        talk.note("compiling every kernel, once on this machine: up to half a minute")
        # In sessions of their own: a terminal interrupts this process, and not what it would have to keep from saying so.
        workers += [subprocess.Popen(each, start_new_session=True) for each in words]
        codes = [worker.wait() for worker in workers]
    except KeyboardInterrupt:
        for worker in workers:
            worker.kill()
        talk.error("interrupted")
        return 130
    if any(codes):
        return 2
    talk.note(f"done in {time.monotonic() - began:.0f} s: {folder}")
    return 0


def work(job: int, jobs: int) -> None:
    """Do one process's share of the tasks."""
    try:
        for task in TASKS[job::jobs]:
            task()
    except OSError as error:
        talk.error(f"{error.filename or 'machine code'}: {error.strerror or error}")
        raise SystemExit(2) from None


def count_text() -> None:
    """Read JSON Lines and count, in folds and within a limit of memory."""
    with a_corpus() as (files, labels):
        path = Path(files[0].path).with_suffix(".parquet")
        for memory in (None, 2_000_000_000):
            count_to_file(path, files, labels, memory=memory)
        count(files, labels, folds=2)
        combine([load(path), count_texts(list(CLAUSES), language="en", domain="web"), load(path)])


def split_and_grow() -> None:
    """Split by every pattern, and make room in tables."""
    for pattern in dict.fromkeys(PATTERNS.values()):
        count_texts(list(CLAUSES), pattern)
    # What grows calls these: with 164,000 pretokens, 33,000 pieces, as many pairs as a table had room for.
    move_slots(np.zeros((2, 4), np.uint64), np.zeros((4, 4), np.uint64))
    spread_slots(np.zeros((4, 4), np.uint64), 2, np.zeros((1, 4), np.uint64))
    move_pairs(np.zeros((2, 3), np.int64), np.zeros((4, 3), np.int64))
    place_pieces(np.empty(0, np.int32), np.zeros(1, np.int64), 0, np.zeros(2, np.int32))
    most_pretokens(1)


def encode_and_measure() -> None:
    """Check laws, encode, and measure."""
    base, vocabulary = vocabulary_of(), vocabulary_of("我们", "们的")
    check(base)
    encode(base, "我们的词")
    report([replace(vocabulary, name="learned")], made_table(), baseline=base)
    for each in (vocabulary, replace(base, tokens=(*base.tokens, b"not closed"))):
        curve(each, made_table())


def learn_tokens() -> None:
    """Learn, within a script and freely."""
    for script in ("Han", None):
        learn(made_table(), vocabulary_of(), 12, script=script)


def reorder_tokens() -> None:
    """Put learned tokens into a better order, and a base by usage."""
    base, table = vocabulary_of(), made_table()
    reorder(learn(table, base, 12, script="Han"), base, table)
    select_by_usage(vocabulary_of("我们", "们的"), 258, table, reorder=True)


def plan_sizes() -> None:
    """Plan by rank and by usage."""
    for by_usage in (False, True):
        plan(vocabulary_of("我们", "们的"), made_table(), 264, by_usage=by_usage)


def audit_text() -> None:
    """Audit by text."""
    with a_corpus() as (files, labels):
        audit(vocabulary_of("我们", "的词"), count(files, labels).table, text=Text(files, labels))


# Dealt out in turns. What comes first in two processes has few kernels in common, and who needs one later finds it compiled.
TASKS = (count_text, encode_and_measure, split_and_grow, learn_tokens, audit_text, reorder_tokens, plan_sizes)


@contextmanager
def a_corpus() -> Iterator[tuple[Sequence[CorpusFile], Labels]]:
    """Yield the clauses as a file of JSON Lines, some escaped and some not, and its labels."""
    with tempfile.TemporaryDirectory() as folder:
        lines = (
            json.dumps({"id": str(number), "text": text}, ensure_ascii=number % 2 == 0)
            for number, text in enumerate(CLAUSES)
        )
        Path(folder, "zh.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        labels = Labels(language="zh", domain="web")
        yield find([folder], labels), labels


def vocabulary_of(*learned: str) -> Vocabulary:
    """Return the single bytes and learned tokens, with what they are made of."""
    tokens = [bytes([byte]) for byte in range(256)]
    for token in learned:
        data = token.encode()
        tokens += [data[:length] for length in range(2, len(data) + 1) if data[:length] not in tokens]
    segments = [Segment("prefix", 0, 256)]
    if learned:
        segments.append(Segment("learned:zh", 256, len(tokens)))
    return Vocabulary("bytes", PATTERNS["cl100k_base"], tuple(tokens), segments=tuple(segments))


def made_table() -> CountsTable:
    """Return the counts table of the clauses, made without a kernel."""
    rows = sorted((clause.encode(), count) for clause, count in CLAUSES.items())
    data, starts = flatten([pretoken for pretoken, _ in rows])
    counts = np.array([count for _, count in rows])
    n_bytes = int((np.diff(starts) * counts).sum())
    part = Slice("zh", "web", documents=int(counts.sum()), characters=n_bytes, bytes=n_bytes)
    return CountsTable(PATTERNS["cl100k_base"], (part,), np.zeros(len(rows), np.int32), data, starts, counts, counts)


if __name__ == "__main__":
    raise SystemExit(main())
