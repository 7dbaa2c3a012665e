"""Bring a vocabulary to a size that divides evenly, with special tokens and spares, and name spares later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tokkit import TOOL
from tokkit.errors import InputError, SizeError
from tokkit.merge_path import require_plain_ranks
from tokkit.vocabulary import Segment, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Padding:
    """What `pad` made: the vocabulary, how many special tokens and spares it gained, and the sum in words."""

    vocabulary: Vocabulary
    specials: int
    spares: int
    arithmetic: str


def pad(
    vocabulary: Vocabulary,
    *,
    multiple: int = 256,
    specials: Sequence[str] = (),
    spares: int = 0,
    exact: bool = False,
    spare_name: str = "<|spare_{}|>",
    tensor_parallel: int = 1,
) -> Padding:
    """Append special tokens, then spares, until the size is a multiple of `multiple * tensor_parallel`.

    Args:
        vocabulary: plain ranks, without special tokens.
        multiple: what the size on each tensor-parallel rank is to be a multiple of.
        specials: names of special tokens, which take the ids right after the ranks, in this order.
        spares: how many spares there are at least; with `exact`, how many there are.
        exact: refuse a number of spares that does not divide, instead of adding more.
        spare_name: the spares' names; `{}` stands for the number, from 0.
        tensor_parallel: over how many ranks the embedding is split.

    Raises:
        SizeError: an exact number of spares that does not divide; the message has both nearest sizes.
        InputError: a number out of range; a name that is empty, not text, comes twice or is a mergeable token.
        LawError: the vocabulary has special tokens or holes already.

    Example:
        >>> tiny = Vocabulary("tiny", "", (*(bytes([byte]) for byte in range(256)), b"ab"))
        >>> pad(tiny, multiple=128, specials=["<|end|>"]).arithmetic
        '257 prefix + 1 special + 126 spares = 384 = 3 x 128'
    """
    require_plain_ranks(vocabulary, "pad")
    for value, least, what in (
        (multiple, 1, "multiple"),
        (tensor_parallel, 1, "tensor-parallel"),
        (spares, 0, "spares"),
    ):
        if value < least:
            raise InputError(f"{what} is {value:,}", f"give {least} or more")
    if spare_name.count("{}") != 1:
        raise InputError(
            f"spare name without exactly one {{}}: {spare_name!r}", "such as <|spare_{}|> or [UNUSED_TOKEN_{}]"
        )
    unit = multiple * tensor_parallel
    n_taken = len(vocabulary.tokens) + len(specials)
    if exact and (n_taken + spares) % unit:
        raise _does_not_divide(vocabulary, len(specials), spares, unit)
    n_spares = spares + -(n_taken + spares) % unit
    names = [*specials, *(spare_name.replace("{}", str(number)) for number in range(n_spares))]
    _check_names(vocabulary, names)
    ids = {name: token_id for token_id, name in enumerate(names, len(vocabulary.tokens))}
    size = n_taken + n_spares
    ranges = (Segment("special", n_taken - len(specials), n_taken), Segment("spare", n_taken, size))
    step: dict[str, Any] = {
        "step": "pad",
        "tool": TOOL,
        "multiple": multiple,
        "tensor_parallel": tensor_parallel,
        "specials": list(specials),
        "spares": n_spares,
        "spare_name": spare_name,
        "n_vocab": size,
    }
    padded = vocabulary.with_step(
        step, special_tokens=ids, segments=(*vocabulary.segments, *(segment for segment in ranges if len(segment)))
    )
    arithmetic = f"{_sum_of(vocabulary, len(specials), n_spares)} = {size:,}"
    if unit > 1:
        factors = [size // unit, *(factor for factor in (tensor_parallel,) if factor > 1), multiple]
        arithmetic += f" = {' x '.join(f'{factor:,}' for factor in factors)}"
    return Padding(padded, len(specials), n_spares, arithmetic)


def rename(vocabulary: Vocabulary, names: Mapping[str, str]) -> Vocabulary:
    """Give special tokens and spares new names; every id, segment and other name stays.

    The provenance stays too, so that nothing else in the files changes: its `pad` step keeps the first names.

    Args:
        vocabulary: a padded vocabulary.
        names: old name -> new name.

    Raises:
        InputError: an unknown old name (the hint has the nearest), or a new one that is empty, not text, taken or a
            mergeable token.

    Example:
        >>> tiny = Vocabulary("tiny", "", tuple(bytes([byte]) for byte in range(256)))
        >>> padded = pad(tiny, multiple=1, spares=2).vocabulary
        >>> dict(rename(padded, {"<|spare_1|>": "<|im_start|>"}).special_tokens)
        {'<|spare_0|>': 256, '<|im_start|>': 257}
    """
    for old in names:
        if old not in vocabulary.special_tokens:
            nearest = get_close_matches(old, list(vocabulary.special_tokens), n=3)
            raise InputError(
                f"{vocabulary.name}: no special token or spare is named {old!r}",
                f"the nearest: {', '.join(nearest)}"
                if nearest
                else f"it has {len(vocabulary.special_tokens):,} of them",
            )
    renamed = [(names.get(name, name), token_id) for name, token_id in vocabulary.special_tokens.items()]
    _check_names(vocabulary, [name for name, _ in renamed])
    return replace(vocabulary, special_tokens=dict(renamed))


def _check_names(vocabulary: Vocabulary, names: Iterable[str]) -> None:
    """Refuse names that are no text, come twice, or are mergeable tokens, which ordinary text would produce."""
    taken: set[str] = set()
    for name in names:
        if not name:
            raise InputError("name of a special token is empty", "give it a name that text and code do not contain")
        if name in taken:
            raise InputError(f"name of a special token comes twice: {name!r}", "give each a name of its own")
        taken.add(name)
        try:
            as_token = name.encode()
        except UnicodeEncodeError:
            raise InputError(f"name of a special token holds a lone surrogate: {name!a}", "write it in UTF-8") from None
        if as_token in vocabulary.ranks:
            raise InputError(
                f"name of a special token is mergeable token {vocabulary.ranks[as_token]}: {name!r}",
                "give it a name that text and code do not contain, such as <|end|>",
            )


def _sum_of(vocabulary: Vocabulary, n_specials: int, n_spares: int) -> str:
    """Return the summands of a padded size in words, segments of one name taken together."""
    sizes: dict[str, int] = {}
    for segment in vocabulary.segments:
        sizes[segment.name] = sizes.get(segment.name, 0) + len(segment)
    unnamed = len(vocabulary.tokens) - sum(sizes.values())
    sizes |= {"other": unnamed} if unnamed else {}
    plurals = {"bridge": sizes.pop("bridge", 0), "special": n_specials, "spare": n_spares}
    summands = [f"{size:,} {name}" for name, size in sizes.items() if size]
    summands += [f"{size:,} {name}{'s' if size > 1 else ''}" for name, size in plurals.items() if size]
    return " + ".join(summands)


def _does_not_divide(vocabulary: Vocabulary, n_specials: int, n_spares: int, unit: int) -> SizeError:
    size = len(vocabulary.tokens) + n_specials + n_spares
    below = size - size % unit
    above = below + unit
    spares_below, spares_above = n_spares - (size - below), n_spares + (above - size)
    choices = [spares_below, spares_above] if spares_below >= 0 else [spares_above]
    spares = f"{' or '.join(f'{choice:,}' for choice in choices)} spare{'s' if choices != [1] else ''}"
    return SizeError(
        f"{_sum_of(vocabulary, n_specials, n_spares)} = {size:,} does not divide by {unit:,}: "
        f"{size:,} is {size - below:,} over {below:,} and {above - size:,} under {above:,}; {spares}",
        "take one of these numbers of spares, or drop `--exact` to have them added",
    )
