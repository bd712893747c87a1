# SPDX-License-Identifier: Apache-2.0
"""The namespaces of the network, and the links between them.

    pods of node 1 -- node 1 --\
                                outside (router; external clients; endpoints on no node) -- nowhere
    pods of node 2 -- node 2 --/

All pods of a node share one namespace, in which each of their addresses is local.
What is made there leaves it even if it goes to another of them, so that the node
sees it all: a pod's connection to itself as well, and the answer to it.

Links are pairs of virtual Ethernet interfaces, routed.  Both ends have one hardware
address and ask for no neighbours, so that the first packet goes as fast as the next.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from attrs import define
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from conformance.data_plane.addresses import SOCKET_FAMILIES, family_of
from conformance.data_plane.errors import NetworkError
from conformance.data_plane.namespaces import Namespace
from conformance.data_plane.routes import GATEWAYS, LOOPBACK, Routes

ROUTER = {"IPv4": "192.0.0.8", "IPv6": "100:0:0:1::1"}
"""The outside's own addresses, in the ICMP errors that it sends: the dummy ones of RFC 7600 and RFC 9780."""

UPLINK = "eth0"
PODS = "pods"
_NOWHERE = "nowhere"
_HARDWARE_ADDRESS = "02:00:00:00:00:01"
_TABLES = 1000
"""The first routing table of those that send what external clients make to one node each."""
_LOCAL_TABLE = 255
_NO_DETECTION = 2  # IFA_F_NODAD: nobody else can have the address
_PATIENCE = 2.0


@define
class Rooms:
    """A node: its own namespace and that of its pods, and the links as their ends know them."""

    name: str
    host: Namespace
    pods: Namespace
    host_routes: Routes
    pods_routes: Routes
    mark: int
    """What an external client's socket is marked with, so that its packets arrive at this node."""
    uplink: int
    to_pods: int
    from_outside: int
    """The outside's end of the link to this node."""
    addresses: tuple[str, ...] = ()

    def close(self) -> None:
        """Let the namespaces go, and with them what is in them."""
        self.host_routes.close()
        self.pods_routes.close()
        self.pods.close()
        self.host.close()


@define
class Outside:
    """What is on no node, and where packets end that are to an address that nobody has."""

    namespace: Namespace
    routes: Routes
    nowhere: Namespace
    nowhere_link: str

    def close(self) -> None:
        """Let the namespaces go, and with them what is in them."""
        self.routes.close()
        self.namespace.close()
        self.nowhere.close()


def make_outside(families: Sequence[str]) -> Outside:
    """The outside, and the way of packets to addresses that nobody has."""
    with ExitStack() as unless_made:
        namespace = _new("the outside", unless_made)
        nowhere = _new("nowhere", unless_made)
        with nowhere.inside():
            _set_up(nowhere, families)
        with namespace.inside():
            _set_up(namespace, families)
            _forward(namespace, families)
            _allow_foreign_addresses(namespace, families)
            with _requests(namespace) as netlink:
                _link_outside(netlink, nowhere, families)
        made = Outside(namespace, Routes(namespace), nowhere, UPLINK)
        unless_made.pop_all()
    return made


def _link_outside(netlink: IPRoute, nowhere: Namespace, families: Sequence[str]) -> None:
    netlink.link("set", index=LOOPBACK, state="up")
    for family in families:
        number = SOCKET_FAMILIES[family]
        # What is marked goes to its node even where it is to an address of the outside.
        _look_up_local(netlink, family, priority=100)
        netlink.addr("add", index=LOOPBACK, address=ROUTER[family], prefixlen=_length(number), family=number)
    away = _pair(netlink, _NOWHERE, UPLINK, nowhere)
    with nowhere.inside(), _requests(nowhere) as other:
        _up(other, _index(other, UPLINK))
    _up(netlink, away)
    for family in families:
        _default_route(netlink, family, away)


