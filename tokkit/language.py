"""Say which language a document is in, where nothing else does: by pycld2, as the InternLM2 report has it.

A document that pycld2 is not sure of, or of which no language makes up half, stays `und`. Source code is no language here:
what is told of it is the language of its names and comments, mostly `en`. Label code by a path or a field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.corpus_files import UNKNOWN_LANGUAGE
from tokkit.errors import InputError

if TYPE_CHECKING:
    from tokkit.corpus import Documents

LEAST_SHARE = 50  # per cent of a text that its language has to make up
MOST_BYTES = 1 << 20  # of a text are looked at; what follows does not change what it is

# pycld2's names that are not those of BCP 47; what begins with xx- names scripts, and `un` is unknown
_TAGS = {
    "iw": "he",
    "jw": "jv",
    "in": "id",
    "mo": "ro",
    "sr-ME": "cnr",
    "un": UNKNOWN_LANGUAGE,
    "xxx": UNKNOWN_LANGUAGE,
}
# pycld2 refuses what HTML does not allow: control characters, and the 66 code points that are no characters
_REFUSED = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ufdd0-\\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)


def detect(text: bytes) -> str:
    """Return the language of a text as a tag: `zh` (simplified), `zh-Hant`, `en`, `ja`...; `und` where it is not sure.

    Args:
        text: valid UTF-8.

    Raises:
        InputError: pycld2 is not installed.

    Example:
        >>> detect("我们今天去看电影，明天再说。".encode()), detect("我們今天去看電影，這樣比較好。".encode()), detect(b"x = 1")
        ('zh', 'zh-Hant', 'und')
    """
    try:
        import pycld2  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            "languages are told by the package pycld2, which is not installed", "pip install 'tokkit[language]'"
        ) from None
    if len(text) > MOST_BYTES:
        text = text[:MOST_BYTES].decode(errors="ignore").encode()  # the last character may be cut
    try:
        is_reliable, _, found = pycld2.detect(text, isPlainText=True)
    except pycld2.error:
        try:
            is_reliable, _, found = pycld2.detect(_REFUSED.sub(" ", text.decode()).encode(), isPlainText=True)
        except pycld2.error:
            return UNKNOWN_LANGUAGE
    code, share = str(found[0][1]), int(found[0][2])
    if not is_reliable or share < LEAST_SHARE or code.startswith("xx-"):
        return UNKNOWN_LANGUAGE
    return _TAGS.get(code, code)


@dataclass
class Labeller:
    """Label the documents of batches that come one after the other, and add up what was labelled.

    Attributes:
        tally: of the documents without a language, `[documents, bytes]` for each language that they got, `und` included.
    """

    tally: dict[str, list[int]] = field(default_factory=dict)
    _open: str | None = None  # the language of the text file that a batch which continues goes on with

    def label(self, documents: Documents) -> Documents:
        """Return the documents with a language for each that is `und`; domains stay, and so do other languages.

        A text file is one document in several batches: its first decides. Where that was left out, the next does and is
        the first.
        """
        if not documents.continues:
            self._open = None
        if not any(language in {"", UNKNOWN_LANGUAGE} for language, _ in documents.slices) or not len(documents):
            return documents
        goes_on = documents.continues and self._open is not None
        bounds = documents.starts.tolist()
        index: dict[tuple[str, str], int] = {}
        slice_ids = []
        for row, slice_id in enumerate(documents.slice_ids.tolist()):
            language, domain = documents.slices[slice_id]
            if language in {"", UNKNOWN_LANGUAGE}:
                text = documents.text[bounds[row] : bounds[row + 1]]
                language = self._open if goes_on and self._open else detect(text)
                part = self.tally.setdefault(language, [0, 0])
                part[0] += not goes_on
                part[1] += len(text)
                self._open = language
            slice_ids.append(index.setdefault((language, domain), len(index)))
        return replace(
            documents,
            slices=tuple(index),
            slice_ids=np.array(slice_ids, np.int32),
            continues=goes_on,
        )
