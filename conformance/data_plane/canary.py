# SPDX-License-Identifier: Apache-2.0
"""How to know that a program has brought a state into the kernel.

The last Service of its stream, and the last slice of its own, are those of a canary: a
load balancer with external policy Local, so that every node answers health checks for
it.  A proxy opens and counts those only after it has programmed the kernel, so an answer
in the canary's name that counts its endpoint says that all before it is in place.  Each
state has a canary of another name at another port, and of each family its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from conformance.data_plane.program import Look, Plain
from reference.objects import SERVICE_NAME_LABEL, Node
from reference.questions import HealthCheck, HealthCheckAnswer
from reference.routing.addresses import IPV4, IPV6, family_of

NAMESPACE = "kube-service-conformance"
_FIRST_PORT = 20000
_PORTS = 4000
"""Below the node ports, and below what the kernel gives out itself."""
# Ranges for protocol assignments and for what is thrown away: in no cluster.
_CLUSTER_IPS = {IPV4: "192.0.0.170", IPV6: "100::aa"}
_VIPS = {IPV4: "192.0.0.171", IPV6: "100::ab"}
_ENDPOINTS = {IPV4: "192.0.0.{}", IPV6: "100::1:{}"}


@frozen
class Canary:
    """The canary of one state and one family; it has an endpoint on each of `nodes`."""

    number: int
    family: str
    nodes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the Service and of its slice."""
        return f"canary-{self.family.lower()}-{self.number}"

    @property
    def part(self) -> str:
        """It tells of one family."""
        return self.family

    @property
    def port(self) -> int:
        """The health check node port."""
        offset = 0 if self.family == IPV4 else _PORTS
        return _FIRST_PORT + offset + self.number % _PORTS

    @property
    def service(self) -> Plain:
        """The Service as it is served."""
        ip = _CLUSTER_IPS[self.family]
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self.name, "namespace": NAMESPACE},
            "spec": {
                "type": "LoadBalancer",
                "ports": [{"name": "", "protocol": "TCP", "port": 1, "targetPort": 1}],
                "clusterIP": ip,
                "clusterIPs": [ip],
                "ipFamilies": [self.family],
                "ipFamilyPolicy": "SingleStack",
                "externalTrafficPolicy": "Local",
                "internalTrafficPolicy": "Cluster",
                "sessionAffinity": "None",
                "allocateLoadBalancerNodePorts": False,
                "healthCheckNodePort": self.port,
            },
            "status": {"loadBalancer": {"ingress": [{"ip": _VIPS[self.family], "ipMode": "VIP"}]}},
        }

    @property
    def slice(self) -> Plain:
        """Its slice as it is served."""
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "labels": {SERVICE_NAME_LABEL: self.name},
            },
            "addressType": self.family,
            "endpoints": [
                {
                    "addresses": [_ENDPOINTS[self.family].format(index + 1)],
                    "conditions": {"ready": True, "serving": True, "terminating": False},
                    "nodeName": node,
                }
                for index, node in enumerate(self.nodes)
            ],
            "ports": [{"name": "", "protocol": "TCP", "port": 1}],
        }

    def objects(self) -> Mapping[str, Sequence[Plain]]:
        """What is served for it, by the plural of the kind."""
        return {"services": [self.service], "endpointslices": [self.slice]}

    def pending(self, nodes: Sequence[str], look: Look) -> tuple[str, ...]:
        """Those of the nodes on which it has not arrived."""
        answers = look.health_checks([HealthCheck(node, self.port, self.family) for node in nodes])
        return tuple(node for node, answer in zip(nodes, answers, strict=True) if not self.is_there(answer))

    def is_there(self, answer: HealthCheckAnswer) -> bool:
        """Whether an answer tells that the state is in place."""
        return (
            answer.status == 200
            and answer.service is not None
            and (answer.service.namespace, answer.service.name) == (NAMESPACE, self.name)
        )


def canaries(number: int, nodes: Sequence[Node]) -> list[Canary]:
    """A canary for each family of which some node has an address, on those nodes."""
    found = []
    for family in (IPV4, IPV6):
        names = tuple(node.metadata.name for node in nodes if family in node_families(node))
        if names:
            found.append(Canary(number, family, names))
    return found


def node_families(node: Node) -> frozenset[str]:
    """The families of a node's addresses."""
    return frozenset(family_of(entry.address) for entry in node.status.addresses if _is_ip(entry.type))


def _is_ip(kind: str) -> bool:
    return kind in ("InternalIP", "ExternalIP")
