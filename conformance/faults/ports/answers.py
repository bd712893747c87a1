# SPDX-License-Identifier: Apache-2.0
"""API servers that say the wrong thing about what they did."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from conformance.faults.base import replaces, says
from conformance.faults.ports.defaulting import Responses, each_service
from reference.objects import Cluster, Service
from reference.ports import server
from reference.ports.changes import with_spec
from reference.ports.rejections import CONFLICT, INTERNAL_ERROR, INVALID, Refused, Violation
from reference.questions import ApiRequest, ApiResponse, ApiSession, Cause, Verb

decide_delete = server.Server._delete
rejected_by_allocation = server.Server._refused


def _with_code(responses: Responses, code: int, other: int) -> Responses:
    return tuple(
        evolve(response, code=other) if response.code == code else response for response in responses
    )


def _each_cause(responses: Responses, change: Callable[[Cause], Cause | None]) -> Responses:
    return tuple(
        evolve(response, causes=tuple(new for cause in response.causes if (new := change(cause)) is not None))
        for response in responses
    )


@says("ALLOC-010", "ALLOC-022", "ALLOC-030", of=("admit",))
def exhaustion_is_invalid(_: Cluster, __: ApiSession, responses: Responses) -> Responses:
    """A pool that is used up is answered as an invalid request."""
    return _with_code(responses, INTERNAL_ERROR, INVALID)


@says("VAL-019", of=("admit",))
def creation_answers_200(_: Cluster, __: ApiSession, responses: Responses) -> Responses:
    """A creation is answered as a change is."""
    return _with_code(responses, 201, 200)


@says("ALLOC-029", of=("admit",))
def cluster_ip_in_use_is_a_conflict(_: Cluster, __: ApiSession, responses: Responses) -> Responses:
    """A cluster IP that is in use is answered as a name that is in use."""
    return tuple(
        evolve(response, code=CONFLICT)
        if any(cause.field == "spec.clusterIPs" for cause in response.causes)
        else response
        for response in responses
    )


@says("ALLOC-009", of=("admit",))
def an_answer_is_lost(_: Cluster, __: ApiSession, responses: Responses) -> Responses:
    """The last answer of a session is lost."""
    return responses[:-1] if len(responses) > 1 else responses


@says("TYPE-025", of=("admit",))
def deleting_what_is_not_there(_: Cluster, session: ApiSession, responses: Responses) -> Responses:
    """Deleting a Service that does not exist succeeds."""
    return tuple(
        ApiResponse(200) if request.verb is Verb.DELETE and response.code == 404 else response
        for request, response in zip(session.requests, responses, strict=False)
    )


@says("TYPE-013", "VAL-046", "VAL-062", "VAL-067", "VAL-045", "VAL-039", of=("admit",))
def causes_are_lost(_: Cluster, __: ApiSession, responses: Responses) -> Responses:
    """A refusal does not say why."""
    return _each_cause(responses, lambda _: None)


@says("VAL-019", of=("admit",))
def node_port_without_its_index(_: Cluster, __: ApiSession, responses: Responses) -> Responses:
    """A refused node port is reported without the number of its entry."""
    return _each_cause(
        responses,
        lambda cause: Cause("spec.ports.nodePort", cause.reason) if "].nodePort" in cause.field else cause,
    )


@says("VAL-056", of=("admit",))
def source_ranges_in_small_letters(_: Cluster, __: ApiSession, responses: Responses) -> Responses:
    """The path of source ranges is written as the field is."""
    return _each_cause(
        responses,
        lambda cause: Cause(cause.field.replace("LoadBalancerS", "loadBalancerS"), cause.reason),
    )


@says("ALLOC-025", of=("admit",))
def cluster_ip_not_filled_in(_: Cluster, __: ApiSession, responses: Responses) -> Responses:
    """Only clusterIPs is filled in, not clusterIP."""
    return each_service(responses, lambda service: with_spec(service, cluster_ip=""))


@says("TYPE-024", of=("admit",))
def stored_service_not_reported(_: Cluster, __: ApiSession, responses: Responses) -> Responses:
    """A granted request is answered without the Service."""
    return tuple(evolve(response, service=None) for response in responses)


@replaces(server.Server, "_refused", "ALLOC-001")
def validation_beside_allocation(
    self: server.Server,
    request: ApiRequest,
    service: Service,
    refused: Refused,
    violations: tuple[Violation, ...],
) -> server.Rejected:
    """A failed allocation is reported together with everything else that is wrong."""
    rejected = rejected_by_allocation(self, request, service, refused, violations)
    return evolve(rejected, given=rejected.given | {violation.cause for violation in violations})
