# SPDX-License-Identifier: Apache-2.0
"""Every mutant of the model: one change of one module by an operator of Cosmic Ray."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Collection, Iterator
from copy import deepcopy
from itertools import accumulate
from typing import Any

from attrs import field, frozen

from conformance.errors import UsageError
from conformance.mutants.copying import sources

_COMPARISONS = ("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE")
_MORE_COMPARISONS = ("GtE_Gt", "GtE_Lt", "Is_IsNot", "IsNot_Is")
_BINARY = (
    "Add_Sub",
    "Sub_Add",
    "Mul_Add",
    "FloorDiv_Mul",
    "Mod_Add",
    "BitOr_BitAnd",
    "BitAnd_BitOr",
    "LShift_RShift",
)
OPERATORS = (
    "core/AddNot",
    "core/ReplaceTrueWithFalse",
    "core/ReplaceFalseWithTrue",
    "core/ReplaceAndWithOr",
    "core/ReplaceOrWithAnd",
    "core/ReplaceBreakWithContinue",
    "core/ReplaceContinueWithBreak",
    "core/NumberReplacer",
    "core/ZeroIterationForLoop",
    "core/ReplaceUnaryOperator_Delete_Not",
    "core/ReplaceUnaryOperator_USub_UAdd",
    *(f"core/ReplaceComparisonOperator_{pair}" for pair in (*_COMPARISONS, *_MORE_COMPARISONS)),
    *(f"core/ReplaceBinaryOperator_{pair}" for pair in _BINARY),
)
"""Of Cosmic Ray's operators those that differ; the others replace one wrong comparison by another."""

JUDGES: dict[str, tuple[str, ...]] = {
    "reference.dns.demands": (),
    "reference.dns.facts": (),
    "reference.dns.search": (),
    "reference.dns.zone": ("Zone.cluster", "Zone.addresses", "resolve"),
    "reference.endpoints": ("with_managed_slices",),
    "reference.endpoints.topology": ("Moves.allow", "Plan.allows"),
    "reference.environment": ("MOST_OUTCOMES", "allowed", "environments"),
    "reference.environment.outcomes": (
        "Snapshot.is_open",
        "Snapshot.included",
        "Allowed.accepts",
        "Allowed.nearest",
        "Allowed.every",
        "Allowed._outcome",
        "Allowed._consistent",
        "Allowed.own_names",
        "Allowed._snapshots",
        "Allowed._shows",
        "collide",
        "collision_groups",
        "shared_names",
        "consistent_orders",
        "_orders",
        "_all_orders",
        "fits",
        "same",
        "first_difference",
        "_shown",
    ),
    "reference.ports.endpoint_requests": (
        "Admission.may_be_granted",
        "Admission.rules",
        "Admission.are_causes",
        "_ways",
    ),
    "reference.ports.mapping": (),
    "reference.ports.pools": (
        "Allowed.__contains__",
        "Allowed.is_free",
        "Allowed.without",
        "Allowed.__str__",
    ),
    "reference.ports.rejections": ("causes", "Refused.rules"),
    "reference.ports.server": (
        "ACCEPTED",
        "Rejected.exists",
        "Rejected.is_missing",
        "Rejected.is_open",
        "Rejected.codes",
        "Rejected.causes",
        "Rejected.rules",
        "Rejected.is_masked",
        "Rejected._is_undecided",
        "Expectation.is_open",
        "Expectation.allows",
        "is_granted",
        "chooser",
        "_number_at",
        "Server.expected",
        "Server._expected",
        "Server.accept",
        "_either",
        "_sets",
        "names_a_node_port_twice",
        "_numbers_asked_for",
        "_avoiding",
        "_preferring",
    ),
    "reference.ports.admission": ("validate_create", "needs_relaxed_name"),
    "reference.syntax": ("is_dns1035_label",),
    "reference.ports.transitions": ("validate_update",),
    "reference.routing": ("decide",),
    "reference.routing.candidates": ("is_slice_of", "is_contradictory", "candidates"),
    "reference.routing.frontends": ("match_direct", "match_node_port", "processing_node"),
    "reference.routing.health": ("health_check",),
    "reference.routing.modes": ("is_ambiguous_in_mode",),
    "reference.routing.table": (
        "RememberedSets.is_contradictory",
        "RoutingTable.is_ambiguous",
        "RoutingTable._contested",
        "RoutingTable.is_contested",
    ),
    "reference.selectors": ("Requirement.__str__", "text_of"),
}
"""Functions and constants, or whole modules, that no adapter answers by.

They say what is allowed besides the model's own answer, and how it is worded, or are
the plain form of what is compiled.
"""


