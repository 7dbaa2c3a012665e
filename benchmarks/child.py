"""One library doing one thing once, in a process of its own: `python -m benchmarks.child JOB`, JOB and answer in JSON.

Pinned to one core before any library is loaded, so that thread pools, which look at the affinity when they start, share it.
What comes before the clock: the library, the vocabulary, the texts (unless the contestant reads files), compiled kernels.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import mmap
import os
import resource
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Job:
    """What a contestant is asked for.

    Attributes:
        contestant: `module:function` in this folder.
        data: the JSON Lines file with the texts.
        options: what the contestant needs besides, by its own names.
        dump: where to write the result, a line an item, or empty.
        cores: how many cores it may use.
        claim: bytes of memory that the process touches and gives back before the clock starts; no more than half of what the
            machine has free. See `benchmarks/BIAS.md`.
    """

    contestant: str
    data: str
    options: dict[str, Any] = field(default_factory=dict)
    dump: str = ""
    cores: int = 1
    claim: int = 0


@dataclass(frozen=True)
class Ready:
    """A contestant when the clock may start.

    Attributes:
        run: what is measured.
        lines: from what `run` returned to the lines by which contestants are compared.
        n_bytes: bytes that `run` works on, where these are not the texts.
    """

    run: Callable[[], Any]
    lines: Callable[[Any], Iterable[bytes]]
    n_bytes: int | None = None


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-job.cores :])
    module, name = job.contestant.split(":")
    ready = getattr(importlib.import_module(f"benchmarks.{module}"), name)(job)
    gc.collect()
    claim_memory(job.claim)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # so that the peak is that of the run
    before = _memory("VmRSS")
    wall, cpu = time.perf_counter(), _cpu_seconds()
    result = ready.run()
    cpu, wall = _cpu_seconds() - cpu, time.perf_counter() - wall
    peak = max(_memory("VmHWM"), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
    digest = hashlib.sha256()
    n_items = 0
    with Path(job.dump or os.devnull).open("wb") as file:
        for line in ready.lines(result):
            digest.update(line + b"\n")
            file.write(line + b"\n")
            n_items += 1
    figures = {"cpu": cpu, "wall": wall, "peak": peak, "before": before, "bytes": ready.n_bytes}
    print(json.dumps({**figures, "items": n_items, "digest": digest.hexdigest()}))


def claim_memory(n_bytes: int) -> None:
    """Touch memory and give it back, so that the machine below a virtual one has found it when the clock starts."""
    n_bytes = min(n_bytes, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    if n_bytes:
        with mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            if hasattr(mmap, "MADV_HUGEPAGE"):
                memory.madvise(mmap.MADV_HUGEPAGE)
            for page in range(0, n_bytes, mmap.PAGESIZE):
                memory[page] = 1


def _cpu_seconds() -> float:
    """Return the processor time of this process and of those that it has waited for; of all threads."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def _memory(name: str) -> int:
    """Return a line of the process's status in bytes: VmRSS is what it holds now, VmHWM the most that it held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


if __name__ == "__main__":
    main()
