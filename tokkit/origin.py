"""Find the base of a vocabulary again, from its provenance: what its ranks are to be compared with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokkit.bases import BASES, load_base
from tokkit.errors import FormatError, MismatchError
from tokkit.select import select
from tokkit.usage import first_foreign
from tokkit.veto import parse_veto

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokkit.vocabulary import Vocabulary


def base_of(vocabulary: Vocabulary, source: Vocabulary | None = None) -> Vocabulary | None:
    """Return the vocabulary whose ranks should come first in `vocabulary`, with the selections of the provenance made anew.

    A selection by usage needs the counts to be made anew; it is checked instead to be tokens of its base in the order of ranks,
    or, where it was reordered, in any that leaves the protected ones where they were.

    Args:
        vocabulary: the vocabulary whose provenance is read.
        source: what the selection started from, or the selection itself; the known base that the provenance names when
            omitted.

    Returns:
        None where the provenance names no known base and no `source` is given.

    Raises:
        BaseNotFoundError: the base is known, but no place has it.
        FormatError: a step of the provenance lacks what it needs.
        MismatchError: a selection by usage that is not tokens of its base in such an order.
        TokkitError: as `tokkit.select.select`.

    Example:
        >>> base = load_base("cl100k_base")
        >>> base_of(select(base, 1000).vocabulary).n_ranks, base_of(base).n_ranks
        (1000, 100256)
    """
    found = source or _known_base(vocabulary.provenance)
    if found is None:
        return None
    for step in vocabulary.provenance:
        if step.get("step") == "select" and _field(step, "base").get("sha256") == found.sha256:
            size = _field(step, "size")
            if step.get("by") == "usage":
                protected = _field({"protect_prefix": 0, **step}, "protect_prefix") if step.get("reorder") else None
                found = _selected_by_usage(vocabulary, found, size, protected)
                continue
            found = select(
                found,
                size,
                only=step.get("only"),
                drop_scripts=step.get("drop_scripts", ()),
                drop_partial_utf8=step.get("drop_partial_utf8", False),
                veto=parse_veto(
                    "\n".join(map(str, _field({"veto": [], **step}, "veto"))).encode(), "the provenance's veto"
                ),
                fill=step.get("fill", False),
            ).vocabulary
    return found


def _selected_by_usage(vocabulary: Vocabulary, base: Vocabulary, size: int, protected: int | None) -> Vocabulary:
    """Return the first tokens of a vocabulary as what was selected from a base, once that is checked."""
    at = first_foreign(vocabulary, base, size, protected)
    if at is not None:
        culprit = repr(vocabulary.tokens[at]) if at < size else f"nothing, where {size:,} tokens were selected"
        where = "in the order of its ranks" if protected is None else "that a reordering moves there"
        raise MismatchError(
            f"{vocabulary.name}: id {at} is no token of {base.name} {where}: {culprit}",
            "the rank file was edited after the selection: select again, or name its --base",
        )
    return replace(base, tokens=vocabulary.tokens[:size], special_tokens={}, segments=())


def _known_base(provenance: tuple[Mapping[str, Any], ...]) -> Vocabulary | None:
    for step in provenance:
        name = step.get("name")
        if step.get("step") == "base" and name in BASES and BASES[name].sha256 == step.get("sha256"):
            return load_base(name)
    return None


def _field(step: Mapping[str, Any], name: str) -> Any:
    kind = {"base": dict, "size": int, "protect_prefix": int, "veto": list}[name]
    if not isinstance(step.get(name), kind):
        raise FormatError(
            f"the provenance has a select step whose {name} is {step.get(name)!r}",
            "the sidecar was edited: build the vocabulary again, or name its --base",
        )
    return step[name]
