from dataclasses import dataclass

import pytest
from packageimage.codegen.clone_policy import cloned_entries, code_targets, worth_cloning
from packageimage.codegen.module_summary import FunctionSummary, ModuleSummary


@dataclass(frozen=True)
class Target:
    clone_all: bool = False
    base: int = 0


def function(name, *references, **features):
    return FunctionSummary(name, "external", references, **features)


def module(*functions):
    return ModuleSummary({f.name: f for f in functions}, {})


SUMMARY = module(
    function("plain"),
    function("loops", has_loop=True),
    function("calls", "middle"),
    function("middle", "loops"),
    function("recursive", "recursive", "printf"),
)
ENTRIES = ("plain", "calls", "loops", "recursive")
GENERIC = Target()


@pytest.mark.parametrize(
    "feature", ["has_loop", "has_vectors", "has_fma", "has_fast_math", "has_half"]
)
def test_each_reason_to_clone(feature):
    assert worth_cloning(function("f", **{feature: True}))
    assert not worth_cloning(function("f"))


@pytest.mark.parametrize(
    ("targets", "index", "cloned"),
    [
        ((GENERIC,), 0, ENTRIES),
        ((GENERIC, Target()), 1, ("calls", "loops")),
        ((GENERIC, Target(clone_all=True)), 1, ENTRIES),
        ((Target(clone_all=False), Target()), 0, ENTRIES),
    ],
)
def test_which_entries_are_cloned(targets, index, cloned):
    assert cloned_entries(SUMMARY, ENTRIES, index, targets) == cloned


@pytest.mark.parametrize(
    ("targets", "index", "plain", "loops"),
    [
        ((GENERIC,), 0, 0, 0),
        ((GENERIC, Target()), 1, 0, 1),
        ((GENERIC, Target(clone_all=True), Target(base=1)), 2, 1, 2),
        # Through a base that has not cloned it either.
        ((GENERIC, Target(), Target(base=1)), 2, 0, 2),
        ((GENERIC, Target(clone_all=True), Target(base=1), Target(base=2)), 3, 1, 3),
        ((GENERIC, Target(clone_all=True), Target()), 2, 0, 2),
    ],
)
def test_where_code_comes_from(targets, index, plain, loops):
    found = code_targets(SUMMARY, ENTRIES, index, targets)
    assert found == {"plain": plain, "recursive": plain, "calls": loops, "loops": loops}
    assert tuple(found) == ENTRIES


def test_complete_targets_need_no_summary():
    assert code_targets(None, ENTRIES, 1, (GENERIC, Target(clone_all=True)))["plain"] == 1
    with pytest.raises(ValueError, match="summary"):
        code_targets(None, ENTRIES, 1, (GENERIC, Target()))


def test_a_base_that_is_not_before_the_target_is_a_bug():
    with pytest.raises(ValueError, match="base 1"):
        code_targets(SUMMARY, ENTRIES, 1, (GENERIC, Target(base=1)))
