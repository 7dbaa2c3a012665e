"""The base of a vocabulary, found again from its provenance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tokkit.errors import BaseNotFoundError, FormatError
from tokkit.origin import base_of
from tokkit.pad import pad
from tokkit.select import select


@pytest.mark.parametrize(
    ("size", "options"),
    [(1000, {}), (3000, {"only": "ascii"}), (2000, {"only": "ascii", "fill": True}), (9000, {"drop_scripts": ["Han"]})],
)
def test_a_selection_is_made_anew(cl100k, size, options):
    made = select(cl100k, size, **options).vocabulary
    padded = pad(made, multiple=256, specials=["<|end|>"]).vocabulary
    found = base_of(padded)
    assert found is not None
    assert found.tokens == made.tokens
    given = base_of(padded, cl100k)
    assert given is not None
    assert given.tokens == made.tokens


def test_the_selection_itself_is_a_base(cl100k):
    made = select(cl100k, 1000).vocabulary
    assert base_of(pad(made).vocabulary, made) is made


def test_no_base_is_guessed(tiny):
    assert base_of(tiny) is None


def test_a_base_that_is_nowhere_is_an_error(cl100k, tmp_path, monkeypatch):
    (tmp_path / "cl100k_base.tiktoken").write_bytes(b"IQ== 0\n")
    monkeypatch.setenv("TOKKIT_BASES_DIR", str(tmp_path))
    with pytest.raises(BaseNotFoundError):
        base_of(cl100k)


@pytest.mark.parametrize("change", [{"size": "many"}, {"base": None}, {"veto": "all"}])
def test_an_edited_step_is_refused(cl100k, change):
    made = select(cl100k, 1000).vocabulary
    edited = replace(made, provenance=(made.provenance[0], {**made.provenance[1], **change}))
    with pytest.raises(FormatError, match="the provenance has a select step whose"):
        base_of(edited)
