"""Write results to stdout, for programs: JSON, CSV and plain text. Numbers are raw, ratios unrounded."""

from __future__ import annotations

import base64
import csv
import io
import json
import sys
from typing import TYPE_CHECKING, Any

from tokkit.display import show

if TYPE_CHECKING:
    from collections.abc import Sequence


def text(data: str) -> None:
    """Write text to stdout and flush it, so that a full disk or a closed pipe is met here.

    Raises:
        OSError: stdout does not take it; BrokenPipeError where its reader has gone.
    """
    try:
        sys.stdout.write(data)
        sys.stdout.flush()
    except OSError as error:
        error.filename = error.filename or "stdout"
        raise


def document(value: Any) -> None:
    """Write exactly one JSON document to stdout, indented, in the order given, with a newline at its end."""
    import msgspec  # noqa: PLC0415 - not every verb prints JSON

    # json indents in Python, ten times slower than it writes a line and msgspec indents that.
    line = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    text(msgspec.json.format(line, indent=2).decode("utf-8", "surrogatepass") + "\n")


def comma_separated(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a CSV table with a header to stdout; None is an empty cell, lines end in a line feed."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    text(buffer.getvalue())


def token(data: bytes) -> dict[str, str]:
    r"""Return the JSON object of a token: its bytes in base64 beside the string for eyes.

    Example:
        >>> token("中".encode())
        {'base64': '5Lit', 'display': '中'}
    """
    return {"base64": base64.b64encode(data).decode(), "display": show(data)}
