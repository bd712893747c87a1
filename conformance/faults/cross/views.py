# SPDX-License-Identifier: Apache-2.0
"""One part of an implementation sees another cluster than the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attrs import evolve

from conformance.faults.base import Faulty, behaves
from conformance.model import Model
from reference.objects import Cluster, Endpoint, EndpointSlice, Pod, PodIP, Service, ServicePort

View = Callable[[Cluster], Cluster]
V = TypeVar("V", bound=View)


def views(*breaks: str, of: Sequence[str]) -> Callable[[V], V]:
    """A fault that answers the operations `of` by another cluster: `(cluster) -> cluster`."""

    def declare(view: V) -> V:
        class Viewing(Faulty):
            other = Model(Cluster())

            def apply(self, cluster: Cluster) -> None:
                super().apply(cluster)
                self.other = Model(view(cluster))

            def answer(self, operation: str, questions: Sequence[Any]) -> list[Any]:
                model = self.other if operation in of else self.model
                return model.answer(operation, questions)

        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(Viewing, name, getattr(view, name))
        behaves(*breaks)(Viewing)
        return view

    return declare


def _each_service(cluster: Cluster, change: Callable[[Service], Service]) -> Cluster:
    return evolve(cluster, services=tuple(map(change, cluster.services)))


def _each_port(cluster: Cluster, change: Callable[[ServicePort], ServicePort]) -> Cluster:
    return _each_service(
        cluster,
        lambda each: evolve(each, spec=evolve(each.spec, ports=tuple(map(change, each.spec.ports)))),
    )


def _each_endpoint(cluster: Cluster, change: Callable[[Endpoint], Endpoint]) -> Cluster:
    def changed(piece: EndpointSlice) -> EndpointSlice:
        return evolve(piece, endpoints=tuple(map(change, piece.endpoints)))

    return evolve(cluster, endpoint_slices=tuple(map(changed, cluster.endpoint_slices)))


def _with_other_ip(service: Service) -> Service:
    ip = service.spec.cluster_ip
    if not ip or ip == "None":
        return service
    other = ip.rpartition(".")[0] + ".222"
    return evolve(service, spec=evolve(service.spec, cluster_ip=other, cluster_ips=(other,)))


def _to_target(port: ServicePort) -> ServicePort:
    return evolve(port, port=port.target_port) if isinstance(port.target_port, int) else port


# -- names and variables ----------------------------------------------------------------


@views("DNS-A-001", of=("resolve",))
def names_have_old_addresses(cluster: Cluster) -> Cluster:
    """Names resolve to the cluster IPs of an earlier copy, not to those that the proxy serves."""
    return _each_service(cluster, _with_other_ip)


@views("DNS-A-001", of=("resolve",))
def names_need_pods(cluster: Cluster) -> Cluster:
    """A Service without a selector, as that of the API server is, has no name."""
    return evolve(cluster, services=tuple(each for each in cluster.services if each.spec.selector))


@views("DNS-SRV-001", of=("resolve",))
def srv_records_have_target_ports(cluster: Cluster) -> Cluster:
    """SRV records give the target port, at which the cluster IP does not listen."""
    return _each_port(cluster, _to_target)


@views("DNS-HEADLESS-013", of=("resolve",))
def names_of_all_endpoints(cluster: Cluster) -> Cluster:
    """The name of a headless Service has the addresses of endpoints that are not ready as well."""
    return _each_endpoint(cluster, lambda each: evolve(each, conditions=evolve(each.conditions, ready=True)))


@views("DNS-HEADLESS-001", of=("resolve",))
def names_of_the_first_slice(cluster: Cluster) -> Cluster:
    """The name of a headless Service has the addresses of the first slice only."""
    seen: set[tuple[str, str | None]] = set()
    first = []
    for piece in cluster.endpoint_slices:
        service = (piece.metadata.namespace, piece.metadata.labels.get("kubernetes.io/service-name"))
        if service not in seen:
            first.append(piece)
        seen.add(service)
    return evolve(cluster, endpoint_slices=tuple(first))


@views("ENV-001", of=("environment",))
def variables_have_old_addresses(cluster: Cluster) -> Cluster:
    """Variables have the cluster IPs of an earlier copy, not those that the proxy serves."""
    return _each_service(cluster, _with_other_ip)


@views("ENV-005", of=("environment",))
def variables_have_target_ports(cluster: Cluster) -> Cluster:
    """Variables have the numbers of the target ports."""
    return _each_port(cluster, _to_target)


# -- endpoints and the proxy ------------------------------------------------------------


@views("EP-001", of=("endpoint_slices",))
def endpoints_have_old_addresses(cluster: Cluster) -> Cluster:
    """The controller writes the addresses that pods had before they were moved."""

    def moved(index: int, pod: Pod) -> Pod:
        if not pod.status.pod_ips:
            return pod
        ip = f"10.244.7.{index + 1}"
        return evolve(pod, status=evolve(pod.status, pod_ip=ip, pod_ips=(PodIP(ip),)))

    return evolve(cluster, pods=tuple(moved(*pair) for pair in enumerate(cluster.pods)))


@views("PORT-010", of=("endpoint_slices",))
def endpoints_have_service_ports(cluster: Cluster) -> Cluster:
    """The controller writes the numbers of the Service ports."""
    return _each_port(cluster, lambda port: evolve(port, target_port=port.port))


@views("EP-008", of=("endpoint_slices",))
def endpoints_are_always_ready(cluster: Cluster) -> Cluster:
    """The controller writes every endpoint as ready."""
    return _each_service(
        cluster, lambda each: evolve(each, spec=evolve(each.spec, publish_not_ready_addresses=True))
    )


@views("NP-001", of=("route",))
def no_node_ports(cluster: Cluster) -> Cluster:
    """The proxy serves no node ports."""
    return _each_port(cluster, lambda port: evolve(port, node_port=0))


@views("RT-001", of=("route",))
def proxy_uses_endpoints_that_are_not_ready(cluster: Cluster) -> Cluster:
    """The proxy forwards to endpoints whether they are ready or not."""
    return names_of_all_endpoints(cluster)
