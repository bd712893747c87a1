# SPDX-License-Identifier: Apache-2.0
"""The plain form is the JSON of the Kubernetes API."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.convert import cluster_to_plain, from_plain, to_plain
from conformance.wire import wire_name
from reference import objects as o
from reference.frozenmap import EMPTY, FrozenMap
from reference.questions import Selection, SelectorForm

META = o.ObjectMeta(name="web", namespace="shop")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("cluster_ip", "clusterIP"),
        ("cluster_ips", "clusterIPs"),
        ("external_ips", "externalIPs"),
        ("pod_ip", "podIP"),
        ("pod_ips", "podIPs"),
        ("pod_cidr", "podCIDR"),
        ("pod_cidrs", "podCIDRs"),
        ("service_cidrs", "serviceCIDRs"),
        ("cluster_dns", "clusterDNS"),
        ("load_balancer_ip", "loadBalancerIP"),
        ("client_ip", "clientIP"),
        ("ip_families", "ipFamilies"),
        ("ip_family_policy", "ipFamilyPolicy"),
        ("ip_mode", "ipMode"),
        ("dns_policy", "dnsPolicy"),
        ("node_port", "nodePort"),
        ("for_zones", "forZones"),
        ("config_map_key_ref", "configMapKeyRef"),
        ("env_from", "envFrom"),
        ("uid", "uid"),
        ("allocate_load_balancer_node_ports", "allocateLoadBalancerNodePorts"),
    ],
)
def test_names_are_spelled_as_the_api_does(ours: str, theirs: str) -> None:
    """Acronyms are in capitals inside a name and in lower case at its start."""
    assert wire_name(ours) == theirs


def test_a_service_in_full() -> None:
    """Kind and apiVersion come first; what is unset is left out; times are RFC 3339."""
    service = o.Service(
        o.ObjectMeta(name="web", namespace="shop", creation_timestamp=10, labels=FrozenMap({"a": "b"})),
        o.ServiceSpec(
            selector=FrozenMap({"app": "web"}),
            ports=(o.ServicePort(80, target_port="http", node_port=30080, app_protocol="h2c"),),
            cluster_ips=("10.96.0.1",),
            session_affinity_config=o.SessionAffinityConfig(o.ClientIPConfig(60)),
        ),
        o.ServiceStatus(o.LoadBalancerStatus((o.LoadBalancerIngress("192.0.2.1", ip_mode="VIP"),))),
    )

    plain = to_plain(service)

    assert list(plain) == ["apiVersion", "kind", "metadata", "spec", "status"]
    assert plain == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "labels": {"a": "b"},
            "creationTimestamp": "1970-01-01T00:00:10Z",
        },
        "spec": {
            "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": "http", "nodePort": 30080, "appProtocol": "h2c"}],
            "clusterIPs": ["10.96.0.1"],
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}]}},
    }


@pytest.mark.parametrize(
    ("plain", "cpu"), [("500m", "500m"), (" 2 ", "2"), (2, "2"), (0.5, "0.5"), (1e30, "1e+30"), (None, "")]
)
def test_quantities_are_texts_or_numbers(plain: Any, cpu: str) -> None:
    """A number stands for its text, as in hand-written YAML; null is nothing."""
    node = from_plain({"metadata": {}, "status": {"allocatable": {"cpu": plain, "memory": "4Gi"}}}, o.Node)

    assert node.status.allocatable.cpu == cpu
    assert to_plain(node).get("status") == ({"allocatable": {"cpu": cpu}} if cpu else None)


@pytest.mark.parametrize(
    ("spec", "plain"),
    [
        (o.ServiceSpec(selector=None), None),
        (o.ServiceSpec(selector=EMPTY), {"selector": {}}),
        (o.ServiceSpec(internal_traffic_policy=""), {"internalTrafficPolicy": ""}),
        (o.ServiceSpec(allocate_load_balancer_node_ports=False), {"allocateLoadBalancerNodePorts": False}),
        (o.ServiceSpec(publish_not_ready_addresses=False), None),
    ],
)
def test_absent_and_empty_are_kept_apart_where_they_differ(spec: o.ServiceSpec, plain: Any) -> None:
    """None is left out, an empty value of an optional field is written."""
    assert to_plain(o.Service(META, spec)).get("spec") == plain


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:01:00Z", 60),
        ("1970-01-01T01:00:00+01:00", 0),
        ("2001-09-09T01:46:40.999999Z", 1_000_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800),
    ],
)
def test_times_are_read_as_rfc_3339(text: str, seconds: int) -> None:
    """Any offset and fraction is understood; the fraction is dropped, as the API does."""
    pod = from_plain({"metadata": {"deletionTimestamp": text}}, o.Pod)

    assert pod.metadata.deletion_timestamp == seconds


def test_a_deletion_at_zero_is_not_the_same_as_none() -> None:
    """The start of the clock is a moment like any other for an optional time."""
    assert to_plain(o.Pod(o.ObjectMeta(deletion_timestamp=0)))["metadata"] == {
        "deletionTimestamp": "1970-01-01T00:00:00Z"
    }


def test_an_owner_has_the_api_version_that_the_api_asks_for() -> None:
    """`kubectl apply` refuses an owner without one."""
    pod = o.Pod(o.ObjectMeta(name="a", owner_references=(o.OwnerReference("ReplicaSet", "web", "1", True),)))

    assert to_plain(pod)["metadata"]["ownerReferences"] == [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1", "controller": True}
    ]


@pytest.mark.parametrize(
    ("selection", "plain"),
    [
        (Selection(SelectorForm.SERVICE, None), None),
        (Selection(SelectorForm.SERVICE, EMPTY), {}),
        (Selection(SelectorForm.STRING, "a in (b)"), "a in (b)"),
        (Selection(SelectorForm.LABEL_SELECTOR, None), None),
        (Selection(SelectorForm.LABEL_SELECTOR, o.LabelSelector()), {}),
        (
            Selection(SelectorForm.LABEL_SELECTOR, o.LabelSelector(FrozenMap({"matchLabels": "x"}))),
            {"matchLabels": {"matchLabels": "x"}},
        ),
    ],
)
def test_a_selector_has_the_json_form_of_its_language(selection: Selection, plain: Any) -> None:
    """Null, a string, a map or a LabelSelector object, and never to be confused."""
    written = to_plain(selection)

    assert written["selector"] == plain
    assert from_plain(written, Selection) == selection


def test_a_cluster_is_settings_and_one_list() -> None:
    """Namespaces come before what is in them."""
    cluster = o.Cluster(services=(o.Service(META),), namespaces=(o.Namespace(o.ObjectMeta(name="shop")),))

    plain = cluster_to_plain(cluster)

    assert plain["settings"]["nodePortRange"] == [30000, 32767]
    assert [entry["kind"] for entry in plain["objects"]] == ["Namespace", "Service"]
