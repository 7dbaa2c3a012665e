"""What the report page shows, as plain values: nothing here knows HTML, and nothing there computes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import tokkit
from tokkit.display import show
from tokkit.foreign import ForeignVocabulary
from tokkit.page_samples import sentences
from tokkit.unicode import script_table
from tokkit.unicode_tables import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tokkit.laws import Finding
    from tokkit.measure import Report
    from tokkit.vocabulary import Segment, Vocabulary

LENGTHS = (*((n, n + 1) for n in range(1, 13)), (13, 17), (17, 33), (33, 1 << 30))
"""Ranges of token lengths in bytes, half open, that the histogram counts in."""
PARTIAL = "partial UTF-8"
NO_SCRIPT = "no script"
OTHERS = "other scripts"
MOST_SCRIPTS = 9
N_FIRST, N_LONGEST = 12, 6
FACTORS = (256, 128, 64)


@dataclass(frozen=True)
class Profile:
    """How many tokens of a vocabulary have which length and script; ids without bytes are not counted.

    Attributes:
        vocabulary: its name.
        n_tokens: how many tokens have bytes.
        lengths: int for each range of `LENGTHS`.
        scripts: script of the token's first letter -> number; tokens that are not whole characters are `PARTIAL`.
    """

    vocabulary: str
    n_tokens: int
    lengths: tuple[int, ...]
    scripts: Mapping[str, int]


@dataclass(frozen=True)
class SegmentView:
    """A segment with tokens for eyes: the first ones and the longest, as `tokkit.display.show` shows them."""

    name: str
    start: int
    stop: int
    first: tuple[str, ...]
    longest: tuple[str, ...]


@dataclass(frozen=True)
class Cut:
    """How a vocabulary cuts a sentence: the tokens as shown, or why there are none."""

    vocabulary: str
    tokens: tuple[str, ...]
    refusal: str | None = None


@dataclass(frozen=True)
class Sentence:
    """A sentence as every vocabulary cuts it."""

    language: str
    domain: str
    n_bytes: int
    cuts: tuple[Cut, ...]


@dataclass(frozen=True)
class Curve:
    """Bytes per token of a slice at prefix sizes, ascending."""

    name: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Split:
    """A split of a fixed total into tokens of the base and learned ones.

    Attributes:
        prefix: tokens of the base.
        learned: learned tokens.
        bytes_per_token: what it comes to.
        interval: that of the bytes per token; None where there is none.
        change: tokens against the best split, 0.01 for one in a hundred more.
        change_interval: that of the change.
        label: `best`, `seed` or nothing.
    """

    prefix: int
    learned: int
    bytes_per_token: float
    interval: tuple[float, float] | None = None
    change: float = 0.0
    change_interval: tuple[float, float] | None = None
    label: str = ""


@dataclass(frozen=True)
class Suspect:
    """A token that the audit found, with the finding's name and its evidence in words."""

    token_id: int
    token: bytes
    finding: str
    evidence: str


@dataclass(frozen=True)
class Page:
    """Everything on the page.

    Attributes:
        name: the vocabulary that the page is about.
        n_vocab: its entries.
        arithmetic: its size in words.
        tool: name and version of the tool.
        laws: a finding for each law; empty where none was checked.
        notes: lines for the reader.
        report: compression, against every baseline.
        on: what the report was measured on, in words.
        profiles: of every vocabulary, in the report's order.
        segments: of the vocabulary.
        sentences: as every vocabulary cuts them.
        inputs: role, name and sha256 of what was read.
        steps: name and options of each step of the provenance.
        curves: bytes per token at every prefix size; empty where they were not computed.
        cut: how many of the first baseline's first tokens are the vocabulary's first; None where it keeps others of them.
        frontier: splits of the planned total; empty where there is no plan.
        suspects: the audit's findings, worst first; None where there was no audit.
    """

    name: str
    n_vocab: int
    arithmetic: str
    tool: str
    laws: tuple[Finding, ...]
    notes: tuple[str, ...]
    report: Report
    on: str
    profiles: tuple[Profile, ...]
    segments: tuple[SegmentView, ...]
    sentences: tuple[Sentence, ...]
    inputs: tuple[tuple[str, str, str], ...]
    steps: tuple[tuple[str, str], ...]
    curves: tuple[Curve, ...] = ()
    cut: int | None = None
    frontier: tuple[Split, ...] = ()
    suspects: tuple[Suspect, ...] | None = None


