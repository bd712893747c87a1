# SPDX-License-Identifier: Apache-2.0
"""Names as programs write them: the pod's resolv.conf, and look-ups through its search list."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns.view import view, worded
from conformance.questions.dns import Lookup, lookups, pods
from reference.dns import candidates, facts_of, in_zone, lookup, resolver_config, search_domains
from reference.dns.names import labels_below, plain
from reference.dns.resolv_conf import (
    LONGEST_SEARCH,
    LONGEST_SEARCH_LINE,
    MOST_SEARCHES,
    Base,
    base_of,
)
from reference.objects import (
    Cluster,
    NamespacedName,
    ObjectMeta,
    Pod,
    PodDNSConfig,
    PodSpec,
    PodStatus,
)
from reference.questions import Query, ResolverConfig


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
        if tuple(rest) != expected.searches or got.searches[:first] != expected.searches[:first]:
            rule = {Base.CLUSTER: "DNS-SEARCH-003", Base.NODE: "DNS-SEARCH-005"}.get(base, "DNS-SEARCH-007")
            _fail(case, rule, pod, name, "search list", expected.searches, got.searches)


_LONGEST_LABEL = 63


def _domain(length: int, letter: str = "a") -> str:
    """A domain of so many characters."""
    text = (f"{_LONGEST_LABEL * letter}." * 5)[:length]
    return f"{text[:-2]}.b" if text.endswith(".") else text


def _own(policy: str, *searches: str, nameservers: tuple[str, ...] = ()) -> PodSpec:
    return PodSpec(dns_policy=policy, dns_config=PodDNSConfig(nameservers, searches))


def _limits(cluster: Cluster) -> dict[str, tuple[str, PodSpec]]:
    """Pods that meet a limit or go beyond it, by name, each with its requirement.

    What the API takes: at most 3 servers, and 32 domains of 2048 characters in all.
    """
    servers = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
    domains = tuple(f"n{number}.example.com" for number in range(MOST_SEARCHES))
    # With the zone's own three domains before them, one of these lines just fits and the other does not.
    before = len(" ".join(search_domains(cluster, NamespacedName(_PLACE, "")))) + 1
    long = tuple(_domain(LONGEST_SEARCH, letter) for letter in "cdefghi")
    longest = _domain(LONGEST_SEARCH)
    rest = LONGEST_SEARCH_LINE - before - len(" ".join(long)) - 1
    return {
        "servers": ("DNS-SEARCH-011", _own("ClusterFirst", nameservers=servers)),
        "own-servers": ("DNS-SEARCH-011", _own("None", nameservers=servers)),
        "domains": ("DNS-SEARCH-012", _own("ClusterFirst", *domains)),
        "own-domains": ("DNS-SEARCH-012", _own("None", *domains, nameservers=servers[:1])),
        "long": (
            "DNS-SEARCH-012",
            _own("None", f"{longest}.", longest, "b", nameservers=servers[:1]),
        ),
        "line": ("DNS-SEARCH-012", _own("ClusterFirst", *long, _domain(rest))),
        "longer-line": ("DNS-SEARCH-012", _own("ClusterFirst", *long, _domain(rest + 1))),
    }


_PLACE = "default"


@invariant(
    "dns.resolver-limits",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-SEARCH-011", "DNS-SEARCH-012"),
    asks=("resolver_configs",),
)
def resolver_limits(case: Case) -> None:
    """A resolv.conf has 3 servers and 32 domains at most, none and no line too long; what is last goes."""
    limits = _limits(case.cluster)
    added = tuple(
        Pod(ObjectMeta(name=name, namespace=_PLACE, uid=f"probe-{name}"), spec, PodStatus(phase="Running"))
        for name, (_, spec) in limits.items()
    )
    cluster = evolve(case.cluster, pods=(*case.cluster.pods, *added))
    other = case.variant(evolve(case.example, cluster=cluster))
    names = [NamespacedName(_PLACE, name) for name in limits]
    answers = other.ask("resolver_configs", names)
    for pod, name, (rule, _), got in zip(added, names, limits.values(), answers, strict=True):
        case.judged()
        expected = resolver_config(cluster, name)
        if rule == "DNS-SEARCH-011" and got.nameservers != expected.nameservers:
            _fail(case, rule, pod, name, "nameservers", expected.nameservers, got.nameservers)
        # The node's own domains, which are not known, come after the zone's and take the place of others.
        node = len(got.searches) - len(expected.searches)
        alike = got.searches == expected.searches
        if base_of(pod) is Base.CLUSTER and set(got.searches) - set(expected.searches):
            alike = len(" ".join(got.searches)) <= LONGEST_SEARCH_LINE and node <= 0
        if not alike:
            _fail(case, rule, pod, name, "search list", expected.searches, got.searches)


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
