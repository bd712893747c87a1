# SPDX-License-Identifier: Apache-2.0
"""What a manifest may hold, and how what it may not is refused."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from conformance.errors import UsageError
from conformance.manifests import load, load_text

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  ports:
    - port: 80
"""


def refusal(text: str) -> str:
    """The message with which a manifest is refused."""
    with pytest.raises(UsageError) as caught:
        load_text(text, where="a.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("80", '"80"', ("line 7, spec.ports[0].port", "an integer is needed, not the string '80'")),
        ("80", "x\n---\nnever: reached", ("document 1, line 7, spec.ports[0].port",)),
        ("    - port: 80", "    port: 80", ("line 6, spec.ports", "a list is needed, not a mapping")),
        ("    - port: 80", "    - name: a", ("line 7, spec.ports[0].port", "is required")),
        ("  name: web", "  namespace: a", ("line 3, metadata.name", "is required")),
        ("  name: web", "  generateName: a-", ("metadata.name", "is required", "generateName needs")),
        ("  name: web", "  name: web\n  namespace: A", ("line 5, metadata.namespace", "no DNS label")),
        ("metadata:\n  name: web\n", "", ("line 1, metadata", "is required")),
        ("kind: Service\n", "", ("line 1, kind", "is required")),
        ("apiVersion: v1\n", "", ("line 1, apiVersion", "is required")),
        ("apiVersion: v1", "apiVersion: 1", ("line 1, apiVersion", "a string is needed")),
        ("kind: Service", "kind: Servce", ("line 2, kind", "v1 has no kind 'Servce'", "'Service'?")),
        ("apiVersion: v1", "apiVersion: apps/v1", ("line 2, kind", "Service is in v1")),
        ("v1\nkind: Service", "extensions/v1beta1\nkind: Deployment", ("line 1, apiVersion", "apps/v1")),
        (
            "v1\nkind: Service",
            "discovery.k8s.io/v1beta1\nkind: EndpointSlice",
            ("'discovery.k8s.io/v1beta1'",),
        ),
        ("v1\nkind: Service", "v1\nkind: Deployment", ("line 2, kind", "Deployment is in apps/v1")),
        (
            "v1\nkind: Service\nmetadata:\n  name: web",
            "v1\nkind: Pod\nmetadata:\n  name: A",
            ("DNS subdomain",),
        ),
    ],
)
def test_wrong_objects_are_refused_with_their_place(old: str, new: str, parts: tuple[str, ...]) -> None:
    """File, document, line, field path and reason are in the message."""
    assert old in SERVICE

    message = refusal(SERVICE.replace(old, new))

    assert message.startswith("a.yaml, document 1, line ")
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("port: 80", "port: 70000", ("line 7, spec.ports[0].port", "Invalid", "VAL-011")),
        ("port: 80", "port: 80\n    - port: 81", ("spec.ports[0].name", "Required", "VAL-008")),
        ("name: web", "name: Web", ("line 4, metadata.name", "VAL-001")),
        ("spec:", "spec:\n  type: Node", ("line 6, spec.type", "NotSupported")),
        ("spec:", "spec:\n  clusterIP: 10.96.0.1", ("line 5, spec.clusterIPs", "Invalid", "ALLOC-029")),
        ("spec:", "spec:\n  externalIPs: [127.0.0.1]", ("line 6, spec.externalIPs[0]", "Invalid")),
        ("port: 80", "port: 80\n      nodePort: 31080", ("line 8, spec.ports[0].nodePort", "Forbidden")),
        ("spec:", "spec:\n  type: NodePort\n  sessionAffinity: x", ("line 7, spec.sessionAffinity",)),
    ],
)
def test_services_that_the_api_server_refuses_are_errors(old: str, new: str, parts: tuple[str, ...]) -> None:
    """The message names the field, the API's reason and the requirement."""
    message = refusal(SERVICE.replace(old, new, 1))

    assert "the API server would refuse this Service" in message
    for part in parts:
        assert part in message


