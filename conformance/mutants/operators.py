# SPDX-License-Identifier: Apache-2.0
"""Every mutant of the model: one change of one module by an operator of Cosmic Ray."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
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

JUDGES = frozenset(
    {
        "reference.dns.demands",
        "reference.dns.facts",
        "reference.dns.search",
        "reference.environment.outcomes",
    }
)
"""What is allowed besides the model's own answer: no adapter answers by it."""


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
    annotations and of the sizes of caches.
    """
    operators = _operators()
    for module, path in sources().items():
        if not module.startswith("reference.") or module in JUDGES or not module.startswith(only):
            continue
        text = path.read_text(encoding="utf-8")
        plain, seen = _normal(text), set()
        for name, operator in operators.items():
            for changed in _changes(text, operator):
                normal = _normal(changed)
                if normal is not None and normal != plain and normal not in seen:
                    seen.add(normal)
                    yield Mutant(module, name, *_difference(text, changed), changed)


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
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> Any:
        return (
            ast.keyword("maxsize", ast.Constant(None)) if node.arg == "maxsize" else self.generic_visit(node)
        )


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
