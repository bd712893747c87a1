# SPDX-License-Identifier: Apache-2.0
"""Options of an adapter: what it is given besides its name, from the command line or a profile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from conformance import fields as read_as
from conformance.errors import UsageError, unknown
from conformance.fields import Scalar
from conformance.located import Located

if TYPE_CHECKING:
    from conformance.options import Settings
    from conformance.profiles import Profile

OPTION = "adapter-option"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_HINT = "written NAME=VALUE, as mode=iptables"


@frozen
class AdapterOption:
    """One option of an adapter.

    `value` is a text where it was given as NAME=VALUE, and a scalar where a profile
    says so; `text` is the value as it was written.  `origin` tells where it comes
    from, `where` is the place that an error names.
    """

    name: str
    value: Scalar
    text: str
    origin: str = field(eq=False)
    where: str = field(eq=False)

    @property
    def key(self) -> str:
        """The name by which it is told from others: `-` and `_` are the same."""
        return self.name.replace("-", "_")

    def __str__(self) -> str:
        return f"{self.name}={self.text}"


def given(texts: Sequence[str], *, origin: str, where: str) -> tuple[AdapterOption, ...]:
    """The options that were given as `NAME=VALUE`, in order."""
    options = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise UsageError(f"{text!r} is no option of an adapter", where=where, hint=_HINT)
        options.append(AdapterOption(name, value, value, origin, where))
    return _different(options)


def of_profile(value: Located) -> dict[str, tuple[AdapterOption, ...]]:
    """What a profile says under `adapter_options`: the options of each adapter, by its name."""
    return {name: _of_adapter(name, options) for name, options in read_as.mapping(value).items()}


def _of_adapter(adapter: str, value: Located) -> tuple[AdapterOption, ...]:
    from conformance.adapters.finding import known_names

    if ":" not in adapter and adapter not in known_names():
        raise unknown("adapter", adapter, known_names(), where=value.where)
    options = []
    for name, entry in read_as.mapping(value).items():
        if not _NAME.fullmatch(name):
            hint = "letters, digits, - and _, as max-endpoints"
            raise entry.error(f"{name!r} is no name of an option", hint=hint)
        origin = f"profile {entry.file.name}:{entry.line}"
        options.append(AdapterOption(name, read_as.scalar(entry), entry.written, origin, entry.where))
    return _different(options)


def _different(options: Iterable[AdapterOption]) -> tuple[AdapterOption, ...]:
    found: dict[str, AdapterOption] = {}
    for option in options:
        if option.key in found:
            first = found[option.key]
            again = "" if first.name == option.name else f", first as {first.name!r}"
            raise UsageError(f"{option.name!r} is given twice{again}", where=option.where)
        found[option.key] = option
    return tuple(found.values())


def effective(settings: Settings, profile: Profile) -> tuple[AdapterOption, ...]:
    """The options for the adapter in use: the profile's, each overridden by what the settings say."""
    found = {option.key: option for option in profile.adapter_options.get(settings["adapter"], ())}
    origin = settings.origin(OPTION)
    for option in given(settings.many(OPTION), origin=origin, where=f"option {OPTION}"):
        found[option.key] = option
    return tuple(found.values())


def header(settings: Settings, options: Sequence[AdapterOption]) -> list[str]:
    """A line for each effective option of the run, those of the adapter included."""
    lines = [line for line in settings.lines() if not line.startswith(f"{OPTION}: ")]
    return lines + [f"{OPTION}: {option} ({option.origin})" for option in options]


def plain(options: Mapping[str, Sequence[AdapterOption]]) -> dict[str, dict[str, list[Scalar]]]:
    """What the options of each adapter are, without the places at which they stand."""
    return {
        adapter: {option.key: [option.value, option.text] for option in each}
        for adapter, each in options.items()
    }
