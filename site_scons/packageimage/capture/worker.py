"""The clean process that imports a package, runs its workload and writes the capture.

    python -m packageimage.capture.worker REQUEST.json

Exit codes: 0 done, 2 the user's mistake (one line on standard error), 3 the package or the workload
raised (its own traceback on standard error, then one line).
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import runpy
import struct
import sys
import traceback
from pathlib import Path
from typing import Any

from ..model.errors import PackageImageError
from ..model.flags import CacheFlags, parse_flags

METHODS_FORMAT = 3  # load.image reads it
EXIT_USER_ERROR = 2
EXIT_PACKAGE_ERROR = 3

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


class PackageFailure(Exception):
    """The package or its workload raised; the traceback has been shown."""


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
        _serialize(request, flags)
    except PackageImageError as error:
        print(f"pkgimage: error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except PackageFailure as error:
        print(f"pkgimage: error: {error}", file=sys.stderr)
        return EXIT_PACKAGE_ERROR
    return 0


def _serialize(request: dict[str, Any], flags: CacheFlags) -> None:
    package = request["package"]
    sys.path[:0] = request["paths"]
    from . import collect, numba_bridge
    from .includes import as_json, imported_files, requires, source_includes

    recorder = numba_bridge.install(inline=flags.inline, line_tables_only=flags.debug_level == 1)
    with _output_to(request["log"]):
        _import_package(package)
        for workload in request["workloads"]:
            _run_workload(workload)
    capture = collect.collect(recorder, request["partitions"])
    if not capture.methods:
        raise PackageImageError(_nothing_compiled(package, request, capture))
    includes = source_includes(package, capture.modules, sys.modules)
    manifest = {
        "format": 1,
        "package": package,
        "flags": request["flags"],
        "partitions": [{"entries": entries} for entries in capture.entries],
        "entry_owners": capture.entry_owners,
        "includes": as_json(includes),
        "requires": requires(includes, package),
        "preferences": dict.fromkeys(PREFERENCES, ""),
        "methods": len(capture.methods),
        "omitted": [vars(o) for o in capture.omitted],
    }
    output = Path(request["output"])
    files: dict[str, bytes] = {
        f"{output.name}.capture.bin": _frame(capture.methods, capture.blobs),
        f"{output.name}.capture.json": _json(manifest),
        f"{output.name}.imported.json": _json({"files": imported_files(package, sys.modules)}),
    }
    for index, bitcode in enumerate(capture.partitions):
        files[f"{output.name}.p{index}.bc"] = bitcode
    _write_all(output.parent, files)
    for omission in capture.omitted:
        print(f"pkgimage: {package}: not in the image: {omission}", file=sys.stderr)


def _import_package(package: str) -> None:
    try:
        importlib.import_module(package)
    except BaseException as error:  # SystemExit in a package's import is the package's mistake too
        _show(error)
        raise PackageFailure(
            f"expected package {package!r} to import, found {type(error).__name__} (traceback "
            "above): mend the package, or name its folder with --path"
        ) from None


def _run_workload(workload: str) -> None:
    sys.argv = [workload]
    sys.path.insert(0, str(Path(workload).resolve().parent))
    try:
        runpy.run_path(workload, run_name="__main__")
    except SystemExit as error:
        if error.code not in (None, 0):
            raise PackageFailure(
                f"expected workload {workload} to end, found exit code {error.code!r}: mend it"
            ) from None
    except BaseException as error:
        _show(error)
        raise PackageFailure(
            f"expected workload {workload} to end, found {type(error).__name__} (traceback "
            "above): mend the workload"
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


def _frame(methods: dict[str, int], blobs: list[bytes]) -> bytes:
    """u64 length of the JSON, the JSON, the blobs.

    The JSON holds few containers, because what it holds is read in every process: `methods` maps a
    key to the blob with its row, `blobs` lists the blobs' ends.
    """
    ends = list(itertools.accumulate(map(len, blobs)))
    table = {"format": METHODS_FORMAT, "methods": methods, "blobs": ends}
    text = json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(blobs)


def _write_all(folder: Path, files: dict[str, bytes]) -> None:
    """All files, or none: each under a temporary name first."""
    written: list[tuple[Path, Path]] = []
    try:
        for name, data in files.items():
            temporary = folder / f".{name}.{os.getpid()}.tmp"
            written.append((temporary, folder / name))
            temporary.write_bytes(data)
        for temporary, final in written:
            os.replace(temporary, final)
    except OSError as error:
        for temporary, _ in written:
            temporary.unlink(missing_ok=True)
        raise PackageImageError(
            f"expected to write the capture to {folder}, found {error.strerror}: free some space "
            "or choose another folder"
        ) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
