"""The meaning of each construct: from sqlglot's tree to checked Python."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from transforms.schema import TYPE_NAMES, ColumnType

from . import coercion, functions, runtime
from .code import BOOL, Code, CodeBuilder
from .coercion import BIGINT, DATE, DATETIME, DATETIMETZ, DECIMAL, FLOAT, TEXT, TIME
from .errors import UnknownColumn

COMPARISONS: dict[type[exp.Binary], tuple[str, str]] = {
    exp.EQ: ("==", "!="), exp.NEQ: ("!=", "=="), exp.LT: ("<", ">="),
    exp.LTE: ("<=", ">"), exp.GT: (">", "<="), exp.GTE: (">=", "<"),
}  # fmt: skip
ARITHMETIC: dict[type[exp.Binary], tuple[str, str, str, str]] = {
    exp.Add: ("+", "{0} + {1}", "add({0}, {1})", "finite({0} + {1})"),
    exp.Sub: ("-", "{0} - {1}", "subtract({0}, {1})", "finite({0} - {1})"),
    exp.Mul: ("*", "{0} * {1}", "multiply({0}, {1})", "finite({0} * {1})"),
    exp.Div: ("/", "divide({0}, {1})", "divide({0}, {1})", "divide_floats({0}, {1})"),
    exp.Mod: ("%", "remainder({0}, {1})", "remainder({0}, {1})", "remainder_of_floats({0}, {1})"),
}
"""The sign, and the templates for integers, decimals and floats."""
TYPED_LITERALS = {"DATE": DATE, "TIME": TIME, "TIMESTAMP": DATETIME, "DATETIME": DATETIME, "TIMESTAMPTZ": DATETIMETZ}
TYPES_ELSEWHERE = {
    **dict.fromkeys(("varchar", "nvarchar", "char", "nchar", "string"), "text(n)"),
    **dict.fromkeys(("boolean", "bit"), "bool"),
    **dict.fromkeys(("double", "real"), "float"),
    **dict.fromkeys(("timestamp", "datetime2", "smalldatetime"), "datetime"),
    **dict.fromkeys(("timestamptz", "datetimeoffset"), "datetimetz"),
    "numeric": "decimal(p,s)",
    "integer": "int",
    "varbinary": "binary(n)",
}
"""What other databases call the types."""


class Visitor:
    """Builds the code of one expression; :meth:`visit` raises :class:`ExpressionError` where it has no meaning."""

    def __init__(self, builder: CodeBuilder, columns: Mapping[str, ColumnType], paths: bool):
        self.builder = builder
        self.columns = columns
        self.paths = paths

    def visit(self, node: exp.Expr) -> Code:
        """The code of a node, checked."""
        visitor = _VISITORS.get(type(node))
        if visitor is None:
            raise self.builder.error(f"{node.key.upper()} is not part of expressions", node)
        read = _PARTS.get(type(node), {"this", "expression"})
        unread = {part for part, content in node.args.items() if content} - read
        if unread:
            raise self.builder.error(f"{node.key.upper()} cannot have {', '.join(sorted(unread))} in expressions", node)
        code = visitor(self, node)
        return code if code.node is not None else replace(code, node=node)

    def condition(self, node: exp.Expr) -> Code:
        code = self.visit(node)
        if code.type not in (BOOL, None):
            described = coercion.describe(self.builder, code)
            raise self.builder.error(f"a condition is expected, and {described}; compare it with something", node)
        return code

    def column(self, node: exp.Column) -> Code:
        builder, identifier = self.builder, node.this
        start = identifier.meta.get("start")
        if start in builder.syntax.paths:
            if not self.paths:
                raise builder.error("a path is not allowed here; name a column of the row", node)
            path = builder.syntax.paths[start]
            return builder.slot("path", path, self._system(path, node) if _is_system(path) else TEXT, node)
        if node.args.get("table"):
            raise builder.error(
                f"{node.sql()!r}: write a column without its table, and a path in brackets: [Acct/Id]", node
            )
        if isinstance(identifier, exp.Star):
            raise builder.error("* is not a value here", node)
        name = self._spelled(identifier.name, node)
        return builder.slot("column", name, self.columns[name], node)

    def _system(self, name: str, node: exp.Column) -> ColumnType:
        if name not in self.columns:
            known = ", ".join(f"[{column}]" for column in self.columns if column.startswith("$"))
            raise self.builder.error(f"there is no system value [{name}] here; there are {known or 'none'}", node)
        return self.columns[name]

    def _spelled(self, name: str, node: exp.Column) -> str:
        names = [column for column in self.columns if not column.startswith("$")]
        if name in names:
            return name
        same = [column for column in names if column.lower() == name.lower()]
        if len(same) == 1:
            return same[0]
        if same:
            raise self.builder.error(
                f'{name!r} can be any of {", ".join(same)}; write "{same[0]}" in that spelling', node
            )
        close = difflib.get_close_matches(name.lower(), [column.lower() for column in names], 1)
        known = next((column for column in names if close and column.lower() == close[0]), None)
        listed = f"did you mean {known!r}?" if known else f"the columns are {', '.join(names) or 'none'}"
        raise self.builder.error(f"there is no column {name!r}; {listed}", node, UnknownColumn)

    def literal(self, node: exp.Literal) -> Code:
        if node.is_string:
            return self.builder.literal(node.this, TEXT, node)
        return coercion.number_literal(self.builder, node.this, node)

    def compare(self, node: exp.Binary) -> Code:
        return self._compared(type(node), self.visit(node.left), self.visit(node.right))

    def _compared(self, operator: type[exp.Binary], left: Code, right: Code) -> Code:
        (left, right), _ = coercion.common(self.builder, (left, right), "compared")
        sign, opposite = COMPARISONS[operator]
        on_null = {"==": "test", "!=": "opposite"}.get(sign, "")
        return self.builder.predicate(f"{{0}} {sign} {{1}}", f"{{0}} {opposite} {{1}}", left, right, on_null=on_null)

    def between(self, node: exp.Between) -> Code:
        low, high = self.visit(node.args["low"]), self.visit(node.args["high"])
        return self.builder.once(
            self.visit(node.this),
            lambda value: self.builder.every(
                [self._compared(exp.GTE, value, low), self._compared(exp.LTE, value, high)],
            ),
        )

    def is_in(self, node: exp.In) -> Code:
        if not node.expressions:
            raise self.builder.error("IN takes a list of values: IN ('A', 'B')", node)
        items = [self.visit(item) for item in node.expressions]
        (value, *items), _ = coercion.common(self.builder, [self.visit(node.this), *items], "compared")
        if not all(item.is_literal and item.literal is not None for item in items):
            return self.builder.once(
                value, lambda value: self.builder.any([self._compared(exp.EQ, value, item) for item in items])
            )
        values = self.builder.constant(frozenset(item.literal for item in items))
        return self.builder.predicate(f"{{0}} in {values}", f"{{0}} not in {values}", value, on_null="test")

    def like(self, node: exp.Like | exp.ILike, escape: exp.Expr | None = None) -> Code:
        name = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
        text, pattern = (self.visit(part) for part in (node.this, node.expression))
        for code in (text, pattern):
            if code.type is not None and coercion.family(code.type) != "text":
                described = coercion.describe(self.builder, code)
                remedy = f"write CAST({self.builder.label(code)} AS text)"
                raise self.builder.error(f"{name} takes text, and {described}; {remedy}", code.node)
        sign = self._escape(escape)
        if not pattern.is_literal or pattern.literal is None:
            test = f"{name.lower()}({{0}}, {{1}}, {self.builder.constant(sign)})"
            code = self.builder.predicate(test, f"not {test}", text, pattern)
        else:
            test = self._like_test(pattern, sign, name == "ILIKE")
            code = self.builder.predicate(test, f"not {test}", text)
        return self.builder.negate(code) if node.args.get("negate") else code

    def _like_test(self, pattern: Code, escape: str | None, ignore_case: bool) -> str:
        core = pattern.literal.strip("%")
        if not ignore_case and escape is None and "%" not in core and "_" not in core and core:
            name = self.builder.constant(core)
            starts, ends = pattern.literal.endswith("%"), pattern.literal.startswith("%")
            return {
                (True, True): f"{name} in {{0}}", (True, False): f"{{0}}.startswith({name})",
                (False, True): f"{{0}}.endswith({name})", (False, False): f"{{0}} == {name}",
            }[starts, ends]  # fmt: skip
        try:
            matches = runtime.like_pattern(pattern.literal, escape, ignore_case)
        except ValueError as error:
            raise self.builder.error(str(error), pattern.node) from None
        return f"({self.builder.constant(matches)}({{0}}) is not None)"

    def _escape(self, node: exp.Expr | None) -> str | None:
        if node is None:
            return None
        if not isinstance(node, exp.Literal) or len(node.this) != 1:
            raise self.builder.error("ESCAPE takes one character: LIKE '10!%' ESCAPE '!'", node)
        return node.this

    def escaped(self, node: exp.Escape) -> Code:
        return self.like(node.this, node.expression)

    def is_(self, node: exp.Is) -> Code:
        if isinstance(node.expression, exp.Null):
            return self.builder.is_null(self.visit(node.this))
        if isinstance(node.expression, exp.Boolean):
            return self.builder.is_truth(self.condition(node.this), node.expression.this)
        raise self.builder.error(
            "IS is followed by NULL, NOT NULL, TRUE or FALSE; other values are compared by =", node.expression
        )

    def connector(self, node: exp.Connector) -> Code:
        conditions = [self.condition(part) for part in node.flatten(unnest=False)]
        return self.builder.every(conditions) if isinstance(node, exp.And) else self.builder.any(conditions)

    def arithmetic(self, node: exp.Binary) -> Code:
        sign, integers, decimals, floats = ARITHMETIC[type(node)]
        left, right = (self._number(part, sign) for part in (node.left, node.right))
        (left, right), type_ = coercion.common(self.builder, (left, right), "computed with")
        if type_ == FLOAT:
            return self.builder.strict(FLOAT, floats, left, right)
        if type_ is not None and type_.is_integer:
            return self.builder.strict(DECIMAL if sign == "/" else BIGINT, integers, left, right)
        return self.builder.strict(DECIMAL, decimals, left, right)

    def _number(self, node: exp.Expr, sign: str) -> Code:
        code = self.visit(node)
        if code.type is not None and coercion.family(code.type) != "number":
            kind, label = coercion.family(code.type), self.builder.label(code)
            remedy = f"write CAST({label} AS decimal(18,2))" if kind == "text" else f"{sign} computes with numbers"
            remedy += "; texts are joined by ||" if kind == "text" and sign == "+" else ""
            remedy = "use DATEADD or DATEDIFF" if str(kind).startswith("date") else remedy
            raise self.builder.error(f"{coercion.describe(self.builder, code)}; {remedy}", node)
        return code

    def negative(self, node: exp.Neg) -> Code:
        code = self._number(node.this, "-")
        if code.is_literal and code.literal is not None:
            return self.builder.literal(-code.literal, code.type)
        if code.type is not None and (code.type.is_integer or code.type == FLOAT):
            return self.builder.strict(FLOAT if code.type == FLOAT else BIGINT, "-{0}", code)
        return self.builder.strict(DECIMAL, "minus({0})", code)

    def joined(self, node: exp.DPipe) -> Code:
        texts = [coercion.as_text(self.builder, self.visit(part)) for part in node.flatten(unnest=False)]
        return self.builder.strict(TEXT, " + ".join(f"{{{index}}}" for index in range(len(texts))), *texts)

    def case(self, node: exp.Case) -> Code:
        if node.this is None:
            return self._branches(node, self.condition)
        return self.builder.once(
            self.visit(node.this),
            lambda value: self._branches(node, lambda part: self._compared(exp.EQ, value, self.visit(part))),
        )

    def _branches(self, node: exp.Case, condition: Callable[[exp.Expr], Code]) -> Code:
        conditions = [condition(branch.this) for branch in node.args["ifs"]]
        default = node.args.get("default")
        results = [self.visit(branch.args["true"]) for branch in node.args["ifs"]]
        results.append(self.visit(default) if default else self.builder.literal(None, None))
        (*results, otherwise), type_ = coercion.same_type(self.builder, results, "results of one CASE")
        return self.builder.choose(list(zip(conditions, results, strict=True)), otherwise, type_)

    def cast(self, node: exp.Cast) -> Code:
        code, to = self.visit(node.this), node.args["to"]
        if isinstance(to, exp.DataType):
            target = TYPED_LITERALS.get(to.this.value)
            if target is None:
                raise self.builder.error(f"a literal of this kind is written as CAST(... AS {to.sql().lower()})", node)
        else:
            target = self._type(to)
        return coercion.cast(self.builder, code, target, isinstance(node, exp.TryCast), node.this)

    def _type(self, node: exp.Var) -> ColumnType:
        try:
            return ColumnType.parse(node.name.lower())
        except ValueError as error:
            name = node.name.lower().partition("(")[0].strip()
            close = TYPES_ELSEWHERE.get(name) or next(iter(difflib.get_close_matches(name, TYPE_NAMES, 1)), None)
            hint = f"; did you mean {close}?" if close and name not in TYPE_NAMES else ""
            raise self.builder.error(f"{error}{hint}", node) from None

    def call(self, node: exp.Anonymous) -> Code:
        return self._call(node.name.upper(), node.expressions, node)

    def _call(self, name: str, arguments: Sequence[exp.Expr], node: exp.Expr) -> Code:
        if name not in functions.FUNCTIONS:
            close = difflib.get_close_matches(name, functions.FUNCTIONS, 1)
            known = functions.ELSEWHERE.get(name) or (f"{close[0]}?" if close else "")
            hint = f"did you mean {known}" if known else f"the functions are {', '.join(sorted(functions.FUNCTIONS))}"
            raise self.builder.error(f"there is no function {name}; {hint}", node)
        return functions.call(self.builder, name, arguments, self.visit, node)

    def extract(self, node: exp.Extract) -> Code:
        part = node.this.name.lower()
        if part not in functions.PARTS:
            raise self.builder.error(
                f"{part!r} is not a part of a date; the parts are {', '.join(functions.PARTS)}", node
            )
        return self._call(part.upper(), [node.expression], node)

    def substring(self, node: exp.Substring) -> Code:
        arguments = [node.args.get(name) for name in ("this", "start", "length")]
        return self._call("SUBSTRING", [argument for argument in arguments if argument is not None], node)

    def trim(self, node: exp.Trim) -> Code:
        name = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}.get(node.args.get("position") or "", "TRIM")
        return self._call(name, [node.this, *filter(None, [node.args.get("expression")])], node)


def _is_system(path: str) -> bool:
    """Whether it names a system value, and not a path from a named element: ``$buyer/Name``."""
    return path.startswith("$") and "/" not in path


_PARTS: dict[type, set[str]] = {
    exp.Column: {"this", "table"},
    exp.Literal: {"this", "is_string"},
    exp.Between: {"this", "low", "high"},
    exp.In: {"this", "expressions", "query", "field"},
    exp.Like: {"this", "expression", "negate"},
    exp.ILike: {"this", "expression", "negate"},
    exp.Div: {"this", "expression", "typed", "safe"},
    exp.DPipe: {"this", "expression", "safe"},
    exp.Case: {"this", "ifs", "default"},
    exp.Cast: {"this", "to"},
    exp.TryCast: {"this", "to"},
    exp.Anonymous: {"this", "expressions"},
    exp.Substring: {"this", "start", "length"},
    exp.Trim: {"this", "expression", "position"},
}
"""The parts of a node that its visitor reads. sqlglot keeps meaning in others, such as the NOT of NOT LIKE:
what is not read here is refused."""

_VISITORS: dict[type, Callable[[Visitor, Any], Code]] = {
    exp.Column: Visitor.column,
    exp.Literal: Visitor.literal,
    exp.Null: lambda visitor, node: visitor.builder.literal(None, None, node),
    exp.Boolean: lambda visitor, node: visitor.builder.literal(node.this, BOOL, node),
    exp.Paren: lambda visitor, node: visitor.visit(node.this),
    **dict.fromkeys(COMPARISONS, Visitor.compare),
    exp.Between: Visitor.between,
    exp.In: Visitor.is_in,
    exp.Like: Visitor.like,
    exp.ILike: Visitor.like,
    exp.Escape: Visitor.escaped,
    exp.Is: Visitor.is_,
    exp.Not: lambda visitor, node: visitor.builder.negate(visitor.condition(node.this)),
    exp.And: Visitor.connector,
    exp.Or: Visitor.connector,
    **dict.fromkeys(ARITHMETIC, Visitor.arithmetic),
    exp.Neg: Visitor.negative,
    exp.DPipe: Visitor.joined,
    exp.Case: Visitor.case,
    exp.Cast: Visitor.cast,
    exp.TryCast: Visitor.cast,
    exp.Anonymous: Visitor.call,
    exp.Extract: Visitor.extract,
    exp.Substring: Visitor.substring,
    exp.Trim: Visitor.trim,
    exp.CurrentTimestamp: lambda visitor, node: visitor._call("CURRENT_TIMESTAMP", [], node),
    exp.CurrentDate: lambda visitor, node: visitor._call("CURRENT_DATE", [], node),
}
