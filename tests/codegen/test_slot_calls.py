"""`codegen.slot_calls`: which calls go through their slots, as the emitted objects show."""

import pytest
from ir_samples import HEAD, bitcode
from packageimage.codegen.emit import emit_assembly, emit_object
from packageimage.inspect.objects import undefined_symbols
from packageimage.model.cpu_targets import parse_cpu_targets
from packageimage.model.flags import CacheFlags
from packageimage.model.platform import PLATFORMS


def module(declarations, body, result="ptr", parameters="ptr %a, i64 %n, double %x"):
    return f"{HEAD}{declarations}\ndefine {result} @entry({parameters}) {{\n{body}\n}}\n"


def undefined(ir, platform="linux-x86_64", flags=None):
    where = PLATFORMS[platform]
    targets = parse_cpu_targets("generic", where.arch)
    data = emit_object(bitcode(ir), ["entry"], 0, 0, targets, where, flags or CacheFlags())
    # Mach-O puts an underscore before every name.
    return {name.lstrip("_") for name in undefined_symbols(data)}


def called(name):
    return f"pkgimage.call.{name}"


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
@pytest.mark.parametrize(
    ("declaration", "call", "name"),
    [
        ("declare ptr @PyFloat_FromDouble(double)", "(double %x)", "PyFloat_FromDouble"),
        ("declare noalias nonnull ptr @Py_X(ptr nocapture)", "(ptr %a)", "Py_X"),
        ("declare ptr @NRT_Allocate(i64)", "(i64 %n)", "NRT_Allocate"),
        ("declare ptr @numba_none()", "()", "numba_none"),
        ("declare ptr @PyTuple_Pack(i64, ...)", "(i64 %n, ptr %a, double %x)", "PyTuple_Pack"),
    ],
)
def test_calls_of_helpers_go_through_their_slots(declaration, call, name, platform):
    kind = "ptr (i64, ...)" if "..." in declaration else "ptr"
    ir = module(declaration, f"  %r = call {kind} @{name}{call}\n  ret ptr %r")
    assert undefined(ir, platform) == {called(name)}


def test_calls_without_a_result_do():
    ir = module(
        "declare void @NRT_Free(ptr)",
        "  call void @NRT_Free(ptr %a)\n  call void @NRT_Free(ptr %a)\n  ret ptr %a",
    )
    assert undefined(ir) == {called("NRT_Free")}


@pytest.mark.parametrize(
    ("declaration", "call"),
    [
        # LLVM makes an instruction of it.
        ("declare double @sqrt(double)", "call double @sqrt(double %x)"),
        ("declare double @sin(double)", "call double @sin(double %x)"),
        # How the argument or result is passed would have to be said of the new call.
        ("declare i32 @PyX(i8 signext)", "call i32 @PyX(i8 signext 1)"),
        ("declare void @PyX(ptr sret([3 x i64]))", "call void @PyX(ptr sret([3 x i64]) %a)"),
        ("declare void @PyX(ptr byval(i64))", "call void @PyX(ptr byval(i64) %a)"),
        ("declare {i64, i64} @PyX(i64)", "call {i64, i64} @PyX(i64 %n)"),
        ("declare void @PyX(<2 x i64>)", "call void @PyX(<2 x i64> zeroinitializer)"),
    ],
)  # fmt: skip
def test_other_calls_go_by_name(declaration, call):
    result = "" if call.startswith("call void") else "%r = "
    found = undefined(module(declaration, f"  {result}{call}\n  ret ptr %a"))
    assert not any(name.startswith("pkgimage.call.") for name in found)


def test_a_call_by_another_type_than_the_functions_goes_by_name():
    ir = module("declare ptr @PyX(i64)", "  %r = call ptr @PyX(i64 %n, i64 %n)\n  ret ptr %r")
    # Unoptimised, since LLVM would make the types agree.
    assert "PyX" in undefined(ir, flags=CacheFlags(opt_level=0))


def test_what_the_caller_may_assume_of_the_result_is_not_needed():
    ir = module(
        "declare zeroext i1 @PyX(i64)",
        "  %r = call zeroext i1 @PyX(i64 %n)\n  %p = select i1 %r, ptr %a, ptr null\n  ret ptr %p",
    )
    assert undefined(ir) == {called("PyX")}


def test_a_function_whose_address_is_taken_keeps_its_thunk_for_that():
    ir = module(
        "declare void @NRT_Free(ptr)",
        "  call void @NRT_Free(ptr %a)\n  store ptr @NRT_Free, ptr %a\n  ret ptr %a",
    )
    assert undefined(ir) == {"NRT_Free", called("NRT_Free")}


def test_on_x86_64_it_is_one_instruction():
    platform = PLATFORMS["linux-x86_64"]
    ir = module(
        "declare ptr @PyNumber_Float(ptr)",
        "  %r = call ptr @PyNumber_Float(ptr %a)\n  store ptr %r, ptr %a\n  ret ptr %r",
    )
    text = emit_assembly(
        bitcode(ir), ["entry"], 0, 0, parse_cpu_targets("generic", "x86_64"), platform, CacheFlags()
    )
    assert "callq\t*pkgimage.call.PyNumber_Float(%rip)" in text


@pytest.mark.parametrize("level", [0, 3])
def test_a_function_that_nobody_calls_gets_no_slot(level):
    ir = module("declare ptr @PyX(i64)", "  ret ptr %a")
    assert undefined(ir, flags=CacheFlags(opt_level=level)) == set()


@pytest.mark.parametrize("level", [0, 1, 3])
def test_at_every_opt_level(level):
    ir = module("declare ptr @Py_X(ptr)", "  %r = call ptr @Py_X(ptr %a)\n  ret ptr %r")
    assert undefined(ir, flags=CacheFlags(opt_level=level)) == {called("Py_X")}
