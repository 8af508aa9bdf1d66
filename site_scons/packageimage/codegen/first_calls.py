"""Native code that runs when a specialisation is called for the first time.

A restored function's specialisations are Python functions of C, one a record (`load.first_calls`).
Each begins with `first` as its code, which sees to it that the globals that its native code was
compiled with are what they were, and puts the entry's own address in its place: later calls know
nothing of it. Where that can't be told by identity it asks the loader, which may take another way;
for integers that are too large, too: Numba's C code takes all for int64, and has them typed anew
only as long as nothing was compiled for int64.

Written here, and not in Python, because a process that calls a thousand functions spends most of
its time on first calls; and in the image, because there it needs no compiler and no extension
module of its own. Functions of the C API are called through the image's slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIRST_CALLS_SYMBOL = "pkgimage.first_calls"

# By the names of their slots, with the types that they have in C.
_SIGNATURES: Final[Mapping[str, str]] = {
    "PyCFunction_NewEx": "ptr (ptr, ptr, ptr)",
    "PyDict_GetItem": "ptr (ptr, ptr)",
    "PyList_Append": "i32 (ptr, ptr)",
    "PyLong_AsLongLongAndOverflow": "i64 (ptr, ptr)",
    "PyLong_AsSsize_t": "i64 (ptr)",
    "PyObject_Call": "ptr (ptr, ptr, ptr)",
    "PyObject_CallFunctionObjArgs": "ptr (ptr, ...)",
    "PyObject_GC_UnTrack": "void (ptr)",
    "PyObject_GenericGetDict": "ptr (ptr, ptr)",
    "PyObject_Type": "ptr (ptr)",
    "PyTuple_GetItem": "ptr (ptr, i64)",
    "PyTuple_Size": "i64 (ptr)",
    "PyType_GetFlags": "i32 (ptr)",  # an unsigned long; all that is asked for is in its lower half
    "Py_DecRef": "void (ptr)",
    "Py_IncRef": "void (ptr)",
}
CALLED_NAMES = frozenset(_SIGNATURES)
"""The functions that this code calls; all are in Python's stable ABI."""

# load.first_calls knows both.
_STATE = "{ ptr, ptr, ptr, ptr, ptr, ptr, ptr }"
_RECORD = "{ ptr, ptr, i32, ptr, ptr, ptr, ptr }"

