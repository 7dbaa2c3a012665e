"""Counts tables as Parquet files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tokkit.counts_folds import unfolded
from tokkit.counts_table import CountsTable, Slice, joined_starts
from tokkit.errors import FormatError, InputError
from tokkit.files import replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = "tokkit-counts"
VERSION = 1
VERSION_WITH_FOLDS = 2
_ROWS_AT_ONCE = 1 << 20


def save(table: CountsTable, path: str | Path) -> None:
    """Write a counts table as zstd Parquet, atomically; the metadata hold the pattern and the totals of each slice.

    Columns: language, domain (dictionary of strings), pretoken (binary), count, documents (int64), and fold (int8) where
    folds are kept apart.
    """
    metadata = {
        "format": FORMAT,
        "version": VERSION_WITH_FOLDS if table.folds else VERSION,
        "pattern": table.pattern,
        **({"folds": table.folds} if table.folds else {}),
        "slices": [{key: value for key, value in vars(part).items() if value is not None} for part in table.slices],
        "provenance": dict(table.provenance),
    }
    schema = pa.schema(
        [
            ("language", pa.dictionary(pa.int32(), pa.string())),
            ("domain", pa.dictionary(pa.int32(), pa.string())),
            ("pretoken", pa.binary()),
            ("count", pa.int64()),
            ("documents", pa.int64()),
            *([("fold", pa.int8())] if table.folds else []),
        ],
        metadata={"tokkit": json.dumps(metadata, ensure_ascii=False)},
    )
    languages = _Labels.of([part.language for part in table.slices])
    domains = _Labels.of([part.domain for part in table.slices])
    folds = np.array([part.fold or 0 for part in table.slices], np.int8)
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=["language", "domain"]) as writer,
    ):
        for first in range(0, len(table), _ROWS_AT_ONCE):
            last = min(first + _ROWS_AT_ONCE, len(table))
            ids = table.slice_ids[first:last]
            writer.write_batch(
                pa.record_batch(
                    [
                        languages.array(ids),
                        domains.array(ids),
                        _binary_array(table.data, table.starts[first : last + 1]),
                        pa.array(table.counts[first:last]),
                        pa.array(table.documents[first:last]),
                        *([pa.array(folds[ids])] if table.folds else []),
                    ],
                    schema=schema,
                )
            )


@dataclass(frozen=True)
class _Labels:
    """The languages or domains of slices: distinct names, and which of them each slice has.

    Distinct they must be: of a dictionary that says a name twice, Arrow does not write the same bytes every time.
    """

    names: pa.Array
    codes: NDArray[np.int32]

    @staticmethod
    def of(labels: Sequence[str]) -> _Labels:
        names = sorted(set(labels))
        return _Labels(pa.array(names, pa.string()), np.array([names.index(label) for label in labels], np.int32))

    def array(self, slice_ids: NDArray[np.int32]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(self.codes[slice_ids]), self.names)


def _binary_array(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> pa.Array:
    first, last = int(starts[0]), int(starts[-1])
    offsets = pa.py_buffer(np.ascontiguousarray(starts - first))
    large = pa.Array.from_buffers(pa.large_binary(), starts.size - 1, [None, offsets, pa.py_buffer(data[first:last])])
    return large.cast(pa.binary())


def is_counts_table(path: str | Path) -> bool:
    """Tell whether a file is a counts table, by its metadata."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return False
    return b"tokkit" in metadata


def load(path: str | Path, *, folds: bool = False) -> CountsTable:
    """Read a counts table.

    Args:
        path: the file.
        folds: keep the folds apart that the file has; else they are added up.

    Raises:
        FormatError: not a counts table, another version of the format, or a broken file.
    """
    try:
        file = pq.read_table(path, memory_map=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "make one with `tokkit count CORPUS -o FILE.parquet`") from None
    except (OSError, pa.ArrowInvalid) as error:
        first_line = str(error).splitlines()[0]
        raise FormatError(f"{path}: not a readable Parquet file: {first_line}", "count the corpus again") from None
    try:
        metadata = json.loads((file.schema.metadata or {}).get(b"tokkit", b"null"))
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise FormatError(f"{path}: a Parquet file, but not a counts table", "make one with `tokkit count`")
    version = VERSION_WITH_FOLDS if "folds" in metadata else VERSION
    if metadata["version"] != version:
        raise FormatError(f"{path}: counts format version {metadata['version']}, this tokkit reads {version}")
    slices = tuple(Slice(**part) for part in metadata["slices"])
    pretokens = file["pretoken"].cast(pa.large_binary()).combine_chunks()
    chunks = pretokens.chunks if isinstance(pretokens, pa.ChunkedArray) else [pretokens]
    data, starts = _strings_of(chunks)
    counts = file["count"].to_numpy()
    table = CountsTable(
        metadata["pattern"],
        slices,
        _slice_ids(file, slices),
        data,
        starts,
        np.ascontiguousarray(counts),
        np.ascontiguousarray(file["documents"].to_numpy()),
        metadata["provenance"],
        metadata.get("folds", 0),
    )
    return table if folds else unfolded(table)


def _strings_of(chunks: Sequence[pa.Array]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    data = []
    starts = []
    for chunk in chunks:
        offsets = np.frombuffer(chunk.buffers()[1], np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
        values = chunk.buffers()[2]
        if values is not None and len(chunk):
            data.append(np.frombuffer(values, np.uint8)[offsets[0] : offsets[-1]])
            starts.append(offsets - offsets[0])
    return (np.concatenate(data) if data else np.empty(0, np.uint8)), joined_starts(starts)


def _slice_ids(file: pa.Table, slices: Sequence[Slice]) -> NDArray[np.int32]:
    """Return the slice of each row: rows are sorted by slice, so the language and domain change where the slice does."""
    languages = file["language"].cast(pa.string()).combine_chunks().dictionary_encode()
    domains = file["domain"].cast(pa.string()).combine_chunks().dictionary_encode()
    by_key: dict[tuple[str, str], int] = {}  # the first of its folds, which lie side by side
    for number, part in enumerate(slices):
        by_key.setdefault(part.key, number)
    languages = languages.chunk(0) if isinstance(languages, pa.ChunkedArray) else languages
    domains = domains.chunk(0) if isinstance(domains, pa.ChunkedArray) else domains
    n_domains = max(len(domains.dictionary), 1)
    codes = languages.indices.to_numpy().astype(np.int64) * n_domains + domains.indices.to_numpy()
    lookup = np.full(max(len(languages.dictionary), 1) * n_domains, -1, np.int32)
    for i, language in enumerate(languages.dictionary.to_pylist()):
        for j, domain in enumerate(domains.dictionary.to_pylist()):
            lookup[i * n_domains + j] = by_key.get((language, domain), -1)
    ids: NDArray[np.int32] = lookup[codes]
    if "fold" in file.column_names:
        place = np.zeros((len(slices), 128), np.int32)  # of a fold behind the first that its slice has
        for number, part in enumerate(slices):
            place[by_key[part.key], part.fold or 0] = number - by_key[part.key]
        ids += place[ids, file["fold"].to_numpy()]
    return ids
