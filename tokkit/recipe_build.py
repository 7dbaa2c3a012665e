"""Run a recipe: the steps in order, none of them again that an earlier build has done, and the check of what came out."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tokkit import TOOL
from tokkit.bases import load_base
from tokkit.counts import combine, reweight, slice_weights
from tokkit.formats import huggingface
from tokkit.formats.tokens import tokens_bytes
from tokkit.laws import Finding, check
from tokkit.learn import learn
from tokkit.merge import TokenSource, merge
from tokkit.recipe import portable
from tokkit.recipe_cache import (
    Cache,
    Step,
    pack_learned,
    pack_selection,
    pack_vocabulary,
    unpack_learned,
    unpack_selection,
    unpack_vocabulary,
)
from tokkit.recipe_plan import notes, padded, plan
from tokkit.recipe_report import measured
from tokkit.recipe_run import Run, tables_of
from tokkit.recipe_sources import (
    Input,
    require_inputs,
    source_of_merge,
    sources_of_learn,
    sources_of_usage,
    veto_of,
    weights_of,
)
from tokkit.reorder import reorder
from tokkit.select import Filter, select
from tokkit.usage import select_by_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from tokkit.learn import LearnedTokens
    from tokkit.measure import Report
    from tokkit.recipe import BaseSection, LearnSection, Recipe
    from tokkit.recipe_plan import Plan
    from tokkit.recipe_run import Progress
    from tokkit.recipe_sources import Source
    from tokkit.select import Selection
    from tokkit.veto import Veto
    from tokkit.vocabulary import Vocabulary


@dataclass(frozen=True)
class Build:
    """What a recipe came to.

    Attributes:
        recipe: the recipe.
        vocabulary: what came out.
        arithmetic: its size in words.
        notes: how the published sizes add up.
        steps: what was done, in order.
        inputs: what was read, sorted.
        findings: one for each law.
        report: its compression; None where a law is broken.
        tokenizer: the files for tokenizers and transformers by name; empty where a law is broken.
        pages: the report page and its charts by name; empty where a law is broken, without charts where the extra
            `report` is not installed.
    """

    recipe: Recipe
    vocabulary: Vocabulary
    arithmetic: str
    notes: tuple[str, ...]
    steps: tuple[Step, ...]
    inputs: tuple[Input, ...]
    findings: tuple[Finding, ...]
    report: Report | None
    tokenizer: Mapping[str, bytes]
    pages: Mapping[str, bytes]

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The laws that the vocabulary breaks; there is no release then."""
        return tuple(finding for finding in self.findings if finding.holds is False)


def prepare(recipe: Recipe, folder: str | Path) -> Plan:
    """Return what building a recipe will come to, without learning or writing anything.

    Args:
        recipe: the recipe.
        folder: where the recipe lies: its paths start from there.

    Raises:
        TokkitError: as `tokkit.bases.load_base`, `tokkit.select.select`, `tokkit.recipe_plan.plan`, or a file is not there.
    """
    folder = Path(folder)
    require_inputs(recipe, folder)
    weights, _ = weights_of(recipe.base, "select", folder)
    veto, _ = veto_of(recipe.base, "select", folder)
    # Another order costs more than all else here, and changes no size but how many bridges merged tokens need.
    section = recipe.base if recipe.merge else msgspec.structs.replace(recipe.base, reorder=False)
    uses = sources_of_usage(recipe.base, folder)
    selection = _select(section, _base(recipe, folder), uses, weights, veto, _no_progress)
    sources = [source_of_merge(section, folder)[1] for section in recipe.merge]
    merged = merge(selection.vocabulary, sources).vocabulary if sources else selection.vocabulary
    return plan(recipe, selection, merged)


