"""What a recipe reads: each source with the sha256 that stands for it, known before anything is parsed or counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tokkit
from tokkit import counts
from tokkit.bases import load_base
from tokkit.corpus import Labels, find
from tokkit.counts import is_counts_table
from tokkit.counts_file import corpus_files
from tokkit.errors import InputError, MismatchError
from tokkit.files import sha256_of
from tokkit.lexicon import lexicon_files, table_of_lexicon, table_of_words
from tokkit.merge import TokenSource, allowed, vocabulary_source, word_list_source
from tokkit.mixture import load_weights
from tokkit.recipe import BaseSection, LabelsSection, LearnSection, MergeSection, texts
from tokkit.veto import load_vetoes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tokkit.corpus import CorpusFile
    from tokkit.counts import CountsTable
    from tokkit.recipe import Recipe
    from tokkit.veto import Veto

SAMPLE = Path(tokkit.__file__).parent / "data" / "sample"
SAMPLE_LABELS = Labels(path_pattern="{language}-{domain}.jsonl")


@dataclass(frozen=True)
class Input:
    """A file or list that a build read: what for, its name without a folder, and its sha256."""

    role: str
    name: str
    sha256: str

    def __lt__(self, other: Input) -> bool:
        """Order by role, name and sha256, so that the order of the arguments does not show."""
        return (self.role, self.name, self.sha256) < (other.role, other.name, other.sha256)


@dataclass(frozen=True)
class Source:
    """Text to learn from or to measure on, not read yet.

    Attributes:
        inputs: the files that it is made of.
        corpus: the files of text that its counts come from, where they are known by sha256; a counts table names them.
        key: JSON value: everything that its counts depend on besides the pattern.
        table: counts it by a pattern.
        keep: whether counting it is worth a place in the cache.
    """

    inputs: tuple[Input, ...]
    key: object
    table: Callable[[str], CountsTable]
    keep: bool = False
    corpus: tuple[Input, ...] = ()


def require_inputs(recipe: Recipe, folder: Path) -> None:
    """Refuse a recipe that learns from or measures on a file that is not there: the steps before cost minutes.

    Raises:
        InputError: says which.
    """
    for section in recipe.learn:
        weights = section.weights if isinstance(section.weights, str) else ()
        for names in (section.words, section.counts, weights, section.veto):
            for name in texts(names):
                _existing(folder, name)
        if section.corpus:
            find([str(folder / path) for path in texts(section.corpus)], labels_of(section))
    measured = [folder / path for path in texts(recipe.report.on)]
    others = [str(path) for path in measured if not is_counts_table(path)]
    if others:
        find(others, labels_of(recipe.report))


def sources_of_learn(section: LearnSection, folder: Path, jobs: int) -> list[Source]:
    """Return the sources of a `[[learn]]` section, in an order that does not depend on that of the recipe.

    Raises:
        InputError: a file or lexicon that is not there, a counts table that is named twice.
    """
    role = f"learn:{section.label}"
    found = [_lexicon(role, name) for name in texts(section.lexicon)]
    found += [_words(role, _existing(folder, path)) for path in texts(section.words)]
    found += _tables(role, [_existing(folder, path) for path in texts(section.counts)])
    if section.corpus:
        found.append(_corpus(role, [folder / path for path in texts(section.corpus)], labels_of(section), jobs))
    return sorted(found, key=lambda source: source.inputs)


def sources_of_usage(section: BaseSection, folder: Path) -> list[Source]:
    """Return the counts of the uses that a `[base]` is selected by.

    Raises:
        InputError: a file that is not there, a counts table that is named twice.
    """
    found = _tables("select", [_existing(folder, path) for path in texts(section.on)])
    return sorted(found, key=lambda source: source.inputs)


def sources_to_measure(on: Sequence[str], labels: Labels, folder: Path, jobs: int) -> list[Source]:
    """Return the sources of the report: the bundled sample where nothing is named.

    Raises:
        InputError: a file that is not there, a counts table that is named twice.
    """
    if not on:
        return [_corpus("report", [SAMPLE], SAMPLE_LABELS, 1)]
    paths = [folder / path for path in on]
    found = _tables("report", [path for path in paths if is_counts_table(path)])
    others = [path for path in paths if not is_counts_table(path)]
    if others:
        found.append(_corpus("report", others, labels, jobs))
    return sorted(found, key=lambda source: source.inputs)


def weights_of(section: BaseSection | LearnSection, role: str, folder: Path) -> tuple[Mapping[str, float], list[Input]]:
    """Return the weights of a section by slice name, none where it has none, and the file that they come from.

    Raises:
        InputError: a file that is not there.
        FormatError: as `tokkit.mixture.load_weights`.
    """
    if not isinstance(section.weights, str):
        return section.weights, []
    path = _existing(folder, section.weights)
    return load_weights(path), [Input(f"{role}:weights", path.name, sha256_of(path))]


def veto_of(
    section: BaseSection | MergeSection | LearnSection, role: str, folder: Path
) -> tuple[Veto | None, list[Input]]:
    """Return what no token of a section may be, of all its files together, and the files in the order of their names.

    Raises:
        InputError: a file that is not there.
        FormatError: as `tokkit.veto.parse_veto`.
    """
    paths = sorted(_existing(folder, name) for name in texts(section.veto))
    return load_vetoes(paths), [Input(f"{role}:veto", path.name, sha256_of(path)) for path in paths]


def source_of_merge(section: MergeSection, folder: Path) -> tuple[list[Input], TokenSource]:
    """Return the tokens of a `[[merge]]` section less what it vetoes, and the files of both.

    Raises:
        TokkitError: the word list or vocabulary is not there, or not whole.
    """
    role = f"merge:{section.label}"
    veto, veto_inputs = veto_of(section, role, folder)
    if section.words is not None:
        path = _existing(folder, section.words)
        source = word_list_source(section.label, path.read_bytes())
    else:
        path = Path(section.vocabulary or "")
        vocabulary = load_base(_name_or_path(section.vocabulary or "", folder), section.pattern)
        source = vocabulary_source(vocabulary, section.script, section.label)
    return [Input(role, path.name, source.sha256), *veto_inputs], allowed(source, veto)


def labels_of(section: LabelsSection) -> Labels:
    """Return where the labels of a section's corpus come from."""
    return Labels(
        section.language,
        section.domain,
        section.language_field,
        section.domain_field,
        section.path_pattern,
        section.text_field,
    )


