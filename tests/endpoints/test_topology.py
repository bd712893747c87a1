# SPDX-License-Identifier: Apache-2.0
"""Proportional hints: when there are any, how many for each zone, and what is left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from attrs import evolve

from reference.endpoints import endpoint_slices
from reference.endpoints.hints import DEPRECATED_TOPOLOGY_ANNOTATION, TOPOLOGY_MODE_ANNOTATION
from reference.endpoints.topology import (
    Moves,
    Plan,
    Reason,
    desired,
    minimum,
    plan,
    ready_by_zone,
    with_proportional_hints,
    zone_cpus,
    zone_shares,
)
from reference.frozenmap import FrozenMap
from reference.objects import (
    ZONE_LABEL,
    Cluster,
    Container,
    ContainerPort,
    EndpointHints,
    ForZone,
    Node,
    NodeCondition,
    NodeStatus,
    ObjectMeta,
    ResourceList,
    Service,
    ServicePort,
)
from tests.endpoints.objects import FRONTEND, cluster, pod, service

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
MASTER = "node-role.kubernetes.io/master"


def node(zone: str | None, cpu: str = "2", ready: str | None = "True", *roles: str, name: str = "") -> Node:
    """A node with its capacity; its name is that of its zone."""
    labels = dict.fromkeys(roles, "")
    labels |= {ZONE_LABEL: f"zone-{zone}"} if zone else {}
    conditions = () if ready is None else (NodeCondition("Ready", ready),)
    return Node(
        ObjectMeta(name=name or f"node-{zone or 'none'}", labels=FrozenMap(labels)),
        status=NodeStatus(conditions=conditions, allocatable=ResourceList(cpu)),
    )


EVEN = (node("a"), node("b"))


# -- nodes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (EVEN, {"zone-a": 2, "zone-b": 2}),
        ((node("a", "500m"), node("b", "1"), node("a", "1.5")), {"zone-a": 2, "zone-b": 1}),
        ((*EVEN, node("c", "8", "True", CONTROL_PLANE)), {"zone-a": 2, "zone-b": 2}),
        ((*EVEN, node("a", "8", "True", MASTER)), {"zone-a": 2, "zone-b": 2}),
        ((*EVEN, node("c", "8", "False")), {"zone-a": 2, "zone-b": 2}),
        ((*EVEN, node("c", "8", "Unknown")), {"zone-a": 2, "zone-b": 2}),
        ((*EVEN, node("c", "8", None)), {"zone-a": 2, "zone-b": 2}),
        ((*EVEN, node(None, "", "True", MASTER), node(None, "", "False")), {"zone-a": 2, "zone-b": 2}),
        ((*EVEN, node(None)), Reason.NODES),
        ((node(None), *EVEN), Reason.NODES),
        ((*EVEN, node("c", "")), Reason.NODES),
        ((*EVEN, node("c", "0")), Reason.NODES),
        ((*EVEN, node("a", "0m")), Reason.NODES),
        ((node("a"), node("a")), Reason.ONE_ZONE),
        ((node("a"), node("b", "2", "False")), Reason.ONE_ZONE),
        ((), Reason.ONE_ZONE),
    ],
)
def test_nodes(nodes: tuple[Node, ...], expected: dict[str, int] | Reason) -> None:
    """Nodes that are Ready and not of the control plane count; each needs a zone and CPUs (SLICE-029)."""
    if not isinstance(expected, Reason):
        assert zone_cpus(nodes) == {zone: cpu * 10**9 for zone, cpu in expected.items()}
    else:
        assert zone_cpus(nodes) is expected


def test_the_first_ready_condition_counts() -> None:
    """As the controller reads them; other conditions say nothing."""
    odd = node("b", "2", None)
    conditions = (
        NodeCondition("MemoryPressure", "True"),
        NodeCondition("Ready", "False"),
        NodeCondition("Ready", "True"),
    )
    odd = evolve(odd, status=evolve(odd.status, conditions=conditions))
    assert zone_cpus((*EVEN, node("c"), odd)) == dict.fromkeys(("zone-a", "zone-b", "zone-c"), 2 * 10**9)
    assert zone_cpus((node("a"), odd)) is Reason.ONE_ZONE


def test_shares_are_of_whole_thousandths() -> None:
    """Each zone, and the sum, in thousandths of CPUs that are rounded up."""
    cpus = zone_cpus((node("a", "1u"), node("b", "1500u"), node("b", "500u")))
    assert not isinstance(cpus, Reason)
    assert zone_shares(cpus) == {"zone-a": 1 / 3, "zone-b": 2 / 3}


# -- how many ----------------------------------------------------------------


@pytest.mark.parametrize(("zones", "failing"), [(2, {1, 3, 5}), (3, {1, 2, 4, 5, 8, 11})])
def test_minima_of_equal_zones(zones: int, failing: set[int]) -> None:
    """The numbers of endpoints for which there are no hints (SLICE-030)."""
    shares = {f"zone-{number}": 1 / zones for number in range(zones)}
    none = {n for n in range(1, 13) if isinstance(plan(shares, {"zone-0": n}), Reason)}
    assert none == failing
    assert plan(shares, {"zone-0": zones - 1}) is Reason.FEW_ENDPOINTS
    assert plan(shares, {"zone-0": max(failing)}) is Reason.MINIMA


def test_arithmetic_is_that_of_floating_point_numbers() -> None:
    """Four fifths of three endpoints come to a little more than two (SLICE-030)."""
    assert (minimum(0.8, 3), minimum(0.2, 3)) == (3, 1)
    assert (minimum(Fraction(4, 5), 3, Fraction(5, 6)), minimum(Fraction(1, 5), 3, Fraction(5, 6))) == (2, 1)
    assert plan({"a": 0.8, "b": 0.2}, {"a": 3}) is Reason.MINIMA
    exact = plan({"a": Fraction(4, 5), "b": Fraction(1, 5)}, {"a": 3}, enough=Fraction(5, 6))
    assert exact == Plan(Moves({"a": 1}, frozenset(), 0), Moves({"b": 1}, frozenset(), 0))


def test_a_zone_is_to_have_its_minimum_at_least() -> None:
    """Half an endpoint is none (SLICE-030)."""
    assert desired(0.1, 5) == 1
    assert desired(0.5, 7) == 3.5


def test_an_endpoint_without_a_zone_is_enough_for_no_hints() -> None:
    """If it is ready (SLICE-029)."""
    assert plan({"a": 0.5, "b": 0.5}, {"a": 1, "b": 1, None: 2}) is Reason.NO_ZONE


# -- which zones -------------------------------------------------------------


def _steps(give: dict[str, float], get: dict[str, float]) -> Iterator[tuple[Counter[str], Counter[str]]]:
    """What one zone after the other gives and gets, in each order in which that can be."""
    most = [max(each.values(), default=0.0) for each in (give, get)]
    if min(most) < 0.5 or max(most) < 1.0:
        yield Counter(), Counter()
        return
    for giving, getting in product(give, get):
        if (give[giving], get[getting]) == tuple(most):
            less = {**give, giving: most[0] - 1}, {**get, getting: most[1] - 1}
            for given, got in _steps(*less):
                yield given + Counter([giving]), got + Counter([getting])


def _frozen(counts: Counter[str]) -> frozenset[tuple[str, int]]:
    return frozenset(counts.items())


def _allowed(moves: Moves, zones: list[str]) -> set[frozenset[tuple[str, int]]]:
    """Every number of endpoints for each zone that is allowed."""
    most = max(moves.sure.values(), default=0) + 2
    every = (dict(zip(zones, counts, strict=True)) for counts in product(range(most), repeat=len(zones)))
    return {_frozen(Counter(each) + Counter()) for each in every if moves.allow(each)}


@pytest.mark.parametrize(
    ("weights", "most"), [((1, 1), 9), ((1, 3), 8), ((1, 1, 1), 6), ((1, 2, 2), 4), ((1, 1, 1, 1), 3)]
)
def test_a_plan_is_what_moving_one_after_the_other_comes_to(weights: tuple[int, ...], most: int) -> None:
    """From the zone with the most to spare to the one that lacks most, whichever of several (SLICE-031)."""
    shares = {name: weight / sum(weights) for name, weight in zip("abcd", weights, strict=False)}
    planned = 0
    for counts in product(range(most + 1), repeat=len(weights)):
        own: dict[str | None, int] = dict(zip(shares, counts, strict=True))
        found = plan(shares, own)
        if isinstance(found, Reason):
            continue
        planned += 1
        ready = sum(counts)
        excess = {zone: own[zone] - desired(share, ready) for zone, share in shares.items()}
        ends = list(
            _steps(
                {zone: far for zone, far in excess.items() if far > 0},
                {zone: -far for zone, far in excess.items() if far < 0},
            )
        )
        zones = list(shares)
        assert {_frozen(given) for given, _ in ends} == _allowed(found.gives, zones), own
        assert {_frozen(got) for _, got in ends} == _allowed(found.gets, zones), own
        assert _frozen(Counter(found.gives.zones())) in _allowed(found.gives, zones)
        assert len({(_frozen(given), _frozen(got)) for given, got in ends}) == len(
            _allowed(found.gives, zones)
        ) * len(_allowed(found.gets, zones))
    assert planned > 10


def test_zones_without_cpus_keep_their_endpoints_and_get_none() -> None:
    """They count among the ready ones, so that other zones lack some (SLICE-031)."""
    found = plan({"a": 0.5, "b": 0.5}, {"a": 1, "b": 1, "c": 4})
    assert found == Plan(Moves({}, frozenset(), 0), Moves({}, frozenset(), 0))
    assert found.allows({("a", "a"): 1, ("b", "b"): 1, ("c", "c"): 4})
    assert not found.allows({("a", "a"): 1, ("b", "b"): 1, ("c", "c"): 3, ("c", "a"): 1})
    assert not found.allows({("a", "a"): 1, ("b", "c"): 1, ("c", "c"): 4})


def test_a_plan_says_how_many_and_not_which() -> None:
    """Of three equal zones two have too many, and one of them gives."""
    third = dict.fromkeys("abc", 1 / 3)
    found = plan(third, {"a": 3, "b": 3, "c": 1})
    assert found == Plan(Moves({}, frozenset("ab"), 1), Moves({"c": 1}, frozenset(), 0))
    own = {("a", "a"): 3, ("b", "b"): 3, ("c", "c"): 1}
    assert found.allows(own | {("a", "a"): 2, ("a", "c"): 1})
    assert found.allows(own | {("b", "b"): 2, ("b", "c"): 1})
    assert not found.allows(own)
    assert not found.allows(own | {("a", "a"): 2, ("a", "b"): 1})
    assert not found.allows(own | {("a", "a"): 2, ("a", "c"): 1, ("b", "b"): 2, ("b", "c"): 1})
    assert not found.allows(own | {("a", "a"): 1, ("a", "c"): 2})
    assert not found.allows(own | {("a", "a"): 2, ("a", "c"): 1, ("c", "c"): 0, ("c", "a"): 1})


# -- slices ------------------------------------------------------------------


def auto(*ports: ServicePort, annotations: dict[str, str] | None = None, **spec: Any) -> Service:
    """A Service that asks for proportional hints."""
    made = service(*ports, **spec)
    annotated = FrozenMap({TOPOLOGY_MODE_ANNOTATION: "Auto"} if annotations is None else annotations)
    return evolve(made, metadata=evolve(made.metadata, annotations=annotated))


def _cluster(made: Service, *places: str, nodes: tuple[Node, ...] = EVEN, **state: Any) -> Cluster:
    """The Service with a ready pod in each of `places`."""
    pods = [
        pod(f"pod-{number}", f"10.244.0.{number + 2}", node_name=f"node-{place}", **state)
        for number, place in enumerate(places)
    ]
    return evolve(cluster(made, *pods), nodes=nodes)


def hinted(state: Cluster) -> list[str]:
    """Of each endpoint the zones to which it is hinted, `-` for no hints."""
    return [
        "-" if one.hints is None else "".join(zone.name[-1] for zone in one.hints.for_zones)
        for piece in endpoint_slices(state, FRONTEND)
        for one in piece.endpoints
    ]


@pytest.mark.parametrize(
    ("annotations", "distribution", "expected"),
    [
        ({TOPOLOGY_MODE_ANNOTATION: "Auto"}, None, ["b", "b", "a", "a"]),
        ({TOPOLOGY_MODE_ANNOTATION: "auto"}, "PreferClose", ["b", "b", "a", "a"]),
        ({DEPRECATED_TOPOLOGY_ANNOTATION: "Auto"}, "PreferSameNode", ["b", "b", "a", "a"]),
        ({DEPRECATED_TOPOLOGY_ANNOTATION: "Disabled", TOPOLOGY_MODE_ANNOTATION: "Auto"}, None, ["-"] * 4),
        ({TOPOLOGY_MODE_ANNOTATION: "AUTO"}, "PreferClose", ["a"] * 4),
        ({}, None, ["-"] * 4),
    ],
)
def test_hints_are_shared_out(
    annotations: dict[str, str], distribution: str | None, expected: list[str]
) -> None:
    """Half of four endpoints in one zone are hinted to the other (SLICE-027, SLICE-028, SLICE-031)."""
    state = _cluster(auto(annotations=annotations, traffic_distribution=distribution), *"aaaa")
    assert hinted(state) == expected


def test_no_node_is_hinted() -> None:
    """Under the annotation not even PreferSameNode counts (SLICE-027)."""
    (piece,) = endpoint_slices(_cluster(auto(traffic_distribution="PreferSameNode"), *"ab"), FRONTEND)
    assert [one.hints for one in piece.endpoints] == [
        EndpointHints((ForZone("zone-a"),)),
        EndpointHints((ForZone("zone-b"),)),
    ]


def test_endpoints_that_are_not_ready_neither_count_nor_have_hints() -> None:
    """Three endpoints are too few for two zones, two are enough (SLICE-021, SLICE-029)."""
    state = _cluster(auto(), *"ab")
    late = pod("late", "10.244.0.9", node_name="node-a", ready="False")
    assert hinted(evolve(state, pods=(*state.pods, late))) == ["a", "b", "-"]
    published = _cluster(auto(publish_not_ready_addresses=True), *"ab")
    assert hinted(evolve(published, pods=(*published.pods, late))) == ["-", "-", "-"]


def test_a_ready_endpoint_without_a_zone_takes_the_hints_of_all() -> None:
    """Its node does not count, but it does (SLICE-029)."""
    nodes = (*EVEN, node(None, ready="False"))
    assert hinted(_cluster(auto(), "a", "b", "a", "none", nodes=nodes)) == ["-"] * 4
    assert hinted(_cluster(auto(), "a", "b", nodes=nodes)) == ["a", "b"]


def test_all_slices_of_a_family_are_one() -> None:
    """Endpoints with different ports are shared out together (SLICE-029)."""
    state = _cluster(auto(ServicePort(80, "http", "TCP", "http")), *"aa")
    others = tuple(
        pod(
            f"other-{number}",
            f"10.244.0.{number}",
            containers=(Container("main", ports=(ContainerPort(81, "http", "TCP"),)),),
        )
        for number in (10, 11)
    )
    state = evolve(state, pods=(*state.pods, *others))
    assert len(endpoint_slices(state, FRONTEND)) == 2
    assert sorted(hinted(state)) == ["a", "a", "b", "b"]


def test_each_family_is_on_its_own() -> None:
    """Two endpoints of IPv4 have hints, the one of IPv6 has none (SLICE-029)."""
    state = _cluster(auto(ip_families=("IPv6", "IPv4")))
    pods = (
        pod("a", "10.244.0.2", "fd00::2", node_name="node-a"),
        pod("b", "10.244.0.3", node_name="node-b"),
    )
    four, six = endpoint_slices(evolve(state, pods=pods), FRONTEND)
    assert [bool(one.hints) for one in four.endpoints] == [True, True]
    assert [one.hints for one in six.endpoints] == [None]


def test_what_has_no_capacity_has_no_hints() -> None:
    """Nodes of which nothing is known are not Ready."""
    bare = tuple(evolve(each, status=NodeStatus()) for each in EVEN)
    assert hinted(_cluster(auto(), *"ab", nodes=bare)) == ["-", "-"]
    assert hinted(_cluster(auto(), nodes=EVEN)) == []


def test_the_models_hints_are_allowed() -> None:
    """Whatever endpoints there are in four zones of different size, also such without CPUs (SLICE-031)."""
    nodes = (node("a", "1"), node("b", "1"), node("c", "2"), node("d", "4", "False"))
    cpus = zone_cpus(nodes)
    assert not isinstance(cpus, Reason)
    planned = 0
    for counts in product(range(4), range(4), range(4), (0, 2)):
        places = [place for place, count in zip("abcd", counts, strict=True) for _ in range(count)]
        bare = endpoint_slices(_cluster(auto(annotations={}), *places, nodes=nodes), FRONTEND)
        own = ready_by_zone(bare)
        found = plan(zone_shares(cpus), own)
        made = with_proportional_hints(bare, nodes)
        hints = Counter(
            (one.zone or "", one.hints.for_zones[0].name)
            for piece in made
            for one in piece.endpoints
            if one.hints
        )
        if isinstance(found, Reason):
            assert not hints
        else:
            planned += 1
            assert hints.total() == sum(counts)
            assert found.allows(hints)
    assert planned > 20
