# SPDX-License-Identifier: Apache-2.0
"""Which address and port leads to which port of a Service."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from reference.objects import CLUSTER_IP_NONE, Service, ServicePort
from reference.ports.defaulting import EXTERNAL_NAME, NODE_PORT_TYPES


class FrontendKind(Enum):
    """What kind of address a client connects to."""

    CLUSTER_IP = "cluster IP"
    EXTERNAL_IP = "external IP"
    LOAD_BALANCER_IP = "load balancer IP"
    NODE_PORT = "node port"


@frozen
class Frontend:
    """An address at which a Service port is reached; a node port is on every node, so has no `ip`."""

    kind: FrontendKind
    ip: str
    port: int
    protocol: str
    service_port: ServicePort


def frontends(service: Service) -> tuple[Frontend, ...]:
    """Every way to every port of a stored Service (PORT-012, TYPE-001 to TYPE-007).

    The port that a client uses is `port`, on nodes `nodePort`; the protocol never
    changes.  A headless Service and an ExternalName have none.
    """
    spec = service.spec
    if spec.type == EXTERNAL_NAME or spec.cluster_ips[:1] == (CLUSTER_IP_NONE,):
        return ()
    addresses = [
        *((FrontendKind.CLUSTER_IP, ip) for ip in spec.cluster_ips),
        *((FrontendKind.EXTERNAL_IP, ip) for ip in spec.external_ips),
        *(
            (FrontendKind.LOAD_BALANCER_IP, entry.ip)
            for entry in service.status.load_balancer.ingress
            # In mode Proxy traffic arrives addressed to a node or a pod (TYPE-010).
            if entry.ip and entry.ip_mode != "Proxy"
        ),
    ]
    found = [
        Frontend(kind, ip, port.port, port.protocol, port) for port in spec.ports for kind, ip in addresses
    ]
    found += [
        Frontend(FrontendKind.NODE_PORT, "", port.node_port, port.protocol, port)
        for port in spec.ports
        if port.node_port and spec.type in NODE_PORT_TYPES
    ]
    return tuple(found)
