"""Count pretokens in an open-addressing table whose slots hold the pretokens themselves.

`slots: uint64[n, 4]` is one record of half a cache line a pretoken, so that most look-ups touch one line of memory:

    FIRST      its first eight bytes, padded with zeros; of a long one (16 bytes or more) its hash
    REST       its other bytes, and its length in the highest byte; of a long one LONG and where it lies in the arena
    COUNT      how often it was counted
    DOCUMENTS  the last document that it was seen in << 32 | in how many documents it was

REST is 0 in an empty slot only. A pretoken's home is at its hash as a fraction of all hashes: in a table that grows homes keep
their order, so that it grows where it lies, in one direction. A pretoken lies at home or behind it, no slot between is empty, and
what is counted more often than what lies at its home takes that place. `arena: uint8[...]` holds the long ones, each after a
word with its length. `state: int64[2]` is the number of pretokens and of the bytes used in the arena.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.memory import load_word, prefetch, store_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST = 0
REST = 1
COUNT = 2
DOCUMENTS = 3
HOME = 2  # of what is looked up ahead: the slot where the look-up begins

SHORT = 15  # bytes that a slot holds
LARGE = 1 << 14  # slots, which is half of what a core's own cache holds
AHEAD = 16  # pretokens between asking for a slot and looking it up

LONG = np.uint64(0xFF << 56)
POSITION = np.uint64((1 << 56) - 1)
LOW_HALF = np.uint64(0xFFFFFFFF)
FACTOR_A = np.uint64(0x9E3779B97F4A7C15)
FACTOR_B = np.uint64(0xC2B2AE3D27D4EB4F)


@inlined
def low_bytes(word: np.uint64, n: int) -> np.uint64:
    """Return a word's first `n` bytes, 0 to 8 of them, the others zero."""
    if n >= 8:
        return word
    return word & ((np.uint64(1) << np.uint64(8 * n)) - np.uint64(1))


@inlined
def word_at(data: NDArray[np.uint8], position: int, stop: int) -> np.uint64:
    """Return the bytes `position` to `stop` as a word padded with zeros, where eight bytes may not be readable."""
    word = np.uint64(0)
    shift = np.uint64(0)
    while position < stop and shift < 64:
        word |= np.uint64(data[position]) << shift
        shift += np.uint64(8)
        position += 1
    return word


@inlined
def hash_short(first: np.uint64, rest: np.uint64) -> np.uint64:
    """Return the hash of a short pretoken from the two words of its slot."""
    value = first * FACTOR_A ^ (rest + (first >> np.uint64(32))) * FACTOR_B
    return (value ^ (value >> np.uint64(32))) * FACTOR_A


@inlined
def hash_long(data: NDArray[np.uint8], start: int, stop: int) -> np.uint64:
    """Return the hash of 16 bytes or more, 16 at a step; the last 16 are read whether they were read before or not."""
    value = np.uint64(stop - start) * FACTOR_B
    position = start
    while position + 16 < stop:
        value = (value ^ load_word(data, position)) * FACTOR_A ^ load_word(data, position + 8) * FACTOR_B
        value ^= value >> np.uint64(32)
        position += 16
    value = (value ^ load_word(data, stop - 16)) * FACTOR_A ^ load_word(data, stop - 8) * FACTOR_B
    return (value ^ (value >> np.uint64(29))) * FACTOR_A


@inlined
def read_short(data: NDArray[np.uint8], start: int, stop: int) -> tuple[np.uint64, np.uint64]:
    """Return what the slot of a short pretoken has in FIRST and REST."""
    length = stop - start
    if start + 16 <= data.size:
        first = low_bytes(load_word(data, start), length)
        rest = low_bytes(load_word(data, start + 8), max(length - 8, 0))
    else:
        first = word_at(data, start, stop)
        rest = word_at(data, start + 8, stop)
    return first, rest | np.uint64(length) << np.uint64(56)


@inlined
def equals_long(data: NDArray[np.uint8], start: int, length: int, arena: NDArray[np.uint8], position: int) -> bool:
    """Tell whether `length` bytes, 16 or more, are those that lie in the arena at `position`."""
    if load_word(arena, position) != np.uint64(length):
        return False
    position += 8
    offset = 0
    while offset + 8 < length:
        if load_word(data, start + offset) != load_word(arena, position + offset):
            return False
        offset += 8
    return load_word(data, start + length - 8) == load_word(arena, position + length - 8)


@kernel
def most_pretokens(n_slots: int) -> int:
    """Return how many pretokens a table holds before it has to grow."""
    return n_slots // 2 if n_slots <= LARGE else n_slots // 8 * 5


