"""`pad` and `rename`: sizes add up or are refused with the arithmetic, ids stay where they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tokkit.errors import InputError, LawError, SizeError
from tokkit.pad import pad, rename
from tokkit.vocabulary import SINGLE_BYTES, Segment, Vocabulary


def stand_in(n_prefix: int, n_learned: int, n_bridges: int = 0) -> Vocabulary:
    """A vocabulary of the worked example's size, whose tokens above the bytes are numbers."""
    n_tokens = n_prefix + n_bridges + n_learned
    tokens = (*SINGLE_BYTES, *(f"#{number}".encode() for number in range(n_tokens - 256)))
    bounds = [("prefix", 0, n_prefix), ("bridge", n_prefix, n_prefix + n_bridges)]
    bounds += [("learned:zh", n_prefix + n_bridges, n_tokens)]
    segments = tuple(Segment(*bound) for bound in bounds if bound[2] > bound[1])
    return Vocabulary("stand-in", r"\S+|\s+", tokens, segments=segments)


@pytest.fixture(scope="module")
def reported() -> Vocabulary:
    return stand_in(60_004, 32_397)


@pytest.fixture(scope="module")
def released() -> Vocabulary:
    return stand_in(60_000, 32_397)


def test_worked_example_needs_271_spares_over_147(reported):
    padding = pad(reported, multiple=256, spares=147)
    assert padding.arithmetic == "60,004 prefix + 32,397 learned:zh + 271 spares = 92,672 = 362 x 256"
    assert (padding.spares, padding.specials, padding.vocabulary.n_vocab) == (271, 0, 92_672)
    assert padding.vocabulary.segments[-1] == Segment("spare", 92_401, 92_672)
    assert next(iter(padding.vocabulary.special_tokens.items())) == ("<|spare_0|>", 92_401)
    assert list(padding.vocabulary.special_tokens.items())[-1] == ("<|spare_270|>", 92_671)


def test_worked_example_taken_at_its_word_is_refused_with_both_sizes(reported):
    with pytest.raises(SizeError) as caught:
        pad(reported, multiple=256, spares=147, exact=True)
    assert caught.value.message == (
        "60,004 prefix + 32,397 learned:zh + 147 spares = 92,548 does not divide by 256: "
        "92,548 is 132 over 92,416 and 124 under 92,672; 15 or 271 spares"
    )
    for spares, size in ((15, 92_416), (271, 92_672)):
        assert pad(reported, spares=spares, exact=True).vocabulary.n_vocab == size


def test_released_layout_divides_by_128_and_not_by_256(released):
    with pytest.raises(SizeError, match=r"92,544 is 128 over 92,416 and 128 under 92,672; 19 or 275 spares"):
        pad(released, multiple=256, spares=147, exact=True)
    padding = pad(released, multiple=128, spares=147, exact=True, spare_name="[UNUSED_TOKEN_{}]")
    assert padding.arithmetic == "60,000 prefix + 32,397 learned:zh + 147 spares = 92,544 = 723 x 128"
    assert padding.vocabulary.special_tokens["[UNUSED_TOKEN_146]"] == 92_543


def test_exact_below_every_size_names_the_one_above():
    with pytest.raises(SizeError, match=r"300 is 44 over 256 and 212 under 512; 212 spares$"):
        pad(stand_in(300, 0), exact=True)
    with pytest.raises(SizeError, match=r"511 is 255 over 256 and 1 under 512; 1 spare$"):
        pad(stand_in(511, 0), exact=True)


@pytest.mark.parametrize(
    ("n_prefix", "options", "spares", "arithmetic"),
    [
        (256, {}, 0, "256 prefix = 256 = 1 x 256"),
        (256, {"spares": 1}, 256, "256 prefix + 256 spares = 512 = 2 x 256"),
        (257, {"multiple": 1}, 0, "257 prefix = 257"),
        (257, {"multiple": 1, "spares": 3, "exact": True}, 3, "257 prefix + 3 spares = 260"),
        (257, {"multiple": 64, "tensor_parallel": 8}, 255, "257 prefix + 255 spares = 512 = 1 x 8 x 64"),
        (510, {"specials": ["<a>"]}, 1, "510 prefix + 1 special + 1 spare = 512 = 2 x 256"),
    ],
)
def test_sizes(n_prefix, options, spares, arithmetic):
    padding = pad(stand_in(n_prefix, 0), **options)
    assert (padding.spares, padding.arithmetic) == (spares, arithmetic)


def test_bridges_in_several_ranges_are_one_summand():
    vocabulary = stand_in(300, 100, 10)
    segments = (*vocabulary.segments[:-1], Segment("learned:zh", 310, 400), Segment("bridge", 400, 410))
    padding = pad(replace(vocabulary, segments=segments))
    assert padding.arithmetic == "300 prefix + 90 learned:zh + 20 bridges + 102 spares = 512 = 2 x 256"


