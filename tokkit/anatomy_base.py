"""Find which tokens of a base a vocabulary took over, which it left out, and by what rule, where one rule explains it.

Who starts from a base keeps its order: the base's part of a vocabulary is the longest run of ids that are tokens of the base in
the order of their ranks, and the tokens of the base that stand before it. What comes after was added, tokens that the
base has too among it.

A rule is a set of conditions: a token up to the highest rank that was kept is there if and only if it fulfils all of
them. A condition that a kept token breaks cannot be in the rule; of the others the fewest are looked for that all the
absent tokens break. Both directions are exact, or no rule is named.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from tokkit.anatomy_kinds import (
    BYTE,
    DUPLICATE,
    HOLE,
    KINDS,
    SPARE,
    SPECIAL,
    classes_of,
    is_cjk,
    kind_of,
    kinds_of,
)
from tokkit.encode import encode_arrays, flatten
from tokkit.unicode import text_of
from tokkit.unicode_tables import SCRIPTS
from tokkit.vocabulary import SINGLE_BYTES, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from tokkit.foreign import ForeignVocabulary

SHORTEST_PART = 1000  # ids in the order of a base: fewer are no sign that the vocabulary started from it
_MOST_CONDITIONS = 3
_MOST_BY_CHANCE = 8  # added tokens that may go on in the base's order by chance
_JUMP = 64  # ranks that are passed over there
_NO_TEXT = frozenset({SPECIAL, SPARE, HOLE, DUPLICATE})
_CLOSURE = "made of two kept tokens"
OR_A_BYTE = "(or a single byte)"
_REGEXES = {
    "two digits in a row": re.compile(rb"[0-9][0-9]"),
    "three digits in a row": re.compile(rb"[0-9]{3}"),
    "a digit": re.compile(rb"[0-9]"),
    "a line break": re.compile(rb"[\r\n]"),
    "a line break after other characters": re.compile(rb"[^\r\n\t ][\r\n]"),
    "a capital letter": re.compile(rb"[A-Z]"),
    "a space in front": re.compile(rb"\A "),
    "two spaces in a row": re.compile(rb"  "),
}


@dataclass(frozen=True)
class BasePart:
    """What a vocabulary has of a base.

    Attributes:
        base: the base's name.
        shared: how many of its tokens the vocabulary has anywhere.
        start: first id of the run that is in the base's order; `start == stop` where there is no base part.
        stop: where the base's part ends: tokens of the base with lower ids are its part.
        kept: how many tokens of the base are in the base's part.
        last_rank: the highest rank among them; -1 without a base part.
        absent: ranks up to `last_rank` that are not in the base's part, ascending.
        absent_kinds: kind -> how many of the absent, in the order of `KINDS`.
        rule: the conditions that a token up to `last_rank` fulfils if and only if it was kept; empty where every token
            was kept; None where no rule explains it.
        unexplained: without a rule, the absent ranks that fulfil every condition that all kept tokens fulfil.
        added: how many ids with text lie outside the base's part, byte fallbacks aside.
        added_lengths: characters -> how many of the added ids have so many; tokens of partial UTF-8 are not in it.
        added_in_base: how many of the added are tokens of the base all the same.
        added_below: how many of those have a rank up to `last_rank`: they were left out and came back.
    """

    base: str
    shared: int
    start: int
    stop: int
    kept: int
    last_rank: int
    absent: tuple[int, ...]
    absent_kinds: dict[str, int]
    rule: tuple[str, ...] | None
    unexplained: tuple[int, ...]
    added: int
    added_lengths: dict[int, int]
    added_in_base: int
    added_below: int

    @property
    def rule_text(self) -> str:
        """The rule in a sentence."""
        if self.last_rank < 0:
            return "no part of it is in the base's order"
        if self.rule is None:
            return f"no rule known here explains which are kept up to rank {self.last_rank:,}"
        if not self.rule:
            return f"every token up to rank {self.last_rank:,} is kept"
        rule = " and ".join(self.rule).replace(f" and {OR_A_BYTE}", f" {OR_A_BYTE}")
        return f"kept if and only if {rule}, up to rank {self.last_rank:,}"


def base_part(vocabulary: Vocabulary | ForeignVocabulary, base: Vocabulary) -> BasePart:
    """Return what a vocabulary has of a base, what it left out, and by what rule.

    Example:
        >>> alphabet = tuple(bytes([byte]) for byte in range(256))
        >>> words = tuple(f"{number:04x}".encode() for number in range(2000))
        >>> base = Vocabulary("base", "", alphabet + words)
        >>> part = base_part(Vocabulary("even", "", (*alphabet, *words[:1800], b"new")), base)
        >>> part.kept, part.rule_text, part.added
        (2056, 'every token up to rank 2,055 is kept', 1)
    """
    kinds = kinds_of(vocabulary)
    byte_pieces = not isinstance(vocabulary, Vocabulary)
    ranks = np.full(vocabulary.n_vocab, -1, np.int64)
    texts = [
        (token_id, _bytes_of(vocabulary, token_id))
        for token_id, kind in enumerate(kinds)
        if kind not in _NO_TEXT and not (byte_pieces and kind == BYTE)
    ]
    for token_id, token in texts:
        ranks[token_id] = base.ranks.get(token, -1)
    start, stop = _longest_ordered_run(ranks)
    if stop - start < SHORTEST_PART:
        start = stop = 0
    stop, is_kept, rule, unexplained = _end_and_rule(base, ranks, start, stop)
    last_rank = is_kept.size - 1
    absent = tuple(rank for rank in np.flatnonzero(~is_kept).tolist() if base.tokens[rank])
    added = [(token_id, token) for token_id, token in texts if not (token_id < stop and ranks[token_id] >= 0)]
    in_base = [int(ranks[token_id]) for token_id, _ in added if ranks[token_id] >= 0]
    return BasePart(
        base=base.name,
        shared=int(np.unique(ranks[ranks >= 0]).size),
        start=start,
        stop=stop,
        kept=int(is_kept.sum()),
        last_rank=last_rank,
        absent=absent,
        absent_kinds=count_kinds(
            BYTE if len(base.tokens[rank]) == 1 else kind_of(base.tokens[rank]) for rank in absent
        ),
        rule=rule,
        unexplained=unexplained,
        added=len(added),
        added_lengths=lengths_of(token for _, token in added),
        added_in_base=len(in_base),
        added_below=sum(rank <= last_rank for rank in in_base),
    )


def count_kinds(kinds: Iterable[str]) -> dict[str, int]:
    """Return kind -> how many, in the order of `KINDS`, without the kinds of which there are none."""
    counted = Counter(kinds)
    return {kind: counted[kind] for kind in KINDS if counted[kind]}


def lengths_of(tokens: Iterable[bytes]) -> dict[int, int]:
    """Return characters -> how many tokens have so many, ascending; those of partial UTF-8 are passed over."""
    counted = Counter(len(text) for token in tokens if (text := text_of(token)) is not None)
    return dict(sorted(counted.items()))


def _bytes_of(vocabulary: Vocabulary | ForeignVocabulary, token_id: int) -> bytes:
    """Return the bytes of an id; a user-defined one may have them in its name alone."""
    token = vocabulary.tokens[token_id] if token_id < len(vocabulary.tokens) else b""
    return token or vocabulary.special_ids.get(token_id, "").encode()


def _longest_ordered_run(ranks: NDArray[np.int64]) -> tuple[int, int]:
    """Return the first longest run `(start, stop)` of ids that all have a rank, ranks ascending."""
    if not ranks.size:
        return 0, 0
    goes_on = (ranks[1:] > ranks[:-1]) & (ranks[:-1] >= 0)
    borders = np.concatenate([[0], np.flatnonzero(~goes_on) + 1, [ranks.size]])
    longest = int(np.diff(borders).argmax())
    start, stop = int(borders[longest]), int(borders[longest + 1])
    return (start, stop) if ranks[start] >= 0 else (start, start)


def _end_and_rule(
    base: Vocabulary, ranks: NDArray[np.int64], start: int, stop: int
) -> tuple[int, NDArray[np.bool_], tuple[str, ...] | None, tuple[int, ...]]:
    """Return where the base's part ends, its ranks as bool[last rank + 1], and its rule with what that leaves unexplained.

    What was added may begin with a token of the base by chance: where the whole run has no rule, one that ends before it may.
    """
    found = []
    for end in _ends(ranks, start, stop):
        is_kept = _kept(ranks[:end], len(base.tokens))
        rule, unexplained = find_rule(base, is_kept) if is_kept.size else (None, ())
        found.append((end, is_kept, rule, unexplained))
        if rule is not None:
            return found[-1]
    return found[0]


def _ends(ranks: NDArray[np.int64], start: int, stop: int) -> list[int]:
    """Return where the base's part may end: at the end of the run, and before jumps in rank among its last ids."""
    jumps = [at for at in range(stop - 1, max(start, stop - _MOST_BY_CHANCE), -1) if ranks[at] - ranks[at - 1] > _JUMP]
    return [stop, *jumps]


