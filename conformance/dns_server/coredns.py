# SPDX-License-Identifier: Apache-2.0
"""What is particular to CoreDNS: its Corefile, and what it says of itself."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from conformance.adapters.running import found_program, output_of
from conformance.dns_server.program import Place, Streams
from conformance.errors import UsageError, unknown
from reference.objects import ClusterSettings, DNSServer

PODS = ("disabled", "insecure", "verified")
_LONGEST_TTL = 3600
REVERSE = ("in-addr.arpa", "ip6.arpa")
_WHERE = "option {} of coredns"


class CoreDns:
    """An unmodified CoreDNS; `binary` is a path or a name on PATH.

    Its Corefile is written for it: the cluster domain and the reverse zones by the plugin
    kubernetes, with the options that a cluster's settings say.  `pods` and `ttl` go before
    these, and `kubernetes` has more, divided by `;`; `plugins` are more plugins in the same
    spelling.  `corefile` is a
    file that is used in its place, in which `{$DOMAIN}`, `{$ADDRESS}`, `{$PORT}` and
    `{$KUBECONFIG}` stand for what is to be there.  Whatever is wrong with these is a UsageError.
    """

    def __init__(
        self,
        *,
        binary: str = "coredns",
        corefile: str = "",
        pods: str = "",
        ttl: int | None = None,
        kubernetes: str = "",
        plugins: str = "",
        port: int = 0,
    ) -> None:
        if pods and pods not in PODS:
            raise unknown("mode", pods, PODS, where=_WHERE.format("pods"))
        if ttl is not None and not 0 <= ttl <= _LONGEST_TTL:
            raise UsageError(f"from 0 to {_LONGEST_TTL} seconds, not {ttl}", where=_WHERE.format("ttl"))
        written = {"pods": pods, "ttl": ttl, "kubernetes": kubernetes, "plugins": plugins}
        if corefile:
            for option, value in written.items():
                if value not in ("", None):
                    raise UsageError("the Corefile says it already", where=_WHERE.format(option))
            if not Path(corefile).is_file():
                raise UsageError(f"there is no file {corefile!r}", where=_WHERE.format("corefile"))
        path = os.environ.get("PATH", "")
        self._binary = found_program(binary, path, _WHERE.format("binary"))
        said = output_of([self._binary, "--version"], path, self._binary)
        version = re.search(r"CoreDNS-(\d+\.\d+\.\d+\S*)", said)
        if version is None:
            raise UsageError(f"is no CoreDNS: it calls itself {said[:80]!r}", where=self._binary)
        self._version = version.group(1)
        self._corefile = Path(corefile).absolute() if corefile else None
        self._pods, self._ttl = pods, ttl
        self._more = _lines(kubernetes)
        self._plugins = _lines(plugins)
        self._port = port

    @property
    def name(self) -> str:
        """What everybody calls it."""
        return "CoreDNS"

    @property
    def version(self) -> str:
        """As it says."""
        return self._version

    @property
    def environment(self) -> Mapping[str, str]:
        """Ours."""
        return os.environ

    @property
    def port(self) -> int:
        """The port at which it is to listen; 0 for any that is free."""
        return self._port

    def settings(self, settings: ClusterSettings) -> Hashable:
        """Its zones and its options, which it reads only when it starts."""
        return settings.cluster_domain, settings.dns_server

    def command(self, place: Place) -> Sequence[str]:
        """The Corefile is a file of its own in any case, so that errors name its lines."""
        if self._corefile is not None:
            text = self._corefile.read_text(encoding="utf-8")
            for name, value in _variables(place).items():
                text = text.replace(f"{{${name}}}", value)
        else:
            text = self._written(place)
        path = place.folder / "Corefile"
        path.write_text(text, encoding="utf-8")
        return [self._binary, f"-conf={path}"]

    def _written(self, place: Place) -> str:
        known = place.settings.dns_server or DNSServer()
        zones = (place.domain, *known.more_zones, *(REVERSE if known.reverse_zones else ()))
        # The blocks are those of its own zones, so that it refuses names outside of them.
        lines = [
            f"{' '.join(f'{zone}:{place.port}' for zone in zones)} {{",
            f"    bind {place.address}",
            "    errors",
            *(f"    {line}" for line in self._plugins),
            f"    kubernetes {' '.join(zones)} {{",
            f"        kubeconfig {place.kubeconfig}",
            *(f"        {line}" for line in self._options(place)),
            "    }",
        ]
        if known.fall_through:
            next_server = f"{place.address}:{place.spare}"
            nobody = [f".:{place.spare} {{", f"    bind {place.address}", "    template ANY ANY {"]
            lines += [f"    forward . {next_server}", "}", *nobody, "        rcode REFUSED", "    }"]
        return "\n".join([*lines, "}", ""])

    def _options(self, place: Place) -> Iterator[str]:
        """The options of the plugin: what is said here goes before what the cluster's settings say."""
        known = place.settings.dns_server
        if self._pods or known is not None:
            yield f"pods {self._pods or (known or DNSServer()).pods}"
        if self._ttl is not None or known is not None:
            yield f"ttl {self._ttl if self._ttl is not None else (known or DNSServer()).ttl}"
        known = known or DNSServer()
        flags = {
            "endpoint_pod_names": known.endpoint_pod_names,
            "noendpoints": known.no_endpoints,
            "ignore empty_service": known.ignore_empty_service,
            "zonal": known.zonal,
            "fallthrough": known.fall_through,
        }
        yield from (line for line, is_set in flags.items() if is_set)
        if known.namespaces:
            yield " ".join(["namespaces", *known.namespaces, *place.canaries])
        yield from self._more

    def streams(self, asked_for: frozenset[str]) -> Streams:
        """It watches slices unless it is told not to, and pods only to verify their addresses."""
        return Streams(slices="endpointslices" in asked_for, pods="pods" in asked_for)


def _variables(place: Place) -> dict[str, str]:
    return {
        "DOMAIN": place.domain,
        "ADDRESS": place.address,
        "PORT": str(place.port),
        "KUBECONFIG": str(place.kubeconfig),
    }


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split(";") if line.strip()]
