# SPDX-License-Identifier: Apache-2.0
"""Clusters: every one is a state that a real API server could hold."""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import evolve, frozen
from hypothesis import strategies as st

from conformance.strategies import addresses, nodes, pods, pools, services, slices
from reference.endpoints import with_managed_slices
from reference.endpoints.hints import has_topology_mode_auto
from reference.frozenmap import FrozenMap
from reference.objects import (
    SERVICE_NAME_LABEL,
    Cluster,
    ClusterSettings,
    DNSServer,
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    Namespace,
    ObjectMeta,
)

_DEFAULT_SETTINGS = ClusterSettings()
SETTINGS = (
    _DEFAULT_SETTINGS,
    ClusterSettings(cluster_domain="corp.example.org"),  # three labels change the search order
    ClusterSettings(cluster_domain="k8s"),
)

# The settings; whether `default/kubernetes` is there; whether an unused namespace is; the families.
_SURROUNDINGS = pools.choices(SETTINGS, (False, True), (False, True), (addresses.ONE_STACK,))
# One family more often than both, so that what is to be found in one is not found later.
_SURROUNDINGS_OF_TWO_FAMILIES = pools.choices(
    SETTINGS,
    (False, True),
    (False, True),
    (addresses.ONE_STACK, addresses.ONE_STACK, addresses.DUAL_STACK),
)


@frozen(kw_only=True)
class Limits:
    """How large generated clusters get; each is a maximum of one collection."""

    services: int = 4
    pods: int = 5
    nodes: int = 3
    slices: int = 2
    endpoints_per_slice: int = 3


def _sized(element: st.SearchStrategy[Any], *, most: int, least: int = 0) -> st.SearchStrategy[Any]:
    """Lists whose minimum size is drawn evenly: found early, and still shrunk to nothing.

    `st.lists` alone keeps collections small, so that a bug which needs three of
    something is found late; counting first and looping shrinks badly.
    """
    return st.integers(least, most).flatmap(
        lambda minimum: st.lists(element, min_size=minimum, max_size=most)
    )


_NAMESPACES = {
    name: Namespace(
        ObjectMeta(
            name=name, uid=f"namespace-{name}", labels=FrozenMap({"kubernetes.io/metadata.name": name})
        )
    )
    for name in pools.NAMESPACES
}

_API_SERVER_SLICE = EndpointSlice(
    metadata=ObjectMeta(
        name="kubernetes",
        namespace="default",
        uid="slice-kubernetes",
        labels=FrozenMap({SERVICE_NAME_LABEL: "kubernetes"}),
    ),
    address_type="IPv4",
    endpoints=(Endpoint(("192.168.0.5",), EndpointConditions(ready=True)),),
    ports=(EndpointPort("https", 6443, "TCP"),),
)


def clusters(
    limits: Limits | None = None, *, dual_stack: bool = False, dns_server: DNSServer | None = None
) -> st.SearchStrategy[Cluster]:
    """Clusters within `limits`, fully defaulted and allocated.

    All are IPv4; with `dual_stack` a third has IPv6 as well, and in these Services of
    either family and of both.  `dns_server` is in the settings of all.
    """
    limits = limits or Limits()
    return st.builds(
        _build if dns_server is None else partial(_build, dns_server=dns_server),
        st.sampled_from(_SURROUNDINGS_OF_TWO_FAMILIES if dual_stack else _SURROUNDINGS),
        _sized(st.sampled_from(pools.NODES), least=1, most=limits.nodes),
        _sized(pods.pod_choices(dual_stack=dual_stack), most=limits.pods),
        _sized(services.service_choices(dual_stack=dual_stack), most=limits.services),
        _sized(
            slices.slice_choices(max_endpoints=limits.endpoints_per_slice, dual_stack=dual_stack),
            most=limits.slices,
        ),
    )


def _build(
    surroundings: tuple[Any, ...],
    node_choices: list[tuple[str | None, bool]],
    pod_choices: list[pods.Choice],
    service_choices: list[services.Choice],
    slice_choices: list[slices.Choice],
    *,
    dns_server: DNSServer | None = None,
) -> Cluster:
    settings, with_kubernetes, with_unused_namespace, families = surroundings
    if dns_server is not None:
        settings = evolve(settings, dns_server=dns_server)
    if families != addresses.ONE_STACK:
        settings = evolve(settings, service_cidrs=addresses.SERVICE_CIDRS, pod_cidrs=addresses.POD_CIDRS)
    taken: set[tuple[str, str]] = set()
    made_services = [
        services.build(index, choice, taken=taken, cluster_families=families)
        for index, choice in enumerate(service_choices)
    ]
    made_pods = tuple(
        pods.build(index, choice, nodes=len(node_choices), services=made_services, families=families)
        for index, choice in enumerate(pod_choices)
    )
    # Slices by hand go to Services without a selector, one after the other; where
    # there is none, to any Service, whose endpoints are then the union of both.
    owners = [
        service
        for service in made_services
        if service.spec.selector is None and service.spec.type != "ExternalName"
    ] or [service for service in made_services if service.spec.type != "ExternalName"]
    made_slices = tuple(
        slices.build(
            index,
            choice,
            service=owners[index // 2 % len(owners)],
            nodes=len(node_choices),
            families=families,
        )
        for index, choice in enumerate(slice_choices if owners else ())
    )
    if with_kubernetes:
        made_services.append(services.kubernetes_service())
        made_slices = (*made_slices, _API_SERVER_SLICE)
    used = {pod.metadata.namespace for pod in made_pods}
    used |= {service.metadata.namespace for service in made_services}
    return with_managed_slices(
        Cluster(
            settings=settings,
            namespaces=tuple(
                namespace
                for name, namespace in _NAMESPACES.items()
                if name == "default" or with_unused_namespace or name in used
            ),
            # What nodes can bear counts for proportional hints alone.
            nodes=nodes.build_all(
                node_choices,
                with_capacity=any(map(has_topology_mode_auto, made_services)),
                families=families,
            ),
            config_maps=pods.config_maps(made_pods),
            pods=made_pods,
            services=tuple(made_services),
            endpoint_slices=made_slices,
        )
    )
