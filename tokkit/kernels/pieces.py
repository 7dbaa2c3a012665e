"""Cut encoded pretokens where no learned token reaches over, and keep each piece that is left once.

Pairs of characters are counted in `table: int64[2**k, 2]`: `left << 21 | right`, plus one, 0 where empty, and how often; at most
half full. `members: uint8[0x110000]` says which characters learned tokens are made of; pairs with another are not counted.

`strengths: int32` stands beside ids: how often the two characters on either side of the border behind an id stand side by side
in all, NEVER where the border is inside a character, -1 behind the last id of a pretoken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import kernel
from tokkit.kernels.merging import merge_symbols
from tokkit.kernels.pair_index import NO_RANK, pair_rank, place_pair
from tokkit.kernels.records import pair_slot
from tokkit.kernels.scripts import code_point_at
from tokkit.kernels.strings import HASH_FACTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEVER = np.int32(0x7FFFFFFF)
BROKEN = -1


@kernel
def _character(data: NDArray[np.uint8], position: int, stop: int, members: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the code point that begins at a position, 0 where it is no member, BROKEN where none does, and its length."""
    lead = np.int64(data[position])
    length = 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
    if 0x80 <= lead < 0xC0 or position + length > stop:
        return BROKEN, 1
    code_point = code_point_at(data, position, length)
    if code_point >= members.size or not members[code_point]:
        code_point = np.int64(0)
    return code_point, length


@kernel
def _neighbours_slot(left: int, right: int, table: NDArray[np.int64]) -> int:
    """Return where a pair of characters stands in the table, or where it would."""
    key = np.int64(left) << 21 | right
    mask = np.uint64(table.shape[0] - 1)
    slot = pair_slot(key, table.shape[0])
    while table[slot, 0] != 0 and table[slot, 0] != key + 1:
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@kernel
def count_neighbours(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    members: NDArray[np.uint8],
    row: int,
    table: NDArray[np.int64],
    n_pairs: int,
) -> tuple[int, int]:
    """Count pairs of members from a row on; return the row that might find no room, and the pairs so far."""
    while row < counts.size:
        if 2 * (n_pairs + starts[row + 1] - starts[row]) > table.shape[0]:
            return row, n_pairs
        position = starts[row]
        before = np.int64(0)
        while position < starts[row + 1]:
            code_point, length = _character(data, position, starts[row + 1], members)
            if before > 0 and code_point > 0:
                slot = _neighbours_slot(before, code_point, table)
                if table[slot, 0] == 0:
                    table[slot, 0] = (before << 21 | code_point) + 1
                    n_pairs += 1
                table[slot, 1] += counts[row]
            before = code_point
            position += length
        row += 1
    return row, n_pairs


@kernel
def mark_leads(
    data: NDArray[np.uint8], starts: NDArray[np.int64], leads: NDArray[np.bool_], found: NDArray[np.bool_]
) -> None:
    """Tell for each string whether it has two bytes, the first one times 256 and the second, that `leads` has."""
    for row in range(starts.size - 1):
        position, last = starts[row], starts[row + 1] - 1
        held = False
        while position < last and not held:
            held = leads[np.int64(data[position]) << 8 | data[position + 1]]
            position += 1
        found[row] = held or (position == last and leads[np.int64(data[position]) << 8])


@kernel
def mark_strengths(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    members: NDArray[np.uint8],
    table: NDArray[np.int64],
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    token_lengths: NDArray[np.int64],
    strengths: NDArray[np.int32],
) -> None:
    """Write the strength of the border behind each id."""
    for row in range(starts.size - 1):
        at = id_starts[row]
        last = id_starts[row + 1] - 1
        if at > last:
            continue
        position = starts[row]
        border = position + token_lengths[ids[at]]
        strengths[at] = NEVER
        before = np.int64(BROKEN)
        while position < starts[row + 1]:
            code_point, length = _character(data, position, starts[row + 1], members)
            while border < position:
                at += 1
                border += token_lengths[ids[at]]
                strengths[at] = NEVER
            if border == position and before >= 0 and code_point >= 0:
                strengths[at] = 0
                if before > 0 and code_point > 0:
                    slot = _neighbours_slot(before, code_point, table)
                    strengths[at] = table[slot, 1] if table[slot, 1] < NEVER else NEVER - np.int32(1)
            before = code_point
            position += length
        while at < last:
            at += 1
            strengths[at] = NEVER
        strengths[last] = -1


