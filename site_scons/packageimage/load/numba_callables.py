"""Making restored universal functions, callbacks, stencils and jitclasses Numba's own.

One of the modules that use Numba's private interfaces; it imports Numba.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterable
from typing import Any

from numba.core import ccallback, compiler, ir, types
from numba.core.registry import cpu_target
from numba.core.typing.asnumbatype import as_numba_type
from numba.experimental.jitclass import base as jitclass
from numba.np.ufunc import dufunc, gufunc, parallel, ufuncbuilder
from numba.stencils import stencil

from ..model.type_spec import Spec
from . import jitclasses
from .callables import PART, forget_part
from .dispatchers import CannotInstall
from .image import loads
from .methods import note_answer
from .numba_library import ImageLibrary
from .numba_types import type_of

Restored = Iterable[tuple[Any, Any]]
"""Restored objects, each with its `load.callables.Part`."""

_CLASSES = {
    "dufunc": dufunc.DUFunc, "gufunc": gufunc.GUFunc, "cfunc": ccallback.CFunc,
    "stencil": stencil.StencilFunc, "jitclass": jitclasses.JitClassType,
}  # fmt: skip


def class_for(kind: str) -> Any:
    return _CLASSES[kind]


def give_classes(restored: Restored) -> None:
    """Give objects Numba's class and state. They stay the same objects."""
    for found, part in restored:
        if PART not in vars(found):
            continue  # done by what was asked of it meanwhile
        if part.native is not None:
            part.prepare(found)
        _GIVE[part.kind](found, part)
        # Last: another thread that finds it gone must find the class.
        forget_part(found)


def give_specialisations(restored: Restored) -> None:
    """Ask again for what decorators and calls would have compiled; the bridge answers."""
    for found, part in restored:
        if part.is_complete:
            continue
        part.is_complete = True
        try:
            _SPECIALISE[part.kind](found, part)
        except Exception as error:  # it would fail whoever happens to import Numba
            part.package.report(part.shown, f"{type(error).__name__}: {error}")


# -- universal functions -------------------------------------------------------------------------


def _give_dufunc(found: Any, part: Any) -> None:
    inner = ufuncbuilder.UFuncDispatcher(part.py_func, targetoptions=dict(part.body[0]))
    found.__class__ = dufunc.DUFunc
    found._dispatcher = inner
    _annotate(found, part)
    found._lower_me = dufunc.DUFuncLowerer(found)
    found._install_cg()
    found._install_type()


def _specialise_dufunc(found: Any, part: Any) -> None:
    inner = found._dispatcher
    _, early, signatures, _ = part.body
    options = inner.targetoptions
    for number, (args, returned, key) in enumerate(_wanted(part, early, signatures)):
        note_answer(key, inner)
        signature = args if returned is None else returned(*args)
        result, *rest = ufuncbuilder._compile_element_wise_function(inner, options, signature)
        numbers, address, environment = ufuncbuilder._build_element_wise_ufunc_wrapper(
            result, ufuncbuilder._finalize_ufunc_signature(result, *rest)
        )
        if number >= len(part.loops):  # else its C object has the loop
            found._add_loop(int(address), numbers)
        found._keepalive.append((address, result.library, environment))
        found._lower_me.libs.append(result.library)
    if part.head[3] and not found._frozen:
        found.disable_compile()


def _wanted(part: Any, early: Any, signatures: bytes | None) -> list[tuple[Any, Any, str]]:
    """Arguments, declared return type and key of all loops in order: those that the source
    compiled, then those that calls have asked for."""
    declared = [] if signatures is None else loads(signatures)
    found = [(tuple(args), returned, row[2])
             for (args, returned), row in zip(declared, early, strict=True)]  # fmt: skip
    for items, key in part.loops[len(early) :]:
        found.append((*_signature(part, items), key))
    return found


def _signature(part: Any, items: tuple[Spec, ...]) -> tuple[tuple[Any, ...], Any]:
    """What a call asks to be compiled for operands of these types."""
    kinds = tuple(map(type_of, items))
    if part.kind == "dufunc":
        return kinds[: part.nin], None
    inputs, outputs = ufuncbuilder.parse_signature(part.head[3])
    dimensions = [len(core) for core in inputs] + [len(core) or 1 for core in outputs]
    arguments = (
        types.Array(kind, count, "A") if count else kind
        for kind, count in zip(kinds, dimensions, strict=True)
    )
    return tuple(arguments), types.none


