# SPDX-License-Identifier: Apache-2.0
"""Which legacy Endpoints objects the API server refuses to store.

Source: kubernetes `pkg/apis/core/validation/validation.go` `ValidateEndpoints`,
`validateEndpointSubsets`; `pkg/apis/core/v1/defaults.go` `SetDefaults_Endpoints`.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from reference.objects import EndpointAddress, Endpoints, EndpointSubset, SubsetPort
from reference.ports.admission import PROTOCOLS, is_port_number
from reference.ports.endpoint_addresses import legacy_address_violations
from reference.ports.metadata import is_key, label_violations, subdomain_violations
from reference.ports.rejections import Violation, beside
from reference.syntax import is_dns1123_label, is_dns1123_subdomain


def subset_violations(item: Endpoints, old: Endpoints | None) -> tuple[Violation, ...]:
    """The rules that an Endpoints object breaks; `old` is what is stored under its name.

    Subsets that an update leaves as they are may keep to older rules (VAL-074).
    """
    subsets = tuple(
        violation
        for index, subset in enumerate(item.subsets)
        for violation in _violations(f"subsets[{index}]", subset)
    )
    unchanged = old is not None and _with_defaults(old) == _with_defaults(item)
    return (
        *subdomain_violations(item.metadata),
        *label_violations(item.metadata),
        *(beside(subsets) if unchanged else subsets),
    )


def _with_defaults(item: Endpoints) -> tuple[EndpointSubset, ...]:
    """The subsets, a protocol that is left out being TCP (VAL-079)."""
    return tuple(
        evolve(subset, ports=tuple(evolve(port, protocol=port.protocol or "TCP") for port in subset.ports))
        for subset in item.subsets
    )


def _violations(path: str, subset: EndpointSubset) -> Iterator[Violation]:
    """A subset has an address, be it ready or not; several ports have names (VAL-079)."""
    if not subset.addresses and not subset.not_ready_addresses:
        yield Violation(path, "Required", "VAL-079")
    for kind, addresses in (
        ("addresses", subset.addresses),
        ("notReadyAddresses", subset.not_ready_addresses),
    ):
        for index, address in enumerate(addresses):
            yield from _address_violations(f"{path}.{kind}[{index}]", address)
    for index, port in enumerate(subset.ports):
        yield from _port_violations(f"{path}.ports[{index}]", port, several=len(subset.ports) > 1)


def _address_violations(path: str, address: EndpointAddress) -> Iterator[Violation]:
    """The address, its hostname and its node (VAL-077, VAL-081)."""
    yield from legacy_address_violations(address.ip, f"{path}.ip")
    if address.hostname and not is_dns1123_label(address.hostname):
        yield Violation(f"{path}.hostname", "Invalid", "VAL-081")
    if address.node_name is not None and not is_dns1123_subdomain(address.node_name):
        yield Violation(f"{path}.nodeName", "Invalid", "VAL-081")


def _port_violations(path: str, port: SubsetPort, *, several: bool) -> Iterator[Violation]:
    """Name, number, protocol and application protocol of a port (VAL-079)."""
    if not port.name and several:
        yield Violation(f"{path}.name", "Required", "VAL-079")
    elif port.name and not is_dns1123_label(port.name):
        yield Violation(f"{path}.name", "Invalid", "VAL-079")
    if not is_port_number(port.port):
        yield Violation(f"{path}.port", "Invalid", "VAL-079")
    if port.protocol and port.protocol not in PROTOCOLS:
        yield Violation(f"{path}.protocol", "NotSupported", "VAL-079")
    if port.app_protocol is not None and not is_key(port.app_protocol):
        yield Violation(f"{path}.appProtocol", "Invalid", "VAL-079")
