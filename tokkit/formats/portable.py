r"""A split pattern in the regex dialect that Hugging Face runtimes share, splitting every text as the original does.

tiktoken's patterns are written for Rust's fancy-regex. tokenizers runs Oniguruma, other readers of `tokenizer.json` run
JavaScript, ICU or .NET. Between them differ:

- `X{1,3}+` is possessive in fancy-regex; Oniguruma repeats the whole `X{1,3}`, so `\p{N}{1,3}+` takes all of `12345678`;
- `$` and `^` are the ends of the text in fancy-regex, and the ends of any line in Oniguruma;
- possessive quantifiers and atomic groups are errors in JavaScript.

The alternatives of the published patterns are replaced by equal ones that every engine reads (`EQUAL_ALTERNATIVES`, each
with its argument); anything else is rewritten construct by construct, and refused where that cannot be done.
"""

from __future__ import annotations

import re

from tokkit.errors import FormatError

END_OF_TEXT = r"(?![\s\S])"
START_OF_TEXT = r"(?<![\s\S])"

# An alternative without its possessive quantifiers matches the same where giving a character back could not help what
# follows. Each line says why; `tests/test_portable.py` compares the splits on every code point and on hostile text.
EQUAL_ALTERNATIVES = {
    # The apostrophe has no case, and the endings differ in their first letter. Spelled as Hugging Face files spell it,
    # because readers without (?i:...) know this group by its text.
    r"'(?i:[sdmt]|ll|ve|re)": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
    # The optional character is no letter: given back, the letters would have to start on it. Nothing follows the letters.
    r"[^\r\n\p{L}\p{N}]?+\p{L}++": r"[^\r\n\p{L}\p{N}]?\p{L}+",
    # Nothing follows the digits, so that nothing can ask for one back.
    r"\p{N}{1,3}+": r"\p{N}{1,3}",
    r" ?\p{L}++": r" ?\p{L}+",
    r" ?\p{N}++": r" ?\p{N}+",
    # A symbol is no line break: given back, no further line break can match in its place.
    r" ?[^\s\p{L}\p{N}]++[\r\n]*+": r" ?[^\s\p{L}\p{N}]+[\r\n]*",
    r" ?[^\s\p{L}\p{N}]++": r" ?[^\s\p{L}\p{N}]+",
    # What is given back is white space that then stands before the end of the text.
    r"\s++$": rf"\s+{END_OF_TEXT}",
    # White space already reaches the last line break of its run, so that no second one can follow.
    r"\s*[\r\n]": r"\s*[\r\n]+",
}

_OPENINGS = ("(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>")
_BRACES = re.compile(r"\{\d+(?:,\d*)?\}")


def portable_pattern(pattern: str) -> str:
    r"""Return a pattern that splits as `pattern` does, for Oniguruma and, where that is possible, any other engine.

    Raises:
        FormatError: a construct that cannot be carried over (inline flags but `(?i:...)`, back references).

    Example:
        >>> portable_pattern(r"\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\S{2}+a")
        '\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s+(?![\\s\\S])|(?>\\S{2})a'
    """
    parts = alternatives(pattern)
    return "|".join(EQUAL_ALTERNATIVES[part] if part in EQUAL_ALTERNATIVES else _rewrite(part) for part in parts)


def alternatives(pattern: str) -> list[str]:
    """Return the alternatives of a pattern: what stands between the `|` outside groups and classes."""
    parts = [""]
    depth = 0
    for atom in _atoms(pattern):
        if atom == "|" and depth == 0:
            parts.append("")
            continue
        depth += atom.startswith("(") - (atom == ")")
        parts[-1] += atom
    return parts


def _rewrite(pattern: str) -> str:
    """Rewrite what Oniguruma reads otherwise: counted possessive quantifiers, and the anchors of lines."""
    atoms = _atoms(pattern)
    out: list[str] = []
    opened: list[int] = []  # where in `out` each open group starts
    last = 0  # where in `out` the atom starts that a quantifier would apply to
    for index, atom in enumerate(atoms):
        if _BRACES.fullmatch(atom) and atoms[index + 1 : index + 2] == ["+"]:
            out[last:] = ["(?>", *out[last:], atom, ")"]
            atoms[index + 1] = ""
        elif atom == ")":
            last = opened.pop() if opened else len(out)
            out.append(atom)
        elif atom in ("?", "*", "+", "") or _BRACES.fullmatch(atom):
            out.append(atom)
        else:
            last = len(out)
            if atom.startswith("("):
                opened.append(last)
            out.append({"$": END_OF_TEXT, "^": START_OF_TEXT}.get(atom, atom))
    return "".join(out)


def _atoms(pattern: str) -> list[str]:
    """Return a pattern cut into escapes, classes, group openings, counted quantifiers and single characters."""
    atoms = []
    position = 0
    while position < len(pattern):
        length = _atom_length(pattern, position)
        atoms.append(pattern[position : position + length])
        position += length
    return atoms


def _atom_length(pattern: str, position: int) -> int:
    character = pattern[position]
    if character == "\\":
        return _escape_length(pattern, position)
    if character == "[":
        return _class_length(pattern, position)
    if character == "{":
        braces = _BRACES.match(pattern, position)
        return len(braces.group()) if braces else 1
    if character == "(" and pattern[position + 1 : position + 2] == "?":
        for opening in _OPENINGS:
            if pattern.startswith(opening, position):
                return len(opening)
        raise FormatError(
            f"the pattern has a group that tokenizers would read otherwise: {pattern[position : position + 12]!r}",
            "use (?:...), (?i:...), look-around or atomic groups",
        )
    return 1


def _escape_length(pattern: str, position: int) -> int:
    kind = pattern[position + 1 : position + 2]
    if kind and kind in "123456789kgGK":
        raise FormatError(
            f"the pattern has an escape that tokenizers would read otherwise: {pattern[position : position + 4]!r}",
            "split patterns need no back references",
        )
    if kind in ("p", "P", "x", "u") and pattern[position + 2 : position + 3] == "{":
        close = pattern.find("}", position)
        return (close if close > 0 else len(pattern)) + 1 - position
    return 2


def _class_length(pattern: str, position: int) -> int:
    """Return the length of a class, with the classes nested in it."""
    depth = 0
    index = position
    while index < len(pattern):
        character = pattern[index]
        if character == "\\":
            index += 2
            continue
        depth += (character == "[") - (character == "]")
        index += 1
        if depth == 0:
            return index - position
        if character == "[" and pattern[index : index + 1] == "^":
            index += 1
        if character == "[" and pattern[index : index + 1] == "]":
            index += 1  # a bracket that comes first stands for itself
    raise FormatError(f"the pattern has a class that does not end: {pattern[position : position + 20]!r}")
