# SPDX-License-Identifier: Apache-2.0
"""A server for the Kubernetes list and watch protocol, so that unmodified programs can be judged.

kube-proxy, CoreDNS and other programs built on client-go take their objects from an API
server. This one serves what it is given with `WatchApi.replace` and nothing else: it has
neither defaults nor admission, so the objects have to be complete. What becomes of writes
is told in `conformance.watch_api.writing`. Needs the extra `data-plane` or `dns-server`.
"""

from conformance.watch_api.api import WatchApi
from conformance.watch_api.kubeconfig import kubeconfig
from conformance.watch_api.resources import RESOURCES, Resource
from conformance.watch_api.server import Request

__all__ = ["RESOURCES", "Request", "Resource", "WatchApi", "kubeconfig"]
