"""Learn tokens on top of a base: continued BPE on pretokens that the base has encoded.

Every learned token is made of two tokens of lower rank, and all of them rank above the base. So text is only ever segmented
more coarsely than by the base, and every learned token is reached by merging: at any stage the encoding of a token's own
bytes is unique, and the pair that was joined is what stands there (a part of an encoding encodes to itself).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit.counts_table import grown, merged_rows
from tokkit.curves import require_pattern
from tokkit.encode import encode_arrays, flatten, merge_parts
from tokkit.errors import InputError, LawError, NotEnoughDataError, SizeError
from tokkit.kernels import records as record_kernels
from tokkit.kernels import train as kernels
from tokkit.kernels.allowed import mark_allowed
from tokkit.unicode import scripts_table
from tokkit.veto import Veto

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable, Rows
    from tokkit.vocabulary import Vocabulary

_PRETOKENS_AT_ONCE = 1 << 18
_NO_LIMIT = 1 << 40
# The last of some 30,000 tokens was 1/14 (on a base) to 1/30 (on bytes) as frequent as the mean of all.
_RARE = 64


@dataclass(frozen=True)
class LearnedTokens:
    """Tokens that were learned on top of a base, in the order of their ranks.

    Attributes:
        tokens: their bytes.
        counts: how often the pair that became the token stood in the counts at that moment.
        pretokens: in how many distinct pretokens.
        base_sha256: fingerprint of the base (`Vocabulary.sha256`).
        pattern: the split pattern.
        options: what was asked for.
    """

    tokens: tuple[bytes, ...]
    counts: tuple[int, ...]
    pretokens: tuple[int, ...]
    base_sha256: str
    pattern: str
    options: Mapping[str, Any] = field(default_factory=dict)


def learn(
    table: CountsTable,
    base: Vocabulary,
    size: int,
    *,
    script: str | None = None,
    max_chars: int | None = None,
    min_count: int = 2,
    min_pretokens: int = 1,
    veto: Veto | None = None,
    weigh_by: str = "count",
    exact: bool = True,
    progress: Callable[[int, int, bytes], None] | None = None,
) -> LearnedTokens:
    r"""Learn exactly `size` tokens from a counts table, on top of a base.

    The next token joins the most frequent adjacent pair; ties go to the lower left id, then the lower right id. What a
    constraint forbids is never joined, so that its slot goes to the next best, and nothing is filtered afterwards.

    Args:
        table: pretokens with their counts; slices are added up.
        base: the vocabulary to start from, without special tokens.
        size: how many tokens to learn.
        script: a script, or several joined by commas. Then a learned token is whole characters of these scripts, or the
            leading bytes of a single one (a proper prefix of its UTF-8, on the way to it). It never begins inside a character,
            never ends inside one that follows whole characters, and never holds a space or punctuation.
        max_chars: the most characters a learned token may have.
        min_count: the least count of a learned token.
        min_pretokens: the least number of distinct pretokens that it stands in, which guards against boilerplate.
        veto: tokens that must not be learned.
        weigh_by: `count`, or `documents` to weigh a pretoken by the documents that have it.
        exact: refuse where the counts support fewer tokens; else learn as many as they do, which may be none.
        progress: called with the tokens learned so far and in all, and the last of them, now and then.

    Raises:
        MismatchError: the table was cut by another pattern than the base's.
        LawError: the base has special tokens, holes, or tokens that merging does not reach.
        NotEnoughDataError: the counts support fewer tokens; says how many.
        InputError: an option out of range, or an unknown script.

    Example:
        >>> from tokkit.counts import count_texts
        >>> from tokkit.vocabulary import Vocabulary
        >>> base = Vocabulary("bytes", r"\S+|\s+", tuple(bytes([byte]) for byte in range(256)))
        >>> table = count_texts(["我们 我们 我们的"], base.pattern)
        >>> [token.decode("utf-8", "backslashreplace") for token in learn(table, base, 5, script="Han").tokens]
        ['\\xe4\\xbb', '\\xe6\\x88', '们', '我', '我们']
    """
    if weigh_by not in ("count", "documents"):
        raise InputError(f"weigh by {weigh_by}: it must be count or documents")
    for name, value in (("size", size), ("min count", min_count), ("min pretokens", min_pretokens)):
        if value < 1:
            raise InputError(f"{name} {value}: it must be 1 or more")
    require_pattern(base, table)
    _require_lawful(base)
    rows = merged_rows(table)
    del table  # where the caller does not hold it either, its memory is free now
    records = _records_of(rows, base, weigh_by)
    del rows
    tokens, learned = learn_from_records(
        records,
        base,
        size,
        script=script,
        max_chars=max_chars,
        min_count=min_count,
        min_pretokens=min_pretokens,
        veto=veto,
        progress=progress,
    )
    n_learned = len(tokens)
    if n_learned < size and exact:
        less = f"ask for --size {n_learned}, " if n_learned else ""
        raise NotEnoughDataError(
            f"the counts support {n_learned:,} tokens, {size:,} were asked for",
            f"{less}add data, or lower --min-count {min_count} or --min-pretokens {min_pretokens}",
        )
    options = {"size": size, "min_count": min_count, "min_pretokens": min_pretokens, "weigh_by": weigh_by}
    options |= {"script": script} if script else {}
    options |= {"max_chars": max_chars} if max_chars else {}
    options |= {"veto": veto.lines()} if veto else {}
    return LearnedTokens(
        tokens,
        tuple(learned[:, 2].tolist()),
        tuple(learned[:, 3].tolist()),
        base.sha256,
        base.pattern,
        options,
    )


def learn_from_records(
    records: NDArray[np.int32],
    base: Vocabulary,
    size: int,
    *,
    script: str | None = None,
    max_chars: int | None = None,
    min_count: int = 2,
    min_pretokens: int = 1,
    veto: Veto | None = None,
    progress: Callable[[int, int, bytes], None] | None = None,
) -> tuple[tuple[bytes, ...], NDArray[np.int64]]:
    """Return the tokens learned from base-encoded pretokens, which are used up, and what the kernel notes of each.

    Args:
        records: see `tokkit.kernels.records`.
        base: a lawful base.
        size: how many tokens to learn at most.
        script: this and all below as for `learn`.
        max_chars: as there.
        min_count: as there.
        min_pretokens: as there.
        veto: as there.
        progress: as there.
    """
    trainer = _Trainer.of(records, base, size)
    trainer.script_before = _script_before(script)
    trainer.state[kernels.MAX_CHARS] = max_chars or _NO_LIMIT
    trainer.state[kernels.MIN_PRETOKENS] = min_pretokens
    trainer.run(min_count, veto, progress)
    starts, first = trainer.token_starts, len(base.tokens)
    learned = trainer.learned[: int(trainer.state[kernels.N_LEARNED])]
    each = range(first, first + learned.shape[0])
    return tuple(trainer.token_data[starts[i] : starts[i + 1]].tobytes() for i in each), learned


def _require_lawful(base: Vocabulary) -> None:
    """Refuse a base on which learned tokens would not be reachable.

    Raises:
        LawError: names the first offender.
    """
    if base.special_tokens or b"" in base.tokens:
        raise LawError(
            f"{base.name} has special tokens or holes: learned tokens need the ids right after the ranks",
            f"make a plain base first: tokkit select {base.name} --size {base.n_ranks} -o base.tiktoken",
        )
    lengths = np.fromiter(map(len, base.tokens), np.int64, len(base.tokens))
    dead = np.flatnonzero((lengths > 1) & (merge_parts(base)[:, 0] < 0))
    if dead.size:
        raise LawError(
            f"{base.name}: {dead.size:,} tokens have no merge path, the first is id {dead[0]}: {base.tokens[dead[0]]!r}",
            "learn on a base that passes `tokkit verify`",
        )


def _script_before(scripts: str | None) -> NDArray[np.int32]:
    """Return the number of the scripts' code points below each code point, int32[0x110001]; empty for any script."""
    if scripts is None:
        return np.empty(0, np.int32)
    members = scripts_table(scripts.split(","))
    before = np.zeros(members.size + 1, np.int32)
    np.cumsum(members, out=before[1:])
    return before


