"""`tokkit report`: compression of vocabularies, for each language and domain."""

from __future__ import annotations

from typing import Annotated

import typer

from tokkit.cli import inputs, options
from tokkit.errors import InputError


def run(
    vocabs: Annotated[list[str], typer.Argument(metavar="VOCAB...", help="Vocabularies to measure: names or paths.")],
    *,
    on: options.On,
    baseline: options.Baseline = "cl100k_base",
    weights: options.Weights = None,
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
    as_csv: options.Csv = False,
) -> None:
    """Report bytes per token of vocabularies for every language and domain.

    Ratios are ratios of sums, exact for the text measured on. Costs seconds on a
    counts table; a corpus is counted first, once for each split pattern.

    Example:
      tokkit report out.tiktoken --on heldout/ --path-pattern '{language}-{domain}'
    """
    from tokkit.corpus import Labels
    from tokkit.counts import slice_weights
    from tokkit.measure import report
    from tokkit.render import report as rendering

    if as_json and as_csv:
        raise InputError("--json and --csv ask for two formats", "choose one")
    for argument in vocabs:
        inputs.refuse_corpus(argument)
    shares = inputs.weights(weights)
    measured = inputs.named_apart(vocabs, [inputs.vocabulary(argument, pattern) for argument in vocabs])
    start = inputs.vocabulary(baseline, pattern)
    tables = inputs.tables_by_pattern(
        on,
        Labels(language, domain, language_field, domain_field, path_pattern, text_field, id_field),
        [each.pattern for each in (start, *measured)],
        jobs=jobs,
        quiet=quiet,
    )
    first = next(iter(tables.values()))
    result = report(measured, tables, baseline=start, weights=slice_weights(first.slices, shares) if shares else None)
    show = rendering.show_json if as_json else rendering.show_csv if as_csv else rendering.show
    show(result)
