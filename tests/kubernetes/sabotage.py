# SPDX-License-Identifier: Apache-2.0
"""A real kube-proxy whose rules are spoilt behind its back, once they are in the kernel.

python -m tests.kubernetes.sabotage MODE BINARY FAULT
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from conformance.adapters.serve import serve
from conformance.data_plane.adapter import DataPlane
from conformance.data_plane.canary import NAMESPACE
from conformance.data_plane.kube_proxy import KubeProxy
from conformance.data_plane.sandbox import contained
from reference.objects import Cluster

Run = Callable[..., str]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout


def _iptables_rules(chains: str, *, tool: str = "iptables") -> list[str]:
    """The rules of the chains that match, but for those of the canary."""
    lines = _run(f"{tool}-save", "-t", "nat").splitlines()
    return [line for line in lines if re.match(f"-A {chains} ", line) and NAMESPACE not in line]


def _replace(rule: str, *, by: str = "", tool: str = "iptables") -> None:
    """Delete a rule, or put another in its place."""
    words = by or rule.replace("-A ", "-D ", 1)
    text = f"*nat\n{rule.replace('-A ', '-D ', 1)}\n{by}\nCOMMIT\n" if by else f"*nat\n{words}\nCOMMIT\n"
    subprocess.run(
        [f"{tool}-restore", "--noflush"],
        input=text,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )


def _forget_services_iptables(tool: str = "iptables") -> None:
    for rule in _iptables_rules("KUBE-SERVICES", tool=tool):
        if "cluster IP" in rule:
            _replace(rule, tool=tool)


def _masquerade_nothing_iptables() -> None:
    for rule in _iptables_rules("KUBE-POSTROUTING"):
        if "MASQUERADE" in rule:
            _replace(rule)


def _rewrite_a_target_iptables() -> None:
    for rule in _iptables_rules(r"KUBE-SEP-\w+"):
        found = re.search(r"--to-destination ([\d.]+):(\d+)", rule)
        if found:
            _replace(rule, by=rule.replace(found.group(), f"--to-destination {found.group(1)}:7"))


def _lose_a_backend_iptables() -> None:
    for rule in _iptables_rules(r"KUBE-SVC-\w+"):
        if "--probability" in rule:
            _replace(rule)


def _nft(*words: str) -> str:
    return _run("nft", *words)


def _forget_services_nftables(family: str = "ip") -> None:
    if f"table {family} kube-proxy" not in _nft("list", "tables"):
        return  # a node of one family
    element = ("delete", "element", family, "kube-proxy", "service-ips")
    text = _nft("list", "map", family, "kube-proxy", "service-ips")
    for ip, protocol, port, target in re.findall(
        r"([\da-f.:]+) \. (\w+) \. (\d+)(?: comment \"[^\"]*\")? : goto (service-\S+?)[,\s]", text
    ):
        if NAMESPACE not in target:
            _nft(*element, f"{{ {ip} . {protocol} . {port} }}")


def _masquerade_nothing_nftables() -> None:
    _nft("flush", "chain", "ip", "kube-proxy", "masquerading")


def _chains(pattern: str) -> list[tuple[str, str, str]]:
    """The rules of the chains that match, but for the canary's: the chain, the handle, the text."""
    found = []
    chain = ""
    for line in _nft("-a", "list", "table", "ip", "kube-proxy").splitlines():
        begun = re.match(r"\s*chain (\S+) \{", line)
        if begun:
            chain = begun.group(1)
        rule = re.match(r"\s*(.+) # handle (\d+)$", line)
        if rule and not begun and re.match(pattern, chain) and NAMESPACE not in chain:
            found.append((chain, rule.group(2), rule.group(1)))
    return found


def _replace_nft(chain: str, handle: str, text: str) -> None:
    _nft("replace", "rule", "ip", "kube-proxy", chain, "handle", handle, text)


def _rewrite_a_target_nftables() -> None:
    for chain, handle, text in _chains("(endpoint|service)-"):
        if "dnat" in text:
            other = re.sub(r"([\d.]+)( \. |:)(\d+)(?=[,\s]|$)", r"\1\g<2>7", text)
            _replace_nft(chain, handle, other)


def _lose_a_backend_nftables() -> None:
    for chain, handle, text in _chains("service-"):
        found = re.search(r"numgen random mod \d+ v?map \{ (.*?) \}", text)
        if found:
            targets = [entry.partition(" : ")[2] for entry in found.group(1).split(", ")]
            other = ", ".join(f"{number} : {targets[0]}" for number in range(len(targets)))
            _replace_nft(chain, handle, text.replace(found.group(1), other))


def _lose_packets() -> None:
    """Every third packet that begins a connection to a Service is lost, before it is translated."""
    _nft("add", "table", "ip", "spoilt")
    _nft("flush", "table", "ip", "spoilt")
    for hook in ("prerouting", "output"):
        _nft("add", "chain", "ip", "spoilt", hook, f"{{ type filter hook {hook} priority -150; }}")
        lost = "ip daddr 10.96.0.0/16 ct state new numgen inc mod 3 0 drop"
        _nft("add", "rule", "ip", "spoilt", hook, *lost.split())


@frozen
class Spoiling:
    """What a fault does to the rules of one node, by the mode of kube-proxy; who reports it, as what."""

    invariant: str
    requirements: frozenset[str]
    iptables: Callable[[], None]
    nftables: Callable[[], None]


_CLUSTER_IPS = "routing.cluster-ip-reaches-its-endpoints"
_ROWS = frozenset({"RT-001", "HEADLESS-008"})
"""HEADLESS-008 is about the Service of the API server, which every cluster has."""

FAULTS: dict[str, Spoiling] = {
    "forget-services": Spoiling(_CLUSTER_IPS, _ROWS, _forget_services_iptables, _forget_services_nftables),
    "forget-services-of-ipv6": Spoiling(
        _CLUSTER_IPS,
        _ROWS,
        lambda: _forget_services_iptables("ip6tables"),
        lambda: _forget_services_nftables("ip6"),
    ),
    "rewrite-targets": Spoiling(_CLUSTER_IPS, _ROWS, _rewrite_a_target_iptables, _rewrite_a_target_nftables),
    "lose-a-backend": Spoiling(_CLUSTER_IPS, _ROWS, _lose_a_backend_iptables, _lose_a_backend_nftables),
    "lose-packets": Spoiling(_CLUSTER_IPS, _ROWS, _lose_packets, _lose_packets),
    "masquerade-nothing": Spoiling(
        "routing.answers-come-from-where-was-dialled",
        frozenset({"RT-013"}),
        _masquerade_nothing_iptables,
        _masquerade_nothing_nftables,
    ),
}


class Sabotaged(DataPlane):
    """Spoils the rules on every node of the cluster after each state."""

    fault: Callable[[], None]

    def apply(self, cluster: Cluster) -> None:
        """As without the fault, and then the fault."""
        super().apply(cluster)
        for node in cluster.nodes:
            with self._network.inside(node.metadata.name):
                self.fault()


def main(mode: str, binary: str, fault: str) -> int:
    """Serve a kube-proxy with a fault."""

    def act(folder: Path) -> int:
        with os.fdopen(os.dup(1), "wb") as answers:
            os.dup2(2, 1)
            program = KubeProxy(mode=mode, binary=binary, folder=folder)
            adapter = Sabotaged(program, folder=folder)
            adapter.fault = getattr(FAULTS[fault], mode)
            try:
                serve(adapter, sys.stdin.buffer, answers)
            finally:
                adapter.close()
        return 0

    return contained(act)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
