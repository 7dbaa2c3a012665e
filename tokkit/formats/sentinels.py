"""Which special tokens begin and end a text, where their names say so: formats have fields for them that must not be guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Names that published vocabularies use, the likelier first.
ENDS = (
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<eos>",
    "<|eos|>",
    "[EOS]",
    "<｜end▁of▁sentence｜>",
    "<|im_end|>",
)
BEGINNINGS = ("<|begin_of_text|>", "<|startoftext|>", "<s>", "<bos>", "<|bos|>", "[BOS]", "<｜begin▁of▁sentence｜>")


def end_of_text(special_tokens: Mapping[str, int]) -> str | None:
    """Return the name of the special token that ends a text; None where no name says so.

    Example:
        >>> end_of_text({"<|im_end|>": 8, "<|endoftext|>": 7}), end_of_text({"<|spare_0|>": 7})
        ('<|endoftext|>', None)
    """
    return next((name for name in ENDS if name in special_tokens), None)


def beginning_of_text(special_tokens: Mapping[str, int]) -> str | None:
    """Return the name of the special token that begins a text; None where no name says so.

    Example:
        >>> beginning_of_text({"<s>": 7})
        '<s>'
    """
    return next((name for name in BEGINNINGS if name in special_tokens), None)
