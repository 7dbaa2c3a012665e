"""The README is true: its console examples are run in order and compared word for word, its Python runs, all verbs are in it.

In a console block a line `$ COMMAND` is run by the shell and what follows is its output, stdout and stderr as they come; a
line `...` stands for any number of lines. `make vocab` stands for the commands that it runs after installation.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tokkit.cli.app import VERBS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "vocab" / "README.md", *(ROOT / "docs").glob("*.md")])
MAKE = {
    "make vocab": "tokkit build vocab/internlm2.toml && tokkit verify build/internlm2/internlm2.tiktoken",
    "make test": None,  # this is it
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, list[str]]]:
    """Each command of the README with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks("console"):
        assert block.startswith("$ "), block
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def first_divergence(said: list[str], printed: list[str]) -> str | None:
    """Return where the lines that are said to come differ from those that came; None where they do not."""
    at = 0
    anywhere = False
    for line in said:
        if line == "...":
            anywhere = True
            continue
        if anywhere and line in printed[at:]:
            at = printed.index(line, at)
        if at >= len(printed) or printed[at] != line:
            return f"said:    {line}\nprinted: {printed[at] if at < len(printed) else '(nothing more)'}"
        at += 1
        anywhere = False
    return None if anywhere or at == len(printed) else f"printed, and not said: {printed[at]}"


def test_the_comparison_sees_what_differs():
    assert first_divergence(["a", "...", "c"], ["a", "b", "b", "c"]) is None
    assert first_divergence(["...", "c"], ["c"]) is None
    assert first_divergence(["a", "..."], ["a"]) is None
    assert first_divergence(["a", "c"], ["a", "b"]) == "said:    c\nprinted: b"
    assert first_divergence(["a"], ["a", "b"]) == "printed, and not said: b"
    assert first_divergence(["a", "...", "d"], ["a", "b"]) == "said:    d\nprinted: b"
    assert first_divergence(["a", "b"], ["a"]) == "said:    b\nprinted: (nothing more)"


@pytest.mark.slow
def test_every_console_example_prints_what_the_readme_says(tmp_path):
    for name in ("tokkit", "vocab"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tokkit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tokkit "$@"\n')
    (tmp_path / "bin" / "tokkit").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for command, said in examples():
        run = MAKE.get(command, command)
        if run is None:
            continue
        done = subprocess.run(
            ["/bin/sh", "-c", run],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        printed = [line for line in done.stdout.splitlines() if not line.startswith("compiling kernels, once")]
        divergence = first_divergence(said, printed)
        assert divergence is None, f"$ {command}\n{divergence}"
        assert done.returncode == (2 if any(line.startswith("error: ") for line in said) else 0), command


def test_every_python_example_runs():
    assert blocks("python")
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})  # the README is ours


def test_every_verb_has_its_example():
    verbs = {command.split()[1] for command, _ in examples() if command.startswith("tokkit ")}
    assert verbs == set(VERBS)
    assert all(f"**{verb}**" in README for verb in VERBS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_inside_the_project_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_makefile_lists_its_targets():
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make on this machine")
    done = subprocess.run([make, "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True)
    targets = [line.split()[1] for line in done.stdout.splitlines()]
    assert targets == ["help", "setup", "vocab", "vocabularies", "report", "test", "lint", "format", "bench", "clean"]
