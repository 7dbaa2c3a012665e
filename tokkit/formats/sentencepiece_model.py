"""SentencePiece's model file as values: pieces with scores and kinds, and the few settings that decide how it encodes.

The file is a protocol buffer. It is read and written here, with a check at every length; the package `sentencepiece` is
asked only to encode (`tokkit.formats.sentencepiece`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from tokkit.errors import FormatError
from tokkit.formats import protobuf

SPACE = "▁"  # how pieces spell a space
MOST_PIECES = 1 << 22
MODELS = {1: "Unigram", 2: "BPE", 3: "Word", 4: "Char"}
BPE = 2
_WIRE = {str: protobuf.BYTES, float: protobuf.FIXED32, int: protobuf.VARINT, bool: protobuf.VARINT}


class Kind(IntEnum):
    """What a piece is; GGUF uses the same numbers."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class Piece:
    """One id of a model: its text, its score (merges with higher scores come first) and its kind."""

    text: str
    score: float = 0.0
    kind: int = Kind.NORMAL


@dataclass(frozen=True)
class Settings:
    """What a model file says besides its pieces, as far as encoding depends on it; the defaults are those of the format."""

    model_type: int = 1
    byte_fallback: bool = False
    unknown: str = "<unk>"
    beginning: str = "<s>"
    end: str = "</s>"
    padding: str = "<pad>"
    normalizer: str = ""
    characters_map: int = 0  # bytes of compiled normalization rules
    dummy_prefix: bool = True
    remove_extra_spaces: bool = True
    escape_spaces: bool = True
    spaces_as_suffix: bool = False


@dataclass(frozen=True)
class Model:
    """A model file: its pieces by id, and its settings."""

    pieces: tuple[Piece, ...]
    settings: Settings


# field number -> attribute of Settings and its type
_TRAINER: dict[int, tuple[str, type]] = {
    3: ("model_type", int),
    24: ("spaces_as_suffix", bool),
    35: ("byte_fallback", bool),
    45: ("unknown", str),
    46: ("beginning", str),
    47: ("end", str),
    48: ("padding", str),
}
_NORMALIZER: dict[int, tuple[str, type]] = {
    1: ("normalizer", str),
    3: ("dummy_prefix", bool),
    4: ("remove_extra_spaces", bool),
    5: ("escape_spaces", bool),
}


def parse(data: bytes, source: str) -> Model:
    """Return the pieces and settings of a model file's bytes.

    Raises:
        FormatError: not a protocol buffer, not one of SentencePiece, or cut; names the byte, or the piece.
    """
    pieces: list[Piece] = []
    settings = Settings()
    for number, wire, first, last in protobuf.fields(data, 0, len(data), source):
        if number in (1, 2, 3) and wire != protobuf.BYTES:
            raise FormatError(f"{source}: not a SentencePiece model: field {number} is no message")
        if number == 1:
            pieces.append(_piece(data, first, last, f"{source}: piece {len(pieces)}"))
            if len(pieces) > MOST_PIECES:
                raise FormatError(f"{source}: more than {MOST_PIECES:,} pieces")
        elif number == 2:
            settings = _with_fields(settings, _TRAINER, data, first, last, f"{source}: trainer_spec")
        elif number == 3:
            settings = _with_fields(settings, _NORMALIZER, data, first, last, f"{source}: normalizer_spec")
    if not pieces:
        raise FormatError(f"{source}: not a SentencePiece model: no pieces in it")
    return Model(tuple(pieces), settings)


def _piece(data: bytes, start: int, stop: int, source: str) -> Piece:
    values: dict[int, Any] = {}
    for number, wire, first, last in protobuf.fields(data, start, stop, source):
        if (number, wire) not in ((1, protobuf.BYTES), (2, protobuf.FIXED32), (3, protobuf.VARINT)):
            if number > 3:
                continue
            raise FormatError(f"{source} is none of SentencePiece: field {number} has wire type {wire}")
        if wire == protobuf.BYTES:
            values[number] = _text(data[first:last], source)
        else:
            values[number] = first if wire == protobuf.VARINT else struct.unpack_from("<f", data, first)[0]
    kind = values.get(3, Kind.NORMAL)
    if not values.get(1):
        raise FormatError(f"{source} has no text", "is it a SentencePiece model?")
    if kind not in Kind.__members__.values():
        raise FormatError(f"{source}: {values[1]!r} is of kind {kind}, which SentencePiece does not know")
    return Piece(values[1], values.get(2, 0.0), kind)


def _with_fields(
    settings: Settings, known: dict[int, tuple[str, type]], data: bytes, start: int, stop: int, source: str
) -> Settings:
    changes: dict[str, Any] = {}
    for number, wire, first, last in protobuf.fields(data, start, stop, source):
        if known is _NORMALIZER and number == 2:
            changes["characters_map"] = last - first
        if number not in known:
            continue
        name, kind = known[number]
        if wire != _WIRE[kind]:
            raise FormatError(f"{source}: {name} has wire type {wire}")
        changes[name] = _text(data[first:last], source) if kind is str else kind(first)
    return replace(settings, **changes)


def _text(data: bytes, source: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"{source}: not UTF-8: {data[:40]!r}: {error.reason}") from None


def serialize(model: Model) -> bytes:
    """Return the bytes of a model file: `parse` gives the same model, but for compiled normalization rules."""
    out = bytearray()
    for piece in model.pieces:
        body = protobuf.field(1, piece.text) + protobuf.field(2, piece.score)
        if piece.kind != Kind.NORMAL:
            body += protobuf.field(3, int(piece.kind))
        out += protobuf.field(1, body)
    ids = {piece.text: index for index, piece in enumerate(model.pieces) if piece.kind in (Kind.CONTROL, Kind.UNKNOWN)}
    settings = model.settings
    trainer = {number: getattr(settings, name) for number, (name, _) in _TRAINER.items()}
    trainer[4] = len(model.pieces)
    sentinels = (settings.unknown, settings.beginning, settings.end, settings.padding)
    trainer |= {40 + index: ids.get(name, -1) for index, name in enumerate(sentinels)}
    normalizer = {number: getattr(settings, name) for number, (name, _) in _NORMALIZER.items()}
    for number, values in ((2, trainer), (3, normalizer)):
        out += protobuf.field(number, b"".join(protobuf.field(index, values[index]) for index in sorted(values)))
    return bytes(out)