def test_node_ports_outside_the_range_or_taken_are_errors() -> None:
    """Two Services cannot have one node port, and the second is the one that is refused."""
    first = SERVICE.replace("spec:", "spec:\n  type: NodePort").replace("80", "80\n      nodePort: 31080")
    second = first.replace("name: web", "name: other")

    assert "spec.ports[0].nodePort" in refusal(first.replace("31080", "8080"))
    assert "document 2, line 19, spec.ports[0].nodePort" in refusal(f"{first}---\n{second}")


def test_an_object_may_be_given_once() -> None:
    """The error names both places; another namespace or kind is another object."""
    message = refusal(f"{SERVICE}---\n{SERVICE}")
    other = SERVICE.replace("name: web", "name: web\n  namespace: shop")

    assert "document 2, line 12, metadata.name: Service default/web is given twice" in message
    assert "first at a.yaml, document 1" in message
    assert len(load_text(f"{SERVICE}---\n{other}").cluster.services) == 3


def test_the_items_of_lists_are_objects() -> None:
    """`v1` List, a list in a list, and a typed list whose items do not repeat their kind."""
    text = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ServiceList
  items:
  - metadata: {name: one}
    spec: {ports: [{port: 80}]}
  - metadata: {name: two}
    spec: {ports: [{port: 80}]}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: settings}
  data: {a: b}
---
apiVersion: v1
kind: List
items: null
"""
    cluster = load_text(text).cluster

    assert [service.metadata.name for service in cluster.services] == ["kubernetes", "one", "two"]
    assert [item.data for item in cluster.config_maps] == [{"a": "b"}]


def test_an_error_in_a_list_has_the_path_from_the_top() -> None:
    """The items are counted from 0, as in every field path."""
    text = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: one}
  spec:
    ports:
    - port: x
"""
    assert "a.yaml, document 1, line 9, items[0].spec.ports[0].port: an integer" in refusal(text)


def test_other_kinds_are_ignored_and_told() -> None:
    """Kinds that change nothing for Services, be they Kubernetes' own or somebody else's."""
    text = """\
apiVersion: v1
kind: Secret
metadata: {name: password}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: function}
"""
    loaded = load_text(text, where="a.yaml")

    assert [str(item) for item in loaded.ignored] == [
        "Secret password (a.yaml, document 1, line 1)",
        "Service function (a.yaml, document 2, line 5)",
    ]
    assert [service.metadata.name for service in loaded.cluster.services] == ["kubernetes"]


@pytest.mark.parametrize("text", ["just text", "[1, 2]", "80"])
def test_a_document_that_is_no_object_is_refused(text: str) -> None:
    """The message says what an object is."""
    assert "an API object is needed" in refusal(text)


def test_files_are_read_together(tmp_path: Path) -> None:
    """Several files make one cluster; JSON and YAML mix."""
    (tmp_path / "a.yaml").write_text(SERVICE, encoding="utf-8")
    (tmp_path / "b.json").write_text(
        '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}', encoding="utf-8"
    )

    cluster = load([tmp_path / "a.yaml", str(tmp_path / "b.json")]).cluster

    assert [item.metadata.name for item in cluster.namespaces] == ["default", "shop"]
    assert len(cluster.services) == 2


def test_an_error_names_the_file(tmp_path: Path) -> None:
    """Of several files, the one that is wrong; one that is missing too."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(SERVICE.replace("80", "x"), encoding="utf-8")

    with pytest.raises(UsageError, match=r"wrong\.yaml, document 1, line 7, spec\.ports"):
        load([wrong])
    with pytest.raises(UsageError, match=r"missing\.yaml: cannot read"):
        load([tmp_path / "missing.yaml"])


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for kubectl."""
    stream = io.TextIOWrapper(io.BytesIO(SERVICE.encode()))
    monkeypatch.setattr(sys, "stdin", stream)

    assert [service.metadata.name for service in load(["-"]).cluster.services] == ["kubernetes", "web"]
