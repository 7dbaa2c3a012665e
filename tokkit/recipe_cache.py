"""Steps that are not run again: what a step made is kept under the hash of everything that it was made from.

The hash covers the step's name, its inputs by sha256, its options, and tokkit's own code. A kept result carries its own
sha256, so that a damaged file is a step to run again. Removing the folder is harmless.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

import tokkit
from tokkit.counts_table import CountsTable, Slice
from tokkit.files import json_bytes, write_atomically
from tokkit.learn import LearnedTokens
from tokkit.select import Selection
from tokkit.vocabulary import Segment, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")
_ARRAYS = (("slice_ids", "<i4"), ("data", "u1"), ("starts", "<i8"), ("counts", "<i8"), ("documents", "<i8"))
_LARGEST = 1 << 31  # bytes of a result that are kept; msgpack ends at 4 GiB


@dataclass(frozen=True)
class Step:
    """One step of a build as it was done: its name, what it came to, and whether it was taken from the cache."""

    name: str
    detail: str
    cached: bool


@dataclass
class Cache:
    """The results of earlier builds.

    Attributes:
        folder: where they lie; it is made when the first is kept. None keeps nothing.
        taken: keys of the steps that were not run again, in the order of the build.
    """

    folder: Path | None
    taken: list[str] = field(default_factory=list)

    def run(
        self,
        name: str,
        parts: dict[str, Any],
        work: Callable[[], Result],
        pack: Callable[[Result], Any],
        unpack: Callable[[Any], Result],
    ) -> tuple[Result, bool]:
        """Return what a step makes, and whether it was kept from an earlier build.

        Args:
            name: the step's name, which its file begins with.
            parts: JSON object: everything that its result depends on.
            work: runs it.
            pack: turns a result into what msgpack can hold.
            unpack: the way back.
        """
        key = f"{name.replace(' ', '-')}-{key_of({'step': name, 'parts': parts})}"
        kept = self._read(key)
        if kept is not None:
            self.taken.append(key)
            return unpack(kept), True
        result = work()
        self._write(key, pack(result))
        return result, False

    def _read(self, key: str) -> Any:
        if self.folder is None:
            return None
        try:
            digest, _, body = (self.folder / key).read_bytes().partition(b"\n")
        except OSError:
            return None
        if hashlib.sha256(body).hexdigest().encode() != digest:
            return None
        return msgspec.msgpack.decode(body)

    def _write(self, key: str, value: Any) -> None:
        if self.folder is None:
            return
        body = msgspec.msgpack.encode(value)
        if len(body) > _LARGEST:
            return
        with contextlib.suppress(OSError):  # what cannot be kept is made again; a full disk stops the release itself
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / key, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def key_of(value: Any) -> str:
    """Return the hash of a JSON value and of tokkit's code, 32 hexadecimal digits."""
    return hashlib.sha256(code_sha256().encode() + json_bytes(value)).hexdigest()[:32]


@functools.cache
def code_sha256() -> str:
    """Return the sha256 of the version and of every module that can change a result: what prints and asks cannot."""
    root = Path(tokkit.__file__).parent
    digest = hashlib.sha256(tokkit.TOOL.encode())
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(("cli/", "render/")):
            digest.update(f"\n{name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def pack_vocabulary(vocabulary: Vocabulary) -> dict[str, Any]:
    """Return a vocabulary as msgpack holds it."""
    return {
        "name": vocabulary.name,
        "pattern": vocabulary.pattern,
        "tokens": vocabulary.tokens,
        "special_tokens": dict(vocabulary.special_tokens),
        "segments": [(part.name, part.start, part.stop) for part in vocabulary.segments],
        "provenance": [dict(step) for step in vocabulary.provenance],
    }


def unpack_vocabulary(value: Any) -> Vocabulary:
    """Return the vocabulary that `pack_vocabulary` packed."""
    return Vocabulary(
        value["name"],
        value["pattern"],
        tuple(value["tokens"]),
        value["special_tokens"],
        tuple(Segment(*part) for part in value["segments"]),
        tuple(value["provenance"]),
    )


def pack_selection(selection: Selection) -> dict[str, Any]:
    """Return a selection as msgpack holds it."""
    return {**vars(selection), "dropped": dict(selection.dropped), "vocabulary": pack_vocabulary(selection.vocabulary)}


def unpack_selection(value: Any) -> Selection:
    """Return the selection that `pack_selection` packed."""
    return Selection(**(value | {"vocabulary": unpack_vocabulary(value["vocabulary"])}))


def pack_learned(learned: LearnedTokens) -> dict[str, Any]:
    """Return learned tokens as msgpack holds them."""
    return {**vars(learned), "options": dict(learned.options)}


def unpack_learned(value: Any) -> LearnedTokens:
    """Return the learned tokens that `pack_learned` packed."""
    lists = {key: tuple(value[key]) for key in ("tokens", "counts", "pretokens")}
    return LearnedTokens(**(value | lists))


def pack_table(table: CountsTable) -> dict[str, Any]:
    """Return a counts table as msgpack holds it, without its provenance."""
    return {
        "pattern": table.pattern,
        "slices": [tuple(vars(part).values()) for part in table.slices],
        "arrays": [getattr(table, name).astype(kind).tobytes() for name, kind in _ARRAYS],
    }


def unpack_table(value: Any) -> CountsTable:
    """Return the counts table that `pack_table` packed."""
    slice_ids, data, starts, counts, documents = (
        np.frombuffer(each, kind) for each, (_, kind) in zip(value["arrays"], _ARRAYS, strict=True)
    )
    slices = tuple(Slice(*part) for part in value["slices"])
    return CountsTable(value["pattern"], slices, slice_ids, data, starts, counts, documents)
