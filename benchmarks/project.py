"""A generated package with an SConstruct: write it, edit it, let SCons build it, say what ran.

What SCons prints in place of each stage's command says which stages ran; nothing here knows how
the tool makes them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from generated import PACKAGE, Kernel, generate, kernels
from images import Package
from processes import LIBRARY, Command, Failed, Run, run

HERE = Path(__file__).resolve().parent
STAGES = ("serialize", "entries", "codegen", "data", "link", "verify")
MARK = "stage "  # begins the line that SCons prints for a stage
GRAPH = "graph.json"

_SHOWN = "".join(
    f'    PKGIMAGE{stage.upper()}COMSTR="{MARK}{stage} $TARGET",\n' for stage in STAGES
)
SCONSTRUCT = f"""\
import atexit, json, subprocess, sys

DefaultEnvironment(tools=[])
env = Environment(
    tools=["pkgimage"],
{_SHOWN})
record = ARGUMENTS.get("record")
if record:
    def spawn(shell, escape, command, words, environment):
        measure = [sys.executable, "-I", "-S", {str(HERE / "measure_stage.py")!r}, record]
        line = [shell, "-c", " ".join(words)]
        return subprocess.run([*measure, *line], env=environment).returncode
    env["SPAWN"] = spawn
if "graph" in ARGUMENTS:
    # SCons forgets what an up-to-date node is made from before it can be noted.
    env.Decider(lambda dependency, target, before, repo=None: True)
image = env.PackageImage(
    "out/{PACKAGE}",
    "src/{PACKAGE}",
    workload="workload.py",
    depot="depot",
    cpu_targets=json.loads(ARGUMENTS["targets"]),
    platforms=ARGUMENTS["platforms"],
)
Default(image)


commands, leaves = [], []


def note(node):
    executor = node.get_executor() if node.has_builder() else None
    if executor is not None:
        targets = map(str, executor.get_all_targets())
        commands.append([list(targets), list(map(str, node.all_children()))])
    else:
        leaves.append(str(node))


def describe():
    with open("{GRAPH}", "w") as file:
        json.dump({{"commands": commands, "leaves": leaves, "wanted": list(map(str, image))}}, file)


if "graph" in ARGUMENTS:
    Progress(note)
    atexit.register(describe)
"""

# The same nodes with the same edges; numbers for names, so that all lie in one folder.
IDLE_SCONSTRUCT = f"""\
import json

DefaultEnvironment(tools=[])
env = Environment(tools=[])
with open("{GRAPH}") as file:
    graph = json.load(file)
for targets, sources in graph["commands"]:
    # Otherwise SCons removes a target that it makes anew, and nothing here would write it.
    env.Precious(env.Command(targets, sources, ":"))
Default(graph["wanted"])
"""


@dataclass(frozen=True)
class Stage:
    """One process of a stage, with those it starts: see measure_stage.py."""

    name: str
    started: float
    ended: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Build:
    """One run of SCons: what it took and which stages ran how often."""

    run: Run
    ran: Counter[str]


def ran(output: str) -> Counter[str]:
    """How often each stage ran, from what SCons printed."""
    lines = (line.removeprefix(MARK) for line in output.splitlines() if line.startswith(MARK))
    return Counter(line.partition(" ")[0] for line in lines)


def without_callers(made: Iterable[Kernel]) -> list[Kernel]:
    """The kernels that give a number and that no other kernel calls, one of each module at most.

    Editing such a one changes the code of no other.
    """
    made = list(made)
    called = {kernel.callee.name for kernel in made if kernel.callee}
    first = {
        kernel.module: kernel
        for kernel in reversed(made)
        if kernel.name not in called and kernel.returns in ("float", "int")
    }
    return [first[module] for module in sorted(first)]


_ADDED = "\n    added = "


def with_other_result(text: str, name: str, number: int) -> str:
    """A module's text in which function `name` adds `number` to the number that it returns."""
    before, rest = _split_at(text, name)
    head, found, tail = rest.partition("\n    return ")
    if not found:
        raise ValueError(f"{name} returns nothing")
    value, newline, tail = tail.partition("\n")
    value = value.removesuffix(" + added")
    head = head.partition(_ADDED)[0]
    return f"{before}{head}{_ADDED}{number}{found}{value} + added{newline}{tail}"


def with_comment(text: str, name: str, number: int) -> str:
    """A module's text with a comment line before a function: all lines below it move."""
    before, rest = _split_at(text, name)
    return f"{before}# Edited for the {number}. time.\n{rest}"


def _split_at(text: str, name: str) -> tuple[str, str]:
    """What is before the function with its decorator, and the rest."""
    before, found, after = text.partition(f"@njit\ndef {name}(")
    if not found:
        raise ValueError(f"no function {name}")
    return before, found + after


