"""`tokkit audit`: how each learned token is used, and which should not be there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError

Segment = Annotated[
    list[str] | None,
    typer.Option(
        "--segment", metavar="NAME", help="Audit this segment, such as learned:zh; repeatable. Else all learned ones."
    ),
]
Kind = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="Look for this kind of finding only, such as boilerplate; repeatable."),
]
TrainingTokens = Annotated[
    str | None,
    typer.Option("--training-tokens", metavar="N", help="Tokens that are planned to be trained on, such as 2T."),
]
MinExpected = Annotated[
    int,
    typer.Option("--min-expected", metavar="N", min=0, help="Occurrences in training that an id needs, or is named."),
]
FailAbove = Annotated[
    int | None,
    typer.Option("--fail-above", metavar="N", min=0, help="Exit with 1 when there are more findings than this."),
]
First = Annotated[int, typer.Option("--first", metavar="N", min=0, help="Findings of each kind to show; 0 shows all.")]


def run(
    vocab: options.VocabularyArgument,
    *,
    on: options.On,
    segment: Segment = None,
    kind: Kind = None,
    lexicon: options.Lexicon = None,
    training_tokens: TrainingTokens = None,
    min_expected: MinExpected = 1000,
    weights: options.Weights = None,
    fail_above: FailAbove = None,
    first: First = 20,
    output: options.OptionalOutput = None,
    language: options.Language = None,
    domain: options.Domain = None,
    language_field: options.LanguageField = None,
    domain_field: options.DomainField = None,
    text_field: options.TextField = "text",
    id_field: options.IdField = "id",
    path_pattern: options.PathPattern = None,
    pattern: options.Pattern = None,
    jobs: options.Jobs = 0,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Audit how text uses learned tokens, and name those from boilerplate.

    Finds tokens of copied phrases, of one source only, pieces of sentences,
    hidden characters and unwanted words, each with the pretokens it stands in.
    -o writes them as a --veto file for `tokkit learn`. Text says in how many
    documents each token stands; of counts there are bounds. Costs about 20 s of
    processor time and 1.3 GB for the counts of 280 MB of Chinese, and 35 s and
    1.7 GB for the text itself.

    Example:
      tokkit audit out.tiktoken --on zh.parquet --fail-above 0 -o veto.txt
    """
    from tokkit.audit import audit, veto_lines
    from tokkit.audit_documents import Text
    from tokkit.audit_findings import SCORES
    from tokkit.corpus import Labels
    from tokkit.counts import slice_weights
    from tokkit.files import write_atomically
    from tokkit.foreign import ForeignVocabulary
    from tokkit.render import audit as rendering
    from tokkit.render.progress import progress
    from tokkit.veto import parse_veto

    if output is not None:
        outputs.check(output)
    planned = None if training_tokens is None else _number(training_tokens)
    unwanted = [parse_veto(Path(path).read_bytes(), path) for path in lexicon or ()]
    shares = inputs.weights(weights)
    audited = inputs.any_vocabulary(vocab, pattern)
    cut_by = pattern if isinstance(audited, ForeignVocabulary) else audited.pattern
    labels = Labels(
        inputs.stated_language(language), domain, language_field, domain_field, path_pattern, text_field, id_field
    )
    table = inputs.counted(on, labels, pattern=cut_by, jobs=jobs, quiet=quiet).table
    files = inputs.text_to_read_again(on, labels)
    with progress("encoding", "pretokens", quiet=quiet) as advance:
        found = audit(
            audited,
            table,
            text=None if files is None else Text(files, labels, jobs),
            segments=segment or (),
            kinds=kind or (),
            unwanted=unwanted,
            training_tokens=planned,
            min_expected=min_expected,
            weights=slice_weights(table.slices, shares) if shares else None,
            progress=advance,
        )
    if output is not None:
        with outputs.writing(output):
            write_atomically(output, veto_lines(found).encode())
    rendering.show(found, SCORES, first=first, as_json=as_json, quiet=quiet)
    if fail_above is not None and len(found.findings) > fail_above:
        raise typer.Exit(1)


def _number(text: str) -> int:
    """Return a number of tokens: k, M, B and T are a thousand, a million, a billion and a trillion.

    Raises:
        InputError: no such number.

    Example:
        >>> _number("2T"), _number("1.5B"), _number("300")
        (2000000000000, 1500000000, 300)
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kKMBT]?)", text.strip())
    if match is None or float(match[1]) == 0:
        raise InputError(f"not a number of tokens: {text!r}", "write a number, such as 300B or 2T")
    thousands = " KMBT".index(match[2].upper() or " ")
    return round(float(match[1]) * float(1000**thousands))
