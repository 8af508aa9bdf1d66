"""An image with large arrays: what building and loading take, and what processes share (Linux).

    python large.py [--megabytes 10,1000] [--processes 1,4,16] [--rounds 7] [--work DIR]

The package holds one array of so many megabytes. Times: of each stage that handles the array, of
`dd` writing as much to the same disk, and from start to exit of processes that import the package,
or NumPy alone. Memory: the proportional set size (PSS) of so many processes at once that have read
all of the array, added up, against as many that have made it themselves.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from images import Package, build, image_environment, plain_environment
from machine import as_text, describe
from processes import Command, clean_environment, in_turns, run, summarise

SOURCE = """
import numpy as np
from numba import njit

TABLE = np.arange({count}, dtype=np.float64)


@njit
def at(table, i):
    return table[i]
"""
WORKLOAD = "import large\nlarge.at(large.TABLE, 3)\n"
ENABLED = "import packageimage; packageimage.enable()\n"
READ = "import large, sys; print(large.TABLE[::512].sum(), flush=True); sys.stdin.read()\n"


def write_speed(folder: Path, megabytes: int) -> float:
    """Seconds that writing and syncing as much takes."""
    start = time.perf_counter()
    words = ["dd", "if=/dev/zero", f"of={folder / 'zeros'}", "bs=1M", f"count={megabytes}"]
    subprocess.run([*words, "conv=fsync"], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    (folder / "zeros").unlink()
    return seconds


def shared_memory(code: str, environment: dict, folder: Path, count: int) -> float:
    """Megabytes of PSS of `count` processes at once, added up."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=folder, env=clean_environment(environment),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(count)
    ]  # fmt: skip
    for process in processes:
        process.stdout.readline()
    total = 0
    for process in processes:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
        total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])
    for process in processes:
        process.communicate()
    return total / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", default="10,1000")
    parser.add_argument("--processes", default="1,4,16")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    print(as_text(describe()))
    with tempfile.TemporaryDirectory(prefix="large-", dir=arguments.work) as temporary:
        for megabytes in map(int, arguments.megabytes.split(",")):
            work = Path(temporary, str(megabytes))
            (work / "src" / "large").mkdir(parents=True)
            source = SOURCE.format(count=megabytes * 131072)
            (work / "src" / "large" / "__init__.py").write_text(source, encoding="utf-8")
            (work / "workload.py").write_text(WORKLOAD, encoding="utf-8")
            package = Package("large", work / "workload.py", work / "src")
            seconds = build(package, work / "depot", "native", work / "build", "--restore")
            wrote = write_speed(work, megabytes)
            print(f"{megabytes} MB: built in {seconds:.1f} s; writing as much takes {wrote:.1f} s")
            environment = {
                **image_environment(package, work / "depot"), "XDG_CACHE_HOME": str(work / "cache"),
            }  # fmt: skip
            plain = dict(plain_environment(package))
            time.sleep(3)  # what is younger than two seconds is read again at each load

            def timed(code, chosen, work=work):
                return lambda: run(Command(("-c", code), work, chosen))

            timed(ENABLED + "import large", environment)()
            sides = {
                "import numpy": timed("import numpy", plain),
                "restored": timed(ENABLED + "import large", environment),
                "and one element": timed(ENABLED + "import large; large.TABLE[99]", environment),
            }
            runs = in_turns(sides, dict.fromkeys(sides, arguments.rounds))
            for name, listed in runs.items():
                one = summarise(done.seconds for done in listed)
                print(f"  {name:18}{one.median * 1e3:>8.1f} ms ({one.low * 1e3:.1f} lowest)")
            if not os.path.exists("/proc/self/smaps_rollup"):
                continue
            for count in map(int, arguments.processes.split(",")):
                image = shared_memory(ENABLED + READ, environment, work, count)
                if megabytes * count > 4000:
                    print(f"  {count:>2} processes: PSS {image:.0f} MB in all with the image")
                    continue
                own = shared_memory(READ, plain, work, count)
                print(f"  {count:>2} processes: PSS {image:.0f} MB in all, {own:.0f} MB without")
    return 0


if __name__ == "__main__":
    sys.exit(main())
