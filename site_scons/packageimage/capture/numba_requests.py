"""Hooks on what Numba is asked to compile, and on what it reads for that: all of it is recorded.

One of the modules that use Numba's private interfaces, as `capture.numba_bridge` is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from numba.core import (
    bytecode,
    ccallback,
    compiler,
    dispatcher,
    entrypoints,
    lowering,
    sigutils,
    typing,
)
from numba.core.typing import templates
from numba.np.ufunc import dufunc, ufuncbuilder
from numba.np.ufunc import parallel as parallel_ufunc
from numba.stencils.stencil import StencilFunc

from ..model.code_place import place_in
from ..model.method_key import callback_options, dispatcher_options, options_text
from .hooks import replace
from .numba_recorder import Method, Recorder


def hook_compilations(recorder: Recorder) -> None:
    """Record which functions go into each compilation, and what else decides its code."""

    def framed(original: Callable) -> Callable:
        def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
            with recorder.frame():
                # Lifted code, object mode and stencils start from IR, which names its function.
                source = kwargs.get("func_ir", args[0] if args else None)
                func_id = getattr(source, "func_id", None)
                if func_id is not None:
                    recorder.on_function(func_id.func)
                return original(self, *args, **kwargs)

        return hooked

    replace(compiler.CompilerBase, "compile_extra", framed)
    replace(compiler.CompilerBase, "compile_ir", framed)

    from_function = bytecode.FunctionIdentity.from_function.__func__

    def hooked_from_function(cls: type, pyfunc: Any) -> Any:
        identity = from_function(cls, pyfunc)
        recorder.on_function(identity.func)
        return identity

    bytecode.FunctionIdentity.from_function = classmethod(hooked_from_function)

    def asked(attribute: str) -> Callable:
        def make(original: Callable) -> Callable:
            def hooked(self: Any, args: Any, kws: Any) -> Any:
                declined = False
                try:
                    found = original(self, args, kws)
                    declined = found is None
                finally:
                    recorder.on_overload(getattr(self, attribute), declined)
                return found

            return hooked

        return make

    # What overload_method and overload_attribute declare is asked as an overload too.
    replace(templates._OverloadFunctionTemplate, "generic", asked("_overload_func"))
    replace(templates._IntrinsicTemplate, "generic", asked("_definition_func"))

    def init_all(original: Callable) -> Callable:
        def hooked() -> None:
            if not entrypoints._already_initialized:
                before = set(sys.modules)
                recorder.watch.begin("")  # what they register is no doing of who asked for it
                try:
                    original()
                finally:
                    recorder.watch.end()
                recorder.extensions |= sys.modules.keys() - before

        return hooked

    replace(entrypoints, "init_all", init_all)

    def module_constant(original: Callable) -> Callable:
        def hooked(self: Any, kind: Any, attribute: str) -> Any:
            found = original(self, kind, attribute)
            if found is not None:
                recorder.on_made_attribute(kind.pymod, attribute)
            return found

        return hooked

    replace(typing.BaseContext, "resolve_module_constants", module_constant)

    def lower_init(original: Callable) -> Callable:
        def hooked(
            self: Any,
            context: Any,
            library: Any,
            fndesc: Any,
            func_ir: Any,
            *args: Any,
            **kwargs: Any,
        ) -> None:
            recorder.on_lower(library, fndesc, func_ir.func_id.func)
            original(self, context, library, fndesc, func_ir, *args, **kwargs)

        return hooked

    replace(lowering.BaseLower, "__init__", lower_init)


def hook_dispatchers(recorder: Recorder) -> None:
    """Record what dispatchers, lifted code, C callbacks and stencils compile."""

    def dispatcher_compile(kind: str, options: Callable[[Any], str]) -> Callable:
        def make(original: Callable) -> Callable:
            def hooked(self: Any, sig: Any) -> Any:
                arguments, declared = sigutils.normalize_signature(sig)
                arguments = tuple(arguments)
                if arguments in self.overloads:
                    recorder.requested(self.overloads[arguments].library)
                    return original(self, sig)
                with recorder.compiling() as state:
                    entry_point = original(self, sig)
                result = self.overloads.get(arguments)
                if result is not None:
                    recorder.add(
                        Method(
                            kind=kind,
                            function=self.py_func,
                            argument_types=arguments,
                            declared_return=declared,
                            options=options(self),
                            extra=lifted_place(self) if kind == "lifted" else "",
                            result=result,
                            nested=state.nested,
                            requests=state.requests,
                        )
                    )
                return entry_point

            return hooked

        return make

    replace(
        dispatcher.Dispatcher,
        "compile",
        dispatcher_compile("function", dispatcher_options),
    )
    for lifted in (dispatcher.LiftedLoop, dispatcher.LiftedWith):
        replace(lifted, "compile", dispatcher_compile("lifted", lambda d: ""))

    def get_compile_result(original: Callable) -> Callable:
        def hooked(self: Any, sig: Any) -> Any:
            result = original(self, sig)
            recorder.requested(result.library)
            return result

        return hooked

    replace(dispatcher.Dispatcher, "get_compile_result", get_compile_result)

    def compile_cfunc(original: Callable) -> Callable:
        def hooked(self: Any) -> Any:
            with recorder.compiling() as state:
                result = original(self)
            recorder.add(
                Method(
                    kind="cfunc",
                    function=self._pyfunc,
                    argument_types=tuple(self._sig.args),
                    declared_return=self._sig.return_type,
                    options=callback_options(self),
                    extra="",
                    result=result,
                    nested=state.nested,
                    requests=state.requests,
                )
            )
            return result

        return hooked

    replace(ccallback.CFunc, "_compile_uncached", compile_cfunc)

    def stencil_wrapper(original: Callable) -> Callable:
        def hooked(
            self: Any, result: Any, sigret: Any, return_type: Any, typemap: Any, calltypes: Any,
            *args: Any,
        ) -> Any:  # fmt: skip
            options = stencil_options(self)
            recorder.made_of = self.kernel_ir.func_id.func
            try:
                with recorder.compiling() as state:
                    compiled = original(
                        self, result, sigret, return_type, typemap, calltypes, *args
                    )
            finally:
                recorder.made_of = None  # what no compilation has taken is for none
            if not state.nested:
                recorder.add(
                    Method(
                        kind="stencil",
                        function=self.kernel_ir.func_id.func,
                        argument_types=tuple(args),
                        declared_return=None,
                        options=options,
                        extra="out" if result is not None else "",
                        result=compiled,
                        nested=False,
                        requests=state.requests,
                    )
                )
            return compiled

        return hooked

    replace(StencilFunc, "_stencil_wrapper", stencil_wrapper)


def lifted_place(lifted: Any) -> str:
    """Which loop or with-block of its function a lifted dispatcher is."""
    rank, further = place_in(lifted.func_ir.func_id.func.__code__, lifted.func_ir.loc.line)
    return f"{type(lifted).__name__}:{rank}+{further}"


def stencil_options(stencil: Any) -> str:
    # Not stencil.neighborhood, which Numba fills in when it compiles the stencil.
    return options_text({"mode": stencil.mode, **stencil.options})


_parallel_builders: dict[int, tuple[Any, Any]] = {}


def parallel_builder(value: Any) -> Any:
    """What has built a universal function for `target='parallel'`, a ufunc of NumPy's; None for any
    other object."""
    return _parallel_builders.get(id(value), (None, None))[1]


def hook_ufuncs(recorder: Recorder) -> None:
    """Record the loops of universal functions and the wrappers around them."""

    def compile_core(original: Callable) -> Callable:
        def hooked(self: Any, sig: Any, flags: Any, locals: Any) -> Any:
            with recorder.compiling() as state:
                result = original(self, sig, flags, locals)
            arguments, declared = sigutils.normalize_signature(sig)
            recorder.add(
                Method(
                    kind="ufunc",
                    function=self.py_func,
                    argument_types=tuple(arguments),
                    declared_return=declared,
                    options=getattr(self, "_pkgimage_options", ""),
                    extra="",
                    result=result,
                    nested=state.nested,
                    requests=state.requests,
                )
            )
            return result

        return hooked

    def compile_options(original: Callable) -> Callable:
        def hooked(self: Any, sig: Any, locals: Any = None, **options: Any) -> Any:
            # Not the compiler flags made from them: those also hold the session's settings, which
            # the cache flags decide about.
            self._pkgimage_options = options_text({**self.targetoptions, **options})
            return original(self, sig, locals, **options)

        return hooked

    def find_loop(original: Callable) -> Callable:
        def hooked(self: Any, types_of_call: Any) -> Any:
            signature, result = original(self, types_of_call)
            if result is not None:
                recorder.requested(result.library)
            return signature, result

        return hooked

    def build_ufunc(original: Callable) -> Callable:
        def hooked(self: Any) -> Any:
            found = original(self)
            _parallel_builders[id(found)] = found, self  # the function, so that its id stays its
            return found

        return hooked

    for builder in (parallel_ufunc.ParallelUFuncBuilder, parallel_ufunc.ParallelGUFuncBuilder):
        replace(builder, "build_ufunc", build_ufunc)
    replace(dufunc.DUFunc, "find_ewise_function", find_loop)
    replace(ufuncbuilder.UFuncDispatcher, "compile", compile_options)
    replace(ufuncbuilder.UFuncDispatcher, "_compile_core", compile_core)

    def ufunc_wrapper(role: str, position_of_result: int) -> Callable:
        def make(original: Callable) -> Callable:
            def hooked(*args: Any, **kwargs: Any) -> Any:
                info = original(*args, **kwargs)
                result = kwargs["cres"] if "cres" in kwargs else args[position_of_result]
                recorder.add_entry(result, role, info)
                return info

            return hooked

        return make

    def gufunc_wrapper(role: str) -> Callable:
        def make(original: Callable) -> Callable:
            def hooked(
                py_func: Any, cres: Any, sin: Any, sout: Any, cache: Any, is_parfors: bool
            ) -> Any:
                info = original(py_func, cres, sin, sout, cache, is_parfors)
                if not is_parfors:
                    recorder.add_entry(cres, f"{role}{sin}{sout}", info)
                return info

            return hooked

        return make

    replace(ufuncbuilder, "build_ufunc_wrapper", ufunc_wrapper("ufunc", 5))
    replace(parallel_ufunc, "build_ufunc_wrapper", ufunc_wrapper("parallel-ufunc", 4))
    replace(ufuncbuilder, "build_gufunc_wrapper", gufunc_wrapper("gufunc"))
    replace(parallel_ufunc, "build_gufunc_wrapper", gufunc_wrapper("parallel-gufunc"))
