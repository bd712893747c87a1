# SPDX-License-Identifier: Apache-2.0
"""Kubernetes objects as the store keeps them: checked, completed, and written once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from conformance.watch_api.resources import Resource
from reference.objects import Labels

__all__ = ["Json", "Key", "Stored", "encoded", "key_of", "next_of"]

Json = dict[str, Any]
Key = tuple[str, str]  # namespace (empty for what is in none) and name

# Versions of the same name get different identities, the same in each run.
_UIDS = uuid.UUID("6b2f3d0e-7c1c-5a0c-9d56-1b8f2f0f6a11")


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encoded(value: Any) -> bytes:
    """`value` as compact JSON in UTF-8; ValueError or TypeError if it is none."""
    return _ENCODER.encode(value).encode()


@frozen(eq=False)
class Stored:
    """One state of an object: never changed, and encoded only once.

    `version` is its resourceVersion; `text` is the object in JSON.
    """

    resource: Resource
    key: Key
    version: int
    object: Json
    text: bytes = field(repr=False)
    labels: Labels = field(repr=False)

    @property
    def path(self) -> str:
        """What lists are sorted by, as in etcd: the name, after the namespace if there is one."""
        namespace, name = self.key
        return f"{namespace}/{name}" if self.resource.namespaced else name

    def stamped(self, version: int) -> Stored:
        """The same object with another resourceVersion."""
        metadata = {**self.object["metadata"], "resourceVersion": str(version)}
        return _stored(self.resource, self.key, version, {**self.object, "metadata": metadata})


def key_of(resource: Resource, given: Mapping[str, Any]) -> Key:
    """Namespace and name of an object; ValueError if it is not one of `resource`."""
    found = given.get("apiVersion"), given.get("kind")
    if found != (resource.api_version, resource.kind):
        raise ValueError(
            f"{resource.plural}: expected apiVersion {resource.api_version!r} and kind {resource.kind!r}, "
            f"got {found[0]!r} and {found[1]!r}"
        )
    metadata = given.get("metadata")
    if not isinstance(metadata, dict):
        raise ValueError(f"{resource.plural}: metadata has to be an object, got {metadata!r}")
    name, namespace = metadata.get("name"), metadata.get("namespace") or ""
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(f"{resource.plural}: metadata.name has to be a name, got {name!r}")
    if not isinstance(namespace, str) or resource.namespaced is not bool(namespace) or "/" in namespace:
        wanted = "a namespace" if resource.namespaced else "none"
        raise ValueError(
            f"{resource.plural} {name!r}: metadata.namespace: expected {wanted}, got {namespace!r}"
        )
    return namespace, name


def next_of(
    resource: Resource, key: Key, given: Json, *, before: Stored | None, version: int, created: str
) -> Stored | None:
    """The state that follows `before` when `given` is wanted, or None if nothing changes.

    What a server sets is kept from `before` or set here where `given` lacks it: uid and
    creationTimestamp (`created` for a new object). The given resourceVersion is ignored.
    """
    metadata = given["metadata"]
    if before is not None:
        kept = before.object["metadata"]
        same = {
            **metadata,
            "resourceVersion": kept["resourceVersion"],
            "uid": metadata.get("uid") or kept["uid"],
            "creationTimestamp": metadata.get("creationTimestamp") or kept["creationTimestamp"],
        }
        if {**given, "metadata": same} == before.object:
            return None
    else:
        same = {
            **metadata,
            "uid": metadata.get("uid") or str(uuid.uuid5(_UIDS, f"{resource.qualified}/{key}/{version}")),
            "creationTimestamp": metadata.get("creationTimestamp") or created,
        }
    return _stored(resource, key, version, {**given, "metadata": {**same, "resourceVersion": str(version)}})


def _stored(resource: Resource, key: Key, version: int, value: Json) -> Stored:
    text = encoded(value)
    own: Json = json.loads(text)  # the caller's object may change later
    labels = own["metadata"].get("labels") or {}
    if not isinstance(labels, dict):
        raise ValueError(f"{resource.plural} {key[1]!r}: metadata.labels has to be an object")
    return Stored(resource, key, version, own, text, Labels(labels))
