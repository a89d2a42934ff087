"""Parameters in PUS service 20 (ECSS-E-ST-70-41C, 8.20), one number for each field of each set.

A parameter's number is that of its set times 256, plus its place in it: sets are never renumbered
and fields only ever appended. Values travel as binary64.
"""

from __future__ import annotations

import math
import struct

from flight.dictionary.commands import SetParameter
from flight.dictionary.enums import Reason
from flight.dictionary.layout import LayoutError
from flight.dictionary.operations import ParameterValue, ReportParameters
from flight.dictionary.registry import BY_ID, BY_NAME
from flight.link.errors import CommandError, Fault, LinkError

_NUMBER = struct.Struct(">HH")  # how many, number
_VALUE = struct.Struct(">HHd")  # how many, number, value
_WHOLE_SET = 0xFF


def inquiry(command: ReportParameters) -> bytes:
    """Data of 20,1: count u16, number u16; place 255 stands for all of a set. Raises
    LayoutError."""
    return _NUMBER.pack(1, _number(command.name))


def parse_inquiry(data: bytes) -> ReportParameters:
    """The parameter that is asked for. Raises CommandError."""
    (number,) = _single(_NUMBER, data)
    return ReportParameters(_name(number))


def setting(command: SetParameter) -> bytes:
    """Data of 20,3: count u16, number u16, value f64. Raises LayoutError."""
    return _VALUE.pack(1, _number(command.name), command.value)


def parse_setting(data: bytes) -> SetParameter:
    """The parameter to set. Raises CommandError."""
    number, value = _single(_VALUE, data)
    if number & _WHOLE_SET == _WHOLE_SET or not math.isfinite(value):
        raise CommandError(Reason.RANGE, f"parameter {number:#06x} set to {value}")
    return SetParameter(_name(number), value)


def value(message: ParameterValue) -> bytes:
    """Data of 20,2: as 20,3. Raises LayoutError."""
    return _VALUE.pack(1, _number(message.name), message.value)


def parse_value(data: bytes) -> ParameterValue:
    """The parameter that is reported. Raises LinkError."""
    number, reported = _single(_VALUE, data)
    if number & _WHOLE_SET == _WHOLE_SET:
        raise LinkError(Fault.TYPE, "a whole set has no value")
    return ParameterValue(_name(number), reported)


def _number(name: str) -> int:
    owner, _, field = name.partition(".")
    entry = BY_NAME.get(("parameter", owner))
    names = () if entry is None else entry.type.__struct_fields__
    if entry is None or (field and field not in names):
        raise LayoutError(Reason.UNKNOWN, f"no parameter named {name!r}")
    return entry.id << 8 | (names.index(field) if field else _WHOLE_SET)


def _name(number: int) -> str:
    entry, place = BY_ID.get(("parameter", number >> 8)), number & _WHOLE_SET
    names = () if entry is None else entry.type.__struct_fields__
    if entry is None or (place != _WHOLE_SET and place >= len(names)):
        raise CommandError(Reason.UNKNOWN, f"no parameter {number:#06x}")
    return entry.name if place == _WHOLE_SET else f"{entry.name}.{names[place]}"


def _single(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    """What follows the count. Raises CommandError for another count than one, or octets."""
    if len(data) != layout.size:
        raise CommandError(Reason.FORMAT, f"{len(data)} octets, {layout.size} expected")
    count, *rest = layout.unpack(data)
    if count != 1:
        raise CommandError(Reason.RANGE, f"{count} parameters in one telecommand, not one")
    return tuple(rest)
