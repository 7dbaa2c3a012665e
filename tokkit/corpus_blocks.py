"""One corpus file as blocks that any process can parse by itself: decompressed, and cut between documents.

A text file is one document, however large. It is cut where every split pattern of the known bases cuts too, and where
the split of neither side changes, so that splitting block by block equals splitting the whole:

- after a newline between two characters that are not white space, the second not `/` (which o200k_base's pattern takes
  together with a newline before it); a newline next to white space is no such place for r50k_base, whose pattern treats
  a run of white space at the end of a text unlike one before a word;
- where the last 64 KiB have no such newline (a file with CRLF, or all on one line): between a letter or digit and
  white space, or between a Han letter and `，` or `。`.

A block without any of these grows until there is one.
"""

from __future__ import annotations

import bz2
import lzma
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from tokkit.corpus_files import is_remote, open_uri, reason_of
from tokkit.errors import CorpusError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tokkit.corpus_files import CorpusFile

BLOCK_BYTES = 8 << 20
# JSON Lines are copied some times on their way to texts, which is sooner done in memory that was used before.
LINES_BLOCK_BYTES = 4 << 20
NEWLINE = ord("\n")
BOM = b"\xef\xbb\xbf"

# White_Space, and the four separators 0x1C to 0x1F that some engines count as such; a lookbehind wants each width apart.
_ASCII_SPACE = rb"\t-\r\x1c-\x20"
_OTHER_SPACES = (
    rb"\xc2[\x85\xa0]",
    rb"\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80",
)
_LINE_END = re.compile(
    rb"\n(?<=[^"
    + _ASCII_SPACE
    + rb"]\n)"
    + b"".join(rb"(?<!(?:" + spaces + rb")\n)" for spaces in _OTHER_SPACES)
    + rb"(?=[^/"
    + _ASCII_SPACE
    + rb"])(?!"
    + b"|".join(_OTHER_SPACES)
    + rb")"
)
# U+5000 to U+8FFF, lead bytes E5 to E8, are letters in every version of Unicode that an engine may know.
_WORD_END = re.compile(
    rb"(?:[0-9A-Za-z]|[\xe5-\xe8][\x80-\xbf]{2})(?=[\t\n\r ])|[\xe5-\xe8][\x80-\xbf]{2}(?=\xef\xbc\x8c|\xe3\x80\x82)"
)
_LOOKAHEAD = 3  # bytes after a cut that are needed to judge it
_WINDOW = 1 << 16
_RAW_CHUNK = 1 << 18
_READ_AT_ONCE = 1 << 20  # what stays in the processor's cache until it is copied
_DECOMPRESSORS = {"bz2": bz2.BZ2Decompressor, "xz": lzma.LZMADecompressor}
_BROKEN = (OSError, ValueError, EOFError, lzma.LZMAError, pa.ArrowException)
_MOST_ROWS = 1 << 16

_BROKEN_HINT = "what follows is unknown, so that `--on-error skip` cannot go on: fetch or write the file again"


@dataclass(frozen=True)
class Block:
    """A part of one corpus file that holds whole documents, or a part of the one document of a text file.

    Attributes:
        file: where it comes from.
        data: the decompressed bytes; for Parquet an Arrow IPC stream of rows.
        first_line: the 1-based line (row of a Parquet file) that it begins with.
        byte_offset: where it begins in the decompressed file; 0 for Parquet.
        position: how many bytes of the stored file were read when it was cut, for progress.
        continues: it goes on with the document of the block before.
        sample_key: for a block that continues, the first 8 bytes of blake2b of the document's first block.
    """

    file: CorpusFile
    data: bytes
    first_line: int
    byte_offset: int
    position: int
    continues: bool = False
    sample_key: bytes | None = None


def blocks(file: CorpusFile, *, block_bytes: int | None = None) -> Iterator[Block]:
    """Cut a corpus file into blocks of about `block_bytes` decompressed bytes each, 8 MiB or 4 of JSON Lines, in order.

    Where it is cut depends on the file and on `block_bytes` alone. A longer line or row makes a longer block.

    Raises:
        InputError: the file cannot be opened.
        CorpusError: its stream is broken or truncated, or a Parquet column is missing.
    """
    if block_bytes is None:
        block_bytes = LINES_BLOCK_BYTES if file.kind == "jsonl" else BLOCK_BYTES
    if block_bytes < 1:
        raise InputError(f"a block of {block_bytes} bytes: at least one is needed")
    if file.kind == "parquet":
        yield from _parquet_blocks(file, block_bytes)
    elif file.kind == "jsonl":
        yield from _stream_blocks(file, block_bytes, _last_line_end)
    else:
        first: Block | None = None
        for block in _stream_blocks(file, block_bytes, _last_text_cut):
            if first is None:
                first = block
                yield block
            else:
                yield replace_continues(block, sample_key(first.data))
        if first is None:
            yield Block(file, b"", 1, 0, file.size or 0)


