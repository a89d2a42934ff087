"""Field annotations: wire type, unit, range and description of every dictionary field.

A field reads ``volts: Annotated[float, f32("V", "Bus voltage", lo=0, hi=60)]``. The wire code is
the ``struct`` code of the big-endian link layout; msgspec enforces the range when the bus decodes.
"""

from __future__ import annotations

from typing import Any

from msgspec import Meta

_INTEGER_RANGE = {
    "B": (0, 2**8 - 1),
    "H": (0, 2**16 - 1),
    "I": (0, 2**32 - 1),
    "Q": (0, 2**63 - 1),
    "i": (-(2**31), 2**31 - 1),
    "q": (-(2**63), 2**63 - 1),
}


def _integer(code: str, unit: str, description: str, lo: int | None, hi: int | None) -> Meta:
    least, most = _INTEGER_RANGE[code]
    return Meta(
        ge=least if lo is None else lo,
        le=most if hi is None else hi,
        description=description,
        extra={"wire": code, "unit": unit},
    )


def u8(unit: str, description: str, lo: int | None = None, hi: int | None = None) -> Meta:
    """Unsigned 8-bit integer."""
    return _integer("B", unit, description, lo, hi)


def u16(unit: str, description: str, lo: int | None = None, hi: int | None = None) -> Meta:
    """Unsigned 16-bit integer."""
    return _integer("H", unit, description, lo, hi)


def u32(unit: str, description: str, lo: int | None = None, hi: int | None = None) -> Meta:
    """Unsigned 32-bit integer."""
    return _integer("I", unit, description, lo, hi)


def u64(unit: str, description: str, lo: int | None = None, hi: int | None = None) -> Meta:
    """Unsigned integer below 2**63 on a 64-bit field."""
    return _integer("Q", unit, description, lo, hi)


def i64(unit: str, description: str, lo: int | None = None, hi: int | None = None) -> Meta:
    """Signed 64-bit integer."""
    return _integer("q", unit, description, lo, hi)


def _real(code: str, unit: str, description: str, lo: float | None, hi: float | None) -> Meta:
    extra: dict[str, Any] = {"wire": code, "unit": unit}
    return Meta(ge=lo, le=hi, description=description, extra=extra)


def f32(unit: str, description: str, lo: float | None = None, hi: float | None = None) -> Meta:
    """IEEE 754 binary32 on the link, binary64 on the bus."""
    return _real("f", unit, description, lo, hi)


def f64(unit: str, description: str, lo: float | None = None, hi: float | None = None) -> Meta:
    """IEEE 754 binary64."""
    return _real("d", unit, description, lo, hi)


def flag(description: str) -> Meta:
    """Boolean, one octet on the link."""
    return Meta(description=description, extra={"wire": "?", "unit": ""})


def choice(description: str) -> Meta:
    """IntEnum member, one octet on the link."""
    return Meta(description=description, extra={"wire": "enum", "unit": ""})


def text(size: int, description: str) -> Meta:
    """Printable ASCII of at most ``size`` octets, NUL padded on the link."""
    return Meta(
        max_length=size,
        pattern=r"^[ -~]*\Z",
        description=description,
        extra={"wire": "text", "size": size, "unit": ""},
    )


def internal(description: str, unit: str = "") -> Meta:
    """A field of a message that stays on the bus: any type that MessagePack carries."""
    return Meta(description=description, extra={"wire": None, "unit": unit})
