"""Memory that the user sets: the same bytes from count, however little there is, and an estimate from learn that holds."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tokkit import corpus_blocks, counts_spill, learn_memory
from tokkit.cli.app import main
from tokkit.corpus import Labels, blocks, find
from tokkit.corpus_processes import work_on, workers_on
from tokkit.counts import count, count_texts, count_to_file, load, save
from tokkit.counts_spill import jobs_within, scratch_folder
from tokkit.errors import InputError, TokkitError
from tokkit.formats import tiktoken
from tokkit.learn_memory import memory_of
from tokkit.pretokenize import PATTERNS
from tokkit.select import select
from tokkit.vocabulary import Vocabulary

ROOT = Path(__file__).parents[1]
SEED = 20_231
FIELDS = Labels(language_field="lang", domain_field="domain", domain="web", language="zh")
LABELS = Labels(domain="web", language="zh")
GB = 10**9


def clause(rng: random.Random) -> str:
    return "".join(chr(0x4E00 + int(rng.random() ** 3 * 3000)) for _ in range(rng.randrange(1, 6)))


def write_documents(path: Path, number: int, seed: int) -> None:
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(number):
            text = "，".join(clause(rng) for _ in range(40)) + " the end.\n" * rng.randrange(3)
            label = {"lang": rng.choice(["zh", "ja"]), "domain": rng.choice(["web", "law"])}
            file.write(json.dumps({"text": text, **label}, ensure_ascii=False) + "\n")


@pytest.fixture
def _small(monkeypatch):
    """Blocks of 30 kB, frames of 2 kB, and room for nothing: every block becomes a run."""
    monkeypatch.setattr(corpus_blocks.blocks, "__kwdefaults__", {"block_bytes": 30_000})
    monkeypatch.setattr(counts_spill, "_FRAME_BYTES", 2_000)
    monkeypatch.setattr(counts_spill, "LEAST_ROOM", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """JSON Lines of four slices; two long text files of one slice, with lines that come again; a text file that is broken."""
    path = tmp_path_factory.mktemp("corpus")
    write_documents(path / "a.jsonl", 300, SEED)
    write_documents(path / "b.jsonl", 300, SEED + 1)
    rng = random.Random(SEED)
    lines = [clause(rng) for _ in range(400)]
    for name in ("c.txt", "d.txt"):
        text = "\n".join(rng.choices(lines, k=9_000)) + "\n"
        (path / name).write_text(text, encoding="utf-8")
    (path / "e.txt").write_bytes(
        ("\n".join(rng.choices(lines, k=9_000)) + "\n").encode() + b"\xff\n" + b"again\n" * 20_000
    )
    return path


def tight(jobs: int) -> int:
    """The memory that leaves a byte for counters."""
    return counts_spill.PROCESS_BYTES + (jobs - 1) * counts_spill.THREAD_BYTES + jobs


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("folds", [0, 3])
def test_a_run_of_every_block_makes_the_same_bytes(folder, tmp_path, folds):
    files = find(folder, FIELDS)
    whole = count(files, FIELDS, folds=folds, on_error="skip")
    save(whole.table, tmp_path / "whole.parquet")
    written = count_to_file(tmp_path / "tight.parquet", files, FIELDS, memory=tight(1), folds=folds, on_error="skip")
    assert written.skipped[0].path == whole.skipped[0].path == str(folder / "e.txt")
    assert (len(written.table), written.table.totals) == (len(whole.table), whole.table.totals)
    assert (tmp_path / "tight.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tight.parquet", "whole.parquet"]


def test_several_workers_and_another_order_make_the_same_bytes(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(counts_spill, "LEAST_ROOM", 1)
    files = find(folder, FIELDS)
    save(count(files, FIELDS, on_error="skip").table, tmp_path / "whole.parquet")
    count_to_file(tmp_path / "tight.parquet", files, FIELDS, memory=tight(2), jobs=2, on_error="skip")
    assert (tmp_path / "tight.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("options", [{"max_bytes": 300_000}, {"sample": 0.5}, {"max_bytes": 300_000, "folds": 2}])
def test_parts_of_a_corpus_make_the_same_bytes(folder, tmp_path, options):
    files = find([folder / "c.txt", folder / "d.txt", folder / "a.jsonl"], FIELDS)
    save(count(files, FIELDS, **options).table, tmp_path / "whole.parquet")
    count_to_file(tmp_path / "tight.parquet", files, FIELDS, memory=tight(1), **options)
    assert (tmp_path / "tight.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize("options", [{"jobs": 2}, {"jobs": 2, "folds": 3}, {"folds": 3}, {"max_bytes": 300_000}])
def test_slices_that_are_written_while_others_are_sorted_make_the_same_bytes(folder, tmp_path, options):
    """Both workers have rows of the same slices here, since the labels are in the text."""
    files = find(folder, FIELDS)
    save(count(files, FIELDS, on_error="skip", **(options | {"jobs": 1})).table, tmp_path / "whole.parquet")
    count_to_file(tmp_path / "written.parquet", files, FIELDS, on_error="skip", **options)
    assert (tmp_path / "written.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@dataclass(frozen=True)
class Failing:
    """A task whose workers answer once and then fail."""

    in_threads: bool

    def begin(self) -> list[int]:
        return []

    def take(self, block, state) -> None:
        state.append(len(block.data))

    def finish(self, state) -> int:
        return len(state)

    def answer(self, request, state):
        assert isinstance(state, list)  # empty in a worker that was late for all blocks
        yield request
        raise InputError(f"cannot answer {request}")


@pytest.mark.parametrize("in_threads", [True, False])
def test_what_a_worker_meets_while_it_answers_is_raised(folder, in_threads):
    with workers_on(find(folder, FIELDS), Failing(in_threads), 2) as workers:
        assert sum(worker.result for worker in workers) == 5
        answers = [worker.ask("this") for worker in workers]
        assert [next(each) for each in answers] == ["this", "this"]
        with pytest.raises(InputError, match="cannot answer this"):
            next(answers[0])


def test_threads_read_files_of_their_own_at_the_same_time(folder, monkeypatch):
    both = threading.Barrier(2)

    def waiting(file):
        if file.size in largest[:2]:
            both.wait(30)  # broken where one thread reads for all
        yield from blocks(file)

    files = find(folder, FIELDS)
    largest = sorted((file.size or 0 for file in files), reverse=True)
    monkeypatch.setattr("tokkit.corpus.blocks", waiting)
    assert sum(work_on(files, Failing(in_threads=True), 2)) == 5


@pytest.mark.parametrize("in_threads", [True, False])
def test_workers_that_share_a_file_take_every_block_once_and_progress_goes_up(tmp_path, monkeypatch, in_threads):
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "{number:05}"}}\n' for number in range(4_000)))
    [file] = find(tmp_path, FIELDS)
    monkeypatch.setitem(blocks.__kwdefaults__, "block_bytes", 800)
    expected = len(list(blocks(file)))
    assert expected > 80
    seen: list[int] = []
    assert sum(work_on([file], Failing(in_threads), 2, seen.append)) == expected
    assert seen == sorted(seen)
    assert seen[-1] == file.size


@pytest.mark.parametrize("in_threads", [True, False])
def test_what_is_wrong_with_a_file_is_raised_and_nobody_works_on(folder, monkeypatch, in_threads):
    def broken(file):
        yield from blocks(file)
        raise InputError(f"cannot read {Path(file.path).name}")

    before = threading.active_count()
    monkeypatch.setattr("tokkit.corpus.blocks", broken)
    with pytest.raises(InputError, match="cannot read"):
        work_on(find(folder, FIELDS), Failing(in_threads), 2)
    assert threading.active_count() == before


@pytest.mark.usefixtures("_small")
def test_runs_make_the_same_bytes_across_row_groups(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tokkit.counts_file._ROWS_AT_ONCE", 1_000)
    files = find([folder / "a.jsonl", folder / "c.txt"], FIELDS)
    table = count(files, FIELDS).table
    assert len(table) > 5_000
    save(table, tmp_path / "whole.parquet")
    count_to_file(tmp_path / "tight.parquet", files, FIELDS, memory=tight(1))
    assert (tmp_path / "tight.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.usefixtures("_small")
def test_runs_are_removed_after_an_error(folder, tmp_path):
    with pytest.raises(TokkitError, match=r"e\.txt"):
        count_to_file(tmp_path / "x.parquet", find(folder, FIELDS), FIELDS, memory=tight(1))
    assert list(tmp_path.iterdir()) == []


def test_runs_are_removed_after_an_interrupt(tmp_path):
    def interrupted() -> None:
        with scratch_folder(tmp_path / "x.parquet") as folder:
            (Path(folder) / "run").write_bytes(b"0")
            assert list(tmp_path.iterdir()) == [Path(folder)]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_runs_go_where_tmpdir_says(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    with scratch_folder(tmp_path / "x.parquet") as folder:
        assert Path(folder).parent == elsewhere


@pytest.mark.usefixtures("_small")
def test_a_full_disk_is_told_with_the_next_move(folder, tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    with pytest.raises(InputError, match="No space left on device") as error:
        count_to_file(tmp_path / "x.parquet", find(folder / "a.jsonl", FIELDS), FIELDS, memory=tight(1))
    assert "TMPDIR" in (error.value.hint or "")


def test_too_little_memory_is_refused_with_how_much_would_do():
    with pytest.raises(InputError, match=r"^5 bytes of memory are too little to count with 1 job$"):
        jobs_within(5, 1, fewer=True)
    with pytest.raises(InputError, match="200 MB of memory are too little to count with 1 job") as error:
        jobs_within(200 * 10**6, 1, fewer=True)
    assert error.value.hint == "--memory 380MB"
    assert jobs_within(380 * 10**6, 1, fewer=False) == 1
    with pytest.raises(InputError, match="with 4 jobs") as error:
        jobs_within(GB, 4, fewer=False)
    assert error.value.hint == "--memory 1820MB or fewer --jobs"


def test_the_command_takes_memory(folder, tmp_path, capsys):
    words = ["count", str(folder / "a.jsonl"), "--language-field", "lang", "--json", "-o"]
    assert main([*words, str(tmp_path / "whole.parquet")]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert main([*words, str(tmp_path / "tight.parquet"), "--memory", "400MB"]) == 0
    assert json.loads(capsys.readouterr().out) == whole
    assert (tmp_path / "tight.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert main([*words, str(tmp_path / "x.parquet"), "--memory", "100MB"]) == 2
    assert "too little" in capsys.readouterr().err
    assert main(["count", str(tmp_path / "whole.parquet"), "--memory", "1GB", "-o", str(tmp_path / "x.parquet")]) == 2
    assert "a counts table, and --memory takes text" in capsys.readouterr().err


# What the process itself held: `ru_maxrss` begins with the memory of the process that started it.
MEASURED = """
import re, sys
from numba.core import event
from tokkit.cli.app import main
with event.install_recorder("numba:compile") as compiled:
    code = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1], len(compiled.buffer))
