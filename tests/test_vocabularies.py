"""The vocabularies that vocab/ keeps: their sizes, their origin, what they may not hold, and that others can load them."""

from __future__ import annotations

import ast
import base64
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import regex
import tiktoken

from tokkit.audit_rules import behind_mark, unwanted_character
from tokkit.counts_file import load as load_counts
from tokkit.files import sha256_of
from tokkit.mixture import load_weights
from tokkit.recipe import load, texts
from tokkit.usage import first_foreign
from tokkit.veto import load_vetoes
from tokkit.vocabulary import Vocabulary

FOLDER = Path(__file__).parents[1] / "vocab"
SIZES = {  # tokens of each segment
    "internlm2-report": {"prefix": 60_004, "learned:zh": 32_397, "spare": 271},
    "tokkit-92k": {"prefix": 55_500, "learned:code": 6_000, "learned:zh": 30_897, "spare": 147},
    "tokkit-92k-han": {"prefix": 61_500, "learned:zh": 30_897, "spare": 147},
    "tokkit-64k": {"prefix": 39_000, "learned:code": 1_000, "learned:zh": 25_408, "spare": 128},
    "tokkit-128k": {
        "prefix": 65_408,
        "bridge": 97,
        "learned:cl100k": 30_129,
        "learned:code": 7_000,
        "learned:zh": 28_310,
        "spare": 128,
    },
    "tokkit-160k": {"prefix": 130_944, "bridge": 135, "learned:cl100k": 11_595, "learned:zh": 21_038, "spare": 128},
    "tokkit-multilingual-128k": {"prefix": 85_000, "learned:multi": 46_000, "spare": 72},
}
LADDER = ("tokkit-64k", "tokkit-128k", "tokkit-160k")
ON_CL100K = tuple(name for name in SIZES if name not in LADDER[1:])
LARGEST_FOLDER = 15_000_000  # bytes
TEXT = "人工智能技术的发展，正在改变我们的生活。We measure bytes per token: `for i in range(10):`\n\n"


@pytest.fixture(scope="module")
def kept() -> dict[str, Vocabulary]:
    return {name: Vocabulary.load(FOLDER / f"{name}.tiktoken") for name in SIZES}


def learned(vocabulary: Vocabulary, *labels: str) -> list[bytes]:
    """The tokens that were learned from text of languages, or those of `labels`, and none that come from cl100k_base."""
    names = {f"learned:{label}" for label in labels or ("zh", "multi")}
    ranges = [each for each in vocabulary.segments if each.name in names]
    return [token for each in ranges for token in vocabulary.tokens[each.start : each.stop]]


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
    sizes: Counter[str] = Counter()
    for segment in kept[name].segments:
        sizes[segment.name] += len(segment)
    assert sizes == SIZES[name]
    assert kept[name].n_vocab == sum(SIZES[name].values()) == kept[name].n_vocab // 128 * 128
    recipe = load(FOLDER / f"{name}.toml")
    assert (recipe.name, recipe.base.size) == (name, SIZES[name]["prefix"])
    assert recipe.learn
    assert all(each.size == SIZES[name][f"learned:{each.label}"] for each in recipe.learn)
    assert kept[name].n_vocab % recipe.pad.multiple == 0


@pytest.mark.parametrize("name", ON_CL100K)
def test_the_base_is_cl100k(kept: dict[str, Vocabulary], cl100k: Vocabulary, name: str) -> None:
    base = SIZES[name]["prefix"]
    section = load(FOLDER / f"{name}.toml").base
    assert first_foreign(kept[name], cl100k, base, protected=0 if section.reorder else None) is None
    if section.by == "rank":
        assert kept[name].tokens[:base] == cl100k.tokens[:base]


def test_each_step_of_the_ladder_keeps_the_ids_of_the_one_below(
    kept: dict[str, Vocabulary], cl100k: Vocabulary
) -> None:
    assert [kept[name].n_vocab for name in LADDER] == [65_536, 131_072, 163_840]
    for below, above in pairwise(LADDER):
        assert kept[above].tokens[: kept[below].n_ranks] == kept[below].tokens
        ranges = [each for each in kept[above].segments if each.name == "learned:cl100k"]
        assert all(token in cl100k.ranks for each in ranges for token in kept[above].tokens[each.start : each.stop])


@pytest.mark.parametrize("name", SIZES)
def test_no_learned_token_is_vetoed(kept: dict[str, Vocabulary], name: str) -> None:
    for section in load(FOLDER / f"{name}.toml").learn:
        veto = load_vetoes([FOLDER / path for path in texts(section.veto)])
        assert veto is not None
        tokens = learned(kept[name], section.label)[-section.size :]  # before them, those of the step below
        assert len(tokens) == section.size
        assert [token for token in tokens if veto.forbids(token)] == []
        for text in ("我们，", "，你也可以在", "你也可以在", "如果对你有帮助", "\u200b"):
            assert veto.forbids(text.encode()), text


@pytest.mark.parametrize("name", [name for name in SIZES if name.startswith("tokkit-") and "multi" not in name])
def test_nothing_of_cl100k_is_vetoed_or_hidden(kept: dict[str, Vocabulary], name: str) -> None:
    recipe = load(FOLDER / f"{name}.toml")
    sections = [recipe.base] if recipe.base.by == "usage" else list(recipe.merge)
    (veto,) = (load_vetoes([FOLDER / path for path in texts(section.veto)]) for section in sections)
    assert veto is not None
    tokens = kept[name].tokens[: recipe.base.size] if recipe.base.by == "usage" else learned(kept[name], "cl100k")
    assert [token for token in tokens if len(token) > 1 and veto.forbids(token)] == []
    found = [text for token in kept[name].tokens if len(token) > 1 and (text := text_of(token)) is not None]
    assert [text for text in found if unwanted_character(text)] == []


