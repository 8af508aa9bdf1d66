from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageimage.model.errors import PackageImageError
from packageimage.model.flags import (
    CHECK_BOUNDS,
    DEBUG_LEVELS,
    MODES,
    OPT_LEVELS,
    YES,
    CacheFlags,
    flags_from_environment,
    flags_mismatch,
    parse_flags,
    parse_mode,
)

ALL = [
    CacheFlags(*values)
    for values in itertools.product(
        (True, False), DEBUG_LEVELS, CHECK_BOUNDS, (True, False), OPT_LEVELS
    )
]


def test_every_combination_round_trips() -> None:
    assert len({str(flags) for flags in ALL}) == len(ALL) == 144
    for flags in ALL:
        assert parse_flags(str(flags)) == flags


def test_text_is_full_and_in_order() -> None:
    assert str(CacheFlags()) == (
        "native-code=yes,debug-level=0,check-bounds=auto,inline=yes,opt-level=3"
    )
    assert parse_flags("") == parse_flags("  ") == CacheFlags()
    assert parse_flags(" opt-level = 2 , inline=no") == CacheFlags(inline=False, opt_level=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optlevel=2", "'optlevel=2' is not a flag"),
        ("opt-level=4", "opt-level must be one of 0, 1, 2, 3, found '4'"),
        ("opt-level", "opt-level must be one of 0, 1, 2, 3, found nothing"),
        ("inline=maybe", "inline must be one of yes, no, found 'maybe'"),
        ("inline=yes,inline=no", "inline is given twice"),
        ("inline=yes,", "'' is not a flag"),
        ("inline=yes;opt-level=2", "found 'yes;opt-level=2'"),
        ("a\nb", r"'a\\nb' is not a flag"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(PackageImageError, match=message) as caught:
        parse_flags(text)
    assert str(caught.value).isprintable()


@given(st.text())
def test_any_text_is_flags_or_one_line(text: str) -> None:
    try:
        assert parse_flags(str(parse_flags(text))) == parse_flags(text)
    except PackageImageError as error:
        assert "\n" not in str(error)


def test_mismatch_of_every_pair() -> None:
    for image, wanted in itertools.product(ALL, ALL):
        fits = (
            image.native_code == wanted.native_code
            and image.debug_level == wanted.debug_level
            and image.check_bounds == wanted.check_bounds
            and image.inline == wanted.inline
            and image.opt_level >= wanted.opt_level
        )
        assert (flags_mismatch(image, wanted) is None) == fits


def test_mismatch_names_every_difference() -> None:
    image, wanted = CacheFlags(opt_level=1, inline=False), CacheFlags(debug_level=2)
    assert flags_mismatch(image, wanted) == (
        "debug-level: image has 0, session asks for 2; inline: image has no, session asks for yes; "
        "opt-level: image has 1, session asks for at least 3"
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, CacheFlags()),
        ({"NUMBA_OPT": "0"}, CacheFlags(opt_level=0)),
        ({"NUMBA_OPT": "max"}, CacheFlags(opt_level=3)),
        ({"NUMBA_OPT": " Max "}, CacheFlags(opt_level=3)),
        ({"NUMBA_OPT": ""}, CacheFlags()),
        ({"NUMBA_BOUNDSCHECK": "1"}, CacheFlags(check_bounds="yes")),
        ({"NUMBA_BOUNDSCHECK": "0"}, CacheFlags(check_bounds="no")),
        ({"NUMBA_BOUNDSCHECK": ""}, CacheFlags()),
        ({"NUMBA_DEBUGINFO": "1"}, CacheFlags(debug_level=2)),
        ({"NUMBA_DEBUGINFO": "0"}, CacheFlags()),
        ({"NUMBA_DISABLE_JIT": "1"}, CacheFlags(native_code=False)),
        ({"NUMBA_OPT": "1", "PKGIMAGE_FLAGS": "opt-level=2"}, CacheFlags(opt_level=2)),
        ({"NUMBA_OPT": "1", "PKGIMAGE_FLAGS": "inline=no"}, CacheFlags(opt_level=1, inline=False)),
    ],
)
def test_environment(environ: dict[str, str], expected: CacheFlags) -> None:
    assert flags_from_environment(environ) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NUMBA_OPT", "4"),
        ("NUMBA_OPT", "fast"),
        ("NUMBA_BOUNDSCHECK", "yes"),
        ("NUMBA_DEBUGINFO", "x"),
        ("NUMBA_DISABLE_JIT", "true"),
        ("PKGIMAGE_FLAGS", "nonsense"),
    ],
)
def test_environment_mistakes_name_the_variable(name: str, value: str) -> None:
    with pytest.raises(PackageImageError) as caught:
        flags_from_environment({name: value})
    assert name in str(caught.value) and value in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [{"native_code": 1}, {"debug_level": 3}, {"opt_level": True}, {"check_bounds": "maybe"}],
)
def test_wrong_values_are_bugs(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        CacheFlags(**wrong)  # type: ignore[arg-type]


def test_mode() -> None:
    assert parse_mode(None) == parse_mode("") == YES
    for mode in MODES:
        assert parse_mode(mode) == parse_mode(f" {mode.upper()} ") == mode
    with pytest.raises(PackageImageError, match="one of yes, no, existing, strict, found 'on'"):
        parse_mode("on")
