"""What a compiled specialisation is known by, the same text at build and at load.

Numba keys its own cache by the file, the bytecode and the closure, and misses changed globals and
callees (numba issue 1833).  Here a method is known by its function (module, qualified name, first
line, bytecode, closure), the Numba types of its arguments, the target options and, checked apart,
the global values that it froze.  All of it is text or a digest of values, never an address, so
that two processes agree.

Nothing here imports Numba or NumPy: their objects are recognised by what they offer.
"""

from __future__ import annotations

import enum
import itertools
import marshal
import re
import struct
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any

from .digest import sha256

_ADDRESS = r" at 0x[0-9a-fA-F]+|#[0-9a-fA-F]+(?=<)"
_DIGEST_LENGTH = 24
_MAX_DEPTH = 12

# Options that say where code is kept, not what it is.
_OPTIONS_WITHOUT_EFFECT_ON_CODE = frozenset({"cache", "_target"})

# Constants that marshal writes as their values say, and the version of its format that looks at
# nothing else, such as whether a string is interned.
_PLAIN_CONSTANTS = frozenset({bool, int, float, complex, str, bytes, type(None)})
_MARSHAL_VERSION = 2

_PLAIN_OPTIONS = frozenset({bool, int, str, type(None)})

# CO_OPTIMIZED and CO_NEWLOCALS (inspect.CO_*), the same for every function.
_FLAGS_OF_THE_INTERPRETER = 0x1 | 0x2

# Types whose name says everything, by id: hashing one of Numba's types runs Python code. They are
# kept, so that no other object can have the id.
_plain_types: dict[int, tuple[object, str]] = {}
_code_digests: dict[types.CodeType, str] = {}
_options_texts: dict[tuple[object, ...], str] = {}


class Unkeyable(ValueError):
    """A value that no other process could compare; the argument says which."""


class Ambiguous(Unkeyable):
    """What Numba knows by its identity: code that froze one cannot be told from code that froze
    another."""


def short_digest(data: bytes) -> str:
    """Ninety-six bits of SHA-256 in hexadecimal: enough to tell a package's functions apart."""
    return str(sha256(data).hexdigest()[:_DIGEST_LENGTH])


def code_digest(code: types.CodeType, left_out: frozenset[str] = frozenset()) -> str:
    """A digest of what a code object does: bytecode, constants, names; no line numbers.

    left_out: qualified names of nested functions that count by their names alone.
    """
    known = None if left_out else _code_digests.get(code)
    if known is not None:
        return known
    bytecode, constants = code.co_code, code.co_consts
    if "__firstlineno__" in code.co_names:
        bytecode, constants = _class_body(code)
    shape = (
        bytecode,
        code.co_name,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        # Numba's dispatcher clears CO_OPTIMIZED in place when a profiler watches a call.
        code.co_flags & ~_FLAGS_OF_THE_INTERPRETER,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        getattr(code, "co_exceptiontable", b""),
    )
    if _PLAIN_CONSTANTS.issuperset(map(type, constants)):
        data = marshal.dumps((shape, constants), _MARSHAL_VERSION)
    else:
        texts = "\0".join([_constant_text(constant, left_out) for constant in constants])
        data = marshal.dumps((shape, texts.encode("utf-8", "surrogatepass")), _MARSHAL_VERSION)
    digest = sha256(data)
    result = str(digest.hexdigest()[:_DIGEST_LENGTH])
    if not left_out:
        _code_digests[code] = result
    return result


def _class_body(code: types.CodeType) -> tuple[bytes, tuple[object, ...]]:
    """Bytecode and constants of a class's body, without its line that Python 3.13 and later note
    there."""
    import dis

    bytecode, constants = bytearray(code.co_code), list(code.co_consts)
    instructions = list(dis.get_instructions(code))
    users = [each.arg for each in instructions if each.opcode in dis.hasconst]
    for load, store in itertools.pairwise(instructions):
        if store.opname == "STORE_NAME" and store.argval == "__firstlineno__":
            if load.opname == "LOAD_SMALL_INT":
                bytecode[load.offset + 1] = 0
            elif load.arg is not None and users.count(load.arg) == 1:
                constants[load.arg] = None
    return bytes(bytecode), tuple(constants)


def _constant_text(constant: object, left_out: frozenset[str]) -> str:
    if isinstance(constant, types.CodeType):
        if constant.co_qualname in left_out:
            return "left out " + constant.co_qualname
        return "code " + code_digest(constant, left_out)
    if isinstance(constant, frozenset):
        return "frozenset " + repr(sorted(_constant_text(item, left_out) for item in constant))
    if isinstance(constant, tuple):
        return "tuple " + repr([_constant_text(item, left_out) for item in constant])
    return f"{type(constant).__name__} {constant!r}"


