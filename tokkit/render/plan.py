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
    sure = plan.folds > 0
    _show_splits(plan, [("best", plan.best), *([("seed", plan.seed)] if plan.seed else [])])
    data.text("\nwhat the last 1,000 slots save, in tokens a slot and GB of the mixture\n")
    margins = [("best", plan.best_margin), *([("seed", plan.seed_margin)] if plan.seed_margin else [])]
    columns = ("base", "95 in 100", "learned", "95 in 100") if sure else ("base", "learned")
    table.show(("split", *columns), [[name, *_margin(margin, sure=sure)] for name, margin in margins])
    if plan.wrong:
        data.text("\nthe cost of being wrong\n")
        rows = [
            [f"{each.prefix - plan.best.prefix:+,} for the base", _ratio(each), *_changes(each, sure=sure)]
            for each in plan.wrong
        ]
        table.show(("slots", "bytes/token", *_change_columns(sure=sure)), rows)
    data.text("\nthe frontier of this size\n")
    rows = [[*_sizes(each), _ratio(each), *_changes(each, sure=sure)] for each in plan.frontier]
    table.show(("base", "learned", "bytes/token", *_change_columns(sure=sure)), rows, left=0)
    if plan.ladder:
        data.text("\nthe best split of other sizes\n")
        rows = [
            [f"{size:,}", *_sizes(each), _ratio(each), *([_span(each.interval, ".4f")] if sure else [])]
            for size, each in plan.ladder.items()
        ]
        table.show(("size", "base", "learned", "bytes/token", *(["95 in 100"] if sure else [])), rows, left=0)


def show_json(plan: Plan) -> None:
    """Write the plan to stdout as one JSON document, ratios unrounded."""
    data.document(
        {
            "base": plan.base,
            "by": plan.by,
            "asked": plan.asked,
            "n_vocab": plan.n_vocab,
            "multiple": plan.multiple,
            "spares": plan.spares,
            "script": plan.script,
            "min_count": plan.min_count,
            "same_text": plan.same_text,
            "folds": plan.folds,
            "learned_on": plan.learned_on,
            "best": _document(plan.best),
            "best_interval": plan.best_interval,
            "bracket": plan.bracket,
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
    of = f"{plan.base} by usage" if plan.by == "usage" else plan.base
    lines.append(f"{best.prefix:,} of {of} + {best.learned:,} learned + {plan.spares:,} spares = {plan.n_vocab:,}")
    low, high = plan.bracket
    lines.append(f"learned on {len(plan.learned_on)} sizes of the base, next to the best {low:,} and {high:,}")
    if plan.best_interval:
        low, high = plan.best_interval
        lines.append(f"in 95 of 100 draws of {plan.folds} folds of the documents it is between {low:,} and {high:,}")
    else:
        lines.append("no intervals: the counts have no folds (tokkit count --folds 20)")
    if plan.same_text:
        lines.append("learned from the text that it is measured on, which flatters learning: give --learn-from")
    return lines


def _show_splits(plan: Plan, splits: Sequence[tuple[str, Split]]) -> None:
    languages = list(plan.best.by_language)
    sure = plan.folds > 0
    rows = [
        [name, *(f"{number:,}" for number in (each.prefix, each.learned)), _ratio(each)]
        + ([_span(each.interval, ".4f")] if sure else [])
        + [f"{each.by_language[language]:.3f}" for language in languages]
        + [*_changes(each, sure=sure)]
        for name, each in splits
    ]
    spans = ["95 in 100"] if sure else []
    table.show(("split", "base", "learned", "bytes/token", *spans, *languages, *_change_columns(sure=sure)), rows)


def _change_columns(*, sure: bool) -> list[str]:
    return ["tokens", "95 in 100"] if sure else ["tokens"]


def _changes(split: Split, *, sure: bool) -> list[str]:
    interval = split.change_interval
    span = [_span(interval and (100 * interval[0], 100 * interval[1]), "+.2f")] if sure else []
    return [f"{100 * split.change:+.2f} %", *span]


def _span(interval: tuple[float, float] | None, form: str) -> str:
    return "-" if interval is None else f"{interval[0]:{form}} .. {interval[1]:{form}}"


def _sizes(split: Split) -> list[str]:
    return [f"{split.prefix:,}", f"{split.learned:,}"]


def _ratio(split: Split) -> str:
    return f"{split.bytes_per_token:.4f}"


def _margin(margin: Margin, *, sure: bool) -> list[str]:
    sides = [(margin.base, margin.base_interval), (margin.learned, margin.learned_interval)]
    return [cell for side, span in sides for cell in (f"{side:,.0f}", *([_span(span, ",.0f")] if sure else []))]


def _document(split: Split) -> dict[str, Any]:
    by_language = {"by_language": dict(split.by_language)}
    intervals = {"language_intervals": dict(split.language_intervals)} if split.language_intervals else {}
    return {**vars(split), **by_language, **intervals}
