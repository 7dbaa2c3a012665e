"""`tokkit select`: the first tokens of a base, with or without a filter, or those that counts need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from tokkit.select import Filter


def run(
    base: options.VocabularyArgument,
    *,
    size: options.Size,
    output: options.Output,
    only: options.OnlyOption = None,
    drop_script: options.DropScript = None,
    drop_partial_utf8: options.DropPartial = False,
    veto: options.Veto = None,
    fill: options.Fill = False,
    by: Annotated[
        options.By, typer.Option("--by", metavar="rank|usage", help="Which tokens of the base stay.")
    ] = options.By.RANK,
    on: options.OptionalOn = None,
    weights: options.Weights = None,
    protect_prefix: Annotated[
        int, typer.Option("--protect-prefix", metavar="K", min=0, help="Ranks below K stay, used or not.")
    ] = 0,
    min_uses: Annotated[
        int, typer.Option("--min-uses", metavar="N", min=0, help="Below this many uses the rank decides.")
    ] = 2,
    rank_share: Annotated[
        float, typer.Option("--rank-share", metavar="S", min=0, help="Uses that ranks promise, as a share of all.")
    ] = 0.0,
    reorder: options.Reorder = False,
    name: options.Name = None,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Cut a base to its first ranks, the start of a new vocabulary.

    --size is the cut; a filter leaves fewer tokens, unless --fill goes on until
    that many are kept. The 256 bytes stay, and a token whose parts were dropped
    goes too. --by usage keeps instead the --size tokens that the text of --on
    needs most, and tells what each slice gains or loses against the prefix;
    --protect-prefix guards text that --on lacks, and --rank-share 0.1 rare tokens
    that its sample cannot tell. With --reorder they then rank so that merging
    comes nearer to the fewest tokens. Costs a few seconds, --reorder half a minute
    on 170 MB.

    Example:
      tokkit select cl100k_base --size 60004 -o base.tiktoken
    """
    from tokkit.formats.tiktoken import save
    from tokkit.render import summary
    from tokkit.select import Filter, select
    from tokkit.veto import load_vetoes

    outputs.check(output, ".tiktoken", inputs=[base])
    unwanted: dict[str, Any] = {
        "only": only.value if only else None,
        "drop_scripts": drop_script or (),
        "drop_partial_utf8": drop_partial_utf8,
        "veto": load_vetoes(veto or ()),
    }
    if by is options.By.USAGE:
        if fill:
            raise InputError("--by usage with --fill", "leave --fill out: --by usage always keeps --size tokens")
        _by_usage(
            base,
            size,
            output,
            on,
            weights,
            protect_prefix,
            min_uses,
            rank_share,
            Filter.of(**unwanted),
            reorder,
            name,
            pattern,
            quiet,
            as_json,
        )
        return
    if on or weights or protect_prefix or rank_share or reorder:
        raise InputError(
            "--on, --weights, --protect-prefix, --rank-share and --reorder say how to select by usage", "add --by usage"
        )
    selection = select(
        inputs.vocabulary(base, pattern),
        size,
        **unwanted,
        fill=fill,
        name=name or output.stem,
    )
    with outputs.writing(output):
        save(selection.vocabulary, output)
    summary.tell(summary.of_selection(selection), as_json=as_json, quiet=quiet)


def _by_usage(
    base: str,
    size: int,
    output: Path,
    on: list[str] | None,
    weights: str | None,
    protect_prefix: int,
    min_uses: int,
    rank_share: float,
    unwanted: Filter,
    reorder: bool,
    name: str | None,
    pattern: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    from tokkit.corpus import Labels
    from tokkit.counts import slice_weights
    from tokkit.formats.tiktoken import save
    from tokkit.render import usage as rendering
    from tokkit.render.progress import progress
    from tokkit.usage import select_by_usage

    if not on:
        raise InputError(
            "--by usage needs counts", "add --on with a counts table, which `tokkit count` makes, or a corpus"
        )
    shares = inputs.weights(weights)
    start = inputs.vocabulary(base, pattern)
    table = inputs.counted(on, Labels(), pattern=start.pattern, jobs=0, quiet=quiet).table
    with progress("indexing", quiet=quiet) as indexing, progress("reordering", "crossings", quiet=quiet) as advance:
        chosen = select_by_usage(
            start,
            size,
            table,
            weights=slice_weights(table.slices, shares) if shares else None,
            protect_prefix=protect_prefix,
            min_uses=min_uses,
            rank_share=rank_share,
            unwanted=unwanted,
            reorder=reorder,
            name=name or output.stem,
            indexing=indexing,
            progress=advance,
        )
    with outputs.writing(output):
        save(chosen.selection.vocabulary, output)
    rendering.tell(chosen, as_json=as_json, quiet=quiet)
