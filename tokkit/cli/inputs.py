"""What the verbs read: a vocabulary by name or path, and sizes in bytes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tokkit
from tokkit.cli import checks
from tokkit.errors import BaseNotFoundError, FormatError, InputError, MismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.corpus import CorpusFile, Labels, OnError
    from tokkit.counts import Counted, CountedFile, CountsTable
    from tokkit.foreign import ForeignVocabulary
    from tokkit.vocabulary import Vocabulary

UNITS = {"": 1, "B": 1} | {
    f"{letter}{infix}B": base**power
    for infix, base in (("", 1000), ("i", 1024))
    for power, letter in enumerate("KMGT", 1)
}


def vocabulary(argument: str, pattern: str | None = None) -> Vocabulary:
    """Return the vocabulary that an argument names: a base, or a file of any format whose merges are rank merges.

    Raises:
        TokkitError: it is not there, not whole, a rank file without a pattern, or another kind of tokenizer; says which.
    """
    from tokkit.vocabulary import Vocabulary

    found = any_vocabulary(argument, pattern)
    if isinstance(found, Vocabulary):
        return found
    raise FormatError(
        f"{argument} is no vocabulary of ranks: {found.breaks[0] if found.breaks else found.semantics}",
        f"`inspect`, `show`, `diff`, `report` and `merge --from` take it by its own rule: {found.semantics}",
    )


def any_vocabulary(argument: str, pattern: str | None = None) -> Vocabulary | ForeignVocabulary:
    """Return the tokenizer that an argument names: a base, or a file of any format that tokkit reads.

    Raises:
        TokkitError: it is not there, not whole, or a rank file without a pattern; says which.
    """
    from tokkit.bases import BASES, load_base, pattern_named
    from tokkit.formats import any as any_format

    path = Path(argument)
    # What is not there may be a base's name with a typing error, a pipe can be read only once, and a rank file may be that
    # of a base, whatever its name.
    is_base = argument in BASES or not (path.is_dir() or path.is_file())
    if is_base or any_format.format_of(path) == "tiktoken":
        return load_base(argument, pattern)
    return any_format.read(path, None if pattern is None else pattern_named(pattern))


def base_of(checked: Vocabulary, argument: str | None, *, quiet: bool) -> Vocabulary | None:
    """Return the base that a vocabulary is to be compared with: the argument's, else that of its provenance.

    A base that is named but found nowhere is noted on stderr and left out; one that was asked for is an error.

    Raises:
        TokkitError: as `vocabulary` and `tokkit.origin.base_of`.
    """
    from tokkit import origin
    from tokkit.render import talk

    if argument is not None:
        return origin.base_of(checked, vocabulary(argument))
    try:
        return origin.base_of(checked)
    except BaseNotFoundError as error:
        talk.note(f"base not compared: {error.message}", quiet=quiet)
        return None


def listed(argument: str) -> list[str]:
    """Return the names and paths of an argument that lists several, separated by commas; a path may hold commas itself.

    Example:
        >>> listed("cl100k_base,o200k_base, mine.tiktoken")
        ['cl100k_base', 'o200k_base', 'mine.tiktoken']
    """
    if Path(argument).exists():
        return [argument]
    found = [part.strip() for part in argument.split(",")]
    if not all(found):
        raise InputError(f"an empty name in a list: {argument!r}", "separate names and paths by single commas")
    return list(dict.fromkeys(found))


def named_apart(
    arguments: Sequence[str], vocabularies: Sequence[Vocabulary | ForeignVocabulary]
) -> list[Vocabulary | ForeignVocabulary]:
    """Return vocabularies to compare, with the names of `distinct_names`."""
    from dataclasses import replace

    names = distinct_names(arguments, [vocabulary.name for vocabulary in vocabularies])
    return [replace(vocabulary, name=name) for name, vocabulary in zip(names, vocabularies, strict=True)]


def pattern_for(argument: str, pattern: str | None, arguments: Sequence[str]) -> str | None:
    """Return the pattern that --pattern gives to one of several tokenizers: bases have their own.

    So has every file but a bare rank file, where --pattern is for such a one; else it must be the file's own.

    Example:
        >>> both = ["qwen.tiktoken", "tekken.json"]
        >>> [pattern_for(each, "cl100k_base", both) for each in both]
        ['cl100k_base', None]
        >>> pattern_for("tekken.json", "cl100k_base", ["tekken.json"])
        'cl100k_base'
    """
    from tokkit.bases import BASES
    from tokkit.formats.tiktoken import sidecar_of

    def is_bare(each: str) -> bool:
        return Path(each).suffix == ".tiktoken" and not sidecar_of(each).exists()

    lacking = any(is_bare(each) for each in arguments)
    return None if argument in BASES or (lacking and not is_bare(argument)) else pattern


def distinct_names(arguments: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return names for tokenizers beside each other: those that share one are called by their files, or else by their paths.

    Example:
        >>> distinct_names(["a/x.model", "b/x.model", "cl100k_base"], ["x", "x", "cl100k_base"])
        ['a/x.model', 'b/x.model', 'cl100k_base']
        >>> distinct_names(["a/x.model", "b/x.gguf"], ["x", "x"])
        ['x.model', 'x.gguf']
    """
    shared = {argument for argument, name in zip(arguments, names, strict=True) if names.count(name) > 1}
    files = {Path(argument).name for argument in shared}
    apart = len(files) == len(shared) and files.isdisjoint(names)
    return [
        name if argument not in shared else Path(argument).name if apart else argument
        for argument, name in zip(arguments, names, strict=True)
    ]


