"""`tokkit rename`: give a spare its name, later; ids stay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError


def run(
    vocab: options.VocabularyArgument,
    names: Annotated[list[str], typer.Argument(metavar="OLD=NEW...", help="A spare's name and its new one.")],
    *,
    output: options.OptionalOutput = None,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Rename spares of a vocabulary, in place or into another file.

    Every id stays, and so does every other byte of the files. Rename in each
    place that carries the name: a copy exported before keeps the old one. Costs
    a second.

    Example:
      tokkit rename out.tiktoken '<|spare_7|>=<|im_start|>'
    """
    from tokkit.bases import BASES
    from tokkit.pad import rename
    from tokkit.render import summary

    if output is None and vocab in BASES:
        raise InputError(f"{vocab} is a published base and stays as it is", "name a new file with -o")
    target = Path(vocab) if output is None else output
    new_names = dict(_split(pair) for pair in names)
    if len(new_names) < len(names):
        raise InputError("an old name comes twice among OLD=NEW", "rename each spare once")
    renamed = rename(inputs.vocabulary(vocab, pattern), new_names)
    outputs.save(renamed, target)
    summary.tell(summary.of_renaming(new_names, renamed), as_json=as_json, quiet=quiet)


def _split(pair: str) -> tuple[str, str]:
    old, equals, new = pair.partition("=")
    if not (old and equals and new):
        raise InputError(f"not OLD=NEW: {pair!r}", "for example '<|spare_0|>=<|im_start|>'")
    return old, new
