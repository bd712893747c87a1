# SPDX-License-Identifier: Apache-2.0
"""Clusters that are the same for every input but for its settings; each gets its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from conformance.example import Example
from conformance.invariants.base import Case
from conformance.invariants.dns.probes import NAMESPACE
from conformance.invariants.dns.view import Asked, View, exact, fail, judge, worded
from conformance.questions import spread, turn_of
from reference.dns import reverse_name
from reference.dns.names import join
from reference.frozenmap import FrozenMap
from reference.objects import (
    Cluster,
    ClusterSettings,
    DNSServer,
    EndpointSlice,
    Namespace,
    Node,
    ObjectMeta,
    Pod,
    Service,
)
from reference.questions import Query

IPV6_CIDRS = ("fd00:10:96::/112", "fd00:10:244::/56")


@frozen
class Ask:
    """A query, and the requirement that it is about.

    `name` is below the zone, and complete if it ends in a dot; `@` is the zone itself.
    """

    name: str
    type: str
    rule: str

    def query(self, domain: str) -> Query:
        """The query in a cluster with this domain."""
        if self.name.endswith("."):
            return Query(self.name[:-1], self.type)
        return Query(domain if self.name == "@" else join(self.name, domain), self.type)


def below(name: str) -> str:
    """What is below the zone of a Service of the namespace, or of a name below one."""
    return f"{name}.{NAMESPACE}.svc"


def reverse(address: str) -> str:
    """The complete reverse name of an address."""
    return f"{reverse_name(address)}."


@frozen(kw_only=True)
class Scenario:
    """A cluster of one namespace, and what is asked of it.

    With `server` the DNS server is so set up; with `services_before` these Services are
    there first, and then become the others.  `dual_stack` says whether it has two families.
    """

    name: str
    asks: tuple[Ask, ...]
    services: tuple[Service, ...] = ()
    slices: tuple[EndpointSlice, ...] = ()
    pods: tuple[Pod, ...] = ()
    nodes: tuple[Node, ...] = ()
    services_before: tuple[Service, ...] | None = None
    server: DNSServer | None = None
    dual_stack: bool = False

    def cluster(self, settings: ClusterSettings) -> Cluster:
        """The cluster, with the settings of a generated one."""
        settings = evolve(settings, dns_server=self.server or settings.dns_server)
        if self.dual_stack:
            settings = evolve(
                settings,
                service_cidrs=(settings.service_cidrs[0], IPV6_CIDRS[0]),
                pod_cidrs=(settings.pod_cidrs[0], IPV6_CIDRS[1]),
            )
        labels = FrozenMap({"kubernetes.io/metadata.name": NAMESPACE})
        return Cluster(
            settings=settings,
            namespaces=(Namespace(ObjectMeta(name=NAMESPACE, uid=f"namespace-{NAMESPACE}", labels=labels)),),
            nodes=self.nodes,
            pods=self.pods,
            services=self.services,
            endpoint_slices=self.slices,
        )

    def before(self, settings: ClusterSettings) -> Cluster | None:
        """The state from which it comes, if any."""
        if self.services_before is None:
            return None
        return evolve(self.cluster(settings), services=self.services_before)


@frozen
class Look:
    """A scenario, and what is answered of it; `rules` are the requirements of its queries."""

    scenario: Scenario
    case: Case
    view: View
    rules: Mapping[Query, str]

    def asked(self) -> Iterator[tuple[str, Asked]]:
        """Each query with the requirement that it is about."""
        for asked in self.view.asked:
            yield self.rules[asked.query], asked


def looks(case: Case, name: str, scenarios: Callable[[], Sequence[Scenario]], *, most: int) -> Iterator[Look]:
    """What is answered of at most `most` scenarios, others for other inputs.

    `name` is that of the list.  A reproducer holds the cluster of one scenario, and that
    one alone is judged.
    """
    given, _, which = case.example.list.partition(": ")
    if given and given != name:
        return
    settings = case.cluster.settings
    if given:
        chosen = [each for each in scenarios() if each.name == which]
    else:
        chosen = list(spread(scenarios(), most=most, turn=turn_of(case.cluster)))
    for scenario in chosen:
        listed = f"{name}: {scenario.name}"
        made = Example(cluster=scenario.cluster(settings), before=scenario.before(settings), list=listed)
        example = case.example if given else made
        rules = {ask.query(settings.cluster_domain): ask.rule for ask in scenario.asks}
        related = case.variant(example)
        case.shows = example
        yield Look(scenario, related, View(related, tuple(rules)), rules)
    case.shows = None


def judge_exactly(case: Case, look: Look) -> None:
    """Judge that the answers are those of CoreDNS."""
    for rule, asked in look.asked():
        case.judged(look.scenario.name)
        expected = look.view.zone.resolve(asked.query)
        if exact(look.view.zone, asked.answer) != exact(look.view.zone, expected):
            fail(case, rule, asked, worded(expected))


def judge_demands(case: Case, look: Look) -> None:
    """Judge the answers by what the specification demands of them."""
    for rule, asked in look.asked():
        judge(case, rule, asked, look.scenario.name)
