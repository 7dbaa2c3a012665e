"""Memory that was freed stays with the process: blocks that come later are parsed where the first ones were."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

N_BLOCKS = 12
N_LATER = 8
PAGES_A_BLOCK = 1024  # 4 MB in pages of 4 KB

PAGE_FAULTS_AT_EACH_BLOCK = """
import resource, sys
from tokkit.corpus import Labels, find, parse
from tokkit.corpus_processes import work_on

class Task:
    in_threads = True
    def begin(self):
        return []
    def take(self, block, state):
        parse(block)
        state.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    def finish(self, state):
        return state

[faults] = work_on(find([sys.argv[1]], Labels(language="en")), Task(), 1)
print(*faults)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what another C library keeps is its own affair")
def test_later_blocks_are_parsed_in_memory_that_was_used_before(tmp_path) -> None:
    block = [json.dumps({"text": "to be or not to be " * 200 + str(number)}) + "\n" for number in range(1100)]
    (tmp_path / "en.jsonl").write_text("".join(block * N_BLOCKS))

    # In a process of its own: here, glibc may have learned from what other tests freed.
    program = [sys.executable, "-c", PAGE_FAULTS_AT_EACH_BLOCK, str(tmp_path / "en.jsonl")]
    faults = list(map(int, subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()))

    assert len(faults) >= N_BLOCKS
    assert faults[-1] - faults[-1 - N_LATER] < N_LATER * PAGES_A_BLOCK // 4, faults
