# SPDX-License-Identifier: Apache-2.0
"""Faults with malformed selectors, which are taken for well-formed ones."""

from __future__ import annotations

import re

from conformance.faults.base import says
from conformance.faults.selectors.changes import read_as, rejected_by, text_of
from reference.objects import Cluster
from reference.questions import Matching, Selection


@says("SEL-019", "SEL-020", "SEL-022", "SEL-030", "SEL-033", "SEL-035", of=("select",))
def malformed_selects_nothing(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A malformed selector is not rejected, it selects nothing."""
    return Matching.DOES_NOT_MATCH if answer is Matching.INVALID else answer


@says("SEL-022", of=("select",))
def comparison_with_a_word(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """`>` and `<` with what is no number are accepted and never met."""
    return Matching.DOES_NOT_MATCH if rejected_by(selection) == "SEL-022" else answer


@says("SEL-026", of=("select",))
def exclamation_mark_negates_anything(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """`!key=value` is read as `key!=value`."""
    text = text_of(selection)
    return answer if text is None else read_as(selection, re.sub(r"!\s*([\w./-]+)\s*=(?!=)", r"\1!=", text))


@says("SEL-030", of=("select",))
def text_after_a_requirement_is_ignored(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """What follows a complete requirement, up to the next comma, is not looked at."""
    text = text_of(selection)
    if text is None or answer is not Matching.INVALID:
        return answer
    return read_as(selection, re.sub(r"(=[\w.-]+|\))[= )][^,]*", r"\1", text))


@says("SEL-033", of=("select",))
def keys_are_not_checked(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A malformed key is a key that no object has."""
    return Matching.DOES_NOT_MATCH if rejected_by(selection) == "SEL-033" else answer


@says("SEL-034", of=("select",))
def prefixes_are_not_checked(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """Whatever stands before the slash is taken for the prefix of a key."""
    return Matching.DOES_NOT_MATCH if rejected_by(selection) == "SEL-034" else answer


@says("SEL-035", of=("select",))
def values_are_not_checked(_: Cluster, selection: Selection, answer: Matching) -> Matching:
    """A malformed value is a value that no object has."""
    return Matching.DOES_NOT_MATCH if rejected_by(selection) == "SEL-035" else answer
