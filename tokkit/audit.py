"""Audit the learned tokens of a vocabulary: how each is used, and which came from boilerplate and not from the language.

What gives a bad token away is the text around it. Something that the language has stands in ever new pretokens the more
often it stands; something that was copied stands in the same few. And a rank is a promise: a token that was as common as its
neighbours in the text that it was learned from, and is hardly met in another text, was common in one source only.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.audit_documents import documents_holding
from tokkit.audit_findings import KINDS, Finding, Surroundings, Thresholds, find
from tokkit.audit_tallies import Tallies, promised, tally
from tokkit.errors import InputError
from tokkit.foreign import ForeignVocabulary
from tokkit.veto import veto_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.audit_documents import Text
    from tokkit.counts_table import CountsTable, Slice
    from tokkit.veto import Veto
    from tokkit.vocabulary import Vocabulary

__all__ = ["KINDS", "Audit", "Finding", "Thresholds", "TokenUse", "audit", "veto_lines"]

_SCAFFOLD = 0.01


@dataclass(frozen=True)
class TokenUse:
    """How the text uses one token.

    Attributes:
        id: its id.
        token: its bytes.
        segment: the segment that it lies in, `-` for none.
        uses: how often encoding emits it.
        formed: how often merging forms it on the way, its uses among them; None where the vocabulary has no merges.
        occurrences: how often its text stands in pretokens (scripts without spaces), or its uses.
        pretokens: in how many distinct pretokens that is.
        documents: the documents that it stands in, at least and at most: the same where they were counted.
        slices: uses in each slice that has any, the most first.
        languages: uses in each language that has any, the most first.
        promised: how often the tokens beside it by rank stand in the text; 0 where that says nothing.
        expected: how often the planned training text will have it; None without a plan.
    """

    id: int
    token: bytes
    segment: str
    uses: int
    formed: int | None
    occurrences: int
    pretokens: int
    documents: tuple[int, int]
    slices: Mapping[str, int]
    languages: Mapping[str, int]
    promised: float
    expected: float | None

    @property
    def is_scaffold(self) -> bool:
        """Whether it serves other tokens: merging forms it, and leaves less than one in a hundred as it is."""
        return bool(self.formed) and self.uses < _SCAFFOLD * (self.formed or 0)


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        vocabulary: its name.
        semantics: the rule of a foreign vocabulary, by which each pretoken was encoded as a text of its own; None for ranks.
        segments: the audited segments; none where all tokens were.
        slices: the slices of the text.
        slice_tokens: tokens of the whole text, by slice.
        documents_counted: whether documents were counted in the text; else the table bounds them.
        tokens: every audited token, by id.
        findings: the tokens that should not be there, by kind in the order of KINDS, the worst first.
        training_tokens: how many tokens are planned; None without a plan.
        min_expected: how many occurrences a token needs in them.
        rare: ids expected less often, the rarest first.
    """

    vocabulary: str
    semantics: str | None
    segments: tuple[str, ...]
    slices: tuple[Slice, ...]
    slice_tokens: Mapping[str, int]
    documents_counted: bool
    tokens: tuple[TokenUse, ...]
    findings: tuple[Finding, ...]
    training_tokens: int | None
    min_expected: int
    rare: tuple[int, ...]

    @property
    def per_use(self) -> float | None:
        """How many occurrences in the planned training text one use in this text stands for, weights apart."""
        total = sum(self.slice_tokens.values())
        return self.training_tokens / total if self.training_tokens and total else None