@pytest.mark.parametrize("name", ["tokkit-92k", "tokkit-64k", "tokkit-128k"])
def test_tokens_of_code_stand_in_forty_packages(kept: dict[str, Vocabulary], cl100k: Vocabulary, name: str) -> None:
    table = load_counts(FOLDER / "code-words.parquet")
    words = {table.pretoken(row) for row in range(len(table))}
    tokens = learned(kept[name], "code")
    assert sum(token in words for token in tokens) > len(tokens) * 3 // 4  # the rest are parts of them
    text = b"\0".join(words)  # searched at once: one by one, tokens times words are hundreds of millions
    assert [token for token in tokens if token not in text] == []
    assert not set(tokens) & set(cl100k.tokens[:256])


@pytest.mark.parametrize("name", SIZES)
def test_what_stands_behind_a_mark_is_a_token(kept: dict[str, Vocabulary], name: str) -> None:
    found = [text for token in learned(kept[name]) if (text := text_of(token)) is not None]
    words = [word for text in found if (word := behind_mark(text)) != text and not word.isascii()]
    assert [word for word in words if word.encode() not in kept[name].ranks] == []


@pytest.mark.parametrize("name", ["tokkit-92k-han", "internlm2-report"])
def test_the_learned_tokens_are_han(kept: dict[str, Vocabulary], name: str) -> None:
    texts = [text for token in learned(kept[name]) if (text := text_of(token)) is not None]
    assert [text for text in texts if not regex.fullmatch(r"\p{Han}+", text)] == []
    assert {"我们", "中国"} <= {text_of(token) for token in kept[name].tokens}


@pytest.mark.parametrize("name", SIZES)
def test_tiktoken_loads_the_rank_file(kept: dict[str, Vocabulary], name: str) -> None:
    lines = (FOLDER / f"{name}.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}
    encoding = tiktoken.Encoding(name, pat_str=kept[name].pattern, mergeable_ranks=ranks, special_tokens={})
    ids = encoding.encode_ordinary(TEXT)
    assert encoding.decode(ids) == TEXT
    assert ids == kept[name].to_tiktoken().encode_ordinary(TEXT) == kept[name].encode(TEXT)


def test_the_three_lines_of_the_readme_load_a_vocabulary_with_tiktoken_alone(
    kept: dict[str, Vocabulary], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    readme = (FOLDER.parent / "README.md").read_text("utf-8")
    block = next(
        each
        for each in re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
        if "vocab/tokkit-92k" in each
    )
    assert len(ast.parse(block).body) == len(block.splitlines()) == 3
    assert "tokkit." not in block.replace('"vocab/tokkit-92k.', "")
    monkeypatch.chdir(FOLDER.parent)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    encoding = names["encoding"]
    assert (encoding.name, encoding.n_vocab) == ("tokkit-92k", 92_544)
    assert encoding.encode(TEXT) == kept["tokkit-92k"].encode(TEXT)


def corpus_files() -> dict[str, str]:
    """Name -> sha256 of the files that `make vocabularies` reads."""
    lines = [line.split("  ") for line in (FOLDER / "corpus.sha256").read_text("utf-8").splitlines()]
    return {name: digest for digest, name in lines}


def test_the_corpus_files_are_named_once_by_sha256() -> None:
    lines = (FOLDER / "corpus.sha256").read_text("utf-8").splitlines()
    names = list(corpus_files())
    assert names == sorted(set(names))
    assert len(names) == len(lines)
    assert all(regex.fullmatch(r"[0-9a-f]{64}", digest) for digest in corpus_files().values())
    slices = {name.removesuffix(".jsonl.zst") for name in names if name.startswith("zh-")}
    lexicons = {"zh-deepseek", "zh-qwen", "zh-Hant-deepseek", "zh-Hant-qwen"}
    assert slices | lexicons == set(load_weights(FOLDER / "tokkit-92k.mixture.toml"))


@pytest.mark.parametrize("name", SIZES)
def test_the_sidecar_names_every_corpus_file_by_sha256(kept: dict[str, Vocabulary], name: str) -> None:
    languages = {"tokkit-multilingual-128k": ("",), "internlm2-report": ("zh-",)}.get(name, ("zh-", "en-", "code-"))
    steps = [step for step in kept[name].provenance if step["step"] == "build"]
    named = {(each["name"], each["sha256"]) for step in steps for each in step["corpus"]}
    assert named == {(file, digest) for file, digest in corpus_files().items() if file.startswith(languages)}
    recipe = load(FOLDER / f"{name}.toml")
    assert [each["size"] for each in steps[-1]["recipe"]["learn"]] == [each.size for each in recipe.learn]
    files = {each["name"]: each["sha256"] for each in steps[-1]["inputs"] if (FOLDER / each["name"]).is_file()}
    assert files == {file: sha256_of(FOLDER / file) for file in files}
    vetoes = [recipe.base.veto, *(each.veto for each in recipe.merge), *(each.veto for each in recipe.learn)]
    assert {Path(path).name for veto in vetoes for path in texts(veto)} <= set(files)


@pytest.mark.corpus
def test_the_corpus_is_the_one_that_they_were_learned_from(corpus: Path) -> None:
    assert {name: sha256_of(corpus / name) for name in corpus_files()} == corpus_files()
