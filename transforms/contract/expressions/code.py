"""Pieces of Python that compute pieces of SQL, and how NULL runs through them.

An expression becomes one Python expression over ``v``, the list of a row's values. A row of closures
would cost a call for each operator; this costs one call for all of them. Nothing of the user's text gets
into the source: columns are slot numbers, literals are bound to names.

A condition is written in up to three ways, since SQL's three values meet in two questions only: *is it
true* (WHEN, a filter) and *is it false* (beneath NOT). ``amount < 0`` is

    value     (None if (t1 := v[s0]) is None else t1 < k0)
    is_true   ((t1 := v[s0]) is not None and t1 < k0)
    is_false  ((t1 := v[s0]) is not None and t1 >= k0)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from transforms.schema import ColumnType

from .errors import ExpressionError
from .syntax import Syntax

BOOL = ColumnType("bool")


@dataclass(frozen=True)
class Code:
    """Python for a part of an expression; each text is an atom or stands in parentheses.

    ``type`` is ``None`` for a NULL of no type. ``literal`` holds the value where ``is_literal``.
    """

    value: str
    type: ColumnType | None
    nullable: bool = True
    is_true: str = ""
    is_false: str = ""
    is_literal: bool = False
    literal: Any = None
    node: exp.Expr | None = None

    def __post_init__(self) -> None:
        if self.type in (BOOL, None) and not self.is_true:
            object.__setattr__(self, "is_true", f"({self.value} is True)")
            object.__setattr__(self, "is_false", f"({self.value} is False)")

    @property
    def is_simple(self) -> bool:
        """Whether it may stand twice: a name, or a value of the row."""
        return self.value.isidentifier() or (self.value.startswith("v[") and self.value[2:-1].isidentifier())


class CodeBuilder:
    """The names of one expression's Python source, and the ways to put pieces of it together."""

    def __init__(self, syntax: Syntax, formats: Mapping[str, Sequence[str]]):
        self.syntax = syntax
        self.formats = formats
        self.slots: dict[tuple[str, str], str] = {}
        self.constants: dict[str, Any] = {}
        self._temporaries = 0

    def error(
        self, message: str, node: exp.Expr | None, kind: type[ExpressionError] = ExpressionError
    ) -> ExpressionError:
        """The error at the first token of a node."""
        starts = [part.meta["start"] for part in node.walk() if "start" in part.meta] if node is not None else []
        return kind(message, min(starts, default=0), self.syntax.text)

    def label(self, code: Code) -> str:
        """How the user wrote a column, a path or a literal; ``...`` for more than that."""
        node = code.node.this if isinstance(code.node, exp.Column) else code.node
        if not isinstance(node, (exp.Identifier, exp.Literal)) or "start" not in node.meta:
            return "..."
        start = node.meta["start"]
        if start in self.syntax.paths:
            return f"[{self.syntax.paths[start]}]"
        return self.syntax.text[start : node.meta["end"] + 1]

    def slot(self, kind: str, name: str, type_: ColumnType, node: exp.Expr | None = None) -> Code:
        parameter = self.slots.setdefault((kind, name), f"s{len(self.slots)}")
        return Code(f"v[{parameter}]", type_, node=node)

    def constant(self, value: Any) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def literal(self, value: Any, type_: ColumnType | None, node: exp.Expr | None = None) -> Code:
        return Code(self.constant(value), type_, nullable=value is None, is_literal=True, literal=value, node=node)

    def strict(self, type_: ColumnType, template: str, *operands: Code, nullable: bool = False) -> Code:
        """The template over the operands' values; NULL when one of them is. ``nullable``: it may give NULL itself."""
        checks, values = self._bind(operands)
        result = f"({template.format(*values)})"
        if checks:
            result = f"(None if {' or '.join(f'{check} is None' for check in checks)} else {result})"
        return Code(result, type_, nullable=nullable or bool(checks))

    def predicate(self, test: str, opposite: str, *operands: Code, on_null: str = "") -> Code:
        """A condition from two templates, NULL when an operand is.

        ``on_null`` says which of them, ``test`` or ``opposite``, is false for a None in place of the only
        operand that can be NULL, and so needs no check of it.
        """
        checks, values = self._bind(operands)
        if not checks:
            return self._boolean(f"({test.format(*values)})", f"({opposite.format(*values)})")
        nulls = " or ".join(f"{check} is None" for check in checks)
        present = " and ".join(f"{check} is not None" for check in checks)
        is_true = f"({present} and {test.format(*values)})"
        is_false = f"({present} and {opposite.format(*values)})"
        if len(checks) == 1:
            bare = [operand.value for operand in operands]
            is_true = f"({test.format(*bare)})" if on_null == "test" else is_true
            is_false = f"({opposite.format(*bare)})" if on_null == "opposite" else is_false
        return Code(f"(None if {nulls} else {test.format(*values)})", BOOL, is_true=is_true, is_false=is_false)

    def is_null(self, code: Code) -> Code:
        return self._boolean(f"({code.value} is None)", f"({code.value} is not None)")

    def is_truth(self, code: Code, truth: bool) -> Code:
        """``IS TRUE`` and ``IS FALSE``, which are never NULL themselves."""
        test = code.is_true if truth else code.is_false
        return self._boolean(test, f"(not {test})")

    def negate(self, code: Code) -> Code:
        if not code.nullable:
            return self._boolean(code.is_false, code.is_true)
        (check,), (value,) = self._bind([code])
        return Code(f"(None if {check} is None else not {value})", BOOL, is_true=code.is_false, is_false=code.is_true)

    def every(self, conditions: Sequence[Code]) -> Code:
        """AND."""
        return self._connect(conditions, "False", "True", ("and", "or"))

    def any(self, conditions: Sequence[Code]) -> Code:
        """OR."""
        return self._connect(conditions, "True", "False", ("or", "and"))

    def _connect(self, conditions: Sequence[Code], decisive: str, neutral: str, words: tuple[str, str]) -> Code:
        names = [self._temporary() for _ in conditions]
        decided = "".join(
            f"{decisive} if ({name} := {code.value}) is {decisive} else "
            for name, code in zip(names, conditions, strict=True)
        )
        unknown = " or ".join(f"{name} is None" for name in names)
        return Code(
            f"({decided}None if {unknown} else {neutral})",
            BOOL,
            nullable=any(code.nullable for code in conditions),
            is_true=f"({f' {words[0]} '.join(code.is_true for code in conditions)})",
            is_false=f"({f' {words[1]} '.join(code.is_false for code in conditions)})",
        )

    def choose(self, branches: Sequence[tuple[Code, Code]], default: Code, type_: ColumnType | None) -> Code:
        """CASE: the value of the first branch whose condition is true."""

        def chain(text_of: Callable[[Code], str]) -> str:
            choices = "".join(f"{text_of(value)} if {condition.is_true} else " for condition, value in branches)
            return f"({choices}{text_of(default)})"

        nullable = any(value.nullable for _, value in branches) or default.nullable
        if type_ == BOOL:
            return Code(
                chain(lambda code: code.value), type_, nullable,
                chain(lambda code: code.is_true), chain(lambda code: code.is_false),
            )  # fmt: skip
        return Code(chain(lambda code: code.value), type_, nullable)

    def first_present(self, codes: Sequence[Code], type_: ColumnType | None) -> Code:
        """COALESCE."""
        choices = ""
        for code in codes[:-1]:
            name = self._temporary()
            choices += f"{name} if ({name} := {code.value}) is not None else "
        return Code(f"({choices}{codes[-1].value})", type_, nullable=all(code.nullable for code in codes))

    def once(self, code: Code, body: Callable[[Code], Code]) -> Code:
        """A body that names the code's value several times, and computes it once."""
        if code.is_simple:
            return body(code)
        name = self._temporary()
        result = body(Code(name, code.type, code.nullable, node=code.node))

        def bound(text: str) -> str:
            # A tuple of one is always true: it holds the assignment, whatever the body reads first.
            return text and f"((({name} := {code.value}),) and {text})"

        return replace(
            result, value=bound(result.value), is_true=bound(result.is_true), is_false=bound(result.is_false)
        )

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    def _bind(self, operands: Sequence[Code]) -> tuple[list[str], list[str]]:
        """What to check for None, with names given on the way, and what then holds the operands' values."""
        checks, values = [], []
        for operand in operands:
            if not operand.nullable:
                values.append(operand.value)
            elif operand.value.isidentifier():
                checks.append(operand.value)
                values.append(operand.value)
            else:
                name = self._temporary()
                checks.append(f"({name} := {operand.value})")
                values.append(name)
        return checks, values

    @staticmethod
    def _boolean(is_true: str, is_false: str) -> Code:
        return Code(is_true, BOOL, nullable=False, is_true=is_true, is_false=is_false)
