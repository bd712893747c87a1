# SPDX-License-Identifier: Apache-2.0
"""How to know that a server has taken up a state.

Each state has a namespace, a headless Service, a slice and a pod of its own, the last of
their streams.  A server that answers for the Service's name has seen the Service and its
slice, and the namespace where it looks at any, and so all that came before in these
streams.  Where slices are no matter to it, a Service with a cluster IP tells the same but
for them.  Of pods it tells by the pod's own name, where these are verified.

Nobody else asks for these names: the namespaces are in no cluster, and their names in no
other run.  There are a few in turn, so that a server can be told to serve them.  The
addresses are from ranges that no cluster uses.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field, frozen

from conformance.dns_server.asking import Address, family_of, shown
from conformance.dns_server.messages import HEADER, TruncatedError, answer_of, body_of, id_of, worded
from reference.objects import SERVICE_NAME_LABEL
from reference.questions import Answer, Query

Plain = dict[str, Any]

NAME = "canary"
_NAMESPACES = 8
"""A state has another namespace than those of so many states around it."""
_ENDPOINT = "192.0.0.170"
_CLUSTER_IP = "192.0.0.171"
_POD = "100::{:x}"
_AGAIN = 0.0005
"""Seconds from an answer that is not the canary's to the next question."""
_SILENCE = 0.05
"""Seconds without an answer after which the question is sent once more."""
_NOTHING = "no answer at all"


def token() -> str:
    """What no other run has: the process, and the moment."""
    return f"{os.getpid():x}-{time.monotonic_ns():x}"


@frozen
class Canary:
    """The canary of one state; `run` is the token of the run."""

    run: str
    number: int

    @property
    def namespace(self) -> str:
        """The name of its namespace."""
        return namespaces(self.run)[self.number % _NAMESPACES]

    @property
    def name(self) -> str:
        """The name of its headless Service."""
        return f"{NAME}-{self.number}"

    @property
    def pod_ip(self) -> str:
        """The address of its pod."""
        return _POD.format(self.number % 0xFFFF + 1)

    def objects(self) -> Mapping[str, Sequence[Plain]]:
        """What is served for it, by the plural of the kind."""
        pod = {"phase": "Running", "podIP": self.pod_ip, "podIPs": [{"ip": self.pod_ip}]}
        return {
            "namespaces": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}],
            "services": [self._service(f"{self.name}-ip", _CLUSTER_IP), self._service(self.name, "None")],
            # Some servers leave out a Service without endpoints.
            "endpointslices": [self._slice(f"{self.name}-ip"), self._slice(self.name)],
            "pods": [
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": self._place(self.name),
                    "spec": {"containers": [{"name": NAME, "image": NAME}]},
                    "status": pod,
                }
            ],
        }

    def _service(self, name: str, ip: str) -> Plain:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self._place(name),
            "spec": {
                "type": "ClusterIP",
                "ports": [{"name": "", "protocol": "TCP", "port": 1, "targetPort": 1}],
                "clusterIP": ip,
                "clusterIPs": [ip],
                "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
                "internalTrafficPolicy": "Cluster",
                "sessionAffinity": "None",
            },
            "status": {"loadBalancer": {}},
        }

    def _slice(self, service: str) -> Plain:
        ready = {"ready": True, "serving": True, "terminating": False}
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**self._place(service), "labels": {SERVICE_NAME_LABEL: service}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [_ENDPOINT], "conditions": ready}],
            "ports": [{"name": "", "protocol": "TCP", "port": 1}],
        }

    def _place(self, name: str) -> Plain:
        return {"name": name, "namespace": self.namespace}

    def of_services(self, domain: str) -> Signal:
        """What tells that Services and namespaces were taken up, under a cluster domain."""
        return Signal(Query(f"{self.name}-ip.{self.namespace}.svc.{domain}", "A"), _CLUSTER_IP)

    def of_slices(self, domain: str) -> Signal:
        """What tells it of slices as well."""
        return Signal(Query(f"{self.name}.{self.namespace}.svc.{domain}", "A"), _ENDPOINT)

    def of_pods(self, domain: str) -> Signal:
        """What tells it of namespaces and pods."""
        label = self.pod_ip.replace(":", "-")
        return Signal(Query(f"{label}.{self.namespace}.pod.{domain}", "AAAA"), self.pod_ip)


def namespaces(run: str) -> tuple[str, ...]:
    """The namespaces of all canaries of a run."""
    return tuple(f"{NAME}-{run}-{number}" for number in range(_NAMESPACES))


@frozen
class Signal:
    """A query, and the data that its answer has once a state is taken up."""

    query: Query
    data: str

    def is_there(self, answer: Answer) -> bool:
        """Whether an answer tells it."""
        return any(record.data == self.data for record in answer.records)


@define
class Watch:
    """Asks for a signal over and over from one port until it is there; `last` is what came last, in words."""

    address: Address
    signal: Signal
    last: str = _NOTHING
    _sock: socket.socket = field(init=False)
    _number: int = 0

    def __attrs_post_init__(self) -> None:
        self._sock = socket.socket(family_of(self.address), socket.SOCK_DGRAM)
        self._sock.connect(self.address)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    @property
    def is_silent(self) -> bool:
        """Whether there was no answer to the last question."""
        return self.last == _NOTHING

    def __str__(self) -> str:
        return f"asked for {worded(self.signal.query)} it gave {self.last}"

    def look(self) -> bool:
        """Ask once, and wait a moment; whether it is there by the answer to any question until now.

        What is no answer is an AdapterFailure.
        """
        self._number += 1
        try:
            self._sock.settimeout(_SILENCE)
            self._sock.send(self._number.to_bytes(2, "big") + body_of(self.signal.query))
            wire = self._sock.recv(65535)
        except TimeoutError:
            self.last = _NOTHING
            return False
        except OSError as error:  # it may not listen yet
            self.last = f"nobody is listening at {shown(self.address)}: {error.strerror}"
            time.sleep(_AGAIN)
            return False
        if len(wire) >= HEADER and not 1 <= id_of(wire) <= self._number:
            self.last = "an answer with a wrong id"
            return False
        try:
            answer = answer_of(self.signal.query, wire)
        except TruncatedError:
            self.last = "a truncated answer"
            return False
        if self.signal.is_there(answer):
            return True
        self.last = answer.rcode.value if not answer.records else f"{answer.rcode.value} with other records"
        time.sleep(_AGAIN)
        return False


__all__ = ["Canary", "Signal", "Watch", "namespaces", "token"]
