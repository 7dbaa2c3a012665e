"""Recipes: what is refused and how it is told, sums, releases byte for byte, and which steps are run again."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import tokenizers

from tokkit import counts
from tokkit.cli.app import main
from tokkit.corpus import find
from tokkit.errors import FormatError, InputError, SizeError
from tokkit.formats import huggingface, tiktoken
from tokkit.recipe import load, parse, portable, with_counts
from tokkit.recipe_build import build, prepare
from tokkit.recipe_release import UNFINISHED, write
from tokkit.recipe_sources import SAMPLE, SAMPLE_LABELS
from tokkit.unicode import script_table

ROOT = Path(__file__).parents[1]
KNOWN = "known keys there: base, learn, merge, name, pad, published, report"
MINIMAL = 'name = "x"\n[base]\nname = "cl100k_base"\nsize = 1000\n'
LIST = ("你好", "世界", "中国", "模型", "训练", "词表", "我们", "我们的", "北京", "上海")
WORDS = "".join(f"{word}\t{count}\n" for count, word in enumerate(LIST, 50))
RECIPE = """
name = "small"
[base]
name = "cl100k_base"
size = 1000
[[learn]]
label = "zh"
size = 20
script = "Han"
words = ["words.txt", "more.txt"]
counts = "table.parquet"
[[merge]]
label = "marks"
words = "marks.txt"
[pad]
multiple = 128
special = "<|end|>"
[report]
on = ["corpus"]
path_pattern = "{language}-{domain}"
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A recipe with a source of every kind, in a folder with them."""
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "words.txt").write_text(WORDS, "utf-8")
    (folder / "more.txt").write_text("上海人\t9\n北京人\t9\n", "utf-8")
    (folder / "marks.txt").write_text("，\n。\n", "utf-8")
    corpus = folder / "corpus"
    corpus.mkdir()
    for name in ("zh-news.jsonl", "en-udhr.jsonl", "zh-essay.jsonl"):
        shutil.copy(SAMPLE / name, corpus)
    counts.save(counts.count_texts(["世界人民，世界人民。"] * 3), folder / "table.parquet")
    (folder / "small.toml").write_text(RECIPE, "utf-8")
    return folder / "small.toml"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def built(recipe: Path, **options):
    return build(load(recipe), recipe.parent, **options)


# Reading


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("name = ", "x.toml: not TOML: Invalid value (at end of document)", None),
        (MINIMAL + "siez = 3\n", "x.toml: unknown key: base.siez", "did you mean size?"),
        (
            MINIMAL + "[qqqqq]\n",
            "x.toml: unknown key: qqqqq",
            "known keys there: base, learn, merge, name, pad, published, report",
        ),
        (
            MINIMAL + '[[learn]]\nlabel = "zh"\nsize = 3\nlexicon = "a"\n[[learn]]\nlabel = "ja"\nmin_cuont = 1\n',
            "x.toml: unknown key: learn[2].min_cuont",
            "did you mean min_count?",
        ),
        (MINIMAL.replace("1000", '"1000"'), "x.toml: base.size: expected `int`, got `str`", None),
        (MINIMAL.replace("1000", "255"), "x.toml: base.size: expected `int` >= 256", None),
        (MINIMAL + '[pad]\nexact = "yes"\n', "x.toml: pad.exact: expected `bool`, got `str`", None),
        (MINIMAL + "[pad]\nmultiple = 0\n", "x.toml: pad.multiple: expected `int` >= 1", None),
        (MINIMAL + '[learn]\nlabel = "zh"\n', "x.toml: learn: expected a list, got a table", None),
        (MINIMAL + "only = 'latin'\n", "x.toml: base.only: invalid enum value 'latin'", None),
        ('[base]\nname = "cl100k_base"\nsize = 1000\n', "x.toml: missing key: name", None),
        ('name = "x"\n[base]\nname = "cl100k_base"\n', "x.toml: missing key: base.size", None),
        (
            MINIMAL.replace('"x"', '"../x"'),
            "x.toml: name: expected letters, digits, `.`, `_` and `-`, with a letter or digit first",
            None,
        ),
        (
            MINIMAL + '[[learn]]\nlabel = "zh"\nsize = 3\n',
            "x.toml: [[learn]] zh has nothing to learn from",
            "give it a lexicon, words, counts or a corpus",
        ),
        (
            MINIMAL + '[[learn]]\nlabel = "a"\nsize = 3\nwords = "w"\n[[merge]]\nlabel = "a"\nwords = "w"\n',
            "x.toml: label comes twice: a",
            "give each [[learn]] and [[merge]] its own",
        ),
        (
            MINIMAL + '[[merge]]\nlabel = "a"\n',
            "x.toml: [[merge]] a needs words or a vocabulary, and not both",
            "words names a file with a word a line, vocabulary a base or a rank file",
        ),
    ],
)
def test_a_recipe_is_checked_strictly(text, message, hint):
    with pytest.raises(FormatError) as caught:
        parse(text.encode(), "x.toml")
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_recipe_that_is_no_utf_8_is_named():
    with pytest.raises(FormatError, match=r"x\.toml: not UTF-8 at byte 8"):
        parse(b'name = "\xff"', "x.toml")


def test_counts_replace_every_other_source():
    one = parse((MINIMAL + '[[learn]]\nlabel = "zh"\nsize = 3\nlexicon = "wordfreq:zh"\n').encode(), "x.toml")
    learn = with_counts(one, ("/a/b=c.parquet", "/d.parquet")).learn[0]
    assert (learn.lexicon, learn.counts) == ((), ("/a/b=c.parquet", "/d.parquet"))
    two = parse((MINIMAL + "".join(f'[[learn]]\nlabel = "{x}"\nsize = 3\nwords = "w"\n' for x in "ab")).encode(), "x")
    assert [section.counts for section in with_counts(two, ("b=/d.parquet",)).learn] == [(), ("/d.parquet",)]
    with pytest.raises(InputError) as caught:
        with_counts(two, ("/d.parquet",))
    assert caught.value.message == "--counts /d.parquet: x has 2 [[learn]] sections"
    assert caught.value.hint == "say which one: LABEL=FILE with LABEL one of a, b"


def test_a_portable_recipe_has_no_folders(recipe):
    fields = portable(with_counts(load(recipe), ("/somewhere/b.parquet", "/somewhere/a.parquet")))
    assert fields["learn"][0] == {"label": "zh", "size": 20, "script": "Han", "counts": ["a.parquet", "b.parquet"]}
    assert "somewhere" not in json.dumps(fields)


# Sums


NOTES = (
    (
        "the InternLM2 technical report: 60,004 + 32,397 + 147 spares = 92,548, and 256 does not divide that: "
        "it is 132 over 92,416 = 361 x 256"
    ),
    "the sizes that 256 divides from 60,004 + 32,397 = 92,401 on: 92,416 (15 spares), 92,672 (271 spares)",
    "released were 92,544 entries = 723 x 128, which is 128 mod 256 and 4 below the published sum",
)


@pytest.mark.parametrize(
    ("name", "n_vocab", "arithmetic"),
    [
        ("internlm2", 92_672, "60,004 prefix + 32,397 learned:zh + 271 spares = 92,672 = 362 x 256"),
        (
            "internlm2-released",
            92_544,
            "60,222 prefix + 48 learned:marks + 32,122 learned:zh + 5 bridges + 147 spares = 92,544 = 723 x 128",
        ),
    ],
)
def test_the_shipped_recipes_add_up(name, n_vocab, arithmetic):
    plan = prepare(load(ROOT / "vocab" / f"{name}.toml"), ROOT / "vocab")
    assert plan.n_vocab == n_vocab
    assert dict(plan.steps)["pad"] == arithmetic
    assert plan.notes == NOTES


def test_published_sizes_that_add_up_are_told_too():
    text = MINIMAL + '[published]\nsource = "the paper"\ntokens = [200]\nspares = 56\nreleased = 256\n'
    assert prepare(parse(text.encode(), "x.toml"), ".").notes == (
        "the paper: 200 + 56 spares = 256, and 256 divides that: 1 x 256",
        "released were 256 entries = 1 x 256, which is the published sum",
    )


def test_spares_that_do_not_divide_are_refused_before_anything_is_learned(tmp_path):
    (tmp_path / "words.txt").write_text("我们\t9\n", "utf-8")  # which is too little to learn 20 tokens from
    learn = '[[learn]]\nlabel = "zh"\nsize = 20\nwords = "words.txt"\n'
    recipe = parse((MINIMAL + learn + "[pad]\nspares = 3\nexact = true\n").encode(), "x.toml")
    with pytest.raises(SizeError, match=r"1,000 prefix \+ 20 learned:zh \+ 3 spares = 1,023 does not divide by 256"):
        build(recipe, tmp_path)


# Releases


def test_a_release_is_whole_and_every_runtime_agrees(recipe, tmp_path):
    result = built(recipe)
    assert result.broken == ()
    write(result, tmp_path / "out")
    files = contents(tmp_path / "out")
    assert list(files) == [
        "README.md", "manifest.json", "report-change.png", "report-compression.png", "report-curves.png",
        "report-lengths.png", "report-scripts.png", "report.html", "report.json", "small.json", "small.tiktoken",
        "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    vocabulary = tiktoken.load(tmp_path / "out" / "small.tiktoken")
    segments = [(part.name, len(part)) for part in vocabulary.segments]
    assert segments == [
        ("prefix", 1000), ("bridge", 2), ("learned:marks", 2), ("learned:zh", 20), ("special", 1), ("spare", 127),
    ]  # fmt: skip
    assert vocabulary.n_vocab == sum(size for _, size in segments)
    assert result.arithmetic.endswith(f" = {vocabulary.n_vocab:,} = {vocabulary.n_vocab // 128} x 128")
    again = huggingface.load(tmp_path / "out")
    assert (again.tokens, again.special_tokens) == (vocabulary.tokens, vocabulary.special_tokens)
    runtime = tokenizers.Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    runtime.encode_special_tokens = True  # as the card says
    for text in ("你好，世界。", "We train 模型 2024\n", "a<|end|> <|spare_0|>"):
        assert runtime.encode(text).ids == vocabulary.encode(text) == vocabulary.to_tiktoken().encode_ordinary(text)


def test_the_manifest_names_every_file_and_input_and_no_place(recipe, tmp_path):
    write(built(recipe), tmp_path / "out")
    files = contents(tmp_path / "out")
    manifest = json.loads(files["manifest.json"])
    assert {each["name"]: (each["bytes"], each["sha256"]) for each in manifest["files"]} == {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items() if name != "manifest.json"
    }
    inputs = {(each["role"], each["name"]) for each in manifest["inputs"]}
    assert inputs == {
        ("base", "cl100k_base"), ("baseline", "cl100k_base"), ("learn:zh", "words.txt"), ("learn:zh", "more.txt"),
        ("learn:zh", "table.parquet"), ("merge:marks", "marks.txt"), ("report", "zh-news.jsonl"),
        ("report", "zh-essay.jsonl"), ("report", "en-udhr.jsonl"),
    }  # fmt: skip
    words = hashlib.sha256(WORDS.encode()).hexdigest()
    assert next(each["sha256"] for each in manifest["inputs"] if each["name"] == "words.txt") == words
    assert not [name for name, data in files.items() if str(recipe.parent).encode() in data or b"/out" in data]


def test_the_sidecar_names_the_recipe_and_every_file_that_the_vocabulary_comes_from(recipe, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(recipe.parent, folder)
    counts.save(counts.count(find(folder / "corpus" / "zh-news.jsonl", SAMPLE_LABELS)).table, folder / "news.parquet")
    text = RECIPE.replace('"table.parquet"', '["table.parquet", "news.parquet"]')
    text = text.replace("[[merge]]", 'corpus = "corpus/zh-*"\nlanguage = "zh"\n[[merge]]')
    (folder / "small.toml").write_text(text, "utf-8")
    step = built(folder / "small.toml").vocabulary.provenance[-1]
    assert (step["step"], step["recipe"]["base"], "report" in step["recipe"]) == (
        "build", {"name": "cl100k_base", "size": 1000}, False
    )  # fmt: skip
    assert [(each["role"], each["name"]) for each in step["inputs"]] == [
        ("base", "cl100k_base"), ("learn:zh", "more.txt"), ("learn:zh", "table.parquet"), ("learn:zh", "words.txt"),
        ("merge:marks", "marks.txt"),
    ]  # fmt: skip
    assert step["corpus"] == [
        {"name": name, "sha256": hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest()}
        for name in ("zh-essay.jsonl", "zh-news.jsonl")
    ]


def test_a_learn_section_takes_several_vetoes(recipe, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(recipe.parent, folder)
    (folder / "a.txt").write_text("我们\n", "utf-8")
    (folder / "b.txt").write_text("/^上/\n", "utf-8")
    (folder / "small.toml").write_text(RECIPE.replace("size = 20", 'size = 15\nveto = ["b.txt", "a.txt"]'), "utf-8")
    vocabulary = built(folder / "small.toml").vocabulary
    known = {text.encode() for text in ("我们", "上海", "北京")}
    assert known & set(built(recipe).vocabulary.tokens) == known
    assert known & set(vocabulary.tokens) == {"北京".encode()}
    vetoes = [each["name"] for each in vocabulary.provenance[-1]["inputs"] if each["role"] == "learn:zh:veto"]
    assert vetoes == ["a.txt", "b.txt"]


def test_bases_and_merges_take_vetoes_too(recipe, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(recipe.parent, folder)
    (folder / "a.txt").write_text(" the\n。\n", "utf-8")
    made = RECIPE.replace("size = 1000", 'size = 1000\nveto = "a.txt"').replace(
        'words = "marks.txt"', 'words = "marks.txt"\nveto = ["a.txt"]'
    )
    (folder / "small.toml").write_text(made, "utf-8")
    vocabulary = built(folder / "small.toml").vocabulary
    known = {text.encode() for text in (" the", "，", "。")}
    assert known & set(built(recipe).vocabulary.tokens) == known
    assert known & set(vocabulary.tokens) == {"，".encode()}
    vetoes = [each["role"] for each in vocabulary.provenance[-1]["inputs"] if each["name"] == "a.txt"]
    assert vetoes == ["merge:marks:veto", "select:veto"]


@pytest.fixture(scope="module")
def sliced(tmp_path_factory):
    """A recipe that learns from Chinese and English slices, and what it builds; and what it builds of Chinese alone."""
    folder = tmp_path_factory.mktemp("sliced")
    (folder / "shares.toml").write_text('"zh-*" = 1\n"en-*" = 0\n', "utf-8")
    shutil.copytree(SAMPLE, folder / "corpus")
    head = MINIMAL + '[[learn]]\nlabel = "x"\nsize = 30\ncorpus = ["corpus/zh-*", "corpus/en-*"]\n'
    head += 'path_pattern = "{language}-{domain}"\n'
    (folder / "plain.toml").write_text(head, "utf-8")
    (folder / "zh.toml").write_text(head.replace(', "corpus/en-*"', ""), "utf-8")
    return folder / "plain.toml", *(built(folder / f"{name}.toml").vocabulary for name in ("plain", "zh"))


@pytest.mark.parametrize("weights", ['{ "zh-*" = 1, "en-*" = 0 }', '"shares.toml"'])
def test_a_learn_section_weighs_its_slices(sliced, weights):
    recipe, plain, zh = sliced
    path = recipe.with_name("weighed.toml")
    path.write_text(f"{recipe.read_text('utf-8')}weights = {weights}\n", "utf-8")
    weighed = built(path)
    assert weighed.vocabulary.tokens == zh.tokens != plain.tokens
    step = weighed.vocabulary.provenance[-1]
    named = ("learn:x:weights", "shares.toml") in [(each["role"], each["name"]) for each in step["inputs"]]
    assert named == (weights == '"shares.toml"')
    assert step["recipe"]["learn"][0]["weights"] == ({"zh-*": 1.0, "en-*": 0.0} if not named else "shares.toml")


def test_a_release_is_the_same_for_any_jobs_folder_and_order(recipe, tmp_path):
    write(built(recipe), tmp_path / "one")
    moved = tmp_path / "elsewhere" / "deep"
    shutil.copytree(recipe.parent, moved)
    swapped = RECIPE.replace('"words.txt", "more.txt"', '"more.txt", "words.txt"')
    swapped = swapped.replace('["corpus"]', '["corpus/zh-news.jsonl", "corpus/zh-essay.jsonl", "corpus/en-udhr.jsonl"]')
    (moved / "small.toml").write_text(swapped, "utf-8")
    write(built(moved / "small.toml", jobs=2, cache=tmp_path / "cache"), tmp_path / "two")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    differing = [name for name in one if one[name] != two.get(name)]
    # The recipe's own words differ: it names files where the other named their folder.
    assert differing == ["manifest.json"]
    first, second = (json.loads(each["manifest.json"]) for each in (one, two))
    assert first.pop("recipe")["report"].pop("on") == ["corpus"]
    assert second.pop("recipe")["report"].pop("on") == ["en-udhr.jsonl", "zh-essay.jsonl", "zh-news.jsonl"]
    assert first == second


def test_an_unchanged_step_is_not_run_again(recipe, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(recipe.parent, folder)
    path, cache = folder / "small.toml", tmp_path / "cache"

    def cached() -> list[str]:
        result = built(path, cache=cache)
        steps.append({step.name: step.cached for step in result.steps})
        results.append(result.vocabulary.sha256)
        return [name for name, kept in steps[-1].items() if kept]

    steps: list[dict[str, bool]] = []
    results: list[str] = []
    assert cached() == []
    assert list(steps[0]) == ["select", "merge", "learn zh", "pad", "verify", "export", "count", "report", "page"]
    assert cached() == ["select", "merge", "learn zh", "verify", "export", "report", "page"]
    (folder / "marks.txt").write_text("，\n。\n、\n", "utf-8")
    assert cached() == ["select", "count"]
    (folder / "words.txt").write_text(WORDS + "广州\t99\n", "utf-8")
    assert cached() == ["select", "merge", "count"]
    (folder / "corpus" / "zh-news.jsonl").unlink()
    assert cached() == ["select", "merge", "learn zh", "verify", "export"]
    for file in cache.iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    assert cached() == []
    assert results[0] == results[1] != results[2] != results[3] == results[4] == results[5]


def test_a_cached_build_is_the_same_build(recipe, tmp_path):
    for name in ("cold", "warm"):
        write(built(recipe, cache=tmp_path / "cache"), tmp_path / name)
    assert contents(tmp_path / "cold") == contents(tmp_path / "warm")


def test_a_base_of_another_origin_is_another_base_though_its_ranks_are_the_same(tmp_path):
    """The sidecar of the base is part of what comes out; a build once took the old one's from the cache."""
    first = build(parse(MINIMAL.encode(), "x.toml"), tmp_path).vocabulary
    recipe = parse(b'name = "y"\n[base]\nname = "x.tiktoken"\nsize = 1000\n', "y.toml")
    told = []
    for origin in ("here", "there"):
        tiktoken.save(first.with_step({"step": "noted", "origin": origin}), tmp_path / "x.tiktoken")
        made = build(recipe, tmp_path, cache=tmp_path / "cache")
        told.append([step["origin"] for step in made.vocabulary.provenance if step["step"] == "noted"])
        assert made.vocabulary.tokens == first.tokens
    assert told == [["here"], ["there"]]


