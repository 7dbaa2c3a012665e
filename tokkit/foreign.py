"""A tokenizer whose semantics are not rank merges: what its file holds, and its own rule of encoding, or a refusal.

A file whose merges are rank merges becomes a `Vocabulary`, always. What is here is what cannot: scores, explicit pairs
that differ from the concatenation rule, normalizers that change text. It encodes by its own rule through its own library,
and is never taken for another tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tokkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, eq=False)
class ForeignVocabulary:
    """A tokenizer as its file has it, with the laws of rank merges that it breaks.

    Attributes:
        name: a short name for tables.
        semantics: one line that names the rule by which it encodes; where encoding is refused, with the reason.
        tokens: token bytes by id; `b""` where an id has none (control, unknown, special token, hole). The byte fallback
            piece `<0x41>` is `b"A"`.
        special_tokens: control, unknown, user-defined and added tokens, name -> id.
        sha256: of the file.
        breaks: what keeps it from being a vocabulary of ranks, a line each, with the first offender.
        encode_texts: ids of texts by the file's own rule, through its own library, imported when called; None where
            encoding is refused.
        pattern: the split pattern, where the file has one that says all of its split.
        pieces: SentencePiece: the piece of each id as the file spells it.
        scores: SentencePiece: the score of each id.
        kinds: SentencePiece: the kind of each id, the number that its format gives it.

    Example:
        >>> foreign = ForeignVocabulary("tiny", "scores, which nothing here reads", (b"a",), {}, "e3b0", ("no ranks",))
        >>> foreign.n_vocab
        1
    """

    name: str
    semantics: str
    tokens: tuple[bytes, ...]
    special_tokens: Mapping[str, int]
    sha256: str
    breaks: tuple[str, ...]
    encode_texts: Callable[[Sequence[str]], list[list[int]]] | None = None
    pattern: str | None = None
    pieces: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    kinds: tuple[int, ...] = ()

    @property
    def n_vocab(self) -> int:
        """One more than the highest id: the rows that an embedding needs."""
        return max(len(self.tokens), 1 + max(self.special_tokens.values(), default=-1))

    @cached_property
    def special_ids(self) -> dict[int, str]:
        """Ids of special tokens -> name."""
        return {token_id: name for name, token_id in self.special_tokens.items()}

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text by the file's own rule.

        Raises:
            InputError: encoding is refused; says why.
        """
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of texts by the file's own rule.

        Raises:
            InputError: encoding is refused; says why.
        """
        if self.encode_texts is None:
            raise InputError(
                f"{self.name} cannot be encoded with here: {self.semantics}", "; ".join(self.breaks) or None
            )
        return self.encode_texts(texts)
