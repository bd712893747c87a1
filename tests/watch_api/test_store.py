# SPDX-License-Identifier: Apache-2.0
"""The store: versions, differences, history."""

from __future__ import annotations

import pytest

from conformance.watch_api.objects import Json
from conformance.watch_api.store import Expired, NotYet, Store
from tests.watch_api.building import CREATED, NODES, SERVICES, node, serve, service, version_of


def changes(store: Store, since: int) -> list[tuple[str, str]]:
    """What happened to which Service."""
    found = []
    for change in store.since(SERVICES, since, limit=1000).changes:
        kind = "added" if change.before is None else "deleted" if change.after is None else "modified"
        found.append((kind, change.key[1]))
    return found


def test_deletions_come_first_then_what_is_given_in_its_order() -> None:
    """Of a replacement first what is gone is published, then what is new or differs, as given."""
    store = Store()
    start = serve(store, service("a"), service("b"), service("c"), service("d"))
    serve(store, service("z"), service("d", clusterIP="10.0.0.1"), service("c"), service("a", clusterIP="x"))
    assert changes(store, start) == [
        ("deleted", "b"),
        ("added", "z"),
        ("modified", "d"),
        ("modified", "a"),
    ]


def test_each_change_has_a_version_of_its_own() -> None:
    """Versions are counted over all resources, one for each change, and `replace` says the last."""
    store = Store(start=100)
    reached = store.replace(
        objects={"services": [service("a"), service("b")], "nodes": [node("n")]}, created=CREATED
    )
    assert reached == store.version == 103
    assert [version_of(store, SERVICES, name) for name in "ab"] == ["101", "102"]
    assert version_of(store, NODES, "n") == "103"


def test_what_is_the_same_is_no_change() -> None:
    """Giving the same objects again, whatever their resourceVersion, publishes nothing."""
    store = Store()
    start = serve(store, service("a", ports=[{"port": 80}]), service("b"))
    again = service("a", ports=[{"port": 80}])
    again["metadata"]["resourceVersion"] = "7"
    assert serve(store, service("b"), again) == start
    assert changes(store, start) == []


def test_a_difference_deep_inside_is_a_change() -> None:
    """Objects are compared in depth, metadata as well as the rest."""
    store = Store()
    start = serve(store, service("a", ports=[{"port": 80}]), service("b", labels={"x": "1"}))
    serve(store, service("a", ports=[{"port": 81}]), service("b", labels={"x": "2"}))
    assert changes(store, start) == [("modified", "a"), ("modified", "b")]


def test_only_the_resources_given_are_touched() -> None:
    """A resource that is not named keeps its objects; one that is named with nothing loses them."""
    store = Store()
    store.replace(objects={"services": [service("a")], "nodes": [node("n")]}, created=CREATED)
    store.replace(objects={"nodes": []}, created=CREATED)
    assert len(store.snapshot(SERVICES).items) == 1
    assert store.snapshot(NODES).items == ()


def test_what_a_server_sets_is_set_once() -> None:
    """An object gets uid and creationTimestamp when it appears, and keeps them until it goes."""
    store = Store()
    serve(store, service("a"))

    def metadata() -> Json:
        found: Json = store.snapshot(SERVICES).items[0].object["metadata"]
        return found

    first = metadata()
    assert first["creationTimestamp"] == CREATED
    store.replace(objects={"services": [service("a", clusterIP="x")]}, created="2009-01-01T00:00:00Z")
    assert metadata() == {**first, "resourceVersion": str(store.version)}
    serve(store)
    serve(store, service("a"))
    assert metadata()["uid"] != first["uid"]


def test_given_identities_are_kept() -> None:
    """A uid and a creationTimestamp that are given are served."""
    store = Store()
    given = service("a")
    given["metadata"].update(uid="u", creationTimestamp="2020-01-01T00:00:00Z")
    start = serve(store, given)
    assert store.snapshot(SERVICES).items[0].object["metadata"]["uid"] == "u"
    assert serve(store, given) == start


def test_another_uid_is_another_object() -> None:
    """An object of the same name with another uid is deleted and added, as in a cluster."""
    store = Store()
    old, new = service("a"), service("a")
    old["metadata"]["uid"], new["metadata"]["uid"] = "1", "2"
    start = serve(store, old)
    serve(store, new)
    assert changes(store, start) == [("deleted", "a"), ("added", "a")]
    assert store.snapshot(SERVICES).items[0].object["metadata"]["uid"] == "2"


