"""Split and count pretokens. Every contestant has the texts in memory, but those that say that they read files."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import data
from benchmarks.child import Job, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokkit.counts import CountsTable
    from tokkit.counts_counter import Counter as TokkitCounter


def tokkit(job: Job) -> Ready:
    """Count, and leave the pretokens in the order of a hash table, as the others do."""
    from tokkit.counts import counter_of

    pattern = job.options["pattern"]
    texts = data.read(job.data)
    counter_of(["warm up"], pattern)
    return Ready(lambda: counter_of(texts, pattern), counter_lines)


def tokkit_table(job: Job) -> Ready:
    """Count, and sort the pretokens, as a counts table has them."""
    from tokkit.counts import count_texts

    pattern = job.options["pattern"]
    texts = data.read(job.data)
    count_texts(["warm up"], pattern)
    return Ready(lambda: count_texts(texts, pattern), table_lines)


def tokkit_files(job: Job) -> Ready:
    """Read JSON Lines, plain or compressed, and count, as `tokkit count` does."""
    from tokkit import corpus
    from tokkit.counts import count

    pattern = job.options["pattern"]
    path = Path(job.data)
    if job.options.get("compressed"):
        path = _compressed(path)
    count(corpus.find([data.warm_up()]), pattern=pattern)
    # Two jobs want two files; a block of one is dealt to nobody else.
    files = corpus.find([path] if job.cores == 1 else _halves(path))
    return Ready(lambda: count(files, pattern=pattern, jobs=job.cores).table, table_lines)


def regex_counter(job: Job) -> Ready:
    import regex

    texts = data.read(job.data)
    compiled = regex.compile(job.options["pattern"])
    counts: Counter[str] = Counter()

    def run() -> None:
        for text in texts:
            counts.update(compiled.findall(text))

    return Ready(run, lambda _: lines((pretoken.encode(), n) for pretoken, n in counts.items()))


def tokenizers_counter(job: Job) -> Ready:
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Split

    texts = data.read(job.data)
    splitter = Split(Regex(job.options["portable_pattern"]), "isolated")
    counts: Counter[str] = Counter()

    def run() -> None:
        for text in texts:
            counts.update(piece for piece, _ in splitter.pre_tokenize_str(text))

    return Ready(run, lambda _: lines((pretoken.encode(), n) for pretoken, n in counts.items()))


def ffbpe(job: Job) -> Ready:
    from ffbpe.pretokenizer import PreTokenizer

    texts = data.read(job.data)
    counter = PreTokenizer([], pat_str=job.options["pattern"]).word_counter()
    return Ready(
        lambda: counter.add_batch(texts),
        lambda _: lines((pretoken.encode(), n) for pretoken, n in counter.words().items()),
    )


def gigatoken(job: Job) -> Ready:
    """GPT-2's split, the only one it counts by; what it gives back is a Python list."""
    from gigatoken.gigatoken_rs import pretokenized_counts

    separator = data.SPECIALS[0].encode()
    text = separator.join(text.encode() for text in data.read(job.data))
    return Ready(
        lambda: pretokenized_counts(text, separator),
        lambda found: lines((bytes(pretoken), n) for pretoken, n in found),
    )


def counter_lines(counter: TokkitCounter) -> Iterable[bytes]:
    rows = counter.unsorted()
    bounds = rows.starts.tolist()
    pretokens = (rows.data[start:stop].tobytes() for start, stop in pairwise(bounds))
    return lines(zip(pretokens, rows.counts.tolist(), strict=True))


def table_lines(table: CountsTable) -> Iterable[bytes]:
    return lines((table.pretoken(row), int(table.counts[row])) for row in range(len(table)))


def lines(counts: Iterable[tuple[bytes, int]]) -> Iterable[bytes]:
    """Return a line a pretoken, sorted: its bytes in hexadecimal, a tab, its count."""
    return sorted(b"%s\t%d" % (pretoken.hex().encode(), n) for pretoken, n in counts if pretoken)


def _compressed(path: Path) -> Path:
    import pyarrow as pa

    target = path.with_suffix(".jsonl.zst")
    if not target.exists():
        with pa.CompressedOutputStream(str(target), "zstd") as stream:
            stream.write(path.read_bytes())
    return target


def _halves(path: Path) -> list[Path]:
    halves = [path.with_name(f"{path.stem}-half-{number}.jsonl") for number in (1, 2)]
    if not all(half.exists() for half in halves):
        content = path.read_bytes()
        middle = content.index(b"\n", len(content) // 2) + 1
        halves[0].write_bytes(content[:middle])
        halves[1].write_bytes(content[middle:])
    return halves
