# SPDX-License-Identifier: Apache-2.0
"""Sessions that are related to a generated one, whose answers have to be related too.

Numbers that the implementation chose freely in the generated session are asked
for explicitly in the related one, so that another choice cannot lead elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import evolve, frozen

from conformance.example import Example
from conformance.invariants.base import Case
from conformance.invariants.ports.timeline import key_of, responses, show_request, show_response
from reference.objects import Service
from reference.ports.server import is_granted
from reference.questions import ApiRequest, ApiResponse, ApiSession, Verb

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


@frozen(eq=False)
class Pinned:
    """A request with the numbers that were given to it, how it was sent, and the answer that it had."""

    request: ApiRequest
    sent: ApiRequest
    response: ApiResponse

    @property
    def granted(self) -> bool:
        """Whether it was granted."""
        return is_granted(self.response)

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return key_of(self.request.service)


def pinned_sessions(case: Case) -> Iterator[tuple[ApiSession, list[Pinned]]]:
    """Every session with its numbers pinned.

    Refusals whose outcome may hang on a free choice are left out: a refused
    request changes nothing, so that the others are answered as before.
    """
    for session, answers in responses(case):
        yield (
            session,
            [
                Pinned(_pinned(request, response), request, response)
                for request, response in zip(session.requests, answers, strict=False)
                if is_granted(response) or not _hangs_on_a_choice(request)
            ],
        )


def _hangs_on_a_choice(request: ApiRequest) -> bool:
    """Whether a refused request asks for some numbers and leaves others open."""
    spec = request.service.spec
    numbers = [port.node_port for port in spec.ports]
    if spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local":
        numbers.append(spec.health_check_node_port)
    return spec.type in _WITH_NODE_PORTS and any(numbers) and not all(numbers)


def _pinned(request: ApiRequest, response: ApiResponse) -> ApiRequest:
    got = response.service if is_granted(response) else None
    if request.verb is Verb.DELETE or got is None:
        return request
    spec = request.service.spec
    if got.spec.type in _WITH_NODE_PORTS and len(got.spec.ports) == len(spec.ports):
        ports = tuple(
            evolve(port, node_port=given.node_port)
            for port, given in zip(spec.ports, got.spec.ports, strict=True)
        )
        spec = evolve(spec, ports=ports, health_check_node_port=got.spec.health_check_node_port)
    if got.spec.type != "ExternalName" and not spec.cluster_ip and not spec.cluster_ips:
        spec = evolve(spec, cluster_ip=got.spec.cluster_ip, cluster_ips=got.spec.cluster_ips)
    return ApiRequest(request.verb, evolve(request.service, spec=spec))


def ask(
    case: Case, session: ApiSession, requests: Iterable[ApiRequest]
) -> tuple[ApiSession, list[ApiResponse]]:
    """The answers to a related session."""
    related = ApiSession(session.settings, tuple(requests))
    variant = case.variant(Example(case.example.cluster, case.example.selections, (related,)))
    return related, list(variant.ask_again("admit", [related])[0])


def judge(
    case: Case,
    requirement: str,
    session: ApiSession,
    requests: Iterable[tuple[ApiRequest, Pinned | None]],
    *,
    related: str,
    classes: tuple[str, ...] = (),
    rename: Callable[[Service], Service] | None = None,
) -> None:
    """Ask `requests`, and fail where one that has a twin in the generated session is answered otherwise."""
    pairs = list(requests)
    asked, answers = ask(case, session, [request for request, _ in pairs])
    case.judged(*classes)
    for index, ((_, twin), answer) in enumerate(zip(pairs, answers, strict=False)):
        if twin is not None and not _alike(twin.response, answer):
            case.fail(
                requirement,
                question=f"{show_request(asked, index)}, {related}",
                expected=show_response(twin.response),
                got=show_response(answer),
            )


def _alike(one: ApiResponse, other: ApiResponse) -> bool:
    """The same code and causes, and the same numbers where both have a Service."""
    if one.code != other.code or set(one.causes) != set(other.causes):
        return False
    if one.service is None or other.service is None:
        return one.service is other.service
    return _numbers(one.service) == _numbers(other.service)


def _numbers(service: Service) -> object:
    spec = service.spec
    ports = [port.node_port for port in spec.ports]
    return spec.cluster_ip, spec.cluster_ips, ports, spec.health_check_node_port
