# SPDX-License-Identifier: Apache-2.0
"""Label selectors and field selectors of lists and watches."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.watch_api.objects import Json
from conformance.watch_api.statuses import Failure
from conformance.watch_api.store import Store
from tests.watch_api.building import CREATED, events, list_of, names, node, serve, service, short, watch_of


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", "abc"),
        ("!proxy", "a"),
        ("!proxy,!headless", "a"),
        ("proxy", "bc"),
        ("proxy=x", "b"),
        ("proxy!=x", "ac"),
        ("proxy in (x,y)", "bc"),
        ("proxy notin (x)", "ac"),
        ("proxy in (y),!headless", "c"),
    ],
)
def test_labels_select(selector: str, selected: str) -> None:
    """A list shows the objects whose labels meet every requirement."""
    store = Store()
    serve(store, service("a"), service("b", labels={"proxy": "x"}), service("c", labels={"proxy": "y"}))
    assert names(list_of(store, labelSelector=selector)) == list(selected)


def pod(name: str, *, node_name: str = "", phase: str = "Running", **status: Any) -> Json:
    """A Pod in JSON."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": node_name} if node_name else {},
        "status": {"phase": phase, **status},
    }


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", "abc"),
        ("metadata.name=b", "b"),
        ("metadata.name==b", "b"),
        ("metadata.name!=b", "ac"),
        ("metadata.namespace=other", ""),
        ("status.phase!=Succeeded,status.phase!=Failed", "ab"),
        ("spec.nodeName=n1", "a"),
        ("spec.host=n1", "a"),
        ("spec.nodeName=", "bc"),
        ("spec.hostNetwork=false", "abc"),
        ("status.podIP=10.0.0.9", "b"),
        ("status.podIP=10.0.0.8", "c"),
        (",metadata.name=a,", "a"),
        (r"metadata.name=a\,b", ""),
    ],
)
def test_fields_select(selector: str, selected: str) -> None:
    """A list shows the objects whose fields meet every requirement; an absent field is empty."""
    store = Store()
    pods = [
        pod("a", node_name="n1"),
        pod("b", podIPs=[{"ip": "10.0.0.9"}, {"ip": "fd00::9"}]),
        pod("c", phase="Failed", podIP="10.0.0.8"),
    ]
    store.replace(objects={"pods": pods}, created=CREATED)
    assert names(list_of(store, "/api/v1/pods", fieldSelector=selector)) == list(selected)


def test_kube_proxy_leaves_headless_services_out() -> None:
    """`spec.clusterIP!=None` is the field selector of kube-proxy 1.37."""
    store = Store()
    serve(store, service("a", clusterIP="10.0.0.1"), service("b", clusterIP="None"), service("c"))
    assert names(list_of(store, fieldSelector="spec.clusterIP!=None")) == ["a", "c"]


def test_flags_of_nodes_are_false_when_absent() -> None:
    """`spec.unschedulable` is written as true or false, whether it is there or not."""
    store = Store()
    store.replace(objects={"nodes": [node("a", unschedulable=True), node("b")]}, created=CREATED)
    assert names(list_of(store, "/api/v1/nodes", fieldSelector="spec.unschedulable=false")) == ["b"]
    assert names(list_of(store, "/api/v1/nodes", fieldSelector="spec.unschedulable=true")) == ["a"]


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        ("/api/v1/services", {"fieldSelector": "spec.ports=1"}, "field label not supported: spec.ports"),
        ("/api/v1/nodes", {"fieldSelector": "metadata.namespace=a"}, "field label not supported"),
        (
            "/apis/discovery.k8s.io/v1/endpointslices",
            {"fieldSelector": "addressType=IPv4"},
            'is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        ("/api/v1/services", {"fieldSelector": "metadata.name"}, "can't understand 'metadata.name'"),
        ("/api/v1/services", {"fieldSelector": r"metadata.name=a\b"}, "invalid escape sequence"),
        ("/api/v1/services", {"fieldSelector": "metadata.name=a\\"}, "invalid escape sequence"),
        ("/api/v1/services", {"fieldSelector": "metadata.name=a=b"}, "unescaped character"),
        ("/api/v1/services", {"labelSelector": "a in b"}, "unable to parse requirement"),
        ("/api/v1/services", {"labelSelector": "!a=b"}, "unable to parse requirement"),
    ],
)
def test_other_selectors_are_refused(path: str, query: dict[str, str], message: str) -> None:
    """A selector that is none, or of a field that cannot be selected by, is answered with 400."""
    with pytest.raises(Failure) as caught:
        list_of(Store(), path, **query)
    assert caught.value.code == 400
    assert message in str(caught.value)


def test_a_watch_sees_what_enters_and_leaves_its_selection() -> None:
    """A change into the selection is an addition, one out of it a deletion with the last state seen."""
    store = Store()
    serve(store, service("a", clusterIP="1"))
    watch = watch_of(store, labelSelector="!hidden", resourceVersion=str(store.version))
    assert watch.start() == b""

    serve(store, service("a", clusterIP="2", labels={"hidden": ""}))
    ((kind, item),) = events(watch.proceed()[0])
    assert kind == "DELETED"
    assert item["spec"] == {"clusterIP": "1"}
    assert item["metadata"]["resourceVersion"] == str(store.version)

    serve(store, service("a", clusterIP="3", labels={"hidden": ""}))
    assert watch.proceed() == (b"", False)

    serve(store, service("a", clusterIP="4"))
    assert short(watch.proceed()[0]) == ["ADDED a"]
    serve(store, service("a", clusterIP="5"))
    assert short(watch.proceed()[0]) == ["MODIFIED a"]
    serve(store)
    assert short(watch.proceed()[0]) == ["DELETED a"]


def test_a_namespace_is_a_selection_too() -> None:
    """Lists and watches of a namespace show its objects alone."""
    store = Store()
    path = "/api/v1/namespaces/x/services"
    watch = watch_of(store, path, resourceVersion=str(store.version))
    watch.start()
    serve(store, service("a", namespace="x"), service("b", namespace="y"))
    assert names(list_of(store, path)) == ["a"]
    assert short(watch.proceed()[0]) == ["ADDED a"]
