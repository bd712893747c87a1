# SPDX-License-Identifier: Apache-2.0
"""How the API spells things in JSON: kinds, names of fields, and the values that are no containers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache
from typing import Any

from reference.objects import ConfigMap, Endpoints, EndpointSlice, Namespace, Node, Pod, Service
from reference.quantities import nanos

ApiObject = Namespace | Node | ConfigMap | Service | EndpointSlice | Pod

API_VERSIONS: dict[type[Any], str] = {
    Namespace: "v1",
    Node: "v1",
    ConfigMap: "v1",
    Service: "v1",
    EndpointSlice: "discovery.k8s.io/v1",
    Pod: "v1",
}
KINDS: dict[str, type[ApiObject]] = {cls.__name__: cls for cls in API_VERSIONS}
"""The kinds of which a cluster consists, in the order in which it lists them."""

TYPE_VERSIONS: dict[type[Any], str] = {**API_VERSIONS, Endpoints: "v1"}
"""The apiVersion of every kind that the model knows."""

OWNER_VERSIONS: dict[str, str] = {
    **dict.fromkeys(("ReplicaSet", "Deployment", "StatefulSet", "DaemonSet"), "apps/v1"),
    **dict.fromkeys(("Job", "CronJob"), "batch/v1"),
    "EndpointSlice": "discovery.k8s.io/v1",
}
"""The apiVersion of the kinds that own objects; all others are of v1."""

TIMES = frozenset({"creation_timestamp", "deletion_timestamp", "started_at"})
"""Fields of API objects that are times: whole seconds in the model, RFC 3339 in JSON."""

QUANTITIES = frozenset({"cpu"})
"""Fields of API objects that are quantities: text in the model, text or a number in JSON."""


class Refused(ValueError):
    """The reason alone; the path is known only further out.  `step` is a field below."""

    def __init__(self, reason: str, *, step: str = "") -> None:
        super().__init__(reason)
        self.step = step


# -- names -------------------------------------------------------------------

_SPELLING = {"ip": "IP", "ips": "IPs", "cidr": "CIDR", "cidrs": "CIDRs", "dns": "DNS"}
# `dnsPolicy` and `ipMode` begin in lower case, as every name does; but inside a
# name Kubernetes itself writes `clusterDNS`, `podCIDRs`, `externalIPs`.


@cache
def wire_name(name: str) -> str:
    """The API's spelling of a field: `cluster_ips` is `clusterIPs`."""
    first, *rest = name.split("_")
    return first + "".join(_SPELLING.get(word, word.capitalize()) for word in rest)


# -- leaves ------------------------------------------------------------------


def describe(value: Any) -> str:
    """What a value of plain data is, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {value!r}" if len(value) <= 60 else f"the string {value[:57] + '...'!r}"
    if isinstance(value, (int, float)):
        text = repr(value) if abs(value) < 1e30 else "out of range"
        return f"the number {text}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return f"a value of type {type(value).__name__}"


def refuse(wanted: str, value: Any) -> Refused:
    """The refusal of `value` where something else is wanted."""
    return Refused(f"{wanted} is needed, not {describe(value)}")


def read_string(value: Any, _: Any = None) -> str:
    """A string, never made of anything else."""
    if type(value) is not str:
        raise refuse("a string", value)
    return value


def read_integer(value: Any, _: Any = None) -> int:
    """An integer of 64 bits; `true`, `80.0` and `"80"` are none."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise refuse("an integer", value)
    return value


def read_boolean(value: Any, _: Any = None) -> bool:
    """`true` or `false`."""
    if type(value) is not bool:
        raise refuse("true or false", value)
    return value


def read_integer_or_string(value: Any, _: Any = None) -> int | str | None:
    """A port's number or its name."""
    if value is None or type(value) is str:
        return value
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise refuse("an integer or a string", value)
    return value


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


@lru_cache(maxsize=1024)
def write_time(seconds: int | None) -> str | None:
    """Seconds since 1970 as RFC 3339, always in UTC."""
    if seconds is None:
        return None
    # Not strftime, which writes years before 1000 with fewer than four digits.
    return (_EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def read_time(value: Any, _: Any = None) -> int:
    """RFC 3339 as whole seconds since 1970, as the API keeps them."""
    match = _RFC3339.fullmatch(read_string(value))
    if not match:
        raise refuse("a time as 2006-01-02T15:04:05Z", value)
    try:
        moment = datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00"))
        return (moment - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise Refused(f"{value!r} is no time: {error}") from error


def read_quantity(value: Any, _: Any = None) -> str:
    """A quantity as text; a number stands for its text, as in the API, which refuses what is below zero."""
    if type(value) not in (str, int, float):
        raise refuse("a quantity as '500m'", value)
    text = value.strip() if isinstance(value, str) else str(value)
    try:
        nanos(text)
    except ValueError:
        raise refuse("a quantity as '500m'", value) from None
    return text
