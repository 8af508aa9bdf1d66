"""What Numba gets of an image for its own compile results, and what the image's code gets of this
process: environments, objects that it refers to, variables for JIT code.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy
from numba import _dynfunc
from numba.core import ccallback, compiler, environment, types, typing
from numba.core.registry import cpu_target

from ..model.method_key import array_shape
from . import logs, note
from .image import ARRAY, ENVIRONMENT, WITH_METHOD, UnboundSlot, loads, value_of
from .numba_attach import address_of
from .numba_library import Descriptor, Found, ImageLibrary

if TYPE_CHECKING:
    from .methods import Methods
    from .protocols import MethodSource

_C_FUNCTION: Any = ctypes.CFUNCTYPE(None).__mro__[1]  # what all ctypes functions derive from


class CannotAttach(Exception):
    """The image has the method but this process isn't as it was at build; the message says why."""


class Results:
    """The compile results of methods of images."""

    def __init__(self, report: Callable[[str, str], None]) -> None:
        """`report` is told (method, reason) when an image has a method that can't be attached."""
        self._report = report
        self._libraries: dict[tuple[int, Any], ImageLibrary] = {}
        self._environments: dict[int, dict[str, Any]] = {}  # by the ids of images, and slots
        self._references: dict[tuple[int, str], tuple[int, Any]] = {}
        self._cells: dict[tuple[int, str], ctypes.c_void_p] = {}  # see `_cell_of`
        self._return_types: dict[tuple[int, Any], Any] = {}
        self._initialised: set[tuple[str, str]] = set()
        self._late: list[tuple[MethodSource, int, str]] = []
        self._owners: dict[int, tuple[Any, Found]] = {}  # by the ids of descriptors, which it keeps
        self.answered = 0  # requests

    def wait_for_threads(self, image: MethodSource, late: Iterable[tuple[int, str]]) -> None:
        """Fill these slots of an image once Numba has its threads."""
        self._late += [(image, index, name) for index, name in late]

    def found(self, result: Any) -> Found | None:
        """The method that a compile result was made of, if one of these was."""
        owner = self._owners.get(id(result.fndesc))
        return None if owner is None else owner[1]

    def entry_point(self, found: Found) -> Any:
        """What Numba's dispatcher calls, None for a method that only other code calls. Its
        environments and references are filled. Raises CannotAttach."""
        image, row = found.image, found.row
        try:
            if row["init"]:
                self._initialise(row)
            env = self._fill_environments(image, row)
        except CannotAttach as error:
            self._report(f"{row['module']}.{row['qualname']}", str(error))
            raise
        self.answered += 1
        if logs:
            note("answered", method=f"{row['module']}.{row['qualname']}")
        if "cpython" not in row["entries"]:
            return None
        module, qualname = row["module"], row["qualname"]
        return _dynfunc.make_function(
            sys.modules.get(module) or Descriptor(row, None, ()).lookup_module(),
            qualname.rpartition(".")[2],
            f"compiled wrapper for {qualname!r}",
            image.entry(*row["entries"]["cpython"]),
            env,
            (image,),
        )

    def numbered_result(
        self, image: Methods, number: int, arguments: tuple[Any, ...], entry_point: Any
    ) -> Any:
        """The compile result of a method that has answered by its number (`numba_attach`)."""
        row = image.row(image.key(number))
        assert row is not None
        self._fill_environments(image, row)
        return self.compile_result(Found(image, row), arguments, entry_point)

    def compile_result(self, found: Found, arguments: tuple[Any, ...], entry_point: Any) -> Any:
        """The compile result of a method whose entry point is there (`entry_point`)."""
        image, row = found.image, found.row
        return_type = self.return_type(image, row["return"])
        library = self._library(image, row)
        library.add_symbols(row["roles"], row["entries"])
        descriptor = Descriptor(row, return_type, arguments)
        for name, _, _ in row["environments"]:
            env = self._environments[id(image)][name]
            environment.Environment._memo[name] = env
        self._owners[id(descriptor)] = (descriptor, found)
        return compiler.CompileResult(
            typing_context=cpu_target.typing_context,
            target_context=cpu_target.target_context,
            entry_point=entry_point,
            typing_error=None,
            type_annotation="",
            signature=typing.signature(return_type, *arguments),
            objectmode=row["objectmode"],
            lifted=(),
            fndesc=descriptor,
            library=library,
            call_helper=None,
            environment=self._environments[id(image)].get(row["environment"]),
            metadata={},
            reload_init=(),
            referenced_envs=(),
        )

    def _library(self, image: MethodSource, row: dict[str, Any]) -> ImageLibrary:
        key = (id(image), image.group(row))
        if key not in self._libraries:
            self._libraries[key] = ImageLibrary(image, key[1], partial(self._cell_of, image))
        return self._libraries[key]

    def _cell_of(self, image: MethodSource, name: str) -> ctypes.c_void_p:
        """The variable that stands for a slot that an image has not. It is filled with the method
        that has it, if that is not done yet: most belong to methods that nobody calls here."""
        key = id(image), name
        if key not in self._cells:
            value = None
            if name.startswith(ENVIRONMENT):
                made = self._environments.get(id(image), {}).get(name)
                value = None if made is None else id(made)
            elif name.startswith(WITH_METHOD):
                value = self._references.get(key, (None, None))[0]
            else:
                with suppress(UnboundSlot):
                    value = value_of(name, address_of)
            self._cells[key] = ctypes.c_void_p(value)
        return self._cells[key]

    def roles_of(self, result: Any) -> tuple[dict[str, str], ImageLibrary] | None:
        """The entries of a result that came from an image, else None."""
        found = self.found(result)
        return (
            None if found is None else (found.row["roles"], self._library(found.image, found.row))
        )

    def _initialise(self, row: dict[str, Any]) -> None:
        for module, qualname in row["init"]:
            if (module, qualname) not in self._initialised:
                function: Any = importlib.import_module(module)
                for part in qualname.split("."):
                    function = getattr(function, part)
                function()
                self._initialised.add((module, qualname))
        if row["init"] and self._late:
            still_missing = []
            for image, index, name in self._late:
                address = address_of(name)
                if address is None:
                    still_missing.append((image, index, name))
                else:
                    image.slots[index] = address
            self._late = still_missing

    def _fill_environments(self, image: MethodSource, row: dict[str, Any]) -> Any:
        made = self._environments.setdefault(id(image), {})
        for name, module_name, constants in row["environments"]:
            if name in made:
                continue
            namespace: dict[str, Any] = {}
            if module_name is not None:
                module = sys.modules.get(module_name)
                namespace = (module or importlib.import_module(module_name)).__dict__
            env = environment.Environment(namespace)
            env.env_name = name
            if constants is not None:
                env.consts.extend(loads(image.blob(constants)))
            index = image.slot_index.get(name)
            if index is not None:  # code that never uses it needs no slot
                image.slots[index] = id(env)
            elif (id(image), name) in self._cells:
                self._cells[id(image), name].value = id(env)
            made[name] = env  # last: who finds it runs the code
        for name in row["references"]:
            index = image.slot_index.get(name)
            if index is None:
                with suppress(CannotAttach):  # the image's code does without
                    known = self._references.setdefault((id(image), name), self._reference(name))
                    if (id(image), name) in self._cells:
                        self._cells[id(image), name].value = known[0]
                continue
            address, keep = self._reference(name)
            # Code that was attached before has the first object, as code of the JIT would.
            known = self._references.setdefault((id(image), name), (address, keep))
            if known[0] != address:
                raise CannotAttach(f"expected {name}, found another object than at first")
            image.slots[index] = address
        own = row["environment"]
        return made.get(own) if own else None

    def _reference(self, name: str) -> tuple[int, Any]:
        """The value of a slot that refers to an object of a module, and what keeps it alive."""
        prefix, module_name, attribute, *shape = name.split(":")
        module = sys.modules.get(module_name)
        if module is None or attribute not in vars(module):
            raise CannotAttach(f"expected {module_name}.{attribute}, found none")
        value = vars(module)[attribute]
        if prefix.startswith(ARRAY):
            found = "none"
            if isinstance(value, numpy.ndarray):
                found = array_shape(value)
            if found != ":".join(shape):
                raise CannotAttach(f"expected {module_name}.{attribute} {shape}, found {found}")
            return (value.ctypes.data if prefix.endswith("data") else id(value)), value
        if prefix.endswith("function"):
            return _function_address(value), value
        if prefix.endswith("jitclass"):
            from numba.experimental.jitclass import boxing

            box = boxing._specialize_box(value.class_type.instance_type)
            return id(box), box
        return id(value), value

    def return_type(self, image: MethodSource, index: Any) -> Any:
        key = (id(image), index)
        if key not in self._return_types:
            self._return_types[key] = loads(image.blob(index))
        return self._return_types[key]


def _function_address(value: Any) -> int:
    """The address of the C function that a global stands for, as Numba's types take it."""
    if isinstance(value, _C_FUNCTION):
        address = ctypes.cast(value, ctypes.c_void_p).value
    elif isinstance(value, ccallback.CFunc):
        address = value.address
    elif isinstance(value, types.WrapperAddressProtocol):
        address = value.__wrapper_address__()
    else:
        from numba.core.typing import cffi_utils

        address = cffi_utils.get_pointer(value)
    if not address:
        raise CannotAttach(f"expected a C function, found {type(value).__name__}")
    return int(address)
