"""From absolute paths of legacy contracts to paths of ours, which start at the element of a row."""

from __future__ import annotations

from pipeline.legacy.grammar import Field
from pipeline.legacy.source import Filter, Legacy, Mapping, Steps


class PathsError(ValueError):
    """A place that a path cannot say."""


def attribute_path(base: Steps, owner: Steps, attribute: str) -> str:
    """The path of an attribute from an element: of several owners, the last in the document counts."""
    ups, downs = _way(base, owner)
    if not downs:
        return "/".join([*ups, f"@{attribute}"])
    return f"({'/'.join([*ups, *downs])})[last()]/@{attribute}"


def elements_path(base: Steps, element: Steps, predicate: str = "") -> str:
    """The path of all elements of a kind that fulfil a predicate."""
    ups, downs = _way(base, element)
    return "/".join([*ups, *downs]) + (f"[{predicate}]" if predicate else "")


def _way(base: Steps, target: Steps) -> tuple[list[str], Steps]:
    above = len(shared(base, target))
    return [".."] * (len(base) - above), target[above:]


def shared(one: Steps, other: Steps) -> Steps:
    """The elements above both."""
    length = 0
    while one[: length + 1] == other[: length + 1] and length < min(len(one), len(other)):
        length += 1
    return one[:length]


def text(value: str) -> str:
    """A text in a path's predicate."""
    if "'" in value and '"' in value:
        raise PathsError(f"the text {value} has both kinds of quotes")
    return f'"{value}"' if "'" in value else f"'{value}'"


def present(*attributes: str) -> str:
    """The predicate that one of these attributes is not blank."""
    return " or ".join(f"normalize-space(@{name})" for name in attributes)


def required(rule: Filter, type_: str | None = None) -> list[str]:
    """The predicates of a filter; with ``type_`` only elements of that one of its types."""
    conditions = [present(name) for name in rule.present]
    for name, values in rule.one_of.items():
        wanted = (type_,) if type_ is not None and name == rule.type_attribute else values
        conditions.append(
            f"@{name} = {text(wanted[0])}" if len(wanted) == 1 else f"@{name} in ({', '.join(map(text, wanted))})"
        )
    return conditions


class Places:
    """Where the fields of mappings and expressions stand."""

    def __init__(self, legacy: Legacy):
        self.legacy = legacy
        known = [
            legacy.application,
            *(mapping.path for mapping in legacy.mappings),
            *(rule.path for rule in legacy.filters.values()),
        ]
        known += [relationship.child_path for relationship in legacy.relationships if relationship.child_path]
        self.by_name = {path[-1].lower(): path for path in known}
        self.contact = legacy.filters.get(
            "contact", Filter(self.by_name.get("contact", (*legacy.application, "contact")))
        )
        self.address = legacy.filters.get("address", Filter(self._below("contact_address", "address")))
        self.employment = legacy.filters.get("employment", Filter(self._below("contact_employment", "employment")))

    def _below(self, *names: str) -> Steps:
        return next((self.by_name[name] for name in names if name in self.by_name), (*self.contact.path, names[0]))

    def paths(self, mapping: Mapping, base: Steps, falls_back: bool = False) -> str:
        """Where a mapping's attribute is read. ``falls_back``: a blank one gives way to that of an earlier contact."""
        return self._path(mapping, base, mapping.attribute, falls_back)

    def field(self, mapping: Mapping, base: Steps, field: Field) -> str:
        """Where a field of the mapping's expression is read."""
        if field.element is None:
            return self._path(mapping, base, field.attribute, False)
        if field.element.lower() == "contact":
            return f"{self._contact(base, 0)}/@{field.attribute}"
        if field.element.lower() == "application":
            return attribute_path(base, self.legacy.application, field.attribute)
        if field.element.lower() in self.by_name:
            return attribute_path(base, self.by_name[field.element.lower()], field.attribute)
        return f"({elements_path(base, self.legacy.application)}//{field.element})[last()]/@{field.attribute}"

    def _path(self, mapping: Mapping, base: Steps, attribute: str, falls_back: bool) -> str:
        selector = mapping.selector
        if selector is None:
            return attribute_path(base, mapping.path, attribute)
        if selector == "curr_address_only":
            condition = required(
                Filter(self.address.path, one_of=self._type_only(self.address)), self._preferred_address()
            )
            contact = (
                elements_path(base, self.contact.path)
                if base[: len(self.contact.path)] == self.contact.path
                else self._contact(base, 0)
            )
            address = elements_path(self.contact.path, self.address.path, " and ".join(condition))
            return f"({'/'.join(part for part in (contact, address) if part)})[last()]/@{attribute}"
        place = self._within_contact(mapping.path)
        contact = self._contact(
            base, 0 if selector == "last_valid_pr_contact" else 1, f"{place}@{attribute}" if falls_back else ""
        )
        return self._in_contact(contact, mapping.path, attribute)

    def _within_contact(self, path: Steps) -> str:
        steps = path[len(self.contact.path) :] if path[: len(self.contact.path)] == self.contact.path else path[-1:]
        return "".join(f"{step}/" for step in steps)

    def _in_contact(self, contact: str, path: Steps, attribute: str) -> str:
        below = self._within_contact(path)
        if not below or path == self.legacy.application:
            return f"{contact}/@{attribute}"
        preferred = self._preferred_address()
        if path[-1] == self.address.path[-1] and preferred is not None:
            name, value = self.address.type_attribute, text(preferred)
            siblings = f"../{path[-1]}[@{name} = {value}]"
            return f"{contact}/{below[:-1]}[@{name} = {value} or not({siblings})]/@{attribute}"
        if path[-1] == self.address.path[-1]:
            return f"{contact}/{below}@{attribute}"
        return f"({contact}/{below[:-1]})[last()]/@{attribute}"

    def _contact(self, base: Steps, rank: int, not_blank: str = "") -> str:
        """The last contact of the primary (0) or secondary (1) type that has a ``con_id``."""
        rule = self.contact
        if rule.types and rank >= len(rule.types):
            raise PathsError("the contact filter has no secondary type")
        conditions = required(Filter(rule.path, one_of=self._type_only(rule)), rule.types[rank] if rule.types else None)
        conditions.append(present("con_id"))
        if not_blank:
            conditions.append(f"normalize-space({not_blank})")
        above = elements_path(base, rule.path[:-1])
        return f"({above}{'/' * bool(above)}{rule.path[-1]}[{' and '.join(conditions)}])[last()]"

    def _preferred_address(self) -> str | None:
        return self.address.types[0] if self.address.types else None

    @staticmethod
    def _type_only(rule: Filter) -> dict[str, tuple[str, ...]]:
        return {rule.type_attribute: rule.types} if rule.type_attribute else {}
