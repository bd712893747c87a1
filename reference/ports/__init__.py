# SPDX-License-Identifier: Apache-2.0
"""The API server's part: defaulting, allocation, admission and storage of Services.

`defaulting` fills in what does not depend on the cluster, `families`, `pools`
and `allocation` what does, `admission` and `transitions` say what is refused,
`server` puts them together in the order in which the API server does, and
`mapping` says which address and port leads to which Service port.  EndpointSlices and
legacy Endpoints, which are only validated, are in `endpoint_requests`.
"""

from __future__ import annotations

from reference.ports.admission import validate_create
from reference.ports.defaulting import with_defaults
from reference.ports.endpoint_requests import admission_of, answer_endpoints
from reference.ports.mapping import Frontend, FrontendKind, frontends
from reference.ports.pools import Allocations, allowed_dynamic_cluster_ips, allowed_dynamic_node_ports
from reference.ports.server import Expectation, Server, serve
from reference.ports.transitions import validate_update

__all__ = [
    "Allocations",
    "Expectation",
    "Frontend",
    "FrontendKind",
    "Server",
    "admission_of",
    "allowed_dynamic_cluster_ips",
    "allowed_dynamic_node_ports",
    "answer_endpoints",
    "frontends",
    "serve",
    "validate_create",
    "validate_update",
    "with_defaults",
]
