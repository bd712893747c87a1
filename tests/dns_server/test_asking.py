# SPDX-License-Identifier: Apache-2.0
"""Whatever a server does in place of answering has an end, and an outcome of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.opcode
import pytest

from conformance.dns_server.asking import IN_FLIGHT, Asker
from conformance.dns_server.messages import over_tcp
from conformance.outcomes import AdapterFailure, Crash, Flood, Garbage, Hang, WrongShape
from reference.questions import Answer, Query, Rcode, Record
from tests.dns_server import fakes
from tests.dns_server.fakes import Reply, Sent

PATIENCE = 0.3
QUERY = Query("web.default.svc.cluster.local", "A")
RIGHT = Answer(Rcode.NOERROR, frozenset({Record(QUERY.name, "A", "192.0.2.1")}))


def asked(reply: Reply, *, tcp: Reply | None = fakes.right, transport: str = "udp") -> Answer:
    """The answer of a server."""
    with fakes.served(reply, tcp) as where:
        (found,) = Asker(where, patience=PATIENCE, transport=transport).ask([QUERY])
    return found


def failure(reply: Reply, *, tcp: Reply | None = fakes.right, transport: str = "udp") -> AdapterFailure:
    """What a server that gives no answer is told; it takes no longer than two waits."""
    started = time.monotonic()
    with pytest.raises(AdapterFailure) as caught:
        asked(reply, tcp=tcp, transport=transport)
    assert time.monotonic() - started < 2 * PATIENCE + 1
    assert caught.value.operation == "resolve"
    assert "A web.default.svc.cluster.local" in caught.value.message
    return caught.value


def silent(wire: bytes) -> Iterator[Sent]:
    """Gives no answer."""
    return iter(())


def late(wire: bytes) -> Iterator[Sent]:
    """Answers each attempt rightly, and too late."""
    yield Sent(fakes.address(wire), after=1.5 * PATIENCE)


def to_another_question(wire: bytes) -> Iterator[Sent]:
    """Answers what was not asked."""
    other = dns.message.make_query("db.default.svc.cluster.local.", "A", id=int.from_bytes(wire[:2], "big"))
    yield Sent(fakes.address(other.to_wire()))


def to_another_type(wire: bytes) -> Iterator[Sent]:
    """Answers for the name, and another type."""
    other = dns.message.make_query(f"{QUERY.name}.", "AAAA", id=int.from_bytes(wire[:2], "big"))
    yield Sent(fakes.answer(other.to_wire()))


def to_no_question(wire: bytes) -> Iterator[Sent]:
    """Leaves the question out."""
    response = dns.message.make_response(dns.message.from_wire(wire))
    response.question.clear()
    yield Sent(response.to_wire())


def a_query(wire: bytes) -> Iterator[Sent]:
    """Sends back what it got."""
    yield Sent(wire)


def of_another_kind(wire: bytes) -> Iterator[Sent]:
    """Answers as if it were notified."""
    response = dns.message.from_wire(fakes.address(wire))
    response.set_opcode(dns.opcode.NOTIFY)
    yield Sent(response.to_wire())


def with_a_strange_code(wire: bytes) -> Iterator[Sent]:
    """Says that a name exists which should not."""
    yield Sent(fakes.answer(wire, rcode="YXDOMAIN"))


def of_another_class(wire: bytes) -> Iterator[Sent]:
    """Gives a record of the class HS."""
    text = fakes.address(wire)
    # Type and class of the record stand behind the pointer to its name.
    place = text.rindex(b"\xc0\x0c") + 4
    yield Sent(text[:place] + b"\0\4" + text[place + 2 :])


def cut_short(wire: bytes) -> Iterator[Sent]:
    """Ends in the middle of a record."""
    yield Sent(fakes.address(wire)[:-2])


def with_more_behind(wire: bytes) -> Iterator[Sent]:
    """Has octets behind its end."""
    yield Sent(fakes.address(wire) + b"more")


def half_a_header(wire: bytes) -> Iterator[Sent]:
    """Sends seven octets."""
    yield Sent(wire[:7])


def no_id_even(wire: bytes) -> Iterator[Sent]:
    """Sends one octet."""
    yield Sent(b"?")


def with_a_wrong_id(wire: bytes) -> Iterator[Sent]:
    """Answers with another id, each time."""
    yield Sent(bytes([wire[0] ^ 0xFF]) + fakes.address(wire)[1:])


def without_end(wire: bytes) -> Iterator[Sent]:
    """Sends the same for ever, with an id that nobody knows."""
    for number in range(6000):
        yield from with_a_wrong_id(wire)
        if number % 50 == 0:
            time.sleep(0.01)  # what comes faster than it is read is lost on the way


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (silent, Hang, "no answer within 0.3 s, asked 2 times"),
        (late, Hang, "an answer after 0.[45] s, 0.3 s is the limit"),
        (to_another_question, WrongShape, "to another question, A db.default.svc.cluster.local"),
        (to_another_type, WrongShape, "to another question, AAAA web.default.svc.cluster.local"),
        (to_no_question, WrongShape, "repeats 0 questions"),
        (a_query, WrongShape, "the message that came back is a query"),
        (of_another_kind, WrongShape, "to another kind of request, NOTIFY"),
        (with_a_strange_code, WrongShape, "the response code is YXDOMAIN, which no query has"),
        (of_another_class, WrongShape, "a record of another class"),
        (cut_short, Garbage, "a malformed message"),
        (with_more_behind, Garbage, "a malformed message"),
        (half_a_header, Garbage, "a malformed message of 7 octets"),
        (no_id_even, Garbage, "a malformed message of 1 octets alone"),
        (with_a_wrong_id, WrongShape, r"an answer with the wrong id, \d+ for \d+, and no other"),
    ],
)
def test_what_is_no_answer_over_udp(reply: Reply, kind: type[AdapterFailure], reason: str) -> None:
    """Each has its own outcome and says what it was, within two waits."""
    found = failure(reply)
    assert type(found) is kind
    assert re.search(reason, found.message), found.message


def test_a_flood() -> None:
    """Messages that nobody waits for come to an end."""
    with fakes.served(without_end) as where, pytest.raises(Flood, match="messages that nobody waits for"):
        Asker(where, patience=25, transport="udp").ask([QUERY])


def test_nobody_is_there() -> None:
    """Where nobody listens, that is told at once and not waited for."""
    with fakes.served(silent) as where:
        pass
    for transport, reason in (("udp", "nobody is listening"), ("tcp", "Connection refused")):
        started = time.monotonic()
        with pytest.raises(Crash, match=reason):
            Asker(where, transport=transport).ask([QUERY])
        assert time.monotonic() - started < 1


def test_answers_that_are_ignored() -> None:
    """A wrong id, half a message, or a second answer do not keep the right one from counting."""

    def noisy(wire: bytes) -> Iterator[Sent]:
        yield from with_a_wrong_id(wire)
        yield from no_id_even(wire)
        yield from fakes.right(wire)
        yield from fakes.right(wire)

    assert asked(noisy) == RIGHT


def test_a_datagram_that_is_lost() -> None:
    """A query is sent a second time, and then answered."""
    seen = []

    def forgetful(wire: bytes) -> Iterator[Sent]:
        seen.append(wire)
        return fakes.right(wire) if len(seen) == 2 else iter(())

    assert asked(forgetful) == RIGHT
    assert seen[0][2:] == seen[1][2:]
    assert seen[0][:2] != seen[1][:2]


# -- TCP -----------------------------------------------------------------------------


def test_what_is_cut_off_comes_over_tcp() -> None:
    """A truncated answer is asked for again over TCP, whatever the transport."""
    assert asked(fakes.truncated) == RIGHT


def test_over_tcp_alone() -> None:
    """With `tcp` nothing is sent over UDP."""
    assert asked(silent, transport="tcp") == RIGHT


def closing(wire: bytes) -> Iterator[Sent]:
    """Closes the connection."""
    return iter(())


def waiting(wire: bytes) -> Iterator[Sent]:
    """Keeps the connection, and says nothing for long."""
    yield Sent(b"", after=10)


@pytest.mark.parametrize(
    ("tcp", "kind", "reason"),
    [
        (None, Crash, "Connection refused"),
        (closing, Garbage, "the TCP connection was closed instead of answering"),
        (waiting, Hang, "no answer over TCP within 0.3 s"),
        (fakes.truncated, WrongShape, "the answer is truncated, over TCP as well"),
        (with_a_wrong_id, WrongShape, "an answer with the wrong id over TCP"),
        (cut_short, Garbage, "a malformed message"),
        (half_a_header, Garbage, "a malformed message of 7 octets"),
        (to_another_question, WrongShape, "to another question"),
    ],
)
def test_what_is_no_answer_over_tcp(tcp: Reply | None, kind: type[AdapterFailure], reason: str) -> None:
    """The same over TCP, where the first message has to be the answer."""
    found = failure(fakes.truncated, tcp=tcp)
    assert type(found) is kind
    assert reason in found.message


def test_some_are_asked_over_tcp() -> None:
    """One query in sixteen, the same in each run, is asked over TCP at once."""
    queries = [Query(f"name-{number}.default.svc.cluster.local", "A") for number in range(320)]
    chosen = [query for query in queries if over_tcp(query)]
    assert 10 <= len(chosen) <= 30
    with fakes.served(fakes.right) as where:
        asker = Asker(where)
        answers = asker.ask(queries)
    assert asker.tcp == len(chosen)
    assert [next(iter(answer.records)).name for answer in answers] == [query.name for query in queries]


def test_many_in_flight() -> None:
    """Answers that come in another order than the queries are told apart; no more wait than may."""
    waiting_now: list[bytes] = []
    most = []

    def backwards(wire: bytes) -> Iterator[Sent]:
        """Answers when there are as many as may wait, the last first."""
        waiting_now.append(wire)
        most.append(len(waiting_now))
        if len(waiting_now) == IN_FLIGHT:
            while waiting_now:
                yield Sent(fakes.address(waiting_now.pop()))

    queries = [Query(f"name-{number}.cluster.local", "A") for number in range(2 * IN_FLIGHT)]
    with fakes.served(backwards) as where:
        answers = Asker(where, patience=10, transport="udp").ask(queries)
    assert [next(iter(answer.records)).name for answer in answers] == [query.name for query in queries]
    assert max(most) == IN_FLIGHT
