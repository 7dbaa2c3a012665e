"""Kernels with every array access checked: numba leaves it off, so that a wrong index would read or write elsewhere."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tokkit.kernels import strings

ROOT = Path(__file__).parents[1]

# Small, and through every branch: growth, long and short, scan and heap, re-indexing, a veto, no data. Whatever is compared
# with the reference elsewhere is only run here; an index out of bounds raises IndexError.
SCRIPT = r"""
import json
import random
import shutil
import tempfile
from pathlib import Path
import numpy as np
from tests.hostile import HOSTILE
from tokkit import counts_counter
from tokkit import learn as learn_module
from tokkit.audit import audit
from tokkit.audit_documents import Text
from tokkit.corpus import find
from tokkit.corpus_lines import find_documents
from tokkit.counts import combine, count, count_texts, reweight
from tokkit.counts_counter import Counter, slices_of
from tokkit.counts_table import merged_rows, summed, table_of
from tokkit.encode import encode_pieces, flatten, merge_parts
from tokkit.kernels import train
from tokkit.learn import LearnedTokens, learn
from tokkit.veto import Veto
from tokkit.plan_learn import Encoded, learn_below
from tokkit.plan_pieces import Pieces
from tokkit.plan_rows import added_up
from tokkit.pretokenize import _KERNELS, PATTERNS, split_bytes
from tokkit.reorder import reorder
from tokkit.vocabulary import Vocabulary

try:
    from tokkit.kernels.strings import find_bytes
    find_bytes(np.zeros(3, np.uint8), 0, 2, np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros(2, np.int32))
except IndexError:
    pass
else:
    raise SystemExit("bounds are not checked")

rng = random.Random(256)
texts = [*HOSTILE.values(), *("".join(rng.choices("ab 1'\n我𠀀é\u0301.", k=rng.randint(1, 30))) for _ in range(300))]
for pattern in _KERNELS:
    for text in texts:
        assert b"".join(split_bytes(text.encode(), pattern)) == text.encode()

record = {"n": [-0.5, {"a": [True, None]}], "id": "é中", "text": "", "c": 1e9}
for ascii_only in (True, False):
    lines = [json.dumps(record | {"text": text}, ensure_ascii=ascii_only).encode() for text in texts]
    found = find_documents(b"\n".join(lines), "text", "none", ["id"] if not ascii_only else [])
    assert found.texts.data == "".join(texts).encode()
    for line in lines[:40]:
        for cut in range(len(line)):
            assert find_documents(line[:cut], "text", "id", []) is None or cut == 0
            find_documents(line[cut:], "text", "id", [])
assert find_documents(b"{}\n" * 9, "text", "id", []) is None

pattern = PATTERNS["cl100k_base"]
counts_counter._LARGE = 1 << 10  # more than that grows where it lies
small = Counter(np.zeros((2, 4), np.uint64), np.empty(1, np.uint8))
data = "".join(texts).encode()
bounds = np.cumsum([0, *(len(text.encode()) for text in texts)])
small.count(np.frombuffer(data, np.uint8), bounds, pattern, continues=False)
table = table_of(slices_of({("x", "y"): small}), pattern, {})
again = count_texts(texts, pattern, language="z")
both = reweight(combine([table, again]), {"*": 1})
merged_rows(both)

ordered = [number.to_bytes(4, "big") for number in range(5000)]
for words in (ordered, ordered[::-1], [*ordered[:2500:-1], *ordered[2500::-1]]):
    ones = np.ones(len(words), np.int64)
    summed(*flatten(words), ones, ones)

single = tuple(bytes([byte]) for byte in range(256))
base = Vocabulary("bytes", pattern, single)
for options in ({}, {"script": "Han"}, {"max_chars": 2, "min_pretokens": 2}, {"veto": Veto(frozenset(["ab"]))}):
    try:
        learned = learn(both, base, 60, **options)
    except learn_module.NotEnoughDataError:
        pass
