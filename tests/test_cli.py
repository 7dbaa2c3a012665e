"""The command line as a user meets it: exit codes, both streams word for word, pipes, signals, full disks."""

from __future__ import annotations

import csv
import inspect
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tokkit import counts
from tokkit.bases import BASES
from tokkit.cli import inputs, outputs
from tokkit.cli.app import VERBS, app
from tokkit.errors import InputError
from tokkit.formats import tiktoken
from tokkit.render import data, progress, table, talk

TOKKIT = [sys.executable, "-m", "tokkit"]


@pytest.fixture(scope="session")
def binary() -> str:
    """The installed console script."""
    path = Path(sys.executable).with_name("tokkit")
    if not path.exists():
        pytest.skip(f"no console script at {path}: pip install -e . makes it")
    return str(path)


GROUP: Any = typer.main.get_command(app)
PARAMETERS = [(name, each) for name in VERBS for each in GROUP.get_command(None, name).params]


# Help


def test_help_lists_every_verb_with_its_first_line(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for verb in VERBS:
        first = inspect.cleandoc(GROUP.get_command(None, verb).help).split("\n")[0]
        assert f"  {verb:<{max(map(len, VERBS))}}  {first}\n" in out


def test_no_word_at_all_is_a_usage_error_that_helps(run):
    assert run() == (2, "", run("--help")[1])


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_says_what_it_does_what_it_costs_and_gives_an_example(run, verb, flag):
    code, out, err = run(verb, flag)
    assert (code, err) == (0, "")
    usage, blank, first, *rest = out.split("\n")
    assert usage.startswith(f"Usage: tokkit {verb} [OPTIONS] ")
    assert blank == ""
    assert re.fullmatch(r"[A-Z][a-z]+ .*\.", first), "an imperative first line"
    page = "\n".join(rest)
    assert re.search(r"\b([Cc]osts?|at about|takes)\b", page), "what it costs"
    example = re.search(rf"\nExample:\n  (tokkit {verb} .+)\n", page)
    assert example, "one example"
    options = set(re.findall(r"(?<= )--?[a-z][a-z0-9-]*", example[1]))
    assert options <= {name for each, parameter in PARAMETERS if each == verb for name in parameter.opts}
    assert max(len(line) for line in out.split("\n")) <= 84


def test_help_does_not_depend_on_the_terminal(run, monkeypatch):
    wide = run("pad", "--help")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "dumb")
    assert run("pad", "--help") == wide


def test_an_option_has_one_meaning_everywhere():
    meanings: dict[str, set[tuple[str, str]]] = {}
    for _, each in PARAMETERS:
        for name in each.opts if each.param_type_name == "option" else ():
            meanings.setdefault(name, set()).add((each.help, each.metavar))
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}
    assert {"--output", "-o", "--json", "--quiet", "-q", "--pattern", "--size"} <= set(meanings)


def test_every_option_and_argument_has_help_and_a_metavar():
    for verb, each in PARAMETERS:
        assert each.help, f"{verb} {each.name}"
        assert each.help.endswith("."), f"{verb} {each.name}"
        assert getattr(each, "is_flag", False) or each.metavar, f"{verb} {each.name}"


