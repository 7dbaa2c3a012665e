"""Token bytes for eyes: one function, so that every table, listing and message shows a token alike."""

from __future__ import annotations

# Characters that a terminal or editor would hide, reorder or swallow. Fixed ranges, inclusive, not `str.isprintable`:
# that one follows the Unicode version of the running Python, and listings must be the same bytes everywhere.
_HIDDEN = (
    (0x00, 0x1F),  # C0 controls
    (0x7F, 0xA0),  # delete, C1 controls, no-break space
    (0xAD, 0xAD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x1680, 0x1680),  # Ogham space
    (0x180B, 0x180F),  # Mongolian variation selectors and vowel separator
    (0x2000, 0x200F),  # spaces, zero-width characters, direction marks
    (0x2028, 0x202F),  # line and paragraph separator, embeddings, narrow no-break space
    (0x205F, 0x206F),  # mathematical space, word joiner, isolates
    (0x3000, 0x3000),  # ideographic space
    (0x3164, 0x3164),  # Hangul filler
    (0xE000, 0xF8FF),  # private use
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFF0, 0xFFFC),  # specials: interlinear annotation, object replacement
    (0xFFFE, 0xFFFF),  # noncharacters
    (0xE0000, 0x10FFFF),  # tags, variation selectors supplement, private use planes
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def show(token: bytes) -> str:
    r"""Return a token's bytes as text for eyes, on one line, different for different bytes.

    Printable characters stand for themselves, the backslash is doubled, and characters that would not show are escaped:
    `\n`, `\t`, `\r`, `\x00` below U+0080, `\u200d`, `\U000e0001`. A byte that is not part of a whole UTF-8 character is
    `\xE4`, in capitals and always 80 or above, which no escaped character is: that marks partial UTF-8.

    Example:
        >>> print(show("，我们\n".encode()), show(b" \xe4\xbd"), show("a\\\u3000".encode()))
        ，我们\n  \xE4\xBD a\\\u3000
    """
    return "".join(_shown(character) for character in token.decode("utf-8", "surrogateescape"))


def _shown(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # what surrogateescape makes of a byte outside any character
        return f"\\x{code - 0xDC00:02X}"
    if not any(first <= code <= last for first, last in _HIDDEN):
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
