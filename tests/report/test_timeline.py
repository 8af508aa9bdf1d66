"""The file with a build's times, and its steps on as few rows as they need."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.model.errors import PackageImageError
from packageimage.report.build_times import keep
from packageimage.report.timeline import Step, decode, encode, lanes, total


def step(stage="codegen", start=0.0, seconds=1.0, about="", outcome="run"):
    return Step("k for linux-x86_64", stage, about, outcome, start, seconds)


def test_reads_what_it_wrote_in_any_order():
    steps = (step("link", 3.25), step(about="p0"), step(about="p1"))
    data = encode("k", steps)
    assert data == encode("k", steps[::-1])
    package, found = decode(data, "file")
    assert (package, set(found)) == ("k", set(steps))


def test_what_was_skipped_keeps_its_earlier_times():
    earlier = (step("serialize", 0, 5), step("link", 6, 1))
    now = (step("serialize", 0, 0, outcome="skipped"), step("link", 0.5, 2))
    _, found = decode(encode("k", now, earlier), "file")
    assert [(each.stage, each.seconds, each.outcome) for each in found] == [
        ("link", 2, "run"), ("serialize", 5, "run"),
    ]  # fmt: skip
    _, found = decode(encode("k", now), "file")
    assert [each.outcome for each in found] == ["run", "skipped"]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "steps": 3}', b"\xff",
     b'{"format": 1, "package": "k", "steps": [{"image": 1}]}'],
)  # fmt: skip
def test_other_files(data):
    with pytest.raises(PackageImageError, match=r"^k.json: expected the times of a build, found"):
        decode(data, "k.json")


def test_rows():
    both = [step(start=0, seconds=2, about="a"), step(start=1, seconds=2, about="b")]
    after = [step(start=2, seconds=2, about="c"), step(start=9, seconds=0, about="none")]
    skipped = [step(start=0, seconds=3, outcome="skipped")]
    rows = lanes([*after, *skipped, *both])
    assert [[each.about for each in row] for row in rows] == [["a", "c"], ["b"]]
    assert total([*after, *both]) == 4
    assert (lanes([]), total([])) == ([], 0)


times = st.floats(0, 100, allow_nan=False)


@given(st.lists(st.builds(step, start=times, seconds=times), max_size=20))
def test_no_row_holds_two_at_once(steps):
    rows = lanes(steps)
    ran = [each for each in steps if each.seconds > 0]
    assert sorted(map(repr, ran)) == sorted(repr(each) for row in rows for each in row)
    for row in rows:
        for before, after in itertools.pairwise(row):
            assert before.start + before.seconds <= after.start + 1e-3
    # No more rows than ran at one time, but for starts within the same millisecond.
    most = max(
        (sum(a.start - 1e-3 <= b.start + b.seconds and b.start <= a.start for b in ran)
         for a in ran), default=0,
    )  # fmt: skip
    assert len(rows) <= most


def test_kept_beside_the_builds_files(tmp_path):
    file = tmp_path / "k.build.json"
    file.write_text("not ours")
    keep(tmp_path, "k", [step("serialize", 0, 5), step("link", 5, 1)])
    keep(tmp_path, "k", [step("serialize", 0, 0, outcome="skipped"), step("link", 0, 2)])
    package, found = decode(file.read_bytes(), file.name)
    assert (package, [each.seconds for each in found]) == ("k", [2, 5])
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(OSError):
        keep(tmp_path / "absent", "k", [])
