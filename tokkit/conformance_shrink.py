"""Shrink a text that shows a difference to a short one that still shows it: delta debugging on characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_TRIALS = 4_000


def shrink(text: str, differs: Callable[[str], bool], most_trials: int = MOST_TRIALS) -> str:
    """Return a part of a text's characters that still differs, and no longer does without any one of them.

    Args:
        text: a text for which `differs` holds.
        differs: the question; it is asked `most_trials` times at the most, and what was found by then is returned.
        most_trials: a bound on the work.

    Example:
        >>> shrink("some words, then a b and c", lambda text: "a" in text and "c" in text)
        'ac'
    """
    trials = 0

    def still(trial: str) -> bool:
        nonlocal trials
        trials += 1
        return differs(trial)

    # Zeller's ddmin without its first half: parts are taken away, from halves down to single characters, until no single
    # character can go. A part alone is what taking away all the others comes to.
    length = max(len(text) // 2, 1)
    while trials < most_trials and len(text) > 1:
        start, shrunk = 0, False
        while start < len(text) and trials < most_trials:
            trial = text[:start] + text[start + length :]
            if trial and still(trial):
                text, shrunk = trial, True
            else:
                start += length
        if length == 1 and not shrunk:
            break
        length = max(length // 2, 1)
    return text
