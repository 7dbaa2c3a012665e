from __future__ import annotations

import hashlib
import importlib
import re
import shutil

import pytest

from tokkit import bases
from tokkit.bases import BASES, load_base, pattern_named
from tokkit.errors import BaseNotFoundError, FormatError, InputError, MismatchError
from tokkit.pretokenize import PATTERNS
from tokkit.vocabulary import Segment, rank_lines


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """No place has a base: an empty cache, no packages, no download; returns the cache folder."""
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
    monkeypatch.delenv("TOKKIT_BASES_DIR", raising=False)
    monkeypatch.setenv("TOKKIT_OFFLINE", "1")
    monkeypatch.setattr(bases, "_PACKAGES", ())
    return cache


@pytest.mark.parametrize("name", BASES)
def test_the_table_is_what_tiktoken_publishes(name, monkeypatch) -> None:
    published = importlib.import_module("tiktoken_ext.openai_public")
    seen: dict[str, str] = {}

    def record(url, expected_hash):
        seen.update(url=url, sha256=expected_hash)
        return {}

    monkeypatch.setattr(published, "load_tiktoken_bpe", record)
    theirs = getattr(published, name)()
    base = BASES[name]
    assert (base.url, base.sha256) == (seen["url"], seen["sha256"])
    assert base.pattern == theirs["pat_str"]
    assert base.special_tokens == theirs["special_tokens"]


def test_patterns_are_those_of_the_splitter() -> None:
    assert {name: base.pattern for name, base in BASES.items()} == PATTERNS


def test_cl100k(cl100k) -> None:
    assert (cl100k.name, len(cl100k.tokens), cl100k.n_ranks, cl100k.n_vocab) == (
        "cl100k_base",
        100_256,
        100_256,
        100_277,
    )
    assert cl100k.sha256 == "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
    assert cl100k.segments == (
        Segment("prefix", 0, 100_256),
        Segment("special", 100_257, 100_261),
        Segment("special", 100_276, 100_277),
    )
    assert cl100k.provenance == ({"step": "base", "name": "cl100k_base", "sha256": cl100k.sha256},)


def test_nothing_found_lists_every_place_and_the_next_moves(alone) -> None:
    with pytest.raises(BaseNotFoundError) as caught:
        load_base("cl100k_base")
    assert caught.value.message == (
        f"cl100k_base not found; tried tiktoken's cache: no file {alone}/9b5ad71b2ce5302211f9c61530b329a4922fc6a4; "
        "download: off, because TOKKIT_OFFLINE is set"
    )
    for move in ("tokkit[offline]", "TOKKIT_BASES_DIR", "internet"):
        assert move in str(caught.value.hint)


@pytest.mark.usefixtures("alone")
def test_the_hint_promises_the_package_only_for_what_it_carries() -> None:
    with pytest.raises(BaseNotFoundError) as caught:
        load_base("o200k_base")
    assert "tokkit[offline]" not in str(caught.value.hint)


def test_found_in_the_cache(alone, cl100k) -> None:
    (alone / BASES["cl100k_base"].cache_name).write_bytes(rank_lines(cl100k.tokens))
    assert load_base("cl100k_base").sha256 == cl100k.sha256


@pytest.mark.usefixtures("alone")
def test_found_in_the_folder_that_the_user_named(cl100k, monkeypatch, tmp_path) -> None:
    (tmp_path / "cl100k_base.tiktoken").write_bytes(rank_lines(cl100k.tokens))
    monkeypatch.setenv("TOKKIT_BASES_DIR", str(tmp_path))
    assert load_base("cl100k_base").sha256 == cl100k.sha256


def test_a_wrong_file_in_the_users_folder_stops_the_search(alone, cl100k, monkeypatch, tmp_path) -> None:
    (alone / BASES["cl100k_base"].cache_name).write_bytes(rank_lines(cl100k.tokens))
    wrong = tmp_path / "cl100k_base.tiktoken"
    wrong.write_bytes(rank_lines(cl100k.tokens[:-1]))
    monkeypatch.setenv("TOKKIT_BASES_DIR", str(tmp_path))
    with pytest.raises(BaseNotFoundError) as caught:
        load_base("cl100k_base")
    digest = hashlib.sha256(wrong.read_bytes()).hexdigest()
    assert caught.value.message == (
        f"{wrong} is not cl100k_base: sha256 {digest}, expected {BASES['cl100k_base'].sha256}"
    )


