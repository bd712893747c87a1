# SPDX-License-Identifier: Apache-2.0
"""Legacy Endpoints objects in manifests, mirrored to EndpointSlices as a cluster does (EP-041, EP-042).

The usual way to give a Service without a selector its addresses by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reference.endpoints.mirroring import MIRRORING_CONTROLLER, mirrored_slices
from reference.objects import (
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Endpoints,
    EndpointSlice,
    Service,
)


def mirrored(
    endpoints: Iterable[Endpoints], services: Iterable[Service], existing: Iterable[EndpointSlice]
) -> Iterator[EndpointSlice]:
    """The slices that mirror `endpoints`, but for those that are mirrored already."""
    named = {(service.metadata.namespace, service.metadata.name): service for service in services}
    done = {
        (item.metadata.namespace, item.metadata.labels.get(SERVICE_NAME_LABEL))
        for item in existing
        if item.metadata.labels.get(MANAGED_BY_LABEL) == MIRRORING_CONTROLLER
    }
    for item in endpoints:
        key = (item.metadata.namespace, item.metadata.name)
        if key not in done:
            yield from mirrored_slices(item, named.get(key))
