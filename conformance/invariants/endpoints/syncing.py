# SPDX-License-Identifier: Apache-2.0
"""What becomes of slices that are there: what changes, and what is left alone.

The Services and their slices are made here (`scenarios`) and are the same for every
input but for which of them get their turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from typing import Any

from attrs import evolve, frozen

from conformance.example import Example
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import Port, port_set, ports_text, slices_of, words
from conformance.invariants.endpoints.scenarios import (
    MOST,
    cluster_of,
    scenarios,
    scenarios_of_changes,
    scenarios_with_room,
)
from conformance.questions import spread, turn_of
from reference.endpoints import linked_slices, synced
from reference.endpoints.syncing import identity, is_own, is_owned
from reference.objects import (
    HEADLESS_LABEL,
    MANAGED_BY_LABEL,
    Cluster,
    EndpointSlice,
    NamespacedName,
    Service,
)

MOST_SCENARIOS = 10
MOST_WITH_ROOM = 3
MOST_OF_CHANGES = 2
"""How many of each list get their turn with one input."""
LIST = "endpoints.scenarios"

Slices = tuple[EndpointSlice, ...]


@frozen(eq=False)
class Look:
    """One look of the controller at the slices of a Service."""

    service: Service
    most: int
    before: dict[str, EndpointSlice]
    wanted: dict[str, EndpointSlice]
    got: dict[str, EndpointSlice]

    @property
    def is_managed(self) -> bool:
        """Whether the controller does anything for the Service."""
        return bool(self.service.spec.selector) and self.service.spec.type != "ExternalName"

    def own(self) -> Iterator[tuple[str, EndpointSlice]]:
        """The slices that are the controller's business."""
        for name, piece in self.before.items():
            if self.is_managed and is_own(piece):
                yield name, piece

    def stays(self, name: str) -> bool:
        """Whether the slice is there afterwards, and not only its name.

        One without endpoints says nothing, and may be any other.
        """
        was, wanted = self.before[name], self.wanted.get(name)
        if wanted is None or set(was.ports) != set(wanted.ports):
            return False
        return not _identities(was).isdisjoint(_identities(wanted))

    def __str__(self) -> str:
        metadata = self.service.metadata
        had = ", ".join(f"{name} of {len(piece.endpoints)}" for name, piece in self.before.items())
        return (
            f"{slices_of(NamespacedName(metadata.namespace, metadata.name))}, which had {had or 'none'}"
            f" ({self.most} endpoints at most)"
        )


def _identities(piece: EndpointSlice) -> set[object]:
    return {identity(endpoint) for endpoint in piece.endpoints}


def _shown(piece: EndpointSlice) -> str:
    addresses = sorted(address for endpoint in piece.endpoints for address in endpoint.addresses)
    return f"[{', '.join(addresses)}]"


def looks(case: Case) -> Iterator[Look]:
    """What is answered for the scenarios that have their turn, or for a reproducer of them."""
    given = case.example.list
    if given and given != LIST:
        return

    def ask() -> list[tuple[Cluster, Look]]:
        cluster = case.cluster
        if not given:
            turn = turn_of(cluster)
            chosen = (
                *spread(scenarios(), most=MOST_SCENARIOS, turn=turn),
                *spread(scenarios_with_room(), most=MOST_WITH_ROOM, turn=turn),
                *spread(scenarios_of_changes(), most=MOST_OF_CHANGES, turn=turn),
            )
            cluster = cluster_of(chosen, MOST[turn % len(MOST)])
        names = [NamespacedName(each.metadata.namespace, each.metadata.name) for each in cluster.services]
        if not names:
            return []
        answers = case.variant(evolve(case.example, cluster=cluster)).ask("synced_slices", names)
        looks = []
        for service, name, got in zip(cluster.services, names, answers, strict=True):
            alone = _alone(cluster, service)
            look = Look(
                service,
                cluster.settings.max_endpoints_per_slice,
                _by_name(linked_slices(alone, name)),
                _by_name(synced(alone, name)),
                _by_name(got),
            )
            looks.append((alone, look))
        return looks

    for alone, look in case.memo(LIST, ask):
        case.shows = Example(cluster=alone, list=LIST)
        yield look
    case.shows = None