sys.exit(code)
"""


def peak_of(words: list[str]) -> float:
    """Run a command and return its peak in MB; where it held a compiler, of a second run, which finds the machine code."""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        peak, compiled = map(int, done.stdout.split())
        if not compiled:
            break
    return peak / 1e3


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A corpus of 1.9 million distinct pretokens."""
    path: Path = tmp_path_factory.mktemp("many") / "many.jsonl"
    rng = np.random.default_rng(SEED)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(20):
            codes = rng.integers(0x4E00, 0x8E00, (100_000, 6), np.uint16)
            codes[:, 5] = ord("，")
            for text in np.array_split(codes, 100):
                file.write(json.dumps({"text": text.tobytes().decode("utf-16-le")}, ensure_ascii=False) + "\n")
    return path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc: the peak of a process is not told here")
def test_peaks_keep_within_what_is_said(many, tmp_path):
    """Counting needs half a GB without a limit; learning peaks at -10 % to +30 % of its estimate the other way round."""
    words = ["count", str(many), "--jobs", "1", "-q", "-o"]
    free = peak_of([*words, str(tmp_path / "free.parquet")])
    tight = peak_of([*words, str(tmp_path / "tight.parquet"), "--memory", "380MB"])
    assert (tmp_path / "free.parquet").read_bytes() == (tmp_path / "tight.parquet").read_bytes()
    assert free > 450, f"{free:.0f} MB: the table is too small to show anything"
    assert tight < 380, f"{tight:.0f} MB"
    base = Vocabulary("bytes", PATTERNS["cl100k_base"], tuple(bytes([byte]) for byte in range(256)))
    tiktoken.save(base, tmp_path / "bytes.tiktoken")
    learn = ["learn", str(tmp_path / "free.parquet"), "--base", str(tmp_path / "bytes.tiktoken"), "--size", "2000"]
    peak = peak_of([*learn, "-q", "-o", str(tmp_path / "x.tokens")])
    estimate = memory_of(load(tmp_path / "free.parquet"), base, 2_000) / 1e6
    assert 0.9 < estimate / peak < 1.3, f"estimated {estimate:.0f} MB, measured {peak:.0f} MB"


