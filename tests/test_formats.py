from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import Tokenizer

from tokkit.bases import load_base
from tokkit.errors import FormatError, MismatchError
from tokkit.files import read_json, write_atomically, write_json
from tokkit.formats import huggingface, tiktoken, tokens
from tokkit.formats.portable import portable_pattern
from tokkit.vocabulary import Segment, Vocabulary, rank_lines

if TYPE_CHECKING:
    from pathlib import Path


def assert_same(found: Vocabulary, expected: Vocabulary) -> None:
    for part in dataclasses.fields(Vocabulary):
        ours, theirs = getattr(found, part.name), getattr(expected, part.name)
        assert ours == theirs, f"{part.name} differs"
    assert list(found.special_tokens) == sorted(expected.special_tokens, key=expected.special_tokens.__getitem__)


# tiktoken's rank file and our sidecar


def test_a_vocabulary_comes_back_whole(tiny_padded, tmp_path) -> None:
    tiktoken.save(tiny_padded, tmp_path / "tiny.tiktoken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json", "tiny.tiktoken"]
    assert_same(tiktoken.load(tmp_path / "tiny.tiktoken"), tiny_padded)
    assert_same(Vocabulary.load(tmp_path / "tiny.tiktoken"), tiny_padded)
    assert_same(load_base(tmp_path / "tiny.tiktoken"), tiny_padded)


def test_the_files_byte_for_byte(tiny_padded, tmp_path) -> None:
    tiktoken.save(tiny_padded, tmp_path / "tiny.tiktoken")
    lines = (tmp_path / "tiny.tiktoken").read_bytes().splitlines()
    assert (len(lines), lines[0], lines[97], lines[-1]) == (262, b"AA== 0", b"YQ== 97", b"77w= 261")
    assert (tmp_path / "tiny.json").read_text() == (
        "{\n"
        '  "format": "tokkit-vocabulary",\n'
        '  "version": 1,\n'
        '  "name": "tiny_padded",\n'
        f'  "pattern": {json.dumps(tiny_padded.pattern)},\n'
        '  "n_vocab": 265,\n'
        '  "special_tokens": {\n    "<|end|>": 262,\n    "<|spare_0|>": 263,\n    "<|spare_1|>": 264\n  },\n'
        '  "segments": [\n'
        '    {\n      "name": "prefix",\n      "start": 0,\n      "stop": 262\n    },\n'
        '    {\n      "name": "special",\n      "start": 262,\n      "stop": 263\n    },\n'
        '    {\n      "name": "spare",\n      "start": 263,\n      "stop": 265\n    }\n'
        "  ],\n"
        f'  "rank_file": {{\n    "sha256": "{tiny_padded.sha256}",\n    "n_ranks": 262\n  }},\n'
        '  "provenance": [\n    {\n      "step": "pad",\n      "tool": "tokkit 0.1.0",\n      "multiple": 1\n    }\n  ]\n'
        "}\n"
    )


