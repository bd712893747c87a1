# SPDX-License-Identifier: Apache-2.0
"""Kubernetes Services as a tutorial tells them, on plain JSON objects.

Deliberately independent: it imports nothing of the suite.  It is right about the
usual case and wrong about much else, as first implementations are; the suite has
to find that out.  Do not mend it.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def labels_of(item: Json) -> dict[str, str]:
    """The labels of an API object."""
    return dict(item["metadata"].get("labels", {}))


def is_ready(pod: Json) -> bool:
    """A pod is ready when its Ready condition says so."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


class NaiveServices:
    """Everything that the tutorial mentions."""

    def __init__(self) -> None:
        self.objects: list[Json] = []
        self.domain = "cluster.local"

    def apply(self, cluster: Json) -> None:
        """Remember the cluster."""
        self.objects = cluster.get("objects", [])
        self.domain = cluster.get("settings", {}).get("clusterDomain", "cluster.local")

    def _all(self, kind: str) -> list[Json]:
        return [item for item in self.objects if item["kind"] == kind]

    def _find(self, kind: str, namespace: str, name: str) -> Json | None:
        for item in self._all(kind):
            meta = item["metadata"]
            if meta["name"] == name and meta.get("namespace", "default") == namespace:
                return item
        return None

    # -- selectors -----------------------------------------------------------

    def select(self, question: Json) -> str:
        """Compare labels."""
        selector, labels = question.get("selector"), question.get("labels", {})
        if question["form"] == "string":
            for part in (selector or "").split(","):
                key, _, value = part.strip().replace("==", "=").partition("=")
                if key.endswith("!"):
                    if key[:-1].strip() not in labels or labels[key[:-1].strip()] == value:
                        return "does-not-match"
                elif labels.get(key.strip()) != value.strip():
                    return "does-not-match"
            return "matches"
        if question["form"] == "label-selector":
            wanted = dict((selector or {}).get("matchLabels", {}))
            for expression in (selector or {}).get("matchExpressions", []):
                have = labels.get(expression["key"])
                values = expression.get("values", [])
                good = {
                    "In": have in values,
                    "NotIn": have is not None and have not in values,
                    "Exists": have is not None,
                    "DoesNotExist": have is None,
                }.get(expression["operator"], False)
                if not good:
                    return "does-not-match"
        else:
            wanted = selector or {}
        matches = all(labels.get(key) == value for key, value in wanted.items())
        return "matches" if matches else "does-not-match"

    # -- endpoints -----------------------------------------------------------

    def endpoint_slices(self, name: Json) -> list[Json]:
        """One slice with all running pods that match."""
        service = self._find("Service", name["namespace"], name["name"])
        if service is None or not service["spec"].get("selector"):
            return []
        ports = []
        endpoints = []
        for pod in self._all("Pod"):
            if pod["metadata"].get("namespace") != name["namespace"]:
                continue
            selector = service["spec"]["selector"]
            if any(labels_of(pod).get(key) != value for key, value in selector.items()):
                continue
            if not pod.get("status", {}).get("podIP"):
                continue
            ready = is_ready(pod)
            endpoints.append(
                {
                    "addresses": [pod["status"]["podIP"]],
                    "conditions": {"ready": ready, "serving": ready, "terminating": False},
                    "nodeName": pod["spec"].get("nodeName"),
                    "targetRef": {
                        "kind": "Pod",
                        "namespace": name["namespace"],
                        "name": pod["metadata"]["name"],
                    },
                }
            )
        for port in service["spec"].get("ports", []):
            target = port.get("targetPort", port["port"])
            if isinstance(target, str):
                target = self._named_port(service, target) or port["port"]
            ports.append(
                {"name": port.get("name", ""), "port": target, "protocol": port.get("protocol", "TCP")}
            )
        return [
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": f"{name['name']}-1",
                    "namespace": name["namespace"],
                    "labels": {
                        "kubernetes.io/service-name": name["name"],
                        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    },
                },
                "addressType": "IPv4",
                "endpoints": endpoints,
                "ports": ports,
            }
        ]

    def _named_port(self, service: Json, wanted: str) -> int | None:
        for pod in self._all("Pod"):
            for container in pod["spec"].get("containers", []):
                for port in container.get("ports", []):
                    if port.get("name") == wanted:
                        return int(port["containerPort"])
        return None

    # -- routing -------------------------------------------------------------

    def route(self, flow: Json) -> Json:
        """Find the Service of the address, and its ready endpoints."""
        node_ips = {
            address["address"]
            for node in self._all("Node")
            for address in node.get("status", {}).get("addresses", [])
        }
        for service in self._all("Service"):
            spec = service["spec"]
            ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
            addresses = {
                spec.get("clusterIP"),
                *spec.get("externalIPs", []),
                *(entry.get("ip") for entry in ingress),
            }
            for port in spec.get("ports", []):
                direct = flow["ip"] in addresses and flow["port"] == port["port"]
                by_node = flow["ip"] in node_ips and flow["port"] == port.get("nodePort")
                if not direct and not by_node:
                    continue
                local = spec.get("externalTrafficPolicy") == "Local" and by_node
                backends = self._backends(service, port, flow["client"]["node"] if local else None)
                if not backends:
                    return {"outcome": "drop"}
                masqueraded = backends if by_node else []
                return {"outcome": "forward", "backends": backends, "masqueraded": masqueraded}
        return {"outcome": "not-a-service"}

    def _backends(self, service: Json, port: Json, node: str | None) -> list[Json]:
        found = []
        for piece in self._all("EndpointSlice"):
            if labels_of(piece).get("kubernetes.io/service-name") != service["metadata"]["name"]:
                continue
            if piece["metadata"].get("namespace") != service["metadata"].get("namespace"):
                continue
            for slice_port in piece.get("ports", []):
                if slice_port.get("name", "") != port.get("name", ""):
                    continue
                for endpoint in piece.get("endpoints", []):
                    if not endpoint.get("conditions", {}).get("ready", True):
                        continue
                    if node is not None and endpoint.get("nodeName") != node:
                        continue
                    backend = {"ip": endpoint["addresses"][0], "port": slice_port["port"]}
                    if backend not in found:
                        found.append(backend)
        return found

    # -- dns -----------------------------------------------------------------

    def resolve(self, query: Json) -> Json:
        """`service.namespace.svc.domain`, nothing else."""
        name, kind = query["name"], query["type"]
        suffix = f".svc.{self.domain}"
        if name == f"dns-version.{self.domain}" and kind == "TXT":
            return {"rcode": "NOERROR", "records": [{"name": name, "type": "TXT", "data": "1.1.0"}]}
        if not name.endswith(suffix):
            return {"rcode": "NXDOMAIN"}
        parts = name[: -len(suffix)].split(".")
        port = protocol = None
        if len(parts) == 4:
            port, protocol = parts[0].lstrip("_"), parts[1].lstrip("_")
            parts = parts[2:]
        if len(parts) != 2:
            return {"rcode": "NXDOMAIN"}
        service = self._find("Service", parts[1], parts[0])
        if service is None:
            return {"rcode": "NXDOMAIN"}
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            record = {"name": name, "type": "CNAME", "data": spec["externalName"]}
            return {"rcode": "NOERROR", "records": [record]}
        records = []
        if kind == "A":
            ips = [spec.get("clusterIP")]
            if spec.get("clusterIP") == "None":
                ips = [
                    address
                    for piece in self._all("EndpointSlice")
                    if labels_of(piece).get("kubernetes.io/service-name") == parts[0]
                    for endpoint in piece.get("endpoints", [])
                    for address in endpoint["addresses"]
                ]
            records = [{"name": name, "type": "A", "data": ip} for ip in dict.fromkeys(ips)]
        if kind == "SRV" and port:
            target = f"{parts[0]}.{parts[1]}{suffix}"
            records = [
                {"name": name, "type": "SRV", "data": f"0 100 {entry['port']} {target}"}
                for entry in spec.get("ports", [])
                if entry.get("name") == port and entry.get("protocol", "TCP").lower() == protocol
            ]
        return {"rcode": "NOERROR", "records": records}

    # -- environment ---------------------------------------------------------

    def environment(self, container: Json) -> Json:
        """HOST and PORT of every Service in the namespace, then the container's own."""
        variables: dict[str, str] = {}
        for service in self._all("Service"):
            spec = service["spec"]
            if service["metadata"].get("namespace") != container["namespace"] or not spec.get("clusterIP"):
                continue
            prefix = service["metadata"]["name"].upper().replace("-", "_")
            host, port = spec["clusterIP"], spec["ports"][0]["port"] if spec.get("ports") else 0
            variables[f"{prefix}_SERVICE_HOST"] = host
            variables[f"{prefix}_SERVICE_PORT"] = str(port)
            variables[f"{prefix}_PORT"] = f"tcp://{host}:{port}"
            for entry in spec.get("ports", []):
                number, protocol = entry["port"], entry.get("protocol", "TCP")
                base = f"{prefix}_PORT_{number}_{protocol}"
                variables[base] = f"{protocol.lower()}://{host}:{number}"
                variables[f"{base}_PROTO"] = protocol.lower()
                variables[f"{base}_PORT"] = str(number)
                variables[f"{base}_ADDR"] = host
        pod = self._find("Pod", container["namespace"], container["pod"])
        for entry in (pod or {"spec": {}})["spec"].get("containers", []):
            if entry["name"] == container["container"]:
                for variable in entry.get("env", []):
                    variables[variable["name"]] = variable.get("value", "")
        return {"variables": variables}

    # -- ports ---------------------------------------------------------------

    def admit(self, session: Json) -> list[Json]:
        """Store Services; node ports are counted up from the start of the range."""
        stored: dict[tuple[str, str], Json] = {}
        low, high = session.get("settings", {}).get("nodePortRange", (30000, 32767))
        next_ip = 10
        responses: list[Json] = []
        for request in session["requests"]:
            service = request["service"]
            meta = service["metadata"]
            key = (meta.get("namespace", "default"), meta.get("name", ""))
            if request["verb"] == "delete":
                responses.append({"code": 200 if stored.pop(key, None) else 404})
                continue
            spec = service.setdefault("spec", {})
            spec.setdefault("type", "ClusterIP")
            used = {
                port.get("nodePort")
                for other, entry in stored.items()
                if other != key
                for port in entry["spec"].get("ports", [])
            }
            if not key[1]:
                responses.append({"code": 422, "causes": [{"field": "metadata.name", "reason": "Required"}]})
                continue
            if spec["type"] != "ExternalName" and not spec.get("clusterIP"):
                spec["clusterIP"] = f"10.96.0.{next_ip}"
                next_ip += 1
            taken = False
            for index, port in enumerate(spec.get("ports", [])):
                port.setdefault("protocol", "TCP")
                port.setdefault("targetPort", port["port"])
                if spec["type"] in ("NodePort", "LoadBalancer"):
                    if not port.get("nodePort"):
                        port["nodePort"] = next(
                            number for number in range(low, high + 99) if number not in used
                        )
                    elif port["nodePort"] in used or not low <= port["nodePort"] <= high:
                        cause = {"field": f"spec.ports[{index}].nodePort", "reason": "Invalid"}
                        responses.append({"code": 422, "causes": [cause]})
                        taken = True
                        break
                    used.add(port["nodePort"])
            if taken:
                continue
            code = 200 if key in stored else 201
            stored[key] = service
            responses.append({"code": code, "service": service})
        return responses
