from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokkit.display import show


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (b"", ""),
        (b" the", " the"),
        ("，我们".encode(), "，我们"),
        (b"\t\n\r\x00\x1f\x7f", "\\t\\n\\r\\x00\\x1f\\x7f"),
        (b"\\n", "\\\\n"),
        ("\u0085\u00a0\u200d\u3000\ufeff\ue000".encode(), "\\u0085\\u00a0\\u200d\\u3000\\ufeff\\ue000"),
        ("\U000e0041\U0010ffff".encode(), "\\U000e0041\\U0010ffff"),
        (b"\xe4\xbd", "\\xE4\\xBD"),
        (b"\xbd\xa0a", "\\xBD\\xA0a"),
        (b"\xed\xa0\x80", "\\xED\\xA0\\x80"),
        (b"[red]x[/red]", "[red]x[/red]"),
    ],
)
def test_shown_exactly(token: bytes, shown: str) -> None:
    assert show(token) == shown


@given(st.binary(max_size=12), st.binary(max_size=12))
def test_different_tokens_are_shown_differently_and_on_one_line(one: bytes, other: bytes) -> None:
    assert (show(one) == show(other)) == (one == other)
    assert len(show(one).splitlines()) <= 1
    assert "\t" not in show(one)
    show(one).encode()  # no lone surrogates


def test_every_token_of_the_base_is_shown_differently(cl100k) -> None:
    assert len({show(token) for token in cl100k.tokens}) == 100_256