# Py_TPFLAGS_LONG_SUBCLASS, Py_TPFLAGS_TUPLE_SUBCLASS
_LONG_SUBCLASS = 1 << 24
_TUPLE_SUBCLASS = 1 << 26
_INSERTED = "ptr %dispatcher, ptr %codes, ptr %function"
# Functions for PyMethodDef's METH_VARARGS | METH_KEYWORDS: (self, tuple, dictionary or null).
_CODE = f"""
@pkgimage.restored = private unnamed_addr constant [9 x i8] c"restored\\00"

define internal i1 @pkgimage.has_large(ptr %items) {{
start:
  %overflow = alloca i32
  %size = CALL PyTuple_Size(ptr %items)
  br label %next
next:
  %place = phi i64 [ 0, %start ], [ %following, %other ], [ %following, %fits ]
  %following = add i64 %place, 1
  %all = icmp sge i64 %place, %size
  br i1 %all, label %no, label %one
one:
  %item = CALL PyTuple_GetItem(ptr %items, i64 %place)
  %kind = CALL PyObject_Type(ptr %item)
  %flags = CALL PyType_GetFlags(ptr %kind)
  CALL Py_DecRef(ptr %kind)
  %int_bit = and i32 %flags, {_LONG_SUBCLASS}
  %is_int = icmp ne i32 %int_bit, 0
  br i1 %is_int, label %int, label %other
other:
  %tuple_bit = and i32 %flags, {_TUPLE_SUBCLASS}
  %is_tuple = icmp ne i32 %tuple_bit, 0
  br i1 %is_tuple, label %tuple, label %next
int:
  %value = CALL PyLong_AsLongLongAndOverflow(ptr %item, ptr %overflow)
  %sign = load i32, ptr %overflow
  %is_large = icmp ne i32 %sign, 0
  br i1 %is_large, label %yes, label %fits
tuple:
  %has_large = call i1 @pkgimage.has_large(ptr %item)
  br i1 %has_large, label %yes, label %fits
fits:
  br label %next
yes:
  ret i1 true
no:
  ret i1 false
}}

define internal ptr @pkgimage.first(ptr %self, ptr %args, ptr %kws) {{
start:
  %large = call i1 @pkgimage.has_large(ptr %args)
  br i1 %large, label %ask, label %find
find:
  %index = CALL PyLong_AsSsize_t(ptr %self)
  %records = load ptr, ptr STATE
  %record = getelementptr {_RECORD}, ptr %records, i64 %index
  %at_checks = getelementptr {_RECORD}, ptr %record, i64 0, i32 5
  %checks = load ptr, ptr %at_checks
  %unknown = icmp eq ptr %checks, null
  br i1 %unknown, label %ask, label %count
count:
  %size = CALL PyTuple_Size(ptr %checks)
  br label %next
next:
  %place = phi i64 [ 0, %count ], [ %following, %compare ]
  %all = icmp sge i64 %place, %size
  br i1 %all, label %ready, label %compare
compare:
  %at_name = add i64 %place, 1
  %at_expected = add i64 %place, 2
  %following = add i64 %place, 3
  %namespace = CALL PyTuple_GetItem(ptr %checks, i64 %place)
  %name = CALL PyTuple_GetItem(ptr %checks, i64 %at_name)
  %expected = CALL PyTuple_GetItem(ptr %checks, i64 %at_expected)
  %found = CALL PyDict_GetItem(ptr %namespace, ptr %name)
  %same = icmp eq ptr %found, %expected
  br i1 %same, label %next, label %ask
ready:
  %at_started = getelementptr {_STATE}, ptr STATE, i64 0, i32 2
  %started = load ptr, ptr %at_started
  %failure = CALL PyList_Append(ptr %started, ptr %self)
  %failed = icmp ne i32 %failure, 0
  br i1 %failed, label %raise, label %run
raise:
  ret ptr null
run:
  %at_entry = getelementptr {_RECORD}, ptr %record, i64 0, i32 4
  %entry = load ptr, ptr %at_entry
  %at_code = getelementptr {_RECORD}, ptr %record, i64 0, i32 1
  store ptr %entry, ptr %at_code
  %result = tail call ptr %entry(ptr %self, ptr %args, ptr %kws)
  ret ptr %result
ask:
  %at_resolve = getelementptr {_STATE}, ptr STATE, i64 0, i32 3
  %resolve = load ptr, ptr %at_resolve
  %other = CALL PyObject_CallFunctionObjArgs(ptr %resolve, ptr %self, ptr %args, ptr null)
  %none = icmp eq ptr %other, null
  br i1 %none, label %raise, label %delegate
delegate:
  %answer = CALL PyObject_Call(ptr %other, ptr %args, ptr %kws)
  CALL Py_DecRef(ptr %other)
  ret ptr %answer
}}

define internal ptr @pkgimage.add(ptr %self, ptr %args, ptr %kws) {{
start:
  %dispatcher = CALL PyTuple_GetItem(ptr %args, i64 0)
  %part = CALL PyTuple_GetItem(ptr %args, i64 1)
  %codes = CALL PyTuple_GetItem(ptr %args, i64 2)
  %number = CALL PyTuple_GetItem(ptr %args, i64 3)
  %index = CALL PyLong_AsSsize_t(ptr %number)
  %fifth = CALL PyTuple_GetItem(ptr %args, i64 4)
  %partition = CALL PyLong_AsSsize_t(ptr %fifth)
  %sixth = CALL PyTuple_GetItem(ptr %args, i64 5)
  %position = CALL PyLong_AsSsize_t(ptr %sixth)
  %at_tables = getelementptr {_STATE}, ptr STATE, i64 0, i32 1
  %tables = load ptr, ptr %at_tables
  %at_table = getelementptr ptr, ptr %tables, i64 %partition
  %table = load ptr, ptr %at_table
  %at_address = getelementptr ptr, ptr %table, i64 %position
  %address = load ptr, ptr %at_address
  %records = load ptr, ptr STATE
  %record = getelementptr {_RECORD}, ptr %records, i64 %index
  %at_code = getelementptr {_RECORD}, ptr %record, i64 0, i32 1
  %at_flags = getelementptr {_RECORD}, ptr %record, i64 0, i32 2
  %at_entry = getelementptr {_RECORD}, ptr %record, i64 0, i32 4
  store ptr @pkgimage.restored, ptr %record
  store ptr @pkgimage.first, ptr %at_code
  store i32 3, ptr %at_flags
  store ptr %address, ptr %at_entry
  %size = CALL PyTuple_Size(ptr %args)
  %checked = icmp sgt i64 %size, 6
  br i1 %checked, label %keep, label %make
keep:
  %checks = CALL PyTuple_GetItem(ptr %args, i64 6)
  CALL Py_IncRef(ptr %checks)
  CALL PyObject_GC_UnTrack(ptr %checks)
  %at_checks = getelementptr {_RECORD}, ptr %record, i64 0, i32 5
  store ptr %checks, ptr %at_checks
  br label %make
make:
  %function = CALL PyCFunction_NewEx(ptr %record, ptr %number, ptr null)
  %none = icmp eq ptr %function, null
  br i1 %none, label %raise, label %insert
insert:
  %at_function = getelementptr {_RECORD}, ptr %record, i64 0, i32 6
  store ptr %function, ptr %at_function
  CALL PyObject_GC_UnTrack(ptr %function)
  CALL PyObject_GC_UnTrack(ptr %dispatcher)
  CALL PyObject_GC_UnTrack(ptr %part)
  %attributes = CALL PyObject_GenericGetDict(ptr %dispatcher, ptr null)
  %bare = icmp eq ptr %attributes, null
  br i1 %bare, label %raise, label %tell
tell:
  CALL PyObject_GC_UnTrack(ptr %attributes)
  CALL Py_DecRef(ptr %attributes)
  %at_insert = getelementptr {_STATE}, ptr STATE, i64 0, i32 4
  %method = load ptr, ptr %at_insert
  %done = CALL PyObject_CallFunctionObjArgs(ptr %method, {_INSERTED}, ptr null)
  ret ptr %done
raise:
  ret ptr null
}}

define internal ptr @pkgimage.untrack(ptr %self, ptr %args, ptr %kws) {{
start:
  %size = CALL PyTuple_Size(ptr %args)
  br label %next
next:
  %place = phi i64 [ 0, %start ], [ %following, %one ]
  %following = add i64 %place, 1
  %all = icmp sge i64 %place, %size
  br i1 %all, label %done, label %one
one:
  %item = CALL PyTuple_GetItem(ptr %args, i64 %place)
  CALL PyObject_GC_UnTrack(ptr %item)
  br label %next
done:
  CALL Py_IncRef(ptr %args)
  ret ptr %args
}}
"""


def first_calls_ir(addresses: Mapping[str, str], hidden: str) -> list[str]:
    """IR of the code and of its state, `FIRST_CALLS_SYMBOL`.

    addresses: of the slots by their names, as constant expressions. hidden: what IR says of a
    symbol that stays inside the image.
    """
    state = f"@{FIRST_CALLS_SYMBOL}"
    lines = [
        f"{state} = {hidden}global {_STATE} {{ ptr null, ptr null, ptr null, ptr null, ptr null, "
        "ptr @pkgimage.add, ptr @pkgimage.untrack }, align 16"
    ]
    number = 0
    for line in _CODE.replace("STATE", state).splitlines():
        before, call, after = line.partition("CALL ")
        if call:
            name, _, arguments = after.partition("(")
            number += 1
            lines.append(f"  %f{number} = load ptr, ptr {addresses[name]}, !invariant.load !0")
            kind = _SIGNATURES[name]
            result = kind if "..." in kind else kind.partition(" ")[0]
            line = f"{before}call {result} %f{number}({arguments}"
        lines.append(line)
    return lines
