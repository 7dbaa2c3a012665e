"""A vocabulary as a value: ranks, pattern, special tokens, and the named id ranges that it is made of.

Encoding is tiktoken's: split by the pattern, then in each pretoken merge the leftmost adjacent pair whose
concatenation has the lowest rank. The laws that follow from it are checked in `tokkit.laws`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tokkit.errors import FormatError, LawError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import tiktoken


@dataclass(frozen=True)
class Segment:
    """A named id range `start <= id < stop` of a vocabulary with one origin.

    Names: `prefix`, `learned:LABEL`, `bridge`, `special`, `spare`.
    """

    name: str
    start: int
    stop: int

    def __len__(self) -> int:
        """Return how many ids it has."""
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Vocabulary:
    r"""A vocabulary: what `encode` needs, and where each id came from.

    Attributes:
        name: a short name for tables and file names.
        pattern: the split pattern, a regular expression in the dialect of `regex` and fancy-regex.
        tokens: mergeable tokens; the index is the rank and the id. An empty token marks an id that no token has
            (a hole, as 50256 among the ranks of p50k_base).
        special_tokens: special tokens and spares, name -> id. Text never produces them.
        segments: named id ranges, ascending, without overlap.
        provenance: one JSON object a step, oldest first: what was done, with which options, to which inputs
            (named by sha256). No time stamp and no path, so that a rebuild is byte-identical.

    Example:
        >>> vocabulary = Vocabulary("tiny", r"\\S+|\\s+", tuple(bytes([byte]) for byte in range(256)) + (b"hi",))
        >>> vocabulary.ranks[b"hi"], vocabulary.n_vocab
        (256, 257)
    """

    name: str
    pattern: str
    tokens: tuple[bytes, ...]
    special_tokens: Mapping[str, int] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    provenance: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Name the segments where the caller did not."""
        if not self.segments:
            object.__setattr__(self, "segments", default_segments(self.tokens, self.special_tokens))

    @cached_property
    def ranks(self) -> dict[bytes, int]:
        """Mergeable token bytes -> rank, which is the id; a duplicate keeps its lowest rank."""
        ranks: dict[bytes, int] = {}
        for rank, token in enumerate(self.tokens):
            if token:
                ranks.setdefault(token, rank)
        return ranks

    @cached_property
    def special_ids(self) -> dict[int, str]:
        """Special and spare ids -> name."""
        return {token_id: name for name, token_id in self.special_tokens.items()}

    @property
    def n_ranks(self) -> int:
        """How many mergeable tokens there are; holes are not counted."""
        return sum(1 for token in self.tokens if token)

    @property
    def n_vocab(self) -> int:
        """One more than the highest id: the rows that an embedding needs."""
        return max(len(self.tokens), 1 + max(self.special_tokens.values(), default=-1))

    @cached_property
    def sha256(self) -> str:
        """The sha256 of the vocabulary's rank file: the fingerprint that files name it by."""
        return hashlib.sha256(rank_lines(self.tokens)).hexdigest()

    def segment_of(self, token_id: int) -> str:
        """Return the name of the segment that an id lies in; `-` where there is none."""
        for segment in self.segments:
            if segment.start <= token_id < segment.stop:
                return segment.name
        return "-"

    def with_step(self, step: Mapping[str, Any], **changes: Any) -> Vocabulary:
        """Return a copy with `changes` applied and `step` appended to the provenance."""
        return replace(self, provenance=(*self.provenance, step), **changes)

    @staticmethod
    def load(path: str | Path, pattern: str | None = None) -> Vocabulary:
        """Read a rank file with its sidecar; see `tokkit.formats.tiktoken.load`."""
        from tokkit.formats.tiktoken import load  # noqa: PLC0415 - the room stays free of files

        return load(path, pattern)

    def encode(self, text: str, *, specials: bool = False) -> list[int]:
        """Return the ids of a text; see `tokkit.encode.encode`."""
        from tokkit.encode import encode  # noqa: PLC0415 - loads numba, which a mere vocabulary does not need

        return encode(self, text, specials=specials)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; see `tokkit.encode.decode`."""
        from tokkit.encode import decode  # noqa: PLC0415

        return decode(self, ids)

    def to_tiktoken(self) -> tiktoken.Encoding:
        """Return the same vocabulary as a `tiktoken.Encoding`."""
        import tiktoken  # noqa: PLC0415 - an interface, needed by nobody who only encodes with tokkit

        return tiktoken.Encoding(
            name=self.name,
            pat_str=self.pattern,
            mergeable_ranks=self.ranks,
            special_tokens=dict(self.special_tokens),
        )


def default_segments(tokens: Sequence[bytes], special_tokens: Mapping[str, int]) -> tuple[Segment, ...]:
    """Return the segments of a vocabulary whose origin is not known: its ranks, and each run of special ids about them."""
    runs = id_runs(token_id for token_id in special_tokens.values() if token_id >= len(tokens) or not tokens[token_id])
    first = runs[0][1] if runs and runs[0][0] == 0 and runs[0][1] < len(tokens) else 0  # some files have specials first
    segments = [Segment("special", 0, first)] if first else []
    segments += [Segment("prefix", first, len(tokens))] if tokens else []
    segments += [Segment("special", start, stop) for start, stop in runs if start >= len(tokens)]
    return tuple(segments)


SINGLE_BYTES = tuple(bytes([byte]) for byte in range(256))


def require_bytes(vocabulary: Vocabulary) -> None:
    """Refuse a vocabulary that lacks a single byte.

    Raises:
        LawError: names the first missing byte.
    """
    missing = [byte for byte in SINGLE_BYTES if byte not in vocabulary.ranks]
    if missing:
        raise LawError(
            f"{vocabulary.name}: no token for byte 0x{missing[0].hex()} ({len(missing)} of 256 bytes are missing)",
            "a vocabulary needs all 256 single bytes, or some text cannot be encoded",
        )


def id_runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Return the maximal runs `(start, stop)` of consecutive ids, ascending.

    Example:
        >>> id_runs([7, 3, 4, 9, 8])
        [(3, 5), (7, 10)]
    """
    runs: list[tuple[int, int]] = []
    for token_id in sorted(set(ids)):
        if runs and runs[-1][1] == token_id:
            runs[-1] = (runs[-1][0], token_id + 1)
        else:
            runs.append((token_id, token_id + 1))
    return runs


