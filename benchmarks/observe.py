"""Run an application in this process and report what Numba compiled and what came out.

    python observe.py REPORT APP [--image]

APP is a Python file with a function `results()` that gives every result by name. REPORT becomes a
pickled dictionary: `results`; `compiled`, what Numba compiled, as "module.name(types)"; `passes`,
how many compiler passes ran (a ufunc's loops are compiled without a dispatcher and show only
here). With --image, images are enabled first and there are also `targets`, the CPU target in use
by package, `answered`, how many compilations images answered, and `rejections`, why images were
not used. Nothing here is timed.
"""

import argparse
import os
import pickle
import runpy
import sys


def listen():
    """Two lists that grow with Numba's events: functions compiled, passes run."""
    from numba.core import event

    compiled, passes = [], []

    class Compilations(event.Listener):
        def on_start(self, happened):
            function = happened.data["dispatcher"].py_func
            types = ", ".join(str(kind) for kind in happened.data["args"])
            compiled.append(f"{function.__module__}.{function.__qualname__}({types})")

        def on_end(self, happened):
            pass

    class Passes(event.Listener):
        def on_start(self, happened):
            passes.append(str(happened.data.get("name", "?")))

        def on_end(self, happened):
            pass

    event.register("numba:compile", Compilations())
    event.register("numba:run_pass", Passes())
    return compiled, passes


def plain(value):
    """A result as something that can be pickled and compared: arrays stay, containers copied."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(plain(part) for part in value)
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report")
    parser.add_argument("app")
    parser.add_argument("--image", action="store_true", help="enable package images first")
    arguments = parser.parse_args()
    if arguments.image:
        import packageimage

        session = packageimage.enable()
    compiled, passes = listen()
    sys.path[0] = os.path.dirname(os.path.abspath(arguments.app))
    results = plain(runpy.run_path(arguments.app, run_name="app")["results"]())
    report = {
        "results": results,
        "compiled": sorted(compiled),
        "passes": len(passes),
    }
    if arguments.image:
        report["targets"] = {name: opening.spec for name, opening in sorted(session.loaded.items())}
        report["answered"] = session.answered
        report["rejections"] = [str(rejection) for rejection in packageimage.rejections()]
    with open(arguments.report, "wb") as file:
        pickle.dump(report, file)


if __name__ == "__main__":
    main()