def numbered(graph: dict[str, list]) -> tuple[dict[str, list], int]:
    """The graph with numbers for names, and how many nodes it has.

    `commands`: pairs of targets and what they are made from; `leaves`: what nothing makes;
    `wanted`: what is built.
    """
    names: dict[str, str] = {}

    def number(listed: Sequence[str]) -> list[str]:
        return [names.setdefault(name, f"n{len(names)}") for name in listed]

    # SCons comes to a command once for each of its targets.
    commands = {tuple(number(targets)): number(sources) for targets, sources in graph["commands"]}
    made = {name for targets in commands for name in targets}
    wanted = number(graph["wanted"])
    leaves = sorted(set(number(graph["leaves"])) | set(names.values()) - made)
    numbers = {"commands": list(commands.items()), "leaves": leaves, "wanted": wanted}
    return numbers, len(names)


@dataclass(frozen=True)
class Project:
    """A folder with a generated package and its SConstruct.

    targets: the CPU targets of its image, by architecture where they differ; platforms: names with
    spaces, "" for this machine's; jobs: what SCons gets as -j.
    """

    folder: Path
    functions: int
    targets: str | Mapping[str, str]
    platforms: str = ""
    jobs: int = 2

    @property
    def modules(self) -> int:
        return max(1, self.functions // 10)

    @property
    def package(self) -> Package:
        return Package(PACKAGE, self.folder / "workload.py", self.folder / "src")

    @property
    def app(self) -> Path:
        return self.folder / "app.py"

    @property
    def depot(self) -> Path:
        return self.folder / "depot"

    def write(self) -> None:
        """Make the folder anew: nothing of an earlier build is left."""
        shutil.rmtree(self.folder, ignore_errors=True)
        generate(self.folder, self.functions, self.modules)
        (self.folder / "SConstruct").write_text(SCONSTRUCT, encoding="utf-8")

    def editable(self) -> list[Kernel]:
        return without_callers(kernels(self.functions, self.modules, seed=0))

    def module_file(self, kernel: Kernel) -> Path:
        return self.folder / "src" / PACKAGE / f"{kernel.module}.py"

    def edit_function(self, kernel: Kernel, number: int) -> None:
        self._edit(kernel, with_other_result, number)

    def edit_comment(self, kernel: Kernel, number: int) -> None:
        self._edit(kernel, with_comment, number)

    def _edit(self, kernel: Kernel, change, number: int) -> None:
        file = self.module_file(kernel)
        text = file.read_text(encoding="utf-8")
        file.write_text(change(text, kernel.name, number), encoding="utf-8")

    def build(self, *words: str) -> Build:
        """Let SCons build. Raises processes.Failed when it fails."""
        told = (f"targets={json.dumps(self.targets)}", f"platforms={self.platforms}")
        done = scons(self.folder, self.jobs, *told, *words)
        return Build(done, ran(done.output))

    def measured_build(self) -> tuple[Build, list[Stage]]:
        """Build with each stage measured: a little slower than `build`."""
        record = self.folder / "stages.jsonl"
        record.unlink(missing_ok=True)
        built = self.build(f"record={record}")
        return built, [
            Stage(line.pop("stage"), **line)
            for line in map(json.loads, record.read_text(encoding="utf-8").splitlines())
        ]

    def published(self) -> list[Path]:
        """Images and headers. Raises processes.Failed when there is not one for each platform."""
        wanted = len(self.platforms.split()) or 1
        headers = sorted(self.depot.rglob("*.pki"))
        images = sorted(self.depot.rglob("*.pkgimage.*"))
        if len(headers) != wanted or len(images) != wanted:
            raise Failed(
                f"expected {wanted} images with their headers in {self.depot.name}, found "
                f"{len(images)} and {len(headers)}"
            )
        return [*images, *headers]

    def digest(self) -> str:
        """What tells the published files' bytes from others."""
        return hashlib.sha256(b"".join(p.read_bytes() for p in self.published())).hexdigest()

    def idle_twin(self, folder: Path) -> tuple[Path, int]:
        """A project of the same graph whose commands do nothing, built; and how many nodes it has.

        The graph is that of a build after the first, which knows all that the capture has read.
        """
        self.build("graph=yes", "-n")
        graph = json.loads((self.folder / GRAPH).read_text(encoding="utf-8"))
        graph, nodes = numbered(graph)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in [*graph["leaves"], *(n for targets, _ in graph["commands"] for n in targets)]:
            (folder / name).write_bytes(name.encode())
        (folder / GRAPH).write_text(json.dumps(graph), encoding="utf-8")
        (folder / "SConstruct").write_text(IDLE_SCONSTRUCT, encoding="utf-8")
        scons(folder, self.jobs)
        return folder, nodes


def scons(folder: Path, jobs: int, *words: str) -> Run:
    """Run SCons as a user with nothing set up. Raises processes.Failed."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    line = ("-m", "SCons", "-Q", f"--site-dir={LIBRARY}", f"-j{jobs}", *words)
    # ~/.scons would load as well.
    environment = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    return run(Command(line, folder, environment))
