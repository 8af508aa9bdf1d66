"""Code objects as bytes that say nothing of the folder or process they came from."""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterable
from types import CodeType
from typing import Any

# The last version without references: those depend on how many there were to an object.
_VERSION = 2
_FILE = "<packageimage>"


def marshalled(codes: Iterable[CodeType], *, with_file: bool) -> bytes:
    """A tuple of code objects for `marshal.loads`; with their files' names or one for all."""
    return marshal.dumps(
        tuple(_plain(code, None if with_file else _FILE) for code in codes), _VERSION
    )


def _plain(code: CodeType, file: str | None) -> CodeType:
    return code.replace(
        co_filename=file or code.co_filename,
        co_consts=tuple(_constant(constant, file) for constant in code.co_consts),
    )


def _constant(constant: Any, file: str | None) -> Any:
    if isinstance(constant, CodeType):
        return _plain(constant, file)
    if type(constant) is tuple:
        return tuple(_constant(part, file) for part in constant)
    if type(constant) is str:
        # marshal writes whether a string is interned, which any code in the process may change.
        return sys.intern(constant) if constant.isidentifier() else "".join(list(constant))
    return constant
