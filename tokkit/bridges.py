"""Place wanted tokens above a base so that merging reaches every one, with as few bridges as can be.

Under the base, a wanted token's bytes end up in pieces. Two pieces: merging them is the token, it can be placed. Three or
more: some adjacent pair of them must become a token first. That pair may be a wanted token itself, and then the token
waits for it; if no pair is, a bridge is needed, and the token is *stuck*. Each stuck token names the pairs of which one
must be added; the fewest pairs that serve all stuck tokens are a minimum hitting set:

- Most stuck tokens have three pieces, so two pairs: an edge between them, and the set is a vertex cover. Chinese
  characters of three bytes are the case at hand, with a leading pair and a trailing pair; the graph is bipartite, and by
  König's theorem the cover is as large as a maximum matching: exact, with a proof that fewer cannot do.
- Odd cycles and tokens with more pairs are covered greedily, the pair that serves the most tokens first.

A new bridge can leave a token with three pieces again, so there are rounds, each with its own hitting set. The first
round's disjoint choices are a lower bound on the number of all bridges; where rounds follow, the number found may lie
above the least one, and then at least no bridge can be left out: those that later ones made superfluous go at the end.

Which pairs are taken. Base ranks stay below, so base merges come first and a bridge can only join what they left apart.
A pair that begins inside one character and runs into the next would still join bytes of two characters in other people's
text, and the same character would be cut differently by its neighbour; such a pair is taken only where there is no other.
Among equally many, pairs from the start of a character are preferred over pairs of its later bytes: a prefix of a
character says which characters can follow, a suffix says nothing. (Neither reaches over a character's border.)

Order. A bridge is placed as soon as something is stuck, before any wanted token where that is possible, so that one
segment holds the bridges of the usual case. Wanted tokens keep their order, except that a token waits for its parts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from tokkit.matching import maximum_matching, minimum_cover, two_colours
from tokkit.merge_path import merged, single_bytes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Plan:
    """Where the added tokens go.

    Attributes:
        placed: (token, index of its source; None for a bridge), in rank order.
        bridges: the bridges in rank order.
        fewest: a number of bridges that no plan can go below, by any choice of pairs that keep to character borders.
    """

    placed: tuple[tuple[bytes, int | None], ...]
    bridges: tuple[bytes, ...]
    fewest: int


def plan(
    base_ranks: Mapping[bytes, int], atoms: Mapping[bytes, Sequence[bytes]], sources: Sequence[Sequence[bytes]]
) -> Plan:
    r"""Return where wanted tokens and the bridges they need go above a base.

    Args:
        base_ranks: the base's tokens -> rank; they encode to themselves.
        atoms: each wanted token's pieces under the base; see `atoms_of`.
        sources: the wanted tokens of each source, in order; each token once, none of them in the base.

    Example:
        >>> ranks = {bytes([byte]): byte for byte in range(256)}
        >>> wanted = ["你".encode(), "佟".encode()]
        >>> plan(ranks, atoms_of(wanted, ranks), [wanted]).bridges
        (b'\xe4\xbd',)
    """
    ranks = dict(base_ranks)
    top = 1 + max(ranks.values())
    waiting: list[dict[bytes, list[bytes]]] = [{token: list(atoms[token]) for token in source} for source in sources]
    placed: list[tuple[bytes, int | None]] = []
    fewest: int | None = None

    def place(token: bytes, source: int | None) -> None:
        ranks[token] = top + len(placed)
        placed.append((token, source))

    while any(waiting):
        choices = _stuck_choices(waiting, ranks)
        if fewest is None:
            fewest = _fewest(choices)
        for bridge in _hitting_set(choices):
            place(bridge, None)
        if choices:
            continue  # a bridge may leave another token stuck, and bridges belong together
        for source, tokens in enumerate(waiting):
            # A source goes as far as it can before the next begins, so that its ids are one range.
            while ready := _place_ready(tokens, ranks, partial(place, source=source)):
                for token in ready:
                    del tokens[token]
    superfluous = _superfluous(
        placed, ranks, {**atoms, **atoms_of([t for t, source in placed if source is None], base_ranks)}
    )
    placed = [(token, source) for token, source in placed if token not in superfluous]
    bridges = tuple(token for token, source in placed if source is None)
    return Plan(tuple(placed), bridges, fewest or 0)


def _place_ready(
    tokens: dict[bytes, list[bytes]], ranks: Mapping[bytes, int], place: Callable[[bytes], None]
) -> list[bytes]:
    """Place each waiting token that two pieces make by now, in order, and return them."""
    ready = []
    for token, before in tokens.items():
        pieces = tokens[token] = merged(before, ranks)
        if len(pieces) == 2:
            place(token)
            ready.append(token)
    return ready


def atoms_of(tokens: Sequence[bytes], base_ranks: Mapping[bytes, int]) -> dict[bytes, list[bytes]]:
    """Return each token's pieces under the base, where the merging of everything above it starts."""
    return {token: merged(single_bytes_of(token), base_ranks) for token in tokens}


