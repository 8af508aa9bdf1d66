"""Debug information names files by their place in the package, and lines."""

import re
import shutil
import subprocess

import pytest
from image_build import PACKAGES, build

DWARFDUMP = next(filter(shutil.which, ("llvm-dwarfdump", "llvm-dwarfdump-19")), None)


@pytest.mark.skipif(DWARFDUMP is None, reason="needs llvm-dwarfdump")
@pytest.mark.parametrize("level", [1, 2])
def test_file_and_line(tmp_path, level):
    source = tmp_path / "src"
    shutil.copytree(PACKAGES / "tiny", source / "tiny")
    workload = shutil.copy(PACKAGES / "tiny_workload.py", tmp_path)
    build(tmp_path, tmp_path / "depot", "tiny", workload, source, "--flags", f"debug-level={level}")
    (image,) = (tmp_path / "depot").rglob("*.pkgimage.so")
    shown = subprocess.run(
        [DWARFDUMP, "--debug-line", "--debug-info", image.name],
        cwd=image.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(tmp_path) not in shown
    units = re.findall(r'DW_AT_name\t\("(.*)"\)\n.*\n.*DW_AT_comp_dir\t\("(.*)"\)', shown)
    own = [(name, folder) for name, folder in units if name.startswith("tiny")]
    assert own
    assert {folder for _, folder in own} == {"."}
    files = {name for name, _ in own}
    assert all((source / name).is_file() for name in files), files
    lines = [int(line) for line in re.findall(r"^0x[0-9a-f]{16} +(\d+) ", shown, re.MULTILINE)]
    last = max(len((source / name).read_text().splitlines()) for name in files)
    assert {line for line in lines if 0 < line <= last}
