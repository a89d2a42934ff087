"""XTCE types of dictionary fields: wire encoding, unit, enumeration, range, alarm limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from xml.etree.ElementTree import Element, SubElement

from flight.dictionary.fieldspec import FieldSpec, shown

_INTEGER_BITS = {"B": (8, False), "H": (16, False), "I": (32, False), "Q": (64, False)} | {
    "i": (32, True),
    "q": (64, True),
}
_REAL_BITS = {"f": 32, "d": 64}


@dataclass(frozen=True, slots=True)
class Limits:
    """Alarm limits of a field in its unit; a value beyond them raises the alarm."""

    warning_above: float | None = None
    critical_above: float | None = None
    warning_below: float | None = None
    critical_below: float | None = None


def legal(name: str) -> str:
    """A dictionary name as an XTCE name, which has no dots."""
    return name.replace(".", "_")


def field_type(
    parent: Element, kind: str, name: str, spec: FieldSpec, limits: Limits | None = None
) -> None:
    """Append the type of a field; ``kind`` is ``Parameter`` or ``Argument``."""
    if spec.enum is not None:
        enumerated(parent, kind, name, spec.enum)
    elif spec.wire == "text":
        text(parent, kind, name, spec.size)
    elif spec.wire == "?":
        element = SubElement(parent, f"Boolean{kind}Type", name=name)
        _integer_encoding(element, 8, False)
    elif spec.wire in _REAL_BITS:
        real(parent, kind, name, spec, limits)
    else:
        bits, signed = _INTEGER_BITS[str(spec.wire)]
        element = integer(parent, kind, name, bits, signed, spec.unit)
        _valid_range(element, kind, spec)


def integer(
    parent: Element, kind: str, name: str, bits: int, signed: bool = False, unit: str = ""
) -> Element:
    """Append an integer type."""
    flag, width = str(signed).lower(), "64" if bits > 32 else "32"
    element = SubElement(parent, f"Integer{kind}Type", name=name, signed=flag, sizeInBits=width)
    _unit(element, unit)
    _integer_encoding(element, bits, signed)
    return element


def real(
    parent: Element, kind: str, name: str, spec: FieldSpec, limits: Limits | None = None
) -> None:
    """Append a binary32 or binary64 type."""
    bits = str(_REAL_BITS[str(spec.wire)])
    element = SubElement(parent, f"Float{kind}Type", name=name, sizeInBits=bits)
    _unit(element, spec.unit)
    SubElement(element, "FloatDataEncoding", sizeInBits=bits, encoding="IEEE754_1985")
    _valid_range(element, kind, spec)
    if limits is not None:
        _alarm(element, limits)


def enumerated(
    parent: Element, kind: str, name: str, members: type[IntEnum] | dict[str, int], bits: int = 8
) -> None:
    """Append an enumeration; ``members`` is an IntEnum or label to value."""
    element = SubElement(parent, f"Enumerated{kind}Type", name=name)
    _integer_encoding(element, bits, False)
    listed = SubElement(element, "EnumerationList")
    known = members if isinstance(members, dict) else {each.name: int(each) for each in members}
    for label, value in known.items():
        SubElement(listed, "Enumeration", value=str(value), label=label)


def text(parent: Element, kind: str, name: str, size: int) -> None:
    """Append ASCII text of ``size`` octets, NUL padded."""
    element = SubElement(parent, f"String{kind}Type", name=name)
    encoding = SubElement(element, "StringDataEncoding", encoding="US-ASCII")
    box = SubElement(encoding, "SizeInBits")
    SubElement(SubElement(box, "Fixed"), "FixedValue").text = str(8 * size)
    if kind == "Parameter":  # an argument is padded to its size without a terminator of its own
        SubElement(box, "TerminationChar").text = "00"
    else:
        SubElement(element, "SizeRangeInCharacters", minInclusive="0", maxInclusive=str(size))


def _unit(element: Element, unit: str) -> None:
    units = SubElement(element, "UnitSet")
    if unit:
        SubElement(units, "Unit").text = unit


def _integer_encoding(element: Element, bits: int, signed: bool) -> None:
    encoding = "twosComplement" if signed else "unsigned"
    SubElement(element, "IntegerDataEncoding", sizeInBits=str(bits), encoding=encoding)


def _bounds(low: float | None, high: float | None) -> dict[str, str]:
    found = {}
    if low is not None:
        found["minInclusive"] = shown(low)
    if high is not None:
        found["maxInclusive"] = shown(high)
    return found


def _valid_range(element: Element, kind: str, spec: FieldSpec) -> None:
    if not spec.ranged:
        return
    bounds = _bounds(spec.lo, spec.hi)
    if kind == "Argument":
        SubElement(SubElement(element, "ValidRangeSet"), "ValidRange", bounds)
    else:
        SubElement(element, "ValidRange", bounds)


def _alarm(element: Element, limits: Limits) -> None:
    ranges = SubElement(SubElement(element, "DefaultAlarm"), "StaticAlarmRanges")
    SubElement(ranges, "WarningRange", _bounds(limits.warning_below, limits.warning_above))
    SubElement(ranges, "CriticalRange", _bounds(limits.critical_below, limits.critical_above))
