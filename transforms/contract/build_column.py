"""Builds the columns of a contract: what they read, compute and stand for, parsed and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from transforms.contract.column_model import SYSTEM_VALUES, UNPIVOT_VALUES, ColumnModel, is_system_value
from transforms.contract.document import Findings, Location
from transforms.contract.expressions import Expression, ExpressionError, UnknownColumn, compile_expression
from transforms.contract.model import ContractModel
from transforms.contract.plan import ColumnPlan, Formula, LookupPlan, Read, SystemValue
from transforms.contract.references import References
from transforms.conversion.convert import ConversionError, Converter, make_converter
from transforms.names import NameTest
from transforms.schema import ABSENT, ColumnType

_SYSTEM_TYPES = {name: ColumnType.parse(type_) for name, (type_, _) in SYSTEM_VALUES.items()}
_HOLDS_NUMBER = ("tinyint", "smallint", "int", "bigint", "text")
_FOR_TEXTS = "`lookup`, `clean`, `format` and `take` are for texts that are read"


@dataclass(frozen=True)
class RowContext:
    """What the columns of a row may read and name.

    ``columns`` are the types of those that expressions may name, all of them if ``is_known``. ``depth`` is how far the
    row's element stands below the record, at the most; ``own`` are the elements that the table names.
    """

    columns: Mapping[str, ColumnType] = field(default_factory=dict)
    is_known: bool = True
    depth: float = 0
    own: Mapping[str, str] = field(default_factory=dict)
    has_position: bool = True
    has_parent: bool = False
    unpivots: bool = False

    @cached_property
    def types(self) -> dict[str, ColumnType]:
        """The types of all that expressions may name, with the system values."""
        types = {**self.columns, **_SYSTEM_TYPES}
        if not self.has_position:
            del types["$position"]
        if not self.has_parent:
            del types["$parent_position"]
        return types | dict.fromkeys(UNPIVOT_VALUES, ColumnType("text")) if self.unpivots else types


def convert_constant(type_: ColumnType, constant: Any) -> Any:
    """A scalar of the contract as a value of a type; raises :class:`ConversionError`.

    It is written as in a document, or as YAML writes it: ``true``, ``12``, ``1.5``.
    """
    if isinstance(constant, bool):
        constant = "true" if constant else "false"
    return make_converter(type_)(constant if isinstance(constant, str) else repr(constant))


class ColumnBuilder:
    """Builds the columns and expressions of one contract; what is wrong with them goes to ``findings``."""

    def __init__(self, model: ContractModel, references: References, findings: Findings):
        self._model = model
        self._references = references
        self._findings = findings
        self._expressions: dict[tuple[str, frozenset[Any]], Expression] = {}
        self._lookups: dict[tuple[str, ColumnType], LookupPlan] = {}

    def column(self, place: Location, name: str, model: ColumnModel, required: bool, row: RowContext) -> ColumnPlan:
        """The column, as far as it makes sense."""
        self._check(place, model)
        type_ = model.column_type
        reads = [self._read(place, model, text, row) for text in model.from_ or ()]
        default = self.constant((*place, "default"), type_, model.default)
        return ColumnPlan(
            name,
            place,
            model,
            type_,
            required,
            tuple(read for read in reads if read is not None),
            self._computed((*place, "expression"), model, row) if model.expression is not None else None,
            self.constant((*place, "value"), type_, model.value),
            default if default is not None else ABSENT if model.omit else None,
            self._lookup(place, model.lookup, type_) if model.lookup is not None else None,
        )

    def formula(self, place: Location, text: str, row: RowContext, is_condition: bool = True) -> Formula | None:
        """An expression and its paths."""
        key = text, frozenset(row.types.items())
        try:
            expression = self._expressions.get(key) or compile_expression(text, row.types, self._model.formats)
            if is_condition:
                expression.check_condition()
        except ExpressionError as error:
            if row.is_known or not isinstance(error, UnknownColumn):
                self._findings.add(place, str(error))
            return None
        self._expressions[key] = expression
        reads: dict[str, Read | SystemValue] = {}
        for path in expression.paths:
            read = SystemValue(path) if path in row.types else self._path(place, path, row)
            if read is not None:
                reads[path] = read
        return Formula(expression, reads)

    def constant(self, place: Location, type_: ColumnType, constant: Any) -> Any:
        """A scalar of the contract as a value of a type."""
        try:
            return None if constant is None else convert_constant(type_, constant)
        except ConversionError as error:
            self._findings.add(place, f"not a value of type {type_}: {error}", constant)
            return None

    def _check(self, place: Location, model: ColumnModel) -> None:
        """What makes sense of a column by itself."""
        if model.value is not None and _is_for_texts(model):
            self._findings.add(place, f"a constant is the value itself: {_FOR_TEXTS}", model.value)
        for key in _text_keys(model):
            if not model.from_ or all(map(is_system_value, model.from_)):
                self._findings.add((*place, key), "this is about the texts of elements that are read")
            elif model.take in ("count", "name", "xml", "json"):
                self._findings.add((*place, key), f"this is about texts, and `take: {model.take}` gives none")
        try:
            converter_of(model)
        except ValueError as error:
            self._findings.add(place, str(error))
        for number, name in enumerate(model.except_):
            try:
                NameTest.parse(name, self._model.namespaces)
            except ValueError as error:
                self._findings.add((*place, "except", number), str(error), None, "name elements, without a path")

    def _read(self, place: Location, model: ColumnModel, text: str, row: RowContext) -> Read | SystemValue | None:
        if is_system_value(text):
            self._check_system(place, model, text, row)
            return SystemValue(text)
        return self._path((*place, "from"), text, row, model)

    def _path(self, place: Location, text: str, row: RowContext, model: ColumnModel | None = None) -> Read | None:
        read = self._references.value(
            place,
            text,
            row.depth,
            row.own,
            ignore_case=model.ignore_case if model else None,
            unpivots=row.unpivots,
            takes_text=model is None or model.take not in ("name", "count"),
        )
        if model is None or read is None or read.path.selects_elements:
            return read
        for key in _text_keys(model) if len(model.from_ or ()) == 1 and read.pair is None else ():
            message = "this is about the texts of elements, and the path selects attributes"
            self._findings.add((*place[:-1], key), message, text)
        if model.take in ("name", "xml", "json"):
            message = f"`take: {model.take}` is about elements, and this selects attributes"
            self._findings.add(place, message, text)
        return read

    def _check_system(self, place: Location, model: ColumnModel, text: str, row: RowContext) -> None:
        at: Location = (*place, "from")
        if text in UNPIVOT_VALUES:
            if not row.unpivots:
                self._findings.add(at, f"only a table with `unpivot` has {text}", text)
        elif text == "$parent_position" and not row.has_parent:
            self._findings.add(at, f"only a table with a `parent` has {text}", text)
        elif text not in SYSTEM_VALUES:
            known = [*SYSTEM_VALUES, *(UNPIVOT_VALUES if row.unpivots else ())]
            self._findings.add(at, "there is no such system value", text, known=known)
        elif len(model.from_ or ()) > 1:
            self._findings.add(at, "a system value is always there, so it must be the only source", text)
        else:
            natural = SYSTEM_VALUES[text][0]
            holds = _HOLDS_NUMBER if natural in _HOLDS_NUMBER and natural != "text" else (natural, "text")
            if model.column_type.name not in holds or _is_for_texts(model):
                self._findings.add(place, f"{text} is of type {natural} and is taken as it is", model.type)

    def _computed(self, place: Location, model: ColumnModel, row: RowContext) -> Formula | None:
        if _is_for_texts(model):
            self._findings.add(place, f"an expression gives the value itself: {_FOR_TEXTS}")
        formula = self.formula(place, model.expression or "", row, is_condition=False)
        type_ = formula.expression.type if formula else None
        if type_ is not None and not _fits(type_, model.column_type):
            self._findings.add(
                place,
                f"the expression gives {type_.name}, and the column is {model.type}",
                None,
                f"CAST(... AS {model.type}) converts it",
            )
        return formula

    def _lookup(self, place: Location, name: str, type_: ColumnType) -> LookupPlan | None:
        model = self._model.lookups.get(name)
        if model is None:
            self._findings.add((*place, "lookup"), "there is no such lookup", name, known=self._model.lookups)
            return None
        if (name, type_) not in self._lookups:
            at: Location = ("lookups", name)
            values = {
                text: self.constant((*at, "values", text), type_, value) for text, value in (model.values or {}).items()
            }
            otherwise = self.constant((*at, "otherwise"), type_, model.otherwise)
            self._lookups[name, type_] = LookupPlan(name, values, model.ignore_case, otherwise)
        return self._lookups[name, type_]


def converter_of(model: ColumnModel) -> Converter:
    """What makes a value of a column's text; raises ``ValueError`` for options that its type does not take."""
    formats = tuple(model.format or ())
    return make_converter(model.column_type, formats=formats, rounding=model.rounding, zone=model.zone)


def _text_keys(model: ColumnModel) -> list[str]:
    """What a column says of the texts of elements."""
    return [key for key, said in (("except", model.except_), ("between", model.between is not None)) if said]


def _is_for_texts(model: ColumnModel) -> bool:
    """Whether a column says something about the reading of texts."""
    return bool(model.lookup or model.clean or model.format or model.take != "first")


_EXACT_NUMBERS = ("tinyint", "smallint", "int", "bigint", "decimal")
_WITH_A_DAY = ("date", "datetime", "datetimetz")


def _fits(found: ColumnType, wanted: ColumnType) -> bool:
    """Whether values of one type become the other without a CAST."""
    if wanted.name == "text" or found.name == wanted.name:
        return True
    if wanted.name == "float":
        return found.name in _EXACT_NUMBERS
    if found.name in _EXACT_NUMBERS:
        return wanted.name == "decimal" or (found.name != "decimal" and wanted.name in _EXACT_NUMBERS)
    return found.name in _WITH_A_DAY and wanted.name in _WITH_A_DAY
