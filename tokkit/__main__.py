"""Run the command line: `python -m tokkit`, and the entry of the installed command.

The command line takes most of a short run to load; what is here loads at once, and answers interrupts until then.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> int:
    """Run the command line on the words of the process and return its exit code."""
    try:
        import signal  # noqa: PLC0415 - an interrupt may come here already

        # Where a shell ignores interrupts for what it runs in the background, so do we.
        heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if heard:
            signal.signal(signal.SIGINT, _end)
        from tokkit.cli.app import main as run  # noqa: PLC0415

        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run()
    except KeyboardInterrupt:
        _end()


def _end(*_: object) -> NoReturn:
    """End the process as interrupted: not by an exception, which what loads may lose or turn into another."""
    try:
        os.write(2, b"error: interrupted\n")  # what prints in `render` is not loaded yet
    finally:
        os._exit(130)


if __name__ == "__main__":
    raise SystemExit(main())
