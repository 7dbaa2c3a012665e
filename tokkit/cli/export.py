"""`tokkit export`: a vocabulary in another file format, either way."""

from __future__ import annotations

from tokkit.cli import inputs, options, outputs


def run(
    vocab: options.VocabularyArgument,
    *,
    to: options.To,
    output: options.Output,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Write a vocabulary in the files of another runtime; ids stay equal.

    `--to huggingface` makes a folder that AutoTokenizer.from_pretrained loads;
    `--to tiktoken` a rank file and its sidecar, from a tokenizer.json too. Costs
    a few seconds.

    Example:
      tokkit export out.tiktoken --to huggingface -o out/
    """
    from tokkit.render import summary

    as_folder = to is options.VocabularyFormat.HUGGINGFACE
    if not as_folder:
        outputs.check(output, ".tiktoken")
    loaded = inputs.vocabulary(vocab, pattern)
    if as_folder:
        outputs.save_folder(loaded, output)
    else:
        outputs.save(loaded, output)
    summary.tell(summary.of_export(loaded, str(output)), as_json=as_json, quiet=quiet)
