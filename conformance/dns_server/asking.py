# SPDX-License-Identifier: Apache-2.0
"""Asks a DNS server: many queries at a time over UDP, and over TCP what is cut off.

A server is untrusted.  Whatever it does in place of answering has an end and an outcome
of its own: silence and answers that come too late are a Hang, what cannot be read is
Garbage, an answer to something else or with a wrong id has the WrongShape, and a server
that is not there is a Crash.  A message with a wrong id could be anybody's: it counts
only against a server that sends no other.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

from attrs import define

from conformance.dns_server.messages import (
    HEADER,
    OPERATION,
    TruncatedError,
    answer_of,
    asks,
    body_of,
    id_of,
    over_tcp,
    worded,
)
from conformance.outcomes import Crash, Flood, Garbage, Hang, WrongShape
from reference.questions import Answer, Query

Address = tuple[str, int]

IN_FLIGHT = 64
"""So many queries wait for their answers at a time."""
PATIENCE = 5.0
"""Seconds until an answer is late, as resolvers have it (`timeout` of resolv.conf)."""
_ATTEMPTS = 2
"""How often a query is sent over UDP, which may lose it."""
_STEP = 40503
"""From one id to the next: odd, so that all come, and far, so that an id which is off by one is nobody's."""
_LARGEST = 65535
_MOST_STRAYS = 1000
"""More messages that nobody waits for are a flood."""
_AT_ONCE = 64
"""So many messages are read before the time is looked at."""

TRANSPORTS = ("both", "udp", "tcp")


