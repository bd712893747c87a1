# SPDX-License-Identifier: Apache-2.0
"""Requests about slices and Endpoints are made smaller, one part at a time."""

from __future__ import annotations

from attrs import evolve

from conformance.engine.reduce import objects, reduce
from conformance.example import Example
from conformance.invariants.ports.endpoint_edits import edit, plain_endpoints, plain_slice
from reference.objects import Endpoints, EndpointSlice
from reference.ports import answer_endpoints
from reference.questions import Cause, EndpointsRequest


def _reduced(request: EndpointsRequest, *, reason: str) -> EndpointsRequest:
    """The smallest request that is refused for the reason, at whatever field."""

    def fails(example: Example) -> bool:
        return any(
            reason in (cause.reason for cause in answer_endpoints(each).causes)
            for each in example.endpoint_requests
        )

    found = reduce(Example(endpoint_requests=(request, EndpointsRequest(plain_slice()))), fails)
    assert objects(found) == 1
    (smallest,) = found.endpoint_requests
    return smallest


def test_a_slice_keeps_what_is_wrong() -> None:
    """One endpoint with one address is left of an update, and nothing was stored before."""
    wrong = edit("endpoint", addresses=("10.1.2.9", "127.0.0.1")).of(plain_slice())
    smallest = _reduced(EndpointsRequest(wrong, plain_slice()), reason="Invalid")
    assert smallest.old is None
    assert isinstance(smallest.object, EndpointSlice)
    (endpoint,) = smallest.object.endpoints
    assert endpoint.addresses == ("127.0.0.1",)
    assert not smallest.object.ports
    assert not smallest.object.metadata.labels


def test_endpoints_keep_what_is_wrong() -> None:
    """One subset with one address is left, and of the ports those two of which one has no name."""
    wrong = edit("port", name="").of(plain_endpoints())
    smallest = _reduced(EndpointsRequest(wrong), reason="Required").object
    assert isinstance(smallest, Endpoints)
    assert answer_endpoints(EndpointsRequest(smallest)).causes in (
        (Cause("subsets[0]", "Required"),),
        (Cause("subsets[0].ports[1].name", "Required"),),
    )
    assert len(smallest.subsets) == 1


def test_what_is_stored_before_is_kept_where_it_matters() -> None:
    """A change needs what was there; parts are left out of both."""
    before = plain_slice("IPv6")
    smallest = _reduced(EndpointsRequest(evolve(before, address_type="FQDN"), before), reason="Invalid")
    # Addresses of IPv6 are no names either, and a creation is smaller.
    assert smallest.old is None
    changed = evolve(before, address_type="FQDN", endpoints=())
    smallest = _reduced(EndpointsRequest(changed, before), reason="Invalid")
    assert smallest.old == evolve(
        before, ports=(), metadata=evolve(before.metadata, labels=type(before.metadata.labels)())
    )


def test_many_parts_are_left_alone() -> None:
    """Of a thousand endpoints none is taken away: how many there are is the point."""
    many = edit("object", endpoints=plain_slice().endpoints * 501).of(plain_slice())
    smallest = _reduced(EndpointsRequest(many), reason="TooMany").object
    assert isinstance(smallest, EndpointSlice)
    assert len(smallest.endpoints) == 1002
    assert not smallest.ports
