# SPDX-License-Identifier: Apache-2.0
"""Services that are there from the start: stored under older rules, or while the cluster had other stacks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any

from attrs import evolve, frozen

from reference.frozenmap import FrozenMap
from reference.objects import (
    CLUSTER_IP_NONE,
    ClusterSettings,
    LoadBalancerIngress,
    LoadBalancerStatus,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
)
from reference.ports.admission import SOURCE_RANGES
from reference.questions import ApiRequest, ApiSession, Verb

Sessions = tuple[ApiSession, ...]

_SETTINGS = ClusterSettings(service_cidrs=("10.96.0.0/27",))
_IP, _NODE_PORT, _HEALTH_CHECK_NODE_PORT = "10.96.0.5", 30080, 30090

_CLUSTER_IPS = ("10.96.0.05", "010.96.0.5", "10.096.00.0005", "::ffff:10.96.0.5", "::FFFF:a60:5")
"""The same address, as only lenient servers take it."""
_IPS = ("198.051.100.7", "::ffff:198.51.100.7", "2001:db8::00007", "::FFFF:198.051.100.07")
_CIDRS = ("010.0.0.0/8", "10.0.0.1/8", "10.0.0.0/08", "::ffff:10.0.0.0/104", "2001:db8::1/64")
_OTHER_IP, _OTHER_CIDR = "198.51.100.08", "10.1.0.1/16"
_GOOD_IPS, _GOOD_CIDRS = ("198.51.100.7", "2001:DB8::7"), ("10.0.0.0/8", " 2001:DB8::/64 ")


def _service(name: str = "web", *, annotations: dict[str, str] | None = None, **spec: Any) -> Service:
    """A Service as it is stored, with every default."""
    fields: dict[str, Any] = {
        "type": "LoadBalancer",
        "selector": FrozenMap({"app": "web"}),
        "ports": (ServicePort(80, "http", "TCP", 8080, _NODE_PORT),),
        "cluster_ip": _IP,
        "cluster_ips": (_IP,),
        "ip_families": ("IPv4",),
        "ip_family_policy": "SingleStack",
        "external_traffic_policy": "Cluster",
        "internal_traffic_policy": "Cluster",
        "session_affinity": "None",
        "allocate_load_balancer_node_ports": True,
        **spec,
    }
    metadata = ObjectMeta(name=name, namespace="default", uid=name, annotations=FrozenMap(annotations or {}))
    return Service(metadata, ServiceSpec(**fields))


@frozen
class _Field:
    """A field with addresses, and how to write them there."""

    name: str

    def of(self, service: Service, values: tuple[str, ...]) -> Service:
        """The Service with these addresses in the field."""
        if self.name == "status":
            ingress = tuple(LoadBalancerIngress(ip, ip_mode="VIP") for ip in values)
            return evolve(service, status=ServiceStatus(LoadBalancerStatus(ingress)))
        if self.name == "annotation":
            annotations = FrozenMap({SOURCE_RANGES: ",".join(values)})
            return evolve(service, metadata=evolve(service.metadata, annotations=annotations))
        return _with(service, **{self.name: values})

    @property
    def verb(self) -> Verb:
        """How the field is changed."""
        return Verb.UPDATE_STATUS if self.name == "status" else Verb.UPDATE


_EXTERNAL, _STATUS = _Field("external_ips"), _Field("status")
_RANGES, _ANNOTATION = _Field("load_balancer_source_ranges"), _Field("annotation")
_KINDS: tuple[tuple[_Field, tuple[str, ...], str, tuple[str, ...]], ...] = (
    (_EXTERNAL, _IPS, _OTHER_IP, _GOOD_IPS),
    (_STATUS, _IPS, _OTHER_IP, _GOOD_IPS),
    (_RANGES, _CIDRS, _OTHER_CIDR, _GOOD_CIDRS),
    (_ANNOTATION, _CIDRS, _OTHER_CIDR, _GOOD_CIDRS),
)
"""Fields, what lenient servers take there, another such value, and what every server takes."""


def _with(service: Service, **spec: Any) -> Service:
    return evolve(service, spec=evolve(service.spec, **spec))


def _labelled(service: Service) -> Service:
    return evolve(service, metadata=evolve(service.metadata, labels=FrozenMap({"team": "a"})))


def _session(stored: Service, *requests: ApiRequest, settings: ClusterSettings = _SETTINGS) -> ApiSession:
    return ApiSession(settings, requests, (stored,))


def _update(service: Service) -> ApiRequest:
    return ApiRequest(Verb.UPDATE, service)


def _unrelated(stored: Service) -> Iterator[Service]:
    """Changes that have nothing to do with addresses."""
    yield _labelled(stored)
    yield _with(stored, selector=FrozenMap({"app": "db"}))
    yield _with(stored, ports=(*stored.spec.ports, ServicePort(81, "more", "TCP", 8081)))
    yield _with(stored, session_affinity="ClientIP")


def _rivals() -> tuple[ApiRequest, ...]:
    """Others that ask for what a Service holds."""
    port = ServicePort(80, "http", "TCP", 8080, _NODE_PORT)
    return _rival_for(_IP, "IPv4"), _rival("rival-node-port", "NodePort", port)


def _rival_for(ip: str, family: str) -> ApiRequest:
    port = ServicePort(80, "http", "TCP", 8080)
    return _rival(f"rival-{family.lower()}", "ClusterIP", port, cluster_ip=ip, cluster_ips=(ip,))


def _rival(name: str, kind: str, port: ServicePort, **spec: Any) -> ApiRequest:
    metadata = ObjectMeta(name=name, namespace="default", uid=name)
    return ApiRequest(Verb.CREATE, Service(metadata, ServiceSpec(type=kind, ports=(port,), **spec)))


@lru_cache(maxsize=1)
def kept_addresses() -> Sessions:
    """Updates that leave addresses as they are, move them, or write them as any server takes them."""
    made = []
    for kind, lenient, _, good in _KINDS:
        for text in lenient:
            stored = kind.of(_service(), (good[0], text))
            made += [_session(stored, _update(service)) for service in _unrelated(stored)]
            made += [
                _session(stored, ApiRequest(kind.verb, kind.of(stored, values)))
                for values in ((text, good[0]), (good[0], text, good[1]), (text,), good, ())
                # An annotation is one text, which is the same or another one.
                if kind is not _ANNOTATION or text not in values
            ]
    for text in _CLUSTER_IPS:
        stored = _service(cluster_ip=text, cluster_ips=(text,))
        delete = ApiRequest(Verb.DELETE, stored)
        made += [_session(stored, _update(service), *_rivals()) for service in _unrelated(stored)]
        made += [_session(stored, delete, *_rivals()), _session(stored, *_rivals(), delete, *_rivals())]
        left_out = _with(stored, cluster_ip="", cluster_ips=())
        plain = _with(stored, type="NodePort", allocate_load_balancer_node_ports=None)
        made += [_session(stored, _update(service)) for service in (left_out, plain)]
    return (*made, *_health_checks())


def _health_checks() -> Iterator[ApiSession]:
    """A Service with a health check node port, which others ask for, before and after it is gone."""
    stored = _service(external_traffic_policy="Local", health_check_node_port=_HEALTH_CHECK_NODE_PORT)
    rival = _rival("rival", "NodePort", ServicePort(80, "http", "TCP", 8080, _HEALTH_CHECK_NODE_PORT))
    yield _session(stored, rival, ApiRequest(Verb.DELETE, stored), rival)
    yield _session(stored, _update(_with(stored, external_traffic_policy="Cluster")), rival)
    without = _service(health_check_node_port=0)
    yield _session(without, rival, ApiRequest(Verb.DELETE, without))


@lru_cache(maxsize=1)
def new_addresses() -> Sessions:
    """Updates that write an address as only lenient servers take it, where it was not before."""
    made = []
    for kind, lenient, other, good in _KINDS:
        for text in lenient:
            stored = kind.of(_service(), (text,))
            made += [
                _session(stored, *(ApiRequest(kind.verb, kind.of(stored, values)) for values in story))
                for story in (
                    ((text, other),),
                    ((other,),),
                    (good, (text,)),
                    ((), (text,)),
                    (good, (good[0], text)),
                )
            ]
    for text in _CLUSTER_IPS:
        stored = _service(cluster_ip=text, cluster_ips=(text,))
        made += [
            _session(stored, _update(_EXTERNAL.of(stored, (text,)))),
            _session(stored, ApiRequest(Verb.UPDATE_STATUS, _STATUS.of(stored, (text,)))),
            _session(stored, _update(_with(stored, cluster_ip=_IP, cluster_ips=(_IP,)))),
        ]
    for text in _IPS:
        stored = _EXTERNAL.of(_service(), (text,))
        made.append(_session(stored, ApiRequest(Verb.UPDATE_STATUS, _STATUS.of(stored, (text,)))))
        published = _STATUS.of(_service(), (text,))
        made.append(_session(published, _update(_EXTERNAL.of(published, (text,)))))
    return tuple(made)


@lru_cache(maxsize=1)
def lenient_addresses() -> Sessions:
    """New Services with addresses as only lenient servers take them, or as every server does."""
    made = []
    fresh = _with(_service(), cluster_ip="", cluster_ips=(), ip_families=())
    for kind, lenient, other, good in _KINDS:
        for values in (*((text,) for text in lenient), (*good, other), good):
            service = kind.of(fresh, values)
            create = ApiRequest(Verb.CREATE, service)
            status = (ApiRequest(Verb.UPDATE_STATUS, service),) if kind is _STATUS else ()
            made.append(ApiSession(_SETTINGS, (create, *status)))
    for text in (*_CLUSTER_IPS, _IP):
        service = _with(fresh, cluster_ip=text, cluster_ips=(text,))
        made.append(ApiSession(_SETTINGS, (ApiRequest(Verb.CREATE, service),)))
    return tuple(made)


_V4, _V6 = "10.96.0.0/27", "fd00:10:96::/123"
_CLUSTERS = ((_V4,), (_V6,), (_V4, _V6), (_V6, _V4))
_HELD = {"IPv4": _IP, "IPv6": "fd00:10:96::5"}
_FAMILIES = (("IPv4",), ("IPv6",), ("IPv4", "IPv6"), ("IPv6", "IPv4"))
_BODIES: tuple[dict[str, Any], ...] = (
    {"type": "ClusterIP", "external_traffic_policy": ""},
    {"type": "NodePort"},
    {"type": "LoadBalancer", "allocate_load_balancer_node_ports": True},
    {"type": "ClusterIP", "external_traffic_policy": "", "cluster_ips": (CLUSTER_IP_NONE,)},
)


def _stored(body: dict[str, Any], families: tuple[str, ...]) -> Service:
    """A Service with the policy PreferDualStack, as it was stored when there were these families."""
    ips = body.get("cluster_ips") or tuple(_HELD[family] for family in families)
    spec = {
        "allocate_load_balancer_node_ports": None,
        **body,
        "ip_families": families,
        "ip_family_policy": "PreferDualStack",
        "cluster_ips": ips,
        "cluster_ip": ips[0],
    }
    if body["type"] == "ClusterIP":
        spec["ports"] = (ServicePort(80, "http", "TCP", 8080),)
    return _service(**spec)


@lru_cache(maxsize=1)
def other_stacks() -> Sessions:
    """Updates of a Service that was stored while the cluster had other families, or the same."""
    made = []
    for cidrs, families, body in product(_CLUSTERS, _FAMILIES, _BODIES):
        settings = ClusterSettings(service_cidrs=cidrs)
        stored = _stored(body, families)
        configured = ["IPv6" if ":" in cidr else "IPv4" for cidr in cidrs]
        rivals = tuple(_rival_for(_HELD[family], family) for family in configured)
        made += [
            _session(stored, _update(service), *rivals, settings=settings) for service in _unrelated(stored)
        ]
        if stored.spec.cluster_ip != CLUSTER_IP_NONE:
            one = _with(stored, ip_family_policy="SingleStack")
            made.append(
                _session(stored, _update(_labelled(stored)), _update(one), *rivals, settings=settings)
            )
        delete = ApiRequest(Verb.DELETE, stored)
        made.append(_session(stored, *rivals, delete, *rivals, settings=settings))
    return tuple(made)
