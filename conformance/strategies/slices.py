# SPDX-License-Identifier: Apache-2.0
"""Hand-written EndpointSlices: endpoints in every combination of conditions, None included."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.strategies import pools
from conformance.strategies.addresses import IPV4, IPV6, ONE_STACK, pod_ip
from reference.frozenmap import FrozenMap
from reference.objects import (
    CLUSTER_IP_NONE,
    HEADLESS_LABEL,
    SERVICE_NAME_LABEL,
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    ForNode,
    ForZone,
    ObjectMeta,
    Service,
)

CONDITIONS = (
    EndpointConditions(True, True, False),
    EndpointConditions(None, None, None),
    EndpointConditions(False, True, True),
    EndpointConditions(False, False, False),
    EndpointConditions(False, None, True),
    EndpointConditions(True, True, True),
    EndpointConditions(False, False, True),
    EndpointConditions(False, True, False),
    EndpointConditions(False, None, None),
    EndpointConditions(True, None, None),
)

_HINTS = (
    None,
    EndpointHints(for_zones=(ForZone("zone-a"),)),
    EndpointHints(for_zones=(ForZone("zone-b"), ForZone("zone-a"))),
    EndpointHints(for_zones=(ForZone("zone-b"),), for_nodes=(ForNode("node-b"),)),
)

_ENDPOINTS = pools.choices(CONDITIONS, (0, 1, None, 2), _HINTS, (None, "host-1", "host-2"))

_NUMBERS = {fields: number for number, fields in enumerate(_ENDPOINTS)}

_PORTS = ("same", "number", "two", "wrong name", "wrong protocol", "none")
_SLICES = pools.choices(_PORTS, (False, True), (False,))
# Of the family that is not the Service's primary one, where the cluster has two.
_SLICES_OF_TWO_FAMILIES = pools.choices(_PORTS, (False, True), (False, True))

Choice = tuple[tuple[Any, ...], list[tuple[Any, ...]]]


def slice_choices(*, max_endpoints: int, dual_stack: bool = False) -> st.SearchStrategy[Choice]:
    """What makes a slice: its ports, and one choice for each endpoint.

    `dual_stack` is for clusters that may have two families.
    """
    pieces = _SLICES_OF_TWO_FAMILIES if dual_stack else _SLICES
    return st.tuples(
        st.sampled_from(pieces), st.lists(pools.evenly(_ENDPOINTS), min_size=1, max_size=max_endpoints)
    )


def build(
    index: int, choice: Choice, *, service: Service, nodes: int, families: tuple[str, ...] = ONE_STACK
) -> EndpointSlice:
    """The slice at `index`, written by hand for `service`."""
    (ports, headless, other), endpoints = choice
    family = service.spec.ip_families[0]
    if other and len(families) > 1:
        # A family that the Service may well lack: such a slice counts for nothing.
        family = IPV6 if family == IPV4 else IPV4
    labels = {SERVICE_NAME_LABEL: service.metadata.name}
    if headless and index % 2:
        labels[HEADLESS_LABEL] = ""
    return EndpointSlice(
        metadata=ObjectMeta(
            name=f"{service.metadata.name}-by-hand-{index}",
            namespace=service.metadata.namespace,
            uid=f"slice-{index}",
            labels=FrozenMap(labels),
            creation_timestamp=1,
        ),
        address_type=family,
        endpoints=tuple(
            _endpoint(
                place,
                fields,
                nodes=nodes,
                headless=service.spec.cluster_ip == CLUSTER_IP_NONE,
                family=family,
            )
            for place, fields in enumerate(endpoints)
        ),
        ports=_ports(ports, service),
    )


def _endpoint(place: int, fields: tuple[Any, ...], *, nodes: int, headless: bool, family: str) -> Endpoint:
    """Some have a second address, which no proxy uses (RT-005); whether a name has it is left open."""
    conditions, node, hints, hostname = fields
    on_node = None if node is None else node % nodes
    subnet, number = _address(on_node, place, fields)
    address = pod_ip(subnet, number, family)
    second = pod_ip(subnet, _BEYOND + place, family)
    return Endpoint(
        addresses=(address,) if headless or _NUMBERS[fields] % 3 else (address, second),
        conditions=conditions,
        hostname=hostname,
        node_name=None if on_node is None else pools.NODE_NAMES[on_node],
        hints=hints,
    )


_BEYOND = 251
"""From here on the last part is that of no first address."""


def _address(node: int | None, place: int, fields: tuple[Any, ...]) -> tuple[int, int]:
    """The subnet and the number in it.

    It follows from the place in the list and from all that is said of the endpoint.

    So slices of one Service overlap, as they do while endpoints move between
    slices, and copies of one endpoint never contradict each other: which of them
    would win is not specified (RT-007).
    """
    number = place * len(_ENDPOINTS) + _NUMBERS[fields]
    return 10 + 40 * (3 if node is None else node) + number // 250, number % 250 + 1


def _ports(kind: str, service: Service) -> tuple[EndpointPort, ...]:
    ports = tuple(
        EndpointPort(
            port.name, 8000 + place if isinstance(port.target_port, str) else port.target_port, port.protocol
        )
        for place, port in enumerate(service.spec.ports)
    )
    if not ports or kind == "none":
        return ()
    first = ports[0]
    if kind == "number":
        return (EndpointPort(first.name, 9376, first.protocol), *ports[1:])
    if kind == "two":
        return (*ports, EndpointPort("another", 9377, "TCP"))
    if kind == "wrong name":
        return (EndpointPort("wrong", first.port, first.protocol), *ports[1:])
    if kind == "wrong protocol":
        return (EndpointPort(first.name, first.port, "UDP" if first.protocol == "TCP" else "TCP"), *ports[1:])
    return ports
