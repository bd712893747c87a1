# SPDX-License-Identifier: Apache-2.0
"""The items that `pytest --pyargs conformance` runs: one for each invariant."""

from __future__ import annotations

import pytest

from conformance.engine.verdicts import Verdict
from conformance.outcomes import Outcome


def test_invariant(conformance_verdict: Verdict, pytestconfig: pytest.Config) -> None:
    """The implementation under test keeps the invariant on every example that was judged."""
    from conformance.text import full

    outcome = conformance_verdict.outcome
    if outcome is Outcome.UNSUPPORTED:
        pytest.skip(conformance_verdict.detail)
    if outcome is Outcome.KNOWN_DEVIATION:
        pytest.xfail(conformance_verdict.detail)
    plugin = pytestconfig.pluginmanager.get_plugin("kube-service-conformance-run")
    assert plugin is not None
    if outcome is not Outcome.PASS:
        adapter, options = plugin.settings()["adapter"], plugin.prepared().adapter_options
        pytest.fail(full(conformance_verdict, adapter=adapter, options=options), pytrace=False)
