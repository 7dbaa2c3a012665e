"""The report page: what is in it, that nothing in it acts, and how a real browser takes it."""

from __future__ import annotations

import ast
import builtins
import json
import re
import socket
import struct
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from tests.browser import Browser, missing
from tokkit.cli.app import main
from tokkit.counts import count_texts, save
from tokkit.errors import FormatError
from tokkit.foreign import ForeignVocabulary
from tokkit.formats import tiktoken
from tokkit.laws import Finding
from tokkit.measure import report
from tokkit.page import Curve, Page, Split, Suspect, arithmetic_of, page_of
from tokkit.page_sections import curves_of, splits_of
from tokkit.render import charts
from tokkit.render.page import files, page_html
from tokkit.vocabulary import Segment, Vocabulary

SCRIPT = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
HOSTILE = (
    SCRIPT.encode(),
    b"\"'><svg onload=alert(1)>&amp;",
    "abc\u202edcba\u2066x".encode(),
    b"\x00\x1b[31m\r\n",
    b"\xe4\xbd",
    b"x" * 4096,
    "长" * 1365 + "é",
)
TOKENS = tuple(token if isinstance(token, bytes) else token.encode() for token in HOSTILE)
EVIL = "évil</title><script>1</script>\u202e\x07" + "n" * 60
TAB, ENTER = "\ue004", "\ue007"


@pytest.fixture(scope="module")
def page(tiny: Vocabulary) -> Page:
    """A page whose every name, token and text is hostile."""
    text = ["the thing, in English", "中文，在这里"]
    size = len(tiny.tokens)
    subject = replace(
        tiny,
        name=EVIL,
        tokens=(*tiny.tokens, *TOKENS),
        segments=(Segment("prefix", 0, size), Segment(f"learned:{SCRIPT}", size, size + len(TOKENS))),
        provenance=({"step": SCRIPT, "note": "\u202e" + SCRIPT},),
    )
    table = count_texts(text, pattern=tiny.pattern, language=SCRIPT, domain="demo\u202e")
    measured = report([subject], table, baseline=tiny)
    return page_of(
        subject,
        [tiny, subject],
        measured,
        on=SCRIPT,
        laws=(Finding("closure", False, SCRIPT, (SCRIPT, "262 x")), Finding("bytes", True, "256 of 256")),
        notes=(SCRIPT,),
        inputs=((SCRIPT, SCRIPT, "0" * 64),),
        curves=curves_of(tiny, table),
        frontier=(
            Split(200, 62, 3.0, (2.9, 3.1), 0.0, (0.0, 0.0), label="best"),
            Split(250, 12, 2.5, (2.4, 2.6), 0.2, (0.15, 0.26), label=SCRIPT),
        ),
        suspects=[Suspect(262 + n, token, SCRIPT, f"it stood in {SCRIPT}") for n, token in enumerate(TOKENS)],
    )


@pytest.fixture(scope="module")
def text(page: Page) -> str:
    return page_html(page).decode()


