"""Count code in packages of Debian: how often it uses each token of cl100k_base, and its pretokens.

    python vocab/code_uses.py PACKAGES build/code-uses.parquet build/code-words.parquet --without HELDOUT/*.jsonl.zst

PACKAGES is a folder with the files that `code-uses.packages.txt.gz` names: sources (`apt-get source --download-only`) and
binaries (`apt-get download`). Of each package at most 6.4 MB a language are counted, files in the order of the hash of their
path; what is vendored, generated, minified or no UTF-8 is left out, and so is a file that has 100 bytes from the start of a line
in common with a text of `--without`, and the second of two files that differ in white space alone. In its language a package
weighs as the root of its bytes, so that the largest do not speak for all.

By `code-uses.parquet` bases are selected. Its pretokens are the tokens themselves, with how often encoding comes to them,
weighed, ten times or more. A token's bytes are encoded as that token, so that `tokkit select --by usage` finds the very uses of
the text, in a tenth of the room.

From `code-words.parquet` tokens are learned. It has the pretokens that stand in 40 packages or more (one with code in two
languages counts twice), so that no token is of a few projects, as often as they stand in 100 MB of which the languages have
shares as the fourth roots of their bytes. Its documents are packages.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tarfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from multiprocessing import Pool
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from tokkit import TOOL
from tokkit.bases import load_base
from tokkit.corpus import read
from tokkit.counts import count_texts
from tokkit.counts_file import save
from tokkit.counts_table import CountsTable, Rows, Slice, SliceCounts, added_rows, gathered, merged_rows, table_of
from tokkit.curves import final_uses
from tokkit.encode import flatten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tokkit.vocabulary import Vocabulary

_BASE = "cl100k_base"
_SUFFIXES = {
    "c": ".c .h",
    "cpp": ".cpp .cc .cxx .hpp .hh .hxx",
    "go": ".go",
    "java": ".java",
    "js": ".js .mjs .cjs .jsx",
    "python": ".py",
    "rust": ".rs",
    "ts": ".ts .tsx",
}
_LANGUAGES = {suffix: language for language, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_VENDORED = re.compile(
    r"(^|/)(vendor|_vendor|node_modules|third_party|thirdparty|3rdparty|external|dist|build)/"
    r"|\.min\.|\.pb\.go$|bundle|_pb2|CMakeLists|requirements|LICENSE|COPYING|licen[sc]e|\.egg-info",
    re.IGNORECASE,
)
_GENERATED = ("DO NOT EDIT", "@generated")
_MOST_OF_A_PACKAGE = 6_400_000
_FILE_BYTES = range(200, 200_001)
_WINDOW = 100
_LEAST = 10  # a fifth of the rows say less, and choose nothing
_LEAST_PACKAGES = 40
_WORDS_BYTES = 100_000_000
_PARTS = 1_000_000  # of one pretoken of a package of one byte: as fine as counts over roots are rounded
_LEAST_KINDS = 12  # distinct bytes in a window: a rule of dashes or a table of zeros is nobody's


def main(words: Sequence[str] | None = None) -> None:
    """Count the packages of a folder, as the words of a command line say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path)
    parser.add_argument("uses", type=Path)
    parser.add_argument("words", type=Path)
    parser.add_argument("--without", nargs="*", default=[], help="files of text with which nothing may be shared")
    arguments = parser.parse_args(words)
    packages = sorted(each for each in arguments.packages.glob("*") if re.search(r"\.(deb|tar\.\w+)$", each.name))
    if not packages:
        parser.error(
            f"{arguments.packages}: no packages; vocab/code-uses.packages.txt.gz names those that were counted"
        )
    windows = frozenset(_windows(text.text for text in read(arguments.without))) if arguments.without else frozenset()
    base = load_base(_BASE)
    counted = _count(packages, windows, base)
    if not counted:
        parser.error(f"{arguments.packages}: none of its packages has code that is counted")
    names = "".join(f"{package.name}\n" for package in packages)
    digest = hashlib.sha256(names.encode()).hexdigest()
    of_tokens, of_pretokens = table_of_uses(counted, base, digest), table_of_words(counted, base.pattern, digest)
    save(of_tokens, arguments.uses)
    save(of_pretokens, arguments.words)
    n_bytes = sum(each.bytes for each in counted.values())
    rows = f"{len(of_tokens):,} rows of uses, {len(of_pretokens):,} of words"
    print(f"{len(packages):,} packages, {n_bytes:,} bytes: {rows}", file=sys.stderr)


