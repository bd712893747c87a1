# SPDX-License-Identifier: Apache-2.0
"""API servers with the rules of another release."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import replaces
from reference.objects import Service
from reference.ports import admission, allocation, pools, server, transitions
from reference.ports.allocation import Choose
from reference.ports.pools import Allocations, Allowed, Pool
from reference.ports.rejections import Violation
from reference.questions import ApiRequest

create_violations = admission.create_violations
update_violations = transitions.update_violations
cluster_ip_pools = pools.cluster_ip_pools
allowed = pools._allowed
tried = server.Server._tried
update = server.Server._update


@replaces(server, "create_violations", "VAL-002")
def names_begin_with_a_letter(service: Service, *, relaxed_names: bool) -> tuple[Violation, ...]:
    """A name that begins with a digit is refused, as older servers do."""
    return create_violations(service, relaxed_names=False)


@replaces(server, "create_violations", "VAL-002")
def prefixes_begin_with_a_letter(service: Service, *, relaxed_names: bool) -> tuple[Violation, ...]:
    """A name that begins with a digit is taken, the beginning of a generated one is not."""
    strict = create_violations(service, relaxed_names=False)
    prefixes = tuple(violation for violation in strict if violation.field == "metadata.generateName")
    return prefixes or create_violations(service, relaxed_names=relaxed_names)


@replaces(server, "create_violations", "VAL-002")
def names_that_begin_with_a_digit_are_not_checked(
    service: Service, *, relaxed_names: bool
) -> tuple[Violation, ...]:
    """A name that begins with a digit is taken whatever follows."""
    found = create_violations(service, relaxed_names=relaxed_names)
    begins_with_a_digit = service.metadata.name[:1].isdigit()
    return tuple(violation for violation in found if violation.rule != "VAL-001" or not begins_with_a_digit)


@replaces(server, "update_violations", "VAL-003")
def names_are_checked_again(old: Service, new: Service) -> tuple[Violation, ...]:
    """An update is refused for a name that begins with a digit, although the Service has it."""
    return (*admission.name_violations(new, relaxed=False), *update_violations(old, new))


@replaces(pools, "cluster_ip_pools", "ALLOC-031")
def only_the_first_range(service_cidrs: tuple[str, ...]) -> tuple[tuple[str, tuple[Pool, ...]], ...]:
    """Of several ranges of a family only the first one is known."""
    return tuple((family, known[:1]) for family, known in cluster_ip_pools(service_cidrs))


@replaces(allocation, "allowed_dynamic_cluster_ips", "ALLOC-031")
def chosen_from_the_first_range(state: Allocations, family: str) -> Allowed:
    """An address is chosen from the first range, and from no other when that is used up."""
    taken = frozenset(address.value for address in state.cluster_ips if address.family == family)
    return allowed(state.pools_of(family)[:1], taken)


@replaces(server.Server, "_tried", "ALLOC-005")
def dry_runs_are_carried_out(
    self: server.Server, request: ApiRequest, choose: Choose, *, relaxed_names: bool
) -> server.Expectation:
    """A request that is tried only is carried out all the same."""
    meant = evolve(request, dry_run=False)
    return self.decide(meant, choose, [], relaxed_names=relaxed_names)


@replaces(server.Server, "_tried", "ALLOC-005")
def dry_runs_take_numbers(
    self: server.Server, request: ApiRequest, choose: Choose, *, relaxed_names: bool
) -> server.Expectation:
    """What a request that is tried only would be given is taken, although nothing is stored."""
    expectation = tried(self, request, choose, relaxed_names=relaxed_names)
    meant = self.decide(evolve(request, dry_run=False), choose, [], relaxed_names=relaxed_names)
    if expectation.accepted is None or meant.accepted is None:
        return expectation
    after = evolve(self, allocations=meant.accepted.server.allocations)
    return server.Expectation(evolve(expectation.accepted, server=after))


@replaces(server.Server, "_tried", "ALLOC-005")
def dry_runs_are_refused(
    self: server.Server, request: ApiRequest, choose: Choose, *, relaxed_names: bool
) -> server.Expectation:
    """Trying a request is refused."""
    return server.Expectation(rejected=self._rejected(request, request.service, ()))


@replaces(allocation, "_new_node_ports", "ALLOC-014")
def one_node_port_for_two_protocols(
    service: Service, state: Allocations, choose: Choose
) -> tuple[Service, Allocations]:
    """On create too, entries of different ports share a node port if their protocols differ."""
    return allocation._updated_node_ports(
        evolve(service, spec=evolve(service.spec, ports=())), service, state, choose
    )


@replaces(server.Server, "_update", "ALLOC-017")
def one_node_port_for_two_entries(
    self: server.Server, request: ApiRequest, choose: Choose, choices: list[server.Choice]
) -> server.Expectation:
    """An update may give one node port to two entries of one protocol."""
    expectation = update(self, request, choose, choices)
    rejected = expectation.rejected
    if rejected is None or not set(rejected.rules) <= {"ALLOC-017", "VAL-018"}:
        return expectation
    return server.Expectation(self._stored(request.service, self.allocations, server.OK, choices))
