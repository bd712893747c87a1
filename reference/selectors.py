# SPDX-License-Identifier: Apache-2.0
"""Selectors and labels: which objects does a selector select?

There are three selector languages, and "empty" means opposite things in them:
an absent or empty selector of a Service selects nothing, a LabelSelector that
is present but empty selects everything, and so does an empty string.

Source: k8s.io/apimachinery `pkg/labels/selector.go`, `pkg/apis/meta/v1/helpers.go`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache

from attrs import frozen

from reference.objects import Labels, LabelSelector, LabelSelectorRequirement
from reference.questions import Matching, Selection, SelectorForm
from reference.syntax import is_dns1123_subdomain, is_label_key, is_label_value

__all__ = [
    "Operator",
    "Requirement",
    "SelectorSyntaxError",
    "evaluate",
    "parse",
    "requirements_of",
    "service_selects",
    "text_of",
]


class SelectorSyntaxError(ValueError):
    """A selector that has to be rejected.  `rule` is the requirement that it breaks."""

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(message)
        self.rule = rule


class Operator(Enum):
    """How a requirement relates a key to its values.

    The values are the spelling in a LabelSelector; the string form writes `=`,
    `==` and `in` for IN, `!=` and `notin` for NOT_IN, `>` and `<`.
    """

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GREATER_THAN = "Gt"
    LESS_THAN = "Lt"


_OBJECT_OPERATORS = {
    operator.value: operator
    for operator in (Operator.IN, Operator.NOT_IN, Operator.EXISTS, Operator.DOES_NOT_EXIST)
}


@frozen
class Requirement:
    """One well-formed requirement of a selector; all of a selector's are ANDed."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Whether an object with `labels` meets the requirement (SEL-016 to SEL-018, SEL-021, SEL-022)."""
        value = labels.get(self.key)
        if self.operator is Operator.IN:
            return value is not None and value in self.values
        if self.operator is Operator.NOT_IN:
            return value is None or value not in self.values
        if self.operator is Operator.EXISTS:
            return value is not None
        if self.operator is Operator.DOES_NOT_EXIST:
            return value is None
        (text,) = self.values
        number, bound = _int64(value or ""), _int64(text)
        if number is None or bound is None:
            return False
        return number > bound if self.operator is Operator.GREATER_THAN else number < bound

    def __str__(self) -> str:
        """The canonical spelling in the string form (SEL-031)."""
        if self.operator is Operator.EXISTS:
            return self.key
        if self.operator is Operator.DOES_NOT_EXIST:
            return f"!{self.key}"
        if self.operator in (Operator.GREATER_THAN, Operator.LESS_THAN):
            return f"{self.key}{'>' if self.operator is Operator.GREATER_THAN else '<'}{self.values[0]}"
        word = "in" if self.operator is Operator.IN else "notin"
        return f"{self.key} {word} ({','.join(sorted(set(self.values)))})"


def evaluate(selection: Selection) -> Matching:
    """Whether the selection's selector selects an object with its labels (SEL-001 to SEL-035)."""
    try:
        requirements = requirements_of(selection)
    except SelectorSyntaxError:
        return Matching.INVALID
    if requirements is None:
        return Matching.DOES_NOT_MATCH
    matches = all(requirement.matches(selection.labels) for requirement in requirements)
    return Matching.MATCHES if matches else Matching.DOES_NOT_MATCH


def requirements_of(selection: Selection) -> tuple[Requirement, ...] | None:
    """What has to hold of a selected object; None when nothing is ever selected.

    Raises SelectorSyntaxError if the selector has to be rejected.
    """
    selector = selection.selector
    if selection.form is SelectorForm.STRING:
        # A request without the parameter is one with an empty parameter.
        return parse(selector if isinstance(selector, str) else "")
    if selection.form is SelectorForm.LABEL_SELECTOR:
        # SEL-013: an absent LabelSelector selects nothing; SEL-014: an empty one everything.
        return _of_label_selector(selector) if isinstance(selector, LabelSelector) else None
    # SEL-004, SEL-005: an absent or empty selector of a Service selects nothing.
    if not selector or isinstance(selector, (str, LabelSelector)):
        return None
    return tuple(requirement(key, Operator.IN, (value,)) for key, value in selector.items())


