# SPDX-License-Identifier: Apache-2.0
"""What a message has besides its answer section."""

from __future__ import annotations

import pytest
from attrs import evolve

from reference.dns import NODATA, compile, fact, message
from reference.dns.messages import authority, ttl_of
from reference.objects import Cluster, ClusterSettings, DNSServer
from reference.questions import Answer, Query, Rcode, Record
from tests.dns.samples import CLUSTER, Z


def told(name: str, kind: str = "A", *, server: DNSServer | None = None) -> Answer:
    """The whole message that answers a query; the name is complete."""
    cluster = evolve(CLUSTER, settings=ClusterSettings(dns_server=server))
    zone = compile(cluster)
    query = Query(name, kind)
    return message(zone, query, zone.resolve(query))


def ttls(answer: Answer) -> set[int | None]:
    """The times to live of the answer section."""
    return {record.ttl for record in answer.records}


@pytest.mark.parametrize("ttl", [0, 30, 3600])
def test_times_to_live(ttl: int) -> None:
    """All records have the time to live that is set, but for the version, which has its own."""
    server = DNSServer(ttl=ttl)
    for name, kind in (
        (f"web.n.svc.{Z}", "A"),
        (f"_cql._tcp.cassandra.n.svc.{Z}", "SRV"),
        ("1.0.96.10.in-addr.arpa", "PTR"),
        (f"my-database.n.svc.{Z}", "CNAME"),
    ):
        assert ttls(told(name, kind, server=server)) == {ttl}, name
    assert ttls(told(f"dns-version.{Z}", "TXT", server=server)) == {28800}


def test_usual_time_to_live() -> None:
    """Five seconds are set where nothing is said."""
    assert ttls(told(f"web.n.svc.{Z}")) == {5}


def test_records_of_other_zones_have_no_known_time_to_live() -> None:
    """What somebody else's server says is not foretold."""
    zone = compile(Cluster())
    answer = Answer(Rcode.NOERROR, frozenset({Record("www.example.com", "A", "192.0.2.1")}))
    assert ttls(message(zone, Query("www.example.com", "A"), answer)) == {None}


@pytest.mark.parametrize(("ttl", "shown"), [(0, 0), (300, 300), (301, 300), (3600, 300)])
def test_authority_of_negative_answers(ttl: int, shown: int) -> None:
    """An answer without records has the SOA record of its zone, whose own time to live has a limit."""
    for name, kind in (
        (f"gone.n.svc.{Z}", "A"),
        (f"web.n.svc.{Z}", "AAAA"),
        (f"gone.n.svc.{Z}", "SOA"),
    ):
        answer = told(name, kind, server=DNSServer(ttl=ttl))
        (soa,) = tuple(answer.authority or ())
        assert (soa.name, soa.type, soa.ttl) == (Z, "SOA", shown)
        assert soa.data == f"ns.dns.{Z} hostmaster.{Z} 0 7200 1800 86400 {ttl}"
    assert told(f"web.n.svc.{Z}").authority == frozenset()


def test_authority_is_that_of_the_zone_that_is_asked() -> None:
    """Reverse zones have one of their own, and the letter case is that of the query."""
    (soa,) = tuple(told("9.9.9.9.in-addr.arpa", "PTR").authority or ())
    assert (soa.name, soa.data.split()[0]) == ("in-addr.arpa", "ns.dns.in-addr.arpa")
    upper = authority(compile(CLUSTER), Query(f"GONE.n.svc.{Z.upper()}", "A"))
    assert (upper.name, upper.data.split()[1]) == (Z.upper(), f"hostmaster.{Z.upper()}")


def test_serials_are_not_compared() -> None:
    """Two SOA records that differ in the serial state the same."""
    one, two = (Record(Z, "SOA", f"ns.dns.{Z}. hostmaster.{Z}. {serial} 1 2 3 4") for serial in (7, 8))
    assert fact(one) == fact(two)
    assert fact(one).data == f"ns.dns.{Z} hostmaster.{Z} 1 2 3 4"


def test_authoritative_flag() -> None:
    """Set in all that the server says of its zones, and not where it refuses."""
    assert told(f"web.n.svc.{Z}").authoritative is True
    assert told(f"gone.n.svc.{Z}").authoritative is True
    assert told("www.example.com").authoritative is False
    assert told(Z, "AXFR").authoritative is False


def test_additional_addresses() -> None:
    """SRV records come with the addresses of their targets, of both families; other types with none."""
    answer = told(f"_http._tcp.dual.n.svc.{Z}", "SRV")
    assert {(each.name, each.data) for each in answer.additional or ()} == {
        (f"dual.n.svc.{Z}", "10.96.0.3"),
        (f"dual.n.svc.{Z}", "fd00::3"),
    }
    assert told(f"dual.n.svc.{Z}").additional == frozenset()


def test_what_is_said_already_stays() -> None:
    """A message keeps what it has been given."""
    zone, query = compile(CLUSTER), Query(f"web.n.svc.{Z}", "AAAA")
    given = evolve(NODATA, authoritative=False, authority=frozenset(), additional=frozenset())
    made = message(zone, query, given)
    assert (made.authoritative, made.authority, made.additional) == (False, frozenset(), frozenset())
    assert made.repeated == frozenset()


def test_the_rest_of_a_message_is_not_compared() -> None:
    """Answers are equal by their code and records."""
    assert told(f"gone.n.svc.{Z}") == Answer(Rcode.NXDOMAIN)
    assert ttl_of(compile(CLUSTER), "A") == 5
