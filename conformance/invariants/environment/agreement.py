# SPDX-License-Identifier: Apache-2.0
"""Agreement with the reference, one topic at a time.

Apart, so that an implementation which gets one topic wrong is still judged on the
others, and a deviation names the row that it breaks.
"""

from __future__ import annotations

from collections.abc import Iterable

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.environment.answers import Answered, answered, shown
from conformance.invariants.environment.differences import Topic, of_topic
from reference.environment import API_SERVER
from reference.objects import Service

_ASKS = ("environment",)


def _judge(case: Case, topic: Topic, classes: Iterable[tuple[Answered, tuple[str, ...]]]) -> None:
    """Count what is judged, and fail on the first difference of the topic."""
    for _, met in classes:
        case.judged(*met)
    for item, difference in of_topic(case, topic):
        case.fail(
            difference.requirement,
            question=f"{difference.name} in {item.question}",
            expected=shown(difference.expected),
            got=shown(difference.got),
            because=(difference.requirement,),
        )


def _with_variables(case: Case) -> list[Answered]:
    """Those of the containers that were rightly created, and of which there is something to compare."""
    return case.memo(
        "environment.with-variables", lambda: [item for item in answered(case) if not item.failed]
    )


@invariant(
    "environment.creation-agrees",
    kind=Kind.AGREEMENT,
    requirements=("ENV-030",),
    asks=_ASKS,
)
def creation_agrees(case: Case) -> None:
    """A container is created, with variables, exactly if every ConfigMap is there that it needs."""
    for item in answered(case):
        expected, got = item.outcome.environment.error, item.got.error
        case.judged("created" if expected is None else "not created")
        if (expected is None) != (got is None):
            case.fail(
                "ENV-030",
                question=item.question,
                expected="variables" if expected is None else f"an error, as {expected}",
                got="variables" if got is None else f"the error {got!r}",
                because=("ENV-030",),
            )


@invariant(
    "environment.values-agree",
    kind=Kind.AGREEMENT,
    requirements=(
        "ENV-001",
        "ENV-003",
        "ENV-004",
        "ENV-005",
        "ENV-006",
        "ENV-007",
        "ENV-025",
        "ENV-035",
        "ENV-037",
    ),
    asks=_ASKS,
    classes=("a Service with one port",),
)
def values_agree(case: Case) -> None:
    """The variables of each Service that a container is told of are those of its address and ports."""
    ports = case.memo("environment.several-ports", lambda: _several_ports(case.cluster.services))
    _judge(case, Topic.VALUES, ((item, _port_classes(item, ports)) for item in _with_variables(case)))


def _several_ports(services: Iterable[Service]) -> dict[tuple[str, str], bool]:
    return {
        (service.metadata.namespace, service.metadata.name): len(service.spec.ports) > 1
        for service in services
    }


def _port_classes(item: Answered, several: dict[tuple[str, str], bool]) -> tuple[str, ...]:
    found = {several[service.namespace, service.name] for service in item.outcome.services}
    return tuple(
        text
        for present, text in ((True, "a Service with several ports"), (False, "a Service with one port"))
        if present in found
    )


@invariant(
    "environment.services-agree",
    kind=Kind.AGREEMENT,
    requirements=("ENV-011", "ENV-012", "ENV-013", "ENV-014"),
    asks=_ASKS,
    classes=("a Service of the namespace", "a Service of another namespace", "a Service without an address"),
)
def services_agree(case: Case) -> None:
    """A container is told of the Services of its own namespace that have a cluster IP, and of no other."""
    _judge(case, Topic.SERVICES, ((item, _membership(item)) for item in _with_variables(case)))


def _membership(item: Answered) -> tuple[str, ...]:
    namespace = item.name.namespace
    found = set()
    for service in item.known:
        if not service.has_cluster_ip:
            found.add("a Service without an address")
        else:
            own = service.namespace == namespace
            found.add("a Service of the namespace" if own else "a Service of another namespace")
    return tuple(sorted(found))


@invariant(
    "environment.order-agrees",
    kind=Kind.AGREEMENT,
    requirements=("ENV-ORDER-002",),
    asks=_ASKS,
    classes=("created before the start", "created after the start"),
)
def order_agrees(case: Case) -> None:
    """A container is told of no Service that was created after it was started."""
    _judge(case, Topic.ORDER, ((item, _ages(item)) for item in _with_variables(case)))


def _ages(item: Answered) -> tuple[str, ...]:
    found = {
        "created before the start" if service.created < item.started else "created after the start"
        for service in item.known
        if service.namespace == item.name.namespace and service.created != item.started
    }
    return tuple(sorted(found))


@invariant(
    "environment.api-server-agrees",
    kind=Kind.AGREEMENT,
    requirements=("ENV-014", "ENV-015", "ENV-016", "ENV-017"),
    asks=_ASKS,
    classes=("the Service of the API server",),
)
def api_server_agrees(case: Case) -> None:
    """The KUBERNETES_ variables are those of `kubernetes` in the pod's namespace, else of the API server."""
    _judge(
        case,
        Topic.API_SERVER,
        ((item, met) for item in _with_variables(case) if (met := _api_servers(item))),
    )


def _api_servers(item: Answered) -> tuple[str, ...]:
    namespace, name = API_SERVER
    found = []
    for service in item.known:
        if service.name == name and service.namespace == namespace:
            found.append("the Service of the API server")
        elif service.name == name and service.namespace == item.name.namespace:
            found.append("a Service of the same name")
    return tuple(found)


@invariant(
    "environment.links-agree",
    kind=Kind.AGREEMENT,
    requirements=("ENV-019",),
    asks=_ASKS,
    classes=("links", "no links"),
)
def links_agree(case: Case) -> None:
    """A pod that wants no service links is told of nothing but the API server's Service."""
    _judge(
        case,
        Topic.LINKS,
        ((item, ("links" if item.allowed.snapshot.links else "no links",)) for item in _with_variables(case)),
    )


@invariant(
    "environment.precedence-agrees",
    kind=Kind.AGREEMENT,
    requirements=("ENV-026", "ENV-027", "ENV-028", "ENV-029", "ENV-030", "ENV-033"),
    asks=_ASKS,
    classes=("variables of its own", "the name of a Service's variable"),
)
def precedence_agrees(case: Case) -> None:
    """What a container defines itself, in `env` or `envFrom`, stands before the variables of Services."""
    _judge(
        case, Topic.PRECEDENCE, ((item, met) for item in _with_variables(case) if (met := _own_classes(item)))
    )


def _own_classes(item: Answered) -> tuple[str, ...]:
    if not item.own:
        return ()
    if item.own.isdisjoint(item.given):
        return ("variables of its own",)
    return ("variables of its own", "the name of a Service's variable")


@invariant(
    "environment.expansion-agrees",
    kind=Kind.AGREEMENT,
    requirements=("ENV-EXP-001", "ENV-EXP-005", "ENV-EXP-006", "ENV-EXP-013", "ENV-EXP-017", "ENV-EXP-018"),
    asks=_ASKS,
    classes=("a reference",),
)
def expansion_agrees(case: Case) -> None:
    """A `$(NAME)` in the value of a variable is replaced as the reference does it."""
    _judge(
        case,
        Topic.EXPANSION,
        ((item, ("a reference",)) for item in _with_variables(case) if _has_reference(item)),
    )


def _has_reference(item: Answered) -> bool:
    return any("$" in variable.value for variable in item.container.env) or bool(item.container.env_from)
