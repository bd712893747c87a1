# SPDX-License-Identifier: Apache-2.0
"""Quantities are read as the API reads them."""

from __future__ import annotations

import pytest

from reference.quantities import millis, nanos


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("2", 2 * 10**9),
        ("500m", 5 * 10**8),
        ("1.5", 15 * 10**8),
        ("1.", 10**9),
        (".5", 5 * 10**8),
        ("+3", 3 * 10**9),
        ("7u", 7000),
        ("3n", 3),
        ("0.1n", 1),
        ("1k", 10**12),
        ("1E", 10**27),
        ("1Ki", 1024 * 10**9),
        ("1.5Mi", 1536 * 1024 * 10**9),
        ("2e3", 2 * 10**12),
        ("2E-3", 2 * 10**6),
        ("5e+1", 5 * 10**10),
        ("9E", 9 * 10**27),
        ("1e-99", 1),
        ("0e99", 0),
    ],
)
def test_quantities(text: str, amount: int) -> None:
    """Suffixes of 1000 and 1024, and exponents; what is finer than a billionth is rounded up."""
    assert nanos(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        *"m.+K",
        "",
        " ",
        "1 ",
        "1mm",
        "1Ka",
        "1ki",
        "1e",
        "1e+",
        "1m2",
        "1K",
        "1.2.3",
        "--1",
        "0x1",
        "-1",
        "1e100",
        31 * "1",
    ],
)
def test_what_is_no_quantity(text: str) -> None:
    """Anything else is an error."""
    with pytest.raises(ValueError, match="is no quantity"):
        nanos(text)


def test_thousandths_are_rounded_up() -> None:
    """As the controller counts CPUs."""
    assert [millis(amount) for amount in (0, 1, 10**6, 10**6 + 1, 2 * 10**9)] == [0, 1, 1, 2, 2000]
