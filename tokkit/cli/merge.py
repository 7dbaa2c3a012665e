"""`tokkit merge`: learned tokens, word lists and other vocabularies' tokens on top of a vocabulary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.counts import CountsTable
    from tokkit.merge import TokenSource
    from tokkit.render.summary import Summary
    from tokkit.vocabulary import Vocabulary


def run(
    vocab: options.VocabularyArgument,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE...", help="A .tokens file, a word list, or a VOCAB."),
    ] = None,
    *,
    output: options.Output,
    donors: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="VOCAB", help="A tokenizer of any format to take tokens from; repeatable."),
    ] = None,
    on: options.OptionalOn = None,
    size: options.OptionalSize = None,
    script: options.Script = None,
    veto: options.Veto = None,
    language: options.Language = None,
    domain: options.Domain = None,
    path_pattern: options.PathPattern = None,
    text_field: options.TextField = "text",
    max_bytes: options.MaxBytes = None,
    jobs: options.Jobs = 1,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Add tokens to a vocabulary, above all its ranks.

    Duplicates go. A token that merges alone would not reach gets the fewest
    bridges that lead to it; they count towards --size. --script filters the
    tokens of other vocabularies, --veto all of them; a bridge may still be one
    that it names. Those of --from are chosen by what they save
    on the counts of --on, the best --size of all donors together; without --on
    they come in their donors' order, the first donor first, as from a SOURCE.
    Costs seconds; with --on about 10 s on 20 MB, more without --size.

    Example:
      tokkit merge base.tiktoken zh.tokens -o merged.tiktoken
      tokkit merge base.tiktoken --from qwen.tiktoken --on zh.parquet -o m.tiktoken
    """
    from tokkit.corpus import Labels
    from tokkit.formats.tiktoken import save
    from tokkit.merge import allowed
    from tokkit.render import summary
    from tokkit.veto import load_vetoes

    named, given = sources or [], donors or []
    outputs.check(output, ".tiktoken", inputs=[vocab, *named, *given])
    _check_use(named, given, on, script)
    base = inputs.vocabulary(vocab, pattern)
    vetoed = load_vetoes(veto or ())
    taken = _told_apart([allowed(_donor(each, script, pattern, base), vetoed) for each in given], given)
    if on is None:
        listed = [allowed(_source(each, script, pattern), vetoed) for each in named]
        merged, told = _merged(base, [*listed, *taken], size, output.stem)
    else:
        labels = Labels(
            language=inputs.stated_language(language), domain=domain, text_field=text_field, path_pattern=path_pattern
        )
        cap = None if max_bytes is None else inputs.byte_size(max_bytes)
        table = inputs.counted(on, labels, pattern=base.pattern, jobs=jobs, max_bytes=cap, quiet=quiet).table
        merged, told = _donated(base, taken, table, size, output.stem, quiet=quiet)
    with outputs.writing(output):
        save(merged, output)
    summary.tell(told, as_json=as_json, quiet=quiet)


def _check_use(sources: Sequence[str], donors: Sequence[str], on: Sequence[str] | None, script: str | None) -> None:
    if not (sources or donors):
        raise InputError("nothing to merge", "name a SOURCE, or a donor with --from")
    if script is not None and not donors and not any(inputs.names_vocabulary(source) for source in sources):
        raise InputError(
            "--script filters the tokens of another vocabulary, and no source is one",
            "leave --script out, or learn with it",
        )
    if on is not None and not donors:
        raise InputError("--on chooses among the tokens of donors, and there is none", "name donors with --from")
    if on is not None and sources:
        raise InputError(
            f"--on chooses among donors' tokens, and {sources[0]} is a SOURCE, whose tokens are all taken",
            "name a vocabulary with --from; merge tokens and words first, and the donors into the result",
        )


def _merged(
    base: Vocabulary, sources: Sequence[TokenSource], size: int | None, name: str
) -> tuple[Vocabulary, Summary]:
    from tokkit.merge import merge
    from tokkit.render import summary

    merged = merge(base, sources, size=size)
    named = replace(merged, vocabulary=replace(merged.vocabulary, name=name))
    return named.vocabulary, summary.of_merge(named)


def _donated(
    base: Vocabulary, donors: Sequence[TokenSource], table: CountsTable, size: int | None, name: str, *, quiet: bool
) -> tuple[Vocabulary, Summary]:
    from tokkit.donors import donate
    from tokkit.render.donors import of_donation
    from tokkit.render.progress import progress

    with progress("choosing", "tokens", quiet=quiet) as advance:
        donation = donate(base, donors, table, size=size, progress=advance)
    named = replace(donation, vocabulary=replace(donation.vocabulary, name=name))
    return named.vocabulary, of_donation(named)


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
    # Errors name the file, the segment has the name alone.
    return replace(word_list_source(argument, path.read_bytes(), sha256_of(path)), label=path.stem)


def _donor(argument: str, script: str | None, pattern: str | None, base: Vocabulary) -> TokenSource:
    """Return a donor's tokens; how it splits text does not matter, so a bare rank file is read with the base's pattern."""
    from tokkit.formats.tiktoken import sidecar_of
    from tokkit.merge import vocabulary_source

    path = Path(argument)
    bare = path.suffix == ".tiktoken" and path.is_file() and not sidecar_of(path).exists()
    return vocabulary_source(inputs.any_vocabulary(argument, pattern or base.pattern if bare else None), script)


def _told_apart(donors: Sequence[TokenSource], arguments: Sequence[str]) -> list[TokenSource]:
    """Return donors with labels of their own: those that share a name are called by their arguments."""
    labels = [donor.label for donor in donors]
    return [
        replace(donor, label=argument) if labels.count(donor.label) > 1 else donor
        for donor, argument in zip(donors, arguments, strict=True)
    ]
