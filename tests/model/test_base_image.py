from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packageimage.model.base_image import BaseImage, base_mismatch

BASE = BaseImage("cpython-311", "0.68.1", "0.50.0", "22.1.0", "2.3.0")


def test_id_is_stable() -> None:
    """A change of this value makes every published image useless: it must be meant."""
    assert BASE.id == BaseImage("cpython-311", "0.68.1", "0.50.0", "22.1.0", "2.3.0", 8).id
    assert len(BASE.id) == 64


def test_every_field_counts() -> None:
    for name, value in BASE.as_dict().items():
        other = BASE.replace(**{name: value + (1 if isinstance(value, int) else "x")})
        assert other.id != BASE.id
        reason = base_mismatch(other, BASE)
        assert reason is not None and name.replace("_", " ") in reason
    assert base_mismatch(BASE, BASE) is None


@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_bases_share_an_id(a: str, b: str, c: str, d: str) -> None:
    one, other = BaseImage("x", a, b, "", "n"), BaseImage("x", c, d, "", "n")
    assert (one.id == other.id) == (one == other)
