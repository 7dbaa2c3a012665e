"""Encode pretokens, texts and counts tables with a vocabulary, exactly as tiktoken does."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from tokkit.errors import InputError, SizeError
from tokkit.kernels.encode import MOST_KEPT, encode_pretokens, fill_characters, mark_borders, mark_lengths
from tokkit.kernels.merging import SCAN_LIMIT
from tokkit.kernels.pair_index import MOST_IDS, NO_PAIR, NO_RANK, count_splits, index_pairs
from tokkit.kernels.strings import index_strings
from tokkit.pretokenize import split
from tokkit.vocabulary import SINGLE_BYTES, require_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tokkit.vocabulary import Vocabulary

_PRETOKENS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class MergeTable:
    """A vocabulary as the arrays that the encode kernel reads; see `tokkit.kernels.encode` and `pair_index`."""

    token_data: NDArray[np.uint8]
    token_starts: NDArray[np.int64]
    token_slots: NDArray[np.int32]
    lengths: NDArray[np.uint64]
    byte_ids: NDArray[np.int32]
    pairs: NDArray[np.uint64]
    partners: NDArray[np.uint64]
    byte_pairs: NDArray[np.int32]
    characters: NDArray[np.int32]
    borders: NDArray[np.uint8]
    parts: NDArray[np.int32]


_NO_MEMO = np.zeros((0, 4), np.uint64)
_MEMO_ROWS = 1 << 15  # a megabyte, about what a core's own cache holds
_THREAD = threading.local()
_TABLES: WeakKeyDictionary[Vocabulary, MergeTable] = WeakKeyDictionary()


def merge_table(vocabulary: Vocabulary) -> MergeTable:
    """Return the merge table of a vocabulary, made once.

    Raises:
        LawError: a single byte has no token, so that some text has no ids.
    """
    table = _TABLES.get(vocabulary)
    if table is None:
        table = _TABLES[vocabulary] = _make_merge_table(vocabulary)
    return table


def _make_merge_table(vocabulary: Vocabulary) -> MergeTable:
    require_bytes(vocabulary)
    if len(vocabulary.tokens) > MOST_IDS:
        raise SizeError(
            f"{vocabulary.name}: {len(vocabulary.tokens):,} tokens, {MOST_IDS:,} is the most that can be encoded with"
        )
    byte_ids = np.array([vocabulary.ranks[byte] for byte in SINGLE_BYTES], np.int32)
    data, starts = flatten(vocabulary.tokens)
    slots = np.full(slots_for(len(vocabulary.tokens)), -1, np.int32)
    index_strings(data, starts, slots)
    pairs = np.full(slots_for(count_splits(data, starts, slots)), NO_PAIR, np.uint64)
    byte_pairs = np.empty((256, 256), np.int32)
    partners = np.zeros(len(vocabulary.tokens), np.uint64)
    index_pairs(data, starts, slots, byte_ids, pairs, partners, byte_pairs)
    lengths = np.zeros(256, np.uint64)
    mark_lengths(data, starts, lengths)
    borders = np.zeros((256, 256), np.uint8)
    mark_borders(data, starts, borders)
    none = np.empty((0, 4), np.int32)
    table = MergeTable(
        data, starts, slots, lengths, byte_ids, pairs, partners, byte_pairs, none, borders, np.empty((0, 2), np.int32)
    )
    parts = _parts(table)
    closed = not np.any((np.diff(starts) > 1) & (parts[:, 0] < 0))
    return replace(table, parts=parts, characters=_encoded_characters(table) if closed else none)


def _parts(table: MergeTable) -> NDArray[np.int32]:
    n_tokens = table.token_starts.size - 1
    limits = np.arange(n_tokens, dtype=np.int32)
    ids, starts = _run(table, table.token_data, table.token_starts, shortcut=False, limits=limits)
    parts = np.full((n_tokens, 2), -1, np.int32)
    two = np.flatnonzero(np.diff(starts) == 2)
    parts[two, 0] = ids[starts[two]]
    parts[two, 1] = ids[starts[two] + 1]
    return parts


def _encoded_characters(table: MergeTable) -> NDArray[np.int32]:
    """Return int32[2048 + 65536, 4]: for each sequence of two bytes, then of three, the number of its tokens and their ids."""
    two = np.arange(1 << 11)
    three = np.arange(1 << 16)
    two_bytes = np.stack([0xC0 | two >> 6, 0x80 | two & 0x3F], axis=1)
    three_bytes = np.stack([0xE0 | three >> 12, 0x80 | three >> 6 & 0x3F, 0x80 | three & 0x3F], axis=1)
    data = np.concatenate([two_bytes.ravel(), three_bytes.ravel()]).astype(np.uint8)
    starts = np.concatenate([2 * two, 2 * two.size + 3 * np.arange(three.size + 1)])
    characters = np.zeros((two.size + three.size, 4), np.int32)
    fill_characters(*_run(table, data, starts, shortcut=False), characters)
    return characters


def slots_for(n: int) -> int:
    """Return the power of two that holds n entries at most half full."""
    return 1 << max(4, (2 * n).bit_length())


def flatten(pieces: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return byte strings as one array of bytes and where each starts (n + 1 offsets).

    It can be written to, as the arrays of tables can: for one that cannot, kernels are compiled once more.
    """
    starts = np.zeros(len(pieces) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, pieces), np.int64, len(pieces)), out=starts[1:])
    return np.frombuffer(bytearray().join(pieces), np.uint8), starts


