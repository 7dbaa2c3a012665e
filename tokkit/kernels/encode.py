"""Encode pretokens: look each up whole, else begin with its bytes or characters and merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.merging import merge_symbols
from tokkit.kernels.pair_index import NO_RANK, pair_rank
from tokkit.kernels.strings import find_bytes
from tokkit.kernels.table import FIRST, REST, SHORT, hash_short, read_short

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_KEPT = 4  # ids that a row of a memo holds

JOINED = np.uint8(1)
UNSAFE = np.uint8(2)


@kernel
def mark_lengths(data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.uint64]) -> None:
    """Set the bit of its length, or of 63 for more, for each token: uint64[256] by first byte, all 0 on entry."""
    for row in range(starts.size - 1):
        if starts[row] < starts[row + 1]:
            lengths[data[starts[row]]] |= np.uint64(1) << np.uint64(min(starts[row + 1] - starts[row], 63))


@kernel
def mark_borders(data: NDArray[np.uint8], starts: NDArray[np.int64], borders: NDArray[np.uint8]) -> None:
    """Mark which two bytes stand side by side in a token (JOINED), and where characters may not be encoded first (UNSAFE).

    UNSAFE is every border between characters inside a token that begins or ends inside a character. Characters are taken by
    their lead bytes alone (what follows a lead byte must be continuation bytes, however many it asks for). A continuation
    byte begins no character, and a lead byte ends none: as borders these are never safe.
    """
    borders[:, 0x80:0xC0] = UNSAFE
    borders[0xC0:, :] = UNSAFE
    for row in range(starts.size - 1):
        start = starts[row]
        stop = starts[row + 1]
        for border in range(start + 1, stop):
            borders[data[border - 1], data[border]] |= JOINED
        position = start
        while position < stop:
            length = _character_length(data, position, stop)
            if length == 0:
                break
            position += length
        if position == stop:
            continue
        for border in range(start + 1, stop):
            borders[data[border - 1], data[border]] |= UNSAFE


@kernel
def _character_length(data: NDArray[np.uint8], position: int, stop: int) -> int:
    """Return the length of the whole character that begins at `position`, 0 where none does."""
    lead = data[position]
    if lead < 0x80:
        return 1
    if lead < 0xC0 or lead >= 0xF8:
        return 0
    length = 2 + (lead >= 0xE0) + (lead >= 0xF0)
    if position + length > stop:
        return 0
    for i in range(1, length):
        if data[position + i] & 0xC0 != 0x80:
            return 0
    return length


@kernel
def fill_characters(ids: NDArray[np.int32], id_starts: NDArray[np.int64], characters: NDArray[np.int32]) -> None:
    """Write the ids of every two- and three-byte character, encoded in that order, to `characters`."""
    for row in range(characters.shape[0]):
        start = id_starts[row]
        characters[row, 0] = id_starts[row + 1] - start
        for i in range(characters[row, 0]):
            characters[row, 1 + i] = ids[start + i]


@kernel
def _begin(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    byte_ids: NDArray[np.int32],
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
    byte_pairs: NDArray[np.int32],
    characters: NDArray[np.int32],
    borders: NDArray[np.uint8],
    symbols: NDArray[np.int32],
    ranks: NDArray[np.int32],
) -> int:
    """Write the symbols that merging a pretoken begins with, and the ranks of their pairs; return how many there are.

    Without `characters` these are the bytes. While symbols are written, `ranks[i]` holds the byte of a single-byte symbol, or
    -1 where it makes no token with the next one, because both are of one character or because no token has the bytes on
    both sides, or -2 for the last part of a character else.
    """
    n_symbols = 0
    position = start
    while position < stop:
        lead = data[position]
        border = borders[data[position - 1], lead] if position > start else JOINED
        if not border & JOINED:
            ranks[n_symbols - 1] = -1
        length = 0
        if 0xC0 <= lead < 0xF0 and characters.shape[0] > 0 and not border & UNSAFE:
            length = _character_length(data, position, stop)
            end = position + length
            if length and end < stop and borders[data[end - 1], data[end]] & UNSAFE:
                length = 0
        if length == 0:
            symbols[n_symbols] = byte_ids[lead]
            ranks[n_symbols] = lead
            n_symbols += 1
            position += 1
            continue
        if length == 2:
            row = ((np.int64(lead) & 0x1F) << 6) | (data[position + 1] & 0x3F)
        else:
            row = 2048 + (
                ((np.int64(lead) & 0x0F) << 12)
                | ((np.int64(data[position + 1]) & 0x3F) << 6)
                | (np.int64(data[position + 2]) & 0x3F)
            )
        # Two symbols are written where there is one: the next character writes over the second.
        symbols[n_symbols] = characters[row, 1]
        symbols[n_symbols + 1] = characters[row, 2]
        ranks[n_symbols] = -1
        ranks[n_symbols + 1] = -1
        if characters[row, 0] == 3:
            symbols[n_symbols + 2] = characters[row, 3]
        n_symbols += np.int64(characters[row, 0])
        ranks[n_symbols - 1] = -2
        position += length
    for i in range(n_symbols - 1):
        if ranks[i] >= 0 and ranks[i + 1] >= 0:
            ranks[i] = byte_pairs[ranks[i], ranks[i + 1]]
        elif ranks[i] == -1:
            ranks[i] = NO_RANK
        else:
            ranks[i] = pair_rank(symbols[i], symbols[i + 1], pairs, partners)
    ranks[n_symbols - 1] = NO_RANK
    return n_symbols


@inlined
def _recalled(low: np.uint64, high: np.uint64, ids: NDArray[np.int32], used: int) -> int:
    """Write the four ids of two words to `ids` from `used` on; return how many there are before those that are -1."""
    ids[used] = np.int32(low & np.uint64(0xFFFFFFFF))
    ids[used + 1] = np.int32(low >> np.uint64(32))
    ids[used + 2] = np.int32(high & np.uint64(0xFFFFFFFF))
    ids[used + 3] = np.int32(high >> np.uint64(32))
    return 1 + np.int64(ids[used + 1] >= 0) + np.int64(ids[used + 2] >= 0) + np.int64(ids[used + 3] >= 0)


@kernel
def _keep(ids: NDArray[np.int32], row: NDArray[np.uint64]) -> None:
    """Write up to MOST_KEPT ids to the last two words of a memo's row, -1 where there are fewer."""
    for word in range(2):
        row[2 + word] = np.uint64(0)
        for half in range(2):
            place = 2 * word + half
            value = np.uint64(ids[place]) if place < ids.size else np.uint64(0xFFFFFFFF)
            row[2 + word] |= value << np.uint64(32 * half)