@inlined
def home_slot(value: np.uint64, n_slots: int) -> int:
    """Return where to look for a hash first: at its fraction of a table with fewer than 2**32 slots."""
    return np.int64((value >> np.uint64(32)) * np.uint64(n_slots) >> np.uint64(32))


@inlined
def next_slot(slot: int, n_slots: int) -> int:
    """Return the slot where a look-up goes on."""
    return slot + 1 if slot + 1 < n_slots else 0


@inlined
def free_slot(slots: NDArray[np.uint64], value: np.uint64) -> int:
    """Return where the look-up of a hash ends in a table that lacks its pretoken and has room."""
    slot = home_slot(value, slots.shape[0])
    while slots[slot, REST] != 0:
        slot = next_slot(slot, slots.shape[0])
    return slot


@inlined
def look_ahead(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    slots: NDArray[np.uint64],
    ahead: NDArray[np.uint64],
    place: int,
) -> None:
    """Write to `ahead[place]` what a pretoken is looked up by, and ask for the slot where that begins."""
    if stop - start > SHORT:
        first = hash_long(data, start, stop)
        rest = LONG
        value = first
    else:
        first, rest = read_short(data, start, stop)
        value = hash_short(first, rest)
    home = home_slot(value, slots.shape[0])
    ahead[place, FIRST] = first
    ahead[place, REST] = rest
    ahead[place, HOME] = np.uint64(home)
    prefetch(slots, 4 * home)


@inlined
def hash_slot(slots: NDArray[np.uint64], slot: int) -> np.uint64:
    """Return the hash of the pretoken in a slot."""
    first = slots[slot, FIRST]
    rest = slots[slot, REST]
    return first if rest >= LONG else hash_short(first, rest)


