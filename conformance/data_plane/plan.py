# SPDX-License-Identifier: Apache-2.0
"""Where the addresses of a cluster are, and what listens at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from attrs import field, frozen

from conformance.data_plane.addresses import canonical, family_of
from conformance.data_plane.errors import NetworkError
from reference.objects import Cluster, EndpointSlice, Service


class Place(NamedTuple):
    """Where an address is.  The outside is on no node."""

    kind: str
    node: str = ""


HOST, PODS = "host", "pods"
GUEST = "guest"
"""At a node that has the address for as long as it takes to connect from there."""
OUTSIDE = Place("outside")


class Port(NamedTuple):
    """A port that something listens on."""

    protocol: str
    number: int


class Frontend(NamedTuple):
    """An address, port and protocol that can be dialled or that an endpoint has."""

    ip: str
    port: int
    protocol: str


@frozen
class Plan:
    """What the network has to have for a cluster.  All addresses are as the kernel writes them.

    `hosts` has the addresses of each node in order.  `places` has where each address
    is, those of nodes included.  `ports` is what to listen on at every address of pods
    and outside, `host_endpoints` what to listen on at addresses of nodes.  `frontends`
    has which Service an address, port and protocol belong to.  `written` has how nodes
    and pods write an address, and `listed` how slices do.
    """

    hosts: dict[str, tuple[str, ...]] = field(factory=dict)
    places: dict[str, Place] = field(factory=dict)
    ports: frozenset[Port] = frozenset()
    host_endpoints: frozenset[Frontend] = frozenset()
    endpoints: frozenset[Frontend] = frozenset()
    frontends: dict[Frontend, tuple[str, str]] = field(factory=dict)
    written: dict[str, str] = field(factory=dict)
    listed: dict[str, str] = field(factory=dict)


def plan(cluster: Cluster, families: Sequence[str]) -> Plan:
    """What a cluster needs, of addresses of these families."""
    hosts: dict[str, tuple[str, ...]] = {}
    places: dict[str, Place] = {}
    written: dict[str, str] = {}
    listed: dict[str, str] = {}

    def usable(text: str, spellings: dict[str, str] = written) -> str | None:
        ip = canonical(text)
        if ip is None or family_of(ip) not in families:
            return None
        spellings.setdefault(ip, text)
        return ip

    for node in cluster.nodes:
        name = node.metadata.name
        # The InternalIP is what a node is known by, so it comes first.
        entries = sorted(node.status.addresses, key=lambda entry: entry.type != "InternalIP")
        found = [ip for entry in entries if (ip := usable(entry.address)) is not None]
        hosts[name] = tuple(dict.fromkeys(found))
        for ip in hosts[name]:
            other = places.setdefault(ip, Place(HOST, name)).node
            if other != name:
                raise NetworkError(
                    f"the nodes {other} and {name} both have the address {ip}",
                    where="the cluster",
                    hint="give each node addresses of its own",
                )
    for pod in cluster.pods:
        name = pod.spec.node_name
        if name not in hosts:
            continue
        for text in (pod.status.pod_ip, *(entry.ip for entry in pod.status.pod_ips)):
            ip = usable(text)
            if ip is None or ip in places:
                continue
            places[ip] = Place(HOST if pod.spec.host_network else PODS, name)
            if pod.spec.host_network:
                hosts[name] += (ip,)
    endpoints: set[Frontend] = set()
    for item in cluster.endpoint_slices:
        for endpoint in item.endpoints:
            for text in endpoint.addresses:
                ip = usable(text, listed)
                if ip is None:
                    continue
                node_name = endpoint.node_name
                places.setdefault(ip, Place(PODS, node_name) if node_name in hosts else OUTSIDE)
                endpoints.update(Frontend(ip, port.number, port.protocol) for port in _ports(item))
    frontends = {
        frontend: (service.metadata.namespace, service.metadata.name)
        for service in cluster.services
        for frontend in _frontends(service, hosts)
    }
    return Plan(
        hosts,
        places,
        frozenset(
            [
                *(Port(entry.protocol, entry.port) for entry in endpoints),
                *(
                    Port(port.protocol or "TCP", port.port)
                    for service in cluster.services
                    for port in service.spec.ports
                ),
            ]
        ),
        frozenset(entry for entry in endpoints if places[entry.ip].kind == HOST),
        frozenset(endpoints),
        frontends,
        written,
        listed,
    )


def _ports(item: EndpointSlice) -> list[Port]:
    return [Port(port.protocol or "TCP", port.port) for port in item.ports if port.port is not None]


def _frontends(service: Service, hosts: dict[str, tuple[str, ...]]) -> Iterator[Frontend]:
    texts = [
        *service.spec.cluster_ips,
        service.spec.cluster_ip,
        *service.spec.external_ips,
        *(entry.ip for entry in service.status.load_balancer.ingress),
    ]
    addresses = [ip for text in texts if (ip := canonical(text)) is not None]
    nodes = [ip for ips in hosts.values() for ip in ips]
    for port in service.spec.ports:
        protocol = port.protocol or "TCP"
        for ip in addresses:
            yield Frontend(ip, port.port, protocol)
        if port.node_port:
            for ip in nodes:
                yield Frontend(ip, port.node_port, protocol)
