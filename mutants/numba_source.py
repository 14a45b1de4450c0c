"""Mutants of the Numba reference, made on the syntax tree of ``_numba_loops.py``.

mutmut 3 compiles all mutants of a function side by side behind a trampoline, which ``njit`` cannot
compile; cosmic-ray's operators know neither fma nor rounding, which is what this file is about, and
it rewrites the tree it works in. So the operators stand here, each a few lines.

The text is edited where the tree says, never printed from the tree: a mutant differs by its change.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from itertools import pairwise

from .mutant import Edit, Mutant, number_mutants, offsets

PATH = "covertreex/metrics/_numba_loops.py"

_OPERATORS: dict[type[ast.AST], tuple[str, tuple[str, ...]]] = {
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("/", "+")),
    ast.Div: ("/", ("*",)),
    ast.FloorDiv: ("//", ("%",)),
    ast.Mod: ("%", ("//",)),
    ast.LShift: ("<<", (">>",)),
    ast.RShift: (">>", ("<<",)),
    ast.BitXor: ("^", ("|",)),
    ast.BitOr: ("|", ("&",)),
    ast.BitAnd: ("&", ("|",)),
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.And: ("and", ("or",)),
    ast.Or: ("or", ("and",)),
}
"""Operator -> how it is written, and what stands in for it."""

_Change = tuple[int, int, str]
"""Where a replacement starts and stops, and what it is."""

_RENAMED = {"min": "max", "max": "min", "_least": "_most", "_most": "_least"}
"""Functions that take each other's place."""

_DROPPED = {"sqrt", "abs", "float64", "int64", "uint64", "ascontiguousarray", "_after"}
"""Functions of which only the first argument is left; `_after` is negated instead."""


def numba_mutants(text: str) -> list[Mutant]:
    """Return all mutants of the reference's loops."""
    return number_mutants({PATH: text}, {PATH: _Mutator(text).edits()})


