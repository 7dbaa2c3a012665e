"""Token counts of vocabularies that have no ranks: they encode the text itself, by their own rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokkit.counts_folds import fold_of_text
from tokkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokkit.corpus import Document
    from tokkit.foreign import ForeignVocabulary

DOCUMENTS_AT_ONCE = 256


def count_tokens(
    vocabularies: Sequence[ForeignVocabulary], documents: Iterable[Document], *, folds: int = 0
) -> dict[str, dict[tuple[str, str, int], int]]:
    """Return how many tokens foreign vocabularies need for each slice of some text, which is read once.

    Returns:
        By the vocabulary's name and the slice's language, domain and fold, which is 0 without folds.

    Raises:
        InputError: a vocabulary whose encoding is refused.
    """
    counted: dict[str, dict[tuple[str, str, int], int]] = {vocabulary.name: {} for vocabulary in vocabularies}

    def count(batch: Sequence[Document]) -> None:
        texts = [document.text.decode() for document in batch]
        for vocabulary in vocabularies:
            of_slice = counted[vocabulary.name]
            for document, ids in zip(batch, vocabulary.encode_all(texts), strict=True):
                fold = fold_of_text(document.text, folds) if folds else 0
                key = document.language, document.domain, fold
                of_slice[key] = of_slice.get(key, 0) + len(ids)

    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if len(batch) == DOCUMENTS_AT_ONCE:
            count(batch)
            batch = []
    count(batch)
    return counted


def documents_for(foreign: Sequence[ForeignVocabulary], documents: Iterable[Document] | None) -> Iterable[Document]:
    """Return the documents that foreign vocabularies need.

    Raises:
        InputError: there are none.
    """
    if documents is None:
        raise InputError(
            f"{foreign[0].name} is measured on text, not on counts: {foreign[0].semantics}",
            "give the corpus itself instead of its counts",
        )
    return documents
