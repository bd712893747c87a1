# SPDX-License-Identifier: Apache-2.0
"""What an implementation offers: any object with the methods of its areas.

No subclassing is needed.  An adapter implements `apply` (unless it only
answers stateless operations) and the batch methods of the areas that it
supports; a method that is missing is an operation that it does not support.
Each batch method returns one answer for each question, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from reference import questions as q
from reference.objects import Cluster, EndpointSlice, NamespacedName


@runtime_checkable
class Applies(Protocol):
    """Takes a state of the cluster; returns once the implementation has converged."""

    def apply(self, cluster: Cluster) -> None: ...


@runtime_checkable
class Updates(Protocol):
    """Moves from the present state to `cluster`; without it `apply` is used."""

    def update(self, cluster: Cluster) -> None: ...


@runtime_checkable
class Restarts(Protocol):
    """Restarts the implementation, which keeps or finds again the applied state."""

    def restart(self) -> None: ...


class Selectors(Protocol):
    """Evaluates label selectors."""

    def select(self, questions: Sequence[q.Selection]) -> Sequence[q.Matching]: ...


class Endpoints(Protocol):
    """An endpoint controller: the slices that it wants for each Service.

    It has to ignore the slices of the applied cluster that carry the controller's
    managed-by label: they are what it is asked to produce.
    Where the order of events matters, as for the hints of `topology-mode`, it knows
    all other objects before it begins.
    """

    def endpoint_slices(self, services: Sequence[NamespacedName]) -> Sequence[Sequence[EndpointSlice]]: ...


class LegacyEndpoints(Protocol):
    """A controller of legacy Endpoints: the object that it wants for each Service, or none."""

    def endpoints(self, services: Sequence[NamespacedName]) -> Sequence[Sequence[q.Endpoints]]: ...


class SyncsSlices(Protocol):
    """An EndpointSlice controller that starts from slices which are there, those of the applied cluster.

    The answer is every slice of the Service afterwards, those of other authors included.
    """

    def synced_slices(self, services: Sequence[NamespacedName]) -> Sequence[Sequence[EndpointSlice]]: ...


class Mirrors(Protocol):
    """A mirroring controller: the slices that it wants for each Endpoints object written by hand.

    The Services of the applied cluster decide whether there are any.
    """

    def mirrored_slices(self, items: Sequence[q.Endpoints]) -> Sequence[Sequence[EndpointSlice]]: ...


class Routes(Protocol):
    """A service proxy that knows its decisions."""

    def route(self, flows: Sequence[q.Flow]) -> Sequence[q.Decision]: ...


class Connects(Protocol):
    """A service proxy that is observed from outside, one connection at a time."""

    def connect(self, connections: Sequence[q.Connection]) -> Sequence[q.Observation]: ...


class HealthChecks(Protocol):
    """A service proxy that serves health check node ports."""

    def health_checks(self, checks: Sequence[q.HealthCheck]) -> Sequence[q.HealthCheckAnswer]: ...


class Resolves(Protocol):
    """A cluster DNS server."""

    def resolve(self, queries: Sequence[q.Query]) -> Sequence[q.Answer]: ...


class ResolverConfigs(Protocol):
    """A node agent: the resolv.conf of each pod."""

    def resolver_configs(self, pods: Sequence[NamespacedName]) -> Sequence[q.ResolverConfig]: ...


class Environments(Protocol):
    """A node agent: the variables of each container."""

    def environment(self, containers: Sequence[q.ContainerName]) -> Sequence[q.Environment]: ...


class Admits(Protocol):
    """An API server: defaulting, allocation, admission and storage of Services."""

    def admit(self, sessions: Sequence[q.ApiSession]) -> Sequence[Sequence[q.ApiResponse]]: ...


class AdmitsEndpoints(Protocol):
    """An API server: admission of EndpointSlices and of legacy Endpoints objects.

    An answer has no Service, only the code and, where the object is refused, the causes.
    """

    def admit_endpoints(self, requests: Sequence[q.EndpointsRequest]) -> Sequence[q.ApiResponse]: ...