def rank_lines(tokens: Sequence[bytes]) -> bytes:
    """Return the bytes of a rank file: a line a token, base64 of its bytes, a space and its rank, without the holes."""
    return b"".join(
        base64.b64encode(token) + b" " + str(rank).encode() + b"\n" for rank, token in enumerate(tokens) if token
    )


def parse_rank_lines(data: bytes, source: str) -> tuple[bytes, ...]:
    """Return the tokens of a rank file's bytes, by rank; ids that no line names become holes.

    Raises:
        FormatError: a line that is not `base64 rank`, or a rank or token that comes twice; names the line.
    """
    by_rank: dict[int, bytes] = {}
    seen: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line:
            continue
        try:
            encoded, rank_text = line.split()
            token = base64.b64decode(encoded, validate=True)
            rank = int(rank_text)
        except ValueError:
            shown = line[:60].decode("utf-8", "backslashreplace")
            raise FormatError(
                f"{source}: line {number} is not `base64 rank`: {shown!r}",
                "a rank file has one token a line: base64 of its bytes, a space and its rank",
            ) from None
        if not token or rank < 0 or rank > 1 << 24:
            raise FormatError(f"{source}: line {number}: rank {rank} with a token of {len(token)} bytes")
        if rank in by_rank:
            raise FormatError(f"{source}: line {number}: rank {rank} comes twice")
        if token in seen:
            raise FormatError(f"{source}: line {number}: token {token!r} has rank {seen[token]} already")
        by_rank[rank] = token
        seen[token] = rank
    if not by_rank:
        raise FormatError(f"{source}: no tokens in it", "a rank file has one token a line: base64 and rank")
    return tuple(by_rank.get(rank, b"") for rank in range(max(by_rank) + 1))
