"""tekken.json against mistral-common, which defines it."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import pytest

import tokkit
from tests.hostile import HOSTILE
from tokkit.formats import tekken
from tokkit.formats.any import read
from tokkit.vocabulary import Segment, Vocabulary

FILES = ("tekken_240718.json", "tekken_240911.json")
SAMPLE = Path(tokkit.__file__).parent / "data" / "sample"
DOCS = "".join((SAMPLE / f"{name}.jsonl").read_text("utf-8")[:40_000] for name in ("en-techdocs", "code-python"))


@pytest.fixture(scope="module", params=FILES)
def both(request) -> tuple[Vocabulary, Any]:
    """The file as tokkit reads it, and as mistral-common does."""
    spec = importlib.util.find_spec("mistral_common")
    if spec is None or spec.origin is None:
        pytest.skip("mistral-common is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own dependencies
        from mistral_common.tokens.tokenizers.tekken import Tekkenizer

        path = Path(spec.origin).parent / "data" / request.param
        found = read(path)
        assert isinstance(found, Vocabulary)
        return found, Tekkenizer.from_file(path)


def test_the_sizes(both) -> None:
    ours, theirs = both
    assert (ours.n_vocab, ours.n_ranks) == (theirs.n_words, 130072) == (131072, 130072)
    assert ours.segments == (Segment("special", 0, 1000), Segment("prefix", 1000, 131072))
    assert ours.tokens[:1000] == (b"",) * 1000
    assert ours.tokens[1000:1256] == tuple(bytes([byte]) for byte in range(256))
    assert ours.tokens[131071] == theirs.id_to_byte_piece(131071)


def test_the_special_tokens(both) -> None:
    ours, theirs = both
    assert ours.special_tokens == {theirs.id_to_piece(token_id): token_id for token_id in range(1000)}
    assert list(ours.special_tokens)[:3] == ["<unk>", "<s>", "</s>"]
    assert ours.special_tokens["<SPECIAL_999>"] == 999
    assert tuple(theirs.id_to_piece(token_id) for token_id in range(20)) == tekken.EARLY_SPECIAL_TOKENS


def test_equal_ids(both) -> None:
    ours, theirs = both
    for name, text in (HOSTILE | {"docs": DOCS}).items():
        ids = ours.encode(text)
        assert ids == theirs.encode(text, bos=False, eos=False), name
        assert ours.decode(ids) == text, name


@pytest.mark.corpus
def test_equal_ids_on_real_text(both, corpus) -> None:
    import pyarrow as pa

    ours, theirs = both
    for name in ("zh-news", "en-web", "code-python", "ar-social", "ja-techdocs", "hi-wiki"):
        with pa.input_stream(str(corpus / f"{name}.jsonl.zst")) as stream:
            text = stream.read(100_000).decode("utf-8", "ignore")
        assert ours.encode(text) == theirs.encode(text, bos=False, eos=False), name