@frozen
class Mutant:
    """A module of the model with one change, and the lines that say which."""

    module: str
    operator: str
    line: int
    was: str
    becomes: str
    text: str = field(repr=False)
    """The changed source."""

    @property
    def id(self) -> str:
        """Module, line and change."""
        return f"{self.module}:{self.line}: {self.was} -> {self.becomes}"


def mutants(*, only: str = "") -> Iterator[Mutant]:
    """Every mutant of the modules whose names begin with `only`, in order.

    Changes that no program could tell from the original are left out: those in
    annotations, of the sizes of caches, of which requirement is named, and in what no
    adapter answers by (`JUDGES`).
    """
    operators = _operators()
    for module, path in sources().items():
        if not module.startswith("reference.") or not module.startswith(only) or JUDGES.get(module) == ():
            continue
        text = path.read_text(encoding="utf-8")
        plain, seen, judging = _normal(text), set(), lines_of(text, JUDGES.get(module, ()))
        for name, operator in operators.items():
            for changed in _changes(text, operator):
                normal = _normal(changed)
                if normal is None or normal == plain or normal in seen:
                    continue
                seen.add(normal)
                mutant = Mutant(module, name, *_difference(text, changed), changed)
                if mutant.line not in judging:
                    yield mutant


def lines_of(text: str, functions: Collection[str]) -> set[int]:
    """The lines of these functions and constants of a source."""
    found: dict[str, range] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Assign) and isinstance(child.targets[0], ast.Name):
                found[f"{prefix}{child.targets[0].id}"] = range(
                    child.lineno, (child.end_lineno or child.lineno) + 1
                )
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
                found[name] = range(first, (child.end_lineno or child.lineno) + 1)
                walk(child, f"{name}.")

    walk(ast.parse(text), "")
    return {line for name in functions for line in found[name]}


def _operators() -> dict[str, Any]:
    try:
        from cosmic_ray.plugins import get_operator
    except ImportError:
        raise UsageError(
            "mutants are made by Cosmic Ray, which is not installed",
            hint="pip install 'kube-service-conformance[mutants]'",
        ) from None
    return {name: get_operator(name)() for name in OPERATORS}


def _changes(text: str, operator: Any) -> Iterator[str]:
    """The source after each single change that an operator can make."""
    from cosmic_ray.ast import ast_nodes, get_ast

    starts = list(accumulate((len(line) for line in text.splitlines(keepends=True)), initial=0))
    for node in ast_nodes(get_ast(text)):
        for index, _ in enumerate(operator.mutation_positions(node)):
            line, column = node.get_start_pos_of_prefix()
            last_line, last_column = node.end_pos
            changed = operator.mutate(_alone(node), index).get_code()
            yield text[: starts[line - 1] + column] + changed + text[starts[last_line - 1] + last_column :]


def _alone(node: Any) -> Any:
    """A copy of a node, but not of the tree that it stands in."""
    parent, node.parent = node.parent, None
    try:
        copied = deepcopy(node)
    finally:
        node.parent = parent
    copied.parent = parent
    return copied


class _Meaningless(ast.NodeTransformer):
    """Takes out what has no meaning when the program runs."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        node.decorator_list = [each for each in node.decorator_list if "lru_cache" not in ast.dump(each)]
        if _names_a_rule(node):
            node.body = [ast.Pass()]
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> Any:
        if node.arg in ("maxsize", "eq", "repr", "strict", "kw_only"):
            return ast.keyword(node.arg, ast.Constant(None))
        return self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        # Which requirement is named as the reason is no part of any answer.
        if all(isinstance(each, ast.Constant) and _is_id(each.value) for each in (node.body, node.orelse)):
            return ast.Constant("an id")
        return self.generic_visit(node)


def _names_a_rule(node: ast.FunctionDef) -> bool:
    """Whether a function does nothing but tell which requirement is named."""
    returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
    named = [
        branch
        for value in returned
        for branch in ([value.body, value.orelse] if isinstance(value, ast.IfExp) else [value])
    ]
    return bool(named) and all(isinstance(each, ast.Constant) and _is_id(each.value) for each in named)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Z]+(-[A-Z]+)*-[0-9]+", value) is not None


def _normal(text: str) -> str | None:
    """What the source means; None where it is no program (a bare `*` is no multiplication)."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    return ast.dump(_Meaningless().visit(tree))


def _difference(text: str, changed: str) -> tuple[int, str, str]:
    """The first line that differs, as it was and as it becomes."""
    before, after = text.splitlines(), changed.splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag != "equal":
            was = " ".join(line.strip() for line in before[first:last])
            return first + 1, was, " ".join(line.strip() for line in after[start:end])
    raise AssertionError("the source did not change")
