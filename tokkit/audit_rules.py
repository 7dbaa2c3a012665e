"""What an audit says of a token by its text alone: hidden characters, clauses, stacked function words."""

from __future__ import annotations

import regex

# Inclusive ranges, fixed so that every Python says the same. Joiners and variation selectors are left out: emoji and several
# scripts need them; so are tab, line feed and carriage return, which every text has.
_UNWANTED = (
    (0x00, 0x08, "a control character"),
    (0x0B, 0x0C, "a control character"),
    (0x0E, 0x1F, "a control character"),
    (0x7F, 0x9F, "a control character"),
    (0xAD, 0xAD, "a soft hyphen"),
    (0x200B, 0x200B, "a zero-width space"),
    (0x200E, 0x200F, "a direction mark"),
    (0x2028, 0x2029, "a line or paragraph separator"),
    (0x202A, 0x202E, "a direction control"),
    (0x2060, 0x2064, "an invisible operator"),
    (0x2066, 0x206F, "a direction control"),
    (0xE000, 0xF8FF, "a private-use character"),
    (0xFDD0, 0xFDEF, "a noncharacter"),
    (0xFEFF, 0xFEFF, "a byte order mark"),
    (0xFFF9, 0xFFFC, "an annotation or object mark"),
    (0xFFFD, 0xFFFD, "a replacement character"),
    (0xFFFE, 0xFFFF, "a noncharacter"),
    (0xE0001, 0xE0001, "a language tag"),
    (0xF0000, 0x10FFFF, "a private-use character"),
)

# A word or a name of six characters or more has none of these; a clause has.
CLAUSE_CHARACTERS = 6
_PARTICLES = regex.compile(
    r"[的了是我你他她它您这這那很吗嗎呢啊们們]|什么|什麼|怎么|怎麼|一下|^在.{2,}[中上下里裡时時后後内內]$"
)
_INNOCENT = regex.compile(
    r"目的|标的|標的|的确|的確|的士|了解|明了|了结|是否|国是|國是|其[他它]|他人|他国|他國|自我|刹那|设区的市"
)
# Sentence punctuation with a letter on any side of it.
_MARKS = "，。！？；：、…—“”‘’（）《》「」『』【】"
_ACROSS = regex.compile(rf"[{_MARKS}][\p{{L}}\p{{N}}]|[\p{{L}}\p{{N}}][{_MARKS}]")

_FUNCTION_WORDS = frozenset(
    (  # noqa: SIM905 - words read best as words
        "的 了 是 在 和 也 都 就 不 很 还 這 这 那 我 你 他 她 它 您 有 会 會 能 "
        "要 而 但 与 與 对 對 把 被 让 讓 给 從 从 到 以 为 為 其 等 及 并 或 着 "
        "著 过 吗 呢 吧 啊 我们 你们 他们 她们 它们 我們 你們 他們 自己 大家 这个 那个 "
        "這個 那個 一个 一個 一种 一些 这些 那些 这种 这样 那样 这里 那里 什么 怎么 怎样 "
        "可以 可能 能够 应该 需要 没有 不是 就是 也是 还是 都是 但是 因为 所以 如果 由于 "
        "而且 并且 或者 虽然 然后 已经 一下 一样 时候 之后 之前 以及 对于 关于 通过 根据 "
        "其他 其它 还有 不会 不能 不要 以为 为了 有的 只是 只有 可是 才能 就会 也会 都会 "
    ).split()
)
_FUNCTION_PHRASES = frozenset(
    ("是不是", "有没有", "能不能", "会不会", "要不要", "可不可以", "为什么", "怎么样", "不得不", "也就是", "了不起")
)
STACKED_WORDS = 3
STACKED_CHARACTERS = 4


def unwanted_character(text: str) -> str | None:
    r"""Return what no token should hold, by name and code point; None where there is none.

    Example:
        >>> unwanted_character("a\u202eb"), unwanted_character("\t\n👩‍👩‍👧")
        ('a direction control, U+202E', None)
    """
    for character in text:
        code = ord(character)
        for first, last, name in _UNWANTED:
            if first <= code <= last:
                return f"{name}, U+{code:04X}"
    return None


def behind_mark(text: str) -> str:
    """Return a text without the one sentence mark before it, where a letter follows; as it is where that is not so.

    Split patterns let one mark stand before a word, as one space: `，我们` is to `我们` what ` we` is to `we`.

    Example:
        >>> behind_mark("，我们"), behind_mark("。”我们"), behind_mark("我们，"), behind_mark("，")
        ('我们', '。”我们', '我们，', '，')
    """
    return text[1:] if len(text) > 1 and text[0] in _MARKS and text[1].isalpha() else text


def clause(text: str, unspaced: int) -> str | None:
    """Return what makes a text a piece of a sentence, and not a word or a name; None where it is none.

    Args:
        text: the token's text.
        unspaced: how many characters of scripts without spaces it holds.

    Example:
        >>> clause("希望对大家有所帮助", 9), clause("如果对你有帮助", 7), clause("中华人民共和国", 7)
        (None, '你', None)
    """
    if unspaced and (across := _ACROSS.search(text)):
        return str(across[0])
    if unspaced < CLAUSE_CHARACTERS:
        return None
    found = _PARTICLES.search(_INNOCENT.sub("＿", text))
    if found is None:
        return None
    return f"在…{text[-1]}" if found[0] == text else str(found[0])


def stacked(text: str) -> tuple[str, ...]:
    """Return the function words that a text is stacked of: three or more, of four characters or more; else nothing.

    Example:
        >>> stacked("你也可以在"), stacked("为什么"), stacked("我们可以"), stacked("中华人民共和国")
        (('你', '也', '可以', '在'), (), (), ())
    """
    if text in _FUNCTION_PHRASES:
        return ()
    best: list[tuple[str, ...] | None] = [(), *[None] * len(text)]
    for stop in range(1, len(text) + 1):
        for start in range(max(0, stop - 2), stop):
            before, word = best[start], text[start:stop]
            if before is not None and word in _FUNCTION_WORDS:
                now = best[stop]
                best[stop] = (*before, word) if now is None or len(before) + 1 < len(now) else now
    words = best[-1] or ()
    return words if len(words) >= STACKED_WORDS and len(text) >= STACKED_CHARACTERS else ()