def value_text(value: object, depth: int = 0) -> str:
    """A text that is equal in two processes exactly when the value would compile to the same code.

    Raises Unkeyable for a value that has no such text (an open file, an object of unknown class).
    """
    if depth > _MAX_DEPTH:
        raise Unkeyable("a value nested too deeply or in a cycle")
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        if isinstance(value, enum.Enum):
            return _enum_text(value)
        return _plain_text(value)
    if isinstance(value, enum.Enum):
        return _enum_text(value)
    if isinstance(value, types.ModuleType):
        same = sys.modules.get(value.__name__) is value
        return f"module:{value.__name__}" if same else f"module not imported:{value.__name__}"
    if isinstance(value, type):
        class_type = _jitclass_of(value)
        shown = "" if class_type is None else _class_text(class_type, depth)
        if issubclass(value, enum.Enum):
            # Code that names one member may have it from any name of the class.
            shown += ",".join(f"{name}={item.value!r}" for name, item in value.__members__.items())
        elif hasattr(value, "_fields"):
            shown += f"({','.join(map(str, value._fields))})"
        return f"class:{value.__module__}.{value.__qualname__}{shown}"
    if isinstance(value, (tuple, list)):
        items = ",".join(value_text(item, depth + 1) for item in value)
        fields = getattr(value, "_fields", None)
        if fields is not None:
            return f"{type(value).__module__}.{type(value).__qualname__}{fields}({items})"
        return f"{type(value).__name__}({items})"
    if isinstance(value, (slice, range)):
        parts = (value.start, value.stop, value.step)
        return f"{type(value).__name__}({','.join(value_text(part, depth + 1) for part in parts)})"
    if isinstance(value, (set, frozenset)):
        return f"set({','.join(sorted(value_text(item, depth + 1) for item in value))})"
    if isinstance(value, dict):
        pairs = (f"{value_text(k, depth + 1)}={value_text(v, depth + 1)}" for k, v in value.items())
        return f"dict({','.join(pairs)})"
    if isinstance(value, types.FunctionType):
        if "<locals>" in value.__qualname__:
            # Code for it is found by its identity (numba.extending.overload), which no text tells.
            raise Ambiguous(f"the plain function {value.__qualname__}, made by another function")
        return f"function:{function_text(value, depth + 1)}"
    if isinstance(value, types.BuiltinFunctionType):
        return f"builtin:{value.__module__}.{value.__qualname__}"
    return _foreign_value_text(value, depth)


def global_text(value: object) -> str:
    """`value_text` of what a global name stands for, or as much of it as can be told.

    The name is compared too, so that a value that no text tells from its like (a function that
    another function made, a C function) still must not become something else.
    """
    try:
        return value_text(value)
    except Unkeyable as error:
        known: Any = value
        if isinstance(value, types.FunctionType):
            try:
                return f"local:{function_text(value)}"
            except Unkeyable:
                return f"local:{_closed_name(value)}"
        if hasattr(value, "argtypes") and hasattr(value, "restype"):  # a function of ctypes
            shown = [*(known.argtypes or ()), known.restype]
            return f"ctypes:{','.join(getattr(kind, '__name__', 'None') for kind in shown)}"
        if type(value).__module__ == "_cffi_backend":
            return "cffi:" + re.sub(_ADDRESS, "", repr(value))
        return f"unknown:{error}"


def _closed_name(function: types.FunctionType) -> str:
    return f"{function.__module__}:{function.__qualname__}|{code_digest(function.__code__)}"


def _plain_text(value: object) -> str:
    kind = type(value)
    if isinstance(value, (float, complex)) and value != value:
        # All NaNs look alike, but their signs are compiled in.
        return f"{kind.__name__}:{short_digest(_bits(value))}"
    if kind not in _PLAIN_CONSTANTS:
        # A class of its own may show itself as it likes.
        for base in (bool, int, float, complex, str, bytes):
            if isinstance(value, base):
                return f"{kind.__module__}.{kind.__qualname__}:{base.__repr__(value)}"
    return f"{kind.__name__}:{value!r}"


def _bits(value: Any) -> bytes:
    parts = (value.real, value.imag) if isinstance(value, complex) else (value,)
    return b"".join([struct.pack("<d", part) for part in parts])


def _enum_text(value: enum.Enum) -> str:
    cls = type(value)
    return f"enum:{cls.__module__}.{cls.__qualname__}.{value.name}={value.value!r}"


