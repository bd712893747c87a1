# SPDX-License-Identifier: Apache-2.0
"""The options of a run, the same for the command and for pytest, and where each value comes from.

One precedence: command line, environment, ini file (pytest only), default.
This module imports nothing heavy: pytest loads it in every run of its users.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from conformance.errors import UsageError, unknown

_PREFIX = "KUBE_SERVICE_CONFORMANCE_"


@frozen
class Option:
    """One option: `--NAME` of the command, `--conformance-NAME` and `conformance_NAME` of pytest."""

    name: str
    default: str
    help: str
    many: bool = False

    @property
    def key(self) -> str:
        """The option's name as an identifier."""
        return self.name.replace("-", "_")

    @property
    def pytest_option(self) -> str:
        """The option's name in pytest."""
        return f"--conformance-{self.name}"

    @property
    def ini(self) -> str:
        """The option's name in pytest's ini file."""
        return f"conformance_{self.key}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{_PREFIX}{self.key.upper()}"


OPTIONS: tuple[Option, ...] = (
    Option(
        "adapter",
        "reference",
        "the implementation under test: `reference`, an installed adapter's name, "
        "`package.module:object`, or `exec:./program --flag`",
    ),
    Option("adapter-option", "", "an option of the adapter, as NAME=VALUE", many=True),
    Option("profile", "standard", "what the implementation claims: a bundled profile's name or a file"),
    Option("seed", "0", "a whole number, or `random` for nightly runs"),
    Option("clusters", "", "how many clusters to generate; default: as the profile says"),
    Option("manifests", "", "a file of your own objects to judge beside the generated ones", many=True),
    Option("invariant", "", "judge only this invariant", many=True),
    Option("report", "conformance-report.yaml", "where the report goes (.yaml or .json); empty for none"),
    Option("deviations", "conformance-deviations", "the folder for reproducers; empty for none"),
)


@frozen
class Effective:
    """An option's value and where it comes from."""

    option: Option
    value: str
    values: tuple[str, ...]
    origin: str


@frozen
class Settings:
    """The effective options of a run."""

    entries: tuple[Effective, ...]

    def __getitem__(self, name: str) -> str:
        return next(entry.value for entry in self.entries if entry.option.name == name)

    def many(self, name: str) -> tuple[str, ...]:
        """The values of an option that may be given several times."""
        return next(entry.values for entry in self.entries if entry.option.name == name)

    def origin(self, name: str) -> str:
        """Where the value of an option comes from."""
        return next(entry.origin for entry in self.entries if entry.option.name == name)

    def lines(self) -> list[str]:
        """A line for each option that has a value, with its origin."""
        return [
            f"{entry.option.name}: {', '.join(entry.values) or '(none)'} ({entry.origin})"
            for entry in self.entries
            if entry.values or entry.origin != "default"
        ]

    @property
    def clusters(self) -> int | None:
        """How many clusters to generate, None for what the profile says."""
        if not self["clusters"]:
            return None
        return _number(self["clusters"], "clusters")

    def seed(self, random: Callable[[], int]) -> int:
        """The seed; `random` is asked for one where the option says so."""
        return random() if self["seed"] == "random" else _number(self["seed"], "seed")


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        hint = "a whole number from 0" + (", or `random`" if name == "seed" else "")
        raise UsageError(f"{text!r} is no {name}", where=f"option {name}", hint=hint)
    return int(text)


def settle(
    command_line: Mapping[str, Any],
    *,
    ini: Callable[[Option], str | None] = lambda _: None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The effective options.  `command_line` maps keys to a text, a sequence of texts, or None."""
    environment = os.environ if environment is None else environment
    known = {option.variable for option in OPTIONS}
    for name in environment:
        if name.startswith(_PREFIX) and name not in known:
            raise unknown("environment variable", name, known)
    entries = []
    for option in OPTIONS:
        given = command_line.get(option.key)
        from_ini = ini(option)
        if given not in (None, (), []):
            value, origin = given, "command line"
        elif option.variable in environment:
            value, origin = environment[option.variable], f"environment {option.variable}"
        elif from_ini:
            value, origin = from_ini, f"ini {option.ini}"
        else:
            value, origin = option.default, "default"
        if isinstance(value, str):
            values = tuple(value.split()) if option.many else tuple(filter(None, (value,)))
        else:
            values = tuple(value)
        entries.append(Effective(option, values[0] if values else "", values, origin))
    return Settings(tuple(entries))
