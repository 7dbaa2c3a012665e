"""Continued BPE on base-encoded pretokens that are joined in place.

Pretokens are records: see `tokkit.kernels.records`.

Only hot pairs are known: those counted `THRESHOLD` times or more when they came about. A pair comes about at one moment:
all occurrences of (x, c) are made when the younger of x and c is, because a token is only made when it is learned. From then on
its count only falls. So a pair that is cold when it comes about stays cold, its list of records is written once, and the
heap needs no more than to look again at what it hands out. When no hot pair is left, Python lowers the threshold and indexes
anew.

`pairs: int64[capacity, 5]` is a record a pair: KEY (left << 32 | right), COUNT, where its records are listed in
`lists: int32` and how many, VERDICT. `pair_slots: int32[2**k]` finds a pair by its key. `heap: int64[capacity, 2]` holds
(count when pushed, pair): highest count first, then lowest left id, then lowest right id, which is the lowest key.
`events: int64[capacity]` holds record << 32 | id << 1 | side (1: right) for what comes beside the pair being joined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.allowed import is_allowed
from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.memory import load_word, prefetch
from tokkit.kernels.records import HEADER, pair_slot

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREFETCH_AHEAD = 12  # records: far enough to hide a cache miss behind the work on those before

KEY = 0
COUNT = 1
LIST_START = 2
LIST_LENGTH = 3
VERDICT = 4

UNKNOWN = 0
APPROVED = 1
VETOED = 2

# Fields of `neighbours: int64[n_ids, 8]`, a cache line an id, for the ids that stand beside the pair being joined.
LEFT = 0  # the id stands on the left: (id, a) goes and (id, c) comes; the four fields below
RIGHT = 4  # the id stands on the right: the same for (b, id) and (c, id)
OLD = 0  # weight of the pair that goes
NEW = 1  # weight of the pair that comes
N_RECORDS = 2  # distinct records of the pair that comes
LAST = 3  # the last of them; later where the next one is listed, or -1

# Fields of `state: int64[...]`.
N_LEARNED = 0
TARGET = 1
N_BASE = 2
N_PAIRS = 3
HEAP_SIZE = 4
LISTS_USED = 5
THRESHOLD = 6
MIN_PRETOKENS = 7
ASK = 8
CANDIDATE = 9
MAX_CHARS = 10
N_STATE = 11

DONE = 0
NO_HOT_PAIR = 1
NEED_VERDICT = 2
NEED_PAIRS = 3
NEED_LISTS = 4
NEED_BYTES = 5


@kernel
def find_pair(key: int, pairs: NDArray[np.int64], pair_slots: NDArray[np.int32]) -> int:
    """Return the hot pair with this key, or -1."""
    mask = np.uint64(pair_slots.size - 1)
    slot = pair_slot(key, pair_slots.size)
    while pair_slots[slot] >= 0:
        if pairs[pair_slots[slot], KEY] == key:
            return int(pair_slots[slot])
        slot = (slot + np.uint64(1)) & mask
    return -1


@kernel
def place_pair(key: int, pair: int, pair_slots: NDArray[np.int32]) -> None:
    """Let `pair_slots` find a pair that it does not know."""
    mask = np.uint64(pair_slots.size - 1)
    slot = pair_slot(key, pair_slots.size)
    while pair_slots[slot] >= 0:
        slot = (slot + np.uint64(1)) & mask
    pair_slots[slot] = pair


@kernel
def place_pairs(pairs: NDArray[np.int64], n_pairs: int, pair_slots: NDArray[np.int32]) -> None:
    """Let empty `pair_slots` find all pairs."""
    for pair in range(n_pairs):
        place_pair(pairs[pair, KEY], pair, pair_slots)


@kernel
def _is_before(count: int, key: int, other_count: int, other_key: int) -> bool:
    """The tie order: higher count first, then lower left id, then lower right id."""
    return count > other_count or (count == other_count and key < other_key)


@kernel
def push(heap: NDArray[np.int64], size: int, count: int, pair: int, pairs: NDArray[np.int64]) -> int:
    """Put a pair into the heap, return the new size."""
    child = size
    while child > 0:
        parent = (child - 1) >> 1
        if not _is_before(count, pairs[pair, KEY], heap[parent, 0], pairs[heap[parent, 1], KEY]):
            break
        heap[child, 0] = heap[parent, 0]
        heap[child, 1] = heap[parent, 1]
        child = parent
    heap[child, 0] = count
    heap[child, 1] = pair
    return size + 1


@kernel
def _replace_top(heap: NDArray[np.int64], size: int, count: int, pair: int, pairs: NDArray[np.int64]) -> None:
    """Replace the root by another entry and let it sink."""
    key = pairs[pair, KEY]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and _is_before(
            heap[child + 1, 0], pairs[heap[child + 1, 1], KEY], heap[child, 0], pairs[heap[child, 1], KEY]
        ):
            child += 1
        if not _is_before(heap[child, 0], pairs[heap[child, 1], KEY], count, key):
            break
        heap[parent, 0] = heap[child, 0]
        heap[parent, 1] = heap[child, 1]
        parent = child
    heap[parent, 0] = count
    heap[parent, 1] = pair


@kernel
def _drop_top(heap: NDArray[np.int64], state: NDArray[np.int64], pairs: NDArray[np.int64]) -> None:
    state[HEAP_SIZE] -= 1
    size = state[HEAP_SIZE]
    if size > 0:
        _replace_top(heap, size, heap[size, 0], heap[size, 1], pairs)


@kernel
def index_pairs(
    records: NDArray[np.int32],
    places: NDArray[np.int64],
    pairs: NDArray[np.int64],
    lists: NDArray[np.int32],
    heap: NDArray[np.int64],
    state: NDArray[np.int64],
) -> None:
    """List the records of every hot pair, each record once a pair, and fill the heap.

    On entry `pairs` has keys, counts and list starts with room for all occurrences. `places: int64[2**k, 4]`, all zero and at
    most half full, is for the time of indexing: what an occurrence needs of its pair in half a cache line.
    """
    for pair in range(state[N_PAIRS]):
        slot = pair_slot(pairs[pair, KEY], places.shape[0])
        while places[slot, 0]:
            slot = (slot + np.uint64(1)) & np.uint64(places.shape[0] - 1)
        places[slot, 0] = pairs[pair, KEY] + 1
        places[slot, 1] = pairs[pair, LIST_START]
        places[slot, 2] = -1  # the last record that was listed
        places[slot, 3] = pair
    mask = np.uint64(places.shape[0] - 1)
    record = 0
    while record < records.size:
        symbol = record + HEADER
        for i in range(symbol, symbol + records[record] - 1):
            key = (np.int64(records[i]) << 32) | np.int64(records[i + 1])
            slot = pair_slot(key, places.shape[0])
            while places[slot, 0] and places[slot, 0] != key + 1:
                slot = (slot + np.uint64(1)) & mask
            if places[slot, 0] and places[slot, 2] != record:
                lists[places[slot, 1]] = record
                places[slot, 1] += 1
                places[slot, 2] = record
        record += HEADER + records[record + 1]
    for slot in range(places.shape[0]):
        if places[slot, 0]:
            pair = places[slot, 3]
            pairs[pair, LIST_LENGTH] = places[slot, 1] - pairs[pair, LIST_START]
    state[HEAP_SIZE] = 0
    for pair in range(state[N_PAIRS]):
        state[HEAP_SIZE] = push(heap, state[HEAP_SIZE], pairs[pair, COUNT], pair, pairs)


@kernel
def _has_pair(records: NDArray[np.int32], record: int, left: int, right: int) -> bool:
    symbol = record + HEADER
    for i in range(records[record] - 1):
        if records[symbol + i] == left and records[symbol + i + 1] == right:
            return True
    return False


@kernel
def _is_in_enough(
    pair: int,
    least: int,
    records: NDArray[np.int32],
    pairs: NDArray[np.int64],
    lists: NDArray[np.int32],
) -> bool:
    """Tell whether a pair stands in at least so many distinct pretokens now; the list also has those that lost it."""
    left = np.int64(pairs[pair, KEY] >> 32)
    right = np.int64(pairs[pair, KEY] & np.int64(0xFFFFFFFF))
    found = 0
    for i in range(pairs[pair, LIST_START], pairs[pair, LIST_START] + pairs[pair, LIST_LENGTH]):
        if found >= least:
            break
        found += _has_pair(records, lists[i], left, right)
    return found >= least


@inlined
def _touch(id_: int, neighbours: NDArray[np.int64], touched: NDArray[np.int32], n_touched: int) -> int:
    """Note a neighbour when it is met first, return how many there are."""
    if neighbours[id_, OLD] + neighbours[id_, NEW] + neighbours[id_, RIGHT + OLD] + neighbours[id_, RIGHT + NEW]:
        return n_touched
    touched[n_touched] = id_
    neighbours[id_, LAST] = -1
    neighbours[id_, RIGHT + LAST] = -1
    return n_touched + 1


@kernel
def _join(
    pair: int,
    new_id: int,
    records: NDArray[np.int32],
    pairs: NDArray[np.int64],
    lists: NDArray[np.int32],
    neighbours: NDArray[np.int64],
    touched: NDArray[np.int32],
    events: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Join a pair in every record of its list, from left to right, in place, and add up by neighbour what goes and what comes.

    The id on either side of a joined occurrence is a neighbour: its pair with a or b goes, its pair with c comes. Between two
    joined occurrences side by side, the pair (b, a) goes and (c, c) comes: one event, on the left of the second. A record
    gets an event for each pair that comes in it, however often: those of a record follow each other, so that the second is
    known by the record before. Returns the number of touched neighbours, of events, and of records in which the pair stood.
    """
    a = np.int32(pairs[pair, KEY] >> 32)
    b = np.int32(pairs[pair, KEY] & np.int64(0xFFFFFFFF))
    c = np.int32(new_id)
    wanted = (np.uint64(b) << np.uint64(32)) | np.uint64(a)
    start = pairs[pair, LIST_START]
    stop = start + pairs[pair, LIST_LENGTH]
    n_touched = 0
    n_events = 0
    n_records = 0
    for i in range(start, stop):
        if i + PREFETCH_AHEAD < stop:
            prefetch(records, lists[i + PREFETCH_AHEAD])
            prefetch(records, lists[i + PREFETCH_AHEAD] + 16)
        record = np.int64(lists[i])
        first = record + HEADER
        last = first + np.int64(records[record]) - 1
        at = first
        while at < last and load_word(records, at) != wanted:
            at += 1
        if at >= last:
            continue
        n_records += 1
        weight = (np.int64(records[record + 3]) << 32) | (np.int64(records[record + 2]) & np.int64(0xFFFFFFFF))
        kept = at
        while at < last:
            left = np.int64(records[kept - 1]) if kept > first else -1
            records[kept] = c
            kept += 1
            at += 2
            next_ = at
            while next_ < last and load_word(records, next_) != wanted:
                next_ += 1
            if next_ >= last:
                next_ = last + 1
            right = np.int64(records[at]) if at < next_ else -1
            while at < next_:
                records[kept] = records[at]
                kept += 1
                at += 1
            for side in (LEFT, RIGHT):
                now = left if side == LEFT else right
                if now < 0:
                    continue
                n_touched = _touch(now, neighbours, touched, n_touched)
                neighbours[now, side + NEW] += weight
                if neighbours[now, side + LAST] != record:
                    neighbours[now, side + LAST] = record
                    neighbours[now, side + N_RECORDS] += 1
                    events[n_events] = (record << 32) | (now << 1) | (side == RIGHT)
                    n_events += 1
                if now == c and side == LEFT:
                    now = np.int64(b)
                    n_touched = _touch(now, neighbours, touched, n_touched)
                neighbours[now, side + OLD] += weight
        records[record] = kept - first
    return n_touched, n_events, n_records


