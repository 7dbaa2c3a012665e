"""`tokkit diff` and the id map: exact on small vocabularies, true on released ones, the same bytes every time."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.hostile import HOSTILE
from tokkit import counts
from tokkit.compare import diff, diff_on_counts, diff_on_texts
from tokkit.compare_map import ENCODED, NONE, SAME, SPECIAL, IdMap, id_map, npz_bytes
from tokkit.counts import count_texts
from tokkit.encode import encode_bytes
from tokkit.errors import InputError, MismatchError
from tokkit.foreign import ForeignVocabulary
from tokkit.formats import tiktoken
from tokkit.vocabulary import Segment

ROOT = Path(__file__).parents[1]
TOKENIZERS = Path(__file__).resolve().parents[2] / "shared" / "tokenizers"


@pytest.fixture
def run(run):
    return partial(run, "diff")


@pytest.fixture
def changed(tiny_padded):
    """The tiny vocabulary without `ing`, with `qu` before the rest, one special renamed and one moved."""
    tokens = (*tiny_padded.tokens[:256], b"qu", *tiny_padded.tokens[256:260], tiny_padded.tokens[261])
    return replace(
        tiny_padded,
        name="changed",
        tokens=tokens,
        special_tokens={"<|begin|>": 262, "<|spare_1|>": 263, "<|spare_0|>": 265},
        segments=(Segment("prefix", 0, 256), Segment("learned:x", 256, 262), Segment("special", 262, 266)),
    )


def rows_of(found: IdMap) -> list[list[int]]:
    return [found.ids[first:last].tolist() for first, last in zip(found.starts, found.starts[1:], strict=False)]


def test_every_token_is_the_same_or_added_or_removed_or_moved(tiny_padded, changed):
    found = diff(tiny_padded, changed)
    assert (found.same, found.added, found.removed) == (257, (256,), (260,))
    assert found.moved == ((256, 257), (257, 258), (258, 259), (259, 260))
    assert (found.added_segments, found.removed_segments) == ({"learned:x": 1}, {"prefix": 1})
    assert found.moved_segments == {"learned:x": 4}
    assert found.specials_renamed == {262: ("<|end|>", "<|begin|>")}
    assert found.specials_moved == {"<|spare_1|>": (264, 263), "<|spare_0|>": (263, 265)}
    assert (found.specials_added, found.specials_removed) == ({}, {})
    assert not found.is_empty


def test_a_vocabulary_is_the_same_as_itself_whatever_its_name(tiny_padded):
    assert diff(tiny_padded, replace(tiny_padded, name="other", segments=())).is_empty
    assert not diff(tiny_padded, replace(tiny_padded, pattern=r"\S+|\s+")).is_empty


def test_counts_equal_what_encoding_each_text_gives(prefix, chinese):
    texts = ["我们训练模型，模型训练我们。", "the end of the thing", "模型很好 the end", *HOSTILE.values()]
    found = diff_on_counts(prefix, chinese, count_texts(texts, prefix.pattern))
    assert found.tokens_before == sum(len(prefix.encode(text)) for text in texts)
    assert found.tokens_after == sum(len(chinese.encode(text)) for text in texts)
    assert 0 < found.occurrences_changed < found.occurrences
    table = count_texts(texts, prefix.pattern)
    changed = [
        row
        for row in range(len(table))
        if [prefix.tokens[each] for each in encode_bytes(prefix, table.pretoken(row), shortcut=True)]
        != [chinese.tokens[each] for each in encode_bytes(chinese, table.pretoken(row), shortcut=True)]
    ]
    assert found.distinct_changed == len(changed)
    assert found.occurrences_changed == int(table.counts[changed].sum())
    assert list(found.examples) == sorted(found.examples, key=lambda each: (-each.count, each.text))


def test_the_same_number_of_tokens_cut_elsewhere_is_a_change(tiny):
    one = replace(tiny, tokens=(*tiny.tokens[:256], b"ab"), segments=())
    two = replace(tiny, tokens=(*tiny.tokens[:256], b"bc"), segments=())
    found = diff_on_counts(one, two, count_texts(["abc"], tiny.pattern))
    assert (found.tokens_before, found.tokens_after, found.occurrences_changed) == (2, 2, 1)


def test_new_ids_alone_change_no_text(tiny_padded):
    tokens = (*reversed(tiny_padded.tokens[:256]), *tiny_padded.tokens[256:])
    other = replace(tiny_padded, tokens=tokens)
    found = diff_on_counts(tiny_padded, other, count_texts(["the thing"], tiny_padded.pattern))
    assert (found.occurrences_changed, found.tokens_before) == (0, found.tokens_after)
    assert len(diff(tiny_padded, other).moved) == 256


def test_counts_of_another_pattern_are_refused(tiny, prefix):
    with pytest.raises(MismatchError, match="not cut by one pattern"):
        diff_on_counts(tiny, prefix, count_texts(["a"], "r50k_base"))


def test_texts_of_another_pattern_are_compared_in_stretches(cl100k):
    other = replace(cl100k, name="other", pattern=r"\p{N}|[^\p{N}]+")
    texts = ["in 2024 and 2024 again"]
    found = diff_on_texts(cl100k, other, texts)
    assert found.tokens_before == len(cl100k.encode(texts[0]))
    assert found.tokens_after == len(other.encode(texts[0]))
    assert (found.examples[0].text, found.examples[0].count) == (b"2024", 2) or found.examples[0].text == b"202"


def test_a_text_that_is_changed_before_encoding_is_refused(tiny):
    foreign = ForeignVocabulary("lower", "lower case", (b"a",), {}, "00", (), lambda texts: [[0] for _ in texts])
    with pytest.raises(InputError, match="lower changes texts"):
        diff_on_texts(foreign, tiny, ["AB"])


# The id map


def test_every_id_maps_to_what_its_bytes_are_before(prefix, chinese):
    found = id_map(prefix, chinese)
    rows = rows_of(found)
    assert len(rows) == chinese.n_vocab
    assert rows[: len(prefix.tokens)] == [[token_id] for token_id in range(len(prefix.tokens))]
    for token_id in range(len(prefix.tokens), len(chinese.tokens)):
        assert found.kinds[token_id] == ENCODED
        assert b"".join(prefix.tokens[each] for each in rows[token_id]) == chinese.tokens[token_id]
        assert rows[token_id] == encode_bytes(prefix, chinese.tokens[token_id], shortcut=True), token_id
    assert set(found.kinds[len(chinese.tokens) :].tolist()) == {NONE}
    assert all(row == [] for row in rows[len(chinese.tokens) :])


def test_the_pattern_of_the_old_vocabulary_cuts_new_tokens(tiny):
    new = replace(tiny, tokens=(*tiny.tokens, b"the in"), pattern=r".+", segments=())
    old = replace(tiny, tokens=(*tiny.tokens[:-1], b"e i"), segments=())
    assert rows_of(id_map(old, new))[-1] == [257, 32, 259]


def test_special_tokens_go_by_their_names(tiny_padded, changed):
    found = id_map(tiny_padded, changed)
    rows = rows_of(found)
    assert [rows[token_id] for token_id in (262, 263, 264, 265)] == [[], [264], [], [263]]
    assert found.kinds[262:].tolist() == [NONE, SPECIAL, NONE, SPECIAL]
    assert found.kinds[256:258].tolist() == [ENCODED, SAME]


def test_a_foreign_tokenizer_maps_byte_fallbacks_and_spaces_put_first(tiny):
    pieces = {" a": 3, "b": 4, "\n": 5}

    def encode(texts):
        out = []
        for text in texts:
            parts = re.findall(" a|b|\n| ", " " + text)
            out.append([pieces[part] for part in parts if part in pieces])
        return out

    tokens = (b"", b"\xe4", b"b", b" a", b"b", b"\n")
    foreign = ForeignVocabulary(
        "spm", "a space first", tokens, {"<unk>": 0}, "00", (), encode, kinds=(2, 6, 6, 1, 1, 1)
    )
    new = replace(tiny, tokens=(b"b", b"\xe4", b"\xe4\xe4", b"bb", b"\xe4\xff"), segments=())
    assert rows_of(id_map(foreign, new)) == [[4], [1], [1, 1], [4, 4], []]


def test_the_file_is_the_same_every_time_and_holds_no_pickle(tiny_padded, changed):
    first = npz_bytes(id_map(tiny_padded, changed))
    assert npz_bytes(id_map(tiny_padded, changed)) == first
    file = np.load(io.BytesIO(first), allow_pickle=False)
    assert [(name, file[name].dtype.str) for name in file] == [
        ("starts", "<i8"), ("ids", "<i4"), ("kinds", "|u1"), ("before_n_vocab", "<i8"), ("before_sha256", "<U64"),
        ("after_sha256", "<U64"),
    ]  # fmt: skip
    assert str(file["before_sha256"]) == tiny_padded.sha256
    assert int(file["before_n_vocab"]) == 265


@pytest.mark.corpus
def test_from_the_first_internlm_to_the_second():
    """The second dropped the first's last 852 words and added some characters; no word of it is new."""
    if not TOKENIZERS.is_dir():
        pytest.skip(f"no {TOKENIZERS}")
    pytest.importorskip("sentencepiece")
    from tokkit.formats.any import read

    one, two = read(TOKENIZERS / "internlm1.model"), read(TOKENIZERS / "internlm2.model")
    found = diff(one, two)
    moved = {two.tokens[new]: new - old for old, new in found.moved if 68_251 <= new < 92_352}
    assert len(moved) == 24_101
    assert set(moved.values()) == {851}
    # 31,969 of the 32,044 that are no part of cl100k were in the first.
    assert len(found.added) == 32_044 - 31_969 == 75
    assert [two.tokens[new].decode() for new in found.added if len(two.tokens[new].decode()) > 1] == ["——"]
    mapped = id_map(one, two)
    assert np.flatnonzero(mapped.kinds == SPECIAL).tolist() == [0, 1, 2]


