# SPDX-License-Identifier: Apache-2.0
"""Finds an adapter by what `--adapter` says.

`reference`; the name of an installed entry point; `package.module:object`; or
`exec:./program --flag`.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import shlex
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import conformance
from conformance.adapters.in_process import InProcess
from conformance.adapters.session import Session
from conformance.adapters.timeouts import Waits
from conformance.adapters.transport import ALL_OPERATIONS
from conformance.areas import OPERATIONS
from conformance.errors import UsageError, closest, unknown
from conformance.outcomes import AdapterFailure

REFERENCE = "reference"
EXEC = "exec:"
ENTRY_POINTS = "kube_service_conformance.adapters"


def load_adapter(spec: str, *, timeouts: Waits | None = None) -> Session:
    """A session with the adapter that `spec` names, started.

    What is wrong with `spec` is a UsageError; an adapter that is found but does not
    start is an AdapterFailure.
    """
    if spec.startswith(EXEC):
        if os.name != "posix":
            raise UsageError("programs as adapters need a POSIX system", where=spec)
        from conformance.adapters.jsonlines import JsonLines

        return _checked(Session(JsonLines(command_line(spec), timeouts=timeouts)), spec)
    if spec == REFERENCE:
        from conformance.adapters.reference import ReferenceAdapter

        return Session(
            InProcess(
                factory=ReferenceAdapter,
                name=REFERENCE,
                version=conformance.__version__,
                timeouts=timeouts,
                trusted=True,
            )
        )
    found = find_object(spec)
    if _is_instance(found):
        _check_methods(found, spec)
        return Session.of(found, timeouts=timeouts)
    return _checked(Session.of(factory=_factory(found, spec), timeouts=timeouts), spec)


def is_in_process(spec: str) -> bool:
    """Whether somebody else's code would run in this process."""
    return spec != REFERENCE and not spec.startswith(EXEC)


def start_adapter(spec: str, *, timeouts: Waits | None = None) -> Session:
    """As `load_adapter`; an adapter that does not start is a UsageError that shows what it wrote."""
    try:
        return load_adapter(spec, timeouts=timeouts)
    except AdapterFailure as error:
        written = error.stderr.strip()
        said = f"\nits standard error:\n{written}" if written else ""
        raise UsageError(f"the adapter did not start: {error.message}{said}", where=spec) from error


def make_adapter(spec: str) -> Any:
    """The Python object that `spec` names, made if it names a class or a factory."""
    if spec == REFERENCE:
        from conformance.adapters.reference import ReferenceAdapter

        return ReferenceAdapter()
    found = find_object(spec)
    made = found if _is_instance(found) else _factory(found, spec)()
    _check_methods(made, spec)
    return made


# -- programs ------------------------------------------------------------------


def command_line(spec: str) -> list[str]:
    """The words of `exec:...`, after a look whether there is such a program."""
    try:
        words = shlex.split(spec[len(EXEC) :])
    except ValueError as error:
        raise UsageError(f"cannot be split into words: {error}", where=spec) from error
    if not words:
        raise UsageError("a program has to follow `exec:`", where=spec, hint="exec:./my-adapter --flag")
    program = words[0]
    if os.sep not in program:
        if shutil.which(program) is None:
            here = "; a file in this directory is written ./" + program if Path(program).is_file() else ""
            raise UsageError(f"no program {program!r} on PATH{here}", where=spec)
        return words
    path = Path(program)
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = closest(path.name, siblings) if siblings else ""
        raise UsageError(f"there is no file {program!r}", where=spec, hint=hint)
    if path.is_dir():
        raise UsageError(f"{program!r} is a folder", where=spec)
    if not os.access(path, os.X_OK):
        raise UsageError(f"{program!r} is not executable", where=spec, hint=f"chmod +x {program}")
    return words


# -- Python objects --------------------------------------------------------------


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
    error = unknown("adapter", spec, [*known, REFERENCE], where="option adapter")
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


def _is_instance(found: Any) -> bool:
    """Whether an object is an adapter itself, and not what makes one."""
    if inspect.isclass(found) or inspect.isroutine(found):
        return False
    return not callable(found) or any(callable(getattr(found, name, None)) for name in ALL_OPERATIONS)


def _factory(found: Any, spec: str) -> Callable[[], Any]:
    try:
        parameters: Sequence[inspect.Parameter] = list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        parameters = ()
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needed:
        raise UsageError(
            f"needs arguments: {', '.join(needed)}",
            where=spec,
            hint="name an instance, or a class or function that can be called without any",
        )
    if inspect.iscoroutinefunction(found):
        raise UsageError("is an async function: adapters are made and called without await", where=spec)
    made: Callable[[], Any] = found
    return made


# -- what an adapter has to have ---------------------------------------------------


def _checked(session: Session, spec: str) -> Session:
    """The session, or a UsageError (and the adapter's end) if it can be asked nothing."""
    try:
        adapter = getattr(session.transport, "adapter", None)
        if adapter is not None:
            _check_methods(adapter, spec)
        else:
            _check_operations(session.operations, spec, "")
    except BaseException:
        session.close()
        raise
    return session


def _check_methods(adapter: Any, spec: str) -> None:
    offered = {name for name in ALL_OPERATIONS if callable(getattr(adapter, name, None))}
    misspelt = "; ".join(f"`{wrong}`: did you mean `{right}`?" for wrong, right in near_misses(adapter))
    _check_operations(offered, spec, misspelt)


def _check_operations(offered: set[str] | frozenset[str], spec: str, hint: str) -> None:
    asked = [name for name in OPERATIONS if name in offered]
    if not asked:
        names = ", ".join(OPERATIONS)
        raise UsageError(f"supports no operation of {names}", where=spec, hint=hint)
    stateful = [name for name in asked if not OPERATIONS[name].stateless]
    if stateful and "apply" not in offered:
        raise UsageError(f"has {stateful[0]!r}, but no 'apply' to tell it the cluster", where=spec, hint=hint)


def near_misses(adapter: Any) -> list[tuple[str, str]]:
    """Methods whose names are almost those of operations that the object lacks."""
    import difflib

    lacking = [name for name in ALL_OPERATIONS if not callable(getattr(adapter, name, None))]
    own = [
        name
        for name in dir(adapter)
        if not name.startswith("_") and name not in ALL_OPERATIONS and callable(getattr(adapter, name, None))
    ]
    found = []
    for name in own:
        match = difflib.get_close_matches(name.lower(), lacking, n=1, cutoff=0.8)
        if match:
            found.append((name, match[0]))
    return found
