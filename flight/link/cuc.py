"""CUC time: four octets of TAI seconds since 1958, two of fraction (CCSDS 301.0-B-4, 3.2)."""

from __future__ import annotations

from flight.link.errors import Fault, LinkError

P_FIELD = 0x1E  # no extension, epoch 1958-01-01 TAI, 4 octets of seconds, 2 of fraction
SIZE = 7

_SECOND = 1_000_000_000
_TAI_MINUS_UTC = 37  # s, since 2017-01-01
_EPOCH_TO_UNIX = 378_691_200  # s from 1958-01-01 to 1970-01-01
_ORIGIN = (_TAI_MINUS_UTC + _EPOCH_TO_UNIX) * _SECOND
_TICKS = 48  # bits


def pack(utc_ns: int) -> bytes:
    """P-field and T-field of UTC in ns since 1970, to the nearest 15.3 us. Raises LinkError."""
    ticks = (((utc_ns + _ORIGIN) << 16) + _SECOND // 2) // _SECOND
    if not 0 <= ticks < 1 << _TICKS:
        raise LinkError(Fault.TYPE, f"UTC of {utc_ns} ns lies outside 1958 to 2094")
    return bytes((P_FIELD,)) + ticks.to_bytes(SIZE - 1, "big")


def unpack(field: bytes) -> int:
    """UTC in ns since 1970 from P-field and T-field. Raises LinkError."""
    if len(field) != SIZE:
        raise LinkError(Fault.LENGTH, f"time of {len(field)} octets")
    if field[0] != P_FIELD:
        raise LinkError(Fault.TYPE, f"time with P-field {field[0]:#04x}")
    ticks = int.from_bytes(field[1:], "big")
    return ((ticks * _SECOND + (1 << 15)) >> 16) - _ORIGIN
