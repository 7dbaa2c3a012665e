"""Languages of documents that have none: what pycld2 says, in the corpus's names, and `und` where it is not sure."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.hostile import HOSTILE
from tokkit.cli.app import main
from tokkit.corpus import Documents, Labels, find
from tokkit.counts import count
from tokkit.language import Labeller, detect

TEXTS = {
    "zh": "我们今天去看电影，明天再说。他们已经在这里等了很久了。",
    "zh-Hant": "我們今天去看電影，明天再說。他們已經在這裡等了很久了。",
    "en": "We are going to see a film today, and shall talk about it tomorrow.",
    "ja": "今日は映画を見に行きます。明日また話しましょう。",
    "ko": "우리는 오늘 영화를 보러 갑니다. 내일 이야기합시다.",
    "ru": "Сегодня мы идём в кино, а завтра поговорим об этом подробнее.",
    "he": "היום אנחנו הולכים לראות סרט, ומחר נדבר על זה.",
    "und": "x = 1",
}


@pytest.mark.parametrize("language", TEXTS)
def test_languages_have_the_names_of_the_corpus(language) -> None:
    assert detect(TEXTS[language].encode()) == language


def test_no_text_is_refused() -> None:
    for text in HOSTILE:
        assert detect(text.encode("utf-8", "ignore"))
    assert detect(f"\x00\x1b\ufffe{TEXTS['zh']}\U0010ffff\x85".encode()) == "zh"


def test_half_of_one_and_half_of_another_is_neither() -> None:
    thirds = " ".join([TEXTS["en"], TEXTS["ru"][:38], TEXTS["ko"][:22]])
    assert detect(thirds.encode()) == "und"


def test_a_large_text_is_told_from_its_beginning() -> None:
    assert detect((TEXTS["zh"] * 20_000).encode()) == "zh"


def of_texts(*texts: str, language: str = "und", continues: bool = False) -> Documents:
    encoded = [text.encode() for text in texts]
    starts = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    ids = tuple(str(number) for number in range(len(texts)))
    slices = np.zeros(len(texts), np.int32)
    characters = np.array([len(text) for text in texts], np.int64)
    return Documents(b"".join(encoded), starts, ((language, "web"),), slices, ids, characters, (), continues)


def test_the_first_block_of_a_text_decides() -> None:
    labeller = Labeller()
    assert labeller.label(of_texts(TEXTS["zh"])).slices == (("zh", "web"),)
    second = labeller.label(of_texts(TEXTS["en"], continues=True))
    assert second.slices == (("zh", "web"),)
    assert second.continues
    assert labeller.tally == {"zh": [1, len((TEXTS["zh"] + TEXTS["en"]).encode())]}
    labeller.label(of_texts())  # the first block of another text, which was left out
    third = labeller.label(of_texts(TEXTS["en"], continues=True))
    assert third.slices == (("en", "web"),)
    assert not third.continues


def test_other_labels_stay() -> None:
    documents = of_texts(TEXTS["zh"], language="code")
    labeller = Labeller()
    assert labeller.label(documents) is documents
    assert labeller.tally == {}


@pytest.mark.parametrize(("jobs", "dedup"), [(1, False), (2, False), (1, True)])
def test_counting_puts_documents_into_the_slices_of_their_languages(jobs, dedup, tmp_path) -> None:
    lines = [{"text": text, "lang": "und"} for text in TEXTS.values()]
    lines.append({"text": "Something else was written here by somebody else.", "lang": "en"})
    for name in ("a", "b"):
        text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
        (tmp_path / f"{name}.jsonl").write_text(text, "utf-8")
    labels = Labels(language_field="lang", domain="talk")
    counted = count(find(tmp_path, labels), labels, jobs=jobs, dedup=dedup, detect_language=True)
    copies = 1 if dedup else 2
    sizes = {language: len(text.encode()) for language, text in TEXTS.items()}
    assert counted.labelled == {language: (copies, copies * size) for language, size in sorted(sizes.items())}
    expected = dict.fromkeys(TEXTS, copies) | {"en": 2 * copies}
    assert {part.language: part.documents for part in counted.table.slices} == expected
    if counted.duplicates:
        assert sorted(each.language for each in counted.duplicates.dropped) == sorted([*TEXTS, "en"])


@pytest.mark.parametrize("arguments", [["report", "cl100k_base", "--on", "."], ["audit", "cl100k_base", "--on", "."]])
def test_only_counting_tells_languages(arguments, capsys) -> None:
    assert main([*arguments, "--language", "auto"]) == 2
    assert capsys.readouterr().err.startswith("error: --language auto: only `tokkit count` tells languages\nhint: ")
