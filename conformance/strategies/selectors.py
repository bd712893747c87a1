# SPDX-License-Identifier: Apache-2.0
"""Selections: a selector in one of the three languages, and the labels it is held against.

The pools are small and share their keys and values, so that most selections
match or nearly match.  Every malformed selector is wrong in one stated way.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product

from attrs import frozen
from hypothesis import strategies as st

from conformance.strategies import pools
from reference.frozenmap import EMPTY, FrozenMap
from reference.objects import Labels, LabelSelector, LabelSelectorRequirement
from reference.questions import Selection, SelectorForm
from reference.selectors import SelectorSyntaxError, requirements_of

Selector = Labels | LabelSelector | str | None

LABELS: tuple[Labels, ...] = (
    EMPTY,
    FrozenMap({"app": "web"}),
    FrozenMap({"app": ""}),
    FrozenMap({"app": "Web"}),
    FrozenMap({"app": "db"}),
    FrozenMap({"tier": "front"}),
    FrozenMap({"app": "web", "tier": "front"}),
    FrozenMap({"app": "web", "tier": ""}),
    FrozenMap({"App": "web"}),  # another key, by its letter case
    FrozenMap({"example.com/app": "web"}),
    FrozenMap({"app": "web-1"}),  # begins like a value that is asked for
    FrozenMap({"app": "10"}),
    FrozenMap({"app": "9", "tier": "front"}),
    FrozenMap({"app": "010"}),  # equal to 10 as a number, not as a value
    FrozenMap({"app": "9223372036854775807"}),
    FrozenMap({"app": "9223372036854775808"}),  # no integer of 64 bits
    FrozenMap({"in": "in", "notin": "notin"}),
)


@frozen
class Term:
    """A well-formed requirement, before it is written in one of the languages."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


_KEYS = ("app", "tier", "example.com/app", "App", "in")
_VALUE_SETS: tuple[tuple[str, ...], ...] = (
    ("web",),
    ("",),
    ("web", "db"),
    ("Web",),
    ("10",),
    ("in",),
    ("", "front"),
    ("web", "front", "db"),
    ("web", "web"),
)
TERMS: tuple[Term, ...] = tuple(
    Term(key, operator, values)
    for key in _KEYS
    for operator, choices in (
        ("In", _VALUE_SETS),
        ("NotIn", _VALUE_SETS),
        ("Exists", ((),)),
        ("DoesNotExist", ((),)),
    )
    for values in choices
)
_COMPARISONS = tuple(
    Term("app", operator, (value,))
    for operator, value in product((">", "<"), ("9", "10", "0", "010", "9223372036854775806"))
)
"""Only the string language has these."""

_FRONT = tuple(
    Term("tier", operator, values)
    for operator, values in (
        ("In", ("front",)),
        ("In", ("",)),
        ("NotIn", ("front",)),
        ("Exists", ()),
        ("DoesNotExist", ()),
    )
)
_PAIRS = tuple(
    product((*(term for term in TERMS if term.key == "app"), *_COMPARISONS), (*_FRONT, TERMS[0], TERMS[9]))
)
"""Two requirements, also on one key: contradictory ones are well-formed."""


# -- the string language --------------------------------------------------------

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "In": ("{key}={one}", "{key}=={one}", "{key} in ({all})", "{key} = {one}", " {key}\tin\n( {blank} )\r"),
    "NotIn": ("{key}!={one}", "{key} notin ({all})", "{key} != {one}", "{key} notin( {blank} )"),
    "Exists": ("{key}", " {key} "),
    "DoesNotExist": ("!{key}", "! {key}"),
    ">": ("{key}>{one}", "{key} > {one}"),
    "<": ("{key}<{one}", "{key} < {one}"),
}


@cache
def spellings(term: Term) -> tuple[str, ...]:
    """The ways to write a requirement in the string language, the plainest first."""
    one = term.values[0] if len(term.values) == 1 else None
    return tuple(
        template.format(key=term.key, one=one, all=",".join(term.values), blank=" , ".join(term.values))
        for template in _SPELLINGS[term.operator]
        if one is not None or "{one}" not in template
    )


_LONGEST = "x" * 63
_LONGEST_PREFIX = ".".join([*["x" * 63] * 3, "x" * 61])

