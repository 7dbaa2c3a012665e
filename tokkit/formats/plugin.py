"""An installable package that makes `tiktoken.get_encoding("NAME")` work: tiktoken finds encodings in `tiktoken_ext`.

The package is a folder for pip: a pyproject.toml, and in the namespace `tiktoken_ext` one module with the rank file beside
it. The module names the encoding, reads the rank file from where it is installed, checks its sha256, and asks no network.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tokkit.errors import FormatError
from tokkit.files import write_atomically
from tokkit.vocabulary import rank_lines

if TYPE_CHECKING:
    from tokkit.vocabulary import Vocabulary

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=70.1"]
build-backend = "setuptools.build_meta"

[project]
name = {distribution}
version = {version}
description = {description}
requires-python = ">=3.8"
dependencies = ["tiktoken>=0.5"]

[tool.setuptools]
packages = ["tiktoken_ext"]

[tool.setuptools.package-data]
tiktoken_ext = [{rank_file}]
"""

_MODULE = '''\
"""An encoding for tiktoken; its rank file lies beside this module."""

import base64
import hashlib
from pathlib import Path

RANK_FILE = Path(__file__).with_name({rank_file})
SHA256 = {sha256}
PATTERN = {pattern}
SPECIAL_TOKENS = {special_tokens}


def encoding():
    """Return what tiktoken.Encoding takes; a rank file that was changed is refused."""
    data = RANK_FILE.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(f"{{RANK_FILE}} is not the rank file that this package was made with")
    lines = (line.split() for line in data.splitlines())
    return {{
        "name": {name},
        "pat_str": PATTERN,
        "mergeable_ranks": {{base64.b64decode(token): int(rank) for token, rank in lines}},
        "special_tokens": SPECIAL_TOKENS,
    }}


ENCODING_CONSTRUCTORS = {{{name}: encoding}}
'''


def files(vocabulary: Vocabulary) -> dict[str, bytes]:
    """Return the files of the package, path in it -> bytes.

    Raises:
        FormatError: the name gives no name of a module, or tiktoken has an encoding of this name.

    Example:
        >>> from tokkit import Vocabulary
        >>> sorted(files(Vocabulary("zh-60k", ".", (b"a",))))
        ['pyproject.toml', 'tiktoken_ext/zh_60k.py', 'tiktoken_ext/zh_60k.tiktoken']
    """
    module = module_name(vocabulary.name)
    data = rank_lines(vocabulary.tokens)
    specials = sorted(vocabulary.special_tokens.items(), key=lambda item: item[1])
    pyproject = _PYPROJECT.format(
        distribution=json.dumps(f"tiktoken-{module.replace('_', '-').strip('-')}"),
        version=json.dumps(f"0.1.0+{vocabulary.sha256[:12]}"),  # another vocabulary is another version to pip
        description=json.dumps(f"{module}, {vocabulary.n_vocab} entries, as an encoding of tiktoken"),
        rank_file=json.dumps(f"{module}.tiktoken"),
    )
    # `ascii` gives a literal of Python that no text can end early: names and patterns come from files.
    source = _MODULE.format(
        name=ascii(vocabulary.name),
        rank_file=ascii(f"{module}.tiktoken"),
        sha256=ascii(vocabulary.sha256),
        pattern=ascii(vocabulary.pattern),
        special_tokens="{" + "".join(f"\n    {name!a}: {token_id}," for name, token_id in specials) + "\n}",
    )
    return {
        "pyproject.toml": pyproject.encode(),
        f"tiktoken_ext/{module}.py": source.encode(),
        f"tiktoken_ext/{module}.tiktoken": data,
    }


def module_name(name: str) -> str:
    """Return the module's name for an encoding's.

    Raises:
        FormatError: nothing in it that a module could be named by, or a name of tiktoken's own.

    Example:
        >>> module_name("zh-60k.v2"), module_name("60k")
        ('zh_60k_v2', '_60k')
    """
    module = re.sub(r"[^0-9a-z]+", "_", name.lower()).rstrip("_")
    if not module.strip("_"):
        raise FormatError(f"no module can be named after the vocabulary's name: {name!r}", "rename its files")
    if module in ("cl100k_base", "o200k_base", "p50k_base", "r50k_base", "gpt2", "openai_public"):
        raise FormatError(f"tiktoken has {name!r} itself", "a plugin is for a vocabulary of your own")
    return f"_{module}" if module[0].isdigit() else module


def save(vocabulary: Vocabulary, directory: str | Path) -> None:
    """Write the package into a folder, each file atomically: `pip install FOLDER` installs it.

    Raises:
        FormatError: see `files`.
        OSError: the folder cannot be made or written.
    """
    folder = Path(directory)
    for name, data in files(vocabulary).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, data)
