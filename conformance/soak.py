# SPDX-License-Identifier: Apache-2.0
"""The proof that the suite accuses nobody wrongly: the reference, judged by everything, over many seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from attrs import frozen

from conformance.adapters.loading import load_adapter
from conformance.engine.run import Options, run
from conformance.engine.survey import FALSE_ALARM
from conformance.profiles import load_profile

PROFILE = "kubernetes"
"""The profile that claims every level."""
SEEDS = (101, 102, 103, 104, 105)
CLUSTERS = 1000


@frozen
class Soak:
    """What a soak found: `alarms` are false, each with its seed and invariant."""

    clusters: int
    seeds: tuple[int, ...]
    invariants: int
    alarms: tuple[str, ...]

    @property
    def false_alarm(self) -> float:
        """The probability that the statistical invariants raise a false alarm by chance."""
        return FALSE_ALARM * len(self.seeds)


def soak(
    *,
    clusters: int = CLUSTERS,
    seeds: Sequence[int] = SEEDS,
    workers: int = 1,
    step: Callable[[int], None] = lambda _: None,
) -> Soak:
    """Judge the reference on `clusters` clusters in all, so many of each seed."""
    each = max(1, clusters // len(seeds))
    found: list[tuple[int, int, list[str]]] = []
    # A fresh interpreter each, as everywhere.
    with ProcessPoolExecutor(min(workers, len(seeds)), mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_soak, seed, each) for seed in seeds]):
            found.append(future.result())
            step(len(found))
    alarms = tuple(alarm for _, _, some in sorted(found) for alarm in some)
    return Soak(each * len(seeds), tuple(seeds), found[0][1], alarms)


def _soak(seed: int, clusters: int) -> tuple[int, int, list[str]]:
    with load_adapter("reference") as session:
        result = run(session, load_profile(PROFILE), Options(seed=seed, clusters=clusters))
    alarms = [
        f"seed {seed}, cluster {verdict.first_failing}: {verdict.invariant.id}: {verdict.failure.question}"
        for verdict in result.verdicts
        if verdict.failure is not None
    ]
    return seed, len(result.verdicts), alarms


def lines(result: Soak) -> Iterable[str]:
    """The result as text."""
    for alarm in result.alarms:
        yield f"FALSE ALARM {alarm}"
    yield (
        f"soak: the reference passes {result.invariants} invariants on {result.clusters} clusters "
        f"of {len(result.seeds)} seeds, {len(result.alarms)} false alarms; "
        f"stated probability of a false alarm by chance: at most {result.false_alarm:.0e}"
    )
