# SPDX-License-Identifier: Apache-2.0
"""The API over HTTP: what is answered under which path."""

from __future__ import annotations

import json

import pytest

from tests.watch_api.building import node, service
from tests.watch_api.serving import event, name, served

PROTOBUF = "application/vnd.kubernetes.protobuf"


def test_lists_items_and_namespaces() -> None:
    """A collection, a collection of a namespace, an object and its status are answered in JSON."""
    with served() as (api, client):
        api.replace(objects={"services": [service("a"), service("b", namespace="x")], "nodes": [node("n")]})
        answer = client.ask("/api/v1/services")
        assert answer.code == 200
        assert answer.headers["content-type"] == "application/json"
        assert [item["metadata"]["name"] for item in answer.document["items"]] == ["a", "b"]
        assert len(client.ask("/api/v1/namespaces/x/services").document["items"]) == 1
        assert client.ask("/api/v1/namespaces/x/services/b").document["metadata"]["name"] == "b"
        assert client.ask("/api/v1/nodes/n/status").document["kind"] == "Node"
        assert client.ask("/apis/networking.k8s.io/v1/servicecidrs").document["items"] == []


@pytest.mark.parametrize(
    ("path", "method", "code", "reason"),
    [
        ("/api/v1/namespaces/x/services/none", "GET", 404, "NotFound"),
        ("/api/v1/nodes/none", "GET", 404, "NotFound"),
        ("/api/v1/nodes/none/status", "PATCH", 404, "NotFound"),
        ("/api/v1/secrets", "GET", 404, "NotFound"),
        ("/api/v2/services", "GET", 404, "NotFound"),
        ("/api/v1/services/a", "GET", 404, "NotFound"),
        ("/api/v1/namespaces/x/nodes", "GET", 404, "NotFound"),
        ("/api/v1/namespaces/x/services/a/proxy", "GET", 404, "NotFound"),
        ("/openapi/v3", "GET", 404, "NotFound"),
        ("/", "GET", 404, "NotFound"),
        ("/api/v1/services", "OPTIONS", 405, "MethodNotAllowed"),
        ("/api/v1/services", "PUT", 405, "MethodNotAllowed"),
        ("/api/v1/nodes/n", "POST", 405, "MethodNotAllowed"),
        ("/version", "POST", 405, "MethodNotAllowed"),
        ("/api/v1/namespaces/x/services", "POST", 403, "Forbidden"),
        ("/api/v1/namespaces/x/services/a", "PUT", 403, "Forbidden"),
        ("/api/v1/namespaces/x/services/a", "DELETE", 403, "Forbidden"),
        ("/api/v1/services", "DELETE", 403, "Forbidden"),
        ("/api/v1/services?limit=x", "GET", 400, "BadRequest"),
        ("/api/v1/services?watch=1&timeoutSeconds=x", "GET", 400, "BadRequest"),
        ("/api/v1/services?watch=1&resourceVersion=x", "GET", 422, "Invalid"),
        ("/api/v1/nodes/n?resourceVersion=x", "GET", 400, "BadRequest"),
        ("/api/v1/services?resourceVersion=99999999999999999", "GET", 504, "Timeout"),
        ("/api/v1/services?resourceVersion=1&resourceVersionMatch=Exact", "GET", 410, "Expired"),
    ],
)
def test_what_is_not_answered_is_told_in_a_status(path: str, method: str, code: int, reason: str) -> None:
    """Every refusal is a Status object that has the code of the answer and a reason."""
    with served() as (_, client):
        answer = client.ask(path, method, b"{}" if method in ("POST", "PUT", "PATCH") else None)
        assert answer.code == code
        assert answer.headers["content-type"] == "application/json"
        status = answer.document
        assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
        assert (status["code"], status["reason"]) == (code, reason)
        assert status["message"]


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        (f"{PROTOBUF},application/json", 200),
        (f"{PROTOBUF}, */*", 200),
        ("application/*;q=0.8", 200),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", 200),
        ("application/json;stream=watch", 200),
        ("", 200),
        (PROTOBUF, 406),
        ("application/json;as=Table;v=v1;g=meta.k8s.io", 406),
        ("application/yaml", 406),
    ],
)
def test_json_is_answered_to_who_takes_it(accept: str, code: int) -> None:
    """A client that also takes JSON gets JSON; one that does not is told so."""
    with served() as (_, client):
        assert client.ask("/api/v1/services", Accept=accept).code == code


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez", "/livez/ping", "/readyz?verbose"])
def test_health(path: str) -> None:
    """A running server is healthy, whatever the client accepts."""
    with served() as (_, client):
        answer = client.ask(path, Accept="text/plain")
        assert (answer.code, answer.text) == (200, b"ok")


def test_discovery() -> None:
    """What is served can be found out: the versions, the groups and their resources."""
    with served() as (_, client):
        assert client.ask("/version").document["gitVersion"].startswith("v1.")
        assert client.ask("/api").document["versions"] == ["v1"]
        groups = [item["name"] for item in client.ask("/apis").document["groups"]]
        assert groups == sorted(groups)
        assert "discovery.k8s.io" in groups
        for group in groups:
            (version,) = client.ask(f"/apis/{group}").document["versions"]
            found = client.ask(f"/apis/{version['groupVersion']}/").document
            assert found["groupVersion"] == version["groupVersion"]
            for resource in found["resources"]:
                if "list" in resource["verbs"]:
                    answer = client.ask(f"/apis/{version['groupVersion']}/{resource['name']}")
                    assert answer.document["kind"] == f"{resource['kind']}List"
        core = client.ask("/api/v1").document["resources"]
        assert {"services", "nodes", "namespaces", "pods"} <= {item["name"] for item in core}


