"""What a command loads before it works: no kernel where none is needed, and a place for machine code wherever it is installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import tokkit
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


# A finder of modules that sends an interrupt as soon as the module argv[1] is looked for; argv[2] says who hears of it.
INTERRUPTING = f"""
import os, sys, threading
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == where:
            try:
                os.kill(os.getpid(), {int(signal.SIGINT)})
            except KeyboardInterrupt:
                if how == "wrapped":
                    type("Class", (), {{"name": type("Name", (), {{"__set_name__": interrupt}})()}})
                if how == "followed":
                    threading.Lock().release()
                if how != "swallowed":
                    raise
def interrupt(*_):
    raise KeyboardInterrupt
where, how = sys.argv[1:3]
del sys.argv[1:3]
if how == "ignored":
    import signal
    signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.modules.pop(where, None)  # loaded already where something hooks into the start of Python
sys.meta_path.insert(0, Finder)
from tokkit.__main__ import main
sys.exit(main())
"""


def interrupted(where: str, how: str, *words: str, folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTING, where, how, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "where", ["typing", "signal", "tokkit.cli", "tokkit.cli.app", "typer", "tokkit.render.talk", "tokkit.cli.show"]
)
def test_an_interrupt_while_the_command_loads_is_one_line_and_130(folder, where):
    assert interrupted(where, "raised", "show", "tiny.tiktoken", "abc", folder=folder) == (
        130,
        "",
        "error: interrupted\n",
    )


def test_an_interrupt_counts_where_what_loads_would_lose_the_exception(folder):
    """As a callback does, from which exceptions are printed and forgotten."""
    assert interrupted("typer", "swallowed", "--version", folder=folder) == (130, "", "error: interrupted\n")


@pytest.mark.parametrize("how", ["wrapped", "followed"])
def test_an_error_that_an_interrupt_brought_about_is_no_defect(folder, how):
    """Python 3.11 raises a RuntimeError from what `__set_name__` raises; a lock that an interrupt left has to be released."""
    assert interrupted("tokkit.cli.show", how, "show", "tiny.tiktoken", "abc", folder=folder) == (
        130,
        "",
        "error: interrupted\n",
    )


def test_an_interrupt_that_a_shell_ignores_for_what_runs_in_the_background_stays_ignored(folder):
    assert interrupted("typer", "ignored", "--version", folder=folder) == (0, f"{tokkit.TOOL}\n", "")
