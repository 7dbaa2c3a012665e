"""Recipes: the whole chain in one TOML file, checked strictly before anything runs.

The sections stand in the order of the chain: `[base]` is cut, each `[[merge]]` appends to it, each `[[learn]]` continues it,
`[pad]` brings it to its size, `[report]` says on which text it is measured. `[published]` holds the sizes that somebody
published for it; they are compared with what comes out, and never used.
"""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import msgspec

from tokkit.errors import FormatError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0)]
Label = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z")]
Texts = str | tuple[str, ...]
"""One text or a list of them."""
Weights = dict[str, Share] | str
"""Shares of slices by their names, or the path of a file with them; none where there are no names."""


class Section(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A table of a recipe."""


class BaseSection(Section, frozen=True, kw_only=True):
    """`[base]`: as `tokkit select`; `name` is a base or the path of a rank file, `pattern` for one without a sidecar.

    With `by = "usage"`, `on` names the counts tables of the uses, and `weights` gives slices their shares of the bytes.
    """

    name: str
    size: Annotated[int, msgspec.Meta(ge=256)]
    pattern: str | None = None
    only: Literal["ascii"] | None = None
    drop_scripts: tuple[str, ...] = ()
    drop_partial_utf8: bool = False
    veto: Texts = ()
    fill: bool = False
    by: Literal["rank", "usage"] = "rank"
    on: Texts = ()
    weights: Weights = msgspec.field(default_factory=dict)
    protect_prefix: NotNegative = 0
    min_uses: NotNegative = 2
    rank_share: Share = 0.0
    reorder: bool = False


class MergeSection(Section, frozen=True, kw_only=True):
    """`[[merge]]`: as `tokkit merge` with one word list or one vocabulary; bridges come on top.

    It comes before the learning, so that all sizes are known before anything is learned.
    """

    label: Label
    words: str | None = None
    vocabulary: str | None = None
    pattern: str | None = None
    script: str | None = None
    veto: Texts = ()


class LabelsSection(Section, frozen=True, kw_only=True):
    """Where the labels of corpus files come from: as the options of `tokkit count`."""

    language: str | None = None
    domain: str | None = None
    language_field: str | None = None
    domain_field: str | None = None
    path_pattern: str | None = None
    text_field: str = "text"


class LearnSection(LabelsSection, frozen=True, kw_only=True):
    """`[[learn]]`: as `tokkit learn`; lexicons, word lists, counts tables and corpora add up.

    `weights` gives the slices of all of them their shares of the bytes, as `tokkit count --weights`.
    """

    label: Label
    size: Positive
    lexicon: Texts = ()
    words: Texts = ()
    counts: Texts = ()
    corpus: Texts = ()
    weights: Weights = msgspec.field(default_factory=dict)
    script: str | None = None
    max_chars: Positive | None = None
    min_count: Positive = 2
    min_pretokens: Positive = 1
    veto: Texts = ()
    weigh_by: Literal["count", "documents"] = "count"
    reorder: bool = False


class PadSection(Section, frozen=True, kw_only=True):
    """`[pad]`: as `tokkit pad`."""

    multiple: Positive = 256
    tensor_parallel: Positive = 1
    special: Texts = ()
    spares: NotNegative = 0
    exact: bool = False
    spare_name: str = "<|spare_{}|>"


class ReportSection(LabelsSection, frozen=True, kw_only=True):
    """`[report]`: as `tokkit report`; without `on` the bundled sample is measured on. The first baseline counts."""

    on: Texts = ()
    baseline: Texts = "cl100k_base"


class PublishedSection(Section, frozen=True, kw_only=True):
    """`[published]`: what somebody published about the sizes; `released` is how many entries came out in fact."""

    source: str
    tokens: tuple[Positive, ...]
    spares: NotNegative = 0
    multiple: Positive = 256
    released: Positive | None = None


class Recipe(Section, frozen=True, kw_only=True):
    """A recipe; see the sections."""

    name: Label
    base: BaseSection
    merge: tuple[MergeSection, ...] = ()
    learn: tuple[LearnSection, ...] = ()
    pad: PadSection = PadSection()
    report: ReportSection = ReportSection()
    published: PublishedSection | None = None


PATHS: Mapping[str, tuple[str, ...]] = {
    "base": ("on", "weights", "veto"),
    "learn": ("words", "counts", "corpus", "weights", "veto"),
    "merge": ("words", "vocabulary", "veto"),
    "report": ("on",),
}
"""Which keys of a section name files, and are looked for from the recipe's folder on."""


def load(path: str | Path) -> Recipe:
    """Read a recipe.

    Raises:
        FormatError: see `parse`.
        OSError: the file cannot be read.
    """
    return parse(Path(path).read_bytes(), str(path))


def parse(data: bytes, source: str) -> Recipe:
    r"""Return the recipe that a TOML file holds.

    Args:
        data: the bytes of the file.
        source: its name, for messages.

    Raises:
        FormatError: not TOML, an unknown key (the hint has the nearest known one), a missing key, a value of a wrong type
            or out of range, a section without a source, a label that comes twice.

    Example:
        >>> recipe = parse(b'name = "x"\n[base]\nname = "cl100k_base"\nsize = 1000\n', "x.toml")
        >>> recipe.base.size, recipe.pad.multiple
        (1000, 256)
        >>> parse(b'name = "x"\n[base]\nname = "cl100k_base"\nsiez = 1000\n', "x.toml")
        Traceback (most recent call last):
            ...
        tokkit.errors.FormatError: x.toml: unknown key: base.siez
    """
    try:
        fields = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise FormatError(f"{source}: not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{source}: not TOML: {error}") from None
    for place, key, known in _unknown_keys(fields, Recipe, ""):
        nearest = get_close_matches(key, known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known keys there: {', '.join(sorted(known))}"
        raise FormatError(f"{source}: unknown key: {place}{key}", hint)
    try:
        recipe = msgspec.convert(fields, Recipe)
    except msgspec.ValidationError as error:
        raise FormatError(f"{source}: {_readable(str(error))}") from None
    _check(recipe, source)
    return recipe


def texts(value: Texts) -> tuple[str, ...]:
    """Return a key's texts, however they were written.

    Example:
        >>> texts("a"), texts(("a", "b"))
        (('a',), ('a', 'b'))
    """
    return (value,) if isinstance(value, str) else value


def with_counts(recipe: Recipe, counts: tuple[str, ...]) -> Recipe:
    """Return the recipe with counts tables in place of all other sources of a `[[learn]]` section.

    Args:
        recipe: the recipe.
        counts: absolute paths, or `LABEL=PATH` where the recipe has several sections.

    Raises:
        InputError: the recipe learns nothing, or has several sections and a path has no label of one.
    """
    if not counts:
        return recipe
    labels = [section.label for section in recipe.learn]
    given: dict[str, list[str]] = {}
    for each in counts:
        label, equals, path = each.partition("=")
        if not (equals and label in labels):
            label, path = labels[0] if len(labels) == 1 else "", each
        if not label:
            raise InputError(
                f"--counts {each}: {recipe.name} has {len(labels)} [[learn]] sections",
                f"say which one: LABEL=FILE with LABEL one of {', '.join(labels)}" if labels else "drop --counts",
            )
        given.setdefault(label, []).append(path)
    learn = tuple(
        msgspec.structs.replace(section, lexicon=(), words=(), corpus=(), counts=tuple(given[section.label]))
        if section.label in given
        else section
        for section in recipe.learn
    )
    return msgspec.structs.replace(recipe, learn=learn)


def portable(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as a JSON object in which files are named without their folders."""
    fields: dict[str, Any] = msgspec.to_builtins(recipe)
    if fields["base"]["name"].endswith(".tiktoken"):
        fields["base"]["name"] = Path(fields["base"]["name"]).name
    for section, keys in PATHS.items():
        tables = fields.get(section, ())
        for table in [tables] if isinstance(tables, dict) else tables:
            for key in keys:
                if isinstance(table.get(key), str):
                    table[key] = Path(table[key]).name
                elif key in table and key != "weights":
                    table[key] = sorted(Path(each).name for each in table[key])
    return fields


def _unknown_keys(fields: Any, kind: Any, place: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each key that no section knows: where it stands, the key, and the known ones."""
    if not isinstance(fields, dict):
        return
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in fields.items():
        if key not in types:
            yield place, key, list(types)
            continue
        section = next((each for each in (types[key], *get_args(types[key])) if _is_section(each)), None)
        if section is not None:
            for number, table in enumerate(value if isinstance(value, list) else [value], 1):
                at = f"{place}{key}[{number}]." if isinstance(value, list) else f"{place}{key}."
                yield from _unknown_keys(table, section, at)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _readable(message: str) -> str:
    r"""Return msgspec's message with the place first, counted from 1, as in the file.

    Example:
        >>> _readable("Expected `int`, got `str` - at `$.learn[0].size`")
        'learn[1].size: expected `int`, got `str`'
        >>> _readable("Object missing required field `base`")
        'missing key: base'
    """
    what, _, place = message.partition(" - at `$")
    place = re.sub(r"\[(\d+)\]", lambda match: f"[{int(match[1]) + 1}]", place.rstrip("`")).lstrip(".")
    missing = re.fullmatch(r"Object missing required field `(.*)`", what)
    if missing:
        return f"missing key: {place}{'.' if place else ''}{missing[1]}"
    if "matching regex" in what:
        what = "expected letters, digits, `.`, `_` and `-`, with a letter or digit first"
    what = what.replace("`object`", "a table").replace("`array`", "a list").replace("`null`", "nothing")
    return f"{place}: {what[:1].lower()}{what[1:]}"


def _check(recipe: Recipe, source: str) -> None:
    """Refuse what no single value shows: a section without a source, a label that comes twice, a wrong format."""
    labels = [section.label for section in recipe.learn] + [section.label for section in recipe.merge]
    for label in labels:
        if labels.count(label) > 1:
            raise FormatError(f"{source}: label comes twice: {label}", "give each [[learn]] and [[merge]] its own")
    _check_base(recipe.base, source)
    for section in recipe.learn:
        if not any(map(texts, (section.lexicon, section.words, section.counts, section.corpus))):
            raise FormatError(
                f"{source}: [[learn]] {section.label} has nothing to learn from",
                "give it a lexicon, words, counts or a corpus",
            )
    for merged in recipe.merge:
        if (merged.words is None) == (merged.vocabulary is None):
            raise FormatError(
                f"{source}: [[merge]] {merged.label} needs words or a vocabulary, and not both",
                "words names a file with a word a line, vocabulary a base or a rank file",
            )


def _check_base(base: BaseSection, source: str) -> None:
    """Refuse a base by usage without counts or with `fill`, and what says how to count uses of one by rank."""
    if base.by == "rank":
        given = [key for key in ("on", "weights", "protect_prefix", "rank_share", "reorder") if getattr(base, key)]
        if given:
            raise FormatError(f"{source}: base.{given[0]} is for a base by usage, and not by rank", 'add by = "usage"')
        return
    if not texts(base.on):
        raise FormatError(f'{source}: [base] by = "usage" has no counts', "name counts tables of the uses: base.on")
    if base.fill:
        raise FormatError(f'{source}: [base] by = "usage" with base.fill', "leave it out: size tokens are kept always")
