"""The texts that everybody is measured on: JSON Lines in build/bench/data, the same bytes on every machine that has the source.

From the corpus beside the checkout where it is, in an order that depends on the texts alone, so that a smaller file is the
beginning of a larger one and of one mixture with it. Without a corpus they are generated: words by Zipf's law.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"
FOLDER = ROOT / "build" / "bench" / "data"
KINDS = {"en": ("en",), "code": ("code",), "zh": ("zh",), "hi": ("hi",), "en-code": ("en", "code")}
# Texts with these are left out: not every peer can read them as text.
SPECIALS = ("<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|endofprompt|>")
CHARACTERS = {"a": "a", "space": " ", "中": "中", "newline": "\n"}
LATIN_1 = "Latin-1"
FIRST_HAN, N_HAN = 0x4E00, 20_992


def has_corpus() -> bool:
    return CORPUS.is_dir()


def source() -> str:
    return "the shared corpus" if has_corpus() else "generated: words by Zipf's law"


def texts(kind: str, megabytes: float) -> Path:
    """Return a JSON Lines file with so many MB of a kind's documents, or with all that there are.

    Of Chinese there are always enough: after the last document they begin again with other characters (every Han
    character is replaced by the one 1,237 further on), so that pretokens stay as rare as they were.
    """
    path = FOLDER / f"{kind}-{megabytes:g}{'' if has_corpus() else '-generated'}.jsonl"
    if not path.exists():
        documents = _gathered(KINDS[kind]) if has_corpus() else generated(kind)
        _write(path, documents, int(megabytes * 1e6), repeats=kind == "zh")
    return path


def one_character(name: str, megabytes: float) -> Path:
    """Return a JSON Lines file with one document: one character again and again, or random bytes read as Latin-1."""
    path = FOLDER / f"one-{name}-{megabytes:g}.jsonl"
    if not path.exists():
        n_bytes = int(megabytes * 1e6)
        if name == LATIN_1:
            text = Random(0).randbytes(n_bytes * 2 // 3).decode("latin-1")
        else:
            text = CHARACTERS[name] * (n_bytes // len(CHARACTERS[name].encode()))
        _write(path, [text], n_bytes, repeats=False)
    return path


def warm_up() -> Path:
    """Return a file with one short document, for what loads or compiles when it is used first."""
    path = FOLDER / "warm-up.jsonl"
    if not path.exists():
        _write(path, ["warm up"], 1, repeats=False)
    return path


def read(path: Path | str) -> list[str]:
    """Return the documents of a file; without tokkit, because peers read it too."""
    with Path(path).open("rb") as lines:
        return [json.loads(line)["text"] for line in lines]


def n_bytes(path: Path) -> int:
    return int(path.with_suffix(".bytes").read_text())


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, documents: Iterable[str], budget: int, *, repeats: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    total = 0
    with path.with_suffix(".part").open("w", encoding="utf-8") as file:
        for text in _again_and_again(list(documents)) if repeats and has_corpus() else documents:
            if total >= budget:
                break
            total += len(text.encode())
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    path.with_suffix(".bytes").write_text(str(total))
    path.with_suffix(".part").rename(path)


def _gathered(languages: tuple[str, ...]) -> list[str]:
    """Return the documents of the corpus' files of these languages, in the order of their hashes."""
    import pyarrow as pa

    found = []
    for path in sorted(CORPUS.glob("*.jsonl.zst")):
        if path.name.split("-")[0] in languages and "-Hant-" not in path.name:
            with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
                found += [json.loads(line)["text"] for line in stream.read().splitlines()]
    found = [text for text in found if not any(special in text for special in SPECIALS)]
    return sorted(found, key=lambda text: hashlib.blake2b(text.encode(), digest_size=8).digest())


def _again_and_again(documents: list[str]) -> Iterator[str]:
    turn = 0
    while True:
        yield from (_with_other_characters(text, 1_237 * turn) if turn else text for text in documents)
        turn += 1


def _with_other_characters(text: str, shift: int) -> str:
    import numpy as np

    points = np.frombuffer(text.encode("utf-32-le"), np.uint32).copy()
    is_han = (points >= FIRST_HAN) & (points < FIRST_HAN + N_HAN)
    points[is_han] = (points[is_han] - FIRST_HAN + shift) % N_HAN + FIRST_HAN
    return points.tobytes().decode("utf-32-le")


def generated(kind: str) -> Iterator[str]:
    """Yield documents of made-up words, without end; only `random()` is called, which every Python repeats alike."""
    random = Random(kind)  # a string seeds by its SHA-512
    words = [_word(random, kind) for _ in range(40_000)]
    shares = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
    stops = "，。" if kind == "zh" else ", \n"
    while True:
        parts = []
        for _ in range(400):
            parts.append(words[bisect(shares, random.random() * shares[-1])])
            if kind != "zh":
                parts.append(" ")
            if random.random() < 0.18:
                parts.append(stops[int(random.random() * len(stops))])
        yield "".join(parts)


def _word(random: Random, kind: str) -> str:
    letters = {"zh": "", "hi": "कखगघचछजटडतदनपबमयरलवसह"}.get(kind, "etaoinshrdlcumwfgypbvk")
    length = 1 + int(random.random() * (3 if kind == "zh" else 9))
    if kind == "zh":
        return "".join(chr(FIRST_HAN + int(3_000 * random.random() ** 2)) for _ in range(length))
    return "".join(letters[int(len(letters) * random.random() ** 1.6)] for _ in range(length))
