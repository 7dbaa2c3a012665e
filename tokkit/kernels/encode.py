"""Encode pretokens by merging: always the leftmost adjacent pair whose concatenation has the lowest rank.

The pair index maps (left id, right id) to the rank of the concatenation, for every split of every token, so that a lookup
needs no bytes. `pairs: uint64[2**k]` holds `left << 43 | right << 22 | rank`, one word and so one cache miss a pair, NO_PAIR
where empty, at most half full; ids are below 2**21 - 1, because the key of that id with itself would look like NO_PAIR.
Pairs of single bytes, which every pretoken begins with, are in a square of their own: `byte_pairs: int32[256, 256]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import kernel
from tokkit.kernels.strings import HASH_FACTOR, find_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_PAIR = np.uint64(0xFFFFFFFFFFFFFFFF)
JOINED = np.uint8(1)
UNSAFE = np.uint8(2)
MOST_IDS = (1 << 21) - 1
NO_RANK = np.int32(0x7FFFFFFF)
# Up to this many bytes a scan of all pairs for each merge is faster than a heap; above it the heap keeps the time linear.
SCAN_LIMIT = 96
# A merge takes a heap some fifty times as long as a pass takes for a symbol; the share of the symbols that a pass is to merge.
FEWEST = 16


@kernel
def count_splits(data: NDArray[np.uint8], starts: NDArray[np.int64], slots: NDArray[np.int32]) -> int:
    """Return how many (token, split point) have both sides in the vocabulary."""
    total = 0
    for row in range(starts.size - 1):
        start = starts[row]
        stop = starts[row + 1]
        for middle in range(start + 1, stop):
            if (
                find_bytes(data, start, middle, data, starts, slots) >= 0
                and find_bytes(data, middle, stop, data, starts, slots) >= 0
            ):
                total += 1
    return total


@kernel
def index_pairs(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    slots: NDArray[np.int32],
    byte_ids: NDArray[np.int32],
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
    byte_pairs: NDArray[np.int32],
) -> None:
    """Fill the pair index (all NO_PAIR on entry) with every split of every token into two tokens, and `partners` (all 0)."""
    mask = np.uint64(pairs.size - 1)
    for row in range(starts.size - 1):
        start = starts[row]
        stop = starts[row + 1]
        for middle in range(start + 1, stop):
            left = find_bytes(data, start, middle, data, starts, slots)
            if left < 0:
                continue
            right = find_bytes(data, middle, stop, data, starts, slots)
            if right < 0:
                continue
            key = (np.uint64(left) << np.uint64(21)) | np.uint64(right)
            slot = _pair_slot(key, mask)
            while pairs[slot] != NO_PAIR:
                slot = (slot + np.uint64(1)) & mask
            pairs[slot] = (key << np.uint64(22)) | np.uint64(row)
            partners[left] |= np.uint64(1) << np.uint64(right & 63)
    for first in range(256):
        for second in range(256):
            byte_pairs[first, second] = pair_rank(byte_ids[first], byte_ids[second], pairs, partners)


@kernel
def _pair_slot(key: np.uint64, mask: np.uint64) -> np.uint64:
    value = key * HASH_FACTOR
    return (value ^ (value >> np.uint64(32))) & mask


@kernel
def pair_rank(left: int, right: int, pairs: NDArray[np.uint64], partners: NDArray[np.uint64]) -> np.int32:
    """Return the rank of the concatenation of two ids, or NO_RANK where it is no token.

    `partners[left]` has bit `right % 64` where a token begins with `left` and goes on with such an id: most pairs make no token,
    and most of those are told apart without the pair index.
    """
    if not (partners[left] >> np.uint64(right & 63)) & np.uint64(1):
        return NO_RANK
    mask = np.uint64(pairs.size - 1)
    key = (np.uint64(left) << np.uint64(21)) | np.uint64(right)
    slot = _pair_slot(key, mask)
    while True:
        found = pairs[slot]
        if found >> np.uint64(22) == key:
            return np.int32(found & np.uint64(0x3FFFFF))
        if found == NO_PAIR:
            return NO_RANK
        slot = (slot + np.uint64(1)) & mask


@kernel
def merge_by_scan(
    n_symbols: int,
    symbols: NDArray[np.int32],
    keys: NDArray[np.int32],
    after: NDArray[np.int32],
    before: NDArray[np.int32],
    limit: int,
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
) -> int:
    """Merge `symbols[:n_symbols]`, at most SCAN_LIMIT, in place, return how many are left.

    Symbols stay where they begin and form a linked list. `keys[i]` is `rank << 7 | i` of the pair that begins at i, which must
    hold on entry, or NO_RANK. So the minimum of all keys, which the processor finds many at a time, is the leftmost of the
    lowest; nothing is moved until the end.
    """
    most = limit << 7 if limit < NO_RANK >> 7 else np.int64(NO_RANK)
    best = NO_RANK
    for i in range(n_symbols):
        best = min(best, keys[i])
    if best >= most:
        return n_symbols
    for i in range(n_symbols):
        after[i] = i + 1
        before[i] = i - 1
    merged = 0
    while best < most:
        at = np.int64(best & np.int32(127))
        rank = best >> np.int32(7)
        gone = np.int64(after[at])
        following = np.int64(after[gone])
        symbols[at] = rank
        keys[gone] = NO_RANK
        keys[at] = NO_RANK
        after[at] = following
        merged += 1
        if following < n_symbols:
            before[following] = at
            joined = pair_rank(rank, symbols[following], pairs, partners)
            if joined != NO_RANK:
                keys[at] = (joined << np.int32(7)) | np.int32(at)
        previous = np.int64(before[at])
        if previous >= 0:
            joined = pair_rank(symbols[previous], rank, pairs, partners)
            keys[previous] = (joined << np.int32(7)) | np.int32(previous) if joined != NO_RANK else NO_RANK
        best = NO_RANK
        for i in range(n_symbols):
            best = min(best, keys[i])
    at = 0
    for kept in range(n_symbols - merged):
        symbols[kept] = symbols[at]
        at = np.int64(after[at])
    return n_symbols - merged


@kernel
def push(heap: NDArray[np.uint64], size: int, value: np.uint64) -> int:
    """Put a value on a heap of `size` values with the lowest at its root, return the new size."""
    child = size
    while child > 0:
        parent = (child - 1) >> 1
        if heap[parent] <= value:
            break
        heap[child] = heap[parent]
        child = parent
    heap[child] = value
    return size + 1


@kernel
def pop(heap: NDArray[np.uint64], size: int) -> int:
    """Take the root off (the caller has read it), return the new size."""
    size -= 1
    value = heap[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[parent] = heap[child]
        parent = child
    heap[parent] = value
    return size


@kernel
def merge_by_heap(
    n_symbols: int,
    symbols: NDArray[np.int32],
    ranks: NDArray[np.int32],
    after: NDArray[np.int32],
    before: NDArray[np.int32],
    heap: NDArray[np.uint64],
    limit: int,
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
) -> int:
    """Merge `symbols[:n_symbols]` in place in n log n time, return how many are left.

    Symbols form a linked list by position; the heap holds `rank << 32 | position`, so that its root is the leftmost of the
    lowest. An entry is stale when the pair at its position no longer has that rank: every change of a pair writes
    `ranks[position]`, and a merged-away position gets NO_RANK. The heap takes at most 3 n entries: n at first, two a merge.
    """
    size = 0
    for i in range(n_symbols):
        after[i] = i + 1
        before[i] = i - 1
        if i + 1 < n_symbols and ranks[i] < limit:
            size = push(heap, size, (np.uint64(ranks[i]) << np.uint64(32)) | np.uint64(i))
    while size > 0:
        rank = np.int32(heap[0] >> np.uint64(32))
        at = np.int64(heap[0] & np.uint64(0xFFFFFFFF))
        size = pop(heap, size)
        if ranks[at] != rank:
            continue
        gone = after[at]
        following = after[gone]
        symbols[at] = rank
        ranks[gone] = NO_RANK
        after[at] = following
        ranks[at] = NO_RANK
        if following < n_symbols:
            before[following] = at
            ranks[at] = pair_rank(rank, symbols[following], pairs, partners)
            if ranks[at] < limit:
                size = push(heap, size, (np.uint64(ranks[at]) << np.uint64(32)) | np.uint64(at))
        previous = before[at]
        if previous >= 0:
            ranks[previous] = pair_rank(symbols[previous], rank, pairs, partners)
            if ranks[previous] < limit:
                size = push(heap, size, (np.uint64(ranks[previous]) << np.uint64(32)) | np.uint64(previous))
    kept = 0
    at = 0
    while at < n_symbols:
        symbols[kept] = symbols[at]
        kept += 1
        at = after[at]
    return kept


@kernel
def merge_by_rounds(
    n_symbols: int,
    symbols: NDArray[np.int32],
    ranks: NDArray[np.int32],
    limit: int,
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
) -> int:
    """Merge `symbols[:n_symbols]` in place while the lowest rank is that of many pairs, return how many are left.

    `ranks[i]` is that of the pair that begins at i, on entry and after it. A round goes once from left to right and merges all
    pairs of one rank: a run of one character halves. Each round takes a part of the symbols away, so that all take linear
    time. A pair that comes about with a lower rank yet goes first: there the round ends, and only what is left is moved up.
    """
    while n_symbols > SCAN_LIMIT:
        best = NO_RANK
        for i in range(n_symbols):
            best = min(best, ranks[i])
        n_best = 0
        for i in range(n_symbols):
            n_best += ranks[i] == best
        if best >= limit or n_best * FEWEST < n_symbols:
            break
        rank = best
        kept = 0
        at = 0
        while at < n_symbols:
            symbols[kept] = symbols[at]
            ranks[kept] = ranks[at]
            at += 1
            if ranks[kept] == rank:
                symbols[kept] = best
                at += 1
                ranks[kept] = pair_rank(best, symbols[at], pairs, partners) if at < n_symbols else NO_RANK
                lowest = ranks[kept]
                if kept > 0:
                    ranks[kept - 1] = pair_rank(symbols[kept - 1], best, pairs, partners)
                    lowest = min(lowest, ranks[kept - 1])
                if lowest < best:
                    rank = np.int32(-1)
            kept += 1
        n_symbols = kept
    return n_symbols


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
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    ranks: NDArray[np.int32],
    after: NDArray[np.int32],
    before: NDArray[np.int32],
    heap: NDArray[np.uint64],
) -> None:
    """Write the ids of every pretoken to `ids` (as long as `data`) and where they start to `id_starts` (n + 1).

    `limits[i]`: pretoken i merges to ranks below it only (one limit serves all when `limits` has length 1); `characters`
    must be empty then.
    `shortcut`: a pretoken that is a token is that token, without merging, as tiktoken has it.
    `ranks`, `after`, `before` hold the longest pretoken, `heap` three times as much.
    """
    used = 0
    id_starts[0] = 0
    for row in range(starts.size - 1):
        start = starts[row]
        stop = starts[row + 1]
        limit = limits[row] if limits.size > 1 else limits[0]
        whole = -1
        if shortcut and start < stop and (lengths[data[start]] >> np.uint64(min(stop - start, 63))) & np.uint64(1):
            whole = find_bytes(data, start, stop, token_data, token_starts, token_slots)
        if whole >= 0:
            ids[used] = whole
            used += 1
        else:
            symbols = ids[used : used + stop - start]
            n_symbols = _begin(
                data, start, stop, byte_ids, pairs, partners, byte_pairs, characters, borders, symbols, ranks
            )
            if n_symbols <= SCAN_LIMIT:
                for i in range(n_symbols):
                    ranks[i] = (ranks[i] << np.int32(7)) | np.int32(i) if ranks[i] != NO_RANK else NO_RANK
                n_symbols = merge_by_scan(n_symbols, symbols, ranks, after, before, limit, pairs, partners)
            else:
                n_symbols = merge_by_rounds(n_symbols, symbols, ranks, limit, pairs, partners)
                n_symbols = merge_by_heap(n_symbols, symbols, ranks, after, before, heap, limit, pairs, partners)
            used += n_symbols
        id_starts[row + 1] = used
