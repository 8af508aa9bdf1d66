"""The clean process that imports a package, runs its workload and writes the capture.

    python -m packageimage.stages.worker REQUEST.json

What an earlier capture left in the store answers through the loader's bridge, as an image answers a
program; only what changed since is compiled. Exit codes: 0 done, 2 the user's mistake (one line on
standard error), 3 the package or the workload raised (its own traceback on standard error, then one
line), 4 the store does not fit after all: run again without it, 5 a source was edited meanwhile:
run again.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import importlib.machinery
import json
import os
import runpy
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..model.errors import PackageImageError
from ..model.flags import CacheFlags, parse_flags
from ..model.platform import platform_named
from ..recipe import PACKAGE_DATA_PLATFORM, PACKAGE_DATA_SUFFIX, WHOLE_PACKAGE

MANIFEST_FORMAT = 3  # stages.manifest reads it
EXIT_USER_ERROR = 2
EXIT_PACKAGE_ERROR = 3
EXIT_STORE_UNFIT = 4
EXIT_EDITED = 5

# Numba reads these when it is first imported. No CPU and no vectorising: both come at codegen,
# once for each CPU target (design, decision D2).
_CAPTURE_SETTINGS = {
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NUMBA_LOOP_VECTORIZE": "0",
    "NUMBA_SLP_VECTORIZE": "0",
    "NUMBA_OPT": "3",
    "NUMBA_DISABLE_INTEL_SVML": "1",
    "NUMBA_DISABLE_JIT": "0",
}


# Settings of Numba that change code and are no cache flag. The worker's environment has none of
# them, so an image is for sessions that have none either.
PREFERENCES = (
    "NUMBA_DEBUG_ARRAY_OPT_RUNTIME",
    "NUMBA_LLVM_REFPRUNE_FLAGS",
    "NUMBA_LLVM_REFPRUNE_PASS",
)


# Modules in the order in which their sources came to their end, and by module those of its package
# that its source led to.
_finished: list[str] = []
_led_to: dict[str, list[str]] = {}
_watch: Any = None  # capture.numba_registrations.Watch, once Numba is there

# What was run, and what data files held when they were declared, by their real paths.
_sources: dict[str, bytes] = {}
_declared: dict[str, bytes] = {}
_workloads: dict[str, bytes] = {}  # by the paths in the request, as they were just before they ran


class PackageFailure(Exception):
    """The package or its workload raised."""

    def __init__(self, message: str, error: BaseException | None = None) -> None:
        super().__init__(message)
        self.error = error

    def show(self) -> None:
        """The package's own traceback, on standard error."""
        if self.error is not None:
            _show(self.error)


class StoreUnfit(Exception):
    """What answered from the store might not be what compiling anew would give."""


class Edited(Exception):
    """A file is not any more what it was when this process read it."""


def numba_settings(flags: CacheFlags) -> dict[str, str]:
    """The settings under which Numba compiles for an image with these flags."""
    settings = dict(_CAPTURE_SETTINGS)
    if flags.check_bounds != "auto":
        settings["NUMBA_BOUNDSCHECK"] = "1" if flags.check_bounds == "yes" else "0"
    if flags.debug_level > 0:
        settings["NUMBA_DEBUGINFO"] = "1"
    return settings