trainer = learn_module._Trainer.of(learn_module._records_of(merged_rows(both), base, "count"), base, 400)
trainer.window = 5
trainer.run(2, None, None)
n_learned = int(trainer.state[train.N_LEARNED])
starts = trainer.token_starts
tokens = [trainer.token_data[starts[i] : starts[i + 1]].tobytes() for i in range(256, 256 + n_learned)]
assert n_learned > 200

vocabulary = Vocabulary("learned", pattern, single + tuple(tokens))
assert (merge_parts(vocabulary)[256:] >= 0).all()
pieces = [data[:length] for length in (0, 1, 2, 7, 8, 9, 95, 96, 97, 500, 5000)] + [b"ab" * 300, b"\xff" * 96]
for shortcut in (True, False):
    for piece, ids in zip(pieces, encode_pieces(vocabulary, pieces, shortcut=shortcut), strict=True):
        assert b"".join(vocabulary.tokens[each] for each in ids) == piece

folder = Path(tempfile.mkdtemp())
for number, text in enumerate(texts):
    (folder / f"{number}.txt").write_bytes(text.encode())
files = find([str(folder)])
audited = audit(vocabulary, count(files).table, text=Text(files))
assert any(use.documents[0] for use in audited.tokens)
shutil.rmtree(folder)

rows = added_up(both)
start = Vocabulary("start", pattern, vocabulary.tokens[:300])
assert learn_below(vocabulary, Encoded.of(vocabulary, rows), 300, start, 9, None, 2)[0] == learn(rows, start, 9).tokens
taken = LearnedTokens(tuple(tokens), (1,) * len(tokens), (1,) * len(tokens), base.sha256, pattern)
assert sorted(reorder(taken, base, both).tokens) == sorted(tokens)
for script in (None, "Han"):
    pieces = Pieces.of(vocabulary, rows, [both], np.zeros(len(vocabulary.tokens), np.bool_), script, 2, 4)
    learned = learn(rows, start, 9, script=script, exact=False).tokens
    assert pieces.learn(300, start, 9).of_slices.shape == (len(both.slices), len(learned))
print("bounds hold")
"""


@pytest.fixture
def checked_code(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder for machine code with the checks in it, kept for as long as no kernel changes: it takes most of a minute."""
    if not hasattr(request.config, "cache"):
        return tmp_path
    kept: Path = request.config.cache.mkdir("checked-kernels")
    sources = b"".join(file.read_bytes() for file in sorted((ROOT / "tokkit" / "kernels").glob("*.py")))
    folder = kept / hashlib.sha256(sources).hexdigest()
    for other in kept.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return folder


@pytest.mark.slow
def test_no_kernel_reads_or_writes_out_of_bounds(checked_code) -> None:
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(checked_code), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert done.stdout == "bounds hold\n"


@pytest.mark.parametrize("length", range(18))
@pytest.mark.parametrize("after", [0, 1, 7, 8, 30])
def test_words_at_the_end_of_an_array_are_read_no_further(length, after) -> None:
    """Eight bytes at a time, though fewer may be left: neither what follows a string nor that nothing does shows."""
    stretch = bytes(range(1, 1 + length))
    expected = None
    for before in (0, 3, 8):
        for filling in (b"\0", b"\xff"):
            data = np.frombuffer(filling * before + stretch + filling * after, np.uint8).copy()
            value = strings_hash(data, before, before + length)
            expected = value if expected is None else expected
            assert value == expected, (before, filling)
            row = strings.find_bytes(data, before, before + length, *indexed(stretch))
            assert row == (0 if length else -1)


def strings_hash(data: np.ndarray, start: int, stop: int) -> int:
    return int(strings.hash_bytes(data, start, stop))


def indexed(stretch: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an index of one string and of one that differs in its last byte."""
    other = stretch[:-1] + b"\xee" if stretch else b""
    data = np.frombuffer(stretch + other, np.uint8)
    starts = np.array([0, len(stretch), len(stretch) + len(other)], np.int64)
    slots = np.full(8, -1, np.int32)
    strings.index_strings(data, starts, slots)
    return data, starts, slots
