"""Compression of vocabularies on counts tables: exact token counts, and ratios of sums, per slice and in all.

A foreign vocabulary has no ranks to work on counted pretokens with: it encodes the text itself, by its own rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit.counts_folds import Interval  # noqa: TC001 - msgspec reads a cached report by its annotations
from tokkit.counts_table import slice_rows
from tokkit.encode import tokens_per_pretoken
from tokkit.errors import InputError, MismatchError
from tokkit.foreign import ForeignVocabulary
from tokkit.kernels.scripts import count_members
from tokkit.measure_folds import drawn_tokens, with_intervals
from tokkit.measure_foreign import count_tokens, documents_for
from tokkit.pretokenize import pattern_shown
from tokkit.unicode import script_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from tokkit.corpus import Document
    from tokkit.counts_table import CountsTable
    from tokkit.measure_folds import Drawn
    from tokkit.vocabulary import Vocabulary


@dataclass(frozen=True)
class Row:
    """What a vocabulary makes of a slice, of a language (`domain` is None), or of everything (`language` is None too).

    Attributes:
        vocabulary: its name.
        language: the language, None for the row of everything.
        domain: the domain, None for a total.
        documents: number of documents.
        bytes: bytes of the text in UTF-8.
        characters: code points of the text.
        tokens: number of tokens.
        han_characters: Han characters of the text.
        han_tokens: tokens of the pretokens that have a Han character; None for a foreign vocabulary.
        baseline_tokens: what the first baseline needs for the same text; None without a baseline.
        interval: that of the bytes per token (`tokkit.measure_folds`); None without folds.
        change_interval: that of the change; None without folds or baseline.
    """

    vocabulary: str
    language: str | None
    domain: str | None
    documents: int
    bytes: int
    characters: int
    tokens: int
    han_characters: int
    han_tokens: int | None
    baseline_tokens: int | None = None
    interval: Interval | None = None
    change_interval: Interval | None = None

    @property
    def bytes_per_token(self) -> float | None:
        """Bytes per token; None where there are no tokens."""
        return self.bytes / self.tokens if self.tokens else None

    @property
    def characters_per_token(self) -> float | None:
        """Characters per token; None where there are no tokens."""
        return self.characters / self.tokens if self.tokens else None

    @property
    def tokens_per_han_character(self) -> float | None:
        """Tokens of pretokens with Han characters, per Han character; None where there are none."""
        if self.han_tokens is None or not self.han_characters:
            return None
        return self.han_tokens / self.han_characters

    @property
    def change(self) -> float | None:
        """Change in tokens against the first baseline, -0.25 for a quarter fewer; None without a baseline."""
        return self.tokens / self.baseline_tokens - 1 if self.baseline_tokens else None


@dataclass(frozen=True)
class Mixture:
    """What a vocabulary makes of a mixture of slices, each with a share of the bytes."""

    vocabulary: str
    bytes_per_token: float
    change: float | None


@dataclass(frozen=True)
class Report:
    """Rows for each vocabulary in the order given: slices, then a total for each language of several slices, then everything.

    Attributes:
        vocabularies: name, number of entries and rank-file sha256 of each.
        rows: all rows, grouped by vocabulary.
        baselines: names of the baselines, which are the first of the vocabularies; `change` is against the first.
        weights: share of the bytes of each slice (they add up to one) for `mixtures`; None without.
        mixtures: one for each vocabulary, where there are weights.
        semantics: by which rule a foreign vocabulary encodes, by its name; the others encode by ranks.
        folds: how many folds the intervals come from; 0 for none.
    """

    vocabularies: tuple[tuple[str, int, str], ...]
    rows: tuple[Row, ...]
    baselines: tuple[str, ...] = ()
    weights: Mapping[tuple[str, str], float] | None = None
    mixtures: tuple[Mixture, ...] = ()
    semantics: Mapping[str, str] = field(default_factory=dict)
    folds: int = 0

    @property
    def baseline(self) -> str | None:
        """Name of the first baseline; None without."""
        return self.baselines[0] if self.baselines else None

    def by_place(self) -> list[tuple[Row, ...]]:
        """Return the rows of every vocabulary for the same slice or total together, in the order of the first vocabulary."""
        n_places = len(self.rows) // len(self.vocabularies)
        return [self.rows[place::n_places] for place in range(n_places)]

    def document(self) -> dict[str, Any]:
        """Return the report as a JSON document: integers, and the unrounded ratios beside them."""
        document: dict[str, Any] = {
            "vocabularies": [
                {"name": name, "n_vocab": n_vocab, "sha256": sha256, "semantics": self.semantics.get(name, "ranks")}
                for name, n_vocab, sha256 in self.vocabularies
            ],
            "baseline": self.baseline,
            "baselines": list(self.baselines),
            **({"folds": self.folds} if self.folds else {}),
            "rows": self._row_documents(),
        }
        if self.weights is not None:
            document["weights"] = [
                {"language": language, "domain": domain, "share": share}
                for (language, domain), share in self.weights.items()
            ]
            document["mixtures"] = [
                {"vocabulary": each.vocabulary, "bytes_per_token": each.bytes_per_token, "change": each.change}
                for each in self.mixtures
            ]
        return document

    def _row_documents(self) -> list[dict[str, Any]]:
        tokens = {(row.vocabulary, row.language, row.domain): row.tokens for row in self.rows}
        documents = []
        for row in self.rows:
            against = {name: tokens[name, row.language, row.domain] for name in self.baselines}
            documents.append(
                {
                    "row": "slice" if row.domain is not None else "language" if row.language is not None else "all",
                    **{key: value for key, value in vars(row).items() if self.folds or not key.endswith("interval")},
                    "bytes_per_token": row.bytes_per_token,
                    "characters_per_token": row.characters_per_token,
                    "tokens_per_han_character": row.tokens_per_han_character,
                    "change": row.change,
                    "changes": {name: row.tokens / n - 1 if n else None for name, n in against.items()},
                }
            )
        return documents


def report(
    vocabularies: Sequence[Vocabulary | ForeignVocabulary],
    tables: CountsTable | Mapping[str, CountsTable],
    *,
    baseline: Vocabulary | ForeignVocabulary | Sequence[Vocabulary | ForeignVocabulary] | None = None,
    weights: Mapping[tuple[str, str], float] | None = None,
    documents: Iterable[Document] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    r"""Measure vocabularies on the same text; with intervals where its counts are in folds.

    Args:
        vocabularies: the vocabularies, with different names.
        tables: a counts table; or, for vocabularies of several patterns, one for each pattern, counted from the same corpus.
        baseline: what to compare with, one or several; they are measured first, whether they are among the others or not.
        weights: each slice's share of the bytes of a mixture: see `tokkit.counts.slice_weights`.
        documents: the text that the tables were counted from, read once; foreign vocabularies need it, and no other does.
        jobs: threads to encode with; 0 is every core.
        progress: called with the bytes of distinct pretokens encoded so far, and those of all vocabularies of ranks.

    Raises:
        MismatchError: a vocabulary's pattern is not the one by which the counts were cut; `documents` are other text.
        InputError: no vocabulary, two of the same name, an empty table, or a foreign vocabulary without documents.

    Example:
        >>> from tokkit.counts import count_texts
        >>> from tokkit.vocabulary import Vocabulary
        >>> letters = Vocabulary("bytes", r"\S+|\s+", tuple(bytes([byte]) for byte in range(256)))
        >>> pairs = Vocabulary("pairs", letters.pattern, (*letters.tokens, b"ab"))
        >>> table = count_texts(["abab a"], pattern=letters.pattern, language="en", domain="demo")
        >>> [(row.vocabulary, row.tokens, row.change) for row in report([pairs], table, baseline=letters).rows]
        [('bytes', 6, 0.0), ('bytes', 6, 0.0), ('pairs', 4, -0.33333333333333337), ('pairs', 4, -0.33333333333333337)]
    """
    compared = [] if baseline is None else list(baseline) if isinstance(baseline, Sequence) else [baseline]
    measured = _measured(compared, vocabularies)
    by_pattern = tables if isinstance(tables, Mapping) else {tables.pattern: tables}
    foreign = [each for each in measured if isinstance(each, ForeignVocabulary)]
    folds = max((table.folds for table in by_pattern.values()), default=0)
    n_tokens = count_tokens(foreign, documents_for(foreign, documents), folds=folds) if foreign else {}
    rows: list[Row] = []
    baseline_rows: list[Row] = []
    baseline_draws: Drawn | None = None
    mixtures: list[Mixture] = []
    han: dict[str, NDArray[np.int64]] = {}  # by pattern: a table's Han characters are the same for every vocabulary
    of_ranks = [each for each in measured if not isinstance(each, ForeignVocabulary)]
    n_bytes = {each: _table_for(each, by_pattern).data.size for each in of_ranks}
    done = 0
    for vocabulary in measured:
        table = _table_for(vocabulary, by_pattern)
        if table.pattern not in han:
            han[table.pattern] = _han_characters(table)
        if isinstance(vocabulary, ForeignVocabulary):
            parts = _foreign_rows(vocabulary, table, han[table.pattern], n_tokens[vocabulary.name])
        else:
            advance = None if progress is None else partial(_advance, progress, done, sum(n_bytes.values()))
            tokens = tokens_per_pretoken(vocabulary, table.data, table.starts, jobs=jobs, progress=advance)
            done += n_bytes[vocabulary]
            parts = _slice_rows(vocabulary, table, tokens.astype(np.int64), han[table.pattern])
        slices = _added_up(parts) if folds else parts
        if compared:
            baseline_rows = baseline_rows or slices
            slices = [
                replace(row, baseline_tokens=base.tokens) for row, base in zip(slices, baseline_rows, strict=True)
            ]
        places = [*slices, *_totals(slices)]
        if folds:
            draws = drawn_tokens(table.slices, [row.tokens for row in parts], folds)
            baseline_draws = baseline_draws or (draws if compared else None)
            places = with_intervals(places, draws, baseline_draws)
        rows += places
        if weights is not None:
            mixtures.append(_mixture(slices, weights))
    return Report(
        tuple((vocabulary.name, vocabulary.n_vocab, vocabulary.sha256) for vocabulary in measured),
        tuple(rows),
        tuple(each.name for each in measured[: len(compared)]),
        weights,
        tuple(mixtures),
        {each.name: each.semantics for each in foreign},
        folds,
    )


def _measured(
    baselines: Sequence[Vocabulary | ForeignVocabulary], vocabularies: Sequence[Vocabulary | ForeignVocabulary]
) -> list[Vocabulary | ForeignVocabulary]:
    """Return the baselines and then the others, each once; refuse two of one name."""
    measured = list(baselines)
    known = {(each.name, each.sha256) for each in baselines}
    measured += [each for each in vocabularies if (each.name, each.sha256) not in known]
    names = [vocabulary.name for vocabulary in measured]
    if not measured or len(set(names)) < len(names):
        raise InputError(
            f"vocabularies to compare need different names: {', '.join(names) or 'there is none'}",
            "write one again with another --name",
        )
    return measured


def _foreign_rows(
    vocabulary: ForeignVocabulary,
    table: CountsTable,
    han: NDArray[np.int64],
    n_tokens: Mapping[tuple[str, str, int], int],
) -> list[Row]:
    other = sorted(n_tokens.keys() ^ {(*part.key, part.fold or 0) for part in table.slices})
    if other and table.folds and {each[:2] for each in n_tokens} == {part.key for part in table.slices}:
        raise MismatchError(
            f"the text and its counts do not have the same documents in each fold: {'-'.join(other[0][:2])}",
            "measure text files of more than a block without folds, or as JSON Lines",
        )
    if other:
        raise MismatchError(f"the text and its counts do not have the same slices: {'-'.join(other[0][:2])}")
    return [
        Row(
            vocabulary.name,
            part.language,
            part.domain,
            part.documents,
            part.bytes,
            part.characters,
            n_tokens[(*part.key, part.fold or 0)],
            int(han[first:last] @ table.counts[first:last]),
            None,
        )
        for part, (first, last) in zip(table.slices, slice_rows(table), strict=True)
    ]


def _table_for(vocabulary: Vocabulary | ForeignVocabulary, tables: Mapping[str, CountsTable]) -> CountsTable:
    """Return the table that a vocabulary's pattern cut; for a foreign one, which is measured on text, any for its totals."""
    if isinstance(vocabulary, ForeignVocabulary):
        return next(iter(tables.values()))
    table = tables.get(vocabulary.pattern)
    if table is None:
        raise MismatchError(
            f"{vocabulary.name} splits by another pattern than the counts: by {pattern_shown(vocabulary.pattern)}, "
            f"not {' or '.join(map(pattern_shown, tables))}",
            "give the corpus itself instead of its counts, and it is counted by each pattern",
        )
    if not len(table):
        raise InputError("the counts are empty: there is nothing to measure on")
    return table


