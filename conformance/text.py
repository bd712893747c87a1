# SPDX-License-Identifier: Apache-2.0
"""The text of a verdict: the same in the command's output and in pytest's."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence

from conformance import catalogue, reproducer
from conformance.adapters.options import OPTION, AdapterOption
from conformance.engine.result import Result
from conformance.engine.verdicts import Verdict
from conformance.outcomes import Outcome

_WIDTH = 100


def one_line(verdict: Verdict) -> str:
    """The outcome and the invariant, and why where it is not a pass."""
    detail = f": {verdict.detail}" if verdict.detail else ""
    return f"{verdict.outcome.value:<15} {verdict.invariant.id}{detail}"


def full(verdict: Verdict, *, adapter: str, options: Sequence[AdapterOption] = ()) -> str:
    """All that a reader needs to understand a failure, and to see it again."""
    lines = [one_line(verdict), _wrapped("invariant", verdict.invariant.sentence)]
    failure = verdict.failure
    if failure is None:
        return "\n".join(lines)
    found = catalogue.load().get(failure.requirement)
    if found is not None:
        lines.append(_wrapped(found.id, f"{found.sentence} [{found.level.value}; {found.source}]"))
    lines.append(_wrapped("asked", failure.question))
    lines.append(_wrapped("expected", failure.expected))
    for rule in failure.because:
        because = catalogue.load().get(rule)
        if because is not None and rule != failure.requirement:
            lines.append(_wrapped(f"because {rule}", because.sentence))
    lines.append(_wrapped("got", failure.got))
    if failure.again:
        lines.append(_wrapped("judged again", failure.again))
    if failure.stderr:
        lines.append("the adapter's last words on standard error:")
        lines.append(textwrap.indent(failure.stderr.rstrip(), "    "))
    lines.append("smallest input:")
    lines.append(textwrap.indent(_input(verdict), "    ").rstrip())
    if verdict.reproducer:
        lines.append(f"replay: {replay_command(verdict.reproducer, adapter=adapter, options=options)}")
    return "\n".join(lines)


def _speed(clusters: int, seconds: float) -> str:
    if clusters >= seconds:
        return f"{clusters / seconds:.0f} clusters judged per second"
    return f"{seconds / clusters:.1f} seconds for each cluster judged"


def replay_command(path: str, *, adapter: str, options: Sequence[AdapterOption] = ()) -> str:
    """The command line that judges a stored reproducer again."""
    words = ["replay", path, "--adapter", adapter]
    for option in options:
        words += [f"--{OPTION}", str(option)]
    return shlex.join(["kube-service-conformance", *words])


def _input(verdict: Verdict) -> str:
    assert verdict.failure is not None
    example = reproducer.relevant(verdict.failure.example, verdict.invariant.area)
    return reproducer.readable(example)


def _wrapped(title: str, text: str) -> str:
    return textwrap.fill(
        f"{title}: {text}", _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def summary(result: Result) -> list[str]:
    """The closing lines of a run."""
    lines = []
    for outcome in Outcome:
        if outcome is Outcome.PASS or outcome is Outcome.UNSUPPORTED:
            continue
        lines += [one_line(verdict) for verdict in result.verdicts if verdict.outcome is outcome]
    unsupported = result.count(Outcome.UNSUPPORTED)
    if unsupported:
        lines.append(
            f"{Outcome.UNSUPPORTED.value:<15} {unsupported} invariants: `smoke` shows what is missing"
        )
    lines += [
        _wrapped(f"{'excluded':<15} {entry.id}", f"{entry.reason} ({entry.where})")
        for entry in result.profile.invariants.exclude
    ]
    if result.stopped:
        lines.append(f"stopped early: {result.stopped}")
    survey = result.seconds.get("survey", 0.0)
    if survey > 0 and result.clusters:
        lines.append(f"{_speed(result.clusters, survey)}, seed {result.seed}")
    lines.append(result.summary)
    return lines
