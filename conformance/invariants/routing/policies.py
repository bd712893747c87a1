# SPDX-License-Identifier: Apache-2.0
"""What one policy governs, a change of the other leaves as it is."""

from __future__ import annotations

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.routing.asked import ROUTE, Asked, Served
from conformance.invariants.routing.fresh import fresh, number_of
from conformance.invariants.routing.related import (
    change_endpoints,
    change_slices,
    change_specs,
    right_in,
    unchanged,
)
from reference.objects import SERVICE_NAME_LABEL, Endpoint, EndpointSlice, ServiceSpec
from reference.questions import ClientKind, Decision
from reference.routing import Destination
from reference.routing.addresses import IPV4, IPV6

_CLASSES = ("forwarded",)
NOWHERE = {IPV4: "10.244.0.199", IPV6: "fd00:10:244::c7"}
"""The address of an endpoint that names no node."""


def flip_external(spec: ServiceSpec) -> ServiceSpec:
    """The other external policy, with the health check node port that it needs."""
    if not spec.external_traffic_policy:
        return spec
    if spec.external_traffic_policy == "Local":
        return evolve(spec, external_traffic_policy="Cluster", health_check_node_port=0)
    check = 31900 + number_of(spec.cluster_ip) if spec.type == "LoadBalancer" else 0
    return evolve(spec, external_traffic_policy="Local", health_check_node_port=check)


def flip_internal(spec: ServiceSpec) -> ServiceSpec:
    """The other internal policy."""
    if not spec.internal_traffic_policy:
        return spec
    other = "Cluster" if spec.internal_traffic_policy == "Local" else "Local"
    return evolve(spec, internal_traffic_policy=other)


def is_internal(item: Asked) -> bool:
    """Whether a flow is for a cluster IP."""
    return isinstance(item, Served) and item.destination is Destination.CLUSTER_IP


def is_external(item: Asked) -> bool:
    """Whether a flow is for another address of a Service."""
    return isinstance(item, Served) and item.destination is not Destination.CLUSTER_IP


def is_local(item: Asked) -> bool:
    """Whether every implementation binds the client of a flow to one node's endpoints."""
    if not isinstance(item, Served) or item.policy != "Local":
        return False
    outside = item.flow.client.kind is ClientKind.EXTERNAL
    return outside != (item.destination is Destination.CLUSTER_IP)


@invariant(
    "routing.external-policy-does-not-touch-cluster-ips",
    kind=Kind.METAMORPHIC,
    requirements=("ETP-002", "ITP-009"),
    asks=ROUTE,
    classes=_CLASSES,
)
def external_policy(case: Case) -> None:
    """Turning external policies from Cluster to Local and back changes nothing at a cluster IP."""
    changed = change_specs(case.cluster, flip_external)
    unchanged(case, changed, lambda item, _: _both(item, "ETP-002"), only=is_internal)


def _both(item: Asked, requirement: str) -> str:
    """The row that says so, or where the other policy is Local that each of them is for itself."""
    assert isinstance(item, Served)
    spec = item.match.service.spec
    internal = item.destination is Destination.CLUSTER_IP
    own = spec.internal_traffic_policy if internal else spec.external_traffic_policy
    return "ITP-009" if own == "Local" else requirement


@invariant(
    "routing.internal-policy-does-not-touch-clients-outside",
    kind=Kind.METAMORPHIC,
    requirements=("ITP-002", "ITP-009"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=_CLASSES,
)
def internal_policy_outside(case: Case) -> None:
    """Turning internal policies from Cluster to Local and back changes nothing for clients outside that
    use node ports, external IPs and load balancers' addresses.
    """
    unchanged(
        case,
        change_specs(case.cluster, flip_internal),
        lambda item, _: _both(item, "ITP-002"),
        only=lambda item: is_external(item) and item.flow.client.kind is ClientKind.EXTERNAL,
    )


@invariant(
    "routing.internal-policy-does-not-touch-other-addresses",
    kind=Kind.METAMORPHIC,
    requirements=("ITP-006",),
    asks=ROUTE,
    level=Level.KUBE_PROXY,
    classes=_CLASSES,
)
def internal_policy(case: Case) -> None:
    """Turning internal policies from Cluster to Local and back changes nothing at node ports,
    external IPs and load balancers' addresses, for any client.
    """
    unchanged(case, change_specs(case.cluster, flip_internal), "ITP-006", only=is_external)


@invariant(
    "routing.hints-do-not-touch-policy-local",
    kind=Kind.METAMORPHIC,
    requirements=("ITP-008", "TOPO-009"),
    asks=ROUTE,
    level=Level.CLASS,
    classes=_CLASSES,
)
def hints(case: Case) -> None:
    """Taking all topology hints away changes nothing for clients that a policy Local binds to a node."""
    unhinted = change_endpoints(case.cluster, lambda endpoint: evolve(endpoint, hints=None))
    unchanged(case, unhinted, lambda item, _: "ITP-008" if is_internal(item) else "TOPO-009", only=is_local)


@invariant(
    "routing.a-remote-endpoint-does-not-matter-under-policy-local",
    kind=Kind.METAMORPHIC,
    requirements=("ITP-003", "ETP-005", "RT-019"),
    asks=ROUTE,
    classes=_CLASSES,
)
def remote(case: Case) -> None:
    """Endpoints that are added on another node, and on none, change nothing for clients that a policy
    Local binds to a node, but that being dropped and being refused may change places.
    """

    def more(item: EndpointSlice) -> EndpointSlice:
        if not item.metadata.labels.get(SERVICE_NAME_LABEL):
            return item
        far = Endpoint((fresh(245, 9, item.address_type),), node_name="far-away")
        # By its address it could be the first node's, but locality goes by name alone.
        nowhere = Endpoint((NOWHERE[item.address_type],))
        return evolve(item, endpoints=(*item.endpoints, far, nowhere))

    unchanged(
        case,
        change_slices(case.cluster, more),
        _remote_row,
        only=is_local,
    )


def _remote_row(item: Asked, got: Decision) -> str:
    """The row that a changed decision breaks."""
    if (
        any(backend.ip in NOWHERE.values() for backend in got.backends)
        and len(got.backends - item.got.backends) == 1
    ):
        return "RT-019"
    return "ITP-003" if is_internal(item) else "ETP-005"


@invariant(
    "routing.a-switched-policy-takes-effect",
    kind=Kind.METAMORPHIC,
    requirements=("ETP-019",),
    asks=ROUTE,
    level=Level.CLASS,
    classes=_CLASSES,
)
def switched(case: Case) -> None:
    """Once external policies are switched, every node port and every address meant for the outside
    follows the new policy.
    """
    right_in(case, change_specs(case.cluster, flip_external), "ETP-019", only=is_external)
