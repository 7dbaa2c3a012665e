"""Counts tables as Parquet files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tokkit.counts_folds import unfolded
from tokkit.counts_table import CountsTable, Rows, Slice, cut_rows, slice_rows, totals_of
from tokkit.errors import FormatError, InputError
from tokkit.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
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


@dataclass(frozen=True)
class Contents:
    """What a counts table holds beside its rows, and how many of them each slice has; the others as in `CountsTable`."""

    pattern: str
    slices: tuple[Slice, ...]
    n_rows: tuple[int, ...]
    provenance: Mapping[str, Any]
    folds: int = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return sum(self.n_rows)

    @property
    def n_bytes(self) -> int:
        """The bytes of text that were counted."""
        return sum(part.bytes for part in self.slices)

    @property
    def totals(self) -> tuple[Slice, ...]:
        """The totals of each language and domain: those of the slices, folds added up."""
        return totals_of(self.slices)


def save(table: CountsTable, path: str | Path) -> None:
    """Write a counts table as zstd Parquet, atomically; the metadata hold the pattern and the totals of each slice.

    Columns: language, domain (dictionary of strings), pretoken (binary), count, documents (int64), and fold (int8) where
    folds are kept apart.
    """
    n_rows = np.bincount(table.slice_ids, minlength=len(table.slices)).tolist()
    contents = Contents(table.pattern, table.slices, tuple(n_rows), table.provenance, table.folds)
    write(contents, _pieces_of(table), path)


def _pieces_of(table: CountsTable) -> Iterator[tuple[int, Rows]]:
    whole = Rows(table.data, table.starts, table.counts, table.documents)
    for slice_id, (first, last) in enumerate(slice_rows(table)):
        for start in range(first, last, _ROWS_AT_ONCE):
            yield slice_id, cut_rows(whole, start, min(start + _ROWS_AT_ONCE, last))


def write(contents: Contents, pieces: Iterable[tuple[int, Rows]], path: str | Path) -> None:
    """Write a counts table whose rows come piece by piece: the same bytes, however they are cut.

    Args:
        contents: all else.
        pieces: numbers of slices and rows of theirs, in the order of the file; what is held is a row group of 1,048,576 rows.
        path: see `save`.
    """
    group = _RowGroup(contents)
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(
            temporary,
            group.schema,
            compression="zstd",
            use_dictionary=["language", "domain"],
            column_encoding=_ENCODINGS,
        ) as writer,
    ):
        for slice_id, rows in pieces:
            done = 0
            while done < rows.counts.size:
                done += group.add(slice_id, rows, done)
                if group.n_rows == _ROWS_AT_ONCE:
                    writer.write_batch(group.taken())
        if group.n_rows:
            writer.write_batch(group.taken())


class _RowGroup:
    """The columns of a row group that is being filled."""

    def __init__(self, contents: Contents) -> None:
        self.schema = _schema(contents)
        self.languages = _Labels.of([part.language for part in contents.slices])
        self.domains = _Labels.of([part.domain for part in contents.slices])
        self.folds = np.array([part.fold or 0 for part in contents.slices], np.int8) if contents.folds else None
        size = min(_ROWS_AT_ONCE, len(contents))
        self.slice_ids, self.starts = np.empty(size, np.int32), np.zeros(size + 1, np.int32)
        self.counts, self.documents = np.empty((2, size), np.int64)
        self.data = bytearray()
        self.n_rows = 0

    def add(self, slice_id: int, rows: Rows, first: int) -> int:
        """Take rows from `first` on as far as there is room; return how many."""
        last = min(rows.counts.size, first + self.counts.size - self.n_rows)
        stop = self.n_rows + last - first
        self.slice_ids[self.n_rows : stop] = slice_id
        self.starts[self.n_rows + 1 : stop + 1] = rows.starts[first + 1 : last + 1] - (
            rows.starts[first] - len(self.data)
        )
        self.counts[self.n_rows : stop] = rows.counts[first:last]
        self.documents[self.n_rows : stop] = rows.documents[first:last]
        self.data += rows.data[rows.starts[first] : rows.starts[last]].data
        self.n_rows = stop
        return last - first

    def taken(self) -> pa.RecordBatch:
        """Return the rows, and begin anew; they are valid until more are added."""
        n_rows, data = self.n_rows, self.data
        self.n_rows, self.data = 0, bytearray()
        ids = self.slice_ids[:n_rows]
        starts = pa.py_buffer(self.starts[: n_rows + 1])
        columns = [
            self.languages.array(ids),
            self.domains.array(ids),
            pa.Array.from_buffers(pa.binary(), n_rows, [None, starts, pa.py_buffer(data)]),
            pa.array(self.counts[:n_rows]),
            pa.array(self.documents[:n_rows]),
            *([] if self.folds is None else [pa.array(self.folds[ids])]),
        ]
        return pa.record_batch(columns, schema=self.schema)


def _schema(contents: Contents) -> pa.Schema:
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "pattern": contents.pattern,
        **({"folds": contents.folds} if contents.folds else {}),
        "slices": [
            {key: value for key, value in vars(part).items() if value is not None} | {"rows": n_rows}
            for part, n_rows in zip(contents.slices, contents.n_rows, strict=True)
        ],
        "provenance": dict(contents.provenance),
    }
    return pa.schema(
        [
            ("language", pa.dictionary(pa.int32(), pa.string())),
            ("domain", pa.dictionary(pa.int32(), pa.string())),
            ("pretoken", pa.binary()),
            ("count", pa.int64()),
            ("documents", pa.int64()),
            *([("fold", pa.int8())] if contents.folds else []),
        ],
        metadata={"tokkit": json.dumps(metadata, ensure_ascii=False)},
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


def is_counts_table(path: str | Path) -> bool:
    """Tell whether a file is a counts table, by its metadata."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return False
    return b"tokkit" in metadata


