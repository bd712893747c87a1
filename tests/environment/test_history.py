# SPDX-License-Identifier: Apache-2.0
"""What a container has once the cluster has changed."""

from __future__ import annotations

from reference.environment import after_change, runs_on
from reference.objects import Cluster
from reference.questions import ContainerName
from tests.environment.objects import MAIN, START, pod, service

OLD, NEW = "10.96.0.1", "10.96.0.2"
BEFORE = Cluster(services=(service("web", ip=OLD),), pods=(pod(),))
RECREATED = service("web", ip=NEW, created=START + 1)


def hosts(after: Cluster) -> set[str | None]:
    """The addresses of the Service that are right."""
    found = after_change(BEFORE, after, MAIN)
    return {each.canonical().variables.get("WEB_SERVICE_HOST") for each in found}


def test_a_container_that_runs_on_keeps_the_old_address() -> None:
    """It has the old address or, where nothing tells of it any more, none; never the new one."""
    after = Cluster(services=(RECREATED,), pods=(pod(),))
    assert runs_on(BEFORE, after, MAIN)
    assert hosts(after) == {OLD, None}


def test_a_restarted_container_has_the_new_address() -> None:
    """After a restart the new address is the only one (ENV-ORDER-003)."""
    after = Cluster(services=(RECREATED,), pods=(pod(at=START + 2),))
    assert not runs_on(BEFORE, after, MAIN)
    assert hosts(after) == {NEW}


def test_what_did_not_run_does_not_run_on() -> None:
    """A container that is not there, before or after, has nothing of before."""
    other = ContainerName("shop", "pod", "other")
    gone = Cluster(services=(RECREATED,))
    assert not runs_on(BEFORE, BEFORE, other)
    assert not runs_on(BEFORE, gone, MAIN)
    assert after_change(BEFORE, gone, MAIN) == ()
