"""Draw numbers as bars of block characters, to an eighth of a cell."""

from __future__ import annotations

EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, width: int) -> str:
    """Return a bar that fills a share of `width` cells; a share above 0 always shows, and one above 1 fills it all.

    Example:
        >>> bar(1, 4), bar(0.5, 4), bar(0.55, 4), bar(0.001, 4), bar(0, 4), bar(2, 3)
        ('████', '██', '██▏', '▏', '', '███')
    """
    if share <= 0:
        return ""
    whole, eighths = divmod(max(1, int(min(share, 1.0) * width * 8)), 8)
    return "█" * whole + EIGHTHS[eighths].strip()
