"""Maximum matchings and minimum vertex covers of bipartite graphs, small and deterministic."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

Edge = tuple[bytes, ...]


def two_colours(
    edges: Sequence[Edge], prefer: Callable[[bytes], bool] = lambda _: True
) -> Iterator[tuple[set[bytes], list[Edge]]]:
    """Yield each connected bipartite component as its left side and its edges; components with an odd cycle are left out.

    Args:
        edges: pairs of different vertices.
        prefer: the side with more vertices that it holds for becomes the left one.

    Example:
        >>> [(sorted(left), edges) for left, edges in two_colours([(b"a", b"x"), (b"b", b"x"), (b"c", b"y")])]
        [([b'a', b'b'], [(b'a', b'x'), (b'b', b'x')]), ([b'c'], [(b'c', b'y')])]
    """
    neighbours = _neighbours(edges)
    colour: dict[bytes, int] = {}
    component_of: dict[bytes, int] = {}
    sides: list[tuple[set[bytes], set[bytes]]] = []
    odd: set[int] = set()
    for start in neighbours:
        if start in colour:
            continue
        colour[start] = 0
        component = len(sides)
        sides.append((set(), set()))
        queue = deque([start])
        while queue:
            vertex = queue.popleft()
            component_of[vertex] = component
            sides[component][colour[vertex]].add(vertex)
            for other in neighbours[vertex]:
                if other not in colour:
                    colour[other] = 1 - colour[vertex]
                    queue.append(other)
                elif colour[other] == colour[vertex]:
                    odd.add(component)
    edges_of: list[list[Edge]] = [[] for _ in sides]
    for edge in edges:
        edges_of[component_of[edge[0]]].append(edge)
    for component, (first, second) in enumerate(sides):
        if component not in odd:
            yield (first if sum(map(prefer, first)) >= sum(map(prefer, second)) else second), edges_of[component]


def maximum_matching(left: AbstractSet[bytes], edges: Sequence[Edge]) -> dict[bytes, bytes]:
    """Return a maximum matching of a bipartite graph, left vertex -> right vertex, found by augmenting paths.

    Example:
        >>> sorted(maximum_matching({b"a", b"b"}, [(b"a", b"x"), (b"a", b"y"), (b"b", b"x")]).items())
        [(b'a', b'y'), (b'b', b'x')]
    """
    neighbours = _neighbours(edges)
    partner: dict[bytes, bytes] = {}
    for start in sorted(left):
        reached_from: dict[bytes, bytes] = {}
        queue = deque([start])
        free: bytes | None = None
        while queue and free is None:
            vertex = queue.popleft()
            for right in neighbours[vertex]:
                if right in reached_from:
                    continue
                reached_from[right] = vertex
                if right not in partner:
                    free = right
                    break
                queue.append(partner[right])
        # Turn the path round: each left vertex on it gives up its partner for the one it was reached through.
        matched = {vertex: right for right, vertex in partner.items()} if free is not None else {}
        while free is not None:
            vertex = reached_from[free]
            partner[free] = vertex
            free = matched.get(vertex)
    return {vertex: right for right, vertex in partner.items()}


def minimum_cover(left: AbstractSet[bytes], edges: Sequence[Edge]) -> set[bytes]:
    """Return a minimum vertex cover of a bipartite graph; among the minimum ones, the one with the most left vertices.

    König: what alternating paths reach from the unmatched left vertices decides; of the left side what they do not
    reach, of the right side what they do. A reached left vertex is in no minimum cover, so no cover has more of them.

    Example:
        >>> sorted(minimum_cover({b"a", b"b"}, [(b"a", b"x"), (b"b", b"x")]))
        [b'x']
        >>> sorted(minimum_cover({b"a", b"b"}, [(b"a", b"x"), (b"b", b"y")]))
        [b'a', b'b']
    """
    matched = maximum_matching(left, edges)
    partner = {right: vertex for vertex, right in matched.items()}
    neighbours = _neighbours(edges)
    reached = [vertex for vertex in sorted(left) if vertex not in matched]
    reached_left, reached_right = set(reached), set()
    for vertex in reached:  # grows while it is walked
        for right in neighbours[vertex]:
            if right not in reached_right:
                reached_right.add(right)
                if partner[right] not in reached_left:
                    reached_left.add(partner[right])
                    reached.append(partner[right])
    return (set(left) - reached_left) | reached_right


def _neighbours(edges: Sequence[Edge]) -> dict[bytes, list[bytes]]:
    """Return each vertex's neighbours, sorted; vertices sorted, so that every walk goes the same way."""
    found: dict[bytes, set[bytes]] = defaultdict(set)
    for one, other in edges:
        found[one].add(other)
        found[other].add(one)
    return {vertex: sorted(found[vertex]) for vertex in sorted(found)}
