"""In how many documents each token stands, exactly: the text is read once more, document by document.

A counts table has the number of documents for each pretoken and not which ones. The text says which: whatever a pretoken of
it holds, its document holds (`tokkit.audit_tallies.Holders`), and a token counts a document once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokkit import corpus
from tokkit.corpus_files import stored_bytes
from tokkit.corpus_processes import work_on
from tokkit.errors import MismatchError
from tokkit.kernels.documents import AHEAD, mark_documents
from tokkit.pretokenize import split_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    total = stored_bytes(text.files)
    advance = None if progress is None else lambda done: progress(done, total)
    marks = work_on(
        text.files, _Marking(table, holders, n_tokens, text.labels), text.jobs or os.cpu_count() or 1, advance
    )
    if sum(each.n_documents for each in marks) != sum(part.documents for part in table.slices):
        raise _changed(f"it has {sum(each.n_documents for each in marks):,} documents")
    documents: NDArray[np.int64] = np.sum([each.documents for each in marks], axis=0)
    return documents


@dataclass
class _Marks:
    """What a worker has seen: `row_seen` and `token_seen` hold its last document that had each."""

    row_seen: NDArray[np.int32]
    token_seen: NDArray[np.int32]
    documents: NDArray[np.int64]
    n_documents: int = 0


@dataclass(frozen=True)
class _Marking:
    """What every worker needs to know to mark a block; see `tokkit.corpus_processes.Task`."""

    table: CountsTable
    holders: Holders
    n_tokens: int
    labels: Labels | None
    in_threads: ClassVar[bool] = True  # table and holders are large, and kernels do most of the work

    def begin(self) -> _Marks:
        """Return marks without a document."""
        return _Marks(
            np.full(len(self.table), -1, np.int32),
            np.full(self.n_tokens, -1, np.int32),
            np.zeros(self.n_tokens, np.int64),
        )

    def take(self, block: Block, state: _Marks) -> None:
        """Mark the documents of a block."""
        batch = corpus.parse(block, self.labels)
        data = np.frombuffer(batch.text, np.uint8)
        base = state.n_documents - batch.continues
        hashes = np.empty(AHEAD, np.uint64)
        for starts, document in split_documents(data, batch.starts, self.table.pattern):
            done = mark_documents(
                data, starts, batch.starts, document, base, hashes, self.table.data, self.table.starts,
                self.holders.slots, self.holders.starts, self.holders.tokens, state.row_seen, state.token_seen,
                state.documents,
            )  # fmt: skip
            if done < starts.size - 1:
                raise _changed(f"{block.file.path} has pretokens that the counts lack")
        state.n_documents = base + len(batch)

    def finish(self, state: _Marks) -> _Marks:
        """Return the marks."""
        return state


def _changed(what: str) -> MismatchError:
    return MismatchError(f"the text is not what the counts were made from: {what}", "count it again, and audit at once")
