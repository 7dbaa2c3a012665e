"""Hugging Face's tokenizer.json, and the two files that `AutoTokenizer.from_pretrained` wants beside it.

Ids equal tiktoken's because of three choices, each proved in `docs/formats.md` and tested against tiktoken:

- the split is the vocabulary's own pattern, in the dialect that tokenizers reads (`tokkit.formats.portable`);
- `ignore_merges` is on: it is tiktoken's look-up of the whole pretoken before any merge;
- each token has one merge, the last pair that merging its own bytes comes to, in the order of ids. No other pair is
  ever merged into it in any text, so that further pairs could only change the order of equal ranks; and a token that
  merging does not come to has none.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokkit.errors import FormatError
from tokkit.files import json_bytes, write_atomically
from tokkit.formats.portable import portable_pattern
from tokkit.formats.tiktoken import sidecar
from tokkit.vocabulary import Segment, Vocabulary, rank_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKENIZER = "tokenizer.json"
CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"


def byte_characters() -> list[str]:
    """Return the printable character that stands for each byte in tokenizer.json: GPT-2's table.

    Example:
        >>> "".join(byte_characters()[byte] for byte in " 我".encode())
        'Ġæ\u012aĳ'
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    characters = {byte: chr(byte) for byte in plain}
    others = (byte for byte in range(256) if byte not in characters)
    characters |= {byte: chr(0x100 + index) for index, byte in enumerate(others)}
    return [characters[byte] for byte in range(256)]


