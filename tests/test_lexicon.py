"""Word lists as counts tables."""

from __future__ import annotations

import pytest

from tokkit.counts import CountsTable, count_texts
from tokkit.errors import InputError
from tokkit.lexicon import table_of_lexicon, table_of_words


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