def _advance(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _slice_rows(
    vocabulary: Vocabulary, table: CountsTable, tokens: NDArray[np.int64], han: NDArray[np.int64]
) -> list[Row]:
    rows = []
    for part, (first, last) in zip(table.slices, slice_rows(table), strict=True):
        counts = table.counts[first:last]
        with_han = han[first:last] > 0
        rows.append(
            Row(
                vocabulary.name,
                part.language,
                part.domain,
                part.documents,
                part.bytes,
                part.characters,
                int(tokens[first:last] @ counts),
                int(han[first:last] @ counts),
                int(tokens[first:last][with_han] @ counts[with_han]),
            )
        )
    return rows


def _han_characters(table: CountsTable) -> NDArray[np.int64]:
    counts = np.empty(len(table), np.int32)
    count_members(table.data, table.starts, script_table("Han"), counts)
    return counts.astype(np.int64)


def _added_up(parts: Sequence[Row]) -> list[Row]:
    """Return a row for each slice, whose folds are together."""
    keys = dict.fromkeys((row.language, row.domain) for row in parts)
    return [_sum([row for row in parts if (row.language, row.domain) == key], *key) for key in keys]


def _totals(slices: Sequence[Row]) -> list[Row]:
    """Return a total for each language that has several slices, then one for everything."""
    languages = list(dict.fromkeys(row.language for row in slices))
    totals = []
    for language in languages:
        of_language = [row for row in slices if row.language == language]
        if len(of_language) > 1:
            totals.append(_sum(of_language, language))
    return [*totals, _sum(slices, None)]


def _sum(rows: Sequence[Row], language: str | None, domain: str | None = None) -> Row:
    with_baseline = rows[0].baseline_tokens is not None
    return Row(
        rows[0].vocabulary,
        language,
        domain,
        sum(row.documents for row in rows),
        sum(row.bytes for row in rows),
        sum(row.characters for row in rows),
        sum(row.tokens for row in rows),
        sum(row.han_characters for row in rows),
        None if rows[0].han_tokens is None else sum(row.han_tokens or 0 for row in rows),
        sum(row.baseline_tokens or 0 for row in rows) if with_baseline else None,
    )


def _mixture(slices: Sequence[Row], weights: Mapping[tuple[str, str], float]) -> Mixture:
    """Return bytes per token of a mixture: shares are of bytes, so that tokens per byte add up."""
    tokens = baseline_tokens = 0.0
    for row in slices:
        share = weights[row.language or "", row.domain or ""]
        if row.bytes:
            tokens += share * row.tokens / row.bytes
            baseline_tokens += share * (row.baseline_tokens or 0) / row.bytes
    return Mixture(slices[0].vocabulary, 1 / tokens, tokens / baseline_tokens - 1 if baseline_tokens else None)
