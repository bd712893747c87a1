# SPDX-License-Identifier: Apache-2.0
"""The invariants of routing: no right implementation is accused, and every fault is seen."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pytest
from attrs import evolve

import conformance.invariants.routing  # noqa: F401  registers them
from conformance.adapters.in_process import InProcess
from conformance.adapters.session import Session
from conformance.areas import Area, Level
from conformance.engine.generation import drawn
from conformance.engine.hunt import hunt
from conformance.example import Example
from conformance.faults import Fault, all_faults
from conformance.faults.routing.flows import UdpFlowsStayWhereNothingServes
from conformance.faults.routing.making import Proxy
from conformance.faults.routing.modes import FreeAddressesAreLetBe, InMode, Nftables
from conformance.invariants.base import Case, Deviation, Invariant, Kind, registered
from conformance.selection import missing_operation
from conformance.strategies.clusters import clusters
from reference.objects import Cluster, EndpointConditions
from reference.questions import Connection, Observation, Outcome
from reference.routing import Mode
from tests.routing.objects import POD_A, cluster, endpoint, piece, service
from tests.routing.variants import VARIANTS, OtherCopies
from tests.selftest.golden import reporting

INVARIANTS = {each.id: each for each in registered().values() if each.id.startswith("routing.")}
GENERAL = [each for each in INVARIANTS.values() if each.level in (Level.MUST, Level.CLASS)]
FAULTS = {name: each for name, each in all_faults().items() if each.area is Area.ROUTING and each.make}
MODES = {
    Level.KUBE_PROXY_IPTABLES: Mode.IPTABLES,
    Level.KUBE_PROXY_NFTABLES: Mode.NFTABLES,
}
COMMON = [each for each in INVARIANTS.values() if each.level not in MODES]
OPERATIONS = frozenset({"route", "connect", "health_checks", "update", "restart"})
ALPHA = 1e-9


@functools.cache
def generated(count: int) -> tuple[Cluster, ...]:
    """The first generated clusters, always the same ones."""
    return drawn(clusters(dual_stack=True), examples=count)


def deviation(each: Invariant, case: Case) -> Deviation | None:
    """What the invariant reports; it names one of its own requirements."""
    found = None
    try:
        each.check(case)
    except Deviation as error:
        found = error
    assert found is None or found.requirement in ("", *each.requirements), each.id
    return found


class Limited:
    """A session with a proxy of which only some operations are known."""

    def __init__(self, session: Session, operations: Collection[str]) -> None:
        self.session = session
        self.operations = operations

    def supports(self, operation: str) -> bool:
        """Whether the operation is one of those."""
        return operation in self.operations

    def ask(self, example: Example, operation: str, questions: Sequence[Any]) -> Sequence[Any]:
        """The answers of the proxy."""
        return self.session.ask(example, operation, questions)

    def restart(self) -> bool:
        """Restart the proxy."""
        return self.session.restart()


def started(make: Any) -> Session:
    """A session with an adapter."""
    return Session(InProcess(factory=make, trusted=True))


def accused(
    make: Any,
    invariants: Iterable[Invariant],
    count: int,
    operations: Collection[str] = OPERATIONS,
) -> dict[str, Deviation]:
    """The invariants that a proxy breaks on some generated cluster."""
    with started(make) as session:
        return _accused(Limited(session, operations), invariants, count)


def _accused(proxy: Limited, invariants: Iterable[Invariant], count: int) -> dict[str, Deviation]:
    found: dict[str, Deviation] = {}
    usable = [each for each in invariants if missing_operation(each, proxy.supports) is None]
    for index, state in enumerate(generated(count)):
        case = Case(Example(cluster=state), proxy, ALPHA)
        for place, each in enumerate(usable):
            # Those that apply a second cluster take turns.
            if each.id in found or (each.kind is Kind.METAMORPHIC and (index + place) % 6):
                continue
            broken = deviation(each, case)
            if broken is not None:
                found[each.id] = broken
    return found


@pytest.mark.parametrize(
    "operations",
    [OPERATIONS, {"connect", "health_checks", "update"}, {"route"}, {"connect"}],
    ids=["all", "observed", "route", "connect"],
)
def test_the_model_is_never_accused(operations: Collection[str]) -> None:
    """Neither by its decisions nor by what its connections show."""
    assert accused(Proxy, COMMON, 60, operations) == {}


@pytest.mark.parametrize("observed", [False, True], ids=["decisions", "connections"])
@pytest.mark.parametrize("level", MODES, ids=lambda level: level.value)
def test_a_mode_of_kube_proxy_is_never_accused(level: Level, observed: bool) -> None:
    """Each mode passes what is common to all, and what is its own."""

    class InThisMode(InMode):
        kind = MODES[level]

    operations = OPERATIONS - {"route"} if observed else OPERATIONS
    own = [each for each in INVARIANTS.values() if each.level is level]
    assert own
    assert accused(InThisMode, [*COMMON, *own], 60, operations) == {}


@pytest.mark.parametrize("observed", [False, True], ids=["decisions", "connections"])
@pytest.mark.parametrize("level", MODES, ids=lambda level: level.value)
def test_which_copy_of_an_endpoint_counts_is_open(level: Level, observed: bool) -> None:
    """No invariant accuses a proxy that takes another one of copies that contradict each other."""

    class InThisMode(OtherCopies):
        kind = MODES[level]

    copies = (endpoint(POD_A, conditions=EndpointConditions(ready=False)), endpoint(POD_A))
    made = cluster(service(), slices=(piece(*copies),))
    with started(InThisMode) as session:
        proxy = Limited(session, OPERATIONS - {"route"} if observed else OPERATIONS)
        case = Case(Example(cluster=made), proxy, ALPHA)
        judged = [each for each in INVARIANTS.values() if each.level is level or each in COMMON]
        usable = [each for each in judged if missing_operation(each, proxy.supports) is None]
        assert {each.id for each in usable if deviation(each, case)} == set()


def test_udp_flows_where_nothing_serves_are_a_matter_of_their_own() -> None:
    """A proxy that leaves them alone, as kube-proxy does at node ports, is accused by one invariant."""
    own = [each for each in GENERAL if "SYNC-16" in each.requirements]
    assert len(own) == 2
    assert set(accused(UdpFlowsStayWhereNothingServes, own, 120)) == {
        "routing.udp-clients-find-endpoints-that-do-not-serve"
    }


class KeepsItsRecords(Proxy):
    """A proxy that keeps the records of affinity over clusters, too, as a kernel does."""

    def apply(self, cluster: Cluster) -> None:
        """Take this state, with the records of those endpoints that are still there."""
        affinity, now = self._affinity, self._now
        super().apply(cluster)
        self._now = now
        self._affinity = None if affinity is None else affinity.synced(self.model.routing)


@pytest.mark.parametrize("operations", [OPERATIONS, OPERATIONS - {"route"}], ids=["all", "observed"])
def test_records_may_outlive_everything(operations: frozenset[str]) -> None:
    """No invariant expects that a batch, or a cluster, begins without records of affinity."""
    affinity = [each for each in INVARIANTS.values() if ".affinity-" in each.id]
    assert accused(KeepsItsRecords, affinity, 250, {*operations, "update"}) == {}
    assert accused(KeepsItsRecords, COMMON, 40, {*operations, "update"}) == {}


@pytest.mark.thorough
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("observed", [False, True], ids=["decisions", "connections"])
def test_allowed_differences_are_not_accused(variant: type[Proxy], observed: bool) -> None:
    """What the catalogue leaves open fails nobody who claims no parity with kube-proxy."""
    operations = OPERATIONS - {"route"} if observed else OPERATIONS
    assert accused(variant, GENERAL, 60 if observed else 120, operations) == {}


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_faults_are_reported_by_name(fault: Fault) -> None:
    """Each requirement that a fault breaks is reported as that requirement."""
    assert [
        catch.requirement for catch in hunt(fault, clusters=700, shrink=False) if not catch.is_caught
    ] == []


class Blind(Nftables):
    """A proxy seen by somebody who takes all silence for a drop."""

    def connect(self, connections: Sequence[Connection]) -> Sequence[Observation]:
        """What is seen of connections."""
        return [
            evolve(seen, outcome=Outcome.DROP) if seen.outcome is Outcome.NOT_A_SERVICE else seen
            for seen in super().connect(connections)
        ]


def test_who_tells_that_nobody_took_a_packet_up_is_held_to_it() -> None:
    """Also by its connections alone, a proxy that lets be what it has to drop is reported; one that cannot
    tell the two apart is not.
    """
    guarded = [INVARIANTS["routing.nftables-guards-cluster-ips"]]
    assert set(accused(FreeAddressesAreLetBe, guarded, 60, {"connect"})) == {guarded[0].id}
    assert accused(Blind, guarded, 60, {"connect"}) == {}


class DropsAtOtherAddresses(Nftables):
    """A proxy that lets be what is no Service's, and yet drops what goes to further addresses of nodes."""

    def connect(self, connections: Sequence[Connection]) -> Sequence[Observation]:
        """What is seen of connections."""
        at_nodes = {entry.address for node in self.cluster.nodes for entry in node.status.addresses}
        return [
            evolve(seen, outcome=Outcome.DROP)
            if seen.outcome is Outcome.NOT_A_SERVICE and connection.flow.ip in at_nodes
            else seen
            for connection, seen in zip(connections, super().connect(connections), strict=True)
        ]