@kernel
def _lower(key: int, weight: int, pairs: NDArray[np.int64], pair_slots: NDArray[np.int32]) -> None:
    pair = find_pair(key, pairs, pair_slots)
    if pair >= 0:
        pairs[pair, COUNT] -= weight


@kernel
def _make_pair(
    left: int,
    right: int,
    count: int,
    n_records: int,
    pairs: NDArray[np.int64],
    pair_slots: NDArray[np.int32],
    heap: NDArray[np.int64],
    state: NDArray[np.int64],
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
    script_before: NDArray[np.int32],
) -> int:
    """Make a pair with room for its list and push it, where it may be learned; return where its list begins, or -1."""
    if not is_allowed(left, right, state[MAX_CHARS], token_data, token_starts, script_before):
        return -1
    pair = state[N_PAIRS]
    state[N_PAIRS] += 1
    pairs[pair, KEY] = (np.int64(left) << 32) | np.int64(right)
    pairs[pair, COUNT] = count
    pairs[pair, LIST_START] = state[LISTS_USED]
    pairs[pair, LIST_LENGTH] = n_records
    pairs[pair, VERDICT] = UNKNOWN
    state[LISTS_USED] += n_records
    place_pair(pairs[pair, KEY], pair, pair_slots)
    state[HEAP_SIZE] = push(heap, state[HEAP_SIZE], count, pair, pairs)
    return int(pairs[pair, LIST_START])