def _foreign_value_text(value: Any, depth: int) -> str:
    """Values of NumPy and Numba, recognised without importing either."""
    module = type(value).__module__ or ""
    if module.partition(".")[0] == "numpy":
        if hasattr(value, "tobytes") and hasattr(value, "dtype"):
            dtype = value.dtype
            if getattr(dtype, "hasobject", False):
                raise Unkeyable("an array of Python objects")
            strides = getattr(value, "strides", ())
            kind = f"{type(value).__name__}:{dtype.str}:{dtype.descr!r}:{value.shape}:{strides}"
            return f"array:{kind}:{short_digest(value.tobytes())}"
        if hasattr(value, "descr") and hasattr(value, "str"):
            return f"dtype:{value.descr!r}"
        if hasattr(value, "nin") and hasattr(value, "nout"):
            return f"ufunc:{value.__name__}"
    if hasattr(value, "py_func") and isinstance(value.py_func, types.FunctionType):
        return dispatcher_text(value, depth)
    if _is_numba_type(value):
        return f"type:{type_text(value, depth + 1)}"
    inner = getattr(value, "_dispatcher", None)  # a universal function that compiles lazily
    if inner is not None and isinstance(getattr(inner, "py_func", None), types.FunctionType):
        options = options_text(getattr(inner, "targetoptions", {}))
        layout = getattr(value, "signature", None) or ""  # of a generalised one
        if getattr(value, "_frozen", False) or layout:
            options += f";only={_loops_text(value)}"
        identity = getattr(value, "identity", None)  # what reducing nothing gives
        text = function_text(inner.py_func, depth + 1)
        return f"ufunc:{text}:{options}{layout}:{identity!r}"
    if isinstance(getattr(value, "__wrapped__", None), types.FunctionType):
        text = function_text(value.__wrapped__, depth + 1)
        if hasattr(value, "_sig") and hasattr(value, "_compiler"):
            text += f":{value._sig}:{callback_options(value)}"
        return f"wrapped:{type(value).__name__}:{text}"
    kernel = getattr(value, "kernel_ir", None)
    if kernel is not None:
        options = options_text({"mode": value.mode, **value.options})
        return f"stencil:{function_text(kernel.func_id.func, depth + 1)}:{options}"
    raise Unkeyable(f"an object of class {module}.{type(value).__qualname__}")


def dispatcher_text(dispatcher: Any, depth: int = 0) -> str:
    """`value_text` of a dispatcher: its function, options, declared locals and, where they are all
    that there will be, the signatures."""
    function = function_text(dispatcher.py_func, depth + 1)
    if not hasattr(dispatcher, "locals"):
        text = options_text(getattr(dispatcher, "targetoptions", {}))
    else:
        text = dispatcher_options(dispatcher)
        if not getattr(dispatcher, "_can_compile", True):
            text += f";only={sorted(arguments_text(item) for item in dispatcher.overloads)}"
    return f"dispatcher:{function}:{text}"


def _loops_text(ufunc: Any) -> str:
    """The loops of a universal function of Numba that gets no more, in their order: the first that
    fits is taken."""
    overloads = getattr(getattr(ufunc, "_dispatcher", None), "overloads", {})
    kinds = [getattr(item, "args", item) for item in overloads]
    return f"{[arguments_text(item) for item in kinds]}{list(getattr(ufunc, 'types', ()))}"


def array_shape(array: Any) -> str:
    """What code that uses an array in place takes for granted: its dtype, shape and strides."""
    dtype = array.dtype
    shown = dtype.str if dtype.names is None else f"{dtype.descr!r}"
    return f"{shown}{array.shape}{array.strides}".replace(" ", "")


def function_text(function: types.FunctionType, depth: int = 0) -> str:
    """Module, qualified name, bytecode, defaults and closure of a Python function.

    Raises Unkeyable when the closure holds a value without a text; the message names the variable.
    """
    parts = [_closed_text(function, depth)]
    if not lives_in_its_module(function):
        # Made by exec() with globals of its own (a jitclass's constructor is): they are as much a
        # part of it as a closure, and no module can be asked for them later.
        namespace = function.__globals__
        for name in sorted(set(function.__code__.co_names) & namespace.keys()):
            if name != "__builtins__":
                text = _named_text(f"global {name!r}", namespace[name], depth)
                parts.append(f"{name}={text}")
    return "|".join(parts)


