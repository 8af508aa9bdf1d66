import llvmlite.binding as ll
import pytest
from ir_samples import HEAD, KERNELS, bitcode
from packageimage.codegen.module_summary import summarise


def one(body, signature="double @f(double %x, ptr %p)", extra=""):
    """The summary of a function as LLVM prints it back."""
    ir = f"{HEAD}\ndefine {signature} {{\n{body}\n}}\n{extra}"
    return summarise(str(ll.parse_bitcode(bitcode(ir)))).functions["f"]


STRAIGHT = "  ret double %x"
LOOP = """entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %j, %body ]
  %j = add i64 %i, 1
  %c = icmp ult i64 %j, 9
  br i1 %c, label %body, label %end
end:
  ret double %x"""
# An edge to a block printed earlier, but no cycle.
BACKWARDS = """entry:
  br label %last
first:
  ret double %x
last:
  br label %first"""
QUOTED_LOOP = """entry:
  br label %"a b"
"a b":
  %c = load volatile i1, ptr %p
  switch i1 %c, label %end [
    i1 1, label %"a b"
  ]
end:
  ret double %x"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (STRAIGHT, set()),
        (LOOP, {"has_loop"}),
        (BACKWARDS, set()),
        (QUOTED_LOOP, {"has_loop"}),
        ("  %v = load <4 x double>, ptr %p\n  %e = extractelement <4 x double> %v, i32 0\n"
         "  ret double %e", {"has_vectors"}),
        ("  %y = fadd fast double %x, %x\n  ret double %y", {"has_fast_math"}),
        ("  %y = fmul contract double %x, %x\n  ret double %y", {"has_fast_math"}),
        ("  %y = call double @llvm.fma.f64(double %x, double %x, double %x)\n  ret double %y",
         {"has_fma"}),
        ("  %y = call double @llvm.fmuladd.f64(double %x, double %x, double %x)\n"
         "  ret double %y", {"has_fma"}),
        ("  %h = load half, ptr %p\n  %y = fpext half %h to double\n  ret double %y",
         {"has_half"}),
        ("  %h = load bfloat, ptr %p\n  %y = fpext bfloat %h to double\n  ret double %y",
         {"has_half"}),
        # Names made of the words that are looked for.
        ('  %fast = fadd double %x, %x\n  %"half <4 x double> nnan" = fadd double %fast, %x\n'
         '  ret double %"half <4 x double> nnan"', set()),
    ],
)  # fmt: skip
def test_what_a_function_is_made_of(body, expected):
    intrinsics = "".join(
        f"declare double @llvm.{name}.f64(double, double, double)\n"
        for name in ("fma", "fmuladd")
        if name in body
    )
    summary = one(body, extra=intrinsics)
    features = ("has_loop", "has_vectors", "has_fma", "has_fast_math", "has_half")
    assert {name for name in features if getattr(summary, name)} == expected


def test_half_in_the_signature_counts():
    assert one("  ret half %x", "half @f(half %x)").has_half


def test_names_linkage_and_references():
    summary = summarise(str(ll.parse_bitcode(bitcode(KERNELS))))
    assert set(summary.functions) == {"helper", "scale", "shift", "calls", "math (quoted)"}
    assert summary.functions["calls"].references == ("helper", "scale")
    assert summary.functions["math (quoted)"].references == ("NRT_Allocate", "NRT_Free", "sin")
    assert summary.variables["_ZN08NumbaEnv4shift"].linkage == "common"
    assert summary.variables["_ZN08NumbaEnv4shift"].defined
    assert not summary.variables["pkgimage.obj.PyExc_ValueError"].defined
    assert summary.variables["constants"].linkage == "linkonce_odr"


def test_reachable_goes_through_variables():
    ir = (
        HEAD + '@table = internal constant [1 x ptr] [ptr @"g h"]\n'
        'define internal void @"g h"() {\n  ret void\n}\n'
        "define ptr @f() {\n  ret ptr @table\n}\n"
    )
    summary = summarise(str(ll.parse_bitcode(bitcode(ir))))
    assert summary.reachable(["f"]) == {"f", "table", "g h"}
    assert summary.users("g h", ["f", "g h"]) == ("f", "g h")
    assert summary.users("nothing", ["f"]) == ()


def test_agrees_with_llvm_about_what_is_defined():
    module = ll.parse_bitcode(bitcode(KERNELS))
    summary = summarise(str(module))
    assert set(summary.functions) == {f.name for f in module.functions if not f.is_declaration}
    assert set(summary.variables) == {v.name for v in module.global_variables}
