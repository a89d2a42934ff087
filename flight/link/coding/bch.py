"""The modified BCH(63,56) code of telecommand links (CCSDS 231.0-B-4, section 3).

A code block is 7 octets of information and one of complemented parity with a filler bit, 0. The
generator x7 + x6 + x2 + 1 corrects one bit of a block; two are detected.

The parity of a block is the sum of what each of its octets adds alone. So all blocks are done at
once: a column of octets through its table (bytes.translate), columns added as large integers.
"""

from __future__ import annotations

INFORMATION = 7
BLOCK = 8
_GENERATOR = 0x8A  # left-aligned in an octet, without the leading term
_SHARE = bytes(0xFE - (value & 0xFE) for value in range(256))  # of the parity octet in a syndrome


def _stepped(value: int) -> int:
    """Remainder, in the upper seven bits, after eight more bits of zeros."""
    for _ in range(8):
        value = (value << 1 & 0xFF) ^ (_GENERATOR if value & 0x80 else 0)
    return value


def _tables() -> tuple[bytes, ...]:
    """What an octet in each column adds to the remainder, first column first."""
    found = [bytes(map(_stepped, range(256)))]
    while len(found) < INFORMATION:
        found.insert(0, bytes(_stepped(value) for value in found[0]))
    return tuple(found)


_TABLES = _tables()


def _sum(octets: bytes, stride: int, count: int) -> int:
    """Remainders of ``count`` blocks that begin every ``stride`` octets, an octet each."""
    total = 0
    for column, table in enumerate(_TABLES):
        total ^= int.from_bytes(octets[column : stride * count : stride].translate(table), "big")
    return total


def _positions() -> dict[int, int]:
    """Bit in error, counted from the first of the block, by syndrome."""
    found = {}
    for bit in range(63):
        block = (1 << 63 - bit).to_bytes(BLOCK, "big")
        found[_sum(block, BLOCK, 1) ^ block[-1]] = bit
    return found


_POSITION = _positions()


def encode(data: bytes) -> bytes:
    """Code blocks of information whose length is a multiple of 7 octets. Raises ValueError."""
    if len(data) % INFORMATION:
        raise ValueError(f"{len(data)} octets are no multiple of {INFORMATION}")
    count = len(data) // INFORMATION
    coded = bytearray(BLOCK * count)
    for column in range(INFORMATION):
        coded[column::BLOCK] = data[column::INFORMATION]
    # The complement of the parity is what brings the sum with its share of the syndrome to zero.
    coded[INFORMATION::BLOCK] = (
        _sum(data, INFORMATION, count).to_bytes(count, "big").translate(_SHARE)
    )
    return bytes(coded)


def decode(coded: bytes) -> tuple[bytes, int, bool]:
    """Information of the code blocks up to the first that cannot be corrected, the number of bits
    corrected in them, and whether there was such a block. What is no whole block is left out."""
    count = len(coded) // BLOCK
    data = bytearray(INFORMATION * count)
    for column in range(INFORMATION):
        data[column::INFORMATION] = coded[column : BLOCK * count : BLOCK]
    parity = coded[INFORMATION : BLOCK * count : BLOCK].translate(_SHARE)
    syndromes = _sum(coded, BLOCK, count) ^ int.from_bytes(parity, "big")
    corrected = 0
    for index, syndrome in enumerate(syndromes.to_bytes(count, "big") if syndromes else b""):
        if not syndrome:
            continue
        position = _POSITION.get(syndrome)
        if position is None:
            return bytes(data[: INFORMATION * index]), corrected, True
        if position < 8 * INFORMATION:
            data[INFORMATION * index + position // 8] ^= 0x80 >> position % 8
        corrected += 1
    return bytes(data), corrected, False
