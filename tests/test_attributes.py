"""Attributes in any case: an exact match comes first, then the first in the document that differs in case alone."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from transforms.map.attributes import Folded, Owners, Wanted

names = st.sampled_from(["id", "ID", "Id", "iD", "a", "A", "b", "other"])
elements = st.lists(names, unique=True, max_size=6)


def made(attributes: list[str], number: int = 0) -> etree._Element:
    element = etree.Element("e")
    for at, name in enumerate(attributes):
        element.set(name, f"{number}.{at}")
    return element


def expected(element: etree._Element, name: str) -> str | None:
    if name in element.attrib:
        return element.get(name)
    return next((value for other, value in element.items() if other.casefold() == name.casefold()), None)


@given(st.lists(names, min_size=1, max_size=4), st.lists(elements, min_size=1, max_size=4))
@example(["ID", "Id"], [["iD", "ID"], ["ID"], ["iD", "id"]])
@example(["id"], [["id", "other"], ["ID", "iD"], []])
def test_attribute_in_any_case(read: list[str], documents: list[list[str]]) -> None:
    wanted = Wanted()
    for name in read:
        wanted.add(name)
    found = [made(attributes, number) for number, attributes in enumerate(documents)]
    for element in found:
        values, few = wanted.of(element), Folded(element, wanted.of)
        for name in read:
            assert values[name] == few[name] == expected(element, name)
    owners = Owners(found, wanted.of)
    for name in read:
        all_values = [value for element in found if (value := expected(element, name)) is not None]
        assert owners.first_folded(name) == (all_values[0] if all_values else None)
        assert owners.last_folded(name) == (all_values[-1] if all_values else None)


def test_nothing_is_read_of_no_element() -> None:
    wanted = Wanted()
    wanted.add("a")
    assert wanted.of_one([]) == {"a": None}
    assert wanted.of_one([made(["A"])])["a"] == "0.0"
