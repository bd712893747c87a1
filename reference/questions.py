# SPDX-License-Identifier: Apache-2.0
"""The questions that an implementation is asked in each area, and its answers.

The model answers the same questions, so an answer of an implementation and an
answer of the model are values of one type.
"""

from __future__ import annotations

from enum import Enum
from functools import total_ordering

from attrs import field, frozen

from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import (
    ClusterSettings,
    Endpoints,
    EndpointSlice,
    Labels,
    LabelSelector,
    NamespacedName,
    PodDNSConfigOption,
    Service,
)

__all__ = [
    "Answer",
    "ApiRequest",
    "ApiResponse",
    "ApiSession",
    "Backend",
    "Cause",
    "Client",
    "ClientKind",
    "Connection",
    "ContainerName",
    "Decision",
    "EndpointSlice",
    "Endpoints",
    "EndpointsRequest",
    "Environment",
    "Flow",
    "HealthCheck",
    "HealthCheckAnswer",
    "Matching",
    "NamespacedName",
    "Observation",
    "Outcome",
    "Query",
    "Rcode",
    "Record",
    "ResolverConfig",
    "Selection",
    "SelectorForm",
    "Verb",
]


# -- selectors ---------------------------------------------------------------


class SelectorForm(Enum):
    """Which of the three selector languages a selection is written in."""

    SERVICE = "service"
    """`spec.selector` of a Service: a map of equalities, None, or empty."""
    LABEL_SELECTOR = "label-selector"
    """A general LabelSelector object, or None."""
    STRING = "string"
    """The string form of the `labelSelector=` query parameter."""


@frozen
class Selection:
    """Does `selector`, read as `form`, select an object with these labels?"""

    form: SelectorForm
    selector: Labels | LabelSelector | str | None
    labels: Labels = EMPTY


class Matching(Enum):
    """The answer to a selection."""

    MATCHES = "matches"
    DOES_NOT_MATCH = "does-not-match"
    INVALID = "invalid"
    """The selector is malformed and has to be rejected."""


# -- endpoints: NamespacedName of a Service -> tuple[EndpointSlice, ...] or tuple[Endpoints, ...],
# -- and Endpoints -> tuple[EndpointSlice, ...], the slices that mirror it ------


# -- routing -----------------------------------------------------------------


class ClientKind(Enum):
    """Where a connection comes from."""

    POD = "pod"
    NODE = "node"
    """A process in a node's own network namespace."""
    EXTERNAL = "external"
    """Outside the cluster; its packets arrive at `node`."""


@frozen(cache_hash=True)
class Client:
    """The client of a flow.

    `node` is the node on which the client runs; for an external client the node
    at which its packets arrive (for a NodePort flow that is the addressed node).
    `ip` is its source address.  `pod` names the pod of a pod client.
    """

    kind: ClientKind
    node: str
    ip: str
    pod: NamespacedName | None = None


@frozen(cache_hash=True)
class Flow:
    """The first packet of a new flow: from `client` to `ip`:`port` over `protocol`."""

    client: Client
    ip: str
    port: int
    protocol: str = "TCP"


class Outcome(Enum):
    """What the first packet of a new flow meets (routing catalogue, section 0)."""

    FORWARD = "forward"
    REJECT = "reject"
    DROP = "drop"
    NOT_A_SERVICE = "not-a-service"


@total_ordering
@frozen(repr=False)
class Backend:
    """An endpoint address and the endpoint's own port."""

    ip: str
    port: int

    # The ordering that attrs would make takes several times as long, and every pick sorts.
    def __lt__(self, other: Backend) -> bool:
        return (self.ip, self.port) < (other.ip, other.port)

    def __repr__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


@frozen
class Decision:
    """What an implementation does with a flow: the whole eligible set.

    `masqueraded` holds those of `backends` that see a node's address instead of
    the client's; None when the implementation cannot tell.  `rules` are the
    requirement ids that decided; an implementation need not give any and they
    are never compared.
    """

    outcome: Outcome
    backends: frozenset[Backend] = frozenset()
    masqueraded: frozenset[Backend] | None = None
    rules: tuple[str, ...] = field(default=(), eq=False)


FIRST_PORT_IN_TURN = 32768
"""From it on source ports are used in turn, each for a new flow."""
PORTS_IN_TURN = 28000


@frozen
class Connection:
    """One connection to be made for real: `flow`, at `at` seconds on the cluster's clock.

    The clock begins anew with each batch; connections are asked in order of time, and
    an implementation in real time waits until it is time for the next.  Session
    affinity is kept between those of one batch, and may be kept for longer.
    `source_port` differs between any two connections of a batch that should be
    picked independently.  From 32768 on ports are used in turn, for new flows; one
    that is lower may come again in a later batch, and then the same flow goes on.
    """

    flow: Flow
    at: int = 0
    source_port: int = 0

    @property
    def may_go_on(self) -> bool:
        """Whether it may belong to a UDP flow that was there before (SYNC-16)."""
        return self.flow.protocol == "UDP" and 0 < self.source_port < FIRST_PORT_IN_TURN


