# SPDX-License-Identifier: Apache-2.0
"""Which row a wrong port of a slice breaks."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.invariants.endpoints.answers import Answered, Placed, port_names
from reference.objects import CLUSTER_IP_NONE, Pod, Service, ServicePort


def missing_port_rule(ports: Sequence[ServicePort], missing: Placed, found: Sequence[Placed]) -> str:
    """The row that an endpoint would break which is missing for its ports; EP-001 if there is none."""
    if not ports:
        return "PORT-020"
    if not missing.ports:
        return "PORT-009"
    if len(missing.ports) < len(ports):
        return "PORT-008"
    alike = [entry for entry in found if entry.family == missing.family]
    others = [entry for entry in alike if port_names(entry) == port_names(missing)]
    return "PORT-007" if others and all(entry.ports != missing.ports for entry in others) else "EP-001"


def sharing_rule(item: Answered, pod: Pod, wanted: Placed, found: Placed) -> str | None:
    """The row that is broken where the wrong ports are those of other pods in the same slice; else None.

    What the pod itself declares is never blamed on others.
    """
    declared = {
        entry.container_port
        for container in (*pod.spec.containers, *pod.spec.init_containers)
        for entry in container.ports
    }
    wrong = {number for _, number, _, _ in found.ports - wanted.ports}
    sharing = [
        other
        for other, seen in item.pairs()
        if seen.ports == found.ports == other.ports and other.family == wanted.family
    ]
    if wrong & declared or not sharing:
        return None
    # Which part of the key was forgotten: all of it, or the numbers.
    same_names = port_names(sharing[0]) == port_names(wanted)
    return "SLICE-004" if same_names else "SLICE-003"


def port_rule(service: Service, pod: Pod, wanted: Placed, found: Placed) -> str:
    """The row that the first Service port with a wrong entry in the slice breaks."""
    ports = service.spec.ports
    if not ports:
        return "PORT-020"
    for port in ports:
        expected = [entry for entry in wanted.ports if entry[0] == port.name]
        got = [entry for entry in found.ports if entry[0] == port.name]
        if expected == got:
            continue
        if not expected:
            return _unresolved_rule(port, pod, wanted)
        if not got or got[0][2] != expected[0][2]:
            if not got and any(entry[1] == expected[0][1] for entry in wanted.ports - {expected[0]}):
                return "PORT-016"
            return "PORT-005" if _only_in_sidecar(port, pod) else "PORT-010"
        if got[0][1] != expected[0][1]:
            if service.spec.cluster_ip == CLUSTER_IP_NONE and got[0][1] == port.port:
                return "PORT-021"
            return _number_rule(port, pod)
        return "PORT-019"
    return "PORT-010"


def _unresolved_rule(port: ServicePort, pod: Pod, wanted: Placed) -> str:
    declared = [entry for container in pod.spec.containers for entry in container.ports]
    if any(entry.name == port.target_port for entry in declared):
        return "PORT-006"
    if any(entry.name == port.target_port for init in pod.spec.init_containers for entry in init.ports):
        return "PORT-005"
    return "PORT-008" if wanted.ports else "PORT-009"


def _only_in_sidecar(port: ServicePort, pod: Pod) -> bool:
    return isinstance(port.target_port, str) and not any(
        entry.name == port.target_port for container in pod.spec.containers for entry in container.ports
    )


def _number_rule(port: ServicePort, pod: Pod) -> str:
    if not isinstance(port.target_port, str):
        return "PORT-003"
    if _only_in_sidecar(port, pod):
        return "PORT-005"
    named = [
        entry.protocol or "TCP"
        for container in pod.spec.containers
        for entry in container.ports
        if entry.name == port.target_port
    ]
    return "PORT-006" if len(set(named)) > 1 else "PORT-005" if len(named) > 1 else "PORT-004"
