# SPDX-License-Identifier: Apache-2.0
"""Finds the Python object that an adapter's name stands for."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from conformance.adapters.programs import BUILT_IN
from conformance.adapters.transport import ALL_OPERATIONS
from conformance.errors import UsageError, closest, unknown

REFERENCE = "reference"
ENTRY_POINTS = "kube_service_conformance.adapters"


def known_names() -> frozenset[str]:
    """The names that stand for an adapter: the model, those that come with the suite, those installed."""
    return frozenset({REFERENCE, *BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


def find_object(spec: str) -> Any:
    """What `package.module:object` or the name of an entry point stands for."""
    module, colon, path = spec.partition(":")
    if colon:
        if not module or not path:
            raise UsageError("`package.module:object` is needed", where=spec or "option adapter")
        return _attribute(_import(module, spec), path, spec)
    known = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if spec in known:
        return _load_entry_point(known[spec])
    error = unknown("adapter", spec, known_names(), where="option adapter")
    if "." in spec or "/" in spec:
        error.hint = "a Python object is written `package.module:object`, a program `exec:./program`"
    raise error


def _load_entry_point(entry: EntryPoint) -> Any:
    where = f"installed adapter {entry.name} ({entry.value})"
    module, _, path = entry.value.split("[")[0].strip().partition(":")
    return _attribute(_import(module.strip(), where), path.strip(), where)


def _import(module: str, spec: str) -> Any:
    with _importing_from_here():
        try:
            return importlib.import_module(module)
        except (Exception, SystemExit) as error:
            if isinstance(error, ModuleNotFoundError) and error.name and _is_part(error.name, module):
                names = _modules_beside(error.name)
                hint = closest(error.name.rpartition(".")[2], names) if names else ""
                raise UsageError(f"there is no module {error.name!r}", where=spec, hint=hint) from error
            raise UsageError(f"cannot import {module!r}: {_reason(error)}", where=spec) from error


@contextmanager
def _importing_from_here() -> Iterator[None]:
    """The current directory comes first for the adapter's own module, and last ever after.

    Last, so that a file of the user's cannot stand in for a library of ours that is
    imported later; but there, for what the adapter itself imports later.
    """
    here = os.getcwd()
    already = here in sys.path or "" in sys.path
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
        if not already:
            sys.path.append(here)


def _is_part(name: str, module: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def _modules_beside(name: str) -> list[str]:
    """The modules that stand where `name` was looked for: in its package, or here."""
    package = name.rpartition(".")[0]
    places = list(getattr(sys.modules.get(package), "__path__", [])) if package else [os.getcwd()]
    return [module.name for module in pkgutil.iter_modules(places)]


def _reason(error: BaseException) -> str:
    """An error in one line, and where in the user's code it happened."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and frame.filename not in (__file__, importlib.__file__)
    ]
    text = (str(error).splitlines() or [""])[0]
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}{where}"


def _attribute(found: Any, path: str, spec: str) -> Any:
    for name in path.split("."):
        if not hasattr(found, name):
            public = [known for known in dir(found) if not known.startswith("_")]
            raise unknown("object", name, public, where=spec)
        found = getattr(found, name)
    return found


def is_instance(found: Any) -> bool:
    """Whether an object is an adapter itself, and not what makes one."""
    if inspect.isclass(found) or inspect.isroutine(found):
        return False
    return not callable(found) or any(callable(getattr(found, name, None)) for name in ALL_OPERATIONS)
