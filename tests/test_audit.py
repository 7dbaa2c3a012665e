"""Audits: what is counted equals the plain count, bad tokens are found with their evidence, and good ones are left alone."""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tokkit import counts
from tokkit.audit import audit, veto_lines
from tokkit.audit_documents import Text
from tokkit.audit_findings import KINDS, Thresholds
from tokkit.audit_rules import clause, stacked, unwanted_character
from tokkit.audit_tallies import tally, unspaced_characters
from tokkit.corpus import Labels, blocks, find
from tokkit.counts import combine, count_texts, reweight
from tokkit.encode import encode_bytes, merge_parts
from tokkit.errors import InputError, MismatchError
from tokkit.foreign import ForeignVocabulary
from tokkit.formats import sentencepiece, tiktoken
from tokkit.learn import learn
from tokkit.pretokenize import PATTERNS, split_bytes
from tokkit.veto import parse_veto
from tokkit.vocabulary import Segment, Vocabulary

SEED = 20_231
BYTES = Vocabulary("bytes", PATTERNS["cl100k_base"], tuple(bytes([byte]) for byte in range(256)))
WORDS = (  # noqa: SIM905 - words read best as words
    "我们 中国 经济 发展 社会 问题 学生 教师 城市 农村 技术 研究 工作 生活 文化 历史 国家 政府 市场 企业 科学 世界 时间 "
    "中华人民共和国 北京 上海 天气 音乐 电影 医院 的 在 和 是 了 不 有 人 大 小"
).split()
BOILERPLATE = "该文章来自豆果美食达人作者"


def ordinary_texts(n: int, seed: int = SEED) -> list[str]:
    draw = random.Random(seed)
    clauses = ["".join(draw.choices(WORDS, k=draw.randint(3, 8))) for _ in range(6 * n)]
    return ["，".join(clauses[6 * i : 6 * i + 6]) + "。" for i in range(n)]


def learned_on(table: counts.CountsTable, size: int, **options) -> Vocabulary:
    tokens = learn(table, BYTES, size, script="Han", **options).tokens
    segments = (Segment("prefix", 0, 256), Segment("learned:zh", 256, 256 + size))
    return replace(BYTES, name="zh", tokens=BYTES.tokens + tokens, segments=segments)


def with_tokens(*tokens: bytes) -> Vocabulary:
    """The bytes and learned tokens, whatever merging makes of them."""
    segments = (Segment("prefix", 0, 256), Segment("learned:x", 256, 256 + len(tokens)))
    return replace(BYTES, name="made", tokens=BYTES.tokens + tokens, segments=segments)


@pytest.fixture(scope="module")
def clean() -> counts.CountsTable:
    return count_texts(ordinary_texts(300), language="zh", domain="web")


@pytest.fixture(scope="module")
def copied() -> counts.CountsTable:
    """The same kind of text, with a copied line under every document."""
    return count_texts([f"{text}\n{BOILERPLATE}\n" for text in ordinary_texts(300)], language="zh", domain="food")


def found_by(result) -> dict[str, str]:
    return {each.use.token.decode(): each.kind for each in result.findings}


# What is counted


def test_the_tallies_are_the_plain_counts(clean):
    other = count_texts(["我们发展。" * 3, "们中", BOILERPLATE], language="zh", domain="law")
    table = combine([clean, other])
    vocabulary = learned_on(table, 150)
    tallies = tally(vocabulary, table)
    uses = Counter[tuple[int, int]]()
    around: dict[bytes, list[int]] = {}
    for row in range(len(table)):
        pretoken, count = table.pretoken(row), int(table.counts[row])
        for token_id in encode_bytes(vocabulary, pretoken, shortcut=True):
            uses[token_id, int(table.slice_ids[row])] += count
        total = around.setdefault(pretoken, [0, 0])
        total[0] += count
        total[1] += int(table.documents[row])
    formed = tallies.uses.sum(axis=1)
    for token_id in range(len(vocabulary.tokens) - 1, 255, -1):
        for part in merge_parts(vocabulary)[token_id].tolist():
            formed[part] += formed[token_id]
    assert tallies.formed is not None
    assert np.array_equal(tallies.formed, formed)
    for token_id, token in enumerate(vocabulary.tokens):
        assert tallies.uses[token_id].tolist() == [uses[token_id, part] for part in range(2)], token
        if not tallies.unspaced[token_id]:
            continue
        text = token.decode()
        starts = {each: len(re.findall(f"(?={text})", each.decode())) for each in around}
        having = sorted((each for each, times in starts.items() if times), key=lambda each: -around[each][0])
        assert tallies.occurrences[token_id] == sum(starts[each] * around[each][0] for each in having), text
        assert tallies.pretokens[token_id] == len(having), text
        documents = [around[each][1] for each in having]
        assert tallies.fewest_documents[token_id] == max(documents, default=0), text
        assert tallies.most_documents[token_id] == sum(documents), text
        top = [int(tallies.counts[row]) for row in tallies.top[token_id].tolist() if row >= 0]
        assert top == [around[each][0] for each in having[:3]], text
    assert tallies.unspaced.sum() > 30


