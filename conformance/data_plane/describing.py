# SPDX-License-Identifier: Apache-2.0
"""Makes a Program of what a user names: any program that a kubeconfig configures can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.adapters.arguments import bound
from conformance.adapters.finding import find_object
from conformance.adapters.options import given
from conformance.data_plane.program import Program
from conformance.errors import UsageError

_METHODS = ("settings", "command", "taken_up", "readiness")
_VALUES = ("name", "version", "environment")
_WHERE = "option program of data-plane"


def described(spec: str, words: Sequence[str]) -> Program:
    """The Program that `package.module:object` makes with options that are words `--NAME=VALUE`.

    The object is a class or a function.  What is wrong with it, or an option, or what it
    made is a UsageError.
    """
    if ":" not in spec:
        raise UsageError(
            f"{spec!r} is no `package.module:object`", where=_WHERE, hint="it names a class or a function"
        )
    stray = [word for word in words if not word.startswith("--")]
    if stray:
        raise UsageError(f"{stray[0]!r} is no word --NAME=VALUE", where=_WHERE)
    options = given([word[2:] for word in words], origin="command line", where=_WHERE)
    found = find_object(spec)
    if not callable(found):
        raise UsageError("is neither a class nor a function that makes a program", where=spec)
    program: Any = bound(found, options, spec)()
    lacking = [name for name in _METHODS if not callable(getattr(program, name, None))]
    lacking += [name for name in _VALUES if not hasattr(program, name)]
    if lacking:
        raise UsageError(
            f"makes no program: it has no {', '.join(lacking)}",
            where=spec,
            hint="see Program in conformance/data_plane/program.py",
        )
    checked: Program = program
    return checked
