"""Read a corpus: files, folders, globs, stdin and URIs in, documents with their language, domain and id out.

    find  ─▶ CorpusFile ─ blocks ─▶ Block ─ parse ─▶ Documents      a reader cuts, workers parse
    read  ─▶ Document, one at a time                                the same in one loop

A corpus that breaks its format is an error with file, line and byte offset, or, with `on_error="skip"`, a document less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import compress, pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from tokkit.corpus_blocks import Block, blocks, sample_key
from tokkit.corpus_files import CorpusFile, Labels, find
from tokkit.corpus_lines import bounds_of
from tokkit.corpus_rows import Rows, invalid_utf8, json_rows, parquet_rows
from tokkit.errors import CorpusError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "Block",
    "CorpusFile",
    "Document",
    "Documents",
    "Labels",
    "OnError",
    "batches",
    "blocks",
    "find",
    "parse",
    "read",
]

OnError = Literal["stop", "skip"]


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its text as valid UTF-8, and where it belongs."""

    text: bytes
    language: str
    domain: str
    id: str


@dataclass(frozen=True)
class Documents:
    """The documents of one block, or a part of the one document of a text file.

    Attributes:
        text: all texts, one after the other, valid UTF-8.
        starts: int64[n + 1], where each text starts in `text`, and its end.
        slices: the (language, domain) pairs that occur, in order of first appearance.
        slice_ids: int32[n], indices into `slices`.
        ids: the documents' ids.
        characters: int64[n], code points of each text.
        skipped: why a document was left out, one error each (`on_error="skip"`).
        continues: the first document goes on with the last one of the batch before, and is not to be counted again.
    """

    text: bytes
    starts: NDArray[np.int64]
    slices: tuple[tuple[str, str], ...]
    slice_ids: NDArray[np.int32]
    ids: tuple[str, ...]
    characters: NDArray[np.int64]
    skipped: tuple[CorpusError, ...] = ()
    continues: bool = False

    def __len__(self) -> int:
        """Return n."""
        return len(self.ids)


def parse(block: Block, labels: Labels | None = None, *, on_error: OnError = "stop", sample: float = 1.0) -> Documents:
    """Return the documents of a block.

    A large text file is one document in several blocks. With `on_error="skip"` a block of it that is not UTF-8 is left
    out, and the rest of the document stays.

    Args:
        block: from `blocks`.
        labels: those that `find` had.
        on_error: `stop` raises at the first document that cannot be read, `skip` leaves it out and lists it in `skipped`.
        sample: the share of documents to keep, by a hash of the text (of its first block, for a text file of several):
            the choice depends on nothing but the text, and what a smaller share keeps, a larger one keeps too.

    Raises:
        CorpusError: a line or row is not a document, or text is not UTF-8 (`stop`); a Parquet column holds no strings.
        InputError: a share that is not above 0 and at most 1.
    """
    if not 0 < sample <= 1:
        raise InputError(f"sample {sample}: it must be above 0 and at most 1")
    labels = labels or Labels()
    if block.file.kind == "text":
        return _parse_text(block, stop=on_error == "stop", sample=sample)
    rows_of = json_rows if block.file.kind == "jsonl" else parquet_rows
    rows = rows_of(block, labels, stop=on_error == "stop")
    texts = rows.texts
    slices, slice_ids = _slices(rows, block.file)
    if sample == 1:
        return Documents(texts.data, texts.starts, slices, slice_ids, tuple(rows.ids), texts.characters, rows.errors)
    each = [texts.data[start:stop] for start, stop in pairwise(texts.starts.tolist())]
    keep = [_is_kept(sample_key(text), sample) for text in each]
    kept = list(compress(each, keep))
    ids = tuple(compress(rows.ids, keep))
    return Documents(b"".join(kept), bounds_of(kept), slices, slice_ids[keep], ids, texts.characters[keep], rows.errors)


def batches(
    files: Iterable[CorpusFile],
    labels: Labels | None = None,
    *,
    on_error: OnError = "stop",
    sample: float = 1.0,
    max_bytes: int | None = None,
    block_bytes: int | None = None,
) -> Iterator[Documents]:
    """Read files one after the other, block by block.

    Args:
        files: from `find`.
        labels: those that `find` had.
        on_error: as for `parse`.
        sample: as for `parse`.
        max_bytes: end after the document (of a text file, the block) with which the texts reach that many bytes.
        block_bytes: as for `blocks`.

    Raises:
        CorpusError: as `blocks` and `parse`.
        InputError: a `max_bytes` below 1.
    """
    if max_bytes is not None and max_bytes < 1:
        raise InputError(f"max bytes {max_bytes}: it must be 1 or more")
    left = max_bytes
    for file in files:
        for block in blocks(file, block_bytes=block_bytes):
            documents = parse(block, labels, on_error=on_error, sample=sample)
            if left is None:
                yield documents
                continue
            n_fit = int(np.searchsorted(documents.starts, left))
            yield documents if n_fit >= len(documents) else _head(documents, n_fit)
            left -= len(documents.text)
            if left <= 0:
                return


