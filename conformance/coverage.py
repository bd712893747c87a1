# SPDX-License-Identifier: Apache-2.0
"""How each requirement of the catalogue is covered: checked, outside, or not covered.

`python -m conformance.coverage --write FILE` writes the matrix as YAML; the file
is kept beside the tests, so that every change of it is seen in review.
"""

from __future__ import annotations

import argparse
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

from conformance.areas import Level
from conformance.catalogue import Requirement, load
from conformance.errors import UsageError, unknown
from conformance.files import write_whole
from conformance.invariants.base import Invariant

WIDTH = 80


class State(Enum):
    """Where a requirement ends."""

    CHECKED = "checked"
    OUTSIDE = "outside"
    """Outside of what an adapter can observe; the catalogue says why."""
    NOT_COVERED = "not-covered"


@frozen(kw_only=True)
class Row:
    """One requirement and how it is covered.

    `inputs` is the largest number of inputs on which one of `invariants` was
    judged, None where no run is known.  `faults` are the planted faults that
    break it.
    """

    requirement: Requirement
    state: State
    invariants: tuple[str, ...] = ()
    inputs: int | None = None
    faults: tuple[str, ...] = ()


def coverage(
    invariants: Iterable[Invariant],
    catalogue: Mapping[str, Requirement],
    *,
    inputs: Mapping[str, int] | None = None,
    faults: Mapping[str, Iterable[str]] | None = None,
) -> tuple[Row, ...]:
    """A row for each requirement, in the order of the catalogue.

    `inputs` tells by invariant id on how many inputs it was judged in a run,
    `faults` by requirement id which planted faults break it.  An invariant that names an unknown
    requirement, or one that is said to be outside, is an error.
    """
    checking: dict[str, list[str]] = {}
    for invariant in invariants:
        for name in dict.fromkeys(invariant.requirements):
            where = f"invariant {invariant.id}"
            if name not in catalogue:
                raise unknown("requirement", name, catalogue, where=where)
            reason = catalogue[name].unobservable
            if reason is not None:
                raise UsageError(
                    f"checks {name}, which the catalogue calls unobservable: {reason}",
                    where=where,
                    hint="take the requirement out of the invariant, or `unobservable` out of the catalogue",
                )
            checking.setdefault(name, []).append(invariant.id)
    return tuple(
        _row(requirement, tuple(checking.get(requirement.id, ())), inputs, faults)
        for requirement in catalogue.values()
    )


def _row(
    requirement: Requirement,
    names: tuple[str, ...],
    inputs: Mapping[str, int] | None,
    faults: Mapping[str, Iterable[str]] | None,
) -> Row:
    if not names:
        state = State.NOT_COVERED if requirement.unobservable is None else State.OUTSIDE
        return Row(requirement=requirement, state=state)
    return Row(
        requirement=requirement,
        state=State.CHECKED,
        invariants=names,
        inputs=None if inputs is None else max(inputs.get(name, 0) for name in names),
        faults=tuple(sorted((faults or {}).get(requirement.id, ()))),
    )


# -- numbers -----------------------------------------------------------------


@frozen
class Summary:
    """How many requirements are in each state: in all, by file and by level."""

    total: Mapping[State, int]
    files: Mapping[str, Mapping[State, int]]
    levels: Mapping[Level, Mapping[State, int]]


def summary(rows: Iterable[Row]) -> Summary:
    """The numbers of the rows; files are those of the rows, levels in the order of `Level`."""
    total: Counter[State] = Counter()
    files: dict[str, Counter[State]] = {}
    levels: dict[Level, Counter[State]] = {}
    for row in rows:
        total[row.state] += 1
        files.setdefault(row.requirement.file, Counter())[row.state] += 1
        levels.setdefault(row.requirement.level, Counter())[row.state] += 1
    return Summary(total, files, {level: levels[level] for level in Level if level in levels})


# -- views -------------------------------------------------------------------

_ID, _LEVEL, _STATE, _INPUTS = 16, 19, 11, 7
_INDENT = " " * 4


