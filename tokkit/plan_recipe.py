"""Write a plan as a recipe that `tokkit build` takes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tokkit.recipe import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokkit.plan import Plan


def recipe_of(
    plan: Plan, name: str, base: str, counts: Sequence[str], weights: Mapping[str, float] | None = None
) -> bytes:
    """Return the recipe of a plan's best split.

    Args:
        plan: the plan.
        name: the recipe's name.
        base: the base as a recipe names it: a known one, or the path of a rank file.
        counts: the counts tables to learn from, as seen from the recipe's folder.
        weights: the mixture that it was planned for, by slice name; only a base by usage needs it.

    Raises:
        FormatError: a name that no recipe may have.

    Example:
        >>> from tokkit.plan import Margin, Plan, Split
        >>> best, margin = Split(1000, 20, 3.5, {}, True), Margin(1, 1)
        >>> sizes = ("b", "rank", 1024, 1024, 256, 4, "Han", 2)
        >>> made = Plan(*sizes, best, None, (900, 1100), None, margin, None, (), (), {}, (900, 1000, 1100), 0, True)
        >>> print(recipe_of(made, "x", "b", ["zh.parquet"]).decode().splitlines()[0])
        # 1,000 of b + 20 learned + 4 spares = 1,024: 3.5000 bytes per token on the text it was planned on.
    """
    best = plan.best
    of = f"{plan.base} by usage" if plan.by == "usage" else plan.base
    sizes = f"{best.prefix:,} of {of} + {best.learned:,} learned + {plan.spares:,} spares = {plan.n_vocab:,}"
    lines = [f"# {sizes}: {best.bytes_per_token:.4f} bytes per token on the text it was planned on."]
    if plan.seed is not None:
        lines.append(f"# With the first {plan.seed.prefix:,} of the base it would be {plan.seed.bytes_per_token:.4f}.")
    lines += ["", f"name = {_quoted(name)}", "", "[base]", f"name = {_quoted(base)}", f"size = {best.prefix:_}"]
    tables = ", ".join(_quoted(path) for path in counts)
    if plan.by == "usage":
        lines += ['by = "usage"', f"on = [{tables}]"]
        shares = ", ".join(
            f"{_quoted(slice_name)} = {share!r}" for slice_name, share in sorted((weights or {}).items())
        )
        lines += [f"weights = {{ {shares} }}"] if shares else []
    if best.learned:
        label = "-".join(re.findall("[a-z0-9]+", (plan.script or "any").lower()))
        lines += ["", "[[learn]]", f"label = {_quoted(label)}", f"size = {best.learned:_}", f"counts = [{tables}]"]
        lines += [f"min_count = {plan.min_count}"]
        lines += [f"script = {_quoted(plan.script)}"] if plan.script else []
    lines += ["", "[pad]", f"multiple = {plan.multiple:_}", f"spares = {plan.spares:_}", "exact = true", ""]
    data = "\n".join(lines).encode()
    parse(data, "the recipe")
    return data


def _quoted(text: str) -> str:
    """Return a TOML string: its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
