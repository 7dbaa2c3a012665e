"""Files that say which share of a mixture each slice has."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

from tokkit.errors import FormatError

_HINT = 'one line a slice, LANGUAGE-DOMAIN = WEIGHT, such as zh-web = 2; "zh-*" = 1 for several'


def load_weights(path: str | Path) -> dict[str, float]:
    r"""Return the weights of a TOML file by slice name; `tokkit.counts.slice_weights` says what they mean.

    Raises:
        FormatError: not TOML, no weights in it, or one that is not a number from 0 up.
        OSError: it cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "mixture.toml"
        ...     _ = path.write_text('"zh-*" = 1\nen-web = 2\n')
        ...     load_weights(path)
        {'zh-*': 1.0, 'en-web': 2.0}
    """
    try:
        values = tomllib.loads(Path(path).read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not TOML: {error}", _HINT) from None
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise FormatError(f"{path}: the weight of {name} is no number from 0 up: {value!r}", _HINT)
    if not values:
        raise FormatError(f"{path}: no weights in it", _HINT)
    return {name: float(value) for name, value in values.items()}