def final_pairs(ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the last pair that merging each token's own bytes comes to, in the order of ranks.

    Single bytes have none, and tokens that merging does not come to (they break the laws) are left out.

    Example:
        >>> tokens = [b"a", b"b", b"c", b"bc", b"abc", b"cab"]
        >>> list(final_pairs({token: rank for rank, token in enumerate(tokens)}))
        [(b'b', b'c'), (b'a', b'bc')]
    """
    never = 1 << 62
    single = [bytes([byte]) for byte in range(256)]
    for token in sorted(ranks, key=ranks.__getitem__):
        pieces = [single[byte] for byte in token]
        while len(pieces) > 2:
            priorities = [ranks.get(left + right, never) for left, right in pairwise(pieces)]
            lowest = min(priorities)
            if lowest == never:
                break
            at = priorities.index(lowest)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        if len(pieces) == 2:
            yield pieces[0], pieces[1]


def files(vocabulary: Vocabulary) -> dict[str, bytes]:
    """Return the bytes of each file by its name, checked: tokenizers gives every special token its id and its name.

    Raises:
        FormatError: tokenizers cannot hold the vocabulary: a byte without a token, a pattern that its regex engine
            cannot read, a special token's name that it would read or write otherwise.
    """
    data = _tokenizer_bytes(vocabulary)
    _check_runtime(vocabulary, data)
    record = sidecar(vocabulary, rank_lines(vocabulary.tokens))
    del record["special_tokens"]  # tokenizer.json holds them: one place each
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": True,
        "tokkit": record,
    }
    named = [name for part in vocabulary.segments if part.name == "special" for name in _names_in(vocabulary, part)]
    special_map = {"additional_special_tokens": named} if named else {}
    return {TOKENIZER: data, CONFIG: json_bytes(config), SPECIAL_TOKENS_MAP: json_bytes(special_map)}


def save(vocabulary: Vocabulary, directory: str | Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and special_tokens_map.json into a folder, each atomically.

    Raises:
        FormatError: see `files`.
        OSError: the folder cannot be made or written.
    """
    contents = files(vocabulary)
    Path(directory).mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        write_atomically(Path(directory) / name, data)


def load(path: str | Path) -> Vocabulary:
    """Read a vocabulary from a folder with a tokenizer.json, or from such a file.

    What `save` wrote comes back whole. A file from elsewhere must mean the same as a rank file does; see
    `tokkit.formats.huggingface_read`, which reads the others too.

    Raises:
        FormatError: the file is not a tokenizer.json, or it means something that a vocabulary cannot say.
        MismatchError: the folder's tokenizer_config.json names another rank file than the tokens make.
        OSError: a file cannot be read.
    """
    from tokkit.formats.huggingface_read import load as read  # noqa: PLC0415 - it needs the tables of this module

    found = read(path)
    if isinstance(found, Vocabulary):
        return found
    raise FormatError(f"{path}: {found.breaks[0]}, which a rank file cannot say", f"its own rule is {found.semantics}")


def _tokenizer_bytes(vocabulary: Vocabulary) -> bytes:
    characters = byte_characters()
    missing = [byte for byte in range(256) if bytes([byte]) not in vocabulary.ranks]
    if missing:
        raise FormatError(
            f"{vocabulary.name} has no token for byte {missing[0]:#04x}; tokenizers would drop it from text in silence",
            "a vocabulary needs all 256 single bytes",
        )
    keys = {token: "".join(map(characters.__getitem__, token)) for token in vocabulary.ranks}
    entries = {keys[token]: rank for token, rank in vocabulary.ranks.items()}
    for special in vocabulary.special_tokens:
        if special in entries:
            raise FormatError(
                f"special token {special!r} has the name of token {entries[special]} in tokenizer.json",
                "give it another name: tokkit rename",
            )
    # tokenizers numbers added tokens on from its vocabulary's size, whatever id they state, unless the vocabulary knows
    # their names: with holes in the ids it must.
    by_id = sorted(vocabulary.special_tokens.items(), key=lambda item: item[1])
    if [token_id for _, token_id in by_id] != list(range(len(entries), len(entries) + len(by_id))):
        entries |= dict(by_id)
    added = [
        {
            "id": token_id,
            "content": special,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for special, token_id in by_id
    ]
    merges = [[keys[left], keys[right]] for left, right in final_pairs(vocabulary.ranks)]
    ordered = sorted(entries.items(), key=lambda item: item[1])
    return _render(portable_pattern(vocabulary.pattern), added, ordered, merges)


def _render(regex: str, added: list[Any], entries: list[tuple[str, int]], merges: list[list[str]]) -> bytes:
    """Return tokenizer.json with one token and one merge a line: half the bytes of an indented one, and diffs read."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    fields = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": None,
        "decoder": byte_level,
    }
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": True,
    }
    head = json_bytes(fields).decode().removesuffix("\n}\n")
    model_head = json.dumps(model, indent=4).removesuffix("\n}")
    vocab_lines = ",\n".join(f"      {json.dumps(key, ensure_ascii=False)}: {rank}" for key, rank in entries)
    merge_lines = ",\n".join(f"      {json.dumps(pair, ensure_ascii=False)}" for pair in merges)
    return (
        f'{head},\n  "model": {model_head},\n    "vocab": {{\n{vocab_lines}\n    }},\n'
        f'    "merges": [\n{merge_lines}\n    ]\n  }}\n}}\n'
    ).encode()


def _check_runtime(vocabulary: Vocabulary, data: bytes) -> None:
    """Let tokenizers load the file, and ask it for what it could get wrong."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - loading needs no runtime

    try:
        tokenizer = Tokenizer.from_str(data.decode())
    except Exception as error:  # noqa: BLE001 - tokenizers raises nothing narrower
        raise FormatError(f"tokenizers cannot load {vocabulary.name}: {error}") from None
    for name, token_id in vocabulary.special_tokens.items():
        found = tokenizer.token_to_id(name)
        if found != token_id or tokenizer.encode(name).ids != [token_id]:
            raise FormatError(f"tokenizers gives special token {name!r} the id {found}, not {token_id}")
        shown = tokenizer.decode([token_id], skip_special_tokens=False)
        if shown != name:
            raise FormatError(
                f"tokenizers would decode special token {name!r} as {shown!r}", "rename it with ASCII characters"
            )
    tokenizer.encode_special_tokens = True  # from here on names are text
    for name, token_id in vocabulary.special_tokens.items():
        if token_id in tokenizer.encode(name).ids:
            raise FormatError(
                f"typing {name!r} would give the special token: the pattern keeps its name in one pretoken",
                "give it a name of mixed punctuation and letters, such as <|name|>",
            )


def _names_in(vocabulary: Vocabulary, part: Segment) -> list[str]:
    return [vocabulary.special_ids[index] for index in range(part.start, part.stop) if index in vocabulary.special_ids]
