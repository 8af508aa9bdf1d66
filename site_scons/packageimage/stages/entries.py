"""entries: the part of a capture's manifest that one partition's code generation needs.

The whole manifest names every source with its hash, so it changes with each comment in the
package. What is written here changes only with the partition's own functions, which lets SCons
stop before the expensive stage.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from packageimage.stages.output import write_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--capture", type=Path, required=True, help="the capture's manifest")
    parser.add_argument("output", nargs="+", type=Path, help="one file per partition, in order")


def run(args: argparse.Namespace) -> None:
    manifest = json.loads(args.capture.read_text(encoding="utf-8"))
    for partition, output in enumerate(args.output):
        text = json.dumps(reduced(manifest, partition), sort_keys=True, indent=1)
        write_output(output, (text + "\n").encode("utf-8"))


def reduced(manifest: dict[str, Any], partition: int) -> dict[str, Any]:
    """The manifest with this partition's entries alone; a manifest itself."""
    entries = manifest["partitions"][partition]["entries"]
    owners = manifest.get("entry_owners", {})
    return {
        "format": manifest["format"],
        "package": manifest["package"],
        "partitions": [
            {"entries": entries if index == partition else []}
            for index in range(len(manifest["partitions"]))
        ],
        "entry_owners": {name: owners[name] for name in entries if name in owners},
    }
