# SPDX-License-Identifier: Apache-2.0
"""The rest of CoreDNS's messages: times to live, the flag AA, authority and additional sections.

Where nobody says how the server is set up, any time to live that can be set is right.
"""

from __future__ import annotations

from collections.abc import Iterable

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns.view import Asked, View, asked_in_words, view
from reference.dns import Zone, fact
from reference.dns.facts import without_serial
from reference.dns.messages import TTL_OF_VERSION, additional, authority, ttl_of
from reference.dns.names import REVERSE_ZONES, plain
from reference.dns.soa import LONGEST_TTL_OF_AUTHORITY
from reference.objects import DNSServer
from reference.questions import Answer, Query, Rcode, Record

LONGEST_TTL = 3600
"""In seconds; no longer one can be set (DNS-META-006)."""
OURS = (Rcode.NOERROR, Rcode.NXDOMAIN)


def fail_message(case: Case, rule: str, asked: Asked, expected: str, got: str) -> None:
    """Report a part of a message."""
    case.fail(rule, question=asked_in_words(asked.query), expected=expected, got=got, because=(rule,))


def shown(records: Iterable[Record]) -> str:
    """Records with their times to live, in words."""
    lines = sorted(
        f"{each.name} {'?' if each.ttl is None else each.ttl} {each.type} {each.data}" for each in records
    )
    return "; ".join(lines) or "nothing"


def _untold(case: Case, rule: str, asked: Asked, what: str) -> None:
    fail_message(
        case, rule, asked, f"{what}, as whoever claims the feature dns-messages tells it", "not told"
    )


# -- times to live -------------------------------------------------------------


def _longest(zone: Zone, kind: str) -> int:
    if zone.cluster.settings.dns_server is not None:
        return ttl_of(zone, kind)
    return {"TXT": TTL_OF_VERSION, "SOA": LONGEST_TTL_OF_AUTHORITY}.get(kind, LONGEST_TTL)


def judge_ttls(case: Case, zone: Zone, asked: Asked) -> None:
    """Judge the times to live of the server's own records."""
    known = zone.cluster.settings.dns_server
    exact = known is not None and not known.cached
    answer = asked.answer
    sets: dict[tuple[str, str], set[int]] = {}
    for record in sorted((*answer.records, *(answer.additional or ()))):
        if zone.zone_of(plain(record.name)) is None:
            continue  # of another server
        rule = "DNS-META-002" if record.type == "TXT" else "DNS-META-006"
        most = _longest(zone, record.type)
        case.judged(record.type)
        if record.ttl is None:
            _untold(case, rule, asked, "the times to live")
        elif not 0 <= record.ttl <= most or (exact and record.ttl != most):
            fail_message(
                case, rule, asked, f"a TTL of {'' if exact else 'at most '}{most} seconds", shown([record])
            )
        else:
            sets.setdefault((plain(record.name), record.type), set()).add(record.ttl)
    for (name, kind), ttls in sets.items():
        if len(ttls) > 1:
            fail_message(case, "DNS-META-006", asked, f"one TTL for {name} {kind}", shown(answer.records))


@invariant(
    "dns.coredns-times-to-live",
    kind=Kind.AGREEMENT,
    requirements=("DNS-META-002", "DNS-META-006"),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dns-messages",),
    classes=("A", "SRV", "PTR", "TXT"),
)
def times_to_live(case: Case) -> None:
    """Records have the time to live that is set, or at most the longest that can be; the version has its own.

    All records of a name and type have the same one.
    """
    seen = view(case)
    for asked in seen.asked:
        judge_ttls(case, seen.zone, asked)


# -- records that come twice -----------------------------------------------------


def judge_repeated(case: Case, rule: str, asked: Asked, *classes: str) -> None:
    """Judge that no record of the answer section comes twice."""
    if asked.answer.repeated is None:
        _untold(case, rule, asked, "which records come more than once")
    if asked.answer.records:
        case.judged(*classes)
    if asked.answer.repeated:
        fail_message(case, rule, asked, "each record once", f"more than once: {shown(asked.answer.repeated)}")


@invariant(
    "dns.coredns-no-record-twice",
    kind=Kind.AGREEMENT,
    requirements=("DNS-META-009",),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dns-messages",),
)
def no_record_twice(case: Case) -> None:
    """No record comes twice, however many ports a Service has and slices hold an endpoint."""
    for asked in view(case).asked:
        judge_repeated(case, "DNS-META-009", asked)


# -- the authority section -------------------------------------------------------