def sample_key(text: bytes) -> bytes:
    """Return what decides whether `--sample` keeps a document: the first 8 bytes of its blake2b.

    Example:
        >>> sample_key(b"").hex()
        '786a02f742015903'
    """
    return blake2b(text).digest()[:8]


def last_text_cut(data: bytes, start: int) -> int:
    r"""Return the last place from `start` on where a text may be cut (see the module), 0 for none.

    Example:
        >>> text = "第一章。\n\n第二章。\n第三章".encode()
        >>> text[: last_text_cut(text, 0)].decode()
        '第一章。\n\n第二章。\n'
        >>> last_text_cut(b"one\r\ntwo\r\nthree", 0)
        8
    """
    start = max(start - 2 * _LOOKAHEAD, 0)  # what ends there could not be judged without the bytes after it
    stop = len(data)
    while True:
        window = max(stop - _WINDOW, start)
        for pattern in (_LINE_END, _WORD_END):
            ends = [match.end() for match in pattern.finditer(data, window, stop) if match.end() + _LOOKAHEAD <= stop]
            if ends:
                return ends[-1]
        if window == start:
            return 0
        stop = window + 2 * _LOOKAHEAD  # a match may lie across the border


def replace_continues(block: Block, key: bytes) -> Block:
    """Return the block as one that goes on with the document before it."""
    return Block(block.file, block.data, block.first_line, block.byte_offset, block.position, True, key)


def _stream_blocks(
    file: CorpusFile, block_bytes: int, last_cut: Callable[[Sequence[bytes], int], int]
) -> Iterator[Block]:
    """Cut what is read at the last place that `last_cut` finds in its parts, not before a number of bytes.

    Threads wait for each other's copies. What was read is joined to a block once, and Python does not hold the interpreter's
    lock while it joins a megabyte of parts that are all `bytes`.
    """
    with _open_stream(file) as (read, tell):
        parts: list[bytes] = []
        first_line, offset, size, searched = 1, 0, 0, 0
        wanted = max(block_bytes, len(BOM))
        while True:
            parts += _chunks(read, wanted - size, file, offset + size)
            size = sum(map(len, parts))
            at_end = size < wanted
            if offset == 0:
                parts = [b"".join(parts)]
                if parts[0].startswith(BOM):
                    parts, offset, size = [parts[0][len(BOM) :]], len(BOM), size - len(BOM)
                    continue
            cut = size if at_end else last_cut(parts, searched)
            if cut:
                data, parts = _parted(parts, cut)
                yield Block(file, data, first_line, offset, offset + cut if file.path == "-" else tell())
                first_line += int(np.count_nonzero(np.frombuffer(data, np.uint8) == NEWLINE))  # without the lock
                offset += cut
                size -= cut
                searched, wanted = 0, block_bytes
            else:
                searched = size
                wanted = 2 * size  # doubled, so that a long line is not searched over and over
            if at_end:
                return


def _last_line_end(parts: Sequence[bytes], start: int) -> int:
    """Return the end of the last line that ends after `start` in all parts together, 0 for none."""
    stop = sum(map(len, parts))
    for part in reversed(parts):
        if stop <= start:
            break
        stop -= len(part)
        if end := part.rfind(b"\n") + 1:
            return stop + end
    return 0


def _last_text_cut(parts: Sequence[bytes], start: int) -> int:
    return last_text_cut(b"".join(parts), start)


def _parted(parts: Sequence[bytes], cut: int) -> tuple[bytes, list[bytes]]:
    """Return the first `cut` bytes of all parts together, and what is left."""
    for number, part in enumerate(parts):
        if cut <= len(part):
            return b"".join([*parts[:number], part[:cut]]), [part[cut:], *parts[number + 1 :]]
        cut -= len(part)
    raise AssertionError(cut)


def _chunks(read: Callable[[int], bytes], wanted: int, file: CorpusFile, offset: int) -> Iterator[bytes]:
    """Read until there are `wanted` bytes, or the stream ends; `offset` is where the first is in it."""
    while wanted > 0:
        try:
            chunk = read(min(wanted, _READ_AT_ONCE))
        except _BROKEN as error:
            what = "the file cannot be read on" if file.compression is None else f"broken {file.compression} stream"
            raise CorpusError(f"{what}: {reason_of(error)}", file.path, None, offset, _BROKEN_HINT) from None
        if not chunk:
            return
        yield chunk
        offset += len(chunk)
        wanted -= len(chunk)