def service_selects(selector: Labels | None, labels: Labels) -> bool:
    """Whether a Service with `selector` selects a pod with `labels`.

    Every pair has to be there, byte for byte (SEL-001, SEL-002, SEL-003); an
    absent or empty selector selects nothing (SEL-004, SEL-005).
    """
    if not selector:
        return False
    for key, value in selector.items():  # noqa: SIM110 - a generator would cost more than the comparison
        if labels.get(key) != value:
            return False
    return True


def _rule_of_key(key: str) -> str:
    """Whether the prefix is wrong or the key."""
    prefix, slash, _ = key.partition("/")
    is_wrong = slash and prefix and key.count("/") == 1 and not is_dns1123_subdomain(prefix)
    return "SEL-034" if is_wrong else "SEL-033"


def requirement(key: str, operator: Operator, values: Sequence[str]) -> Requirement:
    """A requirement, or SelectorSyntaxError (SEL-020, SEL-022, SEL-033 to SEL-035)."""
    if not is_label_key(key):
        raise SelectorSyntaxError(f"{key!r} is no label key", rule=_rule_of_key(key))
    if operator in (Operator.IN, Operator.NOT_IN):
        if not values:
            raise SelectorSyntaxError(f"{operator.value} needs at least one value", rule="SEL-020")
    elif operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST):
        if values:
            raise SelectorSyntaxError(f"{operator.value} takes no values", rule="SEL-020")
    elif len(values) != 1 or None in map(_int64, values):
        raise SelectorSyntaxError(f"{operator.value} needs one integer of 64 bits", rule="SEL-022")
    for value in values:
        if not is_label_value(value):
            raise SelectorSyntaxError(f"{value!r} is no label value", rule="SEL-035")
    return Requirement(key, operator, tuple(values))


def _of_label_selector(selector: LabelSelector) -> tuple[Requirement, ...]:
    """All pairs and all expressions (SEL-015), each well-formed (SEL-019, SEL-020)."""
    pairs = tuple(requirement(key, Operator.IN, (value,)) for key, value in selector.match_labels.items())
    return pairs + tuple(_of_expression(expression) for expression in selector.match_expressions)


def _of_expression(expression: LabelSelectorRequirement) -> Requirement:
    operator = _OBJECT_OPERATORS.get(expression.operator)
    if operator is None:
        raise SelectorSyntaxError(f"{expression.operator!r} is no operator", rule="SEL-019")
    return requirement(expression.key, operator, expression.values)


_INTEGER = re.compile(r"[+-]?[0-9]+")


def _int64(text: str) -> int | None:
    """A base-10 integer of 64 bits, or None (SEL-022); one with a sign is no label value."""
    if _INTEGER.fullmatch(text) is None:
        return None
    number = int(text)
    return number if number < 2**63 else None


# -- the string form -----------------------------------------------------------


def text_of(requirements: Sequence[Requirement]) -> str:
    """The canonical spelling: sorted by key, joined with commas (SEL-031)."""
    return ",".join(str(item) for item in sorted(requirements, key=lambda item: item.key))


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Requirement, ...]:
    """The requirements of a string selector in the order in which they are written.

    `requirement *( "," requirement )`, or nothing at all (SEL-023).  Raises
    SelectorSyntaxError (SEL-030).
    """
    return _Parser(_tokens(text)).selector()


class _Kind(Enum):
    WORD = "a key or a value"
    SYMBOL = "a symbol"
    END = "the end"


@frozen
class _Token:
    kind: _Kind
    text: str


