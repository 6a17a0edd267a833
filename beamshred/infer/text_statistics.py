"""What the texts of one attribute or element have in common: bounded, whatever their number.

A type must hold for every text that was seen, and give it back without a change: ``007`` is a text, and so is ``+1``.
Each type that may still be right is tried by the mapper's own converter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from transforms.conversion.convert import Converter, make_converter
from transforms.conversion.errors import ConversionError
from transforms.schema import ColumnType

_INTEGER = re.compile(r"(?!-0)-?(?:0|[1-9]\d{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)\.\d+|(?!-0\Z)-?(?:0|[1-9]\d*)")
_EXPONENT = re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+")
_VERSION = re.compile(r"version|release|revision", re.IGNORECASE)

XML_BLANKS = " \t\r\n"
"""What may be around a value: other blanks are a part of it."""

_DAY = r"\d{1,2}"
_FORMS = {
    "%d/%m/%Y": rf"{_DAY}/{_DAY}/\d{{4}}",
    "%m/%d/%Y": rf"{_DAY}/{_DAY}/\d{{4}}",
    "%d.%m.%Y": rf"{_DAY}\.{_DAY}\.\d{{4}}",
    "%d-%m-%Y": rf"{_DAY}-{_DAY}-\d{{4}}",
    "%m-%d-%Y": rf"{_DAY}-{_DAY}-\d{{4}}",
    "%Y/%m/%d": r"\d{4}/\d{2}/\d{2}",
    "%Y-%m-%d %H:%M:%S": r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}",
}
_OFFSET = r"(?:Z|[-+]\d{2}:\d{2})"
_MOMENT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?"

Kind = tuple[str, str | None]
"""A type's name and the format of its texts."""


def _kinds() -> dict[Kind, tuple[re.Pattern[str], Converter | None]]:
    def by(type_: str, form: str | None = None, zone: str | None = None) -> Converter:
        return make_converter(ColumnType.parse(type_), formats=[form] if form else (), zone=zone)

    plain = {
        "bool": ("true|false", by("bool")),
        "int": (_INTEGER.pattern, by("bigint")),
        "decimal": (_DECIMAL.pattern, None),
        "date": (r"\d{4}-\d{2}-\d{2}", by("date")),
        "time": (r"\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?", by("time")),
        "datetime": (_MOMENT, by("datetime")),
        "moment": (_MOMENT + _OFFSET + "?", by("datetimetz", zone="UTC")),
        "datetimetz": (_MOMENT + _OFFSET, by("datetimetz")),
    }
    kinds: dict[Kind, tuple[re.Pattern[str], Converter | None]] = {
        (name, None): (re.compile(pattern, re.ASCII), converter) for name, (pattern, converter) in plain.items()
    }
    for form, pattern in _FORMS.items():
        name = "datetime" if "%H" in form else "date"
        kinds[(name, form)] = re.compile(pattern, re.ASCII), by(name, form)
    return kinds


_KINDS = _kinds()
_MIXED: Kind = ("moment", None)

_LENGTHS = (10, 20, 50, 100, 200, 500, 1000, 2000)
_SEEN_ENOUGH = 10
"""Rows without a gap that make a column required."""

_CODE_DIGITS = 5
"""Whole numbers that all have so many digits or more, and the same number of them, may be codes."""

MAX_DIGITS = 38


@dataclass(frozen=True)
class Reading:
    """How a column reads its texts: its type, their format, and what is not sure about it."""

    type: str = "text"
    format: str | None = None
    notes: tuple[str, ...] = ()


