# SPDX-License-Identifier: Apache-2.0
"""What a watch sends: where it starts, and which event a change is for its selection.

A watch is a position in the history of a resource and nothing else. It has no queue, so
that a reader who falls behind costs no memory; when the history has left its position
behind, it is told so (410) and lists again.

Source: k8s.io/apiserver `pkg/storage/cacher` (`cacher.go` Watch, `cache_watcher.go`
convertToWatchEvent, `watch_cache.go` getAllEventsSinceLocked).
"""

from __future__ import annotations

from attrs import define, field

from conformance.watch_api.objects import encoded
from conformance.watch_api.options import ListOptions
from conformance.watch_api.resources import Resource
from conformance.watch_api.selection import Selection
from conformance.watch_api.statuses import Failure, expired, too_large_a_version
from conformance.watch_api.store import Change, Expired, Store

__all__ = ["Watch", "bookmark_line", "change_line", "error_line"]

_INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@define(eq=False)
class Watch:
    """One watch of `resource`, wherever its events go.  `position` is the version that it has reached.

    `lines` gives the next events, each a line of JSON; after `start` it has the events of
    the initial state. `is_over` is set by the last event, an error.
    """

    store: Store
    resource: Resource
    options: ListOptions
    position: int = 0
    is_over: bool = field(default=False, init=False)

    def start(self) -> bytes:
        """The first events: what is there, if it was asked for, or an error."""
        options, wanted = self.options, self.options.resource_version or 0
        # A watch without a version, or with 0, always began with what is there.
        initial = options.initial_events if options.initial_events is not None else not wanted
        snapshot = self.store.snapshot(self.resource)
        if not initial:
            self.position = wanted or snapshot.version
            return b""
        if wanted > snapshot.version:
            return self._failed(too_large_a_version(wanted, snapshot.version))
        self.position = snapshot.version
        lines = [_line(b"ADDED", item.text) for item in snapshot.items if options.selection.selects(item)]
        if options.bookmarks:
            lines.append(bookmark_line(self.resource, snapshot.version, is_end_of_initial=True))
        return b"".join(lines)

    def proceed(self, *, limit: int = 128) -> tuple[bytes, bool]:
        """The events of at most `limit` changes, and whether there are more."""
        try:
            batch = self.store.since(self.resource, self.position, limit=limit)
        except Expired as error:
            return self._failed(expired(str(error))), False
        self.position = batch.reached
        return b"".join(change_line(item, self.options.selection) for item in batch.changes), batch.more

    def bookmark(self) -> bytes:
        """A bookmark of the position, unless the store has not got there."""
        if not self.options.bookmarks or self.is_over or self.position > self.store.version:
            return b""
        return bookmark_line(self.resource, self.position)

    @property
    def is_lost(self) -> bool:
        """Whether the next thing to say is that the position is too old."""
        return self.store.is_lost(self.resource, self.position)

    def _failed(self, failure: Failure) -> bytes:
        self.is_over = True
        return error_line(failure)


def change_line(change: Change, selection: Selection) -> bytes:
    """The event of `change` for who sees only `selection`; nothing if it is not seen.

    What enters a selection is added, what leaves it is deleted: the object as it was seen
    last, with the version of the change.
    """
    was, is_now = selection.selects(change.before), selection.selects(change.after)
    if is_now and change.after is not None:
        return _line(b"MODIFIED" if was else b"ADDED", change.after.text)
    if was and change.before is not None:
        return _line(b"DELETED", change.before.stamped(change.version).text)
    return b""


def bookmark_line(resource: Resource, version: int, *, is_end_of_initial: bool = False) -> bytes:
    """Says that everything up to `version` was sent, with a mark if that is the initial state."""
    metadata: dict[str, object] = {"resourceVersion": str(version), "creationTimestamp": None}
    if is_end_of_initial:
        metadata["annotations"] = {_INITIAL_EVENTS_END: "true"}
    document = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    return _line(b"BOOKMARK", encoded(document))


def error_line(failure: Failure) -> bytes:
    """The last event of a watch that cannot go on."""
    return _line(b"ERROR", encoded(failure.status))


def _line(kind: bytes, text: bytes) -> bytes:
    return b'{"type":"' + kind + b'","object":' + text + b"}\n"
