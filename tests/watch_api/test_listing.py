# SPDX-License-Identifier: Apache-2.0
"""Lists: envelopes, versions and pages."""

from __future__ import annotations

import pytest

from conformance.watch_api.statuses import Failure
from conformance.watch_api.store import Store
from tests.watch_api.building import CREATED, list_of, names, node, serve, service


def refusal(store: Store, **query: str) -> Failure:
    """Why a list is refused."""
    with pytest.raises(Failure) as caught:
        list_of(store, **query)
    return caught.value


def test_a_list_names_its_kind_and_its_version() -> None:
    """The envelope has the kind of the list and the version of the store, with objects or without."""
    store = Store(start=10)
    assert list_of(store) == {
        "kind": "ServiceList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "10"},
        "items": [],
    }
    serve(store, service("a"))
    document = list_of(store)
    assert document["metadata"] == {"resourceVersion": "11"}
    assert document["items"] == [store.snapshot(store.resources["services"]).items[0].object]
    slices = list_of(store, "/apis/discovery.k8s.io/v1/endpointslices")
    assert (slices["kind"], slices["apiVersion"]) == ("EndpointSliceList", "discovery.k8s.io/v1")


def test_pages() -> None:
    """`limit` cuts a list, `continue` goes on after it, and what remains is counted."""
    store = Store()
    serve(store, *(service(name) for name in "abcde"))
    first = list_of(store, limit="2")
    assert names(first) == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 3
    second = list_of(store, limit="2", **{"continue": first["metadata"]["continue"]})
    assert names(second) == ["c", "d"]
    last = list_of(store, limit="2", **{"continue": second["metadata"]["continue"]})
    assert names(last) == ["e"]
    assert set(last["metadata"]) == {"resourceVersion"}


def test_the_rest_of_a_selection_is_not_counted() -> None:
    """A page of a selection does not say how much remains, as on a real server."""
    store = Store()
    serve(store, service("a"), service("b", labels={"x": ""}), service("c"))
    page = list_of(store, limit="1", labelSelector="!x")
    assert "remainingItemCount" not in page["metadata"]
    rest = list_of(store, limit="1", labelSelector="!x", **{"continue": page["metadata"]["continue"]})
    assert names(rest) == ["c"]
    assert "continue" not in rest["metadata"]


def test_any_version_is_not_paged() -> None:
    """With resourceVersion 0 the whole list is answered, as from a real server's cache."""
    store = Store()
    serve(store, service("a"), service("b"))
    assert names(list_of(store, limit="1", resourceVersion="0")) == ["a", "b"]


def test_versions_of_lists() -> None:
    """Not older than a version is the newest; exactly at one, or at one with a limit, is that one."""
    store = Store()
    then = str(serve(store, service("a")))
    serve(store, service("b"))
    assert names(list_of(store, resourceVersion=then)) == ["b"]
    assert names(list_of(store, resourceVersion=then, resourceVersionMatch="NotOlderThan")) == ["b"]
    exact = list_of(store, resourceVersion=then, resourceVersionMatch="Exact")
    assert names(exact) == ["a"]
    assert exact["metadata"]["resourceVersion"] == then
    assert names(list_of(store, resourceVersion=then, limit="5")) == ["a"]


def test_versions_that_are_not_there() -> None:
    """A version that is gone is answered with 410 Expired, one that is to come with its cause."""
    store = Store(history=1)
    then = str(serve(store, service("a")))
    serve(store, service("b"))
    serve(store, service("c"))
    gone = refusal(store, resourceVersion=then, resourceVersionMatch="Exact")
    assert (gone.code, gone.status["reason"]) == (410, "Expired")
    for match in ({}, {"resourceVersionMatch": "NotOlderThan"}, {"resourceVersionMatch": "Exact"}):
        early = refusal(store, resourceVersion=str(store.version + 1), **match)
        assert early.code == 504
        assert early.status["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"resourceVersion": "abc"}, 400),
        ({"resourceVersion": "-1"}, 400),
        ({"resourceVersion": str(2**64)}, 400),
        ({"limit": "many"}, 400),
        ({"limit": ""}, 400),
        ({"limit": str(2**63)}, 400),
        ({"timeoutSeconds": "1.5"}, 400),
        ({"continue": "%%%"}, 400),
        ({"continue": "e30"}, 400),
        ({"continue": "WzFd"}, 400),
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422),
        ({"resourceVersionMatch": "Newest", "resourceVersion": "1"}, 422),
        ({"sendInitialEvents": "true"}, 422),
    ],
)
def test_wrong_parameters_are_refused(query: dict[str, str], code: int) -> None:
    """A parameter that cannot be read is answered with 400, one that is not allowed with 422."""
    assert refusal(Store(), **query).code == code


def test_a_token_stands_alone() -> None:
    """With a token goes neither a version nor how to match it."""
    store = Store()
    serve(store, service("a"), service("b"))
    token = list_of(store, limit="1")["metadata"]["continue"]
    version = str(store.version)
    assert refusal(store, **{"continue": token, "resourceVersion": version}).code == 400
    both = {"continue": token, "resourceVersion": version, "resourceVersionMatch": "Exact"}
    assert refusal(store, **both).code == 422
    assert names(list_of(store, **{"continue": token, "resourceVersion": "0"})) == ["b"]


def test_cluster_scoped_objects_are_paged_too() -> None:
    """The place in a list of what is in no namespace is its name."""
    store = Store()
    store.replace(objects={"nodes": [node("a"), node("b")]}, created=CREATED)
    page = list_of(store, "/api/v1/nodes", limit="1")
    assert names(list_of(store, "/api/v1/nodes", **{"continue": page["metadata"]["continue"]})) == ["b"]
