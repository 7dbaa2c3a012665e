"""Print a plan: the best split beside the seed's, the frontier, the margins, the ladder; and write it as a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokkit.render import data, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.plan import Margin, Plan, Split


def show(plan: Plan) -> None:
    """Write the plan to stdout for eyes."""
    data.text("".join(f"{line}\n" for line in _head(plan)) + "\n")
    _show_splits(plan, [("best", plan.best), *([("seed", plan.seed)] if plan.seed else [])])
    data.text("\nwhat the last 1,000 slots save, in tokens a slot and GB of the mixture\n")
    margins = [("best", plan.best_margin), *([("seed", plan.seed_margin)] if plan.seed_margin else [])]
    table.show(("split", "base", "learned"), [[name, *_margin(margin)] for name, margin in margins])
    if plan.wrong:
        data.text("\nthe cost of being wrong\n")
        rows = [
            [f"{each.prefix - plan.best.prefix:+,} for the base", _ratio(each), _against(each, plan.best)]
            for each in plan.wrong
        ]
        table.show(("slots", "bytes/token", "tokens"), rows)
    data.text("\nthe frontier of this size (* learned; the others are drawn between those)\n")
    rows = [[*_sizes(each), _ratio(each), _against(each, plan.best)] for each in plan.frontier]
    table.show(("base", "learned", "bytes/token", "tokens"), rows, left=0)
    if plan.ladder:
        data.text("\nthe best split of other sizes, drawn between the same\n")
        rows = [[f"{size:,}", *_sizes(each), _ratio(each)] for size, each in plan.ladder.items()]
        table.show(("size", "base", "learned", "bytes/token"), rows, left=0)


def show_json(plan: Plan) -> None:
    """Write the plan to stdout as one JSON document, ratios unrounded."""
    data.document(
        {
            "base": plan.base,
            "asked": plan.asked,
            "n_vocab": plan.n_vocab,
            "multiple": plan.multiple,
            "spares": plan.spares,
            "script": plan.script,
            "min_count": plan.min_count,
            "same_text": plan.same_text,
            "best": _document(plan.best),
            "seed": None if plan.seed is None else _document(plan.seed),
            "best_margin": vars(plan.best_margin),
            "seed_margin": None if plan.seed_margin is None else vars(plan.seed_margin),
            "wrong": [_document(each) for each in plan.wrong],
            "frontier": [_document(each) for each in plan.frontier],
            "ladder": [{"size": size, **_document(each)} for size, each in plan.ladder.items()],
        }
    )


def _head(plan: Plan) -> list[str]:
    lines = []
    if plan.n_vocab != plan.asked:
        over = plan.asked - plan.n_vocab
        lines.append(f"{plan.asked:,} is {over:,} over {plan.n_vocab // plan.multiple:,} x {plan.multiple:,}")
    best = plan.best
    lines.append(
        f"{best.prefix:,} of {plan.base} + {best.learned:,} learned + {plan.spares:,} spares = {plan.n_vocab:,}"
    )
    if plan.same_text:
        lines.append("learned from the text that it is measured on, which flatters learning: give --learn-from")
    return lines


def _show_splits(plan: Plan, splits: Sequence[tuple[str, Split]]) -> None:
    languages = list(plan.best.by_language)
    rows = [
        [name, *(f"{number:,}" for number in (each.prefix, each.learned)), _ratio(each)]
        + [f"{each.by_language[language]:.3f}" for language in languages]
        + [_against(each, plan.best)]
        for name, each in splits
    ]
    table.show(("split", "base", "learned", "bytes/token", *languages, "tokens"), rows)


def _sizes(split: Split) -> list[str]:
    return [f"{split.prefix:,}{'*' if split.exact else ' '}", f"{split.learned:,}"]


def _ratio(split: Split) -> str:
    return f"{split.bytes_per_token:.4f}"


def _against(split: Split, best: Split) -> str:
    return f"{100 * (best.bytes_per_token / split.bytes_per_token - 1):+.2f} %"


def _margin(margin: Margin) -> list[str]:
    return [f"{margin.base:,.0f}", f"{margin.learned:,.0f}"]


def _document(split: Split) -> dict[str, Any]:
    return {**vars(split), "by_language": dict(split.by_language)}
