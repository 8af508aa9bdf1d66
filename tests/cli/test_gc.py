from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from packageimage.cli import main
from packageimage.commands import gc
from packageimage.depot import user_cache_folder
from packageimage.model.errors import PackageImageError

DAY = 86_400
LIBRARY = Path(gc.__file__).parents[2]


@pytest.fixture
def depot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    path = tmp_path / "depot"
    monkeypatch.setenv("PKGIMAGE_DEPOT_PATH", str(path))
    folder = path / "0123456789abcdef" / "kernels"
    folder.mkdir(parents=True)
    for slug, days in (("a", 200), ("b", 100), ("c", 2)):
        for suffix in (".pki", ".pkgimage.so"):
            file = folder / (slug + suffix)
            file.write_bytes(b"x" * 500)
            os.utime(file, (time.time() - days * DAY,) * 2)
    return path


def slugs(depot: Path) -> str:
    return "".join(sorted(path.stem for path in depot.rglob("*.pki")))


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ([], "c"),
        (["--days", "150"], "bc"),
        (["--days", "1"], ""),
        (["--variants", "2"], "bc"),
        (["--bytes", "1KB"], "c"),
        (["--bytes", "2000"], "bc"),
        (["--bytes", "1G"], "abc"),
        (["--bytes", "1G", "--variants", "1"], "c"),
        (["--dry-run"], "abc"),
    ],
)
def test_budgets(
    depot: Path, capsys: pytest.CaptureFixture[str], words: list[str], left: str
) -> None:
    assert main(["gc", *words]) == 0
    assert slugs(depot) == left
    said = capsys.readouterr().out.splitlines()[-1]
    count = len(left) if "--dry-run" not in words else 1
    assert said.startswith(f"{depot}: ")
    assert f"{count} image{'s' * (count != 1)} of " in said


def test_text(depot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (depot / "0123456789abcdef/kernels/z.sig").touch()
    os.utime(depot / "0123456789abcdef/kernels/z.sig", (0, 0))
    assert main(["gc", "--days", "150", "-n"]) == 0
    folder = depot / "0123456789abcdef" / "kernels"
    assert capsys.readouterr().out.splitlines() == [
        "would remove kernels for an unknown platform, 1.00 KB: not used for 200 days "
        f"({folder / 'a.pki'})",
        f"would remove what a build left behind, 0 B: {folder / 'z.sig'}",
        f"{depot}: 1.00 KB to free, 2 images of 2.00 KB kept",
    ]


def test_json(depot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gc", "--variants", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["command"], said["dry_run"]) == (1, "gc", False)
    (only,) = said["depots"]
    assert only["depot"] == str(depot)
    assert [Path(row["header"]).stem for row in only["removed"]] == ["a", "b"]
    assert only["removed"][0]["why"] == "more than 1 of kernels"
    assert set(only["removed"][0]) == {"package", "header", "platform", "size", "used", "why"}
    assert [row["size"] for row in only["kept"]] == [1000]
    assert (only["leftovers"], only["skipped"]) == ([], [])


@pytest.mark.parametrize(
    "words",
    [["--bytes", "x"], ["--bytes", "-1"], ["--bytes", "nan"], ["--variants", "-1"],
     ["--days", "-1"], ["--days", "nan"], ["--bytes", "1XB"], ["--bytes", ""]],
)  # fmt: skip
def test_bad_budgets_remove_nothing(
    depot: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["gc", *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("pkgimage: error: ")
    assert slugs(depot) == "abc"


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500", 500), ("1k", 1000), ("1.5MB", 1_500_000), ("2 G", 2 * 10**9), ("7B", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert gc.parse_size(text) == size


@pytest.mark.parametrize("text", ["MB", "1BB", "1KK", "1e999", "inf", "--"])
def test_other_sizes_are_mistakes(text: str) -> None:
    with pytest.raises(PackageImageError, match="500MB or 2G"):
        gc.parse_size(text)


def test_something_stays_that_should_go(
    depot: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusing(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr(os, "rename", refusing)
    assert main(["gc", "--days", "150"]) == 1
    assert "a.pki: Permission denied" in capsys.readouterr().out
    assert slugs(depot) == "abc"


def test_named_depots_alone(depot: Path, tmp_path: Path) -> None:
    assert main(["gc", "--depot", str(tmp_path / "other")]) == 0
    assert slugs(depot) == "abc"


@pytest.fixture
def cache(depot: Path, tmp_path: Path) -> Path:
    """A cache with an old build of 700 bytes, a fresh one, an empty one, old and fresh notes."""
    cache = user_cache_folder(os.environ)
    for name, days in (
        ("build/old/SConstruct", 100), ("build/old/captures/a", 200), ("build/fresh/SConstruct", 1),
        ("build/fresh/captures/a", 200), ("answers/old.json", 100), ("seen/old.json", 99),
        ("seen/fresh.json", 2), ("uses/old", 95), ("other/old", 300),
    ):  # fmt: skip
        file = cache / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * (350 if "build" in name else 10))
        os.utime(file, (time.time() - days * DAY,) * 2)
    os.utime(cache / "build/old/captures", (time.time() - 200 * DAY,) * 2)
    (cache / "build/empty").mkdir()
    os.utime(cache / "build/empty", (time.time() - DAY,) * 2)
    (cache / "build/link").symlink_to(tmp_path / "elsewhere")
    return cache


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    )


KEPT = [
    "build/fresh/SConstruct", "build/fresh/captures/a", "build/link", "other/old",
    "seen/fresh.json",
]  # fmt: skip


def test_the_cache(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = files(cache)
    for words in (["--dry-run"], ["--bytes", "1G"], ["--variants", "9"], ["--depot", "nowhere"]):
        assert main(["gc", *words]) == 0
        assert files(cache) == everything, words
        assert ("would remove a build" in capsys.readouterr().out) == (words == ["--dry-run"])
    assert main(["gc"]) == 0
    assert files(cache) == KEPT
    # The folder is left for who may be about to build there, and goes when it stays empty.
    assert (cache / "build/old").is_dir() and not (cache / "build/empty").exists()
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"removed a build, 700 B: {cache / 'build/old'}",
        f"{cache}: 730 B freed, 1 build and 3 notes",
    ]
    os.utime(cache / "build/old", (time.time() - DAY,) * 2)
    assert main(["gc", "--json"]) == 0
    assert not (cache / "build/old").exists()
    assert json.loads(capsys.readouterr().out)["cache"] == {
        "folder": str(cache), "builds": [], "memos": {"files": 0, "size": 0}, "skipped": [],
    }  # fmt: skip


def test_a_build_that_runs_stays(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = cache / "build/old/.lock"
    code = (
        "import sys, pathlib\nfrom packageimage.locks import held\n"
        "with held(pathlib.Path(sys.argv[1]), 'a build'):\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(lock)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ,
    ) as holder:  # fmt: skip
        assert holder.stdout and holder.stdout.readline() == "held\n"
        for path in lock.parent.iterdir():
            os.utime(path, (time.time() - 100 * DAY,) * 2)
        assert main(["gc"]) == 0
        assert f"kept {lock.parent}: a process uses it" in capsys.readouterr().out
        assert (lock.parent / "SConstruct").exists()
        holder.communicate("")
    assert main(["gc"]) == 0
    assert not (lock.parent / "SConstruct").exists()
