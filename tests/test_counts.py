"""The table equals the one counted in memory, for any input, block size, number of jobs, order of files and hash seed."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.hostile import HOSTILE
from tokkit import corpus_threads, counts_counter, reference
from tokkit.corpus import Labels, batches, find
from tokkit.counts import (
    CountsTable,
    Slice,
    combine,
    count,
    count_texts,
    is_counts_table,
    load,
    reweight,
    save,
    slice_weights,
)
from tokkit.counts_counter import Counter, Counters, count_batch, slices_of
from tokkit.counts_file import corpus_files
from tokkit.counts_table import Rows as SortedRows
from tokkit.counts_table import SliceCounts, merged_rows, summed, table_of
from tokkit.encode import flatten
from tokkit.errors import CorpusError, FormatError, InputError, MismatchError, TokkitError
from tokkit.kernels import table as table_kernels
from tokkit.pretokenize import PATTERNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 32_397
CL100K = PATTERNS["cl100k_base"]
OWN = r"\S+|\s+"  # no kernel splits by it: workers are processes
FIELDS = Labels(language_field="lang", domain_field="domain")
WORDS = ["我们", "的", "don't", " the", "\n", "2023", "，", " \n x", "a\x00b", "naïve", "e\u0301", "  ", "'s", "😀"]

Rows = dict[tuple[str, str], dict[bytes, tuple[int, int]]]


def rows_of(table: CountsTable) -> Rows:
    rows: Rows = {part.key: {} for part in table.slices}
    for row in range(len(table)):
        part = table.slices[table.slice_ids[row]]
        assert table.pretoken(row) not in rows[part.key], f"{table.pretoken(row)!r} has two rows in {part.name}"
        rows[part.key][table.pretoken(row)] = (int(table.counts[row]), int(table.documents[row]))
    return rows


def assert_same_rows(ours: Rows, expected: Rows) -> None:
    assert sorted(ours) == sorted(expected)
    for key, theirs in expected.items():
        for pretoken in sorted(ours[key].keys() | theirs.keys()):
            our, their = ours[key].get(pretoken), theirs.get(pretoken)
            assert our == their, f"{key}, {pretoken!r}: (count, documents) is {our}, by the reference {their}"


def assert_same_tables(ours: CountsTable, theirs: CountsTable) -> None:
    assert ours.pattern == theirs.pattern
    assert ours.slices == theirs.slices
    assert_same_rows(rows_of(ours), rows_of(theirs))
    for name in ("slice_ids", "data", "starts", "counts", "documents"):
        our, their = getattr(ours, name), getattr(theirs, name)
        assert our.dtype == their.dtype, name
        assert np.array_equal(our, their), name


def assert_equals_reference(table: CountsTable, documents: list[dict[str, str]]) -> None:
    """Rows, their order, and the totals of every slice."""
    texts: dict[tuple[str, str], list[str]] = {}
    for document in documents:
        texts.setdefault((document["lang"], document["domain"]), []).append(document["text"])
    assert_same_rows(rows_of(table), {key: reference.count(part, table.pattern) for key, part in texts.items()})
    assert table.slices == tuple(
        Slice(*key, len(part), sum(map(len, part)), sum(len(text.encode()) for text in part))
        for key, part in sorted(texts.items())
    )
    order = [(int(table.slice_ids[row]), table.pretoken(row)) for row in range(len(table))]
    assert order == sorted(order)


def random_documents(number: int, seed: int = SEED) -> list[dict[str, str]]:
    rng = random.Random(seed)
    return [
        {
            "id": f"d{index}",
            "text": "".join(rng.choices(WORDS, k=rng.randint(0, 60))),
            "lang": rng.choice(["zh", "en", "zh-Hant"]),
            "domain": rng.choice(["web", "law"]),
        }
        for index in range(number)
    ]


def write_json_lines(path: Path, documents: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in documents), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def documents() -> list[dict[str, str]]:
    return random_documents(400)


@pytest.fixture(scope="module")
def folder(documents, tmp_path_factory) -> Path:
    """Six files of documents."""
    path: Path = tmp_path_factory.mktemp("corpus")
    for number in range(6):
        write_json_lines(path / f"part{number}.jsonl", documents[number::6])
    return path


def test_the_worked_case() -> None:
    table = count_texts(["to be or not to be", "be"], language="en", domain="plays")
    assert rows_of(table) == {
        ("en", "plays"): {b"to": (1, 1), b" be": (2, 1), b" or": (1, 1), b" not": (1, 1), b" to": (1, 1), b"be": (1, 1)}
    }
    assert table.slices == (Slice("en", "plays", 2, 20, 20),)
    assert [table.pretoken(row) for row in range(len(table))] == [b" be", b" not", b" or", b" to", b"be", b"to"]
    assert table.counts.dtype == table.documents.dtype == np.int64
    assert table.n_bytes == 20


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map("".join), min_size=1, max_size=12),
    st.sampled_from(["cl100k_base", "o200k_base", "r50k_base", r"\w+|\W"]),
)
def test_any_texts_as_the_reference_counts_them(texts, pattern) -> None:
    table = count_texts(texts, pattern, language="xx", domain="y")
    assert_equals_reference(table, [{"lang": "xx", "domain": "y", "text": text} for text in texts])


def test_hostile_texts_in_bytes_and_documents() -> None:
    table = count_texts(list(HOSTILE.values()), r"(?s).", language="xx", domain="y")
    assert_equals_reference(table, [{"lang": "xx", "domain": "y", "text": text} for text in HOSTILE.values()])


def test_no_text_at_all(tmp_path) -> None:
    assert len(count_texts([])) == 0
    assert len(count_texts(["", ""])) == 0
    assert count_texts(["", ""]).slices == (Slice("und", "all", 2, 0, 0),)
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    table = count(find(tmp_path)).table
    assert (len(table), table.n_bytes) == (0, 0)
    save(table, tmp_path / "empty.parquet")
    assert_same_tables(load(tmp_path / "empty.parquet"), table)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InputError, match="lone surrogate at character 1"):
        count_texts(["ok", "a\udc80"])


def test_a_text_is_not_taken_for_a_list_of_its_letters() -> None:
    with pytest.raises(InputError, match="a text where a list of texts is wanted") as caught:
        count_texts("to be")
    assert caught.value.hint == "put it into brackets: count_texts([text])"


def counted_in_blocks(paths: Path | list[Path], labels: Labels | None, block_bytes: int) -> CountsTable:
    counters: Counters = {}
    for batch in batches(find(paths, labels), labels, block_bytes=block_bytes):
        count_batch(counters, batch, PATTERNS["cl100k_base"])
    return table_of(slices_of(counters), PATTERNS["cl100k_base"], {})


@pytest.mark.parametrize("block_bytes", [1, 50, 1000, 7000, 1 << 20])
def test_any_block_size(block_bytes, folder, documents) -> None:
    assert_equals_reference(counted_in_blocks(folder, FIELDS, block_bytes), documents)


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1000])
def test_a_text_file_is_one_document_in_blocks_of_any_size(block_bytes, tmp_path) -> None:
    """Two files in one slice: the second document must not go on with the first."""
    rng = random.Random(SEED)
    texts = ["\n".join("".join(rng.choices(WORDS, k=5)) for _ in range(80)) for _ in range(2)]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.txt").write_bytes(text.encode())
    table = counted_in_blocks(tmp_path, None, block_bytes)
    assert_equals_reference(table, [{"lang": "und", "domain": "all", "text": text} for text in texts])


def test_slices_from_fields_and_from_paths(folder, documents, tmp_path) -> None:
    assert_equals_reference(count(find(folder, FIELDS), FIELDS).table, documents)
    for number, document in enumerate(documents[:30]):
        name = f"{document['lang']}-{document['domain']}"
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{number}.txt").write_bytes(document["text"].encode())
    labels = Labels(path_pattern="{language}-{domain}/*.txt")
    assert_equals_reference(count(find(tmp_path, labels), labels).table, documents[:30])


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_any_number_of_jobs_and_any_order_of_files(jobs, folder, documents) -> None:
    files = find(folder, FIELDS)
    for order in (files, files[::-1]) if jobs == 2 else (files,):
        table = count(order, FIELDS, jobs=jobs).table
        assert_equals_reference(table, documents)
    assert not multiprocessing.active_children()


def test_processes_count_as_threads_do(folder) -> None:
    """A pattern that no kernel splits by, in processes, because `regex` holds the lock of the interpreter."""
    files = find(folder, FIELDS)
    assert_same_tables(count(files, FIELDS, pattern=OWN, jobs=2).table, count(files, FIELDS, pattern=OWN).table)


def test_a_large_text_file_is_one_document_for_several_workers(tmp_path) -> None:
    """20 MB in three blocks: those that go on with a document follow the first one to its worker."""
    lines = [f"{word} line {number}\n" for number in range(1000) for word in WORDS]
    text = "".join(lines) * 95
    (tmp_path / "large.txt").write_text(text, encoding="utf-8", newline="")
    (tmp_path / "small.txt").write_text("line 7", encoding="utf-8")
    files = find(tmp_path)
    assert (files[0].size or 0) > 2 << 23
    table = count(files, jobs=2).table
    assert_same_tables(table, count_texts([text, "line 7"]))
    assert int(table.documents.max()) == 2


def test_equal_bytes_for_any_jobs_folder_order_and_hash_seed(folder, tmp_path) -> None:
    """Everything that reaches the file is ordered: nothing of the machine, and nothing of the order of work, shows in it."""
    target = tmp_path / "elsewhere"
    shutil.copytree(folder, target)
    save(count(find(folder, FIELDS), FIELDS).table, tmp_path / "one.parquet")
    script = (
        "import sys; from tokkit.corpus import Labels, find; from tokkit.counts import count, save\n"
        "if __name__ == '__main__':\n"
        "    labels = Labels(language_field='lang', domain_field='domain')\n"
        "    paths = sorted(sys.argv[2:], reverse=True)\n"
        "    save(count(find(paths, labels), labels, jobs=2).table, sys.argv[1])\n"
    )
    (tmp_path / "count.py").write_text(script, encoding="utf-8")
    command = [sys.executable, tmp_path / "count.py", tmp_path / "two.parquet", *target.iterdir()]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "4"}, cwd=Path(__file__).parents[1])
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_sample_is_the_same_for_any_jobs(folder, documents) -> None:
    one = count(find(folder, FIELDS), FIELDS, sample=0.5).table
    two = count(find(folder, FIELDS), FIELDS, sample=0.5, jobs=2).table
    assert_same_tables(one, two)
    assert 0.3 * len(documents) < sum(part.documents for part in one.slices) < 0.7 * len(documents)


def test_max_bytes_ends_after_the_document_that_reaches_it(tmp_path) -> None:
    path = write_json_lines(
        tmp_path / "a.jsonl", [{"text": "我们 x", "lang": "zh", "domain": "web"} for _ in range(10)]
    )
    table = count(find(path, FIELDS), FIELDS, max_bytes=17, jobs=2).table
    assert table.slices == (Slice("zh", "web", 3, 12, 24),)


def test_progress_ends_at_the_whole(folder) -> None:
    seen: list[tuple[int, int]] = []
    files = find(folder, FIELDS)
    count(files, FIELDS, progress=lambda done, total: seen.append((done, total)))
    size = sum(file.size or 0 for file in files)
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_skipped_is_told_in_order(jobs, tmp_path) -> None:
    good = json.dumps({"text": "good text", "lang": "en", "domain": "web"})
    for name in ("b", "a"):
        (tmp_path / f"{name}.jsonl").write_text(f"{good}\n{{broken\n{good}\n{{}}\n{good}\n", encoding="utf-8")
    counted = count(find(tmp_path, FIELDS), FIELDS, on_error="skip", jobs=jobs)
    assert [(Path(error.path).name, error.line) for error in counted.skipped] == [
        ("a.jsonl", 2), ("a.jsonl", 4), ("b.jsonl", 2), ("b.jsonl", 4),
    ]  # fmt: skip
    assert counted.table.slices == (Slice("en", "web", 6, 54, 54),)
    assert counted.table.provenance["skipped"] == 4


@pytest.mark.parametrize(("jobs", "pattern"), [(1, CL100K), (2, CL100K), (2, OWN)])
def test_an_error_comes_whole_out_of_a_worker(jobs, pattern, tmp_path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "fine"}\n{"text": 7}\n', encoding="utf-8")
    before = threading.active_count()
    with pytest.raises(CorpusError) as caught:
        count(find(tmp_path), pattern=pattern, jobs=jobs)
    assert (Path(caught.value.path).name, caught.value.line) == ("a.jsonl", 2)
    assert not multiprocessing.active_children()
    assert threading.active_count() == before


@pytest.mark.parametrize("earlier", [[], ["an earlier document\n"]])
def test_a_document_without_its_first_block_is_still_one_document(earlier, tmp_path) -> None:
    """What goes on then goes on with nothing: not with the document before, and not with number -1."""
    for number, text in enumerate(earlier):
        (tmp_path / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "broken.txt").write_bytes(b"\xff first block\n" + b"same words here\n" * 30)
    counters: Counters = {}
    rest = ""
    found = list(batches(find(tmp_path), on_error="skip", block_bytes=16))
    for batch in found:
        count_batch(counters, batch, PATTERNS["cl100k_base"])
        rest += batch.text.decode() * ("broken.txt" in batch.ids)
    assert sum(len(batch.skipped) for batch in found) == 1
    assert len(rest) > 450
    table = table_of(slices_of(counters), PATTERNS["cl100k_base"], {})
    assert_equals_reference(table, [{"lang": "und", "domain": "all", "text": text} for text in [*earlier, rest]])


def test_a_document_that_is_left_out_whole_leaves_no_trace(tmp_path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff")
    (tmp_path / "b.txt").write_bytes(b"text")
    assert count(find(tmp_path), on_error="skip").table.slices == (Slice("und", "all", 1, 4, 4),)
    assert count(find(tmp_path / "a.txt"), on_error="skip").table.slices == ()


def many_blocks(tmp_path: Path) -> Any:
    for number in range(12):
        write_json_lines(tmp_path / f"{number}.jsonl", random_documents(3, number))
    return find(tmp_path, FIELDS)


@pytest.mark.parametrize("block", [1, 5, 12])
def test_a_killed_process_is_an_error_that_says_so(block, tmp_path) -> None:
    """Whether it was at work, waiting for a block, or asked for its table."""
    files = many_blocks(tmp_path)
    seen = 0

    def kill_one(_done: int, _total: int) -> None:
        nonlocal seen
        seen += 1
        if seen == block:
            victim = multiprocessing.active_children()[0]
            assert victim.pid is not None
            os.kill(victim.pid, signal.SIGKILL)
            victim.join()

    with pytest.raises(TokkitError, match="a counting process was killed, most likely for want of memory") as caught:
        count(files, FIELDS, pattern=OWN, jobs=2, progress=kill_one)
    assert caught.value.hint == "use fewer --jobs or a smaller --sample"
    assert not multiprocessing.active_children()


def test_an_interrupt_leaves_no_thread(tmp_path) -> None:
    """Neither one that waits for a block, nor one that nobody asks for its rows any more."""
    files = many_blocks(tmp_path)
    seen: list[int] = []

    def interrupt(done: int, total: int) -> None:
        seen.append(sum(thread.name != "naming" for thread in threading.enumerate()))
        if done == total or len(files) == 1:
            signal.raise_signal(signal.SIGINT)

    before, interval = threading.active_count(), sys.getswitchinterval()
    for some in (files, files[:1]):
        with pytest.raises(KeyboardInterrupt):
            count(some, FIELDS, jobs=3, progress=interrupt)
        assert threading.active_count() == before
    assert max(seen) == before + 3  # without the one that works out the files' sha256, which may have ended
    assert sys.getswitchinterval() == interval


def test_an_interrupt_leaves_no_process(tmp_path) -> None:
    files = many_blocks(tmp_path)
    children: list[int] = []

    def interrupt(_done: int, _total: int) -> None:
        children.extend(child.pid for child in multiprocessing.active_children() if child.pid)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        count(files, FIELDS, pattern=OWN, jobs=2, progress=interrupt)
    assert len(children) == 2
    for pid in children:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def tiny_counter() -> Counter:
    return Counter(np.zeros((2, 4), np.uint64), np.empty(1, np.uint8))


def one_slice(rows: SortedRows) -> CountsTable:
    return table_of([SliceCounts(Slice("x", "y", 1, 1, 1), rows)], "", {})


def test_every_array_grows_when_it_must() -> None:
    """From room for no pretoken at all."""
    rng = random.Random(SEED)
    texts = ["".join(rng.choices(WORDS + list("abcdefgh"), k=40)) for _ in range(200)]
    pattern = PATTERNS["cl100k_base"]
    counted = tiny_counter()
    for text in texts:
        data = text.encode()
        counted.count(np.frombuffer(data, np.uint8), np.array([0, len(data)]), pattern, continues=False)
    expected = reference.count(texts, pattern)
    assert_same_rows(rows_of(table_of(slices_of({("x", "y"): counted}), pattern, {})), {("x", "y"): expected})


def counted_in(counter: Counter, texts: list[str]) -> CountsTable:
    for text in texts:
        data = text.encode()
        counter.count(np.frombuffer(data, np.uint8), np.array([0, len(data)]), CL100K, continues=False)
    return table_of(slices_of({("x", "y"): counter}), CL100K, {})


@pytest.mark.parametrize("aside", [0, 1, 8, 1 << 10])
def test_a_large_table_grows_where_it_lies(monkeypatch, aside) -> None:
    """Whether the slots that are set aside are enough or not, and with what nobody reserved too."""
    rng = random.Random(SEED)
    texts = ["".join(rng.choices(WORDS + list("abcdefgh"), k=40)) for _ in range(200)]
    expected = {("x", "y"): reference.count(texts, CL100K)}
    monkeypatch.setattr(counts_counter, "_LARGE", 256)
    monkeypatch.setattr(counts_counter, "_ASIDE", aside)
    counter = Counter(np.zeros((8, 4), np.uint64), np.empty(1, np.uint8))
    assert_same_rows(rows_of(counted_in(counter, texts)), expected)
    assert counter.reserved is not None
    assert counter.reserved.shape[0] > counter.slots.shape[0] > 8
    assert np.shares_memory(counter.reserved, counter.slots)
    counter.empty()
    assert counter.reserved is None


def test_counting_goes_on_where_nothing_can_be_reserved(monkeypatch) -> None:
    rng = random.Random(SEED)
    texts = ["".join(rng.choices(WORDS + list("abcdefgh"), k=40)) for _ in range(200)]
    expected = {("x", "y"): reference.count(texts, CL100K)}
    monkeypatch.setattr(counts_counter, "_LARGE", 0)
    monkeypatch.setattr(counts_counter, "_RESERVED", 1 << 42)
    counter = tiny_counter()
    assert_same_rows(rows_of(counted_in(counter, texts)), expected)
    assert counter.reserved is not None
    assert counter.reserved.shape == counter.slots.shape


def slots_with(hashes: list[int], n_slots: int, go_home: set[int]) -> NDArray[np.uint64]:
    """A table of long pretokens, as many as there are hashes, numbered by their places in the arena; some go home."""
    slots = np.zeros((n_slots, 4), np.uint64)
    for place, value in enumerate(hashes):
        home = slot = (value >> 32) * n_slots >> 32
        while slots[slot, table_kernels.REST]:
            slot = (slot + 1) % n_slots
        slots[slot] = value, int(table_kernels.LONG) | place, place + 1, place + 2
        if place in go_home:
            slots[[home, slot]] = slots[[slot, home]]
    return slots


TOP = (1 << 64) - 1


@settings(derandomize=True, deadline=None, max_examples=400)
@given(
    hashes=st.lists(st.integers(0, TOP) | st.sampled_from([0, 1, 1 << 60, TOP >> 1, TOP - 1, TOP]), max_size=60),
    factor=st.floats(1.01, 3),
    n_aside=st.integers(0, 70),
    go_home=st.sets(st.integers(0, 59)),
)
def test_a_table_that_grows_in_place_keeps_every_pretoken_in_reach(hashes, factor, n_aside, go_home) -> None:
    """Hashes all alike too, of which a run is as long as the table; then not enough is set aside, and it says so."""
    n_old = len(hashes) * 8 // 5 + 1
    slots = np.zeros((max(n_old + 1, int(factor * n_old)), 4), np.uint64)
    slots[:n_old] = slots_with(hashes, n_old, go_home)
    aside = np.zeros((n_aside, 4), np.uint64)
    wanted = {(value, place) for place, value in enumerate(hashes)}

    done = table_kernels.spread_slots(slots, n_old, aside)

    if not done:
        kept = np.concatenate([slots, aside])
        slots = np.zeros_like(slots)
        table_kernels.move_slots(kept, slots)
    assert done or n_aside < n_old
    full = slots[slots[:, table_kernels.REST] != 0]
    assert full.shape[0] == len(wanted)
    place_mask = np.uint64(int(table_kernels.POSITION))
    assert {(int(first), int(rest & place_mask)) for first, rest, _, _ in full} == wanted
    assert all(count == (rest & place_mask) + 1 and seen == count + 1 for _, rest, count, seen in full)
    n_slots = slots.shape[0]
    for slot in np.flatnonzero(slots[:, table_kernels.REST]).tolist():
        home = (int(slots[slot, table_kernels.FIRST]) >> 32) * n_slots >> 32
        between = range(home, slot if slot >= home else slot + n_slots)
        assert all(slots[each % n_slots, table_kernels.REST] for each in between), (home, slot)


def test_none_lies_at_a_home_that_is_counted_less_often_than_what_it_keeps_away() -> None:
    """A table that grows puts them into the order of their hashes; what is counted once more then goes home where it belongs."""
    rng = random.Random(7)
    words = [" " + "".join(rng.choices("abcdefgh", k=rng.randint(3, 24))) for _ in range(20_000)]
    text = "".join(words + rng.choices(words, [1 / (rank + 1) for rank in range(len(words))], k=60_000)).encode()
    counter = Counter()
    for _ in range(2):
        counter.count(np.frombuffer(text, np.uint8), np.array([0, len(text)]), CL100K, continues=False)
    slots = counter.slots
    full = np.flatnonzero(slots[:, table_kernels.REST])
    short = slots[full, table_kernels.REST] < table_kernels.LONG
    hashes = [
        int(table_kernels.hash_short(first, rest) if is_short else first)
        for (first, rest), is_short in zip(slots[full, :2], short, strict=True)
    ]
    homes = np.array([(value >> 32) * slots.shape[0] >> 32 for value in hashes])
    counts = slots[:, table_kernels.COUNT]
    assert 0.1 < (homes != full).mean() < 0.2
    assert 0.4 < short.mean() < 0.8  # long ones lie in the arena, and go home too
    assert (counts[homes] >= counts[full]).all()
    assert counts[full[homes != full]].sum() < 0.1 * counts.sum()


@pytest.mark.parametrize("filling", [b"", b"\0", b"ab"])
def test_pretokens_of_every_length_are_kept_apart(filling) -> None:
    """Short ones lie in their slots, long ones in the arena; 16, 32 and 64 bytes are where reading them changes."""
    pretokens = [bytes([letter]) * length for length in range(1, 140) for letter in b"ab"]
    pretokens += [
        b"a" * place + b"b" + b"a" * (length - place - 1) for length in (15, 16, 33, 65, 100) for place in range(length)
    ]
    expected = collections.Counter(pretokens)
    text = b" ".join([*pretokens, *pretokens]) + filling
    counter = tiny_counter()
    counter.count(np.frombuffer(text, np.uint8), np.array([0, len(text)]), r" |[^ ]+", continues=False)
    table = table_of(slices_of({("x", "y"): counter}), "", {})
    found = {table.pretoken(row): int(table.counts[row]) for row in range(len(table))}
    last = pretokens[-1] + filling
    for pretoken in {*expected, last}:
        wanted = 2 * expected[pretoken] + ((pretoken == last) - (pretoken == pretokens[-1]) if filling else 0)
        assert found[pretoken] == wanted, pretoken


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.dictionaries(st.text("\0\1a", max_size=20).map(str.encode) | st.binary(max_size=30), st.integers(1, 1 << 50)))
def test_any_bytes_are_sorted_and_kept_apart(counts) -> None:
    r"""NUL bytes and prefixes: `a`, `a\0`, `a\0\0` are three pretokens, in this order."""
    counts.pop(b"", None)  # no pretoken is empty
    data, starts = flatten(list(counts))
    numbers = np.array(list(counts.values()), np.int64)
    table = one_slice(summed(data, starts, numbers, numbers))
    assert [table.pretoken(row) for row in range(len(table))] == sorted(counts)
    assert table.counts.tolist() == [counts[pretoken] for pretoken in sorted(counts)]


def test_sorting_many_strings_with_long_common_prefixes() -> None:
    """More than insertion sort takes, equal at several depths of eight bytes."""
    rng = random.Random(SEED)
    stems = [b"", b"a" * 8, b"a" * 16, b"a" * 15 + b"\0", "我".encode() * 9, b"\xff" * 24]
    strings = {rng.choice(stems) + bytes(rng.choices(b"\0a\xff", k=rng.randint(1, 12))) for _ in range(5_000)}
    shuffled = sorted(strings)
    rng.shuffle(shuffled)
    ones = np.ones(len(shuffled), np.int64)
    table = one_slice(summed(*flatten(shuffled), ones, ones))
    assert [table.pretoken(row) for row in range(len(table))] == sorted(strings)


@pytest.mark.parametrize("n", [100, 5_000])
@pytest.mark.parametrize("turn", [1, -1])
def test_sorting_what_is_in_order_already_needs_no_more_room(n, turn) -> None:
    """Where each parting takes a few off one side, the ranges that wait could come to be as many as the strings."""
    strings = [number.to_bytes(4, "big") for number in range(n)]
    order = [*strings[: n // 2 : turn], *strings[n // 2 :: turn]]
    ones = np.ones(len(order), np.int64)
    table = one_slice(summed(*flatten(order), ones, ones))
    assert [table.pretoken(row) for row in range(len(table))] == sorted(order)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(
        st.dictionaries(st.text("\0\1a", max_size=20).map(str.encode), st.integers(1, 1 << 40)), min_size=1, max_size=9
    )
)
def test_sorted_parts_are_merged_as_a_sort_of_all_would(parts) -> None:
    """Any number of parts, empty ones among them."""
    rows = [row for part in parts for row in sorted(part.items())]
    expected: collections.Counter[bytes] = collections.Counter()
    for pretoken, number in rows:
        expected[pretoken] += number
    ends = np.cumsum([0, *map(len, parts)]).tolist()
    numbers = np.array([number for _, number in rows], np.int64)
    merged = summed(*flatten([pretoken for pretoken, _ in rows]), numbers, numbers, list(pairwise(ends)))
    table = one_slice(merged)
    found = [(table.pretoken(row), int(table.counts[row])) for row in range(len(table))]
    assert found == sorted(expected.items())
    assert np.array_equal(table.counts, table.documents)


def test_a_pretoken_of_a_megabyte() -> None:
    table = count_texts(["a" * 1_000_000 + " b", "a" * 1_000_000, "a" * 999_999])
    assert_same_rows(
        rows_of(table),
        {("und", "all"): {b"a" * 1_000_000: (2, 2), b"a" * 999_999: (1, 1), b" b": (1, 1)}},
    )


def test_a_table_names_the_files_that_it_was_counted_from_by_sha256(folder, tmp_path) -> None:
    files = find(folder, FIELDS)
    known = tuple(sorted((file.name, hashlib.sha256(Path(file.path).read_bytes()).hexdigest()) for file in files))
    table = count(files, FIELDS).table
    assert known == tuple((each["name"], each["sha256"]) for each in sorted(table.provenance["files"], key=str))
    save(reweight(combine([table, table]), {"*": 1}), tmp_path / "t.parquet")
    assert corpus_files(tmp_path / "t.parquet") == known
    save(count(files, FIELDS, max_bytes=1000).table, tmp_path / "part.parquet")  # not read whole
    assert corpus_files(tmp_path / "part.parquet") == ()


def test_save_and_load_give_the_table_back(folder, tmp_path) -> None:
    table = count(find(folder, FIELDS), FIELDS).table
    save(table, tmp_path / "t.parquet")
    loaded = load(tmp_path / "t.parquet")
    assert_same_tables(loaded, table)
    assert loaded.provenance == table.provenance
    assert is_counts_table(tmp_path / "t.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_the_file_can_be_read_without_tokkit(tmp_path) -> None:
    save(count_texts(["我们 a", "a"], language="zh", domain="web"), tmp_path / "t.parquet")
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"language": "zh", "domain": "web", "pretoken": b" a", "count": 1, "documents": 1},
        {"language": "zh", "domain": "web", "pretoken": b"a", "count": 1, "documents": 1},
        {"language": "zh", "domain": "web", "pretoken": "我们".encode(), "count": 1, "documents": 1},
    ]


def test_wrong_files_are_refused_by_name(tmp_path) -> None:
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    save(count_texts(["a b c"] * 5), good)
    with pytest.raises(InputError, match=r"none\.parquet: no such file"):
        load(tmp_path / "none.parquet")
    bad.write_bytes(good.read_bytes()[:-20])
    with pytest.raises(FormatError, match=r"bad\.parquet: not a readable Parquet file"):
        load(bad)
    assert not is_counts_table(bad)
    bad.write_bytes(b"text")
    with pytest.raises(FormatError, match=r"bad\.parquet: not a readable Parquet file"):
        load(bad)
    parquet.write_table(pa.table({"text": ["a"]}), bad)
    with pytest.raises(FormatError, match=r"bad\.parquet: a Parquet file, but not a counts table"):
        load(bad)
    assert not is_counts_table(bad)
    parquet.write_table(pa.table({"text": ["a"]}).replace_schema_metadata({"tokkit": "no JSON"}), bad)
    with pytest.raises(FormatError, match=r"bad\.parquet: a Parquet file, but not a counts table"):
        load(bad)
    whole = parquet.read_table(good)
    metadata = json.loads(whole.schema.metadata[b"tokkit"]) | {"version": 1}
    parquet.write_table(whole.replace_schema_metadata({"tokkit": json.dumps(metadata)}), bad)
    with pytest.raises(FormatError, match=r"bad\.parquet: counts format version 1, this tokkit reads 2"):
        load(bad)


def test_combining_equals_counting_both(folder, documents, tmp_path) -> None:
    first = count(find(folder / "part0.jsonl", FIELDS), FIELDS).table
    rest = [path for path in sorted(folder.iterdir()) if path.name != "part0.jsonl"]
    second = count(find(rest, FIELDS), FIELDS).table
    whole = count(find(folder, FIELDS), FIELDS).table
    assert_same_tables(combine([first, second]), whole)
    assert_same_tables(combine([second, first]), whole)
    assert_equals_reference(combine([first, second]), documents)
    assert combine([first]) is first
    save(combine([first, second]), tmp_path / "both.parquet")
    assert_same_tables(load(tmp_path / "both.parquet"), whole)


def test_tables_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(MismatchError, match="cut by different patterns"):
        combine([count_texts(["a"]), count_texts(["a"], "r50k_base")])
    with pytest.raises(InputError, match="no counts table to combine"):
        combine([])


def test_slices_are_added_up_for_learning(folder, documents) -> None:
    table = count(find(folder, FIELDS), FIELDS).table
    merged = merged_rows(table)
    data, starts, counts, in_documents = merged.data, merged.starts, merged.counts, merged.documents
    expected = reference.count([document["text"] for document in documents], table.pattern)
    found = {
        data[starts[row] : starts[row + 1]].tobytes(): (int(counts[row]), int(in_documents[row]))
        for row in range(counts.size)
    }
    assert found == expected


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 10**9), st.floats(0.001, 1000)), min_size=1, max_size=6))
def test_reweighting_gives_the_shares_to_half_a_per_cent_and_stays_linear(parts) -> None:
    table = table_of(
        [
            SliceCounts(
                Slice("l", f"{number}", number + 1, size, size),
                summed(*flatten([b"word", b"w%d" % number]), np.array([size, 3]), np.array([2, 1])),
            )
            for number, (size, _) in enumerate(parts)
        ],
        "p",
        {},
    )
    weights = {f"l-{number}": weight for number, (_, weight) in enumerate(parts)}
    weighted = reweight(table, weights)
    factors = []
    for before, after in zip(table.slices, weighted.slices, strict=True):
        factor, rest = divmod(after.bytes, before.bytes)
        factors.append(factor)
        assert rest == 0
        assert after == Slice(*before.key, factor * before.documents, factor * before.characters, factor * before.bytes)
    assert min(factors) == 100
    each_row = np.array(factors)[table.slice_ids]
    assert np.array_equal(weighted.counts, table.counts * each_row)
    assert np.array_equal(weighted.documents, table.documents * each_row)
    assert np.array_equal(weighted.data, table.data)
    ratios = [after.bytes / weight for after, (_, weight) in zip(weighted.slices, parts, strict=True)]
    assert max(ratios) / min(ratios) <= 1.01, "each within half a per cent"


def test_a_slice_of_no_weight_goes(folder) -> None:
    table = count(find(folder, FIELDS), FIELDS).table
    weighted = reweight(table, {"zh-web": 3, "zh-l*": 1, "*": 0})
    assert [part.name for part in weighted.slices] == ["zh-law", "zh-web"]
    law, web = (part.bytes for part in weighted.slices)
    assert web / law == pytest.approx(3, rel=0.01)
    before, after = rows_of(table), rows_of(weighted)
    assert before["zh", "web"].keys() == after["zh", "web"].keys()
    factor = after["zh", "law"]["我们".encode()][0] // before["zh", "law"]["我们".encode()][0]
    assert after["zh", "law"] == {
        pretoken: (factor * number, factor * documents) for pretoken, (number, documents) in before["zh", "law"].items()
    }


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"en-web": 1}, "no weight for slice en-law"),
        ({"en-web": 1, "en-law": -1}, "weight of en-law is negative: -1"),
        ({"en-web": 1, "en-lawn": 1}, "weights name a slice that the counts do not have: en-lawn"),
        ({"*": 0}, "the weights are all zero"),
    ],
)
def test_wrong_weights_are_refused(weights, message) -> None:
    slices = [Slice("en", "law", 1, 10, 10), Slice("en", "web", 1, 10, 10)]
    with pytest.raises(InputError, match=message):
        slice_weights(slices, weights)


def test_a_table_of_nothing_cannot_be_weighed() -> None:
    with pytest.raises(InputError, match="the weights leave nothing of the counts table"):
        reweight(count_texts([""]), {"*": 1})


def test_a_table_of_many_slices_is_written_the_same_every_time(tmp_path) -> None:
    """Slices share languages and domains; rows enough for Arrow to change its mind about a dictionary."""
    n_slices, n_rows = 40, 3000
    slices = tuple(Slice(f"l{i // 8}", f"d{i % 8}", 1, n_rows * 8, n_rows * 8) for i in range(n_slices))
    data = np.tile(np.arange(n_rows, dtype=">u8").view(np.uint8), n_slices)
    starts = np.arange(n_slices * n_rows + 1, dtype=np.int64) * 8
    ones = np.ones(n_slices * n_rows, np.int64)
    table = CountsTable("p", slices, np.repeat(np.arange(n_slices, dtype=np.int32), n_rows), data, starts, ones, ones)
    written = set()
    for number in range(6):
        save(table, tmp_path / f"{number}.parquet")
        written.add((tmp_path / f"{number}.parquet").read_bytes())
    assert len(written) == 1
    languages = parquet.read_table(tmp_path / "0.parquet")["language"].combine_chunks()
    assert languages.dictionary.to_pylist() == ["l0", "l1", "l2", "l3", "l4"]
    assert load(tmp_path / "0.parquet").slices == slices


def test_an_interrupt_while_threads_are_started_stays_an_interrupt(monkeypatch) -> None:
    """The second of three does not begin, and neither does the third; the first ends."""
    begun: list[threading.Thread] = []
    start = threading.Thread.start

    def interrupted_start(thread: threading.Thread) -> None:
        if begun:
            raise KeyboardInterrupt
        begun.append(thread)
        start(thread)

    def work(pipe: corpus_threads.ThreadPipe) -> None:
        with contextlib.suppress(EOFError, OSError):
            pipe.recv()

    monkeypatch.setattr(threading.Thread, "start", interrupted_start)
    with pytest.raises(KeyboardInterrupt) as raised, corpus_threads.threads(work, 3):
        pytest.fail("not all were started")
    assert raised.value.__context__ is None
    assert not begun[0].is_alive()
