"""What the annotations of a message say about each field, checked when they are read."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Meta

from flight.dictionary.registry import Message

_PYTHON_TYPE = {"?": bool, "f": float, "d": float, "text": str}
_TYPE_NAME = {"B": "u8", "H": "u16", "I": "u32", "Q": "u64", "i": "i32", "q": "i64"} | {
    "f": "f32",
    "d": "f64",
    "?": "bool",
}


class DeclarationError(TypeError):
    """A dictionary entry contradicts itself; raised at import, never in flight."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field. ``wire`` is None and ``size`` 0 octets for a field that stays on the bus."""

    name: str
    wire: str | None
    unit: str
    lo: int | float | None
    hi: int | float | None
    description: str
    size: int
    enum: type[IntEnum] | None
    default: Any
    annotation: Any

    @property
    def required(self) -> bool:
        """True when the field has no default."""
        return self.default is msgspec.NODEFAULT

    @property
    def ranged(self) -> bool:
        """True when a number has a least or a greatest value; NaN is then refused."""
        return self.lo is not None or self.hi is not None

    @property
    def type_name(self) -> str:
        """Type for a person: ``u16``, ``text[32]``, an enumeration's name, or the Python type."""
        if self.wire is None or self.wire == "enum":
            return type_name(self.annotation)
        if self.wire == "text":
            return f"text[{self.size}]"
        return _TYPE_NAME[self.wire]

    @property
    def allowed(self) -> str:
        """Allowed values for a person, with unit: ``0.1 to 600 s``, ``one of NONE, VERIFY``."""
        if self.wire is None:
            return self.type_name
        if self.enum is not None:
            return "one of " + ", ".join(self.enum.__members__)
        if self.wire == "?":
            return "true or false"
        if self.wire == "text":
            return f"at most {self.size} printable ASCII characters"
        low, high = shown(self.lo), shown(self.hi)
        if self.hi is None:
            span = "any number" if self.lo is None else f"{low} or more"
        else:
            span = f"{high} or less" if self.lo is None else f"{low} to {high}"
        return f"{span} {self.unit}".rstrip()


def shown(bound: int | float | None) -> str:
    """Return a bound for a person, without binary fractions: ``0.1``, ``1e+09``."""
    return f"{bound:.12g}" if isinstance(bound, float) else str(bound)


def type_name(annotation: Any) -> str:
    """Return the name of a field's Python type, without modules: ``dict[int, int]``."""
    if annotation is Ellipsis:
        return "..."
    if get_origin(annotation) is None:
        return str(annotation.__name__)
    arguments = ", ".join(type_name(each) for each in get_args(annotation))
    return f"{get_origin(annotation).__name__}[{arguments}]"


def printable(text: str) -> bool:
    """True when every character is printable ASCII, the alphabet of text fields."""
    return text.isascii() and text.isprintable()


def binary32(value: float) -> float:
    """Return the nearest IEEE 754 binary32 value. Raises OverflowError beyond its range."""
    (nearest,) = struct.unpack(">f", struct.pack(">f", value))
    return float(nearest)


def _matches(wire: str, annotation: Any) -> bool:
    if wire == "enum":
        return isinstance(annotation, type) and issubclass(annotation, IntEnum)
    return annotation is _PYTHON_TYPE.get(wire, int)


def _size(wire: str | None, extra: dict[str, Any]) -> int:
    if wire is None:
        return 0
    if wire == "text":
        return int(extra["size"])
    return 1 if wire == "enum" else struct.calcsize(f">{wire}")


def _bounds(wire: str | None, meta: Meta) -> tuple[int | float | None, int | float | None]:
    if wire not in ("f", "d"):
        return meta.ge, meta.le
    low = None if meta.ge is None else float(meta.ge)
    return low, None if meta.le is None else float(meta.le)


def _range_fault(spec: FieldSpec) -> str:
    if spec.enum is not None and not all(0 <= member <= 255 for member in spec.enum):
        return f"{spec.enum.__name__} does not fit one octet"
    if spec.lo is not None and spec.hi is not None and spec.lo > spec.hi:
        return "empty range"
    for bound in (spec.lo, spec.hi):
        try:
            if bound is not None:
                struct.pack(f">{spec.wire}", bound)
        except (struct.error, OverflowError):
            return f"bound {bound} does not fit the wire type"
    return ""


def _default_fault(spec: FieldSpec) -> str:
    value = spec.default
    if spec.required or spec.wire is None:
        return ""
    numeric = spec.annotation is float and type(value) is int
    if type(value) is not spec.annotation and not numeric:
        return f"default {value!r} is no {spec.type_name}"
    if spec.wire == "text":
        return "" if len(value) <= spec.size and printable(value) else "default does not fit"
    low = -math.inf if spec.lo is None else spec.lo
    high = math.inf if spec.hi is None else spec.hi
    fits = low <= value <= high if spec.ranged else True
    return "" if fits else f"default {value!r} is not {spec.allowed}"


def _spec(kind: type[Message], field: msgspec.structs.FieldInfo) -> FieldSpec:
    place = f"{kind.__name__}.{field.name}"
    arguments = get_args(field.type) if get_origin(field.type) is Annotated else ()
    metas = [each for each in arguments if isinstance(each, Meta)]
    if len(metas) != 1 or metas[0].extra is None:
        raise DeclarationError(f"{place}: annotate it with one of flight.dictionary.fields")
    meta, annotation, extra = metas[0], arguments[0], metas[0].extra
    wire: str | None = extra["wire"]
    if wire is not None and not _matches(wire, annotation):
        raise DeclarationError(f"{place}: {wire!r} cannot carry {type_name(annotation)}")
    low, high = _bounds(wire, meta)
    spec = FieldSpec(
        name=field.name,
        wire=wire,
        unit=extra["unit"],
        lo=low,
        hi=high,
        description=meta.description or "",
        size=_size(wire, extra),
        enum=annotation if wire == "enum" else None,
        default=field.default,
        annotation=annotation,
    )
    # msgspec checks neither defaults nor ranges when a class is declared.
    fault = _range_fault(spec) or _default_fault(spec)
    if fault:
        raise DeclarationError(f"{place}: {fault}")
    return spec


_FIELDS: dict[type[Message], tuple[FieldSpec, ...]] = {}


def fields(kind: type[Message]) -> tuple[FieldSpec, ...]:
    """Return the fields of a kind in order of declaration. Raises DeclarationError."""
    found = _FIELDS.get(kind)
    if found is None:
        found = tuple(_spec(kind, field) for field in msgspec.structs.fields(kind))
        _FIELDS[kind] = found
    return found
