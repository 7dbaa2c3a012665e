"""`tokkit diff`: what is different between two vocabularies, and the id map from one to the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokkit.cli import inputs, options, outputs
from tokkit.errors import InputError

if TYPE_CHECKING:
    from tokkit.compare import TextDifference
    from tokkit.foreign import ForeignVocabulary
    from tokkit.vocabulary import Vocabulary


def run(
    before: Annotated[str, typer.Argument(metavar="A", help="The vocabulary before: a name, or a file of any format.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The vocabulary after.")],
    *,
    on: options.OptionalOn = None,
    id_map: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE.npz", help="Write for each id of B the ids of A, for embeddings."),
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 where the two differ.")] = False,
    max_bytes: options.MaxBytes = None,
    pattern: options.Pattern = None,
    jobs: options.Jobs = 0,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Compare two vocabularies: tokens, specials, pattern, text.

    Tokens are compared by their bytes: added, removed, or moved to another id.
    --on measures what it comes to in a corpus or counts table. --map has for
    every id of B the same bytes' id in A, or the ids that they encode to. Exits
    with 0 unless --exit-code asks. Costs a few seconds; --on as much as a
    report, where the two split differently a second for 1 MB.

    Example:
      tokkit diff cl100k_base zh.tiktoken --on zh.parquet --map zh.npz
    """
    from tokkit.compare import diff, shifts
    from tokkit.compare_map import id_map as map_ids
    from tokkit.compare_map import npz_bytes
    from tokkit.files import write_atomically
    from tokkit.render import compare, talk

    if id_map is not None:
        outputs.check(id_map, ".npz")
    both = (before, after)
    old, new = (inputs.any_vocabulary(each, inputs.pattern_for(each, pattern, both)) for each in both)
    old, new = inputs.named_apart((before, after), (old, new))
    found = diff(old, new)
    text = None if not on else _on_text(old, new, on, max_bytes, jobs=jobs, quiet=quiet)
    if id_map is not None:
        mapped = npz_bytes(map_ids(old, new))
        with outputs.writing(id_map):
            write_atomically(id_map, mapped)
    if as_json:
        compare.show_json(found, old, new, text)
    else:
        compare.show(found, old, new, shifts(found.moved), text)
    if id_map is not None:
        talk.note(f"wrote the ids of {old.name} for {found.after_n_vocab:,} ids of {new.name} to {id_map}", quiet=quiet)
    if exit_code and not found.is_empty:
        raise typer.Exit(1)


def _on_text(
    old: Vocabulary | ForeignVocabulary,
    new: Vocabulary | ForeignVocabulary,
    on: list[str],
    max_bytes: str | None,
    *,
    jobs: int,
    quiet: bool,
) -> TextDifference:
    """Return what the two make of counts where they split alike, else of the texts themselves."""
    from tokkit import corpus, counts
    from tokkit.compare import diff_on_counts, diff_on_texts
    from tokkit.vocabulary import Vocabulary

    labels = corpus.Labels()
    size = inputs.byte_size(max_bytes) if max_bytes is not None else None
    if isinstance(old, Vocabulary) and isinstance(new, Vocabulary) and old.pattern == new.pattern:
        counted = inputs.counted(on, labels, pattern=old.pattern, jobs=jobs, max_bytes=size, quiet=quiet)
        return diff_on_counts(old, new, counted.table)
    tables = [argument for argument in on if counts.is_counts_table(argument)]
    if tables:
        raise InputError(
            f"{old.name} and {new.name} split differently, and {tables[0]} was cut by one pattern",
            "give the corpus itself",
        )
    documents = corpus.read(on, labels, max_bytes=size)
    return diff_on_texts(old, new, (document.text.decode() for document in documents))
