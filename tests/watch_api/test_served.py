# SPDX-License-Identifier: Apache-2.0
"""The objects that programs are served."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings

from conformance.strategies.clusters import clusters
from conformance.watch_api.served import STREAMS, served
from reference.objects import Cluster


@given(cluster=clusters(dual_stack=True))
@settings(max_examples=50)
def test_all_that_programs_rely_on_is_filled_in(cluster: Cluster) -> None:
    """Every port of a slice has a name and a protocol, and every slice a list of endpoints."""
    found = served(cluster)
    assert set(found) == set(STREAMS)
    assert len(found["services"]) == len(cluster.services)
    assert len(found["endpointslices"]) == len(cluster.endpoint_slices)
    for item in found["endpointslices"]:
        assert isinstance(item["endpoints"], list)
        assert all({"name", "protocol"} <= port.keys() for port in item["ports"])


@given(cluster=clusters(dual_stack=True))
@settings(max_examples=50)
def test_a_slice_of_another_family_is_another_object(cluster: Cluster) -> None:
    """The address type of a slice cannot be changed, so its identity goes with it."""
    others = {"IPv4": "IPv6", "IPv6": "IPv4"}
    slices = tuple(
        evolve(item, address_type=others.get(item.address_type, "FQDN")) for item in cluster.endpoint_slices
    )
    before = served(cluster)["endpointslices"]
    after = served(evolve(cluster, endpoint_slices=slices))["endpointslices"]
    for one, other in zip(before, after, strict=True):
        assert one["metadata"]["name"] == other["metadata"]["name"]
        assert one["metadata"]["uid"] != other["metadata"]["uid"]
