"""One side of steady_state.py: a process that times a kernel whenever it is told to.

    python steady_worker.py REPORT [--image]

All kernels are called once, REPORT is written (a pickled dictionary as observe.py's), then "ready"
is printed. Each line of standard input, "CALLS NAME", is answered by a line of JSON: the seconds of
each of so many calls. The process ends with its input.
"""

import argparse
import gc
import json
import pickle
import sys
import time

from observe import listen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report")
    parser.add_argument("--image", action="store_true")
    arguments = parser.parse_args()
    report = {}
    if arguments.image:
        import packageimage

        session = packageimage.enable()
    compiled, passes = listen()
    from steady.kernels import cases

    kernels = cases()
    report["results"] = {name: function(*given) for name, (function, given) in kernels.items()}
    report["compiled"] = sorted(compiled)
    report["passes"] = len(passes)
    if arguments.image:
        report["targets"] = {name: opening.spec for name, opening in sorted(session.loaded.items())}
        report["rejections"] = [str(rejection) for rejection in packageimage.rejections()]
    with open(arguments.report, "wb") as file:
        pickle.dump(report, file)
    report.clear()
    gc.collect()
    gc.disable()
    print("ready", flush=True)
    clock = time.perf_counter
    for line in sys.stdin:
        calls, _, name = line.strip().partition(" ")
        function, given = kernels[name]
        seconds = []
        for _ in range(int(calls)):
            started = clock()
            function(*given)
            seconds.append(clock() - started)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
