# SPDX-License-Identifier: Apache-2.0
"""Which Services a container is told of: those of the snapshot taken when it is started.

A cluster says what its Services are and when they were created, not what they
were before; so a Service is taken to have been what it is since its creation.

Source: `pkg/kubelet/kubelet_pods.go`, `getServiceEnvVarMap`.
"""

from __future__ import annotations

from collections.abc import Iterable

from reference.environment.variables import Linked
from reference.objects import Pod

API_SERVER = ("default", "kubernetes")
"""The one Service that pods of every namespace are told of (ENV-014)."""


def wants_links(pod: Pod) -> bool:
    """`enableServiceLinks`, which the API server defaults to true (ENV-018).

    What is stored has been defaulted, so a None that is met here was left out by
    whoever wrote the cluster down, and stands for the default.
    """
    return pod.spec.enable_service_links is not False


def visible(created: int, started_at: int) -> bool | None:
    """Whether a Service is in the snapshot taken at `started_at` (ENV-ORDER-001 to ENV-ORDER-003).

    None where it was created in the very second of the start: which of the two the
    node agent learns of first is not promised (ENV-ORDER-006).
    """
    return None if created == started_at else created < started_at


def concerns(service: Linked, namespace: str, *, links: bool) -> bool:
    """Whether a pod of `namespace` may be told of the Service at all (ENV-011 to ENV-014, ENV-019)."""
    if not service.has_cluster_ip:
        return False
    return (links and service.namespace == namespace) or (service.namespace, service.name) == API_SERVER


def included(services: Iterable[Linked], namespace: str, *, links: bool) -> tuple[Linked, ...]:
    """Those of the Services in a snapshot whose variables a pod of `namespace` gets.

    One `kubernetes` only: that of the pod's own namespace, if there is one with an
    address and the pod wants links, stands in the place of the API server's with
    all its ports, whatever the order in which they are listed (ENV-015 to ENV-017).
    """
    chosen: dict[str, Linked] = {}
    for service in services:
        if concerns(service, namespace, links=links) and (
            service.namespace == namespace or service.name not in chosen
        ):
            chosen[service.name] = service
    return tuple(chosen.values())