def cpu_seconds(*words: str) -> float:
    """The least processor time of five runs, which other work on the machine hardly changes."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(5))


def test_help_is_quick():
    """0.11 s beside other work where Python alone takes 0.03; with every verb made ready it was 0.16."""
    alone, with_help = cpu_seconds(sys.executable, "-c", "pass"), cpu_seconds(*TOKKIT, "--help")
    assert with_help < 6 * alone, f"{with_help:.3f} s, Python alone {alone:.3f} s"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["count", "--help"]])
def test_help_loads_nothing_that_it_does_not_need(words):
    program = f"import sys; from tokkit.cli.app import main; main({words}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"rich", "pydantic", "numpy", "msgspec"}
    verbs = {verb for verb in VERBS if f"tokkit.cli.{verb}" in loaded}
    assert verbs == {"--help": set(VERBS), "--version": set(), "count": {"count"}}[words[0]]


def test_version(run):
    assert run("--version") == (0, "tokkit 0.1.0\n", "")


# Usage errors


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["paad"], "no such verb: paad; did you mean pad?", "tokkit --help"),
        (["xyzzy"], "no such verb: xyzzy", "tokkit --help"),
        (["--quux"], "no such option: --quux", "tokkit --help"),
        (["pad", "--multipel", "3"], "no such option: --multipel; did you mean --multiple?", "tokkit pad --help"),
        (["pad", "-o"], "option '-o' requires an argument", "tokkit pad --help"),
        (["pad", "x.tiktoken"], "missing option '-o' / '--output'", "tokkit pad --help"),
        (["pad", "-o", "x.tiktoken"], "missing argument 'VOCAB'", "tokkit pad --help"),
        (
            ["pad", "x", "-o", "y.tiktoken", "--multiple", "many"],
            "invalid value for '--multiple': 'many' should be a whole number in digits",
            "tokkit pad --help",
        ),
        (
            ["pad", "x", "-o", "y.tiktoken", "--multiple=-3"],
            "invalid value for '--multiple': '-3' should be greater than or equal to 1",
            "tokkit pad --help",
        ),
        (
            ["count", "x", "-o", "y", "--sample", "half"],
            "invalid value for '--sample': 'half' should be a number",
            "tokkit count --help",
        ),
    ],
)
def test_a_usage_error_is_one_line_and_a_hint(run, words, message, hint):
    assert run(*words) == (2, "", f"error: {message}\nhint: {hint}\n")


# What stops a run: one line, a hint, exit code 2


def test_an_unknown_vocabulary_names_the_known_ones(run, tmp_path):
    code, out, err = run("pad", "cl100k", "-o", tmp_path / "x.tiktoken")
    assert (code, out) == (2, "")
    assert err == "error: neither a known base nor a file: cl100k\nhint: did you mean cl100k_base?\n"


def test_a_missing_output_folder_is_found_before_the_work(run, tmp_path):
    target = tmp_path / "no" / "x.tiktoken"
    code, _, err = run("pad", "does-not-exist", "-o", target)
    assert code == 2
    assert err == f"error: cannot write {target}: no folder {target.parent}\nhint: mkdir -p {target.parent}\n"


def test_an_output_with_another_suffix_is_refused(run, tiny_file, tmp_path):
    target = tmp_path / "x.bpe"
    code, _, err = run("pad", tiny_file, "-o", target)
    assert code == 2
    assert err == f"error: cannot write {target}: its name does not end in .tiktoken\nhint: -o {target}.tiktoken\n"


def test_an_output_that_is_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="it is a folder"):
        outputs.check(tmp_path)


def test_an_unreadable_file_is_named(run, tmp_path, tiny_file):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    tiny_file.chmod(0)
    code, _, err = run("pad", tiny_file, "-o", tmp_path / "x.tiktoken")
    assert (code, err) == (2, f"error: {tiny_file}: Permission denied\n")


def test_a_file_that_cannot_be_opened_is_named(run, tmp_path):
    loop = tmp_path / "loop.tiktoken"
    loop.symlink_to(loop)
    code, out, err = run("merge", loop, tmp_path / "words.txt", "-o", tmp_path / "x.tiktoken")
    assert (code, out) == (2, "")
    assert str(loop) in err
    assert err.count("error: ") == 1


def test_a_full_disk_is_one_line_that_names_the_output(run, tiny_file, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    target = tmp_path / "x.tiktoken"
    target.symlink_to("/dev/full")
    code, out, err = run("pad", tiny_file, "-o", target)
    assert (code, out) == (2, "")
    assert err == f"error: cannot write {target}: No space left on device\nhint: what was there is untouched\n"


def test_the_names_of_files_cannot_drive_the_terminal(run, tmp_path):
    code, _, err = run("pad", tmp_path / "a\x1b[31m\nb", "-o", tmp_path / "x.tiktoken")
    assert code == 2
    assert err.startswith(f"error: neither a known base nor a file: {tmp_path}/a\\x1b[31m\\nb\n")


def test_a_traceback_is_shown_only_when_asked_for(run, tmp_path, monkeypatch):
    words = ["pad", "nothing-here", "-o", tmp_path / "x.tiktoken"]
    plain = run(*words)
    assert "Traceback" not in plain[2]
    for asked in (["--traceback", *words], [*words, "--traceback"]):
        code, _, err = run(*asked)
        assert code == 2
        assert err.startswith("Traceback (most recent call last):\n")
        assert err.endswith(plain[2])
    monkeypatch.setenv("TOKKIT_TRACEBACK", "1")
    assert run(*words)[2].startswith("Traceback")
    monkeypatch.setenv("TOKKIT_TRACEBACK", "0")
    assert run(*words) == plain


def test_after_a_double_dash_every_word_is_an_input(run, tmp_path):
    code, _, err = run("pad", "-o", tmp_path / "x.tiktoken", "--", "--traceback")
    assert code == 2
    assert err.startswith("error: neither a known base nor a file: --traceback\n")


# Pipes, streams and signals, with the real process


def test_a_closed_pipe_is_no_error(tmp_path):
    errors = tmp_path / "errors"
    with errors.open("wb") as sink:
        process: Any = subprocess.Popen([*TOKKIT, "--help"], stdout=subprocess.PIPE, stderr=sink)
        process.stdout.close()
        assert process.wait(timeout=60) == 0
    assert errors.read_bytes() == b""


def test_data_for_a_closed_pipe_are_no_error(tiny_file, tmp_path):
    words = ["pad", str(tiny_file), "-o", str(tmp_path / "x.tiktoken"), "--json"]
    process: Any = subprocess.Popen([*TOKKIT, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_were_closed_from_the_start_are_no_error(tiny_file, tmp_path, closing):
    target = tmp_path / "x.tiktoken"
    words = [*TOKKIT, "pad", str(tiny_file), "-o", str(target), "--json"]
    done = subprocess.run(["/bin/sh", "-c", f'"$@" {closing}', "sh", *words], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert tiktoken.load(target).n_vocab == 512


def test_data_for_a_full_disk_are_one_line_and_two():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*TOKKIT, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: stdout: No space left on device\n")


def opened_for_a_reader(pipe: Path) -> int:
    """Open a named pipe for writing as soon as somebody reads it; fail after a minute."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def interrupted(process: Any) -> tuple[str, str]:
    """Interrupt a process until it ends: a signal between two system calls is seen only after the second."""
    for _ in range(60):
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=1)
        except subprocess.TimeoutExpired:
            continue
        return out, err
    process.kill()
    process.communicate()
    pytest.fail("60 interrupts did not end the process")