def make_node(name: str, number: int, outside: Outside, families: Sequence[str]) -> Rooms:
    """A node without addresses, and its pods; `number` counts from 1 and is the node's mark."""
    with ExitStack() as unless_made:
        host = _new(f"node {name}", unless_made)
        pods = _new(f"pods of node {name}", unless_made)
        link = f"node{number}"
        with host.inside():
            _set_up(host, families)
            _forward(host, families)
            with _requests(host) as netlink:
                netlink.link("set", index=LOOPBACK, state="up")
                uplink = _pair(netlink, UPLINK, link, outside.namespace)
                to_pods = _pair(netlink, PODS, UPLINK, pods)
        with outside.namespace.inside(), _requests(outside.namespace) as netlink:
            from_outside = _index(netlink, link)
            _up(netlink, from_outside)
            for family in families:
                _default_route(netlink, family, from_outside, table=_TABLES + number)
                _look_up_marked(netlink, family, number)
        with pods.inside():
            _set_up(pods, families)
            _allow_foreign_addresses(pods, families)
            with _requests(pods) as netlink:
                netlink.link("set", index=LOOPBACK, state="up")
                own = _index(netlink, UPLINK)
                _up(netlink, own)
                for family in families:
                    # Only what comes from the node is for the pods: what they send leaves first.
                    _look_up_local(netlink, family, priority=1, iifname=UPLINK)
                    _default_route(netlink, family, own)
        with host.inside(), _requests(host) as netlink:
            _up(netlink, uplink)
            _up(netlink, to_pods)
            for family in families:
                _default_route(netlink, family, uplink)
        routes = Routes(host)
        unless_made.callback(routes.close)
        made = Rooms(name, host, pods, routes, Routes(pods), number, uplink, to_pods, from_outside)
        unless_made.pop_all()
    return made


def _new(name: str, unless_made: ExitStack) -> Namespace:
    namespace = Namespace(name)
    unless_made.callback(namespace.close)
    return namespace


def give_addresses(node: Rooms, addresses: tuple[str, ...]) -> None:
    """The addresses of a node, the first of each family being the one that it sends from."""
    with node.host.inside(), _requests(node.host) as netlink:
        # The order is that in which they were added, so all are added anew.
        for ip in node.addresses:
            _address(netlink, "del", node, ip)
        node.addresses = ()
        # Of IPv4 the kernel prefers the first that was added, of IPv6 the last.
        for ip in (*_only("IPv4", addresses), *reversed(_only("IPv6", addresses))):
            _address(netlink, "add", node, ip)
        node.addresses = addresses
        # With its last address of IPv4 an interface loses its routes of IPv4, too.
        if _only("IPv4", addresses):
            _default_route(netlink, "IPv4", node.uplink, action="replace")
        _wait_for_routes(netlink, node)


def _only(family: str, addresses: tuple[str, ...]) -> list[str]:
    return [ip for ip in addresses if family_of(ip) == family]


def _address(netlink: IPRoute, action: str, node: Rooms, ip: str) -> None:
    number = SOCKET_FAMILIES[family_of(ip)]
    try:
        netlink.addr(
            action,
            index=node.uplink,
            address=ip,
            prefixlen=_length(number),
            family=number,
            flags=_NO_DETECTION if number == socket.AF_INET6 else 0,
        )
    except NetlinkError as error:
        raise NetworkError(
            f"cannot {action} the address {ip}: {error}",
            where=f"node {node.name}",
            hint="status.addresses has to name addresses that an interface can have",
        ) from None


def _wait_for_routes(netlink: IPRoute, node: Rooms) -> None:
    """The kernel makes the routes to addresses of IPv6 a little later."""
    wanted = {ip for ip in node.addresses if family_of(ip) == "IPv6"}
    until = time.monotonic() + _PATIENCE
    while wanted and time.monotonic() < until:
        local = netlink.get_routes(family=socket.AF_INET6, table=_LOCAL_TABLE)
        wanted -= {route.get_attr("RTA_DST") for route in local}
        if wanted:
            time.sleep(0.001)
    if wanted:
        raise NetworkError(
            f"the kernel made no route to {min(wanted)}",
            where=f"node {node.name}",
            hint="is IPv6 disabled? families can leave it out",
        )


def _requests(namespace: Namespace) -> IPRoute:
    """Where links, addresses and rules are asked for; the thread has to be inside."""
    try:
        return IPRoute()
    except OSError as error:
        raise NetworkError(f"no rtnetlink: {error}", where=f"namespace of {namespace.name}") from None