@dataclass
class Uses:
    """How often the code of one language uses each token and each pretoken, packages weighed as the roots of their bytes.

    Attributes:
        of_tokens: float64[n_ids], the uses of each package over the root of its bytes, added up.
        of_pretokens: to be added up, ever fewer rows from the first to the last: counts in millionths, over the same roots;
            documents are packages.
        roots: the roots of their bytes, added up.
        packages: those that have code in the language.
        documents: files.
        characters: of all files.
        bytes: of all files.
    """

    of_tokens: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    of_pretokens: list[Rows] = field(default_factory=list)
    roots: float = 0.0
    packages: int = 0
    documents: int = 0
    characters: int = 0
    bytes: int = 0

    def add(self, texts: Sequence[str], base: Vocabulary) -> None:
        """Add the files of a package."""
        table = count_texts(texts, base.pattern)
        root = table.slices[0].bytes ** 0.5
        uses = final_uses(base, table)[0] / root
        self.of_tokens = self.of_tokens + uses if self.of_tokens.size else uses
        self._add_rows(merged_rows(table), root)
        self.roots += root
        self.packages += 1
        self.documents += len(texts)
        self.characters += table.slices[0].characters
        self.bytes += table.slices[0].bytes

    def _add_rows(self, rows: Rows, root: float) -> None:
        """Add the pretokens of a package; rows are added to no fewer, so that none is added up often."""
        counts = np.rint(rows.counts * (_PARTS / root)).astype(np.int64)
        added = replace(rows, counts=counts, documents=np.ones_like(rows.documents))
        while self.of_pretokens and self.of_pretokens[-1].counts.size <= added.counts.size:
            added = added_rows([self.of_pretokens.pop(), added])
        self.of_pretokens.append(added)


def table_of_uses(uses: Mapping[str, Uses], base: Vocabulary, packages: str) -> CountsTable:
    """Return the table whose pretokens are a base's tokens; weighed uses are scaled to the bytes of each language, and rounded.

    Args:
        uses: of each language.
        base: the vocabulary that was counted with.
        packages: sha256 of the names of the packages, for the provenance.
    """
    ids = sorted((id_ for id_, token in enumerate(base.tokens) if token), key=base.tokens.__getitem__)
    data, starts = flatten([base.tokens[id_] for id_ in ids])
    parts = []
    for language, each in sorted(uses.items()):
        counts = np.rint(each.of_tokens[ids] * (each.bytes / each.roots)).astype(np.int64)
        rows = gathered(data, starts, counts, np.zeros_like(counts), np.flatnonzero(counts >= _LEAST))
        parts.append(SliceCounts(Slice("packages", language, each.documents, each.characters, each.bytes), rows))
    provenance = {"step": "uses", "tool": TOOL, "base": base.sha256, "least": _LEAST, "packages": packages}
    return table_of(parts, base.pattern, provenance)


