"""Encode texts with cl100k_base to lists of ids, cold: each text is met for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import data
from benchmarks.child import Job, Ready
from benchmarks.contest_learn import named_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WARM_UP = "compiled before the clock starts"


def tokkit(job: Job) -> Ready:
    from tokkit.bases import load_base
    from tokkit.encode import encode

    base = load_base("cl100k_base")
    return _each(job, lambda text: encode(base, text))


def tokkit_pretokens(job: Job) -> Ready:
    """The distinct pretokens of the texts, which is what learning and reports encode."""
    from tokkit.bases import load_base
    from tokkit.counts import count_texts
    from tokkit.encode import encode_arrays

    base = load_base("cl100k_base")
    table = count_texts(data.read(job.data), base.pattern)
    encode_arrays(base, table.data[: table.starts[1]], table.starts[:2], shortcut=True)
    return Ready(
        lambda: encode_arrays(base, table.data, table.starts, shortcut=True),
        lambda found: [str(found[0].size).encode()],
        table.data.size,
    )


def tiktoken(job: Job) -> Ready:
    return _each(job, _tiktoken(job).encode_ordinary)


def tokenizers(job: Job) -> Ready:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(job.options["base_json"])
    tokenizer.encode_special_tokens = True
    return _batch(
        job,
        lambda texts: tokenizer.encode_batch_fast(texts, add_special_tokens=False),
        lambda found: (encoding.ids for encoding in found),
    )


def fastokens(job: Job) -> Ready:
    import fastokens

    tokenizer = fastokens.Tokenizer.from_tiktoken(job.options["base_ranks"], encoding="cl100k_base")
    return _batch(job, tokenizer.encode_batch, lambda found: (encoding.ids for encoding in found))


def gigatoken(job: Job) -> Ready:
    import gigatoken

    encoding = gigatoken.Tokenizer.from_tiktoken(job.options["base_ranks"], "cl100k").as_tiktoken()
    return _batch(job, lambda texts: encoding.encode_ordinary_batch(texts, num_threads=1), iter)


def ffbpe(job: Job) -> Ready:
    """With the merges of tokenizer.json: those that it infers from ranks alone give other ids."""
    import json
    from pathlib import Path

    from ffbpe.encoder import BpeEncoder

    named = json.loads(Path(job.options["base_json"]).read_text(encoding="utf-8"))["model"]["merges"]
    merges = [(named_bytes(left), named_bytes(right)) for left, right in named]
    encoder = BpeEncoder("byte", merges=merges, vocab=_ranks(job), pat_str=job.options["pattern"])
    return _each(job, encoder.encode)


def quicktok(job: Job) -> Ready:
    import quicktok

    return _each(job, quicktok.get_encoding("cl100k_base").encode_ordinary)


def one_text(job: Job) -> Ready:
    """tokkit on one long text."""
    from tokkit.bases import load_base
    from tokkit.encode import encode

    base = load_base("cl100k_base")
    (text,) = data.read(job.data)
    encode(base, WARM_UP)
    return Ready(lambda: encode(base, text), lambda ids: [str(len(ids)).encode()])


def _each(job: Job, encode: Callable[[str], Sequence[int]]) -> Ready:
    texts = data.read(job.data)
    encode(WARM_UP)
    return Ready(lambda: [encode(text) for text in texts], id_lines)


def _batch(job: Job, encode: Callable[[list[str]], Any], ids: Callable[[Any], Iterable[Sequence[int]]]) -> Ready:
    texts = data.read(job.data)
    encode([WARM_UP])
    return Ready(lambda: list(ids(encode(texts))), id_lines)


def id_lines(found: Iterable[Sequence[int]]) -> Iterable[bytes]:
    """Return a line a text: its ids."""
    return (" ".join(map(str, ids)).encode() for ids in found)


def _ranks(job: Job) -> dict[bytes, int]:
    from base64 import b64decode
    from pathlib import Path

    lines = (line.split() for line in Path(job.options["base_ranks"]).read_bytes().splitlines())
    return {b64decode(token): int(rank) for token, rank in lines}


def _tiktoken(job: Job) -> Any:
    import tiktoken

    return tiktoken.Encoding("base", pat_str=job.options["pattern"], mergeable_ranks=_ranks(job), special_tokens={})