def _pair(netlink: IPRoute, name: str, other: str, where: Namespace) -> int:
    try:
        netlink.link(
            "add",
            ifname=name,
            kind="veth",
            address=_HARDWARE_ADDRESS,
            peer={"ifname": other, "net_ns_fd": where.descriptor, "address": _HARDWARE_ADDRESS},
        )
    except NetlinkError as error:
        raise NetworkError(
            f"cannot make a pair of virtual Ethernet interfaces: {error}",
            where="network",
            hint="the kernel needs CONFIG_VETH (modprobe veth)",
        ) from None
    return _index(netlink, name)


def _up(netlink: IPRoute, index: int) -> None:
    netlink.link("set", index=index, state="up", arp=False)


def _index(netlink: IPRoute, name: str) -> int:
    (index,) = netlink.link_lookup(ifname=name)
    return int(index)


def _default_route(
    netlink: IPRoute, family: str, link: int, *, table: int = 254, action: str = "add"
) -> None:
    netlink.route(
        action,
        family=SOCKET_FAMILIES[family],
        dst="default",
        gateway=GATEWAYS[family],
        oif=link,
        flags=4,  # RTNH_F_ONLINK
        table=table,
    )


def _look_up_local(netlink: IPRoute, family: str, *, priority: int, **which: str) -> None:
    """Look for addresses of the namespace itself at this priority, instead of always first."""
    number = SOCKET_FAMILIES[family]
    netlink.rule("add", family=number, priority=priority, table=_LOCAL_TABLE, action="to_tbl", **which)
    netlink.rule("del", family=number, priority=0, table=_LOCAL_TABLE)


def _look_up_marked(netlink: IPRoute, family: str, number: int) -> None:
    """Send what has a node's mark to that node."""
    netlink.rule(
        "add",
        family=SOCKET_FAMILIES[family],
        priority=10,
        fwmark=number,
        table=_TABLES + number,
        action="to_tbl",
    )


def _length(family: int) -> int:
    return 128 if family == socket.AF_INET6 else 32


def _for_each(families: Sequence[str], *, ipv4: Mapping[str, str], ipv6: Mapping[str, str]) -> dict[str, str]:
    values = {f"ipv4/{name}": value for name, value in ipv4.items()} if "IPv4" in families else {}
    if "IPv6" in families:
        values |= {f"ipv6/{name}": value for name, value in ipv6.items()}
    return values


def _set_up(namespace: Namespace, families: Sequence[str]) -> None:
    """What holds everywhere, before there is any interface."""
    ipv4, ipv6 = {}, {}
    for scope in ("all", "default"):
        # Packets come and go as the routes say, and no router tells a shorter way.
        for name, value in (("rp_filter", 0), ("send_redirects", 0), ("accept_redirects", 0)):
            ipv4[f"conf/{scope}/{name}"] = str(value)
        # No addresses of the links' own: they would be equal, and nobody asks for neighbours.
        for name, value in (
            ("disable_ipv6", 0),
            ("addr_gen_mode", 1),
            ("accept_dad", 0),
            ("accept_ra", 0),
            ("accept_redirects", 0),
        ):
            ipv6[f"conf/{scope}/{name}"] = str(value)
    # Errors are what tells a refusal from silence, so they must not be limited.
    ipv4 |= {"icmp_ratelimit": "0", "icmp_ratemask": "0"}
    ipv6["icmp/ratelimit"] = "0"
    namespace.set(_for_each(families, ipv4=ipv4, ipv6=ipv6))
    namespace.try_to_set(
        {
            "ipv4/icmp_msgs_per_sec": "1000000",
            "ipv4/icmp_msgs_burst": "100000",
            "ipv6/icmp/ratemask": "255",
            "ipv4/tcp_max_syn_backlog": "8192",
        }
    )


def _forward(namespace: Namespace, families: Sequence[str]) -> None:
    namespace.set(_for_each(families, ipv4={"ip_forward": "1"}, ipv6={"conf/all/forwarding": "1"}))


def _allow_foreign_addresses(namespace: Namespace, families: Sequence[str]) -> None:
    """Sockets may have addresses that no interface has, and packets may come back from the node."""
    namespace.set(
        _for_each(
            families,
            ipv4={"ip_nonlocal_bind": "1", "conf/all/accept_local": "1"},
            ipv6={"ip_nonlocal_bind": "1"},
        )
    )
    namespace.try_to_set({"ipv4/tcp_synack_retries": "1"})
