"""What users get wrong on the command line: one line names it, the hint leads on, and nothing is lost."""

from __future__ import annotations

import sys

import pytest

TOKKIT = [sys.executable, "-m", "tokkit"]
SKIP = "`--on-error skip` leaves such documents out and reports how many"


@pytest.fixture
def bare(tiny_file, tmp_path):
    """The rank file of the tiny vocabulary without its sidecar."""
    path = tmp_path / "bare.tiktoken"
    path.write_bytes(tiny_file.read_bytes())
    return path


@pytest.fixture
def learned(run, tiny_file, tmp_path):
    text, path = tmp_path / "a.txt", tmp_path / "zh.tokens"
    text.write_text("我们我们我们", "utf-8")
    run("count", text, "-q", "-o", tmp_path / "counts.parquet")
    assert run("learn", tmp_path / "counts.parquet", "--base", tiny_file, "--size", 2, "-q", "-o", path)[0] == 0
    return path


# Patterns


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cl100k", "did you mean cl100k_base?"),
        ("qwen", "names are cl100k_base, o200k_base, p50k_base, r50k_base; else give a regular expression"),
    ],
)
def test_a_misspelt_pattern_is_no_regular_expression(run, bare, name, hint):
    assert run("verify", bare, "--pattern", name) == (2, "", f"error: no pattern has the name {name}\nhint: {hint}\n")


def test_pattern_goes_to_the_rank_file_that_has_none(run, bare, tiny_file):
    assert run("show", tiny_file, bare, "12345", "--pattern", r"\d|\D")[0] == 0
    code, out, err = run("show", tiny_file, "12345", "--pattern", r"\d|\D")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: the pattern given is not that of {tiny_file.with_suffix('.json')}: ")


# Files of another kind where a vocabulary belongs


def test_a_sidecar_leads_to_its_rank_file(run, tiny_file):
    sidecar = tiny_file.with_suffix(".json")
    expected = f"error: {sidecar}: the sidecar of a rank file\nhint: name the rank file: {tiny_file}\n"
    assert run("verify", sidecar) == (2, "", expected)


def test_learned_tokens_and_counts_are_called_what_they_are(run, learned):
    expected = (
        f"error: {learned}: learned tokens, and no vocabulary\n"
        f"hint: tokkit merge BASE {learned} -o FILE.tiktoken makes one of them\n"
    )
    assert run("inspect", learned) == (2, "", expected)
    counts = learned.with_name("counts.parquet")
    expected = (
        f"error: {counts}: a Parquet file, and no tokenizer\n"
        "hint: counts and corpora go after --on, or to count and learn\n"
    )
    assert run("inspect", counts) == (2, "", expected)


def test_a_foreign_vocabulary_names_the_verbs_that_take_it(run, tiny_file, tmp_path):
    model = tmp_path / "tiny.model"
    assert run("export", tiny_file, "--to", "sentencepiece", "-q", "-o", model)[0] == 0
    code, out, err = run("verify", model)
    assert (code, out) == (2, "")
    assert "\nhint: `inspect`, `show`, `diff`, `report` and `merge --from` take it by its own rule: Sentence" in err
