"""The error of expressions, when a contract is loaded and when a row is computed."""

from __future__ import annotations


class ExpressionError(ValueError):
    """An expression that cannot be understood, or that has no value for a row.

    Attributes:
      message: what is wrong, and the remedy.
      position: where in ``text`` it is wrong, as an offset from 0; ``None`` for an error of a row.
      text: the expression.
      rule: the short word the report counts it by: ``expression`` for an error at load; for a row
        ``division_by_zero``, ``overflow``, ``argument``, or the rule of the conversion that failed.
    """

    def __init__(self, message: str, position: int | None = None, text: str = "", rule: str = "expression"):
        super().__init__(message, position, text, rule)
        self.message = message
        self.position = position
        self.text = text
        self.rule = rule

    @property
    def line(self) -> int:
        """The line of the position within the text, from 1."""
        return self.text.count("\n", 0, self.position) + 1

    @property
    def column(self) -> int:
        """The column of the position within its line, from 1."""
        return (self.position or 0) - self.text.rfind("\n", 0, self.position)

    def __str__(self) -> str:
        if self.position is None:
            return self.message
        line = self.text.split("\n")[self.line - 1]
        return f"line {self.line}, column {self.column}: {self.message}\n    {line}\n    {' ' * (self.column - 1)}^"


class UnknownColumn(ExpressionError):
    """An expression that names a column which is none of the row."""
