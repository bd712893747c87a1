# SPDX-License-Identifier: Apache-2.0
"""Which invariants a run judges."""

from __future__ import annotations

import pytest

from conformance.errors import UsageError
from conformance.profiles import load_profile
from conformance.selection import select


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("ports.strict-addresses", "needs the feature 'strict-addresses'"),
        ("endpoints.places-of-new-endpoints", "feature 'controller-packing' and the level 'may'"),
    ],
)
def test_what_is_not_claimed_is_named(name: str, needs: str) -> None:
    """An invariant that is asked for by name and that the profile does not claim is told what it needs."""
    with pytest.raises(UsageError, match=needs):
        select(load_profile("quick"), lambda operation: True, only=[name])


def test_what_the_adapter_lacks_is_named() -> None:
    """Where the adapter has none of the operations, it is told how to see which it has."""
    with pytest.raises(UsageError, match="supports no operation"):
        select(
            load_profile("quick"), lambda operation: operation == "resolve", only=["ports.metadata-admission"]
        )
