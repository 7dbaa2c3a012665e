"""`tokkit verify`: every law, each with its finding."""

from __future__ import annotations

import typer

from tokkit.cli import inputs, options, outputs


def run(
    vocab: options.VocabularyArgument,
    *,
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

    Example:
      tokkit verify out.tiktoken --witness witnesses.jsonl
    """
    from tokkit.files import write_atomically
    from tokkit.laws import check
    from tokkit.laws_witness import witness_lines
    from tokkit.render import findings

    if witness is not None:
        outputs.check(witness)
    checked = inputs.vocabulary(vocab, pattern)
    found = check(checked, inputs.base_of(checked, base, quiet=quiet))
    findings.show(checked, found, as_json=as_json, quiet=quiet)
    if witness is not None:
        lines = witness_lines(checked)
        with outputs.writing(witness):
            write_atomically(witness, lines)
    if any(finding.holds is False for finding in found):
        raise typer.Exit(1)