_BLANKS = " \t\r\n"
_TOKEN = re.compile(r"(?P<symbol>==|!=|[=!(),<>])|(?P<word>[^ \t\r\n=!(),<>]+)")
_END = _Token(_Kind.END, "the end")


def _tokens(text: str) -> list[_Token]:
    """Words and symbols, the longest symbol first; blanks only separate (SEL-028)."""
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        if text[position] in _BLANKS:
            position += 1
            continue
        found = _TOKEN.match(text, position)
        assert found is not None  # every other character belongs to a word
        kind = _Kind.SYMBOL if found.lastgroup == "symbol" else _Kind.WORD
        tokens.append(_Token(kind, found.group()))
        position = found.end()
    tokens.append(_END)
    return tokens


_BINARY = {
    "=": Operator.IN,
    "==": Operator.IN,
    "!=": Operator.NOT_IN,
    ">": Operator.GREATER_THAN,
    "<": Operator.LESS_THAN,
}
_SET = {"in": Operator.IN, "notin": Operator.NOT_IN}


class _Parser:
    """Recursive descent over the tokens of one string selector."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._position]

    def _take(self) -> _Token:
        token = self._next
        if token is not _END:
            self._position += 1
        return token

    def _sees(self, *symbols: str) -> bool:
        return self._next.kind is _Kind.SYMBOL and self._next.text in symbols

    @property
    def _at_end_of_requirement(self) -> bool:
        return self._next is _END or self._sees(",")

    def selector(self) -> tuple[Requirement, ...]:
        """Requirements joined by single commas; an empty text has none (SEL-023, SEL-030)."""
        if self._next is _END:
            return ()
        found = [self._requirement()]
        while self._sees(","):
            self._take()
            found.append(self._requirement())
        if self._next is not _END:
            raise _unexpected(self._next, "a comma or the end")
        return tuple(found)

    def _requirement(self) -> Requirement:
        """`key`, `!key`, `key op value` or `key in (values)` (SEL-024 to SEL-026)."""
        if self._sees("!"):
            self._take()
            key = self._key()
            if not self._at_end_of_requirement:  # `!` stands with a key alone
                raise _unexpected(self._next, "a comma or the end", rule="SEL-026")
            return requirement(key, Operator.DOES_NOT_EXIST, ())
        key = self._key()
        if self._at_end_of_requirement:
            return requirement(key, Operator.EXISTS, ())
        token = self._take()
        # `in` and `notin` are keywords in this place only (SEL-029).
        if token.kind is _Kind.WORD and token.text in _SET:
            return requirement(key, _SET[token.text], self._values())
        if token.text in _BINARY:  # no word is spelt like one
            return requirement(key, _BINARY[token.text], (self._value(),))
        raise _unexpected(token, "an operator")

    def _key(self) -> str:
        token = self._take()
        if token.kind is not _Kind.WORD:
            raise _unexpected(token, "a key")
        return token.text

    def _value(self) -> str:
        """The operand of a comparison; nothing stands for the empty value (SEL-027)."""
        if self._at_end_of_requirement:
            return ""
        token = self._take()
        if token.kind is not _Kind.WORD:
            raise _unexpected(token, "a value")
        return token.text

    def _values(self) -> tuple[str, ...]:
        """`(a,b)`; an empty place is the empty value (SEL-025, SEL-027)."""
        if not self._sees("("):
            raise _unexpected(self._next, "'('")
        self._take()
        values = [self._member()]
        while self._sees(","):
            self._take()
            values.append(self._member())
        if not self._sees(")"):
            raise _unexpected(self._next, "',' or ')'")
        self._take()
        return tuple(values)

    def _member(self) -> str:
        return self._take().text if self._next.kind is _Kind.WORD else ""


def _unexpected(token: _Token, wanted: str, *, rule: str = "SEL-030") -> SelectorSyntaxError:
    return SelectorSyntaxError(f"found {token.text!r}, expected {wanted}", rule=rule)
