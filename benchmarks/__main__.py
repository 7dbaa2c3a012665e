"""Measure tokkit beside its peers: `python -m benchmarks`, or `make bench`.

Writes results.md, results.json and growth.svg to build/bench.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks import data, growth, merges, peers, plot, run, tables
from benchmarks.contests import FULL, QUICK, Contest, contests
from tokkit.bases import load_base
from tokkit.files import json_bytes, write_atomically
from tokkit.formats import huggingface, tiktoken
from tokkit.formats.portable import portable_pattern
from tokkit.pretokenize import PATTERNS
from tokkit.select import select

TASKS = ("count", "learn", "encode", "report", "growth")


def main() -> None:
    wanted = _arguments()
    quick = wanted.quick or not data.has_corpus()
    sizes = QUICK if quick else FULL
    repeat = wanted.repeat or (1 if quick else 3)
    versions = peers.set_up(again=wanted.refresh_peers)
    about = tables.machine(versions, repeat)
    options = _shared_options()
    tasks = wanted.only or TASKS
    results: list[tuple[Contest, list[run.Result]]] = []
    for task in [task for task in tasks if task != "growth"]:
        for contest in contests(task, sizes, options):
            print(f"{contest.task}: {contest.title}: {contest.texts.stem}", file=sys.stderr, flush=True)
            results.append((contest, run.run(contest, repeat, versions)))
            _write(about, results, [])  # after each, so that hours are not lost to what comes later
            for line in merges.check(results[-1:]):
                print(f"merges noted for the first time: {line}", file=sys.stderr)
    rows = growth.measure(sizes, options, repeat) if "growth" in tasks else []
    page = _write(about, results, rows)
    if rows and plot.drawable():
        write_atomically(run.RESULTS / "growth.svg", plot.growth_svg(rows).encode())
    elif rows:
        print("no plot of the growth: pip install 'tokkit[report]'", file=sys.stderr)
    if wanted.docs:
        docs = data.ROOT / "docs" / "performance.md"
        write_atomically(docs, tables.into_page(docs.read_text(encoding="utf-8"), page).encode())
    print(page)
    # A quick run is too short to say how anything grows.
    for verdict in [] if quick else growth.verdicts(rows):
        print(f"grows faster than the text: {verdict}", file=sys.stderr)
    # What took an hour is written first; that results differ makes the run fail all the same.
    if parted := [result.parts for _, found in results for result in found if result.parts]:
        sys.exit("results differ that must not:\n" + "\n".join(parted))


def _write(about: dict[str, Any], results: list[tuple[Contest, list[run.Result]]], rows: list[dict[str, Any]]) -> str:
    """Write what was found so far; return the tables."""
    page = tables.markdown(about, results, rows)
    write_atomically(run.RESULTS / "results.md", page.encode())
    write_atomically(run.RESULTS / "results.json", json_bytes(tables.document(about, results, rows)))
    return page


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure tokkit beside its peers.")
    parser.add_argument("--quick", action="store_true", help="a few MB of each text; always so without a corpus")
    parser.add_argument("--only", action="append", choices=TASKS, help="this task alone; may be repeated")
    parser.add_argument("--repeat", type=int, help="runs of each contestant (3; 1 with --quick)")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/performance.md too")
    parser.add_argument("--refresh-peers", action="store_true", help="install the newest version of every peer")
    return parser.parse_args()


def _shared_options() -> dict[str, Any]:
    """Return what contestants need besides texts: patterns, and cl100k_base and its cut in the formats that peers read."""
    base = load_base("cl100k_base")
    folder = run.RESULTS / "base"
    folder.mkdir(parents=True, exist_ok=True)
    huggingface.save(base, folder)
    tiktoken.save(base, folder / "cl100k_base.tiktoken")
    huggingface.save(select(base, 60_004).vocabulary, folder / "cut")
    return {
        "patterns": PATTERNS,
        "portable_pattern": portable_pattern(base.pattern),
        "base_json": str(folder / "tokenizer.json"),
        "base_ranks": str(folder / "cl100k_base.tiktoken"),
        "cut_json": str(folder / "cut" / "tokenizer.json"),
    }


if __name__ == "__main__":
    main()
