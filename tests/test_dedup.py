"""Near-duplicates: the same documents stay for any order of files and number of jobs, and counts are those of what stays."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from tokkit import corpus
from tokkit.cli.app import main
from tokkit.corpus import Labels, find
from tokkit.counts import count
from tokkit.counts_processes import Job
from tokkit.dedup import GRAM, HASHES, Signer, find_duplicates, judge, signatures, words_of
from tokkit.dedup_groups import THRESHOLD, group
from tokkit.errors import InputError
from tokkit.pretokenize import PATTERNS

SEED = 32_397
LABELS = Labels(path_pattern="{language}-{domain}.jsonl")
HAN = [chr(point) for point in range(0x4E00, 0x5200)]
WORDS = [f"word{number}" for number in range(800)]

Parts = dict[str, list[dict[str, str]]]


def varied(words: list[str], changes: int, rng: random.Random, pool: list[str]) -> list[str]:
    out = list(words)
    for place in rng.sample(range(len(out)), changes):
        out[place] = rng.choice(pool)
    return out


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Two slices with exact copies, near copies, and documents that share a little."""
    rng = random.Random(SEED)
    out: Parts = {"zh-web": [], "en-web": []}
    for name, pool, glue in (("zh-web", HAN, ""), ("en-web", WORDS, " ")):
        for number in range(30):
            words = rng.choices(pool, k=300)
            out[name].append({"id": f"{name}{number}", "text": glue.join(words)})
            if number % 5 == 0:  # five changed words of 300 leave a Jaccard similarity of about 0.85
                out[name].append({"id": f"{name}{number}near", "text": glue.join(varied(words, 5, rng, pool)) + "！"})
            if number % 7 == 0:  # 40 leave 0.3
                out[name].append({"id": f"{name}{number}far", "text": glue.join(varied(words, 40, rng, pool))})
            if number % 10 == 0:
                out[name].append({"id": f"{name}{number}copy", "text": glue.join(words)})
    return out


def write(folder, parts: Parts) -> None:
    folder.mkdir(exist_ok=True)
    for name, documents in parts.items():
        lines = [json.dumps(document, ensure_ascii=False) for document in documents]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")


