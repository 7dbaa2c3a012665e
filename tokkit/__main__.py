"""Run the command line: `python -m tokkit`."""

import sys

from tokkit.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
