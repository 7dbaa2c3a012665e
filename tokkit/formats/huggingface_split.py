r"""The split of a tokenizer.json as one pattern that means the same to a vocabulary, or the reason why there is none.

tokenizers runs its regular expressions with Oniguruma, a vocabulary's run as fancy-regex and `regex` read them. Taken over are
the constructs that mean the same to all, those of the published patterns among them: classes that `tokkit.unicode` pins, ranges,
groups, look-around, greedy and possessive `? * +`, and the contractions that fold case. Anything else is named.
"""

from __future__ import annotations

import re
from typing import Any

from tokkit.display import show
from tokkit.errors import FormatError
from tokkit.formats.portable import _atoms, _rewrite

# What ByteLevel splits by where `use_regex` is on.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

_PROPERTIES = frozenset({"L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "N"})
# Measured on all code points: both engines fold these letters to the same nine, the long s among them.
_FOLDING = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(?i:[sdmt]|ll|ve|re)")
_CLASS_ATOMS = re.compile(r"\\[pP]\{[^}]*\}|\\.|.", re.DOTALL)


def split_pattern(pre_tokenizer: Any) -> tuple[str | None, list[str]]:
    """Return the split pattern of a pre-tokenizer, None where no pattern says it, and what stands against it.

    Example:
        >>> byte_level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
        >>> split_pattern(byte_level)[0] == GPT2_PATTERN
        True
        >>> split_pattern({"type": "Sequence", "pretokenizers": [{"type": "Digits"}, byte_level]})
        (None, ['its split is Digits, then ByteLevel, and not one regular expression'])
    """
    parts = flat_parts(pre_tokenizer)
    breaks = []
    if any(part.get("type") == "ByteLevel" and part.get("add_prefix_space", True) for part in parts):
        breaks.append("ByteLevel has add_prefix_space: a space that the text does not have comes before it")
    match parts:
        case [{"type": "ByteLevel"} as byte_level] if byte_level.get("use_regex", True):
            return GPT2_PATTERN, breaks
        case [
            {"type": "Split", "pattern": {"Regex": str(regex)}, "behavior": behavior, "invert": bool(invert)},
            {"type": "ByteLevel", "use_regex": False},
        ] if (behavior, invert) in (("Isolated", False), ("Removed", True)):
            try:
                fault = unlike(regex)
            except FormatError as error:
                fault = error.message
            return regex, breaks + ([f"its split has {fault}"] if fault else [])
    kinds = [_kind(part) for part in parts]
    return None, [*breaks, f"its split is {', then '.join(kinds) or 'none'}, and not one regular expression"]


def flat_parts(component: Any) -> list[dict[str, Any]]:
    """Return the steps of a normalizer or pre-tokenizer, sequences within sequences opened.

    Example:
        >>> flat_parts({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Sequence", "normalizers": []}]})
        [{'type': 'NFC'}]
    """
    if not isinstance(component, dict):
        return []
    if component.get("type") != "Sequence":
        return [component]
    inner = component.get("pretokenizers", component.get("normalizers"))
    return [part for each in inner for part in flat_parts(each)] if isinstance(inner, list) else []


def unlike(regex: str) -> str | None:
    r"""Return the first construct of a regular expression that Oniguruma may read otherwise, in words; None for none.

    Raises:
        FormatError: an escape or a group that cannot be carried over at all.

    Example:
        >>> unlike(GPT2_PATTERN), unlike(r"\w+|\s+")
        (None, '`\\\\w`, which regex engines read differently')
    """
    if _rewrite(regex) != regex:
        return f"an anchor or a counted possessive quantifier, which tokenizers reads otherwise than others: `{regex}`"
    unfolded = regex
    for group in _FOLDING:
        unfolded = unfolded.replace(group, "")
    atoms = _atoms(unfolded)
    for index, atom in enumerate(atoms):
        following = atoms[index + 1] if index + 1 < len(atoms) else ""
        if atom == "(?i:":
            return "a group that ignores case, which regex engines fold differently"
        if atom.startswith("{") and atom.endswith("}") and "," not in atom and following == "?":
            return f"`{atom}?`, which regex engines read differently"
        fault = _class_fault(atom[1:-1]) if atom.startswith("[") else _escape_fault(atom)
        if fault:
            return f"`{show(fault.encode())}`, which regex engines read differently"
    return None


def _class_fault(inside: str) -> str | None:
    atoms = _CLASS_ATOMS.findall(inside)
    for atom, following in zip(atoms, [*atoms[1:], ""], strict=True):
        if atom == "[" or (atom == following and atom in "&-|~"):  # a set in a set, and operations on sets
            return f"{atom}{following}"
        fault = _escape_fault(atom)
        if fault:
            return fault
    return None


def _escape_fault(atom: str) -> str | None:
    if not atom.startswith("\\"):
        return None
    if atom[1:2] in ("p", "P"):
        return None if atom[2:3] == "{" and atom[3:-1] in _PROPERTIES else atom
    known = atom[1:] in {"s", "S", "r", "n", "t"} or not (atom[1:].isalnum() or atom == "\\")
    return None if known else atom


def _kind(part: dict[str, Any]) -> str:
    pattern = part.get("pattern")
    if part.get("type") == "Split" and isinstance(pattern, dict):
        return f"Split by `{next(iter(pattern.values()), '')}`"
    return str(part.get("type"))
