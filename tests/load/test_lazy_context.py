"""Numba's target context, with its code generator: not made in a process that compiles nothing, and
as plain Numba has it for whoever needs it first."""

from __future__ import annotations

import textwrap

import pytest
from image_build import build, run_plain, run_with_images

SOURCE = """
import math
from numba import njit


@njit
def twice(x):
    return 2 * x


def factory(factor):
    @njit
    def scaled(x, *rest):
        return factor * x + len(rest)

    return scaled


thrice = factory(3)


@njit
def bent(x):
    return math.tanh(x)
"""
# Counts how often Numba makes a code generator.
COUNTED = """
from numba.core import codegen
from numba.core.cpu import CPUContext
from numba.core.registry import cpu_target

started = []
start = codegen.JITCPUCodegen.__init__

def counting(self, *args):
    started.append(args)
    start(self, *args)

codegen.JITCPUCodegen.__init__ = counting
"""
PROGRAM = "import late\nprint(late.twice(3))\ncontext = late.twice.targetctx\n"

RACE = """
import time
from threading import Event, Thread
from numba import njit
from numba.core.cpu import CPUContext
from numba.core.registry import cpu_target

begun, init = Event(), CPUContext.init

def slow(self):
    begun.set()
    time.sleep(0.5)
    init(self)

CPUContext.init = slow
other = Thread(target=lambda: njit(lambda x: x))
other.start()
begun.wait()
import late
other.join()
own = njit(lambda x: late.twice(x) + 1)
print(own.targetctx is late.twice.targetctx is cpu_target.target_context, own(3))
"""
END = "--\n"
NEED_NONE = {"its names", "its class", "LLVM itself"}

# What a program may ask for first.
FIRST = {
    "a function of its own": """
        from numba import njit

        @njit
        def own(x):
            return late.twice(x) + 1

        print(own(3), own.targetctx is context is cpu_target.target_context)
    """,
    "a function that the image has not": "print(late.twice(1.5))",
    "a cached function": """
        from numba import njit

        @njit(cache=True)
        def own(x):
            return late.twice(x) + 1

        print(own(3))
    """,
    "what it is made of": """
        print(context.codegen() is context.codegen(), context.target_data is not None)
        print(context.address_size, context.is32bit, context.call_conv.context is context)
        print(sorted(vars(context)))
    """,
    "what nobody has": """
        print(hasattr(context, "nothing"))
        try:
            context.nothing
        except AttributeError as error:
            print(error)
    """,
    "a copy": """
        import copy
        other = copy.copy(context)
        print(type(other) is CPUContext, other is context, other.codegen() is context.codegen())
    """,
    "a target below it": """
        other = context.subtarget(environment="own", fndesc=3)
        print(other.environment, context.environment, other.codegen() is context.codegen())
        print(other.cached_internal_func is context.cached_internal_func)
    """,
    "threads at once": """
        from concurrent.futures import ThreadPoolExecutor
        from threading import Barrier
        barrier = Barrier(8)

        def ask(number):
            barrier.wait()
            return id((context.codegen, lambda: context._defns)[number % 2]())

        with ThreadPoolExecutor(8) as pool:
            print(len(set(pool.map(ask, range(8)))))
    """,
    "its names": """
        print(repr(context), type(context).__name__, type(context).__qualname__)
        print(type(context).__module__, isinstance(context, CPUContext))
    """,
    "a callback": """
        from numba import cfunc
        print(cfunc("int64(int64)")(lambda x: x + 1).ctypes(3))
    """,
    "a universal function": """
        from numba import vectorize
        print(vectorize(["int64(int64)"])(lambda x: x + 1)(3))
    """,
    "what refreshes it": "context.refresh()\nprint(len(context._defns) > 100)",
    "a copy of one with an attribute": """
        import copy
        context.address_size = 64
        other = copy.copy(context)
        print(other.address_size, other.is32bit, other.codegen() is context.codegen())
    """,
    "its class": """
        class Mine(type(context)):
            pass

        mine = Mine(context.typing_context)
        print(hasattr(mine, "nothing"), type(mine).__name__, mine.codegen() is mine.codegen())
        print(type(context)(context.typing_context).target_name)
    """,
    "LLVM itself": """
        import llvmlite.binding as llvm
        print(llvm.Target.from_default_triple().name)
    """,
    "settings that come later": """
        import os
        from numba import config, njit
        before, config.CPU_NAME = config.CPU_NAME, "generic"
        os.environ["NUMBA_CPU_FEATURES"] = ""
        own = njit(lambda x: x + 1)
        print(own(3), context.codegen()._tm_features, config.CPU_NAME, config.CPU_FEATURES)
        config.CPU_NAME, config.CPU_FEATURES = before, None
        del os.environ["NUMBA_CPU_FEATURES"]
    """,
    "an attribute that was set": """
        context.fndesc, context.own = "set", 1
        context.codegen()
        print(context.fndesc, context.own)
    """,
}  # fmt: skip


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """A folder with the package, and its depot."""
    folder = tmp_path_factory.mktemp("late")
    (folder / "late.py").write_text(SOURCE)
    (folder / "workload.py").write_text(
        "import late\nlate.twice(3)\nlate.thrice(3, 4)\nlate.bent(0.5)\n"
    )
    build(folder, folder / "depot", "late", folder / "workload.py", folder)
    return folder