EDGES: tuple[str, ...] = (
    "",
    " \t\r\n",
    "in",
    "!in",
    "notin",
    "in=notin",
    "in in (in)",
    "notin notin (notin,in)",
    "app=in",
    "app,notin",
    "app=,tier",
    "app==,tier",
    "app!=,tier",
    "app in ()",
    "app notin ()",
    "app in (,)",
    "app in (web,)",
    "app in (,web)",
    "app in (web,,db)",
    "app notin (web,,db)",
    "app=web,app=db",
    "app=web,app!=web",
    "app=web,app=web",
    "app,!app",
    "app notin (web),tier notin (front)",
    "app>9,app<11",
    "tier, app = web",
    f"{_LONGEST_PREFIX}/app",
    f"!{_LONGEST_PREFIX}/{_LONGEST}",
)
"""Well-formed strings that are easily misread."""

_LONG = "x" * 64
_LONG_PREFIX = ".".join(["x" * 63] * 4)

MALFORMED_STRINGS: dict[str, str] = {
    "comma at the start": ",app=web",
    "prefix that is one too long": f"{_LONGEST_PREFIX}x/app",
    "key that is one too long": f"example.com/{_LONG}",
    "comma at the end": "app=web,",
    "two commas": "app=web,,tier",
    "only a comma": ",",
    "two comparisons": "app=web=db",
    "three equal signs": "app===web",
    "greater or equal": "app>=1",
    "set without parentheses": "app in web",
    "notin without a set": "app notin",
    "set that is not closed": "app in (web",
    "set that is not opened": "app in web)",
    "two words": "app web",
    "two values": "app=web db",
    "two values in one place of a set": "app in (web db)",
    "word after a set": "app in (web) db",
    "parentheses after an equal sign": "app=(web)",
    "keyword in upper case": "app IN (web)",
    "negated comparison": "!app=web",
    "negated set": "!app in (web)",
    "two negations": "!!app",
    "negation of nothing": "!",
    "negated value": "app=!web",
    "no key": "=web",
    "key that is a keyword of nothing": "in (web)",
    "key that starts with a hyphen": "-app=web",
    "key that ends with a hyphen": "app-=web",
    "key with a colon": "app:web",
    "key without a name": "example.com/=web",
    "key with an empty prefix": "/app=web",
    "key with two slashes": "example.com/app/x=web",
    "key prefix in upper case": "Example.com/app=web",
    "key prefix with an underscore": "ex_ample/app",
    "key name of 64 characters": f"{_LONG}=web",
    "key prefix of 255 characters": f"{_LONG_PREFIX}/app",
    "key that is not ASCII": "äpp=web",
    "value that starts with a hyphen": "app=-web",
    "value that ends with a dot": "app=web.",
    "value with a slash": "app=we/b",
    "value with a colon": "app in (we:b)",
    "value of 64 characters": f"app!={_LONG}",
    "value that is not ASCII": "app=wéb",
    "comparison with nothing": "app>",
    "comparison with a word": "app>web",
    "comparison with a negative number": "app<-1",
    "comparison with a number of 65 bits": "app>9223372036854775808",
    "semicolon": "app=web;tier=front",
    "quotes": 'app="web"',
    "asterisk": "app=*",
}


# -- the object language --------------------------------------------------------


def _expression(term: Term) -> LabelSelectorRequirement:
    return LabelSelectorRequirement(term.key, term.operator, term.values)


def _of_two_parts() -> tuple[LabelSelector, ...]:
    """Well-formed LabelSelectors of two matchExpressions, or of matchLabels and one expression."""
    pairs = tuple(
        LabelSelector(match_expressions=(_expression(first), _expression(second)))
        for first, second in _PAIRS
        if first.operator not in (">", "<")
    )
    mixed = tuple(
        LabelSelector(FrozenMap({"app": value}), (_expression(term),))
        for value, term in product(("web", ""), (*_FRONT, *TERMS[:20]))
    )
    return (*mixed, *pairs)


_STRAY_COMMA = re.compile(r"\A,|,,|,\Z")

MAPS: tuple[Labels, ...] = (
    FrozenMap({"app": "web"}),
    FrozenMap({"app": ""}),
    FrozenMap({"app": "web", "tier": "front"}),
    FrozenMap({"app": "Web"}),
    FrozenMap({"App": "web"}),
    FrozenMap({"example.com/app": "web"}),
    FrozenMap({"app": "10"}),
    FrozenMap({"in": "in"}),
    FrozenMap({"app": "we"}),
    FrozenMap({"app": "web", "tier": ""}),
)

