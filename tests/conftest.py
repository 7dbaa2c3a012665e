"""Fixtures that several test files share: the base, its worked prefix, tiny vocabularies, the shared corpus."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import regex

from tokkit.bases import load_base
from tokkit.cli.app import main
from tokkit.encode import encode_bytes
from tokkit.formats import tiktoken
from tokkit.vocabulary import Segment, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
TINY_TOKENS = (*(bytes([byte]) for byte in range(256)), b"th", b"the", b" the", b"in", b"ing", "，".encode()[:2])


def pytest_configure() -> None:
    """Let interrupts through: a shell starts what runs in the background with SIGINT ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the kernels once, before the processes of a parallel run would each compile them all."""
    if hasattr(session.config, "workerinput") or not session.config.getoption("numprocesses", default=None):
        return
    subprocess.run([sys.executable, "-m", "tokkit.precompile"], check=False)


@pytest.fixture(scope="session", autouse=True)
def unannounced() -> Iterator[None]:
    """Keep out of what tests compare that a kernel was compiled: whether one was depends on what ran before on this machine."""

    def heard(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("compiling kernels")

    logging.getLogger("tokkit").addFilter(heard)
    yield
    logging.getLogger("tokkit").removeFilter(heard)


@pytest.fixture(scope="session")
def cl100k() -> Vocabulary:
    """cl100k_base: 100,256 ranks and its five special tokens."""
    return load_base("cl100k_base")


@pytest.fixture(scope="session")
def prefix(cl100k: Vocabulary) -> Vocabulary:
    """The worked example's base: the first 60,004 ranks of cl100k_base, no special tokens."""
    step = {
        "step": "select",
        "tool": "tokkit 0.1.0",
        "base": {"name": cl100k.name, "sha256": cl100k.sha256},
        "size": 60004,
    }
    return replace(
        cl100k,
        name="cl100k_base-60004",
        tokens=cl100k.tokens[:60004],
        special_tokens={},
        segments=(Segment("prefix", 0, 60004),),
        provenance=(*cl100k.provenance, step),
    )


@pytest.fixture(scope="session")
def tiny() -> Vocabulary:
    """The 256 bytes in order and six merges, cl100k's pattern, no special tokens."""
    return Vocabulary("tiny", load_base("cl100k_base").pattern, TINY_TOKENS)


@pytest.fixture
def tiny_file(tiny, tmp_path):
    """The tiny vocabulary (262 ranks, no specials) as tiny.tiktoken with its sidecar."""
    path = tmp_path / "tiny.tiktoken"
    tiktoken.save(tiny, path)
    return path


@pytest.fixture(scope="session")
def tiny_padded(tiny: Vocabulary) -> Vocabulary:
    """The tiny vocabulary with one special token and two spares."""
    start = len(tiny.tokens)
    return replace(
        tiny,
        name="tiny_padded",
        special_tokens={"<|end|>": start, "<|spare_0|>": start + 1, "<|spare_1|>": start + 2},
        segments=(
            Segment("prefix", 0, start),
            Segment("special", start, start + 1),
            Segment("spare", start + 1, start + 3),
        ),
        provenance=({"step": "pad", "tool": "tokkit 0.1.0", "multiple": 1},),
    )


@pytest.fixture
def run(capsys):
    """Run the console entry in this process: words -> (exit code, stdout, stderr)."""

    def run_words(*words) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run_words


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of the shared corpus; tests that ask for it are skipped, with the reason, where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip(f"no shared corpus at {CORPUS}")
    return CORPUS


@pytest.fixture(scope="session")
def chinese(prefix: Vocabulary) -> Vocabulary:
    """The prefix, 400 tokens learned on top of it from tests/data/chinese.txt, and spares up to a multiple of 256.

    Learned here in the plainest way (count all pairs, merge the first, again), so that formats and runtimes are tested on
    a lawful extension whatever the learner does.
    """
    text = (Path(__file__).parent / "data" / "chinese.txt").read_text(encoding="utf-8")
    pretokens = regex.findall(prefix.pattern, text)
    pieces = [
        [prefix.tokens[rank] for rank in encode_bytes(prefix, part.encode(), shortcut=False)] for part in pretokens
    ]
    learned: list[bytes] = []
    known = dict(prefix.ranks)
    while len(learned) < 400:
        pairs = Counter(pair for part in pieces for pair in pairwise(part))
        left, right = min(pairs, key=lambda pair: (-pairs[pair], known[pair[0]], known[pair[1]]))
        known[left + right] = len(known)
        learned.append(left + right)
        pieces = [_merged(part, left, right) for part in pieces]
    start = len(prefix.tokens) + len(learned)
    stop = -(-start // 256) * 256
    return prefix.with_step(
        {"step": "pad", "tool": "tokkit 0.1.0", "multiple": 256},
        name="chinese",
        tokens=prefix.tokens + tuple(learned),
        special_tokens={"<|endoftext|>": start} | {f"<|spare_{n}|>": start + 1 + n for n in range(stop - start - 1)},
        segments=(
            *prefix.segments,
            Segment("learned:zh", len(prefix.tokens), start),
            Segment("special", start, start + 1),
            Segment("spare", start + 1, stop),
        ),
    )


def _merged(pieces: list[bytes], left: bytes, right: bytes) -> list[bytes]:
    out: list[bytes] = []
    for piece in pieces:
        if out and out[-1] == left and piece == right:
            out[-1] = left + right
        else:
            out.append(piece)
    return out
