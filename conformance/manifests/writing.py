# SPDX-License-Identifier: Apache-2.0
"""Writes API objects as multi-document YAML that `kubectl apply` takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from conformance.convert import to_plain
from conformance.manifests.reading import plain_scalar

_FIRST = ("apiVersion", "kind", "metadata")
_LAST = ("status",)
# YAML 1.1 also reads these as booleans, and some parsers still do.
_ALMOST_BOOLEAN = frozenset("yYnN")
# Line breaks to YAML 1.1, which only double quotes keep.
_BREAKS = frozenset("\r\x85\u2028\u2029\ufeff")


class _Dumper(yaml.SafeDumper):
    """Block style, lists indented under their key, no aliases, and no text that reads as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if text in _ALMOST_BOOLEAN or not _BREAKS.isdisjoint(text) or plain_scalar(text) is not text:
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(members: Iterable[Any]) -> str:
    """The objects as YAML documents, each with apiVersion, kind, metadata, spec and status in this order.

    Takes values of the model as well as plain API objects.
    """
    return "---\n".join(_document(member) for member in members)


def _document(member: Any) -> str:
    plain = member if isinstance(member, dict) else to_plain(member)
    keys = [key for key in _FIRST if key in plain]
    keys += [key for key in plain if key not in _FIRST and key not in _LAST]
    keys += [key for key in _LAST if key in plain]
    ordered = {key: plain[key] for key in keys}
    text: str = yaml.dump(
        ordered, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False
    )
    return text
