"""Documents out of files: every format, errors with their place, sampling, limits and labels."""

from __future__ import annotations

import gzip
import json
import pickle
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.compressions import COMPRESS
from tokkit.corpus import Document, Documents, Labels, batches, blocks, find, parse, read
from tokkit.errors import CorpusError, InputError

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["第一条 为了", "", 'a "quoted"\n\ttext\\', "nul \x00 inside", "🙂 e\u0301 \u2028", "x" * 3000]
ROWS = [
    {"id": f"d{number}", "text": text, "lang": "zh" if number % 2 else "en", "meta": {"domain": f"m{number % 3}"}}
    for number, text in enumerate(TEXTS)
]
FIELDS = Labels(language_field="lang", domain_field="meta.domain")
DOCUMENTS = [
    Document(text.encode(), "zh" if number % 2 else "en", f"m{number % 3}", f"d{number}")
    for number, text in enumerate(TEXTS)
]


def json_lines(rows: list[Any], *, ascii_only: bool = False) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows).encode()


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, **options)
    return bytes(sink.getvalue().to_pybytes())


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def documents_of(path: str, labels: Labels | None = None, **options: Any) -> list[Documents]:
    return list(batches(find(path, labels), labels, **options))


def texts_of(found: list[Documents]) -> list[str]:
    return [
        documents.text[documents.starts[row] : documents.starts[row + 1]].decode()
        for documents in found
        for row in range(len(documents))
    ]


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.ndjson", "a.parquet"])
def test_every_format_and_compression_gives_the_same_documents(tmp_path: Path, name: str, suffix: str) -> None:
    plain = parquet_bytes(pa.Table.from_pylist(ROWS)) if name == "a.parquet" else json_lines(ROWS)
    path = write(tmp_path / f"{name}{suffix}", COMPRESS[suffix](plain))
    assert list(read(path, FIELDS)) == DOCUMENTS


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_text_file_is_one_document(tmp_path: Path, suffix: str) -> None:
    text = "\n".join(TEXTS).encode()
    path = write(tmp_path / f"zh-law.txt{suffix}", COMPRESS[suffix](b"\xef\xbb\xbf" + text))
    expected = [Document(text, "zh", "law", f"zh-law.txt{suffix}")]
    assert list(read(path, Labels(path_pattern="{language}-{domain}"))) == expected


@pytest.mark.parametrize("block_bytes", [1, 100, 4000, 1 << 20])
def test_documents_do_not_depend_on_blocks(tmp_path: Path, block_bytes: int) -> None:
    for name, data in (("a.jsonl", json_lines(ROWS)), ("a.parquet", parquet_bytes(pa.Table.from_pylist(ROWS)))):
        found = documents_of(write(tmp_path / name, data), FIELDS, block_bytes=block_bytes)
        assert texts_of(found) == TEXTS
        assert [document_id for documents in found for document_id in documents.ids] == [row["id"] for row in ROWS]
        assert [count for documents in found for count in documents.characters.tolist()] == [
            len(text) for text in TEXTS
        ]
        assert not any(documents.continues for documents in found)
        for documents in found:
            assert (documents.starts.dtype, documents.slice_ids.dtype) == (np.dtype(np.int64), np.dtype(np.int32))
            assert documents.characters.dtype == np.int64


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1 << 20])
def test_parts_of_a_text_are_one_document_with_the_same_bytes(tmp_path: Path, block_bytes: int) -> None:
    text = "".join(f"line {number} 第{number}章。\n" for number in range(40))
    found = documents_of(write(tmp_path / "a.txt", text.encode()), block_bytes=block_bytes)
    assert b"".join(documents.text for documents in found) == text.encode()
    assert sum(len(documents) for documents in found if not documents.continues) == 1
    assert {documents.ids for documents in found} == {("a.txt",)}
    assert sum(int(documents.characters.sum()) for documents in found) == len(text)


def test_read_joins_the_parts_of_a_text(tmp_path: Path) -> None:
    lines = b"one line of a long text\n" * 700_000  # two blocks
    for name in ("a.txt", "b.txt"):
        write(tmp_path / name, lines)
    write(tmp_path / "c.jsonl", json_lines(ROWS[:1]))
    assert [document.text for document in read(str(tmp_path))] == [lines, lines, TEXTS[0].encode()]


