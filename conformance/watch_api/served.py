# SPDX-License-Identifier: Apache-2.0
"""A cluster as the objects that its API server would serve, with the defaults that it would set."""

from __future__ import annotations

from typing import Any

from conformance.convert import cluster_to_plain, to_plain
from reference.objects import Cluster, Node

Plain = dict[str, Any]

_PLURALS = {
    "Namespace": "namespaces",
    "Node": "nodes",
    "Pod": "pods",
    "Service": "services",
    "EndpointSlice": "endpointslices",
}
STREAMS = tuple(_PLURALS.values())


def served(cluster: Cluster) -> dict[str, list[Plain]]:
    """The objects by the plural of their kind, in the cluster's order."""
    found: dict[str, list[Plain]] = {plural: [] for plural in STREAMS}
    for item in cluster_to_plain(cluster)["objects"]:
        plural = _PLURALS.get(item["kind"])
        if plural is not None:
            found[plural].append(_defaulted(item))
    return found


def node_object(node: Node) -> Plain:
    """A node as it is served."""
    plain: Plain = to_plain(node)
    return {"apiVersion": "v1", "kind": "Node", **plain}


def service_cidrs(cluster: Cluster) -> list[Plain]:
    """A ServiceCIDR object for each of the cluster's ranges."""
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "ServiceCIDR",
            "metadata": {"name": f"kubernetes-{index}"},
            "spec": {"cidrs": [cidr]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
        for index, cidr in enumerate(cluster.settings.service_cidrs)
    ]


def _defaulted(item: Plain) -> Plain:
    """Programs rely on what an API server would have filled in, and some end where it is missing.

    A slice never becomes one of another family: that would be another object of its name.
    """
    if item["kind"] != "EndpointSlice":
        return item
    meta = item["metadata"]
    ports = [{"name": "", "protocol": "TCP", **port} for port in item.get("ports", ())]
    return {
        **item,
        "metadata": {**meta, "uid": f"{meta.get('uid', meta['name'])}-{item['addressType'].lower()}"},
        "ports": ports,
        "endpoints": item.get("endpoints", []),
    }
