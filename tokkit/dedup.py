"""Find near-duplicate documents of a corpus, so that they are counted once: MinHash of 5-grams, as the InternLM2 report has it.

A first pass over the files signs every document (`Signer`), the signatures are grouped (`tokkit.dedup_groups`), and of each
group one document stays. The pass that counts then leaves the others out by their places (`without`). Nothing depends on the
order of files or the number of processes: 128 hashes of a document's set of 5-grams depend on its text alone, groups on the
set of signatures, and the longest document of a group stays, among those of one length the one of the smallest hash.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import compress, pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokkit import corpus
from tokkit.corpus_processes import work_on
from tokkit.dedup_groups import THRESHOLD, group
from tokkit.errors import InputError
from tokkit.language import Labeller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from tokkit.corpus import Block, CorpusFile, Documents, Labels, OnError

HASHES = 128
GRAM = 5
# What a table's provenance says; the scheme and the seed are named so that a later version of datasketch signs alike.
METHOD = {"grams": GRAM, "hashes": HASHES, "threshold": THRESHOLD, "minhash": "affine32, seed 1, crc32"}

Place = tuple[str, int, int]  # what a block is called in every pass over the same files: path, line, byte offset

# Scripts that are written without spaces: each character is a word. Thai to Tibetan and Myanmar, Khmer, kana, Han.
_UNSPACED = (
    r"\u0e00-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
_MARKS = r"\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff"  # inside words, though no \w
_WORDS = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:[{_MARKS}]+[^\W{_UNSPACED}]*)*")
_CHUNK = 1 << 12  # 5-grams hashed at a time: 2 MB


@dataclass(frozen=True, slots=True)
class Dropped:
    """A document that is left out, and the one of its group that stays.

    `similarity` is the share of hashes that agree between the two; below the threshold where others link them.
    """

    id: str
    language: str
    domain: str
    bytes: int
    kept: str
    similarity: float


@dataclass(frozen=True, eq=False)
class Duplicates:
    """The near-duplicates of a corpus.

    Attributes:
        documents: how many documents were compared.
        bytes: the bytes of their texts.
        dropped: the documents to leave out, the largest first.
        masks: for each block with any, bool[n]: which of its documents stay.
    """

    documents: int
    bytes: int
    dropped: tuple[Dropped, ...]
    masks: Mapping[Place, NDArray[np.bool_]]


def words_of(text: str) -> list[str]:
    """Return the words of a text: characters where the script has no spaces, else runs of letters and digits.

    Example:
        >>> words_of("我们用 BPE-2，naïve!"), words_of("हिन्दी में")
        (['我', '们', '用', 'BPE', '2', 'naïve'], ['हिन्दी', 'में'])
    """
    return _WORDS.findall(text)


def signatures(texts: Iterable[str]) -> NDArray[np.uint32]:
    """Return the MinHash signature of each text's set of 5-grams of words; a text of fewer words is one gram.

    Returns:
        uint32[n, 128]; the share of equal hashes of two rows estimates the Jaccard similarity of the two sets.

    Raises:
        InputError: datasketch is not installed.

    Example:
        >>> one, other, third = signatures(["one two three four five six", "one, two (three) four: five six!", "else"])
        >>> int((one == other).sum()), int((one == third).sum())
        (128, 0)
    """
    try:
        from datasketch import MinHash  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            "near-duplicates are found by the package datasketch, which is not installed", "pip install 'tokkit[dedup]'"
        ) from None
    empty = MinHash(HASHES, seed=1, hashfunc=zlib.crc32, scheme="affine32")

    def sign(text: str) -> NDArray[np.uint32]:
        sketch = empty.copy()
        grams = _grams(text)
        for at in range(0, len(grams), _CHUNK):
            sketch.update_batch(grams[at : at + _CHUNK])
        hashes: NDArray[np.uint32] = sketch.hashvalues
        return hashes

    return np.fromiter(map(sign, texts), np.dtype((np.uint32, HASHES)))


def _grams(text: str) -> list[bytes]:
    words = words_of(text)
    if len(words) < GRAM:  # a text without a word, such as `!?`, is its own gram
        return [(" ".join(words) or text).encode()]
    joined = " ".join(words).encode()  # cut once more by its spaces: a fifth faster than joining five words each time
    spaces = np.flatnonzero(np.frombuffer(joined, np.uint8) == ord(" ")).tolist()
    starts, ends = [0, *(space + 1 for space in spaces)], [*spaces, len(joined)]
    return [joined[first:last] for first, last in zip(starts, ends[GRAM - 1 :], strict=False)]


@dataclass
class _Signed:
    """The documents of one block, or the one document of several; the lists and arrays are parallel."""

    places: list[Place]
    slices: tuple[tuple[str, str], ...]
    slice_ids: NDArray[np.int32]
    ids: tuple[str, ...]
    sizes: NDArray[np.int64]
    digests: list[bytes]
    values: NDArray[np.uint32]


@dataclass
class _State:
    signed: list[_Signed] = field(default_factory=list)
    labeller: Labeller | None = None
    is_open: bool = False  # the last of `signed` is the document that a batch which continues goes on with


@dataclass(frozen=True)
class Signer:
    """The task of signing documents; see `tokkit.corpus_processes.Task`, and `tokkit.corpus.parse` for the attributes."""

    labels: Labels | None = None
    on_error: OnError = "stop"
    sample: float = 1.0
    detect_language: bool = False
    in_threads: ClassVar[bool] = False

    def begin(self) -> _State:
        """Return the state that a process starts with."""
        return _State(labeller=Labeller() if self.detect_language else None)

    def take(self, block: Block, state: _State) -> None:
        """Sign the documents of a block."""
        documents = corpus.parse(block, self.labels, on_error=self.on_error, sample=self.sample)
        self.add(documents, place_of(block), state)

    def add(self, documents: Documents, place: Place, state: _State) -> None:
        """Sign documents; the part of a text file's document is put to the parts before it.

        The hashes of a whole are the smallest of its parts'; the four 5-grams across a border, one in 8 MB, are missed.
        """
        if not len(documents):
            state.is_open = state.is_open and documents.continues
            return
        if state.labeller:
            documents = state.labeller.label(documents)
        bounds = documents.starts.tolist()
        texts = [documents.text[first:last] for first, last in pairwise(bounds)]
        digests = [blake2b(text, digest_size=16).digest() for text in texts]
        values = signatures(map(bytes.decode, texts))
        sizes = np.diff(documents.starts)
        if documents.continues and state.is_open:
            whole = state.signed[-1]
            whole.places.append(place)
            whole.sizes = whole.sizes + sizes
            whole.digests = [blake2b(whole.digests[0] + digests[0], digest_size=16).digest()]
            whole.values = np.minimum(whole.values, values)
            return
        state.is_open = True
        state.signed.append(
            _Signed([place], documents.slices, documents.slice_ids, documents.ids, sizes, digests, values)
        )

    def finish(self, state: _State) -> list[_Signed]:
        """Return what was signed."""
        return state.signed


def find_duplicates(
    files: Sequence[CorpusFile],
    signer: Signer,
    *,
    jobs: int = 1,
    max_bytes: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Duplicates:
    """Find the near-duplicates among the documents of a corpus; memory is about 2 KB a document, 512 bytes of it the signature.

    Args:
        files: from `tokkit.corpus.find`.
        signer: how to read them.
        jobs: processes to sign with.
        max_bytes: as for `tokkit.corpus.batches`; one process reads then.
        advance: called with the stored bytes read so far.

    Raises:
        InputError: a file is stdin, which cannot be read twice; datasketch is not installed.
        CorpusError: as `tokkit.corpus.parse`.
    """
    if any(file.path == "-" for file in files):
        raise InputError("stdin can be read once, and --dedup reads a corpus twice", "save it to a file first")
    if max_bytes is None:
        signed = [part for parts in work_on(files, signer, jobs, advance) for part in parts]
    else:
        state = signer.begin()
        options: dict[str, Any] = {"on_error": signer.on_error, "sample": signer.sample, "max_bytes": max_bytes}
        for number, batch in enumerate(corpus.batches(files, signer.labels, **options)):
            signer.add(batch, numbered(number), state)
        signed = signer.finish(state)
    return judge(signed)


def place_of(block: Block) -> Place:
    """Return what a block is called in every pass."""
    return block.file.path, block.first_line, block.byte_offset


def numbered(number: int) -> Place:
    """Return what a batch of `tokkit.corpus.batches` is called: its number, for it has no block."""
    return "", number, 0


def without(documents: Documents, duplicates: Duplicates | None, place: Place) -> Documents:
    """Return the documents of the block at a place that stay."""
    mask = None if duplicates is None else duplicates.masks.get(place)
    if mask is None:
        return documents
    bounds = documents.starts.tolist()
    kept = [documents.text[bounds[row] : bounds[row + 1]] for row in np.flatnonzero(mask).tolist()]
    starts = np.zeros(len(kept) + 1, np.int64)
    np.cumsum([len(text) for text in kept], out=starts[1:])
    return replace(
        documents,
        text=b"".join(kept),
        starts=starts,
        slice_ids=documents.slice_ids[mask],
        ids=tuple(compress(documents.ids, mask)),
        characters=documents.characters[mask],
    )


def judge(signed: Sequence[_Signed]) -> Duplicates:
    """Group the documents, choose which of each group stays, and mark the others."""
    firsts = np.cumsum([0, *(part.sizes.size for part in signed)])
    values = np.concatenate([part.values for part in signed]) if signed else np.zeros((0, HASHES), np.uint32)
    for part in signed:
        part.values = values[:0]  # the signatures are most of the memory: not twice
    groups = group(values)
    in_order = np.argsort(groups, kind="stable")
    borders = np.flatnonzero(np.diff(groups[in_order])) + 1
    masks: dict[Place, NDArray[np.bool_]] = {}
    dropped = []

    def facts(document: int) -> tuple[_Signed, int]:
        part = int(np.searchsorted(firsts, document, "right")) - 1
        return signed[part], document - int(firsts[part])

    def preference(document: int) -> tuple[Any, ...]:
        part, row = facts(document)
        label = part.slices[part.slice_ids[row]]
        return -int(part.sizes[row]), part.digests[row], label, part.ids[row], part.places[0], row

    for members in np.split(in_order, borders):
        if members.size < 2:
            continue
        kept, *others = sorted(members.tolist(), key=preference)
        keeper, kept_row = facts(kept)
        for other in others:
            part, row = facts(other)
            for place in part.places:
                masks.setdefault(place, np.ones(part.sizes.size, np.bool_))[row] = False
            similarity = float(np.count_nonzero(values[kept] == values[other])) / HASHES
            language, domain = part.slices[part.slice_ids[row]]
            size = int(part.sizes[row])
            dropped.append(Dropped(part.ids[row], language, domain, size, keeper.ids[kept_row], similarity))
    dropped.sort(key=lambda each: (-each.bytes, each.language, each.domain, each.id, each.kept, each.similarity))
    n_bytes = sum(int(part.sizes.sum()) for part in signed)
    return Duplicates(int(firsts[-1]), n_bytes, tuple(dropped), masks)
