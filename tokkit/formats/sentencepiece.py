r"""SentencePiece's `.model`: a foreign vocabulary when read, and the nearest thing to a vocabulary when written.

SentencePiece merges the adjacent pair whose concatenation is the piece with the highest score; with scores of minus the
rank that is tiktoken's rule. What it has not is the split pattern, and bytes: it starts from characters, and a character
without a piece becomes single bytes that never merge. So a written model has the vocabulary's ids, and is another
tokenizer where text has rare characters or where merges cross what the pattern would cut; how often, `tokkit export` says.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokkit.errors import FormatError, InputError
from tokkit.files import write_atomically
from tokkit.foreign import ForeignVocabulary
from tokkit.formats.sentencepiece_model import BPE, MODELS, SPACE, Kind, Model, Piece, Settings, parse, serialize
from tokkit.formats.sentinels import beginning_of_text, end_of_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tokkit.vocabulary import Vocabulary

_LARGEST = 1 << 28  # bytes of a file that is read: sixty times the largest that is published
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_BYTES = re.compile(r"(?:<0x[0-9A-F]{2}>){2,}")
_UNKNOWN = "<unk>"


@dataclass(frozen=True)
class Written:
    """What `model_of` could say of a vocabulary, and what not.

    Attributes:
        model: the model: piece i is id i, whatever could be said of it.
        partial: ids of tokens that are not whole characters; text never gives them there.
        marked: ids of tokens that hold U+2581, which SentencePiece takes for a space, or that are spelled as one of its
            own pieces.
        appended: how many pieces came after the vocabulary's last id, because no id was free for them.
    """

    model: Model
    partial: tuple[int, ...]
    marked: tuple[int, ...]
    appended: int


def load(path: str | Path) -> ForeignVocabulary:
    """Read a SentencePiece BPE model; it encodes through the package `sentencepiece`.

    Raises:
        FormatError: not a SentencePiece model, cut, or of another kind than BPE; names the place.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if path.stat().st_size > _LARGEST:
        raise FormatError(f"{path}: {path.stat().st_size:,} bytes, more than any SentencePiece model has")
    data = path.read_bytes()
    model = parse(data, str(path))
    if model.settings.model_type != BPE:
        kind = MODELS.get(model.settings.model_type, str(model.settings.model_type))
        raise FormatError(
            f"{path}: a SentencePiece {kind} model, which tokkit does not read",
            "read are BPE models, which merge; a Unigram model chooses among whole segmentations",
        )
    return foreign(model, data, path.stem if path.name != "tokenizer.model" else path.absolute().parent.name)


def foreign(model: Model, data: bytes, name: str) -> ForeignVocabulary:
    """Return a model as a foreign vocabulary.

    Args:
        model: the model; byte fallback is a setting of it.
        data: the bytes of the model file, which sentencepiece is to load.
        name: for tables.
    """
    tokens = tuple(_bytes_of(piece) for piece in model.pieces)
    named = (Kind.CONTROL, Kind.UNKNOWN, Kind.USER_DEFINED)
    special_tokens = {piece.text: index for index, piece in enumerate(model.pieces) if piece.kind in named}
    return ForeignVocabulary(
        name=name,
        semantics=_semantics(model.settings),
        tokens=tokens,
        special_tokens=special_tokens,
        sha256=hashlib.sha256(data).hexdigest(),
        breaks=_breaks(model, tokens),
        encode_texts=encoder(data, name),
        pieces=tuple(piece.text for piece in model.pieces),
        scores=tuple(piece.score for piece in model.pieces),
        kinds=tuple(int(piece.kind) for piece in model.pieces),
    )


def encoder(data: bytes, name: str) -> Callable[[Sequence[str]], list[list[int]]]:
    """Return a function that encodes texts with a model file's bytes; it loads sentencepiece when it is first called."""
    loaded: list[Any] = []

    def encode_texts(texts: Sequence[str]) -> list[list[int]]:
        if not loaded:
            loaded.append(_processor(data, name))
        return [list(ids) for ids in loaded[0].encode(list(texts))]

    return encode_texts


