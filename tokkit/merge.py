"""Append the tokens of other sources to a base, with the bridges that they need, so that merging reaches every one."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit import TOOL
from tokkit.bridges import Plan, atoms_of, plan
from tokkit.encode import flatten, merge_parts
from tokkit.errors import FormatError, InputError, LawError, MismatchError, SizeError
from tokkit.merge_path import merged, require_plain_ranks
from tokkit.pretokenize import split_documents
from tokkit.unicode import script_table, text_of
from tokkit.vocabulary import Segment, Vocabulary, require_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokkit.foreign import ForeignVocabulary
    from tokkit.veto import Veto

# A longer line is a corpus taken for a word list; planning a merge path takes quadratic time in a word's length.
MAX_WORD_BYTES = 1024


@dataclass(frozen=True)
class TokenSource:
    """Tokens that a vocabulary is to gain.

    Attributes:
        label: names the segment `learned:LABEL`.
        tokens: the tokens, the most wanted first; their ranks will have that order as far as merging allows.
        counts: how often each was counted; None where that is not known.
        sha256: the fingerprint of the file that they come from.
        base_sha256: the rank file that they were learned on top of; None where they are not bound to any.
        vetoed: how many more tokens it had before a veto took them away; see `allowed`.
    """

    label: str
    tokens: tuple[bytes, ...]
    counts: tuple[int, ...] | None
    sha256: str
    base_sha256: str | None
    vetoed: int = 0


@dataclass(frozen=True)
class Merge:
    """What `merge` made.

    Attributes:
        vocabulary: the base's tokens with their ranks, then bridges and added tokens.
        added: source label -> how many of its tokens were added.
        duplicates: how many tokens of the sources were in the base, or in the sources, already.
        bridges: the bridges, in rank order.
        fewest_bridges: a number of bridges that no choice can go below; equal to `len(bridges)` where the choice is proven
            to be the best. Bridges that reach over a character's border are not considered where there are others.
        left_out: how many tokens, the least wanted, did not fit into `size`.
        split_by_pattern: tokens that the split pattern cuts into several pretokens; no merge reaches them, and they were
            skipped.
        vetoed: how many tokens of the sources a veto had taken away.
    """

    vocabulary: Vocabulary
    added: Mapping[str, int]
    duplicates: int
    bridges: tuple[bytes, ...]
    fewest_bridges: int
    left_out: int
    split_by_pattern: tuple[bytes, ...]
    vetoed: int = 0


def merge(base: Vocabulary, sources: Sequence[TokenSource], *, size: int | None = None) -> Merge:
    r"""Append the sources' tokens to a base, with the fewest bridges that make every one reachable by merging.

    The base's ranks stay. Ids go in this order: bridges, then the first source's tokens, then the next one's. A token
    comes later than its source has it only where a part of it does; a bridge that joins added tokens follows them, so
    that a segment may come in several ranges. See `tokkit.bridges`.

    Args:
        base: the vocabulary to append to, without special tokens.
        sources: where the tokens come from, the most wanted source first.
        size: how many mergeable tokens to end with, bridges included. The least wanted tokens are left out; where the
            next one needs more bridges than there is room for, those after it that need none take the room.

    Raises:
        InputError: no source, a label that comes twice or is empty, or an empty token.
        MismatchError: tokens that were learned on top of another base.
        SizeError: the size is below the base's, or above what there is.
        LawError: the base has special tokens or holes, lacks a byte, or a token cannot be reached.

    Example:
        >>> base = Vocabulary("bytes", r"\S+|\s+", tuple(bytes([byte]) for byte in range(256)))
        >>> result = merge(base, [word_list_source("zh", "你\n佟\n你佟\n".encode())])
        >>> result.bridges, result.added, [(segment.name, len(segment)) for segment in result.vocabulary.segments]
        ((b'\xe4\xbd',), {'zh': 3}, [('prefix', 256), ('bridge', 1), ('learned:zh', 3)])
    """
    check_sources(base, sources)
    wanted, duplicates = _new_tokens(base, sources)
    bound = [source.base_sha256 is not None for source in sources]
    split = split_by_pattern(
        [t for tokens, known in zip(wanted, bound, strict=True) if not known for t in tokens], base.pattern
    )
    skipped = frozenset(split)
    wanted = [[token for token in tokens if token not in skipped] for tokens in wanted]
    best = _fit(base, wanted, size)
    labels = [source.label for source in sources]
    placed = Counter(source for _, source in best.placed if source is not None)
    added = {label: placed[index] for index, label in enumerate(labels)}
    step: dict[str, Any] = {
        "step": "merge",
        "tool": TOOL,
        "sources": [{**provenance_of(source), "added": added[source.label]} for source in sources],
        "bridges": len(best.bridges),
    }
    vocabulary = replace(
        base,
        name="+".join([base.name, *labels]),
        tokens=(*base.tokens, *(token for token, _ in best.placed)),
        segments=(*base.segments, *_segments(best, labels, len(base.tokens))),
        provenance=(*base.provenance, step if size is None else step | {"size": size}),
    )
    require_reachable(vocabulary, base)
    left_out = sum(map(len, wanted)) - sum(added.values())
    vetoed = sum(source.vetoed for source in sources)
    return Merge(vocabulary, added, duplicates, best.bridges, best.fewest, left_out, split, vetoed)


def provenance_of(source: TokenSource) -> dict[str, Any]:
    """Return what the provenance says of a source: its label, its fingerprint, and how many tokens it has and has lost."""
    taken = {"vetoed": source.vetoed} if source.vetoed else {}
    return {"label": source.label, "sha256": source.sha256, "tokens": len(source.tokens), **taken}


def allowed(source: TokenSource, veto: Veto | None) -> TokenSource:
    r"""Return a source without the tokens that a veto forbids. Where another token needs one, it may still come as a bridge.

    Example:
        >>> from tokkit.veto import Veto
        >>> words = word_list_source("zh", "模型\t7\n训练\t12\n".encode())
        >>> without = allowed(words, Veto(frozenset({"训练"})))
        >>> [token.decode() for token in without.tokens], without.counts, without.vetoed
        (['模型'], (7,), 1)
    """
    if veto is None:
        return source
    stay = [place for place, token in enumerate(source.tokens) if not veto.forbids(token)]
    tokens = tuple(source.tokens[place] for place in stay)
    counts = None if source.counts is None else tuple(source.counts[place] for place in stay)
    return replace(source, tokens=tokens, counts=counts, vetoed=source.vetoed + len(source.tokens) - len(tokens))


def word_list_source(label: str, data: bytes, sha256: str | None = None) -> TokenSource:
    r"""Read a word list: UTF-8, one token a line, either all lines with a tab and a count or none.

    Words with counts are ordered by count, the highest first, and equal counts as the file has them. Spaces belong to
    the token; empty lines are passed over.

    Args:
        label: names the segment, and the list in errors.
        data: the bytes of the file.
        sha256: the file's fingerprint; that of `data` when omitted.

    Raises:
        FormatError: names the line that is not UTF-8, has no proper count or is too long for a word.

    Example:
        >>> word_list_source("zh", "模型\t7\n训练\t12\n".encode()).counts
        (12, 7)
    """
    words: list[tuple[bytes, int | None]] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip(b"\r"):
            words.append(_parse_word(line.removesuffix(b"\r"), f"{label}: line {number}"))
            if (words[-1][1] is None) != (words[0][1] is None):
                raise FormatError(
                    f"{label}: line {number} has {'no' if words[-1][1] is None else 'a'} count, unlike the lines before it",
                    "give every word a count after a tab, or none",
                )
    if not words:
        raise FormatError(
            f"{label}: no words in it", "a word list has one token a line, and may have a tab and a count"
        )
    words.sort(key=lambda word: -(word[1] or 0))
    counts = tuple(count for _, count in words if count is not None) or None
    digest = sha256 or hashlib.sha256(data).hexdigest()
    return TokenSource(label, tuple(word for word, _ in words), counts, digest, None)


def _parse_word(line: bytes, place: str) -> tuple[bytes, int | None]:
    word, tab, count = line.partition(b"\t")
    if text_of(line) is None:
        raise FormatError(f"{place} is not valid UTF-8: {line[:40]!r}", "save the list as UTF-8")
    if not word or len(word) > MAX_WORD_BYTES:
        raise FormatError(
            f"{place}: a word of {len(word):,} bytes; 1 to {MAX_WORD_BYTES:,} are allowed",
            "a word list has one token a line",
        )
    if tab and not (count.isdigit() and len(count) < 19):
        raise FormatError(
            f"{place}: the count is not a whole number: {count[:40].decode()!r}", "write the word, a tab and its count"
        )
    return word, int(count) if tab else None


def vocabulary_source(
    vocabulary: Vocabulary | ForeignVocabulary, script: str | None = None, label: str | None = None
) -> TokenSource:
    """Take another vocabulary's tokens of two bytes or more that are whole characters, in rank order.

    Args:
        vocabulary: where they come from; its special tokens are left behind.
        script: take only tokens whose every character is of this script.
        label: names the segment; the vocabulary's name when omitted.

    Raises:
        InputError: an unknown script.

    Example:
        >>> tokens = (*(bytes([byte]) for byte in range(256)), "中".encode()[:2], "中".encode(), b"ab")
        >>> vocabulary_source(Vocabulary("other", "", tokens), "Han").tokens == ("中".encode(),)
        True
    """
    texts = ((token, text_of(token)) for token in vocabulary.tokens if len(token) > 1)
    if script is None:
        tokens = tuple(token for token, text in texts if text is not None)
    else:
        table = script_table(script)
        tokens = tuple(token for token, text in texts if text is not None and all(table[ord(c)] for c in text))
    return TokenSource(label or vocabulary.name, tokens, None, vocabulary.sha256, None)


def check_sources(base: Vocabulary, sources: Sequence[TokenSource]) -> None:
    """Raise what `merge` raises for a base or sources that cannot be merged."""
    require_plain_ranks(base, "merge")
    require_bytes(base)
    if not sources:
        raise InputError(f"{base.name}: nothing to merge into it", "name at least one source of tokens")
    labels = [source.label for source in sources]
    for source in sources:
        if not source.label or labels.count(source.label) > 1:
            raise InputError(
                f"label of a source is {'empty' if not source.label else 'used twice'}: {source.label!r}",
                "give every source a label of its own; that of a file is its name",
            )
        if b"" in source.tokens:
            raise InputError(
                f"{source.label}: token {source.tokens.index(b'') + 1:,} is empty", "drop it from the source"
            )
        if source.base_sha256 not in (None, base.sha256):
            raise MismatchError(
                f"{source.label}: learned on top of a base with sha256 {source.base_sha256}; "
                f"that of {base.name} is {base.sha256}",
                "merge learned tokens into the very base that they were learned on",
            )


def _new_tokens(base: Vocabulary, sources: Sequence[TokenSource]) -> tuple[list[list[bytes]], int]:
    """Return each source's tokens that neither the base nor anything before them has, and how many were there already."""
    seen = set(base.ranks)
    fresh: list[list[bytes]] = []
    for source in sources:
        tokens = [token for token in dict.fromkeys(source.tokens) if token not in seen]
        seen.update(tokens)
        fresh.append(tokens)
    return fresh, sum(len(source.tokens) for source in sources) - sum(map(len, fresh))