def names_vocabulary(argument: str) -> bool:
    """Return whether an argument names a tokenizer: a base, a folder, or a file with a name that tokenizers go by."""
    from tokkit.bases import BASES
    from tokkit.formats.any import looks_like_tokenizer

    return argument in BASES or looks_like_tokenizer(argument)


def is_huggingface(argument: str) -> bool:
    """Return whether an argument names a tokenizer.json or a folder, which is to hold one."""
    path = Path(argument)
    return path.is_dir() or path.name == "tokenizer.json"


def stated_language(language: str | None) -> str | None:
    """Return the language that an option states.

    Raises:
        InputError: `auto`, which only counting works out.
    """
    if language == "auto":
        raise InputError(
            "--language auto: only `tokkit count` tells languages",
            "count the corpus first, and give the table: tokkit count CORPUS --language auto -o counts.parquet",
        )
    return language


def counted(
    arguments: Sequence[str],
    labels: Labels,
    *,
    pattern: str | None,
    jobs: int,
    stdin_format: str = "text",
    sample: float = 1.0,
    max_bytes: int | None = None,
    on_error: OnError = "stop",
    folds: int = 0,
    dedup: bool = False,
    detect_language: bool = False,
    quiet: bool = False,
) -> Counted:
    """Return one counts table of a corpus, whose arguments may be counts tables themselves.

    Raises:
        TokkitError: as `tokkit.corpus.find` and `tokkit.counts`; tables of different patterns.
    """
    from dataclasses import replace

    from tokkit import corpus, counts
    from tokkit.pretokenize import pattern_of
    from tokkit.render.progress import progress

    paths = [argument for argument in arguments if not counts.is_counts_table(argument)]
    checks.refuse_twice([argument for argument in arguments if argument not in paths], quiet=quiet)
    tables = [counts.load(argument, folds=folds > 0) for argument in arguments if argument not in paths]
    checks.require_folds(tables, folds)
    wanted = pattern_of(pattern) if pattern else tables[0].pattern if tables else pattern_of("cl100k_base")
    if any(table.pattern != wanted for table in tables):
        raise MismatchError(
            f"a counts table was cut by another pattern than {wanted!r}", "count its corpus again with one --pattern"
        )
    if not paths and (dedup or detect_language):
        raise InputError(
            f"--{'dedup' if dedup else 'language auto'} needs text, and CORPUS is all counts tables",
            "count the corpus again with it",
        )
    if paths:
        files = corpus.find(paths, labels, stdin_format=stdin_format)
        with progress("counting", quiet=quiet) as advance:
            result = counts.count(
                files,
                labels,
                pattern=wanted,
                jobs=jobs,
                on_error=on_error,
                sample=sample,
                max_bytes=max_bytes,
                folds=folds,
                dedup=dedup,
                detect_language=detect_language,
                progress=advance,
            )
        return replace(result, table=counts.combine([*tables, result.table]))
    return counts.Counted(counts.combine(tables), ())


def text_to_read_again(arguments: Sequence[str], labels: Labels) -> Sequence[CorpusFile] | None:
    """Return the files of a corpus to read them once more; None where counts tables, stdin or pipes are among the arguments.

    Raises:
        TokkitError: as `tokkit.corpus.find`.
    """
    from tokkit import corpus, counts

    if any(argument == "-" or counts.is_counts_table(argument) for argument in arguments):
        return None
    files = corpus.find(arguments, labels)
    return files if all("://" in file.path or Path(file.path).is_file() for file in files) else None


