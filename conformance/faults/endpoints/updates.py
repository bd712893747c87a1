# SPDX-License-Identifier: Apache-2.0
"""Faults that show when a state changes: what is remembered too long, or not looked at again."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from conformance.faults.base import Faulty, behaves, unobservable
from conformance.faults.endpoints.changes import Slices, each_endpoint, each_pod, service_of
from reference.endpoints import endpoint_slices, linked_slices
from reference.endpoints.hints import distribution, hints
from reference.objects import (
    ENDPOINT_SLICE_CONTROLLER,
    MANAGED_BY_LABEL,
    ZONE_LABEL,
    Cluster,
    Endpoint,
    NamespacedName,
    Pod,
)


class Remembering(Faulty):
    """A controller that knows the state before the present one; None after `apply`."""

    previous: Cluster | None = None

    def apply(self, cluster: Cluster) -> None:
        """Forget everything, and take this state."""
        self.previous = None
        super().apply(cluster)

    def update(self, cluster: Cluster) -> None:
        """Move to this state."""
        previous = self.applied
        super().apply(cluster)
        self.previous = previous

    def say(self, operation: str, question: Any, answer: Any) -> Any:
        """The slices, as the state before is allowed to change them."""
        if operation != "endpoint_slices" or self.previous is None:
            return answer
        return self.after(self.previous, question, answer)

    def after(self, previous: Cluster, name: NamespacedName, slices: Slices) -> Slices:
        """What it answers after an update where the model answers `slices`."""
        return slices


# -- events that are not handled --------------------------------------------------------


@behaves("SLICE-006", bugs=("BUG-030",))
class SliceEventsAreIgnored(Remembering):
    """Slices are written again when Services, pods or nodes change, never when somebody changed a slice."""

    def after(self, previous: Cluster, name: NamespacedName, slices: Slices) -> Slices:
        """The slices as they are found, unless there was another event."""
        now = self.applied
        if (now.services, now.pods, now.nodes) != (previous.services, previous.pods, previous.nodes):
            return slices
        return tuple(
            piece
            for piece in linked_slices(now, name)
            if piece.metadata.labels.get(MANAGED_BY_LABEL) == ENDPOINT_SLICE_CONTROLLER
        )


@behaves("SEL-009", bugs=("BUG-032",))
class NewLabelsOfPodsAreIgnored(Faulty):
    """Membership is computed anew when pods come, go or change their address, not for new labels."""

    def update(self, cluster: Cluster) -> None:
        """Move to this state, with the labels that pods had before."""
        labels = {(pod.metadata.uid, pod.status.pod_ips): pod.metadata.labels for pod in self.cluster.pods}

        def known(pod: Pod) -> Pod:
            old = labels.get((pod.metadata.uid, pod.status.pod_ips), pod.metadata.labels)
            return evolve(pod, metadata=evolve(pod.metadata, labels=old))

        self.apply(each_pod(cluster, known))


@behaves("EP-006")
class NewReadinessOfPodsIsIgnored(Faulty):
    """Endpoints are computed anew when pods come, go or change their address, not for their readiness."""

    def update(self, cluster: Cluster) -> None:
        """Move to this state, with the conditions that pods had before."""
        states = {(pod.metadata.uid, pod.status.pod_ips): pod.status.conditions for pod in self.cluster.pods}

        def known(pod: Pod) -> Pod:
            old = states.get((pod.metadata.uid, pod.status.pod_ips), pod.status.conditions)
            return evolve(pod, status=evolve(pod.status, conditions=old))

        self.apply(each_pod(cluster, known))


@behaves("SEL-009", bugs=("BUG-115",))
class EventsOfOtherNamespacesAreIgnored(Faulty):
    """Pods of all namespaces are listed at the start, but later only those of `default` are followed."""

    def update(self, cluster: Cluster) -> None:
        """Move to this state, with the pods of other namespaces as they were."""
        followed = tuple(pod for pod in cluster.pods if pod.metadata.namespace == "default")
        others = tuple(pod for pod in self.cluster.pods if pod.metadata.namespace != "default")
        self.apply(evolve(cluster, pods=followed + others))


# -- what is remembered too long --------------------------------------------------------


@behaves("EP-013")
class ZonesAreReadOnce(Faulty):
    """The zone of a node is looked up when the node appears, and never again."""

    def update(self, cluster: Cluster) -> None:
        """Move to this state, with the labels that nodes had before."""
        labels = {node.metadata.name: node.metadata.labels for node in self.cluster.nodes}
        nodes = tuple(
            evolve(
                node,
                metadata=evolve(node.metadata, labels=labels.get(node.metadata.name, node.metadata.labels)),
            )
            for node in cluster.nodes
        )
        self.apply(evolve(cluster, nodes=nodes))


@behaves("SLICE-022", bugs=("BUG-056",))
class HintsForOldZones(Remembering):
    """The zones for which hints are computed are refreshed when nodes come or go, not for new labels."""

    def after(self, previous: Cluster, name: NamespacedName, slices: Slices) -> Slices:
        """The slices with hints for the zones that nodes had before."""
        zones = {node.metadata.name: node.metadata.labels.get(ZONE_LABEL) for node in previous.nodes}
        if set(zones) != {node.metadata.name for node in self.applied.nodes}:
            return slices
        wanted = distribution(service_of(self.applied, name))

        def hinted(one: Endpoint) -> Endpoint:
            ready = bool(one.conditions.ready)
            zone = zones.get(one.node_name or "")
            return evolve(one, hints=hints(wanted, ready=ready, zone=zone, node=one.node_name))

        return each_endpoint(slices, hinted)


@behaves("SLICE-026")
class HintsAreNeverTakenBack(Remembering):
    """An endpoint that had hints keeps them when the Service asks for no distribution any more."""

    def after(self, previous: Cluster, name: NamespacedName, slices: Slices) -> Slices:
        """The slices with the hints from before where there are none now."""
        had = {
            (one.addresses, one.target_ref): one.hints
            for piece in endpoint_slices(previous, name)
            for one in piece.endpoints
        }
        return each_endpoint(
            slices,
            lambda one: evolve(one, hints=one.hints or had.get((one.addresses, one.target_ref))),
        )


@behaves("EP-002", bugs=("BUG-110",))
class LastEndpointStays(Remembering):
    """A change by which a Service loses its last endpoint is taken for a mistake and not written."""

    def after(self, previous: Cluster, name: NamespacedName, slices: Slices) -> Slices:
        """The slices from before where there are no endpoints now."""
        if any(piece.endpoints for piece in slices):
            return slices
        return endpoint_slices(previous, name) or slices


@behaves("PORT-025", bugs=("BUG-112",))
class PortNamesAreNotCompared(Remembering):
    """Slices count as up to date if their addresses and port numbers are, whatever the names of the ports."""

    def after(self, previous: Cluster, name: NamespacedName, slices: Slices) -> Slices:
        """The slices with their ports from before where only names have changed."""
        before = endpoint_slices(previous, name)
        if _numbers(before) != _numbers(slices):
            return slices
        return tuple(evolve(new, ports=old.ports) for old, new in zip(before, slices, strict=True))


def _numbers(slices: Slices) -> list[object]:
    return [(piece.endpoints, [port.port for port in piece.ports]) for piece in slices]


@behaves("SLICE-013")
class ConditionsArePartOfIdentity(Remembering):
    """An endpoint with other conditions is taken for another endpoint, and added beside the one before."""

    def after(self, previous: Cluster, name: NamespacedName, slices: Slices) -> Slices:
        """The slices with the endpoints from before that have other conditions now."""
        before = [one for piece in endpoint_slices(previous, name) for one in piece.endpoints]

        def older(one: Endpoint) -> list[Endpoint]:
            return [
                old
                for old in before
                if old.target_ref == one.target_ref
                and old.addresses == one.addresses
                and old.conditions != one.conditions
            ]

        return tuple(
            evolve(piece, endpoints=tuple(new for one in piece.endpoints for new in (one, *older(one))))
            for piece in slices
        )


@unobservable(
    "SLICE-022",
    bugs=("BUG-058",),
    missing="a change of nodes while slices are being written; only settled states are asked about",
)
def two_views_of_the_nodes() -> None:
    """The zones and what they weigh are read from two views of the nodes, between which a node changed."""
