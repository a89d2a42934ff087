"""Scenes too large for each replica to have its own: one copy under ECC that all read."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from flight.executor.protocol import Bulk
from flight.radiation.layout import Layout
from flight.radiation.owned import OwnedRegion
from flight.radiation.secded import Geometry
from flight.runtime.crc import crc32c
from flight.runtime.service import Context, Region
from flight.runtime.shm import PROTECTED

LEAST = 16 << 20  # octets of pixels; below, a copy for each replica is safer and costs little


class SharedScenes:
    """The shared scenes of one run."""

    def __init__(self, context: Context, task: int) -> None:
        self._context, self._task = context, task
        self._kept: list[OwnedRegion] = []
        self._memory: list[Region] = []
        self._before = 0
        self.given: dict[str, Bulk] = {}

    def share(self, name: str, pixels: npt.NDArray[np.uint8]) -> None:
        """Put verified pixels under protection. Raises OSError when there is no memory."""
        layout = Layout(Geometry.fitting(pixels.nbytes), pixels.nbytes)
        memory = self._context.region(f"executor-t{self._task}-{name}{PROTECTED}", layout.size)
        self._memory.append(memory)
        region = OwnedRegion.create(memory.memory, layout, f"t{self._task} {name}", os.getpid())
        flat = pixels.reshape(-1)
        region.begin()[: flat.size] = flat.data
        region.seal(flat.size)
        self._kept.append(region)
        self.given[name] = Bulk(memory.name, layout.data.start, pixels.shape, crc32c(flat))

    def begin(self) -> None:
        """A round of computation begins."""
        self._before = sum(region.settled() for region in self._kept)

    def corrected(self, suspect: bool) -> tuple[int, int]:
        """Flips corrected since ``begin``: here and by the scrubber. Either voids the round.

        ``suspect`` when a replica found damage, which is repaired here. Raises Uncorrectable, Busy.
        """
        here = sum(region.verify() for region in self._kept) if suspect else 0
        return here, sum(region.corrections for region in self._kept) - self._before - here

    def close(self) -> None:
        """Free the memory."""
        for memory in self._memory:
            memory.close()
        self._memory, self._kept = [], []
