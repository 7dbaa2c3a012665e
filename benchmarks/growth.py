"""How time and memory grow with the text: Chinese, which has no end of new pretokens, and one character without end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from benchmarks import data
from benchmarks.contests import Contest, Contestant, Sizes
from benchmarks.run import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TASKS = {
    "count": Contestant("tokkit", "contest_count:tokkit_files"),
    "learn": Contestant("tokkit", "contest_learn:tokkit"),
    "encode": Contestant("tokkit", "contest_encode:one_text"),
}
CHINESE = "Chinese"
MOST = 1.3  # times the seconds, or the memory, a MB of the smallest size
CLAIM = 3 << 30  # bytes: more than the largest run takes
LEAST_SECONDS = 0.05  # below which the clock's grain and what a run costs once weigh more than the text


def measure(sizes: Sizes, options: Mapping[str, Any], repeat: int) -> list[dict[str, Any]]:
    """Return a row for each task, text and size: median CPU seconds, peak memory, and memory before the clock."""
    shared = {**options, "pattern": options["patterns"]["cl100k_base"], "size": sizes.learn_size}
    plans = [(task, CHINESE, data.texts("zh", size)) for task in ("count", "learn") for size in sizes.growth]
    plans += [
        (task, name, data.one_character(name, size))
        for task in TASKS
        for name in (*data.CHARACTERS, data.LATIN_1)
        for size in sizes.one_character
    ]
    return [_row(task, name, texts, shared, repeat) for task, name, texts in plans]


def _row(task: str, name: str, texts: Path, options: Mapping[str, Any], repeat: int) -> dict[str, Any]:
    print(f"growth of {task}: {texts.stem}", file=sys.stderr, flush=True)
    (result,) = run(Contest(f"growth {task}", name, texts, (TASKS[task],), options, CLAIM), repeat, {})
    figures = {figure: result.median(figure) for figure in ("cpu", "peak", "before")}
    return {"task": task, "texts": name, "megabytes": data.n_bytes(texts) / 1e6, **figures}


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each task and text that grows faster than the text does, by more than `MOST`; none is good."""
    found = []
    for task, name in dict.fromkeys((row["task"], row["texts"]) for row in rows):
        of_text = [row for row in rows if (row["task"], row["texts"]) == (task, name)]
        for what, cost in (("time", _seconds), ("memory", _new_memory)):
            smallest = cost(of_text[0])
            worst = max(of_text, key=cost)
            if worst["cpu"] > LEAST_SECONDS and cost(worst) > MOST * smallest:
                found.append(
                    f"{task}, {name}: {what} a MB is {cost(worst) / smallest:.2f} times as much"
                    f" at {worst['megabytes']:.4g} MB as at {of_text[0]['megabytes']:.4g}"
                )
    return found


def _seconds(row: Mapping[str, Any]) -> float:
    return float(max(row["cpu"], LEAST_SECONDS / 10) / row["megabytes"])


def _new_memory(row: Mapping[str, Any]) -> float:
    return float(max(row["peak"] - row["before"], 1_000_000) / row["megabytes"])
