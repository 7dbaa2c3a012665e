"""Code point classes and scripts as arrays, and what a token's bytes say about them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from tokkit.errors import InputError
from tokkit.unicode_tables import CATEGORIES, SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

N_CODE_POINTS = 0x110000

# Bits of `class_table`. LETTER is the union of the five letter categories; a code point has one letter bit at most.
LETTER = 1
NUMBER = 2
SPACE = 4
NEWLINE = 8
UPPER = 16  # \p{Lu}\p{Lt}
LOWER = 32  # \p{Ll}
MARK = 64  # \p{M}


def code_point_ranges(ranges: str) -> list[tuple[int, int]]:
    """Return the half-open ranges of a table entry.

    Example:
        >>> code_point_ranges("41-43 7A")
        [(65, 68), (122, 123)]
    """
    out = []
    for part in ranges.split():
        first, _, last = part.partition("-")
        out.append((int(first, 16), int(last or first, 16) + 1))
    return out


def script_name(name: str) -> str:
    """Return the table's spelling of a script name, case ignored.

    Raises:
        InputError: the script is not in the table; the hint lists those that are.

    Example:
        >>> script_name("han")
        'Han'
    """
    for known in SCRIPTS:
        if known.lower() == name.lower():
            return known
    raise InputError(f"unknown script: {name}", f"known scripts: {', '.join(SCRIPTS)}")


@cache
def script_table(script: str) -> NDArray[np.uint8]:
    """Return uint8[0x110000]: 1 where the code point's script property is `script` (not its script extensions).

    Raises:
        InputError: the script is not in the table.
    """
    return _flags(SCRIPTS[script_name(script)], 1)


def scripts_table(scripts: Iterable[str]) -> NDArray[np.uint8]:
    """Return uint8[0x110000]: 1 where the code point is of one of the scripts; as `script_table`."""
    members: NDArray[np.uint8] = np.maximum.reduce([script_table(script.strip()) for script in scripts])
    return members


@cache
def class_table() -> NDArray[np.uint8]:
    """Return uint8[0x110000]: the class bits of every code point, for the split kernels."""
    table = np.zeros(N_CODE_POINTS, np.uint8)
    for category, bits in (
        ("Lu", LETTER | UPPER),
        ("Lt", LETTER | UPPER),
        ("Ll", LETTER | LOWER),
        ("Lm", LETTER),
        ("Lo", LETTER),
        ("M", MARK),
        ("N", NUMBER),
        ("White_Space", SPACE),
    ):
        table |= _flags(CATEGORIES[category], bits)
    for newline in (0x0A, 0x0D):
        table[newline] |= NEWLINE
    return table


def _flags(ranges: str, bits: int) -> NDArray[np.uint8]:
    table = np.zeros(N_CODE_POINTS, np.uint8)
    for start, stop in code_point_ranges(ranges):
        table[start:stop] = bits
    return table


def text_of(token: bytes) -> str | None:
    """Return a token's text, or None where its bytes are not valid UTF-8 (a partial character)."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return None


def has_script(token: bytes, script: str) -> bool:
    r"""Tell whether any complete character among a token's bytes belongs to the script.

    Bytes of a partial character at either end are passed over: they belong to no script yet.

    Example:
        >>> has_script("，请".encode(), "Han"), has_script(b"\\xe4\\xbd", "Han")
        (True, False)
    """
    table = script_table(script)
    return any(table[ord(character)] for character in token.decode("utf-8", "ignore"))
