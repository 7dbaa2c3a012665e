"""Deal a corpus by source into two: what to learn from, and what to measure on. A source is on one side only.

    python -m benchmarks.deal_sources CORPUS OUT [SALT]

Reads CORPUS/LANGUAGE-DOMAIN.jsonl.zst, whose lines name their `source`, of English, code and Chinese; writes OUT/learn and
OUT/measure. One source in four is to be measured on: those where the sha256 of the name, what follows an `@` left out, after
the salt begins with a byte that four divides. Another salt deals anew.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tokkit.corpus import Labels, read

LANGUAGES = ("code", "en", "zh", "zh-Hant")
IN_FOUR = 4


def deal(corpus: Path, out: Path, salt: str = "") -> dict[tuple[str, str], Counter[str]]:
    """Write both sides; return the bytes of each source, by side and language."""
    sizes: dict[tuple[str, str], Counter[str]] = {}
    for side in ("learn", "measure"):
        (out / side).mkdir(parents=True, exist_ok=True)
    for path in sorted(corpus.glob("*.jsonl.zst")):
        name = path.name.removesuffix(".jsonl.zst")
        language = name.rpartition("-")[0]
        if language not in LANGUAGES:
            continue
        with ExitStack() as files:
            written = {}
            for document in read(path, Labels(id_field="source")):
                source = document.id.partition("@")[0]
                side = "learn" if hashlib.sha256(f"{salt}{source}".encode()).digest()[0] % IN_FOUR else "measure"
                if side not in written:
                    written[side] = files.enter_context((out / side / f"{name}.jsonl").open("w", encoding="utf-8"))
                line = {"source": source, "text": document.text.decode()}
                written[side].write(json.dumps(line, ensure_ascii=False) + "\n")
                sizes.setdefault((side, language), Counter())[source] += len(document.text)
    return sizes


def main() -> None:
    """Deal what the command line names, and say what came out."""
    corpus, out, *salt = sys.argv[1:]
    for (side, language), sources in sorted(deal(Path(corpus), Path(out), *salt).items()):
        print(f"{side:7} {language:7} {len(sources):3} sources  {sum(sources.values()) / 1e6:6.1f} MB")


if __name__ == "__main__":
    main()
