"""The options of all verbs, each declared once, so that a name means one thing everywhere."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tokkit.errors import InputError


class OnError(StrEnum):
    """What to do with a document that cannot be read."""

    STOP = "stop"
    SKIP = "skip"


class WeighBy(StrEnum):
    """Which of a pretoken's two counts decides."""

    COUNT = "count"
    DOCUMENTS = "documents"


class Only(StrEnum):
    """The filters of characters that have a name."""

    ASCII = "ascii"


class By(StrEnum):
    """What decides which tokens of a base stay."""

    RANK = "rank"
    USAGE = "usage"


class VocabularyFormat(StrEnum):
    """The file formats of a vocabulary."""

    TIKTOKEN = "tiktoken"
    HUGGINGFACE = "huggingface"
    TIKTOKEN_PLUGIN = "tiktoken-plugin"
    SENTENCEPIECE = "sentencepiece"
    GGUF = "gguf"


def _no_misspelt_name(pattern: str | None) -> str | None:
    """Refuse what looks like a name and is none: as a regular expression it would match itself and nothing else."""
    if pattern is not None and re.fullmatch(r"[\w-]+", pattern):
        from tokkit.bases import BASES, nearest_base

        if pattern not in BASES:
            hint = nearest_base(pattern, f"names are {', '.join(BASES)}; else give a regular expression")
            raise InputError(f"no pattern has the name {pattern}", hint)
    return pattern


# Inputs and outputs
VocabularyArgument = Annotated[
    str,
    typer.Argument(
        metavar="VOCAB", help="A base's name, a .tiktoken rank file, a tokenizer.json or its folder, a tekken.json."
    ),
]
Output = Annotated[Path, typer.Option("-o", "--output", metavar="PATH", help="Where to write the result.")]
OptionalOutput = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="PATH", help="Where to write the result.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing on stderr but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document on stdout.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the result as CSV on stdout.")]
Jobs = Annotated[
    int, typer.Option("--jobs", metavar="N", min=0, help="Cores to use; 0 is all of them, as far as they pay.")
]
Pattern = Annotated[
    str | None,
    typer.Option(
        "--pattern",
        metavar="NAME|REGEX",
        help="Split pattern: a base's name or a regular expression.",
        callback=_no_misspelt_name,
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="Name of the result; that of its file by default."),
]

# Corpora
Language = Annotated[str | None, typer.Option("--language", metavar="L", help="Language of every document.")]
Domain = Annotated[str | None, typer.Option("--domain", metavar="D", help="Domain of every document.")]
LanguageField = Annotated[
    str | None,
    typer.Option("--language-field", metavar="FIELD", help="Field that holds a document's language."),
]
DomainField = Annotated[
    str | None,
    typer.Option("--domain-field", metavar="FIELD", help="Field that holds a document's domain."),
]
TextField = Annotated[str, typer.Option("--text-field", metavar="FIELD", help="Field that holds a document's text.")]
IdField = Annotated[str, typer.Option("--id-field", metavar="FIELD", help="Field that holds a document's id.")]
PathPattern = Annotated[
    str | None,
    typer.Option(
        "--path-pattern",
        metavar="P",
        help="Labels from the end of a path, such as '{language}-{domain}.jsonl.zst'.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="F", help="Format of stdin: text, jsonl, jsonl.zst, ...; text where it is not given."
    ),
]
Sample = Annotated[
    float,
    typer.Option("--sample", metavar="F", help="Share of documents to keep, chosen by their hash."),
]
MaxBytes = Annotated[
    str | None,
    typer.Option("--max-bytes", metavar="SIZE", help="Stop after this much text, such as 500MB or 2GiB."),
]
Memory = Annotated[
    str | None,
    typer.Option("--memory", metavar="SIZE", help="Most memory to take, such as 1GB or 500MiB."),
]
OnErrorOption = Annotated[
    OnError, typer.Option("--on-error", metavar="stop|skip", help="What to do with a document that cannot be read.")
]
Weights = Annotated[
    str | None,
    typer.Option("--weights", metavar="FILE", help="TOML file of slice -> weight, or a shipped mixture's name."),
]