@contextmanager
def _open_stream(file: CorpusFile) -> Iterator[tuple[Callable[[int], bytes], Callable[[], int]]]:
    """Open a file for reading; yield the functions that read decompressed bytes and tell the stored position."""
    with _open_raw(file) as raw:
        if file.compression is None:
            yield raw.read, raw.tell
        elif file.compression in _DECOMPRESSORS:
            yield _reader(raw.read, _DECOMPRESSORS[file.compression]), raw.tell
        else:
            yield pa.CompressedInputStream(raw, file.compression).read, raw.tell


@contextmanager
def _open_raw(file: CorpusFile) -> Iterator[Any]:
    if file.path == "-":
        yield pa.PythonFile(sys.stdin.buffer, "r")
        return
    try:
        if is_remote(file.path):
            system, path = open_uri(file.path)
            raw = system.open_input_file(path)
        else:
            raw = pa.OSFile(file.path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file.path}: {reason_of(error)}") from None
    with raw:
        yield raw


def _reader(
    read_raw: Callable[[int], bytes], start_stream: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]
) -> Callable[[int], bytes]:
    """Return a function that reads decompressed bytes; it refuses what is no stream after the first.

    The standard library's own files pass over that in silence, and Arrow's reader of bz2 fails at an empty stream.
    """
    decompressor = start_stream()
    at_start = True

    def read(size: int) -> bytes:
        nonlocal decompressor, at_start
        while True:
            if decompressor.eof:
                chunk = decompressor.unused_data or read_raw(_RAW_CHUNK)
                decompressor, at_start = start_stream(), True
            else:
                chunk = read_raw(_RAW_CHUNK) if decompressor.needs_input else b""
            if not chunk and decompressor.needs_input:
                if at_start:
                    return b""
                raise EOFError("Truncated compressed stream")
            if at_start:
                chunk = chunk.lstrip(b"\0")  # streams may be padded with zeros
                if not chunk:
                    continue
                at_start = False
            if data := decompressor.decompress(chunk, size):
                return data

    return read


def _parquet_blocks(file: CorpusFile, block_bytes: int) -> Iterator[Block]:
    with _open_raw(file) as raw:
        try:
            source = raw if file.compression is None else pa.BufferReader(_read_whole(file))
            opened = parquet.ParquetFile(source)
        except _BROKEN as error:
            raise CorpusError(f"not a Parquet file: {reason_of(error)}", file.path, hint=_BROKEN_HINT) from None
        columns = _columns(opened.schema_arrow, file)
        done, n_rows = 0, opened.metadata.num_rows
        rows = _rows_a_block(opened.metadata, columns, block_bytes)
        try:
            for batch in opened.iter_batches(batch_size=rows, columns=columns):
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, batch.schema) as writer:
                    writer.write_batch(batch)
                first_line, done = done + 1, done + batch.num_rows
                position = (file.size or 0) * done // n_rows
                yield Block(file, sink.getvalue().to_pybytes(), first_line, 0, position)
        except _BROKEN as error:
            reason = f"broken Parquet file after row {done}: {reason_of(error)}"
            raise CorpusError(reason, file.path, hint=_BROKEN_HINT) from None


def _read_whole(file: CorpusFile) -> bytes:
    with _open_stream(file) as (read, _):
        return b"".join(_chunks(read, sys.maxsize, file, 0))


def _columns(schema: Any, file: CorpusFile) -> list[str]:
    """Return the columns to read; a dot looks into a struct."""
    for column in file.columns:
        if not _has_column(schema, column):
            raise CorpusError(
                f"no column `{column}`; it has {', '.join(f'`{name}`' for name in schema.names)}", file.path
            )
    return [*file.columns, *([file.id_column] if _has_column(schema, file.id_column) else [])]


def _has_column(schema: Any, column: str) -> bool:
    if column in schema.names:
        return True
    kind: Any = None
    for depth, name in enumerate(column.split(".")):
        fields = schema if depth == 0 else kind if pa.types.is_struct(kind) else ()
        kind = next((field.type for field in fields if field.name == name), None)
        if kind is None:
            return False
    return True


def _rows_a_block(metadata: Any, columns: list[str], block_bytes: int) -> int:
    """Return how many rows make about `block_bytes` bytes in the columns that are read."""
    total = 0
    for group in range(metadata.num_row_groups):
        chunks = metadata.row_group(group)
        for number in range(chunks.num_columns):
            chunk = chunks.column(number)
            if chunk.path_in_schema in columns:
                total += chunk.total_uncompressed_size
    return int(min(max(block_bytes * metadata.num_rows // max(total, 1), 1), _MOST_ROWS))