def table_of_words(uses: Mapping[str, Uses], pattern: str, packages: str) -> CountsTable:
    """Return the pretokens of all languages that stand in many packages, as often as they stand in 100 MB.

    Args:
        uses: of each language; its rows are added up.
        pattern: the split pattern that cut them.
        packages: sha256 of the names of the packages, for the provenance.
    """
    all_shares = sum(each.bytes**0.25 for each in uses.values())
    parts = []
    for each in uses.values():
        rows = added_rows(each.of_pretokens)
        n_bytes = _WORDS_BYTES * each.bytes**0.25 / all_shares
        # Still in millionths, so that what is rare in each of eight languages is not rounded away before they are added up.
        parts.append(replace(rows, counts=np.rint(rows.counts * (n_bytes / each.roots)).astype(np.int64)))
    rows = added_rows(parts)
    counts = (rows.counts + _PARTS // 2) // _PARTS
    kept = np.flatnonzero((rows.documents >= _LEAST_PACKAGES) & (counts > 0))
    rows = gathered(rows.data, rows.starts, counts, rows.documents, kept)
    characters = round(
        _WORDS_BYTES * sum(each.characters for each in uses.values()) / sum(each.bytes for each in uses.values())
    )
    totals = Slice("packages", "words", sum(each.packages for each in uses.values()), characters, _WORDS_BYTES)
    provenance = {"step": "words", "tool": TOOL, "least": _LEAST_PACKAGES, "packages": packages}
    return table_of([SliceCounts(totals, rows)], pattern, provenance)


def _windows(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield 100 bytes from each start of a line."""
    for text in texts:
        for line in re.finditer(rb"(?m)^", text):
            window = text[line.start() : line.start() + _WINDOW]
            if len(window) == _WINDOW and len(set(window)) >= _LEAST_KINDS:
                yield window


def _count(packages: list[Path], windows: frozenset[bytes], base: Vocabulary) -> dict[str, Uses]:
    """Return the uses of each language; files are read by processes, and counted in the order of the packages."""
    seen: set[bytes] = set()
    uses: dict[str, Uses] = defaultdict(Uses)
    with Pool(initializer=_keep, initargs=(windows,)) as pool:
        for files in pool.imap(_code_of, packages):
            texts: dict[str, list[str]] = defaultdict(list)
            for language, text in files:
                digest = hashlib.sha1(" ".join(text.split()).encode(), usedforsecurity=False).digest()
                if digest not in seen:
                    seen.add(digest)
                    texts[language].append(text)
            for language, found in texts.items():
                uses[language].add(found, base)
    return uses


_forbidden: frozenset[bytes] = frozenset()


def _keep(windows: frozenset[bytes]) -> None:
    global _forbidden  # noqa: PLW0603 - handed to each worker once, not with each package
    _forbidden = windows


def _code_of(package: Path) -> list[tuple[str, str]]:
    """Return language and text of the files of a package that are counted."""
    taken: dict[str, int] = defaultdict(int)
    found = []
    for name, data in sorted(_members(package), key=lambda member: hashlib.sha256(member[0].encode()).digest()):
        language = _LANGUAGES[PurePosixPath(name).suffix.lower()]
        has_room = taken[language] + len(data) <= _MOST_OF_A_PACKAGE
        if has_room and (text := _written(data)) and not (_forbidden and _forbidden.intersection(_windows([data]))):
            taken[language] += len(data)
            found.append((language, text))
    return found


def _members(package: Path) -> list[tuple[str, bytes]]:
    """Return the files of a package that are code by their names, and neither tiny nor huge."""
    if package.suffix == ".deb":
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as process:  # noqa: S607 - Debian has it
            return _members_of(tarfile.open(fileobj=process.stdout, mode="r|"))
    return _members_of(tarfile.open(package))


def _members_of(archive: tarfile.TarFile) -> list[tuple[str, bytes]]:
    found = []
    with archive:
        for member in archive:
            code = member.isfile() and PurePosixPath(member.name).suffix.lower() in _LANGUAGES
            if code and member.size in _FILE_BYTES and not _VENDORED.search(member.name.partition("/")[2]):
                file = archive.extractfile(member)
                found += [(member.name, file.read())] if file else []
    return found


def _written(data: bytes) -> str:
    """Return a file's text if a person wrote it: UTF-8, lines of a length that is read, no generator's mark; else nothing."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    has_lines = text.count("\n") * 200 >= len(text)
    return text if has_lines and "\0" not in text and not any(mark in text[:3000] for mark in _GENERATED) else ""


if __name__ == "__main__":
    main()
