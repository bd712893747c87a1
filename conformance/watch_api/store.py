# SPDX-License-Identifier: Apache-2.0
"""Objects, versions and a bounded history: what lists and watches are answered from.

One counter gives each change its resourceVersion, as etcd's revision does, so that
versions of different resources can be compared and each is larger than the one before.

Source: k8s.io/apiserver `pkg/storage/cacher` (`watch_cache.go`, `watch_cache_history.go`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from conformance.errors import closest
from conformance.watch_api.objects import Json, Key, Stored, key_of, next_of
from conformance.watch_api.resources import RESOURCES, Resource

__all__ = ["Batch", "Change", "Expired", "NotYet", "Snapshot", "Stale", "Store", "Taken"]


class Expired(Exception):
    """A version that is older than what is kept of its stream."""

    def __init__(self, wanted: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {wanted} ({oldest})")
        self.wanted = wanted
        self.oldest = oldest


class NotYet(Exception):
    """A version that has not been reached."""

    def __init__(self, wanted: int, current: int) -> None:
        super().__init__(f"too large resource version: {wanted}, current: {current}")
        self.wanted = wanted
        self.current = current


class Taken(Exception):
    """There is an object of that name already."""


class Stale(Exception):
    """The object has changed since its writer read it."""


@frozen(eq=False)
class Change:
    """One step of one object: `before` is None when it appears, `after` when it goes."""

    version: int
    key: Key
    before: Stored | None
    after: Stored | None


@frozen(eq=False)
class Snapshot:
    """All objects of one resource at a version, sorted as an API server sorts them."""

    version: int
    items: tuple[Stored, ...]


@frozen(eq=False)
class Batch:
    """Changes in order; who has seen them has seen everything up to version `reached`."""

    changes: tuple[Change, ...]
    reached: int
    more: bool


class _Stream:
    """The objects of one resource and their last changes."""

    def __init__(self, *, start: int, history: int) -> None:
        self.objects: dict[Key, Stored] = {}
        self.changes: deque[Change] = deque()
        self.oldest = start  # the oldest version from which a watch can start
        self._history = history

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry out `changes`, which are seen together, and forget the oldest.

        They are kept at least, however many, so that nobody who was up to date loses its place.
        """
        for change in changes:
            if change.after is None:
                del self.objects[change.key]
            else:
                self.objects[change.key] = change.after
        self.changes.extend(changes)
        while changes and len(self.changes) > max(self._history, len(changes)):
            self.oldest = self.changes.popleft().version

    def at(self, version: int) -> dict[Key, Stored]:
        """The objects as they were at `version`: the changes since then, undone."""
        if version < self.oldest:
            raise Expired(version, self.oldest)
        objects = dict(self.objects)
        for change in reversed(self.changes):
            if change.version <= version:
                break
            if change.before is None:
                del objects[change.key]
            else:
                objects[change.key] = change.before
        return objects

    def since(self, version: int) -> list[Change]:
        if version < self.oldest:
            raise Expired(version, self.oldest)
        found = []
        for change in reversed(self.changes):
            if change.version <= version:
                break
            found.append(change)
        found.reverse()
        return found


