"""The slow code: one codeword at a time, bit by bit, decoded by trying every flip."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Octets = npt.NDArray[np.uint8]


def entered(row: int, rows: int) -> list[int]:
    """Check bits that a data row enters, from the digits of its number."""
    digits = f"{row:b}"[::-1]
    bits = len(f"{rows:b}") - 1
    if row == 0:
        return [0, 1, 2]
    ones = [place for place, digit in enumerate(digits) if digit == "1"]
    return [*ones, bits] + ([bits + 1] if len(ones) % 2 else [])


def check_bits(codeword: list[int]) -> list[int]:
    rows = len(codeword)
    checks = [0] * (len(f"{rows:b}") + 1)
    for row, bit in enumerate(codeword):
        for place in entered(row, rows) if bit else []:
            checks[place] ^= 1
    return checks


def decode(codeword: list[int], checks: list[int]) -> int | None:
    """Row that was flipped, data rows first; -1 for none, None when no single flip explains it."""
    if check_bits(codeword) == checks:
        return -1
    explained = []
    for row in range(len(codeword) + len(checks)):
        data, stored = list(codeword), list(checks)
        if row < len(data):
            data[row] ^= 1
        else:
            stored[row - len(data)] ^= 1
        if check_bits(data) == stored:
            explained.append(row)
    assert len(explained) <= 1
    return explained[0] if explained else None


def bit(rows: Octets, row: int, place: int) -> int:
    return int(rows[row, place // 8] >> place % 8 & 1)


def codeword(rows: Octets, place: int) -> list[int]:
    """Bit ``place`` of each row of octets."""
    return [bit(rows, row, place) for row in range(len(rows))]