def page_of(
    subject: Vocabulary | ForeignVocabulary,
    vocabularies: Sequence[Vocabulary | ForeignVocabulary],
    report: Report,
    *,
    on: str,
    arithmetic: str | None = None,
    laws: Sequence[Finding] = (),
    notes: Sequence[str] = (),
    inputs: Sequence[tuple[str, str, str]] = (),
    curves: Sequence[Curve] = (),
    frontier: Sequence[Split] = (),
    suspects: Sequence[Suspect] | None = None,
) -> Page:
    """Return the page of a vocabulary.

    Args:
        subject: the vocabulary that it is about.
        vocabularies: those that were measured, the subject and the baselines among them.
        report: what was measured.
        on: on what, in words.
        arithmetic: the size in words; the sum of the segments when omitted.
        laws: the findings of `tokkit.laws.check`.
        notes: lines for the reader.
        inputs: role, name and sha256 of what was read.
        curves: see `Page`.
        frontier: see `Page`.
        suspects: see `Page`.
    """
    by_name = {vocabulary.name: vocabulary for vocabulary in vocabularies}
    ordered = [by_name[name] for name, _, _ in report.vocabularies]
    segments = () if isinstance(subject, ForeignVocabulary) else subject.segments
    provenance = () if isinstance(subject, ForeignVocabulary) else subject.provenance
    return Page(
        subject.name,
        subject.n_vocab,
        arithmetic or arithmetic_of(subject),
        tokkit.TOOL,
        tuple(laws),
        tuple(notes),
        report,
        on,
        tuple(profile(vocabulary) for vocabulary in ordered),
        tuple(_segment_view(subject.tokens, segment) for segment in segments),
        tuple(_sentence(*each, ordered) for each in sentences()),
        tuple(inputs),
        tuple((str(step.get("step", "")), _options_of(step)) for step in provenance),
        tuple(curves),
        _cut_of(subject, ordered[0]),
        tuple(frontier),
        None if suspects is None else tuple(suspects),
    )


def arithmetic_of(vocabulary: Vocabulary | ForeignVocabulary) -> str:
    """Return a vocabulary's size as the sum of its segments, and its factors where 64 or more divides it.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> arithmetic_of(Vocabulary("tiny", "", tuple(bytes([byte]) for byte in range(256))))
        '256 prefix = 256 = 1 x 256'
    """
    size = vocabulary.n_vocab
    named: dict[str, int] = {}
    if isinstance(vocabulary, ForeignVocabulary):
        with_bytes = sum(1 for token in vocabulary.tokens if token)
        named = {"tokens": with_bytes, "ids without bytes": size - with_bytes}
    else:
        for segment in vocabulary.segments:
            named[segment.name] = named.get(segment.name, 0) + len(segment)
        named["holes"] = size - sum(named.values())
    summands = " + ".join(f"{number:,} {_counted(name, number)}" for name, number in named.items() if number)
    factor = next((factor for factor in FACTORS if size % factor == 0), None)
    return f"{summands} = {size:,}" + (f" = {size // factor:,} x {factor}" if factor else "")


def _counted(segment: str, number: int) -> str:
    """Return the name of a segment after a number: those of single ids in the plural, where it has several."""
    return f"{segment}s" if number > 1 and segment in ("bridge", "special", "spare") else segment


