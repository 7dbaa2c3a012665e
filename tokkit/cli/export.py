"""`tokkit export`: a vocabulary in other file formats, either way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokkit.cli import inputs, options, outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.export import Format

SAMPLE_BYTES = 16_000_000  # of a corpus given by --on: enough for four digits, done in seconds


def run(
    vocab: options.VocabularyArgument,
    *,
    to: options.To,
    output: options.Output,
    on: options.OptionalOn = None,
    pattern: options.Pattern = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Write a vocabulary in the files of other runtimes; ids stay equal.

    `--to huggingface` makes a folder that AutoTokenizer.from_pretrained loads;
    `tiktoken` a rank file and its sidecar; `tiktoken-plugin` a folder to pip install,
    after which tiktoken.get_encoding finds the vocabulary by its name; `gguf` a file
    with a vocabulary alone, and the lines that llama.cpp's converter wants;
    `sentencepiece` a .model with the same ids, which segments some text otherwise:
    how much, is measured on the first 16 MB of --on, or on the sample that comes
    with tokkit. Several --to write into the folder -o. Costs a few seconds each.

    Example:
      tokkit export out.tiktoken --to huggingface --to gguf -o out/
    """
    from tokkit.export import export
    from tokkit.render import export as rendered
    from tokkit.render import summary

    formats: list[Format] = list(dict.fromkeys(each.value for each in to))
    outputs.check_export(output, formats)
    loaded = inputs.vocabulary(vocab, pattern)
    with outputs.writing(output):
        exports = export(loaded, formats, output, lambda: _texts(on))
    summary.tell(rendered.of_export(loaded, exports, str(output)), as_json=as_json, quiet=quiet)


def _texts(on: list[str] | None) -> Sequence[str]:
    """Return the texts of a corpus, or of the sample that comes with tokkit."""
    import tokkit
    from tokkit import corpus

    paths = on or [str(path) for path in sorted((Path(tokkit.__file__).parent / "data" / "sample").glob("*.jsonl"))]
    return [document.text.decode() for document in corpus.read(paths, max_bytes=SAMPLE_BYTES)]
