"""The parts of the report page that other rooms compute: curves, the frontier of a plan, what an audit found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokkit.audit import audit
from tokkit.curves import curve
from tokkit.display import show
from tokkit.errors import FormatError, InputError
from tokkit.page import Curve, Split, Suspect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokkit.counts_table import CountsTable
    from tokkit.foreign import ForeignVocabulary
    from tokkit.vocabulary import Vocabulary

N_POINTS = 96
FIRST_CUT = 4_000  # below, every curve is the same steep line
MOST_CURVES = 12


def curves_of(base: Vocabulary, table: CountsTable) -> tuple[Curve, ...]:
    """Return the curves of a base: of each language, those with most text first chosen, and of everything.

    Raises:
        MismatchError: the table was cut by another pattern than the base's.
    """
    found = curve(base, table)
    members: dict[str, list[int]] = {}
    for number, part in enumerate(found.slices):
        members.setdefault(part.language or "(none)", []).append(number)
    sizes = {name: int(found.n_bytes[numbers].sum()) for name, numbers in members.items()}
    most = sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_CURVES]
    first = min(FIRST_CUT, found.n_cuts)
    step = max(1, (found.n_cuts - first) // N_POINTS)
    cuts = [*range(first, found.n_cuts, step), found.n_cuts]
    drawn = []
    for name in sorted(most):
        tokens = found.summed(members[name])
        drawn.append(Curve(name, tuple((cut, sizes[name] / int(tokens[cut])) for cut in cuts if tokens[cut])))
    return tuple(drawn)


def suspects_of(vocabulary: Vocabulary | ForeignVocabulary, table: CountsTable) -> tuple[Suspect, ...] | None:
    """Return what an audit of a vocabulary on some text finds; None where it cannot judge by that text, as where it is weighted.

    Raises:
        MismatchError: the table was cut by another pattern than the vocabulary's.
    """
    try:
        found = audit(vocabulary, table).findings
    except InputError:
        return None
    return tuple(
        Suspect(
            each.use.id,
            each.use.token,
            each.kind,
            each.why + (f"; in {_pretokens(each.evidence)}" if each.evidence else ""),
        )
        for each in found
    )


def _pretokens(evidence: Sequence[tuple[bytes, int]]) -> str:
    return ", ".join(f"{show(pretoken)} ({count:,})" for pretoken, count in evidence[:3])


def _interval(ends: Sequence[float] | None) -> tuple[float, float] | None:
    if ends is None:
        return None
    low, high = ends
    return float(low), float(high)


def splits_of(document: Mapping[str, Any], source: str) -> tuple[Split, ...]:
    """Return the frontier of a plan, as `tokkit plan --json` prints it, its best and the seed's split named.

    Raises:
        FormatError: it is no such document.
    """
    try:
        named = {(each["prefix"], each["learned"]): name for name in ("seed", "best") if (each := document[name])}
        rows = {(each["prefix"], each["learned"]): each for each in document["frontier"]}
        rows |= {(each["prefix"], each["learned"]): each for name in ("seed", "best") if (each := document[name])}
        return tuple(
            Split(
                int(prefix),
                int(learned),
                float(row["bytes_per_token"]),
                _interval(row.get("interval")),
                float(row["change"]),
                _interval(row.get("change_interval")),
                named.get((prefix, learned), ""),
            )
            for (prefix, learned), row in sorted(rows.items())
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{source}: not a plan: {error}", "write one with `tokkit plan ... --json`") from None
