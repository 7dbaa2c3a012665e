"""Word lists with frequencies as counts tables, so that tokens can be learned without a corpus.

A word stands for as many occurrences as its count says; the split pattern cuts it as it cuts text.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tokkit
from tokkit.counts_table import CountsTable, Slice, SliceCounts, summed, table_of
from tokkit.encode import flatten
from tokkit.errors import InputError
from tokkit.pretokenize import pattern_of, split_documents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A frequency of wordfreq times this is a count: its rarest words, one in a hundred million, become 10.
OCCURRENCES = 1_000_000_000


def table_of_words(
    words: Sequence[bytes],
    counts: Sequence[int],
    pattern: str = "cl100k_base",
    *,
    language: str = "und",
    domain: str = "lexicon",
    provenance: Mapping[str, Any] | None = None,
) -> CountsTable:
    """Return the counts table of a word list; each word is one document.

    Args:
        words: the words in valid UTF-8; a word that comes twice counts twice.
        counts: how often each occurs.
        pattern: a split pattern, or the name of a base that has it.
        language: the language of the table's one slice.
        domain: its domain.
        provenance: JSON object: where the words come from.

    Raises:
        InputError: unknown pattern, no words, or a count below 1.

    Example:
        >>> table = table_of_words(["模型".encode(), "v2".encode()], [7, 3])
        >>> {table.pretoken(row).decode(): int(table.counts[row]) for row in range(len(table))}
        {'2': 3, 'v': 3, '模型': 7}
    """
    pattern = pattern_of(pattern)
    weights = np.array(counts, np.int64)
    if not words or len(words) != weights.size or weights.min() < 1:
        raise InputError(f"a word list of {len(words):,} words and {weights.size:,} counts from 1 up was wanted")
    data, bounds = flatten(words)
    lengths = np.diff(bounds)
    characters = np.fromiter((len(word.decode()) for word in words), np.int64, len(words))
    pieces = [starts[:-1].copy() for starts, _ in split_documents(data, bounds, pattern)]
    starts = np.append(np.concatenate(pieces), bounds[-1])
    owners = np.searchsorted(bounds, starts[:-1], side="right") - 1
    rows = summed(data, starts, weights[owners], np.ones(owners.size, np.int64))
    totals = Slice(language, domain, len(words), int(characters @ weights), int(lengths @ weights))
    step = {"step": "words", "tool": tokkit.TOOL, **(provenance or {}), "words": len(words)}
    return table_of([SliceCounts(totals, rows)], pattern, step)


def table_of_lexicon(name: str, pattern: str = "cl100k_base") -> CountsTable:
    """Return the counts table of a lexicon: `wordfreq:LANGUAGE`, the largest frequency list that wordfreq has.

    Args:
        name: `wordfreq:zh`, or another language.
        pattern: as for `table_of_words`.

    Raises:
        InputError: no such lexicon, or wordfreq is not installed.

    Example:
        >>> table = table_of_lexicon("wordfreq:zh")
        >>> len(table) > 300_000, table.slices[0].name
        (True, 'zh-wordfreq')
    """
    language = _list_file(name)[0]
    import wordfreq  # noqa: PLC0415 - an extra, which few verbs need

    frequencies = wordfreq.get_frequency_dict(language, wordlist="best")
    rows = sorted((word.encode(), round(frequency * OCCURRENCES)) for word, frequency in frequencies.items())
    return table_of_words(
        [word for word, _ in rows],
        [max(count, 1) for _, count in rows],
        pattern,
        language=language,
        domain="wordfreq",
        provenance={"lexicon": name, "version": importlib.metadata.version("wordfreq")},
    )


def lexicon_sha256(name: str) -> str:
    """Return the sha256 of the file that a lexicon comes from, without reading the words.

    Raises:
        InputError: as `table_of_lexicon`.

    Example:
        >>> len(lexicon_sha256("wordfreq:zh"))
        64
    """
    return hashlib.sha256(_list_file(name)[1].read_bytes()).hexdigest()


def _list_file(name: str) -> tuple[str, Path]:
    """Return a lexicon's language and the file of its list."""
    source, _, language = name.partition(":")
    if source != "wordfreq" or not language:
        raise InputError(f"no such lexicon: {name}", "the known ones are wordfreq:LANGUAGE, such as wordfreq:zh")
    try:
        import wordfreq  # noqa: PLC0415 - an extra, which few verbs need
    except ImportError:
        raise InputError(f"{name}: the package wordfreq is not installed", "pip install 'tokkit[lexicon]'") from None
    files = wordfreq.available_languages("best")
    if language not in files:
        raise InputError(f"wordfreq has no list for language {language}", f"it has {', '.join(sorted(files))}")
    return language, Path(files[language])
