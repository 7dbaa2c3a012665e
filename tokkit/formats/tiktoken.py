"""tiktoken's rank file, `NAME.tiktoken`, with the sidecar `NAME.json` that holds what a rank file cannot say.

The rank file has one token a line: base64 of its bytes, a space, its rank. The sidecar carries format version, pattern,
special tokens, segments, provenance, and the rank file's sha256: a pair that does not belong together is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokkit.errors import FormatError, MismatchError
from tokkit.files import json_bytes, read_json, write_atomically
from tokkit.vocabulary import Segment, Vocabulary, parse_rank_lines, rank_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "tokkit-vocabulary"
VERSION = 1
_KEYS = ("format", "version", "name", "pattern", "n_vocab", "special_tokens", "segments", "rank_file", "provenance")


def sidecar_of(path: str | Path) -> Path:
    """Return the path of a rank file's sidecar: `NAME.json` beside `NAME.tiktoken`.

    Example:
        >>> sidecar_of("build/zh.v2.tiktoken").name, sidecar_of("ranks.bpe").name
        ('zh.v2.json', 'ranks.bpe.json')
    """
    path = Path(path)
    return path.with_suffix(".json") if path.suffix == ".tiktoken" else path.with_name(path.name + ".json")


def sidecar(vocabulary: Vocabulary, rank_file: bytes) -> dict[str, Any]:
    """Return the sidecar's JSON object for a vocabulary whose rank file has the bytes `rank_file`."""
    by_id = sorted(vocabulary.special_tokens.items(), key=lambda item: item[1])
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": vocabulary.name,
        "pattern": vocabulary.pattern,
        "n_vocab": vocabulary.n_vocab,
        "special_tokens": dict(by_id),
        "segments": [{"name": part.name, "start": part.start, "stop": part.stop} for part in vocabulary.segments],
        "rank_file": {"sha256": hashlib.sha256(rank_file).hexdigest(), "n_ranks": vocabulary.n_ranks},
        "provenance": [dict(step) for step in vocabulary.provenance],
    }


