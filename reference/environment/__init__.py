# SPDX-License-Identifier: Apache-2.0
"""The variables that a container is started with.

`variables` says what one Service gives, `snapshot` which Services a container is
told of, `own` how that goes with what it defines itself, `expansion` what becomes
of `$(NAME)`, `outcomes` where more than one answer is right, and `history` what stays
while the cluster changes.
"""

from __future__ import annotations

from itertools import islice

from reference.environment.agent import NOT_STARTED, NodeAgent, find_container, started_at
from reference.environment.expansion import expand
from reference.environment.history import after_change, runs_on
from reference.environment.outcomes import Allowed, Outcome, collide
from reference.environment.snapshot import API_SERVER, included, visible, wants_links
from reference.environment.variables import Linked, has_cluster_ip, host_port, mangled, service_variables
from reference.objects import Cluster
from reference.questions import ContainerName, Environment

__all__ = [
    "API_SERVER",
    "NOT_STARTED",
    "Allowed",
    "Linked",
    "NodeAgent",
    "Outcome",
    "after_change",
    "allowed",
    "collide",
    "compile",
    "environments",
    "expand",
    "find_container",
    "has_cluster_ip",
    "host_port",
    "included",
    "mangled",
    "runs_on",
    "service_variables",
    "started_at",
    "visible",
    "wants_links",
]

MOST_OUTCOMES = 64
"""How many of the right outcomes `environments` works out; `Allowed.accepts` knows them all."""


def compile(cluster: Cluster) -> NodeAgent:
    """The node agent's view of a cluster."""
    return NodeAgent(cluster)


def allowed(cluster: Cluster, container: ContainerName) -> Allowed | None:
    """All that is right for a container; None if it is not there or was not started."""
    return NodeAgent(cluster).allowed(container)


def environments(cluster: Cluster, container: ContainerName) -> tuple[Environment, ...]:
    """The right environments of a container, the canonical one first.

    ENV-001 to ENV-030, ENV-036 to ENV-038, ENV-ORDER-001 to ENV-ORDER-006,
    ENV-EXP-001 to ENV-EXP-013.
    """
    found = allowed(cluster, container)
    if found is None:
        return (NOT_STARTED,)
    return tuple(dict.fromkeys(islice(found.every(), MOST_OUTCOMES)))