def test_learn_refuses_what_does_not_fit_and_names_a_sample_that_does(many, cl100k, tmp_path, capsys):
    save(count(find(many, LABELS), LABELS, max_bytes=15_000_000).table, tmp_path / "counts.parquet")
    base = select(cl100k, 60_004).vocabulary
    tiktoken.save(base, tmp_path / "base.tiktoken")
    words = ["learn", str(tmp_path / "counts.parquet"), "--base", str(tmp_path / "base.tiktoken"), "--size", "9"]
    words += ["-o", str(tmp_path / "x.tokens")]
    assert main([*words, "--memory", "400MB"]) == 2
    said = capsys.readouterr().err
    assert "learning takes about" in said
    share = float(said.split("--sample ")[1].split()[0])
    assert 0 < share < 1
    sampled = count(find(many, LABELS), LABELS, max_bytes=int(15_000_000 * share)).table
    assert memory_of(sampled, base, 9) < 405_000_000
    assert main([*words, "--memory", "100MB"]) == 2
    assert "no sample of the table fits" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc: the peak of a process is not told here")
def test_the_estimate_counts_what_reordering_takes(many, cl100k, tmp_path, capsys):
    """Pretokens are cut by the quarter of a million: where there are no more of them that takes more than learning."""
    table = count(find(many, LABELS), LABELS, max_bytes=4_500_000).table
    save(table, tmp_path / "counts.parquet")
    base = select(cl100k, 60_004).vocabulary
    tiktoken.save(base, tmp_path / "base.tiktoken")
    words = ["learn", str(tmp_path / "counts.parquet"), "--base", str(tmp_path / "base.tiktoken"), "--size", "2000"]
    words += ["-o", str(tmp_path / "x.tokens")]
    alone, both = memory_of(table, base, 2_000), memory_of(table, base, 2_000, reorder=True)
    peak = peak_of([*words, "--reorder", "-q"])
    assert alone < both
    assert 0.9 < both / 1e6 / peak < 1.3, f"estimated {both / 1e6:.0f} MB, measured {peak:.0f} MB"
    allowed = f"{(alone + both) // 2_000_000}MB"
    assert main([*words, "--memory", allowed, "-q"]) == 0
    assert main([*words, "--memory", allowed, "-q", "--reorder"]) == 2
    said = capsys.readouterr().err
    assert f"learning and reordering take about {both / 1e6:,.0f} MB of memory" in said
    assert "tokkit count --sample " in said
    assert f"or leave --reorder out: learning alone takes about {alone / 1e6:,.0f} MB" in said


def test_no_rows_take_what_the_process_takes():
    base = Vocabulary("bytes", PATTERNS["cl100k_base"], tuple(bytes([byte]) for byte in range(256)))
    assert memory_of(count_texts([""]), base, 1) == learn_memory.PROCESS_BYTES


def test_compiling_is_announced_once_and_not_when_quiet(tmp_path):
    program = (
        "import sys, numpy as np; from tokkit.render import talk; talk.follow_log(quiet=sys.argv[1] == 'quiet');"
        "from tokkit.kernels import records; records.weight_of(np.zeros(4, np.int32), 0);"
        "records.weight_of(np.zeros(4, np.int64), 0)"
    )

    def said(word: str, folder: str) -> str:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / folder)}
        words = [sys.executable, "-c", program, word]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stderr

    assert said("quiet", "one") == ""
    assert said("loud", "two") == "compiling kernels, once on this machine: up to half a minute\n"
    assert said("loud", "two") == ""
