"""Why a stage runs again: one line that names what changed, from what, to what."""

from __future__ import annotations

import os
import re

import pytest
from packageimage.explanation import Made, explain, nearest
from scons_project import SCONSTRUCT, Project

HEAD = "-P -X pkgimage=llvmlite-0.50.0,codegen-0011aa -m packageimage.stages codegen"
CODEGEN = f'{HEAD} --capture k.p0.json --cpu-targets "generic;haswell" --flags opt-level=3'
FILES = {"out/k.p0.json": "aaaaaaaa1111", "out/a b.bc": "bbbbbbbb2222"}
OLD = Made(CODEGEN, FILES)


def changed(old: str, new: str) -> Made:
    assert old in CODEGEN
    return Made(CODEGEN.replace(old, new), FILES)


REASONS = {
    "a flag": (changed("opt-level=3", "opt-level=2"), "--flags changed from opt-level=3 to opt-"),
    "a CPU target": (
        changed("haswell", "skylake"),
        "--cpu-targets changed from generic;haswell to generic;skylake",
    ),
    "a version": (changed("0.50.0", "0.51.0"), "llvmlite changed from 0.50.0 to 0.51.0"),
    "a library that was not there": (
        changed("llvmlite-0.50.0,", "llvmlite-0.50.0,zlib-1.3,"),
        "zlib changed from nothing to 1.3",
    ),
    "this library": (
        changed("codegen-0011aa", "codegen-0022bb"),
        "packageimage's code for codegen changed from 0011aa to 0022bb",
    ),
    "one of a user's words": (changed("codegen --cap", "codegen -x --cap"), "its command changed"),
    "a user's option": (changed(" --flags", " --fast 1 --flags"), "--fast changed from nothing to"),
    "a file": (
        Made(CODEGEN, {**FILES, "out/a b.bc": "cccccccc3333"}),
        "out/a b.bc changed (content bbbbbbbb -> cccccccc)",
    ),
    "a new file": (Made(CODEGEN, {**FILES, "src/two.py": "dd"}), "src/two.py is new"),
    "a file less": (Made(CODEGEN, {"out/k.p0.json": "aaaaaaaa1111"}), "out/a b.bc is gone"),
    "files in another order": (
        Made(CODEGEN, dict(reversed(FILES.items()))),
        "the order of its dependencies changed",
    ),
    "a file with another name": (
        Made(CODEGEN.replace("k.p0.json", "j.p0.json"), {"j.p0.json": "aa", "out/a b.bc": "bb"}),
        "j.p0.json is new, out/a b.bc changed (content bbbbbbbb -> bb) and out/k.p0.json is gone",
    ),
    "two things": (
        Made(changed("opt-level=3", "opt-level=2").command, {**FILES, "x.py": "1"}),
        "--flags changed from opt-level=3 to opt-level=2 and x.py is new",
    ),
    "many files": (
        Made(CODEGEN, {**FILES, **{f"{number}.py": "1" for number in range(5)}}),
        "0.py is new, 1.py is new, 2.py is new and 2 more",
    ),
    "nothing": (OLD, "SCons was told to"),
}


@pytest.mark.parametrize("reason", REASONS)
def test_the_reason_is_named(reason: str) -> None:
    new, expected = REASONS[reason]
    text = explain("out/k.o", new, OLD)
    assert text.startswith(f"rebuilding `out/k.o' because {expected}"), text
    assert "\n" not in text


def test_of_lists_of_flags_only_the_changed_ones_are_shown() -> None:
    flags = "data --flags native-code=yes,opt-level=3,inline=yes --output x a.o b.o"
    new = flags.replace("inline=yes", "inline=no").replace("x a.o", "y c.o")
    text = explain("k", Made(new, {}), Made(flags, {}))
    assert text == "rebuilding `k' because --flags changed from inline=yes to inline=no"


def test_of_the_linkers_words_only_the_changed_ones_are_shown() -> None:
    words = "link --output k.so -- -flavor gnu --gc-sections -o {output} k.o"
    new = words.replace("--gc-sections", "--no-gc-sections").replace("k.o", "two.o")
    text = explain("k.so", Made(new, {"b/two.o": "1"}), Made(words, {"b/k.o": "1"}))
    assert text == (
        "rebuilding `k.so' because LLD's command changed from --gc-sections to --no-gc-sections, "
        "b/two.o is new and b/k.o is gone"
    )


def test_what_is_not_there_is_explained_by_its_nearest_relative() -> None:
    assert explain("k.o", OLD, None) == "building `k.o' because it does not exist"
    far = changed(HEAD, HEAD.replace("0.50.0", "0.49.0").replace("0011aa", "0033cc"))
    near = changed("opt-level=3", "opt-level=1")
    assert nearest(OLD, []) is None
    assert explain("k.o", OLD, None, nearest(OLD, [far, near])) == (
        "building `k.o' because --flags changed from opt-level=1 to opt-level=3"
    )
    assert explain("k.o", OLD, None, OLD) == "building `k.o' because it does not exist"


# As SCons says it. Each is one line, followed by the stage's.

FOLDER = "kernels.pkgimage"
PLATFORM = f"{FOLDER}/linux-x86_64"
T = "generic+haswell+x86-64-v4"


