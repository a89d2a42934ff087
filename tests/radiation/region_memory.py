"""A region with both of its sides in one process, and the memory that they share."""

from __future__ import annotations

import mmap

import numpy as np

from flight.radiation.layout import Layout
from flight.radiation.owned import OwnedRegion
from flight.radiation.region import Region
from flight.radiation.secded import Geometry

NAME = "weights clouds"
PID = 4711


class Shared:
    """``length`` random octets, sealed in a region of ``capacity``."""

    def __init__(
        self, geometry: Geometry, capacity: int, length: int | None = None, seed: int = 0
    ) -> None:
        self.layout = Layout(geometry, capacity)
        self.memory = memoryview(mmap.mmap(-1, self.layout.size))
        self.owner = OwnedRegion.create(self.memory, self.layout, NAME, PID)
        length = capacity if length is None else length
        self.data = np.random.default_rng(seed).bytes(length)
        self.owner.begin()[:length] = self.data
        self.owner.seal(length)
        self.scrubber = Region.attach(self.memory)

    def flip(self, octet: int, mask: int = 1) -> None:
        """Flip bits of the data."""
        self.memory[self.layout.data.start + octet] ^= mask

    def spoil(self, block: int) -> None:
        """Two flips in one codeword."""
        base = block * self.layout.geometry.block_size
        self.flip(base)
        self.flip(base + self.layout.geometry.width)

    def raw(self) -> bytes:
        """What lies in memory, whatever the region says of it."""
        return bytes(self.memory[self.layout.data][: len(self.data)])
