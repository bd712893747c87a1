# SPDX-License-Identifier: Apache-2.0
"""Edits of plain EndpointSlices and legacy Endpoints, so that they keep to a rule just so or break it.

An edit is made to the last of an object's parts, so that a path has to name the right one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from reference.frozenmap import FrozenMap
from reference.objects import (
    Endpoint,
    EndpointAddress,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    ForNode,
    ForZone,
    ObjectMeta,
    SubsetPort,
)

Item = EndpointSlice | Endpoints

_METADATA = ObjectMeta(
    name="web-1", namespace="default", labels=FrozenMap({"kubernetes.io/service-name": "web"})
)
ADDRESSES = {
    "IPv4": ("10.1.2.3", "10.1.2.4"),
    "IPv6": ("2001:db8::3", "2001:db8::4"),
    "FQDN": ("db.example.com", "db-1.example.com"),
}
_SLICE_PORTS = (EndpointPort("http", 8080, "TCP"), EndpointPort("dns", 5353, "UDP"))
_SUBSET_PORTS = (SubsetPort(8080, "http", "TCP"), SubsetPort(5353, "dns", "UDP"))


@frozen
class Edit:
    """Other values for fields of one part of an object: itself, its metadata, an endpoint, an address,
    or a port.
    """

    part: str
    fields: FrozenMap[str, Any]

    def of(self, item: Item) -> Item:
        """The object with the edit made."""
        fields: Mapping[str, Any] = self.fields
        if self.part == "metadata":
            return evolve(item, metadata=evolve(item.metadata, **fields))
        if self.part == "object":
            return evolve(item, **fields)
        if isinstance(item, EndpointSlice):
            if self.part == "endpoint":
                return evolve(item, endpoints=_last_changed(item.endpoints, fields))
            return evolve(item, ports=_last_changed(item.ports, fields))
        if not item.subsets:
            return item
        *before, last = item.subsets
        if self.part == "subset":
            last = evolve(last, **fields)
        else:
            where = {"address": "addresses", "not ready": "not_ready_addresses"}.get(self.part, "ports")
            last = evolve(last, **{where: _last_changed(getattr(last, where), fields)})
        return evolve(item, subsets=(*before, last))


def _last_changed(parts: tuple[Any, ...], fields: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*parts[:-1], evolve(parts[-1], **fields)) if parts else parts


def edit(part: str, **fields: Any) -> Edit:
    """An edit of a part."""
    return Edit(part, FrozenMap(fields))


def plain_slice(kind: str = "IPv4") -> EndpointSlice:
    """A slice of two endpoints and two ports."""
    first, second = ADDRESSES[kind]
    ready = EndpointConditions(ready=True)
    endpoints = (Endpoint((first,), ready, zone="zone-a"), Endpoint((second,), ready, node_name="node-a"))
    return EndpointSlice(_METADATA, kind, endpoints, _SLICE_PORTS)


def plain_endpoints() -> Endpoints:
    """Endpoints of two subsets, the last of which has ready and other addresses, and two ports."""
    one = EndpointSubset((EndpointAddress("10.1.2.3"),), (), (SubsetPort(8080),))
    ready = (EndpointAddress("10.1.2.4"), EndpointAddress("2001:db8::4"))
    not_ready = (EndpointAddress("10.1.2.5"), EndpointAddress("10.1.2.6", node_name="node-a"))
    return Endpoints(_METADATA, (one, EndpointSubset(ready, not_ready, _SUBSET_PORTS)))


LABEL, TOO_LONG = "a" * 63, "a" * 64
SUBDOMAIN = ".".join(("a" * 49,) * 5)
"""A subdomain of 249 characters, to which four can be added."""
_NO_LABELS = ("", "Web", "web_1", "web.1", "-web", "web-", "wéb", "web ", TOO_LONG)
_LABELS = ("w", "1web", "web--1", LABEL)
_NO_SUBDOMAINS = ("", "Node", "node_1", "node..1", ".node", "node.", "-node", "nöde", f"{SUBDOMAIN}.node")
_SUBDOMAINS = ("n", "node.zone-a", "1.node", f"{SUBDOMAIN}.nod")

_PREFIXES = ("web-", "web.1-", "-web-", "Web-", "web.-", "-", "1", "a" * 70, f"{SUBDOMAIN}.node-")

METADATA = (
    *(edit("metadata", name=name) for name in (*_SUBDOMAINS, *_NO_SUBDOMAINS[1:], "web/1", "web 1")),
    edit("metadata", name="", generate_name=""),
    *(edit("metadata", generate_name=name) for name in _PREFIXES),
    *(edit("metadata", name="", generate_name=name) for name in _PREFIXES),
    edit("metadata", labels=FrozenMap({"example.com/team": "A_1"})),
    *(edit("metadata", labels=FrozenMap({"team": value})) for value in ("-a", "ä", TOO_LONG)),
    *(edit("metadata", labels=FrozenMap({key: "a"})) for key in ("", "-team", "example..com/team", "a/b/c")),
    edit("metadata", annotations=FrozenMap({"Example.com/Note": "any text: ä"})),
    *(edit("metadata", annotations=FrozenMap({key: "a"})) for key in ("", "-note", "a/b/c", "nöte")),
)
"""Edits of the metadata, of either kind of object."""

ADDRESS_TYPES = ("IPv4", "IPv6", "FQDN", "", "ipv4", "IPV6", "IP", "Hostname", "IPv4 ", "IPv4,IPv6")

_MANY = tuple(Endpoint((f"10.1.{number // 250}.{number % 250}",)) for number in range(1001))
_HUNDRED = tuple(f"10.2.0.{number}" for number in range(101))
_ZONES = tuple(ForZone(f"zone-{number}") for number in range(9))
_NODES = tuple(ForNode(f"node-{number}") for number in range(9))

LIMITS = (
    *(edit("object", endpoints=_MANY[:count]) for count in (0, 1, 1000, 1001)),
    *(edit("endpoint", addresses=_HUNDRED[:count]) for count in (0, 1, 2, 100, 101)),
    *(edit("endpoint", hints=EndpointHints(_ZONES[:count])) for count in (1, 8, 9)),
    *(
        edit("endpoint", hints=EndpointHints(tuple(map(ForZone, names))))
        for names in (("a", "b", "a"), ("a", "a"), ("a", "A"), ("", ""), ("",), ("zone_a.1",), (LABEL,))
    ),
    *(edit("endpoint", hints=EndpointHints((ForZone(name),))) for name in ("-a", "zone a", "zöne", TOO_LONG)),
    *(edit("object", ports=_SLICE_PORTS[:count]) for count in (0, 1)),
    edit("object", ports=tuple(EndpointPort(f"p{number}", number) for number in range(100))),
)
NODE_HINTS = (
    *(edit("endpoint", hints=EndpointHints((), _NODES[:count])) for count in (1, 8, 9)),
    *(edit("endpoint", hints=EndpointHints(_ZONES[:8], _NODES[:count])) for count in (8, 9)),
    *(
        edit("endpoint", hints=EndpointHints((), tuple(map(ForNode, names))))
        for names in (("a", "b", "a"), ("a", "b"), *((name,) for name in (*_SUBDOMAINS, *_NO_SUBDOMAINS)))
    ),
)

SPECIAL = {
    "IPv4": (
        *("0.0.0.0", "127.0.0.1", "127.255.255.255", "169.254.0.1", "169.254.255.255"),
        *("224.0.0.0", "224.0.0.255"),
    ),
    "IPv6": ("::", "::1", "fe80::1", "febf::1", "ff02::1", "ff12::1"),
}
"""Addresses that no endpoint may have."""
ORDINARY = {
    "IPv4": (
        *("0.0.0.1", "126.255.255.255", "128.0.0.0", "169.253.255.255", "224.0.1.0", "255.255.255.255"),
        *("10.96.0.1", "192.168.1.1"),
    ),
    "IPv6": ("::2", "fe7f::1", "fec0::1", "ff05::1", "fd00::1", "2001:db8:0:1:1:1:1:1"),
}
GARBAGE = (
    *(
        "",
        "web",
        "10.1.2",
        "10.1.2.3.4",
        "10.1.2.256",
        "10.1.2.-1",
        "10.1.2.3/32",
        " 10.1.2.3",
        "10.1.2.3:80",
    ),
    *("[2001:db8::3]", "2001:db8::3::4", "2001:db8:3", "2001:db8::g", "fe80::1%eth0", "١٠.1.2.3"),
)
NAMES = (
    *("db.example.com", "db.example.com.", "a.b", "10.1.2.3", f"{LABEL}.com"),
    *(
        "",
        "db",
        "db.",
        "DB.example.com",
        "db_1.example.com",
        "db..com",
        ".db.com",
        "db.example.com..",
        "*.com",
    ),
    *("dß.com", f"{TOO_LONG}.com", f"{SUBDOMAIN}.com", f"{SUBDOMAIN}.info", "2001:db8::3"),
)
"""Addresses of slices of the type FQDN."""


def texts_of(kind: str) -> tuple[str, ...]:
    """Addresses to try in a slice of a type."""
    if kind == "FQDN":
        return NAMES
    other = "IPv6" if kind == "IPv4" else "IPv4"
    return (*SPECIAL[kind], *ORDINARY[kind], *GARBAGE, *SPECIAL[other][:2], *ORDINARY[other][:3])


SLICE_PORTS = (
    *(
        edit("object", ports=tuple(EndpointPort(name, 80 + number) for number, name in enumerate(names)))
        for names in (
            *((None,), ("",), (None, "http"), ("", "http"), ("http", "dns", "http"), ("http", "http")),
            *((None, ""), ("", ""), (None, None), ("a", "A"), ("a", "b", "c")),
        )
    ),
    *(edit("port", name=name) for name in (*_LABELS, *_NO_LABELS[1:])),
    *(edit("port", protocol=word) for word in (None, "TCP", "UDP", "SCTP", "", "tcp", "Udp", "ICMP", "TCP ")),
    *(
        edit("port", app_protocol=word)
        for word in ("http", "kubernetes.io/h2c", "HTTP", "", "-http", "a/b/c", "http 2", "ä/b", TOO_LONG)
    ),
    edit("port", port=None),
    *(edit("port", port=number) for number in (1, 65535)),
)

ENDPOINT_FIELDS = (
    *(edit("endpoint", hostname=name) for name in (*_LABELS, *_NO_LABELS)),
    *(edit("endpoint", node_name=name) for name in (*_SUBDOMAINS, *_NO_SUBDOMAINS)),
    *(edit("endpoint", zone=name) for name in ("", "Zone A", "zöne")),
)
ADDRESS_FIELDS = (
    *(edit("not ready", hostname=name) for name in (*_LABELS, *_NO_LABELS)),
    *(edit("not ready", node_name=name) for name in (*_SUBDOMAINS, *_NO_SUBDOMAINS)),
    edit("address", hostname="Web"),
    edit("address", node_name="node_1"),
)

_ONE = (EndpointAddress("10.1.2.3"),)
SUBSETS = (
    edit("object", subsets=()),
    edit("subset", addresses=()),
    edit("subset", not_ready_addresses=()),
    edit("subset", addresses=(), not_ready_addresses=()),
    edit("object", subsets=(EndpointSubset(ports=_SUBSET_PORTS), EndpointSubset(_ONE))),
    edit("object", subsets=(EndpointSubset(_ONE), EndpointSubset())),
    edit("subset", ports=()),
    *(
        edit("subset", ports=tuple(SubsetPort(80 + number, name) for number, name in enumerate(names)))
        for names in (("",), ("http",), ("http", ""), ("", "http"), ("", ""), ("a", "b", ""))
    ),
    *(edit("port", name=name) for name in (*_LABELS, *_NO_LABELS[1:])),
    *(edit("port", port=number) for number in (1, 65535, 0, -1, 65536, 100000)),
    *(edit("port", protocol=word) for word in ("", "TCP", "SCTP", "tcp", "ICMP", "TCP ")),
    *(edit("port", app_protocol=word) for word in ("kubernetes.io/h2c", "", "a/b/c", "http 2", TOO_LONG)),
)

SUBSET_ADDRESSES = (
    *(edit("address", ip=text) for text in (*SPECIAL["IPv4"], *ORDINARY["IPv6"], *GARBAGE)),
    *(edit("not ready", ip=text) for text in (*SPECIAL["IPv6"], *ORDINARY["IPv4"], *GARBAGE[:3])),
    *(edit("address", ip=text) for text in ("2001:DB8::3", "2001:db8:0:0::3")),
)
LENIENT = (
    *("010.1.2.3", "10.1.2.03", "10.001.2.3", "10.1.2.00003"),
    *("::ffff:10.1.2.3", "::FFFF:a01:203", "0:0:0:0:0:ffff:10.1.2.3"),
)
"""Addresses of IPv4 in forms that only lenient servers take."""
NOT_CANONICAL = (
    *("2001:DB8::3", "2001:db8:0:0::3", "2001:0db8::3", "2001:db8:0:0:0:0:0:3", "2001:db8::0.0.0.3"),
    *("2001:db8:1::1:1:1:1:1", "2001:db8:0:1::1:1:1:1"),
)
