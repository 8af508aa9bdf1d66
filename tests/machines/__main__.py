"""Prepare all machines, so that no test waits for a download: `python -m tests.machines`.

One line for each with the seconds it took. The exit code is 1 when one could not be made, unless
only because a tool is missing and $PACKAGEIMAGE_MACHINES does not say `required`.
"""

from __future__ import annotations

import os
import sys
import time

from .cache import PreparationError, Unavailable, root
from .catalogue import MACHINES
from .fixtures import VARIABLE


def main() -> int:
    required = os.environ.get(VARIABLE) == "required"
    failed = False
    print(f"machines in {root()}", flush=True)
    for name, make in MACHINES.items():
        start = time.perf_counter()
        try:
            make()
            outcome = "ready"
        except Unavailable as missing:
            failed = failed or required
            outcome = f"left out: {missing}"
        except PreparationError as error:
            failed = True
            outcome = f"failed: {error}"
        print(f"{name:22} {time.perf_counter() - start:6.1f} s  {outcome}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
