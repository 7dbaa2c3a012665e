from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import tokkit


def test_every_public_name_is_the_one_of_its_module() -> None:
    assert {*tokkit._HOMES, "TOOL", "__version__"} == set(tokkit.__all__)
    for name, module in tokkit._HOMES.items():
        assert getattr(tokkit, name) is getattr(importlib.import_module(f"tokkit.{module}"), name), name
        assert name in dir(tokkit)


def test_no_public_name_is_a_modules() -> None:
    """A function called as its module would turn into the module as soon as somebody imports that."""
    for name in tokkit.__all__:
        assert importlib.util.find_spec(f"tokkit.{name}") is None, name


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'tokkit' has no attribute 'nothing'"):
        _ = tokkit.nothing


def test_the_import_is_light() -> None:
    heavy = "{'numpy', 'numba', 'pyarrow', 'tokenizers', 'tiktoken', 'rich', 'typer', 'transformers', 'regex'}"
    code = f"import sys, tokkit; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_bases_and_formats_load_no_runtime(tmp_path) -> None:
    code = (
        "import sys, tokkit, tokkit.formats.tiktoken, tokkit.formats.huggingface, tokkit.formats.tokens\n"
        "tokkit.load_base('cl100k_base')\n"
        "print(sorted({'numba', 'pyarrow', 'tokenizers', 'tiktoken', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "[]\n"


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "tokkit", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tokkit.TOOL}\n"
