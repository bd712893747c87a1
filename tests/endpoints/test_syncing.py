# SPDX-License-Identifier: Apache-2.0
"""What becomes of slices that are there: section 4 of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import evolve

from reference.endpoints import endpoint_slices, synced
from reference.frozenmap import EMPTY
from reference.objects import MANAGED_BY_LABEL, Cluster, EndpointSlice, Pod, Service, ServicePort
from tests.endpoints.objects import FRONTEND, cluster, pod, service

Sizes = dict[str, int]


def pods(first: int, last: int) -> list[Pod]:
    """Pods of these numbers."""
    return [pod(f"pod-{number}", f"10.244.0.{number + 1}") for number in range(first, last)]


def written(name: str, some: Sequence[Pod], of: Service | None = None) -> EndpointSlice:
    """A slice that the controller wrote for these pods."""
    (piece,) = endpoint_slices(cluster(of or service(), *some), FRONTEND)
    return evolve(piece, metadata=evolve(piece.metadata, name=name))


def state(
    slices: Sequence[EndpointSlice], some: Sequence[Pod], of: Service | None = None, most: int = 10
) -> Cluster:
    """A cluster of these slices and pods."""
    made = cluster(of or service(), *some)
    settings = evolve(made.settings, max_endpoints_per_slice=most)
    return evolve(made, settings=settings, endpoint_slices=tuple(slices))


def sizes(of: Cluster) -> Sizes:
    """How many endpoints each slice has afterwards."""
    return {piece.metadata.name: len(piece.endpoints) for piece in synced(of, FRONTEND)}


def others(of: Cluster, *names: str) -> list[int]:
    """The sizes of all slices but these."""
    return sorted(size for name, size in sizes(of).items() if name not in names)


def test_full_slices_from_nothing() -> None:
    """Of 25 endpoints, ten to a slice, there are two full slices and one of five (SLICE-005)."""
    assert others(state((), pods(0, 25))) == [5, 10, 10]
    assert others(state((), pods(0, 20))) == [10, 10]


def test_new_endpoints_go_into_one_slice_that_has_room() -> None:
    """Where nothing else changes, new endpoints go into the slice that is left fullest (SLICE-007)."""
    had = [written("a", pods(0, 3)), written("b", pods(3, 10)), written("c", pods(10, 19))]
    assert sizes(state(had, pods(0, 21))) == {"a": 3, "b": 9, "c": 9}
    assert sizes(state(had, pods(0, 22))) == {"a": 3, "b": 10, "c": 9}
    assert sizes(state(had, pods(0, 23))) == {"a": 7, "b": 7, "c": 9}


def test_two_slices_that_have_room_together() -> None:
    """Ten new endpoints and five places in each of two slices make one new slice (SLICE-008)."""
    had = [written("a", pods(0, 5)), written("b", pods(5, 10))]
    made = state(had, pods(0, 20))
    assert (sizes(made)["a"], sizes(made)["b"], others(made, "a", "b")) == (5, 5, [10])
    made = state(had, pods(0, 16))
    assert (sizes(made)["a"], sizes(made)["b"], others(made, "a", "b")) == (5, 5, [6])


def test_slices_that_change_anyway_are_filled_first() -> None:
    """A slice that has lost an endpoint takes new ones, before one that would not be written (SLICE-007)."""
    had = [written("a", pods(0, 4)), written("b", pods(4, 12))]
    assert sizes(state(had, [*pods(1, 12), *pods(20, 22)])) == {"a": 5, "b": 8}


def test_the_fullest_of_the_slices_that_change_is_filled_first() -> None:
    """Of two slices that change anyway the fuller one is filled up, then the other (SLICE-007)."""
    had = [written("a", pods(0, 4)), written("b", pods(4, 12))]
    assert sizes(state(had, [*pods(1, 4), *pods(5, 12), *pods(20, 22)])) == {"a": 3, "b": 9}
    assert sizes(state(had, [*pods(1, 4), *pods(5, 12), *pods(20, 25)])) == {"a": 5, "b": 10}


def test_a_changed_endpoint_stays_in_its_slice() -> None:
    """What is said of an endpoint is changed where it stands (SLICE-013)."""
    had = [written("a", pods(0, 2)), written("b", pods(2, 4))]
    unready = pod("pod-0", "10.244.0.1", ready="False")
    first, second = synced(state(had, [unready, *pods(1, 4)]), FRONTEND)
    assert [endpoint.conditions.ready for endpoint in first.endpoints] == [False, True]
    assert second == had[1]


def test_an_emptied_slice_is_deleted() -> None:
    """A slice of which no endpoint is wanted goes (SLICE-009)."""
    had = [written("a", pods(0, 2)), written("b", pods(2, 4))]
    assert sizes(state(had, pods(0, 2))) == {"a": 2}


def test_an_emptied_slice_is_written_anew_where_another_is_made() -> None:
    """Instead of one that goes and one that comes, the one changes (SLICE-009)."""
    other = service(ServicePort(80, "", "TCP", 9090))
    had = [written("a", pods(0, 2))]
    made = state(had, pods(0, 2), other)
    assert sizes(made) == {"a": 2}
    assert [port.port for port in synced(made, FRONTEND)[0].ports] == [9090]


def test_the_last_endpoint_leaves_a_placeholder() -> None:
    """A slice without endpoints and ports is left, and stays as it is (SLICE-009, SLICE-010, SLICE-011)."""
    (piece,) = synced(state([written("a", pods(0, 2))], ()), FRONTEND)
    assert (piece.metadata.name, piece.endpoints, piece.ports) == ("a", (), ())
    assert synced(state([piece], ()), FRONTEND) == (piece,)
    assert sizes(state([piece], pods(0, 2))) == {"a": 2}


def test_a_family_that_left() -> None:
    """Slices of a family that the Service has no more are deleted (SLICE-012)."""
    other = evolve(written("six", pods(0, 2)), address_type="IPv6")
    assert sizes(state([written("a", pods(0, 2)), other], pods(0, 2))) == {"a": 2}


@pytest.mark.parametrize("author", [None, "me", "endpointslicemirroring-controller.k8s.io"])
def test_slices_of_others(author: str | None) -> None:
    """Slices of other authors are not touched, and count for nothing (SLICE-014, EP-027)."""
    piece = written("other", pods(0, 2))
    labels = piece.metadata.labels.without(MANAGED_BY_LABEL)
    if author is not None:
        labels = labels | {MANAGED_BY_LABEL: author}
    other = evolve(piece, metadata=evolve(piece.metadata, labels=labels))
    made = synced(state([other], pods(1, 3)), FRONTEND)
    assert made[0] == other
    assert [len(each.endpoints) for each in made[1:]] == [2]


def test_slices_that_are_being_deleted() -> None:
    """A slice that is going is no slice to write into (SLICE-014)."""
    piece = written("going", pods(0, 2))
    going = evolve(piece, metadata=evolve(piece.metadata, deletion_timestamp=7))
    assert others(state([going], pods(0, 3)), "going") == [3]


def test_slices_of_an_older_service() -> None:
    """A slice that another Service of that name owns is deleted, and its name is not used (SLICE-015)."""
    piece = written("older", pods(0, 2))
    (owner,) = piece.metadata.owner_references
    for owners in ((), (evolve(owner, uid="older"),)):
        older = evolve(piece, metadata=evolve(piece.metadata, owner_references=owners))
        made = state([older], pods(0, 2))
        assert others(made) == [2]
        assert "older" not in sizes(made)


def test_labels_of_the_service_follow() -> None:
    """A slice that gets labels of the Service is written, and so takes new endpoints (SLICE-018)."""
    had = [written("a", pods(0, 2)), written("b", pods(2, 5), service(labels={"team": "a"}))]
    after = state(had, pods(0, 6), service(labels={"team": "a"}))
    assert sizes(after) == {"a": 3, "b": 3}
    assert all(piece.metadata.labels["team"] == "a" for piece in synced(after, FRONTEND))


@pytest.mark.parametrize(
    "now", [service(selector=None), service(selector=EMPTY), service(type="ExternalName", ip_families=())]
)
def test_what_is_not_managed_keeps_its_slices(now: Service) -> None:
    """Without a selector, or as an ExternalName, a Service keeps the slices that it has (EP-026)."""
    had = (written("a", pods(0, 2)),)
    assert synced(state(had, pods(5, 6), now), FRONTEND) == had
    assert synced(state(had, pods(5, 6), service(name="another")), FRONTEND) == had


def test_a_service_that_is_being_deleted() -> None:
    """It gets no new slices; those that it has are kept up (EP-028)."""
    made = service()
    going = evolve(made, metadata=evolve(made.metadata, deletion_timestamp=7))
    assert sizes(state((), pods(0, 2), going)) == {}
    assert sizes(state([written("a", pods(0, 2))], pods(1, 2), going)) == {"a": 1}
