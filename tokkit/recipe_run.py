"""A build under way, and the counts that its steps share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokkit.recipe_cache import Cache, Step, pack_table, unpack_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tokkit.counts import CountsTable
    from tokkit.recipe import Recipe
    from tokkit.recipe_sources import Input, Source

    Progress = Callable[[str, str], AbstractContextManager[Callable[..., None] | None]]


@dataclass
class Run:
    """A build under way: the recipe and its folder, what was done and read so far, and whom to tell.

    Attributes:
        recipe: the recipe.
        folder: where it lies.
        jobs: processes to count corpora with.
        cache: the results of steps.
        progress: shows how far long work is.
        on_step: called with each step when it is done.
        steps: what was done.
        inputs: what was read, for the manifest.
        origins: what the vocabulary comes from besides text, for its provenance.
        corpus: the files of text that it comes from, whoever counted them.
    """

    recipe: Recipe
    folder: Path
    jobs: int
    cache: Cache
    progress: Progress
    on_step: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    origins: list[Input] = field(default_factory=list)
    corpus: list[Input] = field(default_factory=list)

    def read(self, *inputs: Input) -> None:
        """Note what the vocabulary comes from besides text."""
        self.inputs += inputs
        self.origins += inputs

    def count_on(self, sources: Sequence[Source]) -> None:
        """Note the text that the vocabulary comes from; counts that do not say of which text they are stand for it."""
        for source in sources:
            self.inputs += source.inputs
            self.corpus += source.corpus
            self.origins += () if source.corpus else source.inputs

    def done(self, name: str, detail: str, *, cached: bool) -> None:
        """Note a step as done, and tell."""
        self.steps.append(Step(name, detail, cached))
        self.on_step(self.steps[-1])


def tables_of(run: Run, sources: Sequence[Source], pattern: str) -> list[CountsTable]:
    """Return the counts of sources by a pattern; those that are worth it are kept in the cache."""
    tables = []
    for source in sources:
        if source.keep:
            table, cached = run.cache.run(
                "count",
                {"source": source.key, "pattern": pattern},
                lambda source=source: source.table(pattern),  # type: ignore[misc]
                pack_table,
                unpack_table,
            )
            n_documents = sum(part.documents for part in table.slices)
            run.done("count", f"{n_documents:,} documents in {len(table.slices)} slices", cached=cached)
        else:
            table = source.table(pattern)
        tables.append(table)
    return tables