def split_by_pattern(tokens: Sequence[bytes], pattern: str) -> tuple[bytes, ...]:
    """Return the tokens that the pattern cuts into several pretokens; partial UTF-8 is not text yet and passes."""
    texts = [token for token in tokens if text_of(token) is not None]
    if not texts:
        return ()
    data, bounds = flatten(texts)
    starts = [starts.copy() for starts, _ in split_documents(data, bounds, pattern)]
    cuts = np.setdiff1d(np.concatenate(starts), bounds)
    owners = np.unique(np.searchsorted(bounds, cuts, side="right") - 1)
    return tuple(texts[owner] for owner in owners.tolist())


def _fit(base: Vocabulary, wanted: Sequence[Sequence[bytes]], size: int | None) -> Plan:
    """Return the plan for all wanted tokens, or for as many of the first ones as a size has room for."""
    atoms = atoms_of([token for tokens in wanted for token in tokens], base.ranks)
    n_wanted = len(atoms)
    if size is None:
        return plan(base.ranks, atoms, wanted)
    room = size - len(base.tokens)
    if room < 0:
        raise SizeError(f"size {size:,} is below the {len(base.tokens):,} tokens of {base.name}", "ask for more")
    fits, too_many = -1, min(n_wanted, room) + 1
    n_tokens = too_many - 1
    while too_many - fits > 1:
        trial = plan(base.ranks, atoms, _first(wanted, n_tokens))
        over = len(trial.placed) - room
        if over <= 0:
            fits, best = n_tokens, trial
        else:
            too_many = n_tokens
        if over == 0:
            break
        # The number of bridges changes little with the number of tokens: what is over is what to leave out.
        n_tokens = min(max(n_tokens - over, fits + 1), too_many - 1)
    if fits == n_wanted and len(best.placed) < room:
        available = len(base.tokens) + len(best.placed)
        raise SizeError(
            f"{len(base.tokens):,} {base.name} + {n_wanted:,} wanted + {len(best.bridges):,} bridges = {available:,}, "
            f"{size - available:,} short of the size {size:,}",
            f"ask for {available:,}, or give more tokens",
        )
    return _with_free_tokens(best, base.ranks, atoms, wanted, room)


