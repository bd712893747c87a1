# SPDX-License-Identifier: Apache-2.0
"""What becomes of the slices of a Service when the controller looks at it again.

Which endpoints are wanted is decided in `packing`; here it is decided in which
slices they are, so that few slices change.

Source: k8s.io/endpointslice `reconciler.go`; kubernetes
`pkg/controller/endpointslice/endpointslice_controller.go` `syncService`.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from reference.endpoints.hints import has_topology_mode_auto
from reference.endpoints.packing import View, labels_of, new_slice, wanted_endpoints
from reference.endpoints.topology import with_proportional_hints
from reference.objects import (
    ENDPOINT_SLICE_CONTROLLER,
    MANAGED_BY_LABEL,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Service,
)

Slices = tuple[EndpointSlice, ...]
Identity = tuple[tuple[str, ...], str | None, tuple[str, str] | None]


def synced_slices(service: Service, before: Slices, view: View) -> Slices:
    """All slices of a Service after the controller has looked at it; `before` are those that were there.

    A Service that the controller does not manage keeps what it has (EP-026), and so
    do the slices of other authors (SLICE-014, EP-027).  Slices of a family that the
    Service does not have any more are deleted (SLICE-012).
    """
    if not service.spec.selector or service.spec.type == "ExternalName":
        return before
    auto = has_topology_mode_auto(service)
    own = tuple(piece for piece in before if is_own(piece))
    made = tuple(piece for piece in before if not is_own(piece))
    for family, groups in wanted_endpoints(service, view).items():
        pieces = tuple(piece for piece in own if piece.address_type == family)
        sync = _Sync(service, family, view.most, len(made))
        found = sync.result(pieces, {frozenset(ports): (ports, some) for ports, some in groups.items()})
        made += with_proportional_hints(found, view.nodes, pieces) if auto else found
    return made


def is_own(piece: EndpointSlice) -> bool:
    """Whether the controller looks at a slice of the Service at all (SLICE-014)."""
    metadata = piece.metadata
    managed_by = metadata.labels.get(MANAGED_BY_LABEL)
    return managed_by == ENDPOINT_SLICE_CONTROLLER and metadata.deletion_timestamp is None


def is_owned(piece: EndpointSlice, service: Service) -> bool:
    """Whether a slice belongs to this Service and not to an older one of its name (SLICE-015)."""
    return any(owner.uid == service.metadata.uid for owner in piece.metadata.owner_references)


def identity(endpoint: Endpoint) -> Identity:
    """What makes two entries the same endpoint (SLICE-013)."""
    target = endpoint.target_ref
    return endpoint.addresses, endpoint.hostname, (target.namespace, target.name) if target else None


@frozen
class _Changes:
    """Slices by what happens to them: they stay, maybe changed; they go; or they are new."""

    stay: Slices = ()
    go: Slices = ()
    new: Slices = ()

    def __add__(self, other: _Changes) -> _Changes:
        return _Changes(self.stay + other.stay, self.go + other.go, self.new + other.new)


Wanted = dict[frozenset[EndpointPort], tuple[tuple[EndpointPort, ...], list[Endpoint]]]
"""Endpoints by their ports, whose order does not matter (SLICE-004)."""


@frozen
class _Sync:
    """One look at the slices of one family; new slices are numbered from `first` on."""

    service: Service
    family: str
    most: int
    first: int

    def result(self, before: Slices, wanted: Wanted) -> Slices:
        """The slices of the family; a Service that is being deleted gets no new ones (EP-028)."""
        owned = tuple(piece for piece in before if is_owned(piece, self.service))
        changes = _Changes(go=tuple(piece for piece in before if piece not in owned))
        for ports, endpoints in wanted.values():
            pieces = tuple(piece for piece in owned if set(piece.ports) == set(ports))
            changes += self._regrouped(pieces, ports, endpoints)
        changes += _Changes(go=tuple(piece for piece in owned if frozenset(piece.ports) not in wanted))
        stay, new = self._renamed(self._with_placeholder(changes))
        if self.service.metadata.deletion_timestamp is not None:
            return stay
        return stay + tuple(
            new_slice(self.service, number, self.family, piece.endpoints, piece.ports)
            for number, piece in enumerate(new, start=self.first)
        )

    def _new(self, endpoints: Sequence[Endpoint] = (), ports: tuple[EndpointPort, ...] = ()) -> EndpointSlice:
        return new_slice(self.service, self.first, self.family, tuple(endpoints), ports)

    def _regrouped(
        self, before: Slices, ports: tuple[EndpointPort, ...], endpoints: Sequence[Endpoint]
    ) -> _Changes:
        """The slices of one port set (SLICE-007, SLICE-008)."""
        left = {identity(endpoint): endpoint for endpoint in endpoints}
        labels = labels_of(self.service)
        touched: list[EndpointSlice] = []
        untouched: list[EndpointSlice] = []
        emptied: list[EndpointSlice] = []
        for piece in before:
            kept = tuple(left.pop(identity(each)) for each in piece.endpoints if identity(each) in left)
            now = evolve(piece, endpoints=kept, metadata=evolve(piece.metadata, labels=labels))
            if not kept and piece.endpoints:
                emptied.append(piece)
            elif _without_hints(kept) != _without_hints(piece.endpoints) or labels != piece.metadata.labels:
                touched.append(now)
            else:
                untouched.append(now)
        rest = list(left.values())
        stay = []
        for piece in sorted(touched, key=lambda each: -len(each.endpoints)):
            room = max(0, self.most - len(piece.endpoints))
            stay.append(_with_more(piece, rest[:room]))
            rest = rest[room:]
        new = []
        while len(rest) >= self.most or (rest and not self._fitting(untouched, len(rest))):
            new.append(self._new(rest[: self.most], ports))
            rest = rest[self.most :]
        if rest:
            chosen = self._fitting(untouched, len(rest))
            untouched = [_with_more(each, rest) if each is chosen else each for each in untouched]
        return _Changes((*stay, *untouched), tuple(emptied), tuple(new))

    def _fitting(self, untouched: Sequence[EndpointSlice], count: int) -> EndpointSlice | None:
        """Of the slices that have room for so many the one that is left fullest."""
        fitting = [piece for piece in untouched if len(piece.endpoints) + count <= self.most]
        return max(fitting, key=lambda piece: len(piece.endpoints), default=None)

    def _with_placeholder(self, changes: _Changes) -> _Changes:
        """Where no slice would be left there is one without endpoints and ports (SLICE-010).

        One that was there already is in the end as it was (SLICE-009, SLICE-011).
        """
        return changes if changes.stay or changes.new else evolve(changes, new=(self._new(),))

    def _renamed(self, changes: _Changes) -> tuple[Slices, Slices]:
        """Slices that would be deleted are written anew in place of others being made (SLICE-009)."""
        stay, new = list(changes.stay), list(changes.new)
        for piece in changes.go:
            if new and is_owned(piece, self.service):
                made = new.pop()
                stay.append(evolve(made, metadata=evolve(made.metadata, name=piece.metadata.name)))
        return tuple(stay), tuple(new)


def _with_more(piece: EndpointSlice, endpoints: Sequence[Endpoint]) -> EndpointSlice:
    return evolve(piece, endpoints=(*piece.endpoints, *endpoints))


def _without_hints(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    return [evolve(endpoint, hints=None) for endpoint in endpoints]
