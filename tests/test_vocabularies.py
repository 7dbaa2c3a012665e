"""The vocabularies that vocab/ keeps: their sizes, their origin, what they may not hold, and that others can load them."""

from __future__ import annotations

import base64
import tomllib
from pathlib import Path

import pytest
import regex
import tiktoken

from tokkit.learn import parse_veto
from tokkit.recipe import load
from tokkit.usage import is_selection
from tokkit.vocabulary import Vocabulary

FOLDER = Path(__file__).parents[1] / "vocab"
SIZES = {  # tokens of the base, learned tokens, spares
    "internlm2-report": (60_004, 32_397, 271),
    "tokkit-92k": (56_000, 36_397, 147),
    "tokkit-92k-han": (56_000, 36_397, 147),
}
LARGEST_FOLDER = 15_000_000  # bytes


@pytest.fixture(scope="module")
def kept() -> dict[str, Vocabulary]:
    return {name: Vocabulary.load(FOLDER / f"{name}.tiktoken") for name in SIZES}


def learned(vocabulary: Vocabulary) -> tuple[bytes, ...]:
    (segment,) = (each for each in vocabulary.segments if each.name == "learned:zh")
    return vocabulary.tokens[segment.start : segment.stop]


def text_of(token: bytes) -> str | None:
    try:
        return token.decode()
    except UnicodeDecodeError:
        return None


def test_every_rank_file_of_the_folder_is_known() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.tiktoken")) == sorted(SIZES)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < LARGEST_FOLDER


@pytest.mark.parametrize("name", SIZES)
def test_the_sizes_are_those_of_the_recipe(kept: dict[str, Vocabulary], name: str) -> None:
    base, n_learned, spares = SIZES[name]
    vocabulary = kept[name]
    sizes = [(segment.name, len(segment)) for segment in vocabulary.segments]
    assert sizes == [("prefix", base), ("learned:zh", n_learned), ("spare", spares)]
    assert vocabulary.n_vocab == base + n_learned + spares
    recipe = load(FOLDER / f"{name}.toml")
    assert (recipe.name, recipe.base.size, recipe.learn[0].size) == (name, base, n_learned)


@pytest.mark.parametrize("name", SIZES)
def test_the_base_is_cl100k(kept: dict[str, Vocabulary], cl100k: Vocabulary, name: str) -> None:
    base = SIZES[name][0]
    assert is_selection(kept[name], cl100k, base)
    if load(FOLDER / f"{name}.toml").base.by == "rank":
        assert kept[name].tokens[:base] == cl100k.tokens[:base]


@pytest.mark.parametrize("name", SIZES)
def test_no_learned_token_is_vetoed(kept: dict[str, Vocabulary], name: str) -> None:
    path = FOLDER / str(load(FOLDER / f"{name}.toml").learn[0].veto)
    veto = parse_veto(path.read_bytes(), path.name)
    assert [token for token in learned(kept[name]) if veto.forbids(token)] == []
    assert all(
        veto.forbids(text.encode()) for text in ("我们，", "，你也可以在", "你也可以在", "如果对你有帮助", "\u200b")
    )


@pytest.mark.parametrize("name", ["tokkit-92k-han", "internlm2-report"])
def test_the_learned_tokens_are_han(kept: dict[str, Vocabulary], name: str) -> None:
    texts = [text for token in learned(kept[name]) if (text := text_of(token)) is not None]
    assert [text for text in texts if not regex.fullmatch(r"\p{Han}+", text)] == []
    assert {"我们", "中国"} <= {text_of(token) for token in kept[name].tokens}


@pytest.mark.parametrize("name", SIZES)
def test_tiktoken_loads_the_rank_file_in_three_lines(kept: dict[str, Vocabulary], name: str) -> None:
    lines = (FOLDER / f"{name}.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}
    encoding = tiktoken.Encoding(name, pat_str=kept[name].pattern, mergeable_ranks=ranks, special_tokens={})
    text = "人工智能技术的发展，正在改变我们的生活。We measure bytes per token: `for i in range(10):`\n\n"
    ids = encoding.encode_ordinary(text)
    assert encoding.decode(ids) == text
    assert ids == kept[name].to_tiktoken().encode_ordinary(text)


def test_the_corpus_files_are_named_once_by_sha256() -> None:
    lines = [line.split("  ") for line in (FOLDER / "corpus.sha256").read_text("utf-8").splitlines()]
    names = [name for _, name in lines]
    assert names == sorted(set(names))
    assert all(regex.fullmatch(r"[0-9a-f]{64}", digest) for digest, _ in lines)
    slices = {name.removesuffix(".jsonl.zst") for name in names if name.startswith("zh-")}
    assert slices == set(tomllib.loads((FOLDER / "tokkit-92k.mixture.toml").read_text("utf-8")))
