# SPDX-License-Identifier: Apache-2.0
"""HTTP: requests are told apart, answered from the store, and recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timezone

from aiohttp import ClientError, web
from attrs import frozen

from conformance.watch_api.discovery import documents
from conformance.watch_api.listing import listed
from conformance.watch_api.objects import encoded
from conformance.watch_api.options import ListOptions, options_of, version_of
from conformance.watch_api.resources import Route, Routes
from conformance.watch_api.statuses import (
    Failure,
    internal_error,
    method_not_allowed,
    not_acceptable,
    not_found,
    nothing_there,
    too_large_a_body,
    too_large_a_version,
    too_slow_a_body,
)
from conformance.watch_api.store import Store
from conformance.watch_api.streaming import Streams, stream
from conformance.watch_api.watching import Watch
from conformance.watch_api.writing import REVIEWS, Written, reviewed, write

__all__ = ["Handler", "Request", "now"]

_LOG = logging.getLogger(__name__)
_JSON = "application/json"
_BODY_SECONDS = 5.0
_HEALTH = (["healthz"], ["readyz"], ["livez"])  # and the checks below them


@frozen
class Request:
    """A request that was made, and the code of its answer."""

    method: str
    path: str
    query: str
    status: int
    user_agent: str


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Handler:
    """Answers each request.  `record` is called with each, before its answer is sent."""

    def __init__(self, *, store: Store, streams: Streams, record: Callable[[Request], None]) -> None:
        self._store = store
        self._streams = streams
        self._record = record
        self._routes = Routes(store.resources.values())
        self._documents = documents(store.resources.values())

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer; a Status for whatever cannot be answered."""
        try:
            return await self._answer(request)
        except Failure as failure:
            return self._respond(request, failure.code, encoded(failure.status))
        except (ConnectionError, ClientError):
            raise
        except Exception as error:
            _LOG.exception("%s %s", request.method, request.path_qs)
            mistake = internal_error(type(error).__name__)
            return self._respond(request, mistake.code, encoded(mistake.status))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path, method = request.path, request.method
        if path.split("/")[1:2] in _HEALTH:
            return self._respond(request, 200, b"ok", content_type="text/plain")
        if not _takes_json(request.headers.getall("Accept", [])):
            raise not_acceptable()
        if path == REVIEWS and method == "POST":
            written = reviewed(_content_type(request), await _body(request))
            return self._respond(request, written.code, written.text)
        document = self._documents.get(path.rstrip("/"))
        route = self._routes.find(path)
        if document is None and route is None:
            raise nothing_there(path)
        if document is not None or route is None:
            if method != "GET":
                raise method_not_allowed(method, path)
            return self._respond(request, 200, document or b"")
        if method == "GET":
            return await self._read(request, route)
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            written = await self._write(request, route)
            return self._respond(request, written.code, written.text)
        raise method_not_allowed(method, path)

    async def _read(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        resource = route.resource
        if route.name:
            if route.subresource not in ("", "status"):
                raise nothing_there(request.path)
            version = version_of(request.query) or 0
            stored = self._store.get(resource, (route.namespace, route.name))
            if version > self._store.version:
                raise too_large_a_version(version, self._store.version)
            if stored is None:
                raise not_found(resource, route.name)
            return self._respond(request, 200, stored.text)
        options = options_of(route, request.query)
        if options.watch:
            return await self._watch(request, route, options)
        return self._respond(request, 200, listed(self._store, resource, options))

    async def _watch(
        self, request: web.BaseRequest, route: Route, options: ListOptions
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        self._note(request, response.status)
        watch = Watch(self._store, route.resource, options)
        try:
            await stream(watch, request, response, streams=self._streams)
        except (ConnectionError, ClientError):
            raise  # the client has left
        except Exception:
            # The answer has begun, so that nothing but its end can tell of a mistake.
            _LOG.exception("%s %s", request.method, request.path_qs)
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _write(self, request: web.BaseRequest, route: Route) -> Written:
        written = write(
            self._store,
            route,
            request.method,
            content_type=_content_type(request),
            body=await _body(request),
            created=now(),
        )
        self._streams.wake()  # a lease may have changed
        return written

    def _respond(
        self, request: web.BaseRequest, code: int, body: bytes, *, content_type: str = _JSON
    ) -> web.Response:
        self._note(request, code)
        return web.Response(status=code, body=body, headers={"Content-Type": content_type})

    def _note(self, request: web.BaseRequest, code: int) -> None:
        agent = request.headers.get("User-Agent", "")
        self._record(Request(request.method, request.path, request.query_string, code, agent))


def _content_type(request: web.BaseRequest) -> str:
    """As it was sent; empty if it was not, which stands for JSON."""
    return request.content_type if "Content-Type" in request.headers else ""


async def _body(request: web.BaseRequest) -> bytes:
    """The body, if it is neither too long nor too slow."""
    try:
        return await asyncio.wait_for(request.read(), _BODY_SECONDS)
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large_a_body(request.client_max_size) from error
    except asyncio.TimeoutError as error:
        raise too_slow_a_body() from error


def _takes_json(accepted: list[str]) -> bool:
    """Whether a client takes plain JSON: no table, and no list of metadata alone."""
    clauses = [clause for line in accepted for clause in line.split(",") if clause.strip()]
    for clause in clauses:
        kind, *parameters = (part.strip().lower() for part in clause.split(";"))
        if kind in (_JSON, "application/*", "*/*") and not any(item.startswith("as=") for item in parameters):
            return True
    return not clauses
