from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tokkit.errors import FormatError
from tokkit.files import read_json, replacing, sha256_of, write_atomically, write_json


def test_a_write_leaves_the_file_and_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"one")
    write_atomically(tmp_path / "a", b"two")
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208 - names, not paths
    assert (tmp_path / "a").read_bytes() == b"two"
    assert sha256_of(tmp_path / "a") == "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"


def test_a_failed_or_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write_atomically(target, b"old")
    for interruption in (KeyboardInterrupt, OSError):
        with pytest.raises(interruption), replacing(target) as temporary:  # noqa: PT012 - the failure is inside
            assert temporary.parent == tmp_path
            temporary.write_bytes(b"half")
            raise interruption
        assert [path.name for path in tmp_path.iterdir()] == ["a"]
        assert target.read_bytes() == b"old"


def test_an_output_that_was_never_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_oserror_that_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_atomically(tmp_path / "nowhere" / "a", b"")


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a")
    write_atomically(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_bytes() == b"x"


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "ours", b"")
    (tmp_path / "theirs").write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE((tmp_path / "theirs").stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_an_oserror() -> None:
    with pytest.raises(OSError, match="No space left"):
        write_atomically("/dev/full", b"data")


def test_json_is_written_in_the_order_given_and_read_back(tmp_path: Path) -> None:
    value = {"z": 1, "a": [1, {"名": None}]}
    write_json(tmp_path / "a.json", value)
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == (
        '{\n  "z": 1,\n  "a": [\n    1,\n    {\n      "名": null\n    }\n  ]\n}\n'
    )
    assert read_json(tmp_path / "a.json") == value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1,}', "line 1, column 9: not JSON"),
        (b'{"a": "\xff"}', "not UTF-8: byte 0xff at offset 7"),
        (b"", "line 1, column 1: not JSON"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_bad_json_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "bad.json").write_bytes(data)
    with pytest.raises(FormatError, match=message) as caught:
        read_json(tmp_path / "bad.json")
    assert "bad.json" in caught.value.message