def test_a_wrong_file_in_the_cache_is_passed_over_kept_and_listed(alone) -> None:
    wrong = alone / BASES["cl100k_base"].cache_name
    wrong.write_bytes(b"IQ== 0\n")
    with pytest.raises(BaseNotFoundError) as caught:
        load_base("cl100k_base")
    assert (
        f"{wrong} refused, wrong sha256 {hashlib.sha256(b'IQ== 0' + bytes([10])).hexdigest()}" in caught.value.message
    )
    assert wrong.exists()


@pytest.mark.usefixtures("alone")
def test_a_package_is_looked_into_without_being_imported(cl100k, monkeypatch, tmp_path) -> None:
    package = tmp_path / "site" / "carrier_of_ranks"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "cl100k_base.tiktoken").write_bytes(rank_lines(cl100k.tokens))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(bases, "_PACKAGES", (("carrier_of_ranks", "{name}.tiktoken"),))
    assert load_base("cl100k_base").sha256 == cl100k.sha256


def test_a_path_whose_hash_is_a_bases_is_that_base(cl100k, tmp_path) -> None:
    (tmp_path / "any name").write_bytes(rank_lines(cl100k.tokens))
    loaded = load_base(tmp_path / "any name")
    assert (loaded.name, loaded.pattern, loaded.n_vocab) == ("cl100k_base", cl100k.pattern, 100_277)
    other = load_base(tmp_path / "any name", r"\w+|\W")
    assert (other.name, other.pattern, other.special_tokens) == ("any name", r"\w+|\W", {})


def test_a_pattern_is_never_guessed(tiny, tmp_path) -> None:
    (tmp_path / "tiny.tiktoken").write_bytes(rank_lines(tiny.tokens))
    with pytest.raises(FormatError, match=r"no sidecar tiny\.json and no pattern") as caught:
        load_base(tmp_path / "tiny.tiktoken")
    assert "--pattern" in str(caught.value.hint)
    assert load_base(tmp_path / "tiny.tiktoken", "o200k_base").pattern == BASES["o200k_base"].pattern
    assert load_base(tmp_path / "tiny.tiktoken", "a|b").pattern == "a|b"


def test_a_named_base_keeps_its_pattern() -> None:
    assert load_base("cl100k_base", "cl100k_base").pattern == BASES["cl100k_base"].pattern
    with pytest.raises(MismatchError, match="cl100k_base has its own pattern"):
        load_base("cl100k_base", "o200k_base")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="neither a known base nor a file: cl100k") as caught:
        load_base("cl100k")
    assert caught.value.hint == "did you mean cl100k_base?"
    with pytest.raises(InputError) as caught:
        load_base("qqq")
    assert caught.value.hint == "known bases: cl100k_base, o200k_base, p50k_base, r50k_base"


def test_pattern_named() -> None:
    assert pattern_named("p50k_base") == pattern_named("r50k_base") == BASES["r50k_base"].pattern
    assert pattern_named("x+") == "x+"


@pytest.mark.usefixtures("alone")
def test_a_failed_download_is_listed(monkeypatch) -> None:
    # A file address that does not exist takes tiktoken's own way of reading without any network.
    monkeypatch.setenv("TOKKIT_OFFLINE", "0")
    monkeypatch.setattr(bases.Base, "url", property(lambda self: f"/nowhere/{self.name}.tiktoken"))
    with pytest.raises(
        BaseNotFoundError, match=re.escape("download of /nowhere/cl100k_base.tiktoken: FileNotFoundError")
    ):
        load_base("cl100k_base")


def test_a_download_goes_into_tiktokens_cache(alone, cl100k, monkeypatch, tmp_path) -> None:
    source = tmp_path / "cl100k_base.tiktoken"
    source.write_bytes(rank_lines(cl100k.tokens))
    monkeypatch.setenv("TOKKIT_OFFLINE", "0")
    monkeypatch.setattr(bases.Base, "url", property(lambda _: str(source)))
    assert load_base("cl100k_base").sha256 == cl100k.sha256
    assert [path.name for path in alone.iterdir()] == [BASES["cl100k_base"].cache_name]
    shutil.rmtree(alone)
    source.write_bytes(b"IQ== 0\n")
    with pytest.raises(BaseNotFoundError, match="ValueError: Hash mismatch"):
        load_base("cl100k_base")
