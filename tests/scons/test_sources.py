"""What is read of a package's sources before anything of it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from packageimage.recipe import partitions_for
from packageimage.sources import count_functions, package_at

FILES = {
    "one function": ("import numba\n\ndef f():\n    pass\n", 1),
    "a method and a coroutine": (
        "from numba import njit\nclass C:\n    def f(self):\n        async def g(): ...\n",
        2,
    ),
    "no Numba": ("def f():\n    pass\n", 0),
    "words that are no functions": ("import numba\ndefault = 1\n# def f()\nx = 'def '\n", 0),
    "tabs, and no line at the end": ("import numba\nif 1:\n\tdef f(): pass", 1),
    "bytes that are no text": (b"# numba \xff\ndef f(): pass\n", 1),
    "Windows' lines": (b"import numba\r\ndef f():\r\n    pass\r\n", 1),
}


@pytest.mark.parametrize("kind", FILES)
def test_functions_are_counted(tmp_path: Path, kind: str) -> None:
    text, expected = FILES[kind]
    (tmp_path / "a.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert count_functions([tmp_path / "a.py", tmp_path / "gone.py"]) == expected


def test_the_package_of_the_benchmarks_gets_eight_partitions(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "generated.py"
    words = ["--functions", "300", "--modules", "30"]
    subprocess.run([sys.executable, str(script), str(tmp_path), *words], check=True)
    package = package_at(tmp_path / "src" / "generated")
    assert count_functions(package.files) == 300
    assert partitions_for(300) == 8
