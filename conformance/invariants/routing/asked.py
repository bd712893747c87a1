# SPDX-License-Identifier: Apache-2.0
"""What was asked of a proxy, what is expected, and what it answered."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from conformance.invariants.base import Case
from conformance.invariants.routing.allowed import Allowed, Situation, allowed, situation
from conformance.model import model_of
from conformance.observe import decisions
from conformance.questions.routing import NOBODY, flows, internal_ip
from reference.questions import Backend, Client, ClientKind, Connection, Decision, Flow, Outcome
from reference.routing import Destination, Match, RoutingTable
from reference.routing.affinity import timeout
from reference.routing.table import NOT_A_SERVICE

ROUTE = ("route|connect",)
"""What nearly every invariant of the area asks."""


@frozen
class Asked:
    """A flow with the model's decision and the implementation's.

    `place` is None for a flow that is for no Service; `allowed` is None where not
    every implementation has to come to one class of result.  `complete` says that
    `got` tells the whole eligible set, not just the part that was seen.
    """

    flow: Flow
    place: Situation | None
    allowed: Allowed | None
    expected: Decision
    got: Decision
    complete: bool

    @property
    def text(self) -> str:
        """The flow in words."""
        client = self.flow.client
        who = f"pod {client.pod}" if client.pod else client.kind.value
        what = ""
        if self.place is not None:
            match = self.place.match
            what = f" ({match.destination.value} of {service_of(match)})"
        return (
            f"{who} ({client.ip}) on {client.node} -> "
            f"{self.flow.protocol} {self.flow.ip}:{self.flow.port}{what}"
        )

    @property
    def size(self) -> int:
        """How many members a set may have that is to be seen as a whole."""
        return _size(self.place, self.allowed)

    @property
    def is_right(self) -> bool:
        """Whether the answer is one of those that are allowed."""
        return self.allowed is None or self.allowed.admits(self.got, complete=self.complete)

    @property
    def wanted(self) -> str:
        """What is allowed, in words."""
        if self.allowed is None:
            return shown(self.expected)
        ways = [f"forward to one of {texts(right)}" for right in self.allowed.sets]
        return ", or ".join([*ways, "not forwarded"] if self.allowed.refused else ways)


@frozen
class Served(Asked):
    """A flow that is for a service port; with the kind of address, and the policy that governs it."""

    place: Situation
    destination: Destination
    policy: str

    @property
    def match(self) -> Match:
        """The service port."""
        return self.place.match


def policy_of(match: Match) -> str:
    """The traffic policy that governs an address."""
    spec = match.service.spec
    if match.destination is Destination.CLUSTER_IP:
        return spec.internal_traffic_policy or "Cluster"
    return spec.external_traffic_policy or "Cluster"


def service_of(match: Match) -> str:
    """`namespace/name:port` of a matched service port."""
    meta = match.service.metadata
    return f"{meta.namespace}/{meta.name}:{match.port.name or match.port.port}"


def texts(backends: frozenset[Backend]) -> str:
    """Backends in words."""
    return "{" + ", ".join(f"{item.ip}:{item.port}" for item in sorted(backends)) + "}"


def shown(decision: Decision) -> str:
    """A decision in words."""
    if decision.outcome is not Outcome.FORWARD:
        outcome: str = decision.outcome.value
        return outcome
    return f"forward to one of {texts(decision.backends)}"


def table(case: Case) -> RoutingTable:
    """The compiled table of the case's cluster."""
    return model_of(case.cluster).routing


def asked(case: Case) -> tuple[Asked, ...]:
    """Every flow of the case's cluster, with both answers."""
    return case.memo("routing asked", lambda: ask(case, flows(case.cluster)))


def served(case: Case) -> tuple[Served, ...]:
    """Those of `asked` that are for a service port."""
    return case.memo(
        "routing served", lambda: tuple(item for item in asked(case) if isinstance(item, Served))
    )


def unserved(case: Case) -> tuple[Asked, ...]:
    """Those of `asked` that are for no Service."""
    return case.memo(
        "routing unserved", lambda: tuple(item for item in asked(case) if not isinstance(item, Served))
    )


def ask(case: Case, questions: Sequence[Flow]) -> tuple[Asked, ...]:
    """The flows with both answers; without those about which nothing can be known.

    Where copies of an endpoint contradict each other (RT-007), or several service
    ports claim one address (RT-026), no answer is wrong.
    """
    compiled = table(case)
    known: list[tuple[Flow, Situation | None]] = []
    rights: list[Allowed | None] = []
    for flow in questions:
        match = compiled.match(flow)
        if match is None:
            known.append((flow, None))
            rights.append(None)
        elif not compiled.is_contested(flow):
            place = situation(compiled, flow, match)
            if place is not None and place.sets.is_contradictory:
                continue
            known.append((flow, place))
            rights.append(None if place is None else allowed(place))
    sizes = [_size(place, right) for (_, place), right in zip(known, rights, strict=True)]
    answers = decisions(case, [flow for flow, _ in known], sizes=sizes)
    knows = case.supports("route")
    return tuple(
        _paired(compiled, flow, place, right, got, knows)
        for (flow, place), right, got in zip(known, rights, answers, strict=True)
    )


def _size(place: Situation | None, right: Allowed | None) -> int:
    """How many members a set may have that is to be seen as a whole."""
    if place is None or is_affine(place):
        return 0
    return len(place.sets.endpoints) if right is None else right.most


def is_affine(place: Situation) -> bool:
    """Whether session affinity keeps a client at one member of the set."""
    return timeout(place.match.service.spec) is not None


def _paired(
    compiled: RoutingTable,
    flow: Flow,
    place: Situation | None,
    right: Allowed | None,
    got: Decision,
    knows: bool,
) -> Asked:
    if place is None:
        return Asked(flow, None, None, NOT_A_SERVICE, got, knows)
    return Served(
        flow=flow,
        place=place,
        allowed=right,
        expected=compiled.decide(flow),
        got=got,
        complete=knows or not is_affine(place),
        destination=place.match.destination,
        policy=policy_of(place.match),
    )


def is_alike(case: Case, wanted: Outcome, got: Outcome) -> bool:
    """Whether an outcome is the wanted one, as far as the implementation can tell.

    Who only sees connections may not be able to tell a packet that nobody took up from one
    that was dropped, and then says that it was.
    """
    return wanted is got or (
        (wanted, got) == (Outcome.NOT_A_SERVICE, Outcome.DROP) and not tells_what_is_let_be(case)
    )


def tells_what_is_let_be(case: Case) -> bool:
    """Whether the implementation says of a packet to nobody's address that it was not dropped."""
    return case.supports("route") or case.memo("tells what is let be", lambda: _tells(case))


def _tells(case: Case) -> bool:
    flows = [
        Flow(Client(ClientKind.NODE, node.metadata.name, ip), nobody, 9, "TCP")
        for node in case.cluster.nodes[:1]
        for family, nobody in NOBODY.items()
        if (ip := internal_ip(node, family)) is not None
    ]
    seen = case.ask("connect", [Connection(flow) for flow in flows])
    return any(each.outcome is Outcome.NOT_A_SERVICE for each in seen)