@kernel
def join_tokens(
    ids: NDArray[np.int32], token_data: NDArray[np.uint8], token_starts: NDArray[np.int64], out: NDArray[np.uint8]
) -> None:
    """Write the bytes of tokens one after the other."""
    used = 0
    for i in range(ids.size):
        for j in range(token_starts[ids[i]], token_starts[ids[i] + 1]):
            out[used] = token_data[j]
            used += 1


@kernel
def place_crossed(pairs: NDArray[np.int64], table: NDArray[np.int64]) -> None:
    """Fill an empty table with pairs of characters."""
    for i in range(pairs.shape[0]):
        left, right = np.int64(pairs[i, 0]), np.int64(pairs[i, 1])
        slot = _neighbours_slot(left, right, table)
        table[slot, 0] = (left << 21 | right) + 1


@kernel
def mark_crossed(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    everyone: NDArray[np.uint8],
    pairs: NDArray[np.int64],
    sides: NDArray[np.uint8],
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    token_lengths: NDArray[np.int64],
    strengths: NDArray[np.int32],
) -> None:
    """Let borders that a token may reach over (`tokkit.plan_borders`) never give way; `everyone` has all characters."""
    for row in range(starts.size - 1):
        at = id_starts[row]
        if at == id_starts[row + 1]:
            continue
        position = starts[row]
        border = position + token_lengths[ids[at]]
        before = np.int64(BROKEN)
        while position < starts[row + 1]:
            code_point, length = _character(data, position, starts[row + 1], everyone)
            while border < position:
                at += 1
                border += token_lengths[ids[at]]
            if border == position and before >= 0 and code_point >= 0:
                slot = _neighbours_slot(before, code_point, pairs)
                if pairs[slot, 0] != 0 or sides[before] & 2 or sides[code_point] & 1:
                    strengths[at] = NEVER
            before = code_point
            position += length


@kernel
def _piece_slot(ids: NDArray[np.int32], first: int, last: int, n_slots: int) -> np.uint64:
    """Return where to look for a piece first."""
    value = np.uint64(last - first) * HASH_FACTOR
    for i in range(first, last):
        value = (value ^ np.uint64(ids[i])) * HASH_FACTOR
        value ^= value >> np.uint64(29)
    return (value ^ (value >> np.uint64(32))) & np.uint64(n_slots - 1)


@kernel
def place_pieces(ids: NDArray[np.int32], starts: NDArray[np.int64], n_pieces: int, slots: NDArray[np.int32]) -> None:
    """Let slots, all 0, find pieces: a slot holds a piece plus one."""
    mask = np.uint64(slots.size - 1)
    for piece in range(n_pieces):
        slot = _piece_slot(ids, starts[piece], starts[piece + 1], slots.size)
        while slots[slot]:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = piece + 1


@kernel
def gather_pieces(
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    strengths: NDArray[np.int32],
    least: int,
    alone: NDArray[np.bool_],
    row: int,
    slots: NDArray[np.int32],
    n_pieces: int,
    piece_ids: NDArray[np.int32],
    piece_strengths: NDArray[np.int32],
    piece_starts: NDArray[np.int64],
    piece_counts: NDArray[np.int64],
    noted: NDArray[np.int32],
) -> tuple[int, int]:
    """Cut pretokens at borders of less strength, from a row on; return the row that might find no room, and the pieces so far.

    Args:
        ids: of all pretokens in a row.
        id_starts: where those of each begin.
        counts: how often each occurs.
        strengths: see the module.
        least: the strength from which a border holds.
        alone: bool[n_tokens], which ids need no piece where they stand alone.
        row: the first pretoken.
        slots: int32[2**k], see `place_pieces`; at most half full.
        n_pieces: how many there are already.
        piece_ids: the ids of the pieces, one after the other.
        piece_strengths: their strengths, -1 behind the last.
        piece_starts: where each piece begins.
        piece_counts: how often each occurs.
        noted: int32 as long as ids, becomes the piece that ends with each id plus one, 0 where none does; or empty.
    """
    mask = np.uint64(slots.size - 1)
    while row < counts.size:
        if 2 * (n_pieces + id_starts[row + 1] - id_starts[row]) > slots.size:
            return row, n_pieces
        first = id_starts[row]
        for i in range(id_starts[row], id_starts[row + 1]):
            if noted.size:
                noted[i] = 0
            if strengths[i] >= least:
                continue
            length = i + 1 - first
            if length > 1 or not alone[ids[i]]:
                slot = _piece_slot(ids, first, i + 1, slots.size)
                piece = np.int64(-1)
                while slots[slot]:
                    other = np.int64(slots[slot]) - 1
                    start = piece_starts[other]
                    if piece_starts[other + 1] - start == length:
                        same = True
                        for j in range(length):
                            same = same and piece_ids[start + j] == ids[first + j]
                        if same:
                            piece = other
                            break
                    slot = (slot + np.uint64(1)) & mask
                if piece < 0:
                    piece = np.int64(n_pieces)
                    slots[slot] = piece + 1
                    start = piece_starts[piece]
                    for j in range(length):
                        piece_ids[start + j] = ids[first + j]
                        piece_strengths[start + j] = strengths[first + j]
                    piece_strengths[start + length - 1] = -1
                    piece_starts[piece + 1] = start + length
                    piece_counts[piece] = 0
                    n_pieces += 1
                piece_counts[piece] += counts[row]
                if noted.size:
                    noted[i] = piece + 1
            first = i + 1
        row += 1
    return row, n_pieces


