"""Split patterns, and text cut by them into pretokens; merges never cross the border of a pretoken.

The patterns that the known bases publish have kernels of their own, equal to tiktoken on every code point; any other
pattern goes through `regex`, at its pace.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tokkit.errors import InputError
from tokkit.kernels import runs
from tokkit.kernels import split as kernels
from tokkit.unicode import N_CODE_POINTS, class_table, code_point_ranges
from tokkit.unicode_tables import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PATTERNS = {
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
        r"|\s+(?!\S)|\s"
    ),
    "o200k_base": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "r50k_base": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
}
PATTERNS["p50k_base"] = PATTERNS["r50k_base"]

# What the patterns of vocabularies ask for; `regex` follows the newest Unicode, runtimes the pinned one.
_CLASSES = ("Lu", "Lt", "Ll", "Lm", "Lo", "M", "N")
_UNASSIGNED = (0, 0x378, 0xFDD0, 0x1FFFE)  # by length in UTF-8: in no class, and the last two never will be
# A pattern that backtracks is stopped: after some seconds and, by the length of a text, at a tenth of the slowest known pace.
_SECONDS = 3.0
_SLOWEST = 100_000
_SHOWN = 60  # characters of a pattern in a message

# The second cl100k spelling is what papers and Hugging Face files carry; it is not the same split: at the end of a text it
# parts "\n " into two pretokens. The second GPT-2 spelling is the original one.
_KERNELS = {
    PATTERNS["cl100k_base"]: (kernels.split_cl100k, runs.AFTER_END),
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+"
    ): (kernels.split_cl100k, runs.BEFORE_END),
    PATTERNS["o200k_base"]: (kernels.split_o200k, runs.BEFORE_END),
    PATTERNS["r50k_base"]: (kernels.split_gpt2, runs.NOWHERE),
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": (
        kernels.split_gpt2,
        runs.NOWHERE,
    ),
}


def pattern_of(name_or_pattern: str) -> str:
    r"""Return the pattern that a base's name stands for, or the pattern itself after a check that it compiles.

    Raises:
        InputError: neither a known name nor a valid regular expression.

    Example:
        >>> pattern_of("r50k_base")[:22]
        "'(?:[sdmt]|ll|ve|re)| "
    """
    if name_or_pattern in PATTERNS:
        return PATTERNS[name_or_pattern]
    _compile(name_or_pattern)
    return name_or_pattern


def has_kernel(pattern: str) -> bool:
    """Tell whether a kernel splits by this pattern, so that the interpreter's lock is free meanwhile."""
    return pattern in _KERNELS


def pattern_shown(pattern: str) -> str:
    r"""Return a pattern for a message: the first base that has it, or how it begins.

    Example:
        >>> pattern_shown(PATTERNS["p50k_base"]), pattern_shown(r"\w+|\W")
        ("r50k_base's", '\\w+|\\W')
    """
    name = next((name for name, known in PATTERNS.items() if known == pattern), None)
    return f"{name}'s" if name else pattern if len(pattern) <= _SHOWN else f"{pattern[:_SHOWN]}…"


def split(data: NDArray[np.uint8], pattern: str) -> NDArray[np.int64]:
    """Return where the pretokens of a text start, and its end: int64[n + 1].

    Args:
        data: uint8, the text in UTF-8. It must be valid: see `check_utf8`.
        pattern: the split pattern.

    Raises:
        InputError: a pattern of the user's own that leaves a part of the text uncovered.

    Example:
        >>> split(np.frombuffer("I'm 2023!".encode(), np.uint8), PATTERNS["cl100k_base"]).tolist()
        [0, 1, 3, 4, 7, 8, 9]
    """
    bounds = np.array([0, data.size], np.int64)
    return next(split_documents(data, bounds, pattern, data.size))[0] if data.size else np.zeros(1, np.int64)


