"""JSON lines whose documents the kernel finds: what the decoder makes of them, and nothing where the decoder would refuse."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import HOSTILE
from tokkit import corpus_rows
from tokkit.corpus_blocks import Block
from tokkit.corpus_files import CorpusFile, Labels
from tokkit.corpus_lines import find_documents
from tokkit.errors import CorpusError
from tokkit.kernels.json_lines import MOST_DEPTH

SEED = 20_117
LABELS = Labels(language_field="lang", domain_field="kind")
PLAIN = Labels()


def found(data: bytes, labels: Labels) -> tuple[Any, ...] | None:
    """What the kernel finds of a block; None where it leaves it to the decoder."""
    rows = corpus_rows._found(block(data), labels)
    return None if rows is None else contents(rows)


def decoded(data: bytes, labels: Labels, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...] | str:
    """What the decoder makes of a block, or what it has against it."""
    with monkeypatch.context() as patch:
        patch.setattr(corpus_rows, "_found", lambda *_: None)
        try:
            return contents(corpus_rows.json_rows(block(data), labels, stop=True))
        except CorpusError as error:
            return str(error)


def block(data: bytes) -> Block:
    return Block(CorpusFile("c.jsonl", "jsonl", None, None, None), data, 5, 0, 0)


def contents(rows: corpus_rows.Rows) -> tuple[Any, ...]:
    texts = rows.texts
    arrays = (texts.starts.tolist(), texts.characters.tolist())
    return (texts.data, *arrays, list(rows.ids), rows.languages, rows.domains, rows.errors)


def lines_of(records: list[dict[str, Any]], **options: Any) -> bytes:
    return b"".join(json.dumps(record, **options).encode() + b"\n" for record in records)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT


def records(names: st.SearchStrategy[str], ids: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Documents with labels, with an id or without, and with more fields of any kind and depth."""
    inner = st.recursive(SCALAR, lambda each: st.lists(each, max_size=3) | st.dictionaries(names, each, max_size=3))
    labels = {"lang": st.sampled_from(["zh", "en", "zh-Hant"]), "kind": st.sampled_from(["news", "中文"])}
    return st.lists(
        st.fixed_dictionaries({"text": TEXT, **labels}, optional={"id": ids, "meta": inner, "more": inner}), max_size=5
    )


def written(documents: list[dict[str, Any]], rng: random.Random, *, ascii_only: bool) -> bytes:
    """Documents as lines, their fields in any order and with any spaces that JSON allows."""
    shuffled = [dict(rng.sample(list(each.items()), len(each))) for each in documents]
    data = lines_of(shuffled, ensure_ascii=ascii_only, separators=rng.choice([None, (",", ":"), (" , ", "\t:\r")]))
    return rng.choice([data, data.removesuffix(b"\n"), b"\n" + data + b"\n\n", data.replace(b"}\n", b"} \r\n")])


@settings(deadline=None, max_examples=200)
@given(records(TEXT, TEXT | st.integers() | st.none()), st.booleans(), st.randoms(use_true_random=False))
def test_what_is_found_is_what_the_decoder_makes_of_it(documents, ascii_only, rng) -> None:
    data = written(documents, rng, ascii_only=ascii_only)
    with pytest.MonkeyPatch.context() as patch:
        for labels in (PLAIN, LABELS):
            assert found(data, labels) in (decoded(data, labels, patch), None)


@settings(deadline=None, max_examples=200)
@given(
    records(st.sampled_from(["a", "text", "名"]), st.sampled_from(["x1", "文", 7, -12, 10**17, None])),
    st.randoms(use_true_random=False),
)
def test_documents_as_they_are_usually_written_are_found(documents, rng) -> None:
    data = written(documents, rng, ascii_only=False)
    with pytest.MonkeyPatch.context() as patch:
        for labels in (PLAIN, LABELS):
            assert found(data, labels) == decoded(data, labels, patch)


