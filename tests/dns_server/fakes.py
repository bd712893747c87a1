# SPDX-License-Identifier: Apache-2.0
"""DNS servers on loopback that do what they are told, in threads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from attrs import frozen

from conformance.dns_server.asking import Address

Reply = Callable[[bytes], Iterable["Sent"]]
"""What is sent for a query, one after the other."""
LOOPBACK = "127.0.0.1"


@frozen
class Sent:
    """A message, and the seconds to wait before it."""

    wire: bytes
    after: float = 0.0


def answer(wire: bytes, *records: str, rcode: str = "NOERROR", authoritative: bool = True) -> bytes:
    """The answer to a query that has these records, each `name ttl IN type data`."""
    response = dns.message.make_response(dns.message.from_wire(wire))
    response.set_rcode(dns.rcode.from_text(rcode))
    if authoritative:
        response.flags |= dns.flags.AA
    for record in records:
        name, ttl, _, kind, data = record.split(" ", 4)
        response.answer.append(dns.rrset.from_text(name, int(ttl), "IN", kind, data))
    return response.to_wire()


def name_of(wire: bytes) -> str:
    """The name that a query asks for."""
    return dns.message.from_wire(wire).question[0].name.to_text()


def address(wire: bytes, ip: str = "192.0.2.1") -> bytes:
    """The answer that has one address."""
    return answer(wire, f"{name_of(wire)} 5 IN A {ip}")


def right(wire: bytes) -> Iterator[Sent]:
    """Answers as it should."""
    yield Sent(address(wire))


def truncated(wire: bytes) -> Iterator[Sent]:
    """Says over UDP that the answer is to be had over TCP."""
    response = dns.message.make_response(dns.message.from_wire(wire))
    response.flags |= dns.flags.TC
    yield Sent(response.to_wire())


@contextmanager
def served(over_udp: Reply, over_tcp: Reply | None = right) -> Iterator[Address]:
    """The address of a server that answers in these ways; nobody listens for TCP if there is none."""
    stop = threading.Event()
    with (
        socket.create_server((LOOPBACK, 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        where: Address = tcp.getsockname()[:2]
        udp.bind(where)
        threads = [threading.Thread(target=_answer_datagrams, args=(udp, over_udp, stop), daemon=True)]
        if over_tcp is None:
            tcp.close()
        else:
            threads.append(
                threading.Thread(target=_answer_connections, args=(tcp, over_tcp, stop), daemon=True)
            )
        for thread in threads:
            thread.start()
        try:
            yield where
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)


def _answer_datagrams(sock: socket.socket, reply: Reply, stop: threading.Event) -> None:
    sock.settimeout(0.02)
    later: list[tuple[float, bytes, Address]] = []
    while not stop.is_set():
        with suppress(TimeoutError, ConnectionError):
            wire, who = sock.recvfrom(65535)
            now = time.monotonic()
            later += [(now + sent.after, sent.wire, who) for sent in reply(wire)]
        for item in [each for each in later if each[0] <= time.monotonic()]:
            later.remove(item)
            with suppress(ConnectionError):
                sock.sendto(item[1], item[2])


def _answer_connections(sock: socket.socket, reply: Reply, stop: threading.Event) -> None:
    sock.settimeout(0.02)
    while not stop.is_set():
        with suppress(OSError):
            connection, _ = sock.accept()
            with connection:
                connection.settimeout(5)
                length = int.from_bytes(connection.recv(2), "big")
                for sent in reply(connection.recv(length)):
                    if stop.wait(sent.after):
                        return
                    connection.sendall(len(sent.wire).to_bytes(2, "big") + sent.wire)
