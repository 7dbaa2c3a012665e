"""`tokkit select`: the first tokens of a base, with or without a filter."""

from __future__ import annotations

from tokkit.cli import inputs, options, outputs


def run(
    base: options.VocabularyArgument,
    *,
    size: options.Size,
    output: options.Output,
    only: options.OnlyOption = None,
    drop_script: options.DropScript = None,
    drop_partial_utf8: options.DropPartial = False,
    fill: options.Fill = False,
    name: options.Name = None,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Cut a base to its first ranks, the start of a new vocabulary.

    --size is the cut; a filter leaves fewer tokens, unless --fill goes on until
    that many are kept. The 256 bytes stay, and a token whose parts were dropped
    goes too. Costs a few seconds and reads no text.

    Example:
      tokkit select cl100k_base --size 60004 -o base.tiktoken
    """
    from tokkit.formats.tiktoken import save
    from tokkit.render import summary
    from tokkit.select import select

    outputs.check(output, ".tiktoken")
    selection = select(
        inputs.vocabulary(base, pattern),
        size,
        only=only.value if only else None,
        drop_scripts=drop_script or (),
        drop_partial_utf8=drop_partial_utf8,
        fill=fill,
        name=name or output.stem,
    )
    with outputs.writing(output):
        save(selection.vocabulary, output)
    summary.tell(summary.of_selection(selection), as_json=as_json, quiet=quiet)