def test_who_tells_what_is_let_be_drops_nothing_instead() -> None:
    """Where a packet to nobody is seen to be let be, one that is dropped is not taken for another such."""
    wanted = [INVARIANTS["routing.nftables-serves-node-ports-at-primary-addresses"]]
    assert set(accused(DropsAtOtherAddresses, wanted, 60, {"connect"})) == {wanted[0].id}


class Lossy(Proxy):
    """A proxy that drops every third connection that it should forward."""

    made = 0

    def connect(self, connections: Sequence[Connection]) -> Sequence[Observation]:
        """What is seen of connections."""
        found = []
        for seen in super().connect(connections):
            self.made += 1
            lost = seen.outcome is Outcome.FORWARD and self.made % 3 == 0
            found.append(Observation(Outcome.DROP) if lost else seen)
        return found


def test_a_verdict_that_does_not_repeat_is_reported() -> None:
    """Of a proxy that forwards two of three connections nobody says that it forwards."""
    wanted = [INVARIANTS["routing.cluster-ip-reaches-its-endpoints"]]
    found = accused(Lossy, wanted, 20, {"connect"})
    assert "expected one outcome for all of them" in str(found[wanted[0].id])


def test_every_bug_of_the_area_is_repeated() -> None:
    """Of each real bug of service proxies there is a fault, one that can be shown but for failing syncs."""
    bugs = {bug: fault for fault in all_faults().values() for bug in fault.bugs if fault.area is Area.ROUTING}
    assert {bug for bug, fault in bugs.items() if fault.make is None} == {"BUG-099", "BUG-100"}
    assert len(bugs) == 30


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in INVARIANTS if name not in reporting()])
def test_every_invariant_has_a_fault(name: str) -> None:
    """No invariant is one that nothing was shown to break, within as many clusters as `standard` gives it.

    Those that the self-test's matrix names are shown by it; of the others some fault is reported earlier.
    """
    each = INVARIANTS[name]
    for fault in FAULTS.values():
        if each.level in MODES and getattr(fault.make, "level", None) is not each.level:
            continue
        if set(fault.breaks) & set(each.requirements):
            with started(fault.make) as session:
                for cluster in generated(1000):
                    if deviation(each, Case(Example(cluster=cluster), session, ALPHA)) is not None:
                        return
    raise AssertionError(f"no fault breaks {each.id}")


