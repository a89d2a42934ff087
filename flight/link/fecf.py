"""CRC-16/CCITT-FALSE: frame error control field and packet CRC (CCSDS 132.0, ECSS 70-41C)."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import crcmod.predefined

SIZE = 2

_crc16: Callable[[bytes], int] = crcmod.predefined.mkCrcFun("crc-ccitt-false")


def crc16(data: bytes) -> int:
    """CRC-16: preset 0xFFFF, polynomial 0x1021, not reflected; 0x29B1 for b"123456789"."""
    return _crc16(data)


def append(data: bytes) -> bytes:
    """``data`` with its CRC behind it."""
    return data + _crc16(data).to_bytes(SIZE, "big")


def intact(data: bytes) -> bool:
    """True when the last two octets are the CRC of the others: the CRC over all is then zero."""
    return len(data) > SIZE and not _crc16(data)


def accelerated() -> bool:
    """False when crcmod runs on its pure-Python fallback, some 45 times slower."""
    # The attribute path crcmod.crcmod is shadowed by a function in crcmod 1.7.
    return bool(importlib.import_module("crcmod.crcmod")._usingExtension)


def require_acceleration(allow_slow: bool) -> None:
    """Raise RuntimeError when the fallback is in use and was not asked for."""
    if not (accelerated() or allow_slow):
        raise RuntimeError("crcmod has no C extension here (install crcmod-plus, not crcmod)")
