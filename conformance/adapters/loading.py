# SPDX-License-Identifier: Apache-2.0
"""Finds an adapter by what `--adapter` says.

`reference`; the name of an installed entry point; `package.module:object`; or
`exec:./program --flag`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import conformance
from conformance.adapters.arguments import bound
from conformance.adapters.finding import REFERENCE, find_object, is_instance
from conformance.adapters.in_process import InProcess
from conformance.adapters.options import AdapterOption
from conformance.adapters.programs import command_line, is_program
from conformance.adapters.session import Session
from conformance.adapters.timeouts import Waits
from conformance.adapters.transport import ALL_OPERATIONS
from conformance.areas import OPERATIONS
from conformance.errors import UsageError
from conformance.outcomes import AdapterFailure, Crash

Options = Sequence[AdapterOption]


def load_adapter(spec: str, *, timeouts: Waits | None = None, options: Options = ()) -> Session:
    """A session with the adapter that `spec` names and is given `options`, started.

    What is wrong with `spec` or an option is a UsageError, as far as it shows before the
    start; an adapter that is found but does not start is an AdapterFailure.
    """
    if is_program(spec):
        command = command_line(spec, options, timeouts=timeouts)
        from conformance.adapters.jsonlines import JsonLines

        return _checked(Session(JsonLines(command, timeouts=timeouts)), spec)
    if spec == REFERENCE:
        from conformance.adapters.reference import ReferenceAdapter

        _no_options(spec, options, "it has none")
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
    if is_instance(found):
        _no_options(spec, options, _MADE_ALREADY)
        _check_methods(found, spec)
        return Session.of(found, timeouts=timeouts)
    return _checked(Session.of(factory=bound(found, options, spec), timeouts=timeouts), spec)


def is_in_process(spec: str) -> bool:
    """Whether somebody else's code would run in this process."""
    return spec != REFERENCE and not is_program(spec)


def start_adapter(spec: str, *, timeouts: Waits | None = None, options: Options = ()) -> Session:
    """As `load_adapter`; an adapter that does not start is a UsageError that shows what it wrote."""
    try:
        return load_adapter(spec, timeouts=timeouts, options=options)
    except AdapterFailure as error:
        written = error.stderr.strip()
        message = _own_error(error) or f"the adapter did not start: {error.message}"
        if written.lower() != f"error: {message}".lower():
            message += f"\nits standard error:\n{written}" if written else ""
        raise UsageError(message, where=spec) from error


def _own_error(failure: AdapterFailure) -> str:
    """What a program said that ended with exit code 2 at its start, as commands that are misused do.

    An error that is all that was said can have several lines, as those of a log.
    """
    if not isinstance(failure, Crash) or failure.exit_code != 2 or failure.operation != "hello":
        return ""
    mark = "error: "
    written = failure.stderr.strip()
    if written.lower().startswith(mark):
        return written[len(mark) :]
    said = [line.strip() for line in written.splitlines()]
    errors = [line[len(mark) :] for line in said if line.lower().startswith(mark)]
    return errors[-1] if errors else ""


def make_adapter(spec: str, options: Options = ()) -> Any:
    """The Python object that `spec` names, made with `options` if it names a class or a factory."""
    if is_program(spec):
        raise UsageError("is a program already", where=spec)
    if spec == REFERENCE:
        from conformance.adapters.reference import ReferenceAdapter

        _no_options(spec, options, "it has none")
        return ReferenceAdapter()
    found = find_object(spec)
    if is_instance(found):
        _no_options(spec, options, _MADE_ALREADY)
        made = found
    else:
        made = bound(found, options, spec)()
    _check_methods(made, spec)
    return made


_MADE_ALREADY = "an object that is made already takes none: name its class, or a function that makes it"


def _no_options(spec: str, options: Options, why: str) -> None:
    for option in options:
        raise UsageError(f"unknown option {option.name!r} of {spec}", where=option.where, hint=why)


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
