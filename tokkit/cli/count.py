"""`tokkit count`: a corpus, or tables of one, into one counts table."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError

# How stdin begins -> the format that it has then, for all that anybody pipes.
BEGINNINGS = {
    b'{"': "jsonl",
    b"\x28\xb5\x2f\xfd": "jsonl.zst",
    b"\x1f\x8b": "jsonl.gz",
    b"BZh": "jsonl.bz2",
    b"\xfd7zXZ": "jsonl.xz",
}


def run(
    corpus: Annotated[
        list[str], typer.Argument(metavar="CORPUS...", help="Files, folders, globs, - for stdin, or counts tables.")
    ],
    *,
    output: options.Output,
    language: options.Language = None,
    domain: options.Domain = None,
    language_field: options.LanguageField = None,
    domain_field: options.DomainField = None,
    text_field: options.TextField = "text",
    id_field: options.IdField = "id",
    path_pattern: options.PathPattern = None,
    format: options.Format = None,  # noqa: A002 - the option's name
    pattern: options.Pattern = None,
    jobs: options.Jobs = 0,
    sample: options.Sample = 1.0,
    max_bytes: options.MaxBytes = None,
    memory: options.Memory = None,
    folds: Annotated[
        int, typer.Option("--folds", metavar="K", min=0, help="Keep K folds of the documents apart, for intervals.")
    ] = 0,
    on_error: options.OnErrorOption = options.OnError.STOP,
    dedup: Annotated[
        bool, typer.Option("--dedup", help="Leave out near-duplicates: 7 in 10 of their 5-grams are the same.")
    ] = False,
    weights: options.Weights = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Count the pretokens of a corpus into one table.

    Reads .txt, .jsonl and .parquet, also .gz .zst .bz2 .xz. Costs one pass over
    the text, at 30 (Chinese) to 100 MB/s a core; memory grows with the distinct
    pretokens, unless --memory says how much there is: what has no room then waits
    on disk, and the table is the same. A counts table among CORPUS is added in.
    The split is that of cl100k_base unless --pattern or a table says another.
    --weights leaves a mixture with those shares of bytes. --folds 20 keeps 20
    parts of the documents apart, from which plan tells how sure it is: a table a
    third larger, and counting a fifth slower.

    --dedup counts one document of each group of near-duplicates (MinHash of
    5-grams), which reads the text twice, signs about 5 MB/s a core and holds 2 KB
    a document. --language auto labels documents that neither a field nor their
    path labels, by pycld2, at 20 to 60 MB/s. Both say what they did.

    Example:
      tokkit count corpus/ --path-pattern '{language}-{domain}' -o counts.parquet
    """
    from tokkit.corpus import Labels
    from tokkit.counts import is_counts_table, reweight, save
    from tokkit.render import summary

    outputs.check(output, inputs=corpus)
    if "-" in corpus:
        stdin_format = format or _format_of_stdin()
    elif format is not None:
        raise InputError(
            f"--format {format}: it is for stdin, and no CORPUS is -", "a file's format is that of its suffix"
        )
    else:
        stdin_format = "text"
    detect_language = language == "auto"
    labels = Labels(
        None if detect_language else language, domain, language_field, domain_field, path_pattern, text_field, id_field
    )
    shares = inputs.weights(weights)
    if shares and folds:
        raise InputError(
            "--weights together with --folds", "count with --folds alone: plan and report take --weights themselves"
        )
    count_options: Any = {
        "pattern": pattern,
        "jobs": jobs,
        "stdin_format": stdin_format,
        "sample": sample,
        "max_bytes": None if max_bytes is None else inputs.byte_size(max_bytes),
        "on_error": on_error.value,
        "folds": folds,
        "dedup": dedup,
        "detect_language": detect_language,
        "quiet": quiet,
    }
    limit = None if memory is None else inputs.byte_size(memory)
    if limit is not None or not (shares or any(map(is_counts_table, corpus))):
        if shares:
            raise InputError("--weights together with --memory", "count with --memory, then weigh the table")
        with outputs.writing(output):
            written = inputs.counted_to_file(output, corpus, labels, memory=limit, **count_options)
        summary.tell(summary.of_counts(written), as_json=as_json, quiet=quiet)
        return
    counted = inputs.counted(corpus, labels, **count_options)
    weighed = reweight(counted.table, shares) if shares else None
    with outputs.writing(output):
        save(weighed or counted.table, output)
    summary.tell(summary.of_counts(counted, weighed), as_json=as_json, quiet=quiet)


def _format_of_stdin() -> str:
    """Return the format of stdin where none is given: text, unless its first bytes say otherwise.

    Raises:
        InputError: it begins like JSON Lines or something compressed, which would be counted as if it were the text itself.
    """
    head: bytes = sys.stdin.buffer.peek(8) if hasattr(sys.stdin.buffer, "peek") else b""
    for beginning, suggested in BEGINNINGS.items():
        if head.startswith(beginning):
            raise InputError(
                f"stdin begins like {suggested}, and would be counted as plain text",
                f"--format {suggested}, or --format text to count it as it is",
            )
    return "text"
