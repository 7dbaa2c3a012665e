"""Run contestants: each in a fresh process, pinned, in turns, and compare what they found."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from benchmarks import data, peers
from benchmarks.child import Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.contests import Contest, Contestant

RESULTS = data.ROOT / "build" / "bench"
SLOW = 60.0  # seconds after which a peer is not asked again
TIMEOUT = 1_800.0


@dataclass
class Result:
    """What a contestant needed: the median of its runs; CPU seconds of all its threads and processes, bytes of memory.

    `agrees` says with whom its result is the same, `parts` where it differs from one that it must be equal to.
    """

    contestant: Contestant
    runs: list[dict[str, Any]] = field(default_factory=list)
    trouble: str = ""
    agrees: str = ""
    parts: str = ""

    def median(self, name: str) -> float:
        return float(statistics.median(run[name] for run in self.runs))

    @property
    def seconds(self) -> float:
        """The clock where it is given several cores, since that is what it has them for; else CPU seconds."""
        return self.median("wall" if self.contestant.cores > 1 else "cpu")


def run(contest: Contest, repeat: int, versions: Mapping[str, str]) -> list[Result]:
    """Return the results of all contestants, in their order, compared with one another; `parts` says where they part."""
    results = {each.name: Result(each) for each in contest.contestants}
    folder = RESULTS / "results" / contest.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for turn in range(repeat):
        for result in results.values():
            each = result.contestant
            if each.peer and not versions[each.peer]:
                result.trouble = f"{each.peer} cannot be had here"
            slow = bool(result.runs) and result.runs[0]["wall"] > SLOW and bool(each.peer)
            if result.trouble or slow or (turn and not each.counts):
                continue
            _once(contest, result, folder / f"{each.name}.txt" if turn == 0 else None)
    for result in results.values():
        if result.runs:
            compare(contest, result, results, folder)
    shutil.rmtree(folder)
    return [result for result in results.values() if result.contestant.counts]


def _once(contest: Contest, result: Result, dump: Path | None) -> None:
    """Run a contestant once; what goes wrong with a peer is said in the table, what goes wrong with tokkit stops all."""
    each = result.contestant
    options = {**contest.options, **each.options}
    options["pattern"] = options["patterns"].get(options["pattern"], options["pattern"])
    job = Job(each.runs, str(contest.texts), options, str(dump) if dump else "", each.cores, contest.claim)
    python = str(peers.PYTHON) if each.peer else sys.executable
    command = [python, "-m", "benchmarks.child", json.dumps(asdict(job))]
    print(f"  {each.name}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(command, cwd=data.ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        result.trouble = f"not done after {TIMEOUT:.0f} s"
        return
    if done.returncode == 0:
        result.runs.append(json.loads(done.stdout.splitlines()[-1]))
        return
    if not each.peer:
        raise RuntimeError(f"{contest.name}: {each.name} ends with {done.returncode}\n{done.stderr}")
    last = done.stderr.strip().splitlines()[-1:] or ["nothing on stderr"]
    killed = f"killed by signal {-done.returncode}, for want of memory perhaps" if done.returncode < 0 else last[0]
    result.trouble = killed[:160]


def compare(contest: Contest, result: Result, results: Mapping[str, Result], folder: Path) -> None:
    each = result.contestant
    digests = {run["digest"] for run in result.runs}
    assert len(digests) == 1, f"{contest.name}: {each.name} finds something else each time"
    if not each.like:
        result.agrees = each.why
        return
    other = results[each.like]
    if not other.runs:
        result.agrees = f"not compared: {other.trouble}"
        return
    if other.runs[0]["digest"] in digests:
        result.agrees = f"same as {each.like}" + (f"; {each.why}" if each.why else "")
        return
    paths = (folder / f"{each.name}.txt", folder / f"{each.like}.txt")
    n_different, first = differences(*paths, keyed=contest.task == "count")
    n_items = other.runs[0]["items"]
    result.agrees = f"{n_different:,} of {n_items:,} lines differ from {each.like}: {each.why}"
    if n_different > n_items * each.but / 1_000:
        result.parts = (
            f"{contest.name}: {each.name}: {n_different:,} of {n_items:,} lines differ from {each.like}, first {first}"
        )
        result.agrees = f"**{n_different:,} of {n_items:,} lines differ from {each.like}**, first {first}"


def differences(one: Path, other: Path, *, keyed: bool) -> tuple[int, str]:
    """Return in how many lines two files differ, and where first; `keyed`: lines are sorted, and stand in one file only."""
    with one.open() as lines, other.open() as other_lines:
        pairs = _sorted_pairs(lines, other_lines) if keyed else zip_longest(lines, other_lines, fillvalue="")
        n_different = 0
        first = ""
        for number, (line, other_line) in enumerate(pairs):
            if line != other_line:
                n_different += 1
                first = first or f"{number:,}: {_shown(line)} instead of {_shown(other_line)}"
    return n_different, first


def _sorted_pairs(lines: Iterator[str], other_lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the lines of two sorted files side by side, "" where one has no line with that key."""
    line, other_line = next(lines, ""), next(other_lines, "")
    while line or other_line:
        key, other_key = line.partition("\t")[0], other_line.partition("\t")[0]
        if line and other_line and key == other_key:
            yield line, other_line
            line, other_line = next(lines, ""), next(other_lines, "")
        elif not other_line or (line and key < other_key):
            yield line, ""
            line = next(lines, "")
        else:
            yield "", other_line
            other_line = next(other_lines, "")


def _shown(line: str) -> str:
    """Show a line's beginning, what is hexadecimal as bytes."""
    key, tab, rest = line.strip().partition("\t")
    try:
        return f"{bytes.fromhex(key)[:60]!r}{tab and ' '}{rest}"
    except ValueError:
        return line.strip()[:80]
