"""Run a command and append to a file which stage it was, when it ran, and what it used.

    python -I -S measure_stage.py RECORD COMMAND [ARGUMENT ...]

RECORD gets one line of JSON: `stage`, the word after `packageimage.stages`, or `other`; `started`
and `ended`, seconds of one clock for all processes of this machine; `cpu`, the seconds that all
processes below this one computed, in sum; `peak`, the bytes of the largest of them, so for
serialize of the stage or of its worker. Both are 0 where the system does not say (Windows).

A process of its own and a small one, because the kernel lets a new process begin with the peak of
the one that started it: SCons' would hide the smaller stages.
"""

import json
import re
import subprocess
import sys
import time

STAGE = re.compile(r"-m packageimage\.stages (\w+)")


def stage_in(words: list[str]) -> str:
    """The stage that a command line runs."""
    found = STAGE.search(" ".join(words))
    return found[1] if found else "other"


def used_by_children() -> dict[str, float]:
    """CPU seconds and peak bytes of the processes that this one has waited for, and of theirs."""
    try:
        import resource
    except ImportError:
        return {"cpu": 0.0, "peak": 0}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
    return {"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * unit}


def main(record: str, *words: str) -> int:
    started = time.monotonic()
    code = subprocess.run(words, check=False).returncode
    line = {
        "stage": stage_in(list(words)),
        "started": started,
        "ended": time.monotonic(),
        **used_by_children(),
    }
    with open(record, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
