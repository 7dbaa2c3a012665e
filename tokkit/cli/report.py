"""`tokkit report`: compression of vocabularies, for each language and domain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tokkit.corpus import Document, Labels
    from tokkit.counts import CountsTable
    from tokkit.foreign import ForeignVocabulary
    from tokkit.measure import Report
    from tokkit.page import Page
    from tokkit.vocabulary import Vocabulary


def run(
    vocabs: Annotated[list[str], typer.Argument(metavar="VOCAB...", help="Vocabularies to measure: names or paths.")],
    *,
    on: options.On,
    baseline: options.Baselines = "cl100k_base",
    weights: options.Weights = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page about the first one, for people.")
    ] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Write its charts as PNG and SVG files.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="What `tokkit plan --json` printed, for the page.")
    ] = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Print bytes per token at every prefix size instead, exact.")
    ] = False,
    folds: Annotated[
        int,
        typer.Option("--folds", metavar="K", min=0, help="Keep K folds of the documents apart, for intervals."),
    ] = 0,
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
    counts table; a corpus is counted first, once for each split pattern. What
    is no vocabulary of ranks, such as a SentencePiece model, is measured on the
    text itself by its own rule, at some MB/s. --html adds some 5 s.

    --folds, or counts that have them (`tokkit count --folds`), give each change an
    interval: where 95 in 100 draws of the documents put it. It says nothing of
    other sources.

    Example:
      tokkit report out.tiktoken --on heldout/ --path-pattern '{language}-{domain}'
    """
    from tokkit.corpus import Labels
    from tokkit.counts import slice_weights
    from tokkit.counts_folds import unfolded
    from tokkit.measure import report
    from tokkit.render import report as rendering
    from tokkit.render.progress import progress

    if as_json and as_csv:
        raise InputError("--json and --csv ask for two formats", "choose one")
    for argument in vocabs:
        inputs.refuse_corpus(argument)
    _check_outputs(html, plots)
    shares = inputs.weights(weights)
    against = inputs.listed(baseline)
    arguments = (*against, *vocabs)
    found = [
        inputs.any_vocabulary(argument, inputs.pattern_for(argument, pattern, arguments)) for argument in arguments
    ]
    named = inputs.named_apart([*against, *vocabs], found)
    baselines, measured = named[: len(against)], named[len(against) :]
    labels = Labels(
        inputs.stated_language(language), domain, language_field, domain_field, path_pattern, text_field, id_field
    )
    documents = _documents(on, labels, named)
    patterns = [each.pattern for each in named if not _is_foreign(each) and each.pattern is not None]
    patterns = patterns or [_default_pattern()]
    tables = inputs.tables_by_pattern(on, labels, patterns, folds=folds, jobs=jobs, quiet=quiet)
    whole = {pattern: unfolded(table) for pattern, table in tables.items()}
    if curve:
        _show_curves(measured, whole, as_json=as_json, as_csv=as_csv)
        return
    first = next(iter(tables.values()))
    with progress("encoding", quiet=quiet) as advance:
        result = report(
            measured,
            tables,
            baseline=baselines,
            weights=slice_weights(first.totals, shares) if shares else None,
            documents=documents,
            jobs=jobs,
            progress=advance,
        )
    if html is not None or plots is not None:
        _write_page(_page(measured[0], baselines[0], named, result, whole, on, plan, quiet=quiet), html, plots)
    show = rendering.show_json if as_json else rendering.show_csv if as_csv else rendering.show
    show(result)


def _show_curves(
    vocabularies: Sequence[Vocabulary | ForeignVocabulary],
    tables: Mapping[str, CountsTable],
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print the curve of each vocabulary.

    Raises:
        InputError: one is no vocabulary of ranks, and so has no prefixes.
        MismatchError: the counts were cut by another pattern.
    """
    from tokkit.curves import curve
    from tokkit.foreign import ForeignVocabulary
    from tokkit.render import curve as rendering

    curves = []
    for each in vocabularies:
        if isinstance(each, ForeignVocabulary):
            raise InputError(f"{each.name} has no prefixes: {each.semantics}", "give a vocabulary of ranks")
        curves.append(curve(each, tables.get(each.pattern, next(iter(tables.values())))))
    show = rendering.show_json if as_json else rendering.show_csv if as_csv else rendering.show
    show(curves)


def _default_pattern() -> str:
    from tokkit.pretokenize import pattern_of

    return pattern_of("cl100k_base")


def _is_foreign(vocabulary: Vocabulary | ForeignVocabulary) -> bool:
    from tokkit.foreign import ForeignVocabulary

    return isinstance(vocabulary, ForeignVocabulary)


def _documents(
    on: Sequence[str], labels: Labels, vocabularies: Sequence[Vocabulary | ForeignVocabulary]
) -> Iterable[Document] | None:
    """Return the text for vocabularies that need it; None where none does.

    Raises:
        InputError: one needs text, and what is at hand is counts, or stdin, which cannot be read a second time.
    """
    from tokkit import corpus, counts

    foreign = next((each for each in vocabularies if _is_foreign(each)), None)
    if foreign is None:
        return None
    unfit = next((argument for argument in on if argument == "-" or counts.is_counts_table(argument)), None)
    if unfit is not None:
        what = "stdin, which can be read once" if unfit == "-" else f"a counts table: {unfit}"
        raise InputError(
            f"{foreign.name} is measured on text by its own rule, and --on is {what}",
            "give the corpus files themselves",
        )
    return corpus.read(on, labels)


def _check_outputs(html: Path | None, plots: Path | None) -> None:
    """Refuse what cannot be written or drawn, before anything is measured."""
    from tokkit.render import charts

    if html is not None:
        outputs.check(html)
    if plots is None:
        return
    if not charts.drawable():
        raise InputError("--plots needs Altair and vl-convert, which are not installed", charts.EXTRA)
    if plots.exists() and not plots.is_dir():
        raise InputError(f"cannot write charts to {plots}: it is a file", "name a folder")


def _page(
    subject: Vocabulary | ForeignVocabulary,
    first: Vocabulary | ForeignVocabulary,
    vocabularies: Sequence[Vocabulary | ForeignVocabulary],
    result: Report,
    tables: Mapping[str, CountsTable],
    on: Sequence[str],
    plan: Path | None,
    *,
    quiet: bool,
) -> Page:
    """Return the page about the first vocabulary; the curves are those of the first baseline."""
    from tokkit.files import read_json
    from tokkit.laws import check
    from tokkit.page import page_of
    from tokkit.page_sections import curves_of, splits_of, suspects_of
    from tokkit.vocabulary import Vocabulary

    table = tables.get(subject.pattern or "")
    return page_of(
        subject,
        vocabularies,
        result,
        on=", ".join(Path(argument).name or argument for argument in on),
        laws=check(subject, inputs.base_of(subject, None, quiet=quiet)) if isinstance(subject, Vocabulary) else (),
        curves=curves_of(first, tables[first.pattern]) if isinstance(first, Vocabulary) else (),
        frontier=() if plan is None else splits_of(read_json(plan), str(plan)),
        suspects=suspects_of(subject, table) if table is not None and isinstance(subject, Vocabulary) else None,
    )


def _write_page(page: Page, html: Path | None, plots: Path | None) -> None:
    from tokkit.files import write_atomically
    from tokkit.render import charts
    from tokkit.render.page import page_html

    if html is not None:
        with outputs.writing(html):
            write_atomically(html, page_html(page))
    if plots is not None:
        with outputs.writing(plots):
            plots.mkdir(parents=True, exist_ok=True)
            for name, data in charts.files(page).items():
                write_atomically(plots / name, data)
