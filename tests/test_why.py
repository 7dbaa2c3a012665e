"""`tokkit why`: the merge path, what keeps a token from coming out, and its use in counted text."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

from tokkit import counts
from tokkit.counts import count_texts
from tokkit.encode import merge_parts
from tokkit.errors import InputError
from tokkit.formats import tiktoken
from tokkit.vocabulary import Segment
from tokkit.why import Merge, Node, explain, token_of


@pytest.fixture
def run(run):
    return partial(run, "why")


@pytest.fixture
def dead(tiny):
    """Tiny with `thin` appended: its halves are `th` and `in`; and with `heing`, whose bytes `in` and `ing` take."""
    tokens = (*tiny.tokens, b"thin", b"hein")
    return replace(tiny, name="dead", tokens=tokens, segments=(Segment("prefix", 0, len(tokens)),))


def leaves(node: Node) -> bytes:
    return b"".join(map(leaves, node.parts)) if node.parts else node.token


def test_every_merge_path_adds_up_to_its_token(tiny, chinese):
    for vocabulary in (tiny, chinese):
        for token_id in range(256, len(vocabulary.tokens), 997 if vocabulary is chinese else 1):
            token = vocabulary.tokens[token_id]
            why = explain(vocabulary, token)
            if why.dead:
                assert why.tree is None
                continue
            assert why.tree is not None
            assert leaves(why.tree) == token
            assert [part.token_id for part in why.tree.parts] == merge_parts(vocabulary)[token_id].tolist()


def test_the_merges_are_told_in_order(tiny):
    why = explain(tiny, b" theing")
    assert why.merges == (
        Merge(256, 1, 2, 3),
        Merge(257, 1, 3, 4),
        Merge(258, 0, 1, 4),
        Merge(259, 4, 5, 6),
        Merge(260, 4, 6, 7),
    )
    assert (why.token_id, why.ids, why.pretokens) == (None, (258, 260), (b" theing",))


def test_a_token_that_merging_gives_names_its_parents(tiny):
    assert explain(tiny, b"th").parents == (257,)
    assert explain(tiny, b"the").parents == (258,)
    assert explain(tiny, b"t").parents == (256,)
    assert explain(tiny, b"ing").parents == ()


def test_a_dead_token_says_what_outranks_it(dead):
    alive = explain(dead, b"thin")
    assert (alive.dead, alive.token_id, alive.crossings) == (False, 262, ())
    why = explain(dead, b"hein")
    assert (why.dead, why.tree, why.ids) == (True, None, (104, 101, 259))
    assert why.crossings == ()
    crossed = replace(dead, tokens=(*dead.tokens[:262], b"hi", b"nk", b"hink"), segments=())
    why = explain(crossed, b"hink")
    assert (why.dead, why.ids) == (True, (104, 259, 107))
    assert [(each.left, each.right, each.merge) for each in why.crossings] == [(262, 263, Merge(259, 1, 2, 3))]


def test_counts_say_where_it_comes_out_and_what_covers_it(tiny):
    table = count_texts(["the thing, the other; thth ath"] * 3, tiny.pattern)
    use = explain(tiny, b"th", table=table).use
    assert use is not None
    assert (use.occurrences, use.pretokens) == (21, 6)
    assert use.instead == {(257,): 6, (258,): 3}
    assert (use.used, use.used_pretokens) == (12, 3)


def test_occurrences_are_used_or_covered_and_equal_a_plain_count(chinese):
    text = "我们训练模型，模型训练我们。我们的模型很好，我们我们。"
    table = count_texts([text], chinese.pattern)
    for token in ("我们".encode(), "模".encode(), "模型".encode()[1:4], "们".encode()):
        use = explain(chinese, token, table=table).use
        assert use is not None
        assert use.occurrences == text.encode().count(token)
        assert use.used + sum(use.instead.values()) == use.occurrences
        ids = chinese.encode(text)
        assert use.used == ids.count(chinese.ranks.get(token, -1))


def test_a_row_is_not_left_when_bytes_run_over_to_the_next(tiny):
    table = count_texts(["xt hx"], r"\S+|\s+")
    assert [table.pretoken(row) for row in range(len(table))] == [b" ", b"hx", b"xt"]
    use = explain(replace(tiny, pattern=r"\S+|\s+"), b"xx", table=table).use
    assert use is not None
    assert (use.occurrences, use.pretokens) == (0, 0)
    use = explain(replace(tiny, pattern=r"\S+|\s+"), b"x", table=table).use
    assert use is not None
    assert (use.occurrences, use.used) == (2, 2)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("id:999", "tiny_padded has no token with id 999"),
        ("base64:4L", "not base64: 4L"),
        ("base64:", "an empty token"),
        ("", "an empty token"),
    ],
)
def test_what_names_no_token_is_refused(tiny_padded, argument, message):
    with pytest.raises(InputError) as caught:
        token_of(tiny_padded, argument)
    assert caught.value.message == message


def test_special_tokens_have_no_path(tiny_padded):
    for argument in ("<|spare_0|>", "id:263"):
        token, token_id = token_of(tiny_padded, argument)
        why = explain(tiny_padded, token, token_id)
        assert (why.special, why.token_id, why.segment, why.tree, why.dead) == (True, 263, "spare", None, False)
        assert 263 not in why.ids
    assert why.step == {"step": "pad", "tool": "tokkit 0.1.0", "multiple": 1}


def test_a_hole_has_no_token(cl100k):
    with pytest.raises(InputError, match="no token with id 100256"):
        token_of(cl100k, "id:100256")


def test_the_picture_of_a_token(run, chinese, tmp_path):
    path = tmp_path / "chinese.tiktoken"
    tiktoken.save(chinese, path)
    token_id = chinese.ranks["我们".encode()]
    code, out, err = run(path, "我们")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"`我们`: id {token_id} of chinese, 6 bytes, segment {chinese.segment_of(token_id)}"
    assert any(line.startswith(f"  made of     `我们` ({token_id})") for line in lines)
    assert f"              ├─ `我` ({chinese.ranks['我'.encode()]})" in lines


def test_the_picture_of_a_text_that_is_no_token(run):
    assert run("cl100k_base", "训练") == (
        0,
        (
            "`训练`: no token of cl100k_base, its bytes come to 4 tokens\n"
            "  cut into    `\\xE8\\xAE` (10414) | `\\xAD` (255) | `\\xE7\\xBB` (12774) | `\\x83` (225)\n"
            "  merged      `\\xE8\\xAE` (10414) of `\\xE8` and `\\xAE`\n"
            "              `\\xE7\\xBB` (12774) of `\\xE7` and `\\xBB`\n"
            "  no token    `训`, `\\xAD\\xE7\\xBB`, `练`\n"
        ),
        "",
    )


def test_the_document(run, tiny, tmp_path):
    path, table = tmp_path / "tiny.tiktoken", tmp_path / "counts.parquet"
    tiktoken.save(tiny, path)
    counts.save(count_texts(["the thing"], tiny.pattern), table)
    code, out, _ = run(path, "base64:dGg=", "--on", table, "--json")
    assert code == 0
    document = json.loads(out)
    assert (document["id"], document["dead"], document["special"]) == (256, False, False)
    assert [part["id"] for part in document["tree"]["parts"]] == [116, 104]
    assert document["part_of"] == [{"id": 257, "base64": "dGhl", "display": "the"}]
    assert document["use"]["occurrences"] == 2
    assert document["use"]["used"] == 1
    assert document["use"]["instead"][0]["count"] == 1


def test_counts_of_another_pattern_are_refused(run, tiny, tmp_path):
    path, table = tmp_path / "tiny.tiktoken", tmp_path / "counts.parquet"
    tiktoken.save(tiny, path)
    counts.save(count_texts(["the thing"], "r50k_base"), table)
    code, _, err = run(path, "th", "--on", table)
    assert code == 2
    assert err.startswith("error: the counts were cut by another pattern than the vocabulary's: ")


def test_a_tokens_file_has_the_count_at_learning(run, tiny, tmp_path):
    from tokkit.formats import tokens
    from tokkit.learn import LearnedTokens

    path, learned = tmp_path / "tiny.tiktoken", tmp_path / "zh.tokens"
    tiktoken.save(tiny, path)
    tokens.save(LearnedTokens((b"ing",), (77,), (5,), tiny.sha256, tiny.pattern), learned)
    _, out, _ = run(path, "ing", "--on", learned)
    assert "  learned     it stood 77 times in 5 pretokens\n" in out


def test_bytes_that_the_pattern_cuts_are_told(tiny):
    why = explain(tiny, b"the ing")
    assert why.pretokens == (b"the", b" ing")