def test_specials_come_before_spares_and_after_ranks():
    padding = pad(stand_in(300, 0), multiple=8, specials=["<|end|>", "<|begin|>"])
    vocabulary = padding.vocabulary
    assert list(vocabulary.special_tokens.items()) == [
        ("<|end|>", 300),
        ("<|begin|>", 301),
        ("<|spare_0|>", 302),
        ("<|spare_1|>", 303),
    ]
    assert vocabulary.segments == (Segment("prefix", 0, 300), Segment("special", 300, 302), Segment("spare", 302, 304))
    assert vocabulary.tokens == stand_in(300, 0).tokens
    assert (padding.specials, padding.spares, vocabulary.n_vocab) == (2, 2, 304)
    assert vocabulary.provenance == (
        {
            "step": "pad",
            "tool": "tokkit 0.1.0",
            "multiple": 8,
            "tensor_parallel": 1,
            "specials": ["<|end|>", "<|begin|>"],
            "spares": 2,
            "spare_name": "<|spare_{}|>",
            "n_vocab": 304,
        },
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"multiple": 0}, "multiple is 0"),
        ({"tensor_parallel": 0}, "tensor-parallel is 0"),
        ({"spares": -1}, "spares is -1"),
        ({"spare_name": "<|spare|>"}, "without exactly one {}: '<|spare|>'"),
        ({"spare_name": "<|{}_{}|>"}, "without exactly one {}: '<|{}_{}|>'"),
        ({"specials": [""]}, "is empty"),
        ({"specials": ["<a>", "<a>"]}, "comes twice: '<a>'"),
        ({"specials": ["<|spare_3|>"]}, "comes twice: '<|spare_3|>'"),
        ({"specials": ["#7"]}, "is mergeable token 263: '#7'"),
        ({"spare_name": "#{}"}, "is mergeable token 256: '#0'"),
        ({"specials": ["\ud800"]}, "lone surrogate: '\\ud800'"),
    ],
)
def test_pad_refuses(options, message):
    with pytest.raises(InputError) as caught:
        pad(stand_in(300, 0), **options)
    assert message in caught.value.message
    assert caught.value.hint


def test_pad_refuses_what_is_padded_or_has_holes(cl100k):
    padded = pad(stand_in(300, 0)).vocabulary
    with pytest.raises(LawError, match=r"has 212 special tokens already: <.spare_0.>, .* and 209 more"):
        pad(padded)
    with pytest.raises(LawError, match="has 5 special tokens already"):
        pad(cl100k)
    with pytest.raises(LawError, match="id 256 has no token"):
        pad(Vocabulary("holes", "", (*SINGLE_BYTES, b"", b"ab")))


def test_rename_gives_the_chat_tokens_of_the_worked_example_their_names(released):
    padded = pad(released, multiple=128, spares=147, exact=True, spare_name="[UNUSED_TOKEN_{}]").vocabulary
    names = {
        "[UNUSED_TOKEN_146]": "<|im_start|>",
        "[UNUSED_TOKEN_145]": "<|im_end|>",
        "[UNUSED_TOKEN_144]": "<|action_start|>",
        "[UNUSED_TOKEN_143]": "<|action_end|>",
        "[UNUSED_TOKEN_142]": "<|interpreter|>",
        "[UNUSED_TOKEN_141]": "<|plugin|>",
        "[UNUSED_TOKEN_130]": "<|reward|>",
    }
    renamed = rename(padded, names)
    assert {new: renamed.special_tokens[new] for new in names.values()} == {
        "<|im_start|>": 92_543,
        "<|im_end|>": 92_542,
        "<|action_start|>": 92_541,
        "<|action_end|>": 92_540,
        "<|interpreter|>": 92_539,
        "<|plugin|>": 92_538,
        "<|reward|>": 92_527,
    }
    assert list(renamed.special_tokens.values()) == list(padded.special_tokens.values())
    untouched = [(name, token_id) for name, token_id in padded.special_tokens.items() if name not in names]
    assert [item for item in renamed.special_tokens.items() if item[0] not in names.values()] == untouched
    assert len(untouched) == 140
    assert (renamed.tokens, renamed.segments, renamed.provenance) == (padded.tokens, padded.segments, padded.provenance)
    assert (renamed.name, renamed.pattern, renamed.n_vocab) == (padded.name, padded.pattern, 92_544)


def test_rename_may_swap_two_names(tiny_padded):
    swapped = rename(tiny_padded, {"<|spare_0|>": "<|spare_1|>", "<|spare_1|>": "<|spare_0|>"})
    start = len(tiny_padded.tokens)
    assert swapped.special_tokens == {"<|end|>": start, "<|spare_1|>": start + 1, "<|spare_0|>": start + 2}


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        ({"<|spare_9|>": "<|a|>"}, "named '<|spare_9|>'", "the nearest: <|spare_"),
        ({"zzz": "<|a|>"}, "named 'zzz'", "it has 3 of them"),
        ({"<|spare_0|>": "<|end|>"}, "comes twice: '<|end|>'", "a name of its own"),
        ({"<|spare_0|>": "<|a|>", "<|spare_1|>": "<|a|>"}, "comes twice: '<|a|>'", "a name of its own"),
        ({"<|spare_0|>": "the"}, "is mergeable token 257: 'the'", "such as <|end|>"),
        ({"<|spare_0|>": ""}, "is empty", "a name that text and code do not contain"),
    ],
)
def test_rename_refuses(tiny_padded, names, message, hint):
    with pytest.raises(InputError) as caught:
        rename(tiny_padded, names)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
