"""`tokkit pad`: specials and spares behind the ranks, up to a size that divides."""

from __future__ import annotations

from dataclasses import replace

from tokkit.cli import inputs, options, outputs


def run(
    vocab: options.VocabularyArgument,
    *,
    output: options.Output,
    multiple: options.Multiple = 256,
    spares: options.Spares = 0,
    exact: options.Exact = False,
    special: options.Special = None,
    spare_name: options.SpareName = "<|spare_{}|>",
    tensor_parallel: options.TensorParallel = 1,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Pad a vocabulary with specials and spares to a multiple.

    Specials come first, in the order given, then spares. Prints the sum. Where
    --exact does not add up it is refused, with both nearest sizes. Costs a
    second.

    Example:
      tokkit pad zh.tiktoken --multiple 256 --special '<|end|>' -o out.tiktoken
    """
    from tokkit.formats.tiktoken import save
    from tokkit.pad import pad
    from tokkit.render import summary

    outputs.check(output, ".tiktoken", inputs=[vocab])
    padding = pad(
        inputs.vocabulary(vocab, pattern),
        multiple=multiple,
        specials=special or (),
        spares=spares,
        exact=exact,
        spare_name=spare_name,
        tensor_parallel=tensor_parallel,
    )
    padding = replace(padding, vocabulary=replace(padding.vocabulary, name=output.stem))
    with outputs.writing(output):
        save(padding.vocabulary, output)
    summary.tell(summary.of_padding(padding), as_json=as_json, quiet=quiet)
