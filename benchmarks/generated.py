"""Write a package of many small compiled kernels, to measure what each function costs at load.

The text is a pure function of the arguments: the same seed gives the same bytes. Kernels take
float and integer arrays, matrices, scalars and tuples; about a quarter call a kernel of an earlier
module, as the functions of real packages do. Each is compiled when first called, for one signature.

    python generated.py FOLDER [--functions 100] [--modules 10] [--seed 0] [--cache]

writes FOLDER/src/generated/*.py, FOLDER/workload.py and FOLDER/app.py.
"""

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "generated"

# The arguments of each kind, as Python text: what the application passes to every kernel.
ARGUMENTS = {
    "reals": "np.linspace(0.5, 2.5, 50)",
    "integers": "np.arange(50)",
    "matrix": "np.linspace(0.1, 1.0, 48).reshape(6, 8)",
    "scalar": "1.25",
    "number": "7",
    "pair": "(0.5, 1.5)",
}


@dataclass(frozen=True)
class Shape:
    """A template of kernels: the names of its arguments, what it returns, its body."""

    arguments: tuple[str, ...]
    returns: str  # 'float', 'int', 'array' or 'tuple'
    body: str  # $a, $b, $n are constants; $callee(x) is a call that gives a float


SHAPES = (
    Shape(
        ("reals", "scalar"),
        "float",
        """
    total = $a
    for value in reals:
        total += value * scalar + $b
    return total
""",
    ),
    Shape(
        ("integers", "number"),
        "int",
        """
    total = $n
    for value in integers:
        if value % $n == number % $n:
            total += value
        else:
            total ^= value
    return total
""",
    ),
    Shape(
        ("scalar",),
        "float",
        """
    x = scalar
    for _ in range($n):
        x = 0.5 * (x + $a / x) + math.sin(x) * $b
    return x
""",
    ),
    Shape(
        ("reals",),
        "tuple",
        """
    low, high = reals[0], reals[0]
    for value in reals:
        low = min(low, value - $a)
        high = max(high, value + $b)
    return low, high
""",
    ),
    Shape(
        ("matrix", "scalar"),
        "float",
        """
    trace = 0.0
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            if (i + j) % $n == 0:
                trace += matrix[i, j] * scalar
            else:
                trace -= matrix[i, j] * $a
    return trace
""",
    ),
    Shape(
        ("reals", "number"),
        "array",
        """
    out = np.empty_like(reals)
    for i in range(len(reals)):
        out[i] = reals[i] * $a + reals[(i + number) % len(reals)] * $b
    return out
""",
    ),
    Shape(
        ("pair", "number"),
        "tuple",
        """
    low, high = pair
    for _ in range(number):
        middle = (low + high) * 0.5
        if middle * middle * middle < $a:
            low = middle
        else:
            high = middle
    return low, high
""",
    ),
    Shape(
        ("number", "integers"),
        "int",
        """
    state = number + $n
    for value in integers:
        state = (state * 1103515245 + 12345 + value) & 0x7FFFFFFF
    return state
""",
    ),
)

# Kernels that call another kernel: their arguments are those of the callee.
CALLS = (
    """
    return $callee * $a + $b
""",
    """
    total = 0.0
    for i in range($n):
        total = total * 0.5 + $callee + i
    return total
""",
)


@dataclass(frozen=True)
class Kernel:
    name: str
    module: str
    arguments: tuple[str, ...]
    returns: str
    text: str
    callee: "Kernel | None"


def _fill(body: str, chance: random.Random, callee: str) -> str:
    constants = {
        "$callee": callee,
        "$a": repr(chance.randint(2, 30) / 8),
        "$b": repr(chance.randint(1, 15) / 16),
        "$n": repr(chance.randint(3, 9)),
    }
    for mark, text in constants.items():
        body = body.replace(mark, text)
    return body.strip("\n")


def kernels(functions: int, modules: int, seed: int) -> list[Kernel]:
    """The kernels, in the order in which they are written; equal arguments give equal kernels."""
    chance = random.Random(seed)
    made: list[Kernel] = []
    for index in range(functions):
        module = f"part{index * modules // functions:02}"
        callees = [k for k in made if k.returns == "float" and k.module != module]
        name = f"kernel{index:03}"
        if callees and chance.random() < 0.25:
            callee = chance.choice(callees)
            body = chance.choice(CALLS)
            text = _fill(body, chance, f"{callee.name}({', '.join(callee.arguments)})")
            made.append(Kernel(name, module, callee.arguments, "float", text, callee))
        else:
            shape = chance.choice(SHAPES)
            text = _fill(shape.body, chance, "")
            made.append(Kernel(name, module, shape.arguments, shape.returns, text, None))
    return made


def _module_text(members: list[Kernel], decorator: str) -> str:
    body = "".join(
        f"\n\n{decorator}\ndef {k.name}({', '.join(k.arguments)}):\n{k.text}\n" for k in members
    )
    imports = sorted({(k.callee.module, k.callee.name) for k in members if k.callee})
    lines = [f"import {m}" for m in ("math",) if "math." in body]
    lines += [""] if lines else []
    lines += ["import numpy as np"] if "np." in body else []
    lines += ["from numba import njit"]
    lines += [""] if imports else []
    lines += [f"from {PACKAGE}.{module} import {name}" for module, name in imports]
    return "\n".join(lines) + "\n" + body


def _application(made: list[Kernel]) -> str:
    lines = [
        '"""Call every kernel once and print what all of them gave."""',
        "",
        f"import {PACKAGE}",
        "import numpy as np",
        "",
        *(f"{name} = {text}" for name, text in ARGUMENTS.items()),
        "",
        "",
        "def results():",
        "    return {",
        *(f'        "{k.name}": {PACKAGE}.{k.name}({", ".join(k.arguments)}),' for k in made),
        "    }",
        "",
        "",
        "def main():",
        "    total = sum(float(np.sum(value)) for value in results().values())",
        f'    print(f"{len(made)} kernels, sum {{total:.9g}}")',
        "",
        "",
        'if __name__ == "__main__":',
        "    main()",
        "",
    ]
    return "\n".join(lines)


def files(functions: int = 100, modules: int = 10, seed: int = 0, cache: bool = False):
    """The texts of the package by their path relative to its folder."""
    made = kernels(functions, modules, seed)
    decorator = "@njit(cache=True)" if cache else "@njit"
    names = sorted({k.module for k in made})
    texts = {
        f"src/{PACKAGE}/{module}.py": _module_text(
            [k for k in made if k.module == module], decorator
        )
        for module in names
    }
    texts[f"src/{PACKAGE}/__init__.py"] = "".join(
        f"from {PACKAGE}.{k.module} import {k.name}\n" for k in made
    )
    texts["app.py"] = _application(made)
    texts["workload.py"] = _application(made).replace(
        'if __name__ == "__main__":\n    main()', "results()"
    )
    return texts


def generate(
    folder: Path | str,
    functions: int = 100,
    modules: int = 10,
    seed: int = 0,
    cache: bool = False,
) -> Path:
    """Write the package into `folder` and return it; `cache` declares Numba's own cache."""
    folder = Path(folder)
    for name, text in sorted(files(functions, modules, seed, cache).items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--functions", type=int, default=100)
    parser.add_argument("--modules", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", action="store_true", help="declare cache=True")
    arguments = parser.parse_args()
    generate(
        arguments.folder,
        arguments.functions,
        arguments.modules,
        arguments.seed,
        arguments.cache,
    )


if __name__ == "__main__":
    main()
