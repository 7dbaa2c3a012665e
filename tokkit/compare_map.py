"""The id map for embedding surgery: for every id of a new vocabulary, the ids of the old one that its row is made from."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit.compare import entries, special_names
from tokkit.encode import encode_arrays, encode_pieces, flatten
from tokkit.pretokenize import split_documents
from tokkit.unicode import text_of
from tokkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokkit.foreign import ForeignVocabulary

NONE, SAME, ENCODED, SPECIAL = range(4)
KIND_NAMES = ("none", "same bytes", "encoded", "special of the same name")


@dataclass(frozen=True)
class IdMap:
    """For every id of the new vocabulary, ids of the old one: those of id i are `ids[starts[i]:starts[i + 1]]`.

    Attributes:
        starts: int64[n_vocab + 1].
        ids: int32[starts[-1]].
        kinds: uint8[n_vocab]: 0 none (a hole, or a special token that the old one has not: no ids), 1 the same bytes
            (one id), 2 the ids that its bytes encode to, 3 the special token of the same name (one id).
        before_n_vocab: entries of the old vocabulary.
        before_sha256: its fingerprint.
        after_sha256: that of the new one.
    """

    starts: NDArray[np.int64]
    ids: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    before_n_vocab: int
    before_sha256: str
    after_sha256: str


def id_map(before: Vocabulary | ForeignVocabulary, after: Vocabulary | ForeignVocabulary) -> IdMap:
    r"""Return for every id of `after` the ids of `before` that it corresponds to.

    Raises:
        InputError: `before` refuses to encode.
        LawError: `before` lacks a single byte.

    Example:
        >>> letters = tuple(bytes([byte]) for byte in range(256))
        >>> one = Vocabulary("one", r"\S+|\s+", (*letters, b"ab"), {"<s>": 257})
        >>> two = Vocabulary("two", r"\S+|\s+", (*letters, b"bc", b"ab", b"abc"), {"</s>": 259, "<s>": 260})
        >>> found = id_map(one, two)
        >>> [found.ids[found.starts[i] : found.starts[i + 1]].tolist() for i in range(256, 261)]
        [[98, 99], [256], [256, 99], [], [257]]
        >>> found.kinds[256:].tolist()
        [2, 1, 2, 0, 3]
    """
    old = entries(before)
    rows: list[list[int]] = [[] for _ in range(after.n_vocab)]
    kinds = np.zeros(after.n_vocab, np.uint8)
    missing: list[tuple[int, bytes]] = []
    for key, token_id in _tokens(after):
        if key in old:
            rows[token_id], kinds[token_id] = [old[key]], SAME
        else:
            missing.append((token_id, bytes([key]) if isinstance(key, int) else key))
    for (token_id, _), ids in zip(missing, _encoded(before, [token for _, token in missing]), strict=True):
        rows[token_id], kinds[token_id] = ids, ENCODED if ids else NONE
    old_names = special_names(before)
    for name, token_id in special_names(after).items():
        if name in old_names:
            rows[token_id], kinds[token_id] = [old_names[name]], SPECIAL
    starts = np.zeros(after.n_vocab + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=starts[1:])
    ids_in_a_row = np.array([token_id for row in rows for token_id in row], np.int32)
    return IdMap(starts, ids_in_a_row, kinds, before.n_vocab, before.sha256, after.sha256)


def _tokens(vocabulary: Vocabulary | ForeignVocabulary) -> list[tuple[bytes | int, int]]:
    """Return bytes and id of every token, duplicates too; a byte fallback beside a token goes by its number."""
    found = list(entries(vocabulary).items())
    known = {token_id for _, token_id in found}
    return found + [
        (token, token_id)
        for token_id, token in enumerate(vocabulary.tokens)
        if token
        and token_id not in known
        and (isinstance(vocabulary, Vocabulary) or token_id not in vocabulary.special_ids)
    ]


def _encoded(vocabulary: Vocabulary | ForeignVocabulary, tokens: Sequence[bytes]) -> list[list[int]]:
    """Return the ids that the bytes of tokens encode to, by the pattern where they are text; none where there are none."""
    texts = [token for token in tokens if text_of(token) is not None]
    parts = [token for token in tokens if text_of(token) is None]
    if isinstance(vocabulary, Vocabulary):
        by_text = dict(zip(texts, _encoded_texts(vocabulary, texts), strict=True))
        by_text |= zip(parts, encode_pieces(vocabulary, parts, shortcut=True), strict=True) if parts else ()
    else:
        by_text = dict(zip(texts, _encoded_by_its_rule(vocabulary, [text.decode() for text in texts]), strict=True))
        by_text |= {part: _byte_by_byte(vocabulary, part) for part in parts}
    return [by_text[token] for token in tokens]


def _encoded_texts(vocabulary: Vocabulary, texts: Sequence[bytes]) -> list[list[int]]:
    if not texts:
        return []
    data, bounds = flatten(texts)
    parts = [starts[:-1].copy() for starts, _ in split_documents(data, bounds, vocabulary.pattern)]
    starts = np.concatenate([*parts, bounds[-1:]])
    ids, id_starts = encode_arrays(vocabulary, data, starts, shortcut=True)
    first_ids = id_starts[np.searchsorted(starts, bounds)]
    return [ids[first:last].tolist() for first, last in pairwise(first_ids.tolist())]


def _encoded_by_its_rule(vocabulary: ForeignVocabulary, texts: Sequence[str]) -> list[list[int]]:
    """Return the ids of texts without the space that some tokenizers put before each: as they come after a line break."""
    if not texts:
        return []
    alone = vocabulary.encode_all(texts)
    line_break = vocabulary.encode("\n")
    after = vocabulary.encode_all(["\n" + text for text in texts])
    found = []
    for text, ids, with_break in zip(texts, alone, after, strict=True):
        whole = b"".join(vocabulary.tokens[token_id] for token_id in ids) == text.encode()
        begins = with_break[: len(line_break)] == line_break
        found.append(with_break[len(line_break) :] if begins and not whole else ids)
    return found


def _byte_by_byte(vocabulary: ForeignVocabulary, token: bytes) -> list[int]:
    known = entries(vocabulary)
    ids = [known.get(byte, known.get(bytes([byte]))) for byte in token]
    return [token_id for token_id in ids if token_id is not None] if None not in ids else []


def npz_bytes(found: IdMap) -> bytes:
    """Return an id map as the bytes of an .npz file: the same for the same map, without a time in it.

    Example:
        >>> letters = tuple(bytes([byte]) for byte in range(256))
        >>> one = Vocabulary("one", "", letters)
        >>> file = np.load(io.BytesIO(npz_bytes(id_map(one, one))))
        >>> sorted(file), file["ids"][:3].tolist(), int(file["before_n_vocab"])
        (['after_sha256', 'before_n_vocab', 'before_sha256', 'ids', 'kinds', 'starts'], [0, 1, 2], 256)
    """
    arrays: dict[str, NDArray[Any]] = {
        "starts": found.starts,
        "ids": found.ids,
        "kinds": found.kinds,
        "before_n_vocab": np.array(found.before_n_vocab, np.int64),
        "before_sha256": np.array(found.before_sha256),
        "after_sha256": np.array(found.after_sha256),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            part = io.BytesIO()
            np.save(part, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))  # the earliest that a zip can say
            entry.create_system = 3  # or it would follow the system that writes
            archive.writestr(entry, part.getvalue())
    return buffer.getvalue()
