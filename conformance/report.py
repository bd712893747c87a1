# SPDX-License-Identifier: Apache-2.0
"""The report of a run: small, versioned, the same for the same run but for its times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

import conformance
from conformance.catalogue import get as requirement
from conformance.engine.result import Result
from conformance.engine.verdicts import Verdict
from conformance.errors import UsageError
from conformance.files import read_limited, write_whole
from conformance.outcomes import Outcome

VERSION = 1


def to_plain(result: Result) -> dict[str, Any]:
    """The report as plain data.  Everything that differs between equal runs is under `time`."""
    return {
        "version": VERSION,
        "suite": {"name": conformance.DISTRIBUTION, "version": conformance.__version__},
        "summary": result.summary,
        "exit_code": result.exit_code,
        "adapter": {
            "name": result.adapter,
            "version": result.adapter_version,
            "options": [
                {"name": option.name, "value": option.text, "from": option.origin}
                for option in result.adapter_options
            ],
        },
        "profile": {"name": result.profile.name, "digest": result.profile.digest()},
        "seed": result.seed,
        "clusters": result.clusters,
        "manifests": list(result.manifests),
        "false_alarm_probability": result.false_alarm,
        "interrupted": result.interrupted,
        "stopped": result.stopped,
        "outcomes": {outcome.value: result.count(outcome) for outcome in Outcome},
        "invariants": [_verdict(verdict) for verdict in result.verdicts],
        "excluded": [{"id": entry.id, "reason": entry.reason} for entry in result.profile.invariants.exclude],
        "time": {
            **{phase: round(seconds, 3) for phase, seconds in result.seconds.items()},
            "invariants": {verdict.invariant.id: round(verdict.seconds, 4) for verdict in result.verdicts},
        },
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": verdict.invariant.id,
        "outcome": verdict.outcome.value,
        "kind": verdict.invariant.kind.value,
        "level": verdict.invariant.level.value,
        "requirements": list(verdict.invariant.requirements),
        "inputs": verdict.inputs,
        "comparisons": verdict.comparisons,
        "classes": dict(verdict.classes),
    }
    if verdict.detail:
        plain["detail"] = verdict.detail
    if verdict.failure is not None:
        failure = verdict.failure
        plain["deviation"] = {
            "requirement": failure.requirement,
            "sentence": requirement(failure.requirement).sentence,
            "question": failure.question,
            "expected": failure.expected,
            "got": failure.got,
            **({"again": failure.again} if failure.again else {}),
            "because": list(failure.because),
            "first_failing_cluster": verdict.first_failing,
            "source": verdict.source,
            "reproducer": verdict.reproducer,
        }
    if verdict.known is not None:
        plain["known"] = {"reason": verdict.known.reason, "link": verdict.known.link}
    return plain


def store(result: Result, path: Path) -> None:
    """Write the report, as JSON if `path` ends in `.json`, else as YAML."""
    plain = to_plain(result)
    if path.suffix == ".json":
        text = json.dumps(plain, indent=2) + "\n"
    else:
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    write_whole(path, text)


def load(path: Path) -> dict[str, Any]:
    """Read a report back; a file that is none, or of another version, is an error."""
    text = read_limited(path)
    try:
        plain = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise UsageError(f"not a report: {error}", where=str(path)) from error
    if not isinstance(plain, dict) or "suite" not in plain or "invariants" not in plain:
        raise UsageError("not a report of this suite", where=str(path))
    if plain.get("version") != VERSION:
        raise UsageError(
            f"report version {plain.get('version')!r}, this suite reads version {VERSION}",
            where=f"{path}: version",
        )
    return plain
