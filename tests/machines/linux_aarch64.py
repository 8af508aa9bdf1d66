"""linux-aarch64: Debian's arm64 Python in a folder, run by qemu-user.

No binfmt: a program on this machine cannot start another Python by itself.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from .cache import made, run, tool
from .machine import Machine
from .versions import PYTHON, base_requirements, require_python
from .wheels import install_foreign

NAME = "linux-aarch64"
_DOT = ".".join(map(str, PYTHON))
_PACKAGES = (f"python{_DOT}", "libstdc++6")
_WHEELS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")
# The newest CPU that QEMU 7.2 knows by name. It shows programs the host's /proc/cpuinfo, in which
# LLVM finds neither CPU nor features of arm64, unless the sysroot has a file of that name.
_CPU = "neoverse-n1"
_CPUINFO = """\
processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc \
dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0c
CPU revision\t: 1

"""


def machine() -> Machine:
    """The machine, made when it is not in the cache. Raises Unavailable, PreparationError."""
    require_python()
    qemu = tool("qemu-aarch64", "qemu-user")
    requirements = base_requirements()
    recipe = (Path(__file__).read_bytes(), *requirements)

    def make(folder: Path) -> None:
        _unpack_debian(folder / "sysroot", folder / "apt")
        (folder / "sysroot/proc").mkdir()
        (folder / "sysroot/proc/cpuinfo").write_text(_CPUINFO)
        # One of the folders that Debian's own Python looks into.
        packages = folder / "sysroot/usr/lib/python3/dist-packages"
        install_foreign(packages, requirements, _WHEELS)

    sysroot = made(NAME, recipe, make) / "sysroot"
    return Machine(
        name=NAME,
        platform=NAME,
        command=(qemu, "-cpu", _CPU, "-L", str(sysroot), str(sysroot / f"usr/bin/python{_DOT}")),
        builder=Path(sys.executable),
        environ={"PYTHONUTF8": "1"},
    )


def _unpack_debian(sysroot: Path, apt: Path) -> None:
    """Unpack Python's arm64 packages and all that they depend on from the host's own sources."""
    for program, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        tool(program, package)
    for name in ("lists/partial", "archives/partial"):
        (apt / name).mkdir(parents=True)
    # Nothing counts as installed, so that apt fetches every dependency.
    (apt / "status").touch()
    configuration = apt / "apt.conf"
    configuration.write_text(
        'APT::Architecture "arm64";\n'
        'APT::Architectures { "arm64"; };\n'
        'APT::Install-Recommends "false";\n'
        # apt's own user may not read the user's cache folder.
        'APT::Sandbox::User "";\n'
        f'Dir::State "{apt}";\n'
        f'Dir::State::lists "{apt}/lists";\n'
        f'Dir::State::status "{apt}/status";\n'
        f'Dir::Cache "{apt}";\n'
        f'Dir::Cache::archives "{apt}/archives";\n'
        # Indexes for people and hooks of the host's desktop.
        'Acquire::Languages "none";\n'
        "#clear APT::Update::Post-Invoke;\n"
        "#clear APT::Update::Post-Invoke-Success;\n"
        "#clear DPkg::Post-Invoke;\n"
    )
    # -c is read after /etc/apt/apt.conf.d, so that it may undo what stands there.
    apt_get = ["apt-get", "-qq", "-c", configuration]
    run([*apt_get, "update"])
    run([*apt_get, "-y", "--download-only", "install", *_PACKAGES])
    for package in sorted((apt / "archives").glob("*.deb")):
        run(["dpkg-deb", "-x", package, sysroot])
    shutil.rmtree(apt)