class Elements(HTMLParser):
    """Every element with its attributes, and the text of the cells of tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_on_the_page_acts_or_loads(text):
    elements = Elements(text).found
    assert {tag for tag, _ in elements} & {
        "script",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "input",
        "base",
    } == set()
    attributes = [(name, value) for _, attrs in elements for name, value in attrs.items()]
    assert [name for name, _ in attributes if name.startswith("on") or name == "style"] == []
    links = [value or "" for name, value in attributes if name in ("href", "src", "xlink:href", "action")]
    assert [link for link in links if not link.startswith("#") and link != "data:,"] == []
    assert re.findall(r"url\((?!#)|@import", text) == []
    policy = next(attrs["content"] for _, attrs in elements if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text) is None


def test_hostile_tokens_stand_as_text(text):
    assert "&lt;script&gt;document.title=&#x27;owned&#x27;&lt;/script&gt;&lt;img src=x onerror" in text
    assert r"abc\u202edcba\u2066x" in text
    assert r"\x00\x1b[31m\r\n" in text
    assert "<bdi>\\xE4\\xBD</bdi>" in text
    assert "<bdi>x × 4,096</bdi>" in text
    assert "… (1,366 characters)</bdi>" in text


def test_every_id_is_there_once_and_every_link_leads_somewhere(text):
    elements = Elements(text).found
    ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    anchors = {attrs["href"] for tag, attrs in elements if tag == "a"}
    assert anchors == {"#compression", "#plan", "#tokens", "#audit", "#sampler", "#laws", "#provenance"}
    assert {anchor[1:] for anchor in anchors if anchor} <= set(ids)


def test_tables_have_captions_and_headings_with_a_scope(text):
    tables = re.findall(r"<table.*?</table>", text, re.DOTALL)
    assert len(tables) >= 6
    for table in tables:
        assert table.count("<caption>") == 1
        headings = [attrs for tag, attrs in Elements(table).found if tag == "th"]
        assert {attrs.get("scope") for attrs in headings} <= {"col", "row", "colgroup"}
    for attrs in (attrs for _, attrs in Elements(text).found if attrs.get("class") == "scroll"):
        assert (attrs["role"], attrs["tabindex"], bool(attrs["aria-label"])) == ("region", "0", True)


PROGRAM = """
import hashlib
from tokkit.cli.app import main
from tokkit.counts import count_texts, save
from tokkit.measure import report
from tokkit.page import page_of
from tokkit.render.page import files
from tokkit.vocabulary import Vocabulary
tiny = Vocabulary("tiny", r"\\S+|\\s+", tuple(bytes([byte]) for byte in range(256)) + (b"th", b"the"))
table = count_texts(["the 中文"], pattern=tiny.pattern, language="en", domain="x")
other = Vocabulary("other", tiny.pattern, tiny.tokens[:-1])
made = files(page_of(other, [tiny, other], report([other], table, baseline=tiny), on="x"))
digests = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
print(digests)
"""


def test_the_same_page_is_the_same_bytes_in_any_process():
    here: dict[str, Any] = {"print": lambda _digests: None}
    exec(PROGRAM, here)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": "1"}, capture_output=True, text=True, check=True
    )
    assert ast.literal_eval(done.stdout) == here["digests"]
    assert list(here["digests"]) == [
        "report.html", "report-compression.png", "report-change.png", "report-lengths.png", "report-scripts.png",
    ]  # fmt: skip


def test_charts_are_images_as_wide_as_a_phone(page):
    drawn = charts.files(page)
    names = ["change", "compression", "curves", "frontier", "lengths", "scripts"]
    assert sorted(drawn) == [f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    for name in names:
        assert struct.unpack(">I", drawn[f"{name}.png"][16:20]) == (2 * charts.WIDTH,)
        svg = drawn[f"{name}.svg"].decode()
        colours = set(re.findall(r'(?:fill|stroke)="(#\w+|[a-z]+)"', svg)) - {"none", "transparent"}
        assert colours <= {charts.INK, charts.MUTED, charts.GRID, charts.PAPER, charts.MARK, *charts.SERIES}, name
        assert "<script" not in svg
        assert not re.search(r">(0k|[+−]0)</text>", svg)


def test_curves_are_named_at_their_ends_and_neighbours_differ_in_colour_and_dash(page):
    pytest.importorskip("altair")
    names = [f"language-{number:02}" for number in range(12)]
    drawn = replace(
        page, curves=tuple(Curve(name, ((4_000, 1.0), (100_256, 2 + at / 100))) for at, name in enumerate(names))
    )
    svg = charts.charts(drawn)["curves"]
    labels = re.findall(r"translate\(([\d.]+),([\d.]+)\)\"[^>]*>(language-\d+)</text>", svg)
    assert sorted(name for _, _, name in labels) == names
    heights = [float(y) for _, y, _ in sorted(labels, key=lambda each: each[2], reverse=True)]
    assert all(below - above >= 11 for above, below in pairwise(heights))
    assert all(float(x) + 7 * len(name) <= charts.WIDTH + 8 for x, _, name in labels)
    lines = re.findall(r'aria-roledescription="line mark"[^>]*?stroke="(#\w+)"[^>]*?stroke-dasharray="([\d,]+)"', svg)
    kinds = list(dict.fromkeys(lines))
    assert len(kinds) == len(names)
    for one, other in pairwise(kinds):
        assert one[0] != other[0]
        assert one[1] != other[1]


def test_a_token_is_broken_between_lines_only_where_it_is_longer_than_one(text):
    sampler = text[text.index('id="sampler"') :]
    boxes = re.findall(r"</bdi>(.{0,5})", sampler[: sampler.index("</section>")], re.DOTALL)
    assert all(after.startswith(("<wbr>", "\n")) for after in boxes)


def test_without_the_extra_the_page_says_what_was_left_out(page, monkeypatch):
    charts.drawable.cache_clear()
    monkeypatch.setattr(charts, "find_spec", lambda _name: None)
    real = builtins.__import__

    def refusing(name, *rest):
        if name.partition(".")[0] in ("altair", "vl_convert"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refusing)
    try:
        made = files(page)
    finally:
        charts.drawable.cache_clear()
    assert list(made) == ["report.html"]
    assert "Charts were left out: pip install &#x27;tokkit[report]&#x27; draws them." in made["report.html"].decode()


def test_a_foreign_vocabulary_has_a_page_too(tiny):
    table = count_texts(["ab"], pattern=tiny.pattern, language="en", domain="x")
    refusing = ForeignVocabulary("far", "scores, which nothing here reads", (b"a", b""), {}, "e3", ("no ranks",))
    measured = report([tiny], table)
    shown = page_html(page_of(tiny, [tiny], measured, on="x")).decode()
    assert "against" not in shown[shown.index("<main>") : shown.index('id="tokens"')]
    assert arithmetic_of(refusing) == "1 tokens + 1 ids without bytes = 2"


def test_a_cut_is_shown_where_the_prefix_is_one_of_the_base(tiny):
    table = count_texts(["the thing"], pattern=tiny.pattern, language="en", domain="x")
    prefix = replace(tiny, name="prefix", tokens=(*tiny.tokens[:260], b"zz"), segments=(Segment("prefix", 0, 260),))
    other = replace(tiny, name="other", tokens=(*tiny.tokens[:256], b"in"), segments=(Segment("prefix", 0, 257),))
    cuts = [
        page_of(each, [tiny, each], report([each], table, baseline=tiny), on="x", curves=curves_of(tiny, table))
        for each in (prefix, other)
    ]
    assert [each.cut for each in cuts] == [260, None]
    assert "This vocabulary keeps 260." in page_html(cuts[0], {}).decode()
    assert "This vocabulary is no such cut" in page_html(cuts[1], {}).decode()


def test_a_plan_becomes_the_frontier():
    split = {"prefix": 10, "learned": 5, "bytes_per_token": 2.0, "change": 0.0}
    other: dict[str, Any] = {"prefix": 12, "learned": 3, "bytes_per_token": 1.5, "change": 1 / 3}
    other |= {"interval": [1.4, 1.75], "change_interval": [0.25, 0.375]}
    assert splits_of({"best": split, "seed": None, "frontier": [split, other]}, "plan.json") == (
        Split(10, 5, 2.0, label="best"),
        Split(12, 3, 1.5, (1.4, 1.75), 1 / 3, (0.25, 0.375)),
    )
    with pytest.raises(FormatError, match=r"plan\.json: not a plan: 'seed'"):
        splits_of({"best": None}, "plan.json")


def test_the_frontier_is_shown_with_its_intervals(page):
    shown = page_html(page, {}).decode()
    assert '<td class="n" data-label="95 in 100">2.4000 to 2.6000</td>' in shown
    assert '<td class="n" data-label="95 in 100">+15.00 to +26.00</td>' in shown
    assert "The 2 splits in figures" in shown
    sure = charts.charts(page)["frontier"]
    plain = replace(page, frontier=tuple(replace(each, change_interval=None) for each in page.frontier))
    assert sure.count('opacity="0.25"') == 1  # the band
    assert 'opacity="0.25"' not in charts.charts(plain)["frontier"]


def test_the_verb_puts_curves_and_frontier_on_the_page(tiny, tmp_path, capsys):
    """The curves are those of the first baseline, at every size, and marked where the vocabulary's prefix ends."""
    tiktoken.save(tiny, tmp_path / "tiny.tiktoken")
    tiktoken.save(replace(tiny, name="cut", tokens=tiny.tokens[:258], segments=()), tmp_path / "cut.tiktoken")
    save(count_texts(["the thing in the then"], pattern=tiny.pattern, language="en"), tmp_path / "en.parquet")
    split = {"prefix": 258, "learned": 5, "bytes_per_token": 2.0, "change": 0.0}
    document = json.dumps({"best": split, "seed": None, "frontier": [split]})
    (tmp_path / "plan.json").write_text(document, "utf-8")
    words = ["report", "cut.tiktoken", "--baseline", "tiny.tiktoken", "--on", "en.parquet", "--plan", "plan.json", "-q"]
    words = [str(tmp_path / word) if "." in word else word for word in words]
    assert main([*words, "--html", str(tmp_path / "page.html"), "--plots", str(tmp_path / "plots")]) == 0
    capsys.readouterr()
    shown = (tmp_path / "page.html").read_text("utf-8")
    assert "Each curve is exact at every size" in shown
    assert "This vocabulary keeps 258." in shown
    assert "258 of the base and 5 learned" in shown
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names >= {"curves.png", "curves.svg", "frontier.png", "frontier.svg"}
    assert ">258</text>" in (tmp_path / "plots" / "curves.svg").read_text("utf-8")


