# SPDX-License-Identifier: Apache-2.0
"""What the API serves, and under which paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

__all__ = ["RESOURCES", "Resource", "Route", "Routes"]


@frozen
class Resource:
    """One kind of object and its place in the paths.

    `group` is empty for the core group; `plural` is the last part of the path.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """As in the `apiVersion` of an object: `v1`, `discovery.k8s.io/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As in the messages of an API server: `services`, `endpointslices.discovery.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


# kube-proxy reads services, nodes, endpointslices and servicecidrs; CoreDNS namespaces,
# services, endpointslices and pods; other proxies and node agents the rest as well.
# What nobody gave is an empty list, as in a new cluster.
RESOURCES: tuple[Resource, ...] = (
    Resource("", "v1", "services", "Service", True),
    Resource("", "v1", "nodes", "Node", False),
    Resource("", "v1", "namespaces", "Namespace", False),
    Resource("", "v1", "pods", "Pod", True),
    Resource("", "v1", "endpoints", "Endpoints", True),
    Resource("", "v1", "configmaps", "ConfigMap", True),
    Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", True),
    Resource("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", False),
    Resource("networking.k8s.io", "v1", "ipaddresses", "IPAddress", False),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", True),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", True),
    Resource("events.k8s.io", "v1", "events", "Event", True),
)


@frozen
class Route:
    """What a path asks for: a collection, an object of it (`name`) or a part of one (`subresource`)."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def _indexed(resources: Iterable[Resource]) -> dict[tuple[str, str, str], Resource]:
    return {(item.group, item.version, item.plural): item for item in resources}


# What follows the name of a namespace and is no collection within it.
_OF_NAMESPACES = frozenset({"status", "finalize"})


@frozen
class Routes:
    """Finds the resource of a path.

    Source: k8s.io/apiserver `pkg/endpoints/request/requestinfo.go`.
    """

    resources: Mapping[tuple[str, str, str], Resource] = field(converter=_indexed)

    def find(self, path: str) -> Route | None:
        """The route of `path`, or None if nothing is served there."""
        parts = path.strip("/").split("/")
        if "" in parts:
            return None
        if parts[0] == "api" and len(parts) > 2:
            group, version, rest = "", parts[1], parts[2:]
        elif parts[0] == "apis" and len(parts) > 3:
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            return None
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2 and not (len(rest) == 3 and rest[2] in _OF_NAMESPACES):
            namespace, rest = rest[1], rest[2:]
        resource = self.resources.get((group, version, rest[0]))
        if resource is None or len(rest) > 3:
            return None
        if resource.namespaced is not bool(namespace) and (namespace or len(rest) > 1):
            return None  # an object without its namespace, or a namespace where there is none
        return Route(resource, namespace, *rest[1:])