@dataclass
class TextStatistics:
    """The texts of one place. ``present`` counts them, blank ones too."""

    present: int = 0
    blank: int = 0
    longest: int = 0
    padded: bool = False
    exponents: bool = False
    lowest: int = 0
    highest: int = 0
    whole_digits: int = 0
    scale: int = 0
    digits: set[int] = field(default_factory=set)
    kinds: dict[Kind, Callable[[str], bool]] = field(default_factory=lambda: _tests())

    def see(self, text: str) -> None:
        self.present += 1
        self.longest = max(self.longest, len(text))
        stripped = text.strip(XML_BLANKS)
        if not stripped.strip():
            self.blank += 1
            return
        self.padded = self.padded or len(stripped) < len(text)
        if not self.kinds:
            return
        if _EXPONENT.fullmatch(stripped):
            self.exponents = True
        for kind in [kind for kind, fits in self.kinds.items() if not fits(stripped)]:
            del self.kinds[kind]
        if ("decimal", None) in self.kinds:
            self._see_number(stripped)

    def see_length(self, length: int) -> None:
        """A text of which only the length is known: no type fits."""
        self.present += 1
        self.longest = max(self.longest, length)
        self.kinds.clear()

    def _see_number(self, text: str) -> None:
        whole, _, fraction = text.lstrip("-").partition(".")
        self.whole_digits = max(self.whole_digits, len(whole))
        self.scale = max(self.scale, len(fraction))
        if len(self.digits) < 2:
            self.digits.add(len(whole))
        if not fraction and len(whole) <= 18:
            number = int(text)
            self.lowest, self.highest = min(self.lowest, number), max(self.highest, number)

    @property
    def filled(self) -> int:
        return self.present - self.blank

    def is_everywhere(self, count: int) -> bool:
        """Whether each of this many elements had one."""
        return self.filled >= count

    def joined(self, other: TextStatistics) -> TextStatistics:
        """Both, as texts."""
        joined = TextStatistics(
            self.present + other.present, self.blank + other.blank, max(self.longest, other.longest)
        )
        joined.kinds.clear()
        return joined

    def is_required(self, rows: int) -> bool:
        """Whether none of this many rows was without a value, and they are enough to think that none will be."""
        return rows >= _SEEN_ENOUGH and self.filled == rows

    def reading(self, name: str) -> Reading:
        """The narrowest type that is safe; ``name`` is that of the element or attribute."""
        kinds = list(self.kinds) if self.filled else []
        if ("bool", None) in kinds:
            return Reading("bool")
        if ("int", None) in kinds:
            return self._integer()
        if ("decimal", None) in kinds:
            return self._decimal(name)
        if kinds == [_MIXED]:
            return self._text(
                "UNSURE: times with and without an offset: use datetimetz if you know the zone of those without"
            )
        kinds = [kind for kind in kinds if kind != _MIXED]
        if len(kinds) == 1:
            return Reading(*kinds[0])
        if kinds:
            forms = " or ".join(str(form) for _, form in kinds)
            return self._text(f"UNSURE: a date? every value matches {forms}; choose one by type and format")
        return self._text()

    def _integer(self) -> Reading:
        [*digits] = self.digits
        if len(digits) == 1 and digits[0] >= (_CODE_DIGITS if self.filled > 1 else 2 * _CODE_DIGITS):
            return self._text(
                f"UNSURE: always {digits[0]} digits: a code that may have leading zeros later? otherwise an int"
            )
        most = max(self.highest, -self.lowest)
        return Reading("int" if most < 2**31 // 100 else "bigint")

    def _decimal(self, name: str) -> Reading:
        if self.scale == 0 or self.whole_digits + self.scale > MAX_DIGITS:
            return self._text(f"UNSURE: numbers of up to {self.whole_digits} digits: probably identifiers, so text")
        if _VERSION.search(name):
            return self._text("UNSURE: looks like numbers, but 1.10 is not 1.1 in a version")
        precision = next(
            size for size in (18, 28, MAX_DIGITS) if size >= min(self.whole_digits + self.scale, MAX_DIGITS)
        )
        seen = f"seen: {self.whole_digits} digits before the point, {self.scale} after it"
        return Reading(f"decimal({precision}, {self.scale})", None, (seen,))

    def _text(self, *notes: str) -> Reading:
        if self.exponents:
            notes += ("UNSURE: numbers with exponents: float, if rounding to 15 digits is allowed",)
        if self.padded:
            notes += ("has blanks around it: `clean: trim` removes them",)
        length = next((size for size in _LENGTHS if size >= 2 * self.longest), None)
        if length is None or not self.present:
            return Reading("text", None, notes)
        return Reading(f"text({length})", None, (*notes, f"longest seen: {self.longest}"))


def _test(pattern: re.Pattern[str], converter: Converter | None) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        if not pattern.fullmatch(text):
            return False
        if converter is not None:
            try:
                converter(text)
            except ConversionError:
                return False
        return True

    return fits


_TESTS = {kind: _test(pattern, converter) for kind, (pattern, converter) in _KINDS.items()}


def _tests() -> dict[Kind, Callable[[str], bool]]:
    return dict(_TESTS)
