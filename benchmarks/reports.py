"""What observe.py says of an application, and what is wrong with an image by that."""

from __future__ import annotations

import pickle
from pathlib import Path

from compare import differences
from images import Package, image_environment, plain_environment
from processes import Command, run

OBSERVE = Path(__file__).resolve().parent / "observe.py"


def observed(app: Path, package: Package, depot: Path | None, file: Path) -> dict:
    """The report of an application that uses the images of a depot, or none; kept in `file`.

    Raises processes.Failed when the application fails.
    """
    made = image_environment(package, depot) if depot else plain_environment(package)
    words = (str(OBSERVE), str(file), str(app), *(["--image"] if depot else []))
    run(Command(words, file.parent, made))
    return pickle.loads(file.read_bytes())


def problems(plain: dict, image: dict, ulps: int) -> list[str]:
    """What is wrong with an image: the reports of one application without and with it.

    The image has to be used, to leave Numba nothing to compile, and to give the same results; of
    floats, within `ulps` units in the last place.
    """
    found = [f"rejected: {reason}" for reason in image["rejections"]]
    if not image["answered"]:
        found.append("the image was not used")
    if image["compiled"] or image["passes"]:
        listed = "; ".join(image["compiled"][:5])
        found.append(
            f"{len(image['compiled'])} functions compiled with the image, "
            f"{image['passes']} passes: {listed}"
        )
    return found + differences(plain["results"], image["results"], ulps)
