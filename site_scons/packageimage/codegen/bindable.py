"""Which names the loader can give an address: everything else is an error at build, not a crash.

The loader's providers are Numba's helper tables (found without Numba's compiler), Python's C API
and the C library with its math. What compiler-rt or libgcc hold is in no process for sure, and
Numba registers none of it on 64-bit machines (numba/core/externals.py: `__multi3`,
`__fixunsdfdi` and `__fixunssfdi` are for 32-bit ones).
"""

from __future__ import annotations

# `NRT_`: core/runtime/_nrt_python.c_helpers. `numba_`: _helperlib.c_helpers, _dynfunc.c_helpers
# and the threading layer's numba_parallel_for. `Py`, `_Py`: the process.
HELPER_PREFIXES = ("NRT_", "numba_", "Py", "_Py")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The threading layer's names without a prefix (numba/np/ufunc/parallel.py, _launch_threads).
THREADING = _words(
    """
    do_scheduling_signed do_scheduling_unsigned allocate_sched deallocate_sched get_sched_size
    get_num_threads set_num_threads get_thread_id set_parallel_chunksize get_parallel_chunksize
    """
)

# C99's <math.h> functions, each for double and for float (f). Numba's own list
# (numba/core/intrinsics.py, INTR_MATH) is part of it; the rest is what LLVM makes of its
# intrinsics (RuntimeLibcalls.td).
_DOUBLE_MATH = _words(
    """
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1
    fabs fdim floor fma fmax fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log log10
    log1p log2 logb lrint lround modf nan nearbyint nextafter pow remainder remquo rint round
    scalbln scalbn sin sinh sqrt tan tanh tgamma trunc
    """
)
MATH = _DOUBLE_MATH | {f"{name}f" for name in _DOUBLE_MATH}
# In the headers of Windows' C library, but in none of its DLLs.
_INLINE_ON_WINDOWS = _words("fabsf frexpf ldexpf")

# <string.h>, <stdlib.h> and the <stdio.h> of Numba's debug output; putchar and puts are what
# LLVM makes of printf (SimplifyLibCalls). Windows has snprintf by the name _snprintf, which the
# loader knows.
MEMORY = _words(
    """
    memcpy memmove memset memcmp memchr strlen strcmp strncmp malloc calloc realloc free
    abort exit abs labs llabs printf snprintf puts putchar fflush
    """
)

# What only some systems have, most of it for LLVM's own calls there (facts/platforms.md). Names as
# C spells them.
_POSIX = _words("bcmp aligned_alloc posix_memalign")
OF_SYSTEM = {
    "linux": _POSIX | _words("sincos sincosf exp10 exp10f roundeven roundevenf"),
    "macos": _POSIX
    | _words(
        """
        bzero __bzero memset_pattern4 memset_pattern8 memset_pattern16 __sincos_stret
        __sincosf_stret __exp10 __exp10f
        """
    ),
    "windows": frozenset[str](),
}


def is_bindable(name: str, os: str) -> bool:
    """Whether the loader can bind the function *name* on that operating system.

    *name* as C spells it; *os* as `Platform.os`.
    """
    if os == "windows" and name in _INLINE_ON_WINDOWS:
        return False
    if name.startswith(HELPER_PREFIXES) or name in MATH or name in MEMORY or name in THREADING:
        return True
    return name in OF_SYSTEM[os]


def why_not(name: str, os: str) -> str:
    """What is known of a name that `is_bindable` refuses on that system, for the message."""
    elsewhere = [system for system, names in OF_SYSTEM.items() if name in names]
    if elsewhere:
        return f"{os} has no such function; {' and '.join(elsewhere)} would"
    known = {
        "ti3": "it divides or multiplies 128-bit integers",
        "hf2": "it converts to half precision",
        "bf2": "it converts to bfloat",
    }
    if name.startswith("__"):
        for suffix, reason in known.items():
            if name.endswith(suffix):
                return f"{reason} through the compiler's own library, which no process has for sure"
        if name.startswith("__extendhf"):
            return (
                "it converts from half precision through the compiler's own library, which no "
                "process has for sure"
            )
    return "neither Numba, Python nor the C library provides it"
