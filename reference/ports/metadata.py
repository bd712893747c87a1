# SPDX-License-Identifier: Apache-2.0
"""What the metadata of every kind of object have to keep to.

Source: k8s.io/apimachinery `pkg/api/validation/objectmeta.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from reference.objects import Labels, ObjectMeta
from reference.ports.rejections import Violation
from reference.questions import Cause
from reference.syntax import is_dns1123_subdomain, is_label_key, is_label_value

MOST_ANNOTATION_BYTES = 262144
MOST_PREFIX = 58
"""A longer prefix is cut before a name is generated of it."""
_GENERATED = "x7k2p"
"""Stands for what the server adds."""

is_key = lru_cache(maxsize=4096)(is_label_key)
_is_value = lru_cache(maxsize=4096)(is_label_value)


def are_labels(labels: Labels) -> bool:
    """Whether keys and values have the syntax of labels."""
    return all(is_key(key) and _is_value(value) for key, value in labels.items())


def label_violations(metadata: ObjectMeta) -> Iterator[Violation]:
    """Labels and annotations (VAL-005)."""
    if not are_labels(metadata.labels):
        yield Violation("metadata.labels", "Invalid", "VAL-005")
    annotations = metadata.annotations
    if not all(is_key(key.lower()) for key in annotations):
        yield Violation("metadata.annotations", "Invalid", "VAL-005")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > MOST_ANNOTATION_BYTES:
        yield Violation("metadata.annotations", "TooLong", "VAL-005")


def subdomain_violations(metadata: ObjectMeta) -> Iterator[Violation]:
    """The name of a slice or of Endpoints, given or generated, is a DNS-1123 subdomain (VAL-080).

    What is wrong with a generated name is wrong with its prefix as well.
    """
    name, prefix = metadata.name, metadata.generate_name
    of_name, of_prefix = (Cause(f"metadata.{field}", "Invalid") for field in ("name", "generateName"))
    if prefix and not is_dns1123_subdomain(without_dash(prefix)):
        yield Violation(of_prefix.field, "Invalid", "VAL-080", instead=() if name else (of_name,))
    if not name and not prefix:
        yield Violation(of_name.field, "Required", "VAL-080")
    elif not is_dns1123_subdomain(name or prefix[:MOST_PREFIX] + _GENERATED):
        yield Violation(of_name.field, "Invalid", "VAL-080", instead=() if name else (of_prefix,))


def without_dash(prefix: str) -> str:
    """A prefix as its syntax is judged.

    A generated name ends in characters of the server's choice, so the prefix may end in "-".
    """
    return prefix[:-2] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix
