# SPDX-License-Identifier: Apache-2.0
"""Workloads become the pods that their controllers make."""

from __future__ import annotations

import pytest
import yaml

from conformance.errors import UsageError
from conformance.manifests import load_text
from conformance.manifests.workloads import MOST_PODS
from reference.objects import Cluster, Pod


def workload(kind: str, version: str = "apps/v1", *, selector: object = True, **spec: object) -> str:
    """A workload `web` whose pods carry `app: web`."""
    selectors = {True: {"selector": {"matchLabels": {"app": "web"}}}, False: {}}
    chosen = selectors[selector] if isinstance(selector, bool) else {"selector": selector}
    container = {"name": "web", "image": "x", "ports": [{"containerPort": 8080, "name": "http"}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return yaml.safe_dump(
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {**chosen, "template": template, **spec},
        }
    )


def pods(text: str) -> tuple[Pod, ...]:
    """The pods of the cluster that the manifest describes."""
    return load_text(text, where="a.yaml").cluster.pods


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (workload("Deployment"), 1),
        (workload("Deployment", replicas=3), 3),
        (workload("Deployment", replicas=0), 0),
        (workload("ReplicaSet", replicas=2), 2),
        (workload("ReplicationController", "v1", selector={"app": "web"}, replicas=2), 2),
        (workload("ReplicationController", "v1", selector=False), 1),
        (workload("StatefulSet", replicas=2, serviceName="web"), 2),
        (workload("DaemonSet"), 3),
        (workload("Job", "batch/v1", selector=False), 1),
        (workload("Job", "batch/v1", selector=False, completions=5, parallelism=2), 2),
        (workload("Job", "batch/v1", selector=False, completions=1, parallelism=4), 1),
        (workload("Job", "batch/v1", selector=False, parallelism=4), 4),
        (workload("Job", "batch/v1", selector=False, suspend=True), 0),
        (workload("Job", "batch/v1", selector=False) + "status: {completionTime: '2001-01-01T00:00:00Z'}", 0),
    ],
)
def test_how_many_pods_there_are(text: str, count: int) -> None:
    """As many as the controller keeps, each of its own name, in the workload's namespace, and running."""
    made = pods(text)

    assert len(made) == count
    assert len({pod.metadata.name for pod in made}) == count
    for pod in made:
        assert pod.metadata.namespace == "shop"
        assert pod.metadata.labels["app"] == "web"
        assert pod.status.phase == "Running"
        assert pod.metadata.owner_references[0].controller


def test_names_do_not_change_from_run_to_run() -> None:
    """The same manifest gives the same cluster; another template other names."""
    text = workload("Deployment", replicas=2)

    assert load_text(text) == load_text(text)
    assert pods(text)[0].metadata.name != pods(text.replace("image: x", "image: y"))[0].metadata.name


def test_a_deployment_owns_its_pods_through_a_replica_set() -> None:
    """Name, owner and label carry the hash of the template."""
    pod = pods(workload("Deployment"))[0]
    digest = pod.metadata.labels["pod-template-hash"]

    assert pod.metadata.name == f"web-{digest}-0"
    assert pod.metadata.owner_references[0].kind == "ReplicaSet"
    assert pod.metadata.owner_references[0].name == f"web-{digest}"


def test_a_stateful_set_names_its_pods_and_their_hosts() -> None:
    """Ordinals from the start that was asked for; hostname and subdomain give the pods DNS names."""
    made = pods(workload("StatefulSet", replicas=2, serviceName="peers", ordinals={"start": 5}))

    assert [pod.metadata.name for pod in made] == ["web-5", "web-6"]
    assert [(pod.spec.hostname, pod.spec.subdomain) for pod in made] == [
        ("web-5", "peers"),
        ("web-6", "peers"),
    ]
    assert made[0].metadata.labels["statefulset.kubernetes.io/pod-name"] == "web-5"
    assert made[0].metadata.labels["apps.kubernetes.io/pod-index"] == "5"


def _nodes(*names: str) -> str:
    return "".join(
        f"---\napiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{pool: {name}}}}}\n"
        for name in names
    )