def explained(project: Project, *words: str) -> list[str]:
    lines = project.scons("--debug=explain", *words).lines
    told, ran = lines[::2], lines[1::2]
    assert all(line.startswith("scons: ") for line in told), lines
    assert all(line.split()[1] == "kernels" for line in ran), lines
    return [line.removeprefix("scons: ") for line in told]


def test_scons_explains_a_first_build(project: Project) -> None:
    lines = explained(project)
    assert lines[0] == f"building `{FOLDER}/kernels.capture.json' because it does not exist"
    assert len(lines) == 8 and all(line.endswith(" because it does not exist") for line in lines)
    assert project.scons("--debug=explain").out == "scons: `.' is up to date.\n"


def test_scons_explains_a_flag_with_its_values(built: Project) -> None:
    change = "because --flags changed from opt-level=3 to opt-level=1"
    image = f"kernels.{T}.opt-level-1"
    assert explained(built, "flags=opt-level=1")[:-2] == [
        f"building `{PLATFORM}/kernels.p0.t0.generic.opt-level-1.o' {change}",
        f"building `{PLATFORM}/kernels.p0.t1.haswell.opt-level-1.o' {change}",
        f"building `{PLATFORM}/kernels.p0.t2.x86-64-v4.opt-level-1.o' {change}",
        f"building `{PLATFORM}/{image}.thunks.o' {change}",
    ]
    (first, *_) = explained(built, "flags=check-bounds=yes")
    assert first == (
        f"building `{FOLDER}/kernels.check-bounds-yes.capture.json' because --flags changed from "
        "check-bounds=auto to check-bounds=yes"
    )


def test_scons_explains_a_cpu_target_with_its_values(built: Project) -> None:
    assert explained(built, "targets=generic;skylake")[:2] == [
        f"building `{PLATFORM}/kernels.p0.t1.skylake.o' because --cpu-targets changed from "
        "generic;haswell to generic;skylake",
        f"building `{PLATFORM}/kernels.generic+skylake.thunks.o' because --cpu-targets changed "
        "from generic;haswell;x86-64-v4 to generic;skylake",
    ]


def test_scons_explains_one_more_configuration(built: Project) -> None:
    text = SCONSTRUCT.replace('"src/kernels",', "\"src/kernels\", flags=['', 'opt-level=1'],")
    built.write({"SConstruct": text})
    lines = explained(built)
    # The other one is still there, so nothing has changed into this one.
    assert len(lines) == 6 and all(line.endswith(" because it does not exist") for line in lines)


def test_scons_explains_a_version(built: Project) -> None:
    assert explained(built, "lld=20.1.0") == [
        f"rebuilding `{PLATFORM}/kernels.{T}.linked.so' because lld changed from 19.1.7 to 20.1.0"
    ]
    said = "Metadata-Version: 2.1\nName: numba\nVersion: 99.9\n"
    built.write({"other/numba-99.9.dist-info/METADATA": said})
    (first, *_) = explained(built, "pythonpath=other")
    assert first.startswith(f"rebuilding `{FOLDER}/kernels.capture.json' because numba changed ")
    assert first.endswith(" to 99.9")


@pytest.mark.parametrize("file", ["helper.py", "helper_b.py", "kernels/one.py"])
def test_scons_explains_a_changed_file(built: Project, file: str) -> None:
    path = built.folder / "src" / file
    path.write_text(f"{path.read_text('utf-8')}# New.\n", encoding="utf-8")
    first, *rest = explained(built)
    assert first.startswith(
        f"rebuilding `{FOLDER}/kernels.capture.json' because src/{file} changed (content "
    )
    if rest:
        (last,) = rest
        assert f"because {FOLDER}/kernels.includes.json changed (content " in last


def test_scons_explains_files_that_come_and_go(built: Project) -> None:
    built.write({"src/kernels/two.py": "# Empty.\n"})
    assert explained(built)[0] == (
        f"rebuilding `{FOLDER}/kernels.capture.json' because src/kernels/two.py is new"
    )
    (built.folder / "src/kernels/two.py").unlink()
    assert explained(built)[0] == (
        f"rebuilding `{FOLDER}/kernels.capture.json' because src/kernels/two.py is gone"
    )


def test_scons_explains_a_lost_output(built: Project) -> None:
    (built.folder / PLATFORM / "kernels.p0.t1.haswell.o").unlink()
    assert explained(built) == [
        f"building `{PLATFORM}/kernels.p0.t1.haswell.o' because it does not exist"
    ]


def test_scons_explains_what_goes_by_time(project: Project) -> None:
    decider = "env.Decider('timestamp-match')\nenv.PackageImage"
    project.write({"SConstruct": SCONSTRUCT.replace("env.PackageImage", decider)})
    assert len(explained(project)) == 8
    assert project.scons("--debug=explain").out == "scons: `.' is up to date.\n"
    os.utime(project.folder / "src/kernels/one.py", (1, 1))
    (told, *_) = explained(project)
    assert re.fullmatch(
        rf"rebuilding `{FOLDER}/kernels.capture.json' because src/kernels/one.py changed "
        r"\(content \w+ -> \w+\)|.*src/kernels/one.py changed \(content of [\d.]+ -> of 1.*\)",
        told,
    )
