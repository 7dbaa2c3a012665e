"""A tree of texts, character by character: which of them begin at a place is seen in as many steps as the longest has characters.

`edges: uint64[2**k, 2]` is an open-addressing table, at most half full: the node above and the character, packed, plus one (0 in
an empty slot), and the node below. Node 0 is the root. `ends: int32[n_nodes]` is the text that ends at a node, or -1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.jit import inlined, kernel
from tokkit.kernels.memory import trailing_zeros

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@inlined
def character_at(data: NDArray[np.uint8], position: int, stop: int) -> tuple[np.uint64, int]:
    """Return the bytes of a character as one number, and how many they are; 0 of them where the end cuts it off."""
    lead = data[position]
    length = 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
    if position + length > stop:
        return np.uint64(0), 0
    packed = np.uint64(0)
    for i in range(length):
        packed = packed << np.uint64(8) | np.uint64(data[position + i])
    return packed, length


@inlined
def find_edge(edges: NDArray[np.uint64], node: int, character: np.uint64) -> int:
    """Return the slot of the edge from a node with a character, or the empty slot where it would be."""
    key = (np.uint64(node) << np.uint64(32) | character) + np.uint64(1)
    mask = edges.shape[0] - 1
    slot = np.int64(key * _FACTOR >> np.uint64(64 - trailing_zeros(np.uint64(edges.shape[0]))))
    while edges[slot, 0] != 0 and edges[slot, 0] != key:
        slot = (slot + 1) & mask
    return slot


@inlined
def put_edge(edges: NDArray[np.uint64], slot: int, node: int, character: np.uint64, below: int) -> None:
    """Write the edge from a node with a character to the one below into the slot that `find_edge` names."""
    edges[slot, 0] = (np.uint64(node) << np.uint64(32) | character) + np.uint64(1)
    edges[slot, 1] = np.uint64(below)


@kernel
def plant(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    numbers: NDArray[np.int32],
    edges: NDArray[np.uint64],
    ends: NDArray[np.int32],
) -> int:
    """Put texts, which are strings of valid UTF-8, into a tree without edges; return how many nodes it has.

    Args:
        data: the bytes of the texts.
        starts: where each starts.
        numbers: what each is called in `ends`.
        edges: zeros, at least two slots a character.
        ends: -1, at least one more than there are characters.
    """
    n_nodes = 1
    for text in range(starts.size - 1):
        position = starts[text]
        stop = starts[text + 1]
        node = 0
        while position < stop:
            character, length = character_at(data, position, stop)
            slot = find_edge(edges, node, character)
            if edges[slot, 0] == 0:
                put_edge(edges, slot, node, character, n_nodes)
                n_nodes += 1
            node = np.int64(edges[slot, 1])
            position += length
        ends[node] = numbers[text]
    return n_nodes
