"""The merges that tokkit learned before: a hash for each text and size, so that no optimisation changes them unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import data
from tokkit.files import json_bytes, write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contests import Contest
    from benchmarks.run import Result

PATH = Path(__file__).with_name("merges.json")


def check(results: Sequence[tuple[Contest, list[Result]]]) -> list[str]:
    """Note the merges of texts that were never learned from before; return these, a line each.

    Raises:
        AssertionError: other merges than before.
    """
    known: dict[str, str] = json.loads(PATH.read_text()) if PATH.exists() else {}
    new = []
    for contest, of_contest in results:
        if contest.task != "learn":
            continue
        key = f"{contest.title}, {contest.texts.stem}, text {data.sha256(contest.texts)[:16]}"
        digest = of_contest[0].runs[0]["digest"]
        assert known.get(key, digest) == digest, f"{key}: merges were {known[key]}, are {digest}"
        if key not in known:
            known[key] = digest
            new.append(f"{key}: {digest}")
    if new:
        write_atomically(PATH, json_bytes(known))
    return new
