# SPDX-License-Identifier: Apache-2.0
"""The settings of the cluster that a manifest was taken from, as far as its objects show them.

Nobody writes the service CIDR into a manifest, but the cluster IPs of a dump lie
in it; so where they lie outside the usual one, the cluster has another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from attrs import evolve

from reference.objects import CLUSTER_IP_NONE, ClusterSettings, Node, Pod, Service

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The longest prefix that is assumed, and the shortest: addresses that have less
# in common were not given out by one cluster.
_LONGEST = {4: 16, 6: 112}
_SHORTEST = {4: 8, 6: 48}


def infer_settings(
    services: Sequence[Service], pods: Sequence[Pod], nodes: Sequence[Node]
) -> ClusterSettings:
    """The default settings, changed where the objects show that they cannot hold."""
    usual = ClusterSettings()
    cluster_ips = _parsed(
        ip for service in services for ip in service.spec.cluster_ips or (service.spec.cluster_ip,)
    )
    service_cidrs = _covering(usual.service_cidrs, cluster_ips)
    pod_ips = _parsed(pod_ip.ip for pod in pods if not pod.spec.host_network for pod_ip in pod.status.pod_ips)
    node_cidrs = [cidr for node in nodes for cidr in node.spec.pod_cidrs or (node.spec.pod_cidr,) if cidr]
    pod_ips += [network.network_address for cidr in node_cidrs if (network := _network(cidr)) is not None]
    settings = evolve(usual, service_cidrs=service_cidrs, pod_cidrs=_covering(usual.pod_cidrs, pod_ips))
    return evolve(settings, cluster_dns=_cluster_dns(services, settings))


def _cluster_dns(services: Iterable[Service], settings: ClusterSettings) -> tuple[str, ...]:
    """The Service `kube-dns`, else the tenth address of the service CIDR, as installers have it."""
    for service in services:
        metadata = service.metadata
        if (metadata.namespace, metadata.name) == ("kube-system", "kube-dns") and service.spec.cluster_ip:
            return service.spec.cluster_ips or (service.spec.cluster_ip,)
    return tuple(str(ip_network(cidr)[10]) for cidr in settings.service_cidrs[:1])


def _parsed(texts: Iterable[str]) -> list[Ip]:
    """Those of `texts` that are addresses; the others are refused elsewhere, with their place."""
    found: list[Ip] = []
    for text in texts:
        if not text or text == CLUSTER_IP_NONE:
            continue
        try:
            found.append(ip_address(text))
        except ValueError:
            continue
    return found


def _network(cidr: str) -> Network | None:
    try:
        return ip_network(cidr, strict=False)
    except ValueError:
        return None


def _covering(usual: tuple[str, ...], ips: Sequence[Ip]) -> tuple[str, ...]:
    """The usual CIDRs where they hold every address; else for each family one that does."""
    networks = [ip_network(cidr) for cidr in usual]
    if all(any(ip in network for network in networks) for ip in ips):
        return usual
    versions = list(dict.fromkeys(ip.version for ip in ips))
    return tuple(_around(usual, [ip for ip in ips if ip.version == version], version) for version in versions)


def _around(usual: tuple[str, ...], ips: Sequence[Ip], version: int) -> str:
    for cidr in usual:
        network = ip_network(cidr)
        if network.version == version and all(ip in network for ip in ips):
            return cidr
    length = _LONGEST[version]
    network = ip_network(f"{ips[0]}/{length}", strict=False)
    while not all(ip in network for ip in ips) and network.prefixlen > _SHORTEST[version]:
        network = network.supernet()
    return str(network)
