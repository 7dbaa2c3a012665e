"""`tokkit build`: a recipe, from the base to the release directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokkit.cli import options, outputs


def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe in TOML.")],
    *,
    output: options.OptionalOutput = None,
    counts: Annotated[
        list[str] | None,
        typer.Option("--counts", metavar="[LABEL=]FILE", help="Learn from this counts table instead; repeatable."),
    ] = None,
    jobs: options.Jobs = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and its sums; learn nothing.")] = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Build a recipe into a release directory, build/NAME by default.

    The directory holds the rank file with its sidecar, tokenizer.json and what
    transformers needs, a report, a card and a manifest, byte-identical wherever
    it is built. A step whose inputs did not change is taken from .tokkit-cache
    beside the directory. Exits with 1 and releases nothing where the result
    breaks a law. Costs 15 s for vocab/internlm2.toml.

    Example:
      tokkit build vocab/internlm2.toml --dry-run
    """
    from tokkit import recipe_release
    from tokkit.recipe import load, with_counts
    from tokkit.recipe_build import build, prepare
    from tokkit.render import build as rendering
    from tokkit.render.progress import progress

    asked = with_counts(load(recipe), tuple(_absolute(each) for each in counts or ()))
    folder = output or Path("build") / asked.name
    if dry_run:
        rendering.show_plan(prepare(asked, recipe.parent), str(folder), as_json=as_json)
        return
    recipe_release.require_release_folder(folder)
    built = build(
        asked,
        recipe.parent,
        jobs=jobs,
        cache=folder.parent / ".tokkit-cache",
        progress=lambda what, unit: progress(what, unit, quiet=quiet),
        on_step=lambda step: rendering.tell_step(step, quiet=quiet),
    )
    names: list[str] = []
    if not built.broken:
        with outputs.writing(folder):
            names = sorted(recipe_release.write(built, folder))
    rendering.show(built, str(folder) if names else None, names, as_json=as_json, quiet=quiet)
    if built.broken:
        raise typer.Exit(1)


def _absolute(argument: str) -> str:
    """Return a counts table's path, with or without a label, as seen from anywhere: recipes look from their own folder."""
    label, equals, path = argument.rpartition("=")
    return f"{label}{equals}{Path(path).absolute()}"
