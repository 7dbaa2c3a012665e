"""The rules of an audit: what each looks at, where it draws its line, and the sentence that it says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokkit.audit_rules import behind_mark, clause, stacked, unwanted_character
from tokkit.audit_tallies import unspaced_characters
from tokkit.unicode import text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tokkit.audit import TokenUse
    from tokkit.veto import Veto

# In the order in which they are told; a token has one finding, of the first kind that it is.
KINDS = ("hidden-character", "unwanted-word", "boilerplate", "one-source", "sentence-shard", "function-words")
SCORES = {
    "hidden-character": "1 each",
    "unwanted-word": "1 each",
    "boilerplate": "√ of its occurrences, here or promised by its rank, over its distinct pretokens",
    "one-source": "√ of its occurrences over its documents, or over its distinct pretokens where one slice has all uses",
    "sentence-shard": "its characters",
    "function-words": "how many stand in a row",
}


@dataclass(frozen=True)
class Thresholds:
    """Where the rules draw their lines; `docs/audit.md` says what was looked at to choose them.

    Attributes:
        min_occurrences: fewer occurrences, here or promised, prove nothing.
        boilerplate: the least score of a boilerplate token.
        one_source: the least score of a one-source token, from bounds or from pretokens.
        one_source_counted: the same where its documents were counted, which makes scores higher.
        one_slice: the share of its uses that one slice must have, to be its only source.
        few_documents: the share of all documents that a token from few documents may stand in.
        broken_promise: the share of what its rank promises that a token may have, to be missed.
        missed_characters: how long a token must be to be missed: shorter ones are words that a text may lack.
    """

    min_occurrences: int = 20
    boilerplate: float = 2.0
    one_source: float = 1.0
    one_source_counted: float = 3.0
    one_slice: float = 0.995
    few_documents: float = 0.1
    broken_promise: float = 0.05
    missed_characters: int = 5


@dataclass(frozen=True)
class Finding:
    """A token that should not be there.

    Attributes:
        kind: of KINDS.
        score: how bad it is among its kind; SCORES says what it measures.
        why: one sentence with the numbers.
        use: the token, and how the text uses it.
        evidence: the pretokens that have it most often, with their counts.
        also: the other kinds that it is.
    """

    kind: str
    score: float
    why: str
    use: TokenUse
    evidence: tuple[tuple[bytes, int], ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Surroundings:
    """What the rules know of the text beyond a token's own numbers.

    Attributes:
        documents: how many documents the text has.
        documents_counted: whether those of each token were counted, or are bounds.
        narrow_slices: the slices whose text may be called one source: one of three or more, with at most half of all text.
        evidence: for each id the pretokens that have it most often, with their counts.
        tokens: all tokens of the vocabulary: a word is a word when it is one of them.
    """

    documents: int
    documents_counted: bool
    narrow_slices: frozenset[str]
    evidence: Mapping[int, tuple[tuple[bytes, int], ...]]
    tokens: Collection[bytes]


def find(
    uses: Sequence[TokenUse],
    surroundings: Surroundings,
    kinds: Sequence[str],
    unwanted: Sequence[Veto],
    lines: Thresholds,
) -> list[Finding]:
    """Return the findings, by kind in the order of KINDS, then the highest score first, then the lowest id.

    Args:
        uses: the tokens to look at.
        surroundings: the text that they stand in.
        kinds: the kinds to look for.
        unwanted: words that no token may hold.
        lines: where the rules draw them.
    """
    lengths = unspaced_characters([use.token for use in uses]).tolist()
    found = []
    for use, length in zip(uses, lengths, strict=True):
        text = text_of(use.token)
        if text is None:  # a part of a character comes from no phrase
            continue
        verdicts = _of_text(text, length, unwanted, surroundings.tokens)
        verdicts |= _of_counts(use, length, surroundings, lines)
        of_it = [kind for kind in KINDS if kind in verdicts and kind in kinds]
        if of_it:
            score, why = verdicts[of_it[0]]
            found.append(Finding(of_it[0], score, why, use, surroundings.evidence[use.id], tuple(of_it[1:])))
    return sorted(found, key=lambda each: (KINDS.index(each.kind), -each.score, each.use.id))


Verdicts = dict[str, tuple[float, str]]


def _of_text(text: str, length: int, unwanted: Sequence[Veto], tokens: Collection[bytes]) -> Verdicts:
    """Return what a text alone says, and whether what stands behind a mark is a token by itself."""
    found: Verdicts = {}
    if character := unwanted_character(text):
        found["hidden-character"] = (1.0, f"holds {character}")
    if held := _unwanted_word(text, unwanted):
        found["unwanted-word"] = (1.0, f"holds the unwanted {held}")
    word = behind_mark(text) if length else text
    if word != text and word.encode() not in tokens:
        found["sentence-shard"] = (float(len(text)), f"a mark and {word}, which is no token by itself")
    elif particle := clause(word, length):
        found["sentence-shard"] = (
            float(len(text)),
            f"a piece of a sentence of {len(text)} characters, with {particle}",
        )
    if words := stacked(word):
        found["function-words"] = (float(len(words)), f"{len(words)} function words in a row: {' '.join(words)}")
    return found


def _unwanted_word(text: str, unwanted: Sequence[Veto]) -> str | None:
    held = min((word for words in unwanted for word in words.texts if word in text), default=None)
    if held is not None:
        return held
    patterns = (pattern for words in unwanted for pattern in words.patterns)
    return next((f"/{pattern.pattern}/" for pattern in patterns if pattern.search(text)), None)


def _of_counts(use: TokenUse, length: int, surroundings: Surroundings, lines: Thresholds) -> Verdicts:
    """Return what the pretokens and documents around a token say."""
    found: Verdicts = {}
    unspaced = length >= 2
    around = f"{use.occurrences:,} occurrences in {_number(use.pretokens, 'distinct pretoken')}"
    varied = math.sqrt(use.occurrences) / max(use.pretokens, 1)
    enough = use.occurrences >= lines.min_occurrences
    missed = (
        length >= lines.missed_characters
        and use.promised >= lines.min_occurrences
        and use.occurrences <= lines.broken_promise * use.promised
    )
    if unspaced and enough and varied >= lines.boilerplate:
        found["boilerplate"] = (varied, around)
    elif missed and (score := math.sqrt(use.promised) / max(use.pretokens, 1)) >= lines.boilerplate:
        times = "never" if not use.occurrences else f"{use.occurrences:,} times" if use.occurrences > 1 else "once"
        found["boilerplate"] = (score, f"{times} here, where tokens of its rank stand {use.promised:,.0f} times")
    most = use.documents[1]
    # Of a vocabulary whose origins are not known, words of other languages than the text's would look like one source.
    judged = unspaced or use.segment.startswith("learned")
    repeated = math.sqrt(use.occurrences) / max(most, 1)
    few = most <= lines.few_documents * surroundings.documents
    least = lines.one_source_counted if surroundings.documents_counted else lines.one_source
    slice_name, in_slice = next(iter(use.slices.items()), ("", 0))
    if judged and enough and few and repeated >= least:
        bound = "" if surroundings.documents_counted else " at most"
        found["one-source"] = (repeated, f"{use.occurrences:,} occurrences in {_number(most, 'document')}{bound}")
    elif (
        unspaced
        and enough
        and varied >= lines.one_source
        and slice_name in surroundings.narrow_slices
        and in_slice >= lines.one_slice * use.uses
    ):
        found["one-source"] = (varied, f"{around}, all in {slice_name}")
    return found


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
