# SPDX-License-Identifier: Apache-2.0
"""Answers to lists: at which version, and page by page.

Source: k8s.io/apiserver `pkg/storage/cacher/delegator/interface.go`, `pkg/storage/interfaces.go`
(ValidateListOptions), `pkg/storage/continue.go`, `pkg/storage/etcd3/errors.go`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from conformance.watch_api.objects import Stored, encoded
from conformance.watch_api.options import EXACT, ListOptions
from conformance.watch_api.resources import Resource
from conformance.watch_api.statuses import bad_request, expired, too_large_a_version
from conformance.watch_api.store import Expired, NotYet, Snapshot, Store

__all__ = ["listed"]

_NEWEST = -1  # in a token: go on at the newest version, whatever was listed before


def listed(store: Store, resource: Resource, options: ListOptions) -> bytes:
    """The list in JSON; Failure 400, 410 or 504 where there is none."""
    start, snapshot = _snapshot(store, resource, options)
    items = [
        item for item in snapshot.items if item.path.encode() >= start and options.selection.selects(item)
    ]
    # A cache that may answer with any version does not page.
    limit = 0 if options.limit < 0 or options.resource_version == 0 else options.limit
    if not limit or len(items) <= limit:
        return _document(resource, snapshot.version, items, {})
    page = items[:limit]
    rest: dict[str, object] = {"continue": _token(page[-1].path.encode() + b"\0", snapshot.version)}
    if not options.selection.has_selector:
        rest["remainingItemCount"] = len(items) - limit
    return _document(resource, snapshot.version, page, rest)


def _snapshot(store: Store, resource: Resource, options: ListOptions) -> tuple[bytes, Snapshot]:
    """Where the page starts, and what it is a page of."""
    wanted = options.resource_version
    if options.token:
        start, version = _read(options.token)
        if wanted:
            raise bad_request("specifying resource version is not allowed when using continue")
        try:
            return start, store.snapshot(resource, at=None if version == _NEWEST else version)
        except Expired as error:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You can "
                "start a new list without it, or use the continue token in this response to retrieve the "
                "remainder, which may then not fit what was listed before.",
                token=_token(start, _NEWEST),
            ) from error
        except NotYet as error:
            raise too_large_a_version(error.wanted, error.current) from error
    is_exact = options.match == EXACT or (not options.match and options.limit > 0)
    try:
        if wanted and is_exact:
            return b"", store.snapshot(resource, at=wanted)
        snapshot = store.snapshot(resource)
    except Expired as error:
        raise expired("The resourceVersion for the provided list is too old.") from error
    except NotYet as error:
        raise too_large_a_version(error.wanted, error.current) from error
    if wanted and wanted > snapshot.version:
        raise too_large_a_version(wanted, snapshot.version)
    return b"", snapshot


def _document(resource: Resource, version: int, items: Sequence[Stored], rest: dict[str, object]) -> bytes:
    head = encoded(
        {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": {"resourceVersion": str(version), **rest},
        }
    )
    return head[:-1] + b',"items":[' + b",".join(item.text for item in items) + b"]}"


def _token(start: bytes, version: int) -> str:
    text = encoded({"v": "meta.k8s.io/v1", "rv": version, "start": start.decode()})
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _read(token: str) -> tuple[bytes, int]:
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        found = json.loads(text)
        start, version = found["start"], found["rv"]
        is_right = found["v"] == "meta.k8s.io/v1" and isinstance(start, str) and bool(start)
        if not is_right or type(version) is not int or version == 0:
            raise ValueError(token)
        return start.encode(), max(version, _NEWEST)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise bad_request("invalid continue token: continue key is not valid") from error
