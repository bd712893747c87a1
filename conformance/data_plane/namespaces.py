# SPDX-License-Identifier: Apache-2.0
"""Network namespaces without a name: they are gone with the last process and descriptor in them."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from conformance.data_plane.errors import NetworkError

_NEW_NET = 0x40000000  # CLONE_NEWNET, linux/sched.h
_CURRENT = "/proc/thread-self/ns/net"
_SYSCTLS = Path("/proc/sys/net")

_PRIVILEGES = (
    "run it as root, or inside `unshare --user --map-root-user --net --mount`; "
    "in a container, with the capabilities NET_ADMIN, NET_RAW and SYS_ADMIN"
)

_libc = ctypes.CDLL(None, use_errno=True)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _NEW_NET):
        code = ctypes.get_errno()
        raise NetworkError(
            f"cannot enter a network namespace: {os.strerror(code)}", where="network", hint=_PRIVILEGES
        )


class Namespace:
    """A network namespace, held by a descriptor.

    A thread is inside of one namespace at a time; a socket stays in the one in which
    it was made, and a program that is started runs in that of the thread.
    """

    def __init__(self, name: str) -> None:
        """Make a new namespace; `name` is only for messages."""
        self.name = name
        if platform.system() != "Linux":
            raise NetworkError("network namespaces need Linux", where="network")
        home = os.open(_CURRENT, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.unshare(_NEW_NET):
                raise _not_made(ctypes.get_errno())
            self._descriptor = os.open(_CURRENT, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _enter(home)
            except NetworkError:
                os.close(self._descriptor)
                raise
        finally:
            os.close(home)

    @property
    def descriptor(self) -> int:
        """The descriptor that holds the namespace."""
        return self._descriptor

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The thread is inside of the namespace; afterwards it is back where it was."""
        before = os.open(_CURRENT, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self._descriptor)
            try:
                yield
            finally:
                _enter(before)
        finally:
            os.close(before)

    def set(self, values: Mapping[str, str]) -> None:
        """Set kernel parameters, as `ipv4/ip_forward`; the thread has to be inside."""
        for name, value in values.items():
            error = _write(name, value)
            if error:
                raise NetworkError(
                    f"cannot set the kernel parameter net/{name} to {value}: {error}",
                    where=f"namespace of {self.name}",
                    hint="/proc/sys has to be mounted writable (in a container: privileged), "
                    "and the kernel needs IPv6 where the families include it",
                )

    def try_to_set(self, values: Mapping[str, str]) -> None:
        """Set kernel parameters that not every kernel has, or lets be set in a namespace."""
        for name, value in values.items():
            _write(name, value)

    def close(self) -> None:
        """Let the namespace go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _write(name: str, value: str) -> str:
    """Set a kernel parameter; gives why it could not be set, or nothing."""
    try:
        (_SYSCTLS / name).write_text(value)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _not_made(code: int) -> NetworkError:
    if code == errno.ENOSPC:
        hint = "raise the limit in /proc/sys/user/max_net_namespaces"
    elif code == errno.EINVAL:
        hint = "the kernel was built without CONFIG_NET_NS"
    else:
        hint = _PRIVILEGES
    return NetworkError(f"cannot make a network namespace: {os.strerror(code)}", where="network", hint=hint)