def _first(wanted: Sequence[Sequence[bytes]], n_tokens: int) -> list[Sequence[bytes]]:
    """Return the first tokens of all sources in a row, still by source."""
    firsts = []
    for tokens in wanted:
        firsts.append(tokens[:n_tokens])
        n_tokens -= len(firsts[-1])
    return firsts


def _with_free_tokens(
    best: Plan,
    base_ranks: Mapping[bytes, int],
    atoms: Mapping[bytes, Sequence[bytes]],
    wanted: Sequence[Sequence[bytes]],
    room: int,
) -> Plan:
    """Return the plan with the room that is left given to the next wanted tokens that two pieces make already."""
    placed = list(best.placed)
    ranks = {**base_ranks, **{token: len(base_ranks) + place for place, (token, _) in enumerate(placed)}}
    for source, tokens in enumerate(wanted):
        for token in tokens:
            if len(placed) == room:
                break
            if token not in ranks and len(merged(atoms[token], ranks)) == 2:
                ranks[token] = len(base_ranks) + len(placed)
                placed.append((token, source))
    return replace(best, placed=tuple(placed))


def _segments(best: Plan, labels: Sequence[str], start: int) -> list[Segment]:
    """Return the runs of bridges and of each source's tokens, ids counted from `start`."""
    segments: list[Segment] = []
    for token_id, (_, source) in enumerate(best.placed, start):
        name = "bridge" if source is None else f"learned:{labels[source]}"
        if segments and segments[-1].name == name:
            segments[-1] = replace(segments[-1], stop=token_id + 1)
        else:
            segments.append(Segment(name, token_id, token_id + 1))
    return segments


def require_reachable(vocabulary: Vocabulary, base: Vocabulary) -> None:
    """Check with the encoder itself, not with the plan's own merging, that every token is made of two lower ones."""
    parts = merge_parts(vocabulary)
    dead = [rank for rank in np.flatnonzero(parts[:, 0] < 0).tolist() if len(vocabulary.tokens[rank]) > 1]
    if dead:
        owner = base.name if dead[0] < len(base.tokens) else vocabulary.name
        raise LawError(
            f"{owner}: merging does not reach {len(dead):,} tokens; "
            f"the first is id {dead[0]}: {vocabulary.tokens[dead[0]]!r}",
            "`select` drops the tokens of a base that merging does not reach" if owner == base.name else None,
        )
