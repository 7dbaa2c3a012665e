"""In how many documents each token stands, exactly: the text is read once more, document by document.

A counts table has the number of documents for each pretoken and not which ones. The text says which: whatever a pretoken of
it holds, its document holds (`tokkit.audit_tallies.Holders`), and a token counts a document once.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from tokkit import corpus
from tokkit.errors import MismatchError
from tokkit.kernels.documents import AHEAD, mark_documents
from tokkit.pretokenize import split_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from tokkit.audit_tallies import Holders
    from tokkit.corpus import Block, CorpusFile, Labels
    from tokkit.counts_table import CountsTable


@dataclass(frozen=True)
class Text:
    """The text that a counts table was counted from, all of it.

    Attributes:
        files: from `tokkit.corpus.find`.
        labels: those that `find` had.
        jobs: threads to read with; 0 is every core.
    """

    files: Sequence[CorpusFile]
    labels: Labels | None = None
    jobs: int = 1


def documents_holding(
    table: CountsTable,
    holders: Holders,
    n_tokens: int,
    text: Text,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.int64]:
    """Return int64[n_tokens]: in how many documents each token stands, 0 for those that the holders leave out.

    Args:
        table: the counts.
        holders: which of its pretokens hold which tokens.
        n_tokens: how many ids there are.
        text: what the table was counted from.
        progress: called with the stored bytes read so far and in all (0 where not known).

    Raises:
        MismatchError: the text is not what the table was counted from.
        CorpusError: it cannot be read.
    """
    jobs = text.jobs or os.cpu_count() or 1
    states: SimpleQueue[_Marks] = SimpleQueue()
    for _ in range(jobs):
        states.put(_Marks(table, holders, n_tokens))

    def work(blocks: Iterable[Block]) -> None:
        state = states.get()
        for block in blocks:
            state.take(block, text.labels)
        states.put(state)

    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(jobs) as threads:
        for blocks in _together(text.files, progress):
            waiting.append(threads.submit(work, blocks))
            if len(waiting) > 2 * jobs:
                waiting.popleft().result()
        for each in waiting:
            each.result()
    marks = [states.get() for _ in range(jobs)]
    if sum(each.n_documents for each in marks) != sum(part.documents for part in table.slices):
        raise _changed(f"it has {sum(each.n_documents for each in marks):,} documents")
    documents: NDArray[np.int64] = np.sum([each.documents for each in marks], axis=0)
    return documents


@dataclass
class _Marks:
    """What a thread has seen: `row_seen` and `token_seen` hold its last document that had each."""

    table: CountsTable
    holders: Holders
    n_tokens: int
    n_documents: int = 0
    row_seen: NDArray[np.int32] = field(init=False)
    token_seen: NDArray[np.int32] = field(init=False)
    documents: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.row_seen = np.full(len(self.table), -1, np.int32)
        self.token_seen = np.full(self.n_tokens, -1, np.int32)
        self.documents = np.zeros(self.n_tokens, np.int64)

    def take(self, block: Block, labels: Labels | None) -> None:
        """Mark the documents of a block."""
        batch = corpus.parse(block, labels)
        data = np.frombuffer(batch.text, np.uint8)
        base = self.n_documents - batch.continues
        hashes = np.empty(AHEAD, np.uint64)
        for starts, document in split_documents(data, batch.starts, self.table.pattern):
            done = mark_documents(
                data, starts, batch.starts, document, base, hashes, self.table.data, self.table.starts,
                self.holders.slots, self.holders.starts, self.holders.tokens, self.row_seen, self.token_seen,
                self.documents,
            )  # fmt: skip
            if done < starts.size - 1:
                raise _changed(f"{block.file.path} has pretokens that the counts lack")
        self.n_documents = base + len(batch)


def _changed(what: str) -> MismatchError:
    return MismatchError(f"the text is not what the counts were made from: {what}", "count it again, and audit at once")


def _together(files: Sequence[CorpusFile], progress: Callable[[int, int], None] | None) -> Iterator[Iterable[Block]]:
    """Yield the blocks that one thread is to take: a text file's, which are one document, or else each by itself."""
    total = 0 if any(file.size is None for file in files) else sum(file.size or 0 for file in files)
    done = 0
    for file in files:
        if file.kind == "text":
            yield corpus.blocks(file)
        else:
            for block in corpus.blocks(file):
                yield [block]
                if progress:
                    progress(done + block.position, total)
        done += file.size or 0
        if progress:
            progress(done, total)
