# SPDX-License-Identifier: Apache-2.0
"""The variables that one Service gives.

Source: `pkg/kubelet/envvars/envvars.go`.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from reference.objects import CLUSTER_IP_NONE, Service


def mangled(name: str) -> str:
    """Upper case, and `_` for `-`; nothing else (ENV-007, ENV-008)."""
    return name.upper().replace("-", "_")


def host_port(ip: str, port: int) -> str:
    """`ip:port`, an IPv6 address in brackets (ENV-009)."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def has_cluster_ip(service: Service) -> bool:
    """Neither headless nor without an address; the type itself is not looked at (ENV-011)."""
    return service.spec.cluster_ip not in ("", CLUSTER_IP_NONE)


def service_variables(service: Service) -> dict[str, str]:
    """All variables of one Service, from its primary address alone.

    ENV-001 to ENV-006, ENV-010, ENV-025, ENV-035.
    """
    prefix, ip, ports = mangled(service.metadata.name), service.spec.cluster_ip, service.spec.ports
    variables = {f"{prefix}_SERVICE_HOST": ip}
    for index, port in enumerate(ports):
        protocol = port.protocol or "TCP"
        url = f"{protocol.lower()}://{host_port(ip, port.port)}"
        if index == 0:
            variables[f"{prefix}_SERVICE_PORT"] = str(port.port)
            variables[f"{prefix}_PORT"] = url
        if port.name:
            variables[f"{prefix}_SERVICE_PORT_{mangled(port.name)}"] = str(port.port)
        base = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        variables[base] = url
        variables[f"{base}_PROTO"] = protocol.lower()
        variables[f"{base}_PORT"] = str(port.port)
        variables[f"{base}_ADDR"] = ip
    return variables


@frozen(eq=False)
class Linked:
    """A Service as the node agent sees it; `variables` are those that it gives where it is included."""

    namespace: str
    name: str
    created: int
    has_cluster_ip: bool
    variables: Mapping[str, str]

    @classmethod
    def of(cls, service: Service) -> Linked:
        """The same Service, its variables worked out."""
        return cls(
            namespace=service.metadata.namespace,
            name=service.metadata.name,
            created=service.metadata.creation_timestamp,
            has_cluster_ip=has_cluster_ip(service),
            variables=service_variables(service),
        )