def test_saving_what_was_loaded_gives_the_same_bytes(chinese, tmp_path) -> None:
    tiktoken.save(chinese, tmp_path / "a.tiktoken")
    tiktoken.save(tiktoken.load(tmp_path / "a.tiktoken"), tmp_path / "b.tiktoken")
    for ending in ("tiktoken", "json"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_tiktoken_itself_reads_the_rank_file(chinese, tmp_path, monkeypatch) -> None:
    from tiktoken.load import load_tiktoken_bpe

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    tiktoken.save(chinese, tmp_path / "zh.tiktoken")
    assert load_tiktoken_bpe(str(tmp_path / "zh.tiktoken"), chinese.sha256) == chinese.ranks


def test_a_rank_file_alone_needs_a_pattern(tiny, tmp_path) -> None:
    path = tmp_path / "tiny.tiktoken"
    path.write_bytes(rank_lines(tiny.tokens))
    with pytest.raises(FormatError, match=r"has no sidecar tiny\.json and no pattern"):
        tiktoken.load(path)
    loaded = tiktoken.load(path, tiny.pattern)
    assert (loaded.tokens, loaded.pattern, loaded.name) == (tiny.tokens, tiny.pattern, "tiny")
    assert loaded.provenance == ({"step": "file", "name": "tiny", "sha256": tiny.sha256},)


def test_a_hole_comes_back_as_a_hole(tiny, tmp_path) -> None:
    holed = dataclasses.replace(tiny, tokens=(*tiny.tokens[:260], b"", tiny.tokens[261]), special_tokens={"<|x|>": 260})
    tiktoken.save(holed, tmp_path / "a.tiktoken")
    assert_same(tiktoken.load(tmp_path / "a.tiktoken"), holed)


def test_only_tiktoken_files_have_sidecars(tiny, tmp_path) -> None:
    with pytest.raises(FormatError, match=r"ends in \.tiktoken"):
        tiktoken.save(tiny, tmp_path / "tiny.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ['{"version": "1.0", "model": {}}', "not JSON", "[]"])
def test_what_is_no_sidecar_is_not_overwritten(tiny, tmp_path, content) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(
        FormatError, match=r"tokenizer\.json exists and is no sidecar: writing tokenizer\.tiktoken would"
    ):
        tiktoken.save(tiny, tmp_path / "tokenizer.tiktoken")
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]
    assert (tmp_path / "tokenizer.json").read_text() == content


def test_an_interrupted_save_over_an_older_vocabulary_is_detected(tiny, tiny_padded, tmp_path, monkeypatch) -> None:
    path = tmp_path / "v.tiktoken"
    tiktoken.save(dataclasses.replace(tiny, tokens=tiny.tokens[:260], segments=()), path)
    calls: list[Path] = []

    def interrupted_before_the_second(target: Path, data: bytes) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        write_atomically(target, data)

    monkeypatch.setattr(tiktoken, "write_atomically", interrupted_before_the_second)
    with pytest.raises(KeyboardInterrupt):
        tiktoken.save(tiny_padded, path)
    with pytest.raises(MismatchError, match="belongs to another rank file"):
        tiktoken.load(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"AA== 0\n", b"AA==0\n", r"line 1 is not `base64 rank`: 'AA==0'"),
        (b"YQ== 97\n", b"Y== 97\n", r"line 98 is not `base64 rank`: 'Y== 97'"),
        (b"YQ== 97\n", b"YQ== ninety\n", r"line 98 is not `base64 rank`"),
        (b"Yg== 98\n", b"YQ== 98\n", r"line 99: token b'a' has rank 97 already"),
        (b"Yg== 98\n", b"Yg== 97\n", r"line 99: rank 97 comes twice"),
        (b"Yg== 98\n", b"Yg== -98\n", r"line 99: rank -98"),
        (b"77w= 261\n", b"77w= 26", r"line 262 has no end, the file looks truncated: '77w= 26'"),
        (b"77w= 261\n", b"77w", r"line 262 has no end"),
    ],
)
def test_a_broken_rank_file_names_the_line(tiny, tmp_path, old, new, message) -> None:
    data = rank_lines(tiny.tokens)
    assert data.count(old) == 1
    (tmp_path / "bad.tiktoken").write_bytes(data.replace(old, new))
    with pytest.raises(FormatError, match=message) as caught:
        tiktoken.load(tmp_path / "bad.tiktoken", tiny.pattern)
    assert "bad.tiktoken" in caught.value.message


def test_an_empty_rank_file(tmp_path) -> None:
    (tmp_path / "empty.tiktoken").write_bytes(b"")
    with pytest.raises(FormatError, match=r"empty\.tiktoken: no tokens in it"):
        tiktoken.load(tmp_path / "empty.tiktoken", "a|b")


def test_a_changed_rank_file_is_refused(tiny_padded, tmp_path) -> None:
    path = tmp_path / "tiny.tiktoken"
    tiktoken.save(tiny_padded, path)
    path.write_bytes(rank_lines(tiny_padded.tokens[:-1]))
    with pytest.raises(MismatchError) as caught:
        tiktoken.load(path)
    changed = dataclasses.replace(tiny_padded, tokens=tiny_padded.tokens[:-1]).sha256
    assert caught.value.message == (
        f"{tmp_path / 'tiny.json'} belongs to another rank file: tiny.tiktoken has sha256 {changed}, "
        f"the sidecar names {tiny_padded.sha256}"
    )