def encode_arrays(
    vocabulary: Vocabulary,
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    *,
    shortcut: bool,
    limits: NDArray[np.int32] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Encode pretokens by merging and return their ids.

    Args:
        vocabulary: the vocabulary.
        data: uint8, the bytes of all pretokens.
        starts: int64[n + 1], where each pretoken starts.
        shortcut: look the whole pretoken up before merging, as tiktoken and `ignore_merges` do.
        limits: int32[n], for each pretoken the rank below which merges are allowed; all ranks when omitted.

    Returns:
        ids (int32, all pretokens in a row) and where each pretoken's ids start (int64[n + 1]).
    """
    table = merge_table(vocabulary)
    return _run(
        table if limits is None else replace(table, characters=table.characters[:0]),
        data,
        starts,
        shortcut=shortcut,
        limits=limits,
    )


def _memo(vocabulary: Vocabulary) -> NDArray[np.uint64]:
    """Return what this thread keeps of the pretokens of texts that it merged; see `encode_pretokens`."""
    if not hasattr(_THREAD, "memos"):
        _THREAD.memos = WeakKeyDictionary()
    memo: NDArray[np.uint64] | None = _THREAD.memos.get(vocabulary)
    if memo is None:
        memo = _THREAD.memos[vocabulary] = np.zeros((_MEMO_ROWS, 4), np.uint64)
    return memo


def _run(
    table: MergeTable,
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    *,
    shortcut: bool,
    limits: NDArray[np.int32] | None = None,
    memo: NDArray[np.uint64] = _NO_MEMO,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Allocate what the kernel needs and run it."""
    if table.token_data.size == len(SINGLE_BYTES):  # single bytes and no more: there is nothing to merge
        return table.byte_ids[data[starts[0] : starts[-1]]], starts - starts[0]
    longest = int(np.diff(starts).max(initial=1))
    ids = np.empty(int(starts[-1] - starts[0]) + MOST_KEPT, np.int32)
    id_starts = np.empty(starts.size, np.int64)
    encode_pretokens(
        data,
        starts,
        limits if limits is not None and limits.size else np.array([NO_RANK], np.int32),
        table.byte_ids,
        table.token_data,
        table.token_starts,
        table.token_slots,
        table.lengths,
        shortcut,
        table.pairs,
        table.partners,
        table.byte_pairs,
        table.characters,
        table.borders,
        memo,
        ids,
        id_starts,
        np.empty(longest, np.int32),
        np.empty(longest, np.int32),
        np.empty(longest, np.int32),
        np.empty(3 * longest if longest > SCAN_LIMIT else 0, np.uint64),
    )
    return ids[: id_starts[-1]], id_starts


def tokens_per_pretoken(
    vocabulary: Vocabulary,
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    *,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.int32]:
    """Return int32[n]: how many tokens each pretoken has; some are encoded at a time, to hold few ids.

    Args:
        vocabulary: the vocabulary.
        data: uint8, the bytes of all pretokens.
        starts: int64[n + 1], where each pretoken starts.
        jobs: threads to encode with; 0 is every core.
        progress: called with the bytes encoded so far.
    """
    merge_table(vocabulary)  # made once, before several threads want it
    counts = np.empty(starts.size - 1, np.int32)

    def encode_from(first: int) -> int:
        last = min(first + _PRETOKENS_AT_ONCE, counts.size)
        _, id_starts = encode_arrays(vocabulary, data, starts[first : last + 1], shortcut=True)
        counts[first:last] = np.diff(id_starts)
        return last

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as threads:
        for last in threads.map(encode_from, range(0, counts.size, _PRETOKENS_AT_ONCE)):
            if progress:
                progress(int(starts[last] - starts[0]))
    return counts


def encode_pieces(vocabulary: Vocabulary, pieces: Sequence[bytes], *, shortcut: bool) -> list[list[int]]:
    """Return the ids of each pretoken; see `encode_arrays`.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> vocabulary = Vocabulary("tiny", "", tuple(bytes([byte]) for byte in range(256)) + (b"ab", b"abc"))
        >>> encode_pieces(vocabulary, [b"abc", b"cab"], shortcut=False)
        [[257], [99, 256]]
    """
    ids, starts = encode_arrays(vocabulary, *flatten(pieces), shortcut=shortcut)
    as_list = ids.tolist()
    bounds = starts.tolist()
    return [as_list[start:stop] for start, stop in pairwise(bounds)]


def encode_bytes(vocabulary: Vocabulary, piece: bytes, *, shortcut: bool) -> list[int]:
    """Return the ids of one pretoken; see `encode_arrays`."""
    return encode_pieces(vocabulary, [piece], shortcut=shortcut)[0]


def merge_parts(vocabulary: Vocabulary) -> NDArray[np.int32]:
    """Return int32[n_tokens, 2]: the two lower-ranked tokens that merging makes each token of, (-1, -1) where not two.

    Single bytes and holes have none. A token of two bytes or more without parts breaks closure.
    """
    return merge_table(vocabulary).parts


def encode(vocabulary: Vocabulary, text: str, *, specials: bool = False) -> list[int]:
    """Return the ids of a text, equal to tiktoken's `encode_ordinary`.

    Args:
        vocabulary: the vocabulary.
        text: the text; it must be encodable as UTF-8.
        specials: whether a special token's name in the text becomes that token (`allowed_special="all"`).

    Raises:
        InputError: the text holds a lone surrogate.
    """
    if not specials or not vocabulary.special_tokens:
        return _encode_ordinary(vocabulary, text)
    import regex  # noqa: PLC0415 - only this rare path needs it

    names = sorted(vocabulary.special_tokens, key=len, reverse=True)
    ids: list[int] = []
    for part in regex.split(f"({'|'.join(map(regex.escape, names))})", text):
        if part in vocabulary.special_tokens:
            ids.append(vocabulary.special_tokens[part])
        else:
            ids += _encode_ordinary(vocabulary, part)
    return ids


def _encode_ordinary(vocabulary: Vocabulary, text: str) -> list[int]:
    if not text:
        return []
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the text holds a lone surrogate at character {error.start}: U+{ord(text[error.start]):04X}",
            'drop it, or read the text with errors="surrogateescape" and mend it first',
        ) from None
    array = np.frombuffer(data, np.uint8)
    starts = split(array, vocabulary.pattern)
    copy = np.frombuffer(bytearray(data), np.uint8)  # as `flatten`
    ids, _ = _run(merge_table(vocabulary), copy, starts, shortcut=True, memo=_memo(vocabulary))
    as_list: list[int] = ids.tolist()
    return as_list


def decode_bytes(vocabulary: Vocabulary, ids: Sequence[int]) -> bytes:
    """Return the bytes of ids; a special token gives its name.

    Raises:
        InputError: an id that the vocabulary does not have.
    """
    pieces = []
    for token_id in ids:
        piece = vocabulary.tokens[token_id] if 0 <= token_id < len(vocabulary.tokens) else b""
        if not piece:
            name = vocabulary.special_ids.get(token_id)
            if name is None:
                raise InputError(f"{vocabulary.name} has no id {token_id}", f"ids are 0 to {vocabulary.n_vocab - 1:,}")
            piece = name.encode()
        pieces.append(piece)
    return b"".join(pieces)


def decode(vocabulary: Vocabulary, ids: Sequence[int]) -> str:
    """Return the text of ids; bytes that are not UTF-8 become U+FFFD, as in tiktoken.

    Raises:
        InputError: an id that the vocabulary does not have.
    """
    return decode_bytes(vocabulary, ids).decode("utf-8", "replace")
