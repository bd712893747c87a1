# SPDX-License-Identifier: Apache-2.0
"""The process that feeds a DNS server and asks it: answers JSON lines.

python -m conformance.dns_server coredns --pods=insecure
python -m conformance.dns_server dns --server=127.0.0.1:5353 --api=127.0.0.1:16443
python -m conformance.dns_server dns --command="./my-dns --kubeconfig={kubeconfig} --listen={address}:{port}"
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click

from conformance.adapters.timeouts import Timeouts
from conformance.adapters.told import told_timeouts
from conformance.dns_server.asking import PATIENCE, TRANSPORTS, Address
from conformance.dns_server.coredns import CoreDns
from conformance.dns_server.own import Own
from conformance.errors import UsageError

_TAKEN_UP = 2 / 3
"""The share of the time for `apply` in which a server has to have taken a state up."""
_API = "127.0.0.1:16443"
_DOMAIN = "cluster.local"


def _manner(command: Callable[..., None]) -> Callable[..., None]:
    """The options that tell how a server is asked."""
    options = (
        click.option(
            "--transport",
            type=click.Choice(TRANSPORTS),
            default=TRANSPORTS[0],
            show_default=True,
            help="over which the queries are sent; both: one in sixteen over TCP",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(0, 30, min_open=True),
            default=PATIENCE,
            show_default=True,
            help="seconds until an answer is late",
        ),
    )
    for option in options:
        command = option(command)
    return command


@told_timeouts("conformance.dns_server")
def main() -> None:
    """Serve a DNS server under test over standard input and output."""


@main.command("coredns")
@click.option("--binary", default="coredns", show_default=True, help="a path, or a name on PATH")
@click.option("--corefile", default="", help="a Corefile of your own")
@click.option("--pods", default="", help="disabled, insecure or verified; default: CoreDNS's own")
@click.option("--ttl", type=int, help="of records, in seconds; default: CoreDNS's own")
@click.option("--kubernetes", default="", help="more options of the plugin, divided by ;")
@click.option("--plugins", default="", help="more plugins, divided by ;")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="default: any that is free")
@_manner
@click.pass_obj
def coredns(timeouts: Timeouts, /, transport: str, timeout: float, **options: Any) -> None:
    """Unmodified CoreDNS, a process for each cluster domain."""

    def made(folder: Path) -> Any:
        from conformance.dns_server.adapter import Manner, StartedServers

        manner = Manner(transport=transport, patience=timeout, seconds=_taken_up(timeouts))
        return StartedServers(CoreDns(**options), folder=folder, manner=manner)

    _serve(made)


@main.command("dns")
@click.option("--server", default="", help="ADDRESS:PORT of a server that runs")
@click.option("--api", default=_API, show_default=True, help="ADDRESS:PORT at which it finds the API")
@click.option("--kubeconfig", default="", help="a file to be written for it")
@click.option("--domain", default=_DOMAIN, show_default=True, help="its cluster domain")
@click.option("--command", default="", help="starts a server, in place of one that runs")
@click.option(
    "--pods", type=click.Choice(("", "verified")), default="", help="it answers for pods it has seen"
)
@_manner
@click.pass_obj
def dns(
    timeouts: Timeouts,
    server: str,
    api: str,
    kubeconfig: str,
    domain: str,
    command: str,
    pods: str,
    transport: str,
    timeout: float,
) -> None:
    """A DNS server of your own, which runs or is started."""

    def made(folder: Path) -> Any:
        from conformance.dns_server.adapter import GivenServer, Manner, StartedServers
        from conformance.dns_server.servers import Given

        manner = Manner(transport=transport, patience=timeout, seconds=_taken_up(timeouts))
        if bool(server) is bool(command):
            raise UsageError("either `server` or `command` is needed", where="options of dns")
        if command:
            return StartedServers(Own(command, pods=bool(pods)), folder=folder, manner=manner)
        given = Given(
            _address(server, "server"),
            api=_address(api, "api"),
            kubeconfig_path=kubeconfig,
            pods=bool(pods),
            seconds=manner.seconds,
        )
        return GivenServer(given, domain=domain.rstrip("."), manner=manner)

    _serve(made)


def _taken_up(timeouts: Timeouts) -> float:
    """Seconds until a state has to be taken up: less than anybody waits for it."""
    return _TAKEN_UP * min(timeouts.apply, timeouts.start)


def _address(text: str, option: str) -> Address:
    """ADDRESS:PORT, an IPv6 address in brackets."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        is_ipv6 = ip_address(bare).version == 6
        number = int(port)
    except ValueError:
        is_ipv6, number = False, 0
    if not colon or not 0 < number < 65536 or is_ipv6 is (bare == host):
        raise UsageError(
            f"{text!r} is no ADDRESS:PORT",
            where=f"option {option} of dns",
            hint="as 127.0.0.1:5353 or [::1]:5353",
        )
    return bare, number


def _serve(make: Callable[[Path], Any]) -> None:
    signal.signal(signal.SIGTERM, _end)
    try:
        with tempfile.TemporaryDirectory(prefix="kube-service-conformance-") as folder:
            code = _served(make, Path(folder))
    except UsageError as error:
        click.echo(f"error: {error}", err=True)
        code = 2
    sys.exit(code)


def _end(number: int, _: object) -> None:
    """Take away what there is, as at any other end; once."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _served(make: Callable[[Path], Any], folder: Path) -> int:
    from conformance.adapters.serve import serve

    # A program that is ended in the middle of a request is no error of the server's.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    # What anything else writes to standard output must not get between the answers.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        adapter = make(folder)
        try:
            prove = getattr(adapter, "prove", None)
            if prove is not None:
                prove()
            serve(adapter, sys.stdin.buffer, answers)
        finally:
            adapter.close()
    return 0


if __name__ == "__main__":
    main(prog_name="conformance.dns_server")