# The command, and the page


def test_the_lines_and_the_exit_codes(run, tiny_padded, changed, tmp_path):
    old, new = tmp_path / "old.tiktoken", tmp_path / "new.tiktoken"
    tiktoken.save(replace(tiny_padded, name="old"), old)
    changed = replace(changed, name="new", special_tokens={"<|begin|>": 262}, segments=changed.segments[:2])
    tiktoken.save(replace(changed, segments=(*changed.segments, Segment("special", 262, 263))), new)
    text = (
        "entries    265 -> 263 (-2)\n"
        "same       257 tokens of the same id\n"
        "added      1 token: 1 learned:x\n"
        "           `qu` (256)\n"
        "removed    1 token: 1 prefix\n"
        "           `ing` (260)\n"
        "moved      4 tokens: 4 learned:x\n"
        "           `th` (257) `the` (258) ` the` (259) `in` (260)\n"
        "           4 by +1\n"
        "special    2 gone: <|spare_0|> (263), <|spare_1|> (264)\n"
        "special    1 renamed: 262 <|end|> -> <|begin|>\n"
    )
    assert run(old, new) == (0, text, "")
    assert run(old, new, "--exit-code") == (1, text, "")
    assert run(old, old, "--exit-code") == (0, "same       262 tokens, special tokens and pattern\n", "")


