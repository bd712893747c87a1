# SPDX-License-Identifier: Apache-2.0
"""Objects, and what is asked of a store, for the tests of the API server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from conformance.watch_api.listing import listed
from conformance.watch_api.objects import Json
from conformance.watch_api.options import options_of
from conformance.watch_api.resources import RESOURCES, Resource, Routes
from conformance.watch_api.store import Store
from conformance.watch_api.watching import Watch

CREATED = "2001-02-03T04:05:06Z"
SERVICES = next(item for item in RESOURCES if item.plural == "services")
NODES = next(item for item in RESOURCES if item.plural == "nodes")

_PATHS = {"services": "/api/v1/services", "nodes": "/api/v1/nodes", "pods": "/api/v1/pods"}


def service(name: str, *, namespace: str = "default", labels: Mapping[str, str] = {}, **spec: Any) -> Json:
    """A Service in JSON."""
    metadata = {"name": name, "namespace": namespace, **({"labels": dict(labels)} if labels else {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def node(name: str, **spec: Any) -> Json:
    """A Node in JSON."""
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec}


def serve(store: Store, *services: Json) -> int:
    """Make `services` the Services of the store."""
    return store.replace(objects={"services": services}, created=CREATED)


def list_of(store: Store, path: str = "/api/v1/services", **query: str) -> Any:
    """The answer to a list with the parameters of `query`, decoded."""
    route = Routes(RESOURCES).find(path)
    assert route is not None
    return json.loads(listed(store, route.resource, options_of(route, query)))


def watch_of(store: Store, path: str = "/api/v1/services", **query: str) -> Watch:
    """A watch with the parameters of `query`, not yet started."""
    route = Routes(RESOURCES).find(path)
    assert route is not None
    return Watch(store, route.resource, options_of(route, {"watch": "true", **query}))


def events(lines: bytes) -> list[tuple[str, Json]]:
    """Type and object of each event."""
    found = [json.loads(line) for line in lines.splitlines()]
    return [(item["type"], item["object"]) for item in found]


def short(lines: bytes) -> list[str]:
    """Each event as its type and the name of its object, or its version for a bookmark."""
    return [
        f"{kind} {item['metadata'].get('name') or item['metadata'].get('resourceVersion') or item['code']}"
        for kind, item in events(lines)
    ]


def names(document: Any) -> list[str]:
    """The names of the items of a list."""
    return [item["metadata"]["name"] for item in document["items"]]


def version_of(store: Store, resource: Resource, name: str, namespace: str = "default") -> str:
    """The resourceVersion of an object."""
    stored = store.get(resource, (namespace if resource.namespaced else "", name))
    assert stored is not None
    version: str = stored.object["metadata"]["resourceVersion"]
    return version
