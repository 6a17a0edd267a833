"""From the text of an expression to sqlglot's tree, with the paths in brackets set aside.

sqlglot reads many dialects and forgives much. Here it reads one small language: all functions stay plain
calls (:mod:`.functions` knows them), and what it would let pass in silence is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.parser import Parser
from sqlglot.tokens import Token, Tokenizer, TokenType

from .errors import ExpressionError

_MAX_LENGTH = 65_536
TOO_DEEP = "this is nested too deeply; compute a part of it in a column of its own"


@dataclass(frozen=True)
class Syntax:
    """A parsed text: ``root`` of the tree, and the paths by the offset of their opening bracket."""

    text: str
    root: exp.Expr
    paths: dict[int, str]


def parse(text: str) -> Syntax:
    """Parse one expression; raise :class:`ExpressionError` with the position of what does not fit."""
    if len(text) > _MAX_LENGTH:
        raise ExpressionError(f"this has {len(text):,} characters; at most {_MAX_LENGTH:,} are read", 0, text)
    sql, paths = _set_paths_aside(text)
    try:
        trees = _SQLParser().parse_into(exp.Condition, Tokenizer().tokenize(sql), sql)
    except ParseError as error:
        found = error.errors[0]
        raise ExpressionError(found["description"], found["position"], text) from None
    except TokenError as error:
        raise ExpressionError(f"no SQL can be read here: {error}", error.start or 0, text) from None
    except RecursionError:
        raise ExpressionError(TOO_DEEP, 0, text) from None
    if len(trees) != 1:
        raise ExpressionError("one expression is expected, without ';'", max(text.find(";"), 0), text)
    if trees[0] is None:
        raise ExpressionError("the expression is empty; write NULL for no value", 0, text)
    return Syntax(text, trees[0], paths)


_SQL_PIECE = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\r\n]*|/\*.*?\*/|(?P<open>\[)|(?P<stray>['"])""", re.DOTALL
)
_PATH_PIECE = re.compile(r"""'[^']*'|"[^"]*"|[\[\]]""")


def _set_paths_aside(text: str) -> tuple[str, dict[int, str]]:
    """The text with a quoted identifier of the same length in place of each path, so that offsets stay true."""
    pieces, paths, end = [], {}, 0
    while match := _SQL_PIECE.search(text, end):
        start = match.start()
        if match["stray"]:
            raise ExpressionError(f"the quote {match['stray']} is not closed", start, text)
        pieces.append(text[end:start])
        end = match.end()
        if match["open"]:
            end = _end_of_path(text, start)
            paths[start] = text[start + 1 : end - 1].strip()
            if not paths[start]:
                raise ExpressionError("the brackets hold no path; write [Acct/Id], or [@id]", start, text)
            pieces.append('"' + "." * (end - start - 2) + '"')
        else:
            pieces.append(match[0])
    return "".join(pieces) + text[end:], paths


def _end_of_path(text: str, start: int) -> int:
    depth = 0
    for match in _PATH_PIECE.finditer(text, start):
        depth += (match[0] == "[") - (match[0] == "]")
        if depth == 0:
            return match.end()
    raise ExpressionError("the bracket [ of a path is not closed", start, text)


class _SQLParser(Parser):
    FUNCTIONS: ClassVar[dict[Any, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[Any, Any]] = {
        name: Parser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT", "SUBSTRING", "TRIM")
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[Any, Any]] = {"CASE": Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]}
    RANGE_PARSERS: ClassVar[dict[Any, Any]] = {
        token: Parser.RANGE_PARSERS[token]
        for token in (TokenType.BETWEEN, TokenType.IN, TokenType.IS, TokenType.LIKE, TokenType.ILIKE)
    }
    COLUMN_OPERATORS: ClassVar[dict[Any, Any]] = {}

    def raise_error(self, message: str, token: Token | None = None) -> None:
        token = self._curr
        expected = f"; {message[0].lower()}{message[1:]}" if message.startswith("Expect") else ""
        found = f"{token.text!r} does not fit here" if token else "the expression ends too early"
        position = token.start if token else len(self.sql)
        raise ParseError(message, [{"description": found + expected, "position": position}])

    def _parse_between(self, this: exp.Expr | None) -> exp.Between:
        low = self._parse_bitwise()
        if not self._match(TokenType.AND):
            self.raise_error("Expecting AND between the bounds of BETWEEN")
        return self.expression(exp.Between(this=this, low=low, high=self._parse_bitwise()))

    def _parse_case(self) -> exp.Case:
        operand = self._parse_disjunction()
        branches = []
        while self._match(TokenType.WHEN):
            condition = self._parse_disjunction()
            if not self._match(TokenType.THEN):
                self.raise_error("Expecting THEN")
            branches.append(self.expression(exp.If(this=condition, true=self._parse_disjunction())))
        if not branches:
            self.raise_error("Expecting WHEN")
        default = self._parse_disjunction() if self._match(TokenType.ELSE) else None
        if not self._match(TokenType.END):
            self.raise_error("Expecting END")
        return self.expression(exp.Case(this=operand, ifs=branches, default=default))

    def _parse_csv(self, parse_method: Callable[[], Any], sep: TokenType = TokenType.COMMA) -> list[Any]:
        items = [parse_method()]
        while self._match(sep):
            items.append(parse_method())
            if None in items:
                self.raise_error("Expecting a value beside the comma")
        return items if items != [None] else []

    def _parse_cast(self, strict: bool, safe: bool | None = None) -> exp.Cast:
        """Take the type as it is written: the types are those of contracts, not sqlglot's."""
        value = self._parse_disjunction()
        if not self._match(TokenType.ALIAS):
            self.raise_error("Expecting AS and a type")
        first = last = self._curr
        depth = 0
        while self._curr and (depth or self._curr.token_type != TokenType.R_PAREN):
            depth += (self._curr.token_type == TokenType.L_PAREN) - (self._curr.token_type == TokenType.R_PAREN)
            last = self._curr
            self._advance()
        if not self._curr:
            self.raise_error("Expecting )")
        type_ = exp.Var(this=self._find_sql(first, last)).update_positions(first)
        return self.expression((exp.TryCast if safe else exp.Cast)(this=value, to=type_))
