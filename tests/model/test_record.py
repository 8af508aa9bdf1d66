"""Records behave as frozen values, whatever cheap way they are made in."""

import pytest
from packageimage.model.record import Record


class Point(Record):
    x: int
    y: int = 0


class Sorted(Record):
    items: tuple[int, ...]

    def __post_init__(self) -> None:
        self._put("items", tuple(sorted(self.items)))


def test_fields_by_position_name_and_default() -> None:
    assert Point(1, 2) == Point(1, y=2) == Point(y=2, x=1) != Point(1)
    assert Point(1) == Point(1, 0)
    assert hash(Point(1, 2)) == hash(Point(y=2, x=1))
    assert repr(Point(1)) == "Point(x=1, y=0)"
    assert Point(1).as_dict() == {"x": 1, "y": 0}
    assert list(Point(y=1, x=2).as_dict()) == ["x", "y"]


def test_classes_are_told_apart() -> None:
    class Other(Record):
        x: int
        y: int = 0

    assert Point(1) != Other(1)
    assert Point(1) != (1, 0)


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1}), ((1, 2), {"z": 1})],
)
def test_wrong_fields_are_a_type_error(values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Point has the fields x, y"):
        Point(*values, **named)


def test_frozen() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match=r"Point\.x"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r"Point\.x"):
        del point.x
    assert point == Point(1)


def test_replace_makes_another() -> None:
    point = Point(1)
    assert point.replace(y=5) == Point(1, 5)
    assert point == Point(1)
    with pytest.raises(TypeError):
        point.replace(z=1)


def test_post_init_may_bring_fields_into_order() -> None:
    assert Sorted((3, 1)).items == (1, 3)
    assert Sorted((3, 1)).replace(items=(9, 2)).items == (2, 9)