def family_of(address: Address) -> socket.AddressFamily:
    """The address family of an IP address."""
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def shown(address: Address) -> str:
    """An address as one writes it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@define
class _Flight:
    """A query that was sent and has no answer yet."""

    place: int
    query: Query
    first_sent: float
    sent: float
    ids: list[int]
    """Of each attempt, the last one last."""
    problem: str = ""
    """What came in place of an answer."""


class Asker:
    """Asks one server, for ever anew from other ports.

    `transport` is `udp` or `tcp` (though what is cut off comes over TCP in any case), or
    `both`: one query in sixteen is asked over TCP, always the same.
    """

    def __init__(self, address: Address, *, patience: float = PATIENCE, transport: str = "both") -> None:
        self.address = address
        self._patience = patience
        self._transport = transport
        self._number = 0
        self.tcp = 0
        """How many queries were asked over TCP."""

    def ask(self, queries: Sequence[Query]) -> list[Answer]:
        """The answers, one for each query and in order; an AdapterFailure if there is one that is none."""
        answers: list[Answer | None] = [None] * len(queries)
        over = [self._transport == "tcp" or (self._transport == "both" and over_tcp(q)) for q in queries]
        datagrams = [place for place, tcp in enumerate(over) if not tcp]
        if datagrams:
            batch = _Batch(self, queries, datagrams, answers)
            batch.run()
            for place in batch.truncated:
                over[place] = True
        for place, query in enumerate(queries):
            if over[place]:
                answers[place] = self._over_tcp(query)
        return [answer for answer in answers if answer is not None]

    def next_id(self) -> int:
        """The id of the next message; one comes again after 65,536 others, and none is next to the last."""
        self._number = (self._number + _STEP) % 65536
        return self._number

    @property
    def patience(self) -> float:
        """Seconds until an answer is late."""
        return self._patience

    # -- TCP ---------------------------------------------------------------------

    def _over_tcp(self, query: Query) -> Answer:
        self.tcp += 1
        number = self.next_id()
        end = time.monotonic() + self._patience
        late = f"{worded(query)}: no answer over TCP within {self._patience:g} s"
        message = number.to_bytes(2, "big") + body_of(query)
        try:
            with socket.create_connection(self.address, timeout=self._patience) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(len(message).to_bytes(2, "big") + message)
                length = int.from_bytes(_exactly(connection, 2, end, query), "big")
                wire = _exactly(connection, length, end, query)
        except TimeoutError:
            raise Hang(OPERATION, late) from None
        except OSError as error:
            raise Crash(
                OPERATION, f"{worded(query)}: TCP at {shown(self.address)}: {error.strerror or error}"
            ) from error
        if length >= HEADER and id_of(wire) != number:
            raise WrongShape(OPERATION, f"{worded(query)}: an answer with the wrong id over TCP")
        return answer_of(query, wire, complete=True)


def _exactly(connection: socket.socket, count: int, end: float, query: Query) -> bytes:
    """So many octets from a connection, until `end`."""
    found = bytearray()
    while len(found) < count:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        more = connection.recv(count - len(found))
        if not more:
            what = "in the middle of an answer" if found else "instead of answering"
            raise Garbage(OPERATION, f"{worded(query)}: the TCP connection was closed {what}")
        found += more
    return bytes(found)


class _Batch:
    """Queries over UDP from one socket, until each has an answer or is cut off."""

    def __init__(
        self, asker: Asker, queries: Sequence[Query], places: Iterable[int], answers: list[Answer | None]
    ) -> None:
        self._asker = asker
        self._queries = queries
        self._waiting = deque(places)
        self._answers = answers
        self._flights: dict[int, _Flight] = {}
        self._earlier: dict[int, _Flight] = {}
        # By the ids of earlier attempts.
        self._done: set[int] = set()
        self._strays = 0
        self.truncated: list[int] = []

    def run(self) -> None:
        """Fill in the answers."""
        with socket.socket(family_of(self._asker.address), socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(self._asker.address)
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            while self._waiting or self._flights:
                self._send(sock)
                oldest = next(iter(self._flights.values()), None)
                if oldest is None:
                    continue
                left = oldest.sent + self._asker.patience - time.monotonic()
                if poll.poll(max(0.0, left) * 1000 + 1):
                    self._receive(sock)
                self._give_up(sock)

    def _send(self, sock: socket.socket) -> None:
        while self._waiting and len(self._flights) < IN_FLIGHT:
            place = self._waiting.popleft()
            now = time.monotonic()
            flight = _Flight(place, self._queries[place], now, now, [self._asker.next_id()])
            self._flights[flight.ids[0]] = flight
            self._write(sock, flight)

    def _write(self, sock: socket.socket, flight: _Flight) -> None:
        try:
            sock.send(flight.ids[-1].to_bytes(2, "big") + body_of(flight.query))
        except BlockingIOError:
            return  # as good as lost
        except ConnectionRefusedError as error:
            raise self._nobody() from error

    def _receive(self, sock: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                wire = sock.recv(_LARGEST)
            except BlockingIOError:
                return
            except ConnectionRefusedError as error:
                raise self._nobody() from error
            self._take(wire)

    def _take(self, wire: bytes) -> None:
        number = id_of(wire)
        flight = self._flights.get(number) if len(wire) >= 2 else None
        if flight is None:
            self._stray(number, wire)
            return
        try:
            self._answers[flight.place] = answer_of(flight.query, wire)
        except TruncatedError:
            self.truncated.append(flight.place)
        self._land(flight)

    def _land(self, flight: _Flight) -> None:
        del self._flights[flight.ids[-1]]
        self._done.update(flight.ids)

    def _stray(self, number: int, wire: bytes) -> None:
        """A message that nobody waits for: too late, a second time, or with a wrong id."""
        self._strays += 1
        if self._strays > _MOST_STRAYS + len(self._queries):
            raise Flood(OPERATION, f"more than {self._strays - 1} messages that nobody waits for")
        late = self._earlier.get(number)
        if len(wire) >= HEADER and late is not None and late.ids[-1] in self._flights:
            after = time.monotonic() - late.first_sent
            message = f"{worded(late.query)}: an answer after {after:.1f} s, {self._asker.patience:g} s"
            raise Hang(OPERATION, f"{message} is the limit")
        if number in self._done and len(wire) >= HEADER:
            return
        for flight in self._flights.values():
            if len(wire) < HEADER:
                flight.problem = flight.problem or f"a malformed message of {len(wire)} octets alone"
            elif asks(wire, flight.query):
                flight.problem = f"an answer with the wrong id, {number} for {flight.ids[-1]}, and no other"

    def _give_up(self, sock: socket.socket) -> None:
        """Send again what has had no answer for so long; the second time it is over."""
        now = time.monotonic()
        # In the order in which they were sent.
        for flight in list(islice(self._flights.values(), IN_FLIGHT)):
            if now < flight.sent + self._asker.patience:
                return
            if flight.problem:
                kind = Garbage if "malformed" in flight.problem else WrongShape
                raise kind(OPERATION, f"{worded(flight.query)}: {flight.problem}")
            if len(flight.ids) >= _ATTEMPTS:
                message = f"{worded(flight.query)}: no answer within {self._asker.patience:g} s"
                raise Hang(OPERATION, f"{message}, asked {_ATTEMPTS} times")
            del self._flights[flight.ids[-1]]
            self._earlier[flight.ids[-1]] = flight
            flight.ids.append(self._asker.next_id())
            flight.sent = now
            self._flights[flight.ids[-1]] = flight
            self._write(sock, flight)

    def _nobody(self) -> Crash:
        return Crash(OPERATION, f"nobody is listening at {shown(self._asker.address)} (UDP)")


__all__ = ["PATIENCE", "TRANSPORTS", "Address", "Asker", "family_of", "shown"]