def _meet(make: Any, invariants: Iterable[Invariant], met: dict[str, set[str]]) -> None:
    """Note the classes of input that come up for each invariant."""
    with started(make) as session:
        for cluster in generated(700):
            case = Case(Example(cluster=cluster), session, ALPHA)
            for each in invariants:
                if met[each.id] >= set(each.classes):
                    continue
                case.tally.classes.clear()
                each.check(case)
                met[each.id] |= set(case.tally.classes)


def test_every_class_is_met() -> None:
    """Over some hundred generated clusters each class of each plain invariant comes up."""
    plain = [each for each in INVARIANTS.values() if each.kind in (Kind.AGREEMENT, Kind.STATED)]
    met: dict[str, set[str]] = {each.id: set() for each in plain}
    _meet(Proxy, [each for each in plain if each.level not in MODES], met)
    for level, mode in MODES.items():
        own = type("Own", (InMode,), {"kind": mode})
        _meet(own, [each for each in plain if each.level is level], met)
    assert {name: set(INVARIANTS[name].classes) - seen for name, seen in met.items()} == {
        name: set() for name in met
    }


def test_deviations_can_be_read() -> None:
    """A report names the client, the address with its Service, the endpoints and the deciding rows."""
    fault = FAULTS["routing.external-policy-at-node-ports-only"]
    name = "routing.external-policy-local-uses-the-nodes-endpoints"
    found = accused(fault.make, [INVARIANTS[name]], 200)[name]
    assert found.requirement in ("ETP-005", "ETP-007")
    assert "external (" in found.question
    assert "-> TCP " in found.question or "-> UDP " in found.question or "-> SCTP " in found.question
    assert " of default/" in found.question or " of shop/" in found.question
    assert str(found.got).startswith("forward to one of {")
    assert found.because