def test_an_interrupted_release_has_no_manifest_and_is_finished_by_the_next_run(recipe, tmp_path):
    result = built(recipe)
    out = tmp_path / "out"
    whole = write(result, out)
    (out / "tokenizer.json").unlink()
    (out / "tokenizer.json").mkdir()  # nothing can be renamed over a folder: the writing stops here
    with pytest.raises(OSError, match=r"tokenizer\.json"):
        write(result, out)
    assert not (out / "manifest.json").exists()
    assert (out / UNFINISHED).exists()
    (out / "tokenizer.json").rmdir()
    write(result, out)
    assert contents(out) == dict(sorted(whole.items()))


def test_an_unchanged_release_is_not_written_again_and_a_renamed_one_leaves_nothing_behind(recipe, tmp_path):
    out = tmp_path / "out"
    write(built(recipe), out)
    times = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    write(built(recipe), out)
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == times
    renamed = parse(RECIPE.replace('"small"', '"other"').encode(), "x.toml")
    write(build(renamed, recipe.parent), out)
    assert [path.name for path in sorted(out.iterdir()) if "small" in path.name or "other" in path.name] == [
        "other.json",
        "other.tiktoken",
    ]


# The command


def run(capsys, *words) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def test_build_refuses_a_folder_with_other_files(recipe, tmp_path, capsys):
    (tmp_path / "README.md").write_text("mine")
    code, out, err = run(capsys, "build", recipe, "-o", tmp_path)
    assert (code, out) == (2, "")
    assert err == (
        f"error: cannot write the release to {tmp_path}: it holds other files, and no manifest of a release\n"
        "hint: name a new folder, or an earlier release\n"
    )
    assert contents(tmp_path) == {"README.md": b"mine"}


