"""`tokkit merge`: learned tokens, word lists and other vocabularies' tokens on top of a vocabulary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError

if TYPE_CHECKING:
    from tokkit.merge import TokenSource


def run(
    vocab: options.VocabularyArgument,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="A .tokens file, a word list, or a VOCAB."),
    ],
    *,
    output: options.Output,
    size: options.OptionalSize = None,
    script: options.Script = None,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Add tokens to a vocabulary, above all its ranks.

    Duplicates go. A token that merges alone would not reach gets the fewest
    bridges that lead to it; they count towards --size. --script filters the
    tokens of another vocabulary. Costs seconds.

    Example:
      tokkit merge base.tiktoken zh.tokens -o merged.tiktoken
    """
    from tokkit.formats.tiktoken import save
    from tokkit.merge import merge
    from tokkit.render import summary

    outputs.check(output, ".tiktoken")
    if script is not None and not any(inputs.names_vocabulary(source) for source in sources):
        raise InputError(
            "--script filters the tokens of another vocabulary, and no source is one",
            "leave --script out, or learn with it",
        )
    base = inputs.vocabulary(vocab, pattern)
    merged = merge(base, [_source(source, script, pattern) for source in sources], size=size)
    named = replace(merged, vocabulary=replace(merged.vocabulary, name=output.stem))
    with outputs.writing(output):
        save(named.vocabulary, output)
    summary.tell(summary.of_merge(named), as_json=as_json, quiet=quiet)


def _source(argument: str, script: str | None, pattern: str | None) -> TokenSource:
    """Return a source by what its name says: .tokens, a vocabulary, else a word list."""
    from tokkit.files import sha256_of
    from tokkit.merge import TokenSource, vocabulary_source, word_list_source

    path = Path(argument)
    if path.suffix == ".tokens":
        from tokkit.formats.tokens import load

        learned = load(path)
        return TokenSource(path.stem, learned.tokens, learned.counts, sha256_of(path), learned.base_sha256)
    if inputs.names_vocabulary(argument):
        return vocabulary_source(inputs.vocabulary(argument, pattern), script)
    return word_list_source(path.stem, path.read_bytes(), sha256_of(path))
