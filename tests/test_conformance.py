"""The conformance kit finds what differs, shrinks it, and says nothing where nothing does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tokkit import conformance
from tokkit.cli.app import main
from tokkit.conformance import Conformance, Outcome, conform
from tokkit.conformance_runtimes import RUNTIMES, Opened, Runtime, SpecialRule
from tokkit.conformance_shrink import shrink
from tokkit.conformance_texts import GRAPHEME_CLASSES, Text, break_texts, class_texts, made_texts, merge_graph_texts
from tokkit.encode import encode
from tokkit.formats import tiktoken

BY_NAME = {runtime.name: runtime for runtime in RUNTIMES}
EXACT = ("tiktoken", "tiktoken plugin", "tokenizers", "transformers")


def asked(name: str) -> Runtime:
    """The runtime as it loads what lies in a folder already: a file that somebody changed stays changed."""
    return replace(BY_NAME[name], write=lambda *_: None)


def outcome_of(found: Conformance, name: str) -> Outcome:
    return next(each for each in found.outcomes if each.name == name)


@pytest.fixture(scope="module")
def everywhere(tiny_padded, tmp_path_factory):
    """The tiny vocabulary in all runtimes, and the folder with its files."""
    folder = tmp_path_factory.mktemp("everywhere")
    corpus = [Text("corpus", "1", "the thing, in the thin thing")]
    return conform(tiny_padded, corpus, folder=folder, n_merges=500), folder


def test_every_runtime_agrees_on_a_lawful_vocabulary(everywhere) -> None:
    found, _ = everywhere
    assert found.holds
    assert [each.name for each in found.outcomes] == ["reference", *BY_NAME]
    assert {name: found.groups[name][0] for name in ("hostile", "breaks", "merges", "corpus")} == {
        "hostile": 57,
        "breaks": 2764,
        "merges": 500,
        "corpus": 1,
    }
    for name in EXACT:
        outcome = outcome_of(found, name)
        assert (outcome.equal, outcome.undecoded, outcome.wrong_ids) == (outcome.texts, 0, ()), name
        assert outcome.texts == sum(n_texts for n_texts, _ in found.groups.values())
        assert outcome.rules
        assert all(held for _, held in outcome.rules), outcome.rules
        assert outcome.version


def test_sentencepiece_differs_and_that_is_no_failure(everywhere) -> None:
    found, _ = everywhere
    outcome = outcome_of(found, "sentencepiece")
    if not outcome.installed:
        pytest.skip("sentencepiece is not installed")
    assert outcome.conforms is None
    assert 0 < outcome.equal < outcome.texts
    assert outcome.difference is not None


def test_a_tokenizer_json_with_two_merges_the_wrong_way_round_is_found_and_shrunk(
    everywhere, tiny_padded, tmp_path
) -> None:
    file = everywhere[1] / "huggingface" / "tokenizer.json"
    fields = json.loads(file.read_text("utf-8"))
    merges = fields["model"]["merges"]
    assert merges[:2] == [["t", "h"], ["th", "e"]]
    merges[0], merges[3] = merges[3], merges[0]  # th and in: `thin` is the same, but no text has them overlap
    del merges[1]  # the: a whole pretoken is still found, a part of one is not
    (tmp_path / "huggingface").mkdir()
    (tmp_path / "huggingface" / "tokenizer.json").write_text(json.dumps(fields), "utf-8")
    found = conform(tiny_padded, folder=tmp_path, runtimes=[asked("tokenizers")], n_merges=200)
    outcome = outcome_of(found, "tokenizers")
    assert not found.holds
    assert outcome.conforms is False
    assert 0 < outcome.equal < outcome.texts
    assert outcome.difference is not None
    text = outcome.difference.text
    assert "the" in text
    assert len(text) == 4, "`the` and one neighbour that keeps it from being a whole pretoken"
    the, th = tiny_padded.ranks[b"the"], tiny_padded.ranks[b"th"]
    assert the in outcome.difference.ours
    assert [each for each in outcome.difference.theirs if each in (the, th)] == [th]
    assert outcome.wrong_ids == ()


def test_an_id_that_is_another_token_is_named(everywhere, tiny_padded, tmp_path) -> None:
    text = (everywhere[1] / "huggingface" / "tokenizer.json").read_text("utf-8")
    (tmp_path / "huggingface").mkdir()
    swapped = text.replace('"in": 259', '"in": 260').replace('"ing": 260', '"ing": 259')
    assert swapped != text
    (tmp_path / "huggingface" / "tokenizer.json").write_text(swapped, "utf-8")
    outcome = outcome_of(
        conform(
            tiny_padded, [Text("corpus", "1", "within")], folder=tmp_path, runtimes=[asked("tokenizers")], n_merges=0
        ),
        "tokenizers",
    )
    assert outcome.wrong_ids == (259, 260)
    assert outcome.difference is not None
    assert outcome.difference.text == "in"
    assert (outcome.difference.ours, outcome.difference.theirs) == ((259,), (260,))
    assert outcome.undecoded


def test_a_runtime_that_is_not_installed_is_no_failure(tiny, tmp_path) -> None:
    absent = Runtime("absent", "no-such-distribution", True, lambda *_: None, asked("tiktoken").load)
    found = conform(tiny, folder=tmp_path, runtimes=[absent], n_merges=10)
    assert found.holds
    assert (outcome_of(found, "absent").version, outcome_of(found, "absent").conforms) == (None, None)


def broken(**changes) -> Runtime:
    def load(vocabulary, _):
        own = Opened(encode_texts=lambda texts: [encode(vocabulary, text) for text in texts])
        return replace(own, **{name: change(vocabulary) for name, change in changes.items()})

    return Runtime("broken", "tiktoken", True, lambda *_: None, load)


def test_a_runtime_that_raises_fails_alone(tiny, tmp_path) -> None:
    def refuse(_):
        def encode_texts(_):
            raise RuntimeError("no more\nlines")

        return encode_texts

    found = conform(tiny, folder=tmp_path, runtimes=[broken(encode_texts=refuse)], n_merges=10)
    assert outcome_of(found, "broken").error == "cannot encode: RuntimeError: no more"
    assert outcome_of(found, "broken").conforms is False
    assert outcome_of(found, "reference").conforms


def test_bytes_that_do_not_come_back_are_counted(tiny, tmp_path) -> None:
    lossy = broken(
        decode_texts=lambda vocabulary: lambda batch: [vocabulary.decode(ids).strip().encode() for ids in batch]
    )
    outcome = outcome_of(conform(tiny, folder=tmp_path, runtimes=[lossy], n_merges=10), "broken")
    assert outcome.equal == outcome.texts
    assert outcome.undecoded is not None
    assert 0 < outcome.undecoded < outcome.texts
    assert outcome.conforms is False


def test_a_rule_about_typed_specials_that_does_not_hold(tiny_padded, tmp_path) -> None:
    rules = broken(
        rules=lambda vocabulary: (
            SpecialRule("text", vocabulary.encode, "text"),
            SpecialRule("tokens", vocabulary.encode, "tokens"),
            SpecialRule("error", vocabulary.encode, "error"),
        )
    )
    outcome = outcome_of(conform(tiny_padded, folder=tmp_path, runtimes=[rules], n_merges=10), "broken")
    assert outcome.rules == (("text", True), ("tokens", False), ("error", False))
    assert outcome.conforms is False


def test_shrinking_leaves_no_character_out() -> None:
    asked_for: list[str] = []

    def differs(text: str) -> bool:
        asked_for.append(text)
        return text.count("x") >= 2 and "yz" in text

    short = shrink("a" * 300 + "x" + "b" * 300 + "yz" + "c" * 300 + "x" * 5, differs)
    assert sorted(short) == ["x", "x", "y", "z"]
    assert "yz" in short
    assert all(not differs(short[:at] + short[at + 1 :]) for at in range(len(short)))
    assert "" not in asked_for
    assert len(asked_for) < 300


def test_shrinking_is_bounded() -> None:
    asked_for: list[str] = []

    def differs(text: str) -> bool:
        asked_for.append(text)
        return True

    assert shrink("ab" * 1000, differs, most_trials=5)
    assert len(asked_for) <= 5


def test_the_texts_are_what_they_are_said_to_be(tiny) -> None:
    texts = break_texts()
    assert len(texts) == len(set(texts))
    for first in GRAPHEME_CLASSES.values():
        for second in GRAPHEME_CLASSES.values():
            assert {first + second, f"{first}\u0308{second}"} <= set(texts)
    edges = {text[1] for text in class_texts()}
    assert {"@", "A", "Z", "[", "/", "0", "9", ":", "\u3000", "\u3001", "\U000323af", "\U000323b0"} <= edges
    assert merge_graph_texts(tiny, 50, 1) == merge_graph_texts(tiny, 50, 1) != merge_graph_texts(tiny, 50, 2)
    for each in made_texts(tiny, n_merges=50):
        assert each.text.encode().decode() == each.text


@pytest.fixture
def tiny_path(tiny_padded, tmp_path):
    path = tmp_path / "tiny.tiktoken"
    tiktoken.save(tiny_padded, path)
    return str(path)


def test_verify_runtimes_prints_a_report(tiny_path, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(conformance, "N_MERGE_TEXTS", 10)
    (tmp_path / "mine.txt").write_text("the thing\n", "utf-8")
    assert main(["verify", tiny_path, "--runtimes", "--texts", str(tmp_path / "mine.txt"), "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert err == ""
    assert report["holds"] is True
    assert report["groups"]["corpus"] == {"texts": 1, "bytes": 10}
    by_name = {each["runtime"]: each for each in report["runtimes"]}
    assert {by_name[name]["conforms"] for name in EXACT} == {True}
    assert by_name["tiktoken"]["specials"][1] == {"rule": "encode refuses them", "holds": True}


def test_verify_exits_with_1_and_shows_both_segmentations(tiny_path, capsys, monkeypatch) -> None:
    reverse = broken(encode_texts=lambda vocabulary: lambda texts: [encode(vocabulary, text[::-1]) for text in texts])
    monkeypatch.setattr(conformance, "RUNTIMES", (reverse,))
    monkeypatch.setattr(conformance, "N_MERGE_TEXTS", 10)
    assert main(["verify", tiny_path, "--runtimes"]) == 1
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["runtime", "version", "texts", "tokens", "equal", "decoded", "ids", "specials"]
    assert "  shortest  " in out
    assert "  broken    " in out
    assert err.splitlines()[-1] == "tiny_padded: not equal: broken; equal ids in reference"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--texts", "x.jsonl"], "error: --texts is read by --runtimes alone\nhint: add --runtimes\n"),
        (
            ["--runtimes", "--base", "cl100k_base"],
            "error: --base belongs to the laws, and --runtimes compares runtimes\nhint: run verify twice\n",
        ),
    ],
)
def test_options_that_do_not_belong_together(tiny_path, capsys, words, message) -> None:
    assert main(["verify", tiny_path, *words]) == 2
    assert capsys.readouterr() == ("", message)
