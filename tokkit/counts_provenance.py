"""How a counts table came about: the corpus files by name and sha256, and what was done with them."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tokkit
from tokkit.corpus_processes import large_first
from tokkit.dedup import METHOD
from tokkit.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tokkit.corpus import CorpusFile
    from tokkit.counts_processes import Job, Part
    from tokkit.dedup import Duplicates

Named = list[dict[str, str]]


class _OverError(Exception):
    """Nobody wants the names any more."""


@contextmanager
def naming(files: Sequence[CorpusFile], *, meanwhile: bool) -> Iterator[Callable[[], Named]]:
    """Yield what names the files: `meanwhile` in a thread that begins now and ends with the context, else when it is called.

    The thread reads them in the order in which workers do, so that a disk is read once.
    """
    if not meanwhile:
        yield lambda: [_named(file, lambda: None) for file in files]
        return
    result: Future[Named] = Future()
    is_over = threading.Event()

    def require_listener() -> None:
        if is_over.is_set():
            raise _OverError

    def name() -> None:
        try:
            named = {file: _named(file, require_listener) for file in large_first(files)}
            result.set_result([named[file] for file in files])
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who asks is to raise it
            result.set_exception(error)

    thread = threading.Thread(target=name, name="naming", daemon=True)
    thread.start()
    try:
        yield result.result
    finally:
        is_over.set()
        thread.join()


def provenance_of(
    files: Sequence[CorpusFile],
    job: Job,
    parts: Sequence[Part],
    max_bytes: int | None,
    duplicates: Duplicates | None,
    named: Callable[[], Named],
) -> dict[str, Any]:
    """Return how a table came about: each file by name, and what was read whole and can be read again by sha256 too.

    `named` is of `naming`.
    """
    names = [{"name": file.name} for file in files] if max_bytes is not None else named()
    provenance: dict[str, Any] = {"step": "count", "tool": tokkit.TOOL, "files": names}
    provenance |= {"sample": job.sample} if job.sample < 1 else {}
    provenance |= {"max_bytes": max_bytes} if max_bytes is not None else {}
    provenance |= {"folds": job.folds} if job.folds else {}
    provenance |= {"dedup": METHOD | {"dropped": len(duplicates.dropped)}} if duplicates else {}
    provenance |= {"language": "auto"} if job.detect_language else {}
    n_skipped = sum(len(part.skipped) for part in parts)
    return provenance | ({"skipped": n_skipped} if n_skipped else {})


def _named(file: CorpusFile, check: Callable[[], None]) -> dict[str, str]:
    """Return a file's name and the sha256 of its stored bytes; not of stdin, a pipe or a remote file, read twice."""
    path = Path(file.path.removeprefix("file://"))
    return {"name": file.name} | ({"sha256": sha256_of(path, check)} if path.is_file() else {})
