# SPDX-License-Identifier: Apache-2.0
"""From documents to typed objects: lists are taken apart, kinds recognised, names checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from attrs import evolve, frozen

from conformance.convert import ConversionError, from_plain
from conformance.errors import UsageError, closest
from conformance.manifests.places import Place
from conformance.manifests.reading import read_documents, with_line
from conformance.manifests.workloads import WORKLOADS, Workload
from conformance.wire import TYPE_VERSIONS, ApiObject
from reference.objects import Endpoints, Namespace, Node, ObjectMeta
from reference.syntax import is_dns1123_label, is_dns1123_subdomain

T = TypeVar("T")

READ: dict[tuple[str, str], type[Any]] = {
    **{(version, cls.__name__): cls for cls, version in TYPE_VERSIONS.items()},
    **{(version, kind): Workload for kind, version in WORKLOADS.items()},
}
"""What is read, by apiVersion and kind."""

# The other kinds of the API groups that are read: they change nothing for Services.
# In these groups every kind is known, so any other name there is a mistake.
_OTHERS = {
    "v1": (
        "Binding ComponentStatus Event LimitRange PersistentVolume PersistentVolumeClaim PodTemplate "
        "ResourceQuota Secret ServiceAccount"
    ),
    "apps/v1": "ControllerRevision",
    "batch/v1": "CronJob",
    "discovery.k8s.io/v1": "",
}
_KINDS = {
    version: frozenset(others.split()) | {kind for other, kind in READ if other == version}
    for version, others in _OTHERS.items()
}
_OLD_GROUPS = ("extensions/", "apps/", "batch/", "discovery.k8s.io/")

CLUSTER_SCOPED = (Node, Namespace)


@frozen
class Item:
    """One object of a manifest: what it is, and where it stands."""

    value: ApiObject | Workload | Endpoints
    kind: str
    place: Place
    text: str

    @property
    def metadata(self) -> ObjectMeta:
        """The object's metadata."""
        return self.value.metadata

    def error(self, path: str, message: str, *, hint: str = "") -> UsageError:
        """An error at a field of the object, with its line."""
        return with_line(self.place.below(path), self.text).error(message, hint=hint)


@frozen
class Ignored:
    """An object of a kind that changes nothing for Services."""

    kind: str
    name: str
    place: Place

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.place})"


def read_items(texts: Iterable[tuple[str, str]]) -> tuple[list[Item], list[Ignored]]:
    """The objects of `(text, where)` that count, and those that do not; no object twice."""
    items: list[Item] = []
    ignored: list[Ignored] = []
    for text, where in texts:
        for document in read_documents(text, where):
            for data, place in _flattened(document.data, document.place, text):
                made = _item(data, place, text)
                (items if isinstance(made, Item) else ignored).append(made)  # type: ignore[arg-type]
    _refuse_repeated(items)
    return items, ignored


def _error(place: Place, text: str, path: str, message: str, *, hint: str = "") -> UsageError:
    return with_line(place.below(path), text).error(message, hint=hint)


# -- lists -------------------------------------------------------------------


def _flattened(data: Any, place: Place, text: str) -> Iterator[tuple[dict[str, Any], Place]]:
    """The objects of a document, those of `List` and `ServiceList` one by one."""
    if not isinstance(data, dict):
        raise _error(place, text, "", "an API object is needed: a mapping with apiVersion and kind")
    version, kind = (_required_text(data, name, place, text) for name in ("apiVersion", "kind"))
    if not kind.endswith("List") or not isinstance(data.get("items", []), (list, type(None))):
        yield data, place
        return
    for index, item in enumerate(data.get("items") or ()):
        typed = isinstance(item, dict) and kind != "List"
        # A typed list says once what its items are.
        whole = {"apiVersion": version, "kind": kind.removesuffix("List"), **item} if typed else item
        yield from _flattened(whole, place.below(f"items[{index}]"), text)


def _required_text(data: dict[str, Any], name: str, place: Place, text: str) -> str:
    value = data.get(name)
    if value is None or value == "":
        raise _error(place, text, name, "is required")
    if not isinstance(value, str):
        raise _error(place, text, name, "a string is needed")
    return value


# -- kinds -------------------------------------------------------------------


def _item(data: dict[str, Any], place: Place, text: str) -> Item | Ignored:
    version, kind = data["apiVersion"], data["kind"]
    cls = READ.get((version, kind))
    if cls is None:
        _refuse_mistaken(version, kind, place, text)
        metadata = data.get("metadata")
        name = metadata.get("name", "") if isinstance(metadata, dict) else ""
        return Ignored(kind, str(name), place)
    try:
        value = from_plain(data, cls) if cls in TYPE_VERSIONS else cls.read(data)
    except ConversionError as error:
        raise _error(place, text, error.path, error.reason, hint=error.hint) from None
    item = Item(_named(value), kind, place, text)
    _check_names(item)
    return item


def _refuse_mistaken(version: str, kind: str, place: Place, text: str) -> None:
    """A kind that its API group does not have, or a version that the group has no more."""
    served = sorted(other for other, known in READ if known == kind)
    if version in _KINDS:
        if kind in _KINDS[version]:
            return
        hint = f"{kind} is in {served[0]}" if served else closest(kind, _KINDS[version])
        raise _error(place, text, "kind", f"{version} has no kind {kind!r}", hint=hint)
    if served and ("/" not in version or version.startswith(_OLD_GROUPS)):
        raise _error(
            place, text, "apiVersion", f"{version!r} is not served", hint=f"{kind} is in {served[0]}"
        )


# -- names -------------------------------------------------------------------


def _named(value: Any) -> Any:
    """The object in the namespace `default` if it has none; cluster-scoped objects have none at all."""
    namespace = "" if isinstance(value, CLUSTER_SCOPED) else value.metadata.namespace or "default"
    if namespace == value.metadata.namespace:
        return value
    return evolve(value, metadata=evolve(value.metadata, namespace=namespace))


def _check_names(item: Item) -> None:
    metadata = item.metadata
    if not metadata.name:
        hint = "generateName needs an API server" if metadata.generate_name else ""
        raise item.error("metadata.name", "is required", hint=hint)
    # A Service's name has a stricter rule, and its own error.
    if item.kind != "Service" and not is_dns1123_subdomain(metadata.name):
        raise item.error("metadata.name", f"{metadata.name!r} is no DNS subdomain (RFC 1123)")
    if metadata.namespace and not is_dns1123_label(metadata.namespace):
        raise item.error("metadata.namespace", f"{metadata.namespace!r} is no DNS label (RFC 1123)")


def _refuse_repeated(items: Sequence[Item]) -> None:
    first: dict[tuple[str, str, str], Item] = {}
    for item in items:
        key = (item.kind, item.metadata.namespace, item.metadata.name)
        before = first.setdefault(key, item)
        if before is not item:
            namespaced = "/".join(part for part in key[1:] if part)
            raise item.error(
                "metadata.name", f"{item.kind} {namespaced} is given twice", hint=f"first at {before.place}"
            )


def values(items: Iterable[Item], cls: type[T]) -> tuple[T, ...]:
    """The objects of one class, in order."""
    return tuple(item.value for item in items if isinstance(item.value, cls))