@kernel
def _settle(
    pair: int,
    new_id: int,
    n_touched: int,
    n_events: int,
    pairs: NDArray[np.int64],
    pair_slots: NDArray[np.int32],
    lists: NDArray[np.int32],
    heap: NDArray[np.int64],
    state: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    touched: NDArray[np.int32],
    events: NDArray[np.int64],
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
    script_before: NDArray[np.int32],
) -> None:
    """Lower the counts of the pairs that went, make the hot ones that came, list their records, and clear `neighbours`."""
    a = pairs[pair, KEY] >> 32
    b = pairs[pair, KEY] & np.int64(0xFFFFFFFF)
    pairs[pair, COUNT] = 0
    n_made = 0
    for i in range(n_touched):
        id_ = np.int64(touched[i])
        if neighbours[id_, OLD]:
            _lower((id_ << 32) | a, neighbours[id_, OLD], pairs, pair_slots)
        if neighbours[id_, RIGHT + OLD]:
            _lower((b << 32) | id_, neighbours[id_, RIGHT + OLD], pairs, pair_slots)
        for side in (LEFT, RIGHT):
            list_start = -1
            if (
                neighbours[id_, side + NEW] >= state[THRESHOLD]
                and neighbours[id_, side + N_RECORDS] >= state[MIN_PRETOKENS]
            ):
                list_start = _make_pair(
                    id_ if side == LEFT else new_id, new_id if side == LEFT else id_,
                    neighbours[id_, side + NEW], neighbours[id_, side + N_RECORDS],
                    pairs, pair_slots, heap, state, token_data, token_starts, script_before,
                )  # fmt: skip
                n_made += list_start >= 0
            neighbours[id_, side + LAST] = list_start
    for i in range(n_events if n_made else 0):
        event = events[i]
        id_ = (event & np.int64(0xFFFFFFFF)) >> 1
        column = LAST + RIGHT * (event & 1)
        place = neighbours[id_, column]
        if place >= 0:
            lists[place] = event >> 32
            neighbours[id_, column] = place + 1
    for i in range(n_touched):
        for column in range(8):
            neighbours[touched[i], column] = 0


