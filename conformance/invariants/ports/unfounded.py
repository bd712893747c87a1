# SPDX-License-Identifier: Apache-2.0
"""Which requirement an API server breaks that refuses what it has to take: by the field it names."""

from __future__ import annotations

from collections.abc import Callable

from reference.objects import Service
from reference.ports.defaulting import CLUSTER_IP, EXTERNAL_NAME
from reference.questions import Cause


def _is_external_name(service: Service) -> bool:
    return service.spec.type == EXTERNAL_NAME


def _is_headless(service: Service) -> bool:
    return service.spec.type in ("", CLUSTER_IP) and service.spec.cluster_ip == "None"


def _has_client_ip(service: Service) -> bool:
    return service.spec.session_affinity == "ClientIP"


def _has_affinity_none(service: Service) -> bool:
    return service.spec.session_affinity in ("", "None")


def _has_numbers_that_repeat(service: Service) -> bool:
    numbers = [port.port for port in service.spec.ports]
    return len(set(numbers)) < len(numbers)


def _asks_for_several_numbers(service: Service) -> bool:
    asked = {port.node_port for port in service.spec.ports if port.node_port}
    return _has_numbers_that_repeat(service) and len(asked) > 1


def _always(_: Service) -> bool:
    return True


_Rule = tuple[str, str, Callable[[Service], bool]]

_OF_PORTS: tuple[_Rule, ...] = (
    ("nodePort", "VAL-020", _is_external_name),
    ("nodePort", "ALLOC-013", _asks_for_several_numbers),
    ("nodePort", "ALLOC-012", _has_numbers_that_repeat),
    ("nodePort", "ALLOC-009", _always),
    ("", "VAL-021", lambda service: len(service.spec.ports) > 100),
    ("", "PORT-022", _is_external_name),
    ("ports", "PORT-020", _is_headless),
    ("port", "PORT-013", _always),
    ("protocol", "PORT-001", _always),
    ("targetPort", "PORT-017", _always),
    ("name", "PORT-014", lambda service: len(service.spec.ports) == 1 and not service.spec.ports[0].name),
    ("name", "PORT-017", _always),
    ("appProtocol", "PORT-019", _always),
    ("", "PORT-015", _always),
)
"""The last word of a path under `spec.ports`, the requirement, and for which Services; first match."""

_OF_FIELDS: tuple[_Rule, ...] = (
    ("metadata.name", "VAL-001", _always),
    ("metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]", "VAL-058", _always),
    ("metadata.annotations[service.kubernetes.io/topology-mode]", "VAL-006", _always),
    ("metadata.", "VAL-005", _always),
    ("spec.type", "VAL-022", _always),
    ("spec.externalName", "VAL-029", _is_external_name),
    ("spec.externalName", "VAL-030", _always),
    ("spec.selector", "VAL-031", _always),
    ("spec.sessionAffinity", "VAL-034", _has_client_ip),
    ("spec.sessionAffinityConfig", "VAL-035", _has_affinity_none),
    ("spec.sessionAffinity", "VAL-032", _always),
    ("spec.clusterIP", "ALLOC-029", _always),
    ("spec.ipFamil", "ALLOC-039", _always),
    ("spec.externalIPs", "TYPE-008", lambda service: _is_headless(service) or _is_external_name(service)),
    ("spec.externalIPs", "VAL-054", _always),
    ("spec.LoadBalancer", "VAL-057", _always),
    ("spec.loadBalancerIP", "VAL-063", _always),
    ("spec.loadBalancerClass", "VAL-061", _always),
    ("spec.allocateLoadBalancerNodePorts", "VAL-059", _always),
    ("spec.externalTrafficPolicy", "VAL-064", _always),
    ("spec.healthCheckNodePort", "VAL-066", _always),
    ("spec.internalTrafficPolicy", "VAL-068", _always),
    ("spec.trafficDistribution", "VAL-069", _always),
)
"""The start of a path, the requirement, and for which Services; first match."""

_OF_UPDATES: tuple[tuple[str, str], ...] = (
    ("spec.clusterIP", "ALLOC-033"),
    ("spec.healthCheckNodePort", "ALLOC-023"),
    ("spec.loadBalancerClass", "TYPE-018"),
    ("spec.allocateLoadBalancerNodePorts", "TYPE-018"),
    ("spec.externalTrafficPolicy", "TYPE-021"),
    ("spec.selector", "SEL-012"),
    ("spec.sessionAffinity", "TYPE-024"),
    ("spec.internalTrafficPolicy", "TYPE-024"),
    ("spec.trafficDistribution", "TYPE-024"),
    ("spec.externalIPs", "TYPE-024"),
    ("spec.publishNotReadyAddresses", "TYPE-024"),
)
"""The start of a path, and the row that says why an update is not refused there."""
ROWS_OF_UPDATES = tuple(dict.fromkeys((*(row for _, row in _OF_UPDATES), "TYPE-013", "TYPE-020")))


def unfounded(service: Service, causes: tuple[Cause, ...]) -> str | None:
    """The requirement that is broken by refusing the creation of `service` for these causes."""
    for cause in causes:
        if cause.field.startswith("spec.ports"):
            word = cause.field.rpartition(".")[2].partition("[")[0]
            return next(row for name, row, applies in _OF_PORTS if name in ("", word) and applies(service))
        for path, row, applies in _OF_FIELDS:
            if cause.field.startswith(path) and applies(service):
                return row
    return None


def unfounded_update(causes: tuple[Cause, ...]) -> str:
    """The requirement that is broken by refusing an update for these causes."""
    for cause in causes:
        if cause.field.endswith(".nodePort"):
            return "TYPE-020"
        for path, row in _OF_UPDATES:
            if cause.field.startswith(path):
                return row
    return "TYPE-013"
