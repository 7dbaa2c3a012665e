"""Search for what must stand beside a token that begins or ends inside a character, so that no neighbour takes its bytes.

Where the tokens `a b` stand side by side in an encoding, merging the bytes of both alone gives `a b` too: nothing crossed
the borders of the two. So a chain of tokens in which every two neighbours stay apart, from the token to the next border
of a character, is all that there is to look for, and where the search finds no chain there is no text.
"""

from __future__ import annotations

import codecs
from collections import deque
from typing import TYPE_CHECKING

from tokkit.encode import encode_arrays, flatten
from tokkit.unicode import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokkit.vocabulary import Vocabulary


def borders(token: bytes) -> tuple[int, int]:
    r"""Return how many bytes of a token end a character begun before it, and how many begin one that ends after it.

    Example:
        >>> borders("操作".encode()[1:5]), borders("操作".encode()), borders(b"\x93\x8d")
        ((2, 2), (0, 0), (2, 0))
    """
    head = next((place for place, byte in enumerate(token) if byte & 0xC0 != 0x80), len(token))
    for tail in range(1, min(3, len(token)) + 1):
        lead = token[-tail]
        if lead & 0xC0 != 0x80:
            length = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return head, tail if tail < length else 0
    return head, 0


def unfinished(data: bytes) -> bytes | None:
    r"""Return the bytes of the character that `data`, which begins at a character's border, ends within; None if not UTF-8.

    Example:
        >>> unfinished("操".encode()), unfinished("操作".encode()[:5]), unfinished(b"\xed\xa0")
        (b'', b'\xe4\xbd', None)
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(data)
    except UnicodeDecodeError:
        return None
    left = decoder.getstate()[0]
    is_surrogate = left[:1] == b"\xed" and left[1:] >= b"\xa0"  # which the decoder finds out a byte later
    return None if is_surrogate else left


def beginning_inside(tokens: Sequence[bytes]) -> list[int]:
    """Return the ranks of tokens that begin inside a character, the shortest first."""
    inside = [rank for rank, token in enumerate(tokens) if token and token[0] & 0xC0 == 0x80]
    return sorted(inside, key=lambda rank: (len(tokens[rank]), tokens[rank]))


def ending_inside(tokens: Sequence[bytes]) -> list[int]:
    """Return the ranks of tokens that end inside a character, or may, and that UTF-8 text can hold, the shortest first."""
    inside = []
    for rank, token in enumerate(tokens):
        head, tail = borders(token)
        if token and (head == len(token) or tail) and text_of(token[head : len(token) - tail]) is not None:
            inside.append(rank)
    return sorted(inside, key=lambda rank: (len(tokens[rank]), tokens[rank]))


def rights(vocabulary: Vocabulary, rank: int, opened: bytes, followers: Sequence[int]) -> Iterator[bytes]:
    """Yield what may follow a token, up to a character's border, so that no byte of the token is taken away.

    Args:
        vocabulary: the vocabulary.
        rank: the token.
        opened: the bytes, up to the token's end, of the character that it ends within; empty where it ends at a border.
        followers: `beginning_inside` of the tokens.
    """
    if not opened:
        yield b""
        return
    tokens = vocabulary.tokens
    queue = deque([(rank, opened, b"")])
    seen = {(rank, opened)}
    while queue:
        last, open_bytes, context = queue.popleft()
        fitting = [(other, left) for other in followers if (left := unfinished(open_bytes + tokens[other])) is not None]
        apart = stay_apart(vocabulary, [(last, other) for other, _ in fitting])
        for (other, left), stays in zip(fitting, apart, strict=True):
            if not stays:
                continue
            if not left:
                yield context + tokens[other]
            elif (other, left) not in seen:
                seen.add((other, left))
                queue.append((other, left, context + tokens[other]))


def lefts(vocabulary: Vocabulary, rank: int, leaders: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield what may precede a token, from a character's border, and which of its bytes begin the token's character.

    Args:
        vocabulary: the vocabulary.
        rank: the token; it may be wholly inside one character.
        leaders: `ending_inside` of the tokens.
    """
    tokens = vocabulary.tokens
    head, _ = borders(tokens[rank])
    if not head:
        yield b"", b""
        return
    # (first token, its bytes and those after it that end a character begun before, whether they may leave it open,
    # what stands before the asked token so far, the bytes of the asked token's character in it)
    queue = deque([(rank, tokens[rank][:head], head == len(tokens[rank]), b"", b"")])
    seen: set[tuple[int, bytes, bytes]] = set()
    while queue:
        first, rest, may_stay_open, context, own = queue.popleft()
        apart = stay_apart(vocabulary, [(other, first) for other in leaders])
        for other, stays in zip(leaders, apart, strict=True):
            token = tokens[other]
            other_head, tail = borders(token)
            inner = other_head == len(token)
            left = b"" if inner else unfinished(token[len(token) - tail :] + rest)
            if not stays or left is None or (left and not may_stay_open) or (inner and len(token + rest) > 3):
                continue
            before = token + context
            begun = own or (b"" if inner else token[len(token) - tail :] + context)
            if other_head == 0:
                yield before, begun
                continue
            state = (other, token + rest, b"") if inner else (other, token[:other_head], begun)
            if state not in seen:
                seen.add(state)
                queue.append((other, state[1], may_stay_open and inner, before, begun))


def stay_apart(vocabulary: Vocabulary, pairs: Sequence[tuple[int, int]]) -> list[bool]:
    """Tell of each pair of ranks whether merging the bytes of both gives these two again."""
    data, starts = flatten([vocabulary.tokens[left] + vocabulary.tokens[right] for left, right in pairs])
    ids, id_starts = encode_arrays(vocabulary, data, starts, shortcut=False)
    made, places = ids.tolist(), id_starts.tolist()
    return [made[places[row] : places[row + 1]] == [left, right] for row, (left, right) in enumerate(pairs)]