MALFORMED_OBJECTS: dict[str, LabelSelector] = {
    **{
        f"operator {operator!r}": LabelSelector(
            match_expressions=(LabelSelectorRequirement("app", operator, values),)
        )
        for operator, values in (
            ("Gt", ("9",)),
            ("Lt", ("9",)),
            ("in", ("web",)),
            ("notin", ("web",)),
            ("exists", ()),
            ("Equals", ("web",)),
            ("=", ("web",)),
            ("!", ()),
            ("NotExists", ()),
            ("", ()),
        )
    },
    **{
        reason: LabelSelector(match_expressions=(LabelSelectorRequirement(key, operator, values),))
        for reason, key, operator, values in (
            ("In without values", "app", "In", ()),
            ("NotIn without values", "app", "NotIn", ()),
            ("Exists with a value", "app", "Exists", ("web",)),
            ("Exists with an empty value", "app", "Exists", ("",)),
            ("DoesNotExist with a value", "app", "DoesNotExist", ("web",)),
            ("empty key", "", "Exists", ()),
            ("key with two slashes", "example.com/app/x", "In", ("web",)),
            ("key prefix in upper case", "Example.com/app", "In", ("web",)),
            ("key that starts with a hyphen", "-app", "DoesNotExist", ()),
            ("value with a blank", "app", "In", ("we b",)),
            ("value with a slash among good ones", "app", "NotIn", ("web", "we/b")),
            ("value of 64 characters", "app", "In", (_LONG,)),
        )
    },
    "matchLabels key with a blank": LabelSelector(FrozenMap({"a pp": "web"})),
    "matchLabels value that ends with a hyphen": LabelSelector(FrozenMap({"app": "web-"})),
    "good matchLabels, expression without values": LabelSelector(
        FrozenMap({"app": "web"}), (LabelSelectorRequirement("tier", "In", ()),)
    ),
}


# -- selections -------------------------------------------------------------------

MOST_OF_A_KIND = 2800


def _near(wanted: Labels) -> tuple[Labels, ...]:
    """Labels that have all that is wanted, none at all, and labels that lack just one of it."""
    more = wanted | {"release": "stable"}
    without = tuple(more.without(key) for key in wanted)
    empty = tuple(more | {key: ""} for key in wanted)
    swapped = tuple(more | {key: value.swapcase()} for key, value in wanted.items())
    longer = tuple(more | {key: f"{value}1"} for key, value in wanted.items())
    return (wanted, more, EMPTY, *without, *empty, *swapped, *longer)


def _held(term: Term) -> tuple[Labels, ...]:
    """Labels that a single requirement is decided on: each of its values, none, an empty and a near one."""
    if term in _COMPARISONS:
        return LABELS
    values = (*term.values, "", *(f"{value}1" for value in term.values[:1]), "web")
    with_key = tuple(FrozenMap({term.key: value, "release": "stable"}) for value in dict.fromkeys(values))
    # A prefix may only be in lower case.
    other_case = () if "/" in term.key else (FrozenMap({term.key.swapcase(): "web"}),)
    return (*with_key, EMPTY, *other_case)


def _single_strings(terms: tuple[Term, ...]) -> list[Selection]:
    """Single requirements as strings, against what they are decided on."""
    return [
        Selection(SelectorForm.STRING, text, labels)
        for term in terms
        for text, labels in product(spellings(term), _held(term))
    ]


def _single_objects(terms: tuple[Term, ...]) -> list[Selection]:
    """Single requirements as LabelSelectors, against what they are decided on."""
    return [
        Selection(SelectorForm.LABEL_SELECTOR, LabelSelector(match_expressions=(_expression(term),)), labels)
        for term in terms
        for labels in _held(term)
    ]


def _kinds() -> tuple[list[Selection], ...]:
    """The kinds of selection, which are drawn equally often, the simplest first."""
    maps = [(labels, near) for labels in MAPS for near in _near(labels)]
    pairs = tuple(
        f"{spellings(first)[index % len(spellings(first))]},{spellings(second)[0]}"
        for index, (first, second) in enumerate(_PAIRS)
    )
    presence = tuple(term for term in TERMS if not term.values)
    return (
        [Selection(SelectorForm.SERVICE, selector, near) for selector, near in maps],
        _absent_or_empty(),
        _single_strings(TERMS),
        _single_objects(TERMS),
        [Selection(SelectorForm.LABEL_SELECTOR, LabelSelector(labels), near) for labels, near in maps]
        + _against(SelectorForm.LABEL_SELECTOR, _of_two_parts(), LABELS),
        _single_strings(presence) + _single_objects(presence),
        _empty_values(),
        _single_strings(_COMPARISONS),
        _against(SelectorForm.STRING, EDGES, LABELS),
        _against(SelectorForm.STRING, pairs, LABELS),
        _malformed(SelectorForm.STRING, tuple(MALFORMED_STRINGS.values())),
        _malformed(SelectorForm.LABEL_SELECTOR, tuple(MALFORMED_OBJECTS.values())),
    )