@kernel
def count_pretokens(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    done: int,
    bounds: NDArray[np.int64],
    document: int,
    document_base: int,
    ahead: NDArray[np.uint64],
    slots: NDArray[np.uint64],
    arena: NDArray[np.uint8],
    state: NDArray[np.int64],
) -> int:
    """Count the pretokens `done`, `done + 1`, ... of `starts`; return the first for which there was no room.

    `bounds` are the documents' borders, `document` the one that pretoken `done` lies in or after; documents are numbered from
    `document_base` (below 2**32), and a pretoken counts a document once, when its last document is another.

    The look-up is written out here: as a function it doubles the time, because arrays are passed as ten words each. It misses
    the cache at the slot and in the arena; so both are asked for some pretokens ahead. What the slot of a pretoken has in FIRST
    and REST (of a long one without its place), and its home, are kept until then in `ahead: uint64[AHEAD, 3]`, a ring.
    """
    n_slots = slots.shape[0]
    n_pretokens = starts.size - 1
    n_most = most_pretokens(n_slots)
    n_entries = state[0]
    used = state[1]
    for pretoken in range(done, min(done + AHEAD, n_pretokens)):
        look_ahead(data, starts[pretoken], starts[pretoken + 1], slots, ahead, pretoken % AHEAD)
    for pretoken in range(done, n_pretokens):
        start = starts[pretoken]
        stop = starts[pretoken + 1]
        place = pretoken % AHEAD
        first = ahead[place, FIRST]
        rest = ahead[place, REST]
        home = np.int64(ahead[place, HOME])
        slot = home
        if pretoken + AHEAD < n_pretokens:
            look_ahead(data, starts[pretoken + AHEAD], starts[pretoken + AHEAD + 1], slots, ahead, place)
            nearer = (pretoken + AHEAD // 2) % AHEAD
            if ahead[nearer, REST] == LONG:
                near = np.int64(ahead[nearer, HOME])
                if slots[near, FIRST] == ahead[nearer, FIRST]:
                    prefetch(arena, np.int64(slots[near, REST] & POSITION))
        found = slots[slot, REST]
        length = stop - start
        if rest != LONG:
            while found != 0 and (found != rest or slots[slot, FIRST] != first):
                slot = next_slot(slot, n_slots)
                found = slots[slot, REST]
        else:
            while found != 0 and not (
                slots[slot, FIRST] == first
                and found >= LONG
                and equals_long(data, start, length, arena, np.int64(found & POSITION))
            ):
                slot = next_slot(slot, n_slots)
                found = slots[slot, REST]
            rest = LONG | np.uint64(used)
        while start >= bounds[document + 1]:
            document += 1
        seen = np.uint64(document_base + document)
        if found == 0:
            if n_entries >= n_most:
                break
            if length > SHORT:
                if used + 8 + length > arena.size:
                    break
                store_word(arena, used, np.uint64(length))
                used += 8
                offset = 0
                while offset + 8 < length:
                    store_word(arena, used + offset, load_word(data, start + offset))
                    offset += 8
                store_word(arena, used + length - 8, load_word(data, stop - 8))
                used += length
            n_entries += 1
            slots[slot, FIRST] = first
            slots[slot, REST] = rest
            slots[slot, COUNT] = 1
            slots[slot, DOCUMENTS] = seen << np.uint64(32) | np.uint64(1)
        else:
            slots[slot, COUNT] += np.uint64(1)
            # Without a branch: whether a document is new to a pretoken is a coin toss that the processor cannot foresee.
            documents = slots[slot, DOCUMENTS]
            is_new = np.uint64(documents >> np.uint64(32) != seen)
            slots[slot, DOCUMENTS] = seen << np.uint64(32) | ((documents & LOW_HALF) + is_new)
            # What lies at home is moved behind its own home by this, as far as it was full up to here, and found there.
            if slot != home and slots[slot, COUNT] > slots[home, COUNT]:
                for word in range(4):
                    slots[slot, word], slots[home, word] = slots[home, word], slots[slot, word]
        done = pretoken + 1
    state[0] = n_entries
    state[1] = used
    return done


@inlined
def copy_slot(source: NDArray[np.uint64], slot: int, target: NDArray[np.uint64]) -> None:
    """Copy a slot to where a look-up of its pretoken ends in another table, which lacks it and has room."""
    to = free_slot(target, hash_slot(source, slot))
    for word in range(4):
        target[to, word] = source[slot, word]


@kernel
def move_slots(old: NDArray[np.uint64], new: NDArray[np.uint64]) -> None:
    """Copy all slots of a table to another, of which there are enough; from the lowest on, so that neighbours stay neighbours."""
    for slot in range(old.shape[0]):
        if old[slot, REST] != 0:
            copy_slot(old, slot, new)


@kernel
def spread_slots(slots: NDArray[np.uint64], n_old: int, aside: NDArray[np.uint64]) -> bool:
    """Make a table of the first `n_old` slots one of all `slots`, the others of which are empty.

    From the highest slot on each moves up, or stays: to its home or behind it, which is above all that have not moved yet. Not
    so near the lowest ones, which may lie further from their homes than these move; they are set `aside`, as many as there is
    room for, and go last. Where that was not enough this ends with False, each pretoken in one slot of `slots` or `aside`.
    """
    n_aside = min(aside.shape[0], n_old)
    for slot in range(n_aside):
        for word in range(4):
            aside[slot, word] = slots[slot, word]
        slots[slot, REST] = 0
    for slot in range(n_old - 1, n_aside - 1, -1):
        rest = slots[slot, REST]
        if rest == 0:
            continue
        value = hash_slot(slots, slot)
        if home_slot(value, slots.shape[0]) < slot:
            return False
        slots[slot, REST] = 0
        to = free_slot(slots, value)
        if to < slot and to >= n_aside:
            slots[slot, REST] = rest
            return False
        for word in range(4):
            slots[to, word] = slots[slot, word]
        slots[to, REST] = rest
    for slot in range(n_aside):
        if aside[slot, REST] != 0:
            copy_slot(aside, slot, slots)
    return True


@kernel
def bytes_held(slots: NDArray[np.uint64], used: int) -> int:
    """Return how many bytes the pretokens have, those of the arena with `used` bytes without the words with their lengths."""
    n_bytes = used
    for slot in range(slots.shape[0]):
        rest = slots[slot, REST]
        n_bytes += -8 if rest >= LONG else np.int64(rest >> np.uint64(56))
    return n_bytes


@kernel
def read_slots(
    slots: NDArray[np.uint64],
    arena: NDArray[np.uint8],
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    documents: NDArray[np.int64],
) -> None:
    """Write the table's pretokens with their counts in the order of the slots; `data` needs eight bytes of room at the end."""
    used = 0
    row = 0
    for slot in range(slots.shape[0]):
        if slot + 16 < slots.shape[0] and slots[slot + 16, REST] >= LONG:
            prefetch(arena, np.int64(slots[slot + 16, REST] & POSITION))
        rest = slots[slot, REST]
        if rest == 0:
            continue
        starts[row] = used
        counts[row] = np.int64(slots[slot, COUNT])
        documents[row] = np.int64(slots[slot, DOCUMENTS] & LOW_HALF)
        row += 1
        if rest >= LONG:
            position = np.int64(rest & POSITION)
            length = np.int64(load_word(arena, position))
            offset = 0
            while offset + 8 < length:
                store_word(data, used + offset, load_word(arena, position + 8 + offset))
                offset += 8
            store_word(data, used + length - 8, load_word(arena, position + length))
            used += length
        else:
            store_word(data, used, slots[slot, FIRST])
            if rest >> np.uint64(56) > 8:
                store_word(data, used + 8, rest)
            used += np.int64(rest >> np.uint64(56))
    starts[row] = used
