# SPDX-License-Identifier: Apache-2.0
"""The status of a Service: the addresses that a load balancer has published.

Source: kubernetes `strategy.go` `serviceStatusStrategy`; `validation.go`
`ValidateLoadBalancerStatus`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reference.objects import LoadBalancerIngress, Service
from reference.ports.addresses import parse_ip, parse_legacy_ip
from reference.ports.defaulting import LOAD_BALANCER, with_ip_modes
from reference.ports.rejections import Violation
from reference.syntax import is_dns1123_subdomain

IP_MODES = ("VIP", "Proxy")
_INGRESS = "status.loadBalancer.ingress"


def with_status(old: Service, sent: Service) -> Service:
    """`old` with the status of `sent`, of which nothing else counts but the metadata (TYPE-003, TYPE-010)."""
    return Service(sent.metadata, old.spec, with_ip_modes(sent).status)


def status_violations(service: Service, old: Service) -> tuple[Violation, ...]:
    """The rules that a status breaks (VAL-070 to VAL-072).

    How those addresses are written that `old` has does not matter (VAL-074).
    """
    ingress = service.status.load_balancer.ingress
    known = frozenset(entry.ip for entry in old.status.load_balancer.ingress)
    if ingress and service.spec.type != LOAD_BALANCER:
        return (Violation(_INGRESS, "Forbidden", "VAL-070"),)
    return tuple(
        violation
        for index, entry in enumerate(ingress)
        for violation in _entry_violations(f"{_INGRESS}[{index}]", entry, known)
    )


def _entry_violations(path: str, entry: LoadBalancerIngress, known: Collection[str]) -> Iterator[Violation]:
    """An address with its mode, or a name that is no address (VAL-071, VAL-072, TYPE-011)."""
    if entry.ip and entry.ip not in known and parse_ip(entry.ip) is None:
        yield Violation(f"{path}.ip", "Invalid", "VAL-071")
    if entry.ip and entry.ip_mode is None:
        yield Violation(f"{path}.ipMode", "Required", "VAL-072")
    elif entry.ip_mode is not None and not entry.ip:
        yield Violation(f"{path}.ipMode", "Forbidden", "VAL-072")
    elif entry.ip_mode is not None and entry.ip_mode not in IP_MODES:
        yield Violation(f"{path}.ipMode", "NotSupported", "VAL-072")
    is_name = is_dns1123_subdomain(entry.hostname) and parse_legacy_ip(entry.hostname) is None
    if entry.hostname and not is_name:
        yield Violation(f"{path}.hostname", "Invalid", "VAL-071")
