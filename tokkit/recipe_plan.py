"""What a recipe comes to, computed without learning anything: the sizes of every step, and the published ones beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokkit.pad import Padding, pad
from tokkit.recipe import texts
from tokkit.vocabulary import Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.recipe import BaseSection, LearnSection, PublishedSection, Recipe
    from tokkit.select import Selection
    from tokkit.vocabulary import Vocabulary


@dataclass(frozen=True)
class Plan:
    """What a build will do.

    Attributes:
        name: the recipe's.
        steps: step -> what it will do, in order.
        n_vocab: how many entries come out.
        notes: how the published sizes add up.
    """

    name: str
    steps: tuple[tuple[str, str], ...]
    n_vocab: int
    notes: tuple[str, ...]


def plan(recipe: Recipe, selection: Selection, merged: Vocabulary) -> Plan:
    """Return the plan of a recipe.

    Args:
        recipe: the recipe.
        selection: what its `[base]` selects.
        merged: the selection with the tokens of the `[[merge]]` sections.

    Raises:
        SizeError: an exact number of spares that does not divide.
        InputError: names of special tokens that cannot be.
    """
    steps = [("select", _select_line(recipe.base, selection))]
    total = len(merged.tokens)
    if recipe.merge:
        of = ", ".join(f"{section.label} from {_last(section.words or section.vocabulary)}" for section in recipe.merge)
        gained = total - selection.kept
        steps.append(("merge", f"{of}, with bridges: {selection.kept:,} + {gained:,} = {total:,}"))
    for section in recipe.learn:
        steps.append((f"learn {section.label}", _learn_line(section, total)))
        total += section.size
    padding = padded(recipe, _stand_in(recipe, merged))
    steps += [("pad", padding.arithmetic), _report_line(recipe)]
    return Plan(recipe.name, tuple(steps), padding.vocabulary.n_vocab, notes(recipe))


def padded(recipe: Recipe, vocabulary: Vocabulary) -> Padding:
    """Return a vocabulary as the `[pad]` of a recipe pads it."""
    section = recipe.pad
    return pad(
        vocabulary,
        multiple=section.multiple,
        specials=texts(section.special),
        spares=section.spares,
        exact=section.exact,
        spare_name=section.spare_name,
        tensor_parallel=section.tensor_parallel,
    )


def notes(recipe: Recipe) -> tuple[str, ...]:
    """Return how the published sizes of a recipe add up, as sentences; none where nothing is published.

    Example:
        >>> from tokkit.recipe import BaseSection, PublishedSection, Recipe
        >>> published = PublishedSection(source="the paper", tokens=(60, 30), spares=5, multiple=8, released=88)
        >>> for note in notes(Recipe(name="x", base=BaseSection(name="b", size=256), published=published)):
        ...     print(note)
        the paper: 60 + 30 + 5 spares = 95, and 8 does not divide that: it is 7 over 88 = 11 x 8
        the sizes that 8 divides from 60 + 30 = 90 on: 96 (6 spares), 104 (14 spares)
        released were 88 entries = 11 x 8, which is 7 below the published sum
    """
    published = recipe.published
    if published is None:
        return ()
    regular, unit = sum(published.tokens), published.multiple
    total = regular + published.spares
    summands = " + ".join(f"{number:,}" for number in published.tokens)
    over = total % unit
    if over:
        finding = f"{unit:,} does not divide that: it is {over:,} over {total - over:,} = {total // unit:,} x {unit:,}"
        sizes = _sizes_from(regular, unit)
        also = [f"the sizes that {unit:,} divides from {summands} = {regular:,} on: {sizes}"]
    else:
        finding, also = f"{unit:,} divides that: {total // unit:,} x {unit:,}", []
    first = f"{published.source}: {summands} + {published.spares:,} spares = {total:,}, and {finding}"
    return (first, *also, *_released_note(published, total))


def _sizes_from(regular: int, unit: int) -> str:
    first = -(-regular // unit) * unit
    return ", ".join(f"{size:,} ({size - regular:,} spares)" for size in (first, first + unit))


def _released_note(published: PublishedSection, total: int) -> Sequence[str]:
    released, unit = published.released, published.multiple
    if released is None:
        return ()
    over = released % unit
    if over:
        # The largest divisor of the multiple that still divides what came out.
        factor = next(
            unit // part for part in range(1, unit + 1) if unit % part == 0 and released % (unit // part) == 0
        )
        shape = f"{released // factor:,} x {factor:,}, which is {over:,} mod {unit:,}"
    else:
        shape = f"{released // unit:,} x {unit:,}"
    gap = released - total
    place = f"{abs(gap):,} {'above' if gap > 0 else 'below'} the published sum" if gap else "the published sum"
    return (f"released were {released:,} entries = {shape}{' and' if over else ', which is'} {place}",)


def _select_line(section: BaseSection, selection: Selection) -> str:
    options = [f"only {section.only}"] if section.only else []
    options += [f"without {script}" for script in section.drop_scripts]
    options += ["without partial UTF-8"] if section.drop_partial_utf8 else []
    options += [f"without {_last(name)}" for name in texts(section.veto)]
    filtered = f" ({', '.join(options)})" if options else ""
    if section.by == "usage":
        uses = ", ".join(_last(name) for name in texts(section.on))
        filtered = f"{filtered} by usage in {uses}"
    return f"{selection.kept:,} tokens of {section.name}{filtered}, the last of rank {selection.last_rank:,}"


def _learn_line(section: LearnSection, total: int) -> str:
    sources = (section.lexicon, section.words, section.counts, section.corpus)
    names = ", ".join(_last(name) for each in sources for name in texts(each))
    of = f" of script {section.script}" if section.script else ""
    return f"{section.size:,} tokens{of} from {names}: {total:,} + {section.size:,} = {total + section.size:,}"


def _report_line(recipe: Recipe) -> tuple[str, str]:
    on = ", ".join(_last(name) for name in texts(recipe.report.on)) or "the bundled sample"
    return "report", f"on {on}, against {', '.join(texts(recipe.report.baseline))}"


def _last(path: str | None) -> str:
    return (path or "").rpartition("/")[2]


def _stand_in(recipe: Recipe, merged: Vocabulary) -> Vocabulary:
    """Return the vocabulary that will come out, with stand-ins that are no UTF-8 for the tokens that are not learned yet."""
    tokens = list(merged.tokens)
    segments = list(merged.segments)
    for section in recipe.learn:
        start = len(tokens)
        tokens += [b"\xff\xff" + str(number).encode() for number in range(start, start + section.size)]
        segments.append(Segment(f"learned:{section.label}", start, len(tokens)))
    return merged.with_step({}, tokens=tuple(tokens), segments=tuple(segments))
