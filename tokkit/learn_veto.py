"""Tokens that must not be learned, as a file says them."""

from __future__ import annotations

from dataclasses import dataclass

import regex

from tokkit.errors import FormatError


@dataclass(frozen=True)
class Veto:
    r"""Tokens that must not be learned: exact texts, and expressions that may not match anywhere in a token's text.

    Where `only` is given, nothing but these tokens may be learned.

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