def judge_authority(case: Case, zone: Zone, asked: Asked, rule: str = "DNS-NEG-017") -> None:
    """Judge the SOA record of an answer without records, of the server's own forward zones."""
    found = zone.zone_of(plain(asked.query.name))
    answer = asked.answer
    if found is None or found[0] in REVERSE_ZONES or answer.records or answer.rcode not in OURS:
        return
    case.judged("negative")
    if answer.authority is None:
        _untold(case, rule, asked, "the authority section")
        return
    wanted = authority(zone, asked.query)
    known = zone.cluster.settings.dns_server
    soa = next(iter(answer.authority), None)
    expected = f"in the authority section {shown([wanted])}, but for the serial"
    if known is None:
        expected += " and another minimum of up to 3600 seconds, which is also the longest TTL"
    if len(answer.authority) != 1 or soa is None or not _is_right(soa, wanted, known):
        fail_message(case, rule, asked, expected, shown(answer.authority))


def _is_right(soa: Record, wanted: Record, known: DNSServer | None) -> bool:
    got, right = (plain(without_serial(each.data)).split() for each in (soa, wanted))
    if (plain(soa.name), soa.type, got[:-1]) != (plain(wanted.name), wanted.type, right[:-1]):
        return False
    if not got[-1].isdigit() or soa.ttl is None or wanted.ttl is None:
        return False
    minimum = int(got[-1])
    if known is not None:
        exact = soa.ttl == wanted.ttl or (known.cached and soa.ttl <= wanted.ttl)
        return minimum == known.ttl and exact
    return 0 <= minimum <= LONGEST_TTL and 0 <= soa.ttl <= min(minimum, LONGEST_TTL_OF_AUTHORITY)


@invariant(
    "dns.coredns-authority",
    kind=Kind.AGREEMENT,
    requirements=("DNS-NEG-010", "DNS-NEG-017"),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dns-messages",),
    classes=("negative",),
)
def authority_of_negative_answers(case: Case) -> None:
    """An answer without records has the zone's SOA record, also where that is what is asked for."""
    seen = view(case)
    for asked in seen.asked:
        judge_authority(case, seen.zone, asked)
    names = ["no-such", "svc", *(each.name for each in list(seen.zone.index.services.values())[:1])]
    for asked in seen.ask(case, [Query(f"{name}.{seen.zone.name}", "SOA") for name in names]):
        judge_authority(case, seen.zone, asked, "DNS-NEG-010")


def _answered_alone(seen: View, answer: Answer) -> bool:
    """Whether the server itself, and nobody whom it asked, says that a name does not exist."""
    if answer.rcode is not Rcode.NXDOMAIN:
        return False
    own = {*seen.zone.names, *REVERSE_ZONES}
    section = answer.authority or frozenset()
    return any(plain(each.name) in own for each in section) or bool(answer.authoritative and not section)


@invariant(
    "dns.outside-names",
    kind=Kind.AGREEMENT,
    requirements=("DNS-NEG-018",),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dns-messages",),
)
def outside_names(case: Case) -> None:
    """A name outside of the cluster's zones is not denied by the cluster's server itself."""
    seen = view(case)
    names = ["www.example.com", f"{seen.zone.name}.example.com", f"x{seen.zone.name}"]
    for asked in seen.ask(case, [Query(name, "A") for name in names]):
        if asked.answer.authoritative is None or asked.answer.authority is None:
            _untold(case, "DNS-NEG-018", asked, "the flag AA and the authority section")
        case.judged()
        if _answered_alone(seen, asked.answer):
            got = f"NXDOMAIN; in the authority section {shown(asked.answer.authority or ())}"
            fail_message(case, "DNS-NEG-018", asked, "no NXDOMAIN of the cluster's own server", got)


# -- the additional section ------------------------------------------------------


@invariant(
    "dns.coredns-additional-addresses",
    kind=Kind.AGREEMENT,
    requirements=("DNS-SRV-006",),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dns-messages",),
    classes=("target",),
)
def additional_addresses(case: Case) -> None:
    """The addresses of all targets of SRV records, of both families, are in the additional section."""
    seen = view(case)
    for asked in seen.asked:
        if asked.query.type != "SRV" or not asked.answer.records:
            continue
        case.judged("target")
        if asked.answer.additional is None:
            _untold(case, "DNS-SRV-006", asked, "the additional section")
            continue
        wanted = additional(seen.zone, asked.query)
        if set(map(fact, asked.answer.additional)) != set(map(fact, wanted)):
            expected = f"in the additional section {shown(wanted)}"
            fail_message(case, "DNS-SRV-006", asked, expected, shown(asked.answer.additional))
