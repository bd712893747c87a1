# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: each invariant is a test item; one survey judges them all.

`pytest --pyargs conformance --conformance-adapter=...`
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import pytest

from conformance.errors import UsageError, unknown
from conformance.options import OPTIONS, Settings, settle

if TYPE_CHECKING:
    from conformance.engine.result import Result
    from conformance.engine.verdicts import Verdict
    from conformance.judging import Prepared

T = TypeVar("T")

_OURS = re.compile(r"^[ \t]*(conformance_\w+)[ \t]*=", re.MULTILINE)
FIXTURE = "conformance_verdict"


def add_options(parser: pytest.Parser) -> None:
    """Register `--conformance-*` and their ini twins."""
    group = parser.getgroup("conformance", "conformance of Kubernetes Services")
    for option in OPTIONS:
        group.addoption(
            option.pytest_option,
            dest=option.ini,
            action="append" if option.many else "store",
            default=None,
            metavar=option.name.upper(),
            help=f"{option.help} (default: {option.default or 'none'}; environment: {option.variable})",
        )
        parser.addini(option.ini, option.help, type="string", default="")


def _or_error(action: Callable[[], T]) -> T:
    """The result of an action; input that cannot be used is one clear line, and ends pytest."""
    try:
        return action()
    except UsageError as error:
        # While items are collected, pytest takes an exit for one more error, with its traceback.
        raise pytest.Collector.CollectError(f"error: {error}") from None


class ConformancePlugin:
    """Collects, judges once, and hands each item its verdict."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.result: Result | None = None
        self.used = False
        self._settings: Settings | None = None
        self._prepared: Prepared | None = None

    def settings(self) -> Settings:
        """The effective options."""
        if self._settings is None:
            try:
                self._settings = self._settle()
            except UsageError as error:
                pytest.exit(f"error: {error}", returncode=2)
        return self._settings

    def _settle(self) -> Settings:
        known = [option.ini for option in OPTIONS]
        path = self.config.inipath
        for name in _OURS.findall(path.read_text(encoding="utf-8")) if path else ():
            if name not in known:
                raise unknown("ini option", name, known, where=str(path))
        return settle(
            {option.key: self.config.getoption(option.ini) for option in OPTIONS},
            ini=lambda option: str(self.config.getini(option.ini)) or None,
        )

    def prepared(self) -> Prepared:
        """The checked options; a bad one ends pytest with a usage error."""
        if self._prepared is None:
            from conformance.judging import prepare

            self._prepared = _or_error(lambda: prepare(self.settings()))
        return self._prepared

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One item for each invariant that the profile claims."""
        if FIXTURE not in metafunc.fixturenames:
            return
        from conformance.invariants import all_invariants
        from conformance.selection import claimed

        self.used = True
        wanted = self.settings().many("invariant")

        def names_of() -> list[str]:
            names = [invariant.id for invariant in claimed(self.prepared().profile)]
            for name in wanted:
                if name not in all_invariants():
                    raise unknown("invariant", name, all_invariants(), where="option invariant")
            return [name for name in names if name in wanted] if wanted else names

        names = _or_error(names_of)
        metafunc.parametrize(FIXTURE, names, indirect=True, ids=names)

    @pytest.fixture
    def conformance_verdict(self, request: pytest.FixtureRequest) -> Verdict:
        """The verdict on the item's invariant; the first item that asks starts the run."""
        if self.result is None:
            self.result = self._run(request.session)
        return next(verdict for verdict in self.result.verdicts if verdict.invariant.id == request.param)

    def _run(self, session: pytest.Session) -> Result:
        from conformance.judging import perform

        only = [
            str(item.callspec.params[FIXTURE])
            for item in session.items
            if isinstance(item, pytest.Function) and FIXTURE in getattr(item, "fixturenames", ())
        ]
        try:
            result = perform(self.prepared(), only=only)
        except UsageError as error:
            pytest.exit(f"error: {error}", returncode=2)
        if result.interrupted:
            raise KeyboardInterrupt
        return result

    def pytest_report_header(self) -> list[str]:
        """The effective options and where they come from, when our items are asked for."""
        if not any(str(argument).startswith("conformance") for argument in self.config.args):
            return []
        lines = self.settings().lines()
        # What is wrong with the profile is told when items are collected.
        with suppress(pytest.Collector.CollectError):
            lines = self.prepared().lines()
        return ["conformance:", *(f"  {line}" for line in lines)]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The summary of the run."""
        if self.result is None:
            return
        from conformance.text import summary

        terminalreporter.section("conformance")
        for line in summary(self.result):
            terminalreporter.line(line)
        if self.prepared().report is not None:
            terminalreporter.line(f"report: {self.prepared().report}")