def test_expected_occurrences_follow_the_mixture():
    table = combine(
        [
            count_texts(["ab" * 50], r"(?s)..", language="en", domain="one"),
            count_texts(["cd" * 150], r"(?s)..", language="en", domain="two"),
        ]
    )
    vocabulary = replace(with_tokens(b"ab", b"cd"), pattern=r"(?s)..")
    plain = audit(vocabulary, table, training_tokens=1000, min_expected=251)
    assert [use.expected for use in plain.tokens] == pytest.approx([250, 750])
    assert plain.rare == (256,)
    assert plain.per_use == 5
    weights = {("en", "one"): 0.9, ("en", "two"): 0.1}
    mixed = audit(vocabulary, table, training_tokens=1000, min_expected=251, weights=weights)
    assert [use.expected for use in mixed.tokens] == pytest.approx([900, 100])
    assert mixed.rare == (257,)
    assert [dict(use.slices) for use in mixed.tokens] == [{"en-one": 50}, {"en-two": 150}]


# The documents, in the text


@pytest.fixture(scope="module")
def mixed_texts() -> list[tuple[str, str]]:
    """Slice and text of documents: both scripts, empty ones, and lines that several of them have."""
    draw = random.Random(SEED)
    words = ["the", "cat", "sat", "there", "while", "zyzzyva", "sang"]
    out = []
    for number, text in enumerate(ordinary_texts(400)):
        english = " ".join(draw.choices(words, k=draw.randint(0, 9)))
        out.append((("law", "web", "food")[number % 3], f"{text}\n{english}" if number % 4 else english))
    return [*out, ("web", ""), ("web", f"{BOILERPLATE}\n" * 9)]


@pytest.fixture(scope="module")
def mixed_files(tmp_path_factory, mixed_texts) -> list[str]:
    folder = tmp_path_factory.mktemp("mixed")
    for part in range(3):
        lines = [json.dumps({"domain": domain, "text": text}) for domain, text in mixed_texts[part::3]]
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return [str(folder / f"{part}.jsonl") for part in range(3)]


def with_both_scripts(tokens: tuple[bytes, ...]) -> Vocabulary:
    return with_tokens(*tokens, b" c", b" ca", b" cat", b"at", b" zy", b" zyz", b" zyzz", b" zyzzy", b" zyzzyva")


def test_the_documents_are_the_plain_count_for_any_number_of_jobs(mixed_texts, mixed_files):
    labels = Labels(domain_field="domain")
    files = find(mixed_files, labels)
    table = counts.count(files, labels).table
    vocabulary = with_both_scripts(learned_on(table, 120).tokens[256:])
    expected = Counter[int]()
    for _, text in mixed_texts:
        pretokens = set(split_bytes(text.encode(), vocabulary.pattern))
        emitted = {each for pretoken in pretokens for each in encode_bytes(vocabulary, pretoken, shortcut=True)}
        for token_id, token in enumerate(vocabulary.tokens):
            unspaced = unspaced_characters([token])[0] >= 2
            expected[token_id] += any(token in each for each in pretokens) if unspaced else token_id in emitted
    results = [audit(vocabulary, table, text=Text(files, labels, jobs)) for jobs in (1, 2)]
    assert results[0] == results[1]
    assert results[0].documents_counted
    for use in results[0].tokens:
        assert use.documents == (expected[use.id],) * 2, use.token
    bounds = {use.id: use.documents for use in audit(vocabulary, table).tokens}
    assert sum(low < expected[each] < high for each, (low, high) in bounds.items()) > 20
    for each, (low, high) in bounds.items():
        assert low <= expected[each] <= high, vocabulary.tokens[each]