@kernel
def index_learned(
    learned: NDArray[np.int64], first_id: int, pairs: NDArray[np.uint64], partners: NDArray[np.uint64]
) -> None:
    """Fill a pair index (`tokkit.kernels.pair_index`) with the two ids that each learned token was made of, and no other.

    No others ever stand side by side: a token's bytes are encoded in one way by the tokens before it.
    """
    for number in range(learned.shape[0]):
        place_pair(learned[number, 0], learned[number, 1], first_id + number, pairs, partners)


@kernel
def add_merges(
    ids: NDArray[np.int32],
    id_starts: NDArray[np.int64],
    expanded_starts: NDArray[np.int64],
    expanded: NDArray[np.int32],
    learned: NDArray[np.int64],
    first_id: int,
    pairs: NDArray[np.uint64],
    partners: NDArray[np.uint64],
    use_starts: NDArray[np.int64],
    use_groups: NDArray[np.int32],
    use_counts: NDArray[np.int64],
    work: NDArray[np.int32],
    heap: NDArray[np.uint64],
    step: int,
    of_slices: NDArray[np.int64],
    of_groups: NDArray[np.int64],
) -> None:
    """Merge each piece with learned tokens, and count how often each token is made on the way or to stay.

    Args:
        ids: of all pieces in a row.
        id_starts: where those of each begin.
        expanded_starts: see `tokkit.kernels.records.expand_tokens`.
        expanded: what each id is made of below the first learned one.
        learned: int64[n_learned, 2 or more], the two ids that each learned token was made of.
        first_id: the first learned id.
        pairs: see `index_learned`.
        partners: the same.
        use_starts: int64[n_pieces + 1], where the uses of each piece begin.
        use_groups: in which group each is: a slice of a fold.
        use_counts: and how often.
        work: int32[4, n], room for the longest piece.
        heap: three times as much.
        step: how many learned tokens are counted together by group.
        of_slices: int64[n_slices, n_learned], where merges are added up by slice.
        of_groups: int64[n_groups, n_steps], where they are by group.
    """
    symbols, ranks, after, before = work[0], work[1], work[2], work[3]
    for piece in range(id_starts.size - 1):
        n_symbols = 0
        for i in range(id_starts[piece], id_starts[piece + 1]):
            for j in range(expanded_starts[ids[i]], expanded_starts[ids[i] + 1]):
                symbols[n_symbols] = expanded[j]
                n_symbols += 1
        if n_symbols < 2:
            continue
        for i in range(n_symbols - 1):
            ranks[i] = pair_rank(symbols[i], symbols[i + 1], pairs, partners)
        ranks[n_symbols - 1] = NO_RANK
        n_symbols = merge_symbols(n_symbols, symbols, ranks, after, before, heap, np.int64(NO_RANK), pairs, partners)
        # What was merged, from the tokens down to what they are made of: a list that grows while it is read.
        made = 0
        for i in range(n_symbols):
            if symbols[i] >= first_id:
                after[made] = symbols[i] - first_id
                made += 1
        at = 0
        while at < made:
            for side in range(2):
                part = learned[after[at], side] - first_id
                if part >= 0:
                    after[made] = part
                    made += 1
            at += 1
        for use in range(use_starts[piece], use_starts[piece + 1]):
            group = np.int64(use_groups[use])
            slice_ = group % of_slices.shape[0]
            for i in range(made):
                of_slices[slice_, after[i]] += use_counts[use]
                of_groups[group, after[i] // step] += use_counts[use]
