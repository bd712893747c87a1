# SPDX-License-Identifier: Apache-2.0
"""From options to a result: what the command and the pytest plugin both do."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from pathlib import Path

from attrs import evolve, frozen

from conformance import report
from conformance.adapters.loading import start_adapter
from conformance.adapters.options import AdapterOption, effective, header
from conformance.engine.result import Result
from conformance.engine.run import Given, Listener, Options, run
from conformance.errors import UsageError
from conformance.example import Example
from conformance.manifests import load as load_manifests
from conformance.options import Settings
from conformance.profiles import Profile, load_profile


@frozen
class Prepared:
    """A run whose options were found to be good."""

    settings: Settings
    profile: Profile
    seed: int
    given: tuple[Given, ...]
    report: Path | None
    folder: Path | None
    adapter_options: tuple[AdapterOption, ...]

    def lines(self) -> list[str]:
        """A line for each effective option, with its origin."""
        return header(self.settings, self.adapter_options)


def prepare(settings: Settings) -> Prepared:
    """Check every option and read every file before anything is started."""
    paths = [Path(name) for name in settings.many("manifests")]
    given: tuple[Given, ...] = ()
    if paths:
        loaded = load_manifests(paths)
        given = (Given(", ".join(map(str, paths)), Example(cluster=loaded.cluster)),)
    report_path = Path(settings["report"]) if settings["report"] else None
    if report_path is not None and report_path.suffix not in (".json", ".yaml", ".yml"):
        raise UsageError(
            f"the report's format follows from its name, and {report_path.suffix or 'no suffix'!r} is none",
            where="option report",
            hint="end it in .yaml or .json",
        )
    profile = load_profile(settings["profile"])
    return Prepared(
        settings=settings,
        profile=profile,
        seed=settings.seed(lambda: secrets.randbelow(2**32)),
        given=given,
        report=report_path,
        folder=Path(settings["deviations"]) if settings["deviations"] else None,
        adapter_options=effective(settings, profile),
    )


def perform(
    prepared: Prepared, *, listener: Listener | None = None, only: Collection[str] | None = None
) -> Result:
    """Start the adapter, judge it, end it, and store the report.

    An adapter that does not start, or that has nothing to judge, is a UsageError.
    """
    settings = prepared.settings
    wanted = only if only is not None else settings.many("invariant") or None
    session = start_adapter(
        settings["adapter"], timeouts=prepared.profile.timeouts, options=prepared.adapter_options
    )
    with session:
        result = run(
            session,
            prepared.profile,
            Options(
                seed=prepared.seed,
                clusters=settings.clusters,
                given=prepared.given,
                only=wanted,
                folder=prepared.folder,
                listener=listener or Listener(),
            ),
        )
    result = evolve(
        result,
        adapter_options=prepared.adapter_options,
        seconds={**result.seconds, "total": sum(result.seconds.values())},
    )
    if prepared.report is not None:
        report.store(result, prepared.report)
    return result
