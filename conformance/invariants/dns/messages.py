# SPDX-License-Identifier: Apache-2.0
"""The rest of CoreDNS's messages: times to live, the flag AA, authority and additional sections.

Where nobody says how the server is set up, any time to live that can be set is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from conformance.areas import Level
from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.dns import probes
from conformance.invariants.dns.scenarios import Ask, Look, Scenario, below, looks, reverse
from conformance.invariants.dns.view import Asked, View, asked_in_words, view
from reference.dns import Zone, fact
from reference.dns.facts import without_serial
from reference.dns.messages import LONGEST_TTL_OF_AUTHORITY, TTL_OF_VERSION, additional, authority, ttl_of
from reference.dns.names import REVERSE_ZONES, plain
from reference.objects import DNSServer
from reference.questions import Answer, Query, Rcode, Record

LONGEST_TTL = 3600
"""In seconds; no longer one can be set (DNS-META-006)."""
OURS = (Rcode.NOERROR, Rcode.NXDOMAIN)


def _fail(case: Case, rule: str, asked: Asked, expected: str, got: str) -> None:
    case.fail(rule, question=asked_in_words(asked.query), expected=expected, got=got, because=(rule,))


def _shown(records: Iterable[Record]) -> str:
    lines = sorted(
        f"{each.name} {'?' if each.ttl is None else each.ttl} {each.type} {each.data}" for each in records
    )
    return "; ".join(lines) or "nothing"


def _untold(case: Case, rule: str, asked: Asked, what: str) -> None:
    _fail(case, rule, asked, f"{what}, as whoever claims the feature dns-messages tells it", "not told")


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
            _fail(
                case, rule, asked, f"a TTL of {'' if exact else 'at most '}{most} seconds", _shown([record])
            )
        else:
            sets.setdefault((plain(record.name), record.type), set()).add(record.ttl)
    for (name, kind), ttls in sets.items():
        if len(ttls) > 1:
            _fail(case, "DNS-META-006", asked, f"one TTL for {name} {kind}", _shown(answer.records))


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
        _fail(case, rule, asked, "each record once", f"more than once: {_shown(asked.answer.repeated)}")


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
    expected = f"in the authority section {_shown([wanted])}, but for the serial"
    if known is None:
        expected += " and another minimum of up to 3600 seconds, which is also the longest TTL"
    if len(answer.authority) != 1 or soa is None or not _is_right(soa, wanted, known):
        _fail(case, rule, asked, expected, _shown(answer.authority))


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
            got = f"NXDOMAIN; in the authority section {_shown(asked.answer.authority or ())}"
            _fail(case, "DNS-NEG-018", asked, "no NXDOMAIN of the cluster's own server", got)


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
            expected = f"in the additional section {_shown(wanted)}"
            _fail(case, "DNS-SRV-006", asked, expected, _shown(asked.answer.additional))


# -- servers that are set up so ------------------------------------------------------


def _upper(name: str) -> str:
    return "".join(letter.upper() if place % 2 else letter for place, letter in enumerate(name))


@cache
def _times() -> Sequence[Scenario]:
    crew = below("crew")
    asks = (
        Ask("dns-version", "TXT", "DNS-META-002"),
        Ask(below("web"), "A", "DNS-META-006"),
        Ask(f"_http._tcp.{crew}", "SRV", "DNS-META-006"),
        Ask(reverse("10.96.254.1"), "PTR", "DNS-META-006"),
        Ask(below("ext"), "CNAME", "DNS-META-006"),
        Ask(below("no-such"), "A", "DNS-NEG-017"),
        Ask(_upper(below("web")), "A", "DNS-META-005"),
        Ask(_upper(f"_http._tcp.{crew}"), "SRV", "DNS-META-005"),
    )
    return tuple(
        Scenario(
            name=f"{ttl} seconds",
            services=(
                probes.service("web", "10.96.254.1"),
                probes.headless("crew"),
                probes.external("ext", "www.example.com"),
            ),
            slices=(
                probes.piece(
                    "crew", 1, [probes.endpoint("10.244.250.1", "a"), probes.endpoint("10.244.250.2")]
                ),
            ),
            asks=asks,
            server=DNSServer(ttl=ttl),
        )
        for ttl in (0, 5, 30, 3600)
    )


def _spellings(answer: Answer) -> frozenset[tuple[str, str, str]]:
    return frozenset((each.name.rstrip("."), each.type, each.data.rstrip(".")) for each in answer.records)


def _asked(look: Look) -> Iterator[tuple[str, Asked]]:
    return look.asked() if look.view.zone.cluster.settings.dns_server is not None else iter(())


@invariant(
    "dns.coredns-messages",
    kind=Kind.METAMORPHIC,
    requirements=("DNS-META-002", "DNS-META-005", "DNS-META-006", "DNS-META-011", "DNS-NEG-017"),
    asks=("resolve",),
    level=Level.COREDNS,
    features=("dns-messages", "dns-options"),
)
def messages(case: Case) -> None:
    """Messages have the time to live that is set, the flag AA, and the letter case of the query; within the
    target of a SRV record only the zone has it.
    """
    for look in looks(case, "dns.coredns-messages", _times, most=2):
        zone = look.view.zone
        for rule, asked in _asked(look):
            case.judged(look.scenario.name)
            judge_ttls(case, zone, asked)
            judge_authority(case, zone, asked)
            if asked.answer.authoritative is not True:
                told = "not told" if asked.answer.authoritative is None else "not set"
                _fail(case, "DNS-META-011", asked, "the flag AA", told)
            expected = zone.resolve(asked.query)
            if rule == "DNS-META-005" and _spellings(asked.answer) != _spellings(expected):
                _fail(case, rule, asked, _shown(expected.records), _shown(asked.answer.records))
