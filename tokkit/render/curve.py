"""Print curves: bytes per token at round cuts for eyes, and every cut at which the tokens change for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokkit.render import data, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.curves import Curve

ROUND = (256, 512, 1000, 2000, 5000)
STEP = 10_000
STEPS_IN_ALL = 16


def show(curves: Sequence[Curve]) -> None:
    """Write a table for each vocabulary to stdout: a row for each round cut, a column for each language and for everything.

    Where all slices have one language, the columns are its domains.
    """
    for number, curve in enumerate(curves):
        data.text("\n" * (number > 0) + f"{curve.vocabulary}: bytes per token with the ids below each cut\n")
        groups = _groups(curve)
        n_bytes = [int(curve.n_bytes[members].sum()) for members in groups.values()]
        tokens = [curve.summed(members) for members in groups.values()]
        rows = []
        for cut in round_cuts(curve.n_cuts):
            ratios = [
                f"{size / of_group[cut]:.3f}" if of_group[cut] else "-"
                for size, of_group in zip(n_bytes, tokens, strict=True)
            ]
            rows.append([f"{cut:,}", *ratios])
        table.show(("cut", *groups), rows, left=0)


def show_json(curves: Sequence[Curve]) -> None:
    """Write one JSON document to stdout: for each vocabulary the cuts at which tokens change, and each slice's tokens there."""
    data.document({"curves": [document(curve) for curve in curves]})


def document(curve: Curve) -> dict[str, Any]:
    """Return a curve as a JSON object; ratios are left to the reader, who has the bytes and the tokens."""
    return {
        "vocabulary": curve.vocabulary,
        "cuts": curve.changes.tolist(),
        "sizes": curve.sizes[curve.changes].tolist(),
        "slices": [
            {
                "language": part.language,
                "domain": part.domain,
                "bytes": int(n_bytes),
                "tokens": tokens[curve.changes].tolist(),
            }
            for part, n_bytes, tokens in zip(curve.slices, curve.n_bytes, curve.tokens, strict=True)
        ],
    }


def show_csv(curves: Sequence[Curve]) -> None:
    """Write CSV to stdout: a row for each cut at which tokens change, a column with the tokens of each slice.

    The first row of a vocabulary is the cut of the bytes alone, where the tokens are the bytes.
    """
    names = [f"{part.language}-{part.domain}" for part in curves[0].slices]
    rows: list[list[Any]] = []
    for curve in curves:
        tokens = curve.tokens[:, curve.changes].T.tolist()
        cuts = curve.changes.tolist()
        sizes = curve.sizes[curve.changes].tolist()
        rows += [[curve.vocabulary, cut, size, *row] for cut, size, row in zip(cuts, sizes, tokens, strict=True)]
    data.comma_separated(("vocabulary", "cut", "size", *names), rows)


def round_cuts(n_cuts: int) -> list[int]:
    """Return the cuts that a table shows: some small ones, then every so many thousand, and the whole vocabulary.

    Example:
        >>> round_cuts(32_500)
        [256, 512, 1000, 2000, 5000, 10000, 20000, 30000, 32500]
    """
    step = STEP * max(1, -(-n_cuts // (STEP * STEPS_IN_ALL)))
    cuts = [cut for cut in (*ROUND, *range(STEP, n_cuts, step)) if cut < n_cuts]
    return [*cuts, n_cuts]


def _groups(curve: Curve) -> dict[str, list[int]]:
    """Return the columns: name -> the slices in it."""
    languages = list(dict.fromkeys(part.language for part in curve.slices))
    groups: dict[str, list[int]] = {}
    for number, part in enumerate(curve.slices):
        groups.setdefault(part.language if len(languages) > 1 else part.domain, []).append(number)
    if len(groups) > 1:
        groups["(all)"] = list(range(len(curve.slices)))
    return groups