def test_a_text_file_in_blocks_is_one_document(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "__kwdefaults__", {"block_bytes": 64})
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("我们发展 the cat\n" * 50, "utf-8")
    files = find([str(tmp_path)])
    assert len(list(blocks(files[0]))) > 5
    table = counts.count(files).table
    result = audit(with_tokens("我们".encode(), b" c", b" ca", b" cat"), table, text=Text(files, jobs=2))
    assert [use.documents for use in result.tokens] == [(3, 3), (0, 0), (0, 0), (3, 3)]


def test_another_text_than_was_counted_is_refused(mixed_files, tmp_path):
    labels = Labels(domain_field="domain")
    table = counts.count(find(mixed_files, labels), labels).table
    vocabulary = with_both_scripts(())
    with pytest.raises(MismatchError, match="not what the counts were made from: it has 268 documents"):
        audit(vocabulary, table, text=Text(find(mixed_files[:2], labels), labels))
    (tmp_path / "other.txt").write_text("xylophone", "utf-8")
    with pytest.raises(MismatchError, match=r"other\.txt has pretokens that the counts lack"):
        audit(vocabulary, table, text=Text(find([str(tmp_path)])))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_text_that_differs_from_the_first_of_many_blocks_on_is_refused_at_once(mixed_files, tmp_path, jobs):
    """What is still to be read waits for nobody: an audit that waited for the state of a worker that had stopped never ended."""
    table = counts.count(find(mixed_files, Labels(domain_field="domain")), Labels(domain_field="domain")).table
    for number in range(8):
        (tmp_path / f"{number}.jsonl").write_text('{"text": "xylophone"}\n', "utf-8")
    with pytest.raises(MismatchError, match=r"\d\.jsonl has pretokens that the counts lack"):
        audit(with_both_scripts(()), table, text=Text(find([str(tmp_path)]), jobs=jobs))


# What is found


def test_a_clean_vocabulary_gives_no_finding(clean):
    result = audit(learned_on(clean, 200), clean)
    assert found_by(result) == {}
    assert {"我们", "中华人民共和国", "的"} <= {use.token.decode("utf-8", "replace") for use in result.tokens}


def test_a_copied_line_is_found_with_the_pretoken_that_it_came_from(clean, copied):
    table = combine([clean, copied])
    result = audit(learned_on(table, 200), table)
    kinds = found_by(result)
    assert kinds[BOILERPLATE] == "boilerplate"
    assert all(text in BOILERPLATE for text in kinds), kinds
    worst = next(each for each in result.findings if each.use.token.decode() == BOILERPLATE)
    assert worst.score == pytest.approx(math.sqrt(300))
    assert worst.why == "300 occurrences in 1 distinct pretoken"
    assert worst.evidence == ((BOILERPLATE.encode(), 300),)
    assert worst.use.documents == (300, 300)
    assert [each.score for each in result.findings] == sorted((each.score for each in result.findings), reverse=True)


def test_learning_with_the_veto_drops_exactly_what_was_found(clean, copied):
    table = combine([clean, copied])
    before = learned_on(table, 200)
    result = audit(before, table)
    veto = parse_veto(veto_lines(result).encode(), "veto.txt")
    found = {each.use.token for each in result.findings}
    assert {token for token in before.tokens if veto.forbids(token)} == found
    after = learned_on(table, 200 + len(found), veto=veto)
    assert set(before.tokens) - set(after.tokens) == found


def test_vetoes_come_to_an_end(clean, copied):
    table = combine([clean, copied])
    lines = ""
    rounds: list[int] = []
    while not rounds or rounds[-1]:
        result = audit(learned_on(table, 200, veto=parse_veto(lines.encode(), "veto.txt")), table)
        lines += veto_lines(result)
        rounds.append(len(result.findings))
        assert len(rounds) < 8, rounds


def test_a_token_that_breaks_the_promise_of_its_rank_is_found_on_other_text(clean, copied):
    vocabulary = learned_on(combine([clean, copied]), 200)
    result = audit(vocabulary, count_texts(ordinary_texts(1500, seed=SEED + 1)))
    kinds = found_by(result)
    assert kinds[BOILERPLATE] == "boilerplate"
    assert {"我们", "中华人民共和国"}.isdisjoint(kinds)
    why = next(each.why for each in result.findings if each.use.token.decode() == BOILERPLATE)
    assert re.fullmatch(r"never here, where tokens of its rank stand [\d,]+ times", why)


