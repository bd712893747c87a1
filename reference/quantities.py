# SPDX-License-Identifier: Apache-2.0
"""Quantities of resources, as `"2"`, `"500m"` or `"1.5k"`.

Source: k8s.io/apimachinery `pkg/api/resource/quantity.go`, `suffix.go`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)(?=\.?[0-9])(?P<whole>[0-9]*)(\.(?P<part>[0-9]*))?"
    r"(?P<suffix>[A-Za-z]*)(?P<power>[+-]?[0-9]*)"
)
_SUFFIXES: dict[str, Fraction] = {
    **{suffix: Fraction(1000) ** (place - 3) for place, suffix in enumerate(("n", "u", "m", "", *"kMGTPE"))},
    **{f"{letter}i": Fraction(1024) ** (place + 1) for place, letter in enumerate("KMGTPE")},
}
_MOST = 2**63 - 1
_LONGEST = 64
_NANO = 10**9


@lru_cache(maxsize=1024)
def nanos(text: str) -> int:
    """A quantity in billionths, rounded away from zero; a ValueError for what is none.

    What is larger than the API can hold counts as the largest.
    """
    found = _QUANTITY.fullmatch(text) if 0 < len(text) <= _LONGEST else None
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    part = found["part"] or ""
    number = Fraction(int(found["whole"] + part), 10 ** len(part))
    exact = min(number * _multiple(text, found["suffix"], found["power"]), Fraction(_MOST)) * _NANO
    amount = -(-exact.numerator // exact.denominator)
    return -amount if found["sign"] == "-" else amount


def _multiple(text: str, suffix: str, power: str) -> Fraction:
    """What a suffix stands for: a power of 1000 or 1024, or with a number one of ten."""
    if suffix in ("e", "E") and power.strip("+-"):
        return Fraction(10) ** max(-_LONGEST - 10, min(_LONGEST + 20, int(power)))
    if suffix not in _SUFFIXES or power:
        raise ValueError(f"{text!r} is no quantity")
    return _SUFFIXES[suffix]


def millis(amount: int) -> int:
    """Billionths in thousandths, rounded up."""
    return -(-amount // 10**6)
