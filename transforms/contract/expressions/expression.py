"""The compiled expression: checked once, then a Python function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, MappingProxyType
from typing import Any

from transforms.generated import compile_shown
from transforms.schema import ColumnType

from . import coercion, runtime
from .code import BOOL, CodeBuilder
from .errors import ExpressionError
from .syntax import TOO_DEEP, parse
from .visitor import Visitor

SlotOf = Callable[[str, str], int]


@dataclass(frozen=True, eq=False)
class Expression:
    """A checked expression.

    Attributes:
      text: as it was written.
      type: the type of its values; ``None`` for an expression that is always NULL. A computed decimal
        is ``ColumnType("decimal")`` without digits, a computed text is without length: convert it to the column's.
      slots: what it reads, in order of appearance: ``("column", name)`` spelled as in the mapping of
        columns, ``("path", text between the brackets)``, ``("now", "$now")``.
    """

    text: str
    type: ColumnType | None
    slots: tuple[tuple[str, str], ...]
    _slot_types: tuple[tuple[str, ColumnType], ...]
    _formats: tuple[tuple[str, tuple[str, ...]], ...]
    _code: CodeType
    _constants: tuple[Any, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for kind, name in self.slots if kind == "column")

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(name for kind, name in self.slots if kind == "path")

    def compile(self, slot_of: SlotOf) -> Callable[[Sequence[Any]], Any]:
        """A function from a list of values to the expression's value, ``None`` for NULL.

        ``slot_of(kind, name)`` gives the index in that list at which a column, a path or the time of the
        run stands (:attr:`slots`). A column's value has its type's Python type, a path's is ``str``; both
        are ``None`` for NULL (never ``ABSENT``). ``$now`` is a naive ``datetime`` in UTC.

        The function raises :class:`ExpressionError`, with a ``rule`` and no position, for a row that has no
        value: a division by zero, a CAST that fails, an overflow.
        """
        return self._function("value", slot_of)

    def compile_condition(self, slot_of: SlotOf) -> Callable[[Sequence[Any]], bool]:
        """The same for a filter: ``True`` where the condition is true, ``False`` where it is false or NULL."""
        self.check_condition()
        return self._function("condition", slot_of)

    def check_condition(self) -> None:
        """Raise :class:`ExpressionError` where this is none."""
        if self.type not in (BOOL, None):
            raise ExpressionError(
                f"a condition is expected, and this is {coercion.name(self.type)}; compare it with something",
                0,
                self.text,
            )

    def __reduce__(self) -> tuple[Any, ...]:
        # Code is not pickled, nor are the functions among its constants: it is made again of the text.
        return _again, (self.text, self._slot_types, self._formats)

    def _function(self, name: str, slot_of: SlotOf) -> Callable[[Sequence[Any]], Any]:
        namespace = {**vars(runtime), "failed": self._failed}
        exec(self._code, namespace)
        function = namespace[name]
        function.__defaults__ = (*(slot_of(*slot) for slot in self.slots), *self._constants)
        return function

    def _failed(self, error: Exception) -> ExpressionError:
        rule, message = getattr(error, "rule", "argument"), str(error)
        if isinstance(error, ZeroDivisionError):
            rule, message = "division_by_zero", "division by zero; write a / NULLIF(b, 0) for NULL"
        elif isinstance(error, ArithmeticError):
            rule = "overflow"
            if not isinstance(error, OverflowError):
                # decimal's own messages are lists of classes.
                message = "the result has too many digits"
        return ExpressionError(message, None, self.text, rule)


def compile_expression(
    text: str,
    columns: Mapping[str, ColumnType],
    formats: Mapping[str, Sequence[str]] = MappingProxyType({}),
    *,
    paths: bool = True,
) -> Expression:
    """Parse and check an expression.

    Args:
      text: SQL, see :mod:`transforms.contract.expressions`.
      columns: the types of the columns that it may name, and of the system values, such as ``$position``,
        that it may name in brackets.
      formats: the lists of formats that STRPTIME may name.
      paths: whether it may hold XML paths in brackets.

    Raises:
      ExpressionError: what is wrong, with its position and a remedy.
    """
    syntax = parse(text)
    builder = CodeBuilder(syntax, formats)
    try:
        code = Visitor(builder, columns, paths).visit(syntax.root)
        parameters = ", ".join(["v", *(f"{name}=0" for name in (*builder.slots.values(), *builder.constants))])
        source = _SOURCE.format(name="value", parameters=parameters, result=code.value)
        if code.is_true:
            source += _SOURCE.format(name="condition", parameters=parameters, result=code.is_true)
        compiled = compile_shown(source, "expression " + " ".join(text.split())[:60])
    except (RecursionError, SyntaxError, MemoryError):
        raise ExpressionError(TOO_DEEP, 0, text) from None
    slots = tuple(builder.slots)
    slot_types = tuple((name, columns[name]) for _, name in slots if name in columns)
    named = tuple((name, tuple(listed)) for name, listed in formats.items())
    return Expression(text, code.type, slots, slot_types, named, compiled, tuple(builder.constants.values()))


@lru_cache(maxsize=10_000)
def _again(
    text: str, slot_types: tuple[tuple[str, ColumnType], ...], formats: tuple[tuple[str, tuple[str, ...]], ...]
) -> Expression:
    return compile_expression(text, dict(slot_types), dict(formats))


_SOURCE = """
def {name}({parameters}):
    try:
        return {result}
    except (ArithmeticError, ValueError) as error:
        raise failed(error) from None
"""
