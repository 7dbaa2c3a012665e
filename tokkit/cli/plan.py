"""`tokkit plan`: how many tokens of a base, and how many learned, at a fixed size."""

from __future__ import annotations

import os
import re
from typing import Annotated

import typer

from tokkit.cli import checks, inputs, options, outputs
from tokkit.errors import InputError


def run(
    base: Annotated[
        str, typer.Argument(metavar="[VOCAB]", help="The vocabulary to start from; cl100k_base by default.")
    ] = "cl100k_base",
    *,
    on: options.On,
    size: options.Size,
    learn_from: Annotated[
        list[str] | None,
        typer.Option("--learn-from", metavar="COUNTS", help="Counts to learn from, if not those of --on; repeatable."),
    ] = None,
    weights: options.Weights = None,
    by: Annotated[options.By, typer.Option("--by", metavar="rank|usage", help="Which tokens of the base stay.")] = (
        options.By.RANK
    ),
    script: options.Script = "Han",
    min_count: options.MinCount = 2,
    multiple: options.Multiple = 1,
    spares: options.Spares = 0,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=256, help="Prefix whose split is shown beside the best.")
    ] = 60_004,
    output: options.OptionalOutput = None,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    jobs: options.Jobs = 0,
    as_json: options.Json = False,
) -> None:
    """Find the best split of a size between a base and learned tokens.

    Prints the best split, the one of the seed beside it, what the last slots
    save on each side, the cost of being wrong by 5,000, and the same question
    for 64, 96, 128 and 160 thousand; with intervals where the table of --on was
    counted with --folds. --by usage keeps the tokens of the base that the counts
    to learn from need, not its first. -o writes it as a recipe. All that is
    printed was learned and measured: some 20 splits, those of the frontier 5,000
    slots apart or nearer. It takes 40 seconds of processor time, on two threads
    2.2 GB, for 66 MB to learn from and 39 MB in folds to measure on; by usage
    nearly twice that.

    Example:
      tokkit plan --on heldout.parquet --learn-from zh.parquet --size 92544 -o plan.toml
    """
    from tokkit.corpus import Labels
    from tokkit.counts import combine, is_counts_table, load
    from tokkit.files import write_atomically
    from tokkit.plan import plan
    from tokkit.plan_recipe import recipe_of
    from tokkit.render import plan as rendering
    from tokkit.render.progress import progress

    if output is not None:
        outputs.check(output, ".toml")
    shares = inputs.weights(weights)
    start = inputs.vocabulary(base, pattern)
    checks.refuse_twice(learn_from or (), quiet=quiet)
    is_counted = all(is_counts_table(path) for path in on)
    if is_counted:
        checks.refuse_twice(on, quiet=quiet)
        table = combine([load(path, folds=True) for path in on])
    else:
        table = inputs.counted(on, Labels(), pattern=start.pattern, jobs=jobs, quiet=quiet).table
    if output is not None and not learn_from and not is_counted:
        raise InputError(
            "the recipe is to learn from a counts table, and --on is a corpus",
            "count it with `tokkit count` first, or name what to learn from with --learn-from",
        )
    with progress("planning", "learnings", quiet=quiet) as advance:
        found = plan(
            start,
            table,
            size,
            learn_from=combine([load(path) for path in learn_from]) if learn_from else None,
            weights=shares,
            by_usage=by is options.By.USAGE,
            script=script,
            min_count=min_count,
            multiple=multiple,
            spares=spares,
            seed=seed,
            jobs=jobs,
            progress=advance,
        )
    if output is not None:
        tables = [os.path.relpath(path, output.parent) for path in learn_from or on]
        named = os.path.relpath(base, output.parent) if base.endswith(".tiktoken") else base
        name = re.sub(r"[^A-Za-z0-9_.-]|^[^A-Za-z0-9]", "-", output.stem).lstrip("-._") or "plan"
        with outputs.writing(output):
            write_atomically(output, recipe_of(found, name, named, tables, shares))
    (rendering.show_json if as_json else rendering.show)(found)