def test_build_writes_where_it_is_run_and_reports(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "build", recipe, "--jobs", "1")
    assert code == 0
    assert sorted(path.name for path in Path("build").iterdir()) == [".tokkit-cache", "small"]
    assert [line.split()[:3] for line in out.splitlines()[:3]] == [
        ["language", "domain", "vocabulary"],
        ["en", "udhr", "cl100k_base"],
        ["en", "udhr", "small"],
    ]
    assert "learn zh  20 tokens, the rarest counted " in err
    assert "cache" not in err
    code, again, err = run(capsys, "build", recipe)
    assert (code, again) == (0, out)
    assert err.count("(unchanged, from the cache)") == 7
    assert run(capsys, "build", recipe, "-q") == (0, out, "")
    code, out, err = run(capsys, "build", recipe, "--json")
    document = json.loads(out)
    assert (code, document["output"], len(document["files"])) == (0, "build/small", 14)
    code, out, _ = run(
        capsys, "report", "build/small/small.tiktoken", "--on", recipe.parent / "corpus", "--json",
        "--path-pattern", "{language}-{domain}",
    )  # fmt: skip
    assert (code, out) == (0, Path("build/small/report.json").read_text("utf-8"))


def test_build_releases_nothing_that_breaks_a_law(tmp_path, capsys):
    base = prepare_lawless(tmp_path)
    (tmp_path / "x.toml").write_text(f'name = "x"\n[base]\nname = "{base.name}"\nsize = 259\n', "utf-8")
    code, out, err = run(capsys, "build", tmp_path / "x.toml", "-o", tmp_path / "out")
    assert code == 1
    assert "BROKEN   reachable" in out
    assert "258 1234" in out
    assert "verify    1 of 8 laws broken" in err
    assert not (tmp_path / "out").exists()


