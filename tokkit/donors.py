"""Take tokens from other tokenizers, the donors, by what they save on a counts table, until a size is reached.

What a token saves depends on the tokens that are there already: 人民代表 saves little where 人民代表大会 is. So
the choice is made by continued BPE with the donors' tokens as the only ones that may be learned: at each step the token
whose pair stands most often in the counts, as the tokens chosen before it cut them. That count is what the token saves
at that moment, exactly. The order of choice is the order of ranks, so that every token is made of two lower ones, as all
learned tokens are.

Bridges. A donor's token may need parts that no donor has, such as the first two bytes of a character. The fewest that would
serve all candidates (`tokkit.bridges`) may be learned too, and count towards the size. A bridge that leads to no chosen
token is given up again, and its room goes to the next best, in rounds, until none is left or nothing else could take the
room. A candidate whose bytes the tokens chosen before it have cut otherwise is passed over: no bridge is spent on it.

What is reported as saved is counted afterwards on the finished vocabulary, and adds up: where a token stands in the counts'
final encoding, it saves one less than the number of base tokens that its bytes took before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit import TOOL
from tokkit.bridges import atoms_of, plan
from tokkit.counts_table import merged_rows
from tokkit.encode import encode_arrays, flatten, merge_parts
from tokkit.errors import InputError, SizeError
from tokkit.learn import learn
from tokkit.merge import check_sources, provenance_of, require_reachable, split_by_pattern
from tokkit.veto import Veto
from tokkit.vocabulary import Segment, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
    from tokkit.merge import TokenSource

_PRETOKENS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Donor:
    """What one donor gave.

    Attributes:
        label: its label.
        candidates: its tokens that neither the base nor a donor before it has, and that the pattern leaves whole.
        in_base: how many of its tokens the base has already.
        shared: how many a donor before it has.
        split_by_pattern: how many the split pattern cuts, so that no merge reaches them.
        chosen: how many candidates were taken.
        bridges: how many bridges its chosen tokens needed that no token before them had needed.
        saved: tokens that its chosen tokens save on the counts; those of all donors and `Donation.bridges_saved` add up.
        vetoed: how many tokens of it a veto had taken away.
    """

    label: str
    candidates: int
    in_base: int
    shared: int
    split_by_pattern: int
    chosen: int
    bridges: int
    saved: int
    vetoed: int = 0


@dataclass(frozen=True)
class Donation:
    """What `donate` made.

    Attributes:
        vocabulary: the base's tokens with their ranks, then bridges and chosen tokens.
        donors: what each donor gave, in the order given.
        bridges: the bridges, in rank order.
        bridges_saved: tokens that bridges save where they themselves stand in the counts' encoding.
        tokens_before: tokens of the counts under the base.
        tokens_after: tokens of the counts under `vocabulary`.
    """

    vocabulary: Vocabulary
    donors: tuple[Donor, ...]
    bridges: tuple[bytes, ...]
    bridges_saved: int
    tokens_before: int
    tokens_after: int


@dataclass(frozen=True)
class _Candidates:
    """The tokens that may be chosen, each with the index of the first donor that has it."""

    owner: dict[bytes, int]
    in_base: list[int]
    shared: list[int]
    split: list[int]


def donate(
    base: Vocabulary,
    donors: Sequence[TokenSource],
    table: CountsTable,
    *,
    size: int | None = None,
    progress: Callable[[int, int, bytes], None] | None = None,
) -> Donation:
    r"""Append the donors' tokens that save the most tokens on a counts table, with the bridges that they need.

    Args:
        base: the vocabulary to append to, without special tokens.
        donors: their tokens; see `tokkit.merge.vocabulary_source`. The order decides only whose a shared token is.
        table: pretokens with their counts; slices are added up.
        size: how many mergeable tokens to end with, bridges included; every token that the counts use when omitted.
        progress: called with the tokens chosen so far and in all, and the last of them, now and then, in each round.

    Raises:
        InputError: no donor, a label that comes twice or is empty, or no candidate is left.
        MismatchError: the table was cut by another pattern than the base's.
        SizeError: the size is below the base's, or above what the counts use of the donors' tokens.
        LawError: the base has special tokens or holes, lacks a byte, or has tokens that merging does not reach.

    Example:
        >>> from tokkit.counts import count_texts
        >>> from tokkit.merge import word_list_source
        >>> base = Vocabulary("bytes", r"\S+|\s+", tuple(bytes([byte]) for byte in range(256)))
        >>> table = count_texts(["ab ab abc xy"], base.pattern)
        >>> donation = donate(base, [word_list_source("one", b"xy\nab\n"), word_list_source("two", b"abc\nab\n")], table)
        >>> donation.vocabulary.tokens[256:], donation.tokens_before, donation.tokens_after
        ((b'ab', b'xy', b'abc'), 12, 7)
        >>> [(donor.label, donor.chosen, donor.shared, donor.saved) for donor in donation.donors]
        [('one', 2, 0, 3), ('two', 1, 1, 2)]
    """
    check_sources(base, donors)
    candidates = _candidates(base, donors)
    room = None if size is None else size - len(base.tokens)
    if room is not None and room < 0:
        raise SizeError(f"size {size:,} is below the {len(base.tokens):,} tokens of {base.name}", "ask for more")
    if not candidates.owner:
        raise InputError(
            f"the donors have no token that {base.name} lacks: {', '.join(donor.label for donor in donors)}",
            "another --script, or another donor",
        )
    chosen = _choose(base, candidates, table, room, progress)
    if room is not None and len(chosen) < room:
        available = len(base.tokens) + len(chosen)
        raise SizeError(
            f"{len(base.tokens):,} {base.name} + {len(chosen):,} tokens and bridges that the counts use = {available:,}, "
            f"{len(base.tokens) + room - available:,} short of the size {size:,}",
            f"ask for {available:,}, give more donors, or count more text",
        )
    vocabulary = _appended(base, _bridges_first(base, chosen, candidates), candidates, donors)
    require_reachable(vocabulary, base)
    return _measured(vocabulary, base, donors, candidates, table, size)


def _candidates(base: Vocabulary, donors: Sequence[TokenSource]) -> _Candidates:
    found = _Candidates({}, [], [], [])
    for index, donor in enumerate(donors):
        tokens = dict.fromkeys(donor.tokens)
        new = [token for token in tokens if token not in base.ranks]
        fresh = [token for token in new if token not in found.owner]
        split = set(split_by_pattern(fresh, base.pattern))
        found.owner.update((token, index) for token in fresh if token not in split)
        found.in_base.append(len(tokens) - len(new))
        found.shared.append(len(new) - len(fresh))
        found.split.append(len(split))
    return found


def _choose(
    base: Vocabulary,
    candidates: _Candidates,
    table: CountsTable,
    room: int | None,
    progress: Callable[[int, int, bytes], None] | None,
) -> list[bytes]:
    """Return candidates and bridges in the order of choice, bridges that nothing chosen needs only where room is left over."""
    if room == 0:
        return []
    owner = candidates.owner
    bridges = set(plan(base.ranks, atoms_of(list(owner), base.ranks), [list(owner)]).bridges)
    before: list[bytes] = []
    while True:
        allowed = frozenset(owner.keys() | bridges)
        learned = learn(
            table,
            base,
            min(room or len(allowed), len(allowed)),
            min_count=1,
            veto=Veto(only=allowed),
            exact=False,
            progress=progress,
        )
        chosen = list(learned.tokens)
        if len(chosen) < len(before):
            return before
        needed = _needed(replace(base, tokens=(*base.tokens, *chosen), segments=()), len(base.tokens), owner)
        idle = [token for token in chosen if token not in owner and token not in needed]
        if not idle or room is None:  # without a size there is no room to give to others
            return [token for token in chosen if token not in idle]
        before = chosen
        bridges = {bridge for bridge in bridges if bridge in needed or bridge not in learned.tokens}


def _needed(vocabulary: Vocabulary, first: int, owner: dict[bytes, int]) -> dict[bytes, int]:
    """Return the bridges that chosen tokens are made of, each with the donor of the first token that needs it."""
    parts = merge_parts(vocabulary).tolist()
    needed: dict[bytes, int] = {}
    for token_id in range(first, len(vocabulary.tokens)):
        donor = owner.get(vocabulary.tokens[token_id])
        if donor is None:
            continue
        open_ids = [part for part in parts[token_id] if part >= first]
        while open_ids:
            part = open_ids.pop()
            token = vocabulary.tokens[part]
            if token not in owner and token not in needed:
                needed[token] = donor
                open_ids += [each for each in parts[part] if each >= first]
    return needed


def _bridges_first(base: Vocabulary, chosen: list[bytes], candidates: _Candidates) -> list[bytes]:
    """Return the chosen tokens with the parts of single characters in front, if merging still reaches every token.

    One segment then holds nearly all bridges. Characters are made before words either way, so that little changes.
    """
    front = [token for token in chosen if token not in candidates.owner and _is_part_of_a_character(token)]
    ordered = front + [token for token in chosen if token not in set(front)]
    parts = merge_parts(replace(base, tokens=(*base.tokens, *ordered), segments=()))
    return ordered if (parts[len(base.tokens) :, 0] >= 0).all() else chosen


def _is_part_of_a_character(token: bytes) -> bool:
    return len(token) < 4 and sum(byte & 0xC0 != 0x80 for byte in token[1:]) == 0


def _appended(
    base: Vocabulary, added: Sequence[bytes], candidates: _Candidates, donors: Sequence[TokenSource]
) -> Vocabulary:
    """Return the base with tokens added; the donors share one kind of segment, because their tokens alternate."""
    label = "+".join(donor.label for donor in donors)
    segments = list(base.segments)
    for token_id, token in enumerate(added, len(base.tokens)):
        name = f"learned:{label}" if token in candidates.owner else "bridge"
        if len(segments) > len(base.segments) and segments[-1].name == name:
            segments[-1] = replace(segments[-1], stop=token_id + 1)
        else:
            segments.append(Segment(name, token_id, token_id + 1))
    name = f"{base.name}+{label}"
    return replace(base, name=name, tokens=(*base.tokens, *added), segments=tuple(segments))


def _measured(
    vocabulary: Vocabulary,
    base: Vocabulary,
    donors: Sequence[TokenSource],
    candidates: _Candidates,
    table: CountsTable,
    size: int | None,
) -> Donation:
    """Count what the finished vocabulary saves, and whose tokens save it."""
    first = len(base.tokens)
    added = vocabulary.tokens[first:]
    uses = _uses(vocabulary, table)
    _, starts = encode_arrays(base, *flatten(added), shortcut=False)
    saved = uses[first:] * (np.diff(starts) - 1)
    owners = np.array([candidates.owner.get(token, len(donors)) for token in added], np.int64)
    saved_by = np.zeros(len(donors) + 1, np.int64)
    np.add.at(saved_by, owners, saved)
    needed = Counter(_needed(vocabulary, first, candidates.owner).values())
    chosen = Counter(owners.tolist())
    held = Counter(candidates.owner.values())
    rows = tuple(
        Donor(
            donor.label,
            held[index],
            candidates.in_base[index],
            candidates.shared[index],
            candidates.split[index],
            chosen[index],
            needed[index],
            int(saved_by[index]),
            donor.vetoed,
        )
        for index, donor in enumerate(donors)
    )
    after = int(uses.sum())
    step: dict[str, Any] = {
        "step": "merge",
        "tool": TOOL,
        "donors": [{**provenance_of(donor), "added": row.chosen} for donor, row in zip(donors, rows, strict=True)],
        "counts": dict(table.provenance),
        "bridges": chosen[len(donors)],
    }
    bridges = tuple(token for token in added if token not in candidates.owner)
    finished = vocabulary.with_step(step if size is None else step | {"size": size})
    return Donation(finished, rows, bridges, int(saved_by[-1]), after + int(saved.sum()), after)


def _uses(vocabulary: Vocabulary, table: CountsTable) -> NDArray[np.int64]:
    """Return int64[n_tokens]: how often each token stands in the counts' encoding."""
    rows = merged_rows(table)
    uses = np.zeros(len(vocabulary.tokens), np.int64)
    for start in range(0, rows.counts.size, _PRETOKENS_AT_ONCE):
        stop = min(start + _PRETOKENS_AT_ONCE, rows.counts.size)
        ids, id_starts = encode_arrays(vocabulary, rows.data, rows.starts[start : stop + 1], shortcut=True)
        np.add.at(uses, ids, np.repeat(rows.counts[start:stop], np.diff(id_starts)))
    return uses
