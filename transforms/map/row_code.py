"""The Python source of one row: the values of its columns, and the conditions on them."""

from __future__ import annotations

from transforms.contract.plan import ColumnPlan, Formula, RulePlan, Rules, SourcePlan
from transforms.map.access import Access
from transforms.map.cells import ColumnError, Failures, make_column
from transforms.map.computed import Computed
from transforms.map.row_function import RowFunction, tuple_of
from transforms.map.runtime import make_filter, make_rule
from transforms.map.usual import usual
from transforms.schema import ABSENT


class RowCode:
    """A row under construction, in a function.

    ``position`` is the variable of its position; ``places`` says where the value of each column is.
    """

    def __init__(self, access: Access, function: RowFunction, failures: Failures, position: str = "position"):
        self.function = function
        self.position = position
        self.places: dict[str, str] = {}
        self._access = access
        self._failures = failures

    def computed(self, path: str, column: ColumnPlan, late_default: bool, errors: str) -> list[str]:
        """The lines that compute a column."""
        assert column.formula is not None
        expression = column.formula.expression
        computed = Computed(path, column, self._failures, late_default)
        self._access.reads(path, column)
        call = self._access.name("expression", expression.compile())
        fit, again = self._access.name("fit", computed.fit), self._access.name("column", computed)
        arguments = self._arguments(column.formula)
        value = self.places[column.name] = self._access.identifiers.new("value", path)
        return [
            "try:",
            "    given = None",
            f"    given = {arguments}",
            f"    {value} = {fit}({call}(given))",
            "except COMPUTING_FAILED as error:",
            f"    {value} = attempt({again}, {call}, given, error, {errors})",
        ]

    def with_default(self, place: str, column: ColumnPlan) -> str:
        default = self._default(column)
        return place if default == "None" else f"({default} if {place} is None else {place})"

    def _default(self, column: ColumnPlan) -> str:
        """What stands for no value."""
        if column.default is None or column.default is ABSENT:
            return "None" if column.default is None else "ABSENT"
        return self._access.name("default", column.default, column.name)

    def rules(self, label: str, rules: Rules) -> list[str]:
        lines = []
        for rule in rules.reject_when:
            when = self._when(label, rule)
            refusal = self._access.name("refusal", ColumnError(label, "reject_when", rule.message))
            lines.append(f"if {when}: errors.append({refusal})")
        for rule in rules.warn_when:
            name = f"{label}: {rule.message}"
            lines.append(f"if {self._when(label, rule)}: warnings[{name!r}] += 1")
        return lines

    def _when(self, label: str, rule: RulePlan) -> str:
        path = f"{label}: {rule.message}"
        self._access.reads(path)
        holds = make_rule(rule.when.expression.compile_condition(), path)
        return self._access.call("rule", holds, self._arguments(rule.when), "errors")

    def where(self, label: str, source: SourcePlan, errors: str) -> str:
        assert source.where is not None
        named = source.named
        self._access.reads(f"{label}.where")
        read = source.columns_behind(source.where)
        paths = {f"{label}.{name}" for name in read if name in named and named[name].model.on_error != "null"}
        keeps = make_filter(source.where.expression.compile_condition(), f"{label}.where", paths)
        return self._access.call("where", keeps, self._arguments(source.where), errors)

    def _arguments(self, formula: Formula) -> str:
        """The values of an expression's slots, as a tuple."""
        values = []
        for kind, name in formula.expression.slots:
            if kind == "column":
                values.append(self.places[name])
            elif kind == "now":
                values.append("now")
            else:
                values.append(self._access.of_path(self.function, formula.reads[name], "first", self.position))
        return tuple_of(values)

    def column(self, path: str, column: ColumnPlan, late_default: bool = False) -> str:
        """A column as a Python expression in a row's function."""
        self._access.reads(path, column)
        make = make_column(path, column, self._failures, late_default)
        raw = "None"
        if column.model.from_ is not None:
            raws = [self._access.of_column(self.function, column, read, self.position) for read in column.reads]
            raw = raws[0] if len(raws) == 1 else f"first_given({', '.join(raws)})"
        if make is None:
            return raw
        call, usually = self._access.name("column", make), usual(column)
        name, given = (raw, raw) if raw.isidentifier() else ("raw", f"(raw := {raw})")
        seldom = f"{call}({name})"
        is_simple = column.model.take in ("first", "last") and column.reads and not column.is_system
        if is_simple and not column.required:
            # Most of what is not there says nothing.
            instead = "None" if late_default else self._default(column)
            first = name if usually else given
            seldom = f"{instead} if {first} is None else {seldom}"
        if usually is None:
            return f"({seldom})" if " " in seldom else f"{call}({raw})"
        names = {"given": given, "raw": name}
        if usually.thing is not None:
            names["thing"] = self._access.name("usual", usually.thing)
        return f"({usually.value.format(**names)} if {usually.test.format(**names)} else {seldom})"
