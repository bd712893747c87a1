# SPDX-License-Identifier: Apache-2.0
"""A program of one's own is judged by describing it in one class."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

from conformance.adapters.loading import start_adapter
from conformance.adapters.options import AdapterOption, given
from conformance.data_plane.describing import described
from conformance.errors import UsageError
from conformance.example import Example
from reference.frozenmap import FrozenMap
from reference.objects import SERVICE_NAME_LABEL, Cluster, ServicePort
from reference.questions import Backend, Connection, Flow, Outcome
from tests.command.test_readme import COMMAND, README, blocks
from tests.data_plane import tiny, worlds
from tests.data_plane.processes import living, marked

_TINY = "tests.data_plane.tiny:Tiny"


def test_it_passes_smoke(possible: None, tmp_path: Path) -> None:
    """The command finds it by its name, gives it its options, and the plumbing is right."""
    worlds.needs_nft()
    words = [sys.executable, "-m", "conformance", "smoke", "--adapter", "data-plane"]
    for option in (f"program={_TINY}", "release=0.7"):
        words += ["--adapter-option", option]
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=marked(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "ok      start: tiny-proxy 0.7 started"
    assert all(line.startswith(("ok ", "        not supported")) for line in lines)
    assert not living(tmp_path)


def _cluster() -> Cluster:
    """As the world, with slices that belong to its Service."""
    cluster = worlds.cluster()
    (service,) = cluster.services
    ports = tuple(
        ServicePort(80, f"{protocol.lower()}-8080", protocol, 8080) for protocol in worlds.PROTOCOLS
    )
    families = ("IPv4", "IPv6")
    spec = evolve(service.spec, type="ClusterIP", ports=ports, ip_families=families)
    labels = FrozenMap({SERVICE_NAME_LABEL: service.metadata.name})
    slices = (evolve(each, metadata=evolve(each.metadata, labels=labels)) for each in cluster.endpoint_slices)
    return evolve(cluster, services=(evolve(service, spec=spec),), endpoint_slices=tuple(slices))


def test_packets_meet_what_it_programmed(possible: None) -> None:
    """A cluster IP leads to each ready endpoint, at the port of the slice, in both families."""
    worlds.needs_nft()
    example = Example(_cluster())
    ips = {worlds.POD_A, worlds.OTHER_POD_A, worlds.POD_B, worlds.NODE_B, worlds.ELSEWHERE}
    with start_adapter("data-plane", options=_options(f"program={_TINY}")) as session:
        for spelt in (lambda ip: ip, worlds.SIX.__getitem__):
            flow = Flow(worlds.from_pod(spelt(worlds.POD_A)), spelt(worlds.VIP), 80, "TCP")
            # All but one would be picked by chance once in ten millions.
            questions = [Connection(flow, source_port=33000 + number) for number in range(80)]
            answers = session.ask(example, "connect", questions)
            assert {answer.outcome for answer in answers} == {Outcome.FORWARD}
            assert {answer.backend for answer in answers} == {Backend(spelt(ip), 8080) for ip in ips}
            other = evolve(flow, port=81)
            (missed,) = session.ask(example, "connect", [Connection(other, source_port=34000)])
            assert missed.outcome is not Outcome.FORWARD


_PROXY = """#!{python}
import sys
sys.path.insert(0, {here!r})
import tiny_proxy
kubeconfig, node = sys.argv[1:]
tiny_proxy.main(kubeconfig.removeprefix("--kubeconfig="), node.removeprefix("--node="))
"""


def test_the_program_of_the_readme(possible: None, tmp_path: Path) -> None:
    """The class and the profile that are shown there do what is said, with a program of those flags."""
    worlds.needs_nft()
    (program,) = (text for text in blocks("python") if text.startswith("# my_program.py"))
    (profile,) = (text for text in blocks("yaml") if text.startswith("name: my-program"))
    (tmp_path / "my_program.py").write_text(program)
    (tmp_path / "my-program.yaml").write_text(profile)
    proxy = tmp_path / "my-proxy"
    proxy.write_text(_PROXY.format(python=sys.executable, here=str(Path(__file__).parent)))
    proxy.chmod(0o755)
    lines = [line.strip() for line in README.read_text().splitlines()]
    shown = [line for line in lines if line.startswith(f"{COMMAND} ") and "my-program.yaml" in line]
    assert [line.split()[1] for line in shown] == ["smoke", "run"]
    invariant = ("--clusters", "1", "--invariant", "routing.cluster-ip-reaches-its-endpoints")
    for line, options in zip(shown, ((), invariant), strict=True):
        done = subprocess.run(
            [sys.executable, "-m", "conformance", *line.split()[1:], *options],
            cwd=tmp_path,
            env=marked(tmp_path),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "my-proxy" in done.stdout, done.stderr
        # One cluster is too few for a pass.
        assert done.returncode == (1 if options else 0), done.stdout + done.stderr
        assert "deviation " not in done.stdout


def _options(*words: str) -> tuple[AdapterOption, ...]:
    return given(words, origin="command line", where="option adapter-option")


def test_options_become_arguments() -> None:
    """What follows the program's name is given to the class, checked by its parameters."""
    assert described(_TINY, ["--release=9"]).version == "9"
    assert described(_TINY, []).name == tiny.Tiny.name
    with pytest.raises(UsageError, match=r"unknown option .relese. .*did you mean 'release'"):
        described(_TINY, ["--relese=9"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tiny", "option program of data-plane: 'tiny' is no `package.module:object`"),
        ("tests.data_plane.tinny:Tiny", "there is no module 'tests.data_plane.tinny' .*did you mean 'tiny'"),
        ("tests.data_plane.tiny:Tinny", "unknown object 'Tinny' .*did you mean 'Tiny'"),
        ("tests.data_plane.worlds:PROTOCOLS", "is neither a class nor a function that makes a program"),
        (
            "tests.data_plane.worlds:cluster",
            "makes no program: it has no settings, command, taken_up, readiness, name",
        ),
    ],
)
def test_what_makes_no_program(spec: str, message: str) -> None:
    """A wrong name, and an object that is something else, are refused with what is missing."""
    with pytest.raises(UsageError, match=message):
        described(spec, [])


def test_stray_words() -> None:
    """A word that is no option is refused."""
    with pytest.raises(UsageError, match="'release=9' is no word --NAME=VALUE"):
        described(_TINY, ["release=9"])


def test_an_error_of_the_class_is_told(possible: None) -> None:
    """The command's error begins with what is wrong with the name."""
    with pytest.raises(UsageError, match=r"^data-plane: tests.data_plane.tiny:Tinny: unknown object 'Tinny'"):
        start_adapter("data-plane", options=_options("program=tests.data_plane.tiny:Tinny"))
