# SPDX-License-Identifier: Apache-2.0
"""Reproducers: a failing example as a file that `kubectl apply` takes and `replay` judges again.

The file is multi-document YAML of ordinary API objects.  What is not an API
object stands above them in comment lines that begin with `#: `; those lines, the
marker taken off, are YAML themselves.  Nothing in the file depends on the version
of Hypothesis, on a seed or on how clusters are generated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from attrs import evolve, frozen

from conformance.areas import Area
from conformance.convert import ConversionError, cluster_from_plain, cluster_to_plain, from_plain, to_plain
from conformance.errors import UsageError, unknown
from conformance.example import Example
from conformance.files import read_limited, write_whole
from conformance.invariants import all_invariants
from conformance.manifests import dump, parse
from reference.objects import Cluster, ClusterSettings
from reference.ports import validate_create, with_defaults
from reference.questions import ApiSession, EndpointsRequest, Selection, Verb

VERSION = 1
_MARK = "#: "
_TITLE = "# kube-service-conformance reproducer"


@frozen
class Reproducer:
    """A stored failing example and what it shows."""

    invariant: str
    requirement: str
    example: Example
    expected: str = ""
    got: str = ""
    question: str = ""
    because: tuple[str, ...] = ()
    adapter: str = ""


def relevant(example: Example, area: Area) -> Example:
    """The part of an example that invariants of `area` look at."""
    if area is Area.SELECTORS:
        return Example(selections=example.selections)
    if area is Area.PORTS:
        return Example(
            sessions=example.sessions, endpoint_requests=example.endpoint_requests, list=example.list
        )
    return Example(cluster=example.cluster, list=example.list)


def _objects(example: Example) -> list[dict[str, Any]]:
    plain: list[dict[str, Any]] = cluster_to_plain(example.cluster)["objects"]
    return plain


def to_text(reproducer: Reproducer) -> str:
    """The text of the file."""
    example = reproducer.example
    header: dict[str, Any] = {
        "version": VERSION,
        "invariant": reproducer.invariant,
        "requirement": reproducer.requirement,
        "question": reproducer.question,
        "expected": reproducer.expected,
        "got": reproducer.got,
    }
    if reproducer.because:
        header["because"] = list(reproducer.because)
    if reproducer.adapter:
        header["adapter"] = reproducer.adapter
    if example.cluster.settings != ClusterSettings():
        header["settings"] = to_plain(example.cluster.settings)
    if example.selections:
        header["selections"] = [to_plain(selection) for selection in example.selections]
    if example.sessions:
        header["sessions"] = [to_plain(session) for session in example.sessions]
    if example.endpoint_requests:
        header["endpointRequests"] = [to_plain(request) for request in example.endpoint_requests]
    if example.list:
        header["list"] = example.list
    text = yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=100)
    lines = [_TITLE, *(_MARK + line for line in text.splitlines())]
    objects = _objects(example)
    body = dump(objects) if objects else _applicable_requests(example)
    return "\n".join(lines) + "\n" + ("---\n" + body if body else "")


def _applicable_requests(example: Example) -> str:
    """Created and updated objects as documents, for readers and for `kubectl apply`; the header decides."""
    objects = [
        to_plain(request.service)
        for session in example.sessions
        for request in session.requests
        if request.verb in (Verb.CREATE, Verb.UPDATE)
    ]
    for request in example.endpoint_requests:
        objects += [to_plain(item) for item in (request.old, request.object) if item is not None]
    return dump(objects) if objects else ""


def readable(example: Example) -> str:
    """An example as YAML: the API objects, or the selections or requests where there are none."""
    objects = _objects(example)
    if objects:
        return dump(objects)
    plain: dict[str, Any] = {}
    if example.selections:
        plain["selections"] = [to_plain(selection) for selection in example.selections]
    if example.sessions:
        plain["sessions"] = [to_plain(session) for session in example.sessions]
    if example.endpoint_requests:
        plain["endpointRequests"] = [to_plain(request) for request in example.endpoint_requests]
    return (
        yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
        if plain
        else "(an empty cluster)"
    )


def from_text(text: str, *, where: str) -> Reproducer:
    """The reproducer that `text` holds, or an error that says what is wrong and where."""
    header_lines = [line[len(_MARK) :] for line in text.splitlines() if line.startswith(_MARK)]
    if not header_lines:
        raise UsageError(
            "not a reproducer: no line begins with '#: '",
            where=where,
            hint="`run --manifests` judges ordinary manifests",
        )
    headers = parse("\n".join(header_lines), where=f"{where}, header")
    header = headers[0] if headers else None
    if not isinstance(header, dict):
        raise UsageError("the header is not a mapping", where=where)
    version = header.get("version")
    if version != VERSION:
        raise UsageError(
            f"reproducer version {version!r}, this suite reads version {VERSION}", where=f"{where}: version"
        )
    for key in header:
        if key not in _KEYS:
            raise unknown("field", str(key), _KEYS, where=f"{where}, header")
    invariant = _text(header, "invariant", where)
    if invariant not in all_invariants():
        raise unknown("invariant", invariant, all_invariants(), where=f"{where}: invariant")
    try:
        settings = from_plain(header.get("settings") or {}, ClusterSettings)
        selections = tuple(from_plain(item, Selection) for item in _list(header, "selections", where))
        sessions = tuple(from_plain(item, ApiSession) for item in _list(header, "sessions", where))
        requests = tuple(
            from_plain(item, EndpointsRequest) for item in _list(header, "endpointRequests", where)
        )
        documents = [] if sessions or selections or requests else parse(text, where=where)
        cluster = cluster_from_plain({"settings": {}, "objects": [doc for doc in documents if doc]})
    except ConversionError as error:
        raise UsageError(str(error), where=where) from error
    _admit(cluster, where)
    return Reproducer(
        invariant=invariant,
        requirement=_text(header, "requirement", where),
        example=Example(
            cluster=evolve(cluster, settings=settings),
            selections=selections,
            sessions=sessions,
            endpoint_requests=requests,
            list=_text(header, "list", where),
        ),
        expected=_text(header, "expected", where),
        got=_text(header, "got", where),
        question=_text(header, "question", where),
        because=tuple(str(item) for item in _list(header, "because", where)),
        adapter=_text(header, "adapter", where),
    )


def _admit(cluster: Cluster, where: str) -> None:
    """Refuse Services that no API server would hold: a verdict on them would say nothing."""
    for service in cluster.services:
        for cause in validate_create(with_defaults(service)):
            meta = service.metadata
            raise UsageError(
                f"no API server stores this Service: {cause.reason}",
                where=f"{where}: Service {meta.namespace}/{meta.name}: {cause.field}",
            )


_KEYS = (
    "version",
    "invariant",
    "requirement",
    "question",
    "expected",
    "got",
    "because",
    "adapter",
    "settings",
    "selections",
    "sessions",
    "endpointRequests",
    "list",
)


def _text(header: dict[str, Any], key: str, where: str) -> str:
    value = header.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"a string is needed, not {value!r}", where=f"{where}: {key}")
    return value


def _list(header: dict[str, Any], key: str, where: str) -> list[Any]:
    value = header.get(key) or []
    if not isinstance(value, list):
        raise UsageError(f"a list is needed, not {value!r}", where=f"{where}: {key}")
    return value


def store(reproducer: Reproducer, folder: Path) -> Path:
    """Write the file `INVARIANT.yaml` in `folder` and tell its path."""
    path = folder / f"{reproducer.invariant}.yaml"
    write_whole(path, to_text(reproducer))
    return path


def load(path: Path) -> Reproducer:
    """Read a reproducer."""
    return from_text(read_limited(path), where=str(path))
