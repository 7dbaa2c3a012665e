"""Which files a corpus is made of, what is in each, and where a document's language, domain, text and id come from."""

from __future__ import annotations

import errno
import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote

from pyarrow import fs

from tokkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

Kind = Literal["text", "jsonl", "parquet"]

KINDS: dict[str, Kind] = {
    ".json": "jsonl",  # one document a line here too: a JSON array is refused at its first line
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".text": "text",
    ".txt": "text",
}
COMPRESSIONS = {".bz2": "bz2", ".gz": "gzip", ".lz4": "lz4", ".xz": "xz", ".zst": "zstd"}
SUFFIXES = f"{' '.join(sorted(KINDS))}, each also with {' '.join(sorted(COMPRESSIONS))}"
UNKNOWN_LANGUAGE = "und"  # BCP 47's tag for a language that nobody determined
UNKNOWN_DOMAIN = "all"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Labels:
    """Where a document's language, domain, text and id come from.

    For language and domain a field comes first, then the path pattern, then the fixed value, then `und` and `all`; a
    text file has no fields.

    Attributes:
        language: the language of every document.
        domain: the domain of every document.
        language_field: the JSON field or Parquet column with the language; a dot looks into an object (`meta.lang`).
        domain_field: the same for the domain.
        path_pattern: matched against the end of each path, first without its suffixes, then with them:
            `{language}-{domain}.jsonl.zst`, `{language}/*.txt`. Placeholders and `*` take one character or more and do
            not cross `/`; an earlier one takes as much as it can, so that `zh-Hant-law` is `zh-Hant` and `law`.
        text_field: the JSON field or Parquet column with the text.
        id_field: the same for the id, which may be missing: then it is `FILE NAME:LINE`.
    """

    language: str | None = None
    domain: str | None = None
    language_field: str | None = None
    domain_field: str | None = None
    path_pattern: str | None = None
    text_field: str = "text"
    id_field: str = "id"


@dataclass(frozen=True)
class CorpusFile:
    """One file of a corpus, ready to be read.

    Attributes:
        path: as it was given, or found in a folder that was given; `-` is stdin, `scheme://...` a remote file.
        kind: `text` (one document), `jsonl` (one document a line) or `parquet` (one document a row).
        compression: the codec around it, None for none.
        language: the language of its documents, None where a field says it.
        domain: the domain of its documents, None where a field says it.
        size: its bytes as stored, None for stdin.
        columns: the Parquet columns that it must have.
        id_column: the Parquet column that it may have.
    """

    path: str
    kind: Kind
    compression: str | None
    language: str | None
    domain: str | None
    size: int | None = None
    columns: tuple[str, ...] = ("text",)
    id_column: str = "id"

    @property
    def name(self) -> str:
        """The last part of the path: document ids are made of it, so that they do not depend on the folder."""
        return "stdin" if self.path == "-" else _plain(self.path).rpartition("/")[2]


def find(
    paths: str | Path | Sequence[str | Path], labels: Labels | None = None, *, stdin_format: str = "text"
) -> tuple[CorpusFile, ...]:
    """List the files of a corpus, sorted by path, each real file once.

    Folders are searched at any depth for known suffixes; hidden files and folders, and other suffixes, are passed over.
    What a glob matches is treated alike. A file that is named must have a known suffix.

    Args:
        paths: files, folders, globs, `-` for stdin, and URIs that pyarrow can open (`file:// s3:// gs:// hdfs://`).
        labels: where languages and domains come from.
        stdin_format: the suffix that stdin would have as a file: `text`, `jsonl`, `jsonl.zst`...

    Raises:
        InputError: a path that does not exist or cannot be opened, a folder or glob with no file of a known suffix, a
            file of another suffix, a path that the pattern does not match, a label that is not a plain word.
    """
    labels = labels or Labels()
    check_fixed_labels(labels)
    pattern = None if labels.path_pattern is None else _compile(labels.path_pattern)
    found: dict[str, CorpusFile] = {}
    listed = [entry for path in ([paths] if isinstance(paths, str | Path) else paths) for entry in _expand(str(path))]
    for path, size in sorted(listed):
        local = _plain(path).removeprefix("file://")
        real = path if path == "-" or is_remote(local) else os.path.realpath(local)
        if real in found:
            continue
        kind, compression = kind_of(path) if path != "-" else _kind_of_stdin(stdin_format)
        language, domain = _labels_of(path, kind, labels, pattern)
        needed = (labels.text_field, labels.language_field, labels.domain_field)
        columns = tuple(dict.fromkeys(field for field in needed if field is not None))
        found[real] = CorpusFile(path, kind, compression, language, domain, size, columns, labels.id_field)
    if not found:
        raise InputError("no corpus: the list of paths is empty", "name files, folders or globs, or `-` for stdin")
    return tuple(found.values())


