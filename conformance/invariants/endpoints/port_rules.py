# SPDX-License-Identifier: Apache-2.0
"""Which row a wrong port of a slice breaks."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.invariants.endpoints.answers import Placed
from reference.objects import Pod, ServicePort


def port_rule(ports: Sequence[ServicePort], pod: Pod, wanted: Placed, found: Placed) -> str:
    """The row that the first Service port with a wrong entry in the slice breaks."""
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
            return "PORT-005" if _only_in_sidecar(port, pod) else "PORT-010"
        if got[0][1] != expected[0][1]:
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
