# SPDX-License-Identifier: Apache-2.0
"""Runs test functions as root of a user namespace, each in a process of its own.

`python -m tests.data_plane.child` reads one line for each: the module, the function and
its arguments, and writes one: the exit status and what was printed, as JSON.  With `--try`
it only sees whether a network can be made, and with `--here` it keeps the user that it has.
"""

from __future__ import annotations

import base64
import ctypes
import importlib
import inspect
import json
import os
import pickle
import sys
import tempfile
import traceback
from pathlib import Path

SKIPPED = 77
_NEW_USER, _NEW_NET, _NEW_MOUNTS = 0x10000000, 0x40000000, 0x00020000


def become_root() -> None:
    """Enter a new user namespace as its root, with a network and mounts of its own."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_USER | _NEW_NET | _NEW_MOUNTS):
        sys.exit(f"no user namespace: {os.strerror(ctypes.get_errno())}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def try_network() -> None:
    """Make a network, or exit with the reason why there can be none."""
    from conformance.data_plane.errors import NetworkError
    from conformance.data_plane.network import Network

    try:
        Network().close()
    except NetworkError as error:
        sys.exit(str(error))


def run(module: str, function: str, given: str) -> int:
    """Run a test function; its exit status."""
    import pytest

    called = getattr(importlib.import_module(module), function)
    arguments = pickle.loads(base64.b64decode(given))
    try:
        with pytest.MonkeyPatch.context() as patched:
            if "monkeypatch" in inspect.signature(called).parameters:
                arguments["monkeypatch"] = patched
            called(**arguments)
    except pytest.skip.Exception as skipped:
        print(skipped.msg)
        return SKIPPED
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def serve() -> None:
    """Run what is asked for, until nobody asks any more."""
    for line in sys.stdin:
        module, function, given = line.split()
        importlib.import_module(module)
        with tempfile.TemporaryFile("w+") as output:
            child = os.fork()
            if child == 0:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                status = run(module, function, given)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            output.seek(0)
            print(json.dumps([status, output.read()]), flush=True)


if __name__ == "__main__":
    if "--here" not in sys.argv:
        become_root()
    if "--try" in sys.argv:
        try_network()
    else:
        serve()
