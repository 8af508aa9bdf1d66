"""What Numba's compiler sees of an image's methods: their code library and their descriptors.

Nothing is made of it until JIT code calls a method, or somebody inspects it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
from numba.core import codegen, funcdesc, generators
from numba.core.registry import cpu_target

from .image import ENVIRONMENT
from .numba_caching import UNCACHEABLE

if TYPE_CHECKING:
    from .protocols import MethodSource

_STRONG = (llvm.Linkage.external, llvm.Linkage.weak_odr)


class Found:
    """A method of an open image."""

    __slots__ = ("image", "row")

    def __init__(self, image: MethodSource, row: dict[str, Any]) -> None:
        self.image = image
        self.row = row


class ImageLibrary(codegen.JITCodeLibrary):  # type: ignore[misc]
    """What Numba takes for the code library of an image's methods."""

    def __init__(
        self, image: MethodSource, group: Any, cell_of: Callable[[str], ctypes.c_void_p]
    ) -> None:
        """`cell_of` gives a variable that stands for a slot that the image has not."""
        self._cell_of = cell_of
        # Deliberately not JITCodeLibrary.__init__, which makes an LLVM module: this costs nothing
        # until JIT code wants to link a method.
        self.image = image
        self.group = group
        self._name = f"pkgimage {image.package}"
        self._finalized = True
        self._dynamic_globals = [UNCACHEABLE]
        self._reload_init: set[Any] = set()
        self._linking_libraries: list[Any] = []
        self._disable_inspection = False
        self._symbols: dict[str, tuple[Any, Any]] = {}
        self._shared: Any = None
        self._jitted: list[Any] = []

    @property
    def _codegen(self) -> Any:
        return cpu_target.target_context.codegen()  # made when it is needed (`LazyContext`)

    def add_symbols(self, roles: dict[str, str], entries: dict[str, list[Any]]) -> None:
        for role, symbol in roles.items():
            self._symbols[symbol] = (entries[role][0], entries[role][1])

    def get_pointer_to_function(self, name: str) -> int:
        place = self._symbols.get(name)
        return self.image.entry(*place) if place else self._jit(name)

    def _jit(self, name: str) -> int:
        """The address of a function that is no entry of the image: compiled from its bitcode."""
        module = self._get_module_for_linking().clone()
        try:
            module.get_function(name).linkage = "external"
        except NameError:
            return 0
        library = self._codegen.create_library(name)
        library.add_linking_library(self)
        library._final_module.link_in(module)
        library._finalize_final_module()
        self._jitted.append(library)
        return int(library.get_pointer_to_function(name))

    def _ensure_finalized(self) -> None:
        pass

    @property
    def _final_module(self) -> Any:
        return self._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        if self._shared is None:
            first, *others = self.image.bitcode(self.group)
            merged = llvm.parse_bitcode(first)
            for data in others:
                merged.link_in(llvm.parse_bitcode(data))
            # Slots of the image are variables of this process to JIT code. Where the image's own
            # code needs none, because LLVM has found that it never gets there, the JIT's may: it
            # inlines otherwise. A name without an address would be a null pointer to all of it.
            known = dict(self.image.slot_addresses())
            for variable in merged.global_variables:
                name = variable.name
                if variable.is_declaration and name.startswith(("pkgimage.", ENVIRONMENT)):
                    address = known.get(name)
                    if address is None:
                        address = ctypes.addressof(self._cell_of(name))
                    llvm.add_symbol(name, address)
            # Not before all are linked: LLVM leaves such functions out where nothing needs them.
            for function in merged.functions:
                if not function.is_declaration and function.linkage in _STRONG:
                    function.linkage = "linkonce_odr"
            self._shared = merged
        return self._shared


class Descriptor(funcdesc.PythonFunctionDescriptor):  # type: ignore[misc]
    """What Numba's compiler knows of a function, from its row: without mangling anything, and no
    sooner than something is asked for, which a method that is only called is not."""

    __slots__ = ("_row",)

    def __init__(self, row: dict[str, Any], return_type: Any, arguments: tuple[Any, ...]) -> None:
        self._row = row
        self.restype = return_type  # type: ignore[misc]
        self.argtypes = arguments  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        if name == "_row":  # of a copy that is being made
            raise AttributeError(name)
        row = self._row
        for known, value in (
            ("native", not row["objectmode"]), ("modname", row["module"]), ("global_dict", None),
            ("qualname", row["qualname"]), ("unique_name", row["symbol"]), ("doc", ""),
            ("typemap", None), ("calltypes", None), ("args", tuple(row["arguments"])), ("kws", ()),
            ("mangled_name", row["symbol"]), ("env_name", row["environment"]), ("inline", False),
            ("noalias", row["noalias"]), ("abi_tags", ()), ("uid", None),
        ):  # fmt: skip
            if known == name:
                setattr(self, name, value)
                return value
        raise AttributeError(name)


class GeneratorDescriptor(Descriptor, generators.GeneratorDescriptor):  # type: ignore[misc]
    """That of a generator's code. Its names are not made of each other as Numba's are: each has a
    text of its own in the place of the address that Numba tells generators by."""

    __slots__ = ()

    @property
    def llvm_cpython_wrapper_name(self) -> str:
        return str(self._row["generator"][1])

    @property
    def llvm_finalizer_name(self) -> str:
        return str(self._row["generator"][2])
