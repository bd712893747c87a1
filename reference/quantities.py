# SPDX-License-Identifier: Apache-2.0
"""Quantities of resources, as `"2"`, `"500m"` or `"1.5k"`.

Source: k8s.io/apimachinery `pkg/api/resource/quantity.go`, `suffix.go`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from math import ceil

_QUANTITY = re.compile(
    r"\+?(?P<number>[0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})(?P<suffix>[A-Za-z]*)(?P<power>[+-]?[0-9]{0,2})"
)
_SUFFIXES: dict[str, Fraction] = {
    **{suffix: Fraction(1000) ** (place - 3) for place, suffix in enumerate(("n", "u", "m", "", *"kMGTPE"))},
    **{f"{letter}i": Fraction(1024) ** (place + 1) for place, letter in enumerate("KMGTPE")},
}


@lru_cache(maxsize=1024)
def nanos(text: str) -> int:
    """A quantity in billionths, rounded up; a ValueError for what is none, or is below zero.

    Neither does it take more digits than any number has that the API can hold.
    """
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    return ceil(Fraction(found["number"]) * _multiple(text, found["suffix"], found["power"]) * 10**9)


def _multiple(text: str, suffix: str, power: str) -> Fraction:
    """What a suffix stands for: a power of 1000 or 1024, or with a number one of ten."""
    if suffix in ("e", "E") and power.strip("+-"):
        return Fraction(10) ** int(power)
    if suffix not in _SUFFIXES or power:
        raise ValueError(f"{text!r} is no quantity")
    return _SUFFIXES[suffix]


def millis(amount: int) -> int:
    """Billionths in thousandths, rounded up."""
    return ceil(Fraction(amount, 10**6))
