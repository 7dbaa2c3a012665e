"""The sentences that the report page shows cut up: the same ones always, from the sample that tokkit carries."""

from __future__ import annotations

import json
from pathlib import Path

import tokkit

SAMPLE = Path(tokkit.__file__).parent / "data" / "sample"
# Slice, document, and which lines of it: a sentence or two, or some of a function.
_PLACES: tuple[tuple[str, int, int, int | None], ...] = (
    ("zh-news", 0, 0, None),
    ("zh-techdocs", 0, 0, None),
    ("zh-udhr", 1, 1, None),
    ("zh-Hant-udhr", 1, 1, None),
    ("en-udhr", 1, 1, None),
    ("code-python", 0, 39, 49),
    *((f"{language}-udhr", 1, 1, None) for language in ("ja", "ko", "de", "fr", "es", "ru", "ar", "hi")),
)


def sentences() -> list[tuple[str, str, str]]:
    """Return language, domain and text of each sentence.

    Example:
        >>> sentences()[2]
        ('zh', 'udhr', '人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。')
    """
    found = []
    for name, document, first, last in _PLACES:
        line = (SAMPLE / f"{name}.jsonl").read_text("utf-8").split("\n")[document]
        language, _, domain = name.rpartition("-")
        found.append((language, domain, "\n".join(json.loads(line)["text"].split("\n")[first:last])))
    return found
