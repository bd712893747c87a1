# SPDX-License-Identifier: Apache-2.0
"""A cluster DNS server that watches an API and answers by the model, or wrongly where it is told to.

python -m tests.dns_server.tiny_dns KUBECONFIG ADDRESS PORT DOMAIN [FAULT]

The faults show in all names but those of the canary, unless they are said to be in `all-`.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import yaml

from conformance.convert import cluster_from_plain
from reference.dns import Zone
from reference.objects import Cluster, ClusterSettings
from reference.questions import Query, Record

Object = dict[str, Any]
Key = tuple[str, str, str]

_PATHS = (
    "/api/v1/namespaces",
    "/api/v1/services",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/api/v1/pods",
)
_NAMES = ("CNAME", "PTR", "NS", "SRV")
_LATE = 0.45
"""Seconds: more than tests wait for."""


class World:
    """What has been watched, and the zone made of it."""

    def __init__(self, domain: str) -> None:
        self._settings = ClusterSettings(cluster_domain=domain)
        self._objects: dict[Key, Object] = {}
        self._zone: Zone | None = None
        self._lock = threading.Lock()

    def take(self, kind: str, item: Object) -> None:
        """An event."""
        meta = item["metadata"]
        key = item["kind"], meta.get("namespace", ""), meta["name"]
        with self._lock:
            if kind == "DELETED":
                self._objects.pop(key, None)
            else:
                self._objects[key] = item
            self._zone = None

    def zone(self) -> Zone:
        """The present zone."""
        with self._lock:
            if self._zone is None:
                found = cluster_from_plain({"objects": list(self._objects.values())})
                self._zone = Zone(
                    Cluster(
                        settings=self._settings,
                        namespaces=found.namespaces,
                        pods=found.pods,
                        services=found.services,
                        endpoint_slices=found.endpoint_slices,
                    )
                )
            return self._zone


def watch(server: str, path: str, world: World) -> None:
    """Tell the world of all that there is, and of each change."""
    connection = http.client.HTTPConnection(server)
    connection.request("GET", path)
    found = json.load(connection.getresponse())
    for item in found["items"]:
        world.take("ADDED", item)
    connection.request("GET", f"{path}?watch=true&resourceVersion={found['metadata']['resourceVersion']}")
    for line in connection.getresponse():
        event = json.loads(line)
        world.take(event["type"], event["object"])
    os._exit(0)  # the API is gone


def response_to(wire: bytes, world: World) -> dns.message.Message:
    """The right answer to a query."""
    query = dns.message.from_wire(wire)
    (asked,) = query.question
    name, kind = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
    found = world.zone().resolve(Query(name, kind))
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    response.set_rcode(dns.rcode.from_text(found.rcode.value))
    response.answer.extend(map(rrset_of, sorted(found.records)))
    return response


def rrset_of(record: Record) -> dns.rrset.RRset:
    """A record as it is sent."""
    dot = "." if record.type in _NAMES else ""
    return dns.rrset.from_text(f"{record.name}.", 5, "IN", record.type, f"{record.data}{dot}")


def answered(wire: bytes, world: World, fault: str) -> Iterator[bytes]:
    """What is sent for a query."""
    response = response_to(wire, world)
    (asked,) = response.question
    name = asked.name.to_text()
    if "canary-" in name:
        fault = fault.removeprefix("all-") if fault.startswith("all-") else ""
    right = response.to_wire()
    if fault == "silent":
        return
    if fault == "late":
        time.sleep(_LATE)
    elif fault == "truncated":
        response.answer.clear()
        response.flags |= dns.flags.TC
        right = response.to_wire()
    elif fault == "wrong-id":
        right = bytes([right[0] ^ 0xFF]) + right[1:]
    elif fault == "malformed":
        right = right[:-3]
    elif fault == "another-question":
        other = dns.message.make_query(f"other.{name}", asked.rdtype, id=response.id)
        right = dns.message.make_response(other).to_wire()
    elif fault == "circle":
        response.answer[:] = [
            dns.rrset.from_text(name, 5, "IN", "CNAME", f"a.{name}"),
            dns.rrset.from_text(f"a.{name}", 5, "IN", "CNAME", name),
        ]
        right = response.to_wire()
    elif fault == "dies":
        os._exit(7)
    yield right


def over_udp(where: tuple[str, int], world: World, fault: str) -> None:
    """Answer datagrams, each in a thread of its own if some are slow."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(where)

        def reply(wire: bytes, who: Any) -> None:
            for message in answered(wire, world, fault):
                sock.sendto(message, who)

        while True:
            wire, who = sock.recvfrom(65535)
            if "late" in fault:
                threading.Thread(target=reply, args=(wire, who), daemon=True).start()
            else:
                reply(wire, who)


def over_tcp(where: tuple[str, int], world: World, fault: str) -> None:
    """Answer one query of each connection, and never cut it off."""
    with socket.create_server(where) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                length = int.from_bytes(connection.recv(2), "big")
                for message in answered(connection.recv(length), world, fault.replace("truncated", "")):
                    connection.sendall(len(message).to_bytes(2, "big") + message)


def main(path: str, address: str, port: str, domain: str, fault: str = "") -> None:
    """Serve until the API is gone."""
    while not Path(path).exists():  # whoever serves the API writes it
        time.sleep(0.01)
    server = urlsplit(yaml.safe_load(Path(path).read_text())["clusters"][0]["cluster"]["server"]).netloc
    world = World(domain)
    print("serving", domain, flush=True)
    targets = [(watch, (server, each, world)) for each in _PATHS]
    where = address, int(port)
    threads = [threading.Thread(target=work, args=given, daemon=True) for work, given in targets]
    threads += [
        threading.Thread(target=work, args=(where, world, fault), daemon=True)
        for work in (over_udp, over_tcp)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