class Store:
    """The objects that are served.  Every method is one transaction and may be called from any thread.

    `history` is how many changes are kept of each resource, or as many as the last replacement
    made if that is more; `start` is the version of the empty store.
    """

    def __init__(
        self, *, history: int = 4096, start: int = 1, resources: Iterable[Resource] = RESOURCES
    ) -> None:
        if history < 1 or start < 1:
            raise ValueError("history and start have to be positive")
        self.resources = {item.plural: item for item in resources}
        self._streams = {item: _Stream(start=start, history=history) for item in self.resources.values()}
        self._version = start
        self._lock = threading.Lock()

    @property
    def version(self) -> int:
        """The version that has been reached."""
        return self._version

    def replace(self, *, objects: Mapping[str, Sequence[Json]], created: str) -> int:
        """Make the resources named by their plurals what is given; the version reached.

        Of each resource first come the deletions, then what is new or differs, in the order
        given. An object with another uid than before is another object: it is deleted and
        added. ValueError if an object is no such object or is given twice; nothing is
        changed then.
        """
        with self._lock:
            version = self._version
            planned: list[tuple[_Stream, list[Change]]] = []
            for plural, given in objects.items():
                resource = self.resources.get(plural)
                if resource is None:
                    raise ValueError(f"no resource {plural!r} is served: {closest(plural, self.resources)}")
                stream = self._streams[resource]
                changes = _planned(resource, stream.objects, given, version=version, created=created)
                version += len(changes)
                planned.append((stream, changes))
            for stream, changes in planned:
                stream.apply(changes)
            self._version = version
            return version

    def create(self, resource: Resource, given: Json, *, created: str) -> Stored:
        """Add one object; Taken if there is one of that name."""
        key = key_of(resource, given)
        with self._lock:
            if key in self._streams[resource].objects:
                raise Taken(key)
            return self._set(resource, key, given, before=None, created=created)

    def update(self, resource: Resource, given: Json, *, expect: int | None) -> Stored:
        """Change one object; KeyError if it is not there, Stale if `expect` is not its version."""
        key = key_of(resource, given)
        with self._lock:
            before = self._streams[resource].objects[key]
            if expect is not None and expect != before.version:
                raise Stale(key)
            return self._set(resource, key, given, before=before, created="")

    def _set(
        self, resource: Resource, key: Key, given: Json, *, before: Stored | None, created: str
    ) -> Stored:
        version = self._version + 1
        after = next_of(resource, key, given, before=before, version=version, created=created)
        if after is None:
            assert before is not None  # nothing can be equal to an object that is not there
            return before
        self._version = version
        self._streams[resource].apply([Change(version, key, before, after)])
        return after

    def remove(self, resource: Resource, key: Key) -> Stored:
        """Delete one object; what it was.  KeyError if there is none."""
        with self._lock:
            stream = self._streams[resource]
            before = stream.objects[key]
            self._version += 1
            stream.apply([Change(self._version, key, before, None)])
            return before

    def get(self, resource: Resource, key: Key) -> Stored | None:
        """The object, or None."""
        with self._lock:
            return self._streams[resource].objects.get(key)

    def snapshot(self, resource: Resource, *, at: int | None = None) -> Snapshot:
        """All objects now, or exactly `at` a version; Expired or NotYet if that is not there."""
        with self._lock:
            stream = self._streams[resource]
            version = self._version if at is None else at
            if version > self._version:
                raise NotYet(version, self._version)
            objects = stream.objects if at is None else stream.at(version)
            items = tuple(objects.values())
        return Snapshot(version, tuple(sorted(items, key=lambda item: item.path.encode())))

    def since(self, resource: Resource, version: int, *, limit: int) -> Batch:
        """At most `limit` changes after `version`, oldest first; Expired if some are no longer kept."""
        with self._lock:
            found = self._streams[resource].since(version)
            if len(found) > limit:
                return Batch(tuple(found[:limit]), found[limit - 1].version, True)
            return Batch(tuple(found), max(version, self._version), False)

    def is_lost(self, resource: Resource, version: int) -> bool:
        """Whether a watch that has seen everything up to `version` can no longer go on."""
        return version < self._streams[resource].oldest


def _planned(
    resource: Resource, there: Mapping[Key, Stored], given: Sequence[Json], *, version: int, created: str
) -> list[Change]:
    """The changes that make `there` what is `given`; their versions follow `version`."""
    wanted: dict[Key, Json] = {}
    for item in given:
        key = key_of(resource, item)
        if key in wanted:
            raise ValueError(f"{resource.plural}: {'/'.join(filter(None, key))!r} is given twice")
        wanted[key] = item
    left = dict(there)
    changes: list[Change] = []
    for key, before in sorted(there.items()):
        if key not in wanted or _is_another(wanted[key], before):
            changes.append(Change(version + len(changes) + 1, key, before, None))
            del left[key]
    for key, item in wanted.items():
        number = version + len(changes) + 1
        before_it = left.get(key)
        after = next_of(resource, key, item, before=before_it, version=number, created=created)
        if after is not None:
            changes.append(Change(number, key, before_it, after))
    return changes


def _is_another(given: Json, before: Stored) -> bool:
    uid = given["metadata"].get("uid")
    return bool(uid) and uid != before.object["metadata"]["uid"]
