"""Stands in for `python -m packageimage.stages`, for tests of the graph alone.

Same command lines, same files, milliseconds instead of seconds; what a stage writes depends on what
the real one's output depends on. "Compiling" a source keeps its lines but for comments.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import runpy
import sys
from pathlib import Path

from packageimage.stages import entries


def serialize(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--package")
    parser.add_argument("--flags")
    parser.add_argument("--partitions", type=int)
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--workload", action="append", default=[])
    parser.add_argument("--require", action="append", default=[])
    parser.add_argument("--output", type=Path)
    args = parser.parse_args(words)
    sys.path[:0] = args.path
    for workload in args.workload:
        sys.path.insert(0, str(Path(workload).parent))
        runpy.run_path(workload)
    folder = next(Path(path) / args.package for path in args.path)
    sources = sorted(folder.rglob("*.py"))
    code = [
        line
        for source in sources
        for line in source.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    required = dict(word.split("=", 1) for word in args.require)
    ids = [f"{name} {read(file)}" for name, file in required.items()]
    manifest = {
        "format": 1,
        "package": args.package,
        "flags": args.flags,
        # Names are made from content, as the real ones are.
        "partitions": [
            {"entries": [f"f{hash_of(code[p :: args.partitions])}"]} for p in range(args.partitions)
        ],
        "entry_owners": {},
        "methods": sum(line.startswith("def ") for line in code),
        "requires": ids,
    }
    includes = [
        {"path": source.relative_to(folder.parent).as_posix(), "sha256": digest(source)}
        for source in sources
    ]
    imported = [
        {"path": str(file), "sha256": digest(file)}
        for file in sorted(set(imported_files(folder.parent, required)) - set(sources))
    ]
    write(f"{args.output}.capture.json", json.dumps(manifest))
    write(f"{args.output}.capture.bin", "\n".join(code))
    write(f"{args.output}.imported.json", json.dumps({"files": imported}))
    write(f"{args.output}.includes.json", json.dumps(includes))
    write(f"{args.output}.capture.id", hash_of([args.flags, *ids, *code]))
    write(f"{args.output}.store/{args.package}", "kept")
    for p in range(args.partitions):
        write(f"{args.output}.p{p}.bc", "\n".join([args.flags, *code[p :: args.partitions]]))


def imported_files(root, required):
    """What the workload imported from the project, and data that it says it has read."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and "__pkgimage_reads__" in vars(module):
            yield from (Path(file).parent / data for data in module.__pkgimage_reads__)
        if file and (name.startswith("helper") or (root / name).is_dir()) and name not in required:
            yield Path(file).resolve()


def hash_of(lines):
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def codegen(words):
    parser = argparse.ArgumentParser()
    for name in ("capture", "bitcode", "cpu-targets", "target-index", "flags", "output"):
        parser.add_argument(f"--{name}", required=True)
    args, _ = parser.parse_known_args(words)
    target = args.cpu_targets.split(";")[int(args.target_index)]
    write(args.output, "\n".join([read(args.capture), read(args.bitcode), target, args.flags]))


def data(words):
    parser = argparse.ArgumentParser()
    for name in ("capture", "blob", "platform", "cpu-targets", "flags", "output"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--bitcode", nargs="+", required=True)
    parser.add_argument("objects", nargs="*")
    args = parser.parse_args(words)
    parts = [args.cpu_targets, args.flags, *map(read, [args.capture, args.blob, *args.objects])]
    write(f"{args.output}.thunks.o", f"{len(args.objects)} objects")
    write(f"{args.output}.data.o", "\n".join(parts))
    write(f"{args.output}.header", hashlib.sha256("\n".join(parts).encode()).hexdigest())


def link(words):
    output = words[words.index("--output") + 1]
    command = words[words.index("--") + 1 :]
    inputs = command[command.index("{output}") + 1 :]
    extra = [word for word in command if word.startswith("--extra")]
    library = "\n".join([*extra, *map(read, inputs)])
    write(output, library)
    digest = hashlib.sha256(library.encode()).hexdigest()
    write(words[words.index("--digest") + 1], json.dumps({"sha256": digest}))


def verify(words):
    parser = argparse.ArgumentParser()
    for name in (
        "header",
        "image",
        "includes",
        "digest",
        "platform",
        "output-image",
        "output-header",
    ):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args(words)
    write(args.output_image, read(args.image))
    write(args.output_header, read(args.header) + read(args.includes))


def read(path):
    return Path(path).read_text(encoding="utf-8")


def write(path, text):
    if "BROKEN" in text:
        sys.exit(f"pkgimage: error: {Path(path).name} is broken")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def main():
    stage, *words = sys.argv[1:]
    if stage == "entries":
        parser = argparse.ArgumentParser()
        entries.add_arguments(parser)
        entries.run(parser.parse_args(words))
    else:
        globals()[stage](words)


if __name__ == "__main__":
    main()
