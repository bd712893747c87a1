# SPDX-License-Identifier: Apache-2.0
"""The areas that are judged, the operations by which each is asked, and the levels.

An operation is one batch of questions.  Its name is the method of an adapter in
process and the `op` of the JSON-lines protocol.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from attrs import frozen

from reference import questions as q


class Area(Enum):
    """The six areas, and the agreement between them."""

    SELECTORS = "selectors"
    ENDPOINTS = "endpoints"
    ROUTING = "routing"
    DNS = "dns"
    ENVIRONMENT = "environment"
    PORTS = "ports"
    CROSS = "cross"


class Level(Enum):
    """For whom a requirement holds."""

    MUST = "must"
    """Every implementation."""
    CLASS = "must-class"
    """Every implementation as far as the class of the result goes (forwarded or
    not, to which set), not its flavour (refused or timed out)."""
    SHOULD = "should"
    MAY = "may"
    KUBE_PROXY = "kube-proxy"
    KUBE_PROXY_IPTABLES = "kube-proxy-iptables"
    KUBE_PROXY_NFTABLES = "kube-proxy-nftables"
    KUBE_PROXY_IPVS = "kube-proxy-ipvs"
    COREDNS = "coredns"
    RESOLVER = "resolver"
    """A client's resolver library."""
    DEPLOYMENT = "deployment"
    """Follows from how a cluster is usually set up."""
    SUITE = "suite"
    """A rule for a test suite, not for an implementation."""


@frozen
class Operation:
    """A batch of questions: `name(questions) -> answers`, as many and in order.

    `answers_many` says that one answer is a sequence of `answer`.  `stateless`
    questions carry all that they need and do not look at the applied cluster.
    """

    name: str
    area: Area
    question: type[Any]
    answer: type[Any]
    answers_many: bool = False
    stateless: bool = False


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("select", Area.SELECTORS, q.Selection, q.Matching, stateless=True),
        Operation("endpoint_slices", Area.ENDPOINTS, q.NamespacedName, q.EndpointSlice, answers_many=True),
        Operation("endpoints", Area.ENDPOINTS, q.NamespacedName, q.Endpoints, answers_many=True),
        Operation("synced_slices", Area.ENDPOINTS, q.NamespacedName, q.EndpointSlice, answers_many=True),
        Operation("mirrored_slices", Area.ENDPOINTS, q.Endpoints, q.EndpointSlice, answers_many=True),
        Operation("route", Area.ROUTING, q.Flow, q.Decision),
        Operation("connect", Area.ROUTING, q.Connection, q.Observation),
        Operation("health_checks", Area.ROUTING, q.HealthCheck, q.HealthCheckAnswer),
        Operation("resolve", Area.DNS, q.Query, q.Answer),
        Operation("resolver_configs", Area.DNS, q.NamespacedName, q.ResolverConfig),
        Operation("environment", Area.ENVIRONMENT, q.ContainerName, q.Environment),
        Operation("admit", Area.PORTS, q.ApiSession, q.ApiResponse, answers_many=True, stateless=True),
        Operation("admit_endpoints", Area.PORTS, q.EndpointsRequest, q.ApiResponse, stateless=True),
    )
}