def _by_name(slices: Slices) -> dict[str, EndpointSlice]:
    return {piece.metadata.name: piece for piece in slices}


def _alone(cluster: Cluster, service: Service) -> Cluster:
    """The cluster with the one Service, its pods and its slices."""
    name = NamespacedName(service.metadata.namespace, service.metadata.name)
    label = ("app", service.metadata.name)
    return evolve(
        cluster,
        services=(service,),
        pods=tuple(pod for pod in cluster.pods if label in pod.metadata.labels.items()),
        endpoint_slices=linked_slices(cluster, name),
    )


def broken(case: Case, rule: str, look: Look, *, expected: str, got: str) -> None:
    """A look in which a rule was not followed."""
    case.fail(rule, question=str(look), expected=expected, got=got, because=(rule,))


@invariant(
    "endpoints.endpoints-stay-in-their-slice",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-007", "SLICE-013"),
    asks=("synced_slices",),
    classes=("kept", "changed"),
)
def endpoints_stay_in_their_slice(case: Case) -> None:
    """An endpoint that is wanted still, changed or not, stays in the slice in which it is."""
    for look in looks(case):
        for name, piece in look.own():
            if not look.stays(name):
                continue
            kept = _identities(piece) & _identities(look.wanted[name])
            case.judged("kept", *(("changed",) if _changed(piece, look.wanted[name]) else ()))
            left = _identities(look.got[name]) if name in look.got else set()
            if kept <= left:
                continue
            row = "SLICE-013" if kept - left <= _changed(piece, look.wanted[name]) else "SLICE-007"
            got = _shown(look.got[name]) if name in look.got else "no such slice"
            broken(case, row, look, expected=f"{name} keeps its {len(kept)} endpoints", got=got)


def _changed(before: EndpointSlice, after: EndpointSlice) -> set[object]:
    """The endpoints that are still there, but are written otherwise."""
    was = {identity(endpoint): endpoint for endpoint in before.endpoints}
    return {
        identity(endpoint)
        for endpoint in after.endpoints
        if identity(endpoint) in was and was[identity(endpoint)] != endpoint
    }


@invariant(
    "endpoints.new-endpoints-fill-slices",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-005", "SLICE-007", "SLICE-008"),
    asks=("synced_slices",),
    classes=("from nothing", "with slices", "room in two slices"),
)
def new_endpoints_fill_slices(case: Case) -> None:
    """New endpoints fill the slices that change anyway, the fullest first; what is left goes to one other
    slice that has room for all of it, or to new ones.
    """
    for look in looks(case):
        if not look.is_managed:
            continue
        stay = {name for name, _ in look.own() if look.stays(name)}
        others = {name for name in look.before if name in look.wanted} - stay
        foreign = {name for name in others if not is_own(look.before[name])}
        case.judged("with slices" if stay else "from nothing")
        row = "SLICE-007" if stay else "SLICE-005"
        room = [name for name in stay if len(look.before[name].endpoints) < look.most]
        made = look.wanted.keys() - look.before.keys()
        if made and len(room) > 1 and all(look.wanted[name] == look.before[name] for name in room):
            case.judged("room in two slices")
            row = "SLICE-008"
        for name in stay & look.got.keys():
            wanted, got = len(look.wanted[name].endpoints), len(look.got[name].endpoints)
            if wanted != got:
                broken(case, row, look, expected=f"{name} with {wanted} endpoints", got=f"{got} of them")
        wanted_sizes, got_sizes = (
            sorted(len(piece.endpoints) for name, piece in some.items() if name not in stay | foreign)
            for some in (look.wanted, look.got)
        )
        if wanted_sizes != got_sizes:
            expected = f"{wanted_sizes or 'no'} endpoints in other slices"
            broken(case, row, look, expected=expected, got=f"{got_sizes or 'none'}")