def _kept(ranks: NDArray[np.int64], n_base: int) -> NDArray[np.bool_]:
    """Return bool[n]: which ranks of the base are among `ranks`, up to the highest."""
    is_kept = np.zeros(n_base, np.bool_)
    is_kept[ranks[ranks >= 0]] = True
    return is_kept[: int(ranks.max(initial=-1)) + 1]


def find_rule(base: Vocabulary, is_kept: NDArray[np.bool_]) -> tuple[tuple[str, ...] | None, tuple[int, ...]]:
    """Find the fewest conditions that tell the kept ranks of a base from the others, and what they leave unexplained.

    Args:
        base: the base.
        is_kept: bool[n], for each of its first n ranks whether it was kept. Holes count as neither.

    Returns:
        The conditions (empty where everything was kept), or None and the absent ranks that no condition excludes.

    Example:
        >>> base = Vocabulary("base", "", (*(bytes([byte]) for byte in range(256)), b"a1", b"12", "é".encode(), b"ab"))
        >>> find_rule(base, np.array([byte < 128 for byte in range(256)] + [True, True, False, True]))
        (('ASCII',), ())
        >>> find_rule(base, np.array([True] * 256 + [True, False, False, True]))
        (('without Latin', 'without two digits in a row'), ())
    """
    ranks = np.array([rank for rank in range(is_kept.size) if base.tokens[rank]], np.int64)
    if is_kept[ranks].all():
        return (), ()
    broken = _broken_conditions(base, ranks, is_kept)
    # A selection keeps the single bytes in any case.
    long = np.array([rank for rank in ranks.tolist() if len(base.tokens[rank]) > 1], np.int64)
    keeps_bytes = bool(is_kept[np.setdiff1d(ranks, long)].all())
    broken_by_long = _broken_conditions(base, long, is_kept) if keeps_bytes else {}
    for size in range(1, _MOST_CONDITIONS + 1):
        if rule := _rule_of(broken, size):
            return rule, ()
        if rule := _rule_of(broken_by_long, size):
            return (*rule, OR_A_BYTE), ()
    absent = ranks[~is_kept[ranks]]
    explained = np.logical_or.reduce([np.zeros(absent.size, np.bool_), *broken.values()])
    return None, tuple(absent[~explained].tolist())


