"""Python's objects in machine code: functions that read numbers, lists and arrays, and make them.

They go through Python's C API.

>>> [*library()][0]
'PyFloat_AsDouble'
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from .machine import Machine, target

TYPE = object.__basicsize__ - ctypes.sizeof(ctypes.c_void_p)  # where in an object its type stands
AS_TABLE, WRITABLE = 0x3C, 0x01  # with format and shape, in the order of C; what is to be written


class Buffer(ctypes.Structure):
    """What Python tells of the memory of an array."""

    _fields_ = [
        ("start", ctypes.c_void_p), ("owner", ctypes.c_void_p),
        ("size", ctypes.c_ssize_t), ("item_size", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int), ("axes", ctypes.c_int), ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p), ("internal", ctypes.c_void_p),
    ]  # fmt: skip


PYTHON = {  # what is used of its C API
    "PyFloat_AsDouble": "double (ptr)",
    "PyFloat_FromDouble": "ptr (double)",
    "PyErr_Occurred": "ptr ()",
    "PyErr_Clear": "void ()",
    "PyList_Size": "i64 (ptr)",
    "PyList_GetItem": "ptr (ptr, i64)",
    "PyList_New": "ptr (i64)",
    "PyList_SetItem": "i32 (ptr, i64, ptr)",
    "PyTuple_Size": "i64 (ptr)",
    "PyTuple_GetItem": "ptr (ptr, i64)",
    "PyTuple_New": "ptr (i64)",
    "PyTuple_SetItem": "i32 (ptr, i64, ptr)",
    "PyObject_GetBuffer": "i32 (ptr, ptr, i32)",
    "PyBuffer_Release": "void (ptr)",
    "PyObject_CallObject": "ptr (ptr, ptr)",
    "PyEval_SaveThread": "ptr ()",
    "PyEval_RestoreThread": "void (ptr)",
    "Py_IncRef": "void (ptr)",
}
COPY = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
OWN = {  # what is defined below
    "number": "i1 (ptr, ptr)",
    "numbersList": "i1 (ptr, i64, ptr)",
    "numbersTuple": "i1 (ptr, i64, ptr)",
    "isList": "i1 (ptr, i64)",
    "isTuple": "i1 (ptr, i64)",
    "madeList": "ptr (ptr, ptr, i64)",
    "madeTuple": "ptr (ptr, ptr, i64)",
    "doubles": "ptr (ptr, i32, ptr)",
    "madearray": "ptr (ptr, ptr, i64, ptr)",
}
OF_ARRAYS = ("doubles", "madearray")

# whether an object is a number, which is then stored
NUMBER = """define i1 @number(ptr %x, ptr %to) {{
%at = getelementptr i8, ptr %x, i64 {type}
%kind = load ptr, ptr %at
{kinds}
br i1 {is_number}, label %read, label %no
read:
%y = call double @PyFloat_AsDouble(ptr %x)
store double %y, ptr %to
%odd = fcmp oeq double %y, -1.0
br i1 %odd, label %check, label %yes
check:
%error = call ptr @PyErr_Occurred()
%fine = icmp eq ptr %error, null
br i1 %fine, label %yes, label %large
large:
call void @PyErr_Clear()
br label %no
yes:
ret i1 true
no:
ret i1 false
}}
define i1 @is(ptr %x, ptr %type) {{
%at = getelementptr i8, ptr %x, i64 {type}
%kind = load ptr, ptr %at
%same = icmp eq ptr %kind, %type
ret i1 %same
}}"""

# whether a list or tuple is one of n numbers, which are then stored; a new one of n outputs
SEQUENCE = """define i1 @numbers{kind}(ptr %x, i64 %n, ptr %to) {{
%fits = call i1 @is{kind}(ptr %x, i64 %n)
br i1 %fits, label %loop, label %no
loop:
%i = phi i64 [ 0, %0 ], [ %on, %more ]
%item = call ptr @Py{kind}_GetItem(ptr %x, i64 %i)
%there = getelementptr double, ptr %to, i64 %i
%good = call i1 @number(ptr %item, ptr %there)
br i1 %good, label %more, label %no
more:
%on = add i64 %i, 1
%done = icmp eq i64 %on, %n
br i1 %done, label %yes, label %loop
yes:
ret i1 true
no:
ret i1 false
}}
define i1 @is{kind}(ptr %x, i64 %n) {{
%is = call i1 @is(ptr %x, ptr {type})
br i1 %is, label %count, label %no
count:
%size = call i64 @Py{kind}_Size(ptr %x)
%fits = icmp eq i64 %size, %n
ret i1 %fits
no:
ret i1 false
}}
define ptr @made{kind}(ptr %out, ptr %places, i64 %n) {{
%new = call ptr @Py{kind}_New(i64 %n)
%none = icmp eq ptr %new, null
br i1 %none, label %end, label %loop
loop:
%i = phi i64 [ 0, %0 ], [ %on, %loop ]
%at = getelementptr i64, ptr %places, i64 %i
%place = load i64, ptr %at
%from = getelementptr double, ptr %out, i64 %place
%y = load double, ptr %from
%item = call ptr @PyFloat_FromDouble(double %y)
call i32 @Py{kind}_SetItem(ptr %new, i64 %i, ptr %item)
%on = add i64 %i, 1
%done = icmp eq i64 %on, %n
br i1 %done, label %end, label %loop
end:
ret ptr %new
}}"""

# where the doubles of an array of this shape lie, null if it is none; a new array of outputs, which
# are neighbours if their places are null
ARRAY = """define ptr @doubles(ptr %x, i32 %axes, ptr %shape) {{
%view = alloca [{buffer} x i8], align 8
%is = call i1 @is(ptr %x, ptr {type})
br i1 %is, label %ask, label %no
ask:
%failed = call i32 @PyObject_GetBuffer(ptr %x, ptr %view, i32 {as_table})
%good = icmp eq i32 %failed, 0
br i1 %good, label %form, label %clear
clear:
call void @PyErr_Clear()
br label %no
form:
%start = load ptr, ptr %view
%at.format = getelementptr i8, ptr %view, i64 {format}
%format = load ptr, ptr %at.format
%letters = load i16, ptr %format, align 1
%is.double = icmp eq i16 %letters, {double}
%at.axes = getelementptr i8, ptr %view, i64 {axes}
%has.axes = load i32, ptr %at.axes
%same.axes = icmp eq i32 %has.axes, %axes
%word = ptrtoint ptr %start to i64
%low = and i64 %word, 7
%is.aligned = icmp eq i64 %low, 0
%a = and i1 %is.double, %same.axes
%b = and i1 %a, %is.aligned
%at.shape = getelementptr i8, ptr %view, i64 {shape}
%has.shape = load ptr, ptr %at.shape
br i1 %b, label %loop, label %other
loop:
%i = phi i32 [ 0, %form ], [ %on, %axis ]
%end = icmp eq i32 %i, %axes
br i1 %end, label %yes, label %axis
axis:
%at.n = getelementptr i64, ptr %has.shape, i32 %i
%n = load i64, ptr %at.n
%at.m = getelementptr i64, ptr %shape, i32 %i
%m = load i64, ptr %at.m
%same = icmp eq i64 %n, %m
%on = add i32 %i, 1
br i1 %same, label %loop, label %other
yes:
call void @PyBuffer_Release(ptr %view)
ret ptr %start
other:
call void @PyBuffer_Release(ptr %view)
br label %no
no:
ret ptr null
}}
define ptr @madearray(ptr %out, ptr %places, i64 %n, ptr %shape) {{
%view = alloca [{buffer} x i8], align 8
%new = call ptr @PyObject_CallObject(ptr {empty}, ptr %shape)
%none = icmp eq ptr %new, null
br i1 %none, label %end, label %ask
ask:
call i32 @PyObject_GetBuffer(ptr %new, ptr %view, i32 {writable})
%start = load ptr, ptr %view
%neighbours = icmp eq ptr %places, null
br i1 %neighbours, label %copy, label %loop
copy:
%size = mul i64 %n, 8
call void @llvm.memcpy.p0.p0.i64(ptr %start, ptr %out, i64 %size, i1 false)
br label %full
loop:
%i = phi i64 [ 0, %ask ], [ %on, %loop ]
%at = getelementptr i64, ptr %places, i64 %i
%place = load i64, ptr %at
%from = getelementptr double, ptr %out, i64 %place
%y = load double, ptr %from
%to = getelementptr double, ptr %start, i64 %i
store double %y, ptr %to
%on = add i64 %i, 1
%done = icmp eq i64 %on, %n
br i1 %done, label %full, label %loop
full:
call void @PyBuffer_Release(ptr %view)
br label %end
end:
ret ptr %new
}}"""


def address(x: Any) -> str:
    """An object as IR, for as long as somebody holds it."""
    return f"inttoptr (i64 {id(x)} to ptr)"


def declared(forms: Mapping[str, str]) -> str:
    """The declarations of functions."""
    found = [(name, *form.split(" ", 1)) for name, form in forms.items()]
    return "\n".join(f"declare {result} @{name}{given}" for name, result, given in found)


def library() -> dict[str, Any]:
    """The functions of Python that the code may call, and those of this file."""
    numpy = sys.modules.get("numpy")
    return _library(numpy if hasattr(numpy, "empty") else None)  # not while it is being imported


@cache
def _library(numpy: Any) -> dict[str, Any]:
    types = [float, int] if numpy is None else [float, int, numpy.float64]
    kinds = [f"%is{k} = icmp eq ptr %kind, {address(t)}" for k, t in enumerate(types)]
    either = "%is0"
    for k in range(1, len(types)):
        kinds.append(f"%or{k} = or i1 {either}, %is{k}")
        either = f"%or{k}"
    parts = [declared(PYTHON), COPY]
    parts.append(NUMBER.format(type=TYPE, kinds="\n".join(kinds), is_number=either))
    for kind in (list, tuple):
        parts.append(SEQUENCE.format(kind=kind.__name__.title(), type=address(kind)))
    if numpy is not None:
        parts.append(ARRAY.format(
            buffer=ctypes.sizeof(Buffer), axes=Buffer.axes.offset, shape=Buffer.shape.offset,
            format=Buffer.format.offset, double=ord("d"), as_table=AS_TABLE, writable=WRITABLE,
            type=address(numpy.ndarray), empty=address(numpy.empty),
        ))  # fmt: skip
    python = {name: getattr(ctypes.pythonapi, name) for name in PYTHON}
    machine = Machine("\n".join(parts), target(), 1, python)
    machine.held = [*types, numpy and (numpy.ndarray, numpy.empty)]  # whose addresses it knows
    own = [name for name in OWN if numpy is not None or name not in OF_ARRAYS]
    prototype = ctypes.CFUNCTYPE(None)
    return {**python, **{name: machine.function(name, prototype) for name in own}}
