# SPDX-License-Identifier: Apache-2.0
"""What a kube-proxy is told, and which of them are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from attrs import evolve

from conformance.data_plane import kube_proxy
from conformance.data_plane.kube_proxy import KubeProxy
from conformance.data_plane.program import Place
from conformance.errors import UsageError
from reference.objects import ClusterSettings, NodeAddress, NodeStatus
from tests.data_plane import fakes, worlds

_RANGES = ("10.244.0.0/16", "fd00:244::/48")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tools that only tell their version; there are no others."""
    folder = tmp_path / "tools"
    folder.mkdir()
    names = ["nft", "iptables"]
    for flavour in ("legacy", "nft"):
        for family in ("iptables", "ip6tables"):
            names += [f"{family}-{flavour}{suffix}" for suffix in ("", "-restore", "-save")]
    for name in names:
        path = folder / name
        path.write_text(f"#!/bin/sh\necho '{name} v1.2.3'\necho more\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(kube_proxy, "_MORE_PATHS", ())
    return folder


def _made(folder: Path, *, mode: str = "iptables", iptables: str = "", says: str = "v1.37.2") -> KubeProxy:
    binary = fakes.that_says(folder, f"Kubernetes {says}")
    return KubeProxy(mode=mode, binary=str(binary), iptables=iptables, folder=folder)


@pytest.mark.parametrize(("mode", "tool"), [("iptables", "iptables"), ("nftables", "nft")])
def test_what_reports_call_it(mode: str, tool: str, tools: Path, tmp_path: Path) -> None:
    """The mode is in its name; its version, its tool's and the kernel's stand together."""
    program = _made(tmp_path, mode=mode)
    assert program.name == f"kube-proxy ({mode})"
    assert program.version.startswith(f"v1.37.2, {tool} v1.2.3, Linux ")
    assert "more" not in program.version


@pytest.mark.parametrize("flavour", ["legacy", "nft"])
def test_the_flavour_of_its_tool(flavour: str, tools: Path, tmp_path: Path) -> None:
    """The plain names lead to the tools of that flavour, before all others."""
    program = _made(tmp_path, iptables=flavour)
    first = Path(program.environment["PATH"].split(":")[0])
    links = {path.name: path.resolve().name for path in first.iterdir()}
    assert links == {
        f"{family}{suffix}": f"{family}-{flavour}{suffix}"
        for family in ("iptables", "ip6tables")
        for suffix in ("", "-restore", "-save")
    }
    assert f"iptables-{flavour} v1.2.3" in program.version


@pytest.mark.parametrize(
    ("mode", "says", "taken"),
    [
        ("iptables", "v1.33.15", False),
        ("iptables", "v1.34.0", True),
        ("nftables", "v1.33.9", False),
        ("nftables", "v1.34.0-beta.1+dirty", True),
        ("nftables", "v2.0.0", True),
    ],
)
def test_versions(mode: str, says: str, taken: bool, tools: Path, tmp_path: Path) -> None:
    """Those that are too old are refused with the oldest that is not."""
    if taken:
        assert _made(tmp_path, mode=mode, says=says).version.startswith(f"{says}, ")
    else:
        with pytest.raises(UsageError, match=f"{says} is too old: 1.34 is needed"):
            _made(tmp_path, mode=mode, says=says)


@pytest.mark.parametrize(
    ("mode", "iptables", "message"),
    [
        ("ipvs", "", "option mode of kube-proxy: unknown mode 'ipvs'"),
        ("iptables", "legcy", "unknown flavour 'legcy' .*did you mean 'legacy'"),
        ("nftables", "nft", "option iptables of kube-proxy: is of no use in mode nftables"),
    ],
)
def test_options(mode: str, iptables: str, message: str, tools: Path, tmp_path: Path) -> None:
    """Unknown values are refused with the closest that is known."""
    with pytest.raises(UsageError, match=message):
        _made(tmp_path, mode=mode, iptables=iptables)


def test_what_is_missing(tools: Path, tmp_path: Path) -> None:
    """A tool, a program on PATH, and the right to run it are looked for before anything is started."""
    (tools / "nft").unlink()
    with pytest.raises(UsageError, match="mode nftables of kube-proxy: there is no program 'nft' on PATH"):
        _made(tmp_path, mode="nftables")
    (tools / "ip6tables-legacy-save").unlink()
    with pytest.raises(UsageError, match="there is no program 'ip6tables-legacy-save' on PATH"):
        _made(tmp_path, iptables="legacy")
    with pytest.raises(
        UsageError, match="option binary of kube-proxy: there is no program 'no-such' on PATH"
    ):
        KubeProxy(mode="iptables", binary="no-such", folder=tmp_path)
    binary = fakes.that_says(tmp_path, "Kubernetes v1.37.2")
    binary.chmod(0o644)
    with pytest.raises(UsageError, match=r"is not executable \(chmod"):
        KubeProxy(mode="iptables", binary=str(binary), folder=tmp_path)
    binary.write_text("\x7fELF but not really")
    binary.chmod(0o755)
    with pytest.raises(UsageError, match="cannot be run: Exec format error"):
        KubeProxy(mode="iptables", binary=str(binary), folder=tmp_path)


def _place(folder: Path) -> Place:
    cluster = evolve(worlds.cluster(), settings=ClusterSettings(pod_cidrs=_RANGES))
    return Place(cluster.nodes[1], cluster, folder, folder / "kubeconfig")


@pytest.mark.parametrize("mode", kube_proxy.MODES)
def test_its_configuration(mode: str, tools: Path, tmp_path: Path) -> None:
    """Its file says what the model assumes: its node, the ranges of pods, and no change to the machine."""
    program = _made(tmp_path, mode=mode)
    folder = tmp_path / "place"
    folder.mkdir()
    command = program.command(_place(folder))
    assert command == [str(tmp_path / "kube-proxy"), f"--config={folder / 'config.yaml'}"]
    found = yaml.safe_load((folder / "config.yaml").read_text())
    assert (found["kind"], found["apiVersion"]) == (
        "KubeProxyConfiguration",
        "kubeproxy.config.k8s.io/v1alpha1",
    )
    assert (found["mode"], found["hostnameOverride"]) == (mode, "node-b")
    assert (found["detectLocalMode"], found["clusterCIDR"]) == ("ClusterCIDR", "10.244.0.0/16,fd00:244::/48")
    assert found["clientConnection"]["kubeconfig"] == str(folder / "kubeconfig")
    # Protobuf is not served.
    assert found["clientConnection"]["contentType"] == "application/json"
    assert found["conntrack"] == {
        "maxPerCore": 0,
        "min": 0,
        "tcpEstablishedTimeout": "0s",
        "tcpCloseWaitTimeout": "0s",
    }
    assert found["metricsBindAddress"] == "127.0.0.1:10249"


def test_when_it_is_started_anew(tools: Path, tmp_path: Path) -> None:
    """Other primary addresses or ranges of pods: what else changes it takes up as it runs."""
    program = _made(tmp_path)
    place = _place(tmp_path)
    node, cluster = place.node, place.cluster
    before = program.settings(cluster, node)
    more = (*node.status.addresses, NodeAddress("ExternalIP", "198.51.100.9"))
    assert program.settings(cluster, evolve(node, status=NodeStatus(more))) == before
    assert program.settings(evolve(cluster, services=()), node) == before
    other = (NodeAddress("InternalIP", "192.168.0.77"), *node.status.addresses)
    assert program.settings(cluster, evolve(node, status=NodeStatus(other))) != before
    fewer = evolve(cluster, settings=ClusterSettings(pod_cidrs=_RANGES[:1]))
    assert program.settings(fewer, node) != before
    # A name is no address, and one outside counts only where there is none inside.
    named = (
        NodeAddress("Hostname", "10.1.1.1"),
        NodeAddress("ExternalIP", "198.51.100.9"),
        *node.status.addresses,
    )
    assert program.settings(cluster, evolve(node, status=NodeStatus(named))) == before


def test_what_it_has_taken_up(tools: Path, tmp_path: Path) -> None:
    """The times at which each family was queued, from its metrics; nothing where it does not answer."""
    name = "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds"
    text = (
        f"# HELP {name} x\n# TYPE {name} gauge\n"
        f'{name}{{ip_family="IPv4"}} 1.5e+09\n{name}{{ip_family="IPv6"}} 2\nother 3\n'
    )
    asked = []

    def get(port: int, path: str) -> str | None:
        asked.append((port, path))
        return text

    program = _made(tmp_path)
    assert program.taken_up(get) == {'{ip_family="IPv4"}': "1.5e+09", '{ip_family="IPv6"}': "2"}
    assert asked == [(10249, "/metrics")]
    assert program.taken_up(lambda port, path: None) is None
