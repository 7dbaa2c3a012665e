"""The laws that every vocabulary keeps, each checked by itself, each with the first tokens that break it.

A law either holds, or is broken and names its offenders, or could not be checked, and says what was missing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tokkit.display import show
from tokkit.encode import encode, encode_arrays, flatten, merge_parts
from tokkit.errors import InputError
from tokkit.laws_witness import self_encoding, witnesses
from tokkit.vocabulary import id_runs, rank_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tokkit.vocabulary import Vocabulary

LAWS = ("bytes", "dense ids", "closure", "self-encoding", "reachable", "base preserved", "specials", "segments")
NEEDS_BYTES = "not checked: nothing merges without all 256 bytes"


@dataclass(frozen=True)
class Finding:
    """What the check of one law found.

    Attributes:
        law: the law's name, one of `LAWS`.
        holds: whether it holds; None where it could not be checked.
        detail: what was checked, in figures, or what was missing.
        offenders: what breaks it, each with id and token or name, in id order; empty where it holds.
    """

    law: str
    holds: bool | None
    detail: str
    offenders: tuple[str, ...] = ()


def check(
    vocabulary: Vocabulary,
    base: Vocabulary | None = None,
    *,
    progress: Callable[[int, int, bytes], None] | None = None,
) -> tuple[Finding, ...]:
    r"""Check every law and return a finding for each, in the order of `LAWS`.

    Args:
        vocabulary: the vocabulary to check.
        base: the vocabulary that its ranks start from; without it, base preservation is checked only where the
            provenance carries the base's own sha256.
        progress: called with the laws checked so far and in all, and the name of the last.

    Raises:
        SizeError: more tokens than tokkit can encode with.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> alphabet = tuple(bytes([byte]) for byte in range(256))
        >>> findings = check(Vocabulary("tiny", r"\S+|\s+", (*alphabet, b"ab", b"cde")))
        >>> [(finding.law, finding.offenders) for finding in findings if finding.holds is False]
        ... # doctest: +NORMALIZE_WHITESPACE
        [('closure', ('257 cde = c | d | e',)),
         ('self-encoding', ('257 cde = c | d | e',)),
         ('reachable', ('257 cde: merging its bytes gives c | d | e',))]
    """
    whole = _check_bytes(vocabulary)
    can_merge = whole.holds is True
    checks: tuple[Callable[[], Finding], ...] = (
        lambda: whole,
        lambda: _check_dense(vocabulary),
        lambda: _check_closure(vocabulary) if can_merge else Finding("closure", None, NEEDS_BYTES),
        lambda: _check_self_encoding(vocabulary) if can_merge else Finding("self-encoding", None, NEEDS_BYTES),
        lambda: _check_reachable(vocabulary) if can_merge else Finding("reachable", None, NEEDS_BYTES),
        lambda: _check_base(vocabulary, base),
        lambda: _check_specials(vocabulary, can_merge=can_merge),
        lambda: _check_segments(vocabulary),
    )
    findings: list[Finding] = []
    for each in checks:
        findings.append(each())
        if progress:
            progress(len(findings), len(checks), findings[-1].law.encode())
    return tuple(findings)


def _found(law: str, detail: str, offenders: Iterable[str]) -> Finding:
    named = tuple(offenders)
    return Finding(law, not named, detail, named)


def _check_bytes(vocabulary: Vocabulary) -> Finding:
    missing = [byte for byte in range(256) if bytes([byte]) not in vocabulary.ranks]
    return _found(
        "bytes", f"{256 - len(missing)} of the 256 single bytes are tokens", (f"byte 0x{byte:02x}" for byte in missing)
    )


def _check_dense(vocabulary: Vocabulary) -> Finding:
    tokens, specials = vocabulary.tokens, vocabulary.special_tokens
    by_id = Counter(specials.values())
    used = {rank for rank, token in enumerate(tokens) if token} | set(by_id)
    offenders = [
        f"{start} has no token" if stop - start == 1 else f"{start}-{stop - 1} have no token"
        for start, stop in id_runs(set(range(vocabulary.n_vocab)) - used)
    ]
    offenders += [
        f"{rank} {show(token)} has id {vocabulary.ranks[token]} already"
        for rank, token in enumerate(tokens)
        if token and vocabulary.ranks[token] != rank
    ]
    for name, token_id in specials.items():
        if token_id < len(tokens):
            offenders.append(f"{token_id} {name}: a special token among the {len(tokens):,} ranks")
        if by_id[token_id] > 1:
            offenders.append(f"{token_id} {name}: {by_id[token_id]} special tokens have this id")
    last_special = max((part.stop for part in vocabulary.segments if part.name == "special"), default=0)
    offenders += [
        f"{part.start}-{part.stop - 1}: spares before the special tokens end at {last_special - 1}"
        for part in vocabulary.segments
        if part.name == "spare" and part.start < last_special
    ]
    n_ids = len(used)
    detail = f"{vocabulary.n_ranks:,} ranks + {len(specials):,} specials and spares = {n_ids:,} ids"
    detail += f", embedding rows {vocabulary.n_vocab:,}; sha256 of the ranks {vocabulary.sha256}"
    return _found("dense ids", detail, offenders)


def _check_closure(vocabulary: Vocabulary) -> Finding:
    parts = merge_parts(vocabulary)
    first_of_its_bytes = np.array([vocabulary.ranks.get(token) == rank for rank, token in enumerate(vocabulary.tokens)])
    long = np.array([len(token) > 1 for token in vocabulary.tokens])
    broken = np.flatnonzero(long & first_of_its_bytes & (parts[:, 0] < 0))
    detail = f"{int(long.sum()):,} tokens of two bytes or more, made of two lower-ranked ones: all"
    if broken.size:
        detail = f"{broken.size:,} of {int(long.sum()):,} tokens of two bytes or more are not made of two lower-ranked"
    return _found("closure", detail, _with_parts(vocabulary, broken.tolist(), below=True))


def _check_self_encoding(vocabulary: Vocabulary) -> Finding:
    present = np.array([len(token) > 0 for token in vocabulary.tokens])
    dead = np.flatnonzero(present & ~self_encoding(vocabulary))
    detail = f"{vocabulary.n_ranks:,} tokens, merged from their own bytes without the shortcut: all give their id"
    if dead.size:
        detail = f"{dead.size:,} of {vocabulary.n_ranks:,} tokens are dead: merging their own bytes does not give them"
    return _found("self-encoding", detail, _with_parts(vocabulary, dead.tolist(), below=False))


def _with_parts(vocabulary: Vocabulary, broken: Sequence[int], *, below: bool) -> list[str]:
    """Name tokens with what merging makes of their bytes, by all ranks or by those below their own."""
    data, starts = flatten([vocabulary.tokens[rank] for rank in broken])
    limits = np.array(broken, np.int32) if below else None
    ids, id_starts = encode_arrays(vocabulary, data, starts, shortcut=False, limits=limits)
    made = [ids[start:stop].tolist() for start, stop in pairwise(id_starts.tolist())]
    return [
        f"{_named(vocabulary, rank)} = {' | '.join(show(vocabulary.tokens[part]) for part in parts)}"
        for rank, parts in zip(broken, made, strict=True)
    ]


def _named(vocabulary: Vocabulary, rank: int) -> str:
    return f"{rank} {show(vocabulary.tokens[rank])}"


def _check_reachable(vocabulary: Vocabulary) -> Finding:
    try:
        found = witnesses(vocabulary)
    except InputError as error:
        return Finding("reachable", False, error.message, (vocabulary.pattern,))
    n_found = vocabulary.n_ranks - len(found.reasons) - len(found.textless_bytes)
    detail = f"{n_found:,} of {vocabulary.n_ranks:,} tokens have a witness text"
    if found.textless_bytes:
        detail += f"; {len(found.textless_bytes)} single bytes occur in no UTF-8 text and are kept for arbitrary bytes"
    # A leading byte goes into longer tokens wherever it stands once all its 64 continuations are learned.
    merged_on = [show(vocabulary.tokens[rank]) for rank in found.reasons if len(vocabulary.tokens[rank]) == 1]
    if merged_on:
        detail += f"; in UTF-8 text {', '.join(merged_on)} always merges on, and is kept for arbitrary bytes"
    offenders = {rank: why for rank, why in found.reasons.items() if len(vocabulary.tokens[rank]) > 1}
    return _found("reachable", detail, (f"{_named(vocabulary, rank)}: {why}" for rank, why in offenders.items()))


def _check_base(vocabulary: Vocabulary, base: Vocabulary | None) -> Finding:
    law = "base preserved"
    if base is None:
        return _check_base_by_sha256(vocabulary)
    n_base = len(base.tokens)
    n_added = len(vocabulary.tokens) - n_base
    moved = [rank for rank, token in enumerate(base.tokens) if vocabulary.tokens[rank : rank + 1] != (token,)]
    offenders = []
    if vocabulary.pattern != base.pattern:
        offenders.append(f"the pattern is not that of {base.name}: {vocabulary.pattern}")
    for rank in moved:
        here = f"{_named(vocabulary, rank)}" if rank < len(vocabulary.tokens) else f"{rank} has no token"
        offenders.append(f"{here}, in the base {show(base.tokens[rank]) or 'no token'}")
    detail = f"the {n_base:,} ranks of {base.name} come first, {n_added:,} added ranks lie above"
    if moved:
        detail = (
            f"{len(moved):,} of the {n_base:,} ranks of {base.name} are not what they were, the first is {moved[0]}"
        )
    return _found(law, f"{detail}; base sha256 {base.sha256}", offenders)


def _check_base_by_sha256(vocabulary: Vocabulary) -> Finding:
    """Compare the `prefix` segment with the sha256 in the provenance, which is the base's unless a selection followed.

    A file that nothing followed is the vocabulary itself, which holds against itself whatever happened to it before.
    """
    law = "base preserved"
    steps = vocabulary.provenance
    origin = next((step for step in steps if step.get("step") in ("base", "file") and "sha256" in step), None)
    if origin is None:
        return Finding(law, None, "not checked: the provenance names no base")
    if origin["step"] == "file" and origin is steps[-1]:
        return Finding(law, None, f"not checked: the provenance names no base, only {origin.get('name')} itself")
    if any(step.get("step") == "select" for step in steps):
        return Finding(
            law, None, f"not checked: {origin.get('name')}, which its ranks were selected from, is not at hand"
        )
    stop = next((part.stop for part in vocabulary.segments if part.name == "prefix" and part.start == 0), 0)
    digest = hashlib.sha256(rank_lines(vocabulary.tokens[:stop])).hexdigest()
    detail = f"the {stop:,} ranks of the prefix have sha256 {digest}"
    if digest == origin["sha256"]:
        return Finding(law, True, f"{detail}, that of {origin.get('name')}")
    return Finding(law, False, detail, (f"the provenance has sha256 {origin['sha256']} for {origin.get('name')}",))


def _check_specials(vocabulary: Vocabulary, *, can_merge: bool) -> Finding:
    if not can_merge:
        return Finding("specials", None, NEEDS_BYTES)
    special_ids = set(vocabulary.special_tokens.values())
    offenders = [
        f"{token_id} {name}: {fault}"
        for name, token_id in vocabulary.special_tokens.items()
        if (fault := _fault_of_name(vocabulary, name, special_ids))
    ]
    detail = f"{len(vocabulary.special_tokens):,} special tokens and spares; typing their names gives ordinary tokens"
    return _found("specials", detail, offenders)


def _fault_of_name(vocabulary: Vocabulary, name: str, special_ids: set[int]) -> str | None:
    try:
        typed = encode(vocabulary, name)
    except InputError as error:
        return error.message
    if len(typed) == 1 and typed[0] == vocabulary.ranks.get(name.encode()):
        return f"is mergeable token {typed[0]}"
    if special := sorted(special_ids.intersection(typed)):
        return f"typing the name gives special id {', '.join(map(str, special))}"
    return None if name else "the name is empty"


def _check_segments(vocabulary: Vocabulary) -> Finding:
    offenders = []
    end = 0
    for part in vocabulary.segments:
        if part.start < end or part.stop < part.start:
            offenders.append(f"{part.name} {part.start}-{part.stop - 1} after one that ends at {end - 1}")
        end = max(end, part.stop)
    if end > vocabulary.n_vocab:
        offenders.append(f"the last ends at {end - 1}, embedding rows are {vocabulary.n_vocab:,}")
    covered = set().union(*(range(part.start, part.stop) for part in vocabulary.segments))
    special_ids = set(vocabulary.special_tokens.values())
    ranks = {rank for rank, token in enumerate(vocabulary.tokens) if token}
    offenders += [f"{start}-{stop - 1} in no segment" for start, stop in id_runs((ranks | special_ids) - covered)]
    for part in vocabulary.segments:
        inside = set(range(part.start, part.stop))
        wrong = inside & (ranks if part.name in ("special", "spare") else special_ids - ranks)
        kind = "mergeable tokens" if part.name in ("special", "spare") else "special tokens"
        offenders += [f"{kind} {start}-{stop - 1} in segment {part.name}" for start, stop in id_runs(wrong)]
    sizes: dict[str, int] = {}
    for part in vocabulary.segments:
        sizes[part.name] = sizes.get(part.name, 0) + len(part)
    return _found("segments", " + ".join(f"{size:,} {name}" for name, size in sizes.items()), offenders)
