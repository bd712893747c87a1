# SPDX-License-Identifier: Apache-2.0
"""Workloads, and the pods that their controllers make of them.

The names of pods are deterministic where a controller would draw them, and the
labels that controllers add are added, because Services select by them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from attrs import evolve, field, frozen

from conformance.convert import ConversionError, from_plain
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import Labels, LabelSelector, Node, ObjectMeta, OwnerReference, Pod, PodSpec
from reference.questions import Matching, Selection, SelectorForm
from reference.selectors import evaluate

WORKLOADS = {
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicationController": "v1",
    "Job": "batch/v1",
}
"""The kinds that are expanded, and the apiVersion of each."""

MOST_PODS = 5_000
"""Pods of one manifest: a mistyped `replicas` must not fill the memory."""

_NO_METADATA = ObjectMeta()
_NO_SPEC = PodSpec()
_HASH_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_GENERATED_NAME = 58  # what the API server leaves of a name before it appends to it


@frozen
class _Ordinals:
    start: int = 0


@frozen
class _Template:
    metadata: ObjectMeta = _NO_METADATA
    spec: PodSpec = _NO_SPEC


@frozen
class _NodeSelecting:
    """The part of a pod's spec that only scheduling looks at."""

    node_selector: Labels = EMPTY


@frozen
class WorkloadSpec:
    """`spec` of a workload: the fields of all kinds that decide which pods there are."""

    replicas: int | None = None
    selector: Any = None
    template: _Template | None = None
    service_name: str = ""
    ordinals: _Ordinals = _Ordinals()
    completions: int | None = None
    parallelism: int | None = None
    completion_mode: str = ""
    suspend: bool = False


@frozen
class WorkloadStatus:
    """`status` of a Job, as far as it says that its pods are gone."""

    completion_time: str | None = None


@frozen
class Workload:
    """A workload of any kind."""

    kind: str
    metadata: ObjectMeta
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()
    node_selector: Labels = EMPTY
    template_hash: str = field(default="", eq=False)

    @classmethod
    def read(cls, data: dict[str, Any]) -> Workload:
        """The workload that plain data describe; a ConversionError names the field that is wrong."""
        workload = from_plain(data, cls)
        _check(workload)
        template = data["spec"]["template"]
        try:
            selecting = from_plain(template.get("spec") or {}, _NodeSelecting)
        except ConversionError as error:
            raise ConversionError(f"spec.template.spec.{error.path}", error.reason) from None
        return evolve(workload, node_selector=selecting.node_selector, template_hash=_hash(template))

    @property
    def template(self) -> _Template:
        """The pods' template; `read` made sure that there is one."""
        return self.spec.template or _Template()


def _hash(template: Any) -> str:
    """A name for a template, of the characters that Kubernetes uses for such names."""
    number = zlib.crc32(json.dumps(template, sort_keys=True, default=str).encode())
    return "".join(_HASH_ALPHABET[int(digit) + 10 * (i % 2)] for i, digit in enumerate(str(number)))


# -- reading -----------------------------------------------------------------


def _check(workload: Workload) -> None:
    spec = workload.spec
    for name in ("replicas", "completions", "parallelism"):
        number = getattr(spec, name)
        if number is not None and number < 0:
            raise ConversionError(f"spec.{name}", f"{number} is negative")
    if spec.template is None:
        raise ConversionError("spec.template", "is required")
    if not spec.template.spec.containers:
        raise ConversionError("spec.template.spec.containers", "is required")
    if workload.kind != "Job":  # a Job's selector is written by the API server
        _check_selector(workload, spec.template.metadata.labels)


def _check_selector(workload: Workload, labels: Labels) -> None:
    plain = workload.spec.selector
    selection: Selection
    try:
        if workload.kind == "ReplicationController":
            selector = from_plain(plain or {}, FrozenMap[str, str]) or labels
            selection = Selection(SelectorForm.LABEL_SELECTOR, LabelSelector(selector), labels)
        elif plain is None:
            raise ConversionError("", "is required")
        else:
            selection = Selection(SelectorForm.LABEL_SELECTOR, from_plain(plain, LabelSelector), labels)
    except ConversionError as error:
        path = f"spec.selector.{error.path}" if error.path else "spec.selector"
        raise ConversionError(path, error.reason) from None
    matching = evaluate(selection)
    if matching is Matching.INVALID:
        raise ConversionError("spec.selector", "is no valid label selector")
    if not labels or matching is not Matching.MATCHES:
        raise ConversionError("spec.template.metadata.labels", "the workload's selector does not match them")


# -- expansion ---------------------------------------------------------------


def pods_of(workload: Workload, nodes: Sequence[Node]) -> tuple[Pod, ...]:
    """The pods that the workload's controller keeps; only a DaemonSet looks at `nodes`."""
    return tuple(_MAKERS[workload.kind](workload, nodes))


def count(workload: Workload, nodes: Sequence[Node]) -> int:
    """How many pods `pods_of` would make."""
    if workload.kind == "DaemonSet":
        return len(suitable_nodes(workload, nodes))
    return _active(workload) if workload.kind == "Job" else _replicas(workload)


