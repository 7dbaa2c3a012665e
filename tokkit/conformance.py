"""The conformance kit: one vocabulary in every runtime, and whether the ids are equal.

Each format is written, each file is loaded by the library that reads it, and each library encodes the same texts
(`tokkit.conformance_texts`, and a corpus). Its ids are compared with tokkit's encoder; so are those of `tokkit.reference`, the
same algorithm in plain Python, on the texts that are short enough for it. Where a runtime differs, a text is shrunk until
no character can be left out. Besides: what decodes gives the text's bytes back, each id is the same token, and names of
special tokens that are typed in a text become what the runtime's documentation says.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import regex

from tokkit import reference
from tokkit.conformance_runtimes import RUNTIMES, Opened, Runtime, SpecialRule
from tokkit.conformance_shrink import shrink
from tokkit.conformance_texts import N_MERGE_TEXTS, SEED, Text, made_texts
from tokkit.encode import encode
from tokkit.errors import TokkitError
from tokkit.unicode import LETTER, MARK, NUMBER, SPACE, class_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tokkit.vocabulary import Vocabulary

CHARACTERS_AT_ONCE = 1 << 20
TEXTS_AT_ONCE = 4096
SHRUNK = 8  # so many differing texts, the shortest, are shrunk; the shortest result is shown
LONGEST_FOR_REFERENCE = 400  # characters: its time is quadratic in a pretoken
REFERENCE_CHARACTERS = 100_000  # of each group's texts
FEW_SPECIALS = 16


@dataclass(frozen=True)
class Difference:
    """A text on which a runtime differs, as short as it could be made.

    Attributes:
        text: the shortened text.
        ours: tokkit's ids of it.
        theirs: the runtime's.
        group: the group of the text that it was found in.
        name: the name of that text in its group.
    """

    text: str
    ours: tuple[int, ...]
    theirs: tuple[int, ...]
    group: str
    name: str


@dataclass
class Outcome:
    """What came out for one runtime; it grows while texts are compared.

    Attributes:
        name: the runtime.
        package: the distribution that it is.
        version: its version, None where it is not installed.
        exact: whether its ids must be equal.
        texts: how many texts were compared.
        tokens: how many ids tokkit gave for them.
        theirs: how many ids the runtime gave.
        equal: texts with equal ids.
        equal_in: group -> texts of it with equal ids.
        undecoded: texts whose ids did not decode to their bytes; None where it was not asked.
        wrong_ids: ids that are another token than in the vocabulary, or none; None where it was not asked.
        rules: for each documented rule about typed special tokens, whether it held.
        difference: the first difference, shrunk.
        error: why the runtime could not be asked to the end.
        note: what to know about this run.
    """

    name: str
    package: str
    version: str | None
    exact: bool
    texts: int = 0
    tokens: int = 0
    theirs: int = 0
    equal: int = 0
    equal_in: Counter[str] = field(default_factory=Counter)
    undecoded: int | None = None
    wrong_ids: tuple[int, ...] | None = None
    rules: tuple[tuple[str, bool], ...] = ()
    difference: Difference | None = None
    error: str | None = None
    note: str = ""
    differing: list[Text] = field(default_factory=list, repr=False)

    @property
    def installed(self) -> bool:
        """Whether the runtime is there."""
        return self.version is not None

    @property
    def conforms(self) -> bool | None:
        """Whether it does what it must; None where it is not installed, or need not give equal ids."""
        if not self.installed or not self.exact:
            return None
        wrong = self.error or self.undecoded or self.wrong_ids or not all(held for _, held in self.rules)
        return not wrong and self.equal == self.texts


@dataclass(frozen=True)
class Conformance:
    """What the kit found.

    Attributes:
        outcomes: one a runtime, in a fixed order.
        groups: name of a group of texts -> how many texts and how many bytes it has.
        seed: of the texts that are made at random.
    """

    outcomes: tuple[Outcome, ...]
    groups: dict[str, tuple[int, int]]
    seed: int

    @property
    def holds(self) -> bool:
        """Whether no runtime that must give equal ids does otherwise."""
        return all(outcome.conforms is not False for outcome in self.outcomes)


def conform(
    vocabulary: Vocabulary,
    corpus: Iterable[Text] = (),
    *,
    folder: Path | None = None,
    runtimes: Sequence[Runtime] | None = None,
    seed: int = SEED,
    n_merges: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Conformance:
    """Write a vocabulary for every runtime, load it there, and compare ids.

    Args:
        vocabulary: the vocabulary; it needs all 256 bytes.
        corpus: texts of your own, compared after those that are made here.
        folder: an empty folder for the files, which stay there; a temporary one when omitted.
        runtimes: the runtimes to ask; all of `RUNTIMES` when omitted.
        seed: of the texts that are made from the merge graph.
        n_merges: how many of those; 20,000 when omitted.
        progress: called with the bytes of text done so far and 0, now and then.

    Raises:
        LawError: a byte has no token.
        OSError: the folder cannot be written.
    """
    asked = RUNTIMES if runtimes is None else runtimes
    texts = itertools.chain(made_texts(vocabulary, seed, N_MERGE_TEXTS if n_merges is None else n_merges), corpus)
    if folder is not None:
        return Conformance(*_outcomes(vocabulary, texts, folder, asked, progress), seed)
    with tempfile.TemporaryDirectory(prefix="tokkit-") as temporary:
        return Conformance(*_outcomes(vocabulary, texts, Path(temporary), asked, progress), seed)


def _outcomes(
    vocabulary: Vocabulary,
    texts: Iterable[Text],
    folder: Path,
    runtimes: Sequence[Runtime],
    progress: Callable[[int, int], None] | None,
) -> tuple[tuple[Outcome, ...], dict[str, tuple[int, int]]]:
    opened: list[tuple[Outcome, Opened]] = []
    outcomes: list[Outcome] = []
    for runtime in runtimes:
        outcome = Outcome(runtime.name, runtime.package, runtime.version, runtime.exact)
        outcomes.append(outcome)
        if outcome.installed and (found := _opened(runtime, outcome, vocabulary, folder)):
            opened.append((outcome, found))
    mine = Outcome("reference", "regex", regex.__version__, exact=True)
    reference_texts = _ForReference(vocabulary)
    groups: dict[str, tuple[int, int]] = {}
    for batch in _batches(texts):
        ours = [encode(vocabulary, each.text) for each in batch]
        for each in batch:
            n_texts, n_bytes = groups.get(each.group, (0, 0))
            groups[each.group] = n_texts + 1, n_bytes + len(each.text.encode())
        for outcome, found in opened:
            if outcome.error is None:
                _compare(outcome, found, batch, ours)
        chosen = [(each, ids) for each, ids in zip(batch, ours, strict=True) if reference_texts.takes(each)]
        _compare(mine, reference_texts.opened, [each for each, _ in chosen], [ids for _, ids in chosen])
        if progress is not None:
            progress(sum(n_bytes for _, n_bytes in groups.values()), 0)
    for outcome, found in [*opened, (mine, reference_texts.opened)]:
        _finish(outcome, found, vocabulary)
    mine.note = reference_texts.note()
    return (mine, *outcomes), groups


def _opened(runtime: Runtime, outcome: Outcome, vocabulary: Vocabulary, folder: Path) -> Opened | None:
    """Write and load; what goes wrong is what came out for this runtime, not the end of the run."""
    try:
        runtime.write(vocabulary, folder)
        found = runtime.load(vocabulary, folder)
    except TokkitError as error:
        outcome.error = f"not written: {error.message}"
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # noqa: BLE001 - a runtime may raise anything, a panic of Rust included
        outcome.error = f"cannot load: {_one_line(error)}"
    else:
        outcome.note = found.note
        outcome.exact = outcome.exact if found.exact is None else found.exact
        return found
    return None


def _compare(outcome: Outcome, found: Opened, batch: Sequence[Text], ours: Sequence[list[int]]) -> None:
    if not batch:
        return
    try:
        theirs = found.encode_texts([each.text for each in batch])
        decoded = None if found.decode_texts is None else found.decode_texts(ours)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # noqa: BLE001 - see _opened
        outcome.error = f"cannot encode: {_one_line(error)}"
        return
    for each, our_ids, their_ids in zip(batch, ours, theirs, strict=True):
        outcome.texts += 1
        outcome.tokens += len(our_ids)
        outcome.theirs += len(their_ids)
        if our_ids == list(their_ids):
            outcome.equal += 1
            outcome.equal_in[each.group] += 1
        else:
            outcome.differing.append(each)
    if len(outcome.differing) > SHRUNK:
        outcome.differing = sorted(outcome.differing, key=lambda each: len(each.text))[:SHRUNK]
    if decoded is not None:
        wrong = sum(each.text.encode() != data for each, data in zip(batch, decoded, strict=True))
        outcome.undecoded = (outcome.undecoded or 0) + wrong


def _finish(outcome: Outcome, found: Opened, vocabulary: Vocabulary) -> None:
    """Shrink what differs, and ask for every id and for typed names of special tokens."""
    if outcome.error is not None:
        return
    shrunk = [_shrunk(found, vocabulary, each) for each in outcome.differing]
    outcome.difference = min(shrunk, key=lambda each: (len(each.text), each.text), default=None)
    outcome.differing = []
    if found.tokens is not None:
        known = found.tokens(vocabulary.n_vocab)
        expected = list(vocabulary.tokens) + [b""] * (vocabulary.n_vocab - len(vocabulary.tokens))
        for token_id, name in vocabulary.special_ids.items():
            expected[token_id] = name.encode()
        pairs = enumerate(zip(expected, known, strict=True))
        outcome.wrong_ids = tuple(token_id for token_id, (want, has) in pairs if want and want != has)
    if vocabulary.special_tokens:
        outcome.rules = tuple((rule.rule, _keeps(rule, vocabulary)) for rule in found.rules)


def _shrunk(found: Opened, vocabulary: Vocabulary, text: Text) -> Difference:
    def differs(trial: str) -> bool:
        return list(found.encode_texts([trial])[0]) != encode(vocabulary, trial)

    # What differs among others of its batch may not differ alone: then it is shown as it is.
    short = shrink(text.text, differs) if differs(text.text) else text.text
    theirs = tuple(found.encode_texts([short])[0])
    return Difference(short, tuple(encode(vocabulary, short)), theirs, text.group, text.name)


def _keeps(rule: SpecialRule, vocabulary: Vocabulary) -> bool:
    """Tell whether typed names of special tokens, the first and the last ones, become what a rule says."""
    names = list(vocabulary.special_tokens)
    if len(names) > FEW_SPECIALS:
        names = names[: FEW_SPECIALS // 2] + names[-FEW_SPECIALS // 2 :]
    specials = set(vocabulary.special_tokens.values())
    for text in [*names, *(f"a {name}b" for name in names), "".join(names)]:
        try:
            ids = rule.encode(text)
        except ValueError:
            if rule.expected != "error":
                return False
            continue
        if rule.expected == "no special":
            kept = specials.isdisjoint(ids)
        else:
            as_tokens = rule.expected == "tokens"
            kept = rule.expected != "error" and ids == encode(vocabulary, text, specials=as_tokens)
        if not kept:
            return False
    return True


class _ForReference:
    """The reference encoder, and the texts that it is asked for: short ones of code points that regex knows as we do."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.opened = Opened(
            encode_texts=lambda texts: [reference.encode(text, vocabulary.ranks, vocabulary.pattern) for text in texts]
        )
        self.unlike = _unlike_code_points()
        self.characters: Counter[str] = Counter()  # by group

    def takes(self, text: Text) -> bool:
        if len(text.text) > LONGEST_FOR_REFERENCE or self.characters[text.group] > REFERENCE_CHARACTERS:
            return False
        if not self.unlike.isdisjoint(text.text):
            return False
        self.characters[text.group] += len(text.text)
        return True

    def note(self) -> str:
        return (
            f"plain Python: texts of up to {LONGEST_FOR_REFERENCE} characters, {REFERENCE_CHARACTERS:,} of a group, "
            f"without the {len(self.unlike):,} code points "
            f"that regex {regex.__version__} has in other classes than Unicode 16"
        )


@cache
def _unlike_code_points() -> frozenset[str]:
    """Return the characters that the installed regex counts among other classes than the pinned tables do."""
    characters = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    table = class_table()
    unlike: set[str] = set()
    for name, bit in ((r"\p{L}", LETTER), (r"\p{N}", NUMBER), (r"\p{M}", MARK), (r"\s", SPACE)):
        known = {chr(code) for code in (table & bit).nonzero()[0].tolist()}
        unlike |= known ^ set(regex.findall(name, characters))
    return frozenset(unlike)


def _batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """Yield texts in lists of bounded size."""
    batch: list[Text] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text.text)
        if characters >= CHARACTERS_AT_ONCE or len(batch) == TEXTS_AT_ONCE:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _one_line(error: BaseException) -> str:
    text: Any = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
