# SPDX-License-Identifier: Apache-2.0
"""Where in a file something stands, so that every error can say so."""

from __future__ import annotations

import re

import yaml
from attrs import evolve, frozen

from conformance.errors import UsageError

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")


@frozen
class Place:
    """A file, a document in it (counted from 1), a line, and a field path."""

    file: str
    document: int = 0
    line: int = 0
    path: str = ""

    def __str__(self) -> str:
        parts = [self.file]
        if self.document:
            parts.append(f"document {self.document}")
        if self.line:
            parts.append(f"line {self.line}")
        if self.path:
            parts.append(self.path)
        return ", ".join(parts)

    def below(self, path: str) -> Place:
        """The place of a field below this one."""
        if not path or not self.path or path.startswith("["):
            return evolve(self, path=self.path + path)
        return evolve(self, path=f"{self.path}.{path}")

    def error(self, message: str, *, hint: str = "") -> UsageError:
        """An error at this place."""
        return UsageError(message, where=str(self), hint=hint)


def line_of(text: str, document: int, path: str) -> int:
    """The line of the field at `path` in the `document`th document, or of the deepest one above it.

    Reads the text again, which only errors pay for.  0 when the text is not YAML
    (JSON that YAML does not read).
    """
    try:
        for number, node in enumerate(yaml.compose_all(text, Loader=LOADER), start=1):
            if number == document:
                return _line_below(node, path) if node is not None else 0
    except (yaml.YAMLError, ValueError, RecursionError):
        pass
    return 0


def _line_below(node: yaml.Node, path: str) -> int:
    line = node.start_mark.line + 1
    for match in _STEP.finditer(path):
        key, index = match[1], match[2]
        if isinstance(node, yaml.SequenceNode):
            if key is not None or not index.isdigit() or int(index) >= len(node.value):
                break
            node = node.value[int(index)]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            wanted = key if key is not None else index
            found = [(k, v) for k, v in node.value if k.value == wanted]
            if not found:
                break
            line, node = found[-1][0].start_mark.line + 1, found[-1][1]
        else:
            break
    return line
