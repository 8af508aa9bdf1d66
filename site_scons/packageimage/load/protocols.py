"""What parts of the runtime ask of each other: for type checkers, no process imports it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from .dispatchers import Function
from .first_calls import FirstCalls
from .image import Image
from .numba_extensions import Extensions


class Restoring(Protocol):
    """What a loader asks: `session.Session`."""

    def restored_package(self, name: str) -> Any: ...
    def ran_from_source(self, module: str, reason: str) -> None: ...


class Unfinished(Protocol):
    """dispatchers: those that will be Numba's own, with their parts of the image."""

    dispatchers: list[tuple[Any, Function]]


class Package(Protocol):
    """Where the specialisations come from: `restored.RestoredPackage`.

    unfinished: what waits for the module that is being restored.
    """

    image: Image
    first_calls: FirstCalls | None

    def details(self, module: str, at: int) -> Any: ...
    @property
    def unfinished(self) -> Unfinished: ...
    @property
    def report(self) -> Callable[[str, str], None]: ...
    def install(
        self, row: tuple[Any, ...], key: str, target: object, native: Extensions, name: str
    ) -> Any: ...


class MethodSource(Protocol):
    """What the bridge answers from: `load.methods.Methods`, or a capture that is being renewed.

    group: of methods that share a code library; all other indices are the source's own, and stand
    in its rows. See `Methods` for the rest.
    """

    package: str
    slots: Any
    globals_seen: dict[tuple[str, str, str], object]

    @property
    def slot_index(self) -> Mapping[str, int]: ...
    def has(self, key: str) -> bool: ...
    def row(self, key: str) -> dict[str, Any] | None: ...
    def group(self, row: dict[str, Any]) -> Any: ...
    def bitcode(self, group: Any) -> list[bytes]: ...
    def blob(self, index: Any) -> bytes: ...
    def entry(self, container: Any, position: Any) -> int: ...
    def slot_addresses(self) -> Iterable[tuple[str, int]]: ...
    def was_frozen(self, key: str, target: object) -> bool: ...


class Slotted(Protocol):
    """What has slots: number and name of those that wait for no method, and the pointers, to be
    set by number."""

    slots: Any

    @property
    def bound_slots(self) -> Iterable[tuple[int, str]]: ...