def test_another_pattern_than_the_sidecars_is_refused(tiny_padded, tmp_path) -> None:
    tiktoken.save(tiny_padded, tmp_path / "tiny.tiktoken")
    assert tiktoken.load(tmp_path / "tiny.tiktoken", tiny_padded.pattern).name == "tiny_padded"
    with pytest.raises(MismatchError, match="the pattern given is not that of"):
        tiktoken.load(tmp_path / "tiny.tiktoken", "a|b")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "format is 'other', expected 'tokkit-vocabulary'"),
        ({"version": 2}, "version 2, this tokkit reads version 1"),
        ({"pattern": None}, "field 'pattern' is NoneType, expected str"),
        ({"special_tokens": []}, "field 'special_tokens' is list, expected dict"),
        ({"special_tokens": {"<|a|>": "262"}}, r"special token '<\|a\|>' has id '262'"),
        ({"special_tokens": {"<|a|>": True}}, r"special token '<\|a\|>' has id True"),
        ({"special_tokens": {"<|a|>": 97}}, r"special token '<\|a\|>' has id 97, which is the rank of a token"),
        ({"special_tokens": {"<|a|>": 262, "<|b|>": 262}}, r"'<\|a\|>' and '<\|b\|>' both have id 262"),
        ({"special_tokens": {"<|a|>": 262}}, "n_vocab is 265, but the vocabulary has 263"),
        ({"rank_file": {}}, "rank_file names no sha256"),
        ({"segments": [{"name": "prefix", "start": 0}]}, "has no name, start and stop"),
        (
            {"segments": [{"name": "a", "start": 0, "stop": 9}, {"name": "b", "start": 8, "stop": 9}]},
            "'b' is 8 to 9 after",
        ),
        ({"segments": [{"name": "prefix", "start": 0, "stop": 266}]}, "'prefix' ends at 266, beyond n_vocab 265"),
        ({"provenance": {}}, "field 'provenance' is not a list of objects"),
    ],
)
def test_a_broken_sidecar_names_the_field(tiny_padded, tmp_path, changes, message) -> None:
    tiktoken.save(tiny_padded, tmp_path / "tiny.tiktoken")
    write_json(tmp_path / "tiny.json", read_json(tmp_path / "tiny.json") | changes)
    with pytest.raises(FormatError, match=message) as caught:
        tiktoken.load(tmp_path / "tiny.tiktoken")
    assert str(tmp_path / "tiny.json") in caught.value.message


@pytest.mark.parametrize("key", ["name", "n_vocab", "segments", "rank_file", "provenance"])
def test_a_missing_field_is_named(tiny_padded, tmp_path, key) -> None:
    tiktoken.save(tiny_padded, tmp_path / "tiny.tiktoken")
    fields = read_json(tmp_path / "tiny.json")
    del fields[key]
    write_json(tmp_path / "tiny.json", fields)
    with pytest.raises(FormatError, match=f"no field '{key}'"):
        tiktoken.load(tmp_path / "tiny.tiktoken")


def test_a_sidecar_that_is_no_object(tiny_padded, tmp_path) -> None:
    tiktoken.save(tiny_padded, tmp_path / "tiny.tiktoken")
    write_json(tmp_path / "tiny.json", [1])
    with pytest.raises(FormatError, match="format is 'list'"):
        tiktoken.load(tmp_path / "tiny.tiktoken")


# tokenizer.json


