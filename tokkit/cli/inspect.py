"""`tokkit inspect`: what is inside vocabularies, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from tokkit.cli import inputs, options
from tokkit.errors import BaseNotFoundError

if TYPE_CHECKING:
    from tokkit.foreign import ForeignVocabulary
    from tokkit.vocabulary import Vocabulary


def run(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Vocabularies to look into: names or files of any format.")
    ],
    *,
    base: options.OptionalBase = None,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Look inside vocabularies: kinds, lengths, origin, dead tokens.

    Every id is of exactly one kind. What a vocabulary took over from its base is
    found, and by what rule, where one explains it in both directions; the base
    is --base, else that of the provenance, else cl100k_base. A token is dead if
    its own bytes do not merge to it without the lookup of whole pretokens.
    Costs a few seconds a file; no text is read.

    Example:
      tokkit inspect tokenizer.model cl100k_base --json
    """
    from tokkit.anatomy import inspect
    from tokkit.render import anatomy, talk

    named = files if base is None else [*files, base]
    compared = None if base is None else inputs.vocabulary(base, inputs.pattern_for(base, pattern, named))
    found = []
    for argument in files:
        vocabulary = inputs.any_vocabulary(argument, inputs.pattern_for(argument, pattern, named))
        try:
            found.append(inspect(vocabulary, compared or _default_base(vocabulary)))
        except BaseNotFoundError as error:
            talk.note(f"base not compared: {error.message}", quiet=quiet)
            found.append(inspect(vocabulary))
    names = inputs.distinct_names(files, [each.name for each in found])
    found = [replace(each, name=name) for each, name in zip(found, names, strict=True)]
    (anatomy.show_json if as_json else anatomy.show)(found)


def _default_base(vocabulary: Vocabulary | ForeignVocabulary) -> Vocabulary:
    from tokkit.bases import BASES, load_base

    steps = getattr(vocabulary, "provenance", ())
    named = [step["name"] for step in steps if step.get("step") == "base" and step.get("name") in BASES]
    return load_base(named[0] if named else "cl100k_base")
