"""Which rows of counts tables, and which tokens of a base, have to do with learned tokens of a script."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tokkit.counts_table import Slice, SliceCounts, gathered, merged_rows, table_of
from tokkit.kernels.pieces import mark_leads
from tokkit.unicode import scripts_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokkit.counts_table import CountsTable


def kin_of(tokens: Sequence[bytes], script: str) -> list[bytes]:
    """Return the tokens that learned ones of a script depend on: with a character of it, or a broken one."""
    members = scripts_table(script.split(","))
    of_ascii = members[:128].any()
    found = []
    for token in tokens:
        if token.isascii() and not of_ascii:
            continue
        try:
            text = token.decode()
        except UnicodeDecodeError:
            found.append(token)
        else:
            if any(members[ord(character)] for character in text):
                found.append(token)
    return found


def leads(script: str) -> NDArray[np.bool_]:
    """Tell of two bytes, the first one times 256 and the second, whether a token of a script may begin with them."""
    leads = np.zeros(1 << 16, np.bool_)
    for code_point in np.flatnonzero(scripts_table(script.split(","))).tolist():
        if 0xD800 <= code_point < 0xE000:
            continue
        data = chr(code_point).encode()
        if len(data) == 1:
            leads[data[0] << 8 : (data[0] + 1) << 8] = True  # whatever follows
        else:
            leads[data[0] << 8 | data[1]] = True
    return leads


def touched_by(table: CountsTable, leads: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell for each row whether learned tokens may be in it: whether it has two bytes that one may begin with."""
    return holds(table.data, table.starts, leads)


def holds(data: NDArray[np.uint8], starts: NDArray[np.int64], leads: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell for each string whether it has two bytes that `leads` has; behind the last byte of a string stands a 0."""
    found = np.empty(starts.size - 1, np.bool_)
    mark_leads(data, starts, leads, found)
    return found


def of_rows(table: CountsTable, wanted: NDArray[np.bool_]) -> CountsTable:
    """Return some rows of a table; its slices and their totals stay."""
    kept = np.flatnonzero(wanted)
    rows = gathered(table.data, table.starts, table.counts, table.documents, kept)
    return replace(table, slice_ids=table.slice_ids[kept], **vars(rows))


def added_up(table: CountsTable) -> CountsTable:
    """Return a table with its slices added up to one, which is what is learned from, again and again."""
    part = SliceCounts(Slice("all", "all", 0, 0, 0), merged_rows(table))
    return table_of([part], table.pattern, table.provenance)
