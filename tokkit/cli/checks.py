"""What counts tables have to be, for a verb to add them up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokkit.errors import InputError, MismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.counts import CountsTable


def refuse_twice(tables: Sequence[str], *, quiet: bool) -> None:
    """Refuse a counts table that is given twice, and note a file of text that two of them were counted from.

    Raises:
        InputError: the table, whose text would count twice.
    """
    from tokkit.counts_file import corpus_files, is_counts_table
    from tokkit.render import talk

    seen: dict[Path | tuple[str, str], int] = {}
    for number, table in enumerate(tables):
        if seen.setdefault(Path(table).resolve(), number) != number:
            raise InputError(
                f"a counts table is given twice: {table}", "name it once; --weights gives a slice more weight"
            )
        for file in corpus_files(table) if is_counts_table(table) else ():
            if (first := seen.setdefault(file, number)) != number:
                talk.note(f"{file[0]} was counted for {tables[first]} and for {table}: it counts twice", quiet=quiet)


def require_folds(tables: Sequence[CountsTable], folds: int) -> None:
    """Refuse tables with another number of folds.

    Raises:
        MismatchError: one has another number.
    """
    if any(table.folds != folds for table in tables):
        raise MismatchError(
            f"a counts table does not have {folds} folds", f"count its corpus again with --folds {folds}"
        )
