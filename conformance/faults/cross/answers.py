# SPDX-License-Identifier: Apache-2.0
"""One part of an implementation answers otherwise than the rest of it expects."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import says
from reference.frozenmap import FrozenMap
from reference.objects import Cluster
from reference.questions import (
    Answer,
    Backend,
    ContainerName,
    Decision,
    Environment,
    Flow,
    NamespacedName,
    Outcome,
    Query,
    Rcode,
    Record,
    ResolverConfig,
)


def _service_port(cluster: Cluster, flow: Flow) -> bool:
    """Whether the flow goes to a cluster IP."""
    return any(flow.ip in each.spec.cluster_ips for each in cluster.services)


@says("RT-001", of=("route",))
def proxy_keeps_the_port(_: Cluster, flow: Flow, decision: Decision) -> Decision:
    """The address of a connection is rewritten and its port is not."""
    return evolve(decision, backends=frozenset(Backend(each.ip, flow.port) for each in decision.backends))


@says("RT-001", of=("route",))
def proxy_drops_what_it_knows(cluster: Cluster, flow: Flow, decision: Decision) -> Decision:
    """Connections to cluster IPs are dropped."""
    return Decision(Outcome.DROP) if _service_port(cluster, flow) else decision


@says("RT-003", of=("route",))
def proxy_uses_one_endpoint(_: Cluster, __: Flow, decision: Decision) -> Decision:
    """All connections to a Service port go to one endpoint."""
    return evolve(decision, backends=frozenset(sorted(decision.backends)[:1]))


@says("RT-004", of=("route",))
def twins_share_endpoints(cluster: Cluster, flow: Flow, decision: Decision) -> Decision:
    """Of ports with one number and two protocols, both have the endpoints of the one that comes first."""
    for each in cluster.services:
        twins = [port for port in each.spec.ports if port.port == flow.port]
        if flow.ip in each.spec.cluster_ips and len(twins) > 1:
            number = twins[0].target_port
            assert isinstance(number, int)
            return evolve(
                decision, backends=frozenset(Backend(backend.ip, number) for backend in decision.backends)
            )
    return decision


@says("NOEP-001", of=("route",))
def proxy_remembers_an_endpoint(_: Cluster, __: Flow, decision: Decision) -> Decision:
    """Where there are no endpoints, connections go to one that is gone."""
    if decision.outcome is not Outcome.REJECT:
        return decision
    return Decision(Outcome.FORWARD, frozenset({Backend("10.244.0.99", 8080)}))


@says("PORT-012", of=("route",))
def node_ports_use_one_endpoint(cluster: Cluster, flow: Flow, decision: Decision) -> Decision:
    """A node port leads to one of the endpoints to which the cluster IP leads."""
    return decision if _service_port(cluster, flow) else proxy_uses_one_endpoint(cluster, flow, decision)


@says("DNS-A-001", of=("resolve",))
def names_give_a_node(_: Cluster, __: Query, answer: Answer) -> Answer:
    """Names resolve to the address of a node."""
    return evolve(
        answer,
        records=frozenset(
            Record(each.name, each.type, "192.168.0.11") if each.type == "A" else each
            for each in answer.records
        ),
    )


@says("DNS-A-001", of=("resolve",))
def names_do_not_exist(_: Cluster, __: Query, ___: Answer) -> Answer:
    """No name exists."""
    return Answer(Rcode.NXDOMAIN)


@says("DNS-SEARCH-003", of=("resolver_configs",))
def search_list_is_empty(_: Cluster, __: NamespacedName, config: ResolverConfig) -> ResolverConfig:
    """The search domains of the cluster are not written."""
    return evolve(config, searches=())


@says("DNS-SEARCH-025", of=("resolver_configs",))
def search_starts_elsewhere(cluster: Cluster, _: NamespacedName, config: ResolverConfig) -> ResolverConfig:
    """Bare names are looked up in the namespace `default` before the pod's own."""
    first = f"default.svc.{cluster.settings.cluster_domain}"
    return evolve(config, searches=(first, *config.searches))


@says("ENV-001", of=("environment",))
def host_variables_are_old(_: Cluster, __: ContainerName, environment: Environment) -> Environment:
    """The host variables have another address than the names."""
    changed = {
        name: "10.96.9.9" if name.endswith("_SERVICE_HOST") else value
        for name, value in environment.variables.items()
    }
    return evolve(environment, variables=FrozenMap(changed))
