# SPDX-License-Identifier: Apache-2.0
"""Names of the pods behind a Service, from the slices that the endpoint controller writes of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from attrs import evolve

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns import probes
from conformance.invariants.dns.scenarios import (
    Ask,
    Scenario,
    below,
    judge_demands,
    judge_exactly,
    looks,
    reverse,
)
from reference.endpoints import with_managed_slices
from reference.frozenmap import FrozenMap
from reference.objects import (
    ClusterSettings,
    Container,
    ContainerPort,
    Node,
    NodeAddress,
    NodeStatus,
    ObjectMeta,
    OwnerReference,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
)

_LABELS = FrozenMap({"app": "crew"})
_NODE_IP = "192.168.0.9"
_CONTROLLER = ClusterSettings()
_BOW, _OAR, _SUB, _SET, _LATE, _LEAVING, _DONE = (f"10.244.250.{number}" for number in range(1, 8))


def _pod(
    name: str,
    ip: str,
    *,
    hostname: str = "",
    subdomain: str = "",
    phase: str = "Running",
    ready: bool = True,
    leaving: bool = False,
    host_network: bool = False,
    number: int = 8080,
    owner: str = "",
) -> Pod:
    owners = (OwnerReference("StatefulSet", owner, f"uid-{owner}", True),) if owner else ()
    return Pod(
        ObjectMeta(
            name=name,
            namespace=probes.NAMESPACE,
            uid=f"probe-{name}",
            labels=_LABELS,
            owner_references=owners,
            deletion_timestamp=1_700_000_000 if leaving else None,
        ),
        PodSpec(
            containers=(Container("main", "image", (ContainerPort(number, "web", "TCP"),)),),
            node_name="node-a",
            host_network=host_network,
            hostname=hostname,
            subdomain=subdomain,
        ),
        PodStatus(
            phase=phase,
            pod_ip=ip,
            pod_ips=(PodIP(ip),) if ip else (),
            conditions=(PodCondition("Ready", "True" if ready else "False"),),
        ),
    )


def _service(name: str, *, publish: bool = False) -> Service:
    port = ServicePort(80, "http", "TCP", "web")
    made = probes.headless(name)
    spec = evolve(made.spec, selector=_LABELS, ports=(port,), publish_not_ready_addresses=publish)
    return evolve(made, spec=spec)


def _scenario(name: str, services: Sequence[Service], pods: Sequence[Pod], asks: Sequence[Ask]) -> Scenario:
    """A scenario with the slices that the controller writes for its Services."""
    node = Node(
        ObjectMeta(name="node-a", uid="probe-node-a"),
        status=NodeStatus((NodeAddress("InternalIP", _NODE_IP),)),
    )
    made = Scenario(name=name, services=tuple(services), pods=tuple(pods), nodes=(node,), asks=tuple(asks))
    return evolve(made, slices=with_managed_slices(made.cluster(_CONTROLLER)).endpoint_slices)


@cache
def _crews() -> Sequence[Scenario]:
    crew, early, none = below("crew"), below("early"), "no hostname"
    named = (
        _pod("bow", _BOW, hostname="bow", subdomain="crew"),
        _pod("port", _OAR, hostname="oar", subdomain="other"),
        _pod("stern", _SUB, subdomain="crew", number=9090),
        _pod("crew-0", _SET, hostname="crew-0", subdomain="crew", owner="crew"),
        _pod("mast", _NODE_IP, hostname="mast", subdomain="crew", host_network=True),
    )
    hidden = (
        _pod("late", _LATE, hostname="late", subdomain="early", ready=False),
        _pod("leaving", _LEAVING, hostname="leaving", subdomain="early", leaving=True),
        _pod("done", _DONE, hostname="done", subdomain="early", phase="Succeeded", ready=False),
        _pod("pending", "", hostname="pending", subdomain="early", phase="Pending", ready=False),
    )
    return (
        _scenario(
            "hostnames",
            [_service("crew")],
            named,
            [
                Ask(f"bow.{crew}", "A", "DNS-HEADLESS-019"),
                Ask(crew, "A", "DNS-HEADLESS-020"),
                Ask(f"crew-0.{crew}", "A", "DNS-HEADLESS-021"),
                Ask(reverse(_SET), "PTR", "DNS-HEADLESS-021"),
                Ask(f"mast.{crew}", "A", "DNS-HEADLESS-022"),
                Ask(reverse(_NODE_IP), "PTR", "DNS-HEADLESS-022"),
            ],
        ),
        _scenario(
            none,
            [_service("crew")],
            named[1:3],
            [
                Ask(crew, "A", "DNS-HEADLESS-020"),
                Ask(f"_http._tcp.{crew}", "SRV", "DNS-HEADLESS-020"),
            ],
        ),
        _scenario(
            "published although not ready",
            [_service("early", publish=True)],
            hidden,
            [
                Ask(early, "A", "DNS-HEADLESS-014"),
                Ask(f"late.{early}", "A", "DNS-HEADLESS-014"),
                Ask(f"leaving.{early}", "A", "DNS-HEADLESS-014"),
                Ask(f"_http._tcp.{early}", "SRV", "DNS-HEADLESS-014"),
                Ask(reverse(_LATE), "PTR", "DNS-HEADLESS-014"),
                Ask(reverse(_LEAVING), "PTR", "DNS-HEADLESS-014"),
            ],
        ),
    )


@invariant(
    "dns.pods-behind-headless-services",
    kind=Kind.METAMORPHIC,
    requirements=(
        "DNS-HEADLESS-014",
        "DNS-HEADLESS-019",
        "DNS-HEADLESS-020",
        "DNS-HEADLESS-021",
        "DNS-HEADLESS-022",
    ),
    asks=("resolve",),
    classes=("hostnames", "no hostname", "published although not ready"),
)
def pods_behind_headless_services(case: Case) -> None:
    """A pod has its hostname below the headless Service that is its subdomain, be it on the host's network
    or of a StatefulSet; one without has its address below the Service; and where pods that are not ready
    are to be published they have all records.
    """
    for look in looks(case, "dns.pods-behind-headless-services", _crews, most=2):
        judge_demands(case, look)


@cache
def _names_of_pods() -> Sequence[Scenario]:
    crew, web = below("crew"), below("web")
    pods = (
        _pod("bow", _BOW, hostname="bow", subdomain="crew"),
        _pod("port", _OAR, hostname="oar", subdomain="other"),
        _pod("stern", _SUB, subdomain="crew", number=9090),
        _pod("set-0", _SET, hostname="twin", subdomain="crew"),
        _pod("set-1", _LATE, hostname="twin", subdomain="crew"),
    )
    plain = probes.service("web", "10.96.254.1")
    plain = evolve(plain, spec=evolve(plain.spec, selector=_LABELS))

    def dashed(ip: str) -> str:
        return ip.replace(".", "-")

    return (
        _scenario(
            "no hostname",
            [_service("crew")],
            pods,
            [
                Ask(f"oar.{crew}", "A", "DNS-HEADLESS-019"),
                Ask(f"port.{crew}", "A", "DNS-HEADLESS-019"),
                Ask(f"stern.{crew}", "A", "DNS-HEADLESS-020"),
                Ask(f"{dashed(_SUB)}.{crew}", "A", "DNS-HEADLESS-020"),
                Ask(f"{dashed(_OAR)}.{crew}", "A", "DNS-POD-016"),
                Ask(f"{dashed(_BOW)}.{crew}", "A", "DNS-POD-016"),
            ],
        ),
        _scenario(
            "ports",
            [_service("crew")],
            pods,
            [
                Ask(f"_http._tcp.{crew}", "SRV", "DNS-HEADLESS-018"),
                Ask(f"twin.{crew}", "A", "DNS-HEADLESS-025"),
                Ask(f"twin.{crew}", "SRV", "DNS-HEADLESS-025"),
            ],
        ),
        _scenario(
            "cluster IP",
            [plain],
            pods,
            [
                Ask(f"{dashed(_BOW)}.{web}", "A", "DNS-POD-016"),
                Ask(f"{dashed(_SUB)}.{web}", "A", "DNS-POD-016"),
            ],
        ),
    )


@invariant(
    "dns.coredns-pods-behind-services",
    kind=Kind.METAMORPHIC,
    requirements=(
        "DNS-HEADLESS-018",
        "DNS-HEADLESS-019",
        "DNS-HEADLESS-020",
        "DNS-HEADLESS-025",
        "DNS-POD-016",
    ),
    asks=("resolve",),
    level=Level.COREDNS,
    classes=("no hostname", "ports", "cluster IP"),
)
def coredns_pods_behind_services(case: Case) -> None:
    """A pod without a hostname of its own is called by its address alone, behind a Service of either kind;
    each of several port numbers has a record, and a hostname that two pods share has one.
    """
    for look in looks(case, "dns.coredns-pods-behind-services", _names_of_pods, most=2):
        judge_exactly(case, look)