def save(vocabulary: Vocabulary, path: str | Path) -> None:
    """Write a vocabulary as the rank file `path` and the sidecar beside it, each atomically.

    The rank file goes first: a run that is interrupted between the two leaves a sidecar whose sha256 does not match
    (or none), which `load` refuses, and never a pair that looks right and is not.

    Raises:
        FormatError: `path` does not end in `.tiktoken`, or the file in the sidecar's place is something else.
        OSError: the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    if path.suffix != ".tiktoken":
        raise FormatError(f"a vocabulary's rank file ends in .tiktoken: {path}", f"write to {path}.tiktoken")
    beside = sidecar_of(path)
    if beside.exists() and not _is_sidecar(beside):
        raise FormatError(
            f"{beside} exists and is no sidecar: writing {path.name} would overwrite it",
            "choose another name, or remove the file",
        )
    data = rank_lines(vocabulary.tokens)
    text = json_bytes(sidecar(vocabulary, data))
    write_atomically(path, data)
    write_atomically(beside, text)


def load(path: str | Path, pattern: str | None = None) -> Vocabulary:
    """Read a vocabulary from a rank file and its sidecar, or from a rank file alone with `pattern`.

    Raises:
        FormatError: a line or a field breaks the format, or there is no sidecar and no pattern; names file and place.
        MismatchError: the sidecar belongs to another rank file, or `pattern` is not the sidecar's.
        OSError: a file cannot be read.
    """
    path = Path(path)
    data = path.read_bytes()
    beside = sidecar_of(path)
    if beside.exists():
        return _load_pair(path, data, beside, pattern)
    if pattern is None:
        raise FormatError(
            f"{path} has no sidecar {beside.name} and no pattern was given",
            "a rank file does not carry its split pattern, and it is never guessed: pass --pattern, "
            "a regular expression or the name of a known base such as cl100k_base",
        )
    _check_complete(data, path)
    digest = hashlib.sha256(data).hexdigest()
    vocabulary = Vocabulary(path.stem, pattern, parse_rank_lines(data, str(path)))
    # Lines may stand in any order; ranks are named by the sha256 of the file that has them in theirs.
    step = {"step": "file", "name": path.stem, "sha256": vocabulary.sha256}
    step |= {"file_sha256": digest} if digest != vocabulary.sha256 else {}
    return replace(vocabulary, provenance=(step,))


def _is_sidecar(path: Path) -> bool:
    try:
        fields = read_json(path)
    except FormatError:
        return False
    return isinstance(fields, dict) and fields.get("format") == FORMAT


def _load_pair(path: Path, data: bytes, beside: Path, pattern: str | None) -> Vocabulary:
    fields = read_json(beside)
    check_sidecar(fields, beside)
    digest = hashlib.sha256(data).hexdigest()
    expected = fields["rank_file"]["sha256"]
    if digest != expected:
        raise MismatchError(
            f"{beside} belongs to another rank file: {path.name} has sha256 {digest}, the sidecar names {expected}",
            "write the pair anew; an interrupted run or a copy of one of the two files leaves such a pair",
        )
    if pattern not in (None, fields["pattern"]):
        raise MismatchError(
            f"the pattern given is not that of {beside}: {pattern!r} against {fields['pattern']!r}",
            "leave the pattern out: the sidecar carries it",
        )
    _check_complete(data, path)
    vocabulary = recorded(fields, parse_rank_lines(data, str(path)), dict(fields["special_tokens"]))
    _check_ids(vocabulary, fields, beside)
    return vocabulary


def recorded(fields: Mapping[str, Any], tokens: tuple[bytes, ...], special_tokens: Mapping[str, int]) -> Vocabulary:
    """Return the vocabulary of these tokens with the name, pattern, segments and provenance of a checked sidecar."""
    return Vocabulary(
        name=fields["name"],
        pattern=fields["pattern"],
        tokens=tokens,
        special_tokens=special_tokens,
        segments=tuple(Segment(part["name"], part["start"], part["stop"]) for part in fields["segments"]),
        provenance=tuple(fields["provenance"]),
    )


def _check_complete(data: bytes, path: Path) -> None:
    """Refuse a file that was cut: every rank file ends its last line."""
    if data and not data.endswith(b"\n"):
        line = data.count(b"\n") + 1
        last = data.rpartition(b"\n")[2][:60].decode("utf-8", "backslashreplace")
        raise FormatError(f"{path}: line {line} has no end, the file looks truncated: {last!r}", "copy the file again")


def check_sidecar(fields: Any, beside: Path) -> None:
    """Raise FormatError where the fields of a sidecar are not what the format says."""
    hint = "is this the sidecar of the rank file? tokkit writes it beside each vocabulary"
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        found = fields.get("format") if isinstance(fields, dict) else type(fields).__name__
        raise FormatError(f"{beside}: format is {found!r}, expected {FORMAT!r}", hint)
    if fields.get("version") != VERSION:
        raise FormatError(
            f"{beside}: version {fields.get('version')!r}, this tokkit reads version {VERSION}",
            "install a newer tokkit",
        )
    for key in _KEYS:
        if key not in fields:
            raise FormatError(f"{beside}: no field {key!r}", hint)
    _check_kinds(fields, beside)


def _check_kinds(fields: Mapping[str, Any], beside: Path) -> None:
    for key, kind in (("name", str), ("pattern", str), ("n_vocab", int), ("special_tokens", dict), ("rank_file", dict)):
        if not isinstance(fields[key], kind):
            raise FormatError(f"{beside}: field {key!r} is {type(fields[key]).__name__}, expected {kind.__name__}")
    for key in ("segments", "provenance"):
        if not isinstance(fields[key], list) or not all(isinstance(part, dict) for part in fields[key]):
            raise FormatError(f"{beside}: field {key!r} is not a list of objects")
    for name, token_id in fields["special_tokens"].items():
        if type(token_id) is not int or token_id < 0 or not name:
            raise FormatError(f"{beside}: special token {name!r} has id {token_id!r}, expected a number from 0 up")
    _check_segments(fields["segments"], beside)
    if not isinstance(fields["rank_file"].get("sha256"), str):
        raise FormatError(f"{beside}: rank_file names no sha256")


def _check_segments(segments: list[Mapping[str, Any]], beside: Path) -> None:
    previous = 0
    for part in segments:
        start, stop = part.get("start"), part.get("stop")
        if not isinstance(part.get("name"), str) or type(start) is not int or type(stop) is not int:
            raise FormatError(f"{beside}: segment {dict(part)!r} has no name, start and stop")
        if not previous <= start <= stop:
            raise FormatError(
                f"{beside}: segment {part['name']!r} is {start} to {stop} after one that ends at {previous}"
            )
        previous = stop


def _check_ids(vocabulary: Vocabulary, fields: Mapping[str, Any], beside: Path) -> None:
    seen: dict[int, str] = {}
    for name, token_id in vocabulary.special_tokens.items():
        if token_id < len(vocabulary.tokens) and vocabulary.tokens[token_id]:
            raise FormatError(f"{beside}: special token {name!r} has id {token_id}, which is the rank of a token")
        if token_id in seen:
            raise FormatError(f"{beside}: special tokens {seen[token_id]!r} and {name!r} both have id {token_id}")
        seen[token_id] = name
    for what, found, expected in (
        ("n_vocab", vocabulary.n_vocab, fields["n_vocab"]),
        ("rank_file.n_ranks", vocabulary.n_ranks, fields["rank_file"].get("n_ranks")),
    ):
        if found != expected:
            raise FormatError(f"{beside}: {what} is {expected!r}, but the vocabulary has {found}")
    if vocabulary.segments and vocabulary.segments[-1].stop > vocabulary.n_vocab:
        last = vocabulary.segments[-1]
        raise FormatError(f"{beside}: segment {last.name!r} ends at {last.stop}, beyond n_vocab {vocabulary.n_vocab}")
