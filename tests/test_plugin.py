"""The plugin for tiktoken: installed by pip into a folder of its own, and found by name without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from tokkit.errors import FormatError
from tokkit.formats import plugin

TEXT = "the thing，\n'the <|end|> 12345"
PROGRAM = """
import json, socket, sys
def refuse(*_): raise OSError("no network here")
socket.socket.connect = refuse
import tiktoken
found = tiktoken.get_encoding(sys.argv[1])
print(json.dumps([found.n_vocab, found.encode_ordinary(sys.argv[2]), found.encode("<|end|>", allowed_special="all"), found.name]))
"""


@pytest.fixture(scope="module")
def odd(tiny_padded):
    """A name and a pattern that would end a string early, and hold what a template might take for its own."""
    pattern = tiny_padded.pattern + r"""|"\"'{}%s\\"""
    return replace(tiny_padded, name='zh-1"""k', pattern=pattern)


def test_pip_installs_it_and_tiktoken_finds_it(odd, tmp_path):
    plugin.save(odd, tmp_path / "source")
    environment = os.environ | {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    install = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--target", str(tmp_path / "site"), str(tmp_path / "source"),
    ]  # fmt: skip
    subprocess.run(install, check=True, env=environment, capture_output=True)
    installed = sorted(path.name for path in (tmp_path / "site" / "tiktoken_ext").iterdir() if path.is_file())
    assert installed == ["zh_1_k.py", "zh_1_k.tiktoken"]
    assert list((tmp_path / "site").glob("tiktoken_zh_1_k-0.1.0+*.dist-info"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, odd.name, TEXT],
        check=True,
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": str(tmp_path / "site"), "TIKTOKEN_CACHE_DIR": ""},
    )
    assert json.loads(done.stdout) == [odd.n_vocab, odd.encode(TEXT), [odd.special_tokens["<|end|>"]], odd.name]


def test_a_rank_file_that_was_changed_is_refused(tiny_padded, tmp_path):
    plugin.save(tiny_padded, tmp_path)
    module, ranks = (tmp_path / "tiktoken_ext" / f"tiny_padded.{suffix}" for suffix in ("py", "tiktoken"))
    values: dict[str, Any] = {"__file__": str(module), "__name__": "plugin"}
    exec(compile(module.read_text("ascii"), str(module), "exec"), values)
    built = values["ENCODING_CONSTRUCTORS"]["tiny_padded"]()
    assert built["mergeable_ranks"] == tiny_padded.ranks
    assert built["special_tokens"] == tiny_padded.special_tokens
    ranks.write_bytes(ranks.read_bytes().replace(b" 261\n", b" 262\n"))
    with pytest.raises(ValueError, match="is not the rank file that this package was made with"):
        values["ENCODING_CONSTRUCTORS"]["tiny_padded"]()


def test_the_same_vocabulary_makes_the_same_package(odd):
    assert plugin.files(odd) == plugin.files(replace(odd))


@pytest.mark.parametrize("name", ["cl100k_base", "GPT2", "中", "--"])
def test_names_that_cannot_be_a_modules(tiny, name):
    with pytest.raises(FormatError):
        plugin.files(replace(tiny, name=name))
