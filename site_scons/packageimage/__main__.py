"""`python -m packageimage` is the command `pkgimage`."""

import sys

from packageimage.cli import main

if __name__ == "__main__":
    sys.exit(main())
