"""`tokkit select`: the first tokens of a base, with or without a filter, or those that counts need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokkit.usage import UsageSelection
    from tokkit.vocabulary import Vocabulary


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
    from tokkit.render import usage as rendering
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
        if not on:
            raise InputError(
                "--by usage needs counts", "add --on with a counts table, which `tokkit count` makes, or a corpus"
            )
        shares = inputs.weights(weights)
        chosen = _by_usage(
            inputs.vocabulary(base, pattern),
            size,
            on,
            shares,
            quiet=quiet,
            protect_prefix=protect_prefix,
            min_uses=min_uses,
            rank_share=rank_share,
            unwanted=Filter.of(**unwanted),
            reorder=reorder,
            name=name or output.stem,
        )
        with outputs.writing(output):
            save(chosen.selection.vocabulary, output)
        rendering.tell(chosen, as_json=as_json, quiet=quiet)
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
    base: Vocabulary,
    size: int,
    on: Sequence[str],
    shares: Mapping[str, float] | None,
    *,
    quiet: bool,
    **options_of_selection: Any,
) -> UsageSelection:
    """Select by the counts of `on`, which is counted where it is a corpus, and show how far that is."""
    from tokkit.corpus import Labels
    from tokkit.counts import slice_weights
    from tokkit.render.progress import progress
    from tokkit.usage import select_by_usage

    table = inputs.counted(on, Labels(), pattern=base.pattern, jobs=0, quiet=quiet).table
    weights = slice_weights(table.slices, shares) if shares else None
    with progress("indexing", quiet=quiet) as indexing, progress("reordering", "crossings", quiet=quiet) as advance:
        return select_by_usage(
            base, size, table, weights=weights, indexing=indexing, progress=advance, **options_of_selection
        )