def corpus_files(path: str | Path) -> tuple[tuple[str, str], ...]:
    """Return name and sha256 of each file that a counts table was counted from, sorted; nothing where one has no sha256.

    Raises:
        FormatError: not a counts table, or another version of the format.
    """
    with pq.ParquetFile(path) as file:
        named = list(_files(_metadata(file, path)["provenance"]))
    whole = [each for each in named if isinstance(each, dict) and "sha256" in each]
    return tuple(sorted({(each["name"], each["sha256"]) for each in whole})) if len(whole) == len(named) else ()


def _files(provenance: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the files of a table, and of the tables that it was made of."""
    yield from provenance.get("files", ())
    for table in (*provenance.get("tables", ()), *filter(None, [provenance.get("table")])):
        yield from _files(table)


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
            rows = _read_rows(file)
            pa.default_memory_pool().release_unused()  # or Arrow keeps as much as the table takes
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "make one with `tokkit count CORPUS -o FILE.parquet`") from None
    except (OSError, pa.ArrowInvalid) as error:
        first_line = str(error).splitlines()[0]
        hint = f"make one with `tokkit count CORPUS -o FILE.parquet`; count again where {path} was one"
        raise FormatError(f"{path}: not a readable Parquet file: {first_line}", hint) from None
    n_rows = [part.pop("rows") for part in metadata["slices"]]
    if sum(n_rows) != rows.counts.size:
        raise FormatError(
            f"{path}: {rows.counts.size:,} rows, its slices have {sum(n_rows):,}", "count the corpus again"
        )
    table = CountsTable(
        metadata["pattern"],
        tuple(Slice(**part) for part in metadata["slices"]),
        np.repeat(np.arange(len(n_rows), dtype=np.int32), n_rows),
        rows.data,
        rows.starts,
        rows.counts,
        rows.documents,
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


def _read_rows(file: pq.ParquetFile) -> Rows:
    """Read the pretokens and their numbers, a row group at a time, so that Arrow never holds the whole table besides."""
    size = file.metadata.num_rows
    starts, counts, documents = np.zeros(size + 1, np.int64), *np.empty((2, size), np.int64)
    data = bytearray()
    done = 0
    for number in range(file.num_row_groups):
        group = file.read_row_group(number, columns=["pretoken", "count", "documents"])
        for chunk in group["pretoken"].chunks:
            offsets = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
            starts[done + 1 : done + len(chunk) + 1] = offsets[1:] - (np.int64(offsets[0]) - len(data))
            if len(chunk) and chunk.buffers()[2] is not None:
                data += memoryview(chunk.buffers()[2])[offsets[0] : offsets[-1]]
            done += len(chunk)
        counts[done - len(group) : done] = group["count"].to_numpy()
        documents[done - len(group) : done] = group["documents"].to_numpy()
    return Rows(np.frombuffer(data, np.uint8), starts, counts, documents)
