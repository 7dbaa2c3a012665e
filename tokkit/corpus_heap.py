"""Memory that was freed stays with the process, for the next block of a corpus to be parsed in.

A block of 4 MB is copied some times on its way to texts, and all of it is freed before the next one comes. glibc gives the
end of a heap back to the system when twice the largest mapped block that was ever freed lies free there, 8 MB in a process
that has seen such blocks only. So each block would be parsed in memory that the system takes back, and has to find and clear
again page by page, while it keeps other threads from finding theirs.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_LARGEST = 31 << 20  # bytes: glibc learns from mapped blocks of no more than 32 MB


@cache
def keep_freed() -> None:
    """Have glibc keep up to twice `_LARGEST` bytes free at the end of each heap, by freeing a block that nobody has touched.

    A limit that the user has set (MALLOC_TRIM_THRESHOLD_) stays, and for other C libraries nothing changes.
    """
    np.empty(_LARGEST, np.uint8)
