"""Take the first ranks of a base, after a filter where one is asked for, and keep them closed under merging."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tokkit import TOOL
from tokkit.errors import InputError, SizeError
from tokkit.merge_path import merged, single_bytes_of
from tokkit.unicode import has_script, script_name, text_of
from tokkit.vocabulary import SINGLE_BYTES, Segment, Vocabulary, require_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokkit.veto import Veto


@dataclass(frozen=True)
class Selection:
    """What `select` made.

    Attributes:
        vocabulary: the selected tokens, renumbered densely in the base's rank order, without special tokens.
        kept: how many they are.
        dropped: reason -> how many tokens among the ranks looked at; a token counts under its first reason, in the
            order `veto`, `script:NAME`, `script:NAME partial UTF-8`, `partial UTF-8`, `non-ASCII`, `closure`; `hole` counts
            ids without a token.
        spared_bytes: single bytes that a filter or the cut names and that stay all the same.
        last_rank: the highest rank of the base that was kept.
    """

    vocabulary: Vocabulary
    kept: int
    dropped: Mapping[str, int]
    spared_bytes: int
    last_rank: int


@dataclass(frozen=True)
class Filter:
    """Which tokens of a base are unwanted, whatever their rank.

    Attributes:
        only: `ascii` where tokens of other bytes are; None where they are not.
        scripts: names of scripts; tokens with a complete character of these are.
        partial_utf8: tokens whose bytes are not valid UTF-8 are.
        veto: tokens that it forbids are.
    """

    only: str | None = None
    scripts: tuple[str, ...] = ()
    partial_utf8: bool = False
    veto: Veto | None = None

    @classmethod
    def of(
        cls,
        *,
        only: str | None = None,
        drop_scripts: Sequence[str] = (),
        drop_partial_utf8: bool = False,
        veto: Veto | None = None,
    ) -> Filter:
        """Return the filter of `select`'s options.

        Raises:
            InputError: an unknown filter or script.
        """
        if only not in (None, "ascii"):
            raise InputError(f"unknown filter: {only}", "the known filter is `ascii`")
        scripts = tuple(dict.fromkeys(script_name(script) for script in drop_scripts))
        return cls(only, scripts, drop_partial_utf8, veto)

    @property
    def options(self) -> dict[str, Any]:
        """The options given, for the provenance."""
        veto = self.veto.lines() if self.veto else []
        options = {
            "only": self.only,
            "drop_scripts": list(self.scripts),
            "drop_partial_utf8": self.partial_utf8,
            "veto": veto,
        }
        return {option: value for option, value in options.items() if value}

    def reason(self, token: bytes) -> str | None:
        """Return why a token is unwanted; None where it is not."""
        if self.veto and self.veto.forbids(token):
            return "veto"
        if token.isascii():
            return None
        for script in self.scripts:
            if has_script(token, script):
                return f"script:{script}" if text_of(token) is not None else f"script:{script} partial UTF-8"
        if self.partial_utf8 and text_of(token) is None:
            return "partial UTF-8"
        return "non-ASCII" if self.only else None

    def ordered(self, dropped: Mapping[str, int]) -> dict[str, int]:
        """Return reasons with their numbers in the order in which they are told."""
        order = ["veto", *(f"script:{script}{end}" for script in self.scripts for end in ("", " partial UTF-8"))]
        order += ["partial UTF-8", "non-ASCII", "closure", "usage", "hole"]
        return {reason: dropped[reason] for reason in order if dropped.get(reason)}


def select(
    base: Vocabulary,
    size: int,
    *,
    only: str | None = None,
    drop_scripts: Sequence[str] = (),
    drop_partial_utf8: bool = False,
    veto: Veto | None = None,
    fill: bool = False,
    name: str | None = None,
) -> Selection:
    """Select the first ranks of a base.

    The 256 single bytes always stay. A token stays only if, under the tokens kept so far, merging its bytes leaves
    exactly two lower-ranked tokens; so a token whose parts were dropped goes too, and what stays encodes to itself
    without the whole-pretoken shortcut.

    Args:
        base: the vocabulary to start from; its special tokens are left behind.
        size: how many ranks of the base to look at (with a filter, fewer tokens stay); with `fill`, how many tokens to keep.
        only: `ascii` keeps tokens of ASCII bytes alone.
        drop_scripts: drop tokens with a complete character of these scripts, partial bytes around it or not.
        drop_partial_utf8: drop tokens whose bytes are not valid UTF-8.
        veto: drop tokens that it forbids.
        fill: go on to higher ranks until `size` tokens are kept.
        name: the new vocabulary's name; the base's name and the number of tokens when omitted.

    Raises:
        InputError: an unknown filter or script.
        SizeError: fewer than the 256 bytes are asked for, or more than the base has.
        LawError: the base lacks a single byte.

    Example:
        >>> alphabet = tuple(bytes([byte]) for byte in range(256))
        >>> base = Vocabulary("tiny", "", (*alphabet, b"ab", "é".encode(), "aé".encode(), b"abc"))
        >>> selection = select(base, 260, only="ascii")
        >>> selection.kept, dict(selection.dropped), selection.vocabulary.tokens[256:]
        (258, {'non-ASCII': 2}, (b'ab', b'abc'))
    """
    unwanted = Filter.of(only=only, drop_scripts=drop_scripts, drop_partial_utf8=drop_partial_utf8, veto=veto)
    require_bytes(base)
    _check_size(base, size, fill=fill)
    kept, dropped, spared_bytes = _walk(base, size, unwanted, fill=fill)
    if fill and len(kept) < size:
        raise too_few(base, size, len(kept))
    step = {
        "step": "select",
        "tool": TOOL,
        "base": {"name": base.name, "sha256": base.sha256},
        "size": size,
        **unwanted.options,
        **({"fill": True} if fill else {}),
        "kept": len(kept),
        "last_rank": kept[-1],
    }
    vocabulary = replace(
        base,
        name=name or f"{base.name}-{len(kept)}",
        tokens=tuple(base.tokens[rank] for rank in kept),
        special_tokens={},
        segments=(Segment("prefix", 0, len(kept)),),
        provenance=(*base.provenance, step),
    )
    return Selection(vocabulary, len(kept), unwanted.ordered(dropped), spared_bytes, kept[-1])


def too_few(base: Vocabulary, size: int, passed: int) -> SizeError:
    """Return the error of a size that a filter leaves too few tokens for."""
    return SizeError(
        f"{base.name}: {size:,} tokens were asked for, and {passed:,} pass the filter",
        f"ask for {passed:,} or fewer, or drop less",
    )


def without(base: Vocabulary, unwanted: Filter) -> tuple[Vocabulary, dict[str, int]]:
    """Return a base with holes where tokens are unwanted, or not made of two kept ones, and how many went for which reason.

    Example:
        >>> from tokkit.veto import Veto
        >>> tokens = (*(bytes([byte]) for byte in range(256)), b"ab", b"abc", b"abcd")
        >>> base, dropped = without(Vocabulary("tiny", "", tokens), Filter(veto=Veto(frozenset({"abc"}))))
        >>> base.tokens[256:], dropped
        ((b'ab', b'', b''), {'veto': 1, 'closure': 1})
    """
    kept, dropped, _ = _walk(base, len(base.tokens), unwanted, fill=False)
    stay = set(kept)
    tokens = tuple(token if rank in stay else b"" for rank, token in enumerate(base.tokens))
    return replace(base, tokens=tokens), unwanted.ordered(dropped)


def _check_size(base: Vocabulary, size: int, *, fill: bool) -> None:
    if size < len(SINGLE_BYTES):
        raise SizeError(f"size {size:,} has no room for the 256 single bytes", "ask for 256 or more")
    available = base.n_ranks if fill else len(base.tokens)
    if size > available:
        raise SizeError(
            f"{base.name}: {size:,} were asked for, and it has {available:,} ranks", f"ask for {available:,} or fewer"
        )


def _walk(base: Vocabulary, size: int, unwanted: Filter, *, fill: bool) -> tuple[list[int], Counter[str], int]:
    """Return the base ranks kept (ascending), how many tokens went for which reason, and how many bytes were spared."""
    ranks = {byte: base.ranks[byte] for byte in SINGLE_BYTES}
    bytes_ahead = set(ranks.values())
    kept: list[int] = []
    dropped: Counter[str] = Counter()
    spared_bytes = 0
    for rank, token in enumerate(base.tokens):
        looked_at_all = len(kept) + len(bytes_ahead) >= size if fill else rank >= size
        if looked_at_all:
            break
        if rank in bytes_ahead:
            bytes_ahead.remove(rank)
            kept.append(rank)
            spared_bytes += unwanted.reason(token) is not None
            continue
        reason = unwanted.reason(token) if token else "hole"
        if reason is None and _is_closed(token, rank, ranks):
            ranks[token] = rank
            kept.append(rank)
        else:
            dropped[reason or "closure"] += 1
    return kept + sorted(bytes_ahead), dropped, spared_bytes + len(bytes_ahead)


def _is_closed(token: bytes, rank: int, ranks: Mapping[bytes, int]) -> bool:
    """Tell whether merging a token's bytes leaves two kept tokens below its rank."""
    parts = merged(single_bytes_of(token), ranks)
    return len(parts) == 2 and all(ranks[part] < rank for part in parts)
