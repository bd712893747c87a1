# SPDX-License-Identifier: Apache-2.0
"""Every environment that is right for one container.

There is more than one where a Service was created in the very second of the
container's start (ENV-ORDER-006) and where two Services define one variable
(ENV-036 to ENV-038).  The right ones are never listed in order to judge an
answer: each choice is read off the answer, and only what does not show in it is
tried out, so the work stays small however many choices there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import cached_property
from itertools import chain, combinations, permutations, product

from attrs import frozen

from reference.environment.own import ConfigMaps, Unavailable, assemble, own_variables
from reference.environment.snapshot import concerns, included, visible
from reference.environment.variables import Linked, mangled
from reference.objects import Container
from reference.questions import Environment

Group = tuple[Linked, ...]
"""Services of which each collides with some other, or one Service alone."""

_NOTHING: Mapping[str, str] = {}


@frozen(eq=False)
class Outcome:
    """One right environment, and the Services behind it in the order of their expansion."""

    services: tuple[Linked, ...]
    environment: Environment


@frozen(eq=False)
class Snapshot:
    """What the Services give the containers of a namespace that were started at one moment.

    `certain` are the Services that may concern them and are seen for sure, `perhaps`
    those that may be seen.  `services` and `variables` are what comes of the certain
    ones in their order.
    """

    namespace: str
    links: bool
    certain: tuple[Linked, ...]
    perhaps: tuple[Linked, ...]
    services: tuple[Linked, ...]
    variables: Mapping[str, str]

    @classmethod
    def of(cls, services: Iterable[Linked], namespace: str, moment: int, *, links: bool) -> Snapshot:
        """The snapshot at `moment` for pods of `namespace`, which want links or not."""
        certain, perhaps = [], []
        for service in services:
            if concerns(service, namespace, links=links):
                seen = visible(service.created, moment)
                if seen is None:
                    perhaps.append(service)
                elif seen:
                    certain.append(service)
        chosen = included(certain, namespace, links=links)
        return cls(
            namespace=namespace,
            links=links,
            certain=tuple(certain),
            perhaps=tuple(perhaps),
            services=chosen,
            variables=expanded(chosen),
        )

    @cached_property
    def is_open(self) -> bool:
        """Whether something else may come out."""
        return bool(self.perhaps) or len(collision_groups(self.services)) < len(self.services)

    def included(self, seen: Iterable[Linked]) -> tuple[Linked, ...]:
        """The Services whose variables are given if of `perhaps` just these are seen."""
        return included((*self.certain, *seen), self.namespace, links=self.links)


def expanded(order: Iterable[Linked]) -> dict[str, str]:
    """The variables of Services that are expanded in this order, the later over the earlier."""
    variables: dict[str, str] = {}
    for service in order:
        variables.update(service.variables)
    return variables


@frozen(eq=False)
class Allowed:
    """All that is right for one container."""

    container: Container
    config_maps: ConfigMaps
    snapshot: Snapshot

    def canonical(self) -> Environment:
        """The one in which no Service of the very second is seen and a later listed one wins."""
        return assemble(self.container, self.config_maps, self.snapshot.variables)

    def accepts(self, got: Environment) -> str | None:
        """None if `got` is right, else the first difference from what comes nearest."""
        right = self.nearest(got).environment
        return None if same(got, right) else first_difference(got, right)

    def nearest(self, got: Environment) -> Outcome:
        """The right outcome that is `got` itself, or one to compare it with."""
        if not self.snapshot.is_open:
            return Outcome(self.snapshot.services, self.canonical())
        nearest: Outcome | None = None
        names = set(
            chain.from_iterable(
                service.variables for service in (*self.snapshot.certain, *self.snapshot.perhaps)
            )
        )
        for outcome in self._consistent(got):
            if fits(outcome.environment, got, names):
                return outcome
            nearest = nearest or outcome
        assert nearest is not None  # there is an outcome for any answer
        return nearest

    def every(self) -> Iterator[Environment]:
        """All right environments, the canonical one first; may be many, and one may come twice."""
        for size in range(len(self.snapshot.perhaps) + 1):
            for seen in combinations(self.snapshot.perhaps, size):
                groups = collision_groups(self.snapshot.included(seen))
                for orders in product(*(_all_orders(group) for group in groups)):
                    yield self._outcome(tuple(chain.from_iterable(orders))).environment

    def _outcome(self, order: tuple[Linked, ...]) -> Outcome:
        """What comes out if the Services are expanded in this order."""
        return Outcome(order, assemble(self.container, self.config_maps, expanded(order)))

    def _consistent(self, got: Environment) -> Iterator[Outcome]:
        """The outcomes that what shows of the choices in `got` leaves; at least one."""
        hidden = self.own_names()
        for seen in self._snapshots(got.variables, hidden):
            groups = collision_groups(self.snapshot.included(seen))
            orders = (list(consistent_orders(group, got.variables, hidden)) for group in groups)
            for order in product(*orders):
                yield self._outcome(tuple(chain.from_iterable(order)))

    def own_names(self) -> Set[str]:
        """The names that the container defines itself, under which nothing of a Service shows."""
        try:
            return own_variables(self.container, self.config_maps, _NOTHING).keys()
        except Unavailable:
            return frozenset()

    def _snapshots(self, got: Mapping[str, str], hidden: Set[str]) -> Iterator[tuple[Linked, ...]]:
        """Which of `perhaps` are in the snapshot: each that shows, with any of those of which nothing can."""
        seen: list[Linked] = []
        unclear: list[Linked] = []
        for service in self.snapshot.perhaps:
            shown = self._shows(service, got, hidden)
            if shown is None:
                unclear.append(service)
            elif shown:
                seen.append(service)
        for size in range(len(unclear) + 1):
            for more in combinations(unclear, size):
                yield (*seen, *more)

    def _shows(self, service: Linked, got: Mapping[str, str], hidden: Set[str]) -> bool | None:
        """Whether `got` has what nothing but this Service can have given; None if nothing could tell."""
        others = [other for other in (*self.snapshot.certain, *self.snapshot.perhaps) if other is not service]
        for name, value in service.variables.items():
            if name in hidden or any(
                name in other.variables
                # Of two `kubernetes` one alone is included, so their values tell them apart.
                and (other.name != service.name or other.variables[name] == value)
                for other in others
            ):
                continue
            rival = any(name in other.variables for other in others)
            return got.get(name) == value if rival else name in got
        return None


# -- collisions ----------------------------------------------------------------


def collide(one: Linked, other: Linked) -> bool:
    """Whether two Services define one variable; the name of one then extends the other's (ENV-036)."""
    first, second = mangled(one.name) + "_", mangled(other.name) + "_"
    if not (first.startswith(second) or second.startswith(first)):
        return False
    return not one.variables.keys().isdisjoint(other.variables.keys())


