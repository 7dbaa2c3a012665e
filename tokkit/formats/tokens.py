r"""Learned tokens, `NAME.tokens`: one token a line, in the order of their ranks: as they were learned, or reordered since.

The first line is `# ` and a JSON object: format, version, the sha256 of the base that the tokens continue, its pattern,
and the options of the learner. Each further line has four columns with tabs between them: base64 of the token's bytes,
its count, the distinct pretokens it was found in, and its text for eyes (`tokkit.display.show`). Only three are read.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokkit.display import show
from tokkit.errors import FormatError
from tokkit.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokkit.learn import LearnedTokens

FORMAT = "tokkit-tokens"
VERSION = 1


def tokens_bytes(learned: LearnedTokens) -> bytes:
    """Return the bytes of the file that `save` writes."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "base_sha256": learned.base_sha256,
        "pattern": learned.pattern,
        "options": dict(learned.options),
    }
    lines = [f"# {json.dumps(header, ensure_ascii=False, allow_nan=False)}\n"]
    for token, count, pretokens in zip(learned.tokens, learned.counts, learned.pretokens, strict=True):
        lines.append(f"{base64.b64encode(token).decode()}\t{count}\t{pretokens}\t{show(token)}\n")
    return "".join(lines).encode()


def save(learned: LearnedTokens, path: str | Path) -> None:
    """Write learned tokens atomically.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    write_atomically(path, tokens_bytes(learned))


def load(path: str | Path) -> LearnedTokens:
    """Read learned tokens.

    Raises:
        FormatError: the header or a line breaks the format, or the file is cut; names the line.
        OSError: the file cannot be read.
    """
    from tokkit.learn import LearnedTokens  # noqa: PLC0415 - a format knows the value, and loads its room only to make one

    first, newline, body = Path(path).read_bytes().partition(b"\n")
    header = _header(first, path)
    if not newline or (body and not body.endswith(b"\n")):
        number = 1 + body.count(b"\n") + bool(body)
        raise FormatError(f"{path}: line {number} has no end, the file looks truncated", "copy or learn it again")
    rows = [_row(line, number, path) for number, line in enumerate(body.split(b"\n")[:-1], 2)]
    lines_of: dict[bytes, int] = {}
    for number, (token, _, _) in enumerate(rows, 2):
        if lines_of.setdefault(token, number) != number:
            raise FormatError(f"{path}: line {number}: token {show(token)} is on line {lines_of[token]} already")
    return LearnedTokens(
        tokens=tuple(token for token, _, _ in rows),
        counts=tuple(count for _, count, _ in rows),
        pretokens=tuple(pretokens for _, _, pretokens in rows),
        base_sha256=header["base_sha256"],
        pattern=header["pattern"],
        options=header["options"],
    )


def _header(line: bytes, path: str | Path) -> Mapping[str, Any]:
    hint = "a .tokens file comes from `tokkit learn`; a plain list of words needs no header, and another ending"
    try:
        header = json.loads(line.removeprefix(b"# ").decode()) if line.startswith(b"# ") else None
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise FormatError(f"{path}: line 1 is not the header of a {FORMAT} file: {line[:60]!r}", hint)
    if header.get("version") != VERSION:
        raise FormatError(
            f"{path}: version {header.get('version')!r}, this tokkit reads version {VERSION}", "install a newer tokkit"
        )
    for key, kind in (("base_sha256", str), ("pattern", str), ("options", dict)):
        if not isinstance(header.get(key), kind):
            raise FormatError(f"{path}: line 1: field {key!r} is missing or no {kind.__name__}", hint)
    return header


def _row(line: bytes, number: int, path: str | Path) -> tuple[bytes, int, int]:
    columns = line.split(b"\t", 3)
    try:
        token = base64.b64decode(columns[0], validate=True)
        count, pretokens = int(columns[1]), int(columns[2])
    except (ValueError, IndexError):
        token, count, pretokens = b"", 0, 0
    if not token or count < 0 or pretokens < 0:
        raise FormatError(
            f"{path}: line {number} is not a token, its count and its pretokens: {line[:60]!r}",
            "columns are base64, count, distinct pretokens and text, with tabs between them",
        )
    return token, count, pretokens
