"""Weight memory that we own: checked and repaired in place, visible to fault injectors by name.

The memory is an unshared memfd, so that ``/proc/PID/maps`` names it; it is not inherited by forked
children, because replicas must not share what an upset can hit.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight.inference.compiled import TensorSpec
from flight.inference.errors import GoldenDamaged
from flight.runtime.crc import crc32c

BLOCK = 64 << 10
LIVE = "tardigrade-weights-"  # what its name begins with


class WeightPool:
    """One page-aligned buffer with a CRC-32C per block of 64 KiB, that a session computes on."""

    def __init__(self, label: str, data: bytes) -> None:
        descriptor = os.memfd_create(label, os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, len(data))
            memory = mmap.mmap(descriptor, len(data), mmap.MAP_SHARED)
        finally:
            os.close(descriptor)
        memory.madvise(mmap.MADV_DONTFORK)
        self.label = label
        self.octets: NDArray[np.uint8] = np.frombuffer(memory, np.uint8)
        self._crcs = np.zeros(-(-len(data) // BLOCK), np.uint32)
        self.restore(data)

    def restore(self, data: bytes) -> None:
        """Replace content and CRCs by verified bytes. Raises ValueError when the size differs."""
        if len(data) != self.octets.size:
            raise ValueError(f"{len(data)} octets for a pool of {self.octets.size}")
        self.octets[:] = np.frombuffer(data, np.uint8)
        for index in range(len(self._crcs)):
            start = index * BLOCK
            self._crcs[index] = crc32c(data[start : start + BLOCK])

    def view(self, spec: TensorSpec) -> NDArray[Any]:
        """Return a tensor that lies in the pool, not a copy."""
        octets = self.octets[spec.offset : spec.offset + spec.size]
        return octets.view(np.dtype(spec.dtype)).reshape(spec.shape)

    def block(self, index: int) -> NDArray[np.uint8]:
        """Return the octets of one block, not a copy."""
        return self.octets[index * BLOCK : (index + 1) * BLOCK]

    def sound(self, index: int) -> bool:
        """True when a block still has the CRC that it was given."""
        return crc32c(self.block(index)) == int(self._crcs[index])

    def verify(self) -> list[int]:
        """Check all weights; return the indices of damaged blocks."""
        return [index for index in range(len(self._crcs)) if not self.sound(index)]

    def repair(self, damaged: Sequence[int], golden: memoryview) -> None:
        """Copy blocks that do not verify from golden octets, which may be struck meanwhile.

        Raises GoldenDamaged, with nothing changed, when a golden block has not the CRC that is
        wanted: it is damaged too, or the CRC itself was hit.
        """
        copies = {index: bytes(golden[index * BLOCK : (index + 1) * BLOCK]) for index in damaged}
        lost = [index for index, copy in copies.items() if crc32c(copy) != self._crcs[index]]
        if lost:
            raise GoldenDamaged(f"{self.label}: golden blocks {lost} do not verify")
        for index, copy in copies.items():
            self.block(index)[:] = np.frombuffer(copy, np.uint8)