@dataclass
class _Trainer:
    """The arrays of `tokkit.kernels.train`, and when to make them larger."""

    records: NDArray[np.int32]
    state: NDArray[np.int64]
    token_data: NDArray[np.uint8]
    token_starts: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    touched: NDArray[np.int32]
    learned: NDArray[np.int64]
    script_before: NDArray[np.int32]
    n_indexed: int = 0
    window: int = 0  # how many pairs are hot when they are indexed; 0: as many as the size suggests
    pairs: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 5), np.int64))
    pair_slots: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    lists: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    heap: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    events: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @staticmethod
    def of(records: NDArray[np.int32], base: Vocabulary, size: int) -> _Trainer:
        """Return a trainer with base-encoded pretokens."""
        n_base = len(base.tokens)
        token_data, base_starts = flatten(base.tokens)
        token_starts = np.zeros(n_base + size + 1, np.int64)
        token_starts[: n_base + 1] = base_starts
        state = np.zeros(kernels.N_STATE, np.int64)
        state[kernels.TARGET] = size
        state[kernels.N_BASE] = n_base
        return _Trainer(
            records,
            state,
            np.concatenate([token_data, np.zeros(16 * size, np.uint8)]),
            token_starts,
            np.zeros((n_base + size, 8), np.int64),
            np.empty(n_base + size, np.int32),
            np.zeros((size, 4), np.int64),
            np.empty(0, np.int32),
        )

    def run(self, min_count: int, veto: Veto | None, progress: Callable[[int, int, bytes], None] | None) -> None:
        """Learn until the target is reached or no pair is left."""
        self.state[kernels.ASK] = veto is not None
        # A pretoken weighs one at least, so that what stands in so many of them is counted as often.
        min_count = max(min_count, int(self.state[kernels.MIN_PRETOKENS]))
        target = int(self.state[kernels.TARGET])
        step = target if progress is None else max(target // 200, 1)
        if not self.index(min_count):
            return
        while True:
            learned = int(self.state[kernels.N_LEARNED])
            self.state[kernels.TARGET] = min(target, (learned // step + 1) * step)
            status = kernels.learn_tokens(
                self.records, self.pairs, self.pair_slots, self.lists, self.heap, self.state,
                self.neighbours, self.touched, self.events,
                self.token_data, self.token_starts, self.script_before, self.learned,
            )  # fmt: skip
            if status == kernels.DONE and progress:
                learned = int(self.state[kernels.N_LEARNED])
                first, stop = self.token_starts[int(self.state[kernels.N_BASE]) + learned - 1 :][:2]
                progress(learned, target, self.token_data[first:stop].tobytes())
            if self.state[kernels.N_LEARNED] == target:
                return
            if status == kernels.NO_HOT_PAIR and (
                self.state[kernels.THRESHOLD] <= min_count or not self.index(min_count)
            ):
                return
            if status == kernels.NEED_VERDICT:
                self.judge(veto or Veto())
            else:
                self.make_room(status)

    def judge(self, veto: Veto) -> None:
        """Answer whether the pair that the kernel is about to join may be."""
        pair = int(self.state[kernels.CANDIDATE])
        left, right = divmod(int(self.pairs[pair, kernels.KEY]), 1 << 32)
        starts = self.token_starts
        token = b"".join(self.token_data[starts[part] : starts[part + 1]].tobytes() for part in (left, right))
        self.pairs[pair, kernels.VERDICT] = kernels.VETOED if veto.forbids(token) else kernels.APPROVED

    def make_room(self, status: int) -> None:
        """Double what the kernel found too small."""
        if status == kernels.NEED_PAIRS:
            capacity = 2 * self.pairs.shape[0] + 2 * self.neighbours.shape[0]
            self.pairs = grown(self.pairs, capacity)
            self.heap = grown(self.heap, capacity)
            self.place()
        elif status == kernels.NEED_LISTS:
            self.lists = grown(self.lists, 2 * self.lists.size + self.events.shape[0])
        elif status == kernels.NEED_BYTES:
            self.token_data = grown(self.token_data, 2 * self.token_data.size + int(self.token_starts.max()))

    def place(self) -> None:
        """Make slots that are at most half full when all room for pairs is used."""
        self.pair_slots = np.full(1 << (2 * self.pairs.shape[0]).bit_length(), -1, np.int32)
        kernels.place_pairs(self.pairs, int(self.state[kernels.N_PAIRS]), self.pair_slots)

    def index(self, min_count: int) -> bool:
        """Choose the hot pairs and list where they stand; tell whether there are any.

        The threshold is lowered each time, to where a few pairs for each missing token are hot that were not before, or to
        `min_count`: whatever has been hot and is still there was refused by a constraint. The first time it is no lower than
        a small share of what a token weighs in the mean: of single bytes few pairs are there at first, and to list all that
        come of them takes half as much memory again.
        """
        keys, counts, occurrences = self.counted_pairs()
        enough = occurrences >= self.state[kernels.MIN_PRETOKENS]  # where a pair stands only becomes less
        keys, counts, occurrences = keys[enough], counts[enough], occurrences[enough]
        cold = counts[counts < self.state[kernels.THRESHOLD]] if self.pairs.size else counts
        window = self.window or max(2 * (self.learned.shape[0] - int(self.state[kernels.N_LEARNED])), 1 << 16)
        window <<= self.n_indexed  # where most are refused there are few rounds even so
        self.n_indexed += 1
        threshold = min_count
        if cold.size > window:
            threshold = max(min_count, int(np.partition(cold, cold.size - window)[cold.size - window]))
        if not self.pairs.size and counts.size:
            mean = int(counts.sum()) // self.learned.shape[0]
            threshold = max(threshold, min(mean // _RARE, int(counts.max())))
        hot = np.flatnonzero(counts >= threshold)
        self.state[kernels.THRESHOLD] = threshold
        self.state[kernels.N_PAIRS] = hot.size
        if not hot.size:
            return False
        capacity = 2 * hot.size + 2 * self.neighbours.shape[0]
        self.pairs = np.zeros((capacity, 5), np.int64)
        self.pairs[: hot.size, kernels.KEY] = keys[hot]
        self.pairs[: hot.size, kernels.COUNT] = counts[hot]
        list_starts = np.cumsum(occurrences[hot])
        self.pairs[1 : hot.size, kernels.LIST_START] = list_starts[:-1]
        n_listed = int(list_starts[-1])
        self.state[kernels.LISTS_USED] = n_listed
        most = int(occurrences[hot].max())
        self.events = np.empty(2 * most, np.int64)
        # What is not written to takes no memory; to grow takes twice as much while the lists are copied.
        self.lists = np.empty(4 * n_listed + 2 * most, np.int32)
        self.heap = np.empty((capacity, 2), np.int64)
        self.place()
        places = np.zeros((1 << (2 * hot.size).bit_length(), 4), np.int64)
        kernels.index_pairs(self.records, places, self.pairs, self.lists, self.heap, self.state)
        return True

    def counted_pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return key, weight and number of occurrences of the adjacent pairs that may be learned, by key."""
        table = np.zeros((1 << 17, 3), np.int64)
        record = symbol = n_pairs = 0
        while True:
            record, symbol, n_pairs = record_kernels.count_pairs(self.records, record, symbol, table, n_pairs)
            if record >= self.records.size:
                break
            larger = np.zeros((2 * table.shape[0], 3), np.int64)
            record_kernels.move_pairs(table, larger)
            table = larger
        mark_allowed(table, int(self.state[kernels.MAX_CHARS]), self.token_data, self.token_starts, self.script_before)
        allowed = table[np.flatnonzero(table[:, 1])]
        return allowed[:, 0] - 1, allowed[:, 1], allowed[:, 2]


def _records_of(rows: Rows, base: Vocabulary, weigh_by: str) -> NDArray[np.int32]:
    """Return the base-encoded pretokens as records, some at a time: all ids at once would need their bytes fourfold."""
    weights = rows.counts if weigh_by == "count" else rows.documents
    # As many symbols as there may be: what is not written to takes no memory.
    records = np.empty(rows.data.size + record_kernels.HEADER * weights.size, np.int32)
    used = 0
    for first in range(0, weights.size, _PRETOKENS_AT_ONCE):
        last = min(first + _PRETOKENS_AT_ONCE, weights.size)
        ids, id_starts = encode_arrays(base, rows.data, rows.starts[first : last + 1], shortcut=True)
        used += record_kernels.fill_records(ids, id_starts, weights[first:last], records[used:])
    records = records[:used]
    return require_fitting(records)


def require_fitting(records: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return records, or refuse more of them than the kernel can name.

    Raises:
        SizeError: says how many.
    """
    if records.size >= 1 << 31:
        raise SizeError(
            f"the pretokens are {records.size:,} symbols, {1 << 31:,} is the most that can be learned from",
            "count with --sample, or learn from fewer slices",
        )
    return records
