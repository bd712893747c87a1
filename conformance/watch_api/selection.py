# SPDX-License-Identifier: Apache-2.0
"""Which objects a list or a watch is about: a namespace, a label selector and a field selector.

Source: k8s.io/apimachinery `pkg/fields/selector.go`; the fields of each kind are in
k8s.io/kubernetes `pkg/apis/core/v1/conversion.go` and `pkg/registry/core/*/strategy.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from conformance.watch_api.objects import Json, Stored
from conformance.watch_api.resources import Resource
from conformance.watch_api.statuses import bad_request
from reference.selectors import Requirement, SelectorSyntaxError, parse

__all__ = ["FieldRequirement", "Selection", "field_requirements", "label_requirements"]


@frozen
class FieldRequirement:
    """A field that has to have a value, or must not have it (`negated`)."""

    path: str
    value: str
    negated: bool

    def matches(self, stored: Stored) -> bool:
        """Whether the object meets the requirement; a field that is absent is empty."""
        found = _fields_of(stored.resource)[self.path](stored.object)
        return (found == self.value) is not self.negated


@frozen
class Selection:
    """What is asked for; everything by default."""

    namespace: str = ""
    labels: tuple[Requirement, ...] = ()
    fields: tuple[FieldRequirement, ...] = ()

    @property
    def has_selector(self) -> bool:
        """Whether more than the namespace is asked for."""
        return bool(self.labels or self.fields)

    def selects(self, stored: Stored | None) -> bool:
        """Whether the object is selected; one that is not there never is."""
        if stored is None or (self.namespace and stored.key[0] != self.namespace):
            return False
        return all(item.matches(stored.labels) for item in self.labels) and all(
            item.matches(stored) for item in self.fields
        )


def label_requirements(text: str) -> tuple[Requirement, ...]:
    """The requirements of a label selector; Failure 400 if it is none."""
    try:
        return parse(text)
    except SelectorSyntaxError as error:
        raise bad_request(f"unable to parse requirement: labelSelector {text!r}: {error}") from error


# A comma separates, unless a backslash stands before it.
_TERM = re.compile(r"(?:\\.|[^,\\])*\\?", re.DOTALL)
_OPERATOR = re.compile(r"!=|==|=")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)


def field_requirements(resource: Resource, text: str) -> tuple[FieldRequirement, ...]:
    """The requirements of a field selector; Failure 400 if it is none or names another field."""
    found = []
    position = 0
    while position <= len(text):
        match = _TERM.match(text, position)
        assert match is not None  # it may be empty
        position = match.end() + 1
        if match.group():
            found.append(_requirement(resource, match.group(), text))
    return tuple(found)


def _requirement(resource: Resource, term: str, text: str) -> FieldRequirement:
    operator = _OPERATOR.search(term)
    if operator is None:
        raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
    path, value = term[: operator.start()], _unescaped(term[operator.end() :])
    if resource.plural == "pods" and path == "spec.host":
        path = "spec.nodeName"
    if path not in _fields_of(resource):
        raise bad_request(
            f"field label not supported: {path}"
            if resource.plural in _OWN_FIELDS
            else f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
        )
    return FieldRequirement(path, value, operator.group() == "!=")


def _unescaped(value: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match[1] not in ("\\", ",", "="):
            raise bad_request(f"invalid field selector: invalid escape sequence: {match[0]}")
        return ""

    rest = _ESCAPE.sub(plain, value)
    if "=" in rest:
        raise bad_request("invalid field selector: unescaped character in value: =")
    return _ESCAPE.sub(lambda match: match[1], value)


_Field = Callable[[Json], str]


def _at(*path: str) -> _Field:
    def read(item: Json) -> str:
        value: Any = item
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, bool):
            return str(value).lower()
        return "" if value is None else str(value)

    return read


def _flag(*path: str) -> _Field:
    read = _at(*path)
    return lambda item: read(item) or "false"


def _pod_ip(item: Json) -> str:
    """The first of the pod's addresses."""
    status = item.get("status") or {}
    addresses = status.get("podIPs") or [{"ip": status.get("podIP") or ""}]
    return str(addresses[0].get("ip") or "")


_NAME = {"metadata.name": _at("metadata", "name")}
_NAMES = {**_NAME, "metadata.namespace": _at("metadata", "namespace")}

_OWN_FIELDS: dict[str, dict[str, _Field]] = {
    "pods": {
        **_NAMES,
        "spec.nodeName": _at("spec", "nodeName"),
        "spec.restartPolicy": _at("spec", "restartPolicy"),
        "spec.schedulerName": _at("spec", "schedulerName"),
        "spec.serviceAccountName": _at("spec", "serviceAccountName"),
        "spec.hostNetwork": _flag("spec", "hostNetwork"),
        "status.phase": _at("status", "phase"),
        "status.podIP": _pod_ip,
        "status.podIPs": lambda item: "",  # allowed, but the real server knows no value for it
        "status.nominatedNodeName": _at("status", "nominatedNodeName"),
    },
    "nodes": {**_NAME, "spec.unschedulable": _flag("spec", "unschedulable")},
    "services": {**_NAMES, "spec.clusterIP": _at("spec", "clusterIP"), "spec.type": _at("spec", "type")},
    "namespaces": {**_NAME, "status.phase": _at("status", "phase")},
}


def _fields_of(resource: Resource) -> Mapping[str, _Field]:
    if resource.plural in _OWN_FIELDS:
        return _OWN_FIELDS[resource.plural]
    return _NAMES
