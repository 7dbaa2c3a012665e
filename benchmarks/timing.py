"""What every benchmark needs: one core, medians of several runs, and the same texts for all."""

from __future__ import annotations

import json
import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"
SAMPLE = ROOT / "tokkit" / "data" / "sample"
TIMES = 5

Result = TypeVar("Result")

# Rust's thread pools look at the affinity when they start, so this comes before any peer is imported.
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def median_of(run: Callable[[], Result], times: int = TIMES) -> tuple[float, Result]:
    """Return the median of the processor time that a run takes, in seconds, and what it gave.

    Processor time, because the machine may be shared: what others take does not count. The first of several is a warm-up;
    a slow peer, which has nothing to compile, runs once.
    """
    result = run() if times > 1 else None
    seconds = []
    for _ in range(times):
        before = time.process_time()
        result = run()
        seconds.append(time.process_time() - before)
    assert result is not None
    return statistics.median(seconds), result


def documents(kind: str, megabytes: float) -> list[str]:
    """Return documents of a kind (`zh`, `code`...) that amount to so much; of the bundled sample again and again."""
    budget = int(megabytes * 1e6)
    texts: list[str] = []
    if CORPUS.is_dir():
        for path in sorted(CORPUS.glob(f"{kind}-*.jsonl.zst")):
            share = min(budget, int(megabytes * 1e6 / 3))  # of three files at the least
            with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
                lines = stream.read(4 * share).splitlines()[:-1]
            for line in lines:
                text = json.loads(line)["text"]
                texts.append(text)
                share -= len(text.encode())
                budget -= len(text.encode())
                if share <= 0 or budget <= 0:
                    break
            if budget <= 0:
                break
        return texts
    lines = [line for path in sorted(SAMPLE.glob(f"{kind}-*.jsonl")) for line in path.read_bytes().splitlines()]
    once = [json.loads(line)["text"] for line in lines]
    return once * max(1, budget // sum(len(text.encode()) for text in once))


def source() -> str:
    """Say where the texts come from."""
    return "the shared corpus" if CORPUS.is_dir() else "the bundled sample, repeated: figures flatter every cache"


def print_row(name: str, seconds: float, n_bytes: int, ours: float) -> None:
    """Print a contestant's speed, and how long it takes for each second that tokkit takes."""
    print(f"  {name:<44} {n_bytes / 1e6 / seconds:8.1f} MB/s {seconds:8.3f} s {seconds / ours:7.2f} x")