def test_what_was_given_may_change_later() -> None:
    """The store keeps its own copy."""
    store = Store()
    given = service("a", ports=[{"port": 80}])
    serve(store, given)
    given["spec"]["ports"][0]["port"] = 81
    assert store.snapshot(SERVICES).items[0].object["spec"]["ports"] == [{"port": 80}]


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ({"service": [service("a")]}, "did you mean 'services'"),
        ({"services": [node("a")]}, "expected apiVersion 'v1' and kind 'Service'"),
        ({"services": [{**service("a"), "apiVersion": "v2"}]}, "'v2'"),
        ({"services": [service("a"), service("a")]}, "'default/a' is given twice"),
        ({"services": [service("")]}, "metadata.name"),
        ({"services": [service("a", namespace="")]}, "expected a namespace"),
        ({"nodes": [{**node("a"), "metadata": {"name": "a", "namespace": "b"}}]}, "expected none"),
        ({"nodes": [{"apiVersion": "v1", "kind": "Node"}]}, "metadata has to be an object"),
        ({"services": [service("a", port=float("nan"))]}, "not JSON compliant"),
    ],
)
def test_what_is_no_such_object_is_refused_and_changes_nothing(
    objects: dict[str, list[Json]], message: str
) -> None:
    """A wrong object is refused with what is wrong, and nothing else of the replacement happens."""
    store = Store()
    start = serve(store, service("old"))
    with pytest.raises(ValueError, match=message):
        store.replace(objects={"pods": [], **objects}, created=CREATED)
    with pytest.raises(ValueError, match=message):
        store.replace(objects={"nodes": [node("new")], **objects}, created=CREATED)
    assert store.version == start
    assert changes(store, start) == []
    assert store.snapshot(NODES).items == ()


def test_the_history_is_bounded() -> None:
    """Only the last changes are kept; who wants older ones is told so."""
    store = Store(history=3)
    versions = [serve(store, service("a", clusterIP=str(number))) for number in range(10)]
    assert len(store.since(SERVICES, versions[-4], limit=100).changes) == 3
    with pytest.raises(Expired):
        store.since(SERVICES, versions[-5], limit=100)


def test_a_replacement_is_kept_whole() -> None:
    """However many changes are made at once, who was up to date before can go on."""
    store = Store(history=3)
    start = serve(store, service("a"))
    reached = serve(store, *(service(name) for name in "bcdefgh"))
    assert len(changes(store, start)) == 8
    serve(store, *(service(name) for name in "bcdefgh"))  # the same again
    assert len(changes(store, start)) == 8
    serve(store, *(service(name) for name in "bcdefg"))
    assert changes(store, reached) == [("deleted", "h")]
    with pytest.raises(Expired):
        store.since(SERVICES, start, limit=1)


def test_other_resources_do_not_use_up_the_history() -> None:
    """Each resource has a history of its own."""
    store = Store(history=3)
    start = serve(store, service("a"))
    for number in range(10):
        store.replace(objects={"nodes": [node("n", x=number)]}, created=CREATED)
    assert store.since(SERVICES, start, limit=100).changes == ()
    assert store.since(SERVICES, start, limit=100).reached == store.version


def test_versions_from_before_the_start_are_too_old() -> None:
    """A new store cannot continue what an earlier one began."""
    with pytest.raises(Expired):
        Store(start=100).since(SERVICES, 99, limit=1)
    assert Store(start=100).since(SERVICES, 100, limit=1).changes == ()


def test_batches_are_limited_and_join() -> None:
    """Changes come in batches, each beginning where the one before ended."""
    store = Store()
    start = store.version
    serve(store, *(service(name) for name in "abcde"))
    found = []
    more, position = True, start
    while more:
        batch = store.since(SERVICES, position, limit=2)
        assert len(batch.changes) <= 2
        found += [change.key[1] for change in batch.changes]
        more, position = batch.more, batch.reached
    assert found == list("abcde")
    assert position == store.version


def test_the_past_is_what_it_was() -> None:
    """A snapshot at an older version has the objects of that time."""
    store = Store(history=4)
    first = serve(store, service("a"), service("b"))
    then = [item.text for item in store.snapshot(SERVICES).items]
    serve(store, service("b", clusterIP="x"), service("c"))
    assert [item.text for item in store.snapshot(SERVICES, at=first).items] == then
    serve(store)
    with pytest.raises(Expired):
        store.snapshot(SERVICES, at=first)
    with pytest.raises(NotYet):
        store.snapshot(SERVICES, at=store.version + 1)


def test_lists_are_sorted_as_in_etcd() -> None:
    """Objects are sorted by namespace and name, byte by byte."""
    store = Store()
    serve(
        store,
        service("b"),
        service("a", namespace="e"),
        service("a-b"),
        service("a"),
        service("a", namespace="a"),
    )
    assert [item.key for item in store.snapshot(SERVICES).items] == [
        ("a", "a"),
        ("default", "a"),
        ("default", "a-b"),
        ("default", "b"),
        ("e", "a"),
    ]
