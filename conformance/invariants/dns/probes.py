# SPDX-License-Identifier: Apache-2.0
"""Services of rare shapes that are added to a cluster, in a namespace of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve

from conformance.invariants.base import Case
from conformance.invariants.dns.view import View
from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_NAME_LABEL,
    Cluster,
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    Namespace,
    ObjectMeta,
    ObjectReference,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Query

NAMESPACE = "probes"
HTTP = ServicePort(80, "http", "TCP", 8080)
_READY = EndpointConditions(True, True, False)


def service(name: str, *ips: str, ports: tuple[ServicePort, ...] = (HTTP,)) -> Service:
    """A Service without a selector, with these cluster IPs; headless without any."""
    cluster_ips = ips or ("None",)
    families = tuple("IPv6" if ":" in ip else "IPv4" for ip in cluster_ips)
    return Service(
        ObjectMeta(name=name, namespace=NAMESPACE, uid=f"probe-{name}"),
        ServiceSpec(
            type="ClusterIP",
            ports=ports,
            cluster_ip=cluster_ips[0],
            cluster_ips=cluster_ips,
            ip_families=families if ips else ("IPv4", "IPv6"),
            ip_family_policy="SingleStack" if len(ips) == 1 else "RequireDualStack",
            internal_traffic_policy="Cluster",
            session_affinity="None",
        ),
    )


def headless(name: str) -> Service:
    """A headless Service of IPv4."""
    made = service(name)
    return evolve(made, spec=evolve(made.spec, ip_families=("IPv4",), ip_family_policy="SingleStack"))


def external(name: str, target: str) -> Service:
    """An ExternalName Service."""
    spec = ServiceSpec(type="ExternalName", external_name=target, session_affinity="None")
    return Service(ObjectMeta(name=name, namespace=NAMESPACE, uid=f"probe-{name}"), spec)


def endpoint(
    address: str, hostname: str | None = None, *, zone: str | None = None, pod: str | None = None
) -> Endpoint:
    """A ready endpoint, in a topology zone and of a pod where these are given."""
    target = ObjectReference("Pod", NAMESPACE, pod, f"probe-{pod}") if pod else None
    return Endpoint((address,), _READY, hostname, zone=zone, target_ref=target)


def piece(owner: str, number: int, endpoints: Sequence[Endpoint]) -> EndpointSlice:
    """A slice of a Service, with its port."""
    name = f"{owner}-{number}"
    labels = FrozenMap({SERVICE_NAME_LABEL: owner})
    return EndpointSlice(
        ObjectMeta(name=name, namespace=NAMESPACE, labels=labels, uid=f"probe-{name}"),
        "IPv6" if ":" in endpoints[0].addresses[0] else "IPv4",
        tuple(endpoints),
        (EndpointPort(HTTP.name, 8080, HTTP.protocol),),
    )


def added(cluster: Cluster, services: Iterable[Service], slices: Iterable[EndpointSlice] = ()) -> Cluster:
    """The cluster with these besides; both families are there."""
    labels = FrozenMap({"kubernetes.io/metadata.name": NAMESPACE})
    namespace = Namespace(ObjectMeta(name=NAMESPACE, uid=f"namespace-{NAMESPACE}", labels=labels))
    return evolve(
        cluster,
        settings=evolve(
            cluster.settings,
            service_cidrs=(cluster.settings.service_cidrs[0], "fd00:10:96::/112"),
            pod_cidrs=(cluster.settings.pod_cidrs[0], "fd00:10:244::/56"),
        ),
        namespaces=(*cluster.namespaces, namespace),
        services=(*cluster.services, *services),
        endpoint_slices=(*cluster.endpoint_slices, *slices),
    )


def name_of(cluster: Cluster, name: str) -> str:
    """The full name of a Service of the namespace, or of what is below one."""
    return f"{name}.{NAMESPACE}.svc.{cluster.settings.cluster_domain}"


def seen(case: Case, cluster: Cluster, questions: Iterable[Query]) -> View:
    """What is answered about the related cluster."""
    return View(case.variant(evolve(case.example, cluster=cluster)), tuple(questions))