def main(request_file: str) -> int:
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    try:
        flags = parse_flags(request["flags"])
        for name in ("NUMBA_BOUNDSCHECK", "NUMBA_DEBUGINFO", "NUMBA_CACHE_DIR"):
            os.environ.pop(name, None)
        os.environ.update(numba_settings(flags))
        # Compiling makes many objects that stay: collecting as often as is usual finds nothing
        # and takes 7 % of a capture's time.
        gc.set_threshold(50_000, 20, 20)
        _serialize(request, flags)
    except PackageImageError as error:
        print(f"pkgimage: error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except PackageFailure as error:
        print(f"pkgimage: error: {error}", file=sys.stderr)
        return EXIT_PACKAGE_ERROR
    except StoreUnfit:
        return EXIT_STORE_UNFIT
    except Edited:
        return EXIT_EDITED
    return 0


def _serialize(request: dict[str, Any], flags: CacheFlags) -> None:
    global _watch
    package = request["package"]
    sys.path[:0] = request["paths"]
    _read_sources_of(package)
    import packageimage

    from ..capture import assemble, collect, numba_bridge, numba_starts, store
    from ..capture.captured import digest_of
    from ..capture.data import summarise
    from ..capture.earlier import source_parts
    from ..capture.includes import Dependencies, as_json, imported_includes
    from ..capture.origins import Sources, package_digest

    output = Path(request["output"])
    store_path = output.with_name(f"{output.name}.store")
    fingerprint = _fingerprint(request)
    recorder = numba_bridge.install(
        package, inline=flags.inline, line_tables_only=flags.debug_level == 1
    )
    _watch = recorder.watch
    stored = store.read(store_path, fingerprint) if request["use_store"] else None
    bridge = _answer_from(stored, recorder) if stored else None
    functions: Any = None
    data: Any = None
    declared = _Declarations()
    packageimage._declared = declared
    try:
        with _output_to(request["log"]):
            _import_package(package)
            if request["restore"]:
                # Before the workload, which may leave traces in what the modules hold.
                functions, data = _serialise_modules(
                    package, request["restore"], recorder.slots.rebound
                )
            for workload in request["workloads"]:
                _run_workload(workload)
    except PackageFailure as failure:
        if stored and recorder.answered_keys:
            # What comes from a store cannot do all that what was compiled can (inspect_types).
            raise StoreUnfit from failure
        failure.show()
        raise
    gc.disable()  # what follows makes a great many objects that all stay, and ends the process
    sources = Sources(sys.modules, recorder.sources.own)
    collected = collect.collect(
        recorder, stored.methods if stored else {}, stored.libraries if stored else {}
    )
    if not collected.methods:
        raise PackageImageError(_nothing_compiled(package, request, collected))
    parts = assemble.partition(collected.methods, request["partitions"])
    layout = numba_bridge.target_layout()
    known = stored.partitions if stored else {}
    linked = {}
    for part in parts:
        name = part.digest()
        if name not in linked:
            linked[name] = known.get(name) or assemble.link(part, collected.libraries, layout)
    partitions = [linked[part.digest()] for part in parts]
    starts = numba_starts.starts_of(collected.methods)
    table = assemble.method_table(collected.methods, parts, starts)
    section = _data_section(functions, data, collected.methods, parts) if data else []
    required = request["requires"]
    dependencies = Dependencies.of(package, collected.modules, declared, required, sys.modules)
    includes = dependencies.includes
    if data:
        imported = {name for module in data.modules for name in module.imports}
        vouching = imported_includes(package, imported, sys.modules)
        includes = sorted({*includes, *vouching})
    _check_still_there(includes, dependencies, package)
    settings = digest_of(
        map(str, [numba_bridge.settings(), dependencies.data_digests, sources.extending()])
    )
    if stored and bridge:
        _check_still_fits(stored, bridge, recorder.answered_keys, settings, sources)
    requires = [
        {"package": name, "content": required[name]}
        for name in sorted(required)
        if any(module.partition(".")[0] == name for module in collected.modules)
    ]

    def described(held: Mapping[str, Any]) -> dict[str, bytes]:
        """The files that say of what is captured; `held`: the data's size and SHA-256."""
        id_ = digest_of(
            [
                package, request["flags"], table, *partitions, json.dumps(requires),
                package_digest(dependencies.own_sources), json.dumps(dependencies.data_digests),
                held.get("sha256", ""), json.dumps(request["preferences"], sort_keys=True),
            ]
        )  # fmt: skip
        manifest = {
            "format": MANIFEST_FORMAT,
            "id": id_,
            "package": package,
            "flags": request["flags"],
            "partitions": [{"entries": sorted(part.entries)} for part in parts],
            "environments": assemble.environments_of(collected.methods),
            "entry_owners": {
                symbol: method.shown
                for _, method in sorted(collected.methods.items(), reverse=True)
                for _, symbol in method.roles.values()
            },
            "requires": requires,
            "preferences": dict.fromkeys(PREFERENCES, "") | request["preferences"],
            "restored": [module.name for module in data.modules] if data else [],
            "attached": [vars(refusal) for refusal in data.refused] if data else [],
            "data": held,
            "data_sizes": {
                f"{module.name}.{key}": size
                for module in (data.modules if data else ())
                for key, size in sorted(module.sizes)
            },
            "methods": len(collected.methods),
            "omitted": [vars(o) for o in collected.omitted],
        }
        files = {
            f"{output.name}.capture.bin": table,
            f"{output.name}.capture.json": _json(manifest),
            f"{output.name}.capture.id": f"{id_}\n".encode(),
            f"{output.name}.includes.json": _json({"includes": as_json(includes)}),
            f"{output.name}.imported.json": _json(
                {"files": dependencies.watched, "ran": _ran(request, dependencies)}
            ),
        }
        for index, bitcode in enumerate(partitions):
            files[f"{output.name}.p{index}.bc"] = bitcode
        return files

    _write_all(
        output.parent, described, f"{output.name}{PACKAGE_DATA_SUFFIX}" if data else "", section
    )
    with contextlib.suppress(OSError):  # a store that can't be written is one that is not there
        store.write(
            store_path,
            store.Stored(
                fingerprint,
                settings,
                source_parts(collected.methods.values(), sources),
                collected.methods,
                collected.libraries,
                linked,
                tuple(
                    method.shown
                    for key, method in sorted(collected.methods.items())
                    if not stored or stored.methods.get(key) is not method
                ),
            ),
        )
    for omission in collected.omitted:
        print(f"pkgimage: {package}: not in the image: {omission}", file=sys.stderr)
    for refusal in data.refused if data else ():
        print(f"pkgimage: {package}: not restored: {refusal}", file=sys.stderr)
    for line in summarise(data.notes) if data else ():
        print(f"pkgimage: {package}: {line}", file=sys.stderr)


def _serialise_modules(
    package: str, wanted: list[str], rebound: Callable[[], Mapping[str, frozenset[str]]]
) -> tuple[Any, Any]:
    """The table of dispatchers and the data of the modules to restore.

    rebound: gives what `capture.numba_dispatchers.FunctionTable` takes. Raises PackageImageError
    for a module that the package has not, and StoreUnfit.
    """
    from ..capture import data, numba_dispatchers

    for name in wanted:
        if name != WHOLE_PACKAGE and name not in sys.modules:
            _import_module(name)
    # Modules stand in sys.modules in the order in which their imports began; a module is finished
    # after those that it imports. Of those without a source there is none to spare.
    own = list(dict.fromkeys(name for name in _finished if name.partition(".")[0] == package))
    order = [n for n in own if n in sys.modules and (WHOLE_PACKAGE in wanted or n in wanted)]
    for name in wanted:
        if name not in (WHOLE_PACKAGE, *order):
            raise PackageImageError(
                f"expected modules with a Python source to restore, found {name}, which has none: "
                "leave it out"
            )
    changed = rebound()
    if not all(changed.values()):
        raise StoreUnfit  # an answer of an earlier build does not say whose code has it
    functions = numba_dispatchers.FunctionTable(order, changed)
    found = data.serialise(
        [sys.modules[name] for name in order],
        functions.special,
        led_to=_led_to,
        finished=own,
        extending=_watch.paths(package),
    )
    buffers = [
        # The workload, and threads of the package's, may write to it before it is on disk.
        one if one.readonly else replace(one, data=memoryview(bytes(one.data)))
        for one in found.buffers
    ]
    return functions, replace(found, buffers=tuple(buffers))


def _data_section(functions: Any, data: Any, methods: Any, parts: Any) -> list[Any]:
    """The data section (model.package_data) as byte strings that follow each other."""
    from ..capture import assemble
    from ..model import package_data

    position = assemble.positions(parts)
    environments = {slot: place for place, slot in enumerate(assemble.environments_of(methods))}
    modules = [
        (
            module.name, module.imports, module.absent, module.lazy,
            functions.frozen(module.name, methods), module.pickle, module.buffers,
            *functions.table(module.name, methods, position.__getitem__, environments),
        )
        for module in data.modules
    ]  # fmt: skip
    buffers = [(buffer.data, buffer.readonly) for buffer in data.buffers]
    return package_data.encode(modules, buffers, functions.n_starts, functions.specs)


def _read_sources_of(package: str) -> None:
    """Import the package, and all that is not installed, from source and never from a `.pyc`.

    Python takes a `.pyc` for fresh by size and second, so that an edit soon after a build may
    be missed; what SCons and the loader compare is the source's content.
    """
    loader = importlib.machinery.SourceFileLoader
    path_stats = loader.path_stats
    get_data = loader.get_data
    exec_module = loader.exec_module
    library = str(Path(__file__).resolve().parents[1])
    standard = sysconfig.get_path("stdlib")

    def source_only(self: Any, path: str) -> Any:
        installed = {"site-packages", "dist-packages"}.intersection(Path(path).parts)
        if self.name.partition(".")[0] == package or not (
            installed or path.startswith((library, standard))
        ):
            raise OSError("its bytecode is not asked for")  # as importlib.abc.SourceLoader has it
        return path_stats(self, path)

    def once(self: Any, path: str) -> bytes:
        """A source as it was first read: what is compared later must be what has run."""
        if not path.endswith(".py"):
            return get_data(self, path)
        path = os.path.realpath(path)
        if path not in _sources:
            _sources[path] = get_data(self, path)
        return _sources[path]

    running: list[str] = []

    def noted(self: Any, module: Any) -> None:
        name, watch = module.__name__, _watch
        if running and name.partition(".")[0] == running[-1].partition(".")[0]:
            _led_to.setdefault(running[-1], []).append(name)
        running.append(name)
        if watch:
            watch.begin(name)
        try:
            exec_module(self, module)
        finally:
            running.pop()
            if watch:
                watch.end()
        _finished.append(name)

    loader.path_stats = source_only  # type: ignore[method-assign]
    loader.get_data = once  # type: ignore[method-assign]
    loader.exec_module = noted  # type: ignore[method-assign]


class _Declarations(list[tuple[str, str]]):
    """Data files that modules declare, each with its module; their content is kept for a look at
    the end."""

    def append(self, item: tuple[str, str]) -> None:
        super().append(item)
        path = os.path.realpath(item[1])
        with contextlib.suppress(OSError):  # said later, with all that are missing
            _declared.setdefault(path, Path(path).read_bytes())


def _check_still_there(includes: Any, dependencies: Any, package: str) -> None:
    """Raises Edited when what the capture is said to be made of is not what was read.

    An image would be said to fit sources that it was not made from.
    """
    from ..capture.includes import root_folder

    known = _sources | _declared
    stated = [(i.root, i.path, i.sha256) for i in includes]
    stated += [(package, row["path"], row["sha256"]) for row in dependencies.watched]
    for root, name, digest in stated:
        path = os.path.realpath((root_folder(root, sys.modules) or Path()) / name)
        if path in known and hashlib.sha256(known[path]).hexdigest() != digest:
            raise Edited
    for path, content in dependencies.own_sources:
        path = os.path.realpath((root_folder(package, sys.modules) or Path()) / path)
        if known.get(path, content) != content:
            raise Edited


def _ran(request: dict[str, Any], dependencies: Any) -> list[dict[str, str]]:
    """Path and SHA-256 of the sources that SCons knew of and that ran, as the list of imports has
    them: it cannot tell by looking whether they are what it has hashed."""
    ran = dict(dependencies.own_sources) | {path: _workloads[path] for path in request["workloads"]}
    return [
        {"path": path, "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in sorted(ran.items())
    ]


def _fingerprint(request: dict[str, Any]) -> str:
    """What decides code besides the sources: the tool chain, the flags and our own code."""
    import llvmlite
    import numba
    import numpy

    from ..fingerprint import source_digest

    versions = (sys.version, numba.__version__, llvmlite.__version__, numpy.__version__)
    return "|".join((*versions, request["flags"], source_digest("serialize")))


def _answer_from(stored: Any, recorder: Any) -> Any:
    """A bridge that answers Numba's requests from an earlier capture."""
    from ..capture import numba_slots
    from ..capture.earlier import EarlierCapture
    from ..load.numba_attach import bounds_by, fill_slots
    from ..load.numba_bridge import Bridge

    earlier = EarlierCapture(
        stored,
        recorder.sources,
        recorder.slots.cell,
        lambda name, address: numba_slots.define_pointer(recorder.slots, name, address),
        numba_slots.run_quickly,
    )

    def answered(found: Any, library: Any) -> None:
        method = stored.methods[found.row["key"]]
        recorder.answered(method.key, method, stored.libraries[method.core], library)

    bridge = Bridge(lambda method, reason: None, bounds_by(os.environ), answered)
    bridge.add(earlier, fill_slots(earlier))
    bridge.install()
    return bridge


def _check_still_fits(
    stored: Any, bridge: Any, answered: dict[str, None], settings: str, sources: Any
) -> None:
    """Raises StoreUnfit when something that answered may not be what compiling anew would give.

    Now that all modules are loaded and have had their say, also of methods that nobody asked for
    because what answered would have compiled them.
    """
    from ..capture.captured import closure
    from ..capture.earlier import Unchanged

    if not answered:
        return
    unchanged = Unchanged(stored, sources)
    if settings != stored.settings or unchanged.extensions_changed():
        raise StoreUnfit
    roots: set[str] = set()
    for key in answered:
        root = stored.methods[key].root
        if root and root not in roots and key != root:
            raise StoreUnfit  # the circle would be compiled from another end
        roots.add(root)
    for key in closure(answered, stored.methods):
        if not unchanged(stored.methods[key]) or not (key in answered or bridge.holds(key)):
            raise StoreUnfit


def _import_module(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise PackageFailure(f"expected module {name!r} to import", error) from None
        raise PackageImageError(
            f"expected a module to restore, found none called {name!r}: check the name"
        ) from None
    except BaseException as error:
        raise PackageFailure(
            f"expected module {name!r} to import, found {type(error).__name__} (traceback "
            "above): mend the package",
            error,
        ) from None


def _import_package(package: str) -> None:
    try:
        importlib.import_module(package)
    except BaseException as error:  # SystemExit in a package's import is the package's mistake too
        raise PackageFailure(
            f"expected package {package!r} to import, found {type(error).__name__} (traceback "
            "above): mend the package, or name its folder with --path",
            error,
        ) from None


def _run_workload(workload: str) -> None:
    sys.argv = [workload]
    sys.path.insert(0, str(Path(workload).resolve().parent))
    try:
        _workloads[workload] = Path(workload).read_bytes()
        runpy.run_path(workload, run_name="__main__")
    except SystemExit as error:
        if error.code not in (None, 0):
            raise PackageFailure(
                f"expected workload {workload} to end, found exit code {error.code!r}: mend it"
            ) from None
    except BaseException as error:
        raise PackageFailure(
            f"expected workload {workload} to end, found {type(error).__name__} (traceback "
            "above): mend the workload",
            error,
        ) from None
    finally:
        sys.path.pop(0)


def _show(error: BaseException) -> None:
    """The user's own part of a traceback: without this module's and runpy's frames."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace, file=sys.stderr)


def _is_ours(filename: str) -> bool:
    return filename in (__file__, runpy.__file__, importlib.__file__) or filename.startswith(
        "<frozen "
    )


@contextlib.contextmanager
def _output_to(log: str) -> Any:
    """A workload's own output goes to a log beside the capture, not into the build's output."""
    sys.stdout.flush()
    saved = os.dup(1)
    with open(log, "wb") as file:
        os.dup2(file.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def _nothing_compiled(package: str, request: dict[str, Any], capture: Any) -> str:
    if capture.omitted:
        first = capture.omitted[0]
        return (
            f"expected a compiled function of {package!r} that an image can hold, found "
            f"{len(capture.omitted)} that it can't, the first {first}"
        )
    ran = "its workload ran" if request["workloads"] else "it has no workload"
    return (
        f"expected package {package!r} to compile at least one function, found none ({ran}): "
        "give a workload that calls its functions, or declare signatures"
    )


def _json(value: object) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True) + "\n").encode()


def _write_all(
    folder: Path,
    described: Callable[[Mapping[str, Any]], Mapping[str, bytes]],
    data_name: str,
    section: list[Any],
) -> None:
    """All files, or none: each under a temporary name first.

    The data comes first, where there is any (`data_name`), because the others hold its hash.
    """
    written: list[tuple[Path, Path]] = []

    def temporary(name: str) -> Path:
        path = folder / f".{name}.{os.getpid()}.tmp"
        written.append((path, folder / name))
        return path

    try:
        held = _write_data(temporary(data_name), section) if data_name else {}
        for name, content in described(held).items():
            temporary(name).write_bytes(content)
        for path, final in written:
            os.replace(path, final)
    except BaseException as error:
        for path, _ in written:
            path.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise PackageImageError(
            f"expected to write the capture to {folder}, found {error.strerror}: free some space "
            "or choose another folder"
        ) from None


def _write_data(path: Path, section: list[Any]) -> dict[str, Any]:
    """Write the data as an object, `recipe` says for what platform.

    What the manifest says of it: the size of the data and the SHA-256 of the file. Hashing and
    writing each take half a second for a gigabyte, and neither holds Python's lock.
    """
    from ..codegen.data_object import package_object

    parts = package_object(section, platform_named(PACKAGE_DATA_PLATFORM))
    digest = hashlib.sha256()

    def hash_all() -> None:
        for part in parts:
            digest.update(part)

    hashing = threading.Thread(target=hash_all)
    hashing.start()
    try:
        with open(path, "wb") as file:
            file.writelines(parts)
    finally:
        hashing.join()
    return {"size": sum(map(len, section)), "sha256": digest.hexdigest()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
