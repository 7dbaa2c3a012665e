"""Streams in, blocks out: every compression, broken streams, and where a text may be cut."""

from __future__ import annotations

import gzip
import lzma
import pickle
import subprocess
import sys
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.compressions import COMPRESS
from tokkit import corpus_blocks
from tokkit.corpus import Block, blocks, find
from tokkit.corpus_blocks import last_text_cut, sample_key
from tokkit.errors import CorpusError, InputError
from tokkit.pretokenize import PATTERNS

if TYPE_CHECKING:
    from pathlib import Path

LINES = [f'{{"text": "line {number} 第{number}条", "id": "{number}"}}' for number in range(500)]
PAYLOAD = ("\n".join(LINES) + "\n").encode()
CODECS = [suffix for suffix in COMPRESS if suffix]


def blocks_of(path: Path, block_bytes: int = 1 << 20) -> list[Block]:
    (file,) = find(str(path))
    return list(blocks(file, block_bytes=block_bytes))


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", COMPRESS)
def test_streams_are_read_whole_and_cut_at_lines(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.jsonl{suffix}", COMPRESS[suffix](PAYLOAD))
    found = blocks_of(path, 1000)
    assert b"".join(block.data for block in found) == PAYLOAD
    assert all(block.data.endswith(b"\n") and len(block.data) <= 1000 for block in found)
    assert len(found) > 10
    line, offset = 1, 0
    for block in found:
        assert (block.first_line, block.byte_offset) == (line, offset)
        line, offset = line + block.data.count(b"\n"), offset + len(block.data)
    positions = [block.position for block in found]
    assert positions == sorted(positions)
    assert positions[-1] == path.stat().st_size == found[0].file.size


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("cut", [1, 7777, len(PAYLOAD)])
def test_concatenated_streams_are_read_whole(tmp_path: Path, suffix: str, cut: int) -> None:
    compress = COMPRESS[suffix]
    data = compress(PAYLOAD[:cut]) + compress(b"") + compress(PAYLOAD[cut:])
    found = blocks_of(write(tmp_path / f"a.jsonl{suffix}", data), 3000)
    assert b"".join(block.data for block in found) == PAYLOAD


def test_padded_xz(tmp_path: Path) -> None:
    data = lzma.compress(PAYLOAD[:100]) + bytes(8) + lzma.compress(PAYLOAD[100:]) + bytes(4)
    assert b"".join(block.data for block in blocks_of(write(tmp_path / "a.jsonl.xz", data))) == PAYLOAD


def damage(data: bytes, how: str) -> bytes:
    middle = len(data) // 2
    return {
        "truncated": data[:-3],
        "half": data[:middle],
        "second truncated": data + data[:-3],
        "corrupt": data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :],
        "rubbish behind": data + b"rubbish!" * 4,
        "not compressed": PAYLOAD,
    }[how]


DAMAGES = ("truncated", "half", "second truncated", "corrupt", "rubbish behind", "not compressed")
WITHOUT_CHECKSUM = {".lz4", ".zst"}  # as pyarrow writes them: a wrong byte may be a wrong text


@pytest.mark.parametrize(
    ("suffix", "how"),
    [(suffix, how) for suffix in CODECS for how in DAMAGES if how != "corrupt" or suffix not in WITHOUT_CHECKSUM],
)
def test_broken_streams_stop_with_the_file_and_what_happened(tmp_path: Path, suffix: str, how: str) -> None:
    path = write(tmp_path / f"a.jsonl{suffix}", damage(COMPRESS[suffix](PAYLOAD), how))
    with pytest.raises(CorpusError) as caught:
        blocks_of(path, 5000)
    error = caught.value
    assert error.path == str(path)
    assert error.reason.startswith(f"broken {find(str(path))[0].compression} stream: ")
    assert error.byte_offset is not None
    assert error.byte_offset <= 2 * len(PAYLOAD)
    assert "--on-error skip` cannot go on" in (error.hint or "")


def test_a_file_that_is_gone_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"x")
    (file,) = find(str(path))
    path.unlink()
    with pytest.raises(InputError) as caught:
        list(blocks(file))
    assert caught.value.message == f"{path}: no such file or directory"


@pytest.mark.parametrize("block_bytes", [1, 2, 50, 4096])
def test_lines_longer_than_a_block_grow_it(tmp_path: Path, block_bytes: int) -> None:
    data = b"{}\n" + b'{"text": "' + b"x" * 1000 + b'"}\n\n{}'
    found = blocks_of(write(tmp_path / "a.jsonl", data), block_bytes)
    assert b"".join(block.data for block in found) == data
    assert all(block.data.endswith(b"\n") for block in found[:-1])


def cut_by_hand(data: bytes, block_bytes: int) -> list[bytes]:
    """Cut after the last newline of what was read: so many bytes, or twice what is held where that has no newline."""
    found, at, n_read, wanted = [], 0, 0, max(block_bytes, 3)
    while True:
        n_read = max(n_read, min(at + wanted, len(data)))
        held = data[at:n_read]
        is_last = len(held) < wanted
        end = len(held) if is_last else held.rfind(b"\n") + 1
        if end:
            found.append(held[:end])
            at += end
        wanted = block_bytes if end else 2 * len(held)
        if is_last:
            return found