def _absent_or_empty() -> list[Selection]:
    """Selectors that ask for nothing, in each of the languages, about as often as each other."""
    held = (EMPTY, LABELS[1], LABELS[6])
    return [
        Selection(form, selector, labels)
        for form, selector in (
            (SelectorForm.SERVICE, None),
            (SelectorForm.SERVICE, EMPTY),
            (SelectorForm.LABEL_SELECTOR, None),
            (SelectorForm.LABEL_SELECTOR, LabelSelector()),
            (SelectorForm.STRING, ""),
            (SelectorForm.STRING, " \t"),
        )
        for labels in held
    ]


def _empty_values() -> list[Selection]:
    """Selectors that ask for the empty value, against that value, another one and no key."""
    terms = tuple(term for term in TERMS if term.key == "app" and "" in term.values)
    maps = (FrozenMap({"app": ""}), FrozenMap({"app": "", "tier": "front"}))
    held = [labels | {"tier": "front"} for labels in (EMPTY, LABELS[1], LABELS[2])]
    strings, objects = _single_strings(terms), _single_objects(terms)
    services = [Selection(SelectorForm.SERVICE, *pair) for pair in product(maps, held)]
    # Each language about as often as the others.
    return [
        *services * (len(strings) // len(services)),
        *strings,
        *objects * (len(strings) // len(objects)),
    ]


def _malformed(form: SelectorForm, selectors: tuple[str | LabelSelector, ...]) -> list[Selection]:
    """Malformed selectors: about as often those that break one rule as another, or have stray commas."""
    if form is SelectorForm.STRING:
        # Also after a requirement that is in order.
        selectors += tuple(f"tier=front,{text}" for text in selectors if not str(text).startswith(","))
    by_rule: dict[tuple[str, bool], list[Selection]] = {}
    for selection in _against(form, selectors, LABELS[:7:3]):
        stray = _STRAY_COMMA.search(str(selection.selector)) is not None
        by_rule.setdefault((_broken_rule(selection), stray), []).append(selection)
    most = max(map(len, by_rule.values()))
    return _thinned([item for group in by_rule.values() for item in group * round(most / len(group))])


def _broken_rule(selection: Selection) -> str:
    try:
        requirements_of(selection)
    except SelectorSyntaxError as error:
        return error.rule
    raise AssertionError(f"{selection} is well-formed")


def _against(
    form: SelectorForm, selectors: tuple[Selector, ...], labels: tuple[Labels, ...]
) -> list[Selection]:
    """Every selector against every labels, thinned where that is too many."""
    return _thinned([Selection(form, selector, held) for selector, held in product(selectors, labels)])


def _thinned(every: list[Selection]) -> list[Selection]:
    """At most `MOST_OF_A_KIND` of them, evenly."""
    return every[:: len(every) // MOST_OF_A_KIND + 1]


@cache
def pool() -> tuple[Selection, ...]:
    """All selections, each kind about as often as any other, the simplest kind first."""
    return tuple(item for kind in _kinds() for item in kind * (MOST_OF_A_KIND // len(kind) or 1))


def selections(*, max_size: int = 3) -> st.SearchStrategy[tuple[Selection, ...]]:
    """None or `max_size` selections, in each of the three languages, well-formed or not.

    One draw decides them all: it costs a tenth of drawing their parts, and those
    that a failure does not need are left out afterwards.
    """
    every = pool()
    # Far apart in the pool, so that the selections of one draw are of different kinds.
    step = round(len(every) * 0.382)
    batches = range(len(every) + 1)

    def batch(index: int) -> tuple[Selection, ...]:
        if index == 0:
            return ()
        return tuple(every[(index - 1 + place * step) % len(every)] for place in range(max_size))

    return pools.evenly(batches).map(batch)