def collision_groups(services: tuple[Linked, ...]) -> list[Group]:
    """The Services in groups, so that none collides with one of another group."""
    groups: list[Group] = []
    for service in services:
        touched = [group for group in groups if any(collide(service, other) for other in group)]
        if touched:
            groups = [group for group in groups if group not in touched]
        groups.append((*chain.from_iterable(touched), service))
    return groups


def shared_names(group: Group) -> Set[str]:
    """The names that several Services of the group define."""
    if len(group) == 1:
        return frozenset()
    count = Counter(chain.from_iterable(service.variables for service in group))
    return {name for name, times in count.items() if times > 1}


def consistent_orders(group: Group, got: Mapping[str, str], hidden: Set[str]) -> Iterator[Group]:
    """The orders of expansion that what shows in `got` leaves, or the listed one if it leaves none.

    All names on which two Services collide have the value of the one that was
    expanded later (ENV-037).
    """
    if len(group) == 1:
        yield group
        return
    found = False
    for order in _orders(group, got, shared_names(group) - hidden):
        found = True
        yield order
    if not found:
        yield group


def _orders(group: Group, got: Mapping[str, str], open_names: Set[str]) -> Iterator[Group]:
    """The orders in which the last Service that defines each open name gives it the value in `got`."""
    if not group:
        yield ()
        return
    for index in range(len(group) - 1, -1, -1):
        last = group[index]
        own = open_names & last.variables.keys()
        if all(got.get(name) == last.variables[name] for name in own):
            rest = (*group[:index], *group[index + 1 :])
            for order in _orders(rest, got, open_names - own):
                yield (*order, last)


def _all_orders(group: Group) -> Iterator[Group]:
    return permutations(group) if len(group) > 1 else iter((group,))


# -- comparing -----------------------------------------------------------------


def fits(right: Environment, got: Environment, names: Set[str]) -> bool:
    """Whether `got` has all that is right, and of `names` nothing else.

    What it has besides cannot tell one outcome from another.
    """
    if right.error is not None or got.error is not None:
        return same(right, got)
    if not right.variables.items() <= got.variables.items():
        return False
    return names.isdisjoint(got.variables.keys() - right.variables.keys())


def same(one: Environment, other: Environment) -> bool:
    """Whether two environments are the same; of two errors the words do not matter."""
    if one.error is not None or other.error is not None:
        return one.error is not None and other.error is not None
    return one.variables == other.variables


def first_difference(got: Environment, right: Environment) -> str:
    """The first difference by name, in words."""
    if right.error is not None or got.error is not None:
        return (
            f"no variables, as {right.error}, expected"
            if got.error is None
            else f"variables expected, got the error {got.error!r}"
        )
    for name in sorted({*got.variables, *right.variables}):
        expected, value = right.variables.get(name), got.variables.get(name)
        if expected != value:
            return f"{name}: expected {_shown(expected)}, got {_shown(value)}"
    return "no difference"


def _shown(value: str | None) -> str:
    return "that it is not set" if value is None else repr(value)