@kernel
def _mint(left: int, right: int, new_id: int, token_data: NDArray[np.uint8], token_starts: NDArray[np.int64]) -> None:
    """Write the bytes of a new token after those of all others."""
    used = token_starts[new_id]
    for part in (left, right):
        for position in range(token_starts[part], token_starts[part + 1]):
            token_data[used] = token_data[position]
            used += 1
    token_starts[new_id + 1] = used


@kernel
def learn_tokens(
    records: NDArray[np.int32],
    pairs: NDArray[np.int64],
    pair_slots: NDArray[np.int32],
    lists: NDArray[np.int32],
    heap: NDArray[np.int64],
    state: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    touched: NDArray[np.int32],
    events: NDArray[np.int64],
    token_data: NDArray[np.uint8],
    token_starts: NDArray[np.int64],
    script_before: NDArray[np.int32],
    learned: NDArray[np.int64],
) -> int:
    """Learn until the target is reached or Python is needed; return why, one of the statuses above.

    `learned: int64[target, 4]` gets left id, right id, count and distinct pretokens of each token. Room is asked for before
    a merge begins, so that a merge is never left half done.
    """
    while state[N_LEARNED] < state[TARGET]:
        if state[HEAP_SIZE] == 0:
            return NO_HOT_PAIR
        new_id = state[N_BASE] + state[N_LEARNED]
        pair = heap[0, 1]
        count = pairs[pair, COUNT]
        if count != heap[0, 0]:  # it fell since it was pushed
            if count >= state[THRESHOLD]:
                _replace_top(heap, state[HEAP_SIZE], count, pair, pairs)
            else:
                _drop_top(heap, state, pairs)
            continue
        if pairs[pair, VERDICT] == UNKNOWN:
            if state[ASK]:
                state[CANDIDATE] = pair
                return NEED_VERDICT
            pairs[pair, VERDICT] = APPROVED
        if pairs[pair, VERDICT] == VETOED or (
            state[MIN_PRETOKENS] > 1 and not _is_in_enough(pair, state[MIN_PRETOKENS], records, pairs, lists)
        ):
            _drop_top(heap, state, pairs)
            continue
        left = pairs[pair, KEY] >> 32
        right = pairs[pair, KEY] & np.int64(0xFFFFFFFF)
        length = token_starts[left + 1] - token_starts[left] + token_starts[right + 1] - token_starts[right]
        # A joined occurrence makes one new pair on either side at the most, and weighs at least one.
        most = min(2 * count, events.shape[0])
        if state[LISTS_USED] + most > lists.size:
            return NEED_LISTS
        n_new = min(most, 2 * (new_id + 1))
        if state[N_PAIRS] + n_new > pairs.shape[0]:
            return NEED_PAIRS
        if token_starts[new_id] + length > token_data.size:
            return NEED_BYTES
        _drop_top(heap, state, pairs)
        _mint(left, right, new_id, token_data, token_starts)
        n_touched, n_events, n_records = _join(pair, new_id, records, pairs, lists, neighbours, touched, events)
        _settle(
            pair, new_id, n_touched, n_events, pairs, pair_slots, lists, heap, state,
            neighbours, touched, events, token_data, token_starts, script_before,
        )  # fmt: skip
        learned[state[N_LEARNED], 0] = left
        learned[state[N_LEARNED], 1] = right
        learned[state[N_LEARNED], 2] = count
        learned[state[N_LEARNED], 3] = n_records
        state[N_LEARNED] += 1
    return DONE