def read(
    paths: str | Path | Sequence[str | Path],
    labels: Labels | None = None,
    *,
    on_error: OnError = "stop",
    sample: float = 1.0,
    max_bytes: int | None = None,
    stdin_format: str = "text",
) -> Iterator[Document]:
    """Read a corpus document by document, in the order of its sorted paths; the text of each is held whole.

    Args:
        paths: files, folders, globs, URIs, or `-`: see `find`.
        labels: where language, domain, text and id come from.
        on_error: as for `parse`.
        sample: as for `parse`.
        max_bytes: as for `batches`.
        stdin_format: as for `find`.

    What `on_error="skip"` leaves out is not told here: `batches` lists it.

    Raises:
        InputError: as `find`.
        CorpusError: as `blocks` and `parse`.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pathlib.Path(folder, "zh-law.jsonl").write_text('{"id": "a1", "text": "第一条"}', "utf-8")
        ...     for document in read(folder, Labels(path_pattern="{language}-{domain}.jsonl")):
        ...         print(document.text.decode(), document.language, document.domain, document.id)
        第一条 zh law a1
    """
    files = find(paths, labels, stdin_format=stdin_format)
    pending: list[Document] = []  # the parts of one text file
    for documents in batches(files, labels, on_error=on_error, sample=sample, max_bytes=max_bytes):
        if not documents.continues:
            yield from _joined(pending)
            pending = []
        parts = list(_each(documents))
        if len(parts) == 1:
            pending += parts
        else:
            yield from parts
    yield from _joined(pending)


def _joined(parts: list[Document]) -> Iterator[Document]:
    if parts:
        yield replace(parts[0], text=b"".join(part.text for part in parts))


def _each(documents: Documents) -> Iterator[Document]:
    starts = documents.starts.tolist()
    for row, (slice_id, document_id) in enumerate(zip(documents.slice_ids.tolist(), documents.ids, strict=True)):
        language, domain = documents.slices[slice_id]
        yield Document(documents.text[starts[row] : starts[row + 1]], language, domain, document_id)


def _head(documents: Documents, n: int) -> Documents:
    """Return the first n documents."""
    return replace(
        documents,
        text=documents.text[: documents.starts[n]],
        starts=documents.starts[: n + 1],
        slice_ids=documents.slice_ids[:n],
        ids=documents.ids[:n],
        characters=documents.characters[:n],
    )


def _parse_text(block: Block, *, stop: bool, sample: float) -> Documents:
    slices = ((block.file.language or "", block.file.domain or ""),)
    errors: tuple[CorpusError, ...] = ()
    try:
        n_characters = len(block.data.decode())
    except UnicodeDecodeError as culprit:
        error = invalid_utf8(block.data, culprit, block.file.path, block.first_line, block.byte_offset)
        if stop:
            raise error from None
        errors = (error,)
    if errors or (sample < 1 and not _is_kept(block.sample_key or sample_key(block.data), sample)):
        empty = np.zeros(0, np.int64)
        return Documents(b"", np.zeros(1, np.int64), slices, np.zeros(0, np.int32), (), empty, errors, block.continues)
    starts = np.array([0, len(block.data)], np.int64)
    characters = np.array([n_characters], np.int64)
    ids = (block.file.name,)
    return Documents(block.data, starts, slices, np.zeros(1, np.int32), ids, characters, (), block.continues)


def _slices(rows: Rows, file: CorpusFile) -> tuple[tuple[tuple[str, str], ...], NDArray[np.int32]]:
    """Return the slices that occur, in order of first appearance, and the index of each document's."""
    n = len(rows.ids)
    if rows.languages is None and rows.domains is None:
        return ((file.language or "", file.domain or ""),), np.zeros(n, np.int32)
    languages = [file.language or ""] * n if rows.languages is None else rows.languages
    domains = [file.domain or ""] * n if rows.domains is None else rows.domains
    index: dict[tuple[str, str], int] = {}
    slice_ids = [index.setdefault(pair, len(index)) for pair in zip(languages, domains, strict=True)]
    return tuple(index), np.array(slice_ids, np.int32)


def _is_kept(key: bytes, sample: float) -> bool:
    return int.from_bytes(key) < sample * 2**64
