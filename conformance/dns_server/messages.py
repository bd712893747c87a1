# SPDX-License-Identifier: Apache-2.0
"""Queries and answers as messages: written and read by dnspython, and checked as a resolver would.

Source: RFC 1035 section 4, RFC 5452 section 4 (what has to agree before an answer is
taken for one), RFC 2181 section 9 (truncation).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from zlib import crc32

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.rdataclass import RdataClass
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.SRV import SRV
from dns.rdtypes.nsbase import NSBase

from conformance.outcomes import Garbage, WrongShape
from reference.questions import Answer, Query, Rcode, Record

OPERATION = "resolve"
HEADER = 12
"""Octets that every message has."""
_TRUNCATED = 0x02
"""The bit TC of the third octet."""
_RCODES = {rcode.value: rcode for rcode in Rcode}
_REMEMBERED = 8192


class TruncatedError(Exception):
    """The whole answer is to be had over TCP only."""


@lru_cache(_REMEMBERED)
def body_of(query: Query) -> bytes:
    """The message that asks a query, without the two octets of its id."""
    try:
        name = dns.name.from_text(query.name)
        message = dns.message.make_query(name, query.type, use_edns=False)
        return message.to_wire()[2:]
    except (dns.exception.DNSException, ValueError) as error:
        raise WrongShape(OPERATION, f"{worded(query)} cannot be asked: {error}") from error


def id_of(wire: bytes) -> int:
    """The id of a message."""
    return int.from_bytes(wire[:2], "big")


def worded(query: Query) -> str:
    """A query in words."""
    return f"{query.type} {query.name}"


def over_tcp(query: Query) -> bool:
    """Whether a query is one of those that are asked over TCP at once: one in sixteen, always the same."""
    return crc32(f"{query.type} {query.name}".encode()) % 16 == 0


def asks(wire: bytes, query: Query) -> bool:
    """Whether a message, whatever its id, repeats the question of a query."""
    asked = body_of(query)[HEADER - 2 :]
    return wire[HEADER : HEADER + len(asked)].lower() == asked.lower()


def answer_of(query: Query, wire: bytes, *, complete: bool = False) -> Answer:
    """The answer that a message gives to a query; the id has been seen to.

    TruncatedError where it says that it is cut off, unless it should be `complete`.  A
    message that cannot be read is Garbage, one that is no answer to the query WrongShape.
    """
    return _answer_of(query, wire[2:], complete)


# The same few names are asked again and again, and equal messages are equal answers.
@lru_cache(_REMEMBERED)
def _answer_of(query: Query, body: bytes, complete: bool) -> Answer:
    if len(body) < HEADER - 2:
        raise Garbage(OPERATION, f"{worded(query)}: a malformed message of {len(body) + 2} octets")
    if body[0] & _TRUNCATED and not complete:
        if not body[0] & 0x80 or not asks(b"\0\0" + body, query):
            raise WrongShape(OPERATION, f"{worded(query)}: a truncated message that is no answer to it")
        raise TruncatedError
    try:
        message = dns.message.from_wire(b"\0\0" + body, one_rr_per_rrset=True)
    except (dns.exception.DNSException, ValueError, IndexError) as error:
        reason = str(error) or type(error).__name__
        raise Garbage(OPERATION, f"{worded(query)}: a malformed message: {reason}") from error
    problem = _problem(query, message)
    if problem:
        raise WrongShape(OPERATION, f"{worded(query)}: {problem}")
    records = list(_records(message.answer))
    return Answer(
        _RCODES[dns.rcode.to_text(message.rcode())],
        frozenset(records),
        authoritative=bool(message.flags & dns.flags.AA),
        authority=frozenset(_records(message.authority)),
        additional=frozenset(_records(message.additional)),
        repeated=frozenset(record for record, count in Counter(records).items() if count > 1),
    )


def _problem(query: Query, message: dns.message.Message) -> str:
    """Why a message is no answer to a query; empty if it is one."""
    if not message.flags & dns.flags.QR:
        return "the message that came back is a query"
    if message.opcode() != dns.opcode.QUERY:
        return f"the answer is to another kind of request, {dns.opcode.to_text(message.opcode())}"
    if message.flags & dns.flags.TC:
        return "the answer is truncated, over TCP as well"
    rcode = dns.rcode.to_text(message.rcode())
    if rcode not in _RCODES:
        return f"the response code is {rcode}, which no query has for an answer"
    if len(message.question) != 1:
        return f"the answer repeats {len(message.question)} questions ({rcode})"
    (asked,) = message.question
    name = dns.name.from_text(query.name)
    kind = dns.rdatatype.to_text(asked.rdtype)
    if (asked.name, kind, asked.rdclass) != (name, query.type, RdataClass.IN):
        return f"the answer is to another question, {kind} {_plain(asked.name)}"
    stray = next((rrset for rrset in message.answer if rrset.rdclass != RdataClass.IN), None)
    if stray is not None:
        return f"a record of another class: {stray}"
    return ""


def _records(section: Iterable[dns.rrset.RRset]) -> Iterator[Record]:
    """The records of a section, each as often as it is there; OPT is none of them."""
    for rrset in section:
        kind = dns.rdatatype.to_text(rrset.rdtype)
        for rdata in rrset:
            yield Record(_plain(rrset.name), kind, _data(rdata), rrset.ttl)


def _data(rdata: dns.rdata.Rdata) -> str:
    """The text of the data, as `Record` has it."""
    if isinstance(rdata, NSBase):  # and CNAME, PTR and DNAME
        return _plain(rdata.target)
    if isinstance(rdata, SRV):
        fields = rdata.priority, rdata.weight, rdata.port, _plain(rdata.target)
        return " ".join(map(str, fields))
    if isinstance(rdata, SOA):
        names = _plain(rdata.mname), _plain(rdata.rname)
        numbers = rdata.serial, rdata.refresh, rdata.retry, rdata.expire, rdata.minimum
        return " ".join(map(str, (*names, *numbers)))
    if isinstance(rdata, TXT):
        return b"".join(rdata.strings).decode("utf-8", "backslashreplace")
    return rdata.to_text()


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)
