"""What a stage has said of a large output that it has just made: its SHA-256.

The stage had the bytes in its hands; to read and hash a gigabyte once more takes a second.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from packageimage.model.header import HeaderError, decode_sidecar
from packageimage.recipe import CAPTURE_SUFFIXES, DIGEST_SUFFIX, PACKAGE_DATA_SUFFIX


def stated_sha256(stage: str, outputs: Sequence[str], output: str) -> str:
    """In hexadecimal; "" when nothing was said of this output. outputs: all of that run."""
    try:
        if stage == "serialize" and output.endswith(PACKAGE_DATA_SUFFIX):
            stem = output.removesuffix(PACKAGE_DATA_SUFFIX)
            manifest = json.loads(Path(stem + CAPTURE_SUFFIXES[0]).read_bytes())
            return str(manifest["data"]["sha256"])
        if stage == "link" and output == outputs[0]:
            return str(json.loads(Path(output + DIGEST_SUFFIX).read_bytes())["sha256"])
        if stage == "verify" and output == outputs[0]:
            return decode_sidecar(Path(outputs[1]).read_bytes()).image_sha256
    except (OSError, ValueError, LookupError, TypeError, HeaderError):
        pass
    return ""
