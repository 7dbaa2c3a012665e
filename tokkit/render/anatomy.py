"""Print what `inspect` found: figures in a table, a column a vocabulary, and under it what each has in words; or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokkit.display import show as shown
from tokkit.render import data, table, talk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tokkit.anatomy import Anatomy, Divisibility
    from tokkit.anatomy_base import BasePart

LENGTHS = (*((size, size) for size in range(1, 9)), (9, 12), (13, 16), (17, 32), (33, None))
HAN_LENGTHS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, None))
GB2312_SIZES = (3755, 3008)
FEW = 5  # tokens of a list that eyes get; JSON has them all
FEW_CHARACTERS = 20
LONGEST = 40  # characters of a token that eyes get
NONE = "-"
LABEL = 13  # columns of the label of a line in words


def show(anatomies: Sequence[Anatomy]) -> None:
    """Write the figures as one table, and then of each vocabulary its ranges, base, longest and dead tokens."""
    table.show(("", *(each.name for each in anatomies)), [row for row in _rows(anatomies) if set(row[1:]) != {NONE}])
    for anatomy in anatomies:
        lines = ["", f"{anatomy.name}: {anatomy.semantics}", *_words(anatomy)]
        data.text("".join(talk.one_line(line.rstrip()) + "\n" for line in lines))


def show_json(anatomies: Sequence[Anatomy]) -> None:
    """Write everything as one JSON document."""
    data.document({"vocabularies": [_document(anatomy) for anatomy in anatomies]})


def _rows(anatomies: Sequence[Anatomy]) -> list[list[str]]:
    def row(label: str, of: Callable[[Anatomy], str]) -> list[str]:
        return [label, *map(of, anatomies)]

    def counts(part: Callable[[Anatomy], Mapping[str, int]]) -> list[list[str]]:
        names = dict.fromkeys(name for each in anatomies for name in part(each))
        ordered = [name for name in _order(anatomies, part) if name in names]
        return [row(f"  {name}", lambda each, name=name: _count(part(each).get(name, 0))) for name in ordered]  # type: ignore[misc]

    def histogram(
        part: Callable[[Anatomy], Mapping[int, int]], bins: Iterable[tuple[int, int | None]]
    ) -> list[list[str]]:
        return [
            row(f"  {_bin(*ends)}", lambda each, ends=ends: _count(_within(part(each), *ends)))  # type: ignore[misc]
            for ends in bins
        ]

    return [
        row("entries", lambda each: _count(each.n_vocab)),
        *counts(lambda each: each.kinds),
        row("by feature, overlapping", lambda _: "tokens"),
        *counts(lambda each: each.features),
        row("characters", lambda _: "tokens"),
        *histogram(lambda each: each.lengths, LENGTHS),
        row("characters, Han alone", lambda _: "tokens"),
        *histogram(lambda each: each.han_lengths, HAN_LENGTHS),
        *(
            row(f"GB 2312 level {level + 1}, of {size:,}", lambda each, level=level: _count(each.gb2312[level]))  # type: ignore[misc]
            for level, size in enumerate(GB2312_SIZES)
        ),
        row(
            "dead without the shortcut", lambda each: "?" if each.unreachable_reason else _count(len(each.unreachable))
        ),
        *(
            row(f"size / {divided.by}", lambda each, at=at: _divided(each.multiples[at], ""))  # type: ignore[misc]
            for at, divided in enumerate(anatomies[0].multiples)
        ),
        *(
            row(f"rows on each of {divided.by} ranks", lambda each, at=at: _divided(each.widths[at], ""))  # type: ignore[misc]
            for at, divided in enumerate(anatomies[0].widths)
        ),
    ]


def _order(anatomies: Sequence[Anatomy], part: Callable[[Anatomy], Mapping[str, int]]) -> list[str]:
    """Return all names in an order that is each vocabulary's own: a name goes before those that follow it anywhere."""
    names: list[str] = []
    for each in anatomies:
        at = 0
        for name in part(each):
            if name in names:
                at = names.index(name) + 1
            else:
                names.insert(at, name)
                at += 1
    return names


def _count(number: int) -> str:
    return f"{number:,}" if number else NONE


def _bin(first: int, last: int | None) -> str:
    return f"{first} or more" if last is None else f"{first}" if first == last else f"{first} to {last}"


def _within(lengths: Mapping[int, int], first: int, last: int | None) -> int:
    return sum(number for length, number in lengths.items() if first <= length and (last is None or length <= last))


def _divided(divided: Divisibility, unit: str) -> str:
    return f"{divided.quotient:,}{unit}" if not divided.padding else f"{divided.padding:,} missing"


def _words(anatomy: Anatomy) -> list[str]:
    lines = [f"  {'breaks':<{LABEL}}{law}" for law in anatomy.breaks]
    width = max((len(f"{each.start:,}-{each.stop - 1:,}") for each in anatomy.ranges), default=0)
    for number, each in enumerate(anatomy.ranges):
        ids = f"{each.start:,}-{each.stop - 1:,}"
        lines.append(f"  {'' if number else 'ids':<{LABEL}}{ids:<{width}}  {each.stop - each.start:>7,} {each.name}")
    if anatomy.base is not None:
        lines += _base_words(anatomy.base)
    lines.append(f"  {'longest':<{LABEL}}{_tokens(anatomy, anatomy.longest[:1])}")
    if anatomy.longest_varied >= 0 and anatomy.longest_varied not in anatomy.longest[:1]:
        lines.append(f"  {'':<{LABEL}}{_tokens(anatomy, (anatomy.longest_varied,))}, without repetition")
    if anatomy.longest_han:
        lines.append(f"  {'longest Han':<{LABEL}}{_tokens(anatomy, anatomy.longest_han)}")
    if anatomy.unreachable:
        lines.append(f"  {'dead':<{LABEL}}{_tokens(anatomy, anatomy.unreachable)}")
    if anatomy.unreachable_reason or anatomy.unchecked:
        why = anatomy.unreachable_reason or f"{talk.counted(anatomy.unchecked, 'token')} of partial UTF-8 are no text"
        lines.append(f"  {'not checked':<{LABEL}}{why}")
    if anatomy.private_use:
        lines.append(f"  {'private use':<{LABEL}}{_tokens(anatomy, anatomy.private_use)}")
    if 0 < len(anatomy.gb2312_missing) <= FEW_CHARACTERS:
        lines.append(f"  {'GB 2312':<{LABEL}}missing of level 1: {anatomy.gb2312_missing}")
    return [*lines, f"  {'size':<{LABEL}}{_size(anatomy)}"]