def build(
    recipe: Recipe,
    folder: str | Path,
    *,
    jobs: int = 1,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Build:
    """Run a recipe; the result is the same for any number of jobs, any folder and any order of the inputs.

    Args:
        recipe: the recipe.
        folder: where the recipe lies: its paths start from there.
        jobs: processes to count corpora with; 0 is every core.
        cache: a folder for the results of steps, which are then not run again while nothing changed; None for none.
        progress: `progress(what, unit)` shows how far long work is: a context that yields a function or None.
        on_step: called with each step when it is done.

    Raises:
        TokkitError: as the steps; what is read has to be there, and sizes to add up, before anything is learned.
    """
    run = Run(
        recipe,
        Path(folder),
        jobs,
        Cache(None if cache is None else Path(cache)),
        progress or _no_progress,
        on_step or (lambda _step: None),
    )
    require_inputs(recipe, run.folder)
    base = _base(recipe, run.folder)
    run.read(Input("base", base.name, base.sha256))
    uses = sources_of_usage(recipe.base, run.folder)
    run.count_on(uses)
    weights, weights_inputs = weights_of(recipe.base, "select", run.folder)
    veto, veto_inputs = veto_of(recipe.base, "select", run.folder)
    run.read(*weights_inputs, *veto_inputs)
    known = {"on": (), "weights": dict(weights), "veto": tuple(each.sha256 for each in veto_inputs)}
    options = msgspec.to_builtins(msgspec.structs.replace(recipe.base, **known))
    parts = {
        "base": base.sha256,
        "provenance": list(base.provenance),
        "name": base.name,
        "pattern": base.pattern,
        "options": options,
    }
    selection, cached = run.cache.run(
        "select",
        parts | ({"uses": [source.key for source in uses]} if uses else {}),
        lambda: _select(recipe.base, base, uses, weights, veto, run.progress),
        pack_selection,
        unpack_selection,
    )
    run.done("select", f"{selection.kept:,} tokens", cached=cached)
    vocabulary = _merged(run, selection.vocabulary) if recipe.merge else selection.vocabulary
    plan(recipe, selection, vocabulary)  # sizes that do not add up are told now, not after the learning
    for section in recipe.learn:
        vocabulary = _learned(run, vocabulary, section)
    padding = padded(recipe, vocabulary)
    run.done("pad", padding.arithmetic, cached=False)
    vocabulary = replace(padding.vocabulary.with_step(_step(run)), name=recipe.name)
    findings = _verified(run, vocabulary, selection.vocabulary)
    broken = any(finding.holds is False for finding in findings)
    tokenizer = {} if broken else _tokenizer(run, vocabulary)
    report, pages = (None, {}) if broken else measured(run, vocabulary, padding.arithmetic, findings)
    return Build(
        recipe,
        vocabulary,
        padding.arithmetic,
        notes(recipe),
        tuple(run.steps),
        tuple(sorted(run.inputs)),
        findings,
        report,
        tokenizer,
        pages,
    )


def _step(run: Run) -> dict[str, Any]:
    """Return the step of the provenance that names the recipe, and every file that the vocabulary comes from by sha256."""
    recipe = {key: value for key, value in portable(run.recipe).items() if key not in ("report", "published")}
    return {
        "step": "build",
        "tool": TOOL,
        "recipe": recipe,
        "inputs": [vars(each) for each in sorted(set(run.origins))],
        "corpus": [
            {"name": name, "sha256": sha256} for name, sha256 in sorted({(f.name, f.sha256) for f in run.corpus})
        ],
    }


def _base(recipe: Recipe, folder: Path) -> Vocabulary:
    name = recipe.base.name
    return load_base(folder / name if name.endswith(".tiktoken") else name, recipe.base.pattern)


def _no_progress(_what: str, _unit: str) -> AbstractContextManager[None]:
    return nullcontext()


def _select(
    section: BaseSection,
    base: Vocabulary,
    uses: Sequence[Source],
    weights: Mapping[str, float],
    veto: Veto | None,
    progress: Progress,
) -> Selection:
    unwanted: dict[str, Any] = {
        "only": section.only,
        "drop_scripts": section.drop_scripts,
        "drop_partial_utf8": section.drop_partial_utf8,
        "veto": veto,
    }
    if section.by == "usage":
        table = combine([source.table(base.pattern) for source in uses])
        with progress("indexing base", "bytes") as index, progress("reordering base", "crossings") as advance:
            return select_by_usage(
                base,
                section.size,
                table,
                weights=slice_weights(table.slices, weights) if weights else None,
                protect_prefix=section.protect_prefix,
                min_uses=section.min_uses,
                rank_share=section.rank_share,
                unwanted=Filter.of(**unwanted),
                reorder=section.reorder,
                indexing=index,
                progress=advance,
            ).selection
    return select(base, section.size, **unwanted, fill=section.fill)


def _learned(run: Run, base: Vocabulary, section: LearnSection) -> Vocabulary:
    """Return a vocabulary with the tokens of a `[[learn]]` section behind its own."""
    sources = sources_of_learn(section, run.folder, run.jobs)
    run.count_on(sources)
    veto, veto_inputs = veto_of(section, f"learn:{section.label}", run.folder)
    weights, weights_inputs = weights_of(section, f"learn:{section.label}", run.folder)
    run.read(*veto_inputs, *weights_inputs)
    options: dict[str, Any] = {
        "script": section.script,
        "max_chars": section.max_chars,
        "min_count": section.min_count,
        "min_pretokens": section.min_pretokens,
        "weigh_by": section.weigh_by,
    }

    def work() -> LearnedTokens:
        table = combine(tables_of(run, sources, base.pattern))
        table = reweight(table, weights) if weights else table
        with run.progress(f"learning {section.label}", "tokens") as advance:
            learned = learn(table, base, section.size, veto=veto, progress=advance, **options)
        if not section.reorder:
            return learned
        indexing, reordering = f"indexing {section.label}", f"reordering {section.label}"
        with run.progress(indexing, "bytes") as index, run.progress(reordering, "crossings") as advance:
            return reorder(learned, base, table, weigh_by=section.weigh_by, indexing=index, progress=advance)

    parts = {
        "base": base.sha256,
        "pattern": base.pattern,
        "size": section.size,
        "sources": [source.key for source in sources],
        "veto": [each.sha256 for each in veto_inputs],
        **({"weights": dict(weights)} if weights else {}),
        **({"reorder": True} if section.reorder else {}),
        **options,
    }
    learned, cached = run.cache.run("learn", parts, work, pack_learned, unpack_learned)
    run.done(
        f"learn {section.label}",
        f"{section.size:,} tokens, the rarest counted {min(learned.counts):,} times",
        cached=cached,
    )
    digest = hashlib.sha256(tokens_bytes(learned)).hexdigest()
    source = TokenSource(section.label, learned.tokens, learned.counts, digest, learned.base_sha256)
    result, _ = run.cache.run(
        "append",
        {"base": base.sha256, "provenance": list(base.provenance), "label": section.label, "tokens": digest},
        lambda: merge(base, [source]).vocabulary,
        pack_vocabulary,
        unpack_vocabulary,
    )
    return result


def _merged(run: Run, base: Vocabulary) -> Vocabulary:
    """Return a vocabulary with the tokens of all `[[merge]]` sections, and their bridges, behind its own."""
    found = [source_of_merge(section, run.folder) for section in run.recipe.merge]
    run.read(*(each for inputs, _ in found for each in inputs))
    parts = {
        "base": base.sha256,
        "provenance": list(base.provenance),
        "sources": [(each.role, each.sha256, source.label) for inputs, source in found for each in inputs],
        "scripts": [section.script for section in run.recipe.merge],
    }
    result, cached = run.cache.run(
        "merge",
        parts,
        lambda: merge(base, [source for _, source in found]).vocabulary,
        pack_vocabulary,
        unpack_vocabulary,
    )
    run.done("merge", f"{len(result.tokens) - len(base.tokens):,} tokens, bridges included", cached=cached)
    return result


def _verified(run: Run, vocabulary: Vocabulary, base: Vocabulary) -> tuple[Finding, ...]:
    """Return the finding of every law; the prefix is compared with the selection it was made from."""
    packed = pack_vocabulary(vocabulary)
    parts = {
        "vocabulary": vocabulary.sha256,
        "base": base.sha256,
        **{key: packed[key] for key in ("name", "pattern", "special_tokens", "segments", "provenance")},
    }
    findings, cached = run.cache.run(
        "verify",
        parts,
        lambda: check(vocabulary, base),
        lambda found: [tuple(vars(each).values()) for each in found],
        lambda kept: tuple(Finding(law, holds, detail, tuple(offenders)) for law, holds, detail, offenders in kept),
    )
    n_broken = sum(finding.holds is False for finding in findings)
    verdict = f"{n_broken} of {len(findings)} laws broken" if n_broken else f"{len(findings)} laws hold"
    run.done("verify", verdict, cached=cached)
    return findings


def _tokenizer(run: Run, vocabulary: Vocabulary) -> Mapping[str, bytes]:
    files: Mapping[str, bytes]
    packed = pack_vocabulary(vocabulary)
    parts = {"vocabulary": vocabulary.sha256, **{key: packed[key] for key in packed if key != "tokens"}}
    files, cached = run.cache.run(
        "export",
        parts,
        lambda: huggingface.files(vocabulary),
        lambda made: made,
        lambda kept: {str(name): bytes(data) for name, data in kept.items()},
    )
    run.done("export", ", ".join(files), cached=cached)
    return files
