"""The same ids from tiktoken, tokenizers, transformers and our own encoder, on hostile, generated and real text."""

from __future__ import annotations

import io
import itertools
import json
import random
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
import tiktoken as peer_tiktoken
from tokenizers import Tokenizer

from tests.hostile import HOSTILE
from tokkit.encode import decode, decode_bytes, encode
from tokkit.formats import huggingface
from tokkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SEED = 92_672


class Peers(NamedTuple):
    """One vocabulary in every runtime; transformers only where a test asks for it, because it is slow to load."""

    vocabulary: Vocabulary
    tiktoken: peer_tiktoken.Encoding
    tokenizers: Tokenizer
    folder: Path


def peers_of(vocabulary: Vocabulary, folder: Path) -> Peers:
    huggingface.save(vocabulary, folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # specials' names in text are text, as in tiktoken's encode_ordinary
    return Peers(vocabulary, vocabulary.to_tiktoken(), tokenizer, folder)


@pytest.fixture(scope="module")
def extended(chinese, tmp_path_factory) -> Peers:
    """cl100k's prefix, Chinese tokens, a special token and spares."""
    return peers_of(chinese, tmp_path_factory.mktemp("extended"))


@pytest.fixture(scope="module")
def auto(extended) -> Any:
    """What transformers makes of the folder by itself."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(extended.folder)


@pytest.fixture(scope="module")
def base(cl100k, tmp_path_factory) -> Peers:
    return peers_of(cl100k, tmp_path_factory.mktemp("base"))


def assert_same_ids(ours: Sequence[int], theirs: Sequence[int], who: str, what: str) -> None:
    for index, (our, their) in enumerate(itertools.zip_longest(ours, theirs)):
        assert our == their, f"{what}: id {index} is {our} by tokkit and {their} by {who}"


def assert_peers_agree(peers: Peers, texts: list[str], names: Sequence[str], transformers: Any = None) -> int:
    """Compare all texts in every runtime, transformers where it is given, and return how many ids there were."""
    total = 0
    if transformers is not None:
        for name, text, ids in zip(names, texts, transformers(texts)["input_ids"], strict=True):
            assert_same_ids(encode(peers.vocabulary, text), ids, "transformers", name)
    by_tiktoken = peers.tiktoken.encode_ordinary_batch(texts, num_threads=1)
    by_tokenizers = peers.tokenizers.encode_batch_fast(texts, add_special_tokens=False)
    for name, text, theirs, other in zip(names, texts, by_tiktoken, by_tokenizers, strict=True):
        ours = encode(peers.vocabulary, text)
        if ours != theirs or ours != other.ids:
            assert_same_ids(ours, theirs, "tiktoken", name)
            assert_same_ids(ours, other.ids, "tokenizers", name)
        assert decode_bytes(peers.vocabulary, ours) == text.encode(), name
        total += len(ours)
    return total


@pytest.mark.parametrize("vocabulary", ["extended", "base"])
def test_hostile_texts(vocabulary, request) -> None:
    peers = request.getfixturevalue(vocabulary)
    assert_peers_agree(peers, list(HOSTILE.values()), list(HOSTILE))


def test_the_base_has_the_ids_of_tiktokens_own_encoding(base, monkeypatch) -> None:
    """Not only of an Encoding that we made, but of the one that tiktoken makes itself, from the same rank file."""
    import tiktoken_ext.openai_public as published  # type: ignore[import-untyped]

    monkeypatch.setattr(published, "load_tiktoken_bpe", lambda *_, **__: base.vocabulary.ranks)
    theirs = peer_tiktoken.Encoding(**published.cl100k_base())
    for name, text in HOSTILE.items():
        assert_same_ids(encode(base.vocabulary, text), theirs.encode_ordinary(text), "tiktoken", name)
        assert_same_ids(
            encode(base.vocabulary, text, specials=True), theirs.encode(text, allowed_special="all"), "tiktoken", name
        )


def test_transformers_loads_the_folder_and_agrees(extended, auto) -> None:
    start = len(extended.vocabulary.tokens)
    assert len(auto) == extended.vocabulary.n_vocab
    assert auto.is_fast
    assert (auto.bos_token, auto.eos_token, auto.unk_token, auto.pad_token) == (
        None,
        None,
        None,
        None,
    )
    for name, text in HOSTILE.items():
        ids = auto(text)["input_ids"]
        assert_same_ids(encode(extended.vocabulary, text), ids, "transformers", name)
        assert auto.decode(ids) == text, name
    assert auto.decode([start, start + 1]) == "<|endoftext|><|spare_0|>"
    assert auto.decode([start, 97, start + 1], skip_special_tokens=True) == decode(extended.vocabulary, [97])


def test_transformers_takes_special_names_as_text_unless_asked(extended, auto) -> None:
    from transformers import AutoTokenizer

    text = "a<|endoftext|>b<|spare_1|>"
    as_text, as_specials = encode(extended.vocabulary, text), encode(extended.vocabulary, text, specials=True)
    assert as_text != as_specials
    assert auto(text)["input_ids"] == as_text
    assert auto(text, split_special_tokens=False)["input_ids"] == as_specials
    willing = AutoTokenizer.from_pretrained(extended.folder, split_special_tokens=False)
    assert willing(text)["input_ids"] == as_specials


def test_a_save_by_transformers_comes_back_as_the_same_vocabulary(extended, auto, tmp_path) -> None:
    auto.save_pretrained(tmp_path)
    loaded = huggingface.load(tmp_path)
    for part in ("name", "pattern", "tokens", "special_tokens", "segments", "provenance"):
        assert getattr(loaded, part) == getattr(extended.vocabulary, part), part


def test_special_names_in_every_runtime_when_asked(extended) -> None:
    text = "<|endoftext|>我们<|spare_0|> <|spare_1|><|endoftext|"
    ours = encode(extended.vocabulary, text, specials=True)
    start = len(extended.vocabulary.tokens)
    assert ours[0] == start
    assert [token_id for token_id in ours if token_id >= start] == [start, start + 1, start + 2]
    assert extended.tiktoken.encode(text, allowed_special="all") == ours
    default = Tokenizer.from_file(str(extended.folder / "tokenizer.json"))
    assert default.encode(text).ids == ours, "tokenizers takes names as special tokens unless told otherwise"


def merge_graph_texts(vocabulary: Vocabulary, number: int, seed: int) -> list[str]:
    """Return texts made of tokens that merging may join: random ones, the last ones, and parts and neighbours of each.

    Most break at a token's inside (a tail of one, then a head of another), where a wrong order of merges would show.
    """
    rng = random.Random(seed)
    tokens = [token for token in vocabulary.tokens if token]
    added = tokens[60_004:] or tokens
    by_first: dict[int, list[bytes]] = {}
    for token in rng.sample(tokens, 20_000) + added:
        by_first.setdefault(token[0], []).append(token)
    texts: dict[str, None] = {}  # each once, in order
    while len(texts) < number:
        parts: list[bytes] = []
        for _ in range(rng.randint(1, 6)):
            token = rng.choice(added if rng.random() < 0.5 else tokens)
            kind = rng.random()
            if kind < 0.3:
                token = token[rng.randrange(len(token)) :]
            elif kind < 0.6:
                token = token[: rng.randint(1, len(token))]
            elif kind < 0.7:
                token *= rng.randint(2, 5)
            elif parts:
                token = rng.choice(by_first.get(parts[-1][-1], [token]))
            parts.append(token)
        # Bytes outside whole characters go: these are texts to encode, and what is left is joined anew.
        texts[b"".join(parts).decode("utf-8", "ignore")] = None
    return list(texts)


@pytest.mark.parametrize("vocabulary", ["extended", "base"])
def test_20_000_texts_from_the_merge_graph(vocabulary, request) -> None:
    peers = request.getfixturevalue(vocabulary)
    texts = merge_graph_texts(peers.vocabulary, 20_000, SEED)
    names = [f"seed {SEED}, text {index} {text!r}" for index, text in enumerate(texts)]
    transformers = request.getfixturevalue("auto") if vocabulary == "extended" else None
    n_ids = assert_peers_agree(peers, texts, names, transformers)
    assert n_ids > 80_000


def test_a_naive_append_has_equal_ids_too(prefix, tmp_path) -> None:
    """Dead tokens: whole words without merge paths. They break the laws, and the export still has tiktoken's ids."""
    words = [
        "我们",
        "中华人民共和国",
        "人工智能",
        "的一个",
        "憂鬱",
        "龘龘",
        "！！！。",
        " zqxj",
        "zqxjkv",
        "。。。。。",
    ]
    tokens = prefix.tokens + tuple(word.encode() for word in words if word.encode() not in prefix.ranks)
    naive = Vocabulary("naive", prefix.pattern, tokens)
    peers = peers_of(naive, tmp_path)
    rng = random.Random(SEED)
    texts = [
        "".join(rng.choices([*words, "我", "们", "国", "。", "z", "q", " "], k=rng.randint(1, 5))) for _ in range(3_000)
    ]
    assert_peers_agree(peers, texts, [f"seed {SEED}, text {index} {text!r}" for index, text in enumerate(texts)])
    assert encode(naive, "中华人民共和国") == [naive.ranks["中华人民共和国".encode()]], "the shortcut finds it whole"
    assert len(encode(naive, "中华人民共和国人")) > 2, "merging does not"


def test_small_lawless_vocabularies_have_equal_ids(tmp_path) -> None:
    """Random tokens over two or three letters in random order: dead ones, inverted ones, repeats that overlap."""
    rng = random.Random(SEED)
    single = tuple(bytes([byte]) for byte in range(256))
    for number in range(60):
        letters = "ab" if number % 2 else "abc"
        tokens = {"".join(rng.choices(letters, k=rng.randint(2, 5))).encode() for _ in range(rng.randint(3, 14))}
        shuffled = sorted(tokens)
        rng.shuffle(shuffled)
        vocabulary = Vocabulary(f"lawless {number}", r"[\s\S]+", single + tuple(shuffled))
        texts = ["".join(rng.choices(letters, k=rng.randint(1, 30))) for _ in range(60)]
        texts += [letter * length for letter in letters for length in (2, 3, 7, 150)]
        assert_peers_agree(
            peers_of(vocabulary, tmp_path), texts, [f"seed {SEED}, {shuffled}, {text!r}" for text in texts]
        )


def documents(path: Path, n_bytes: int) -> Iterator[str]:
    """Yield the texts of a corpus file until they amount to `n_bytes`."""
    with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
        for line in io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8"):
            text = json.loads(line)["text"]
            yield text
            n_bytes -= len(text.encode())
            if n_bytes <= 0:
                return


@pytest.mark.corpus
@pytest.mark.slow
def test_10_mb_of_the_corpus(extended, auto, corpus) -> None:
    files = sorted(corpus.glob("*.jsonl.zst"))
    total = 0
    for file in files:
        texts = list(documents(file, 10_000_000 // len(files)))
        total += sum(len(text.encode()) for text in texts)
        assert_peers_agree(extended, texts, [f"{file.name}, document {index}" for index in range(len(texts))], auto)
    assert total >= 10_000_000
