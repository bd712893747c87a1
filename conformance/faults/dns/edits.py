# SPDX-License-Identifier: Apache-2.0
"""Services that are edited keep records of what they were."""

from __future__ import annotations

from attrs import evolve

from conformance.faults.base import behaves
from conformance.faults.dns.making import Server
from reference.objects import Cluster, Service


class _Remembering(Server):
    def update(self, cluster: Cluster) -> None:
        """Take what is new, and keep some of what was there."""
        before = {(each.metadata.namespace, each.metadata.name): each for each in self.applied.services}
        kept = tuple(
            self.keep(before.get((each.metadata.namespace, each.metadata.name)), each)
            for each in cluster.services
        )
        self.apply(evolve(cluster, services=kept))

    def keep(self, before: Service | None, now: Service) -> Service:
        """What a Service is taken for."""
        return now


@behaves("DNS-A-008", "DNS-CNAME-012")
class ExternalNamesStay(_Remembering):
    """A Service that once had an external name keeps it."""

    def keep(self, before: Service | None, now: Service) -> Service:
        """The Service as it was."""
        return before if before is not None and before.spec.type == "ExternalName" else now


@behaves("DNS-CNAME-012")
class AddressesComeBeforeExternalNames(_Remembering):
    """A Service that had a cluster IP keeps it when it gets an external name."""

    def keep(self, before: Service | None, now: Service) -> Service:
        """The Service as it was."""
        was = before is not None and before.spec.type != "ExternalName"
        return before if was and before is not None and now.spec.type == "ExternalName" else now


@behaves("DNS-AAAA-005")
class SecondAddressesStay(_Remembering):
    """The second address of a Service stays published when it is dropped."""

    def keep(self, before: Service | None, now: Service) -> Service:
        """The Service with the addresses that it had."""
        if before is None or now.spec.cluster_ips != before.spec.cluster_ips[:1]:
            return now
        return evolve(now, spec=evolve(now.spec, cluster_ips=before.spec.cluster_ips))
