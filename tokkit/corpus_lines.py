"""JSON lines whose documents a kernel finds, without the interpreter's lock: those that are written as nearly all are.

What is wrong with a line, and all that the kernel cannot tell, is for `tokkit.corpus_rows`, which decodes line by line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokkit.kernels.json_lines import find_values
from tokkit.kernels.json_strings import unquote

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec
    from numpy.typing import NDArray

_LONGEST_NUMBER = 18  # digits of an id that is a number: a longer one may be written otherwise than it stands there


@dataclass(frozen=True)
class Texts:
    """Texts one after the other in UTF-8, where each starts, and the end, and how many characters each has."""

    data: bytes
    starts: NDArray[np.int64]
    characters: NDArray[np.int64]

    @staticmethod
    def of(texts: list[str]) -> Texts:
        """Encode texts."""
        encoded = list(map(str.encode, texts))
        characters = np.fromiter(map(len, texts), np.int64, len(texts))
        return Texts(b"".join(encoded), bounds_of(encoded), characters)


def bounds_of(parts: Sequence[bytes | msgspec.Raw]) -> NDArray[np.int64]:
    """Return where each part starts when all are put one after the other, and the end: int64[n + 1]."""
    bounds = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=bounds[1:])
    return bounds


@dataclass(frozen=True)
class Found:
    """The documents of a block of lines.

    Attributes:
        texts: their texts.
        lines: int64[n], the line of each in the block, from 0.
        ids: as they are; None where a document has none.
        labels: of each field that was asked for, the value of each document.
    """

    texts: Texts
    lines: NDArray[np.int64]
    ids: list[str | int | None]
    labels: list[list[str]]


def find_documents(data: bytes, text_field: str, id_field: str, label_fields: Sequence[str]) -> Found | None:
    r"""Return the documents of a block of JSON lines, None where somebody else has to look at it.

    Args:
        data: the lines.
        text_field: the field that holds the text.
        id_field: the one that holds the id; a document may have none.
        label_fields: those that hold labels, which each document has.

    Example:
        >>> found = find_documents(b'{"text": "a\\nb", "n": 7}\n\n{"n": 8, "text": "c"}', "text", "n", [])
        >>> found.texts.data, found.lines.tolist(), found.ids
        (b'a\nbc', [0, 2], [7, 8])
        >>> find_documents(b'{"text": "a"}\n{"text": 1}', "text", "id", []) is None
        True
    """
    names = list(dict.fromkeys([text_field, id_field, *label_fields]))
    if any("." in name for name in names) or text_field in (id_field, *label_fields):
        return None
    encoded = [name.encode() for name in names]
    bounds = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    array = np.frombuffer(data, np.uint8)
    most = len(data) // len(b'{"":""}\n' + encoded[0]) + 1
    lines, values = np.empty(most, np.int64), np.empty((most, len(names), 2), np.int64)
    n_found = find_values(array, np.frombuffer(b"".join(encoded), np.uint8), bounds, lines, values)
    if n_found < 0:
        return None
    lines, values = lines[:n_found], values[:n_found]
    texts = unquoted(array, values[:, 0, 0].copy(), values[:, 0, 1].copy())
    if texts is None:
        return None
    try:
        ids = [_scalar(data[start:stop]) for start, stop in values[:, names.index(id_field)].tolist()]
        labels = [_strings(data, values[:, names.index(field)].tolist()) for field in label_fields]
    except ValueError:
        return None
    return Found(texts, lines, ids, labels)


def unquoted(data: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Texts | None:
    """Return the texts of JSON strings as they stand in a file, None where one of them is no valid string."""
    out = np.empty(int((stops - starts).sum()) + 8, np.uint8)
    out_starts, characters = np.empty(starts.size + 1, np.int64), np.empty(starts.size, np.int64)
    if unquote(data, starts, stops, out, out_starts, characters) < starts.size:
        return None
    return Texts(out[: out_starts[-1]].tobytes(), out_starts, characters)


def _scalar(value: bytes) -> str | int | None:
    """Return an id: a string, a whole number, or None for null or nothing.

    Raises:
        ValueError: it is something else, or written so that only a decoder can tell.
    """
    if value in (b"", b"null"):
        return None
    if value[0] == ord('"'):
        return _string(value)
    if len(value) > _LONGEST_NUMBER or value == b"-0":
        raise ValueError(value)
    return int(value)


def _string(value: bytes) -> str:
    if value[:1] != b'"' or b"\\" in value:
        raise ValueError(value)
    return value[1:-1].decode()


def _strings(data: bytes, places: Sequence[tuple[int, int]]) -> list[str]:
    """Return the strings at some places, each of the same bytes made once: most documents of a block have the same labels."""
    values = [data[start:stop] for start, stop in places]
    known = {value: _string(value) for value in set(values)}
    return [known[value] for value in values]
