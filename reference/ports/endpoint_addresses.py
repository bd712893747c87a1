# SPDX-License-Identifier: Apache-2.0
"""Which addresses an endpoint may have, in slices and in legacy Endpoints.

Source: kubernetes `pkg/apis/discovery/validation/validation.go` `validateEndpoints`;
`pkg/apis/core/validation/validation.go` `validateEndpointAddress`, `ValidateEndpointIP`;
k8s.io/apimachinery `pkg/util/validation/ip.go`.
"""

from __future__ import annotations

from collections.abc import Iterator

from reference.ports.addresses import (
    IPV4,
    IPV6,
    Address,
    format_ip,
    is_special,
    parse_ip,
    parse_legacy_ip,
)
from reference.ports.rejections import Standing, Violation
from reference.questions import Cause
from reference.syntax import is_dns1123_label, is_dns1123_subdomain

FQDN = "FQDN"
ADDRESS_TYPES = (IPV4, IPV6, FQDN)


def slice_address_violations(kind: str, text: str, path: str, index: int) -> Iterator[Violation]:
    """An address of a slice of the type `kind`, the entry `index` of the list at `path` (VAL-077)."""
    if kind == FQDN:
        yield from _name_violations(text, f"{path}[{index}]")
    elif kind in (IPV4, IPV6):
        yield from _ip_violations(kind, text, path, f"{path}[{index}]")


def legacy_address_violations(text: str, path: str) -> Iterator[Violation]:
    """`ip` of an address of a legacy Endpoints object, of either family (VAL-077)."""
    address = parse_legacy_ip(text)
    if address is None or is_special(address):
        yield _invalid(path)
    elif parse_ip(text) is None:
        yield _invalid(path, Standing.NEWER)


def _ip_violations(kind: str, text: str, path: str, entry: str) -> Iterator[Violation]:
    """One of the wrong family is told at the list or, by older servers, at the entry."""
    address = parse_legacy_ip(text)
    if address is None:
        yield _invalid(entry)
    elif address.family != kind:
        yield Violation(path, "Invalid", "VAL-077", instead=(Cause(entry, "Invalid"),))
        if is_special(address):
            yield Violation(entry, "Invalid", "VAL-077", instead=(Cause(path, "Invalid"),))
    elif is_special(address):
        yield _invalid(entry)
    elif not _is_well_written(text, address):
        yield _invalid(entry, Standing.NEWER)


def _is_well_written(text: str, address: Address) -> bool:
    """IPv4 without leading zeros and not as IPv6, IPv6 in its canonical form."""
    if address.family == IPV4:
        return parse_ip(text) is not None
    return text == format_ip(IPV6, address.value)


def _name_violations(text: str, entry: str) -> Iterator[Violation]:
    """A DNS name of at least two labels, with or without a dot at the end (SLICE-019)."""
    name = text.removesuffix(".")
    labels = name.split(".")
    if not text:
        yield Violation(entry, "Required", "VAL-077")
    elif not is_dns1123_subdomain(name) or len(labels) < 2 or not all(map(is_dns1123_label, labels)):
        yield _invalid(entry)


def _invalid(path: str, standing: Standing = Standing.ALWAYS) -> Violation:
    return Violation(path, "Invalid", "VAL-077", standing)
