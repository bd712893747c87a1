# SPDX-License-Identifier: Apache-2.0
"""The documents that say what the API serves, for programs that ask before they list."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.watch_api.objects import Json, encoded
from conformance.watch_api.resources import Resource

__all__ = ["documents"]

# Of the release whose requirements are in the catalogue.
_VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.2",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}

# Served by the API itself, not from the store.
_REVIEWS = {
    "name": "selfsubjectaccessreviews",
    "singularName": "selfsubjectaccessreview",
    "namespaced": False,
    "kind": "SelfSubjectAccessReview",
    "verbs": ["create"],
}


def documents(resources: Iterable[Resource]) -> dict[str, bytes]:
    """Each path of discovery with its answer in JSON."""
    by_version: dict[tuple[str, str], list[Json]] = {}
    for resource in resources:
        by_version.setdefault((resource.group, resource.version), []).append(_described(resource))
    by_version.setdefault(("authorization.k8s.io", "v1"), []).append(_REVIEWS)
    by_group: dict[str, list[str]] = {}
    for group, version in by_version:
        by_group.setdefault(group, []).append(version)
    core = by_group.pop("", [])
    groups = [_group(name, versions) for name, versions in sorted(by_group.items())]
    found: dict[str, Json] = {
        "/version": _VERSION,
        "/api": {"kind": "APIVersions", "versions": core, "serverAddressByClientCIDRs": []},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    for described in groups:
        found[f"/apis/{described['name']}"] = {"kind": "APIGroup", "apiVersion": "v1", **described}
    for (name, version), items in by_version.items():
        path = f"/apis/{name}/{version}" if name else f"/api/{version}"
        found[path] = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{name}/{version}" if name else version,
            "resources": items,
        }
    return {path: encoded(document) for path, document in found.items()}


def _described(resource: Resource) -> Json:
    writes = ["create", "delete", "update"] if resource.plural == "leases" else []
    return {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": sorted(["get", "list", "watch", *writes]),
    }


def _group(name: str, versions: list[str]) -> Json:
    named = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": named, "preferredVersion": named[0]}
