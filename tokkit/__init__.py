"""Build a tokenizer vocabulary from a proven base and your own corpus, and prove that it is right.

The values, and the functions that begin with one, are here; each step is the function of its module's name:

    from tokkit import load_base
    from tokkit.select import select
    from tokkit.pad import pad

    base = select(load_base("cl100k_base"), 60_004).vocabulary
    vocabulary = pad(base, multiple=256).vocabulary

`import tokkit` is light: a name loads its module, and with it numba, pyarrow or tokenizers, when it is first used.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # that of `typing`, which takes longer to load than all else here
if TYPE_CHECKING:
    from typing import Any

    from tokkit.anatomy import Anatomy, inspect
    from tokkit.audit import Audit
    from tokkit.bases import BASES, load_base
    from tokkit.compare import Difference, diff
    from tokkit.compare_map import IdMap, id_map, npz_bytes
    from tokkit.conformance import Conformance, conform
    from tokkit.corpus import Document
    from tokkit.counts import CountsTable
    from tokkit.curves import Curve, curve
    from tokkit.dedup import Duplicates
    from tokkit.donors import Donation, donate
    from tokkit.errors import TokkitError
    from tokkit.foreign import ForeignVocabulary
    from tokkit.formats.any import read
    from tokkit.laws import Finding, check
    from tokkit.learn import LearnedTokens
    from tokkit.merge import Merge, TokenSource
    from tokkit.pad import Padding, rename
    from tokkit.plan import Plan
    from tokkit.pretokenize import PATTERNS
    from tokkit.segmentation import Segmentation, segment
    from tokkit.select import Selection
    from tokkit.usage import UsageSelection
    from tokkit.vocabulary import Segment, Vocabulary
    from tokkit.why import Explanation, explain

__version__ = "0.1.0"
TOOL = f"tokkit {__version__}"

__all__ = [
    "BASES",
    "PATTERNS",
    "TOOL",
    "Anatomy",
    "Audit",
    "Conformance",
    "CountsTable",
    "Curve",
    "Difference",
    "Document",
    "Donation",
    "Duplicates",
    "Explanation",
    "Finding",
    "ForeignVocabulary",
    "IdMap",
    "LearnedTokens",
    "Merge",
    "Padding",
    "Plan",
    "Segment",
    "Segmentation",
    "Selection",
    "TokenSource",
    "TokkitError",
    "UsageSelection",
    "Vocabulary",
    "__version__",
    "check",
    "conform",
    "curve",
    "diff",
    "donate",
    "explain",
    "id_map",
    "inspect",
    "load_base",
    "npz_bytes",
    "read",
    "rename",
    "segment",
]

_HOMES = {
    "BASES": "bases",
    "PATTERNS": "pretokenize",
    "Anatomy": "anatomy",
    "Audit": "audit",
    "Conformance": "conformance",
    "CountsTable": "counts",
    "Curve": "curves",
    "Difference": "compare",
    "Document": "corpus",
    "Donation": "donors",
    "Duplicates": "dedup",
    "Explanation": "why",
    "Finding": "laws",
    "ForeignVocabulary": "foreign",
    "IdMap": "compare_map",
    "LearnedTokens": "learn",
    "Merge": "merge",
    "Padding": "pad",
    "Plan": "plan",
    "Segment": "vocabulary",
    "Segmentation": "segmentation",
    "Selection": "select",
    "TokenSource": "merge",
    "TokkitError": "errors",
    "UsageSelection": "usage",
    "Vocabulary": "vocabulary",
    "check": "laws",
    "conform": "conformance",
    "curve": "curves",
    "donate": "donors",
    "diff": "compare",
    "explain": "why",
    "id_map": "compare_map",
    "inspect": "anatomy",
    "load_base": "bases",
    "npz_bytes": "compare_map",
    "read": "formats.any",
    "rename": "pad",
    "segment": "segmentation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tokkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"tokkit.{_HOMES[name]}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
