"""What a command loads before it works: no kernel where none is needed, and a place for machine code wherever it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tokkit.formats import tiktoken
from tokkit.pretokenize import PATTERNS
from tokkit.vocabulary import Vocabulary

ROOT = Path(__file__).parents[1]


def run(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("startup")
    tokens = (*(bytes([byte]) for byte in range(256)), b"ab", b"abc", b"abcd")
    tiktoken.save(Vocabulary("tiny", PATTERNS["cl100k_base"], tokens), path / "tiny.tiktoken")
    return path


@pytest.mark.parametrize(
    "verb",
    [
        ["select", "tiny.tiktoken", "--size", "257", "-o", "prefix.tiktoken"],
        ["pad", "tiny.tiktoken", "--multiple", "64", "-o", "padded.tiktoken"],
        ["rename", "renamed.tiktoken", "<|spare_0|>=<|end|>", "-o", "renamed-2.tiktoken"],
    ],
    ids=lambda words: words[0],
)
def test_what_only_moves_tokens_compiles_no_kernel(folder, verb):
    if verb[0] == "rename":
        run("-m", "tokkit", "pad", "tiny.tiktoken", "--spares", "2", "-o", "renamed.tiktoken", folder=folder)
    loaded = run("-X", "importtime", "-m", "tokkit", *verb, folder=folder).stderr
    names = {line.rpartition("|")[2].strip() for line in loaded.splitlines() if line.startswith("import time:")}
    assert "tokkit.cli.app" in names
    assert not names & {"numba", "llvmlite", "tokkit.kernels.jit"}


def test_machine_code_goes_to_the_user_where_the_package_cannot_be_written_to_or_nowhere(folder):
    """A file where the folder for machine code would be: even root cannot write there."""
    package = folder / "installed" / "tokkit"
    shutil.copytree(ROOT / "tokkit", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "kernels" / "__pycache__").write_text("in the way", encoding="utf-8")
    program = (
        "from tokkit.render import talk; talk.follow_log(quiet=False);"
        "import numpy as np; from tokkit.kernels import scripts;"
        "n = np.zeros(1, np.int32);"
        "scripts.count_members(np.array([97], np.uint8), np.array([0, 1]), np.ones(128, np.uint8), n); print(n[0])"
    )
    words = {"PYTHONPATH": str(folder / "installed"), "XDG_CACHE_HOME": str(folder / "user"), "NUMBA_CACHE_DIR": ""}
    nowhere = run("-c", program, folder=folder, **words | {"XDG_CACHE_HOME": str(package / "kernels" / "__pycache__")})
    assert (nowhere.stdout, nowhere.stderr) == (
        "1\n",
        (
            "compiling kernels, in each run, since no folder can keep them; NUMBA_CACHE_DIR can name one: up to half a "
            "minute\n"
        ),
    )
    first = run("-c", program, folder=folder, **words)
    assert (first.stdout, first.stderr[:17]) == ("1\n", "compiling kernels")
    assert [path.suffix for path in sorted((folder / "user").rglob("scripts.count_members*"))] == [".nbc", ".nbi"]
    second = run("-c", program, folder=folder, **words)
    assert (second.stdout, second.stderr) == ("1\n", "")