def test_escapes_blank_lines_and_crlf(tmp_path: Path) -> None:
    data = b"\n  \n" + json_lines(ROWS, ascii_only=True).replace(b"\n", b"\r\n\r\n").rstrip()
    assert list(read(write(tmp_path / "a.jsonl", data), FIELDS)) == DOCUMENTS


def test_ids(tmp_path: Path) -> None:
    rows = [{"text": "a"}, {"text": "b", "id": None}, {"text": "c", "id": 1 << 70}, {"text": "d", "id": ""}]
    found = [document.id for document in read(write(tmp_path / "a.jsonl", b"\n" + json_lines(rows)))]
    assert found == ["a.jsonl:2", "a.jsonl:3", str(1 << 70), ""]
    labels = Labels(id_field="meta.id")
    nested = [{"text": "a"}, {"text": "b", "meta": {}}, {"text": "c", "meta": {"id": "x"}}]
    path = write(tmp_path / "b.jsonl", json_lines(nested))
    assert [document.id for document in read(path, labels)] == ["b.jsonl:1", "b.jsonl:2", "x"]
    table = pa.table({"text": ["a", "b"], "id": pa.array([7, None], pa.int64())})
    assert [document.id for document in read(write(tmp_path / "c.parquet", parquet_bytes(table)))] == [
        "7",
        "c.parquet:2",
    ]


