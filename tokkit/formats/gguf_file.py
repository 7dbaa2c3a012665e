"""The container of GGUF files: keys and typed values at their head. Tensors are neither read nor written.

Read here, not by a library: a model of 100 GB costs no more than its vocabulary, every length is checked against what the
file has left, and an error names the byte.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokkit.errors import FormatError
from tokkit.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAGIC = b"GGUF"
VERSION = 3
STRING, ARRAY = 8, 9
UINT32, INT32, FLOAT32, BOOL = 4, 5, 6, 7
_CODES = {0: "B", 1: "b", 2: "H", 3: "h", UINT32: "I", INT32: "i", FLOAT32: "f", BOOL: "?", 10: "Q", 11: "q", 12: "d"}
MOST_ENTRIES = 1 << 22  # of an array that is read: ten times the merges of the largest vocabulary known
_LONGEST_STRING = 1 << 24
_CUT = "the file is cut, or is something else"


def read(path: str | Path, wanted: Callable[[str], bool]) -> tuple[dict[str, Any], int]:
    """Return the values of the keys that `wanted` takes, strings as bytes, and the length of the file's metadata.

    Raises:
        FormatError: not GGUF 2 or 3 in little-endian order, or a length or type that cannot be; names the byte.
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        if len(file.read(24)) < 24:
            raise FormatError(f"{path}: not a GGUF file: shorter than its header", _CUT)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data, str(path)).metadata(wanted)


class _Reader:
    """A position in a file, and what can be read there."""

    def __init__(self, data: mmap.mmap, source: str) -> None:
        self.data = data
        self.source = source
        self.at = 0

    def metadata(self, wanted: Callable[[str], bool]) -> tuple[dict[str, Any], int]:
        if self.data[:4] != MAGIC:
            raise FormatError(f"{self.source}: not a GGUF file: it begins with {self.data[:4]!r}")
        self.at = 4
        version = self.unpack("I")
        if version not in (2, 3):
            other = "big-endian, " if version in (2 << 24, 3 << 24) else ""
            raise FormatError(
                f"{self.source}: byte 4: GGUF version {version}, {other}which tokkit does not read",
                "read are versions 2 and 3, little-endian",
            )
        self.unpack("Q")  # tensors
        n_keys = self.unpack("Q")
        values: dict[str, Any] = {}
        for _ in range(n_keys):
            place = self.at
            key = self.string().decode("utf-8", "backslashreplace")
            kept = wanted(key)
            value = self.value(self.unpack("I"), key, kept=kept)
            if kept and key in values:
                raise FormatError(f"{self.source}: byte {place}: key {key!r} comes twice")
            if kept:
                values[key] = value
        return values, self.at

    def value(self, kind: int, key: str, *, kept: bool) -> Any:
        if kind == STRING:
            return self.string()
        if kind in _CODES:
            return self.unpack(_CODES[kind])
        if kind != ARRAY:
            raise FormatError(
                f"{self.source}: byte {self.at - 4}: key {key!r} has type {kind}, which GGUF does not know"
            )
        kind = self.unpack("I")
        length = self.unpack("Q")
        width = 8 if kind == STRING else struct.calcsize(_CODES[kind]) if kind in _CODES else 0
        if not width:
            raise FormatError(f"{self.source}: byte {self.at}: key {key!r} is an array of type {kind}")
        if length * width > len(self.data) - self.at or (kept and length > MOST_ENTRIES):
            raise FormatError(f"{self.source}: byte {self.at}: key {key!r} says that it has {length:,} entries", _CUT)
        if kind == STRING:
            if kept:
                return [self.string() for _ in range(length)]
            for _ in range(length):
                self.skip_string()
            return None
        self.at += length * width
        return (
            list(struct.unpack_from(f"<{length}{_CODES[kind]}", self.data, self.at - length * width)) if kept else None
        )

    def string(self) -> bytes:
        length = self.string_length()
        self.at += length
        return self.data[self.at - length : self.at]

    def skip_string(self) -> None:
        length = self.string_length()  # which moves `at` itself
        self.at += length

    def string_length(self) -> int:
        place = self.at
        length = int(self.unpack("Q"))
        if length > min(_LONGEST_STRING, len(self.data) - self.at):
            raise FormatError(f"{self.source}: byte {place}: a string of {length:,} bytes", _CUT)
        return length

    def unpack(self, code: str) -> Any:
        width = struct.calcsize(code)
        if self.at + width > len(self.data):
            raise FormatError(f"{self.source}: byte {self.at}: the file ends within its metadata", _CUT)
        self.at += width
        return struct.unpack_from("<" + code, self.data, self.at - width)[0]


def write(path: str | Path, values: Mapping[str, tuple[int, Any]]) -> None:
    """Write a GGUF file without tensors, atomically.

    Args:
        path: the file.
        values: key -> its type and value, in the order of the file; an array's type is that of its entries, its value a list.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    head = MAGIC + struct.pack("<IQQ", VERSION, 0, len(values))
    write_atomically(path, head + b"".join(_string(key) + _packed(*values[key]) for key in values))


def _packed(kind: int, value: Any) -> bytes:
    if not isinstance(value, list):
        return struct.pack("<I", kind) + (_string(value) if kind == STRING else struct.pack("<" + _CODES[kind], value))
    entries = b"".join(map(_string, value)) if kind == STRING else struct.pack(f"<{len(value)}{_CODES[kind]}", *value)
    return struct.pack("<IIQ", ARRAY, kind, len(value)) + entries


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
