# SPDX-License-Identifier: Apache-2.0
"""Independent copies of the model in one process, each with the source of one module changed.

A copy shares with the model only the types that questions and answers are made of.
Its modules have names of their own, and so have their caches: nothing that a copy
computes is ever seen by the judge.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import reference

SHARED = frozenset({"reference.objects", "reference.questions", "reference.frozenmap"})
"""What questions and answers are made of; `is` and `isinstance` have to hold between copy and judge."""
_ADAPTER = "conformance.adapters.reference"
_ALSO = ("conformance.model", _ADAPTER)
_ROOT = "mutant"


@cache
def sources() -> Mapping[str, Path]:
    """The file of each module that is copied."""
    (folder,) = map(Path, reference.__path__)
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name not in SHARED:
            found[name] = path
    for name in _ALSO:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        found[name] = Path(spec.origin)
    return found


@cache
def dependants(module: str) -> frozenset[str]:
    """The packages of the model, by their last names, that import the module's own, and that one itself."""
    imports: dict[str, set[str]] = {}
    for name, path in sources().items():
        if name.startswith("reference."):
            imports.setdefault(name.split(".")[1], set()).update(
                found.module.split(".")[1]
                for found in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(found, ast.ImportFrom) and (found.module or "").startswith("reference.")
                if found.module
            )
    every = {module.split(".")[1]}
    while more := {name for name, used in imports.items() if used & every} - every:
        every |= more
    return frozenset(every)


class _Renamed(ast.NodeTransformer):
    """Imports of the model's modules become imports of the copy's."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        module = node.module or ""
        if module == "reference":
            kept = [name for name in node.names if f"reference.{name.name}" in SHARED]
            own = [name for name in node.names if f"reference.{name.name}" not in SHARED]
            return [
                ast.copy_location(ast.ImportFrom(source, names, 0), node)
                for source, names in ((module, kept), (f"{_ROOT}.{module}", own))
                if names
            ]
        if module in sources() or f"{module}.__init__" in sources():
            return ast.copy_location(ast.ImportFrom(f"{_ROOT}.{module}", node.names, 0), node)
        return node

    def visit_Import(self, node: ast.Import) -> Any:
        assert not any(name.name.startswith("reference") for name in node.names), "import names from modules"
        return node


def _compiled(name: str, text: str) -> CodeType:
    tree = ast.fix_missing_locations(_Renamed().visit(ast.parse(text)))
    return compile(tree, f"<{_ROOT}.{name}>", "exec")


@cache
def _code(name: str) -> CodeType:
    return _compiled(name, sources()[name].read_text(encoding="utf-8"))


class _Finder:
    """Finds the modules of the one copy that is being loaded."""

    def __init__(self, name: str, text: str) -> None:
        self.changed = {name: _compiled(name, text)}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The import system's question for a module."""
        from importlib.machinery import ModuleSpec

        if name != _ROOT and not name.startswith(f"{_ROOT}."):
            return None
        own = name.removeprefix(f"{_ROOT}.")
        known = own in sources()
        is_package = not known or sources()[own].name == "__init__.py"
        return ModuleSpec(name, self, is_package=is_package)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> ModuleType | None:
        """An ordinary module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the copy's code; the packages between hold nothing."""
        own = module.__name__.removeprefix(f"{_ROOT}.")
        if own in self.changed or own in sources():
            exec(self.changed.get(own) or _code(own), module.__dict__)


@contextmanager
def copied(name: str, text: str) -> Iterator[type[Any]]:
    """The reference adapter of a copy in which the module `name` has the source `text`.

    The adapter imports parts of its model when it is first asked, so the copy is
    there within the block and gone after it.
    """
    finder = _Finder(name, text)
    sys.meta_path.insert(0, finder)
    try:
        __import__(f"{_ROOT}.{_ADAPTER}")
        yield sys.modules[f"{_ROOT}.{_ADAPTER}"].ReferenceAdapter
    finally:
        sys.meta_path.remove(finder)
        for loaded in [key for key in sys.modules if key == _ROOT or key.startswith(f"{_ROOT}.")]:
            del sys.modules[loaded]
