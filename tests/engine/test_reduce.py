# SPDX-License-Identifier: Apache-2.0
"""Making a failing example smaller by leaving objects out."""

from __future__ import annotations

from conformance.engine.reduce import objects, reduce
from conformance.example import Example
from reference.endpoints import with_managed_slices
from reference.frozenmap import FrozenMap
from reference.objects import (
    MANAGED_BY_LABEL,
    Cluster,
    Namespace,
    Node,
    ObjectMeta,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from reference.questions import Selection, SelectorForm


def _cluster() -> Cluster:
    labels = FrozenMap({"app": "web"})
    return with_managed_slices(
        Cluster(
            namespaces=(Namespace(ObjectMeta(name="default")),),
            nodes=(Node(ObjectMeta(name="node-a")),),
            pods=tuple(
                Pod(
                    ObjectMeta(name=f"pod-{index}", namespace="default", labels=labels),
                    PodSpec(node_name="node-a"),
                    PodStatus("Running", f"10.244.0.{index}", (PodIP(f"10.244.0.{index}"),)),
                )
                for index in range(1, 4)
            ),
            services=tuple(
                Service(
                    ObjectMeta(name=name, namespace="default"),
                    ServiceSpec(
                        type="ClusterIP",
                        selector=labels,
                        ports=(ServicePort(80, "", "TCP", 80),),
                        cluster_ip=ip,
                        cluster_ips=(ip,),
                        ip_families=("IPv4",),
                    ),
                )
                for name, ip in (("web", "10.96.0.1"), ("other", "10.96.0.2"))
            ),
        )
    )


def test_only_what_is_needed_is_left() -> None:
    """A failure that needs one pod and nothing else keeps that pod and nothing else."""
    smaller = reduce(
        Example(_cluster(), (Selection(SelectorForm.STRING, "a"),)),
        lambda example: any(pod.metadata.name == "pod-2" for pod in example.cluster.pods),
    )
    assert [pod.metadata.name for pod in smaller.cluster.pods] == ["pod-2"]
    assert objects(smaller) == 1


def test_managed_slices_follow_the_pods() -> None:
    """A cluster whose slices are the controller's stays such a cluster while it shrinks."""
    smaller = reduce(
        Example(_cluster()),
        lambda example: (
            any(service.metadata.name == "web" for service in example.cluster.services)
            and len(example.cluster.pods) >= 1
        ),
    )
    assert smaller.cluster == with_managed_slices(smaller.cluster)
    assert all(MANAGED_BY_LABEL in item.metadata.labels for item in smaller.cluster.endpoint_slices)
    assert len(smaller.cluster.services) == 1
    assert len(smaller.cluster.pods) == 1


def test_attempts_are_bounded() -> None:
    """`fails` is not called more often than allowed, however much could be left out."""
    calls = 0

    def fails(example: Example) -> bool:
        nonlocal calls
        calls += 1
        return False

    example = Example(_cluster())
    assert reduce(example, fails, attempts=3) == example
    assert calls == 3