def prepare_lawless(folder: Path) -> Path:
    """A rank file whose last token the pattern never lets through: four digits."""
    from tokkit.bases import BASES
    from tokkit.vocabulary import Vocabulary

    tokens = (*(bytes([byte]) for byte in range(256)), b"12", b"34", b"1234")
    tiktoken.save(Vocabulary("lawless", BASES["cl100k_base"].pattern, tokens), folder / "lawless.tiktoken")
    return folder / "lawless.tiktoken"


def test_a_dry_run_writes_nothing(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "build", ROOT / "vocab" / "internlm2.toml", "--dry-run")
    assert (code, err, list(tmp_path.iterdir())) == (0, "", [])
    assert out.splitlines()[1:3] == [
        "learn zh  32,397 tokens of script Han from wordfreq:zh: 60,004 + 32,397 = 92,401",
        "pad       60,004 prefix + 32,397 learned:zh + 271 spares = 92,672 = 362 x 256",
    ]
    assert [line[10:] for line in out.splitlines() if line.startswith("note ")] == list(NOTES)
    code, out, _ = run(capsys, "build", recipe, "--dry-run", "--json")
    assert (code, json.loads(out)["n_vocab"]) == (0, 1152)


def test_a_long_label_keeps_its_distance(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long = recipe.read_text("utf-8").replace('label = "zh"', 'label = "chinese"')
    recipe = recipe.with_name("long.toml")
    recipe.write_text(long, "utf-8")
    _, out, _ = run(capsys, "build", recipe, "--dry-run")
    assert [line[:16] for line in out.splitlines() if line.startswith("learn")] == ["learn chinese 20"]
    _, _, err = run(capsys, "build", recipe)
    assert "learn chinese 20 tokens, the rarest counted " in err


def test_build_learns_from_counts_instead(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts.save(counts.count_texts(["甲乙丙丁" * 5, "甲乙", "乙丙丁"]), tmp_path / "mine.parquet")
    text = MINIMAL.replace('"x"', '"y"') + '[[learn]]\nlabel = "zh"\nsize = 5\nlexicon = "wordfreq:zh"\n'
    (recipe.parent / "y.toml").write_text(text, "utf-8")
    code, _, err = run(capsys, "build", recipe.parent / "y.toml", "--counts", "mine.parquet", "-q")
    assert (code, err) == (0, "")
    manifest = json.loads(Path("build/y/manifest.json").read_text("utf-8"))
    assert manifest["recipe"]["learn"] == [{"label": "zh", "size": 5, "counts": ["mine.parquet"]}]
    assert [each["name"] for each in manifest["inputs"] if each["role"] == "learn:zh"] == ["mine.parquet"]


@pytest.mark.parametrize(
    ("base", "more"),
    [
        ('by = "usage"\non = ["table.parquet", "./table.parquet"]\n', ""),
        ("", '[[learn]]\nlabel = "zh"\nsize = 5\ncounts = ["table.parquet", "./table.parquet"]\n'),
        ("", '[report]\non = ["table.parquet", "./table.parquet"]\n'),
    ],
    ids=["base", "learn", "report"],
)
def test_a_counts_table_that_a_section_names_twice_is_refused(recipe, capsys, base, more):
    (recipe.parent / "t.toml").write_text(MINIMAL + base + more, "utf-8")
    code, out, err = run(capsys, "build", recipe.parent / "t.toml", "-o", recipe.parent / "out", "-q")
    assert (code, out) == (2, "")
    assert err == (
        f"error: a counts table is given twice: {recipe.parent / 'table.parquet'}\n"
        "hint: name it once; weights give a slice more weight\n"
    )


NO_FILE = "no such file\nhint: paths in a recipe start from the recipe's folder\n"
NO_CORPUS = "no such file or directory\n"


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["built", "dry"])
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[[learn]]\nlabel = "zh"\nsize = 5\nwords = ["words.txt", "no"]\n', NO_FILE),
        ('[[learn]]\nlabel = "zh"\nsize = 5\ncounts = "no"\n', NO_FILE),
        ('[[learn]]\nlabel = "zh"\nsize = 5\ncounts = "table.parquet"\nweights = "no"\n', NO_FILE),
        ('[[learn]]\nlabel = "zh"\nsize = 5\ncounts = "table.parquet"\nveto = "no"\n', NO_FILE),
        ('[[learn]]\nlabel = "zh"\nsize = 5\ncorpus = "no"\n', NO_CORPUS),
        ('[report]\non = ["table.parquet", "no"]\n', NO_CORPUS),
        ('[[merge]]\nlabel = "m"\nwords = "no"\n', NO_FILE),
    ],
    ids=["words", "counts", "weights", "veto", "corpus", "report", "merge"],
)
def test_a_missing_source_is_named_before_anything_is_done(recipe, tmp_path, capsys, dry, more, said):
    (recipe.parent / "z.toml").write_text(MINIMAL + more, "utf-8")
    code, out, err = run(capsys, "build", recipe.parent / "z.toml", "-o", tmp_path / "out", *dry)
    steps = [line for line in err.splitlines(keepends=True) if not line.startswith(("error: ", "hint: "))]
    assert (code, out) == (2, "")
    assert [line.split()[0] for line in steps] == (["select"] if "merge" in more and not dry else [])
    assert "".join(err.splitlines(keepends=True)[len(steps) :]) == f"error: {recipe.parent / 'no'}: {said}"


