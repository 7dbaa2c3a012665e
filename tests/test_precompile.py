"""Compiling every kernel beforehand: what commands call is compiled then, and no kernel is forgotten."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import tokkit

ROOT = Path(tokkit.__file__).parents[1]

# Prints what the tasks left uncompiled: kernels that a module calls, and the types of what the commands of argv[1] call besides.
LEFT = """
import contextlib, importlib, io, json, pkgutil, re, sys
from pathlib import Path
import tokkit, tokkit.kernels
from tokkit.cli.app import main
from tokkit.precompile import TASKS

folder = Path(tokkit.__file__).parent
kernels = {}
for module in pkgutil.iter_modules(tokkit.kernels.__path__):
    for name, each in vars(importlib.import_module(f"tokkit.kernels.{module.name}")).items():
        if hasattr(each, "py_func"):
            kernels[f"{each.py_func.__module__}.{name}"] = each
for task in TASKS:
    task()
sources = [path.read_text("utf-8") for path in folder.rglob("*.py") if path.parent.name != "kernels"]
called = {name for source in sources if "tokkit.kernels" in source for name in re.findall(r"(\\w+)\\(", source)}
forgotten = [name for name, each in kernels.items() if name.rpartition(".")[2] in called and not each.signatures]
types = {name: list(each.signatures) for name, each in kernels.items()}
codes = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()):
        codes.append(main(words))
others = [f"{name}{each.signatures[-1]}" for name, each in kernels.items() if each.signatures != types[name]]
print(json.dumps({"kernels": len(kernels), "forgotten": forgotten, "others": others, "codes": codes}))
"""
COMMANDS = """
count zh-web.jsonl en-web.jsonl --path-pattern {language}-{domain}.jsonl -o counts.parquet
count zh-web.jsonl en-web.jsonl --path-pattern {language}-{domain}.jsonl --folds 2 --memory 400MB -o folds.parquet
count counts.parquet en-web.jsonl -o both.parquet
count en-web.jsonl --pattern o200k_base -o o200k.parquet
count en-web.jsonl --pattern r50k_base -o r50k.parquet
select cl100k_base --size 300 -o base.tiktoken
learn counts.parquet --base base.tiktoken --size 20 --script Han --reorder -o zh.tokens
learn counts.parquet --base base.tiktoken --size 9 --min-pretokens 2 --max-chars 9 --weigh-by documents -o any.tokens
merge base.tiktoken zh.tokens -o merged.tiktoken
select merged.tiktoken --size 310 --by usage --on folds.parquet --reorder -o used.tiktoken
verify merged.tiktoken
show merged.tiktoken 我们
why merged.tiktoken 我们 --on counts.parquet
diff merged.tiktoken base.tiktoken
inspect merged.tiktoken
audit merged.tiktoken --on counts.parquet
audit merged.tiktoken --on zh-web.jsonl --path-pattern {language}-{domain}.jsonl
report merged.tiktoken --on folds.parquet
report merged.tiktoken --on counts.parquet --curve
plan merged.tiktoken --on folds.parquet --size 330
plan merged.tiktoken --on folds.parquet --size 330 --by usage
"""


def test_no_command_compiles_what_was_not_compiled_beforehand(tmp_path):
    for name, text in (("zh", "我们的词表和语言模型，我们的词。"), ("en", "the merge of two tokens is a token ")):
        lines = [json.dumps({"text": text * 9 + str(n), "id": str(n)}, ensure_ascii=n % 2 == 0) for n in range(40)]
        (tmp_path / f"{name}-web.jsonl").write_text("\n".join(lines), encoding="utf-8")
    commands = [line.split() for line in COMMANDS.split("\n") if line]
    done = subprocess.run(
        [sys.executable, "-c", LEFT, json.dumps(commands)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout)
    assert left["codes"] == [0] * len(commands), done.stderr
    assert (left["forgotten"], left["others"]) == ([], [])
    assert left["kernels"] > 160


def precompile(*, package: Path = ROOT, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tokkit.precompile"],
        cwd=package,
        env=os.environ | {"PYTHONPATH": str(package)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_says_how_long_it_took_and_where_the_machine_code_is():
    process = precompile()
    stdout, stderr = process.communicate()
    assert (process.returncode, stdout) == (0, "")
    first, second = stderr.splitlines()
    assert first == "compiling every kernel, once on this machine: up to half a minute"
    found = re.fullmatch(r"done in \d+ s: (.*)", second)
    assert found is not None, second
    assert list(Path(found[1]).glob("table.count_pretokens-*.nbi")) != []


def test_it_is_refused_where_no_folder_can_keep_machine_code(tmp_path):
    """A file where the folder for machine code would be: even root cannot write there."""
    package = tmp_path / "installed" / "tokkit"
    shutil.copytree(ROOT / "tokkit", package, ignore=shutil.ignore_patterns("__pycache__"))
    blocked = package / "kernels" / "__pycache__"
    blocked.write_text("in the way", encoding="utf-8")
    process = precompile(package=package.parent, XDG_CACHE_HOME=str(blocked), NUMBA_CACHE_DIR="")
    stdout, stderr = process.communicate()
    assert (process.returncode, stdout) == (2, "")
    assert stderr == "error: no folder can keep machine code\nhint: NUMBA_CACHE_DIR can name one\n"


def test_an_interrupt_ends_all_processes():
    process = precompile()
    assert process.stderr is not None
    assert process.stderr.readline().startswith("compiling every kernel")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "error: interrupted\n")