class _Mutator:
    """Walks the tree once; `_of` methods yield the replacements of one kind of node."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tree = ast.parse(text)
        self._compared = {
            id(side)
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Compare)
            for side in (node.left, *node.comparators)
        }
        self._starts = offsets(text)
        if not text.isascii():  # the tree counts bytes
            raise ValueError(f"{PATH} holds a character that is not ASCII")

    def edits(self) -> Iterator[Edit]:
        """Yield every edit: of functions, and of the constants they read."""
        for statement in self._tree.body:
            if isinstance(statement, ast.FunctionDef):
                assigned = {argument.arg for argument in statement.args.args}
                for inner in statement.body:
                    yield from self._walk(inner, statement.name, assigned)
            elif isinstance(statement, ast.Assign):
                name = ast.unparse(statement.targets[0]).strip("()").partition(",")[0]
                yield from self._walk(statement.value, name, assigned=set())

    def _walk(self, node: ast.AST, function: str, assigned: set[str]) -> Iterator[Edit]:
        for start, stop, new in self._replacements(node, assigned):
            yield Edit(start, stop, new, function)
        for child in ast.iter_child_nodes(node):
            yield from self._walk(child, function, assigned)

    def _replacements(self, node: ast.AST, assigned: set[str]) -> Iterator[_Change]:
        match node:
            case ast.Expr(value=ast.Constant()):
                return  # a docstring
            case ast.Assign() | ast.AugAssign() | ast.Expr() | ast.Return(value=None):
                yield from self._statement(node, assigned)
            case ast.Constant(bool() | int() | float() as value):
                for new in _constants(value):
                    if new != "-0.0" or id(node) not in self._compared:  # it compares as 0.0 does
                        yield (*self._span(node), new)
            case ast.BinOp(left, operator, right):
                yield from self._operator(operator, left, right)
            case ast.Compare(left, comparisons, rights):
                for comparison, a, b in zip(comparisons, [left, *rights], rights, strict=False):
                    yield from self._operator(comparison, a, b)
            case ast.BoolOp(word, values):
                for a, b in pairwise(values):
                    yield from self._operator(word, a, b)
            case ast.UnaryOp(ast.USub() | ast.Not(), operand):
                yield (*self._span(node), self._code(operand))
            case ast.Subscript(_, index, ast.Load()):
                for part in index.elts if isinstance(index, ast.Tuple) else [index]:
                    if isinstance(part, ast.Name):
                        yield (*self._span(part), f"{part.id} + 1")
            case ast.Call(function, arguments):
                yield from self._call(node, ast.unparse(function).rpartition(".")[2], arguments)
        if isinstance(node, ast.AugAssign):
            yield from self._operator(node.op, node.target, node.value)

    def _statement(
        self, node: ast.Assign | ast.AugAssign | ast.Expr | ast.Return, assigned: set[str]
    ) -> Iterator[_Change]:
        """Drop a statement, unless it is the first to bind a name: that would not compile."""
        stored = (
            name.id
            for name in ast.walk(node)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        )
        if (bound := set(stored)) <= assigned:
            yield (*self._span(node), "pass")
        assigned |= bound

    def _operator(self, kind: ast.AST, left: ast.expr, right: ast.expr) -> Iterator[_Change]:
        if type(kind) not in _OPERATORS:
            return
        written, others = _OPERATORS[type(kind)]
        start, stop = self._span(left)[1], self._span(right)[0]
        at = start + self._text[start:stop].index(written)
        for other in others:
            yield at, at + len(written), other

    def _call(self, node: ast.Call, name: str, arguments: list[ast.expr]) -> Iterator[_Change]:
        start, stop = self._span(node)
        code = [self._code(argument) for argument in arguments]
        if name == "fma" and len(code) == 3:
            a, b, c = code
            yield start, stop, f"(({a}) * ({b}) + ({c}))"  # rounded twice
            yield start, stop, f"fma(-({a}), {b}, {c})"
            yield start, stop, f"fma({a}, {c}, {b})"
        elif name == "range":
            for at, bound in enumerate(code[:2]):
                last = at == len(code[:2]) - 1
                moved = [*code[:at], f"{bound} {'- 1' if last else '+ 1'}", *code[at + 1 :]]
                yield start, stop, f"range({', '.join(moved)})"
        elif name in _RENAMED:
            yield (*self._span(node.func), _RENAMED[name])
        elif name in _DROPPED:
            new = f"(not {self._code(node)})" if name == "_after" else f"({code[0]})"
            yield start, stop, new
        elif name in ("empty", "zeros") and len(code) == 2:
            yield start, stop, f"np.{name}({code[0]})"  # float64 in place of the block dtype

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        # A node that comes from a text has an end; its type does not say so.
        last, column = node.end_lineno or 0, node.end_col_offset or 0
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[last - 1] + column

    def _code(self, node: ast.expr) -> str:
        start, stop = self._span(node)
        return self._text[start:stop]


def _constants(value: bool | int | float) -> Iterator[str]:
    """Neighbours of a number: the next float, the other zero, one more, one less."""
    if isinstance(value, bool):
        yield str(not value)
    elif isinstance(value, float):
        yield repr(math.nextafter(value, math.inf))
        if value == 0.0:
            yield from ("-0.0", "1.0")
    else:
        yield str(value + 1) if value < 2**32 else hex(value ^ 1)
        if 0 < value < 2**32:
            yield str(value - 1)


def reached_functions(texts: list[str], root: str) -> set[str]:
    """Return the functions that ``root`` can reach, by the names that function bodies mention."""
    mentioned: dict[str, set[str]] = {}
    for text in texts:
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                mentioned.setdefault(node.name, set()).update(re.findall(r"\w+", ast.unparse(node)))
    reached: set[str] = set()
    open_names = {root}
    while open_names:
        name = open_names.pop()
        if name in mentioned and name not in reached:
            reached.add(name)
            open_names |= mentioned[name] - {name}
    return reached
