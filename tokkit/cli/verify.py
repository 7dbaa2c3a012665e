"""`tokkit verify`: every law, each with its finding; or every runtime, each with its ids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError


def run(
    vocab: options.VocabularyArgument,
    *,
    runtimes: Annotated[
        bool, typer.Option("--runtimes", help="Compare ids in every runtime instead of checking laws.")
    ] = False,
    texts: Annotated[
        list[str] | None,
        typer.Option("--texts", metavar="CORPUS", help="With --runtimes: texts of yours to compare on; repeatable."),
    ] = None,
    text_field: options.TextField = "text",
    max_bytes: options.MaxBytes = None,
    base: options.OptionalBase = None,
    witness: options.Witness = None,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Check that a vocabulary keeps every law, or name the first offenders.

    Exits with 0 when all hold and with 1 when one does not. The base named in
    the sidecar is compared, if it can be found, unless --base says another; a
    selection from it is made anew. A witness is a text whose encoding has the
    id by merging alone, without the lookup of whole pretokens. Costs some 3 s
    for 100,000 ids.

    --runtimes writes the vocabulary for every runtime, loads it there, and
    compares ids on hostile texts, Unicode's break classes, texts made from the
    merges, and a corpus: --texts, else the bundled sample. A difference is
    shrunk to a short text. Exits with 1 when a runtime whose ids must be equal
    differs; what is not installed is left out. Costs some 30 s.

    Example:
      tokkit verify out.tiktoken --witness witnesses.jsonl
      tokkit verify out.tiktoken --runtimes --texts news.jsonl
    """
    if runtimes:
        for value, option in ((base, "--base"), (witness, "--witness")):
            if value is not None:
                raise InputError(f"{option} belongs to the laws, and --runtimes compares runtimes", "run verify twice")
        holds = _conforms(vocab, pattern, texts, text_field, max_bytes, quiet=quiet, as_json=as_json)
    else:
        for given, option in ((texts, "--texts"), (max_bytes, "--max-bytes")):
            if given is not None:
                raise InputError(f"{option} is read by --runtimes alone", "add --runtimes")
        holds = _keeps_laws(vocab, pattern, base, witness, quiet=quiet, as_json=as_json)
    if not holds:
        raise typer.Exit(1)


def _keeps_laws(
    vocab: str, pattern: str | None, base: str | None, witness: Path | None, *, quiet: bool, as_json: bool
) -> bool:
    from tokkit.files import write_atomically
    from tokkit.laws import check
    from tokkit.laws_witness import witness_lines
    from tokkit.render import findings
    from tokkit.render.progress import progress

    if witness is not None:
        outputs.check(witness)
    checked = inputs.vocabulary(vocab, pattern)
    with progress("verifying", "laws", quiet=quiet) as advance:
        found = check(checked, inputs.base_of(checked, base, quiet=quiet), progress=advance)
    findings.show(checked, found, as_json=as_json, quiet=quiet)
    if witness is not None:
        lines = witness_lines(checked)
        with outputs.writing(witness):
            write_atomically(witness, lines)
    return all(finding.holds is not False for finding in found)


def _conforms(
    vocab: str,
    pattern: str | None,
    texts: list[str] | None,
    text_field: str,
    max_bytes: str | None,
    *,
    quiet: bool,
    as_json: bool,
) -> bool:
    from tokkit.conformance import conform
    from tokkit.conformance_texts import corpus_texts, sample_texts
    from tokkit.corpus import Labels
    from tokkit.render import conformance
    from tokkit.render.progress import progress

    checked = inputs.vocabulary(vocab, pattern)
    cap = None if max_bytes is None else inputs.byte_size(max_bytes)
    corpus = sample_texts() if texts is None else corpus_texts(texts, Labels(text_field=text_field), cap)
    with progress("comparing", quiet=quiet) as advance:
        found = conform(checked, corpus, progress=advance)
    conformance.show(checked, found, as_json=as_json, quiet=quiet)
    return found.holds
