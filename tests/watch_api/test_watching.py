# SPDX-License-Identifier: Apache-2.0
"""Watches: where they start, bookmarks and errors."""

from __future__ import annotations

import pytest

from conformance.watch_api.statuses import Failure
from conformance.watch_api.store import Store
from tests.watch_api.building import events, serve, service, short, watch_of


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}, {"resourceVersion": ""}])
def test_a_watch_without_a_version_begins_with_what_is_there(query: dict[str, str]) -> None:
    """What is there is added first, in the order of a list; then come the changes."""
    store = Store()
    serve(store, service("b"), service("a"))
    watch = watch_of(store, **query)
    assert short(watch.start()) == ["ADDED a", "ADDED b"]
    serve(store, service("b"))
    assert short(watch.proceed()[0]) == ["DELETED a"]


def test_a_watch_from_a_version_gets_what_came_after() -> None:
    """Nothing that the version has is sent, and everything after it in order."""
    store = Store()
    version = serve(store, service("a"))
    serve(store, service("a", clusterIP="x"), service("b"))
    serve(store, service("b"))
    watch = watch_of(store, resourceVersion=str(version))
    assert watch.start() == b""
    assert short(watch.proceed()[0]) == ["MODIFIED a", "ADDED b", "DELETED a"]
    assert watch.proceed() == (b"", False)


def test_the_end_of_the_initial_state_is_marked() -> None:
    """A streamed list ends with a bookmark that has the annotation and the version of the state."""
    store = Store()
    version = serve(store, service("a"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    watch = watch_of(store, allowWatchBookmarks="true", **query)
    found = events(watch.start())
    assert [kind for kind, _ in found] == ["ADDED", "BOOKMARK"]
    assert found[1][1] == {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {
            "resourceVersion": str(version),
            "creationTimestamp": None,
            "annotations": {"k8s.io/initial-events-end": "true"},
        },
    }
    # Without bookmarks there is none, though the state is sent.
    assert short(watch_of(store, **query).start()) == ["ADDED a"]
    # A version that has been reached is as good as none.
    assert short(watch_of(store, resourceVersion=str(version), **query).start()) == ["ADDED a"]


def test_the_initial_state_can_be_left_out() -> None:
    """With sendInitialEvents false a watch without a version begins now."""
    store = Store()
    serve(store, service("a"))
    watch = watch_of(store, sendInitialEvents="false", resourceVersionMatch="NotOlderThan")
    assert watch.start() == b""
    serve(store)
    assert short(watch.proceed()[0]) == ["DELETED a"]


def test_a_version_that_is_gone_is_an_error_event() -> None:
    """A watch that cannot be continued ends with an ERROR event, a Status with 410 Expired."""
    store = Store(history=1)
    version = serve(store, service("a"))
    running = watch_of(store, resourceVersion=str(version))
    running.start()
    serve(store, service("b"))
    assert not running.is_lost
    serve(store, service("c"))
    assert running.is_lost
    late = watch_of(store, resourceVersion=str(version))
    assert late.start() == b""
    for watch in (running, late):
        ((kind, status),) = events(watch.proceed()[0])
        assert kind == "ERROR"
        assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
        assert watch.is_over


def test_a_state_that_is_to_come_is_an_error_event() -> None:
    """A streamed list that must not be older than what is there says that the version is too large."""
    store = Store()
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    watch = watch_of(store, resourceVersion=str(store.version + 1), **query)
    ((kind, status),) = events(watch.start())
    assert (kind, status["code"]) == ("ERROR", 504)
    assert status["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert watch.is_over


def test_a_watch_from_a_version_to_come_waits_for_it() -> None:
    """A plain watch from the future sends what comes after it, and no bookmark before."""
    store = Store()
    watch = watch_of(store, resourceVersion=str(store.version + 2), allowWatchBookmarks="true")
    assert watch.start() == b""
    assert watch.bookmark() == b""
    serve(store, service("a"), service("b"), service("c"))
    assert short(watch.proceed()[0]) == ["ADDED c"]


def test_bookmarks_tell_what_was_sent() -> None:
    """A bookmark has the version up to which everything was sent; who asks for none gets none."""
    store = Store()
    watch = watch_of(store, labelSelector="x", allowWatchBookmarks="true")
    watch.start()
    version = serve(store, service("a"))
    assert watch.proceed() == (b"", False)
    assert short(watch.bookmark()) == [f"BOOKMARK {version}"]
    assert watch_of(store).bookmark() == b""


def test_an_event_is_one_line() -> None:
    """Whatever is in an object, an event is one line of JSON."""
    store = Store()
    serve(store, service("a", note="first\nsecond\u2028third"))
    lines = watch_of(store).start()
    assert lines.count(b"\n") == 1
    assert events(lines)[0][1]["spec"]["note"] == "first\nsecond\u2028third"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"resourceVersion": "abc"}, 422),
        ({"timeoutSeconds": "x"}, 400),
        ({"sendInitialEvents": "true"}, 422),
        ({"sendInitialEvents": "true", "resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersionMatch": "NotOlderThan", "resourceVersion": "1"}, 422),
    ],
)
def test_wrong_parameters_are_refused(query: dict[str, str], code: int) -> None:
    """What a watch cannot be asked for is refused before it begins, with the real server's codes."""
    with pytest.raises(Failure) as caught:
        watch_of(Store(), **query)
    assert caught.value.code == code