def _processor(data: bytes, name: str) -> Any:
    try:
        import sentencepiece  # noqa: PLC0415 - reading needs no package
    except ImportError:
        raise InputError(
            f"{name} is encoded by the package sentencepiece, which is not installed", "pip install 'tokkit[formats]'"
        ) from None
    if hasattr(
        sentencepiece, "set_min_log_level"
    ):  # it would write of pieces that it does not use to stderr, which is ours
        sentencepiece.set_min_log_level(2)
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=data)
    except (RuntimeError, ValueError) as error:
        raise FormatError(f"sentencepiece cannot load {name}: {error}") from None


def _bytes_of(piece: Piece) -> bytes:
    if piece.kind == Kind.BYTE:
        byte = _BYTE.fullmatch(piece.text)
        return bytes([int(byte[1], 16)]) if byte else b""
    if piece.kind in (Kind.CONTROL, Kind.UNKNOWN, Kind.UNUSED):
        return b""
    return piece.text.replace(SPACE, " ").encode()


def _semantics(settings: Settings) -> str:
    parts = ["merges by score of the piece" if settings.escape_spaces else "merges by score of the piece, spaces kept"]
    parts.append("▁ for spaces" if settings.escape_spaces else "no ▁")
    parts.append("byte fallback" if settings.byte_fallback else "no byte fallback")
    if settings.dummy_prefix:
        parts.append("a space put before each text")
    if settings.remove_extra_spaces:
        parts.append("repeated spaces removed")
    if settings.characters_map:
        parts.append(f"normalized by {settings.normalizer or 'rules of its own'}")
    return f"SentencePiece BPE: {', '.join(parts)}; no split pattern"


def _breaks(model: Model, tokens: Sequence[bytes]) -> tuple[str, ...]:
    """Return which laws of rank merges a model breaks, each with its first offender."""
    pieces = model.pieces
    normal = [index for index, piece in enumerate(pieces) if piece.kind == Kind.NORMAL]
    lines = ["no split pattern: merges may cross any border in a text"]
    late = next((b for a, b in pairwise(normal) if pieces[b].score >= pieces[a].score), None)
    if late is not None:
        lines.append(
            f"ids are not ranks: piece {late} {pieces[late].text!r} has score {pieces[late].score:g}, "
            "not below that of the piece before it"
        )
    first: dict[bytes, int] = {}
    twice = next((i for i, token in enumerate(tokens) if token and first.setdefault(token, i) != i), None)
    if twice is not None:
        lines.append(f"bytes that come twice: id {twice} has those of id {first[tokens[twice]]}")
    fallback = next((i for i, piece in enumerate(pieces) if piece.kind == Kind.BYTE), None)
    if fallback is not None:
        lines.append(
            f"bytes never merge: {pieces[fallback].text}, id {fallback}, is only a way out of characters without a piece"
        )
    below = next((i for i, piece in enumerate(pieces) if piece.kind in (Kind.CONTROL, Kind.UNKNOWN)), None)
    if below is not None and normal and below < normal[-1]:
        lines.append(f"special tokens below mergeable ones: {pieces[below].text!r} has id {below}")
    typed = next((i for i, piece in enumerate(pieces) if piece.kind == Kind.USER_DEFINED), None)
    if typed is not None:
        lines.append(
            f"text gives special tokens: {pieces[typed].text!r}, id {typed}, is taken whole wherever it stands"
        )
    if model.settings.dummy_prefix or model.settings.remove_extra_spaces or model.settings.characters_map:
        lines.append("text is changed before it is encoded, and does not come back")
    return tuple(lines)


