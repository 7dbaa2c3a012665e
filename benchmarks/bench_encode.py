"""Encode text with cl100k_base: tokkit against tiktoken and tokenizers; and the pretokens of a counts table."""

from __future__ import annotations

import tempfile
from functools import partial
from typing import TYPE_CHECKING

from tokkit.bases import load_base
from tokkit.counts import count_texts
from tokkit.encode import encode, encode_arrays
from tokkit.formats import huggingface

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.timing import documents, median_of, print_row, source
else:  # run as a script, its own folder is where Python looks
    from timing import documents, median_of, print_row, source

KINDS = ("en", "code", "zh", "hi")
MEGABYTES = 4


def each_of(encode_text: Callable[[str], list[int]], texts: list[str]) -> list[list[int]]:
    return [encode_text(text) for text in texts]


def main() -> None:
    from tokenizers import Tokenizer

    base = load_base("cl100k_base")
    tiktoken = base.to_tiktoken()
    with tempfile.TemporaryDirectory() as folder:
        huggingface.save(base, folder)
        tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.encode_special_tokens = True
    encode(base, "compiled before the clock starts")
    print(f"texts: {source()}; cl100k_base; one core; median processor time")
    for kind in KINDS:
        texts = documents(kind, MEGABYTES)
        n_bytes = sum(len(text.encode()) for text in texts)
        print(f"{kind}: {n_bytes / 1e6:.1f} MB in {len(texts):,} texts")
        ours, ids = median_of(partial(each_of, partial(encode, base), texts))
        print_row("tokkit: text to list of ids", ours, n_bytes, ours)
        seconds, theirs = median_of(partial(each_of, tiktoken.encode_ordinary, texts), 3)
        assert theirs == ids, "tiktoken has other ids"
        print_row("tiktoken encode_ordinary", seconds, n_bytes, ours)
        seconds, others = median_of(partial(tokenizer.encode_batch_fast, texts, add_special_tokens=False), 1)
        assert [other.ids for other in others] == ids, "tokenizers has other ids"
        print_row("tokenizers encode_batch_fast", seconds, n_bytes, ours)
        table = count_texts(texts, base.pattern)
        pretokens = [table.pretoken(row).decode() for row in range(len(table))]
        ours, (flat, starts) = median_of(partial(encode_arrays, base, table.data, table.starts, shortcut=True))
        print_row("tokkit: distinct pretokens", ours, table.data.size, ours)
        seconds, theirs = median_of(partial(each_of, tiktoken.encode_ordinary, pretokens), 3)
        for row, (pretoken, found) in enumerate(zip(pretokens, theirs, strict=True)):
            # White space is split by what follows it, so cut out of its text it may have other ids.
            assert pretoken.isspace() or found == flat[starts[row] : starts[row + 1]].tolist(), pretoken
        print_row("tiktoken encode_ordinary, the same", seconds, table.data.size, ours)


if __name__ == "__main__":
    main()