def _name_or_path(name: str, folder: Path) -> str:
    """Return a base's name as it is, and a path from the recipe's folder on."""
    return str(folder / name) if name.endswith(".tiktoken") else name


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise InputError(f"{path}: no such file", "paths in a recipe start from the recipe's folder")
    return path


def _lexicon(role: str, name: str) -> Source:
    files = lexicon_files(name)
    inputs = tuple(Input(role, *file) for file in files)
    return Source(inputs, {"lexicon": files[0][1]}, lambda pattern: table_of_lexicon(name, pattern))


def _words(role: str, path: Path) -> Source:
    digest = sha256_of(path)

    def table(pattern: str) -> CountsTable:
        words = word_list_source(path.name, path.read_bytes())
        return table_of_words(words.tokens, words.counts or (1,) * len(words.tokens), pattern)

    return Source((Input(role, path.name, digest),), {"words": digest}, table)


def _tables(role: str, paths: Sequence[Path]) -> list[Source]:
    """Return counts tables, each of which may be named once: its text would count twice."""
    real = [path.resolve() for path in paths]
    for number, path in enumerate(paths):
        if real[number] in real[:number]:
            raise InputError(f"a counts table is given twice: {path}", "name it once; weights give a slice more weight")
    return [_counts(role, path) for path in paths]


def _counts(role: str, path: Path) -> Source:
    if not path.exists():
        raise InputError(f"{path}: no such file", "make one with `tokkit count CORPUS -o FILE.parquet`")
    digest = sha256_of(path)

    def table(pattern: str) -> CountsTable:
        loaded = counts.load(path)
        if loaded.pattern != pattern:
            raise MismatchError(
                f"{path.name} was cut by another pattern than {pattern!r}", "count its corpus again with that --pattern"
            )
        return loaded

    read = tuple(Input(role, *each) for each in corpus_files(path))
    return Source((Input(role, path.name, digest),), {"counts": digest}, table, corpus=read)


def _corpus(role: str, paths: Sequence[Path], labels: Labels, jobs: int) -> Source:
    files = find([str(path) for path in paths], labels)
    remote = next((file.path for file in files if not Path(file.path).is_file()), None)
    if remote is not None:
        raise InputError(f"{remote}: no local file", "count it with `tokkit count` and name the counts table instead")
    inputs = tuple(sorted(Input(role, file.name, sha256_of(file.path)) for file in files))
    key = _corpus_key(files, labels)
    return Source(inputs, key, lambda pattern: _counted(files, labels, pattern, jobs), keep=True, corpus=inputs)


def _corpus_key(files: Sequence[CorpusFile], labels: Labels) -> object:
    kinds = [(sha256_of(file.path), file.kind, file.compression, file.language, file.domain) for file in files]
    fields = [labels.language_field, labels.domain_field, labels.text_field]
    return {"corpus": sorted(kinds, key=str), "fields": fields}


def _counted(files: Sequence[CorpusFile], labels: Labels, pattern: str, jobs: int) -> CountsTable:
    return counts.count(files, labels, pattern=pattern, jobs=jobs).table
