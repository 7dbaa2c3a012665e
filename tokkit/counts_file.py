"""Counts tables as Parquet files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
VERSION = 2
_ROWS_AT_ONCE = 1 << 20
# Sorted pretokens begin as their neighbours do, and most counts are small: an eighth less to compress, write and read.
_ENCODINGS = {
    "pretoken": "DELTA_BYTE_ARRAY",
    "count": "DELTA_BINARY_PACKED",
    "documents": "DELTA_BINARY_PACKED",
}


def save(table: CountsTable, path: str | Path) -> None:
    """Write a counts table as zstd Parquet, atomically; the metadata hold the pattern and the totals of each slice.

    Columns: language, domain (dictionary of strings), pretoken (binary), count, documents (int64), and fold (int8) where
    folds are kept apart.
    """
    rows = np.bincount(table.slice_ids, minlength=len(table.slices)).tolist()
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "pattern": table.pattern,
        **({"folds": table.folds} if table.folds else {}),
        "slices": [
            {key: value for key, value in vars(part).items() if value is not None} | {"rows": n_rows}
            for part, n_rows in zip(table.slices, rows, strict=True)
        ],
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
        pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            use_dictionary=["language", "domain"],
            column_encoding=_ENCODINGS,
        ) as writer,
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
    offsets = pa.py_buffer((starts - starts[0]).astype(np.int32))
    values = pa.py_buffer(data[starts[0] : starts[-1]])
    return pa.Array.from_buffers(pa.binary(), starts.size - 1, [None, offsets, values])


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
        with pq.ParquetFile(path, memory_map=True) as file:
            metadata = _metadata(file, path)
            rows = file.read(columns=["pretoken", "count", "documents"])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "make one with `tokkit count CORPUS -o FILE.parquet`") from None
    except (OSError, pa.ArrowInvalid) as error:
        first_line = str(error).splitlines()[0]
        raise FormatError(f"{path}: not a readable Parquet file: {first_line}", "count the corpus again") from None
    n_rows = [part.pop("rows") for part in metadata["slices"]]
    if sum(n_rows) != rows.num_rows:
        raise FormatError(f"{path}: {rows.num_rows:,} rows, its slices have {sum(n_rows):,}", "count the corpus again")
    data, starts = _strings_of(rows["pretoken"].chunks)
    table = CountsTable(
        metadata["pattern"],
        tuple(Slice(**part) for part in metadata["slices"]),
        np.repeat(np.arange(len(n_rows), dtype=np.int32), n_rows),
        data,
        starts,
        np.ascontiguousarray(rows["count"].to_numpy()),
        np.ascontiguousarray(rows["documents"].to_numpy()),
        metadata["provenance"],
        metadata.get("folds", 0),
    )
    return table if folds else unfolded(table)


def _metadata(file: pq.ParquetFile, path: str | Path) -> dict[str, Any]:
    try:
        metadata = json.loads((file.schema_arrow.metadata or {}).get(b"tokkit", b"null"))
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise FormatError(f"{path}: a Parquet file, but not a counts table", "make one with `tokkit count`")
    if metadata["version"] != VERSION:
        found = f"counts format version {metadata['version']}, this tokkit reads {VERSION}"
        raise FormatError(f"{path}: {found}", "count the corpus again")
    return metadata


def _strings_of(chunks: Sequence[pa.Array]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    data = []
    starts = []
    for chunk in chunks:
        offsets = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        values = chunk.buffers()[2]
        if values is not None and len(chunk):
            data.append(np.frombuffer(values, np.uint8)[offsets[0] : offsets[-1]])
            starts.append(offsets)
    return (np.concatenate(data) if data else np.empty(0, np.uint8)), joined_starts(starts)
