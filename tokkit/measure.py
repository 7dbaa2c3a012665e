"""Compression of vocabularies on counts tables: exact token counts, and ratios of sums, per slice and in all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_table import slice_rows
from tokkit.encode import tokens_per_pretoken
from tokkit.errors import InputError, MismatchError
from tokkit.kernels.scripts import count_members
from tokkit.unicode import script_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable
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
        han_tokens: tokens of the pretokens that have a Han character.
        baseline_tokens: what the baseline needs for the same text; None without a baseline.
    """

    vocabulary: str
    language: str | None
    domain: str | None
    documents: int
    bytes: int
    characters: int
    tokens: int
    han_characters: int
    han_tokens: int
    baseline_tokens: int | None = None

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
        return self.han_tokens / self.han_characters if self.han_characters else None

    @property
    def change(self) -> float | None:
        """Change in tokens against the baseline, -0.25 for a quarter fewer; None without a baseline."""
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
        baseline: name of the baseline, which is one of the vocabularies; None without.
        weights: share of the bytes of each slice (they add up to one) for `mixtures`; None without.
        mixtures: one for each vocabulary, where there are weights.
    """

    vocabularies: tuple[tuple[str, int, str], ...]
    rows: tuple[Row, ...]
    baseline: str | None = None
    weights: Mapping[tuple[str, str], float] | None = None
    mixtures: tuple[Mixture, ...] = ()


def report(
    vocabularies: Sequence[Vocabulary],
    tables: CountsTable | Mapping[str, CountsTable],
    *,
    baseline: Vocabulary | None = None,
    weights: Mapping[tuple[str, str], float] | None = None,
) -> Report:
    r"""Measure vocabularies on the same text.

    Args:
        vocabularies: the vocabularies, with different names.
        tables: a counts table; or, for vocabularies of several patterns, one for each pattern, counted from the same corpus.
        baseline: the vocabulary to compare with; it is measured first, whether it is among the others or not.
        weights: each slice's share of the bytes of a mixture: see `tokkit.counts.slice_weights`.

    Raises:
        MismatchError: a vocabulary's pattern is not the one by which the counts were cut.
        InputError: no vocabulary, two of the same name, or an empty table.

    Example:
        >>> from tokkit.counts import count_texts
        >>> from tokkit.vocabulary import Vocabulary
        >>> letters = Vocabulary("bytes", r"\S+|\s+", tuple(bytes([byte]) for byte in range(256)))
        >>> pairs = Vocabulary("pairs", letters.pattern, (*letters.tokens, b"ab"))
        >>> table = count_texts(["abab a"], pattern=letters.pattern, language="en", domain="demo")
        >>> [(row.vocabulary, row.tokens, row.change) for row in report([pairs], table, baseline=letters).rows]
        [('bytes', 6, 0.0), ('bytes', 6, 0.0), ('pairs', 4, -0.33333333333333337), ('pairs', 4, -0.33333333333333337)]
    """
    measured = list(vocabularies)
    if baseline is not None:
        measured = [
            baseline,
            *(each for each in measured if each.name != baseline.name or each.sha256 != baseline.sha256),
        ]
    names = [vocabulary.name for vocabulary in measured]
    if not measured or len(set(names)) < len(names):
        raise InputError(
            f"vocabularies to compare need different names: {', '.join(names) or 'there is none'}",
            "write one again with another --name",
        )
    by_pattern = tables if isinstance(tables, Mapping) else {tables.pattern: tables}
    rows: list[Row] = []
    baseline_rows: list[Row] = []
    mixtures: list[Mixture] = []
    for vocabulary in measured:
        table = _table_for(vocabulary, by_pattern)
        slices = _slice_rows(vocabulary, table)
        if baseline is not None:
            baseline_rows = baseline_rows or slices
            slices = [
                replace(row, baseline_tokens=base.tokens) for row, base in zip(slices, baseline_rows, strict=True)
            ]
        rows += [*slices, *_totals(slices)]
        if weights is not None:
            mixtures.append(_mixture(slices, weights))
    return Report(
        tuple((vocabulary.name, vocabulary.n_vocab, vocabulary.sha256) for vocabulary in measured),
        tuple(rows),
        baseline.name if baseline is not None else None,
        weights,
        tuple(mixtures),
    )


def _table_for(vocabulary: Vocabulary, tables: Mapping[str, CountsTable]) -> CountsTable:
    table = tables.get(vocabulary.pattern)
    if table is None:
        raise MismatchError(
            f"{vocabulary.name} splits by another pattern than the counts: {vocabulary.pattern}",
            "give the corpus itself instead of its counts, and it is counted by each pattern",
        )
    if not len(table):
        raise InputError("the counts are empty: there is nothing to measure on")
    return table


def _slice_rows(vocabulary: Vocabulary, table: CountsTable) -> list[Row]:
    tokens = tokens_per_pretoken(vocabulary, table.data, table.starts).astype(np.int64)
    han = _han_characters(table)
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


def _totals(slices: Sequence[Row]) -> list[Row]:
    """Return a total for each language that has several slices, then one for everything."""
    languages = list(dict.fromkeys(row.language for row in slices))
    totals = []
    for language in languages:
        of_language = [row for row in slices if row.language == language]
        if len(of_language) > 1:
            totals.append(_sum(of_language, language))
    return [*totals, _sum(slices, None)]


def _sum(rows: Sequence[Row], language: str | None) -> Row:
    with_baseline = rows[0].baseline_tokens is not None
    return Row(
        rows[0].vocabulary,
        language,
        None,
        sum(row.documents for row in rows),
        sum(row.bytes for row in rows),
        sum(row.characters for row in rows),
        sum(row.tokens for row in rows),
        sum(row.han_characters for row in rows),
        sum(row.han_tokens for row in rows),
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
