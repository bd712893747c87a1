# SPDX-License-Identifier: Apache-2.0
"""The words that start an adapter which is a program: the user's own, or one that comes with the suite."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from attrs import field, frozen

import conformance
from conformance.adapters.options import AdapterOption
from conformance.adapters.timeouts import Timeouts, Waits
from conformance.errors import UsageError, closest, unknown

EXEC = "exec:"
TOLD = ("start", "apply", "answer")
"""The time-outs that programs of the suite are told."""


@frozen(kw_only=True)
class BuiltIn:
    """An adapter that comes with the suite and runs in a process of its own.

    `module` is run as a program with these `arguments`, and speaks the protocol.  It
    needs `packages`, by the names under which they are imported, which the `extra`
    of our distribution installs.  `options` are those that it has, each with its values
    where not any text will do; with `takes_more` there are others.  The `required` one
    has to be given.
    """

    module: str
    arguments: tuple[str, ...] = ()
    extra: str = ""
    packages: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(factory=dict)
    takes_more: bool = False
    required: str = ""


_MANNER: dict[str, tuple[str, ...]] = {"transport": ("udp", "tcp", "both"), "timeout": ()}
"""How a DNS server is asked."""

BUILT_IN: dict[str, BuiltIn] = {
    "kube-proxy": BuiltIn(
        module="conformance.data_plane",
        arguments=("kube-proxy",),
        extra="data-plane",
        packages=("aiohttp", "pyroute2"),
        options={"binary": (), "mode": ("iptables", "nftables"), "iptables": ("legacy", "nft")},
    ),
    "data-plane": BuiltIn(
        module="conformance.data_plane",
        arguments=("program",),
        extra="data-plane",
        packages=("aiohttp", "pyroute2"),
        options={"program": ()},
        takes_more=True,
        required="program",
    ),
    "coredns": BuiltIn(
        module="conformance.dns_server",
        arguments=("coredns",),
        extra="dns-server",
        packages=("aiohttp", "dns"),
        options={
            **dict.fromkeys(("binary", "corefile", "ttl", "kubernetes", "plugins", "port"), ()),
            "pods": ("disabled", "insecure", "verified"),
            **_MANNER,
        },
    ),
    "dns": BuiltIn(
        module="conformance.dns_server",
        arguments=("dns",),
        extra="dns-server",
        packages=("aiohttp", "dns"),
        options={
            **dict.fromkeys(("server", "api", "kubeconfig", "domain", "command"), ()),
            "pods": ("verified",),
            **_MANNER,
        },
    ),
}
"""The adapters that come with the suite, by their names."""


def is_program(spec: str) -> bool:
    """Whether this names a program, the user's own or one of ours."""
    return spec.startswith(EXEC) or spec in BUILT_IN


def command_line(
    spec: str, options: Sequence[AdapterOption] = (), *, timeouts: Waits | None = None
) -> list[str]:
    """The words that start the program, with its options last, after a look whether it can be started.

    One that comes with the suite is told the `timeouts` that it has to keep.
    """
    if os.name != "posix":
        raise UsageError("programs as adapters need a POSIX system", where=spec)
    words = _built_in(spec, options, timeouts or Timeouts()) if spec in BUILT_IN else _own(spec)
    return [*words, *(f"--{option.name}={option.text}" for option in options)]


# -- programs that come with the suite ------------------------------------------


def _built_in(name: str, options: Sequence[AdapterOption], timeouts: Waits) -> list[str]:
    found = BUILT_IN[name]
    _check_options(name, found, options)
    missing = [package for package in found.packages if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"needs the extra {found.extra}: pip install 'kube-service-conformance[{found.extra}]'",
            where=name,
            hint=f"not installed: {', '.join(missing)}",
        )
    root = str(Path(conformance.__file__).parents[1])
    waits = (f"--{wait}={getattr(timeouts, wait):g}" for wait in TOLD)
    return [sys.executable, "-c", _RUN.format(root=root, module=found.module), *waits, *found.arguments]


def _check_options(name: str, found: BuiltIn, options: Sequence[AdapterOption]) -> None:
    for option in options:
        known = {each.replace("-", "_"): each for each in found.options}
        if option.key not in known:
            if found.takes_more:
                continue
            raise unknown(f"option of {name}", option.name, found.options, where=option.where)
        values = found.options[known[option.key]]
        if values and option.text not in values:
            raise unknown(f"{option.name} of {name}", option.text, values, where=option.where)
    if found.required and found.required not in {option.key for option in options}:
        raise UsageError(
            f"needs the option {found.required}", where=name, hint=f"--adapter-option {found.required}=..."
        )


# As `python -m MODULE`, but nothing in the current directory can stand in for a module of ours.
_RUN = (
    "import runpy, sys; sys.path[:] = [*filter(None, sys.path), {root!r}]; "
    "runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
)


# -- the user's own -----------------------------------------------------------------


def _own(spec: str) -> list[str]:
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
