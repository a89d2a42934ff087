"""The value of one field: checked, taken from the wire, or parsed from what an operator typed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from flight.dictionary.enums import Reason
from flight.dictionary.fieldspec import FieldSpec, binary32, printable

_SHOWN = 60
_BOOLEANS = {"true": True, "on": True, "yes": True, "1": True} | {
    "false": False,
    "off": False,
    "no": False,
    "0": False,
}


class LayoutError(ValueError):
    """A message or packet is refused: FORMAT, RANGE, or UNKNOWN when it may not cross the link."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean X?`` for the nearest known word, else nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


def _shown(value: object) -> str:
    # Python refuses to print integers beyond some 4300 digits, and text may be as long.
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a {value.bit_length()}-bit integer"
    text = value if isinstance(value, str) and printable(value) else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _refusal(spec: FieldSpec, value: object, reason: Reason, hint: str = "") -> LayoutError:
    return LayoutError(reason, f"{spec.name}={_shown(value)}: allowed is {spec.allowed}{hint}")


def _within(spec: FieldSpec, value: int | float) -> bool:
    above = spec.lo is None or spec.lo <= value
    return above and (spec.hi is None or value <= spec.hi)


def _integer(spec: FieldSpec, value: Any) -> int:
    if type(value) is not int:
        raise _refusal(spec, value, Reason.FORMAT)
    if not _within(spec, value):
        raise _refusal(spec, value, Reason.RANGE)
    return value


def _real(spec: FieldSpec, value: Any) -> float:
    if type(value) is not int and not isinstance(value, float):
        raise _refusal(spec, value, Reason.FORMAT)
    try:
        number = float(value)
        if spec.wire == "f":
            binary32(number)
    except OverflowError:
        raise _refusal(spec, value, Reason.RANGE) from None
    if not _within(spec, number):
        raise _refusal(spec, value, Reason.RANGE)
    return number


def _real_received(spec: FieldSpec, raw: float) -> float:
    """Undo the rounding to binary32 beyond the ends of a range: 0.1 travels as 0.100000001, which
    is above ``hi=0.1``. Beyond a bound only what the bound rounds to is taken, as the bound."""
    nearest = raw if spec.lo is None else max(raw, spec.lo)
    nearest = nearest if spec.hi is None else min(nearest, spec.hi)
    if spec.wire == "f" and nearest != raw and binary32(nearest) == raw:
        return nearest
    return _real(spec, raw)


def _enum(spec: FieldSpec, value: Any) -> Any:
    if type(value) is not spec.enum:
        raise _refusal(spec, value, Reason.FORMAT)
    return value


def _enum_received(spec: FieldSpec, raw: int) -> Any:
    try:
        return spec.annotation(raw)
    except ValueError:
        raise _refusal(spec, raw, Reason.RANGE) from None


def _flag(spec: FieldSpec, value: Any) -> bool:
    if type(value) is not bool:
        raise _refusal(spec, value, Reason.FORMAT)
    return value


def _flag_received(spec: FieldSpec, raw: int) -> bool:
    if raw > 1:
        raise _refusal(spec, raw, Reason.RANGE)
    return raw == 1


def _text(spec: FieldSpec, value: Any) -> str:
    if not isinstance(value, str):
        raise _refusal(spec, value, Reason.FORMAT)
    if len(value) > spec.size or not printable(value):
        raise _refusal(spec, value, Reason.RANGE)
    return value


def _text_received(spec: FieldSpec, raw: bytes) -> str:
    return _text(spec, raw.rstrip(b"\0").decode("latin-1"))


_CHECK: dict[str, Callable[[FieldSpec, Any], Any]] = dict.fromkeys("BHIQiq", _integer) | {
    "f": _real,
    "d": _real,
    "enum": _enum,
    "?": _flag,
    "text": _text,
}
_RECEIVE = _CHECK | {
    "f": _real_received,
    "enum": _enum_received,
    "?": _flag_received,
    "text": _text_received,
}


def checked(spec: FieldSpec, value: Any) -> Any:
    """Return the value as it may be packed. Raises LayoutError: FORMAT (type) or RANGE."""
    return _CHECK[spec.wire or ""](spec, value)


def received(spec: FieldSpec, raw: Any) -> Any:
    """Return the value of one unpacked wire field. Raises LayoutError RANGE."""
    return _RECEIVE[spec.wire or ""](spec, raw)


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return int(text, 10)  # 007 is no literal of base 0


def _member(spec: FieldSpec, text: str) -> Any:
    members: dict[str, Any] = dict(spec.annotation.__members__)
    found = members.get(text.strip().upper())
    if found is not None:
        return found
    try:
        return spec.annotation(_number(text))
    except ValueError:
        hint = suggestion(text.strip().upper(), members)
        raise _refusal(spec, text, Reason.RANGE, hint) from None


def parsed(spec: FieldSpec, text: str) -> Any:
    """Return the value of ``0x1f``, ``2.5``, ``on`` or ``dmr`` as typed. Raises LayoutError."""
    if spec.wire == "enum":
        return _member(spec, text)
    value: Any = text
    try:
        if spec.wire == "?":
            value = _BOOLEANS[text.strip().lower()]
        elif spec.wire != "text":
            value = float(text) if spec.wire in ("f", "d") else _number(text)
        return checked(spec, value)
    except LayoutError as error:
        raise _refusal(spec, text, error.reason) from None
    except (KeyError, ValueError):
        hint = "" if spec.wire in ("?", "f", "d") else "; a whole number"
        raise _refusal(spec, text, Reason.FORMAT, hint) from None