@pytest.fixture(scope="module")
def exported(chinese, tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("exported")
    huggingface.save(chinese, folder)
    return folder


def test_the_three_files(exported) -> None:
    assert sorted(path.name for path in exported.iterdir()) == [
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert read_json(exported / "special_tokens_map.json") == {"additional_special_tokens": ["<|endoftext|>"]}


def test_an_export_comes_back_whole(exported, chinese) -> None:
    loaded = huggingface.load(exported)
    assert_same(loaded, chinese)
    assert_same(huggingface.load(exported / "tokenizer.json"), chinese)
    assert huggingface.files(loaded) == {path.name: path.read_bytes() for path in exported.iterdir()}


def test_a_base_with_holes_in_its_ids_comes_back_whole(cl100k, tmp_path) -> None:
    huggingface.save(cl100k, tmp_path)
    assert_same(huggingface.load(tmp_path), cl100k)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert {name: tokenizer.token_to_id(name) for name in cl100k.special_tokens} == cl100k.special_tokens
    assert tokenizer.decode([100_276], skip_special_tokens=False) == "<|endofprompt|>"


def test_a_special_token_may_fill_a_hole_among_the_ranks(tiny, tmp_path) -> None:
    holed = dataclasses.replace(tiny, tokens=(*tiny.tokens[:260], b"", tiny.tokens[261]), special_tokens={"<|x|>": 260})
    huggingface.save(holed, tmp_path)
    assert_same(huggingface.load(tmp_path), holed)
    assert Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("<|x|>，").ids == [260, 261, 0x8C]


def test_the_meaning_of_tokenizer_json(exported, chinese) -> None:
    fields = read_json(exported / "tokenizer.json")
    model = fields["model"]
    assert model["ignore_merges"] is True
    assert len(model["vocab"]) == len(chinese.tokens)
    assert list(model["vocab"].values()) == list(range(len(chinese.tokens)))
    assert len(model["merges"]) == len(chinese.tokens) - 256, "each token of two bytes or more has one merge"
    assert [model["vocab"][left + right] for left, right in model["merges"]] == [
        rank for rank, token in enumerate(chinese.tokens) if len(token) > 1
    ]
    assert fields["normalizer"] is None
    assert fields["post_processor"] is None
    assert [entry["id"] for entry in fields["added_tokens"]] == list(range(len(chinese.tokens), chinese.n_vocab))
    assert {(entry["special"], entry["normalized"]) for entry in fields["added_tokens"]} == {(True, False)}


def test_nothing_is_guessed_in_the_config(exported, tiny) -> None:
    config = read_json(exported / "tokenizer_config.json")
    assert sorted(config) == ["clean_up_tokenization_spaces", "split_special_tokens", "tokenizer_class", "tokkit"]
    assert (config["clean_up_tokenization_spaces"], config["split_special_tokens"]) == (False, True)
    assert json.loads(huggingface.files(tiny)["special_tokens_map.json"]) == {}


def test_final_pairs_leave_dead_tokens_out() -> None:
    ranks = {bytes([byte]): byte for byte in range(256)} | {
        b"ab": 256,
        b"bc": 257,
        b"abc": 258,
        b"abcd": 259,
        b"dd": 260,
    }
    assert list(huggingface.final_pairs(ranks)) == [
        (b"a", b"b"),
        (b"b", b"c"),
        (b"ab", b"c"),
        (b"abc", b"d"),
        (b"d", b"d"),
    ]
    del ranks[b"ab"]
    ranks[b"bcd"] = 256
    assert list(huggingface.final_pairs(ranks)) == [
        (b"bc", b"d"),
        (b"b", b"c"),
        (b"a", b"bc"),
        (b"a", b"bcd"),
        (b"d", b"d"),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": (b"a", b"b")}, "has no token for byte 0x00; tokenizers would drop it"),
        ({"special_tokens": {"the": 262}}, "special token 'the' has the name of token 257 in tokenizer.json"),
        ({"special_tokens": {"Ġthe": 262}}, "special token 'Ġthe' has the name of token 258 in tokenizer.json"),
        ({"special_tokens": {"<|é|>": 262}}, r"tokenizers would decode special token '<\|é\|>' as"),
        ({"special_tokens": {"word": 300}}, "typing 'word' would give the special token"),
        ({"pattern": "(?i)a|b"}, r"a group that tokenizers would read otherwise: '\(\?i\)a\|b'"),
        ({"pattern": r"\p{Klingon}+|."}, "tokenizers cannot load tiny"),
    ],
)
def test_what_tokenizers_would_read_otherwise_is_refused(tiny, changes, message) -> None:
    with pytest.raises(FormatError, match=message):
        huggingface.files(dataclasses.replace(tiny, segments=(), **changes))


def test_chinese_names_of_special_tokens_survive(tiny, tmp_path) -> None:
    named = dataclasses.replace(tiny, special_tokens={"<|用户|>": 262}, segments=())
    huggingface.save(named, tmp_path)
    assert (
        Tokenizer.from_file(str(tmp_path / "tokenizer.json")).decode([262, 97], skip_special_tokens=False)
        == "<|用户|>a"
    )


def edit(folder: Path, change: dict[str, Any], file: str = "tokenizer.json") -> None:
    write_json(folder / file, read_json(folder / file) | change)


def test_a_foreign_tokenizer_json_without_our_record(tiny_padded, tmp_path) -> None:
    huggingface.save(tiny_padded, tmp_path / "theirs")
    (tmp_path / "theirs" / "tokenizer_config.json").unlink()
    loaded = huggingface.load(tmp_path / "theirs")
    assert (loaded.name, loaded.tokens, loaded.special_tokens) == (
        "theirs",
        tiny_padded.tokens,
        tiny_padded.special_tokens,
    )
    assert loaded.pattern == portable_pattern(tiny_padded.pattern)
    assert loaded.segments == (Segment("prefix", 0, 262), Segment("special", 262, 265))


def test_a_tokenizer_that_means_something_else_is_refused(tiny, tmp_path) -> None:
    huggingface.save(tiny, tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    good = read_json(tmp_path / "tokenizer.json")
    model = good["model"]
    for change, message in (
        ({"normalizer": {"type": "NFC"}}, "NFC changes text .* first, which a rank file cannot say"),
        ({"model": model | {"byte_fallback": True}}, "model has byte_fallback True, which a rank file cannot say"),
        ({"model": model | {"type": "Unigram"}}, "its model is 'Unigram', not byte-level BPE"),
        ({"model": model | {"merges": model["merges"][::-1]}}, "merge 1 makes token 261: .* not in the order of ids"),
        ({"model": model | {"merges": [["t", "x"]]}}, "merge 1 names no token of the vocabulary: 'tx'"),
        (
            {"model": model | {"vocab": model["vocab"] | {"我": 262}}},
            "token 262 is not in the byte-level alphabet: '我'",
        ),
        ({"model": model | {"vocab": model["vocab"] | {"zz": 97}}}, "id 97 has two tokens: 'a' and 'zz'"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "not byte-level: its pre-tokenizer is Whitespace"),
        ({"pre_tokenizer": None}, "not byte-level: its pre-tokenizer is none"),
        ({"model": {"vocab": [], "merges": []}}, r"not a BPE tokenizer\.json"),
        ({"added_tokens": [{"id": 1}]}, "added token 1 has no `content`"),
    ):
        write_json(tmp_path / "tokenizer.json", good | change)
        with pytest.raises(FormatError, match=message):
            huggingface.load(tmp_path)


def test_a_foreign_tokenizer_with_other_merges_than_ranks_imply_is_refused(tiny, tmp_path) -> None:
    huggingface.save(tiny, tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    good = read_json(tmp_path / "tokenizer.json")
    model = good["model"]
    merges = [pair for pair in model["merges"] if pair != ["th", "e"]]
    write_json(tmp_path / "tokenizer.json", good | {"model": model | {"merges": merges}})
    with pytest.raises(FormatError, match="no merge makes `the` of `th` and `e`"):
        huggingface.load(tmp_path)
    dead = model | {"vocab": model["vocab"] | {"xyz": 262}}
    write_json(tmp_path / "tokenizer.json", good | {"model": dead})
    assert huggingface.load(tmp_path).tokens[262] == b"xyz", "ignore_merges finds it, as a rank file does"
    write_json(tmp_path / "tokenizer.json", good | {"model": dead | {"ignore_merges": False}})
    with pytest.raises(FormatError, match=r"ranks do not come to `xyz` \(262\), and ignore_merges is off"):
        huggingface.load(tmp_path)


def test_merges_written_as_text_are_read(tiny, tmp_path) -> None:
    huggingface.save(tiny, tmp_path)
    good = read_json(tmp_path / "tokenizer.json")
    as_text = good["model"] | {"merges": [" ".join(pair) for pair in good["model"]["merges"]]}
    write_json(tmp_path / "tokenizer.json", good | {"model": as_text})
    assert huggingface.load(tmp_path).tokens == tiny.tokens


def test_files_of_two_vocabularies_are_refused(tiny_padded, tmp_path) -> None:
    huggingface.save(tiny_padded, tmp_path)
    record = read_json(tmp_path / "tokenizer_config.json")["tokkit"]
    edit(tmp_path, {"tokkit": record | {"rank_file": {"sha256": "0" * 64}}}, "tokenizer_config.json")
    with pytest.raises(
        MismatchError, match=f"make a rank file of sha256 {tiny_padded.sha256}, but tokenizer_config.json"
    ):
        huggingface.load(tmp_path)
    edit(tmp_path, {"tokkit": record | {"pattern": "a|b"}}, "tokenizer_config.json")
    with pytest.raises(MismatchError, match="its split is not the pattern"):
        huggingface.load(tmp_path)
    edit(tmp_path, {"tokkit": record | {"n_vocab": 5}}, "tokenizer_config.json")
    with pytest.raises(MismatchError, match="it has 265 ids, but"):
        huggingface.load(tmp_path)


@pytest.mark.parametrize("broken", [{}, [], {"name": 1}, {"version": 9}])
def test_a_broken_record_is_named(tiny_padded, tmp_path, broken) -> None:
    huggingface.save(tiny_padded, tmp_path)
    record = read_json(tmp_path / "tokenizer_config.json")["tokkit"]
    edit(tmp_path, {"tokkit": record | broken if broken else broken}, "tokenizer_config.json")
    with pytest.raises(FormatError, match=r"tokenizer_config\.json: "):
        huggingface.load(tmp_path)
    write_json(tmp_path / "tokenizer_config.json", [])
    with pytest.raises(FormatError, match=r"tokenizer_config\.json: not an object"):
        huggingface.load(tmp_path)


# learned tokens


def learned() -> Any:
    from tokkit.learn import LearnedTokens

    return LearnedTokens(
        tokens=("我们".encode(), b"\xe4\xbd\xa0\xe5", b"\t\n"),
        counts=(2**53 + 1, 7, 0),
        pretokens=(3, 2, 1),
        base_sha256="ab" * 32,
        pattern=r"\s+|\S+",
        options={"size": 3, "script": "Han", "label": "中\u2028文"},
    )


def test_learned_tokens_byte_for_byte(tmp_path) -> None:
    tokens.save(learned(), tmp_path / "zh.tokens")
    assert (tmp_path / "zh.tokens").read_bytes().decode() == (
        '# {"format": "tokkit-tokens", "version": 1, "base_sha256": "' + "ab" * 32 + '", "pattern": "\\\\s+|\\\\S+", '
        '"options": {"size": 3, "script": "Han", "label": "中\u2028文"}}\n'
        "5oiR5Lus\t9007199254740993\t3\t我们\n"
        "5L2g5Q==\t7\t2\t你\\xE5\n"
        "CQo=\t0\t1\t\\t\\n\n"
    )


def test_learned_tokens_come_back_whole(tmp_path) -> None:
    tokens.save(learned(), tmp_path / "a.tokens")
    loaded = tokens.load(tmp_path / "a.tokens")
    assert loaded == learned()
    assert tokens.tokens_bytes(loaded) == (tmp_path / "a.tokens").read_bytes()


def test_the_text_for_eyes_is_not_read(tmp_path) -> None:
    data = tokens.tokens_bytes(learned())
    (tmp_path / "a.tokens").write_bytes(data.replace("\t我们\n".encode(), b"\n").replace(b"\\t\\n\n", b"any\tthing\n"))
    assert tokens.load(tmp_path / "a.tokens") == learned()


def test_no_tokens_are_a_file_too(tmp_path) -> None:
    empty = dataclasses.replace(learned(), tokens=(), counts=(), pretokens=())
    tokens.save(empty, tmp_path / "a.tokens")
    assert tokens.load(tmp_path / "a.tokens") == empty


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"# {", b"{", r"line 1 is not the header of a tokkit-tokens file"),
        (b"tokkit-tokens", b"other", r"line 1 is not the header"),
        (b'"version": 1', b'"version": 9', r"version 9, this tokkit reads version 1"),
        (b'"pattern"', b'"patern"', r"line 1: field 'pattern' is missing or no str"),
        (b"5oiR5Lus\t", b"5oiR5Lus ", r"line 2 is not a token, its count and its pretokens"),
        (b"5L2g5Q==\t7", b"5L2g5Q\t7", r"line 3 is not a token"),
        (b"\t7\t", b"\tseven\t", r"line 3 is not a token"),
        (b"\t7\t", b"\t-7\t", r"line 3 is not a token"),
        (b"CQo=\t0\t1\t\\t\\n\n", b"CQo=\t0\t1", r"line 4 has no end, the file looks truncated"),
        (b"CQo=\t0", b"5oiR5Lus\t0", r"line 4: token 我们 is on line 2 already"),
        (b"CQo=\t0\t1\t\\t\\n\n", b"\n", r"line 4 is not a token"),
    ],
)
def test_a_broken_tokens_file_names_the_line(tmp_path, old, new, message) -> None:
    data = tokens.tokens_bytes(learned())
    assert data.count(old) == 1
    (tmp_path / "bad.tokens").write_bytes(data.replace(old, new))
    with pytest.raises(FormatError, match=message) as caught:
        tokens.load(tmp_path / "bad.tokens")
    assert "bad.tokens" in caught.value.message


def test_an_empty_tokens_file(tmp_path) -> None:
    (tmp_path / "a.tokens").write_bytes(b"")
    with pytest.raises(FormatError, match="line 1 is not the header"):
        tokens.load(tmp_path / "a.tokens")
