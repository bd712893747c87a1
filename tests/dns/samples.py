# SPDX-License-Identifier: Apache-2.0
"""A cluster with one Service of each kind, and short ways to ask it."""

from __future__ import annotations

from reference.dns import PodRecords, compile
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
    Pod,
    PodDNSConfig,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Answer, Query

Z = "cluster.local"
HTTP = ServicePort(80, "http", "TCP", 8080)


def service(name: str, ip: str, *more: str, ports: tuple[ServicePort, ...] = (HTTP,)) -> Service:
    """A Service with cluster IPs in the namespace `n`; `None` makes it headless."""
    return Service(
        ObjectMeta(name=name, namespace="n"),
        ServiceSpec(type="ClusterIP", ports=ports, cluster_ip=ip, cluster_ips=(ip, *more)),
    )


def external(name: str, target: str) -> Service:
    """An ExternalName Service in the namespace `n`, with a port that means nothing."""
    spec = ServiceSpec(type="ExternalName", external_name=target, ports=(HTTP,))
    return Service(ObjectMeta(name=name, namespace="n"), spec)


def endpoint(address: str, *, ready: bool | None = True, hostname: str | None = None) -> Endpoint:
    """An endpoint."""
    return Endpoint((address,), EndpointConditions(ready, True, False), hostname)


def piece(
    owner: str,
    *endpoints: Endpoint,
    suffix: str = "1",
    ports: tuple[EndpointPort, ...] = (EndpointPort("http", 8080, "TCP"),),
) -> EndpointSlice:
    """A slice of a Service in the namespace `n`."""
    family = "IPv6" if any(":" in each.addresses[0] for each in endpoints) else "IPv4"
    meta = ObjectMeta(name=f"{owner}-{suffix}", namespace="n", labels=FrozenMap({SERVICE_NAME_LABEL: owner}))
    return EndpointSlice(meta, family, endpoints, ports)


def pod(
    *,
    policy: str = "ClusterFirst",
    host_network: bool = False,
    config: PodDNSConfig | None = None,
    name: str = "p",
) -> Pod:
    """A pod in the namespace `n`."""
    spec = PodSpec(host_network=host_network, dns_policy=policy, dns_config=config)
    return Pod(ObjectMeta(name=name, namespace="n"), spec, PodStatus(phase="Running", pod_ip="10.244.0.9"))


CLUSTER = Cluster(
    namespaces=tuple(Namespace(ObjectMeta(name=name)) for name in ("n", "empty")),
    services=(
        service("web", "10.96.0.1"),
        service("six", "fd00::1"),
        service("dual", "10.96.0.3", "fd00::3"),
        service("unnamed", "10.96.0.4", ports=(ServicePort(81, "", "TCP", 81),)),
        service("cassandra", "None", ports=(ServicePort(9042, "cql", "TCP", 9042),)),
        service("hollow", "None"),
        service("only-six", "None"),
        external("my-database", "my.database.example.com"),
        external("alias", f"web.n.svc.{Z}."),
        external("dangling", f"gone.n.svc.{Z}"),
        external("address", "192.0.2.80"),
        external("loop", f"loop.n.svc.{Z}"),
    ),
    endpoint_slices=(
        piece("web", endpoint("10.244.0.2"), endpoint("10.244.0.3", ready=False)),
        piece(
            "cassandra",
            endpoint("10.244.1.1", hostname="cassandra-0"),
            endpoint("10.244.1.2", hostname="cassandra-1"),
            endpoint("10.244.1.3", hostname="cassandra-2", ready=False),
            ports=(EndpointPort("cql", 9042, "TCP"),),
        ),
        piece(
            "cassandra",
            endpoint("10.244.1.4", ready=None),
            suffix="2",
            ports=(EndpointPort("cql", 9999, "TCP"),),
        ),
        piece("hollow", endpoint("10.244.2.1", ready=False)),
        piece("only-six", endpoint("fd01::6666:0")),
    ),
    pods=(pod(),),
)


def ask(
    name: str, kind: str = "A", *, cluster: Cluster = CLUSTER, pods: PodRecords = PodRecords.DISABLED
) -> Answer:
    """The answer to a query for a name below the zone; `@` is the zone itself."""
    full = Z if name == "@" else f"{name}.{Z}"
    return compile(cluster).resolve(Query(full, kind), pods=pods)


def data(answer: Answer) -> list[str]:
    """The data of an answer's records in order."""
    return sorted(record.data for record in answer.records)
