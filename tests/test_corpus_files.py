"""Which files make a corpus, and the labels that come from paths."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tokkit.corpus import CorpusFile, Labels, find
from tokkit.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def names(files: tuple[CorpusFile, ...], folder: Path) -> list[str]:
    return [os.path.relpath(file.path, folder) for file in files]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.txt",
        "a.jsonl.zst",
        "zh/law.parquet",
        "zh/deep/web.ndjson.xz",
        "zh/deep/notes.md",
        ".hidden.txt",
        ".git/x.txt",
        "README",
    ):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "corpus"


def test_folder_is_searched_for_known_suffixes_and_sorted(folder: Path) -> None:
    files = find(str(folder))
    assert names(files, folder) == ["a.jsonl.zst", "b.txt", "zh/deep/web.ndjson.xz", "zh/law.parquet"]
    assert [(file.kind, file.compression) for file in files] == [
        ("jsonl", "zstd"),
        ("text", None),
        ("jsonl", "xz"),
        ("parquet", None),
    ]
    assert {(file.language, file.domain, file.size) for file in files} == {("und", "all", 1)}


def test_order_of_arguments_and_other_spellings_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "link.txt").symlink_to(folder / "b.txt")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert len(find(str(folder))) == 4
    once = find([str(folder / "a.jsonl.zst"), str(folder / "b.txt")])
    uri = (folder / "b.txt").as_uri()
    again = find([str(folder / "b.txt"), uri, f"{folder}/zh/../a.jsonl.zst", str(folder / "a.jsonl.zst")])
    assert again == once
    monkeypatch.chdir(folder)
    assert [file.path for file in find(["./b.txt", "b.txt"])] == ["./b.txt"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["b.txt"]),
        ("*", ["a.jsonl.zst", "b.txt", "zh/deep/web.ndjson.xz", "zh/law.parquet"]),
        ("**/*.xz", ["zh/deep/web.ndjson.xz"]),
        ("z[h]", ["zh/deep/web.ndjson.xz", "zh/law.parquet"]),
    ],
)
def test_globs(folder: Path, pattern: str, expected: list[str]) -> None:
    assert names(find(f"{folder}/{pattern}"), folder) == expected


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "part[1].txt").write_bytes(b"x")
    assert names(find(tmp_path / "part[1].txt"), tmp_path) == ["part[1].txt"]


def test_uri_of_a_file_and_of_a_folder(folder: Path) -> None:
    assert [file.path for file in find((folder / "b.txt").as_uri())] == [f"file://{folder}/b.txt"]
    assert [file.path.removeprefix(f"file://{folder}/") for file in find(folder.as_uri())] == [
        "a.jsonl.zst",
        "b.txt",
        "zh/deep/web.ndjson.xz",
        "zh/law.parquet",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zh/nope.txt", "zh/nope.txt: no such file or directory"),
        ("zh/deep/notes.md", "zh/deep/notes.md: not a corpus file: its suffix is unknown"),
        ("empty", "empty: no corpus file in this folder"),
        ("*.gz", "*.gz: it matches nothing"),
        ("zh/deep/*.md", "zh/deep/*.md: none of its 1 matches is a corpus file"),
        ("dangling.txt", "dangling.txt: no such file or directory"),
    ],
)
def test_what_cannot_be_a_corpus_is_named(folder: Path, name: str, message: str) -> None:
    (folder / "empty").mkdir()
    (folder / "dangling.txt").symlink_to(folder / "gone.txt")
    with pytest.raises(InputError) as caught:
        find([str(folder / "b.txt"), str(folder / name)])
    assert message in caught.value.message
    assert str(folder) in caught.value.message


@pytest.mark.parametrize("uri", ["file:///no/such/folder", "nosuch://bucket/key.txt"])
def test_uris_that_lead_nowhere(uri: str) -> None:
    with pytest.raises(InputError) as caught:
        find(uri)
    assert caught.value.message.startswith(f"{uri}: ")


def test_no_paths() -> None:
    with pytest.raises(InputError, match="no corpus: the list of paths is empty"):
        find([])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_folder_without_permission(folder: Path) -> None:
    (folder / "zh").chmod(0)
    try:
        with pytest.raises(InputError, match="zh: permission denied"):
            find(str(folder))
    finally:
        (folder / "zh").chmod(0o755)


@pytest.mark.parametrize(
    ("name", "pattern", "labels"),
    [
        ("zh-law.jsonl.zst", "{language}-{domain}.jsonl.zst", ("zh", "law")),
        ("zh-Hant-law.jsonl.zst", "{language}-{domain}.jsonl.zst", ("zh-Hant", "law")),
        ("zh-law.jsonl.zst", "{language}-{domain}", ("zh", "law")),
        ("zh/law.txt", "{language}/{domain}.txt", ("zh", "law")),
        ("zh/law/part-17.txt", "{language}/{domain}/*.txt", ("zh", "law")),
        ("zh/law/part-17.txt", "{domain}/part-*", ("fixed", "law")),
        ("en.v2+x.txt", "{language}.v2+x.txt", ("en", "all")),
    ],
)
def test_path_pattern(tmp_path: Path, name: str, pattern: str, labels: tuple[str, str]) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    (file,) = find(str(path), Labels(path_pattern=pattern, language="fixed"))
    assert (file.language, file.domain) == labels


@pytest.mark.parametrize(
    "pattern", ["{language}-{domain}.jsonl", "prefix-{language}.txt", "aw-{domain}.txt", "{domain}/zh.txt"]
)
def test_a_path_that_the_pattern_does_not_match_is_named(tmp_path: Path, pattern: str) -> None:
    path = tmp_path / "law-zh.txt"
    path.write_bytes(b"")
    with pytest.raises(InputError) as caught:
        find(str(path), Labels(path_pattern=pattern))
    assert caught.value.message == f"{path}: the path pattern {pattern} does not match its end"
    assert caught.value.hint == (
        "`{language}-{domain}` matches zh-law.jsonl.zst, `{language}/*` zh/1.txt; or take --language and --domain"
    )


@pytest.mark.parametrize(
    "pattern", ["{language", "language}", "{lang}.txt", "*.txt", "{domain}{language}", "{domain}-{domain}", "{}"]
)
def test_bad_path_patterns(pattern: str) -> None:
    with pytest.raises(InputError) as caught:
        find("-", Labels(path_pattern=pattern))
    assert caught.value.message.startswith(f"path pattern {pattern}: ")


def test_labels_must_be_plain() -> None:
    with pytest.raises(InputError, match="language is empty"):
        find("-", Labels(language=""))
    with pytest.raises(InputError, match="domain has a control character: 'a\\\\tb'"):
        find("-", Labels(domain="a\tb"))


def test_fields_leave_labels_open_except_for_text(folder: Path) -> None:
    labels = Labels(language="zh", language_field="lang", domain="web")
    files = find([str(folder / "a.jsonl.zst"), str(folder / "b.txt"), str(folder / "zh/law.parquet")], labels)
    assert [(file.language, file.domain) for file in files] == [(None, "web"), ("zh", "web"), (None, "web")]
    assert files[2].columns == ("text", "lang")


def test_stdin_formats() -> None:
    assert [(file.path, file.kind, file.compression, file.name) for file in find(["-", "-"])] == [
        ("-", "text", None, "stdin")
    ]
    (file,) = find("-", stdin_format="jsonl.zst")
    assert (file.kind, file.compression) == ("jsonl", "zstd")
    with pytest.raises(InputError, match="unknown format of stdin: docx"):
        find("-", stdin_format="docx")
    with pytest.raises(InputError, match="stdin cannot be Parquet"):
        find("-", stdin_format="parquet")