@settings(max_examples=500)
@given(st.lists(st.integers(0, 40)), st.integers(1, 60), st.integers(1, 70), st.booleans(), st.booleans())
def test_lines_are_cut_the_same_however_they_are_read(lengths, block_bytes, at_once, ends, marked) -> None:
    data = b"\n".join(b"x" * length for length in lengths) + b"\n" * ends
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_blocks, "_READ_AT_ONCE", at_once)
        patch.setattr(sys, "stdin", SimpleNamespace(buffer=BytesIO(b"\xef\xbb\xbf" * marked + data)))
        (file,) = find("-", stdin_format="jsonl")
        found = list(blocks(file, block_bytes=block_bytes))
    assert [block.data for block in found] == cut_by_hand(data, block_bytes)
    assert [block.byte_offset for block in found] == [
        3 * marked + sum(len(each.data) for each in found[:number]) for number in range(len(found))
    ]
    assert [block.first_line for block in found] == [
        1 + sum(each.data.count(b"\n") for each in found[:number]) for number in range(len(found))
    ]


@pytest.mark.parametrize("block_bytes", [1, 4, 1000])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_byte_order_mark_is_dropped_once_and_counted(tmp_path: Path, name: str, block_bytes: int) -> None:
    data = b"\xef\xbb\xbfone\ntwo\n\xef\xbb\xbfthree\n"
    found = blocks_of(write(tmp_path / name, data), block_bytes)
    assert b"".join(block.data for block in found) == data[3:]
    assert found[0].byte_offset == 3


def test_empty_files(tmp_path: Path) -> None:
    assert [block.data for block in blocks_of(write(tmp_path / "a.txt", b""))] == [b""]
    assert blocks_of(write(tmp_path / "a.jsonl", b"")) == []


def test_blocks_of_a_text_continue_and_know_the_first(tmp_path: Path) -> None:
    found = blocks_of(write(tmp_path / "a.txt", b"one\ntwo\nthree\nfour\n"), 9)
    assert [block.data for block in found] == [b"one\n", b"two\n", b"three\n", b"four\n"]
    assert [block.continues for block in found] == [False, True, True, True]
    assert [block.sample_key for block in found] == [None, *[sample_key(b"one\n")] * 3]
    assert pickle.loads(pickle.dumps(found)) == found


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=BytesIO(gzip.compress(PAYLOAD))))
    (file,) = find("-", stdin_format="jsonl.gz")
    assert b"".join(block.data for block in blocks(file, block_bytes=1000)) == PAYLOAD


def test_stdin_of_a_process() -> None:
    program = (
        "from tokkit.corpus import blocks, find\n"
        "for block in blocks(find('-')[0], block_bytes=9): print(block.data, block.position)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=b"one\ntwo\nthree\n", capture_output=True, check=True)
    assert done.stdout == b"b'one\\n' 4\nb'two\\n' 8\nb'three\\n' 14\n"


# Letters, digits, marks, white space of every width, punctuation that patterns take together with newlines.
ALPHABET = "aZ9 \t\n\n\n\r\v\x1c\x85\u00a0\u1680\u2003\u2028\u3000/.,'s，。第章カée\u0301🙂\x00"
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=60)
COMPILED = {name: regex.compile(pattern) for name, pattern in PATTERNS.items()}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS, st.integers(1, 30))
@example("a\n\nb\nc d\r\n第，x" * 3, 5)
@example("x\n/y\nz.\n/w\n" * 4, 4)
@example("第章\n\u3000第\n\u2028章\n第" * 4, 7)
def test_splitting_block_by_block_is_splitting_the_whole(text: str, block_bytes: int) -> None:
    data = text.encode()
    parts, start = [], 0
    end = block_bytes
    while end < len(data):
        cut = last_text_cut(data[start:end], 0)
        if cut:
            parts.append(data[start : start + cut])
            start += cut
        end += block_bytes
    parts.append(data[start:])
    assert b"".join(parts) == data
    for name, pattern in COMPILED.items():
        whole = pattern.findall(text)
        split = [piece for part in parts for piece in pattern.findall(part.decode())]
        assert split == whole, f"{name}: {text!r} in {parts!r}"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TEXTS, st.integers(1, 20), st.sampled_from(["", ".gz"]))
def test_text_blocks_concatenate_to_the_file(text: str, block_bytes: int, suffix: str) -> None:
    data = text.encode()
    for start in range(len(data)):
        if last_text_cut(data[:start], 0) == 0:  # a block that grows is searched where it is new: nothing is missed
            assert last_text_cut(data, start) == last_text_cut(data, 0)
    sink = BytesIO(COMPRESS[suffix](data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", SimpleNamespace(buffer=sink))
        (file,) = find("-", stdin_format=f"txt{suffix}")
        found = list(blocks(file, block_bytes=block_bytes))
    assert b"".join(block.data for block in found) == data
    assert [block.continues for block in found] == [False] + [True] * (len(found) - 1)
    for block in found[:-1]:
        block.data.decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo\nthree", "one\ntwo\n"),
        ("one.\n/usr/bin is\u3000", "one.\n/usr/bin"),
        ("a1\r\nb2\r\nc3", "a1\r\nb2"),
        ("一\n\n第二章，第三", "一\n\n第二章"),
        ("第一。\n第二。第三。", "第一。\n"),
        ("。\n\u3000第。\n。。。", "。\n\u3000第。\n"),
        ("xxxxxxxxxx", ""),
    ],
)
def test_where_a_text_is_cut(text: str, expected: str) -> None:
    data = text.encode()
    assert data[: last_text_cut(data, 0)].decode() == expected


def test_a_cut_is_found_across_search_windows() -> None:
    for length in range((1 << 16) - 12, (1 << 16) + 12):
        tail = b"-" * length
        assert last_text_cut(b"-" * 99 + "。\n".encode() + tail, 0) == 103
        assert last_text_cut("第章，".encode() + tail, 0) == 6