def _closed_text(function: types.FunctionType, depth: int) -> str:
    """All of `function_text` but the function's globals."""
    parts = [_closed_name(function)]
    if function.__defaults__:
        parts.append(_named_text("a default value", function.__defaults__, depth))
    if function.__kwdefaults__:
        parts.append(_named_text("a keyword's default value", function.__kwdefaults__, depth))
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:
            parts.append(f"{name}=<empty>")
            continue
        own_class = _jitclass_of(content)
        if content is function or getattr(content, "py_func", None) is function:
            parts.append(f"{name}=<self>")
            continue
        if own_class is not None and any(m.py_func is function for _, m in _members(own_class)):
            parts.append(f"{name}=<own class>")
            continue
        parts.append(f"{name}={_named_text(f'closure variable {name!r}', content, depth)}")
    return "|".join(parts)


def lives_in_its_module(function: types.FunctionType) -> bool:
    """Whether a function's globals are the namespace of the module that it names."""
    module = sys.modules.get(function.__module__ or "")
    return module is not None and vars(module) is function.__globals__


def key_of(
    kind: str,
    function: types.FunctionType,
    options: str,
    extra: str,
    arguments: Iterable[Any],
    declared_return: Any,
) -> str:
    """The key of a method in an image's table. Raises Unkeyable as `function_text` does.

    kind: "function", "lifted", "ufunc", "cfunc" or "stencil". Numba pickles a function whose loop
    or with-block it lifted out by value into the code of its caller, so that at load its globals
    are a copy: they are left out of its text, and compared as frozen globals.
    """
    declared = "" if declared_return is None else type_text(declared_return)
    signature = f"{arguments_text(arguments)}->{declared}"
    return key_of_signature(kind, function, options, extra, signature)


def key_of_signature(
    kind: str, function: types.FunctionType, options: str, extra: str, signature: str
) -> str:
    """`key_of` where the types are known as a text: `arguments_text`, "->", `type_text`."""
    text = _closed_text(function, 0) if kind == "lifted" else function_text(function)
    return key_of_text(kind, text, options, extra, signature)


def key_of_text(kind: str, text: str, options: str, extra: str, signature: str) -> str:
    """And where the function is, too: `function_text`."""
    return short_digest("\n".join((kind, text, options, extra, signature)).encode())


def function_key(function: types.FunctionType, options: str) -> str:
    """What all specialisations of a function with these options share. Raises Unkeyable."""
    return short_digest(f"{function_text(function)}\n{options}".encode())


def _named_text(what: str, value: object, depth: int) -> str:
    try:
        return value_text(value, depth + 1)
    except Unkeyable as error:
        raise type(error)(f"{what} is {error}") from None


def options_text(options: Mapping[str, Any]) -> str:
    """Numba's target options in a canonical text, without those that do not change code."""
    # Nearly all functions of a package have the same few options, of values that say all by
    # themselves; the types are part of the shape because True == 1.
    kinds = tuple(map(type, options.values()))
    plain = _PLAIN_OPTIONS.issuperset(kinds)
    shape = (kinds, *options.items()) if plain else ()
    if shape in _options_texts:
        return _options_texts[shape]
    kept = sorted(k for k in options if k not in _OPTIONS_WITHOUT_EFFECT_ON_CODE)
    text = ",".join(f"{name}={_option_text(options[name])}" for name in kept)
    if plain:
        _options_texts[shape] = text
    return text


def _option_text(value: object) -> str:
    try:
        return value_text(value)
    except Unkeyable:
        # A cost model or a compiler class: its name decides, its instance does not.
        return f"object:{type(value).__module__}.{type(value).__qualname__}"


def _is_numba_type(value: object) -> bool:
    return any(
        cls.__module__ == "numba.core.types.abstract" and cls.__name__ == "Type"
        for cls in type(value).__mro__
    )


def dispatcher_options(dispatcher: Any) -> str:
    """Target options and the declared types of local variables, which decide the code alike."""
    text = _options_and_locals(dispatcher.targetoptions, dispatcher.locals)
    pipeline = getattr(getattr(dispatcher, "_compiler", None), "pipeline_class", None)
    if pipeline is not None and pipeline.__module__ != "numba.core.compiler":
        text += f";pipeline={pipeline.__module__}.{pipeline.__qualname__}"
    return text


def callback_options(callback: Any) -> str:
    """`dispatcher_options` of a C callback."""
    return _options_and_locals(callback._compiler.targetoptions, callback._compiler.locals)


def _options_and_locals(options: Mapping[str, Any], declared: Mapping[str, Any]) -> str:
    text = options_text(options)
    # Compiling adds a variable's later definitions, `x.1` and so on, with the type of the first
    # (ReconstructSSA._patch_locals); a function that was loaded from a cache has none of them.
    kinds = sorted((name, f"{kind}") for name, kind in declared.items() if "." not in name)
    if kinds:
        text += f";locals={kinds}"
    return text