def profile(vocabulary: Vocabulary | ForeignVocabulary) -> Profile:
    r"""Return the lengths and scripts of a vocabulary's tokens.

    Example:
        >>> from tokkit.vocabulary import Vocabulary
        >>> found = profile(Vocabulary("tiny", "", (b"a", "中文".encode(), b"\xe4", b"12", b"")))
        >>> found.lengths[:6], found.scripts == {"Latin": 1, "Han": 1, PARTIAL: 1, NO_SCRIPT: 1}
        ((2, 1, 0, 0, 0, 1), True)
    """
    tokens = [token for token in vocabulary.tokens if token]
    sizes = Counter(map(len, tokens))
    lengths = tuple(sum(sizes[n] for n in sizes if first <= n < last) for first, last in LENGTHS)
    return Profile(vocabulary.name, len(tokens), lengths, dict(Counter(_scripts(tokens)).most_common()))


def _scripts(tokens: Iterable[bytes]) -> Iterable[str]:
    """Yield the script of each token's first letter that has one."""
    names = list(SCRIPTS)
    script_of = np.zeros(0x110000, np.uint8)
    for number, name in enumerate(names, 1):
        script_of[script_table(name) == 1] = number
    known = script_of.tobytes()
    for token in tokens:
        try:
            text = token.decode()
        except UnicodeDecodeError:
            yield PARTIAL
            continue
        numbers = (known[ord(character)] for character in text)
        first = next((number for number in numbers if number), 0)
        yield names[first - 1] if first else OTHERS if any(map(str.isalpha, text)) else NO_SCRIPT


def leading_scripts(profiles: Sequence[Profile]) -> list[str]:
    """Return the names of the scripts that a chart of profiles shows: those that most tokens have in any of them."""
    most: dict[str, int] = {}
    for each in profiles:
        for name, number in each.scripts.items():
            if name != OTHERS:
                most[name] = max(most.get(name, 0), number)
    return sorted(most, key=lambda name: (-most[name], name))[:MOST_SCRIPTS]


def _cut_of(subject: Vocabulary | ForeignVocabulary, base: Vocabulary | ForeignVocabulary) -> int | None:
    """Return the prefix size of a vocabulary whose prefix is one of the base; a selection of other tokens has no cut."""
    if isinstance(subject, ForeignVocabulary) or isinstance(base, ForeignVocabulary):
        return None
    size = next((segment.stop for segment in subject.segments if segment.name == "prefix" and not segment.start), 0)
    return size if size and subject.tokens[:size] == base.tokens[:size] else None


def _segment_view(tokens: Sequence[bytes], segment: Segment) -> SegmentView:
    inside = [token for token in tokens[segment.start : segment.stop] if token]
    longest = sorted(inside, key=lambda token: (-len(token), token))[:N_LONGEST]
    return SegmentView(
        segment.name,
        segment.start,
        segment.stop,
        tuple(show(token) for token in inside[:N_FIRST]),
        tuple(show(token) for token in longest),
    )


def _sentence(
    language: str, domain: str, text: str, vocabularies: Sequence[Vocabulary | ForeignVocabulary]
) -> Sentence:
    cuts = tuple(_cut(vocabulary, text) for vocabulary in vocabularies)
    return Sentence(language, domain, len(text.encode()), cuts)


def _cut(vocabulary: Vocabulary | ForeignVocabulary, text: str) -> Cut:
    if isinstance(vocabulary, ForeignVocabulary) and vocabulary.encode_texts is None:
        return Cut(vocabulary.name, (), vocabulary.semantics)
    tokens = []
    for token_id in vocabulary.encode(text):
        token = vocabulary.tokens[token_id] if token_id < len(vocabulary.tokens) else b""
        tokens.append(show(token) if token else vocabulary.special_ids.get(token_id, f"id {token_id}"))
    return Cut(vocabulary.name, tuple(tokens))


def _options_of(step: Mapping[str, Any]) -> str:
    """Return what a step of the provenance did, in one line of JSON without its name."""
    return json.dumps({key: value for key, value in step.items() if key != "step"}, ensure_ascii=False)