def audit(
    vocabulary: Vocabulary | ForeignVocabulary,
    table: CountsTable,
    *,
    text: Text | None = None,
    segments: Sequence[str] = (),
    kinds: Sequence[str] = (),
    unwanted: Sequence[Veto] = (),
    training_tokens: int | None = None,
    min_expected: int = 1000,
    weights: Mapping[tuple[str, str], float] | None = None,
    thresholds: Thresholds | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    r"""Audit a vocabulary on a counts table.

    Args:
        vocabulary: the vocabulary, of ranks or foreign.
        table: counts of text that the vocabulary is for; not weighted, because a finding rests on how often things really
            stood. Text that nothing was learned from shows most.
        text: the text that the table was counted from, to be read once more for the exact number of documents; without it,
            the table bounds that.
        segments: names of the segments to audit; those whose names begin with `learned` when there are any, else all.
        kinds: the kinds of finding to look for, of KINDS; all when empty.
        unwanted: words that no token may hold: texts anywhere in it, or expressions.
        training_tokens: how many tokens are planned to be trained on.
        min_expected: how many occurrences a token needs in them.
        weights: each slice's share of the planned text's bytes (`tokkit.counts.slice_weights`); as in the table when omitted.
        thresholds: where the rules draw their lines.
        progress: called with the rows encoded so far and in all; with a text, reading it takes as many again.

    Raises:
        InputError: an unknown segment or kind, an empty or weighted table, or a vocabulary that refuses to encode.
        MismatchError: the table was cut by another pattern than the vocabulary's, or the text is not what it was counted from.

    Example:
        >>> from tokkit.counts import count_texts
        >>> from tokkit.vocabulary import Vocabulary
        >>> tokens = (*(bytes([byte]) for byte in range(256)), b"\xe6\xb5", "海".encode(), "海海".encode())
        >>> vocabulary = Vocabulary("tiny", r"\w+|\W", tokens)
        >>> found = audit(vocabulary, count_texts(["海海"] * 9, vocabulary.pattern))
        >>> [(use.uses, use.formed, use.is_scaffold) for use in found.tokens[-2:]]
        [(0, 18, True), (9, 9, False)]
    """
    _refuse(table, kinds)
    names = _segments(vocabulary, segments)
    ids = [i for i, token in enumerate(vocabulary.tokens) if len(token) > 1 and _in(vocabulary, i, names)]
    tallies = _tallies(vocabulary, table, ids, text, progress)
    promises = _promises(vocabulary, tallies, ids)
    expected = None if training_tokens is None else _expected(table, tallies, training_tokens, weights)
    uses = _token_uses(vocabulary, table, tallies, ids, promises, expected)
    evidence = {use.id: _evidence(table, tallies, use.id) for use in uses}
    surroundings = Surroundings(
        sum(part.documents for part in table.slices),
        text is not None,
        frozenset(part.name for part in table.slices if len(table.slices) > 2 and 2 * part.bytes <= table.n_bytes),
        evidence,
        frozenset(vocabulary.tokens),
    )
    findings = find(uses, surroundings, kinds or KINDS, unwanted, thresholds or Thresholds())
    wanting = [] if expected is None else [use for use in uses if (use.expected or 0) < min_expected]
    return Audit(
        vocabulary.name,
        vocabulary.semantics if isinstance(vocabulary, ForeignVocabulary) else None,
        names,
        table.slices,
        {part.name: int(total) for part, total in zip(table.slices, tallies.uses.sum(axis=0), strict=True)},
        text is not None,
        tuple(uses),
        tuple(findings),
        training_tokens,
        min_expected,
        tuple(use.id for use in sorted(wanting, key=lambda use: (use.expected or 0, use.id))),
    )


def _refuse(table: CountsTable, kinds: Sequence[str]) -> None:
    if wrong := [kind for kind in kinds if kind not in KINDS]:
        raise InputError(f"no such kind of finding: {wrong[0]}", f"kinds are {', '.join(KINDS)}")
    if not len(table):
        raise InputError("the counts are empty: there is nothing to audit on")
    if '"step": "reweight"' in json.dumps(dict(table.provenance)):
        raise InputError(
            "the counts are weighted, and a finding rests on how often things really stood",
            "audit on the counts before weighting; --weights says what is planned",
        )


def _tallies(
    vocabulary: Vocabulary | ForeignVocabulary,
    table: CountsTable,
    ids: Sequence[int],
    text: Text | None,
    progress: Callable[[int, int], None] | None,
) -> Tallies:
    """Return what is counted of the ids; the documents in the text, where there is one."""
    if text is None:
        return tally(vocabulary, table, progress)
    n = len(table)
    encoded = None if progress is None else lambda done, total: progress(done, 2 * total)
    read = None if progress is None else lambda done, total: progress(n + n * done // max(total, 1), 2 * n)
    tallies = tally(vocabulary, table, encoded, held=ids)
    if tallies.holders is None:  # no ids
        return tallies
    documents = documents_holding(table, tallies.holders, len(vocabulary.tokens), text, read)
    return replace(tallies, fewest_documents=documents, most_documents=documents, holders=None)


def _segments(vocabulary: Vocabulary | ForeignVocabulary, wanted: Sequence[str]) -> tuple[str, ...]:
    if isinstance(vocabulary, ForeignVocabulary):
        known: list[str] = []
    else:
        known = [segment.name for segment in vocabulary.segments if segment.name not in ("special", "spare")]
    for name in wanted:
        if name not in known:
            raise InputError(
                f"{vocabulary.name} has no segment {name}",
                f"its segments are {', '.join(dict.fromkeys(known))}" if known else "it has none: leave --segment out",
            )
    return tuple(dict.fromkeys(wanted)) or tuple(dict.fromkeys(name for name in known if name.startswith("learned")))


def _segment_of(vocabulary: Vocabulary | ForeignVocabulary, token_id: int) -> str:
    return "-" if isinstance(vocabulary, ForeignVocabulary) else vocabulary.segment_of(token_id)


def _in(vocabulary: Vocabulary | ForeignVocabulary, token_id: int, names: Sequence[str]) -> bool:
    if token_id in vocabulary.special_ids:
        return False
    return not names or _segment_of(vocabulary, token_id) in names


def _promises(vocabulary: Vocabulary | ForeignVocabulary, tallies: Tallies, ids: Sequence[int]) -> NDArray[np.float64]:
    """Return what each token's rank promises, segment by segment: ranks of different origins say nothing of each other."""
    scores = vocabulary.scores if isinstance(vocabulary, ForeignVocabulary) else ()
    by_segment: dict[str, list[int]] = {}
    for i in ids:
        by_segment.setdefault(_segment_of(vocabulary, i), []).append(i)
    out = np.zeros(len(vocabulary.tokens), np.float64)
    for members in by_segment.values():
        order = sorted(members, key=lambda i: (-scores[i], i)) if scores else members
        out += promised(tallies, order, vocabulary.tokens)
    return out


def _expected(
    table: CountsTable, tallies: Tallies, training_tokens: int, weights: Mapping[tuple[str, str], float] | None
) -> NDArray[np.float64]:
    """Return float64[n]: occurrences in the planned text, whose slices have the shares of bytes that `weights` gives them."""
    total = table.n_bytes
    shares = [part.bytes / total if weights is None else weights[part.key] for part in table.slices]
    rates = [share / part.bytes if part.bytes else 0.0 for share, part in zip(shares, table.slices, strict=True)]
    a_byte = tallies.uses @ np.array(rates)  # uses for each byte of the mixture
    out: NDArray[np.float64] = training_tokens * a_byte / max(float(a_byte.sum()), 1e-300)
    return out


def _token_uses(
    vocabulary: Vocabulary | ForeignVocabulary,
    table: CountsTable,
    tallies: Tallies,
    ids: Sequence[int],
    promises: NDArray[np.float64],
    expected: NDArray[np.float64] | None,
) -> list[TokenUse]:
    languages = sorted({part.language for part in table.slices})
    of_language = np.array([[part.language == each for each in languages] for part in table.slices], np.int64)
    of_ids = tallies.uses[list(ids)]
    by_slice = _most_first([part.name for part in table.slices], of_ids)
    by_language = _most_first(languages, of_ids @ of_language)
    formed = itertools.repeat(None) if tallies.formed is None else tallies.formed[list(ids)].tolist()
    bounds = tallies.fewest_documents, tallies.most_documents
    columns = [each[list(ids)] for each in (tallies.occurrences, tallies.pretokens, *bounds)]
    counted = np.stack([of_ids.sum(axis=1), *columns], axis=1).tolist()
    return [
        TokenUse(
            i,
            vocabulary.tokens[i],
            _segment_of(vocabulary, i),
            uses,
            how_often_formed,
            occurrences,
            pretokens,
            (fewest, most),
            slices,
            of_languages,
            float(promises[i]),
            None if expected is None else float(expected[i]),
        )
        for i, how_often_formed, slices, of_languages, (uses, occurrences, pretokens, fewest, most) in zip(
            ids, formed, by_slice, by_language, counted, strict=False
        )
    ]


def _most_first(names: Sequence[str], numbers: NDArray[np.int64]) -> list[dict[str, int]]:
    """Return for each row of numbers those that are not 0 by their names, the highest first, of equals by name."""
    by_name = sorted(range(len(names)), key=names.__getitem__)
    named, ordered = [names[each] for each in by_name], numbers[:, by_name]
    order = np.argsort(-ordered, axis=1, kind="stable")
    used = np.count_nonzero(ordered, axis=1).tolist()
    highest = np.take_along_axis(ordered, order, axis=1).tolist()
    return [
        {named[at]: number for at, number in zip(places[:n], row[:n], strict=True)}
        for n, places, row in zip(used, order.tolist(), highest, strict=True)
    ]


def _evidence(table: CountsTable, tallies: Tallies, token_id: int) -> tuple[tuple[bytes, int], ...]:
    """Return the pretokens that have a token most often, with their counts."""
    rows = [row for row in tallies.top[token_id].tolist() if row >= 0]
    return tuple((table.pretoken(row), int(tallies.counts[row])) for row in rows)


def veto_lines(audit: Audit) -> str:
    """Return the findings as a veto file for `learn` and `select`: the text, then a tab and what was found, a line a token.

    Example:
        >>> print(veto_lines(Audit("tiny", None, (), (), {}, False, (), (), None, 0, ())), end="")
        # what an audit of tiny found: 0 tokens
    """
    lines = [f"# what an audit of {audit.vocabulary} found: {len(audit.findings):,} tokens"]
    lines += [f"{veto_line(each.use.token.decode())}\t{each.kind}: {each.why}" for each in audit.findings]
    return "".join(" ".join(line.splitlines()) + "\n" for line in lines)
