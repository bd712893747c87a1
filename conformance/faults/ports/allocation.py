# SPDX-License-Identifier: Apache-2.0
"""API servers that give out numbers wrongly, or give them back wrongly."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import replaces, says, unobservable
from conformance.faults.ports.defaulting import Responses, each_service
from reference.objects import Cluster, Service, ServicePort
from reference.ports import allocation, families, pools, server
from reference.ports.addresses import IPV4, Address
from reference.ports.allocation import Choose
from reference.ports.changes import with_spec
from reference.ports.defaulting import LOAD_BALANCER, NODE_PORT_TYPES, needs_health_check
from reference.ports.pools import Allocations, Allowed, Pool
from reference.ports.rejections import Refused, Violation
from reference.questions import ApiRequest, ApiSession

_take_node_port = allocation._take_node_port
_new_node_ports = allocation._new_node_ports
_new_cluster_ips = allocation._new_cluster_ips
_cluster_ip = allocation._cluster_ip
_health_check_node_port = allocation._health_check_node_port
_next_node_port = allocation._next_node_port
_allocate_create = allocation.allocate_create
_allocate_update = allocation.allocate_update
_updated_cluster_ips = allocation._updated_cluster_ips
_release = allocation.release
_as_read = server._as_read
_decided = families._decided
_reduced = families._reduced
_with_families = families.with_families
_create = server.Server._create
_update = server.Server._update

Allocated = tuple[Service, Allocations]


def key_of(service: Service) -> tuple[str, str]:
    """Namespace and name."""
    return service.metadata.namespace, service.metadata.name


# -- what may be taken -----------------------------------------------------------------


@replaces(Allocations, "may_take_node_port", "ALLOC-011", "ALLOC-009")
def node_ports_may_be_shared(state: Allocations, number: int) -> bool:
    """Two Services may ask for one node port."""
    first, last = state.settings.node_port_range
    return first <= number <= last


@replaces(Allocations, "may_take_node_port", "ALLOC-006", "ALLOC-022")
def node_port_range_unknown(state: Allocations, number: int) -> bool:
    """An explicit node port may lie anywhere."""
    return number not in state.node_ports


@replaces(Allocations, "may_take_node_port", "ALLOC-009")
def node_ports_from_the_upper_band_only(state: Allocations, number: int) -> bool:
    """An explicit node port may not lie in the band of dynamic ones."""
    pool = pools.node_port_pool(state.settings.node_port_range)
    return number not in state.node_ports and number in (pool.lower or pool.upper)


@replaces(Allocations, "may_take_cluster_ip", "ALLOC-029")
def cluster_ips_may_be_shared(state: Allocations, address: Address) -> bool:
    """Two Services may ask for one cluster IP."""
    return any(address.value in pool for pool in state.pools_of(address.family))


@replaces(Allocations, "may_take_cluster_ip", "ALLOC-026")
def network_address_given(state: Allocations, address: Address) -> bool:
    """The network address and the broadcast address of a service CIDR are given out."""
    return address not in state.cluster_ips and any(
        pool.upper.stop >= address.value >= (pool.lower or pool.upper).start - 1
        for pool in state.pools_of(address.family)
    )


@replaces(Allocations, "may_take_cluster_ip", "ALLOC-029")
def cluster_ip_from_the_lower_band_only(state: Allocations, address: Address) -> bool:
    """An explicit cluster IP may not lie in the band of dynamic ones."""
    return address not in state.cluster_ips and any(
        address.value in (pool.lower or pool.upper) for pool in state.pools_of(address.family)
    )


# -- what is chosen --------------------------------------------------------------------


@replaces(allocation, "allowed_dynamic_node_ports", "ALLOC-008")
def dynamic_node_ports_from_the_bottom(state: Allocations) -> Allowed:
    """Dynamic node ports are taken from the start of the whole range."""
    return _whole(pools.allowed_dynamic_node_ports(state))


@replaces(allocation, "allowed_dynamic_cluster_ips", "ALLOC-028")
def dynamic_cluster_ips_from_the_bottom(state: Allocations, family: str) -> Allowed:
    """Dynamic cluster IPs are taken from the start of the whole service CIDR."""
    return _whole(pools.allowed_dynamic_cluster_ips(state, family))


def _whole(allowed: Allowed) -> Allowed:
    bands = tuple(
        band
        for pool in allowed.pools
        for band in (pool.lower, pool.upper)
        if any(number not in allowed.taken for number in band)
    )
    return Allowed(bands, allowed.taken, allowed.pools)


@replaces(allocation, "allowed_dynamic_node_ports", "ALLOC-007")
def band_of_sixteen_node_ports(state: Allocations) -> Allowed:
    """Sixteen node ports are kept for explicit choice, however large the range is."""
    first, last = state.settings.node_port_range
    pool = Pool(range(first, first + 16), range(first + 16, last + 1))
    found = pools.allowed_dynamic_node_ports(state)
    return Allowed((pool.upper,), found.taken, (pool,)) if last - first > 32 else found


@replaces(allocation, "allowed_dynamic_cluster_ips", "ALLOC-027")
def band_of_no_cluster_ips(state: Allocations, family: str) -> Allowed:
    """A small service CIDR keeps no addresses for explicit choice."""
    found = pools.allowed_dynamic_cluster_ips(state, family)
    small = all(len(pool.lower) + len(pool.upper) < 256 for pool in found.pools)
    return _whole(found) if small else found


@replaces(allocation, "allowed_dynamic_node_ports", "ALLOC-010", "ALLOC-008")
def lower_band_never_given(state: Allocations) -> Allowed:
    """Dynamic node ports end when the upper band is full."""
    found = pools.allowed_dynamic_node_ports(state)
    return Allowed(
        tuple(band for band in found.bands if band in [pool.upper for pool in found.pools]),
        found.taken,
        found.pools,
    )


@replaces(pools, "_has_free", "ALLOC-030")
def last_number_never_given(band: range, taken: frozenset[int]) -> bool:
    """The last free number of a band is never given out."""
    return sum(number in band for number in taken) + 1 < len(band)


# -- node ports of a new Service -------------------------------------------------------


@replaces(allocation, "_new_node_ports", "ALLOC-012")
def twins_get_two_node_ports(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """Entries with one port number and different protocols each get a node port of their own."""
    nothing = with_spec(service, ports=())
    return allocation._updated_node_ports(nothing, service, state, choose)


@replaces(allocation, "_new_node_ports", "ALLOC-013")
def twins_get_one_node_port(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """Entries with one port number share the first's node port, even where they ask for another."""
    service, state = _new_node_ports(service, state, choose)
    first: dict[int, int] = {}
    ports = tuple(
        evolve(port, node_port=first.setdefault(port.port, port.node_port)) for port in service.spec.ports
    )
    return with_spec(service, ports=ports), state


