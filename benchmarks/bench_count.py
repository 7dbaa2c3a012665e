"""Split and count pretokens: tokkit against `regex` with a Counter, and tokenizers' Split with a Counter."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import regex

from tokkit.counts import CountsTable, count_texts
from tokkit.counts_table import Counter as Table
from tokkit.pretokenize import PATTERNS, split_documents

if TYPE_CHECKING:
    from benchmarks.timing import documents, median_of, print_row, source
else:  # run as a script, its own folder is where Python looks
    from timing import documents, median_of, print_row, source

KINDS = ("en", "code", "zh", "hi")
MEGABYTES = 16
PATTERN = PATTERNS["cl100k_base"]


def by_regex(texts: list[str]) -> Counter[str]:
    compiled = regex.compile(PATTERN)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(compiled.findall(text))
    return counts


def by_tokenizers(texts: list[str]) -> Counter[str]:
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Split

    from tokkit.formats.portable import portable_pattern

    splitter = Split(Regex(portable_pattern(PATTERN)), "isolated")
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(piece for piece, _ in splitter.pre_tokenize_str(text))
    return counts


def split_only(data: np.ndarray, bounds: np.ndarray) -> int:
    return sum(starts.size - 1 for starts, _ in split_documents(data, bounds, PATTERN))


def count_only(data: np.ndarray, bounds: np.ndarray) -> Table:
    table = Table()
    table.count(data, bounds, PATTERN, continues=False)
    return table


def as_counter(table: CountsTable) -> Counter[str]:
    return Counter({table.pretoken(row).decode(): int(table.counts[row]) for row in range(len(table))})


def main() -> None:
    print(f"texts: {source()}; pattern: cl100k_base; one core; median processor time")
    for kind in KINDS:
        texts = documents(kind, MEGABYTES)
        encoded = [text.encode() for text in texts]
        bounds = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        data = np.frombuffer(b"".join(encoded), np.uint8)
        n_bytes = data.size
        count_texts(texts[:1], PATTERN)
        ours, table = median_of(partial(count_texts, texts, PATTERN))
        alone, n_pretokens = median_of(partial(split_only, data, bounds))
        assert n_pretokens == int(table.counts.sum())
        print(f"{kind}: {n_bytes / 1e6:.1f} MB, {n_pretokens:,} pretokens, {len(table):,} distinct")
        unsorted, _ = median_of(partial(count_only, data, bounds))
        print_row("tokkit: split", alone, n_bytes, ours)
        print_row("tokkit: split, count", unsorted, n_bytes, ours)
        print_row("tokkit: encode to UTF-8, split, count, sort", ours, n_bytes, ours)
        expected = as_counter(table)
        for name, run in (("regex, Counter", by_regex), ("tokenizers Split, Counter", by_tokenizers)):
            seconds, counts = median_of(partial(run, texts), 1)
            different = list((counts - expected) + (expected - counts))
            # `regex` may follow a newer Unicode than tiktoken and tokenizers: then few pretokens are cut otherwise.
            assert len(different) <= (len(table) // 1_000 if run is by_regex else 0), different[:10]
            print_row(name, seconds, n_bytes, ours)


if __name__ == "__main__":
    main()
