# SPDX-License-Identifier: Apache-2.0
"""The file with which a program finds the API."""

from __future__ import annotations

from urllib.parse import urlsplit

import yaml

__all__ = ["kubeconfig"]

_NAME = "conformance"


def kubeconfig(*, server: str) -> str:
    """A kubeconfig in YAML for `server`, `http://host:port`, without credentials."""
    parts = urlsplit(server)
    if parts.scheme != "http" or not parts.hostname or parts.port is None or parts.path.strip("/"):
        raise ValueError(f"expected http://host:port, got {server!r}")
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": _NAME, "cluster": {"server": server}}],
            "users": [{"name": _NAME, "user": {}}],
            "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
            "current-context": _NAME,
        },
        sort_keys=False,
    )
