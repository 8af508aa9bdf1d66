"""The .dSYM bundle of a Mach-O image: its linker leaves DWARF in the objects and says where.

lldb finds the bundle beside the image. It is made by LLVM's or Apple's dsymutil, where there is
one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from packageimage.model.errors import one_line

_NAME = re.compile(r"dsymutil(?:-(\d+))?(?:\.exe)?", re.IGNORECASE)


def find_dsymutil(environ: Mapping[str, str]) -> str | None:
    """`dsymutil` on PATH, else `dsymutil-N` of the highest N."""
    found: dict[int, str] = {}
    for folder in filter(None, environ.get("PATH", "").split(os.pathsep)):
        try:
            names = os.listdir(folder)
        except OSError:  # PATH often names folders that do not exist
            continue
        for name in names:
            match = _NAME.fullmatch(name)
            path = os.path.join(folder, name)
            if match and os.access(path, os.X_OK):
                found.setdefault(int(match[1] or sys.maxsize), path)
    return found[max(found)] if found else None


def write_bundle(image: Path, environ: Mapping[str, str]) -> None:
    """Make IMAGE.dSYM anew, or say in a line why there is none: an image runs without.

    The image names its objects by their paths below the working folder, so it is run there.
    """
    bundle = image.with_name(f"{image.name}.dSYM")
    try:
        if bundle.exists():
            shutil.rmtree(bundle)  # of an earlier image
        program = find_dsymutil(environ)
        if program is None:
            _note(image, "there is no dsymutil on PATH (Debian: apt install llvm)")
            return
        with tempfile.TemporaryDirectory(prefix=f".{image.name}.", dir=image.parent) as folder:
            made = Path(folder, bundle.name)
            done = subprocess.run(
                [program, "-o", str(made), str(image)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            # It is content with an image that names no objects, such as one of Zig's linker.
            if done.returncode or not made.is_dir() or "no debug symbols" in said:
                _note(image, f"{program} says {one_line(said)!r}")
                return
            os.replace(made, bundle)
    except OSError as error:
        _note(image, f"{error.strerror}: {one_line(error.filename or bundle)}")


def _note(image: Path, reason: str) -> None:
    print(f"pkgimage: {one_line(image)}: no .dSYM for debuggers: {reason}", file=sys.stderr)
