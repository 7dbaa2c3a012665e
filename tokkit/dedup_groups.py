"""Group documents by their MinHash signatures: candidates share a band, and an estimated similarity decides.

Two documents are near-duplicates where at least THRESHOLD of their hashes agree, which estimates the Jaccard similarity of
their 5-grams. Groups are the connected components of that relation among candidates, so they do not depend on any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

THRESHOLD = 0.7
BANDS, ROWS = 25, 5  # a pair of similarity 0.7 shares one of 25 bands of 5 hashes with probability 0.99, of 0.8 0.9999
_CHUNK = 1 << 14  # signatures compared at a time: 8 MB of them


def group(signatures: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return each document's group, named by the first row that is in it.

    Args:
        signatures: uint32[n, 128].

    Returns:
        int64[n]: the smallest row of the group, a document's own where it has no near-duplicate.

    Example:
        >>> one = np.arange(128, dtype=np.uint32)
        >>> near, far = one.copy(), one.copy()
        >>> near[:30], far[:40] = 999, 999  # 98 and 88 of 128 hashes agree with the first
        >>> group(np.stack([one, near, far, one])).tolist()
        [0, 0, 0, 0]
        >>> group(np.stack([one, far, one])).tolist()
        [0, 1, 0]
    """
    if not signatures.size:
        return np.zeros(0, np.int64)
    # Exact duplicates are one document from here on, so that a million copies are not a million candidates.
    whole = np.ascontiguousarray(signatures).view(np.dtype((np.void, 4 * signatures.shape[1])))[:, 0]
    _, first, distinct = np.unique(whole, return_index=True, return_inverse=True)
    values = signatures[first]
    parents = np.arange(first.size)
    for rows in _buckets(values):
        _join(values, rows, parents)
    roots = _roots(parents)[distinct]
    smallest = np.full(first.size, signatures.shape[0], np.int64)
    np.minimum.at(smallest, roots, np.arange(signatures.shape[0]))
    return smallest[roots]


def _buckets(values: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows that agree in a band, two or more at a time."""
    for band in range(BANDS):
        part = np.ascontiguousarray(values[:, band * ROWS : (band + 1) * ROWS])
        keys = part.view(np.dtype((np.void, 4 * ROWS)))[:, 0]
        order = np.argsort(keys, kind="stable")
        changes = np.flatnonzero((part[order][1:] != part[order][:-1]).any(axis=1)) + 1
        bounds = np.concatenate([[0], changes, [order.size]])
        for bucket in np.flatnonzero(np.diff(bounds) > 1).tolist():
            yield order[bounds[bucket] : bounds[bucket + 1]]


def _join(values: NDArray[np.uint32], rows: NDArray[np.int64], parents: NDArray[np.int64]) -> None:
    """Join the near-duplicates of a bucket.

    Each row is compared with those that no other has reached yet, which gives the components of all pairs, and takes one
    comparison a row where all are alike.
    """
    wanted = THRESHOLD * values.shape[1]
    left = rows
    while left.size > 1:
        reached, left = [left[0]], left[1:]
        while reached and left.size:
            row = reached.pop()
            alike = np.concatenate(
                [
                    np.count_nonzero(values[left[at : at + _CHUNK]] == values[row], axis=1) >= wanted
                    for at in range(0, left.size, _CHUNK)
                ]
            )
            for other in left[alike].tolist():
                _unite(parents, int(row), other)
            reached += left[alike].tolist()
            left = left[~alike]


def _unite(parents: NDArray[np.int64], one: int, other: int) -> None:
    one, other = _root(parents, one), _root(parents, other)
    parents[max(one, other)] = min(one, other)


def _root(parents: NDArray[np.int64], row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = int(parents[row])
    return row


def _roots(parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the root of every row: parents lie before their children, so that a few rounds of looking up end there."""
    while not np.array_equal(above := parents[parents], parents):
        parents = above
    return parents
