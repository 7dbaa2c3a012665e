"""Who runs on what, and who must agree with whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks import data

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Contestant:
    """A library, or a way to use it.

    Attributes:
        name: as tables have it.
        runs: `module:function` of this folder.
        peer: the package of the peers' environment that it needs; empty for tokkit, which has its own.
        options: what is different for it.
        like: the contestant whose result its own must equal, or empty.
        but: how many lines in a thousand may differ all the same.
        why: what cannot be compared, and why.
        counts: whether it stands in the table; else it runs once, for others to be compared with.
        cores: how many it is given.
        least: MB of text below which it does not take part: what it needs to start would be all that is seen.
        most: MB of text above which it does not take part: it would take hours.
    """

    name: str
    runs: str
    peer: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    like: str = ""
    but: float = 0
    why: str = ""
    counts: bool = True
    cores: int = 1
    least: float = 0
    most: float = float("inf")


@dataclass(frozen=True)
class Contest:
    """Contestants that do the same with the same texts; the first one of the table is what the others are divided by.

    `claim` is memory that every process claims before the clock starts (`benchmarks.child`).
    """

    task: str
    title: str
    texts: Path
    contestants: tuple[Contestant, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    claim: int = 0

    @property
    def name(self) -> str:
        """A name for files."""
        return "-".join(f"{self.task} {self.title} {self.texts.stem}".replace(",", "").split())


UNICODE = "regex may follow a newer Unicode than tiktoken: a few pretokens are cut otherwise"
OLDER = "GPT-2's split, the only one it has, by an older Unicode"

COUNT = (
    Contestant("tokkit", "contest_count:tokkit"),
    Contestant("tokkit, sorted table", "contest_count:tokkit_table", like="tokkit"),
    Contestant("tokkit, reading JSON Lines", "contest_count:tokkit_files", like="tokkit"),
    Contestant("tokkit, reading zstd", "contest_count:tokkit_files", options={"compressed": True}, like="tokkit"),
    Contestant("tokkit, reading JSON Lines, two jobs", "contest_count:tokkit_files", like="tokkit", cores=2, least=32),
    Contestant("regex, Counter", "contest_count:regex_counter", "regex", like="tokkit", but=1, why=UNICODE),
    Contestant("tokenizers Split, Counter", "contest_count:tokenizers_counter", "tokenizers", like="tokkit"),
    Contestant("ffbpe", "contest_count:ffbpe", "ffbpe", like="tokkit"),
    Contestant("tokkit, GPT-2's split", "contest_count:tokkit", options={"pattern": "r50k_base"}),
    Contestant("gigatoken", "contest_count:gigatoken", "gigatoken", like="tokkit, GPT-2's split", but=1, why=OLDER),
)

LEARN = (
    Contestant("tokkit", "contest_learn:tokkit"),
    Contestant("rustbpe", "contest_learn:rustbpe", "rustbpe", like="tokkit"),
    Contestant("ffbpe", "contest_learn:ffbpe", "ffbpe", like="tokkit"),
    Contestant(
        "tokkit, bytes numbered as tokenizers does",
        "contest_learn:tokkit",
        options={"order": "tokenizers"},
        counts=False,
    ),
    Contestant(
        "tokenizers BpeTrainer",
        "contest_learn:tokenizers",
        "tokenizers",
        like="tokkit, bytes numbered as tokenizers does",
    ),
    Contestant(
        "sentencepiece BPE",
        "contest_learn:sentencepiece",
        "sentencepiece",
        why="another algorithm: characters, its own split, no bytes; nothing to compare but cost",
        least=32,
        most=100,
    ),
)

LEARN_GPT_2 = (
    Contestant("tokkit", "contest_learn:tokkit"),
    Contestant("tokkit, numbered so", "contest_learn:tokkit", options={"order": "tokenizers"}, counts=False),
    Contestant("gigatoken train_bpe", "contest_learn:gigatoken", "gigatoken", like="tokkit, numbered so"),
    Contestant("tokkit, by line", "contest_learn:tokkit_lines", options={"order": "tokenizers"}, counts=False),
    Contestant("gigabpe", "contest_learn:gigabpe", "gigabpe", like="tokkit, by line", why="splits line by line"),
)

CONTINUE = (
    Contestant("tokkit", "contest_learn:tokkit"),
    Contestant("tokkit, from a counts table", "contest_learn:tokkit_table", like="tokkit"),
    Contestant("bpe-continue", "contest_learn:bpe_continue", "bpe-continue", like="tokkit"),
)

ENCODE = (
    Contestant("tokkit", "contest_encode:tokkit", like="tiktoken"),
    Contestant("tiktoken", "contest_encode:tiktoken", "tiktoken"),
    Contestant("tokenizers", "contest_encode:tokenizers", "tokenizers", like="tiktoken"),
    Contestant("fastokens", "contest_encode:fastokens", "fastokens", like="tiktoken"),
    Contestant("quicktok", "contest_encode:quicktok", "quicktok-v1", like="tiktoken"),
    Contestant("gigatoken", "contest_encode:gigatoken", "gigatoken", like="tiktoken"),
    Contestant("ffbpe", "contest_encode:ffbpe", "ffbpe", like="tiktoken"),
    Contestant(
        "tokkit, distinct pretokens",
        "contest_encode:tokkit_pretokens",
        why="each pretoken once: what learning and reports encode",
    ),
)

REPORT = (
    Contestant(
        "tokkit, ten vocabularies, counts table", "contest_report:tokkit", like="tiktoken, one vocabulary, text"
    ),
    Contestant("tiktoken, one vocabulary, text", "contest_report:tiktoken", "tiktoken"),
)


# Where a run takes less than a second, a second that the machine below needs to find a GB would be most of it.
CLAIMS = {"count": 1 << 30, "encode": 1 << 30}


@dataclass(frozen=True)
class Sizes:
    """MB of text, and tokens to learn: of a full run, and of a quick one."""

    count: tuple[tuple[str, float], ...]
    learn: tuple[tuple[str, float], ...]
    learn_size: int
    on_base: tuple[tuple[str, float], ...]
    on_base_size: int
    encode: tuple[tuple[str, float], ...]
    report: tuple[tuple[str, float], ...]
    growth: tuple[float, ...]
    one_character: tuple[float, float]


FULL = Sizes(
    count=(("en", 64), ("code", 64), ("zh", 64), ("hi", 64)),
    learn=(("en-code", 100), ("zh", 50), ("zh", 200)),
    learn_size=31_744,
    on_base=(("zh", 50), ("zh", 200)),
    on_base_size=32_397,
    encode=(("en", 16), ("code", 16), ("zh", 16), ("hi", 16)),
    report=(("zh", 200),),
    growth=(25, 50, 100, 200, 400),
    one_character=(1, 10),
)
QUICK = Sizes(
    count=(("en", 4), ("code", 4), ("zh", 4)),
    learn=(("en-code", 4), ("zh", 4)),
    learn_size=4_000,
    on_base=(("zh", 4),),
    on_base_size=4_000,
    encode=(("en", 1), ("code", 1), ("zh", 1)),
    report=(("zh", 4),),
    growth=(1, 2, 4, 8),
    one_character=(0.1, 1),
)


def contests(task: str, sizes: Sizes, options: Mapping[str, Any]) -> list[Contest]:
    """Return the contests of a task; makes their texts. `options` are what contestants share: see `benchmarks.run`."""
    cl100k = {**options, "pattern": options["patterns"]["cl100k_base"]}
    gpt_2 = {**options, "pattern": options["patterns"]["r50k_base"]}
    new = {"size": sizes.learn_size}
    on_base = {"size": sizes.on_base_size, "cut": 60_004, "base_json": options["cut_json"]}
    plans: dict[str, list[tuple[str, tuple[tuple[str, float], ...], tuple[Contestant, ...], dict[str, Any]]]] = {
        "count": [("cl100k's split", sizes.count, COUNT, cl100k)],
        "learn": [
            (f"{sizes.learn_size:,} from bytes, cl100k's split", sizes.learn, LEARN, cl100k | new),
            (f"{sizes.learn_size:,} from bytes, GPT-2's split", sizes.learn, LEARN_GPT_2, gpt_2 | new),
            (f"{sizes.on_base_size:,} on cl100k[:60004]", sizes.on_base, CONTINUE, cl100k | on_base),
        ],
        "encode": [("cl100k_base", sizes.encode, ENCODE, cl100k)],
        "report": [("cl100k_base and its cuts", sizes.report, REPORT, cl100k)],
    }
    return [
        Contest(
            task,
            title,
            data.texts(kind, megabytes),
            tuple(c for c in contestants if c.least <= megabytes <= c.most),
            shared,
            CLAIMS.get(task, 0),
        )
        for title, texts, contestants, shared in plans[task]
        for kind, megabytes in texts
    ]
