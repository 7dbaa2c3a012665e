"""What the verbs write: where to, checked before the work starts, and told in one line when it does not go."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tokkit.cli.inputs import is_huggingface
from tokkit.errors import InputError

if TYPE_CHECKING:
    from tokkit.vocabulary import Vocabulary


def check(path: Path, suffix: str | None = None, *, inputs: Sequence[str] = ()) -> None:
    """Refuse an output path that cannot be written, before hours of work are spent on it.

    Args:
        path: the output.
        suffix: what its name has to end in, if anything.
        inputs: what is read and is to be there afterwards: names and paths.

    Raises:
        InputError: its folder is missing or not writable, it is a folder itself, stdout or an input, or it lacks `suffix`.
    """
    folder = path.parent
    if str(path) == "-":
        raise InputError("cannot write -: the result is a file, and stdout is none", f"-o NAME{suffix or ''}")
    if suffix is not None and path.suffix != suffix:
        raise InputError(f"cannot write {path}: its name does not end in {suffix}", f"-o {path}{suffix}")
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: no folder {folder}", f"mkdir -p {folder}")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder", "name a file in it")
    if path.is_file() and any(Path(each).is_file() and path.samefile(each) for each in inputs):
        raise InputError(f"cannot write {path}: it is an input, which would be lost", "name another file after -o")
    if not os.access(folder, os.W_OK):
        raise InputError(f"cannot write {path}: no permission in folder {folder}", "choose another folder")


def check_export(path: Path, formats: Sequence[str]) -> None:
    """Refuse an output path that does not fit the formats to write: one file, or a folder.

    Raises:
        InputError: as `check`; or a file where a folder is wanted.
    """
    suffixes = {"tiktoken": ".tiktoken", "sentencepiece": ".model", "gguf": ".gguf"}
    if len(formats) == 1 and formats[0] in suffixes and not path.is_dir():
        check(path, suffixes[formats[0]])
    elif path.exists() and not path.is_dir():
        what = "several formats are" if len(formats) > 1 else f"{formats[0]} is"
        raise InputError(f"cannot write {path}: {what} written into a folder, and it is a file", "name a folder")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failed write inside into an error that names `path`, not the temporary file beside it.

    Raises:
        InputError: the disk is full, or the folder may not be written; what was there before is still there.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}", "what was there is untouched") from error


def save(vocabulary: Vocabulary, path: Path) -> None:
    """Write a vocabulary in the format that its path asks for: a folder or tokenizer.json, else a rank file.

    Raises:
        InputError: the path cannot be written; names it.
    """
    from tokkit.formats import tiktoken

    if is_huggingface(str(path)):
        save_folder(vocabulary, path if path.is_dir() else path.parent)
        return
    check(path, ".tiktoken")
    with writing(path):
        tiktoken.save(vocabulary, path)


def save_folder(vocabulary: Vocabulary, folder: Path) -> None:
    """Write a vocabulary as tokenizer.json and what belongs to it into a folder, which is made where it is missing.

    Raises:
        InputError: the folder cannot be made or written; names it.
    """
    from tokkit.formats import huggingface

    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        huggingface.save(vocabulary, folder)
