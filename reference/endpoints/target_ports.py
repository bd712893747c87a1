# SPDX-License-Identifier: Apache-2.0
"""Which port numbers a pod offers for the ports of a Service."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain

from reference.objects import EndpointPort, Pod, Service, ServicePort

DEFAULT_PROTOCOL = "TCP"


def slice_ports(service: Service, pod: Pod) -> tuple[EndpointPort, ...]:
    """The ports of the slice in which the pod is, in the order of the Service's.

    A port that does not resolve is left out, and the pod stays an endpoint
    (PORT-008, PORT-009); without any port in the Service there is none (PORT-020).
    """
    return tuple(
        _slice_port(port.name, number, port.protocol or DEFAULT_PROTOCOL, port.app_protocol)
        for port in service.spec.ports
        if (number := target_number(port, pod)) is not None
    )


def target_number(port: ServicePort, pod: Pod) -> int | None:
    """The number of a Service port at one pod.

    A number is used verbatim, whether or not the pod declares it (PORT-003,
    PORT-024); an absent, zero or empty targetPort is the port itself (PORT-002);
    a name is looked up in this pod (PORT-004).
    """
    target = port.target_port
    if not target:
        return port.port
    if isinstance(target, int):
        return target
    return named_port(pod, target, port.protocol or DEFAULT_PROTOCOL)


def named_port(pod: Pod, name: str, protocol: str) -> int | None:
    """The container port of that name and protocol: the first of the containers', then of the sidecars'.

    Ordinary init containers never count (PORT-005); the same name with another
    protocol is no match (PORT-006).
    """
    sidecars = (item for item in pod.spec.init_containers if item.restart_policy == "Always")
    for container in chain(pod.spec.containers, sidecars):
        for port in container.ports:
            if port.name == name and (port.protocol or DEFAULT_PROTOCOL) == protocol:
                return port.container_port
    return None


@lru_cache(maxsize=4096)
def _slice_port(name: str, number: int, protocol: str, app_protocol: str | None) -> EndpointPort:
    """The Service port's name, protocol and appProtocol with the resolved number (PORT-010, PORT-019)."""
    return EndpointPort(name=name, port=number, protocol=protocol, app_protocol=app_protocol)
