# SPDX-License-Identifier: Apache-2.0
"""Whoever watches, however it is cut off, comes to see what the store has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import define, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from conformance.watch_api.objects import Json
from conformance.watch_api.statuses import Failure
from conformance.watch_api.store import Store
from conformance.watch_api.watching import Watch
from tests.watch_api.building import events, list_of, serve, service, watch_of


@frozen
class Kind:
    """How a client watches: which objects, and whether it lists first."""

    query: dict[str, str]
    selects: Callable[[Json], bool]
    lists: bool


@define
class Client:
    """What a client makes of lists and events, as the reflector of client-go does; strict about both."""

    store: Store
    kind: Kind
    view: dict[str, Json] = field(factory=dict)
    version: str = ""
    watch: Watch | None = None
    relists: int = 0

    def connect(self) -> None:
        """Go on from the version that was seen; from the beginning if there is none."""
        if self.version:
            self.watch = watch_of(self.store, resourceVersion=self.version, **self._bookmarks)
            assert self.watch.start() == b""
        elif self.kind.lists:
            document = list_of(self.store, resourceVersion="0", **self.kind.query)
            self.view = {item["metadata"]["name"]: item for item in document["items"]}
            self.version = document["metadata"]["resourceVersion"]
            self.connect()
        else:
            self.watch = watch_of(
                self.store,
                sendInitialEvents="true",
                resourceVersionMatch="NotOlderThan",
                **self._bookmarks,
            )
            self.view = {}
            *first, (last, bookmark) = events(self.watch.start())
            for kind, item in first:
                assert kind == "ADDED"
                assert item["metadata"]["name"] not in self.view
                self.view[item["metadata"]["name"]] = item
            assert last == "BOOKMARK"
            assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            self.version = bookmark["metadata"]["resourceVersion"]

    @property
    def _bookmarks(self) -> dict[str, str]:
        return {"allowWatchBookmarks": "true", **self.kind.query}

    def read(self, *, limit: int) -> bool:
        """Take the next events; whether there are more."""
        if self.watch is None:
            self.connect()
        assert self.watch is not None
        lines, more = self.watch.proceed(limit=limit)
        for kind, item in events(lines):
            if kind == "ERROR":
                assert item["code"] == 410
                self.version, self.watch = "", None
                self.relists += 1
                return True
            self._take(kind, item)
        return more

    def _take(self, kind: str, item: Json) -> None:
        name, version = item["metadata"]["name"], item["metadata"]["resourceVersion"]
        assert int(version) > int(self.version)
        self.version = version
        assert (kind == "ADDED") is (name not in self.view)
        if kind == "DELETED":
            del self.view[name]
        else:
            assert kind in ("ADDED", "MODIFIED")
            self.view[name] = item

    def rest(self) -> None:
        """Take a bookmark, which moves the version on."""
        if self.watch is not None:
            for kind, item in events(self.watch.bookmark()):
                assert kind == "BOOKMARK"
                assert int(item["metadata"]["resourceVersion"]) >= int(self.version)
                self.version = item["metadata"]["resourceVersion"]


_NAMES = st.sampled_from("abcd")
_KINDS = [
    Kind(query, selects, lists)
    for query, selects in (
        ({}, lambda item: True),
        ({"labelSelector": "!hidden"}, lambda item: "hidden" not in item["metadata"].get("labels", {})),
        ({"fieldSelector": "spec.clusterIP!=None"}, lambda item: item["spec"]["clusterIP"] != "None"),
    )
    for lists in (False, True)
]
_OBJECTS = st.lists(
    st.builds(
        lambda name, address, hidden: service(
            name, clusterIP=address, labels={"hidden": ""} if hidden else {}
        ),
        _NAMES,
        st.sampled_from(["10.0.0.1", "10.0.0.2", "None"]),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda item: item["metadata"]["name"],
)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("replace"), _OBJECTS),
        st.tuples(st.sampled_from(["read one", "read", "cut", "bookmark"]), st.none()),
    ),
    max_size=12,
)


@given(kind=st.sampled_from(_KINDS), history=st.integers(1, 6), steps=_STEPS)
def test_every_view_converges(kind: Kind, history: int, steps: list[tuple[str, list[Json] | None]]) -> None:
    """Started, read and cut off anywhere, a client sees ordered events and in the end what is there."""
    store = Store(history=history)
    client = Client(store, kind)
    for what, given_objects in steps:
        if given_objects is not None:
            serve(store, *given_objects)
        elif what == "cut":
            client.watch = None
        elif what == "bookmark":
            client.rest()
        else:
            client.read(limit=1 if what == "read one" else 100)
    while client.read(limit=2):
        pass
    wanted = {item["metadata"]["name"]: item for item in list_of(store)["items"] if kind.selects(item)}
    assert client.view == wanted


def test_a_client_that_is_left_behind_lists_again() -> None:
    """The property above does reach the case that a watch has to begin anew."""
    store = Store(history=1)
    client = Client(store, _KINDS[0])
    client.read(limit=1)
    for number in range(3):
        serve(store, service("a", clusterIP=str(number)))
    while client.read(limit=1):
        pass
    assert client.relists == 1
    assert client.view["a"]["spec"]["clusterIP"] == "2"


@given(first=_OBJECTS, second=_OBJECTS, limit=st.integers(1, 3))
def test_pages_are_of_one_version(first: list[Json], second: list[Json], limit: int) -> None:
    """The pages of a list show one moment, whatever changes between them."""
    store = Store()
    serve(store, *first)
    whole = list_of(store)
    page = list_of(store, limit=str(limit))
    found = page["items"]
    while page["metadata"].get("continue"):
        left = page["metadata"]["remainingItemCount"]
        assert left == len(whole["items"]) - len(found)
        serve(store, *second)
        page = list_of(store, limit=str(limit), **{"continue": page["metadata"]["continue"]})
        assert page["metadata"]["resourceVersion"] == whole["metadata"]["resourceVersion"]
        assert 0 < len(page["items"]) <= limit
        found += page["items"]
    assert found == whole["items"]


def test_pages_that_can_not_be_had_any_more() -> None:
    """A token that is too old is answered with one that goes on at the newest version."""
    store = Store(history=1)
    serve(store, service("a"), service("b"))
    token = list_of(store, limit="1")["metadata"]["continue"]
    serve(store, service("a"), service("c"))
    serve(store, service("a"), service("c"), service("d"))
    with pytest.raises(Failure) as caught:
        list_of(store, limit="1", **{"continue": token})
    assert caught.value.code == 410
    later = caught.value.status["metadata"]["continue"]
    document = list_of(store, **{"continue": later})
    assert [item["metadata"]["name"] for item in document["items"]] == ["c", "d"]
