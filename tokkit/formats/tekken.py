"""Mistral's tekken.json: ranks with their bytes in base64, special tokens first, the split pattern in its `config`.

Ids are the runtime's: `default_num_special_tokens` special tokens from 0 on, then the ranks. Of the ranks count only as many as
`default_vocab_size` leaves room for; the file has more. As mistral-common does, special tokens that the file does not name are
called `<SPECIAL_17>` by their ids, and a file before version 11 without any has the twenty that it had then.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokkit.errors import FormatError
from tokkit.files import read_json, sha256_of
from tokkit.vocabulary import Segment, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

TEKKEN = "tekken.json"
LARGEST = 1 << 24
# As in mistral_common/tokens/tokenizers/tekken.py of mistral-common 1.8; tests/test_tekken.py compares.
EARLY_SPECIAL_TOKENS = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]"),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)
_EARLY_VERSIONS = ("v1", "v2", "v3", "v7")


def load(path: str | Path) -> Vocabulary:
    """Read a tekken.json, or the one in a folder; the ids of special tokens are holes among its tokens.

    Raises:
        FormatError: a field is missing or of another kind, or ranks and sizes do not add up; names the entry.
        OSError: the file cannot be read.
    """
    path = Path(path)
    file = path / TEKKEN if path.is_dir() else path
    fields = read_json(file)
    config = fields.get("config") if isinstance(fields, dict) else None
    if not isinstance(config, dict) or not isinstance(fields.get("vocab"), list):
        raise FormatError(f"{file}: not a tekken.json: it has no object `config` and list `vocab`")
    if not isinstance(config.get("pattern"), str):
        raise FormatError(f"{file}: `config.pattern` is {config.get('pattern')!r:.40}, expected a regular expression")
    n_vocab, n_special = (_number(config, key, file) for key in ("default_vocab_size", "default_num_special_tokens"))
    n_ranks = n_vocab - n_special
    if not 256 <= n_ranks <= len(fields["vocab"]):
        raise FormatError(
            f"{file}: {n_vocab} ids and {n_special} special tokens leave {n_ranks} ranks, and `vocab` has "
            f"{len(fields['vocab'])}",
            "is the file whole?",
        )
    special_tokens = _special_tokens(fields, config, n_special, file)
    name = path.name if path.is_dir() else file.stem
    return Vocabulary(
        name=name or "tekken",
        pattern=config["pattern"],
        tokens=(*[b""] * n_special, *_ranks(fields["vocab"][:n_ranks], file)),
        special_tokens=special_tokens,
        segments=(Segment("special", 0, n_special), Segment("prefix", n_special, n_vocab)),
        provenance=({"step": "file", "name": name, "file_sha256": sha256_of(file)},),
    )


def _number(config: Mapping[str, Any], key: str, file: Path) -> int:
    value = config.get(key)
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise FormatError(f"{file}: `config.{key}` is {value!r:.40}, expected a number from 0 to {LARGEST:,}")
    return value


def _ranks(entries: list[Any], file: Path) -> list[bytes]:
    tokens: list[bytes] = []
    ranks: dict[bytes, int] = {}
    for index, entry in enumerate(entries):
        encoded = entry.get("token_bytes") if isinstance(entry, dict) else None
        if not isinstance(encoded, str) or entry.get("rank") != index:
            raise FormatError(f"{file}: entry {index} of `vocab` is not rank {index} with its bytes: {str(entry)[:60]}")
        try:
            token = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise FormatError(f"{file}: rank {index}: not base64: {encoded[:40]!r}") from None
        if not token or (index < 256 and token != bytes([index])):
            raise FormatError(f"{file}: rank {index} is {token!r:.40}; the first 256 are the bytes, and none is empty")
        if token in ranks:
            raise FormatError(f"{file}: rank {index}: token {token!r:.40} has rank {ranks[token]} already")
        ranks[token] = index
        tokens.append(token)
    return tokens


def _special_tokens(fields: Mapping[str, Any], config: Mapping[str, Any], n_special: int, file: Path) -> dict[str, int]:
    entries = fields.get("special_tokens")
    if entries is None and config.get("version") in _EARLY_VERSIONS:
        entries = [{"rank": rank, "token_str": name} for rank, name in enumerate(EARLY_SPECIAL_TOKENS)]
    if not isinstance(entries, list) or len(entries) > n_special:
        found = f"{len(entries)}" if isinstance(entries, list) else f"{entries!r:.40}"
        raise FormatError(
            f"{file}: version {config.get('version')!r} with special tokens {found}, expected a list of at most {n_special}"
        )
    by_id: dict[int, str] = {}
    for number, entry in enumerate(entries):
        rank = entry.get("rank") if isinstance(entry, dict) else None
        if type(rank) is not int or not isinstance(entry.get("token_str"), str) or not entry["token_str"]:
            raise FormatError(f"{file}: special token {number} has no rank and name: {str(entry)[:60]}")
        if rank != number:  # what the file does not name is numbered on from there
            raise FormatError(f"{file}: special token {number} has rank {rank}: they are not in the order of ids")
        by_id[rank] = entry["token_str"]
    by_id |= {rank: f"<SPECIAL_{rank}>" for rank in range(len(entries), n_special)}
    names = {name: rank for rank, name in by_id.items()}
    if len(names) < n_special:
        twice = next(name for rank, name in by_id.items() if names[name] != rank)
        raise FormatError(f"{file}: special token {twice!r} comes twice")
    return names
