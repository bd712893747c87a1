# SPDX-License-Identifier: Apache-2.0
"""Between the model's values and plain JSON.

API objects become the JSON that the Kubernetes API speaks: its names, what is
unset left out, times as RFC 3339.  Questions, answers, settings and examples
become plain JSON in the same spelling, every field written but those that are
None.  Reading is strict about types (`"80"` is no port, `true` is no number),
takes null for "not written down" as the API does, and ignores unknown fields.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import (
    BaseValidationError,
    ClassValidationError,
    IterableValidationError,
)

from conformance.convert_types import Hook, register_types
from conformance.errors import UsageError, closest
from conformance.example import Example
from conformance.json_schema import schema
from conformance.wire import (
    API_VERSIONS,
    KINDS,
    OWNER_VERSIONS,
    ApiObject,
    Refused,
    refuse,
    wire_name,
)
from reference.frozenmap import EMPTY
from reference.objects import (
    Cluster,
    ClusterSettings,
    ConfigMap,
    Endpoints,
    EndpointSlice,
    Labels,
    LabelSelector,
    Namespace,
    Node,
    OwnerReference,
    Pod,
    Service,
)
from reference.questions import Selection, SelectorForm

__all__ = [
    "API_VERSIONS",
    "KINDS",
    "ApiObject",
    "ConversionError",
    "cluster_from_plain",
    "cluster_to_plain",
    "example_from_plain",
    "example_to_plain",
    "from_plain",
    "make_cluster",
    "schema",
    "to_plain",
]

T = TypeVar("T")


class ConversionError(UsageError):
    """Plain data that is no value of the wanted type: at which field, and why."""

    def __init__(self, path: str, reason: str, *, hint: str = "") -> None:
        super().__init__(reason, where=path, hint=hint)
        self.path = path
        self.reason = reason


@attrs.frozen
class _Listed:
    """The plain form of a cluster."""

    settings: ClusterSettings = ClusterSettings()
    objects: tuple[ApiObject, ...] = ()


def _make_converter() -> Converter:
    converter = Converter(detailed_validation=True)
    register_types(converter)
    _register_owners(converter)
    _register_slices(converter)
    _register_selections(converter)
    _register_clusters(converter)
    _register_endpoints(converter)
    return converter


def _register_owners(converter: Converter) -> None:
    """The API refuses an owner without an apiVersion, which the model has no use for."""
    write = converter.get_unstructure_hook(OwnerReference, cache_result=False)
    converter.register_unstructure_hook(
        OwnerReference,
        lambda owner: {"apiVersion": OWNER_VERSIONS.get(owner.kind, "v1"), **write(owner)},
    )


def _register_slices(converter: Converter) -> None:
    """The API refuses a slice without `endpoints`, even where there are none."""
    write = converter.get_unstructure_hook(EndpointSlice, cache_result=False)

    def with_endpoints(item: EndpointSlice) -> dict[str, Any]:
        plain: dict[str, Any] = write(item)
        plain.setdefault("endpoints", [])
        return plain

    converter.register_unstructure_hook(EndpointSlice, with_endpoints)


def _register_selections(converter: Converter) -> None:
    """The selector of a `Selection` has the JSON form that `form` names."""

    def write(value: Selection) -> dict[str, Any]:
        return {
            "form": value.form.value,
            "selector": converter.unstructure(value.selector),
            "labels": dict(value.labels),
        }

    @attrs.frozen
    class _ServiceSelection:
        form: SelectorForm
        selector: Labels | None = None
        labels: Labels = EMPTY

    @attrs.frozen
    class _LabelSelection:
        form: SelectorForm
        selector: LabelSelector | None = None
        labels: Labels = EMPTY

    @attrs.frozen
    class _StringSelection:
        form: SelectorForm
        selector: str | None = None
        labels: Labels = EMPTY

    by_form: dict[str, type[Any]] = {
        SelectorForm.SERVICE.value: _ServiceSelection,
        SelectorForm.LABEL_SELECTOR.value: _LabelSelection,
        SelectorForm.STRING.value: _StringSelection,
    }

    def read(data: Any, _: Any) -> Selection:
        form = data.get("form") if isinstance(data, dict) else None
        plain = converter.structure(data, by_form.get(str(form), _ServiceSelection))
        return Selection(plain.form, plain.selector, plain.labels)

    converter.register_unstructure_hook(Selection, write)
    converter.register_structure_hook(Selection, read)


def _register_clusters(converter: Converter) -> None:
    """A cluster is its settings and one list of API objects."""
    write_kind = {cls: converter.get_unstructure_hook(cls) for cls in KINDS.values()}
    read_kind = {kind: converter.get_structure_hook(cls) for kind, cls in KINDS.items()}
    in_order: list[tuple[type[Any], Hook, Hook]] = [
        (cls, operator.attrgetter(name), write_kind[cls])
        for cls, name in (
            (Namespace, "namespaces"),
            (Node, "nodes"),
            (ConfigMap, "config_maps"),
            (Service, "services"),
            (EndpointSlice, "endpoint_slices"),
            (Pod, "pods"),
        )
    ]

    def read_object(data: Any, _: Any) -> Any:
        if not isinstance(data, dict):
            raise refuse("a mapping", data)
        kind = data.get("kind")
        if not isinstance(kind, str) or kind not in read_kind:
            reason = f"unknown kind, {closest(str(kind), KINDS)}" if kind else "is required"
            raise Refused(reason, step="kind")
        return read_kind[kind](data, KINDS[kind])

    converter.register_structure_hook_func(lambda tp: tp == ApiObject, read_object)
    converter.register_unstructure_hook_func(
        lambda tp: tp == ApiObject, lambda value: write_kind[type(value)](value)
    )
    write_settings = converter.get_unstructure_hook(ClusterSettings)

    def write(value: Cluster) -> dict[str, Any]:
        return {
            "settings": write_settings(value.settings),
            "objects": [hook(item) for _, of, hook in in_order for item in of(value)],
        }

    def read(data: Any, _: Any) -> Cluster:
        listed = converter.structure(data, _Listed)
        return make_cluster(listed.objects, settings=listed.settings)

    converter.register_unstructure_hook(Cluster, write)
    converter.register_structure_hook(Cluster, read)


def _register_endpoints(converter: Converter) -> None:
    """What a request is about is an EndpointSlice or an Endpoints object, as its kind says."""
    kinds: dict[str, type[Any]] = {cls.__name__: cls for cls in (EndpointSlice, Endpoints)}
    unions = (EndpointSlice | Endpoints, EndpointSlice | Endpoints | None)

    def read(data: Any, _: Any) -> Any:
        if data is None:
            return None
        if not isinstance(data, dict):
            raise refuse("a mapping", data)
        kind = data.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            reason = f"unknown kind, {closest(str(kind), kinds)}" if kind else "is required"
            raise Refused(reason, step="kind")
        return converter.structure(data, kinds[kind])

    converter.register_structure_hook_func(lambda tp: tp in unions, read)
    converter.register_unstructure_hook_func(lambda tp: tp in unions, converter.unstructure)


def make_cluster(members: Iterable[ApiObject], *, settings: ClusterSettings | None = None) -> Cluster:
    """A cluster of these objects, which keep their order within each kind."""
    of: dict[type[Any], list[Any]] = {cls: [] for cls in API_VERSIONS}
    for member in members:
        of[type(member)].append(member)
    return Cluster(
        settings=settings or ClusterSettings(),
        namespaces=tuple(of[Namespace]),
        nodes=tuple(of[Node]),
        config_maps=tuple(of[ConfigMap]),
        pods=tuple(of[Pod]),
        services=tuple(of[Service]),
        endpoint_slices=tuple(of[EndpointSlice]),
    )


_CONVERTER = _make_converter()


# -- errors ------------------------------------------------------------------


def _leaves(error: BaseException, path: str) -> Iterable[tuple[str, str]]:
    """Each reason in a tree of errors, with the path of its field."""
    if isinstance(error, ClassValidationError):
        for inner, note in error.group_exceptions()[0]:
            yield from _leaves(inner, f"{path}.{wire_name(note.name)}")
    elif isinstance(error, IterableValidationError):
        for inner, step in error.group_exceptions()[0]:
            yield from _leaves(inner, f"{path}[{step.index}]")
    elif isinstance(error, Refused):
        step_below = error.step if not error.step or error.step.startswith("[") else f".{error.step}"
        yield path + step_below, str(error)
    elif isinstance(error, KeyError):
        yield path, "is required"
    else:
        yield path, str(error) or type(error).__name__


def _conversion_error(error: Exception) -> ConversionError:
    found = list(_leaves(error, ""))
    path, reason = found[0]
    more = len(found) - 1
    hint = f"and {more} more error{'s' if more > 1 else ''}" if more else ""
    return ConversionError(path.lstrip("."), reason, hint=hint)


# -- the public functions ----------------------------------------------------


def to_plain(value: Any) -> Any:
    """`value` as plain JSON data: dicts, lists, strings, numbers, booleans and None."""
    return _CONVERTER.unstructure(value)


def from_plain(data: Any, cls: type[T]) -> T:
    """The value of `cls` that `data` describes, or a ConversionError with the field's path."""
    try:
        return _CONVERTER.structure(data, cls)
    except (BaseValidationError, ValueError, KeyError) as error:
        raise _conversion_error(error) from None


def cluster_to_plain(cluster: Cluster) -> dict[str, Any]:
    """`{"settings": ..., "objects": [...]}`, the objects as Kubernetes JSON."""
    plain: dict[str, Any] = _CONVERTER.unstructure(cluster)
    return plain


def cluster_from_plain(data: Any) -> Cluster:
    """The cluster that `cluster_to_plain` wrote."""
    return from_plain(data, Cluster)


def example_to_plain(example: Example) -> dict[str, Any]:
    """`{"cluster": ..., "selections": [...], "sessions": [...]}`."""
    plain: dict[str, Any] = _CONVERTER.unstructure(example)
    return plain


def example_from_plain(data: Any) -> Example:
    """The example that `example_to_plain` wrote."""
    return from_plain(data, Example)
