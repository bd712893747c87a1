# SPDX-License-Identifier: Apache-2.0
"""The answers of an API server that says no: a code, a reason and a message, as a Status object.

Source: k8s.io/apimachinery `pkg/api/errors/errors.go`.
"""

from __future__ import annotations

from typing import Any

from conformance.watch_api.resources import Resource

__all__ = [
    "Failure",
    "already_exists",
    "bad_request",
    "conflict",
    "expired",
    "forbidden",
    "internal_error",
    "invalid",
    "method_not_allowed",
    "not_acceptable",
    "not_found",
    "nothing_there",
    "too_large_a_body",
    "too_large_a_version",
    "too_slow_a_body",
    "unsupported_media_type",
]


class Failure(Exception):
    """A request that is refused.  `status` is the Status object that says why."""

    def __init__(self, code: int, reason: str, message: str, *, token: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": token} if token else {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }
        if details:
            self.status["details"] = details


def _of(resource: Resource, name: str = "") -> dict[str, str]:
    found = {"group": resource.group, "kind": resource.plural, "name": name}
    return {key: value for key, value in found.items() if value}


def bad_request(message: str) -> Failure:
    """400: a parameter or a body that cannot be read."""
    return Failure(400, "BadRequest", message)


def invalid(kind: str, *causes: tuple[str, str]) -> Failure:
    """422: well-formed but not allowed; `causes` are fields and what is wrong with each."""
    text = ", ".join(f"{where}: {what}" for where, what in causes)
    return Failure(
        422,
        "Invalid",
        f"{kind} is invalid: {text}",
        kind=kind,
        causes=[{"reason": "FieldValueInvalid", "message": what, "field": where} for where, what in causes],
    )


def not_found(resource: Resource, name: str) -> Failure:
    """404: no such object."""
    return Failure(404, "NotFound", f'{resource.qualified} "{name}" not found', **_of(resource, name))


def nothing_there(path: str) -> Failure:
    """404: nothing is served under this path."""
    return Failure(404, "NotFound", f"the server could not find the requested resource ({path})")


def method_not_allowed(method: str, path: str) -> Failure:
    """405: the path exists, but not for this method."""
    return Failure(405, "MethodNotAllowed", f"{method} is not supported on {path}")


def not_acceptable() -> Failure:
    """406: the client takes no answer in JSON."""
    return Failure(406, "NotAcceptable", "only the following media types are accepted: application/json")


def unsupported_media_type(found: str) -> Failure:
    """415: a body that is not in JSON."""
    return Failure(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format ({found}) - accepted media types include: "
        "application/json",
    )


def forbidden(resource: Resource, name: str, why: str) -> Failure:
    """403: what is served is not the client's to change."""
    subject = f'{resource.qualified} "{name}"' if name else resource.qualified
    return Failure(403, "Forbidden", f"{subject} is forbidden: {why}", **_of(resource, name))


def already_exists(resource: Resource, name: str) -> Failure:
    """409: there is such an object already."""
    return Failure(
        409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', **_of(resource, name)
    )


def conflict(resource: Resource, name: str) -> Failure:
    """409: the object has changed since the client read it."""
    return Failure(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again",
        **_of(resource, name),
    )


def too_slow_a_body() -> Failure:
    """408: the body of a request did not arrive in time."""
    return Failure(408, "Timeout", "the body of the request did not arrive in time")


def too_large_a_body(limit: int) -> Failure:
    """413: a body of more than `limit` bytes."""
    return Failure(413, "RequestEntityTooLarge", f"the body of the request is larger than {limit} bytes")


def expired(message: str, *, token: str = "") -> Failure:
    """410: a version that is no longer kept; `token` continues a list at the newest version."""
    return Failure(410, "Expired", message, token=token)


def too_large_a_version(wanted: int, current: int) -> Failure:
    """504: a version that is not there yet.

    A real server waits 3 seconds for it and adds a Retry-After of one second. Here the
    versions come from one place and at once, so that waiting would change nothing: the
    answer comes immediately, and the client lists again without a minimum.
    """
    return Failure(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {wanted}, current: {current}",
        causes=[{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
    )


def internal_error(message: str) -> Failure:
    """500: a mistake in the server."""
    return Failure(500, "InternalError", f"Internal error occurred: {message}")
