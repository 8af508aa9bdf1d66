"""One process of the tests of data: it serialises packages, or imports them and runs checks.

    python data_process.py build FOLDER OUT PACKAGE...
    python data_process.py check FOLDER IN CHECKS       IN may be "plain": import from source

`FOLDER` holds the packages. Checks are the functions `check_*` of a module; what each one raised
is printed as JSON by its name, null for nothing.
"""

import importlib
import json
import pickle
import sys
import traceback
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader


class Hook(MetaPathFinder):
    """Finds modules of packages as Python does and gives them another loader."""

    def __init__(self, packages, loader):
        self.packages = packages
        self.loader = loader

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in self.packages:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = self.loader(spec.loader)
        return spec


def build(out, packages):
    """Serialise packages into a file."""
    order = []

    class Recorder(Loader):
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def create_module(self, spec):
            return self.inner.create_module(spec)

        def exec_module(self, module):
            self.inner.exec_module(module)
            order.append(module)

    sys.meta_path.insert(0, Hook(packages, Recorder))
    for package in packages:
        importlib.import_module(package)
    from packageimage.capture.data import serialise

    data = serialise(order, lambda obj: None, frozenset({"data_lazy"}))
    result = {
        "modules": {
            one.name: {
                "imports": one.imports,
                "absent": one.absent,
                "lazy": one.lazy,
                "pickle": one.pickle,
                "buffers": one.buffers,
            }
            for one in data.modules
        },
        "buffers": [(bytes(buffer.data), buffer.readonly) for buffer in data.buffers],
        "refused": [(one.module, one.path, one.reason) for one in data.refused],
        "notes": [(one.module, one.path, one.text) for one in data.notes],
    }
    with open(out, "wb") as file:
        pickle.dump(result, file)


def restore(given):
    """Restore the modules of a file when they are imported; the names of those restored."""
    from packageimage.load import objects

    with open(given, "rb") as file:
        data = pickle.load(file)
    modules = data["modules"]
    buffers = [
        memoryview(content) if readonly else memoryview(bytearray(content))
        for content, readonly in data["buffers"]
    ]
    shared = {}

    def shared_of(name):
        importlib.import_module(name)
        return shared[name]

    class Restorer(Loader):
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def create_module(self, spec):
            return objects.early_module(spec.name)

        def exec_module(self, module):
            name = module.__name__
            if name not in modules:
                self.inner.exec_module(module)
                return
            one = modules[name]
            for other in one["imports"]:
                importlib.import_module(other)
            own = [buffers[index] for index in one["buffers"]]
            shared[name] = objects.rebuild(vars(module), name, one["pickle"], own, None, shared_of)
            for key, other, qualname in one["lazy"]:
                found = importlib.import_module(other)
                for part in filter(None, qualname.split(".")):
                    found = getattr(found, part)
                vars(module)[key] = found

    sys.meta_path.insert(0, Hook({name.partition(".")[0] for name in modules}, Restorer))
    return shared


def check(given, checks):
    """Run checks on packages that are imported, restored or not."""
    restored = {} if given == "plain" else restore(given)
    module = importlib.import_module(checks)
    found = {}
    for name, function in list(vars(module).items()):
        if name.startswith("check_"):
            try:
                function()
                found[name] = None
            except Exception:
                found[name] = traceback.format_exc()
    print(json.dumps({"results": found, "restored": sorted(restored)}))


if __name__ == "__main__":
    command, folder, file, *rest = sys.argv[1:]
    sys.path.insert(0, folder)
    if command == "build":
        build(file, rest)
    else:
        check(file, rest[0])
