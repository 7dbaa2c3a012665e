"""How much work the kernels do, counted and not timed; and the benchmarks' own sums.

Kernels are run as the Python that they are compiled from, so that the steps that they call can be counted; nothing is
counted while they are in use. A limit is what was needed when it was set and a twentieth; who needs less may lower it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter as Tally
from dataclasses import replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import data, growth, merges, plot, tables
from benchmarks.contests import Contest, Contestant
from benchmarks.deal_sources import deal
from benchmarks.run import Result, compare, differences, run
from tokkit import learn as learn_module
from tokkit.counts import count_texts
from tokkit.counts_counter import Counter
from tokkit.encode import encode_bytes, merge_table
from tokkit.kernels import merging
from tokkit.kernels import table as table_kernels
from tokkit.kernels import train as train_kernels
from tokkit.kernels.pair_index import NO_RANK, pair_rank
from tokkit.pretokenize import PATTERNS
from tokkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

PATTERN = PATTERNS["cl100k_base"]
BYTES = Vocabulary("bytes", PATTERN, tuple(bytes([byte]) for byte in range(256)))


def texts(kind: str, documents: int) -> list[str]:
    return list(islice(data.generated(kind), documents))


def digest(lines: list[bytes]) -> str:
    return hashlib.sha256(b"\n".join(lines)).hexdigest()[:16]


AS_PYTHON = {"learn_tokens", "_settle"}


def noted(monkeypatch, tally, module, names, note: Callable[..., None] | None = None) -> None:
    """Count every call of these kernels that Python makes, and let `note` see its arguments and its result."""

    def counting(name) -> Any:
        kernel = getattr(module, name)
        body = kernel.py_func if name in AS_PYTHON else kernel

        def counted(*arguments):
            result = body(*arguments)
            tally[f"calls of {name}"] += 1
            if note is not None:
                note(arguments, result)
            return result

        return counted

    for name in names:
        monkeypatch.setattr(module, name, counting(name))


def assert_at_most(tally, limits) -> None:
    too_many = {name: f"{tally[name]:,}, at most {most:,}" for name, most in limits.items() if tally[name] > most}
    assert not too_many, f"more work than before: {too_many}; all: {dict(tally)}"
    assert all(tally[name] for name in limits), f"what is limited no longer happens: {dict(tally)}"


def test_generated_texts_are_the_same_everywhere():
    assert {kind: digest([text.encode() for text in texts(kind, 3)]) for kind in data.KINDS} == {
        "code": "c66b19d9522e8fc2",
        "en": "223c53c50469e077",
        "en-code": "297ee959b897447d",
        "hi": "b13112d2d004c182",
        "zh": "31d02d0266649856",
    }


def test_learning_does_no_more_work_than_it_did(monkeypatch):
    """And learns the same tokens: no optimisation changes the merges."""
    learn_module.learn(count_texts(["a b"], PATTERN), BYTES, 1, min_count=1)  # compiled, before steps become Python's
    tally: Tally[str] = Tally()

    def note_join(arguments, result):
        pair, pairs = arguments[0], arguments[3]
        tally["records looked at"] += int(pairs[pair, train_kernels.LIST_LENGTH])
        tally["neighbours"] += result[0]
        tally["events"] += result[1]
        tally["records joined"] += result[2]

    steps = (
        "learn_tokens",
        "_settle",
        "_lower",
        "_make_pair",
        "_replace_top",
        "_drop_top",
        "index_pairs",
        "place_pairs",
    )
    noted(monkeypatch, tally, train_kernels, steps)
    noted(monkeypatch, tally, train_kernels, ["_join"], note_join)
    learned = learn_module.learn(count_texts(texts("zh", 60), PATTERN), BYTES, 600, min_count=1)
    assert digest(list(learned.tokens)) == "95b062396db45bc1"
    assert tally["calls of _join"] == 600
    assert tally["records joined"] == sum(learned.pretokens) == 85_979
    limits = {
        "records looked at": 98_800,  # those of a pair's list, of which some have lost it since
        "neighbours": 25_100,  # ids that stood beside a joined pair
        "events": 191_100,  # records with a pair that came
        "calls of _lower": 28_700,  # look-ups of a pair whose count falls
        "calls of _make_pair": 7_850,
        "calls of _replace_top": 1_010,  # entries of the heap that were stale
        "calls of _drop_top": 1_400,  # tokens, and entries that fell below the threshold
        "calls of index_pairs": 1,
        "calls of place_pairs": 2,
        "calls of learn_tokens": 2,
    }
    assert_at_most(tally, limits)


def test_counting_moves_and_probes_no_more_than_it_did(monkeypatch):
    tally: Tally[str] = Tally()

    def note_move(arguments, _result):
        tally["slots read to grow"] += arguments[0].shape[0]

    noted(monkeypatch, tally, table_kernels, ["move_slots"], note_move)
    encoded = [text.encode() for text in texts("zh", 400)]
    bounds = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    counter = Counter()
    counter.count(np.frombuffer(b"".join(encoded), np.uint8), bounds, PATTERN, continues=False)
    full = np.flatnonzero(counter.slots[:, table_kernels.REST])
    assert full.size == int(counter.state[0]) == 26_776
    homes = np.array([home_of(slot, counter.slots.shape[0]) for slot in counter.slots[full]])
    # Slots from the one where a look-up begins to the one where it ends, for every pretoken once.
    tally["probes"] = int((1 + (full - homes) % counter.slots.shape[0]).sum())
    tally["slots"] = counter.slots.shape[0]
    assert_at_most(tally, {"calls of move_slots": 2, "slots read to grow": 20_480, "probes": 37_800, "slots": 65_536})


def home_of(slot, n_slots) -> int:
    first, rest = slot[table_kernels.FIRST], slot[table_kernels.REST]
    value = first if rest >= table_kernels.LONG else table_kernels.hash_short(first, rest)
    return int(table_kernels.home_slot(np.uint64(value), n_slots))


@pytest.mark.parametrize("n_bytes", [1_000, 4_000])
def test_merging_a_long_pretoken_takes_steps_in_proportion(monkeypatch, cl100k, n_bytes):
    text = "".join(texts("en", 20)).replace(" ", "")[:n_bytes].encode()
    expected = encode_bytes(cl100k, text, shortcut=False)
    pairs, partners = merge_table(cl100k).pairs, merge_table(cl100k).partners
    symbols = np.array([cl100k.ranks[bytes([byte])] for byte in text], np.int32)
    next_to = [pair_rank(left, right, pairs, partners) for left, right in pairwise(symbols)]
    ranks = np.array([*next_to, NO_RANK], np.int32)
    after, before = np.empty((2, n_bytes), np.int32)
    tally: Tally[str] = Tally()
    noted(monkeypatch, tally, merging, ["push", "pop", "pair_rank"])
    kernel: Any = merging.merge_by_heap
    n_left = kernel.py_func(
        n_bytes,
        symbols,
        ranks,
        after,
        before,
        np.empty(3 * n_bytes, np.uint64),
        NO_RANK,
        pairs,
        partners,
    )
    assert symbols[:n_left].tolist() == expected
    merged = n_bytes - n_left
    assert_at_most(tally, {"calls of pair_rank": 2 * merged, "calls of push": 5 * n_bytes // 4})
    assert tally["calls of pop"] == tally["calls of push"]


@pytest.mark.parametrize("n_bytes", [10_000, 1_000_000])
def test_a_run_is_merged_by_rounds_alone(n_bytes):
    """Each of which halves it: nothing is left for the heap."""
    tokens = tuple(b"a" * 2**power for power in range(1, 8))
    table = merge_table(Vocabulary("runs", PATTERN, (*BYTES.tokens, *tokens)))
    symbols = np.full(n_bytes, ord("a"), np.int32)
    ranks = np.full(n_bytes, 256, np.int32)
    ranks[-1] = NO_RANK
    n_left = merging.merge_by_rounds(n_bytes, symbols, ranks, int(NO_RANK), table.pairs, table.partners)
    assert n_left == n_bytes // 128 + (n_bytes % 128).bit_count()
    assert set(ranks[: n_left - 8].tolist()) == {NO_RANK}


def contest(tmp_path, *contestants) -> Contest:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"text": "to be or not to be"}) + "\n")
    path.with_suffix(".bytes").write_text("18")
    options = {"patterns": PATTERNS, "pattern": PATTERN, "size": 3}
    return Contest("count", "test", path, contestants, options)


IN_MEMORY = Contestant("tokkit", "contest_count:tokkit")
FROM_FILES = Contestant("files", "contest_count:tokkit_files", like="tokkit")


def test_contestants_run_in_processes_of_their_own_and_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.run.RESULTS", tmp_path)
    one = contest(tmp_path, IN_MEMORY, FROM_FILES, Contestant("absent", "contest_count:ffbpe", "ffbpe"))
    results = run(one, 1, {"ffbpe": ""})
    assert [(result.agrees, result.trouble) for result in results] == [
        ("", ""),
        ("same as tokkit", ""),
        ("", "ffbpe cannot be had here"),
    ]
    (counted,) = results[1].runs
    assert counted["items"] == 5
    assert 0 < counted["cpu"] < 60
    assert counted["peak"] > 10_000_000
    page = tables.markdown(tables.machine({"ffbpe": ""}, 1), [(one, results)], [])
    assert "| absent | | | | | | ffbpe cannot be had here |" in page


def test_tables_are_written_into_the_docs_once():
    page = "# Performance\n\n## Count\n\nStory.\n"
    written = tables.into_page(page, "# Benchmarks\n\nHead.\n\n## Count\n\n| a |\n")
    assert written == (
        f"# Performance\n\n{tables.BEGIN}\n\n## Beside the peers\n\nHead.\n\n### Count\n\n| a |\n\n{tables.END}\n\n"
        "## Count\n\nStory.\n"
    )
    assert tables.into_page(written, "# Benchmarks\n\nNew.\n") == written.replace("Head.\n\n### Count\n\n| a |", "New.")


def test_contestants_that_differ_are_told_with_where_they_part(tmp_path):
    results = {IN_MEMORY.name: Result(IN_MEMORY, [{"digest": "tokkit", "items": 3}])}
    (tmp_path / "tokkit.txt").write_text("61\t1\n62\t2\n64\t4\n")
    (tmp_path / "files.txt").write_text("61\t1\n62\t3\n64\t4\n")
    one = contest(tmp_path, IN_MEMORY, FROM_FILES)
    other = Result(FROM_FILES, [{"digest": "other", "items": 3}])
    compare(one, other, results, tmp_path)
    assert other.parts == "count-test-one: files: 1 of 3 lines differ from tokkit, first 1: b'b' 3 instead of b'b' 2"
    assert other.agrees == "**1 of 3 lines differ from tokkit**, first 1: b'b' 3 instead of b'b' 2"
    with pytest.raises(AssertionError, match="files finds something else each time"):
        compare(one, Result(FROM_FILES, [{"digest": "one"}, {"digest": "other"}]), results, tmp_path)
    tolerated = Result(replace(FROM_FILES, but=500, why="as is known"), [{"digest": "other", "items": 3}])
    compare(one, tolerated, results, tmp_path)
    assert (tolerated.agrees, tolerated.parts) == ("1 of 3 lines differ from tokkit: as is known", "")


def test_sorted_counts_are_compared_pretoken_by_pretoken(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("61\t1\n62\t2\n64\t4\n")
    other.write_text("61\t1\n63\t3\n64\t5\n65\t1\n")
    assert differences(one, other, keyed=True) == (4, "1: b'b' 2 instead of b''")
    assert differences(one, other, keyed=False) == (3, "1: b'b' 2 instead of b'c' 3")
    assert differences(one, one, keyed=True) == (0, "")


def test_other_merges_than_before_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(merges, "PATH", tmp_path / "merges.json")
    learning = replace(contest(tmp_path, IN_MEMORY), task="learn")
    key = f"test, one, text {data.sha256(learning.texts)[:16]}"
    before, after = (Result(IN_MEMORY, [{"digest": each}]) for each in ("one", "another"))
    assert merges.check([(learning, [before])]) == [f"{key}: one"]
    assert merges.check([(learning, [before])]) == []
    with pytest.raises(AssertionError, match=f"{key}: merges were one, are another"):
        merges.check([(learning, [after])])


def test_growth_is_judged_against_the_smallest_size():
    rows = [
        {"task": "count", "texts": "a", "megabytes": size, "cpu": cpu, "peak": peak, "before": 0}
        for size, cpu, peak in ((1.0, 0.1, 10_000_000), (10.0, 1.29, 100_000_000), (100.0, 14.0, 1_000_000_000))
    ]
    assert growth.verdicts(rows[:2]) == []
    assert growth.verdicts(rows) == ["count, a: time a MB is 1.40 times as much at 100 MB as at 1"]


def test_growth_is_drawn():
    if not plot.drawable():
        pytest.skip("Altair and vl-convert are not installed")
    rows = [
        {"task": "count", "texts": name, "megabytes": size, "cpu": 0.1 * size, "peak": 1e7 * size, "before": 0}
        for name in ("a", "中")
        for size in (1.0, 10.0)
    ]
    drawn = plot.growth_svg(rows)
    assert drawn.startswith("<svg")
    assert "count: CPU seconds" in drawn


def test_a_source_is_dealt_to_one_side_only_and_nothing_is_lost(tmp_path):
    sources = [f"owner/name-{number}" for number in range(24)]
    written = []
    for name in ("en-web", "zh-Hant-law", "ru-web"):
        lines = [
            json.dumps({"text": f"{name} {source} {version} 中", "source": f"{source}@{version}"}, ensure_ascii=False)
            for source in sources
            for version in (1, 2)
        ]
        with pa.CompressedOutputStream(tmp_path / f"{name}.jsonl.zst", "zstd") as file:
            file.write("\n".join(lines).encode())
        written += [json.loads(line)["text"] for line in lines if not name.startswith("ru")]
    sides = {}
    for salt in ("", "b"):
        out = tmp_path / f"dealt{salt}"
        sizes = deal(tmp_path, out, salt)
        dealt = {path: path.read_text("utf-8").splitlines() for path in sorted(out.glob("*/*.jsonl"))}
        assert sorted(json.loads(line)["text"] for lines in dealt.values() for line in lines) == sorted(written)
        by_side = {
            side: {
                json.loads(line)["source"]
                for path, lines in dealt.items()
                if path.parent.name == side
                for line in lines
            }
            for side in ("learn", "measure")
        }
        assert by_side["learn"].isdisjoint(by_side["measure"])
        assert {(side, language) for side, language in sizes} == {
            (side, language) for side in by_side for language in ("en", "zh-Hant")
        }
        assert sum(sum(each.values()) for each in sizes.values()) == sum(len(text.encode()) for text in written)
        sides[salt] = by_side["measure"]
    assert sides[""] != sides["b"]
