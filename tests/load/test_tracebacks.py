"""An exception from an image shows the file and the line that plain Numba shows."""

import re
import shutil
from pathlib import Path

import pytest
from image_build import PACKAGES, build, run_plain, run_with_images


def shown(output):
    """The tracebacks by the name of the function called."""
    parts = re.split(r"^(\w+):$", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def with_lines_added(source):
    """The same code with a comment before every statement, and lines in front of all."""
    lines = ["# new", "", ""] if not source.startswith('"""') else []
    for line in source.splitlines():
        if re.match(r" *(def|@|return|raise|if|total|y =)\b", line):
            lines.append(re.match(" *", line)[0] + "# a comment")
        lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.mark.slow
def test_tracebacks_are_those_of_plain_numba(tmp_path):
    home, depot, source = tmp_path / "home", tmp_path / "depot", tmp_path / "src"
    # Elsewhere, or Python would find the original package beside its script.
    workload = Path(shutil.copy(PACKAGES / "raising_workload.py", tmp_path))
    shutil.copytree(PACKAGES / "raising", source / "raising")

    def compare():
        build(home, depot, "raising", workload, source)
        plain = run_plain(home, workload, source)
        observed = run_with_images(home, depot, workload, source)
        assert observed.seen.get("loaded") == ["raising"], observed.error
        assert observed.seen["answered"] > 10
        assert not observed.seen["misses"]
        expected, found = shown(plain), shown(observed.output)
        # Here plain Numba tells some place that depends on what it compiled before.
        del expected["broadcast"]
        module = source / "raising/__init__.py"
        line = module.read_text().splitlines().index("    return np.add(a, b)") + 1
        assert f'File "{module}", line {line}, ' in found.pop("broadcast")
        assert found == expected
        assert 'raising/__init__.py", line' in expected["dynamic"]
        assert "/raising/__init__.py (" in expected["sizes"]
        return expected

    before = compare()
    for file in (source / "raising").glob("*.py"):
        file.write_text(with_lines_added(file.read_text()))
    after = compare()
    assert before["static"] != after["static"]  # the lines have moved
