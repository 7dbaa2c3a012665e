"""Files written whole or not at all: a temporary file in the same folder, flush, fsync, rename."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokkit.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in `path`'s folder; on success it is synced and renamed to `path`, else removed.

    For outputs that another library writes (Parquet). A symbolic link is followed, so that it stays one; what is no
    regular file (`/dev/stdout`, a named pipe) is yielded itself, because nothing can be renamed over it.

    Raises:
        OSError: the folder cannot be written, or the disk is full; `path` is as it was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "numbers.txt"
        ...     with replacing(target) as temporary:
        ...         _ = temporary.write_text("1 2 3")
        ...     target.read_text(), len(os.listdir(folder))
        ('1 2 3', 1)
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        yield target
        return
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:  # an interrupt too must leave no temporary file behind
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` so that an interrupted run leaves the old file or none.

    Raises:
        OSError: the folder cannot be written, or the disk is full; `path` is as it was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomically(f"{folder}/a", b"data")
        ...     Path(folder, "a").read_bytes()
        b'data'
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(data)


def json_bytes(value: Any) -> bytes:
    r"""Return the bytes that `write_json` writes: two spaces of indent, UTF-8, keys in the order given.

    Example:
        >>> json_bytes({"名": 1})
        b'{\n  "\xe5\x90\x8d": 1\n}\n'
    """
    return (json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def write_json(path: str | Path, value: Any) -> None:
    """Write one JSON document atomically, as `json_bytes` gives it."""
    write_atomically(path, json_bytes(value))


def read_json(path: str | Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        FormatError: the file is not UTF-8, not JSON, or has a key twice in one object; names the file, and line and
            column where they are known.
        OSError: the file cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        return json.loads(data.decode(), object_pairs_hook=lambda pairs: _object(pairs, path))
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not UTF-8: byte {data[error.start]:#04x} at offset {error.start}") from None
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise FormatError(f"{path}: JSON nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise FormatError(f"{path}: not JSON that can be read: {error}") from None


def _object(pairs: list[tuple[str, Any]], path: str | Path) -> dict[str, Any]:
    """Return a JSON object whose keys are distinct: which of two values is meant, readers do not agree on."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise FormatError(f"{path}: key {key!r:.60} comes twice in one object", "keep one of the two")
            seen.add(key)
    return fields


def sha256_of(path: str | Path, check: Callable[[], None] = lambda: None) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal; reads it in pieces, and calls `check` before each, which may raise.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomically(f"{folder}/empty", b"")
        ...     sha256_of(f"{folder}/empty")[:8]
        'e3b0c442'
    """
    digest = hashlib.sha256()
    with Path(path).open("rb", buffering=0) as file:
        piece = memoryview(bytearray(1 << 18))
        while size := file.readinto(piece):
            check()
            digest.update(piece[:size])
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
