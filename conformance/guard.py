# SPDX-License-Identifier: Apache-2.0
"""A run in a process of its own, where an adapter in process could end the whole command.

A Python adapter may call `os._exit` or have a library that crashes the interpreter:
then the command has to say so, and never to end with exit code 0.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from conformance.errors import UsageError

_DONE = b"done"
_FORWARDED = (signal.SIGINT, signal.SIGTERM)


def guarded(action: Callable[[], int]) -> int:
    """The exit code of `action`, which runs in a child process where there is `fork`.

    A child that ends before `action` has is a UsageError.  Interrupts are passed on.
    """
    if not hasattr(os, "fork"):
        return action()
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _act(action, writing)
    os.close(writing)
    return _awaited(child, reading)


def _act(action: Callable[[], int], writing: int) -> None:
    """In the child: never returns."""
    # Interrupts from a terminal reach the parent alone, which passes each on once.
    os.setpgid(0, 0)
    code = 2
    try:
        code = action()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 2
    except UsageError as error:
        sys.stderr.write(f"error: {error}\n")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(writing, _DONE)
        os._exit(code)


def _awaited(child: int, reading: int) -> int:
    def forward(number: int, _: FrameType | None) -> None:
        os.kill(child, number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    with os.fdopen(reading, "rb") as pipe:
        done = pipe.read(len(_DONE)) == _DONE
    code = os.waitstatus_to_exitcode(status)
    if done:
        return code
    how = f"with exit code {code}" if code >= 0 else f"by signal {signal.Signals(-code).name}"
    raise UsageError(
        f"the adapter ended the whole run, {how}",
        hint="what was found until then is stored; `exec:` runs an adapter in a process of its own",
    )
