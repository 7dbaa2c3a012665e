"""`tokkit show`: a text as vocabularies cut it, side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tokkit.cli import inputs, options
from tokkit.errors import InputError


def run(
    words: Annotated[
        list[str], typer.Argument(metavar="VOCAB... TEXT", help="Vocabularies, and then the text; - is stdin.")
    ],
    *,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="File that holds the text, instead of TEXT.")
    ] = None,
    pattern: options.Pattern = None,
    as_json: options.Json = False,
) -> None:
    r"""Show how vocabularies cut a text, with the id of each token.

    Vocabularies stand under each other, aligned where all have a border; on a
    terminal tokens are coloured. A space in a token is drawn as an open box, and
    bytes of a partial character as \xE4. Names of special tokens are text here.
    Costs a second, and little more for a long text.

    Example:
      tokkit show cl100k_base zh.tiktoken '我们训练模型。'
    """
    from tokkit.render import segmentation as rendering
    from tokkit.segmentation import segment, stretches

    arguments = words if file is not None else words[:-1]
    if not arguments:
        raise InputError("a vocabulary and a text are wanted", "tokkit show cl100k_base 'a text'")
    text = _text_of(words[-1], file)
    found = [
        inputs.any_vocabulary(argument, inputs.pattern_for(argument, pattern, arguments)) for argument in arguments
    ]
    cut = [segment(each, text) for each in inputs.named_apart(arguments, found)]
    if as_json:
        rendering.show_json(cut)
    else:
        rendering.show(cut, stretches(cut))


def _text_of(word: str, file: Path | None) -> str:
    """Return the text: that of a file, of stdin, or the word itself.

    Raises:
        InputError: not UTF-8, or the word names a vocabulary's file, so that the text was forgotten.
    """
    if file is None and word != "-":
        if inputs.names_vocabulary(word) and Path(word).is_file():
            raise InputError(f"no text: {word} is a vocabulary", "give the text last, or --file FILE")
        return word
    data = sys.stdin.buffer.read() if file is None else file.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file or 'stdin'}: byte {error.start} is not UTF-8: 0x{data[error.start]:02x}", "convert it to UTF-8"
        ) from None