def stored_bytes(files: Sequence[CorpusFile]) -> int:
    """Return the stored bytes of all files, 0 where they are not known."""
    return 0 if any(file.size is None for file in files) else sum(file.size or 0 for file in files)


def kind_of(path: str) -> tuple[Kind, str | None]:
    """Return what a path's suffixes say: the kind and the compression.

    Raises:
        InputError: the suffix is not known; the hint lists those that are.

    Example:
        >>> kind_of("zh/law.jsonl.zst"), kind_of("a.TXT")
        (('jsonl', 'zstd'), ('text', None))
    """
    _, suffix, compression_suffix = split_suffixes(_plain(path))
    kind = KINDS.get(suffix)
    if kind is None:
        raise InputError(f"{path}: not a corpus file: its suffix is unknown", f"known suffixes: {SUFFIXES}")
    return kind, COMPRESSIONS.get(compression_suffix)


def split_suffixes(path: str) -> tuple[str, str, str]:
    """Return a path's stem, and its suffixes in lower case: of the format and of the compression.

    Example:
        >>> split_suffixes("zh/law.jsonl.ZST"), split_suffixes("v1.2/README")
        (('zh/law', '.jsonl', '.zst'), ('v1.2/README', '', ''))
    """
    folder, slash, name = path.rpartition("/")
    compression = PurePosixPath(name).suffix
    if compression.lower() not in COMPRESSIONS:
        compression = ""
    name = name.removesuffix(compression)
    suffix = PurePosixPath(name).suffix
    return folder + slash + name.removesuffix(suffix), suffix.lower(), compression.lower()


def label_problem(value: str) -> str | None:
    r"""Return why a value is no language or domain, None where it is one.

    Example:
        >>> label_problem("zh-Hant"), label_problem("two\tcolumns")
        (None, 'has a control character')
    """
    if not value.strip():
        return "is empty"
    return "has a control character" if _CONTROL.search(value) else None


def check_fixed_labels(labels: Labels) -> None:
    """Raise InputError where a fixed label or a field name is empty or has control characters."""
    for option, value in vars(labels).items():
        if value is not None and (problem := label_problem(value)):
            raise InputError(f"{option} {problem}: {value!r}")


def _kind_of_stdin(stdin_format: str) -> tuple[Kind, str | None]:
    try:
        kind, compression = kind_of(f"stdin.{stdin_format}")
    except InputError:
        raise InputError(
            f"unknown format of stdin: {stdin_format}", "give the suffix of such a file: text, jsonl, jsonl.zst"
        ) from None
    if kind == "parquet":
        raise InputError("stdin cannot be Parquet, which is read from its end", "write it to a file first")
    return kind, compression


def _expand(path: str) -> Iterator[tuple[str, int | None]]:
    """Yield (path, size) of the files that one argument means."""
    if path == "-":
        yield path, None
    elif is_remote(path):
        yield from _expand_uri(path)
    elif os.path.lexists(path):
        yield from _expand_existing(path)
    elif glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        found: dict[str, int | None] = {}
        for match in matches:
            found.update(_walk(match) if Path(match).is_dir() else _known([match]))
        if not found:
            what = f"none of its {len(matches)} matches is a corpus file" if matches else "it matches nothing"
            raise InputError(f"glob {path}: {what}", f"known suffixes: {SUFFIXES}")
        yield from found.items()
    else:
        yield path, _size(path)  # says why it cannot


def _expand_existing(path: str) -> Iterator[tuple[str, int | None]]:
    if Path(path).is_dir():
        found = dict(_walk(path))
        if not found:
            raise InputError(f"{path}: no corpus file in this folder", f"known suffixes: {SUFFIXES}")
        yield from found.items()
        return
    kind_of(path)
    yield path, _size(path)


def _known(paths: Sequence[str]) -> Iterator[tuple[str, int | None]]:
    yield from ((path, _size(path)) for path in paths if _is_known(path))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}") from None