def test_events_are_dropped() -> None:
    """An event in either format is accepted as a server would, and is not kept."""
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    with served() as (_, client):
        sent = client.ask(path, "POST", b"k8s\0\x0a\x01", Content_Type=PROTOBUF, Accept=f"{PROTOBUF},*/*")
        assert (sent.code, sent.document["kind"]) == (201, "Event")
        body = json.dumps({"metadata": {"name": "e", "namespace": "default"}, "reason": "Starting"})
        sent = client.ask(path, "POST", body.encode(), Content_Type="application/json")
        assert (sent.code, sent.document["reason"], sent.document["metadata"]["name"]) == (
            201,
            "Starting",
            "e",
        )
        assert client.ask(f"{path}/e", "PATCH", b"{}").code == 200
        assert client.ask(path).document["items"] == []
        assert client.ask(path, "POST", b"no json", Content_Type="application/json").code == 400


def test_an_access_review_says_yes() -> None:
    """A program that asks whether it may is told that it may."""
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    spec = {"resourceAttributes": {"verb": "list", "resource": "services"}}
    with served() as (_, client):
        answer = client.ask(path, "POST", json.dumps({"spec": spec}).encode())
        assert answer.code == 201
        assert answer.document["status"] == {"allowed": True}
        assert answer.document["spec"] == spec
        assert client.ask(path, "POST", b"k8s\0", Content_Type=PROTOBUF).document["status"]["allowed"]


def test_what_a_program_writes_about_itself_changes_nothing() -> None:
    """A node's annotations and the status of an object can be written, and what is served stays."""
    with served() as (api, client):
        version = api.replace(objects={"services": [service("a")], "nodes": [node("n")]})
        for path in (
            "/api/v1/nodes/n",
            "/api/v1/nodes/n/status",
            "/api/v1/namespaces/default/services/a/status",
        ):
            for method in ("PATCH", "PUT"):
                answer = client.ask(
                    path, method, b'{"status":{"x":1}}', Content_Type="application/merge-patch+json"
                )
                assert answer.code == 200
                assert answer.document == client.ask(path).document
        assert client.ask("/api/v1/nodes").document["metadata"]["resourceVersion"] == str(version)


def test_leases_are_kept() -> None:
    """A lease can be created once, changed by who knows its version, watched and deleted."""
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"

    def lease(holder: str, **metadata: str) -> bytes:
        named = {"name": "l", "namespace": "kube-system", **metadata}
        return json.dumps({"metadata": named, "spec": {"holderIdentity": holder}}).encode()

    with served() as (_, client), client.watching(f"{path}?watch=true&timeoutSeconds=60") as watch:
        assert client.ask(f"{path}/l").code == 404
        assert client.ask(f"{path}/l", "PUT", lease("a")).code == 404
        created = client.ask(path, "POST", lease("a"))
        assert created.code == 201
        assert name(watch) == "ADDED l"
        again = client.ask(path, "POST", lease("b"))
        assert (again.code, again.document["reason"]) == (409, "AlreadyExists")
        version = created.document["metadata"]["resourceVersion"]
        changed = client.ask(f"{path}/l", "PUT", lease("b", resourceVersion=version))
        assert changed.code == 200
        assert event(watch) == ("MODIFIED", changed.document)
        stale = client.ask(f"{path}/l", "PUT", lease("c", resourceVersion=version))
        assert (stale.code, stale.document["reason"]) == (409, "Conflict")
        assert client.ask(f"{path}/l").document["spec"] == {"holderIdentity": "b"}
        assert client.ask(f"{path}/other", "PUT", lease("c")).code == 400
        assert client.ask(path, "POST", lease("c", namespace="x")).code == 400
        assert client.ask(path, "POST", b"k8s\0", Content_Type=PROTOBUF).code == 415
        assert client.ask(f"{path}/l", "DELETE").code == 200
        assert name(watch) == "DELETED l"
        assert client.ask(f"{path}/l", "DELETE").code == 404


def test_requests_are_recorded() -> None:
    """Each request is recorded with its code and who made it; a watch as soon as it is answered."""
    with served() as (api, client):
        client.ask("/api/v1/nodes?limit=5", User_Agent="one/1.0")
        client.ask("/nowhere")
        with client.watching("/api/v1/services?watch=true"):
            found = api.requests
    assert [(item.method, item.path, item.query, item.status) for item in found] == [
        ("GET", "/api/v1/nodes", "limit=5", 200),
        ("GET", "/nowhere", "", 404),
        ("GET", "/api/v1/services", "watch=true", 200),
    ]
    assert found[0].user_agent == "one/1.0"


def test_the_record_is_bounded() -> None:
    """However many requests are made, only the last are kept."""
    with served() as (api, client):
        for _ in range(1030):
            client.ask("/healthz")
        client.ask("/last")
        assert len(api.requests) == 1024
        assert api.requests[-1].path == "/last"
