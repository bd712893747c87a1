# SPDX-License-Identifier: Apache-2.0
"""What a run found, as a whole."""

from __future__ import annotations

from attrs import field, frozen

from conformance.adapters.options import AdapterOption
from conformance.engine.verdicts import Verdict
from conformance.outcomes import Outcome
from conformance.profiles import Profile


@frozen(kw_only=True)
class Result:
    """What a run found.

    `seconds` holds the run's times by phase; `stopped` says why a run ended
    before its budget was used up, None if it did not.
    """

    profile: Profile
    adapter: str
    adapter_version: str
    seed: int
    clusters: int
    manifests: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    stopped: str | None = None
    interrupted: bool = False
    false_alarm: float = 0.0
    seconds: dict[str, float] = field(factory=dict)
    adapter_options: tuple[AdapterOption, ...] = ()

    def count(self, outcome: Outcome) -> int:
        """How many invariants ended in `outcome`."""
        return sum(verdict.outcome is outcome for verdict in self.verdicts)

    @property
    def exit_code(self) -> int:
        """0 conformant, 1 deviations, 2 when an interrupt or an error of the suite leaves it open."""
        if self.interrupted:
            found = any(verdict.failure is not None and verdict.outcome.fails for verdict in self.verdicts)
            return 1 if found else 2
        failing = {verdict.outcome for verdict in self.verdicts if verdict.outcome.fails}
        return 2 if failing == {Outcome.SUITE_ERROR} else 1 if failing else 0

    @property
    def summary(self) -> str:
        """One sentence."""
        counts = ", ".join(
            f"{number} {outcome.value}"
            for outcome in Outcome
            if (number := self.count(outcome)) and outcome is not Outcome.PASS
        )
        verdict = "conformant" if self.exit_code == 0 else "not conformant"
        if {each.outcome for each in self.verdicts if each.outcome.fails} == {Outcome.NOT_EXERCISED}:
            verdict = "not exercised enough to say"
        if self.interrupted:
            verdict = "interrupted"
        return (
            f"{self.adapter}: {verdict} with profile {self.profile.name}: "
            f"{self.count(Outcome.PASS)} of {len(self.verdicts)} invariants pass"
            + (f" ({counts})" if counts else "")
            + f", {self.clusters} clusters judged"
        )