def _give_gufunc(found: Any, part: Any) -> None:
    _, _, identity, signature, writable, frozen, dynamic = part.head
    options, inner_options, *_ = part.body
    builder = ufuncbuilder.GUFuncBuilder(
        part.py_func, signature, identity, False, dict(options), tuple(writable)
    )
    builder.nb_func = ufuncbuilder.UFuncDispatcher(
        part.py_func, targetoptions=dict(inner_options)
    )  # fmt: skip
    vars(found).update(
        ufunc=builder.build_ufunc() if part.ufunc is None else part.ufunc,
        _frozen=frozen,
        _is_dynamic=dynamic,
        _identity=identity,
        gufunc_builder=builder,
        _dispatcher=builder.nb_func,
    )
    found.__class__ = gufunc.GUFunc
    _annotate(found, part)
    found._install_type()
    found._lower_me = gufunc.GUFuncLowerer(found)
    found._install_cg()


def _specialise_gufunc(found: Any, part: Any) -> None:
    _, _, early, signatures, _ = part.body
    for args, returned, key in _wanted(part, early, signatures):
        note_answer(key, found._dispatcher)
        found.add(args if returned is None else returned(*args))
    found.build_ufunc()


def compile_parallel(head: Any, py_func: Any) -> None:
    """Ask for the loops of a function for `target='parallel'`, as its decorator would: that starts
    threads and makes the code's environments. Raises CannotInstall where the image has no say."""
    _, _, _, _, signature, writable, body = head
    options, inner_options, loops, declared = marshal.loads(body)
    builder: Any
    if signature is None:
        builder = parallel.ParallelUFuncBuilder(py_func)
    else:
        builder = parallel.ParallelGUFuncBuilder(
            py_func, signature, None, False, dict(options), tuple(writable)
        )
    builder.nb_func = ufuncbuilder.UFuncDispatcher(py_func, targetoptions=dict(inner_options))
    for (args, returned), (_, _, key) in zip(loads(declared), loops, strict=True):
        note_answer(key, builder.nb_func)
        result = builder.add(tuple(args) if returned is None else returned(*args))
        if not isinstance(result.library, ImageLibrary):
            raise CannotInstall(f"expected code for {py_func.__qualname__}{args}, found none")
    builder.build_ufunc()


def _annotate(found: Any, part: Any) -> None:
    """The rest of what `functools.update_wrapper` copies."""
    if sys.version_info < (3, 14):
        found.__annotations__ = part.py_func.__annotations__
    for name in ("__annotate__", "__type_params__"):
        if sys.version_info >= (3, 12) and hasattr(part.py_func, name):
            setattr(found, name, getattr(part.py_func, name))


# -- callbacks and stencils ----------------------------------------------------------------------


def _give_cfunc(found: Any, part: Any) -> None:
    options, given, *_ = part.body
    args, returned, declared_locals = loads(given)
    before = dict(vars(found))
    found.__class__ = ccallback.CFunc
    found.__init__(part.py_func, (tuple(args), returned), dict(declared_locals), dict(options))
    kept = ("__name__", "__qualname__", "__wrapped__", "ctypes", "cffi")
    vars(found).update({name: before[name] for name in kept if name in before})
    if part.pointer is not None:  # so that no thread finds none
        found._wrapper_address = part.pointer


def _specialise_cfunc(found: Any, part: Any) -> None:
    note_answer(part.body[5], found)
    found.compile()


def _give_stencil(found: Any, part: Any) -> None:
    mode, options, _ = part.body
    kernel = compiler.run_frontend(part.py_func)
    # The globals that the kernel names are those of its decoration.
    held = part.package.values.get(part.module, {})
    for block in kernel.blocks.values():
        for statement in block.find_insts(ir.Assign):
            if isinstance(statement.value, ir.Global) and statement.value.name in held:
                statement.value.value = held[statement.value.name]
    found.__class__ = stencil.StencilFunc
    stencil.StencilFunc.__init__(found, kernel, mode, dict(options))


def _give_jitclass(found: Any, part: Any) -> None:
    """Numba makes a class of its own, whose parts this one takes over."""
    made = jitclass.register_class_type(
        part.py_func, loads(part.fields), types.ClassType, jitclass.ClassBuilder
    )
    kind = made.class_type
    for name, value in vars(made).items():
        if name in ("__doc__", "class_type") or name in kind.jit_static_methods:
            type.__setattr__(found, name, value)
    found.__class__ = jitclass.JitClassType
    found._set_init()
    cpu_target.typing_context.insert_global(found, kind)
    as_numba_type.register(found, kind.instance_type)


def _specialise_nothing(found: Any, part: Any) -> None:
    """What is compiled whenever it is called, or has nothing of its own to compile."""


_GIVE = {
    "dufunc": _give_dufunc, "gufunc": _give_gufunc, "cfunc": _give_cfunc,
    "stencil": _give_stencil, "jitclass": _give_jitclass,
}  # fmt: skip
_SPECIALISE = {
    "dufunc": _specialise_dufunc, "gufunc": _specialise_gufunc, "cfunc": _specialise_cfunc,
    "stencil": _specialise_nothing, "jitclass": _specialise_nothing,
}  # fmt: skip
