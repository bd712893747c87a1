# SPDX-License-Identifier: Apache-2.0
"""Namespaces of the process's own, of which nothing is left when it ends, however it ends.

The work is done by the first process of a new PID namespace: when that one ends, the
kernel ends every process in it.  It is ended when this process is, and when whoever
started this process has closed its standard input.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from conformance.errors import UsageError

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_MS_REC_PRIVATE = 0x4000 | 0x40000
_FAREWELL = 10.0
"""Seconds to end of its own accord once nobody asks any more."""

_WHERE = "network namespaces"


def contained(action: Callable[[Path], int]) -> int:
    """The exit code of `action`, done in namespaces of its own: users (unless root), PIDs, mounts, networks.

    It is given an empty folder, of which nothing is left either.  A system that does not
    allow namespaces is a UsageError.
    """
    if not sys.platform.startswith("linux"):
        raise UsageError(f"need Linux, this is {sys.platform}", where=_WHERE)
    _unshare()
    parent = os.pidfd_open(os.getpid())
    # Where the child has no file system of its own, the folder is here, and taken away by us.
    fallback = Path(tempfile.gettempdir()) / f"kube-service-conformance-{secrets.token_hex(8)}"
    child = os.fork()
    if child == 0:
        _act(action, parent, fallback)
    os.close(parent)
    try:
        return _awaited(child)
    finally:
        shutil.rmtree(fallback, ignore_errors=True)


def _unshare() -> None:
    users = os.geteuid(), os.getegid()
    flags = _CLONE_NEWPID | _CLONE_NEWNS | _CLONE_NEWNET
    if _libc("unshare", flags) == 0:
        return
    why = _why()
    # Without the privilege there, but perhaps with it in a user namespace of our own.
    if _libc("unshare", flags | _CLONE_NEWUSER) != 0:
        also = _why()
        raise UsageError(
            f"this system allows none: {why}; and in a user namespace: {also}",
            where=_WHERE,
            hint="run as root (CAP_SYS_ADMIN, CAP_NET_ADMIN), or allow unprivileged user namespaces",
        )
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {users[0]} 1"),
        ("gid_map", f"0 {users[1]} 1"),
    ):
        _write(f"/proc/self/{name}", text)


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w") as file:
            file.write(text)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(
            f"this system lets a user namespace be made and not be used: {path}: {error.strerror}",
            where=_WHERE,
            hint="run as root, or allow it (AppArmor: kernel.apparmor_restrict_unprivileged_userns=0)",
        ) from error


def _why() -> str:
    number = ctypes.get_errno()
    limit = "the limits in /proc/sys/user are reached" if number == errno.ENOSPC else ""
    return limit or os.strerror(number)


def _act(action: Callable[[Path], int], parent: int, fallback: Path) -> None:
    """In the child, which is process 1 of its namespace: never returns."""
    code = 2
    try:
        _libc("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)
        if select.select([parent], [], [], 0)[0]:  # it ended before its end could be told
            os._exit(code)
        os.close(parent)
        folder = _mount(fallback)
        folder.mkdir(mode=0o700)
        code = action(folder)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 2
    except UsageError as error:
        sys.stderr.write(f"error: {error}\n")
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _mount(fallback: Path) -> Path:
    """Mounts of its own: `/proc` shows its processes, and locks in `/run` are nobody else's.

    Where a mount is not allowed, what is there does as well, but for waiting for locks.
    Gives where a folder can be made that is gone with all else.
    """
    _mounted("none", "/", None, _MS_REC_PRIVATE)
    _mounted("proc", "/proc", "proc", 0)
    return Path("/run/kube-service-conformance") if _mounted("tmpfs", "/run", "tmpfs", 0) else fallback


def _mounted(source: str, target: str, kind: str | None, flags: int) -> bool:
    encoded = kind.encode() if kind else None
    return _libc("mount", source.encode(), target.encode(), encoded, ctypes.c_ulong(flags), None) == 0


def _awaited(child: int) -> int:
    """Wait for the child; end it some time after standard input was closed, and when told to end."""

    def end(number: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    handle = os.pidfd_open(child)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.register(0, 0)  # hang-ups are told in any case
    left: float | None = None
    while True:
        events = dict(poll.poll(left))
        if handle in events:
            break
        if not events:
            end(signal.SIGKILL, None)
            left = None
        elif left is None:
            poll.unregister(0)
            left = _FAREWELL * 1000
    _, status = os.waitpid(child, 0)
    return max(os.waitstatus_to_exitcode(status), 0) or (2 if os.WIFSIGNALED(status) else 0)


def _libc(name: str, *arguments: object) -> int:
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)
    return result
