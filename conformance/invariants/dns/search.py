# SPDX-License-Identifier: Apache-2.0
"""Names as programs write them: the pod's resolv.conf, and look-ups through its search list."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns import probes
from conformance.invariants.dns.view import asked_in_words, view, worded
from conformance.questions.dns import Lookup, lookups, pods
from reference.dns import candidates, facts_of, in_zone, lookup, resolver_config, search_domains
from reference.dns.index import Kind as Published
from reference.dns.names import labels_below, plain
from reference.dns.resolv_conf import (
    CLUSTER_OPTIONS,
    LONGEST_SEARCH,
    LONGEST_SEARCH_LINE,
    MOST_SEARCHES,
    Base,
    base_of,
)
from reference.frozenmap import FrozenMap
from reference.objects import Cluster, Namespace, NamespacedName, ObjectMeta, Pod, Service
from reference.questions import Query, Rcode, ResolverConfig


@invariant(
    "dns.search-path",
    kind=Kind.AGREEMENT,
    requirements=("DNS-SEARCH-025", "DNS-SEARCH-026", "DNS-SEARCH-027"),
    asks=("resolve",),
    classes=("bare name", "with namespace"),
)
def search_path(case: Case) -> None:
    """A short name, looked up from a pod through its search list, ends at the records of the full name."""
    view(case)
    for wanted in lookups(case.cluster):
        config = resolver_config(case.cluster, wanted.pod)
        if config.nameservers[:1] != case.cluster.settings.cluster_dns[:1] or not config.nameservers:
            continue  # this pod asks other servers
        _judge_lookup(case, wanted, config)


def _judge_lookup(case: Case, wanted: Lookup, config: ResolverConfig) -> None:
    expected = lookup(view(case).zone, wanted.pod, wanted.name, wanted.type)
    # The name itself may leave the zone, where others answer.
    names = [name for name in candidates(wanted.name, config) if in_zone(name, case.cluster)]
    if expected.name is not None:
        names = names[: names.index(expected.name) + 1]
    answers = case.ask("resolve", [Query(name, wanted.type) for name in names])
    dots = wanted.name.count(".")
    case.judged("bare name" if not dots else "with namespace" if dots == 1 else "longer name")
    found = next(
        ((name, answer) for name, answer in zip(names, answers, strict=True) if answer.records), None
    )
    zone = view(case).zone.name
    wanted_facts = {fact for fact in facts_of(expected.answer) if labels_below(fact.name, zone)}
    got = facts_of(found[1]) if found else frozenset()
    same_name = (found[0] if found else None) == expected.name
    if same_name and wanted_facts <= got:
        return
    rule = ("DNS-SEARCH-025", "DNS-SEARCH-026", "DNS-SEARCH-027")[min(dots, 2)]
    case.fail(
        rule,
        question=f"{wanted.type} {wanted.name} from pod {wanted.pod}, which asks for {', '.join(names)}",
        expected=f"{expected.name}: {worded(expected.answer)}" if expected.name else "nothing",
        got=f"{found[0]}: {worded(found[1])}" if found else "nothing",
        because=(rule,),
    )


_SHADOWED, _TOP_LEVEL = "shadowed", "com"
_ENDPOINT, _OF_A_NAMESPACE, _OF_A_DOMAIN = "10.244.250.9", "10.96.254.9", "10.96.254.8"


def _in(namespace: str, service: Service) -> Service:
    return evolve(service, metadata=evolve(service.metadata, namespace=namespace, uid=f"probe-{namespace}"))


def _with_shadows(cluster: Cluster) -> Cluster:
    """A headless Service `shadowed` with an endpoint `x`, and Services of namespaces `shadowed` and `com`."""
    made = probes.added(
        cluster,
        (
            probes.headless(_SHADOWED),
            _in(_SHADOWED, probes.service("x", _OF_A_NAMESPACE)),
            _in(_TOP_LEVEL, probes.service("example", _OF_A_DOMAIN)),
        ),
        (probes.piece(_SHADOWED, 1, [probes.endpoint(_ENDPOINT, hostname="x")]),),
    )
    spaces = (
        Namespace(
            ObjectMeta(
                name=name,
                uid=f"namespace-{name}",
                labels=FrozenMap({"kubernetes.io/metadata.name": name}),
            )
        )
        for name in (_SHADOWED, _TOP_LEVEL)
    )
    return evolve(made, namespaces=(*made.namespaces, *spaces))


@invariant(
    "dns.shadowing",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-SEARCH-031",),
    asks=("resolve",),
)
def shadowing(case: Case) -> None:
    """`x.y` is the endpoint `x` of the pod's own Service `y` before it is the Service `x` of namespace `y`,
    and this before it is a name of the Internet.
    """
    cluster = _with_shadows(case.cluster)
    zone = cluster.settings.cluster_domain
    for namespace, name, found, address in (
        (probes.NAMESPACE, f"x.{_SHADOWED}", f"x.{_SHADOWED}.{probes.NAMESPACE}.svc.{zone}", _ENDPOINT),
        (_TOP_LEVEL, f"x.{_SHADOWED}", f"x.{_SHADOWED}.svc.{zone}", _OF_A_NAMESPACE),
        (probes.NAMESPACE, f"example.{_TOP_LEVEL}", f"example.{_TOP_LEVEL}.svc.{zone}", _OF_A_DOMAIN),
    ):
        pod = NamespacedName(namespace, "")
        config = ResolverConfig(searches=search_domains(cluster, pod), options=CLUSTER_OPTIONS)
        names = candidates(name, config)
        names = names[: names.index(found) + 1]
        seen = probes.seen(case, cluster, [Query(each, "A") for each in names])
        case.judged()
        first = next((each for each in seen.asked if each.own), None)
        if first is None or first.name != plain(found) or {fact.data for fact in first.own} != {address}:
            case.fail(
                "DNS-SEARCH-031",
                question=f"A {name} from a pod of namespace {namespace}, which asks for {', '.join(names)}",
                expected=f"{found}: {address}",
                got="nothing" if first is None else f"{first.name}: {worded(first.answer)}",
                because=("DNS-SEARCH-031",),
            )


@invariant(
    "dns.dual-queries",
    kind=Kind.STATED,
    requirements=("DNS-SEARCH-034",),
    asks=("resolve",),
    level=Level.SHOULD,
    classes=("exists", "does not exist"),
)
def dual_queries(case: Case) -> None:
    """Of each name that a look-up comes to, A and AAAA agree on whether it exists."""
    seen = view(case)
    names = [
        name
        for wanted in lookups(case.cluster)
        for name in candidates(wanted.name, resolver_config(case.cluster, wanted.pod))
        if in_zone(name, case.cluster)
    ]
    for name in dict.fromkeys(names):
        _, service = seen.about(plain(name), "A")
        if service is not None and service.kind is Published.EXTERNAL_NAME:
            continue  # the answer is that of somebody else
        one, other = seen.ask(case, [Query(name, "A"), Query(name, "AAAA")])
        case.judged("exists" if one.answer.rcode is Rcode.NOERROR else "does not exist")
        if one.answer.rcode is not other.answer.rcode:
            case.fail(
                "DNS-SEARCH-034",
                question=asked_in_words(other.query),
                expected=f"{one.answer.rcode.value}, as for A",
                got=worded(other.answer),
                because=("DNS-SEARCH-034",),
            )


_Judged = tuple[Pod, NamespacedName, ResolverConfig, ResolverConfig]


def _configs(case: Case) -> list[_Judged]:
    return case.memo("dns.resolver-configs", lambda: list(_made_configs(case)))


def _made_configs(case: Case) -> Iterator[_Judged]:
    """Each pod, its name, the expected resolv.conf on a node that has none of its own, and the answer."""
    names = pods(case.cluster)
    for pod, name, got in zip(case.cluster.pods, names, case.ask("resolver_configs", names), strict=True):
        yield pod, name, resolver_config(case.cluster, name), got


def _policy(pod: Pod) -> str:
    policy = pod.spec.dns_policy or "unset"
    return f"{policy}, host network" if pod.spec.host_network else policy


_POLICIES = ("ClusterFirst", "Default", "None", "ClusterFirst, host network")


def _fail(
    case: Case, rule: str, pod: Pod, name: NamespacedName, what: str, expected: object, got: object
) -> None:
    question = f"{what} of pod {name}, policy {_policy(pod)}"
    case.fail(rule, question=question, expected=expected, got=got, because=(rule, *_more_rules(pod, what)))


def _more_rules(pod: Pod, what: str) -> tuple[str, ...]:
    """The rules, beside that of the policy, that have to do with it."""
    host = pod.spec.host_network and pod.spec.dns_policy in ("", "ClusterFirst", "ClusterFirstWithHostNet")
    own = pod.spec.dns_config is not None and what != "options"
    none = base_of(pod) is Base.NOTHING
    rules = {"DNS-SEARCH-006": host, "DNS-SEARCH-007": none, "DNS-SEARCH-009": own}
    return tuple(rule for rule, applies in rules.items() if applies)


@invariant(
    "dns.resolver-nameservers",
    kind=Kind.AGREEMENT,
    requirements=("DNS-SEARCH-002", "DNS-SEARCH-005", "DNS-SEARCH-006", "DNS-SEARCH-007", "DNS-SEARCH-009"),
    asks=("resolver_configs",),
    classes=_POLICIES,
)
def resolver_nameservers(case: Case) -> None:
    """A pod of cluster policy asks the cluster's servers first and none of the node's, others never do."""
    for pod, name, expected, got in _configs(case):
        case.judged(_policy(pod))
        if base_of(pod) is not Base.NODE:
            if got.nameservers != expected.nameservers:
                rule = "DNS-SEARCH-002" if base_of(pod) is Base.CLUSTER else "DNS-SEARCH-007"
                _fail(case, rule, pod, name, "nameservers", expected.nameservers, got.nameservers)
            continue
        # The node's own servers, which are not known, come before the pod's.
        node = got.nameservers[: len(got.nameservers) - len(expected.nameservers)]
        cluster = set(case.cluster.settings.cluster_dns) - set(expected.nameservers)
        if cluster & set(node) or (
            len(got.nameservers) < 3 and not set(expected.nameservers) <= set(got.nameservers)
        ):
            rule = "DNS-SEARCH-006" if pod.spec.dns_policy != "Default" else "DNS-SEARCH-005"
            text = f"the node's, then {expected.nameservers}"
            _fail(case, rule, pod, name, "nameservers", text, got.nameservers)


@invariant(
    "dns.resolver-searches",
    kind=Kind.AGREEMENT,
    requirements=("DNS-SEARCH-003", "DNS-SEARCH-005", "DNS-SEARCH-006", "DNS-SEARCH-007", "DNS-SEARCH-009"),
    asks=("resolver_configs",),
    classes=_POLICIES,
)
def resolver_searches(case: Case) -> None:
    """The search list begins with the cluster's domains for cluster policy alone, then has the pod's own."""
    zone = plain(case.cluster.settings.cluster_domain)
    for pod, name, expected, got in _configs(case):
        case.judged(_policy(pod))
        base = base_of(pod)
        # Where the node's domains may stand, there may be any that are not the cluster's.
        rest = [
            search
            for search in got.searches
            if search in expected.searches
            or base is Base.NOTHING
            or labels_below(plain(search), zone) is not None
        ]
        first = 3 if base is Base.CLUSTER else 0
        wanted = expected.searches
        if len(rest) < len(wanted) and _is_full(got.searches):
            wanted = wanted[: len(rest)]  # the node's own have taken their places
        if tuple(rest) != wanted or got.searches[:first] != expected.searches[:first]:
            rule = {Base.CLUSTER: "DNS-SEARCH-003", Base.NODE: "DNS-SEARCH-005"}.get(base, "DNS-SEARCH-007")
            _fail(case, rule, pod, name, "search list", expected.searches, got.searches)


def _is_full(searches: tuple[str, ...]) -> bool:
    """Whether domains may be missing at the end, as some of the node's own did not fit (DNS-SEARCH-012)."""
    room = LONGEST_SEARCH_LINE - len(" ".join(searches))
    return len(searches) == MOST_SEARCHES or room <= LONGEST_SEARCH


@invariant(
    "dns.resolver-options",
    kind=Kind.AGREEMENT,
    requirements=("DNS-SEARCH-004", "DNS-SEARCH-007", "DNS-SEARCH-010"),
    asks=("resolver_configs",),
    classes=("ClusterFirst", "None"),
)
def resolver_options(case: Case) -> None:
    """Cluster policy sets `ndots:5` and no other option, unless the pod's own options override it."""
    for pod, name, expected, got in _configs(case):
        if base_of(pod) is Base.NODE:
            continue  # the node's own options are not known
        case.judged(_policy(pod))
        wanted = {(option.name, option.value or None) for option in expected.options}
        if {(option.name, option.value or None) for option in got.options} != wanted:
            rule = "DNS-SEARCH-010" if pod.spec.dns_config else "DNS-SEARCH-004"
            _fail(case, rule, pod, name, "options", expected.options, got.options)
