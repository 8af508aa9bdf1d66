"""Cache flags: the settings of a session that decide which images it accepts.

The rules are Julia's (package-images.md, "Flags that impact pkgimage"): everything matches
exactly but the opt level, where an image may be better optimised than asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

from packageimage.model.errors import PackageImageError
from packageimage.model.record import Record

CHECK_BOUNDS = ("auto", "yes", "no")
DEBUG_LEVELS = (0, 1, 2)
OPT_LEVELS = (0, 1, 2, 3)


class CacheFlags(Record):
    """What a session asks for, or what an image was built with.

    native_code: False means data and metadata only. debug_level: 0-2, DWARF. check_bounds:
    "auto" leaves it to each function's declaration. inline: may functions be inlined.
    opt_level: 0-3.
    """

    native_code: bool = True
    debug_level: int = 0
    check_bounds: str = "auto"
    inline: bool = True
    opt_level: int = 3

    def __post_init__(self) -> None:
        # A wrong value here is a bug of ours (parse_flags has checked what users write) or a
        # damaged header (decode turns ValueError into HeaderError).
        for name in ("native_code", "inline"):
            if type(getattr(self, name)) is not bool:
                raise ValueError(f"{name} must be a bool, not {getattr(self, name)!r}")
        for name, known in (
            ("debug_level", DEBUG_LEVELS),
            ("opt_level", OPT_LEVELS),
            ("check_bounds", CHECK_BOUNDS),
        ):
            value = getattr(self, name)
            if type(value) is not type(known[0]) or value not in known:
                raise ValueError(f"{name} must be one of {known}, not {value!r}")

    def __str__(self) -> str:
        """Canonical full text; `parse_flags(str(flags)) == flags`."""
        return ",".join(f"{key}={_text(getattr(self, name))}" for key, name in _FIELDS.items())


_FIELDS = {name.replace("_", "-"): name for name in CacheFlags._fields}
_VALUES: dict[str, dict[str, object]] = {
    "native-code": {"yes": True, "no": False},
    "debug-level": {str(level): level for level in DEBUG_LEVELS},
    "check-bounds": {value: value for value in CHECK_BOUNDS},
    "inline": {"yes": True, "no": False},
    "opt-level": {str(level): level for level in OPT_LEVELS},
}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def parse_flags(text: str) -> CacheFlags:
    """`"opt-level=2,check-bounds=yes"` as CacheFlags; what is not named keeps its default.

    Raises PackageImageError for an unknown key, a bad value, a key given twice.
    """
    return _apply(CacheFlags(), text, "flags")


def _apply(flags: CacheFlags, text: str, source: str) -> CacheFlags:
    changes: dict[str, object] = {}
    if not text.strip():
        return flags
    for item in text.split(","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in _FIELDS:
            raise PackageImageError(
                f"{source}: {item.strip()!r} is not a flag; write KEY=VALUE, separated by commas, "
                f"with a KEY of {', '.join(_FIELDS)}"
            )
        if not equals or value not in _VALUES[key]:
            found = repr(value) if equals else "nothing"
            raise PackageImageError(
                f"{source}: {key} must be one of {', '.join(_VALUES[key])}, found {found}"
            )
        if _FIELDS[key] in changes:
            raise PackageImageError(f"{source}: {key} is given twice; keep one of them")
        changes[_FIELDS[key]] = _VALUES[key][value]
    return flags.replace(**changes)


def flags_from_environment(environ: Mapping[str, str]) -> CacheFlags:
    """What a session asks for: Numba's settings that mean the same, PKGIMAGE_FLAGS over them.

    The meanings are Numba's (`numba/core/config.py`): NUMBA_OPT is 0-3 or "max" (the level is 3
    then), NUMBA_BOUNDSCHECK unset leaves it to each function, the others are integers of which
    all but 0 mean yes. A variable that is empty counts as unset. Numba only warns about a bad
    value and goes on with its default; an image chosen for flags nobody asked for would be worse,
    so here it is a PackageImageError.
    """
    opt_level = environ.get("NUMBA_OPT", "").strip().lower() or "3"
    if opt_level == "max":
        opt_level = "3"
    if opt_level not in _VALUES["opt-level"]:
        raise PackageImageError(
            f"NUMBA_OPT must be 0, 1, 2, 3 or max, found {environ['NUMBA_OPT']!r}; "
            "correct or unset it"
        )
    bounds = switch(environ, "NUMBA_BOUNDSCHECK")
    flags = CacheFlags(
        native_code=not switch(environ, "NUMBA_DISABLE_JIT"),
        debug_level=2 if switch(environ, "NUMBA_DEBUGINFO") else 0,
        check_bounds="auto" if bounds is None else _text(bounds),
        opt_level=int(opt_level),
    )
    return _apply(flags, environ.get("PKGIMAGE_FLAGS", ""), "PKGIMAGE_FLAGS")


def switch(environ: Mapping[str, str], name: str) -> bool | None:
    """A setting of Numba's that is 0 or 1; None when it is not set."""
    text = environ.get(name, "").strip()
    if not text:
        return None
    try:
        return int(text) != 0
    except ValueError:
        raise PackageImageError(
            f"{name} must be 0 or 1, found {environ[name]!r}; correct or unset it"
        ) from None


def always_verifies(environ: Mapping[str, str]) -> bool:
    """Whether PKGIMAGE_VERIFY asks for no memo. PackageImageError for what it can't be."""
    value = environ.get("PKGIMAGE_VERIFY", "").strip().lower()
    if value not in ("", "once", "always"):
        raise PackageImageError(
            f"PKGIMAGE_VERIFY must be once or always, found {value!r}; correct or unset it"
        )
    return value == "always"


def flags_mismatch(image: CacheFlags, requested: CacheFlags) -> str | None:
    """Why an image built with `image` does not serve a session that asks for `requested`.

    None means that it does. Native code, debug level, check bounds and inline change the code
    and must be equal; the image's opt level must be at least the requested one (design.md
    section 7). All differences are named, in the order of the flags.
    """
    reasons = []
    for key, name in _FIELDS.items():
        has, wants = getattr(image, name), getattr(requested, name)
        if name == "opt_level":
            if has < wants:
                reasons.append(f"{key}: image has {has}, session asks for at least {wants}")
        elif has != wants:
            reasons.append(f"{key}: image has {_text(has)}, session asks for {_text(wants)}")
    return "; ".join(reasons) or None


# What a session does with images, from the variable PKGIMAGE. No Enum, whose four members
# would take as long to make as an image to open.
YES = "yes"  # use images, build missing ones where the caller can
NO = "no"  # as if there were no images
EXISTING = "existing"  # use those that are there, build none
STRICT = "strict"  # a rejection is an error
MODES = (YES, NO, EXISTING, STRICT)


def parse_mode(text: str | None) -> str:
    """The value of PKGIMAGE, one of MODES; unset or empty is YES. PackageImageError for others."""
    mode = (text or "").strip().lower() or YES
    if mode not in MODES:
        raise PackageImageError(f"PKGIMAGE must be one of {', '.join(MODES)}, found {text!r}")
    return mode