@replaces(allocation, "_new_node_ports", "ALLOC-009")
def explicit_node_port_ignored(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """The node port that a user asks for is not the one that the Service gets."""
    ports = tuple(evolve(port, node_port=0) for port in service.spec.ports)
    return _new_node_ports(with_spec(service, ports=ports), state, choose)


@replaces(allocation, "_new_node_ports", "TYPE-002")
def node_port_for_the_first_entry_only(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """Only the first entry of a NodePort gets a node port."""
    if service.spec.type == LOAD_BALANCER:
        return _new_node_ports(service, state, choose)
    first, state = _new_node_ports(with_spec(service, ports=service.spec.ports[:1]), state, choose)
    return with_spec(service, ports=(*first.spec.ports, *service.spec.ports[1:])), state


@replaces(allocation, "allocates_node_ports", "TYPE-005", "ALLOC-018")
def allocate_load_balancer_node_ports_ignored(service: Service) -> bool:
    """A LoadBalancer gets node ports, whatever allocateLoadBalancerNodePorts says."""
    return service.spec.type in NODE_PORT_TYPES


@replaces(allocation, "_new_node_ports", "ALLOC-018", bugs=("BUG-163",))
def no_bookkeeping_without_allocation(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """With allocateLoadBalancerNodePorts false explicit node ports are not kept."""
    if allocation.allocates_node_ports(service):
        return _new_node_ports(service, state, choose)
    return with_spec(service, ports=tuple(evolve(port, node_port=0) for port in service.spec.ports)), state


@replaces(allocation, "_take_node_port", "ALLOC-011", bugs=("BUG-163",))
def explicit_node_ports_not_reserved(index: int, number: int, state: Allocations) -> Allocations:
    """An explicit node port is granted and not taken from the pool."""
    _take_node_port(index, number, state)
    return state


@replaces(server, "allocate_create", "VAL-018")
def repeated_node_port_replaced(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """Of a node port that is named twice the second is replaced by another number."""
    named: set[tuple[int, str]] = set()
    ports: list[ServicePort] = []
    for port in service.spec.ports:
        key = (port.node_port, port.protocol)
        ports.append(evolve(port, node_port=0) if key in named else port)
        named.add(key)
    return _allocate_create(with_spec(service, ports=tuple(ports)), state, choose)


@replaces(server, "_as_read", "VAL-020")
def node_ports_of_an_external_name_dropped(service: Service) -> Service:
    """The node ports of an ExternalName are dropped."""
    if service.spec.type != "ExternalName":
        return service
    ports = tuple(evolve(port, node_port=0) for port in service.spec.ports)
    return with_spec(service, internal_traffic_policy=None, ports=ports)


@replaces(allocation, "_new_node_ports", "ALLOC-012", bugs=("BUG-154",))
def one_node_port_for_one_protocol(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """A number that one entry has is in use for every other, whatever the protocol."""
    ports: list[ServicePort] = []
    for index, port in enumerate(service.spec.ports):
        if port.node_port:
            state = _take_node_port(index, port.node_port, state)
        elif allocation.allocates_node_ports(service):
            number, state = _next_node_port(allocation.node_port_field(index), state, choose, "ALLOC-010")
            ports.append(evolve(port, node_port=number))
            continue
        ports.append(port)
    return with_spec(service, ports=tuple(ports)), state


# -- the health check node port --------------------------------------------------------


@replaces(allocation, "needs_health_check", "ALLOC-021")
def no_health_check_node_port(service: Service) -> bool:
    """No Service has a health check node port."""
    return False


@replaces(server, "_as_read", "TYPE-012")
def health_check_of_node_ports(service: Service) -> Service:
    """A NodePort with policy Local shows a health check node port too."""
    if service.spec.type == "NodePort" and service.spec.external_traffic_policy == "Local":
        return with_spec(service, health_check_node_port=service.spec.ports[0].node_port)
    return _as_read(service)


@replaces(allocation, "needs_health_check", "ALLOC-024")
def no_health_check_without_node_ports(service: Service) -> bool:
    """A LoadBalancer that allocates no node ports gets no health check node port."""
    return needs_health_check(service) and service.spec.allocate_load_balancer_node_ports is not False


@replaces(allocation, "_health_check_node_port", "ALLOC-021")
def health_check_of_its_own_node_port(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """The health check node port is the first node port of the Service."""
    if service.spec.health_check_node_port or not service.spec.ports or not service.spec.ports[0].node_port:
        return _health_check_node_port(service, state, choose)
    return with_spec(service, health_check_node_port=service.spec.ports[0].node_port), state


# -- cluster IPs and families ----------------------------------------------------------


@replaces(allocation, "_new_cluster_ips", "TYPE-006")
def cluster_ip_of_an_external_name(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """An ExternalName gets a cluster IP as any other."""
    if service.spec.type != "ExternalName" or service.spec.cluster_ips:
        return _new_cluster_ips(service, state, choose)
    text, state = _cluster_ip(0, IPV4, "", state, choose)
    return with_spec(service, cluster_ip=text), state


@replaces(allocation, "_new_cluster_ips", "TYPE-007")
def cluster_ip_of_a_headless_service(service: Service, state: Allocations, choose: Choose) -> Allocated:
    """A headless Service gets a cluster IP all the same."""
    if service.spec.cluster_ips[:1] != ("None",) or service.spec.type == "ExternalName":
        return _new_cluster_ips(service, state, choose)
    text, state = _cluster_ip(0, IPV4, "", state, choose)
    return with_spec(service, cluster_ip=text, cluster_ips=(text,)), state


@replaces(server, "_as_read", "TYPE-001")
def no_cluster_ip_with_node_ports(service: Service) -> Service:
    """A NodePort has no cluster IP besides."""
    if service.spec.type == "NodePort":
        return with_spec(service, cluster_ip="", cluster_ips=())
    return service


@replaces(families, "_default_policy", "ALLOC-036")
def prefer_dual_stack_by_default(service: Service, old: Service | None) -> str:
    """A Service that gives no policy prefers two families."""
    return "PreferDualStack"


@says("ALLOC-038", of=("admit",))
def families_not_inferred(_: Cluster, session: ApiSession, responses: Responses) -> Responses:
    """The families are not taken from the explicit cluster IPs."""
    explicit = {key_of(request.service) for request in session.requests if request.service.spec.cluster_ip}
    return each_service(
        responses,
        lambda service: with_spec(service, ip_families=()) if key_of(service) in explicit else service,
    )


@replaces(families, "_decided", "ALLOC-039")
def prefer_dual_stack_is_required(
    service: Service, wanted: tuple[str, ...], policy: str, state: Allocations
) -> tuple[str, ...]:
    """PreferDualStack is refused on a cluster of one family."""
    if policy == "PreferDualStack" and len(state.families) < 2:
        raise Refused.invalid(Violation("spec.ipFamilyPolicy", "Invalid", "ALLOC-039"))
    return _decided(service, wanted, policy, state)


@replaces(families, "_decided", "ALLOC-039", "ALLOC-040")
def what_the_cluster_lacks_ignored(
    service: Service, wanted: tuple[str, ...], policy: str, state: Allocations
) -> tuple[str, ...]:
    """Families that the cluster does not have are left out instead of refused."""
    return tuple(family for family in wanted if family in state.families) or state.families[:1]


@replaces(allocation, "with_families", "ALLOC-041")
def second_family_dropped(service: Service, state: Allocations, *, old: Service | None) -> Service:
    """Of two families without a policy the first is taken."""
    spec = service.spec
    if len(spec.ip_families) > 1 and spec.ip_family_policy is None:
        service = with_spec(service, ip_families=spec.ip_families[:1])
    return _with_families(service, state, old=old)


@replaces(families, "_is_headless_without_selector", "ALLOC-037")
def headless_services_are_like_others(service: Service) -> bool:
    """A headless Service without a selector has the families of any other Service."""
    return False


@replaces(families, "_reduced", "ALLOC-042")
def single_stack_has_to_be_spelt_out(
    old: Service, service: Service, policy: str
) -> tuple[Service, list[Violation]]:
    """An update to SingleStack has to give up the second family itself."""
    return _reduced(old, service, "PreferDualStack" if policy == "SingleStack" else policy)


@replaces(server, "with_families", "VAL-048")
def second_family_given_up_silently(service: Service, state: Allocations, *, old: Service | None) -> Service:
    """An update that leaves out the second family gives it up, whatever the policy."""
    fewer = old is not None and 0 < len(service.spec.ip_families) < len(old.spec.ip_families)
    if fewer and service.spec.cluster_ip != "None":
        service = with_spec(service, ip_family_policy="SingleStack")
    return _with_families(service, state, old=old)


@replaces(allocation, "_updated_cluster_ips", "ALLOC-043")
def second_family_without_address(
    old: Service, new: Service, state: Allocations, choose: Choose
) -> tuple[Service, Allocations, frozenset[Address]]:
    """A Service to which a second family is added has no address of it."""
    added = len(old.spec.ip_families) == 1 and len(new.spec.ip_families) == 2
    return (new, state, frozenset()) if added else _updated_cluster_ips(old, new, state, choose)


# -- giving back -----------------------------------------------------------------------


@replaces(server, "release", "ALLOC-004", bugs=("BUG-161",))
def deleting_releases_nothing(service: Service, state: Allocations) -> Allocations:
    """The numbers of a deleted Service stay taken."""
    return state


@replaces(server, "release", "ALLOC-004")
def deleting_keeps_the_cluster_ip(service: Service, state: Allocations) -> Allocations:
    """The cluster IP of a deleted Service stays taken."""
    return evolve(_release(service, state), cluster_ips=state.cluster_ips)


@replaces(server, "allocate_update", "ALLOC-016", "ALLOC-020", bugs=("BUG-158",))
def updates_release_nothing(old: Service, new: Service, state: Allocations, choose: Choose) -> Allocated:
    """Numbers are released when the Service is deleted only, not when an entry or the type changes."""
    service, after = _allocate_update(old, new, state, choose)
    return service, evolve(
        after,
        node_ports=after.node_ports | state.node_ports,
        cluster_ips=after.cluster_ips | state.cluster_ips,
    )


@replaces(server.Server, "_create", "ALLOC-001", "ALLOC-002")
def refused_creation_keeps_its_numbers(
    self: server.Server,
    request: ApiRequest,
    choose: Choose,
    choices: list[server.Choice],
    *,
    relaxed_names: bool,
) -> server.Expectation:
    """A refused creation keeps the numbers that it had been given."""
    expectation = _create(self, request, choose, choices, relaxed_names=relaxed_names)
    if expectation.accepted is None:
        # The state is frozen for everybody but a fault.
        object.__setattr__(self, "allocations", _claimed(request.service, self.allocations))
    return expectation


@replaces(server.Server, "_update", "ALLOC-003")
def refused_update_gives_up_its_numbers(
    self: server.Server, request: ApiRequest, choose: Choose, choices: list[server.Choice]
) -> server.Expectation:
    """A refused update releases what the Service holds."""
    expectation = _update(self, request, choose, choices)
    if expectation.accepted is None:
        metadata = request.service.metadata
        old = self.services[metadata.namespace, metadata.name]
        object.__setattr__(self, "allocations", _release(old, self.allocations))
    return expectation


def _claimed(service: Service, state: Allocations) -> Allocations:
    for port in service.spec.ports:
        if port.node_port and state.may_take_node_port(port.node_port):
            state = state.with_node_port(port.node_port)
    for address in allocation.cluster_ips_of(service):
        if state.may_take_cluster_ip(address):
            state = state.with_cluster_ip(address)
    return state


@unobservable(
    "ALLOC-004",
    bugs=("BUG-157",),
    missing="two Services that hold one node port already, which no sequence of granted requests leads to",
)
def released_by_one_of_two_owners() -> None:
    """A number that two Services hold is free when one of them is deleted."""


@unobservable(
    "PORT-023",
    bugs=("BUG-167",),
    missing="patches: a session consists of whole objects that are created and replaced",
)
def ports_merged_by_number() -> None:
    """A patch merges ports by their number alone."""