def test_a_daemon_set_has_one_pod_on_every_node() -> None:
    """On those that its nodeSelector asks for, where there are any."""
    everywhere = pods(workload("DaemonSet") + _nodes("a", "b"))
    somewhere = workload("DaemonSet").replace(
        "spec:\n      containers", "spec:\n      nodeSelector: {pool: b}\n      containers"
    )

    assert [pod.spec.node_name for pod in everywhere] == ["a", "b"]
    assert "nodeSelector" in somewhere
    assert [pod.spec.node_name for pod in pods(somewhere + _nodes("a", "b"))] == ["b"]


def test_an_indexed_job_gives_its_pods_host_names() -> None:
    """The index is in the host name and in a label."""
    made = pods(
        workload("Job", "batch/v1", selector=False, completions=2, parallelism=2, completionMode="Indexed")
    )

    assert [pod.spec.hostname for pod in made] == ["web-0", "web-1"]
    assert made[1].metadata.labels["batch.kubernetes.io/job-completion-index"] == "1"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (workload("Deployment", replicas=-1), "spec.replicas: -1 is negative"),
        (workload("Deployment", replicas="3"), "spec.replicas: an integer is needed"),
        (workload("Deployment", selector=False), "spec.selector: is required"),
        (
            workload("Deployment", selector={"matchLabels": {"app": "x"}}),
            "spec.template.metadata.labels",
        ),
        (workload("Deployment", selector={"matchLabels": {"app": 1}}), "spec.selector.matchLabels[app]: a"),
        (workload("Deployment", selector="app=web"), "spec.selector: a mapping is needed"),
        (
            workload("Deployment", selector={"matchExpressions": [{"key": "app", "operator": "Is"}]}),
            "spec.selector: is no valid label selector",
        ),
        (workload("Deployment", template=None), "spec.template: is required"),
        (workload("Deployment", template={"spec": {}}), "spec.template.spec.containers: is required"),
        (workload("ReplicationController", "v1"), "spec.selector.[matchLabels]"),
        (workload("Deployment", replicas=10**9), f"spec: more than {MOST_PODS} pods"),
        (workload("Job", "batch/v1", selector=False, parallelism=10**6), f"spec: more than {MOST_PODS} pods"),
    ],
)
def test_wrong_workloads_are_refused_with_their_place(text: str, part: str) -> None:
    """File, document, line, field path and reason."""
    with pytest.raises(UsageError) as caught:
        load_text(text, where="a.yaml")

    assert str(caught.value).startswith("a.yaml, document 1, line ")
    assert part in str(caught.value)


def _owned(kind: str, name: str, owner_kind: str, owner: str, rest: str = "") -> str:
    version = "apps/v1" if kind == "ReplicaSet" else "v1"
    return (
        f"---\napiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: shop\n"
        f"  labels: {{app: web}}\n  ownerReferences: [{{kind: {owner_kind}, name: {owner}, uid: u}}]\n{rest}"
    )


POD = "spec: {nodeName: n, containers: [{name: c}]}\nstatus: {phase: Running, podIP: 10.244.0.9}\n"


def _replica_set() -> str:
    spec = yaml.safe_load(workload("ReplicaSet", replicas=1))["spec"]
    return "spec: " + yaml.safe_dump(spec, default_flow_style=True, width=10_000)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            workload("Deployment", replicas=3) + _owned("Pod", "web-1-a", "ReplicaSet", "web-1", POD),
            ["web-1-a"],
        ),
        (
            workload("Deployment", replicas=1)
            + _owned("ReplicaSet", "web-1", "Deployment", "web", _replica_set())
            + _owned("Pod", "web-1-a", "ReplicaSet", "web-1", POD),
            ["web-1-a"],
        ),
        (
            workload("Deployment", replicas=1)
            + _owned("ReplicaSet", "web-1", "Deployment", "web", _replica_set()),
            ["web-1-0"],
        ),
        (workload("StatefulSet", replicas=2) + _owned("Pod", "web-0", "StatefulSet", "web", POD), ["web-0"]),
    ],
)
def test_a_dump_that_holds_the_pods_is_not_expanded(text: str, names: list[str]) -> None:
    """`kubectl get all -o yaml` lists a workload and what it owns: each pod exists once."""
    assert [pod.metadata.name for pod in pods(text)] == names


def test_pods_of_another_workload_do_not_count() -> None:
    """Only what the workload owns stands for its pods."""
    text = workload("Deployment") + _owned("Pod", "other-1-a", "ReplicaSet", "other-1", POD)
    cluster: Cluster = load_text(text).cluster

    assert len(cluster.pods) == 2
