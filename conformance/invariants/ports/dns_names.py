# SPDX-License-Identifier: Apache-2.0
"""What of a Service becomes a name in DNS has to be one: external names and the names of ports."""

from __future__ import annotations

from functools import lru_cache

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.ports.turns import judge_admission, steps_in_turn
from reference.objects import ClusterSettings, ObjectMeta, Service, ServicePort, ServiceSpec
from reference.questions import ApiRequest, ApiSession, Verb

MOST_SESSIONS = 6
"""How many get their turn with one input."""

_EXTERNAL_NAMES = ("db.example.com", "db.example.com.", "192.0.2.80", "2001:db8::1", "::1", "[2001:db8::1]")
_PORT_NAMES: tuple[tuple[str, ...], ...] = (
    ("",),
    ("http",),
    ("http-alt", "80"),
    ("HTTP",),
    ("_http",),
    ("http.alt",),
    ("http-",),
    ("http", "http"),
    ("http", ""),
    ("", ""),
)


def _create(spec: ServiceSpec) -> ApiSession:
    service = Service(ObjectMeta(name="web", namespace="default", uid="web"), spec)
    return ApiSession(ClusterSettings(), (ApiRequest(Verb.CREATE, service),))


@lru_cache(maxsize=1)
def sessions() -> tuple[ApiSession, ...]:
    """A Service with each external name, and one with each list of port names."""
    external = (ServiceSpec(type="ExternalName", external_name=name) for name in _EXTERNAL_NAMES)
    named = (
        ServiceSpec(
            type="ClusterIP",
            ports=tuple(ServicePort(80 + index, name, "TCP", 8080) for index, name in enumerate(names)),
        )
        for names in _PORT_NAMES
    )
    return tuple(map(_create, (*external, *named)))


@invariant(
    "ports.names-in-dns",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-CNAME-009", "DNS-SRV-014"),
    asks=("admit",),
    classes=("external name granted", "external name refused", "port granted", "port refused"),
)
def names_in_dns(case: Case) -> None:
    """An external name that is an IPv6 address is refused, and so are names of ports that are no labels,
    that come twice, or that are missing where there is more than one port.
    """
    for step in steps_in_turn(case, "ports.names-in-dns", sessions, most=MOST_SESSIONS):
        spec = step.request.service.spec
        external = spec.type == "ExternalName"
        done = "granted" if step.expectation.rejected is None else "refused"
        case.judged(f"{'external name' if external else 'port'} {done}")
        told = spec.external_name if external else ", ".join(repr(port.name) for port in spec.ports)
        row = "DNS-CNAME-009" if external else "DNS-SRV-014"
        named = "the external name" if external else "ports called"
        judge_admission(case, step, row, question=f"{step} with {named} {told}", because=(row,))
