"""The pinned Unicode tables are those of tiktoken's regex engine."""

from __future__ import annotations

import random

import numpy as np
import pytest
import tiktoken

from tokkit.errors import InputError
from tokkit.unicode import (
    LETTER,
    LOWER,
    MARK,
    N_CODE_POINTS,
    NEWLINE,
    NUMBER,
    SPACE,
    UPPER,
    class_table,
    code_point_ranges,
    has_script,
    script_name,
    script_table,
    text_of,
)
from tokkit.unicode_tables import CATEGORIES, SCRIPTS

NAMES = (*CATEGORIES, *SCRIPTS)
RANGES = CATEGORIES | SCRIPTS
BYTES = {bytes([byte]): byte for byte in range(256)}


def tiktoken_members(name: str, points: list[int]) -> set[int]:
    r"""Return which code points tiktoken's engine counts to `\p{NAME}`.

    An Encoding of single bytes whose pattern takes only members gives the bytes of the members, one after the other, and
    nothing of the rest; in ascending order that spells the list of members.
    """
    kind = "\\s" if name == "White_Space" else f"\\p{{{name}}}"
    encoding = tiktoken.Encoding("members", pat_str=kind, mergeable_ranks=BYTES, special_tokens={})
    ids = encoding.encode_ordinary("".join(map(chr, points)))
    return set(map(ord, bytes(ids).decode()))


def ours(name: str) -> set[int]:
    return {point for start, stop in code_point_ranges(RANGES[name]) for point in range(start, stop)}


@pytest.mark.parametrize("name", NAMES)
def test_every_boundary_is_tiktokens(name) -> None:
    """The first and last code points of each range of any class, their neighbours, and 2,000 others."""
    edges = {
        edge + step
        for ranges in RANGES.values()
        for start, stop in code_point_ranges(ranges)
        for edge in (start, stop)
        for step in (-2, -1, 0, 1)
    }
    points = sorted(
        point
        for point in edges | set(random.Random(16).sample(range(N_CODE_POINTS), 2_000))
        if 0 <= point < N_CODE_POINTS and not 0xD800 <= point < 0xE000
    )
    expected = ours(name) & set(points)
    found = tiktoken_members(name, points)
    wrong = sorted(expected ^ found)
    assert not wrong, f"{name}: U+{wrong[0]:04X} is {'not ' * (wrong[0] not in expected)}in the table, unlike tiktoken"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_code_point_is_tiktokens(name) -> None:
    points = [point for point in range(N_CODE_POINTS) if not 0xD800 <= point < 0xE000]
    wrong = sorted(ours(name) ^ tiktoken_members(name, points))
    assert not wrong, f"{name}: {len(wrong)} code points differ from tiktoken, first U+{wrong[0]:04X}"


def test_the_bits_of_the_class_table() -> None:
    table = class_table()
    assert table.shape == (N_CODE_POINTS,)
    assert table.dtype == np.uint8
    for character, bits in {
        "A": LETTER | UPPER,
        "ǅ": LETTER | UPPER,
        "a": LETTER | LOWER,
        "我": LETTER,
        "ʰ": LETTER,
        "\u0301": MARK,
        "1": NUMBER,
        "Ⅳ": NUMBER,
        " ": SPACE,
        "\u3000": SPACE,
        "\n": SPACE | NEWLINE,
        "\r": SPACE | NEWLINE,
        "\x0b": SPACE,
        "。": 0,
        "\u200b": 0,
        "\x1c": 0,
        "\U00033479": 0,
    }.items():
        assert table[ord(character)] == bits, f"U+{ord(character):04X}"
    assert int((table & LETTER != 0).sum()) == sum(len(ours(name)) for name in ("Lu", "Ll", "Lt", "Lm", "Lo"))


def test_scripts_by_name_in_any_case() -> None:
    assert script_name("HAN") == "Han"
    assert script_table("han")[ord("我")] == 1
    assert script_table("Han")[ord("が")] == 0
    with pytest.raises(InputError, match="unknown script: Klingon") as caught:
        script_name("Klingon")
    assert "Han, Hangul" in str(caught.value.hint)


def test_text_and_scripts_of_tokens() -> None:
    assert text_of("，请".encode()) == "，请"
    assert text_of(b"\xe4\xbd") is None
    assert has_script(b"\xbd\xe6\x88\x91", "Han")
    assert not has_script(b"\xe6\x88", "Han")
    assert not has_script(b"abc", "Han")
