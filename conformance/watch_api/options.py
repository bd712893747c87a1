# SPDX-License-Identifier: Apache-2.0
"""The parameters of a list or a watch.

Source: k8s.io/apimachinery `pkg/apis/meta/internalversion` (`defaults.go`,
`validation/validation.go`), `pkg/runtime/conversion.go`; k8s.io/apiserver
`pkg/endpoints/handlers/get.go`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from conformance.watch_api.resources import Route
from conformance.watch_api.selection import Selection, field_requirements, label_requirements
from conformance.watch_api.statuses import bad_request, invalid

__all__ = ["EXACT", "NOT_OLDER_THAN", "ListOptions", "options_of", "version_of"]

EXACT = "Exact"
NOT_OLDER_THAN = "NotOlderThan"


@frozen
class ListOptions:
    """What is asked for, read and checked.

    `resource_version` is None where none is given; 0 stands for any version.
    `timeout` is in seconds, None where none is given.
    """

    selection: Selection
    watch: bool
    resource_version: int | None
    match: str
    limit: int
    token: str
    bookmarks: bool
    initial_events: bool | None
    timeout: int | None


def options_of(route: Route, query: Mapping[str, str]) -> ListOptions:
    """The options of a request for a collection; Failure 400 or 422 for those that are refused."""
    watch = _flag(query, "watch") or False
    options = ListOptions(
        selection=Selection(
            namespace=route.namespace,
            labels=label_requirements(query.get("labelSelector", "")),
            fields=field_requirements(route.resource, query.get("fieldSelector", "")),
        ),
        watch=watch,
        resource_version=version_of(query, of_watch=watch),
        match=query.get("resourceVersionMatch", ""),
        limit=_integer(query, "limit") or 0,
        token=query.get("continue", ""),
        bookmarks=_flag(query, "allowWatchBookmarks") or False,
        initial_events=_flag(query, "sendInitialEvents"),
        timeout=_integer(query, "timeoutSeconds"),
    )
    causes = list(_of_watch(options) if watch else _of_list(options))
    if causes:
        raise invalid("ListOptions.meta.k8s.io", *causes)
    return options


def version_of(query: Mapping[str, str], *, of_watch: bool = False) -> int | None:
    """The parameter `resourceVersion`; Failure if it is no number.

    The real server answers a watch with 422 and everything else with 400.
    """
    text = query.get("resourceVersion", "")
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,20}", text) is None or int(text) >= 2**64:
        if of_watch:
            raise invalid("resource version", ("resourceVersion", f"Invalid value: {text!r}: no number"))
        raise bad_request(f"invalid resource version: {text!r} is no number")
    return int(text)


def _of_list(options: ListOptions) -> list[tuple[str, str]]:
    causes = []
    if options.match:
        where = "resourceVersionMatch"
        if options.resource_version is None:
            causes.append((where, "Forbidden: is forbidden unless resourceVersion is provided"))
        if options.token:
            causes.append((where, "Forbidden: is forbidden when continue is provided"))
        if options.match not in (EXACT, NOT_OLDER_THAN):
            causes.append((where, f"Unsupported value: {options.match!r}: {EXACT!r}, {NOT_OLDER_THAN!r}"))
        if options.match == EXACT and options.resource_version == 0:
            causes.append((where, 'Forbidden: "exact" is forbidden for resourceVersion "0"'))
    if options.initial_events is not None:
        causes.append(("sendInitialEvents", "Forbidden: is forbidden for list"))
    return causes


def _of_watch(options: ListOptions) -> list[tuple[str, str]]:
    causes = []
    where = "resourceVersionMatch"
    if options.initial_events is not None and options.match != NOT_OLDER_THAN:
        causes.append((where, f"Forbidden: sendInitialEvents requires setting it to {NOT_OLDER_THAN}"))
    if options.match:
        if options.initial_events is None:
            causes.append((where, "Forbidden: is forbidden for watch unless sendInitialEvents is provided"))
        if options.match != NOT_OLDER_THAN:
            causes.append((where, f"Unsupported value: {options.match!r}: {NOT_OLDER_THAN!r}"))
        if options.token:
            causes.append((where, "Forbidden: is forbidden when continue is provided"))
    return causes


def _flag(query: Mapping[str, str], name: str) -> bool | None:
    """None if absent; false for `0` and `false`; true for everything else, the empty text too."""
    text = query.get(name)
    return None if text is None else text.lower() not in ("0", "false")


def _integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if re.fullmatch(r"[+-]?[0-9]{1,19}", text) is None or not -(2**63) <= int(text) < 2**63:
        raise bad_request(f"{name}: {text!r} is no integer of 64 bits")
    return int(text)
