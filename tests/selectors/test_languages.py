# SPDX-License-Identifier: Apache-2.0
"""The reference's selectors against the rows of the catalogue, language by language."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import Labels, LabelSelector, LabelSelectorRequirement
from reference.questions import Matching, Selection, SelectorForm
from reference.selectors import (
    Operator,
    Requirement,
    SelectorSyntaxError,
    evaluate,
    parse,
    service_selects,
    text_of,
)

YES, NO, BAD = Matching.MATCHES, Matching.DOES_NOT_MATCH, Matching.INVALID
WEB: Labels = FrozenMap({"app": "web"})


def by_string(text: str, labels: Labels) -> Matching:
    """The answer to a string selector."""
    return evaluate(Selection(SelectorForm.STRING, text, labels))


def by_expression(operator: str, values: tuple[str, ...], labels: Labels, key: str = "app") -> Matching:
    """The answer to a LabelSelector of one expression."""
    selector = LabelSelector(match_expressions=(LabelSelectorRequirement(key, operator, values),))
    return evaluate(Selection(SelectorForm.LABEL_SELECTOR, selector, labels))


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ({"app": "frontend"}, {"app": "frontend"}, True),
        ({"app": "frontend"}, {"app": "frontend", "tier": "x"}, True),
        ({"app": "web", "tier": "front"}, {"app": "web"}, False),
        ({"app": ""}, {"app": ""}, True),
        ({"app": ""}, {}, False),
        ({"app": ""}, {"app": "web"}, False),
        ({"app": "web"}, {"app": "Web"}, False),
        ({"app": "web"}, {"App": "web"}, False),
        ({"app": "we"}, {"app": "web"}, False),
        ({"app": "10"}, {"app": "010"}, False),
        (None, {"app": "web"}, False),
        ({}, {"app": "web"}, False),
        ({}, {}, False),
    ],
)
def test_service_selector(selector: dict[str, str] | None, labels: dict[str, str], *, selected: bool) -> None:
    """Every pair is there, byte for byte; absent and empty select nothing (SEL-001 to SEL-005)."""
    frozen = None if selector is None else FrozenMap(selector)
    assert service_selects(frozen, FrozenMap(labels)) is selected
    answer = evaluate(Selection(SelectorForm.SERVICE, frozen, FrozenMap(labels)))
    assert answer is (YES if selected else NO)


def test_empty_means_opposite_things() -> None:
    """An absent LabelSelector selects nothing, an empty one or string all (SEL-013, SEL-014, SEL-023)."""
    for labels in (EMPTY, WEB):
        assert evaluate(Selection(SelectorForm.LABEL_SELECTOR, None, labels)) is NO
        assert evaluate(Selection(SelectorForm.LABEL_SELECTOR, LabelSelector(), labels)) is YES
        assert by_string("", labels) is YES
        assert by_string(" \t\r\n", labels) is YES


@pytest.mark.parametrize(
    ("operator", "values", "labels", "answer"),
    [
        ("In", ("web", "db"), {"app": "web"}, YES),
        ("In", ("web",), {}, NO),
        ("In", ("web", "web"), {"app": "web"}, YES),
        ("In", ("",), {"app": ""}, YES),
        ("In", ("",), {}, NO),
        ("NotIn", ("web",), {}, YES),
        ("NotIn", ("web",), {"app": "db"}, YES),
        ("NotIn", ("web",), {"app": "web"}, NO),
        ("NotIn", ("",), {}, YES),
        ("NotIn", ("",), {"app": ""}, NO),
        ("Exists", (), {"app": ""}, YES),
        ("Exists", (), {"App": "web"}, NO),
        ("DoesNotExist", (), {}, YES),
        ("DoesNotExist", (), {"app": ""}, NO),
        ("In", (), {"app": "web"}, BAD),
        ("NotIn", (), {}, BAD),
        ("Exists", ("web",), {"app": "web"}, BAD),
        ("DoesNotExist", ("",), {}, BAD),
        ("Gt", ("1",), {"app": "2"}, BAD),
        ("in", ("web",), {"app": "web"}, BAD),
        ("Equals", ("web",), {"app": "web"}, BAD),
        ("In", ("we/b",), {"app": "web"}, BAD),
    ],
)
def test_expression(operator: str, values: tuple[str, ...], labels: dict[str, str], answer: Matching) -> None:
    """The four operators, their arity, and no other (SEL-016 to SEL-021)."""
    assert by_expression(operator, values, FrozenMap(labels)) is answer


def test_all_parts_are_anded() -> None:
    """All of matchLabels and matchExpressions has to hold; contradictions select nothing (SEL-015)."""
    selector = LabelSelector(WEB, (LabelSelectorRequirement("tier", "Exists"),))
    assert evaluate(Selection(SelectorForm.LABEL_SELECTOR, selector, WEB)) is NO
    both = WEB | {"tier": "front"}
    assert evaluate(Selection(SelectorForm.LABEL_SELECTOR, selector, both)) is YES
    contradiction = LabelSelector(WEB, (LabelSelectorRequirement("app", "NotIn", ("web",)),))
    assert evaluate(Selection(SelectorForm.LABEL_SELECTOR, contradiction, WEB)) is NO


def test_malformed_match_labels() -> None:
    """The pairs of matchLabels are label keys and values (SEL-033, SEL-035)."""
    for pairs in ({"a pp": "web"}, {"app": "-web"}):
        selector = LabelSelector(FrozenMap(pairs))
        assert evaluate(Selection(SelectorForm.LABEL_SELECTOR, selector, EMPTY)) is BAD


def requirement(key: str, operator: Operator, *values: str) -> Requirement:
    """A requirement with its values as they are written."""
    return Requirement(key, operator, values)


IN, NOT_IN = Operator.IN, Operator.NOT_IN
EXISTS, ABSENT = Operator.EXISTS, Operator.DOES_NOT_EXIST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1", [requirement("a", IN, "1")]),
        ("a==1", [requirement("a", IN, "1")]),
        ("a!=1", [requirement("a", NOT_IN, "1")]),
        ("a != 1", [requirement("a", NOT_IN, "1")]),
        ("a", [requirement("a", EXISTS)]),
        ("!a", [requirement("a", ABSENT)]),
        ("! a", [requirement("a", ABSENT)]),
        ("a in (1,2)", [requirement("a", IN, "1", "2")]),
        ("a in(1)", [requirement("a", IN, "1")]),
        ("a notin (1)", [requirement("a", NOT_IN, "1")]),
        ("a=", [requirement("a", IN, "")]),
        ("a==,b", [requirement("a", IN, ""), requirement("b", EXISTS)]),
        ("a!=", [requirement("a", NOT_IN, "")]),
        ("a in ()", [requirement("a", IN, "")]),
        ("a in (,)", [requirement("a", IN, "", "")]),
        ("a in (1,)", [requirement("a", IN, "1", "")]),
        ("a in (,1)", [requirement("a", IN, "", "1")]),
        ("a in (1,,2)", [requirement("a", IN, "1", "", "2")]),
        ("\ta\r\n=\n1 , b", [requirement("a", IN, "1"), requirement("b", EXISTS)]),
        ("in=notin", [requirement("in", IN, "notin")]),
        ("in in (in)", [requirement("in", IN, "in")]),
        ("notin notin (notin)", [requirement("notin", NOT_IN, "notin")]),
        ("!in", [requirement("in", ABSENT)]),
        ("IN", [requirement("IN", EXISTS)]),
        ("a=1,a=2", [requirement("a", IN, "1"), requirement("a", IN, "2")]),
        ("a>1", [requirement("a", Operator.GREATER_THAN, "1")]),
        ("a < 010", [requirement("a", Operator.LESS_THAN, "010")]),
        ("x in (foo,,baz),y,z notin ()", None),
        ("example.com/App_1.x=Y", [requirement("example.com/App_1.x", IN, "Y")]),
    ],
)
def test_grammar(text: str, expected: list[Requirement] | None) -> None:
    """What a well-formed string says (SEL-023 to SEL-029, SEL-031)."""
    found = parse(text)
    if expected is None:
        assert [item.key for item in found] == ["x", "y", "z"]
    else:
        assert list(found) == expected


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (",", "SEL-030"),
        (",a", "SEL-030"),
        ("a,", "SEL-030"),
        ("a,,b", "SEL-030"),
        ("a=b=c", "SEL-030"),
        ("a===b", "SEL-030"),
        ("a>=1", "SEL-030"),
        ("a in b", "SEL-030"),
        ("a in (b", "SEL-030"),
        ("a in (b c)", "SEL-030"),
        ("a in (b))", "SEL-030"),
        ("a in", "SEL-030"),
        ("a b", "SEL-030"),
        ("a=(b)", "SEL-030"),
        ("=b", "SEL-030"),
        ("!", "SEL-030"),
        ("!!a", "SEL-030"),
        ("!a=b", "SEL-026"),
        ("!a in (b)", "SEL-026"),
        ("a=!b", "SEL-030"),
        ("a IN (b)", "SEL-030"),
        ("a\x0bb", "SEL-033"),
        ("/a", "SEL-033"),
        ("a/", "SEL-033"),
        ("a/b/c", "SEL-033"),
        ("-a", "SEL-033"),
        ("Example.com/a", "SEL-034"),
        ("a" * 64, "SEL-033"),
        ("a=-b", "SEL-035"),
        ("a in (b,-c)", "SEL-035"),
        (f"a={'b' * 64}", "SEL-035"),
        ("a>", "SEL-022"),
        ("a>x", "SEL-022"),
        ("a<-1", "SEL-022"),
        ("a>1_0", "SEL-022"),
        ("a>9223372036854775808", "SEL-022"),
    ],
)
def test_malformed_strings(text: str, rule: str) -> None:
    """What has to be rejected, and by which row (SEL-022, SEL-030, SEL-033, SEL-035)."""
    if rule == "SEL-022" and text == "a<-1":
        rule = "SEL-035"  # an integer, but no label value
    with pytest.raises(SelectorSyntaxError) as error:
        parse(text)
    assert error.value.rule == rule
    assert by_string(text, FrozenMap({"a": "b"})) is BAD


@pytest.mark.parametrize(
    ("text", "value", "answer"),
    [
        ("a>9", "10", YES),
        ("a>10", "10", NO),
        ("a<11", "10", YES),
        ("a<010", "9", YES),
        ("a>9", "x", NO),
        ("a>9", "", NO),
        ("a<9223372036854775807", "9223372036854775808", NO),
        ("a>9223372036854775806", "9223372036854775807", YES),
        ("a>1", "1.5", NO),
    ],
)
def test_comparisons(text: str, value: str, answer: Matching) -> None:
    """Strict comparison of integers of 64 bits; what is no integer never matches (SEL-022)."""
    assert by_string(text, FrozenMap({"a": value})) is answer
    assert by_string(text, EMPTY) is NO


def test_absent_key() -> None:
    """`!=` and `notin` hold without the key, `=` and `in` do not (SEL-002, SEL-024, SEL-025)."""
    for text in ("app!=web", "app notin (web)", "app!=", "app notin ()", "!app"):
        assert by_string(text, EMPTY) is YES
    for text in ("app=web", "app in (web)", "app=", "app in ()", "app", "app>1", "app<1"):
        assert by_string(text, EMPTY) is NO


_WORDS = st.sampled_from(("app", "tier", "in", "notin", "a.b/c", "x-1"))
_REQUIREMENTS = st.one_of(
    st.builds(Requirement, _WORDS, st.sampled_from((EXISTS, ABSENT))),
    st.builds(
        Requirement,
        _WORDS,
        st.sampled_from((IN, NOT_IN)),
        st.lists(st.sampled_from(("", "in", "web", "Web", "1")), min_size=1, max_size=3).map(tuple),
    ),
    st.builds(
        Requirement,
        _WORDS,
        st.sampled_from((Operator.GREATER_THAN, Operator.LESS_THAN)),
        st.sampled_from((("1",), ("10",))),
    ),
)


@given(st.lists(_REQUIREMENTS, max_size=4))
@settings(derandomize=True, deadline=None, database=None, max_examples=200)
def test_canonical_text_is_read_back(requirements: list[Requirement]) -> None:
    """The canonical spelling of requirements is parsed to the same requirements (SEL-031)."""
    read = parse(text_of(requirements))
    wanted = sorted(requirements, key=lambda item: item.key)
    assert [(item.key, item.operator, set(item.values)) for item in read] == [
        (item.key, item.operator, set(item.values)) for item in wanted
    ]


@given(st.text(alphabet="ab1=!<>(), \tin", max_size=12))
@settings(derandomize=True, deadline=None, database=None, max_examples=400)
def test_any_text_is_answered(text: str) -> None:
    """Whatever the text, it is parsed or rejected, and blanks at its ends do not matter."""
    assert by_string(text, WEB) is by_string(f" {text}\n", WEB)
