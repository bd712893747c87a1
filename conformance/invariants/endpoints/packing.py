# SPDX-License-Identifier: Apache-2.0
"""Properties of the slices themselves: how many there are, what each holds, whose they are."""

from __future__ import annotations

from collections import Counter

from attrs import evolve, frozen

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.endpoints.answers import (
    Answered,
    Placed,
    answered,
    is_managed,
    placed,
    pods_by_name,
)
from reference.objects import (
    CLUSTER_IP_NONE,
    ENDPOINT_SLICE_CONTROLLER,
    HEADLESS_LABEL,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Cluster,
    Labels,
    Pod,
    PodIP,
    Service,
)

MAX_BY_DEFAULT = 100
MAX_BY_THE_API = 1000

_RESERVED = (SERVICE_NAME_LABEL, MANAGED_BY_LABEL, HEADLESS_LABEL)


def _broken(case: Case, rule: str, item: Answered, *, expected: str, got: str) -> None:
    case.fail(rule, question=item.question, expected=expected, got=got, because=(rule,))


@invariant(
    "endpoints.at-least-one-slice",
    kind=Kind.STATED,
    requirements=("SEL-006", "SLICE-010", "SLICE-006", "EP-020"),
    asks=("endpoint_slices",),
    classes=("endpoints", "placeholder"),
)
def at_least_one_slice(case: Case) -> None:
    """Each family of a managed Service has slices with endpoints, or just one without endpoints and ports."""
    for item in answered(case):
        if not is_managed(item.service):
            continue
        families = item.service.spec.ip_families
        for family in dict.fromkeys((*families, *(piece.address_type for piece in item.got))):
            pieces = [piece for piece in item.got if piece.address_type == family]
            endpoints = sum(len(piece.endpoints) for piece in pieces)
            case.judged("endpoints" if endpoints else "placeholder")
            if families and family not in families:
                _broken(case, "EP-020", item, expected=f"no slice of {family}", got=f"{len(pieces)} of them")
            if not pieces:
                rule = "SLICE-010" if item.got or item.wanted else "SEL-006"
                _broken(case, rule, item, expected=f"at least one slice of {family}", got="none")
            if endpoints and not all(piece.endpoints for piece in pieces):
                _broken(case, "SLICE-006", item, expected="endpoints in every slice", got="an empty slice")
            if not endpoints and (len(pieces) > 1 or pieces[0].ports):
                got = f"{len(pieces)} slices, the first with {len(pieces[0].ports)} ports"
                _broken(case, "SLICE-010", item, expected="one slice without endpoints and ports", got=got)


@invariant(
    "endpoints.each-endpoint-once",
    kind=Kind.STATED,
    requirements=("SLICE-006",),
    asks=("endpoint_slices",),
    classes=("endpoints",),
)
def each_endpoint_once(case: Case) -> None:
    """No endpoint occurs twice in the slices of a Service."""
    for item in answered(case):
        if not item.found:
            continue
        case.judged("endpoints")
        for (entry, pod), count in _occurrences(item.found).items():
            if count > 1 and pod is not None:
                _broken(
                    case, "SLICE-006", item, expected=f"{pod} once", got=f"{', '.join(entry)} {count} times"
                )


def _occurrences(found: list[Placed]) -> Counter[tuple[tuple[str, ...], str | None]]:
    return Counter(((entry.family, *entry.addresses), entry.pod) for entry in found)


@invariant(
    "endpoints.one-family-in-a-slice",
    kind=Kind.STATED,
    requirements=("SLICE-003", "SLICE-019"),
    asks=("endpoint_slices",),
    classes=("IPv4",),
)
def one_family_in_a_slice(case: Case) -> None:
    """A slice is of IPv4 or of IPv6, and so are all of its addresses."""
    for item in answered(case):
        for piece in item.got:
            case.judged(piece.address_type)
            if piece.address_type not in ("IPv4", "IPv6"):
                _broken(case, "SLICE-019", item, expected="IPv4 or IPv6", got=piece.address_type or "nothing")
            for endpoint in piece.endpoints:
                if any((":" in address) is (piece.address_type == "IPv4") for address in endpoint.addresses):
                    got = ", ".join(endpoint.addresses)
                    _broken(case, "SLICE-003", item, expected=f"{piece.address_type} addresses", got=got)


# -- whose slices they are ---------------------------------------------------------------


@invariant(
    "endpoints.labels",
    kind=Kind.STATED,
    requirements=("SLICE-017", "EP-023"),
    asks=("endpoint_slices",),
    classes=("headless", "with a cluster IP", "labelled Service"),
)
def labels(case: Case) -> None:
    """A slice has the Service's labels and name, and the headless label exactly if that is headless."""
    for item in answered(case):
        service = item.service
        headless = service.spec.cluster_ip in ("", CLUSTER_IP_NONE)
        expected = _expected_labels(service, headless=headless)
        for piece in item.got:
            classes = ["headless" if headless else "with a cluster IP"]
            if service.metadata.labels:
                classes.append("labelled Service")
            case.judged(*classes)
            got = piece.metadata.labels.without(MANAGED_BY_LABEL)
            if got != expected:
                wrong = got.get(HEADLESS_LABEL) != expected.get(HEADLESS_LABEL)
                rule = "EP-023" if wrong and headless else "SLICE-017"
                _broken(case, rule, item, expected=_labels_text(expected), got=_labels_text(got))


