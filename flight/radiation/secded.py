"""Bit-sliced SECDED: one XOR of whole rows computes the check bits of thousands of codewords.

A block is ``rows`` x ``words`` uint64 and each of its bit columns is a codeword: a lost row, or any
burst no longer than a row, hits a codeword at most once. All columns of H have odd weight (M. Y.
Hsiao, "A class of optimal minimum odd-weight-column SEC-DED codes", IBM J. Res. Dev. 14, 1970), so
that two flips in a codeword never look like one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.uint64]  # [rows, words]

ROWS = (64, 256, 1024)
WIDEST = 4096  # words of a row, as far as the speed was looked at
CLEAN, LOST = -1, -2  # what a syndrome can mean beside the number of a row
_CHUNK = 256  # words located at once, which bounds the temporaries


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shape of a block. Raises ValueError naming field and value."""

    rows: int = 64
    words: int = 1024

    def __post_init__(self) -> None:
        if self.rows not in ROWS:
            raise ValueError(f"rows = {self.rows}: {ROWS} are allowed")
        if not 1 <= self.words <= WIDEST or self.words & (self.words - 1):
            raise ValueError(f"words = {self.words}: a power of two up to {WIDEST}")

    @classmethod
    def fitting(cls, size: int) -> Geometry:
        """64 rows, and no wider than one block needs that holds ``size`` octets; 512 KiB at most.

        Rows of 8 KiB are summed fastest: accumulator and operand share a first-level cache.
        """
        words = 1
        while words < 1024 and 64 * 8 * words < size:
            words *= 2
        return cls(64, words)

    @property
    def check_rows(self) -> int:
        """Check rows of a block: one for each bit of a row's number, and two."""
        return self.rows.bit_length() + 1

    @property
    def width(self) -> int:
        """Octets of a row: the longest burst that is always corrected."""
        return 8 * self.words

    @property
    def block_size(self) -> int:
        """Octets of data in a block."""
        return self.rows * self.width

    def blocks(self, size: int) -> int:
        """Blocks that hold ``size`` octets; the last may be filled in part."""
        return -(-size // self.block_size)

    def check_size(self, size: int) -> int:
        """Octets of check rows for ``size`` octets of data."""
        return self.blocks(size) * self.check_rows * self.width


def columns(rows: int) -> list[int]:
    """Columns of H as integers: of the data rows, then of the check rows.

    Row i > 0 takes its number, an overall bit and the parity of its number; row 0 takes the
    vector of weight three that no other has. Raises ValueError when the distance is below four.
    """
    bits = rows.bit_length() - 1
    data = [row | 1 << bits | (row.bit_count() & 1) << (bits + 1) for row in range(1, rows)]
    found = [0b111, *data, *(1 << check for check in range(bits + 2))]
    if len(set(found)) != len(found) or not all(column.bit_count() & 1 for column in found):
        raise ValueError(f"rows = {rows}: columns of H are not distinct and odd")
    return found


@dataclass(frozen=True, slots=True)
class Located:
    """Flips that a syndrome tells: row, octet in the row and bit of each; check rows come last."""

    rows: npt.NDArray[np.int64]
    octets: npt.NDArray[np.int64]
    masks: npt.NDArray[np.uint8]
    syndromes: tuple[int, ...]  # that no single flip explains, each once


class Secded:
    """The code of one geometry, with the scratch to compute it. Not for two threads at once."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        rows, words = geometry.rows, geometry.words
        self._bits = rows.bit_length() - 1
        self._low = np.zeros((1 << self._bits // 2, words), np.uint64)
        self._high = np.zeros((rows >> self._bits // 2, words), np.uint64)
        self._syndrome = np.zeros((geometry.check_rows, words), np.uint64)
        self._parity = np.zeros((2, words), np.uint64)
        self.spare = np.empty((rows, words), np.uint64)  # touched only when it is needed
        self.delta = np.empty(geometry.block_size, np.uint8)
        self._columns = columns(rows)
        self._meaning = np.full(1 << geometry.check_rows, LOST, np.int64)
        self._meaning[self._columns] = np.arange(len(self._columns))
        self._meaning[0] = CLEAN

    def checks_of(self, row: int) -> list[int]:
        """Check rows that a data row enters."""
        column = self._columns[row]
        return [check for check in range(self.geometry.check_rows) if column >> check & 1]

    def encode(self, block: Rows, out: Rows) -> None:
        """Check rows of a block, or of some columns of it, into ``out``.

        The rows are summed once by the low and once by the high half of their number's bits, and
        those few sums are folded: 2.1 XORs for each row.
        """
        words, bits = block.shape[1], self._bits
        low, high = self._low[:, :words], self._high[:, :words]
        groups = block.reshape(len(high), len(low), words)
        np.bitwise_xor.reduce(groups, axis=0, out=low)
        np.bitwise_xor.reduce(groups, axis=1, out=high)
        _fold(low, out[: bits // 2])
        _fold(high, out[bits // 2 : bits])
        np.bitwise_xor(low[0], block[0], out=out[bits])
        np.bitwise_xor.reduce(out[:bits], axis=0, out=out[bits + 1])
        np.bitwise_xor(out[:3], block[0], out=out[:3])

    def syndrome(self, block: Rows, checks: Rows) -> Rows:
        """Check rows as they are against those that the block has now; valid until the next call.

        All zero: no error, or four flips and more in one codeword that cancel.
        """
        syndrome = self._syndrome[:, : block.shape[1]]
        self.encode(block, syndrome)
        return np.bitwise_xor(syndrome, checks, out=syndrome)

    def even(self, rows: Rows, rest: npt.NDArray[np.uint8], checks: Rows) -> bool:
        """Light scrub: False when a codeword holds an odd number of flips. Even ones pass unseen.

        All columns of H are odd, so that data and check rows of a sound block sum to zero.
        ``rest`` are the octets of a last row that is not full.
        """
        total, other = self._parity
        np.bitwise_xor.reduce(rows, axis=0, out=total)
        np.bitwise_xor.reduce(checks, axis=0, out=other)
        np.bitwise_xor(total, other, out=total)
        first = total.view(np.uint8)[: rest.size]
        np.bitwise_xor(first, rest, out=first)
        return not total.any()

    def locate(self, syndrome: Rows) -> Located:
        """Read a syndrome, codeword by codeword where it is not zero."""
        hit = np.flatnonzero(np.bitwise_or.reduce(syndrome, axis=0))
        parts = [self._locate(syndrome, hit[at : at + _CHUNK]) for at in range(0, len(hit), _CHUNK)]
        positions, values = (np.concatenate(each) for each in zip(*parts, strict=True))
        rows = self._meaning[values]
        lost = sorted({int(value) for value in values[rows == LOST]})
        found = rows != LOST
        positions = positions[found]
        masks = np.left_shift(1, positions % 8, dtype=np.int64).astype(np.uint8)
        return Located(rows[found], positions // 8, masks, tuple(lost))

    def _locate(
        self, syndrome: Rows, hit: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Bit positions in the row, and syndromes there, of the damaged codewords in some words."""
        octets = np.ascontiguousarray(syndrome[:, hit]).view(np.uint8)
        bits = np.unpackbits(octets, axis=1, bitorder="little")
        values = np.zeros(bits.shape[1], np.int64)
        for check, row in enumerate(bits):
            values |= row.astype(np.int64) << check
        damaged = np.flatnonzero(values)
        return hit[damaged // 64] * 64 + damaged % 64, values[damaged]


def _fold(sums: Rows, out: Rows) -> None:
    """Sum by each bit of the row's number into ``out``; the sum of all is left in row 0."""
    for bit in reversed(range(len(out))):
        half = 1 << bit
        np.bitwise_xor.reduce(sums[half : 2 * half], axis=0, out=out[bit])
        np.bitwise_xor(sums[:half], sums[half : 2 * half], out=sums[:half])