@invariant(
    "endpoints.synced-slices-hold-all",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-006", "SLICE-010", "SLICE-018"),
    asks=("synced_slices",),
    classes=("endpoints", "placeholder", "labels"),
)
def synced_slices_hold_all(case: Case) -> None:
    """Whatever was there, the controller's slices hold each wanted endpoint once, with its ports, and have
    the labels of the Service; a slice that stands for no endpoints has no ports.
    """
    for look in looks(case):
        if not look.is_managed:
            continue
        foreign = {name for name, piece in look.before.items() if not is_own(piece)}
        wanted, got = (_Held.of(some, foreign) for some in (look.wanted, look.got))
        case.judged("endpoints" if wanted.endpoints else "placeholder")
        if look.service.metadata.deletion_timestamp is not None:
            # There are no new slices, and whom the places that are left go to is open.
            known = {identity(each) for piece in look.before.values() for each in piece.endpoints}
            wanted, got = wanted.only(known), got.only(known)
        if wanted.endpoints != got.endpoints:
            broken(case, "SLICE-006", look, expected=_words(wanted.endpoints), got=_words(got.endpoints))
        if wanted.empty != got.empty:
            broken(case, "SLICE-010", look, expected=_ports(wanted.empty), got=_ports(got.empty))
        for name in (look.wanted.keys() & look.got.keys()) - foreign:
            before = look.before.get(name)
            labels, found = (_labels(some[name]) for some in (look.wanted, look.got))
            case.judged(*(("labels",) if before and _labels(before) != labels else ()))
            if labels != found:
                broken(case, "SLICE-018", look, expected=f"{name} with {labels}", got=str(found))


def _labels(piece: EndpointSlice) -> dict[str, str]:
    """The labels; whether they say that the Service is headless is another invariant's business."""
    return dict(piece.metadata.labels.without(HEADLESS_LABEL))


@frozen
class _Held:
    """Endpoints with their ports, and the ports of slices without endpoints."""

    endpoints: Counter[tuple[object, str, frozenset[Port]]]
    empty: Counter[frozenset[Port]]

    @classmethod
    def of(cls, slices: dict[str, EndpointSlice], foreign: Set[str]) -> _Held:
        own = [piece for name, piece in slices.items() if name not in foreign]
        return cls(
            Counter(
                (identity(endpoint), words(endpoint.conditions), port_set(piece.ports))
                for piece in own
                for endpoint in piece.endpoints
            ),
            Counter(port_set(piece.ports) for piece in own if not piece.endpoints),
        )

    def only(self, known: Set[object]) -> _Held:
        """What is held of these endpoints."""
        held = {entry: count for entry, count in self.endpoints.items() if entry[0] in known}
        return evolve(self, endpoints=Counter(held))


def _words(endpoints: Counter[tuple[Any, str, frozenset[Port]]]) -> str:
    texts = (
        f"{', '.join(addresses)} ({conditions}; ports {ports_text(ports)})"
        for (addresses, _, _), conditions, ports in endpoints.elements()
    )
    return "; ".join(sorted(texts)) or "no endpoints"


def _ports(empty: Counter[frozenset[Port]]) -> str:
    texts = sorted(f"an empty slice with ports {ports_text(ports)}" for ports in empty.elements())
    return "; ".join(texts) or "no empty slice"


