# SPDX-License-Identifier: Apache-2.0
"""What the controller makes of slices that are there, for Services which are made here (`scenarios`).

They are the same for every input but for which of them get their turn.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from conformance.example import Example
from conformance.invariants.base import Case
from conformance.invariants.endpoints.answers import slices_of
from conformance.invariants.endpoints.scenarios import (
    MOST,
    cluster_of,
    scenarios,
    scenarios_of_changes,
    scenarios_with_room,
)
from conformance.questions import spread, turn_of
from reference.endpoints import linked_slices, synced
from reference.endpoints.syncing import identity, is_own
from reference.objects import Cluster, EndpointSlice, NamespacedName, Service

MOST_SCENARIOS = 20
MOST_WITH_ROOM = 4
MOST_OF_CHANGES = 2
"""How many of each list get their turn with one input."""
LIST = "endpoints.scenarios"

Slices = tuple[EndpointSlice, ...]


@frozen(eq=False)
class Look:
    """One look of the controller at the slices of a Service."""

    service: Service
    most: int
    before: dict[str, EndpointSlice]
    wanted: dict[str, EndpointSlice]
    got: dict[str, EndpointSlice]

    @property
    def is_managed(self) -> bool:
        """Whether the controller does anything for the Service."""
        return bool(self.service.spec.selector) and self.service.spec.type != "ExternalName"

    @property
    def is_going(self) -> bool:
        """Whether the Service is being deleted: then only one thing is asked for (EP-028)."""
        return self.service.metadata.deletion_timestamp is not None

    @property
    def is_kept_up(self) -> bool:
        """Whether the slices have to be as the pods are."""
        return self.is_managed and not self.is_going

    def own(self) -> Iterator[tuple[str, EndpointSlice]]:
        """The slices that are the controller's business, and have to be kept up."""
        for name, piece in self.before.items():
            if self.is_kept_up and is_own(piece):
                yield name, piece

    @property
    def foreign(self) -> set[str]:
        """The slices that are none of the controller's business."""
        return {name for name, piece in self.before.items() if not is_own(piece)}

    def stays(self, name: str) -> bool:
        """Whether the slice is there afterwards, and not only its name.

        One without endpoints says nothing, and may be any other.
        """
        was, wanted = self.before[name], self.wanted.get(name)
        if wanted is None or set(was.ports) != set(wanted.ports):
            return False
        return not identities(was).isdisjoint(identities(wanted))

    def __str__(self) -> str:
        metadata = self.service.metadata
        had = ", ".join(f"{name} of {len(piece.endpoints)}" for name, piece in self.before.items())
        return (
            f"{slices_of(NamespacedName(metadata.namespace, metadata.name))}, which had {had or 'none'}"
            f" ({self.most} endpoints at most)"
        )


def identities(piece: EndpointSlice) -> set[object]:
    """What makes the endpoints of a slice those that they are."""
    return {identity(endpoint) for endpoint in piece.endpoints}


def shown(piece: EndpointSlice) -> str:
    """The addresses in a slice."""
    addresses = sorted(address for endpoint in piece.endpoints for address in endpoint.addresses)
    return f"[{', '.join(addresses)}]"


def looks(case: Case) -> Iterator[Look]:
    """What is answered for the scenarios that have their turn, or for a reproducer of them."""
    given = case.example.list
    if given and given != LIST:
        return

    def ask() -> list[tuple[Cluster, Look]]:
        cluster = case.cluster
        if not given:
            turn = turn_of(cluster)
            chosen = (
                *spread(scenarios(), most=MOST_SCENARIOS, turn=turn),
                *spread(scenarios_with_room(), most=MOST_WITH_ROOM, turn=turn),
                *spread(scenarios_of_changes(), most=MOST_OF_CHANGES, turn=turn),
            )
            cluster = cluster_of(chosen, MOST[turn % len(MOST)])
        names = [NamespacedName(each.metadata.namespace, each.metadata.name) for each in cluster.services]
        if not names:
            return []
        answers = case.variant(evolve(case.example, cluster=cluster)).ask("synced_slices", names)
        looks = []
        for service, name, got in zip(cluster.services, names, answers, strict=True):
            alone = _alone(cluster, service)
            look = Look(
                service,
                cluster.settings.max_endpoints_per_slice,
                _by_name(linked_slices(alone, name)),
                _by_name(synced(alone, name)),
                _by_name(got),
            )
            looks.append((alone, look))
        return looks

    for alone, look in case.memo(LIST, ask):
        case.shows = Example(cluster=alone, list=LIST)
        yield look
    case.shows = None


def _by_name(slices: Slices) -> dict[str, EndpointSlice]:
    return {piece.metadata.name: piece for piece in slices}


def _alone(cluster: Cluster, service: Service) -> Cluster:
    """The cluster with the one Service, its pods and its slices."""
    name = NamespacedName(service.metadata.namespace, service.metadata.name)
    label = ("app", service.metadata.name)
    return evolve(
        cluster,
        services=(service,),
        pods=tuple(pod for pod in cluster.pods if label in pod.metadata.labels.items()),
        endpoint_slices=linked_slices(cluster, name),
    )


def broken(case: Case, rule: str, look: Look, *, expected: str, got: str) -> None:
    """A look in which a rule was not followed."""
    case.fail(rule, question=str(look), expected=expected, got=got, because=(rule,))