def counted_to_file(
    path: Path,
    arguments: Sequence[str],
    labels: Labels,
    *,
    memory: int | None,
    pattern: str | None,
    stdin_format: str = "text",
    quiet: bool = False,
    **options: Any,
) -> CountedFile:
    """Count a corpus into a file, within `memory` bytes if any; see `tokkit.counts.count_to_file` for the options.

    Raises:
        TokkitError: as `tokkit.corpus.find` and `tokkit.counts`; a counts table among the arguments.
    """
    from tokkit import corpus, counts
    from tokkit.render.progress import progress

    for argument in arguments:
        if counts.is_counts_table(argument):
            raise InputError(
                f"{argument}: a counts table, and --memory takes text", "count the text first, then add the tables up"
            )
    files = corpus.find(arguments, labels, stdin_format=stdin_format)
    with progress("counting", quiet=quiet) as advance:
        return counts.count_to_file(
            path, files, labels, memory=memory, pattern=pattern or "cl100k_base", progress=advance, **options
        )


def tables_by_pattern(
    arguments: Sequence[str], labels: Labels, patterns: Sequence[str], *, folds: int = 0, jobs: int, quiet: bool
) -> dict[str, CountsTable]:
    """Return the same text as one counts table a pattern: a corpus is counted by each, counts tables are what they are.

    Folds stay apart: those that are asked for, or those that all counts tables have.

    Raises:
        InputError: stdin, which cannot be read once for each pattern; a counts table that is given twice.
        MismatchError: tables of different patterns that were not counted from the same text, or that have other folds.
    """
    from tokkit import counts

    if all(counts.is_counts_table(argument) for argument in arguments):
        loaded = [counts.load(argument, folds=True) for argument in arguments]
        if folds:
            checks.require_folds(loaded, folds)
        by_pattern = {table.pattern: [each for each in loaded if each.pattern == table.pattern] for table in loaded}
        for pattern in by_pattern:
            alike = [each for each, table in zip(arguments, loaded, strict=True) if table.pattern == pattern]
            checks.refuse_twice(alike, quiet=quiet)
        tables = {pattern: counts.combine(parts) for pattern, parts in by_pattern.items()}
        first, *others = tables.values()
        if any(other.slices != first.slices for other in others):
            raise MismatchError(
                "counts tables of different patterns were not counted from the same text",
                "count one corpus by each pattern, or give the corpus itself",
            )
        return tables
    distinct = list(dict.fromkeys(patterns))
    if "-" in arguments and len(distinct) > 1:
        raise InputError(
            f"stdin can be counted once, and the vocabularies split by {len(distinct)} patterns",
            "save it to a file first",
        )
    return {
        pattern: counted(arguments, labels, pattern=pattern, jobs=jobs, folds=folds, quiet=quiet).table
        for pattern in distinct
    }


def refuse_corpus(argument: str) -> None:
    """Refuse a corpus file where a vocabulary belongs: what a shell's glob after an option leaves over.

    Raises:
        InputError: the argument has the suffix of a corpus file, and is no vocabulary.
    """
    from tokkit.corpus_files import kind_of

    if names_vocabulary(argument):
        return
    try:
        kind_of(argument)
    except InputError:
        return
    raise InputError(
        f"a corpus file, but a vocabulary is wanted: {argument}", "--on takes one path: repeat it, or quote the glob"
    )


def weights(argument: str | None) -> dict[str, float] | None:
    """Return the weights of a TOML file, or of a mixture that tokkit ships, by slice name; None for None.

    Raises:
        FormatError: not TOML, no weights in it, or one that is not a number.
        InputError: no such mixture.

    Example:
        >>> weights("internlm2")["zh-webpages"]
        18.95
    """
    if argument is None:
        return None
    from tokkit.mixture import load_weights

    folder = Path(tokkit.__file__).parent / "data"
    shipped = {path.name.removesuffix("-mixture.toml"): path for path in folder.glob("*-mixture.toml")}
    if argument not in shipped and not Path(argument).exists():
        raise InputError(f"neither a file nor a shipped mixture: {argument}", f"shipped: {', '.join(sorted(shipped))}")
    return load_weights(shipped.get(argument, argument))


def byte_size(text: str) -> int:
    """Return a size in bytes: KB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB of 1024.

    Raises:
        InputError: no such size.

    Example:
        >>> byte_size("500MB"), byte_size("1.5 GiB"), byte_size("10")
        (500000000, 1610612736, 10)
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", text.strip())
    units = {name.lower(): factor for name, factor in UNITS.items()}
    if match is None or match[2].lower() not in units:
        raise InputError(f"not a size: {text!r}", "write a number and a unit, such as 500MB or 2GiB")
    return int(float(match[1]) * units[match[2].lower()])