def type_text(numba_type: Any, depth: int = 0) -> str:
    """The name of a Numba type without addresses, and with what its name leaves out.

    Numba names a dispatcher's type by its address, a jitclass by the address of its class, and a
    named tuple, an enumeration or a type of a user's own by a bare name.
    """
    known = _plain_types.get(id(numba_type))
    if known is not None:
        return known[1]
    if depth > _MAX_DEPTH:
        raise Unkeyable("a type nested too deeply")
    name = str(numba_type)
    # Compiled by the first name that needs it: most processes see none.
    shown = re.sub(_ADDRESS, "", name) if " at 0x" in name or "#" in name else name
    if shown != name:
        for attribute in ("literal_value", "value"):  # of a literal, of an argument left out
            literal = getattr(numba_type, attribute, None)
            if isinstance(literal, str):  # a text that looks as if it had an address in it
                shown += f"={literal!r}"
    dispatcher = getattr(numba_type, "dispatcher", None)
    if isinstance(getattr(dispatcher, "py_func", None), types.FunctionType):
        return f"Dispatcher[{dispatcher_text(dispatcher, depth)}]"
    generator = getattr(numba_type, "gen_func", None)
    if isinstance(generator, types.FunctionType):
        shown += f"@{function_text(generator, depth + 1)}"
    class_type = _jitclass_of(numba_type)
    if class_type is not None:
        return f"{shown}@{_class_text(class_type, depth)}"
    instance_class = getattr(numba_type, "instance_class", None)
    if isinstance(instance_class, type):
        fields = ",".join(map(str, getattr(instance_class, "_fields", ())))
        shown += f"@{instance_class.__module__}.{instance_class.__qualname__}({fields})"
    kind = type(numba_type)
    if kind.__name__ == "DeferredType":
        raise Ambiguous("a type that is defined later, which is known by its address")
    if not kind.__module__.startswith("numba."):
        if "<locals>" in kind.__qualname__:
            raise Ambiguous(f"a type of class {kind.__qualname__}, made by a function")
        shown += f"~{kind.__module__}.{kind.__qualname__}"
    inner = [(str(item), type_text(item, depth + 1)) for item in _inner_types(numba_type)]
    if any(name != text for name, text in inner):
        shown += "<" + ";".join(text for _, text in inner) + ">"
    if shown == name:
        _plain_types[id(numba_type)] = (numba_type, shown)
    return shown


def _class_text(class_type: Any, depth: int) -> str:
    """A jitclass's name, fields and the code of all its members, which calls of them contain."""
    members = _members(class_type)
    owners = sorted({getattr(member.py_func, "__module__", "") or "" for _, member in members})
    fields = [f"{name}:{type_text(kind, depth + 1)}" for name, kind in class_type.struct.items()]
    codes = [f"{name}={dispatcher_text(member, depth + 1)}" for name, member in members]
    digest = short_digest("\n".join(fields + codes).encode())
    return f"{'/'.join(owners)}.{class_type.class_name}:{digest}"


def _jitclass_of(value: Any) -> Any:
    """Numba's type of a jitclass: of the class, of its instances' type, or that type itself."""
    found = getattr(value, "class_type", value)
    return found if hasattr(found, "jit_methods") else None


def _members(class_type: Any) -> list[tuple[str, Any]]:
    """The dispatchers of a jitclass's methods, properties and static methods, by their names."""
    found = [*class_type.jit_methods.items()]
    found += [(f"static {name}", member) for name, member in class_type.jit_static_methods.items()]
    for name, parts in class_type.jit_props.items():
        found += [(f"{role} {name}", member) for role, member in parts.items()]
    return sorted(found, key=lambda item: item[0])


def _inner_types(numba_type: Any) -> Iterable[Any]:
    """The types that a container's type is made of."""
    for attribute in ("types", "arg_types"):
        inner = getattr(numba_type, attribute, None)
        if isinstance(inner, tuple):
            return inner
    found = []
    for attribute in ("dtype", "type", "item_type", "key_type", "value_type", "instance_type"):
        inner = getattr(numba_type, attribute, None)
        if inner is not None and inner is not numba_type and _is_numba_type(inner):
            found.append(inner)
    return found


def arguments_text(argument_types: Iterable[Any]) -> str:
    """The types of a call in order; two calls with the same text want the same specialisation."""
    return "(" + ", ".join(type_text(item) for item in argument_types) + ")"
