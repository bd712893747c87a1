# SPDX-License-Identifier: Apache-2.0
"""From the objects of a manifest to the cluster that runs them.

What a manifest leaves to the cluster is filled in: nodes, places and addresses
of pods, the pods of workloads, allocated numbers of Services, namespaces, the
API server's own Service, EndpointSlices.  What it says stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

from conformance.convert import ApiObject
from conformance.manifests.admitting import admit, kubernetes_service
from conformance.manifests.inferring import infer_settings
from conformance.manifests.items import Item, values
from conformance.manifests.mirroring import mirrored
from conformance.manifests.running import Kubelets, made_up_nodes, with_addresses, with_pod_defaults
from conformance.manifests.workloads import MOST_PODS, Workload, count, is_expanded, made_uid, pods_of
from reference.endpoints import with_managed_slices
from reference.frozenmap import FrozenMap
from reference.objects import (
    ENDPOINT_SLICE_CONTROLLER,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    ClusterSettings,
    ConfigMap,
    Endpoint,
    EndpointConditions,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    Namespace,
    Node,
    ObjectMeta,
    Pod,
    Service,
)

# Moments on the cluster's clock: everything exists before the first container starts.
SERVICES_CREATED = 10
PODS_CREATED = 15
CONTAINERS_STARTED = 20
API_SERVER_ADDRESS = "192.168.0.5"
_NAME_LABEL = "kubernetes.io/metadata.name"


@frozen
class Materializer:
    """Builds the running cluster; without `settings` they follow from the objects."""

    settings: ClusterSettings | None = None

    def cluster(self, items: Sequence[Item]) -> Cluster:
        """The cluster that runs `items`."""
        given_pods = tuple(with_pod_defaults(pod) for pod in values(items, Pod))
        given_slices = tuple(_with_slice_defaults(item) for item in values(items, EndpointSlice))
        given_nodes = values(items, Node)
        settings = self.settings or infer_settings(values(items, Service), given_pods, given_nodes)
        services = self._services(items, settings)
        to_expand = _to_expand(items)
        nodes = given_nodes or made_up_nodes(given_pods, given_slices, _pods_without_daemons(to_expand))
        nodes = with_addresses(nodes, given_pods, settings)
        pods = self._pods(given_pods, to_expand, nodes, services)
        config_maps = values(items, ConfigMap)
        cluster = Cluster(
            settings=settings,
            namespaces=_namespaces(values(items, Namespace), [*pods, *services, *given_slices, *config_maps]),
            nodes=nodes,
            config_maps=config_maps,
            pods=pods,
            services=services,
            endpoint_slices=(
                *given_slices,
                *_api_server_slices(given_slices, services),
                *mirrored(values(items, Endpoints), services, given_slices),
            ),
        )
        return _with_missing_slices(cluster)

    def _services(self, items: Sequence[Item], settings: ClusterSettings) -> tuple[Service, ...]:
        has_own = any(_is_api_server(service) for service in values(items, Service))
        own = () if has_own else (kubernetes_service(settings),)
        return tuple(_created(service) for service in admit(items, own, settings))

    def _pods(
        self,
        given: Sequence[Pod],
        to_expand: Sequence[Item],
        nodes: Sequence[Node],
        services: Sequence[Service],
    ) -> tuple[Pod, ...]:
        latest = max((service.metadata.creation_timestamp for service in services), default=0)
        created_at = max(PODS_CREATED, latest + PODS_CREATED - SERVICES_CREATED)
        kubelets = Kubelets(nodes, given, started_at=created_at + CONTAINERS_STARTED - PODS_CREATED)
        taken = {(pod.metadata.namespace, pod.metadata.name) for pod in given}
        pods = [kubelets.run(pod, created_at=created_at) for pod in given]
        for item in to_expand:
            if not isinstance(item.value, Workload):
                continue
            if len(pods) + count(item.value, nodes) > MOST_PODS:
                raise item.error("spec", f"more than {MOST_PODS} pods in all")
            for pod in pods_of(item.value, nodes):
                key = (pod.metadata.namespace, pod.metadata.name)
                if key in taken:
                    raise item.error("metadata.name", f"its pod {key[1]} is there already")
                taken.add(key)
                pods.append(kubelets.run(with_pod_defaults(pod), created_at=created_at))
        return tuple(pods)


def _to_expand(items: Sequence[Item]) -> list[Item]:
    owners = {
        (owner.kind, item.metadata.namespace, owner.name)
        for item in items
        for owner in item.metadata.owner_references
    }
    return [item for item in items if isinstance(item.value, Workload) and is_expanded(item.value, owners)]


def _pods_without_daemons(to_expand: Iterable[Item]) -> int:
    total = 0
    for item in to_expand:
        if isinstance(item.value, Workload) and item.kind != "DaemonSet":
            total += count(item.value, ())
            if total > MOST_PODS:
                raise item.error("spec", f"more than {MOST_PODS} pods in all")
    return total


def _is_api_server(service: Service) -> bool:
    return (service.metadata.namespace, service.metadata.name) == ("default", "kubernetes")


def _created(service: Service) -> Service:
    """The Service with the uid and the time that a stored object has."""
    metadata = service.metadata
    uid = metadata.uid or made_uid("Service", metadata.namespace, metadata.name)
    created = metadata.creation_timestamp or (0 if _is_api_server(service) else SERVICES_CREATED)
    return evolve(service, metadata=evolve(metadata, uid=uid, creation_timestamp=created))


def _namespaces(given: Sequence[Namespace], members: Iterable[ApiObject]) -> tuple[Namespace, ...]:
    """Those of the manifest, `default`, and every one that an object is in."""
    names = dict.fromkeys(["default", *(member.metadata.namespace for member in members)])
    for namespace in given:
        names.pop(namespace.metadata.name, None)
    made = (Namespace(ObjectMeta(name=name)) for name in names)
    return tuple(_labelled(namespace) for namespace in (*made, *given))


def _labelled(namespace: Namespace) -> Namespace:
    metadata = namespace.metadata
    uid = metadata.uid or made_uid("Namespace", "", metadata.name)
    return Namespace(evolve(metadata, uid=uid, labels=metadata.labels | {_NAME_LABEL: metadata.name}))


# -- slices ------------------------------------------------------------------


def _with_slice_defaults(item: EndpointSlice) -> EndpointSlice:
    """The API's defaults: a port's name is empty, its protocol TCP."""
    ports = tuple(
        EndpointPort(port.name or "", port.port, port.protocol or "TCP", port.app_protocol)
        for port in item.ports
    )
    return item if ports == item.ports else evolve(item, ports=ports)


def _service_key(item: EndpointSlice) -> tuple[str, str]:
    return item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL, "")


def _api_server_slices(
    given: Sequence[EndpointSlice], services: Sequence[Service]
) -> tuple[EndpointSlice, ...]:
    """The API server's own slice, where its Service has no other."""
    service = next(service for service in services if _is_api_server(service))
    if service.spec.selector or any(_service_key(item) == ("default", "kubernetes") for item in given):
        return ()
    ports = tuple(
        EndpointPort(port.name, port.target_port, port.protocol)
        for port in service.spec.ports
        if isinstance(port.target_port, int)
    )
    return (
        EndpointSlice(
            metadata=ObjectMeta(
                name="kubernetes",
                namespace="default",
                uid=made_uid("EndpointSlice", "default", "kubernetes"),
                labels=FrozenMap({SERVICE_NAME_LABEL: "kubernetes"}),
            ),
            address_type="IPv4",
            endpoints=(Endpoint((API_SERVER_ADDRESS,), EndpointConditions(ready=True)),),
            ports=ports,
        ),
    )


def _with_missing_slices(cluster: Cluster) -> Cluster:
    """The controller's slices for every Service that has none of them in the manifest."""
    kept = {
        _service_key(item)
        for item in cluster.endpoint_slices
        if item.metadata.labels.get(MANAGED_BY_LABEL) == ENDPOINT_SLICE_CONTROLLER
    }
    made = with_managed_slices(evolve(cluster, endpoint_slices=())).endpoint_slices
    missing = tuple(item for item in made if _service_key(item) not in kept)
    return evolve(cluster, endpoint_slices=cluster.endpoint_slices + missing)