# Steps
Size = Annotated[int, typer.Option("--size", metavar="N", min=1, help="How many tokens to come out with.")]
OptionalSize = Annotated[
    int | None, typer.Option("--size", metavar="N", min=1, help="How many tokens to come out with.")
]
BaseOption = Annotated[str, typer.Option("--base", metavar="VOCAB", help="The vocabulary that this one starts from.")]
OptionalBase = Annotated[
    str | None, typer.Option("--base", metavar="VOCAB", help="The vocabulary that this one starts from.")
]
Script = Annotated[
    str | None,
    typer.Option("--script", metavar="SCRIPT", help="Take only tokens of this script, such as Han."),
]
OnlyOption = Annotated[
    Only | None, typer.Option("--only", metavar="ascii", help="Keep only tokens of these characters.")
]
DropScript = Annotated[
    list[str] | None,
    typer.Option("--drop-script", metavar="SCRIPT", help="Drop tokens with a character of it; repeatable."),
]
DropPartial = Annotated[bool, typer.Option("--drop-partial-utf8", help="Drop tokens that are not whole characters.")]
Fill = Annotated[bool, typer.Option("--fill", help="Go on to higher ranks until --size tokens are kept.")]
MaxChars = Annotated[
    int | None,
    typer.Option("--max-chars", metavar="N", min=1, help="Longest learned token, in characters."),
]
MinCount = Annotated[
    int, typer.Option("--min-count", metavar="N", min=1, help="Fewest occurrences of a learned token.")
]
MinPretokens = Annotated[
    int,
    typer.Option("--min-pretokens", metavar="N", min=1, help="Fewest distinct pretokens around a learned token."),
]
Veto = Annotated[
    list[Path] | None,
    typer.Option("--veto", metavar="FILE", help="File of texts and /regexes/ that no token may be; repeatable."),
]
WeighByOption = Annotated[
    WeighBy,
    typer.Option("--weigh-by", metavar="count|documents", help="What weighs a pretoken: its count or its documents."),
]
Lexicon = Annotated[
    list[str] | None,
    typer.Option(
        "--lexicon",
        metavar="NAME|FILE",
        help="Lexicon to learn from, as wordfreq:zh or qwen:zh; to audit by, a file of unwanted words; repeatable.",
    ),
]
Words = Annotated[
    list[Path] | None,
    typer.Option("--words", metavar="FILE", help="Learn from a list of WORD [TAB COUNT] lines; repeatable."),
]
Reorder = Annotated[
    bool, typer.Option("--reorder", help="Then put the tokens into an order in which merging takes fewer of them.")
]
Multiple = Annotated[int, typer.Option("--multiple", metavar="M", min=1, help="The size becomes a multiple of this.")]
Spares = Annotated[int, typer.Option("--spares", metavar="N", min=0, help="Fewest spares to reserve.")]
Exact = Annotated[bool, typer.Option("--exact", help="Take --spares as the exact number, or refuse.")]
Special = Annotated[
    list[str] | None,
    typer.Option("--special", metavar="NAME", help="A special token to add; repeatable."),
]
SpareName = Annotated[str, typer.Option("--spare-name", metavar="FORMAT", help="Name of a spare; {} is its number.")]
TensorParallel = Annotated[
    int, typer.Option("--tensor-parallel", metavar="K", min=1, help="Ranks that each get a multiple of --multiple.")
]
Witness = Annotated[
    Path | None,
    typer.Option("--witness", metavar="FILE", help="Write JSON Lines with a text for each id that encodes to it."),
]
On = Annotated[
    list[str],
    typer.Option("--on", metavar="COUNTS|CORPUS", help="What to measure on; repeatable."),
]
OptionalOn = Annotated[
    list[str] | None,
    typer.Option("--on", metavar="COUNTS|CORPUS", help="What to measure on; repeatable."),
]
Baselines = Annotated[
    str,
    typer.Option(
        "--baseline", metavar="VOCAB,...", help="What to compare with, separated by commas; the first counts."
    ),
]
To = Annotated[
    list[VocabularyFormat],
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="tiktoken, huggingface, tiktoken-plugin, sentencepiece or gguf; repeatable.",
    ),
]
