# SPDX-License-Identifier: Apache-2.0
"""Whose fault it is that an invariant ended in an exception of its own."""

from __future__ import annotations

import traceback

from conformance.adapters.loading import load_adapter
from conformance.example import Example
from conformance.invariants.base import Case, Deviation, Invariant
from conformance.outcomes import AdapterFailure, SuiteError, WrongShape

_TRACEBACK = 2000


def blamed(error: Exception, example: Example, invariant: Invariant) -> Exception:
    """A deviation or a failure of the adapter, which `error` is or stands for.

    An exception of another kind is the adapter's where the model's answers raise
    none: then an answer was of the right type, but no text that an address or a
    record could have.  Else the invariant is wrong, and nobody is accused.
    """
    if isinstance(error, Deviation | AdapterFailure):
        return error
    text = f"{type(error).__name__}: {error}"
    trace = "".join(traceback.format_exception(error))[-_TRACEBACK:]
    with load_adapter("reference") as reference:
        try:
            invariant.check(Case(example, reference))
        except (Deviation, AdapterFailure):
            pass
        except Exception:
            return SuiteError(invariant.id, text, stderr=trace)
    return WrongShape("/".join(invariant.asks), f"an answer that cannot be judged: {text}", stderr=trace)