def suitable_nodes(workload: Workload, nodes: Sequence[Node]) -> Sequence[Node]:
    """The nodes that the template's nodeSelector asks for; all where it asks for none of them.

    The nodes of a manifest are mostly not the ones that it was written for.
    """
    wanted = workload.node_selector
    suitable = [
        node for node in nodes if all(node.metadata.labels.get(key) == value for key, value in wanted.items())
    ]
    return suitable or nodes


def _replicas(workload: Workload) -> int:
    return 1 if workload.spec.replicas is None else workload.spec.replicas


def _active(workload: Workload) -> int:
    """The pods of a Job that run at first, before any has completed."""
    spec = workload.spec
    if spec.suspend or workload.status.completion_time is not None:
        return 0
    parallelism = 1 if spec.parallelism is None else spec.parallelism
    if spec.completions is None:
        return parallelism
    return min(parallelism, spec.completions)


def _pod(
    workload: Workload,
    name: str,
    owner: tuple[str, str],
    labels: dict[str, str],
    **spec: Any,
) -> Pod:
    template = workload.template
    namespace = workload.metadata.namespace
    kind, owner_name = owner
    own = (kind, owner_name) == (workload.kind, workload.metadata.name)
    uid = workload.metadata.uid if own and workload.metadata.uid else made_uid(kind, namespace, owner_name)
    return Pod(
        ObjectMeta(
            name=name,
            namespace=namespace,
            labels=template.metadata.labels | labels,
            annotations=template.metadata.annotations,
            owner_references=(OwnerReference(kind, owner_name, uid, controller=True),),
        ),
        evolve(template.spec, **spec) if spec else template.spec,
    )


def made_uid(kind: str, namespace: str, name: str) -> str:
    """The uid of an object that had none."""
    return "-".join(part for part in (kind.lower(), namespace, name) if part)


def _numbered(name: str, number: int) -> str:
    return f"{name[:_GENERATED_NAME]}-{number}"


def _of_deployment(workload: Workload, _: Sequence[Node]) -> Iterator[Pod]:
    replica_set = f"{workload.metadata.name}-{workload.template_hash}"
    labels = {"pod-template-hash": workload.template_hash}
    for number in range(_replicas(workload)):
        yield _pod(workload, _numbered(replica_set, number), ("ReplicaSet", replica_set), labels)


def _of_replica_set(workload: Workload, _: Sequence[Node]) -> Iterator[Pod]:
    name = workload.metadata.name
    for number in range(_replicas(workload)):
        yield _pod(workload, _numbered(name, number), (workload.kind, name), {})


def _of_stateful_set(workload: Workload, _: Sequence[Node]) -> Iterator[Pod]:
    spec, name = workload.spec, workload.metadata.name
    for ordinal in range(spec.ordinals.start, spec.ordinals.start + _replicas(workload)):
        pod = f"{name}-{ordinal}"
        labels = {
            "statefulset.kubernetes.io/pod-name": pod,
            "apps.kubernetes.io/pod-index": str(ordinal),
            "controller-revision-hash": f"{name}-{workload.template_hash}",
        }
        yield _pod(workload, pod, (workload.kind, name), labels, hostname=pod, subdomain=spec.service_name)


def _of_daemon_set(workload: Workload, nodes: Sequence[Node]) -> Iterator[Pod]:
    name = workload.metadata.name
    labels = {"controller-revision-hash": workload.template_hash, "pod-template-generation": "1"}
    for number, node in enumerate(suitable_nodes(workload, nodes)):
        yield _pod(
            workload, _numbered(name, number), (workload.kind, name), labels, node_name=node.metadata.name
        )


def _of_job(workload: Workload, _: Sequence[Node]) -> Iterator[Pod]:
    name = workload.metadata.name
    indexed = workload.spec.completion_mode == "Indexed"
    for number in range(_active(workload)):
        labels = {"job-name": name, "batch.kubernetes.io/job-name": name}
        spec = {}
        if indexed:
            labels["batch.kubernetes.io/job-completion-index"] = str(number)
            spec["hostname"] = workload.template.spec.hostname or f"{name}-{number}"
        yield _pod(workload, _numbered(name, number), (workload.kind, name), labels, **spec)


_MAKERS: dict[str, Callable[[Workload, Sequence[Node]], Iterable[Pod]]] = {
    "Deployment": _of_deployment,
    "ReplicaSet": _of_replica_set,
    "ReplicationController": _of_replica_set,
    "StatefulSet": _of_stateful_set,
    "DaemonSet": _of_daemon_set,
    "Job": _of_job,
}


# -- which workloads are expanded ----------------------------------------------


def is_expanded(workload: Workload, owners: Collection[tuple[str, str, str]]) -> bool:
    """Whether its pods have to be made, because the manifest holds nothing that it owns.

    `owners` are kind, namespace and name of the owners of all other objects: a
    dump of a running cluster holds a workload and its pods.
    """
    namespace, name = workload.metadata.namespace, workload.metadata.name
    if (workload.kind, namespace, name) in owners:
        return False
    if workload.kind != "Deployment":
        return True
    # A dump without ReplicaSets: the pods' owners are named after the Deployment.
    return not any(
        kind == "ReplicaSet" and where == namespace and owner.rpartition("-")[0] == name
        for kind, where, owner in owners
    )
