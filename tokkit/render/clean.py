"""Tell what `count` left out as near-duplicates, and which languages it told of documents without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokkit.render import talk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokkit.dedup import Duplicates

FIRST = 10  # examples for eyes; JSON has them all


def lines_of_duplicates(duplicates: Duplicates) -> list[str]:
    """Return how much was left out in all and of each slice, and the largest documents, each with the one that stays."""
    dropped = duplicates.dropped
    n_bytes = sum(each.bytes for each in dropped)
    number = f"{talk.counted(len(dropped), 'near-duplicate')} of {talk.counted(duplicates.documents, 'document')}"
    size = f"{talk.size(n_bytes)} of {talk.size(duplicates.bytes)}"
    lines = [f"dropped {number}, {size}{':' if dropped else ''}"]
    lines += [
        f"  {language}-{domain}: {talk.counted(documents, 'document')}, {talk.size(n_bytes)}"
        for (language, domain), (documents, n_bytes) in _slices(duplicates).items()
    ]
    lines += [
        f"  {each.id} ({talk.size(each.bytes)}): {each.similarity:.2f} like {each.kept}" for each in dropped[:FIRST]
    ]
    return lines + ["  ..."] * (len(dropped) > FIRST)


def document_of_duplicates(duplicates: Duplicates | None) -> dict[str, Any] | None:
    """Return the same as a JSON object with every document that was left out, null where none was looked for."""
    if duplicates is None:
        return None
    return {
        "compared": {"documents": duplicates.documents, "bytes": duplicates.bytes},
        "slices": [
            {"language": language, "domain": domain, "documents": documents, "bytes": size}
            for (language, domain), (documents, size) in _slices(duplicates).items()
        ],
        "documents": [
            {
                "id": each.id,
                "language": each.language,
                "domain": each.domain,
                "bytes": each.bytes,
                "kept": each.kept,
                "similarity": each.similarity,
            }
            for each in duplicates.dropped
        ],
    }


def lines_of_languages(labelled: Mapping[str, tuple[int, int]]) -> list[str]:
    """Return how many documents without a language got which, the most bytes first."""
    documents = sum(number for number, _ in labelled.values())
    if not documents:
        return ["labelled no document: all have a language"]
    lines = [f"labelled {talk.counted(documents, 'document')} without a language:"]
    for language, (number, size) in sorted(labelled.items(), key=lambda each: (-each[1][1], each[0])):
        name = "und (not told reliably)" if language == "und" else language
        lines.append(f"  {name}: {talk.counted(number, 'document')}, {talk.size(size)}")
    return lines


def document_of_languages(labelled: Mapping[str, tuple[int, int]] | None) -> dict[str, Any] | None:
    """Return the same as a JSON object, null where languages were not looked for."""
    if labelled is None:
        return None
    return {language: {"documents": number, "bytes": size} for language, (number, size) in sorted(labelled.items())}


def _slices(duplicates: Duplicates) -> dict[tuple[str, str], tuple[int, int]]:
    """Return documents and bytes that were left out of each slice."""
    slices: dict[tuple[str, str], tuple[int, int]] = {}
    for each in duplicates.dropped:
        documents, size = slices.get((each.language, each.domain), (0, 0))
        slices[each.language, each.domain] = documents + 1, size + each.bytes
    return dict(sorted(slices.items()))
