"""Frozen values whose classes cost next to nothing to define.

The loader's modules are imported in every process that uses an image, and defining a class is most
of what that import does: 15 us for a Record, 130 us for a named tuple, 300 us for a frozen
dataclass (both compile source text). Type checkers take a Record for a frozen dataclass.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar, dataclass_transform

_R = TypeVar("_R", bound="Record")


@dataclass_transform(frozen_default=True)
class Record:
    """A value of named fields, which a subclass declares as annotations, with defaults if wanted.

    Equal to another of its class with equal fields, hashable when they are. A subclass's
    `__post_init__` is called last in construction and may change fields by `_put`.
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)
        cls._defaults = {name: vars(cls)[name] for name in cls._fields if name in vars(cls)}

    def __init__(self, *values: Any, **named: Any) -> None:
        """TypeError for a field too many, one given twice, one missing, as of any function."""
        fields = self._fields
        if len(values) == len(fields) and not named:  # as the loader makes hundreds
            self.__dict__.update(zip(fields, values, strict=True))
            self.__post_init__()
            return
        state = {**self._defaults, **dict(zip(fields, values, strict=False)), **named}
        if (
            len(state) != len(fields)
            or len(values) > len(fields)
            or (named and not named.keys().isdisjoint(fields[: len(values)]))
            or state.keys() != set(fields)
        ):
            raise TypeError(
                f"{type(self).__name__} has the fields {', '.join(fields)}; got {len(values)} "
                f"values and {', '.join(named) or 'no names'}"
            )
        vars(self).update(state)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Nothing; for subclasses."""

    def _put(self, name: str, value: object) -> None:
        vars(self)[name] = value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set: it is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted: it is frozen")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self)[name] for name in self._fields))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={vars(self)[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({shown})"

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, in order."""
        return {name: vars(self)[name] for name in self._fields}

    def replace(self: _R, **changes: Any) -> _R:
        """The same value with some fields changed. TypeError for an unknown field."""
        return type(self)(**{**self.as_dict(), **changes})
