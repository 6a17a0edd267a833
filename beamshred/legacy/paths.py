"""From absolute paths of legacy contracts to paths of ours, and to the elements that those begin at by name.

/Root/Request/CustData/application/product/@apr    $product/@apr
                                                   product: (CustData/application/product)[last()]
"""

from __future__ import annotations

from beamshred.legacy.grammar import Field
from beamshred.legacy.source import Filter, Legacy, Mapping, Steps
from transforms.contract.column_model import SYSTEM_VALUES, UNPIVOT_VALUES


class PathsError(ValueError):
    """A place that a path cannot say."""


_CONTACTS = {"last_valid_pr_contact": "primary", "last_valid_sec_contact": "secondary"}
"""What the contact is called that a mapping type selects."""


def elements_path(base: Steps, element: Steps) -> str:
    """The path of all elements of a kind."""
    above = len(shared(base, element))
    return "/".join([*[".."] * (len(base) - above), *element[above:]])


def shared(one: Steps, other: Steps) -> Steps:
    """The elements above both."""
    length = 0
    while one[: length + 1] == other[: length + 1] and length < min(len(one), len(other)):
        length += 1
    return one[:length]


def record_of(legacy: Legacy) -> Steps:
    """The element of the key, or what holds it and all else that is read."""
    record = legacy.key.path
    for path in (*(mapping.path for mapping in legacy.mappings), legacy.application):
        if path != record[: len(path)]:
            record = shared(record, path)
    return record or legacy.key.path[:1]


def text(value: str) -> str:
    """A text in a path's predicate."""
    if "'" in value and '"' in value:
        raise PathsError(f"the text {value} has both kinds of quotes")
    return f'"{value}"' if "'" in value else f"'{value}'"


def present(name: str) -> str:
    """The predicate that an attribute is not blank."""
    return f"normalize-space(@{name})"


def is_type(name: str, value: str) -> str:
    """The predicate that an attribute is a type: blanks around it and its case do not count."""
    trimmed, wanted = present(name), " ".join(value.split())
    if wanted.upper() == wanted.lower():
        return f"{trimmed} = {text(wanted)}"
    return f"upper-case({trimmed}) = {text(wanted.upper())}"


