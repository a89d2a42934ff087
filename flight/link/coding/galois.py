"""Arithmetic in GF(256) with x8 + x7 + x2 + x + 1, and its dual basis (131.0-B-5, 4.4 and C)."""

from __future__ import annotations

FIELD = 0x187
_DUAL = (0x8D, 0xEF, 0xEC, 0x86, 0xFA, 0x99, 0xAF, 0x7B)  # dual basis, highest power first


def _tables() -> tuple[list[int], list[int]]:
    exponent, logarithm, value = [0] * 510, [0] * 256, 1
    for power in range(255):
        exponent[power] = exponent[power + 255] = value
        logarithm[value] = power
        value <<= 1
        if value & 0x100:
            value ^= FIELD
    return exponent, logarithm


EXP, LOG = _tables()


def multiply(a: int, b: int) -> int:
    """Product."""
    return EXP[LOG[a] + LOG[b]] if a and b else 0


def divide(a: int, b: int) -> int:
    """Quotient; ``b`` is not zero."""
    return EXP[LOG[a] - LOG[b] + 255] if a else 0


# Tables for bytes.translate: each octet of a string times a constant.
TIMES = [bytes(multiply(factor, value) for value in range(256)) for factor in range(256)]


def combine(factors: list[int], rows: list[bytes]) -> bytes:
    """Sum of rows, all of one length, each times its factor; rows without a factor are left out."""
    total = 0
    for factor, row in zip(factors, rows, strict=False):
        if factor:
            total ^= int.from_bytes(row.translate(TIMES[factor]), "big")
    return total.to_bytes(len(rows[0]), "big")


def _conversions() -> tuple[bytes, bytes]:
    to_dual = bytearray(256)
    for value in range(256):
        for bit in range(8):
            if value >> bit & 1:
                to_dual[value] ^= _DUAL[7 - bit]
    from_dual = bytearray(256)
    for value, dual in enumerate(to_dual):
        from_dual[dual] = value
    return bytes(to_dual), bytes(from_dual)


TO_DUAL, FROM_DUAL = _conversions()  # tables for bytes.translate