# The shipped recipe


@pytest.mark.slow
def test_internlm2_comes_out_whole(tmp_path):
    recipe = ROOT / "vocab" / "internlm2.toml"
    result = built(recipe)
    assert {finding.law for finding in result.findings if finding.holds is not True} == set()
    assert [(part.name, len(part)) for part in result.vocabulary.segments] == [
        ("prefix", 60_004),
        ("learned:zh", 32_397),
        ("spare", 271),
    ]
    learned = "".join(token.decode("utf-8", "ignore") for token in result.vocabulary.tokens[60_004:])
    han = script_table("Han")
    assert len(learned) > 32_397
    assert [character for character in learned if not han[ord(character)]] == []
    assert result.report is not None
    change = {(row.language, row.domain): row.change for row in result.report.rows if row.vocabulary == "internlm2"}
    assert {slice_ for slice_, value in change.items() if value is not None and value < -0.3} >= {
        ("zh", "news"), ("zh", "udhr"), ("zh", "essay"), ("zh", "dialogue"), ("zh", "techdocs"),
    }  # fmt: skip
    write(result, tmp_path / "out")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    text = "国际象棋 and 中文词表，<|spare_3|> 2024\r\n"
    assert tokenizer(text)["input_ids"] == result.vocabulary.encode(text)
    assert len(tokenizer) == result.vocabulary.n_vocab == 92_672