class Places:
    """Where the fields of mappings and expressions stand.

    ``elements`` are those of the record that have a name by now; ``own`` those of the rows of the table at hand.
    """

    def __init__(self, legacy: Legacy):
        self.legacy = legacy
        self.record = record_of(legacy)
        self.elements: dict[str, str] = {}
        self.own: dict[str, str] = {}
        self._names: dict[Steps, str] = {}
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

    def attribute(self, base: Steps, owner: Steps, attribute: str) -> str:
        """The path of an attribute from an element: of several owners, the last in the document counts."""
        if owner == base[: len(owner)]:
            return "/".join([*[".."] * (len(base) - len(owner)), f"@{attribute}"])
        if base[: len(self.contact.path)] == self.contact.path and owner[: len(base)] == base:
            return f"({elements_path(base, owner)})[last()]/@{attribute}"
        return f"${self.name(owner)}/@{attribute}"

    def name(self, owner: Steps) -> str:
        """The name of the last element of a kind in the record."""
        if owner not in self._names:
            names = ["_".join(owner[-length:]) for length in range(1, len(owner) + 1)]
            self._names[owner] = self._named(f"({elements_path(self.record, owner)})[last()]", *names)
        return self._names[owner]

    def _named(self, path: str, *names: str) -> str:
        """The name of an element, the first of these that is free or has this path already."""
        reserved = (*SYSTEM_VALUES, *UNPIVOT_VALUES)
        candidates = [*names, *(f"{names[0]}_{number}" for number in range(2, 1000))]
        for name in candidates:
            if f"${name}" not in reserved and self.elements.setdefault(name, path) == path:
                return name
        raise PathsError(f"too many elements are called {names[0]}")

    def paths(self, mapping: Mapping, base: Steps, falls_back: bool = False) -> str:
        """Where a mapping's attribute is read. ``falls_back``: a blank one gives way to that of an earlier contact."""
        return self._path(mapping, base, mapping.attribute, falls_back)

    def field(self, mapping: Mapping, base: Steps, field: Field) -> str:
        """Where a field of the mapping's expression is read."""
        if field.element is None:
            return self._path(mapping, base, field.attribute, False)
        element = field.element.lower()
        if element == "contact":
            return f"${self._selected('last_valid_pr_contact')}/@{field.attribute}"
        if element == "application":
            return self.attribute(base, self.legacy.application, field.attribute)
        if element in self.by_name:
            return self.attribute(base, self.by_name[element], field.attribute)
        above = elements_path(self.record, self.legacy.application)
        return f"${self._named(f'({above}//{field.element})[last()]', field.element)}/@{field.attribute}"

    def _path(self, mapping: Mapping, base: Steps, attribute: str, falls_back: bool) -> str:
        selector = mapping.selector
        if selector is None:
            return self.attribute(base, mapping.path, attribute)
        if selector == "curr_address_only":
            return f"${self._current(base)}/@{attribute}"
        if falls_back:
            place = "/".join([*self._steps_in_contact(mapping.path), f"@{attribute}"])
            name = f"{_CONTACTS.get(selector, 'authorized')}_contact_with_{attribute}"
            return f"${self._named(self._last(selector, place), name)}/{place}"
        return f"${self._in_contact(self._selected(selector), mapping.path)}/@{attribute}"

    def _current(self, base: Steps) -> str:
        """The name of the last address of the preferred type, of the contact at hand or else of the primary one."""
        condition = self._preferred()
        condition = f"[{condition}]" if condition else ""
        if base[: len(self.contact.path)] == self.contact.path:
            name = "current_address" if "current_address" not in self.elements else "current_address_here"
            self.own[name] = f"({elements_path(base, self.address.path)}{condition})[last()]"
            return name
        contact = self._selected("last_valid_pr_contact")
        address = "/".join(self._within_contact(self.address.path))
        return self._named(f"(${contact}/{address}{condition})[last()]", "primary_current_address")

    def _within_contact(self, path: Steps) -> Steps:
        return path[len(self.contact.path) :] if path[: len(self.contact.path)] == self.contact.path else path[-1:]

    def _in_contact(self, contact: str, path: Steps) -> str:
        """The name of what a path names within a contact."""
        below = self._within_contact(path)
        if not below or path == self.legacy.application:
            return contact
        if path[-1] != self.address.path[-1]:
            return self._named(f"(${contact}/{'/'.join(below)})[last()]", f"{contact}_{below[-1]}")
        steps = "/".join(self._steps_in_contact(path))
        return self._named(f"${contact}/{steps}", f"{contact.partition('_')[0]}_addresses")

    def _steps_in_contact(self, path: Steps) -> Steps:
        """The steps from any contact to what counts there: the addresses of the preferred type, of others the last."""
        below = self._within_contact(path)
        if not below or path == self.legacy.application:
            return ()
        if path[-1] != self.address.path[-1]:
            return tuple(f"{step}[last()]" for step in below)
        preferred = self._preferred()
        condition = f"[{preferred} or not(../{path[-1]}[{preferred}])]" if preferred else ""
        return (*below[:-1], below[-1] + condition)

    def _selected(self, selector: str) -> str:
        """The name of the contact that a mapping type selects."""
        return self._named(self._last(selector), f"{_CONTACTS.get(selector, 'authorized')}_contact")

    def _last(self, selector: str, not_blank: str = "") -> str:
        """The last contact of the primary or secondary type; that of a card needs no ``con_id``."""
        rule = self.contact
        rank = 0 if selector == "last_valid_pr_contact" else 1
        if rule.types and rank >= len(rule.types):
            raise PathsError("the contact filter has no secondary type")
        conditions = [is_type(rule.type_attribute, rule.types[rank])] if rule.type_attribute else []
        if selector != "authu_contact":
            conditions.append(present("con_id"))
        if not_blank:
            conditions.append(f"normalize-space({not_blank})")
        predicate = f"[{' and '.join(conditions)}]" if conditions else ""
        above = elements_path(self.record, rule.path)
        return f"({above}{predicate})[last()]"

    def _preferred(self) -> str:
        """The predicate that an address is of the preferred type."""
        rule = self.address
        return is_type(rule.type_attribute, rule.types[0]) if rule.type_attribute else ""