def jaccard(one: str, other: str) -> float:
    sets = []
    for text in (one, other):
        words = words_of(text)
        sets.append({tuple(words[at : at + GRAM]) for at in range(max(1, len(words) - GRAM + 1))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_signatures_estimate_the_jaccard_similarity(parts) -> None:
    texts = [document["text"] for document in parts["zh-web"]]
    rows = signatures(texts)
    assert rows.shape == (len(texts), HASHES)
    assert rows.dtype == np.uint32
    errors = [
        float((rows[first] == rows[last]).mean()) - jaccard(texts[first], texts[last])
        for first in range(len(texts))
        for last in range(first)
        if jaccard(texts[first], texts[last]) > 0
    ]
    assert len(errors) > 10
    assert max(map(abs, errors)) < 0.15  # three and a half standard errors at 0.5
    assert abs(float(np.mean(errors))) < 0.03


def test_signatures_are_these() -> None:
    """A table's provenance names the scheme; a datasketch that signs otherwise must not go unnoticed."""
    row = signatures(["我们今天去看电影，明天再说 to be or not to be"])[0]
    assert row[:4].tolist() == [132201629, 344196524, 240230148, 106460457]


def test_a_text_in_chunks_is_signed_as_a_whole() -> None:
    words = random.Random(SEED).choices(WORDS, k=9000)  # three chunks of 5-grams
    whole = signatures([" ".join(words)])[0]
    parts = signatures([" ".join(words[:3000]), " ".join(words[2996:6000]), " ".join(words[5996:])])
    assert np.array_equal(parts.min(axis=0), whole)


@pytest.mark.parametrize("text", ["", "!?", "word", "我们用", "a b c d"])
def test_short_texts_are_like_themselves_only(text) -> None:
    rows = signatures([text, text, text + "!" if words_of(text) else text + "...", "else"])
    assert np.array_equal(rows[0], rows[1])
    assert np.array_equal(rows[0], rows[2]) == bool(words_of(text))
    assert not (rows[0] == rows[3]).any()


def components(values) -> list[int]:
    """Join all pairs that are alike, one at a time: what `group` finds without comparing all."""
    names = list(range(len(values)))
    for first in range(len(values)):
        for last in range(first):
            if (values[first] == values[last]).sum() >= THRESHOLD * HASHES:
                low, high = sorted((names[first], names[last]))
                names = [low if name == high else name for name in names]
    return names


def test_groups_are_the_components_of_all_pairs_in_any_order() -> None:
    rng = np.random.default_rng(SEED)
    values = rng.integers(0, 1 << 32, (12, HASHES), np.uint32)
    for _ in range(5):  # chains of copies that keep 77 of 100 hashes, so that their ends are not alike
        values = np.concatenate([values, np.where(rng.random(values.shape) < 0.77, values, 7)])[:120].astype(np.uint32)
    expected = components(values)
    assert len(set(expected)) < len(values)
    assert group(values).tolist() == expected
    order = rng.permutation(len(values))
    shuffled = group(values[order])
    for first in range(len(values)):
        assert sorted(order[shuffled == shuffled[first]]) == [
            row for row, name in enumerate(expected) if name == expected[order[first]]
        ]


def test_many_copies_and_no_documents() -> None:
    copies = np.tile(signatures(["one two three four five six"]), (5000, 1))
    assert not group(copies).any()
    assert group(copies[:0]).size == 0


def test_what_is_dropped(parts, tmp_path) -> None:
    write(tmp_path, parts)
    found = find_duplicates(find(tmp_path, LABELS), Signer(LABELS))
    texts = {document["id"]: document["text"] for documents in parts.values() for document in documents}
    assert found.documents == len(texts)
    assert found.bytes == sum(len(text.encode()) for text in texts.values())
    assert len({each.id for each in found.dropped}) == len(found.dropped) == 2 * (6 + 3)  # near, and copies
    for each in found.dropped:
        assert not each.id.endswith("far")
        assert abs(each.similarity - jaccard(texts[each.id], texts[each.kept])) < 0.12
        assert each.bytes == len(texts[each.id].encode()) <= len(texts[each.kept].encode())
        assert f"{each.language}-{each.domain}" == each.id[:6] == each.kept[:6]
    assert [each.bytes for each in found.dropped] == sorted((each.bytes for each in found.dropped), reverse=True)
    assert sum((~mask).sum() for mask in found.masks.values()) == len(found.dropped)


def test_counts_are_those_of_what_stays_for_any_order_and_jobs(parts, tmp_path) -> None:
    write(tmp_path / "given", parts)
    found = find_duplicates(find(tmp_path / "given", LABELS), Signer(LABELS))
    gone = {each.id for each in found.dropped}
    write(
        tmp_path / "clean",
        {name: [each for each in documents if each["id"] not in gone] for name, documents in parts.items()},
    )
    write(tmp_path / "turned", {name: documents[::-1] for name, documents in parts.items()})
    clean = count(find(tmp_path / "clean", LABELS), LABELS).table
    for folder, jobs, reverse in (("given", 1, False), ("given", 2, True), ("turned", 1, True)):
        files = find(tmp_path / folder, LABELS)
        counted = count(files[::-1] if reverse else files, LABELS, jobs=jobs, dedup=True)
        assert counted.duplicates is not None
        assert counted.duplicates.dropped == found.dropped
        assert counted.table.slices == clean.slices
        for name in ("slice_ids", "data", "starts", "counts", "documents"):
            assert np.array_equal(getattr(counted.table, name), getattr(clean, name)), (folder, jobs, name)
    limited = count(files, LABELS, dedup=True, max_bytes=1 << 30).table
    assert limited.slices == clean.slices
    assert np.array_equal(limited.counts, clean.counts)


def test_a_text_file_of_several_blocks_is_one_document(tmp_path) -> None:
    text = " ".join(random.Random(SEED).choices(WORDS, k=9000)).replace("word7 ", "word7\n")
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(text, "utf-8")
    (tmp_path / "c.txt").write_text("something else than that, at last", "utf-8")
    blocks = [block for file in find(tmp_path) for block in corpus.blocks(file, block_bytes=20_000)]
    assert len(blocks) == 2 * 5 + 1
    signer = Signer()
    state = signer.begin()
    for block in blocks:
        signer.take(block, state)
    found = judge(signer.finish(state))
    assert [(each.id, each.kept, each.similarity) for each in found.dropped] == [("b.txt", "a.txt", 1.0)]
    assert found.documents == 3
    assert sorted(place[0][-5:] for place in found.masks) == ["b.txt"] * 5
    job = Job(None, PATTERNS["cl100k_base"], "stop", 1.0, duplicates=found)
    tally = job.begin()
    for block in blocks:
        job.take(block, tally)
    counted = job.finish(tally).slices[0].totals
    assert (counted.documents, counted.bytes) == (2, len(text) + 33)


def test_stdin_is_refused() -> None:
    with pytest.raises(InputError, match="reads a corpus twice") as caught:
        count(find("-", stdin_format="jsonl"), dedup=True)
    assert caught.value.hint == "save it to a file first"


def test_the_command_says_what_it_dropped(parts, tmp_path, capsys) -> None:
    write(tmp_path / "corpus", parts)
    words = ["count", str(tmp_path / "corpus"), "--path-pattern", "{language}-{domain}.jsonl"]
    words += ["--jobs", "1", "--dedup", "-o", str(tmp_path / "counts.parquet")]
    assert main(words) == 0
    talk = capsys.readouterr().err.splitlines()
    assert talk[1].startswith("dropped 18 near-duplicates of ")
    assert talk[2].startswith("  en-web: 9 documents, ")
    assert talk[-1] == "  ..."
    assert len(talk) == 1 + 1 + 2 + 10 + 1
    assert main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["dropped"]["documents"]) == 18
    assert [part["documents"] for part in said["dropped"]["slices"]] == [9, 9]
    assert said["labelled"] is None
    assert main(["count", words[-1], "--dedup", "-o", str(tmp_path / "more.parquet")]) == 2
    assert "--dedup needs text" in capsys.readouterr().err
