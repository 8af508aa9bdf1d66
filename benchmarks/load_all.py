"""Measure, inside one process, what it costs until every function of the package can run.

    python load_all.py APP [--image]

Before the clock starts Numba and NumPy are imported and Numba has seen an array. Printed as JSON,
in seconds: `import` of the application with its package (with --image also of packageimage, and
enabling it), the `first` call of every function and the `second`, in which nothing is loaded any
more. What loading costs is import + first - second, less the import of the same package where it
loads nothing (the side without a cache).
"""

import argparse
import itertools
import json
import os
import runpy
import sys
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("app")
    parser.add_argument("--image", action="store_true", help="enable package images")
    parser.add_argument("--import-only", action="store_true", help="call no function")
    arguments = parser.parse_args()
    import numba
    import numpy

    # The first array of a process makes Numba import numpy.ma, whoever gave it its functions.
    numba.typeof(numpy.zeros(1))
    sys.path[0] = os.path.dirname(os.path.abspath(arguments.app))
    clock = time.perf_counter
    times = [clock()]
    if arguments.image:
        import packageimage

        packageimage.enable()
    results = runpy.run_path(arguments.app, run_name="app")["results"]
    times.append(clock())
    for _ in range(0 if arguments.import_only else 2):
        results()
        times.append(clock())
    parts = (after - before for before, after in itertools.pairwise(times))
    print(json.dumps(dict(zip(("import", "first", "second"), parts, strict=False))))


if __name__ == "__main__":
    main()