def _expected_labels(service: Service, *, headless: bool) -> Labels:
    kept = service.metadata.labels.without(*_RESERVED)
    more = {SERVICE_NAME_LABEL: service.metadata.name}
    return kept | (more | {HEADLESS_LABEL: ""} if headless else more)


def _labels_text(found: Labels) -> str:
    return ", ".join(f"{key}={value}" for key, value in found.items()) or "no labels"


@invariant(
    "endpoints.managed-by",
    kind=Kind.STATED,
    requirements=("SLICE-017",),
    asks=("endpoint_slices",),
    classes=("managed",),
)
def managed_by(case: Case) -> None:
    """Each slice that the controller writes says that the EndpointSlice controller manages it."""
    for item in answered(case):
        for piece in item.got:
            case.judged("managed")
            got = piece.metadata.labels.get(MANAGED_BY_LABEL)
            if got != ENDPOINT_SLICE_CONTROLLER:
                expected = f"{MANAGED_BY_LABEL}={ENDPOINT_SLICE_CONTROLLER}"
                _broken(case, "SLICE-017", item, expected=expected, got=str(got))


@invariant(
    "endpoints.owner",
    kind=Kind.STATED,
    requirements=("SLICE-016", "SLICE-020"),
    asks=("endpoint_slices",),
    classes=("owned",),
)
def owner(case: Case) -> None:
    """A slice is in the Service's namespace and has the Service as its controlling owner."""
    for item in answered(case):
        for piece in item.got:
            case.judged("owned")
            metadata = piece.metadata
            if metadata.namespace != item.name.namespace:
                expected = f"namespace {item.name.namespace}"
                _broken(case, "SLICE-020", item, expected=expected, got=metadata.namespace or "no namespace")
            owners = [(entry.kind, entry.name) for entry in metadata.owner_references if entry.controller]
            if owners != [("Service", item.name.name)]:
                expected = f"the controlling owner Service {item.name.name}"
                _broken(case, "SLICE-016", item, expected=expected, got=str(owners or "no controlling owner"))


# -- more pods than fit into one slice --------------------------------------------------------

MANY = 2 * MAX_BY_DEFAULT + 1


def _with_pods_alike(cluster: Cluster, pod: Pod, count: int) -> Cluster:
    """The cluster with so many more pods alike `pod`."""
    alike = tuple(
        evolve(
            pod,
            metadata=evolve(pod.metadata, name=f"many-{number}", uid=f"many-{number}"),
            status=evolve(pod.status, pod_ip=ip, pod_ips=(PodIP(ip),)),
        )
        for number in range(count)
        for ip in (f"10.245.{number // 250}.{number % 250 + 1}",)
    )
    return evolve(cluster, pods=cluster.pods + alike)


@frozen(eq=False)
class Many:
    """A Service after `count` pods were added to it: the sizes of its slices, and its endpoints."""

    item: Answered
    count: int
    sizes: list[int]
    found: list[Placed]


def _many(case: Case) -> Many | None:
    """A Service of many pods; None without a pod to copy.  Worked out once for a case."""
    return case.memo("endpoints.many", lambda: _with_many(case))


def _with_many(case: Case) -> Many | None:
    # More than the API takes in one slice, but seldom: it takes its time.
    seldom = len(case.cluster.services) == 1
    count = MAX_BY_THE_API + 1 if seldom else MANY
    for item in answered(case):
        for entry in item.wanted:
            pod = pods_by_name(case)[item.name.namespace, entry.pod or ""]
            if entry.family != "IPv4" or pod.spec.host_network:
                continue
            cluster = _with_pods_alike(case.cluster, pod, count)
            got = case.variant(evolve(case.example, cluster=cluster)).ask("endpoint_slices", [item.name])[0]
            return Many(item, count, [len(piece.endpoints) for piece in got], placed(got))
    return None


@invariant(
    "endpoints.many-pods",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-002", "SLICE-006", "EP-039"),
    asks=("endpoint_slices",),
)
def many_pods(case: Case) -> None:
    """Hundreds of pods alike are all endpoints, each once, in slices of at most a thousand."""
    many = _many(case)
    if many is None:
        return
    item, count = many.item, many.count
    case.judged()
    new = [entry.addresses for entry in many.found if _is_new(entry)]
    if len(set(new)) < count:
        _broken(case, "EP-039", item, expected=f"{count} more endpoints", got=f"{len(set(new))} of them")
    if len(new) > count:
        _broken(case, "SLICE-006", item, expected=f"{count} more, each once", got=f"{len(new)} of them")
    if max(many.sizes) > MAX_BY_THE_API:
        expected = f"at most {MAX_BY_THE_API} endpoints in a slice"
        _broken(case, "SLICE-002", item, expected=expected, got=f"slices of {many.sizes}")


def _is_new(entry: Placed) -> bool:
    return any(address.startswith("10.245.") for address in entry.addresses)


@invariant(
    "endpoints.a-hundred-in-a-slice",
    kind=Kind.METAMORPHIC,
    requirements=("SLICE-001",),
    asks=("endpoint_slices",),
    level=Level.DEPLOYMENT,
)
def a_hundred_in_a_slice(case: Case) -> None:
    """With the controller's default settings no slice has more than a hundred endpoints."""
    many = _many(case)
    if many is None:
        return
    case.judged()
    if max(many.sizes, default=0) > MAX_BY_DEFAULT:
        expected = f"at most {MAX_BY_DEFAULT} endpoints in a slice"
        _broken(case, "SLICE-001", many.item, expected=expected, got=f"slices of {many.sizes}")
