"""Remove images that nobody uses, and what builds that died have left behind.

Each depot is brought within its budgets, the image that was not used for longest going first. When
an image was used is told by a log in the user's cache and by the library's time of last reading;
one that was published or used within the last hour always stays, and so does one that a process
has open on Windows. Images that came with an installed package are its installer's matter.

With a budget of days and no --depot, the user's cache loses as well what was not written for so
long: the folders that `pkgimage build` works in, and notes that spare a process what an earlier one
has found out. They are made again when they are wanted.
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import UTC, datetime
from typing import Any

from ..collecting import IN_USE, PUBLISHED_NOW, USED_NOW, Budgets, Collected, Stored, collect
from ..collecting_cache import CollectedCache, collect_cache
from ..depot import user_cache_folder
from ..model.errors import PackageImageError, one_line
from .images import depots_named
from .output import add_json, document, size_text

EXIT_CODES = {1: "something that should go could not be removed"}
DEFAULT_DAYS = 90.0

_UNITS = {
    "": 1, "B": 1, "K": 10**3, "KB": 10**3, "M": 10**6, "MB": 10**6, "G": 10**9, "GB": 10**9,
    "T": 10**12, "TB": 10**12,
}  # fmt: skip
_MAY_STAY = (IN_USE, USED_NOW, PUBLISHED_NOW)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bytes", metavar="N", help="keep at most so much in each depot; 500MB, 2G and so on"
    )
    parser.add_argument(
        "--variants",
        type=int,
        metavar="N",
        help="keep at most so many images of one package for one platform",
    )
    parser.add_argument(
        "--days",
        type=float,
        metavar="N",
        help="keep what was used within so many days; "
        f"default: {DEFAULT_DAYS:.0f} when no other budget is given",
    )
    parser.add_argument(
        "--depot",
        action="append",
        default=[],
        metavar="DIR",
        help="clean this one; default: the depot path",
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="say what would be removed")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when something stays that should go. PackageImageError for a bad budget."""
    budgets = _budgets(args)
    now = time.time()
    done = [
        collect(depot, budgets, os.environ, now, args.dry_run)
        for depot in depots_named(args.depot, os.environ)
    ]
    cache = None
    if budgets.days is not None and not args.depot:
        cache = collect_cache(user_cache_folder(os.environ), budgets.days, now, args.dry_run)
    if args.json:
        depots = [_keys(each) for each in done]
        kept = None if cache is None else _cache_keys(cache)
        print(document("gc", dry_run=args.dry_run, depots=depots, cache=kept))
    else:
        for each in done:
            print("\n".join(_text(each, args.dry_run)))
        if cache is not None and (cache.builds or cache.memos or cache.skipped):
            print("\n".join(_cache_text(cache, args.dry_run)))
    skipped = [reason for each in done for _, reason in each.skipped]
    skipped += [] if cache is None else [reason for _, reason in cache.skipped]
    failed = [reason for reason in skipped if reason not in _MAY_STAY]
    return 1 if failed else 0


def parse_size(text: str) -> int:
    """Bytes: a number and K, M, G or T (powers of 1000), with or without B. PackageImageError."""
    word = text.strip().upper()
    number = word.rstrip("BKMGT")
    unit = word[len(number) :]
    try:
        size = float(number) * _UNITS[unit]
        if not 0 <= size < 2**63:
            raise ValueError
    except (ValueError, KeyError):
        raise PackageImageError(
            f"--bytes: expected a size such as 500MB or 2G, found {one_line(text)!r}"
        ) from None
    return int(size)


def _budgets(args: argparse.Namespace) -> Budgets:
    for name in ("variants", "days"):
        value = getattr(args, name)
        if value is not None and not value >= 0:
            raise PackageImageError(f"--{name}: expected 0 or more, found {value}")
    given = (args.bytes, args.variants, args.days)
    days = DEFAULT_DAYS if given == (None, None, None) else args.days
    size = None if args.bytes is None else parse_size(args.bytes)
    return Budgets(size, args.variants, days)


def _keys(done: Collected) -> dict[str, Any]:
    return {
        "depot": str(done.depot),
        "removed": [_row(image) | {"why": why} for image, why in done.removed],
        "leftovers": [{"path": str(path), "size": size} for path, size in done.leftovers],
        "skipped": [{"path": str(path), "why": why} for path, why in done.skipped],
        "kept": [_row(image) for image in done.kept],
    }


def _row(image: Stored) -> dict[str, Any]:
    used = datetime.fromtimestamp(image.used, UTC).isoformat(timespec="seconds")
    return {
        "package": image.package,
        "header": str(image.header),
        "platform": image.platform or None,
        "size": image.size,
        "used": used,
    }


def _cache_keys(done: CollectedCache) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "builds": [{"path": str(path), "size": size} for path, size in done.builds],
        "memos": {"files": done.memos, "size": done.memo_size},
        "skipped": [{"path": str(path), "why": why} for path, why in done.skipped],
    }


def _cache_text(done: CollectedCache, dry_run: bool) -> list[str]:
    did = "would remove" if dry_run else "removed"
    lines = [f"{did} a build, {size_text(size)}: {one_line(path)}" for path, size in done.builds]
    lines += [f"kept {one_line(path)}: {why}" for path, why in done.skipped]
    freed = sum(size for _, size in done.builds) + done.memo_size
    lines.append(
        f"{one_line(done.folder)}: {size_text(freed)} {'to free' if dry_run else 'freed'}, "
        f"{len(done.builds)} build{'s' * (len(done.builds) != 1)} and "
        f"{done.memos} note{'s' * (done.memos != 1)}"
    )
    return lines


def _text(done: Collected, dry_run: bool) -> list[str]:
    did = "would remove" if dry_run else "removed"
    lines = [
        f"{did} {image.package} for {image.platform or 'an unknown platform'}, "
        f"{size_text(image.size)}: {why} ({one_line(image.header)})"
        for image, why in done.removed
    ]
    lines += [
        f"{did} what a build left behind, {size_text(size)}: {one_line(path)}"
        for path, size in done.leftovers
    ]
    lines += [f"kept {one_line(path)}: {why}" for path, why in done.skipped]
    freed = sum(image.size for image, _ in done.removed) + sum(size for _, size in done.leftovers)
    kept = sum(image.size for image in done.kept)
    count = len(done.kept)
    lines.append(
        f"{one_line(done.depot)}: {size_text(freed)} {'to free' if dry_run else 'freed'}, "
        f"{count} image{'s' * (count != 1)} of {size_text(kept)} kept"
    )
    return lines