def _broken_conditions(
    base: Vocabulary, ranks: NDArray[np.int64], is_kept: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """Return condition -> bool[n_absent]: which absent tokens break it; those that a kept token breaks are left out."""
    kept = [base.tokens[rank] for rank in ranks[is_kept[ranks]].tolist()]
    absent_ranks = ranks[~is_kept[ranks]]
    absent = [base.tokens[rank] for rank in absent_ranks.tolist()]
    classes = {token: classes_of(token.decode("utf-8", "ignore")) for token in (*kept, *absent)}
    found: dict[str, NDArray[np.bool_]] = {}
    for name, breaks in _conditions(classes):
        broken = np.fromiter(map(breaks, absent), np.bool_, len(absent))
        if broken.any() and not any(map(breaks, kept)):
            found[name] = broken
    lost = _without_path(base, is_kept, np.concatenate([ranks[is_kept[ranks]], absent_ranks]))
    if lost[len(kept) :].any() and not lost[: len(kept)].any():
        found[_CLOSURE] = lost[len(kept) :]
    return found


def _without_path(base: Vocabulary, is_kept: NDArray[np.bool_], ranks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return bool[n]: a token of two bytes or more that the kept tokens below it do not merge into two of them."""
    kept = np.flatnonzero(is_kept)
    vocabulary = Vocabulary("kept", "", tuple(base.tokens[rank] for rank in kept.tolist()))
    if not all(byte in vocabulary.ranks for byte in SINGLE_BYTES):
        return np.zeros(ranks.size, np.bool_)
    tokens = [base.tokens[rank] for rank in ranks.tolist()]
    limits = np.searchsorted(kept, ranks).astype(np.int32)
    _, starts = encode_arrays(vocabulary, *flatten(tokens), shortcut=False, limits=limits)
    return np.diff(starts) > 2


def _conditions(classes: Mapping[bytes, frozenset[str]]) -> Iterator[tuple[str, Callable[[bytes], bool]]]:
    """Yield the name of each condition and what tells whether a token breaks it, the plainest first."""
    yield "ASCII", lambda token: not token.isascii()
    yield "valid UTF-8", lambda token: text_of(token) is None
    yield "without CJK", lambda token: is_cjk(classes[token])
    for script in ("Han", *(script for script in SCRIPTS if script != "Han")):
        yield f"without {script}", partial(_has, classes, script)
    for what, regex in _REGEXES.items():
        yield f"without {what}", regex.search  # type: ignore[misc]  # a match is true
    for most in (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 64):
        yield f"at most {most} bytes", partial(_is_longer, most)


def _has(classes: Mapping[bytes, frozenset[str]], name: str, token: bytes) -> bool:
    return name in classes[token]


def _is_longer(most: int, token: bytes) -> bool:
    return len(token) > most


def _rule_of(broken: Mapping[str, NDArray[np.bool_]], size: int) -> tuple[str, ...]:
    """Return the first so many conditions of which every absent token breaks one; none where there are no such."""
    for names in combinations(broken, size):
        if np.logical_or.reduce([broken[name] for name in names]).all():
            return names
    return ()
