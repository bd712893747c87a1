# SPDX-License-Identifier: Apache-2.0
"""A service proxy in a hundred lines, as the worked example of a program that is judged.

    python tiny_proxy.py KUBECONFIG NODE

watches Services and EndpointSlices, translates cluster IPs of TCP ports by nftables, and
answers health checks.  It knows no node ports, no policies and no affinity.  It needs
nothing of the suite.
"""

from __future__ import annotations

import http.client
import json
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

Object = dict[str, Any]
SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"


def watch(server: str, path: str, changes: queue.Queue[tuple[str, str, Object]]) -> None:
    """Tell of each object that there is, and of each that comes, changes or goes."""
    connection = http.client.HTTPConnection(server)
    connection.request("GET", path)
    found = json.load(connection.getresponse())
    for item in found["items"]:
        changes.put((path, "ADDED", item))
    connection.request("GET", f"{path}?watch=true&resourceVersion={found['metadata']['resourceVersion']}")
    for line in connection.getresponse():
        event = json.loads(line)
        changes.put((path, event["type"], event["object"]))


def endpoints(service: Object, slices: list[Object], port: str, family: str) -> Iterator[tuple[Object, int]]:
    """The ready endpoints of a service port, each with its port number."""
    wanted = service["metadata"]["namespace"], service["metadata"]["name"]
    for item in slices:
        labels = item["metadata"].get("labels", {})
        owner = item["metadata"]["namespace"], labels.get("kubernetes.io/service-name")
        if owner == wanted and item["addressType"] == family:
            numbers = [each["port"] for each in item["ports"] if each["name"] == port and each.get("port")]
            for endpoint in item["endpoints"]:
                if endpoint.get("conditions", {}).get("ready", True):
                    yield from ((endpoint, number) for number in numbers)


def table(services: list[Object], slices: list[Object], family: str) -> str:
    """The rules for a family: an endpoint by chance, and a way back for whoever reaches itself."""
    word = "ip" if family == "IPv4" else "ip6"
    rules, own = [], set()
    for service in services:
        for ip in service["spec"].get("clusterIPs", ()):
            for port in service["spec"].get("ports", ()):
                if ip == "None" or (":" in ip) != (word == "ip6") or port.get("protocol", "TCP") != "TCP":
                    continue
                name = port.get("name", "")
                targets = {(e["addresses"][0], n) for e, n in endpoints(service, slices, name, family)}
                own |= {address for address, _ in targets}
                for left, (address, number) in zip(range(len(targets), 0, -1), sorted(targets), strict=True):
                    chance = f"numgen random mod {left} 0" if left > 1 else ""
                    shown = f"[{address}]" if word == "ip6" else address
                    match = f"{word} daddr {ip} tcp dport {port['port']} {chance}"
                    rules.append(f"{match} dnat to {shown}:{number}")
    back = [f"{word} saddr {ip} {word} daddr {ip} masquerade" for ip in sorted(own)]
    lines = "\n".join
    return f"""
add table {word} tiny
delete table {word} tiny
table {word} tiny {{
  chain services {{\n{lines(rules)}\n}}
  chain arriving {{ type nat hook prerouting priority -100; jump services; }}
  chain own {{ type nat hook output priority -100; jump services; }}
  chain leaving {{ type nat hook postrouting priority 100;\n{lines(back)}\n}}
}}
"""


class Health:
    """The servers of health check node ports; they answer what the kernel was last told."""

    class Server(ThreadingHTTPServer):
        """Of both families."""

        address_family = socket.AF_INET6
        daemon_threads = True

    def __init__(self) -> None:
        self.servers: dict[int, ThreadingHTTPServer] = {}
        self.answers: dict[int, Object] = {}

    def serve(self, answers: dict[int, Object]) -> None:
        """Answer at these ports, and at no other."""
        self.answers = answers
        for port in self.servers.keys() - answers.keys():
            self.servers[port].shutdown()
            self.servers.pop(port).server_close()
        for port in answers.keys() - self.servers.keys():
            server = self.servers[port] = self.Server(("::", port), partial(Handler, self, port))
            threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    """One health check."""

    def __init__(self, health: Health, port: int, *arguments: Any) -> None:
        self.answer = health.answers.get(port, {})
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """200 where there is a local endpoint, else 503."""
        body = json.dumps(self.answer).encode()
        self.send_response(200 if self.answer.get("localEndpoints") else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def health_checks(services: list[Object], slices: list[Object], node: str) -> dict[int, Object]:
    """What is to be answered at each health check node port."""
    found = {}
    for service in services:
        number = service["spec"].get("healthCheckNodePort")
        if number:
            families = service["spec"].get("ipFamilies", ["IPv4"])
            ready = [
                endpoint["addresses"][0]
                for port in service["spec"]["ports"]
                for family in families
                for endpoint, _ in endpoints(service, slices, port.get("name", ""), family)
                if endpoint.get("nodeName") == node
            ]
            owner = {key: service["metadata"][key] for key in ("namespace", "name")}
            found[number] = {"service": owner, "localEndpoints": len(set(ready))}
    return found


def main(kubeconfig: str, node: str) -> None:
    """Follow the API until the end."""
    server = yaml.safe_load(Path(kubeconfig).read_text())["clusters"][0]["cluster"]["server"]
    changes: queue.Queue[tuple[str, str, Object]] = queue.Queue()
    for path in (SERVICES, SLICES):
        arguments = (urlsplit(server).netloc, path, changes)
        threading.Thread(target=watch, args=arguments, daemon=True).start()
    known: dict[str, dict[str, Object]] = {SERVICES: {}, SLICES: {}}
    health = Health()
    while True:
        change = changes.get()
        time.sleep(0.005)  # what comes together is done together
        while True:
            path, kind, item = change
            key = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
            known[path].pop(key, None)
            if kind != "DELETED":
                known[path][key] = item
            if changes.empty():
                break
            change = changes.get()
        services, slices = list(known[SERVICES].values()), list(known[SLICES].values())
        rules = table(services, slices, "IPv4") + table(services, slices, "IPv6")
        subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
        health.serve(health_checks(services, slices, node))


if __name__ == "__main__":
    main(*sys.argv[1:])