def test_a_field_in_two_roles(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", json_lines([{"content": "a", "source": "web"}]))
    labels = Labels(text_field="content", id_field="source", domain_field="source")
    assert list(read(path, labels)) == [Document(b"a", "und", "web", "web")]
    assert [document.id for document in read(path, Labels(text_field="content", id_field="content"))] == ["a"]
    for clash in (Labels(domain_field="text"), Labels(domain_field="text.a"), Labels(text_field="a.b", id_field="a")):
        with pytest.raises(InputError, match="field"):
            list(read(path, clash))


BAD_LINES = [
    (b'{"text": "a"', None, "malformed JSON: "),
    (b'{"text": "a"} {"text": "b"}', None, "malformed JSON: "),
    (b'{"text": "a\x00b"}', None, "malformed JSON: "),
    (b'{"txt": "a", "id": "i"}', None, "no field `text`; its fields: `txt`, `id`"),
    (b"{}", None, "no field `text`; its fields: none"),
    (b'["text"]', None, "an array, not an object"),
    (b"null", None, "null, not an object"),
    (b'{"text": null}', None, "field `text` is null, not a string"),
    (b'{"text": 1}', None, "field `text` is a number, not a string"),
    (b'{"text": "a", "id": []}', None, "field `id` is an array, not a string"),
    (b'{"text": "\\ud800"}', None, "half a surrogate pair: \\ud800 is no character"),
    (b'{"text": "\\udc00\\ud800x"}', None, "half a surrogate pair: \\udc00 is no character"),
    (b'{"text": "ab\xff"}', 12, "invalid UTF-8: byte 0xFF (invalid start byte)"),
    (b'{"text": "\xed\xa0\x80"}', 10, "invalid UTF-8: byte 0xED (invalid continuation byte)"),
    (b'{"text": "\xe4\xb8"}', 10, "invalid UTF-8: byte 0xE4 (invalid continuation byte)"),
    (b'{"text": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None, "malformed JSON: "),
]


@pytest.mark.parametrize(("line", "at", "reason"), BAD_LINES, ids=range(len(BAD_LINES)))
@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_a_bad_line_is_named_by_line_and_byte(
    tmp_path: Path, line: bytes, at: int | None, reason: str, block_bytes: int
) -> None:
    before = b'\xef\xbb\xbf{"text": "\xe7\xac\xac"}\n\n'
    path = write(tmp_path / "a.jsonl.gz", gzip.compress(before + line + b'\n{"text": "last"}'))
    with pytest.raises(CorpusError) as caught:
        documents_of(path, block_bytes=block_bytes)
    error = caught.value
    assert (error.path, error.line, error.byte_offset) == (path, 3, len(before) + (at or 0))
    assert error.reason.startswith(reason)
    assert error.message == f"{path}: line 3, byte {len(before) + (at or 0)}: {error.reason}"
    assert "--on-error skip" in (error.hint or "")
    found = documents_of(path, block_bytes=block_bytes, on_error="skip")
    assert texts_of(found) == ["第", "last"]
    assert [str(skipped) for documents in found for skipped in documents.skipped] == [error.message]
    assert [document.id for document in read(path, on_error="skip")] == ["a.jsonl.gz:1", "a.jsonl.gz:4"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "a", "lang": "zh"}, "no field `meta.domain`; its fields: `text`, `lang`"),
        ({"text": "a", "lang": "zh", "meta": {}}, "no field `meta.domain`; its fields: none"),
        ({"text": "a", "lang": "zh", "meta": "x"}, "field `meta.domain`: a string holds it, not an object"),
        ({"text": "a", "lang": 3, "meta": {"domain": "x"}}, "field `lang` is a number, not a string"),
        ({"text": "a", "lang": " ", "meta": {"domain": "x"}}, "field `lang` is empty: ' '"),
        (
            {"text": "a", "lang": "zh", "meta": {"domain": "x\ty"}},
            "field `meta.domain` has a control character: 'x\\ty'",
        ),
    ],
)
def test_bad_labels(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    path = write(tmp_path / "a.jsonl", json_lines([*ROWS, row]))
    with pytest.raises(CorpusError) as caught:
        documents_of(path, FIELDS)
    assert (caught.value.reason, caught.value.line, caught.value.byte_offset) == (reason, 7, len(json_lines(ROWS)))
    (found,) = documents_of(path, FIELDS, on_error="skip")
    assert (len(found), len(found.skipped)) == (6, 1)
    assert found.slices == (("en", "m0"), ("zh", "m1"), ("en", "m2"), ("zh", "m0"), ("en", "m1"), ("zh", "m2"))
    assert found.slice_ids.tolist() == [0, 1, 2, 3, 4, 5]


def test_invalid_utf8_in_a_text_file(tmp_path: Path) -> None:
    data = b"one\ntwo\nth\xffree\nfour\nfive\n"
    path = write(tmp_path / "a.txt", data)
    for block_bytes in (1, 9, 1000):
        with pytest.raises(CorpusError) as caught:
            documents_of(path, block_bytes=block_bytes)
        assert (caught.value.line, caught.value.byte_offset) == (3, 10)
    found = documents_of(path, block_bytes=9, on_error="skip")
    assert [documents.text for documents in found] == [b"one\n", b"two\n", b"", b"\nfour\n", b"five\n"]
    assert [len(documents.skipped) for documents in found] == [0, 0, 1, 0, 0]
    assert list(read(path, on_error="skip")) == []


def test_errors_survive_a_process_border() -> None:
    error = CorpusError("why", "a.jsonl", 3, 17, "what next")
    again = pickle.loads(pickle.dumps(error))
    assert vars(again) == vars(error)
    assert str(again) == "a.jsonl: line 3, byte 17: why"


STRINGS = {
    "string": lambda: pa.array(["a", "第", ""], pa.string()),
    "large_string": lambda: pa.array(["a", "第", ""], pa.large_string()),
    "dictionary": lambda: pa.array(["a", "第", ""]).dictionary_encode(),
    "binary": lambda: pa.array([b"a", "第".encode(), b""], pa.binary()),
    "string_view": lambda: pa.array(["a", "第", ""], pa.string_view()),
}


@pytest.mark.parametrize("kind", STRINGS)
@pytest.mark.parametrize(
    "options", [{}, {"row_group_size": 2}, {"use_dictionary": False, "compression": "zstd"}], ids=str
)
def test_parquet_strings(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    table = pa.table({"unused": [1, 2, 3], "content": STRINGS[kind]()})
    path = write(tmp_path / "a.parquet", parquet_bytes(table, **options))
    found = list(read(path, Labels(text_field="content")))
    assert [(document.text.decode(), document.id) for document in found] == [
        ("a", "a.parquet:1"),
        ("第", "a.parquet:2"),
        ("", "a.parquet:3"),
    ]


def test_parquet_errors(tmp_path: Path) -> None:
    bad = pa.array([b"a", None, b"c\xff", b"d"], pa.binary())
    path = write(tmp_path / "a.parquet", parquet_bytes(pa.table({"text": bad})))
    with pytest.raises(CorpusError) as caught:
        documents_of(path)
    assert caught.value.message == f"{path}: row 2: column `text` is null"
    found = documents_of(path, on_error="skip", block_bytes=1)
    assert texts_of(found) == ["a", "d"]
    assert [skipped.reason for documents in found for skipped in documents.skipped] == [
        "row 2: column `text` is null",
        "row 3: column `text` is invalid UTF-8 at its byte 1",
    ]
    for table, labels, reason in (
        (pa.table({"body": ["a"], "id": ["b"]}), None, "no column `text`; it has `body`, `id`"),
        (pa.table({"text": [1]}), None, "column `text` holds int64, not strings"),
        (pa.table({"text": ["a"], "id": [[1]]}), None, "column `id` holds list<element: int64>: it cannot be an id"),
        (
            pa.table({"text": ["a"], "lang": ["\n"]}),
            Labels(language_field="lang"),
            "row 1: column `lang` is empty: '\\n'",
        ),
    ):
        path = write(tmp_path / "b.parquet", parquet_bytes(table))
        with pytest.raises(CorpusError) as caught:
            documents_of(path, labels)
        assert caught.value.reason == reason


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("cut", [0, 3, 200, -1])
def test_truncated_parquet(tmp_path: Path, suffix: str, cut: int) -> None:
    path = write(tmp_path / f"a.parquet{suffix}", COMPRESS[suffix](parquet_bytes(pa.Table.from_pylist(ROWS))[:cut]))
    with pytest.raises(CorpusError) as caught:
        documents_of(path, on_error="skip")
    assert caught.value.reason.startswith("not a Parquet file: ")


def test_corrupt_parquet_page(tmp_path: Path) -> None:
    data = bytearray(parquet_bytes(pa.table({"text": TEXTS * 100}), compression="zstd", use_dictionary=False))
    data[4:40] = bytes(36)
    with pytest.raises(CorpusError, match="broken Parquet file after row 0: "):
        documents_of(write(tmp_path / "a.parquet", bytes(data)))


def numbered(n: int) -> list[dict[str, Any]]:
    return [{"text": f"document {number}", "id": str(number)} for number in range(n)]


def test_sample_is_by_the_hash_of_the_text_alone(tmp_path: Path) -> None:
    rows = numbered(4000)
    path = write(tmp_path / "a.jsonl", json_lines(rows))
    shuffled = write(tmp_path / "b.parquet", parquet_bytes(pa.Table.from_pylist(rows[::-1])))
    kept = {}
    for sample in (0.05, 0.25, 1.0):
        kept[sample] = set(texts_of(documents_of(path, sample=sample, block_bytes=500)))
        assert kept[sample] == set(texts_of(documents_of(shuffled, sample=sample)))
        expected = {row["text"] for row in rows if hash_share(row["text"].encode()) < sample}
        assert kept[sample] == expected
    assert kept[0.05] < kept[0.25] < kept[1.0]
    assert abs(len(kept[0.25]) - 1000) < 3.5 * (4000 * 0.25 * 0.75) ** 0.5
    for sample in (0.0, -1.0, 1.01, float("nan")):
        with pytest.raises(InputError, match="it must be above 0 and at most 1"):
            documents_of(path, sample=sample)


def hash_share(text: bytes) -> float:
    return int.from_bytes(blake2b(text).digest()[:8], "big") / 2**64


def test_sampled_documents_stay_whole_and_parallel(tmp_path: Path) -> None:
    (found,) = documents_of(write(tmp_path / "a.jsonl", json_lines(numbered(50))), sample=0.5)
    assert [f"document {document_id}" for document_id in found.ids] == texts_of([found])
    assert found.characters.tolist() == np.diff(found.starts).tolist()
    assert 10 < len(found) == len(found.slice_ids) < 40


def test_sample_keeps_or_drops_a_text_file_as_a_whole(tmp_path: Path) -> None:
    kept = 0
    for number in range(40):
        first = f"file {number}\n".encode()
        found = documents_of(
            write(tmp_path / f"{number}.txt", first + b"more\n" * 20), sample=0.5, block_bytes=len(first) + 5
        )
        is_kept = hash_share(first) < 0.5
        assert sum(len(documents.text) for documents in found) == (len(first) + 100 if is_kept else 0)
        kept += is_kept
    assert 0 < kept < 40


@pytest.mark.parametrize("block_bytes", [1, 100, 1 << 20])
def test_max_bytes_ends_after_the_document_that_reaches_it(tmp_path: Path, block_bytes: int) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / name, json_lines([{"text": letter * 10} for letter in "abcd"]))
    for max_bytes, n in ((1, 1), (10, 1), (11, 2), (39, 4), (40, 4), (41, 5), (80, 8), (999, 8)):
        found = documents_of(str(tmp_path), max_bytes=max_bytes, block_bytes=block_bytes)
        assert "".join(texts_of(found)) == "".join(letter * 10 for letter in "abcdabcd")[: 10 * n]
        assert sum(len(documents.text) for documents in found) == 10 * n
    with pytest.raises(InputError, match="max bytes 0: it must be 1 or more"):
        documents_of(str(tmp_path), max_bytes=0)


def test_max_bytes_ends_a_text_after_a_block(tmp_path: Path) -> None:
    found = documents_of(write(tmp_path / "a.txt", b"one\ntwo\nthree\nfour\n"), max_bytes=5, block_bytes=9)
    assert b"".join(documents.text for documents in found) == b"one\ntwo\n"


def test_a_uri_reads_as_the_path_does(tmp_path: Path) -> None:
    for name, data in (
        ("a b.jsonl.xz", COMPRESS[".xz"](json_lines(ROWS))),
        ("c.parquet", parquet_bytes(pa.Table.from_pylist(ROWS))),
    ):
        path = write(tmp_path / name, data)
        assert list(read((tmp_path / name).as_uri(), FIELDS)) == list(read(path, FIELDS)) == DOCUMENTS
    assert list(read(tmp_path.as_uri(), FIELDS)) == DOCUMENTS * 2


def test_a_block_can_be_parsed_in_another_process(tmp_path: Path) -> None:
    for name, data in (("a.jsonl", json_lines(ROWS)), ("a.parquet", parquet_bytes(pa.Table.from_pylist(ROWS)))):
        (file,) = find(write(tmp_path / name, data), FIELDS)
        for block in blocks(file):
            again = pickle.loads(pickle.dumps(parse(pickle.loads(pickle.dumps(block)), FIELDS)))
            assert texts_of([again]) == TEXTS


@pytest.mark.corpus
def test_shared_corpus_has_the_size_that_its_manifest_says(corpus: Path) -> None:
    labels = Labels(path_pattern="{language}-{domain}.jsonl.zst")
    found = documents_of(str(corpus / "zh-Hant-law.jsonl.zst"), labels)
    row = next(
        line for line in (corpus / "MANIFEST.md").read_text("utf-8").splitlines() if line.startswith("| zh-Hant | law ")
    )
    n_documents, n_bytes, n_characters = map(int, row.split("|")[3:6])
    assert sum(map(len, found)) == n_documents
    assert sum(len(documents.text) for documents in found) == n_bytes
    assert sum(int(documents.characters.sum()) for documents in found) == n_characters
    assert {pair for documents in found for pair in documents.slices} == {("zh-Hant", "law")}
    by_field = documents_of(str(corpus / "zh-Hant-law.jsonl.zst"), Labels(language_field="lang", domain_field="domain"))
    assert [documents.text for documents in by_field] == [documents.text for documents in found]
    assert {pair for documents in by_field for pair in documents.slices} == {("zh-Hant", "law")}
