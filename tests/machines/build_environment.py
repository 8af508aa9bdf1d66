"""An environment on this host that builds images for a machine with another NumPy.

An image fits only the NumPy that it was built with, and Wine's Python cannot have a recent one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .cache import made, run
from .versions import base_requirements, build_requirements
from .wheels import compile_bytecode

OLD_NUMPY = "1.26.4"
"""The newest NumPy that Wine 8 runs, and one that asks for less of a CPU than today's."""


def python_with_old_numpy() -> Path:
    """The Python of the environment, made when it is not in the cache.

    It has this environment's `[build]` extra with NumPy OLD_NUMPY instead, and no packageimage:
    that is found through PYTHONPATH. Raises Unavailable, PreparationError.
    """
    requirements = (*base_requirements(OLD_NUMPY), *build_requirements())
    interpreter = Path(sys.executable).resolve()
    recipe = (Path(__file__).read_bytes(), str(interpreter), *requirements)

    def make(folder: Path) -> None:
        # Without pip, whose script would hold the folder's temporary name.
        run([interpreter, "-m", "venv", "--without-pip", folder])
        (packages,) = folder.glob("lib/python3.*/site-packages")
        run(
            [
                sys.executable, "-m", "pip", "--python", folder / "bin/python", "install",
                "--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:",
                "--no-compile", *requirements,
            ]
        )  # fmt: skip
        compile_bytecode(packages)

    return made("old-numpy", recipe, make) / "bin/python"
