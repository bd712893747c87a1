# SPDX-License-Identifier: Apache-2.0
"""What programs under test try to write, and what becomes of it.

What is served is what was given to `replace`, or a verdict would depend on what the judged
program wrote. Real programs write all the same, and each needs an answer it can live with:

- Events are accepted and dropped. kube-proxy sends one when it starts; client-go gives up
  on a 403 too, but with an error in the log that looks like a finding.
- Leases are kept in memory as a server keeps them, with versions and conflicts, since an
  election that never ends keeps a controller from starting.
- An access review says yes.
- Changes of nodes, and of the status of anything, are accepted and dropped: the answer is
  the object as it is served, as if another writer had put it back at once. Node agents
  (Cilium, Calico, kube-router, flannel) annotate their node or set a condition, load
  balancer controllers an address, and several stop or retry for ever when they are refused.
  There is no event for it, so a program that waits to see its own change waits in vain.
- Everything else is refused with 403, as for a user without the right: a program that
  creates or deletes what it should only read has to show.
"""

from __future__ import annotations

import json
import re

from attrs import frozen

from conformance.watch_api.objects import Json, encoded, key_of
from conformance.watch_api.resources import Route
from conformance.watch_api.statuses import (
    already_exists,
    bad_request,
    conflict,
    forbidden,
    method_not_allowed,
    not_found,
    nothing_there,
    unsupported_media_type,
)
from conformance.watch_api.store import Stale, Store, Taken

__all__ = ["Written", "reviewed", "write"]

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@frozen
class Written:
    """The answer to a write: a code and an object in JSON."""

    code: int
    text: bytes


def write(
    store: Store, route: Route, method: str, *, content_type: str, body: bytes, created: str
) -> Written:
    """Carry out a POST, PUT, PATCH or DELETE, or refuse it with a Failure."""
    resource = route.resource
    if bool(route.name) is (method == "POST") and method != "DELETE":
        raise method_not_allowed(method, resource.plural)
    if resource.plural == "events":
        return _event(route, method, content_type, body)
    if resource.plural == "leases" and not route.subresource:
        return _lease(store, route, method, content_type, body, created)
    if method in ("PUT", "PATCH") and (route.subresource == "status" or resource.plural == "nodes"):
        stored = store.get(resource, (route.namespace, route.name))
        if stored is None:
            raise not_found(resource, route.name)
        return Written(200, stored.text)
    if route.subresource not in ("", "status"):
        raise nothing_there(f"{resource.plural}/{route.subresource}")
    raise forbidden(resource, route.name, "what this server serves is given by the suite")


def reviewed(content_type: str, body: bytes) -> Written:
    """An access review that says yes."""
    spec = _decoded(body).get("spec") if _is_json(content_type) else None
    return Written(
        201,
        encoded(
            {
                "kind": "SelfSubjectAccessReview",
                "apiVersion": "authorization.k8s.io/v1",
                "metadata": {},
                "spec": spec if isinstance(spec, dict) else {},
                "status": {"allowed": True},
            }
        ),
    )


def _event(route: Route, method: str, content_type: str, body: bytes) -> Written:
    """The event as it came; of one in another format only a name, which nobody reads."""
    item = _decoded(body) if method in ("POST", "PUT") and _is_json(content_type) else {}
    given = item.get("metadata")
    metadata = {
        "name": route.name or "dropped",
        "namespace": route.namespace,
        **(given if isinstance(given, dict) else {}),
        "resourceVersion": "1",
    }
    known = {"kind": route.resource.kind, "apiVersion": route.resource.api_version}
    return Written(201 if method == "POST" else 200, encoded({**item, **known, "metadata": metadata}))


def _lease(store: Store, route: Route, method: str, content_type: str, body: bytes, created: str) -> Written:
    resource = route.resource
    if method == "DELETE" and route.name:
        try:
            store.remove(resource, (route.namespace, route.name))
        except KeyError as error:
            raise not_found(resource, route.name) from error
        return Written(
            200, encoded({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
        )
    if method not in ("POST", "PUT"):
        raise method_not_allowed(method, resource.plural)
    if not _is_json(content_type):
        raise unsupported_media_type(content_type)
    item = _lease_of(route, _decoded(body))
    name = item["metadata"]["name"]
    try:
        if method == "POST":
            return Written(201, store.create(resource, item, created=created).text)
        return Written(200, store.update(resource, item, expect=_expected(item)).text)
    except Taken as error:
        raise already_exists(resource, name) from error
    except KeyError as error:
        raise not_found(resource, name) from error
    except Stale as error:
        raise conflict(resource, name) from error
    except ValueError as error:
        raise bad_request(str(error)) from error


def _lease_of(route: Route, item: Json) -> Json:
    """The lease with the namespace of the path; Failure 400 if it is another's."""
    metadata = item.get("metadata")
    if not isinstance(metadata, dict):
        raise bad_request("metadata is missing")
    item = {
        "apiVersion": route.resource.api_version,
        "kind": route.resource.kind,
        **item,
        "metadata": {"namespace": route.namespace, **metadata},
    }
    try:
        namespace, name = key_of(route.resource, item)
    except ValueError as error:
        raise bad_request(str(error)) from error
    if namespace != route.namespace or route.name not in ("", name):
        raise bad_request("the name and the namespace of the object do not match the request")
    return item


def _expected(item: Json) -> int | None:
    text = item["metadata"].get("resourceVersion") or ""
    if not text:
        return None
    if not isinstance(text, str) or re.fullmatch(r"[0-9]{1,20}", text) is None:
        raise bad_request(f"metadata.resourceVersion: {text!r} is no number")
    return int(text)


def _is_json(content_type: str) -> bool:
    return content_type in ("", "application/json") or content_type.endswith("+json")


def _decoded(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad_request("the body of the request is no JSON") from error
    if not isinstance(found, dict):
        raise bad_request("the body of the request is no object")
    return found
