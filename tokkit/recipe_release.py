"""The release directory: every file of a build, the manifest that names them all by sha256, and the card for people."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tokkit
from tokkit.errors import FormatError, InputError, LawError
from tokkit.files import json_bytes, read_json, write_atomically
from tokkit.formats.tiktoken import sidecar
from tokkit.recipe import portable
from tokkit.recipe_card import card
from tokkit.vocabulary import rank_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokkit.recipe_build import Build

FORMAT = "tokkit-release"
VERSION = 1
MANIFEST = "manifest.json"
UNFINISHED = ".unfinished-tokkit-release"


def files(build: Build) -> dict[str, bytes]:
    """Return the bytes of every file of a release by its name, the manifest last.

    Raises:
        LawError: the vocabulary breaks a law.
    """
    if build.report is None or build.broken:
        broken = ", ".join(finding.law for finding in build.broken)
        raise LawError(f"{build.recipe.name} is not released: it breaks {broken}", "see the findings of the build")
    name = build.recipe.name
    ranks = rank_lines(build.vocabulary.tokens)
    released = {
        f"{name}.tiktoken": ranks,
        f"{name}.json": json_bytes(sidecar(build.vocabulary, ranks)),
        **build.tokenizer,
        "report.json": json_bytes(build.report.document()),
        **build.pages,
        "README.md": card(build).encode(),
    }
    return released | {MANIFEST: json_bytes(_manifest(build, released))}


def write(build: Build, folder: str | Path) -> dict[str, bytes]:
    """Write a release directory and return its files.

    Each file is written atomically and only where it changed, the manifest last; files of an earlier release that are not
    in this one are removed. An interrupted run leaves a folder without a manifest, which the next run finishes.

    Raises:
        InputError: the folder holds something else; nothing is written.
        LawError: see `files`.
        OSError: it cannot be written.
    """
    folder = Path(folder)
    released = files(build)
    earlier = _earlier_files(folder)
    changed = {name: data for name, data in released.items() if not _holds(folder / name, data)}
    stale = [name for name in earlier if name not in released]
    if not changed and not stale:
        return released
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / UNFINISHED, b"")
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    for name, data in (changed | {MANIFEST: released[MANIFEST]}).items():
        write_atomically(folder / name, data)
    (folder / UNFINISHED).unlink()
    return released


def require_release_folder(folder: str | Path) -> None:
    """Refuse a folder that holds something else than a release, before any work is done for it.

    Raises:
        InputError: it is a file, or has files and no manifest of a release.
    """
    _earlier_files(Path(folder))


def _manifest(build: Build, released: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "tool": tokkit.TOOL,
        "name": build.recipe.name,
        "n_vocab": build.vocabulary.n_vocab,
        "arithmetic": build.arithmetic,
        "recipe": portable(build.recipe),
        "inputs": [vars(each) for each in build.inputs],
        "files": [
            {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(released.items())
        ],
    }


def _earlier_files(folder: Path) -> list[str]:
    """Return the names of the files of the release that a folder holds; none where it is missing, empty or unfinished."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"cannot write the release to {folder}: it is a file", "name a folder")
    if not folder.is_dir() or not any(folder.iterdir()) or (folder / UNFINISHED).exists():
        return []
    manifest: Any = None
    if (folder / MANIFEST).is_file():
        try:
            manifest = read_json(folder / MANIFEST)
        except FormatError:
            manifest = None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(
            f"cannot write the release to {folder}: it holds other files, and no manifest of a release",
            "name a new folder, or an earlier release",
        )
    names = [each["name"] for each in manifest.get("files", []) if isinstance(each, dict) and "name" in each]
    return [name for name in names if isinstance(name, str) and Path(name).name == name]


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False
