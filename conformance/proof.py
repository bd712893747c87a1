# SPDX-License-Identifier: Apache-2.0
"""All that `selftest` does: faults, the soak of the reference, and mutants where they are asked for."""

from __future__ import annotations

from pathlib import Path

from attrs import define, field, frozen

from conformance import matrix, selftest
from conformance import soak as soaking
from conformance.engine.run import Listener
from conformance.files import read_limited, write_whole


@frozen(kw_only=True)
class Wanted:
    """What is to be proved.

    `names` are faults or areas, all if there are none; `soak` is a number of
    clusters; `expect` and `write` are files of the matrix.
    """

    names: tuple[str, ...] = ()
    clusters: int | None = None
    workers: int | None = None
    soak: int = soaking.CLUSTERS
    mutants: bool = False
    expect: Path | None = None
    write: Path | None = None


@define
class Proof:
    """What was found: lines of text, and whether anything is not as it has to be."""

    lines: list[str] = field(factory=list)
    fails: bool = False


def prove(wanted: Wanted, *, listener: Listener) -> Proof:
    """Plant the faults, soak the reference, judge the mutants."""
    faults = selftest.chosen(wanted.names)
    # Read before anything takes time.
    expected = None if wanted.expect is None else read_limited(wanted.expect)
    workers = wanted.workers or selftest.processors()
    proof = Proof()
    listener.phase("faults", len(faults))
    found = selftest.selftest(
        faults, clusters=wanted.clusters or selftest.CLUSTERS, workers=workers, step=listener.step
    )
    proof.lines += selftest.lines(found)
    proof.fails = bool(found.escaped)
    if wanted.write is not None:
        write_whole(wanted.write, matrix.render(found))
    if expected is not None:
        differences = matrix.differences(found, expected)
        proof.lines += differences or [f"the matrix is as in {wanted.expect}"]
        proof.fails |= bool(differences)
    if wanted.soak:
        listener.phase("soak", len(soaking.SEEDS))
        soaked = soaking.soak(clusters=wanted.soak, workers=workers, step=listener.step)
        proof.lines += soaking.lines(soaked)
        proof.fails |= bool(soaked.alarms)
    if wanted.mutants:
        _judge_mutants(wanted, workers, proof, listener)
    return proof


def _judge_mutants(wanted: Wanted, workers: int, proof: Proof, listener: Listener) -> None:
    from conformance.mutants import hunt, operators, outcome, reviewed

    every = list(operators.mutants())
    listener.phase("mutants", len(every))
    judged = outcome.Outcome.of(
        hunt.judge_all(every, clusters=wanted.clusters or hunt.CLUSTERS, workers=workers, step=listener.step)
    )
    proof.lines += outcome.lines(judged)
    stale = [f"{entry.where}: no mutant is like this any more" for entry in reviewed.stale(every)]
    proof.lines += stale
    proof.fails |= judged.fails or bool(stale)
