"""Tokens that must not be chosen or learned, as files say them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from tokkit.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Veto:
    r"""Tokens that must not be chosen or learned: exact texts, and expressions that may not match anywhere in a token's text.

    Where `only` is given, nothing but these tokens may be.

    Example:
        >>> veto = parse_veto("# boilerplate\n酒店\n/^的/\n".encode(), "veto.txt")
        >>> [veto.forbids(text.encode()) for text in ("酒店", "大酒店", "的人", "目的")]
        [True, False, True, False]
    """

    texts: frozenset[str] = frozenset()
    patterns: tuple[regex.Pattern[str], ...] = ()
    only: frozenset[bytes] | None = None

    def forbids(self, token: bytes) -> bool:
        """Tell whether a token is vetoed; a part of a character has no text, and is only where `only` lacks it."""
        if self.only is not None and token not in self.only:
            return True
        try:
            text = token.decode()
        except UnicodeDecodeError:
            return False
        return text in self.texts or any(pattern.search(text) for pattern in self.patterns)

    def lines(self) -> list[str]:
        r"""Return the lines of a file that says the same: the texts, sorted, then the expressions as they came; not `only`.

        Example:
            >>> parse_veto("/^的/\n酒店\n".encode(), "veto.txt").lines()
            ['酒店', '/^的/']
        """
        return sorted(map(veto_line, self.texts)) + [f"/{pattern.pattern}/" for pattern in self.patterns]


def load_vetoes(paths: Sequence[str | Path]) -> Veto | None:
    """Return the veto of all files together; None where there are none.

    Raises:
        FormatError: as `parse_veto`.
        OSError: a file that cannot be read.
    """
    vetoes = [parse_veto(Path(path).read_bytes(), str(path)) for path in paths]
    texts = frozenset(text for veto in vetoes for text in veto.texts)
    return Veto(texts, tuple(pattern for veto in vetoes for pattern in veto.patterns)) if paths else None


def parse_veto(data: bytes, source: str) -> Veto:
    """Return the veto of a file's bytes: one text a line, or one `/expression/`; `#` begins a comment line.

    What follows a tab is a remark, so that the findings of an audit can be used as they are.

    Raises:
        FormatError: not UTF-8, or an expression that does not compile; names the line.
    """
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError as error:
        raise FormatError(f"{source}: not UTF-8 at byte {error.start}") from None
    texts = set()
    patterns = []
    for number, line in enumerate(lines, 1):
        text = line.partition("\t")[0]
        if not text or text.startswith("#"):
            continue
        if len(text) > 2 and text[0] == text[-1] == "/":
            try:
                patterns.append(regex.compile(text[1:-1]))
            except regex.error as error:
                raise FormatError(f"{source}: line {number}: expression does not compile: {error}: {text}") from None
        else:
            texts.add(text)
    return Veto(frozenset(texts), tuple(patterns))


def veto_line(text: str) -> str:
    r"""Return a token's text as a line of a veto file: as it is, or as an expression where it would be read as something else.

    Example:
        >>> print(veto_line("酒店"), veto_line("#1"), veto_line("/a/"), veto_line("\n"))
        酒店 /\A\U00000023\U00000031\Z/ /\A\U0000002f\U00000061\U0000002f\Z/ /\A\U0000000a\Z/
    """
    is_expression = len(text) > 2 and text[0] == text[-1] == "/"
    if "\t" not in text and not text.startswith("#") and not is_expression and text.splitlines() == [text]:
        return text
    return "/\\A" + "".join(f"\\U{ord(character):08x}" for character in text) + "\\Z/"
