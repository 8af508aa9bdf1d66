"""Several flag sets and CPU-target sets side by side: what they share and what differs."""

from __future__ import annotations

import pytest
from scons_project import SCONSTRUCT, Project

HEAD = SCONSTRUCT.rpartition("env.PackageImage")[0]
CALL = "env.PackageImage('kernels', 'src/kernels', workload='src/workload.py'"


def told(project: Project, *calls: str) -> list[str]:
    """What a build with these calls runs, without the package's name."""
    project.write({"SConstruct": HEAD + "\n".join(f"{CALL}{call})" for call in calls)})
    return [line.replace(" kernels", "") for line in project.build()]


CODEGEN = ["codegen 0 generic", "codegen 0 haswell", "codegen 0 x86-64-v4"]
REST = ["data", "link", "verify"]

# Each: the calls, and what runs for all of them together.
SHARED = {
    "one": ([""], ["serialize", "entries", *CODEGEN, *REST]),
    "an opt level": (
        ["", ", flags='opt-level=1'"],
        ["serialize", "entries", *CODEGEN, *CODEGEN, *REST, *REST],
    ),
    "check-bounds": (
        ["", ", flags='check-bounds=yes'"],
        ["serialize", "entries", *CODEGEN, *REST] * 2,
    ),
    "CPU targets": (
        [", cpu_targets='generic;haswell'", ", cpu_targets='generic;haswell;skylake'"],
        ["serialize", "entries", *CODEGEN[:2], "codegen 0 skylake", *REST, *REST],
    ),
    "CPU targets in another place": (
        [", cpu_targets='generic;haswell'", ", cpu_targets='haswell'"],
        ["serialize", "entries", *CODEGEN[:2], "codegen 0 haswell", *REST, *REST],
    ),
    "no native code": (
        [", cpu_targets='generic'", ", cpu_targets='generic', flags='native-code=no'"],
        ["serialize", "entries", CODEGEN[0], *REST, "serialize", "entries", *REST],
    ),
    "depots": (
        ["", ", depot='second'"],
        ["serialize", "entries", *CODEGEN, *REST, "verify"],
    ),
    "platforms": (
        [", cpu_targets='generic'", ", cpu_targets='generic', platforms='linux-aarch64'"],
        ["serialize", "entries", CODEGEN[0], *REST, CODEGEN[0], *REST],
    ),
    "partitions": (
        [", cpu_targets='generic'", ", cpu_targets='generic', partitions=2, depot='second'"],
        [*["serialize", "entries", CODEGEN[0], *REST] * 2, "codegen 1 generic"],
    ),
    "a product": (
        [", flags=['', 'opt-level=1'], cpu_targets=['generic', 'generic;haswell']"],
        ["serialize", "entries", *[*CODEGEN[:2], *REST, *REST] * 2],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SHARED)
def test_configurations_share_what_is_the_same(project: Project, kind: str) -> None:
    calls, expected = SHARED[kind]
    assert sorted(told(project, *calls)) == sorted(expected)


@pytest.mark.parametrize("kind", SHARED)
def test_the_order_of_the_calls_does_not_matter(project: Project, kind: str) -> None:
    calls, _ = SHARED[kind]
    told(project, *calls)
    assert told(project, *reversed(calls)) == []
    # One alone is what it was beside the others.
    assert told(project, calls[-1]) == []


def test_lists_in_construction_variables(project: Project) -> None:
    told(project, ", flags=['', 'opt-level=1']")
    project.write(
        {
            "SConstruct": f"{HEAD}\nenv['PKGIMAGE_FLAGS'] = ['', 'opt-level=1']\n"
            f"files = {CALL})\nprint([str(file).rpartition('.')[2] for file in files])\n"
        }
    )
    assert project.scons().lines == ["['so', 'pki', 'so', 'pki']", "scons: `.' is up to date."]


def test_an_edit_reaches_every_configuration(project: Project) -> None:
    calls = SHARED["an opt level"][0]
    told(project, *calls)
    project.edit("src/kernels/one.py", "x + 1", "x + 2")
    assert sorted(told(project, *calls)) == sorted(SHARED["an opt level"][1])


PLAIN = "env.PackageImage('kernels', 'src/kernels', depot='other'"
CONFLICTS = {
    "workloads": ([f"{CALL})", f"{PLAIN})"], "with different sources, workloads, paths, "),
    "paths": (
        [f"{CALL})", f"{CALL}, path='src', depot='other')"],
        "with different sources, workloads, paths, ",
    ),
    "a stage's flags": (
        [f"{CALL})", f"{CALL}, depot='other', PKGIMAGECODEGENFLAGS='-x')"],
        ".o: two images would make it with different settings of the stage codegen;",
    ),
    "the same twice": (
        [f"{CALL}, flags=['', 'opt-level=3'])"],
        "two images of kernels for linux-x86_64 with the same flags and CPU targets",
    ),
    "no flags": ([f"{CALL}, flags=[])"], "PKGIMAGE_FLAGS: expected a text or a list of texts, fou"),
    "no text": ([f"{CALL}, cpu_targets=[1])"], "PKGIMAGE_CPU_TARGETS: expected a text or a list"),
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_what_cannot_be_shared_is_an_error(project: Project, conflict: str) -> None:
    calls, expected = CONFLICTS[conflict]
    project.write({"SConstruct": HEAD + "\n".join(calls)})
    done = project.scons()
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert done.err.startswith("pkgimage: error: ") and expected in done.err