def test_an_interrupt_leaves_nothing_and_exits_with_130(tmp_path):
    pipe = tmp_path / "words.txt"
    os.mkfifo(pipe)
    target = tmp_path / "x.tiktoken"
    process = subprocess.Popen(
        [*TOKKIT, "merge", str(pipe), "cl100k_base", "-o", str(target), "--pattern", "cl100k_base"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    writer = opened_for_a_reader(pipe)  # open and silent, it keeps the process waiting
    out, err = interrupted(process)
    os.close(writer)
    assert (process.returncode, out, err) == (130, "", "error: interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["words.txt"]


def test_data_are_utf8_whatever_the_locale_says(tiny_file, tmp_path):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    words = [
        "pad",
        str(tiny_file),
        "--special",
        "<|end|>",
        "-o",
        str(tmp_path / "x.tiktoken"),
        "--multiple",
        "1",
        "--json",
    ]
    # The arguments of a process under an ASCII locale come in by surrogateescape: UTF-8 is what goes out.
    done = subprocess.run([*TOKKIT, *words], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["specials"] == 1


def test_the_console_script_starts(binary):
    done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "tokkit 0.1.0\n", "")


# The verbs


def test_select_cuts_and_says_what_it_kept(run, tiny_file, tmp_path):
    target = tmp_path / "cut.tiktoken"
    code, out, err = run("select", tiny_file, "--size", 258, "-o", target)
    assert (code, out, err) == (0, "", "kept 258 tokens, the last of rank 257\n")
    cut = tiktoken.load(target)
    assert (cut.name, cut.n_ranks, cut.tokens[256:]) == ("cut", 258, (b"th", b"the"))


def test_select_prints_one_json_document(run, tiny_file, tmp_path):
    code, out, err = run(
        "select", tiny_file, "--size", 262, "--only", "ascii", "-o", tmp_path / "cut.tiktoken", "--json"
    )
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["kept"] == 261
    assert document["dropped"]["non-ASCII"] == 1
    assert document["spared_bytes"] == 128
    assert document["last_rank"] == 260
    assert document["vocabulary"]["segments"] == [{"name": "prefix", "start": 0, "stop": 261}]


def test_quiet_says_nothing(run, tiny_file, tmp_path):
    assert run("select", tiny_file, "--size", 258, "-o", tmp_path / "cut.tiktoken", "-q") == (0, "", "")


def test_pad_shows_its_arithmetic(run, tiny_file, tmp_path):
    target = tmp_path / "out.tiktoken"
    code, out, err = run("pad", tiny_file, "--special", "<|end|>", "--spares", 2, "--multiple", 128, "-o", target)
    assert (code, out, err) == (0, "", "262 prefix + 1 special + 121 spares = 384 = 3 x 128\n")
    padded = tiktoken.load(target)
    assert (padded.n_vocab, padded.special_tokens["<|end|>"], padded.special_tokens["<|spare_0|>"]) == (384, 262, 263)


def test_pad_refuses_an_exact_number_that_does_not_divide(run, tiny_file, tmp_path):
    code, out, err = run("pad", tiny_file, "--spares", 2, "--exact", "-o", tmp_path / "out.tiktoken")
    assert (code, out) == (2, "")
    assert "264" in err
    assert not (tmp_path / "out.tiktoken").exists()


def test_rename_in_place_changes_one_name_and_no_other_byte(run, tiny_file, tmp_path):
    target = tmp_path / "out.tiktoken"
    run("pad", tiny_file, "--multiple", 2, "--spares", 2, "-o", target)
    ranks, sidecar = target.read_bytes(), target.with_suffix(".json").read_bytes()
    code, out, err = run("rename", target, "<|spare_1|>=<|im_start|>")
    assert (code, out, err) == (0, "", "id 263: <|spare_1|> is now <|im_start|>\n")
    assert target.read_bytes() == ranks
    assert target.with_suffix(".json").read_bytes() == sidecar.replace(b'"<|spare_1|>": 263', b'"<|im_start|>": 263')


@pytest.mark.parametrize("pair", ["<|spare_0|>", "=x", "<|spare_0|>="])
def test_rename_wants_both_names(run, tiny_file, pair):
    code, _, err = run("rename", tiny_file, pair)
    assert (code, err) == (2, f"error: not OLD=NEW: '{pair}'\nhint: for example '<|spare_0|>=<|im_start|>'\n")


def test_rename_leaves_a_published_base_alone(run):
    code, _, err = run("rename", "cl100k_base", "<|endoftext|>=<|end|>")
    assert code == 2
    assert err == "error: cl100k_base is a published base and stays as it is\nhint: name a new file with -o\n"


def test_merge_takes_a_word_list(run, tiny_file, tmp_path):
    words = tmp_path / "zh.txt"
    words.write_text("thing\t3\nin\t9\nthin\t5\n", "utf-8")
    target = tmp_path / "out.tiktoken"
    code, out, err = run("merge", tiny_file, words, "-o", target)
    assert (code, out) == (0, "")
    merged = tiktoken.load(target)
    assert err.split("\n")[:2] == ["added 2 tokens from zh", "passed over 1 duplicate"]
    assert err.split("\n")[-2] == f"{merged.n_ranks} mergeable tokens in all"
    assert {b"thin", b"thing"} <= set(merged.tokens)


def test_merge_leaves_out_what_a_veto_names(run, tiny_file, tmp_path):
    words, veto, target = tmp_path / "zh.txt", tmp_path / "veto.txt", tmp_path / "out.tiktoken"
    words.write_text("thing\t3\nthin\t5\nxyz\t1\n", "utf-8")
    veto.write_text("/^x/\n", "utf-8")
    code, _, err = run("merge", tiny_file, words, "--veto", veto, "-o", target)
    assert (code, b"xyz" in tiktoken.load(target).tokens) == (0, False)
    assert err.split("\n")[0] == "added 2 tokens from zh"
    assert "left out 1 token that --veto forbids\n" in err
    code, out, _ = run("merge", tiny_file, words, "--veto", veto, "-o", target, "--json")
    assert json.loads(out)["vetoed"] == 1


def test_donors_give_nothing_that_a_veto_names(run, tiny_file, tmp_path):
    veto, target = tmp_path / "veto.txt", tmp_path / "out.tiktoken"
    corpus = tmp_path / "text.txt"
    corpus.write_text("the cat sat on the mat and the cat slept " * 9, "utf-8")
    veto.write_text(" cat\n", "utf-8")
    words = ["merge", tiny_file, "--from", "cl100k_base", "--on", corpus, "-o", target]
    assert run(*words, "-q")[0] == 0
    assert b" cat" in tiktoken.load(target).tokens
    code, out, _ = run(*words, "--veto", veto, "--json")
    assert (code, b" cat" in tiktoken.load(target).tokens) == (0, False)
    assert json.loads(out)["donors"][0]["vetoed"] == 1
    code, _, err = run(*words, "--veto", veto)
    assert code == 0
    assert "1 that --veto forbids" in err


def test_merge_has_nothing_to_filter_in_a_word_list(run, tiny_file, tmp_path):
    code, _, err = run("merge", tiny_file, tmp_path / "zh.txt", "--script", "Han", "-o", tmp_path / "out.tiktoken")
    assert code == 2
    assert err.startswith("error: --script filters the tokens of another vocabulary, and no source is one\nhint: ")


def test_merge_takes_the_tokens_of_a_script_from_a_vocabulary(run, tiny_file, tmp_path):
    target = tmp_path / "out.tiktoken"
    code, out, _ = run("merge", tiny_file, "cl100k_base", "--script", "Thai", "-o", target, "--json")
    document = json.loads(out)
    assert (code, list(document["added"])) == (0, ["cl100k_base"])
    segments = {segment["name"] for segment in document["vocabulary"]["segments"]}
    assert {"prefix", "learned:cl100k_base"} <= segments
    assert document["fewest_bridges"] <= len(document["bridges"])
    assert all(set(bridge) == {"base64", "display"} for bridge in document["bridges"])


# Arguments


@pytest.mark.parametrize(
    ("text", "size"),
    [("1GB", 10**9), ("1gb", 10**9), ("2GiB", 2 << 30), ("10", 10), ("0.5 KB", 500), (" 3B ", 3), ("1.5TiB", 3 << 39)],
)
def test_sizes(text, size):
    assert inputs.byte_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "1 XB", "-1", "1e9", "1,000", "٣"])
def test_no_sizes(text):
    with pytest.raises(InputError, match="not a size"):
        inputs.byte_size(text)


# Drawing


def test_a_table_is_the_same_text_in_a_pipe_and_in_a_terminal(capsys, monkeypatch):
    rows = [["en", "1,234"], ["中文\x1b", "7"], ["total", "1,241"]]
    table.show(["language", "tokens"], rows, totals=1)
    piped = capsys.readouterr().out
    assert piped == "language  tokens\nen         1,234\n中文\\x1b       7\ntotal      1,241\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    table.show(["language", "tokens"], rows, totals=1)
    coloured = capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    table.show(["language", "tokens"], rows, totals=1)
    ruled = capsys.readouterr().out
    assert re.sub(r"\x1b\[\d*m", "", coloured) == ruled
    assert coloured.startswith("\x1b[1mlanguage")
    assert [line for line in ruled.splitlines() if set(line) != {"─"}] == piped.splitlines()


def test_csv_is_raw(capsys):
    data.comma_separated(["language", "ratio"], [["zh, Hant", 1 / 3], ["en", None]])
    assert capsys.readouterr().out == 'language,ratio\n"zh, Hant",0.3333333333333333\nen,\n'


def test_progress_is_silent_where_nobody_looks(capsys):
    with progress.progress("counting") as advance:
        assert advance is None
    assert capsys.readouterr() == ("", "")


def on_a_terminal(monkeypatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")


def test_what_is_done_at_once_shows_no_bar(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    with progress.progress("counting", quiet=True) as advance:
        assert advance is None
    with progress.progress("counting") as advance:
        assert advance is not None
        advance(10_000_000, 10_000_000)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_says_what_how_far_and_how_fast(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SECONDS_A_DRAWING", 0)
    with progress.progress("counting [b]") as advance:
        assert advance is not None
        advance(5_000_000, 10_000_000)
        talk.note("compiling")
        advance(10_000_000, 10_000_000)
    out, err = capsys.readouterr()
    assert out == ""
    first, second, third, *rest = err.split("\x1b[K")
    assert first.startswith("\rcounting [b] ███████████████                5.0 of 10.0 MB ")
    assert (second, third[:13]) == ("\r", "compiling\n\rco"), "talk takes the bar away"
    assert "10.0 of 10.0 MB" in third
    assert rest == ["\r", ""], "and so does the end"


def test_a_bar_is_no_wider_than_the_terminal(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SECONDS_A_DRAWING", 0)
    monkeypatch.setenv("COLUMNS", "58")
    with progress.progress("learning", "tokens") as advance:
        assert advance is not None
        advance(2, 2, "我们".encode() * 5)
    drawn = capsys.readouterr().err.split("\x1b[K")[0].removeprefix("\r")
    assert len(drawn) + sum(character in "我们" for character in drawn) <= 57


def test_the_bar_of_learning_shows_the_token_that_was_learned_last(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SECONDS_A_DRAWING", 0)
    with progress.progress("learning", "tokens") as advance:
        assert advance is not None
        advance(2, 2, "我们\n".encode())
    assert "2 of 2 tokens" in (err := capsys.readouterr().err)
    assert "我们\\n" in err


def test_the_clock_of_a_bar_begins_when_it_is_called_with_nothing_done(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SECONDS_A_DRAWING", 0)
    with progress.progress("reordering", "crossings") as advance:
        assert advance is not None
        time.sleep(0.3)
        for _ in range(2):  # in the second round less is done than before
            advance(0, 1_000)
            advance(900, 1_000)
    speeds = [float(line.split()[6].replace(",", "")) for line in capsys.readouterr().err.split("\x1b[K")[:2]]
    assert min(speeds) > 900 / 0.3, "what went before is no time of the work"


def test_talk_survives_a_closed_stderr(monkeypatch):
    with Path(os.devnull).open("w", encoding="utf-8") as closed:
        pass
    monkeypatch.setattr(sys, "stderr", closed)
    talk.error("nobody hears this")


def test_weights_of_the_shipped_mixture():
    assert inputs.weights("internlm2") == {
        "en-books": 1.63,
        "en-techlit": 4.27,
        "en-webpages": 67.51,
        "zh-books": 2.71,
        "zh-techlit": 4.94,
        "zh-webpages": 18.95,
    }
    assert inputs.weights(None) is None


def test_weights_of_a_file(tmp_path):
    path = tmp_path / "weights.toml"
    path.write_text('en-web = 2\n"zh-*" = 0.5\n', "utf-8")
    assert inputs.weights(str(path)) == {"en-web": 2.0, "zh-*": 0.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no weights in it"),
        ("en-web = 'much'", "the weight of en-web is no number from 0 up: 'much'"),
        ("en-web = true", "the weight of en-web is no number from 0 up: True"),
        ("en-web = -1", "the weight of en-web is no number from 0 up: -1"),
        ("en-web = inf", "the weight of en-web is no number from 0 up: inf"),
        ("[zh]\nweb = 1", "the weight of zh is no number from 0 up: {'web': 1}"),
        ("en web = 1", "not TOML: "),
    ],
)
def test_no_weights(tmp_path, text, message):
    path = tmp_path / "weights.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        inputs.weights(str(path))
    assert caught.value.message.startswith(f"{path}: {message}")


def test_export_writes_a_folder_and_reads_it_back(run, tiny_padded, tmp_path):
    source, folder, back = tmp_path / "tiny_padded.tiktoken", tmp_path / "hf", tmp_path / "back.tiktoken"
    tiktoken.save(tiny_padded, source)
    assert run("export", source, "--to", "huggingface", "-o", folder) == (0, "", f"wrote 265 entries to {folder}\n")
    assert {path.name for path in folder.iterdir()} >= {"tokenizer.json", "tokenizer_config.json"}
    assert run("export", folder, "--to", "tiktoken", "-o", back, "-q") == (0, "", "")
    assert back.read_bytes() == source.read_bytes()
    assert back.with_suffix(".json").read_bytes() == source.with_suffix(".json").read_bytes()


def test_export_as_json_names_what_it_wrote(run, tiny_file, tmp_path):
    target = tmp_path / "copy.tiktoken"
    code, out, err = run("export", tiny_file, "--to", "tiktoken", "-o", target, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "vocabulary": {
            "name": "tiny",
            "n_ranks": 262,
            "n_vocab": 262,
            "segments": [{"name": "prefix", "start": 0, "stop": 262}],
            "sha256": tiktoken.load(tiny_file).sha256,
        },
        "output": str(target),
    }


def test_rename_reaches_every_file_of_a_folder(run, tiny_padded, tmp_path):
    source, folder = tmp_path / "tiny_padded.tiktoken", tmp_path / "hf"
    tiktoken.save(tiny_padded, source)
    run("export", source, "--to", "huggingface", "-o", folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run("rename", folder, "<|spare_1|>=<|im_start|>", "-q") == (0, "", "")
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after == {name: text.replace(b"<|spare_1|>", b"<|im_start|>") for name, text in before.items()}
    assert b"<|im_start|>" in after["tokenizer.json"]


def test_a_pattern_that_is_not_the_files_own_is_refused(run, tiny_file, tmp_path):
    folder = tmp_path / "hf"
    run("export", tiny_file, "--to", "huggingface", "-o", folder)
    code, _, err = run("export", folder, "--to", "tiktoken", "--pattern", "r50k_base", "-o", tmp_path / "x.tiktoken")
    assert code == 2
    assert err.startswith(f"error: the pattern given is not that of {folder}: ")
    assert err.endswith("hint: leave --pattern out: the file carries its own split\n")
    assert run("export", folder, "--to", "tiktoken", "--pattern", "cl100k_base", "-o", tmp_path / "x.tiktoken")[0] == 0


@pytest.fixture
def corpus_folder(tmp_path):
    """Three small files: en-web and zh-law as JSON Lines, en-books as text."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "en-web.jsonl").write_text('{"text": "the thing"}\n{"text": "the"}\n', "utf-8")
    (folder / "zh-law.jsonl").write_text('{"text": "第一条，第二条"}\n', "utf-8")
    (folder / "en-books.txt").write_text("a thing", "utf-8")
    return folder


def rows_of(path: Path) -> list[tuple[str, bytes, int, int]]:
    table_ = counts.load(path)
    return [
        (
            table_.slices[table_.slice_ids[row]].name,
            table_.pretoken(row),
            int(table_.counts[row]),
            int(table_.documents[row]),
        )
        for row in range(len(table_))
    ]


def test_count_writes_a_table_and_says_how_much(run, corpus_folder, tmp_path):
    target = tmp_path / "counts.parquet"
    words = ["count", corpus_folder, "--path-pattern", "{language}-{domain}", "--jobs", 1]
    assert run(*words, "-o", target) == (0, "", "counted 4 documents, 40 bytes, in 3 slices: 6 rows\n")
    assert rows_of(target) == [
        ("en-books", b" thing", 1, 1),
        ("en-books", b"a", 1, 1),
        ("en-web", b" thing", 1, 1),
        ("en-web", b"the", 2, 2),
        ("zh-law", "第一条".encode(), 1, 1),
        ("zh-law", "，第二条".encode(), 1, 1),
    ]


def test_count_adds_tables_up_and_weighs_them(run, corpus_folder, tmp_path):
    first, both, mixture = tmp_path / "first.parquet", tmp_path / "both.parquet", tmp_path / "mixture.parquet"
    labels = ["--language", "en", "--domain", "web", "--jobs", 1, "-q"]
    assert run("count", corpus_folder / "en-web.jsonl", *labels, "-o", first) == (0, "", "")
    assert run("count", first, corpus_folder / "en-web.jsonl", *labels, "-o", both) == (0, "", "")
    assert rows_of(both) == [("en-web", b" thing", 2, 2), ("en-web", b"the", 4, 4)]
    weights = tmp_path / "weights.toml"
    weights.write_text("en-web = 1\nzh-web = 1\n", "utf-8")
    code, _, err = run("count", first, "--weights", weights, "-o", mixture)
    assert (code, err) == (2, "error: weights name a slice that the counts do not have: zh-web\nhint: slices: en-web\n")
    assert not mixture.exists()


def test_count_stops_at_a_bad_line_or_skips_it(run, tmp_path):
    source, target = tmp_path / "bad.jsonl", tmp_path / "counts.parquet"
    source.write_text('{"text": "a"}\n{"text": 3}\n{"text": "b"}\n', "utf-8")
    code, out, err = run("count", source, "-o", target, "--jobs", 1)
    reason = f"{source}: line 2, byte 14: field `text` is a number, not a string"
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {reason}\nhint: `--on-error skip` ")
    assert not target.exists()
    code, out, err = run("count", source, "-o", target, "--jobs", 1, "--on-error", "skip")
    assert (code, out) == (0, "")
    assert err == f"counted 2 documents, 2 bytes, in 1 slice: 2 rows\nskipped 1 document:\n  {reason}\n"
    code, out, _ = run("count", source, "-o", target, "--jobs", 1, "--on-error", "skip", "--json")
    assert json.loads(out)["skipped"] == [{"file": str(source), "line": 2, "byte": 14}]


def test_tables_of_two_patterns_do_not_combine(run, corpus_folder, tmp_path):
    first = tmp_path / "first.parquet"
    assert run("count", corpus_folder, "--pattern", "r50k_base", "--jobs", 1, "-q", "-o", first)[0] == 0
    code, _, err = run("count", first, "--pattern", "cl100k_base", "-o", tmp_path / "second.parquet")
    assert code == 2
    assert err.startswith("error: a counts table was cut by another pattern than ")


def test_count_reads_stdin_and_an_interrupt_ends_its_processes(tmp_path):
    target = tmp_path / "counts.parquet"
    words = ["count", "-", "--format", "jsonl", "--jobs", "2", "-o", str(target)]
    process: Any = subprocess.Popen(
        [*TOKKIT, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # More than a pipe holds: when all of it is written, the command is at work and no longer loading.
    process.stdin.write('{"text": "a"}\n' * 50_000)
    process.stdin.flush()
    out, err = interrupted(process)
    assert (process.returncode, out, err) == (130, "", "error: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def chinese_counts(run, tmp_path):
    """The counts table of `我们 我们 我们的`."""
    text, table_ = tmp_path / "zh.txt", tmp_path / "zh.parquet"
    text.write_text("我们 我们 我们的", "utf-8")
    assert run("count", text, "--jobs", 1, "-q", "-o", table_) == (0, "", "")
    return table_


def test_learn_writes_tokens_that_merge_takes(run, tiny_file, chinese_counts, tmp_path):
    tokens, merged = tmp_path / "zh.tokens", tmp_path / "merged.tiktoken"
    words = ["learn", chinese_counts, "--base", tiny_file, "--size", 5, "--script", "Han", "-o", tokens]
    code, out, err = run(*words)
    assert (code, out) == (0, "")
    assert err == (
        "learned 5 tokens\n"
        "the first is \\xE4\\xBB, which stood 3 times in 3 pretokens\n"
        "the last is 我们, which stood 3 times in 3 pretokens\n"
    )
    first = tokens.read_bytes()
    code, out, err = run(*words, "--json")
    assert (code, err, tokens.read_bytes()) == (0, "", first)
    assert json.loads(out)["last"] == {"base64": "5oiR5Lus", "display": "我们", "count": 3, "pretokens": 3}
    assert run("merge", tiny_file, tokens, "-o", merged) == (
        0,
        "",
        "added 5 tokens from zh\n267 mergeable tokens in all\n",
    )
    assert [each.name for each in tiktoken.load(merged).segments] == ["prefix", "learned:zh"]


def test_learn_says_how_many_tokens_the_data_support(run, tiny_file, chinese_counts, tmp_path):
    words = [
        "learn",
        chinese_counts,
        "--base",
        tiny_file,
        "--size",
        99,
        "--script",
        "Han",
        "-o",
        tmp_path / "zh.tokens",
    ]
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: the counts support 5 tokens, 99 were asked for\nhint: ask for --size 5")
    assert not (tmp_path / "zh.tokens").exists()


def test_learn_takes_a_veto(run, tiny_file, chinese_counts, tmp_path):
    veto, tokens = tmp_path / "veto.txt", tmp_path / "zh.tokens"
    veto.write_text("/们/\n", "utf-8")
    words = ["learn", chinese_counts, "--base", tiny_file, "--size", 3, "--script", "Han", "-q", "-o", tokens]
    assert run(*words, "--veto", veto) == (0, "", "")
    learned = [line.split("\t")[3] for line in tokens.read_text("utf-8").splitlines()[1:]]
    assert learned == ["\\xE4\\xBB", "\\xE6\\x88", "我"]
    assert not any("们" in text for text in learned)
    more = tmp_path / "more.txt"
    more.write_text("我\n", "utf-8")
    assert run(*words, "--size", 2, "--veto", veto, "--veto", more) == (0, "", "")
    learned = [line.split("\t")[3] for line in tokens.read_text("utf-8").splitlines()[1:]]
    assert learned == ["\\xE4\\xBB", "\\xE6\\x88"]
    veto.write_text("a\n/(/\n", "utf-8")
    code, _, err = run(*words, "--veto", veto)
    assert code == 2
    assert err.startswith(f"error: {veto}: line 2: expression does not compile")


def test_learn_wants_something_to_learn_from(run, tiny_file, tmp_path):
    code, _, err = run("learn", "--base", tiny_file, "--size", 3, "-o", tmp_path / "zh.tokens")
    assert code == 2
    assert err.startswith("error: nothing to learn from\nhint: ")


def test_learn_takes_word_lists_and_lexicons(run, tiny_file, tmp_path):
    words, tokens = tmp_path / "zh.txt", tmp_path / "zh.tokens"
    words.write_text("我们\t7\n我\t2\n", "utf-8")
    rest = ["--base", tiny_file, "--script", "Han", "-q", "-o", tokens]
    assert run("learn", "--words", words, "--size", 5, *rest) == (0, "", "")
    learned = [line.split("\t")[1:] for line in tokens.read_text("utf-8").splitlines()[1:]]
    assert learned == [
        ["9", "2", "\\xE6\\x88"],
        ["9", "2", "我"],
        ["7", "1", "\\xE4\\xBB"],
        ["7", "1", "们"],
        ["7", "1", "我们"],
    ]
    assert run("learn", "--lexicon", "wordfreq:zh", "--size", 600, *rest) == (0, "", "")
    learned = [line.split("\t")[3] for line in tokens.read_text("utf-8").splitlines()[1:]]
    assert {"的", "是", "我们"} <= set(learned)
    code, _, err = run("learn", "--lexicon", "jieba", "--size", 3, *rest)
    assert code == 2
    assert err == (
        "error: no such lexicon: jieba\n"
        "hint: the known ones are wordfreq:LANGUAGE, such as wordfreq:zh, and deepseek:zh, qwen:zh\n"
    )


@pytest.fixture
def two_vocabularies(run, tiny_file, tmp_path):
    """tiny.tiktoken, and more.tiktoken with `thing` and `条` besides."""
    words, more = tmp_path / "words.txt", tmp_path / "more.tiktoken"
    words.write_text("thing\n条\n", "utf-8")
    assert run("merge", tiny_file, words, "-q", "-o", more) == (0, "", "")
    return tiny_file, more


LABELS = ["--path-pattern", "{language}-{domain}", "--jobs", 1]


def test_report_draws_a_table_with_totals(run, corpus_folder, two_vocabularies):
    tiny, more = two_vocabularies
    code, out, err = run("report", more, "--baseline", tiny, "--on", corpus_folder, *LABELS)
    assert (code, err) == (0, "")
    header, *lines = [line.split() for line in out.splitlines()]
    assert " ".join(header) == ("language domain vocabulary bytes tokens bytes/token change")
    assert [" ".join(line) for line in lines] == [
        "en books tiny 7 4 1.750 +0.0 %",
        "en books more 7 3 2.333 -25.0 %",
        "en web tiny 12 5 2.400 +0.0 %",
        "en web more 12 4 3.000 -20.0 %",
        "zh law tiny 21 20 1.050 +0.0 %",
        "zh law more 21 16 1.312 -20.0 %",
        "en (all) tiny 19 9 2.111 +0.0 %",
        "en (all) more 19 7 2.714 -22.2 %",
        "(all) (all) tiny 40 29 1.379 +0.0 %",
        "(all) (all) more 40 23 1.739 -20.7 %",
    ]


def test_report_on_a_table_is_the_report_on_its_corpus(run, corpus_folder, two_vocabularies, tmp_path):
    tiny, more = two_vocabularies
    counted = tmp_path / "counts.parquet"
    assert run("count", corpus_folder, *LABELS, "-q", "-o", counted) == (0, "", "")
    words = ["report", more, "--baseline", tiny]
    for form in ([], ["--json"], ["--csv"]):
        assert run(*words, "--on", counted, *form) == run(*words, "--on", corpus_folder, *LABELS, *form)


def test_report_as_json_and_csv_has_raw_numbers(run, corpus_folder, two_vocabularies, tmp_path):
    tiny, more = two_vocabularies
    weights = tmp_path / "weights.toml"
    weights.write_text('"en-*" = 1\nzh-law = 1\n', "utf-8")
    words = ["report", more, "--baseline", tiny, "--on", corpus_folder, *LABELS, "--weights", weights]
    code, out, err = run(*words, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert [each["n_vocab"] for each in document["vocabularies"]] == [262, tiktoken.load(more).n_vocab]
    assert document["baseline"] == "tiny"
    row = next(each for each in document["rows"] if (each["vocabulary"], each["domain"]) == ("more", "law"))
    assert (row["row"], row["bytes"], row["tokens"], row["baseline_tokens"]) == ("slice", 21, 16, 20)
    assert (row["bytes_per_token"], row["change"]) == (21 / 16, 16 / 20 - 1)
    assert document["weights"][2] == {"language": "zh", "domain": "law", "share": 0.5}
    assert [each["vocabulary"] for each in document["mixtures"]] == ["tiny", "more"]
    code, out, _ = run(*words, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    kinds = [each["row"] for each in rows]
    assert (code, kinds.count("slice"), kinds.count("language"), kinds.count("all"), kinds.count("mixture")) == (
        0,
        6,
        2,
        2,
        2,
    )
    assert rows[-1]["bytes_per_token"] == str(document["mixtures"][1]["bytes_per_token"])
    assert run(*words)[1].splitlines()[-3].split() == ["weighted", "mixture", "bytes/token", "change"]


def test_report_counts_a_corpus_by_the_pattern_of_each_vocabulary(run, corpus_folder, two_vocabularies, tiny, tmp_path):
    other = tmp_path / "other.tiktoken"
    tiktoken.save(replace(tiny, name="other", pattern=BASES["r50k_base"].pattern), other)
    code, out, _ = run("report", other, "--baseline", two_vocabularies[0], "--on", corpus_folder, *LABELS, "--csv")
    assert code == 0
    assert {each["vocabulary"] for each in csv.DictReader(io.StringIO(out))} == {"tiny", "other"}
    counted = tmp_path / "counts.parquet"
    run("count", corpus_folder, *LABELS, "-q", "-o", counted)
    code, _, err = run("report", other, "--baseline", two_vocabularies[0], "--on", counted)
    assert code == 2
    assert err.startswith("error: other splits by another pattern than the counts: by r50k_base's, not cl100k_base's\n")
    code, _, err = run("report", other, "--baseline", two_vocabularies[0], "--on", "-")
    assert (code, err.split("\n")[1]) == (2, "hint: save it to a file first")


def test_the_pattern_of_report_is_for_rank_files_that_have_none(run, two_vocabularies, corpus_folder, tmp_path):
    bare = tmp_path / "bare.tiktoken"
    bare.write_bytes(two_vocabularies[1].read_bytes())
    options = ("--on", corpus_folder, *LABELS, "--pattern", "r50k_base")
    code, out, err = run("report", two_vocabularies[0], "--baseline", bare, *options, "--csv")
    assert (code, err) == (0, "")
    assert {each["vocabulary"] for each in csv.DictReader(io.StringIO(out))} == {"bare", two_vocabularies[0].stem}
    code, _, err = run("report", two_vocabularies[0], "--baseline", two_vocabularies[1], *options)
    assert code == 2
    assert err.startswith("error: the pattern given is not that of ")


def test_report_says_when_a_glob_spilled_over(run, corpus_folder):
    files = sorted(corpus_folder.iterdir())
    code, _, err = run("report", "cl100k_base", "--on", *files)
    assert code == 2
    assert err == (
        f"error: a corpus file, but a vocabulary is wanted: {files[1]}\n"
        "hint: --on takes one path: repeat it, or quote the glob\n"
    )


def test_report_prints_one_format(run, corpus_folder):
    code, _, err = run("report", "cl100k_base", "--on", corpus_folder, "--json", "--csv")
    assert (code, err) == (2, "error: --json and --csv ask for two formats\nhint: choose one\n")


def test_verify_lists_every_law(run, tiny_padded, tiny_file, tmp_path):
    padded = tmp_path / "padded.tiktoken"
    tiktoken.save(tiny_padded, padded)
    code, out, err = run("verify", padded, "--base", tiny_file)
    assert (code, err) == (0, "tiny_padded: every law holds\n")
    assert [line[:23].rstrip() for line in out.splitlines()] == [
        "holds    bytes",
        "holds    dense ids",
        "holds    closure",
        "holds    self-encoding",
        "holds    reachable",
        "holds    base preserved",
        "holds    specials",
        "holds    segments",
    ]
    code, out, err = run("verify", padded)
    assert code == 0
    assert err == "tiny_padded: every law that was checked holds; not checked: base preserved\n"
    assert "\nunknown  base preserved  not checked: " in out
    assert run("verify", padded, "-q") == (0, out, "")


def test_verify_names_the_offenders_and_says_no(run, tiny, tmp_path):
    broken = tmp_path / "broken.tiktoken"
    dead = tuple(f"zq{number}".encode() for number in range(12))
    tiktoken.save(replace(tiny, tokens=(*tiny.tokens, *dead), segments=()), broken)
    code, out, err = run("verify", broken)
    assert (code, err) == (1, "tiny: broken: closure, self-encoding, reachable\n")
    lines = out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("BROKEN   closure"))
    assert lines[start + 1] == "         262 zq0 = z | q | 0"
    assert lines[start + 11] == "         and 2 more"
    code, out, err = run("verify", broken, "--json")
    document = json.loads(out)
    assert (code, document["holds"], err) == (1, False, "")
    closure = next(each for each in document["findings"] if each["law"] == "closure")
    assert (closure["holds"], len(closure["offenders"])) == (False, 12)


def test_verify_writes_witnesses(run, tiny_file, tmp_path):
    witness = tmp_path / "witness.jsonl"
    assert run("verify", tiny_file, "--witness", witness, "-q")[0] == 0
    lines = [json.loads(line) for line in witness.read_text("utf-8").splitlines()]
    assert [line["id"] for line in lines] == list(range(262))
    assert lines[257] == {"id": 257, "token": "dGhl", "display": "the", "text": "the"}
    assert lines[0xFF] == {
        "id": 255,
        "token": "/w==",
        "display": "\\xFF",
        "text": None,
        "reason": "no UTF-8 text holds this byte",
    }
    vocabulary = tiktoken.load(tiny_file)
    for line in lines:
        if line["text"] is not None:
            assert line["id"] in vocabulary.encode(line["text"]), line


def test_verify_refuses_a_pair_that_does_not_belong_together(run, tiny_file):
    tiny_file.write_bytes(tiny_file.read_bytes() + b"enF6 262\n")
    code, out, err = run("verify", tiny_file)
    assert (code, out) == (2, "")
    assert "belongs to another rank file" in err


def test_verify_makes_the_selection_of_the_provenance_anew(run, tmp_path, monkeypatch):
    cut, padded = tmp_path / "cut.tiktoken", tmp_path / "padded.tiktoken"
    run("select", "cl100k_base", "--size", 1000, "--only", "ascii", "-q", "-o", cut)
    run("pad", cut, "-q", "-o", padded)
    code, out, err = run("verify", padded)
    assert (code, err) == (0, "padded: every law holds\n")
    assert "\nholds    base preserved  " in out
    monkeypatch.setenv("TOKKIT_BASES_DIR", str(tmp_path))
    (tmp_path / "cl100k_base.tiktoken").write_bytes(b"IQ== 0\n")
    code, out, err = run("verify", padded)
    assert code == 0
    assert err.startswith(f"base not compared: {tmp_path}/cl100k_base.tiktoken is not cl100k_base: sha256 ")
    assert err.endswith("padded: every law that was checked holds; not checked: base preserved\n")


def test_report_calls_namesakes_by_their_paths(run, corpus_folder, two_vocabularies, tmp_path):
    tiny, more = two_vocabularies
    folder = tmp_path / "again"
    folder.mkdir()
    for suffix in (".tiktoken", ".json"):
        (folder / f"more{suffix}").write_bytes(more.with_suffix(suffix).read_bytes())
    again = folder / "more.tiktoken"
    code, out, err = run("report", more, again, "--baseline", tiny, "--on", corpus_folder, *LABELS, "--json")
    assert (code, err) == (0, "")
    assert [each["name"] for each in json.loads(out)["vocabularies"]] == ["tiny", str(more), str(again)]


def test_count_says_by_how_much_it_weighed(run, corpus_folder, tmp_path):
    weights = tmp_path / "weights.toml"
    weights.write_text('"en-*" = 1\nzh-law = 1\n', "utf-8")
    code, _, err = run("count", corpus_folder, *LABELS, "--weights", weights, "-o", tmp_path / "weighed.parquet")
    assert (code, err.splitlines()[-1]) == (0, "counts multiplied: en-books by 111, en-web by 111, zh-law by 100")


def test_a_json_document_is_indented_as_json_does(capsys):
    value = {
        "a": [1, 2.5, 1e-7, -0.0],
        "é": {'中\u2028"\\\x00': [[], {}, [{}], None, True]},
        "big": [{"n": 1 << 80}, ""],
    }
    several: list[Any] = [value, [], {}, "x", 3]
    for each in several:
        data.document(each)
        assert capsys.readouterr().out == json.dumps(each, ensure_ascii=False, indent=2) + "\n"
    with pytest.raises(ValueError, match="Out of range float"):
        data.document(float("nan"))
