# SPDX-License-Identifier: Apache-2.0
"""The questions about endpoints: which slices does the controller want for each Service?"""

from __future__ import annotations

from reference.objects import Cluster, NamespacedName


def services(cluster: Cluster) -> tuple[NamespacedName, ...]:
    """Every Service of the cluster, those without slices included."""
    return tuple(
        NamespacedName(service.metadata.namespace, service.metadata.name) for service in cluster.services
    )