def test_a_word_of_few_documents_is_one_source():
    texts = ["the cat sat there"] * 50 + ["zyzzyva " * 40]
    vocabulary = with_tokens(b" c", b" ca", b" cat", b"zy", b" zy", b"zzyva", b" zyzzyva")
    result = audit(vocabulary, count_texts(texts, language="en", domain="web"))
    assert [(each.use.token, each.kind, each.why) for each in result.findings] == [
        (b" zyzzyva", "one-source", "39 occurrences in 1 document at most")
    ]


def test_a_phrase_of_one_slice_is_one_source(clean):
    phrases = [f"患者朋友{word}" for word in WORDS[:5]]
    medical = count_texts([f"{phrases[i % 5]}，{text}" for i, text in enumerate(ordinary_texts(40))], domain="medical")
    others = [replace(clean, slices=(replace(clean.slices[0], domain=name),)) for name in ("web", "news", "law")]
    table = combine([medical, *others])
    vocabulary = learned_on(count_texts(phrases * 9), 30)
    kinds = found_by(audit(vocabulary, table, kinds=["one-source"]))
    assert kinds["患者朋友"] == "one-source"
    assert "我们" not in kinds


def test_what_a_text_alone_gives_away():
    made = ("\ue004", "\u200b们", "，我，", "赌场大全", "希望你喜欢这个", "你也可以在", "表情👩‍👩‍👧", "中华人民共和国")
    words = parse_veto("# mine\n赌场\n/大全$/\n".encode(), "words.txt")
    result = audit(with_tokens(*(text.encode() for text in made)), count_texts(["无"] * 30), unwanted=[words])
    assert [(each.use.token.decode(), each.kind, each.why) for each in result.findings] == [
        ("\ue004", "hidden-character", "holds a private-use character, U+E004"),
        ("\u200b们", "hidden-character", "holds a zero-width space, U+200B"),
        ("赌场大全", "unwanted-word", "holds the unwanted 赌场"),
        ("希望你喜欢这个", "sentence-shard", "a piece of a sentence of 7 characters, with 你"),
        ("，我，", "sentence-shard", "a mark and 我，, which is no token by itself"),
        ("你也可以在", "function-words", "4 function words in a row: 你 也 可以 在"),
    ]


@pytest.mark.parametrize(
    "text", ["中华人民共和国", "目的地机场大厅", "人民代表大会常务委员会", "设区的市人民政府", "及其他有关部门"]
)
def test_names_are_no_clauses(text):
    assert clause(text, len(text)) is None


@pytest.mark.parametrize("text", ["在这种情况下", "在大多数情况下", "我们可以看到", "就可以出锅了", "的免费停车服务"])
def test_clauses_are_told(text):
    assert clause(text, len(text))


def test_words_are_not_stacked():
    assert [stacked(text) for text in ("的", "我们的", "为什么", "有没有", "社会主义")] == [()] * 5
    assert unwanted_character("我们\t\r\n ‍️") is None


def test_only_the_kinds_that_are_asked_for():
    vocabulary = with_tokens("\ue004".encode(), "我，".encode())
    result = audit(vocabulary, count_texts(["无"]), kinds=["sentence-shard"])
    assert found_by(result) == {"我，": "sentence-shard"}


@pytest.mark.parametrize(
    ("token", "others", "why"),
    [
        ("，我们", ("我们",), None),  # a word with its mark, as ` we` is one with its space
        ("（人民法院", ("人民法院",), None),
        ("，我们", (), "a mark and 我们, which is no token by itself"),
        ("。”我们", ("”我们", "我们"), "a piece of a sentence of 4 characters, with ”我"),
        ("我们，", ("我们",), "a piece of a sentence of 3 characters, with 们，"),
        ("，我们，", ("我们，",), "a piece of a sentence of 4 characters, with 们，"),
        ("我，们", ("们",), "a piece of a sentence of 3 characters, with 我，"),
        ("，我们可以看到", ("我们可以看到",), "a piece of a sentence of 7 characters, with 我"),
        ("，在这种情况下", ("在这种情况下",), "a piece of a sentence of 7 characters, with 在…下"),
    ],
)
def test_a_mark_may_stand_before_a_word_that_is_a_token(token, others, why):
    vocabulary = with_tokens(*(text.encode() for text in (token, *others)))
    found = audit(vocabulary, count_texts(["无"]), kinds=["sentence-shard"]).findings
    assert {each.use.token.decode(): each.why for each in found}.get(token) == why


