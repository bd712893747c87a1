# SPDX-License-Identifier: Apache-2.0
"""Real manifests: read them, run them, write them.

The way of a manifest: `reading` makes plain data of YAML and JSON within limits,
`items` typed objects of plain data, `workloads` pods of Deployments and their
like, `admitting` stored Services of written ones, `running` running pods, and
`materialize` the cluster of all of these.  `writing` is the way back.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from attrs import frozen

from conformance.errors import UsageError
from conformance.files import read_limited
from conformance.manifests.items import Ignored, read_items
from conformance.manifests.materialize import Materializer
from conformance.manifests.reading import MOST_BYTES, parse
from conformance.manifests.shapes import shapes
from conformance.manifests.writing import dump
from reference.objects import Cluster, ClusterSettings

__all__ = ["Ignored", "Loaded", "dump", "load", "load_text", "parse", "shapes"]

STANDARD_INPUT = "-"


@frozen
class Loaded:
    """The cluster that manifests describe, and the objects that say nothing about Services."""

    cluster: Cluster
    ignored: tuple[Ignored, ...] = ()


def load(paths: Iterable[str | PathLike[str]], *, settings: ClusterSettings | None = None) -> Loaded:
    """The running cluster of the manifests in these files; `-` is standard input.

    Without `settings` they are inferred from the objects.  Anything that is wrong
    is a UsageError with file, document, line, field path and reason.
    """
    return _load(((_read(fspath(path)), _shown(fspath(path))) for path in paths), settings)


def load_text(text: str, *, where: str = "manifest", settings: ClusterSettings | None = None) -> Loaded:
    """As `load`, of a text that `where` names in errors."""
    return _load([(text, where)], settings)


def _load(texts: Iterable[tuple[str, str]], settings: ClusterSettings | None) -> Loaded:
    items, ignored = read_items(texts)
    return Loaded(Materializer(settings).cluster(items), tuple(ignored))


def _shown(path: str) -> str:
    return "standard input" if path == STANDARD_INPUT else path


def _read(path: str) -> str:
    if path != STANDARD_INPUT:
        return read_limited(Path(path), most=MOST_BYTES)
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UsageError(f"larger than {MOST_BYTES} bytes", where="standard input")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 at byte {error.start}", where="standard input") from error
