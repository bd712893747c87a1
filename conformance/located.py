# SPDX-License-Identifier: Apache-2.0
"""YAML whose every value knows the file and the line at which it stands.

For small configuration files that are written by hand: no anchors, no tags, no
duplicate keys, and a limit on size and nesting.  Scalars mean what they mean in
manifests; a date stays text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from attrs import evolve, field, frozen

from conformance.errors import UsageError
from conformance.files import read_limited
from conformance.manifests.reading import plain_scalar

MOST_BYTES = 1024 * 1024
MOST_NESTING = 16
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset(f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str", "timestamp"))


@frozen
class Located:
    """A value and where it stands: a scalar, a tuple of Located, or a dict of them by key.

    `path` is the field path from the top of the file, as `budget.clusters`; `written`
    is the text of a scalar, without quotation marks.
    """

    value: Any
    file: Path
    line: int
    path: str = ""
    written: str = field(default="", eq=False)

    @property
    def where(self) -> str:
        """File, line and field path, for messages."""
        return f"{self.file}:{self.line}: {self.path}" if self.path else f"{self.file}:{self.line}"

    def error(self, message: str, *, hint: str = "") -> UsageError:
        """A UsageError at this place."""
        return UsageError(message, where=self.where, hint=hint)


def read(path: Path) -> Located:
    """The one document of a YAML file."""
    text = read_limited(path, most=MOST_BYTES)
    try:
        _refuse_aliases(text, path)
        loader = _LOADER(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise UsageError("is empty", where=str(path))
            return _located(loader, node, path, "")
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UsageError(f"is not YAML: {error.problem or error.context}", where=where) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"is not YAML: {error}", where=str(path)) from error


def _refuse_aliases(text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise UsageError("anchors and aliases are not used here", where=f"{path}:{line}")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_NESTING:
            raise UsageError(f"nested deeper than {MOST_NESTING} levels", where=f"{path}:{line}")


def _located(loader: Any, node: yaml.Node, file: Path, path: str) -> Located:
    line = node.start_mark.line + 1
    place = Located(None, file, line, path)
    if isinstance(node, yaml.MappingNode):
        _standard_tag(node, "map", place)
        entries: dict[str, Located] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != f"{_TAG}str":
                raise Located(None, file, key_node.start_mark.line + 1, path).error(
                    f"the key {getattr(key_node, 'value', '')!r} is not a text"
                )
            key = key_node.value
            inner = f"{path}.{key}" if path else key
            if key in entries:
                raise Located(None, file, key_node.start_mark.line + 1, inner).error(
                    f"is given twice, first at line {entries[key].line}"
                )
            entry = _located(loader, value_node, file, inner)
            # A block that begins on the line after its key is found at its key.
            entries[key] = evolve(entry, line=key_node.start_mark.line + 1)
        return Located(entries, file, line, path)
    if isinstance(node, yaml.SequenceNode):
        _standard_tag(node, "seq", place)
        items = (_located(loader, item, file, f"{path}[{number}]") for number, item in enumerate(node.value))
        return Located(tuple(items), file, line, path)
    if node.tag not in _SCALAR_TAGS:
        raise place.error(f"the tag {node.tag!r} is not used here")
    text = node.tag == f"{_TAG}str"
    return Located(node.value if text else plain_scalar(node.value), file, line, path, node.value)


def _standard_tag(node: yaml.Node, name: str, place: Located) -> None:
    if node.tag != f"{_TAG}{name}":
        raise place.error(f"the tag {node.tag!r} is not used here")
