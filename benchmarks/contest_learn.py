"""Learn BPE from texts: count, encode and learn, down to pairs that stand once, as every peer does by itself."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import data
from benchmarks.child import Job, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokkit.learn import LearnedTokens
    from tokkit.vocabulary import Vocabulary

PRINTABLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
# The order in which tokenizers numbers the bytes: those that stand for themselves, then the others. It decides ties.
ORDER = [*sorted(PRINTABLE), *(byte for byte in range(256) if byte not in PRINTABLE)]
STANDS_FOR = {chr(byte if byte in PRINTABLE else 256 + ORDER.index(byte) - len(PRINTABLE)): byte for byte in ORDER}


def tokkit(job: Job) -> Ready:
    """Read the file, count, encode, learn."""
    from tokkit import corpus
    from tokkit.counts import count
    from tokkit.learn import learn

    base, size = _base(job), job.options["size"]
    files = corpus.find([job.data])
    _warm_up(base)
    return Ready(
        lambda: learn(count(files, pattern=base.pattern).table, base, size, min_count=1, exact=False), learned_lines
    )


def tokkit_lines(job: Job) -> Ready:
    """The same, each line a document, from texts in memory."""
    from tokkit.counts import count_texts
    from tokkit.learn import learn

    base, size = _base(job), job.options["size"]
    texts = "\n".join(data.read(job.data)).splitlines(keepends=True)
    return Ready(lambda: learn(count_texts(texts, base.pattern), base, size, min_count=1, exact=False), learned_lines)


def tokkit_table(job: Job) -> Ready:
    """From a counts table in memory: encode, learn."""
    from tokkit import corpus
    from tokkit.counts import count
    from tokkit.learn import learn

    base, size = _base(job), job.options["size"]
    table = count(corpus.find([job.data]), pattern=base.pattern).table
    _warm_up(base)
    return Ready(lambda: learn(table, base, size, min_count=1, exact=False), learned_lines)


def rustbpe(job: Job) -> Ready:
    import rustbpe

    texts = data.read(job.data)
    tokenizer = rustbpe.Tokenizer()
    return Ready(
        lambda: tokenizer.train_from_iterator(iter(texts), 256 + job.options["size"], pattern=job.options["pattern"]),
        lambda _: token_lines([bytes(token) for token, _ in tokenizer.get_mergeable_ranks()][256:]),
    )


def ffbpe(job: Job) -> Ready:
    from ffbpe.pretokenizer import PreTokenizer
    from ffbpe.trainer import BpeTrainer

    texts = data.read(job.data)

    def run() -> BpeTrainer:
        counter = PreTokenizer([], pat_str=job.options["pattern"]).word_counter()
        counter.add_source(texts)
        trainer = BpeTrainer([], unit="byte", tie_break="smallest_pair_id")
        trainer.add_word_counter(counter)
        trainer.train(256 + job.options["size"])
        return trainer

    return Ready(run, lambda trainer: token_lines(sorted(trainer.vocab, key=trainer.vocab.__getitem__)[256:]))


def tokenizers(job: Job) -> Ready:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    texts = data.read(job.data)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(job.options["portable_pattern"]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=256 + job.options["size"],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    return Ready(
        lambda: tokenizer.train_from_iterator(texts, trainer), lambda _: named_lines(tokenizer.get_vocab(), 256)
    )


def gigabpe(job: Job) -> Ready:
    """GPT-2's split, line by line; it reads a file of its own, and numbers only the bytes that it meets."""
    import gigabpe

    size = job.options["size"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False, encoding="utf-8", newline="") as file:
        file.write("\n".join(data.read(job.data)))

    def run() -> list[tuple[str, str]]:
        merges: list[tuple[str, str]] = gigabpe.train_bpe(
            [file.name], 256 + size, special_tokens=[], pretokenizer="bytelevel", threads=1
        )[1]
        Path(file.name).unlink()
        return merges[:size]

    return Ready(run, lambda merges: token_lines([named_bytes(left + right) for left, right in merges]))


def gigatoken(job: Job) -> Ready:
    """GPT-2's split; documents lie in one string with separators between them."""
    import gigatoken

    separator = data.SPECIALS[0]
    text = separator.encode().join(text.encode() for text in data.read(job.data))
    return Ready(
        lambda: gigatoken.train_bpe(text, 257 + job.options["size"], [separator], "huggingface", separator.encode()),
        lambda trained: token_lines([left + right for left, right in trained[1]]),
    )


def bpe_continue(job: Job) -> Ready:
    import bpe_continue

    texts = data.read(job.data)
    base = job.options["base_json"]
    n_base = len(json.loads(Path(base).read_text(encoding="utf-8"))["model"]["vocab"])
    return Ready(
        lambda: bpe_continue.continue_training(
            base, texts=texts, vocab_size=n_base + job.options["size"], show_progress=False
        ),
        lambda tokenizer: named_lines(tokenizer.get_vocab(), n_base),
    )


def sentencepiece(job: Job) -> Ready:
    """BPE of characters with byte fallback: another algorithm on another split, so that nothing can be compared but cost."""
    import io

    import sentencepiece as spm

    texts = data.read(job.data)
    model = io.BytesIO()
    return Ready(
        lambda: spm.SentencePieceTrainer.train(
            sentence_iterator=iter("\n".join(texts).splitlines()),
            model_writer=model,
            model_type="bpe",
            vocab_size=job.options["size"] + 259,
            byte_fallback=True,
            normalization_rule_name="identity",
            max_sentence_length=1 << 20,
            hard_vocab_limit=False,
            num_threads=1,
            minloglevel=2,
        ),
        lambda _: [str(len(model.getvalue())).encode()],
    )


def learned_lines(learned: LearnedTokens) -> Iterable[bytes]:
    return token_lines(learned.tokens)


def token_lines(tokens: Sequence[bytes]) -> Iterable[bytes]:
    """Return a line a token, in the order of ranks: its bytes in hexadecimal."""
    return [token.hex().encode() for token in tokens]


def named_lines(vocab: dict[str, int], n_base: int) -> Iterable[bytes]:
    by_id = sorted(vocab, key=vocab.__getitem__)
    return token_lines([named_bytes(token) for token in by_id[n_base:]])


def named_bytes(token: str) -> bytes:
    return bytes(STANDS_FOR[character] for character in token)


def _base(job: Job) -> Vocabulary:
    """Return what to learn on: the bytes in their order or in that of tokenizers, or a cut of cl100k_base."""
    from tokkit.bases import load_base
    from tokkit.select import select
    from tokkit.vocabulary import Vocabulary

    if cut := job.options.get("cut"):
        return select(load_base("cl100k_base"), cut).vocabulary
    numbers = ORDER if job.options.get("order") == "tokenizers" else range(256)
    base = Vocabulary("bytes", job.options["pattern"], tuple(bytes([byte]) for byte in range(256)))
    return replace(base, tokens=tuple(bytes([byte]) for byte in numbers), segments=())


def _warm_up(base: Vocabulary) -> None:
    from tokkit import corpus
    from tokkit.counts import count
    from tokkit.learn import learn

    learn(count(corpus.find([data.warm_up()]), pattern=base.pattern).table, base, 8, min_count=1, exact=False)
