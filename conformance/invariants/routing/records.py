# SPDX-License-Identifier: Apache-2.0
"""Affinity records outlive a batch: where clients are compared, theirs have to be new.

A kernel keeps the record of a client between batches, clusters and updates for as long
as its time-out.  An old record may have been made when other endpoints were eligible,
so that clients are no longer spread evenly.  Who compares many clients asks for a
Service that nobody has connected to: under a name and at cluster IPs of its own.
"""

from __future__ import annotations

from ipaddress import ip_address
from zlib import crc32

from attrs import evolve

from conformance.invariants.base import Case
from conformance.invariants.routing.asked import Served, ask
from reference.frozenmap import FrozenMap
from reference.objects import SERVICE_NAME_LABEL, Cluster, EndpointSlice, Service
from reference.questions import Flow
from reference.routing.addresses import IPV4, family_of

_NETS = {IPV4: "10.96.128.0", "IPv6": "fd00:10:96::8000"}
"""From here on cluster IPs are those of renewed Services."""


def renewed(cluster: Cluster, service: Service) -> Cluster:
    """The cluster in which a Service has a name and cluster IPs that follow from the whole cluster."""
    meta, spec = service.metadata, service.spec
    number = crc32(f"{meta.namespace}/{meta.name} {cluster!r}".encode())
    name = f"{meta.name}-{number:08x}"
    ips = tuple(_cluster_ip(ip, number) for ip in spec.cluster_ips)
    new = evolve(
        service,
        metadata=evolve(meta, name=name, uid=f"{meta.uid}-{number:08x}"),
        spec=evolve(spec, cluster_ip=ips[0], cluster_ips=ips),
    )

    def handed_on(item: EndpointSlice) -> EndpointSlice:
        own = item.metadata
        if (own.namespace, own.labels.get(SERVICE_NAME_LABEL)) != (meta.namespace, meta.name):
            return item
        labels = own.labels | FrozenMap({SERVICE_NAME_LABEL: name})
        renamed = f"{own.name}-{number:08x}"
        return evolve(item, metadata=evolve(own, name=renamed, uid=f"{own.uid}-{number:08x}", labels=labels))

    return evolve(
        cluster,
        services=tuple(new if each is service else each for each in cluster.services),
        endpoint_slices=tuple(map(handed_on, cluster.endpoint_slices)),
    )


def _cluster_ip(ip: str, number: int) -> str:
    """One of some thirty thousand, of the family of `ip`."""
    return str(ip_address(_NETS[family_of(ip)]) + number % 0x7F00)


def renewed_case(case: Case, service: Service) -> Case:
    """The case in which a Service is new; an implementation comes to it as to any other cluster."""
    key = ("renewed", service.metadata.namespace, service.metadata.name)
    found: Case = case.memo(
        key, lambda: case.variant(evolve(case.example, cluster=renewed(case.cluster, service)))
    )
    # What is counted is counted for the invariant that is judged at the moment.
    found.tally = case.tally
    return found


def flow_in(case: Case, related: Case, flow: Flow) -> Flow:
    """The flow of a case to the same address of the Service in the renewed one."""
    ips = {
        old: new
        for before, after in zip(case.cluster.services, related.cluster.services, strict=True)
        for old, new in zip(before.spec.cluster_ips, after.spec.cluster_ips, strict=True)
    }
    return evolve(flow, ip=ips.get(flow.ip, flow.ip))


def renew(case: Case, item: Served, *others: Served) -> tuple[Case, list[Served]]:
    """The case in which the Service of `item` is new, and the flows there."""
    related = renewed_case(case, item.match.service)
    flows = [flow_in(case, related, each.flow) for each in (item, *others)]
    return related, [each for each in ask(related, flows) if isinstance(each, Served)]