def split_documents(
    data: NDArray[np.uint8], bounds: NDArray[np.int64], pattern: str, at_once: int = 1 << 16
) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Split documents and yield their pretokens, at most `at_once` at a time.

    Args:
        data: uint8, the documents one after the other, in valid UTF-8.
        bounds: int64[n_documents + 1], where each document starts, and the end.
        pattern: the split pattern.
        at_once: how many pretokens to yield at the most, so that they stay in the processor's cache.

    Yields:
        where each pretoken starts, and the end of the last (int64[n + 1]), and the document that the first belongs to. The
        array is valid until the next one is asked for.
    """
    if pattern not in _KERNELS:
        yield from _split_documents_by_regex(data, bounds, pattern)
        return
    kernel, newlines = _KERNELS[pattern]
    data = data.view()
    data.flags.writeable = False  # as what a file is read into: for arrays of both kinds kernels are compiled twice
    starts = np.empty(at_once + 1, np.int64)
    document, position = 0, int(bounds[0])
    while document < bounds.size - 1:
        first = document
        n_pretokens, document, position = kernel(data, bounds, document, position, newlines, class_table(), starts)
        yield starts[: n_pretokens + 1], first


def split_bytes(text: bytes, pattern: str) -> list[bytes]:
    """Return the pretokens of a text; see `split`.

    Raises:
        InputError: the text is not valid UTF-8.

    Example:
        >>> split_bytes(b"Hello  world", PATTERNS["cl100k_base"])
        [b'Hello', b' ', b' world']
    """
    check_utf8(text)
    bounds = split(np.frombuffer(text, np.uint8), pattern).tolist()
    return [text[start:stop] for start, stop in pairwise(bounds)]


def check_utf8(text: bytes) -> None:
    """Raise InputError with the byte offset where a text is not valid UTF-8.

    Raises:
        InputError: the text is not valid UTF-8.
    """
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the text is not valid UTF-8 at byte {error.start}: {error.reason}") from None


@cache
def _compile(pattern: str) -> Any:
    import regex  # noqa: PLC0415 - the known patterns never need it

    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise InputError(
            f"pattern does not compile: {error}: {pattern[:300]}", f"known patterns by name: {', '.join(PATTERNS)}"
        ) from None


def _split_documents_by_regex(
    data: NDArray[np.uint8], bounds: NDArray[np.int64], pattern: str
) -> Iterator[tuple[NDArray[np.int64], int]]:
    for document in range(bounds.size - 1):
        start, stop = int(bounds[document]), int(bounds[document + 1])
        if stop > start:
            yield start + _split_by_regex(data[start:stop].tobytes().decode(), pattern), document


def _split_by_regex(text: str, pattern: str) -> NDArray[np.int64]:
    starts = [0]
    covered = 0
    byte_offset = 0
    try:
        for match in _compile(pattern).finditer(_with_stand_ins(text), timeout=_SECONDS + len(text) / _SLOWEST):
            if match.start() != covered or match.end() == covered:
                break
            covered = match.end()
            byte_offset += len(match.group().encode())
            starts.append(byte_offset)
    except TimeoutError:
        raise InputError(
            f"the pattern takes too long at character {covered}: {text[covered : covered + 20]!r}",
            "it backtracks: no quantifier within a quantifier, such as (a+)+",
        ) from None
    if covered != len(text):
        raise InputError(
            f"the pattern leaves text uncovered at character {covered}: {text[covered : covered + 20]!r}",
            "end the pattern with alternatives that take any character, such as |\\s+|.",
        )
    return np.array(starts, np.int64)


def _with_stand_ins(text: str) -> str:
    """Return a text that `regex` splits as the pinned Unicode version would split `text`, byte for byte as long."""
    if text.isascii():
        return text
    codes = np.frombuffer(text.encode("utf-32-le"), "<u4")
    stand_ins = _stand_ins()[codes]
    return text if np.array_equal(codes, stand_ins) else stand_ins.tobytes().decode("utf-32-le")


@cache
def _stand_ins() -> NDArray[np.uint32]:
    """Return uint32[0x110000]: each code point, or one of its pinned class where `regex` has another class for it."""
    import regex  # noqa: PLC0415 - see `_compile`

    everything = "".join(map(chr, range(N_CODE_POINTS)))
    pinned = np.zeros(N_CODE_POINTS, np.uint8)
    installed = np.zeros(N_CODE_POINTS, np.uint8)
    for number, category in enumerate(_CLASSES, 1):
        for start, stop in code_point_ranges(CATEGORIES[category]):
            pinned[start:stop] = number
        for match in regex.finditer(rf"\p{{{category}}}+", everything):
            installed[match.start() : match.end()] = number
    stand_ins = np.arange(N_CODE_POINTS, dtype="<u4")
    lengths = np.digitize(stand_ins, [0x80, 0x800, 0x10000])  # bytes in UTF-8, less one
    for length, unassigned in enumerate(_UNASSIGNED):
        for number in range(len(_CLASSES) + 1):
            of_class = (pinned == number) & (lengths == length)
            alike = of_class & (installed == number)
            if alike.any():
                stand_ins[of_class & ~alike] = int(alike.argmax()) if number else unassigned
    return stand_ins
