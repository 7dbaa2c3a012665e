"""A tokenizer from whatever file it lies in: the file's first bytes decide, and its name where they are silent."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokkit.display import show
from tokkit.errors import FormatError, MismatchError
from tokkit.formats.tiktoken import load as load_ranks

if TYPE_CHECKING:
    from tokkit.foreign import ForeignVocabulary
    from tokkit.vocabulary import Vocabulary

Format = Literal["tiktoken", "huggingface", "tekken", "sentencepiece", "gguf"]

# Names that tokenizers go by. Other names are read too, when asked for: what is in the file decides.
_NAMES = re.compile(r".+\.(tiktoken|gguf|model)|.+\.model\.v\d+\w*|tokenizer\.json|.*tekken.*\.json")
_IN_FOLDERS = ("tokenizer.json", "tekken.json")
_RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} +-?\d")
_HEAD = 1 << 16  # tekken.json comes to its first token in less
_LARGEST = 1 << 28  # bytes of a JSON or rank file: ten times the largest that is published


def read(path: str | Path, pattern: str | None = None) -> Vocabulary | ForeignVocabulary:
    """Read a tokenizer of any format that tokkit knows.

    Args:
        path: a rank file, a tokenizer.json or tekken.json or a folder with one, a SentencePiece model, a GGUF file.
        pattern: the split pattern of a rank file without a sidecar. The other formats carry their own, and one that
            is not theirs is refused.

    Returns:
        A Vocabulary where the file's merges are rank merges, else a ForeignVocabulary that says what it breaks.

    Raises:
        FormatError: no such format, or the file breaks it; names file and place.
        MismatchError: `pattern` is not that of the file.
        OSError: the file cannot be read.
    """
    file = Path(path)
    format_ = format_of(file)
    if format_ == "tiktoken":
        return load_ranks(file, pattern)
    # Each reader's library is loaded for its own files only.
    module = "huggingface_read" if format_ == "huggingface" else format_
    reader = importlib.import_module(f"tokkit.formats.{module}")
    loaded: Vocabulary | ForeignVocabulary = reader.load(file)
    if pattern is not None and pattern != loaded.pattern:
        found = "none that a pattern could say" if loaded.pattern is None else repr(loaded.pattern)
        raise MismatchError(
            f"the pattern given is not that of {path}: {pattern!r} against {found}",
            "leave --pattern out: the file carries its own split",
        )
    return loaded


def looks_like_tokenizer(path: str | Path) -> bool:
    """Return whether a path has a name that tokenizers go by, or is a folder.

    Example:
        >>> looks_like_tokenizer("vocab/zh.tiktoken"), looks_like_tokenizer("corpus/en-web.jsonl")
        (True, False)
    """
    return _NAMES.fullmatch(Path(path).name) is not None or Path(path).is_dir()


def format_of(path: Path) -> Format:
    """Return the format of a file by its first bytes, and by its name where they do not say.

    Raises:
        FormatError: an empty file, or one that begins like none of the formats.
        OSError: the file cannot be read.
    """
    if path.is_dir():
        return _format_of_folder(path)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise FormatError(f"{path}: an empty file", "copy the tokenizer again")
    found = _format_of_head(path, head)
    if found not in ("sentencepiece", "gguf") and path.stat().st_size > _LARGEST:
        raise FormatError(
            f"{path}: {path.stat().st_size:,} bytes, more than the {_LARGEST:,} that are read of such a file",
            "is it a tokenizer?",
        )
    return found


def _format_of_head(path: Path, head: bytes) -> Format:
    if path.suffix == ".tiktoken":
        return "tiktoken"
    if head.startswith(b"GGUF"):
        return "gguf"
    if path.suffix == ".json" and head.lstrip(b"{ \r\n").startswith(b'"format": "tokkit-vocabulary"'):
        raise FormatError(f"{path}: the sidecar of a rank file", f"name the rank file: {path.with_suffix('.tiktoken')}")
    if path.suffix == ".json" or head.lstrip()[:1] == b"{":
        return "tekken" if path.name.startswith("tekken") or b'"token_bytes"' in head else "huggingface"
    if _RANK_LINE.match(head):
        return "tiktoken"
    if path.suffix == ".gguf":
        return "gguf"
    # The first field of a SentencePiece model is its first piece: tag 1, a message.
    if head.startswith(b"\n") or _NAMES.fullmatch(path.name):
        return "sentencepiece"
    if head.startswith(b"PAR1"):
        raise FormatError(
            f"{path}: a Parquet file, and no tokenizer", "counts and corpora go after --on, or to count and learn"
        )
    if head.startswith(b'# {"format": "tokkit'):
        raise FormatError(
            f"{path}: learned tokens, and no vocabulary", f"tokkit merge BASE {path} -o FILE.tiktoken makes one of them"
        )
    raise FormatError(
        f"{path}: not a tokenizer that tokkit reads: it begins with `{show(head[:16])}`",
        "read are .tiktoken rank files, tokenizer.json, tekken.json, SentencePiece .model and .gguf",
    )


def _format_of_folder(path: Path) -> Format:
    for name, found in zip(_IN_FOLDERS, ("huggingface", "tekken"), strict=True):
        if (path / name).exists():
            return "huggingface" if found == "huggingface" else "tekken"
    models = sorted(each.name for each in path.iterdir() if looks_like_tokenizer(each) and each.is_file())
    raise FormatError(
        f"{path}: a folder without a tokenizer.json or tekken.json",
        f"name the file in it: {', '.join(models[:3])}" if models else "name the tokenizer's file",
    )