@kernel
def encode_pretokens(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    limits: NDArray[np.int32],
    byte_ids: NDArray[np.int32],
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
    token_slots: NDArray[np.int32],
    lengths: NDArray[np.uint64],
    shortcut: bool,  # noqa: FBT001 - a kernel's flag
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
    byte_pairs: NDArray[np.int32],
    characters: NDArray[np.int32],
    borders: NDArray[np.uint8],
    memo: NDArray[np.uint64],
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    ranks: NDArray[np.int32],
    after: NDArray[np.int32],
    before: NDArray[np.int32],
    heap: NDArray[np.uint64],
) -> None:
    """Write the ids of every pretoken to `ids` (as long as `data`, and MOST_KEPT) and where they start to `id_starts` (n + 1).

    `limits[i]`: pretoken i merges to ranks below it only (one limit serves all when `limits` has length 1); `characters`
    must be empty then.
    `shortcut`: a pretoken that is a token is that token, without merging, as tiktoken has it.
    `memo: uint64[2**k, 4]`, empty where none comes twice, holds short pretokens that were merged to few ids before, each in the
    row of its hash: the two words by which a table of counts knows it, then four ids, int32, -1 where there are fewer.
    `ranks`, `after`, `before` hold the longest pretoken, `heap` three times as much.
    """
    mask = np.uint64(memo.shape[0] - 1)
    used = 0
    id_starts[0] = 0
    for row in range(starts.size - 1):
        start = starts[row]
        stop = starts[row + 1]
        limit = np.int64(limits[row] if limits.size > 1 else limits[0])
        whole = -1
        if shortcut and start < stop and (lengths[data[start]] >> np.uint64(min(stop - start, 63))) & np.uint64(1):
            whole = find_bytes(data, start, stop, token_data, token_starts, token_slots)
        if whole >= 0:
            ids[used] = whole
            id_starts[row + 1] = used = used + 1
            continue
        place = -1
        if memo.shape[0] > 0 and stop - start <= SHORT:
            first, rest = read_short(data, start, stop)
            place = np.int64(hash_short(first, rest) >> np.uint64(32) & mask)
            if memo[place, REST] == rest and memo[place, FIRST] == first:
                used += _recalled(memo[place, 2], memo[place, 3], ids, used)
                id_starts[row + 1] = used
                continue
        symbols = ids[used : used + stop - start]
        n_symbols = _begin(
            data, start, stop, byte_ids, pairs, partners, byte_pairs, characters, borders, symbols, ranks
        )
        used += merge_symbols(n_symbols, symbols, ranks, after, before, heap, limit, pairs, partners)
        id_starts[row + 1] = used
        if place >= 0 and used - id_starts[row] <= MOST_KEPT:
            memo[place, FIRST] = first
            memo[place, REST] = rest
            _keep(ids[id_starts[row] : used], memo[place])
