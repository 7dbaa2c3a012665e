"""Fixtures that several test files share: the base, its worked prefix, tiny vocabularies, the shared corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tokkit.bases import load_base
from tokkit.vocabulary import Segment, Vocabulary

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
TINY_TOKENS = (*(bytes([byte]) for byte in range(256)), b"th", b"the", b" the", b"in", b"ing", "，".encode()[:2])


@pytest.fixture(scope="session")
def cl100k() -> Vocabulary:
    """cl100k_base: 100,256 ranks and its five special tokens."""
    return load_base("cl100k_base")


@pytest.fixture(scope="session")
def prefix(cl100k: Vocabulary) -> Vocabulary:
    """The worked example's base: the first 60,004 ranks of cl100k_base, no special tokens."""
    step = {
        "step": "select",
        "tool": "tokkit 0.1.0",
        "base": {"name": cl100k.name, "sha256": cl100k.sha256},
        "size": 60004,
    }
    return replace(
        cl100k,
        name="cl100k_base-60004",
        tokens=cl100k.tokens[:60004],
        special_tokens={},
        segments=(Segment("prefix", 0, 60004),),
        provenance=(*cl100k.provenance, step),
    )


@pytest.fixture(scope="session")
def tiny() -> Vocabulary:
    """The 256 bytes in order and six merges, cl100k's pattern, no special tokens."""
    return Vocabulary("tiny", load_base("cl100k_base").pattern, TINY_TOKENS)


@pytest.fixture(scope="session")
def tiny_padded(tiny: Vocabulary) -> Vocabulary:
    """The tiny vocabulary with one special token and two spares."""
    start = len(tiny.tokens)
    return replace(
        tiny,
        name="tiny_padded",
        special_tokens={"<|end|>": start, "<|spare_0|>": start + 1, "<|spare_1|>": start + 2},
        segments=(
            Segment("prefix", 0, start),
            Segment("special", start, start + 1),
            Segment("spare", start + 1, start + 3),
        ),
        provenance=({"step": "pad", "tool": "tokkit 0.1.0", "multiple": 1},),
    )


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of the shared corpus; tests that ask for it are skipped, with the reason, where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip(f"no shared corpus at {CORPUS}")
    return CORPUS
