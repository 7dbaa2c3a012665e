"""Learn BPE: tokkit against tokenizers' BpeTrainer and rustbpe, merge for merge; and the worked example's 32,397 tokens."""

from __future__ import annotations

import hashlib
import resource
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tokkit import corpus, counts
from tokkit.bases import load_base
from tokkit.learn import learn
from tokkit.pretokenize import PATTERNS
from tokkit.select import select
from tokkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

if TYPE_CHECKING:
    from benchmarks.timing import CORPUS, documents, median_of, print_row, source
else:  # run as a script, its own folder is where Python looks
    from timing import CORPUS, documents, median_of, print_row, source

KINDS = ("en", "zh")
MEGABYTES = 8
SIZE = 8_000 if CORPUS.is_dir() else 1_000  # English in the sample supports 1,931
PATTERN = PATTERNS["cl100k_base"]
SINGLE = tuple(bytes([byte]) for byte in range(256))
PRINTABLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
# The order in which tokenizers numbers the bytes: those that stand for themselves, then the others.
ORDER = [*sorted(PRINTABLE), *(byte for byte in range(256) if byte not in PRINTABLE)]


def fingerprint(tokens: tuple[bytes, ...] | list[bytes]) -> str:
    digest = hashlib.sha256()
    for token in tokens:
        digest.update(len(token).to_bytes(4) + token)
    return digest.hexdigest()[:12]


def by_tokkit(texts: list[str], base: Vocabulary) -> tuple[bytes, ...]:
    return learn(counts.count_texts(texts, PATTERN), base, SIZE, min_count=1).tokens


def by_tokenizers(texts: list[str]) -> list[bytes]:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    from tokkit.formats.portable import portable_pattern

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(portable_pattern(PATTERN)), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=256 + SIZE, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(texts, trainer)
    stands_for = {chr(byte if byte in PRINTABLE else 256 + ORDER.index(byte) - len(PRINTABLE)): byte for byte in ORDER}
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [bytes(stands_for[character] for character in token) for token, _ in by_id][256:]


def by_rustbpe(texts: list[str]) -> list[bytes]:
    import rustbpe

    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(iter(texts), 256 + SIZE, pattern=PATTERN)
    return [bytes(token) for token, _ in tokenizer.get_mergeable_ranks()][256:]


def compare(kind: str) -> None:
    texts = documents(kind, MEGABYTES)
    n_bytes = sum(len(text.encode()) for text in texts)
    base = Vocabulary("bytes", PATTERN, SINGLE)
    as_there = replace(base, tokens=tuple(bytes([byte]) for byte in ORDER), segments=())
    print(f"{kind}: {n_bytes / 1e6:.1f} MB, {SIZE:,} tokens on the bytes alone")
    ours, tokens = median_of(partial(by_tokkit, texts, base), 3)
    print_row(f"tokkit: count and learn, {fingerprint(tokens)}", ours, n_bytes, ours)
    peers: tuple[tuple[str, Callable[[list[str]], list[bytes]], Vocabulary], ...] = (
        ("rustbpe", by_rustbpe, base),
        ("tokenizers BpeTrainer", by_tokenizers, as_there),
    )
    for name, run, numbered_so in peers:
        try:
            seconds, theirs = median_of(partial(run, texts), 1)
        except ImportError as error:
            print(f"  {name}: skipped, {error}")
            continue
        expected = by_tokkit(texts, numbered_so)
        first = next((i for i, pair in enumerate(zip(expected, theirs, strict=True)) if pair[0] != pair[1]), None)
        assert first is None, f"{name} learns {theirs[first]!r} as token {first}, tokkit {expected[first]!r}"
        print_row(f"{name}, {fingerprint(theirs)}", seconds, n_bytes, ours)


def worked_example() -> None:
    """Continue cl100k[:60004] by 32,397 tokens; no peer does this."""
    base = select(load_base("cl100k_base"), 60_004).vocabulary
    if not CORPUS.is_dir():
        print("32,397 tokens on cl100k[:60004]: skipped, there is no shared corpus with enough text")
        return
    labels = corpus.Labels(path_pattern="{language}-{domain}.jsonl.zst")
    files = [file for file in corpus.find(CORPUS, labels) if file.language == "zh"]
    seconds, counted = median_of(partial(counts.count, files, labels), 1)
    table = counted.table
    print(f"32,397 tokens on cl100k[:60004]: {table.n_bytes / 1e6:.0f} MB of Chinese, {len(table):,} rows")
    print_row("tokkit: read, decompress, parse, count", seconds, table.n_bytes, seconds)
    for script in (None, "Han"):
        seconds, learned = median_of(partial(learn, table, base, 32_397, script=script), 1)
        print_row(f"tokkit: learn, script {script}, {fingerprint(learned.tokens)}", seconds, table.n_bytes, seconds)
    print(f"  most memory so far: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def main() -> None:
    print(f"texts: {source()}; pattern: cl100k_base; one core; median processor time")
    for kind in KINDS:
        compare(kind)
    worked_example()


if __name__ == "__main__":
    main()
