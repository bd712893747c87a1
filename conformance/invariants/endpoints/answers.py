# SPDX-License-Identifier: Apache-2.0
"""The slices that an implementation answered, taken apart and put into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from attrs import define, frozen

from conformance.invariants.base import Case
from conformance.questions.endpoints import services
from reference.endpoints import endpoint_slices
from reference.endpoints.hints import has_topology_mode_auto
from reference.endpoints.membership import parse_ip
from reference.objects import (
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    NamespacedName,
    Pod,
    Service,
)

Port = tuple[str, int | None, str, str | None]
"""Name, number, protocol and appProtocol of a port; an absent name is the empty one."""


@frozen(eq=False)
class Placed:
    """An endpoint in the slice in which it was found.

    `pod` is the name in its targetRef, if there is one.
    """

    family: str
    addresses: tuple[str, ...]
    pod: str | None
    ports: frozenset[Port]
    endpoint: Endpoint

    def __str__(self) -> str:
        address = ", ".join(self.addresses) or "no address"
        return f"{address} (pod {self.pod})" if self.pod else address


@define(eq=False)
class Answered:
    """The slices of one Service: what was got and, by the reference, what was expected."""

    service: Service
    name: NamespacedName
    got: tuple[EndpointSlice, ...]
    expected: tuple[EndpointSlice, ...]
    found: list[Placed]
    wanted: list[Placed]

    @property
    def question(self) -> str:
        """The question in words."""
        return slices_of(self.name)

    def pairs(self) -> Iterator[tuple[Placed, Placed]]:
        """Wanted and found endpoints that are the same: by address, and where that is shared by pod.

        What has no partner is membership's business.
        """
        by_key: dict[tuple[str, tuple[str, ...]], list[Placed]] = {}
        for item in self.found:
            by_key.setdefault((item.family, item.addresses), []).append(item)
        shared = Counter((item.family, item.addresses) for item in self.wanted)
        for item in self.wanted:
            key = (item.family, item.addresses)
            candidates = by_key.get(key, [])
            if shared[key] == 1 == len(candidates):
                yield item, candidates[0]
                continue
            same = [other for other in candidates if other.pod == item.pod]
            if len(same) == 1:
                yield item, same[0]


def slices_of(name: NamespacedName) -> str:
    """What was asked, in words."""
    return f"the EndpointSlices of Service {name}"


def answered(case: Case) -> list[Answered]:
    """Each Service with its slices, in the order of the cluster; computed once for a case."""
    return case.memo("endpoints.answered", lambda: _answered(case))


def _answered(case: Case) -> list[Answered]:
    cluster = case.cluster
    names = services(cluster)
    if not names:
        return []
    made = []
    for service, name, got in zip(cluster.services, names, case.ask("endpoint_slices", names), strict=True):
        expected = endpoint_slices(cluster, name)
        made.append(Answered(service, name, tuple(got), expected, placed(got), placed(expected)))
    return made


def placed(slices: Iterable[EndpointSlice]) -> list[Placed]:
    """All endpoints of some slices."""
    found = []
    for item in slices:
        ports = port_set(item.ports)
        for endpoint in item.endpoints:
            reference = endpoint.target_ref
            found.append(
                Placed(
                    item.address_type,
                    canonical(endpoint.addresses),
                    reference.name if reference is not None and reference.name else None,
                    ports,
                    endpoint,
                )
            )
    return found


def canonical(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses in canonical form and order."""
    if len(addresses) == 1:
        return (parse_ip(addresses[0])[1],)
    return tuple(sorted(parse_ip(address)[1] for address in addresses))


def port_set(ports: Iterable[EndpointPort]) -> frozenset[Port]:
    """The ports of a slice without their order; absent fields read as the API reads them."""
    return frozenset(
        (port.name or "", port.port, port.protocol or "TCP", port.app_protocol) for port in ports
    )


def port_names(item: Placed) -> frozenset[str]:
    """The names of the ports with which an endpoint was found."""
    return frozenset(name for name, _, _, _ in item.ports)


def hints_of(endpoint: Endpoint) -> EndpointHints | None:
    """The hints; those that name nothing are none."""
    hints = endpoint.hints
    return hints if hints is not None and (hints.for_zones or hints.for_nodes) else None


def is_managed(service: Service) -> bool:
    """Whether a controller writes slices for the Service, read off its type and selector."""
    return (
        service.spec.type != "ExternalName"
        and bool(service.spec.selector)
        and service.metadata.deletion_timestamp is None
    )


def pods_by_name(case: Case) -> dict[tuple[str, str], Pod]:
    """The pods of the cluster by namespace and name."""
    return case.memo(
        "endpoints.pods",
        lambda: {(pod.metadata.namespace, pod.metadata.name): pod for pod in case.cluster.pods},
    )


def ips_of(pod: Pod) -> list[str]:
    """The addresses of a pod in canonical form."""
    return [parse_ip(entry.ip)[1] for entry in pod.status.pod_ips]


# -- what slices say, without how they are packed --------------------------------


@frozen
class Said:
    """What slices say of one endpoint, in the form in which related answers are compared."""

    family: str
    addresses: tuple[str, ...]
    pod: str | None
    ports: frozenset[Port]
    conditions: EndpointConditions
    hostname: str | None
    node_name: str | None
    zone: str | None
    hints: EndpointHints | None

    def __str__(self) -> str:
        where = f" on {self.node_name or '-'} in {self.zone or '-'}"
        host = f" host name {self.hostname}" if self.hostname else ""
        return (
            f"{', '.join(self.addresses)} (pod {self.pod or '-'}){where}{host}, "
            f"{words(self.conditions)}, ports {ports_text(self.ports)}, {hints_text(self.hints)}"
        )


def said(slices: Iterable[EndpointSlice], *, of: Service) -> Counter[Said]:
    """What the slices of a Service say, each endpoint as often as it occurs.

    Hints by the topology-mode annotation are left out: which endpoints get them
    is up to the controller, and depends on all others.
    """
    with_hints = not has_topology_mode_auto(of)
    return Counter(_say(item, with_hints=with_hints) for item in placed(slices))


def _say(item: Placed, *, with_hints: bool) -> Said:
    endpoint = item.endpoint
    return Said(
        item.family,
        item.addresses,
        item.pod,
        item.ports,
        endpoint.conditions,
        endpoint.hostname or None,
        endpoint.node_name or None,
        endpoint.zone or None,
        hints_of(endpoint) if with_hints else None,
    )


# -- words ------------------------------------------------------------------------


def words(conditions: EndpointConditions) -> str:
    """Conditions in words."""
    return " ".join(
        f"{name}={'unset' if value is None else str(value).lower()}"
        for name, value in (
            ("ready", conditions.ready),
            ("serving", conditions.serving),
            ("terminating", conditions.terminating),
        )
    )


def ports_text(ports: frozenset[Port]) -> str:
    """Ports in words, in order."""
    texts = sorted(
        f"{name or 'unnamed'}:{number}/{protocol}" + (f" ({app})" if app else "")
        for name, number, protocol, app in ports
    )
    return ", ".join(texts) or "none"


def hints_text(hints: EndpointHints | None) -> str:
    """Hints in words."""
    if hints is None:
        return "no hints"
    zones = ", ".join(entry.name for entry in hints.for_zones) or "-"
    nodes = ", ".join(entry.name for entry in hints.for_nodes) or "-"
    return f"hints for zones {zones} and nodes {nodes}"


def endpoints_text(items: Iterable[object]) -> str:
    """Endpoints in words, in order."""
    return "; ".join(sorted(map(str, items))) or "no endpoints"