def test_nothing_is_found_where_the_decoder_refuses(monkeypatch) -> None:
    """Lines with pieces taken out, put in or exchanged: what is found must be what the decoder makes of them."""
    rng = random.Random(SEED)
    lines = [
        b'{"id": "a1", "text": "x\\n\xe4\xb8\xad", "lang": "zh", "kind": "news"}',
        b'{"text":"\\ud83d\\ude00","n":[1,-0.5e+7,{"a":[]},{}],"id":12,"lang":"en","kind":"x","b":[true,false,null,"\\"\\u00e9"]}',
        b'{"kind":"web","lang":"en","text":"","id":null,"deep":{"text":"no","id":["\xf0\x9f\x98\x80"]}}',
    ]
    pieces = [bytes([each]) for each in b'"\\{}[],: \t\n01-.e\xe4\xb8\x00\x1f\xff']
    pieces += [b"null", b"true", b'"text"', b'"id"', b'"text":', b'"lang":1,', b"\\u", b"\\ud83d", b"d8"]
    n_found = n_refused = 0
    for _ in range(20_000):
        data = bytearray(b"\n".join(rng.sample(lines, rng.randint(1, 3))))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            data[at : at + rng.randint(0, 3)] = rng.choice([b"", rng.choice(pieces)])
        for labels in (PLAIN, LABELS):
            expected, ours = decoded(bytes(data), labels, monkeypatch), found(bytes(data), labels)
            assert ours in (expected, None), bytes(data)
            n_found += ours is not None
            n_refused += isinstance(expected, str)
    assert n_found > 4_000
    assert n_refused > 20_000


def test_hostile_texts_are_found() -> None:
    for ascii_only in (True, False):
        rows = found(lines_of([{"text": text} for text in HOSTILE.values()], ensure_ascii=ascii_only), PLAIN)
        assert rows is not None
        assert rows[0] == "".join(HOSTILE.values()).encode()
        assert rows[2] == [len(text) for text in HOSTILE.values()]


@pytest.mark.parametrize(
    "line",
    [
        b"", b"1", b'"text"', b'["text"]', b"{}", b'{"text"}', b'{"text":}', b'{"text":"a",}', b'{,"text":"a"}', b'{"text":"a"',
        b'{"text":"a"}}', b'{"text":"a"} x', b'{"text":"a"}{"text":"a"}', b'{text:"a"}', b'{"text" "a"}', b'{"text":"a" "b":1}',
        b'{"text":1}', b'{"text":null}', b'{"text":["a"]}', b'{"text":"a","text":"b"}', b'{"t\\u0065xt":"a"}', b'{"text":"a}',
        b'{"text":"a\\"}', b'{"text":"\\x"}', b'{"text":"\xff"}', b'{"text":"\\ud800"}', b'{"text":"\x01"}',
        b'\xef\xbb\xbf{"text":"a"}',
        b'{"text":"a","id":1.5}', b'{"text":"a","id":true}', b'{"text":"a","id":[]}', b'{"text":"a","id":-0}', b' {"text":"a"}',
        b'{"text":"a","id":1234567890123456789}', b'{"text":"a","id":"\\n"}', b'{"text":"a","b":01}', b'{"text":"a","b":1.}',
        b'{"text":"a","b":.5}', b'{"text":"a","b":+1}', b'{"text":"a","b":-}', b'{"text":"a","b":1e}', b'{"text":"a","b":nul}',
        b'{"text":"a","b":tru}', b'{"text":"a","b":falsy}', b'{"text":"a","b":[1,]}', b'{"text":"a","b":[1}',
        b'{"text":"a","b":{"c"}}',
        b'{"text":"a","b":{1:2}}', b'{"text":"a","b":[}}', b'{"text":"a","b":"\\u12"}', b'{"text":"a","b":"\\ud800"}',
        b'{"text":"a","b":"\\udc00"}', b'{"text":"a","b":"\xe4\xb8"}', b'{"text":"a","b":"\n"}', b'{"text":"a","\x01":1}',
        b'{"text":"a","b":' + b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1) + b"}",
    ],
)  # fmt: skip
def test_a_line_that_is_not_plainly_a_document_is_left_to_the_decoder(line) -> None:
    good = b'{"text": "a", "id": "b"}\n'
    assert found(good + good, PLAIN) is not None
    if line:
        assert found(good + line + b"\n" + good, PLAIN) is None
        assert found(line, PLAIN) is None


def test_fields_within_others_are_left_to_the_decoder() -> None:
    data = b'{"meta": {"lang": "zh"}, "text": "a"}'
    assert find_documents(data, "text", "id", ["meta.lang"]) is None
    assert find_documents(data, "text", "text", []) is None
    assert contents(corpus_rows.json_rows(block(data), Labels(language_field="meta.lang"), stop=True))[4] == ["zh"]


def test_a_value_may_hold_as_many_levels_as_there_are_bits_for() -> None:
    depth = MOST_DEPTH - 1
    data = b'{"b":' + b'[{"c":' * (depth // 2) + b"1" + b"}]" * (depth // 2) + b',"text":"a"}'
    assert found(data, PLAIN) is not None


def test_many_short_objects_without_a_text_need_no_room() -> None:
    assert found(b"{}\n" * 1000, PLAIN) is None
    rows = found(b'{"text":""}\n' * 999 + b'{"text":""}', PLAIN)
    assert rows is not None
    assert len(rows[2]) == 1000