@invariant(
    "endpoints.emptied-slices",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-009", "SLICE-013"),
    asks=("synced_slices",),
    classes=("deleted", "written anew"),
)
def emptied_slices(case: Case) -> None:
    """A slice without any wanted endpoint is deleted, or written anew where another slice is made."""
    for look in looks(case):
        emptied = {name for name, piece in look.own() if not look.stays(name) and _is_current(look, piece)}
        if not emptied:
            continue
        wanted = len(emptied & look.wanted.keys())
        got = len(emptied & look.got.keys())
        case.judged("written anew" if wanted else "deleted")
        if wanted != got:
            kept = [name for name in emptied & look.got.keys() if _addresses(look, name)]
            expected = f"{wanted} of the emptied slices {', '.join(sorted(emptied))}"
            row = "SLICE-013" if kept else "SLICE-009"
            broken(case, row, look, expected=expected, got=f"{got} of them")


def _addresses(look: Look, name: str) -> set[str]:
    """What the endpoints of a slice have had for addresses and have still."""
    was, now = (
        {address for endpoint in some[name].endpoints for address in endpoint.addresses}
        for some in (look.before, look.got)
    )
    return was & now


def _is_current(look: Look, piece: EndpointSlice) -> bool:
    return is_owned(piece, look.service) and piece.address_type in look.service.spec.ip_families


@invariant(
    "endpoints.slices-of-a-family-that-left",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-012",),
    asks=("synced_slices",),
    classes=("left",),
)
def slices_of_a_family_that_left(case: Case) -> None:
    """Slices of a family that the Service does not have any more are deleted."""
    for look in looks(case):
        for name, piece in look.own():
            if piece.address_type in look.service.spec.ip_families:
                continue
            case.judged("left")
            if name in look.got:
                expected = f"no {name}, which is of {piece.address_type}"
                broken(case, "SLICE-012", look, expected=expected, got=_shown(look.got[name]))


@invariant(
    "endpoints.slices-of-an-older-service",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-015",),
    asks=("synced_slices",),
    classes=("older",),
)
def slices_of_an_older_service(case: Case) -> None:
    """Slices that belong to an older Service of the same name are deleted."""
    for look in looks(case):
        for name, piece in look.own():
            if is_owned(piece, look.service):
                continue
            case.judged("older")
            if name in look.got:
                expected = f"no {name}, which belongs to a Service that is gone"
                broken(case, "SLICE-015", look, expected=expected, got=_shown(look.got[name]))


@invariant(
    "endpoints.slices-left-alone",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-014", "EP-026", "EP-027"),
    asks=("synced_slices",),
    classes=(
        "of another author",
        "of another controller",
        "being deleted",
        "of a Service that is not managed",
    ),
)
def slices_left_alone(case: Case) -> None:
    """Slices of other authors and slices that are being deleted stay as they are, and so do all slices of a
    Service that has no selector any more or has become an ExternalName.
    """
    for look in looks(case):
        for name, piece in look.before.items():
            if not look.is_managed:
                row, met = "EP-026", "of a Service that is not managed"
            elif is_own(piece):
                continue
            elif piece.metadata.deletion_timestamp is not None:
                row, met = "SLICE-014", "being deleted"
            elif MANAGED_BY_LABEL in piece.metadata.labels:
                row, met = "EP-027", "of another controller"
            else:
                row, met = "SLICE-014", "of another author"
            case.judged(met)
            got = look.got.get(name)
            if got is None or (_identities(got), set(got.ports)) != (_identities(piece), set(piece.ports)):
                broken(case, row, look, expected=f"{name} as it is", got=_shown(got) if got else "deleted")


@invariant(
    "endpoints.no-new-slices-for-a-service-that-goes",
    kind=Kind.METAMORPHIC,
    requirements=("EP-028",),
    asks=("synced_slices",),
    classes=("being deleted",),
)
def no_new_slices_for_a_service_that_goes(case: Case) -> None:
    """For a Service that is being deleted no slice is made."""
    for look in looks(case):
        if look.service.metadata.deletion_timestamp is None:
            continue
        case.judged("being deleted")
        if new := look.got.keys() - look.before.keys():
            broken(case, "EP-028", look, expected="no new slice", got=", ".join(sorted(new)))
