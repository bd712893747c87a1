# SPDX-License-Identifier: Apache-2.0
"""The proof that the suite catches bugs: every planted fault is hunted, and the matrix is shown."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from statistics import median

from attrs import frozen

from conformance.engine.hunt import Catch, hunt
from conformance.errors import unknown
from conformance.faults import Fault, all_faults
from conformance.invariants import all_invariants

CLUSTERS = 1000
"""The budget of the profile `standard`."""
SMALL = (2, 4)
"""At most so many Services and pods make a small reproducer."""


@frozen
class Selftest:
    """What a self-test found."""

    faults: tuple[Fault, ...]
    catches: tuple[Catch, ...]

    @property
    def escaped(self) -> list[Catch]:
        """Requirements that were broken unnoticed."""
        return [each for each in self.catches if not each.is_caught]

    @property
    def caught(self) -> list[Catch]:
        """Requirements that were broken and reported."""
        return [each for each in self.catches if each.is_caught]

    @property
    def unobservable(self) -> list[Fault]:
        """Faults that no adapter can show yet."""
        return [fault for fault in self.faults if fault.make is None]

    @property
    def small(self) -> float:
        """The share of reproducers that are small."""
        sizes = [each.services <= SMALL[0] and each.pods <= SMALL[1] for each in self.caught]
        return sum(sizes) / len(sizes) if sizes else 0.0

    def inputs(self) -> tuple[float, int]:
        """The median of the inputs until a requirement was reported, and the 95th percentile."""
        numbers = sorted(each.inputs for each in self.caught)
        if not numbers:
            return 0.0, 0
        return median(numbers), numbers[math.ceil(0.95 * len(numbers)) - 1]


def chosen(names: Collection[str]) -> list[Fault]:
    """The faults of these ids or areas, all if there are none."""
    every = all_faults()
    areas = {fault.area.value for fault in every.values()}
    for name in names:
        if name not in areas and name not in every:
            raise unknown("fault", name, [*areas, *every])
    return [fault for fault in every.values() if not names or {fault.id, fault.area.value} & set(names)]


def selftest(
    faults: Sequence[Fault],
    *,
    clusters: int = CLUSTERS,
    workers: int | None = None,
    step: Callable[[int], None] = lambda _: None,
) -> Selftest:
    """Hunt every fault, in as many processes as there are processors."""
    observable = [fault.id for fault in faults if fault.make is not None]
    count = min(workers or processors(), len(observable))
    catches: dict[str, tuple[Catch, ...]] = {}
    for name, found in _hunted(observable, clusters, count):
        catches[name] = found
        step(len(catches))
    return Selftest(tuple(faults), tuple(catch for name in observable for catch in catches[name]))


def _hunted(names: Sequence[str], clusters: int, workers: int) -> Iterable[tuple[str, tuple[Catch, ...]]]:
    if workers <= 1:
        for name in names:
            yield name, _hunt(name, clusters)
        return
    # A fresh interpreter each: what is patched or cached here is not inherited.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_hunt, name, clusters): name for name in names}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _hunt(name: str, clusters: int) -> tuple[Catch, ...]:
    return hunt(all_faults()[name], clusters=clusters)


def lines(result: Selftest) -> Iterable[str]:
    """The matrix and the figures, as text."""
    rows = [_row(each) for each in result.catches]
    widths = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)][:-1]
    for row in (_HEADS, *rows):
        padded = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        yield "  ".join([*padded, row[-1]])
    for fault in result.unobservable:
        yield f"not observable yet: {fault.id} ({', '.join(fault.breaks)}): {fault.unobservable}"
    middle, most = result.inputs()
    yield (
        f"{len(result.caught)} of {len(result.catches)} broken requirements reported, "
        f"of {len(result.faults) - len(result.unobservable)} faults; "
        f"{len(result.unobservable)} faults cannot be observed yet"
    )
    yield f"inputs until reported: median {middle:g}, 95th percentile {most}"
    yield f"reproducers of at most {SMALL[0]} Services and {SMALL[1]} pods: {100 * result.small:.1f} %"


_HEADS = ("requirement", "fault", "inputs", "reproducer", "reported by")


def _row(catch: Catch) -> tuple[str, ...]:
    if not catch.is_caught:
        return (catch.requirement, catch.fault, "-", "-", "NOT REPORTED")
    parts = {"S": catch.services, "P": catch.pods, "R": catch.requests, "L": catch.selections}
    size = " ".join(f"{number}{letter}" for letter, number in parts.items() if number)
    names = ", ".join(catch.invariants) + (" (no other checks it)" if catch.only else "")
    return (catch.requirement, catch.fault, str(catch.inputs), size or "empty", names)


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def without_fault() -> list[str]:
    """Requirements that an invariant claims to check and no fault breaks."""
    broken = {name for fault in all_faults().values() for name in fault.breaks}
    claimed = dict.fromkeys(name for each in all_invariants().values() for name in each.requirements)
    return [name for name in claimed if name not in broken]
