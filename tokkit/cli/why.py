"""`tokkit why`: one token's origin, merge path and use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokkit.cli import inputs, options
from tokkit.errors import InputError, MismatchError

if TYPE_CHECKING:
    from tokkit.counts import CountsTable


def run(
    vocab: options.VocabularyArgument,
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="The token: a text, id:NUMBER, or base64:BYTES as in a rank file.")
    ],
    *,
    on: options.OptionalOn = None,
    pattern: options.Pattern = None,
    jobs: options.Jobs = 0,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Explain one token: origin, merge path, counts, what outranks it.

    A text that is no token is shown with the merges that cut it as it is. --on
    takes counts tables and corpora, for how often the token comes out and what
    covers its bytes where it does not, and .tokens files, for its count when it
    was learned. Costs a second, and with --on one more for 100 MB of counts.

    Example:
      tokkit why zh.tiktoken 训练 --on zh.parquet --on zh.tokens
    """
    from tokkit.render import why as rendering
    from tokkit.why import explain, token_of

    vocabulary = inputs.vocabulary(vocab, pattern)
    data, token_id = token_of(vocabulary, token)
    learned = _learned([each for each in on or () if each.endswith(".tokens")])
    counted = [each for each in on or () if not each.endswith(".tokens")]
    table = _table(counted, vocabulary.pattern, jobs=jobs, quiet=quiet) if counted else None
    why = explain(vocabulary, data, token_id, table=table, learned=learned)
    (rendering.show_json if as_json else rendering.show)(why, vocabulary)


def _learned(paths: list[str]) -> dict[bytes, tuple[int, int]]:
    from tokkit.formats.tokens import load

    found: dict[bytes, tuple[int, int]] = {}
    for path in paths:
        learned = load(path)
        for token, count, pretokens in zip(learned.tokens, learned.counts, learned.pretokens, strict=True):
            if token in found:
                raise InputError(f"{path}: a token of it is in another .tokens file too", "give one of them")
            found[token] = (count, pretokens)
    return found


def _table(arguments: list[str], pattern: str, *, jobs: int, quiet: bool) -> CountsTable:
    from tokkit.corpus import Labels

    tables = inputs.tables_by_pattern(arguments, Labels(), [pattern], jobs=jobs, quiet=quiet)
    if pattern not in tables:
        raise MismatchError(
            f"the counts were cut by another pattern than the vocabulary's: {next(iter(tables))}",
            "count the corpus by its pattern, or give the corpus itself",
        )
    return tables[pattern]