def test_text_and_map(run, tiny_padded, tmp_path):
    old, table, target = tmp_path / "old.tiktoken", tmp_path / "counts.parquet", tmp_path / "map.npz"
    tiktoken.save(tiny_padded, old)
    counts.save(count_texts(["the thing is quick"], tiny_padded.pattern), table)
    code, out, err = run(old, old, "--on", table, "--map", target)
    assert (code, err) == (0, f"wrote the ids of old.tiktoken for 265 ids of old.tiktoken to {target}\n")
    assert "tokens     13 -> 13 (+0.00 %)\ntext       0 of 4 (0.00 %) pretokens are cut differently" in out
    assert np.load(target)["kinds"].tolist() == [SAME] * 262 + [SPECIAL] * 3
    assert run(old, old, "--map", tmp_path / "map.txt")[0] == 2
    other = tmp_path / "other.tiktoken"
    tiktoken.save(replace(tiny_padded, name="other", pattern=r"\S+|\s+"), other)
    code, _, err = run(old, other, "--on", table)
    assert code == 2
    assert err.endswith("hint: give the corpus itself\n")


def test_the_document(run, tiny_padded, changed, tmp_path):
    old, new, text = tmp_path / "old.tiktoken", tmp_path / "new.tiktoken", tmp_path / "text.txt"
    tiktoken.save(tiny_padded, old)
    tiktoken.save(replace(changed, pattern=r"\S+|\s+", special_tokens={}, segments=changed.segments[:2]), new)
    text.write_text("the thing 我们 thing", "utf-8")
    code, out, _ = run(old, new, "--json", "--on", text)
    document = json.loads(out)
    assert code == 0
    assert (document["equal"], document["same"]) == (False, 257)
    assert document["added"] == [{"id": 256, "base64": "cXU=", "display": "qu"}]
    assert document["removed"] == [{"id": 260, "base64": "aW5n", "display": "ing"}]
    assert document["moved"][0] == {"before": 256, "after": 257, "base64": "dGg=", "display": "th"}
    assert document["specials_removed"] == {"<|end|>": 262, "<|spare_0|>": 263, "<|spare_1|>": 264}
    assert (document["text"]["tokens_before"], document["text"]["tokens_after"]) == (14, 16)
    assert document["text"]["examples"] == [
        {"base64": "aW5n", "display": "ing", "count": 2, "before": [260], "after": [260, 103]}
    ]


def test_the_page_on_embeddings_is_true():
    page = (ROOT / "docs" / "embeddings.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], "docs/embeddings.md", "exec"), {})  # the page is ours
