"""Encoded memory to damage: data and check rows, what they were, and ways to flip bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flight.radiation.ecc import Protected
from flight.radiation.secded import Geometry, Secded

Octets = npt.NDArray[np.uint8]


class Sealed:
    """Random data of ``size`` octets (default one block), encoded."""

    def __init__(self, geometry: Geometry, size: int | None = None, seed: int = 0) -> None:
        size = geometry.block_size if size is None else size
        self.geometry, self.code = geometry, Secded(geometry)
        self.data = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
        self.checks = np.zeros(geometry.check_size(size), np.uint8)
        self.protected = Protected(self.code, self.data, self.checks)
        self.crcs = [self.protected.encode(block) for block in range(self.protected.blocks)]
        self.keep()

    def keep(self) -> None:
        """Take the memory as it is for the truth."""
        self._truth = self.data.copy(), self.checks.copy()

    def intact(self) -> bool:
        return np.array_equal(self.data, self._truth[0]) and np.array_equal(
            self.checks, self._truth[1]
        )

    def restore(self) -> None:
        self.data[:], self.checks[:] = self._truth

    def flip(self, row: int, bit: int, block: int = 0) -> None:
        """Flip a bit of a row; check rows come after the data rows."""
        octet = row * self.geometry.width + bit // 8
        if row < self.geometry.rows:
            self.data[block * self.geometry.block_size + octet] ^= 1 << bit % 8
        else:
            octet -= self.geometry.block_size
            size = self.geometry.check_rows * self.geometry.width
            self.checks[block * size + octet] ^= 1 << bit % 8

    def heal(self, block: int = 0) -> int:
        """Full scrub; return the number of flips. Raises Uncorrectable."""
        repair = self.protected.find(block, self.crcs[block])
        if repair is None:
            return 0
        assert self.protected.apply(repair)
        return repair.bits

    def syndrome(self, block: int = 0) -> npt.NDArray[np.uint64]:
        size, geometry = self.geometry.block_size, self.geometry
        rows = self.data[block * size :][:size].view(np.uint64).reshape(geometry.rows, -1)
        checks = self.checks.view(np.uint64).reshape(-1, geometry.check_rows, geometry.words)
        return self.code.syndrome(rows, checks[block])
