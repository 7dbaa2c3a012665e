"""Results as Markdown for eyes and as JSON for programs."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.contests import Contest
    from benchmarks.run import Result

BEGIN = "<!-- written by `make bench BENCH=--docs` -->"
END = "<!-- end of what is written -->"
HEAD = """# Benchmarks

{machine}. Texts: {source}. tokkit {tokkit}, Python {python}; {peers}.
Load of the machine when it began: {load}. Medians of {repeat} runs (a peer that takes more than a minute runs once), each in
a fresh process on one core, in turns. `s` are CPU seconds, of all threads; where two jobs are given two cores, seconds by the
clock. `x`: how many times as long as tokkit (the first line). `memory` is the most that the process held, `of which new` what
the run added to the texts, vocabulary and libraries that it held before. What the figures do not show: `benchmarks/BIAS.md`.
"""


def machine(versions: Mapping[str, str], repeat: int) -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory():.0f} GB",
        "source": data.source(),
        "tokkit": version("tokkit"),
        "python": platform.python_version(),
        "peers": ", ".join(f"{peer} {found}" if found else f"{peer} cannot be had" for peer, found in versions.items()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "repeat": repeat,
    }


def markdown(
    about: Mapping[str, Any], results: Sequence[tuple[Contest, list[Result]]], growth: Sequence[Mapping[str, Any]]
) -> str:
    """Return a page with a table a contest, and one of growth."""
    parts = [HEAD.format(**about)]
    task = ""
    for contest, of_contest in results:
        if contest.task != task:
            task = contest.task
            parts.append(f"\n## {task.capitalize()}\n")
        parts += _table(contest, of_contest)
    if growth:
        parts += ["\n## Growth\n", "", "| task | texts | MB | s | s/MB | memory | new a MB |", "| --- " * 7 + "|"]
        parts += [
            f"| {row['task']} | {row['texts']} | {row['megabytes']:.1f} | {row['cpu']:.2f} | {row['cpu'] / row['megabytes']:.3f}"
            f" | {_gigabytes(row['peak'])} | {(row['peak'] - row['before']) / row['megabytes'] / 1e6:.1f} MB |"
            for row in growth
        ]
    return "\n".join(parts) + "\n"


def document(
    about: Mapping[str, Any], results: Sequence[tuple[Contest, list[Result]]], growth: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return everything as one JSON object, all runs included."""
    return {
        **about,
        "contests": [
            {
                "task": contest.task,
                "title": contest.title,
                "texts": contest.texts.stem,
                "bytes": data.n_bytes(contest.texts),
                "results": [
                    {
                        "name": result.contestant.name,
                        "cores": result.contestant.cores,
                        "runs": result.runs,
                        "agrees": result.agrees,
                        "trouble": result.trouble,
                    }
                    for result in of_contest
                ],
            }
            for contest, of_contest in results
        ],
        "growth": list(growth),
    }


def into_page(page: str, tables: str) -> str:
    """Return a page of the docs with the tables between its two marks, or before its section on counting."""
    body = tables.removeprefix("# Benchmarks").replace("\n## ", "\n### ").strip()
    section = f"{BEGIN}\n\n## Beside the peers\n\n{body}\n\n{END}\n\n"
    if BEGIN in page:
        before, _, rest = page.partition(BEGIN)
        return before + section + rest.partition(END)[2].lstrip()
    before, heading, rest = page.partition("## Count\n")
    return before + section + heading + rest


def _table(contest: Contest, results: Sequence[Result]) -> list[str]:
    n_bytes = data.n_bytes(contest.texts)
    rows = [
        f"\n{contest.title}: {contest.texts.stem}, {n_bytes / 1e6:.1f} MB of text\n",
        "| contestant | s | MB/s | x | memory | of which new | result |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    ours = results[0].seconds
    for result in results:
        name = result.contestant.name
        if not result.runs:
            rows.append(f"| {name} | | | | | | {result.trouble} |")
            continue
        worked_on = result.runs[0]["bytes"] or n_bytes
        seconds, peak, before = result.seconds, result.median("peak"), result.median("before")
        rows.append(
            f"| {name} | {seconds:.3g} | {worked_on / 1e6 / seconds:.3g} | {seconds / ours:.2f} | {_gigabytes(peak)}"
            f" | {_gigabytes(max(peak - before, 0))} | {'; '.join(filter(None, (result.agrees, result.trouble)))} |"
        )
    return rows


def _gigabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.2f} GB"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
