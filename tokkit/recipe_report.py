"""The last step of a build: compression against the baselines of the recipe, and the page about all of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from tokkit import measure
from tokkit.bases import load_base
from tokkit.counts import combine
from tokkit.errors import InputError
from tokkit.page import page_of
from tokkit.page_sections import curves_of, suspects_of
from tokkit.recipe import texts
from tokkit.recipe_cache import pack_vocabulary
from tokkit.recipe_plan import notes
from tokkit.recipe_run import tables_of
from tokkit.recipe_sources import Input, labels_of, sources_to_measure
from tokkit.render import charts, page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tokkit.counts import CountsTable
    from tokkit.laws import Finding
    from tokkit.measure import Report
    from tokkit.recipe_run import Run
    from tokkit.recipe_sources import Source
    from tokkit.vocabulary import Vocabulary

    Tables = Callable[[], Mapping[str, CountsTable]]


def measured(
    run: Run, vocabulary: Vocabulary, arithmetic: str, findings: Sequence[Finding]
) -> tuple[Report, Mapping[str, bytes]]:
    """Return the compression of a vocabulary against the baselines of the recipe, and the page about both."""
    names = texts(run.recipe.report.baseline)
    baselines = [load_base(run.folder / name if name.endswith(".tiktoken") else name) for name in names]
    section = run.recipe.report
    sources = sources_to_measure(texts(section.on), labels_of(section), run.folder, run.jobs)

    @cache  # counted once, and not at all where both results are kept from an earlier build
    def tables() -> dict[str, CountsTable]:
        patterns = sorted({each.pattern for each in (*baselines, vocabulary)})
        return {pattern: combine(tables_of(run, sources, pattern)) for pattern in patterns}

    report = _report(run, vocabulary, baselines, sources, tables)
    return report, _pages(run, vocabulary, baselines, tables, report, arithmetic, findings)


def _report(
    run: Run,
    vocabulary: Vocabulary,
    baselines: Sequence[Vocabulary],
    sources: Sequence[Source],
    tables: Tables,
) -> Report:
    report: Report
    run.inputs += [Input("baseline", baseline.name, baseline.sha256) for baseline in baselines]
    run.inputs += [each for source in sources for each in source.inputs]
    if vocabulary.name in {baseline.name for baseline in baselines}:
        raise InputError(f"the recipe has the name of its baseline: {vocabulary.name}", "give it a name of its own")
    parts = {
        "vocabularies": [(each.name, each.n_vocab, each.sha256, each.pattern) for each in (*baselines, vocabulary)],
        "sources": [source.key for source in sources],
    }

    report, cached = run.cache.run(
        "report",
        parts,
        lambda: measure.report([vocabulary], tables(), baseline=baselines),
        msgspec.to_builtins,
        _unpack_report,
    )
    run.done("report", f"{len(report.rows):,} rows, against {', '.join(report.baselines)}", cached=cached)
    return report


def _pages(
    run: Run,
    vocabulary: Vocabulary,
    baselines: Sequence[Vocabulary],
    tables: Tables,
    report: Report,
    arithmetic: str,
    findings: Sequence[Finding],
) -> Mapping[str, bytes]:
    """Return the report page and its charts."""
    on = "text of the recipe" if run.recipe.report.on else "the small sample that tokkit carries: a smoke test"
    inputs = [(each.role, each.name, each.sha256) for each in sorted(run.inputs)]
    pages: Mapping[str, bytes]

    def work() -> Mapping[str, bytes]:
        return page.files(
            page_of(
                vocabulary,
                [*baselines, vocabulary],
                report,
                on=on,
                arithmetic=arithmetic,
                laws=findings,
                notes=notes(run.recipe),
                inputs=inputs,
                curves=curves_of(baselines[0], tables()[baselines[0].pattern]),
                suspects=suspects_of(vocabulary, tables()[vocabulary.pattern]),
            )
        )

    packed = pack_vocabulary(vocabulary)
    parts = {
        "vocabulary": vocabulary.sha256,
        **{key: packed[key] for key in packed if key != "tokens"},
        "report": report.document(),
        "findings": [vars(each) for each in findings],
        "texts": [on, arithmetic, *notes(run.recipe)],
        "inputs": inputs,
        "charts": charts.versions(),
    }
    pages, cached = run.cache.run(
        "page", parts, work, lambda made: made, lambda kept: {str(name): bytes(data) for name, data in kept.items()}
    )
    drawn = f"{len(pages) - 1} charts" if len(pages) > 1 else f"charts left out: {charts.EXTRA} draws them"
    run.done("page", f"report.html, {drawn}", cached=cached)
    return pages


def _unpack_report(kept: Any) -> Report:
    report: Report = msgspec.convert(kept, measure.Report)
    return report