# In a real browser


@pytest.fixture(scope="module")
def browser():
    lacking = missing()
    if lacking is not None:
        pytest.skip(lacking)
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def address(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(text, "utf-8")
    return path.as_uri()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_browser_shows_it_without_a_complaint_or_a_request(browser, address, width, dark):
    browser.open(address, width=width, dark=dark)
    assert browser.log("browser") == []
    assert [url for url in browser.requests() if url != "data:,"] == [address]
    assert browser.evaluate("document.title").startswith("évil</title><script>1</script>")
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert browser.evaluate("document.querySelectorAll('script,img').length") == 0
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(13, 17, 23)" if dark else "rgb(243, 245, 248)")
    fills = browser.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")
    assert fills == ("rgb(230, 237, 243)" if dark else "rgb(31, 35, 40)")
    assert browser.screenshot().startswith(b"\x89PNG")


def test_a_phone_shows_the_changes_against_three_baselines(browser, tiny, tmp_path):
    """Without their signs of per cent, which the heading has, and bytes per token under them: nothing is scrolled sideways."""
    baselines = [replace(tiny, name=name) for name in ("cl100k_base", "o200k_base", "internlm2.model")]
    table = count_texts(["the thing, in English"] * 9, pattern=tiny.pattern, language="code", domain="codecomments")
    subject = replace(tiny, name="ours", tokens=tiny.tokens[:-1])
    measured = report([subject], table, baseline=baselines)
    path = tmp_path / "page.html"
    path.write_bytes(page_html(page_of(subject, [*baselines, subject], measured, on="text")))
    browser.open(path.as_uri(), width=390)
    changes = "[...document.querySelectorAll('.many tbody td.n:not(.wide)')]"
    right = browser.evaluate(f"Math.max(...{changes}.map(each => each.getBoundingClientRect().right))")
    assert 0 < right <= 390
    shown = "getComputedStyle(document.querySelector('.many .pct')).display"
    assert browser.evaluate(shown) == "none"
    assert "tokens against, %" in browser.evaluate("document.querySelector('.many thead').innerText")
    scrolled = "(box => box.scrollWidth - box.clientWidth)(document.querySelector('.many').parentElement)"
    assert browser.evaluate(scrolled) == 0
    ratios = [f"{row.bytes_per_token:.3f}" for row in measured.by_place()[-1]]
    last = "[...[...document.querySelectorAll('.many tr')].at(-1).cells].map(each => each.innerText.trim())"
    cells = [cell.split("\n") for cell in browser.evaluate(last) if cell]
    assert [cell[-1] for cell in cells if len(cell) == 2] == [ratios[-1], *ratios[:-1]]
    browser.open(path.as_uri())
    assert browser.evaluate(shown) == "inline"
    assert browser.evaluate("getComputedStyle(document.querySelector('.many .fold')).display") == "none"


def test_paper_has_the_frontier_open_and_room_below_headings(browser, address):
    browser.open(address)
    listed = "document.querySelector('#plan details table').checkVisibility()"
    room = "getComputedStyle(document.querySelector('h2'), '::after').height"
    more = "getComputedStyle(document.querySelector('#plan summary')).display"
    assert [browser.evaluate(each) for each in (listed, room, more)] == [False, "auto", "list-item"]
    browser.devtools("Emulation.setEmulatedMedia", media="print")
    assert [browser.evaluate(each) for each in (listed, room, more)] == [True, "176px", "none"]
    browser.devtools("Emulation.setEmulatedMedia", media="")


def test_the_policy_stops_what_is_put_into_the_page(browser, address):
    """The browser itself refuses scripts, images and styles, should any escaping ever fail."""
    browser.open(address)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        image = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        browser.evaluate(
            f"document.body.insertAdjacentHTML('beforeend', \"<img src='{image}'><p style='color:red'>x</p>\");"
            "const script = document.createElement('script'); script.textContent = 'document.title = 1';"
            "document.body.append(script)"
        )
        complaints: list[str] = []
        for _ in range(500):
            complaints += [entry["message"] for entry in browser.log("browser")]
            if len(complaints) >= 3:
                break
            time.sleep(0.02)
        assert [("Content Security Policy" in complaint) for complaint in complaints] == [True] * 3
        assert browser.evaluate("document.title") != "1"
        listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_the_keyboard_reaches_links_tables_and_what_is_folded(browser, address):
    focus = "document.activeElement"
    browser.open(address, width=390)
    browser.press(TAB)
    browser.wait_for(f"{focus}.getAttribute('href') === '#compression'")
    browser.press(TAB, times=7)
    browser.wait_for(f"{focus}.className === 'scroll'")
    for _ in range(12):
        browser.evaluate(f"window.before = {focus}")
        browser.press(TAB)
        browser.wait_for(f"{focus} !== window.before")
        if browser.evaluate(f"{focus}.tagName") == "SUMMARY":
            break
    browser.press(ENTER)
    browser.wait_for(f"{focus}.tagName === 'SUMMARY' && {focus}.parentElement.open")
