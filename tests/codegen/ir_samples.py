"""IR as the capture hands it over, small: written by hand, so that no test here needs Numba."""

from __future__ import annotations

import llvmlite.binding as ll
from packageimage.codegen.llvm import initialise

HEAD = """
source_filename = "<string>"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"
"""  # noqa: E501

# scale: a loop that vectorises and calls a helper. shift: no loop, no reason to clone, reads two
# slots. calls: no loop of its own, calls scale. math: calls sin, memory functions and NRT_Free.
KERNELS = (
    HEAD
    + """
@_ZN08NumbaEnv4shift = common local_unnamed_addr global ptr null
@pkgimage.obj.PyExc_ValueError = external global ptr
@constants = linkonce_odr constant [2 x double] [double 2.0, double 3.0]

define double @helper(double %x) noinline {
  %y = fadd double %x, 1.0
  ret double %y
}

define i32 @scale(ptr noalias %out, ptr noalias %in, i64 %n) {
entry:
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %body, label %done
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %p = getelementptr double, ptr %in, i64 %i
  %x = load double, ptr %p
  %y = fmul double %x, 2.0
  %z = fadd double %y, 1.0
  %q = getelementptr double, ptr %out, i64 %i
  store double %z, ptr %q
  %next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %body, label %done
done:
  ret i32 0
}

define ptr @shift(i64 %which) {
  %zero = icmp eq i64 %which, 0
  %env = load ptr, ptr @_ZN08NumbaEnv4shift
  %error = load ptr, ptr @pkgimage.obj.PyExc_ValueError
  %chosen = select i1 %zero, ptr %env, ptr %error
  ret ptr %chosen
}

define double @calls(ptr %out, ptr %in, i64 %n) {
  %status = call i32 @scale(ptr %out, ptr %in, i64 %n)
  %x = load double, ptr %out
  %y = call double @helper(double %x)
  ret double %y
}

define double @"math (quoted)"(double %x) {
  %y = call double @sin(double %x)
  %p = call ptr @NRT_Allocate(i64 8)
  store double %y, ptr %p
  %z = load volatile double, ptr %p
  call void @NRT_Free(ptr %p)
  ret double %z
}

declare double @sin(double)
declare ptr @NRT_Allocate(i64)
declare void @NRT_Free(ptr)
"""
)
KERNEL_ENTRIES = ("scale", "shift", "calls", "math (quoted)")
CLONED = ("scale", "calls")

# Mutual recursion as Numba writes it.
RECURSION = (
    HEAD
    + """
@".numba.unresolved$odd" = external global ptr

define i64 @even(i64 %n) {
  %zero = icmp eq i64 %n, 0
  br i1 %zero, label %yes, label %no
yes:
  ret i64 1
no:
  %f = load ptr, ptr @".numba.unresolved$odd"
  %m = sub i64 %n, 1
  %r = call i64 %f(i64 %m)
  ret i64 %r
}

define linkonce_odr i64 @odd(i64 %n) {
  %zero = icmp eq i64 %n, 0
  br i1 %zero, label %yes, label %no
yes:
  ret i64 0
no:
  %m = sub i64 %n, 1
  %r = call i64 @even(i64 %m)
  ret i64 %r
}
"""
)


def bitcode(ir: str) -> bytes:
    """*ir* as bitcode."""
    initialise()
    module = ll.parse_assembly(ir)
    module.verify()
    return bytes(module.as_bitcode())
