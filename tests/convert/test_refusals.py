# SPDX-License-Identifier: Apache-2.0
"""Plain data that is no value is refused with the path of the field and the reason."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.convert import ConversionError, from_plain
from conformance.errors import UsageError
from conformance.example import Example
from reference import objects as o
from reference import questions as q

META: dict[str, Any] = {"metadata": {"name": "web"}}


def _port(**fields: Any) -> dict[str, Any]:
    return {**META, "spec": {"ports": [fields]}}


def _node(cpu: Any) -> dict[str, Any]:
    return {**META, "status": {"allocatable": {"cpu": cpu, "memory": "not looked at"}}}


@pytest.mark.parametrize(
    ("data", "cls", "path", "reason"),
    [
        (_port(port="80"), o.Service, "spec.ports[0].port", "an integer is needed, not the string '80'"),
        (_port(port=True), o.Service, "spec.ports[0].port", "an integer is needed, not true"),
        (_port(port=80.0), o.Service, "spec.ports[0].port", "an integer is needed, not the number 80.0"),
        (_port(port=2**64), o.Service, "spec.ports[0].port", "an integer is needed"),
        (_port(port=float("inf")), o.Service, "spec.ports[0].port", "an integer is needed"),
        (_port(), o.Service, "spec.ports[0].port", "is required"),
        (_port(port=None), o.Service, "spec.ports[0].port", "is required"),
        (_port(port=1, targetPort=True), o.Service, "spec.ports[0].targetPort", "an integer or a string"),
        (_port(port=1, targetPort=1.5), o.Service, "spec.ports[0].targetPort", "an integer or a string"),
        (_port(port=1, name=80), o.Service, "spec.ports[0].name", "a string is needed, not the number 80"),
        ({**META, "spec": {"ports": "80"}}, o.Service, "spec.ports", "a list is needed, not the string '80'"),
        ({**META, "spec": {"ports": {}}}, o.Service, "spec.ports", "a list is needed, not a mapping"),
        ({**META, "spec": {"ports": [None]}}, o.Service, "spec.ports[0]", "a mapping is needed, not null"),
        ({**META, "spec": "x"}, o.Service, "spec", "a mapping is needed"),
        ({**META, "spec": {"selector": {"app": 1}}}, o.Service, "spec.selector[app]", "a string is needed"),
        ({**META, "spec": {"selector": []}}, o.Service, "spec.selector", "a mapping is needed, not a list"),
        (
            {**META, "spec": {"publishNotReadyAddresses": 1}},
            o.Service,
            "spec.publishNotReadyAddresses",
            "true",
        ),
        ({**META, "spec": {"clusterIPs": [1]}}, o.Service, "spec.clusterIPs[0]", "a string is needed"),
        ({"metadata": {"creationTimestamp": "now"}}, o.Pod, "metadata.creationTimestamp", "a time as"),
        (
            {"metadata": {"creationTimestamp": "2001-02-30T00:00:00Z"}},
            o.Pod,
            "metadata.creationTimestamp",
            "is no time",
        ),
        *(
            (_node(cpu), o.Node, "status.allocatable.cpu", "a quantity as '500m' is needed, not")
            for cpu in ("", "two", "1.5.2", "1 m", "5mm", "m", "1e", "-1", -1, True, [1], float("nan"))
        ),
        ({**META, "status": {"conditions": [{}]}}, o.Node, "status.conditions[0].type", "is required"),
        ({**META, "kind": "Pod"}, o.Service, "kind", "'Service' is needed"),
        ({**META, "apiVersion": "v2"}, o.Service, "apiVersion", "'v1' is needed"),
        ({}, o.Service, "metadata", "is required"),
        ([], o.Service, "", "a mapping is needed, not a list"),
        ("forward", q.Decision, "", "a mapping is needed"),
        ({"outcome": "forwarded"}, q.Decision, "outcome", "one of forward, reject, drop, not-a-service"),
        ({"outcome": "drop", "backends": [{"ip": "a"}]}, q.Decision, "backends[0].port", "is required"),
        ("match", q.Matching, "", "one of matches"),
        ({"form": "regex", "selector": ""}, q.Selection, "form", "one of service, label-selector, string"),
        ({"form": "string", "selector": {}}, q.Selection, "selector", "a string is needed"),
        ({"form": "service", "selector": "a=b"}, q.Selection, "selector", "a mapping is needed"),
        ({"settings": {"nodePortRange": [1]}}, o.Cluster, "settings.nodePortRange", "a list of 2"),
        ({"objects": [{"kind": "Servce"}]}, o.Cluster, "objects[0].kind", "did you mean 'Service'?"),
        ({"objects": [{}]}, o.Cluster, "objects[0].kind", "is required"),
        (
            {"objects": [_port(port="x") | {"kind": "Service"}]},
            o.Cluster,
            "objects[0].spec.ports[0].port",
            "",
        ),
        ({"selections": [{"form": 1}]}, Example, "selections[0].form", "one of"),
        ([{"status": 200}, {"status": "no"}], tuple[q.HealthCheckAnswer, ...], "[1].status", "an integer"),
    ],
)
def test_wrong_data_is_refused_with_its_path(data: Any, cls: Any, path: str, reason: str) -> None:
    """The message names the field in the API's spelling and says what is needed."""
    with pytest.raises(ConversionError) as caught:
        from_plain(data, cls)

    assert caught.value.path == path
    assert reason in str(caught.value)
    assert isinstance(caught.value, UsageError)


def test_further_errors_are_counted() -> None:
    """The first error is told in full, and how many more there are."""
    data = {**META, "spec": {"ports": [{"port": "a"}, {"port": "b"}, {"port": "c"}]}}

    with pytest.raises(ConversionError, match="and 2 more errors"):
        from_plain(data, o.Service)


def test_what_the_model_does_not_know_is_ignored() -> None:
    """Unknown fields at every depth change nothing."""
    plain = {**META, "other": 1, "spec": {"ports": [{"port": 80, "x": {}}], "y": None}}

    assert from_plain(plain, o.Service) == from_plain(_port(port=80), o.Service)


def test_null_means_not_written_down() -> None:
    """As the API reads it: `creationTimestamp: null` is in many generated manifests."""
    plain = {"metadata": {"name": "web", "creationTimestamp": None, "labels": None}, "spec": None}

    assert from_plain(plain, o.Service) == o.Service(o.ObjectMeta(name="web"))


def test_a_missing_kind_is_no_error() -> None:
    """The items of a typed list carry neither kind nor apiVersion."""
    assert from_plain({**META, "kind": "", "apiVersion": ""}, o.Service).metadata.name == "web"