def _walk(folder: str) -> Iterator[tuple[str, int | None]]:
    """Yield the corpus files below a folder; linked folders are followed once, so that a cycle of links ends."""

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: {reason_of(error)}") from None

    seen = set()
    for parent, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        if (real := os.path.realpath(parent)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from _known([str(Path(parent, name)) for name in sorted(files) if not name.startswith(".")])


def _expand_uri(uri: str) -> Iterator[tuple[str, int | None]]:
    system, path = open_uri(uri)
    try:
        info = system.get_file_info(path)
        if info.type == fs.FileType.NotFound:
            raise InputError(f"{uri}: no such file or directory")
        if info.type != fs.FileType.Directory:
            kind_of(uri)
            yield uri, info.size
            return
        entries = system.get_file_info(fs.FileSelector(path, recursive=True))
    except OSError as error:
        raise InputError(f"{uri}: {reason_of(error)}") from None
    sizes = {entry.path: entry.size for entry in entries if entry.type == fs.FileType.File}
    visible = [name for name in sizes if "/." not in name[len(path) :]]
    found = [name for name in visible if _is_known(name)]
    if not found:
        raise InputError(f"{uri}: no corpus file in this folder", f"known suffixes: {SUFFIXES}")
    scheme, _, rest = uri.partition("://")
    folder = path if path in rest else quote(path)
    for name in found:
        # The options of a URI (`?region=...`) stay; only its path grows.
        yield f"{scheme}://{rest.replace(folder, folder + quote(name[len(path) :]), 1)}", sizes[name]


def _is_known(path: str) -> bool:
    try:
        kind_of(path)
    except InputError:
        return False
    return True


def open_uri(uri: str) -> tuple[Any, str]:
    """Return the file system of a URI and the path in it.

    Raises:
        InputError: pyarrow knows no such file system, or cannot reach it.
    """
    try:
        system, path = fs.FileSystem.from_uri(uri)
    except (OSError, ValueError) as error:
        raise InputError(f"{uri}: {reason_of(error)}", "URIs begin with file://, s3://, gs:// or hdfs://") from None
    return system, path.rstrip("/")


def is_remote(path: str) -> bool:
    """Tell whether a path is a URI."""
    return _REMOTE.match(path) is not None


def reason_of(error: Exception) -> str:
    """Return what an error of the system or of pyarrow says, on one line and without the path."""
    if isinstance(error, OSError) and error.errno in errno.errorcode:
        return os.strerror(error.errno or 0).lower()
    return str(error).split("\n", 1)[0] or type(error).__name__


def _plain(path: str) -> str:
    """Return a path as people write it: of a URI without its options and escapes."""
    return unquote(path.split("?", 1)[0]) if is_remote(path) else path.replace(os.sep, "/")


def _compile(path_pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a path pattern, for `fullmatch` on the end of a path."""
    parts = re.split(r"(\*|\{[^{}]*\})", path_pattern)
    names = re.findall(r"\{([^{}]*)\}", path_pattern)
    literal = "".join(parts[::2])
    adjacent = any(not between for between in parts[2:-1:2])
    if not names or set(names) - {"language", "domain"} or len(set(names)) < len(names) or set("{}") & set(literal):
        raise InputError(
            f"path pattern {path_pattern}: its placeholders must be {{language}} or {{domain}} or both, each once",
            "for example {language}-{domain}.jsonl.zst",
        )
    if adjacent:
        raise InputError(f"path pattern {path_pattern}: two placeholders touch, so nothing says where one ends")
    regex = "".join(
        re.escape(part) if number % 2 == 0 else "[^/]+" if part == "*" else f"(?P<{part[1:-1]}>[^/]+)"
        for number, part in enumerate(parts)
    )
    return re.compile(rf"(?:.*/)?{regex}", re.DOTALL)


def _labels_of(path: str, kind: Kind, labels: Labels, pattern: re.Pattern[str] | None) -> tuple[str | None, str | None]:
    """Return a file's language and domain, None where a field says it document by document."""
    language, domain = labels.language or UNKNOWN_LANGUAGE, labels.domain or UNKNOWN_DOMAIN
    if pattern is not None:
        plain = _plain(path)
        match = pattern.fullmatch(split_suffixes(plain)[0]) or pattern.fullmatch(plain)
        if match is None:
            raise InputError(
                f"{path}: the path pattern {labels.path_pattern} does not match its end",
                "`{language}-{domain}` matches zh-law.jsonl.zst, `{language}/*` zh/1.txt; or take --language and --domain",
            )
        taken = match.groupdict()
        language, domain = taken.get("language", language), taken.get("domain", domain)
        for name, value in taken.items():
            if problem := label_problem(value):
                raise InputError(f"{path}: the {name} that {labels.path_pattern} takes from it {problem}: {value!r}")
    has_fields = kind != "text"
    return (
        None if has_fields and labels.language_field else language,
        None if has_fields and labels.domain_field else domain,
    )
