"""Builds the tree of a contract from the model of its file, once, and finds all that makes no sense on the way."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from transforms.contract.build_column import ColumnBuilder, RowContext
from transforms.contract.column_model import ColumnModel
from transforms.contract.document import Findings, Location
from transforms.contract.model import ContractModel, Rule, Source, TableModel, Unique
from transforms.contract.plan import (
    ColumnPlan,
    Contract,
    RecordPlan,
    RulePlan,
    Rules,
    SourcePlan,
    TablePlan,
    UniquePlan,
)
from transforms.contract.references import References, SourceReads
from transforms.contract.relations import Relation, Relations
from transforms.contract.resolve import resolve
from transforms.names import RecordPath
from transforms.schema import Column, ColumnType, ForeignKey, Schema, Table


def build(model: ContractModel) -> tuple[Contract | None, Findings]:
    """The contract, or what is wrong with it; some mistakes may come more than once."""
    builder = _ContractBuilder(model)
    contract = builder.contract()
    return (None if builder.findings else contract), builder.findings


class _ContractBuilder:
    def __init__(self, model: ContractModel):
        self.written = model
        self.model, self.sources = resolve(model)
        self.findings = Findings()
        self.references = References(model, self.findings)
        self.columns = ColumnBuilder(model, self.references, self.findings)
        self.relations = Relations(self.model, self.findings).all()
        self.deepest: dict[str, float] = {}  # below the record stand the rows of a table, at the most

    def contract(self) -> Contract:
        record = self._record()
        tables = {label: self._table(label, relation) for label, relation in self.relations.items()}
        schema = Schema(
            self.model.contract, tuple(table.table for table in tables.values()), self.written.fingerprint()
        )
        return Contract(
            self.model.contract,
            self.model.namespaces,
            self.model.defaults.ignore_case,
            self.references.elements,
            self.references.indexes,
            record,
            {label: tables[label] for label in self.model.tables},
            schema,
        )

    def _record(self) -> RecordPlan:
        model = self.model.record
        try:
            RecordPath.parse(model.path, self.model.namespaces)
        except ValueError as error:
            self.findings.add(("record", "path"), str(error))
        key = {}
        for name, column in model.key.items():
            at: Location = ("record", "key", name)
            key[name] = self.columns.column(at, name, column, True, RowContext())
            if column.from_ == ["$position"]:
                message = "a record has no position; its number in the source is $ordinal"
                self.findings.add((*at, "from"), message)
            if column.expression is not None:
                self.findings.add((*at, "expression"), "a key is read, not computed", column.expression)
        context = RowContext({name: column.type for name, column in key.items()}, has_position=False)
        return RecordPlan(model.path, key, self._rules(("record",), model.reject_when, model.warn_when, context))

    def _table(self, label: str, relation: Relation) -> TablePlan:
        model, place = self.model.tables[label], ("tables", label)
        self._check_names(place, model, relation)
        # Below an unknown parent, any climb may be right.
        above = 0 if model.parent is None else self.deepest.get(model.parent, inf)
        found = []
        deepest: list[float] = []
        for origin, source in self.sources[label]:
            reads = self.references.source((*place, *origin), source, above)
            deepest.append(reads.depth)
            found.append(self._source(label, origin, source, reads))
        self.deepest[label] = max(deepest)
        return TablePlan(
            label,
            model.parent,
            relation.inherited,
            tuple(model.key),
            self._schema_table(label, model, relation),
            tuple(found),
            model.order,
            self._unique(place, model, model.unique) if model.unique else None,
            model.skip_empty,
        )

    def _schema_table(self, label: str, model: TableModel, relation: Relation) -> Table:
        """The table as databases see it."""
        key, record = relation.primary_key, self.model.record.key
        columns = [
            Column(
                name,
                relation.types.get(name, ColumnType("text")),
                nullable=False,
                identity=model.parent is None and record[origin].identity,
            )
            for origin, name in relation.inherited.items()
        ]
        columns += [
            Column(
                name,
                column.column_type,
                nullable=not (column.required or name in key),
                identity=column.identity,
                may_be_absent=column.omit,
            )
            for name, column in model.columns.items()
        ]
        foreign_key = None
        if model.parent in self.relations:
            names = tuple(relation.inherited.values())
            foreign_key = ForeignKey(names, model.parent, self.relations[model.parent].primary_key)
        return Table(
            label=label,
            name=model.name or label,
            schema=model.schema_ or self.model.schema_,
            columns=tuple(columns),
            primary_key=key,
            foreign_key=foreign_key,
            record_key=relation.record_key,
        )

    def _source(self, label: str, origin: Location, source: Source, reads: SourceReads) -> SourcePlan:
        model, relation = self.model.tables[label], self.relations[label]
        row = RowContext(
            relation.types | {name: column.column_type for name, column in source.let.items()},
            relation.is_known,
            reads.depth,
            reads.own,
            has_parent=model.parent is not None,
            unpivots=bool(source.unpivot),
        )

        def built(columns: Mapping[str, ColumnModel]) -> dict[str, ColumnPlan]:
            return {
                name: self.columns.column(
                    self._place_of(label, origin, name), name, column, column.required or name in model.key, row
                )
                for name, column in columns.items()
            }

        columns, let = built(source.columns), built(source.let)
        where = None
        if source.where is not None:
            where = self.columns.formula(("tables", label, *origin, "where"), source.where, row)
        return SourcePlan(
            reads.rows,
            columns,
            let,
            where,
            self._rules(("tables", label), model.reject_when, model.warn_when, row),
            reads.unpivot,
            source.split,
            self._in_order({**columns, **let}),
            bool(source.slots),
        )

    def _in_order(self, named: Mapping[str, ColumnPlan]) -> tuple[str, ...]:
        """The columns with an expression, each after those that it uses."""
        computed = {name: column for name, column in named.items() if column.model.expression is not None}
        uses = {
            name: set(column.formula.expression.columns) & set(computed) if column.formula else set()
            for name, column in computed.items()
        }
        order: list[str] = []
        while ready := [name for name in uses if name not in order and uses[name] <= set(order)]:
            order += ready
        for name in set(uses) - set(order):
            place: Location = (*computed[name].place, "expression")
            self.findings.add(place, "these expressions form a cycle: each needs the value of another")
        return tuple(order)

    def _rules(self, place: Location, rejects: list[Rule], warns: list[Rule], row: RowContext) -> Rules:
        def built(kind: str, rules: list[Rule]) -> tuple[RulePlan, ...]:
            found = []
            for number, rule in enumerate(rules):
                formula = self.columns.formula((*place, kind, number, "when"), rule.when, row)
                if formula is not None:
                    found.append(RulePlan(formula, rule.message))
            return tuple(found)

        return Rules(built("reject_when", rejects), built("warn_when", warns))

    def _unique(self, place: Location, model: TableModel, unique: Unique) -> UniquePlan:
        ranks = {}
        for name, values in unique.prefer.items():
            at: Location = (*place, "unique", "prefer")
            if name not in model.named:
                message = "there is no such column in this table, nor is it in its `let`"
                self.findings.add(at, message, name, known=model.named)
                continue
            type_ = model.named[name].column_type
            found = [self.columns.constant((*at, name, number), type_, value) for number, value in enumerate(values)]
            ranks = {value: rank for rank, value in reversed(list(enumerate(found)))}
        if unique.below == "keep" and not set(model.key) <= set(unique.by):
            message = "rows below can stay with another row only where that has the same key"
            self.findings.add((*place, "unique", "below"), message, None, "put the columns of `key` into `by`")
        return UniquePlan(tuple(unique.by), unique.keep, next(iter(unique.prefer), None), ranks, unique.below)

    def _check_names(self, place: Location, model: TableModel, relation: Relation) -> None:
        """Whether what the table and its sources name is there, and new where it must be."""
        for group in model.include:
            if group not in self.model.column_groups:
                known = self.model.column_groups
                self.findings.add((*place, "include"), "there is no such column group", group, known=known)
        for key, names in (("key", model.key), ("unique", model.unique.by if model.unique else [])):
            for name in names:
                if name not in model.columns:
                    message = "there is no such column in this table"
                    self.findings.add((*place, key), message, name, known=model.columns)
        taken = {*relation.inherited.values(), *model.columns}
        for origin, source in [((), model), *((("union", number), one) for number, one in enumerate(model.union))]:
            at: Location = (*place, *origin)
            self._check_slots(at, source, model)
            for name in sorted(set(source.let) & taken):
                message = "the rows have a column of this name"
                self.findings.add((*at, "let", name), message, None, "give the value another name")
            for name, column in source.columns.items() if origin else ():
                self._check_replacement((*at, "columns", name), name, column, model.columns)

    def _check_slots(self, place: Location, source: Source, table: TableModel) -> None:
        for number, slot in enumerate(source.slots):
            if slot.keys() != source.slots[0].keys():
                self.findings.add(
                    (*place, "slots", number),
                    "every slot has the same names",
                    ", ".join(slot),
                    f"the first has {', '.join(source.slots[0])}",
                )
        names = [f"{{{name}}}" for name in (source.slots[0] if source.slots else ())]
        for kind, rules in (("reject_when", table.reject_when), ("warn_when", table.warn_when)):
            for number, rule in enumerate(rules):
                for name in names:
                    if name in rule.when:
                        at: Location = (*place[:2], kind, number, "when")
                        message = f"a rule is one for all slots, without {name}"
                        self.findings.add(at, message, rule.when, "make a column of it, and name that")

    def _check_replacement(
        self, place: Location, name: str, column: ColumnModel, columns: Mapping[str, ColumnModel]
    ) -> None:
        replaced = columns.get(name)
        if replaced is None:
            message = "a source replaces columns of its table, and this one it does not have"
            self.findings.add(place, message, known=columns)
            return
        if column.type != replaced.type:
            self.findings.add((*place, "type"), f"the column is {replaced.type} in the table", column.type)
        if column.omit and not replaced.omit:
            self.findings.add((*place, "omit"), "the column of the table must say so, too", column.omit)

    def _place_of(self, label: str, origin: Location, name: str) -> Location:
        """Where a column was written: in the source, in the table, or in a group that the table includes."""
        table = self.written.tables[label]
        for key in ("columns", "let"):
            if origin and name in getattr(table.union[int(origin[1])], key):
                return ("tables", label, *origin, key, name)
            if name in getattr(table, key):
                return ("tables", label, key, name)
        groups = [group for group in table.include if name in self.written.column_groups.get(group, {})]
        return ("column_groups", groups[-1], name)
