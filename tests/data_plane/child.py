# SPDX-License-Identifier: Apache-2.0
"""Runs a test function in a process of its own, as root of a user namespace.

`python -m tests.data_plane.child MODULE FUNCTION ARGUMENTS`; without a function it
only tries whether a network can be made.  With `--here` it keeps the user that it has.
"""

from __future__ import annotations

import base64
import ctypes
import importlib
import os
import pickle
import sys
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


def main(arguments: list[str]) -> None:
    """Run it; the exit status says how it went."""
    if arguments[:1] == ["--here"]:
        arguments = arguments[1:]
    else:
        become_root()
    if not arguments:
        from conformance.data_plane.errors import NetworkError
        from conformance.data_plane.network import Network

        try:
            Network().close()
        except NetworkError as error:
            sys.exit(str(error))
        return
    module, function, given = arguments
    import pytest

    try:
        getattr(importlib.import_module(module), function)(**pickle.loads(base64.b64decode(given)))
    except pytest.skip.Exception as skipped:
        print(skipped.msg, file=sys.stderr)
        sys.exit(SKIPPED)


if __name__ == "__main__":
    main(sys.argv[1:])