@frozen
class Observation:
    """What one connection met, and for a forwarded one who answered.

    `source_ip` is the client address that the backend saw, None if unknown.
    """

    outcome: Outcome
    backend: Backend | None = None
    source_ip: str | None = None


@frozen
class HealthCheck:
    """An HTTP request to the health check node port of a node, at its address of `family`, IPv4 or IPv6."""

    node: str
    port: int
    family: str = "IPv4"


@frozen
class HealthCheckAnswer:
    """`status` is 0 when nothing listens there, else the HTTP status."""

    status: int
    local_endpoints: int | None = None
    service: NamespacedName | None = None


# -- dns ---------------------------------------------------------------------


class Rcode(Enum):
    """DNS response codes; NODATA is NOERROR with no answers."""

    NOERROR = "NOERROR"
    NXDOMAIN = "NXDOMAIN"
    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    FORMERR = "FORMERR"
    NOTIMP = "NOTIMP"


@frozen(cache_hash=True)
class Query:
    """A question to the cluster DNS server: a fully qualified name and a record type.

    `name` has no trailing dot; `type` is A, AAAA, SRV, PTR, CNAME, TXT, ...
    """

    name: str
    type: str


@frozen(order=True)
class Record:
    """A resource record.

    `data` is the text of the RDATA without trailing dots: an address for A and
    AAAA, a name for CNAME and PTR, `priority weight port target` for SRV, the
    joined strings for TXT, `mname rname serial refresh retry expire minimum` for SOA.
    `ttl` (seconds) is no part of what a record states.
    """

    name: str
    type: str
    data: str
    ttl: int | None = field(default=None, eq=False, order=False)


@frozen
class Answer:
    """The rcode and the answer section, and what else of the message is told.

    Whoever does not tell the rest leaves it None and is not judged by it; the feature
    `dns-messages` claims that it is told.  `authoritative` is the flag AA; `authority`
    and `additional` are the other two sections, without OPT; `repeated` are the records
    of the answer section that are in it more than once.
    """

    rcode: Rcode
    records: frozenset[Record] = frozenset()
    authoritative: bool | None = field(default=None, eq=False)
    authority: frozenset[Record] | None = field(default=None, eq=False)
    additional: frozenset[Record] | None = field(default=None, eq=False)
    repeated: frozenset[Record] | None = field(default=None, eq=False)


@frozen
class ResolverConfig:
    """What the node agent writes into a pod's resolv.conf."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[PodDNSConfigOption, ...] = ()


# -- environment -------------------------------------------------------------


@frozen
class ContainerName:
    """A container of a pod, as of the moment at which it was started."""

    namespace: str
    pod: str
    container: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}/{self.container}"


@frozen
class Environment:
    """The variables of a container, or why it could not be created."""

    variables: FrozenMap[str, str] = EMPTY
    error: str | None = None


# -- ports: the API server's part --------------------------------------------


class Verb(Enum):
    """What is done to a Service.

    An update of the status goes to the subresource `status`: it takes the status
    from the Service that is sent, and leaves the spec alone.
    """

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UPDATE_STATUS = "update-status"


@frozen
class ApiRequest:
    """One request.  A deletion only looks at the name and the namespace.

    With `dry_run` it is tried only: answered, but not carried out.
    """

    verb: Verb
    service: Service
    dry_run: bool = False


@frozen
class ApiSession:
    """Requests in order, to an API server that holds these Services at the start, and no others.

    There are only any for an implementation that claims `existing-objects`: they were
    stored by an earlier configuration of the cluster, or by an older release, and need
    not keep to today's rules.  What they have of cluster IPs and node ports is taken.
    """

    settings: ClusterSettings
    requests: tuple[ApiRequest, ...]
    services: tuple[Service, ...] = ()


@frozen(order=True)
class Cause:
    """One reason of a rejection: the field path and the API's cause type.

    `reason` is one of Required, Invalid, Duplicate, Forbidden, NotSupported,
    TooMany, TooLong, Immutable.
    """

    field: str
    reason: str


@frozen
class ApiResponse:
    """HTTP status code, the stored Service if there is one, the causes if rejected."""

    code: int
    service: Service | None = None
    causes: tuple[Cause, ...] = ()


@frozen
class EndpointsRequest:
    """An EndpointSlice or a legacy Endpoints object that is to be created; with `old`, an update of it.

    `old` is what the server has under its name, and nothing else decides.  It keeps to
    today's rules, unless the implementation claims `existing-objects`.
    """

    object: EndpointSlice | Endpoints
    old: EndpointSlice | Endpoints | None = None