def program(folder, text):
    file = folder / "program.py"
    file.write_text(COUNTED + PROGRAM + textwrap.dedent(text))
    return file


def plain(folder, file):
    # In a process of its own, which settings bring about: the others have compiled something.
    return run_plain(folder, file, folder, PKGIMAGE="no")


def test_no_generator_is_made_for_what_the_image_has(late):
    calls = "print(late.thrice(3, 4), len(late.twice.overloads), late.thrice.signatures)\n"
    file = program(late, calls + "print(len(started))")
    seen, without = run_with_images(late, late / "depot", file, late), plain(late, file)
    assert (seen.output[:-2], seen.output[-2:]) == (without[:-2], "0\n"), seen.error
    assert without.endswith("\n1\n")


@pytest.fixture(scope="module")
def expected(late):
    """What plain Numba prints for each, all of them in one process."""
    parts = [f"print({name!r}, end={END!r})\n{textwrap.dedent(FIRST[name])}" for name in FIRST]
    found = plain(late, program(late, f"\nprint(end={END!r})\n".join(parts)))
    return dict(zip(FIRST, found.removeprefix("6\n").split(END)[1::2], strict=True))


@pytest.mark.parametrize("name", FIRST)
def test_who_asks_first_finds_what_numba_has(late, expected, name):
    made = "" if name in NEED_NONE else "\nprint(len(started), type(context) is CPUContext)"
    file = program(late, textwrap.dedent(FIRST[name]) + made)
    seen = run_with_images(late, late / "depot", file, late)
    assert seen.output == "6\n" + expected[name] + ("1 True\n" if made else ""), seen.error
    assert seen.seen["misses"] == []


def test_a_context_that_is_there_stays(late):
    file = program(late, "print(context is before)")
    file.write_text(
        "from numba import njit\nbefore = njit(lambda x: x).targetctx\n" + file.read_text()
    )
    seen = run_with_images(late, late / "depot", file, late)
    assert seen.output == plain(late, file), seen.error


def test_a_context_that_another_thread_is_making_stays(late):
    file = late / "race.py"
    file.write_text(RACE)
    seen = run_with_images(late, late / "depot", file, late)
    assert seen.output == plain(late, file) == "True 7\n", seen.error


# How a program makes LLVM use another function than libm's, or Numba's helper without Numba.
REGISTERED = """
import ctypes
import llvmlite.binding as llvm
mine = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: 42.0)

def register():
    llvm.add_symbol("tanh", ctypes.cast(mine, ctypes.c_void_p).value)
"""
BY_ITSELF = """
module = llvm.parse_assembly(
    "declare double @numba_ldexp(double, i32)\\ndefine double @f(double %x) {\\n"
    "%r = call double @numba_ldexp(double %x, i32 3)\\nret double %r\\n}"
)
machine = llvm.Target.from_default_triple().create_target_machine()
engine = llvm.create_mcjit_compiler(module, machine)
engine.finalize_object()
made = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(engine.get_function_address("f"))
print(made(0.5))
"""
REGISTERINGS = {
    "before anything of Numba's": "register()\nimport late\nprint(late.bent(0.5))",
    "after a dispatcher": "import numba\nnumba.njit(lambda x: x)\nregister()\nimport late\n"
    "print(late.bent(0.5))",
    "after the package": "import late\nregister()\nimport math, numba\n"
    "print(numba.njit(lambda x: math.tanh(x))(0.5))",  # the image's code is bound already
    "nothing": "import late\nprint(late.bent(0.5))" + BY_ITSELF,
}


@pytest.mark.parametrize("text", REGISTERINGS.values(), ids=REGISTERINGS)
def test_what_a_program_registers_with_llvm(late, text):
    file = late / "registering.py"
    file.write_text(REGISTERED + text)
    seen = run_with_images(late, late / "depot", file, late)
    assert seen.output == plain(late, file), seen.error