def _stuck_choices(waiting: Sequence[dict[bytes, list[bytes]]], ranks: Mapping[bytes, int]) -> list[tuple[bytes, ...]]:
    """Bring the pieces of waiting tokens up to date and return, for each stuck one, the pairs that would free it."""
    choices: dict[tuple[bytes, ...], None] = {}
    for tokens in waiting:
        for token, before in tokens.items():
            pieces = tokens[token] = merged(before, ranks)
            if len(pieces) < 3:
                continue
            pairs = [left + right for left, right in pairwise(pieces)]
            if not any(pair in other for pair in pairs for other in waiting):
                best = min(map(_straddles, pairs))
                choices[tuple(dict.fromkeys(pair for pair in pairs if _straddles(pair) == best))] = None
    return list(choices)


def _straddles(token: bytes) -> bool:
    """Tell whether a token holds a part of one character and bytes of another.

    Example:
        >>> _straddles("你好".encode()), _straddles("你".encode()[1:]), _straddles("你好".encode()[1:])
        (False, False, True)
    """
    starts = sum(byte & 0xC0 != 0x80 for byte in token)
    begins_inside = token[0] & 0xC0 == 0x80
    if begins_inside:
        return starts > 0
    try:
        token.decode()
    except UnicodeDecodeError as error:
        return error.start > 0  # whole characters, then a part of the next
    return False


def _hitting_set(choices: Sequence[tuple[bytes, ...]]) -> list[bytes]:
    """Return pairs such that each choice has one of them: forced ones, then exact covers of edges, then greedily."""
    chosen = {choice[0] for choice in choices if len(choice) == 1}
    open_choices = [choice for choice in choices if chosen.isdisjoint(choice)]
    for left, edges in two_colours([choice for choice in open_choices if len(choice) == 2], prefer=_begins_character):
        chosen |= minimum_cover(left, edges)
    open_choices = [choice for choice in open_choices if chosen.isdisjoint(choice)]
    while open_choices:
        frees = Counter(pair for choice in open_choices for pair in choice)
        best = min(frees, key=lambda pair: (-frees[pair], not _begins_character(pair), len(pair), pair))
        chosen.add(best)
        open_choices = [choice for choice in open_choices if best not in choice]
    return sorted(_without_redundant(chosen, choices))


def _without_redundant(chosen: set[bytes], choices: Sequence[tuple[bytes, ...]]) -> set[bytes]:
    """Return the chosen pairs less those whose every choice has another chosen one, tried from the least useful."""
    served = Counter(sum(pair in chosen for pair in choice) for choice in choices)
    kept = set(chosen)
    if set(served) <= {1}:
        return kept
    members: dict[bytes, list[tuple[bytes, ...]]] = defaultdict(list)
    for choice in choices:
        for pair in chosen.intersection(choice):
            members[pair].append(choice)
    for pair in sorted(chosen, key=lambda pair: (_begins_character(pair), len(members[pair]), pair)):
        if all(len(kept.intersection(choice)) > 1 for choice in members[pair]):
            kept.remove(pair)
    return kept


def _superfluous(
    placed: Sequence[tuple[bytes, int | None]], ranks: dict[bytes, int], atoms: Mapping[bytes, Sequence[bytes]]
) -> set[bytes]:
    """Return bridges, the latest tried first, without which every other token still comes about; `ranks` loses them.

    A choice that was right when it was made can be overtaken by a later one. Only tokens whose merging forms a bridge
    can miss it, so only those are merged again.
    """
    users: dict[bytes, set[bytes]] = {token: set() for token, source in placed if source is None}
    for token, _ in placed:
        formed: list[bytes] = []
        merged(atoms[token], ranks, ranks[token], formed)
        for bridge in users.keys() & formed:
            users[bridge].add(token)
    superfluous: set[bytes] = set()
    for bridge in reversed(list(users)):
        rank = ranks.pop(bridge)
        formed_by: dict[bytes, list[bytes]] = {}
        for token in users[bridge] - superfluous:
            formed_by[token] = []
            if len(merged(atoms[token], ranks, ranks[token], formed_by[token])) != 2:
                ranks[bridge] = rank
                break
        else:
            superfluous.add(bridge)
            for token, formed in formed_by.items():
                for other in users.keys() & formed:
                    users[other].add(token)
    return superfluous


def _begins_character(token: bytes) -> bool:
    return token[0] & 0xC0 != 0x80


def _fewest(choices: Sequence[tuple[bytes, ...]]) -> int:
    """Return how many choices can be found of which no two share a pair: each of them costs a bridge of its own."""
    forced = {choice[0] for choice in choices if len(choice) == 1}
    used = set(forced)
    disjoint = len(forced)
    edges = [choice for choice in choices if len(choice) == 2 and forced.isdisjoint(choice)]
    for left, component in two_colours(edges, prefer=_begins_character):
        matched = maximum_matching(left, component)
        disjoint += len(matched)
        used |= matched.keys() | set(matched.values())
    for choice in choices:
        if used.isdisjoint(choice):
            used |= set(choice)
            disjoint += 1
    return disjoint
