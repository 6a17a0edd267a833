"""What the page on legacy contracts says, done plainly: a legacy contract and a document give rows.

It shares no code with the importer or the job. It is slow, and reads the contract again for each value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from tests.legacy_oracle_expressions import Expression
from tests.legacy_oracle_values import BLANKS, convert, moment_of, number_of

Contract = dict[str, Any]
Element = Any
Rows = dict[str, list[dict[str, Any]]]

CONTACTS, ADDRESSES, EMPLOYMENTS = "app_contact_base", "app_contact_address", "app_contact_employment"
TABLE_OF = {"contact": CONTACTS, "address": ADDRESSES, "employment": EMPLOYMENTS}
MAKERS = ("add_score", "add_indicator", "add_history", "add_report_lookup", "policy_exceptions")
SELECTORS = ("last_valid_pr_contact", "last_valid_sec_contact", "authu_contact", "curr_address_only")
PERSON = ("birth_date", "first_name", "last_name", "ssn")
JOB = ("b_name", "b_salary", "b_job_title", "b_zip", "b_city")


class RejectedError(Exception):
    """The document is rejected."""


# Elements


def attribute(element: Element, name: str) -> str | None:
    if element is None:
        return None
    if name in element.attrib:
        return str(element.attrib[name])
    return next((str(value) for key, value in element.attrib.items() if key.lower() == name.lower()), None)


def stripped(element: Element, name: str) -> str:
    return (attribute(element, name) or "").strip(BLANKS)


def steps_of(types: Any) -> list[tuple[str, str]]:
    if types is None:
        return []
    listed = [types] if isinstance(types, str) else types
    return [(step.partition("(")[0].strip(), step.partition("(")[2].rstrip(") ").strip()) for step in listed]


class Document:
    """One request of a document, with the contract's rules on contacts."""

    def __init__(self, contract: Contract, request: Element) -> None:
        self.contract = contract
        self.request = request
        self.rules = {rule["element_type"]: rule for rule in contract["element_filtering"]["filter_rules"]}
        self.application = self.last(contract["xml_application_path"])

    def all(self, path: str, under: Element = None, above: str = "") -> list[Element]:
        """The elements of an absolute path, below an element of the path ``above`` or the request."""
        start = self.request if under is None else under
        gone = above or self.request_path
        names = path[len(gone) :].strip("/")
        found = [start]
        for name in names.split("/") if names else []:
            found = [child for element in found for child in element if child.tag == name]
        return found

    @property
    def request_path(self) -> str:
        key = next(
            m
            for m in self.contract["mappings"]
            if (m["target_table"], m.get("target_column")) == ("app_base", "app_id")
        )
        return str(key["xml_path"])

    def last(self, path: str) -> Element:
        found = self.all(path)
        return found[-1] if found else None

    # Contacts

    def type_attribute(self, kind: str) -> tuple[str, list[str]]:
        wanted = self.rules[kind]["required_attributes"]
        return next((name, values) for name, values in wanted.items() if isinstance(values, list))

    def priority(self, kind: str, element: Element) -> int | None:
        """The place of the element's type in the rule's list."""
        name, values = self.type_attribute(kind)
        kinds = [value.strip(BLANKS).lower() for value in values]
        own = stripped(element, name).lower()
        return kinds.index(own) if own in kinds else None

    def holds(self, kind: str, element: Element) -> bool:
        typed = self.type_attribute(kind)[0]
        for name, values in self.rules[kind]["required_attributes"].items():
            if name == typed:
                if self.priority(kind, element) is None:
                    return False
            elif isinstance(values, list):
                if stripped(element, name) not in [value.strip(BLANKS) for value in values]:
                    return False
            elif values and not stripped(element, name):
                return False
        return True

    @property
    def contacts(self) -> list[Element]:
        return self.all(self.rules["contact"]["xml_child_path"])

    def kept(self) -> list[tuple[Element, list[Element]]]:
        """The kept contacts, each with all elements of its number."""
        found: dict[int, list[Element]] = {}
        for contact in self.contacts:
            if self.holds("contact", contact) and any(stripped(contact, name) for name in PERSON):
                found.setdefault(key_of(attribute(contact, "con_id")), []).append(contact)
        best = []
        for elements in found.values():
            first = min(self.priority("contact", element) or 0 for element in elements)
            best.append(([e for e in elements if self.priority("contact", e) == first][-1], elements))
        return best

    def below(self, kind: str, elements: list[Element]) -> list[Element]:
        path, above = self.rules[kind]["xml_child_path"], self.rules["contact"]["xml_child_path"]
        found = [child for element in elements for child in self.all(path, element, above) if self.holds(kind, child)]
        if kind == "employment":
            return [
                e
                for e in found
                if any(stripped(e, n) for n in JOB if n != "b_salary") or salary(stripped(e, "b_salary"))
            ]
        typed = self.type_attribute(kind)[0].lower()
        names = {m["xml_attribute"] for m in self.mappings(ADDRESSES) if m["xml_path"] == path}
        return [e for e in found if any(stripped(e, name) for name in names if name.lower() != typed)]

    def of_type(self, place: int, with_number: bool = True) -> list[Element]:
        return [
            contact
            for contact in self.contacts
            if self.priority("contact", contact) == place and (stripped(contact, "con_id") or not with_number)
        ]

    def mappings(self, table: str) -> list[Contract]:
        return [m for m in self.contract["mappings"] if m["target_table"] == table]

    # The element that a mapping reads

    def raw(self, mapping: Contract, hand: tuple[str, Element] | None, contact: Element) -> str | None:
        """The attribute's text as the mapping's selector or place gives it."""
        name, path = mapping["xml_attribute"], mapping["xml_path"]
        types = [step for step, _ in steps_of(mapping.get("mapping_type"))]
        selector = next((step for step in types if step in SELECTORS), None)
        if selector == "curr_address_only":
            return attribute(self.preferred(path, contact), name)
        if selector:
            place = 0 if selector == "last_valid_pr_contact" else 1
            found = self.of_type(place, selector != "authu_contact")
            texts = [self.of_contact(one, path, name) for one in found]
            if "add_history" in types and selector == "last_valid_pr_contact":
                return next((text for text in reversed(texts) if (text or "").strip(BLANKS)), None)
            return texts[-1] if texts else None
        return attribute(self.element(path, hand, contact), name)

    def element(self, path: str, hand: tuple[str, Element] | None, contact: Element) -> Element:
        if hand and path == hand[0]:
            return hand[1]
        above = self.rules["contact"]["xml_child_path"] if "contact" in self.rules else None
        if contact is not None and above and (path == above or path.startswith(above + "/")):
            found = self.all(path, contact, above)
            return found[-1] if found else None
        return self.last(path)

    def preferred(self, path: str, contact: Element) -> Element:
        found = self.all(path, contact, self.rules["contact"]["xml_child_path"])
        found = [address for address in found if self.priority("address", address) == 0]
        return found[-1] if found else None

    def of_contact(self, contact: Element, path: str, name: str) -> str | None:
        above = self.rules["contact"]["xml_child_path"]
        found = self.all(path, contact, above)
        if path == self.rules.get("address", {}).get("xml_child_path"):
            found = [a for a in found if self.priority("address", a) == 0] or found
            return next((attribute(a, name) for a in found if attribute(a, name) is not None), None)
        return attribute(found[-1], name) if found else None

    # Values of mappings

    def value(self, mapping: Contract, hand: Any = None, contact: Element = None) -> tuple[Any, bool]:
        """The value or None, and whether it counts as data."""
        found, counts = self.chain(mapping, hand, contact)
        if found is not None:
            found = convert(found, mapping)
        if found is not None:
            return found, counts
        default = mapping.get("default_value")
        if default is None or not str(default).strip():
            return None, False
        return convert(default, mapping), False

    def chain(self, mapping: Contract, hand: Any, contact: Element) -> tuple[Any, bool]:
        steps = [
            s
            for s in steps_of(mapping.get("mapping_type"))
            if s[0] not in ("add_collateral", "warranty_field", *MAKERS)
        ]
        raw = self.raw(mapping, hand, contact)
        selected = any(step in SELECTORS for step, _ in steps)
        value: Any = None if raw is None else raw.strip(BLANKS)
        if value == "" and not selected:
            value = None
        source, counts, computed = value, True, False
        if mapping.get("expression") and "calculated_field" not in [step for step, _ in steps]:
            steps = [("calculated_field", ""), *steps]
        # The first step without a value ends the chain: that may be the one that takes the value, or makes the row.
        chain = steps_of(mapping.get("mapping_type"))
        ended = value is None and len(chain) > 1 and chain[0][0] not in ("char_to_bit", "boolean_to_bit")
        for step, _ in steps:
            if ended and step not in ("enum", "calculated_field"):
                continue
            if step == "calculated_field":
                value = Expression(mapping["expression"], self.fields(mapping, hand, contact)).value()
                computed = True
            elif step == "enum":
                if computed and str(value if value is not None else "").strip():
                    continue
                value, counts = self.enum(mapping, source if computed else value)
                counts, computed = counts or computed, False
            elif step == "default_getutcdate_if_null":
                value, counts = ("NOW", False) if value in (None, "") else (value, counts)
            elif step in ("char_to_bit", "boolean_to_bit"):
                value, counts = self.bit(step, value)
                counts = counts or step == "char_to_bit"
            elif step in ("numbers_only", "extract_numeric") and value is not None:
                is_plain = mapping["data_type"] != "string" and not mapping.get("enum_name")
                plain = str(value).strip(BLANKS).replace("−", "-").lstrip("$").strip(BLANKS)
                plain = plain.replace("-$", "-") if plain.startswith("-") else plain
                is_number = is_plain and not re.search("[eE+]", plain) and number_of(plain)
                value = str(is_number) if is_number else re.sub("[^0-9]", "", str(value)) or None
            elif step == "extract_date" and value is not None:
                value = moment_of(str(value))
        return value, counts

    def fields(self, mapping: Contract, hand: Any, contact: Element) -> Callable[[str], str | None]:
        """What an expression's fields are."""

        def field(name: str) -> str | None:
            element, _, attribute_name = name.rpartition(".")
            if not element:
                at = self.element(mapping["xml_path"], hand, contact)
            elif element.lower() == "application":
                at = self.application
            elif element.lower() == "contact":
                at = next(reversed(self.of_type(0)), None)
            else:
                found = [e for e in self.request.iter() if isinstance(e.tag, str) and e.tag.lower() == element.lower()]
                at = found[-1] if found else None
            text = attribute(at, attribute_name)
            return None if text is None else text.strip(BLANKS)

        return field

    def enum(self, mapping: Contract, value: Any) -> tuple[Any, bool]:
        enums = self.contract.get("enum_mappings", {})
        name = mapping.get("enum_name") or mapping["target_column"]
        table = enums.get(name, {})
        text = "" if value is None else str(value).strip(BLANKS)
        if text:
            for key, result in table.items():
                if key.strip() == text:
                    return result, True
            for key, result in table.items():
                if key.strip().lower() == text.lower():
                    return result, True
        return table.get(""), bool(text)  # of no text it is like a default, and no data

    def bit(self, step: str, value: Any) -> tuple[Any, bool]:
        own = self.contract.get("bit_conversions", {}).get(step, {})
        change = str.upper if step == "char_to_bit" else str.lower
        table = {change(key): 1 for key in ("1", "true", "yes")} | {change(str(key)): bit for key, bit in own.items()}
        text = "" if value is None else str(value).strip(BLANKS)
        return str(int(table.get(change(text)) or 0)), bool(text)

    # Rows

    def row(self, mappings: list[Contract], keys: dict[str, Any], hand: Any = None, contact: Element = None) -> Any:
        """The columns of a row, and whether any of them is data."""
        row, data = dict(keys), False
        for mapping in mappings:
            if mapping["target_column"] in keys:
                continue
            value, counts = self.value(mapping, hand, contact)
            if value is not None:
                row[mapping["target_column"]] = value
                selected = any(step in SELECTORS for step, _ in steps_of(mapping.get("mapping_type")))
                data = data or (counts and not (selected and value == ""))
        return row, data

    def rows(self) -> Rows:
        key = next(m for m in self.mappings("app_base") if m["target_column"] == "app_id")
        keys = {"app_id": key_of(attribute(self.request, key["xml_attribute"]))}
        if self.application is None:
            raise RejectedError
        made: Rows = {}
        for table in dict.fromkeys(m["target_table"] for m in self.contract["mappings"]):
            made[table] = list(self.table(table, keys))
        return {table: rows for table, rows in made.items() if rows}

    def table(self, table: str, keys: dict[str, Any]) -> Iterator[dict[str, Any]]:
        mappings = self.mappings(table)
        kinds = {step for m in mappings for step, _ in steps_of(m.get("mapping_type"))}
        if table in TABLE_OF.values():
            yield from self.people(table, mappings, keys)
        elif kinds & set(MAKERS):
            for mapping in mappings:
                yield from self.made(mapping, mappings, keys)
        elif "add_collateral" in kinds or "warranty_field" in kinds:
            yield from self.slots(mappings, keys)
        else:
            row, data = self.row(mappings, keys)
            if data or table == "app_base":
                yield row

    def people(self, table: str, mappings: list[Contract], keys: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for contact, elements in self.kept():
            own = {**keys, "con_id": key_of(attribute(contact, "con_id"))}
            if table == CONTACTS:
                yield self.row(mappings, own, None, contact)[0]
                continue
            kind = "address" if table == ADDRESSES else "employment"
            path = self.rules[kind]["xml_child_path"]
            for element in self.below(kind, elements):
                row, data = self.row(mappings, own, (path, element), element.getparent())
                if data:
                    yield row

    def made(self, mapping: Contract, all_of_table: list[Contract], keys: dict[str, Any]) -> Iterator[dict[str, Any]]:
        step, argument = next(s for s in steps_of(mapping["mapping_type"]) if s[0] in MAKERS)
        found, _ = self.chain(mapping, None, None)
        text = "" if found is None else str(found).strip(BLANKS)
        if step == "add_score":
            score = convert(text, mapping) if text else None
            if score is not None:
                yield {**keys, "score_identifier": argument, "score": score}
        elif step == "add_indicator":
            if text.lower() in ("y", "yes", "true", "t", "1"):
                yield {**keys, "indicator": argument, "value": "1"}
        elif text and step == "add_history":
            source = mapping["xml_path"].rpartition("/")[2]
            yield {**keys, "name": f"[{mapping['xml_attribute']}]", "source": f"[{source}]", "value": text}
        elif text and step == "add_report_lookup":
            extra = {"source_report_key": argument} if argument else {}
            yield {**keys, "name": mapping["xml_attribute"], "value": text, **extra}
        elif text and argument:
            notes = [
                self.chain(other, None, None)[0]
                for other in all_of_table
                if ("policy_exceptions", "") in steps_of(other["mapping_type"])
            ]
            extra = {"notes": notes[-1]} if notes and notes[-1] else {}
            yield {**keys, "policy_exception_type_enum": int(argument), "reason_code": text, **extra}

    def slots(self, mappings: list[Contract], keys: dict[str, Any]) -> Iterator[dict[str, Any]]:
        def number(mapping: Contract) -> tuple[str, str]:
            return next(s for s in steps_of(mapping["mapping_type"]) if s[0] in ("add_collateral", "warranty_field"))

        for step, argument in dict.fromkeys(number(m) for m in mappings):
            own = [m for m in mappings if number(m) == (step, argument)]
            row = {**keys, "sort_order" if step == "add_collateral" else "warranty_type_enum": int(argument)}
            data = False
            for mapping in own:
                value, counts = self.value(mapping)
                types = {name for name, _ in steps_of(mapping["mapping_type"])}
                bit = mapping["data_type"] in ("bit", "boolean") or types & {"char_to_bit", "boolean_to_bit"}
                if value is None:
                    continue
                row[mapping["target_column"]] = value
                if not bit and counts and (step == "warranty_field" or not types & {"calculated_field", "enum"}):
                    data = data or mapping["target_column"] != "wholesale_value" or value > 0
            bits = {m["target_column"] for m in mappings if m["data_type"] == "bit"}
            if data:
                yield {**dict.fromkeys(bits, False), **row} if step == "warranty_field" else row


def salary(text: str) -> bool:
    number = number_of(text)
    return number is not None and number != 0


def key_of(text: str | None) -> int:
    found = (text or "").strip(BLANKS)
    if not re.fullmatch("[0-9]+", found) or not 0 < int(found) < 2**31:
        raise RejectedError
    return int(found)


def oracle(contract: Contract, document: str) -> list[Rows | None]:
    """The rows of each request of a document; None is a request that is rejected."""
    root = etree.fromstring(document.encode())
    found: list[Rows | None] = []
    for request in root.iter("Request"):
        try:
            found.append(Document(contract, request).rows())
        except RejectedError:
            found.append(None)
    return found