def model_of(vocabulary: Vocabulary) -> Written:
    """Return a vocabulary as a SentencePiece model in which every id stays what it is.

    Tokens that are whole characters become normal pieces with a score of minus their rank. Each byte that is no character
    becomes the fallback piece of that byte, at its own id. The other fallback pieces, and the unknown piece that the
    format demands, take ids that have no piece of their own: tokens of partial characters, and holes; where these are too
    few, ids after the last. Special tokens and spares are control pieces: text never gives them.

    Raises:
        FormatError: a special token is spelled as a fallback piece.
    """
    taken = {_UNKNOWN, *(f"<0x{byte:02X}>" for byte in range(256)), *vocabulary.special_tokens}
    pieces, partial, marked = _token_pieces(vocabulary, taken)
    for name, token_id in vocabulary.special_tokens.items():
        if _BYTE.fullmatch(name):
            raise FormatError(f"special token {name!r} has the name of a SentencePiece byte", "tokkit rename")
        pieces[token_id] = Piece(name, kind=Kind.UNKNOWN if name == _UNKNOWN else Kind.CONTROL)
    held = {piece.text for piece in pieces.values() if piece.kind == Kind.BYTE}
    wanted = [Piece(f"<0x{byte:02X}>", kind=Kind.BYTE) for byte in range(256) if f"<0x{byte:02X}>" not in held]
    if _UNKNOWN not in vocabulary.special_tokens:
        wanted.append(Piece(_UNKNOWN, kind=Kind.UNKNOWN))
    free = (token_id for token_id in range(vocabulary.n_vocab + len(wanted)) if token_id not in pieces)
    pieces |= dict(zip(free, wanted, strict=False))
    size = max(vocabulary.n_vocab, 1 + max(pieces))
    for token_id in range(size):
        if token_id not in pieces:
            pieces[token_id] = _unused(vocabulary, token_id, taken)
    return Written(
        Model(tuple(pieces[token_id] for token_id in range(size)), _settings(vocabulary.special_tokens)),
        tuple(partial),
        tuple(marked),
        size - vocabulary.n_vocab,
    )


def _token_pieces(vocabulary: Vocabulary, taken: Collection[str]) -> tuple[dict[int, Piece], list[int], list[int]]:
    """Return the pieces of the tokens that have one, the ids of partial characters, and those of what cannot be spelled."""
    pieces: dict[int, Piece] = {}
    partial: list[int] = []
    marked: list[int] = []
    for token, rank in vocabulary.ranks.items():
        text = _text_of(token)
        if len(token) == 1 and (text is None or token == b"\0"):  # sentencepiece does not use a piece of NUL alone
            pieces[rank] = Piece(f"<0x{token[0]:02X}>", kind=Kind.BYTE)
        elif text is None:
            partial.append(rank)
        elif SPACE in text or text in taken:
            marked.append(rank)
        else:
            pieces[rank] = Piece(text.replace(" ", SPACE), -float(rank))
    return pieces, partial, marked


def _unused(vocabulary: Vocabulary, token_id: int, taken: Collection[str]) -> Piece:
    """Return a piece for an id that text cannot give: its bytes spelled out, so that eyes see what it is in the vocabulary."""
    token = vocabulary.tokens[token_id] if token_id < len(vocabulary.tokens) else b""
    spelled = "".join(f"<0x{byte:02X}>" for byte in token) or f"<|hole_{token_id}|>"
    return Piece(spelled if spelled not in taken else f"<|unused_{token_id}|>", kind=Kind.UNUSED)


def _text_of(token: bytes) -> str | None:
    try:
        return token.decode()
    except UnicodeDecodeError:
        return None


def _settings(special_tokens: Mapping[str, int]) -> Settings:
    return Settings(
        model_type=BPE,
        byte_fallback=True,
        unknown=_UNKNOWN,
        beginning=beginning_of_text(special_tokens) or "<s>",
        end=end_of_text(special_tokens) or "</s>",
        normalizer="identity",
        dummy_prefix=False,
        remove_extra_spaces=False,
    )


def save(vocabulary: Vocabulary, path: str | Path) -> Written:
    """Write a vocabulary as a SentencePiece model, and return what could not be said.

    Raises:
        FormatError: see `model_of`.
        OSError: the folder cannot be written, or the disk is full.
    """
    written = model_of(vocabulary)
    write_atomically(path, serialize(written.model))
    return written