def _base_words(part: BasePart) -> list[str]:
    number = part.kept if part.last_rank >= 0 else part.shared
    lines = [f"  {'base':<{LABEL}}{number:,} tokens of {part.base}: {part.rule_text}"]
    if part.absent:
        absent = [f"{number:,} {kind}" for kind, number in part.absent_kinds.items()]
        lines.append(f"  {'not kept':<{LABEL}}{_sum(absent, len(part.absent))}")
    if part.unexplained:
        lines.append(f"  {'':<{LABEL}}{len(part.unexplained):,} of them fulfil all that is true of the kept ones")
    lengths = [(size, number) for size, number in part.added_lengths.items() if size < FEW]
    longer = sum(part.added_lengths.values()) - sum(number for _, number in lengths)
    words = [f"{number:,} of {talk.counted(size, 'character')}" for size, number in lengths]
    words += [f"{longer:,} longer"] if longer else []
    if part.added and part.last_rank >= 0:
        lines.append(f"  {'added':<{LABEL}}{_sum(words, part.added)}")
    if part.added_in_base and part.last_rank >= 0:
        below = f", {part.added_below:,} up to rank {part.last_rank:,}" if part.added_below else ""
        lines.append(f"  {'':<{LABEL}}{part.added_in_base:,} of them are tokens of {part.base} all the same{below}")
    return lines


def _sum(parts: Sequence[str], whole: int) -> str:
    return " + ".join(parts) + (f" = {whole:,}" if len(parts) > 1 else "")


def _tokens(anatomy: Anatomy, ids: Sequence[int]) -> str:
    words = [f"{_cut(anatomy.tokens[token_id])} ({token_id})" for token_id in ids[:FEW]]
    return " ".join(words) + (f" and {len(ids) - FEW:,} more" if len(ids) > FEW else "")


def _cut(token: bytes) -> str:
    """Return a token for eyes in backticks; a long one only begins, and one of one character over and over says so."""
    text = token.decode("utf-8", "surrogateescape")
    if len(text) <= LONGEST:
        return f"`{shown(token)}`"
    if len(set(text)) == 1:
        return f"`{shown(text[0].encode('utf-8', 'surrogateescape'))}` x {len(text)}"
    return f"`{shown(text[:LONGEST].encode('utf-8', 'surrogateescape'))}`... {len(text)} characters"


def _size(anatomy: Anatomy) -> str:
    """Return the size as a product with a power of two, 256 at most, and what is missing where a multiple does not divide."""
    power = min(anatomy.n_vocab & -anatomy.n_vocab, 256)
    product = f"{anatomy.n_vocab:,} = {anatomy.n_vocab // power:,} x {power:,}" if power > 1 else f"{anatomy.n_vocab:,}"
    missing = [f"{each.padding:,} below a multiple of {each.by}" for each in anatomy.multiples if each.padding]
    return product + (f"; {', '.join(missing)}" if missing else "")


def _document(anatomy: Anatomy) -> dict[str, Any]:
    def tokens(ids: Iterable[int]) -> list[dict[str, Any]]:
        return [{"id": token_id, **data.token(anatomy.tokens[token_id])} for token_id in ids]

    plain = ("name", "sha256", "semantics", "n_vocab", "kinds", "features")
    return {name: getattr(anatomy, name) for name in plain} | {
        "breaks": list(anatomy.breaks),
        "ranges": [vars(each) for each in anatomy.ranges],
        "lengths": _lengths(anatomy.lengths),
        "han_lengths": _lengths(anatomy.han_lengths),
        "longest": tokens(anatomy.longest),
        "longest_han": tokens(anatomy.longest_han),
        "longest_varied": next(iter(tokens([anatomy.longest_varied])), None) if anatomy.longest_varied >= 0 else None,
        "private_use": tokens(anatomy.private_use),
        "gb2312": {"level_1": anatomy.gb2312[0], "level_2": anatomy.gb2312[1], "missing": anatomy.gb2312_missing},
        "unreachable": None if anatomy.unreachable_reason else tokens(anatomy.unreachable),
        "unreachable_unchecked": anatomy.unchecked,
        "unreachable_reason": anatomy.unreachable_reason or None,
        "multiples": [vars(each) for each in anatomy.multiples],
        "tensor_parallel": [
            {"ranks": each.by, "rows": each.quotient, "padding": each.padding} for each in anatomy.widths
        ],
        "base": None if anatomy.base is None else _base_document(anatomy.base),
    }


def _base_document(part: BasePart) -> dict[str, Any]:
    return vars(part) | {
        "absent": list(part.absent),
        "unexplained": list(part.unexplained),
        "rule": None if part.rule is None else list(part.rule),
        "rule_text": part.rule_text,
        "added_lengths": _lengths(part.added_lengths),
    }


def _lengths(lengths: Mapping[int, int]) -> list[dict[str, int]]:
    return [{"characters": size, "tokens": number} for size, number in lengths.items()]
