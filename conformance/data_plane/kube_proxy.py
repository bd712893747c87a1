# SPDX-License-Identifier: Apache-2.0
"""What is particular to kube-proxy: its configuration file, its versions, its metrics."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from conformance.adapters.programs import BUILT_IN
from conformance.adapters.running import found_program, output_of
from conformance.data_plane.canary import canaries
from conformance.data_plane.program import Fetch, Place, Signal
from conformance.errors import UsageError, unknown
from conformance.features import OLDEST
from reference.objects import Cluster, Node
from reference.routing.addresses import family_of

MODES = BUILT_IN["kube-proxy"].options["mode"]
FLAVOURS = BUILT_IN["kube-proxy"].options["iptables"]
"""Both are called iptables: the one programs the kernel's old tables, the other nftables."""
METRICS_PORT = 10249
_QUEUED = re.compile(r"^kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds(\S*) (\S+)", re.MULTILINE)
_MORE_PATHS = ("/usr/sbin", "/sbin", "/usr/local/sbin")


class KubeProxy:
    """An unmodified kube-proxy in one of its modes; `binary` is a path or a name on PATH.

    `iptables` is the flavour of the tool that iptables mode uses, that of the system by
    default.  Whatever is wrong with these is a UsageError.
    """

    looks_at_its_own_node_only = True

    def __init__(self, *, mode: str, binary: str = "kube-proxy", iptables: str = "", folder: Path) -> None:
        if mode not in MODES:
            raise unknown("mode", mode, MODES, where="option mode of kube-proxy")
        if iptables and iptables not in FLAVOURS:
            raise unknown("flavour", iptables, FLAVOURS, where="option iptables of kube-proxy")
        if iptables and mode != "iptables":
            raise UsageError(f"is of no use in mode {mode}", where="option iptables of kube-proxy")
        self._mode = mode
        self._path = os.pathsep.join([os.environ.get("PATH", ""), *_MORE_PATHS])
        if iptables:
            self._path = f"{_links(folder, iptables, self._path)}{os.pathsep}{self._path}"
        self._binary = found_program(binary, self._path, "option binary of kube-proxy")
        text = output_of([self._binary, "--version"], self._path, self._binary)
        numbers = re.search(r"v(\d+)\.(\d+)\.\d+\S*", text)
        if numbers is None:
            raise UsageError(f"is no kube-proxy: it calls itself {text[:80]!r}", where=self._binary)
        self._version = numbers.group()
        minor = int(numbers.group(1)), int(numbers.group(2))
        if minor < OLDEST:
            # It would be accused of what was right in its day.
            oldest = ".".join(map(str, OLDEST))
            raise UsageError(f"{self._version} is too old: {oldest} is needed", where=self._binary)
        tool = "nft" if mode == "nftables" else "iptables"
        needed = found_program(tool, self._path, f"mode {mode} of kube-proxy")
        self._tool = output_of([needed, "--version"], self._path, needed).splitlines()[0]

    @property
    def name(self) -> str:
        """The mode is part of it."""
        return f"kube-proxy ({self._mode})"

    @property
    def version(self) -> str:
        """That of kube-proxy, and of the tool through which it programs the kernel."""
        return f"{self._version}, {self._tool}, Linux {os.uname().release}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Ours, with the folders in which the tools are."""
        return {**os.environ, "PATH": self._path}

    def settings(self, cluster: Cluster, node: Node) -> Hashable:
        """It ends when its node's primary addresses change, and reads ranges of pods only when it starts.

        In mode nftables it takes up ranges of Services at its next full sync, which may be
        an hour later.
        """
        return _primary(node), cluster.settings.pod_cidrs, cluster.settings.service_cidrs

    def command(self, place: Place) -> Sequence[str]:
        """The configuration is a file, because some of it has no flags."""
        path = place.folder / "config.yaml"
        path.write_text(yaml.safe_dump(self._configuration(place), sort_keys=False), encoding="utf-8")
        return [self._binary, f"--config={path}"]

    def _configuration(self, place: Place) -> dict[str, Any]:
        # Zero would be read as the default of a second.
        soon = {"minSyncPeriod": "1ms"}
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": self._mode,
            "hostnameOverride": place.node.metadata.name,
            "clientConnection": {
                "kubeconfig": str(place.kubeconfig),
                "contentType": "application/json",
                "qps": 1000,
                "burst": 1000,
            },
            "detectLocalMode": "ClusterCIDR",
            "clusterCIDR": ",".join(place.cluster.settings.pod_cidrs),
            "metricsBindAddress": f"127.0.0.1:{METRICS_PORT}",
            "iptables": soon,
            "nftables": soon,
            # What these would set belongs to the whole machine, or is of no use to short connections.
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }

    def taken_up(self, get: Fetch) -> Mapping[str, str] | None:
        """For each family, when it was last told to bring the kernel up to date."""
        text = get(METRICS_PORT, "/metrics")
        return None if text is None else dict(_QUEUED.findall(text))

    def readiness(self, number: int, nodes: Sequence[Node]) -> Sequence[Signal]:
        """It counts endpoints for health checks after it has programmed the kernel."""
        return canaries(number, nodes)


def _primary(node: Node) -> tuple[str, ...]:
    """The first address, and the first of the other family; those inside go before those outside."""
    kinds = ("InternalIP", "ExternalIP")
    addresses = [entry.address for kind in kinds for entry in node.status.addresses if entry.type == kind]
    by_family: dict[str, str] = {}
    for ip in addresses:
        by_family.setdefault(family_of(ip), ip)
    return tuple(by_family.values())


def _links(folder: Path, flavour: str, path: str) -> Path:
    """A folder in which the tools of one flavour have the plain names."""
    links = folder / f"iptables-{flavour}"
    links.mkdir()
    for family in ("iptables", "ip6tables"):
        for suffix in ("", "-restore", "-save"):
            tool = found_program(f"{family}-{flavour}{suffix}", path, "option iptables of kube-proxy")
            (links / f"{family}{suffix}").symlink_to(tool)
    return links
