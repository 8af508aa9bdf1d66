import pytest
from packageimage.codegen.bindable import is_bindable, why_not


@pytest.mark.parametrize(
    "name",
    ["NRT_Free", "numba_unpickle", "numba_parallel_for", "PyErr_SetString", "_Py_Dealloc", "sin",
     "powf", "sincos", "memcpy", "putchar", "get_num_threads", "do_scheduling_signed"],
)  # fmt: skip
def test_known_names(name):
    assert is_bindable(name, "linux")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("__divti3", "128-bit"),
        ("__umodti3", "128-bit"),
        ("__truncdfhf2", "half"),
        ("__extendhfsf2", "half"),
        ("__truncsfbf2", "bfloat"),
        ("my_function", "neither Numba, Python nor the C library"),
    ],
)
def test_refused_names_have_a_reason(name, reason):
    assert not is_bindable(name, "linux")
    assert reason in why_not(name, "linux")


def test_apples_own_are_apples_only():
    assert is_bindable("memset_pattern16", "macos")
    assert not is_bindable("memset_pattern16", "linux")


def test_everything_numba_registers_is_known():
    """Differential: whatever the installed Numba hands to LLVM by name is bindable."""
    intrinsics = pytest.importorskip("numba.core.intrinsics")
    from numba import _dynfunc, _helperlib
    from numba.core.runtime import _nrt_python

    names = set(intrinsics.INTR_MATH)
    names |= {f"numba_{name}" for name in (*_helperlib.c_helpers, *_dynfunc.c_helpers)}
    names |= {f"NRT_{name}".replace("NRT__nrt", "NRT_") for name in _nrt_python.c_helpers}
    assert not sorted(name for name in names if not is_bindable(name, "linux"))


@pytest.mark.parametrize(
    ("name", "system", "reason"),
    [
        ("sincos", "windows", "windows has no such function; linux would"),
        ("posix_memalign", "windows", "windows has no such function; linux and macos would"),
        ("memset_pattern16", "linux", "linux has no such function; macos would"),
    ],
)
def test_what_one_system_has_alone(name, system, reason):
    assert not is_bindable(name, system)
    assert why_not(name, system) == reason