def test_a_mark_hides_no_stack_of_function_words():
    vocabulary = with_tokens("，你也可以在".encode(), "你也可以在".encode())
    assert found_by(audit(vocabulary, count_texts(["无"]))) == {
        "，你也可以在": "function-words",
        "你也可以在": "function-words",
    }


@pytest.mark.parametrize("text", ["#酒店", "/酒店/", "酒\t店", "酒\n店", "酒\u2028店", "酒店", "//"])
def test_a_veto_file_forbids_exactly_its_tokens(text):
    result = audit(with_tokens(text.encode()), count_texts(["无"]), unwanted=[parse_veto(b"/./", "all")])
    assert len(result.findings) == 1
    veto = parse_veto(veto_lines(result).encode(), "veto.txt")
    assert [veto.forbids(each.encode()) for each in (text, f"x{text}", f"{text}x", f"{text}\n")] == [True, *[False] * 3]


# Other vocabularies, other inputs


def test_a_foreign_vocabulary_is_encoded_by_its_own_rule(clean):
    tokens = ("", "我们", "发展", "现时由南极条约体系管理", "<s>")
    foreign = ForeignVocabulary(
        "foreign",
        "characters, for a test",
        tuple(token.encode() for token in tokens),
        {"<s>": 4},
        "",
        (),
        encode_texts=lambda texts: [[1] * text.count("我们") + [2] * text.count("发展") for text in texts],
    )
    result = audit(foreign, clean)
    assert [use.id for use in result.tokens] == [1, 2, 3]
    totals = [sum(text.count(token) for text in ordinary_texts(300)) for token in tokens[1:3]]
    assert [use.uses for use in result.tokens] == [*totals, 0]
    assert [use.formed for use in result.tokens] == [None] * 3
    assert (result.semantics, result.segments) == ("characters, for a test", ())
    assert found_by(result) == {tokens[3]: "boilerplate"}
    with pytest.raises(InputError, match="cannot be encoded with here"):
        audit(replace(foreign, encode_texts=None), clean)


def test_what_cannot_be_audited_is_refused(clean, tiny):
    vocabulary = with_tokens(b"ab")
    with pytest.raises(InputError, match="the counts are weighted"):
        audit(vocabulary, combine([reweight(clean, {"*": 1}), clean]))
    with pytest.raises(InputError, match="no segment learned:zh") as caught:
        audit(vocabulary, clean, segments=["learned:zh"])
    assert caught.value.hint == "its segments are prefix, learned:x"
    with pytest.raises(InputError, match="no such kind of finding: bad") as caught:
        audit(vocabulary, clean, kinds=["bad"])
    assert caught.value.hint == f"kinds are {', '.join(KINDS)}"
    with pytest.raises(InputError, match="nothing to audit on"):
        audit(vocabulary, count_texts([]))
    with pytest.raises(MismatchError, match="another pattern"):
        audit(replace(vocabulary, pattern=r"\w"), clean)
    assert [use.token for use in audit(vocabulary, clean, segments=["prefix"]).tokens] == []
    assert audit(tiny, clean).segments == ()
    assert len(audit(tiny, clean).tokens) == 6


# The command


@pytest.fixture
def run(run):
    return partial(run, "audit")


@pytest.fixture(scope="module")
def files(tmp_path_factory, clean, copied):
    folder = tmp_path_factory.mktemp("audit")
    table = combine([clean, copied])
    counts.save(table, folder / "counts.parquet")
    tiktoken.save(learned_on(table, 200), folder / "zh.tiktoken")
    return folder


def test_the_command_shows_the_worst_first_and_says_no(run, files):
    veto = files / "veto.txt"
    code, out, err = run(files / "zh.tiktoken", "--on", files / "counts.parquet", "--fail-above", 0, "-o", veto)
    assert code == 1
    lines = out.splitlines()
    assert re.match(
        r"200 tokens of learned:zh on [\d.]+ kB in 2 slices: \d+ used, \d+ never; \d+ serve other", lines[0]
    )
    assert lines[3].startswith("boilerplate: ")
    assert lines[4].split() == ["score", "id", "uses", "token", "slice", "why", "stands", "in"]
    assert f"300 × {BOILERPLATE}" in lines[5]
    found = parse_veto(veto.read_bytes(), "veto.txt").texts
    assert BOILERPLATE in found
    assert err == f"zh: {len(found)} findings: {len(found)} boilerplate\n"
    passing = run(files / "zh.tiktoken", "--on", files / "counts.parquet", "--fail-above", len(found), "-q")
    assert (passing[0], passing[2]) == (0, "")


