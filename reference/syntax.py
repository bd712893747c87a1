# SPDX-License-Identifier: Apache-2.0
"""The syntax of names, labels and port names.

Source: k8s.io/apimachinery `pkg/util/validation`, `pkg/api/validate/content`.
"""

from __future__ import annotations

import re

_DNS1123_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS1035_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_DNS1123_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9]|-(?!-))*[a-z0-9]|[a-z0-9]")


def is_dns1123_label(text: str) -> bool:
    """At most 63 of `[a-z0-9-]`, alphanumeric at both ends."""
    return len(text) <= 63 and _DNS1123_LABEL.fullmatch(text) is not None


def is_dns1035_label(text: str) -> bool:
    """As a DNS-1123 label, and the first character is a letter (VAL-001)."""
    return len(text) <= 63 and _DNS1035_LABEL.fullmatch(text) is not None


def is_dns1123_subdomain(text: str) -> bool:
    """At most 253 characters of DNS-1123 labels joined by dots; labels may be longer than 63."""
    return len(text) <= 253 and _DNS1123_SUBDOMAIN.fullmatch(text) is not None


def is_label_key(text: str) -> bool:
    """`[prefix/]name`: a label key, also used for qualified names (SEL-033, SEL-034)."""
    prefix, slash, name = text.rpartition("/")
    if slash and not is_dns1123_subdomain(prefix):
        return False
    return len(name) <= 63 and _QUALIFIED_NAME.fullmatch(name) is not None


def is_label_value(text: str) -> bool:
    """Empty, or at most 63 of `[A-Za-z0-9._-]`, alphanumeric at both ends (SEL-035)."""
    return text == "" or (len(text) <= 63 and _QUALIFIED_NAME.fullmatch(text) is not None)


def is_port_name(text: str) -> bool:
    """A container port name: at most 15 of `[a-z0-9-]`, a letter among them, no `--` (PORT-017)."""
    return (
        len(text) <= 15
        and _PORT_NAME.fullmatch(text) is not None
        and any(character.isalpha() for character in text)
    )
