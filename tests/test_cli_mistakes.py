"""What users get wrong on the command line: one line names it, the hint leads on, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tokkit.formats import tiktoken

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


# Outputs


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["count", "FILE"], "NAME"),
        (["select", "FILE", "--size", 256], "NAME.tiktoken"),
        (["learn", "FILE", "--base", "FILE", "--size", 1], "NAME.tokens"),
    ],
)
def test_a_file_is_not_written_to_stdout_or_called_dash(run, tiny_file, tmp_path, monkeypatch, words, name):
    monkeypatch.chdir(tmp_path)
    expected = f"error: cannot write -: the result is a file, and stdout is none\nhint: -o {name}\n"
    assert run(*(tiny_file if word == "FILE" else word for word in words), "-o", "-") == (2, "", expected)
    assert not Path("-").exists()


def test_an_input_is_not_written_over(run, tiny_file, learned, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts = learned.with_name("counts.parquet")
    before = tiny_file.read_bytes(), counts.read_bytes()
    for words, path in (
        (["select", tiny_file, "--size", 256], "./tiny.tiktoken"),
        (["merge", tiny_file, learned], tiny_file),
        (["pad", tiny_file], tiny_file),
        (["count", tmp_path / "a.txt", counts], "counts.parquet"),
    ):
        shown = Path(path)
        expected = (
            f"error: cannot write {shown}: it is an input, which would be lost\nhint: name another file after -o\n"
        )
        assert run(*words, "-o", path) == (2, "", expected)
    assert (tiny_file.read_bytes(), counts.read_bytes()) == before


def test_one_format_goes_into_a_folder_that_is_there(run, tiny_padded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiktoken.save(tiny_padded, tmp_path / "tiny_padded.tiktoken")
    (tmp_path / "out").mkdir()
    assert run("export", "tiny_padded.tiktoken", "--to", "gguf", "-o", "out/")[0] == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny_padded.gguf"]


def test_pip_gets_a_folder_and_not_the_name_of_a_package(run, tiny_padded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiktoken.save(tiny_padded, tmp_path / "tiny_padded.tiktoken")
    code, _, err = run("export", "tiny_padded.tiktoken", "--to", "tiktoken-plugin", "-o", "my plugin")
    assert code == 0
    assert "\npip install './my plugin', and tiktoken.get_encoding('tiny_padded') finds it\n" in err


# Corpora


@pytest.mark.parametrize(
    ("content", "reason", "hint"),
    [
        (
            '{"content": "a"}\n',
            "no field `text`; its fields: `content`",
            f"name the field that holds the text after --text-field; {SKIP}",
        ),
        (
            '[\n  {"text": "a"}\n]\n',
            "malformed JSON: Input data was truncated",
            f"one object a line is read: `jq -c '.[]' FILE` makes lines of an array, `jq -c . FILE` of objects; {SKIP}",
        ),
    ],
)
def test_json_that_is_no_json_lines_of_text(run, tmp_path, content, reason, hint):
    source, target = tmp_path / "a.json", tmp_path / "counts.parquet"
    source.write_text(content, "utf-8")
    expected = f"error: {source}: line 1, byte 0: {reason}\nhint: {hint}\n"
    assert run("count", source, "--jobs", 1, "-o", target) == (2, "", expected)
    assert not target.exists()


def test_text_that_would_count_twice(run, tmp_path, monkeypatch, tiny_file):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(f"{name}.txt").write_text(f"text {name}", "utf-8")
    run("count", "a.txt", "-q", "-o", "a.parquet")
    run("count", "a.txt", "b.txt", "-q", "-o", "ab.parquet")
    expected = (
        "error: a counts table is given twice: ./a.parquet\nhint: name it once; --weights gives a slice more weight\n"
    )
    assert run("count", "a.parquet", "./a.parquet", "-o", "c.parquet") == (2, "", expected)
    words = ["learn", "a.parquet", "./a.parquet", "--base", tiny_file, "--size", 1, "-o", "x.tokens"]
    assert run(*words) == (2, "", expected)
    code, out, err = run("count", "a.parquet", "ab.parquet", "-o", "c.parquet")
    assert (code, out) == (0, "")
    assert err == (
        "a.txt was counted for a.parquet and for ab.parquet: it counts twice\n"
        "counted 3 documents, 18 bytes, in 1 slice: 3 rows\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["report", "tiny.tiktoken", "--baseline", "tiny.tiktoken", "--on", "a.parquet", "--on", "./a.parquet"],
        [
            "report",
            "tiny.tiktoken",
            "--baseline",
            "tiny.tiktoken",
            "--on",
            "a.parquet",
            "--on",
            "./a.parquet",
            "--curve",
        ],
        ["plan", "tiny.tiktoken", "--size", "270", "--on", "a.parquet", "--on", "./a.parquet"],
        ["plan", "tiny.tiktoken", "--size", "270", "--on", "a.parquet", "--on", "b.txt", "--on", "./a.parquet"],
        [
            "plan",
            "tiny.tiktoken",
            "--size",
            "270",
            "--on",
            "b.txt",
            "--learn-from",
            "a.parquet",
            "--learn-from",
            "./a.parquet",
        ],
        [
            "select",
            "tiny.tiktoken",
            "--size",
            "260",
            "--by",
            "usage",
            "--on",
            "a.parquet",
            "--on",
            "./a.parquet",
            "-o",
            "x.tiktoken",
        ],
        ["why", "tiny.tiktoken", "the", "--on", "a.parquet", "--on", "./a.parquet"],
        ["build", "r.toml", "--counts", "a.parquet", "--counts", "./a.parquet"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("tiny_file")
def test_no_verb_takes_a_counts_table_twice(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(f"{name}.txt").write_text(f"text {name}", "utf-8")
    run("count", "a.txt", "-q", "-o", "a.parquet")
    recipe = '[base]\nname = "tiny.tiktoken"\nsize = 256\n[[learn]]\nlabel = "x"\nsize = 1\nwords = "a.txt"\n'
    Path("r.toml").write_text(f'name = "r"\n{recipe}', "utf-8")
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    twice = tmp_path / "a.parquet" if words[0] == "build" else "./a.parquet"
    assert err.splitlines()[-2].removeprefix("error: ") == f"a counts table is given twice: {twice}"
    assert err.splitlines()[-1].startswith("hint: name it once; ")


@pytest.mark.usefixtures("tiny_file")
def test_text_that_is_measured_twice_is_noted_and_a_table_of_another_pattern_is_none(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(f"{name}.txt").write_text(f"text {name}", "utf-8")
    run("count", "a.txt", "-q", "-o", "a.parquet")
    run("count", "a.txt", "-q", "--pattern", "r50k_base", "-o", "r50k.parquet")
    run("count", "a.txt", "b.txt", "-q", "-o", "ab.parquet")
    report = ["report", "tiny.tiktoken", "--baseline", "tiny.tiktoken"]
    code, _, err = run(*report, "--on", "a.parquet", "--on", "r50k.parquet")
    assert (code, err) == (0, "")
    noted = "a.txt was counted for a.parquet and for ab.parquet: it counts twice\n"
    code, _, err = run(*report, "--on", "a.parquet", "--on", "ab.parquet")
    assert (code, err) == (0, noted)
    assert run(*report, "--on", "a.parquet", "--on", "ab.parquet", "-q")[2] == ""
    plan = ["plan", "tiny.tiktoken", "--size", 270, "--on", "a.parquet", "--on", "ab.parquet", "--min-count", 1]
    assert run(*plan)[2].startswith(noted)


def test_what_is_no_counts_table_leads_to_count(run, tmp_path, tiny_file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"text": "a"}\n', "utf-8")
    code, out, err = run("learn", "a.jsonl", "--base", tiny_file, "--size", 1, "-o", "x.tokens")
    assert (code, out) == (2, "")
    assert err.endswith(
        "\nhint: make one with `tokkit count CORPUS -o FILE.parquet`; count again where a.jsonl was one\n"
    )


def test_empty_counts_are_not_told_to_ask_for_no_tokens(run, tmp_path, tiny_file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").touch()
    run("count", "a.txt", "-q", "-o", "a.parquet")
    expected = (
        "error: the counts support 0 tokens, 1 were asked for\n"
        "hint: add data, or lower --min-count 2 or --min-pretokens 1\n"
    )
    assert run("learn", "a.parquet", "--base", tiny_file, "--size", 1, "-o", "x.tokens") == (2, "", expected)


def test_a_word_list_is_named_by_its_path(run, tmp_path, tiny_file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_bytes(b"\xff\n")
    code, out, err = run("merge", tiny_file, "words.txt", "-o", "x.tiktoken")
    assert (code, out) == (2, "")
    assert err.startswith("error: words.txt: line 1 is not valid UTF-8: ")


def test_an_unknown_mixture_names_those_that_are_shipped(run, tmp_path, tiny_file):
    code, out, err = run("report", tiny_file, "--on", tmp_path, "--weights", "internlm3")
    expected = "error: neither a file nor a shipped mixture: internlm3\nhint: shipped: internlm2\n"
    assert (code, out, err) == (2, "", expected)


def test_a_missing_label_names_its_own_option(run, tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "a", "lang": "en"}\n', "utf-8")
    words = ["count", source, "--language-field", "language", "--jobs", 1, "-o", tmp_path / "counts.parquet"]
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.endswith(f"\nhint: name the field that holds the language after --language-field; {SKIP}\n")


def test_format_is_refused_where_nothing_comes_from_stdin(run, tmp_path):
    code, out, err = run("count", tmp_path / "a.txt", "--format", "jsonl", "-o", tmp_path / "counts.parquet")
    assert (code, out) == (2, "")
    assert err == (
        "error: --format jsonl: it is for stdin, and no CORPUS is -\nhint: a file's format is that of its suffix\n"
    )


@pytest.mark.parametrize(("content", "suggested"), [(b'{"text": "a"}\n', "jsonl"), (b"\x1f\x8b\x08\x00", "jsonl.gz")])
def test_json_lines_from_stdin_are_not_counted_as_plain_text(tmp_path, content, suggested):
    target = tmp_path / "counts.parquet"
    words = [*TOKKIT, "count", "-", "--jobs", "1", "-o", str(target)]
    done = subprocess.run(words, input=content, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (
        2,
        (
            f"error: stdin begins like {suggested}, and would be counted as plain text\n"
            f"hint: --format {suggested}, or --format text to count it as it is\n"
        ),
    )
    assert not target.exists()