def test_the_command_prints_one_json_document(run, files, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("医院\n", "utf-8")
    code, out, err = run(
        files / "zh.tiktoken", "--on", files / "counts.parquet", "--json", "--training-tokens", "2T", "--lexicon", words
    )
    document = json.loads(out)
    assert (code, err, document["training_tokens"]) == (0, "", 2 * 10**12)
    assert document["findings"][0]["kind"] == "unwanted-word"
    assert document["findings"][0]["token"]["display"] == "医院"
    by_text = {each["token"]["display"]: each for each in document["tokens"]}
    hospital = by_text["医院"]
    assert hospital["uses"] == sum(part["uses"] for part in hospital["slices"].values())
    assert sum(part["of_its_uses"] for part in hospital["slices"].values()) == pytest.approx(1)
    total = sum(part["tokens"] for part in document["slices"])
    assert hospital["languages"]["zh"] == {
        "uses": hospital["uses"],
        "of_its_uses": 1.0,
        "of_tokens": hospital["uses"] / total,
    }
    assert document["rare"] == [each["id"] for each in document["tokens"] if each["expected"] < 1000]


def test_the_command_counts_documents_in_text_and_bounds_them_in_counts(run, files, mixed_files):
    vocabulary = files / "zh.tiktoken"
    given = [each for path in mixed_files for each in ("--on", path)]
    documents = [
        json.loads(run(vocabulary, *on, "--domain-field", "domain", "--json", "-q", "--jobs", jobs)[1])
        for on in (given, [*given, "--on", files / "counts.parquet"])
        for jobs in (1, 2)
    ]
    assert documents[0] == documents[1]
    counted, bounded = ([each["documents"] for each in documents[at]["tokens"]] for at in (0, 2))
    assert max(counted) > 200
    assert set(bounded) == {None}
    code, out, _ = run(vocabulary, "--on", files / "counts.parquet")
    assert code == 0
    assert out.splitlines()[1].startswith("documents are bounds: ")
    assert "documents are bounds" not in run(vocabulary, *given, "--domain-field", "domain")[1]


@pytest.mark.parametrize("number", ["2X", "0", "-1", ""])
def test_a_number_of_tokens_that_is_none(run, files, number):
    code, _, err = run(files / "zh.tiktoken", "--on", files / "counts.parquet", f"--training-tokens={number}")
    assert (code, err.splitlines()[0]) == (2, f"error: not a number of tokens: {number!r}")


# The worked case


@pytest.mark.corpus
@pytest.mark.slow
def test_the_boilerplate_of_internlm2_is_found(corpus):
    model = corpus.parent / "tokenizers" / "internlm2.model"
    if not model.exists():
        pytest.skip(f"no {model}")
    pytest.importorskip("sentencepiece")
    labels = Labels(path_pattern="{language}-{domain}.jsonl.zst")
    domains = ("apps", "news", "reviews", "titles", "web", "wiki")
    paths = [str(corpus / f"zh-{domain}.jsonl.zst") for domain in domains]
    table = counts.count(find(paths, labels), labels, jobs=1, sample=0.1).table
    result = audit(sentencepiece.load(model), table, thresholds=Thresholds(min_occurrences=10))
    kinds = found_by(result)
    stubs = {
        "hotel": ("酒店的房型有多种选择", "岁以下的儿童在使用现有的床铺", "每个客房都配有"),
        "census": ("年美國人口普查", "人口密度每平方公里", "乡镇级行政单位"),
        "recipe": ("该文章来自豆果美食达人作者", "豆果美食达人"),
        "novel": ("发表于晋江文学网", "创作的网络小说"),
    }
    missing = {name: [text for text in texts if kinds.get(text) != "boilerplate"] for name, texts in stubs.items()}
    assert missing == {name: [] for name in stubs}
    assert sum(kind == "boilerplate" for kind in kinds.values()) < 400
    assert {text for text, kind in kinds.items() if kind == "hidden-character"} >= {
        "\ue003",
        "\ue004",
        "\u200b",
        "\ufeff",
    }
    ordinary = (
        "的 我们 中国 中华人民共和国 人民代表大会 股份有限公司 中国人民解放军 最高人民法院 第二次世界大战 有限责任公司"
    )
    assert {text: kinds[text] for text in ordinary.split() if text in kinds} == {}