def render_text(rows: Sequence[Row]) -> str:
    """The matrix and its summary as text of at most 80 columns."""
    with_inputs = any(row.inputs is not None for row in rows)
    heading = _line("requirement", "level", "state", "inputs" if with_inputs else "")
    lines = [heading, "-" * len(heading)]
    for row in rows:
        shown = "" if row.inputs is None else str(row.inputs)
        lines.append(_line(row.requirement.id, row.requirement.level.value, row.state.value, shown))
        if row.invariants:
            lines += _wrapped("by", ", ".join(row.invariants))
        if row.faults:
            lines += _wrapped("faults", ", ".join(row.faults))
        if row.state is State.OUTSIDE:
            lines += _wrapped("because", row.requirement.unobservable or "")
    return "\n".join([*lines, "", *_summary_lines(summary(rows))])


def _line(id: str, level: str, state: str, inputs: str) -> str:
    return f"{id:<{_ID}}  {level:<{_LEVEL}}  {state:<{_STATE}} {inputs:>{_INPUTS}}".rstrip()


def _wrapped(title: str, text: str) -> list[str]:
    return textwrap.wrap(
        f"{title}: {text}",
        WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT * 2,
        break_on_hyphens=False,
    )


def _summary_lines(numbers: Summary) -> list[str]:
    lines = [_numbers("", {state: state.value for state in State}, "all")]
    lines += [_numbers(name, counts) for name, counts in numbers.files.items()]
    lines.append("")
    lines += [_numbers(level.value, counts) for level, counts in numbers.levels.items()]
    lines.append("")
    lines.append(_numbers("all requirements", numbers.total))
    return lines


def _numbers(title: str, counts: Mapping[State, Any], last: str | None = None) -> str:
    cells = [str(counts.get(state, 0)) for state in State]
    cells.append(last if last is not None else str(sum(counts.values())))
    return f"{title:<24}" + "".join(f"{cell:>13}" for cell in cells)


def to_plain(rows: Sequence[Row]) -> dict[str, Any]:
    """The matrix as plain data."""
    numbers = summary(rows)
    return {
        "summary": {
            "all": _plain_counts(numbers.total),
            "files": {name: _plain_counts(counts) for name, counts in numbers.files.items()},
            "levels": {level.value: _plain_counts(counts) for level, counts in numbers.levels.items()},
        },
        "requirements": {row.requirement.id: _plain_row(row) for row in rows},
    }


def _plain_counts(counts: Mapping[State, int]) -> dict[str, int]:
    return {state.value: counts.get(state, 0) for state in State}


def _plain_row(row: Row) -> dict[str, Any]:
    plain: dict[str, Any] = {"state": row.state.value}
    if row.invariants:
        plain["by"] = list(row.invariants)
    if row.inputs is not None:
        plain["inputs"] = row.inputs
    if row.faults:
        plain["faults"] = list(row.faults)
    if row.state is State.OUTSIDE:
        plain["because"] = row.requirement.unobservable
    return plain


def render_yaml(rows: Sequence[Row]) -> str:
    """The matrix as YAML, for the file that is reviewed."""
    text = yaml.safe_dump(to_plain(rows), sort_keys=False, allow_unicode=True, width=100)
    return (
        "# SPDX-License-Identifier: Apache-2.0\n"
        "# How each requirement is covered; written by `python -m conformance.coverage --write FILE`.\n"
        f"{text}"
    )


def current() -> tuple[Row, ...]:
    """The rows of the suite as it is: its catalogue and all of its invariants."""
    from conformance.invariants import all_invariants

    return coverage(all_invariants().values(), load(), faults=planted())


def planted() -> dict[str, list[str]]:
    """The planted faults by the requirements that they break."""
    from conformance.faults import all_faults

    found: dict[str, list[str]] = {}
    for fault in all_faults().values():
        for name in fault.breaks if fault.make is not None else ():
            found.setdefault(name, []).append(fault.id)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the matrix, or write it as YAML."""
    parser = argparse.ArgumentParser(prog="python -m conformance.coverage", description=main.__doc__)
    parser.add_argument("--write", metavar="FILE", type=Path, help="write YAML to this file")
    options = parser.parse_args(arguments)
    try:
        rows = current()
        if options.write is None:
            print(render_text(rows))
        else:
            write_whole(options.write, render_yaml(rows))
    except UsageError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
