"""JSON strings out of their quotes, by the kernel: what Python's own decoder and encoder make of the same bytes."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import HOSTILE
from tokkit.kernels.json_strings import unquote

SEED = 7159


def unquoted(strings: list[bytes]) -> tuple[int, list[bytes], list[int]]:
    """Return how many strings are good, their texts, and the characters of each."""
    data = np.frombuffer(b"".join(strings), np.uint8)
    bounds = np.cumsum([0, *map(len, strings)])
    out, out_starts, characters = (
        np.empty(data.size + 8, np.uint8),
        np.empty_like(bounds),
        np.empty(len(strings), np.int64),
    )
    good = unquote(data, bounds[:-1].copy(), bounds[1:].copy(), out, out_starts, characters)
    texts = (
        [out[out_starts[i] : out_starts[i + 1]].tobytes() for i in range(len(strings))] if good == len(strings) else []
    )
    return good, texts, characters[:good].tolist()


def is_good(string: bytes) -> bool:
    try:
        value = json.loads(string)
        return isinstance(value, str) and value.encode() is not None
    except ValueError:
        return False


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6), st.booleans())
def test_any_text_comes_out_as_it_went_in(texts, ascii_only) -> None:
    strings = [json.dumps(text, ensure_ascii=ascii_only).encode() for text in texts]
    assert unquoted(strings) == (len(texts), [text.encode() for text in texts], list(map(len, texts)))


def test_hostile_texts_come_out_as_they_went_in() -> None:
    for ascii_only in (True, False):
        strings = [json.dumps(text, ensure_ascii=ascii_only).encode() for text in HOSTILE.values()]
        good, texts, characters = unquoted(strings)
        assert good == len(strings)
        assert texts == [text.encode() for text in HOSTILE.values()]
        assert characters == list(map(len, HOSTILE.values()))


def test_every_escape() -> None:
    assert unquoted([rb'"\"\\\/\b\f\n\r\t"']) == (1, [b'"\\/\b\f\n\r\t'], [8])
    assert unquoted([rb'"\u0041\u00e9\u4E2d\uD83D\ude00"'])[1] == ["Aé中😀".encode()]
    for letter in set(range(256)) - set(b'"\\/bfnrtu'):
        assert unquoted([b'"\\' + bytes([letter]) + b'"'])[0] == 0, letter


@pytest.mark.parametrize(
    "string",
    [
        b'"', b"1", b"null", b'"a', b'"\\"', b'"\\u12"', b'"\\u12g4"', b'"\\u+123"', b'"\\ud800"', b'"\\udc00"', b'"\\ud800x"',
        b'"\\ud800\\n"', b'"\\ud800\\u0041"', b'"\\ud800\\ud800"', b'"\\ud800\\u"', b'"\n"', b'"\x00"', b'"12345678\x1f"',
        b'"\xff"', b'"\x80"', b'"\xc1\x81"', b'"\xe4\xb8"', b'"\xe0\x80\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"',
        b'"\xf0\x80\x80\x80"', b'"\xf8\x88\x80\x80\x80"', b'"abcdefg\xe4"',
    ],
)  # fmt: skip
def test_a_bad_string_is_found_behind_a_good_one(string) -> None:
    assert not is_good(string)
    assert unquoted([b'"good"', string, b'"later"'])[0] == 1


def test_random_bytes_are_good_where_python_says_so() -> None:
    rng = random.Random(SEED)
    pieces = [
        b"a",
        b"\\",
        b"n",
        b"u",
        b"d83d",
        b"\\ude00",
        b"00e9",
        b"\xe4\xb8\xad",
        b"\xe4",
        b"\xb8",
        b"\xf0\x9f\x98\x80",
        b"\x1f",
        b" ",
    ]
    n_good = 0
    for _ in range(4_000):
        string = b'"' + b"".join(rng.choices(pieces, k=rng.randint(0, 9))) + b'"'
        good = is_good(string)
        n_good += good
        assert unquoted([string])[0] == good, string
        if good:
            assert unquoted([string])[1] == [json.loads(string).encode()], string
    assert 500 < n_good < 3_500
