# SPDX-License-Identifier: Apache-2.0
"""Profiles: what an implementation claims, how hard to look, and what is known to deviate.

A profile is a YAML file, bundled with the suite or the user's own.  `extends`
names another one (bundled by its name, or a file by its path relative to the
extending file) from which it takes all that it does not say itself: mappings are
merged key by key, at every depth; everything else, lists included, is replaced.
`name` and `description` are never taken over.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, field, fields, frozen

from conformance import fields as read_as
from conformance.adapters.options import AdapterOption, of_profile, plain
from conformance.adapters.timeouts import Timeouts
from conformance.areas import Area, Level
from conformance.errors import unknown
from conformance.features import DUAL_STACK, OLDEST, Release, of_release
from conformance.fields import Section
from conformance.located import Located
from conformance.profile_files import bundled, find, merged
from reference.objects import DNSServer

SUPPORTED = "supported"

__all__ = [
    "Budget",
    "Claims",
    "Exclusion",
    "Invariants",
    "KnownDeviation",
    "Limits",
    "Profile",
    "Timeouts",
    "bundled",
    "known_features",
    "load_profile",
]


@frozen(kw_only=True)
class Claims:
    """What an implementation claims to do.

    `areas` is None for whatever the adapter supports.  A requirement of a level
    that is not claimed, or an invariant that needs a feature which is not
    claimed, is not judged.  `kubernetes` is a release: what it does by default is
    claimed as well.  `dns_server` says how the DNS server is set up, and is put into the
    settings of every generated cluster; None where nothing is claimed of that.
    """

    areas: tuple[Area, ...] | None
    levels: frozenset[Level]
    features: frozenset[str] = frozenset()
    kubernetes: Release | None = None
    dns_server: DNSServer | None = None


@frozen(kw_only=True)
class Budget:
    """How hard to look.

    `metamorphic_examples` and `statistical_examples`: on how many clusters each
    metamorphic and each statistical invariant is judged; `shrink_seconds`: the most
    time to shrink one failure; `minimum_inputs`: fewer make the verdict "not
    exercised", which fails the run; `clock_seconds`: how many seconds of the cluster's
    clock may pass between connections in the whole run, None for any number.  Whoever
    has to wait for them in real time states a number; time-outs of sessions are then
    judged on Services whose time-out is short, and on few.

    An implementation whose decisions are observed, connection by connection, takes some
    hundred times as long as one that tells them: of it, `observed_percent` of the
    clusters are judged, and of the examples of each kind.
    """

    clusters: int
    metamorphic_examples: int
    statistical_examples: int
    shrink_seconds: int
    minimum_inputs: int
    observed_percent: int
    clock_seconds: int | None = None

    def of_observed(self) -> Budget:
        """The budget for an implementation that is observed; minima can still be reached."""

        def part(count: int) -> int:
            return max(min(count, self.minimum_inputs), math.ceil(count * self.observed_percent / 100))

        return evolve(
            self,
            clusters=part(self.clusters),
            metamorphic_examples=part(self.metamorphic_examples),
            statistical_examples=part(self.statistical_examples),
        )


@frozen(kw_only=True)
class Limits:
    """The largest sizes of what is generated; `slices` are those written by hand."""

    services: int
    pods: int
    nodes: int
    slices: int
    selections: int
    api_requests: int


@frozen(kw_only=True)
class Exclusion:
    """An invariant that is not judged, and why.  `where` is file and line."""

    id: str
    reason: str
    where: str = field(default="", eq=False)


@frozen(kw_only=True)
class Invariants:
    """What the profile says of single invariants."""

    exclude: tuple[Exclusion, ...] = ()


@frozen(kw_only=True)
class KnownDeviation:
    """A deviation that is known.

    `input` is the reproducer that is replayed first; `where` is the file and the
    line of the entry, which has to be deleted once the deviation is fixed.
    """

    invariant: str
    requirement: str
    reason: str
    link: str
    expires: date
    input: Path
    where: str = field(default="", eq=False)


@frozen(kw_only=True)
class Profile:
    """A profile with everything that it extends.

    `adapter_options` are the options of adapters, by the names of these; only those of
    the adapter in use apply.
    """

    name: str
    description: str
    claims: Claims
    budget: Budget
    limits: Limits
    timeouts: Timeouts
    invariants: Invariants = Invariants()
    known_deviations: tuple[KnownDeviation, ...] = ()
    adapter_options: Mapping[str, tuple[AdapterOption, ...]] = field(factory=dict, hash=False)

    def digest(self) -> str:
        """The SHA-256 of all that decides a run: not of texts, places of files or the order of keys."""
        told = evolve(self, description="", adapter_options={})
        content = asdict(told, value_serializer=_canonical)
        content["adapter_options"] = plain(self.adapter_options)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _canonical(owner: Any, attribute: Any, value: Any) -> Any:
    if attribute is not None and attribute.name == "where":
        return ""
    if isinstance(value, frozenset):
        return sorted(getattr(item, "value", item) for item in value)
    if isinstance(value, Path):
        return hashlib.sha256(value.read_bytes()).hexdigest()
    if isinstance(value, date):
        return value.isoformat()
    return getattr(value, "value", value)


def load_profile(name_or_path: str | Path, *, today: date | None = None) -> Profile:
    """The profile of this name, or in this file.

    `today` decides which known deviations have expired.  Whatever is wrong is a
    UsageError with file, line, field and the closest valid name.
    """
    path = find(str(name_or_path), where="option profile")
    return _profile(Section(merged(path)), today or date.today())


# -- reading -----------------------------------------------------------------

_COUNT = partial(read_as.whole, least=0, most=10_000_000)
_AT_LEAST_ONE = partial(read_as.whole, least=1, most=10_000_000)
_BUDGET = {
    "clusters": _COUNT,
    "metamorphic_examples": _COUNT,
    "statistical_examples": _COUNT,
    "shrink_seconds": _COUNT,
    "minimum_inputs": _AT_LEAST_ONE,
    "observed_percent": partial(read_as.whole, least=1, most=100),
}
_SECONDS = partial(read_as.seconds, most=86_400)
_TIMEOUTS = ("start", "answer", "apply", "stop")
_SIZES = {
    "services": partial(read_as.whole, least=0, most=100),
    "pods": partial(read_as.whole, least=0, most=200),
    "nodes": partial(read_as.whole, least=1, most=3),
    "slices": partial(read_as.whole, least=0, most=100),
    "selections": partial(read_as.whole, least=0, most=100),
    "api_requests": partial(read_as.whole, least=0, most=100),
}


def _names(section: type[Any]) -> tuple[str, ...]:
    return tuple(attribute.name for attribute in fields(section) if attribute.name != "where")


def _profile(top: Section, today: date) -> Profile:
    top.only("extends", *_names(Profile))
    budget = top.section("budget").only(*_names(Budget))
    limits = top.section("limits").only(*_names(Limits))
    timeouts = top.section("timeouts").only(*_TIMEOUTS)
    profile = Profile(
        name=top.get("name", read_as.text),
        description=top.get("description", read_as.text, default=""),
        claims=_claims(top.section("claims")),
        budget=Budget(
            **{name: budget.get(name, check) for name, check in _BUDGET.items()},
            clock_seconds=budget.get("clock_seconds", _COUNT, default=None),
        ),
        limits=Limits(**{name: limits.get(name, _SIZES[name]) for name in _names(Limits)}),
        timeouts=Timeouts(**{name: timeouts.get(name, _SECONDS) for name in _TIMEOUTS}),
        invariants=_invariants(top.section("invariants", optional=True)),
        known_deviations=_known_deviations(top, today),
        adapter_options=top.get("adapter_options", of_profile, default={}),
    )
    _check_minimum(profile, budget)
    return profile


def _check_minimum(profile: Profile, section: Section) -> None:
    """A minimum that cannot be reached would make every verdict "not exercised"."""
    for name in ("clusters", "metamorphic_examples", "statistical_examples"):
        reached = getattr(profile.budget, name)
        if profile.budget.minimum_inputs > reached:
            raise section.place("minimum_inputs").error(
                f"{profile.budget.minimum_inputs} is more than budget.{name}, which is {reached}"
            )


def _claims(section: Section) -> Claims:
    section.only(*_names(Claims))
    none: tuple[str, ...] = ()
    release = section.get("kubernetes", _release, default=None)
    features = frozenset(section.get("features", _features, default=none))
    return Claims(
        areas=section.get("areas", _areas),
        levels=frozenset(section.get("levels", partial(read_as.members, kind="level", of=Level, least=1))),
        features=features if release is None else features | of_release(release),
        kubernetes=release,
        dns_server=section.get("dns_server", _dns_server, default=None),
    )


_POD_MODES = ("disabled", "insecure", "verified")
_FLAGS = (
    "cached",
    "endpoint_pod_names",
    "no_endpoints",
    "ignore_empty_service",
    "zonal",
    "fall_through",
    "reverse_zones",
)


def _dns_server(value: Located) -> DNSServer:
    """The options that are written; the others are as CoreDNS has them by default."""
    section = Section(value).only(*_names(DNSServer))
    usual = DNSServer()
    mode = partial(read_as.name, kind="mode of pods", known=_POD_MODES)
    return DNSServer(
        pods=section.get("pods", mode, default=usual.pods),
        ttl=section.get("ttl", partial(read_as.whole, least=0, most=3600), default=usual.ttl),
        more_zones=section.get("more_zones", _texts, default=()),
        namespaces=section.get("namespaces", _texts, default=()),
        **{name: section.get(name, _flag, default=getattr(usual, name)) for name in _FLAGS},
    )


def _flag(value: Located) -> bool:
    if not isinstance(value.value, bool):
        raise value.error("true or false is needed")
    return value.value


def _texts(value: Located) -> tuple[str, ...]:
    return tuple(read_as.text(item) for item in read_as.items(value))


def _release(value: Located) -> Release | None:
    """A release as `"1.37"`; nothing for none."""
    if value.value is None:
        return None
    found = re.fullmatch(r"v?1\.(\d{1,3})(\.\d+)?", str(value.value))
    if isinstance(value.value, bool) or found is None:
        raise value.error(f"{value.value!r} is no Kubernetes release", hint='write it as "1.37"')
    if isinstance(value.value, float):
        # 1.30 would be read as 1.3.
        raise value.error("a release is a text", hint=f'write "{value.value}" in quotation marks')
    release = (1, int(found[1]))
    if release < OLDEST:
        raise value.error(f"{value.value} is too old: {OLDEST[0]}.{OLDEST[1]} is the first that is known")
    return release


def _areas(value: Located) -> tuple[Area, ...] | None:
    if value.value == SUPPORTED:
        return None
    if isinstance(value.value, str):
        raise unknown("area", value.value, [SUPPORTED], where=value.where)
    return read_as.members(value, kind="area", of=Area, least=1)


def _features(value: Located) -> tuple[str, ...]:
    if not read_as.items(value):
        return ()
    return read_as.names(value, kind="feature", known=known_features())


def known_features() -> Mapping[str, tuple[str, ...]]:
    """The features that a profile can claim, each with the invariants that need it."""
    from conformance.invariants import all_invariants

    # What is generated depends on it, whether or not an invariant needs it.
    needing: dict[str, tuple[str, ...]] = {DUAL_STACK: ()}
    for invariant in all_invariants().values():
        for feature in invariant.features:
            needing[feature] = (*needing.get(feature, ()), invariant.id)
    return needing


def _invariants(section: Section) -> Invariants:
    section.only(*_names(Invariants))
    return Invariants(exclude=section.get("exclude", _exclusions, default=()))


def _exclusions(value: Located) -> tuple[Exclusion, ...]:
    found: dict[str, Exclusion] = {}
    for item in read_as.items(value):
        section = Section(item).only(*_names(Exclusion))
        name = section.get("id", _invariant_id)
        if name in found:
            raise section.place("id").error(f"{name!r} is listed twice, first at {found[name].where}")
        where = f"{item.file}:{item.line}"
        found[name] = Exclusion(id=name, reason=section.get("reason", read_as.text), where=where)
    return tuple(found.values())


def _invariant_id(value: Located) -> str:
    from conformance.invariants import all_invariants

    return read_as.name(value, kind="invariant", known=all_invariants())


def _known_deviations(top: Section, today: date) -> tuple[KnownDeviation, ...]:
    def entries(value: Located) -> tuple[KnownDeviation, ...]:
        found: dict[str, KnownDeviation] = {}
        for item in read_as.items(value):
            entry = _known_deviation(Section(item), today)
            if entry.invariant in found:
                raise item.error(
                    f"{entry.invariant!r} is listed twice, first at {found[entry.invariant].where}"
                )
            found[entry.invariant] = entry
        return tuple(found.values())

    return top.get("known_deviations", entries, default=())


def _known_deviation(section: Section, today: date) -> KnownDeviation:
    from conformance.catalogue import load
    from conformance.invariants import all_invariants

    section.only(*_names(KnownDeviation))
    invariant = section.get("invariant", _invariant_id)
    requirement = section.get("requirement", partial(read_as.name, kind="requirement", known=load()))
    checked = all_invariants()[invariant].requirements
    if requirement not in checked:
        raise section.place("requirement").error(
            f"{requirement} is not checked by {invariant}", hint=f"it checks {', '.join(checked)}"
        )
    expires = section.get("expires", _day)
    if expires < today:
        raise section.place("expires").error(
            f"the known deviation of {invariant} expired on {expires}",
            hint="look at it again: delete the entry, or set a later day",
        )
    return KnownDeviation(
        invariant=invariant,
        requirement=requirement,
        reason=section.get("reason", read_as.text),
        link=section.get("link", _link),
        expires=expires,
        input=section.get("input", _input),
        where=f"{section.located.file}:{section.located.line}",
    )


def _day(value: Located) -> date:
    text = read_as.text(value)
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise value.error(f"{text!r} is no day", hint="written as 2026-12-31")


def _link(value: Located) -> str:
    text = read_as.text(value)
    if not re.fullmatch(r"https?://[^\s/]+\S*", text):
        raise value.error(f"{text!r} is no link", hint="begins with https://")
    return text


def _input(value: Located) -> Path:
    """A path relative to the profile that names it."""
    path = value.file.parent / read_as.text(value)
    if not path.is_file():
        raise value.error(f"there is no file {str(path)!r}")
    return path
