# SPDX-License-Identifier: Apache-2.0
"""`$(NAME)` in the value of a variable.

Source: `third_party/forked/golang/expansion/expand.go`.
"""

from __future__ import annotations

from collections.abc import Mapping

OPERATOR = "$"


def expand(text: str, *contexts: Mapping[str, str]) -> str:
    """The text with each `$(NAME)` replaced from the first of `contexts` that has NAME.

    One pass from left to right, so what was put in is not looked at again
    (ENV-EXP-010), and dollars pair up in the order in which they stand (ENV-EXP-007).
    """
    if OPERATOR not in text:
        return text
    result = []
    position = 0
    while True:
        dollar = text.find(OPERATOR, position)
        if dollar < 0 or dollar + 1 == len(text):
            # A dollar at the very end is literal (ENV-EXP-007).
            result.append(text[position:])
            return "".join(result)
        result.append(text[position:dollar])
        value, position = _operation(text, dollar, contexts)
        result.append(value)


def _operation(text: str, dollar: int, contexts: tuple[Mapping[str, str], ...]) -> tuple[str, int]:
    """What the dollar at `dollar` and what it takes with it stand for, and where to go on."""
    following = text[dollar + 1]
    if following == OPERATOR:
        return OPERATOR, dollar + 2  # ENV-EXP-006
    if following != "(" or ")" not in text[dollar:]:
        return OPERATOR + following, dollar + 2  # ENV-EXP-008
    close = text.index(")", dollar)
    return look_up(text[dollar + 2 : close], contexts), close + 1


def look_up(name: str, contexts: tuple[Mapping[str, str], ...]) -> str:
    """The value of a variable, or the reference as it was written.

    The name is all that stands before the first `)`, taken as it is (ENV-EXP-005,
    ENV-EXP-009, ENV-EXP-011, ENV-EXP-012, ENV-EXP-019).
    """
    for context in contexts:
        if name in context:
            return context[name]
    return f"$({name})"
